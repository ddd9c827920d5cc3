/*
 * rollup.c
 *		Keeps oms.rollup, from which the reports add up what is finished.
 *
 * A finished cycle is a fact that never changes, so it is counted once.  oms.rollup_state keeps a
 * horizon: the cycles that were finished by a transaction below it, and no others, stand in oms.rollup.
 * Everything below the next horizon (the oldest transaction that is still running) is over and can be
 * seen, so what commits late is from the horizon on, where the next call looks, and the reports until
 * then.  The "done" events of the timeline tell which cycles these are, by its BRIN index.
 *
 * Without a horizon nothing has been rolled up: the first call takes what is in the tables, whatever
 * transaction it came with, since a restored timeline has the numbers of another server.  What of it has
 * a number from the new horizon on is noted in oms.rollup_ahead, so that it is not counted again when
 * the horizon, or the numbers of this server, get there.
 *
 * The worker does it in slices, with a transaction each: of the transactions since the horizon, or, the first time, of all
 * tickets in the order of their numbers.  What a ticket finishes after its slice is from the horizon on
 * that was taken before the first one, and not noted; so it is counted later.  Until the last slice there is
 * no horizon, and nobody looks at the cells.
 *
 * Locks: the row of oms.rollup_state, so that there is one at a time; nobody else waits for it.  Under
 * REPEATABLE READ a roll-up since the snapshot is a serialization failure at that row.  The SQL that
 * this needs stands in oms--1.0.sql, beside the reports that add to it what happened since.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "store/changes.h"
#include "store/horizon.h"
#include "store/outbox.h"
#include "store/passed_over.h"
#include "store/rollup.h"
#include "store/spi.h"

/* Without anything finished, the horizon moves on after so many transactions */
#define IDLE_TRANSACTIONS	1000
/*
 * Tickets in a slice; cycles, as far as the slices before let expect; and transactions in the first one.  A slice is what
 * the worker's timers and events wait for, so it should take some tens of milliseconds.
 */
#define SLICE_TICKETS		250
#define SLICE_CYCLES		1000
#define FIRST_WINDOW		1000

static OmsStatement lock_state = {
	.sql = "SELECT horizon FROM oms.rollup_state FOR UPDATE"
};

static OmsStatement try_lock_state = {
	.sql = "SELECT horizon FROM oms.rollup_state FOR UPDATE SKIP LOCKED"
};

/* What is behind the horizon need not be noted any more, but of tickets that are yet to be come back to */
static OmsStatement save_state = {
	.sql = "WITH behind AS (DELETE FROM oms.rollup_ahead AS a WHERE a.watermark < $1"
	" AND NOT EXISTS (SELECT FROM oms.passed_over AS p WHERE p.ticket_id = a.ticket_id))"
	" UPDATE oms.rollup_state SET horizon = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static OmsStatement delete_cells = {
	.sql = "DELETE FROM oms.rollup"
};

static OmsStatement delete_ahead = {
	.sql = "DELETE FROM oms.rollup_ahead"
};

static OmsStatement forget_horizon = {
	.sql = "UPDATE oms.rollup_state SET horizon = NULL WHERE horizon IS NOT NULL"
};

static OmsStatement select_end_of_slice = {
	.sql = "SELECT ticket_id FROM oms_internal.report_ticket WHERE ticket_id > $1"
	" ORDER BY ticket_id OFFSET $2 LIMIT 1",
	.nargs = 2,
	.types = {OMS_TICKET_TYPE, INT8OID}
};

