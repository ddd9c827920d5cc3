/*
 * await.c
 *		How a stage begins, and what those wait for that nobody claims.
 *
 * A stage whose dependencies are met is queued at once, or awaits a moment or a message.  Which one is worked out then,
 * once.  A hold moves no moment, and while it lasts no message is taken; what came counts when it ends.  What goes
 * wrong fails the stage, and not the call that led here.
 *
 * Nobody claims a stage that awaits, so nobody can be asked to finish it twice: a message that is there already
 * finishes it as it begins.  Then these functions return true, and what depends on the stage can start.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "engine/await.h"
#include "engine/calendar.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/hold_set.h"
#include "engine/lookup.h"
#include "engine/moves.h"
#include "engine/offer.h"
#include "engine/path.h"
#include "engine/stopwatch.h"

/* When somebody else is just at the messages of a key, they are looked at again after so many microseconds */
#define LOOK_AGAIN		(100 * INT64CONST(1000))

/* ---- a moment ---- */

/*
 * When a stage is to be queued that begins then; OMS_NEVER if the calendar does not hold its delay.
 */
static TimestampTz
moment_after(const OmsTicket *ticket, int no, TimestampTz begun)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, no);

	return def->delay_mins < 0 ? begun
		: oms_calendar_add(oms_watch_calendar(ticket, no), begun, def->delay_mins * USECS_PER_MINUTE);
}

/*
 * What startAt gives, as far as it can be known; *problem: why not.
 */
static TimestampTz
start_at(OmsTicket *ticket, int no, const char **problem)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, no);

	*problem = NULL;
	if (def->start_at.path == NULL)
		return OMS_NEVER;
	if (ticket->outputs == NULL)
		ticket->lookup->conditions(ticket);
	return oms_path_moment(&def->start_at, ticket->data, ticket->outputs, oms_watch_calendar(ticket, no),
						   OMS_MOMENT_START, problem);
}

/*
 * When a stage (NULL: one without a row) that is not finished can be claimed at the earliest, if it begins then or has
 * begun before.
 */
TimestampTz
oms_await_forecast(OmsTicket *ticket, int no, const OmsStage *stage, TimestampTz ready)
{
	const char *problem;

	if (oms_set_has(ticket->started, no))
		return stage == NULL ? ready : Max(stage->wake_at, ready);
	return Max(Max(moment_after(ticket, no, ready), start_at(ticket, no, &problem)), ready);
}

/*
 * A stage waits from now on, and so nobody can claim it.
 */
static void
await(OmsTicket *ticket, OmsStage *stage, const char *note, const char *what)
{
	bool		first = stage->awaiting_at == OMS_NEVER;

	if (first)
		stage->awaiting_at = ticket->now;
	oms_move(ticket, stage, OMS_AWAITING);
	/* something is active again, be it for a moment: if that fails too, it is told */
	if (ticket->status == OMS_TICKET_FAILED)
		ticket->status = OMS_TICKET_OPEN;
	oms_event_add_shown(ticket, OMS_EV_AWAITING, stage, note == NULL || what == NULL ? (note == NULL ? what : note)
						: psprintf("%s, %s", note, what), first);
}

/*
 * A stage has nothing to wait for: it is queued, at that instant.  One whose limit cannot be told fails.
 */
void
oms_await_over(OmsTicket *ticket, OmsStage *stage, TimestampTz at, const char *note)
{
	const char *problem = oms_watch_begin(ticket, stage, at);

	if (problem == NULL)
	{
		oms_queue_first(ticket, stage, at, note);
		return;
	}
	if (stage->status != OMS_AWAITING)
		await(ticket, stage, note, NULL);
	oms_fail_for_good(ticket, stage, problem);
}

/*
 * A stage that is queued at its moment; at once, if that has passed.
 */
static void
begin_at_moment(OmsTicket *ticket, OmsStage *stage, const char *note)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);
	TimestampTz moment = moment_after(ticket, stage->no, ticket->now);
	const char *problem;
	TimestampTz start = start_at(ticket, stage->no, &problem);

	if (problem != NULL)
		problem = psprintf("startAt %s", problem);
	else if (moment == OMS_NEVER)
		problem = psprintf("the calendar has no %d minutes of open time", def->delay_mins);
	moment = Max(moment, start);
	if (problem == NULL && moment <= ticket->now)
	{
		oms_await_over(ticket, stage, ticket->now, note);
		return;
	}
	stage->wake_at = problem == NULL ? moment : OMS_NEVER;
	await(ticket, stage, note, problem == NULL ? psprintf("until %s", oms_time_text(moment)) : NULL);
	if (problem != NULL)
		oms_fail_for_good(ticket, stage, problem);
	else if (ticket->n_holds > 0)
		oms_hold_with_ticket(ticket, stage);
}

/* ---- a message ---- */

/*
 * The text that a key's value stands for; NULL if it stands for none.
 */
static char *
key_text(const JsonbValue *value)
{
	if (value->type == jbvString)
		return pnstrdup(value->val.string.val, value->val.string.len);
	if (value->type == jbvNumeric)
		return DatumGetCString(DirectFunctionCall1(numeric_out,
												   DirectFunctionCall1(numeric_trim_scale,
																	   NumericGetDatum(value->val.numeric))));
	return NULL;
}

/*
 * The key of the message that a stage waits for; *problem: why there is none.
 */
