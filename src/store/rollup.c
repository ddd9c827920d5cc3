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
 * Without a horizon nothing has been rolled up: the first call takes what stands in the tables, whatever
 * transaction it came with, since a restored timeline has the numbers of another server.  What of it has
 * a number from the new horizon on is noted in oms.rollup_ahead, so that it is not counted again when
 * the horizon, or the numbers of this server, get there.
 *
 * Locks: the row of oms.rollup_state, so that there is one at a time; nobody else waits for it.  Under
 * REPEATABLE READ a roll-up since the snapshot is a serialization failure at that row.  The SQL that
 * this needs stands in oms--1.0.sql, beside the reports that add to it what happened since.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "store/outbox.h"
#include "store/rollup.h"
#include "store/spi.h"

/* Without anything finished, the horizon moves on after so many transactions */
#define IDLE_TRANSACTIONS	1000

static OmsStatement lock_state = {
	.sql = "SELECT horizon FROM oms.rollup_state FOR UPDATE"
};

static OmsStatement try_lock_state = {
	.sql = "SELECT horizon FROM oms.rollup_state FOR UPDATE SKIP LOCKED"
};

/* What is behind the horizon need not be noted any more */
static OmsStatement save_state = {
	.sql = "WITH behind AS (DELETE FROM oms.rollup_ahead AS a WHERE a.xid OPERATOR(pg_catalog.<) $1)"
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

/* Add cells, merge those that are there, and tell how many cycles they count */
#define ADD_CELLS \
	", added AS (INSERT INTO oms.rollup AS r SELECT p.* FROM pack AS p" \
	" ON CONFLICT (kind, at, workflow_id, stage_no, owner) DO UPDATE SET" \
	" finished = r.finished OPERATOR(pg_catalog.+) excluded.finished," \
	" again = r.again OPERATOR(pg_catalog.+) excluded.again," \
	" met = r.met OPERATOR(pg_catalog.+) excluded.met," \
	" breached = r.breached OPERATOR(pg_catalog.+) excluded.breached," \
	" wait_us = r.wait_us OPERATOR(pg_catalog.+) excluded.wait_us," \
	" work_us = r.work_us OPERATOR(pg_catalog.+) excluded.work_us," \
	" hold_us = r.hold_us OPERATOR(pg_catalog.+) excluded.hold_us," \
	" rework_us = r.rework_us OPERATOR(pg_catalog.+) excluded.rework_us," \
	" ratios = (SELECT oms.report_ratios(x.ratios) FROM (VALUES (r.ratios), (excluded.ratios)) AS x (ratios))," \
	" met_due = r.met_due OPERATOR(pg_catalog.||) excluded.met_due," \
	" breached_due = r.breached_due OPERATOR(pg_catalog.||) excluded.breached_due)" \
	" SELECT COALESCE(pg_catalog.sum(p.finished) FILTER (WHERE p.kind OPERATOR(pg_catalog.=) 'f'), 0)" \
	"::pg_catalog.int8 FROM pack AS p"

/*
 * One statement each, so that what is counted and what is noted is of the same moment.
 */
static OmsStatement add_everything = {
	.sql = "WITH ahead AS (INSERT INTO oms.rollup_ahead"
	" SELECT e.ticket_id, e.xid, e.cycle, e.stage_no FROM oms.report_event AS e"
	" WHERE e.xid OPERATOR(pg_catalog.>=) $1 ON CONFLICT DO NOTHING)"
	", pack AS MATERIALIZED (SELECT p.* FROM oms.report_pack(NULL, NULL) AS p)"
	ADD_CELLS,
	.nargs = 1,
	.types = {INT8OID}
};

static OmsStatement add_since = {
	.sql = "WITH pack AS MATERIALIZED (SELECT p.* FROM oms.report_pack($1, $2) AS p)"
	ADD_CELLS,
	.nargs = 2,
	.types = {INT8OID, INT8OID}
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
				 errhint("INSERT INTO oms.rollup_state (horizon) VALUES (NULL); then everything is rolled up anew.")));
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
	oms_sql(&delete_cells, NULL, NULL);
	oms_sql(&delete_ahead, NULL, NULL);
}

/*
 * Roll up what was finished since the last time, or everything anew.  Returns how many finished cycles
 * were added.  "wait": for another one that is just rolling up; else nothing is done.
 */
int64
oms_store_roll_up(bool everything, bool wait)
{
	uint64		since;
	uint64		before;
	int64		added;
	bool		anew;
	bool		isnull;

	SPI_connect();
	if (!begin_rolling(wait, &since))
	{
		SPI_finish();
		return 0;
	}
	before = oms_store_horizon();
	/* a horizon that this server has not reached was kept by another one */
	anew = everything || since == 0 || since > before;
	if (anew)
	{
		Datum		args[1] = {Int64GetDatum((int64) before)};

		forget_cells();
		oms_sql(&add_everything, args, NULL);
	}
	else
	{
		Datum		args[2] = {Int64GetDatum((int64) since), Int64GetDatum((int64) before)};

		oms_sql(&add_since, args, NULL);
	}
	added = first_number(&isnull);
	/* while there is nothing at all, whatever comes may still come from another server */
	if (added > 0 || (since > 0 && (anew || before - since >= IDLE_TRANSACTIONS)))
	{
		Datum		args[1] = {Int64GetDatum((int64) before)};

		oms_sql(&save_state, args, NULL);
	}
	SPI_finish();
	return added;
}
