/*
 * outbox.h
 *		What the timeline says that listeners should have heard, and how far they have.
 */
#ifndef OMS_OUTBOX_H
#define OMS_OUTBOX_H

#include "oms.h"

/* A stage that can be claimed, or an event, and how its stage stands now */
typedef struct OmsOutboxEvent
{
	OmsTicketId ticket;
	int			seq;
	int			workflow_id;
	int			stage;			/* OMS_NO_STAGE: the ticket */
	const char *status;			/* of the event; NULL: none */
	bool		public;
	bool		claimable;		/* the stage can be claimed now */
	bool		handed_out;		/* it is with whom the event gave it to */
	const char *owner;
	int			attempt;
	int			level;
} OmsOutboxEvent;

typedef void (*OmsOutboxVisit) (const OmsOutboxEvent *event);

/* How far the queues are read; zeros: not begun */
typedef struct OmsQueuePlace
{
	char		owner[OMS_MAX_NAME + 1];
	int			priority;
	TimestampTz ready_at;
	OmsTicketId ticket;
	int			stage;
} OmsQueuePlace;

/* How far events are read */
typedef struct OmsToldPlace
{
	uint64		watermark;
	OmsTicketId ticket;
	int			seq;
} OmsToldPlace;

extern uint64 oms_store_saved_horizon(void);
extern void oms_store_save_horizon(uint64 horizon);
extern void oms_store_begin_telling(void);
extern void oms_store_end_telling(void);
extern int	oms_store_visit_queued(uint64 horizon, OmsQueuePlace *place, int limit, OmsOutboxVisit visit);
extern int	oms_store_visit_told(OmsToldPlace *place, int limit, OmsOutboxVisit visit);
extern int	oms_store_visit_latest(uint64 horizon, TimestampTz since, OmsToldPlace *place, int limit,
								   OmsOutboxVisit visit);

#endif							/* OMS_OUTBOX_H */
