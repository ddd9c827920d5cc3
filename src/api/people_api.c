/*
 * people_api.c
 *		What people do to stages and tickets: assign and delegate, send back and reopen, start by hand, skip,
 *		retry, reassign, escalate, extend, attach; and who is away.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "api/door.h"
#include "clock.h"
#include "engine/catch_up.h"
#include "engine/decide.h"
#include "engine/hands.h"
#include "engine/lifecycle.h"
#include "engine/require.h"
#include "engine/rework.h"
#include "engine/rework_set.h"
#include "engine/ticket.h"
#include "errors.h"
#include "store/access.h"
#include "store/inbox.h"
#include "store/journal.h"
#include "store/owner.h"

PG_FUNCTION_INFO_V1(oms_start_stage);
PG_FUNCTION_INFO_V1(oms_assign);
PG_FUNCTION_INFO_V1(oms_delegate);
PG_FUNCTION_INFO_V1(oms_resolve_delegation);
PG_FUNCTION_INFO_V1(oms_send_back);
PG_FUNCTION_INFO_V1(oms_reopen);
PG_FUNCTION_INFO_V1(oms_skip_stage);
PG_FUNCTION_INFO_V1(oms_retry_stage);
PG_FUNCTION_INFO_V1(oms_reassign);
PG_FUNCTION_INFO_V1(oms_escalate);
PG_FUNCTION_INFO_V1(oms_extend);
PG_FUNCTION_INFO_V1(oms_attach);
PG_FUNCTION_INFO_V1(oms_set_absence);
PG_FUNCTION_INFO_V1(oms_my_work);

/* Bytes of the name and of the URL of an attachment */
#define MAX_URL		2000
/* Most rows of an inbox */
#define MAX_INBOX	10000

/* ---- by hand ---- */

/*
 * Raise an error unless a stage that waits is one that somebody starts, and now.
 */
static void
require_startable(const OmsTicket *ticket, const OmsStage *stage)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);

	if (!def->manual)
		oms_wrong_state(ticket, "start_stage",
					psprintf("stage \"%s\" is not manual, it starts when its dependencies are finished", def->id));
	if (!oms_graph_met(def, ticket->finished))
		oms_wrong_state(ticket, "start_stage", psprintf("the dependencies of stage \"%s\" are not finished", def->id));
	if (oms_waits_for_rework(ticket, stage->no))
		oms_wrong_state(ticket, "start_stage", psprintf("stage \"%s\" waits for rework", def->id));
}

/*
 * start_stage(ticket, stage text) → text, the new status.
 */
Datum
oms_start_stage(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;

	oms_call_begin(&call, "oms.start_stage()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require(ticket, stage, OMS_START, NULL);
	if (stage->status != OMS_AWAITING)
		require_startable(ticket, stage);
	else if (stage->waits_for != NULL)
		oms_wrong_state(ticket, "start_stage", psprintf("stage \"%s\" waits for message \"%s\"",
													oms_graph_stage(ticket->graph, stage->no)->id, stage->waits_for));
	oms_decide_start(ticket, stage);
	return oms_call_end_stage(&call, ticket, stage);
}

/* ---- who does it ---- */

/*
 * The absent get no new work.
 */
static void
require_there(const char *worker, TimestampTz now)
{
	const char *delegate;

	if (oms_store_is_away(worker, now, &delegate))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is away", worker),
				 delegate != NULL ? errhint("\"%s\" stands in.", delegate)
				 : errhint("oms.set_absence() says until when.")));
}

/*
 * assign(ticket, stage text, worker text, note text) → text, the new status.
 */
