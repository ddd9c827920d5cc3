/*
 * store.h
 *		Loading tickets under lock, and writing back what the engine decided.
 */
#ifndef OMS_STORE_H
#define OMS_STORE_H

#include "engine/hands.h"
#include "engine/lookup.h"
#include "oms.h"
#include "store/isolate.h"
#include "store/timeline.h"

/* ---- load.c ---- */
extern OmsTicket *oms_store_lock(OmsTicketId id);
extern OmsTicket *oms_store_try_lock(OmsTicketId id);
extern OmsTicket *oms_store_peek(OmsTicketId id, bool *busy);
extern OmsTicket *oms_store_read(OmsTicketId id);
extern OmsTicket *oms_store_read_if_there(OmsTicketId id);
extern OmsTicket *oms_store_new(const OmsGraph *graph, OmsTicketId id, TimestampTz now);
extern OmsStage *oms_store_stage(OmsTicket *ticket, int no);
extern void oms_store_stages(OmsTicket *ticket);
extern void oms_store_holds(OmsTicket *ticket);
extern bool oms_store_seems_queued(OmsTicketId id, int no);
extern Jsonb *oms_store_payload(const OmsTicket *ticket, int seq);
extern Jsonb *oms_store_data(OmsTicket *ticket);
extern void oms_store_require_calendars(const OmsGraph *graph);
extern Jsonb *oms_store_inputs(OmsTicket *ticket, const OmsStage *stage);

/* ---- workflow.c ---- */
typedef struct OmsWorkflow
{
	int			id;
	int			version;
	bool		retired;
} OmsWorkflow;

extern bool oms_store_workflow(const char *name, OmsWorkflow *workflow);
extern Jsonb *oms_store_definition(const char *name, const int *version);
extern const OmsGraph *oms_store_graph(int workflow_id);
extern int	oms_store_create_workflow(const OmsGraph *graph, Jsonb *definition, const char *actor,
									  TimestampTz now);
extern void oms_store_retire_workflow(const char *name, TimestampTz now);

/* ---- version.c ---- */
extern char *oms_store_misfit(const char **hint);

/* ---- apply.c ---- */
extern void oms_store_apply(OmsTicket *ticket, const OmsActor *actor);
extern void oms_store_apply_many(OmsTicket **tickets, int ntickets, const OmsActor *actor);

/* ---- queue.c ---- */
typedef bool (*OmsVisitor) (void *context, OmsTicket *ticket, OmsStage *stage);
typedef void (*OmsWriteMany) (void *context, OmsTicket **tickets, int ntickets);
extern void oms_store_visit_queue(const char *owner, TimestampTz now, OmsIsolation *isolation, OmsVisitor visit,
								  OmsWriteMany write, void *context);
/* What somebody could claim from a queue, as far as can be seen without a lock */
typedef struct OmsLook
{
	const char *owner;
	const char *worker;
	OmsDoer		doer;
	TimestampTz now;
	bool		locked_too;		/* also what another has locked for the moment */
	TimestampTz next;			/* when the next pause before a retry is over, DT_NOEND: there is none */
	uint64		busy;			/* tickets that another has locked, see oms_ring_ticket_bit() */
} OmsLook;

typedef bool (*OmsSeen) (void *context, OmsTicketId ticket, int stage_no);
extern void oms_store_look(OmsLook *look, OmsSeen seen, void *context);
typedef bool (*OmsSkip) (void *context, OmsTicketId ticket, int stage_no);
extern int	oms_store_visit_due(TimestampTz now, OmsIsolation *isolation, OmsSkip skip, OmsVisitor visit, void *context);
extern bool oms_store_calendars_left(void);
extern bool oms_store_visit_left(OmsIsolation *isolation, OmsVisitor visit, void *context);
extern void oms_store_forget_calendars(void);
extern TimestampTz oms_store_next_timer(TimestampTz after);

extern bool oms_store_visit_waiting(const OmsMessage *message, OmsIsolation *isolation, OmsVisitor visit, void *context);

/* ---- verify.c ---- */
extern uint64 oms_store_verify(const OmsTicketId *ticket, OmsProblemReport report, void *context);
extern uint64 oms_store_check(const OmsTicketId *ticket, OmsRowReport report, void *context);

/* ---- explain.c ---- */
extern void oms_store_explain(OmsTicketId ticket, OmsRowReport report, void *context);
extern Datum oms_store_get_ticket(OmsTicketId ticket, bool *isnull);

extern int64 oms_store_open_tickets(const char *role);

/* ---- idempotency.c ---- */
extern bool oms_store_remember_key(const char *key, OmsTicketId ticket, int workflow_id,
								   int64 hash);
extern bool oms_store_find_key(const char *key, OmsTicketId *ticket, int *workflow_id,
							   int64 *hash, bool *erased);

#endif							/* OMS_STORE_H */
