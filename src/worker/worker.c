/*
 * worker.c
 *		The worker of one database: sends events and fires timers, and otherwise sleeps.
 *
 * It sleeps on its latch until exactly the next timer; commits that have something for it set the
 * latch.  It never waits for a lock and never sleeps in a transaction.
 *
 * Life events, each with a test in test/t:
 *	- SIGTERM: FATAL, exit code 1; the launcher starts another.  A crash resets the server; shared
 *	  memory is new, and the first thing a worker does is to announce from the tables.
 *	- the extension is dropped, or its tables are being changed: before each transaction the worker
 *	  takes the locks it will need without waiting, and looks whether the tables are (still) there.
 *	- the database is dropped, renamed, copied, closed: it is asked to leave (hooks.c) and leaves.
 *	- an error in a timer: the round is repeated one stage per transaction, and what fails then is left
 *	  alone for a while, longer each time; the others go on.
 *	- an error in sending (for instance, the queue of the server is full): tried again after a second.
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
#include "catalog/namespace.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "store/identity.h"
#include "store/outbox.h"
#include "store/rollup.h"
#include "store/seal.h"
#include "store/store.h"
#include "worker/announce.h"
#include "worker/bell.h"
#include "worker/launcher.h"
#include "worker/tick.h"
#include "worker/worker.h"

/* Events sent, and stages whose timers are fired, with one transaction */
#define SEND_BATCH		1000
#define TICK_BATCH		200
/* Pauses, in milliseconds */
#define LOCKED_MS		100		/* until locked tickets are tried again */
#define BUSY_MS			100		/* until tables that somebody has locked are tried again */
#define ERROR_MS		1000	/* after an error */
#define HORIZON_MS		1000	/* between two savings of the horizon */
#define STUCK_MS		1000	/* patience with a commit that is not published */
#define PREPARED_MS		5000	/* between two looks for prepared transactions that ended */
#define FIRST_SEAL_MS	60000	/* from the start of the worker, when there is more urgent work */
#define ROLL_UP_MS		60000	/* between two roll-ups for the reports */
#define SWEEP_MS		60000	/* between two looks at the tables with nothing to do */
#define HOME_MS			5000	/* between two looks whether the data is at home here, while it is not */
#define CLOCK_MS		5000	/* between two looks at the clock while a timer is armed: it may be set */
/* Shortest and longest time for which a failing timer is left alone */
#define BAD_MS			1000
#define BAD_MAX_MS		3600000

static OmsDatabase *place;

/* What is to be done when, by the clock that nobody can set */
static TimestampTz retry_tick = 0;	/* locked tickets, or an error */
static TimestampTz retry_send = 0;
static TimestampTz retry_tables = 0;
static int	tables_failed = 0;	/* in a row */
static int	ring_failed = 0;
static TimestampTz next_sweep = 0;
static TimestampTz next_seal = 0;
static TimestampTz next_roll_up = 0;
static TimestampTz last_horizon = 0;
static TimestampTz last_send = 0;
static TimestampTz stuck_since = 0;
static int64 send_cost = 0;		/* of a batch of events lately, microseconds of CPU */
static bool at_home = false;	/* see identity.c */
static bool more_timers = false;	/* the last round was not the end */
static bool careful = false;	/* one stage per transaction */
static bool sent_since_horizon = false;
static bool sealed = false;		/* by us, or there was nothing to seal */
static uint64 coming_horizon = 0;	/* to be saved when read_pos has reached horizon_pos */
static uint64 horizon_pos = 0;

static void leave_if_asked(void);
static void leave(OmsWorkerState state) __attribute__((noreturn));
static bool fire_timers(void);

/* ---- transactions ---- */

/* What the worker always needs */
static const char *const tables[] = {"workflow", "workflow_stage", "ticket_state", "stage_state",
"stage_past", "hold", "clock_segment", "calendar", "owner", "owner_member", "absence", "timeline", "worker_state",
"rollup", "rollup_ahead", "rollup_state"};

/* What only steps need that look back: seals, roll-ups, and sending from the tables */
static const char *const more_tables[] = {"ticket_state_archive", "stage_state_archive", "stage_past_archive",
"hold_archive", "timeline_archive", "seals", "seal_leaf", "seal_state"};

