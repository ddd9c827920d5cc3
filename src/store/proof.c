/*
 * proof.c
 *		What the proof of one ticket is made of: its events, the way from its leaf to the root of a seal, and the
 *		entries of the journal that bore on it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "clock.h"
#include "store/proof.h"
#include "store/slot.h"
#include "store/spi.h"
#include "store/tables.h"

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
		oms_leaf_from_row(scan.slot->tts_values, scan.slot->tts_isnull, &other);
		oms_leaf_hash(&other, hash);
		oms_merkle_add(tree, hash);
	}
	oms_scan_end(&scan);
	oms_merkle_end(tree, hash);
}

static void
read_event(TupleTableSlot *slot, OmsEventRecord *event)
{
	oms_timeline_content(slot, &event->content);
	event->note = oms_slot_text(slot, TIMELINE_NOTE);
	event->payload = oms_timeline_payload_text(slot);
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

/* The owners' last entries before the ticket's first event, else their first ones; the earliest of these */
static OmsStatement select_journal_of = {
	.sql = "SELECT min(coalesce(o.standing, o.first)) FROM"
	" (SELECT max(j.seq) FILTER (WHERE j.at <= x.opened_at) AS standing, min(j.seq) AS first"
	" FROM (SELECT min(e.at) AS opened_at, array_agg(e.owner COLLATE \"C\") AS owners FROM"
	" (SELECT l.at, l.owner FROM oms.timeline AS l WHERE l.ticket_id = $1"
	" UNION ALL SELECT a.at, a.owner FROM oms.timeline_archive AS a WHERE a.ticket_id = $1) AS e) AS x"
	" JOIN oms.journal AS j ON j.what = 'owner' AND j.name = ANY (x.owners) AND j.seq <= $2"
	" GROUP BY j.name) AS o",
	.nargs = 2,
	.types = {OMS_TICKET_TYPE, INT8OID}
};

/*
 * From which entry on the journal, as a seal has it, tells who the members of the ticket's owners were; 0 if it
 * tells of none of them.
 */
int64
oms_store_journal_of(const OmsTicket *ticket, const OmsSeal *seal)
{
	Datum		args[2] = {TicketIdGetDatum(ticket->id), Int64GetDatum(seal->journal_seq)};
	Datum		first;
	bool		isnull;

	SPI_connect();
	(void) oms_sql(&select_journal_of, args, NULL);
	oms_sql_first_row(&first, &isnull);
	SPI_finish();
	return isnull ? 0 : DatumGetInt64(first);
}

static const char *
jsonb_text(TupleTableSlot *slot, int column)
{
	Jsonb	   *value;

	if (slot->tts_isnull[column])
		return NULL;
	value = DatumGetJsonbP(slot->tts_values[column]);
	return JsonbToCString(NULL, &value->root, VARSIZE(value));
}

static void
read_entry(TupleTableSlot *slot, OmsJournalRecord *record)
{
	record->at = DatumGetTimestampTz(slot->tts_values[JOURNAL_AT]);
	record->hash = oms_slot_bytes(slot, JOURNAL_HASH, OMS_HASH_LEN);
	record->entry = (OmsJournalEntry)
	{
		.seq = DatumGetInt64(slot->tts_values[JOURNAL_SEQ]),
		.at = oms_unix_usecs(record->at),
		.actor = oms_slot_text(slot, JOURNAL_ACTOR),
		.session = oms_slot_text(slot, JOURNAL_SESSION_ACTOR),
		.what = oms_slot_text(slot, JOURNAL_WHAT),
		.name = oms_slot_text(slot, JOURNAL_NAME),
		.before = jsonb_text(slot, JOURNAL_BEFORE),
		.after = jsonb_text(slot, JOURNAL_AFTER),
		.moved = !slot->tts_isnull[JOURNAL_MOVED] && DatumGetBool(slot->tts_values[JOURNAL_MOVED])
	};
}

/*
 * Visit the entries of the journal with these numbers in their order, under the active snapshot.
 */
void
oms_store_visit_journal(int64 first, int64 last, OmsJournalVisit visit, void *context)
{
	OmsScan		scan = {.nkeys = 0};

	oms_scan_key_from(&scan, 1, int8ge, Int64GetDatum(first));
	oms_scan_key_upto(&scan, 1, int8le, Int64GetDatum(last));
	oms_scan_begin(&scan, "journal", "journal_pkey", JOURNAL_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
	{
		OmsJournalRecord record;

		read_entry(scan.slot, &record);
		visit(context, &record);
	}
	oms_scan_end(&scan);
}
