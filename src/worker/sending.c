/*
 * sending.c
 *		Sends events: from the ring, and after a loss from the tables; and keeps the horizon below which all are sent.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "guc.h"
#include "store/horizon.h"
#include "store/outbox.h"
#include "worker/announce.h"
#include "worker/worker.h"

/* Events sent with one transaction */
#define SEND_BATCH		1000
/* Events that could not be sent and are kept to be tried again; the others wait for another worker */
#define MAX_UNSENT		10000
#define UNSENT_BATCH	20
/* Milliseconds */
#define HORIZON_MS		1000	/* between two savings of the horizon */
#define ANNOUNCE_MS		50		/* between two pages that were announced: listeners have to keep up */
#define STUCK_MS		1000	/* patience with a commit that is not published */

/* ---- events ---- */

/*
 * The pause after sending, in microseconds.  What sending costs the server is wake-ups of listeners per
 * commit, not events: each of them starts a transaction, and where the cores are busy it puts off somebody
 * else.  Both show in how long the commits take here: 0.1 to 0.3 ms with few listeners and cores to spare,
 * 1 ms with a hundred or with all cores busy.  So the pause is that time, as often as there were events for it: as
 * good as nothing while they come one by one.  A pause gathers more of them, so where they come faster than one in
 * the time of a sending it grows, but no further than to the square of that time: to some milliseconds where it
 * is cheap, to oms.gather where it is not.
 */
static int64
pause_after_send(void)
{
	double		cost = oms_worker.send_cost;

	return (int64) Min(cost * Min(oms_worker.send_size, cost / 20), oms_gather * 1000.0);
}

/*
 * How long sending has to wait now, in milliseconds.
 */
long
oms_worker_gathering(TimestampTz now)
{
	OmsDatabase *database = oms_worker.database;
	uint64		backlog = pg_atomic_read_u64(&database->write_pos) - pg_atomic_read_u64(&database->read_pos);
	int64		left = oms_worker.last_send + pause_after_send() - now;

	if (left <= 0 || backlog >= SEND_BATCH)
		return 0;
	return (left + 999) / 1000;
}

/*
 * An event cannot be sent: keep it, to be tried again by itself.
 */
static void
keep_unsent(const OmsRingEntry *event)
{
	OmsRetryKey key = oms_retry_of_event(event);
	OmsRetry   *retry;

	oms_worker.database->unsaid = true;
	if (hash_get_num_entries(oms_worker.retries) >= MAX_UNSENT &&
		hash_search(oms_worker.retries, &key, HASH_FIND, NULL) == NULL)
	{
		oms_worker_note_error();
		oms_worker.told_late = true;
		return;
	}
	retry = oms_retry_later(&key);
	retry->event = *event;
	/* who has it may have changed when it is tried again */
	retry->event.other_owner = event->channel == OMS_DISPATCH;
	if (oms_worker.retry_unsent == 0 || retry->retry_at < oms_worker.retry_unsent)
		oms_worker.retry_unsent = retry->retry_at;
}

/*
 * Try an event again that could not be sent, with a transaction of its own.  True if that is behind us.
 */
