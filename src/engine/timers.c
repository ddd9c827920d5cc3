/*
 * timers.c
 *		When something happens to a stage by itself.
 *
 * A timer is nothing stored: it follows from the stage, its clock and the definition when it is due.
 */
#include "postgres.h"

#include "common/int.h"

#include "engine/calendar.h"
#include "engine/graph.h"
#include "engine/lifecycle.h"
#include "engine/lookup.h"
#include "engine/stopwatch.h"
#include "engine/timers.h"

/* So many missed times of a repeated step are recorded one by one */
#define MISSED_ONE_BY_ONE	100

static bool
consider(OmsTimer *first, OmsTimerKind kind, TimestampTz at)
{
	if (at == OMS_NEVER || (first->kind != OMS_TIMER_NONE && first->at <= at))
		return false;
	first->kind = kind;
	first->at = at;
	return true;
}

/* A share of a length of time; what no clock will ever show is as good as the greatest length */
static int64
share(int64 whole, int percent)
{
	int64		result;

	if (pg_mul_s64_overflow(whole / 100, percent, &result) ||
		pg_add_s64_overflow(result, whole % 100 * percent / 100, &result))
		return PG_INT64_MAX;
	return result;
}

/*
 * When the clock shows so much, if that is within the calendar's reach.
 */
static TimestampTz
shows(const OmsStage *stage, int64 usecs)
{
	return usecs >= OMS_BEYOND_ALL_CLOCKS ? OMS_NEVER : oms_watch_shows(stage, usecs);
}

/*
 * How often a repeated step was missed until then, if its next time is due at a reading "target" of the clock.
 */
static int
times_missed(const OmsEscalationStep *step, const OmsStage *stage, int fired, int64 target, TimestampTz by)
{
	int64		shown = stage->consumed_us + oms_calendar_measure(stage->calendar, stage->running_since, by);
	int64		times = (shown - target) / (step->every_mins * USECS_PER_MINUTE) + 1;

	return (int) Min(times, (step->max_times > 0 ? step->max_times : PG_INT32_MAX) - fired);
}

/* At the due time itself the stage has not missed it yet; and what is done at its moment is done in time */
static TimestampTz
shows_step(const OmsStage *stage, const OmsEscalationStep *step, int64 target)
{
	TimestampTz at = shows(stage, target);

	return at != OMS_NEVER && (target == stage->limit_us || step->finish_with != NULL) ? at + 1 : at;
}

/*
 * When a step is due next; OMS_NEVER if it is not.  If it was missed many times until then, the last of these;
 * *times says how many.
 */
static TimestampTz
step_at(const OmsStageDef *def, const OmsStage *stage, int i, TimestampTz by, int *times)
{
	const OmsEscalationStep *step = &def->steps[i];
	int			fired = stage->steps == NULL ? 0 : stage->steps[i];
	int64		every = step->every_mins * USECS_PER_MINUTE;
	int64		target;
	int64		passed;
	int			missed;
	TimestampTz at;

	*times = 1;
	if (fired == PG_INT32_MAX ||
		(fired > 0 && (step->every_mins == 0 || (step->max_times > 0 && fired >= step->max_times))))
		return OMS_NEVER;
	if (step->unit == OMS_AT_PERCENT)
		target = share(stage->limit_us, step->at);
	else if (pg_add_s64_overflow(stage->limit_us, step->at * USECS_PER_MINUTE, &target))
		return OMS_NEVER;
	if (pg_mul_s64_overflow(fired, every, &passed) || pg_add_s64_overflow(target, passed, &target))
		return OMS_NEVER;
	at = shows_step(stage, step, target);
	if (step->every_mins == 0 || at == OMS_NEVER || at > by)
		return at;
	missed = times_missed(step, stage, fired, target, by);
	if (missed <= MISSED_ONE_BY_ONE)
		return at;
	at = shows_step(stage, step, target + (missed - 1) * every);
	if (at > by)
		at = shows_step(stage, step, target + (--missed - 1) * every);
	*times = missed;
	return at;
}

/*
 * A hold keeps a stage from being done by law, even if it does not stop the clock; and so does a row that tells how it
 * ended.
 */
static bool
cannot_finish(const OmsTicket *ticket, const OmsStage *stage, const OmsEscalationStep *step)
{
	return step->finish_with != NULL && (stage->status == OMS_STAGE_HELD || ticket->n_holds > 0 || ticket->as_told);
}

/*
 * What the running clock sets off next.  "by": until when it is to catch up.
 */
