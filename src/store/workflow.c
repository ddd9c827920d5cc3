/*
 * workflow.c
 *		Workflows: storing versions, and the compiled graphs that a backend keeps.
 *
 * A version never changes, so a graph that was compiled once stays right for as long as its table
 * lives; the cache is dropped when the extension was dropped and created again.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/definition.h"
#include "errors.h"
#include "store/numbers.h"
#include "store/spi.h"
#include "store/store.h"
#include "store/tables.h"

typedef struct CachedGraph
{
	int			workflow_id;
	OmsGraph   *graph;
} CachedGraph;

static HTAB *graphs = NULL;
static MemoryContext graph_context = NULL;
static Oid	graphs_table = InvalidOid;	/* the table that they were read from */

static OmsStatement select_definition = {
	.sql = "SELECT definition, version FROM oms.workflow WHERE workflow_id = $1",
	.nargs = 1,
	.types = {INT4OID}
};

static OmsStatement select_version = {
	.sql = "SELECT definition FROM oms.workflow WHERE name = $1"
	" AND (version = $2 OR ($2 IS NULL AND current))",
	.nargs = 2,
	.types = {TEXTOID, INT4OID}
};

static OmsStatement lock_workflows = {
	.sql = "LOCK TABLE oms.workflow IN SHARE ROW EXCLUSIVE MODE"
};

static OmsStatement select_same = {
	.sql = "SELECT version, definition = $2 FROM oms.workflow"
	" WHERE name = $1 AND current",
	.nargs = 2,
	.types = {TEXTOID, JSONBOID}
};

static OmsStatement unset_current = {
	.sql = "UPDATE oms.workflow SET current = false WHERE name = $1 AND current",
	.nargs = 1,
	.types = {TEXTOID}
};

static OmsStatement bring_back = {
	.sql = "UPDATE oms.workflow SET retired_at = NULL WHERE name = $1 AND current",
	.nargs = 1,
	.types = {TEXTOID}
};

static OmsStatement retire = {
	.sql = "UPDATE oms.workflow SET retired_at = COALESCE(retired_at, $2)"
	" WHERE name = $1 AND current",
	.nargs = 2,
	.types = {TEXTOID, TIMESTAMPTZOID}
};

static OmsStatement insert_workflow = {
	.sql = "INSERT INTO oms.workflow (name, version, prefix, definition, created_by, created_at)"
	" VALUES ($1, $2, $3, $4, $5, $6) RETURNING workflow_id",
	.nargs = 6,
	.types = {TEXTOID, INT4OID, TEXTOID, JSONBOID, TEXTOID, TIMESTAMPTZOID}
};

static OmsStatement insert_stages = {
	.sql = "INSERT INTO oms.workflow_stage (workflow_id, stage_no, stage, owner, label, public_owner)"
	" SELECT $1, s.no::int2, s.def ->> 'id',"
	" COALESCE(s.def ->> 'owner', $2 ->> 'owner', $2 ->> 'name'),"
	" COALESCE(s.def ->> 'label', s.def ->> 'id'),"
	" s.def ->> 'publicOwner'"
	" FROM jsonb_array_elements($2 -> 'stages')"
	" WITH ORDINALITY AS s(def, no)",
	.nargs = 2,
	.types = {INT4OID, JSONBOID}
};

/*
 * The current version of a workflow; false if there is no workflow of that name.
 */
bool
oms_store_workflow(const char *name, OmsWorkflow *workflow)
{
	OmsScan		scan;
	bool		found;

	scan.nkeys = 0;
	oms_scan_key(&scan, texteq, C_COLLATION_OID, CStringGetTextDatum(name));
	oms_scan_begin(&scan, "workflow", "workflow_current", WORKFLOW_COLUMNS, AccessShareLock);
	found = oms_scan_next(&scan);
	if (found)
	{
		workflow->id = DatumGetInt32(scan.slot->tts_values[WORKFLOW_ID]);
		workflow->version = DatumGetInt32(scan.slot->tts_values[WORKFLOW_VERSION]);
		workflow->retired = !scan.slot->tts_isnull[WORKFLOW_RETIRED_AT];
	}
	oms_scan_end(&scan);
	return found;
}

/*
 * The definition of a version of a workflow (NULL: the current one); NULL if there is none.
 */
Jsonb *
oms_store_definition(const char *name, const int *version)
{
	Datum		values[2] = {CStringGetTextDatum(name), Int32GetDatum(version == NULL ? 0 : *version)};
	MemoryContext caller = CurrentMemoryContext;
	Jsonb	   *definition = NULL;

	SPI_connect();
	if (oms_sql(&select_version, values, version == NULL ? " n" : NULL) > 0)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(caller);

		definition = DatumGetJsonbPCopy(value);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return definition;
}