static char *
message_key(OmsTicket *ticket, const OmsStageDef *def, const char **problem)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];
	Jsonb	   *items;
	char	   *key;

	*problem = NULL;
	if (def->message_key.path == NULL)
		return pstrdup(oms_ticket_id_to_text(ticket->id, number));
	if (ticket->outputs == NULL)
		ticket->lookup->conditions(ticket);
	items = oms_path_items(&def->message_key, ticket->data, ticket->outputs);
	if (items == NULL)
		*problem = "the key of waitFor cannot be evaluated";
	else if (JB_ROOT_COUNT(items) != 1)
		*problem = psprintf("the key of waitFor gives %d values instead of one", JB_ROOT_COUNT(items));
	if (*problem != NULL)
		return NULL;
	key = key_text(getIthJsonbValueFromContainer(&items->root, 0));
	if (key == NULL)
		*problem = "the key of waitFor gives a value that is neither text nor number";
	else if (key[0] == '\0' || strlen(key) > OMS_MAX_MESSAGE_KEY)
		*problem = psprintf("the key of waitFor gives a text of %d bytes, 1 to %d are possible", (int) strlen(key),
							OMS_MAX_MESSAGE_KEY);
	return *problem == NULL ? key : NULL;
}

/*
 * The key of the message that a stage waits for, or would if it began now; NULL if there is none.
 */
char *
oms_await_key(OmsTicket *ticket, int no)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, no);
	const char *problem;

	return def->message == NULL ? NULL : message_key(ticket, def, &problem);
}

/*
 * The stage gets its message: it is done, with the payload as its output and the sender as its worker.  False if the
 * payload does not fit, which fails the stage.
 */
bool
oms_get_message(OmsTicket *ticket, OmsStage *stage, const OmsMessage *message)
{
	const char *problem = ticket->lookup->output_problem(ticket, message->payload);
	OmsEvent   *event;

	if (problem != NULL)
	{
		oms_fail_for_good(ticket, stage, psprintf("message %s does not fit: %s", message->name, problem));
		return false;
	}
	stage->worker = message->sender;
	oms_move(ticket, stage, OMS_STAGE_DONE);
	event = oms_event_add(ticket, OMS_EV_DONE, stage, NULL);
	event->payload = message->payload;
	oms_set_output(ticket, stage, message->payload, event->seq);
	return true;
}

/*
 * Look whether the message of a stage that awaits it was kept.
 */
static bool
look_for_message(OmsTicket *ticket, OmsStage *stage)
{
	OmsMessage	message;
	OmsMailbox	found = OMS_MAIL_NONE;

	if (stage->waits_key != NULL)
		found = ticket->in_past ? OMS_MAIL_BUSY : ticket->lookup->take_message(ticket, stage, &message);
	if (found == OMS_MAIL_TAKEN)
		return oms_get_message(ticket, stage, &message);
	stage->wake_at = found == OMS_MAIL_BUSY ? Max(ticket->now, ticket->real_now) + LOOK_AGAIN : OMS_NEVER;
	oms_touch(ticket, stage);
	return false;
}

/*
 * A stage that a message finishes.  Its clock runs from now on.
 */
static bool
begin_to_wait(OmsTicket *ticket, OmsStage *stage, const char *note)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);
	const char *problem;
	const char *no_limit = NULL;
	char	   *key = message_key(ticket, def, &problem);
	bool		starts = stage->limit_us == OMS_NO_LENGTH;

	if (starts)
		no_limit = oms_watch_begin(ticket, stage, ticket->now);
	if (problem == NULL)
		problem = no_limit;
	stage->waits_for = def->message;
	stage->waits_key = key;
	await(ticket, stage, note, psprintf("for message %s", def->message));
	if (starts)
		oms_watch_start(ticket, stage, ticket->now, ticket->n_holds == 0 || !oms_ticket_stops_clocks(ticket));
	oms_touch(ticket, stage);
	if (problem != NULL)
		oms_fail_for_good(ticket, stage, problem);
	else if (ticket->n_holds > 0)
		oms_hold_with_ticket(ticket, stage);
	else
		return look_for_message(ticket, stage);
	return false;
}

/* ---- both ---- */

/*
 * A stage whose dependencies are met, or that was started by hand.  True if it is finished already.
 */
bool
oms_begin(OmsTicket *ticket, OmsStage *stage, const char *note)
{
	if (oms_graph_stage(ticket->graph, stage->no)->message != NULL)
		return begin_to_wait(ticket, stage, note);
	begin_at_moment(ticket, stage, note);
	return false;
}

/*
 * A stage awaits again after a hold that ended at that instant.  True if it is finished.
 */
bool
oms_await_on(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	if (stage->waits_for != NULL)
		return look_for_message(ticket, stage);
	if (stage->wake_at <= at)
		oms_await_over(ticket, stage, at, psprintf("moment %s, on hold until %s", oms_time_text(stage->wake_at),
												   oms_time_text(at)));
	return false;
}

/*
 * A stage that awaits is to be looked at: its moment has come at that instant, or a message may have.  True if it is
 * finished.
 */
bool
oms_wake(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	if (stage->waits_for != NULL)
		return look_for_message(ticket, stage);
	oms_await_over(ticket, stage, at, psprintf("moment %s", oms_time_text(at)));
	return false;
}
