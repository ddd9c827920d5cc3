/*
 * guards.c
 *		The state of the triggers that guard the tables.
 *
 * A data-only restore with --disable-triggers, and ALTER TABLE ... ENABLE TRIGGER ALL, leave guards as
 * ordinary triggers, which session_replication_role = replica switches off.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "store/guards.h"
#include "store/spi.h"

static OmsStatement select_weak = {
	.sql = "SELECT c.relname::pg_catalog.text, t.tgname::pg_catalog.text"
	" FROM pg_catalog.pg_trigger AS t"
	" JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid"
	" JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
	" WHERE n.nspname OPERATOR(pg_catalog.=) 'oms' AND c.relkind OPERATOR(pg_catalog.=) 'r'"
	" AND t.tgname OPERATOR(pg_catalog.~) '^guard'"
	" AND t.tgenabled OPERATOR(pg_catalog.<>) 'A'"
	" AND ($1 OPERATOR(pg_catalog.=) 0 OR c.oid OPERATOR(pg_catalog.=) $1)",
	.nargs = 1,
	.types = {OIDOID}
};

/*
 * Make the guards of a table (InvalidOid: of all tables) fire always again; how many did not.
 */
int
oms_store_repair_guards(Oid table)
{
	Datum		value = ObjectIdGetDatum(table);
	SPITupleTable *rows;
	uint64		count;

	SPI_connect();
	count = oms_sql(&select_weak, &value, NULL);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < count; i++)
	{
		char	   *name = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		char	   *trigger = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);

		/* both are names of ours, out of the catalog */
		oms_sql_as_owner(psprintf("ALTER TABLE oms.%s ENABLE ALWAYS TRIGGER %s",
								  quote_identifier(name), quote_identifier(trigger)));
	}
	SPI_finish();
	return (int) count;
}
