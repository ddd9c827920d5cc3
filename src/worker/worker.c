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
 *	  slice of what takes long, and begins anew.
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
#include "store/archive.h"
#include "store/identity.h"
#include "store/outbox.h"
#include "store/rollup.h"
#include "store/seal.h"
#include "store/store.h"
#include "worker/announce.h"
#include "worker/bell.h"
#include "worker/failures.h"
#include "worker/launcher.h"
#include "worker/tick.h"

/* Events sent, and stages whose timers are fired, with one transaction */
#define SEND_BATCH		1000
#define TICK_BATCH		200
/* Pauses, in milliseconds */
#define LOCKED_MS		100		/* until locked tickets are tried again */
#define BUSY_MS			100		/* until tables that somebody has locked are tried again */
#define ERROR_MS		1000	/* after an error; twice as long each time, up to the next */
#define ERROR_MAX_MS	60000
#define SEND_ERROR_MAX_MS	4000	/* events are waited for */
#define HORIZON_MS		1000	/* between two savings of the horizon */
#define ANNOUNCE_MS		50		/* between two pages that were announced: listeners have to keep up */
#define STUCK_MS		1000	/* patience with a commit that is not published */
#define PREPARED_MS		5000	/* between two looks for prepared transactions that ended */
#define FIRST_SEAL_MS	60000	/* from the start of the worker, when there is more urgent work */
#define ROLL_UP_MS		60000	/* between two roll-ups for the reports */
#define ARCHIVE_MS		300000	/* between two looks for what may go into the archive, if nothing was sealed meanwhile */
#define SWEEP_MS		60000	/* between two looks at the tables with nothing to do */
#define HOME_MS			5000	/* between two looks whether the data is at home here, while it is not */
#define CLOCK_MS		5000	/* between two looks at the clock while a timer is armed: it may be set */
/* Shortest and longest time for which a ticket that failed is left alone */
#define BAD_MS			1000
#define BAD_MAX_MS		3600000
/* Events that could not be sent and are kept to be tried again; the others wait for another worker */
#define MAX_UNSENT		10000
#define UNSENT_BATCH	20

static OmsDatabase *place;

/* What is to be done when, by the clock that nobody can set */
static TimestampTz retry_step[OMS_STEPS];	/* after an error, or while tables are locked; 0: at any time */
static bool reported[OMS_STEPS];	/* the log has it that the step fails */
static bool batch_built;		/* of events: what fails then is the commit, and no event's fault */
static TimestampTz retry_tick = 0;	/* locked tickets, or an error */
static TimestampTz retry_unsent = 0;
static TimestampTz next_sweep = 0;
static TimestampTz next_seal = 0;
static TimestampTz next_roll_up = 0;
static TimestampTz next_archive = 0;
static TimestampTz last_horizon = 0;
static TimestampTz last_send = 0;
static TimestampTz stuck_since = 0;
static int64 send_cost = 0;		/* of a batch of events lately, microseconds of CPU */
static bool started = false;	/* see step_start */
static bool at_home = false;	/* see identity.c */
static bool more_timers = false;	/* the last round was not the end */
static bool careful = false;	/* one stage per transaction */
static bool sweep_calendars = false;
static bool sent_since_horizon = false;
static uint64 coming_horizon = 0;	/* to be saved when read_pos has reached horizon_pos */
static uint64 horizon_pos = 0;
static OmsAnnouncement announcement = {.part = OMS_ANNOUNCE_NOTHING};
static TimestampTz next_page = 0;
static bool told_late = false;	/* some event is lost to this worker: the horizon stays */

static void leave(OmsWorkerState state) __attribute__((noreturn));

/* ---- transactions ---- */

/* What the worker always needs */
static const char *const tables[] = {"workflow", "workflow_stage", "ticket_state", "stage_state",
"stage_past", "hold", "clock_segment", "calendar", "owner", "owner_member", "absence", "timeline", "worker_state",
"rollup", "rollup_ahead", "rollup_state"};

/* What only steps need that look back: seals, roll-ups, the archive, and sending from the tables */
static const char *const more_tables[] = {"ticket_state_archive", "stage_state_archive", "stage_past_archive",
"hold_archive", "clock_segment_archive", "timeline_archive", "seals", "seal_leaf", "seal_state", "retention",
"passed_over"};

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
 * Count the error that is being handled, and keep its text in last_error.
 */
