/*
 * owner.c
 *		The registry of owners, who is away, and what holds mean.
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
#include "store/calendar.h"
#include "store/row.h"
#include "store/slot.h"
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

/*
 * An owner as rules see it.
 */
void
oms_store_owner(const char *name, OmsOwner *owner)
{
	OmsScan		scan;

	memset(owner, 0, sizeof(OmsOwner));
	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(name));
	oms_scan_begin(&scan, "owner", "owner_pkey", OWNER_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan))
	{
		owner->supervisor = oms_slot_text(scan.slot, OWNER_SUPERVISOR);
		owner->person = strcmp(oms_slot_text(scan.slot, OWNER_KIND), "person") == 0;
		owner->assigns = strcmp(oms_slot_text(scan.slot, OWNER_ASSIGNMENT), "none") != 0;
	}
	oms_scan_end(&scan);
}

/* ---- handing out ---- */

/*
 * The members of an owner, in the order in which they are to be asked.  The owner's row is locked
 * first, so that two who hand out at the same time do not both take the same one.  It comes after the
 * lock of the ticket; sessions that change several tickets of several owners in one transaction can
 * thus meet in a circle, which the server's deadlock check ends.
 */
static OmsStatement lock_owner = {
	.sql = "SELECT FROM oms.owner WHERE name OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE",
	.nargs = 1,
	.types = {TEXTOID}
};

static OmsStatement select_members = {
	.sql = "SELECT m.member FROM oms.owner_member AS m"
	" JOIN oms.owner AS o ON o.name OPERATOR(pg_catalog.=) m.owner"
	" WHERE m.owner OPERATOR(pg_catalog.=) $1"
	" ORDER BY CASE WHEN o.assignment OPERATOR(pg_catalog.=) 'least_loaded' THEN ("
	"SELECT pg_catalog.count(*) FROM oms.stage_state AS s"
	" WHERE s.worker OPERATOR(pg_catalog.=) m.member AND s.status IN ('p', 'h')) END"
	" USING OPERATOR(pg_catalog.<), m.last_assigned USING OPERATOR(pg_catalog.<) NULLS FIRST,"
	" m.member USING OPERATOR(pg_catalog.<)",
	.nargs = 1,
	.types = {TEXTOID}
};

static OmsStatement update_assigned = {
	.sql = "UPDATE oms.owner_member SET last_assigned = GREATEST($3, last_assigned"
	" OPERATOR(pg_catalog.+) '1 microsecond'::pg_catalog.interval)"
	" WHERE owner OPERATOR(pg_catalog.=) $1 AND member OPERATOR(pg_catalog.=) $2",
	.nargs = 3,
	.types = {TEXTOID, TEXTOID, TIMESTAMPTZOID}
};

/*
 * Is it a person whose own calendar is closed now?
 */
static bool
is_off_duty(const char *person, TimestampTz now)
{
	OmsScan		scan;
	const char *name = NULL;
	const OmsCalendar *calendar;

	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(person));
	oms_scan_begin(&scan, "owner", "owner_pkey", OWNER_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan))
		name = oms_slot_text(scan.slot, OWNER_CALENDAR);
	oms_scan_end(&scan);
	calendar = name == NULL ? NULL : oms_store_calendar(name);
	return calendar != NULL && !oms_calendar_is_open(calendar, now);
}

/*
 * Whom to ask in place of a member: the first of the stand-ins who is there; NULL: nobody.
 */
static const char *
who_is_there(const char *member, TimestampTz now)
{
	const char *delegate;

	for (int i = 0; i < 5 && member != NULL; i++)
	{
		if (!oms_store_is_away(member, now, &delegate))
			return member;
		member = delegate;
	}
	return NULL;
}

/*
 * Who may be given the work of an owner now, best first: by turns or by load, those whose own calendar
 * is closed last, and for those who are away whoever stands in.
 */
