/*
 * message.h
 *		Messages that no stage has got yet.
 */
#ifndef OMS_STORE_MESSAGE_H
#define OMS_STORE_MESSAGE_H

#include "engine/lookup.h"

/* Locks of messages that a transaction may have; memory for locks is shared by all */
#define OMS_MAX_MESSAGE_LOCKS 1000

/* A message that a stage may wait for, to be delivered by the worker */
typedef struct OmsPendingMessage
{
	int64		no;
	OmsMessage	message;
} OmsPendingMessage;

extern bool oms_store_lock_messages(const char *name, const char *key);
extern OmsMailbox oms_store_take_message(const OmsTicket *ticket, const OmsStage *stage, OmsMessage *message);
extern const char *oms_store_output_problem(const OmsTicket *ticket, const Jsonb *output);
extern bool oms_store_remember_message(const char *id, int64 hash, TimestampTz now, TimestampTz until, bool *same);
extern void oms_store_note_message(const OmsMessage *message, OmsTicketId ticket);
extern void oms_store_erase_messages(OmsTicketId ticket);
extern void oms_store_keep_message(const OmsMessage *message, TimestampTz now, TimestampTz expires, bool pending);
extern int64 oms_store_kept_messages(void);
extern int64 oms_store_messages_of(const char *role);
extern bool oms_store_look_at_messages_again(void);
extern bool oms_store_next_pending(OmsPendingMessage *pending, TimestampTz now);
extern void oms_store_settle_message(int64 no, bool delivered);
extern int	oms_store_drop_messages(const char *name, const char *key);
extern void oms_store_forget_messages(TimestampTz now);

#endif							/* OMS_STORE_MESSAGE_H */
