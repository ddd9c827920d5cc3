/*
 * public.c
 *		What a citizen is told about a ticket, as JSON.
 *
 * Pure: the ticket, its holds and all its stages that have a row are loaded.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "engine/await.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/hold_set.h"
#include "engine/lookup.h"
#include "engine/public.h"
#include "engine/stopwatch.h"
#include "engine/ticket.h"

const char *
oms_public_label(const OmsStageDef *stage)
{
	return stage->label != NULL ? stage->label : stage->id;
}

/* ---- JSON ---- */

static void
put_key(OmsPublicView *view, const char *key)
{
	JsonbValue	value = {.type = jbvString, .val.string = {.val = unconstify(char *, key), .len = strlen(key)}};

	pushJsonbValue(&view->state, WJB_KEY, &value);
}

static void
put_text(OmsPublicView *view, const char *key, const char *text)
{
	JsonbValue	value = {.type = jbvNull};

	put_key(view, key);
	if (text != NULL)
	{
		value.type = jbvString;
		value.val.string.val = unconstify(char *, text);
		value.val.string.len = strlen(text);
	}
	pushJsonbValue(&view->state, WJB_VALUE, &value);
}

/* ---- states in the words of citizens ---- */

/*
 * Does a stage on hold wait for the applicant?
 */
static bool
waits_for_applicant(const OmsTicket *ticket, int no)
{
	for (const OmsHold *hold = ticket->holds; hold != NULL; hold = hold->next)
		if (hold->lifted_at == OMS_NEVER && (hold->stage == no || hold->stage == OMS_NO_STAGE) &&
			oms_hold_asks_applicant(hold))
			return true;
	return false;
}

/*
 * What an applicant was told when a stage was put on hold by that event, at that time: the label of its
 * hold, or else of the last one of the whole ticket that stood then; and only of one that asks the
 * applicant for something.
 */
const char *
oms_public_hold_label(const OmsTicket *ticket, int seq, TimestampTz at)
{
	const OmsHold *told = NULL;

	for (const OmsHold *hold = ticket->holds; hold != NULL && hold->seq <= seq; hold = hold->next)
	{
		bool		stood = hold->lifted_at == OMS_NEVER || hold->lifted_at > at;

		if (!oms_hold_asks_applicant(hold))
			continue;
		if (hold->seq == seq)
			return hold->label;
		/* one that ended in the same instant only if there is no other */
		if (hold->stage == OMS_NO_STAGE && (stood || (hold->lifted_at == at && told == NULL)))
			told = hold;
	}
	return told == NULL ? NULL : told->label;
}

static const char *
ticket_word(const OmsTicket *ticket)
{
	switch ((OmsTicketStatus) ticket->status)
	{
		case OMS_TICKET_DONE:
			return "closed";
		case OMS_TICKET_CANCELLED:
			return "cancelled";
		default:
			return "in progress";
	}
}

/*
 * The word for a stage; NULL if it is not shown.  A skipped stage would give a threshold away, and so
 * would one with a condition that is shown as waiting and then vanishes.
 */
static const char *
stage_word(const OmsTicket *ticket, int no)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, no);
	const OmsStage *stage = oms_ticket_find(ticket, no);
	char		status = stage == NULL ? OMS_WAITING : stage->status;

	switch ((OmsStageStatus) status)
	{
		case OMS_WAITING:
			return def->manual || def->min_amount != NULL || def->when.path != NULL ||
				ticket->closed_at != OMS_NEVER ? NULL : "waiting";
		case OMS_STAGE_DONE:
			return "done";
		case OMS_SKIPPED:
			return NULL;
		case OMS_STAGE_CANCELLED:
			return "cancelled";
		case OMS_STAGE_HELD:
			return waits_for_applicant(ticket, no) ? "action needed" : "in progress";
		default:
			return "in progress";
	}
}

