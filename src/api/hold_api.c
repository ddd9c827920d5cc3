/*
 * hold_api.c
 *		Holds: of a stage or of a whole ticket, and the catalogue of their reasons.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "api/args.h"
#include "api/door.h"
#include "engine/catch_up.h"
#include "engine/hold.h"
#include "engine/hold_set.h"
#include "engine/lifecycle.h"
#include "engine/require.h"
#include "engine/ticket.h"
#include "errors.h"
#include "store/journal.h"
#include "store/owner.h"

PG_FUNCTION_INFO_V1(oms_hold);
PG_FUNCTION_INFO_V1(oms_resume);
PG_FUNCTION_INFO_V1(oms_set_hold_reason);

/*
 * What a hold for this reason means: as the catalogue says, and else it stops the clock.
 */
static void
read_terms(FunctionCallInfo fcinfo, OmsHold *terms, OmsHoldReason *reason)
{
	memset(terms, 0, sizeof(OmsHold));
	memset(reason, 0, sizeof(OmsHoldReason));
	terms->reason = oms_arg_note(fcinfo, 2, "reason");
	terms->until = PG_ARGISNULL(3) ? OMS_NEVER : PG_GETARG_TIMESTAMPTZ(3);
	if (!PG_ARGISNULL(3) && TIMESTAMP_NOT_FINITE(terms->until))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("until must be finite"),
				 errhint("Leave it out for a hold without end.")));
	if (!oms_store_hold_reason(terms->reason, reason))
		reason->stops_clock = true;
	terms->stops_clock = reason->stops_clock;
	terms->waiting_on = reason->waiting_on;
	terms->label = reason->label;
}

static void
check_terms(OmsTicket *ticket, const OmsHold *terms, const OmsHoldReason *reason)
{
	if (terms->until != OMS_NEVER && terms->until <= ticket->real_now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("until must be in the future")));
	if (reason->max_per_ticket > 0 && oms_count_holds(ticket, terms->reason) >= reason->max_per_ticket)
		oms_wrong_state(ticket, "hold", psprintf("reason \"%s\" can be given %d time(s) for a ticket", terms->reason,
											 reason->max_per_ticket));
}

/*
 * hold(ticket, stage text, reason text, until timestamptz) → text, the new status; stage NULL: the whole ticket.
 */
Datum
oms_hold(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage = NULL;
	OmsHold		terms;
	OmsHoldReason reason;

	oms_call_begin(&call, "oms.hold()");
	if (PG_ARGISNULL(1))
	{
		ticket = oms_store_lock(oms_arg_ticket(fcinfo, 0));
		read_terms(fcinfo, &terms, &reason);
		oms_store_stages(ticket);
		oms_catch_up_all(ticket);
		oms_require_open(ticket, "hold");
		check_terms(ticket, &terms, &reason);
		oms_decide_hold_ticket(ticket, &terms);
	}
	else
	{
		stage = oms_enter_stage(fcinfo, &ticket);
		read_terms(fcinfo, &terms, &reason);
		oms_require(ticket, stage, OMS_HOLD, NULL);
		check_terms(ticket, &terms, &reason);
		oms_decide_hold(ticket, stage, &terms);
	}
	return stage == NULL ? oms_call_end_ticket(&call, ticket) : oms_call_end_stage(&call, ticket, stage);
}

static void
nothing_lifted(const OmsTicket *ticket, const char *what, const char *reason)
{
	ereport(ERROR,
			(errcode(OMS_ERR_WRONG_STATE),
			 reason == NULL ? errmsg("%s has no hold of its own", what)
			 : errmsg("%s is not on hold for reason \"%s\"", what, reason),
			 ticket->n_holds > 0 ? errhint("The whole ticket is on hold: resume it with NULL as the stage.") : 0));
}

/*
 * resume(ticket, stage text, reason text) → text, the new status; stage NULL: the whole ticket.
 */
Datum
oms_resume(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicket  *ticket;
	OmsStage   *stage = NULL;
	char	   *reason = oms_arg_note_or_null(fcinfo, 2, "reason");

	oms_call_begin(&call, "oms.resume()");
	if (PG_ARGISNULL(1))
	{
		ticket = oms_store_lock(oms_arg_ticket(fcinfo, 0));
		oms_store_stages(ticket);
		oms_catch_up_all(ticket);
		if (ticket->status != OMS_TICKET_HELD)
			oms_wrong_state(ticket, "resume", psprintf("the ticket is %s", oms_ticket_status_name(ticket->status)));
		if (oms_decide_resume_ticket(ticket, reason) == 0)
			nothing_lifted(ticket, "the ticket", reason);
	}
	else
	{
		stage = oms_enter_stage(fcinfo, &ticket);
		oms_require(ticket, stage, OMS_RESUME, NULL);
		if (oms_decide_resume(ticket, stage, reason) == 0)
			nothing_lifted(ticket, psprintf("stage \"%s\"", oms_graph_stage(ticket->graph, stage->no)->id), reason);
	}
	return stage == NULL ? oms_call_end_ticket(&call, ticket) : oms_call_end_stage(&call, ticket, stage);
}

/* ---- reasons ---- */

/*
 * set_hold_reason(code text, stops_clock bool, waiting_on text, max_per_ticket int, public_label text)
 */
Datum
oms_set_hold_reason(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsHoldReason reason = {0};
	OmsChange	change;
	char	   *code = oms_arg_name(fcinfo, 0, "code");

	oms_arg_required(fcinfo, 1, "stops_clock");
	reason.stops_clock = PG_GETARG_BOOL(1);
	reason.waiting_on = oms_arg_name_or_null(fcinfo, 2, "waiting_on");
	reason.max_per_ticket = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT32(3);
	if (!PG_ARGISNULL(3) && reason.max_per_ticket < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_per_ticket must be positive")));
	reason.label = oms_arg_name_or_null(fcinfo, 4, "public_label");
	oms_call_begin(&call, "oms.set_hold_reason()");
	oms_journal_begin(&change, OMS_JOURNAL_HOLD_REASON, code);
	oms_store_set_hold_reason(code, &reason);
	oms_journal_end(&change, &call.actor);
	oms_call_end(&call);
	PG_RETURN_VOID();
}
