/*
 * decide.h
 *		The rules: what an event does to a ticket.
 */
#ifndef OMS_DECIDE_H
#define OMS_DECIDE_H

#include "nodes/pg_list.h"

#include "engine/graph.h"
#include "oms.h"

/* Who calls, where it matters who does a stage */
typedef struct OmsDoer
{
	const char *role;			/* the role in force */
	bool		person;			/* it counts for four eyes: a superuser's does not */
	bool		in_person;		/* it acts for itself: without another's name or token */
} OmsDoer;

extern OmsStage *oms_ticket_find(const OmsTicket *ticket, int no);
extern void oms_ticket_add(OmsTicket *ticket, OmsStage *stage);
extern OmsStage *oms_ticket_stage(OmsTicket *ticket, int no);
extern void oms_require(OmsTicket *ticket, OmsStage *stage, OmsVerb verb, const int64 *token);
extern void oms_catch_up(OmsTicket *ticket, OmsStage *stage);
extern void oms_catch_up_all(OmsTicket *ticket);
extern int	oms_same_hands(OmsTicket *ticket, const OmsStage *stage, const char *worker,
						   const OmsDoer *doer);
extern void oms_require_other_hands(OmsTicket *ticket, const OmsStage *stage, const char *worker,
									const OmsDoer *doer);

extern void oms_decide_open(OmsTicket *ticket);
extern int64 oms_decide_claim(OmsTicket *ticket, OmsStage *stage, const char *worker,
							  int64 lease);
extern void oms_decide_heartbeat(OmsTicket *ticket, OmsStage *stage, int64 lease);
extern void oms_decide_release(OmsTicket *ticket, OmsStage *stage, const char *note);
extern List *oms_decide_finish(OmsTicket *ticket, OmsStage *stage, Jsonb *output, const OmsDoer *doer);
extern void oms_decide_fail(OmsTicket *ticket, OmsStage *stage, const char *error, bool retryable);
extern void oms_decide_skip(OmsTicket *ticket, OmsStage *stage, const char *reason);
extern void oms_decide_retry(OmsTicket *ticket, OmsStage *stage, const char *reason);
extern void oms_decide_reassign(OmsTicket *ticket, OmsStage *stage, const char *owner,
								const char *reason);
extern int	oms_decide_escalate(OmsTicket *ticket, OmsStage *stage, const char *reason,
								const char *reassign_to);
extern void oms_decide_cancel(OmsTicket *ticket, const char *reason);
extern void oms_decide_priority(OmsTicket *ticket, int priority);
extern void oms_decide_note(OmsTicket *ticket, const char *note);
extern void oms_decide_erased(OmsTicket *ticket, const char *reason);
extern void oms_decide_replace_data(OmsTicket *ticket, Jsonb *data);
extern void oms_decide_replace_output(OmsTicket *ticket, OmsStage *stage, Jsonb *output);
extern void oms_decide_comment(OmsTicket *ticket, int stage_no, const char *body, bool public);
extern void oms_decide_attach(OmsTicket *ticket, int stage_no, const char *what, bool public);
extern void oms_decide_assign(OmsTicket *ticket, OmsStage *stage, const char *worker, const char *note);
extern void oms_decide_delegate(OmsTicket *ticket, OmsStage *stage, const char *to, const char *note);
extern void oms_decide_resolve(OmsTicket *ticket, OmsStage *stage, const char *note);

/* ---- alarm.c ---- */
extern int	oms_decide_timers(OmsTicket *ticket, OmsStage *stage);

/* ---- hold.c ---- */
extern bool oms_hold_asks_applicant(const OmsHold *hold);
extern int	oms_count_holds(OmsTicket *ticket, const char *reason);
extern void oms_decide_hold(OmsTicket *ticket, OmsStage *stage, const OmsHold *terms);
extern void oms_decide_hold_ticket(OmsTicket *ticket, const OmsHold *terms);
extern int	oms_decide_resume(OmsTicket *ticket, OmsStage *stage, const char *reason);
extern int	oms_decide_resume_ticket(OmsTicket *ticket, const char *reason);

/* ---- rework.c ---- */
extern bool oms_comes_after(const OmsGraph *graph, int later, int earlier);
extern void oms_decide_send_back(OmsTicket *ticket, OmsStage *stage, OmsStage *to_stage,
								 const char *reason);
extern void oms_decide_reopen(OmsTicket *ticket, OmsStage *stage, const char *reason);
extern void oms_decide_start(OmsTicket *ticket, OmsStage *stage);

extern bool oms_waits_for_rework(const OmsTicket *ticket, int no);
extern List *oms_decide_next_of(const OmsTicket *ticket);
extern List *oms_decide_next(const OmsGraph *graph, const OmsStageSet *finished);
extern void oms_decide_assume_skips(const OmsGraph *graph, OmsStageSet *finished, Jsonb *data);

#endif							/* OMS_DECIDE_H */
