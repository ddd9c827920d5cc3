/*
 * import_row.c
 *		Reading a row that tells of a ticket which began elsewhere.
 *
 * Whoever fills rows from a spreadsheet has empty cells: a key whose value is null counts as left out.
 *
 * Pure: nothing here reads a table, a clock or a setting.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "engine/graph.h"
#include "engine/import.h"
#include "engine/moment.h"
#include "engine/path.h"

#define MAX_NOTES		1000

static const OmsImportedTime left_out = {OMS_NEVER, OMS_NEVER, OMS_NEVER};

static const OmsImportRules *
rules_of(const OmsJsonCheck *check)
{
	return (const OmsImportRules *) check->context;
}

static bool
is_left_out(const JsonbValue *value)
{
	return value->type == jbvNull;
}

static void
check_name(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	if (!is_left_out(value))
		oms_json_name(check, value, rule, target);
}

static void
check_int(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	if (!is_left_out(value))
		oms_json_int(check, value, rule, target);
}

static void
check_boolean(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	if (!is_left_out(value))
		oms_json_boolean(check, value, rule, target);
}

static void
check_note(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	OmsKeyRule	limited = *rule;

	limited.max = rules_of(check)->max_note;
	if (!is_left_out(value))
		oms_json_description(check, value, &limited, target);
}

/*
 * A date alone counts as its first opening time, or its last closing time (ends); if it is closed as its beginning,
 * or its end: what happened on a Saturday did not happen on Monday.
 */
static bool
read_time(const char *text, int len, const OmsImportRules *rules, bool ends, OmsImportedTime *time)
{
	OmsMomentKind kind = ends ? OMS_MOMENT_DUE : OMS_MOMENT_START;

	if (!oms_moment_read(text, len, rules->calendar, kind, &time->at))
		return false;
	if (!oms_moment_day(text, len, rules->calendar, &time->first, &time->last))
		time->first = time->last = time->at;
	else if (time->at == OMS_NEVER || time->at > time->last)
		time->at = ends ? time->last : time->first;
	return time->at != OMS_NEVER;
}

/*
 * A time that is over; of a date alone what there was of it.  min = 1: when something ended.
 */
static void
check_time(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	const OmsImportRules *rules = rules_of(check);
	OmsImportedTime time;

	if (is_left_out(value) || !oms_json_type(check, value, jbvString, "text"))
		return;
	if (!read_time(value->val.string.val, value->val.string.len, rules, rule->min == 1, &time))
		oms_json_problem(check, NULL, "%s is not a time in ISO 8601: \"%s\"", oms_json_thing(check),
						 oms_json_text(check, value));
	else if (time.first > rules->now)
		oms_json_problem(check, NULL, "%s is in the future: \"%s\"", oms_json_thing(check), oms_json_text(check, value));
	else
	{
		time.at = Min(time.at, rules->now);
		time.last = Min(time.last, rules->now);
		*oms_rule_field(OmsImportedTime, target, rule) = time;
	}
}

static void
check_size(OmsJsonCheck *check, const Jsonb *value, int max)
{
	if (VARSIZE(value) > max)
		oms_json_problem(check, NULL, "%s has %d bytes, at most %d are possible", oms_json_thing(check),
						 (int) VARSIZE(value), max);
}

/*
 * Data as open_ticket() takes it.
 */
static void
check_data(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	JsonbContainer *object;
	JsonbValue	amount;
	ListCell   *cell;

	if (is_left_out(value) || (object = oms_json_object(check, value)) == NULL)
		return;
	if (getKeyJsonValueFromContainer(object, "amount", 6, &amount) != NULL)
	{
		int			mark = oms_json_enter_key(check, "amount", 6);

		oms_json_type(check, &amount, jbvNumeric, "a number");
		oms_json_leave(check, mark);
	}
	((OmsImport *) target)->data = JsonbValueToJsonb(value);
	check_size(check, ((OmsImport *) target)->data, rules_of(check)->max_data);
	foreach(cell, oms_date_problems(rules_of(check)->graph, ((OmsImport *) target)->data))
		oms_json_problem(check, NULL, "%s: %s", oms_json_thing(check), (const char *) lfirst(cell));
}

/* ---- stages ---- */

static void
check_output(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	if (is_left_out(value))
		return;
	((OmsImportedStage *) target)->output = JsonbValueToJsonb(value);
	check_size(check, ((OmsImportedStage *) target)->output, rules_of(check)->max_output);
}

static const struct
{
	const char *word;
	OmsStageStatus status;
}			statuses[] =
{
	{"done", OMS_STAGE_DONE},
	{"skipped", OMS_SKIPPED},
	{"queued", OMS_QUEUED},
	{"cancelled", OMS_STAGE_CANCELLED}
};

