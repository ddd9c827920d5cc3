/*
 * args.c
 *		The arguments of the SQL-callable functions, and the rows of their results.
 *
 * No function is STRICT: a NULL where none makes sense is an error, not a silent NULL.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "engine/definition.h"
#include "engine/graph.h"
#include "errors.h"
#include "guc.h"

static void
bad_argument(const char *what, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s %s", what, problem)));
}

/*
 * Raise an error if a document is larger than a setting allows.
 */
void
oms_check_size(const Jsonb *value, const char *what, int max_kb, const char *setting)
{
	if (VARSIZE(value) > (Size) max_kb * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too large", what),
				 errdetail("It has %d bytes, at most %d kB are possible.", (int) VARSIZE(value), max_kb),
				 errhint("The setting %s says how much.", setting)));
}

/*
 * Raise the first problem of a definition, if there is one.
 */
void
oms_raise_problem(const List *problems)
{
	OmsProblem *problem;

	if (problems == NIL)
		return;
	problem = linitial(problems);
	ereport(ERROR,
			(errcode(OMS_ERR_INVALID_DEFINITION),
			 errmsg("%s", problem->problem),
			 errdetail("%s", problem->path),
			 problem->hint == NULL ? 0 : errhint("%s", problem->hint)));
}

/*
 * The data of a ticket: an object, and "amount" in it, if there, a number.  Numbers in jsonb are
 * always finite.
 */
Jsonb *
oms_check_data(Jsonb *data)
{
	JsonbValue	buffer;
	JsonbValue *amount;

	oms_check_size(data, "data of a ticket", oms_max_data_size, "oms.max_data_size");
	if (!JB_ROOT_IS_OBJECT(data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("data of a ticket must be a JSON object")));
	amount = getKeyJsonValueFromContainer(&data->root, "amount", 6, &buffer);
	if (amount != NULL && amount->type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"amount\" in the data of a ticket must be a JSON number")));
	return data;
}

/*
 * Compile a definition or raise its first problem.
 */
OmsGraph *
oms_compile_or_error(Jsonb *definition)
{
	List	   *problems = NIL;
	OmsGraph   *graph = oms_definition_compile(definition, &problems);

	oms_raise_problem(problems);
	return graph;
}

/*
 * A text for a message: at most 100 bytes, whole characters.
 */
char *
oms_clipped(const text *value)
{
	const char *data = VARDATA_ANY(value);

	return pnstrdup(data, pg_mbcliplen(data, VARSIZE_ANY_EXHDR(value), 100));
}

void
oms_arg_required(FunctionCallInfo fcinfo, int n, const char *what)
{
	if (PG_ARGISNULL(n))
		bad_argument(what, "must not be null");
}

OmsTicketId
oms_arg_ticket(FunctionCallInfo fcinfo, int n)
{
	oms_arg_required(fcinfo, n, "ticket");
	return PG_GETARG_TICKET_ID(n);
}

static void
check_length(int len, const char *what, int max)
{
	if (len == 0)
		bad_argument(what, "must not be empty");
	if (len > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", what),
				 errdetail("It has %d bytes, at most %d are possible.", len, max)));
}

/*
 * A text of 1 to max bytes; NULL if the argument is.
 */
static char *
text_or_null(FunctionCallInfo fcinfo, int n, const char *what, int max)
{
	text	   *value;

	if (PG_ARGISNULL(n))
		return NULL;
	value = PG_GETARG_TEXT_PP(n);
	check_length(VARSIZE_ANY_EXHDR(value), what, max);
	return text_to_cstring(value);
}

/*
 * Raise an error unless this can be a note.
 */
void
oms_check_note(const char *note, const char *what)
{
	check_length(strlen(note), what, oms_max_note_size * 1024);
}

/*
 * Raise an error unless this can be a name: 1 to 63 bytes without control characters.
 */
void
oms_check_name(const char *name, const char *what)
{
	if (*name == '\0')
		bad_argument(what, "must not be empty");
	if (strlen(name) > OMS_MAX_NAME)
		bad_argument(what, "is too long");
	for (const char *p = name; *p != '\0'; p++)
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
			bad_argument(what, "must not contain control characters");
}

/*
 * A name, or NULL.
 */
char *
oms_arg_name_or_null(FunctionCallInfo fcinfo, int n, const char *what)
{
	char	   *name = text_or_null(fcinfo, n, what, OMS_MAX_NAME);

	if (name != NULL)
		oms_check_name(name, what);
	return name;
}

char *
oms_arg_name(FunctionCallInfo fcinfo, int n, const char *what)
{
	oms_arg_required(fcinfo, n, what);
	return oms_arg_name_or_null(fcinfo, n, what);
}

char *
oms_arg_note_or_null(FunctionCallInfo fcinfo, int n, const char *what)
{
	return text_or_null(fcinfo, n, what, oms_max_note_size * 1024);
}

char *
oms_arg_note(FunctionCallInfo fcinfo, int n, const char *what)
{
	oms_arg_required(fcinfo, n, what);
	return oms_arg_note_or_null(fcinfo, n, what);
}

char *
oms_arg_key_or_null(FunctionCallInfo fcinfo, int n, const char *what)
{
	return text_or_null(fcinfo, n, what, OMS_MAX_KEY);
}

/*
 * A length of time in microseconds, from min on.  A day counts 24 hours and a month 30 days, whatever
 * the calendar does meanwhile: a lease is a stopwatch.
 */
int64
oms_arg_duration(FunctionCallInfo fcinfo, int n, const char *what, int64 min)
{
	Interval   *interval;
	double		usecs;

	oms_arg_required(fcinfo, n, what);
	interval = PG_GETARG_INTERVAL_P(n);
	usecs = (double) interval->time +
		((double) interval->month * DAYS_PER_MONTH + interval->day) * USECS_PER_DAY;
	if (usecs < min)
		bad_argument(what, min > 0 ? "must be longer than zero" : "must not be negative");
	if (usecs > 366.0 * USECS_PER_DAY)
		bad_argument(what, "must not be longer than 366 days");
	return (int64) usecs;
}

/*
 * An output as it is stored: {}, null and NULL are no output.
 */
Jsonb *
oms_normal_output(Jsonb *output)
{
	JsonbValue	scalar;

	if (output == NULL || (JB_ROOT_IS_OBJECT(output) && JB_ROOT_COUNT(output) == 0))
		return NULL;
	if (JB_ROOT_IS_SCALAR(output) && JsonbExtractScalar(&output->root, &scalar) &&
		scalar.type == jbvNull)
		return NULL;
	return output;
}

/*
 * Add a row to a result, a ReturnSetInfo.
 */
void
oms_put_row(void *result, Datum *values, bool *nulls)
{
	ReturnSetInfo *rows = result;

	tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
}
