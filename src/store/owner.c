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
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "nodes/value.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "compat.h"
#include "store/access.h"
#include "store/calendar.h"
#include "store/owner.h"
#include "store/row.h"
#include "store/slot.h"
#include "store/spi.h"
#include "store/tables.h"

/* What is NULL keeps what is there; an empty supervisor or calendar takes it away */
static OmsStatement upsert_owner = {
	.sql = "INSERT INTO oms.owner AS o (name, kind, supervisor, calendar, assignment)"
	" VALUES ($1, COALESCE($2, 'agent'), NULLIF($3, ''), NULLIF($4, ''), COALESCE($5, 'none'))"
	" ON CONFLICT (name) DO UPDATE SET kind = COALESCE($2, o.kind),"
	" supervisor = NULLIF(COALESCE($3, o.supervisor), ''), calendar = NULLIF(COALESCE($4, o.calendar), ''),"
	" assignment = COALESCE($5, o.assignment)",
	.nargs = 5,
	.types = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

static OmsStatement delete_members = {
	.sql = "DELETE FROM oms.owner_member WHERE owner = $1"
	" AND member <> ALL ($2::text[])",
	.nargs = 2,
	.types = {TEXTOID, NAMEARRAYOID}
};

/* Who stays keeps its turn */
static OmsStatement insert_members = {
	.sql = "INSERT INTO oms.owner_member (owner, member)"
	" SELECT DISTINCT $1, m::text FROM unnest($2) AS m ON CONFLICT DO NOTHING",
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

/*
 * Is it an owner with members, and not one person?
 */
bool
oms_store_is_group(const char *name)
{
	OmsScan		scan;
	OmsOwner	owner;
	bool		found;

	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(name));
	oms_scan_begin(&scan, "owner_member", "owner_member_pkey", OWNER_MEMBER_COLUMNS, AccessShareLock);
	found = oms_scan_next(&scan);
	oms_scan_end(&scan);
	if (found)
		oms_store_owner(name, &owner);
	return found && !owner.person;
}

/* ---- handing out ---- */

/*
 * Nothing here waits for another session: whoever hands out has locked a ticket, and one that waits with
 * that could meet another in a circle.  A member whose row is locked is just being given work; the next
 * one is taken then.
 */
static OmsStatement select_members = {
	.sql = "SELECT m.member, m.last_assigned, o.assignment = 'least_loaded'"
	" FROM oms.owner_member AS m JOIN oms.owner AS o ON o.name = m.owner"
	" WHERE m.owner = $1",
	.nargs = 1,
	.types = {TEXTOID}
};

static OmsStatement select_load = {
	.sql = "SELECT count(*) FROM oms.stage_state"
	" WHERE worker = $1 AND status IN ('p', 'h')",
	.nargs = 1,
	.types = {TEXTOID}
};

/* The turn is the member's only if nobody else has had it since the members were read */
static OmsStatement update_turn = {
	.sql = "UPDATE oms.owner_member AS m SET last_assigned = GREATEST($3, m.last_assigned"
	" + '1 microsecond'::interval)"
	" FROM (SELECT owner, member FROM oms.owner_member WHERE owner = $1"
	" AND member = $2 AND last_assigned IS NOT DISTINCT FROM $4"
	" FOR NO KEY UPDATE SKIP LOCKED) AS mine"
	" WHERE m.owner = mine.owner AND m.member = mine.member",
	.nargs = 4,
	.types = {TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
};

/* Who was given work that is not in the tables yet; forgotten when it is, or with the transaction */
static List *given = NIL;
static LocalTransactionId given_in = InvalidLocalTransactionId;

static List *
given_now(void)
{
	if (given_in != oms_local_xid())
		given = NIL;
	given_in = oms_local_xid();
	return given;
}

/*
 * What was given is in the tables now.
 */
void
oms_store_given_written(void)
{
	given = NIL;
}

static int64
load_of(const char *person)
{
	Datum		value = CStringGetTextDatum(person);
	int64		load = 0;
	bool		isnull;
	ListCell   *cell;

	if (oms_sql_by_index(&select_load, &value) > 0)
		load = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	foreach(cell, given_now())
		load += strcmp(lfirst(cell), person) == 0;
	return load;
}

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
 * Whom to ask in place of a person: the first of the stand-ins who is there; NULL: nobody.
 */
static const char *
who_is_there(const char *person, TimestampTz now)
{
	const char *delegate;

	for (int i = 0; i < OMS_MAX_STAND_INS && person != NULL; i++)
	{
		if (!oms_store_is_away(person, now, &delegate))
			return person;
		person = delegate;
	}
	return NULL;
}

static int
compare_candidates(const ListCell *a, const ListCell *b)
{
	const OmsCandidate *x = lfirst(a);
	const OmsCandidate *y = lfirst(b);
	int			order;

	if (x->off_duty != y->off_duty)
		return x->off_duty ? 1 : -1;
	if (x->load != y->load)
		return x->load < y->load ? -1 : 1;
	if (x->last_assigned != y->last_assigned)
		return x->last_assigned < y->last_assigned ? -1 : 1;
	order = strcmp(x->member, y->member);
	if (order != 0)
		return order;
	if (x->at_hand != y->at_hand)
		return x->at_hand < y->at_hand ? -1 : 1;
	return strcmp(x->person, y->person);
}

/* A member whose turn may come, and what is to be found out about the persons behind it */
typedef struct Turn
{
	const char *member;
	TimestampTz last_assigned;
	bool		by_load;
	bool		shared;			/* by several persons */
	List	   *groups;			/* that stand in and were looked at (String) */
	MemoryContext context;		/* of the candidates */
	List	   *candidates;
} Turn;

static void add_group(Turn *turn, const char *group, TimestampTz now);

/*
 * A person, or who is there in place of that one: for a group that stands in, everybody in it.
 */
static void
add_person(Turn *turn, const char *person, TimestampTz now)
{
	const char *there = who_is_there(person, now);
	OmsCandidate *candidate;
	MemoryContext old;

	if (there == NULL)
		return;
	if (strcmp(there, person) != 0 && oms_store_is_group(there))
	{
		turn->shared = true;
		add_group(turn, there, now);
		return;
	}
	old = MemoryContextSwitchTo(turn->context);
	candidate = palloc0(sizeof(OmsCandidate));
	candidate->member = pstrdup(turn->member);
	candidate->person = pstrdup(there);
	candidate->last_assigned = turn->last_assigned;
	turn->candidates = lappend(turn->candidates, candidate);
	MemoryContextSwitchTo(old);
	if (turn->by_load)
		candidate->load = load_of(there);
	else if (turn->shared)
		candidate->at_hand = load_of(there);
	candidate->off_duty = is_off_duty(there, now);
}

/*
 * Everybody behind a member: none if there is no such role any more.
 */
static void
add_persons(Turn *turn, const char *role, TimestampTz now)
{
	List	   *persons = oms_role_persons(role);
	ListCell   *cell;

	CHECK_FOR_INTERRUPTS();
	turn->shared |= list_length(persons) > 1;
	foreach(cell, persons)
		add_person(turn, lfirst(cell), now);
}

/* Everybody in a group that stands in for one of the persons behind a member */
static void
add_group(Turn *turn, const char *group, TimestampTz now)
{
	String	   *name = makeString(pstrdup(group));
	OmsScan		scan;

	if (list_member(turn->groups, name))
		return;
	turn->groups = lappend(turn->groups, name);
	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(group));
	oms_scan_begin(&scan, "owner_member", "owner_member_pkey", OWNER_MEMBER_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
		add_persons(turn, oms_slot_text(scan.slot, OWNER_MEMBER_MEMBER), now);
	oms_scan_end(&scan);
}

/*
 * Who may be given the work of an owner now, best first: by turns or by load, those whose own calendar
 * is closed last, and for those who are away whoever stands in.  The persons behind one member share its
 * turn; among them it is who has the least at hand.
 */
List *
oms_store_candidates(const char *owner, TimestampTz now)
{
	Datum		value = CStringGetTextDatum(owner);
	Turn		turn = {.context = CurrentMemoryContext};
	SPITupleTable *rows;
	uint64		count;

	SPI_connect();
	count = oms_sql(&select_members, &value, NULL);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		last_assigned = SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull);

		turn.last_assigned = isnull ? OMS_NEVER : DatumGetTimestampTz(last_assigned);
		turn.member = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		turn.by_load = DatumGetBool(SPI_getbinval(rows->vals[i], rows->tupdesc, 3, &isnull));
		turn.shared = false;
		turn.groups = NIL;
		add_persons(&turn, turn.member, now);
	}
	SPI_finish();
	list_sort(turn.candidates, compare_candidates);
	return turn.candidates;
}

