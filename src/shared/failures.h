/*
 * failures.h
 *		Tickets at which something that goes through many met an error.
 */
#ifndef OMS_FAILURES_H
#define OMS_FAILURES_H

#include "shared/shared.h"

/* Longest pause before a session tries a ticket again, in milliseconds */
#define OMS_PAUSE_MAX_MS	60000

extern void oms_failures_show(const OmsBadTicket *bad);
extern void oms_failures_hide(OmsStep step, OmsTicketId ticket, int stage);
extern void oms_failures_clear(void);
extern int	oms_failures_list(OmsBadTicket *copy);
extern const OmsBadTicket *oms_failures_find(const OmsBadTicket *copy, int count, OmsStep step,
											 OmsTicketId ticket, int stage);

extern bool oms_failures_note(OmsStep step, OmsTicketId ticket, int stage, const char *error);

#endif							/* OMS_FAILURES_H */
