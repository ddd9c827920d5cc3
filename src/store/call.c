/*
 * call.c
 *		The frame around every change: who acts, and which snapshot is looked at.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "engine/hands.h"
#include "engine/lifecycle.h"
#include "store/call.h"
#include "store/moved.h"
#include "store/store.h"

/*
 * Address of the client as the server sees it; does not change while the backend lives.
 */
static const char *
client_address(void)
{
	static char address[64] = "";
	LOCAL_FCINFO(fcinfo, 0);
	Datum		value;

	if (address[0] != '\0')
		return address;
	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	value = inet_client_addr(fcinfo);
	strlcpy(address, fcinfo->isnull ? "[local]"
			: DatumGetCString(DirectFunctionCall1(inet_out, value)), sizeof(address));
	return address;
}

/*
 * Application name (what the client says) and address (what the server sees); NULL for a process
 * without a client.
 */
static const char *
client_text(void)
{
	Oid			set = GetOuterUserId();

	if (MyBackendType != B_BACKEND)
		return NULL;
	/* inside a SECURITY DEFINER function the role that was set is neither in force nor the session's */
	return psprintf("%s@%s%s%s", application_name != NULL ? application_name : "", client_address(),
					set == GetUserId() || set == GetSessionUserId() ? "" : " as ",
					set == GetUserId() || set == GetSessionUserId() ? "" : GetUserNameFromId(set, false));
}

/*
 * Begin a function that changes something: refuse it where or when nothing can be changed, note who calls,
 * and see everything that was committed up to now.
 */
void
oms_call_begin(OmsCall *call, const char *function)
{
	Oid			role = GetUserId();
	Oid			session = GetSessionUserId();

	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	call->actor.role = GetUserNameFromId(role, false);
	call->actor.session = session == role ? NULL : GetUserNameFromId(session, false);
	call->actor.client = client_text();
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	oms_require_real_clock(function);
}

/* On error the server does the same */
void
oms_call_end(OmsCall *call)
{
	PopActiveSnapshot();
	CommandCounterIncrement();
}

/*
 * Apply what was decided and end the call; returns the new status of the ticket, as text for the caller.
 */
Datum
oms_call_end_ticket(OmsCall *call, OmsTicket *ticket)
{
	oms_store_apply(ticket, &call->actor);
	oms_call_end(call);
	return CStringGetTextDatum(oms_ticket_status_name(ticket->status));
}

/*
 * The same for a change of one stage: its new status.
 */
Datum
oms_call_end_stage(OmsCall *call, OmsTicket *ticket, const OmsStage *stage)
{
	oms_store_apply(ticket, &call->actor);
	oms_call_end(call);
	return CStringGetTextDatum(oms_stage_status_name(stage->status));
}

/*
 * The caller as one who does a stage.  Superusers stand in for everybody and nobody, so their role is no
 * person.
 */
OmsDoer
oms_call_doer(const OmsCall *call, bool in_person)
{
	OmsDoer		doer = {.role = call->actor.role, .person = !superuser(), .in_person = in_person};

	return doer;
}

/*
 * Begin a function that only looks.  It sees what the running statement has done so far, so that a
 * ticket can be opened and looked at in one statement.
 */
void
oms_look_begin(void)
{
	if (!IsInParallelMode())
		CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
oms_look_end(void)
{
	PopActiveSnapshot();
}
