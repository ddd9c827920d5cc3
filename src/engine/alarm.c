/*
 * alarm.c
 *		What happens by itself: warnings, breaches, escalation steps, changed calendars, holds that run
 *		out, leases, pauses before a retry.
 *
 * An alarm is nothing stored: it follows from the stage, its clock and the definition when it is due.
 * Whoever looks at a stage later than an alarm was due makes up for it first, in the order in which
 * the alarms were due and with the clock as it stood then; so it does not matter how late the worker
 * is, and each alarm fires once in a cycle.
 *
 * Of the alerts for what was missed in between only those of the last moment are sent.  A repeated step that was
 * missed more than a hundred times is one event, at the last of these times: else a step for every minute, of which
 * nobody took notice for years, would be millions of events in one transaction.
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"

#include "engine/calendar.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/lifecycle.h"
#include "engine/lookup.h"
#include "engine/moves.h"
#include "engine/stopwatch.h"

/* In the order in which they fire at one instant */
typedef enum AlarmKind
{
	ALARM_NONE,
	ALARM_WARNING,
	ALARM_BREACH,
	ALARM_STEP,
	ALARM_CALENDAR,
	ALARM_RESUME,
	ALARM_LEASE,
	ALARM_ANNOUNCE
} AlarmKind;

/* So many missed times of a repeated step are recorded one by one */
#define MISSED_ONE_BY_ONE	100

typedef struct Alarm
{
	AlarmKind	kind;
	TimestampTz at;
	int			step;			/* index, of an escalation step */
	int			times;			/* that it is due, the last of them at "at" */
	const OmsCalendar *calendar;	/* that counts from then on */
} Alarm;

static bool
consider(Alarm *first, AlarmKind kind, TimestampTz at)
{
	if (at == OMS_NEVER || (first->kind != ALARM_NONE && first->at <= at))
		return false;
	first->kind = kind;
	first->at = at;
	return true;
}

/* ---- when ---- */

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

/* At the due time itself the stage has not missed it yet */
static TimestampTz
shows_step(const OmsStage *stage, int64 target)
{
	TimestampTz at = shows(stage, target);

	return at != OMS_NEVER && target == stage->limit_us ? at + 1 : at;
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
	target = step->unit == OMS_AT_PERCENT ? share(stage->limit_us, step->at)
		: stage->limit_us + step->at * USECS_PER_MINUTE;
	if (pg_mul_s64_overflow(fired, every, &passed) || pg_add_s64_overflow(target, passed, &target))
		return OMS_NEVER;
	at = shows_step(stage, target);
	if (step->every_mins == 0 || at == OMS_NEVER || at > by)
		return at;
	missed = times_missed(step, stage, fired, target, by);
	if (missed <= MISSED_ONE_BY_ONE)
		return at;
	at = shows_step(stage, target + (missed - 1) * every);
	if (at > by)
		at = shows_step(stage, target + (--missed - 1) * every);
	*times = missed;
	return at;
}

/*
 * What the running clock sets off next.  "by": until when it is to catch up.
 */
static void
find_clock_alarm(const OmsTicket *ticket, const OmsStage *stage, TimestampTz by, Alarm *first)
{
	const OmsStageDef *def = stage->no == OMS_NO_STAGE ? NULL : oms_graph_stage(ticket->graph, stage->no);
	int			times;

	if (stage->running_since == OMS_NEVER)
		return;
	if (def != NULL && stage->warned < def->nwarn)
		consider(first, ALARM_WARNING, shows(stage, share(stage->limit_us, def->warn_at[stage->warned])));
	/* a breach is strictly later than the due time */
	if (stage->breached_at == OMS_NEVER && stage->due_at != OMS_NEVER)
		consider(first, ALARM_BREACH, stage->due_at + 1);
	for (int i = 0; def != NULL && i < def->nsteps; i++)
		if (consider(first, ALARM_STEP, step_at(def, stage, i, by, &times)))
		{
			first->step = i;
			first->times = times;
		}
}

/*
 * A later version of the calendar, as soon as there is one.
 */
static void
find_calendar(const OmsTicket *ticket, const OmsStage *stage, Alarm *first)
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
		consider(first, ALARM_CALENDAR, Max(since, Max(stage->running_since, stage->paused_at))))
		first->calendar = next;
}

static void
find_other_alarm(const OmsStage *stage, Alarm *first)
{
	switch ((OmsStageStatus) stage->status)
	{
		case OMS_QUEUED:
			consider(first, ALARM_ANNOUNCE, stage->announce_at);
			break;
		case OMS_IN_PROGRESS:
			consider(first, ALARM_LEASE, stage->lease_until);
			break;
		case OMS_STAGE_HELD:
		case OMS_TICKET_CLOCK:
			consider(first, ALARM_RESUME, stage->resume_at);
			break;
		default:
			break;
	}
}

