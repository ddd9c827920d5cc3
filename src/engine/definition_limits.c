/*
 * definition_limits.c
 *		The keys of a stage that say what happens when it fails or takes too long: retry, warnAt, escalation.
 *
 * Pure, as definition.c.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "engine/definition.h"

#define MAX_STEPS			100		/* steps of an escalation */
#define MAX_PERCENT			10000	/* of an escalation step */
#define MAX_FACTOR			1000

static void
check_factor(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	Numeric		number;

	if (!oms_json_type(check, value, jbvNumeric, "a number"))
		return;
	number = value->val.numeric;
	if (numeric_is_nan(number) ||
		oms_compare_numeric(number, rule->min) < 0 || oms_compare_numeric(number, rule->max) > 0)
		oms_json_problem(check, NULL, "%s must be from %d to %d, not %s",
						 oms_json_thing(check), rule->min, rule->max, oms_json_number(check, value));
	else
		*oms_rule_field(double, target, rule) =
			DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(number)));
}

static const OmsKeyRule retry_keys[] = {
	{"maxAttempts", oms_json_int, offsetof(OmsStageDef, max_attempts), 1, PG_INT32_MAX, false},
	{"backoffSecs", oms_json_int, offsetof(OmsStageDef, backoff_secs), 0, PG_INT32_MAX, false},
	{"factor", check_factor, offsetof(OmsStageDef, factor), 1, MAX_FACTOR, false},
	{"maxSecs", oms_json_int, offsetof(OmsStageDef, max_secs), 0, PG_INT32_MAX, false},
};

void
oms_definition_retry(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	JsonbContainer *object = oms_json_object(check, value);

	if (object != NULL)
		oms_json_keys(check, object, retry_keys, lengthof(retry_keys), target);
}

/*
 * Mark each good percentage; false if it was marked before.
 */
static void
add_percentage(OmsJsonCheck *check, JsonbValue *value, bool *marked)
{
	int			percent;

	if (!oms_json_whole_number(check, value, 1, 100, &percent))
		return;
	if (marked[percent])
		oms_json_problem(check, NULL, "%s is %d a second time", oms_json_thing(check), percent);
	marked[percent] = true;
}

void
oms_definition_warn_at(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	OmsStageDef *stage = (OmsStageDef *) target;
	JsonbContainer *array = oms_json_array(check, value, NULL);
	bool		marked[101] = {false};
	JsonbIterator *it;
	JsonbValue	element;

	if (array == NULL)
		return;
	if (JsonContainerSize(array) > 100)
	{
		oms_json_problem(check, NULL, "%s has %u entries, but there are only 100 percentages",
						 oms_json_thing(check), JsonContainerSize(array));
		return;
	}
	it = JsonbIteratorInit(array);
	for (int i = 0; oms_json_next_element(&it, &element); i++)
	{
		int			mark = oms_json_enter_element(check, i);

		add_percentage(check, &element, marked);
		oms_json_leave(check, mark);
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
check_at(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	if (!oms_json_type(check, value, jbvString, "text"))
		return;
	if (!parse_at(value->val.string.val, value->val.string.len, (OmsEscalationStep *) target))
		oms_json_problem(check, "Write \"80%\" for a part of the limit (1% to 10000%), or \"+60m\" for "
						 "minutes after the due time.",
						 "%s cannot be \"%s\"", oms_json_thing(check),
						 oms_json_text(check, value));
}

/* The output of a stage that is done by law */
static void
check_finish_with(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	if (oms_json_object(check, value) != NULL)
		*oms_rule_field(Jsonb *, target, rule) = JsonbValueToJsonb(value);
}

static const OmsKeyRule step_keys[] = {
	{"at", check_at, 0, 0, 0, true},
	{"notify", oms_json_name, offsetof(OmsEscalationStep, notify), 1, OMS_MAX_NAME, false},
	{"reassignTo", oms_json_name, offsetof(OmsEscalationStep, reassign_to), 1, OMS_MAX_NAME, false},
	{"everyMins", oms_json_int, offsetof(OmsEscalationStep, every_mins), 1, PG_INT32_MAX, false},
	{"finishWith", check_finish_with, offsetof(OmsEscalationStep, finish_with), 0, 0, false},
	{"max", oms_json_int, offsetof(OmsEscalationStep, max_times), 1, PG_INT32_MAX, false},
};

static void
check_step(OmsJsonCheck *check, JsonbValue *value, OmsEscalationStep *step)
{
	static const char *const not_with_finish[] = {"reassignTo", "everyMins"};
	JsonbContainer *object = oms_json_object(check, value);

	if (object == NULL)
		return;
	oms_json_keys(check, object, step_keys, lengthof(step_keys), step);
	if (!oms_json_has_key(object, "notify") && !oms_json_has_key(object, "reassignTo") &&
		!oms_json_has_key(object, "finishWith"))
		oms_json_problem(check, "Say whom to notify, whom to reassign the stage to, or with which output it is done then.",
						 "%s has neither \"notify\" nor \"reassignTo\" nor \"finishWith\"", oms_json_thing(check));
	for (int i = 0; i < (int) lengthof(not_with_finish); i++)
		if (oms_json_has_key(object, "finishWith") && oms_json_has_key(object, not_with_finish[i]))
			oms_json_problem(check, "A stage that is done goes to nobody else, and it is done once.",
							 "%s has both \"finishWith\" and \"%s\"", oms_json_thing(check), not_with_finish[i]);
	if (oms_json_has_key(object, "max") && !oms_json_has_key(object, "everyMins"))
		oms_json_problem(check, "\"max\" is how many times a step repeats every \"everyMins\" minutes.",
						 "%s has \"max\" without \"everyMins\"", oms_json_thing(check));
}

void
oms_definition_escalation(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	OmsStageDef *stage = (OmsStageDef *) target;
	JsonbContainer *array = oms_json_array(check, value, NULL);
	JsonbIterator *it;
	JsonbValue	element;

	if (array == NULL)
		return;
	if (JsonContainerSize(array) > MAX_STEPS)
	{
		oms_json_problem(check, NULL, "%s has %u entries, at most %d are allowed",
						 oms_json_thing(check), JsonContainerSize(array), MAX_STEPS);
		return;
	}
	stage->nsteps = JsonContainerSize(array);
	stage->steps = (OmsEscalationStep *) palloc0(sizeof(OmsEscalationStep) * Max(stage->nsteps, 1));
	it = JsonbIteratorInit(array);
	for (int i = 0; oms_json_next_element(&it, &element); i++)
	{
		int			mark = oms_json_enter_element(check, i);

		check_step(check, &element, &stage->steps[i]);
		oms_json_leave(check, mark);
	}
}
