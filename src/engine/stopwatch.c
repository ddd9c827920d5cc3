/*
 * stopwatch.c
 *		The clock of a stage, and of a ticket as a whole.
 *
 * A clock is a stopwatch: a limit, what was consumed of it, and since when it runs.  It counts open time
 * of a calendar, or with slaDays open dates.  The due time is worked out from these whenever the clock
 * starts to run, and is none while it stands; a pause is never added to a deadline.
 *
 * A limit in days ends with the last closing time of a date; a date is used up when it closes while the
 * clock runs, so what counts of a hold are the closings in it.  last_date is the last one that was used
 * up or passed, at first that of the start: so none counts twice when closing times or the zone change
 * later.  limit_us is then the open time up to there, so that warnings and escalation steps are shares of
 * open time like any other.
 *
 * A calendar may not hold what is left of a limit.  Then a clock runs without a due time, which is told
 * by an event and an alert, until another version of the calendar gives it one.
 *
 * Once breached, the due time stays what it was: it is the promise that was broken.  The stopwatch runs
 * on, since escalation steps are counted by it.
 *
 * Whoever starts, pauses, resumes or switches a clock has added the event before: it is the one that ended
 * the segment.  Order at one instant: what is due (catch_up.c), then stop before pause before start.
 */
#include "postgres.h"

#include "engine/event.h"
#include "engine/graph.h"
#include "engine/limit.h"
#include "engine/lookup.h"
#include "engine/stopwatch.h"

/*
 * The calendar that the definition names; NULL if it names none.
 */
static const char *
calendar_name(const OmsTicket *ticket, int no)
{
	const char *name = no == OMS_NO_STAGE ? NULL : oms_graph_stage(ticket->graph, no)->calendar;

	return name != NULL ? name : ticket->graph->calendar;
}

/*
 * The last date that is no matter any more for a clock that runs from then on: one that is over, or was
 * counted before.
 */
static int
date_before(const OmsStage *stage, TimestampTz at)
{
	int			date = oms_calendar_date(stage->calendar, at);
	TimestampTz end;

	if (!oms_calendar_date_end(stage->calendar, date, &end) || end > at)
		date--;
	return Max(date, stage->last_date);
}

/*
 * When what is left of the limit is used up if the clock runs from then on; OMS_NEVER if the calendar
 * does not hold so much.
 */
static TimestampTz
end_of_limit(const OmsStage *stage, TimestampTz at)
{
	int			left = stage->limit_days - stage->consumed_days;

	if (stage->limit_days == OMS_NO_DAYS)
		return oms_calendar_add(stage->calendar, at, stage->limit_us - stage->consumed_us);
	return left <= 0 ? at
		: oms_calendar_nth_open_date_end(stage->calendar, date_before(stage, at), left);
}

static void
run(OmsStage *stage, TimestampTz at)
{
	stage->running_since = at;
	stage->paused_at = OMS_NEVER;
	if (stage->breached_at != OMS_NEVER)
		return;
	stage->due_at = end_of_limit(stage, at);
	if (stage->limit_days != OMS_NO_DAYS)
		stage->limit_us = stage->due_at == OMS_NEVER ? OMS_BEYOND_ALL_CLOCKS
			: stage->consumed_us + oms_calendar_measure(stage->calendar, at, stage->due_at);
}

/*
 * Does the clock run although it will never be due?
 */
bool
oms_watch_is_endless(const OmsStage *stage)
{
	return stage->running_since != OMS_NEVER && stage->due_at == OMS_NEVER &&
		stage->breached_at == OMS_NEVER;
}

/*
 * A clock has begun to run: if it will never be due, that must not be silent.
 */
static void
tell_if_endless(OmsTicket *ticket, OmsStage *stage)
{
	const OmsCalendar *calendar = stage->calendar;

	if (!oms_watch_is_endless(stage))
		return;
	oms_event_add(ticket, OMS_EV_NO_DUE_TIME, stage, calendar == NULL
				  ? "no due time: the limit ends after the end of time"
				  : calendar->problem == NULL
				  ? psprintf("no due time: calendar %s has no open time", calendar->name)
				  : psprintf("no due time: calendar %s cannot be read, %s", calendar->name, calendar->problem));
	oms_add_alert(ticket, stage, "no_due_time");
}

static void
add_segment(OmsTicket *ticket, const OmsStage *stage, TimestampTz from, TimestampTz to, int64 open_us,
			bool ran)
{
	OmsSegment *segment = palloc0(sizeof(OmsSegment));

	segment->seq = ticket->seq;
	segment->stage = stage->no;
	segment->cycle = stage->cycle;
	segment->calendar = stage->calendar;
	segment->started_at = from;
	segment->ended_at = to;
	segment->open_us = open_us;
	segment->ran = ran;
	segment->next = ticket->segments;
	ticket->segments = segment;
}

/*
 * Take what has passed since the clock runs, and let it stand.  Returns the open time of it.
 */