static void
find_clock_timer(const OmsTicket *ticket, const OmsStage *stage, TimestampTz by, OmsTimer *first)
{
	const OmsStageDef *def = stage->no == OMS_NO_STAGE ? NULL : oms_graph_stage(ticket->graph, stage->no);
	int			times;

	if (stage->running_since == OMS_NEVER)
		return;
	if (def != NULL && stage->warned < def->nwarn)
		consider(first, OMS_TIMER_WARNING, shows(stage, share(stage->limit_us, def->warn_at[stage->warned])));
	/* a breach is strictly later than the due time */
	if (stage->breached_at == OMS_NEVER && stage->due_at != OMS_NEVER)
		consider(first, OMS_TIMER_BREACH, stage->due_at + 1);
	for (int i = 0; def != NULL && i < def->nsteps; i++)
		if (!cannot_finish(ticket, stage, &def->steps[i]) &&
			consider(first, OMS_TIMER_STEP, step_at(def, stage, i, by, &times)))
		{
			first->step = i;
			first->times = times;
		}
}

/*
 * A later version of the calendar, as soon as there is one.
 */
static void
find_calendar(const OmsTicket *ticket, const OmsStage *stage, OmsTimer *first)
{
	TimestampTz since = OMS_NEVER;
	const OmsCalendar *next;

	if (stage->calendar == NULL || (stage->running_since == OMS_NEVER && stage->paused_at == OMS_NEVER))
		return;
	next = ticket->lookup->next_calendar(stage->calendar, &since);
	/* one that cannot be read says nothing of the time since the clock runs */
	if (stage->calendar->problem != NULL)
		since = OMS_NEVER;
	if (next != NULL &&
		consider(first, OMS_TIMER_CALENDAR, Max(since, Max(stage->running_since, stage->paused_at))))
		first->calendar = next;
}

/*
 * Leases and pauses before a retry are left to their timers: who comes back in time before those has
 * not lost the stage.  A moment or the end of a hold is not.
 */
static bool
is_left_to_timer(const OmsStage *stage)
{
	return stage->status != OMS_TICKET_CLOCK && stage->status != OMS_AWAITING && !oms_verb_allowed(OMS_RESUME, stage->status, false);
}

static void
find_other_timer(const OmsStage *stage, OmsTimer *first)
{
	if (oms_verb_allowed(OMS_EXPIRE, stage->status, false))
		consider(first, OMS_TIMER_LEASE, stage->lease_until);
	else if (stage->status == OMS_AWAITING)
		consider(first, OMS_TIMER_MOMENT, stage->wake_at);
	else if (!is_left_to_timer(stage))
		consider(first, OMS_TIMER_RESUME, stage->resume_at);
	else if (stage->status == OMS_QUEUED)
		consider(first, OMS_TIMER_ANNOUNCE, stage->announce_at);
}

/* What has ended may have a clock that stood, and no timers */
static bool
has_ended(const OmsStage *stage)
{
	return stage->finished_at != OMS_NEVER || stage->status == OMS_WAITING;
}

/*
 * When something happens to the stage next by itself; OMS_NEVER: nothing will.  DT_NOEND: nothing, for want
 * of a due time.
 */
TimestampTz
oms_next_timer(const OmsTicket *ticket, const OmsStage *stage)
{
	OmsTimer		first = {OMS_TIMER_NONE};

	if (has_ended(stage))
		return OMS_NEVER;
	find_clock_timer(ticket, stage, DT_NOBEGIN, &first);
	find_other_timer(stage, &first);
	if (first.kind != OMS_TIMER_NONE)
		return first.at;
	/* never: but who makes another version of the calendar finds clocks by their timers */
	return oms_watch_is_endless(stage) ? DT_NOEND : OMS_NEVER;
}

/*
 * What was due first of a stage by then, if that was earlier than *first; true if it was.
 */
bool
oms_first_timer(const OmsTicket *ticket, const OmsStage *stage, bool timers, TimestampTz by, OmsTimer *first)
{
	OmsTimer		own = {OMS_TIMER_NONE};
	OmsTimer		change = {OMS_TIMER_NONE};
	OmsTimer		other = {OMS_TIMER_NONE};

	if (has_ended(stage))
		return false;
	/* what the clock will have shown is known as far as its calendar counts */
	find_calendar(ticket, stage, &change);
	find_clock_timer(ticket, stage, change.kind == OMS_TIMER_NONE ? by : Min(by, change.at), &own);
	if (change.kind != OMS_TIMER_NONE && (own.kind == OMS_TIMER_NONE || change.at < own.at))
		own = change;
	if (timers || !is_left_to_timer(stage))
		find_other_timer(stage, &other);
	/* a message is taken when it is looked for, however late that is: what was due until then comes before */
	if (other.kind == OMS_TIMER_MOMENT && stage->waits_for != NULL)
		other.at = Max(other.at, Min(ticket->now, ticket->real_now));
	/* these go by the real clock; at one instant they come last */
	if (other.kind != OMS_TIMER_NONE && other.at <= ticket->real_now &&
		(own.kind == OMS_TIMER_NONE || other.at < own.at))
		own = other;
	if (own.kind == OMS_TIMER_NONE || own.at > by || (first->kind != OMS_TIMER_NONE && first->at <= own.at))
		return false;
	*first = own;
	return true;
}
