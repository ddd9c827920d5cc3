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

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"
#include "utils/varlena.h"

#include "engine/definition.h"
#include "engine/graph.h"
#include "engine/jsonpath_check.h"

#define MAX_KEYS			16		/* rows of the longest table of keys */
#define MAX_PROBLEMS		10000	/* problems that are listed */
#define MAX_STEPS			100		/* steps of an escalation */
#define MAX_SLA_DAYS		36500
#define MAX_PERCENT			10000	/* of an escalation step */
#define MAX_FACTOR			1000
#define MAX_CYCLE_IDS		20		/* ids that are printed of a cycle */
#define MAX_EXCERPT			63		/* bytes of the user's text in a message */
#define MAX_REASON			300		/* bytes of what the server says about a condition */
#define SUBJECT_SIZE		(OMS_MAX_NAME + 16)

/* Hints name the nearest id, which means comparing with all: for so many, and with so much work */
#define MAX_ID_HINTS		100
#define ID_HINT_BUDGET		INT64CONST(20000000)

/* A problem and its place: the stage's index (-1: before the stages), and when it was found */
typedef struct PlacedProblem
{
	OmsProblem	problem;
	int			stage;
	int			seq;
} PlacedProblem;

/* The state of one check */
typedef struct Check
{
	OmsGraph   *graph;
	List	   *problems;
	int			nproblems;		/* found, listed or not */

	StringInfoData path;		/* of the value that is looked at */
	int			inside;			/* where the part of path below the subject begins */
	bool		optional;		/* the value may be left out */
	char		subject[SUBJECT_SIZE];	/* "the workflow" or the stage, as messages name it */
	int			stage;			/* index of that stage, -1: none */

	int		   *first;			/* [no - 1]: the first stage with the same id */
	int		   *seen;			/* [no - 1]: the last stage that was seen to depend on it */
	int			nentries;		/* of this stage's dependsOn, good or not; -1: cannot be told */

	int			hints_left;
	int64		hint_budget;
} Check;

typedef struct KeyRule KeyRule;

/* Checks a value: reports what is wrong with it, or stores it in the struct that target is */
typedef void (*KeyCheck) (Check *check, JsonbValue *value, const KeyRule *rule, void *target);

struct KeyRule
{
	const char *key;
	KeyCheck	check;
	size_t		offset;			/* of the field in the target */
	int			min;			/* of a number, or of a text in bytes */
	int			max;
	bool		required;
};

#define rule_field(type, target, rule)	((type *) ((char *) (target) + (rule)->offset))

/* ---- problems ---- */

/*
 * Enough problems are listed; from here on they are only counted, and nobody reads their texts.
 */
static bool
is_full(const Check *check)
{
	return check->nproblems >= MAX_PROBLEMS;
}

/*
 * Report a problem at the current path.  The hint may be NULL; both texts must outlive the check.
 */
static void
add_problem(Check *check, const char *hint, const char *fmt,...) pg_attribute_printf(3, 4);

static void
add_problem(Check *check, const char *hint, const char *fmt,...)
{
	PlacedProblem *placed;
	char	   *text = NULL;
	size_t		size = 0;
	size_t		needed = 128;

	check->nproblems++;
	if (check->nproblems > MAX_PROBLEMS)
		return;
	while (needed > size)
	{
		va_list		args;

		size = needed;
		text = text ? repalloc(text, size) : palloc(size);
		va_start(args, fmt);
		needed = pvsnprintf(text, size, fmt, args);
		va_end(args);
	}
	placed = (PlacedProblem *) palloc(sizeof(PlacedProblem));
	placed->problem.path = pstrdup(check->path.data);
	placed->problem.problem = text;
	placed->problem.hint = hint;
	placed->stage = check->stage;
	placed->seq = check->nproblems;
	check->problems = lappend(check->problems, &placed->problem);
}

static int
compare_problems(const ListCell *a, const ListCell *b)
{
	const PlacedProblem *p = (const PlacedProblem *) lfirst(a);
	const PlacedProblem *q = (const PlacedProblem *) lfirst(b);

	if (p->stage != q->stage)
		return p->stage < q->stage ? -1 : 1;
	return p->seq < q->seq ? -1 : 1;
}

/*
 * The problems in the order of the definition.  Cycles are found last but stand with their stage.
 */
static List *
problems_in_order(Check *check)
{
	int			omitted = check->nproblems - list_length(check->problems);

	list_sort(check->problems, compare_problems);
	if (omitted > 0)
	{
		OmsProblem *last = (OmsProblem *) palloc(sizeof(OmsProblem));

		last->path = "$";
		last->problem = psprintf("%d more problems are not listed", omitted);
		last->hint = NULL;
		check->problems = lappend(check->problems, last);
	}
	return check->problems;
}

/* ---- where we are, and how messages name it ---- */

static int
enter_key(Check *check, const char *key)
{
	int			mark = check->path.len;

	appendStringInfoChar(&check->path, '.');
	appendStringInfoString(&check->path, key);
	return mark;
}

static int
enter_element(Check *check, int index)
{
	int			mark = check->path.len;
	char		digits[12];

	pg_ltoa(index, digits);
	appendStringInfoChar(&check->path, '[');
	appendStringInfoString(&check->path, digits);
	appendStringInfoChar(&check->path, ']');
	check->optional = false;
	return mark;
}

static void
leave(Check *check, int mark)
{
	check->path.len = mark;
	check->path.data[mark] = '\0';
}

/*
 * What the current path points to, in words: `retry.factor of stage "fund"`.
 */
static const char *
thing(Check *check)
{
	if (check->path.len <= check->inside || is_full(check))
		return check->subject;
	return psprintf("%s of %s", check->path.data + check->inside + 1, check->subject);
}

/*
 * The user's text as it may stand in a message: not too long, on one line.
 */
