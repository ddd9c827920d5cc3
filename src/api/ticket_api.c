/*
 * ticket_api.c
 *		Opening, cancelling, commenting; what comes next; is the chain whole.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "api/args.h"
#include "api/door.h"
#include "api/opening.h"
#include "clock.h"
#include "engine/catch_up.h"
#include "engine/decide.h"
#include "engine/lifecycle.h"
#include "engine/merge_patch.h"
#include "engine/path.h"
#include "engine/ticket.h"
#include "errors.h"
#include "guc.h"
#include "store/access.h"
#include "store/numbers.h"
#include "worker/kept_metrics.h"

PG_FUNCTION_INFO_V1(oms_open_ticket);
PG_FUNCTION_INFO_V1(oms_open_tickets);
PG_FUNCTION_INFO_V1(oms_cancel_ticket);
PG_FUNCTION_INFO_V1(oms_amend);
PG_FUNCTION_INFO_V1(oms_comment);
PG_FUNCTION_INFO_V1(oms_next_stages_of_ticket);
PG_FUNCTION_INFO_V1(oms_verify_timeline);
PG_FUNCTION_INFO_V1(oms_check);
PG_FUNCTION_INFO_V1(oms_breached);

/* ---- opening ---- */

/*
 * The graph that new tickets of a workflow run through.
 */
const OmsGraph *
oms_graph_for_opening(const char *name)
{
	OmsWorkflow workflow;
	const OmsGraph *graph;

	if (!oms_store_workflow(name, &workflow))
		ereport(ERROR,
				(errcode(OMS_ERR_UNKNOWN_WORKFLOW),
				 errmsg("unknown workflow: \"%s\"", name)));
	if (workflow.retired)
		ereport(ERROR,
				(errcode(OMS_ERR_UNKNOWN_WORKFLOW),
				 errmsg("workflow \"%s\" is retired", name),
				 errhint("oms.create_workflow() brings it back.")));
	graph = oms_store_graph(workflow.id);
	oms_store_require_calendars(graph);
	return graph;
}

/*
 * May the role in force open so many more tickets?
 */
static void
check_quota(int more)
{
	if (oms_max_open_tickets_per_role == 0 || superuser())
		return;
	if (oms_store_open_tickets(GetUserNameFromId(GetUserId(), false)) + more >
		oms_max_open_tickets_per_role)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("role \"%s\" has too many open tickets", GetUserNameFromId(GetUserId(), false)),
				 errhint("The setting oms.max_open_tickets_per_role says how many it may have.")));
}

static int
utc_year(TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) != 0 || tm.tm_year < 0 || tm.tm_year > 9999)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("the year of opening has no four digits")));
	return tm.tm_year;
}

/*
 * The number of a ticket that is opened then.
 */
OmsTicketId
oms_next_number(const OmsGraph *graph, TimestampTz opened_at)
{
	int			year = utc_year(opened_at);
	uint32		prefix;

	if (!oms_ticket_prefix_encode(graph->prefix, strlen(graph->prefix), &prefix))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid prefix \"%s\" of workflow \"%s\"", graph->prefix, graph->name)));
	return oms_ticket_id_make(prefix, year, oms_store_next_ticket_number(year));
}

static OmsTicket *
new_ticket(const OmsGraph *graph, Jsonb *data, int priority, const char *applicant,
		   const OmsCall *call)
{
	TimestampTz now = oms_clock_now();
	OmsTicket  *ticket = oms_store_new(graph, oms_next_number(graph, now), now);

	oms_check_dates(graph, data);
	ticket->data = data;
	ticket->priority = priority;
	ticket->applicant = applicant;
	ticket->opened_by = call->actor.role;
	return ticket;
}

/*
 * The ticket that was opened under this key before, if it was; an error if it was another request.
 * Requests are compared as jsonb does, so that 1.0 and 1.00 are the same.
 */
static bool
opened_before(const char *key, const char *workflow, int64 hash, OmsTicketId *ticket)
{
	int			workflow_id;
	int64		stored_hash;
	bool		erased;

	if (!oms_store_find_key(key, ticket, &workflow_id, &stored_hash, &erased))
		return false;
	if ((stored_hash != hash && !erased) || strcmp(oms_store_graph(workflow_id)->name, workflow) != 0)
		ereport(ERROR,
				(errcode(OMS_ERR_IDEMPOTENCY_CONFLICT),
				 errmsg("idempotency key \"%s\" was used for another request", key),
				 errdetail("The workflow or the data differ from those of the ticket opened with it.")));
	return true;
}

/*
 * open_ticket(workflow text, data jsonb, idempotency_key text, priority int, applicant text)
 */
