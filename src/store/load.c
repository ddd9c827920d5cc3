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
#include "utils/array.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/snapmgr.h"

#include "clock.h"
#include "engine/graph.h"
#include "engine/lookup.h"
#include "engine/outputs.h"
#include "engine/ticket.h"
#include "errors.h"
#include "shared/ring.h"
#include "store/access.h"
#include "store/calendar.h"
#include "store/message.h"
#include "store/owner.h"
#include "store/row.h"
#include "store/slot.h"
#include "store/store.h"
#include "store/tables.h"
#include "store/twin.h"

static void
get_bytes(const TupleTableSlot *slot, int column, uint8 *to, int len, OmsTicketId id)
{
	bytea	   *value = DatumGetByteaPP(slot->tts_values[column]);

	if (VARSIZE_ANY_EXHDR(value) != len)
		oms_store_damaged(id);
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

/* Pairs of stage numbers: who waits, and for what to be done again */
static void
get_reworks(const TupleTableSlot *slot, OmsTicket *ticket)
{
	ArrayType  *array;
	int16	   *numbers;

	if (slot->tts_isnull[TICKET_REWORKS])
		return;
	array = DatumGetArrayTypeP(slot->tts_values[TICKET_REWORKS]);
	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array) || ARR_DIMS(array)[0] % 2 != 0)
		oms_store_damaged(ticket->id);
	numbers = (int16 *) ARR_DATA_PTR(array);
	ticket->nreworks = ARR_DIMS(array)[0] / 2;
	ticket->reworks = palloc(sizeof(OmsRework) * ticket->nreworks);
	for (int i = 0; i < ticket->nreworks; i++)
	{
		OmsRework  *rework = &ticket->reworks[i];

		rework->stage = numbers[2 * i];
		rework->back_to = numbers[2 * i + 1];
		if (Min(rework->stage, rework->back_to) < 1 ||
			Max(rework->stage, rework->back_to) > ticket->graph->nstages)
			oms_store_damaged(ticket->id);
	}
}

static OmsStage *fetch_stage(OmsTicket *ticket, int no);
static void load_conditions(OmsTicket *ticket);
static const OmsCalendar *current_calendar(const char *name);

static const OmsLookup lookup = {
	.stage = fetch_stage,
	.all_stages = oms_store_stages,
	.payload = oms_store_payload,
	.conditions = load_conditions,
	.holds = oms_store_holds,
	.calendar = current_calendar,
	.next_calendar = oms_store_next_calendar,
	.owner = oms_store_owner,
	.is_group = oms_store_is_group,
	.candidates = oms_store_candidates,
	.take_turn = oms_store_take_turn,
	.was_assigned = oms_store_was_assigned,
	.take_message = oms_store_take_message,
	.output_problem = oms_store_output_problem,
	.is_away = oms_store_is_away
};

static OmsTicket *
ticket_from_row(const TupleTableSlot *slot)
{
	OmsTicket  *ticket = palloc0(sizeof(OmsTicket));

	ticket->id = DatumGetTicketId(slot->tts_values[TICKET_ID]);
	ticket->graph = oms_store_graph(oms_slot_int(slot, TICKET_WORKFLOW_ID));
	ticket->lookup = &lookup;
	ticket->status = DatumGetChar(slot->tts_values[TICKET_STATUS]);
	ticket->priority = oms_slot_int(slot, TICKET_PRIORITY);
	ticket->seq = oms_slot_int(slot, TICKET_SEQ);
	ticket->data_seq = oms_slot_int(slot, TICKET_DATA_SEQ);
	ticket->n_active = oms_slot_int(slot, TICKET_N_ACTIVE);
	ticket->n_failed = oms_slot_int(slot, TICKET_N_FAILED);
	ticket->n_holds = oms_slot_int(slot, TICKET_N_HOLDS);
	ticket->output_bytes = oms_slot_int(slot, TICKET_OUTPUT_BYTES);
	ticket->waiting_rows = DatumGetBool(slot->tts_values[TICKET_WAITING_ROWS]);
	ticket->has_clock = DatumGetBool(slot->tts_values[TICKET_HAS_CLOCK]);
	ticket->opened_at = oms_slot_time(slot, TICKET_OPENED_AT);
	ticket->closed_at = oms_slot_time(slot, TICKET_CLOSED_AT);
	ticket->last_at = oms_slot_time(slot, TICKET_LAST_AT);
	ticket->watermark = (uint64) DatumGetInt64(slot->tts_values[TICKET_WATERMARK]);
	ticket->finished = get_set(slot, TICKET_FINISHED, ticket->graph, ticket->id);
	ticket->started = get_set(slot, TICKET_STARTED, ticket->graph, ticket->id);
	get_bytes(slot, TICKET_HEAD, ticket->head, OMS_HASH_LEN, ticket->id);
	get_reworks(slot, ticket);
	ticket->applicant = oms_slot_text(slot, TICKET_APPLICANT);
	ticket->opened_by = oms_slot_text(slot, TICKET_OPENED_BY);
	ticket->stored = true;
	ticket->tid = slot->tts_tid;
	return ticket;
}