static const char *
one_line(const Check *check, const char *text, int len, int max)
{
	int			clipped = pg_mbcliplen(text, len, max);
	char	   *result;

	if (is_full(check))
		return "";
	result = psprintf("%.*s%s", clipped, text, clipped < len ? "..." : "");
	for (char *p = result; *p != '\0'; p++)
	{
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	return result;
}

static const char *
excerpt(const Check *check, const char *text, int len)
{
	return one_line(check, text, len, MAX_EXCERPT);
}

/*
 * The same of a value that is known to be text.
 */
static const char *
text_excerpt(const Check *check, const JsonbValue *value)
{
	return excerpt(check, value->val.string.val, value->val.string.len);
}

static const char *
number_excerpt(const Check *check, const JsonbValue *value)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out,
														   NumericGetDatum(value->val.numeric)));
	const char *result = excerpt(check, text, strlen(text));

	pfree(text);
	return result;
}

/* ---- types of values ---- */

static const char *
type_name(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			return "text";
		case jbvNumeric:
			return "a number";
		case jbvBool:
			return "a boolean";
		case jbvBinary:
			return JsonContainerIsObject(value->val.binary.data) ? "an object" : "an array";
		default:
			return "something else";
	}
}

static bool
looks_like_number(const JsonbValue *value)
{
	return value->type == jbvString && value->val.string.len > 0 &&
		(value->val.string.val[0] == '-' || isdigit((unsigned char) value->val.string.val[0]));
}

/*
 * Is the value of the type that is wanted?  If not, say so in words.
 */
static bool
is_type(Check *check, const JsonbValue *value, enum jbvType type, const char *wanted)
{
	const char *hint = NULL;

	if (value->type == type)
		return true;
	if (value->type == jbvNull && check->optional)
		hint = "Leave the key out if it has no value.";
	else if (type == jbvNumeric && looks_like_number(value))
		hint = "Write the number without quotes.";
	add_problem(check, hint, "%s must be %s, not %s", thing(check), wanted, type_name(value));
	return false;
}

/*
 * The container of an array or object, or NULL if the value is something else.
 */
static JsonbContainer *
array_of(Check *check, const JsonbValue *value)
{
	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
		return value->val.binary.data;
	is_type(check, value, jbvArray, "an array");
	return NULL;
}

