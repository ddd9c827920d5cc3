/*
 * shared.h
 *		What backends, launcher and workers share: one slot per database.
 */
#ifndef OMS_SHARED_H
#define OMS_SHARED_H

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/spin.h"

#include "oms.h"
#include "shared/counters.h"
#include "shared/low_water.h"
#include "shared/open_work.h"

/* Events on their way to the worker, per database; a power of two */
#define OMS_RING_SIZE		16384
/* Conditions on which sessions wait for work, by hash of the owner */
#define OMS_WAIT_BUCKETS	64
/* Locked tickets that a session waits for are told apart by so many bits of a hash */
#define OMS_TICKET_BITS		64
/* Tickets at which an error was met and that are left alone for a while, shown per database */
#define OMS_BAD_TICKETS		32
/* Powers of two of milliseconds by which timers were late, 0.25 ms and up */
#define OMS_LATE_BUCKETS	32

typedef enum OmsWorkerState
{
	OMS_WORKER_UNKNOWN,			/* to be looked at by the launcher */
	OMS_WORKER_STARTING,		/* the launcher has asked for a worker */
	OMS_WORKER_RUNNING,
	OMS_WORKER_NONE,			/* the database has no extension */
	OMS_WORKER_OFF,				/* oms.worker is off in the database */
	OMS_WORKER_UNWANTED,		/* not in oms.databases, or nobody may connect */
	OMS_WORKER_INACTIVE,		/* the data is at home elsewhere */
	OMS_WORKER_BLOCKED,			/* library and SQL objects do not belong together */
	OMS_WORKER_AWAY,			/* left so that the database can be dropped or renamed */
	OMS_WORKER_NO_SLOT			/* max_worker_processes is used up */
} OmsWorkerState;

#define OMS_WORKER_STATES	(OMS_WORKER_NO_SLOT + 1)

/*
 * One event.  The tag is the position of the event in the order of all events of the database, shifted
 * left, and one of the marks below: an entry of an earlier round is never taken for a new one.
 */
typedef struct OmsRingEntry
{
	pg_atomic_uint64 tag;
	OmsTicketId ticket;
	int			workflow_id;
	int			number;			/* attempt or level */
	int16		stage;
	uint8		channel;
	uint8		word;			/* see words in ring.c */
	bool		other_owner;	/* not the one of the definition: to be looked up */
} OmsRingEntry;

#define OMS_RING_PUBLISHED	1
#define OMS_RING_VOID		2
#define OMS_RING_TAG(pos, mark) (((pos) << 2) | (mark))

/* What the worker does, one transaction at a time, and others that go through many tickets; each fails by itself */
typedef enum OmsStep
{
	OMS_STEP_HOME,
	OMS_STEP_TIMERS,
	OMS_STEP_CALENDARS,
	OMS_STEP_MESSAGES,
	OMS_STEP_PREPARED,
	OMS_STEP_EVENTS,			/* from the ring */
	OMS_STEP_ANNOUNCE,			/* from the tables */
	OMS_STEP_HORIZON,
	OMS_STEP_ROLL_UP,
	OMS_STEP_SEAL,
	OMS_STEP_ARCHIVE,			/* in sessions, too */
	/* what sessions do */
	OMS_STEP_CLAIMS
} OmsStep;

#define OMS_STEPS	(OMS_STEP_CLAIMS + 1)

/* How often a step, or a ticket in it, has failed in a row */
typedef struct OmsFailure
{
	int			failures;		/* 0: none */
	TimestampTz retry_at;
	char		error[128];
} OmsFailure;

typedef struct OmsBadTicket
{
	OmsTicketId ticket;			/* 0: free */
	int			stage;			/* 0: none of them */
	OmsStep		step;
	OmsFailure	failure;
} OmsBadTicket;

/* Written by the worker alone; read without a lock, so a reader may see a row half-way */
typedef struct OmsWorkerStats
{
	TimestampTz started_at;
	TimestampTz last_tick;
	TimestampTz last_alive;		/* the end of a round of its loop */
	uint64		timers_fired;
	uint64		events_sent;
	uint64		batches_sent;
	uint64		errors;
	char		last_error[256];
	int64		late_max;		/* microseconds */
	uint64		late[OMS_LATE_BUCKETS];
} OmsWorkerStats;

/* What can be verified over everything */
typedef enum OmsCheck
{
	OMS_CHECK_CHAIN,			/* verify_timeline() */
	OMS_CHECK_SEALS,			/* verify_seals() */
	OMS_CHECK_MODEL				/* check() */
} OmsCheck;

