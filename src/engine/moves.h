/*
 * moves.h
 *		How a stage gets from one state to another.
 */
#ifndef OMS_MOVES_H
#define OMS_MOVES_H

#include "oms.h"

extern void oms_touch(OmsTicket *ticket, OmsStage *stage);
extern void oms_close_ticket(OmsTicket *ticket, OmsTicketStatus status);
extern void oms_cancel_ticket_now(OmsTicket *ticket, const char *reason);
extern void oms_move(OmsTicket *ticket, OmsStage *stage, OmsStageStatus status);
extern void oms_set_output(OmsTicket *ticket, OmsStage *stage, const Jsonb *output, int seq);
extern void oms_new_cycle(OmsTicket *ticket, OmsStage *stage);
extern void oms_new_cycle_of_clock(OmsTicket *ticket, OmsStage *clock);
extern void oms_give_to(OmsTicket *ticket, OmsStage *stage, OmsEventKind kind, const char *worker,
						const char *note);
extern void oms_fail_for_good(OmsTicket *ticket, OmsStage *stage, const char *error);
extern void oms_put_on_hold(OmsTicket *ticket, OmsStage *stage, const OmsHold *hold);
extern void oms_hold_with_ticket(OmsTicket *ticket, OmsStage *stage);

#endif							/* OMS_MOVES_H */
