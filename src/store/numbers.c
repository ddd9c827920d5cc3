/*
 * numbers.c
 *		Numbers that are given out once: those of tickets, and of versions of workflows and calendars.
 *
 * They come from sequences.  A logical copy has its sequences at the start, and a restore into a database
 * that went on sets them back; so whoever draws a number looks first at the highest one that stands in an
 * index, and moves the sequence past it if it is behind.  Whatever is in an index was drawn before: rows
 * that are not committed yet, or were deleted, count as well.  A ticket may be in the archive, so its
 * number is looked for there too.
 *
 * A database may give out only the ticket numbers of its ranges (oms.number_range), so that several share them and
 * a number tells where its ticket is.  The ranges are used in ascending order: a sequence that has left one goes on
 * in the next.  They are looked at for each number, by the newest snapshot: whoever changes them has waited until
 * nobody is drawing.
 *
 * Locks: the sequence is moved under a lock of its own, which is held for that moment only; who draws does
 * not wait for it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/itup.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "store/numbers.h"
#include "store/row.h"
#include "store/spi.h"
#include "store/tables.h"
#include "types/ticket_id.h"

extern Datum oms_ticket_id_lt(PG_FUNCTION_ARGS);

/* What the next number would be */
#define SELECT_NEXT(sequence) \
{ \
	.sql = "SELECT CASE WHEN n.is_called THEN n.last_value + s.seqincrement ELSE n.last_value END" \
	" FROM oms." sequence " AS n, pg_sequence AS s WHERE s.seqrelid = 'oms." sequence "'::regclass" \
}

typedef struct Counter
{
	const char *sequence;
	const char *table;
	OmsStatement select_next;
} Counter;

static Counter counters[OMS_NUMBERS] =
{
	[OMS_NUMBER_TICKET] = {"ticket_number", "ticket_state", SELECT_NEXT("ticket_number")},
	[OMS_NUMBER_WORKFLOW] = {"workflow_number", "workflow", SELECT_NEXT("workflow_number")},
	[OMS_NUMBER_CALENDAR] = {"calendar_number", "calendar", SELECT_NEXT("calendar_number")}
};

static OmsStatement set_next = {
	.sql = "SELECT setval($1::regclass, $2, false)",
	.nargs = 2,
	.types = {OIDOID, INT8OID}
};

/* ---- what is in the indexes ---- */

/*
 * The last entry of the primary key of a table, below a ticket number if it is given; false if there is
 * none.  The rows themselves are not looked at.  Keys are passed by value.
 */
static bool
last_key(const char *table, const OmsTicketId *below, LOCKMODE lockmode, Datum *key)
{
	Relation	rel = table_open(oms_relation_oid(table), lockmode);
	Relation	index = index_open(oms_relation_oid(psprintf("%s_pkey", table)), lockmode);
	IndexScanDesc scan = oms_index_beginscan(rel, index, SnapshotAny, below == NULL ? 0 : 1);
	FmgrInfo	function = {0};
	ScanKeyData bound;
	bool		found;
	bool		isnull;

	scan->xs_want_itup = true;
	if (below != NULL)
	{
		function.fn_addr = oms_ticket_id_lt;
		function.fn_nargs = 2;
		function.fn_strict = true;
		function.fn_mcxt = CurrentMemoryContext;
		ScanKeyEntryInitializeWithInfo(&bound, 0, 1, BTLessStrategyNumber, InvalidOid, InvalidOid, &function,
									   TicketIdGetDatum(*below));
	}
	index_rescan(scan, &bound, below == NULL ? 0 : 1, NULL, 0);
	found = index_getnext_tid(scan, BackwardScanDirection) != NULL;
	if (found)
		*key = index_getattr(scan->xs_itup, 1, scan->xs_itupdesc, &isnull);
	index_endscan(scan);
	index_close(index, NoLock);
	table_close(rel, NoLock);
	return found;
}

/*
 * The highest number among the tickets of years up to the given one that stands last in an index: that of
 * its latest year.  Usually that is the highest of all.
 */
static int64
last_ticket_number(const char *table, int year, LOCKMODE lockmode)
{
	OmsTicketId end = oms_ticket_id_year_end(year);
	Datum		key;

	return last_key(table, &end, lockmode, &key) ? oms_ticket_id_number(DatumGetTicketId(key)) : 0;
}

/*
 * The highest number of all years: clocks that were moved, and sequences that were set back, leave the
 * highest anywhere.
 */
