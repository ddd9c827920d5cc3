/*
 * seal.c
 *		Seals over the chains of many tickets.
 *
 * A chain shows that nobody changed an event without working out all later ones anew; it cannot show
 * that a ticket, or the end of its chain, was removed, nor that somebody did work it all out anew.  A
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
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "store/changes.h"
#include "store/outbox.h"
#include "store/passed_over.h"
#include "store/seal.h"
#include "store/spi.h"
#include "store/slot.h"
#include "store/store.h"
#include "store/tables.h"

/* Columns of oms.seals and oms.seal_leaf, as in oms--1.0.sql */
typedef enum OmsSealColumn
{
	SEAL_NUMBER,
	SEAL_AT,
	SEAL_TICKETS,
	SEAL_ROOT,
	SEAL_PREVIOUS,
	SEAL_HASH,
	SEAL_COLUMNS
} OmsSealColumn;

typedef enum OmsSealLeafColumn
{
	LEAF_SEAL,
	LEAF_TICKET_ID,
	LEAF_SEQ,
	LEAF_POSITION,
	LEAF_HEAD,
	LEAF_COLUMNS
} OmsSealLeafColumn;

/* As many leaves are written at once */
#define LEAVES_PER_PAGE		1000
/* Tickets in a seal of the worker, if not one transaction changed more */
#define SLICE				5000
/* Transactions in the first slice */
#define FIRST_WINDOW		10000

/* ---- rows ---- */

/*
 * A hash out of a row; one that is none becomes zeros, which fit nothing.
 */
static void
copy_hash(Datum value, bool isnull, uint8 *hash)
{
	bytea	   *bytes = isnull ? NULL : DatumGetByteaPP(value);

	if (bytes != NULL && VARSIZE_ANY_EXHDR(bytes) == OMS_HASH_LEN)
		memcpy(hash, VARDATA_ANY(bytes), OMS_HASH_LEN);
	else
		memset(hash, 0, OMS_HASH_LEN);
}

static Datum
hash_datum(const uint8 *hash)
{
	bytea	   *result = palloc(VARHDRSZ + OMS_HASH_LEN);

	SET_VARSIZE(result, VARHDRSZ + OMS_HASH_LEN);
	memcpy(VARDATA(result), hash, OMS_HASH_LEN);
	return PointerGetDatum(result);
}

static void
read_seal(const Datum *values, const bool *nulls, OmsSeal *seal)
{
	seal->number = DatumGetInt64(values[SEAL_NUMBER]);
	seal->sealed_at = DatumGetTimestampTz(values[SEAL_AT]);
	seal->tickets = DatumGetInt32(values[SEAL_TICKETS]);
	copy_hash(values[SEAL_ROOT], nulls[SEAL_ROOT], seal->root);
	copy_hash(values[SEAL_PREVIOUS], nulls[SEAL_PREVIOUS], seal->previous);
	copy_hash(values[SEAL_HASH], nulls[SEAL_HASH], seal->hash);
}

static void
read_leaf(const Datum *values, const bool *nulls, OmsSealLeaf *leaf)
{
	leaf->seal = DatumGetInt64(values[LEAF_SEAL]);
	leaf->ticket = DatumGetTicketId(values[LEAF_TICKET_ID]);
	leaf->seq = DatumGetInt32(values[LEAF_SEQ]);
	leaf->position = DatumGetInt32(values[LEAF_POSITION]);
	copy_hash(values[LEAF_HEAD], nulls[LEAF_HEAD], leaf->head);
}

/*
 * The first row of a statement that was just run, between SPI_connect and SPI_finish.
 */
static void
first_row(Datum *values, bool *nulls)
{
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values, nulls);
}

static OmsStatement select_seal = {
	.sql = "SELECT number, sealed_at, tickets, root, previous, hash FROM oms.seals"
	" WHERE number OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.types = {INT8OID}
};

static OmsStatement select_last_seal = {
	.sql = "SELECT number, sealed_at, tickets, root, previous, hash FROM oms.seals"
	" ORDER BY number USING OPERATOR(pg_catalog.>) LIMIT 1"
};

