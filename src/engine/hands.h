/*
 * hands.h
 *		Who must not do a stage.
 */
#ifndef OMS_HANDS_H
#define OMS_HANDS_H

#include "oms.h"

/* Who calls, where it matters who does a stage */
typedef struct OmsDoer
{
	const char *role;			/* the role in force */
	bool		person;			/* it counts for notSameAs: a superuser's does not */
	bool		in_person;		/* it acts for itself: without another's name or token */
} OmsDoer;

extern int	oms_same_hands(OmsTicket *ticket, const OmsStage *stage, const char *worker, const OmsDoer *doer);
extern void oms_require_other_hands(OmsTicket *ticket, const OmsStage *stage, const char *worker,
									const OmsDoer *doer);

#endif							/* OMS_HANDS_H */
