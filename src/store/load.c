/*
 * load.c
 *		From rows to a ticket in memory.
 *
 * Lock rule: the ticket's row first (FOR NO KEY UPDATE strength), then a fresh snapshot, then
 * everything else.  Whoever changes anything of a ticket updates its row, so under READ COMMITTED the
 * rows read after the lock are the newest, and under REPEATABLE READ a change since the snapshot is a
 * serialization failure at the lock.  The clock is read after the lock, once, and never goes back
 * behind the ticket's last event.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/snapmgr.h"

#include "clock.h"
#include "engine/condition.h"
#include "errors.h"
#include "store/access.h"
#include "store/slot.h"
#include "store/store.h"
#include "store/tables.h"

static void
damaged(OmsTicketId id)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("stored state of ticket %s is damaged", oms_ticket_id_to_text(id, number))));
}

static void
get_bytes(const TupleTableSlot *slot, int column, uint8 *to, int len, OmsTicketId id)
{
	bytea	   *value = DatumGetByteaPP(slot->tts_values[column]);

	if (VARSIZE_ANY_EXHDR(value) != len)
		damaged(id);
	memcpy(to, VARDATA_ANY(value), len);
}

static OmsStageSet *
get_set(const TupleTableSlot *slot, int column, const OmsGraph *graph, OmsTicketId id)
{
	OmsStageSet *set = palloc(sizeof(OmsStageSet));

	oms_set_init(set, graph);
	get_bytes(slot, column, set->bytes, set->nbytes, id);
	return set;
}

static OmsTicket *
ticket_from_row(const TupleTableSlot *slot)
{
	OmsTicket  *ticket = palloc0(sizeof(OmsTicket));

	ticket->id = DatumGetTicketId(slot->tts_values[TICKET_ID]);
	ticket->graph = oms_store_graph(oms_slot_int(slot, TICKET_WORKFLOW_ID));
	ticket->status = DatumGetChar(slot->tts_values[TICKET_STATUS]);
	ticket->priority = oms_slot_int(slot, TICKET_PRIORITY);
	ticket->seq = oms_slot_int(slot, TICKET_SEQ);
	ticket->data_seq = oms_slot_int(slot, TICKET_DATA_SEQ);
	ticket->n_active = oms_slot_int(slot, TICKET_N_ACTIVE);
	ticket->n_failed = oms_slot_int(slot, TICKET_N_FAILED);
	ticket->odd_rows = DatumGetBool(slot->tts_values[TICKET_ODD_ROWS]);
	ticket->opened_at = oms_slot_time(slot, TICKET_OPENED_AT);
	ticket->closed_at = oms_slot_time(slot, TICKET_CLOSED_AT);
	ticket->last_at = oms_slot_time(slot, TICKET_LAST_AT);
	ticket->finished = get_set(slot, TICKET_FINISHED, ticket->graph, ticket->id);
	ticket->started = get_set(slot, TICKET_STARTED, ticket->graph, ticket->id);
	get_bytes(slot, TICKET_HEAD, ticket->head, OMS_HASH_LEN, ticket->id);
	ticket->applicant = oms_slot_text(slot, TICKET_APPLICANT);
	ticket->opened_by = oms_slot_text(slot, TICKET_OPENED_BY);
	ticket->stored = true;
	ticket->tid = slot->tts_tid;
	return ticket;
}

/* See what this transaction has done so far, and what was committed while it waited for a lock */
static void
fresh_snapshot(void)
{
	PopActiveSnapshot();
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static OmsStage *fetch_stage(OmsTicket *ticket, int no);

/*
 * Lock and load; NULL if the ticket is not there, or is locked and wait says not to wait.
 */
static OmsTicket *
lock_ticket(OmsTicketId id, LockWaitPolicy wait)
{
	OmsScan		scan;
	OmsTicket  *ticket = NULL;
	bool		gone;

	fresh_snapshot();
	oms_scan_key_ticket(&scan, id);
	oms_scan_begin(&scan, "ticket_state", "ticket_state_pkey", TICKET_COLUMNS, RowExclusiveLock);
	if (oms_scan_next(&scan) && oms_scan_lock(&scan, wait, &gone))
		ticket = ticket_from_row(scan.slot);
	oms_scan_end(&scan);
	if (ticket == NULL)
		return NULL;

	fresh_snapshot();
	ticket->now = Max(oms_clock_now(), ticket->last_at);
	ticket->fetch = fetch_stage;
	return ticket;
}

static OmsTicket *
known(OmsTicket *ticket, OmsTicketId id)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	/* who may not see it is not told that it is not there */
	if (ticket == NULL && !oms_has_level(OMS_LEVEL_STAFF))
		oms_refuse_ticket(id);
	if (ticket == NULL)
		ereport(ERROR,
				(errcode(OMS_ERR_UNKNOWN_TICKET),
				 errmsg("unknown ticket: %s", oms_ticket_id_to_text(id, number))));
	return ticket;
}

