/*
 * tick.c
 *		Firing the timers that are due: what the worker, pg_cron and people call.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "clock.h"
#include "engine/catch_up.h"
#include "shared/counters.h"
#include "store/identity.h"
#include "store/moved.h"
#include "store/store.h"
#include "worker/delivery.h"
#include "worker/tick.h"

PG_FUNCTION_INFO_V1(oms_tick);

/*
 * Note what is at hand, in case it fails, and pass over what failed lately.
 */
static bool
pass_over(void *context, OmsTicketId ticket, int stage)
{
	OmsTick    *tick = context;

	tick->ticket = ticket;
	tick->stage = stage;
	return tick->skip != NULL && tick->skip(ticket, stage);
}

/*
 * How late a timer fired, counted by powers of two.
 */
static void
count_lateness(OmsWorkerStats *stats, int64 late)
{
	int			bucket = 0;

	for (int64 limit = 250; late > limit && bucket < OMS_LATE_BUCKETS - 1; limit *= 2)
		bucket++;
	stats->late[bucket]++;
	stats->late_max = Max(stats->late_max, late);
}

static bool
fire(void *context, OmsTicket *ticket, OmsStage *stage)
{
	OmsTick    *tick = context;
	TimestampTz due = stage->timer_at;
	int			fired = oms_decide_timers(ticket, stage);

	oms_store_apply(ticket, &tick->actor);
	oms_count(OMS_COUNTER_TIMERS, fired);
	tick->fired += fired;
	tick->visited++;
	if (tick->database != NULL && fired > 0)
		count_lateness(&tick->database->stats, ticket->now - due);
	return tick->limit == 0 || tick->visited < tick->limit;
}

static bool
follow(void *context, OmsTicket *ticket, OmsStage *stage)
{
	const OmsActor *actor = context;

	oms_catch_up(ticket, stage);
	if (ticket->events != NULL)
		oms_store_apply(ticket, actor);
	return true;
}

/* Clocks that go on by the current versions of their calendars */
typedef struct Sweep
{
	OmsIsolation isolation;
	const OmsActor *actor;
	bool		complete;
} Sweep;

static void
sweep(void *context)
{
	Sweep	   *sweep = context;

	sweep->complete = oms_store_visit_left(&sweep->isolation, follow, unconstify(OmsActor *, sweep->actor));
}

/* The next sweep says again whether it is complete */
static void
forget_sweep(void *context)
{
}

/*
 * Let clocks go on by the current versions of their calendars.  Cheap if none was left lately.
 */
void
oms_tick_calendars(const OmsActor *actor)
{
	Sweep		all = {.actor = actor};

	if (!oms_store_calendars_left())
		return;
	oms_isolate(&all.isolation, OMS_STEP_CALENDARS, sweep, forget_sweep, &all);
	if (all.complete)
		oms_store_forget_calendars();
}

/*
 * Fire what is due now, oldest first, in the current transaction.  The caller has set database, skip,
 * actor and limit and everything else to zero.  "isolation": of the walk; NULL: an error ends it.
 */
void
oms_tick_run(OmsTick *tick, OmsIsolation *isolation, TimestampTz now)
{
	oms_require_real_clock("to fire timers");
	tick->locked = oms_store_visit_due(now, isolation, pass_over, fire, tick);
}

/* One walk of tick() */
typedef struct Round
{
	OmsIsolation isolation;
	OmsTick		tick;
	TimestampTz now;
} Round;

static void
fire_all(void *context)
{
	Round	   *round = context;

	oms_tick_run(&round->tick, &round->isolation, round->now);
}

static void
forget_fired(void *context)
{
	((Round *) context)->tick.fired = 0;
}

/*
 * Fire what is due now and deliver messages, and then what became due by that: a stage that was done by law long ago
 * opens others whose moments have passed too.  Each walk fires what the one before has brought about, so they end.
 */
static int
tick_until_quiet(const OmsActor *actor)
{
	TimestampTz now = oms_clock_now();
	int			all = 0;
	int			fired;
	int			busy;

	do
	{
		Round		round = {.tick.actor = *actor,.now = now};
		int64		after = 0;

		CHECK_FOR_INTERRUPTS();
		oms_isolate(&round.isolation, OMS_STEP_TIMERS, fire_all, forget_fired, &round);
		fired = round.tick.fired + oms_deliver_pending(actor, &after, OMS_MAX_MESSAGE_LOCKS, &busy);
		all += fired;
	} while (fired > 0);
	return all;
}

/*
 * tick() → int, how many timers fired and messages were delivered.  Tickets that another session is just changing
 * are left for the next call.
 */
Datum
oms_tick(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	int			fired = 0;

	oms_call_begin(&call, "oms.tick()");
	if (oms_store_at_home())
	{
		oms_tick_calendars(&call.actor);
		fired = tick_until_quiet(&call.actor);
		oms_store_forget_messages(oms_clock_now());
	}
	else
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no timers fire in this database"),
				 errdetail("Its data was copied or restored from another database or server."),
				 errhint("SELECT oms.activate() if this is where work goes on.")));
	oms_call_end(&call);
	PG_RETURN_INT32(fired);
}