/*
 * Read the seal that a statement gives; false, and number 0, if it gives none.
 */
static bool
query_seal(OmsStatement *statement, Datum *args, OmsSeal *seal)
{
	Datum		values[SEAL_COLUMNS];
	bool		nulls[SEAL_COLUMNS];
	bool		found;

	memset(seal, 0, sizeof(*seal));
	SPI_connect();
	found = oms_sql(statement, args, NULL) > 0;
	if (found)
	{
		first_row(values, nulls);
		read_seal(values, nulls, seal);
	}
	SPI_finish();
	return found;
}

/*
 * Read a seal; false if there is none of this number.
 */
bool
oms_store_read_seal(int64 number, OmsSeal *seal)
{
	Datum		arg = Int64GetDatum(number);

	return query_seal(&select_seal, &arg, seal);
}

static OmsStatement select_latest_leaf = {
	.sql = "SELECT seal, ticket_id, seq, position, head FROM oms.seal_leaf"
	" WHERE ticket_id OPERATOR(pg_catalog.=) $1"
	" ORDER BY seal USING OPERATOR(pg_catalog.>) LIMIT 1",
	.nargs = 1,
	.types = {OMS_TICKET_TYPE}
};

/*
 * How far a ticket was when it was sealed last; false if it never was.
 */
bool
oms_store_latest_leaf(OmsTicketId ticket, OmsSealLeaf *leaf)
{
	Datum		arg = TicketIdGetDatum(ticket);
	Datum		values[LEAF_COLUMNS];
	bool		nulls[LEAF_COLUMNS];
	bool		found;

	SPI_connect();
	found = oms_sql(&select_latest_leaf, &arg, NULL) > 0;
	if (found)
	{
		first_row(values, nulls);
		read_leaf(values, nulls, leaf);
	}
	SPI_finish();
	return found;
}

/*
 * The hash of a leaf in the tree.
 */
static void
hash_leaf(const OmsSealLeaf *leaf, uint8 *hash)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	oms_merkle_leaf(oms_ticket_id_to_text(leaf->ticket, number), leaf->seq, leaf->head, hash);
}

static void
hash_seal(const OmsSeal *seal, uint8 *hash)
{
	OmsSealContent content = {
		.number = seal->number,
		.sealed_at = oms_unix_usecs(seal->sealed_at),
		.tickets = seal->tickets,
		.root = seal->root,
		.previous = seal->previous
	};

	oms_seal_hash(&content, hash);
}

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
		first_row(values, nulls);
		copy_hash(values[0], nulls[0], seal_hash);
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
	Datum		args[2] = {hash_datum(last->hash), Int64GetDatum((int64) horizon)};

	SPI_connect();
	oms_sql(&save_state, args, NULL);
	SPI_finish();
}

/* ---- making a seal ---- */

/* Tickets whose chain is not where their latest leaf says, in the order of the tree */
#define CHANGED \
	" LEFT JOIN LATERAL (SELECT k.seq, k.head FROM oms.seal_leaf AS k" \
	" WHERE k.ticket_id OPERATOR(pg_catalog.=) t.ticket_id" \
	" ORDER BY k.seal USING OPERATOR(pg_catalog.>) LIMIT 1) AS l ON true" \
	" WHERE (l.seq OPERATOR(pg_catalog.=) t.seq AND l.head OPERATOR(pg_catalog.=) t.head) IS NOT TRUE" \
	" ORDER BY t.ticket_id USING OPERATOR(pg_catalog.<)"

static OmsStatement changed_since = {
	.sql = "SELECT t.ticket_id, t.seq, t.head"
	" FROM (SELECT DISTINCT e.ticket_id FROM oms.timeline AS e"
	" WHERE e.xid OPERATOR(pg_catalog.>=) $1 AND e.xid OPERATOR(pg_catalog.<=) $2) AS c"
	" JOIN oms.ticket_state AS t ON t.ticket_id OPERATOR(pg_catalog.=) c.ticket_id"
	CHANGED,
	.nargs = 2,
	.types = {INT8OID, INT8OID}
};

