/*
 * lookup.h
 *		What the engine may ask for while it decides.
 *
 * A change mostly needs what was loaded with the ticket.  The rest is fetched when a rule comes to it,
 * through these functions, which the store sets for every ticket that is locked or opened; a test can set others.
 */
#ifndef OMS_LOOKUP_H
#define OMS_LOOKUP_H

#include "nodes/pg_list.h"

#include "engine/calendar.h"
#include "oms.h"

/* Stand-ins of stand-ins that are asked */
#define OMS_MAX_STAND_INS	5

/* An owner as far as rules depend on it */
typedef struct OmsOwner
{
	const char *supervisor;		/* NULL: nobody */
	bool		person;			/* one person, who may be away */
	bool		assigns;		/* its work is handed out to its members */
} OmsOwner;

/* One who may be given the work of an owner */
typedef struct OmsCandidate
{
	const char *member;			/* whose turn it is */
	const char *person;			/* who gets it: the member, or who stands in */
	TimestampTz last_assigned;	/* when the member had a turn, OMS_NEVER: not yet */
	int64		load;			/* stages that the person has, if that counts */
	int64		at_hand;		/* the same among those who share the turn of one member, else 0 */
	bool		off_duty;		/* the person's own calendar is closed */
} OmsCandidate;

/* A message that finishes a stage */
typedef struct OmsMessage
{
	const char *name;
	const char *key;
	const char *sender;			/* role */
	const char *id;				/* NULL: it has none */
	Jsonb	   *payload;		/* NULL: {} */
} OmsMessage;

typedef enum OmsMailbox
{
	OMS_MAIL_NONE,
	OMS_MAIL_TAKEN,
	OMS_MAIL_BUSY				/* another session has it: look again later */
} OmsMailbox;

typedef struct OmsLookup
{
	/* the row of a stage, added to the ticket; NULL if there is none */
	OmsStage   *(*stage) (OmsTicket *ticket, int no);
	/* every row that is not loaded yet */
	void		(*all_stages) (OmsTicket *ticket);
	/* what an event brought, written or still to be written; NULL: nothing, or it was erased */
	Jsonb	   *(*payload) (const OmsTicket *ticket, int seq);
	/* ticket->data and ticket->outputs */
	void		(*conditions) (OmsTicket *ticket);
	/* ticket->holds */
	void		(*holds) (OmsTicket *ticket);
	/* the current version of a calendar; an error if there is none */
	const OmsCalendar *(*calendar) (const char *name);
	/* the version after this one and since when it counts; NULL: it is the current one */
	const OmsCalendar *(*next_calendar) (const OmsCalendar *calendar, TimestampTz *since);
	void		(*owner) (const char *name, OmsOwner *owner);
	/* is it an owner with members, and not one person? */
	bool		(*is_group) (const char *name);
	/* who may be given the work of an owner now, best first (OmsCandidate *) */
	List	   *(*candidates) (const char *owner, TimestampTz now);
	/* it is that one's turn; false if another session is just giving it work */
	bool		(*take_turn) (const char *owner, const OmsCandidate *candidate, TimestampTz now);
	/* the candidate has got it, and counts as loaded from now on */
	void		(*was_assigned) (const OmsCandidate *candidate);
	/* the oldest message kept for a stage that awaits one; whoever takes it has it alone */
	OmsMailbox	(*take_message) (const OmsTicket *ticket, const OmsStage *stage, OmsMessage *message);
	/* why an output cannot be stored; NULL: it can */
	const char *(*output_problem) (const OmsTicket *ticket, const Jsonb *output);
	/* is the person away, and who stands in? *delegate NULL: nobody */
	bool		(*is_away) (const char *person, TimestampTz now, const char **delegate);
} OmsLookup;

#endif							/* OMS_LOOKUP_H */
