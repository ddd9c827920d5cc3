/*
 * hold_set.c
 *		The holds of a ticket and its stages, as a set.
 *
 * A stage is on hold while a hold of it or of its ticket is there, and its clock runs while none of them stops clocks.  Lifted
 * holds stay in oms.hold as history.
 */
#include "postgres.h"

#include "engine/hold_set.h"
#include "engine/lookup.h"

/*
 * Does a hold hold this stage (OMS_NO_STAGE: the ticket), now?
 */
bool
oms_holds_now(const OmsHold *hold, int no)
{
	return hold->lifted_at == OMS_NEVER && hold->stage == no;
}

static bool
concerns(const OmsHold *hold, int no)
{
	return oms_holds_now(hold, no) || oms_holds_now(hold, OMS_NO_STAGE);
}

/*
 * Does a hold of the stage or its ticket hold it now?
 */
bool
oms_is_held(OmsTicket *ticket, int no)
{
	ticket->lookup->holds(ticket);
	for (const OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
		if (concerns(hold, no))
			return true;
	return false;
}

/*
 * Does one of them stop its clock?
 */
bool
oms_is_stopped(OmsTicket *ticket, int no)
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
	return oms_is_stopped(ticket, OMS_NO_STAGE);
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

bool
oms_hold_asks_applicant(const OmsHold *hold)
{
	return hold->waiting_on != NULL && strcmp(hold->waiting_on, "applicant") == 0;
}

/*
 * Add a hold of a stage, or of the ticket, by the last event.
 */
OmsHold *
oms_hold_add(OmsTicket *ticket, int no, const OmsHold *terms)
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

/*
 * When the first hold of a stage runs out.
 */
void
oms_set_resume_at(OmsTicket *ticket, OmsStage *stage)
{
	stage->resume_at = OMS_NEVER;
	for (const OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
		if (oms_holds_now(hold, stage->no) && hold->until != OMS_NEVER &&
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

/*
 * Which holds to lift: those of a reason (NULL: any), and of those only what has run out by then
 * (DT_NOEND: whether it runs out or not).
 */
int
oms_lift_holds(OmsTicket *ticket, int no, const char *reason, TimestampTz run_out, TimestampTz at)
{
	int			count = 0;

	ticket->lookup->holds(ticket);
	for (OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
	{
		if (!oms_holds_now(hold, no) || (reason != NULL && strcmp(hold->reason, reason) != 0))
			continue;
		if (run_out != DT_NOEND && (hold->until == OMS_NEVER || hold->until > run_out))
			continue;
		lift(ticket, hold, at);
		count++;
	}
	return count;
}

/*
 * Nothing of these holds matters any more.
 */
void
oms_drop_holds(OmsTicket *ticket, int no)
{
	ticket->lookup->holds(ticket);
	for (OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
		if (oms_holds_now(hold, no))
			lift(ticket, hold, ticket->now);
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
