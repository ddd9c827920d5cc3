/*
 * moves.c
 *		How a stage gets from one state to another, and what follows for its ticket.
 *
 * Invariants:
 *	- started holds exactly the stages that are not waiting, finished those done or skipped;
 *	- a stage that has not started has no row unless ticket->odd_rows, in which case the store is asked
 *	  for it (lookup->stage) before one is made up;
 *	- n_active counts the stages queued, in progress or on hold; n_failed the failed ones;
 *	- n_holds counts the holds of the whole ticket: while there are any, every active stage is on hold;
 *	- after a change, every stage that can start has started.  With nothing active and nothing failed what is
 *	  left waits for a manual stage, at some distance (rework.c sees to it that no two wait for each other).
 */
#include "postgres.h"

#include "miscadmin.h"

#include "engine/condition.h"
#include "engine/event.h"
#include "engine/lifecycle.h"
#include "engine/lookup.h"
#include "engine/moves.h"
#include "engine/stopwatch.h"
#include "errors.h"

/* From so many stages on a ticket in memory has an array of them */
#define MANY_STAGES	16

/*
 * A stage that was loaded or made before, or NULL.
 */
OmsStage *
oms_ticket_find(const OmsTicket *ticket, int no)
{
	if (no == OMS_NO_STAGE)
		return ticket->clock;
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
	if (stage->no == OMS_NO_STAGE)
	{
		ticket->clock = stage;
		return;
	}
	if (ticket->last_stage == NULL)
		ticket->stages = stage;
	else
		ticket->last_stage->next = stage;
	ticket->last_stage = stage;
	if (++ticket->nstages == MANY_STAGES)
	{
		ticket->by_no = palloc0(sizeof(OmsStage *) * ticket->graph->nstages);
		for (OmsStage *s = ticket->stages; s != NULL; s = s->next)
			ticket->by_no[s->no - 1] = s;
	}
	else if (ticket->by_no != NULL)
		ticket->by_no[stage->no - 1] = stage;
}

/* As a stage is before it starts in a cycle */
static void
clear_stage(const OmsTicket *ticket, OmsStage *stage)
{
	stage->owner = stage->no == OMS_NO_STAGE ? "" : oms_graph_stage(ticket->graph, stage->no)->owner;
	stage->worker = stage->delegated_by = stage->finished_by = NULL;
	stage->priority = ticket->priority;
	stage->attempt = 1;
	stage->level = stage->output_seq = stage->held_from = 0;
	stage->token = stage->held_us = 0;
	stage->lease_us = OMS_NO_LENGTH;
	stage->queued_at = stage->ready_at = stage->announce_at = OMS_NEVER;
	stage->started_at = stage->finished_at = stage->lease_until = OMS_NEVER;
	stage->timer_at = stage->held_at = stage->resume_at = OMS_NEVER;
	oms_watch_clear(stage);
}

static OmsStage *
new_stage(OmsTicket *ticket, int no)
{
	OmsStage   *stage = palloc0(sizeof(OmsStage));

	stage->no = no;
	stage->status = no == OMS_NO_STAGE ? OMS_TICKET_CLOCK
		: ticket->status == OMS_TICKET_CANCELLED ? OMS_STAGE_CANCELLED : OMS_WAITING;
	stage->cycle = 1;
	clear_stage(ticket, stage);
	oms_ticket_add(ticket, stage);
	return stage;
}

/*
 * The ticket's own clock, made if it has none.
 */
OmsStage *
oms_ticket_clock(OmsTicket *ticket)
{
	OmsStage   *clock = ticket->clock;

	if (clock == NULL && ticket->has_clock)
		clock = ticket->lookup->stage(ticket, OMS_NO_STAGE);
	if (clock == NULL)
		clock = new_stage(ticket, OMS_NO_STAGE);
	ticket->has_clock = true;
	return clock;
}

/*
 * A stage that has not started, of a loaded ticket: one without a row is made up as waiting (or as
 * cancelled with its ticket, which leaves waiting stages without a row).
 */
OmsStage *
oms_ticket_stage(OmsTicket *ticket, int no)
{
	OmsStage   *stage = oms_ticket_find(ticket, no);

	if (stage == NULL && ticket->odd_rows)
		stage = ticket->lookup->stage(ticket, no);
	return stage != NULL ? stage : new_stage(ticket, no);
}

