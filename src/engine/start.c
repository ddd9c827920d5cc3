/*
 * start.c
 *		What starts now that others are finished.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "engine/await.h"
#include "engine/condition.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/limit.h"
#include "engine/lookup.h"
#include "engine/moves.h"
#include "engine/rework_set.h"
#include "engine/start.h"
#include "engine/stopwatch.h"
#include "engine/ticket.h"

/*
 * Is the stage known not to be needed?
 */
bool
oms_is_left_out(OmsTicket *ticket, const OmsStageDef *def)
{
	if (def->min_amount == NULL && def->when.path == NULL)
		return false;
	if (ticket->outputs == NULL)
		ticket->lookup->conditions(ticket);
	return oms_condition_false(def, ticket->data, ticket->outputs);
}

/*
 * A stage whose dependencies are met begins, or is skipped if a condition is known to be false.
 * True if it is finished, so that its dependants are to be looked at in turn.
 */
bool
oms_start_or_skip(OmsTicket *ticket, int no, List **queued)
{
	bool		left_out = oms_is_left_out(ticket, oms_graph_stage(ticket->graph, no));
	OmsStage   *stage = oms_ticket_stage(ticket, no);

	if (left_out)
	{
		oms_move(ticket, stage, OMS_SKIPPED);
		oms_event_add(ticket, OMS_EV_SKIPPED, stage, "condition is false");
		return true;
	}
	if (oms_begin(ticket, stage, NULL))
		return true;
	if (stage->queued_at != OMS_NEVER)
		*queued = lappend_int(*queued, no);
	return false;
}

/*
 * Can the stage start, now that others are finished?
 */
static bool
can_start(const OmsTicket *ticket, int no)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, no);

	return !def->manual && !oms_set_has(ticket->started, no) &&
		oms_graph_met(def, ticket->finished) && !oms_waits_for_rework(ticket, no);
}

/*
 * Start everything that can start now that the stages in work[0..nwork) are finished (work has room
 * for every stage of the graph).  Looks at their dependants only: what a finished stage costs is its
 * own out-degree.  Returns the stages queued, in definition order.
 */
static List *
start_dependants(OmsTicket *ticket, int *work, int nwork)
{
	List	   *queued = NIL;

	for (int head = 0; head < nwork; head++)
	{
		const OmsStageDef *def = oms_graph_stage(ticket->graph, work[head]);
		ListCell   *cell;

		CHECK_FOR_INTERRUPTS();
		foreach(cell, oms_drop_reworks_to(ticket, work[head]))
		{
			if (can_start(ticket, lfirst_int(cell)) && oms_start_or_skip(ticket, lfirst_int(cell), &queued))
				work[nwork++] = lfirst_int(cell);
		}
		for (int i = 0; i < def->ndependants; i++)
		{
			int			no = def->dependants[i];

			if (can_start(ticket, no) && oms_start_or_skip(ticket, no, &queued))
				work[nwork++] = no;
		}
	}
	list_sort(queued, list_int_cmp);
	return queued;
}

/*
 * The clock of a ticket that is opened, if the workflow sets a time limit.
 */
void
oms_start_clock(OmsTicket *ticket)
{
	OmsStage   *clock;

	if (!oms_limit_defined(ticket->graph, OMS_NO_STAGE))
		return;
	clock = oms_ticket_clock(ticket);
	clock->queued_at = ticket->now;
	(void) oms_watch_begin(ticket, clock, ticket->now);
	oms_watch_start(ticket, clock, ticket->now, true);
	oms_touch(ticket, clock);
}

List *
oms_start_after(OmsTicket *ticket, int no)
{
	int		   *work = palloc(sizeof(int) * ticket->graph->nstages);

	work[0] = no;
	return start_dependants(ticket, work, 1);
}

/*
 * Start everything that can start, wherever it is in the graph.
 */
void
oms_start_all(OmsTicket *ticket)
{
	int		   *work = palloc(sizeof(int) * ticket->graph->nstages);
	int			nwork = 0;
	List	   *ready = NIL;
	List	   *queued = NIL;
	ListCell   *cell;

	for (int no = 1; no <= ticket->graph->nstages; no++)
		if (can_start(ticket, no))
			ready = lappend_int(ready, no);
	foreach(cell, ready)
	{
		if (oms_start_or_skip(ticket, lfirst_int(cell), &queued))
			work[nwork++] = lfirst_int(cell);
	}
	start_dependants(ticket, work, nwork);
}