static OmsStatement changed_of_range = {
	.sql = "SELECT t.ticket_id, t.seq, t.head"
	" FROM (SELECT x.ticket_id, x.seq, x.head FROM oms.ticket_state AS x"
	" WHERE x.ticket_id OPERATOR(pg_catalog.>) $1 AND x.ticket_id OPERATOR(pg_catalog.<=) $2) AS t"
	CHANGED,
	.nargs = 2,
	.types = {OMS_TICKET_TYPE, OMS_TICKET_TYPE}
};

/* The tickets of each of these, to go through them one by one */
static OmsStatement tickets_since = {
	.sql = "SELECT DISTINCT e.ticket_id FROM oms.timeline AS e"
	" WHERE e.xid OPERATOR(pg_catalog.>=) $1 AND e.xid OPERATOR(pg_catalog.<=) $2"
	" ORDER BY e.ticket_id USING OPERATOR(pg_catalog.<)",
	.nargs = 2,
	.types = {INT8OID, INT8OID}
};

static OmsStatement tickets_of_range = {
	.sql = "SELECT t.ticket_id FROM oms.ticket_state AS t"
	" WHERE t.ticket_id OPERATOR(pg_catalog.>) $1 AND t.ticket_id OPERATOR(pg_catalog.<=) $2"
	" ORDER BY t.ticket_id USING OPERATOR(pg_catalog.<)",
	.nargs = 2,
	.types = {OMS_TICKET_TYPE, OMS_TICKET_TYPE}
};

static OmsStatement select_end_of_range = {
	.sql = "SELECT ticket_id FROM oms.ticket_state WHERE ticket_id OPERATOR(pg_catalog.>) $1"
	" ORDER BY ticket_id USING OPERATOR(pg_catalog.<) OFFSET $2 LIMIT 1",
	.nargs = 2,
	.types = {OMS_TICKET_TYPE, INT8OID}
};

/* What a seal looks at: tickets by number, or those that transactions changed; both ends belong to it */
typedef struct SealRange
{
	bool		by_ticket;
	OmsTicketId after;			/* this one does not */
	OmsTicketId last_ticket;
	uint64		first_xid;
	uint64		last_xid;
} SealRange;

/*
 * The arguments of the statements that look at a range.
 */
