/*
 * access_api.c
 *		Rights and owners: grant_access, revoke_access, set_owner, activate, set_number_ranges, repair_guards.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "api/args.h"
#include "clock.h"
#include "shared/ring.h"
#include "store/access.h"
#include "store/calendar.h"
#include "store/guards.h"
#include "store/identity.h"
#include "store/journal.h"
#include "store/message.h"
#include "store/numbers.h"
#include "store/owner.h"
#include "worker/hooks.h"

PG_FUNCTION_INFO_V1(oms_grant_access);
PG_FUNCTION_INFO_V1(oms_revoke_access);
PG_FUNCTION_INFO_V1(oms_set_owner);
PG_FUNCTION_INFO_V1(oms_activate);
PG_FUNCTION_INFO_V1(oms_set_number_ranges);
PG_FUNCTION_INFO_V1(oms_repair_guards);

/*
 * Somebody may send messages to more stages than before: the worker, or tick(), brings them what they wait for.
 */
static void
deliver_what_may_be_sent_now(void)
{
	if (oms_store_look_at_messages_again())
		oms_ring_arm(oms_clock_now());
}

/*
 * grant_access(role name, level text)
 */
Datum
oms_grant_access(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsChange	change;
	char	   *level;

	oms_arg_required(fcinfo, 0, "role");
	oms_arg_required(fcinfo, 1, "level");
	level = text_to_cstring(PG_GETARG_TEXT_PP(1));
	oms_call_begin(&call, "oms.grant_access()");
	oms_journal_begin(&change, OMS_JOURNAL_LEVEL, NameStr(*PG_GETARG_NAME(0)));
	oms_grant_level(NameStr(*PG_GETARG_NAME(0)), level);
	oms_journal_end_level(&change, level, &call.actor);
	deliver_what_may_be_sent_now();
	oms_call_end(&call);
	PG_RETURN_VOID();
}

/*
 * revoke_access(role name)
 */
Datum
oms_revoke_access(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsChange	change;

	oms_arg_required(fcinfo, 0, "role");
	oms_call_begin(&call, "oms.revoke_access()");
	oms_journal_begin(&change, OMS_JOURNAL_LEVEL, NameStr(*PG_GETARG_NAME(0)));
	oms_revoke_levels(NameStr(*PG_GETARG_NAME(0)));
	oms_journal_end_level(&change, NULL, &call.actor);
	oms_call_end(&call);
	PG_RETURN_VOID();
}

static void
require_one_of(const char *value, const char *what, const char *const *list)
{
	StringInfoData all;

	initStringInfo(&all);
	for (const char *const *p = list; *p != NULL; p++)
	{
		if (strcmp(*p, value) == 0)
			return;
		appendStringInfo(&all, "%s%s", p == list ? "" : p[1] == NULL ? " and " : ", ", *p);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown %s \"%s\"", what, value),
			 errhint("There are %s.", all.data)));
}

static void
require_roles(ArrayType *members)
{
	Datum	   *names;
	bool	   *nulls;
	int			count;

	deconstruct_array(members, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &names, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("members must not contain nulls")));
		(void) get_role_oid(NameStr(*DatumGetName(names[i])), false);
	}
}

/* A name, empty for "none from now on", or NULL */
static char *
arg_name_or_none(FunctionCallInfo fcinfo, int n, const char *what)
{
	if (!PG_ARGISNULL(n) && VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(n)) == 0)
		return pstrdup("");
	return oms_arg_name_or_null(fcinfo, n, what);
}

/*
 * set_owner(name, kind, supervisor, calendar, members, assignment); NULL: as it is.
 */
Datum
oms_set_owner(PG_FUNCTION_ARGS)
{
	static const char *const kinds[] = {"agent", "group", "person", "service", NULL};
	static const char *const assignments[] = {"none", "round_robin", "least_loaded", NULL};
	OmsCall		call;
	char	   *name = oms_arg_name(fcinfo, 0, "name");
	char	   *kind = oms_arg_name_or_null(fcinfo, 1, "kind");
	char	   *supervisor = arg_name_or_none(fcinfo, 2, "supervisor");
	char	   *calendar = arg_name_or_none(fcinfo, 3, "calendar");
	char	   *assignment = oms_arg_name_or_null(fcinfo, 5, "assignment");
	Datum		members = PG_ARGISNULL(4) ? (Datum) 0 : PG_GETARG_DATUM(4);
	OmsChange	change;

	if (kind != NULL)
		require_one_of(kind, "kind", kinds);
	if (assignment != NULL)
		require_one_of(assignment, "assignment", assignments);
	if (!PG_ARGISNULL(4))
		require_roles(PG_GETARG_ARRAYTYPE_P(4));
	oms_call_begin(&call, "oms.set_owner()");
	oms_journal_begin(&change, OMS_JOURNAL_OWNER, name);
	if (calendar != NULL && *calendar != '\0' && oms_store_calendar(calendar) == NULL)
		ereport(WARNING,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("calendar \"%s\" does not exist yet", calendar)));
	oms_store_set_owner(name, kind, supervisor, calendar, assignment, PG_ARGISNULL(4) ? NULL : &members);
	oms_journal_end(&change, &call.actor);
	deliver_what_may_be_sent_now();
	oms_call_end(&call);
	PG_RETURN_VOID();
}

/*
 * activate(): timers fire and events are sent in this database from now on.
 */
Datum
oms_activate(PG_FUNCTION_ARGS)
{
	OmsCall		call;

	oms_call_begin(&call, "oms.activate()");
	oms_journal_lock();
	oms_store_activate(oms_clock_now());
	oms_journal_note("activate", NULL, "database", get_database_name(MyDatabaseId), &call.actor);
	oms_hooks_renew_worker();
	oms_call_end(&call);
	PG_RETURN_VOID();
}

/*
 * set_number_ranges(ranges int8multirange): the ticket numbers that this database gives out.
 */
Datum
oms_set_number_ranges(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsChange	change;

	oms_arg_required(fcinfo, 0, "ranges");
	oms_call_begin(&call, "oms.set_number_ranges()");
	oms_store_lock_numbers();
	oms_journal_begin(&change, OMS_JOURNAL_NUMBERS, "");
	oms_store_set_number_ranges(PG_GETARG_DATUM(0));
	oms_journal_end(&change, &call.actor);
	oms_call_end(&call);
	PG_RETURN_VOID();
}

/*
 * repair_guards() → int, how many were mended.
 */
Datum
oms_repair_guards(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	int			mended;

	oms_call_begin(&call, "oms.repair_guards()");
	mended = oms_store_repair_guards(InvalidOid);
	if (mended > 0)
		oms_journal_note("repair_guards", NULL, "mended", psprintf("%d", mended), &call.actor);
	oms_call_end(&call);
	PG_RETURN_INT32(mended);
}
