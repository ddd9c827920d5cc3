/*
 * decide.c
 *		The rules: what an event does to a ticket.
 *
 * Pure: the caller has locked and loaded the ticket, ticket->now is the one reading of the clock, and
 * everything that happens is left in the ticket (changed stages, events, bells) for the store to
 * write.  What must be loaded before a call is said with each function.
 *
 * Every entry that changes a stage first lets its clock speak (evaluate_clock): a breach that nobody
 * was there to see comes before what is done now, and a stage done on its due time has met it.
 *
 * Invariants:
 *	- started holds exactly the stages that are not waiting, finished those done or skipped;
 *	- a stage that has not started has no row unless ticket->odd_rows, in which case the store is asked
 *	  for it (ticket->fetch) before one is made up;
 *	- n_active counts the stages queued, in progress or on hold; n_failed the failed ones.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "engine/condition.h"
#include "engine/decide.h"
#include "engine/event.h"
#include "engine/lifecycle.h"
#include "errors.h"

/* From so many stages on a ticket in memory has an array of them */
#define MANY_STAGES	16

/*
 * A stage that was loaded or made before, or NULL.
 */
OmsStage *
oms_ticket_find(const OmsTicket *ticket, int no)
{
	if (ticket->by_no != NULL)
		return ticket->by_no[no - 1];
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
		if (stage->no == no)
			return stage;
	return NULL;
}

/*
 * Add a stage that is not there yet.
 */
void
oms_ticket_add(OmsTicket *ticket, OmsStage *stage)
{
	stage->next = ticket->stages;
	ticket->stages = stage;
	if (++ticket->nstages == MANY_STAGES)
	{
		ticket->by_no = palloc0(sizeof(OmsStage *) * ticket->graph->nstages);
		for (OmsStage *s = ticket->stages; s != NULL; s = s->next)
			ticket->by_no[s->no - 1] = s;
	}
	else if (ticket->by_no != NULL)
		ticket->by_no[stage->no - 1] = stage;
}

static OmsStage *
new_stage(OmsTicket *ticket, int no)
{
	OmsStage   *stage = palloc0(sizeof(OmsStage));

	stage->no = no;
	stage->status = ticket->status == OMS_TICKET_CANCELLED ? OMS_STAGE_CANCELLED : OMS_WAITING;
	stage->owner = oms_graph_stage(ticket->graph, no)->owner;
	stage->priority = ticket->priority;
	stage->attempt = 1;
	stage->cycle = 1;
	stage->queued_at = stage->ready_at = stage->announce_at = OMS_NEVER;
	stage->started_at = stage->finished_at = stage->lease_until = OMS_NEVER;
	stage->due_at = stage->breached_at = stage->timer_at = OMS_NEVER;
	oms_ticket_add(ticket, stage);
	return stage;
}

/*
 * A stage that has not started, of a loaded ticket: one without a row is made up as waiting (or as
 * cancelled with its ticket, which leaves waiting stages without a row).
 */
OmsStage *
oms_ticket_stage(OmsTicket *ticket, int no)
{
	OmsStage   *stage = oms_ticket_find(ticket, no);

	if (stage == NULL && ticket->odd_rows && ticket->fetch != NULL)
		stage = ticket->fetch(ticket, no);
	return stage != NULL ? stage : new_stage(ticket, no);
}

/* Without odd rows there is nothing to look for */
static OmsStage *
unstarted_stage(OmsTicket *ticket, int no)
{
	return ticket->odd_rows ? oms_ticket_stage(ticket, no) : new_stage(ticket, no);
}

/*
 * Raise an error unless the verb may be applied.  A token that is given must be the current one;
 * whoever held the stage once learns that it is gone (OM006) before the state is looked at.
 */