/*
 * Note that a member has had its turn; false if another session is just giving it work, or has since
 * the members were read.
 */
bool
oms_store_take_turn(const char *owner, const OmsCandidate *candidate, TimestampTz now)
{
	Datum		values[4] = {CStringGetTextDatum(owner), CStringGetTextDatum(candidate->member),
	TimestampTzGetDatum(now), TimestampTzGetDatum(candidate->last_assigned)};
	bool		taken;

	SPI_connect();
	taken = oms_sql(&update_turn, values, candidate->last_assigned == OMS_NEVER ? "   n" : NULL) > 0;
	SPI_finish();
	return taken;
}

void
oms_store_was_assigned(const OmsCandidate *candidate)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);

	given = lappend(given_now(), pstrdup(candidate->person));
	MemoryContextSwitchTo(old);
}

/* ---- absences ---- */

/* A part that another absence split off is none that begins where it does */
static OmsStatement clear_absences = {
	.sql = "WITH gone AS (DELETE FROM oms.absence AS a WHERE a.person = $1"
	" AND (a.first_at = $2"
	" OR (a.from_at < $3 AND a.to_at > $2)"
	" OR ($2 = $3 AND EXISTS (SELECT FROM oms.absence AS h WHERE h.person = $1"
	" AND h.first_at = a.first_at"
	" AND h.from_at <= $2 AND h.to_at > $2)))"
	" RETURNING a.from_at, a.to_at, a.delegate, a.first_at)"
	" INSERT INTO oms.absence (person, from_at, to_at, delegate, first_at)"
	" SELECT $1, p.from_at, p.to_at, g.delegate, g.first_at FROM gone AS g"
	" CROSS JOIN LATERAL (VALUES (g.from_at, $2), ($3, g.to_at)) AS p (from_at, to_at)"
	" WHERE g.first_at <> $2 AND $2 < $3"
	" AND p.from_at < p.to_at",
	.nargs = 3,
	.types = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
};

