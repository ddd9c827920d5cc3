/*
 * isolate.c
 *		Going through many tickets so that the error of one does not end it for the others.
 *
 * A ticket may be damaged: its row, its workflow, or what the server cannot read of it.  A walk over many runs in one
 * subtransaction.  If that raises an error it is undone and the walk begins again, with a subtransaction for each
 * ticket: what raises an error then is passed over, logged the first time, and shown in oms.worker_errors.
 *
 * Errors that are not the ticket's own end the walk as ever: those of the session (cancelled, cut off, not
 * allowed), of other transactions (serialization, deadlock, locks), and of the server (no memory, no disk).
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "store/isolate.h"

/* When so many raise an error in one walk, something more is wrong than a ticket */
#define MAX_FAILED		100

static bool
is_of_ticket(const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_INVALID_TRANSACTION_STATE:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
			return false;
	}
	return error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE && error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE;
}

/*
 * Run something in a subtransaction.  NULL: it is done; else the error, and nothing of it is left.
 */
static ErrorData *
attempt(OmsWork work, void *context)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		/* whoever waits for a lock replaces the active snapshot: it must be one of this level */
		PushActiveSnapshot(GetTransactionSnapshot());
		work(context);
		PopActiveSnapshot();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	if (error != NULL && !is_of_ticket(error))
		ReThrowError(error);
	return error;
}

static void
begin(OmsIsolation *isolation, OmsStep step, bool apart)
{
	isolation->step = step;
	isolation->apart = apart;
	isolation->failed = 0;
	isolation->nknown = oms_failures_list(isolation->known);
}

/*
 * Walk over many tickets, each of which is given to oms_isolate_one().  "undo": forget what the walk has told its
 * context, since it begins again.
 */
void
oms_isolate(OmsIsolation *isolation, OmsStep step, OmsWork walk, OmsWork undo, void *context)
{
	ErrorData  *error;

	begin(isolation, step, false);
	error = attempt(walk, context);
	if (error == NULL)
		return;
	FreeErrorData(error);
	undo(context);
	begin(isolation, step, true);
	walk(context);
}

/*
 * Begin a walk that only looks: a subtransaction that writes nothing costs next to nothing, so that each ticket
 * can have its own from the start.
 */
void
oms_isolate_apart(OmsIsolation *isolation, OmsStep step)
{
	begin(isolation, step, !IsInParallelMode());
}

static void
tell(const OmsIsolation *isolation, OmsTicketId ticket, int stage, ErrorData *error)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	if (oms_failures_note(isolation->step, ticket, stage, error->message))
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("oms: %s pass over ticket %s: %s", oms_shared_step_name(isolation->step),
						oms_ticket_id_to_text(ticket, number), error->message),
				 errhint("It is tried again, see oms.worker_errors.")));
}

/*
 * Visit one ticket of a walk; false if it was passed over, now or since it failed a moment ago.
 */
bool
oms_isolate_one(OmsIsolation *isolation, OmsTicketId ticket, int stage, OmsWork visit, void *context)
{
	const OmsBadTicket *bad = oms_failures_find(isolation->known, isolation->nknown, isolation->step, ticket, stage);
	TimestampTz now = bad == NULL ? 0 : oms_clock_wall();
	ErrorData  *error = NULL;

	/* later than ever: the clock was set back */
	if (bad != NULL && bad->failure.retry_at > now &&
		!TimestampDifferenceExceeds(now, bad->failure.retry_at, OMS_PAUSE_MAX_MS))
		return false;
	if (!isolation->apart)
		visit(context);
	else if ((error = attempt(visit, context)) != NULL)
	{
		if (++isolation->failed >= MAX_FAILED)
			ReThrowError(error);
		tell(isolation, ticket, stage, error);
		FreeErrorData(error);
		return false;
	}
	if (bad != NULL)
		oms_failures_hide(isolation->step, ticket, stage);
	return true;
}
