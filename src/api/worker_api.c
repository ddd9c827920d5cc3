/*
 * worker_api.c
 *		Waiting for work, and looking at the workers.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "clock.h"
#include "compat.h"
#include "store/access.h"
#include "store/cron.h"
#include "store/spi.h"
#include "worker/bell.h"

PG_FUNCTION_INFO_V1(oms_wait_for_work);
PG_FUNCTION_INFO_V1(oms_dispatch_channel_name);
PG_FUNCTION_INFO_V1(oms_worker_status);
PG_FUNCTION_INFO_V1(oms_worker_errors);
PG_FUNCTION_INFO_V1(oms_enable_cron);
PG_FUNCTION_INFO_V1(oms_disable_cron);

/* ---- waiting ---- */

/* Without shared memory nobody can wake us: look that often, in milliseconds */
#define POLL_MS		500
/* With it a signal comes with the commit; look now and then all the same */
#define LOOK_MS		30000

/*
 * Wait until the condition of the bucket was signalled since "seen", or the time is over.
 */
static void
wait_for_signal(OmsDatabase *place, int bucket, uint64 seen, long ms)
{
	if (place == NULL)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Min(ms, POLL_MS),
						 oms_wait_event("OmsWaitForWork"));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		return;
	}
	ConditionVariablePrepareToSleep(&place->work[bucket]);
	if (pg_atomic_read_u64(&place->work_count[bucket]) == seen)
		(void) ConditionVariableTimedSleep(&place->work[bucket], Min(ms, LOOK_MS),
										   oms_wait_event("OmsWaitForWork"));
	ConditionVariableCancelSleep();
}

/*
 * CALL wait_for_work(owner text, timeout interval)
 *
 * Looks in a short transaction of its own, commits it, and sleeps without a snapshot until somebody
 * commits work for an owner of the same bucket.
 */
Datum
oms_wait_for_work(PG_FUNCTION_ARGS)
{
	CallContext *call = (CallContext *) fcinfo->context;
	char	   *owner = oms_arg_name(fcinfo, 0, "owner");
	TimestampTz end = oms_clock_wall() + oms_arg_duration(fcinfo, 1, "timeout", 0);
	OmsDatabase *place = oms_shared == NULL ? NULL : oms_shared_database(MyDatabaseId, true);
	int			bucket = oms_bell_bucket(owner);
	bool		found = false;

	if (call == NULL || !IsA(call, CallContext) || call->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("wait_for_work cannot be called inside a transaction block"),
				 errhint("It must hold no snapshot while it waits: CALL it on its own.")));

	oms_require_owner(owner);
	oms_sql_begin_procedure();
	while (!found)
	{
		uint64		seen = place == NULL ? 0 : pg_atomic_read_u64(&place->work_count[bucket]);
		TimestampTz now = oms_clock_now();
		TimestampTz next;
		long		ms;

		PushActiveSnapshot(GetTransactionSnapshot());
		found = oms_store_has_work(owner, now, &next);
		PopActiveSnapshot();
		oms_sql_commit();

		ms = TimestampDifferenceMilliseconds(oms_clock_wall(), end);
		if (found || ms <= 0)
			break;
		if (next != DT_NOEND)
			ms = Min(ms, TimestampDifferenceMilliseconds(now, next) + 1);
		wait_for_signal(place, bucket, seen, ms);
	}
	oms_sql_end_procedure();
	PG_RETURN_VOID();
}

/*
 * dispatch_channel(owner text) → text
 */
Datum
oms_dispatch_channel_name(PG_FUNCTION_ARGS)
{
	char		channel[NAMEDATALEN];

	oms_bell_channel(oms_arg_name(fcinfo, 0, "owner"), channel);
	PG_RETURN_TEXT_P(cstring_to_text(channel));
}

/* ---- looking at the workers ---- */

static void
put_time(Datum *value, bool *isnull, TimestampTz time)
{
	*value = TimestampTzGetDatum(time);
	*isnull = time == 0 || time == DT_NOEND;
}

