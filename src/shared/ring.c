/*
 * ring.c
 *		What a transaction leaves when it has committed: events for the worker, the nearest timer, and word for sessions
 *		that wait for work.
 *
 * The commit leaves its events in a ring in shared memory, and the worker of the database sends what has gathered with one
 * commit of its own.
 *
 * Order: positions in the ring are reserved just before the commit, while the ticket's row is still
 * locked, and published just after it, when the change is visible; the worker sends in the order of
 * the positions and does not overtake a reservation.  So the events of a ticket leave in their order,
 * and none before its change can be seen.  An abort voids its positions.
 *
 * Nothing here is needed to find work again: the timeline knows what happened.  If the ring is full,
 * or the server crashed, the worker announces from the tables (announce.c).
 *
 * The callbacks are registered once per backend; they allocate nothing and never throw.  The list of
 * what a transaction wants to say is made when the change is applied, with the nesting level it
 * belongs to, so that a rolled back savepoint takes its part along.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "guc.h"
#include "shared/ring.h"

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
static OmsDatabase *slot = NULL;	/* of this database, once it was looked up */
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
 * A notification as an entry of the ring.  Its owner is to be looked up, for which there is no room.
 */
void
oms_ring_put(OmsTicketId ticket, int workflow_id, const OmsNotification *notification, OmsRingEntry *entry)
{
	memset(entry, 0, sizeof(OmsRingEntry));
	entry->ticket = ticket;
	entry->workflow_id = workflow_id;
	entry->number = notification->number;
	entry->stage = notification->stage;
	entry->channel = notification->channel;
	entry->word = word_number(notification->word);
	entry->other_owner = notification->channel == OMS_DISPATCH;
}

int
oms_ring_bucket(const char *owner)
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
	pg_atomic_fetch_add_u32(&slot->overflowing, 1);
	overflow_announced = true;
}

static void
end_overflow(void)
{
	if (overflow_announced)
		pg_atomic_fetch_sub_u32(&slot->overflowing, 1);
	overflow_announced = false;
}

/*
 * Take positions in the ring for everything pending; without room the worker must announce from the
 * tables, which is asked for after the commit.
 */
static void
reserve(void)
{
	uint64		pos;

	announce_overflow();
	if (npending == 0 || too_many)
		return;
	SpinLockAcquire(&slot->mutex);
	pos = pg_atomic_read_u64(&slot->write_pos);
	if (pos + npending - pg_atomic_read_u64(&slot->read_pos) <= OMS_RING_SIZE)
	{
		pg_atomic_write_u64(&slot->write_pos, pos + npending);
		nreserved = npending;
	}
	else
		too_many = true;
	SpinLockRelease(&slot->mutex);
	announce_overflow();
	reserved_pos = pos;
}

static OmsRingEntry *
ring_entry(uint64 pos)
{
	return &slot->ring[pos % OMS_RING_SIZE];
}

/*
 * Fill and publish the reserved positions.  If the worker lost patience and went past one of them, it
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
	if (too_many || (nreserved > 0 && pg_atomic_read_u64(&slot->read_pos) > reserved_pos))
		pg_atomic_write_u32(&slot->resync, 1);
	end_overflow();
	if ((nreserved > 0 || too_many) && pg_atomic_read_u32(&slot->sleeping))
		oms_shared_wake_worker(slot);
}

static void
void_positions(void)
{
	end_overflow();
	for (int i = 0; i < nreserved; i++)
		pg_atomic_write_u64(&ring_entry(reserved_pos + i)->tag,
							OMS_RING_TAG(reserved_pos + i, OMS_RING_VOID));
	if (nreserved > 0 && pg_atomic_read_u32(&slot->sleeping))
		oms_shared_wake_worker(slot);
}

static void
arm_timers(void)
{
	for (PendingTimer *timer = timers; timer != NULL; timer = timer->next)
		oms_shared_arm(slot, timer->at);
}

static void
wake_waiters(void)
{
	for (int bucket = 0; waiters != 0; bucket++, waiters >>= 1)
	{
		if ((waiters & 1) == 0)
			continue;
		pg_atomic_fetch_add_u64(&slot->work_count[bucket], 1);
		ConditionVariableBroadcast(&slot->work[bucket]);
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
		held_up = (locked & (UINT64CONST(1) << bit)) != 0 && pg_atomic_read_u32(&slot->held_up[bit]) > 0;
	if (held_up)
		oms_shared_wake_waiters(slot);
}

/* A prepared transaction commits elsewhere and later: the worker will look for it in the tables */
static void
note_prepared(void)
{
	FullTransactionId xid = GetTopFullTransactionIdIfAny();

	if (FullTransactionIdIsValid(xid))
		pg_atomic_write_u64(&slot->prepared_xid, U64FromFullTransactionId(xid));
	if (pg_atomic_read_u32(&slot->sleeping))
		oms_shared_wake_worker(slot);
}

