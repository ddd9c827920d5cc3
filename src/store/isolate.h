/*
 * isolate.h
 *		Going through many tickets so that the error of one does not end it for the others.
 */
#ifndef OMS_ISOLATE_H
#define OMS_ISOLATE_H

#include "shared/failures.h"

typedef void (*OmsWork) (void *context);

/* One way through many tickets */
typedef struct OmsIsolation
{
	OmsStep		step;
	bool		apart;			/* each ticket in a subtransaction of its own */
	int			failed;			/* tickets that raised an error this time */
	OmsTicketId ticket;			/* the one at hand */
	uint64		since;			/* transactions that a step looks through which notes what it passes over, */
	uint64		before;			/* see passed_over.c */
	int			nknown;			/* tickets that failed before */
	OmsBadTicket known[OMS_BAD_TICKETS];
} OmsIsolation;

extern void oms_isolate(OmsIsolation *isolation, OmsStep step, OmsWork walk, OmsWork undo, void *context);
extern void oms_isolate_apart(OmsIsolation *isolation, OmsStep step);
extern bool oms_isolate_one(OmsIsolation *isolation, OmsTicketId ticket, int stage, OmsWork visit, void *context);

#endif							/* OMS_ISOLATE_H */
