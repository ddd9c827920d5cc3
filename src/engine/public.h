/*
 * public.h
 *		What a citizen is told about a ticket.
 */
#ifndef OMS_PUBLIC_H
#define OMS_PUBLIC_H

#include "oms.h"

/* An event as citizens see it; NULL where there is nothing to see */
typedef struct OmsPublicEvent
{
	TimestampTz time;
	const char *stage;
	const char *owner;
	const char *status;
	const char *note;
} OmsPublicEvent;

typedef struct OmsPublicView
{
	const OmsTicket *ticket;
	TimestampTz now;
	JsonbParseState *state;
} OmsPublicView;

extern const char *oms_public_label(const OmsStageDef *stage);
extern const char *oms_public_hold_label(const OmsTicket *ticket, int seq, TimestampTz at);
extern void oms_public_begin(OmsPublicView *view, OmsTicket *ticket, TimestampTz now);
extern void oms_public_add(OmsPublicView *view, const OmsPublicEvent *event);
extern Jsonb *oms_public_end(OmsPublicView *view);

#endif							/* OMS_PUBLIC_H */
