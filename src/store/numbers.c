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

extern Datum oms_ticket_id_lt(PG_FUNCTION_ARGS);

/* What the next number would be, and by how much they grow */
#define SELECT_NEXT(sequence) \
{ \
	.sql = "SELECT CASE WHEN n.is_called THEN n.last_value + s.seqincrement" \
	" ELSE n.last_value END, s.seqincrement FROM oms." sequence " AS n, pg_sequence AS s" \
	" WHERE s.seqrelid = 'oms." sequence "'::regclass" \
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

/* ---- the sequences ---- */

static int64
read_next(OmsNumber which, int64 *increment)
{
	bool		isnull;
	int64		next;

	oms_sql(&counters[which].select_next, NULL, NULL);
	next = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	*increment = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	return next;
}

/*
 * Would the sequence give out a number that was given out?  Then it is to give out *next.  Who is going
 * to write takes the locks of a writer at once.
 */
static bool
is_behind(OmsNumber which, LOCKMODE lockmode, int64 *next)
{
	int64		highest = highest_number(which, lockmode);
	int64		increment;

	*next = read_next(which, &increment);
	if (increment <= 0 || highest < *next)
		return false;
	/* in steps: where several databases share the numbers, each keeps its own */
	*next += ((highest - *next) / increment + 1) * increment;
	return true;
}

/*
 * Move a sequence past everything that was given out, if it is behind.
 */
void
oms_store_move_ahead(OmsNumber which)
{
	Oid			sequence = oms_relation_oid(counters[which].sequence);
	Datum		values[2] = {ObjectIdGetDatum(sequence)};
	int64		next;

	SPI_connect();
	/* one at a time: who comes second must not set it back */
	LockDatabaseObject(RelationRelationId, sequence, 1, ExclusiveLock);
	if (is_behind(which, RowExclusiveLock, &next))
	{
		values[1] = Int64GetDatum(next);
		oms_sql(&set_next, values, NULL);
	}
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

static OmsStatement select_left = {
	.sql = "SELECT s.seqmax - CASE WHEN n.is_called THEN n.last_value ELSE n.last_value - 1 END"
	" FROM oms.ticket_number AS n, pg_sequence AS s WHERE s.seqrelid = 'oms.ticket_number'::regclass"
};

/*
 * How many tickets this database can still open.  For a caller that is connected to SPI.
 */
int64
oms_store_ticket_numbers_left(void)
{
	Datum		left = Int64GetDatum(0);
	bool		isnull;

	if (oms_sql(&select_left, NULL, NULL) > 0)
		oms_sql_first_row(&left, &isnull);
	return DatumGetInt64(left);
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
	int64		number;

	if (last >= PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the ticket numbers of this database are used up"),
				 errdetail("The last one is %d, and none is used twice.", PG_INT32_MAX),
				 errhint("Open further tickets in another database.")));
	number = nextval_internal(sequence, false);
	if (number > last)
		return number;
	oms_store_move_ahead(OMS_NUMBER_TICKET);
	return nextval_internal(sequence, false);
}
