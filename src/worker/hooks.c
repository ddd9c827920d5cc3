/*
 * hooks.c
 *		Commands that concern the workers: the extension or a database comes or goes; and commands that
 *		would get past the guards of the tables (store/guards.c).
 *
 * A worker is connected to its database, which would make DROP DATABASE, ALTER DATABASE ... RENAME or
 * SET TABLESPACE, and CREATE DATABASE ... TEMPLATE fail.  So these commands first ask the worker to
 * leave (the server waits some seconds for others to go, which is ample), and tell the launcher
 * afterwards to look again.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "shared/shared.h"
#include "store/guards.h"
#include "worker/hooks.h"

/* How long a database is left alone if the command that asked for it never tells that it is over */
#define AWAY_SECONDS	60

static ProcessUtility_hook_type previous_utility = NULL;
static object_access_hook_type previous_access = NULL;

/* What the current transaction is to tell when it has committed */
static bool extension_changed = false;
static bool databases_changed = false;
static Oid	settings_changed = InvalidOid;	/* of this database */
static bool settings_of_many = false;
static Oid	left_alone = InvalidOid;	/* the worker of this database was sent away */

/*
 * The worker of a database has to look again at what it serves: it leaves, and the launcher starts
 * one that finds out.  False if the database has no slot: the launcher has to be asked for one.
 */
static bool
renew_worker(Oid dboid)
{
	OmsDatabase *database = oms_shared_database(dboid, true);

	if (database == NULL)
		return false;
	SpinLockAcquire(&database->mutex);
	if (database->latch != NULL || database->state == OMS_WORKER_STARTING)
		pg_atomic_write_u32(&database->leave, 1);
	else
		database->state = OMS_WORKER_UNKNOWN;
	database->next_start = 0;
	database->failed_starts = 0;
	SpinLockRelease(&database->mutex);
	oms_shared_wake_worker(database);
	return true;
}

/*
 * Ask the worker of a database to stay away, or to come back.
 */
static void
send_away(OmsDatabase *database, bool away)
{
	SpinLockAcquire(&database->mutex);
	database->away_until = away ? TimestampTzPlusMilliseconds(oms_clock_steady(), AWAY_SECONDS * 1000)
		: 0;
	if (away)
		pg_atomic_write_u32(&database->leave, 1);
	SpinLockRelease(&database->mutex);
	if (away)
		oms_shared_wake_worker(database);
	else
		oms_shared_wake_launcher(true);
}

/* The command that wanted the database for itself is over, or undone */
static void
call_back(Oid dboid)
{
	OmsDatabase *database = oms_shared_database(dboid, false);

	if (database != NULL)
		send_away(database, false);
}

static void
at_xact(XactEvent event, void *arg)
{
	if (!extension_changed && !databases_changed && !OidIsValid(left_alone))
		return;
	if (OidIsValid(left_alone) && (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT))
		call_back(left_alone);
	if (event == XACT_EVENT_COMMIT)
	{
		if (extension_changed && !renew_worker(MyDatabaseId))
			oms_shared_ask(MyDatabaseId);
		if (OidIsValid(settings_changed) && !renew_worker(settings_changed))
			oms_shared_ask(settings_changed);
		for (int i = 0; settings_of_many && i < oms_shared->ndatabases; i++)
			if (OidIsValid(oms_shared->databases[i].dboid))
				(void) renew_worker(oms_shared->databases[i].dboid);
		/* those that gave up their slots while they were switched off may want one now */
		if (settings_of_many)
			pg_atomic_fetch_or_u32(&oms_shared->rescan, OMS_LOOK_AT_EVICTED);
		oms_shared_wake_launcher(true);
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		extension_changed = databases_changed = false;
		settings_changed = left_alone = InvalidOid;
		settings_of_many = false;
	}
}

static void
register_callback(void)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(at_xact, NULL);
	registered = true;
}

/*
 * When this transaction has committed, the worker of this database has to look again.
 */
void
oms_hooks_renew_worker(void)
{
	if (oms_shared == NULL)
		return;
	register_callback();
	extension_changed = true;
}