/*
 * Lock a ticket for a change, waiting for whoever changes it now.  The caller has an active snapshot
 * of its own, which is replaced by one taken after the lock.
 */
OmsTicket *
oms_store_lock(OmsTicketId id)
{
	return known(lock_ticket(id, LockWaitBlock), id);
}

/*
 * The same without waiting; NULL if another has it.
 */
OmsTicket *
oms_store_try_lock(OmsTicketId id)
{
	return lock_ticket(id, LockWaitSkip);
}

/*
 * Load a ticket to look at it; NULL if it is not there.
 */
OmsTicket *
oms_store_read_if_there(OmsTicketId id)
{
	OmsScan		scan;
	OmsTicket  *ticket = NULL;

	oms_scan_key_ticket(&scan, id);
	oms_scan_begin(&scan, "ticket_state", "ticket_state_pkey", TICKET_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan))
		ticket = ticket_from_row(scan.slot);
	oms_scan_end(&scan);
	return ticket;
}

/*
 * The same; an error if it is not there.
 */
OmsTicket *
oms_store_read(OmsTicketId id)
{
	return known(oms_store_read_if_there(id), id);
}

/*
 * A ticket that is to be opened now.
 */
OmsTicket *
oms_store_new(const OmsGraph *graph, OmsTicketId id, TimestampTz now)
{
	OmsTicket  *ticket = palloc0(sizeof(OmsTicket));

	ticket->id = id;
	ticket->graph = graph;
	ticket->status = OMS_TICKET_OPEN;
	ticket->opened_at = ticket->now = ticket->last_at = now;
	ticket->closed_at = OMS_NEVER;
	ticket->finished = palloc(sizeof(OmsStageSet));
	ticket->started = palloc(sizeof(OmsStageSet));
	oms_set_init(ticket->finished, graph);
	oms_set_init(ticket->started, graph);
	return ticket;
}

/* ---- stages ---- */

static OmsStage *
stage_from_row(OmsTicket *ticket, const TupleTableSlot *slot)
{
	OmsStage   *stage = palloc0(sizeof(OmsStage));

	stage->no = DatumGetInt16(slot->tts_values[STAGE_NO]);
	if (stage->no < 1 || stage->no > ticket->graph->nstages)
		damaged(ticket->id);
	stage->status = DatumGetChar(slot->tts_values[STAGE_STATUS]);
	stage->owner = oms_slot_text(slot, STAGE_OWNER);
	stage->worker = oms_slot_text(slot, STAGE_WORKER);
	stage->priority = oms_slot_int(slot, STAGE_PRIORITY);
	stage->attempt = oms_slot_int(slot, STAGE_ATTEMPT);
	stage->cycle = oms_slot_int(slot, STAGE_CYCLE);
	stage->level = oms_slot_int(slot, STAGE_LEVEL);
	stage->output_seq = oms_slot_int(slot, STAGE_OUTPUT_SEQ);
	stage->token = DatumGetInt64(slot->tts_values[STAGE_TOKEN]);
	stage->queued_at = oms_slot_time(slot, STAGE_QUEUED_AT);
	stage->ready_at = oms_slot_time(slot, STAGE_READY_AT);
	stage->announce_at = oms_slot_time(slot, STAGE_ANNOUNCE_AT);
	stage->started_at = oms_slot_time(slot, STAGE_STARTED_AT);
	stage->finished_at = oms_slot_time(slot, STAGE_FINISHED_AT);
	stage->lease_until = oms_slot_time(slot, STAGE_LEASE_UNTIL);
	stage->due_at = oms_slot_time(slot, STAGE_DUE_AT);
	stage->breached_at = oms_slot_time(slot, STAGE_BREACHED_AT);
	stage->timer_at = oms_slot_time(slot, STAGE_TIMER_AT);
	stage->stored = true;
	stage->tid = slot->tts_tid;
	oms_ticket_add(ticket, stage);
	return stage;
}

/*
 * The row of a stage, if there is one.
 */
static OmsStage *
fetch_stage(OmsTicket *ticket, int no)
{
	OmsScan		scan;
	OmsStage   *stage = NULL;

	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_key(&scan, int2eq, InvalidOid, Int16GetDatum(no));
	oms_scan_begin(&scan, "stage_state", "stage_state_pkey", STAGE_COLUMNS, RowExclusiveLock);
	if (oms_scan_next(&scan))
		stage = stage_from_row(ticket, scan.slot);
	oms_scan_end(&scan);
	return stage;
}

/*
 * One stage of a ticket; made up as waiting if it has no row.
 */
OmsStage *
oms_store_stage(OmsTicket *ticket, int no)
{
	OmsStage   *stage = oms_ticket_find(ticket, no);

	if (stage == NULL && oms_set_has(ticket->started, no))
		stage = fetch_stage(ticket, no);
	return stage != NULL ? stage : oms_ticket_stage(ticket, no);
}

