/*
 * stage_api.c
 *		What happens to stages: claim, heartbeat, release, done, failed.
 *
 * Every function here is: check the arguments, lock the ticket, load the stage, ask whether the verb
 * is allowed, decide, apply.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "api/door.h"
#include "api/work_items.h"
#include "clock.h"
#include "engine/catch_up.h"
#include "engine/decide.h"
#include "engine/hands.h"
#include "engine/lifecycle.h"
#include "engine/offer.h"
#include "engine/require.h"
#include "errors.h"
#include "guc.h"
#include "shared/counters.h"
#include "store/access.h"
#include "store/row.h"

PG_FUNCTION_INFO_V1(oms_claim);
PG_FUNCTION_INFO_V1(oms_claim_stage);
PG_FUNCTION_INFO_V1(oms_heartbeat);
PG_FUNCTION_INFO_V1(oms_release);
PG_FUNCTION_INFO_V1(oms_stage_done);
PG_FUNCTION_INFO_V1(oms_stages_done);
PG_FUNCTION_INFO_V1(oms_exchange);
PG_FUNCTION_INFO_V1(oms_stage_failed);

/* Most stages that one call can claim */
#define MAX_CLAIM	10000
/* So many tickets are finished before they are written */
#define WRITTEN_TOGETHER	100

/* ---- taking work ---- */

typedef struct ClaimState
{
	const OmsCall *call;
	OmsDoer		doer;
	const char *worker;
	int64		lease;
	int			wanted;
	int			left;			/* how many are still wanted */
	ReturnSetInfo *result;
	const char *owner;
	OmsIsolation isolation;
	List	   *taken;			/* rows of the result whose tickets are not written yet */
} ClaimState;

/* One row of the result */
#define CLAIMED_COLUMNS	9

typedef struct Claimed
{
	Datum		values[CLAIMED_COLUMNS];
	bool		nulls[CLAIMED_COLUMNS];
} Claimed;

/*
 * The columns of a stage that was taken.
 */
static Claimed *
claimed_row(OmsTicket *ticket, const OmsStage *stage)
{
	Claimed    *row = palloc0(sizeof(Claimed));

	row->values[0] = TicketIdGetDatum(ticket->id);
	row->values[1] = CStringGetTextDatum(oms_graph_stage(ticket->graph, stage->no)->id);
	row->values[2] = Int32GetDatum(stage->attempt);
	row->values[3] = Int64GetDatum(stage->token);
	row->values[4] = CStringGetTextDatum(ticket->graph->name);
	row->values[5] = JsonbPGetDatum(oms_store_data(ticket));
	row->values[6] = JsonbPGetDatum(oms_store_inputs(ticket, stage));
	row->values[7] = TimestampTzGetDatum(stage->due_at);
	row->nulls[7] = stage->due_at == OMS_NEVER;
	row->values[8] = TimestampTzGetDatum(stage->lease_until);
	return row;
}

/*
 * Take one stage if it can be taken.
 */
static bool
claim_one(void *context, OmsTicket *ticket, OmsStage *stage)
{
	ClaimState *state = context;
	char	   *owner = pstrdup(stage->owner);

	/* each ticket is written by itself then: what is left here is of one that failed */
	if (state->isolation.apart)
		state->taken = NIL;
	oms_catch_up(ticket, stage);
	if (oms_may(ticket, stage, OMS_CLAIM, NULL) && strcmp(stage->owner, owner) == 0 &&
		oms_same_hands(ticket, stage, state->worker, &state->doer) == 0)
	{
		oms_decide_claim(ticket, stage, state->worker, state->lease);
		state->taken = lappend(state->taken, claimed_row(ticket, stage));
	}
	return list_length(state->taken) < state->left;
}

/*
 * Write what was taken, and what was due before.  The rows of the result come last: nothing of them fails then.
 */
static void
write_claimed(void *context, OmsTicket **tickets, int ntickets)
{
	ClaimState *state = context;
	ListCell   *cell;
	int			nchanged = 0;

	for (int i = 0; i < ntickets; i++)
		if (tickets[i]->events != NULL)
			tickets[nchanged++] = tickets[i];
	if (nchanged > 0)
		oms_store_apply_many(tickets, nchanged, &state->call->actor);
	foreach(cell, state->taken)
	{
		Claimed    *row = lfirst(cell);

		tuplestore_putvalues(state->result->setResult, state->result->setDesc, row->values, row->nulls);
	}
	state->left -= list_length(state->taken);
	state->taken = NIL;
}

static void
claim_many(void *context)
{
	ClaimState *state = context;

	oms_store_visit_queue(state->owner, oms_clock_now(), &state->isolation, claim_one, write_claimed, state);
}