void
oms_require(const OmsTicket *ticket, const OmsStage *stage, OmsVerb verb, const int64 *token)
{
	bool		closed = ticket->status == OMS_TICKET_DONE ||
		ticket->status == OMS_TICKET_CANCELLED;
	bool		allowed = oms_verb_allowed(verb, stage->status) &&
		(!closed || oms_verb_allowed(verb, OMS_STAGE_CANCELLED));
	const char *id = oms_graph_stage(ticket->graph, stage->no)->id;
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	if (token != NULL && (allowed || stage->token != 0) &&
		(stage->token != *token || stage->status == OMS_QUEUED || stage->status == OMS_WAITING))
		ereport(ERROR,
				(errcode(OMS_ERR_STALE_TOKEN),
				 errmsg("token " INT64_FORMAT " of stage \"%s\" of ticket %s is not the current one",
						*token, id, oms_ticket_id_to_text(ticket->id, number)),
				 errhint("The stage was taken away from this worker: drop the work and claim anew.")));
	if (!allowed)
		ereport(ERROR,
				(errcode(verb == OMS_CLAIM_STAGE && stage->status == OMS_IN_PROGRESS
						 ? OMS_ERR_ALREADY_CLAIMED : OMS_ERR_WRONG_STATE),
				 errmsg("%s is not possible for stage \"%s\" of ticket %s: the stage is %s",
						oms_verb_name(verb), id, oms_ticket_id_to_text(ticket->id, number),
						oms_stage_status_name(stage->status)),
				 closed ? errdetail("The ticket is %s.", oms_ticket_status_name(ticket->status)) : 0));
}

/*
 * The next moment at which something happens to the stage by itself.
 */
static TimestampTz
next_timer(const OmsStage *stage)
{
	TimestampTz at = DT_NOEND;

	switch ((OmsStageStatus) stage->status)
	{
		case OMS_QUEUED:
			if (stage->announce_at != OMS_NEVER)
				at = stage->announce_at;
			break;
		case OMS_IN_PROGRESS:
			if (stage->lease_until != OMS_NEVER)
				at = stage->lease_until;
			break;
		case OMS_STAGE_FAILED:
			break;
		default:
			return OMS_NEVER;
	}
	/* a breach is strictly later than the due time */
	if (stage->due_at != OMS_NEVER && stage->breached_at == OMS_NEVER)
		at = Min(at, stage->due_at + 1);
	return at == DT_NOEND ? OMS_NEVER : at;
}

static void
touch(OmsStage *stage)
{
	stage->timer_at = next_timer(stage);
	stage->changed = true;
}

/*
 * Record the breach if the due time has passed unnoticed.  The clock runs while the stage is
 * queued, in progress or failed.
 */
static bool
evaluate_clock(OmsTicket *ticket, OmsStage *stage)
{
	if (stage->due_at == OMS_NEVER || stage->breached_at != OMS_NEVER ||
		ticket->now <= stage->due_at || next_timer(stage) == OMS_NEVER)
		return false;
	stage->breached_at = ticket->now;
	oms_event_add(ticket, OMS_EV_BREACHED, stage,
				  psprintf("was due %s", oms_time_text(stage->due_at)));
	oms_bell_alert(ticket, stage, "breached");
	touch(stage);
	return true;
}

/*
 * Bring the ticket's own state in line with its stages; the last step of every change.
 *
 * With nothing active and nothing failed, whatever has not started waits for a manual stage that
 * nobody started, and a ticket does not wait for those.
 */
static void
settle_ticket(OmsTicket *ticket)
{
	if (ticket->status != OMS_TICKET_OPEN && ticket->status != OMS_TICKET_FAILED)
		return;
	if (ticket->n_active > 0)
		ticket->status = OMS_TICKET_OPEN;
	else if (ticket->n_failed > 0)
	{
		if (ticket->status != OMS_TICKET_FAILED)
			oms_event_add(ticket, OMS_EV_TICKET_FAILED, NULL, NULL);
		ticket->status = OMS_TICKET_FAILED;
	}
	else
	{
		ticket->status = OMS_TICKET_DONE;
		ticket->closed_at = ticket->now;
		oms_event_add(ticket, OMS_EV_TICKET_DONE, NULL, NULL);
	}
}

static bool
is_active(const OmsStage *stage)
{
	return stage->status == OMS_QUEUED || stage->status == OMS_IN_PROGRESS ||
		stage->status == OMS_STAGE_HELD;
}

/*
 * Move a stage to another state and keep the ticket's counters and sets in step.
 */
