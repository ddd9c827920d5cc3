/*
 * kept_metrics.c
 *		Figures that take time to find out, kept for those who ask next.
 *
 * Open work is counted by the session that asks, never by the worker, whose timers must not wait; and
 * seldom: never twice at once, and never so often that counting takes more than a fiftieth of the time.
 *
 * Only what everybody can see is shared: not what a transaction counts that has written something, that
 * looks at an old snapshot, or whose clock stands still.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "clock.h"
#include "store/metrics.h"
#include "worker/kept_metrics.h"

/* A count serves for at least that long, and for that many times as long as it took; in microseconds */
#define SERVES_AT_LEAST		(5 * USECS_PER_SEC)
#define SERVES_TIMES		50

/* ---- open work ---- */

/*
 * Copy what is there; DEST must have room for all of it.
 */
static void
copy_work(OmsOpenWork *dest, const OmsOpenWork *from, LWLockMode mode)
{
	LWLockAcquire(oms_shared->metrics_lock, mode);
	memcpy(dest, from, offsetof(OmsOpenWork, owners) + sizeof(OmsOpenOwner) * from->nowners);
	LWLockRelease(oms_shared->metrics_lock);
}

static bool
serves(const OmsOpenWork *work)
{
	return work->counted_at != 0 &&
		oms_clock_steady() - work->counted_at < Max(SERVES_AT_LEAST, SERVES_TIMES * work->took);
}

/*
 * Only one session counts.  A lock of the lock manager and not of shared memory: it is released whatever
 * happens, and the count can be cancelled.  No SQL function can take this one.
 */
static void
counting_lock(LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, 0, 3);
}

static void
count_now(OmsOpenWork *work)
{
	TimestampTz started = oms_clock_steady();

	oms_store_count_open(work);
	work->counted_at = oms_clock_steady();
	work->took = work->counted_at - started;
}

/*
 * The counts of the open work, as old as work->counted_at tells.  False if another session is just counting
 * for the first time.
 */
bool
oms_metrics_open_work(OmsOpenWork *work)
{
	OmsDatabase *slot = oms_clock_stands_still() ? NULL : oms_shared_mine(NULL);
	LOCKTAG		tag;

	work->counted_at = 0;
	if (slot == NULL)
	{
		count_now(work);
		return true;
	}
	copy_work(work, &slot->open_work, LW_SHARED);
	if (serves(work))
		return true;
	counting_lock(&tag);
	if (LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return work->counted_at != 0;
	/* somebody may have finished just now */
	copy_work(work, &slot->open_work, LW_SHARED);
	if (!serves(work))
	{
		count_now(work);
		if (!TransactionIdIsValid(GetTopTransactionIdIfAny()) && !IsolationUsesXactSnapshot())
			copy_work(&slot->open_work, work, LW_EXCLUSIVE);
	}
	LockRelease(&tag, ExclusiveLock, false);
	return true;
}

/* ---- checks over everything ---- */

/*
 * Note what a check has found.
 */
void
oms_metrics_note_check(OmsCheck check, int64 problems)
{
	OmsDatabase *slot = oms_shared_mine(NULL);

	if (slot == NULL)
		return;
	LWLockAcquire(oms_shared->metrics_lock, LW_EXCLUSIVE);
	slot->checks[check].checked_at = oms_clock_wall();
	slot->checks[check].problems = problems;
	LWLockRelease(oms_shared->metrics_lock);
}

/*
 * What the last run of a check has found; checked_at 0: it did not run since the server started.
 */
OmsCheckResult
oms_metrics_check(OmsCheck check)
{
	OmsDatabase *slot = oms_shared_mine(NULL);
	OmsCheckResult result = {0, 0};

	if (slot == NULL)
		return result;
	LWLockAcquire(oms_shared->metrics_lock, LW_SHARED);
	result = slot->checks[check];
	LWLockRelease(oms_shared->metrics_lock);
	return result;
}