static int64
consume(OmsStage *stage, TimestampTz at)
{
	int64		open_us = oms_calendar_measure(stage->calendar, stage->running_since, at);

	stage->consumed_us += open_us;
	if (stage->last_date != OMS_NO_DATE)
	{
		int			after = date_before(stage, stage->running_since);
		int			last = date_before(stage, at);

		stage->consumed_days += oms_calendar_open_dates(stage->calendar, after, last);
		if (last > after)
			stage->last_date = last;
	}
	stage->running_since = OMS_NEVER;
	return open_us;
}

/*
 * The calendar of a stage, or of the ticket; NULL: always open.
 */
const OmsCalendar *
oms_watch_calendar(const OmsTicket *ticket, int no)
{
	const char *name = calendar_name(ticket, no);

	return name == NULL ? NULL : ticket->lookup->calendar(name);
}

/*
 * Judge the limit of a clock that is to start then, by its calendar.  Returns why that cannot be done, so that the
 * stage cannot begin; else NULL.  A clock without limit is none.
 */
const char *
oms_watch_begin(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	const char *problem;

	oms_watch_clear(stage);
	if (!oms_limit_defined(ticket->graph, stage->no))
		return NULL;
	stage->calendar = oms_watch_calendar(ticket, stage->no);
	problem = oms_limit_judge(ticket, stage, at);
	if (problem != NULL || stage->limit_us == OMS_NO_LENGTH)
		stage->calendar = NULL;
	else if (stage->limit_days != OMS_NO_DAYS)
		stage->last_date = oms_calendar_date(stage->calendar, at);
	return problem;
}

/*
 * The cycle begins with a limit that was judged; the clock runs, or stands if the ticket is on hold.
 */
void
oms_watch_start(OmsTicket *ticket, OmsStage *stage, TimestampTz at, bool running)
{
	if (stage->limit_us == OMS_NO_LENGTH)
		return;
	run(stage, at);
	if (!running)
	{
		stage->running_since = stage->due_at = OMS_NEVER;
		stage->paused_at = at;
	}
	tell_if_endless(ticket, stage);
}

/*
 * The clock stands from now on.  Does nothing if it does not run.
 */
void
oms_watch_pause(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	TimestampTz from = stage->running_since;

	if (from == OMS_NEVER)
		return;
	add_segment(ticket, stage, from, at, consume(stage, at), true);
	stage->paused_at = at;
	if (stage->breached_at == OMS_NEVER)
		stage->due_at = OMS_NEVER;
}

/*
 * The calendar by which a clock goes on that stood until then: it has not noticed new versions.
 */
static const OmsCalendar *
calendar_at(const OmsTicket *ticket, const OmsStage *stage, TimestampTz at)
{
	const OmsCalendar *calendar = stage->calendar;
	const OmsCalendar *next;
	TimestampTz since;

	while (calendar != NULL &&
		   (next = ticket->lookup->next_calendar(calendar, &since)) != NULL && since <= at)
		calendar = next;
	return calendar;
}

/*
 * The clock runs again.  Does nothing if it does not stand.
 */
void
oms_watch_resume(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	if (stage->paused_at == OMS_NEVER)
		return;
	/* the clock of the machine may have been set back since */
	at = Max(at, stage->paused_at);
	add_segment(ticket, stage, stage->paused_at, at, 0, false);
	stage->calendar = calendar_at(ticket, stage, at);
	run(stage, at);
	tell_if_endless(ticket, stage);
}

/*
 * The cycle is over: consumed_us is the final figure.
 */
void
oms_watch_stop(OmsStage *stage, TimestampTz at)
{
	if (stage->running_since != OMS_NEVER)
		consume(stage, at);
}

/* As if there had never been a clock */
void
oms_watch_clear(OmsStage *stage)
{
	stage->calendar = NULL;
	stage->running_since = stage->paused_at = stage->due_at = stage->breached_at = OMS_NEVER;
	stage->limit_us = OMS_NO_LENGTH;
	stage->consumed_us = stage->consumed_days = stage->warned = 0;
	stage->limit_days = OMS_NO_DAYS;
	stage->limit_by = OMS_LIMIT_FIXED;
	stage->last_date = OMS_NO_DATE;
	stage->steps = NULL;
}

/*
 * Use up the dates that were still to close by one version of the calendar, and are over by the next.
 */
static void
use_dates_ended_by(OmsStage *stage, const OmsCalendar *next, TimestampTz at)
{
	int			first = Max(oms_calendar_date(stage->calendar, at), stage->last_date + 1);
	int			today = oms_calendar_date(next, at);
	TimestampTz was_end;
	TimestampTz end;

	/* a few at most: no zone is two days away from another */
	for (int date = first; date <= today; date++)
	{
		if (!oms_calendar_date_end(stage->calendar, date, &was_end) || was_end <= at ||
			!oms_calendar_date_end(next, date, &end) || end > at)
			continue;
		stage->consumed_days++;
		stage->last_date = date;
	}
}