static void
put_stages(OmsPublicView *view)
{
	put_key(view, "stages");
	pushJsonbValue(&view->state, WJB_BEGIN_ARRAY, NULL);
	for (int no = 1; no <= view->ticket->graph->nstages; no++)
	{
		const char *word = stage_word(view->ticket, no);

		if (word == NULL)
			continue;
		pushJsonbValue(&view->state, WJB_BEGIN_OBJECT, NULL);
		put_text(view, "stage", oms_public_label(oms_graph_stage(view->ticket->graph, no)));
		put_text(view, "status", word);
		pushJsonbValue(&view->state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(&view->state, WJB_END_ARRAY, NULL);
}

/* ---- when it may be over ---- */

static int
compare_times(const void *a, const void *b)
{
	TimestampTz p = *(const TimestampTz *) a;
	TimestampTz q = *(const TimestampTz *) b;

	return p < q ? -1 : p > q;
}

/*
 * When as many of the stages before one are over as it needs.
 */
static TimestampTz
ready_at(const OmsStageDef *def, const TimestampTz *end, TimestampTz opened)
{
	TimestampTz *ends = palloc(sizeof(TimestampTz) * Max(def->ndeps, 1));
	TimestampTz result;

	for (int i = 0; i < def->ndeps; i++)
		ends[i] = end[def->deps[i] - 1];
	qsort(ends, def->ndeps, sizeof(TimestampTz), compare_times);
	result = def->ndeps == 0 ? opened : ends[def->need - 1];
	pfree(ends);
	return result;
}

/*
 * Is the stage, which is not finished, one of those that count?  Not those that citizens are not told of
 * before they begin: their time would give a threshold away.
 */
static bool
is_expected(const OmsTicket *ticket, const OmsStageDef *def, int no)
{
	return oms_set_has(ticket->started, no) ||
		(!def->manual && def->min_amount == NULL && def->when.path == NULL);
}

/*
 * When the last stage is expected to be done if every one takes its time limit from now on: the longest way
 * through what is not finished.  Stages are settled in the order in which their dependencies allow, which
 * the definition need not have.  OMS_NEVER if no unfinished stage has a limit, or one is never due.
 */
static TimestampTz
longest_way(OmsTicket *ticket, TimestampTz now)
{
	const OmsGraph *graph = ticket->graph;
	TimestampTz *end = palloc(sizeof(TimestampTz) * graph->nstages);
	int		   *open_deps = palloc(sizeof(int) * graph->nstages);
	int		   *work = palloc(sizeof(int) * graph->nstages);
	int			nwork = 0;
	TimestampTz last = OMS_NEVER;

	for (int no = 1; no <= graph->nstages; no++)
	{
		open_deps[no - 1] = oms_graph_stage(graph, no)->ndeps;
		if (open_deps[no - 1] == 0)
			work[nwork++] = no;
	}
	for (int head = 0; head < nwork; head++)
	{
		int			no = work[head];
		const OmsStageDef *def = oms_graph_stage(graph, no);
		const OmsStage *stage = oms_ticket_find(ticket, no);

		CHECK_FOR_INTERRUPTS();
		end[no - 1] = ready_at(def, end, ticket->opened_at);
		if (oms_set_has(ticket->finished, no))
			end[no - 1] = stage != NULL && stage->finished_at != OMS_NEVER ? stage->finished_at : end[no - 1];
		else if (is_expected(ticket, def, no))
		{
			/* what has not begun does so now at the earliest, what is late is done now at the earliest */
			TimestampTz ready = oms_await_forecast(ticket, no, stage, Max(end[no - 1], now));
			bool		limited;
			TimestampTz due = oms_watch_forecast(ticket, no, stage, ready, now, &limited);

			if (due == OMS_NEVER && limited)
				return OMS_NEVER;
			last = Max(last, due);
			end[no - 1] = Max(due, ready);
		}
		for (int i = 0; i < def->ndependants; i++)
			if (--open_deps[def->dependants[i] - 1] == 0)
				work[nwork++] = def->dependants[i];
	}
	return last;
}

static const char *
expected_by(OmsTicket *ticket, TimestampTz now)
{
	TimestampTz expected;
	bool		limited;

	if (ticket->closed_at != OMS_NEVER)
		return NULL;
	expected = oms_watch_forecast(ticket, OMS_NO_STAGE, ticket->clock, ticket->opened_at, now, &limited);
	if (!limited)
		expected = longest_way(ticket, now);
	if (expected == OMS_NEVER)
		return NULL;
	if (expected < now)
		return "taking longer than expected";
	/* rounded up to the minute: a promise must not end early */
	expected += (USECS_PER_MINUTE - expected % USECS_PER_MINUTE) % USECS_PER_MINUTE;
	return oms_time_text(expected);
}

/* ---- the whole ---- */

/*
 * Begin the view of a ticket; the public events are added one by one.
 */
void
oms_public_begin(OmsPublicView *view, OmsTicket *ticket, TimestampTz now)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	view->ticket = ticket;
	view->now = now;
	view->state = NULL;
	pushJsonbValue(&view->state, WJB_BEGIN_OBJECT, NULL);
	put_text(view, "id", pstrdup(oms_ticket_id_to_text(ticket->id, number)));
	put_text(view, "workflow", ticket->graph->name);
	put_text(view, "status", ticket_word(ticket));
	put_stages(view);
	put_text(view, "expected_by", expected_by(ticket, now));
	put_key(view, "history");
	pushJsonbValue(&view->state, WJB_BEGIN_ARRAY, NULL);
}

void
oms_public_add(OmsPublicView *view, const OmsPublicEvent *event)
{
	pushJsonbValue(&view->state, WJB_BEGIN_OBJECT, NULL);
	put_text(view, "time", oms_time_text(event->time));
	put_text(view, "stage", event->stage);
	put_text(view, "owner", event->owner);
	put_text(view, "status", event->status);
	put_text(view, "note", event->note);
	pushJsonbValue(&view->state, WJB_END_OBJECT, NULL);
}

Jsonb *
oms_public_end(OmsPublicView *view)
{
	pushJsonbValue(&view->state, WJB_END_ARRAY, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&view->state, WJB_END_OBJECT, NULL));
}
