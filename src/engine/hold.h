/*
 * hold.h
 *		Putting stages and whole tickets on hold, and going on.
 */
#ifndef OMS_HOLD_H
#define OMS_HOLD_H

#include "oms.h"

extern void oms_decide_hold(OmsTicket *ticket, OmsStage *stage, const OmsHold *terms);
extern void oms_decide_hold_ticket(OmsTicket *ticket, const OmsHold *terms);
extern int	oms_decide_resume(OmsTicket *ticket, OmsStage *stage, const char *reason);
extern int	oms_decide_resume_ticket(OmsTicket *ticket, const char *reason);

#endif							/* OMS_HOLD_H */
