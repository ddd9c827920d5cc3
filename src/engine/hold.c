/*
 * hold.c
 *		Putting stages and whole tickets on hold, and going on.
 */
#include "postgres.h"

#include "engine/catch_up.h"
#include "engine/event.h"
#include "engine/hold.h"
#include "engine/hold_set.h"
#include "engine/lifecycle.h"
#include "engine/moves.h"
#include "engine/stopwatch.h"
#include "engine/ticket.h"

/*
 * A stage waits for something.  terms: everything of a hold but when and where.
 */
void
oms_decide_hold(OmsTicket *ticket, OmsStage *stage, const OmsHold *terms)
{
	oms_event_add_shown(ticket, OMS_EV_ON_HOLD, stage, terms->reason, oms_hold_asks_applicant(terms));
	oms_put_on_hold(ticket, stage, oms_hold_add(ticket, stage->no, terms));
}

/*
 * The whole ticket waits.  Needs every stage that has a row, caught up.
 */
void
oms_decide_hold_ticket(OmsTicket *ticket, const OmsHold *terms)
{
	OmsHold    *hold;

	oms_event_add(ticket, OMS_EV_TICKET_HELD, NULL, terms->reason);
	hold = oms_hold_add(ticket, OMS_NO_STAGE, terms);
	ticket->n_holds++;
	ticket->status = OMS_TICKET_HELD;
	if (ticket->has_clock || hold->until != OMS_NEVER)
	{
		OmsStage   *clock = oms_ticket_clock(ticket);

		if (hold->stops_clock)
			oms_watch_pause(ticket, clock, ticket->now);
		oms_set_resume_at(ticket, clock);
		oms_touch(ticket, clock);
	}
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
	{
		if (!oms_verb_allowed(OMS_HOLD, stage->status, false))
			continue;
		oms_event_add_shown(ticket, OMS_EV_ON_HOLD, stage, terms->reason, oms_hold_asks_applicant(terms));
		oms_put_on_hold(ticket, stage, hold);
	}
}

/*
 * Lift the holds of a stage, or those of one reason.  Returns how many there were; 0: nothing done.
 */
int
oms_decide_resume(OmsTicket *ticket, OmsStage *stage, const char *reason)
{
	int			count = oms_lift_holds(ticket, stage->no, reason, DT_NOEND, ticket->now);

	if (count > 0)
		oms_holds_lifted(ticket, stage, ticket->now, reason);
	return count;
}

int
oms_decide_resume_ticket(OmsTicket *ticket, const char *reason)
{
	int			count = oms_lift_holds(ticket, OMS_NO_STAGE, reason, DT_NOEND, ticket->now);

	if (count > 0)
		oms_ticket_holds_lifted(ticket, ticket->now, reason);
	return count;
}