static void
note_error(void)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	ErrorData  *error = CopyErrorData();

	strlcpy(place->stats.last_error, error->message ? error->message : "",
			sizeof(place->stats.last_error));
	place->stats.errors++;
	FreeErrorData(error);
	MemoryContextSwitchTo(old);
}

static TimestampTz
after(TimestampTz now, long ms)
{
	return TimestampTzPlusMilliseconds(now, ms);
}

/* ---- steps ---- */

typedef enum Outcome
{
	STEP_DONE,
	STEP_WAITS,					/* it failed a moment ago, or a table is locked */
	STEP_FAILED
} Outcome;

/*
 * The step failed: it alone is left for a while, longer each time, and the first failure in a row stands in the
 * log.
 */
static void
step_failed(OmsStep step)
{
	OmsFailure *failure = &place->failed[step];
	bool		sends = step == OMS_STEP_EVENTS || step == OMS_STEP_ANNOUNCE;
	long		pause = Min((long) ERROR_MS << Min(failure->failures, 10), sends ? SEND_ERROR_MAX_MS : ERROR_MAX_MS);

	note_error();
	/* a batch that fails over one of its events is made anew at once, and that event is told then */
	if (!reported[step] && (batch_built || !sends || failure->failures > 0))
	{
		EmitErrorReport();
		reported[step] = true;
	}
	retry_step[step] = after(oms_clock_steady(), pause);
	failure->retry_at = after(oms_clock_wall(), pause);
	strlcpy(failure->error, place->stats.last_error, sizeof(failure->error));
	failure->failures++;
}

static void
step_worked(OmsStep step)
{
	retry_step[step] = 0;
	reported[step] = false;
	place->failed[step].failures = 0;
}

/*
 * Run a step in a transaction of its own; "more": with the tables that look back.  After an error it is tried
 * again later, and nothing else has to wait for that.
 */