static JsonbContainer *
object_of(Check *check, const JsonbValue *value)
{
	if (value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
		return value->val.binary.data;
	is_type(check, value, jbvObject, "an object");
	return NULL;
}

/*
 * Step to the next element of an array; false at its end.
 */
static bool
next_element(JsonbIterator **it, JsonbValue *element)
{
	JsonbIteratorToken token;

	CHECK_FOR_INTERRUPTS();
	while ((token = JsonbIteratorNext(it, element, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			return true;
	}
	return false;
}

static bool
has_key(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(object, key, strlen(key), &value) != NULL;
}

/* ---- nearest names, for hints ---- */

typedef struct Nearest
{
	const char *name;			/* NULL: none yet */
	int			distance;
} Nearest;

/*
 * Keep the candidate if it is nearer than those before it.  Both names are at most OMS_MAX_NAME
 * bytes, which is within the limit of the distance function.
 */
static void
offer(Nearest *nearest, const char *name, int len, const char *candidate)
{
	int			limit = nearest->name ? nearest->distance - 1 : OMS_MAX_NAME;
	int			distance;

	if (limit < 0)
		return;
	distance = varstr_levenshtein_less_equal(name, len, candidate, strlen(candidate),
											 1, 1, 1, limit, true);
	if (distance <= limit)
	{
		nearest->name = candidate;
		nearest->distance = distance;
	}
}

/*
 * A hint for an unknown id: the nearest of the other stages, however far.  NULL if there is none,
 * or if enough was spent on hints.
 */
static const char *
nearest_id_hint(Check *check, const char *name, int len)
{
	OmsGraph   *graph = check->graph;
	Nearest		nearest = {NULL, 0};

	if (len < 1 || len > OMS_MAX_NAME || check->hints_left-- <= 0)
		return NULL;
	for (int i = 0; i < graph->nstages; i++)
	{
		const char *id = graph->stages[i].id;

		CHECK_FOR_INTERRUPTS();
		if (i == check->stage || id[0] == '\0')
			continue;
		check->hint_budget -= len * strlen(id);
		if (check->hint_budget < 0)
			return NULL;
		offer(&nearest, name, len, id);
	}
	return nearest.name ? psprintf("The nearest stage id is \"%s\".", nearest.name) : NULL;
}

/*
 * A hint for an unknown key: the known one that was probably meant, or all of them.
 */
static const char *
nearest_key_hint(const char *key, int len, const KeyRule *rules, int nrules)
{
	Nearest		nearest = {NULL, 0};
	StringInfoData all;

	initStringInfo(&all);
	appendStringInfoString(&all, "Known keys are");
	for (int i = 0; i < nrules; i++)
	{
		if (len <= OMS_MAX_NAME)
			offer(&nearest, key, len, rules[i].key);
		appendStringInfo(&all, "%s %s", i == 0 ? "" : ",", rules[i].key);
	}
	if (nearest.name != NULL && nearest.distance <= Max(len, (int) strlen(nearest.name)) / 2)
		return psprintf("Did you mean \"%s\"?", nearest.name);
	appendStringInfoChar(&all, '.');
	return all.data;
}

/* ---- objects ---- */

static bool
is_plain_key(const char *key, int len)
{
	for (int i = 0; i < len; i++)
	{
		unsigned char c = key[i];

		if (!(c == '_' || (c < 0x80 && (isalpha(c) || (i > 0 && isdigit(c))))))
			return false;
	}
	return len > 0;
}

static void
report_unknown_key(Check *check, const JsonbValue *key, const KeyRule *rules, int nrules)
{
	const char *name = key->val.string.val;
	int			len = key->val.string.len;
	const char *place = thing(check);
	const char *shown = excerpt(check, name, len);
	int			mark = check->path.len;

	appendStringInfoChar(&check->path, '.');
	if (len <= MAX_EXCERPT && is_plain_key(name, len))
		appendStringInfoString(&check->path, shown);
	else
		escape_json(&check->path, shown);
	add_problem(check, is_full(check) ? NULL : nearest_key_hint(name, len, rules, nrules),
				"unknown key \"%s\" in %s", shown, place);
	leave(check, mark);
}

static int
find_rule(const JsonbValue *key, const KeyRule *rules, int nrules)
{
	for (int i = 0; i < nrules; i++)
	{
		if (strlen(rules[i].key) == key->val.string.len &&
			memcmp(rules[i].key, key->val.string.val, key->val.string.len) == 0)
			return i;
	}
	return -1;
}

/*
 * Sort the values of an object by the rows of its table; report keys that have no row.
 */
static void
collect_keys(Check *check, JsonbContainer *object, const KeyRule *rules, int nrules,
			 JsonbValue *values, bool *present)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	value;
	int			row = -1;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (token == WJB_KEY)
		{
			row = find_rule(&value, rules, nrules);
			if (row < 0)
				report_unknown_key(check, &value, rules, nrules);
		}
		else if (token == WJB_VALUE && row >= 0)
		{
			values[row] = value;
			present[row] = true;
		}
	}
}

/*
 * Check an object against its table.  Values are looked at in the order of the table, not in that
 * of jsonb, which sorts keys by their length: so a rule may rely on the rows above it.
 */
static void
check_object(Check *check, JsonbContainer *object, const KeyRule *rules, int nrules, void *target)
{
	JsonbValue	values[MAX_KEYS];
	bool		present[MAX_KEYS] = {false};

	Assert(nrules <= MAX_KEYS);
	collect_keys(check, object, rules, nrules, values, present);
	for (int i = 0; i < nrules; i++)
	{
		if (present[i])
		{
			int			mark = enter_key(check, rules[i].key);

			check->optional = !rules[i].required;
			rules[i].check(check, &values[i], &rules[i], target);
			leave(check, mark);
		}
		else if (rules[i].required)
			add_problem(check, NULL, "%s has no \"%s\"", thing(check), rules[i].key);
	}
}

/* ---- texts ---- */

static bool
has_control_character(const char *text, int len)
{
	for (int i = 0; i < len; i++)
	{
		if ((unsigned char) text[i] < 0x20 || text[i] == 0x7f)
			return true;
	}
	return false;
}

/*
 * What is wrong with a text as a name or label, or NULL.
 */
static const char *
text_fault(const JsonbValue *value, int max)
{
	int			len = value->val.string.len;

	if (len == 0)
		return "is empty";
	if (len > max)
		return psprintf("is %d bytes long, at most %d are allowed", len, max);
	if (has_control_character(value->val.string.val, len))
		return "contains a control character";
	return NULL;
}

static void
check_name(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	const char *fault;

	if (!is_type(check, value, jbvString, "text"))
		return;
	fault = text_fault(value, rule->max);
	if (fault != NULL)
		add_problem(check, NULL, "%s %s", thing(check), fault);
	else
		*rule_field(const char *, target, rule) = pnstrdup(value->val.string.val,
														   value->val.string.len);
}

static void
check_description(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	if (!is_type(check, value, jbvString, "text"))
		return;
	if (value->val.string.len > rule->max)
		add_problem(check, NULL, "%s is %d bytes long, at most %d are allowed",
					thing(check), value->val.string.len, rule->max);
	else
		*rule_field(const char *, target, rule) = pnstrdup(value->val.string.val,
														   value->val.string.len);
}

static void
check_prefix(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	uint32		code;
	char	   *prefix;

	if (!is_type(check, value, jbvString, "text"))
		return;
	if (!oms_ticket_prefix_encode(value->val.string.val, value->val.string.len, &code))
	{
		add_problem(check, "A prefix is one to four letters A to Z, as in DL-2026-00091.",
					"%s cannot be \"%s\"", thing(check),
					text_excerpt(check, value));
		return;
	}
	prefix = pnstrdup(value->val.string.val, value->val.string.len);
	for (char *p = prefix; *p != '\0'; p++)
		*p = pg_ascii_toupper((unsigned char) *p);
	*rule_field(const char *, target, rule) = prefix;
}

/*
 * The id of a stage was read before; here its problems are reported in their place.
 */
static void
check_id(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	const char *fault;
	int			first = check->first[check->stage];

	if (!is_type(check, value, jbvString, "text"))
		return;
	fault = text_fault(value, rule->max);
	if (fault != NULL)
		add_problem(check, NULL, "%s %s", thing(check), fault);
	else if (first != check->stage + 1)
		add_problem(check, psprintf("The first one is $.stages[%d]; ids are unique in a workflow.",
									first - 1),
					"duplicate stage id \"%s\"", oms_graph_stage(check->graph, first)->id);
}

/* ---- numbers ---- */

static int
compare_to_int(Numeric number, int64 other)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(number),
											 NumericGetDatum(int64_to_numeric(other))));
}

/*
 * Take a value as a whole number of a range, or report why it is none.
 */
static bool
whole_number(Check *check, JsonbValue *value, int min, int max, int *result)
{
	bool		overflow = false;
	int			number;

	if (!is_type(check, value, jbvNumeric, "a number"))
		return false;
	number = numeric_int4_opt_error(value->val.numeric, &overflow);
	if (!overflow && compare_to_int(value->val.numeric, number) != 0)
	{
		add_problem(check, NULL, "%s must be a whole number, not %s",
					thing(check), number_excerpt(check, value));
		return false;
	}
	if (overflow || number < min || number > max)
	{
		add_problem(check, NULL, "%s must be from %d to %d, not %s",
					thing(check), min, max, number_excerpt(check, value));
		return false;
	}
	*result = number;
	return true;
}

