/*
 * calendar.c
 *		Calendars: storing versions, and the compiled ones that a backend keeps.
 *
 * As with workflows, a version never changes: what was compiled once stays right for as long as its
 * table lives.  Which version is current is looked up each time.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/calendar.h"
#include "store/numbers.h"
#include "store/row.h"
#include "store/spi.h"

/* The order is that of oms--1.0.sql */
typedef enum CalendarColumn
{
	CALENDAR_ID,
	CALENDAR_NAME,
	CALENDAR_VERSION,
	CALENDAR_DEFINITION,
	CALENDAR_CURRENT,
	CALENDAR_CREATED_BY,
	CALENDAR_CREATED_AT,
	CALENDAR_LEFT_BY,
	CALENDAR_COLUMNS
} CalendarColumn;

typedef struct CachedCalendar
{
	int			calendar_id;
	OmsCalendar *calendar;
} CachedCalendar;

static HTAB *calendars = NULL;
static MemoryContext calendar_context = NULL;
static Oid	calendars_table = InvalidOid;	/* the table that they were read from */

static OmsStatement lock_calendars = {
	.sql = "LOCK TABLE oms.calendar IN SHARE ROW EXCLUSIVE MODE"
};

static OmsStatement select_same = {
	.sql = "SELECT version, definition = $2 FROM oms.calendar"
	" WHERE name = $1 AND current",
	.nargs = 2,
	.types = {TEXTOID, JSONBOID}
};

static OmsStatement unset_current = {
	.sql = "UPDATE oms.calendar SET current = false, left_by ="
	" pg_current_xact_id()::text::int8"
	" WHERE name = $1 AND current",
	.nargs = 1,
	.types = {TEXTOID}
};

static OmsStatement insert_calendar = {
	.sql = "INSERT INTO oms.calendar (name, version, definition, created_by, created_at)"
	" VALUES ($1, $2, $3, $4, $5)",
	.nargs = 5,
	.types = {TEXTOID, INT4OID, JSONBOID, TEXTOID, TIMESTAMPTZOID}
};

/* ---- the cache ---- */

static void
prepare_cache(void)
{
	Oid			table = oms_relation_oid("calendar");
	HASHCTL		control = {.keysize = sizeof(int), .entrysize = sizeof(CachedCalendar)};

	if (calendars != NULL && calendars_table == table)
		return;
	if (calendar_context != NULL)
		MemoryContextDelete(calendar_context);
	calendars = NULL;
	calendar_context = AllocSetContextCreate(CacheMemoryContext, "oms calendars",
											 ALLOCSET_DEFAULT_SIZES);
	control.hcxt = calendar_context;
	calendars = hash_create("oms calendars", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	calendars_table = table;
}

/*
 * Compile a row of the table in a context of its own.
 */
static OmsCalendar *
compile_row(TupleTableSlot *slot)
{
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "oms calendar",
											  ALLOCSET_SMALL_SIZES);
	Jsonb	   *definition = DatumGetJsonbP(slot->tts_values[CALENDAR_DEFINITION]);
	MemoryContext old = MemoryContextSwitchTo(own);
	OmsCalendar *calendar = oms_calendar_compile_stored(definition);

	calendar->calendar_id = DatumGetInt32(slot->tts_values[CALENDAR_ID]);
	calendar->version = DatumGetInt32(slot->tts_values[CALENDAR_VERSION]);
	calendar->name = TextDatumGetCString(slot->tts_values[CALENDAR_NAME]);
	MemoryContextSwitchTo(old);
	return calendar;
}

/*
 * Read and compile a stored calendar.
 */
static OmsCalendar *
compile_stored(int calendar_id)
{
	OmsCalendar *calendar = NULL;
	OmsScan		scan;

	scan.nkeys = 0;
	oms_scan_key(&scan, int4eq, InvalidOid, Int32GetDatum(calendar_id));
	oms_scan_begin(&scan, "calendar", "calendar_pkey", CALENDAR_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan))
		calendar = compile_row(scan.slot);
	oms_scan_end(&scan);
	if (calendar == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("calendar number %d is missing", calendar_id)));
	return calendar;
}

