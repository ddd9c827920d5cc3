/*
 * guards.c
 *		Keeping the guards of the tables in place.
 *
 * The guards are triggers, so whoever may alter a table could switch them off.  When the library is
 * preloaded, a hook (worker/hooks.c) asks here before each utility command, and what would get past the
 * guards, or take from the library what it finds by name, is refused.  docs/operation/security.md
 * goes through all commands.
 *
 * Of an empty table the triggers may be switched off: a data-only restore with --disable-triggers does that,
 * fills the table and switches them on again; that last step leaves them as ordinary triggers, which
 * session_replication_role = replica switches off, so they are made to fire always again after it.
 * repair_guards does the same by hand, where nothing is preloaded.
 *
 * This stops accidents and shortcuts.  A superuser who means it can load no library and edit the
 * catalogs; only seals that were published elsewhere tell of that.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/user.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_func.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "errors.h"
#include "register.h"
#include "store/guards.h"
#include "store/ours.h"
#include "store/row.h"
#include "store/spi.h"

static OmsStatement select_weak = {
	.sql = "SELECT n.nspname::text, c.relname::text, t.tgname::text,"
	" CASE g.enabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END"
	" FROM pg_extension AS x"
	" JOIN pg_depend AS d ON d.refobjid = x.oid"
	" AND d.refclassid = 'pg_extension'::regclass"
	" AND d.classid = 'pg_class'::regclass"
	" AND d.deptype = 'e'"
	" JOIN pg_class AS c ON c.oid = d.objid"
	" JOIN pg_namespace AS n ON n.oid = c.relnamespace"
	" JOIN oms_internal.check_guard AS g ON g.relation = c.relname::text"
	" JOIN pg_trigger AS t ON t.tgrelid = c.oid"
	" AND t.tgname::text = g.trigger"
	" WHERE x.extname = 'oms'"
	" AND c.relkind = 'r' AND t.tgenabled <> g.enabled::\"char\""
	" AND ($1 = 0 OR c.oid = $1)",
	.nargs = 1,
	.types = {OIDOID}
};

/*
 * Make the triggers of a table (InvalidOid: of all tables) fire again when they should; how many did not.
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
		char	   *schema = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		char	   *name = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		char	   *trigger = SPI_getvalue(rows->vals[i], rows->tupdesc, 3);

		/* all are names out of the catalog */
		oms_sql_as_owner(psprintf("ALTER TABLE %s ENABLE %s TRIGGER %s", quote_qualified_identifier(schema, name),
								  SPI_getvalue(rows->vals[i], rows->tupdesc, 4), quote_identifier(trigger)));
	}
	SPI_finish();
	return (int) count;
}

/* ---- commands that would get past the guards ---- */

static void
refuse(const char *what, const char *schema, const char *name, const char *hint)
{
	ereport(ERROR,
			(errcode(OMS_ERR_APPEND_ONLY),
			 schema == NULL ? errmsg("%s \"%s\" is refused", what, name)
			 : errmsg("%s \"%s.%s\" is refused", what, schema, name),
			 errhint("%s", hint)));
}

static void
refuse_relation(Oid relation, const char *what, const char *hint)
{
	if (OidIsValid(relation))
		refuse(what, get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation), hint);
}

#define HINT_NAMES	"The library finds what it has by name, in the schema oms."
#define HINT_NOT_FIRED \
	"What oms writes fires no trigger, rule or policy, so whatever relies on one misses changes. LISTEN, or read oms.changes_since()."
#define HINT_PART \
	"The table is part of the record, and the library relies on its form."
#define HINT_OWNER \
	"The library acts as the owner of the schema. REASSIGN OWNED gives all of oms to another role at once."
#define HINT_CHILD	"The rows of one table would be read as rows of the other."
#define HINT_REFERENCE \
	"Rows move to the archive, which a foreign key does not see. Tickets are never deleted, so a column of type oms.ticket_id is enough."

static void
refuse_foreign_keys(List *constraints)
{
	ListCell   *cell;

	foreach(cell, constraints)
		if (IsA(lfirst(cell), Constraint) && lfirst_node(Constraint, cell)->contype == CONSTR_FOREIGN)
			refuse_relation(oms_find_ours(lfirst_node(Constraint, cell)->pktable), "REFERENCES to", HINT_REFERENCE);
}

/*
 * A new table may neither be a child of ours, whose rows would be read as ours, nor refer to one.
 */