static void
move(OmsTicket *ticket, OmsStage *stage, OmsStageStatus status)
{
	ticket->n_active -= is_active(stage);
	ticket->n_failed -= stage->status == OMS_STAGE_FAILED;
	stage->status = status;
	ticket->n_active += is_active(stage);
	ticket->n_failed += status == OMS_STAGE_FAILED;

	if (status != OMS_WAITING)
		oms_set_add(ticket->started, stage->no);
	if (status == OMS_STAGE_DONE || status == OMS_SKIPPED)
		oms_set_add(ticket->finished, stage->no);
	if (status != OMS_IN_PROGRESS && status != OMS_STAGE_HELD)
		stage->lease_until = OMS_NEVER;
	if (status != OMS_QUEUED)
		stage->announce_at = OMS_NEVER;
	if (status == OMS_STAGE_DONE || status == OMS_SKIPPED || status == OMS_STAGE_CANCELLED)
		stage->finished_at = ticket->now;
	touch(stage);
}

/*
 * Queue a stage whose dependencies are met, for the first time in this cycle: its clock starts.
 */
static void
queue_first(OmsTicket *ticket, int no)
{
	OmsStage   *stage = unstarted_stage(ticket, no);
	const OmsStageDef *def = oms_graph_stage(ticket->graph, no);

	stage->queued_at = stage->ready_at = ticket->now;
	if (def->sla_mins >= 0)
		stage->due_at = ticket->now + def->sla_mins * USECS_PER_MINUTE;
	move(ticket, stage, OMS_QUEUED);
	oms_event_add(ticket, OMS_EV_QUEUED, stage, NULL);
	oms_bell_dispatch(ticket, stage);
}

/*
 * Queue a stage again within its cycle, at its old place unless it has to wait until ready_at.
 */
static void
queue_again(OmsTicket *ticket, OmsStage *stage, TimestampTz ready_at)
{
	stage->worker = NULL;
	stage->started_at = OMS_NEVER;
	stage->ready_at = ready_at;
	stage->announce_at = ready_at > ticket->now ? ready_at : OMS_NEVER;
	move(ticket, stage, OMS_QUEUED);
	if (stage->announce_at == OMS_NEVER)
		oms_bell_dispatch(ticket, stage);
}

/*
 * A stage whose dependencies are met: queue it, or skip it if a condition is known to be false.
 * True if it was skipped, so that its dependants are to be looked at in turn.
 */
static bool
start_or_skip(OmsTicket *ticket, int no, List **queued)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, no);
	OmsStage   *stage;

	if ((def->min_amount == NULL && def->when == NULL) ||
		!oms_condition_false(def, ticket->data, ticket->outputs))
	{
		queue_first(ticket, no);
		*queued = lappend_int(*queued, no);
		return false;
	}
	stage = unstarted_stage(ticket, no);
	move(ticket, stage, OMS_SKIPPED);
	oms_event_add(ticket, OMS_EV_SKIPPED, stage, "condition is false");
	return true;
}

/*
 * Start everything that can start now that the stages in work[0..nwork) are finished (work has room
 * for every stage of the graph).  Looks at their dependants only: what a finished stage costs is its
 * own out-degree.  Returns the stages queued, in definition order.
 */
static List *
resolve(OmsTicket *ticket, int *work, int nwork)
{
	List	   *queued = NIL;

	for (int head = 0; head < nwork; head++)
	{
		const OmsStageDef *def = oms_graph_stage(ticket->graph, work[head]);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < def->ndependants; i++)
		{
			int			no = def->dependants[i];
			const OmsStageDef *dependant = oms_graph_stage(ticket->graph, no);

			if (dependant->manual || oms_set_has(ticket->started, no) ||
				!oms_graph_met(dependant, ticket->finished))
				continue;
			if (start_or_skip(ticket, no, &queued))
				work[nwork++] = no;
		}
	}
	list_sort(queued, list_int_cmp);
	return queued;
}

static List *
resolve_after(OmsTicket *ticket, int no)
{
	int		   *work = palloc(sizeof(int) * ticket->graph->nstages);

	work[0] = no;
	return resolve(ticket, work, 1);
}

/*
 * A new ticket: the event that carries its data, then every stage without dependencies.
 * Needs data and outputs (of no stage) if the graph has conditions.
 */
