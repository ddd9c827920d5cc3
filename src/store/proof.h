/*
 * proof.h
 *		What the proof of one ticket is made of.
 */
#ifndef OMS_PROOF_H
#define OMS_PROOF_H

#include "engine/chain.h"
#include "store/seal_rows.h"
#include "store/timeline.h"

/* An event with everything that its hash depends on, as it is stored */
typedef struct OmsEventRecord
{
	OmsEventContent content;	/* the digests only where an erasure left them */
	const char *note;
	const char *payload;		/* in jsonb's text form */
	const uint8 *salt;
	const uint8 *hash;
} OmsEventRecord;

typedef void (*OmsEventVisit) (void *context, const OmsEventRecord *event);

/* An entry of the journal as it is stored */
typedef struct OmsJournalRecord
{
	TimestampTz at;
	OmsJournalEntry entry;
	const uint8 *hash;
} OmsJournalRecord;

typedef void (*OmsJournalVisit) (void *context, const OmsJournalRecord *record);

extern void oms_store_merkle_path(const OmsSealLeaf *leaf, OmsMerkle *tree);
extern void oms_store_visit_events(const OmsTicket *ticket, OmsEventVisit visit, void *context);
extern int64 oms_store_journal_of(const OmsTicket *ticket, const OmsSeal *seal);
extern void oms_store_visit_journal(int64 first, int64 last, OmsJournalVisit visit, void *context);

#endif							/* OMS_PROOF_H */
