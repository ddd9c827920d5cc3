/*
 * announce.c
 *		Sending events for those who committed them: from the ring, or from the tables.
 *
 * oms.worker_state keeps a horizon: every event of a transaction below it has been sent.  It is moved
 * up at most once a second, and only after events were sent.  After a restart, when the ring was
 * full, and when a prepared transaction has ended, all events from the horizon on are sent from the
 * timeline: some twice, none never.
 *
 * All of these are called inside a transaction of the worker with an active snapshot.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/event.h"
#include "store/outbox.h"
#include "store/store.h"
#include "worker/announce.h"
#include "worker/bell.h"
#include "worker/worker.h"

/* ---- the ring ---- */

/*
 * The owner of a stage that is not with the owner of its definition.
 */
static const char *
look_up_owner(OmsTicketId id, int stage_no)
{
	OmsTicket  *ticket = oms_store_read(id);

	return oms_store_stage(ticket, stage_no)->owner;
}

static void
send_entry(const OmsRingEntry *entry)
{
	const OmsGraph *graph = oms_store_graph(entry->workflow_id);
	OmsBell		bell;

	oms_bell_from_ring(entry, &bell);
	if (bell.stage > graph->nstages)
		return;
	if (bell.channel == OMS_DISPATCH)
		bell.owner = entry->other_owner ? look_up_owner(entry->ticket, bell.stage)
			: graph->stages[bell.stage - 1].owner;
	oms_bell_send(entry->ticket, graph, &bell);
}

/*
 * Send up to limit events from the ring with the current transaction.  Stops before a place that is
 * reserved and not yet published.  Returns how many places this went forward; the caller moves
 * read_pos by that when it has committed.
 */
int
oms_announce_ring(OmsDatabase *database, int limit)
{
	uint64		pos = pg_atomic_read_u64(&database->read_pos);
	MemoryContext step = AllocSetContextCreate(CurrentMemoryContext, "oms announce",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(step);
	int			count;

	for (count = 0; count < limit; count++)
	{
		OmsRingEntry *entry = &database->ring[(pos + count) % OMS_RING_SIZE];
		uint64		tag = pg_atomic_read_u64(&entry->tag);

		pg_read_barrier();
		if (tag == OMS_RING_TAG(pos + count, OMS_RING_VOID))
			continue;
		if (tag != OMS_RING_TAG(pos + count, OMS_RING_PUBLISHED))
			break;
		send_entry(entry);
		MemoryContextReset(step);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(step);
	return count;
}

/* ---- the tables ---- */

/* Events sent with one transaction */
#define CHUNK	1000

static bool
is_one_of(const char *status, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(status, *list) == 0)
			return true;
	return false;
}

/*
 * Say again what an event said when it happened, as far as it still holds: a stage that somebody has
 * taken meanwhile needs no dispatch.
 */
static void
send_event(const OmsOutboxEvent *event)
{
	static const char *const queues[] = {"queued", "released", "lease_expired", "retry", "reassigned",
	"resumed", "sent_back", "reopened", NULL};
	static const char *const alerts[] = {"breached", "warning", "escalated", "failed", "unrouted",
	"unassigned", NULL};
	static const char *const stops[] = {"cancelled", "on_hold", NULL};
	OmsBell		bell = {.stage = event->stage, .owner = event->owner};

	bool		claimable = event->stage_status == OMS_QUEUED && !event->pausing &&
		is_one_of(event->status, queues);
	bool		handed_out = event->stage_status == OMS_IN_PROGRESS && strcmp(event->status, "assigned") == 0;

	if (event->stage != OMS_NO_STAGE && (claimable || handed_out))
	{
		bell.channel = OMS_DISPATCH;
		bell.number = event->attempt;
		oms_bell_send(event->ticket, event->graph, &bell);
	}
	if (is_one_of(event->status, alerts))
	{
		bell.channel = OMS_ALERT;
		bell.word = event->status;
		bell.number = event->level;
		oms_bell_send(event->ticket, event->graph, &bell);
	}
	if (is_one_of(event->status, stops) && event->stage != OMS_NO_STAGE)
	{
		bell.channel = OMS_STATUS;
		bell.word = event->status;
		oms_bell_send(event->ticket, event->graph, &bell);
	}
	bell.word = event->public ? oms_event_citizen_status(event->status) : NULL;
	if (bell.word != NULL)
	{
		bell.channel = OMS_STATUS;
		oms_bell_send(event->ticket, event->graph, &bell);
	}
}

/*
 * Announce everything from the horizon on.  Commits after each page, so that a long list neither
 * fills the queue of the server in one go nor is lost as a whole.  The caller starts a transaction
 * before and finds one after.
 */
void
oms_announce_tables(OmsDatabase *database)
{
	uint64		horizon = oms_store_saved_horizon();
	OmsTicketId ticket = 0;
	int			seq = 0;
	uint64		count;

	do
	{
		count = oms_store_visit_outbox(horizon, &ticket, &seq, CHUNK, send_event);
		database->stats.events_sent += count;
		oms_worker_next_transaction();
	} while (count == CHUNK);
	database->stats.table_announcements++;
}
