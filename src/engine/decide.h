/*
 * decide.h
 *		The rules: what a call does to a ticket.
 */
#ifndef OMS_DECIDE_H
#define OMS_DECIDE_H

#include "nodes/pg_list.h"

#include "engine/graph.h"
#include "engine/hands.h"
#include "engine/lookup.h"
#include "oms.h"

extern void oms_decide_open(OmsTicket *ticket);
extern int64 oms_decide_claim(OmsTicket *ticket, OmsStage *stage, const char *worker, int64 lease);
extern void oms_decide_heartbeat(OmsTicket *ticket, OmsStage *stage, int64 lease);
extern void oms_decide_assign(OmsTicket *ticket, OmsStage *stage, const char *worker, const char *note);
extern void oms_decide_delegate(OmsTicket *ticket, OmsStage *stage, const char *to, const char *note);
extern void oms_decide_resolve(OmsTicket *ticket, OmsStage *stage, const char *note);
extern void oms_decide_release(OmsTicket *ticket, OmsStage *stage, const char *note);
extern List *oms_decide_finish(OmsTicket *ticket, OmsStage *stage, Jsonb *output, const OmsDoer *doer);
extern void oms_decide_fail(OmsTicket *ticket, OmsStage *stage, const char *error, bool retryable);
extern void oms_decide_skip(OmsTicket *ticket, OmsStage *stage, const char *reason);
extern void oms_decide_retry(OmsTicket *ticket, OmsStage *stage, const char *reason);
extern void oms_decide_reassign(OmsTicket *ticket, OmsStage *stage, const char *owner, const char *reason);
extern int	oms_decide_escalate(OmsTicket *ticket, OmsStage *stage, const char *reason,
							   const char *reassign_to);
extern bool oms_decide_extend(OmsTicket *ticket, OmsStage *stage, const char *reason, int mins, int days);
extern void oms_decide_cancel(OmsTicket *ticket, const char *reason);
extern void oms_decide_priority(OmsTicket *ticket, int priority);
extern void oms_decide_amend(OmsTicket *ticket, Jsonb *data, const char *reason);
extern void oms_decide_note(OmsTicket *ticket, const char *note);
extern void oms_decide_erased(OmsTicket *ticket, const char *reason);
extern void oms_decide_replace_data(OmsTicket *ticket, Jsonb *data);
extern void oms_decide_replace_output(OmsTicket *ticket, OmsStage *stage, Jsonb *output);
extern void oms_decide_comment(OmsTicket *ticket, int stage_no, const char *body, bool public);
extern void oms_decide_attach(OmsTicket *ticket, int stage_no, const char *what, bool public);
extern List *oms_decide_next_of(const OmsTicket *ticket);
extern List *oms_decide_next(const OmsGraph *graph, const OmsStageSet *finished);
extern void oms_decide_assume_skips(const OmsGraph *graph, OmsStageSet *finished, Jsonb *data);
extern bool oms_decide_message(OmsTicket *ticket, OmsStage *stage, const OmsMessage *message);

#endif							/* OMS_DECIDE_H */
