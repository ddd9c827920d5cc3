/*
 * announce.h
 *		Sending events for those who committed them.
 */
#ifndef OMS_ANNOUNCE_H
#define OMS_ANNOUNCE_H

#include "shared/shared.h"
#include "store/outbox.h"

/* In their order; a worker that is new announces nothing until it begins to */
typedef enum OmsAnnouncePart
{
	OMS_ANNOUNCE_NOTHING,
	OMS_ANNOUNCE_STATUSES,
	OMS_ANNOUNCE_QUEUES,
	OMS_ANNOUNCE_TOLD
} OmsAnnouncePart;

/* What is announced from the tables, and how far that is */
typedef struct OmsAnnouncement
{
	OmsAnnouncePart part;
	uint64		horizon;		/* below it everything was sent before */
	uint64		reached;		/* below it everything was over when this began */
	TimestampTz statuses_since;
	OmsToldPlace status;
	OmsQueuePlace queue;
	OmsToldPlace told;
	uint64		sent;			/* by the last page */
} OmsAnnouncement;

/* An event that cannot be sent; the error is still to be flushed */
typedef void (*OmsAnnounceFailed) (const OmsRingEntry *entry);

extern void oms_announce_entry(const OmsRingEntry *entry);
extern int	oms_announce_ring(OmsDatabase *database, int limit, OmsAnnounceFailed failed);
extern void oms_announce_begin(OmsAnnouncement *announcement);
extern void oms_announce_page(OmsAnnouncement *announcement, OmsAnnounceFailed failed);

#endif							/* OMS_ANNOUNCE_H */
