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

#include "store/store.h"
#include "store/tables.h"

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

		if (DatumGetTimestampTz(scan.slot->tts_values[STAGE_READY_AT]) > now ||
			!oms_store_seems_queued(DatumGetTicketId(scan.slot->tts_values[STAGE_TICKET_ID]),
									DatumGetInt16(scan.slot->tts_values[STAGE_NO])))
			continue;
		old = MemoryContextSwitchTo(step);
		stage = lock_current(&scan, &ticket);
		if (stage != NULL && stage->status == OMS_QUEUED && strcmp(stage->owner, owner) == 0 &&
			stage->ready_at <= ticket->now)
			more = visit(context, ticket, stage);
		MemoryContextSwitchTo(old);
		MemoryContextReset(step);
	}
	oms_scan_end(&scan);
	MemoryContextDelete(step);
}

/*
 * Is there something that the owner can claim now?  If not, *next is when the next pause before a
 * retry is over (DT_NOEND: there is none).  Looks only, under the active snapshot.
 */
bool
oms_store_has_work(const char *owner, TimestampTz now, TimestampTz *next)
{
	OmsScan		scan;
	bool		found = false;

	*next = DT_NOEND;
	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(owner));
	oms_scan_begin(&scan, "stage_state", "stage_state_queue", STAGE_COLUMNS, AccessShareLock);
	while (!found && oms_scan_next(&scan))
	{
		TimestampTz ready_at = DatumGetTimestampTz(scan.slot->tts_values[STAGE_READY_AT]);

		found = ready_at <= now;
		*next = Min(*next, ready_at);
	}
	oms_scan_end(&scan);
	return found;
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
