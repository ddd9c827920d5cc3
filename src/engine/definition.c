/*
 * definition.c
 *		From the JSON of a workflow to a compiled graph, or to the list of everything wrong with it.
 *
 * Each kind of object (workflow, stage, retry, escalation step) has a table of its keys; a row
 * names the function that checks a value and where the value goes.  The ids of all stages are read
 * first, so that one pass over the definition can report everything in its order.  Rules between
 * keys stand after the tables that they look at, cycles and what is derived come last.
 *
 * Pure: nothing here reads a table, a clock or a setting.  Nothing recurses over what a user wrote,
 * and every pass is linear in the size of the definition (ids are sorted once); only hints compare
 * all ids, and those have a budget.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "engine/definition.h"
#include "engine/examples.h"
#include "engine/graph.h"

#define MAX_PROBLEMS		10000	/* problems that are listed */
#define MAX_SLA_DAYS		36500
#define MAX_RULES			100		/* of "sla" */

/* Hints name the nearest id, which means comparing with all: for so many, and with so much work */
#define MAX_ID_HINTS		100
#define ID_HINT_BUDGET		INT64CONST(20000000)

static void
check_prefix(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	uint32		code;
	char	   *prefix;

	if (!oms_json_type(check, value, jbvString, "text"))
		return;
	if (!oms_ticket_prefix_encode(value->val.string.val, value->val.string.len, &code))
	{
		oms_json_problem(check, "A prefix is one to four letters A to Z, as in DL-2026-00091.",
						 "%s cannot be \"%s\"", oms_json_thing(check),
						 oms_json_text(check, value));
		return;
	}
	prefix = pnstrdup(value->val.string.val, value->val.string.len);
	for (char *p = prefix; *p != '\0'; p++)
		*p = pg_ascii_toupper((unsigned char) *p);
	*oms_rule_field(const char *, target, rule) = prefix;
}

/*
 * The id of a stage was read before; here its problems are reported in their place.
 */
static void
check_id(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	const char *fault;
	int			first = oms_definition_of(check)->first[check->part];

	if (!oms_json_type(check, value, jbvString, "text"))
		return;
	fault = oms_json_text_fault(value, rule->max);
	if (fault != NULL)
		oms_json_problem(check, NULL, "%s %s", oms_json_thing(check), fault);
	else if (first != check->part + 1)
		oms_json_problem(check, psprintf("The first one is $.stages[%d]; ids are unique in a workflow.",
										 first - 1),
						 "duplicate stage id \"%s\"", oms_graph_stage(oms_definition_of(check)->graph, first)->id);
}

/*
 * minAmount may have a fraction and may be beyond any integer type, as amounts may.
 */
static void
check_amount(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	Numeric		number;

	if (!oms_json_type(check, value, jbvNumeric, "a number"))
		return;
	number = value->val.numeric;
	if (numeric_is_nan(number) || numeric_is_inf(number) || oms_compare_numeric(number, 0) < 0)
		oms_json_problem(check, NULL, "%s must be a number from 0 up, not %s",
						 oms_json_thing(check), oms_json_number(check, value));
	else
		*oms_rule_field(Numeric, target, rule) = DatumGetNumericCopy(NumericGetDatum(number));
}

/* ---- limits by rules ---- */

static const OmsKeyRule rule_keys[] = {
	{"when", oms_definition_condition, offsetof(OmsLimitRule, when), 0, 0, false},
	{"mins", oms_json_int, offsetof(OmsLimitRule, mins), 0, PG_INT32_MAX, false},
	{"days", oms_json_int, offsetof(OmsLimitRule, days), 1, MAX_SLA_DAYS, false},
};

static void
check_rule(OmsJsonCheck *check, JsonbValue *value, bool last, OmsLimitRule *rule)
{
	JsonbContainer *object = oms_json_object(check, value);

	if (object == NULL)
		return;
	rule->mins = rule->days = -1;
	oms_json_keys(check, object, rule_keys, lengthof(rule_keys), rule);
	if (oms_json_has_key(object, "mins") == oms_json_has_key(object, "days"))
		oms_json_problem(check, "A limit is either minutes of open time or open dates.",
						 oms_json_has_key(object, "mins") ? "%s has both \"mins\" and \"days\""
						 : "%s has neither \"mins\" nor \"days\"", oms_json_thing(check));
	if (last && oms_json_has_key(object, "when"))
		oms_json_problem(check, "The last entry counts if no other does, so that there is always a limit.",
						 "%s is the last one and has \"when\"", oms_json_thing(check));
	if (!last && !oms_json_has_key(object, "when"))
		oms_json_problem(check, "Only the last entry has no condition; those after it would never count.",
						 "%s has no \"when\" and is not the last one", oms_json_thing(check));
}

