/*
 * stopwatch.c
 *		The clock of a stage, and of a ticket as a whole.
 *
 * A clock is a stopwatch: a limit, what was consumed of it, and since when it runs.  It counts open time
 * of a calendar, or with slaDays open dates.  The due time is worked out from these whenever the clock
 * starts to run, and is none while it stands; a pause is never added to a deadline.
 *
 * A limit in days ends with the last closing time of a date; a date is used up when it closes while the
 * clock runs, so what counts of a hold are the closings in it.  limit_us is then the open time up to
 * there, so that warnings and escalation steps are shares of open time like any other.
 *
 * Once breached, the due time stays what it was: it is the promise that was broken.  The stopwatch runs
 * on, since escalation steps are counted by it.
 *
 * Whoever pauses, resumes or switches a clock has added the event before: it is the one that ended the
 * segment.  Order at one instant: evaluate (alarm.c), then stop before pause before start.
 */
#include "postgres.h"

#include "engine/graph.h"
#include "engine/lookup.h"
#include "engine/stopwatch.h"

static int
limit_days(const OmsTicket *ticket, int no)
{
	return no == OMS_NO_STAGE ? -1 : oms_graph_stage(ticket->graph, no)->sla_days;
}

static int
limit_mins(const OmsTicket *ticket, int no)
{
	return no == OMS_NO_STAGE ? ticket->graph->sla_mins : oms_graph_stage(ticket->graph, no)->sla_mins;
}

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
 * Does the definition set a time limit for the stage, or the ticket?
 */
bool
oms_watch_has_clock(const OmsTicket *ticket, int no)
{
	return limit_mins(ticket, no) >= 0 || limit_days(ticket, no) >= 0;
}

/*
 * Is the date of an instant one that the clock has yet to count: open, not over, and not the one on which
 * the clock started?
 */
static bool
date_counts(const OmsStage *stage, TimestampTz at)
{
	int			date = oms_calendar_date(stage->calendar, at);
	TimestampTz end;

	return date != oms_calendar_date(stage->calendar, stage->queued_at) &&
		oms_calendar_date_end(stage->calendar, date, &end) && end > at;
}

/*
 * When a limit in days is over, with so many dates left: a date is used up when it closes while the
 * clock runs.
 */
static TimestampTz
days_end(const OmsStage *stage, TimestampTz at, int left)
{
	TimestampTz end;

	if (!date_counts(stage, at))
		return oms_calendar_nth_open_date_end(stage->calendar, at, Max(left, 1));
	if (left > 1)
		return oms_calendar_nth_open_date_end(stage->calendar, at, left - 1);
	oms_calendar_date_end(stage->calendar, oms_calendar_date(stage->calendar, at), &end);
	return end;
}

static void
run(const OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	int			days = limit_days(ticket, stage->no);

	stage->running_since = at;
	stage->paused_at = OMS_NEVER;
	if (stage->breached_at != OMS_NEVER)
		return;
	if (days < 0)
	{
		stage->due_at = oms_calendar_add(stage->calendar, at, stage->limit_us - stage->consumed_us);
		return;
	}
	stage->due_at = days_end(stage, at, days - stage->consumed_days);
	stage->limit_us = stage->consumed_us + oms_calendar_measure(stage->calendar, at, stage->due_at);
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

/* Take what has passed since the clock runs, and let it stand.  Returns the open time of it. */
static int64
consume(OmsStage *stage, TimestampTz at)
{
	int64		open_us = oms_calendar_measure(stage->calendar, stage->running_since, at);

	stage->consumed_us += open_us;
	stage->consumed_days += oms_calendar_open_dates(stage->calendar, stage->running_since, at) +
		date_counts(stage, stage->running_since) - date_counts(stage, at);
	stage->running_since = OMS_NEVER;
	return open_us;
}

/*
 * The cycle begins; the clock runs, or stands if the ticket is on hold.  Does nothing if the definition
 * sets no limit.
 */
void
oms_watch_start(OmsTicket *ticket, OmsStage *stage, TimestampTz at, bool running)
{
	const char *name = calendar_name(ticket, stage->no);

	if (!oms_watch_has_clock(ticket, stage->no))
		return;
	stage->calendar = name == NULL ? NULL : ticket->lookup->calendar(name);
	stage->limit_us = (int64) Max(limit_mins(ticket, stage->no), 0) * USECS_PER_MINUTE;
	run(ticket, stage, at);
	if (!running)
	{
		stage->running_since = stage->due_at = OMS_NEVER;
		stage->paused_at = at;
	}
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

/* A clock that stood has not noticed that its calendar changed */
static void
follow_calendar(const OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	const OmsCalendar *next;
	TimestampTz since;

	while (stage->calendar != NULL &&
		   (next = ticket->lookup->next_calendar(stage->calendar, &since)) != NULL && since <= at)
		stage->calendar = next;
}

/*
 * The clock runs again.  Does nothing if it does not stand.
 */
void
oms_watch_resume(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	if (stage->paused_at == OMS_NEVER)
		return;
	add_segment(ticket, stage, stage->paused_at, at, 0, false);
	follow_calendar(ticket, stage, at);
	run(ticket, stage, at);
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
	stage->steps = NULL;
}

/*
 * Another version of the calendar counts from now on: what is consumed stays, the rest runs on it.
 */
void
oms_watch_switch(OmsTicket *ticket, OmsStage *stage, const OmsCalendar *calendar, TimestampTz at)
{
	TimestampTz from = stage->running_since;

	if (from != OMS_NEVER)
		add_segment(ticket, stage, from, at, consume(stage, at), true);
	stage->calendar = calendar;
	if (from != OMS_NEVER)
		run(ticket, stage, at);
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
