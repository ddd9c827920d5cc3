/*
 * import.c
 *		How a ticket that began elsewhere comes to where it is.
 *
 * It lives through its past: what the row tells happens in the order of its times, by the same rules as anywhere.
 * For what happens, ticket->now is put back to its time, so that clocks, stages and ticket have their true times;
 * for what a clock should have set off meanwhile it is the present, since that is recorded now.  All events are
 * recorded at once, and say in their notes when they were.
 *
 * Meanwhile ticket->in_past is set: nobody is offered work, no message is taken, and what listeners would have been told
 * is dropped.
 * While the row tells what happened, ticket->as_told keeps a stage that was late from being done by law.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "engine/await.h"
#include "engine/catch_up.h"
#include "engine/decide.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/import.h"
#include "engine/lifecycle.h"
#include "engine/moves.h"
#include "engine/offer.h"
#include "engine/start.h"
#include "engine/stopwatch.h"
#include "engine/ticket.h"

/* What is still to happen to a stage */
typedef struct Due
{
	TimestampTz at;
	int			no;
	bool		finish;			/* else it starts */
} Due;

typedef struct Life
{
	OmsJsonCheck *check;
	OmsTicket  *ticket;
	const OmsImport *import;
	TimestampTz now;			/* the present */
	const char *role;			/* of who imports */
	OmsEvent   *dated;			/* up to here events say when they were */
	OmsStageSet planned;		/* stages of which the start stands in the agenda, or did */
	Due		   *agenda;
	int			nagenda;
	int			notes;			/* that are told */
	TimestampTz last;			/* what happened last */
} Life;

/* ---- problems ---- */

/*
 * Report a problem of a stage, or of a key of it.
 */
static void
stage_problem(Life *life, int no, const char *key, const char *text)
{
	OmsJsonCheck *check = life->check;
	const char *id = oms_graph_stage(life->ticket->graph, no)->id;
	int			mark = oms_json_enter_key(check, "stages", 6);

	oms_json_enter_key(check, id, strlen(id));
	if (key != NULL)
		oms_json_enter_key(check, key, strlen(key));
	oms_json_problem(check, NULL, "%s %s", oms_json_thing(check), text);
	oms_json_leave(check, mark);
}

static const char *
status_name(char status)
{
	return oms_stage_status_name((OmsStageStatus) status);
}

/* ---- time ---- */

/*
 * Events that were added since are of that time: say so.  Data and outputs follow in events of their own, since
 * an erasure takes note and payload of an event together.
 */
static void
date_events(Life *life, TimestampTz at)
{
	OmsTicket  *ticket = life->ticket;
	OmsEvent   *event = life->dated == NULL ? ticket->events : life->dated->next;

	for (; event != NULL; event = event->next)
		if (event->payload == NULL)
			event->note = event->note == NULL ? psprintf("at %s", oms_time_text(at))
				: psprintf("at %s, %s", oms_time_text(at), event->note);
	life->dated = ticket->last_event;
}

static void
go_back_to(Life *life, TimestampTz at)
{
	life->ticket->now = life->ticket->real_now = at;
}

/*
 * Back in the present; what happened meanwhile is dated.
 */
static void
return_from(Life *life, TimestampTz at)
{
	date_events(life, at);
	life->ticket->now = life->ticket->real_now = life->now;
	life->last = Max(life->last, at);
}

/*
 * What a clock set off until then is recorded now, and says itself when that was.
 */
static void
catch_up(Life *life, OmsStage *stage, TimestampTz by)
{
	oms_catch_up_alone(life->ticket, stage, by);
	life->dated = life->ticket->last_event;
}

/* ---- the agenda ---- */

static const OmsImportedStage *
told(const Life *life, int no)
{
	return life->import->by_no[no - 1];
}

static void
plan(Life *life, int no, TimestampTz at, bool finish)
{
	Due		   *due = &life->agenda[life->nagenda++];

	due->at = at;
	due->no = no;
	due->finish = finish;
}

