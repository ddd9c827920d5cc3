/*
 * catch_up.c
 *		What happens by itself: warnings, breaches, escalation steps, changed calendars, holds that run out, moments that
 *		come, leases, pauses before a retry, and the end of a ticket.
 *
 * Whoever looks at a stage later than a timer was due makes up for it first, in the order in which
 * they were due and with the clock as it stood then; so it does not matter how late the worker
 * is, and each fires once in a cycle.
 *
 * What is done by law bears on others of its ticket: it speaks before anything happens to them, so that they find open
 * what the law has opened.
 *
 * A repeated step that was missed more than a hundred times is one event, at the last of these times: else a step for
 * every minute, of which nobody took notice for years, would be millions of events in one transaction.
 *
 * The end of a change and what happens by itself need each other, so they stand in one file: a ticket that would end lets its
 * clock speak first, and a lease that runs out may end it.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "engine/await.h"
#include "engine/calendar.h"
#include "engine/catch_up.h"
#include "engine/escalation.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/hold_set.h"
#include "engine/lifecycle.h"
#include "engine/lookup.h"
#include "engine/moves.h"
#include "engine/offer.h"
#include "engine/start.h"
#include "engine/stopwatch.h"
#include "engine/ticket.h"
#include "engine/timers.h"

/* ---- the end of a change ---- */

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

	if (over && !oms_is_closed(ticket) && ticket->has_clock)
		oms_catch_up(ticket, oms_ticket_clock(ticket));
	if (oms_is_closed(ticket))
		return;
	if (over)
	{
		oms_close_ticket(ticket, OMS_TICKET_DONE);
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

/* ---- holds that are lifted ---- */

/* Those that have waited longest first */
static int
compare_waits(const ListCell *a, const ListCell *b)
{
	const OmsStage *first = lfirst(a);
	const OmsStage *second = lfirst(b);

	if (first->awaiting_at != second->awaiting_at)
		return first->awaiting_at < second->awaiting_at ? -1 : 1;
	return first->no - second->no;
}

/*
 * Stages that await messages, and that holds kept from taking one, look for what was kept.  What comes after those that
 * are finished by that begins when all have looked: it has not waited yet.
 */
static void
look_for_messages(OmsTicket *ticket, List *waiting, TimestampTz at)
{
	List	   *finished = NIL;
	ListCell   *cell;

	list_sort(waiting, compare_waits);
	foreach(cell, waiting)
	{
		OmsStage   *stage = lfirst(cell);

		if (oms_await_on(ticket, stage, at))
			finished = lappend_int(finished, stage->no);
	}
	foreach(cell, finished)
		oms_start_after(ticket, lfirst_int(cell));
	oms_settle(ticket);
}

/*
 * The last hold of a stage is gone: back to where it came from.  A lease starts again, a moment that has passed counts now.
 * One that awaits a message is added to those that have yet to look for it.
 */
static void
go_on(OmsTicket *ticket, OmsStage *stage, TimestampTz at, List **waiting)
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
	if (to == OMS_AWAITING && stage->waits_for != NULL)
		*waiting = lappend(*waiting, stage);
	else if (to == OMS_AWAITING)
		(void) oms_await_on(ticket, stage, at);
	/* who stopped working on it because of the hold can go on */
	if (to == OMS_IN_PROGRESS)
		oms_add_status(ticket, stage, "in progress");
}

/*
 * Holds of the stage or its ticket were lifted: say so, and go on as far as nothing else holds it.
 */
static void
say_lifted(OmsTicket *ticket, OmsStage *stage, TimestampTz at, const char *note, List **waiting)
{
	bool		held = oms_is_held(ticket, stage->no);

	oms_event_add(ticket, held ? OMS_EV_HOLD_LIFTED : OMS_EV_RESUMED, stage, note);
	if (!oms_is_stopped(ticket, stage->no))
		oms_watch_resume(ticket, stage, at);
	oms_set_resume_at(ticket, stage);
	if (held)
		oms_touch(ticket, stage);
	else
	{
		go_on(ticket, stage, at, waiting);
		oms_settle(ticket);
	}
}

void
oms_holds_lifted(OmsTicket *ticket, OmsStage *stage, TimestampTz at, const char *note)
{
	List	   *waiting = NIL;

	say_lifted(ticket, stage, at, note, &waiting);
	look_for_messages(ticket, waiting, at);
}

/*
 * The holds of the whole ticket were lifted: the ticket and its stages go on as far as they can.
 */
