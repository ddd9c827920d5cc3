/*
 * guard.c
 *		Triggers: what SQL statements may do to the tables and views of oms.
 *
 * The tables are written by the store alone, which does not go through the executor.  So the guards on
 * them simply refuse every statement; there is no flag to raise.  An administrator's UPDATE of the
 * views oms.ticket and oms.stage is turned into the same verbs as the functions, with the same rules
 * and the same events.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "api/args.h"
#include "api/door.h"
#include "engine/catch_up.h"
#include "engine/decide.h"
#include "engine/event.h"
#include "engine/hands.h"
#include "engine/hold.h"
#include "engine/lifecycle.h"
#include "engine/require.h"
#include "engine/rework.h"
#include "errors.h"

PG_FUNCTION_INFO_V1(oms_guard);
PG_FUNCTION_INFO_V1(oms_stay_local);
PG_FUNCTION_INFO_V1(oms_update_stage);
PG_FUNCTION_INFO_V1(oms_update_ticket);

static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can be called as a trigger only")));
	return (TriggerData *) fcinfo->context;
}

/*
 * Refuse a statement on a table of oms; its arguments are the hint.
 */
Datum
oms_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	const char *operation = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? "UPDATE"
		: TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ? "DELETE" : "TRUNCATE";

	ereport(ERROR,
			(errcode(OMS_ERR_APPEND_ONLY),
			 errmsg("%s of \"oms.%s\" is refused", operation,
					RelationGetRelationName(trigger->tg_relation)),
			 trigger->tg_trigger->tgnargs > 0 ? errhint("%s", trigger->tg_trigger->tgargs[0]) : 0));
}

/*
 * The row is about this server and none other: what a subscription brings is passed over.
 */
Datum
oms_stay_local(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);

	if (IsLogicalWorker())
		return PointerGetDatum(NULL);
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple
						   : trigger->tg_trigtuple);
}

/* ---- UPDATE of the views ---- */

/* The old and the new row of a view */
typedef struct Change
{
	const char *view;
	TupleDesc	desc;
	HeapTuple	before;
	HeapTuple	after;
} Change;

static void
begin_change(FunctionCallInfo fcinfo, Change *change, const char *view)
{
	TriggerData *trigger = trigger_data(fcinfo);

	if (!TRIGGER_FIRED_INSTEAD(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		RelationGetRelid(trigger->tg_relation) != oms_relation_oid(view))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function is the trigger of the view \"oms.%s\" only", view)));
	change->view = RelationGetRelationName(trigger->tg_relation);
	change->desc = RelationGetDescr(trigger->tg_relation);
	change->before = trigger->tg_trigtuple;
	change->after = trigger->tg_newtuple;
	if (!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(OMS_ERR_APPEND_ONLY),
				 errmsg("DELETE of \"oms.%s\" is refused", change->view),
				 errhint("oms.cancel_ticket() ends a ticket; its record stays.")));
}

static Datum
get_column(const Change *change, HeapTuple row, const char *name, bool *isnull)
{
	for (int attno = 1; attno <= change->desc->natts; attno++)
		if (namestrcmp(&TupleDescAttr(change->desc, attno - 1)->attname, name) == 0)
			return heap_getattr(row, attno, change->desc, isnull);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of \"oms.%s\" does not exist", name, change->view)));
}

/*
 * A text column of a row; NULL if it is.
 */