static int64
highest_ticket_number(const char *table, LOCKMODE lockmode)
{
	int64		highest = 0;
	Datum		key;
	bool		found = last_key(table, NULL, lockmode, &key);

	while (found)
	{
		OmsTicketId end = oms_ticket_id_year_end(oms_ticket_id_year(DatumGetTicketId(key)) - 1);

		CHECK_FOR_INTERRUPTS();
		highest = Max(highest, oms_ticket_id_number(DatumGetTicketId(key)));
		found = last_key(table, &end, lockmode, &key);
	}
	return highest;
}

static int64
highest_number(OmsNumber which, LOCKMODE lockmode)
{
	Datum		key;

	if (which == OMS_NUMBER_TICKET)
		return Max(highest_ticket_number("ticket_state", lockmode),
				   highest_ticket_number("ticket_state_archive", lockmode));
	return last_key(counters[which].table, NULL, lockmode, &key) ? DatumGetInt32(key) : 0;
}

/* ---- the ranges ---- */

/*
 * The first number not below *number that this database may give out; false if there is none.
 */
static bool
next_in_ranges(int64 *number)
{
	OmsScan		scan;
	int64		first = 1;
	int64		last = OMS_TICKET_NUMBER_MAX;

	PushActiveSnapshot(GetLatestSnapshot());
	scan.nkeys = 0;
	oms_scan_begin(&scan, "number_range", "number_range_pkey", NUMBER_RANGE_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
	{
		first = DatumGetInt32(scan.slot->tts_values[NUMBER_RANGE_FIRST]);
		last = DatumGetInt32(scan.slot->tts_values[NUMBER_RANGE_LAST]);
		if (*number <= last)
			break;
	}
	oms_scan_end(&scan);
	PopActiveSnapshot();
	*number = Max(*number, first);
	return *number <= last;
}

/*
 * The highest number that this database may give out.
 */
static int64
end_of_ranges(void)
{
	static OmsStatement select_end = {
		.sql = "SELECT max(last_number)::int8 FROM oms.number_range"
	};
	Datum		last;
	bool		isnull;

	oms_sql(&select_end, NULL, NULL);
	oms_sql_first_row(&last, &isnull);
	return isnull ? OMS_TICKET_NUMBER_MAX : DatumGetInt64(last);
}

/* ---- the sequences ---- */

static int64
read_next(OmsNumber which)
{
	Datum		next;
	bool		isnull;

	oms_sql(&counters[which].select_next, NULL, NULL);
	oms_sql_first_row(&next, &isnull);
	return DatumGetInt64(next);
}

static void
set_next_number(OmsNumber which, int64 next)
{
	Datum		values[2] = {ObjectIdGetDatum(oms_relation_oid(counters[which].sequence)), Int64GetDatum(next)};

	oms_sql(&set_next, values, NULL);
}

/*
 * Would the sequence give out a number that was given out?  *next is what it is to give out.  Who is going
 * to write takes the locks of a writer at once.
 */
static bool
is_behind(OmsNumber which, LOCKMODE lockmode, int64 *next)
{
	int64		highest = highest_number(which, lockmode);

	*next = read_next(which);
	if (highest < *next)
		return false;
	*next = highest + 1;
	return true;
}

/*
 * Move a sequence past everything that was given out, if it is behind, and into a range, if there is one.
 */
void
oms_store_move_ahead(OmsNumber which)
{
	Oid			sequence = oms_relation_oid(counters[which].sequence);
	int64		next;
	int64		in_range;
	bool		move;

	SPI_connect();
	/* one at a time: who comes second must not set it back */
	LockDatabaseObject(RelationRelationId, sequence, 1, ExclusiveLock);
	move = is_behind(which, RowExclusiveLock, &next);
	in_range = next;
	if (which == OMS_NUMBER_TICKET && next_in_ranges(&in_range) && in_range > next)
	{
		next = in_range;
		move = true;
	}
	if (move)
		set_next_number(which, next);
	UnlockDatabaseObject(RelationRelationId, sequence, 1, ExclusiveLock);
	SPI_finish();
}

/*
 * A sequence that is behind; NULL: none is.
 */
const char *
oms_store_number_behind(void)
{
	const char *behind = NULL;
	int64		next;

	SPI_connect();
	for (int i = 0; i < OMS_NUMBERS && behind == NULL; i++)
		if (is_behind(i, AccessShareLock, &next))
			behind = counters[i].sequence;
	SPI_finish();
	return behind;
}

/*
 * Draw the number of a new ticket.  What stands in the indexes is looked at before: all of that was drawn
 * earlier, so of a sequence that is not behind comes a higher number.
 */
int64
oms_store_next_ticket_number(int year)
{
	Oid			sequence = oms_relation_oid(counters[OMS_NUMBER_TICKET].sequence);
	int64		last = Max(last_ticket_number("ticket_state", year, RowExclusiveLock),
						   last_ticket_number("ticket_state_archive", year, RowExclusiveLock));

	for (;;)
	{
		int64		number = nextval_internal(sequence, false);
		int64		next = Max(number, last + 1);

		CHECK_FOR_INTERRUPTS();
		if (!next_in_ranges(&next))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the ticket numbers of this database are used up"),
					 errdetail("Those up to " INT64_FORMAT " were drawn, none is used twice, and there is no range beyond.",
							   next - 1),
					 errhint("Open further tickets in another database, or give this one another range: oms.set_number_ranges().")));
		if (next == number)
			return number;
		oms_store_move_ahead(OMS_NUMBER_TICKET);
	}
}

