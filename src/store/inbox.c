/*
 * inbox.c
 *		What a worker has and may take.
 *
 * By the tables and not the views, so that the indexes of queues and workers serve it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "store/inbox.h"
#include "store/spi.h"
#include "store/store.h"

/* The worker itself, and the owners of which it is a member, by name or as a role that has a member's rights */
static OmsStatement select_owners = {
	.sql = "SELECT $1 UNION SELECT m.owner FROM oms.owner_member AS m"
	" LEFT JOIN pg_roles AS r ON r.rolname = m.member"
	" LEFT JOIN pg_roles AS w ON w.rolname = $1 AND NOT w.rolsuper"
	" WHERE m.member = $1 OR pg_has_role(w.oid, r.oid, 'USAGE')",
	.nargs = 1,
	.types = {TEXTOID}
};

static OmsStatement select_inbox = {
	.sql = "SELECT q.ticket_id, d.stage, oms.stage_status(q.status), q.owner, w.name, q.priority, d.label,"
	" q.queued_at, q.started_at, q.due_at, q.delegated_by"
	" FROM (SELECT 1 AS part, s.* FROM oms.stage_state AS s"
	" WHERE s.worker = $1 AND s.status IN ('p', 'h')"
	" UNION ALL"
	" SELECT 2, s.* FROM ROWS FROM (unnest($3), unnest($4)) AS o (ticket, stage_no)"
	" JOIN oms.stage_state AS s ON s.ticket_id = o.ticket::oms.ticket_id"
	" AND s.stage_no = o.stage_no) AS q"
	" JOIN oms.ticket_state AS t ON t.ticket_id = q.ticket_id"
	" JOIN oms.workflow AS w ON w.workflow_id = t.workflow_id"
	" JOIN oms.workflow_stage AS d ON d.workflow_id = t.workflow_id"
	" AND d.stage_no = q.stage_no"
	" ORDER BY q.part, q.priority DESC, q.due_at NULLS LAST, q.ready_at, q.ticket_id, q.stage_no"
	" LIMIT $2",
	.nargs = 4,
	.types = {TEXTOID, INT8OID, TEXTARRAYOID, INT2ARRAYOID}
};

/* What the worker could claim, of all its owners */
typedef struct Claimable
{
	ArrayBuildState *tickets;
	ArrayBuildState *stages;
	int			left;			/* of one owner */
} Claimable;

static bool
note_claimable(void *context, OmsTicketId ticket, int stage_no)
{
	Claimable  *claimable = context;
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	claimable->tickets = accumArrayResult(claimable->tickets,
										  CStringGetTextDatum(oms_ticket_id_to_text(ticket, number)), false,
										  TEXTOID, CurrentMemoryContext);
	claimable->stages = accumArrayResult(claimable->stages, Int16GetDatum(stage_no), false, INT2OID,
										 CurrentMemoryContext);
	return --claimable->left > 0;
}

/*
 * Look into the queues of all owners for whom the worker may work.
 */
static void
look_into_queues(const char *worker, TimestampTz now, int qty, Claimable *claimable)
{
	Datum		value = CStringGetTextDatum(worker);
	SPITupleTable *rows;
	uint64		count = oms_sql(&select_owners, &value, NULL);

	rows = SPI_tuptable;
	claimable->tickets = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	claimable->stages = initArrayResult(INT2OID, CurrentMemoryContext, false);
	for (uint64 i = 0; i < count; i++)
	{
		OmsLook		look = {
			.owner = SPI_getvalue(rows->vals[i], rows->tupdesc, 1),
			.worker = worker,
			.doer = {.role = worker, .in_person = true},
			.now = now,
			.locked_too = true
		};

		claimable->left = qty;
		oms_store_look(&look, note_claimable, claimable);
	}
}

/*
 * Put the inbox of a worker into a tuplestore, in the columns of oms.my_work().
 */
void
oms_store_inbox(const char *worker, TimestampTz now, int qty, Tuplestorestate *rows)
{
	Claimable	claimable;
	Datum		values[4] = {CStringGetTextDatum(worker), Int64GetDatum(qty)};
	uint64		count;

	SPI_connect();
	look_into_queues(worker, now, qty, &claimable);
	values[2] = makeArrayResult(claimable.tickets, CurrentMemoryContext);
	values[3] = makeArrayResult(claimable.stages, CurrentMemoryContext);
	count = oms_sql(&select_inbox, values, NULL);
	for (uint64 i = 0; i < count; i++)
		tuplestore_puttuple(rows, SPI_tuptable->vals[i]);
	SPI_finish();
}
