/*
 * launcher.c
 *		The process that sees to it that every database with the extension has its worker.
 *
 * It is connected to no database, so it stands in nobody's way; it reads pg_database and starts a
 * worker for each that might have the extension.  Only the worker can find out: it leaves at once
 * where there is none.
 *
 * It is woken by CREATE and DROP EXTENSION, by commands that change databases (hooks.c), by a worker
 * that ends, and by sessions that find no worker; and it looks by itself once a minute.
 *
 * Life events: SIGTERM ends it with exit code 1, so that the postmaster starts it again; after a crash
 * of the server shared memory is new and everything is looked at again; on a standby it does not run.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "shared/shared.h"
#include "worker/launcher.h"

/* It looks at all databases at least that often, in milliseconds */
#define RESCAN_MS		60000
/* Soonest restart of a worker that ended by itself, and the longest pause after failures */
#define RESTART_MS		500
#define MAX_RESTART_MS	60000
/* How often it says that there is no slot for a worker */
#define COMPLAIN_MS		60000

typedef struct Known
{
	Oid			dboid;
	bool		wanted;
} Known;

static BackgroundWorkerHandle **handles;	/* by slot */

/* How often the settings were read, and how often when each worker was started */
static uint64 reloads = 0;
static uint64 *reloads_at_start;
static List *without = NIL;		/* databases that have no extension, by OID */
static List *evicted = NIL;		/* those that are switched off and gave up their slot to others */
static bool lacks_slot = false;	/* some database had no slot at the last look */
static TimestampTz last_complaint = 0;

/*
 * Say what is missing, but not all the time.
 */
static void
complain(const char *problem, const char *hint)
{
	TimestampTz now = oms_clock_steady();

	if (last_complaint != 0 && !TimestampDifferenceExceeds(last_complaint, now, COMPLAIN_MS))
		return;
	last_complaint = now;
	ereport(LOG,
			(errmsg("oms: %s", problem),
			 errhint("%s Until then its timers wait, and events are sent with the commits.", hint)));
}

/* ---- which databases there are ---- */

/*
 * All databases in the current memory context; wanted are those that a worker can serve.
 */
static List *
read_databases(MemoryContext context)
{
	List	   *result = NIL;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database row = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old = MemoryContextSwitchTo(context);
		Known	   *known = palloc(sizeof(Known));

		known->dboid = row->oid;
		/* a connection limit of -2 marks a database whose DROP was interrupted */
		known->wanted = row->datallowconn && !row->datistemplate && row->datconnlimit != -2 &&
			oms_guc_lists(NameStr(row->datname));
		result = lappend(result, known);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	return result;
}

static bool
still_there(List *databases, Oid dboid)
{
	ListCell   *cell;

	foreach(cell, databases)
		if (((Known *) lfirst(cell))->dboid == dboid)
			return true;
	return false;
}

/* Is some slot only taken to find out whether there is an extension? */
static bool
is_looking(void)
{
	for (int i = 0; i < oms_shared->ndatabases; i++)
	{
		OmsDatabase *database = &oms_shared->databases[i];
		OmsWorkerState state = OidIsValid(database->dboid) ? oms_shared_state(database) : OMS_WORKER_RUNNING;

		if (state == OMS_WORKER_UNKNOWN || state == OMS_WORKER_STARTING || state == OMS_WORKER_NONE)
			return true;
	}
	return false;
}

/* Databases that hold a slot and are to have no worker can do without */
static bool
gives_place(int number)
{
	OmsDatabase *database = &oms_shared->databases[number];
	OmsWorkerState state = oms_shared_state(database);

	return OidIsValid(database->dboid) && handles[number] == NULL &&
		(state == OMS_WORKER_OFF || state == OMS_WORKER_UNWANTED);
}

/*
 * A slot for a database; if there is none left, that of one that can do without.  False if there is none.
 */
static bool
give_place(Oid dboid)
{
	if (oms_shared_database(dboid, true) != NULL)
		return true;
	for (int i = 0; i < oms_shared->ndatabases; i++)
	{
		OmsDatabase *database = &oms_shared->databases[i];

		if (!gives_place(i))
			continue;
		evicted = list_append_unique_oid(evicted, database->dboid);
		oms_shared_forget(database);
		return oms_shared_database(dboid, true) != NULL;
	}
	return false;
}