static void
check_create_table(const CreateStmt *create)
{
	ListCell   *cell;

	foreach(cell, create->inhRelations)
		refuse_relation(oms_find_ours(lfirst_node(RangeVar, cell)), "INHERITS of", HINT_CHILD);
	refuse_foreign_keys(create->constraints);
	refuse_foreign_keys(create->tableElts);
	foreach(cell, create->tableElts)
		if (IsA(lfirst(cell), ColumnDef))
			refuse_foreign_keys(lfirst_node(ColumnDef, cell)->constraints);
}

/*
 * Can a part of ALTER TABLE be run on a relation of ours?
 */
static bool
is_harmless(Oid relation, const AlterTableCmd *command)
{
	switch (command->subtype)
	{
		case AT_EnableAlwaysTrig:
		case AT_EnableTrig:
		case AT_EnableTrigAll:
		case AT_EnableTrigUser:
		case AT_SetStatistics:
		case AT_SetStorage:
		case AT_SetCompression:
		case AT_SetOptions:
		case AT_ResetOptions:
		case AT_SetTableSpace:
		case AT_ClusterOn:
		case AT_DropCluster:
		case AT_ReplicaIdentity:
			return true;
		case AT_ChangeOwner:
			return oms_is_extension_owner(command->newowner);
		case AT_SetRelOptions:
		case AT_ResetRelOptions:
			/* those of a view say how it hides rows */
			return get_rel_relkind(relation) != RELKIND_VIEW;
		case AT_DisableTrig:
			return !oms_is_our_trigger(relation, command->name);
		case AT_EnableReplicaTrig:
			return !oms_is_our_trigger(relation, command->name) || oms_is_for_replicas(relation, command->name);
		case AT_DisableTrigAll:
		case AT_DisableTrigUser:
			/* a data-only restore does that before it fills the table */
			return !oms_has_rows(relation);
		case AT_DropConstraint:
			return oms_is_foreign_key(relation, command->name);
		default:
			return false;
	}
}

static void
check_alter_table(const AlterTableStmt *alter)
{
	Oid			relation = oms_find_ours(alter->relation);
	ListCell   *cell;

	foreach(cell, alter->cmds)
	{
		AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);

		if (command->subtype == AT_AddInherit)
			refuse_relation(oms_find_ours(castNode(RangeVar, command->def)), "INHERIT of", HINT_CHILD);
		if (command->subtype == AT_AttachPartition)
			refuse_relation(oms_find_ours(castNode(PartitionCmd, command->def)->name), "ATTACH PARTITION of", HINT_CHILD);
		if (command->def != NULL && IsA(command->def, Constraint))
			refuse_foreign_keys(list_make1(command->def));
		if (command->def != NULL && IsA(command->def, ColumnDef))
			refuse_foreign_keys(castNode(ColumnDef, command->def)->constraints);
		if (OidIsValid(relation) && !is_harmless(relation, command))
			refuse_relation(relation, command->subtype == AT_ChangeOwner ? "OWNER TO of" : "ALTER TABLE of",
							command->subtype == AT_ChangeOwner ? HINT_OWNER : HINT_PART);
	}
}

/*
 * A trigger of ours is not dropped; rules, policies and foreign keys are never ours, and may go.
 */
static void
check_drop_trigger(List *name)
{
	Oid			relation = oms_find_ours(makeRangeVarFromNameList(list_truncate(list_copy(name), list_length(name) - 1)));

	if (OidIsValid(relation) && oms_is_our_trigger(relation, strVal(llast(name))))
		refuse_relation(relation, "DROP TRIGGER on", HINT_PART);
}

/* The indexes that are looked up by name, and are no constraints; an administrator may add others */
static const char *const indexes[] = {OMS_INDEXES, NULL};

static void
check_drop_index(List *name)
{
	Oid			index = oms_find_ours(makeRangeVarFromNameList(name));

	for (const char *const *p = indexes; OidIsValid(index) && *p != NULL; p++)
		if (strcmp(*p, get_rel_name(index)) == 0)
			refuse_relation(index, "DROP INDEX of", HINT_NAMES);
}

static void
check_drop_extension(const char *name)
{
	if (strcmp(name, "oms") == 0 && OidIsValid(get_extension_oid("oms", true)) && oms_has_tickets())
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop extension oms because there are tickets"),
				 errhint("DROP EXTENSION oms CASCADE drops them, and everything that is known of them.")));
}