static void
check_rules(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	OmsStageDef *stage = (OmsStageDef *) target;
	JsonbContainer *array = oms_json_array(check, value, NULL);
	JsonbIterator *it;
	JsonbValue	element;

	if (array == NULL)
		return;
	if (JsonContainerSize(array) < 1 || JsonContainerSize(array) > MAX_RULES)
	{
		oms_json_problem(check, NULL, "%s has %u entries, it needs 1 to %d",
						 oms_json_thing(check), JsonContainerSize(array), MAX_RULES);
		return;
	}
	stage->nrules = JsonContainerSize(array);
	stage->rules = (OmsLimitRule *) palloc0(sizeof(OmsLimitRule) * stage->nrules);
	it = JsonbIteratorInit(array);
	for (int i = 0; oms_json_next_element(&it, &element); i++)
	{
		int			mark = oms_json_enter_element(check, i);

		check_rule(check, &element, i == stage->nrules - 1, &stage->rules[i]);
		oms_json_leave(check, mark);
	}
}

/* ---- stages ---- */

static const OmsKeyRule wait_for_keys[] = {
	{"message", oms_json_name, offsetof(OmsStageDef, message), 1, OMS_MAX_NAME, true},
	{"key", oms_definition_value_path, offsetof(OmsStageDef, message_key), 0, 0, false},
};

static void
check_wait_for(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	JsonbContainer *object = oms_json_object(check, value);

	if (object != NULL)
		oms_json_keys(check, object, wait_for_keys, lengthof(wait_for_keys), target);
}

/* id stands first, since messages name the stage; join needs dependsOn above it */
static const OmsKeyRule stage_keys[] = {
	{"id", check_id, offsetof(OmsStageDef, id), 1, OMS_MAX_NAME, true},
	{"owner", oms_json_name, offsetof(OmsStageDef, owner), 1, OMS_MAX_NAME, true},
	{"label", oms_json_name, offsetof(OmsStageDef, label), 1, OMS_MAX_LABEL, false},
	{"publicOwner", oms_json_name, offsetof(OmsStageDef, public_owner), 1, OMS_MAX_LABEL, false},
	{"calendar", oms_json_name, offsetof(OmsStageDef, calendar), 1, OMS_MAX_NAME, false},
	{"slaMins", oms_json_int, offsetof(OmsStageDef, sla_mins), 0, PG_INT32_MAX, false},
	{"slaDays", oms_json_int, offsetof(OmsStageDef, sla_days), 1, MAX_SLA_DAYS, false},
	{"sla", check_rules, 0, 0, 0, false},
	{"dueAt", oms_definition_value_path, offsetof(OmsStageDef, due_at), 0, 0, false},
	{"dependsOn", oms_definition_depends_on, 0, 0, 0, false},
	{"join", oms_definition_join, 0, 0, 0, false},
	{"minAmount", check_amount, offsetof(OmsStageDef, min_amount), 0, 0, false},
	{"when", oms_definition_condition, offsetof(OmsStageDef, when), 0, 0, false},
	{"retry", oms_definition_retry, 0, 0, 0, false},
	{"warnAt", oms_definition_warn_at, 0, 0, 0, false},
	{"escalation", oms_definition_escalation, 0, 0, 0, false},
	{"notSameAs", oms_definition_not_same_as, offsetof(OmsStageDef, not_same_as), 0, 0, false},
	{"manual", oms_json_boolean, offsetof(OmsStageDef, manual), 0, 0, false},
	{"delayMins", oms_json_int, offsetof(OmsStageDef, delay_mins), 0, PG_INT32_MAX, false},
	{"startAt", oms_definition_value_path, offsetof(OmsStageDef, start_at), 0, 0, false},
	{"waitFor", check_wait_for, 0, 0, 0, false},
};

StaticAssertDecl(lengthof(stage_keys) <= OMS_MAX_KEYS, "OMS_MAX_KEYS is too small");

static void
set_stage_defaults(OmsStageDef *stage)
{
	stage->id = "";
	stage->sla_mins = -1;
	stage->sla_days = -1;
	stage->delay_mins = -1;
	stage->need = -1;
	stage->max_attempts = 3;
	stage->backoff_secs = 30;
	stage->factor = 2;
	stage->max_secs = 3600;
}

/*
 * A limit is given in one way only.  A key counts as given even if its value is wrong.
 */