/*
 * A stage that has started, of a ticket to be changed.
 */
OmsStage *
oms_started_stage(OmsTicket *ticket, int no)
{
	OmsStage   *stage = oms_ticket_find(ticket, no);

	return stage != NULL ? stage : ticket->lookup->stage(ticket, no);
}

/* Without odd rows there is nothing to look for */
static OmsStage *
unstarted_stage(OmsTicket *ticket, int no)
{
	return ticket->odd_rows ? oms_ticket_stage(ticket, no) : new_stage(ticket, no);
}

/*
 * Has the worker with the last token lost the stage, though nobody else has taken it?
 */
static bool
is_vacant(const OmsStage *stage)
{
	return stage->status == OMS_QUEUED || stage->status == OMS_WAITING ||
		(stage->status == OMS_STAGE_HELD && stage->held_from == OMS_QUEUED);
}

static bool
is_closed(const OmsTicket *ticket)
{
	return ticket->status == OMS_TICKET_DONE || ticket->status == OMS_TICKET_CANCELLED;
}

/*
 * May the verb be applied?  In a closed ticket only what may be said of a cancelled stage.  Who has a
 * stage that is on hold may finish it, by the token.
 */
static bool
is_allowed(const OmsTicket *ticket, const OmsStage *stage, OmsVerb verb, const int64 *token)
{
	if (verb == OMS_FINISH && stage->status == OMS_STAGE_HELD)
		return token != NULL && !is_vacant(stage);
	return oms_verb_allowed(verb, stage->status) &&
		(!is_closed(ticket) || oms_verb_allowed(verb, OMS_STAGE_CANCELLED));
}

/*
 * Let everything happen that was due before, then raise an error unless the verb may be applied.  A
 * token that is given must be the current one; whoever held the stage once learns that it is gone
 * (OM006) before the state is looked at.
 */
void
oms_require(OmsTicket *ticket, OmsStage *stage, OmsVerb verb, const int64 *token)
{
	const char *id = oms_graph_stage(ticket->graph, stage->no)->id;
	char		number[OMS_TICKET_ID_TEXT_SIZE];
	bool		allowed;

	oms_catch_up(ticket, stage);
	allowed = is_allowed(ticket, stage, verb, token);
	if (token != NULL && (allowed || stage->token != 0 || stage->cycle > 1) &&
		(stage->token != *token || is_vacant(stage)))
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
				 is_closed(ticket) ? errdetail("The ticket is %s.", oms_ticket_status_name(ticket->status)) : 0));
}

/* Who did a stage, or has it: its worker, and who finished it for that one */
static bool
had_a_hand(const OmsStage *stage, const char *name)
{
	return (stage->worker != NULL && strcmp(stage->worker, name) == 0) ||
		(stage->finished_by != NULL && strcmp(stage->finished_by, name) == 0);
}

/*
 * Did the role that calls do a stage?  One role may stand for many persons; who acts by the names and
 * tokens of others is known by these.
 */
static bool
role_had_a_hand(const OmsStage *stage, const OmsDoer *doer)
{
	return doer->person && (doer->in_person ? had_a_hand(stage, doer->role)
							: stage->worker != NULL && strcmp(stage->worker, doer->role) == 0);
}

/*
 * Has somebody else to do this stage, because the worker or the caller (NULL: nobody takes or finishes it
 * now) did one that it must not be the same as, or is just doing it?  Returns the number of that stage,
 * 0: none.
 */
int
oms_same_hands(OmsTicket *ticket, const OmsStage *stage, const char *worker, const OmsDoer *doer)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);

	for (int i = 0; i < def->nothers; i++)
	{
		const OmsStage *other = oms_set_has(ticket->started, def->others[i])
			? oms_started_stage(ticket, def->others[i]) : NULL;

		if (other != NULL && other->status != OMS_SKIPPED &&
			(had_a_hand(other, worker) || (doer != NULL && role_had_a_hand(other, doer))))
			return other->no;
	}
	return 0;
}

/*
 * Raise an error if somebody else has to do this stage.
 */
