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

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "engine/definition.h"
#include "engine/examples.h"
#include "engine/graph.h"
#include "engine/jsonpath_check.h"

#define MAX_PROBLEMS		10000	/* problems that are listed */
#define MAX_SLA_DAYS		36500
#define MAX_RULES			100		/* of "sla" */
#define MAX_REASON			300		/* bytes of what the server says about a condition */
#define SUBJECT_SIZE		(OMS_MAX_NAME + 16)

/* Hints name the nearest id, which means comparing with all: for so many, and with so much work */
#define MAX_ID_HINTS		100
#define ID_HINT_BUDGET		INT64CONST(20000000)

/* What the checks of a workflow know beside the value they look at */
typedef struct Workflow
{
	OmsGraph   *graph;
	char		subject[SUBJECT_SIZE];	/* the stage, as messages name it */
	int		   *first;			/* [no - 1]: the first stage with the same id */
	int		   *seen;			/* [no - 1]: the last stage that was seen to depend on it */
	int			nentries;		/* of this stage's dependsOn, good or not; -1: cannot be told */

	int			hints_left;
	int64		hint_budget;
} Workflow;

static Workflow *
workflow_of(const OmsJsonCheck *check)
{
	return (Workflow *) check->context;
}

/* ---- references to other stages ---- */

/*
 * A hint for an unknown id: the nearest of the other stages, however far.  NULL if there is none,
 * or if enough was spent on hints.
 */
static const char *
nearest_id_hint(OmsJsonCheck *check, const char *name, int len)
{
	Workflow   *workflow = workflow_of(check);
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
	int			first = workflow_of(check)->first[check->part];

	if (!oms_json_type(check, value, jbvString, "text"))
		return;
	fault = oms_json_text_fault(value, rule->max);
	if (fault != NULL)
		oms_json_problem(check, NULL, "%s %s", oms_json_thing(check), fault);
	else if (first != check->part + 1)
		oms_json_problem(check, psprintf("The first one is $.stages[%d]; ids are unique in a workflow.",
										 first - 1),
						 "duplicate stage id \"%s\"", oms_graph_stage(workflow_of(check)->graph, first)->id);
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
	no = len > 0 ? oms_graph_find(workflow_of(check)->graph, name, len) : 0;
	if (no > 0)
		return workflow_of(check)->first[no - 1];
	oms_json_problem(check, nearest_id_hint(check, name, len), "%s names the unknown stage \"%s\"",
					 oms_json_thing(check), oms_json_text(check, value));
	return 0;
}

static bool
is_this_stage(OmsJsonCheck *check, int no)
{
	return no == workflow_of(check)->first[check->part];
}

static void
add_dependency(OmsJsonCheck *check, OmsStageDef *stage, JsonbValue *value)
{
	int			no = named_stage(check, value);

	if (no == 0)
		return;
	if (is_this_stage(check, no))
		oms_json_problem(check, NULL, "%s depends on itself", check->subject);
	else if (workflow_of(check)->seen[no - 1] == check->part + 1)
		oms_json_problem(check, NULL, "%s depends on \"%s\" twice",
						 check->subject, oms_graph_stage(workflow_of(check)->graph, no)->id);
	else
	{
		workflow_of(check)->seen[no - 1] = check->part + 1;
		stage->deps[stage->ndeps++] = no;
	}
}

static void
check_depends_on(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	OmsStageDef *stage = (OmsStageDef *) target;
	JsonbContainer *array = oms_json_array(check, value, NULL);
	JsonbIterator *it;
	JsonbValue	element;

	workflow_of(check)->nentries = -1;
	if (array == NULL)
		return;
	if (JsonContainerSize(array) > OMS_MAX_STAGES)
	{
		oms_json_problem(check, NULL, "%s has %u entries, at most %d are allowed",
						 oms_json_thing(check), JsonContainerSize(array), OMS_MAX_STAGES);
		return;
	}
	workflow_of(check)->nentries = JsonContainerSize(array);
	stage->deps = (int *) palloc(sizeof(int) * Max(workflow_of(check)->nentries, 1));
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
static void
check_join(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
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
	else if (workflow_of(check)->nentries == 0)
		oms_json_problem(check, NULL, "%s is a number, but the stage depends on nothing", oms_json_thing(check));
	else
		oms_json_whole_number(check, value, 1, workflow_of(check)->nentries < 0 ? PG_INT32_MAX : workflow_of(check)->nentries,
							  &stage->need);
}

static void
check_not_same_as(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
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

		if (oms_graph_find(workflow_of(check)->graph, name, len) == 0)
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
static void
check_condition(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	check_path(check, value, true, "A condition",
			   "A condition is a jsonpath predicate, such as $.amount >= 50000.",
			   oms_rule_field(OmsPath, target, rule));
}

/* A path to a value: likewise */
static void
check_value_path(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	check_path(check, value, false, "A path",
			   "A path is a jsonpath to a value, such as $.hearing.date.",
			   oms_rule_field(OmsPath, target, rule));
}

/* ---- limits by rules ---- */

static const OmsKeyRule rule_keys[] = {
	{"when", check_condition, offsetof(OmsLimitRule, when), 0, 0, false},
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
	{"key", check_value_path, offsetof(OmsStageDef, message_key), 0, 0, false},
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
	{"dueAt", check_value_path, offsetof(OmsStageDef, due_at), 0, 0, false},
	{"dependsOn", check_depends_on, 0, 0, 0, false},
	{"join", check_join, 0, 0, 0, false},
	{"minAmount", check_amount, offsetof(OmsStageDef, min_amount), 0, 0, false},
	{"when", check_condition, offsetof(OmsStageDef, when), 0, 0, false},
	{"retry", oms_definition_retry, 0, 0, 0, false},
	{"warnAt", oms_definition_warn_at, 0, 0, 0, false},
	{"escalation", oms_definition_escalation, 0, 0, 0, false},
	{"notSameAs", check_not_same_as, offsetof(OmsStageDef, not_same_as), 0, 0, false},
	{"manual", oms_json_boolean, offsetof(OmsStageDef, manual), 0, 0, false},
	{"delayMins", oms_json_int, offsetof(OmsStageDef, delay_mins), 0, PG_INT32_MAX, false},
	{"startAt", check_value_path, offsetof(OmsStageDef, start_at), 0, 0, false},
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
	Workflow   *workflow = workflow_of(check);
	const char *id = workflow->graph->stages[i].id;

	workflow->nentries = 0;
	if (id[0] != '\0')
		snprintf(workflow->subject, SUBJECT_SIZE, "stage \"%s\"", id);
	else
		snprintf(workflow->subject, SUBJECT_SIZE, "stages[%d]", i);
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
	OmsStageDef *stage = &workflow_of(check)->graph->stages[i];
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
find_duplicates(Workflow *workflow)
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
	Workflow   *workflow = workflow_of(check);
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
	Workflow	workflow = {.graph = graph, .hints_left = MAX_ID_HINTS, .hint_budget = ID_HINT_BUDGET};
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