/*
 * Lock tables without waiting.  False if somebody has one locked now; *gone if one is not there any more.
 */
static bool
try_tables(const char *const *names, int count, bool *gone)
{
	for (int i = 0; i < count; i++)
	{
		Oid			schema = get_namespace_oid("oms", true);
		Oid			table = OidIsValid(schema) ? get_relname_relid(names[i], schema) : InvalidOid;

		if (!OidIsValid(table))
			*gone = true;
		else if (ConditionalLockRelationOid(table, RowExclusiveLock))
		{
			/* now that it is locked: is it still the one? */
			AcceptInvalidationMessages();
			if (table == get_relname_relid(names[i], schema))
				continue;
			*gone = true;
		}
		return false;
	}
	return true;
}

/*
 * Begin a transaction in which the tables are there and nobody is in our way; "more": also of those
 * that not everything needs.  False (and no transaction) if somebody has them locked now; *gone if
 * the extension is not there any more.
 */
static bool
begin_work(bool more, bool *gone)
{
	*gone = false;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!try_tables(tables, lengthof(tables), gone) ||
		(more && !try_tables(more_tables, lengthof(more_tables), gone)))
	{
		AbortCurrentTransaction();
		return false;
	}
	PushActiveSnapshot(GetTransactionSnapshot());
	return true;
}

