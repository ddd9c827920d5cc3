/*
 * journal.c
 *		The record of who changed the rules: owners, rights, calendars, workflows, and what else decides about tickets.
 *
 * One chain per database.  What is written there is rare, so a lock on the table is its head: who writes has it until
 * the end of the transaction, and reads the last entry by the newest snapshot, whatever the transaction's own is.
 * Tickets are locked before it; only the archive has it first, since it never waits for a ticket.
 *
 * What stood there before and after a change is read by the same view (oms_internal.journal_state) with which
 * oms.check() compares the last entry: so a change that passes by the functions shows.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "engine/chain.h"
#include "engine/sha256.h"
#include "store/journal.h"
#include "store/row.h"
#include "store/slot.h"
#include "store/spi.h"
#include "store/tables.h"

static OmsStatement select_state = {
	.sql = "SELECT s.state FROM oms_internal.journal_state AS s WHERE s.what = $1 AND s.name = $2",
	.nargs = 2,
	.types = {TEXTOID, TEXTOID}
};

static Jsonb *
read_state(const char *what, const char *name)
{
	Datum		values[2] = {CStringGetTextDatum(what), CStringGetTextDatum(name)};
	MemoryContext caller = CurrentMemoryContext;
	Jsonb	   *state = NULL;
	bool		isnull;
	Datum		value;

	SPI_connect();
	if (oms_sql(&select_state, values, NULL) > 0)
	{
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContextSwitchTo(caller);
		state = DatumGetJsonbPCopy(value);
	}
	SPI_finish();
	return state;
}

/*
 * The last entry, by the newest snapshot; zeros if there is none.
 */
static void
read_last(int64 *seq, TimestampTz *at, uint8 *hash)
{
	Relation	rel = table_open(oms_relation_oid("journal"), AccessShareLock);
	Relation	index = index_open(oms_relation_oid("journal_pkey"), AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	IndexScanDesc scan = oms_index_beginscan(rel, index, snapshot, 0);

	*seq = 0;
	*at = DT_NOBEGIN;
	memset(hash, 0, OMS_HASH_LEN);
	index_rescan(scan, NULL, 0, NULL, 0);
	if (index_getnext_slot(scan, BackwardScanDirection, slot))
	{
		const uint8 *stored;

		slot_getallattrs(slot);
		*seq = DatumGetInt64(slot->tts_values[JOURNAL_SEQ]);
		*at = DatumGetTimestampTz(slot->tts_values[JOURNAL_AT]);
		stored = oms_slot_bytes(slot, JOURNAL_HASH, OMS_HASH_LEN);
		if (stored != NULL)
			memcpy(hash, stored, OMS_HASH_LEN);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	index_close(index, NoLock);
	table_close(rel, NoLock);
}

/*
 * Number and hash of the last entry; 0 and zeros if there is none.
 */
void
oms_journal_head(int64 *seq, uint8 *hash)
{
	TimestampTz at;

	read_last(seq, &at, hash);
}

static const char *
as_text(Jsonb *value)
{
	return value == NULL ? NULL : JsonbToCString(NULL, &value->root, VARSIZE(value));
}

static void
write_entry(const char *what, const char *name, Jsonb *before, Jsonb *after, const OmsActor *actor)
{
	OmsWriter	writer;
	TupleTableSlot *slot;
	OmsJournalEntry entry = {
		.actor = oms_as_utf8(actor->role),
		.session = oms_as_utf8(actor->session),
		.what = what,
		.name = oms_as_utf8(name),
		.before = oms_as_utf8(as_text(before)),
		.after = oms_as_utf8(as_text(after)),
		.moved = oms_clock_stands_still()
	};
	TimestampTz at = oms_clock_now();
	TimestampTz last_at;
	int64		seq;
	uint8		hash[OMS_HASH_LEN];
	uint8	   *buffer;
	size_t		len;

	oms_journal_lock();
	read_last(&seq, &last_at, hash);
	at = Max(at, last_at);
	entry.seq = seq + 1;
	entry.at = oms_unix_usecs(at);
	len = oms_journal_layout(&entry, NULL);
	buffer = palloc(len);
	oms_journal_layout(&entry, buffer);
	oms_sha256(hash, OMS_HASH_LEN, buffer, len, hash);

	oms_writer_begin(&writer, "journal", JOURNAL_COLUMNS);
	slot = oms_writer_row(&writer);
	oms_slot_set(slot, JOURNAL_SEQ, Int64GetDatum(entry.seq));
	oms_slot_set_time(slot, JOURNAL_AT, at);
	oms_slot_set_text(slot, JOURNAL_ACTOR, actor->role);
	oms_slot_set_text(slot, JOURNAL_SESSION_ACTOR, actor->session);
	oms_slot_set_text(slot, JOURNAL_WHAT, what);
	oms_slot_set_text(slot, JOURNAL_NAME, name);
	if (before != NULL)
		oms_slot_set(slot, JOURNAL_BEFORE, JsonbPGetDatum(before));
	if (after != NULL)
		oms_slot_set(slot, JOURNAL_AFTER, JsonbPGetDatum(after));
	oms_slot_set_bytes(slot, JOURNAL_HASH, hash, OMS_HASH_LEN);
	if (entry.moved)
		oms_slot_set(slot, JOURNAL_MOVED, BoolGetDatum(true));
	oms_writer_add(&writer);
	oms_writer_end(&writer);
	CommandCounterIncrement();
}

/*
 * Be the only one who writes, until the end of the transaction.
 */
void
oms_journal_lock(void)
{
	LockRelationOid(oms_relation_oid("journal"), ShareRowExclusiveLock);
}

/*
 * Something of which there is a state is about to change.
 */
void
oms_journal_begin(OmsChange *change, const char *what, const char *name)
{
	oms_journal_lock();
	change->what = what;
	change->name = name;
	change->before = read_state(what, name);
}

static bool
same(Jsonb *one, Jsonb *other)
{
	return one == NULL || other == NULL ? one == other
		: compareJsonbContainers(&one->root, &other->root) == 0;
}

/*
 * It has changed: write down how.  What has not leaves no entry.
 */
void
oms_journal_end(const OmsChange *change, const OmsActor *actor)
{
	Jsonb	   *after = read_state(change->what, change->name);

	if (!same(change->before, after))
		write_entry(change->what, change->name, change->before, after, actor);
}

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value = {.type = jbvString,
	.val.string = {.val = unconstify(char *, text), .len = strlen(text)}};

	pushJsonbValue(state, token, &value);
}

/* An object of one text */
static Jsonb *
one_text(const char *key, const char *value)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_string(&state, WJB_KEY, key);
	push_string(&state, WJB_VALUE, value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/*
 * The rights of a role have been granted anew (a level) or taken away (NULL).  Always an entry, so that the last
 * one says what is right.
 */
void
oms_journal_end_level(const OmsChange *change, const char *level, const OmsActor *actor)
{
	Jsonb	   *after = read_state(change->what, change->name);

	if (after != NULL && level != NULL)
		after = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(after),
												   JsonbPGetDatum(one_text("level", level))));
	write_entry(change->what, change->name, change->before, after, actor);
}

/*
 * Something was done of which there is no state; key NULL: nothing more to say.
 */
void
oms_journal_note(const char *what, const char *name, const char *key, const char *value, const OmsActor *actor)
{
	write_entry(what, name, NULL, key == NULL ? NULL : one_text(key, value), actor);
}

/* A run of the archive, if it moved anything */
void
oms_journal_archived(int tickets, const OmsActor *actor)
{
	if (tickets > 0)
		oms_journal_note("archive", NULL, "tickets", psprintf("%d", tickets), actor);
}
