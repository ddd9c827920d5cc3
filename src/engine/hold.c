/*
 * hold.c
 *		Putting stages and whole tickets on hold, and going on.
 *
 * Holds are a set: of a stage, and of its ticket.  A stage is on hold while the set is not empty, and its
 * clock runs while none in it stops clocks.  Lifted holds stay in oms.hold as history.
 */
#include "postgres.h"

#include "engine/event.h"
#include "engine/graph.h"
#include "engine/lifecycle.h"
#include "engine/lookup.h"
#include "engine/moves.h"
#include "engine/stopwatch.h"

/* ---- the set ---- */

static bool
holds_now(const OmsHold *hold, int no)
{
	return hold->lifted_at == OMS_NEVER && hold->stage == no;
}

static bool
concerns(const OmsHold *hold, int no)
{
	return holds_now(hold, no) || holds_now(hold, OMS_NO_STAGE);
}

static bool
is_held(OmsTicket *ticket, int no)
{
	ticket->lookup->holds(ticket);
	for (const OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
		if (concerns(hold, no))
			return true;
	return false;
}

static bool
is_stopped(OmsTicket *ticket, int no)
{
	ticket->lookup->holds(ticket);
	for (const OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
		if (concerns(hold, no) && hold->stops_clock)
			return true;
	return false;
}

/*
 * Does a hold of the whole ticket stop the clocks of its stages?
 */
bool
oms_ticket_stops_clocks(OmsTicket *ticket)
{
	return is_stopped(ticket, OMS_NO_STAGE);
}

/* How often a reason was given for this ticket and its stages, lifted or not */
int
oms_count_holds(OmsTicket *ticket, const char *reason)
{
	int			count = 0;

	ticket->lookup->holds(ticket);
	for (const OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
		count += strcmp(hold->reason, reason) == 0;
	return count;
}

static OmsHold *
add_hold(OmsTicket *ticket, int no, const OmsHold *terms)
{
	OmsHold    *hold = palloc(sizeof(OmsHold));
	OmsHold   **last = &ticket->holds;

	ticket->lookup->holds(ticket);
	*hold = *terms;
	hold->seq = ticket->seq;
	hold->stage = no;
	hold->held_at = ticket->now;
	hold->lifted_at = OMS_NEVER;
	hold->changed = true;
	while (*last != NULL)
		last = &(*last)->next;
	*last = hold;
	return hold;
}

static void
set_resume_at(OmsTicket *ticket, OmsStage *stage)
{
	stage->resume_at = OMS_NEVER;
	for (const OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
		if (holds_now(hold, stage->no) && hold->until != OMS_NEVER &&
			(stage->resume_at == OMS_NEVER || hold->until < stage->resume_at))
			stage->resume_at = hold->until;
}

static void
lift(OmsTicket *ticket, OmsHold *hold, TimestampTz at)
{
	/* it may have begun before the clock was set back */
	hold->lifted_at = Max(at, hold->held_at);
	hold->changed = true;
	if (hold->stage == OMS_NO_STAGE)
		ticket->n_holds--;
}

/* ---- holding ---- */

bool
oms_hold_asks_applicant(const OmsHold *hold)
{
	return hold->waiting_on != NULL && strcmp(hold->waiting_on, "applicant") == 0;
}

/*
 * A hold of the stage or its ticket was added by the last event.
 */
static void
put_on_hold(OmsTicket *ticket, OmsStage *stage, const OmsHold *hold)
{
	if (hold->stops_clock)
		oms_watch_pause(ticket, stage, ticket->now);
	if (stage->status != OMS_STAGE_HELD)
	{
		stage->held_from = stage->status;
		stage->held_at = ticket->now;
		oms_move(ticket, stage, OMS_STAGE_HELD);
	}
	set_resume_at(ticket, stage);
	oms_touch(ticket, stage);
	oms_bell_status(ticket, stage, "on_hold");
}

/*
 * A stage waits for something.  terms: everything of a hold but when and where.
 */
void
oms_decide_hold(OmsTicket *ticket, OmsStage *stage, const OmsHold *terms)
{
	oms_event_add_shown(ticket, OMS_EV_ON_HOLD, stage, terms->reason, oms_hold_asks_applicant(terms));
	put_on_hold(ticket, stage, add_hold(ticket, stage->no, terms));
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
		if (!holds_now(hold, OMS_NO_STAGE))
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
	put_on_hold(ticket, stage, first);
}

/*
 * The whole ticket waits.  Needs every stage that has a row, caught up.
 */
void
oms_decide_hold_ticket(OmsTicket *ticket, const OmsHold *terms)
{
	OmsHold    *hold;

	oms_event_add(ticket, OMS_EV_TICKET_HELD, NULL, terms->reason);
	hold = add_hold(ticket, OMS_NO_STAGE, terms);
	ticket->n_holds++;
	ticket->status = OMS_TICKET_HELD;
	if (ticket->has_clock || hold->until != OMS_NEVER)
	{
		OmsStage   *clock = oms_ticket_clock(ticket);

		if (hold->stops_clock)
			oms_watch_pause(ticket, clock, ticket->now);
		set_resume_at(ticket, clock);
		oms_touch(ticket, clock);
	}
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
	{
		if (!oms_verb_allowed(OMS_HOLD, stage->status))
			continue;
		oms_event_add_shown(ticket, OMS_EV_ON_HOLD, stage, terms->reason, oms_hold_asks_applicant(terms));
		put_on_hold(ticket, stage, hold);
	}
}

/* ---- going on ---- */

/*
 * The last hold of a stage is gone: back to where it came from.  A lease starts anew.
 */
static void
go_on(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	char		to = stage->held_from;

	oms_end_holds(ticket, stage, at);
	oms_move(ticket, stage, to);
	if (to == OMS_IN_PROGRESS && stage->lease_us != OMS_NO_LENGTH)
		stage->lease_until = ticket->real_now + stage->lease_us;
	/* a pause before a retry is not over */
	if (to == OMS_QUEUED && stage->ready_at > stage->queued_at && stage->ready_at > ticket->real_now)
		stage->announce_at = stage->ready_at;
	oms_touch(ticket, stage);
	if (to == OMS_QUEUED && stage->announce_at == OMS_NEVER)
		oms_offer(ticket, stage);
	/* who stopped working on it because of the hold can go on */
	if (to == OMS_IN_PROGRESS)
		oms_bell_status(ticket, stage, "in progress");
}

/*
 * Holds of the stage or its ticket were lifted: say so, and go on as far as nothing else holds it.
 */
static void
after_lifting(OmsTicket *ticket, OmsStage *stage, TimestampTz at, const char *note)
{
	bool		held = is_held(ticket, stage->no);

	oms_event_add(ticket, held ? OMS_EV_HOLD_LIFTED : OMS_EV_RESUMED, stage, note);
	if (!is_stopped(ticket, stage->no))
		oms_watch_resume(ticket, stage, at);
	set_resume_at(ticket, stage);
	if (held)
		oms_touch(ticket, stage);
	else
		go_on(ticket, stage, at);
}

/*
 * What a stage leaves on hold when it goes on or ends.
 */
void
oms_end_holds(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	if (stage->held_at == OMS_NEVER)
		return;
	oms_drop_holds(ticket, stage->no);
	stage->held_us += Max(at - stage->held_at, 0);
	stage->held_at = stage->resume_at = OMS_NEVER;
	stage->held_from = 0;
}

/*
 * Nothing of these holds matters any more.
 */
void
oms_drop_holds(OmsTicket *ticket, int no)
{
	ticket->lookup->holds(ticket);
	for (OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
		if (holds_now(hold, no))
			lift(ticket, hold, ticket->now);
}

/*
 * Which holds to lift: those of a reason (NULL: any), and of those only what has run out by then
 * (DT_NOEND: whether it runs out or not).
 */
static int
lift_holds(OmsTicket *ticket, int no, const char *reason, TimestampTz run_out, TimestampTz at)
{
	int			count = 0;

	ticket->lookup->holds(ticket);
	for (OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
	{
		if (!holds_now(hold, no) || (reason != NULL && strcmp(hold->reason, reason) != 0))
			continue;
		if (run_out != DT_NOEND && (hold->until == OMS_NEVER || hold->until > run_out))
			continue;
		lift(ticket, hold, at);
		count++;
	}
	return count;
}

/*
 * The holds of the whole ticket were lifted: the ticket and its stages go on as far as they can.
 */
static void
after_lifting_ticket(OmsTicket *ticket, TimestampTz at, const char *note)
{
	oms_event_add(ticket, ticket->n_holds > 0 ? OMS_EV_HOLD_LIFTED : OMS_EV_TICKET_RESUMED, NULL, note);
	if (ticket->has_clock)
	{
		OmsStage   *clock = oms_ticket_clock(ticket);

		if (!is_stopped(ticket, OMS_NO_STAGE))
			oms_watch_resume(ticket, clock, at);
		set_resume_at(ticket, clock);
		oms_touch(ticket, clock);
	}
	if (ticket->n_holds == 0)
		ticket->status = OMS_TICKET_OPEN;
	ticket->lookup->all_stages(ticket);
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
		if (stage->status == OMS_STAGE_HELD)
			after_lifting(ticket, stage, at, note);
	oms_settle(ticket);
}

/*
 * Lift the holds of a stage, or those of one reason.  Returns how many there were; 0: nothing done.
 */
int
oms_decide_resume(OmsTicket *ticket, OmsStage *stage, const char *reason)
{
	int			count = lift_holds(ticket, stage->no, reason, DT_NOEND, ticket->now);

	if (count > 0)
		after_lifting(ticket, stage, ticket->now, reason);
	return count;
}

int
oms_decide_resume_ticket(OmsTicket *ticket, const char *reason)
{
	int			count = lift_holds(ticket, OMS_NO_STAGE, reason, DT_NOEND, ticket->now);

	if (count > 0)
		after_lifting_ticket(ticket, ticket->now, reason);
	return count;
}

/*
 * Holds of the stage (or, for the ticket's clock, of the ticket) have run out.  Their clocks run from
 * then on, however late this is noticed.
 */
void
oms_holds_run_out(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	char	   *note = psprintf("held until %s", oms_time_text(at));

	if (stage->no == OMS_NO_STAGE)
	{
		ticket->lookup->all_stages(ticket);
		for (OmsStage *other = ticket->stages; other != NULL; other = other->next)
			oms_catch_up_alone(ticket, other, at);
	}
	lift_holds(ticket, stage->no, NULL, at, at);
	if (stage->no == OMS_NO_STAGE)
		after_lifting_ticket(ticket, at, note);
	else
		after_lifting(ticket, stage, at, note);
}