static char *
get_text(const Change *change, HeapTuple row, const char *name)
{
	bool		isnull;
	Datum		value = get_column(change, row, name, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/*
 * Did a column change?
 */
static bool
column_changed(const Change *change, int attno)
{
	Form_pg_attribute attribute = TupleDescAttr(change->desc, attno - 1);
	bool		was_null;
	bool		is_null;
	Datum		was = heap_getattr(change->before, attno, change->desc, &was_null);
	Datum		is = heap_getattr(change->after, attno, change->desc, &is_null);

	if (was_null || is_null)
		return was_null != is_null;
	return !datum_image_eq(was, is, attribute->attbyval, attribute->attlen);
}

/*
 * Refuse a change of any column but the given ones.
 */
static void
only_columns(const Change *change, const char *const *allowed)
{
	for (int attno = 1; attno <= change->desc->natts; attno++)
	{
		const char *name = NameStr(TupleDescAttr(change->desc, attno - 1)->attname);
		bool		known = false;

		for (const char *const *p = allowed; *p != NULL; p++)
			known = known || strcmp(*p, name) == 0;
		if (!known && column_changed(change, attno))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" of \"oms.%s\" cannot be changed", name, change->view)));
	}
}

static OmsTicket *
lock_changed(const Change *change)
{
	bool		isnull;

	return oms_store_lock(DatumGetTicketId(get_column(change, change->before, "ticket_id", &isnull)));
}

/*
 * The row of the view was read before the lock: refuse to act on what is no longer so.
 */
static void
must_still_be(const Change *change, const char *status)
{
	if (strcmp(status, get_text(change, change->before, "status")) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errdetail("The row of \"oms.%s\" became %s meanwhile.", change->view, status)));
}

#define NOTE "UPDATE of oms.stage"

/*
 * The verb that leads from one state to another by an UPDATE, applied; an illegal move is refused.
 */
static void
move_stage(OmsTicket *ticket, OmsStage *stage, const char *to, const char *worker,
		   const OmsDoer *doer)
{
	if (strcmp(to, "queued") == 0 && stage->status == OMS_STAGE_FAILED)
	{
		oms_require(ticket, stage, OMS_RETRY, NULL);
		oms_decide_retry(ticket, stage, NOTE);
	}
	else if (strcmp(to, "on_hold") == 0)
	{
		OmsHold		terms = {.reason = NOTE, .stops_clock = true, .until = OMS_NEVER};

		oms_require(ticket, stage, OMS_HOLD, NULL);
		oms_decide_hold(ticket, stage, &terms);
	}
	else if (stage->held_from != 0 && strcmp(to, oms_stage_status_name(stage->held_from)) == 0)
	{
		oms_require(ticket, stage, OMS_RESUME, NULL);
		if (ticket->n_holds > 0)
			ereport(ERROR,
					(errcode(OMS_ERR_WRONG_STATE),
					 errmsg("a stage cannot go on while its ticket is on hold")));
		oms_decide_resume(ticket, stage, NULL);
	}
	else if (strcmp(to, "queued") == 0 && stage->status == OMS_AWAITING && stage->waits_for == NULL)
	{
		oms_require(ticket, stage, OMS_START, NULL);
		oms_decide_start(ticket, stage);
	}
	else if (strcmp(to, "queued") == 0)
	{
		oms_require(ticket, stage, OMS_RELEASE, NULL);
		oms_decide_release(ticket, stage, NOTE);
	}
	else if (strcmp(to, "in_progress") == 0)
	{
		oms_require(ticket, stage, OMS_CLAIM_STAGE, NULL);
		oms_require_other_hands(ticket, stage, worker, doer);
		oms_decide_claim(ticket, stage, worker, OMS_NO_LENGTH);
	}
	else if (strcmp(to, "done") == 0)
	{
		oms_require(ticket, stage, OMS_FINISH, NULL);
		oms_require_other_hands(ticket, stage, stage->worker != NULL ? stage->worker : doer->role, doer);
		oms_decide_finish(ticket, stage, NULL, doer);
	}
	else if (strcmp(to, "skipped") == 0)
	{
		oms_require(ticket, stage, OMS_SKIP, NULL);
		oms_decide_skip(ticket, stage, NOTE);
	}
	else if (strcmp(to, "failed") == 0)
	{
		oms_require(ticket, stage, OMS_FAIL, NULL);
		oms_decide_fail(ticket, stage, NOTE, false);
	}
	else
		ereport(ERROR,
				(errcode(OMS_ERR_WRONG_STATE),
				 errmsg("a stage that is %s cannot be made %s by UPDATE",
						oms_stage_status_name(stage->status), to)));
}

