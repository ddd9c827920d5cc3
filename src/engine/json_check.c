/*
 * json_check.c
 *		Checking a definition in JSON as a whole: every problem with its path, in words, and what was good stored.
 *
 * Pure: nothing here reads a table, a clock or a setting.  Nothing recurses over what a user wrote.
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/varlena.h"

#include "engine/json_check.h"
#include "oms.h"

#define MAX_EXCERPT		63		/* bytes of the user's text in a message */

/* A problem and its place: the part that it is of, and when it was found */
typedef struct PlacedProblem
{
	OmsProblem	problem;
	int			part;
	int			seq;
} PlacedProblem;

/* ---- problems ---- */

/*
 * Enough problems are listed; from here on they are only counted, and nobody reads their texts.
 */
bool
oms_json_is_full(const OmsJsonCheck *check)
{
	return check->nproblems >= check->max_problems;
}

/*
 * Report a problem at the current path.  The hint may be NULL; both texts must outlive the check.
 */
void
oms_json_problem(OmsJsonCheck *check, const char *hint, const char *fmt,...)
{
	PlacedProblem *placed;
	char	   *text = NULL;
	size_t		size = 0;
	size_t		needed = 128;

	check->nproblems++;
	if (check->nproblems > check->max_problems)
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
	placed->part = check->part;
	placed->seq = check->nproblems;
	check->problems = lappend(check->problems, &placed->problem);
}

static int
compare_problems(const ListCell *a, const ListCell *b)
{
	const PlacedProblem *p = (const PlacedProblem *) lfirst(a);
	const PlacedProblem *q = (const PlacedProblem *) lfirst(b);

	if (p->part != q->part)
		return p->part < q->part ? -1 : 1;
	return p->seq < q->seq ? -1 : 1;
}

/*
 * The check is over.  The problems in the order of the parts they are of; NIL: the definition is good.
 */
List *
oms_json_end(OmsJsonCheck *check)
{
	int			omitted = check->nproblems - list_length(check->problems);

	pfree(check->path.data);
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

/*
 * A key of ours or of the user's: one that is not plain stands there in quotes.  Returns what leave wants.
 */
int
oms_json_enter_key(OmsJsonCheck *check, const char *key, int len)
{
	int			mark = check->path.len;

	appendStringInfoChar(&check->path, '.');
	if (len <= MAX_EXCERPT && is_plain_key(key, len))
		appendBinaryStringInfo(&check->path, key, len);
	else
		escape_json(&check->path, oms_json_excerpt(check, key, len));
	return mark;
}

int
oms_json_enter_element(OmsJsonCheck *check, int index)
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

void
oms_json_leave(OmsJsonCheck *check, int mark)
{
	check->path.len = mark;
	check->path.data[mark] = '\0';
}

/*
 * What the current path points to, in words: `retry.factor of stage "fund"`.
 */
const char *
oms_json_thing(OmsJsonCheck *check)
{
	if (check->path.len <= check->inside || oms_json_is_full(check))
		return check->subject;
	return psprintf("%s of %s", check->path.data + check->inside + 1, check->subject);
}

/*
 * The user's text as it may stand in a message: not too long, on one line.
 */
const char *
oms_json_one_line(const OmsJsonCheck *check, const char *text, int len, int max)
{
	int			clipped = pg_mbcliplen(text, len, max);
	char	   *result;

	if (oms_json_is_full(check))
		return "";
	result = psprintf("%.*s%s", clipped, text, clipped < len ? "..." : "");
	for (char *p = result; *p != '\0'; p++)
	{
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	return result;
}

const char *
oms_json_excerpt(const OmsJsonCheck *check, const char *text, int len)
{
	return oms_json_one_line(check, text, len, MAX_EXCERPT);
}

/*
 * The same of a value that is known to be text.
 */
const char *
oms_json_text(const OmsJsonCheck *check, const JsonbValue *value)
{
	return oms_json_excerpt(check, value->val.string.val, value->val.string.len);
}

const char *
oms_json_number(const OmsJsonCheck *check, const JsonbValue *value)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out,
														   NumericGetDatum(value->val.numeric)));
	const char *result = oms_json_excerpt(check, text, strlen(text));

	pfree(text);
	return result;
}

