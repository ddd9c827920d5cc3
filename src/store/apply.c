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

#include "store/slot.h"
#include "store/store.h"
#include "store/tables.h"
#include "worker/bell.h"

/* ---- stages ---- */

static void
write_stage(OmsWriter *writer, const OmsTicket *ticket, OmsStage *stage)
{
	TupleTableSlot *slot = oms_writer_row(writer);

	oms_slot_set(slot, STAGE_TICKET_ID, TicketIdGetDatum(ticket->id));
	oms_slot_set(slot, STAGE_TOKEN, Int64GetDatum(stage->token));
	oms_slot_set_time(slot, STAGE_QUEUED_AT, stage->queued_at);
	oms_slot_set_time(slot, STAGE_READY_AT, stage->ready_at);
	oms_slot_set_time(slot, STAGE_ANNOUNCE_AT, stage->announce_at);
	oms_slot_set_time(slot, STAGE_STARTED_AT, stage->started_at);
	oms_slot_set_time(slot, STAGE_FINISHED_AT, stage->finished_at);
	oms_slot_set_time(slot, STAGE_LEASE_UNTIL, stage->lease_until);
	oms_slot_set_time(slot, STAGE_DUE_AT, stage->due_at);
	oms_slot_set_time(slot, STAGE_BREACHED_AT, stage->breached_at);
	oms_slot_set_time(slot, STAGE_TIMER_AT, stage->timer_at);
	oms_slot_set_int(slot, STAGE_PRIORITY, stage->priority);
	oms_slot_set_int(slot, STAGE_ATTEMPT, stage->attempt);
	oms_slot_set_int(slot, STAGE_CYCLE, stage->cycle);
	oms_slot_set_int(slot, STAGE_LEVEL, stage->level);
	oms_slot_set_int(slot, STAGE_OUTPUT_SEQ, stage->output_seq);
	oms_slot_set(slot, STAGE_NO, Int16GetDatum(stage->no));
	oms_slot_set(slot, STAGE_STATUS, CharGetDatum(stage->status));
	oms_slot_set_text(slot, STAGE_OWNER, stage->owner);
	oms_slot_set_text(slot, STAGE_WORKER, stage->worker);

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

	oms_slot_set(slot, TICKET_ID, TicketIdGetDatum(ticket->id));
	oms_slot_set_time(slot, TICKET_OPENED_AT, ticket->opened_at);
	oms_slot_set_time(slot, TICKET_LAST_AT, ticket->last_at);
	oms_slot_set_time(slot, TICKET_CLOSED_AT, ticket->closed_at);
	oms_slot_set_int(slot, TICKET_WORKFLOW_ID, ticket->graph->workflow_id);
	oms_slot_set_int(slot, TICKET_PRIORITY, ticket->priority);
	oms_slot_set_int(slot, TICKET_SEQ, ticket->seq);
	oms_slot_set_int(slot, TICKET_DATA_SEQ, ticket->data_seq);
	oms_slot_set_int(slot, TICKET_N_ACTIVE, ticket->n_active);
	oms_slot_set_int(slot, TICKET_N_FAILED, ticket->n_failed);
	oms_slot_set(slot, TICKET_STATUS, CharGetDatum(ticket->status));
	oms_slot_set(slot, TICKET_ODD_ROWS, BoolGetDatum(ticket->odd_rows));
	oms_slot_set_bytes(slot, TICKET_FINISHED, ticket->finished->bytes, ticket->finished->nbytes);
	oms_slot_set_bytes(slot, TICKET_STARTED, ticket->started->bytes, ticket->started->nbytes);
	oms_slot_set_bytes(slot, TICKET_HEAD, ticket->head, OMS_HASH_LEN);
	oms_slot_set_text(slot, TICKET_APPLICANT, ticket->applicant);
	oms_slot_set_text(slot, TICKET_OPENED_BY, ticket->opened_by);

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
