/*
 * examples.c
 *		The examples of a workflow: what it says of itself, and whether that is so.
 *
 * An example is a ticket that exists in memory only, see trial.c.
 *
 * The keys are checked twice: with the rest of the definition, where only their form can be judged, and when the
 * examples run, which needs the finished graph and calendars.
 *
 * Pure: tables are reached through the caller's calendar_of alone.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "engine/event.h"
#include "engine/examples.h"
#include "engine/graph.h"
#include "engine/moment.h"
#include "engine/path.h"
#include "engine/ticket.h"
#include "engine/trial.h"

#define MAX_EXAMPLES	100
#define MAX_PROBLEMS	1000
#define MAX_HINTS		20		/* unknown stages that are compared with all ids */
#define MAX_LIST		1000	/* bytes of a list of stages in a message */

/* After those of all stages */
#define PART_EXAMPLES	PG_INT32_MAX

/* When the ticket of an example is opened if that does not matter: 2000-01-01 in UTC */
#define SOME_TIME		0

/* One of "due": the key is where the problem is */
typedef struct DueTime
{
	int			stage;
	TimestampTz at;
} DueTime;

/* What an example says; a list that was not given is NULL */
typedef struct Example
{
	const char *name;
	Jsonb	   *data;
	JsonbContainer *outputs;
	List	   *path;			/* stage numbers */
	List	   *skipped;
	bool		has_path;
	bool		has_skipped;
	TimestampTz opened_at;
	DueTime    *due;
	int			ndue;
} Example;

/* What checks and runs examples */
typedef struct Examples
{
	const OmsGraph *graph;
	const OmsCalendar *(*calendar_of) (const char *name);	/* NULL: only their form is checked */
	int			hints;
} Examples;

static Examples *
examples_of(const OmsJsonCheck *check)
{
	return (Examples *) check->context;
}

/* ---- the form ---- */

/*
 * The number of a stage that is named, or 0 with a problem.  While the stages themselves cannot be read
 * nothing is said of them here.
 */
static int
named_stage(OmsJsonCheck *check, const char *name, int len)
{
	Examples   *examples = examples_of(check);
	const OmsGraph *graph = examples->graph;
	OmsNearest	nearest = {NULL, 0};
	int			no = len > 0 && graph->nstages > 0 ? oms_graph_find(graph, name, len) : 0;

	if (no > 0 || graph->nstages == 0)
		return no;
	if (len > 0 && len <= OMS_MAX_NAME && examples->hints++ < MAX_HINTS)
		for (int i = 0; i < graph->nstages; i++)
			if (graph->stages[i].id[0] != '\0')
				oms_nearest_offer(&nearest, name, len, graph->stages[i].id);
	oms_json_problem(check, nearest.name == NULL ? NULL : psprintf("The nearest stage id is \"%s\".", nearest.name),
					 "%s names the unknown stage \"%s\"", oms_json_thing(check), oms_json_excerpt(check, name, len));
	return 0;
}

/*
 * Data as open_ticket() takes it.  Its dates are those of the finished graph.
 */
static void
check_data(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	JsonbContainer *object = oms_json_object(check, value);
	JsonbValue	amount;
	ListCell   *cell;

	if (object == NULL)
		return;
	if (getKeyJsonValueFromContainer(object, "amount", 6, &amount) != NULL)
	{
		int			mark = oms_json_enter_key(check, "amount", 6);

		oms_json_type(check, &amount, jbvNumeric, "a number");
		oms_json_leave(check, mark);
	}
	((Example *) target)->data = JsonbValueToJsonb(value);
	if (examples_of(check)->calendar_of != NULL)
		foreach(cell, oms_date_problems(examples_of(check)->graph, ((Example *) target)->data))
			oms_json_problem(check, NULL, "%s: %s", oms_json_thing(check), (const char *) lfirst(cell));
}

static void
check_outputs(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	JsonbContainer *object = oms_json_object(check, value);
	JsonbIterator *it;
	JsonbValue	key;
	JsonbValue	output;

	if (object == NULL)
		return;
	it = JsonbIteratorInit(object);
	while (oms_json_next_pair(&it, &key, &output))
	{
		int			mark = oms_json_enter_key(check, key.val.string.val, key.val.string.len);

		named_stage(check, key.val.string.val, key.val.string.len);
		oms_json_leave(check, mark);
	}
	((Example *) target)->outputs = object;
}

/*
 * An array of ids, none of them twice.
 */