/* Add cells, merge those that are there, and tell how many cycles they count */
#define ADD_CELLS \
	", added AS (INSERT INTO oms.rollup AS r SELECT p.* FROM pack AS p" \
	" ON CONFLICT (kind, at, workflow_id, stage_no, owner) DO UPDATE SET" \
	" finished = r.finished + excluded.finished," \
	" again = r.again + excluded.again," \
	" met = r.met + excluded.met," \
	" breached = r.breached + excluded.breached," \
	" moved = r.moved + excluded.moved," \
	" moved_limited = r.moved_limited + excluded.moved_limited," \
	" wait_us = r.wait_us + excluded.wait_us," \
	" work_us = r.work_us + excluded.work_us," \
	" hold_us = r.hold_us + excluded.hold_us," \
	" rework_us = r.rework_us + excluded.rework_us," \
	" ratios = (SELECT oms_internal.report_ratios(x.ratios) FROM (VALUES (r.ratios), (excluded.ratios)) AS x (ratios))," \
	" met_due = r.met_due || excluded.met_due," \
	" breached_due = r.breached_due || excluded.breached_due)" \
	" SELECT COALESCE(sum(p.finished) FILTER (WHERE p.kind = 'f'), 0)" \
	"::int8 FROM pack AS p"

/*
 * One statement each, so that what is counted and what is noted is of the same moment.
 */
static OmsStatement add_everything = {
	.sql = "WITH ahead AS (INSERT INTO oms.rollup_ahead"
	" SELECT e.ticket_id, e.watermark, e.cycle, e.stage_no FROM oms_internal.report_event AS e"
	" WHERE e.watermark >= $1 ON CONFLICT DO NOTHING)"
	", pack AS MATERIALIZED (SELECT p.* FROM oms_internal.report_pack(NULL, NULL, NULL, NULL) AS p)"
	ADD_CELLS,
	.nargs = 1,
	.types = {INT8OID}
};

static OmsStatement add_tickets = {
	.sql = "WITH ahead AS (INSERT INTO oms.rollup_ahead"
	" SELECT e.ticket_id, e.watermark, e.cycle, e.stage_no FROM oms_internal.report_event AS e"
	" WHERE e.watermark >= $1 AND e.ticket_id > $2"
	" AND e.ticket_id <= $3 ON CONFLICT DO NOTHING)"
	", pack AS MATERIALIZED (SELECT p.* FROM oms_internal.report_pack(NULL, NULL, $2, $3) AS p)"
	ADD_CELLS,
	.nargs = 3,
	.types = {INT8OID, OMS_TICKET_TYPE, OMS_TICKET_TYPE}
};

static OmsStatement add_since = {
	.sql = "WITH pack AS MATERIALIZED (SELECT p.* FROM oms_internal.report_pack($1, $2, NULL, NULL) AS p)"
	ADD_CELLS,
	.nargs = 2,
	.types = {INT8OID, INT8OID}
};

static OmsStatement add_of_ticket = {
	.sql = "WITH pack AS MATERIALIZED (SELECT p.* FROM oms_internal.report_pack($1, $2, NULL, $3) AS p)"
	ADD_CELLS,
	.nargs = 3,
	.types = {INT8OID, INT8OID, OMS_TICKET_TYPE}
};

/* The tickets of each of these, to go through them one by one */
static OmsStatement select_finished_since = {
	.sql = "SELECT DISTINCT e.ticket_id FROM oms_internal.report_end AS e"
	" WHERE e.watermark >= $1 AND e.watermark < $2",
	.nargs = 2,
	.types = {INT8OID, INT8OID}
};

static OmsStatement select_tickets = {
	.sql = "SELECT t.ticket_id FROM oms_internal.report_ticket AS t"
	" WHERE t.ticket_id > $1 AND t.ticket_id <= $2",
	.nargs = 2,
	.types = {OMS_TICKET_TYPE, OMS_TICKET_TYPE}
};

static int64
first_number(bool *isnull)
{
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull));
}

/*
 * Become the one that rolls up.  False if somebody else is, and we do not wait.  *horizon is 0 if
 * nothing has been rolled up.
 */
static bool
begin_rolling(bool wait, uint64 *horizon)
{
	bool		locked = oms_sql(wait ? &lock_state : &try_lock_state, NULL, NULL) > 0;
	bool		isnull;

	if (!locked && wait)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"oms.rollup_state\" has lost its row"),
				 errhint("INSERT INTO oms.rollup_state (horizon) VALUES (NULL); then everything is rolled up again.")));
	if (!locked)
		return false;
	*horizon = (uint64) first_number(&isnull);
	if (isnull)
		*horizon = 0;
	return true;
}

