/*
 * timeline.c
 *		The append-only, hash-chained timeline.
 *
 * One chain per ticket: its head stands in the ticket's row, which every change has locked, so chains
 * neither fork nor wait for each other (one chain for all tickets would serialise the server).
 *
 * What is hashed of an event stands in engine/chain.c.
 *
 * The column watermark files an event under a transaction: the one that recorded it, or a later one that
 * recorded an event of the same ticket before it (a transaction can have got its number early and come
 * to the ticket late).  So in the order of watermark the events of a ticket are in the order of their
 * numbers, and below the oldest transaction that is still running (oms_store_horizon) nothing can be
 * added any more.  oms_store_xid_base() is added, so that it grows from one server to the next.
 *
 * The payload is the ticket's data (events "opened" and "amended"), the stage's output (event "done"), or whom an
 * escalation told.  A digest is SHA-256 over the event's salt of 16 bytes and the note, or the payload
 * in jsonb's text form.  An erasure takes note, payload and salt away and leaves the digests, so the
 * chain stays whole and the content cannot be guessed back.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "engine/chain.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/sha256.h"
#include "errors.h"
#include "shared/counters.h"
#include "store/horizon.h"
#include "store/identity.h"
#include "store/slot.h"
#include "store/tables.h"
#include "store/timeline.h"

StaticAssertDecl(OMS_HASH_LEN == OMS_SHA256_LEN, "hashes are SHA-256");

/* ---- hashing ---- */

/*
 * A text in UTF-8, whatever the database's encoding; NULL for NULL.
 */
const char *
oms_as_utf8(const char *text)
{
	return text == NULL ? NULL : pg_server_to_any(text, strlen(text), PG_UTF8);
}

/*
 * The salted digest of a note or payload.
 */
void
oms_chain_digest(const uint8 *salt, const char *content, int len, uint8 *digest)
{
	const char *utf8 = pg_server_to_any(content, len, PG_UTF8);

	oms_sha256(salt, OMS_SALT_LEN, utf8, utf8 == content ? len : strlen(utf8), digest);
}

/*
 * The hash of an event after the one with the hash "previous".
 */
void
oms_chain_hash(const OmsEventContent *content, const uint8 *previous, uint8 *hash)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];
	OmsChainEvent event = {
		.ticket = oms_ticket_id_to_text(content->ticket, number),
		.seq = content->seq,
		.at = oms_unix_usecs(content->at),
		.status = oms_as_utf8(content->status),
		.stage = oms_as_utf8(content->stage),
		.owner = oms_as_utf8(content->owner),
		.actor = oms_as_utf8(content->actor),
		.session = oms_as_utf8(content->session),
		.client = oms_as_utf8(content->client),
		.worker = oms_as_utf8(content->worker),
		.public = content->public,
		.moved = content->moved,
		.cycle = content->cycle,
		.attempt = content->attempt,
		.note_digest = content->note_digest,
		.payload_digest = content->payload_digest
	};
	size_t		len = oms_chain_layout(&event, NULL);
	uint8	   *buffer = palloc(len);

	oms_chain_layout(&event, buffer);
	oms_sha256(previous, OMS_HASH_LEN, buffer, len, hash);
	pfree(buffer);
}

/* ---- writing ---- */

/*
 * Work out the salted digests of note and payload and put them, the salt and the two themselves
 * into the row.  The digests are not stored: they can be worked out until an erasure needs them.
 */