static List *
stage_list(OmsJsonCheck *check, JsonbValue *value)
{
	const OmsGraph *graph = examples_of(check)->graph;
	JsonbContainer *array = oms_json_array(check, value, NULL);
	List	   *result = NIL;
	OmsStageSet seen;
	JsonbIterator *it;
	JsonbValue	element;

	if (array == NULL)
		return NIL;
	oms_set_init(&seen, graph);
	it = JsonbIteratorInit(array);
	for (int i = 0; oms_json_next_element(&it, &element); i++)
	{
		int			mark = oms_json_enter_element(check, i);
		int			no = 0;

		if (oms_json_type(check, &element, jbvString, "text"))
			no = named_stage(check, element.val.string.val, element.val.string.len);
		if (no > 0 && oms_set_has(&seen, no))
			oms_json_problem(check, NULL, "%s is \"%s\" a second time", oms_json_thing(check),
							 oms_graph_stage(graph, no)->id);
		else if (no > 0)
		{
			oms_set_add(&seen, no);
			result = lappend_int(result, no);
		}
		oms_json_leave(check, mark);
	}
	return result;
}

static void
check_path(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	((Example *) target)->path = stage_list(check, value);
	((Example *) target)->has_path = true;
}

static void
check_skipped(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	((Example *) target)->skipped = stage_list(check, value);
	((Example *) target)->has_skipped = true;
}

/*
 * The calendar of a stage (OMS_NO_STAGE: of the workflow): *name, NULL if it has none.
 */
static const OmsCalendar *
calendar_for(const Examples *examples, int no, const char **name)
{
	*name = no == OMS_NO_STAGE ? NULL : oms_graph_stage(examples->graph, no)->calendar;
	if (*name == NULL)
		*name = examples->graph->calendar;
	return *name == NULL || examples->calendar_of == NULL ? NULL : examples->calendar_of(*name);
}

static void
check_time(OmsJsonCheck *check, const JsonbValue *value, int no, OmsMomentKind kind, TimestampTz *at)
{
	const char *name;
	const OmsCalendar *calendar = calendar_for(examples_of(check), no, &name);

	if (oms_json_type(check, value, jbvString, "text") &&
		(!oms_moment_read(value->val.string.val, value->val.string.len, calendar, kind, at) || *at == OMS_NEVER))
		oms_json_problem(check, "Write times as \"2024-11-08T16:30:00-05:00\"; without an offset they are of the "
						 "calendar's zone, else UTC.",
						 "%s is not a time: \"%s\"", oms_json_thing(check), oms_json_text(check, value));
}

static void
check_opened_at(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	check_time(check, value, OMS_NO_STAGE, OMS_MOMENT_START, &((Example *) target)->opened_at);
}

static void
check_due(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	Example    *example = (Example *) target;
	JsonbContainer *object = oms_json_object(check, value);
	JsonbIterator *it;
	JsonbValue	key;
	JsonbValue	time;

	if (object == NULL)
		return;
	example->due = palloc(sizeof(DueTime) * Max(JsonContainerSize(object), 1));
	it = JsonbIteratorInit(object);
	while (oms_json_next_pair(&it, &key, &time))
	{
		int			mark = oms_json_enter_key(check, key.val.string.val, key.val.string.len);
		DueTime    *due = &example->due[example->ndue];

		due->stage = named_stage(check, key.val.string.val, key.val.string.len);
		if (due->stage > 0)
		{
			check_time(check, &time, due->stage, OMS_MOMENT_DUE, &due->at);
			example->ndue++;
		}
		oms_json_leave(check, mark);
	}
}

static const OmsKeyRule example_keys[] = {
	{"name", oms_json_name, offsetof(Example, name), 1, OMS_MAX_LABEL, false},
	{"data", check_data, 0, 0, 0, false},
	{"outputs", check_outputs, 0, 0, 0, false},
	{"path", check_path, 0, 0, 0, false},
	{"skipped", check_skipped, 0, 0, 0, false},
	{"opened_at", check_opened_at, 0, 0, 0, false},
	{"due", check_due, 0, 0, 0, false},
};

/* ---- what differs ---- */

/*
 * ["a","b"], as it would have to stand there; cut off where it is long.
 */
static const char *
list_text(const OmsGraph *graph, const List *stages)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, stages)
	{
		appendStringInfoString(&text, foreach_current_index(cell) == 0 ? "" : ", ");
		if (text.len > MAX_LIST)
		{
			appendStringInfoString(&text, "...");
			break;
		}
		appendStringInfo(&text, "\"%s\"", oms_graph_stage(graph, lfirst_int(cell))->id);
	}
	return psprintf("[%s]", text.data);
}

static void
compare_lists(OmsJsonCheck *check, const char *key, const char *verb, const List *is, const List *said)
{
	const OmsGraph *graph = examples_of(check)->graph;
	int			mark;

	if (equal(is, said))
		return;
	mark = oms_json_enter_key(check, key, strlen(key));
	oms_json_problem(check, NULL, "%s %s %s, not %s", check->subject, verb, list_text(graph, is),
					 list_text(graph, said));
	oms_json_leave(check, mark);
}

