/*
 * access.c
 *		Who may do what.
 *
 * A level is a set of plain GRANTs on functions, views and tables, made by grant_access, so the server
 * checks most of it and pg_dump and \dp show it.  What a GRANT cannot say is checked here, for the role
 * in force at the call: an agent acts only for owners that it is a member of, a portal looks only at
 * tickets that it opened.  A role has the level staff if it may execute get_ticket, the level agent if it may
 * execute claim, and the level portal if it may execute open_ticket.
 *
 * Functions are SECURITY INVOKER, so the caller is known; the tables are read and written without the
 * executor, and SQL statements run as the owner of the schema (spi.c).
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "compat.h"
#include "register.h"
#include "engine/graph.h"
#include "store/access.h"
#include "store/row.h"
#include "store/spi.h"
#include "store/tables.h"

/* ---- levels ---- */

/* Having the right to execute this function is having the level */
static const char *const markers[] =
{
	[OMS_LEVEL_AGENT] = "claim",
	[OMS_LEVEL_PORTAL] = "open_ticket",
	[OMS_LEVEL_STAFF] = "get_ticket"
};

static Oid
marker_function(OmsLevel level)
{
	static Oid	known[lengthof(markers)];
	static Oid	known_schema = InvalidOid;
	Oid			schema = get_namespace_oid("oms", false);
	Oid			no_types = InvalidOid;

	if (known_schema != schema)
	{
		memset(known, 0, sizeof(known));
		known_schema = schema;
	}
	if (!OidIsValid(known[level]))
		known[level] = LookupFuncName(list_make2(makeString("oms"),
												 makeString(pstrdup(markers[level]))),
									  -1, &no_types, false);
	return known[level];
}

static bool
role_has_level(Oid role, OmsLevel level)
{
	return superuser_arg(role) ||
		oms_function_aclcheck(marker_function(level), role, ACL_EXECUTE) == ACLCHECK_OK;
}

/*
 * Does the role in force have a level?
 */
bool
oms_has_level(OmsLevel level)
{
	return role_has_level(GetUserId(), level);
}

/* "seen": roles that were looked at before, by OID */
static void
add_role_persons(List **persons, List **seen, Oid role)
{
	HeapTuple	tuple;
	Form_pg_authid row;
	bool		person = true;

	check_stack_depth();
	if (list_member_oid(*seen, role))
		return;
	*seen = lappend_oid(*seen, role);
	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	if (!HeapTupleIsValid(tuple))
		return;
	row = (Form_pg_authid) GETSTRUCT(tuple);
	if (!row->rolcanlogin)
	{
		CatCList   *list = SearchSysCacheList1(AUTHMEMROLEMEM, ObjectIdGetDatum(role));

		for (int i = 0; i < list->n_members; i++)
		{
			Oid			member = ((Form_pg_auth_members) GETSTRUCT(&list->members[i]->tuple))->member;

			if (superuser_arg(member) || !has_privs_of_role(member, role))
				continue;
			person = false;
			add_role_persons(persons, seen, member);
		}
		ReleaseSysCacheList(list);
	}
	if (person)
		*persons = lappend(*persons, pstrdup(NameStr(row->rolname)));
	ReleaseSysCache(tuple);
}

/*
 * The persons that a role stands for (char *): itself, or, if it cannot log in and others have its rights,
 * these.  None if there is no such role.
 */
List *
oms_role_persons(const char *role)
{
	List	   *persons = NIL;
	List	   *seen = NIL;
	Oid			oid = get_role_oid(role, true);

	if (OidIsValid(oid))
		add_role_persons(&persons, &seen, oid);
	return persons;
}

