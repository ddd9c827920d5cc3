/*
 * metrics.c
 *		What metrics and health ask the tables.
 *
 * The one thing that takes time with many open tickets is counting them, by the indexes that hold only
 * open work; worker/kept_metrics.c keeps the result.  Everything else looks at one entry of an index, or at the
 * catalogs.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "store/calendar.h"
#include "store/line.h"
#include "store/message.h"
#include "store/metrics.h"
#include "store/numbers.h"
#include "store/row.h"
#include "store/spi.h"
#include "store/store.h"
#include "store/tables.h"

const char *const oms_counted_tables[OMS_COUNTED_TABLES_COUNT] = {OMS_COUNTED_TABLES};

static OmsStatement select_open = {
	.sql = "SELECT owner, queued, in_progress, on_hold, failed, overdue, oldest, awaiting FROM oms.queue"
	" ORDER BY queued + in_progress + on_hold"
	" + failed + awaiting DESC, owner"
};

static OmsStatement select_size = {
	.sql = "SELECT CASE WHEN $1 = 0::oid THEN pg_database_size($2)"
	" ELSE pg_total_relation_size($1::regclass) END",
	.nargs = 2,
	.types = {OIDOID, OIDOID}
};

static OmsStatement count_guard_problems = {
	.sql = "SELECT count(*) FROM oms_internal.check_guards"
};

/* By the server's catalogs alone: views of ours can be read while they have the owner that they should have */
static OmsStatement select_given_away = {
	.sql = "SELECT min(o.what), min(mine.rolname::text)"
	" FROM pg_extension AS x"
	" JOIN pg_roles AS mine ON mine.oid = x.extowner"
	" CROSS JOIN (SELECT format('schema %I', n.nspname) AS what, n.nspowner AS owner FROM pg_namespace AS n"
	" WHERE n.nspname IN ('oms', 'oms_internal')"
	" UNION ALL"
	" SELECT format('%I.%I', n.nspname, c.relname), c.relowner FROM pg_class AS c"
	" JOIN pg_namespace AS n ON n.oid = c.relnamespace"
	" JOIN pg_depend AS d ON d.objid = c.oid"
	" AND d.classid = 'pg_class'::regclass"
	" AND d.refclassid = 'pg_extension'::regclass"
	" AND d.deptype = 'e'"
	" WHERE n.nspname IN ('oms', 'oms_internal')) AS o"
	" JOIN pg_roles AS theirs ON theirs.oid = o.owner"
	" WHERE x.extname = 'oms' AND o.owner <> x.extowner"
	" AND NOT (theirs.rolsuper AND mine.rolsuper)"
};

static OmsStatement select_prepared = {
	.sql = "SELECT min(p.prepared) FROM pg_prepared_xacts AS p"
	" JOIN pg_database AS d ON d.datname = p.database"
	" WHERE d.oid = $1",
	.nargs = 1,
	.types = {OIDOID}
};

/*
 * Who holds the oldest snapshot that keeps dead rows of this database: a session, a transaction that is prepared,
 * a standby by its feedback, or a replication slot.
 */
static OmsStatement select_oldest_snapshot = {
	.sql = "SELECT h.holder, h.name, h.held, COALESCE(h.pid, 0) FROM ("
	" SELECT CASE WHEN a.backend_type = 'walsender' THEN 'standby' ELSE 'session' END AS holder,"
	" a.application_name AS name, a.pid,"
	" GREATEST(age(a.backend_xmin), age(a.backend_xid)) AS held"
	" FROM pg_stat_activity AS a"
	" WHERE a.pid <> pg_backend_pid()"
	" AND (a.datid = $1 OR a.backend_type = 'walsender')"
	" UNION ALL"
	" SELECT 'prepared', p.gid, NULL, age(p.transaction) FROM pg_prepared_xacts AS p"
	" JOIN pg_database AS d ON d.datname = p.database"
	" WHERE d.oid = $1"
	" UNION ALL"
	" SELECT 'slot', r.slot_name, NULL, age(r.xmin) FROM pg_replication_slots AS r"
	") AS h WHERE h.held IS NOT NULL"
	" ORDER BY h.held DESC, h.holder,"
	" h.name LIMIT 1",
	.nargs = 1,
	.types = {OIDOID}
};

static OmsStatement select_last_seal = {
	.sql = "SELECT sealed_at FROM oms.seals ORDER BY number DESC LIMIT 1"
};

/* ---- what is counted ---- */