static void
end_work(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/*
 * Commit what was done so far and go on in a new transaction, with all tables.
 */
void
oms_worker_next_transaction(void)
{
	bool		gone;

	end_work();
	for (;;)
	{
		leave_if_asked();
		/* a long announcement, or a table that is locked, must not make timers late */
		while ((more_timers || (TimestampTz) pg_atomic_read_u64(&place->nearest) <= oms_clock_now()) &&
			   fire_timers())
			CHECK_FOR_INTERRUPTS();
		if (begin_work(true, &gone))
			return;
		if (gone)
			leave(OMS_WORKER_UNKNOWN);
		(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, BUSY_MS,
						 oms_wait_event("OmsWorkerTables"));
		CHECK_FOR_INTERRUPTS();
	}
}

static void
note_error(void)
{
	ErrorData  *error;

	MemoryContextSwitchTo(TopMemoryContext);
	error = CopyErrorData();
	strlcpy(place->stats.last_error, error->message ? error->message : "",
			sizeof(place->stats.last_error));
	place->stats.errors++;
	FreeErrorData(error);
}

static TimestampTz
after(TimestampTz now, long ms)
{
	return TimestampTzPlusMilliseconds(now, ms);
}

/* ---- leaving ---- */

static void
forget_worker(int code, Datum arg)
{
	place->stats.last_alive = oms_clock_wall();
	SpinLockAcquire(&place->mutex);
	place->latch = NULL;
	place->pid = 0;
	if (place->state == OMS_WORKER_RUNNING || place->state == OMS_WORKER_INACTIVE)
		place->state = OMS_WORKER_UNKNOWN;
	SpinLockRelease(&place->mutex);
	pg_atomic_write_u32(&place->sleeping, 0);
	oms_shared_wake_launcher(false);
}

static void
leave(OmsWorkerState state)
{
	SpinLockAcquire(&place->mutex);
	/* somebody has asked for another look while this one was looking with old eyes */
	if (pg_atomic_exchange_u32(&place->leave, 0) != 0 && state != OMS_WORKER_UNWANTED)
		state = OMS_WORKER_UNKNOWN;
	place->state = state;
	SpinLockRelease(&place->mutex);
	proc_exit(0);
}

/*
 * Somebody wants the database, or wants this worker to be another one: go.
 */
static void
leave_if_asked(void)
{
	OmsWorkerState state;

	if (pg_atomic_exchange_u32(&place->leave, 0) == 0)
		return;
	SpinLockAcquire(&place->mutex);
	if (place->state == OMS_WORKER_RUNNING || place->state == OMS_WORKER_INACTIVE)
		place->state = OMS_WORKER_AWAY;
	state = place->state;
	SpinLockRelease(&place->mutex);
	leave(state);
}

/* ---- timers ---- */

/* A timer that raised an error */
typedef struct BadKey
{
	OmsTicketId ticket;
	int64		stage;			/* as wide as the ticket: no padding in the key */
} BadKey;

typedef struct BadTimer
{
	BadKey		key;
	int			failures;
	TimestampTz retry_at;		/* steady clock */
} BadTimer;

static HTAB *bad_timers = NULL;

static void
make_bad_timers(void)
{
	HASHCTL		control = {.keysize = sizeof(BadKey), .entrysize = sizeof(BadTimer),
	.hcxt = TopMemoryContext};

	bad_timers = hash_create("oms bad timers", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static bool
is_bad(OmsTicketId ticket, int stage)
{
	BadKey		key = {ticket, stage};
	BadTimer   *bad = hash_search(bad_timers, &key, HASH_FIND, NULL);

	return bad != NULL && bad->retry_at > oms_clock_steady();
}

/*
 * Show the first of the failing timers to oms.worker_errors.
 */
static void
show_bad_timer(const BadTimer *bad, const char *error)
{
	OmsBadTimer *shown = NULL;

	for (int i = 0; i < OMS_BAD_TIMERS; i++)
	{
		OmsBadTimer *candidate = &place->bad[i];

		if (candidate->ticket == bad->key.ticket && candidate->stage == bad->key.stage)
			shown = candidate;
		else if (shown == NULL && candidate->ticket == 0)
			shown = candidate;
	}
	if (shown == NULL)
		return;
	shown->ticket = bad->key.ticket;
	shown->stage = (int) bad->key.stage;
	shown->failures = bad->failures;
	shown->retry_at = after(oms_clock_wall(),
							TimestampDifferenceMilliseconds(oms_clock_steady(), bad->retry_at));
	strlcpy(shown->error, error, sizeof(shown->error));
}

static void
hide_bad_timer(const BadKey *key)
{
	for (int i = 0; i < OMS_BAD_TIMERS; i++)
		if (place->bad[i].ticket == key->ticket && place->bad[i].stage == key->stage)
			place->bad[i].ticket = 0;
}

/*
 * Leave the timer that failed alone for a while, longer each time.  True if it failed for the first
 * time.
 */
static bool
note_bad_timer(const OmsTick *tick, const char *error)
{
	BadKey		key = {tick->ticket, tick->stage};
	bool		known;
	BadTimer   *bad = hash_search(bad_timers, &key, HASH_ENTER, &known);

	if (!known)
		bad->failures = 0;
	bad->retry_at = after(oms_clock_steady(), Min((long) BAD_MS << Min(bad->failures, 12), BAD_MAX_MS));
	bad->failures++;
	show_bad_timer(bad, error);
	return !known;
}

/*
 * A round came to its end: what was tried in it and did not fail is not bad any more.  Returns when
 * the next of the others is to be tried, 0 if there is none.
 */
static TimestampTz
next_bad_timer(TimestampTz started)
{
	HASH_SEQ_STATUS all;
	BadTimer   *bad;
	TimestampTz next = 0;

	hash_seq_init(&all, bad_timers);
	while ((bad = hash_seq_search(&all)) != NULL)
	{
		if (bad->retry_at <= started)
		{
			hide_bad_timer(&bad->key);
			hash_search(bad_timers, &bad->key, HASH_REMOVE, NULL);
		}
		else if (next == 0 || bad->retry_at < next)
			next = bad->retry_at;
	}
	return next;
}

/*
 * After an error in a round of timers: with many in it, do it again one by one; with one, that is it.
 */
static void
timer_failed(const OmsTick *tick)
{
	if (!careful)
	{
		careful = true;
		FlushErrorState();
		return;
	}
	note_error();
	if (note_bad_timer(tick, place->stats.last_error))
		EmitErrorReport();
	FlushErrorState();
}

/*
 * Arm the next wake-up.  The old one was forgotten before the round began, so that a commit in between
 * is not overwritten.
 */
static void
rearm(TimestampTz now, TimestampTz started, int locked)
{
	PopActiveSnapshot();
	PushActiveSnapshot(GetLatestSnapshot());
	oms_shared_arm(place, oms_store_next_timer(now));
	retry_tick = next_bad_timer(started);
	if (locked > 0 && (retry_tick == 0 || retry_tick > after(oms_clock_steady(), LOCKED_MS)))
		retry_tick = after(oms_clock_steady(), LOCKED_MS);
}

/*
 * One round: fire what is due, up to a batch.  True if there may be more.
 */
static bool
fire_timers(void)
{
	OmsTick		tick = {.database = place, .skip = is_bad, .limit = careful ? 1 : TICK_BATCH};
	TimestampTz started = oms_clock_steady();
	TimestampTz now = oms_clock_now();
	MemoryContext old = CurrentMemoryContext;
	bool		gone;
	bool		more = false;

	pg_atomic_write_u64(&place->nearest, (uint64) DT_NOEND);
	pg_memory_barrier();
	if (!begin_work(false, &gone))
	{
		retry_tick = after(oms_clock_steady(), BUSY_MS);
		if (gone)
			leave(OMS_WORKER_UNKNOWN);
		more_timers = false;
		return false;
	}
	tick.actor.role = GetUserNameFromId(GetUserId(), false);
	PG_TRY();
	{
		oms_tick_run(&tick, now);
		more = tick.visited >= tick.limit;
		if (!more)
		{
			careful = false;
			rearm(now, started, tick.locked);
		}
		end_work();
		place->stats.timers_fired += tick.fired;
		place->stats.last_tick = oms_clock_wall();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		timer_failed(&tick);
		AbortCurrentTransaction();
		more = true;
	}
	PG_END_TRY();
	more_timers = more;
	return more;
}

/* ---- events ---- */

/*
 * The pause after sending, in microseconds.  What sending costs the server is wake-ups of listeners per
 * commit, not events: each of them starts a transaction.  How many there are shows in the time that
 * the commits take here (0.1 to 0.3 ms with few, 1 ms with a hundred), so the pause grows with the
 * square of that: next to nothing with few listeners, 25 ms with a hundred.
 */
static int64
pause_after_send(void)
{
	return Min(send_cost * send_cost / 40, (int64) oms_gather * 1000);
}

/*
 * How long sending has to wait now, in milliseconds.
 */
static long
gathering(TimestampTz now)
{
	uint64		backlog = pg_atomic_read_u64(&place->write_pos) - pg_atomic_read_u64(&place->read_pos);
	int64		left = last_send + pause_after_send() - now;

	if (left <= 0 || backlog > OMS_RING_SIZE / 2)
		return 0;
	return (left + 999) / 1000;
}

/*
 * Send from the ring; how many places it went forward.
 */
static int
send_ring(void)
{
	int64		before = oms_clock_cpu();
	int			count = oms_announce_ring(place, SEND_BATCH);

	end_work();
	place->stats.send_failures = tables_failed;
	send_cost += (oms_clock_cpu() - before - send_cost) / 4;
	pg_atomic_fetch_add_u64(&place->read_pos, count);
	place->stats.events_sent += count;
	place->stats.batches_sent++;
	ring_failed = 0;
	sent_since_horizon = sent_since_horizon || count > 0;
	last_send = oms_clock_steady();
	return count;
}

/*
 * Announce from the tables what was lost on the way; where events do not go through the worker, or did
 * not until now, only move the horizon.
 */
static int
send_tables(void)
{
	pg_atomic_write_u32(&place->resync, 0);
	if (oms_dispatch_mode == OMS_DISPATCH_WORKER && !place->was_off)
		oms_announce_tables(place);
	place->was_off = false;
	end_work();
	place->stats.send_failures = ring_failed;
	sent_since_horizon = true;
	tables_failed = 0;
	return 0;
}

/*
 * After an error in sending: try again, later and later for the tables.  What cannot be sent from the
 * ring the second time must not hold up the rest: it is left to the tables.
 */
static void
send_failed(bool from_tables)
{
	TimestampTz now = oms_clock_steady();

	place->stats.send_failures++;
	pg_atomic_write_u32(&place->resync, 1);
	if (from_tables)
	{
		retry_tables = after(now, (long) ERROR_MS << Min(tables_failed, 6));
		tables_failed++;
		return;
	}
	retry_send = after(now, ERROR_MS);
	if (++ring_failed > 1)
		pg_atomic_write_u64(&place->read_pos, pg_atomic_read_u64(&place->write_pos));
}

/*
 * Run a step in the transaction that was begun; on error say so once and try again later.
 */
static int
run_step(int (*step) (void))
{
	MemoryContext old = CurrentMemoryContext;
	int			result = 0;

	PG_TRY();
	{
		result = step();
		retry_send = 0;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		EmitErrorReport();
		note_error();
		FlushErrorState();
		AbortCurrentTransaction();
		send_failed(step == send_tables);
	}
	PG_END_TRY();
	return result;
}

/*
 * Run a step of sending in a transaction.
 */
static int
guarded(int (*step) (void))
{
	bool		gone;

	if (begin_work(false, &gone))
		return run_step(step);
	if (gone)
		leave(OMS_WORKER_UNKNOWN);
	retry_send = after(oms_clock_steady(), BUSY_MS);
	return 0;
}

/*
 * Run a step that needs more tables than most, or say false: somebody has one locked.  Nothing else waits
 * for them.
 */
static bool
guarded_more(int (*step) (void))
{
	bool		gone;

	if (!begin_work(true, &gone))
	{
		if (gone)
			leave(OMS_WORKER_UNKNOWN);
		return false;
	}
	(void) run_step(step);
	return true;
}

static int
step_capture_horizon(void)
{
	coming_horizon = oms_store_horizon();
	horizon_pos = pg_atomic_read_u64(&place->write_pos);
	/* a commit that the ring could not hold may be seen already, and ask for the tables only in a moment */
	if (pg_atomic_read_u32(&place->overflowing) != 0)
		coming_horizon = 0;
	end_work();
	return 0;
}

static int
step_save_horizon(void)
{
	oms_store_save_horizon(coming_horizon);
	end_work();
	coming_horizon = 0;
	return 0;
}

/*
 * Move the horizon up now and then: note where everything is over, wait until what was in the ring by
 * then has been sent, write it down.
 */
static void
keep_horizon(TimestampTz now)
{
	if (pg_atomic_read_u32(&place->resync) != 0)
	{
		/* something has yet to be sent from the tables: what is below the horizon never would be */
		coming_horizon = 0;
		sent_since_horizon = true;
	}
	else if (coming_horizon != 0 && pg_atomic_read_u64(&place->read_pos) >= horizon_pos)
		guarded(step_save_horizon);
	else if (coming_horizon == 0 && sent_since_horizon &&
			 TimestampDifferenceExceeds(last_horizon, now, HORIZON_MS))
	{
		last_horizon = now;
		sent_since_horizon = false;
		guarded(step_capture_horizon);
		if (coming_horizon == 0)
			sent_since_horizon = true;
		else if (pg_atomic_read_u64(&place->read_pos) >= horizon_pos &&
				 pg_atomic_read_u32(&place->resync) == 0)
			guarded(step_save_horizon);
	}
}

/*
 * A place that is reserved and not published holds up the others: a commit is under way.  If it takes
 * too long (it may wait for a standby), go past it; whoever reserved it will ask for the tables.
 */
static void
pass_stuck_place(TimestampTz now, int sent)
{
	uint64		read_pos = pg_atomic_read_u64(&place->read_pos);

	if (sent > 0 || read_pos == pg_atomic_read_u64(&place->write_pos))
		stuck_since = 0;
	else if (stuck_since == 0)
		stuck_since = now;
	else if (TimestampDifferenceExceeds(stuck_since, now, STUCK_MS))
	{
		pg_atomic_fetch_add_u64(&place->read_pos, 1);
		pg_atomic_write_u32(&place->resync, 1);
		stuck_since = 0;
	}
}

/*
 * Seal what changed, a minute after the start and then on a schedule.  Somebody else who is at it is not
 * waited for: an archiver may seal and go on for minutes.
 */
static int
step_seal(void)
{
	sealed = oms_store_seal(false, false) >= 0;
	end_work();
	return 0;
}

static void
seal_now_and_then(TimestampTz now)
{
	if (oms_seal_interval == 0 || next_seal > now)
		return;
	sealed = true;
	if (next_seal == 0 || !guarded_more(step_seal) || !sealed)
		next_seal = after(now, Min(FIRST_SEAL_MS, oms_seal_interval * 1000L));
	else
		next_seal = now + (int64) oms_seal_interval * USECS_PER_SEC;
}

/*
 * Clocks that nobody has looked at since their calendar changed.
 */
static int
step_calendars(void)
{
	OmsActor	actor = {.role = GetUserNameFromId(GetUserId(), false)};

	oms_tick_calendars(&actor);
	end_work();
	return 0;
}

/*
 * Roll up what was finished.  Somebody else who is at it is not waited for.
 */
static int
step_roll_up(void)
{
	(void) oms_store_roll_up(false, false);
	end_work();
	return 0;
}

static void
roll_up_now_and_then(TimestampTz now)
{
	if (next_roll_up > now)
		return;
	if (next_roll_up != 0)
		(void) guarded_more(step_roll_up);
	next_roll_up = after(now, ROLL_UP_MS);
}

static int
step_prepared(void)
{
	uint64		oldest = oms_store_oldest_transaction();
	uint64		prepared = pg_atomic_read_u64(&place->prepared_xid);

	end_work();
	if (oldest > prepared &&
		pg_atomic_compare_exchange_u64(&place->prepared_xid, &prepared, 0))
	{
		pg_atomic_write_u32(&place->resync, 1);
		retry_tick = oms_clock_steady();
	}
	return 0;
}

/*
 * Send what is to be sent now; how long nothing else is, in milliseconds.
 */
static long
send_events(TimestampTz now)
{
	long		wait;
	int			sent = 0;

	if (retry_send > now)
		return TimestampDifferenceMilliseconds(now, retry_send) + 1;
	if (pg_atomic_read_u32(&place->resync) && retry_tables <= now && !guarded_more(send_tables))
		retry_tables = after(now, BUSY_MS);
	wait = gathering(now);
	if (wait > 0)
		return wait;
	if (pg_atomic_read_u64(&place->read_pos) != pg_atomic_read_u64(&place->write_pos))
		sent = guarded(send_ring);
	pass_stuck_place(now, sent);
	keep_horizon(oms_clock_steady());
	if (retry_send != 0)
		return ERROR_MS;
	if (pg_atomic_read_u32(&place->resync))
		return Max(TimestampDifferenceMilliseconds(oms_clock_steady(), retry_tables), 0);
	if (sent >= SEND_BATCH)
		return 0;
	if (stuck_since != 0)
		return STUCK_MS;
	return coming_horizon != 0 || sent_since_horizon ? HORIZON_MS : SWEEP_MS;
}

/* ---- main ---- */

static int
step_skip_ahead(void)
{
	oms_store_save_horizon(oms_store_horizon());
	end_work();
	return 0;
}

/*
 * The worker is switched off: from now on events go out with the commits.  Send what came before, and
 * note that what comes after needs no announcement.
 */
static void
switch_off(void)
{
	oms_shared_set_state(place, OMS_WORKER_OFF);
	while (guarded(send_ring) > 0)
		CHECK_FOR_INTERRUPTS();
	guarded(step_skip_ahead);
	place->was_off = true;
	leave(OMS_WORKER_OFF);
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
		leave(OMS_WORKER_NONE);
	if (misfit != NULL)
	{
		ereport(LOG,
				(errmsg("oms: no worker for database \"%s\": %s", database, misfit),
				 errhint("%s", hint)));
		leave(OMS_WORKER_BLOCKED);
	}
	if (!oms_worker_enabled)
		switch_off();
}

/*
 * Become the worker of the database, unless there is one.
 */
static void
take_place(Oid dboid)
{
	bool		taken;

	place = oms_shared_database(dboid, true);
	if (place == NULL)
		proc_exit(0);
	SpinLockAcquire(&place->mutex);
	taken = place->latch != NULL;
	if (!taken)
	{
		place->latch = MyLatch;
		place->pid = MyProcPid;
	}
	SpinLockRelease(&place->mutex);
	if (taken)
		proc_exit(0);
	before_shmem_exit(forget_worker, (Datum) 0);
}

/*
 * Begin with the tables, since nobody knows what was sent.  Prepared transactions from before this
 * worker started are found there as well.
 */
static int
step_start(void)
{
	Oid			tables_now = oms_relation_oid("ticket_state");

	/* what stands in the ring may be about an extension that was dropped */
	if (place->tables != tables_now)
		pg_atomic_write_u64(&place->read_pos, pg_atomic_read_u64(&place->write_pos));
	place->tables = tables_now;
	pg_atomic_write_u32(&place->resync, 1);
	pg_atomic_write_u64(&place->prepared_xid,
						U64FromFullTransactionId(ReadNextFullTransactionId()));
	end_work();
	return 0;
}

/*
 * Is the data at home here?  Until it is, timers and events wait; whoever settles or activates it
 * sends this worker away, and the next one looks again.
 */
static int
step_home(void)
{
	at_home = oms_store_at_home();
	if (!at_home && oms_store_settled())
	{
		if (oms_shared_state(place) == OMS_WORKER_RUNNING)
			ereport(WARNING,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("oms: timers and events of database %u wait", MyDatabaseId),
					 errdetail("Its data was copied or restored from another database or server, "
							   "or the server was upgraded."),
					 errhint("SELECT oms.activate() in it if this is where work goes on.")));
		oms_shared_set_state(place, OMS_WORKER_INACTIVE);
	}
	end_work();
	return 0;
}

/*
 * Do everything there is to do now; how long to sleep then, in milliseconds.
 */
static long
work(void)
{
	TimestampTz now = oms_clock_steady();
	TimestampTz nearest = (TimestampTz) pg_atomic_read_u64(&place->nearest);
	long		sleep;

	if (!at_home)
		guarded(step_home);
	if (!at_home)
		return HOME_MS;

	if (nearest <= oms_clock_now() || (retry_tick != 0 && retry_tick <= now) || next_sweep <= now)
	{
		pgstat_report_activity(STATE_RUNNING, "firing timers");
		if (next_sweep <= now)
			guarded(step_calendars);
		while (fire_timers())
		{
			CHECK_FOR_INTERRUPTS();
			leave_if_asked();
			(void) send_events(oms_clock_steady());
		}
		now = oms_clock_steady();
		next_sweep = after(now, SWEEP_MS);
	}
	if (pg_atomic_read_u64(&place->prepared_xid) != 0)
		guarded(step_prepared);
	seal_now_and_then(now);
	roll_up_now_and_then(now);
	sleep = send_events(now);

	now = oms_clock_steady();
	nearest = (TimestampTz) pg_atomic_read_u64(&place->nearest);
	if (nearest != DT_NOEND)
		sleep = Min(Min(sleep, CLOCK_MS), TimestampDifferenceMilliseconds(oms_clock_now(), nearest));
	if (retry_tick != 0)
		sleep = Min(sleep, TimestampDifferenceMilliseconds(now, retry_tick));
	if (pg_atomic_read_u64(&place->prepared_xid) != 0)
		sleep = Min(sleep, PREPARED_MS);
	return Min(sleep, TimestampDifferenceMilliseconds(now, next_sweep));
}

/*
 * Sleep, unless something came in since we looked.  "sleeping" tells commits that the latch is to be
 * set; while events are gathered it need not be.
 */
static void
sleep_for(long ms)
{
	long		gather = gathering(oms_clock_steady());

	if (gather > 0)
		ms = Min(ms, gather);
	pg_atomic_write_u32(&place->sleeping, gather > 0 ? 0 : 1);
	pg_memory_barrier();
	if (gather <= 0 && stuck_since == 0 && retry_send == 0 &&
		pg_atomic_read_u64(&place->read_pos) != pg_atomic_read_u64(&place->write_pos))
		ms = Min(ms, 1);
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
					 oms_wait_event("OmsWorkerMain"));
	pg_atomic_write_u32(&place->sleeping, 0);
	ResetLatch(MyLatch);
}

void
oms_worker_main(Datum arg)
{
	Oid			dboid = DatumGetObjectId(arg);

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	take_place(dboid);
	BackgroundWorkerInitializeConnectionByOid(dboid, InvalidOid, 0);
	look_around();
	own_settings();

	memset(&place->stats, 0, sizeof(place->stats));
	place->stats.started_at = place->stats.last_alive = oms_clock_wall();
	make_bad_timers();
	memset(place->bad, 0, sizeof(place->bad));
	oms_shared_set_state(place, OMS_WORKER_RUNNING);
	guarded(step_start);

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
		place->stats.last_alive = oms_clock_wall();
		(void) pgstat_report_stat(false);
		pgstat_report_activity(STATE_IDLE, NULL);
		sleep_for(ms);
	}
}