static void
check_drop(const DropStmt *drop)
{
	ListCell   *cell;

	foreach(cell, drop->objects)
	{
		if (drop->removeType == OBJECT_TRIGGER)
			check_drop_trigger(castNode(List, lfirst(cell)));
		else if (drop->removeType == OBJECT_INDEX)
			check_drop_index(castNode(List, lfirst(cell)));
		else if (drop->removeType == OBJECT_EXTENSION && drop->behavior != DROP_CASCADE)
			check_drop_extension(strVal(lfirst(cell)));
	}
}

/*
 * DROP OWNED BY the owner of the extension would take the extension along, and needs the same word.
 */
static void
check_drop_owned(const DropOwnedStmt *drop)
{
	Oid			owner = oms_extension_owner();

	if (drop->behavior != DROP_CASCADE && OidIsValid(owner) &&
		list_member_oid(roleSpecsToIds(drop->roles), owner) && oms_has_tickets())
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop what role \"%s\" owns because there are tickets in it",
						GetUserNameFromId(owner, false)),
				 errdetail("The role owns the extension oms."),
				 errhint("REASSIGN OWNED gives it to another role. DROP OWNED ... CASCADE drops the tickets, and everything that is known of them.")));
}

/*
 * A command that moves, renames or gives away: what it is about is a relation (or a part of one), or an
 * object of another kind.  The way back to the schema oms is open.
 */
static void
check_place(const char *what, ObjectType kind, const RangeVar *relation, Node *object, const char *name,
			const char *hint)
{
	Oid			oid;

	switch (kind)
	{
		case OBJECT_SCHEMA:
			if (oms_is_ours(NamespaceRelationId, get_namespace_oid(name, true)))
				refuse(what, NULL, name, hint);
			break;
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
		case OBJECT_AGGREGATE:
			oid = LookupFuncWithArgs(kind, castNode(ObjectWithArgs, object), true);
			if (oms_is_ours(ProcedureRelationId, oid))
				refuse(what, get_namespace_name(get_func_namespace(oid)), get_func_name(oid), hint);
			break;
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			oid = LookupTypeNameOid(NULL, makeTypeNameFromNameList(castNode(List, object)), true);
			if (oms_is_ours(TypeRelationId, oid))
				refuse(what, NULL, format_type_be(oid), hint);
			break;
		case OBJECT_TRIGGER:
			oid = oms_find_ours(relation);
			if (OidIsValid(oid) && oms_is_our_trigger(oid, name))
				refuse_relation(oid, what, hint);
			break;
		default:
			refuse_relation(oms_find_ours(relation), what, hint);
	}
}

/*
 * CREATE OR REPLACE must not put another function in the place of ours, a guard's for one.
 */
static void
check_create_function(CreateFunctionStmt *create)
{
	ObjectWithArgs *function = makeNode(ObjectWithArgs);
	char	   *name;
	Oid			schema;
	ListCell   *cell;

	if (!create->replace)
		return;
	schema = QualifiedNameGetCreationNamespace(create->funcname, &name);
	function->objname = list_make2(makeString(get_namespace_name(schema)), makeString(name));
	foreach(cell, create->parameters)
	{
		FunctionParameter *parameter = lfirst_node(FunctionParameter, cell);

		if (parameter->mode != FUNC_PARAM_OUT && parameter->mode != FUNC_PARAM_TABLE)
			function->objargs = lappend(function->objargs, parameter->argType);
	}
	check_place("CREATE OR REPLACE of", OBJECT_FUNCTION, NULL, (Node *) function, NULL, HINT_NAMES);
}

/*
 * Tables come as ALTER TABLE; an owner without rights on them would stop every call.
 */
static void
check_owner(const AlterOwnerStmt *alter)
{
	if (!oms_is_extension_owner(alter->newowner))
		check_place("OWNER TO of", alter->objectType, alter->relation, alter->object,
					alter->objectType == OBJECT_SCHEMA ? strVal(alter->object) : NULL, HINT_OWNER);
}

static void
check_extension_contents(const AlterExtensionContentsStmt *alter)
{
	if (strcmp(alter->extname, "oms") == 0 && alter->action < 0)
		ereport(ERROR,
				(errcode(OMS_ERR_APPEND_ONLY),
				 errmsg("ALTER EXTENSION oms DROP is refused"),
				 errhint("What is not part of the extension is not guarded, and not dumped.")));
}