static void
check_limit(OmsJsonCheck *check, JsonbContainer *object)
{
	static const char *const keys[] = {"slaMins", "slaDays", "sla"};
	const char *first = NULL;

	for (int i = 0; i < (int) lengthof(keys); i++)
	{
		if (!oms_json_has_key(object, keys[i]))
			continue;
		if (first != NULL)
			oms_json_problem(check, "A limit is either minutes of open time, or open dates, or the one that a rule gives.",
							 "%s has both \"%s\" and \"%s\"", check->subject, first, keys[i]);
		else
			first = keys[i];
	}
}

/*
 * What needs a time limit.
 */
static void
check_clock(OmsJsonCheck *check, JsonbContainer *object, OmsStageDef *stage)
{
	const char *hint = "Without a time limit there is no clock: add \"slaMins\", \"slaDays\", \"sla\" or \"dueAt\".";

	check_limit(check, object);
	if (oms_json_has_key(object, "slaMins") || oms_json_has_key(object, "slaDays") ||
		oms_json_has_key(object, "sla") || oms_json_has_key(object, "dueAt"))
		return;
	if (stage->nwarn > 0)
		oms_json_problem(check, hint, "%s has \"warnAt\" but no time limit", check->subject);
	if (stage->nsteps > 0)
		oms_json_problem(check, hint, "%s has \"escalation\" but no time limit", check->subject);
}

/*
 * What nobody claims cannot be tried again, nor does it matter who does it; and a stage awaits one thing.
 */
static void
check_exclusive(OmsJsonCheck *check, JsonbContainer *object)
{
	static const char *const others[] = {"delayMins", "startAt", "retry", "notSameAs"};

	for (int i = 0; oms_json_has_key(object, "waitFor") && i < (int) lengthof(others); i++)
		if (oms_json_has_key(object, others[i]))
			oms_json_problem(check, "A message finishes the stage as soon as it is there, and nobody claims it.",
							 "%s has both \"waitFor\" and \"%s\"", check->subject, others[i]);
}

/*
 * Check the keys of a stage.  One that nobody claims need not say whose it is.
 */
static void
check_stage_keys(OmsJsonCheck *check, JsonbContainer *object, OmsStageDef *stage)
{
	OmsKeyRule	rules[lengthof(stage_keys)];

	memcpy(rules, stage_keys, sizeof(stage_keys));
	for (int i = 0; i < (int) lengthof(rules); i++)
		if (strcmp(rules[i].key, "owner") == 0)
			rules[i].required = !oms_json_has_key(object, "waitFor");
	oms_json_keys(check, object, rules, lengthof(rules), stage);
}

/*
 * From here on problems are those of the i-th stage, whose path is the current one.
 */
static void
enter_stage(OmsJsonCheck *check, int i)
{
	OmsDefinitionCheck   *workflow = oms_definition_of(check);
	const char *id = workflow->graph->stages[i].id;

	workflow->nentries = 0;
	if (id[0] != '\0')
		snprintf(workflow->subject, OMS_SUBJECT_SIZE, "stage \"%s\"", id);
	else
		snprintf(workflow->subject, OMS_SUBJECT_SIZE, "stages[%d]", i);
	check->part = i;
	check->inside = check->path.len;
	check->subject = workflow->subject;
}

static void
enter_workflow(OmsJsonCheck *check)
{
	check->part = OMS_BEFORE_STAGES;
	check->inside = 1;
	check->subject = "the workflow";
}

static void
check_stage(OmsJsonCheck *check, JsonbValue *value, int i)
{
	OmsStageDef *stage = &oms_definition_of(check)->graph->stages[i];
	int			mark = oms_json_enter_element(check, i);
	JsonbContainer *object;

	enter_stage(check, i);
	object = oms_json_object(check, value);
	if (object != NULL)
	{
		check_stage_keys(check, object, stage);
		check_exclusive(check, object);
		check_clock(check, object, stage);
		if (stage->need < 0)
			stage->need = stage->ndeps;
	}
	oms_json_leave(check, mark);
	enter_workflow(check);
}

/*
 * Read the ids of all stages.  A stage without a good one keeps the empty id, which sorts before
 * all others and which nothing looks up.
 */
static void
read_ids(OmsGraph *graph, JsonbContainer *array)
{
	JsonbIterator *it = JsonbIteratorInit(array);
	JsonbValue	element;

	for (int i = 0; oms_json_next_element(&it, &element); i++)
	{
		JsonbValue	id;

		set_stage_defaults(&graph->stages[i]);
		if (element.type == jbvBinary && JsonContainerIsObject(element.val.binary.data) &&
			getKeyJsonValueFromContainer(element.val.binary.data, "id", 2, &id) != NULL &&
			id.type == jbvString && oms_json_text_fault(&id, OMS_MAX_NAME) == NULL)
			graph->stages[i].id = pnstrdup(id.val.string.val, id.val.string.len);
	}
}

