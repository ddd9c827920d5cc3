/*
 * bell.c
 *		The one door through which events leave for the listeners.
 *
 * Payloads are ids only, since every role that can connect can listen.
 *
 * Two ways out.  In-transaction: NOTIFY as part of the change.  It needs nothing, but a NOTIFY takes a
 * cluster-wide lock at commit and wakes every listener once per commit.  By the worker: the commit
 * leaves its events in a ring in shared memory, and the worker of the database sends what has gathered
 * with one commit of its own.
 *
 * Order: places in the ring are reserved just before the commit, while the ticket's row is still
 * locked, and published just after it, when the change is visible; the worker sends in the order of
 * the places and does not overtake a reservation.  So the events of a ticket leave in their order,
 * and none before its change can be seen.  An abort voids its places.
 *
 * Nothing here is needed to find work again: the timeline knows what happened.  If the ring is full,
 * or the server crashed, the worker announces from the tables (announce.c).  What leaves no event in
 * the timeline (the end of a pause before a retry) could not be found there and goes out
 * in-transaction.
 *
 * The callbacks are registered once per backend; they allocate nothing and never throw.  The list of
 * what a transaction wants to say is made when the change is applied, with the nesting level it
 * belongs to, so that a rolled back savepoint takes its part along.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "commands/async.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "guc.h"
#include "store/identity.h"
#include "store/owner.h"
#include "worker/bell.h"

int			oms_dispatch_mode = OMS_DISPATCH_WORKER;
int			oms_dispatch_channel = OMS_CHANNEL_SHARED;

static const char *const channel_names[] =
{
	[OMS_DISPATCH] = "oms_dispatch",
	[OMS_ALERT] = "oms_alert",
	[OMS_STATUS] = "oms_status"
};

/* ---- payloads ---- */

static void
put_member(StringInfo buf, const char *key, const char *value)
{
	appendStringInfo(buf, "%c\"%s\":", buf->len == 0 ? '{' : ',', key);
	if (value == NULL)
		appendStringInfoString(buf, "null");
	else
		escape_json(buf, value);
}

static void
put_number(StringInfo buf, const char *key, int value)
{
	appendStringInfo(buf, ",\"%s\":%d", key, value);
}

/*
 * The payload of a bell.
 */
static void
put_payload(StringInfo buf, OmsTicketId ticket, const OmsGraph *graph, const OmsBell *bell)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	if (bell->channel == OMS_ALERT)
		put_member(buf, "kind", bell->word);
	put_member(buf, "ticket", oms_ticket_id_to_text(ticket, number));
	put_member(buf, "stage", bell->stage == OMS_NO_STAGE ? NULL : graph->stages[bell->stage - 1].id);
	switch (bell->channel)
	{
		case OMS_DISPATCH:
			put_member(buf, "owner", bell->owner);
			put_member(buf, "kind", oms_store_owner_kind(bell->owner));
			put_number(buf, "attempt", bell->number);
			break;
		case OMS_ALERT:
			put_number(buf, "level", bell->number);
			break;
		case OMS_STATUS:
			put_member(buf, "status", bell->word);
			break;
	}
	appendStringInfoChar(buf, '}');
}

/*
 * The channel on which an owner is told of work if owners have channels of their own.  A name that
 * would make the channel too long for the server is cut and gets a hash of the whole.
 */
void
oms_bell_channel(const char *owner, char *channel)
{
	int			len = strlen(owner);
	int			room = NAMEDATALEN - 1 - strlen("oms_dispatch.");

	if (len <= room)
		snprintf(channel, NAMEDATALEN, "oms_dispatch.%s", owner);
	else
		snprintf(channel, NAMEDATALEN, "oms_dispatch.%.*s~%08x", pg_mbcliplen(owner, len, room - 9),
				 owner, DatumGetUInt32(hash_any((const unsigned char *) owner, len)));
}

/*
 * NOTIFY with the current transaction.
 */
void
oms_bell_send(OmsTicketId ticket, const OmsGraph *graph, const OmsBell *bell)
{
	StringInfoData buf;
	char		channel[NAMEDATALEN];

	initStringInfo(&buf);
	put_payload(&buf, ticket, graph, bell);
	if (bell->channel == OMS_DISPATCH && oms_dispatch_channel == OMS_CHANNEL_OWNER)
		oms_bell_channel(bell->owner, channel);
	else
		strlcpy(channel, channel_names[bell->channel], sizeof(channel));
	Async_Notify(channel, buf.data);
	pfree(buf.data);
}