void
oms_require_other_hands(OmsTicket *ticket, const OmsStage *stage, const char *worker, const OmsDoer *doer)
{
	int			other = oms_same_hands(ticket, stage, worker, NULL);
	const char *who = worker;
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	if (other == 0 && doer != NULL)
	{
		other = oms_same_hands(ticket, stage, worker, doer);
		who = doer->role;
	}
	if (other != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("worker \"%s\" cannot do stage \"%s\" of ticket %s", who,
						oms_graph_stage(ticket->graph, stage->no)->id,
						oms_ticket_id_to_text(ticket->id, number)),
				 errdetail("The same worker has stage \"%s\", and the workflow wants two persons.",
						   oms_graph_stage(ticket->graph, other)->id)));
}

/* The stage differs from its row; work out anew when something happens to it by itself */
void
oms_touch(OmsTicket *ticket, OmsStage *stage)
{
	stage->timer_at = oms_next_alarm(ticket, stage);
	stage->changed = true;
}

/* The ticket ends: its clock stops, and nothing holds it any more */
static void
close_ticket(OmsTicket *ticket, OmsTicketStatus status)
{
	ticket->status = status;
	ticket->closed_at = ticket->now;
	if (ticket->n_holds > 0)
		oms_drop_holds(ticket, OMS_NO_STAGE);
	if (ticket->has_clock)
	{
		OmsStage   *clock = oms_ticket_clock(ticket);

		oms_watch_stop(clock, ticket->now);
		clock->finished_at = ticket->now;
		clock->resume_at = OMS_NEVER;
		oms_touch(ticket, clock);
	}
}

/*
 * The ticket was cancelled.
 */
void
oms_cancel_ticket_now(OmsTicket *ticket, const char *reason)
{
	close_ticket(ticket, OMS_TICKET_CANCELLED);
	oms_event_add(ticket, OMS_EV_TICKET_CANCELLED, NULL, reason);
}

/*
 * Bring the ticket's own state in line with its stages; the last step of every change.
 *
 * With nothing active and nothing failed, whatever has not started waits for a manual stage that
 * nobody started, and a ticket does not wait for those.
 */
void
oms_settle(OmsTicket *ticket)
{
	bool		over = ticket->n_active == 0 && ticket->n_failed == 0;

	if (over && !is_closed(ticket) && ticket->has_clock)
		oms_catch_up(ticket, oms_ticket_clock(ticket));
	if (is_closed(ticket))
		return;
	if (over)
	{
		close_ticket(ticket, OMS_TICKET_DONE);
		oms_event_add(ticket, OMS_EV_TICKET_DONE, NULL, NULL);
	}
	else if (ticket->n_holds > 0)
		return;
	else if (ticket->n_active > 0 || ticket->n_failed == 0)
		ticket->status = OMS_TICKET_OPEN;
	else if (ticket->status != OMS_TICKET_FAILED)
	{
		oms_event_add(ticket, OMS_EV_TICKET_FAILED, NULL, NULL);
		ticket->status = OMS_TICKET_FAILED;
	}
}

static bool
is_active(const OmsStage *stage)
{
	return stage->status == OMS_QUEUED || stage->status == OMS_IN_PROGRESS ||
		stage->status == OMS_STAGE_HELD;
}

static bool
is_finished(char status)
{
	return status == OMS_STAGE_DONE || status == OMS_SKIPPED;
}

/*
 * Move a stage to another state and keep the ticket's counters and sets in step.  A stage that ends
 * takes its clock and its holds along.
 */
void
oms_move(OmsTicket *ticket, OmsStage *stage, OmsStageStatus status)
{
	bool		ends = is_finished(status) || status == OMS_STAGE_CANCELLED;

	ticket->n_active -= is_active(stage);
	ticket->n_failed -= stage->status == OMS_STAGE_FAILED;
	if (stage->status == OMS_STAGE_HELD && status != OMS_STAGE_HELD)
		oms_end_holds(ticket, stage, ticket->now);
	stage->status = status;
	ticket->n_active += is_active(stage);
	ticket->n_failed += status == OMS_STAGE_FAILED;

	if (status != OMS_WAITING)
		oms_set_add(ticket->started, stage->no);
	if (status != OMS_WAITING && status != OMS_STAGE_CANCELLED)
		oms_drop_reworks_of(ticket, stage->no);
	if (is_finished(status))
		oms_set_add(ticket->finished, stage->no);
	if (status == OMS_STAGE_DONE || status == OMS_WAITING)
		ticket->outputs = NULL;
	if (status != OMS_IN_PROGRESS)
		stage->lease_until = OMS_NEVER;
	if (status != OMS_QUEUED)
		stage->announce_at = OMS_NEVER;
	if (ends)
	{
		oms_watch_stop(stage, ticket->now);
		stage->finished_at = ticket->now;
		stage->delegated_by = NULL;
	}
	oms_touch(ticket, stage);
}

