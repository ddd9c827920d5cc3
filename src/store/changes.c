/*
 * changes.c
 *		The events of all tickets, each once, for readers who come back.
 *
 * timeline.watermark and the horizon (see timeline.c and outbox.c) make it possible: what is filed below the
 * horizon is over, can be seen, and stays as it is; what commits later is filed from the horizon on.  And
 * in the order of watermark the events of a ticket are in the order of their numbers.  So a reader who
 * takes what is below the horizon, and later what has come below the next one, gets each event once and each
 * ticket in order.  Nobody waits for a reader, and readers for nobody: an event is held back while a
 * transaction is running that is older than its own.
 *
 * The order is
 *
 * 1. history: what was below the horizon when the reader began, by ticket and number, on the way by
 *	  the primary key.  A page costs the page, however large the table is and wherever its rows lie.
 *
 * 2. then by watermark, ticket and number, on the way by the BRIN index.  It cannot say which of its rows
 *	  come first, so a page looks at a window of some transactions, and while there is room in it at others,
 *	  of a size that follows from what was found.  The events of one transaction are looked at as a whole
 *	  with every page of them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "store/changes.h"
#include "store/slot.h"
#include "store/spi.h"
#include "store/tables.h"
#include "store/timeline.h"

/* Transactions in the first window */
#define FIRST_WINDOW	16

#define EVENT \
	"e.ticket_id, e.at, e.watermark, e.seq, e.cycle, e.attempt, e.public, e.status, e.stage, e.owner, e.actor," \
	" e.session_actor, e.client, e.worker, e.note, e.payload, e.salt, e.note_digest, e.payload_digest, e.hash, e.moved"

/* A ticket moves into the archive and back with its events as they are, so it does not matter when */
#define EVENTS \
	"(SELECT " EVENT " FROM oms.timeline AS e UNION ALL SELECT " EVENT " FROM oms.timeline_archive AS e)"

/* The page is cut before anything is joined to it */
#define PAGE(where, order, limit) \
	"WITH e AS MATERIALIZED (SELECT " EVENT " FROM " EVENTS " AS e WHERE " where \
	" ORDER BY " order limit ")" \
	" SELECT " EVENT ", t.workflow_id FROM e" \
	" LEFT JOIN oms_internal.report_ticket AS t ON t.ticket_id = e.ticket_id" \
	" ORDER BY " order

#define BY_TICKET "e.ticket_id, e.seq"

static OmsStatement select_history = {
	.sql = PAGE("e.watermark < $1 AND ROW(e.ticket_id, e.seq) > ROW($2, $3)",
				BY_TICKET, " LIMIT $4"),
	.nargs = 4,
	.types = {INT8OID, OMS_TICKET_TYPE, INT4OID, INT8OID}
};

static OmsStatement select_window = {
	.sql = PAGE("e.watermark >= $1 AND e.watermark < $2"
				" AND (e.watermark > $1 OR ROW(e.ticket_id, e.seq) > ROW($3, $4))",
				"e.watermark, " BY_TICKET, " LIMIT $5"),
	.nargs = 5,
	.types = {INT8OID, INT8OID, OMS_TICKET_TYPE, INT4OID, INT8OID}
};

static OmsStatement select_ticket = {
	.sql = PAGE("e.ticket_id = $1", BY_TICKET, ""),
	.nargs = 1,
	.types = {OMS_TICKET_TYPE}
};

static OmsStatement select_hash = {
	.sql = "SELECT hash FROM " EVENTS " AS e WHERE ticket_id = $1"
	" AND seq = $2",
	.nargs = 2,
	.types = {OMS_TICKET_TYPE, INT4OID}
};

/*
 * Run a statement by the index that it is meant for: statistics know neither the newest events nor how many
 * a transaction has.
 */
static uint64
run(OmsStatement *statement, Datum *values, bool by_ticket)
{
	int			level = NewGUCNestLevel();
	uint64		count;

	oms_set_for_now("jit", "off");
	oms_set_for_now("enable_seqscan", "off");
	oms_set_for_now("enable_hashjoin", "off");
	oms_set_for_now("enable_mergejoin", "off");
	if (by_ticket)
		oms_set_for_now("enable_bitmapscan", "off");
	count = oms_sql(statement, values, NULL);
	AtEOXact_GUC(true, level);
	return count;
}

