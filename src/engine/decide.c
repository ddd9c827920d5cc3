/*
 * decide.c
 *		The rules: what a call does to a ticket.
 *
 * Pure: the caller has locked and loaded the ticket, ticket->real_now is the one reading of the clock, and
 * everything that happens is left in the ticket (changed stages, events, notifications) for the store to
 * write.  What must be loaded before a call is said with each function.
 *
 * The clock can be set back.  What happened goes by ticket->now, since times of a ticket never go back, and
 * so do its clocks; leases, pauses and ends of holds, which say when something may happen, go by real_now.
 *
 * Every call that changes a stage first lets everything happen that was due before (require.c, catch_up.c):
 * a breach that nobody was there to see comes before what is done now, and a stage done on its due time
 * has met it.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "engine/await.h"
#include "engine/catch_up.h"
#include "engine/condition.h"
#include "engine/decide.h"
#include "engine/escalation.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/hands.h"
#include "engine/lifecycle.h"
#include "engine/limit.h"
#include "engine/moves.h"
#include "engine/offer.h"
#include "engine/path.h"
#include "engine/rework_set.h"
#include "engine/start.h"
#include "engine/stopwatch.h"
#include "engine/ticket.h"

/*
 * A new ticket: the event that carries its data, then every stage without dependencies.
 */
void
oms_decide_open(OmsTicket *ticket)
{
	OmsEvent   *event = oms_event_add(ticket, OMS_EV_OPENED, NULL, NULL);

	event->owner = ticket->graph->owner;
	event->payload = ticket->data;
	ticket->data_seq = event->seq;
	oms_start_clock(ticket);
	oms_start_all(ticket);
	oms_settle(ticket);
}

static void
start_lease(OmsTicket *ticket, OmsStage *stage, int64 lease)
{
	stage->lease_us = lease;
	stage->lease_until = lease == OMS_NO_LENGTH ? OMS_NEVER : ticket->real_now + lease;
}

/*
 * A worker takes a queued stage; the number of this event is the token.  lease in microseconds, or
 * OMS_NO_LENGTH: a person has none.
 */
int64
oms_decide_claim(OmsTicket *ticket, OmsStage *stage, const char *worker, int64 lease)
{
	stage->worker = worker;
	stage->started_at = ticket->now;
	start_lease(ticket, stage, lease);
	oms_move(ticket, stage, OMS_IN_PROGRESS);
	stage->token = oms_event_add(ticket, OMS_EV_IN_PROGRESS, stage, NULL)->seq;
	return stage->token;
}

/*
 * The worker is alive.  Leaves no event; the armed timer stays where it is, since it is looked at
 * again when it comes up: a heartbeat then touches no index.
 */
void
oms_decide_heartbeat(OmsTicket *ticket, OmsStage *stage, int64 lease)
{
	start_lease(ticket, stage, lease);
	if (stage->timer_at == OMS_NEVER || stage->lease_until < stage->timer_at)
		oms_touch(ticket, stage);
	stage->changed = true;
}

/*
 * Somebody is given the stage, whoever had it.
 */
void
oms_decide_assign(OmsTicket *ticket, OmsStage *stage, const char *worker, const char *note)
{
	stage->delegated_by = NULL;
	oms_give_to(ticket, stage, OMS_EV_ASSIGNED, worker, note);
}

/*
 * Whoever has the stage lets another work on it; it comes back to the first who did so.
 */
void
oms_decide_delegate(OmsTicket *ticket, OmsStage *stage, const char *to, const char *note)
{
	if (stage->delegated_by == NULL)
		stage->delegated_by = stage->worker;
	oms_give_to(ticket, stage, OMS_EV_DELEGATED, to, note);
}

/* The other is ready: back to the one who delegated */
void
oms_decide_resolve(OmsTicket *ticket, OmsStage *stage, const char *note)
{
	oms_give_back(ticket, stage, note);
	oms_settle(ticket);
}

/* The holder gives the stage back */
void
oms_decide_release(OmsTicket *ticket, OmsStage *stage, const char *note)
{
	oms_event_add(ticket, OMS_EV_RELEASED, stage, note);
	oms_put_back(ticket, stage);
	oms_settle(ticket);
}

/*
 * The stage is done; by the role of the doer, if nobody had taken it.  Returns the stages that this queued.
 */
List *
oms_decide_finish(OmsTicket *ticket, OmsStage *stage, Jsonb *output, const OmsDoer *doer)
{
	OmsEvent   *event;
	List	   *queued;

	if (stage->worker == NULL)
		stage->worker = doer->role;
	else if (doer->person && strcmp(stage->worker, doer->role) != 0)
		stage->finished_by = doer->role;
	oms_move(ticket, stage, OMS_STAGE_DONE);
	event = oms_event_add(ticket, OMS_EV_DONE, stage, NULL);
	event->payload = output;
	oms_set_output(ticket, stage, output, event->seq);
	queued = oms_start_after(ticket, stage->no);
	oms_settle(ticket);
	return queued;
}

/*
 * A stage that awaits a message gets it.  False if that failed the stage.
 */
