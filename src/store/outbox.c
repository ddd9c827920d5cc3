/*
 * outbox.c
 *		What listeners should have heard, and how far they have.
 *
 * oms.worker_state keeps a horizon: every event filed under a transaction below it has been sent.  After a
 * loss, what listeners still need is little beside what happened since: stages that can be claimed now, which
 * stand in the queue; alerts and stages that were handed to somebody, which the partial index
 * timeline_told finds among all other events; and what was just told to the public, at the end of
 * the timeline.  Each is read in pages by key, so a page costs the page, however much there is.
 *
 * A transaction that stays open holds the horizon back, and crash after crash the same alerts would be told.  So
 * worker_state.told keeps what an announcement saw that came to its end: the next transaction at its beginning, and then
 * those that were running, with their subtransactions.  What another one wrote has been told.  It is about xmin of the rows,
 * not about timeline.watermark, which may be higher than that of the transaction that wrote the row.  Rows since the
 * horizon are not frozen while that is held back.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "access/twophase.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/itemptr.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "store/horizon.h"
#include "store/identity.h"
#include "store/outbox.h"
#include "store/spi.h"
#include "store/store.h"

/* So many blocks at the end of the timeline are searched for what was just told to the public */
#define STATUS_BLOCKS	512

/*
 * A page of the queues after a place in their index.  Three ranges follow each other: the rest of the same
 * priority, then of the same owner, then of the other owners.  Of a ticket that did not change since the
 * horizon nothing was lost.  A stage that was taken meanwhile is not there any more.
 */
#define QUEUED(where) \
	"(SELECT ticket_id, stage_no, owner, priority, ready_at, attempt, announce_at FROM oms.stage_state" \
	" WHERE status = 'q' AND " where \
	" ORDER BY owner, priority DESC," \
	" ready_at, ticket_id," \
	" stage_no LIMIT $7)"

static OmsStatement select_queue = {
	.sql = "WITH page AS MATERIALIZED (SELECT * FROM ("
	QUEUED("owner = $1 AND priority = $2"
		   " AND ROW(ready_at, ticket_id, stage_no) > ROW($3, $4, $5)")
	" UNION ALL "
	QUEUED("owner = $1 AND priority < $2")
	" UNION ALL "
	QUEUED("owner > $1")
	") AS x LIMIT $7)"
	" SELECT p.ticket_id, p.stage_no, p.owner, p.priority, p.ready_at, p.attempt, t.workflow_id,"
	" p.announce_at IS NULL AND t.watermark IS NOT NULL AND t.watermark >= $6"
	" FROM page AS p LEFT JOIN oms.ticket_state AS t ON t.ticket_id = p.ticket_id"
	" ORDER BY p.owner, p.priority DESC,"
	" p.ready_at, p.ticket_id,"
	" p.stage_no",
	.nargs = 7,
	.types = {TEXTOID, INT4OID, TIMESTAMPTZOID, OMS_TICKET_TYPE, INT2OID, INT8OID, INT8OID}
};

/* Is an event of the past of a ticket that was imported, and was recorded with that?  Nobody is told of those. */
#define IMPORTED(table, event) \
	"EXISTS (SELECT FROM " table " AS i WHERE i.ticket_id = " event ".ticket_id" \
	" AND i.seq = 1 AND i.status = 'imported' AND i.at = " event ".at)"

/*
 * A page of the events of which listeners have to hear even late, and how the stage of each stands now.  A
 * ticket may have gone into the archive since.  What changed about a ticket may be its priority, by
 * which a stage gets past the place up to which the queues were read.
 */
#define TOLD(table) \
	"(SELECT ticket_id, watermark, seq, stage, status FROM " table " AS y" \
	" CROSS JOIN LATERAL (SELECT $5 - (($5 -" \
	" y.xmin::text::int8) & 4294967295) AS writer) AS x" \
	" WHERE status = ANY" \
	" ('{breached,escalated,failed,warning,unrouted,unassigned,assigned,changed}'::text[])" \
	" AND ROW(watermark, ticket_id, seq) > ROW($1, $2, $3)" \
	" AND (status IN ('assigned', 'unassigned', 'changed')" \
	" OR NOT " IMPORTED(table, "y") ")" \
	" AND NOT COALESCE(x.writer < (SELECT told[1] FROM oms.worker_state)" \
	" AND x.writer <> ALL ((SELECT told FROM oms.worker_state)::int8[]), false)" \
	" ORDER BY watermark, ticket_id," \
	" seq LIMIT $4)"