/* The present cycle is history */
static void
keep_past(OmsTicket *ticket, const OmsStage *stage)
{
	OmsStage   *past = palloc(sizeof(OmsStage));

	*past = *stage;
	oms_watch_stop(past, ticket->now);
	past->timer_at = OMS_NEVER;
	past->next = ticket->past;
	ticket->past = past;
}

/*
 * A stage has this output from now on (NULL: none), brought by the event of that number.
 */
void
oms_set_output(OmsTicket *ticket, OmsStage *stage, const Jsonb *output, int seq)
{
	const Jsonb *before = stage->output_seq == 0 ? NULL : ticket->lookup->payload(ticket, stage->output_seq);

	ticket->output_bytes += (output == NULL ? 0 : VARSIZE(output)) - (before == NULL ? 0 : VARSIZE(before));
	stage->output_seq = output == NULL ? 0 : seq;
}

/*
 * A stage waits in its next cycle, as if it had never started.
 */
void
oms_new_cycle(OmsTicket *ticket, OmsStage *stage)
{
	keep_past(ticket, stage);
	oms_set_output(ticket, stage, NULL, 0);
	oms_move(ticket, stage, OMS_WAITING);
	oms_set_remove(ticket->started, stage->no);
	oms_set_remove(ticket->finished, stage->no);
	ticket->odd_rows = true;
	clear_stage(ticket, stage);
	stage->cycle++;
}

/* The same for the ticket's clock */
void
oms_new_cycle_of_clock(OmsTicket *ticket, OmsStage *clock)
{
	keep_past(ticket, clock);
	clear_stage(ticket, clock);
	clock->cycle++;
}

/* ---- who gets a queued stage ---- */

/*
 * A person has the stage from now on, without a lease; the number of the event is the new token.
 */
void
oms_give_to(OmsTicket *ticket, OmsStage *stage, OmsEventKind kind, const char *worker,
			const char *note)
{
	if (stage->status != OMS_IN_PROGRESS)
		stage->started_at = ticket->now;
	stage->worker = worker;
	stage->lease_us = OMS_NO_LENGTH;
	stage->lease_until = OMS_NEVER;
	oms_move(ticket, stage, OMS_IN_PROGRESS);
	stage->token = oms_event_add(ticket, kind, stage, note)->seq;
}

/* Where it stood in the queue; what was queued before the clock was set back is not late for that */
static TimestampTz
old_place(const OmsTicket *ticket, const OmsStage *stage)
{
	return Min(stage->queued_at, ticket->real_now);
}

/* Nobody has the stage any more: at its old place in the queue */
static void
back_to_queue(OmsTicket *ticket, OmsStage *stage)
{
	stage->worker = stage->delegated_by = NULL;
	stage->started_at = OMS_NEVER;
	stage->ready_at = old_place(ticket, stage);
	oms_move(ticket, stage, OMS_QUEUED);
}

/* Nobody is there to do the stage: it stays in the queue, and somebody has to know */
static void
nobody_there(OmsTicket *ticket, OmsStage *stage, const char *note)
{
	oms_event_add(ticket, OMS_EV_UNASSIGNED, stage, note);
	oms_bell_alert(ticket, stage, "unassigned");
	oms_bell_dispatch(ticket, stage);
}

/*
 * Who may be given the work of an owner now and is free to do this stage; best first.
 */
static List *
free_candidates(OmsTicket *ticket, const OmsStage *stage, const char *owner)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, ticket->lookup->candidates(owner, ticket->now))
	{
		OmsCandidate *candidate = lfirst(cell);

		if (oms_same_hands(ticket, stage, candidate->person, NULL) == 0)
			result = lappend(result, candidate);
	}
	return result;
}