/* ---- types of values ---- */

const char *
oms_json_type_name(const JsonbValue *value)
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

static void
wrong_type(OmsJsonCheck *check, const JsonbValue *value, const char *wanted, const char *hint)
{
	if (hint == NULL && value->type == jbvNull && check->optional)
		hint = "Leave the key out if it has no value.";
	oms_json_problem(check, hint, "%s must be %s, not %s", oms_json_thing(check), wanted, oms_json_type_name(value));
}

/*
 * Is the value of the type that is wanted?  If not, say so in words.
 */
bool
oms_json_type(OmsJsonCheck *check, const JsonbValue *value, enum jbvType type, const char *wanted)
{
	if (value->type == type)
		return true;
	wrong_type(check, value, wanted,
			   type == jbvNumeric && looks_like_number(value) ? "Write the number without quotes." : NULL);
	return false;
}

/*
 * The container of an array, or NULL if the value is something else: a problem, with a hint to what would be
 * right, NULL: none.
 */
JsonbContainer *
oms_json_array(OmsJsonCheck *check, const JsonbValue *value, const char *hint)
{
	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
		return value->val.binary.data;
	wrong_type(check, value, "an array", hint);
	return NULL;
}

JsonbContainer *
oms_json_object(OmsJsonCheck *check, const JsonbValue *value)
{
	if (value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
		return value->val.binary.data;
	wrong_type(check, value, "an object", NULL);
	return NULL;
}

/*
 * Step to the next element of an array; false at its end.
 */
bool
oms_json_next_element(JsonbIterator **it, JsonbValue *element)
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

/*
 * Step to the next key of an object and its value; false at its end.
 */
bool
oms_json_next_pair(JsonbIterator **it, JsonbValue *key, JsonbValue *value)
{
	JsonbIteratorToken token;

	CHECK_FOR_INTERRUPTS();
	while ((token = JsonbIteratorNext(it, key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(it, value, true);
		return true;
	}
	return false;
}

bool
oms_json_has_key(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(object, key, strlen(key), &value) != NULL;
}

/* ---- nearest names, for hints ---- */

/*
 * Keep the candidate if it is nearer than those before it.  Both names are at most OMS_MAX_NAME
 * bytes, which is within the limit of the distance function.
 */
void
oms_nearest_offer(OmsNearest *nearest, const char *name, int len, const char *candidate)
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
 * A hint for an unknown key: the known one that was probably meant, or all of them.
 */
static const char *
nearest_key_hint(const char *key, int len, const OmsKeyRule *rules, int nrules)
{
	OmsNearest		nearest = {NULL, 0};
	StringInfoData all;

	initStringInfo(&all);
	appendStringInfoString(&all, "Known keys are");
	for (int i = 0; i < nrules; i++)
	{
		if (len <= OMS_MAX_NAME)
			oms_nearest_offer(&nearest, key, len, rules[i].key);
		appendStringInfo(&all, "%s %s", i == 0 ? "" : ",", rules[i].key);
	}
	if (nearest.name != NULL && nearest.distance <= Max(len, (int) strlen(nearest.name)) / 2)
		return psprintf("Did you mean \"%s\"?", nearest.name);
	appendStringInfoChar(&all, '.');
	return all.data;
}

/* ---- objects ---- */

static void
report_unknown_key(OmsJsonCheck *check, const JsonbValue *key, const OmsKeyRule *rules, int nrules)
{
	const char *name = key->val.string.val;
	int			len = key->val.string.len;
	const char *place = oms_json_thing(check);
	int			mark = oms_json_enter_key(check, name, len);

	oms_json_problem(check, oms_json_is_full(check) ? NULL : nearest_key_hint(name, len, rules, nrules),
					 "unknown key \"%s\" in %s", oms_json_excerpt(check, name, len), place);
	oms_json_leave(check, mark);
}

static int
find_rule(const JsonbValue *key, const OmsKeyRule *rules, int nrules)
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
collect_keys(OmsJsonCheck *check, JsonbContainer *object, const OmsKeyRule *rules, int nrules,
			 JsonbValue *values, bool *present)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	key;
	JsonbValue	value;

	while (oms_json_next_pair(&it, &key, &value))
	{
		int			row = find_rule(&key, rules, nrules);

		if (row < 0)
			report_unknown_key(check, &key, rules, nrules);
		else
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
void
oms_json_keys(OmsJsonCheck *check, JsonbContainer *object, const OmsKeyRule *rules, int nrules, void *target)
{
	JsonbValue	values[OMS_MAX_KEYS];
	bool		present[OMS_MAX_KEYS] = {false};

	Assert(nrules <= OMS_MAX_KEYS);
	collect_keys(check, object, rules, nrules, values, present);
	for (int i = 0; i < nrules; i++)
	{
		if (present[i])
		{
			int			mark = oms_json_enter_key(check, rules[i].key, strlen(rules[i].key));

			check->optional = !rules[i].required;
			rules[i].check(check, &values[i], &rules[i], target);
			oms_json_leave(check, mark);
		}
		else if (rules[i].required)
			oms_json_problem(check, NULL, "%s has no \"%s\"", oms_json_thing(check), rules[i].key);
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
const char *
oms_json_text_fault(const JsonbValue *value, int max)
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

void
oms_json_name(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	const char *fault;

	if (!oms_json_type(check, value, jbvString, "text"))
		return;
	fault = oms_json_text_fault(value, rule->max);
	if (fault != NULL)
		oms_json_problem(check, NULL, "%s %s", oms_json_thing(check), fault);
	else
		*oms_rule_field(const char *, target, rule) = pnstrdup(value->val.string.val,
															   value->val.string.len);
}

void
oms_json_description(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	if (!oms_json_type(check, value, jbvString, "text"))
		return;
	if (value->val.string.len > rule->max)
		oms_json_problem(check, NULL, "%s is %d bytes long, at most %d are allowed",
						 oms_json_thing(check), value->val.string.len, rule->max);
	else
		*oms_rule_field(const char *, target, rule) = pnstrdup(value->val.string.val,
															   value->val.string.len);
}

/* ---- numbers ---- */

int
oms_compare_numeric(Numeric number, int64 other)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(number),
											 NumericGetDatum(int64_to_numeric(other))));
}

/*
 * Take a value as a whole number of a range, or report why it is none.
 */
bool
oms_json_whole_number(OmsJsonCheck *check, JsonbValue *value, int min, int max, int *result)
{
	bool		overflow = false;
	int			number;

	if (!oms_json_type(check, value, jbvNumeric, "a number"))
		return false;
	number = numeric_int4_opt_error(value->val.numeric, &overflow);
	if (!overflow && oms_compare_numeric(value->val.numeric, number) != 0)
	{
		oms_json_problem(check, NULL, "%s must be a whole number, not %s",
						 oms_json_thing(check), oms_json_number(check, value));
		return false;
	}
	if (overflow || number < min || number > max)
	{
		oms_json_problem(check, NULL, "%s must be from %d to %d, not %s",
						 oms_json_thing(check), min, max, oms_json_number(check, value));
		return false;
	}
	*result = number;
	return true;
}

void
oms_json_int(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	oms_json_whole_number(check, value, rule->min, rule->max, oms_rule_field(int, target, rule));
}

void
oms_json_boolean(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	if (oms_json_type(check, value, jbvBool, "true or false"))
		*oms_rule_field(bool, target, rule) = value->val.boolean;
}

/* ---- the whole ---- */

/*
 * Begin a check of what messages call the subject, such as "the calendar".
 */
void
oms_json_begin(OmsJsonCheck *check, const char *subject, int max_problems, void *context)
{
	memset(check, 0, sizeof(OmsJsonCheck));
	check->context = context;
	check->max_problems = max_problems;
	check->subject = subject;
	check->inside = 1;
	initStringInfo(&check->path);
	appendStringInfoChar(&check->path, '$');
}

/*
 * The object that a definition is, or NULL: a problem.  jsonb wraps a lone scalar into an array.
 */
JsonbContainer *
oms_json_root(OmsJsonCheck *check, Jsonb *definition)
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
	return oms_json_object(check, &value);
}
