/*
 * errand.c
 *		Something to be done in another database of the server, which no session can reach.
 *
 * A process of a moment connects to it as the role that asks, does it with a transaction of its own, and hands
 * back what came of it or the error, in a piece of shared memory.  It needs no preloading.  All it does are constant
 * statements with what it was given as parameters; pg_hba.conf does not count for it, the right to
 * connect does.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "worker/errand.h"

typedef struct Errand
{
	Oid			database;
	Oid			role;
	OmsCronOrder order;
	bool		done;
	int			sqlerrcode;		/* if it failed, as are the others */
	char		message[1024];
	char		hint[1024];
} Errand;

/* ---- who asks ---- */

static void
start_process(dsm_handle handle, BackgroundWorkerHandle **process)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	strlcpy(worker.bgw_name, "oms errand", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "oms errand", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "oms", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "oms_errand_main", BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = UInt32GetDatum(handle);
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, process))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no free slot for a process in another database"),
				 errhint("Raise max_worker_processes.")));
}

static void
report_outcome(const Errand *errand)
{
	const char *database = get_database_name(errand->database);

	if (errand->sqlerrcode != 0)
		ereport(ERROR,
				(errcode(errand->sqlerrcode),
				 errmsg("%s", errand->message),
				 errand->hint[0] != '\0' ? errhint("%s", errand->hint) : 0,
				 errcontext("in database \"%s\"", database == NULL ? "" : database)));
	if (!errand->done)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("role \"%s\" could not reach pg_cron in database \"%s\"", GetUserNameFromId(errand->role, false),
						database == NULL ? "" : database),
				 errhint("The role needs LOGIN, and the right to connect there; the log of the server says what was in the way.")));
}

/*
 * Order jobs in another database, as the present role, and wait until that is done.  Its results are in the order; an
 * error there is one here.
 */
void
oms_errand_run(Oid database, OmsCronOrder *order)
{
	dsm_segment *segment;
	Errand	   *errand;
	BackgroundWorkerHandle *process;

	PreventCommandIfReadOnly("an order to pg_cron");
	segment = dsm_create(sizeof(Errand), 0);
	errand = dsm_segment_address(segment);
	memset(errand, 0, sizeof(Errand));
	errand->database = database;
	errand->role = GetUserId();
	errand->order = *order;
	start_process(dsm_segment_handle(segment), &process);
	if (WaitForBackgroundWorkerShutdown(process) == BGWH_POSTMASTER_DIED)
		proc_exit(1);
	report_outcome(errand);
	*order = errand->order;
	pfree(process);
	dsm_detach(segment);
}

/* ---- who does it ---- */

static void
keep_error(Errand *errand)
{
	ErrorData  *error;

	MemoryContextSwitchTo(TopMemoryContext);
	error = CopyErrorData();
	FlushErrorState();
	strlcpy(errand->message, error->message == NULL ? "" : error->message, sizeof(errand->message));
	strlcpy(errand->hint, error->hint == NULL ? "" : error->hint, sizeof(errand->hint));
	errand->sqlerrcode = error->sqlerrcode;
}

void
oms_errand_main(Datum arg)
{
	dsm_segment *segment;
	Errand	   *errand;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	segment = dsm_attach(DatumGetUInt32(arg));
	if (segment == NULL)
		proc_exit(0);			/* who asked is gone */
	errand = dsm_segment_address(segment);
	BackgroundWorkerInitializeConnectionByOid(errand->database, errand->role, 0);
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	PG_TRY();
	{
		oms_store_order_cron(&errand->order);
		PopActiveSnapshot();
		CommitTransactionCommand();
		errand->done = true;
	}
	PG_CATCH();
	{
		keep_error(errand);
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	proc_exit(0);
}
