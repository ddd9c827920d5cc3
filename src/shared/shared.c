/*
 * shared.c
 *		What backends, launcher and workers share: one slot per database.
 *
 * Lock rules: OmsShared.lock guards which database has which slot and is taken by sessions once (the
 * slot is remembered) and by the launcher.  OmsShared.metrics_lock guards what oms.metrics has counted, and
 * is taken for the time of a copy.  Within a slot everything a commit touches is an atomic or under its
 * spinlock: commit callbacks must neither wait nor fail.
 */
#include "postgres.h"

#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "guc.h"
#include "shared/shared.h"

OmsShared  *oms_shared = NULL;

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static Size
shared_size(void)
{
	return add_size(offsetof(OmsShared, databases),
					mul_size(oms_max_databases, sizeof(OmsDatabase)));
}

static void
request_shared(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche("oms", 2);
}

static void
init_database(OmsDatabase *database)
{
	database->dboid = InvalidOid;
	SpinLockInit(&database->mutex);
	pg_atomic_init_u64(&database->nearest, (uint64) DT_NOEND);
	pg_atomic_init_u32(&database->sleeping, 0);
	pg_atomic_init_u32(&database->resync, 0);
	pg_atomic_init_u32(&database->leave, 0);
	pg_atomic_init_u32(&database->overflowing, 0);
	pg_atomic_init_u64(&database->prepared_xid, 0);
	pg_atomic_init_u64(&database->write_pos, 0);
	pg_atomic_init_u64(&database->read_pos, 0);
	for (int i = 0; i < OMS_COUNTER_NUMBERS; i++)
		pg_atomic_init_u64(&database->counters.numbers[i], 0);
	for (int i = 0; i < OMS_RING_SIZE; i++)
		pg_atomic_init_u64(&database->ring[i].tag, PG_UINT64_MAX);
	for (int i = 0; i < OMS_WAIT_BUCKETS; i++)
	{
		ConditionVariableInit(&database->work[i]);
		pg_atomic_init_u64(&database->work_count[i], 0);
	}
	for (int i = 0; i < OMS_TICKET_BITS; i++)
		pg_atomic_init_u32(&database->held_up[i], 0);
	for (int i = 0; i < OMS_MARK_SETS; i++)
		SpinLockInit(&database->marks[i].mutex);
}

/*
 * A server that starts with a signal file starts as a standby (or in recovery to a point in time);
 * when its launcher starts later, that is a promotion.
 */
static bool
starts_as_standby(void)
{
	struct stat st;

	return stat("standby.signal", &st) == 0 || stat("recovery.signal", &st) == 0;
}

