/*
 * rework.c
 *		Going back: send_back, reopen; and starting what starts by hand.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "engine/event.h"
#include "engine/graph.h"
#include "engine/lifecycle.h"
#include "engine/lookup.h"
#include "engine/moves.h"
#include "engine/stopwatch.h"

/*
 * Every stage that comes after one, at any distance.
 */
static OmsStageSet *
stages_after(const OmsGraph *graph, int no)
{
	OmsStageSet *after = palloc(sizeof(OmsStageSet));
	int		   *work = palloc(sizeof(int) * graph->nstages);
	int			nwork = 1;

	oms_set_init(after, graph);
	work[0] = no;
	for (int head = 0; head < nwork; head++)
	{
		const OmsStageDef *def = oms_graph_stage(graph, work[head]);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < def->ndependants; i++)
			if (!oms_set_has(after, def->dependants[i]))
			{
				oms_set_add(after, def->dependants[i]);
				work[nwork++] = def->dependants[i];
			}
	}
	return after;
}

/*
 * Does a stage come after another, at any distance?
 */
bool
oms_comes_after(const OmsGraph *graph, int later, int earlier)
{
	return oms_set_has(stages_after(graph, earlier), later);
}

static bool
has_begun(const OmsTicket *ticket, const OmsStage *stage)
{
	return oms_set_has(ticket->started, stage->no) || stage->status != OMS_WAITING;
}

/*
 * A stage loses its state and waits in the next cycle.  Who is working on it has to stop.
 */
static void
go_back(OmsTicket *ticket, OmsStage *stage, OmsEventKind kind, const char *note, bool shown)
{
	bool		active;

	oms_catch_up_alone(ticket, stage, ticket->now);
	active = stage->status == OMS_QUEUED || stage->status == OMS_IN_PROGRESS ||
		stage->status == OMS_STAGE_HELD;
	oms_event_add_shown(ticket, kind, stage, note, shown);
	if (active && !shown)
		oms_bell_status(ticket, stage, "returned");
	oms_new_cycle(ticket, stage);
}

/*
 * to_stage is queued again; it, the stage that sends back and all that comes after to_stage lose their
 * state and wait.  Other branches keep what they have.  Needs every stage that has a row.
 */
void
oms_decide_send_back(OmsTicket *ticket, OmsStage *stage, OmsStage *to_stage, const char *reason)
{
	OmsStageSet *after = stages_after(ticket->graph, to_stage->no);
	char	   *note = psprintf("to %s: %s", oms_graph_stage(ticket->graph, to_stage->no)->id, reason);
	bool		asked_for = !oms_set_has(after, stage->no) && stage != to_stage;

	go_back(ticket, stage, OMS_EV_SENT_BACK, note, true);
	for (OmsStage *other = ticket->stages; other != NULL; other = other->next)
		if (other != stage && (other == to_stage || oms_set_has(after, other->no)) &&
			has_begun(ticket, other))
			go_back(ticket, other, OMS_EV_SENT_BACK, note, false);
	if (asked_for)
		stage->back_to = to_stage->no;
	oms_queue_first(ticket, to_stage->no, NULL);
	oms_settle(ticket);
}

/* The ticket goes on: its clock begins a new cycle */
static void
open_again(OmsTicket *ticket)
{
	bool		was_closed = ticket->closed_at != OMS_NEVER;

	if (!was_closed)
		return;
	ticket->status = OMS_TICKET_OPEN;
	ticket->closed_at = OMS_NEVER;
	if (ticket->has_clock)
	{
		OmsStage   *clock = oms_ticket_clock(ticket);

		oms_new_cycle_of_clock(ticket, clock);
		oms_watch_start(ticket, clock, ticket->now, true);
		clock->queued_at = ticket->now;
		oms_touch(ticket, clock);
	}
}

/*
 * A finished stage is queued again, also of a closed ticket; what comes after it waits.  Of a cancelled
 * ticket everything that was cancelled goes on where it can, and a stage of it whose dependencies are not
 * finished waits.  Needs every stage that has a row, and
 * what conditions ask for.
 */
void
oms_decide_reopen(OmsTicket *ticket, OmsStage *stage, const char *reason)
{
	const OmsGraph *graph = ticket->graph;
	OmsStageSet *after = stages_after(graph, stage->no);
	bool		cancelled = ticket->status == OMS_TICKET_CANCELLED;
	List	   *queued = NIL;

	open_again(ticket);
	go_back(ticket, stage, OMS_EV_REOPENED, reason, true);
	for (OmsStage *other = ticket->stages; other != NULL; other = other->next)
		if (other != stage && has_begun(ticket, other) &&
			(oms_set_has(after, other->no) || other->status == OMS_STAGE_CANCELLED))
			go_back(ticket, other, OMS_EV_REOPENED, reason, false);
	if (!cancelled || oms_graph_met(oms_graph_stage(graph, stage->no), ticket->finished))
		oms_queue_first(ticket, stage->no, NULL);
	if (cancelled)
	{
		int		   *work = palloc(sizeof(int) * graph->nstages);
		int			nwork = 0;

		for (int no = 1; no <= graph->nstages; no++)
			if (!oms_graph_stage(graph, no)->manual && !oms_set_has(ticket->started, no) &&
				oms_graph_met(oms_graph_stage(graph, no), ticket->finished) &&
				oms_start_or_skip(ticket, no, &queued))
				work[nwork++] = no;
		oms_resolve(ticket, work, nwork);
	}
	oms_settle(ticket);
}

/*
 * Somebody starts a manual stage.  The note tells this from a stage that the resolver queued.
 */
void
oms_decide_start(OmsTicket *ticket, OmsStage *stage)
{
	oms_queue_first(ticket, stage->no, "started by hand");
	oms_settle(ticket);
}