static Datum
column(uint64 row, int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

/*
 * Add a row of the counts to those of an owner.
 */
static void
add_owner(OmsOpenOwner *owner, uint64 row)
{
	bool		isnull;
	Datum		oldest = column(row, 7, &isnull);

	if (!isnull)
		owner->oldest = Min(owner->oldest, DatumGetTimestampTz(oldest));
	owner->queued += DatumGetInt64(column(row, 2, &isnull));
	owner->in_progress += DatumGetInt64(column(row, 3, &isnull));
	owner->on_hold += DatumGetInt64(column(row, 4, &isnull));
	owner->failed += DatumGetInt64(column(row, 5, &isnull));
	owner->overdue += DatumGetInt64(column(row, 6, &isnull));
	owner->awaiting += DatumGetInt64(column(row, 8, &isnull));
}

static void
count_owners(OmsOpenWork *work)
{
	uint64		count = oms_sql(&select_open, NULL, NULL);

	work->nowners = 0;
	for (uint64 row = 0; row < count; row++)
	{
		OmsOpenOwner *owner = &work->owners[Min(row, OMS_METRIC_OWNERS)];

		CHECK_FOR_INTERRUPTS();
		if (row <= OMS_METRIC_OWNERS)
		{
			memset(owner, 0, sizeof(OmsOpenOwner));
			owner->oldest = DT_NOEND;
			work->nowners++;
		}
		if (row < OMS_METRIC_OWNERS)
		{
			char	   *name = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1);

			strlcpy(owner->owner, name, sizeof(owner->owner));
			pfree(name);
		}
		add_owner(owner, row);
	}
}

/* Bytes of a table with its indexes; InvalidOid: of the database */
static int64
size_of(Oid table)
{
	Datum		values[2] = {ObjectIdGetDatum(table), ObjectIdGetDatum(MyDatabaseId)};
	int64		bytes = 0;
	bool		isnull;

	if (oms_sql(&select_size, values, NULL) > 0)
		bytes = DatumGetInt64(column(0, 1, &isnull));
	return bytes;
}

/*
 * Count the open work and look at the sizes, in one process and without compiling the query: the
 * server has better things to do.  The caller sets counted_at and took.
 */
void
oms_store_count_open(OmsOpenWork *work)
{
	int			nest = NewGUCNestLevel();

	oms_set_for_now("jit", "off");
	oms_set_for_now("max_parallel_workers_per_gather", "0");
	SPI_connect();
	count_owners(work);
	work->messages = oms_store_kept_messages();
	oms_store_count_ticket_numbers(&work->numbers, &work->numbers_left);
	work->database_bytes = size_of(InvalidOid);
	for (int i = 0; i < OMS_COUNTED_TABLES_COUNT; i++)
		work->table_bytes[i] = size_of(oms_relation_oid(oms_counted_tables[i]));
	SPI_finish();
	AtEOXact_GUC(true, nest);
}

/* ---- what is looked up ---- */

/*
 * Can the tables that health looks at be read without waiting?  They are locked then, as by a query.
 */
bool
oms_store_try_tables(void)
{
	static const char *const relations[] = {"home", "home_pkey", "stage_state", "stage_state_timer",
		"ticket_state", "ticket_state_pkey", "ticket_state_archive", "ticket_state_archive_pkey", "ticket_number",
		"number_range", "number_range_pkey",
		"workflow", "workflow_pkey", "workflow_number", "calendar", "calendar_current", "calendar_pkey",
	"calendar_number", "owner_member", "owner_member_pkey", "cron_state", "cron_state_pkey"};

	for (int i = 0; i < (int) lengthof(relations); i++)
		if (!ConditionalLockRelationOid(oms_relation_oid(relations[i]), AccessShareLock))
			return false;
	return true;
}

/*
 * The first timer that "skip" does not say yes to; DT_NOEND if there is none.
 */
TimestampTz
oms_store_first_timer(bool (*skip) (void *context, OmsTicketId ticket, int stage), void *context)
{
	OmsLine		line;
	TimestampTz first = DT_NOEND;

	oms_line_begin_timers(&line, DT_NOBEGIN, AccessShareLock);
	while (first == DT_NOEND && oms_line_next(&line))
		if (!skip(context, DatumGetTicketId(line.scan.slot->tts_values[STAGE_TICKET_ID]),
				  DatumGetInt16(line.scan.slot->tts_values[STAGE_NO])))
			first = DatumGetTimestampTz(line.scan.slot->tts_values[STAGE_TIMER_AT]);
	oms_line_end(&line);
	return first;
}

