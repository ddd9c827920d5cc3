/*
 * definition_references.c
 *		What a stage says of others: the stages that it names, and the jsonpaths that read their outputs.
 *
 * Pure, as definition.c.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "engine/definition.h"
#include "engine/graph.h"
#include "engine/jsonpath_check.h"

#define MAX_REASON			300		/* bytes of what the server says about a condition */

/*
 * A hint for an unknown id: the nearest of the other stages, however far.  NULL if there is none,
 * or if enough was spent on hints.
 */
static const char *
nearest_id_hint(OmsJsonCheck *check, const char *name, int len)
{
	OmsDefinitionCheck   *workflow = oms_definition_of(check);
	OmsGraph   *graph = workflow->graph;
	OmsNearest	nearest = {NULL, 0};

	if (len < 1 || len > OMS_MAX_NAME || workflow->hints_left-- <= 0)
		return NULL;
	for (int i = 0; i < graph->nstages; i++)
	{
		const char *id = graph->stages[i].id;

		CHECK_FOR_INTERRUPTS();
		if (i == check->part || id[0] == '\0')
			continue;
		workflow->hint_budget -= len * strlen(id);
		if (workflow->hint_budget < 0)
			return NULL;
		oms_nearest_offer(&nearest, name, len, id);
	}
	return nearest.name ? psprintf("The nearest stage id is \"%s\".", nearest.name) : NULL;
}

/*
 * The number of the stage that a value names, or 0.  A duplicate id means the first of its stages.
 */
static int
named_stage(OmsJsonCheck *check, JsonbValue *value)
{
	const char *name;
	int			len;
	int			no;

	if (!oms_json_type(check, value, jbvString, "text"))
		return 0;
	name = value->val.string.val;
	len = value->val.string.len;
	no = len > 0 ? oms_graph_find(oms_definition_of(check)->graph, name, len) : 0;
	if (no > 0)
		return oms_definition_of(check)->first[no - 1];
	oms_json_problem(check, nearest_id_hint(check, name, len), "%s names the unknown stage \"%s\"",
					 oms_json_thing(check), oms_json_text(check, value));
	return 0;
}

static bool
is_this_stage(OmsJsonCheck *check, int no)
{
	return no == oms_definition_of(check)->first[check->part];
}

static void
add_dependency(OmsJsonCheck *check, OmsStageDef *stage, JsonbValue *value)
{
	int			no = named_stage(check, value);

	if (no == 0)
		return;
	if (is_this_stage(check, no))
		oms_json_problem(check, NULL, "%s depends on itself", check->subject);
	else if (oms_definition_of(check)->seen[no - 1] == check->part + 1)
		oms_json_problem(check, NULL, "%s depends on \"%s\" twice",
						 check->subject, oms_graph_stage(oms_definition_of(check)->graph, no)->id);
	else
	{
		oms_definition_of(check)->seen[no - 1] = check->part + 1;
		stage->deps[stage->ndeps++] = no;
	}
}

void
oms_definition_depends_on(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	OmsStageDef *stage = (OmsStageDef *) target;
	JsonbContainer *array = oms_json_array(check, value, NULL);
	JsonbIterator *it;
	JsonbValue	element;

	oms_definition_of(check)->nentries = -1;
	if (array == NULL)
		return;
	if (JsonContainerSize(array) > OMS_MAX_STAGES)
	{
		oms_json_problem(check, NULL, "%s has %u entries, at most %d are allowed",
						 oms_json_thing(check), JsonContainerSize(array), OMS_MAX_STAGES);
		return;
	}
	oms_definition_of(check)->nentries = JsonContainerSize(array);
	stage->deps = (int *) palloc(sizeof(int) * Max(oms_definition_of(check)->nentries, 1));
	it = JsonbIteratorInit(array);
	for (int i = 0; oms_json_next_element(&it, &element); i++)
	{
		int			mark = oms_json_enter_element(check, i);

		add_dependency(check, stage, &element);
		oms_json_leave(check, mark);
	}
}

static bool
is_text(const JsonbValue *value, const char *text)
{
	return value->type == jbvString && value->val.string.len == strlen(text) &&
		memcmp(value->val.string.val, text, strlen(text)) == 0;
}

/*
 * How many dependencies must be finished.  Stands below dependsOn in the table, and counts its
 * entries whether they are good or not, so that one mistake is not reported twice.
 */
