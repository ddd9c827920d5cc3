/*
 * announce.c
 *		Sending events for those who committed them: from the ring, or from the tables.
 *
 * oms.worker_state keeps a horizon: every event of a transaction below it has been sent.  It is moved
 * up at most once a second, and only after events were sent.  After a crash, when the ring was full, and
 * when a prepared transaction has ended, what listeners still need is announced from the tables: first what
 * the public was told within the last minutes, as far as it is found at once; then every stage of
 * the queues that can be claimed now; then the alerts, and who was handed something.  That goes page by
 * page, each with a transaction of its own, and the ring is sent beside it.  Some is said twice, alerts by one
 * announcement each; no dispatch and no alert is lost.
 *
 * All of these are called inside a transaction of the worker with an active snapshot.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "engine/event.h"
#include "shared/ring.h"
#include "store/horizon.h"
#include "store/notify.h"
#include "store/outbox.h"
#include "store/store.h"
#include "worker/announce.h"

/* Stages and events looked at with one transaction */
#define PAGE			250
/* The public is not told late what happened longer ago */
#define STATUS_MINUTES	5

/*
 * The owner of a stage that is not with the owner of its definition.
 */
static const char *
look_up_owner(OmsTicketId id, int stage_no)
{
	OmsTicket  *ticket = oms_store_read(id);

	return oms_store_stage(ticket, stage_no)->owner;
}

/*
 * Send one event.
 */
void
oms_announce_entry(const OmsRingEntry *entry)
{
	const OmsGraph *graph = oms_store_graph(entry->workflow_id);
	OmsNotification		notification;

	oms_ring_get(entry, &notification);
	if (notification.stage > graph->nstages)
		return;
	if (notification.channel == OMS_DISPATCH)
		notification.owner = entry->other_owner ? look_up_owner(entry->ticket, notification.stage)
			: graph->stages[notification.stage - 1].owner;
	oms_notify(entry->ticket, graph, &notification);
}

/* What is done with an event that cannot be sent, after a batch with it has failed; NULL: the batch fails */
static OmsAnnounceFailed on_failure = NULL;

/*
 * Send one event in a subtransaction, so that the others go out with the batch even if this one cannot.
 */
static void
send_or_note(const OmsRingEntry *entry)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		oms_announce_entry(entry);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		on_failure(entry);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

static void
send_entry(const OmsRingEntry *entry)
{
	if (on_failure != NULL)
		send_or_note(entry);
	else
		oms_announce_entry(entry);
}

/*
 * Send up to limit events from the ring with the current transaction.  Stops before a position that is
 * reserved and not yet published.  Returns how many positions this went forward; the caller moves
 * read_pos by that when it has committed.
 */
int
oms_announce_ring(OmsDatabase *database, int limit, OmsAnnounceFailed failed)
{
	uint64		pos = pg_atomic_read_u64(&database->read_pos);
	MemoryContext step = AllocSetContextCreate(CurrentMemoryContext, "oms announce",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(step);
	int			count;

	on_failure = failed;
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

static MemoryContext page_step = NULL;	/* for one event of a page */
static uint64 page_sent = 0;

static void
announce_notification(const OmsOutboxEvent *event, OmsChannel channel, const char *word, int number)
{
	OmsNotification		notification = {.channel = channel, .stage = event->stage, .word = word, .number = number};
	OmsRingEntry entry;
	MemoryContext old = MemoryContextSwitchTo(page_step);

	oms_ring_put(event->ticket, event->workflow_id, &notification, &entry);
	send_entry(&entry);
	page_sent++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(page_step);
}

/* A stage of the queues, or one that was handed to somebody */
static void
announce_stage(const OmsOutboxEvent *event)
{
	if (event->stage != OMS_NO_STAGE)
		announce_notification(event, OMS_DISPATCH, NULL, event->attempt);
}

/* What an event said when it happened, as far as it still holds */
static void
announce_told(const OmsOutboxEvent *event)
{
	bool		changed = strcmp(event->status, "changed") == 0;

	if (changed ? event->claimable : event->handed_out && strcmp(event->status, "assigned") == 0)
		announce_stage(event);
	else if (!changed && strcmp(event->status, "assigned") != 0)
		announce_notification(event, OMS_ALERT, event->status, event->level);
}

static void
announce_status(const OmsOutboxEvent *event)
{
	const char *word = event->public ? oms_event_citizen_status(event->status) : NULL;
	bool		stop = strcmp(event->status, "cancelled") == 0 || strcmp(event->status, "on_hold") == 0;

	if (stop && event->stage != OMS_NO_STAGE)
		announce_notification(event, OMS_STATUS, event->status, 0);
	if (word != NULL)
		announce_notification(event, OMS_STATUS, word, 0);
}

/*
 * Begin to announce what was lost.  Whatever commits from now on has the ring, or asks for the tables again.
 */
void
oms_announce_begin(OmsAnnouncement *announcement)
{
	memset(announcement, 0, sizeof(OmsAnnouncement));
	announcement->part = OMS_ANNOUNCE_STATUSES;
	announcement->horizon = oms_store_saved_horizon();
	announcement->reached = oms_store_horizon();
	announcement->statuses_since = TimestampTzPlusMilliseconds(oms_clock_now(), -STATUS_MINUTES * 60000L);
	announcement->told.watermark = announcement->horizon;
	oms_store_begin_telling();
}

/*
 * Announce one page, and move on.  The caller keeps that when it has committed.
 */
void
oms_announce_page(OmsAnnouncement *announcement, OmsAnnounceFailed failed)
{
	int			count = 0;

	on_failure = failed;
	page_sent = 0;
	page_step = AllocSetContextCreate(CurrentMemoryContext, "oms announce", ALLOCSET_DEFAULT_SIZES);
	switch (announcement->part)
	{
		case OMS_ANNOUNCE_STATUSES:
			count = oms_store_visit_latest(announcement->horizon, announcement->statuses_since,
										   &announcement->status, PAGE, announce_status);
			break;
		case OMS_ANNOUNCE_QUEUES:
			count = oms_store_visit_queued(announcement->horizon, &announcement->queue, PAGE, announce_stage);
			break;
		case OMS_ANNOUNCE_TOLD:
			count = oms_store_visit_told(&announcement->told, PAGE, announce_told);
			break;
		case OMS_ANNOUNCE_NOTHING:
			break;
	}
	MemoryContextDelete(page_step);
	announcement->sent = page_sent;
	if (count < PAGE)
		announcement->part = announcement->part == OMS_ANNOUNCE_TOLD ? OMS_ANNOUNCE_NOTHING : announcement->part + 1;
}
