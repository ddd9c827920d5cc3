/*
 * chain.c
 *		What is hashed of an event of the timeline.
 *
 * The hash of an event is SHA-256 over the hash before it (32 zero bytes for the first) and this
 * content.  Integers are big-endian; a text is its length in bytes as int4 and then its UTF-8 bytes,
 * or length -1 for NULL.  Nothing depends on time zone, date style, encoding or server version.
 *
 *		1 byte	version: 1, or 2 if the event was recorded under a moved clock
 *		text	ticket number, e.g. DL-2026-00091
 *		int4	number of the event
 *		int8	time, microseconds since 1970-01-01 00:00 UTC
 *		text	status, stage, owner, actor, session's user, client, worker (seven texts)
 *		1 byte	1 if citizens see the event, else 0
 *		int4	cycle
 *		int4	attempt
 *		text	digest of the note (32 bytes, or NULL)
 *		text	digest of the payload (32 bytes, or NULL)
 *
 * The hash of an entry of the journal is the same over
 *
 *		1 byte	version, as above
 *		int8	number of the entry
 *		int8	time
 *		text	actor, session's user, what, name, before, after (six texts)
 *
 * Plain C without the server, since tools/verify-proof uses the same code.
 */
#include "engine/bytes.h"
#include "engine/chain.h"
#include "engine/sha256.h"

#define REAL_CLOCK	1
#define MOVED_CLOCK	2

/*
 * Lay the content of an event (OmsChainEvent) out.
 */
size_t
oms_chain_layout(const void *content, unsigned char *buffer)
{
	const OmsChainEvent *event = content;
	OmsBytes	bytes = {buffer, 0};

	oms_put_byte(&bytes, event->moved ? MOVED_CLOCK : REAL_CLOCK);
	oms_put_text(&bytes, event->ticket);
	oms_put_int32(&bytes, event->seq);
	oms_put_int64(&bytes, event->at);
	oms_put_text(&bytes, event->status);
	oms_put_text(&bytes, event->stage);
	oms_put_text(&bytes, event->owner);
	oms_put_text(&bytes, event->actor);
	oms_put_text(&bytes, event->session);
	oms_put_text(&bytes, event->client);
	oms_put_text(&bytes, event->worker);
	oms_put_byte(&bytes, event->public ? 1 : 0);
	oms_put_int32(&bytes, event->cycle);
	oms_put_int32(&bytes, event->attempt);
	oms_put_counted(&bytes, event->note_digest, OMS_SHA256_LEN);
	oms_put_counted(&bytes, event->payload_digest, OMS_SHA256_LEN);
	return bytes.len;
}

/*
 * The same for an entry of the journal (OmsJournalEntry).
 */
size_t
oms_journal_layout(const void *content, unsigned char *buffer)
{
	const OmsJournalEntry *entry = content;
	OmsBytes	bytes = {buffer, 0};

	oms_put_byte(&bytes, entry->moved ? MOVED_CLOCK : REAL_CLOCK);
	oms_put_int64(&bytes, entry->seq);
	oms_put_int64(&bytes, entry->at);
	oms_put_text(&bytes, entry->actor);
	oms_put_text(&bytes, entry->session);
	oms_put_text(&bytes, entry->what);
	oms_put_text(&bytes, entry->name);
	oms_put_text(&bytes, entry->before);
	oms_put_text(&bytes, entry->after);
	return bytes.len;
}
