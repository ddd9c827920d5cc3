/*
 * queue.c
 *		Going through the queue of an owner, and through the timers that are due.
 *
 * Both walk an index that holds only live work, lock the ticket of each entry without waiting, and
 * look again under the lock: the entry may be older than the lock.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/hands.h"
#include "shared/ring.h"
#include "store/access.h"
#include "store/calendar.h"
#include "store/isolate.h"
#include "store/line.h"
#include "store/row.h"
#include "store/slot.h"
#include "store/spi.h"
#include "store/store.h"
#include "store/tables.h"

/* So many tickets are changed before they are written together */
#define MAX_GATHERED	100

/* One way through an index of live work, and the entry at hand */
typedef struct Walk
{
	OmsIsolation *isolation;	/* NULL: an error ends it */
	MemoryContext step;			/* of the entries since the last that was written */
	OmsVisitor	visit;
	void	   *context;
	OmsScan    *scan;			/* at the entry at hand */
	OmsTicketId id;
	int			no;
	bool		more;
	const char *owner;			/* of a queue, or of a stage that waits */
	const char *sender;			/* of a message */
	OmsWriteMany write;
	OmsTicket  *gathered[MAX_GATHERED];
	int			ngathered;
	OmsLook    *look;
	bool		could;
	int			calendar_id;	/* of a clock */
	int			missed;			/* tickets that another has locked, or that were passed over */
} Walk;

/*
 * Visit the entry that the scan has come to.  False if it was passed over since it raised an error.
 */
static bool
visit_entry(Walk *walk, OmsScan *scan, OmsWork visit)
{
	MemoryContext old = MemoryContextSwitchTo(walk->step);
	bool		visited = true;

	walk->scan = scan;
	walk->id = DatumGetTicketId(scan->slot->tts_values[STAGE_TICKET_ID]);
	walk->no = DatumGetInt16(scan->slot->tts_values[STAGE_NO]);
	if (walk->isolation == NULL)
		visit(walk);
	else
		visited = oms_isolate_one(walk->isolation, walk->id, walk->no, visit, walk);
	/* what was gathered in a subtransaction of its own went with it */
	if (!visited && walk->isolation->apart)
		walk->ngathered = 0;
	MemoryContextSwitchTo(old);
	if (walk->ngathered == 0)
		MemoryContextReset(walk->step);
	return visited;
}

/*
 * Lock the ticket of the entry at hand and load the stage; NULL if another has the ticket.
 */
static OmsStage *
lock_entry(const Walk *walk, OmsTicket **ticket)
{
	*ticket = oms_store_try_lock(walk->id);
	if (*ticket == NULL)
		return NULL;
	return oms_store_stage(*ticket, walk->no);
}

/*
 * Can a queued stage be claimed now, or is it in a pause before a retry?
 */
static bool
is_claimable(TimestampTz announce_at, TimestampTz now)
{
	return announce_at == OMS_NEVER || announce_at <= now;
}

/*
 * The tickets that were visited and are not written yet.
 */
static void
write_gathered(Walk *walk)
{
	MemoryContext old = MemoryContextSwitchTo(walk->step);

	if (walk->ngathered > 0)
		walk->write(walk->context, walk->gathered, walk->ngathered);
	walk->ngathered = 0;
	MemoryContextSwitchTo(old);
}

/*
 * The ticket of the entry at hand, locked: one that was visited before as it has become; NULL if another has it, or the
 * stage is not queued any more.
 */
static OmsTicket *
gather(Walk *walk)
{
	OmsTicket  *ticket;
	OmsRowState state;

	for (int i = walk->ngathered - 1; i >= 0; i--)
		if (walk->gathered[i]->id == walk->id)
			return walk->gathered[i];
	state = oms_scan_state(walk->scan);
	/* whoever changes a stage has its ticket locked */
	if (state == OMS_ROW_BUSY || (state == OMS_ROW_CHANGED && !oms_store_seems_queued(walk->id, walk->no)))
		return NULL;
	ticket = oms_store_try_lock(walk->id);
	if (ticket != NULL)
		walk->gathered[walk->ngathered++] = ticket;
	return ticket;
}

static void
visit_queued(void *context)
{
	Walk	   *walk = context;
	OmsTicket  *ticket = gather(walk);
	OmsStage   *stage = ticket == NULL ? NULL : oms_store_stage(ticket, walk->no);

	if (stage != NULL && stage->status == OMS_QUEUED && strcmp(stage->owner, walk->owner) == 0 &&
		is_claimable(stage->announce_at, ticket->real_now))
		walk->more = walk->visit(walk->context, ticket, stage);
	if (walk->isolation->apart || walk->ngathered == MAX_GATHERED)
		write_gathered(walk);
}

