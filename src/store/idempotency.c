/*
 * idempotency.c
 *		Keys under which a ticket can be opened only once, and how many a role has open.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "store/spi.h"
#include "store/store.h"

static OmsStatement insert_key = {
	.sql = "INSERT INTO oms.idempotency (key, ticket_id, workflow_id, request_hash)"
	" VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING",
	.nargs = 4,
	.types = {TEXTOID, OMS_TICKET_TYPE, INT4OID, INT8OID}
};

static OmsStatement select_key = {
	.sql = "SELECT ticket_id, workflow_id, request_hash FROM oms.idempotency"
	" WHERE key = $1",
	.nargs = 1,
	.types = {TEXTOID}
};

static OmsStatement count_open = {
	.sql = "SELECT count(*) FROM oms.ticket_state WHERE opened_by = $1"
	" AND status = ANY ('{o,h,f}'::\"char\"[])",
	.nargs = 1,
	.types = {TEXTOID}
};

/*
 * How many tickets a role has opened that are not closed.
 */
int64
oms_store_open_tickets(const char *role)
{
	Datum		values[1] = {CStringGetTextDatum(role)};
	bool		isnull;
	int64		count;

	SPI_connect();
	oms_sql_by_index(&count_open, values);
	count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return count;
}

/*
 * Keep a key for a ticket; false if another transaction had it first (it has committed by then).
 */
bool
oms_store_remember_key(const char *key, OmsTicketId ticket, int workflow_id, int64 hash)
{
	Datum		values[4] = {CStringGetTextDatum(key), TicketIdGetDatum(ticket),
	Int32GetDatum(workflow_id), Int64GetDatum(hash)};
	bool		inserted;

	SPI_connect();
	inserted = oms_sql(&insert_key, values, NULL) > 0;
	SPI_finish();
	return inserted;
}

/*
 * The ticket that was opened under a key; false if there is none.  *erased: the hash is gone.
 */
bool
oms_store_find_key(const char *key, OmsTicketId *ticket, int *workflow_id, int64 *hash,
				   bool *erased)
{
	Datum		values[1] = {CStringGetTextDatum(key)};
	bool		found;

	SPI_connect();
	found = oms_sql_by_index(&select_key, values) > 0;
	if (found)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		*ticket = DatumGetTicketId(SPI_getbinval(row, desc, 1, &isnull));
		*workflow_id = DatumGetInt32(SPI_getbinval(row, desc, 2, &isnull));
		*hash = DatumGetInt64(SPI_getbinval(row, desc, 3, &isnull));
		*erased = isnull;
	}
	SPI_finish();
	return found;
}