static Outcome
run_step(OmsStep step, bool more, void (*run) (void))
{
	MemoryContext old = CurrentMemoryContext;
	volatile Outcome outcome = STEP_DONE;
	bool		gone;

	if (retry_step[step] > oms_clock_steady())
		return STEP_WAITS;
	if (!begin_work(more, &gone))
	{
		if (gone)
			leave(OMS_WORKER_UNKNOWN);
		retry_step[step] = after(oms_clock_steady(), BUSY_MS);
		return STEP_WAITS;
	}
	PG_TRY();
	{
		run();
		end_work();
		step_worked(step);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		step_failed(step);
		FlushErrorState();
		AbortCurrentTransaction();
		outcome = STEP_FAILED;
	}
	PG_END_TRY();
	return outcome;
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

/* ---- tickets that failed ---- */

/* A timer that raised an error, or an event that cannot be sent */
typedef struct BadKey
{
	OmsTicketId ticket;
	int16		stage;
	uint8		step;
	uint8		channel;		/* of an event, as is the word; no padding in the key */
	int			word;
} BadKey;

typedef struct BadTicket
{
	BadKey		key;
	int			failures;
	TimestampTz retry_at;		/* steady clock */
	OmsRingEntry event;			/* if it is one */
} BadTicket;

static HTAB *bad_tickets = NULL;

static void
make_bad_tickets(void)
{
	HASHCTL		control = {.keysize = sizeof(BadKey), .entrysize = sizeof(BadTicket),
	.hcxt = TopMemoryContext};

	bad_tickets = hash_create("oms bad tickets", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static BadKey
timer_key(OmsTicketId ticket, int stage)
{
	BadKey		key = {.ticket = ticket, .stage = stage, .step = OMS_STEP_TIMERS};

	return key;
}

static BadKey
event_key(const OmsRingEntry *event)
{
	BadKey		key = {.ticket = event->ticket, .stage = event->stage, .step = OMS_STEP_EVENTS,
	.channel = event->channel, .word = event->word};

	return key;
}

static bool
is_bad(OmsTicketId ticket, int stage)
{
	BadKey		key = timer_key(ticket, stage);
	BadTicket  *bad = hash_search(bad_tickets, &key, HASH_FIND, NULL);

	return bad != NULL && bad->retry_at > oms_clock_steady();
}

static void
show_bad(const BadTicket *bad, const char *error)
{
	OmsBadTicket shown = {.ticket = bad->key.ticket, .stage = bad->key.stage, .step = bad->key.step};

	shown.failure.failures = bad->failures;
	shown.failure.retry_at = after(oms_clock_wall(),
								   TimestampDifferenceMilliseconds(oms_clock_steady(), bad->retry_at));
	strlcpy(shown.failure.error, error, sizeof(shown.failure.error));
	oms_failures_show(&shown);
}

static void
forget_bad(const BadKey *key)
{
	oms_failures_hide(key->step, key->ticket, key->stage);
	hash_search(bad_tickets, key, HASH_REMOVE, NULL);
}

/*
 * The error that is being handled is that of one ticket: leave it alone for a while, longer each time, and
 * let its first failure stand in the log.
 */
static BadTicket *
note_bad(const BadKey *key)
{
	bool		known;
	BadTicket  *bad = hash_search(bad_tickets, key, HASH_ENTER, &known);

	if (!known)
		bad->failures = 0;
	bad->retry_at = after(oms_clock_steady(), Min((long) BAD_MS << Min(bad->failures, 12), BAD_MAX_MS));
	bad->failures++;
	note_error();
	show_bad(bad, place->stats.last_error);
	if (!known)
		EmitErrorReport();
	return bad;
}

/* ---- timers ---- */

/*
 * A round came to its end: what was tried in it and did not fail is not bad any more.  Returns when
 * the next of the others is to be tried, 0 if there is none.
 */
static TimestampTz
next_bad_timer(TimestampTz started)
{
	HASH_SEQ_STATUS all;
	BadTicket  *bad;
	TimestampTz next = 0;

	hash_seq_init(&all, bad_tickets);
	while ((bad = hash_seq_search(&all)) != NULL)
	{
		if (bad->key.step != OMS_STEP_TIMERS)
			continue;
		if (bad->retry_at <= started)
			forget_bad(&bad->key);
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
	BadKey		key = timer_key(tick->ticket, tick->stage);

	if (careful)
		(void) note_bad(&key);
	careful = true;
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
		oms_tick_run(&tick, NULL, now);
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
 * An event cannot be sent: keep it, to be tried again by itself.
 */
static void
keep_unsent(const OmsRingEntry *event)
{
	BadKey		key = event_key(event);
	BadTicket  *bad;

	place->unsaid = true;
	if (hash_get_num_entries(bad_tickets) >= MAX_UNSENT && hash_search(bad_tickets, &key, HASH_FIND, NULL) == NULL)
	{
		note_error();
		told_late = true;
		return;
	}
	bad = note_bad(&key);
	bad->event = *event;
	/* who has it may have changed when it is tried again */
	bad->event.other_owner = event->channel == OMS_DISPATCH;
	if (retry_unsent == 0 || bad->retry_at < retry_unsent)
		retry_unsent = bad->retry_at;
}

/*
 * Try an event again that could not be sent, with a transaction of its own.  True if that is behind us.
 */
static bool
send_again(BadTicket *bad)
{
	MemoryContext old = CurrentMemoryContext;
	volatile bool sent = false;
	bool		gone;

	if (!begin_work(false, &gone))
	{
		if (gone)
			leave(OMS_WORKER_UNKNOWN);
		return false;
	}
	PG_TRY();
	{
		oms_announce_entry(&bad->event);
		end_work();
		sent = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		(void) note_bad(&bad->key);
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	return sent;
}

/*
 * An event that could not be sent and is due to be tried again; NULL if there is none.  Sets retry_unsent.
 */
static BadTicket *
find_unsent(TimestampTz now)
{
	HASH_SEQ_STATUS all;
	BadTicket  *bad;

	retry_unsent = 0;
	hash_seq_init(&all, bad_tickets);
	while ((bad = hash_seq_search(&all)) != NULL)
	{
		if (bad->key.step != OMS_STEP_EVENTS)
			continue;
		if (retry_unsent == 0 || bad->retry_at < retry_unsent)
			retry_unsent = bad->retry_at;
		if (bad->retry_at <= now)
		{
			hash_seq_term(&all);
			return bad;
		}
	}
	return NULL;
}

/*
 * Try some of the events again that could not be sent.
 */
static void
send_unsent(TimestampTz now)
{
	BadTicket  *bad;

	for (int i = 0; i < UNSENT_BATCH && (bad = find_unsent(now)) != NULL; i++)
		if (send_again(bad))
			forget_bad(&bad->key);
		else if (bad->retry_at <= now)
			bad->retry_at = after(now, BUSY_MS);
	if (find_unsent(now) == NULL && retry_unsent == 0 && announcement.part == OMS_ANNOUNCE_NOTHING && !told_late)
		place->unsaid = false;
}

static int	ring_sent;			/* places that the batch goes forward */

static void
step_ring(void)
{
	batch_built = false;
	ring_sent = oms_announce_ring(place, SEND_BATCH,
								  place->failed[OMS_STEP_EVENTS].failures > 0 ? keep_unsent : NULL);
	batch_built = true;
}

/*
 * Send from the ring; how many places it went forward.  A batch that fails over one of its events is made
 * anew at once, without that.
 */
static int
send_ring(void)
{
	int64		before = oms_clock_cpu();
	Outcome		outcome = run_step(OMS_STEP_EVENTS, false, step_ring);

	if (outcome == STEP_FAILED && !batch_built && place->failed[OMS_STEP_EVENTS].failures == 1)
	{
		retry_step[OMS_STEP_EVENTS] = 0;
		outcome = run_step(OMS_STEP_EVENTS, false, step_ring);
	}
	if (outcome != STEP_DONE)
		return 0;
	send_cost += (oms_clock_cpu() - before - send_cost) / 4;
	pg_atomic_fetch_add_u64(&place->read_pos, ring_sent);
	place->stats.events_sent += ring_sent;
	place->stats.batches_sent++;
	sent_since_horizon = sent_since_horizon || ring_sent > 0;
	last_send = oms_clock_steady();
	return ring_sent;
}

/* ---- what was lost ---- */

static OmsAnnouncement next_announcement;

/*
 * Begin to announce what was lost on the way; where events do not go through the worker, or did not until
 * now, only move the horizon.
 */
static void
step_begin_announcement(void)
{
	batch_built = true;
	pg_atomic_write_u32(&place->resync, 0);
	place->unsaid = true;
	oms_announce_begin(&next_announcement);
	if (oms_dispatch_mode != OMS_DISPATCH_WORKER || place->was_off)
		next_announcement.part = OMS_ANNOUNCE_NOTHING;
}

static void
step_announce(void)
{
	next_announcement = announcement;
	batch_built = false;
	oms_announce_page(&next_announcement, place->failed[OMS_STEP_ANNOUNCE].failures > 0 ? keep_unsent : NULL);
	batch_built = true;
}

/* All of it has been said: what was over when it began need not be announced any more */
static void
step_end_announcement(void)
{
	if (retry_unsent != 0 || told_late)
		return;
	oms_store_save_horizon(next_announcement.reached);
	oms_store_end_telling();
}

/*
 * Announce some more of what was lost.  True if there is more to do at once.
 */
static bool
announce_some(TimestampTz now)
{
	if (next_page > now)
		return false;
	if (announcement.part == OMS_ANNOUNCE_NOTHING)
	{
		if (pg_atomic_read_u32(&place->resync) == 0)
			return false;
		if (run_step(OMS_STEP_ANNOUNCE, true, step_begin_announcement) != STEP_DONE)
		{
			pg_atomic_write_u32(&place->resync, 1);
			return false;
		}
		place->stats.table_announcements += next_announcement.part != OMS_ANNOUNCE_NOTHING;
	}
	else
	{
		Outcome		outcome = run_step(OMS_STEP_ANNOUNCE, true, step_announce);

		/* a page that fails over one of its events is made anew at once, without that */
		if (outcome == STEP_FAILED && !batch_built && place->failed[OMS_STEP_ANNOUNCE].failures == 1)
		{
			retry_step[OMS_STEP_ANNOUNCE] = 0;
			return true;
		}
		if (outcome != STEP_DONE)
			return false;
		place->stats.events_sent += next_announcement.sent;
		if (next_announcement.sent > 0)
			next_page = after(now, ANNOUNCE_MS);
	}
	announcement = next_announcement;
	if (announcement.part != OMS_ANNOUNCE_NOTHING)
		return true;
	place->was_off = false;
	place->unsaid = retry_unsent != 0 || told_late;
	sent_since_horizon = true;
	(void) run_step(OMS_STEP_HORIZON, false, step_end_announcement);
	return false;
}

/* ---- the horizon ---- */

static void
step_capture_horizon(void)
{
	coming_horizon = oms_store_horizon();
	horizon_pos = pg_atomic_read_u64(&place->write_pos);
	/* a commit that the ring could not hold may be seen already, and ask for the tables only in a moment */
	if (pg_atomic_read_u32(&place->overflowing) != 0)
		coming_horizon = 0;
}

static void
step_save_horizon(void)
{
	oms_store_save_horizon(coming_horizon);
}

static void
save_horizon_if_sent(void)
{
	if (coming_horizon != 0 && pg_atomic_read_u64(&place->read_pos) >= horizon_pos &&
		pg_atomic_read_u32(&place->resync) == 0 &&
		run_step(OMS_STEP_HORIZON, false, step_save_horizon) == STEP_DONE)
		coming_horizon = 0;
}

/*
 * Move the horizon up now and then: note where everything is over, wait until what was in the ring by
 * then has been sent, write it down.
 */
static void
keep_horizon(TimestampTz now)
{
	if (pg_atomic_read_u32(&place->resync) != 0 || place->unsaid)
	{
		/* something has yet to be sent from the tables: what is below the horizon never would be */
		coming_horizon = 0;
		sent_since_horizon = true;
	}
	else if (coming_horizon != 0)
		save_horizon_if_sent();
	else if (sent_since_horizon && TimestampDifferenceExceeds(last_horizon, now, HORIZON_MS))
	{
		last_horizon = now;
		sent_since_horizon = run_step(OMS_STEP_HORIZON, false, step_capture_horizon) != STEP_DONE ||
			coming_horizon == 0;
		save_horizon_if_sent();
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

/* ---- what takes long ---- */

/*
 * Is it time for a job?  The first time comes a while after the start.
 */
static bool
is_time(TimestampTz now, TimestampTz *next, long first_ms)
{
	if (*next == 0)
		*next = after(now, first_ms);
	return *next <= now;
}

static OmsSealWalk seal_walk;
static OmsSealWalk next_seal_walk;
static bool more_to_seal;

static void
step_seal(void)
{
	next_seal_walk = seal_walk;
	more_to_seal = oms_store_seal_slice(&next_seal_walk);
}

/*
 * Seal some of what changed, a minute after the start and then on a schedule.  Somebody else who is at it is
 * not waited for: an archiver may seal and go on for minutes.  True if there is more to do at once.
 */
static bool
seal_some(TimestampTz now)
{
	if (oms_seal_interval == 0 || !is_time(now, &next_seal, Min(FIRST_SEAL_MS, oms_seal_interval * 1000L)))
		return false;
	if (run_step(OMS_STEP_SEAL, true, step_seal) != STEP_DONE)
		return false;
	seal_walk = next_seal_walk;
	if (!more_to_seal)
	{
		next_seal = after(now, seal_walk.busy ? Min(FIRST_SEAL_MS, oms_seal_interval * 1000L)
						  : oms_seal_interval * 1000L);
		/* what is sealed may go */
		next_archive = now;
	}
	return more_to_seal;
}

static OmsRollUpWalk roll_up_walk;
static OmsRollUpWalk next_roll_up_walk;
static bool more_to_roll_up;

static void
step_roll_up(void)
{
	next_roll_up_walk = roll_up_walk;
	more_to_roll_up = oms_store_roll_up_slice(&next_roll_up_walk);
}

/*
 * Roll up some of what was finished.  Somebody else who is at it is not waited for.
 */
static bool
roll_up_some(TimestampTz now)
{
	if (!is_time(now, &next_roll_up, ROLL_UP_MS))
		return false;
	if (run_step(OMS_STEP_ROLL_UP, true, step_roll_up) != STEP_DONE)
		return false;
	roll_up_walk = next_roll_up_walk;
	if (!more_to_roll_up)
		next_roll_up = after(now, ROLL_UP_MS);
	return more_to_roll_up;
}

static OmsArchiveWalk archive_walk;
static OmsArchiveWalk next_archive_walk;
static bool more_to_archive;

static void
step_archive(void)
{
	next_archive_walk = archive_walk;
	more_to_archive = oms_store_archive_slice(&next_archive_walk);
}

/*
 * Move some of what the rules of retention let go into the archive, after each round of sealing and on a schedule:
 * somebody else may seal.
 */
static bool
archive_some(TimestampTz now)
{
	if (!is_time(now, &next_archive, ARCHIVE_MS))
		return false;
	if (run_step(OMS_STEP_ARCHIVE, true, step_archive) != STEP_DONE)
		return false;
	archive_walk = next_archive_walk;
	if (!more_to_archive)
		next_archive = after(now, ARCHIVE_MS);
	return more_to_archive;
}

/*
 * One slice of what takes long, in turn, so that none waits for the end of another.  True if there is more to
 * do at once.
 */
static bool
do_a_slice(TimestampTz now)
{
	static bool (*const jobs[]) (TimestampTz now) = {announce_some, roll_up_some, seal_some, archive_some};
	static int	turn = 0;

	for (int i = 0; i < (int) lengthof(jobs); i++)
	{
		turn = (turn + 1) % lengthof(jobs);
		if (jobs[turn] (now))
			return true;
	}
	return false;
}

/*
 * Clocks that nobody has looked at since their calendar changed.
 */
static void
step_calendars(void)
{
	OmsActor	actor = {.role = GetUserNameFromId(GetUserId(), false)};

	oms_tick_calendars(&actor);
}

static void
step_prepared(void)
{
	uint64		oldest = oms_store_oldest_transaction();
	uint64		prepared = pg_atomic_read_u64(&place->prepared_xid);

	if (oldest > prepared &&
		pg_atomic_compare_exchange_u64(&place->prepared_xid, &prepared, 0))
	{
		pg_atomic_write_u32(&place->resync, 1);
		retry_tick = oms_clock_steady();
	}
}

/*
 * Send what is in the ring now, and keep the horizon; how long nothing else is to be sent, in milliseconds.
 */
static long
send_events(TimestampTz now)
{
	long		wait = gathering(now);
	int			sent = 0;

	if (retry_unsent != 0 && retry_unsent <= now)
		send_unsent(now);
	if (wait > 0)
		return wait;
	if (pg_atomic_read_u64(&place->read_pos) != pg_atomic_read_u64(&place->write_pos))
		sent = send_ring();
	if (place->failed[OMS_STEP_EVENTS].failures == 0)
		pass_stuck_place(now, sent);
	keep_horizon(oms_clock_steady());
	if (sent >= SEND_BATCH)
		return 0;
	if (stuck_since != 0)
		return STUCK_MS;
	return coming_horizon != 0 || sent_since_horizon ? HORIZON_MS : SWEEP_MS;
}

/* ---- main ---- */

static void
step_skip_ahead(void)
{
	oms_store_save_horizon(oms_store_horizon());
}

/*
 * The worker is switched off: from now on events go out with the commits.  Send what came before, and
 * note that what comes after needs no announcement.
 */
static void
switch_off(void)
{
	oms_shared_set_state(place, OMS_WORKER_OFF);
	while (send_ring() > 0)
		CHECK_FOR_INTERRUPTS();
	(void) run_step(OMS_STEP_HORIZON, false, step_skip_ahead);
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
 * Where nobody knows what was sent, because the server or the extension is new, begin with the tables; prepared
 * transactions from before are found there as well.  Another worker of the same server leaves the ring as
 * far as it has sent it, so that nothing is said again.
 */
static void
step_start(void)
{
	Oid			tables_now = oms_relation_oid("ticket_state");

	if (place->tables != tables_now)
	{
		uint64		next = U64FromFullTransactionId(ReadNextFullTransactionId());

		/* what stands in the ring may be about an extension that was dropped */
		pg_atomic_write_u64(&place->read_pos, pg_atomic_read_u64(&place->write_pos));
		pg_atomic_write_u32(&place->resync, 1);
		/* with none open there is none to wait for, and nothing to announce anew when the next has ended */
		pg_atomic_write_u64(&place->prepared_xid, oms_store_oldest_transaction() < next ? next : 0);
		place->tables = tables_now;
	}
	if (place->unsaid || place->was_off)
		pg_atomic_write_u32(&place->resync, 1);
}

static void
start(void)
{
	memset(&place->stats, 0, sizeof(place->stats));
	oms_failures_clear();
	memset(place->failed, 0, sizeof(place->failed));
	place->stats.started_at = place->stats.last_alive = oms_clock_wall();
	oms_shared_set_state(place, OMS_WORKER_RUNNING);
}

/*
 * Is the data at home here?  Until it is, timers and events wait; whoever settles or activates it
 * sends this worker away, and the next one looks again.
 */
static void
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
}

/*
 * Fire what is due, one batch.  True if there is more.
 */
static bool
fire_some(TimestampTz now)
{
	if (next_sweep <= now)
		sweep_calendars = true;
	if (sweep_calendars && run_step(OMS_STEP_CALENDARS, false, step_calendars) == STEP_DONE)
		sweep_calendars = false;
	if (!more_timers && (TimestampTz) pg_atomic_read_u64(&place->nearest) > oms_clock_now() &&
		(retry_tick == 0 || retry_tick > now) && next_sweep > now)
		return false;
	pgstat_report_activity(STATE_RUNNING, "firing timers");
	if (fire_timers())
		return true;
	next_sweep = after(oms_clock_steady(), SWEEP_MS);
	return false;
}

/*
 * Not longer than until the next timer, and the next try of what failed.
 */
static long
sleep_until(long sleep)
{
	TimestampTz now = oms_clock_steady();
	TimestampTz nearest = (TimestampTz) pg_atomic_read_u64(&place->nearest);
	TimestampTz at[] = {next_sweep, Max(next_roll_up, retry_step[OMS_STEP_ROLL_UP]),
		oms_seal_interval == 0 ? next_sweep : Max(next_seal, retry_step[OMS_STEP_SEAL]),
		Max(next_archive, retry_step[OMS_STEP_ARCHIVE]), retry_tick,
		retry_unsent, next_page > now ? next_page : 0};

	if (nearest != DT_NOEND)
		sleep = Min(Min(sleep, CLOCK_MS), TimestampDifferenceMilliseconds(oms_clock_now(), nearest));
	if (pg_atomic_read_u64(&place->prepared_xid) != 0)
		sleep = Min(sleep, PREPARED_MS);
	for (int i = 0; i < (int) lengthof(at); i++)
		if (at[i] != 0)
			sleep = Min(sleep, TimestampDifferenceMilliseconds(now, at[i]));
	for (int i = 0; i < OMS_STEPS; i++)
		if (retry_step[i] > now)
			sleep = Min(sleep, TimestampDifferenceMilliseconds(now, retry_step[i]) + 1);
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

	if (!started)
		started = run_step(OMS_STEP_HOME, false, step_start) == STEP_DONE;
	if (!started)
		return BUSY_MS;
	if (!at_home && run_step(OMS_STEP_HOME, false, step_home) != STEP_DONE)
		return BUSY_MS;
	if (!at_home)
		return HOME_MS;
	more = fire_some(now);
	if (pg_atomic_read_u64(&place->prepared_xid) != 0)
		(void) run_step(OMS_STEP_PREPARED, false, step_prepared);
	sleep = send_events(oms_clock_steady());
	more = do_a_slice(oms_clock_steady()) || more;
	return more ? 0 : sleep_until(sleep);
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
	if (gather <= 0 && stuck_since == 0 && retry_step[OMS_STEP_EVENTS] == 0 &&
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
	make_bad_tickets();
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
		place->stats.last_alive = oms_clock_wall();
		(void) pgstat_report_stat(false);
		pgstat_report_activity(STATE_IDLE, NULL);
		sleep_for(ms);
	}
}