static bool
role_acts_for(Oid role, const char *owner)
{
	OmsScan		scan;
	bool		member = false;

	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(owner));
	oms_scan_begin(&scan, "owner_member", "owner_member_pkey", OWNER_MEMBER_COLUMNS, AccessShareLock);
	while (!member && oms_scan_next(&scan))
	{
		Oid			other = get_role_oid(TextDatumGetCString(scan.slot->tts_values[OWNER_MEMBER_MEMBER]),
										 true);

		member = OidIsValid(other) && has_privs_of_role(role, other);
	}
	oms_scan_end(&scan);
	return member;
}

/*
 * Is the role in force a member of an owner, directly or by inheritance?
 */
bool
oms_acts_for(const char *owner)
{
	return role_acts_for(GetUserId(), owner);
}

/*
 * May messages of a role finish a stage of that owner in a ticket that was opened by opened_by?
 */
bool
oms_may_send(const char *sender, const char *owner, const char *opened_by)
{
	Oid			role = get_role_oid(sender, true);

	if (!OidIsValid(role))
		return false;
	return role_has_level(role, OMS_LEVEL_STAFF) ||
		(role_has_level(role, OMS_LEVEL_AGENT) && role_acts_for(role, owner)) ||
		(role_has_level(role, OMS_LEVEL_PORTAL) && opened_by != NULL && strcmp(opened_by, sender) == 0);
}

/*
 * Raise an error unless the caller is staff or a member of the owner.
 */
void
oms_require_owner(const char *owner)
{
	if (!oms_has_level(OMS_LEVEL_STAFF) && !oms_acts_for(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for the work of owner \"%s\"", owner),
				 errhint("oms.set_owner() names the roles that are members of an owner.")));
}

/*
 * The error for a ticket that the caller has nothing to do with, and for one that is not there.
 */
void
oms_refuse_ticket(OmsTicketId id)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for ticket %s", oms_ticket_id_to_text(id, number))));
}

/*
 * Raise an error unless the caller is staff or a member of the owner of some stage of the workflow.
 */
void
oms_require_part(const OmsTicket *ticket)
{
	if (oms_has_level(OMS_LEVEL_STAFF))
		return;
	for (int no = 1; no <= ticket->graph->nstages; no++)
		if (oms_acts_for(oms_graph_stage(ticket->graph, no)->owner))
			return;
	oms_refuse_ticket(ticket->id);
}

/*
 * Was the stage given to the role in force by name?  Who stands in for a member need not be one.
 */
static bool
was_given(const OmsStage *stage)
{
	Oid			role = stage->worker == NULL || stage->lease_us != OMS_NO_LENGTH ||
		(stage->status != OMS_IN_PROGRESS && stage->status != OMS_STAGE_HELD)
		? InvalidOid : get_role_oid(stage->worker, true);

	return OidIsValid(role) && has_privs_of_role(GetUserId(), role);
}

/*
 * Raise an error unless the caller is staff, a member of the stage's owner, or has the stage.
 */
void
oms_require_stage(const OmsTicket *ticket, const OmsStage *stage)
{
	if (oms_has_level(OMS_LEVEL_STAFF) || oms_acts_for(stage->owner) || was_given(stage))
		return;
	oms_require_part(ticket);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for stage \"%s\"",
					oms_graph_stage(ticket->graph, stage->no)->id),
			 errhint("oms.set_owner() names the roles that are members of an owner.")));
}

/*
 * Raise an error unless the caller is staff or opened the ticket.
 */
void
oms_require_opener(const OmsTicket *ticket)
{
	if (!oms_has_level(OMS_LEVEL_STAFF) &&
		(ticket->opened_by == NULL ||
		 strcmp(ticket->opened_by, GetUserNameFromId(GetUserId(), false)) != 0))
		oms_refuse_ticket(ticket->id);
}

/* ---- granting ---- */

/* Bits of the levels, as the register calls them */
#define C	1					/* citizen */
#define P	2					/* portal */
#define A	4					/* agent */
#define M	8					/* monitor */
#define S	16					/* staff */
#define D	32					/* admin */
#define ALL (C | P | A | M | S | D)

