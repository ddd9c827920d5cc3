/*
 * path.c
 *		What the jsonpaths of a workflow give for a ticket.
 *
 * They are evaluated silently: what is missing or of the wrong type in the data makes an answer unknown, or finds
 * nothing, and raises no error.
 *
 * Pure: nothing here reads a table, a clock or a setting.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "engine/path.h"

/* Bytes of a value that a message shows */
#define MAX_SHOWN	40

/*
 * Evaluate; false if there is no answer.  Even when silent the server raises an error for what it cannot do
 * without a time zone; that is no answer either, and must not stop the ticket.  Nothing but memory is touched
 * in between, so no subtransaction is needed to go on.
 */
static bool
evaluate(PGFunction function, const OmsPath *path, Jsonb *data, Jsonb *outputs, Datum *answer)
{
	LOCAL_FCINFO(fcinfo, 4);
	MemoryContext old = CurrentMemoryContext;
	volatile Datum result = (Datum) 0;
	volatile bool known = false;

	InitFunctionCallInfoData(*fcinfo, NULL, 4, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = JsonbPGetDatum(data);
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = PointerGetDatum(path->path);
	fcinfo->args[1].isnull = false;
	fcinfo->args[2].value = JsonbPGetDatum(outputs);
	fcinfo->args[2].isnull = false;
	fcinfo->args[3].value = BoolGetDatum(true);
	fcinfo->args[3].isnull = false;

	PG_TRY();
	{
		result = function(fcinfo);
		known = !fcinfo->isnull;
	}
	PG_CATCH();
	{
		int			code;

		MemoryContextSwitchTo(old);
		code = geterrcode();
		if (code != ERRCODE_FEATURE_NOT_SUPPORTED &&
			ERRCODE_TO_CATEGORY(code) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	*answer = result;
	return known;
}

/*
 * The variables of a path when no stage has an output.
 */
Jsonb *
oms_path_no_outputs(void)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{\"stages\": {}}")));
}

/*
 * Is a predicate true?  Conditions were made strict when they were compiled: in lax mode a missing key would
 * compare as false.
 */
OmsTruth
oms_path_truth(const OmsPath *path, Jsonb *data, Jsonb *outputs)
{
	Datum		answer;

	if (!evaluate(jsonb_path_match, path, data, outputs, &answer))
		return OMS_UNKNOWN;
	return DatumGetBool(answer) ? OMS_TRUE : OMS_FALSE;
}

/*
 * All that a path finds, as an array; NULL if it cannot be evaluated.
 */
Jsonb *
oms_path_items(const OmsPath *path, Jsonb *data, Jsonb *outputs)
{
	Datum		answer;

	return evaluate(jsonb_path_query_array, path, data, outputs, &answer) ? DatumGetJsonbP(answer) : NULL;
}

/* A text as messages show it */
static const char *
shown(const JsonbValue *value)
{
	int			len = pg_mbcliplen(value->val.string.val, value->val.string.len, MAX_SHOWN);
	char	   *text = pnstrdup(value->val.string.val, len);

	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char) *p < ' ' || *p == 0x7F)
			*p = ' ';
	return psprintf("\"%s%s\"", text, len < value->val.string.len ? "..." : "");
}

/*
 * The moment that a path gives; OMS_NEVER if it finds nothing or null.  If the calendar does not open again, a
 * start has a problem and a due time is DT_NOEND: it never comes.  *problem: why what the path gives is no date,
 * to go after its name; else NULL.
 */
TimestampTz
oms_path_moment(const OmsPath *path, Jsonb *data, Jsonb *outputs, const OmsCalendar *calendar, OmsMomentKind kind,
				const char **problem)
{
	Jsonb	   *items = oms_path_items(path, data, outputs);
	JsonbValue *item;
	TimestampTz at = OMS_NEVER;

	*problem = NULL;
	if (items == NULL)
		*problem = "cannot be evaluated";
	else if (JB_ROOT_COUNT(items) > 1)
		*problem = psprintf("gives %d values instead of one date", JB_ROOT_COUNT(items));
	else if (JB_ROOT_COUNT(items) == 1)
	{
		item = getIthJsonbValueFromContainer(&items->root, 0);
		if (item->type == jbvNull)
			return OMS_NEVER;
		if (item->type != jbvString)
			*problem = "gives a value that is no date";
		else if (!oms_moment_read(item->val.string.val, item->val.string.len, calendar, kind, &at))
			*problem = psprintf("gives %s, which is no date", shown(item));
		else if (at == OMS_NEVER && kind == OMS_MOMENT_DUE)
			return DT_NOEND;
		else if (at == OMS_NEVER)
			*problem = psprintf("gives %s, and calendar %s is not open then or later", shown(item), calendar->name);
	}
	return at;
}

static List *
add_date_problem(List *problems, const OmsStageDef *stage, const char *key, const OmsPath *path, Jsonb *data)
{
	const char *problem;

	if (path->path == NULL || path->uses_stages)
		return problems;
	(void) oms_path_moment(path, data, oms_path_no_outputs(), NULL, OMS_MOMENT_DUE, &problem);
	return problem == NULL ? problems : lappend(problems, psprintf("%s of stage \"%s\" %s", key, stage->id, problem));
}

/*
 * The dates that stages take from the data alone must be dates, or not there: texts that say which are not.
 */
List *
oms_date_problems(const OmsGraph *graph, Jsonb *data)
{
	List	   *problems = NIL;

	for (int i = 0; graph->has_dates && i < graph->nstages; i++)
	{
		problems = add_date_problem(problems, &graph->stages[i], "startAt", &graph->stages[i].start_at, data);
		problems = add_date_problem(problems, &graph->stages[i], "dueAt", &graph->stages[i].due_at, data);
	}
	return problems;
}

/*
 * Refuse data of a new ticket in which a date that a path names is none.
 */
void
oms_check_dates(const OmsGraph *graph, Jsonb *data)
{
	List	   *problems = oms_date_problems(graph, data);

	if (problems != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s", (char *) linitial(problems)),
				 errhint("Write dates as 2026-03-05, 2026-03-05T09:00 or 2026-03-05T09:00:00Z.")));
}
