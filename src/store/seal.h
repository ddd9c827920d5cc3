/*
 * seal.h
 *		Seals over the chains of many tickets, and what a proof of one ticket is made of.
 */
#ifndef OMS_SEAL_H
#define OMS_SEAL_H

#include "engine/merkle.h"
#include "store/timeline.h"
#include "store/walk.h"

/* One row of oms.seals; number 0: there is none */
typedef struct OmsSeal
{
	int64		number;
	TimestampTz sealed_at;
	int			tickets;
	uint8		root[OMS_HASH_LEN];
	uint8		previous[OMS_HASH_LEN];
	uint8		hash[OMS_HASH_LEN];
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

/* An event with everything that its hash depends on, as it is stored */
typedef struct OmsEventRecord
{
	OmsEventContent content;	/* the digests only where an erasure left them */
	const char *note;
	const char *payload;		/* in jsonb's text form */
	const uint8 *salt;
	const uint8 *hash;
} OmsEventRecord;

/* Called for each thing that does not fit; ticket 0: it is about the seal as such */
typedef void (*OmsSealReport) (void *context, int64 seal, OmsTicketId ticket, int seq,
							   const char *problem);
typedef void (*OmsEventVisit) (void *context, const OmsEventRecord *event);

/* Microseconds since 1970, as they are hashed */
static inline int64
oms_unix_usecs(TimestampTz time)
{
	return time + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

extern int64 oms_store_seal(bool everything);
extern bool oms_store_seal_slice(OmsWalk *walk);
extern uint64 oms_store_verify_seals(const OmsTicketId *ticket, OmsProblemReport report,
									 void *context);
extern void oms_store_check_seals(OmsSealReport report, void *context);

extern bool oms_store_latest_leaf(OmsTicketId ticket, OmsSealLeaf *leaf);
extern bool oms_store_read_seal(int64 number, OmsSeal *seal);
extern void oms_store_merkle_path(const OmsSealLeaf *leaf, OmsMerkle *tree);
extern void oms_store_visit_events(const OmsTicket *ticket, OmsEventVisit visit, void *context);

#endif							/* OMS_SEAL_H */