bool
oms_decide_message(OmsTicket *ticket, OmsStage *stage, const OmsMessage *message)
{
	bool		done = oms_get_message(ticket, stage, message);

	if (done)
		oms_start_after(ticket, stage->no);
	oms_settle(ticket);
	return done;
}

/* The pause before the next attempt, in microseconds */
static int64
backoff(const OmsStageDef *def, int attempt)
{
	double		secs = def->backoff_secs * pow(def->factor, Min(attempt - 1, 64));

	return (int64) (Min(secs, def->max_secs) * USECS_PER_SEC);
}

/*
 * The work went wrong: another attempt after a pause, or failed.
 */
void
oms_decide_fail(OmsTicket *ticket, OmsStage *stage, const char *error, bool retryable)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);

	if (retryable && stage->attempt < def->max_attempts)
	{
		int64		pause = backoff(def, stage->attempt);

		stage->attempt++;
		oms_event_add(ticket, OMS_EV_RETRY, stage, error);
		oms_queue_again(ticket, stage, pause);
	}
	else
		oms_fail_for_good(ticket, stage, error);
	oms_settle(ticket);
}

/*
 * Staff finish a stage without doing it.
 */
void
oms_decide_skip(OmsTicket *ticket, OmsStage *stage, const char *reason)
{
	oms_move(ticket, stage, OMS_SKIPPED);
	oms_event_add(ticket, OMS_EV_SKIPPED, stage, reason);
	oms_start_after(ticket, stage->no);
	oms_settle(ticket);
}

/* Staff send a failed stage round again; attempts count from 1.  One that failed before it was queued begins again. */
void
oms_decide_retry(OmsTicket *ticket, OmsStage *stage, const char *reason)
{
	stage->attempt = 1;
	oms_event_add(ticket, OMS_EV_RETRY, stage, reason);
	if (stage->queued_at == OMS_NEVER)
	{
		if (oms_begin(ticket, stage, NULL))
			oms_start_after(ticket, stage->no);
	}
	else
		oms_queue_again(ticket, stage, 0);
	oms_settle(ticket);
}

/* Another owner is responsible from now on */
void
oms_decide_reassign(OmsTicket *ticket, OmsStage *stage, const char *owner, const char *reason)
{
	oms_hand_over(ticket, stage, owner, reason);
	oms_settle(ticket);
}

/*
 * Somebody up the ladder has to know; optionally the stage goes to another owner as well.
 * Returns the level reached.
 */
int
oms_decide_escalate(OmsTicket *ticket, OmsStage *stage, const char *reason, const char *reassign_to)
{
	stage->level++;
	stage->changed = true;
	if (!oms_set_has(ticket->started, stage->no))
		ticket->waiting_rows = true;
	oms_tell(ticket, stage, reason, oms_supervisor(ticket, stage));
	if (reassign_to != NULL)
		oms_decide_reassign(ticket, stage, reassign_to, reason);
	return stage->level;
}

static const char *
more_text(int mins, int days)
{
	return psprintf("%d %s%s", mins + days, days > 0 ? "day" : "minute", mins + days == 1 ? "" : "s");
}

/*
 * The clock allows more: so many minutes of open time, or open dates (the other one is 0).  False if it has no due time
 * to which that could be added; nothing of this may be written then.  What has been set off stays so.
 *
 * The note begins with what was added; for days that were added to a limit in open time also how much of that it was.
 */
bool
oms_decide_extend(OmsTicket *ticket, OmsStage *stage, const char *reason, int mins, int days)
{
	OmsEvent   *event = oms_event_add(ticket, OMS_EV_EXTENDED, stage, NULL);
	TimestampTz was_due = stage->due_at;
	int64		was_us = stage->limit_us;
	bool		open = days > 0 && stage->limit_days == OMS_NO_DAYS;

	if (!oms_watch_extend(ticket, stage, mins, days, ticket->now))
		return false;
	was_us = stage->limit_us - was_us;
	event->note = psprintf("%s more%s%s: %s", more_text(mins, days),
						   !open ? "" : psprintf(" (" INT64_FORMAT ".%06d s of open time)", was_us / USECS_PER_SEC,
												 (int) (was_us % USECS_PER_SEC)),
						   stage->running_since == OMS_NEVER ? ""
						   : psprintf(", due %s, was %s", oms_time_text(stage->due_at), oms_time_text(was_due)), reason);
	oms_touch(ticket, stage);
	return true;
}

/*
 * The whole ticket ends.  Needs every active and failed stage; waiting ones have no row to change
 * and end with the ticket.
 */
void
oms_decide_cancel(OmsTicket *ticket, const char *reason)
{
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
	{
		if (!oms_verb_allowed(OMS_CANCEL, stage->status, false))
			continue;
		if (stage->status != OMS_WAITING)
		{
			oms_event_add(ticket, OMS_EV_CANCELLED, stage, NULL);
			oms_add_status(ticket, stage, "cancelled");
		}
		oms_move(ticket, stage, OMS_STAGE_CANCELLED);
	}
	oms_cancel_ticket_now(ticket, reason);
}

