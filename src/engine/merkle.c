/*
 * merkle.c
 *		The Merkle tree of a seal, and the seal itself.
 *
 * The tree is that of RFC 6962: a leaf is hashed after a byte 0, two nodes after a byte 1, and a level
 * of odd length hands its last node up as it is, so that no two lists of leaves have the same root.
 *
 *		leaf	text	ticket number, e.g. DL-2026-00091
 *				int4	number of its last event
 *				32 bytes	hash of that event
 *
 *		seal	1 byte	version: 2, or 1 of a seal that says nothing of the journal
 *				int8	number of the seal
 *				int8	time, microseconds since 1970-01-01 00:00 UTC
 *				int4	number of leaves
 *				32 bytes	root
 *				32 bytes	hash of the seal before it, zeros for the first
 *				int8	number of the last entry of the journal, 0: none (version 2)
 *				32 bytes	its hash, zeros if there is none (version 2)
 *
 * Integers and texts are those of chain.c.  Plain C without the server, since tools/verify-proof uses
 * the same code.
 */
#include <string.h>

#include "engine/bytes.h"
#include "engine/merkle.h"

#define SEAL_WITHOUT_JOURNAL	1
#define SEAL_WITH_JOURNAL		2
#define SEAL_SIZE		(1 + 8 + 8 + 4 + 8 + 3 * OMS_SHA256_LEN)

/* A ticket number has at most 20 characters */
#define LEAF_SIZE		(4 + 64 + 4 + OMS_SHA256_LEN)

static const unsigned char leaf_mark = 0;
static const unsigned char node_mark = 1;

/*
 * The hash of a leaf.
 */
void
oms_merkle_leaf(const char *ticket, int32_t seq, const unsigned char *head, unsigned char *hash)
{
	unsigned char leaf[LEAF_SIZE];
	OmsBytes	bytes = {leaf, 0};
	size_t		len = strlen(ticket);

	oms_put_counted(&bytes, ticket, len > 64 ? 64 : len);
	oms_put_int32(&bytes, seq);
	oms_put_bytes(&bytes, head, OMS_SHA256_LEN);
	oms_sha256(&leaf_mark, 1, leaf, bytes.len, hash);
}

/* The result may be one of the two */
static void
hash_node(const unsigned char *left, const unsigned char *right, unsigned char *hash)
{
	unsigned char both[2 * OMS_SHA256_LEN];

	memcpy(both, left, OMS_SHA256_LEN);
	memcpy(both + OMS_SHA256_LEN, right, OMS_SHA256_LEN);
	oms_sha256(&node_mark, 1, both, sizeof(both), hash);
}

/*
 * Begin a tree and follow the leaf of this position (from 0), if any.
 */
void
oms_merkle_begin(OmsMerkle *tree, int64_t follow)
{
	memset(tree, 0, sizeof(*tree));
	tree->follow = follow;
}

/*
 * Make one of the last two roots; on the way of the leaf that is followed, the other one is noted.
 */
static void
join_roots(OmsMerkle *tree)
{
	int			right = --tree->nroots;
	int			left = right - 1;

	if (tree->followed[left] || tree->followed[right])
		memcpy(tree->path[tree->npath++], tree->roots[tree->followed[left] ? right : left],
			   OMS_SHA256_LEN);
	hash_node(tree->roots[left], tree->roots[right], tree->roots[left]);
	tree->followed[left] = tree->followed[left] || tree->followed[right];
}

/*
 * Add a leaf, which is given as its hash.
 */
void
oms_merkle_add(OmsMerkle *tree, const unsigned char *leaf)
{
	memcpy(tree->roots[tree->nroots], leaf, OMS_SHA256_LEN);
	tree->followed[tree->nroots] = tree->count == tree->follow;
	tree->nroots++;
	tree->count++;
	/* full subtrees of equal size are joined, as a binary counter carries */
	for (int64_t carry = tree->count; (carry & 1) == 0; carry >>= 1)
		join_roots(tree);
}

/*
 * The root, and in tree->path the way of the leaf that was followed.  A tree has at least one leaf.
 */
void
oms_merkle_end(OmsMerkle *tree, unsigned char *root)
{
	while (tree->nroots > 1)
		join_roots(tree);
	memcpy(root, tree->roots[0], OMS_SHA256_LEN);
}

/*
 * The root that follows from a leaf, its position among so many, and its path; false if there can be
 * no such path.
 */
bool
oms_merkle_climb(int64_t position, int64_t count, const unsigned char *leaf,
				 const unsigned char (*path)[OMS_SHA256_LEN], int npath, unsigned char *root)
{
	int64_t		last = count - 1;

	if (position < 0 || position > last)
		return false;
	memcpy(root, leaf, OMS_SHA256_LEN);
	for (int i = 0; i < npath; i++)
	{
		/* a last node without a neighbour goes up as it is */
		while (last > 0 && position == last && (position & 1) == 0)
		{
			position >>= 1;
			last >>= 1;
		}
		if (last == 0)
			return false;
		if (position & 1)
			hash_node(path[i], root, root);
		else
			hash_node(root, path[i], root);
		position >>= 1;
		last >>= 1;
	}
	/* what is left may go up without a neighbour only */
	while (last > 0 && position == last && (position & 1) == 0)
	{
		position >>= 1;
		last >>= 1;
	}
	return last == 0;
}

/*
 * The hash of a seal.
 */
void
oms_seal_hash(const OmsSealContent *seal, unsigned char *hash)
{
	unsigned char content[SEAL_SIZE];
	OmsBytes	bytes = {content, 0};

	oms_put_byte(&bytes, seal->journal_hash != NULL ? SEAL_WITH_JOURNAL : SEAL_WITHOUT_JOURNAL);
	oms_put_int64(&bytes, seal->number);
	oms_put_int64(&bytes, seal->sealed_at);
	oms_put_int32(&bytes, seal->tickets);
	oms_put_bytes(&bytes, seal->root, OMS_SHA256_LEN);
	oms_put_bytes(&bytes, seal->previous, OMS_SHA256_LEN);
	if (seal->journal_hash != NULL)
	{
		oms_put_int64(&bytes, seal->journal_seq);
		oms_put_bytes(&bytes, seal->journal_hash, OMS_SHA256_LEN);
	}
	oms_sha256(content, bytes.len, NULL, 0, hash);
}
