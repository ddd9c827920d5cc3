/*
 * cursor.c
 *		How far a reader is, as a text that is good for this data only.
 *
 * A position means nothing in other data: in a restored dump the same numbers are given out again, and
 * after a recovery to a point in time, or the loss of a primary, events are gone that a reader has.  To go
 * on there would skip some and repeat others without a word.  So a cursor carries
 *
 * - a digest of the server, the database and the epoch of the data (oms.home), which is another one
 *	 after each activation;
 * - the timeline of the write-ahead log and the position in it when the cursor was made.  Everything that
 *	 the reader has seen was written, and on a primary flushed, before.  After a promotion the history of
 *	 timelines tells up to where the old one was taken over: a cursor from before is good, one from beyond
 *	 is not;
 * - the first bytes of the hash of the last event: a copy of the files that was put back has another
 *	 event there, or none;
 * - a checksum.
 */
#include "postgres.h"

#include "access/timeline.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"

#include "engine/sha256.h"
#include "store/cursor.h"
#include "store/identity.h"
#include "store/store.h"

#define VERSION			1
#define IDENTITY_LEN	8
#define CHECK_LEN		4

/* The bytes of a cursor, in network order; its text is their hexadecimal form */
#define CURSOR_BYTES	(1 + IDENTITY_LEN + 4 + 8 + 8 + 8 + 8 + 4 + OMS_TRACE_LEN + CHECK_LEN)

/* ---- where we are ---- */

/*
 * The end of the write-ahead log, as a position that can be flushed: between pages the server counts
 * the header of the next one, which need not be there yet.
 */
static XLogRecPtr
written(void)
{
	XLogRecPtr	lsn = GetXLogInsertRecPtr();

	if (lsn % XLOG_BLCKSZ == SizeOfXLogShortPHD)
		lsn -= SizeOfXLogShortPHD;
	else if (XLogSegmentOffset(lsn, wal_segment_size) == SizeOfXLogLongPHD)
		lsn -= SizeOfXLogLongPHD;
	return lsn;
}

/*
 * The moment of what was seen up to now.  On a primary it is on disk when this returns: a commit that does
 * not wait for that (synchronous_commit) could be seen, and be lost in a crash.
 */
void
oms_cursor_now(OmsMoment *now)
{
	(void) oms_store_epoch(&now->epoch);
	if (RecoveryInProgress())
		now->lsn = GetCurrentReplayRecPtr(&now->line);
	else
	{
		now->line = GetWALInsertionTimeLine();
		now->lsn = written();
		XLogFlush(now->lsn);
	}
}

/* ---- bytes ---- */

static void
put(uint8 **to, const void *from, size_t len)
{
	memcpy(*to, from, len);
	*to += len;
}

static void
put_int(uint8 **to, uint32 value)
{
	value = pg_hton32(value);
	put(to, &value, sizeof(value));
}

static void
put_long(uint8 **to, uint64 value)
{
	value = pg_hton64(value);
	put(to, &value, sizeof(value));
}

static void
get(const uint8 **from, void *to, size_t len)
{
	memcpy(to, *from, len);
	*from += len;
}

static uint32
get_int(const uint8 **from)
{
	uint32		value;

	get(from, &value, sizeof(value));
	return pg_ntoh32(value);
}

static uint64
get_long(const uint8 **from)
{
	uint64		value;

	get(from, &value, sizeof(value));
	return pg_ntoh64(value);
}

static void
identity_of(const OmsMoment *now, uint8 *identity)
{
	uint64		parts[3] = {pg_hton64(GetSystemIdentifier()), pg_hton64((uint64) MyDatabaseId), pg_hton64(now->epoch)};
	uint8		hash[OMS_SHA256_LEN];

	oms_sha256("oms cursor", 10, parts, sizeof(parts), hash);
	memcpy(identity, hash, IDENTITY_LEN);
}

static void
check_of(const uint8 *bytes, uint8 *check)
{
	uint8		hash[OMS_SHA256_LEN];

	oms_sha256(bytes, CURSOR_BYTES - CHECK_LEN, NULL, 0, hash);
	memcpy(check, hash, CHECK_LEN);
}

/*
 * The cursor of a position.
 */
