/*
 * identity.c
 *		Is this the database that the data belongs to, and what is its secret?
 *
 * oms.home names the server and the database in which the data is at work.  A copy (a restored dump,
 * a template, a copy on another server) has the row of the original, so it does not match: calls work
 * there, but no timer fires and no event is sent until activate().  The row and the secret are made by
 * the first create_workflow, not by the install script, which must insert nothing that a restore
 * would insert as well.
 *
 * A promoted standby and a base backup have the identity of the original and cannot be told from it.
 *
 * Another server counts its transactions from another number.  So that timeline.watermark grows all the same,
 * activate() chooses what is added to the numbers (xid_base): everything that is filed before is below
 * everything that comes.  It does so under a lock on the timeline that waits for whoever is writing, and
 * writers look at the base after they got theirs.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "store/horizon.h"
#include "store/identity.h"
#include "store/numbers.h"
#include "store/outbox.h"
#include "store/row.h"
#include "store/spi.h"
#include "store/store.h"
#include "store/tables.h"

static OmsStatement insert_home = {
	.sql = "INSERT INTO oms.home (system_identifier, database, since, epoch, xid_base) VALUES ($1, $2, $3, $4, $5)"
	" ON CONFLICT DO NOTHING",
	.nargs = 5,
	.types = {INT8OID, OIDOID, TIMESTAMPTZOID, INT8OID, INT8OID}
};

static OmsStatement update_home = {
	.sql = "INSERT INTO oms.home (system_identifier, database, since, epoch, xid_base) VALUES ($1, $2, $3, $4, $5)"
	" ON CONFLICT (one) DO UPDATE SET system_identifier = excluded.system_identifier,"
	" database = excluded.database, since = excluded.since, epoch = excluded.epoch, xid_base = excluded.xid_base",
	.nargs = 5,
	.types = {INT8OID, OIDOID, TIMESTAMPTZOID, INT8OID, INT8OID}
};

static OmsStatement lock_timeline = {
	.sql = "LOCK TABLE oms.timeline IN SHARE ROW EXCLUSIVE MODE"
};

static OmsStatement select_last_watermark = {
	.sql = "SELECT COALESCE(max(watermark), 0) FROM"
	" (SELECT watermark FROM oms.ticket_state UNION ALL SELECT watermark FROM oms.ticket_state_archive) AS t"
};

static OmsStatement insert_secret = {
	.sql = "INSERT INTO oms.secret (key) VALUES ($1) ON CONFLICT DO NOTHING",
	.nargs = 1,
	.types = {BYTEAOID}
};

static OmsStatement renew_secret = {
	.sql = "UPDATE oms.secret SET key = $1 WHERE NOT EXISTS (SELECT FROM oms.ticket_state)"
	" AND NOT EXISTS (SELECT FROM oms.ticket_state_archive)",
	.nargs = 1,
	.types = {BYTEAOID}
};

static OmsStatement reset_horizon = {
	.sql = "UPDATE oms.worker_state SET horizon = $1, told = NULL, telling = NULL",
	.nargs = 1,
	.types = {INT8OID}
};

/* A row of our own transaction may still be rolled back */
static bool
is_committed(OmsScan *scan)
{
	bool		isnull;
	Datum		xmin = slot_getsysattr(scan->slot, MinTransactionIdAttributeNumber, &isnull);

	return !isnull && !TransactionIdIsCurrentTransactionId(DatumGetTransactionId(xmin));
}

/*
 * May timers fire and events be sent here?  Once the answer is yes for good it stays so for the backend.
 */
bool
oms_store_at_home(void)
{
	static Oid	home_table = InvalidOid;
	Oid			table = oms_relation_oid("home");
	OmsScan		scan;
	bool		at_home;

	if (home_table == table)
		return true;
	scan.nkeys = 0;
	oms_scan_key(&scan, booleq, InvalidOid, BoolGetDatum(true));
	oms_scan_begin(&scan, "home", "home_pkey", HOME_COLUMNS, AccessShareLock);
	at_home = oms_scan_next(&scan) &&
		DatumGetInt64(scan.slot->tts_values[HOME_SYSTEM]) == (int64) GetSystemIdentifier() &&
		DatumGetObjectId(scan.slot->tts_values[HOME_DATABASE]) == MyDatabaseId;
	if (at_home && is_committed(&scan))
		home_table = table;
	oms_scan_end(&scan);
	return at_home;
}

/*
 * The epoch of the data, which is another one after each activation; false if it has no home yet.
 */
bool
oms_store_epoch(uint64 *epoch)
{
	OmsScan		scan;
	bool		found;

	scan.nkeys = 0;
	oms_scan_key(&scan, booleq, InvalidOid, BoolGetDatum(true));
	oms_scan_begin(&scan, "home", "home_pkey", HOME_COLUMNS, AccessShareLock);
	found = oms_scan_next(&scan);
	if (found)
		*epoch = (uint64) DatumGetInt64(scan.slot->tts_values[HOME_EPOCH]);
	oms_scan_end(&scan);
	return found;
}