/*
 * Does a clock run by this version of a calendar?  Walks all timers if none does.
 */
bool
oms_store_clock_runs_by(const OmsCalendar *calendar)
{
	OmsScan		scan;
	bool		found = false;

	scan.nkeys = 0;
	oms_scan_begin(&scan, "stage_state", "stage_state_timer", STAGE_COLUMNS, AccessShareLock);
	while (!found && oms_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		found = DatumGetInt32(scan.slot->tts_values[STAGE_CALENDAR_ID]) == calendar->calendar_id &&
			!scan.slot->tts_isnull[STAGE_RUNNING_SINCE];
	}
	oms_scan_end(&scan);
	return found;
}

/*
 * The calendar and the ticket of a clock that runs without a due time; NULL if there is none.  One that
 * has other timers before is found when those are over.
 */
const OmsCalendar *
oms_store_endless_clock(OmsTicketId *ticket)
{
	OmsScan		scan;
	int			calendar_id = 0;

	scan.nkeys = 0;
	oms_scan_key_after(&scan, timestamp_gt, TimestampTzGetDatum(END_TIMESTAMP - 1));
	oms_scan_begin(&scan, "stage_state", "stage_state_timer", STAGE_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan))
	{
		calendar_id = DatumGetInt32(scan.slot->tts_values[STAGE_CALENDAR_ID]);
		*ticket = DatumGetTicketId(scan.slot->tts_values[STAGE_TICKET_ID]);
	}
	oms_scan_end(&scan);
	return calendar_id == 0 ? NULL : oms_store_calendar_by_id(calendar_id);
}

/*
 * The one value of a statement without rows of tickets; isnull also if it has no row.
 */
static Datum
one_value(OmsStatement *statement, Datum *values, bool *isnull)
{
	Datum		result = (Datum) 0;

	*isnull = true;
	SPI_connect();
	if (oms_sql(statement, values, NULL) > 0)
		result = column(0, 1, isnull);
	SPI_finish();
	return result;
}

/*
 * What is wrong with triggers, rules and tables, by the catalogs alone.
 */
int
oms_store_guard_problems(void)
{
	bool		isnull;

	return (int) DatumGetInt64(one_value(&count_guard_problems, NULL, &isnull));
}

/*
 * What of ours does not belong to the owner of the extension, and who that is, in the caller's memory context; NULL:
 * all does.  Superusers may stand for each other.
 */
char *
oms_store_given_away(char **owner)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *what = NULL;
	bool		isnull;

	SPI_connect();
	oms_sql(&select_given_away, NULL, NULL);
	(void) column(0, 1, &isnull);
	if (!isnull)
	{
		what = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
		*owner = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2));
	}
	SPI_finish();
	return what;
}

/*
 * When the oldest transaction of this database that is prepared and not over was prepared; DT_NOEND: there
 * is none.
 */
TimestampTz
oms_store_oldest_prepared(void)
{
	Datum		database = ObjectIdGetDatum(MyDatabaseId);
	bool		isnull;
	Datum		at = one_value(&select_prepared, &database, &isnull);

	return isnull ? DT_NOEND : DatumGetTimestampTz(at);
}

/*
 * Who holds the oldest snapshot on this database, and since how many transactions; false: nobody does.
 */
bool
oms_store_oldest_snapshot(OmsOldSnapshot *snapshot)
{
	Datum		database = ObjectIdGetDatum(MyDatabaseId);
	bool		isnull;
	bool		found;

	memset(snapshot, 0, sizeof(*snapshot));
	SPI_connect();
	found = oms_sql(&select_oldest_snapshot, &database, NULL) > 0;
	if (found)
	{
		strlcpy(snapshot->holder, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1),
				sizeof(snapshot->holder));
		strlcpy(snapshot->name, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2),
				sizeof(snapshot->name));
		snapshot->transactions = DatumGetInt32(column(0, 3, &isnull));
		snapshot->pid = DatumGetInt32(column(0, 4, &isnull));
	}
	SPI_finish();
	return found;
}

/*
 * When the last seal was made; DT_NOEND: there is none.
 */
TimestampTz
oms_store_last_seal(void)
{
	bool		isnull;
	Datum		at = one_value(&select_last_seal, NULL, &isnull);

	return isnull ? DT_NOEND : DatumGetTimestampTz(at);
}
