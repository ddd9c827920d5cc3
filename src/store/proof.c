/*
 * proof.c
 *		What the proof of one ticket is made of: its events, and the way from its leaf to the root of a seal.
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"

#include "store/proof.h"
#include "store/slot.h"
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
