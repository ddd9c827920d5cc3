/*
 * escalation.h
 *		Whom a late or escalated stage tells.
 */
#ifndef OMS_ESCALATION_H
#define OMS_ESCALATION_H

#include "oms.h"

extern const char *oms_supervisor(const OmsTicket *ticket, const OmsStage *stage);
extern OmsEvent *oms_add_escalated(OmsTicket *ticket, OmsStage *stage, const char *note);
extern void oms_tell(OmsTicket *ticket, OmsStage *stage, const char *note, const char *told);
extern void oms_mute_older(OmsTicket *ticket, OmsNotification *since);

#endif							/* OMS_ESCALATION_H */
