/*
 * guards.c
 *		Keeping the guards of the tables in place.
 *
 * The guards are triggers, so whoever may alter a table could switch them off.  When the library is
 * preloaded, a hook (worker/hooks.c) asks here before commands that would do that, and refuses them
 * while the table has anything to guard.  An empty table is let through: a data-only restore with
 * --disable-triggers switches triggers off, fills the table and switches them on again; that last step
 * leaves them as ordinary triggers, which session_replication_role = replica switches off, so they are
 * made to fire always again after it.  repair_guards does the same by hand, where nothing is preloaded.
 *
 * This stops accidents and shortcuts.  A superuser who means it can load no library and edit the
 * catalogs; only seals that were published elsewhere tell of that.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "nodes/parsenodes.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "errors.h"
#include "store/guards.h"
#include "store/spi.h"

static OmsStatement select_weak = {
	.sql = "SELECT c.relname::pg_catalog.text, t.tgname::pg_catalog.text"
	" FROM pg_catalog.pg_trigger AS t"
	" JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid"
	" JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
	" WHERE n.nspname OPERATOR(pg_catalog.=) 'oms' AND c.relkind OPERATOR(pg_catalog.=) 'r'"
	" AND t.tgname OPERATOR(pg_catalog.~) '^guard'"
	" AND t.tgenabled OPERATOR(pg_catalog.<>) 'A'"
	" AND ($1 OPERATOR(pg_catalog.=) 0 OR c.oid OPERATOR(pg_catalog.=) $1)",
	.nargs = 1,
	.types = {OIDOID}
};

/*
 * Make the guards of a table (InvalidOid: of all tables) fire always again; how many did not.
 */
int
oms_store_repair_guards(Oid table)
{
	Datum		value = ObjectIdGetDatum(table);
	SPITupleTable *rows;
	uint64		count;

	SPI_connect();
	count = oms_sql(&select_weak, &value, NULL);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < count; i++)
	{
		char	   *name = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		char	   *trigger = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);

		/* both are names of ours, out of the catalog */
		oms_sql_as_owner(psprintf("ALTER TABLE oms.%s ENABLE ALWAYS TRIGGER %s",
								  quote_identifier(name), quote_identifier(trigger)));
	}
	SPI_finish();
	return (int) count;
}

/* ---- commands that would get past the guards ---- */

static const char *const guarded[] = {"workflow", "workflow_stage", "ticket_state", "stage_state",
"stage_past", "hold", "clock_segment", "timeline", "idempotency", "calendar", "home", "secret", "seals", "seal_leaf",
"ticket_state_archive", "stage_state_archive", "stage_past_archive", "hold_archive", "clock_segment_archive", "timeline_archive", NULL};

static bool
is_guarded(Oid relation)
{
	const char *name;

	if (!OidIsValid(relation) ||
		get_rel_namespace(relation) != get_namespace_oid("oms", true))
		return false;
	name = get_rel_name(relation);
	for (const char *const *p = guarded; *p != NULL; p++)
		if (strcmp(*p, name) == 0)
			return true;
	return false;
}

static Oid
find_relation(const RangeVar *name)
{
	return name == NULL ? InvalidOid : RangeVarGetRelid(name, NoLock, true);
}

static bool
has_rows(Oid relation)
{
	Relation	rel = table_open(relation, AccessShareLock);
	bool		rows = RelationGetNumberOfBlocks(rel) > 0;

	table_close(rel, AccessShareLock);
	return rows;
}

/*
 * Are there tickets, archived or not?
 */
static bool
has_tickets(void)
{
	Oid			schema = get_namespace_oid("oms", false);

	return has_rows(get_relname_relid("ticket_state", schema)) ||
		has_rows(get_relname_relid("ticket_state_archive", schema));
}