char *
oms_cursor_text(const OmsPosition *position, const OmsMoment *now)
{
	static const char digits[] = "0123456789abcdef";
	uint8		bytes[CURSOR_BYTES];
	uint8	   *at = bytes;
	char	   *text = palloc(2 * CURSOR_BYTES + 1);

	*at++ = VERSION;
	identity_of(now, at);
	at += IDENTITY_LEN;
	put_int(&at, now->line);
	put_long(&at, now->lsn);
	put_long(&at, position->until);
	put_long(&at, position->watermark);
	put_long(&at, position->ticket);
	put_int(&at, (uint32) position->seq);
	put(&at, position->trace, OMS_TRACE_LEN);
	check_of(bytes, at);
	for (int i = 0; i < CURSOR_BYTES; i++)
	{
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * CURSOR_BYTES] = '\0';
	return text;
}

/* ---- reading ---- */

static int
digit_value(char digit)
{
	return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool
read_bytes(const char *text, uint8 *bytes)
{
	uint8		check[CHECK_LEN];

	if (strlen(text) != 2 * CURSOR_BYTES)
		return false;
	for (int i = 0; i < CURSOR_BYTES; i++)
	{
		int			high = digit_value(text[2 * i]);
		int			low = digit_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8) (high << 4 | low);
	}
	check_of(bytes, check);
	return bytes[0] == VERSION && memcmp(bytes + CURSOR_BYTES - CHECK_LEN, check, CHECK_LEN) == 0;
}

static void
refuse(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the cursor does not belong to this data"),
			 errdetail("%s", detail),
			 errhint("Begin again with NULL, and keep one event of each ticket and seq; what differs in its hash was lost here.")));
}

/*
 * Is what was seen at that moment part of our past?  On a standby it may also be still to come: false.
 */
static bool
is_past(const OmsMoment *then, const OmsMoment *now)
{
	bool		standby = RecoveryInProgress();
	List	   *history;
	ListCell   *cell;

	if (then->line == now->line && then->lsn > now->lsn && !standby)
		refuse("The server was put back to a moment before the cursor was made.");
	if (then->line == now->line)
		return then->lsn <= now->lsn;
	if (then->line > now->line && standby)
		return false;
	history = readTimeLineHistory(now->line);
	foreach(cell, history)
	{
		TimeLineHistoryEntry *entry = lfirst(cell);

		if (entry->tli == then->line && then->lsn <= entry->end)
			return true;
	}
	refuse("The server was recovered to a moment before the cursor was made, or took over without what came last.");
	return false;
}

/*
 * Is the last event that was read still what it was?
 */
static void
check_trace(const OmsPosition *position)
{
	uint8		trace[OMS_TRACE_LEN];

	if (position->ticket != 0 && (!oms_store_read_trace(position->ticket, position->seq, trace) ||
								  memcmp(trace, position->trace, OMS_TRACE_LEN) != 0))
		refuse("The last event that was read is not there, or is another one.");
}

/*
 * Read a cursor; an error if it is none, or one of other data.  False if a standby is not yet where the
 * cursor was made.
 */
bool
oms_cursor_read(const char *text, const OmsMoment *now, OmsPosition *position)
{
	uint8		bytes[CURSOR_BYTES];
	uint8		identity[IDENTITY_LEN];
	const uint8 *at = bytes + 1 + IDENTITY_LEN;
	OmsMoment	then = {.epoch = now->epoch};

	if (!read_bytes(text, bytes))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid cursor: \"%.*s\"", pg_mbcliplen(text, strlen(text), 40), text),
				 errhint("Give back what stood in the column cursor of the last row, or NULL to begin.")));
	identity_of(now, identity);
	if (memcmp(bytes + 1, identity, IDENTITY_LEN) != 0)
		refuse("It was made in another database, or before the data was activated here.");
	then.line = get_int(&at);
	then.lsn = get_long(&at);
	position->until = get_long(&at);
	position->watermark = get_long(&at);
	position->ticket = get_long(&at);
	position->seq = (int) get_int(&at);
	get(&at, position->trace, OMS_TRACE_LEN);
	if (!is_past(&then, now))
		return false;
	check_trace(position);
	return true;
}