/*
 * Do the scripts of the extension run?  They may do anything.
 */
static bool
in_our_script(void)
{
	return creating_extension && CurrentExtensionObject == get_extension_oid("oms", true);
}

/*
 * Raise an error if a command would get past the guards.
 */
void
oms_guards_before(Node *command)
{
	if (in_our_script())
		return;
	switch (nodeTag(command))
	{
		case T_CreateStmt:
			check_create_table((CreateStmt *) command);
			break;
		case T_AlterTableStmt:
			check_alter_table((AlterTableStmt *) command);
			break;
		case T_DropStmt:
			check_drop((DropStmt *) command);
			break;
		case T_DropOwnedStmt:
			check_drop_owned((DropOwnedStmt *) command);
			break;
		case T_CreateTrigStmt:
			refuse_relation(oms_find_ours(((CreateTrigStmt *) command)->relation), "CREATE TRIGGER on", HINT_NOT_FIRED);
			break;
		case T_RuleStmt:
			refuse_relation(oms_find_ours(((RuleStmt *) command)->relation), "CREATE RULE on", HINT_NOT_FIRED);
			break;
		case T_CreatePolicyStmt:
			refuse_relation(oms_find_ours(((CreatePolicyStmt *) command)->table), "CREATE POLICY on", HINT_NOT_FIRED);
			break;
		case T_ViewStmt:
			refuse_relation(oms_find_replaced(((ViewStmt *) command)->view), "CREATE OR REPLACE of", HINT_NAMES);
			break;
		case T_CreateFunctionStmt:
			check_create_function((CreateFunctionStmt *) command);
			break;
		case T_RenameStmt:
			{
				RenameStmt *rename = (RenameStmt *) command;

				if (rename->renameType != OBJECT_SCHEMA || strcmp(rename->newname, "oms") != 0)
					check_place("RENAME of", rename->renameType, rename->relation, rename->object, rename->subname,
								HINT_NAMES);
			}
			break;
		case T_AlterObjectSchemaStmt:
			{
				AlterObjectSchemaStmt *move = (AlterObjectSchemaStmt *) command;

				if (strcmp(move->newschema, "oms") != 0)
					check_place("SET SCHEMA of", move->objectType, move->relation, move->object, NULL, HINT_NAMES);
			}
			break;
		case T_AlterObjectDependsStmt:
			{
				AlterObjectDependsStmt *depend = (AlterObjectDependsStmt *) command;

				check_place("DEPENDS ON EXTENSION of", depend->objectType, depend->relation, depend->object,
							depend->objectType == OBJECT_TRIGGER ? strVal(llast(castNode(List, depend->object))) : NULL,
							HINT_NAMES);
			}
			break;
		case T_AlterOwnerStmt:
			check_owner((AlterOwnerStmt *) command);
			break;
		case T_AlterFunctionStmt:
			check_place("ALTER of", ((AlterFunctionStmt *) command)->objtype, NULL,
						(Node *) ((AlterFunctionStmt *) command)->func, NULL,
						"As SECURITY DEFINER, or with a role of its own, it would act under another name than the caller's.");
			break;
		case T_AlterTypeStmt:
			check_place("ALTER TYPE of", OBJECT_TYPE, NULL, (Node *) ((AlterTypeStmt *) command)->typeName, NULL,
						"The values that are stored rely on it.");
			break;
		case T_AlterExtensionContentsStmt:
			check_extension_contents((AlterExtensionContentsStmt *) command);
			break;
		default:
			break;
	}
}

/*
 * After triggers of a table were enabled: make its own fire again when they should.
 */
void
oms_guards_after(Node *command)
{
	AlterTableStmt *alter = (AlterTableStmt *) command;
	Oid			relation;
	ListCell   *cell;

	if (!IsA(command, AlterTableStmt) || in_our_script())
		return;
	foreach(cell, alter->cmds)
	{
		AlterTableType type = ((AlterTableCmd *) lfirst(cell))->subtype;

		if (type != AT_EnableTrig && type != AT_EnableTrigAll && type != AT_EnableTrigUser &&
			type != AT_EnableAlwaysTrig)
			continue;
		relation = oms_find_ours(alter->relation);
		if (OidIsValid(relation))
			oms_store_repair_guards(relation);
	}
}
