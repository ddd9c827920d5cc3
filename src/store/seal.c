/*
 * seal.c
 *		Seals over the chains of many tickets.
 *
 * A chain shows that nobody changed an event without recomputing all later ones; it cannot show
 * that a ticket, or the end of its chain, was removed, nor that somebody recomputed it all.  A
 * seal can, once its hash is known elsewhere: a Merkle root over (ticket, last event, head) of every
 * ticket that changed since the seal before, chained to that.  What is hashed stands in
 * engine/merkle.c.
 *
 * What changed is found without a look at the tickets that did not: oms.seal_state keeps a horizon,
 * the oldest transaction that was still running when the last seal was made.  Whatever that seal did
 * not see was recorded by a transaction from the horizon on.  The tickets of these events (by the BRIN
 * index of the timeline) are compared with their latest leaves, so that nothing is sealed twice and no
 * late commit is lost.  The horizon is a transaction number of this server: the row is not dumped, and
 * it counts only together with the seal that it was kept for.  Without it all tickets are compared.
 *
 * Locks: the row of oms.seal_state, so that there is one sealer at a time; it waits for nobody else,
 * and nobody waits for it.  Under REPEATABLE READ a seal that was made since the snapshot is a
 * serialization failure at that row.  A seal is one transaction: interrupted, it left nothing.
 *
 * The worker has more to do than to seal: it makes one seal after another, each over a slice of what
 * changed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "store/changes.h"
#include "store/horizon.h"
#include "store/journal.h"
#include "store/outbox.h"
#include "store/passed_over.h"
#include "store/row.h"
#include "store/seal.h"
#include "store/seal_rows.h"
#include "store/spi.h"
#include "store/store.h"

/* As many leaves are written at once */
#define LEAVES_PER_PAGE		1000
/* Tickets in a seal of the worker, as far as the slices before let expect: timers and events wait for it */
#define SLICE				1000
/* Transactions in the first slice */
#define FIRST_WINDOW		1000

/* ---- what is remembered between two seals ---- */

static OmsStatement lock_state = {
	.sql = "SELECT seal_hash, horizon FROM oms.seal_state FOR UPDATE"
};

static OmsStatement try_lock_state = {
	.sql = "SELECT seal_hash, horizon FROM oms.seal_state FOR UPDATE SKIP LOCKED"
};

static OmsStatement select_state = {
	.sql = "SELECT seal_hash, horizon FROM oms.seal_state"
};

static OmsStatement save_state = {
	.sql = "UPDATE oms.seal_state SET seal_hash = $1, horizon = $2",
	.nargs = 2,
	.types = {BYTEAOID, INT8OID}
};

/*
 * Become the one sealer; false if another one is at it, and we do not wait.  Sets the horizon that was kept,
 * and the hash of the seal it was kept for.
 */
static bool
begin_sealing(bool wait, uint8 *seal_hash, uint64 *horizon)
{
	Datum		values[2];
	bool		nulls[2];
	bool		locked;

	SPI_connect();
	locked = oms_sql(wait ? &lock_state : &try_lock_state, NULL, NULL) > 0;
	if (locked)
	{
		oms_sql_first_row(values, nulls);
		oms_seal_copy_hash(values[0], nulls[0], seal_hash);
		*horizon = (uint64) DatumGetInt64(values[1]);
	}
	else if (wait || oms_sql(&select_state, NULL, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"oms.seal_state\" has lost its row"),
				 errhint("INSERT INTO oms.seal_state (seal_hash, horizon) VALUES ('', 0); then all tickets are compared.")));
	SPI_finish();
	return locked;
}

static void
remember(const OmsSeal *last, uint64 horizon)
{
	Datum		args[2] = {oms_seal_hash_datum(last->hash), Int64GetDatum((int64) horizon)};

	SPI_connect();
	oms_sql(&save_state, args, NULL);
	SPI_finish();
}

/* ---- making a seal ---- */

/* Tickets whose chain is not where their latest leaf says, in the order of the tree */
#define CHANGED \
	" LEFT JOIN LATERAL (SELECT k.seq, k.head FROM oms.seal_leaf AS k" \
	" WHERE k.ticket_id = t.ticket_id" \
	" ORDER BY k.seal DESC LIMIT 1) AS l ON true" \
	" WHERE (l.seq = t.seq AND l.head = t.head) IS NOT TRUE" \
	" ORDER BY t.ticket_id"

