/*
 * workflow_api.c
 *		validate_workflow, create_workflow, retire_workflow, next_stages of a definition, version.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "api/args.h"
#include "clock.h"
#include "engine/decide.h"
#include "engine/definition.h"
#include "engine/examples.h"
#include "errors.h"
#include "guc.h"
#include "store/calendar.h"
#include "store/identity.h"
#include "store/journal.h"
#include "worker/hooks.h"

PG_FUNCTION_INFO_V1(oms_validate_workflow);
PG_FUNCTION_INFO_V1(oms_create_workflow);
PG_FUNCTION_INFO_V1(oms_get_workflow);
PG_FUNCTION_INFO_V1(oms_retire_workflow);
PG_FUNCTION_INFO_V1(oms_next_stages_of_definition);
PG_FUNCTION_INFO_V1(oms_version);

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL;
	return *isnull ? (Datum) 0 : CStringGetTextDatum(text);
}

/*
 * validate_workflow(definition jsonb) → TABLE(path, problem, hint): everything that is wrong, in the
 * order of the definition; no rows if nothing is.  Examples run only if nothing else is wrong.
 */
Datum
oms_validate_workflow(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Jsonb	   *definition;
	OmsGraph   *graph;
	List	   *problems = NIL;
	ListCell   *cell;

	oms_arg_required(fcinfo, 0, "definition");
	definition = PG_GETARG_JSONB_P(0);
	InitMaterializedSRF(fcinfo, 0);
	graph = oms_definition_compile(definition, &problems);
	if (graph != NULL)
	{
		oms_look_begin();
		problems = oms_examples_run(graph, definition, oms_store_calendar);
		oms_look_end();
	}
	foreach(cell, problems)
	{
		OmsProblem *problem = lfirst(cell);
		Datum		values[3];
		bool		nulls[3];

		values[0] = text_or_null(problem->path, &nulls[0]);
		values[1] = text_or_null(problem->problem, &nulls[1]);
		values[2] = text_or_null(problem->hint, &nulls[2]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * Calendars may be made later, but no ticket can be opened before.
 */
static void
warn_of_missing_calendars(const OmsGraph *graph)
{
	ListCell   *cell;

	foreach(cell, graph->calendars)
		if (oms_store_calendar(lfirst(cell)) == NULL)
			ereport(WARNING,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("calendar \"%s\" does not exist yet", (char *) lfirst(cell)),
					 errhint("Tickets can be opened when oms.create_calendar() has made it.")));
}

/*
 * create_workflow(definition jsonb) → int, the version that is current now.
 */
Datum
oms_create_workflow(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	Jsonb	   *definition;
	OmsGraph   *graph;
	OmsChange	change;
	int			version;

	oms_arg_required(fcinfo, 0, "definition");
	definition = PG_GETARG_JSONB_P(0);
	oms_check_size(definition, "definition", oms_max_definition_size, "oms.max_definition_size");
	oms_call_begin(&call, "oms.create_workflow()");
	graph = oms_compile_or_error(definition);
	oms_raise_problem(oms_examples_run(graph, definition, oms_store_calendar));
	oms_journal_begin(&change, OMS_JOURNAL_WORKFLOW, graph->name);
	if (oms_store_settle(oms_clock_now()))
		oms_hooks_renew_worker();
	version = oms_store_create_workflow(graph, definition, call.actor.role, oms_clock_now());
	oms_journal_end(&change, &call.actor);
	warn_of_missing_calendars(graph);
	oms_call_end(&call);
	PG_RETURN_INT32(version);
}

/*
 * get_workflow(name text, version int) → jsonb; version NULL: the current one.
 */
Datum
oms_get_workflow(PG_FUNCTION_ARGS)
{
	char	   *name;
	int			version = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	Jsonb	   *definition;

	oms_arg_required(fcinfo, 0, "workflow");
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	definition = oms_store_definition(name, PG_ARGISNULL(1) ? NULL : &version);
	if (definition == NULL && PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(OMS_ERR_UNKNOWN_WORKFLOW),
				 errmsg("unknown workflow: \"%s\"", name)));
	if (definition == NULL)
		ereport(ERROR,
				(errcode(OMS_ERR_UNKNOWN_WORKFLOW),
				 errmsg("unknown workflow: \"%s\" version %d", name, version)));
	PG_RETURN_JSONB_P(definition);
}

/*
 * retire_workflow(name text)
 */
Datum
oms_retire_workflow(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsChange	change;
	char	   *name;

	oms_arg_required(fcinfo, 0, "workflow");
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	oms_call_begin(&call, "oms.retire_workflow()");
	oms_journal_begin(&change, OMS_JOURNAL_WORKFLOW, name);
	oms_store_retire_workflow(name, oms_clock_now());
	oms_journal_end(&change, &call.actor);
	oms_call_end(&call);
	PG_RETURN_VOID();
}

/*
 * The set of the stages named in an array of text.
 */
static void
read_done(const OmsGraph *graph, ArrayType *array, OmsStageSet *done)
{
	Datum	   *ids;
	bool	   *nulls;
	int			count;

	oms_set_init(done, graph);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &ids, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		text	   *id;
		int			no;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("done must not contain nulls")));
		id = DatumGetTextPP(ids[i]);
		no = oms_graph_find(graph, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
		if (no == 0)
			ereport(ERROR,
					(errcode(OMS_ERR_UNKNOWN_STAGE),
					 errmsg("unknown stage \"%s\" of workflow \"%s\"",
							TextDatumGetCString(ids[i]), graph->name)));
		oms_set_add(done, no);
	}
}

/*
 * next_stages(definition jsonb, done text[], data jsonb) → SETOF text, without a ticket.
 */
Datum
oms_next_stages_of_definition(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OmsGraph   *graph;
	OmsStageSet done;
	ListCell   *cell;

	oms_arg_required(fcinfo, 0, "definition");
	oms_arg_required(fcinfo, 1, "done");
	oms_arg_required(fcinfo, 2, "data");
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	graph = oms_compile_or_error(PG_GETARG_JSONB_P(0));
	read_done(graph, PG_GETARG_ARRAYTYPE_P(1), &done);
	oms_decide_assume_skips(graph, &done, PG_GETARG_JSONB_P(2));
	foreach(cell, oms_decide_next(graph, &done))
	{
		Datum		value = CStringGetTextDatum(oms_graph_stage(graph, lfirst_int(cell))->id);
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	return (Datum) 0;
}

/*
 * version() → text, of the library; an error if the SQL objects do not belong to it.
 */
Datum
oms_version(PG_FUNCTION_ARGS)
{
	const char *hint;
	char	   *misfit = oms_store_misfit(&hint);

	if (misfit != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s", misfit),
				 errhint("%s", hint)));
	PG_RETURN_TEXT_P(cstring_to_text(OMS_VERSION));
}
