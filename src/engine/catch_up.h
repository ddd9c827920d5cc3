/*
 * catch_up.h
 *		What happens by itself.
 */
#ifndef OMS_CATCH_UP_H
#define OMS_CATCH_UP_H

#include "oms.h"

extern void oms_settle(OmsTicket *ticket);
extern void oms_holds_lifted(OmsTicket *ticket, OmsStage *stage, TimestampTz at, const char *note);
extern void oms_ticket_holds_lifted(OmsTicket *ticket, TimestampTz at, const char *note);
extern void oms_catch_up_alone(OmsTicket *ticket, OmsStage *stage, TimestampTz by);
extern void oms_catch_up_all(OmsTicket *ticket);
extern void oms_catch_up(OmsTicket *ticket, OmsStage *stage);
extern int	oms_decide_timers(OmsTicket *ticket, OmsStage *stage);

#endif							/* OMS_CATCH_UP_H */