/* Note of the databases that have a slot which of them are to have a worker */
static void
note_wanted(const Known *known)
{
	OmsDatabase *database = oms_shared_database(known->dboid, false);
	OmsWorkerState state = database == NULL ? OMS_WORKER_UNKNOWN : oms_shared_state(database);

	if (database == NULL)
		return;
	if (!known->wanted && state == OMS_WORKER_RUNNING)
	{
		pg_atomic_write_u32(&database->leave, 1);
		oms_shared_wake_worker(database);
	}
	if (!known->wanted)
		oms_shared_set_state(database, OMS_WORKER_UNWANTED);
	else if (state == OMS_WORKER_UNWANTED)
		oms_shared_set_state(database, OMS_WORKER_UNKNOWN);
}

/*
 * Free the slots of databases that are gone, and give every wanted database a slot, unless it is known to have no
 * extension.
 */
static void
rescan(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "oms rescan",
												  ALLOCSET_DEFAULT_SIZES);
	List	   *databases = read_databases(context);
	ListCell   *cell;

	lacks_slot = false;
	for (int i = 0; i < oms_shared->ndatabases; i++)
	{
		OmsDatabase *database = &oms_shared->databases[i];

		if (OidIsValid(database->dboid) && !still_there(databases, database->dboid))
			oms_shared_forget(database);
	}
	foreach(cell, databases)
		note_wanted(lfirst(cell));
	foreach(cell, databases)
	{
		Known	   *known = lfirst(cell);

		if (known->wanted && oms_shared_database(known->dboid, false) == NULL &&
			!list_member_oid(without, known->dboid) && !list_member_oid(evicted, known->dboid) &&
			!give_place(known->dboid))
		{
			lacks_slot = true;
			if (!is_looking())
				complain("no slot in shared memory for a worker",
						 "Raise oms.max_databases and restart the server.");
		}
	}
	MemoryContextDelete(context);
}

/* ---- starting workers ---- */