/* A hash that is none has a trace that says nothing */
static void
copy_trace(Datum hash, uint8 *trace)
{
	bytea	   *bytes = DatumGetByteaPP(hash);

	memset(trace, 0, OMS_TRACE_LEN);
	memcpy(trace, VARDATA_ANY(bytes), Min(VARSIZE_ANY_EXHDR(bytes), OMS_TRACE_LEN));
}

/*
 * Hand on the rows that were just read, and move the position.
 */
static void
visit_rows(uint64 count, OmsPosition *position, bool history, OmsChangeVisit visit, void *context)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(SPI_tuptable->tupdesc, &TTSOpsHeapTuple);
	MemoryContext rows = AllocSetContextCreate(CurrentMemoryContext, "oms changes", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(rows);

	for (uint64 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		ExecStoreHeapTuple(SPI_tuptable->vals[i], slot, false);
		slot_getallattrs(slot);
		position->watermark = history ? 0 : (uint64) DatumGetInt64(slot->tts_values[TIMELINE_WATERMARK]);
		position->ticket = DatumGetTicketId(slot->tts_values[TIMELINE_TICKET_ID]);
		position->seq = oms_slot_int(slot, TIMELINE_SEQ);
		copy_trace(slot->tts_values[TIMELINE_HASH], position->trace);
		visit(context, slot, position);
		MemoryContextReset(rows);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(rows);
	ExecDropSingleTupleTableSlot(slot);
	SPI_freetuptable(SPI_tuptable);
}

static int
visit_history(OmsPosition *position, int max, OmsChangeVisit visit, void *context)
{
	Datum		values[4] = {Int64GetDatum((int64) position->until), TicketIdGetDatum(position->ticket),
	Int32GetDatum(position->seq), Int64GetDatum(max)};
	uint64		count = run(&select_history, values, true);

	visit_rows(count, position, true, visit, context);
	return (int) count;
}

static int
visit_window(OmsPosition *position, uint64 from, uint64 to, int max, OmsChangeVisit visit, void *context)
{
	/* what was read of "from" itself */
	bool		within = position->watermark == from;
	Datum		values[5] = {Int64GetDatum((int64) from), Int64GetDatum((int64) to),
		TicketIdGetDatum(within ? position->ticket : 0), Int32GetDatum(within ? position->seq : 0),
	Int64GetDatum(max)};
	uint64		count = run(&select_window, values, false);

	visit_rows(count, position, false, visit, context);
	return (int) count;
}

/*
 * How many transactions to look at next: as many as seem to have what is wanted, by what was found in the last
 * "window" of them.
 */
uint64
oms_store_next_window(uint64 window, int64 found, int64 wanted)
{
	if (found == 0)
		return window * 8;
	return (uint64) Min(Max((double) window * wanted / found * 1.2, 1), (double) window * 8);
}

/*
 * Visit up to max events after the position and below the horizon, and move the position on.
 */
void
oms_store_visit_changes(OmsPosition *position, uint64 horizon, int max, OmsChangeVisit visit, void *context)
{
	uint64		window = FIRST_WINDOW;
	uint64		from;

	if (position->until == 0)
		position->until = horizon;
	SPI_connect();
	if (position->watermark == 0)
		max -= visit_history(position, max, visit, context);
	from = position->watermark == 0 ? position->until : position->watermark;
	while (max > 0 && from < horizon)
	{
		uint64		to = horizon - from > window ? from + window : horizon;

		int			found = visit_window(position, from, to, max, visit, context);

		max -= found;
		from = to;
		window = oms_store_next_window(window, found, max);
	}
	SPI_finish();
}

/*
 * Visit all events of a ticket; their positions mean nothing.
 */
void
oms_store_visit_ticket(OmsTicketId ticket, OmsChangeVisit visit, void *context)
{
	Datum		value = TicketIdGetDatum(ticket);
	OmsPosition position = {0};

	SPI_connect();
	visit_rows(run(&select_ticket, &value, true), &position, true, visit, context);
	SPI_finish();
}

/*
 * The first bytes of the hash of an event; false if there is no such event.
 */
bool
oms_store_read_trace(OmsTicketId ticket, int seq, uint8 *trace)
{
	Datum		values[2] = {TicketIdGetDatum(ticket), Int32GetDatum(seq)};
	bool		found;
	bool		isnull;

	SPI_connect();
	found = oms_sql(&select_hash, values, NULL) > 0;
	if (found)
		copy_trace(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull), trace);
	SPI_finish();
	return found;
}
