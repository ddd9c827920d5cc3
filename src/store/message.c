/*
 * message.c
 *		Messages that no stage has got yet.
 *
 * A message that is kept and a stage that begins to wait for it must not miss each other, though neither sees what the
 * other has not committed.  So both look for the other with a lock on name and key, which they have until their
 * transaction ends.  Nobody waits for that lock: who does not get it leaves the message as "pending", or looks again
 * later (engine/await.c), and the worker, or tick(), brings the two together.
 *
 * A pending message may be for a stage that is already there; so it is left to the worker, and stages that begin to wait
 * take others.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guc.h"
#include "store/access.h"
#include "store/message.h"
#include "store/spi.h"

/* Kept messages that are looked at in one go, and deleted in one go */
#define BATCH			100
#define MANY			1000

/* Distinct from those of the server's own advisory locks, 1 and 2 */
#define LOCK_SPACE		0x6F6D

static OmsStatement select_kept = {
	.sql = "SELECT message_no, sender, payload, message_id FROM oms.kept_message"
	" WHERE name = $1 AND key = $2 AND message_no > $3 AND NOT pending AND expires_at > $4"
	" ORDER BY message_no LIMIT $5",
	.nargs = 5,
	.types = {TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID, INT8OID}
};

static OmsStatement take_kept = {
	.sql = "DELETE FROM oms.kept_message WHERE message_no ="
	" (SELECT k.message_no FROM oms.kept_message AS k WHERE k.message_no = $1 FOR UPDATE SKIP LOCKED)",
	.nargs = 1,
	.types = {INT8OID}
};

static OmsStatement insert_kept = {
	.sql = "INSERT INTO oms.kept_message (sent_at, expires_at, pending, name, key, sender, message_id, payload)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, COALESCE($8, '{}'))",
	.nargs = 8,
	.types = {TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID}
};

static OmsStatement count_kept = {
	.sql = "SELECT count(*) FROM oms.kept_message WHERE sender = $1",
	.nargs = 1,
	.types = {TEXTOID}
};

static OmsStatement count_all_kept = {
	.sql = "SELECT count(*) FROM oms.kept_message"
};

static OmsStatement select_pending = {
	.sql = "SELECT message_no, name, key, sender, payload, message_id FROM oms.kept_message"
	" WHERE pending AND message_no > $1 AND expires_at > $2"
	" ORDER BY message_no LIMIT 1 FOR UPDATE SKIP LOCKED",
	.nargs = 2,
	.types = {INT8OID, TIMESTAMPTZOID}
};

/* What was passed over, as its sender might not send it there */
static OmsStatement look_again = {
	.sql = "UPDATE oms.kept_message AS k SET pending = true"
	" FROM (SELECT DISTINCT s.waits_for, s.waits_key FROM oms.stage_state AS s"
	" WHERE s.status = 'a' AND s.waits_key IS NOT NULL) AS w"
	" WHERE k.name = w.waits_for AND k.key = w.waits_key AND NOT k.pending"
};

static OmsStatement settle_pending = {
	.sql = "UPDATE oms.kept_message SET pending = false WHERE message_no = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static OmsStatement delete_kept = {
	.sql = "DELETE FROM oms.kept_message WHERE message_no = $1",
	.nargs = 1,
	.types = {INT8OID}
};

/* What was sent with an id that is dropped must not be guessed by its hash */
static OmsStatement drop_kept = {
	.sql = "WITH gone AS (DELETE FROM oms.kept_message WHERE name = $1 AND key = $2 RETURNING message_id),"
	" erased AS (UPDATE oms.message_id AS m SET request_hash = NULL FROM gone AS g WHERE m.message_id = g.message_id)"
	" SELECT count(*) FROM gone",
	.nargs = 2,
	.types = {TEXTOID, TEXTOID}
};