static void
check_int(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	whole_number(check, value, rule->min, rule->max, rule_field(int, target, rule));
}

/*
 * minAmount may have a fraction and may be beyond any integer type, as amounts may.
 */
static void
check_amount(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	Numeric		number;

	if (!is_type(check, value, jbvNumeric, "a number"))
		return;
	number = value->val.numeric;
	if (numeric_is_nan(number) || numeric_is_inf(number) || compare_to_int(number, 0) < 0)
		add_problem(check, NULL, "%s must be a number from 0 up, not %s",
					thing(check), number_excerpt(check, value));
	else
		*rule_field(Numeric, target, rule) = DatumGetNumericCopy(NumericGetDatum(number));
}

static void
check_factor(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	Numeric		number;

	if (!is_type(check, value, jbvNumeric, "a number"))
		return;
	number = value->val.numeric;
	if (numeric_is_nan(number) ||
		compare_to_int(number, rule->min) < 0 || compare_to_int(number, rule->max) > 0)
		add_problem(check, NULL, "%s must be from %d to %d, not %s",
					thing(check), rule->min, rule->max, number_excerpt(check, value));
	else
		*rule_field(double, target, rule) =
			DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(number)));
}

static void
check_boolean(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	if (is_type(check, value, jbvBool, "true or false"))
		*rule_field(bool, target, rule) = value->val.boolean;
}

/* ---- references to other stages ---- */

/*
 * The number of the stage that a value names, or 0.  A duplicate id means the first of its stages.
 */
static int
named_stage(Check *check, JsonbValue *value)
{
	const char *name;
	int			len;
	int			no;

	if (!is_type(check, value, jbvString, "text"))
		return 0;
	name = value->val.string.val;
	len = value->val.string.len;
	no = len > 0 ? oms_graph_find(check->graph, name, len) : 0;
	if (no > 0)
		return check->first[no - 1];
	add_problem(check, nearest_id_hint(check, name, len), "%s names the unknown stage \"%s\"",
				thing(check), text_excerpt(check, value));
	return 0;
}

static bool
is_this_stage(Check *check, int no)
{
	return no == check->first[check->stage];
}

static void
add_dependency(Check *check, OmsStageDef *stage, JsonbValue *value)
{
	int			no = named_stage(check, value);

	if (no == 0)
		return;
	if (is_this_stage(check, no))
		add_problem(check, NULL, "%s depends on itself", check->subject);
	else if (check->seen[no - 1] == check->stage + 1)
		add_problem(check, NULL, "%s depends on \"%s\" twice",
					check->subject, oms_graph_stage(check->graph, no)->id);
	else
	{
		check->seen[no - 1] = check->stage + 1;
		stage->deps[stage->ndeps++] = no;
	}
}

