/*
 * tick.c
 *		Firing the timers that are due: what the worker, pg_cron and people call.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/memutils.h"

#include "clock.h"
#include "store/store.h"
#include "worker/tick.h"

PG_FUNCTION_INFO_V1(oms_tick);

/*
 * Timers that raised an error lately are left alone for a while, by the worker.
 */
static bool
is_bad(void *context, OmsTicketId ticket, int stage)
{
	OmsTick    *tick = context;

	tick->ticket = ticket;
	tick->stage = stage;
	if (tick->database == NULL)
		return false;
	for (int i = 0; i < OMS_BAD_TIMERS; i++)
	{
		OmsBadTimer *bad = &tick->database->bad[i];

		if (bad->ticket == ticket && bad->stage == stage && bad->retry_at > oms_clock_wall())
			return true;
	}
	return false;
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
	tick->fired += fired;
	tick->visited++;
	if (tick->database != NULL && fired > 0)
		count_lateness(&tick->database->stats, ticket->now - due);
	return tick->limit == 0 || tick->visited < tick->limit;
}

/*
 * Fire what is due now, oldest first, in the current transaction.  The caller has set database, actor
 * and limit and everything else to zero.
 */
void
oms_tick_run(OmsTick *tick, TimestampTz now)
{
	tick->locked = oms_store_visit_due(now, is_bad, fire, tick);
}

/*
 * tick() → int, how many timers fired.  Tickets that another session is just changing are left for
 * the next call.
 */
Datum
oms_tick(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTick		tick = {0};

	oms_call_begin(&call, "oms.tick()");
	tick.actor = call.actor;
	oms_tick_run(&tick, oms_clock_now());
	oms_call_end(&call);
	PG_RETURN_INT32(tick.fired);
}