static void
forget_claimed(void *context)
{
	ClaimState *state = context;

	tuplestore_clear(state->result->setResult);
	state->left = state->wanted;
	state->taken = NIL;
}

/*
 * The arguments of a claim: worker, qty (from min_qty) and lease, and the table for what is taken.
 */
static void
begin_claim(FunctionCallInfo fcinfo, ClaimState *state, int worker, int qty, int min_qty, int lease)
{
	state->worker = oms_arg_name_or_null(fcinfo, worker, "worker");
	oms_arg_required(fcinfo, qty, "qty");
	state->left = PG_GETARG_INT32(qty);
	if (state->left < min_qty || state->left > MAX_CLAIM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("qty must be from %d to %d", min_qty, MAX_CLAIM)));
	state->lease = oms_arg_duration(fcinfo, lease, "lease", 1);
	state->result = (ReturnSetInfo *) fcinfo->resultinfo;
	InitMaterializedSRF(fcinfo, 0);
}

/*
 * Take what the owner can have, as much as is wanted.  Never waits: what another session is just
 * changing is passed over.
 */
static void
take(const OmsCall *call, const char *owner, ClaimState *state, TimestampTz started)
{
	state->call = call;
	state->owner = owner;
	state->wanted = state->left;
	state->doer = oms_call_doer(call, state->worker == NULL);
	if (state->worker == NULL)
		state->worker = call->actor.role;
	oms_isolate(&state->isolation, OMS_STEP_CLAIMS, claim_many, forget_claimed, state);
	oms_count_call(state->left < state->wanted ? OMS_TIMED_CLAIM : OMS_TIMED_EMPTY_CLAIM, started);
}

/*
 * claim(owner text, worker text, qty int, lease interval) → the stages taken.
 */
Datum
oms_claim(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	ClaimState	state = {0};
	TimestampTz started = oms_clock_steady();
	char	   *owner = oms_arg_name(fcinfo, 0, "owner");

	begin_claim(fcinfo, &state, 1, 2, 1, 3);
	oms_require_owner(owner);
	oms_call_begin(&call, "oms.claim()");
	take(&call, owner, &state, started);
	oms_call_end(&call);
	return (Datum) 0;
}

/*
 * claim_stage(ticket, stage text, worker text) → bigint, the token.  Whoever has the stage already
 * gets the same token again.
 */
Datum
oms_claim_stage(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *worker = oms_arg_name_or_null(fcinfo, 2, "worker");
	int64		token;

	oms_call_begin(&call, "oms.claim_stage()");
	stage = oms_enter_stage(fcinfo, &ticket);
	if (worker != NULL && stage->status == OMS_IN_PROGRESS && stage->worker != NULL &&
		strcmp(stage->worker, worker) == 0)
		token = stage->token;
	else
	{
		OmsDoer		doer = oms_call_doer(&call, worker == NULL);

		if (worker == NULL)
			worker = pstrdup(call.actor.role);
		oms_require(ticket, stage, OMS_CLAIM_STAGE, NULL);
		oms_require_other_hands(ticket, stage, worker, &doer);
		token = oms_decide_claim(ticket, stage, worker, OMS_NO_LENGTH);
		oms_store_apply(ticket, &call.actor);
	}
	oms_call_end(&call);
	PG_RETURN_INT64(token);
}

/*
 * heartbeat(ticket, stage text, token bigint, lease interval) → timestamptz, the new end of the lease.
 */