/*
 * The tables that a change may write, locked as a writer does, in one order and before anything is read from
 * them.  Whoever read an index first and asked for this lock then would wait for REINDEX, which has the
 * table and waits for the index.
 */
static void
lock_tables(void)
{
	static const char *const tables[] = {"ticket_state", "stage_state", "hold", "timeline"};

	for (int i = 0; i < (int) lengthof(tables); i++)
		LockRelationOid(oms_relation_oid(tables[i]), RowExclusiveLock);
}

/*
 * Lock and load; NULL if the ticket is not there, is archived, or is locked and wait says not to wait.
 * "gone": it was there, and somebody moved it into the archive meanwhile.
 */
static OmsTicket *
lock_ticket(OmsTicketId id, LockWaitPolicy wait, bool *gone)
{
	OmsScan		scan;
	OmsTicket  *ticket = NULL;

	*gone = false;
	lock_tables();
	oms_store_fresh_snapshot();
	oms_scan_key_ticket(&scan, id);
	oms_scan_begin(&scan, "ticket_state", "ticket_state_pkey", TICKET_COLUMNS, RowExclusiveLock);
	if (oms_scan_next(&scan) && (wait == LockWaitBlock || oms_scan_state(&scan) != OMS_ROW_BUSY) &&
		oms_scan_lock(&scan, wait, gone))
		ticket = ticket_from_row(scan.slot);
	oms_scan_end(&scan);
	if (ticket == NULL)
		return NULL;

	oms_ring_locked(id);
	oms_store_fresh_snapshot();
	ticket->real_now = oms_clock_now();
	ticket->now = Max(ticket->real_now, ticket->last_at);
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
 * Lock a ticket for a change, waiting for whoever changes it now; an archived one is brought back.  The
 * caller has an active snapshot of its own, which is replaced by one taken after the lock.
 *
 * A ticket is in one place in every snapshot, so whoever finds it in neither knows that there is none.
 */
OmsTicket *
oms_store_lock(OmsTicketId id)
{
	OmsTicket  *ticket;
	bool		gone;

	do
		ticket = lock_ticket(id, LockWaitBlock, &gone);
	while (ticket == NULL && (gone || oms_store_recall(id)));
	return known(ticket, id);
}

/*
 * The same without waiting; NULL if another has it, or it is archived.
 */
OmsTicket *
oms_store_try_lock(OmsTicketId id)
{
	bool		gone;

	return lock_ticket(id, LockWaitSkip, &gone);
}

/*
 * Load a ticket to see what could be done with it; NULL if it is not there.  *busy: another has it locked.
 */
OmsTicket *
oms_store_peek(OmsTicketId id, bool *busy)
{
	OmsScan		scan;
	OmsTicket  *ticket = NULL;

	*busy = false;
	oms_scan_key_ticket(&scan, id);
	oms_scan_begin(&scan, "ticket_state", "ticket_state_pkey", TICKET_COLUMNS, AccessShareLock);
	if (oms_scan_next(&scan))
	{
		*busy = oms_scan_state(&scan) == OMS_ROW_BUSY;
		ticket = ticket_from_row(scan.slot);
	}
	oms_scan_end(&scan);
	return ticket;
}

static OmsTicket *
read_ticket(OmsTicketId id, bool archived)
{
	OmsScan		scan;
	OmsTicket  *ticket = NULL;

	oms_scan_key_ticket(&scan, id);
	oms_scan_begin_place(&scan, "ticket_state", archived, archived ? TICKET_ARCHIVE_COLUMNS : TICKET_COLUMNS,
						 AccessShareLock);
	if (oms_scan_next(&scan))
		ticket = ticket_from_row(scan.slot);
	oms_scan_end(&scan);
	if (ticket != NULL)
		ticket->archived = archived;
	return ticket;
}

/*
 * Load a ticket to look at it, wherever it is; NULL if it is nowhere.
 */
OmsTicket *
oms_store_read_if_there(OmsTicketId id)
{
	OmsTicket  *ticket = read_ticket(id, false);

	return ticket != NULL ? ticket : read_ticket(id, true);
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

	oms_ticket_fill_new(ticket, graph, &lookup, now);
	ticket->id = id;
	return ticket;
}

/* ---- stages ---- */

static int *
read_steps(const TupleTableSlot *slot, OmsTicketId id, int count)
{
	ArrayType  *array;
	int		   *steps = palloc(sizeof(int) * Max(count, 1));

	if (slot->tts_isnull[STAGE_STEPS])
		return NULL;
	array = DatumGetArrayTypeP(slot->tts_values[STAGE_STEPS]);
	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) ||
		ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != count)
		oms_store_damaged(id);
	memcpy(steps, ARR_DATA_PTR(array), sizeof(int) * count);
	return steps;
}