/* ---- the cache ---- */

static void
prepare_cache(void)
{
	Oid			table = oms_relation_oid("workflow");
	HASHCTL		control = {.keysize = sizeof(int), .entrysize = sizeof(CachedGraph)};

	if (graphs != NULL && graphs_table == table)
		return;
	if (graph_context != NULL)
		MemoryContextDelete(graph_context);
	graphs = NULL;
	graph_context = AllocSetContextCreate(CacheMemoryContext, "oms graphs", ALLOCSET_DEFAULT_SIZES);
	control.hcxt = graph_context;
	graphs = hash_create("oms graphs", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	graphs_table = table;
}

/*
 * Read and compile a stored definition in a context of its own.
 */
static OmsGraph *
compile_stored(int workflow_id)
{
	Datum		values[1] = {Int32GetDatum(workflow_id)};
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "oms graph",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old;
	OmsGraph   *graph = NULL;
	List	   *problems = NIL;

	SPI_connect();
	if (oms_sql(&select_definition, values, NULL) > 0)
	{
		bool		isnull;
		Datum		definition = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
											   &isnull);

		old = MemoryContextSwitchTo(own);
		graph = oms_definition_compile(DatumGetJsonbP(definition), &problems);
		MemoryContextSwitchTo(old);
		if (graph != NULL)
			graph->version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	}
	SPI_finish();
	if (graph == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored definition of workflow number %d is missing or damaged", workflow_id)));
	graph->workflow_id = workflow_id;
	MemoryContextSetParent(own, graph_context);
	return graph;
}

/*
 * The compiled graph of a workflow version; lives until the end of the backend.
 */
const OmsGraph *
oms_store_graph(int workflow_id)
{
	CachedGraph *entry;
	OmsGraph   *graph;

	prepare_cache();
	entry = hash_search(graphs, &workflow_id, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->graph;
	/* entered only when whole, so that an error in between leaves nothing behind */
	graph = compile_stored(workflow_id);
	entry = hash_search(graphs, &workflow_id, HASH_ENTER, NULL);
	entry->graph = graph;
	return graph;
}

/* ---- storing ---- */

/*
 * Store the next version and its stages.  Returns the version.
 */
static int
insert_version(const OmsGraph *graph, Jsonb *definition, int version, const char *actor,
			   TimestampTz now)
{
	Datum		name = CStringGetTextDatum(graph->name);
	Datum		values[6] = {name, Int32GetDatum(version), CStringGetTextDatum(graph->prefix),
	JsonbPGetDatum(definition), CStringGetTextDatum(actor), TimestampTzGetDatum(now)};
	Datum		stages[2];
	bool		isnull;

	oms_sql(&unset_current, &name, NULL);
	oms_store_move_ahead(OMS_NUMBER_WORKFLOW);
	oms_sql(&insert_workflow, values, NULL);
	stages[0] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	stages[1] = JsonbPGetDatum(definition);
	oms_sql(&insert_stages, stages, NULL);
	return version;
}

/*
 * Store a checked definition.  The current definition again makes no new version but brings a
 * retired workflow back.  Returns the version that is current then.
 */
int
oms_store_create_workflow(const OmsGraph *graph, Jsonb *definition, const char *actor,
						  TimestampTz now)
{
	Datum		values[2] = {CStringGetTextDatum(graph->name), JsonbPGetDatum(definition)};
	int			version = 0;
	bool		same = false;

	SPI_connect();
	/* one at a time: the next number must not be given out twice */
	oms_sql(&lock_workflows, NULL, NULL);
	if (oms_sql(&select_same, values, NULL) > 0)
	{
		bool		isnull;

		version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
											  &isnull));
		same = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2,
										  &isnull));
	}
	if (same)
		oms_sql(&bring_back, values, NULL);
	else
		version = insert_version(graph, definition, version + 1, actor, now);
	SPI_finish();
	return version;
}

/*
 * No more tickets of this workflow; does nothing more to one that is retired.
 */
void
oms_store_retire_workflow(const char *name, TimestampTz now)
{
	Datum		values[2] = {CStringGetTextDatum(name), TimestampTzGetDatum(now)};
	uint64		found;

	SPI_connect();
	found = oms_sql(&retire, values, NULL);
	SPI_finish();
	if (found == 0)
		ereport(ERROR,
				(errcode(OMS_ERR_UNKNOWN_WORKFLOW),
				 errmsg("unknown workflow: \"%s\"", name)));
}