void
oms_decide_open(OmsTicket *ticket)
{
	int		   *work = palloc(sizeof(int) * ticket->graph->nstages);
	int			nwork = 0;
	List	   *queued = NIL;
	OmsEvent   *event = oms_event_add(ticket, OMS_EV_OPENED, NULL, NULL);

	event->owner = ticket->graph->owner;
	event->payload = ticket->data;
	ticket->data_seq = event->seq;
	for (int no = 1; no <= ticket->graph->nstages; no++)
	{
		const OmsStageDef *def = oms_graph_stage(ticket->graph, no);

		if (def->ndeps == 0 && !def->manual && start_or_skip(ticket, no, &queued))
			work[nwork++] = no;
	}
	resolve(ticket, work, nwork);
	settle_ticket(ticket);
}

/*
 * A worker takes a queued stage; the number of this event is the token.  lease_until may be
 * OMS_NEVER: a person has no lease.
 */
int64
oms_decide_claim(OmsTicket *ticket, OmsStage *stage, const char *worker, TimestampTz lease_until)
{
	evaluate_clock(ticket, stage);
	stage->worker = worker;
	stage->started_at = ticket->now;
	stage->lease_until = lease_until;
	move(ticket, stage, OMS_IN_PROGRESS);
	stage->token = oms_event_add(ticket, OMS_EV_IN_PROGRESS, stage, NULL)->seq;
	return stage->token;
}

/*
 * The worker is alive.  Leaves no event; the armed timer stays where it is, since it is looked at
 * again when it comes up: a heartbeat then touches no index.
 */
void
oms_decide_heartbeat(OmsTicket *ticket, OmsStage *stage, TimestampTz lease_until)
{
	evaluate_clock(ticket, stage);
	stage->lease_until = lease_until;
	if (stage->timer_at == OMS_NEVER || lease_until < stage->timer_at)
		stage->timer_at = next_timer(stage);
	stage->changed = true;
}

/* The holder gives the stage back */
void
oms_decide_release(OmsTicket *ticket, OmsStage *stage, const char *note)
{
	evaluate_clock(ticket, stage);
	oms_event_add(ticket, OMS_EV_RELEASED, stage, note);
	queue_again(ticket, stage, stage->queued_at);
	settle_ticket(ticket);
}

/*
 * The stage is done.  Needs data if the stage asks_conditions, and then also the outputs of the
 * stages finished before, this one's included.  Returns the stages that this queued.
 */
List *
oms_decide_finish(OmsTicket *ticket, OmsStage *stage, Jsonb *output)
{
	OmsEvent   *event;
	List	   *queued;

	evaluate_clock(ticket, stage);
	move(ticket, stage, OMS_STAGE_DONE);
	event = oms_event_add(ticket, OMS_EV_DONE, stage, NULL);
	event->payload = output;
	stage->output_seq = output == NULL ? 0 : event->seq;
	queued = resolve_after(ticket, stage->no);
	settle_ticket(ticket);
	return queued;
}

/* The stage needs attention; its clock runs on */
static void
fail_for_good(OmsTicket *ticket, OmsStage *stage, const char *error)
{
	oms_event_add(ticket, OMS_EV_FAILED, stage, error);
	stage->worker = NULL;
	move(ticket, stage, OMS_STAGE_FAILED);
	oms_bell_alert(ticket, stage, "failed");
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

	evaluate_clock(ticket, stage);
	if (retryable && stage->attempt < def->max_attempts)
	{
		int64		pause = backoff(def, stage->attempt);

		stage->attempt++;
		oms_event_add(ticket, OMS_EV_RETRY, stage, error);
		queue_again(ticket, stage, pause > 0 ? ticket->now + pause : stage->queued_at);
	}
	else
		fail_for_good(ticket, stage, error);
	settle_ticket(ticket);
}

/*
 * Staff finish a stage without doing it.  Needs the same as oms_decide_finish.
 */
void
oms_decide_skip(OmsTicket *ticket, OmsStage *stage, const char *reason)
{
	evaluate_clock(ticket, stage);
	move(ticket, stage, OMS_SKIPPED);
	oms_event_add(ticket, OMS_EV_SKIPPED, stage, reason);
	resolve_after(ticket, stage->no);
	settle_ticket(ticket);
}