/*
 * Take what comes first; at one instant what ends comes before what begins.
 */
static Due
take_first(Life *life)
{
	Due			first;
	int			place = 0;

	for (int i = 1; i < life->nagenda; i++)
	{
		const Due  *a = &life->agenda[i];
		const Due  *b = &life->agenda[place];

		if (a->at < b->at || (a->at == b->at && (a->finish > b->finish || (a->finish == b->finish && a->no < b->no))))
			place = i;
	}
	first = life->agenda[place];
	life->agenda[place] = life->agenda[--life->nagenda];
	return first;
}

/*
 * A stage whose dependencies may be met since then: it starts, or when the row says that it did.
 */
static void
plan_start(Life *life, int no, TimestampTz met)
{
	const OmsStageDef *def = oms_graph_stage(life->ticket->graph, no);
	const OmsImportedStage *stage = told(life, no);
	TimestampTz at = met;

	if (oms_set_has(&life->planned, no) || !oms_graph_met(def, life->ticket->finished) ||
		(def->manual && (stage == NULL || stage->status == OMS_STAGE_CANCELLED)))
		return;
	oms_set_add(&life->planned, no);
	if (stage != NULL && stage->queued.at != OMS_NEVER)
	{
		at = Max(met, stage->queued.at);
		if (stage->queued.last < met)
			stage_problem(life, no, "queued_at", psprintf("is before the stage could begin, which was %s", oms_time_text(met)));
	}
	plan(life, no, at, false);
}

static void
plan_dependants(Life *life, int no, TimestampTz at)
{
	const OmsStageDef *def = oms_graph_stage(life->ticket->graph, no);

	for (int i = 0; i < def->ndependants; i++)
		plan_start(life, def->dependants[i], at);
}

/* ---- what happened ---- */

/*
 * Does the row tell when a stage was queued that is to wait for its moment?  Then it waits no longer.
 */
static bool
was_queued_then(const OmsImportedStage *stage, const OmsStageDef *def)
{
	return stage != NULL && stage->queued.at != OMS_NEVER && (def->delay_mins >= 0 || def->start_at.path != NULL);
}

static void
start(Life *life, int no, TimestampTz at)
{
	OmsTicket  *ticket = life->ticket;
	const OmsStageDef *def = oms_graph_stage(ticket->graph, no);
	const OmsImportedStage *stage = told(life, no);
	List	   *queued = NIL;
	bool		left_out = false;

	go_back_to(life, at);
	if (was_queued_then(stage, def) && (def->manual || !oms_is_left_out(ticket, def)))
		oms_await_over(ticket, oms_ticket_stage(ticket, no), at, def->manual ? "started by hand" : NULL);
	else if (def->manual)
		(void) oms_begin(ticket, oms_ticket_stage(ticket, no), "started by hand");
	else
		left_out = oms_start_or_skip(ticket, no, &queued);
	return_from(life, at);
	if (left_out)
	{
		if (stage != NULL && stage->status != OMS_SKIPPED)
			stage_problem(life, no, NULL, psprintf("is %s, but its condition is false", status_name(stage->status)));
		plan_dependants(life, no, at);
	}
	else if (stage != NULL && (stage->status == OMS_STAGE_DONE || stage->status == OMS_SKIPPED))
	{
		if (stage->finished.at != OMS_NEVER && stage->finished.last < at)
			stage_problem(life, no, "finished_at", psprintf("is before the stage could begin, which was %s", oms_time_text(at)));
		plan(life, no, Max(at, stage->finished.at), true);
	}
}

