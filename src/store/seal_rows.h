/*
 * seal_rows.h
 *		The rows of oms.seals and oms.seal_leaf, and what is hashed of them.
 */
#ifndef OMS_SEAL_ROWS_H
#define OMS_SEAL_ROWS_H

#include "datatype/timestamp.h"

#include "engine/merkle.h"
#include "oms.h"

/* Columns of oms.seals and oms.seal_leaf, as in oms--1.0.sql */
typedef enum OmsSealColumn
{
	SEAL_NUMBER,
	SEAL_AT,
	SEAL_TICKETS,
	SEAL_ROOT,
	SEAL_PREVIOUS,
	SEAL_HASH,
	SEAL_JOURNAL_SEQ,
	SEAL_JOURNAL_HASH,
	SEAL_COLUMNS
} OmsSealColumn;

typedef enum OmsSealLeafColumn
{
	LEAF_SEAL,
	LEAF_TICKET_ID,
	LEAF_SEQ,
	LEAF_POSITION,
	LEAF_HEAD,
	LEAF_COLUMNS
} OmsSealLeafColumn;

/* One row of oms.seals; number 0: there is none */
typedef struct OmsSeal
{
	int64		number;
	TimestampTz sealed_at;
	int			tickets;
	uint8		root[OMS_HASH_LEN];
	uint8		previous[OMS_HASH_LEN];
	uint8		hash[OMS_HASH_LEN];
	bool		has_journal;
	int64		journal_seq;	/* last entry of the journal, 0: none */
	uint8		journal_hash[OMS_HASH_LEN];
} OmsSeal;

/* One row of oms.seal_leaf: how far a ticket's chain was when it was sealed */
typedef struct OmsSealLeaf
{
	int64		seal;
	OmsTicketId ticket;
	int			seq;
	int			position;		/* in the tree, from 0 */
	uint8		head[OMS_HASH_LEN];
} OmsSealLeaf;

extern void oms_seal_copy_hash(Datum value, bool isnull, uint8 *hash);
extern Datum oms_seal_hash_datum(const uint8 *hash);
extern void oms_seal_from_row(const Datum *values, const bool *nulls, OmsSeal *seal);
extern void oms_leaf_from_row(const Datum *values, const bool *nulls, OmsSealLeaf *leaf);
extern void oms_leaf_hash(const OmsSealLeaf *leaf, uint8 *hash);
extern void oms_seal_hash_content(const OmsSeal *seal, uint8 *hash);
extern void oms_seal_last(OmsSeal *seal);
extern bool oms_store_read_seal(int64 number, OmsSeal *seal);
extern bool oms_store_latest_leaf(OmsTicketId ticket, OmsSealLeaf *leaf);

#endif							/* OMS_SEAL_ROWS_H */
