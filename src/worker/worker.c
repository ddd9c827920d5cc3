/*
 * worker.c
 *		The worker of one database: sends events and fires timers, and otherwise sleeps.
 *
 * It sleeps on its latch until exactly the next timer; commits that have something for it set the
 * latch.  It never waits for a lock and never sleeps in a transaction.
 *
 * Life events, each with a test in test/t:
 *	- SIGTERM: FATAL, exit code 1; the launcher starts another, whatever the code: the server is to restart no
 *	  worker by itself.  That one goes on in the ring.  A crash resets the server; shared
 *	  memory is new, and the first thing a worker does is to announce from the tables.
 *	- the extension is dropped, or its tables are being changed: before each transaction the worker
 *	  takes the locks it will need without waiting, and looks whether the tables are (still) there.
 *	- the database is dropped, renamed, copied, closed: it is asked to leave (hooks.c) and leaves.
 *	- an error in a timer: the round is repeated one stage per transaction, and what fails then is left
 *	  alone for a while, longer each time; the others go on.
 *	- an error in another step: that step is tried again after a second, then later and later; all others
 *	  go on.  An event that cannot be sent is taken out of its batch and tried again by itself.
 *	- whatever the backlog, each has its turn: the loop does one batch of events, one of timers, and one
 *	  slice of what takes long, and begins again.
 *	- settings of the database that would hurt (read-only, timeouts, search_path, time zone) do not
 *	  reach it: it sets its own.
 *	- library and SQL objects of different versions: it says so and does nothing.
 *
 * It does not wait for its commits to reach the disk: what a crash takes back of them happens again,
 * a firing because the timer is still armed, a sending because the horizon still stands lower.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "shared/failures.h"
#include "store/horizon.h"
#include "store/identity.h"
#include "store/outbox.h"
#include "store/store.h"
#include "worker/launcher.h"
#include "worker/worker.h"

/* Pauses, in milliseconds */
#define PREPARED_MS		5000	/* between two looks for prepared transactions that ended */
#define HOME_MS			5000	/* between two looks whether the data is at home here, while it is not */
#define CLOCK_MS		5000	/* between two looks at the clock while a timer is armed: it may be set */

static void
forget_worker(int code, Datum arg)
{
	OmsDatabase *database = oms_worker.database;

	database->stats.last_alive = oms_clock_wall();
	SpinLockAcquire(&database->mutex);
	database->latch = NULL;
	database->pid = 0;
	if (database->state == OMS_WORKER_RUNNING || database->state == OMS_WORKER_INACTIVE)
		database->state = OMS_WORKER_UNKNOWN;
	SpinLockRelease(&database->mutex);
	pg_atomic_write_u32(&database->sleeping, 0);
	oms_shared_wake_launcher(false);
}

/*
 * Somebody wants the database, or wants this worker to be another one: go.
 */
static void
leave_if_asked(void)
{
	OmsDatabase *database = oms_worker.database;
	OmsWorkerState state;

	if (pg_atomic_exchange_u32(&database->leave, 0) == 0)
		return;
	SpinLockAcquire(&database->mutex);
	if (database->state == OMS_WORKER_RUNNING || database->state == OMS_WORKER_INACTIVE)
		database->state = OMS_WORKER_AWAY;
	state = database->state;
	SpinLockRelease(&database->mutex);
	oms_worker_leave(state);
}

static void
step_prepared(void *context)
{
	OmsDatabase *database = oms_worker.database;
	uint64		oldest = oms_store_oldest_transaction();
	uint64		prepared = pg_atomic_read_u64(&database->prepared_xid);

	if (oldest > prepared &&
		pg_atomic_compare_exchange_u64(&database->prepared_xid, &prepared, 0))
	{
		pg_atomic_write_u32(&database->resync, 1);
		oms_worker.retry_tick = oms_clock_steady();
	}
}

/*
 * The worker is switched off: from now on events go out with the commits.  Send what came before, and
 * note that what comes after needs no announcement.
 */
static void
switch_off(void)
{
	oms_shared_set_state(oms_worker.database, OMS_WORKER_OFF);
	while (oms_worker_send_ring() > 0)
		CHECK_FOR_INTERRUPTS();
	oms_worker_skip_ahead();
	oms_worker.database->was_off = true;
	oms_worker_leave(OMS_WORKER_OFF);
}

