/*
 * apply.c
 *		The one writer: what the engine left in a ticket goes into the tables and to the listeners.
 *
 * Events, stage rows, the ticket's row and the notifications are written here together, so that none can be
 * forgotten.  Several tickets can be written in one go; their rows then go in by batches.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "engine/calendar.h"
#include "engine/graph.h"
#include "store/line.h"
#include "store/notify.h"
#include "store/owner.h"
#include "store/slot.h"
#include "store/store.h"
#include "store/tables.h"

/* ---- stages ---- */

static int
calendar_id(const OmsCalendar *calendar)
{
	return calendar == NULL ? 0 : calendar->calendar_id;
}

static Datum
steps_array(const int *steps, int count)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		values[i] = Int32GetDatum(steps[i]);
	return PointerGetDatum(construct_array(values, count, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

static TupleTableSlot *
stage_row(OmsWriter *writer, const OmsTicket *ticket, const OmsStage *stage)
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
	oms_slot_set_time(slot, STAGE_RUNNING_SINCE, stage->running_since);
	oms_slot_set_time(slot, STAGE_PAUSED_AT, stage->paused_at);
	oms_slot_set_time(slot, STAGE_HELD_AT, stage->held_at);
	oms_slot_set_time(slot, STAGE_RESUME_AT, stage->resume_at);
	oms_slot_set_time(slot, STAGE_AWAITING_AT, stage->awaiting_at);
	oms_slot_set_time(slot, STAGE_WAKE_AT, stage->wake_at);
	oms_slot_set_length(slot, STAGE_LIMIT_US, stage->limit_us);
	oms_slot_set(slot, STAGE_CONSUMED_US, Int64GetDatum(stage->consumed_us));
	oms_slot_set(slot, STAGE_HELD_US, Int64GetDatum(stage->held_us));
	oms_slot_set_length(slot, STAGE_LEASE_US, stage->lease_us);
	oms_slot_set_int(slot, STAGE_PRIORITY, stage->priority);
	oms_slot_set_int(slot, STAGE_ATTEMPT, stage->attempt);
	oms_slot_set_int(slot, STAGE_CYCLE, stage->cycle);
	oms_slot_set_int(slot, STAGE_LEVEL, stage->level);
	oms_slot_set_int(slot, STAGE_OUTPUT_SEQ, stage->output_seq);
	oms_slot_set_int(slot, STAGE_CONSUMED_DAYS, stage->consumed_days);
	if (stage->last_date != OMS_NO_DATE)
		oms_slot_set(slot, STAGE_LAST_DATE, DateADTGetDatum(stage->last_date));
	if (stage->limit_days != OMS_NO_DAYS)
		oms_slot_set_int(slot, STAGE_LIMIT_DAYS, stage->limit_days);
	if (stage->limit_by != OMS_LIMIT_FIXED)
		oms_slot_set_int(slot, STAGE_LIMIT_BY, stage->limit_by);
	oms_slot_set_int(slot, STAGE_CALENDAR_ID, calendar_id(stage->calendar));
	oms_slot_set_int(slot, STAGE_WARNED, stage->warned);
	oms_slot_set(slot, STAGE_NO, Int16GetDatum(stage->no));
	oms_slot_set(slot, STAGE_STATUS, CharGetDatum(stage->status));
	if (stage->held_from != 0)
		oms_slot_set(slot, STAGE_HELD_FROM, CharGetDatum(stage->held_from));
	oms_slot_set_text(slot, STAGE_OWNER, stage->owner);
	oms_slot_set_text(slot, STAGE_WORKER, stage->worker);
	oms_slot_set_text(slot, STAGE_DELEGATED_BY, stage->delegated_by);
	oms_slot_set_text(slot, STAGE_FINISHED_BY, stage->finished_by);
	oms_slot_set_text(slot, STAGE_WAITS_FOR, stage->waits_for);
	oms_slot_set_text(slot, STAGE_WAITS_KEY, stage->waits_key);
	if (stage->steps != NULL)
		oms_slot_set(slot, STAGE_STEPS,
					 steps_array(stage->steps, oms_graph_stage(ticket->graph, stage->no)->nsteps));
	return slot;
}

static void
write_stage(OmsWriter *writer, const OmsTicket *ticket, OmsStage *stage)
{
	TupleTableSlot *slot = stage_row(writer, ticket, stage);

	if (stage->stored)
		oms_writer_update(writer, &stage->tid, slot);
	else
		oms_writer_add(writer);
	stage->changed = false;
	stage->written = true;
}

/* What was written is in the indexes: it is told where they can be read from */
static void
put_stages(const OmsTicket *ticket)
{
	for (const OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
		if (stage->written)
			oms_line_put(ticket->id, stage);
	if (ticket->clock != NULL && ticket->clock->written)
		oms_line_put(ticket->id, ticket->clock);
}

static void
write_stages(OmsTicket **tickets, int ntickets)
{
	OmsWriter	writer;

	oms_writer_begin(&writer, "stage_state", STAGE_COLUMNS);
	for (int i = 0; i < ntickets; i++)
	{
		for (OmsStage *stage = tickets[i]->stages; stage != NULL; stage = stage->next)
			if (stage->changed)
				write_stage(&writer, tickets[i], stage);
		if (tickets[i]->clock != NULL && tickets[i]->clock->changed)
			write_stage(&writer, tickets[i], tickets[i]->clock);
	}
	oms_writer_end(&writer);
	for (int i = 0; i < ntickets; i++)
		put_stages(tickets[i]);
}

/* What few tickets have */

static void
write_past(const OmsTicket *ticket)
{
	OmsWriter	writer;

	oms_writer_begin(&writer, "stage_past", STAGE_COLUMNS);
	for (const OmsStage *stage = ticket->past; stage != NULL; stage = stage->next)
	{
		stage_row(&writer, ticket, stage);
		oms_writer_add(&writer);
	}
	oms_writer_end(&writer);
}

static void
write_hold(OmsWriter *writer, const OmsTicket *ticket, OmsHold *hold)
{
	TupleTableSlot *slot = oms_writer_row(writer);

	oms_slot_set(slot, HOLD_TICKET_ID, TicketIdGetDatum(ticket->id));
	oms_slot_set_time(slot, HOLD_HELD_AT, hold->held_at);
	oms_slot_set_time(slot, HOLD_UNTIL, hold->until);
	oms_slot_set_time(slot, HOLD_LIFTED_AT, hold->lifted_at);
	oms_slot_set_int(slot, HOLD_SEQ, hold->seq);
	oms_slot_set(slot, HOLD_STAGE_NO, Int16GetDatum(hold->stage));
	oms_slot_set(slot, HOLD_STOPS_CLOCK, BoolGetDatum(hold->stops_clock));
	oms_slot_set_text(slot, HOLD_REASON, hold->reason);
	oms_slot_set_text(slot, HOLD_WAITING_ON, hold->waiting_on);
	oms_slot_set_text(slot, HOLD_LABEL, hold->label);
	if (hold->stored)
		oms_writer_update(writer, &hold->tid, slot);
	else
		oms_writer_add(writer);
	hold->changed = false;
}

static void
write_holds(const OmsTicket *ticket)
{
	OmsWriter	writer;

	oms_writer_begin(&writer, "hold", HOLD_COLUMNS);
	for (OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
		if (hold->changed)
			write_hold(&writer, ticket, hold);
	oms_writer_end(&writer);
}

static void
write_segments(const OmsTicket *ticket)
{
	OmsWriter	writer;

	oms_writer_begin(&writer, "clock_segment", SEGMENT_COLUMNS);
	for (const OmsSegment *segment = ticket->segments; segment != NULL; segment = segment->next)
	{
		TupleTableSlot *slot = oms_writer_row(&writer);

		oms_slot_set(slot, SEGMENT_TICKET_ID, TicketIdGetDatum(ticket->id));
		oms_slot_set_time(slot, SEGMENT_STARTED_AT, segment->started_at);
		oms_slot_set_time(slot, SEGMENT_ENDED_AT, segment->ended_at);
		oms_slot_set(slot, SEGMENT_OPEN_US, Int64GetDatum(segment->open_us));
		oms_slot_set_int(slot, SEGMENT_SEQ, segment->seq);
		oms_slot_set_int(slot, SEGMENT_CYCLE, segment->cycle);
		oms_slot_set_int(slot, SEGMENT_CALENDAR_ID, calendar_id(segment->calendar));
		oms_slot_set(slot, SEGMENT_STAGE_NO, Int16GetDatum(segment->stage));
		oms_slot_set(slot, SEGMENT_RAN, BoolGetDatum(segment->ran));
		oms_writer_add(&writer);
	}
	oms_writer_end(&writer);
}

static void
write_rare(const OmsTicket *ticket)
{
	if (ticket->past != NULL)
		write_past(ticket);
	if (ticket->holds != NULL)
		write_holds(ticket);
	if (ticket->segments != NULL)
		write_segments(ticket);
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

static Datum
reworks_array(const OmsTicket *ticket)
{
	int			count = ticket->nreworks * 2;
	Datum	   *values = palloc(sizeof(Datum) * count);

	for (int i = 0; i < ticket->nreworks; i++)
	{
		values[2 * i] = Int16GetDatum(ticket->reworks[i].stage);
		values[2 * i + 1] = Int16GetDatum(ticket->reworks[i].back_to);
	}
	return PointerGetDatum(construct_array(values, count, INT2OID, sizeof(int16), true, TYPALIGN_SHORT));
}

static void
write_ticket(OmsWriter *writer, OmsTicket *ticket)
{
	TupleTableSlot *slot = oms_writer_row(writer);

	oms_slot_set(slot, TICKET_ID, TicketIdGetDatum(ticket->id));
	oms_slot_set_time(slot, TICKET_OPENED_AT, ticket->opened_at);
	oms_slot_set_time(slot, TICKET_LAST_AT, ticket->last_at);
	oms_slot_set_time(slot, TICKET_CLOSED_AT, ticket->closed_at);
	oms_slot_set(slot, TICKET_WATERMARK, Int64GetDatum((int64) ticket->watermark));
	oms_slot_set_int(slot, TICKET_WORKFLOW_ID, ticket->graph->workflow_id);
	oms_slot_set_int(slot, TICKET_PRIORITY, ticket->priority);
	oms_slot_set_int(slot, TICKET_SEQ, ticket->seq);
	oms_slot_set_int(slot, TICKET_DATA_SEQ, ticket->data_seq);
	oms_slot_set_int(slot, TICKET_N_ACTIVE, ticket->n_active);
	oms_slot_set_int(slot, TICKET_N_FAILED, ticket->n_failed);
	oms_slot_set_int(slot, TICKET_N_HOLDS, ticket->n_holds);
	oms_slot_set_int(slot, TICKET_OUTPUT_BYTES, ticket->output_bytes);
	oms_slot_set(slot, TICKET_STATUS, CharGetDatum(ticket->status));
	oms_slot_set(slot, TICKET_WAITING_ROWS, BoolGetDatum(ticket->waiting_rows));
	oms_slot_set(slot, TICKET_HAS_CLOCK, BoolGetDatum(ticket->has_clock));
	oms_slot_set_bytes(slot, TICKET_FINISHED, ticket->finished->bytes, ticket->finished->nbytes);
	oms_slot_set_bytes(slot, TICKET_STARTED, ticket->started->bytes, ticket->started->nbytes);
	oms_slot_set_bytes(slot, TICKET_HEAD, ticket->head, OMS_HASH_LEN);
	oms_slot_set_text(slot, TICKET_APPLICANT, ticket->applicant);
	oms_slot_set_text(slot, TICKET_OPENED_BY, ticket->opened_by);
	if (ticket->nreworks > 0)
		oms_slot_set(slot, TICKET_REWORKS, reworks_array(ticket));

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
 * Write the changes of some tickets.  The tickets are spent afterwards: load them again for the next
 * change.
 */
void
oms_store_apply_many(OmsTicket **tickets, int ntickets, const OmsActor *actor)
{
	write_events(tickets, ntickets, actor);
	write_stages(tickets, ntickets);
	for (int i = 0; i < ntickets; i++)
		write_rare(tickets[i]);
	write_tickets(tickets, ntickets);
	oms_store_given_written();
	for (int i = 0; i < ntickets; i++)
		oms_notify_all(tickets[i]);
}

void
oms_store_apply(OmsTicket *ticket, const OmsActor *actor)
{
	oms_store_apply_many(&ticket, 1, actor);
}