static void
refuse_if_used(Oid relation, const char *what)
{
	if (is_guarded(relation) && has_rows(relation))
		ereport(ERROR,
				(errcode(OMS_ERR_APPEND_ONLY),
				 errmsg("%s of \"oms.%s\" is refused", what, get_rel_name(relation)),
				 errhint("The table is part of the record. Only while it is empty it can be changed.")));
}

static void
check_alter_table(const AlterTableStmt *alter)
{
	ListCell   *cell;

	foreach(cell, alter->cmds)
	{
		switch (((AlterTableCmd *) lfirst(cell))->subtype)
		{
			case AT_EnableAlwaysTrig:
			case AT_EnableTrig:
			case AT_EnableTrigAll:
			case AT_EnableTrigUser:
			case AT_SetStatistics:
			case AT_SetRelOptions:
			case AT_ResetRelOptions:
			case AT_SetTableSpace:
			case AT_ClusterOn:
			case AT_DropCluster:
			case AT_ReplicaIdentity:
			case AT_ChangeOwner:
				break;
			default:
				refuse_if_used(find_relation(alter->relation), "ALTER TABLE");
		}
	}
}

/*
 * The relation of a trigger or rule that is to be dropped: its name without the last part.
 */
static Oid
relation_of(List *name)
{
	return find_relation(makeRangeVarFromNameList(list_truncate(list_copy(name), list_length(name) - 1)));
}

static void
check_drop(const DropStmt *drop)
{
	ListCell   *cell;

	foreach(cell, drop->objects)
	{
		if (drop->removeType == OBJECT_TRIGGER || drop->removeType == OBJECT_RULE)
			refuse_if_used(relation_of(castNode(List, lfirst(cell))), "DROP of a trigger or rule");
		else if (drop->removeType == OBJECT_EXTENSION && drop->behavior != DROP_CASCADE &&
				 strcmp(strVal(lfirst(cell)), "oms") == 0 && OidIsValid(get_extension_oid("oms", true)) &&
				 has_tickets())
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("cannot drop extension oms because there are tickets"),
					 errhint("DROP EXTENSION oms CASCADE drops them, and everything that is known of them.")));
	}
}

/*
 * Raise an error if a command would get past the guards.  The scripts of the extension may do anything.
 */
void
oms_guards_before(Node *command)
{
	if (creating_extension)
		return;
	switch (nodeTag(command))
	{
		case T_AlterTableStmt:
			check_alter_table((AlterTableStmt *) command);
			break;
		case T_DropStmt:
			check_drop((DropStmt *) command);
			break;
		case T_RuleStmt:
			refuse_if_used(find_relation(((RuleStmt *) command)->relation), "CREATE RULE");
			break;
		case T_RenameStmt:
			refuse_if_used(find_relation(((RenameStmt *) command)->relation), "RENAME");
			break;
		case T_AlterExtensionContentsStmt:
			if (strcmp(((AlterExtensionContentsStmt *) command)->extname, "oms") == 0 &&
				((AlterExtensionContentsStmt *) command)->action < 0)
				ereport(ERROR,
						(errcode(OMS_ERR_APPEND_ONLY),
						 errmsg("ALTER EXTENSION oms DROP is refused"),
						 errhint("What is not part of the extension is not guarded, and not dumped.")));
			break;
		default:
			break;
	}
}

/*
 * After triggers of a table were enabled: make its guards fire always again.
 */
void
oms_guards_after(Node *command)
{
	AlterTableStmt *alter = (AlterTableStmt *) command;
	Oid			relation;
	ListCell   *cell;

	if (!IsA(command, AlterTableStmt) || creating_extension)
		return;
	foreach(cell, alter->cmds)
	{
		AlterTableType type = ((AlterTableCmd *) lfirst(cell))->subtype;

		if (type != AT_EnableTrig && type != AT_EnableTrigAll && type != AT_EnableTrigUser)
			continue;
		relation = find_relation(alter->relation);
		if (is_guarded(relation))
			oms_store_repair_guards(relation);
	}
}
