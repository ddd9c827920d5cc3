/*
 * twin.c
 *		The tables of the archive: each table that holds rows of tickets has a twin, between which they are moved as they are.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "clock.h"
#include "store/row.h"
#include "store/slot.h"
#include "store/tables.h"
#include "store/twin.h"

/* A table with rows of tickets, and its twin; the primary key of both begins with the ticket */
typedef struct Place
{
	const char *table;
	const char *index;
	int			columns;
} Place;

#define PLACE(name, columns) {name, name "_pkey", columns}

static const struct
{
	Place		hot;
	Place		archive;
}			pairs[] =
{
	{PLACE("timeline", TIMELINE_COLUMNS), PLACE("timeline_archive", TIMELINE_COLUMNS)},
	{PLACE("stage_state", STAGE_COLUMNS), PLACE("stage_state_archive", STAGE_COLUMNS)},
	{PLACE("stage_past", STAGE_COLUMNS), PLACE("stage_past_archive", STAGE_COLUMNS)},
	{PLACE("hold", HOLD_COLUMNS), PLACE("hold_archive", HOLD_COLUMNS)},
	{PLACE("clock_segment", SEGMENT_COLUMNS), PLACE("clock_segment_archive", SEGMENT_COLUMNS)},
	{PLACE("ticket_state", TICKET_COLUMNS), PLACE("ticket_state_archive", TICKET_ARCHIVE_COLUMNS)}
};

/* Rows that were copied and are to go */
typedef struct Leaving
{
	ItemPointerData *tids;
	int			count;
	int			size;
} Leaving;

static void
remember_row(Leaving *leaving, ItemPointer tid)
{
	if (leaving->count == leaving->size)
	{
		leaving->size = leaving->size == 0 ? 64 : leaving->size * 2;
		leaving->tids = leaving->tids == NULL
			? palloc(sizeof(ItemPointerData) * leaving->size)
			: repalloc(leaving->tids, sizeof(ItemPointerData) * leaving->size);
	}
	leaving->tids[leaving->count++] = *tid;
}

/*
 * Copy the values of the columns that both rows have; what is stored out of line is copied when the
 * row is written.
 */
static void
copy_row(const TupleTableSlot *from, TupleTableSlot *to, int columns)
{
	for (int i = 0; i < columns; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(from->tts_tupleDescriptor, i);

		to->tts_isnull[i] = from->tts_isnull[i];
		if (!from->tts_isnull[i])
			to->tts_values[i] = datumCopy(from->tts_values[i], attribute->attbyval, attribute->attlen);
	}
}

static void
copy_rows(const Place *from, const Place *to, const OmsTicketId *tickets, int count, Leaving *leaving)
{
	TimestampTz now = oms_clock_now();
	OmsWriter	writer;

	oms_writer_begin(&writer, to->table, to->columns);
	for (int i = 0; i < count; i++)
	{
		OmsScan		scan;

		oms_scan_key_ticket(&scan, tickets[i]);
		oms_scan_begin(&scan, from->table, from->index, from->columns, RowExclusiveLock);
		while (oms_scan_next(&scan))
		{
			TupleTableSlot *row = oms_writer_row(&writer);

			copy_row(scan.slot, row, Min(from->columns, to->columns));
			if (to->columns == TICKET_ARCHIVE_COLUMNS && from->columns == TICKET_COLUMNS)
				oms_slot_set_time(row, TICKET_ARCHIVED_AT, now);
			oms_writer_add(&writer);
			remember_row(leaving, &scan.slot->tts_tid);
		}
		oms_scan_end(&scan);
	}
	oms_writer_end(&writer);
}

static void
delete_rows(const Place *from, const Leaving *leaving)
{
	Relation	rel = table_open(oms_relation_oid(from->table), RowExclusiveLock);

	for (int i = 0; i < leaving->count; i++)
		simple_table_tuple_delete(rel, &leaving->tids[i], GetActiveSnapshot());
	table_close(rel, NoLock);
}

/*
 * Move all rows of some tickets that the caller has locked, under the active snapshot, which was taken
 * after the locks.
 */
void
oms_twin_move(const OmsTicketId *tickets, int count, bool into_archive)
{
	MemoryContext step = AllocSetContextCreate(CurrentMemoryContext, "oms archive", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(step);

	for (int i = 0; i < (int) lengthof(pairs); i++)
	{
		const Place *from = into_archive ? &pairs[i].hot : &pairs[i].archive;
		const Place *to = into_archive ? &pairs[i].archive : &pairs[i].hot;
		Leaving		leaving = {0};

		copy_rows(from, to, tickets, count, &leaving);
		delete_rows(from, &leaving);
		MemoryContextReset(step);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(step);
}

/* ---- back ---- */

/*
 * Bring a ticket back out of the archive.  The caller did not find it in the hot tables under the active
 * snapshot.  True: look there again, since it is back, or another session was just moving it; false: it
 * is not in the archive either.
 */
bool
oms_store_recall(OmsTicketId id)
{
	OmsScan		scan;
	bool		found;
	bool		locked;
	bool		gone;

	oms_scan_key_ticket(&scan, id);
	oms_scan_begin(&scan, "ticket_state_archive", "ticket_state_archive_pkey", TICKET_ARCHIVE_COLUMNS,
				   RowExclusiveLock);
	found = oms_scan_next(&scan);
	locked = found && oms_scan_lock(&scan, LockWaitBlock, &gone);
	oms_scan_end(&scan);
	if (locked)
	{
		oms_store_fresh_snapshot();
		oms_twin_move(&id, 1, false);
	}
	return found;
}