static void
start_shared(void)
{
	/* known once for the life of the postmaster: a crash of the server does not change it */
	static bool looked = false;
	static bool standby = false;
	bool		found;

	if (previous_startup_hook)
		previous_startup_hook();
	if (!looked)
		standby = starts_as_standby();
	looked = true;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	oms_shared = ShmemInitStruct("oms", shared_size(), &found);
	if (!found)
	{
		memset(oms_shared, 0, shared_size());
		oms_shared->lock = &(GetNamedLWLockTranche("oms"))[0].lock;
		oms_shared->metrics_lock = &(GetNamedLWLockTranche("oms"))[1].lock;
		oms_shared->ndatabases = oms_max_databases;
		pg_atomic_init_u32(&oms_shared->rescan, OMS_LOOK_AT_NEW);
		pg_atomic_init_u32(&oms_shared->asking, InvalidOid);
		SpinLockInit(&oms_shared->mutex);
		oms_shared->was_standby = standby;
		for (int i = 0; i < oms_max_databases; i++)
			init_database(&oms_shared->databases[i]);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Called from _PG_init while the server preloads its libraries */
void
oms_shared_init(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shared;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_shared;
}

static OmsDatabase *
find_database(Oid dboid)
{
	for (int i = 0; i < oms_shared->ndatabases; i++)
		if (oms_shared->databases[i].dboid == dboid)
			return &oms_shared->databases[i];
	return NULL;
}

/* The slot goes to another database */
static void
forget_marks(OmsDatabase *database)
{
	for (int i = 0; i < OMS_MARK_SETS; i++)
	{
		SpinLockAcquire(&database->marks[i].mutex);
		memset(database->marks[i].ways, 0, sizeof(database->marks[i].ways));
		SpinLockRelease(&database->marks[i].mutex);
	}
}

static OmsDatabase *
make_database(Oid dboid)
{
	OmsDatabase *database = find_database(InvalidOid);

	if (database == NULL)
		return NULL;
	database->state = OMS_WORKER_UNKNOWN;
	database->pid = 0;
	database->latch = NULL;
	database->away_until = database->next_start = 0;
	database->failed_starts = 0;
	database->tables = InvalidOid;
	database->was_off = database->unsaid = false;
	memset(&database->stats, 0, sizeof(database->stats));
	memset(database->failed, 0, sizeof(database->failed));
	memset(database->bad, 0, sizeof(database->bad));
	forget_marks(database);
	for (int i = 0; i < OMS_COUNTER_NUMBERS; i++)
		pg_atomic_write_u64(&database->counters.numbers[i], 0);
	LWLockAcquire(oms_shared->metrics_lock, LW_EXCLUSIVE);
	memset(database->checks, 0, sizeof(database->checks));
	database->open_work.counted_at = 0;
	LWLockRelease(oms_shared->metrics_lock);
	database->known_since = oms_clock_wall();
	pg_atomic_write_u64(&database->nearest, (uint64) DT_NOEND);
	pg_atomic_write_u32(&database->leave, 0);
	pg_atomic_write_u32(&database->resync, 1);
	pg_atomic_write_u64(&database->prepared_xid, 0);
	pg_atomic_write_u64(&database->read_pos, pg_atomic_read_u64(&database->write_pos));
	pg_write_barrier();
	database->dboid = dboid;
	return database;
}

/*
 * The slot of a database; NULL if it has none and make is false or none is free (oms.max_databases).
 */
OmsDatabase *
oms_shared_database(Oid dboid, bool make)
{
	OmsDatabase *database;

	LWLockAcquire(oms_shared->lock, LW_SHARED);
	database = find_database(dboid);
	LWLockRelease(oms_shared->lock);
	if (database != NULL || !make)
		return database;

	LWLockAcquire(oms_shared->lock, LW_EXCLUSIVE);
	database = find_database(dboid);
	if (database == NULL)
		database = make_database(dboid);
	LWLockRelease(oms_shared->lock);
	return database;
}

/*
 * The slot of this session's database, which knows one from before; it takes one if there is none.  The launcher then
 * finds out what it is to do for it: until it knows, it cannot give the slot to a database that needs it more.  NULL
 * without shared memory, or if no slot is free.
 */
OmsDatabase *
oms_shared_mine(OmsDatabase *known)
{
	OmsDatabase *mine;

	if (oms_shared == NULL)
		return NULL;
	if (known != NULL && known->dboid == MyDatabaseId)
		return known;
	mine = oms_shared_database(MyDatabaseId, false);
	if (mine != NULL)
		return mine;
	mine = oms_shared_database(MyDatabaseId, true);
	if (mine != NULL)
		oms_shared_wake_launcher(true);
	return mine;
}

/* Is there a slot for another database? */
bool
oms_shared_has_room(void)
{
	bool		room;

	LWLockAcquire(oms_shared->lock, LW_SHARED);
	room = find_database(InvalidOid) != NULL;
	LWLockRelease(oms_shared->lock);
	return room;
}

/*
 * A database has no slot and may want one now.  If another one asks at the same time, the launcher looks at all of them;
 * it has to be woken.
 */
void
oms_shared_ask(Oid dboid)
{
	uint32		other = InvalidOid;
	bool		alone = pg_atomic_compare_exchange_u32(&oms_shared->asking, &other, dboid) || other == dboid;

	pg_atomic_fetch_or_u32(&oms_shared->rescan, alone ? OMS_LOOK_AT_NEW : OMS_LOOK_AT_ALL);
}

/* The database is gone, or needs none: its slot is free again, and who waits there is to wait elsewhere */
void
oms_shared_forget(OmsDatabase *database)
{
	LWLockAcquire(oms_shared->lock, LW_EXCLUSIVE);
	database->dboid = InvalidOid;
	LWLockRelease(oms_shared->lock);
	oms_shared_wake_waiters(database);
}

void
oms_shared_set_state(OmsDatabase *database, OmsWorkerState state)
{
	SpinLockAcquire(&database->mutex);
	database->state = state;
	SpinLockRelease(&database->mutex);
}

OmsWorkerState
oms_shared_state(OmsDatabase *database)
{
	OmsWorkerState state;

	SpinLockAcquire(&database->mutex);
	state = database->state;
	SpinLockRelease(&database->mutex);
	return state;
}

const char *
oms_shared_state_name(OmsWorkerState state)
{
	static const char *const names[OMS_WORKER_STATES] =
	{
		[OMS_WORKER_UNKNOWN] = "to be started",
		[OMS_WORKER_STARTING] = "starting",
		[OMS_WORKER_RUNNING] = "running",
		[OMS_WORKER_NONE] = "no extension",
		[OMS_WORKER_OFF] = "off",
		[OMS_WORKER_UNWANTED] = "not wanted",
		[OMS_WORKER_INACTIVE] = "not activated",
		[OMS_WORKER_BLOCKED] = "wrong version",
		[OMS_WORKER_AWAY] = "away",
		[OMS_WORKER_NO_SLOT] = "no slot"
	};

	return names[state];
}

const char *
oms_shared_step_name(OmsStep step)
{
	static const char *const names[OMS_STEPS] =
	{
		[OMS_STEP_HOME] = "home",
		[OMS_STEP_TIMERS] = "timers",
		[OMS_STEP_CALENDARS] = "calendars",
		[OMS_STEP_MESSAGES] = "messages",
		[OMS_STEP_PREPARED] = "prepared",
		[OMS_STEP_EVENTS] = "events",
		[OMS_STEP_ANNOUNCE] = "announce",
		[OMS_STEP_HORIZON] = "horizon",
		[OMS_STEP_ROLL_UP] = "roll-up",
		[OMS_STEP_SEAL] = "seal",
		[OMS_STEP_CLAIMS] = "claims",
		[OMS_STEP_ARCHIVE] = "archive"
	};

	return names[step];
}

/*
 * The lateness that the given share of the timers did not exceed, in milliseconds: the upper end of
 * its bucket.
 */
double
oms_shared_late(const OmsWorkerStats *stats, double share)
{
	uint64		total = 0;
	uint64		sum = 0;

	for (int i = 0; i < OMS_LATE_BUCKETS; i++)
		total += stats->late[i];
	for (int i = 0; i < OMS_LATE_BUCKETS; i++)
	{
		sum += stats->late[i];
		if (sum > 0 && sum >= total * share)
			return Min(0.25 * ((uint64) 1 << i), stats->late_max / 1000.0);
	}
	return 0;
}

bool
oms_shared_has_launcher(void)
{
	bool		there;

	SpinLockAcquire(&oms_shared->mutex);
	there = oms_shared->launcher_latch != NULL;
	SpinLockRelease(&oms_shared->mutex);
	return there;
}

void
oms_shared_wake_launcher(bool rescan)
{
	Latch	   *latch;

	if (rescan)
		pg_atomic_fetch_or_u32(&oms_shared->rescan, OMS_LOOK_AT_NEW);
	SpinLockAcquire(&oms_shared->mutex);
	latch = oms_shared->launcher_latch;
	SpinLockRelease(&oms_shared->mutex);
	if (latch != NULL)
		SetLatch(latch);
}

void
oms_shared_wake_worker(OmsDatabase *database)
{
	Latch	   *latch;

	SpinLockAcquire(&database->mutex);
	latch = database->latch;
	SpinLockRelease(&database->mutex);
	if (latch != NULL)
		SetLatch(latch);
}

/* Let everybody look who waits for work */
void
oms_shared_wake_waiters(OmsDatabase *database)
{
	for (int bucket = 0; bucket < OMS_WAIT_BUCKETS; bucket++)
	{
		pg_atomic_fetch_add_u64(&database->work_count[bucket], 1);
		ConditionVariableBroadcast(&database->work[bucket]);
	}
}

/*
 * Somebody else has committed what a session prepared: look for it in the tables, and let those look
 * who wait.
 */
void
oms_shared_look_at_tables(OmsDatabase *database, TimestampTz now)
{
	pg_atomic_write_u32(&database->resync, 1);
	oms_shared_arm(database, now);
	oms_shared_wake_waiters(database);
	oms_shared_wake_worker(database);
}

/*
 * A timer was armed and committed: the worker must not sleep beyond it.
 */
void
oms_shared_arm(OmsDatabase *database, TimestampTz at)
{
	uint64		nearest = pg_atomic_read_u64(&database->nearest);

	while (at < (TimestampTz) nearest)
		if (pg_atomic_compare_exchange_u64(&database->nearest, &nearest, (uint64) at))
		{
			oms_shared_wake_worker(database);
			return;
		}
}
