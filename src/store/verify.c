/*
 * verify.c
 *		Are the chains whole, are they those that were sealed, and does everything else hold?
 */
#include "postgres.h"

#include "store/seal_verify.h"
#include "store/spi.h"
#include "store/store.h"
#include "store/tables.h"

/*
 * Verify the tickets of a scan of ticket_state, or of its twin in the archive; how many there were.
 */
static uint64
verify_scan(OmsScan *scan, bool archived, OmsProblemReport report, void *context)
{
	static const uint8 no_head[OMS_HASH_LEN] = {0};
	uint64		count = 0;

	oms_scan_begin_place(scan, "ticket_state", archived, archived ? TICKET_ARCHIVE_COLUMNS : TICKET_COLUMNS,
						 AccessShareLock);
	for (; oms_scan_next(scan); count++)
	{
		bytea	   *head = DatumGetByteaPP(scan->slot->tts_values[TICKET_HEAD]);

		oms_timeline_verify(DatumGetTicketId(scan->slot->tts_values[TICKET_ID]), archived,
							DatumGetInt32(scan->slot->tts_values[TICKET_SEQ]),
							VARSIZE_ANY_EXHDR(head) == OMS_HASH_LEN ? (uint8 *) VARDATA_ANY(head)
							: no_head, report, context);
	}
	oms_scan_end(scan);
	return count;
}

#define ORPHANS(archive) \
	"SELECT DISTINCT e.ticket_id FROM oms.timeline" archive " AS e WHERE NOT EXISTS" \
	" (SELECT FROM oms.ticket_state" archive " AS t WHERE t.ticket_id = e.ticket_id)" \
	" AND ($1 IS NULL OR e.ticket_id = $1)"

static OmsStatement select_orphans = {
	.sql = ORPHANS(""),
	.nargs = 1,
	.types = {OMS_TICKET_TYPE}
};

static OmsStatement select_archived_orphans = {
	.sql = ORPHANS("_archive"),
	.nargs = 1,
	.types = {OMS_TICKET_TYPE}
};

/*
 * Events whose ticket is not where they are; how many such tickets.
 */
static uint64
verify_orphans(const OmsTicketId *ticket, bool archived, OmsProblemReport report, void *context)
{
	Datum		value = ticket == NULL ? (Datum) 0 : TicketIdGetDatum(*ticket);
	uint64		count;

	SPI_connect();
	count = oms_sql(archived ? &select_archived_orphans : &select_orphans, &value, ticket == NULL ? "n" : NULL);
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		id = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		oms_timeline_verify(DatumGetTicketId(id), archived, 0, NULL, report, context);
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
	uint64		count = 0;

	for (int archived = 0; archived <= 1; archived++)
	{
		OmsScan		scan;

		scan.nkeys = 0;
		if (ticket != NULL)
			oms_scan_key_ticket(&scan, *ticket);
		count += verify_scan(&scan, archived, report, context);
		count += verify_orphans(ticket, archived, report, context);
	}
	return count + oms_store_verify_seals(ticket, report, context);
}

/* The model is plain SQL (oms_internal.check_all); only those who may read it may run it */
static OmsStatement select_findings = {
	.sql = "SELECT kind, ticket, detail FROM oms_internal.check_all",
	.as_caller = true,
	.plan_once = true
};

static OmsStatement select_findings_of_ticket = {
	.sql = "SELECT kind, ticket, detail FROM oms_internal.check_guards"
	" UNION ALL"
	" SELECT kind, ticket, detail FROM oms_internal.check_all WHERE ticket = $1"
	" UNION ALL"
	" SELECT 'orphans', $1, 'no such ticket'"
	" WHERE NOT EXISTS (SELECT FROM oms.ticket AS t WHERE t.ticket_id = $1)"
	" AND NOT EXISTS (SELECT FROM oms.archived_ticket AS t WHERE t.ticket_id = $1)",
	.nargs = 1,
	.types = {OMS_TICKET_TYPE},
	.as_caller = true,
	.plan_once = true
};

/*
 * Report every invariant of a ticket (NULL: of everything) that does not hold; how many there are.
 */
uint64
oms_store_check(const OmsTicketId *ticket, OmsRowReport report, void *context)
{
	Datum		value = ticket == NULL ? (Datum) 0 : TicketIdGetDatum(*ticket);
	uint64		count;

	SPI_connect();
	count = oms_sql_by_hash(ticket == NULL ? &select_findings : &select_findings_of_ticket, &value);
	oms_sql_report(count, report, context);
	SPI_finish();
	return count;
}