Datum
oms_heartbeat(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	int64		token;
	int64		lease = oms_arg_duration(fcinfo, 3, "lease", 1);

	oms_arg_required(fcinfo, 2, "token");
	token = PG_GETARG_INT64(2);
	oms_call_begin(&call, "oms.heartbeat()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require(ticket, stage, OMS_HEARTBEAT, &token);
	oms_decide_heartbeat(ticket, stage, lease);
	oms_store_apply(ticket, &call.actor);
	oms_call_end(&call);
	PG_RETURN_TIMESTAMPTZ(stage->lease_until);
}

/*
 * release(ticket, stage text, note text, token bigint) → text, the new status.
 */
Datum
oms_release(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *note = oms_arg_note_or_null(fcinfo, 2, "note");
	int64		token = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT64(3);

	oms_call_begin(&call, "oms.release()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require(ticket, stage, OMS_RELEASE, PG_ARGISNULL(3) ? NULL : &token);
	oms_decide_release(ticket, stage, note);
	return oms_call_end_stage(&call, ticket, stage);
}

/* ---- finishing ---- */

static bool
same_output(const OmsTicket *ticket, const OmsStage *stage, Jsonb *output)
{
	Jsonb	   *stored = stage->output_seq == 0 ? NULL
		: oms_store_payload(ticket, stage->output_seq);

	if (stored == NULL || output == NULL)
		return stored == output;
	return compareJsonbContainers(&stored->root, &output->root) == 0;
}

/*
 * Is this the repetition of a call that was done?
 */
static bool
done_before(const OmsTicket *ticket, const OmsStage *stage, Jsonb *output, const int64 *token)
{
	return stage->status == OMS_STAGE_DONE && (token == NULL || *token == stage->token) &&
		same_output(ticket, stage, output);
}

/*
 * Raise an error if all outputs of a ticket together would be more than one call can hand out.
 */
static void
require_room(const OmsTicket *ticket, const Jsonb *output)
{
	int64		bytes = (int64) ticket->output_bytes + (output == NULL ? 0 : VARSIZE(output));
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	if (output != NULL && bytes > (int64) oms_max_ticket_output_size * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("outputs of ticket %s are too large together", oms_ticket_id_to_text(ticket->id, number)),
				 errdetail("With this one they have " INT64_FORMAT " bytes, at most %d kB are possible.", bytes,
						   oms_max_ticket_output_size),
				 errhint("The setting oms.max_ticket_output_size says how much.")));
}

/*
 * Nobody can claim a stage that is awaiting, so whoever may only do what can be claimed cannot finish it.
 */
static void
require_staff_for_awaiting(const OmsTicket *ticket, const OmsStage *stage)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	if (!oms_has_level(OMS_LEVEL_STAFF))
		ereport(ERROR,
				(errcode(OMS_ERR_WRONG_STATE),
				 errmsg("%s is not possible for stage \"%s\" of ticket %s: the stage is %s", oms_verb_name(OMS_FINISH),
						oms_graph_stage(ticket->graph, stage->no)->id, oms_ticket_id_to_text(ticket->id, number),
						oms_stage_status_name(stage->status)),
				 errdetail("Only staff can finish it.")));
}

/*
 * Finish a stage of a locked ticket; the numbers of the stages that this queued.  False (and nothing
 * done) if it was finished before with the same output.
 */
static bool
finish(OmsTicket *ticket, OmsStage *stage, Jsonb *output, const int64 *token, const OmsCall *call,
	   List **queued)
{
	OmsDoer		doer = oms_call_doer(call, token == NULL);

	*queued = NIL;
	output = oms_normal_output(output);
	if (output != NULL)
		oms_check_size(output, "output of a stage", oms_max_output_size, "oms.max_output_size");
	if (done_before(ticket, stage, output, token))
		return false;
	oms_require(ticket, stage, OMS_FINISH, token);
	if (stage->status == OMS_AWAITING)
		require_staff_for_awaiting(ticket, stage);
	oms_require_other_hands(ticket, stage, stage->worker != NULL ? stage->worker : doer.role, &doer);
	require_room(ticket, output);
	*queued = oms_decide_finish(ticket, stage, output, &doer);
	return true;
}

