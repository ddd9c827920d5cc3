/*
 * cron.c
 *		The job in pg_cron.
 *
 * pg_cron's own functions are called, so that its rules (who may schedule, what a schedule looks like)
 * hold; the job runs as the role that scheduled it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/builtins.h"

#include "store/cron.h"
#include "store/spi.h"

static OmsStatement schedule_job = {
	.sql = "SELECT cron.schedule($1, $2, $3)",
	.nargs = 3,
	.types = {TEXTOID, TEXTOID, TEXTOID},
	.as_caller = true
};

static OmsStatement find_job = {
	.sql = "SELECT 1 FROM cron.job WHERE jobname OPERATOR(pg_catalog.=) $1"
	" AND username OPERATOR(pg_catalog.=) CURRENT_USER",
	.nargs = 1,
	.types = {TEXTOID},
	.as_caller = true
};

static OmsStatement unschedule_job = {
	.sql = "SELECT cron.unschedule($1)",
	.nargs = 1,
	.types = {TEXTOID},
	.as_caller = true
};

static OmsStatement may_read_jobs = {
	.sql = "SELECT 1 WHERE pg_catalog.has_schema_privilege('cron', 'USAGE')"
	" AND pg_catalog.has_table_privilege('cron.job', 'SELECT')"
};

static OmsStatement find_ticks = {
	.sql = "SELECT 1 FROM cron.job WHERE active AND command OPERATOR(pg_catalog.~) 'oms[.]tick[(]'"
	" AND database OPERATOR(pg_catalog.=) pg_catalog.current_database()::pg_catalog.text LIMIT 1"
};

static void
require_cron(void)
{
	if (!OidIsValid(get_extension_oid("pg_cron", true)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_cron is not installed in this database"),
				 errhint("CREATE EXTENSION pg_cron in the database that cron.database_name names.")));
}

/*
 * Make or change a job; its number.
 */
int64
oms_store_schedule(const char *job, const char *schedule, const char *command)
{
	Datum		values[3] = {CStringGetTextDatum(job), CStringGetTextDatum(schedule),
	CStringGetTextDatum(command)};
	int64		number;
	bool		isnull;

	require_cron();
	SPI_connect();
	oms_sql(&schedule_job, values, NULL);
	number = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return number;
}

/*
 * Remove a job; false if there is none.
 */
bool
oms_store_unschedule(const char *job)
{
	Datum		values[1] = {CStringGetTextDatum(job)};
	bool		found;

	require_cron();
	SPI_connect();
	found = oms_sql(&find_job, values, NULL) > 0;
	if (found)
		oms_sql(&unschedule_job, values, NULL);
	SPI_finish();
	return found;
}

/*
 * Does a job of this database's pg_cron call tick() here?
 */
bool
oms_store_cron_ticks(void)
{
	bool		found;

	if (!OidIsValid(get_extension_oid("pg_cron", true)))
		return false;
	SPI_connect();
	found = oms_sql(&may_read_jobs, NULL, NULL) > 0 && oms_sql(&find_ticks, NULL, NULL) > 0;
	SPI_finish();
	return found;
}
