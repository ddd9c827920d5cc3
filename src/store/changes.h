/*
 * changes.h
 *		The events of all tickets, each once, for readers who come back.
 */
#ifndef OMS_CHANGES_H
#define OMS_CHANGES_H

#include "executor/tuptable.h"

#include "oms.h"

/* The columns of a row that is visited: those of the timeline, then this */
#define OMS_CHANGE_WORKFLOW_ID	TIMELINE_COLUMNS

/* First bytes of an event's hash */
#define OMS_TRACE_LEN	4

/* How far a reader is */
typedef struct OmsPosition
{
	uint64		until;			/* what is filed below it is read first, by ticket; 0: at the beginning */
	uint64		watermark;		/* of the last event read; 0: still below "until" */
	OmsTicketId ticket;			/* of the last event read, 0: none */
	int			seq;
	uint8		trace[OMS_TRACE_LEN];	/* of the last event read */
} OmsPosition;

/* Called for each event, with the position after it */
typedef void (*OmsChangeVisit) (void *context, TupleTableSlot *event, const OmsPosition *position);

extern uint64 oms_store_next_window(uint64 window, int64 found, int64 wanted);
extern void oms_store_visit_changes(OmsPosition *position, uint64 horizon, int max, OmsChangeVisit visit,
									void *context);
extern void oms_store_visit_ticket(OmsTicketId ticket, OmsChangeVisit visit, void *context);
extern bool oms_store_read_trace(OmsTicketId ticket, int seq, uint8 *trace);

#endif							/* OMS_CHANGES_H */