/*
 * INSTEAD OF UPDATE OR DELETE ON oms.stage
 */
Datum
oms_update_stage(PG_FUNCTION_ARGS)
{
	static const char *const allowed[] = {"status", "owner", "worker", NULL};
	OmsCall		call;
	OmsDoer		doer;
	Change		change;
	OmsTicket  *ticket;
	OmsStage   *stage;
	char	   *id;
	char	   *status;
	char	   *owner;
	char	   *worker;

	begin_change(fcinfo, &change, "stage");
	only_columns(&change, allowed);
	id = get_text(&change, change.before, "stage");
	status = get_text(&change, change.after, "status");
	owner = get_text(&change, change.after, "owner");
	worker = get_text(&change, change.after, "worker");
	if (status == NULL || owner == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("status and owner of a stage must not be null")));
	oms_check_name(owner, "owner");
	if (worker != NULL)
		oms_check_name(worker, "worker");

	oms_call_begin(&call, "UPDATE of oms.stage");
	doer = oms_call_doer(&call, true);
	ticket = lock_changed(&change);
	stage = oms_store_stage(ticket, oms_stage_number(ticket, id, strlen(id)));
	must_still_be(&change, oms_stage_status_name(stage->status));
	if (strcmp(owner, stage->owner) != 0)
	{
		oms_require(ticket, stage, OMS_REASSIGN, NULL);
		oms_decide_reassign(ticket, stage, owner, NOTE);
	}
	if (strcmp(status, get_text(&change, change.before, "status")) != 0 &&
		strcmp(status, oms_stage_status_name(stage->status)) != 0)
		move_stage(ticket, stage, status, worker != NULL ? worker : call.actor.role, &doer);
	if (ticket->events != NULL)
		oms_store_apply(ticket, &call.actor);
	else if (worker == NULL ? stage->worker != NULL
			 : stage->worker == NULL || strcmp(worker, stage->worker) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"worker\" of \"oms.stage\" cannot be changed alone")));
	oms_call_end(&call);
	return PointerGetDatum(change.after);
}

/*
 * INSTEAD OF UPDATE OR DELETE ON oms.ticket
 */
Datum
oms_update_ticket(PG_FUNCTION_ARGS)
{
	static const char *const allowed[] = {"status", "priority", NULL};
	OmsCall		call;
	Change		change;
	OmsTicket  *ticket;
	char	   *status;
	int			priority;
	bool		isnull;

	begin_change(fcinfo, &change, "ticket");
	only_columns(&change, allowed);
	status = get_text(&change, change.after, "status");
	priority = DatumGetInt32(get_column(&change, change.after, "priority", &isnull));
	if (isnull || status == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("status and priority of a ticket must not be null")));

	oms_call_begin(&call, "UPDATE of oms.ticket");
	ticket = lock_changed(&change);
	must_still_be(&change, oms_ticket_status_name(ticket->status));
	oms_store_stages(ticket);
	oms_catch_up_all(ticket);
	if (priority != ticket->priority)
		oms_decide_priority(ticket, priority);
	if (strcmp(status, oms_ticket_status_name(ticket->status)) != 0)
	{
		if (strcmp(status, "cancelled") != 0 || ticket->status == OMS_TICKET_DONE)
			ereport(ERROR,
					(errcode(OMS_ERR_WRONG_STATE),
					 errmsg("a ticket that is %s cannot be made %s by UPDATE",
							oms_ticket_status_name(ticket->status), status)));
		oms_decide_cancel(ticket, "UPDATE of oms.ticket");
	}
	if (ticket->events != NULL)
		oms_store_apply(ticket, &call.actor);
	oms_call_end(&call);
	return PointerGetDatum(change.after);
}
