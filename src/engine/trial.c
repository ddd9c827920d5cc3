/*
 * trial.c
 *		A ticket in memory that runs through its workflow by itself.
 *
 * It runs through the same rules as any other, with a lookup that knows no rows and no people; time stands still
 * when it was opened (but until a moment that nothing else is left to do before), and each stage is done as soon as
 * it is queued.  A manual stage is not started, since no person is there to do it.
 *
 * Pure: tables are reached through the caller's calendar_of alone.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/fmgrprotos.h"

#include "engine/catch_up.h"
#include "engine/decide.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/lookup.h"
#include "engine/outputs.h"
#include "engine/ticket.h"
#include "engine/trial.h"

/* A ticket in memory, and the payloads of its events by number */
typedef struct Trial
{
	OmsTicket	ticket;			/* first, so that one is the other */
	OmsLookup	lookup;
	Jsonb	  **payloads;
	int			room;
	const OmsEvent *seen;
} Trial;

static OmsStage *
no_stage(OmsTicket *ticket, int no)
{
	return NULL;
}

static void
nothing_more(OmsTicket *ticket)
{
}

static Jsonb *
payload_in_memory(const OmsTicket *ticket, int seq)
{
	Trial	   *trial = (Trial *) unconstify(OmsTicket *, ticket);

	for (const OmsEvent *event = trial->seen == NULL ? ticket->events : trial->seen->next; event != NULL;
		 event = event->next)
	{
		if (event->seq >= trial->room)
		{
			int			room = event->seq * 2 + 64;

			trial->payloads = trial->payloads == NULL ? palloc(sizeof(Jsonb *) * room)
				: repalloc(trial->payloads, sizeof(Jsonb *) * room);
			trial->room = room;
		}
		trial->payloads[event->seq] = event->payload;
		trial->seen = event;
	}
	return trial->payloads[seq];
}

static void
conditions_in_memory(OmsTicket *ticket)
{
	ticket->outputs = oms_outputs_for_conditions(ticket);
}

static const OmsCalendar *
no_next_calendar(const OmsCalendar *calendar, TimestampTz *since)
{
	return NULL;
}

static void
owner_in_memory(const char *name, OmsOwner *owner)
{
	memset(owner, 0, sizeof(OmsOwner));
}

static bool
is_no_group(const char *name)
{
	return false;
}

/* A stage that awaits a message is done with the output that is given for it */
static OmsMailbox
no_message(const OmsTicket *ticket, const OmsStage *stage, OmsMessage *message)
{
	return OMS_MAIL_NONE;
}

static bool
is_there(const char *person, TimestampTz now, const char **delegate)
{
	return false;
}

static const OmsLookup nobody = {
	.stage = no_stage,
	.all_stages = nothing_more,
	.payload = payload_in_memory,
	.conditions = conditions_in_memory,
	.holds = nothing_more,
	.next_calendar = no_next_calendar,
	.owner = owner_in_memory,
	.is_group = is_no_group,
	.take_message = no_message,
	.is_away = is_there
};

/*
 * A ticket that is opened at that time; data NULL: none.
 */
OmsTicket *
oms_trial_open(const OmsGraph *graph, Jsonb *data, TimestampTz at, const OmsCalendar *(*calendar_of) (const char *name))
{
	Trial	   *trial = palloc0(sizeof(Trial));
	OmsTicket  *ticket = &trial->ticket;

	trial->lookup = nobody;
	trial->lookup.calendar = calendar_of;
	oms_ticket_fill_new(ticket, graph, &trial->lookup, at);
	ticket->data = data != NULL ? data
		: DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	oms_decide_open(ticket);
	return ticket;
}

static Jsonb *
output_for(JsonbContainer *outputs, const char *id)
{
	JsonbValue	output;

	if (outputs == NULL ||
		getKeyJsonValueFromContainer(outputs, id, strlen(id), &output) == NULL)
		return NULL;
	return JsonbValueToJsonb(&output);
}

/*
 * The stages that began since, in definition order: those behind "last", NULL: all.  What awaits a moment stands
 * aside.
 */
static List *
begun_since(const OmsTicket *ticket, const OmsStage *last, List **awaiting)
{
	List	   *begun = NIL;

	for (OmsStage *stage = last == NULL ? ticket->stages : last->next; stage != NULL; stage = stage->next)
		if (stage->status == OMS_AWAITING && stage->wake_at != OMS_NEVER)
			*awaiting = lappend(*awaiting, stage);
		else if (oms_is_active(stage))
			begun = lappend_int(begun, stage->no);
	list_sort(begun, list_int_cmp);
	return begun;
}

/*
 * Nothing else is left to do: let time pass until the first moment that is awaited.  Returns the stages that are
 * queued then.
 */
static List *
wait_for_moment(OmsTicket *ticket, List **awaiting)
{
	List	   *queued = NIL;
	OmsStage   *first = NULL;
	ListCell   *cell;

	foreach(cell, *awaiting)
		if (first == NULL || ((OmsStage *) lfirst(cell))->wake_at < first->wake_at)
			first = lfirst(cell);
	if (first == NULL)
		return NIL;
	*awaiting = list_delete_ptr(*awaiting, first);
	ticket->now = ticket->real_now = Max(ticket->now, first->wake_at);
	oms_catch_up(ticket, first);
	if (oms_is_active(first))
		queued = lappend_int(queued, first->no);
	return queued;
}

/*
 * Finish each stage as it comes up, with its output out of an object by stage; NULL: none has one.  Returns their
 * numbers in that order.
 */
List *
oms_trial_run(OmsTicket *ticket, JsonbContainer *outputs)
{
	const OmsDoer doer = {.role = "example"};
	List	   *awaiting = NIL;
	List	   *path = begun_since(ticket, NULL, &awaiting);

	for (int i = 0;; i++)
	{
		OmsStage   *last = ticket->last_stage;
		OmsStage   *stage;

		CHECK_FOR_INTERRUPTS();
		if (i == list_length(path))
			path = list_concat(path, wait_for_moment(ticket, &awaiting));
		if (i == list_length(path))
			return path;
		stage = oms_started_stage(ticket, list_nth_int(path, i));
		oms_decide_finish(ticket, stage, output_for(outputs, oms_graph_stage(ticket->graph, stage->no)->id), &doer);
		path = list_concat(path, begun_since(ticket, last, &awaiting));
	}
}

/*
 * The numbers of the stages that were skipped, in the order of the definition.
 */
List *
oms_trial_skipped(const OmsTicket *ticket)
{
	List	   *skipped = NIL;

	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
		if (stage->status == OMS_SKIPPED)
			skipped = lappend_int(skipped, stage->no);
	list_sort(skipped, list_int_cmp);
	return skipped;
}