static void
start_worker(int number)
{
	OmsDatabase *database = &oms_shared->databases[number];
	BackgroundWorker worker;
	MemoryContext old;

	memset(&worker, 0, sizeof(worker));
	snprintf(worker.bgw_name, BGW_MAXLEN, "oms worker for database %u", database->dboid);
	strlcpy(worker.bgw_type, "oms worker", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "oms", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "oms_worker_main", BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(database->dboid);
	worker.bgw_notify_pid = MyProcPid;

	pg_atomic_write_u32(&database->leave, 0);
	oms_shared_set_state(database, OMS_WORKER_STARTING);
	reloads_at_start[number] = reloads;
	old = MemoryContextSwitchTo(TopMemoryContext);
	if (!RegisterDynamicBackgroundWorker(&worker, &handles[number]))
	{
		handles[number] = NULL;
		oms_shared_set_state(database, OMS_WORKER_NO_SLOT);
		database->next_start = TimestampTzPlusMilliseconds(oms_clock_steady(), 1000);
		complain("no free slot for a worker", "Raise max_worker_processes.");
	}
	MemoryContextSwitchTo(old);
}

/*
 * A worker has ended.  Those that found out why there is nothing to do said so; another is started
 * soon, and later and later if it fails again and again.
 */
static void
worker_ended(int number)
{
	OmsDatabase *database = &oms_shared->databases[number];
	OmsWorkerState state = oms_shared_state(database);
	int			pause = RESTART_MS;

	pfree(handles[number]);
	handles[number] = NULL;
	if (state == OMS_WORKER_NONE)
	{
		without = list_append_unique_oid(without, database->dboid);
		oms_shared_forget(database);
	}
	/* switched off, by settings that it read before they changed */
	if (state == OMS_WORKER_OFF && reloads_at_start[number] != reloads)
		state = OMS_WORKER_AWAY;
	/* somebody may wait for the slot */
	if (lacks_slot && (state == OMS_WORKER_NONE || gives_place(number)))
		pg_atomic_fetch_or_u32(&oms_shared->rescan, OMS_LOOK_AT_NEW);
	if (state == OMS_WORKER_AWAY)
		pause = 0;
	else if (state == OMS_WORKER_STARTING)
	{
		pause = Min(RESTART_MS << Min(database->failed_starts, 10), MAX_RESTART_MS);
		database->failed_starts++;
	}
	else if (state != OMS_WORKER_UNKNOWN)
		return;
	oms_shared_set_state(database, OMS_WORKER_UNKNOWN);
	database->next_start = TimestampTzPlusMilliseconds(oms_clock_steady(), pause);
}

/*
 * Start what is to be started now.  Returns for how long nothing else is to be done, in milliseconds.
 */
static long
look_after_workers(void)
{
	long		sleep = RESCAN_MS;
	TimestampTz now = oms_clock_steady();

	for (int i = 0; i < oms_shared->ndatabases; i++)
	{
		OmsDatabase *database = &oms_shared->databases[i];
		OmsWorkerState state;
		TimestampTz at;
		pid_t		pid;

		if (handles[i] != NULL && GetBackgroundWorkerPid(handles[i], &pid) == BGWH_STOPPED)
			worker_ended(i);
		if (!OidIsValid(database->dboid) || handles[i] != NULL)
			continue;
		state = oms_shared_state(database);
		if (state != OMS_WORKER_UNKNOWN && state != OMS_WORKER_NO_SLOT && state != OMS_WORKER_AWAY)
			continue;
		at = Max(database->next_start, database->away_until);
		if (at <= now)
			start_worker(i);
		else
			sleep = Min(sleep, TimestampDifferenceMilliseconds(now, at) + 1);
	}
	return sleep;
}

/*
 * What was found out about databases without a slot, as far as it may not be true any more.
 */
static void
forget_answers(uint32 wish)
{
	Oid			asking = pg_atomic_exchange_u32(&oms_shared->asking, InvalidOid);

	without = list_delete_oid(without, asking);
	evicted = list_delete_oid(evicted, asking);
	if (wish & (OMS_LOOK_AT_EVICTED | OMS_LOOK_AT_ALL))
	{
		list_free(evicted);
		evicted = NIL;
	}
	if (wish & OMS_LOOK_AT_ALL)
	{
		list_free(without);
		without = NIL;
	}
}

/* The setting that switched them off may have changed */
static void
look_again_at_those_switched_off(void)
{
	list_free(evicted);
	evicted = NIL;
	for (int i = 0; i < oms_shared->ndatabases; i++)
		if (oms_shared_state(&oms_shared->databases[i]) == OMS_WORKER_OFF)
			oms_shared_set_state(&oms_shared->databases[i], OMS_WORKER_UNKNOWN);
}

/* ---- main ---- */

static void
leave(int code, Datum arg)
{
	SpinLockAcquire(&oms_shared->mutex);
	oms_shared->launcher_latch = NULL;
	SpinLockRelease(&oms_shared->mutex);
}

/*
 * After a promotion the workers wait if that is wanted: a copy that was promoted by mistake must not
 * speak to anybody.
 */
static bool
may_start(void)
{
	static bool said = false;

	if (!oms_shared->was_standby || oms_start_after_promotion)
		return true;
	if (!said)
		ereport(LOG,
				(errmsg("oms: workers do not start after a promotion"),
				 errhint("Set oms.start_after_promotion to on and reload to start them.")));
	said = true;
	return false;
}

void
oms_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("oms launcher");

	handles = MemoryContextAllocZero(TopMemoryContext,
									 sizeof(BackgroundWorkerHandle *) * oms_shared->ndatabases);
	reloads_at_start = MemoryContextAllocZero(TopMemoryContext, sizeof(uint64) * oms_shared->ndatabases);
	/* workers of a launcher that ended run on; those that do not are looked at again */
	for (int i = 0; i < oms_shared->ndatabases; i++)
		if (oms_shared_state(&oms_shared->databases[i]) == OMS_WORKER_STARTING)
			oms_shared_set_state(&oms_shared->databases[i], OMS_WORKER_UNKNOWN);
	pg_atomic_fetch_or_u32(&oms_shared->rescan, OMS_LOOK_AT_NEW);
	SpinLockAcquire(&oms_shared->mutex);
	oms_shared->launcher_latch = MyLatch;
	SpinLockRelease(&oms_shared->mutex);
	before_shmem_exit(leave, (Datum) 0);

	for (;;)
	{
		long		sleep = RESCAN_MS;
		int			event;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			reloads++;
			look_again_at_those_switched_off();
			pg_atomic_fetch_or_u32(&oms_shared->rescan, OMS_LOOK_AT_NEW);
		}
		if (may_start())
		{
			uint32		wish = pg_atomic_exchange_u32(&oms_shared->rescan, 0);

			forget_answers(wish);
			if (wish != 0)
				rescan();
			sleep = look_after_workers();
		}
		if (pg_atomic_read_u32(&oms_shared->rescan) != 0)
			sleep = 0;
		event = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, sleep,
						  oms_wait_event("OmsLauncherMain"));
		if (event & WL_TIMEOUT && sleep == RESCAN_MS)
			pg_atomic_fetch_or_u32(&oms_shared->rescan, OMS_LOOK_AT_NEW);
	}
}

void
oms_launcher_register(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	strlcpy(worker.bgw_name, "oms launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "oms launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "oms", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "oms_launcher_main", BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 1;
	RegisterBackgroundWorker(&worker);
}