static void
range_values(const SealRange *range, Datum *values)
{
	values[0] = range->by_ticket ? TicketIdGetDatum(range->after) : Int64GetDatum((int64) range->first_xid);
	values[1] = range->by_ticket ? TicketIdGetDatum(range->last_ticket) : Int64GetDatum((int64) range->last_xid);
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
	slot->tts_values[LEAF_HEAD] = hash_datum(leaf->head);
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
		copy_hash(values[2], nulls[2], leaf.head);
		write_leaf(&writer, &leaf);
		hash_leaf(&leaf, hash);
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
	slot->tts_values[SEAL_ROOT] = hash_datum(seal->root);
	slot->tts_values[SEAL_PREVIOUS] = hash_datum(seal->previous);
	slot->tts_values[SEAL_HASH] = hash_datum(seal->hash);
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
	hash_seal(seal, seal->hash);
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
	SealRange	range = {.last_ticket = PG_INT64_MAX, .last_xid = PG_INT64_MAX};
	uint8		kept_for[OMS_HASH_LEN];
	uint64		horizon;
	int64		last;

	(void) begin_sealing(true, kept_for, &range.first_xid);
	PushActiveSnapshot(GetTransactionSnapshot());
	query_seal(&select_last_seal, NULL, &seal);
	last = seal.number;
	/* taken before the search, so that whatever that does not see is not below it */
	horizon = oms_store_horizon();
	range.by_ticket = everything || seal.number == 0 || range.first_xid > horizon ||
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
	SealRange	range = {.first_xid = kept, .last_xid = PG_INT64_MAX};
	int64		last = seal->number;
	bool		more;
	int64		count;

	walk->after = 0;
	seal_again(seal);
	more = horizon - kept > walk->window;
	if (more)
		range.last_xid = kept + walk->window - 1;
	count = seal_range(&range, seal);
	if (seal->number > last || more)
		remember(seal, more ? range.last_xid + 1 : horizon);
	if (more)
		walk->window = oms_store_next_window(walk->window, count, SLICE);
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
	query_seal(&select_last_seal, NULL, &seal);
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

/* ---- verifying ---- */

/* Leaves that the timeline does not bear out: seal, ticket, number, is the ticket gone, is the event */
#define BROKEN_LEAVES(which) \
	"SELECT l.seal, l.ticket_id, l.seq, t.ticket_id IS NULL, e.ticket_id IS NULL" \
	" FROM oms.seal_leaf AS l" \
	" LEFT JOIN (SELECT x.ticket_id FROM oms.ticket_state AS x" \
	" UNION ALL SELECT x.ticket_id FROM oms.ticket_state_archive AS x) AS t" \
	" ON t.ticket_id OPERATOR(pg_catalog.=) l.ticket_id" \
	" LEFT JOIN (SELECT x.ticket_id, x.seq, x.hash FROM oms.timeline AS x" \
	" UNION ALL SELECT x.ticket_id, x.seq, x.hash FROM oms.timeline_archive AS x) AS e" \
	" ON e.ticket_id OPERATOR(pg_catalog.=) l.ticket_id" \
	" AND e.seq OPERATOR(pg_catalog.=) l.seq" \
	" WHERE (t.ticket_id IS NULL OR (e.hash OPERATOR(pg_catalog.=) l.head) IS NOT TRUE)" which \
	" ORDER BY l.ticket_id USING OPERATOR(pg_catalog.<), l.seal USING OPERATOR(pg_catalog.<)"

static OmsStatement select_broken = {
	.sql = BROKEN_LEAVES("")
};

static OmsStatement select_broken_of = {
	.sql = BROKEN_LEAVES(" AND l.ticket_id OPERATOR(pg_catalog.=) $1"),
	.nargs = 1,
	.types = {OMS_TICKET_TYPE}
};

/*
 * Report the leaves of a ticket (NULL: of all) that the timeline does not bear out.  A ticket that is
 * gone is one problem, however often it was sealed.  Returns how many are gone.
 */
static uint64
verify_leaves(const OmsTicketId *ticket, OmsSealReport report, void *context)
{
	Datum		arg = ticket == NULL ? (Datum) 0 : TicketIdGetDatum(*ticket);
	uint64		gone = 0;
	OmsTicketId last_gone = 0;
	uint64		count;

	SPI_connect();
	count = oms_sql(ticket == NULL ? &select_broken : &select_broken_of, &arg, NULL);
	for (uint64 i = 0; i < count; i++)
	{
		Datum		values[5];
		bool		nulls[5];
		int64		seal;
		OmsTicketId id;
		int			seq;

		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		seal = DatumGetInt64(values[0]);
		id = DatumGetTicketId(values[1]);
		seq = DatumGetInt32(values[2]);
		if (!DatumGetBool(values[3]))
			report(context, seal, id, seq, DatumGetBool(values[4]) ? "sealed event is missing"
				   : "sealed hash differs");
		else if (id != last_gone)
		{
			report(context, seal, id, seq, "sealed ticket is missing");
			last_gone = id;
			gone++;
		}
	}
	SPI_finish();
	return gone;
}

typedef struct TimelineReport
{
	OmsProblemReport report;
	void	   *context;
} TimelineReport;

static void
forward_report(void *context, int64 seal, OmsTicketId ticket, int seq, const char *problem)
{
	TimelineReport *timeline = context;

	timeline->report(timeline->context, ticket, seq, problem);
}

/*
 * Report where the timeline of a ticket (NULL: of any) is not what was sealed, for verify_timeline.
 * Returns how many sealed tickets are gone, which the caller would otherwise not know of.
 */
uint64
oms_store_verify_seals(const OmsTicketId *ticket, OmsProblemReport report, void *context)
{
	TimelineReport timeline = {report, context};

	return verify_leaves(ticket, forward_report, &timeline);
}

/* The leaves of all seals in order, one ahead */
typedef struct LeafScan
{
	OmsScan		scan;
	OmsSealLeaf leaf;
	bool		more;
} LeafScan;

static void
next_leaf(LeafScan *leaves)
{
	leaves->more = oms_scan_next(&leaves->scan);
	if (leaves->more)
		read_leaf(leaves->scan.slot->tts_values, leaves->scan.slot->tts_isnull, &leaves->leaf);
}

/*
 * Leaves before those of the given seal belong to none.
 */
static void
report_orphans(LeafScan *leaves, int64 before, OmsSealReport report, void *context)
{
	int64		reported = -1;

	for (; leaves->more && leaves->leaf.seal < before; next_leaf(leaves))
	{
		if (leaves->leaf.seal != reported)
			report(context, leaves->leaf.seal, 0, 0, "the seal of these leaves is missing");
		reported = leaves->leaf.seal;
	}
}

/*
 * Work the root of a seal out anew from its leaves.
 */
static void
check_root(const OmsSeal *seal, LeafScan *leaves, OmsSealReport report, void *context)
{
	OmsMerkle	tree;
	OmsTicketId last = 0;
	bool		in_order = true;
	uint8		hash[OMS_HASH_LEN];

	oms_merkle_begin(&tree, OMS_MERKLE_NOBODY);
	for (; leaves->more && leaves->leaf.seal == seal->number; next_leaf(leaves))
	{
		in_order = in_order && leaves->leaf.position == tree.count && leaves->leaf.ticket > last;
		last = leaves->leaf.ticket;
		hash_leaf(&leaves->leaf, hash);
		oms_merkle_add(&tree, hash);
	}
	if (tree.count != seal->tickets)
	{
		report(context, seal->number, 0, 0, "number of leaves differs");
		return;
	}
	if (!in_order)
		report(context, seal->number, 0, 0, "leaves are not in order");
	if (tree.count > 0)
		oms_merkle_end(&tree, hash);
	if (tree.count == 0 || memcmp(hash, seal->root, OMS_HASH_LEN) != 0)
		report(context, seal->number, 0, 0, "root does not match the leaves");
}

/*
 * Does a seal follow the one before it, and is it what was hashed?
 */
static void
check_seal(const OmsSeal *seal, const OmsSeal *last, OmsSealReport report, void *context)
{
	uint8		hash[OMS_HASH_LEN];

	if (seal->number != last->number + 1)
		report(context, last->number + 1, 0, 0, "seal is missing");
	else if (memcmp(seal->previous, last->hash, OMS_HASH_LEN) != 0)
		report(context, seal->number, 0, 0, "does not follow the seal before it");
	hash_seal(seal, hash);
	if (memcmp(hash, seal->hash, OMS_HASH_LEN) != 0)
		report(context, seal->number, 0, 0, "content does not match the hash");
	if (last->number > 0 && seal->sealed_at < last->sealed_at)
		report(context, seal->number, 0, 0, "time goes back");
}

/*
 * Report everything that does not fit about the seals: their chain, their roots, and what the timeline
 * does not bear out.  Under the active snapshot.
 */
void
oms_store_check_seals(OmsSealReport report, void *context)
{
	OmsScan		seals;
	LeafScan	leaves;
	OmsSeal		last = {0};
	OmsSeal		seal;

	seals.nkeys = leaves.scan.nkeys = 0;
	oms_scan_begin(&leaves.scan, "seal_leaf", "seal_leaf_pkey", LEAF_COLUMNS, AccessShareLock);
	oms_scan_begin(&seals, "seals", "seals_pkey", SEAL_COLUMNS, AccessShareLock);
	next_leaf(&leaves);
	while (oms_scan_next(&seals))
	{
		read_seal(seals.slot->tts_values, seals.slot->tts_isnull, &seal);
		report_orphans(&leaves, seal.number, report, context);
		check_seal(&seal, &last, report, context);
		check_root(&seal, &leaves, report, context);
		last = seal;
	}
	report_orphans(&leaves, PG_INT64_MAX, report, context);
	oms_scan_end(&seals);
	oms_scan_end(&leaves.scan);
	verify_leaves(NULL, report, context);
}

/* ---- proofs ---- */

/*
 * Work out the way of a leaf to the root of its seal, into tree->path.  It takes all leaves of the
 * seal.
 */
void
oms_store_merkle_path(const OmsSealLeaf *leaf, OmsMerkle *tree)
{
	OmsScan		scan;
	OmsSealLeaf other;
	uint8		hash[OMS_HASH_LEN];

	oms_merkle_begin(tree, leaf->position);
	scan.nkeys = 0;
	oms_scan_key(&scan, int8eq, InvalidOid, Int64GetDatum(leaf->seal));
	oms_scan_begin(&scan, "seal_leaf", "seal_leaf_pkey", LEAF_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
	{
		read_leaf(scan.slot->tts_values, scan.slot->tts_isnull, &other);
		hash_leaf(&other, hash);
		oms_merkle_add(tree, hash);
	}
	oms_scan_end(&scan);
	oms_merkle_end(tree, hash);
}

static const char *
get_payload(TupleTableSlot *slot)
{
	Jsonb	   *payload;

	if (slot->tts_isnull[TIMELINE_PAYLOAD])
		return NULL;
	payload = DatumGetJsonbP(slot->tts_values[TIMELINE_PAYLOAD]);
	return JsonbToCString(NULL, &payload->root, VARSIZE(payload));
}

static void
read_event(TupleTableSlot *slot, OmsEventRecord *event)
{
	event->content = (OmsEventContent)
	{
		.ticket = DatumGetTicketId(slot->tts_values[TIMELINE_TICKET_ID]),
		.seq = DatumGetInt32(slot->tts_values[TIMELINE_SEQ]),
		.at = DatumGetTimestampTz(slot->tts_values[TIMELINE_AT]),
		.status = oms_slot_text(slot, TIMELINE_STATUS),
		.stage = oms_slot_text(slot, TIMELINE_STAGE),
		.owner = oms_slot_text(slot, TIMELINE_OWNER),
		.actor = oms_slot_text(slot, TIMELINE_ACTOR),
		.session = oms_slot_text(slot, TIMELINE_SESSION_ACTOR),
		.client = oms_slot_text(slot, TIMELINE_CLIENT),
		.worker = oms_slot_text(slot, TIMELINE_WORKER),
		.public = DatumGetBool(slot->tts_values[TIMELINE_PUBLIC]),
		.cycle = DatumGetInt32(slot->tts_values[TIMELINE_CYCLE]),
		.attempt = DatumGetInt32(slot->tts_values[TIMELINE_ATTEMPT])
	};
	event->note = oms_slot_text(slot, TIMELINE_NOTE);
	event->payload = get_payload(slot);
	event->salt = oms_slot_bytes(slot, TIMELINE_SALT, OMS_SALT_LEN);
	event->hash = oms_slot_bytes(slot, TIMELINE_HASH, OMS_HASH_LEN);
	if (event->note == NULL)
		event->content.note_digest = oms_slot_bytes(slot, TIMELINE_NOTE_DIGEST, OMS_HASH_LEN);
	if (event->payload == NULL)
		event->content.payload_digest = oms_slot_bytes(slot, TIMELINE_PAYLOAD_DIGEST, OMS_HASH_LEN);
}

/*
 * Visit the events of a ticket in their order, under the active snapshot.
 */
void
oms_store_visit_events(const OmsTicket *ticket, OmsEventVisit visit, void *context)
{
	OmsScan		scan;

	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_begin_place(&scan, "timeline", ticket->archived, TIMELINE_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
	{
		OmsEventRecord event;

		read_event(scan.slot, &event);
		visit(context, &event);
	}
	oms_scan_end(&scan);
}
