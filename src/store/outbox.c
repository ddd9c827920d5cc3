/*
 * outbox.c
 *		What the timeline says that listeners should have heard, and how far they have.
 *
 * oms.worker_state keeps a horizon: every event filed under a transaction below it has been sent.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "store/identity.h"
#include "store/outbox.h"
#include "store/spi.h"
#include "store/store.h"

/*
 * What happened from the horizon on, and how the stage stands now.  What came with a dump of another server
 * is below it, see oms_store_activate.  The page is cut before anything is joined to it.  A page is a run of tickets and
 * numbers, since that is the order in which the events of a ticket must be sent.  A ticket may have gone into the
 * archive since.
 */
#define BOTH(table, columns) \
	"SELECT " columns " FROM oms." table " UNION ALL SELECT " columns " FROM oms." table "_archive"

static OmsStatement select_events = {
	.sql = "WITH page AS MATERIALIZED ("
	" SELECT ticket_id, seq, stage, status, public FROM (" BOTH("timeline", "ticket_id, seq, stage, status, public, xid") ") AS x"
	" WHERE xid OPERATOR(pg_catalog.>=) $1"
	" AND ROW(ticket_id, seq) OPERATOR(pg_catalog.>) ROW($2, $3)"
	" ORDER BY ticket_id USING OPERATOR(pg_catalog.<), seq USING OPERATOR(pg_catalog.<)"
	" LIMIT $4)"
	" SELECT e.ticket_id, e.seq, t.workflow_id, COALESCE(w.stage_no, 0::pg_catalog.int2),"
	" e.status, e.public, s.status, s.owner, s.attempt, s.level, s.announce_at IS NOT NULL"
	" FROM page AS e"
	" JOIN (" BOTH("ticket_state", "ticket_id, workflow_id") ") AS t ON t.ticket_id OPERATOR(pg_catalog.=) e.ticket_id"
	" LEFT JOIN oms.workflow_stage AS w ON w.workflow_id OPERATOR(pg_catalog.=) t.workflow_id"
	" AND w.stage OPERATOR(pg_catalog.=) e.stage"
	" LEFT JOIN (" BOTH("stage_state", "ticket_id, stage_no, status, owner, attempt, level, announce_at") ") AS s ON s.ticket_id OPERATOR(pg_catalog.=) e.ticket_id"
	" AND s.stage_no OPERATOR(pg_catalog.=) w.stage_no"
	" ORDER BY e.ticket_id USING OPERATOR(pg_catalog.<), e.seq USING OPERATOR(pg_catalog.<)",
	.nargs = 4,
	.types = {INT8OID, OMS_TICKET_TYPE, INT4OID, INT8OID}
};

static OmsStatement select_horizon = {
	.sql = "SELECT horizon FROM oms.worker_state"
};

static OmsStatement update_horizon = {
	.sql = "UPDATE oms.worker_state SET horizon = $1 WHERE horizon OPERATOR(pg_catalog.<) $1",
	.nargs = 1,
	.types = {INT8OID}
};

static OmsStatement select_xmin = {
	.sql = "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())"
	"::pg_catalog.text::pg_catalog.int8"
};

/*
 * The oldest transaction that is still running: below it everything is over.
 */
uint64
oms_store_oldest_transaction(void)
{
	uint64		xmin = 0;
	bool		isnull;

	SPI_connect();
	if (oms_sql(&select_xmin, NULL, NULL) > 0)
		xmin = (uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
													&isnull));
	SPI_finish();
	return xmin;
}

/*
 * The same as a value of timeline.xid: what is filed below it is over and can be seen, and nothing will
 * be added to it.
 */
uint64
oms_store_horizon(void)
{
	return oms_store_oldest_transaction() + oms_store_xid_base();
}

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

static Datum
column(uint64 row, int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

static void
read_event(uint64 row, OmsOutboxEvent *event)
{
	bool		isnull;
	bool		no_stage;

	event->ticket = DatumGetTicketId(column(row, 1, &isnull));
	event->seq = DatumGetInt32(column(row, 2, &isnull));
	event->graph = oms_store_graph(DatumGetInt32(column(row, 3, &isnull)));
	event->stage = DatumGetInt16(column(row, 4, &isnull));
	event->status = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 5);
	event->public = DatumGetBool(column(row, 6, &isnull));
	event->stage_status = DatumGetChar(column(row, 7, &no_stage));
	if (no_stage)
		event->stage_status = 0;
	event->owner = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 8);
	event->attempt = DatumGetInt32(column(row, 9, &isnull));
	event->level = DatumGetInt32(column(row, 10, &isnull));
	event->pausing = DatumGetBool(column(row, 11, &isnull));
}

/*
 * Visit up to limit events of transactions from the horizon on that come after the given one (ticket
 * and number), and move that on.  Returns how many there were.
 */
uint64
oms_store_visit_outbox(uint64 horizon, OmsTicketId *ticket, int *seq, int limit,
					   void (*visit) (const OmsOutboxEvent *event))
{
	Datum		values[4] = {Int64GetDatum((int64) horizon), TicketIdGetDatum(*ticket),
	Int32GetDatum(*seq), Int64GetDatum(limit)};
	uint64		count;

	SPI_connect();
	count = oms_sql(&select_events, values, NULL);
	for (uint64 row = 0; row < count; row++)
	{
		OmsOutboxEvent event;

		CHECK_FOR_INTERRUPTS();
		read_event(row, &event);
		visit(&event);
		*ticket = event.ticket;
		*seq = event.seq;
	}
	SPI_finish();
	return count;
}