static OmsStatement changed_since = {
	.sql = "SELECT t.ticket_id, t.seq, t.head"
	" FROM (SELECT DISTINCT e.ticket_id FROM oms.timeline AS e"
	" WHERE e.watermark >= $1 AND e.watermark <= $2) AS c"
	" JOIN oms.ticket_state AS t ON t.ticket_id = c.ticket_id"
	CHANGED,
	.nargs = 2,
	.types = {INT8OID, INT8OID}
};

static OmsStatement changed_of_range = {
	.sql = "SELECT t.ticket_id, t.seq, t.head"
	" FROM (SELECT x.ticket_id, x.seq, x.head FROM oms.ticket_state AS x"
	" WHERE x.ticket_id > $1 AND x.ticket_id <= $2) AS t"
	CHANGED,
	.nargs = 2,
	.types = {OMS_TICKET_TYPE, OMS_TICKET_TYPE}
};

/* The tickets of each of these, to go through them one by one */
static OmsStatement tickets_since = {
	.sql = "SELECT DISTINCT e.ticket_id FROM oms.timeline AS e"
	" WHERE e.watermark >= $1 AND e.watermark <= $2"
	" ORDER BY e.ticket_id",
	.nargs = 2,
	.types = {INT8OID, INT8OID}
};

static OmsStatement tickets_of_range = {
	.sql = "SELECT t.ticket_id FROM oms.ticket_state AS t"
	" WHERE t.ticket_id > $1 AND t.ticket_id <= $2"
	" ORDER BY t.ticket_id",
	.nargs = 2,
	.types = {OMS_TICKET_TYPE, OMS_TICKET_TYPE}
};

static OmsStatement select_end_of_range = {
	.sql = "SELECT ticket_id FROM oms.ticket_state WHERE ticket_id > $1"
	" ORDER BY ticket_id OFFSET $2 LIMIT 1",
	.nargs = 2,
	.types = {OMS_TICKET_TYPE, INT8OID}
};

/* What a seal looks at: tickets by number, or those that transactions changed; both ends belong to it */
typedef struct SealRange
{
	bool		by_ticket;
	OmsTicketId after;			/* this one does not */
	OmsTicketId last_ticket;
	uint64		first_watermark;
	uint64		last_watermark;
} SealRange;

/*
 * The arguments of the statements that look at a range.
 */
static void
range_values(const SealRange *range, Datum *values)
{
	values[0] = range->by_ticket ? TicketIdGetDatum(range->after) : Int64GetDatum((int64) range->first_watermark);
	values[1] = range->by_ticket ? TicketIdGetDatum(range->last_ticket) : Int64GetDatum((int64) range->last_watermark);
}

static void
write_leaf(OmsWriter *writer, const OmsSealLeaf *leaf)
{
	TupleTableSlot *slot = oms_writer_row(writer);

	memset(slot->tts_isnull, false, LEAF_COLUMNS * sizeof(bool));
	slot->tts_values[LEAF_SEAL] = Int64GetDatum(leaf->seal);
	slot->tts_values[LEAF_TICKET_ID] = TicketIdGetDatum(leaf->ticket);
	slot->tts_values[LEAF_SEQ] = Int32GetDatum(leaf->seq);
	slot->tts_values[LEAF_POSITION] = Int32GetDatum(leaf->position);
	slot->tts_values[LEAF_HEAD] = oms_seal_hash_datum(leaf->head);
	oms_writer_add(writer);
}

/*
 * Write the leaves of what the cursor just fetched, and add them to the tree.
 */
static void
seal_page(int64 number, OmsMerkle *tree)
{
	OmsWriter	writer;

	oms_writer_begin(&writer, "seal_leaf", LEAF_COLUMNS);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		OmsSealLeaf leaf = {.seal = number, .position = (int) tree->count};
		Datum		values[3];
		bool		nulls[3];
		uint8		hash[OMS_HASH_LEN];

		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		leaf.ticket = DatumGetTicketId(values[0]);
		leaf.seq = DatumGetInt32(values[1]);
		if (VARSIZE_ANY_EXHDR(DatumGetByteaPP(values[2])) != OMS_HASH_LEN)
			oms_store_damaged(leaf.ticket);
		oms_seal_copy_hash(values[2], nulls[2], leaf.head);
		write_leaf(&writer, &leaf);
		oms_leaf_hash(&leaf, hash);
		oms_merkle_add(tree, hash);
	}
	oms_writer_end(&writer);
}

/*
 * Write the leaves of a seal of this number; the tree has them then.  The way by the indexes is
 * always right, whether or not the statistics know of the newest transactions.
 */