/*
 * Settings of a database, a role or a role in a database changed.  Workers run as the bootstrap superuser, so
 * those of other roles do not reach them.
 */
static void
note_settings(Oid dboid, const ObjectAccessPostAlter *alter)
{
	Oid			role = alter == NULL ? InvalidOid : alter->auxiliary_id;

	if (OidIsValid(role) && role != BOOTSTRAP_SUPERUSERID)
		return;
	databases_changed = true;
	settings_of_many = settings_of_many || !OidIsValid(dboid) ||
		(OidIsValid(settings_changed) && settings_changed != dboid);
	settings_changed = dboid;
}

/*
 * Is that extension oms?  Its row may be so new that nobody else sees it.
 */
static bool
is_ours(Oid extension)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		ours;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
	scan = systable_beginscan(rel, ExtensionOidIndexId, true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	ours = HeapTupleIsValid(tuple) &&
		strcmp(NameStr(((Form_pg_extension) GETSTRUCT(tuple))->extname), "oms") == 0;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return ours;
}

static void
on_access(ObjectAccessType access, Oid class, Oid object, int subid, void *arg)
{
	if (previous_access)
		previous_access(access, class, object, subid, arg);
	if (class != ExtensionRelationId && class != DatabaseRelationId &&
		class != DbRoleSettingRelationId)
		return;
	if (access != OAT_POST_CREATE && access != OAT_DROP && access != OAT_POST_ALTER)
		return;
	if (class == ExtensionRelationId && !is_ours(object))
		return;
	register_callback();
	if (class == DbRoleSettingRelationId)
		note_settings(object, (ObjectAccessPostAlter *) arg);
	else if (class == ExtensionRelationId)
		extension_changed = true;
	else
		databases_changed = true;
}

/*
 * Could the command succeed at all?  Nobody else can send a worker away.
 */
static bool
may_have(Oid dboid, bool as_template)
{
	HeapTuple	role;
	bool		may;

	if (superuser() || oms_database_ownercheck(dboid, GetUserId()))
		return true;
	role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	may = as_template && HeapTupleIsValid(role) && ((Form_pg_authid) GETSTRUCT(role))->rolcreatedb;
	if (HeapTupleIsValid(role))
		ReleaseSysCache(role);
	return may;
}

/*
 * The database that a command needs to have for itself, or InvalidOid.
 */
static Oid
database_needed(Node *command)
{
	const char *name = NULL;
	ListCell   *cell;
	Oid			dboid;

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
	if (name == NULL || !IsTransactionState())
		return InvalidOid;
	dboid = get_database_oid(name, true);
	return OidIsValid(dboid) && may_have(dboid, IsA(command, CreatedbStmt)) ? dboid : InvalidOid;
}

static void
on_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
		   ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
		   DestReceiver *dest, QueryCompletion *completion)
{
	ProcessUtility_hook_type next = previous_utility ? previous_utility : standard_ProcessUtility;
	Oid			dboid = database_needed(pstmt->utilityStmt);
	OmsDatabase *database = OidIsValid(dboid) ? oms_shared_database(dboid, false) : NULL;

	if (IsTransactionState())
		oms_guards_before(pstmt->utilityStmt);
	if (database == NULL)
	{
		bool		prepared = IsA(pstmt->utilityStmt, TransactionStmt) &&
			((TransactionStmt *) pstmt->utilityStmt)->kind == TRANS_STMT_COMMIT_PREPARED;

		next(pstmt, query, read_only_tree, context, params, environment, dest, completion);
		if (IsTransactionState())
			oms_guards_after(pstmt->utilityStmt);
		database = prepared ? oms_shared_database(MyDatabaseId, false) : NULL;
		if (database != NULL)
			oms_shared_look_at_tables(database, oms_clock_now());
		return;
	}

	register_callback();
	send_away(database, true);
	left_alone = dboid;
	next(pstmt, query, read_only_tree, context, params, environment, dest, completion);
}

void
oms_hooks_init(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
	previous_access = object_access_hook;
	object_access_hook = on_access;
}
