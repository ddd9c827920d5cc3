/*
 * cron.c
 *		The jobs in pg_cron.
 *
 * pg_cron's own functions are called, so that its rules (who may schedule, what a schedule looks like)
 * hold; the jobs run as the role that scheduled them.
 *
 * pg_cron is in one database of a server.  In another one its functions cannot be called, so a process of a
 * moment does it there (errand.c), and oms.cron_state notes where the jobs are.  Names of jobs are common to all databases
 * of a role, so those bear the name of the database.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "store/cron.h"
#include "store/spi.h"

static OmsStatement schedule_job = {
	.sql = "SELECT cron.schedule($1, $2, $3)",
	.nargs = 3,
	.types = {TEXTOID, TEXTOID, TEXTOID},
	.as_caller = true
};

static OmsStatement schedule_in_database = {
	.sql = "SELECT cron.schedule_in_database($1, $2, $3, $4)",
	.nargs = 4,
	.types = {TEXTOID, TEXTOID, TEXTOID, TEXTOID},
	.as_caller = true
};

static OmsStatement find_job = {
	.sql = "SELECT 1 FROM cron.job WHERE jobname = $1"
	" AND username = CURRENT_USER",
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
	.sql = "SELECT 1 WHERE has_schema_privilege('cron', 'USAGE')"
	" AND has_table_privilege('cron.job', 'SELECT')"
};

static OmsStatement find_ticks = {
	.sql = "SELECT 1 FROM cron.job WHERE active AND command ~ 'oms[.]tick[(]'"
	" AND database = current_database()::text LIMIT 1"
};

/* A copy of this database has no jobs */
static OmsStatement find_note = {
	.sql = "SELECT 1 FROM oms.cron_state WHERE of_database = $1"
	" AND cron_database = $2",
	.nargs = 2,
	.types = {OIDOID, OIDOID}
};

static OmsStatement delete_note = {
	.sql = "DELETE FROM oms.cron_state WHERE role_id = $1 OR of_database <> $2",
	.nargs = 2,
	.types = {OIDOID, OIDOID}
};

static OmsStatement insert_note = {
	.sql = "INSERT INTO oms.cron_state (role_id, of_database, cron_database) VALUES ($1, $2, $3)",
	.nargs = 3,
	.types = {OIDOID, OIDOID, OIDOID}
};

/* The last one fires timers */
static const struct
{
	const char *name;
	const char *schedule;		/* NULL: as it is ordered */
	const char *command;
}			jobs[] =
{
	{"oms seal", "7 * * * *", "SELECT oms.seal()"},
	{"oms roll up", "*/5 * * * *", "SELECT oms.roll_up()"},
	{"oms archive", "2-59/5 * * * *", "SELECT oms.archive()"},
	{"oms tick", NULL, "SELECT oms.tick()"}
};

/*
 * The other database from which pg_cron runs its jobs; InvalidOid: it is here, or nowhere.
 */
static Oid
other_cron(void)
{
	const char *name = GetConfigOption("cron.database_name", true, false);
	Oid			database = name == NULL ? InvalidOid : get_database_oid(name, true);

	return database == MyDatabaseId || OidIsValid(get_extension_oid("pg_cron", true)) ? InvalidOid : database;
}

static void
pg_cron_is_missing(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("pg_cron is not installed in database \"%s\"", get_database_name(MyDatabaseId)),
			 errhint("CREATE EXTENSION pg_cron in the database that cron.database_name names.")));
}

/*
 * The database in which jobs are to be ordered; InvalidOid: this one.
 */
Oid
oms_store_cron_database(void)
{
	Oid			database = other_cron();

	if (!OidIsValid(database) && !OidIsValid(get_extension_oid("pg_cron", true)))
		pg_cron_is_missing();
	return database;
}

/*
 * What a job is called: by its name, and if it is another database's by that too.
 */
static Datum
job_name(const OmsCronOrder *order, int job)
{
	return CStringGetTextDatum(order->database[0] == '\0' ? jobs[job].name
							   : psprintf("%s in %s", jobs[job].name, order->database));
}

/*
 * Make or change a job; its number.
 */
static int64
schedule(const OmsCronOrder *order, int job)
{
	Datum		values[4] = {job_name(order, job),
		CStringGetTextDatum(jobs[job].schedule == NULL ? order->schedule : jobs[job].schedule),
	CStringGetTextDatum(jobs[job].command), CStringGetTextDatum(order->database)};
	bool		isnull;

	oms_sql(order->database[0] == '\0' ? &schedule_job : &schedule_in_database, values, NULL);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/*
 * Remove a job; false if there is none.
 */
static bool
unschedule(const OmsCronOrder *order, int job)
{
	Datum		values[1] = {job_name(order, job)};

	if (oms_sql(&find_job, values, NULL) == 0)
		return false;
	oms_sql(&unschedule_job, values, NULL);
	return true;
}

/*
 * Do what is ordered in the present database, as the present role.  Extension oms need not be there.
 */
void
oms_store_order_cron(OmsCronOrder *order)
{
	if (!OidIsValid(get_extension_oid("pg_cron", true)))
		pg_cron_is_missing();
	SPI_connect();
	for (int i = 0; i < (int) lengthof(jobs); i++)
		if (order->enable)
			order->number = schedule(order, i);
		else
			order->found = unschedule(order, i);
	SPI_finish();
}

/*
 * Note that the jobs of the present role for this database are in another one; InvalidOid: that they are not.
 */
void
oms_store_note_cron(Oid database)
{
	Datum		values[3] = {ObjectIdGetDatum(GetUserId()), ObjectIdGetDatum(MyDatabaseId),
	ObjectIdGetDatum(database)};

	SPI_connect();
	oms_sql(&delete_note, values, NULL);
	if (OidIsValid(database))
		oms_sql(&insert_note, values, NULL);
	SPI_finish();
}

/*
 * Does a job of pg_cron call tick() here, as far as can be seen from here?
 */
bool
oms_store_cron_ticks(void)
{
	Oid			other = other_cron();
	Datum		values[2] = {ObjectIdGetDatum(MyDatabaseId), ObjectIdGetDatum(other)};
	bool		found;

	if (!OidIsValid(other) && !OidIsValid(get_extension_oid("pg_cron", true)))
		return false;
	SPI_connect();
	if (OidIsValid(other))
		found = oms_sql(&find_note, values, NULL) > 0;
	else
		found = oms_sql(&may_read_jobs, NULL, NULL) > 0 && oms_sql(&find_ticks, NULL, NULL) > 0;
	SPI_finish();
	return found;
}
