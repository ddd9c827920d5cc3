/*
 * chain.h
 *		What is hashed of an event of the timeline.
 *
 * Plain C without the server, since tools/verify-proof uses the same code.
 */
#ifndef OMS_CHAIN_H
#define OMS_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All texts in UTF-8; NULL is kept apart from the empty text */
typedef struct OmsChainEvent
{
	const char *ticket;			/* as DL-2026-00091 */
	int32_t		seq;
	int64_t		at;				/* microseconds since 1970-01-01 00:00 UTC */
	const char *status;
	const char *stage;
	const char *owner;
	const char *actor;
	const char *session;
	const char *client;
	const char *worker;
	bool		public;
	bool		moved;			/* recorded under a moved clock */
	int32_t		cycle;
	int32_t		attempt;
	const unsigned char *note_digest;	/* 32 bytes, or NULL */
	const unsigned char *payload_digest;
} OmsChainEvent;

/* An entry of the journal; before and after in the text form of jsonb */
typedef struct OmsJournalEntry
{
	int64_t		seq;
	int64_t		at;				/* microseconds since 1970-01-01 00:00 UTC */
	const char *actor;
	const char *session;
	const char *what;
	const char *name;
	const char *before;
	const char *after;
	bool		moved;			/* recorded under a moved clock */
} OmsJournalEntry;

/* Lays a content out into the buffer, which may be NULL; how many bytes it takes */
typedef size_t (*OmsLayout) (const void *content, unsigned char *buffer);

extern size_t oms_journal_layout(const void *content, unsigned char *buffer);
extern size_t oms_chain_layout(const void *content, unsigned char *buffer);

#endif							/* OMS_CHAIN_H */