static void
check_depends_on(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	OmsStageDef *stage = (OmsStageDef *) target;
	JsonbContainer *array = array_of(check, value);
	JsonbIterator *it;
	JsonbValue	element;

	check->nentries = -1;
	if (array == NULL)
		return;
	if (JsonContainerSize(array) > OMS_MAX_STAGES)
	{
		add_problem(check, NULL, "%s has %u entries, at most %d are allowed",
					thing(check), JsonContainerSize(array), OMS_MAX_STAGES);
		return;
	}
	check->nentries = JsonContainerSize(array);
	stage->deps = (int *) palloc(sizeof(int) * Max(check->nentries, 1));
	it = JsonbIteratorInit(array);
	for (int i = 0; next_element(&it, &element); i++)
	{
		int			mark = enter_element(check, i);

		add_dependency(check, stage, &element);
		leave(check, mark);
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
check_join(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	OmsStageDef *stage = (OmsStageDef *) target;

	if (is_text(value, "all"))
		stage->need = stage->ndeps;
	else if (is_text(value, "any"))
		stage->need = Min(stage->ndeps, 1);
	else if (value->type != jbvNumeric)
		add_problem(check, NULL, "%s must be \"all\", \"any\" or a number, not %s", thing(check),
					value->type != jbvString ? type_name(value) :
					psprintf("\"%s\"", text_excerpt(check, value)));
	else if (check->nentries == 0)
		add_problem(check, NULL, "%s is a number, but the stage depends on nothing", thing(check));
	else
		whole_number(check, value, 1, check->nentries < 0 ? PG_INT32_MAX : check->nentries,
					 &stage->need);
}

static void
check_not_same_as(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	int			no = named_stage(check, value);

	if (no > 0 && is_this_stage(check, no))
		add_problem(check, "Name the stage that somebody else must have done.",
					"%s names the stage itself", thing(check));
	else
		*rule_field(int, target, rule) = no;
}

/* ---- conditions ---- */

static void
report_unknown_variables(Check *check, const OmsCondition *condition)
{
	ListCell   *lc;

	foreach(lc, condition->unknown)
	{
		const char *name = (const char *) lfirst(lc);

		add_problem(check, "A condition knows $, the data of the ticket, and $stages, the outputs "
					"of finished stages by id.",
					"%s uses the unknown variable $%s",
					thing(check), excerpt(check, name, strlen(name)));
	}
}

/*
 * A condition on the output of a stage that does not exist is never known to be false.
 */
static void
report_unknown_stages(Check *check, const OmsCondition *condition)
{
	ListCell   *lc;

	foreach(lc, condition->names)
	{
		const char *name = (const char *) lfirst(lc);
		int			len = strlen(name);

		if (oms_graph_find(check->graph, name, len) == 0)
			add_problem(check, nearest_id_hint(check, name, len), "%s uses the output of the unknown stage \"%s\"",
						thing(check), excerpt(check, name, len));
	}
}

static void
check_when(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	OmsStageDef *stage = (OmsStageDef *) target;
	OmsCondition condition;

	if (!is_type(check, value, jbvString, "text"))
		return;
	if (value->val.string.len > OMS_MAX_CONDITION)
	{
		add_problem(check, NULL, "%s is %d bytes long, at most %d are allowed",
					thing(check), value->val.string.len, OMS_MAX_CONDITION);
		return;
	}
	oms_condition_read(pnstrdup(value->val.string.val, value->val.string.len), &condition);
	if (condition.error != NULL)
		add_problem(check, "A condition is a jsonpath predicate, such as $.amount >= 50000.",
					"%s is not a valid jsonpath: %s", thing(check),
					one_line(check, condition.error, strlen(condition.error), MAX_REASON));
	if (condition.explicit_lax)
		add_problem(check, "Leave out \"lax\": conditions are always strict, so that a stage is "
					"never skipped because data is missing.",
					"%s asks for lax mode", thing(check));
	if (condition.too_complex)
		add_problem(check, NULL, "%s is nested too deeply or too long", thing(check));
	report_unknown_variables(check, &condition);
	report_unknown_stages(check, &condition);
	stage->when = condition.path;
	stage->when_stages = condition.uses_stages;
	stage->when_names = condition.names;
	stage->when_all = condition.all_stages;
}

/* ---- retry, warnings, escalation ---- */

static const KeyRule retry_keys[] = {
	{"maxAttempts", check_int, offsetof(OmsStageDef, max_attempts), 1, PG_INT32_MAX, false},
	{"backoffSecs", check_int, offsetof(OmsStageDef, backoff_secs), 0, PG_INT32_MAX, false},
	{"factor", check_factor, offsetof(OmsStageDef, factor), 1, MAX_FACTOR, false},
	{"maxSecs", check_int, offsetof(OmsStageDef, max_secs), 0, PG_INT32_MAX, false},
};

static void
check_retry(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	JsonbContainer *object = object_of(check, value);

	if (object != NULL)
		check_object(check, object, retry_keys, lengthof(retry_keys), target);
}

/*
 * Mark each good percentage; false if it was marked before.
 */
static void
add_percentage(Check *check, JsonbValue *value, bool *marked)
{
	int			percent;

	if (!whole_number(check, value, 1, 100, &percent))
		return;
	if (marked[percent])
		add_problem(check, NULL, "%s is %d a second time", thing(check), percent);
	marked[percent] = true;
}

static void
check_warn_at(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	OmsStageDef *stage = (OmsStageDef *) target;
	JsonbContainer *array = array_of(check, value);
	bool		marked[101] = {false};
	JsonbIterator *it;
	JsonbValue	element;

	if (array == NULL)
		return;
	if (JsonContainerSize(array) > 100)
	{
		add_problem(check, NULL, "%s has %u entries, but there are only 100 percentages",
					thing(check), JsonContainerSize(array));
		return;
	}
	it = JsonbIteratorInit(array);
	for (int i = 0; next_element(&it, &element); i++)
	{
		int			mark = enter_element(check, i);

		add_percentage(check, &element, marked);
		leave(check, mark);
	}
	stage->warn_at = (int *) palloc(sizeof(int) * Max(JsonContainerSize(array), 1));
	for (int percent = 1; percent <= 100; percent++)
	{
		if (marked[percent])
			stage->warn_at[stage->nwarn++] = percent;
	}
}

/*
 * The number that a text of nothing but digits stands for, or -1.
 */
static int64
digits_value(const char *text, int len)
{
	int64		value = 0;

	if (len < 1 || len > 10)
		return -1;
	for (int i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/*
 * When a step is due: "80%" of the limit, or "+60m" after the due time.
 */
static bool
parse_at(const char *text, int len, OmsEscalationStep *step)
{
	int64		number;

	if (len >= 2 && text[len - 1] == '%')
	{
		number = digits_value(text, len - 1);
		step->unit = OMS_AT_PERCENT;
		step->at = (int) number;
		return number >= 1 && number <= MAX_PERCENT;
	}
	if (len >= 3 && text[0] == '+' && text[len - 1] == 'm')
	{
		number = digits_value(text + 1, len - 2);
		step->unit = OMS_AT_MINUTES;
		step->at = (int) number;
		return number >= 0 && number <= PG_INT32_MAX;
	}
	return false;
}

static void
check_at(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	if (!is_type(check, value, jbvString, "text"))
		return;
	if (!parse_at(value->val.string.val, value->val.string.len, (OmsEscalationStep *) target))
		add_problem(check, "Write \"80%\" for a part of the limit (1% to 10000%), or \"+60m\" for "
					"minutes after the due time.",
					"%s cannot be \"%s\"", thing(check),
					text_excerpt(check, value));
}

static const KeyRule step_keys[] = {
	{"at", check_at, 0, 0, 0, true},
	{"notify", check_name, offsetof(OmsEscalationStep, notify), 1, OMS_MAX_NAME, false},
	{"reassignTo", check_name, offsetof(OmsEscalationStep, reassign_to), 1, OMS_MAX_NAME, false},
	{"everyMins", check_int, offsetof(OmsEscalationStep, every_mins), 1, PG_INT32_MAX, false},
	{"max", check_int, offsetof(OmsEscalationStep, max_times), 1, PG_INT32_MAX, false},
};

static void
check_step(Check *check, JsonbValue *value, OmsEscalationStep *step)
{
	JsonbContainer *object = object_of(check, value);

	if (object == NULL)
		return;
	check_object(check, object, step_keys, lengthof(step_keys), step);
	if (!has_key(object, "notify") && !has_key(object, "reassignTo"))
		add_problem(check, "Say whom to notify, or whom to reassign the stage to.",
					"%s has neither \"notify\" nor \"reassignTo\"", thing(check));
	if (has_key(object, "max") && !has_key(object, "everyMins"))
		add_problem(check, "\"max\" is how many times a step repeats every \"everyMins\" minutes.",
					"%s has \"max\" without \"everyMins\"", thing(check));
}

static void
check_escalation(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	OmsStageDef *stage = (OmsStageDef *) target;
	JsonbContainer *array = array_of(check, value);
	JsonbIterator *it;
	JsonbValue	element;

	if (array == NULL)
		return;
	if (JsonContainerSize(array) > MAX_STEPS)
	{
		add_problem(check, NULL, "%s has %u entries, at most %d are allowed",
					thing(check), JsonContainerSize(array), MAX_STEPS);
		return;
	}
	stage->nsteps = JsonContainerSize(array);
	stage->steps = (OmsEscalationStep *) palloc0(sizeof(OmsEscalationStep) * Max(stage->nsteps, 1));
	it = JsonbIteratorInit(array);
	for (int i = 0; next_element(&it, &element); i++)
	{
		int			mark = enter_element(check, i);

		check_step(check, &element, &stage->steps[i]);
		leave(check, mark);
	}
}

/* ---- stages ---- */

/* id stands first, since messages name the stage; join needs dependsOn above it */
static const KeyRule stage_keys[] = {
	{"id", check_id, offsetof(OmsStageDef, id), 1, OMS_MAX_NAME, true},
	{"owner", check_name, offsetof(OmsStageDef, owner), 1, OMS_MAX_NAME, true},
	{"label", check_name, offsetof(OmsStageDef, label), 1, OMS_MAX_LABEL, false},
	{"publicOwner", check_name, offsetof(OmsStageDef, public_owner), 1, OMS_MAX_LABEL, false},
	{"calendar", check_name, offsetof(OmsStageDef, calendar), 1, OMS_MAX_NAME, false},
	{"slaMins", check_int, offsetof(OmsStageDef, sla_mins), 0, PG_INT32_MAX, false},
	{"slaDays", check_int, offsetof(OmsStageDef, sla_days), 1, MAX_SLA_DAYS, false},
	{"dependsOn", check_depends_on, 0, 0, 0, false},
	{"join", check_join, 0, 0, 0, false},
	{"minAmount", check_amount, offsetof(OmsStageDef, min_amount), 0, 0, false},
	{"when", check_when, 0, 0, 0, false},
	{"retry", check_retry, 0, 0, 0, false},
	{"warnAt", check_warn_at, 0, 0, 0, false},
	{"escalation", check_escalation, 0, 0, 0, false},
	{"notSameAs", check_not_same_as, offsetof(OmsStageDef, not_same_as), 0, 0, false},
	{"manual", check_boolean, offsetof(OmsStageDef, manual), 0, 0, false},
};

StaticAssertDecl(lengthof(stage_keys) <= MAX_KEYS, "MAX_KEYS is too small");

static void
set_stage_defaults(OmsStageDef *stage)
{
	stage->id = "";
	stage->sla_mins = -1;
	stage->sla_days = -1;
	stage->need = -1;
	stage->max_attempts = 3;
	stage->backoff_secs = 30;
	stage->factor = 2;
	stage->max_secs = 3600;
}

/*
 * The rules between the keys of a time limit.  A key counts as given even if its value is wrong.
 */
static bool
has_limit(Check *check, JsonbContainer *object)
{
	bool		mins = has_key(object, "slaMins");
	bool		days = has_key(object, "slaDays");

	if (mins && days)
		add_problem(check, "A limit is either minutes of open time or open dates.",
					"%s has both \"slaMins\" and \"slaDays\"", check->subject);
	return mins || days;
}

/*
 * What needs a time limit.
 */
static void
check_clock(Check *check, JsonbContainer *object, OmsStageDef *stage)
{
	const char *hint = "Without a time limit there is no clock: add \"slaMins\" or \"slaDays\".";

	if (has_limit(check, object))
		return;
	if (stage->nwarn > 0)
		add_problem(check, hint, "%s has \"warnAt\" but no time limit", check->subject);
	if (stage->nsteps > 0)
		add_problem(check, hint, "%s has \"escalation\" but no time limit", check->subject);
}

/*
 * From here on problems are those of the i-th stage, whose path is the current one.
 */
static void
enter_stage(Check *check, int i)
{
	const char *id = check->graph->stages[i].id;

	check->stage = i;
	check->inside = check->path.len;
	check->nentries = 0;
	if (id[0] != '\0')
		snprintf(check->subject, SUBJECT_SIZE, "stage \"%s\"", id);
	else
		snprintf(check->subject, SUBJECT_SIZE, "stages[%d]", i);
}

static void
enter_workflow(Check *check)
{
	check->stage = -1;
	check->inside = 1;
	strlcpy(check->subject, "the workflow", SUBJECT_SIZE);
}

static void
check_stage(Check *check, JsonbValue *value, int i)
{
	OmsStageDef *stage = &check->graph->stages[i];
	int			mark = enter_element(check, i);
	JsonbContainer *object;

	enter_stage(check, i);
	object = object_of(check, value);
	if (object != NULL)
	{
		check_object(check, object, stage_keys, lengthof(stage_keys), stage);
		check_clock(check, object, stage);
		if (stage->need < 0)
			stage->need = stage->ndeps;
	}
	leave(check, mark);
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

	for (int i = 0; next_element(&it, &element); i++)
	{
		JsonbValue	id;

		set_stage_defaults(&graph->stages[i]);
		if (element.type == jbvBinary && JsonContainerIsObject(element.val.binary.data) &&
			getKeyJsonValueFromContainer(element.val.binary.data, "id", 2, &id) != NULL &&
			id.type == jbvString && text_fault(&id, OMS_MAX_NAME) == NULL)
			graph->stages[i].id = pnstrdup(id.val.string.val, id.val.string.len);
	}
}

/*
 * For each stage, the first one with the same id.  Equal ids are neighbours in by_id, in any order.
 */
static void
find_duplicates(Check *check)
{
	OmsGraph   *graph = check->graph;
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
			check->first[graph->by_id[i] - 1] = id[0] == '\0' ? graph->by_id[i] : first;
	}
}

/* ---- cycles ---- */

/* A walk along dependsOn: the stages from where it began to where it is */
typedef struct Walk
{
	int		   *trail;
	int			length;
	int		   *place;			/* [no - 1]: 1 + place on the trail, 0: not on it */
	int		   *next;			/* [no - 1]: the dependency to follow next */
	bool	   *over;			/* [no - 1]: nothing left to find */
} Walk;

static void
walk_on(Walk *walk, int no)
{
	walk->trail[walk->length++] = no;
	walk->place[no - 1] = walk->length;
}

static void
walk_back(Walk *walk, int length)
{
	while (walk->length > length)
	{
		int			no = walk->trail[--walk->length];

		walk->place[no - 1] = 0;
		walk->over[no - 1] = true;
	}
}

/*
 * Report a cycle of n stages, beginning with the one that stands first in the definition.
 */
static void
report_cycle(Check *check, const int *cycle, int n)
{
	StringInfoData text;
	int			start = 0;
	int			mark = check->path.len;

	for (int i = 1; i < n; i++)
	{
		if (cycle[i] < cycle[start])
			start = i;
	}
	initStringInfo(&text);
	for (int i = 0; i < n; i++)
	{
		if (n > MAX_CYCLE_IDS && i == MAX_CYCLE_IDS / 2)
		{
			appendStringInfoString(&text, "... -> ");
			i = n - MAX_CYCLE_IDS / 2;
		}
		appendStringInfo(&text, "%s -> ",
						 oms_graph_stage(check->graph, cycle[(start + i) % n])->id);
	}
	appendStringInfoString(&text, oms_graph_stage(check->graph, cycle[start])->id);
	check->stage = cycle[start] - 1;
	enter_element(check, check->stage);
	enter_key(check, "dependsOn");
	add_problem(check, "Read a -> b as: a depends on b.", "dependency cycle: %s", text.data);
	leave(check, mark);
	check->stage = -1;
}

/*
 * Walk from a stage until nothing is left.  When the walk meets its own trail, that is a cycle; its
 * stages are then taken out, so cycles that share a stage are reported as one.
 */
static void
walk_from(Check *check, Walk *walk, int no)
{
	walk_on(walk, no);
	while (walk->length > 0)
	{
		int			here = walk->trail[walk->length - 1];
		OmsStageDef *stage = oms_graph_stage(check->graph, here);
		int			dep;

		CHECK_FOR_INTERRUPTS();
		if (walk->next[here - 1] >= stage->ndeps)
		{
			walk_back(walk, walk->length - 1);
			continue;
		}
		dep = stage->deps[walk->next[here - 1]++];
		if (walk->over[dep - 1])
			continue;
		if (walk->place[dep - 1] == 0)
			walk_on(walk, dep);
		else
		{
			int			start = walk->place[dep - 1] - 1;

			report_cycle(check, walk->trail + start, walk->length - start);
			walk_back(walk, start);
		}
	}
}

/*
 * Find cycles among the good dependencies: each stage and each dependency is passed once.
 */
static void
check_cycles(Check *check)
{
	int			n = check->graph->nstages;
	Walk		walk;

	walk.trail = (int *) palloc(sizeof(int) * n);
	walk.place = (int *) palloc0(sizeof(int) * n);
	walk.next = (int *) palloc0(sizeof(int) * n);
	walk.over = (bool *) palloc0(sizeof(bool) * n);
	walk.length = 0;
	for (int no = 1; no <= n; no++)
	{
		if (!walk.over[no - 1])
			walk_from(check, &walk, no);
	}
	pfree(walk.trail);
	pfree(walk.place);
	pfree(walk.next);
	pfree(walk.over);
}

/* ---- the workflow ---- */

static void
check_every_stage(Check *check, JsonbContainer *array)
{
	OmsGraph   *graph = check->graph;
	JsonbIterator *it;
	JsonbValue	element;

	graph->nstages = JsonContainerSize(array);
	graph->stages = (OmsStageDef *) palloc0(sizeof(OmsStageDef) * graph->nstages);
	check->first = (int *) palloc0(sizeof(int) * graph->nstages);
	check->seen = (int *) palloc0(sizeof(int) * graph->nstages);
	read_ids(graph, array);
	oms_graph_index(graph);
	find_duplicates(check);
	it = JsonbIteratorInit(array);
	for (int i = 0; next_element(&it, &element); i++)
		check_stage(check, &element, i);
	check_cycles(check);
	pfree(check->first);
	pfree(check->seen);
}

static void
check_stages(Check *check, JsonbValue *value, const KeyRule *rule, void *target)
{
	JsonbContainer *array = array_of(check, value);
	uint32		n;

	if (array == NULL)
		return;
	n = JsonContainerSize(array);
	if (n < 1)
		add_problem(check, NULL, "%s is empty", thing(check));
	else if (n > OMS_MAX_STAGES)
		add_problem(check, NULL, "%s has %u entries, at most %d are allowed",
					thing(check), n, OMS_MAX_STAGES);
	else
		check_every_stage(check, array);
}

static const KeyRule workflow_keys[] = {
	{"name", check_name, offsetof(OmsGraph, name), 1, OMS_MAX_NAME, true},
	{"prefix", check_prefix, offsetof(OmsGraph, prefix), 0, 0, false},
	{"description", check_description, offsetof(OmsGraph, description),
	 0, OMS_MAX_DESCRIPTION, false},
	{"owner", check_name, offsetof(OmsGraph, owner), 1, OMS_MAX_NAME, false},
	{"slaMins", check_int, offsetof(OmsGraph, sla_mins), 0, PG_INT32_MAX, false},
	{"slaDays", check_int, offsetof(OmsGraph, sla_days), 1, MAX_SLA_DAYS, false},
	{"calendar", check_name, offsetof(OmsGraph, calendar), 1, OMS_MAX_NAME, false},
	{"stages", check_stages, 0, 0, 0, true},
};

/*
 * What the definition is, as a value: jsonb wraps a lone scalar into an array.
 */
static void
check_workflow(Check *check, Jsonb *definition)
{
	JsonbValue	value;

	if (!JsonContainerIsScalar(&definition->root))
	{
		value.type = jbvBinary;
		value.val.binary.data = &definition->root;
		value.val.binary.len = VARSIZE(definition) - VARHDRSZ;
	}
	else if (!JsonbExtractScalar(&definition->root, &value))
		value.type = jbvNull;
	if (object_of(check, &value) == NULL)
		return;
	check_object(check, value.val.binary.data, workflow_keys, lengthof(workflow_keys), check->graph);
	has_limit(check, value.val.binary.data);
}

/* ---- what follows from a good definition ---- */

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/*
 * Does a word begin at p?  After anything but a letter, at a capital in camelCase, and at the last
 * capital of an acronym: the P of HTMLParser.
 */
static bool
begins_word(const char *text, const char *p)
{
	if (!is_upper(*p) && !is_lower(*p))
		return false;
	if (p == text || (!is_upper(p[-1]) && !is_lower(p[-1])))
		return true;
	return is_upper(*p) && (is_lower(p[-1]) || is_lower(p[1]));
}

static const char *
prefix_of_name(const char *name)
{
	char	   *prefix = (char *) palloc0(5);
	int			len = 0;

	for (const char *p = name; *p != '\0' && len < 4; p++)
	{
		if (begins_word(name, p))
			prefix[len++] = pg_ascii_toupper((unsigned char) *p);
	}
	return len > 0 ? prefix : "T";
}

static void
add_calendar(OmsGraph *graph, const char *name)
{
	ListCell   *cell;

	if (name == NULL)
		return;
	foreach(cell, graph->calendars)
		if (strcmp(lfirst(cell), name) == 0)
			return;
	graph->calendars = lappend(graph->calendars, unconstify(char *, name));
}

/*
 * The calendars that must be there when a ticket is opened.
 */
static void
list_calendars(OmsGraph *graph)
{
	add_calendar(graph, graph->calendar);
	for (int i = 0; i < graph->nstages; i++)
		add_calendar(graph, graph->stages[i].calendar);
}

/*
 * Stages that another worker has to do are known to both.
 */
static void
link_others(OmsGraph *graph)
{
	for (int i = 0; i < graph->nstages; i++)
		if (graph->stages[i].not_same_as != 0)
		{
			graph->stages[i].nothers++;
			oms_graph_stage(graph, graph->stages[i].not_same_as)->nothers++;
		}
	for (int i = 0; i < graph->nstages; i++)
	{
		OmsStageDef *stage = &graph->stages[i];

		if (stage->nothers > 0)
			stage->others = (int *) palloc(sizeof(int) * stage->nothers);
		stage->nothers = 0;
	}
	for (int i = 0; i < graph->nstages; i++)
	{
		OmsStageDef *stage = &graph->stages[i];
		OmsStageDef *other;

		if (stage->not_same_as == 0)
			continue;
		other = oms_graph_stage(graph, stage->not_same_as);
		stage->others[stage->nothers++] = stage->not_same_as;
		other->others[other->nothers++] = i + 1;
	}
}

/*
 * Give each stage the list of those that depend on it, in definition order: count, then fill.
 */
static void
link_dependants(OmsGraph *graph)
{
	for (int i = 0; i < graph->nstages; i++)
	{
		for (int k = 0; k < graph->stages[i].ndeps; k++)
			oms_graph_stage(graph, graph->stages[i].deps[k])->ndependants++;
	}
	for (int i = 0; i < graph->nstages; i++)
	{
		OmsStageDef *stage = &graph->stages[i];

		if (stage->ndependants > 0)
			stage->dependants = (int *) palloc(sizeof(int) * stage->ndependants);
		stage->ndependants = 0;
	}
	for (int i = 0; i < graph->nstages; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < graph->stages[i].ndeps; k++)
		{
			OmsStageDef *dep = oms_graph_stage(graph, graph->stages[i].deps[k]);

			dep->dependants[dep->ndependants++] = i + 1;
		}
	}
}

/*
 * Whether conditions can ask for outputs, and for which: those that they name, or all.
 */
static void
collect_refs(OmsGraph *graph)
{
	OmsStageSet seen;

	graph->refs = palloc(sizeof(int) * graph->nstages);
	oms_set_init(&seen, graph);
	for (int i = 0; i < graph->nstages; i++)
	{
		OmsStageDef *stage = &graph->stages[i];
		ListCell   *lc;

		graph->uses_stages |= stage->when_stages;
		for (int no = 1; stage->when_stages && stage->when_all && no <= graph->nstages; no++)
			oms_set_add(&seen, no);
		foreach(lc, stage->when_names)
			oms_set_add(&seen, oms_graph_find(graph, lfirst(lc), strlen(lfirst(lc))));
	}
	for (int no = 1; no <= graph->nstages; no++)
		if (oms_set_has(&seen, no))
			graph->refs[graph->nrefs++] = no;
}

OmsGraph *
oms_definition_compile(Jsonb *definition, List **problems)
{
	OmsGraph   *graph = (OmsGraph *) palloc0(sizeof(OmsGraph));
	Check		check = {0};

	graph->sla_mins = graph->sla_days = -1;
	check.graph = graph;
	check.hints_left = MAX_ID_HINTS;
	check.hint_budget = ID_HINT_BUDGET;
	initStringInfo(&check.path);
	appendStringInfoChar(&check.path, '$');
	enter_workflow(&check);
	check_workflow(&check, definition);
	pfree(check.path.data);

	*problems = problems_in_order(&check);
	if (*problems != NIL)
		return NULL;
	if (graph->prefix == NULL)
		graph->prefix = prefix_of_name(graph->name);
	link_dependants(graph);
	link_others(graph);
	list_calendars(graph);
	oms_graph_masks(graph);
	collect_refs(graph);
	return graph;
}