const OmsCalendar *
oms_store_calendar_by_id(int calendar_id)
{
	CachedCalendar *entry;
	OmsCalendar *calendar;

	prepare_cache();
	entry = hash_search(calendars, &calendar_id, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->calendar;
	/* entered only when whole, so that an error in between leaves nothing behind */
	calendar = compile_stored(calendar_id);
	/* the server may get what this one lacks */
	if (calendar->problem != NULL)
		return calendar;
	MemoryContextSetParent(GetMemoryChunkContext(calendar), calendar_context);
	entry = hash_search(calendars, &calendar_id, HASH_ENTER, NULL);
	entry->calendar = calendar;
	return calendar;
}

const OmsCalendar *
oms_store_calendar(const char *name)
{
	OmsScan		scan;
	int			calendar_id = 0;

	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(name));
	oms_scan_begin(&scan, "calendar", "calendar_current", CALENDAR_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan))
		calendar_id = DatumGetInt32(scan.slot->tts_values[CALENDAR_ID]);
	oms_scan_end(&scan);
	return calendar_id == 0 ? NULL : oms_store_calendar_by_id(calendar_id);
}

List *
oms_store_current_calendars(void)
{
	OmsScan		scan;
	List	   *numbers = NIL;
	ListCell   *cell;

	scan.nkeys = 0;
	oms_scan_begin(&scan, "calendar", "calendar_current", CALENDAR_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
		numbers = lappend_int(numbers, DatumGetInt32(scan.slot->tts_values[CALENDAR_ID]));
	oms_scan_end(&scan);
	foreach(cell, numbers)
		lfirst(cell) = unconstify(OmsCalendar *, oms_store_calendar_by_id(lfirst_int(cell)));
	return numbers;
}

const OmsCalendar *
oms_store_next_calendar(const OmsCalendar *calendar, TimestampTz *since)
{
	OmsScan		scan;
	int			calendar_id = 0;

	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(calendar->name));
	oms_scan_key(&scan, int4eq, InvalidOid, Int32GetDatum(calendar->version + 1));
	oms_scan_begin(&scan, "calendar", "calendar_name_version_key", CALENDAR_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan))
	{
		calendar_id = DatumGetInt32(scan.slot->tts_values[CALENDAR_ID]);
		*since = DatumGetTimestampTz(scan.slot->tts_values[CALENDAR_CREATED_AT]);
	}
	oms_scan_end(&scan);
	return calendar_id == 0 ? NULL : oms_store_calendar_by_id(calendar_id);
}

/* ---- storing ---- */

/*
 * Store a checked definition, unless it is the current one of that name.  Returns the version that
 * is current then.
 */
int
oms_store_create_calendar(const char *name, Jsonb *definition, const char *actor, TimestampTz now)
{
	Datum		values[5] = {CStringGetTextDatum(name), JsonbPGetDatum(definition)};
	int			version = 0;
	bool		same = false;
	bool		isnull;

	SPI_connect();
	/* one at a time: the next number must not be given out twice */
	oms_sql(&lock_calendars, NULL, NULL);
	if (oms_sql(&select_same, values, NULL) > 0)
	{
		version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
											  &isnull));
		same = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2,
										  &isnull));
	}
	if (!same)
	{
		values[1] = Int32GetDatum(++version);
		values[2] = JsonbPGetDatum(definition);
		values[3] = CStringGetTextDatum(actor);
		values[4] = TimestampTzGetDatum(now);
		oms_sql(&unset_current, values, NULL);
		oms_store_move_ahead(OMS_NUMBER_CALENDAR);
		oms_sql(&insert_calendar, values, NULL);
	}
	SPI_finish();
	return version;
}