static void
seal_changed(const SealRange *range, int64 number, OmsMerkle *tree)
{
	Datum		values[2];
	MemoryContext page;
	MemoryContext old;
	Portal		portal;

	range_values(range, values);
	SPI_connect();
	page = AllocSetContextCreate(CurrentMemoryContext, "oms seal", ALLOCSET_DEFAULT_SIZES);
	portal = oms_sql_open(range->by_ticket ? &changed_of_range : &changed_since, values, NULL);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, LEAVES_PER_PAGE);
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(page);
		seal_page(number, tree);
		MemoryContextSwitchTo(old);
		MemoryContextReset(page);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
}

static void
write_seal(const OmsSeal *seal)
{
	OmsWriter	writer;
	TupleTableSlot *slot;

	oms_writer_begin(&writer, "seals", SEAL_COLUMNS);
	slot = oms_writer_row(&writer);
	memset(slot->tts_isnull, false, SEAL_COLUMNS * sizeof(bool));
	slot->tts_values[SEAL_NUMBER] = Int64GetDatum(seal->number);
	slot->tts_values[SEAL_AT] = TimestampTzGetDatum(seal->sealed_at);
	slot->tts_values[SEAL_TICKETS] = Int32GetDatum(seal->tickets);
	slot->tts_values[SEAL_ROOT] = oms_seal_hash_datum(seal->root);
	slot->tts_values[SEAL_PREVIOUS] = oms_seal_hash_datum(seal->previous);
	slot->tts_values[SEAL_HASH] = oms_seal_hash_datum(seal->hash);
	slot->tts_values[SEAL_JOURNAL_SEQ] = Int64GetDatum(seal->journal_seq);
	slot->tts_values[SEAL_JOURNAL_HASH] = oms_seal_hash_datum(seal->journal_hash);
	oms_writer_add(&writer);
	oms_writer_end(&writer);
}

/*
 * The seal over a tree, after the last one.
 */
static void
make_seal(const OmsSeal *last, OmsMerkle *tree, OmsSeal *seal)
{
	seal->number = last->number + 1;
	seal->sealed_at = oms_clock_now();
	if (last->number > 0 && seal->sealed_at < last->sealed_at)
		seal->sealed_at = last->sealed_at;
	seal->tickets = (int) tree->count;
	oms_merkle_end(tree, seal->root);
	memcpy(seal->previous, last->hash, OMS_HASH_LEN);
	seal->has_journal = true;
	oms_journal_head(&seal->journal_seq, seal->journal_hash);
	oms_seal_hash_content(seal, seal->hash);
}

/* A seal that is being made: all at once, or, if that raises an error, ticket by ticket */
typedef struct Sealing
{
	OmsIsolation isolation;
	const SealRange *range;
	int64		number;
	OmsMerkle	tree;
} Sealing;

static void
seal_ticket(void *context)
{
	Sealing    *sealing = context;
	SealRange	one = {.by_ticket = true, .after = sealing->isolation.ticket - 1, .last_ticket = sealing->isolation.ticket};
	OmsMerkle	tree = sealing->tree;

	seal_changed(&one, sealing->number, &tree);
	/* what an error takes back is in no tree */
	sealing->tree = tree;
}

static void
seal_all(void *context)
{
	Sealing    *sealing = context;
	Datum		values[2];

	if (!sealing->isolation.apart)
	{
		seal_changed(sealing->range, sealing->number, &sealing->tree);
		return;
	}
	range_values(sealing->range, values);
	sealing->isolation.since = sealing->isolation.before = 0;
	SPI_connect();
	(void) oms_passed_over_each(&sealing->isolation, sealing->range->by_ticket ? &tickets_of_range : &tickets_since,
								values, seal_ticket, sealing);
	SPI_finish();
}

static void
forget_leaves(void *context)
{
	oms_merkle_begin(&((Sealing *) context)->tree, OMS_MERKLE_NOBODY);
}

/*
 * The seal over the leaves that were written, after the last seal, which becomes this one.  Without a leaf none is made.
 * Returns how many tickets are in it.
 */
static int64
end_seal(Sealing *sealing, OmsSeal *seal)
{
	OmsSeal		last = *seal;

	if (sealing->tree.count > 0)
	{
		make_seal(&last, &sealing->tree, seal);
		write_seal(seal);
	}
	return sealing->tree.count;
}

/*
 * Seal what changed in a range.
 */
static int64
seal_range(const SealRange *range, OmsSeal *seal)
{
	Sealing		sealing = {.range = range, .number = seal->number + 1};

	forget_leaves(&sealing);
	oms_isolate(&sealing.isolation, OMS_STEP_SEAL, seal_all, forget_leaves, &sealing);
	return end_seal(&sealing, seal);
}

/*
 * Seal what was passed over, as far as it raises no error any more.
 */
