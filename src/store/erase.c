/*
 * erase.c
 *		Taking personal data out of what is otherwise kept for ever.
 *
 * The one place that changes the content of the timeline: note or payload and the salt go, their digests stay,
 * so that the chain can still be verified and the content cannot be guessed back.  The ticket is locked
 * by the caller, who also records what was erased; locking brings an archived one back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/erase.h"
#include "store/slot.h"
#include "store/spi.h"
#include "store/tables.h"

static OmsStatement select_tickets = {
	.sql = "SELECT t.ticket_id FROM (SELECT x.ticket_id FROM oms.ticket_state AS x"
	" WHERE x.applicant = $1"
	" UNION ALL SELECT x.ticket_id FROM oms.ticket_state_archive AS x"
	" WHERE x.applicant = $1) AS t"
	" ORDER BY t.ticket_id",
	.nargs = 1,
	.types = {TEXTOID}
};

static Datum
digest_datum(const uint8 *salt, const char *content, int len)
{
	bytea	   *digest = palloc(VARHDRSZ + OMS_HASH_LEN);

	SET_VARSIZE(digest, VARHDRSZ + OMS_HASH_LEN);
	oms_chain_digest(salt, content, len, (uint8 *) VARDATA(digest));
	return PointerGetDatum(digest);
}

static void
drop_note(TupleTableSlot *row, const uint8 *salt)
{
	char	   *note;

	if (row->tts_isnull[TIMELINE_NOTE])
		return;
	note = TextDatumGetCString(row->tts_values[TIMELINE_NOTE]);
	row->tts_values[TIMELINE_NOTE_DIGEST] = digest_datum(salt, note, strlen(note));
	row->tts_isnull[TIMELINE_NOTE_DIGEST] = false;
	row->tts_isnull[TIMELINE_NOTE] = true;
}

static void
drop_payload(TupleTableSlot *row, const uint8 *salt)
{
	Jsonb	   *payload;
	StringInfoData text;

	if (row->tts_isnull[TIMELINE_PAYLOAD])
		return;
	payload = DatumGetJsonbP(row->tts_values[TIMELINE_PAYLOAD]);
	initStringInfo(&text);
	JsonbToCString(&text, &payload->root, VARSIZE(payload));
	row->tts_values[TIMELINE_PAYLOAD_DIGEST] = digest_datum(salt, text.data, text.len);
	row->tts_isnull[TIMELINE_PAYLOAD_DIGEST] = false;
	row->tts_isnull[TIMELINE_PAYLOAD] = true;
}

/*
 * A hold keeps a copy of its reason, the note of its event.
 */
static void
erase_hold(OmsTicketId ticket, int seq)
{
	OmsScan		scan;
	OmsWriter	writer;

	oms_scan_key_ticket(&scan, ticket);
	oms_scan_key(&scan, int4eq, InvalidOid, Int32GetDatum(seq));
	oms_scan_begin(&scan, "hold", "hold_pkey", HOLD_COLUMNS, RowExclusiveLock);
	if (oms_scan_next(&scan))
	{
		ItemPointerData tid = scan.slot->tts_tid;
		TupleTableSlot *row;

		oms_writer_begin(&writer, "hold", HOLD_COLUMNS);
		row = oms_writer_row(&writer);
		memcpy(row->tts_values, scan.slot->tts_values, sizeof(Datum) * HOLD_COLUMNS);
		memcpy(row->tts_isnull, scan.slot->tts_isnull, sizeof(bool) * HOLD_COLUMNS);
		row->tts_values[HOLD_REASON] = CStringGetTextDatum("erased");
		oms_writer_update(&writer, &tid, row);
		oms_writer_end(&writer);
	}
	oms_scan_end(&scan);
}

/*
 * Rewrite the current event of a scan without note and payload.  They go together, since they share the
 * salt; only escalations and amendments have both.  False if there is nothing to erase.
 */
static bool
erase_current(OmsScan *scan)
{
	OmsWriter	writer;
	TupleTableSlot *row;
	ItemPointerData tid = scan->slot->tts_tid;
	const uint8 *salt;

	if (scan->slot->tts_isnull[TIMELINE_SALT])
		return false;
	salt = (uint8 *) VARDATA_ANY(DatumGetByteaPP(scan->slot->tts_values[TIMELINE_SALT]));
	oms_writer_begin(&writer, "timeline", TIMELINE_COLUMNS);
	row = oms_writer_row(&writer);
	memcpy(row->tts_values, scan->slot->tts_values, sizeof(Datum) * TIMELINE_COLUMNS);
	memcpy(row->tts_isnull, scan->slot->tts_isnull, sizeof(bool) * TIMELINE_COLUMNS);
	drop_note(row, salt);
	drop_payload(row, salt);
	row->tts_isnull[TIMELINE_SALT] = true;
	oms_writer_update(&writer, &tid, row);
	oms_writer_end(&writer);
	erase_hold(DatumGetTicketId(scan->slot->tts_values[TIMELINE_TICKET_ID]),
			   DatumGetInt32(scan->slot->tts_values[TIMELINE_SEQ]));
	return true;
}

/*
 * Erase the content of one event of a locked ticket; false if it has none.
 */
bool
oms_store_erase_event(const OmsTicket *ticket, int seq)
{
	OmsScan		scan;
	bool		erased;

	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_key(&scan, int4eq, InvalidOid, Int32GetDatum(seq));
	oms_scan_begin(&scan, "timeline", "timeline_pkey", TIMELINE_COLUMNS, RowExclusiveLock);
	erased = oms_scan_next(&scan) && erase_current(&scan);
	oms_scan_end(&scan);
	return erased;
}

