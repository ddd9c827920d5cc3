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
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "store/identity.h"
#include "store/outbox.h"
#include "store/row.h"
#include "store/spi.h"
#include "store/tables.h"

static OmsStatement insert_home = {
	.sql = "INSERT INTO oms.home (system_identifier, database, since) VALUES ($1, $2, $3)"
	" ON CONFLICT DO NOTHING",
	.nargs = 3,
	.types = {INT8OID, OIDOID, TIMESTAMPTZOID}
};

static OmsStatement update_home = {
	.sql = "INSERT INTO oms.home (system_identifier, database, since) VALUES ($1, $2, $3)"
	" ON CONFLICT (one) DO UPDATE SET system_identifier = excluded.system_identifier,"
	" database = excluded.database, since = excluded.since",
	.nargs = 3,
	.types = {INT8OID, OIDOID, TIMESTAMPTZOID}
};

static OmsStatement insert_secret = {
	.sql = "INSERT INTO oms.secret (key) VALUES ($1) ON CONFLICT DO NOTHING",
	.nargs = 1,
	.types = {BYTEAOID}
};

static OmsStatement reset_horizon = {
	.sql = "UPDATE oms.worker_state SET horizon = $1",
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

static bool
write_home(OmsStatement *statement, TimestampTz now)
{
	Datum		values[3] = {Int64GetDatum((int64) GetSystemIdentifier()),
	ObjectIdGetDatum(MyDatabaseId), TimestampTzGetDatum(now)};

	return oms_sql(statement, values, NULL) > 0;
}

/*
 * A workflow is being created: if it is the first, the data is at home here, and there is a secret
 * from now on.  True if it is the first.
 */
bool
oms_store_settle(TimestampTz now)
{
	uint8		key[OMS_SECRET_LEN];
	Datum		value;
	bool		first;

	if (!pg_strong_random(key, sizeof(key)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random secret")));
	value = PointerGetDatum(cstring_to_text_with_len((char *) key, sizeof(key)));
	SPI_connect();
	first = write_home(&insert_home, now);
	oms_sql(&insert_secret, &value, NULL);
	SPI_finish();
	return first;
}

/*
 * From now on this database is the home of the data.  What happened elsewhere is not announced again.
 */
void
oms_store_activate(TimestampTz now)
{
	Datum		horizon = Int64GetDatum((int64) oms_store_horizon());

	SPI_connect();
	write_home(&update_home, now);
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
