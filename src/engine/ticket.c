/*
 * ticket.c
 *		A ticket in memory and its stages.
 */
#include "postgres.h"

#include "engine/graph.h"
#include "engine/lookup.h"
#include "engine/stopwatch.h"
#include "engine/ticket.h"

/* From so many stages on a ticket in memory has an array of them */
#define MANY_STAGES	16

/*
 * Fill a zeroed ticket that is opened then.
 */
void
oms_ticket_fill_new(OmsTicket *ticket, const OmsGraph *graph, const OmsLookup *lookup, TimestampTz at)
{
	ticket->graph = graph;
	ticket->lookup = lookup;
	ticket->status = OMS_TICKET_OPEN;
	ticket->opened_at = ticket->now = ticket->real_now = ticket->last_at = at;
	ticket->closed_at = OMS_NEVER;
	ticket->finished = palloc(sizeof(OmsStageSet));
	ticket->started = palloc(sizeof(OmsStageSet));
	oms_set_init(ticket->finished, graph);
	oms_set_init(ticket->started, graph);
}

/*
 * A stage that was loaded or made before, or NULL.
 */
OmsStage *
oms_ticket_find(const OmsTicket *ticket, int no)
{
	if (no == OMS_NO_STAGE)
		return ticket->clock;
	if (ticket->by_no != NULL)
		return ticket->by_no[no - 1];
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
		if (stage->no == no)
			return stage;
	return NULL;
}

/*
 * Add a stage that is not there yet.
 */
void
oms_ticket_add(OmsTicket *ticket, OmsStage *stage)
{
	if (stage->no == OMS_NO_STAGE)
	{
		ticket->clock = stage;
		return;
	}
	if (ticket->last_stage == NULL)
		ticket->stages = stage;
	else
		ticket->last_stage->next = stage;
	ticket->last_stage = stage;
	if (++ticket->nstages == MANY_STAGES)
	{
		ticket->by_no = palloc0(sizeof(OmsStage *) * ticket->graph->nstages);
		for (OmsStage *s = ticket->stages; s != NULL; s = s->next)
			ticket->by_no[s->no - 1] = s;
	}
	else if (ticket->by_no != NULL)
		ticket->by_no[stage->no - 1] = stage;
}

/*
 * Is the ticket done or cancelled?
 */
bool
oms_is_closed(const OmsTicket *ticket)
{
	return ticket->status == OMS_TICKET_DONE || ticket->status == OMS_TICKET_CANCELLED;
}

/*
 * Is the stage awaiting, queued, in progress or on hold?
 */
bool
oms_is_active(const OmsStage *stage)
{
	return stage->status == OMS_AWAITING || stage->status == OMS_QUEUED ||
		stage->status == OMS_IN_PROGRESS || stage->status == OMS_STAGE_HELD;
}

/*
 * As a stage is before it starts in a cycle.
 */
void
oms_clear_stage(const OmsTicket *ticket, OmsStage *stage)
{
	stage->owner = stage->no == OMS_NO_STAGE ? "" : oms_graph_stage(ticket->graph, stage->no)->owner;
	stage->worker = stage->delegated_by = stage->finished_by = NULL;
	stage->priority = ticket->priority;
	stage->attempt = 1;
	stage->level = stage->output_seq = stage->held_from = 0;
	stage->token = stage->held_us = 0;
	stage->lease_us = OMS_NO_LENGTH;
	stage->awaiting_at = stage->wake_at = OMS_NEVER;
	stage->waits_for = stage->waits_key = NULL;
	stage->queued_at = stage->ready_at = stage->announce_at = OMS_NEVER;
	stage->started_at = stage->finished_at = stage->lease_until = OMS_NEVER;
	stage->timer_at = stage->held_at = stage->resume_at = OMS_NEVER;
	oms_watch_clear(stage);
}

static OmsStage *
new_stage(OmsTicket *ticket, int no)
{
	OmsStage   *stage = palloc0(sizeof(OmsStage));

	stage->no = no;
	stage->status = no == OMS_NO_STAGE ? OMS_TICKET_CLOCK
		: ticket->status == OMS_TICKET_CANCELLED ? OMS_STAGE_CANCELLED : OMS_WAITING;
	stage->cycle = 1;
	oms_clear_stage(ticket, stage);
	oms_ticket_add(ticket, stage);
	return stage;
}

/*
 * The ticket's own clock, made if it has none.
 */
OmsStage *
oms_ticket_clock(OmsTicket *ticket)
{
	OmsStage   *clock = ticket->clock;

	if (clock == NULL && ticket->has_clock)
		clock = ticket->lookup->stage(ticket, OMS_NO_STAGE);
	if (clock == NULL)
		clock = new_stage(ticket, OMS_NO_STAGE);
	ticket->has_clock = true;
	return clock;
}

/*
 * A stage that has not started, of a loaded ticket: one without a row is made up as waiting (or as
 * cancelled with its ticket, which leaves waiting stages without a row).
 */
OmsStage *
oms_ticket_stage(OmsTicket *ticket, int no)
{
	OmsStage   *stage = oms_ticket_find(ticket, no);

	if (stage == NULL && ticket->waiting_rows)
		stage = ticket->lookup->stage(ticket, no);
	return stage != NULL ? stage : new_stage(ticket, no);
}

/*
 * A stage that has started, of a ticket to be changed.
 */
OmsStage *
oms_started_stage(OmsTicket *ticket, int no)
{
	OmsStage   *stage = oms_ticket_find(ticket, no);

	return stage != NULL ? stage : ticket->lookup->stage(ticket, no);
}