/*
 * Is a stage queued, as far as can be seen without a lock?  A look before a lock, so that nobody is
 * made to wait for a ticket that turns out not to be wanted: the lock would last until the end of the
 * transaction.
 */
bool
oms_store_seems_queued(OmsTicketId id, int no)
{
	OmsScan		scan;
	bool		queued;

	fresh_snapshot();
	oms_scan_key_ticket(&scan, id);
	oms_scan_key(&scan, int2eq, InvalidOid, Int16GetDatum(no));
	oms_scan_begin(&scan, "stage_state", "stage_state_pkey", STAGE_COLUMNS, AccessShareLock);
	queued = oms_scan_next(&scan) &&
		DatumGetChar(scan.slot->tts_values[STAGE_STATUS]) == OMS_QUEUED;
	oms_scan_end(&scan);
	return queued;
}

/*
 * Every stage that has a row.
 */
void
oms_store_stages(OmsTicket *ticket)
{
	OmsScan		scan;

	ticket->stages = NULL;
	ticket->by_no = NULL;
	ticket->nstages = 0;
	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_begin(&scan, "stage_state", "stage_state_pkey", STAGE_COLUMNS, RowExclusiveLock);
	while (oms_scan_next(&scan))
		stage_from_row(ticket, scan.slot);
	oms_scan_end(&scan);
}

/* ---- data and outputs ---- */

/*
 * The ticket's data, read once.  {} if it was erased.
 */
Jsonb *
oms_store_data(OmsTicket *ticket)
{
	if (ticket->data == NULL)
		ticket->data = oms_timeline_payload(ticket->id, ticket->data_seq);
	if (ticket->data == NULL)
		ticket->data = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	return ticket->data;
}

/* The payload of an event, written or still to be written */
Jsonb *
oms_store_payload(const OmsTicket *ticket, int seq)
{
	if (ticket->events != NULL && seq >= ticket->events->seq)
		for (const OmsEvent *event = ticket->events; event != NULL; event = event->next)
			if (event->seq == seq)
				return event->payload;
	return oms_timeline_payload(ticket->id, seq);
}

static void
push_output(JsonbParseState **state, const char *id, Jsonb *output)
{
	JsonbValue	key = {.type = jbvString, .val.string = {.val = unconstify(char *, id), .len = strlen(id)}};
	JsonbValue	value;

	pushJsonbValue(state, WJB_KEY, &key);
	if (output == NULL)
	{
		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
		return;
	}
	JsonbToJsonbValue(output, &value);
	if (JB_ROOT_IS_SCALAR(output))
		JsonbExtractScalar(&output->root, &value);
	pushJsonbValue(state, WJB_VALUE, &value);
}

/*
 * Push {"id": output, …} of those of the given stages that are done; {} for one without output.
 * "finishing" is the stage that is just getting its output, or NULL.
 */
static JsonbValue *
push_outputs(JsonbParseState **state, OmsTicket *ticket, const int *nos, int count,
			 const OmsStage *finishing, Jsonb *output)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < count; i++)
	{
		const char *id = oms_graph_stage(ticket->graph, nos[i])->id;
		OmsStage   *stage;

		if (finishing != NULL && nos[i] == finishing->no)
			push_output(state, id, output);
		if (!oms_set_has(ticket->finished, nos[i]))
			continue;
		stage = oms_store_stage(ticket, nos[i]);
		if (stage->status == OMS_STAGE_DONE)
			push_output(state, id, stage->output_seq == 0 ? NULL
						: oms_store_payload(ticket, stage->output_seq));
	}
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/*
 * The outputs of the stages that a stage depends on.
 */
Jsonb *
oms_store_inputs(OmsTicket *ticket, const OmsStage *stage)
{
	JsonbParseState *state = NULL;
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);

	return JsonbValueToJsonb(push_outputs(&state, ticket, def->deps, def->ndeps, NULL, NULL));
}

/*
 * Load what the engine needs to judge the conditions of the stages that come after "stage": the data,
 * and {"stages": {id: output}} of all that is done and named by a condition.  "finishing" is the same stage with its new
 * output, or NULL if it is being skipped.
 */
void
oms_store_conditions(OmsTicket *ticket, const OmsStage *stage, const OmsStage *finishing,
					 Jsonb *output)
{
	const OmsGraph *graph = ticket->graph;
	JsonbParseState *state = NULL;
	JsonbValue	key = {.type = jbvString, .val.string = {.val = "stages", .len = 6}};

	if (!oms_graph_stage(graph, stage->no)->asks_conditions)
		return;
	oms_store_data(ticket);
	ticket->outputs = oms_condition_no_outputs();
	if (!graph->uses_stages)
		return;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &key);
	push_outputs(&state, ticket, graph->refs, graph->nrefs, finishing, output);
	ticket->outputs = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