static const struct
{
	const char *name;
	int			bit;
}			levels[] =
{
	{"citizen", C}, {"portal", P}, {"agent", A}, {"monitor", M}, {"staff", S}, {"admin", D}
};

typedef struct Granted
{
	const char *schema;
	const char *name;
	int			levels;
} Granted;

/*
 * What each level may execute, by name: all functions and procedures of that name.  Everything that
 * is not here (guards, internals) is for nobody.
 */
static const Granted functions[] = {OMS_FUNCTIONS};

/* Where they are: what is called, and what that is made of */
static const char *const schemas[] = {"oms", "oms_internal"};

/* The relations that a level may read */
static const Granted relations[] = {OMS_RELATIONS};

static int
level_bit(const char *level)
{
	for (int i = 0; i < (int) lengthof(levels); i++)
		if (strcmp(levels[i].name, level) == 0)
			return levels[i].bit;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown level \"%s\"", level),
			 errhint("Levels are citizen, portal, agent, monitor, staff and admin.")));
}

/*
 * Run GRANT or REVOKE as the owner.  Names cannot be parameters of these; both are quoted by the
 * server's own function, and the object's comes from its catalogs.
 */
static void
run_grant(bool grant, const char *privilege, const char *kind, const char *object, const char *role)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "%s %s ON %s %s %s %s", grant ? "GRANT" : "REVOKE", privilege, kind, object,
					 grant ? "TO" : "FROM", quote_identifier(role));
	oms_sql_as_owner(sql.data);
	pfree(sql.data);
}

/*
 * Every function or procedure of a schema with this name.
 */
static void
grant_functions(Oid schema, const char *name, const char *role)
{
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		if (proc->pronamespace == schema)
			run_grant(true, "EXECUTE", "ROUTINE", format_procedure_extended(proc->oid, FORMAT_PROC_FORCE_QUALIFY), role);
	}
	ReleaseSysCacheList(list);
}

/*
 * All that a level may do in a schema.
 */
static void
grant_schema(const char *name, int bit, const char *role)
{
	Oid			schema = get_namespace_oid(name, false);
	bool		any = false;

	for (int i = 0; i < (int) lengthof(functions); i++)
		if ((functions[i].levels & bit) && strcmp(functions[i].schema, name) == 0)
		{
			grant_functions(schema, functions[i].name, role);
			any = true;
		}
	for (int i = 0; i < (int) lengthof(relations); i++)
		if ((relations[i].levels & bit) && strcmp(relations[i].schema, name) == 0 &&
			OidIsValid(get_relname_relid(relations[i].name, schema)))
		{
			run_grant(true, "SELECT", "TABLE", psprintf("%s.%s", name, quote_identifier(relations[i].name)), role);
			any = true;
		}
	if (any)
		run_grant(true, "USAGE", "SCHEMA", name, role);
}

static void
require_role(const char *role)
{
	(void) get_role_oid(role, false);
}

/*
 * Give a role a level, in addition to what it has.
 */
void
oms_grant_level(const char *role, const char *level)
{
	int			bit = level_bit(level);

	require_role(role);
	SPI_connect();
	run_grant(true, "USAGE", "TYPE", "oms.ticket_id", role);
	for (int i = 0; i < (int) lengthof(schemas); i++)
		grant_schema(schemas[i], bit, role);
	SPI_finish();
}

/*
 * Take every right on the schemas of oms and what is in them from a role.
 */
void
oms_revoke_levels(const char *role)
{
	require_role(role);
	SPI_connect();
	run_grant(false, "ALL", "TYPE", "oms.ticket_id", role);
	for (int i = 0; i < (int) lengthof(schemas); i++)
	{
		run_grant(false, "ALL", "ALL ROUTINES IN SCHEMA", schemas[i], role);
		run_grant(false, "ALL", "ALL TABLES IN SCHEMA", schemas[i], role);
		run_grant(false, "ALL", "SCHEMA", schemas[i], role);
	}
	SPI_finish();
}
