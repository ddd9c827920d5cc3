/*
 * stamp.c
 *		Tokens that time-stamping authorities (RFC 3161) gave for seals.
 *
 * The library knows of a token only that it names the hash of the seal; whether it is signed, and by whom, is a
 * matter of trust that tools/verify-proof settles, with a certificate that does not come from this database.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "engine/sha256.h"
#include "store/spi.h"
#include "store/stamp.h"

/* How a hash of 32 bytes begins in DER: OCTET STRING, length */
#define OCTET_STRING	0x04

/*
 * Does a token name this hash?  It stands there in DER, whatever is around it.
 */
bool
oms_stamp_fits(const bytea *token, const uint8 *hash)
{
	uint8		imprint[2 + OMS_HASH_LEN] = {OCTET_STRING, OMS_HASH_LEN};
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(token);
	Size		len = VARSIZE_ANY_EXHDR(token);

	memcpy(imprint + 2, hash, OMS_HASH_LEN);
	for (Size at = 0; at + sizeof(imprint) <= len; at++)
		if (memcmp(bytes + at, imprint, sizeof(imprint)) == 0)
			return true;
	return false;
}

static OmsStatement insert_stamp = {
	.sql = "INSERT INTO oms.seal_stamp (seal, added_at, actor, digest, token) VALUES ($1, $2, $3, $4, $5)"
	" ON CONFLICT DO NOTHING",
	.nargs = 5,
	.types = {INT8OID, TIMESTAMPTZOID, TEXTOID, BYTEAOID, BYTEAOID}
};

/*
 * Store a token of a seal; false if it is there already.
 */
bool
oms_store_add_stamp(const OmsSeal *seal, const bytea *token, const char *actor)
{
	uint8		digest[OMS_HASH_LEN];
	Datum		values[5];
	bool		added;

	oms_sha256(NULL, 0, VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token), digest);
	values[0] = Int64GetDatum(seal->number);
	values[1] = TimestampTzGetDatum(oms_clock_now());
	values[2] = CStringGetTextDatum(actor);
	values[3] = oms_seal_hash_datum(digest);
	values[4] = PointerGetDatum(token);
	SPI_connect();
	added = oms_sql(&insert_stamp, values, NULL) > 0;
	SPI_finish();
	return added;
}

static OmsStatement select_stamped_seal = {
	.sql = "SELECT seal FROM oms.seal_stamp WHERE seal >= $1 ORDER BY seal LIMIT 1",
	.nargs = 1,
	.types = {INT8OID}
};

/*
 * The first seal from this one on that has a stamp, which vouches for all before it; 0 if there is none.
 */
int64
oms_store_stamped_seal(int64 from)
{
	Datum		arg = Int64GetDatum(from);
	Datum		value = Int64GetDatum(0);
	bool		isnull;

	SPI_connect();
	if (oms_sql(&select_stamped_seal, &arg, NULL) > 0)
		oms_sql_first_row(&value, &isnull);
	SPI_finish();
	return DatumGetInt64(value);
}

static OmsStatement select_stamps = {
	.sql = "SELECT token FROM oms.seal_stamp WHERE seal = $1 ORDER BY added_at, digest",
	.nargs = 1,
	.types = {INT8OID}
};

/*
 * The tokens of a seal, the oldest first: bytea.
 */
List *
oms_store_stamps(int64 seal)
{
	Datum		arg = Int64GetDatum(seal);
	MemoryContext caller = CurrentMemoryContext;
	List	   *tokens = NIL;
	uint64		count;

	SPI_connect();
	count = oms_sql(&select_stamps, &arg, NULL);
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(caller);

		tokens = lappend(tokens, DatumGetByteaPCopy(value));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return tokens;
}