/* What was rolled up is of no use */
static void
forget_cells(void)
{
	oms_sql(&forget_horizon, NULL, NULL);
	oms_sql(&delete_cells, NULL, NULL);
	oms_sql(&delete_ahead, NULL, NULL);
	oms_passed_over_forget(OMS_STEP_ROLL_UP);
}

static void
save_horizon(uint64 horizon)
{
	Datum		args[1] = {Int64GetDatum((int64) horizon)};

	oms_sql(&save_state, args, NULL);
}

/* Cycles that are rolled up: all at once, or, if that raises an error, ticket by ticket */
typedef struct Rolling
{
	OmsIsolation isolation;
	OmsStatement *add;
	bool		by_index;		/* that statement is to go by the indexes */
	Datum	   *values;			/* of that statement */
	OmsStatement *tickets;
	Datum	   *of_tickets;
	uint64		since;			/* those of one ticket are told by their transactions */
	uint64		before;
	int64		added;
	int64		passed_over;	/* tickets */
} Rolling;

static int64
add_cells(OmsStatement *statement, bool by_index, Datum *values)
{
	int64		added;
	bool		isnull;

	SPI_connect();
	if (by_index)
		oms_sql_by_index(statement, values);
	else
		oms_sql(statement, values, NULL);
	added = first_number(&isnull);
	SPI_finish();
	return added;
}

static void
roll_up_ticket(void *context)
{
	Rolling    *rolling = context;
	Datum		values[3] = {Int64GetDatum((int64) rolling->isolation.since), Int64GetDatum((int64) rolling->isolation.before),
	TicketIdGetDatum(rolling->isolation.ticket)};

	rolling->added += add_cells(&add_of_ticket, false, values);
}

static void
roll_up_all(void *context)
{
	Rolling    *rolling = context;

	if (!rolling->isolation.apart)
	{
		rolling->added += add_cells(rolling->add, rolling->by_index, rolling->values);
		return;
	}
	rolling->isolation.since = rolling->since;
	rolling->isolation.before = rolling->before;
	rolling->passed_over = oms_passed_over_each(&rolling->isolation, rolling->tickets, rolling->of_tickets,
												roll_up_ticket, rolling);
}

static void
forget_added(void *context)
{
	((Rolling *) context)->added = 0;
}

/*
 * Returns how many cycles were added.  *found: there were some, or tickets that were passed over, so that the horizon is to
 * be moved past them.
 */
static int64
roll_up(Rolling *rolling, bool *found)
{
	oms_isolate(&rolling->isolation, OMS_STEP_ROLL_UP, roll_up_all, forget_added, rolling);
	*found = rolling->added > 0 || rolling->passed_over > 0;
	return rolling->added;
}

/*
 * Roll up what was passed over, as far as it raises no error any more.
 */
static int64
roll_up_again(void)
{
	Rolling		rolling = {.added = 0};

	oms_passed_over_again(&rolling.isolation, OMS_STEP_ROLL_UP, roll_up_ticket, &rolling);
	return rolling.added;
}

/*
 * Roll up what transactions from "since" to before "before" finished.
 */
static int64
roll_up_transactions(uint64 since, uint64 before, bool *found)
{
	Datum		values[2] = {Int64GetDatum((int64) since), Int64GetDatum((int64) before)};
	Rolling		rolling = {
		.add = &add_since, .values = values,
		.tickets = &select_finished_since, .of_tickets = values,
		.since = since, .before = before
	};

	return roll_up(&rolling, found);
}

/*
 * Roll up everything, with a horizon.
 */