/* ---- home ---- */

/*
 * Has the data a home at all, here or elsewhere?
 */
bool
oms_store_settled(void)
{
	OmsScan		scan;
	bool		found;

	scan.nkeys = 0;
	oms_scan_begin(&scan, "home", "home_pkey", HOME_COLUMNS, AccessShareLock);
	found = oms_scan_next(&scan);
	oms_scan_end(&scan);
	return found;
}

static void
random_bytes(void *bytes, size_t len)
{
	if (!pg_strong_random(bytes, len))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random number")));
}

static Datum
random_key(void)
{
	uint8		key[OMS_SECRET_LEN];

	random_bytes(key, sizeof(key));
	return PointerGetDatum(cstring_to_text_with_len((char *) key, sizeof(key)));
}

static bool
write_home(OmsStatement *statement, TimestampTz now, uint64 base)
{
	int64		epoch;
	Datum		values[5];

	random_bytes(&epoch, sizeof(epoch));
	values[0] = Int64GetDatum((int64) GetSystemIdentifier());
	values[1] = ObjectIdGetDatum(MyDatabaseId);
	values[2] = TimestampTzGetDatum(now);
	values[3] = Int64GetDatum(epoch);
	values[4] = Int64GetDatum((int64) base);
	return oms_sql(statement, values, NULL) > 0;
}

/*
 * A workflow is being created: if it is the first, the data is at home here, and there is a secret
 * from now on.  True if it is the first.
 */
bool
oms_store_settle(TimestampTz now)
{
	Datum		value = random_key();
	bool		first;

	SPI_connect();
	first = write_home(&insert_home, now, 0);
	oms_sql(&insert_secret, &value, NULL);
	SPI_finish();
	return first;
}

/*
 * The base with which every transaction that is running now, or comes later, files its events above all
 * that there are.  What is filed by now is not above the next number with the old base, or was taken over
 * from an earlier event of its ticket.
 */
static uint64
next_base(uint64 old)
{
	uint64		last = U64FromFullTransactionId(ReadNextFullTransactionId()) + old;
	uint64		oldest;
	bool		isnull;

	oms_sql(&select_last_watermark, NULL, NULL);
	last = Max(last, (uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)));
	oldest = oms_store_oldest_transaction();
	return last + 1 - oldest;
}

/*
 * Two copies without tickets that go on apart would give the same numbers with the same suffixes to different
 * people, so each gets a secret of its own.  Numbers that were handed out must stay good.
 */
static void
separate_secret(bool came_from_elsewhere)
{
	Datum		key = random_key();

	if (oms_sql(&renew_secret, &key, NULL) == 0 && came_from_elsewhere)
		ereport(NOTICE,
				(errmsg("the tracking numbers keep the secret of the original, so that those handed out stay good"),
				 errhint("If the original goes on as well, give each its own ticket numbers by oms.set_number_ranges().")));
}

/*
 * From now on this database is the home of the data.  What happened elsewhere is not announced again, and
 * cursors from there are void.  Where it is at home already only the horizon changes, and sequences that
 * are behind.
 */
void
oms_store_activate(TimestampTz now)
{
	Datum		horizon;

	SPI_connect();
	if (!oms_store_at_home())
	{
		bool		came_from_elsewhere = oms_store_settled();

		oms_sql(&lock_timeline, NULL, NULL);
		write_home(&update_home, now, next_base(oms_store_xid_base()));
		CacheInvalidateRelcacheByRelid(oms_relation_oid("home"));
		separate_secret(came_from_elsewhere);
		CommandCounterIncrement();
		oms_store_fresh_snapshot();
	}
	for (int i = 0; i < OMS_NUMBERS; i++)
		oms_store_move_ahead(i);
	horizon = Int64GetDatum((int64) oms_store_horizon());
	oms_sql(&reset_horizon, &horizon, NULL);
	SPI_finish();
}

/*
 * The secret of the database, into OMS_SECRET_LEN bytes; false if there is none yet.
 */
bool
oms_store_secret(uint8 *secret)
{
	OmsScan		scan;
	bool		found = false;

	scan.nkeys = 0;
	oms_scan_key(&scan, booleq, InvalidOid, BoolGetDatum(true));
	oms_scan_begin(&scan, "secret", "secret_pkey", SECRET_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan))
	{
		bytea	   *key = DatumGetByteaPP(scan.slot->tts_values[SECRET_KEY]);

		if (VARSIZE_ANY_EXHDR(key) == OMS_SECRET_LEN)
		{
			memcpy(secret, VARDATA_ANY(key), OMS_SECRET_LEN);
			found = true;
		}
	}
	oms_scan_end(&scan);
	return found;
}