static OmsStatement select_told = {
	.sql = "WITH page AS MATERIALIZED (SELECT * FROM ("
	TOLD("oms.timeline") " UNION ALL " TOLD("oms.timeline_archive")
	") AS x ORDER BY watermark, ticket_id,"
	" seq LIMIT $4)"
	" SELECT e.watermark, e.ticket_id, e.seq, e.status, COALESCE(t.workflow_id, a.workflow_id),"
	" COALESCE(s.stage_no, w.stage_no, 0::int2), s.status, s.token, s.owner, s.attempt, s.level,"
	" s.announce_at IS NOT NULL"
	" FROM page AS e"
	" LEFT JOIN oms.ticket_state AS t ON t.ticket_id = e.ticket_id"
	" LEFT JOIN oms.ticket_state_archive AS a ON a.ticket_id = e.ticket_id"
	" LEFT JOIN oms.workflow_stage AS w"
	" ON w.workflow_id = COALESCE(t.workflow_id, a.workflow_id)"
	" AND w.stage = e.stage"
	" LEFT JOIN oms.stage_state AS s ON s.ticket_id = e.ticket_id"
	" AND (s.stage_no = w.stage_no"
	" OR e.stage IS NULL AND e.status = 'changed' AND s.status = 'q')"
	" ORDER BY e.watermark, e.ticket_id,"
	" e.seq",
	.nargs = 5,
	.types = {INT8OID, OMS_TICKET_TYPE, INT4OID, INT8OID, INT8OID}
};

/* A page of the latest events, from a block on, in the order of the tickets */
static OmsStatement select_latest = {
	.sql = "WITH page AS MATERIALIZED (SELECT ticket_id, seq, stage, status, public FROM oms.timeline AS y"
	" WHERE ctid >= $1 AND watermark >= $2 AND at >= $3"
	" AND (public OR status = 'cancelled' OR status = 'on_hold')"
	" AND ROW(ticket_id, seq) > ROW($4, $5)"
	" AND NOT " IMPORTED("oms.timeline", "y")
	" ORDER BY ticket_id, seq LIMIT $6)"
	" SELECT e.ticket_id, e.seq, e.status, e.public, t.workflow_id, COALESCE(w.stage_no, 0::int2)"
	" FROM page AS e"
	" JOIN oms.ticket_state AS t ON t.ticket_id = e.ticket_id"
	" LEFT JOIN oms.workflow_stage AS w ON w.workflow_id = t.workflow_id"
	" AND w.stage = e.stage"
	" ORDER BY e.ticket_id, e.seq",
	.nargs = 6,
	.types = {TIDOID, INT8OID, TIMESTAMPTZOID, OMS_TICKET_TYPE, INT4OID, INT8OID}
};

static OmsStatement select_horizon = {
	.sql = "SELECT horizon FROM oms.worker_state"
};

static OmsStatement update_horizon = {
	.sql = "UPDATE oms.worker_state SET horizon = $1 WHERE horizon < $1",
	.nargs = 1,
	.types = {INT8OID}
};

static OmsStatement update_telling = {
	.sql = "UPDATE oms.worker_state SET telling = $1",
	.nargs = 1,
	.types = {INT8ARRAYOID}
};

static OmsStatement update_told = {
	.sql = "UPDATE oms.worker_state SET told = COALESCE(telling, told), telling = NULL"
};

/*
 * Move the horizon up.
 */
void
oms_store_save_horizon(uint64 horizon)
{
	Datum		value = Int64GetDatum((int64) horizon);

	SPI_connect();
	oms_sql(&update_horizon, &value, NULL);
	SPI_finish();
}

/*
 * The horizon as it was saved.
 */
uint64
oms_store_saved_horizon(void)
{
	uint64		horizon = 0;
	bool		isnull;

	SPI_connect();
	if (oms_sql(&select_horizon, NULL, NULL) > 0)
		horizon = (uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
													   1, &isnull));
	SPI_finish();
	return horizon;
}

static void
add_numbers(Datum *values, int *count, const TransactionId *xids, int n)
{
	for (int i = 0; i < n; i++)
		values[(*count)++] = Int64GetDatum((int64) oms_store_full_number(xids[i]));
}

/*
 * An announcement begins: note what is over by the active snapshot.  With so many subtransactions that the server
 * does not know all of them nothing is noted.
 */