static void
finish(Life *life, int no, TimestampTz at)
{
	OmsTicket  *ticket = life->ticket;
	const OmsImportedStage *how = told(life, no);
	OmsStage   *stage = oms_started_stage(ticket, no);

	catch_up(life, stage, at);
	if (stage->status == OMS_STAGE_FAILED)
		stage_problem(life, no, NULL, psprintf("is %s, but could not begin", status_name(how->status)));
	else if (how->status == OMS_STAGE_DONE && stage->status == OMS_AWAITING && stage->waits_for == NULL)
		stage_problem(life, no, "finished_at", psprintf("is before the stage was queued, which was %s", oms_time_text(stage->wake_at)));
	go_back_to(life, at);
	if (how->status == OMS_STAGE_DONE)
		stage->worker = how->worker != NULL ? how->worker : life->role;
	oms_move(ticket, stage, (OmsStageStatus) how->status);
	oms_event_add(ticket, how->status == OMS_STAGE_DONE ? OMS_EV_DONE : OMS_EV_SKIPPED, stage, how->note);
	if (how->output != NULL)
		oms_decide_replace_output(ticket, stage, how->output);
	return_from(life, at);
	plan_dependants(life, no, at);
}

/*
 * What was noted before that.
 */
static void
tell_notes(Life *life, TimestampTz before)
{
	for (; life->notes < life->import->nnotes && life->import->notes[life->notes].at.at < before; life->notes++)
	{
		const OmsImportedNote *note = &life->import->notes[life->notes];

		if (note->at.at < life->import->opened.at)
			oms_json_problem(life->check, NULL, "a note of the row is from before it was opened: %s", oms_time_text(note->at.at));
		oms_decide_comment(life->ticket, OMS_NO_STAGE, note->body, note->public);
		date_events(life, note->at.at);
	}
}

static void
live_through(Life *life)
{
	while (life->nagenda > 0)
	{
		Due			due = take_first(life);

		CHECK_FOR_INTERRUPTS();
		tell_notes(life, due.at);
		if (due.finish)
			finish(life, due.no, due.at);
		else
			start(life, due.no, due.at);
	}
}

/* ---- the beginning and the end ---- */

static void
open_then(Life *life, const char *origin)
{
	OmsTicket  *ticket = life->ticket;
	OmsEvent   *event;

	go_back_to(life, life->import->opened.at);
	event = oms_event_add(ticket, OMS_EV_IMPORTED, NULL, origin);
	event->owner = ticket->graph->owner;
	oms_decide_replace_data(ticket, ticket->data);
	oms_start_clock(ticket);
	return_from(life, life->import->opened.at);
	for (int no = 1; no <= ticket->graph->nstages; no++)
		plan_start(life, no, life->import->opened.at);
}

/*
 * What the row tells of stages that the graph did not lead to.
 */
static void
report_unreached(Life *life, int no, const OmsImportedStage *stage)
{
	const OmsTicket *ticket = life->ticket;
	const OmsStageDef *def = oms_graph_stage(ticket->graph, no);

	for (int i = 0; i < def->ndeps; i++)
		if (!oms_set_has(ticket->finished, def->deps[i]))
		{
			stage_problem(life, no, NULL, psprintf("is %s, but the stage waits for \"%s\", which is not finished",
												   status_name(stage->status), oms_graph_stage(ticket->graph, def->deps[i])->id));
			return;
		}
}

static void
report_same_hands(Life *life, int no, const OmsImportedStage *stage)
{
	int			other = oms_graph_stage(life->ticket->graph, no)->not_same_as;
	const OmsImportedStage *by = other == 0 ? NULL : told(life, other);

	if (by == NULL || by->status != OMS_STAGE_DONE || stage->status != OMS_STAGE_DONE)
		return;
	if (strcmp(by->worker != NULL ? by->worker : life->role, stage->worker != NULL ? stage->worker : life->role) == 0)
		stage_problem(life, no, "worker", psprintf("is the one who did \"%s\", which this workflow forbids (notSameAs)",
												   oms_graph_stage(life->ticket->graph, other)->id));
}

/*
 * Does the row tell of a ticket that was cancelled?
 */
static bool
was_cancelled(const OmsImport *import)
{
	for (int i = 0; i < import->nstages; i++)
		if (import->stages[i].no > 0 && import->stages[i].status == OMS_STAGE_CANCELLED)
			return true;
	return false;
}

