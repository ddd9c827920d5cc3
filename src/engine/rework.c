/*
 * rework.c
 *		Going back: send_back, reopen; and starting what starts by hand.
 *
 * A stage that is taken back waits for its dependencies as its join says, and besides for the stage that it
 * was taken back to (ticket->reworks).  The one that sends back may come from another branch, so these orders
 * need not follow the graph, and orders given one after the other could make stages wait for each other in a
 * circle.  So after each the oldest that would are given up: what was ordered last counts.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "engine/await.h"
#include "engine/catch_up.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/moves.h"
#include "engine/offer.h"
#include "engine/rework.h"
#include "engine/rework_set.h"
#include "engine/start.h"
#include "engine/stopwatch.h"
#include "engine/ticket.h"

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

/* ---- what waits for what to be done again ---- */

/* Stages still to be looked at, each once */
typedef struct Walk
{
	OmsStageSet seen;
	int		   *work;
	int			nwork;
} Walk;

static void
walk_to(Walk *walk, int no)
{
	if (oms_set_has(&walk->seen, no))
		return;
	oms_set_add(&walk->seen, no);
	walk->work[walk->nwork++] = no;
}

/*
 * Does a stage wait for another, directly or because something that it waits for does?  A join that is met
 * waits for none of its dependencies, one that is not for all that are open.
 */
static bool
waits_for(const OmsTicket *ticket, int no, int other)
{
	const OmsGraph *graph = ticket->graph;
	Walk		walk = {.work = palloc(sizeof(int) * graph->nstages)};

	oms_set_init(&walk.seen, graph);
	walk_to(&walk, no);
	for (int head = 0; head < walk.nwork && !oms_set_has(&walk.seen, other); head++)
	{
		int			waiting = walk.work[head];
		const OmsStageDef *def = oms_graph_stage(graph, waiting);

		CHECK_FOR_INTERRUPTS();
		if (oms_set_has(ticket->started, waiting))
			continue;
		for (int i = 0; i < def->ndeps && !oms_graph_met(def, ticket->finished); i++)
			if (!oms_set_has(ticket->finished, def->deps[i]))
				walk_to(&walk, def->deps[i]);
		for (int i = 0; i < ticket->nreworks; i++)
			if (ticket->reworks[i].stage == waiting)
				walk_to(&walk, ticket->reworks[i].back_to);
	}
	return oms_set_has(&walk.seen, other);
}

/*
 * Give up the oldest orders that would make stages wait for each other.  Only those between branches can: the
 * others follow the graph, which has no circle.  A stage that is queued or further on waits for nobody, so the
 * newest orders, which are for such a one, always stay.
 */
static void
untangle(OmsTicket *ticket)
{
	OmsStageSet *after = NULL;
	int			back_to = OMS_NO_STAGE;

	for (int i = 0; i < ticket->nreworks;)
	{
		OmsRework	rework = ticket->reworks[i];

		if (rework.back_to != back_to)
		{
			back_to = rework.back_to;
			after = stages_after(ticket->graph, back_to);
		}
		if (oms_set_has(ticket->started, back_to) || oms_set_has(after, rework.stage) ||
			!waits_for(ticket, back_to, rework.stage))
		{
			i++;
			continue;
		}
		ticket->nreworks--;
		memmove(&ticket->reworks[i], &ticket->reworks[i + 1], sizeof(OmsRework) * (ticket->nreworks - i));
	}
}

/* ---- going back ---- */

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
	active = oms_is_active(stage);
	oms_event_add_shown(ticket, kind, stage, note, shown);
	if (active && !shown)
		oms_add_status(ticket, stage, "returned");
	oms_new_cycle(ticket, stage);
}

/*
 * What comes after a stage that is done again loses its state and waits for it; what was taken back before and
 * has not begun since waits for this one too.
 */
static void
take_back(OmsTicket *ticket, OmsStage *stage, const OmsStageSet *after, int back_to, OmsEventKind kind,
		  const char *note)
{
	if (!oms_set_has(after, stage->no))
		return;
	if (has_begun(ticket, stage))
		go_back(ticket, stage, kind, note, false);
	if (stage->cycle > 1)
		oms_add_rework(ticket, stage->no, back_to);
}

/*
 * to_stage is queued again; it, the stage that sends back and all that comes after to_stage lose their
 * state and wait for it.  Other branches keep what they have.  Needs every stage that has a row.
 */
void
oms_decide_send_back(OmsTicket *ticket, OmsStage *stage, OmsStage *to_stage, const char *reason)
{
	OmsStageSet *after = stages_after(ticket->graph, to_stage->no);
	bool		finished;
	char	   *note = psprintf("to %s: %s", oms_graph_stage(ticket->graph, to_stage->no)->id, reason);

	go_back(ticket, stage, OMS_EV_SENT_BACK, note, true);
	if (stage != to_stage)
	{
		oms_add_rework(ticket, stage->no, to_stage->no);
		go_back(ticket, to_stage, OMS_EV_SENT_BACK, note, false);
	}
	for (OmsStage *other = ticket->stages; other != NULL; other = other->next)
		if (other != stage)
			take_back(ticket, other, after, to_stage->no, OMS_EV_SENT_BACK, note);
	finished = oms_begin(ticket, to_stage, NULL);
	untangle(ticket);
	if (finished)
		oms_start_after(ticket, to_stage->no);
	oms_start_all(ticket);
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
		(void) oms_watch_begin(ticket, clock, ticket->now);
		oms_watch_start(ticket, clock, ticket->now, true);
		clock->queued_at = ticket->now;
		oms_touch(ticket, clock);
	}
}

/*
 * A finished stage is queued again, also of a closed ticket; what comes after it waits.  Of a cancelled
 * ticket everything that was cancelled goes on where it can, and a stage of it whose dependencies are not
 * finished waits.  Needs every stage that has a row.
 */
void
oms_decide_reopen(OmsTicket *ticket, OmsStage *stage, const char *reason)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);
	OmsStageSet *after = stages_after(ticket->graph, stage->no);
	bool		cancelled = ticket->status == OMS_TICKET_CANCELLED;
	bool		finished = false;

	open_again(ticket);
	go_back(ticket, stage, OMS_EV_REOPENED, reason, true);
	for (OmsStage *other = ticket->stages; other != NULL; other = other->next)
	{
		if (other->status == OMS_STAGE_CANCELLED)
			go_back(ticket, other, OMS_EV_REOPENED, reason, false);
		take_back(ticket, other, after, stage->no, OMS_EV_REOPENED, reason);
	}
	if (!cancelled || oms_graph_met(def, ticket->finished))
		finished = oms_begin(ticket, stage, NULL);
	untangle(ticket);
	if (finished)
		oms_start_after(ticket, stage->no);
	oms_start_all(ticket);
	oms_settle(ticket);
}

/*
 * Somebody starts a manual stage, or does not wait for the moment of one.  The note tells this from a stage that the
 * resolver queued.
 */
void
oms_decide_start(OmsTicket *ticket, OmsStage *stage)
{
	if (stage->status == OMS_AWAITING)
		oms_await_over(ticket, stage, ticket->now, "started by hand");
	else if (oms_begin(ticket, stage, "started by hand"))
		oms_start_after(ticket, stage->no);
	oms_settle(ticket);
}