static void
own_settings(void)
{
	static const char *const settings[][2] = {
		/* what is done by itself is done by nobody else, whatever the database sets */
		{"role", "none"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_deferrable", "off"},
		{"search_path", "pg_catalog, pg_temp"},
		{"lock_timeout", "0"},
		{"statement_timeout", "0"},
		OMS_TRANSACTION_TIMEOUT
		{"idle_in_transaction_session_timeout", "0"},
		{"row_security", "off"},
		{"session_replication_role", "origin"},
		{"synchronous_commit", "off"},
		{"jit", "off"},
		{"TimeZone", "UTC"},
		{"DateStyle", "ISO, MDY"},
		{"application_name", "oms worker"}
	};

	for (int i = 0; i < (int) lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

/*
 * Is there something to serve here?  If not, say why and leave.
 */
static void
look_around(void)
{
	bool		installed;
	char	   *misfit = NULL;
	const char *hint = NULL;
	char	   *database;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	installed = OidIsValid(get_extension_oid("oms", true));
	if (installed)
		misfit = oms_store_misfit(&hint);
	if (misfit != NULL)
		misfit = MemoryContextStrdup(TopMemoryContext, misfit);
	database = MemoryContextStrdup(TopMemoryContext, get_database_name(MyDatabaseId));
	PopActiveSnapshot();
	CommitTransactionCommand();

	if (!installed)
		oms_worker_leave(OMS_WORKER_NONE);
	if (misfit != NULL)
	{
		ereport(LOG,
				(errmsg("oms: no worker for database \"%s\": %s", database, misfit),
				 errhint("%s", hint)));
		oms_worker_leave(OMS_WORKER_BLOCKED);
	}
	if (!oms_worker_enabled)
		switch_off();
}

/*
 * Become the worker of the database, unless there is one.
 */
static void
take_slot(Oid dboid)
{
	OmsDatabase *database = oms_shared_database(dboid, true);
	bool		taken;

	if (database == NULL)
		proc_exit(0);
	oms_worker.database = database;
	SpinLockAcquire(&database->mutex);
	taken = database->latch != NULL;
	if (!taken)
	{
		database->latch = MyLatch;
		database->pid = MyProcPid;
	}
	SpinLockRelease(&database->mutex);
	if (taken)
		proc_exit(0);
	before_shmem_exit(forget_worker, (Datum) 0);
}

/*
 * Where nobody knows what was sent, because the server or the extension is new, begin with the tables; prepared
 * transactions from before are found there as well.  Another worker of the same server leaves the ring as
 * far as it has sent it, so that nothing is said again.
 */
static void
step_start(void *context)
{
	OmsDatabase *database = oms_worker.database;
	Oid			tables_now = oms_relation_oid("ticket_state");

	if (database->tables != tables_now)
	{
		uint64		next = U64FromFullTransactionId(ReadNextFullTransactionId());

		/* what is in the ring may be about an extension that was dropped */
		pg_atomic_write_u64(&database->read_pos, pg_atomic_read_u64(&database->write_pos));
		pg_atomic_write_u32(&database->resync, 1);
		/* with none open there is none to wait for, and nothing to announce again when the next has ended */
		pg_atomic_write_u64(&database->prepared_xid, oms_store_oldest_transaction() < next ? next : 0);
		database->tables = tables_now;
	}
	if (database->unsaid || database->was_off)
		pg_atomic_write_u32(&database->resync, 1);
}

static void
start(void)
{
	OmsDatabase *database = oms_worker.database;

	memset(&database->stats, 0, sizeof(database->stats));
	oms_failures_clear();
	memset(database->failed, 0, sizeof(database->failed));
	database->stats.started_at = database->stats.last_alive = oms_clock_wall();
	oms_shared_set_state(database, OMS_WORKER_RUNNING);
}

/*
 * Is the data at home here?  Until it is, timers and events wait; whoever settles or activates it
 * sends this worker away, and the next one looks again.
 */
static void
step_home(void *context)
{
	oms_worker.at_home = oms_store_at_home();
	if (!oms_worker.at_home && oms_store_settled())
	{
		if (oms_shared_state(oms_worker.database) == OMS_WORKER_RUNNING)
			ereport(WARNING,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("oms: timers and events of database %u wait", MyDatabaseId),
					 errdetail("Its data was copied or restored from another database or server, "
							   "or the server was upgraded."),
					 errhint("SELECT oms.activate() in it if this is where work goes on.")));
		oms_shared_set_state(oms_worker.database, OMS_WORKER_INACTIVE);
	}
}

/*
 * Not longer than until the next timer, and the next try of what failed.
 */
static long
sleep_until(long sleep)
{
	TimestampTz now = oms_clock_steady();
	TimestampTz nearest = (TimestampTz) pg_atomic_read_u64(&oms_worker.database->nearest);
	TimestampTz at[] = {oms_worker.next_sweep, oms_worker_next_slice(), oms_worker.retry_tick,
		oms_worker.retry_unsent, oms_worker.next_page > now ? oms_worker.next_page : 0};

	if (nearest != DT_NOEND)
		sleep = Min(Min(sleep, CLOCK_MS), TimestampDifferenceMilliseconds(oms_clock_now(), nearest));
	if (pg_atomic_read_u64(&oms_worker.database->prepared_xid) != 0)
		sleep = Min(sleep, PREPARED_MS);
	for (int i = 0; i < (int) lengthof(at); i++)
		if (at[i] != 0)
			sleep = Min(sleep, TimestampDifferenceMilliseconds(now, at[i]));
	for (int i = 0; i < OMS_STEPS; i++)
		if (oms_worker.retry_step[i] > now)
			sleep = Min(sleep, TimestampDifferenceMilliseconds(now, oms_worker.retry_step[i]) + 1);
	return sleep;
}

/*
 * One round: a batch or a slice of everything there is to do now.  How long to sleep then, in milliseconds.
 */
static long
work(void)
{
	TimestampTz now = oms_clock_steady();
	bool		more;
	long		sleep;

	if (!oms_worker.begun)
		oms_worker.begun = oms_worker_step(OMS_STEP_HOME, false, step_start, NULL) == OMS_STEP_DONE;
	if (!oms_worker.begun)
		return OMS_BUSY_MS;
	if (!oms_worker.at_home && oms_worker_step(OMS_STEP_HOME, false, step_home, NULL) != OMS_STEP_DONE)
		return OMS_BUSY_MS;
	if (!oms_worker.at_home)
		return HOME_MS;
	more = oms_worker_fire_timers(now);
	if (pg_atomic_read_u64(&oms_worker.database->prepared_xid) != 0)
		(void) oms_worker_step(OMS_STEP_PREPARED, false, step_prepared, NULL);
	sleep = oms_worker_send_events(oms_clock_steady());
	more = oms_worker_do_a_slice(oms_clock_steady()) || more;
	return more ? 0 : sleep_until(sleep);
}

/*
 * Sleep, unless something came in since we looked.  "sleeping" tells commits that the latch is to be
 * set; while events are gathered it need not be.
 */
static void
sleep_for(long ms)
{
	long		gather = oms_worker_gathering(oms_clock_steady());

	if (gather > 0)
		ms = Min(ms, gather);
	pg_atomic_write_u32(&oms_worker.database->sleeping, gather > 0 ? 0 : 1);
	pg_memory_barrier();
	if (gather <= 0 && oms_worker.stuck_since == 0 && oms_worker.retry_step[OMS_STEP_EVENTS] == 0 &&
		pg_atomic_read_u64(&oms_worker.database->read_pos) != pg_atomic_read_u64(&oms_worker.database->write_pos))
		ms = Min(ms, 1);
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
					 oms_wait_event("OmsWorkerMain"));
	pg_atomic_write_u32(&oms_worker.database->sleeping, 0);
	ResetLatch(MyLatch);
}

void
oms_worker_main(Datum arg)
{
	Oid			dboid = DatumGetObjectId(arg);

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	take_slot(dboid);
	BackgroundWorkerInitializeConnectionByOid(dboid, InvalidOid, 0);
	oms_retries_make();
	look_around();
	own_settings();

	start();
	for (;;)
	{
		long		ms;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		leave_if_asked();
		if (!oms_worker_enabled)
			switch_off();
		ms = work();
		oms_worker.database->stats.last_alive = oms_clock_wall();
		(void) pgstat_report_stat(false);
		pgstat_report_activity(STATE_IDLE, NULL);
		sleep_for(ms);
	}
}