static OmsStatement delete_expired = {
	.sql = "DELETE FROM oms.kept_message WHERE message_no = ANY (ARRAY("
	"SELECT k.message_no FROM oms.kept_message AS k WHERE k.expires_at <= $1 ORDER BY k.expires_at LIMIT $2"
	" FOR UPDATE SKIP LOCKED))",
	.nargs = 2,
	.types = {TIMESTAMPTZOID, INT8OID}
};

static OmsStatement forget_ids = {
	.sql = "DELETE FROM oms.message_id WHERE message_id = ANY (ARRAY("
	"SELECT m.message_id FROM oms.message_id AS m WHERE m.until <= $1 ORDER BY m.until LIMIT $2"
	" FOR UPDATE SKIP LOCKED))",
	.nargs = 2,
	.types = {TIMESTAMPTZOID, INT8OID}
};

/* One that is remembered no longer counts as new */
static OmsStatement insert_id = {
	.sql = "INSERT INTO oms.message_id AS m (message_id, until, request_hash) VALUES ($1, $2, $3)"
	" ON CONFLICT (message_id) DO UPDATE SET until = excluded.until, request_hash = excluded.request_hash"
	" WHERE m.until <= $4",
	.nargs = 4,
	.types = {TEXTOID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID}
};

static OmsStatement select_id = {
	.sql = "SELECT request_hash FROM oms.message_id WHERE message_id = $1",
	.nargs = 1,
	.types = {TEXTOID}
};

static OmsStatement note_ticket = {
	.sql = "UPDATE oms.message_id SET ticket_id = $2 WHERE message_id = $1",
	.nargs = 2,
	.types = {TEXTOID, OMS_TICKET_TYPE}
};

static OmsStatement erase_hashes = {
	.sql = "UPDATE oms.message_id SET request_hash = NULL"
	" WHERE ticket_id = $1 AND ticket_id IS NOT NULL AND request_hash IS NOT NULL",
	.nargs = 1,
	.types = {OMS_TICKET_TYPE}
};