/* What has ended may have a clock that stood, and no alarms */
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
oms_next_alarm(const OmsTicket *ticket, const OmsStage *stage)
{
	Alarm		first = {ALARM_NONE};

	if (has_ended(stage))
		return OMS_NEVER;
	find_clock_alarm(ticket, stage, DT_NOBEGIN, &first);
	find_other_alarm(stage, &first);
	if (first.kind != ALARM_NONE)
		return first.at;
	/* never: but who makes another version of the calendar finds clocks by their timers */
	return oms_watch_is_endless(stage) ? DT_NOEND : OMS_NEVER;
}

/* ---- what ---- */

static void
alert(OmsTicket *ticket, OmsStage *stage, const char *kind, TimestampTz due)
{
	oms_bell_alert(ticket, stage, kind);
	ticket->last_bell->due = due;
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

/*
 * Who is above the owner of a stage: its supervisor, else the owner of the workflow; NULL: nobody.
 */
const char *
oms_supervisor(const OmsTicket *ticket, const OmsStage *stage)
{
	OmsOwner	owner;

	ticket->lookup->owner(stage->owner, &owner);
	return owner.supervisor != NULL ? owner.supervisor : ticket->graph->owner;
}

static OmsEvent *
add_escalated(OmsTicket *ticket, OmsStage *stage, const char *note)
{
	OmsEvent   *event = oms_event_add(ticket, OMS_EV_ESCALATED, stage, note);

	oms_bell_alert(ticket, stage, "escalated");
	return event;
}

/*
 * {"told": name}, or null for nobody.
 */
static Jsonb *
told_payload(const char *told)
{
	JsonbParseState *state = NULL;
	JsonbValue	key = {.type = jbvString, .val.string = {.val = "told", .len = strlen("told")}};
	JsonbValue	name = {.type = jbvNull};

	if (told != NULL)
	{
		name.type = jbvString;
		name.val.string.val = unconstify(char *, told);
		name.val.string.len = strlen(told);
	}
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &key);
	pushJsonbValue(&state, WJB_VALUE, &name);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/*
 * Record an escalation and whom it tells, since who is above an owner changes, and alert.  told NULL:
 * there is nobody to tell, and that must not be silent.
 */
void
oms_tell(OmsTicket *ticket, OmsStage *stage, const char *note, const char *told)
{
	OmsEvent   *event = add_escalated(ticket, stage, note);

	event->payload = told_payload(told);
	if (told != NULL)
		return;
	oms_event_add(ticket, OMS_EV_UNROUTED, stage,
				  psprintf("%s has no supervisor, and the workflow no owner", stage->owner));
	oms_bell_alert(ticket, stage, "unrouted");
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

static void
fire_step(OmsTicket *ticket, OmsStage *stage, int i, int times, TimestampTz at)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);
	const OmsEscalationStep *step = &def->steps[i];
	const char *told = step->notify != NULL && strcmp(step->notify, "supervisor") == 0
		? oms_supervisor(ticket, stage) : step->notify;
	OmsBell    *before = ticket->last_bell;
	TimestampTz due = stage->due_at != OMS_NEVER && at == stage->due_at + 1 ? stage->due_at : at;
	char	   *missed = times == 1 ? "" : psprintf("the last of %d missed times, ", times);
	char	   *note = psprintf(step->unit == OMS_AT_PERCENT ? "step at %d%% of the time limit, %s%s%s%s"
								: "step %d minutes after the due time, %s%s%s%s",
								step->at, missed, oms_time_text(due), told == NULL ? "" : ", for ",
								told == NULL ? "" : told);

	count_step(def, stage, i, times);
	stage->level++;
	if (step->notify == NULL)
		add_escalated(ticket, stage, note);
	else
		oms_tell(ticket, stage, note, told);
	for (OmsBell *bell = before == NULL ? ticket->bells : before->next; bell != NULL; bell = bell->next)
		bell->due = at;
	if (step->reassign_to != NULL && strcmp(step->reassign_to, stage->owner) != 0 &&
		oms_verb_allowed(OMS_REASSIGN, stage->status))
		oms_decide_reassign(ticket, stage, step->reassign_to, note);
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
	ticket->last_bell->untraced = ticket->seq == seq;
}

static void
fire(OmsTicket *ticket, OmsStage *stage, const Alarm *alarm)
{
	switch (alarm->kind)
	{
		case ALARM_NONE:
			return;
		case ALARM_WARNING:
			fire_warning(ticket, stage, alarm->at);
			break;
		case ALARM_BREACH:
			fire_breach(ticket, stage, alarm->at);
			break;
		case ALARM_STEP:
			fire_step(ticket, stage, alarm->step, alarm->times, alarm->at);
			break;
		case ALARM_CALENDAR:
			fire_calendar(ticket, stage, alarm->calendar, alarm->at);
			break;
		case ALARM_RESUME:
			oms_holds_run_out(ticket, stage, alarm->at);
			break;
		case ALARM_LEASE:
			fire_lease(ticket, stage);
			break;
		case ALARM_ANNOUNCE:
			fire_announce(ticket, stage);
			break;
	}
	oms_touch(ticket, stage);
}

/* ---- alerts ---- */

/*
 * Of the alerts that clocks set off since then, keep those of the last moment.
 */