/* ---- what is left, and what is allowed ---- */

static OmsStatement select_numbers = {
	.sql = "SELECT sum(r.last - r.first + 1)::int8, sum(greatest(r.last - greatest(r.first, n.next) + 1, 0))::int8 FROM"
	" (SELECT first_number::int8 AS first, last_number::int8 AS last FROM oms.number_range"
	" UNION ALL SELECT 1, 2147483647 WHERE NOT EXISTS (SELECT FROM oms.number_range)) AS r,"
	" (SELECT CASE WHEN s.is_called THEN s.last_value + 1 ELSE s.last_value END AS next FROM oms.ticket_number AS s) AS n"
};

/*
 * How many ticket numbers this database may give out, and how many of them it can still.  For a caller that is
 * connected to SPI.
 */
void
oms_store_count_ticket_numbers(int64 *all, int64 *left)
{
	Datum		values[2];
	bool		nulls[2];

	oms_sql(&select_numbers, NULL, NULL);
	oms_sql_first_row(values, nulls);
	*all = DatumGetInt64(values[0]);
	*left = DatumGetInt64(values[1]);
}

static OmsStatement select_bad_range = {
	.sql = "SELECT r::text FROM unnest($1) AS r WHERE NOT r <@ int8range(1, 2147483648) LIMIT 1",
	.nargs = 1,
	.types = {INT8MULTIRANGEOID}
};

static OmsStatement select_outside = {
	.sql = "SELECT t.ticket_id::text FROM"
	" (SELECT ticket_id FROM oms.ticket_state UNION ALL SELECT ticket_id FROM oms.ticket_state_archive) AS t"
	" WHERE NOT isempty($1) AND NOT $1 @> substring(t.ticket_id::text, '[0-9]+$')::int8 LIMIT 1",
	.nargs = 1,
	.types = {INT8MULTIRANGEOID}
};

static OmsStatement lock_tickets = {
	.sql = "LOCK TABLE oms.ticket_state IN SHARE ROW EXCLUSIVE MODE"
};

static OmsStatement delete_ranges = {
	.sql = "DELETE FROM oms.number_range"
};

static OmsStatement insert_ranges = {
	.sql = "INSERT INTO oms.number_range (first_number, last_number) SELECT lower(r), upper(r) - 1 FROM unnest($1) AS r",
	.nargs = 1,
	.types = {INT8MULTIRANGEOID}
};

/* The first text that a statement finds with these ranges; NULL: none */
static char *
found(OmsStatement *statement, Datum *ranges)
{
	if (oms_sql(statement, ranges, NULL) == 0)
		return NULL;
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/*
 * Nobody draws a number from here to the end of the transaction.  Before the journal is locked: who writes tickets
 * may be waiting for that.
 */
void
oms_store_lock_numbers(void)
{
	SPI_connect();
	oms_sql(&lock_tickets, NULL, NULL);
	SPI_finish();
	oms_store_fresh_snapshot();
}

/*
 * Give out only the ticket numbers of these ranges (int8multirange) from now on; empty: all.  The tickets that are there
 * must be in them.
 */
void
oms_store_set_number_ranges(Datum ranges)
{
	char	   *bad;
	int64		end;

	SPI_connect();
	if ((bad = found(&select_bad_range, &ranges)) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ticket numbers are from 1 to %d, the range %s is not", PG_INT32_MAX, bad)));
	if ((bad = found(&select_outside, &ranges)) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ticket %s would be outside of the ranges", bad),
				 errhint("The ranges of a database contain all its tickets, also the archived ones.")));
	/* calls that found them used up drew beyond the end: those numbers were never given out */
	end = end_of_ranges();
	if (read_next(OMS_NUMBER_TICKET) > end + 1)
		set_next_number(OMS_NUMBER_TICKET, end + 1);
	oms_sql(&delete_ranges, NULL, NULL);
	oms_sql(&insert_ranges, &ranges, NULL);
	SPI_finish();
}
