/*
 * call.c
 *		The frame around every change: who acts, and which snapshot is looked at.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/snapmgr.h"

#include "store/call.h"

/*
 * Begin a function that changes something: refuse it where nothing can be changed, note who calls,
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
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
}

/* On error the server does the same */
void
oms_call_end(OmsCall *call)
{
	PopActiveSnapshot();
	CommandCounterIncrement();
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