static Datum
column(uint64 row, int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

/* A text or payload of a row, in the caller's memory; NULL stays NULL */
static char *
text_column(uint64 row, int number, MemoryContext caller)
{
	bool		isnull;
	MemoryContext old = MemoryContextSwitchTo(caller);
	Datum		value = column(row, number, &isnull);
	char	   *result = isnull ? NULL : TextDatumGetCString(value);

	MemoryContextSwitchTo(old);
	return result;
}

/* {} is no output */
static Jsonb *
payload_column(uint64 row, int number, MemoryContext caller)
{
	bool		isnull;
	MemoryContext old = MemoryContextSwitchTo(caller);
	Jsonb	   *result = DatumGetJsonbPCopy(column(row, number, &isnull));

	MemoryContextSwitchTo(old);
	return JB_ROOT_IS_OBJECT(result) && JB_ROOT_COUNT(result) == 0 ? NULL : result;
}

/*
 * Have the messages of a name and key to oneself until the transaction ends; false if another has them.
 */
bool
oms_store_lock_messages(const char *name, const char *key)
{
	static LocalTransactionId counted;
	static int	nlocks;
	LOCKTAG		tag;
	uint64		hash = hash_combine64(hash_bytes_extended((const unsigned char *) name, strlen(name), 0),
									  hash_bytes_extended((const unsigned char *) key, strlen(key), 0));
	LockAcquireResult result;

	if (counted != oms_local_xid())
	{
		counted = oms_local_xid();
		nlocks = 0;
	}
	if (nlocks >= OMS_MAX_MESSAGE_LOCKS)
		return false;
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, LOCK_SPACE);
	result = LockAcquire(&tag, ExclusiveLock, false, true);
	nlocks += result == LOCKACQUIRE_OK;
	return result != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * The oldest message that was kept for a stage and that its sender may send there.  It is gone then.
 */
static bool
take_oldest(const OmsTicket *ticket, const OmsStage *stage, OmsMessage *message, MemoryContext caller)
{
	Datum		values[5] = {CStringGetTextDatum(stage->waits_for), CStringGetTextDatum(stage->waits_key), Int64GetDatum(0),
	TimestampTzGetDatum(ticket->real_now), Int64GetDatum(BATCH)};
	uint64		count;

	do
	{
		SPITupleTable *rows;

		CHECK_FOR_INTERRUPTS();
		count = oms_sql_by_index(&select_kept, values);
		rows = SPI_tuptable;
		for (uint64 i = 0; i < count; i++)
		{
			bool		isnull;

			SPI_tuptable = rows;
			values[2] = column(i, 1, &isnull);
			message->sender = text_column(i, 2, caller);
			if (!oms_may_send(message->sender, stage->owner, ticket->opened_by))
				continue;
			message->name = stage->waits_for;
			message->key = stage->waits_key;
			message->payload = payload_column(i, 3, caller);
			message->id = text_column(i, 4, caller);
			if (oms_sql_by_index(&take_kept, &values[2]) > 0)
			{
				oms_store_note_message(message, ticket->id);
				return true;
			}
		}
		SPI_freetuptable(rows);
	} while (count == BATCH);
	return false;
}

OmsMailbox
oms_store_take_message(const OmsTicket *ticket, const OmsStage *stage, OmsMessage *message)
{
	MemoryContext caller = CurrentMemoryContext;
	bool		found;

	if (!oms_store_lock_messages(stage->waits_for, stage->waits_key))
		return OMS_MAIL_BUSY;
	SPI_connect();
	found = take_oldest(ticket, stage, message, caller);
	SPI_finish();
	/* what was committed since the snapshot of the transaction is not seen */
	return found ? OMS_MAIL_TAKEN : IsolationUsesXactSnapshot() ? OMS_MAIL_BUSY : OMS_MAIL_NONE;
}

/*
 * Why an output cannot be stored; NULL: it can.
 */
const char *
oms_store_output_problem(const OmsTicket *ticket, const Jsonb *output)
{
	int64		bytes;

	if (output == NULL)
		return NULL;
	if (VARSIZE(output) > (int64) oms_max_output_size * 1024)
		return psprintf("as an output it has %d bytes, at most %d kB are possible", (int) VARSIZE(output), oms_max_output_size);
	bytes = (int64) ticket->output_bytes + VARSIZE(output);
	if (bytes > (int64) oms_max_ticket_output_size * 1024)
		return psprintf("with it the outputs of the ticket have " INT64_FORMAT " bytes, at most %d kB are possible", bytes,
						oms_max_ticket_output_size);
	return NULL;
}

/* ---- sending ---- */

/*
 * Remember that a message was sent; false if it was before, *same: and the rest of it is the same.  Waits for another
 * transaction with the same id.
 */
bool
oms_store_remember_message(const char *id, int64 hash, TimestampTz now, TimestampTz until, bool *same)
{
	Datum		values[4] = {CStringGetTextDatum(id), TimestampTzGetDatum(until), Int64GetDatum(hash), TimestampTzGetDatum(now)};
	bool		is_new;
	bool		erased;

	SPI_connect();
	is_new = oms_sql(&insert_id, values, NULL) > 0;
	*same = true;
	if (!is_new && oms_sql(&select_id, values, NULL) > 0)
		*same = DatumGetInt64(column(0, 1, &erased)) == hash || erased;
	SPI_finish();
	return is_new;
}

/*
 * A ticket has got a message: what is erased there must not be guessed by the hash that is kept with its id.
 */
void
oms_store_note_message(const OmsMessage *message, OmsTicketId ticket)
{
	Datum		values[2] = {0, TicketIdGetDatum(ticket)};

	if (message->id == NULL)
		return;
	values[0] = CStringGetTextDatum(message->id);
	SPI_connect();
	oms_sql_by_index(&note_ticket, values);
	SPI_finish();
}

/*
 * Forget the hashes of the messages that a ticket got.
 */
void
oms_store_erase_messages(OmsTicketId ticket)
{
	Datum		value = TicketIdGetDatum(ticket);

	SPI_connect();
	oms_sql_by_index(&erase_hashes, &value);
	SPI_finish();
}

/*
 * Keep a message until a stage waits for it.  pending: one may wait for it already.
 */
void
oms_store_keep_message(const OmsMessage *message, TimestampTz now, TimestampTz expires, bool pending)
{
	Datum		values[8] = {TimestampTzGetDatum(now), TimestampTzGetDatum(expires), BoolGetDatum(pending),
		CStringGetTextDatum(message->name), CStringGetTextDatum(message->key), CStringGetTextDatum(message->sender),
		message->id == NULL ? (Datum) 0 : CStringGetTextDatum(message->id),
	message->payload == NULL ? (Datum) 0 : JsonbPGetDatum(message->payload)};
	char		nulls[] = "        ";

	nulls[6] = message->id == NULL ? 'n' : ' ';
	nulls[7] = message->payload == NULL ? 'n' : ' ';
	SPI_connect();
	oms_sql(&insert_kept, values, nulls);
	SPI_finish();
}

static int64
count(OmsStatement *statement, Datum *values)
{
	bool		isnull;
	int64		result;

	SPI_connect();
	oms_sql_by_index(statement, values);
	result = DatumGetInt64(column(0, 1, &isnull));
	SPI_finish();
	return result;
}

/*
 * How many messages of a role are kept.
 */
int64
oms_store_messages_of(const char *role)
{
	Datum		value = CStringGetTextDatum(role);

	return count(&count_kept, &value);
}

/*
 * How many messages are kept.
 */
int64
oms_store_kept_messages(void)
{
	return count(&count_all_kept, NULL);
}

/*
 * Somebody may send more than before: kept messages for which a stage waits are pending again.  Returns whether there are any.
 */
bool
oms_store_look_at_messages_again(void)
{
	bool		any;

	SPI_connect();
	any = oms_sql(&look_again, NULL, NULL) > 0;
	SPI_finish();
	return any;
}

/* ---- what the worker does ---- */

/*
 * The next pending message after pending->no, which is locked; false if there is none.
 */
bool
oms_store_next_pending(OmsPendingMessage *pending, TimestampTz now)
{
	Datum		values[2] = {Int64GetDatum(pending->no), TimestampTzGetDatum(now)};
	MemoryContext caller = CurrentMemoryContext;
	bool		found;
	bool		isnull;

	SPI_connect();
	found = oms_sql_by_index(&select_pending, values) > 0;
	if (found)
	{
		pending->no = DatumGetInt64(column(0, 1, &isnull));
		pending->message.name = text_column(0, 2, caller);
		pending->message.key = text_column(0, 3, caller);
		pending->message.sender = text_column(0, 4, caller);
		pending->message.payload = payload_column(0, 5, caller);
		pending->message.id = text_column(0, 6, caller);
	}
	SPI_finish();
	return found;
}

/*
 * A pending message was delivered, or nobody waits for it.
 */
void
oms_store_settle_message(int64 no, bool delivered)
{
	Datum		value = Int64GetDatum(no);

	SPI_connect();
	oms_sql_by_index(delivered ? &delete_kept : &settle_pending, &value);
	SPI_finish();
}

/*
 * Drop all messages of a name and key; returns how many.
 */
int
oms_store_drop_messages(const char *name, const char *key)
{
	Datum		values[2] = {CStringGetTextDatum(name), CStringGetTextDatum(key)};

	return (int) count(&drop_kept, values);
}

/*
 * Forget messages that nobody waited for in time, and ids that need not be known any more; some at a time.
 */
void
oms_store_forget_messages(TimestampTz now)
{
	Datum		values[2] = {TimestampTzGetDatum(now), Int64GetDatum(MANY)};

	SPI_connect();
	oms_sql_by_index(&delete_expired, values);
	oms_sql_by_index(&forget_ids, values);
	SPI_finish();
}
