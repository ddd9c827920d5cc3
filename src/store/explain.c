/*
 * explain.c
 *		What people are told of a ticket: all of it, and why its stages are where they are.
 *
 * Both are put together in SQL, over the views: who may not read them may not ask.
 */
#include "postgres.h"

#include "store/spi.h"
#include "store/store.h"

static OmsStatement select_explained = {
	.sql = "SELECT stage, status, owner, since, until, why FROM oms_internal.explain($1)",
	.nargs = 1,
	.types = {OMS_TICKET_TYPE},
	.as_caller = true,
	.plan_once = true
};

/*
 * Report every stage of a ticket that is not finished, and those that would run by data that was amended since they were
 * skipped; as oms.explain() returns them.
 */
void
oms_store_explain(OmsTicketId ticket, OmsRowReport report, void *context)
{
	Datum		value = TicketIdGetDatum(ticket);

	SPI_connect();
	oms_sql_report(oms_sql(&select_explained, &value, NULL), report, context);
	SPI_finish();
}

static OmsStatement select_ticket = {
	.sql = "SELECT COALESCE((SELECT x.ticket FROM oms_internal.get_ticket($1) AS x (ticket)), oms.get_archived_ticket($1))",
	.nargs = 1,
	.types = {OMS_TICKET_TYPE},
	.as_caller = true,
	.plan_once = true
};

/*
 * A ticket that exists, archived or not, as oms.get_ticket() returns it, in the memory context of the caller.  It is one statement,
 * so that a ticket that is just being archived is seen at one of its places.
 */
Datum
oms_store_get_ticket(OmsTicketId ticket, bool *isnull)
{
	Datum		value = TicketIdGetDatum(ticket);
	Datum		found;

	SPI_connect();
	oms_sql_by_index(&select_ticket, &value);
	oms_sql_first_row(&found, isnull);
	if (!*isnull)
		found = SPI_datumTransfer(found, false, -1);
	SPI_finish();
	return found;
}