static void
seal_again(OmsSeal *seal)
{
	Sealing		sealing = {.number = seal->number + 1};

	forget_leaves(&sealing);
	SPI_connect();
	oms_passed_over_again(&sealing.isolation, OMS_STEP_SEAL, seal_ticket, &sealing);
	SPI_finish();
	(void) end_seal(&sealing, seal);
}

/*
 * Seal what changed since the last seal, or whatever differs from its latest leaf wherever it is
 * ("everything": all tickets are compared).  Returns the number of the last seal, 0 if there is none;
 * without a change no seal is made.  Waits for another one that is just sealing.
 */
int64
oms_store_seal(bool everything)
{
	OmsSeal		seal;
	SealRange	range = {.last_ticket = PG_INT64_MAX, .last_watermark = PG_INT64_MAX};
	uint8		kept_for[OMS_HASH_LEN];
	uint64		horizon;
	int64		last;

	(void) begin_sealing(true, kept_for, &range.first_watermark);
	PushActiveSnapshot(GetTransactionSnapshot());
	oms_seal_last(&seal);
	last = seal.number;
	/* taken before the search, so that whatever that does not see is not below it */
	horizon = oms_store_horizon();
	range.by_ticket = everything || seal.number == 0 || range.first_watermark > horizon ||
		memcmp(kept_for, seal.hash, OMS_HASH_LEN) != 0;
	seal_again(&seal);
	(void) seal_range(&range, &seal);
	if (seal.number > last || (range.by_ticket && seal.number > 0))
		remember(&seal, horizon);
	PopActiveSnapshot();
	return seal.number;
}

/*
 * The last ticket of a slice that begins after the given one; past all of them if it is the last slice.
 */
static OmsTicketId
end_of_slice(OmsTicketId after)
{
	Datum		args[2] = {TicketIdGetDatum(after), Int64GetDatum(SLICE - 1)};
	OmsTicketId end = PG_INT64_MAX;
	bool		isnull;

	SPI_connect();
	if (oms_sql_by_index(&select_end_of_range, args) > 0)
		end = DatumGetTicketId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return end;
}

/*
 * A slice of all tickets, in the order of their numbers.  What changes behind it meanwhile is found from the
 * horizon on that was taken at the beginning, and is remembered at the end.  True if there is more.
 */
static bool
seal_tickets(OmsWalk *walk, OmsSeal *seal, uint64 horizon)
{
	SealRange	range = {.by_ticket = true, .after = walk->after, .last_ticket = end_of_slice(walk->after)};
	bool		more = range.last_ticket != PG_INT64_MAX;

	if (walk->after == 0)
		walk->horizon = horizon;
	(void) seal_range(&range, seal);
	walk->after = more ? range.last_ticket : 0;
	if (!more && seal->number > 0)
		remember(seal, walk->horizon);
	return more;
}

/*
 * A slice of the transactions since the horizon that was kept.  True if there is more.
 */
static bool
seal_transactions(OmsWalk *walk, OmsSeal *seal, uint64 kept, uint64 horizon)
{
	SealRange	range = {.first_watermark = kept, .last_watermark = PG_INT64_MAX};
	uint64		transactions = Min(horizon - kept, walk->window);
	int64		last = seal->number;
	bool		more;
	int64		count;

	walk->after = 0;
	seal_again(seal);
	more = horizon - kept > walk->window;
	if (more)
		range.last_watermark = kept + walk->window - 1;
	count = seal_range(&range, seal);
	if (seal->number > last || more)
		remember(seal, more ? range.last_watermark + 1 : horizon);
	if (more || count > SLICE)
		walk->window = oms_store_next_window(transactions, count, SLICE);
	return more;
}

/*
 * Seal a slice of what changed, and move on; the caller keeps that when it has committed.  Does not wait for
 * another one that is just sealing.  True if there is more.
 */
bool
oms_store_seal_slice(OmsWalk *walk)
{
	OmsSeal		seal;
	uint8		kept_for[OMS_HASH_LEN];
	uint64		kept;
	uint64		horizon;
	bool		more;

	walk->busy = !begin_sealing(false, kept_for, &kept);
	if (walk->busy)
		return false;
	PushActiveSnapshot(GetTransactionSnapshot());
	oms_seal_last(&seal);
	horizon = oms_store_horizon();
	if (walk->window == 0)
		walk->window = FIRST_WINDOW;
	if (seal.number == 0 || kept > horizon || memcmp(kept_for, seal.hash, OMS_HASH_LEN) != 0)
		more = seal_tickets(walk, &seal, horizon);
	else
		more = seal_transactions(walk, &seal, kept, horizon);
	PopActiveSnapshot();
	return more;
}