void
oms_ticket_holds_lifted(OmsTicket *ticket, TimestampTz at, const char *note)
{
	List	   *waiting = NIL;

	oms_event_add(ticket, ticket->n_holds > 0 ? OMS_EV_HOLD_LIFTED : OMS_EV_TICKET_RESUMED, NULL, note);
	if (ticket->has_clock)
	{
		OmsStage   *clock = oms_ticket_clock(ticket);

		if (!oms_is_stopped(ticket, OMS_NO_STAGE))
			oms_watch_resume(ticket, clock, at);
		oms_set_resume_at(ticket, clock);
		oms_touch(ticket, clock);
	}
	if (ticket->n_holds == 0)
		ticket->status = OMS_TICKET_OPEN;
	ticket->lookup->all_stages(ticket);
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
		if (stage->status == OMS_STAGE_HELD)
			say_lifted(ticket, stage, at, note, &waiting);
		else if (stage->status == OMS_STAGE_FAILED)
			oms_touch(ticket, stage);
	look_for_messages(ticket, waiting, at);
}

/*
 * Holds of the stage (or, for the ticket's clock, of the ticket) have run out.  Their clocks run from
 * then on, however late this is noticed.
 */
static void
holds_run_out(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	char	   *note = psprintf("held until %s", oms_time_text(at));

	if (stage->no == OMS_NO_STAGE)
	{
		ticket->lookup->all_stages(ticket);
		for (OmsStage *other = ticket->stages; other != NULL; other = other->next)
			oms_catch_up_alone(ticket, other, at);
	}
	oms_lift_holds(ticket, stage->no, NULL, at, at);
	if (stage->no == OMS_NO_STAGE)
		oms_ticket_holds_lifted(ticket, at, note);
	else
		oms_holds_lifted(ticket, stage, at, note);
}

/* ---- what fires ---- */

static void
alert(OmsTicket *ticket, OmsStage *stage, const char *kind, TimestampTz due)
{
	oms_add_alert(ticket, stage, kind);
	ticket->last_notification->due = due;
}

static void
fire_warning(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);

	oms_event_add(ticket, OMS_EV_WARNING, stage,
				  psprintf("%d%% of the time limit at %s", def->warn_at[stage->warned], oms_time_text(at)));
	stage->warned++;
	alert(ticket, stage, "warning", at);
}

static void
fire_breach(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	stage->breached_at = ticket->now;
	oms_event_add(ticket, OMS_EV_BREACHED, stage, psprintf("was due %s", oms_time_text(stage->due_at)));
	alert(ticket, stage, "breached", at);
}

static void
count_step(const OmsStageDef *def, OmsStage *stage, int i, int times)
{
	int		   *steps = palloc0(sizeof(int) * def->nsteps);

	if (stage->steps != NULL)
		memcpy(steps, stage->steps, sizeof(int) * def->nsteps);
	steps[i] += times;
	stage->steps = steps;
}

/*
 * When something may happen that was due then: what was on hold goes on later.
 */
static TimestampTz
end_of_holds(OmsTicket *ticket, const OmsStage *stage, TimestampTz at)
{
	ticket->lookup->holds(ticket);
	for (const OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
		if ((hold->stage == stage->no || hold->stage == OMS_NO_STAGE) && hold->held_at <= at &&
			hold->lifted_at != OMS_NEVER)
			at = Max(at, hold->lifted_at);
	return Min(at, ticket->now);
}

/*
 * Nobody decided in time: the stage is done with the output that a step of its escalation has for this.  Nobody did
 * it, and whoever has it has lost it: the number of the event is a token that nobody gets.
 *
 * All of it happens at its own instant, however late it is noticed: what comes after the stage begins then.
 */
static void
finish_by_law(OmsTicket *ticket, OmsStage *stage, Jsonb *output, const char *note, TimestampTz at)
{
	TimestampTz now = ticket->now;
	OmsEvent   *event;

	ticket->now = end_of_holds(ticket, stage, at);
	stage->worker = NULL;
	oms_move(ticket, stage, OMS_STAGE_DONE);
	event = oms_event_add(ticket, OMS_EV_DONE, stage, psprintf("by law at %s: %s", oms_time_text(ticket->now), note));
	/* an empty output is none */
	if (JB_ROOT_COUNT(output) == 0)
		output = NULL;
	event->payload = output;
	stage->token = event->seq;
	oms_set_output(ticket, stage, output, event->seq);
	oms_start_after(ticket, stage->no);
	oms_settle(ticket);
	ticket->now = now;
}

static void
fire_step(OmsTicket *ticket, OmsStage *stage, int i, int times, TimestampTz at)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);
	const OmsEscalationStep *step = &def->steps[i];
	const char *told = step->notify != NULL && strcmp(step->notify, "supervisor") == 0
		? oms_supervisor(ticket, stage) : step->notify;
	OmsNotification *before = ticket->last_notification;
	bool		just_missed = step->finish_with != NULL || (stage->due_at != OMS_NEVER && at == stage->due_at + 1);
	TimestampTz due = just_missed ? at - 1 : at;
	char	   *missed = times == 1 ? "" : psprintf("the last of %d missed times, ", times);
	char	   *note = psprintf(step->unit == OMS_AT_PERCENT ? "step at %d%% of the time limit, %s%s%s%s"
								: "step %d minutes after the due time, %s%s%s%s",
								step->at, missed, oms_time_text(due), told == NULL ? "" : ", for ",
								told == NULL ? "" : told);

	count_step(def, stage, i, times);
	stage->level++;
	if (step->notify == NULL)
		oms_add_escalated(ticket, stage, note);
	else
		oms_tell(ticket, stage, note, told);
	for (OmsNotification *notification = before == NULL ? ticket->notifications : before->next; notification != NULL;
		 notification = notification->next)
		notification->due = at;
	if (step->reassign_to != NULL && strcmp(step->reassign_to, stage->owner) != 0 &&
		oms_stage_allows(stage, OMS_REASSIGN, false))
	{
		oms_hand_over(ticket, stage, step->reassign_to, note);
		oms_settle(ticket);
	}
	if (step->finish_with != NULL)
		finish_by_law(ticket, stage, step->finish_with, note, at);
}