static void
fill_content(TupleTableSlot *slot, const OmsEvent *event, OmsEventContent *content,
			 uint8 *note_digest, uint8 *payload_digest)
{
	uint8		salt[OMS_SALT_LEN];

	if (event->note == NULL && event->payload == NULL)
		return;
	if (!pg_strong_random(salt, sizeof(salt)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random salt")));
	oms_slot_set_bytes(slot, TIMELINE_SALT, salt, sizeof(salt));
	if (event->note != NULL)
	{
		oms_chain_digest(salt, event->note, strlen(event->note), note_digest);
		content->note_digest = note_digest;
		oms_slot_set_text(slot, TIMELINE_NOTE, event->note);
	}
	if (event->payload != NULL)
	{
		StringInfoData text;

		initStringInfo(&text);
		JsonbToCString(&text, &event->payload->root, VARSIZE(event->payload));
		oms_chain_digest(salt, text.data, text.len, payload_digest);
		content->payload_digest = payload_digest;
		oms_slot_set(slot, TIMELINE_PAYLOAD, JsonbPGetDatum(event->payload));
		pfree(text.data);
	}
}

static void
write_event(OmsWriter *writer, OmsTicket *ticket, const OmsEvent *event, const OmsActor *actor)
{
	TupleTableSlot *slot = oms_writer_row(writer);
	uint8		note_digest[OMS_HASH_LEN];
	uint8		payload_digest[OMS_HASH_LEN];
	OmsEventContent content = {
		.ticket = ticket->id,
		.seq = event->seq,
		.at = ticket->now,
		.status = oms_event_status(event->kind),
		.stage = event->stage == OMS_NO_STAGE ? NULL : oms_graph_stage(ticket->graph, event->stage)->id,
		.owner = event->owner,
		.actor = actor->role,
		.session = actor->session,
		.client = actor->client,
		.worker = event->worker,
		.public = event->public,
		.moved = oms_clock_stands_still(),
		.cycle = event->cycle,
		.attempt = event->attempt
	};

	fill_content(slot, event, &content, note_digest, payload_digest);
	oms_chain_hash(&content, ticket->head, ticket->head);

	oms_slot_set(slot, TIMELINE_TICKET_ID, TicketIdGetDatum(content.ticket));
	oms_slot_set(slot, TIMELINE_AT, TimestampTzGetDatum(content.at));
	oms_slot_set(slot, TIMELINE_WATERMARK, Int64GetDatum((int64) ticket->watermark));
	oms_slot_set(slot, TIMELINE_SEQ, Int32GetDatum(content.seq));
	oms_slot_set(slot, TIMELINE_CYCLE, Int32GetDatum(content.cycle));
	oms_slot_set(slot, TIMELINE_ATTEMPT, Int32GetDatum(content.attempt));
	oms_slot_set(slot, TIMELINE_PUBLIC, BoolGetDatum(content.public));
	oms_slot_set_text(slot, TIMELINE_STATUS, content.status);
	oms_slot_set_text(slot, TIMELINE_STAGE, content.stage);
	oms_slot_set_text(slot, TIMELINE_OWNER, content.owner);
	oms_slot_set_text(slot, TIMELINE_ACTOR, content.actor);
	oms_slot_set_text(slot, TIMELINE_SESSION_ACTOR, content.session);
	oms_slot_set_text(slot, TIMELINE_CLIENT, content.client);
	oms_slot_set_text(slot, TIMELINE_WORKER, content.worker);
	oms_slot_set_bytes(slot, TIMELINE_HASH, ticket->head, OMS_HASH_LEN);
	if (content.moved)
		oms_slot_set(slot, TIMELINE_MOVED, BoolGetDatum(true));
	oms_writer_add(writer);
}

/*
 * Append the ticket's new events and move the head of its chain.  The writer holds a lock on the
 * timeline, so the base stays as it is until the end of the transaction.
 */
void
oms_timeline_write(OmsWriter *writer, OmsTicket *ticket, const OmsActor *actor)
{
	if (ticket->events == NULL)
		return;
	ticket->watermark = Max(ticket->watermark, U64FromFullTransactionId(GetTopFullTransactionId()) + oms_store_xid_base());
	for (OmsEvent *event = ticket->events; event != NULL; event = event->next)
		write_event(writer, ticket, event, actor);
	oms_count_events(ticket);
	ticket->last_at = ticket->now;
}

/* ---- reading ---- */

/*
 * The payload of one event; NULL if the event has none, or is not there.
 */
Jsonb *
oms_timeline_payload(OmsTicketId ticket, bool archived, int seq)
{
	OmsScan		scan;
	Jsonb	   *payload = NULL;

	oms_scan_key_ticket(&scan, ticket);
	oms_scan_key(&scan, int4eq, InvalidOid, Int32GetDatum(seq));
	oms_scan_begin_place(&scan, "timeline", archived, TIMELINE_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan) && !scan.slot->tts_isnull[TIMELINE_PAYLOAD])
		payload = DatumGetJsonbPCopy(scan.slot->tts_values[TIMELINE_PAYLOAD]);
	oms_scan_end(&scan);
	return payload;
}

/*
 * The note of one event, if that has this status; else NULL.  "" if there is none, or it was erased.
 */
const char *
oms_timeline_note(OmsTicketId ticket, bool archived, int seq, const char *status)
{
	OmsScan		scan;
	const char *note = NULL;

	oms_scan_key_ticket(&scan, ticket);
	oms_scan_key(&scan, int4eq, InvalidOid, Int32GetDatum(seq));
	oms_scan_begin_place(&scan, "timeline", archived, TIMELINE_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan) && strcmp(oms_slot_text(scan.slot, TIMELINE_STATUS), status) == 0)
		note = scan.slot->tts_isnull[TIMELINE_NOTE] ? "" : oms_slot_text(scan.slot, TIMELINE_NOTE);
	oms_scan_end(&scan);
	return note;
}

/*
 * The digest of a note or payload: recomputed, or the one that an erasure left behind.  NULL if
 * there is neither.
 */
