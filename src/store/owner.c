/*
 * owner.c
 *		The registry of owners.
 *
 * An owner need not be registered to be named in a workflow; one that is not counts as an agent
 * without members, for whom only staff can act.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "store/owner.h"
#include "store/row.h"
#include "store/spi.h"
#include "store/tables.h"

static OmsStatement upsert_owner = {
	.sql = "INSERT INTO oms.owner (name, kind, supervisor, calendar, assignment)"
	" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE SET kind = excluded.kind,"
	" supervisor = excluded.supervisor, calendar = excluded.calendar,"
	" assignment = excluded.assignment",
	.nargs = 5,
	.types = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

static OmsStatement delete_members = {
	.sql = "DELETE FROM oms.owner_member WHERE owner OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.types = {TEXTOID}
};

static OmsStatement insert_members = {
	.sql = "INSERT INTO oms.owner_member (owner, member)"
	" SELECT DISTINCT $1, m::pg_catalog.text FROM pg_catalog.unnest($2) AS m",
	.nargs = 2,
	.types = {TEXTOID, NAMEARRAYOID}
};

/*
 * The kind of an owner; one that is not registered is an agent.
 */
const char *
oms_store_owner_kind(const char *owner)
{
	OmsScan		scan;
	const char *kind = "agent";

	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(owner));
	oms_scan_begin(&scan, "owner", "owner_pkey", OWNER_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan))
		kind = TextDatumGetCString(scan.slot->tts_values[OWNER_KIND]);
	oms_scan_end(&scan);
	return kind;
}

static void
put_text(Datum *value, char *null, const char *text)
{
	*null = text == NULL ? 'n' : ' ';
	*value = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

/*
 * Register or change an owner.  members is an array of names of roles, checked by the caller.
 */
void
oms_store_set_owner(const char *name, const char *kind, const char *supervisor, const char *calendar,
					const char *assignment, Datum members)
{
	Datum		values[5];
	char		nulls[6] = "     ";
	Datum		rows[2];

	put_text(&values[0], &nulls[0], name);
	put_text(&values[1], &nulls[1], kind);
	put_text(&values[2], &nulls[2], supervisor);
	put_text(&values[3], &nulls[3], calendar);
	put_text(&values[4], &nulls[4], assignment);
	rows[0] = values[0];
	rows[1] = members;

	SPI_connect();
	oms_sql(&upsert_owner, values, nulls);
	oms_sql(&delete_members, values, NULL);
	oms_sql(&insert_members, rows, NULL);
	SPI_finish();
}