static void
put_worker(ReturnSetInfo *result, OmsDatabase *database)
{
	OmsWorkerStats stats = database->stats;
	NameData	name = {{0}};
	char	   *database_name = get_database_name(database->dboid);
	Datum		values[15];
	bool		nulls[15] = {false};

	if (database_name == NULL)
		return;
	stats.last_error[sizeof(stats.last_error) - 1] = '\0';
	namestrcpy(&name, database_name);
	values[0] = NameGetDatum(&name);
	values[1] = Int32GetDatum(database->pid);
	nulls[1] = database->pid == 0;
	values[2] = CStringGetTextDatum(oms_shared_state_name(oms_shared_state(database)));
	put_time(&values[3], &nulls[3], (TimestampTz) pg_atomic_read_u64(&database->nearest));
	put_time(&values[4], &nulls[4], stats.last_tick);
	values[5] = Int64GetDatum((int64) (pg_atomic_read_u64(&database->write_pos) -
									   pg_atomic_read_u64(&database->read_pos)));
	values[6] = Int64GetDatum((int64) stats.timers_fired);
	values[7] = Int64GetDatum((int64) stats.events_sent);
	values[8] = Int64GetDatum((int64) stats.batches_sent);
	values[9] = Float8GetDatum(oms_shared_late(&stats, 0.5));
	values[10] = Float8GetDatum(oms_shared_late(&stats, 0.99));
	values[11] = Float8GetDatum(stats.late_max / 1000.0);
	values[12] = Int64GetDatum((int64) stats.errors);
	values[13] = CStringGetTextDatum(stats.last_error);
	nulls[13] = stats.last_error[0] == '\0';
	put_time(&values[14], &nulls[14], stats.started_at);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * worker_status() → one row per database.
 */
Datum
oms_worker_status(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; oms_shared != NULL && i < oms_shared->ndatabases; i++)
		if (OidIsValid(oms_shared->databases[i].dboid))
			put_worker((ReturnSetInfo *) fcinfo->resultinfo, &oms_shared->databases[i]);
	return (Datum) 0;
}

/*
 * worker_errors() → the timers of this database that failed.
 */
Datum
oms_worker_errors(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OmsDatabase *place;

	InitMaterializedSRF(fcinfo, 0);
	place = oms_shared == NULL ? NULL : oms_shared_database(MyDatabaseId, false);
	for (int i = 0; place != NULL && i < OMS_BAD_TIMERS; i++)
	{
		OmsBadTimer bad = place->bad[i];
		Datum		values[5];
		bool		nulls[5] = {false};

		if (bad.ticket == 0)
			continue;
		bad.error[sizeof(bad.error) - 1] = '\0';
		values[0] = TicketIdGetDatum(bad.ticket);
		values[1] = Int32GetDatum(bad.stage);
		values[2] = Int32GetDatum(bad.failures);
		values[3] = TimestampTzGetDatum(bad.retry_at);
		values[4] = CStringGetTextDatum(bad.error);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- pg_cron ---- */

#define TICK_JOB	"oms tick"
#define SEAL_JOB	"oms seal"
#define ROLL_UP_JOB	"oms roll up"
#define ARCHIVE_JOB	"oms archive"

/*
 * enable_cron(schedule text) → bigint, the number of the job that fires timers.  Seals are made once
 * an hour; every five minutes the reports get what was finished, and closed tickets go into the archive,
 * by the rules of set_retention.
 */
Datum
oms_enable_cron(PG_FUNCTION_ARGS)
{
	oms_arg_required(fcinfo, 0, "schedule");
	(void) oms_store_schedule(SEAL_JOB, "7 * * * *", "SELECT oms.seal()");
	(void) oms_store_schedule(ROLL_UP_JOB, "*/5 * * * *", "SELECT oms.roll_up()");
	(void) oms_store_schedule(ARCHIVE_JOB, "2-59/5 * * * *", "SELECT oms.archive()");
	PG_RETURN_INT64(oms_store_schedule(TICK_JOB, text_to_cstring(PG_GETARG_TEXT_PP(0)),
									   "SELECT oms.tick()"));
}

/*
 * disable_cron() → bool, were there jobs?
 */
Datum
oms_disable_cron(PG_FUNCTION_ARGS)
{
	(void) oms_store_unschedule(SEAL_JOB);
	(void) oms_store_unschedule(ROLL_UP_JOB);
	(void) oms_store_unschedule(ARCHIVE_JOB);
	PG_RETURN_BOOL(oms_store_unschedule(TICK_JOB));
}