void
oms_store_begin_telling(void)
{
	Snapshot	snapshot = GetActiveSnapshot();
	Datum	   *values = palloc(sizeof(Datum) * (1 + snapshot->xcnt + Max(snapshot->subxcnt, 0)));
	int			count = 0;
	Datum		array;

	add_numbers(values, &count, &snapshot->xmax, 1);
	add_numbers(values, &count, snapshot->xip, snapshot->xcnt);
	add_numbers(values, &count, snapshot->subxip, Max(snapshot->subxcnt, 0));
	array = PointerGetDatum(construct_array(values, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	SPI_connect();
	oms_sql(&update_telling, &array, snapshot->suboverflowed ? "n" : NULL);
	SPI_finish();
}

/*
 * It has come to its end: what was noted then has been told.
 */
void
oms_store_end_telling(void)
{
	SPI_connect();
	oms_sql(&update_told, NULL, NULL);
	SPI_finish();
}

static Datum
column(uint64 row, int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

static char *
text_column(uint64 row, int number)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number);
}

/*
 * Visit up to limit stages of the queues after a place, and move that on, before each visit: so whoever
 * cannot be told is behind it.  "lost" are those of which something may have been lost since the
 * horizon.  Returns how many there were.
 */
int
oms_store_visit_queued(uint64 horizon, OmsQueuePlace *place, int limit, OmsOutboxVisit visit)
{
	Datum		values[7] = {CStringGetTextDatum(place->owner), Int32GetDatum(place->priority),
		TimestampTzGetDatum(place->ready_at), TicketIdGetDatum(place->ticket), Int16GetDatum(place->stage),
	Int64GetDatum((int64) horizon), Int64GetDatum(limit)};
	uint64		count;
	bool		isnull;

	SPI_connect();
	count = oms_sql_by_index(&select_queue, values);
	for (uint64 row = 0; row < count; row++)
	{
		OmsOutboxEvent event = {0};

		CHECK_FOR_INTERRUPTS();
		event.ticket = place->ticket = DatumGetTicketId(column(row, 1, &isnull));
		event.stage = place->stage = DatumGetInt16(column(row, 2, &isnull));
		event.owner = text_column(row, 3);
		strlcpy(place->owner, event.owner, sizeof(place->owner));
		place->priority = DatumGetInt32(column(row, 4, &isnull));
		place->ready_at = DatumGetTimestampTz(column(row, 5, &isnull));
		event.attempt = DatumGetInt32(column(row, 6, &isnull));
		event.workflow_id = DatumGetInt32(column(row, 7, &isnull));
		event.claimable = true;
		if (DatumGetBool(column(row, 8, &isnull)))
			visit(&event);
	}
	SPI_finish();
	return (int) count;
}

/*
 * The same for events of which listeners have to hear even late, from the horizon on, but for those that an earlier
 * announcement told.
 */
int
oms_store_visit_told(OmsToldPlace *place, int limit, OmsOutboxVisit visit)
{
	Datum		values[5] = {Int64GetDatum((int64) place->watermark), TicketIdGetDatum(place->ticket),
		Int32GetDatum(place->seq), Int64GetDatum(limit),
	Int64GetDatum((int64) U64FromFullTransactionId(ReadNextFullTransactionId()))};
	uint64		count;
	bool		isnull;

	SPI_connect();
	count = oms_sql_by_index(&select_told, values);
	for (uint64 row = 0; row < count; row++)
	{
		OmsOutboxEvent event = {0};
		char		status;
		bool		no_stage;

		CHECK_FOR_INTERRUPTS();
		place->watermark = (uint64) DatumGetInt64(column(row, 1, &isnull));
		event.ticket = place->ticket = DatumGetTicketId(column(row, 2, &isnull));
		event.seq = place->seq = DatumGetInt32(column(row, 3, &isnull));
		event.status = text_column(row, 4);
		event.workflow_id = DatumGetInt32(column(row, 5, &isnull));
		event.stage = DatumGetInt16(column(row, 6, &isnull));
		status = DatumGetChar(column(row, 7, &no_stage));
		if (!no_stage)
		{
			event.handed_out = status == OMS_IN_PROGRESS && DatumGetInt64(column(row, 8, &isnull)) == event.seq;
			event.owner = text_column(row, 9);
			event.attempt = DatumGetInt32(column(row, 10, &isnull));
			event.level = DatumGetInt32(column(row, 11, &isnull));
			event.claimable = status == OMS_QUEUED && !DatumGetBool(column(row, 12, &isnull));
		}
		visit(&event);
	}
	SPI_finish();
	return (int) count;
}

/*
 * The first of the blocks in which the latest events stand; space that was freed elsewhere is not looked at.
 */
static void
latest_blocks(ItemPointer tid)
{
	Relation	timeline = table_open(oms_relation_oid("timeline"), AccessShareLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(timeline);

	ItemPointerSet(tid, blocks > STATUS_BLOCKS ? blocks - STATUS_BLOCKS : 0, 0);
	table_close(timeline, AccessShareLock);
}

/*
 * The same for the latest events since a moment that the public, or whoever works on a stage, was to
 * be told of.
 */
int
oms_store_visit_latest(uint64 horizon, TimestampTz since, OmsToldPlace *place, int limit, OmsOutboxVisit visit)
{
	ItemPointerData tid;
	Datum		values[6] = {PointerGetDatum(&tid), Int64GetDatum((int64) horizon), TimestampTzGetDatum(since),
	TicketIdGetDatum(place->ticket), Int32GetDatum(place->seq), Int64GetDatum(limit)};
	uint64		count;
	bool		isnull;

	latest_blocks(&tid);
	SPI_connect();
	count = oms_sql(&select_latest, values, NULL);
	for (uint64 row = 0; row < count; row++)
	{
		OmsOutboxEvent event = {0};

		CHECK_FOR_INTERRUPTS();
		event.ticket = place->ticket = DatumGetTicketId(column(row, 1, &isnull));
		event.seq = place->seq = DatumGetInt32(column(row, 2, &isnull));
		event.status = text_column(row, 3);
		event.public = DatumGetBool(column(row, 4, &isnull));
		event.workflow_id = DatumGetInt32(column(row, 5, &isnull));
		event.stage = DatumGetInt16(column(row, 6, &isnull));
		visit(&event);
	}
	SPI_finish();
	return (int) count;
}
