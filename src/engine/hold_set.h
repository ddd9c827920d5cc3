/*
 * hold_set.h
 *		The holds of a ticket and its stages, as a set.
 */
#ifndef OMS_HOLD_SET_H
#define OMS_HOLD_SET_H

#include "oms.h"

extern bool oms_holds_now(const OmsHold *hold, int no);
extern bool oms_is_held(OmsTicket *ticket, int no);
extern bool oms_is_stopped(OmsTicket *ticket, int no);
extern bool oms_ticket_stops_clocks(OmsTicket *ticket);
extern int	oms_count_holds(OmsTicket *ticket, const char *reason);
extern bool oms_hold_asks_applicant(const OmsHold *hold);
extern OmsHold *oms_hold_add(OmsTicket *ticket, int no, const OmsHold *terms);
extern void oms_set_resume_at(OmsTicket *ticket, OmsStage *stage);
extern int	oms_lift_holds(OmsTicket *ticket, int no, const char *reason, TimestampTz run_out, TimestampTz at);
extern void oms_drop_holds(OmsTicket *ticket, int no);
extern void oms_end_holds(OmsTicket *ticket, OmsStage *stage, TimestampTz at);

#endif							/* OMS_HOLD_SET_H */
