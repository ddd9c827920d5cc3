/*
 * horizon.c
 *		Transactions that are over, and the numbers under which events are filed.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/twophase.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

#include "store/horizon.h"
#include "store/row.h"
#include "store/tables.h"

static Oid	base_table = InvalidOid;	/* oms.home, if xid_base is known */
static uint64 xid_base;

static void
forget_base(Datum arg, Oid table)
{
	if (table == base_table || !OidIsValid(table))
		base_table = InvalidOid;
}

/*
 * What is added to the number of a transaction for timeline.watermark.  It can change only under a lock that
 * no writer of the timeline shares, and whoever changes it invalidates the table in all backends.  It is that of
 * now, also for a transaction with an old snapshot: readers would not look any more where the old base files.
 */
uint64
oms_store_xid_base(void)
{
	static bool registered = false;
	OmsScan		scan;
	Oid			table = oms_relation_oid("home");

	if (base_table == table)
		return xid_base;
	if (!registered)
		CacheRegisterRelcacheCallback(forget_base, (Datum) 0);
	registered = true;
	PushActiveSnapshot(GetLatestSnapshot());
	scan.nkeys = 0;
	oms_scan_key(&scan, booleq, InvalidOid, BoolGetDatum(true));
	oms_scan_begin(&scan, "home", "home_pkey", HOME_COLUMNS, AccessShareLock);
	base_table = InvalidOid;
	xid_base = 0;
	if (oms_scan_next(&scan))
	{
		xid_base = (uint64) DatumGetInt64(scan.slot->tts_values[HOME_XID_BASE]);
		base_table = table;
	}
	oms_scan_end(&scan);
	PopActiveSnapshot();
	return xid_base;
}

/*
 * Does a transaction belong to another database?  One that is over by now is taken for one of ours.
 */
static bool
is_elsewhere(TransactionId xid)
{
	bool		elsewhere = false;

	LWLockAcquire(ProcArrayLock, LW_SHARED);
	/* those that are prepared come after the others */
	for (int i = 0; i < (int) ProcGlobal->allProcCount + max_prepared_xacts; i++)
	{
		PGPROC	   *proc = &ProcGlobal->allProcs[i];

		if (proc->xid != xid)
			continue;
		elsewhere = OidIsValid(proc->databaseId) && proc->databaseId != MyDatabaseId;
		break;
	}
	LWLockRelease(ProcArrayLock);
	return elsewhere;
}

/* The number of a transaction that is not long over, with its epoch */
uint64
oms_store_full_number(TransactionId xid)
{
	FullTransactionId next = ReadNextFullTransactionId();

	return U64FromFullTransactionId(next) - (uint32) (XidFromFullTransactionId(next) - xid);
}

/*
 * The oldest transaction that is still running by the active snapshot: below it everything is over.  Those of other databases
 * write nothing here, so they do not count; on a standby nobody knows whose they are.
 */
uint64
oms_store_oldest_transaction(void)
{
	Snapshot	snapshot = GetActiveSnapshot();
	TransactionId own = GetTopTransactionIdIfAny();
	TransactionId oldest = snapshot->xmax;

	/* a snapshot leaves out whose it is */
	if (TransactionIdIsValid(own) && TransactionIdPrecedes(own, oldest))
		oldest = own;
	if (snapshot->takenDuringRecovery)
		oldest = snapshot->xmin;
	else
		for (uint32 i = 0; i < snapshot->xcnt; i++)
			if (TransactionIdPrecedes(snapshot->xip[i], oldest) && !is_elsewhere(snapshot->xip[i]))
				oldest = snapshot->xip[i];
	return oms_store_full_number(oldest);
}

/*
 * The same as a value of timeline.watermark: what is filed below it is over and can be seen, and nothing will
 * be added to it.
 */
uint64
oms_store_horizon(void)
{
	return oms_store_oldest_transaction() + oms_store_xid_base();
}
