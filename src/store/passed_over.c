/*
 * passed_over.c
 *		Tickets that a walk passed over and that it is to come back to, since it does not pass them again.
 *
 * Seals and roll-ups go by transactions and keep a horizon below which all is done.  A ticket that raises an error
 * holds up neither the horizon nor the others: it is noted in oms.passed_over, with the transactions that were
 * looked through, in the transaction that moves the horizon on.  The next walks try it again, those that were tried
 * least first, and take the note away when it raises no error any more.  oms_isolate_one() sees to the pauses between two
 * tries, and that the error is shown.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "store/passed_over.h"

/* Tickets that are read at once, and that are tried again in one go: fewer than end a walk */
#define TICKETS_PER_PAGE	1000
#define TRIED_AGAIN			50

static OmsStatement insert_ticket = {
	.sql = "INSERT INTO oms.passed_over AS p (step, ticket_id, since, before, tries) VALUES ($1, $2, $3, $4, 1)"
	" ON CONFLICT (step, ticket_id, since) DO UPDATE SET tries = p.tries + 1",
	.nargs = 4,
	.types = {TEXTOID, OMS_TICKET_TYPE, INT8OID, INT8OID}
};

static OmsStatement delete_ticket = {
	.sql = "DELETE FROM oms.passed_over WHERE step = $1 AND ticket_id = $2"
	" AND since = $3",
	.nargs = 3,
	.types = {TEXTOID, OMS_TICKET_TYPE, INT8OID}
};

static OmsStatement delete_all = {
	.sql = "DELETE FROM oms.passed_over WHERE step = $1",
	.nargs = 1,
	.types = {TEXTOID}
};

static OmsStatement select_again = {
	.sql = "SELECT a.ticket_id, a.since, a.before FROM (SELECT p.ticket_id, p.since, p.before FROM oms.passed_over AS p"
	" WHERE p.step = $1 ORDER BY p.tries, p.ticket_id"
	" LIMIT $2) AS a"
	" ORDER BY a.ticket_id, a.since",
	.nargs = 2,
	.types = {TEXTOID, INT8OID}
};

static Datum
step_datum(OmsStep step)
{
	return CStringGetTextDatum(oms_shared_step_name(step));
}

static int64
get_int64(const SPITupleTable *rows, uint64 row, int column)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(rows->vals[row], rows->tupdesc, column, &isnull));
}

static void
pass_over(const OmsIsolation *isolation)
{
	Datum		values[4] = {step_datum(isolation->step), TicketIdGetDatum(isolation->ticket),
	Int64GetDatum((int64) isolation->since), Int64GetDatum((int64) isolation->before)};

	SPI_connect();
	oms_sql(&insert_ticket, values, NULL);
	SPI_finish();
}

/*
 * Visit the tickets that a statement names, one by one, between SPI_connect and SPI_finish; isolation->ticket is the
 * one at hand, and since and before, which the caller has set, are noted with those that are passed over; returns how many.
 */
int64
oms_passed_over_each(OmsIsolation *isolation, OmsStatement *tickets, Datum *values, OmsWork visit, void *context)
{
	Portal		portal = oms_sql_open(tickets, values, NULL);
	OmsTicketId page[TICKETS_PER_PAGE];
	int			count;
	int64		passed_over = 0;

	do
	{
		SPI_cursor_fetch(portal, true, TICKETS_PER_PAGE);
		count = (int) SPI_processed;
		for (int i = 0; i < count; i++)
			page[i] = (OmsTicketId) get_int64(SPI_tuptable, i, 1);
		SPI_freetuptable(SPI_tuptable);
		for (int i = 0; i < count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			isolation->ticket = page[i];
			if (oms_isolate_one(isolation, page[i], OMS_NO_STAGE, visit, context))
				continue;
			pass_over(isolation);
			passed_over++;
		}
	} while (count == TICKETS_PER_PAGE);
	SPI_cursor_close(portal);
	return passed_over;
}

static void
take_away(const OmsIsolation *isolation)
{
	Datum		values[3] = {step_datum(isolation->step), TicketIdGetDatum(isolation->ticket),
	Int64GetDatum((int64) isolation->since)};

	SPI_connect();
	oms_sql(&delete_ticket, values, NULL);
	SPI_finish();
}

/*
 * Visit some of the tickets that a step passed over, in the order of their numbers, between SPI_connect and SPI_finish;
 * isolation->ticket, since and before are those at hand.
 */
void
oms_passed_over_again(OmsIsolation *isolation, OmsStep step, OmsWork visit, void *context)
{
	Datum		values[2] = {step_datum(step), Int64GetDatum(TRIED_AGAIN)};
	SPITupleTable *rows;
	uint64		count;

	count = oms_sql(&select_again, values, NULL);
	if (count == 0)
		return;
	rows = SPI_tuptable;
	oms_isolate_apart(isolation, step);
	for (uint64 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		isolation->ticket = (OmsTicketId) get_int64(rows, i, 1);
		isolation->since = (uint64) get_int64(rows, i, 2);
		isolation->before = (uint64) get_int64(rows, i, 3);
		if (oms_isolate_one(isolation, isolation->ticket, OMS_NO_STAGE, visit, context))
			take_away(isolation);
		else
			pass_over(isolation);
	}
}

/*
 * Forget what a step passed over, which begins again.
 */
void
oms_passed_over_forget(OmsStep step)
{
	Datum		values[1] = {step_datum(step)};

	oms_sql(&delete_all, values, NULL);
}