/*
 * Erase the note of one event of a locked ticket; false if it has none.
 */
bool
oms_store_erase_note(const OmsTicket *ticket, int seq)
{
	OmsScan		scan;
	bool		erased;

	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_key(&scan, int4eq, InvalidOid, Int32GetDatum(seq));
	oms_scan_begin(&scan, "timeline", "timeline_pkey", TIMELINE_COLUMNS, RowExclusiveLock);
	erased = oms_scan_next(&scan) && !scan.slot->tts_isnull[TIMELINE_NOTE] && erase_current(&scan);
	oms_scan_end(&scan);
	return erased;
}

/*
 * Erase every note of a locked ticket but the reasons of erasures, and with "payloads" everything else that was said.  Returns how
 * many events lost their content.
 */
int
oms_store_erase_events(const OmsTicket *ticket, bool payloads)
{
	OmsScan		scan;
	int			count = 0;

	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_begin(&scan, "timeline", "timeline_pkey", TIMELINE_COLUMNS, RowExclusiveLock);
	while (oms_scan_next(&scan))
		if (payloads || (!scan.slot->tts_isnull[TIMELINE_NOTE] &&
						 strcmp(oms_slot_text(scan.slot, TIMELINE_STATUS), "erased") != 0))
			count += erase_current(&scan);
	oms_scan_end(&scan);
	return count;
}

/* Is the current event of a scan an earlier version of the ticket's data? */
static bool
is_old_data(const OmsTicket *ticket, const OmsScan *scan)
{
	return scan->slot->tts_isnull[TIMELINE_STAGE] && !scan->slot->tts_isnull[TIMELINE_PAYLOAD] &&
		oms_slot_int(scan->slot, TIMELINE_SEQ) != ticket->data_seq;
}

/*
 * Does this hold for one of the earlier versions of the data?
 */
bool
oms_store_find_old_data(const OmsTicket *ticket, OmsDataTest test, const void *context)
{
	OmsScan		scan;
	bool		found = false;
	MemoryContext step = AllocSetContextCreate(CurrentMemoryContext, "oms erase", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;

	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_begin(&scan, "timeline", "timeline_pkey", TIMELINE_COLUMNS, AccessShareLock);
	while (!found && oms_scan_next(&scan))
		if (is_old_data(ticket, &scan))
		{
			MemoryContextSwitchTo(step);
			found = test(context, DatumGetJsonbP(scan.slot->tts_values[TIMELINE_PAYLOAD]));
			MemoryContextSwitchTo(old);
			MemoryContextReset(step);
		}
	oms_scan_end(&scan);
	MemoryContextDelete(step);
	return found;
}

/*
 * Erase the earlier versions of the data: nothing needs them any more.
 */
void
oms_store_erase_old_data(const OmsTicket *ticket)
{
	OmsScan		scan;

	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_begin(&scan, "timeline", "timeline_pkey", TIMELINE_COLUMNS, RowExclusiveLock);
	while (oms_scan_next(&scan))
		if (is_old_data(ticket, &scan))
			erase_current(&scan);
	oms_scan_end(&scan);
}

/*
 * Erase the outputs of the earlier cycles of a stage; false if there are none.
 */
bool
oms_store_erase_past_outputs(const OmsTicket *ticket, int no)
{
	OmsScan		scan;
	bool		erased = false;

	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_key(&scan, int2eq, InvalidOid, Int16GetDatum(no));
	oms_scan_begin(&scan, "stage_past", "stage_past_pkey", STAGE_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
	{
		int			seq = oms_slot_int(scan.slot, STAGE_OUTPUT_SEQ);

		if (seq != 0 && oms_store_erase_event(ticket, seq))
			erased = true;
	}
	oms_scan_end(&scan);
	return erased;
}

/*
 * Forget the digest of the request that opened a ticket: data could be guessed with it.
 */
void
oms_store_erase_request(OmsTicketId ticket)
{
	OmsScan		scan;
	OmsWriter	writer;

	oms_scan_key_ticket(&scan, ticket);
	oms_scan_begin(&scan, "idempotency", "idempotency_ticket", IDEMPOTENCY_COLUMNS, RowExclusiveLock);
	while (oms_scan_next(&scan))
	{
		ItemPointerData tid = scan.slot->tts_tid;
		TupleTableSlot *row;

		oms_writer_begin(&writer, "idempotency", IDEMPOTENCY_COLUMNS);
		row = oms_writer_row(&writer);
		memcpy(row->tts_values, scan.slot->tts_values, sizeof(Datum) * IDEMPOTENCY_COLUMNS);
		memcpy(row->tts_isnull, scan.slot->tts_isnull, sizeof(bool) * IDEMPOTENCY_COLUMNS);
		row->tts_isnull[IDEMPOTENCY_REQUEST_HASH] = true;
		oms_writer_update(&writer, &tid, row);
		oms_writer_end(&writer);
	}
	oms_scan_end(&scan);
}

/*
 * The tickets of an applicant, archived ones too, in the order of their numbers, as a list of OmsTicketId *.
 */
List *
oms_store_tickets_of(const char *applicant)
{
	Datum		value = CStringGetTextDatum(applicant);
	MemoryContext caller = CurrentMemoryContext;
	List	   *tickets = NIL;
	uint64		count;

	SPI_connect();
	count = oms_sql_by_index(&select_tickets, &value);
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;
		MemoryContext old = MemoryContextSwitchTo(caller);
		OmsTicketId *id = palloc(sizeof(OmsTicketId));

		*id = DatumGetTicketId(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		tickets = lappend(tickets, id);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return tickets;
}