static bool
send_again(OmsRetry *retry)
{
	MemoryContext old = CurrentMemoryContext;
	volatile bool sent = false;
	bool		gone;

	if (!oms_worker_begin(false, &gone))
	{
		if (gone)
			oms_worker_leave(OMS_WORKER_UNKNOWN);
		return false;
	}
	PG_TRY();
	{
		oms_announce_entry(&retry->event);
		oms_worker_end();
		sent = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		(void) oms_retry_later(&retry->key);
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	return sent;
}

/*
 * An event that could not be sent and is due to be tried again; NULL if there is none.  Sets retry_unsent.
 */
static OmsRetry *
find_unsent(TimestampTz now)
{
	HASH_SEQ_STATUS all;
	OmsRetry   *retry;

	oms_worker.retry_unsent = 0;
	hash_seq_init(&all, oms_worker.retries);
	while ((retry = hash_seq_search(&all)) != NULL)
	{
		if (retry->key.step != OMS_STEP_EVENTS)
			continue;
		if (oms_worker.retry_unsent == 0 || retry->retry_at < oms_worker.retry_unsent)
			oms_worker.retry_unsent = retry->retry_at;
		if (retry->retry_at <= now)
		{
			hash_seq_term(&all);
			return retry;
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
	OmsRetry   *retry;

	for (int i = 0; i < UNSENT_BATCH && (retry = find_unsent(now)) != NULL; i++)
		if (send_again(retry))
			oms_retry_forget(&retry->key);
		else if (retry->retry_at <= now)
			retry->retry_at = oms_worker_after(now, OMS_BUSY_MS);
	if (find_unsent(now) == NULL && oms_worker.retry_unsent == 0 &&
		oms_worker.announcement.part == OMS_ANNOUNCE_NOTHING && !oms_worker.told_late)
		oms_worker.database->unsaid = false;
}

static void
step_ring(void *context)
{
	OmsDatabase *database = oms_worker.database;

	oms_worker.batch_built = false;
	oms_worker.ring_sent = oms_announce_ring(database, SEND_BATCH,
											 database->failed[OMS_STEP_EVENTS].failures > 0 ? keep_unsent : NULL);
	oms_worker.batch_built = true;
}

/*
 * Send from the ring; how many positions it went forward.  A batch that fails over one of its events is made
 * again at once, without that.
 */
int
oms_worker_send_ring(void)
{
	OmsDatabase *database = oms_worker.database;
	int64		before = oms_clock_steady();
	OmsOutcome	outcome = oms_worker_step(OMS_STEP_EVENTS, false, step_ring, NULL);

	if (outcome == OMS_STEP_FAILED && !oms_worker.batch_built && database->failed[OMS_STEP_EVENTS].failures == 1)
	{
		oms_worker.retry_step[OMS_STEP_EVENTS] = 0;
		outcome = oms_worker_step(OMS_STEP_EVENTS, false, step_ring, NULL);
	}
	if (outcome != OMS_STEP_DONE)
		return 0;
	oms_worker.send_cost += (oms_clock_steady() - before - oms_worker.send_cost) / 4;
	oms_worker.send_size += (oms_worker.ring_sent - oms_worker.send_size) / 4;
	pg_atomic_fetch_add_u64(&database->read_pos, oms_worker.ring_sent);
	database->stats.events_sent += oms_worker.ring_sent;
	database->stats.batches_sent++;
	oms_worker.sent_since_horizon = oms_worker.sent_since_horizon || oms_worker.ring_sent > 0;
	oms_worker.last_send = oms_clock_steady();
	return oms_worker.ring_sent;
}

/* ---- what was lost ---- */

/*
 * Begin to announce what was lost on the way; where events do not go through the worker, or did not until
 * now, only move the horizon.
 */
static void
step_begin_announcement(void *context)
{
	oms_worker.batch_built = true;
	pg_atomic_write_u32(&oms_worker.database->resync, 0);
	oms_worker.database->unsaid = true;
	oms_announce_begin(&oms_worker.next_announcement);
	if (oms_dispatch_mode != OMS_DISPATCH_WORKER || oms_worker.database->was_off)
		oms_worker.next_announcement.part = OMS_ANNOUNCE_NOTHING;
}

static void
step_announce(void *context)
{
	bool		failed = oms_worker.database->failed[OMS_STEP_ANNOUNCE].failures > 0;

	oms_worker.next_announcement = oms_worker.announcement;
	oms_worker.batch_built = false;
	oms_announce_page(&oms_worker.next_announcement, failed ? keep_unsent : NULL);
	oms_worker.batch_built = true;
}

/* All of it has been said: what was over when it began need not be announced any more */
static void
step_end_announcement(void *context)
{
	if (oms_worker.retry_unsent != 0 || oms_worker.told_late)
		return;
	oms_store_save_horizon(oms_worker.next_announcement.reached);
	oms_store_end_telling();
}

/*
 * Announce some more of what was lost.  True if there is more to do at once.
 */
bool
oms_worker_announce_some(TimestampTz now)
{
	OmsDatabase *database = oms_worker.database;

	if (oms_worker.next_page > now)
		return false;
	if (oms_worker.announcement.part == OMS_ANNOUNCE_NOTHING)
	{
		if (pg_atomic_read_u32(&database->resync) == 0)
			return false;
		if (oms_worker_step(OMS_STEP_ANNOUNCE, true, step_begin_announcement, NULL) != OMS_STEP_DONE)
		{
			pg_atomic_write_u32(&database->resync, 1);
			return false;
		}
	}
	else
	{
		OmsOutcome	outcome = oms_worker_step(OMS_STEP_ANNOUNCE, true, step_announce, NULL);

		/* a page that fails over one of its events is made again at once, without that */
		if (outcome == OMS_STEP_FAILED && !oms_worker.batch_built && database->failed[OMS_STEP_ANNOUNCE].failures == 1)
		{
			oms_worker.retry_step[OMS_STEP_ANNOUNCE] = 0;
			return true;
		}
		if (outcome != OMS_STEP_DONE)
			return false;
		database->stats.events_sent += oms_worker.next_announcement.sent;
		if (oms_worker.next_announcement.sent > 0)
			oms_worker.next_page = oms_worker_after(now, ANNOUNCE_MS);
	}
	oms_worker.announcement = oms_worker.next_announcement;
	if (oms_worker.announcement.part != OMS_ANNOUNCE_NOTHING)
		return true;
	database->was_off = false;
	database->unsaid = oms_worker.retry_unsent != 0 || oms_worker.told_late;
	oms_worker.sent_since_horizon = true;
	(void) oms_worker_step(OMS_STEP_HORIZON, false, step_end_announcement, NULL);
	return false;
}

/* ---- the horizon ---- */

static void
step_capture_horizon(void *context)
{
	oms_worker.coming_horizon = oms_store_horizon();
	oms_worker.horizon_pos = pg_atomic_read_u64(&oms_worker.database->write_pos);
	/* a commit that the ring could not hold may be seen already, and ask for the tables only in a moment */
	if (pg_atomic_read_u32(&oms_worker.database->overflowing) != 0)
		oms_worker.coming_horizon = 0;
}

static void
step_save_horizon(void *context)
{
	oms_store_save_horizon(oms_worker.coming_horizon);
}

static void
save_horizon_if_sent(void)
{
	if (oms_worker.coming_horizon != 0 &&
		pg_atomic_read_u64(&oms_worker.database->read_pos) >= oms_worker.horizon_pos &&
		pg_atomic_read_u32(&oms_worker.database->resync) == 0 &&
		oms_worker_step(OMS_STEP_HORIZON, false, step_save_horizon, NULL) == OMS_STEP_DONE)
		oms_worker.coming_horizon = 0;
}

/*
 * Move the horizon up now and then: note where everything is over, wait until what was in the ring by
 * then has been sent, write it down.
 */
static void
keep_horizon(TimestampTz now)
{
	if (pg_atomic_read_u32(&oms_worker.database->resync) != 0 || oms_worker.database->unsaid)
	{
		/* something has yet to be sent from the tables: what is below the horizon never would be */
		oms_worker.coming_horizon = 0;
		oms_worker.sent_since_horizon = true;
	}
	else if (oms_worker.coming_horizon != 0)
		save_horizon_if_sent();
	else if (oms_worker.sent_since_horizon && TimestampDifferenceExceeds(oms_worker.last_horizon, now, HORIZON_MS))
	{
		oms_worker.last_horizon = now;
		oms_worker.sent_since_horizon = oms_worker_step(OMS_STEP_HORIZON, false, step_capture_horizon, NULL) != OMS_STEP_DONE ||
			oms_worker.coming_horizon == 0;
		save_horizon_if_sent();
	}
}

/*
 * A position that is reserved and not published holds up the others: a commit is under way.  If it takes
 * too long (it may wait for a standby), go past it; whoever reserved it will ask for the tables.
 */
static void
pass_stuck_position(TimestampTz now, int sent)
{
	uint64		read_pos = pg_atomic_read_u64(&oms_worker.database->read_pos);

	if (sent > 0 || read_pos == pg_atomic_read_u64(&oms_worker.database->write_pos))
		oms_worker.stuck_since = 0;
	else if (oms_worker.stuck_since == 0)
		oms_worker.stuck_since = now;
	else if (TimestampDifferenceExceeds(oms_worker.stuck_since, now, STUCK_MS))
	{
		pg_atomic_fetch_add_u64(&oms_worker.database->read_pos, 1);
		pg_atomic_write_u32(&oms_worker.database->resync, 1);
		oms_worker.stuck_since = 0;
	}
}

static void
step_skip_ahead(void *context)
{
	oms_store_save_horizon(oms_store_horizon());
}

/*
 * What comes from now on goes out with the commits, and needs no announcement.
 */
void
oms_worker_skip_ahead(void)
{
	(void) oms_worker_step(OMS_STEP_HORIZON, false, step_skip_ahead, NULL);
}

/* ---- in turn ---- */

/*
 * Send what is in the ring now, and keep the horizon; how long nothing else is to be sent, in milliseconds.
 */
long
oms_worker_send_events(TimestampTz now)
{
	long		wait = oms_worker_gathering(now);
	int			sent = 0;

	if (oms_worker.retry_unsent != 0 && oms_worker.retry_unsent <= now)
		send_unsent(now);
	if (wait > 0)
		return wait;
	if (pg_atomic_read_u64(&oms_worker.database->read_pos) != pg_atomic_read_u64(&oms_worker.database->write_pos))
		sent = oms_worker_send_ring();
	if (oms_worker.database->failed[OMS_STEP_EVENTS].failures == 0)
		pass_stuck_position(now, sent);
	keep_horizon(oms_clock_steady());
	if (sent >= SEND_BATCH)
		return 0;
	if (oms_worker.stuck_since != 0)
		return STUCK_MS;
	return oms_worker.coming_horizon != 0 || oms_worker.sent_since_horizon ? HORIZON_MS : OMS_SWEEP_MS;
}
