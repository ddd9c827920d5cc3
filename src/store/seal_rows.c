/*
 * seal_rows.c
 *		The rows of oms.seals and oms.seal_leaf, and what is hashed of them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "store/seal_rows.h"
#include "store/spi.h"

/*
 * A hash out of a row; one that is none becomes zeros, which fit nothing.
 */
void
oms_seal_copy_hash(Datum value, bool isnull, uint8 *hash)
{
	bytea	   *bytes = isnull ? NULL : DatumGetByteaPP(value);

	if (bytes != NULL && VARSIZE_ANY_EXHDR(bytes) == OMS_HASH_LEN)
		memcpy(hash, VARDATA_ANY(bytes), OMS_HASH_LEN);
	else
		memset(hash, 0, OMS_HASH_LEN);
}

/*
 * A hash for a row.
 */
Datum
oms_seal_hash_datum(const uint8 *hash)
{
	bytea	   *result = palloc(VARHDRSZ + OMS_HASH_LEN);

	SET_VARSIZE(result, VARHDRSZ + OMS_HASH_LEN);
	memcpy(VARDATA(result), hash, OMS_HASH_LEN);
	return PointerGetDatum(result);
}

/*
 * What the columns of a row of oms.seals say.
 */
void
oms_seal_from_row(const Datum *values, const bool *nulls, OmsSeal *seal)
{
	seal->number = DatumGetInt64(values[SEAL_NUMBER]);
	seal->sealed_at = DatumGetTimestampTz(values[SEAL_AT]);
	seal->tickets = DatumGetInt32(values[SEAL_TICKETS]);
	oms_seal_copy_hash(values[SEAL_ROOT], nulls[SEAL_ROOT], seal->root);
	oms_seal_copy_hash(values[SEAL_PREVIOUS], nulls[SEAL_PREVIOUS], seal->previous);
	oms_seal_copy_hash(values[SEAL_HASH], nulls[SEAL_HASH], seal->hash);
	seal->has_journal = !nulls[SEAL_JOURNAL_SEQ];
	seal->journal_seq = seal->has_journal ? DatumGetInt64(values[SEAL_JOURNAL_SEQ]) : 0;
	oms_seal_copy_hash(values[SEAL_JOURNAL_HASH], nulls[SEAL_JOURNAL_HASH], seal->journal_hash);
}

/*
 * What the columns of a row of oms.seal_leaf say.
 */
void
oms_leaf_from_row(const Datum *values, const bool *nulls, OmsSealLeaf *leaf)
{
	leaf->seal = DatumGetInt64(values[LEAF_SEAL]);
	leaf->ticket = DatumGetTicketId(values[LEAF_TICKET_ID]);
	leaf->seq = DatumGetInt32(values[LEAF_SEQ]);
	leaf->position = DatumGetInt32(values[LEAF_POSITION]);
	oms_seal_copy_hash(values[LEAF_HEAD], nulls[LEAF_HEAD], leaf->head);
}

static OmsStatement select_seal = {
	.sql = "SELECT number, sealed_at, tickets, root, previous, hash, journal_seq, journal_hash"
	" FROM oms.seals"
	" WHERE number = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static OmsStatement select_last_seal = {
	.sql = "SELECT number, sealed_at, tickets, root, previous, hash, journal_seq, journal_hash"
	" FROM oms.seals"
	" ORDER BY number DESC LIMIT 1"
};

/*
 * Read the seal that a statement gives; false, and number 0, if it gives none.
 */
static bool
query_seal(OmsStatement *statement, Datum *args, OmsSeal *seal)
{
	Datum		values[SEAL_COLUMNS];
	bool		nulls[SEAL_COLUMNS];
	bool		found;

	memset(seal, 0, sizeof(*seal));
	SPI_connect();
	found = oms_sql(statement, args, NULL) > 0;
	if (found)
	{
		oms_sql_first_row(values, nulls);
		oms_seal_from_row(values, nulls, seal);
	}
	SPI_finish();
	return found;
}

/*
 * Read the last seal; number 0 if there is none.
 */
void
oms_seal_last(OmsSeal *seal)
{
	(void) query_seal(&select_last_seal, NULL, seal);
}

/*
 * Read a seal; false if there is none of this number.
 */
bool
oms_store_read_seal(int64 number, OmsSeal *seal)
{
	Datum		arg = Int64GetDatum(number);

	return query_seal(&select_seal, &arg, seal);
}

static OmsStatement select_latest_leaf = {
	.sql = "SELECT seal, ticket_id, seq, position, head FROM oms.seal_leaf"
	" WHERE ticket_id = $1"
	" ORDER BY seal DESC LIMIT 1",
	.nargs = 1,
	.types = {OMS_TICKET_TYPE}
};

/*
 * How far a ticket was when it was sealed last; false if it never was.
 */
bool
oms_store_latest_leaf(OmsTicketId ticket, OmsSealLeaf *leaf)
{
	Datum		arg = TicketIdGetDatum(ticket);
	Datum		values[LEAF_COLUMNS];
	bool		nulls[LEAF_COLUMNS];
	bool		found;

	SPI_connect();
	found = oms_sql(&select_latest_leaf, &arg, NULL) > 0;
	if (found)
	{
		oms_sql_first_row(values, nulls);
		oms_leaf_from_row(values, nulls, leaf);
	}
	SPI_finish();
	return found;
}

/*
 * The hash of a leaf in the tree.
 */
void
oms_leaf_hash(const OmsSealLeaf *leaf, uint8 *hash)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	oms_merkle_leaf(oms_ticket_id_to_text(leaf->ticket, number), leaf->seq, leaf->head, hash);
}

/*
 * The hash over a seal.
 */
void
oms_seal_hash_content(const OmsSeal *seal, uint8 *hash)
{
	OmsSealContent content = {
		.number = seal->number,
		.sealed_at = oms_unix_usecs(seal->sealed_at),
		.tickets = seal->tickets,
		.root = seal->root,
		.previous = seal->previous,
		.journal_seq = seal->journal_seq,
		.journal_hash = seal->has_journal ? seal->journal_hash : NULL
	};

	oms_seal_hash(&content, hash);
}