Datum
oms_assign(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *worker = oms_arg_name(fcinfo, 2, "worker");
	char	   *note = oms_arg_note_or_null(fcinfo, 3, "note");

	oms_call_begin(&call, "oms.assign()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require(ticket, stage, OMS_ASSIGN, NULL);
	require_there(worker, ticket->now);
	oms_require_other_hands(ticket, stage, worker, NULL);
	oms_decide_assign(ticket, stage, worker, note);
	return oms_call_end_stage(&call, ticket, stage);
}

/*
 * delegate(ticket, stage text, worker text, note text) → text, the new status.
 */
Datum
oms_delegate(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *worker = oms_arg_name(fcinfo, 2, "worker");
	char	   *note = oms_arg_note_or_null(fcinfo, 3, "note");

	oms_call_begin(&call, "oms.delegate()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require(ticket, stage, OMS_DELEGATE, NULL);
	require_there(worker, ticket->now);
	oms_require_other_hands(ticket, stage, worker, NULL);
	oms_decide_delegate(ticket, stage, worker, note);
	return oms_call_end_stage(&call, ticket, stage);
}

/*
 * resolve(ticket, stage text, note text) → text, the new status.
 */
Datum
oms_resolve_delegation(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *note = oms_arg_note_or_null(fcinfo, 2, "note");

	oms_call_begin(&call, "oms.resolve()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require(ticket, stage, OMS_RESOLVE, NULL);
	if (stage->delegated_by == NULL)
		oms_wrong_state(ticket, "resolve",
					psprintf("stage \"%s\" is not delegated", oms_graph_stage(ticket->graph, stage->no)->id));
	oms_require_other_hands(ticket, stage, stage->delegated_by, NULL);
	oms_decide_resolve(ticket, stage, note);
	return oms_call_end_stage(&call, ticket, stage);
}

/* ---- going back ---- */

/*
 * send_back(ticket, stage text, to_stage text, reason text) → text, the new status of stage.
 */
Datum
oms_send_back(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	OmsStage   *to_stage;
	char	   *reason = oms_arg_note(fcinfo, 3, "reason");

	oms_arg_required(fcinfo, 2, "to_stage");
	oms_call_begin(&call, "oms.send_back()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require_open(ticket, "send_back");
	to_stage = oms_store_stage(ticket, oms_arg_stage(fcinfo, 2, ticket));
	oms_require(ticket, stage, OMS_SEND_BACK, NULL);
	oms_require(ticket, to_stage, OMS_SEND_BACK_TO, NULL);
	if (oms_comes_after(ticket->graph, to_stage->no, stage->no))
		oms_wrong_state(ticket, "send_back",
					psprintf("stage \"%s\" comes after stage \"%s\"", oms_graph_stage(ticket->graph, to_stage->no)->id,
							 oms_graph_stage(ticket->graph, stage->no)->id));
	oms_store_stages(ticket);
	oms_decide_send_back(ticket, stage, to_stage, reason);
	return oms_call_end_stage(&call, ticket, stage);
}

/*
 * reopen(ticket, stage text, reason text) → text, the new status of the ticket.
 */
Datum
oms_reopen(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *reason = oms_arg_note(fcinfo, 2, "reason");

	oms_call_begin(&call, "oms.reopen()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require(ticket, stage, OMS_REOPEN, NULL);
	oms_store_stages(ticket);
	oms_decide_reopen(ticket, stage, reason);
	return oms_call_end_ticket(&call, ticket);
}

/* ---- going past, trying again, handing on ---- */

/*
 * skip_stage(ticket, stage text, reason text) → text, the new status.
 */
Datum
oms_skip_stage(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *reason = oms_arg_note(fcinfo, 2, "reason");

	oms_call_begin(&call, "oms.skip_stage()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require(ticket, stage, OMS_SKIP, NULL);
	oms_decide_skip(ticket, stage, reason);
	return oms_call_end_stage(&call, ticket, stage);
}

/*
 * retry_stage(ticket, stage text, reason text) → text, the new status.
 */
Datum
oms_retry_stage(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *reason = oms_arg_note(fcinfo, 2, "reason");

	oms_call_begin(&call, "oms.retry_stage()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require(ticket, stage, OMS_RETRY, NULL);
	oms_decide_retry(ticket, stage, reason);
	return oms_call_end_stage(&call, ticket, stage);
}

/*
 * reassign(ticket, stage text, owner text, reason text) → text, the new status.
 */
Datum
oms_reassign(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *owner = oms_arg_name(fcinfo, 2, "owner");
	char	   *reason = oms_arg_note(fcinfo, 3, "reason");

	oms_call_begin(&call, "oms.reassign()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require(ticket, stage, OMS_REASSIGN, NULL);
	oms_decide_reassign(ticket, stage, owner, reason);
	return oms_call_end_stage(&call, ticket, stage);
}

/*
 * escalate(ticket, stage text, reason text, reassign_to text) → int, the level reached.
 */
Datum
oms_escalate(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *reason = oms_arg_note(fcinfo, 2, "reason");
	char	   *reassign_to = oms_arg_name_or_null(fcinfo, 3, "reassign_to");
	int			level;

	oms_call_begin(&call, "oms.escalate()");
	stage = oms_enter_stage(fcinfo, &ticket);
	oms_require(ticket, stage, reassign_to == NULL ? OMS_ESCALATE : OMS_ESCALATE_TO, NULL);
	level = oms_decide_escalate(ticket, stage, reason, reassign_to);
	oms_store_apply(ticket, &call.actor);
	oms_call_end(&call);
	PG_RETURN_INT32(level);
}

/* ---- more time ---- */

/*
 * What extend() adds: the value of one of its two arguments, more than 0; 0: the other one is given.
 */
static int
arg_more(FunctionCallInfo fcinfo, int n, const char *what)
{
	if (PG_ARGISNULL(3) == PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("extend needs either mins or days")));
	if (PG_ARGISNULL(n))
		return 0;
	if (PG_GETARG_INT32(n) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be more than 0, not %d", what, PG_GETARG_INT32(n))));
	return PG_GETARG_INT32(n);
}

/*
 * The clock of the ticket, brought up to date; NULL if it has none.
 */
static OmsStage *
enter_clock(OmsTicket *ticket)
{
	if (ticket->has_clock)
		oms_catch_up(ticket, oms_ticket_clock(ticket));
	oms_require_open(ticket, "extend");
	return ticket->has_clock ? oms_ticket_clock(ticket) : NULL;
}

/*
 * extend(ticket, stage text, reason text, mins int, days int) → timestamptz, the new due time; stage NULL: of the ticket's
 * clock.
 */
Datum
oms_extend(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *reason = oms_arg_note(fcinfo, 2, "reason");
	int			mins = arg_more(fcinfo, 3, "mins");
	int			days = arg_more(fcinfo, 4, "days");
	const char *what;

	oms_call_begin(&call, "oms.extend()");
	if (PG_ARGISNULL(1))
	{
		ticket = oms_store_lock(oms_arg_ticket(fcinfo, 0));
		stage = enter_clock(ticket);
		what = "the ticket";
	}
	else
	{
		stage = oms_enter_stage(fcinfo, &ticket);
		oms_require(ticket, stage, OMS_EXTEND, NULL);
		what = psprintf("stage \"%s\"", oms_graph_stage(ticket->graph, stage->no)->id);
	}
	if (stage == NULL || stage->limit_us == OMS_NO_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s has no clock that could be extended", what),
				 errdetail("It has no time limit, or its clock has not started.")));
	if (!oms_decide_extend(ticket, stage, reason, mins, days))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the calendar of %s has no open time for a later due time", what)));
	oms_store_apply(ticket, &call.actor);
	oms_call_end(&call);
	if (stage->running_since == OMS_NEVER)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(stage->due_at);
}

/* ---- documents ---- */

/*
 * A SHA-256 in hexadecimal, as it is kept: in lower case.
 */
static char *
arg_sha256(FunctionCallInfo fcinfo, int n)
{
	char	   *sha256;

	oms_arg_required(fcinfo, n, "sha256");
	sha256 = text_to_cstring(PG_GETARG_TEXT_PP(n));
	for (char *p = sha256; *p != '\0'; p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	if (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdef") != 64)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sha256 must be 64 hexadecimal digits")));
	return sha256;
}

static char *
arg_url(FunctionCallInfo fcinfo, int n)
{
	char	   *url = oms_arg_note(fcinfo, n, "url");

	if (strlen(url) > MAX_URL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("url is too long"),
				 errdetail("It has %d bytes, at most %d are possible.", (int) strlen(url), MAX_URL)));
	for (const char *p = url; *p != '\0'; p++)
		if ((unsigned char) *p <= 0x20 || *p == 0x7f)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("url must not contain blanks or control characters")));
	return url;
}

/*
 * attach(ticket, name text, url text, sha256 text, stage text, public bool)
 */
Datum
oms_attach(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);
	OmsTicket  *ticket;
	char	   *name = oms_arg_name(fcinfo, 1, "name");
	char	   *url = arg_url(fcinfo, 2);
	char	   *sha256 = arg_sha256(fcinfo, 3);
	StringInfoData what;

	oms_arg_required(fcinfo, 5, "public");
	initStringInfo(&what);
	appendStringInfoString(&what, "{\"name\": ");
	escape_json(&what, name);
	appendStringInfoString(&what, ", \"url\": ");
	escape_json(&what, url);
	appendStringInfo(&what, ", \"sha256\": \"%s\"}", sha256);

	oms_call_begin(&call, "oms.attach()");
	ticket = oms_store_lock(id);
	oms_decide_attach(ticket, PG_ARGISNULL(4) ? OMS_NO_STAGE : oms_arg_stage(fcinfo, 4, ticket),
					  what.data, PG_GETARG_BOOL(5));
	oms_store_apply(ticket, &call.actor);
	oms_call_end(&call);
	PG_RETURN_VOID();
}

/* ---- the inbox ---- */

/*
 * my_work(worker text, qty int) → what the worker has, then what it may take.
 */
Datum
oms_my_work(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *worker = oms_arg_name(fcinfo, 0, "worker");

	oms_arg_required(fcinfo, 1, "qty");
	if (PG_GETARG_INT32(1) < 1 || PG_GETARG_INT32(1) > MAX_INBOX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("qty must be from 1 to %d", MAX_INBOX)));
	InitMaterializedSRF(fcinfo, 0);
	oms_look_begin();
	oms_store_inbox(worker, oms_clock_now(), PG_GETARG_INT32(1), result->setResult);
	oms_look_end();
	return (Datum) 0;
}

/* ---- absences ---- */

/*
 * set_absence(person text, starts timestamptz, ends timestamptz, delegate text)
 */
Datum
oms_set_absence(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsChange	change;
	char	   *person = oms_arg_name(fcinfo, 0, "person");
	char	   *delegate = oms_arg_name_or_null(fcinfo, 3, "delegate");

	oms_arg_required(fcinfo, 1, "starts");
	oms_arg_required(fcinfo, 2, "ends");
	if (PG_GETARG_TIMESTAMPTZ(2) < PG_GETARG_TIMESTAMPTZ(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ends must not be earlier than starts")));
	if (delegate != NULL && strcmp(delegate, person) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" cannot stand in for itself", person)));
	oms_call_begin(&call, "oms.set_absence()");
	oms_journal_begin(&change, OMS_JOURNAL_ABSENCE, person);
	oms_store_set_absence(person, PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TIMESTAMPTZ(2), delegate);
	oms_journal_end(&change, &call.actor);
	oms_call_end(&call);
	PG_RETURN_VOID();
}