static void
mute_older(OmsTicket *ticket, OmsBell *since)
{
	OmsBell   **link = since == NULL ? &ticket->bells : &since->next;
	TimestampTz last = 0;
	OmsBell    *kept = since;

	for (OmsBell *bell = *link; bell != NULL; bell = bell->next)
		last = bell->due == 0 ? last : last == 0 ? bell->due : Max(last, bell->due);
	while (*link != NULL)
	{
		OmsBell    *bell = *link;

		if (bell->channel == OMS_ALERT && bell->due != 0 && bell->due < last)
			*link = bell->next;
		else
		{
			kept = bell;
			link = &bell->next;
		}
	}
	ticket->last_bell = kept;
}

/* ---- in order ---- */

/*
 * Leases and pauses before a retry are left to their timers: who comes back in time before those has
 * not lost the stage.
 */
static bool
is_left_to_timer(const OmsStage *stage)
{
	return stage->status != OMS_STAGE_HELD && stage->status != OMS_TICKET_CLOCK;
}

/*
 * What was due first of a stage by then, if that was earlier than *first; true if it was.
 */
static bool
find_earlier(const OmsTicket *ticket, const OmsStage *stage, bool timers, TimestampTz by, Alarm *first)
{
	Alarm		own = {ALARM_NONE};
	Alarm		change = {ALARM_NONE};
	Alarm		other = {ALARM_NONE};

	if (has_ended(stage))
		return false;
	/* what the clock will have shown is known as far as its calendar counts */
	find_calendar(ticket, stage, &change);
	find_clock_alarm(ticket, stage, change.kind == ALARM_NONE ? by : Min(by, change.at), &own);
	if (change.kind != ALARM_NONE && (own.kind == ALARM_NONE || change.at < own.at))
		own = change;
	if (timers || !is_left_to_timer(stage))
		find_other_alarm(stage, &other);
	/* these go by the real clock; at one instant they come last */
	if (other.kind != ALARM_NONE && other.at <= ticket->real_now &&
		(own.kind == ALARM_NONE || other.at < own.at))
		own = other;
	if (own.kind == ALARM_NONE || own.at > by || (first->kind != ALARM_NONE && first->at <= own.at))
		return false;
	*first = own;
	return true;
}

/*
 * Fire what was due by then, in the order in which it was due.  Returns how many fired.  with_ticket:
 * holds of the whole ticket that have run out meanwhile take part, since they change the stage.
 */
static int
fire_due(OmsTicket *ticket, OmsStage *stage, bool timers, TimestampTz by, bool with_ticket)
{
	OmsBell    *before = ticket->last_bell;

	for (int fired = 0;; fired++)
	{
		Alarm		first = {ALARM_NONE};
		OmsStage   *whose = stage;

		CHECK_FOR_INTERRUPTS();
		find_earlier(ticket, stage, timers, by, &first);
		if (with_ticket && ticket->n_holds > 0 && ticket->has_clock &&
			find_earlier(ticket, oms_ticket_clock(ticket), timers, by, &first))
			whose = oms_ticket_clock(ticket);
		if (first.kind == ALARM_NONE)
		{
			mute_older(ticket, before);
			return fired;
		}
		fire(ticket, whose, &first);
	}
}

/*
 * Let a stage alone catch up with what was due by then.
 */
void
oms_catch_up_alone(OmsTicket *ticket, OmsStage *stage, TimestampTz by)
{
	fire_due(ticket, stage, false, by, false);
}

/*
 * Let the ticket and all its stages speak before something is done to all of them.  Needs every stage
 * that has a row.
 */
void
oms_catch_up_all(OmsTicket *ticket)
{
	OmsBell    *before = ticket->last_bell;
	Alarm		first;

	do
	{
		OmsStage   *whose = NULL;

		CHECK_FOR_INTERRUPTS();
		first.kind = ALARM_NONE;
		for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
			if (find_earlier(ticket, stage, false, ticket->now, &first))
				whose = stage;
		if (ticket->has_clock &&
			find_earlier(ticket, oms_ticket_clock(ticket), false, ticket->now, &first))
			whose = oms_ticket_clock(ticket);
		fire(ticket, whose, &first);
	} while (first.kind != ALARM_NONE);
	mute_older(ticket, before);
}

/*
 * Let the clock of a stage (or the ticket) speak before something else is done.
 */
void
oms_catch_up(OmsTicket *ticket, OmsStage *stage)
{
	fire_due(ticket, stage, false, ticket->now, true);
}

/*
 * Fire everything that is due, in the order in which it was due.  Returns how many fired; 0 if the
 * timer was armed too early, which only arms it anew.
 */
int
oms_decide_timers(OmsTicket *ticket, OmsStage *stage)
{
	int			fired = fire_due(ticket, stage, true, ticket->now, true);

	/* stages that go on with their ticket may have missed more than their armed timers tell */
	if (stage->no == OMS_NO_STAGE && fired > 0)
		for (OmsStage *other = ticket->stages; other != NULL; other = other->next)
			fired += fire_due(ticket, other, false, ticket->now, false);

	oms_touch(ticket, stage);
	return fired;
}
