/*
 * seal_verify.c
 *		Are the seals whole, and does the timeline bear them out?
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "store/seal_rows.h"
#include "store/seal_verify.h"
#include "store/spi.h"

/* Leaves that the timeline does not bear out: seal, ticket, number, is the ticket gone, is the event */
#define BROKEN_LEAVES(which) \
	"SELECT l.seal, l.ticket_id, l.seq, t.ticket_id IS NULL, e.ticket_id IS NULL" \
	" FROM oms.seal_leaf AS l" \
	" LEFT JOIN (SELECT x.ticket_id FROM oms.ticket_state AS x" \
	" UNION ALL SELECT x.ticket_id FROM oms.ticket_state_archive AS x) AS t" \
	" ON t.ticket_id = l.ticket_id" \
	" LEFT JOIN (SELECT x.ticket_id, x.seq, x.hash FROM oms.timeline AS x" \
	" UNION ALL SELECT x.ticket_id, x.seq, x.hash FROM oms.timeline_archive AS x) AS e" \
	" ON e.ticket_id = l.ticket_id" \
	" AND e.seq = l.seq" \
	" WHERE (t.ticket_id IS NULL OR (e.hash = l.head) IS NOT TRUE)" which \
	" ORDER BY l.ticket_id, l.seal"

static OmsStatement select_broken = {
	.sql = BROKEN_LEAVES("")
};

static OmsStatement select_broken_of = {
	.sql = BROKEN_LEAVES(" AND l.ticket_id = $1"),
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
		oms_leaf_from_row(leaves->scan.slot->tts_values, leaves->scan.slot->tts_isnull, &leaves->leaf);
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
 * Recompute the root of a seal from its leaves.
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
		oms_leaf_hash(&leaves->leaf, hash);
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
	oms_seal_hash_content(seal, hash);
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
		oms_seal_from_row(seals.slot->tts_values, seals.slot->tts_isnull, &seal);
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