/* ---- what the current transaction wants to say ---- */

/*
 * Words of alerts and statuses that travel through the ring as a number.  An alert has the word of its event;
 * the index timeline_told holds these events, so that the worker finds them after a loss.
 */
static const char *const words[] =
{
	"", "received", "in progress", "done", "closed", "cancelled", "returned", "action needed", "on_hold",
	/* alerts */
	"breached", "escalated", "failed", "warning", "unrouted", "unassigned"
};

typedef struct Pending
{
	OmsRingEntry entry;
	int			level;			/* nesting level of the transaction */
} Pending;

typedef struct PendingTimer
{
	TimestampTz at;
	int			level;
	struct PendingTimer *next;
} PendingTimer;

static Pending *pending = NULL;
static int	npending = 0;
static int	maxpending = 0;
static bool too_many = false;	/* more than the ring can hold: announce from the tables */
static PendingTimer *timers = NULL;
static uint64 waiters = 0;		/* bit per bucket of sessions to be woken */
static uint64 locked = 0;		/* bits of the tickets that this transaction has locked */
static OmsDatabase *place = NULL;	/* of this database, once it was looked up */
static uint64 reserved_pos = 0;
static int	nreserved = 0;
static bool overflow_announced = false;

static uint8
word_number(const char *word)
{
	for (int i = 1; word != NULL && i < (int) lengthof(words); i++)
		if (strcmp(words[i], word) == 0)
			return i;
	Assert(word == NULL);
	return 0;
}

/*
 * A bell as an entry of the ring.  Its owner is to be looked up, for which there is no room.
 */
void
oms_bell_to_ring(OmsTicketId ticket, int workflow_id, const OmsBell *bell, OmsRingEntry *entry)
{
	memset(entry, 0, sizeof(OmsRingEntry));
	entry->ticket = ticket;
	entry->workflow_id = workflow_id;
	entry->number = bell->number;
	entry->stage = bell->stage;
	entry->channel = bell->channel;
	entry->word = word_number(bell->word);
	entry->other_owner = bell->channel == OMS_DISPATCH;
}

int
oms_bell_bucket(const char *owner)
{
	return DatumGetUInt32(hash_any((const unsigned char *) owner, strlen(owner))) % OMS_WAIT_BUCKETS;
}

static void
forget_all(void)
{
	/* the memory goes with the transaction */
	pending = NULL;
	npending = maxpending = nreserved = 0;
	too_many = false;
	timers = NULL;
	waiters = locked = 0;
}

/*
 * From before the commit until the tables have been asked for, the worker must not take it that all
 * was sent.
 */
static void
announce_overflow(void)
{
	if (!too_many || overflow_announced)
		return;
	pg_atomic_fetch_add_u32(&place->overflowing, 1);
	overflow_announced = true;
}

static void
end_overflow(void)
{
	if (overflow_announced)
		pg_atomic_fetch_sub_u32(&place->overflowing, 1);
	overflow_announced = false;
}

/*
 * Take places in the ring for everything pending; without room the worker must announce from the
 * tables, which is asked for after the commit.
 */
static void
reserve(void)
{
	uint64		pos;

	announce_overflow();
	if (npending == 0 || too_many)
		return;
	SpinLockAcquire(&place->mutex);
	pos = pg_atomic_read_u64(&place->write_pos);
	if (pos + npending - pg_atomic_read_u64(&place->read_pos) <= OMS_RING_SIZE)
	{
		pg_atomic_write_u64(&place->write_pos, pos + npending);
		nreserved = npending;
	}
	else
		too_many = true;
	SpinLockRelease(&place->mutex);
	announce_overflow();
	reserved_pos = pos;
}

static OmsRingEntry *
ring_entry(uint64 pos)
{
	return &place->ring[pos % OMS_RING_SIZE];
}

/*
 * Fill and publish the reserved places.  If the worker lost patience and went past one of them, it
 * has to look at the tables.
 */
