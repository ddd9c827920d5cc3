/*
 * cells.c
 *		What a front asks a cell in SQL.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "store/cells.h"
#include "store/spi.h"

static OmsStatement claim_at = {
	.sql = "SELECT * FROM oms_internal.claim_at($1, $2, $3, $4, $5)",
	.nargs = 5,
	.types = {INT4OID, TEXTOID, TEXTOID, INT4OID, INTERVALOID},
	.as_caller = true
};

/*
 * claim() at one cell: its number, then the arguments.  Adds the rows, and returns how many there were.
 */
int
oms_store_claim_at(Datum *values, const char *nulls, Tuplestorestate *rows)
{
	int			count;

	SPI_connect();
	count = oms_sql(&claim_at, values, nulls);
	for (int i = 0; i < count; i++)
		tuplestore_puttuple(rows, SPI_tuptable->vals[i]);
	SPI_finish();
	return count;
}
