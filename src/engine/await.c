/*
 * await.c
 *		How a stage begins, and what those wait for that nobody claims.
 *
 * A stage whose dependencies are met is queued at once, or awaits: its moment is worked out then, once, and whatever
 * happens meanwhile moves it no more.  What goes wrong fails the stage, and not the call that led here.
 */
#include "postgres.h"

#include "engine/await.h"
#include "engine/calendar.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/moves.h"
#include "engine/offer.h"
#include "engine/stopwatch.h"

/*
 * When a stage is to be queued that begins then; OMS_NEVER if the calendar does not hold its delay.
 */
static TimestampTz
moment_after(const OmsTicket *ticket, int no, TimestampTz begun)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, no);

	return def->delay_mins < 0 ? begun
		: oms_calendar_add(oms_watch_calendar(ticket, no), begun, def->delay_mins * USECS_PER_MINUTE);
}

/*
 * When a stage (NULL: one without a row) that is not finished can be claimed at the earliest, if it begins then or has
 * begun before.
 */
TimestampTz
oms_await_forecast(const OmsTicket *ticket, int no, const OmsStage *stage, TimestampTz ready)
{
	if (oms_set_has(ticket->started, no))
		return stage == NULL ? ready : Max(stage->wake_at, ready);
	return Max(moment_after(ticket, no, ready), ready);
}

/*
 * A stage waits from now on, and so nobody can claim it.
 */
static void
await(OmsTicket *ticket, OmsStage *stage, TimestampTz moment, const char *note)
{
	bool		first = stage->awaiting_at == OMS_NEVER;
	char	   *until = moment == OMS_NEVER ? NULL : psprintf("%s%suntil %s", note == NULL ? "" : note,
														   note == NULL ? "" : ", ", oms_time_text(moment));

	stage->awaiting_at = ticket->now;
	stage->wake_at = moment;
	oms_move(ticket, stage, OMS_AWAITING);
	oms_event_add_shown(ticket, OMS_EV_AWAITING, stage, until == NULL ? note : until, first);
}

/*
 * A stage whose dependencies are met, or that was started by hand.
 */
void
oms_begin(OmsTicket *ticket, OmsStage *stage, const char *note)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);
	const char *problem = NULL;
	TimestampTz moment = moment_after(ticket, stage->no, ticket->now);

	if (moment == OMS_NEVER)
		problem = psprintf("the calendar has no %d minutes of open time", def->delay_mins);
	if (problem == NULL && moment <= ticket->now)
	{
		oms_queue_first(ticket, stage, ticket->now, note);
		return;
	}
	await(ticket, stage, moment, note);
	if (problem != NULL)
		oms_fail_for_good(ticket, stage, problem);
	else if (ticket->n_holds > 0)
		oms_hold_with_ticket(ticket, stage);
}

/*
 * A stage awaits again after a hold that ended at that instant.  A hold moves no moment, but while it lasts nothing
 * is queued.
 */
void
oms_await_on(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	if (stage->wake_at > at)
		return;
	oms_queue_first(ticket, stage, at, psprintf("moment %s, on hold until %s", oms_time_text(stage->wake_at),
												oms_time_text(at)));
}