static void
publish(void)
{
	for (int i = 0; i < nreserved; i++)
	{
		OmsRingEntry *entry = ring_entry(reserved_pos + i);
		const OmsRingEntry *from = &pending[i].entry;

		entry->ticket = from->ticket;
		entry->workflow_id = from->workflow_id;
		entry->number = from->number;
		entry->stage = from->stage;
		entry->channel = from->channel;
		entry->word = from->word;
		entry->other_owner = from->other_owner;
		pg_write_barrier();
		pg_atomic_write_u64(&entry->tag, OMS_RING_TAG(reserved_pos + i, OMS_RING_PUBLISHED));
	}
	pg_memory_barrier();
	if (too_many || (nreserved > 0 && pg_atomic_read_u64(&place->read_pos) > reserved_pos))
		pg_atomic_write_u32(&place->resync, 1);
	end_overflow();
	if ((nreserved > 0 || too_many) && pg_atomic_read_u32(&place->sleeping))
		oms_shared_wake_worker(place);
}

static void
void_places(void)
{
	end_overflow();
	for (int i = 0; i < nreserved; i++)
		pg_atomic_write_u64(&ring_entry(reserved_pos + i)->tag,
							OMS_RING_TAG(reserved_pos + i, OMS_RING_VOID));
	if (nreserved > 0 && pg_atomic_read_u32(&place->sleeping))
		oms_shared_wake_worker(place);
}

static void
arm_timers(void)
{
	for (PendingTimer *timer = timers; timer != NULL; timer = timer->next)
		oms_shared_arm(place, timer->at);
}

static void
wake_waiters(void)
{
	for (int bucket = 0; waiters != 0; bucket++, waiters >>= 1)
	{
		if ((waiters & 1) == 0)
			continue;
		pg_atomic_fetch_add_u64(&place->work_count[bucket], 1);
		ConditionVariableBroadcast(&place->work[bucket]);
	}
}

/*
 * Who waits for a ticket that this transaction had locked can look again.
 */
static void
tell_held_up(void)
{
	bool		held_up = false;

	for (int bit = 0; bit < OMS_TICKET_BITS && !held_up; bit++)
		held_up = (locked & (UINT64CONST(1) << bit)) != 0 && pg_atomic_read_u32(&place->held_up[bit]) > 0;
	if (held_up)
		oms_shared_wake_waiters(place);
}

/* A prepared transaction commits elsewhere and later: the worker will look for it in the tables */
static void
note_prepared(void)
{
	FullTransactionId xid = GetTopFullTransactionIdIfAny();

	if (FullTransactionIdIsValid(xid))
		pg_atomic_write_u64(&place->prepared_xid, U64FromFullTransactionId(xid));
	if (pg_atomic_read_u32(&place->sleeping))
		oms_shared_wake_worker(place);
}

static void
at_xact(XactEvent event, void *arg)
{
	if (npending == 0 && timers == NULL && !too_many && waiters == 0 && locked == 0)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			reserve();
			break;
		case XACT_EVENT_COMMIT:
			publish();
			wake_waiters();
			tell_held_up();
			arm_timers();
			forget_all();
			break;
		case XACT_EVENT_ABORT:
			void_places();
			tell_held_up();
			forget_all();
			break;
		case XACT_EVENT_PRE_PREPARE:
			note_prepared();
			break;
		case XACT_EVENT_PREPARE:
			forget_all();
			break;
		default:
			break;
	}
}

/*
 * A savepoint was rolled back or released: what it said is gone, or belongs to the level above.
 */
static void
at_subxact(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (npending > 0 && pending[npending - 1].level >= level)
			npending--;
		while (timers != NULL && timers->level >= level)
			timers = timers->next;
		if (locked != 0)
			tell_held_up();
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = npending - 1; i >= 0 && pending[i].level >= level; i--)
			pending[i].level = level - 1;
		for (PendingTimer *timer = timers; timer != NULL && timer->level >= level; timer = timer->next)
			timer->level = level - 1;
	}
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(at_xact, NULL);
	RegisterSubXactCallback(at_subxact, NULL);
	registered = true;
}

/*
 * Keep a bell until the commit.
 */
static void
add_pending(const OmsTicket *ticket, const OmsBell *bell)
{
	Pending    *p;
	MemoryContext old;

	if (npending >= OMS_RING_SIZE)
	{
		too_many = true;
		return;
	}
	if (npending == maxpending)
	{
		old = MemoryContextSwitchTo(TopTransactionContext);
		maxpending = maxpending == 0 ? 16 : maxpending * 2;
		pending = pending == NULL ? palloc(sizeof(Pending) * maxpending)
			: repalloc(pending, sizeof(Pending) * maxpending);
		MemoryContextSwitchTo(old);
	}
	p = &pending[npending++];
	p->level = GetCurrentTransactionNestLevel();
	oms_bell_to_ring(ticket->id, ticket->graph->workflow_id, bell, &p->entry);
	p->entry.other_owner = bell->channel == OMS_DISPATCH &&
		strcmp(bell->owner, ticket->graph->stages[bell->stage - 1].owner) != 0;
}