static void
read_clock(const OmsTicket *ticket, const TupleTableSlot *slot, OmsStage *stage)
{
	int			calendar_id = oms_slot_int(slot, STAGE_CALENDAR_ID);

	stage->calendar = calendar_id == 0 ? NULL : oms_store_calendar_by_id(calendar_id);
	stage->running_since = oms_slot_time(slot, STAGE_RUNNING_SINCE);
	stage->paused_at = oms_slot_time(slot, STAGE_PAUSED_AT);
	stage->limit_us = oms_slot_length(slot, STAGE_LIMIT_US);
	stage->consumed_us = DatumGetInt64(slot->tts_values[STAGE_CONSUMED_US]);
	stage->consumed_days = oms_slot_int(slot, STAGE_CONSUMED_DAYS);
	stage->limit_days = slot->tts_isnull[STAGE_LIMIT_DAYS] ? OMS_NO_DAYS : oms_slot_int(slot, STAGE_LIMIT_DAYS);
	stage->limit_by = slot->tts_isnull[STAGE_LIMIT_BY] ? OMS_LIMIT_FIXED : oms_slot_int(slot, STAGE_LIMIT_BY);
	stage->last_date = slot->tts_isnull[STAGE_LAST_DATE] ? OMS_NO_DATE
		: DatumGetDateADT(slot->tts_values[STAGE_LAST_DATE]);
	stage->warned = oms_slot_int(slot, STAGE_WARNED);
	if (stage->no != OMS_NO_STAGE)
		stage->steps = read_steps(slot, ticket->id, oms_graph_stage(ticket->graph, stage->no)->nsteps);
}

static OmsStage *
stage_from_row(OmsTicket *ticket, const TupleTableSlot *slot)
{
	OmsStage   *stage = palloc0(sizeof(OmsStage));

	stage->no = DatumGetInt16(slot->tts_values[STAGE_NO]);
	if (stage->no < 0 || stage->no > ticket->graph->nstages ||
		(stage->no == OMS_NO_STAGE && !ticket->has_clock))
		oms_store_damaged(ticket->id);
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
	stage->held_at = oms_slot_time(slot, STAGE_HELD_AT);
	stage->resume_at = oms_slot_time(slot, STAGE_RESUME_AT);
	stage->awaiting_at = oms_slot_time(slot, STAGE_AWAITING_AT);
	stage->wake_at = oms_slot_time(slot, STAGE_WAKE_AT);
	stage->held_us = DatumGetInt64(slot->tts_values[STAGE_HELD_US]);
	stage->lease_us = oms_slot_length(slot, STAGE_LEASE_US);
	stage->held_from = slot->tts_isnull[STAGE_HELD_FROM] ? 0
		: DatumGetChar(slot->tts_values[STAGE_HELD_FROM]);
	stage->delegated_by = oms_slot_text(slot, STAGE_DELEGATED_BY);
	stage->finished_by = oms_slot_text(slot, STAGE_FINISHED_BY);
	stage->waits_for = oms_slot_text(slot, STAGE_WAITS_FOR);
	stage->waits_key = oms_slot_text(slot, STAGE_WAITS_KEY);
	read_clock(ticket, slot, stage);
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
	oms_scan_begin_place(&scan, "stage_state", ticket->archived, STAGE_COLUMNS, RowExclusiveLock);
	if (oms_scan_next(&scan))
		stage = stage_from_row(ticket, scan.slot);
	oms_scan_end(&scan);
	return stage;
}

/*
 * One stage of a ticket; made up as waiting if it has no row.  Number 0 is the ticket's clock, NULL
 * if it has none.
 */
