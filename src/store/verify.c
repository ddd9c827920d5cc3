/*
 * verify.c
 *		Are the chains whole, and are they those that were sealed?
 */
#include "postgres.h"

#include "store/seal.h"
#include "store/spi.h"
#include "store/store.h"
#include "store/tables.h"

/*
 * Verify the tickets of a scan of ticket_state; how many there were.
 */
static uint64
verify_scan(OmsScan *scan, OmsProblemReport report, void *context)
{
	static const uint8 no_head[OMS_HASH_LEN] = {0};
	uint64		count = 0;

	oms_scan_begin(scan, "ticket_state", "ticket_state_pkey", TICKET_COLUMNS, AccessShareLock);
	for (; oms_scan_next(scan); count++)
	{
		bytea	   *head = DatumGetByteaPP(scan->slot->tts_values[TICKET_HEAD]);

		oms_timeline_verify(DatumGetTicketId(scan->slot->tts_values[TICKET_ID]),
							DatumGetInt32(scan->slot->tts_values[TICKET_SEQ]),
							VARSIZE_ANY_EXHDR(head) == OMS_HASH_LEN ? (uint8 *) VARDATA_ANY(head)
							: no_head, report, context);
	}
	oms_scan_end(scan);
	return count;
}

static OmsStatement select_orphans = {
	.sql = "SELECT DISTINCT e.ticket_id FROM oms.timeline AS e WHERE NOT EXISTS"
	" (SELECT FROM oms.ticket_state AS t WHERE t.ticket_id OPERATOR(pg_catalog.=) e.ticket_id)"
	" AND ($1 IS NULL OR e.ticket_id OPERATOR(pg_catalog.=) $1)",
	.nargs = 1,
	.types = {OMS_TICKET_TYPE}
};

/*
 * Events whose ticket is gone; how many such tickets.
 */
static uint64
verify_orphans(const OmsTicketId *ticket, OmsProblemReport report, void *context)
{
	Datum		value = ticket == NULL ? (Datum) 0 : TicketIdGetDatum(*ticket);
	uint64		count;

	SPI_connect();
	count = oms_sql(&select_orphans, &value, ticket == NULL ? "n" : NULL);
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		id = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		oms_timeline_verify(DatumGetTicketId(id), 0, NULL, report, context);
	}
	SPI_finish();
	return count;
}

/*
 * Report everything that does not fit in the chain of a ticket (NULL: of every ticket) and between it
 * and its seals, under the active snapshot.  Returns how many tickets there were.
 */
uint64
oms_store_verify(const OmsTicketId *ticket, OmsProblemReport report, void *context)
{
	OmsScan		scan;

	scan.nkeys = 0;
	if (ticket != NULL)
		oms_scan_key_ticket(&scan, *ticket);
	return verify_scan(&scan, report, context) + verify_orphans(ticket, report, context) +
		oms_store_verify_seals(ticket, report, context);
}