/*
 * Hand a stage out to a member of its owner.
 */
static void
hand_out(OmsTicket *ticket, OmsStage *stage)
{
	const OmsCandidate *chosen = NULL;
	bool		taken = false;
	ListCell   *cell;

	/* somebody who is just being given other work is passed over while there are others */
	foreach(cell, free_candidates(ticket, stage, stage->owner))
	{
		const OmsCandidate *candidate = lfirst(cell);

		if (taken)
			break;
		taken = ticket->lookup->take_turn(stage->owner, candidate, ticket->now);
		if (taken || chosen == NULL)
			chosen = candidate;
	}
	if (chosen == NULL)
	{
		nobody_there(ticket, stage, psprintf("no member of %s is there", stage->owner));
		return;
	}
	ticket->lookup->was_assigned(chosen);
	oms_bell_dispatch(ticket, stage);
	oms_give_to(ticket, stage, OMS_EV_ASSIGNED, chosen->person, NULL);
}

/*
 * Who is there in place of somebody: that one, or the first of the stand-ins who is not away and free to
 * do the stage; NULL: nobody.  A group is there if one of its members is.
 */
static const char *
who_is_there(OmsTicket *ticket, const OmsStage *stage, const char *person)
{
	const char *name = person;
	const char *stand_in;

	for (int i = 0; ticket->lookup->is_away(name, ticket->now, &stand_in); i++)
	{
		if (stand_in == NULL || i == OMS_MAX_STAND_INS)
			return NULL;
		name = stand_in;
	}
	if (strcmp(name, person) == 0)
		return name;
	if (ticket->lookup->is_group(name) ? free_candidates(ticket, stage, name) == NIL
		: oms_same_hands(ticket, stage, name, NULL) != 0)
		return NULL;
	return name;
}

/*
 * Offer a stage to a person, or to whoever stands in while that person is away.
 */
static void
offer_to_person(OmsTicket *ticket, OmsStage *stage)
{
	const char *person = who_is_there(ticket, stage, stage->owner);
	OmsOwner	owner;

	if (person == NULL)
	{
		nobody_there(ticket, stage, psprintf("%s is away, and nobody stands in", stage->owner));
		return;
	}
	if (strcmp(person, stage->owner) != 0)
	{
		char	   *note = psprintf("%s is away", stage->owner);

		stage->owner = person;
		oms_event_add(ticket, OMS_EV_REASSIGNED, stage, note);
		ticket->lookup->owner(person, &owner);
		if (owner.assigns)
		{
			hand_out(ticket, stage);
			return;
		}
	}
	oms_bell_dispatch(ticket, stage);
}

/*
 * A delegated stage goes back to the one who delegated it, to who stands in for that one (of a group: the
 * best of its members), or, with nobody there, into the queue.
 */
void
oms_give_back(OmsTicket *ticket, OmsStage *stage, const char *note)
{
	const char *from = stage->delegated_by;
	const char *to = who_is_there(ticket, stage, from);

	if (to == NULL)
	{
		oms_event_add(ticket, OMS_EV_RELEASED, stage, note);
		back_to_queue(ticket, stage);
		nobody_there(ticket, stage, psprintf("%s is away, and nobody stands in", from));
		return;
	}
	if (strcmp(to, from) != 0 && ticket->lookup->is_group(to))
	{
		const OmsCandidate *chosen = linitial(free_candidates(ticket, stage, to));

		(void) ticket->lookup->take_turn(to, chosen, ticket->now);
		ticket->lookup->was_assigned(chosen);
		to = chosen->person;
	}
	stage->delegated_by = NULL;
	oms_give_to(ticket, stage, OMS_EV_RESOLVED, to, note);
}

/*
 * Offer a queued stage: to a member of its owner if the work of that is handed out, else to whoever
 * claims it.
 */
void
oms_offer(OmsTicket *ticket, OmsStage *stage)
{
	OmsOwner	owner;

	if (ticket->n_holds > 0)
	{
		oms_hold_with_ticket(ticket, stage);
		return;
	}
	ticket->lookup->owner(stage->owner, &owner);
	if (owner.assigns)
		hand_out(ticket, stage);
	else if (owner.person)
		offer_to_person(ticket, stage);
	else
		oms_bell_dispatch(ticket, stage);
}