static void
check_status(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	if (is_left_out(value) || !oms_json_type(check, value, jbvString, "text"))
		return;
	for (int i = 0; i < (int) lengthof(statuses); i++)
		if (strlen(statuses[i].word) == value->val.string.len &&
			memcmp(statuses[i].word, value->val.string.val, value->val.string.len) == 0)
		{
			((OmsImportedStage *) target)->status = statuses[i].status;
			return;
		}
	oms_json_problem(check, NULL, "%s is \"%s\", and can be done, skipped, queued or cancelled", oms_json_thing(check),
					 oms_json_text(check, value));
}

static const OmsKeyRule stage_keys[] = {
	{"status", check_status, 0, 0, 0, false},
	{"queued_at", check_time, offsetof(OmsImportedStage, queued), 0, 0, false},
	{"finished_at", check_time, offsetof(OmsImportedStage, finished), 1, 0, false},
	{"worker", check_name, offsetof(OmsImportedStage, worker), 1, OMS_MAX_NAME, false},
	{"output", check_output, 0, 0, 0, false},
	{"note", check_note, offsetof(OmsImportedStage, note), 0, 0, false},
};

static void
report_surplus(OmsJsonCheck *check, bool given, const char *key, const char *only)
{
	int			mark = oms_json_enter_key(check, key, strlen(key));

	if (given)
		oms_json_problem(check, NULL, "%s is only for a stage that is %s", oms_json_thing(check), only);
	oms_json_leave(check, mark);
}

/*
 * The rules between the keys of a stage.
 */
static void
check_stage_as_a_whole(OmsJsonCheck *check, OmsImportedStage *stage)
{
	bool		finished = stage->status == OMS_STAGE_DONE || stage->status == OMS_SKIPPED;

	if (stage->status == OMS_STAGE_DONE && stage->finished.at == OMS_NEVER)
		oms_json_problem(check, NULL, "%s is done, and has no \"finished_at\"", oms_json_thing(check));
	report_surplus(check, stage->finished.at != OMS_NEVER && !finished, "finished_at", "done or skipped");
	report_surplus(check, stage->worker != NULL && stage->status != OMS_STAGE_DONE, "worker", "done");
	report_surplus(check, stage->output != NULL && stage->status != OMS_STAGE_DONE, "output", "done");
	report_surplus(check, stage->note != NULL && !finished, "note", "done or skipped");
}

static void
check_stage(OmsJsonCheck *check, JsonbValue *value, OmsImportedStage *stage)
{
	int			nproblems = check->nproblems;
	JsonbContainer *object;

	if (is_left_out(value) || (object = oms_json_object(check, value)) == NULL)
	{
		stage->no = 0;
		return;
	}
	oms_json_keys(check, object, stage_keys, lengthof(stage_keys), stage);
	if (stage->status == 0)
		stage->status = stage->finished.at != OMS_NEVER ? OMS_STAGE_DONE : OMS_QUEUED;
	if (check->nproblems == nproblems)
		check_stage_as_a_whole(check, stage);
}

/*
 * The number of the stage that a key names, or 0 with a problem.
 */
static int
named_stage(OmsJsonCheck *check, const JsonbValue *key)
{
	const OmsGraph *graph = rules_of(check)->graph;
	const char *name = key->val.string.val;
	int			len = key->val.string.len;
	int			no = len > 0 ? oms_graph_find(graph, name, len) : 0;

	if (no == 0)
		oms_json_problem(check, NULL, "workflow \"%s\" has no stage \"%s\"", graph->name, oms_json_excerpt(check, name, len));
	return no;
}

static void
check_stages(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	OmsImport  *import = (OmsImport *) target;
	JsonbContainer *object;
	JsonbIterator *it;
	JsonbValue	key;
	JsonbValue	stage;

	if (is_left_out(value) || (object = oms_json_object(check, value)) == NULL)
		return;
	import->stages = palloc0(sizeof(OmsImportedStage) * Max(JsonContainerSize(object), 1));
	it = JsonbIteratorInit(object);
	while (oms_json_next_pair(&it, &key, &stage))
	{
		OmsImportedStage *told = &import->stages[import->nstages++];
		int			mark = oms_json_enter_key(check, key.val.string.val, key.val.string.len);

		told->queued = told->finished = left_out;
		told->no = named_stage(check, &key);
		check_stage(check, &stage, told);
		if (told->no > 0)
			import->by_no[told->no - 1] = told;
		oms_json_leave(check, mark);
	}
}

/* ---- notes ---- */

static const OmsKeyRule note_keys[] = {
	{"at", check_time, offsetof(OmsImportedNote, at), 0, 0, true},
	{"body", check_note, offsetof(OmsImportedNote, body), 0, 0, true},
	{"public", check_boolean, offsetof(OmsImportedNote, public), 0, 0, false},
};

static int
compare_notes(const void *a, const void *b)
{
	TimestampTz p = ((const OmsImportedNote *) a)->at.at;
	TimestampTz q = ((const OmsImportedNote *) b)->at.at;

	return p < q ? -1 : p > q;
}

