/*
 * inbox.c
 *		What a worker has and may take.
 *
 * By the tables and not the views, so that the indexes of queues and workers serve it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "store/inbox.h"
#include "store/spi.h"

static OmsStatement select_inbox = {
	.sql = "SELECT q.ticket_id, d.stage, oms.stage_status(q.status), q.owner, w.name, q.priority, d.label,"
	" q.queued_at, q.started_at, q.due_at, q.delegated_by"
	" FROM (SELECT 1 AS part, s.* FROM oms.stage_state AS s"
	" WHERE s.worker OPERATOR(pg_catalog.=) $1 AND s.status IN ('p', 'h')"
	" UNION ALL"
	" SELECT 2, c.* FROM (SELECT $1 COLLATE \"C\" AS owner"
	" UNION SELECT m.owner FROM oms.owner_member AS m WHERE m.member OPERATOR(pg_catalog.=) $1) AS o"
	" CROSS JOIN LATERAL (SELECT s.* FROM oms.stage_state AS s"
	" WHERE s.owner OPERATOR(pg_catalog.=) o.owner AND s.status OPERATOR(pg_catalog.=) 'q'"
	" ORDER BY s.priority DESC, s.ready_at, s.ticket_id, s.stage_no LIMIT $2) AS c) AS q"
	" JOIN oms.ticket_state AS t ON t.ticket_id OPERATOR(pg_catalog.=) q.ticket_id"
	" JOIN oms.workflow AS w ON w.workflow_id OPERATOR(pg_catalog.=) t.workflow_id"
	" JOIN oms.workflow_stage AS d ON d.workflow_id OPERATOR(pg_catalog.=) t.workflow_id"
	" AND d.stage_no OPERATOR(pg_catalog.=) q.stage_no"
	" ORDER BY q.part, q.priority DESC, q.due_at NULLS LAST, q.ready_at, q.ticket_id, q.stage_no"
	" LIMIT $2",
	.nargs = 2,
	.types = {TEXTOID, INT8OID}
};

/*
 * Put the inbox of a worker into a tuplestore, in the columns of oms.my_work().
 */
void
oms_store_inbox(const char *worker, int qty, Tuplestorestate *rows)
{
	Datum		values[2] = {CStringGetTextDatum(worker), Int64GetDatum(qty)};
	uint64		count;

	SPI_connect();
	count = oms_sql(&select_inbox, values, NULL);
	for (uint64 i = 0; i < count; i++)
		tuplestore_puttuple(rows, SPI_tuptable->vals[i]);
	SPI_finish();
}
