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
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "shared/failures.h"
#include "shared/ring.h"
#include "store/access.h"
#include "store/cron.h"
#include "store/notify.h"
#include "store/spi.h"
#include "store/store.h"
#include "worker/errand.h"

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

/* One call of wait_for_work */
typedef struct Wait
{
	OmsDatabase *slot;			/* NULL: no shared memory, or no slot in it */
	int			bucket;
	uint64		told_of;		/* bits of the locked tickets whose end it is told of */
} Wait;

/*
 * Be told when nobody has these tickets locked any more, and not of others.
 */
static void
be_told_of(Wait *wait, uint64 tickets)
{
	for (int bit = 0; bit < OMS_TICKET_BITS && wait->slot != NULL; bit++)
	{
		uint64		mask = UINT64CONST(1) << bit;

		if ((tickets & mask) == (wait->told_of & mask))
			continue;
		if (tickets & mask)
			pg_atomic_fetch_add_u32(&wait->slot->held_up[bit], 1);
		else
			pg_atomic_fetch_sub_u32(&wait->slot->held_up[bit], 1);
	}
	wait->told_of = tickets;
}

static void
stop_waiting(int code, Datum arg)
{
	be_told_of((Wait *) DatumGetPointer(arg), 0);
}

/*
 * Sleep until the latch is set or the time is over; true if the client is gone.
 */
static bool
sleep_on_latch(long ms)
{
	uint32		what = oms_wait_event("OmsWaitForWork");
	WaitEvent	event;

	if (!oms_can_see_client_go())
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, what);
		return false;
	}
	ModifyWaitEvent(FeBeWaitSet, OMS_SOCKET_POS, WL_SOCKET_CLOSED, NULL);
	if (WaitEventSetWait(FeBeWaitSet, ms, &event, 1, what) == 0)
		return false;
	if (event.events & WL_POSTMASTER_DEATH)
		proc_exit(1);
	return (event.events & WL_SOCKET_CLOSED) != 0;
}

/*
 * Sleep until something was signalled in the bucket since "seen", or the time is over; may wake without a
 * reason.  A session whose client is gone ends.
 */
static void
wait_for_signal(const Wait *wait, uint64 seen, long ms)
{
	OmsDatabase *slot = wait->slot;
	bool		gone = false;

	if (slot != NULL)
		ConditionVariablePrepareToSleep(&slot->work[wait->bucket]);
	if (slot == NULL || pg_atomic_read_u64(&slot->work_count[wait->bucket]) == seen)
	{
		gone = sleep_on_latch(ms);
		ResetLatch(MyLatch);
	}
	ConditionVariableCancelSleep();
	if (gone)
	{
		ClientConnectionLost = true;
		InterruptPending = true;
	}
	CHECK_FOR_INTERRUPTS();
}

static bool
seen_one(void *context, OmsTicketId ticket, int stage_no)
{
	*(bool *) context = true;
	return false;
}

/*
 * Look in a short transaction of its own; true if there is something to claim.
 */
static bool
look_for_work(OmsLook *look)
{
	bool		found = false;

	look->now = oms_clock_now();
	PushActiveSnapshot(GetTransactionSnapshot());
	oms_store_look(look, seen_one, &found);
	PopActiveSnapshot();
	oms_sql_commit();
	return found;
}

/*
 * Look, and sleep without a snapshot until somebody commits work for an owner of the same bucket, or lets go
 * of a ticket that was in the way.
 */
static void
look_and_sleep(Wait *wait, OmsLook *look, TimestampTz end)
{
	for (;;)
	{
		uint64		seen = wait->slot == NULL ? 0 : pg_atomic_read_u64(&wait->slot->work_count[wait->bucket]);
		bool		found;
		long		ms;
		uint64		news;

		/* it was given to another database */
		if (wait->slot != NULL && wait->slot->dboid != MyDatabaseId)
		{
			be_told_of(wait, 0);
			wait->slot = oms_shared_mine(NULL);
			continue;
		}
		found = look_for_work(look);
		ms = TimestampDifferenceMilliseconds(oms_clock_wall(), end);
		news = look->busy & ~wait->told_of;
		if (found || ms <= 0)
			return;
		be_told_of(wait, look->busy);
		/* it may have been let go of just before we asked to be told */
		if (news != 0)
			continue;
		/* a lock that is not taken here tells nobody of its end */
		ms = Min(ms, wait->slot == NULL || look->busy != 0 ? POLL_MS : LOOK_MS);
		if (look->next != DT_NOEND)
			ms = Min(ms, TimestampDifferenceMilliseconds(look->now, look->next) + 1);
		wait_for_signal(wait, seen, ms);
	}
}

/*
 * CALL wait_for_work(owner text, timeout interval, worker text)
 */