Datum
oms_open_ticket(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	const OmsGraph *graph;
	OmsTicket  *ticket;
	OmsTicketId before;
	Jsonb	   *data;
	char	   *workflow;
	char	   *key = oms_arg_key_or_null(fcinfo, 2, "idempotency_key");
	char	   *applicant = oms_arg_key_or_null(fcinfo, 4, "applicant");
	int64		hash;

	oms_arg_required(fcinfo, 0, "workflow");
	oms_arg_required(fcinfo, 1, "data");
	oms_arg_required(fcinfo, 3, "priority");
	workflow = text_to_cstring(PG_GETARG_TEXT_PP(0));
	data = oms_check_data(PG_GETARG_JSONB_P(1));
	hash = DatumGetInt64(DirectFunctionCall2(jsonb_hash_extended, JsonbPGetDatum(data),
											 Int64GetDatum(0)));
	oms_call_begin(&call, "oms.open_ticket()");
	if (key != NULL && opened_before(key, workflow, hash, &before))
	{
		oms_call_end(&call);
		PG_RETURN_TICKET_ID(before);
	}

	graph = oms_graph_for_opening(workflow);
	check_quota(1);
	ticket = new_ticket(graph, data, PG_GETARG_INT32(3), applicant, &call);
	/* waits for another transaction with the same key; if that commits, its ticket is the one */
	if (key != NULL && !oms_store_remember_key(key, ticket->id, graph->workflow_id, hash))
	{
		if (!opened_before(key, workflow, hash, &before))
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("idempotency key \"%s\" was used at the same time", key)));
		oms_call_end(&call);
		PG_RETURN_TICKET_ID(before);
	}
	oms_decide_open(ticket);
	oms_store_apply(ticket, &call.actor);
	oms_call_end(&call);
	PG_RETURN_TICKET_ID(ticket->id);
}

/* Tickets written in one go, and bytes of their data */
#define OPEN_BATCH	500
#define OPEN_BYTES	(4 * 1024 * 1024)

/*
 * open_tickets(workflow text, data jsonb[]) → SETOF ticket_id, in the order given.
 */
Datum
oms_open_tickets(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OmsCall		call;
	const OmsGraph *graph;
	OmsTicket  *batch[OPEN_BATCH];
	int			nbatch = 0;
	Size		bytes = 0;
	Datum	   *data;
	bool	   *nulls;
	int			count;
	MemoryContext step;
	MemoryContext old;

	oms_arg_required(fcinfo, 0, "workflow");
	oms_arg_required(fcinfo, 1, "data");
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), JSONBOID, -1, false, TYPALIGN_INT, &data, &nulls, &count);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	oms_call_begin(&call, "oms.open_tickets()");
	graph = oms_graph_for_opening(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	check_quota(count);

	step = AllocSetContextCreate(CurrentMemoryContext, "oms open", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(step);
	for (int i = 0; i < count; i++)
	{
		OmsTicket  *ticket;
		Datum		value;
		bool		isnull = false;

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("data of a ticket must not be null"),
					 errdetail("Element %d of the array is.", i + 1)));
		ticket = new_ticket(graph, oms_check_data(DatumGetJsonbP(data[i])), 0, NULL, &call);
		oms_decide_open(ticket);
		value = TicketIdGetDatum(ticket->id);
		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
		batch[nbatch++] = ticket;
		bytes += VARSIZE(ticket->data);
		if (nbatch == OPEN_BATCH || bytes > OPEN_BYTES || i == count - 1)
		{
			oms_store_apply_many(batch, nbatch, &call.actor);
			nbatch = 0;
			bytes = 0;
			MemoryContextReset(step);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(step);
	oms_call_end(&call);
	return (Datum) 0;
}

/* ---- the whole ticket ---- */

/*
 * Lock a ticket that must not be closed, with all that was due before.
 */
static OmsTicket *
lock_open(OmsTicketId id, const char *verb)
{
	OmsTicket  *ticket = oms_store_lock(id);
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	oms_store_stages(ticket);
	oms_catch_up_all(ticket);
	if (oms_is_closed(ticket))
		ereport(ERROR,
				(errcode(OMS_ERR_WRONG_STATE),
				 errmsg("%s is not possible for ticket %s: the ticket is %s", verb,
						oms_ticket_id_to_text(id, number), oms_ticket_status_name(ticket->status))));
	return ticket;
}

/*
 * cancel_ticket(ticket, reason text) → text, the new status of the ticket.
 */
Datum
oms_cancel_ticket(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);
	char	   *reason = oms_arg_note(fcinfo, 1, "reason");
	OmsTicket  *ticket;

	oms_call_begin(&call, "oms.cancel_ticket()");
	ticket = lock_open(id, "cancel_ticket");
	oms_decide_cancel(ticket, reason);
	return oms_call_end_ticket(&call, ticket);
}

/*
 * amend(ticket, patch jsonb, reason text) → jsonb, the new data.  What changes nothing leaves no event.
 */