static const char *
due_text(TimestampTz due)
{
	return due == OMS_NEVER ? "never" : oms_time_text(due);
}

static void
fire_calendar(OmsTicket *ticket, OmsStage *stage, const OmsCalendar *calendar, TimestampTz at)
{
	TimestampTz was_due = stage->due_at;
	OmsEvent   *event;

	if (stage->running_since == OMS_NEVER)
	{
		oms_watch_switch(ticket, stage, calendar, at);
		return;
	}
	event = oms_event_add(ticket, OMS_EV_CLOCK_CHANGED, stage, NULL);
	oms_watch_switch(ticket, stage, calendar, at);
	event->note = psprintf("calendar %s, version %d, from %s on: due %s, was %s", calendar->name,
						   calendar->version, oms_time_text(at), due_text(stage->due_at),
						   due_text(was_due));
}

/* What the stage awaits may have come */
static void
fire_moment(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	if (oms_wake(ticket, stage, at))
		oms_start_after(ticket, stage->no);
	oms_settle(ticket);
}

/* A lease that ran out is an attempt */
static void
fire_lease(OmsTicket *ticket, OmsStage *stage)
{
	oms_event_add(ticket, OMS_EV_LEASE_EXPIRED, stage, NULL);
	if (stage->attempt < oms_graph_stage(ticket->graph, stage->no)->max_attempts)
	{
		stage->attempt++;
		oms_queue_again(ticket, stage, 0);
	}
	else
		oms_fail_for_good(ticket, stage, "no attempts left");
	oms_settle(ticket);
}

/* The pause before a retry is over */
static void
fire_announce(OmsTicket *ticket, OmsStage *stage)
{
	int			seq = ticket->seq;

	stage->announce_at = OMS_NEVER;
	oms_offer(ticket, stage);
	ticket->last_notification->untraced = ticket->seq == seq;
}

static void
fire(OmsTicket *ticket, OmsStage *stage, const OmsTimer *timer)
{
	switch (timer->kind)
	{
		case OMS_TIMER_NONE:
			return;
		case OMS_TIMER_WARNING:
			fire_warning(ticket, stage, timer->at);
			break;
		case OMS_TIMER_BREACH:
			fire_breach(ticket, stage, timer->at);
			break;
		case OMS_TIMER_STEP:
			fire_step(ticket, stage, timer->step, timer->times, timer->at);
			break;
		case OMS_TIMER_CALENDAR:
			fire_calendar(ticket, stage, timer->calendar, timer->at);
			break;
		case OMS_TIMER_RESUME:
			holds_run_out(ticket, stage, timer->at);
			break;
		case OMS_TIMER_MOMENT:
			fire_moment(ticket, stage, timer->at);
			break;
		case OMS_TIMER_LEASE:
			fire_lease(ticket, stage);
			break;
		case OMS_TIMER_ANNOUNCE:
			fire_announce(ticket, stage);
			break;
	}
	oms_touch(ticket, stage);
}

/* ---- in order ---- */

/* Who speaks, before something is done to a stage */
typedef enum Speakers
{
	SPEAK_ALONE,				/* the stage */
	SPEAK_BEFORE,				/* what bears on it, too */
	SPEAK_ALL					/* the whole ticket */
} Speakers;

