/*
 * moves.h
 *		How a stage gets from one state to another; for the files of the engine alone.
 */
#ifndef OMS_MOVES_H
#define OMS_MOVES_H

#include "nodes/pg_list.h"

#include "engine/decide.h"

extern void oms_touch(OmsTicket *ticket, OmsStage *stage);
extern void oms_move(OmsTicket *ticket, OmsStage *stage, OmsStageStatus status);
extern void oms_queue_first(OmsTicket *ticket, OmsStage *stage, const char *note);
extern void oms_queue_again(OmsTicket *ticket, OmsStage *stage, int64 pause);
extern void oms_put_back(OmsTicket *ticket, OmsStage *stage);
extern void oms_give_back(OmsTicket *ticket, OmsStage *stage, const char *note);
extern void oms_offer(OmsTicket *ticket, OmsStage *stage);
extern List *oms_resolve(OmsTicket *ticket, int *work, int nwork);
extern List *oms_resolve_after(OmsTicket *ticket, int no);
extern void oms_start_all(OmsTicket *ticket);
extern void oms_settle(OmsTicket *ticket);
extern void oms_set_output(OmsTicket *ticket, OmsStage *stage, const Jsonb *output, int seq);
extern void oms_new_cycle(OmsTicket *ticket, OmsStage *stage);
extern void oms_new_cycle_of_clock(OmsTicket *ticket, OmsStage *clock);
extern OmsStage *oms_ticket_clock(OmsTicket *ticket);
extern void oms_give_to(OmsTicket *ticket, OmsStage *stage, OmsEventKind kind, const char *worker,
						const char *note);
extern void oms_cancel_ticket_now(OmsTicket *ticket, const char *reason);
extern OmsStage *oms_started_stage(OmsTicket *ticket, int no);
extern void oms_fail_for_good(OmsTicket *ticket, OmsStage *stage, const char *error);

/* ---- alarm.c ---- */
extern void oms_catch_up_alone(OmsTicket *ticket, OmsStage *stage, TimestampTz by);
extern TimestampTz oms_next_alarm(const OmsTicket *ticket, const OmsStage *stage);
extern void oms_tell(OmsTicket *ticket, OmsStage *stage, const char *note, const char *told);
extern const char *oms_supervisor(const OmsTicket *ticket, const OmsStage *stage);

/* ---- rework.c ---- */
extern void oms_drop_reworks_of(OmsTicket *ticket, int no);
extern List *oms_drop_reworks_to(OmsTicket *ticket, int no);

/* ---- hold.c ---- */
extern void oms_hold_with_ticket(OmsTicket *ticket, OmsStage *stage);
extern bool oms_ticket_stops_clocks(OmsTicket *ticket);
extern void oms_drop_holds(OmsTicket *ticket, int no);
extern void oms_end_holds(OmsTicket *ticket, OmsStage *stage, TimestampTz at);
extern void oms_holds_run_out(OmsTicket *ticket, OmsStage *stage, TimestampTz at);

#endif							/* OMS_MOVES_H */
