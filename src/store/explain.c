/*
 * explain.c
 *		Why the stages of a ticket are where they are.
 */
#include "postgres.h"

#include "store/spi.h"
#include "store/store.h"

/* The words are put together in SQL, over the views: who may not read them may not ask */
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