static Datum
stage_ids(const OmsGraph *graph, List *numbers)
{
	Datum	   *ids = palloc(sizeof(Datum) * Max(list_length(numbers), 1));
	int			count = 0;
	ListCell   *cell;

	foreach(cell, numbers)
		ids[count++] = CStringGetTextDatum(oms_graph_stage(graph, lfirst_int(cell))->id);
	return PointerGetDatum(construct_array(ids, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * stage_done(ticket, stage text, output jsonb, token bigint) → text[], the stages that this queued.
 */
Datum
oms_stage_done(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	Jsonb	   *output = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	int64		token = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT64(3);
	TimestampTz started = oms_clock_steady();
	List	   *queued;

	oms_call_begin(&call, "oms.stage_done()");
	stage = oms_enter_stage(fcinfo, &ticket);
	if (finish(ticket, stage, output, PG_ARGISNULL(3) ? NULL : &token, &call, &queued))
		oms_store_apply(ticket, &call.actor);
	oms_count_call(OMS_TIMED_DONE, started);
	oms_call_end(&call);
	PG_RETURN_DATUM(stage_ids(ticket->graph, queued));
}

/* ---- many at once ---- */

/*
 * Finish a stage of a locked ticket, or let it fail; false if it was finished before with the same output.
 */
static bool
do_item(const OmsCall *call, OmsTicket *ticket, const OmsWorkItem *item)
{
	OmsStage   *stage = oms_enter(ticket, oms_stage_number(ticket, item->stage, item->stage_len));
	const int64 *token = item->has_token ? &item->token : NULL;
	List	   *queued;

	if (item->error == NULL)
		return finish(ticket, stage, item->output, token, call, &queued);
	oms_require(ticket, stage, OMS_FAIL, token);
	oms_decide_fail(ticket, stage, item->error, item->retryable);
	return true;
}

/*
 * All items of the ticket of the one at *next, which moves behind them; *done counts those that changed something.
 * Returns the ticket if it has to be written, else NULL.
 */
static OmsTicket *
do_ticket(const OmsCall *call, OmsWorkItems *items, int *next, int *done)
{
	OmsTicketId id = items->items[*next].ticket;
	OmsTicket  *ticket = NULL;
	int			before = *done;

	for (; *next < items->count && items->items[*next].ticket == id; (*next)++)
	{
		CHECK_FOR_INTERRUPTS();
		items->current = items->items[*next].position;
		if (ticket == NULL)
			ticket = oms_store_lock(id);
		*done += do_item(call, ticket, &items->items[*next]);
	}
	return *done > before ? ticket : NULL;
}

static int
do_items(const OmsCall *call, OmsWorkItems *items, Jsonb *array)
{
	int			done = 0;
	int			nchanged = 0;
	OmsTicket  *changed[WRITTEN_TOGETHER];
	MemoryContext step = AllocSetContextCreate(CurrentMemoryContext, "oms items", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;

	oms_read_items(items, array);
	old = MemoryContextSwitchTo(step);
	for (int next = 0; next < items->count;)
	{
		changed[nchanged] = do_ticket(call, items, &next, &done);
		nchanged += changed[nchanged] != NULL;
		if (nchanged < WRITTEN_TOGETHER && next < items->count)
			continue;
		items->current = OMS_NO_ITEM;
		if (nchanged > 0)
			oms_store_apply_many(changed, nchanged, &call->actor);
		nchanged = 0;
		MemoryContextReset(step);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(step);
	return done;
}

/*
 * Let an error say which item it is about; what an operator did is about none.
 */
static void
rethrow_for_item(const OmsWorkItems *items, MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	if (items->current != OMS_NO_ITEM &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_OPERATOR_INTERVENTION)
		error->message = psprintf("item %d of %d: %s", items->current + 1, items->count, error->message);
	ReThrowError(error);
}

/*
 * Do all items or none; returns how many changed something.  Tickets are locked in the order of their numbers,
 * so that two such calls never wait for each other in a circle.
 */
static int
finish_many(const OmsCall *call, const char *name, Jsonb *array, bool may_fail)
{
	OmsWorkItems		items = {.name = name, .may_fail = may_fail, .current = OMS_NO_ITEM};
	MemoryContext context = CurrentMemoryContext;
	volatile int done = 0;

	PG_TRY();
	{
		done = do_items(call, &items, array);
	}
	PG_CATCH();
	{
		rethrow_for_item(&items, context);
	}
	PG_END_TRY();
	return done;
}

/*
 * stages_done(items jsonb) → int, how many were finished now.
 */
Datum
oms_stages_done(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	int			finished;

	oms_arg_required(fcinfo, 0, "items");
	oms_call_begin(&call, "oms.stages_done()");
	finished = finish_many(&call, "items", PG_GETARG_JSONB_P(0), false);
	oms_call_end(&call);
	PG_RETURN_INT32(finished);
}

/*
 * exchange(owner text, worker text, finished jsonb, qty int, lease interval) → the stages taken.  First what was
 * worked on, then what is next, which can be what the first half made ready; one transaction, so one commit.
 */
Datum
oms_exchange(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	ClaimState	state = {0};
	char	   *owner = oms_arg_name(fcinfo, 0, "owner");

	oms_arg_required(fcinfo, 2, "finished");
	begin_claim(fcinfo, &state, 1, 3, 0, 4);
	oms_require_owner(owner);
	oms_call_begin(&call, "oms.exchange()");
	finish_many(&call, "finished", PG_GETARG_JSONB_P(2), true);
	if (state.left > 0)
	{
		oms_store_fresh_snapshot();
		take(&call, owner, &state, oms_clock_steady());
	}
	oms_call_end(&call);
	return (Datum) 0;
}

/*
 * stage_failed(ticket, stage text, error text, token bigint, retryable bool) → text, the new status.
 */
Datum
oms_stage_failed(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *error = oms_arg_note(fcinfo, 2, "error");
	int64		token = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT64(3);

	oms_arg_required(fcinfo, 4, "retryable");
	oms_call_begin(&call, "oms.stage_failed()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require(ticket, stage, OMS_FAIL, PG_ARGISNULL(3) ? NULL : &token);
	oms_decide_fail(ticket, stage, error, PG_GETARG_BOOL(4));
	return oms_call_end_stage(&call, ticket, stage);
}