/* Staff send a failed stage round again; attempts count from 1 */
void
oms_decide_retry(OmsTicket *ticket, OmsStage *stage, const char *reason)
{
	evaluate_clock(ticket, stage);
	stage->attempt = 1;
	oms_event_add(ticket, OMS_EV_RETRY, stage, reason);
	queue_again(ticket, stage, stage->queued_at);
	settle_ticket(ticket);
}

/*
 * Another owner is responsible from now on.  One who takes over a failed stage gets fresh attempts.
 */
void
oms_decide_reassign(OmsTicket *ticket, OmsStage *stage, const char *owner, const char *reason)
{
	evaluate_clock(ticket, stage);
	if (stage->status == OMS_STAGE_FAILED)
		stage->attempt = 1;
	stage->owner = owner;
	stage->worker = NULL;
	oms_event_add(ticket, OMS_EV_REASSIGNED, stage, reason);
	queue_again(ticket, stage, stage->queued_at);
	settle_ticket(ticket);
}

/*
 * Somebody up the ladder has to know; optionally the stage goes to another owner as well.
 * Returns the level reached.
 */
int
oms_decide_escalate(OmsTicket *ticket, OmsStage *stage, const char *reason, const char *reassign_to)
{
	evaluate_clock(ticket, stage);
	stage->level++;
	stage->changed = true;
	if (!oms_set_has(ticket->started, stage->no))
		ticket->odd_rows = true;
	oms_event_add(ticket, OMS_EV_ESCALATED, stage, reason);
	oms_bell_alert(ticket, stage, "escalated");
	if (reassign_to != NULL)
		oms_decide_reassign(ticket, stage, reassign_to, reason);
	return stage->level;
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
		if (!oms_verb_allowed(OMS_CANCEL, stage->status))
			continue;
		evaluate_clock(ticket, stage);
		if (stage->status != OMS_WAITING)
		{
			oms_event_add(ticket, OMS_EV_CANCELLED, stage, NULL);
			oms_bell_status(ticket, stage, "cancelled");
		}
		move(ticket, stage, OMS_STAGE_CANCELLED);
	}
	ticket->status = OMS_TICKET_CANCELLED;
	ticket->closed_at = ticket->now;
	oms_event_add(ticket, OMS_EV_TICKET_CANCELLED, NULL, reason);
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

void
oms_decide_replace_output(OmsTicket *ticket, OmsStage *stage, Jsonb *output)
{
	OmsEvent   *event = oms_event_add(ticket, OMS_EV_CHANGED, stage, NULL);

	event->payload = output;
	stage->output_seq = event->seq;
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

/* A lease that ran out is an attempt */
static bool
expire_lease(OmsTicket *ticket, OmsStage *stage)
{
	if (stage->lease_until == OMS_NEVER || stage->lease_until > ticket->now ||
		!oms_verb_allowed(OMS_EXPIRE, stage->status))
		return false;
	oms_event_add(ticket, OMS_EV_LEASE_EXPIRED, stage, NULL);
	if (stage->attempt < oms_graph_stage(ticket->graph, stage->no)->max_attempts)
	{
		stage->attempt++;
		queue_again(ticket, stage, stage->queued_at);
	}
	else
		fail_for_good(ticket, stage, "no attempts left");
	settle_ticket(ticket);
	return true;
}

/* The pause before a retry is over */
static bool
announce(OmsTicket *ticket, OmsStage *stage)
{
	if (stage->status != OMS_QUEUED || stage->announce_at == OMS_NEVER ||
		stage->announce_at > ticket->now)
		return false;
	stage->announce_at = OMS_NEVER;
	oms_bell_dispatch(ticket, stage);
	ticket->last_bell->untraced = true;
	return true;
}

/*
 * Fire what is due, in the order in which it was due.  Returns how many fired; 0 if the timer was
 * armed too early, which only arms it anew.
 */
int
oms_decide_timers(OmsTicket *ticket, OmsStage *stage)
{
	int			fired = 0;

	if (stage->lease_until == OMS_NEVER || stage->due_at < stage->lease_until)
		fired += evaluate_clock(ticket, stage);
	fired += expire_lease(ticket, stage);
	fired += evaluate_clock(ticket, stage);
	fired += announce(ticket, stage);
	touch(stage);
	return fired;
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
	Jsonb	   *outputs = oms_condition_no_outputs();
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
