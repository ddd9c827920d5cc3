/*
 * moves.c
 *		How a stage gets from one state to another.
 *
 * Invariants:
 *	- started holds exactly the stages that are not waiting, finished those done or skipped;
 *	- a stage that has not started has no row unless ticket->waiting_rows, in which case the store is asked
 *	  for it (lookup->stage) before one is made up;
 *	- n_active counts the stages awaiting, queued, in progress or on hold; n_failed the failed ones;
 *	- n_holds counts the holds of the whole ticket: while there are any, every active stage is on hold;
 *	- after a change, every stage that can start has started.  With nothing active and nothing failed what is
 *	  left waits for a manual stage, at some distance (rework.c sees to it that no two wait for each other).
 */
#include "postgres.h"

#include "engine/event.h"
#include "engine/graph.h"
#include "engine/hold_set.h"
#include "engine/lookup.h"
#include "engine/moves.h"
#include "engine/rework_set.h"
#include "engine/stopwatch.h"
#include "engine/ticket.h"
#include "engine/timers.h"

/* The stage differs from its row; recompute when something happens to it by itself */
void
oms_touch(OmsTicket *ticket, OmsStage *stage)
{
	stage->timer_at = oms_next_timer(ticket, stage);
	stage->changed = true;
}

/*
 * The ticket ends: its clock stops, and nothing holds it any more.
 */
void
oms_close_ticket(OmsTicket *ticket, OmsTicketStatus status)
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
	oms_close_ticket(ticket, OMS_TICKET_CANCELLED);
	oms_event_add(ticket, OMS_EV_TICKET_CANCELLED, NULL, reason);
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

	ticket->n_active -= oms_is_active(stage);
	ticket->n_failed -= stage->status == OMS_STAGE_FAILED;
	if (stage->status == OMS_STAGE_HELD && status != OMS_STAGE_HELD)
		oms_end_holds(ticket, stage, ticket->now);
	stage->status = status;
	ticket->n_active += oms_is_active(stage);
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
	if (status != OMS_AWAITING && status != OMS_STAGE_HELD)
	{
		stage->wake_at = OMS_NEVER;
		stage->waits_for = stage->waits_key = NULL;
	}
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
	past->timer_at = past->wake_at = OMS_NEVER;
	past->waits_for = past->waits_key = NULL;
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
	ticket->waiting_rows = true;
	oms_clear_stage(ticket, stage);
	stage->cycle++;
}

/* The same for the ticket's clock */
void
oms_new_cycle_of_clock(OmsTicket *ticket, OmsStage *clock)
{
	keep_past(ticket, clock);
	oms_clear_stage(ticket, clock);
	clock->cycle++;
}

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

/* The stage needs attention; its clock runs on */
void
oms_fail_for_good(OmsTicket *ticket, OmsStage *stage, const char *error)
{
	oms_event_add(ticket, OMS_EV_FAILED, stage, error);
	stage->worker = stage->delegated_by = NULL;
	oms_move(ticket, stage, OMS_STAGE_FAILED);
	oms_add_alert(ticket, stage, "failed");
}

/*
 * A hold of the stage or its ticket was added by the last event.
 */
void
oms_put_on_hold(OmsTicket *ticket, OmsStage *stage, const OmsHold *hold)
{
	if (hold->stops_clock)
		oms_watch_pause(ticket, stage, ticket->now);
	if (stage->status != OMS_STAGE_HELD)
	{
		stage->held_from = stage->status;
		stage->held_at = ticket->now;
		oms_move(ticket, stage, OMS_STAGE_HELD);
	}
	oms_set_resume_at(ticket, stage);
	oms_touch(ticket, stage);
	oms_add_status(ticket, stage, "on_hold");
}

/*
 * A stage that would be queued while its ticket is on hold.  What the applicant is asked for counts for
 * this stage too.
 */
void
oms_hold_with_ticket(OmsTicket *ticket, OmsStage *stage)
{
	const OmsHold *first = NULL;
	bool		asks = false;

	ticket->lookup->holds(ticket);
	for (const OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
	{
		if (!oms_holds_now(hold, OMS_NO_STAGE))
			continue;
		asks |= oms_hold_asks_applicant(hold);
		if (first == NULL || hold->stops_clock > first->stops_clock)
			first = hold;
	}
	if (first == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the hold of a ticket that is on hold is missing")));
	oms_event_add_shown(ticket, OMS_EV_ON_HOLD, stage, first->reason, asks);
	oms_put_on_hold(ticket, stage, first);
}