void
oms_definition_join(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	OmsStageDef *stage = (OmsStageDef *) target;

	if (is_text(value, "all"))
		stage->need = stage->ndeps;
	else if (is_text(value, "any"))
		stage->need = Min(stage->ndeps, 1);
	else if (value->type != jbvNumeric)
		oms_json_problem(check, NULL, "%s must be \"all\", \"any\" or a number, not %s", oms_json_thing(check),
						 value->type != jbvString ? oms_json_type_name(value) :
						 psprintf("\"%s\"", oms_json_text(check, value)));
	else if (oms_definition_of(check)->nentries == 0)
		oms_json_problem(check, NULL, "%s is a number, but the stage depends on nothing", oms_json_thing(check));
	else
		oms_json_whole_number(check, value, 1, oms_definition_of(check)->nentries < 0 ? PG_INT32_MAX : oms_definition_of(check)->nentries,
							  &stage->need);
}

void
oms_definition_not_same_as(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	int			no = named_stage(check, value);

	if (no > 0 && is_this_stage(check, no))
		oms_json_problem(check, "Name the stage that somebody else must have done.",
						 "%s names the stage itself", oms_json_thing(check));
	else
		*oms_rule_field(int, target, rule) = no;
}

/* ---- jsonpaths ---- */

static void
report_unknown_variables(OmsJsonCheck *check, const OmsPathCheck *read, const char *noun)
{
	ListCell   *lc;

	foreach(lc, read->unknown)
	{
		const char *name = (const char *) lfirst(lc);

		oms_json_problem(check, psprintf("%s knows $, the data of the ticket, and $stages, the outputs "
										 "of finished stages by id.", noun),
						 "%s uses the unknown variable $%s",
						 oms_json_thing(check), oms_json_excerpt(check, name, strlen(name)));
	}
}

/*
 * The output of a stage that does not exist is never there.
 */
static void
report_unknown_stages(OmsJsonCheck *check, const OmsPathCheck *read)
{
	ListCell   *lc;

	foreach(lc, read->path.names)
	{
		const char *name = (const char *) lfirst(lc);
		int			len = strlen(name);

		if (oms_graph_find(oms_definition_of(check)->graph, name, len) == 0)
			oms_json_problem(check, nearest_id_hint(check, name, len), "%s uses the output of the unknown stage \"%s\"",
							 oms_json_thing(check), oms_json_excerpt(check, name, len));
	}
}

/*
 * A jsonpath; noun and example are for hints.
 */
static void
check_path(OmsJsonCheck *check, JsonbValue *value, bool strict, const char *noun, const char *example, OmsPath *path)
{
	OmsPathCheck read;

	if (!oms_json_type(check, value, jbvString, "text"))
		return;
	if (value->val.string.len > OMS_MAX_PATH)
	{
		oms_json_problem(check, NULL, "%s is %d bytes long, at most %d are allowed",
						 oms_json_thing(check), value->val.string.len, OMS_MAX_PATH);
		return;
	}
	oms_path_read(pnstrdup(value->val.string.val, value->val.string.len), strict, &read);
	if (read.error != NULL)
		oms_json_problem(check, example, "%s is not a valid jsonpath: %s", oms_json_thing(check),
						 oms_json_one_line(check, read.error, strlen(read.error), MAX_REASON));
	if (read.explicit_lax)
		oms_json_problem(check, "Leave out \"lax\": conditions are always strict, so that a stage is "
						 "never skipped because data is missing.",
						 "%s asks for lax mode", oms_json_thing(check));
	if (read.too_complex)
		oms_json_problem(check, NULL, "%s is nested too deeply or too long", oms_json_thing(check));
	report_unknown_variables(check, &read, noun);
	report_unknown_stages(check, &read);
	*path = read.path;
}

/* A condition: the target has an OmsPath */
void
oms_definition_condition(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	check_path(check, value, true, "A condition",
			   "A condition is a jsonpath predicate, such as $.amount >= 50000.",
			   oms_rule_field(OmsPath, target, rule));
}

/* A path to a value: likewise */
void
oms_definition_value_path(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	check_path(check, value, false, "A path",
			   "A path is a jsonpath to a value, such as $.hearing.date.",
			   oms_rule_field(OmsPath, target, rule));
}
