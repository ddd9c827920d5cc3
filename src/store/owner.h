/*
 * owner.h
 *		The registry of owners, who is away, and what holds mean.
 */
#ifndef OMS_STORE_OWNER_H
#define OMS_STORE_OWNER_H

#include "engine/lookup.h"

extern const char *oms_store_owner_kind(const char *owner);
extern void oms_store_owner(const char *name, OmsOwner *owner);
extern bool oms_store_is_group(const char *name);
extern void oms_store_set_owner(const char *name, const char *kind, const char *supervisor,
								const char *calendar, const char *assignment, const Datum *members);

extern int64 oms_store_lost_members(char **owner, char **member);
extern List *oms_store_candidates(const char *owner, TimestampTz now);
extern bool oms_store_take_turn(const char *owner, const OmsCandidate *candidate, TimestampTz now);
extern void oms_store_was_assigned(const OmsCandidate *candidate);
extern void oms_store_given_written(void);

extern bool oms_store_is_away(const char *person, TimestampTz now, const char **delegate);
extern void oms_store_set_absence(const char *person, TimestampTz from, TimestampTz to,
								  const char *delegate);

/* A reason in the catalogue of holds */
typedef struct OmsHoldReason
{
	bool		stops_clock;
	const char *waiting_on;		/* NULL: not said */
	int			max_per_ticket; /* 0: any number */
	const char *label;			/* NULL: none */
} OmsHoldReason;

extern bool oms_store_hold_reason(const char *code, OmsHoldReason *reason);
extern void oms_store_set_hold_reason(const char *code, const OmsHoldReason *reason);

#endif							/* OMS_STORE_OWNER_H */