/* ---- queueing ---- */

/*
 * Queue a stage whose dependencies are met, for the first time in this cycle: its clock starts.
 */
void
oms_queue_first(OmsTicket *ticket, OmsStage *stage, const char *note)
{
	stage->queued_at = ticket->now;
	stage->ready_at = ticket->real_now;
	oms_move(ticket, stage, OMS_QUEUED);
	oms_event_add(ticket, OMS_EV_QUEUED, stage, note);
	oms_watch_start(ticket, stage, ticket->now, ticket->n_holds == 0 || !oms_ticket_stops_clocks(ticket));
	oms_touch(ticket, stage);
	oms_offer(ticket, stage);
}

/*
 * Queue a stage again within its cycle, at its old place; with a pause (by the real clock) it can be
 * claimed only when that is over.
 */
void
oms_queue_again(OmsTicket *ticket, OmsStage *stage, int64 pause)
{
	stage->worker = NULL;
	stage->delegated_by = NULL;
	stage->started_at = OMS_NEVER;
	stage->ready_at = pause > 0 ? ticket->real_now + pause : old_place(ticket, stage);
	stage->announce_at = pause > 0 ? stage->ready_at : OMS_NEVER;
	oms_move(ticket, stage, OMS_QUEUED);
	if (stage->announce_at == OMS_NEVER)
		oms_offer(ticket, stage);
	else if (ticket->n_holds > 0)
		oms_hold_with_ticket(ticket, stage);
}

/*
 * Somebody gave the stage back: to the queue, where anybody else may take it, and not to the next one
 * in turn, who may be the same.
 */
void
oms_put_back(OmsTicket *ticket, OmsStage *stage)
{
	back_to_queue(ticket, stage);
	oms_bell_dispatch(ticket, stage);
}

/*
 * Is the stage known not to be needed?
 */
static bool
is_left_out(OmsTicket *ticket, const OmsStageDef *def)
{
	if (def->min_amount == NULL && def->when == NULL)
		return false;
	if (ticket->outputs == NULL)
		ticket->lookup->conditions(ticket);
	return oms_condition_false(def, ticket->data, ticket->outputs);
}

/*
 * A stage whose dependencies are met: queue it, or skip it if a condition is known to be false.
 * True if it was skipped, so that its dependants are to be looked at in turn.
 */
static bool
start_or_skip(OmsTicket *ticket, int no, List **queued)
{
	bool		left_out = is_left_out(ticket, oms_graph_stage(ticket->graph, no));
	OmsStage   *stage = unstarted_stage(ticket, no);

	if (left_out)
	{
		oms_move(ticket, stage, OMS_SKIPPED);
		oms_event_add(ticket, OMS_EV_SKIPPED, stage, "condition is false");
		return true;
	}
	oms_queue_first(ticket, stage, NULL);
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
List *
oms_resolve(OmsTicket *ticket, int *work, int nwork)
{
	List	   *queued = NIL;

	for (int head = 0; head < nwork; head++)
	{
		const OmsStageDef *def = oms_graph_stage(ticket->graph, work[head]);
		ListCell   *cell;

		CHECK_FOR_INTERRUPTS();
		foreach(cell, oms_drop_reworks_to(ticket, work[head]))
		{
			if (can_start(ticket, lfirst_int(cell)) && start_or_skip(ticket, lfirst_int(cell), &queued))
				work[nwork++] = lfirst_int(cell);
		}
		for (int i = 0; i < def->ndependants; i++)
		{
			int			no = def->dependants[i];

			if (can_start(ticket, no) && start_or_skip(ticket, no, &queued))
				work[nwork++] = no;
		}
	}
	list_sort(queued, list_int_cmp);
	return queued;
}

List *
oms_resolve_after(OmsTicket *ticket, int no)
{
	int		   *work = palloc(sizeof(int) * ticket->graph->nstages);

	work[0] = no;
	return oms_resolve(ticket, work, 1);
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
		if (start_or_skip(ticket, lfirst_int(cell), &queued))
			work[nwork++] = lfirst_int(cell);
	}
	oms_resolve(ticket, work, nwork);
}