/*
 * For each stage, the first one with the same id.  Equal ids are neighbours in by_id, in any order.
 */
static void
find_duplicates(OmsDefinitionCheck *workflow)
{
	OmsGraph   *graph = workflow->graph;
	int			end;

	for (int start = 0; start < graph->nstages; start = end)
	{
		const char *id = oms_graph_stage(graph, graph->by_id[start])->id;
		int			first = graph->by_id[start];

		for (end = start + 1; end < graph->nstages; end++)
		{
			if (strcmp(oms_graph_stage(graph, graph->by_id[end])->id, id) != 0)
				break;
			first = Min(first, graph->by_id[end]);
		}
		for (int i = start; i < end; i++)
			workflow->first[graph->by_id[i] - 1] = id[0] == '\0' ? graph->by_id[i] : first;
	}
}

/* ---- the workflow ---- */

static void
check_every_stage(OmsJsonCheck *check, JsonbContainer *array)
{
	OmsDefinitionCheck   *workflow = oms_definition_of(check);
	OmsGraph   *graph = workflow->graph;
	JsonbIterator *it;
	JsonbValue	element;

	graph->nstages = JsonContainerSize(array);
	graph->stages = (OmsStageDef *) palloc0(sizeof(OmsStageDef) * graph->nstages);
	workflow->first = (int *) palloc0(sizeof(int) * graph->nstages);
	workflow->seen = (int *) palloc0(sizeof(int) * graph->nstages);
	read_ids(graph, array);
	oms_graph_index(graph);
	find_duplicates(workflow);
	it = JsonbIteratorInit(array);
	for (int i = 0; oms_json_next_element(&it, &element); i++)
		check_stage(check, &element, i);
	oms_report_cycles(check, graph);
	pfree(workflow->first);
	pfree(workflow->seen);
}

static void
check_stages(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	JsonbContainer *array = oms_json_array(check, value, NULL);
	uint32		n;

	if (array == NULL)
		return;
	n = JsonContainerSize(array);
	if (n < 1)
		oms_json_problem(check, NULL, "%s is empty", oms_json_thing(check));
	else if (n > OMS_MAX_STAGES)
		oms_json_problem(check, NULL, "%s has %u entries, at most %d are allowed",
						 oms_json_thing(check), n, OMS_MAX_STAGES);
	else
		check_every_stage(check, array);
}

static const OmsKeyRule workflow_keys[] = {
	{"name", oms_json_name, offsetof(OmsGraph, name), 1, OMS_MAX_NAME, true},
	{"prefix", check_prefix, offsetof(OmsGraph, prefix), 0, 0, false},
	{"description", oms_json_description, offsetof(OmsGraph, description),
	 0, OMS_MAX_DESCRIPTION, false},
	{"owner", oms_json_name, offsetof(OmsGraph, owner), 1, OMS_MAX_NAME, false},
	{"slaMins", oms_json_int, offsetof(OmsGraph, sla_mins), 0, PG_INT32_MAX, false},
	{"slaDays", oms_json_int, offsetof(OmsGraph, sla_days), 1, MAX_SLA_DAYS, false},
	{"calendar", oms_json_name, offsetof(OmsGraph, calendar), 1, OMS_MAX_NAME, false},
	{"stages", check_stages, 0, 0, 0, true},
	{"examples", oms_definition_examples, 0, 0, 0, false},
};

OmsGraph *
oms_definition_compile(Jsonb *definition, List **problems)
{
	OmsGraph   *graph = (OmsGraph *) palloc0(sizeof(OmsGraph));
	OmsDefinitionCheck	workflow = {.graph = graph, .hints_left = MAX_ID_HINTS, .hint_budget = ID_HINT_BUDGET};
	JsonbContainer *root;
	OmsJsonCheck	check;

	graph->sla_mins = graph->sla_days = -1;
	oms_json_begin(&check, "the workflow", MAX_PROBLEMS, &workflow);
	enter_workflow(&check);
	root = oms_json_root(&check, definition);
	if (root != NULL)
	{
		oms_json_keys(&check, root, workflow_keys, lengthof(workflow_keys), graph);
		check_limit(&check, root);
	}
	*problems = oms_json_end(&check);
	if (*problems != NIL)
		return NULL;
	oms_graph_complete(graph);
	return graph;
}