/*
 * Another version of the calendar counts from now on: what is consumed stays, the rest runs on it.
 */
void
oms_watch_switch(OmsTicket *ticket, OmsStage *stage, const OmsCalendar *calendar, TimestampTz at)
{
	TimestampTz from = stage->running_since;

	if (from != OMS_NEVER)
	{
		add_segment(ticket, stage, from, at, consume(stage, at), true);
		if (stage->last_date != OMS_NO_DATE)
			use_dates_ended_by(stage, calendar, at);
	}
	stage->calendar = calendar;
	if (from != OMS_NEVER)
		run(stage, at);
	tell_if_endless(ticket, stage);
}

/*
 * So much later than a due time: minutes of open time, or to the end of the n-th open date after its date.
 */
static TimestampTz
later(const OmsCalendar *calendar, TimestampTz due, int mins, int days)
{
	/* what closes at midnight is due on the date that ends then */
	return days > 0 ? oms_calendar_nth_open_date_end(calendar, oms_calendar_date(calendar, due - 1), days)
		: oms_calendar_add(calendar, due, mins * USECS_PER_MINUTE);
}

/*
 * The clock allows so many minutes of open time more, or open dates (the other one is 0).  Dates that are added to a
 * limit in open time, and minutes that are added to one in dates, make it open time up to the new due time.  A
 * paused clock is treated as if it resumed now.  False, and the clock is spoilt, if it has no due time to add to, or
 * would have none.
 *
 * After a breach the due time moves by as much; the breach stays.
 */
bool
oms_watch_extend(OmsTicket *ticket, OmsStage *stage, int mins, int days, TimestampTz at)
{
	TimestampTz from = stage->running_since;
	const OmsCalendar *calendar = from == OMS_NEVER ? calendar_at(ticket, stage, at) : stage->calendar;
	TimestampTz was_due;
	TimestampTz due;

	if (from != OMS_NEVER)
		add_segment(ticket, stage, from, at, consume(stage, at), true);
	else
	{
		at = Max(at, stage->paused_at);
		add_segment(ticket, stage, stage->paused_at, at, 0, false);
		stage->calendar = calendar;
	}
	was_due = stage->due_at != OMS_NEVER ? stage->due_at : end_of_limit(stage, at);
	due = was_due == OMS_NEVER ? OMS_NEVER : later(calendar, was_due, mins, days);
	if (due == OMS_NEVER)
		return false;
	if (days > 0 && stage->limit_days != OMS_NO_DAYS)
		stage->limit_days += days;
	else
	{
		if (stage->limit_days != OMS_NO_DAYS && stage->breached_at == OMS_NEVER)
			stage->limit_us = stage->consumed_us + oms_calendar_measure(calendar, at, was_due);
		stage->limit_days = OMS_NO_DAYS;
		stage->last_date = OMS_NO_DATE;
		stage->consumed_days = 0;
	}
	if (stage->limit_days == OMS_NO_DAYS || stage->breached_at != OMS_NEVER)
		stage->limit_us += oms_calendar_measure(calendar, was_due, due);
	if (stage->breached_at != OMS_NEVER)
		stage->due_at = due;
	if (from != OMS_NEVER)
		run(stage, at);
	else
		stage->paused_at = at;
	return true;
}

/*
 * When the running clock shows so much open time; OMS_NEVER while it stands.  What it has shown before
 * is now.
 */
TimestampTz
oms_watch_shows(const OmsStage *stage, int64 usecs)
{
	return stage->running_since == OMS_NEVER ? OMS_NEVER
		: oms_calendar_add(stage->calendar, stage->running_since, usecs - stage->consumed_us);
}

/*
 * When the limit of a stage (or ticket) that has not ended is used up.  A running clock: when it is due.  A
 * paused one: as if it resumed now.  One that has yet to start: counted from `ready` on.  OMS_NEVER if there is no limit
 * (*limited is false), or the calendar does not hold so much.
 */
TimestampTz
oms_watch_forecast(OmsTicket *ticket, int no, const OmsStage *stage, TimestampTz ready, TimestampTz now,
				   bool *limited)
{
	OmsStage	trial;

	*limited = oms_limit_defined(ticket->graph, no);
	if (!*limited)
		return OMS_NEVER;
	if (stage != NULL && (stage->due_at != OMS_NEVER || stage->running_since != OMS_NEVER))
		return stage->due_at;
	if (stage != NULL && stage->paused_at != OMS_NEVER)
	{
		trial = *stage;
		trial.calendar = calendar_at(ticket, stage, now);
		return end_of_limit(&trial, now);
	}
	memset(&trial, 0, sizeof(OmsStage));
	trial.no = no;
	(void) oms_watch_begin(ticket, &trial, ready);
	*limited = trial.limit_us != OMS_NO_LENGTH;
	return *limited ? end_of_limit(&trial, ready) : OMS_NEVER;
}
