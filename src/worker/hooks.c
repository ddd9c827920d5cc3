/*
 * hooks.c
 *		Commands that concern the workers: the extension or a database comes or goes.
 *
 * A worker is connected to its database, which would make DROP DATABASE, ALTER DATABASE ... RENAME or
 * SET TABLESPACE, and CREATE DATABASE ... TEMPLATE fail.  So these commands first ask the worker to
 * leave (the server waits some seconds for others to go, which is ample), and tell the launcher
 * afterwards to look again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "worker/hooks.h"
#include "worker/shared.h"

/* How long a database is left alone if the command that asked for it never tells that it is over */
#define AWAY_SECONDS	60

static ProcessUtility_hook_type previous_utility = NULL;
static object_access_hook_type previous_access = NULL;

/* What the current transaction is to tell when it has committed */
static bool extension_changed = false;
static bool databases_changed = false;
static Oid	settings_changed = InvalidOid;	/* of this database */

/*
 * The worker of a database has to look again at what it serves: it leaves, and the launcher starts
 * one that finds out.
 */
static void
renew_worker(Oid dboid)
{
	OmsDatabase *database = oms_shared_database(dboid, true);

	if (database == NULL)
		return;
	SpinLockAcquire(&database->mutex);
	if (database->latch != NULL)
		pg_atomic_write_u32(&database->leave, 1);
	else if (database->state != OMS_WORKER_STARTING)
		database->state = OMS_WORKER_UNKNOWN;
	database->next_start = 0;
	database->failed_starts = 0;
	SpinLockRelease(&database->mutex);
	oms_shared_wake_worker(database);
}

static void
at_xact(XactEvent event, void *arg)
{
	if (!extension_changed && !databases_changed)
		return;
	if (event == XACT_EVENT_COMMIT)
	{
		if (extension_changed)
			renew_worker(MyDatabaseId);
		if (OidIsValid(settings_changed))
			renew_worker(settings_changed);
		oms_shared_wake_launcher(true);
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		extension_changed = databases_changed = false;
		settings_changed = InvalidOid;
	}
}

static void
on_access(ObjectAccessType access, Oid class, Oid object, int subid, void *arg)
{
	static bool registered = false;

	if (previous_access)
		previous_access(access, class, object, subid, arg);
	if (class != ExtensionRelationId && class != DatabaseRelationId &&
		class != DbRoleSettingRelationId)
		return;
	if (access != OAT_POST_CREATE && access != OAT_DROP && access != OAT_POST_ALTER)
		return;
	if (!registered)
		RegisterXactCallback(at_xact, NULL);
	registered = true;
	if (class == ExtensionRelationId)
		extension_changed = true;
	else
		databases_changed = true;
	if (class == DbRoleSettingRelationId)
		settings_changed = object;
}

/*
 * The database that a command needs to have for itself, or InvalidOid.
 */
static Oid
database_needed(Node *command)
{
	const char *name = NULL;
	ListCell   *cell;

	switch (nodeTag(command))
	{
		case T_DropdbStmt:
			name = ((DropdbStmt *) command)->dbname;
			break;
		case T_RenameStmt:
			if (((RenameStmt *) command)->renameType == OBJECT_DATABASE)
				name = ((RenameStmt *) command)->subname;
			break;
		case T_AlterDatabaseStmt:
			name = ((AlterDatabaseStmt *) command)->dbname;
			break;
		case T_CreatedbStmt:
			name = "template1";
			foreach(cell, ((CreatedbStmt *) command)->options)
			{
				DefElem    *option = lfirst(cell);

				if (strcmp(option->defname, "template") == 0 && option->arg != NULL)
					name = defGetString(option);
			}
			break;
		default:
			break;
	}
	return name == NULL || !IsTransactionState() ? InvalidOid : get_database_oid(name, true);
}

/*
 * Ask the worker of a database to stay away, or to come back.
 */
static void
send_away(OmsDatabase *database, bool away)
{
	SpinLockAcquire(&database->mutex);
	database->away_until = away ? TimestampTzPlusMilliseconds(oms_clock_wall(), AWAY_SECONDS * 1000)
		: 0;
	if (away)
		pg_atomic_write_u32(&database->leave, 1);
	SpinLockRelease(&database->mutex);
	if (away)
		oms_shared_wake_worker(database);
	else
		oms_shared_wake_launcher(true);
}

static void
on_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
		   ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
		   DestReceiver *dest, QueryCompletion *completion)
{
	ProcessUtility_hook_type next = previous_utility ? previous_utility : standard_ProcessUtility;
	Oid			dboid = database_needed(pstmt->utilityStmt);
	OmsDatabase *database = OidIsValid(dboid) ? oms_shared_database(dboid, false) : NULL;

	if (database == NULL)
	{
		next(pstmt, query, read_only_tree, context, params, environment, dest, completion);
		return;
	}

	send_away(database, true);
	PG_TRY();
	{
		next(pstmt, query, read_only_tree, context, params, environment, dest, completion);
	}
	PG_FINALLY();
	{
		send_away(database, false);
	}
	PG_END_TRY();
}

void
oms_hooks_init(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
	previous_access = object_access_hook;
	object_access_hook = on_access;
}
