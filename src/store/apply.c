/*
 * apply.c
 *		The one writer: what the engine left in a ticket goes into the tables and to the listeners.
 *
 * Events, stage rows, the ticket's row and the bells are written here together, so that none can be
 * forgotten.  Several tickets can be written in one go; their rows then go in by batches.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/store.h"
#include "store/tables.h"
#include "worker/bell.h"

static void
set_value(TupleTableSlot *slot, int column, Datum value)
{
	slot->tts_values[column] = value;
	slot->tts_isnull[column] = false;
}

static void
set_time(TupleTableSlot *slot, int column, TimestampTz time)
{
	if (time != OMS_NEVER)
		set_value(slot, column, TimestampTzGetDatum(time));
}

static void
set_text(TupleTableSlot *slot, int column, const char *text)
{
	if (text != NULL)
		set_value(slot, column, CStringGetTextDatum(text));
}

static void
set_int(TupleTableSlot *slot, int column, int value)
{
	set_value(slot, column, Int32GetDatum(value));
}

static void
set_bytes(TupleTableSlot *slot, int column, const uint8 *bytes, int len)
{
	bytea	   *value = palloc(VARHDRSZ + len);

	SET_VARSIZE(value, VARHDRSZ + len);
	memcpy(VARDATA(value), bytes, len);
	set_value(slot, column, PointerGetDatum(value));
}

/* ---- stages ---- */

static void
write_stage(OmsWriter *writer, const OmsTicket *ticket, OmsStage *stage)
{
	TupleTableSlot *slot = oms_writer_row(writer);

	set_value(slot, STAGE_TICKET_ID, TicketIdGetDatum(ticket->id));
	set_value(slot, STAGE_TOKEN, Int64GetDatum(stage->token));
	set_time(slot, STAGE_QUEUED_AT, stage->queued_at);
	set_time(slot, STAGE_READY_AT, stage->ready_at);
	set_time(slot, STAGE_ANNOUNCE_AT, stage->announce_at);
	set_time(slot, STAGE_STARTED_AT, stage->started_at);
	set_time(slot, STAGE_FINISHED_AT, stage->finished_at);
	set_time(slot, STAGE_LEASE_UNTIL, stage->lease_until);
	set_time(slot, STAGE_DUE_AT, stage->due_at);
	set_time(slot, STAGE_BREACHED_AT, stage->breached_at);
	set_time(slot, STAGE_TIMER_AT, stage->timer_at);
	set_int(slot, STAGE_PRIORITY, stage->priority);
	set_int(slot, STAGE_ATTEMPT, stage->attempt);
	set_int(slot, STAGE_CYCLE, stage->cycle);
	set_int(slot, STAGE_LEVEL, stage->level);
	set_int(slot, STAGE_OUTPUT_SEQ, stage->output_seq);
	set_value(slot, STAGE_NO, Int16GetDatum(stage->no));
	set_value(slot, STAGE_STATUS, CharGetDatum(stage->status));
	set_text(slot, STAGE_OWNER, stage->owner);
	set_text(slot, STAGE_WORKER, stage->worker);

	if (stage->stored)
		oms_writer_update(writer, &stage->tid, slot);
	else
		oms_writer_add(writer);
	stage->changed = false;
	stage->written = true;
}

static void
write_stages(OmsTicket **tickets, int ntickets)
{
	OmsWriter	writer;

	oms_writer_begin(&writer, "stage_state", STAGE_COLUMNS);
	for (int i = 0; i < ntickets; i++)
		for (OmsStage *stage = tickets[i]->stages; stage != NULL; stage = stage->next)
			if (stage->changed)
				write_stage(&writer, tickets[i], stage);
	oms_writer_end(&writer);
}

/* ---- events ---- */

static void
write_events(OmsTicket **tickets, int ntickets, const OmsActor *actor)
{
	OmsWriter	writer;

	oms_writer_begin(&writer, "timeline", TIMELINE_COLUMNS);
	for (int i = 0; i < ntickets; i++)
		oms_timeline_write(&writer, tickets[i], actor);
	oms_writer_end(&writer);
}

/* ---- tickets ---- */

static void
write_ticket(OmsWriter *writer, OmsTicket *ticket)
{
	TupleTableSlot *slot = oms_writer_row(writer);

	set_value(slot, TICKET_ID, TicketIdGetDatum(ticket->id));
	set_time(slot, TICKET_OPENED_AT, ticket->opened_at);
	set_time(slot, TICKET_LAST_AT, ticket->last_at);
	set_time(slot, TICKET_CLOSED_AT, ticket->closed_at);
	set_int(slot, TICKET_WORKFLOW_ID, ticket->graph->workflow_id);
	set_int(slot, TICKET_PRIORITY, ticket->priority);
	set_int(slot, TICKET_SEQ, ticket->seq);
	set_int(slot, TICKET_DATA_SEQ, ticket->data_seq);
	set_int(slot, TICKET_N_ACTIVE, ticket->n_active);
	set_int(slot, TICKET_N_FAILED, ticket->n_failed);
	set_value(slot, TICKET_STATUS, CharGetDatum(ticket->status));
	set_value(slot, TICKET_ODD_ROWS, BoolGetDatum(ticket->odd_rows));
	set_bytes(slot, TICKET_FINISHED, ticket->finished->bytes, ticket->finished->nbytes);
	set_bytes(slot, TICKET_STARTED, ticket->started->bytes, ticket->started->nbytes);
	set_bytes(slot, TICKET_HEAD, ticket->head, OMS_HASH_LEN);
	set_text(slot, TICKET_APPLICANT, ticket->applicant);
	set_text(slot, TICKET_OPENED_BY, ticket->opened_by);

	if (ticket->stored)
		oms_writer_update(writer, &ticket->tid, slot);
	else
		oms_writer_add(writer);
}

static void
write_tickets(OmsTicket **tickets, int ntickets)
{
	OmsWriter	writer;

	oms_writer_begin(&writer, "ticket_state", TICKET_COLUMNS);
	for (int i = 0; i < ntickets; i++)
		write_ticket(&writer, tickets[i]);
	oms_writer_end(&writer);
}

/*
 * Write the changes of some tickets.  The tickets are spent afterwards: load them anew for the next
 * change.
 */
void
oms_store_apply_many(OmsTicket **tickets, int ntickets, const OmsActor *actor)
{
	write_events(tickets, ntickets, actor);
	write_stages(tickets, ntickets);
	write_tickets(tickets, ntickets);
	for (int i = 0; i < ntickets; i++)
		oms_bells_ring(tickets[i]);
}

void
oms_store_apply(OmsTicket *ticket, const OmsActor *actor)
{
	oms_store_apply_many(&ticket, 1, actor);
}