Datum
oms_wait_for_work(PG_FUNCTION_ARGS)
{
	CallContext *call = (CallContext *) fcinfo->context;
	OmsLook		look = {.owner = oms_arg_name(fcinfo, 0, "owner"), .worker = oms_arg_name_or_null(fcinfo, 2, "worker")};
	TimestampTz end = oms_clock_wall() + oms_arg_duration(fcinfo, 1, "timeout", 0);
	Wait		wait = {.slot = oms_shared_mine(NULL), .bucket = oms_ring_bucket(look.owner)};

	if (call == NULL || !IsA(call, CallContext) || call->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("wait_for_work cannot be called inside a transaction block"),
				 errhint("It must hold no snapshot while it waits: CALL it on its own.")));

	oms_require_owner(look.owner);
	look.doer.role = GetUserNameFromId(GetUserId(), false);
	look.doer.person = !superuser();
	look.doer.in_person = look.worker == NULL;
	if (look.worker == NULL)
		look.worker = look.doer.role;
	oms_sql_begin_procedure();
	PG_ENSURE_ERROR_CLEANUP(stop_waiting, PointerGetDatum(&wait));
	{
		look_and_sleep(&wait, &look, end);
	}
	PG_END_ENSURE_ERROR_CLEANUP(stop_waiting, PointerGetDatum(&wait));
	stop_waiting(0, PointerGetDatum(&wait));
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

	oms_notify_channel(oms_arg_name(fcinfo, 0, "owner"), channel);
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

static void
put_failure(ReturnSetInfo *result, OmsStep step, const OmsBadTicket *bad, OmsFailure failure)
{
	Datum		values[6];
	bool		nulls[6] = {false};

	failure.error[sizeof(failure.error) - 1] = '\0';
	values[0] = CStringGetTextDatum(oms_shared_step_name(step));
	nulls[1] = nulls[2] = bad == NULL;
	if (bad != NULL)
	{
		values[1] = TicketIdGetDatum(bad->ticket);
		values[2] = Int32GetDatum(bad->stage);
		nulls[2] = bad->step == OMS_STEP_ARCHIVE || bad->step == OMS_STEP_SEAL || bad->step == OMS_STEP_ROLL_UP;
	}
	values[3] = Int32GetDatum(failure.failures);
	values[4] = TimestampTzGetDatum(failure.retry_at);
	values[5] = CStringGetTextDatum(failure.error);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * worker_errors() → the steps of this database that failed, and the tickets.
 */
Datum
oms_worker_errors(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OmsBadTicket bad[OMS_BAD_TICKETS];
	int			count = oms_failures_list(bad);
	OmsDatabase *slot;

	InitMaterializedSRF(fcinfo, 0);
	slot = oms_shared == NULL ? NULL : oms_shared_database(MyDatabaseId, false);
	for (int i = 0; slot != NULL && i < OMS_STEPS; i++)
		if (slot->failed[i].failures > 0)
			put_failure(result, i, NULL, slot->failed[i]);
	for (int i = 0; i < count; i++)
		put_failure(result, bad[i].step, &bad[i], bad[i].failure);
	return (Datum) 0;
}

/* ---- pg_cron ---- */

/*
 * Order jobs where pg_cron is, which may be in another database.
 */
static void
order_cron(OmsCronOrder *order)
{
	Oid			elsewhere = oms_store_cron_database();

	if (OidIsValid(elsewhere))
	{
		strlcpy(order->database, get_database_name(MyDatabaseId), NAMEDATALEN);
		oms_errand_run(elsewhere, order);
	}
	else
		oms_store_order_cron(order);
	oms_store_note_cron(order->enable ? elsewhere : InvalidOid);
}

/*
 * enable_cron(schedule text) → bigint, the number of the job that fires timers.  Seals are made once
 * an hour; every five minutes the reports get what was finished, and closed tickets go into the archive,
 * by the rules of set_retention.
 */
Datum
oms_enable_cron(PG_FUNCTION_ARGS)
{
	OmsCronOrder order = {.enable = true};

	oms_arg_required(fcinfo, 0, "schedule");
	if (strlcpy(order.schedule, text_to_cstring(PG_GETARG_TEXT_PP(0)), OMS_SCHEDULE_SIZE) >= OMS_SCHEDULE_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("schedule is longer than %d bytes", OMS_SCHEDULE_SIZE - 1)));
	order_cron(&order);
	PG_RETURN_INT64(order.number);
}

/*
 * disable_cron() → bool, were there jobs?
 */
Datum
oms_disable_cron(PG_FUNCTION_ARGS)
{
	OmsCronOrder order = {.enable = false};

	order_cron(&order);
	PG_RETURN_BOOL(order.found);
}