OmsStage *
oms_store_stage(OmsTicket *ticket, int no)
{
	OmsStage   *stage = oms_ticket_find(ticket, no);

	if (stage == NULL && (no == OMS_NO_STAGE || oms_set_has(ticket->started, no)))
		stage = fetch_stage(ticket, no);
	return stage != NULL || no == OMS_NO_STAGE ? stage : oms_ticket_stage(ticket, no);
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

	oms_store_fresh_snapshot();
	oms_scan_key_ticket(&scan, id);
	oms_scan_key(&scan, int2eq, InvalidOid, Int16GetDatum(no));
	oms_scan_begin(&scan, "stage_state", "stage_state_pkey", STAGE_COLUMNS, AccessShareLock);
	queued = oms_scan_next(&scan) &&
		DatumGetChar(scan.slot->tts_values[STAGE_STATUS]) == OMS_QUEUED;
	oms_scan_end(&scan);
	return queued;
}

/*
 * Load every stage that has a row and is not loaded yet.
 */
void
oms_store_stages(OmsTicket *ticket)
{
	OmsScan		scan;

	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_begin_place(&scan, "stage_state", ticket->archived, STAGE_COLUMNS, RowExclusiveLock);
	while (oms_scan_next(&scan))
		if (oms_ticket_find(ticket, DatumGetInt16(scan.slot->tts_values[STAGE_NO])) == NULL)
			stage_from_row(ticket, scan.slot);
	oms_scan_end(&scan);
}

/* ---- holds ---- */

static OmsHold *
hold_from_row(const TupleTableSlot *slot)
{
	OmsHold    *hold = palloc0(sizeof(OmsHold));

	hold->seq = oms_slot_int(slot, HOLD_SEQ);
	hold->stage = DatumGetInt16(slot->tts_values[HOLD_STAGE_NO]);
	hold->stops_clock = DatumGetBool(slot->tts_values[HOLD_STOPS_CLOCK]);
	hold->reason = oms_slot_text(slot, HOLD_REASON);
	hold->waiting_on = oms_slot_text(slot, HOLD_WAITING_ON);
	hold->label = oms_slot_text(slot, HOLD_LABEL);
	hold->held_at = oms_slot_time(slot, HOLD_HELD_AT);
	hold->until = oms_slot_time(slot, HOLD_UNTIL);
	hold->lifted_at = oms_slot_time(slot, HOLD_LIFTED_AT);
	hold->stored = true;
	hold->tid = slot->tts_tid;
	return hold;
}

/*
 * All holds of a ticket and its stages, lifted or not, oldest first.  Read once.
 */
void
oms_store_holds(OmsTicket *ticket)
{
	OmsScan		scan;
	OmsHold   **last = &ticket->holds;

	if (ticket->holds_loaded)
		return;
	ticket->holds_loaded = true;
	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_begin_place(&scan, "hold", ticket->archived, HOLD_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
	{
		*last = hold_from_row(scan.slot);
		last = &(*last)->next;
	}
	oms_scan_end(&scan);
}

/* ---- calendars ---- */

/*
 * Raise an error unless every calendar is there that clocks of a ticket will need; better now than in
 * the middle.
 */
void
oms_store_require_calendars(const OmsGraph *graph)
{
	ListCell   *cell;

	foreach(cell, graph->calendars)
		current_calendar(lfirst(cell));
}

/*
 * The calendar by which a clock starts to run.
 */
static const OmsCalendar *
current_calendar(const char *name)
{
	const OmsCalendar *calendar = oms_store_calendar(name);

	if (calendar == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("calendar \"%s\" does not exist", name),
				 errhint("The workflow needs it: oms.create_calendar() makes it.")));
	return calendar;
}

/* ---- data and outputs ---- */

/*
 * The ticket's data, read once.  {} if it was erased.
 */
Jsonb *
oms_store_data(OmsTicket *ticket)
{
	if (ticket->data == NULL)
		ticket->data = oms_timeline_payload(ticket->id, ticket->archived, ticket->data_seq);
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
	return oms_timeline_payload(ticket->id, ticket->archived, seq);
}

/*
 * The outputs of the stages that a stage depends on.
 */
Jsonb *
oms_store_inputs(OmsTicket *ticket, const OmsStage *stage)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);

	return oms_outputs_of(ticket, def->deps, def->ndeps);
}

/*
 * What the engine needs to judge conditions: the data, and {"stages": {id: output}} of all that is done and
 * named by a condition.
 */
static void
load_conditions(OmsTicket *ticket)
{
	oms_store_data(ticket);
	ticket->outputs = oms_outputs_for_conditions(ticket);
}
