/*
 * steps.c
 *		Transactions of the worker, and the steps that are made of them: each owns its failures.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "worker/worker.h"

/* Pauses after an error, in milliseconds; twice as long each time, up to the longest */
#define ERROR_MS		1000
#define ERROR_MAX_MS	60000
#define SEND_ERROR_MAX_MS	4000	/* events are waited for */

OmsWorker	oms_worker;

/*
 * The process ends, in a state that tells the launcher what to do.
 */
void
oms_worker_leave(OmsWorkerState state)
{
	OmsDatabase *database = oms_worker.database;

	SpinLockAcquire(&database->mutex);
	/* somebody has asked for another look while this one was looking with old eyes */
	if (pg_atomic_exchange_u32(&database->leave, 0) != 0 && state != OMS_WORKER_UNWANTED)
		state = OMS_WORKER_UNKNOWN;
	database->state = state;
	SpinLockRelease(&database->mutex);
	proc_exit(0);
}

/* ---- transactions ---- */

/* What the worker always needs */
static const char *const tables[] = {OMS_WORKER_TABLES};

/* What only steps need that look back: seals, roll-ups, the archive, and sending from the tables */
static const char *const more_tables[] = {OMS_BACKLOG_TABLES};

/*
 * Lock tables without waiting.  False if somebody has one locked now; *gone if one is not there any more.
 */
static bool
try_tables(const char *const *names, int count, bool *gone)
{
	for (int i = 0; i < count; i++)
	{
		Oid			schema = get_namespace_oid("oms", true);
		Oid			table = OidIsValid(schema) ? get_relname_relid(names[i], schema) : InvalidOid;

		if (!OidIsValid(table))
			*gone = true;
		else if (ConditionalLockRelationOid(table, RowExclusiveLock))
		{
			/* now that it is locked: is it still the one? */
			AcceptInvalidationMessages();
			if (table == get_relname_relid(names[i], schema))
				continue;
			*gone = true;
		}
		return false;
	}
	return true;
}

/*
 * Begin a transaction in which the tables are there and nobody is in our way; "more": also of those
 * that not everything needs.  False (and no transaction) if somebody has them locked now; *gone if
 * the extension is not there any more.
 */
bool
oms_worker_begin(bool more, bool *gone)
{
	*gone = false;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!try_tables(tables, lengthof(tables), gone) ||
		(more && !try_tables(more_tables, lengthof(more_tables), gone)))
	{
		AbortCurrentTransaction();
		return false;
	}
	PushActiveSnapshot(GetTransactionSnapshot());
	return true;
}

void
oms_worker_end(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* ---- steps ---- */

TimestampTz
oms_worker_after(TimestampTz now, long ms)
{
	return TimestampTzPlusMilliseconds(now, ms);
}

/*
 * Count the error that is being handled, and keep its text in last_error.
 */
void
oms_worker_note_error(void)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	ErrorData  *error = CopyErrorData();

	strlcpy(oms_worker.database->stats.last_error, error->message ? error->message : "",
			sizeof(oms_worker.database->stats.last_error));
	oms_worker.database->stats.errors++;
	FreeErrorData(error);
	MemoryContextSwitchTo(old);
}

/*
 * The step failed: it alone is left for a while, longer each time, and the first failure in a row stands in the
 * log.
 */
static void
step_failed(OmsStep step)
{
	OmsFailure *failure = &oms_worker.database->failed[step];
	bool		sends = step == OMS_STEP_EVENTS || step == OMS_STEP_ANNOUNCE;
	long		pause = Min((long) ERROR_MS << Min(failure->failures, 10), sends ? SEND_ERROR_MAX_MS : ERROR_MAX_MS);

	oms_worker_note_error();
	/* a batch that fails over one of its events is made again at once, and that event is told then */
	if (!oms_worker.reported[step] && (oms_worker.batch_built || !sends || failure->failures > 0))
	{
		EmitErrorReport();
		oms_worker.reported[step] = true;
	}
	oms_worker.retry_step[step] = oms_worker_after(oms_clock_steady(), pause);
	failure->retry_at = oms_worker_after(oms_clock_wall(), pause);
	strlcpy(failure->error, oms_worker.database->stats.last_error, sizeof(failure->error));
	failure->failures++;
}

static void
step_worked(OmsStep step)
{
	oms_worker.retry_step[step] = 0;
	oms_worker.reported[step] = false;
	oms_worker.database->failed[step].failures = 0;
}

/*
 * Run a step in a transaction of its own; "more": with the tables that look back.  After an error it is tried
 * again later, and nothing else has to wait for that.
 */
OmsOutcome
oms_worker_step(OmsStep step, bool more, void (*run) (void *context), void *context)
{
	MemoryContext old = CurrentMemoryContext;
	volatile OmsOutcome outcome = OMS_STEP_DONE;
	bool		gone;

	if (oms_worker.retry_step[step] > oms_clock_steady())
		return OMS_STEP_WAITS;
	if (!oms_worker_begin(more, &gone))
	{
		if (gone)
			oms_worker_leave(OMS_WORKER_UNKNOWN);
		oms_worker.retry_step[step] = oms_worker_after(oms_clock_steady(), OMS_BUSY_MS);
		return OMS_STEP_WAITS;
	}
	PG_TRY();
	{
		run(context);
		oms_worker_end();
		step_worked(step);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		step_failed(step);
		FlushErrorState();
		AbortCurrentTransaction();
		outcome = OMS_STEP_FAILED;
	}
	PG_END_TRY();
	return outcome;
}
