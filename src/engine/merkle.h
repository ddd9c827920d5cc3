/*
 * merkle.h
 *		The Merkle tree of a seal, and the seal itself.
 *
 * Plain C without the server, since tools/verify-proof uses the same code.
 */
#ifndef OMS_MERKLE_H
#define OMS_MERKLE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/sha256.h"

/* A seal counts its leaves in an int4 */
#define OMS_MERKLE_DEPTH	32

/* No leaf is being followed */
#define OMS_MERKLE_NOBODY	(-1)

/*
 * A tree that grows leaf by leaf.  Kept are the roots of the full subtrees so far, the largest first,
 * and what the path of one leaf to the root consists of.
 */
typedef struct OmsMerkle
{
	int64_t		count;			/* leaves so far */
	int64_t		follow;			/* the leaf whose path is wanted */
	int			nroots;
	unsigned char roots[OMS_MERKLE_DEPTH + 1][OMS_SHA256_LEN];
	bool		followed[OMS_MERKLE_DEPTH + 1]; /* the leaf is below this root */
	int			npath;
	unsigned char path[OMS_MERKLE_DEPTH][OMS_SHA256_LEN];	/* from the leaf up */
} OmsMerkle;

/* What a seal says; the times are microseconds since 1970-01-01 00:00 UTC */
typedef struct OmsSealContent
{
	int64_t		number;
	int64_t		sealed_at;
	int32_t		tickets;
	const unsigned char *root;
	const unsigned char *previous;
	int64_t		journal_seq;	/* last entry of the journal, 0: none */
	const unsigned char *journal_hash;	/* NULL: the seal says nothing of it */
} OmsSealContent;

extern void oms_merkle_leaf(const char *ticket, int32_t seq, const unsigned char *head,
							unsigned char *hash);
extern void oms_merkle_begin(OmsMerkle *tree, int64_t follow);
extern void oms_merkle_add(OmsMerkle *tree, const unsigned char *leaf);
extern void oms_merkle_end(OmsMerkle *tree, unsigned char *root);
extern bool oms_merkle_climb(int64_t position, int64_t count, const unsigned char *leaf,
							 const unsigned char (*path)[OMS_SHA256_LEN], int npath,
							 unsigned char *root);
extern void oms_seal_hash(const OmsSealContent *seal, unsigned char *hash);

#endif							/* OMS_MERKLE_H */