#define OMS_CHECKS	(OMS_CHECK_MODEL + 1)

/* What the last run found */
typedef struct OmsCheckResult
{
	TimestampTz checked_at;		/* 0: none since the server started */
	int64		problems;
} OmsCheckResult;

typedef struct OmsDatabase
{
	Oid			dboid;			/* InvalidOid: free; changed under OmsShared.lock */
	slock_t		mutex;			/* state, pid, latch, away_until, write_pos, bad */
	OmsWorkerState state;
	pid_t		pid;
	Latch	   *latch;			/* of the worker, while it runs */
	TimestampTz away_until;
	TimestampTz next_start;		/* of the launcher: not before */
	Oid			tables;			/* ticket_state of the extension that the ring is about */
	bool		was_off;		/* events went out with the commits until now */
	bool		unsaid;			/* something has yet to be announced from the tables */
	int			failed_starts;
	TimestampTz known_since;

	pg_atomic_uint64 nearest;	/* TimestampTz of the next timer, DT_NOEND: none */
	pg_atomic_uint32 sleeping;	/* the worker wants its latch set */
	pg_atomic_uint32 resync;	/* events were lost: announce from the tables */
	pg_atomic_uint32 leave;		/* the worker is to go */
	pg_atomic_uint64 prepared_xid;	/* the last transaction that was prepared; 0: none */

	pg_atomic_uint32 overflowing;	/* commits under way whose events the ring does not hold */
	pg_atomic_uint64 write_pos; /* next position to give out */
	pg_atomic_uint64 read_pos;	/* next position to send */
	OmsRingEntry ring[OMS_RING_SIZE];

	ConditionVariable work[OMS_WAIT_BUCKETS];
	pg_atomic_uint64 work_count[OMS_WAIT_BUCKETS];
	pg_atomic_uint32 held_up[OMS_TICKET_BITS];	/* sessions that wait for a locked ticket */

	OmsMarkSet	marks[OMS_MARK_SETS];

	OmsWorkerStats stats;
	OmsFailure	failed[OMS_STEPS];
	OmsBadTicket bad[OMS_BAD_TICKETS];

	OmsCounters	counters;
	OmsCheckResult checks[OMS_CHECKS];	/* under OmsShared.metrics_lock, as is open_work */
	OmsOpenWork open_work;
} OmsDatabase;

/*
 * The launcher is to look for databases that it does not know; at those, too, that gave up their slots; and at those of
 * which it knows that they have no extension
 */
#define OMS_LOOK_AT_NEW		1
#define OMS_LOOK_AT_EVICTED	2
#define OMS_LOOK_AT_ALL		4

typedef struct OmsShared
{
	LWLock	   *lock;			/* which database has which slot */
	LWLock	   *metrics_lock;	/* what was counted, of all databases; held while it is copied */
	pg_atomic_uint32 rescan;	/* bits: what the launcher is to look at */
	pg_atomic_uint32 asking;	/* a database without a slot at which it is to look again, or 0 */
	slock_t		mutex;			/* launcher_latch */
	Latch	   *launcher_latch;
	bool		was_standby;	/* this server started as a standby */
	int			ndatabases;
	OmsDatabase databases[FLEXIBLE_ARRAY_MEMBER];
} OmsShared;

/* NULL: the library was not preloaded */
extern OmsShared *oms_shared;

extern void oms_shared_init(void);
extern OmsDatabase *oms_shared_database(Oid dboid, bool make);
extern OmsDatabase *oms_shared_mine(OmsDatabase *known);
extern bool oms_shared_has_room(void);
extern void oms_shared_ask(Oid dboid);
extern void oms_shared_forget(OmsDatabase *database);
extern void oms_shared_set_state(OmsDatabase *database, OmsWorkerState state);
extern OmsWorkerState oms_shared_state(OmsDatabase *database);
extern const char *oms_shared_state_name(OmsWorkerState state);
extern const char *oms_shared_step_name(OmsStep step);
extern double oms_shared_late(const OmsWorkerStats *stats, double share);
extern bool oms_shared_has_launcher(void);
extern void oms_shared_wake_launcher(bool rescan);
extern void oms_shared_wake_worker(OmsDatabase *database);
extern void oms_shared_wake_waiters(OmsDatabase *database);
extern void oms_shared_look_at_tables(OmsDatabase *database, TimestampTz now);
extern void oms_shared_arm(OmsDatabase *database, TimestampTz at);

#endif							/* OMS_SHARED_H */