/*
 * Visit what the owner can claim now, highest priority first, then oldest, until the visitor returns
 * false.  Tickets that another has locked are passed over.  "write" writes what the visitor did, many tickets at
 * a time.
 */
void
oms_store_visit_queue(const char *owner, TimestampTz now, OmsIsolation *isolation, OmsVisitor visit, OmsWriteMany write,
					  void *context)
{
	OmsLine		line;
	Walk		walk = {.isolation = isolation, .visit = visit, .write = write, .context = context, .owner = owner,
	.more = true};

	walk.step = AllocSetContextCreate(CurrentMemoryContext, "oms queue", ALLOCSET_DEFAULT_SIZES);
	oms_line_begin_queue(&line, owner, RowExclusiveLock);
	while (walk.more && oms_line_next_priority(&line))
		while (walk.more && oms_line_next(&line) &&
			   is_claimable(oms_slot_time(line.scan.slot, STAGE_ANNOUNCE_AT), now))
			visit_entry(&walk, &line.scan, visit_queued);
	oms_line_end(&line);
	write_gathered(&walk);
	MemoryContextDelete(walk.step);
}

/*
 * Is the ticket not in the way, and has the worker no hand in what has to be done by another?
 */
static void
look_at_entry(void *context)
{
	Walk	   *walk = context;
	OmsLook    *look = walk->look;
	bool		busy;
	OmsTicket  *ticket = oms_store_peek(walk->id, &busy);

	busy &= !look->locked_too;
	if (busy)
		look->busy |= oms_ring_ticket_bit(walk->id);
	walk->could = ticket != NULL && !busy &&
		oms_same_hands(ticket, oms_store_stage(ticket, walk->no), look->worker, &look->doer) == 0;
}

/*
 * Show what a worker could claim now in the queue of an owner, in the order of the queue, until "seen"
 * returns false.  Looks only, under the active snapshot.
 */
void
oms_store_look(OmsLook *look, OmsSeen seen, void *context)
{
	OmsLine		line;
	OmsIsolation isolation;
	Walk		walk = {.isolation = &isolation, .look = look, .more = true};

	walk.step = AllocSetContextCreate(CurrentMemoryContext, "oms look", ALLOCSET_DEFAULT_SIZES);
	look->next = DT_NOEND;
	look->busy = 0;
	oms_isolate_apart(&isolation, OMS_STEP_CLAIMS);
	oms_line_begin_queue(&line, look->owner, AccessShareLock);
	while (walk.more && oms_line_next_priority(&line))
		while (walk.more && oms_line_next(&line))
		{
			TimestampTz announce_at = oms_slot_time(line.scan.slot, STAGE_ANNOUNCE_AT);

			if (!is_claimable(announce_at, look->now))
			{
				look->next = Min(look->next, announce_at);
				break;
			}
			if (visit_entry(&walk, &line.scan, look_at_entry) && walk.could)
				walk.more = seen(context, walk.id, walk.no);
		}
	oms_line_end(&line);
	MemoryContextDelete(walk.step);
}

/*
 * A stage that waits for the message, if the sender may finish it.
 */
static void
visit_waiting(void *context)
{
	Walk	   *walk = context;
	OmsTicket  *ticket;
	OmsStage   *stage;
	bool		busy;

	ticket = oms_store_peek(walk->id, &busy);
	if (ticket == NULL || !oms_may_send(walk->sender, walk->owner, ticket->opened_by))
		return;
	stage = lock_entry(walk, &ticket);
	walk->missed += stage == NULL;
	walk->more = stage != NULL && walk->visit(walk->context, ticket, stage);
}

/*
 * Visit the stages that wait for a message and that its sender may finish, those that have waited longest first, until
 * the visitor returns false, or until one is in a ticket that another has locked: the message is for that one.  True
 * in that case.
 */
bool
oms_store_visit_waiting(const OmsMessage *message, OmsIsolation *isolation, OmsVisitor visit, void *context)
{
	OmsScan		scan;
	Walk		walk = {.isolation = isolation, .visit = visit, .context = context, .sender = message->sender, .more = true};

	oms_store_fresh_snapshot();
	walk.step = AllocSetContextCreate(CurrentMemoryContext, "oms waiting", ALLOCSET_DEFAULT_SIZES);
	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(message->name));
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(message->key));
	oms_scan_begin(&scan, "stage_state", "stage_state_awaiting", STAGE_COLUMNS, RowExclusiveLock);
	while (walk.more && oms_scan_next(&scan))
	{
		walk.owner = oms_slot_text(scan.slot, STAGE_OWNER);
		visit_entry(&walk, &scan, visit_waiting);
	}
	oms_scan_end(&scan);
	MemoryContextDelete(walk.step);
	return walk.missed > 0;
}