static void
check_stages(Life *life)
{
	bool		closed = life->import->closed.at != OMS_NEVER;

	for (int no = 1; no <= life->ticket->graph->nstages; no++)
	{
		const OmsImportedStage *stage = told(life, no);

		if (stage == NULL)
			continue;
		if (stage->status == OMS_STAGE_CANCELLED && !closed)
			stage_problem(life, no, NULL, "is cancelled, which it can only be with the whole ticket: \"closed_at\" is missing");
		else if (stage->status != OMS_STAGE_CANCELLED && !oms_set_has(life->ticket->started, no))
			report_unreached(life, no, stage);
		report_same_hands(life, no, stage);
	}
}

/*
 * What is open in a ticket that is closed.  Of a cancelled one only what the row says to be so.
 */
static void
report_open_stages(Life *life, bool cancelled)
{
	for (OmsStage *stage = life->ticket->stages; stage != NULL; stage = stage->next)
		if ((oms_is_active(stage) || stage->status == OMS_STAGE_FAILED) &&
			(!cancelled || (told(life, stage->no) != NULL && told(life, stage->no)->status == OMS_QUEUED)))
			stage_problem(life, stage->no, NULL, psprintf("is %s, but the ticket is closed", status_name(stage->status)));
}

/*
 * The ticket is closed: as its stages ended, or when the row says.
 */
static void
close_then(Life *life)
{
	OmsTicket  *ticket = life->ticket;
	bool		cancelled = was_cancelled(life->import);
	const OmsImportedTime *closed = &life->import->closed;
	TimestampTz at = Max(closed->at, life->last);

	if (closed->at != OMS_NEVER && closed->last < life->last)
		oms_json_problem(life->check, NULL, "closed_at of the row is before %s, when something else happened",
						 oms_time_text(life->last));
	report_open_stages(life, cancelled);
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
		if (oms_is_active(stage))
			catch_up(life, stage, at);
	if (ticket->has_clock)
		catch_up(life, oms_ticket_clock(ticket), at);
	go_back_to(life, at);
	if (cancelled)
		oms_decide_cancel(ticket, NULL);
	else
	{
		oms_close_ticket(ticket, OMS_TICKET_DONE);
		oms_event_add(ticket, OMS_EV_TICKET_DONE, NULL, NULL);
	}
	return_from(life, at);
}

/*
 * The past is over: nobody is told of it, and what is queued is offered.
 */
static void
enter_the_present(Life *life)
{
	OmsTicket  *ticket = life->ticket;

	ticket->as_told = false;
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
		if (oms_is_active(stage))
			catch_up(life, stage, life->now);
	if (ticket->has_clock && !oms_is_closed(ticket))
		catch_up(life, oms_ticket_clock(ticket), life->now);
	oms_settle(ticket);
	ticket->notifications = ticket->last_notification = NULL;
	ticket->in_past = false;
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
	{
		if (stage->status != OMS_QUEUED)
			continue;
		oms_offer(ticket, stage);
		oms_touch(ticket, stage);
	}
	if (ticket->has_clock)
		oms_touch(ticket, oms_ticket_clock(ticket));
}

void
oms_import_live(OmsJsonCheck *check, OmsTicket *ticket, const OmsImport *import, const OmsImportRules *rules,
				const char *origin, const char *role)
{
	Life		life = {
		.check = check,
		.ticket = ticket,
		.import = import,
		.now = rules->now,
		.role = role,
		.agenda = palloc(sizeof(Due) * ticket->graph->nstages),
		.last = import->opened.at
	};

	oms_set_init(&life.planned, ticket->graph);
	ticket->in_past = ticket->as_told = true;
	open_then(&life, origin);
	live_through(&life);
	check_stages(&life);
	if (import->closed.at != OMS_NEVER || ticket->n_active + ticket->n_failed == 0)
		close_then(&life);
	tell_notes(&life, DT_NOEND);
	enter_the_present(&life);
}