/*
 * Another place in the queues.  Needs every stage that has a row; those that start later take it
 * from the ticket.
 */
void
oms_decide_priority(OmsTicket *ticket, int priority)
{
	oms_event_add(ticket, OMS_EV_CHANGED, NULL,
				  psprintf("priority %d, was %d", priority, ticket->priority));
	ticket->priority = priority;
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
	{
		if (stage->finished_at != OMS_NEVER)
			continue;
		stage->priority = priority;
		stage->changed = true;
	}
}

/* Something about the ticket was changed that has no state */
void
oms_decide_note(OmsTicket *ticket, const char *note)
{
	oms_event_add(ticket, OMS_EV_CHANGED, NULL, note);
}

/*
 * The data was wrong.  What was decided by it stays; what has not begun goes by the new data.
 */
void
oms_decide_amend(OmsTicket *ticket, Jsonb *data, const char *reason)
{
	OmsEvent   *event = oms_event_add(ticket, OMS_EV_AMENDED, NULL, reason);

	event->payload = ticket->data = data;
	ticket->data_seq = event->seq;
}

/* Content was erased; what is left of it follows in events of its own */
void
oms_decide_erased(OmsTicket *ticket, const char *reason)
{
	oms_event_add(ticket, OMS_EV_ERASED, NULL, reason);
}

void
oms_decide_replace_data(OmsTicket *ticket, Jsonb *data)
{
	OmsEvent   *event = oms_event_add(ticket, OMS_EV_CHANGED, NULL, NULL);

	event->payload = data;
	ticket->data_seq = event->seq;
}

/*
 * What is left of an output.  Needs what it was, so this comes before the erasure.
 */
void
oms_decide_replace_output(OmsTicket *ticket, OmsStage *stage, Jsonb *output)
{
	OmsEvent   *event = oms_event_add(ticket, OMS_EV_CHANGED, stage, NULL);

	event->payload = output;
	oms_set_output(ticket, stage, output, event->seq);
	stage->changed = true;
}

/* Somebody says something about the ticket or one of its stages */
void
oms_decide_comment(OmsTicket *ticket, int stage_no, const char *body, bool public)
{
	OmsEvent   *event = oms_event_add(ticket, OMS_EV_COMMENT, NULL, body);

	event->stage = stage_no;
	event->public = public;
}

/* Somebody adds a document, which is kept elsewhere */
void
oms_decide_attach(OmsTicket *ticket, int stage_no, const char *what, bool public)
{
	OmsEvent   *event = oms_event_add(ticket, OMS_EV_ATTACHED, NULL, what);

	event->stage = stage_no;
	event->public = public;
}

/*
 * The stages of a ticket that are not finished and wait for no other, in definition order.  A stage that was
 * begun is one of them whatever it depends on: rework may have queued it before its turn.
 */
List *
oms_decide_next_of(const OmsTicket *ticket)
{
	List	   *next = NIL;

	for (int no = 1; no <= ticket->graph->nstages; no++)
		if (!oms_set_has(ticket->finished, no) &&
			(oms_set_has(ticket->started, no) ||
			 (oms_graph_met(oms_graph_stage(ticket->graph, no), ticket->finished) &&
			  !oms_waits_for_rework(ticket, no))))
			next = lappend_int(next, no);
	return next;
}

/*
 * The stages whose dependencies are met and that are not finished, in definition order.
 */
List *
oms_decide_next(const OmsGraph *graph, const OmsStageSet *finished)
{
	List	   *next = NIL;

	for (int no = 1; no <= graph->nstages; no++)
		if (!oms_set_has(finished, no) && oms_graph_met(oms_graph_stage(graph, no), finished))
			next = lappend_int(next, no);
	return next;
}

/*
 * Add a stage to the finished ones if it would be skipped: its dependencies are met and a condition
 * is known to be false.
 */
static bool
assume_skip(const OmsGraph *graph, int no, OmsStageSet *finished, Jsonb *data, Jsonb *outputs)
{
	const OmsStageDef *def = oms_graph_stage(graph, no);

	if (def->manual || oms_set_has(finished, no) || !oms_graph_met(def, finished) ||
		!oms_condition_false(def, data, outputs))
		return false;
	oms_set_add(finished, no);
	return true;
}

/*
 * Add to a set of finished stages all those that would be skipped.  Outputs do not exist here, so
 * conditions on them are unknown.
 */
void
oms_decide_assume_skips(const OmsGraph *graph, OmsStageSet *finished, Jsonb *data)
{
	Jsonb	   *outputs = oms_path_no_outputs();
	int		   *work = palloc(sizeof(int) * graph->nstages);
	int			nwork = 0;

	for (int no = 1; no <= graph->nstages; no++)
		if (assume_skip(graph, no, finished, data, outputs))
			work[nwork++] = no;
	/* every stage gets here at most once, when it is added */
	while (nwork > 0)
	{
		const OmsStageDef *def = oms_graph_stage(graph, work[--nwork]);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < def->ndependants; i++)
			if (assume_skip(graph, def->dependants[i], finished, data, outputs))
				work[nwork++] = def->dependants[i];
	}
}
