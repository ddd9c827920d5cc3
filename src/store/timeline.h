/*
 * timeline.h
 *		The append-only, hash-chained timeline.
 */
#ifndef OMS_TIMELINE_H
#define OMS_TIMELINE_H

#include "lib/stringinfo.h"

#include "oms.h"
#include "store/row.h"

/* Who acts: the role in force at the call, and the session's user where that is another */
typedef struct OmsActor
{
	const char *role;
	const char *session;		/* NULL: the same */
	const char *client;			/* application@address; NULL: not a client */
} OmsActor;

/* What goes into the hash of an event; NULL is kept apart from the empty string */
typedef struct OmsEventContent
{
	OmsTicketId ticket;
	int			seq;
	TimestampTz at;
	const char *status;
	const char *stage;
	const char *owner;
	const char *actor;
	const char *session;
	const char *client;
	const char *worker;
	bool		public;
	bool		moved;			/* recorded under a moved clock */
	int			cycle;
	int			attempt;
	const uint8 *note_digest;	/* OMS_HASH_LEN bytes, NULL: no note */
	const uint8 *payload_digest;
} OmsEventContent;

/* Called for each thing that does not fit */
typedef void (*OmsProblemReport) (void *context, OmsTicketId ticket, int seq, const char *problem);

extern const char *oms_as_utf8(const char *text);
extern void oms_chain_digest(const uint8 *salt, const char *content, int len, uint8 *digest);
extern void oms_chain_hash(const OmsEventContent *content, const uint8 *previous, uint8 *hash);
extern void oms_timeline_write(OmsWriter *writer, OmsTicket *ticket, const OmsActor *actor);
extern void oms_timeline_verify(OmsTicketId ticket, bool archived, int last_seq, const uint8 *head,
								OmsProblemReport report, void *context);
extern Jsonb *oms_timeline_payload(OmsTicketId ticket, bool archived, int seq);
extern bool oms_timeline_moved(const TupleTableSlot *slot);
extern const char *oms_timeline_note(OmsTicketId ticket, bool archived, int seq, const char *status);
extern void oms_timeline_content(TupleTableSlot *slot, OmsEventContent *content);
extern const char *oms_timeline_payload_text(TupleTableSlot *slot);
extern void oms_timeline_digests(TupleTableSlot *slot, const uint8 **note, const uint8 **payload);

#endif							/* OMS_TIMELINE_H */
