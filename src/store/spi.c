/*
 * spi.c
 *		The one way into SQL, for what is not on the hot path.
 *
 * Every statement is a constant with parameters, and is planned once per backend; again if the extension was
 * dropped and created meanwhile.  Statements run as the owner of the schema, for callers who have a right on
 * the function alone; what they may do has been checked by then.
 *
 * They are plain SQL: the search_path is pinned here, at the one door, so names of the server mean what
 * the server made, and only those of oms stand with their schema.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "errors.h"
#include "store/spi.h"

static void
prepare(OmsStatement *statement, Oid schema)
{
	Oid			types[OMS_STATEMENT_ARGS];

	if (statement->plan != NULL)
		SPI_freeplan(statement->plan);
	statement->plan = NULL;
	for (int i = 0; i < statement->nargs; i++)
		types[i] = statement->types[i] != OMS_TICKET_TYPE ? statement->types[i]
			: GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("ticket_id"),
							  ObjectIdGetDatum(schema));
	statement->plan = SPI_prepare_cursor(statement->sql, statement->nargs, types,
										 statement->plan_once ? CURSOR_OPT_GENERIC_PLAN : 0);
	if (statement->plan == NULL || SPI_keepplan(statement->plan) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not prepare a statement: %s", SPI_result_code_string(SPI_result))));
	statement->schema = schema;
}

/*
 * Change a setting until AtEOXact_GUC of a nest level that the caller opened with NewGUCNestLevel.
 */
void
oms_set_for_now(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/*
 * The owner of the schema oms: whoever created the extension.
 */
Oid
oms_schema_owner(void)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(get_namespace_oid("oms", false)));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return BOOTSTRAP_SUPERUSERID;
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * From here on names are the server's: on the search_path is nothing that anybody else has made, temporary
 * objects come last.  Ends with AtEOXact_GUC, or with the (sub)transaction.
 */
static int
pin_names(void)
{
	int			nest = NewGUCNestLevel();

	oms_set_for_now("search_path", "pg_catalog, pg_temp");
	return nest;
}

/*
 * Become the owner of the schema, with the search_path pinned.  On error the end of the (sub)transaction sets
 * both back.
 */
static int
become_owner(Oid *user, int *context)
{
	GetUserIdAndSecContext(user, context);
	SetUserIdAndSecContext(oms_schema_owner(), *context | SECURITY_LOCAL_USERID_CHANGE);
	return pin_names();
}

static void
become_caller(int nest, Oid user, int context)
{
	AtEOXact_GUC(true, nest);
	SetUserIdAndSecContext(user, context);
}

/*
 * Run a statement between SPI_connect and SPI_finish; the rows are in SPI_tuptable.  Returns how many
 * were returned or changed.  Always with a fresh snapshot.  One that is run as the caller may run in a database
 * without oms.
 */
uint64
oms_sql(OmsStatement *statement, Datum *values, const char *nulls)
{
	Oid			schema = get_namespace_oid("oms", statement->as_caller);
	Oid			user;
	int			context;
	int			nest;
	int			result;

	nest = statement->as_caller ? pin_names() : become_owner(&user, &context);
	if (statement->plan == NULL || statement->schema != schema)
		prepare(statement, schema);
	result = SPI_execute_plan(statement->plan, values, nulls, false, 0);
	if (statement->as_caller)
		AtEOXact_GUC(true, nest);
	else
		become_caller(nest, user, context);
	if (result < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not run a statement: %s", SPI_result_code_string(result))));
	return SPI_processed;
}

/*
 * The same for a page of a large table by its key: the way by the indexes is right, whatever the statistics
 * know of the newest rows.
 */
uint64
oms_sql_by_index(OmsStatement *statement, Datum *values)
{
	int			nest = NewGUCNestLevel();
	uint64		count;

	/* what is switched off counts as so expensive that all would be compiled */
	oms_set_for_now("jit", "off");
	oms_set_for_now("enable_seqscan", "off");
	oms_set_for_now("enable_bitmapscan", "off");
	oms_set_for_now("enable_hashjoin", "off");
	oms_set_for_now("enable_mergejoin", "off");
	count = oms_sql(statement, values, NULL);
	AtEOXact_GUC(true, nest);
	return count;
}

/*
 * The same for sets that are joined with each other.  Without statistics, as after a restore, the planner takes
 * them for small ones, and its other joins then compare each row with each.
 */
uint64
oms_sql_by_hash(OmsStatement *statement, Datum *values)
{
	int			nest = NewGUCNestLevel();
	uint64		count;

	oms_set_for_now("jit", "off");
	oms_set_for_now("enable_nestloop", "off");
	oms_set_for_now("enable_mergejoin", "off");
	oms_set_for_now("work_mem", "32MB");
	count = oms_sql(statement, values, NULL);
	AtEOXact_GUC(true, nest);
	return count;
}

/*
 * Open a cursor over the rows of a statement, between SPI_connect and SPI_finish, as the owner of the
 * schema and with a fresh snapshot.  The way by the indexes is taken, whether or not the statistics know
 * of the newest rows.
 */
Portal
oms_sql_open(OmsStatement *statement, Datum *values, const char *nulls)
{
	Oid			schema = get_namespace_oid("oms", false);
	Oid			user;
	int			context;
	int			nest = become_owner(&user, &context);
	Portal		portal;

	oms_set_for_now("enable_seqscan", "off");
	oms_set_for_now("jit", "off");
	if (statement->plan == NULL || statement->schema != schema)
		prepare(statement, schema);
	portal = SPI_cursor_open(NULL, statement->plan, values, nulls, false);
	become_caller(nest, user, context);
	return portal;
}

/*
 * Pass on each of the rows that a statement has returned, between SPI_connect and SPI_finish.
 */
void
oms_sql_report(uint64 count, OmsRowReport report, void *context)
{
	Datum		values[OMS_REPORT_COLUMNS];
	bool		nulls[OMS_REPORT_COLUMNS];

	Assert(SPI_tuptable->tupdesc->natts <= OMS_REPORT_COLUMNS);
	for (uint64 i = 0; i < count; i++)
	{
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		report(context, values, nulls);
	}
}

/*
 * The first row of a statement that was just run, between SPI_connect and SPI_finish.
 */
void
oms_sql_first_row(Datum *values, bool *nulls)
{
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values, nulls);
}

/*
 * Run a utility command as the owner of the schema, between SPI_connect and SPI_finish.  For commands
 * that cannot have parameters: the caller quotes the names in it.
 */
void
oms_sql_as_owner(const char *command)
{
	Oid			user;
	int			context;
	int			nest = become_owner(&user, &context);

	if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not run: %s", command)));
	become_caller(nest, user, context);
}

/* ---- procedures that commit ---- */

/*
 * A procedure that was not called inside a transaction block may commit.  Between these two calls,
 * oms_sql_commit ends the transaction and begins another, without a snapshot.
 */
void
oms_sql_begin_procedure(void)
{
	SPI_connect_ext(SPI_OPT_NONATOMIC);
}

void
oms_sql_commit(void)
{
	SPI_commit();
}

void
oms_sql_end_procedure(void)
{
	SPI_finish();
}