Datum
oms_amend(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);
	char	   *reason = oms_arg_note(fcinfo, 2, "reason");
	OmsTicket  *ticket;
	Jsonb	   *before;
	Jsonb	   *after;

	oms_arg_required(fcinfo, 1, "patch");
	oms_call_begin(&call, "oms.amend()");
	ticket = lock_open(id, "amend");
	before = oms_store_data(ticket);
	after = oms_check_data(oms_merge_patch(before, PG_GETARG_JSONB_P(1)));
	oms_check_dates(ticket->graph, after);
	if (compareJsonbContainers(&before->root, &after->root) != 0)
		oms_decide_amend(ticket, after, reason);
	oms_store_apply(ticket, &call.actor);
	oms_call_end(&call);
	PG_RETURN_JSONB_P(after);
}

/*
 * What a portal may say: on tickets that it opened, and nothing behind the applicant's back.
 */
static void
require_public_comment(const OmsTicket *ticket, bool public)
{
	oms_require_opener(ticket);
	if (!public)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for a comment that is not public")));
}

/*
 * comment(ticket, body text, stage text, public bool)
 */
Datum
oms_comment(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);
	char	   *body = oms_arg_note(fcinfo, 1, "body");
	OmsTicket  *ticket;

	oms_arg_required(fcinfo, 3, "public");
	oms_call_begin(&call, "oms.comment()");
	ticket = oms_store_lock(id);
	if (!oms_has_level(OMS_LEVEL_STAFF))
		require_public_comment(ticket, PG_GETARG_BOOL(3));
	oms_decide_comment(ticket, PG_ARGISNULL(2) ? OMS_NO_STAGE : oms_arg_stage(fcinfo, 2, ticket),
					   body, PG_GETARG_BOOL(3));
	oms_store_apply(ticket, &call.actor);
	oms_call_end(&call);
	PG_RETURN_VOID();
}

/*
 * next_stages(ticket) → SETOF text.  A closed ticket has none.
 */
Datum
oms_next_stages_of_ticket(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);
	OmsTicket  *ticket;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	oms_look_begin();
	ticket = oms_store_read(id);
	oms_require_part(ticket);
	oms_look_end();
	if (oms_is_closed(ticket))
		return (Datum) 0;
	foreach(cell, oms_decide_next_of(ticket))
	{
		Datum		value = CStringGetTextDatum(oms_graph_stage(ticket->graph, lfirst_int(cell))->id);
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	return (Datum) 0;
}

/* ---- evidence ---- */

/* Where findings go */
typedef struct Findings
{
	ReturnSetInfo *result;
	int64		count;
} Findings;

static void
report_problem(void *context, OmsTicketId ticket, int seq, const char *problem)
{
	Findings   *findings = context;
	Datum		values[3] = {TicketIdGetDatum(ticket), Int32GetDatum(seq),
	CStringGetTextDatum(problem)};
	bool		nulls[3] = {false, false, false};

	tuplestore_putvalues(findings->result->setResult, findings->result->setDesc, values, nulls);
	findings->count++;
}

/*
 * verify_timeline(ticket) → TABLE(ticket, seq, problem); NULL: every ticket.
 */
Datum
oms_verify_timeline(PG_FUNCTION_ARGS)
{
	Findings	findings = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	bool		all = PG_ARGISNULL(0);
	OmsTicketId id = all ? 0 : PG_GETARG_TICKET_ID(0);
	char		number[OMS_TICKET_ID_TEXT_SIZE];
	uint64		count;

	InitMaterializedSRF(fcinfo, 0);
	oms_look_begin();
	count = oms_store_verify(all ? NULL : &id, report_problem, &findings);
	oms_look_end();
	if (count == 0 && !all)
		ereport(ERROR,
				(errcode(OMS_ERR_UNKNOWN_TICKET),
				 errmsg("unknown ticket: %s", oms_ticket_id_to_text(id, number))));
	if (all)
		oms_metrics_note_check(OMS_CHECK_CHAIN, findings.count);
	return (Datum) 0;
}

/*
 * check(ticket) → TABLE(kind, ticket, detail); NULL: everything.
 */
Datum
oms_check(PG_FUNCTION_ARGS)
{
	bool		all = PG_ARGISNULL(0);
	OmsTicketId id = all ? 0 : PG_GETARG_TICKET_ID(0);
	uint64		count;

	InitMaterializedSRF(fcinfo, 0);
	count = oms_store_check(all ? NULL : &id, oms_put_row, fcinfo->resultinfo);
	if (all)
		oms_metrics_note_check(OMS_CHECK_MODEL, count);
	return (Datum) 0;
}

/*
 * breached(started timestamptz, now timestamptz, limit_mins int) → bool, true only if strictly later
 * than the limit.
 */
Datum
oms_breached(PG_FUNCTION_ARGS)
{
	TimestampTz started = PG_GETARG_TIMESTAMPTZ(0);
	TimestampTz now = PG_GETARG_TIMESTAMPTZ(1);
	int32		limit_mins = PG_GETARG_INT32(2);
	int64		elapsed;

	if (limit_mins < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("limit_mins must not be negative")));
	if (now <= started)
		PG_RETURN_BOOL(false);
	if (pg_sub_s64_overflow(now, started, &elapsed))
		PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(elapsed > limit_mins * USECS_PER_MINUTE);
}
