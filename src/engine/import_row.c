/*
 * import_row.c
 *		Reading a row that tells of a ticket which began elsewhere.
 *
 * Whoever fills rows from a spreadsheet has empty cells: a key whose value is null counts as left out.
 *
 * Pure: nothing here reads a table, a clock or a setting.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "engine/graph.h"
#include "engine/import.h"
#include "engine/moment.h"
#include "engine/path.h"

#define MAX_NOTES		1000

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
 * A time that is over.  A date alone is its first opening time, or its last closing time (min = 1).
 */
static void
check_time(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	const OmsImportRules *rules = rules_of(check);
	TimestampTz at;

	if (is_left_out(value) || !oms_json_type(check, value, jbvString, "text"))
		return;
	if (!oms_moment_read(value->val.string.val, value->val.string.len, rules->calendar,
						 rule->min == 1 ? OMS_MOMENT_DUE : OMS_MOMENT_START, &at) || at == OMS_NEVER)
		oms_json_problem(check, NULL, "%s is not a time in ISO 8601: \"%s\"", oms_json_thing(check),
						 oms_json_text(check, value));
	else if (at > rules->now)
		oms_json_problem(check, NULL, "%s is in the future: \"%s\"", oms_json_thing(check), oms_json_text(check, value));
	else
		*oms_rule_field(TimestampTz, target, rule) = at;
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
	{"queued_at", check_time, offsetof(OmsImportedStage, queued_at), 0, 0, false},
	{"finished_at", check_time, offsetof(OmsImportedStage, finished_at), 1, 0, false},
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

	if (stage->status == OMS_STAGE_DONE && stage->finished_at == OMS_NEVER)
		oms_json_problem(check, NULL, "%s is done, and has no \"finished_at\"", oms_json_thing(check));
	report_surplus(check, stage->finished_at != OMS_NEVER && !finished, "finished_at", "done or skipped");
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
		stage->status = stage->finished_at != OMS_NEVER ? OMS_STAGE_DONE : OMS_QUEUED;
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

		told->queued_at = told->finished_at = OMS_NEVER;
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
	TimestampTz p = ((const OmsImportedNote *) a)->at;
	TimestampTz q = ((const OmsImportedNote *) b)->at;

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
	qsort(import->notes, import->nnotes, sizeof(OmsImportedNote), compare_notes);
}

/* ---- the row ---- */

static const OmsKeyRule row_keys[] = {
	{"key", check_name, offsetof(OmsImport, key), 1, OMS_MAX_IMPORT_KEY, false},
	{"data", check_data, 0, 0, 0, false},
	{"opened_at", check_time, offsetof(OmsImport, opened_at), 0, 0, true},
	{"closed_at", check_time, offsetof(OmsImport, closed_at), 1, 0, false},
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
	import->opened_at = import->closed_at = OMS_NEVER;
	import->by_no = palloc0(sizeof(OmsImportedStage *) * rules->graph->nstages);
	check->context = unconstify(OmsImportRules *, rules);
	if (object != NULL)
		oms_json_keys(check, object, row_keys, lengthof(row_keys), import);
	if (import->data == NULL)
		import->data = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	if (object != NULL && import->opened_at == OMS_NEVER && check->nproblems == 0)
		oms_json_problem(check, NULL, "%s has no \"opened_at\"", oms_json_thing(check));
}