static void
compare_due(OmsJsonCheck *check, const OmsTicket *ticket, const DueTime *due)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, due->stage);
	const OmsStage *stage = oms_ticket_find(ticket, due->stage);
	int			mark = oms_json_enter_key(check, def->id, strlen(def->id));
	const char *calendar;

	if (calendar_for(examples_of(check), due->stage, &calendar) == NULL && calendar != NULL)
		oms_json_problem(check, "oms.create_calendar() makes it.",
						 "%s: stage \"%s\" needs the calendar \"%s\", which does not exist",
						 check->subject, def->id, calendar);
	else if (stage == NULL || (stage->queued_at == OMS_NEVER && stage->awaiting_at == OMS_NEVER))
		oms_json_problem(check, NULL, "%s does not come to stage \"%s\"", check->subject, def->id);
	else if (stage->due_at == OMS_NEVER)
		oms_json_problem(check, NULL, "%s: stage \"%s\" is never due, not at %s", check->subject, def->id,
						 oms_time_text(due->at));
	else if (stage->due_at != due->at)
		oms_json_problem(check, NULL, "%s: stage \"%s\" is due at %s, not %s", check->subject, def->id,
						 oms_time_text(stage->due_at), oms_time_text(due->at));
	oms_json_leave(check, mark);
}

static void
compare(OmsJsonCheck *check, OmsTicket *ticket, const Example *example)
{
	List	   *path = oms_trial_run(ticket, example->outputs);
	int			mark;

	if (example->has_path)
		compare_lists(check, "path", "goes", path, example->path);
	list_sort(example->skipped, list_int_cmp);
	if (example->has_skipped)
		compare_lists(check, "skipped", "skips", oms_trial_skipped(ticket), example->skipped);
	mark = oms_json_enter_key(check, "due", 3);
	for (int i = 0; i < example->ndue; i++)
		compare_due(check, ticket, &example->due[i]);
	oms_json_leave(check, mark);
}

/* ---- one example, all of them ---- */

static void
run_example(OmsJsonCheck *check, const Example *example)
{
	const Examples *examples = examples_of(check);

	compare(check, oms_trial_open(examples->graph, example->data, example->opened_at, examples->calendar_of), example);
}

/*
 * Check one, and run it if that is asked for.
 */
static void
check_example(OmsJsonCheck *check, JsonbValue *value, int i)
{
	Example		example = {.opened_at = OMS_NEVER};
	int			before = check->nproblems;
	int			mark = oms_json_enter_element(check, i);
	JsonbContainer *object;

	check->inside = check->path.len;
	check->subject = psprintf("examples[%d]", i);
	object = oms_json_object(check, value);
	if (object != NULL)
	{
		oms_json_keys(check, object, example_keys, lengthof(example_keys), &example);
		if (example.due != NULL && !oms_json_has_key(object, "opened_at"))
			oms_json_problem(check, "Due times depend on when the ticket is opened.",
							 "%s has \"due\" but no \"opened_at\"", check->subject);
	}
	if (example.name != NULL)
		check->subject = psprintf("example \"%s\"", example.name);
	if (example.opened_at == OMS_NEVER)
		example.opened_at = SOME_TIME;
	if (examples_of(check)->calendar_of != NULL && check->nproblems == before)
		run_example(check, &example);
	oms_json_leave(check, mark);
}

/*
 * All of them; what one leaves in memory goes before the next, unless problems are told with it.
 */
static void
check_all(OmsJsonCheck *check, JsonbContainer *array)
{
	JsonbIterator *it = JsonbIteratorInit(array);
	JsonbValue	element;

	for (int i = 0; oms_json_next_element(&it, &element); i++)
	{
		int			before = check->nproblems;
		MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "oms example", ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(own);

		check_example(check, &element, i);
		MemoryContextSwitchTo(old);
		if (check->nproblems == before)
			MemoryContextDelete(own);
	}
}

void
oms_definition_examples(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	Examples	examples = {.graph = (const OmsGraph *) target};
	OmsJsonCheck outer = *check;
	JsonbContainer *array = oms_json_array(check, value, "Examples are objects with data, outputs, path, skipped and due.");

	if (array == NULL)
		return;
	if (JsonContainerSize(array) > MAX_EXAMPLES)
	{
		oms_json_problem(check, NULL, "%s has %u entries, at most %d are allowed",
						 oms_json_thing(check), JsonContainerSize(array), MAX_EXAMPLES);
		return;
	}
	check->context = &examples;
	check->part = PART_EXAMPLES;
	check_all(check, array);
	check->context = outer.context;
	check->part = outer.part;
	check->inside = outer.inside;
	check->subject = outer.subject;
}

List *
oms_examples_run(const OmsGraph *graph, Jsonb *definition, const OmsCalendar *(*calendar_of) (const char *name))
{
	Examples	examples = {.graph = graph, .calendar_of = calendar_of};
	OmsJsonCheck check;
	JsonbValue	array;

	if (getKeyJsonValueFromContainer(&definition->root, "examples", 8, &array) == NULL)
		return NIL;
	oms_json_begin(&check, "the workflow", MAX_PROBLEMS, &examples);
	oms_json_enter_key(&check, "examples", 8);
	check_all(&check, array.val.binary.data);
	return oms_json_end(&check);
}