/*
 * Load what bears on a stage besides itself: what is done by law opens what stands behind it, and sets the order in which
 * joins are met.  A stage that waits may do so for anything that has not been noticed yet.
 */
static void
load_speakers(OmsTicket *ticket, const OmsStage *stage)
{
	ListCell   *cell;

	if (stage->status == OMS_WAITING)
		ticket->lookup->all_stages(ticket);
	else
		foreach(cell, ticket->graph->by_law)
		{
			int			no = lfirst_int(cell);

			if (oms_set_has(ticket->started, no) && !oms_set_has(ticket->finished, no))
				(void) oms_started_stage(ticket, no);
		}
}

static bool
speaks(const OmsTicket *ticket, const OmsStage *stage, Speakers speakers, const OmsStage *other)
{
	return speakers == SPEAK_ALL || other == stage || stage->status == OMS_WAITING ||
		list_member_int(ticket->graph->by_law, other->no);
}

/* Does anybody speak besides the stage, and the clock of the ticket? */
static bool
others_speak(const OmsTicket *ticket, const OmsStage *stage, Speakers speakers)
{
	return speakers == SPEAK_ALL ||
		(speakers == SPEAK_BEFORE && (stage->status == OMS_WAITING || ticket->graph->by_law != NIL));
}

/*
 * Whose timer was due first by then; NULL: nobody's.  Holds of the whole ticket that have run out meanwhile take part,
 * since they change its stages.  "timers": those of the stage that are left to them, too.
 */
static OmsStage *
first_due(OmsTicket *ticket, OmsStage *stage, Speakers speakers, bool timers, TimestampTz by, OmsTimer *first)
{
	OmsStage   *whose = NULL;

	first->kind = OMS_TIMER_NONE;
	if (others_speak(ticket, stage, speakers))
	{
		if (speakers == SPEAK_BEFORE)
			load_speakers(ticket, stage);
		for (OmsStage *other = ticket->stages; other != NULL; other = other->next)
			if (speaks(ticket, stage, speakers, other) &&
				oms_first_timer(ticket, other, timers && other == stage, by, first))
				whose = other;
	}
	else if (stage != ticket->clock && oms_first_timer(ticket, stage, timers, by, first))
		whose = stage;
	if (ticket->has_clock &&
		(speakers == SPEAK_ALL || stage == ticket->clock || (speakers == SPEAK_BEFORE && ticket->n_holds > 0)) &&
		oms_first_timer(ticket, oms_ticket_clock(ticket), timers, by, first))
		whose = oms_ticket_clock(ticket);
	return whose;
}

/*
 * Fire what was due by then, in the order in which it was due.  Returns how many fired.
 */
static int
fire_due(OmsTicket *ticket, OmsStage *stage, Speakers speakers, bool timers, TimestampTz by)
{
	OmsNotification *before = ticket->last_notification;
	OmsTimer	first;
	OmsStage   *whose;
	int			fired = 0;

	while ((whose = first_due(ticket, stage, speakers, timers, by, &first)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		fire(ticket, whose, &first);
		fired++;
	}
	if (fired > 0)
		oms_mute_older(ticket, before);
	return fired;
}

/*
 * Let a stage alone catch up with what was due by then.
 */
void
oms_catch_up_alone(OmsTicket *ticket, OmsStage *stage, TimestampTz by)
{
	fire_due(ticket, stage, SPEAK_ALONE, false, by);
}

/*
 * Let the ticket and all its stages speak before something is done to all of them.  Needs every stage
 * that has a row.
 */
void
oms_catch_up_all(OmsTicket *ticket)
{
	fire_due(ticket, NULL, SPEAK_ALL, false, ticket->now);
}

/*
 * Let the clock of a stage (or the ticket) speak before something else is done, and whatever bears on it.
 */
void
oms_catch_up(OmsTicket *ticket, OmsStage *stage)
{
	fire_due(ticket, stage, SPEAK_BEFORE, false, ticket->now);
}

/*
 * Fire everything that is due, in the order in which it was due.  Returns how many fired; 0 if the
 * timer was armed too early, which only arms it again.
 */
int
oms_decide_timers(OmsTicket *ticket, OmsStage *stage)
{
	int			fired = fire_due(ticket, stage, SPEAK_BEFORE, true, ticket->now);

	/* stages that go on with their ticket may have missed more than their armed timers tell */
	if (stage->no == OMS_NO_STAGE && fired > 0)
		for (OmsStage *other = ticket->stages; other != NULL; other = other->next)
			fired += fire_due(ticket, other, SPEAK_ALONE, false, ticket->now);

	oms_touch(ticket, stage);
	return fired;
}
