/*
 * timers.c
 *		Fires the timers that are due, in rounds, and looks after clocks whose calendar changed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "store/store.h"
#include "worker/delivery.h"
#include "worker/tick.h"
#include "worker/worker.h"

/* Stages whose timers are fired with one transaction */
#define TICK_BATCH		200
/* Messages that are delivered with one transaction: few enough that no timer waits long for them */
#define MESSAGE_BATCH	20
/* Milliseconds until locked tickets are tried again */
#define LOCKED_MS		100

/*
 * A round came to its end: what was tried in it and did not fail is well again.  Returns when
 * the next of the others is to be tried, 0 if there is none.
 */
static TimestampTz
next_retry(TimestampTz started)
{
	HASH_SEQ_STATUS all;
	OmsRetry   *retry;
	TimestampTz next = 0;

	hash_seq_init(&all, oms_worker.retries);
	while ((retry = hash_seq_search(&all)) != NULL)
	{
		if (retry->key.step != OMS_STEP_TIMERS)
			continue;
		if (retry->retry_at <= started)
			oms_retry_forget(&retry->key);
		else if (next == 0 || retry->retry_at < next)
			next = retry->retry_at;
	}
	return next;
}

/*
 * After an error in a round of timers: with many in it, do it again one by one; with one, that is it.
 */
static void
timer_failed(const OmsTick *tick)
{
	OmsRetryKey key = oms_retry_of_timer(tick->ticket, tick->stage);

	if (oms_worker.careful)
		(void) oms_retry_later(&key);
	oms_worker.careful = true;
	FlushErrorState();
}

/*
 * Arm the next wake-up.  The old one was forgotten before the round began, so that a commit in between
 * is not overwritten.
 */
static void
rearm(TimestampTz now, TimestampTz started, int locked)
{
	TimestampTz again = oms_worker_after(oms_clock_steady(), LOCKED_MS);

	PopActiveSnapshot();
	PushActiveSnapshot(GetLatestSnapshot());
	oms_shared_arm(oms_worker.database, oms_store_next_timer(now));
	oms_worker.retry_tick = next_retry(started);
	if (locked > 0 && (oms_worker.retry_tick == 0 || oms_worker.retry_tick > again))
		oms_worker.retry_tick = again;
}

/*
 * One round: fire what is due, up to a batch.  True if there may be more.
 */
static bool
fire_round(void)
{
	OmsTick		tick = {
		.database = oms_worker.database,
		.skip = oms_retry_waits,
		.limit = oms_worker.careful ? 1 : TICK_BATCH
	};
	TimestampTz started = oms_clock_steady();
	TimestampTz now = oms_clock_now();
	MemoryContext old = CurrentMemoryContext;
	bool		gone;
	bool		more = false;

	pg_atomic_write_u64(&oms_worker.database->nearest, (uint64) DT_NOEND);
	pg_memory_barrier();
	if (!oms_worker_begin(false, &gone))
	{
		oms_worker.retry_tick = oms_worker_after(oms_clock_steady(), OMS_BUSY_MS);
		if (gone)
			oms_worker_leave(OMS_WORKER_UNKNOWN);
		oms_worker.more_timers = false;
		return false;
	}
	tick.actor.role = GetUserNameFromId(GetUserId(), false);
	PG_TRY();
	{
		oms_tick_run(&tick, NULL, now);
		more = tick.visited >= tick.limit;
		if (!more)
		{
			int			busy;

			oms_worker.careful = false;
			oms_deliver_pending(&tick.actor, &oms_worker.pending_after, MESSAGE_BATCH, &busy);
			oms_worker.pending_busy += busy;
			rearm(now, started, tick.locked + oms_worker.pending_busy);
			more = oms_worker.pending_after != 0;
			if (!more)
				oms_worker.pending_busy = 0;
		}
		oms_worker_end();
		oms_worker.database->stats.timers_fired += tick.fired;
		oms_worker.database->stats.last_tick = oms_clock_wall();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		timer_failed(&tick);
		oms_worker.pending_after = oms_worker.pending_busy = 0;
		AbortCurrentTransaction();
		more = true;
	}
	PG_END_TRY();
	oms_worker.more_timers = more;
	return more;
}

/*
 * Clocks that nobody has looked at since their calendar changed.
 */
static void
step_calendars(void *context)
{
	OmsActor	actor = {.role = GetUserNameFromId(GetUserId(), false)};

	oms_tick_calendars(&actor);
}

/*
 * Messages that nobody waited for in time.
 */
static void
step_messages(void *context)
{
	oms_store_forget_messages(oms_clock_now());
}

/*
 * Fire what is due, one batch.  True if there is more.
 */
bool
oms_worker_fire_timers(TimestampTz now)
{
	if (oms_worker.next_sweep <= now)
	{
		oms_worker.sweep_calendars = true;
		(void) oms_worker_step(OMS_STEP_MESSAGES, false, step_messages, NULL);
	}
	if (oms_worker.sweep_calendars && oms_worker_step(OMS_STEP_CALENDARS, false, step_calendars, NULL) == OMS_STEP_DONE)
		oms_worker.sweep_calendars = false;
	if (!oms_worker.more_timers &&
		(TimestampTz) pg_atomic_read_u64(&oms_worker.database->nearest) > oms_clock_now() &&
		(oms_worker.retry_tick == 0 || oms_worker.retry_tick > now) && oms_worker.next_sweep > now)
		return false;
	pgstat_report_activity(STATE_RUNNING, "firing timers");
	if (fire_round())
		return true;
	oms_worker.next_sweep = oms_worker_after(oms_clock_steady(), OMS_SWEEP_MS);
	return false;
}