static void
check_notes(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	OmsImport  *import = (OmsImport *) target;
	JsonbContainer *array;
	JsonbIterator *it;
	JsonbValue	element;

	if (is_left_out(value) || (array = oms_json_array(check, value, NULL)) == NULL)
		return;
	if (JsonContainerSize(array) > MAX_NOTES)
	{
		oms_json_problem(check, NULL, "%s has %u entries, at most %d are possible", oms_json_thing(check),
						 JsonContainerSize(array), MAX_NOTES);
		return;
	}
	import->notes = palloc0(sizeof(OmsImportedNote) * Max(JsonContainerSize(array), 1));
	it = JsonbIteratorInit(array);
	for (int i = 0; oms_json_next_element(&it, &element); i++)
	{
		int			mark = oms_json_enter_element(check, i);
		JsonbContainer *object = oms_json_object(check, &element);
		OmsImportedNote *note = &import->notes[import->nnotes++];

		if (object != NULL)
			oms_json_keys(check, object, note_keys, lengthof(note_keys), note);
		oms_json_leave(check, mark);
	}
}

/* ---- dates beside times ---- */

/*
 * A date alone gives way to what is told to the minute of the same day, and happened later.
 */
static void
settle_before(OmsImportedTime *time, TimestampTz later)
{
	if (time->first <= later && later < time->at)
		time->at = later;
}

/*
 * A stage was finished before those began that wait for it, and queued before it was finished.
 */
static void
settle_stage(const OmsImport *import, const OmsGraph *graph, int no)
{
	const OmsStageDef *def = oms_graph_stage(graph, no);
	OmsImportedStage *stage = import->by_no[no - 1];

	if (stage == NULL || stage->settled)
		return;
	check_stack_depth();
	stage->settled = true;
	for (int i = 0; i < def->ndependants; i++)
	{
		const OmsImportedStage *next = import->by_no[def->dependants[i] - 1];

		settle_stage(import, graph, def->dependants[i]);
		if (next == NULL)
			continue;
		if (next->queued.first == next->queued.last)
			settle_before(&stage->finished, next->queued.at);
		settle_before(&stage->finished, next->finished.at);
	}
	settle_before(&stage->finished, import->closed.at);
	settle_before(&stage->queued, stage->finished.at);
}

static void
settle_dates(OmsImport *import, const OmsGraph *graph)
{
	for (int no = 1; no <= graph->nstages; no++)
		settle_stage(import, graph, no);
	for (int i = 0; i < import->nstages; i++)
	{
		settle_before(&import->opened, import->stages[i].queued.at);
		settle_before(&import->opened, import->stages[i].finished.at);
	}
	for (int i = 0; i < import->nnotes; i++)
		settle_before(&import->opened, import->notes[i].at.at);
	settle_before(&import->opened, import->closed.at);
	/* what was noted on the day of the opening was so after it */
	for (int i = 0; i < import->nnotes; i++)
		if (import->notes[i].at.last >= import->opened.at)
			import->notes[i].at.at = Max(import->notes[i].at.at, import->opened.at);
	qsort(import->notes, import->nnotes, sizeof(OmsImportedNote), compare_notes);
}

/* ---- the row ---- */

static const OmsKeyRule row_keys[] = {
	{"key", check_name, offsetof(OmsImport, key), 1, OMS_MAX_IMPORT_KEY, false},
	{"data", check_data, 0, 0, 0, false},
	{"opened_at", check_time, offsetof(OmsImport, opened), 0, 0, true},
	{"closed_at", check_time, offsetof(OmsImport, closed), 1, 0, false},
	{"applicant", check_name, offsetof(OmsImport, applicant), 1, OMS_MAX_IMPORT_KEY, false},
	{"priority", check_int, offsetof(OmsImport, priority), PG_INT32_MIN, PG_INT32_MAX, false},
	{"reference", check_name, offsetof(OmsImport, reference), 1, OMS_MAX_REFERENCE, false},
	{"stages", check_stages, 0, 0, 0, false},
	{"notes", check_notes, 0, 0, 0, false},
};

void
oms_import_read(OmsJsonCheck *check, JsonbValue *row, const OmsImportRules *rules, OmsImport *import)
{
	JsonbContainer *object = oms_json_object(check, row);

	memset(import, 0, sizeof(OmsImport));
	import->opened = import->closed = left_out;
	import->by_no = palloc0(sizeof(OmsImportedStage *) * rules->graph->nstages);
	check->context = unconstify(OmsImportRules *, rules);
	if (object != NULL)
		oms_json_keys(check, object, row_keys, lengthof(row_keys), import);
	if (import->data == NULL)
		import->data = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	if (object != NULL && import->opened.at == OMS_NEVER && check->nproblems == 0)
		oms_json_problem(check, NULL, "%s has no \"opened_at\"", oms_json_thing(check));
	if (check->nproblems == 0)
		settle_dates(import, rules->graph);
}