static const uint8 *
get_digest(TupleTableSlot *slot, int digest_column, const char *content)
{
	static const uint8 no_salt[OMS_SALT_LEN] = {0};
	const uint8 *salt = oms_slot_bytes(slot, TIMELINE_SALT, OMS_SALT_LEN);
	uint8	   *digest;

	if (content == NULL)
		return oms_slot_bytes(slot, digest_column, OMS_HASH_LEN);
	/* without a salt it was not written by us: its digest must not match */
	digest = palloc(OMS_HASH_LEN);
	oms_chain_digest(salt != NULL ? salt : no_salt, content, strlen(content), digest);
	return digest;
}

/*
 * The payload of an event as it is stored, in jsonb's text form; NULL: none.
 */
const char *
oms_timeline_payload_text(TupleTableSlot *slot)
{
	Jsonb	   *payload;

	if (slot->tts_isnull[TIMELINE_PAYLOAD])
		return NULL;
	payload = DatumGetJsonbP(slot->tts_values[TIMELINE_PAYLOAD]);
	return JsonbToCString(NULL, &payload->root, VARSIZE(payload));
}

/*
 * The digests of note and payload of an event as it is stored; NULL where there is none.
 */
void
oms_timeline_digests(TupleTableSlot *slot, const uint8 **note, const uint8 **payload)
{
	*note = get_digest(slot, TIMELINE_NOTE_DIGEST, oms_slot_text(slot, TIMELINE_NOTE));
	*payload = get_digest(slot, TIMELINE_PAYLOAD_DIGEST, oms_timeline_payload_text(slot));
}

/* Was an event recorded under a moved clock? */
bool
oms_timeline_moved(const TupleTableSlot *slot)
{
	return !slot->tts_isnull[TIMELINE_MOVED] && DatumGetBool(slot->tts_values[TIMELINE_MOVED]);
}

/*
 * An event as it is stored, but for its digests, which are not there.
 */
void
oms_timeline_content(TupleTableSlot *slot, OmsEventContent *content)
{
	*content = (OmsEventContent)
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
		.moved = oms_timeline_moved(slot),
		.cycle = DatumGetInt32(slot->tts_values[TIMELINE_CYCLE]),
		.attempt = DatumGetInt32(slot->tts_values[TIMELINE_ATTEMPT])
	};
}

static void
rehash(TupleTableSlot *slot, const uint8 *previous, uint8 *hash)
{
	OmsEventContent content;

	oms_timeline_content(slot, &content);
	oms_timeline_digests(slot, &content.note_digest, &content.payload_digest);
	oms_chain_hash(&content, previous, hash);
}

/*
 * Recompute a ticket's chain and report what does not fit: a missing or surplus number, time
 * going back, content that is not what was hashed, and an end that is not the head in the ticket's
 * row.  After an event that was changed the check goes on from the hash stored with it, so that one
 * change is one problem.
 */
void
oms_timeline_verify(OmsTicketId ticket, bool archived, int last_seq, const uint8 *head,
					OmsProblemReport report, void *context)
{
	OmsScan		scan;
	int			expected = 1;
	TimestampTz last_at = DT_NOBEGIN;
	uint8		previous[OMS_HASH_LEN] = {0};
	MemoryContext rows = AllocSetContextCreate(CurrentMemoryContext, "oms verify", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;

	oms_scan_key_ticket(&scan, ticket);
	oms_scan_begin_place(&scan, "timeline", archived, TIMELINE_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
	{
		int			seq = DatumGetInt32(scan.slot->tts_values[TIMELINE_SEQ]);
		TimestampTz at = DatumGetTimestampTz(scan.slot->tts_values[TIMELINE_AT]);
		uint8		hash[OMS_HASH_LEN];
		const uint8 *stored;

		MemoryContextSwitchTo(rows);
		stored = oms_slot_bytes(scan.slot, TIMELINE_HASH, OMS_HASH_LEN);
		rehash(scan.slot, previous, hash);
		MemoryContextSwitchTo(old);

		if (seq != expected)
			report(context, ticket, expected, "event is missing");
		else if (stored == NULL || memcmp(stored, hash, OMS_HASH_LEN) != 0)
			report(context, ticket, seq, "content does not match the hash");
		if (at < last_at)
			report(context, ticket, seq, "time goes back");
		if (stored != NULL)
			memcpy(previous, stored, OMS_HASH_LEN);
		last_at = at;
		expected = seq + 1;
		MemoryContextReset(rows);
	}
	oms_scan_end(&scan);
	MemoryContextDelete(rows);

	if (head == NULL)
		report(context, ticket, 1, "the ticket of these events is missing");
	else if (expected - 1 < last_seq)
		report(context, ticket, expected, "event is missing at the end");
	else if (expected - 1 > last_seq)
		report(context, ticket, last_seq + 1, "event after the last one known to the ticket");
	else if (memcmp(previous, head, OMS_HASH_LEN) != 0)
		report(context, ticket, last_seq, "last hash is not the head of the ticket's chain");
}