static int64
roll_up_everything(uint64 horizon, bool *found)
{
	Datum		values[1] = {Int64GetDatum((int64) horizon)};
	Datum		of_tickets[2] = {TicketIdGetDatum(0), TicketIdGetDatum(PG_INT64_MAX)};
	Rolling		rolling = {
		.add = &add_everything, .values = values,
		.tickets = &select_tickets, .of_tickets = of_tickets,
		.before = horizon
	};

	return roll_up(&rolling, found);
}

/*
 * Roll up what was finished since the last time, or everything again.  Returns how many finished cycles
 * were added.  Waits for another one that is just rolling up.
 */
int64
oms_store_roll_up(bool everything)
{
	uint64		since;
	uint64		before;
	int64		added;
	bool		again;
	bool		found;

	SPI_connect();
	(void) begin_rolling(true, &since);
	before = oms_store_horizon();
	/* a horizon that this server has not reached was kept by another one */
	again = everything || since == 0 || since > before;
	if (again)
	{
		forget_cells();
		added = roll_up_everything(before, &found);
	}
	else
		added = roll_up_again() + roll_up_transactions(since, before, &found);
	/* while there is nothing at all, whatever comes may still come from another server */
	if (found || (since > 0 && (again || before - since >= IDLE_TRANSACTIONS)))
		save_horizon(before);
	SPI_finish();
	return added;
}

/*
 * The last ticket of a slice that begins after the given one; past all of them if it is the last slice.
 */
static OmsTicketId
end_of_slice(OmsTicketId after)
{
	Datum		args[2] = {TicketIdGetDatum(after), Int64GetDatum(SLICE_TICKETS - 1)};
	bool		isnull;

	if (oms_sql_by_index(&select_end_of_slice, args) == 0)
		return PG_INT64_MAX;
	return DatumGetTicketId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/*
 * A slice of all tickets.  True if there is more.
 */
static bool
roll_up_tickets(OmsWalk *walk, uint64 before)
{
	OmsTicketId end = end_of_slice(walk->after);
	Datum		values[3];
	Rolling		rolling = {
		.add = &add_tickets, .by_index = true, .values = values,
		.tickets = &select_tickets, .of_tickets = values + 1
	};
	bool		found;

	if (walk->after == 0)
	{
		forget_cells();
		walk->horizon = before;
		walk->found = false;
	}
	values[0] = Int64GetDatum((int64) walk->horizon);
	values[1] = TicketIdGetDatum(walk->after);
	values[2] = TicketIdGetDatum(end);
	rolling.before = walk->horizon;
	(void) roll_up(&rolling, &found);
	walk->found = walk->found || found;
	walk->after = end == PG_INT64_MAX ? 0 : end;
	if (end == PG_INT64_MAX && walk->found)
		save_horizon(walk->horizon);
	return end != PG_INT64_MAX;
}

/*
 * A slice of the transactions since the horizon.  True if there is more.
 */
static bool
roll_up_since(OmsWalk *walk, uint64 since, uint64 before)
{
	bool		more = before - since > walk->window;
	uint64		end = more ? since + walk->window : before;
	bool		found;
	int64		added = roll_up_again() + roll_up_transactions(since, end, &found);

	walk->after = 0;
	if (found || more || end - since >= IDLE_TRANSACTIONS)
		save_horizon(end);
	if (more || added > SLICE_CYCLES)
		walk->window = oms_store_next_window(end - since, added, SLICE_CYCLES);
	return more;
}

/*
 * Roll up a slice of what was finished, and move on; the caller keeps that when it has committed.  Nothing is
 * done while somebody else is at it.  True if there is more.
 */
bool
oms_store_roll_up_slice(OmsWalk *walk)
{
	uint64		since;
	uint64		before;
	bool		more = false;

	SPI_connect();
	if (begin_rolling(false, &since))
	{
		before = oms_store_horizon();
		if (walk->window == 0)
			walk->window = FIRST_WINDOW;
		more = since == 0 || since > before ? roll_up_tickets(walk, before) : roll_up_since(walk, since, before);
	}
	SPI_finish();
	return more;
}
