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
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/calendar.h"
#include "store/slot.h"
#include "store/spi.h"
#include "store/store.h"
#include "store/tables.h"
#include "worker/bell.h"

/*
 * Lock the ticket of the current row of a scan and load the stage; NULL if another has the ticket.
 */
static OmsStage *
lock_current(OmsScan *scan, OmsTicket **ticket)
{
	*ticket = oms_store_try_lock(DatumGetTicketId(scan->slot->tts_values[STAGE_TICKET_ID]));
	if (*ticket == NULL)
		return NULL;
	return oms_store_stage(*ticket, DatumGetInt16(scan->slot->tts_values[STAGE_NO]));
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
 * Visit what the owner can claim now, highest priority first, then oldest, until the visitor returns
 * false.  Tickets that another has locked are passed over.  Memory of each step is given back.
 */
void
oms_store_visit_queue(const char *owner, TimestampTz now, OmsVisitor visit, void *context)
{
	OmsScan		scan;
	bool		more = true;
	MemoryContext step = AllocSetContextCreate(CurrentMemoryContext, "oms queue",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;

	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(owner));
	oms_scan_begin(&scan, "stage_state", "stage_state_queue", STAGE_COLUMNS, RowExclusiveLock);
	while (more && oms_scan_next(&scan))
	{
		OmsTicket  *ticket;
		OmsStage   *stage;

		if (!is_claimable(oms_slot_time(scan.slot, STAGE_ANNOUNCE_AT), now) ||
			!oms_store_seems_queued(DatumGetTicketId(scan.slot->tts_values[STAGE_TICKET_ID]),
									DatumGetInt16(scan.slot->tts_values[STAGE_NO])))
			continue;
		old = MemoryContextSwitchTo(step);
		stage = lock_current(&scan, &ticket);
		if (stage != NULL && stage->status == OMS_QUEUED && strcmp(stage->owner, owner) == 0 &&
			is_claimable(stage->announce_at, ticket->real_now))
			more = visit(context, ticket, stage);
		MemoryContextSwitchTo(old);
		MemoryContextReset(step);
	}
	oms_scan_end(&scan);
	MemoryContextDelete(step);
}

/* The ticket is not in the way, and the worker has no hand in what has to be done by another */
static bool
could_claim(OmsLook *look, OmsTicketId id, int no)
{
	bool		busy;
	OmsTicket  *ticket = oms_store_peek(id, &busy);

	busy &= !look->locked_too;
	if (busy)
		look->busy |= oms_bell_ticket_bit(id);
	return ticket != NULL && !busy &&
		oms_same_hands(ticket, oms_store_stage(ticket, no), look->worker, &look->doer) == 0;
}

/*
 * Show what a worker could claim now in the queue of an owner, in the order of the queue, until "seen"
 * returns false.  Looks only, under the active snapshot.
 */
void
oms_store_look(OmsLook *look, OmsSeen seen, void *context)
{
	OmsScan		scan;
	bool		more = true;
	MemoryContext step = AllocSetContextCreate(CurrentMemoryContext, "oms look", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;

	look->next = DT_NOEND;
	look->busy = 0;
	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(look->owner));
	oms_scan_begin(&scan, "stage_state", "stage_state_queue", STAGE_COLUMNS, AccessShareLock);
	while (more && oms_scan_next(&scan))
	{
		OmsTicketId id = DatumGetTicketId(scan.slot->tts_values[STAGE_TICKET_ID]);
		int			no = DatumGetInt16(scan.slot->tts_values[STAGE_NO]);
		TimestampTz announce_at = oms_slot_time(scan.slot, STAGE_ANNOUNCE_AT);
		bool		could;

		if (!is_claimable(announce_at, look->now))
		{
			look->next = Min(look->next, announce_at);
			continue;
		}
		old = MemoryContextSwitchTo(step);
		could = could_claim(look, id, no);
		MemoryContextSwitchTo(old);
		MemoryContextReset(step);
		if (could)
			more = seen(context, id, no);
	}
	oms_scan_end(&scan);
	MemoryContextDelete(step);
}

/*
 * Visit every stage whose timer is due, in the order of the timers, until the visitor returns false.
 * What "skip" says yes to is left alone.  Returns how many tickets were passed over because another
 * had them locked.
 */
int
oms_store_visit_due(TimestampTz now, OmsSkip skip, OmsVisitor visit, void *context)
{
	OmsScan		scan;
	bool		more = true;
	int			locked = 0;
	MemoryContext step = AllocSetContextCreate(CurrentMemoryContext, "oms timers",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;

	scan.nkeys = 0;
	oms_scan_begin(&scan, "stage_state", "stage_state_timer", STAGE_COLUMNS, RowExclusiveLock);
	while (more && oms_scan_next(&scan) &&
		   DatumGetTimestampTz(scan.slot->tts_values[STAGE_TIMER_AT]) <= now)
	{
		OmsTicketId id = DatumGetTicketId(scan.slot->tts_values[STAGE_TICKET_ID]);
		OmsTicket  *ticket;
		OmsStage   *stage;

		if (skip(context, id, DatumGetInt16(scan.slot->tts_values[STAGE_NO])))
			continue;
		old = MemoryContextSwitchTo(step);
		stage = lock_current(&scan, &ticket);
		if (stage == NULL)
			locked++;
		else if (stage->timer_at != OMS_NEVER && stage->timer_at <= ticket->now)
			more = visit(context, ticket, stage);
		MemoryContextSwitchTo(old);
		MemoryContextReset(step);
	}
	oms_scan_end(&scan);
	MemoryContextDelete(step);
	return locked;
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
	" WHERE (left_by OPERATOR(pg_catalog.<) pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())"
	"::pg_catalog.text::pg_catalog.int8"
	" OR left_by OPERATOR(pg_catalog.>=) pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())"
	"::pg_catalog.text::pg_catalog.int8)"
	" AND left_by OPERATOR(pg_catalog.<>) pg_catalog.pg_current_xact_id()::pg_catalog.text::pg_catalog.int8"
};

static bool
calendars_left(void)
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
static void
forget_calendars(void)
{
	SPI_connect();
	oms_sql(&forget_left, NULL, NULL);
	SPI_finish();
}

/*
 * Let every running clock go on by the current version of its calendar.  "visit" catches a stage up
 * and writes it.  Cheap if no calendar was left lately.
 */
void
oms_store_visit_left(OmsVisitor visit, void *context)
{
	OmsScan		scan;
	int			missed = 0;
	MemoryContext step;
	MemoryContext old;
	TimestampTz since;

	if (!calendars_left())
		return;
	oms_store_fresh_snapshot();
	step = AllocSetContextCreate(CurrentMemoryContext, "oms calendars left", ALLOCSET_DEFAULT_SIZES);
	scan.nkeys = 0;
	oms_scan_begin(&scan, "stage_state", "stage_state_timer", STAGE_COLUMNS, RowExclusiveLock);
	while (oms_scan_next(&scan))
	{
		int			calendar_id = DatumGetInt32(scan.slot->tts_values[STAGE_CALENDAR_ID]);
		OmsTicket  *ticket;
		OmsStage   *stage;

		if (calendar_id == 0)
			continue;
		old = MemoryContextSwitchTo(step);
		if (oms_store_next_calendar(oms_store_calendar_by_id(calendar_id), &since) != NULL)
		{
			stage = lock_current(&scan, &ticket);
			missed += stage == NULL;
			if (stage != NULL)
				visit(context, ticket, stage);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(step);
	}
	oms_scan_end(&scan);
	MemoryContextDelete(step);
	if (missed == 0)
		forget_calendars();
}

/*
 * The next timer after a moment; DT_NOEND if there is none.
 */
TimestampTz
oms_store_next_timer(TimestampTz after)
{
	OmsScan		scan;
	TimestampTz next = DT_NOEND;

	scan.nkeys = 0;
	oms_scan_key_after(&scan, timestamp_gt, TimestampTzGetDatum(after));
	oms_scan_begin(&scan, "stage_state", "stage_state_timer", STAGE_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan))
		next = DatumGetTimestampTz(scan.slot->tts_values[STAGE_TIMER_AT]);
	oms_scan_end(&scan);
	return next;
}
