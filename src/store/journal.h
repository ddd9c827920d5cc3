/*
 * journal.h
 *		The record of who changed the rules.
 */
#ifndef OMS_JOURNAL_H
#define OMS_JOURNAL_H

#include "utils/jsonb.h"

#include "store/timeline.h"

/* What of which there is a state: the words are those of oms_internal.journal_state */
#define OMS_JOURNAL_OWNER		"owner"
#define OMS_JOURNAL_LEVEL		"level"
#define OMS_JOURNAL_CALENDAR	"calendar"
#define OMS_JOURNAL_HOLD_REASON	"hold reason"
#define OMS_JOURNAL_ABSENCE		"absence"
#define OMS_JOURNAL_RETENTION	"retention"
#define OMS_JOURNAL_WORKFLOW	"workflow"
#define OMS_JOURNAL_NUMBERS		"number ranges"

/* A change under way */
typedef struct OmsChange
{
	const char *what;
	const char *name;
	Jsonb	   *before;			/* NULL: there was none */
} OmsChange;

extern void oms_journal_lock(void);
extern void oms_journal_begin(OmsChange *change, const char *what, const char *name);
extern void oms_journal_end(const OmsChange *change, const OmsActor *actor);
extern void oms_journal_end_level(const OmsChange *change, const char *level, const OmsActor *actor);
extern void oms_journal_note(const char *what, const char *name, const char *key, const char *value,
							 const OmsActor *actor);
extern void oms_journal_archived(int tickets, const OmsActor *actor);
extern void oms_journal_head(int64 *seq, uint8 *hash);

#endif							/* OMS_JOURNAL_H */