static OmsStatement insert_absence = {
	.sql = "INSERT INTO oms.absence (person, from_at, to_at, delegate, first_at) VALUES ($1, $2, $3, $4, $2)",
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
 * Note when a person is away, in place of the one that begins then, and of the parts of others that this
 * one overlaps.  to the same as from: the person is there after all, and nothing takes the place of the
 * absence around that moment, with all its parts.
 */
void
oms_store_set_absence(const char *person, TimestampTz from, TimestampTz to, const char *delegate)
{
	Datum		values[4] = {CStringGetTextDatum(person), TimestampTzGetDatum(from), TimestampTzGetDatum(to),
	delegate == NULL ? (Datum) 0 : CStringGetTextDatum(delegate)};

	SPI_connect();
	oms_sql(&clear_absences, values, NULL);
	if (to > from)
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

static OmsStatement select_lost_members = {
	.sql = "SELECT m.owner, m.member, count(*) OVER () FROM oms.owner_member AS m"
	" WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = m.member)"
	" ORDER BY m.owner, m.member LIMIT 1"
};

/*
 * How many members of owners are no roles, since these were dropped or renamed; the first one's names.
 */
int64
oms_store_lost_members(char **owner, char **member)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	int64		count = 0;
	bool		isnull;

	SPI_connect();
	if (oms_sql(&select_lost_members, NULL, NULL) > 0)
	{
		old = MemoryContextSwitchTo(caller);
		*owner = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		*member = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
		MemoryContextSwitchTo(old);
		count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
	}
	SPI_finish();
	return count;
}

/*
 * Register or change an owner.  members is an array of names of roles, checked by the caller.  What is NULL
 * stays as it is.
 */
void
oms_store_set_owner(const char *name, const char *kind, const char *supervisor, const char *calendar,
					const char *assignment, const Datum *members)
{
	Datum		values[5];
	char		nulls[6] = "     ";

	put_text(&values[0], &nulls[0], name);
	put_text(&values[1], &nulls[1], kind);
	put_text(&values[2], &nulls[2], supervisor);
	put_text(&values[3], &nulls[3], calendar);
	put_text(&values[4], &nulls[4], assignment);

	SPI_connect();
	oms_sql(&upsert_owner, values, nulls);
	if (members != NULL)
	{
		values[1] = *members;
		oms_sql(&delete_members, values, NULL);
		oms_sql(&insert_members, values, NULL);
	}
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