/*
 * Was the slot given up since this transaction began?  The launcher does that while it cannot see the extension yet, because
 * it is made in this transaction.  The worker then begins with the tables, so that there is nothing to tell.
 */
static bool
lost_slot(void)
{
	return slot == NULL || slot->dboid != MyDatabaseId;
}

static void
at_xact(XactEvent event, void *arg)
{
	if (npending == 0 && timers == NULL && !too_many && waiters == 0 && locked == 0)
		return;
	if (lost_slot())
	{
		end_overflow();
		forget_all();
		return;
	}
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
			void_positions();
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
		if (locked != 0 && !lost_slot())
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
 * Keep a notification until the commit, where oms_ring_takes().
 */
void
oms_ring_add(const OmsTicket *ticket, const OmsNotification *notification)
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
	oms_ring_put(ticket->id, ticket->graph->workflow_id, notification, &p->entry);
	p->entry.other_owner = notification->channel == OMS_DISPATCH &&
		strcmp(notification->owner, ticket->graph->stages[notification->stage - 1].owner) != 0;
}

/*
 * Remember the nearest timer that this change armed.  Within a level only a nearer one is kept.
 */
static void
add_nearest(TimestampTz nearest)
{
	int			level = GetCurrentTransactionNestLevel();
	PendingTimer *timer;

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

static void
add_timer(const OmsTicket *ticket)
{
	TimestampTz nearest = DT_NOEND;

	for (const OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
		if (stage->written && stage->timer_at != OMS_NEVER)
			nearest = Min(nearest, stage->timer_at);
	if (ticket->clock != NULL && ticket->clock->written && ticket->clock->timer_at != OMS_NEVER)
		nearest = Min(nearest, ticket->clock->timer_at);
	if (nearest != DT_NOEND)
		add_nearest(nearest);
}

/*
 * Where this session leaves its events: NULL if there is no shared memory, or no slot in it.
 */
static OmsDatabase *
my_slot(void)
{
	slot = oms_shared_mine(slot);
	return slot;
}

/*
 * Which of the bits stands for a ticket, for those who wait until nobody has it locked.
 */
uint64
oms_ring_ticket_bit(OmsTicketId id)
{
	return UINT64CONST(1) << (DatumGetUInt32(hash_any((const unsigned char *) &id, sizeof(id))) % OMS_TICKET_BITS);
}

/*
 * This transaction has locked a ticket: those who wait for it are told when it ends.
 */
void
oms_ring_locked(OmsTicketId id)
{
	if (my_slot() == NULL)
		return;
	register_callbacks();
	locked |= oms_ring_ticket_bit(id);
}

/*
 * Does a worker send the events of this database?  While it is merely not there yet it will find them;
 * if it is switched off nobody would.
 */
bool
oms_ring_takes(void)
{
	OmsWorkerState state;

	if (oms_dispatch_mode != OMS_DISPATCH_WORKER || !oms_worker_enabled || my_slot() == NULL)
		return false;
	state = oms_shared_state(slot);
	if (state == OMS_WORKER_NONE || state == OMS_WORKER_UNKNOWN)
		oms_shared_wake_launcher(true);
	if (state == OMS_WORKER_UNKNOWN && !oms_shared_has_launcher())
		return false;
	return state != OMS_WORKER_OFF && state != OMS_WORKER_UNWANTED && state != OMS_WORKER_BLOCKED &&
		state != OMS_WORKER_NO_SLOT;
}

/*
 * A change of a ticket is part of the current transaction: when it has committed its timers are armed, and sessions that
 * wait for what it offers look again.
 */
void
oms_ring_change(const OmsTicket *ticket)
{
	if (my_slot() == NULL)
		return;
	register_callbacks();
	add_timer(ticket);
	for (const OmsNotification *notification = ticket->notifications; notification != NULL;
		 notification = notification->next)
		if (notification->channel == OMS_DISPATCH)
			waiters |= UINT64CONST(1) << oms_ring_bucket(notification->owner);
}

/*
 * Something else than a ticket's timer is due at that time, once this transaction has committed.
 */
void
oms_ring_arm(TimestampTz at)
{
	if (my_slot() == NULL)
		return;
	register_callbacks();
	add_nearest(at);
}

/*
 * A notification out of the ring.  Its owner is not set: the ring has no room for names.
 */
void
oms_ring_get(const OmsRingEntry *entry, OmsNotification *notification)
{
	memset(notification, 0, sizeof(OmsNotification));
	notification->channel = (OmsChannel) entry->channel;
	notification->stage = entry->stage;
	notification->number = entry->number;
	notification->word = entry->word == 0 ? NULL : words[entry->word];
}