List *
oms_store_candidates(const char *owner, TimestampTz now)
{
	Datum		value = CStringGetTextDatum(owner);
	MemoryContext caller = CurrentMemoryContext;
	List	   *members = NIL;
	List	   *ready = NIL;
	List	   *off_duty = NIL;
	ListCell   *cell;
	uint64		count;

	SPI_connect();
	oms_sql(&lock_owner, &value, NULL);
	count = oms_sql(&select_members, &value, NULL);
	for (uint64 i = 0; i < count; i++)
	{
		char	   *name = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		MemoryContext old = MemoryContextSwitchTo(caller);

		members = lappend(members, pstrdup(name));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	foreach(cell, members)
	{
		const char *person = who_is_there(lfirst(cell), now);

		if (person == NULL)
			continue;
		if (is_off_duty(person, now))
			off_duty = lappend(off_duty, unconstify(char *, person));
		else
			ready = lappend(ready, unconstify(char *, person));
	}
	return list_concat(ready, off_duty);
}

/*
 * A member's turn is over.
 */
void
oms_store_was_assigned(const char *owner, const char *worker, TimestampTz now)
{
	Datum		values[3] = {CStringGetTextDatum(owner), CStringGetTextDatum(worker),
	TimestampTzGetDatum(now)};

	SPI_connect();
	oms_sql(&update_assigned, values, NULL);
	SPI_finish();
}

/* ---- absences ---- */

static OmsStatement delete_absence = {
	.sql = "DELETE FROM oms.absence WHERE person OPERATOR(pg_catalog.=) $1"
	" AND from_at OPERATOR(pg_catalog.<) $3 AND to_at OPERATOR(pg_catalog.>) $2",
	.nargs = 3,
	.types = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
};

static OmsStatement insert_absence = {
	.sql = "INSERT INTO oms.absence (person, from_at, to_at, delegate) VALUES ($1, $2, $3, $4)",
	.nargs = 4,
	.types = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID}
};

/*
 * Is a person away, and who stands in?  *delegate is NULL if nobody does.
 */
bool
oms_store_is_away(const char *person, TimestampTz now, const char **delegate)
{
	OmsScan		scan;
	bool		away = false;

	*delegate = NULL;
	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(person));
	oms_scan_begin(&scan, "absence", "absence_pkey", ABSENCE_COLUMNS, AccessShareLock);
	while (!away && oms_scan_next(&scan))
	{
		away = oms_slot_time(scan.slot, ABSENCE_FROM_AT) <= now &&
			oms_slot_time(scan.slot, ABSENCE_TO_AT) > now;
		if (away)
			*delegate = oms_slot_text(scan.slot, ABSENCE_DELEGATE);
	}
	oms_scan_end(&scan);
	return away;
}

/*
 * Note when a person is away, in place of every absence that this one overlaps.  to not later than
 * from: the person is there after all.
 */
void
oms_store_set_absence(const char *person, TimestampTz from, TimestampTz to, const char *delegate)
{
	Datum		values[4] = {CStringGetTextDatum(person), TimestampTzGetDatum(from), TimestampTzGetDatum(to),
	delegate == NULL ? (Datum) 0 : CStringGetTextDatum(delegate)};

	SPI_connect();
	oms_sql(&delete_absence, values, NULL);
	oms_sql(&insert_absence, values, delegate == NULL ? "   n" : NULL);
	SPI_finish();
}

/* ---- reasons ---- */

static OmsStatement upsert_hold_reason = {
	.sql = "INSERT INTO oms.hold_reason (code, stops_clock, waiting_on, max_per_ticket, public_label)"
	" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (code) DO UPDATE SET stops_clock = excluded.stops_clock,"
	" waiting_on = excluded.waiting_on, max_per_ticket = excluded.max_per_ticket,"
	" public_label = excluded.public_label",
	.nargs = 5,
	.types = {TEXTOID, BOOLOID, TEXTOID, INT4OID, TEXTOID}
};

/*
 * Look a reason up in the catalogue; false if it is not there.
 */
bool
oms_store_hold_reason(const char *code, OmsHoldReason *reason)
{
	OmsScan		scan;
	bool		found;

	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(code));
	oms_scan_begin(&scan, "hold_reason", "hold_reason_pkey", HOLD_REASON_COLUMNS, AccessShareLock);
	found = oms_scan_next(&scan);
	if (found)
	{
		reason->stops_clock = DatumGetBool(scan.slot->tts_values[HOLD_REASON_STOPS_CLOCK]);
		reason->waiting_on = oms_slot_text(scan.slot, HOLD_REASON_WAITING_ON);
		reason->max_per_ticket = scan.slot->tts_isnull[HOLD_REASON_MAX_PER_TICKET] ? 0
			: oms_slot_int(scan.slot, HOLD_REASON_MAX_PER_TICKET);
		reason->label = oms_slot_text(scan.slot, HOLD_REASON_PUBLIC_LABEL);
	}
	oms_scan_end(&scan);
	return found;
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

/*
 * Register or change a reason.
 */
void
oms_store_set_hold_reason(const char *code, const OmsHoldReason *reason)
{
	Datum		values[5];
	char		nulls[6] = "     ";

	put_text(&values[0], &nulls[0], code);
	values[1] = BoolGetDatum(reason->stops_clock);
	put_text(&values[2], &nulls[2], reason->waiting_on);
	values[3] = Int32GetDatum(reason->max_per_ticket);
	nulls[3] = reason->max_per_ticket == 0 ? 'n' : ' ';
	put_text(&values[4], &nulls[4], reason->label);

	SPI_connect();
	oms_sql(&upsert_hold_reason, values, nulls);
	SPI_finish();
}