static void
visit_due(void *context)
{
	Walk	   *walk = context;
	OmsTicket  *ticket;
	OmsStage   *stage = lock_entry(walk, &ticket);

	if (stage == NULL)
		walk->missed++;
	else if (stage->timer_at != OMS_NEVER && stage->timer_at <= ticket->now)
		walk->more = walk->visit(walk->context, ticket, stage);
}

/*
 * Visit every stage whose timer is due, in the order of the timers, until the visitor returns false.
 * What "skip" says yes to is left alone.  Returns how many tickets were passed over because another
 * had them locked.
 */
int
oms_store_visit_due(TimestampTz now, OmsIsolation *isolation, OmsSkip skip, OmsVisitor visit, void *context)
{
	OmsLine		line;
	Walk		walk = {.isolation = isolation, .visit = visit, .context = context, .more = true};

	walk.step = AllocSetContextCreate(CurrentMemoryContext, "oms timers", ALLOCSET_DEFAULT_SIZES);
	oms_line_begin_timers(&line, DT_NOBEGIN, RowExclusiveLock);
	while (walk.more && oms_line_next(&line) &&
		   DatumGetTimestampTz(line.scan.slot->tts_values[STAGE_TIMER_AT]) <= now)
		if (!skip(context, DatumGetTicketId(line.scan.slot->tts_values[STAGE_TICKET_ID]),
				  DatumGetInt16(line.scan.slot->tts_values[STAGE_NO])))
			visit_entry(&walk, &line.scan, visit_due);
	oms_line_end(&line);
	MemoryContextDelete(walk.step);
	return walk.missed;
}

/* ---- calendars that were left ---- */

/*
 * Clocks run by one version of a calendar until somebody looks at them.  Whoever makes a new version
 * looks at all that nobody else has locked; what is left, and what was started meanwhile by sessions that
 * did not see the new version yet, is swept up by the worker and by tick().
 */
static OmsStatement select_left = {
	.sql = "SELECT FROM oms.calendar WHERE left_by IS NOT NULL LIMIT 1"
};

static OmsStatement forget_left = {
	.sql = "UPDATE oms.calendar SET left_by = NULL"
	" WHERE (left_by < pg_snapshot_xmin(pg_current_snapshot())"
	"::text::int8"
	" OR left_by >= pg_snapshot_xmax(pg_current_snapshot())"
	"::text::int8)"
	" AND left_by <> pg_current_xact_id()::text::int8"
};

/*
 * Was a calendar left lately?
 */
bool
oms_store_calendars_left(void)
{
	bool		found;

	SPI_connect();
	found = oms_sql(&select_left, NULL, NULL) > 0;
	SPI_finish();
	return found;
}

/*
 * Everything is over that was under way when they were left, and no clock runs by them.  Numbers from
 * the future came with a dump of another server.
 */
void
oms_store_forget_calendars(void)
{
	SPI_connect();
	oms_sql(&forget_left, NULL, NULL);
	SPI_finish();
}

static void
visit_clock(void *context)
{
	Walk	   *walk = context;
	OmsTicket  *ticket;
	OmsStage   *stage;
	TimestampTz since;

	if (oms_store_next_calendar(oms_store_calendar_by_id(walk->calendar_id), &since) == NULL)
		return;
	stage = lock_entry(walk, &ticket);
	walk->missed += stage == NULL;
	if (stage != NULL)
		walk->visit(walk->context, ticket, stage);
}

/*
 * Let every running clock go on by the current version of its calendar.  "visit" catches a stage up
 * and writes it.  True if none was missed.
 */
bool
oms_store_visit_left(OmsIsolation *isolation, OmsVisitor visit, void *context)
{
	OmsLine		line;
	Walk		walk = {.isolation = isolation, .visit = visit, .context = context};

	oms_store_fresh_snapshot();
	walk.step = AllocSetContextCreate(CurrentMemoryContext, "oms calendars left", ALLOCSET_DEFAULT_SIZES);
	oms_line_begin_timers(&line, DT_NOBEGIN, RowExclusiveLock);
	while (oms_line_next(&line))
	{
		walk.calendar_id = DatumGetInt32(line.scan.slot->tts_values[STAGE_CALENDAR_ID]);
		if (walk.calendar_id != 0 && !visit_entry(&walk, &line.scan, visit_clock))
			walk.missed++;
	}
	oms_line_end(&line);
	MemoryContextDelete(walk.step);
	return walk.missed == 0;
}

/*
 * The next timer after a moment; DT_NOEND if there is none.
 */
TimestampTz
oms_store_next_timer(TimestampTz after)
{
	OmsLine		line;
	TimestampTz next = DT_NOEND;

	oms_line_begin_timers(&line, after + 1, AccessShareLock);
	if (oms_line_next(&line))
		next = DatumGetTimestampTz(line.scan.slot->tts_values[STAGE_TIMER_AT]);
	oms_line_end(&line);
	return next;
}
