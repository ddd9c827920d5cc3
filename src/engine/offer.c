/*
 * offer.c
 *		Who gets a stage that is queued.
 */
#include "postgres.h"

#include "engine/event.h"
#include "engine/hands.h"
#include "engine/hold_set.h"
#include "engine/lookup.h"
#include "engine/moves.h"
#include "engine/offer.h"
#include "engine/stopwatch.h"

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
	oms_add_alert(ticket, stage, "unassigned");
	oms_add_dispatch(ticket, stage);
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
	oms_add_dispatch(ticket, stage);
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
	oms_add_dispatch(ticket, stage);
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

	if (ticket->in_past)
		return;
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
		oms_add_dispatch(ticket, stage);
}

/* ---- queueing ---- */

/*
 * Queue a stage whose limit was judged for the first time in this cycle: its clock starts, at that instant however late it is noticed.
 * Citizens have heard of one that was awaiting.
 */
void
oms_queue_first(OmsTicket *ticket, OmsStage *stage, TimestampTz at, const char *note)
{
	stage->queued_at = at;
	stage->ready_at = Min(at, ticket->real_now);
	oms_move(ticket, stage, OMS_QUEUED);
	oms_event_add_shown(ticket, OMS_EV_QUEUED, stage, note, stage->awaiting_at == OMS_NEVER);
	oms_watch_start(ticket, stage, at, ticket->n_holds == 0 || !oms_ticket_stops_clocks(ticket));
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
	oms_add_dispatch(ticket, stage);
}

/*
 * Another owner is responsible from now on.  One who takes over a failed stage gets fresh attempts; a
 * stage on hold is queued for the new owner when it goes on.
 */
void
oms_hand_over(OmsTicket *ticket, OmsStage *stage, const char *owner, const char *reason)
{
	if (stage->status == OMS_STAGE_FAILED)
		stage->attempt = 1;
	stage->owner = owner;
	stage->worker = stage->delegated_by = NULL;
	oms_event_add(ticket, OMS_EV_REASSIGNED, stage, reason);
	if (stage->status == OMS_STAGE_HELD)
	{
		stage->held_from = OMS_QUEUED;
		stage->started_at = OMS_NEVER;
		oms_touch(ticket, stage);
		return;
	}
	oms_queue_again(ticket, stage, 0);
}
