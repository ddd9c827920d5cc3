/*
 * outbox.h
 *		What the timeline says that listeners should have heard, and how far they have.
 */
#ifndef OMS_OUTBOX_H
#define OMS_OUTBOX_H

#include "oms.h"

/* An event, and how its stage stands now */
typedef struct OmsOutboxEvent
{
	OmsTicketId ticket;
	int			seq;
	const OmsGraph *graph;
	int			stage;			/* OMS_NO_STAGE: the ticket */
	char	   *status;			/* of the event */
	bool		public;
	char		stage_status;	/* 0: no row */
	char	   *owner;
	int			attempt;
	int			level;
	bool		pausing;		/* its dispatch is still to come */
} OmsOutboxEvent;

extern uint64 oms_store_oldest_transaction(void);
extern uint64 oms_store_horizon(void);
extern uint64 oms_store_saved_horizon(void);
extern void oms_store_save_horizon(uint64 horizon);
extern uint64 oms_store_visit_outbox(uint64 horizon, OmsTicketId *ticket, int *seq, int limit,
									 void (*visit) (const OmsOutboxEvent *event));

#endif							/* OMS_OUTBOX_H */