/*
 * Remember the nearest timer that this change armed.  Within a level only a nearer one is kept.
 */
static void
add_timer(const OmsTicket *ticket)
{
	TimestampTz nearest = DT_NOEND;
	int			level = GetCurrentTransactionNestLevel();
	PendingTimer *timer;

	for (const OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
		if (stage->written && stage->timer_at != OMS_NEVER)
			nearest = Min(nearest, stage->timer_at);
	if (ticket->clock != NULL && ticket->clock->written && ticket->clock->timer_at != OMS_NEVER)
		nearest = Min(nearest, ticket->clock->timer_at);
	if (nearest == DT_NOEND)
		return;
	if (timers != NULL && timers->level == level)
	{
		timers->at = Min(timers->at, nearest);
		return;
	}
	timer = MemoryContextAlloc(TopTransactionContext, sizeof(PendingTimer));
	timer->at = nearest;
	timer->level = level;
	timer->next = timers;
	timers = timer;
}

/*
 * Where this session leaves its events: NULL if there is no shared memory, or no place in it.
 */
static OmsDatabase *
my_place(void)
{
	if (oms_shared == NULL)
		return NULL;
	if (place == NULL || place->dboid != MyDatabaseId)
		place = oms_shared_database(MyDatabaseId, true);
	return place;
}

/*
 * Which of the bits stands for a ticket, for those who wait until nobody has it locked.
 */
uint64
oms_bell_ticket_bit(OmsTicketId id)
{
	return UINT64CONST(1) << (DatumGetUInt32(hash_any((const unsigned char *) &id, sizeof(id))) % OMS_TICKET_BITS);
}

/*
 * This transaction has locked a ticket: those who wait for it are told when it ends.
 */
void
oms_bell_locked(OmsTicketId id)
{
	if (my_place() == NULL)
		return;
	register_callbacks();
	locked |= oms_bell_ticket_bit(id);
}

/*
 * Does a worker send the events of this database?  While it is merely not there yet it will find them;
 * if it is switched off nobody would.
 */
static bool
worker_sends(void)
{
	OmsWorkerState state;

	if (oms_dispatch_mode != OMS_DISPATCH_WORKER || !oms_worker_enabled || my_place() == NULL)
		return false;
	state = oms_shared_state(place);
	if (state == OMS_WORKER_NONE || state == OMS_WORKER_UNKNOWN)
		oms_shared_wake_launcher(true);
	if (state == OMS_WORKER_UNKNOWN && !oms_shared_has_launcher())
		return false;
	return state != OMS_WORKER_OFF && state != OMS_WORKER_UNWANTED && state != OMS_WORKER_BLOCKED &&
		state != OMS_WORKER_NO_SLOT;
}

/*
 * Ring all bells of a ticket whose change is part of the current transaction: listeners hear them
 * when it has committed, or never.
 */
void
oms_bells_ring(const OmsTicket *ticket)
{
	bool		by_worker = worker_sends();

	if (my_place() != NULL)
	{
		register_callbacks();
		add_timer(ticket);
		for (const OmsBell *bell = ticket->bells; bell != NULL; bell = bell->next)
			if (bell->channel == OMS_DISPATCH)
				waiters |= UINT64CONST(1) << oms_bell_bucket(bell->owner);
	}
	if (oms_dispatch_mode == OMS_DISPATCH_OFF || !oms_store_at_home())
		return;
	for (const OmsBell *bell = ticket->bells; bell != NULL; bell = bell->next)
		if (by_worker && !bell->untraced)
			add_pending(ticket, bell);
		else
			oms_bell_send(ticket->id, ticket->graph, bell);
}

/*
 * A bell out of the ring.  Its owner is not set: the ring has no room for names.
 */
void
oms_bell_from_ring(const OmsRingEntry *entry, OmsBell *bell)
{
	memset(bell, 0, sizeof(OmsBell));
	bell->channel = (OmsChannel) entry->channel;
	bell->stage = entry->stage;
	bell->number = entry->number;
	bell->word = entry->word == 0 ? NULL : words[entry->word];
}
