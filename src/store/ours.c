/*
 * ours.c
 *		Which objects of the database are part of the extension.
 *
 * What is ours is told by its OID, by way of its membership in the extension, so another name or schema
 * hides nothing.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "store/ours.h"
#include "store/row.h"

/*
 * Is an object of the catalog "class" a member of the extension?  Without one nothing is.
 */
bool
oms_is_ours(Oid class, Oid object)
{
	Oid			extension = get_extension_oid("oms", true);

	return OidIsValid(extension) && OidIsValid(object) && getExtensionOfObject(class, object) == extension;
}

static Oid
find_relation(const RangeVar *name)
{
	return name == NULL ? InvalidOid : RangeVarGetRelid(name, NoLock, true);
}

/*
 * The relation of this name if it is one of ours, or an index of one; else InvalidOid.
 */
Oid
oms_find_ours(const RangeVar *name)
{
	Oid			relation = find_relation(name);
	Oid			table = relation;
	char		kind = OidIsValid(relation) ? get_rel_relkind(relation) : '\0';

	if (kind == RELKIND_INDEX)
		table = IndexGetRelation(relation, true);
	return oms_is_ours(RelationRelationId, table) ? relation : InvalidOid;
}

/*
 * The relation of ours that a new view of this name would replace; else InvalidOid.
 */
Oid
oms_find_replaced(RangeVar *view)
{
	Oid			relation = get_relname_relid(view->relname, RangeVarGetCreationNamespace(view));

	return oms_is_ours(RelationRelationId, relation) ? relation : InvalidOid;
}

/*
 * Can a relation hold rows: it has pages, or (a view) keeps none.  Looks at no row.
 */
bool
oms_has_rows(Oid relation)
{
	Relation	rel = relation_open(relation, AccessShareLock);
	bool		rows = !RELKIND_HAS_STORAGE(rel->rd_rel->relkind) || RelationGetNumberOfBlocks(rel) > 0;

	relation_close(rel, AccessShareLock);
	return rows;
}

/*
 * Are there tickets, archived or not?
 */
bool
oms_has_tickets(void)
{
	return oms_has_rows(oms_relation_oid("ticket_state")) || oms_has_rows(oms_relation_oid("ticket_state_archive"));
}

/*
 * Who owns the extension; InvalidOid without one.
 */
Oid
oms_extension_owner(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			owner = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("oms"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return owner;
}

/*
 * All of oms has one owner, and only what got another one by a way round goes back.
 */
bool
oms_is_extension_owner(const RoleSpec *role)
{
	return get_rolespec_oid(role, true) == oms_extension_owner();
}

/*
 * What a trigger of a relation of ours calls, if we made it; else InvalidOid.
 */
static Oid
trigger_function(Oid relation, const char *name)
{
	Relation	rel = relation_open(relation, AccessShareLock);
	TriggerDesc *triggers = rel->trigdesc;
	Oid			function = InvalidOid;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (strcmp(triggers->triggers[i].tgname, name) == 0)
			function = triggers->triggers[i].tgfoid;
	relation_close(rel, AccessShareLock);
	return oms_is_ours(ProcedureRelationId, function) ? function : InvalidOid;
}

/*
 * Does a trigger of this name on the relation call a function of ours?
 */
bool
oms_is_our_trigger(Oid relation, const char *name)
{
	return OidIsValid(trigger_function(relation, name));
}

/* One that keeps subscriptions off what is about a server alone, and fires for nobody else */
bool
oms_is_for_replicas(Oid relation, const char *name)
{
	Oid			function = trigger_function(relation, name);

	return OidIsValid(function) && strcmp(get_func_name(function), "stay_local") == 0;
}

/*
 * Is the constraint of this name a foreign key?
 */
bool
oms_is_foreign_key(Oid relation, const char *name)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID,
										ObjectIdGetDatum(get_relation_constraint_oid(relation, name, true)));
	bool		foreign = HeapTupleIsValid(tuple) &&
		((Form_pg_constraint) GETSTRUCT(tuple))->contype == CONSTRAINT_FOREIGN;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return foreign;
}
