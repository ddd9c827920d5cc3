/*
 * calendar_definition.c
 *		From the JSON of a calendar to a compiled one, or to the list of everything wrong with it.
 *
 * Like definition.c: each kind of object has a table of its keys, a row names the function that checks
 * a value, and one pass reports everything.  What is derived comes last.
 *
 * Pure: nothing here reads a table, a clock or a setting.  Nothing recurses over what a user wrote.
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/json.h"

#include "engine/calendar.h"
#include "engine/definition.h"

#define MAX_PROBLEMS	100		/* that are listed */
#define MAX_EXCERPT		63		/* bytes of the user's text in a message */
#define USECS_PER_MIN	(USECS_PER_SEC * SECS_PER_MINUTE)
#define MINS_PER_DAY	(HOURS_PER_DAY * MINS_PER_HOUR)

/* The state of one check */
typedef struct Check
{
	OmsCalendar *calendar;
	List	   *problems;
	StringInfoData path;		/* of the value that is looked at */
	int			maxspecial;		/* places in calendar->special */
} Check;

/* Checks a value: reports what is wrong with it, or stores it where target points to */
typedef void (*KeyCheck) (Check *check, JsonbValue *value, void *target);

typedef struct KeyRule
{
	const char *key;
	KeyCheck	check;
	size_t		offset;			/* of the field in the calendar */
} KeyRule;

/* ---- problems ---- */

/*
 * Report a problem at the current path.  Both texts must outlive the check; the hint may be NULL.
 */
static void
add_problem(Check *check, const char *hint, const char *text)
{
	OmsProblem *problem;

	if (list_length(check->problems) >= MAX_PROBLEMS)
		return;
	problem = (OmsProblem *) palloc(sizeof(OmsProblem));
	problem->path = pstrdup(check->path.data);
	problem->problem = text;
	problem->hint = hint;
	check->problems = lappend(check->problems, problem);
}

/*
 * The user's text as it may stand in a message: not too long, on one line.
 */
static const char *
excerpt(const char *text, int len)
{
	int			clipped = pg_mbcliplen(text, len, MAX_EXCERPT);
	char	   *result = psprintf("%.*s%s", clipped, text, clipped < len ? "..." : "");

	for (char *p = result; *p != '\0'; p++)
	{
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	return result;
}

/* ---- where we are ---- */

static int
enter_key(Check *check, const char *key, int len)
{
	const char *shown = excerpt(key, len);
	int			mark = check->path.len;
	bool		plain = len > 0;

	for (int i = 0; i < len; i++)
		plain = plain && isascii((unsigned char) key[i]) && isalpha((unsigned char) key[i]);
	appendStringInfoChar(&check->path, '.');
	if (plain)
		appendStringInfoString(&check->path, shown);
	else
		escape_json(&check->path, shown);
	return mark;
}

static int
enter_element(Check *check, int index)
{
	int			mark = check->path.len;

	appendStringInfo(&check->path, "[%d]", index);
	return mark;
}

static void
leave(Check *check, int mark)
{
	check->path.len = mark;
	check->path.data[mark] = '\0';
}

/*
 * What the current path points to, in words: `hours.mon of the calendar`.
 */
static const char *
thing(const Check *check)
{
	return check->path.len <= 1 ? "the calendar"
		: psprintf("%s of the calendar", check->path.data + 2);
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

static void
wrong_type(Check *check, const JsonbValue *value, const char *wanted, const char *hint)
{
	add_problem(check, hint,
				psprintf("%s must be %s, not %s", thing(check), wanted, type_name(value)));
}

static bool
is_text(Check *check, const JsonbValue *value)
{
	if (value->type == jbvString)
		return true;
	wrong_type(check, value, "text", NULL);
	return false;
}

/*
 * The container of an array or object, or NULL if the value is something else: a problem, with a hint
 * to what would be right.
 */
static JsonbContainer *
array_of(Check *check, const JsonbValue *value, const char *hint)
{
	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
		return value->val.binary.data;
	wrong_type(check, value, "an array", hint);
	return NULL;
}

static JsonbContainer *
object_of(Check *check, const JsonbValue *value)
{
	if (value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
		return value->val.binary.data;
	wrong_type(check, value, "an object", NULL);
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

/*
 * Step to the next key of an object and its value; false at its end.
 */
static bool
next_pair(JsonbIterator **it, JsonbValue *key, JsonbValue *value)
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

/* ---- objects ---- */

static const char *
known_keys(const KeyRule *rules, int nrules)
{
	StringInfoData all;

	initStringInfo(&all);
	appendStringInfoString(&all, "Known keys are");
	for (int i = 0; i < nrules; i++)
		appendStringInfo(&all, "%s %s", i == 0 ? "" : ",", rules[i].key);
	appendStringInfoChar(&all, '.');
	return all.data;
}

static bool
has_row(const JsonbValue *key, const KeyRule *rules, int nrules)
{
	for (int i = 0; i < nrules; i++)
	{
		if (strlen(rules[i].key) == key->val.string.len &&
			memcmp(rules[i].key, key->val.string.val, key->val.string.len) == 0)
			return true;
	}
	return false;
}

static void
report_unknown_keys(Check *check, JsonbContainer *object, const KeyRule *rules, int nrules)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	key;
	JsonbValue	value;

	while (next_pair(&it, &key, &value))
	{
		const char *place = thing(check);
		int			mark;

		if (has_row(&key, rules, nrules))
			continue;
		mark = enter_key(check, key.val.string.val, key.val.string.len);
		add_problem(check, known_keys(rules, nrules),
					psprintf("unknown key \"%s\" in %s",
							 excerpt(key.val.string.val, key.val.string.len), place));
		leave(check, mark);
	}
}

/*
 * Check an object against its table, in the order of the table.  No key is required.
 */
static void
check_object(Check *check, JsonbContainer *object, const KeyRule *rules, int nrules)
{
	report_unknown_keys(check, object, rules, nrules);
	for (int i = 0; i < nrules; i++)
	{
		JsonbValue	value;
		int			mark;

		if (getKeyJsonValueFromContainer(object, rules[i].key, strlen(rules[i].key), &value) == NULL)
			continue;
		mark = enter_key(check, rules[i].key, strlen(rules[i].key));
		rules[i].check(check, &value, (char *) check->calendar + rules[i].offset);
		leave(check, mark);
	}
}

/* ---- the time zone ---- */

/*
 * The server also takes rules such as "XYZ5" for time zones, with a sign that few expect.  It gives
 * them back in capitals; of the names that exist, hardly any has capitals and digits only, so it does
 * not matter that looking for those reads all files.
 */
static bool
is_in_database(pg_tz *zone)
{
	const char *name = pg_get_timezone_name(zone);
	bool		digits = false;
	bool		small = false;
	bool		found = false;
	pg_tzenum  *all;
	pg_tz	   *other;

	for (const char *p = name; *p != '\0'; p++)
	{
		digits = digits || isdigit((unsigned char) *p);
		small = small || islower((unsigned char) *p);
	}
	if (!digits || small)
		return true;
	all = pg_tzenumerate_start();
	while (!found && (other = pg_tzenumerate_next(all)) != NULL)
		found = strcmp(pg_get_timezone_name(other), name) == 0;
	pg_tzenumerate_end(all);
	return found;
}

static void
check_timezone(Check *check, JsonbValue *value, void *target)
{
	OmsCalendar *calendar = check->calendar;
	pg_tz	   *zone = NULL;
	char	   *name;

	if (!is_text(check, value))
		return;
	name = pnstrdup(value->val.string.val, value->val.string.len);
	if (name[0] != '\0')
		zone = pg_tzset(name);
	if (zone == NULL || !pg_tz_acceptable(zone) || !is_in_database(zone))
	{
		add_problem(check, "Names are those of pg_timezone_names, such as America/New_York.",
					psprintf("unknown time zone \"%s\"", excerpt(name, strlen(name))));
		return;
	}
	calendar->zone = zone;
	calendar->timezone = pg_get_timezone_name(zone);
}

/* ---- hours ---- */

static int
two_digits(const char *text)
{
	if (!isdigit((unsigned char) text[0]) || !isdigit((unsigned char) text[1]))
		return -1;
	return (text[0] - '0') * 10 + (text[1] - '0');
}

/*
 * The minutes of a text HH:MM, from 0 to those of 24:00; -1 if it is none.
 */
static int
minutes_of(const char *text)
{
	int			hours = two_digits(text);
	int			mins = two_digits(text + 3);
	int			total = hours * MINS_PER_HOUR + mins;

	if (hours < 0 || text[2] != ':' || mins < 0 || mins >= MINS_PER_HOUR || total > MINS_PER_DAY)
		return -1;
	return total;
}

static bool
check_range(Check *check, const JsonbValue *value, OmsRange *range)
{
	const char *text = value->val.string.val;
	int			from = -1;
	int			to = -1;

	if (!is_text(check, value))
		return false;
	if (value->val.string.len == strlen("HH:MM-HH:MM") && text[5] == '-')
	{
		from = minutes_of(text);
		to = minutes_of(text + 6);
	}
	if (from < 0 || to < 0)
		add_problem(check, "Write hours as \"09:00-17:00\"; the day ends at 24:00.",
					psprintf("\"%s\" are no hours", excerpt(text, value->val.string.len)));
	else if (from >= to)
		add_problem(check, "A shift over midnight is \"22:00-24:00\" on one date and \"00:00-06:00\" "
					"on the next.",
					psprintf("\"%s\" does not end later than it begins",
							 excerpt(text, value->val.string.len)));
	range->from = from * USECS_PER_MIN;
	range->to = to * USECS_PER_MIN;
	return from >= 0 && from < to;
}

static int
compare_ranges(const void *a, const void *b)
{
	int64		from = ((const OmsRange *) a)->from;
	int64		other = ((const OmsRange *) b)->from;

	return from < other ? -1 : from > other;
}

/*
 * Sort the hours of a date and join those that overlap or touch, so that nothing counts twice.
 */
static void
settle_hours(OmsDayHours *hours)
{
	int			n = 0;

	qsort(hours->ranges, hours->nranges, sizeof(OmsRange), compare_ranges);
	for (int i = 0; i < hours->nranges; i++)
	{
		OmsRange	range = hours->ranges[i];

		if (n > 0 && range.from <= hours->ranges[n - 1].to)
			hours->ranges[n - 1].to = Max(hours->ranges[n - 1].to, range.to);
		else
			hours->ranges[n++] = range;
	}
	hours->nranges = n;
	hours->total = 0;
	for (int i = 0; i < n; i++)
		hours->total += hours->ranges[i].to - hours->ranges[i].from;
}

/*
 * The hours of a weekday or of an exception.
 */
static void
check_hours(Check *check, JsonbValue *value, void *target)
{
	OmsDayHours *hours = (OmsDayHours *) target;
	JsonbContainer *array = array_of(check, value,
									 "Write [\"09:00-17:00\"], or [] for a day that is closed.");
	JsonbIterator *it;
	JsonbValue	element;

	if (array == NULL)
		return;
	hours->ranges = (OmsRange *) palloc(sizeof(OmsRange) * Max(JsonContainerSize(array), 1));
	it = JsonbIteratorInit(array);
	for (int i = 0; next_element(&it, &element); i++)
	{
		int			mark = enter_element(check, i);

		if (check_range(check, &element, &hours->ranges[hours->nranges]))
			hours->nranges++;
		leave(check, mark);
	}
	settle_hours(hours);
}

static const KeyRule weekday_keys[] = {
	{"mon", check_hours, offsetof(OmsCalendar, week[0])},
	{"tue", check_hours, offsetof(OmsCalendar, week[1])},
	{"wed", check_hours, offsetof(OmsCalendar, week[2])},
	{"thu", check_hours, offsetof(OmsCalendar, week[3])},
	{"fri", check_hours, offsetof(OmsCalendar, week[4])},
	{"sat", check_hours, offsetof(OmsCalendar, week[5])},
	{"sun", check_hours, offsetof(OmsCalendar, week[6])},
};

static void
check_week(Check *check, JsonbValue *value, void *target)
{
	JsonbContainer *object = object_of(check, value);

	if (object != NULL)
		check_object(check, object, weekday_keys, lengthof(weekday_keys));
}

/* ---- dates ---- */

/*
 * The date that a text YYYY-MM-DD names, if there is one.
 */
static bool
date_of_text(const char *text, int len, int *date)
{
	int			year;
	int			month;
	int			day;

	if (len != strlen("YYYY-MM-DD") || text[4] != '-' || text[7] != '-' ||
		two_digits(text) < 0 || two_digits(text + 2) < 0)
		return false;
	year = two_digits(text) * 100 + two_digits(text + 2);
	month = two_digits(text + 5);
	day = two_digits(text + 8);
	if (year < 1 || month < 1 || month > MONTHS_PER_YEAR || day < 1 ||
		day > day_tab[isleap(year)][month - 1])
		return false;
	*date = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	return true;
}

/*
 * A new special date of the calendar, closed so far; NULL if the text is no date.
 */
static OmsSpecialDate *
add_special(Check *check, const JsonbValue *text)
{
	OmsCalendar *calendar = check->calendar;
	OmsSpecialDate *special;
	int			date;

	if (!date_of_text(text->val.string.val, text->val.string.len, &date))
	{
		add_problem(check, "Write dates as \"2024-12-24\": year, month, day.",
					psprintf("there is no date \"%s\"",
							 excerpt(text->val.string.val, text->val.string.len)));
		return NULL;
	}
	if (calendar->nspecial == check->maxspecial)
	{
		check->maxspecial = Max(16, check->maxspecial * 2);
		calendar->special = calendar->special == NULL
			? (OmsSpecialDate *) palloc(sizeof(OmsSpecialDate) * check->maxspecial)
			: (OmsSpecialDate *) repalloc(calendar->special,
										  sizeof(OmsSpecialDate) * check->maxspecial);
	}
	special = &calendar->special[calendar->nspecial++];
	memset(special, 0, sizeof(OmsSpecialDate));
	special->date = date;
	return special;
}

static void
check_holidays(Check *check, JsonbValue *value, void *target)
{
	JsonbContainer *array = array_of(check, value, "Write [\"2024-12-25\"].");
	JsonbIterator *it;
	JsonbValue	element;

	if (array == NULL)
		return;
	it = JsonbIteratorInit(array);
	for (int i = 0; next_element(&it, &element); i++)
	{
		int			mark = enter_element(check, i);

		if (is_text(check, &element))
			(void) add_special(check, &element);
		leave(check, mark);
	}
}

static void
check_exceptions(Check *check, JsonbValue *value, void *target)
{
	JsonbContainer *object = object_of(check, value);
	JsonbIterator *it;
	JsonbValue	key;
	JsonbValue	hours;

	if (object == NULL)
		return;
	it = JsonbIteratorInit(object);
	while (next_pair(&it, &key, &hours))
	{
		int			mark = enter_key(check, key.val.string.val, key.val.string.len);
		OmsSpecialDate *special = add_special(check, &key);

		if (special != NULL)
			check_hours(check, &hours, &special->hours);
		leave(check, mark);
	}
}

/* ---- the calendar ---- */

static const KeyRule calendar_keys[] = {
	{"timezone", check_timezone, 0},
	{"hours", check_week, 0},
	{"holidays", check_holidays, 0},
	{"exceptions", check_exceptions, 0},
};

/*
 * What the definition is, as a value: jsonb wraps a lone scalar into an array.
 */
static void
check_calendar(Check *check, Jsonb *definition)
{
	JsonbValue	value;
	JsonbContainer *object;

	if (!JsonContainerIsScalar(&definition->root))
	{
		value.type = jbvBinary;
		value.val.binary.data = &definition->root;
		value.val.binary.len = VARSIZE(definition) - VARHDRSZ;
	}
	else if (!JsonbExtractScalar(&definition->root, &value))
		value.type = jbvNull;
	object = object_of(check, &value);
	if (object == NULL)
		return;
	check_object(check, object, calendar_keys, lengthof(calendar_keys));
	if (getKeyJsonValueFromContainer(object, "timezone", strlen("timezone"), &value) == NULL)
		add_problem(check, "Name one of pg_timezone_names, such as America/New_York.",
					"the calendar has no \"timezone\"");
}

/* ---- what follows from a good definition ---- */

static int
compare_specials(const void *a, const void *b)
{
	const OmsSpecialDate *p = (const OmsSpecialDate *) a;
	const OmsSpecialDate *q = (const OmsSpecialDate *) b;

	if (p->date != q->date)
		return p->date < q->date ? -1 : 1;
	/* what closes a date comes first, and so wins */
	return p->hours.total < q->hours.total ? -1 : p->hours.total > q->hours.total;
}

/*
 * Sort the special dates.  A date that is a holiday is closed, even if it is an exception too.
 */
static void
settle_specials(OmsCalendar *calendar)
{
	int			n = 0;

	if (calendar->nspecial > 0)
		qsort(calendar->special, calendar->nspecial, sizeof(OmsSpecialDate), compare_specials);
	for (int i = 0; i < calendar->nspecial; i++)
	{
		if (n == 0 || calendar->special[i].date != calendar->special[n - 1].date)
			calendar->special[n++] = calendar->special[i];
	}
	calendar->nspecial = n;
}

/*
 * Fill the sums that let calendar.c count without walking.  True if the calendar is ever open.
 */
static bool
sum_up(OmsCalendar *calendar)
{
	int64		time = 0;
	int			dates = 0;
	bool		open;

	for (int i = 0; i < OMS_WEEKDAYS; i++)
	{
		calendar->time_before[i + 1] = calendar->time_before[i] + calendar->week[i].total;
		calendar->dates_before[i + 1] = calendar->dates_before[i] + (calendar->week[i].total > 0);
	}
	open = calendar->dates_before[OMS_WEEKDAYS] > 0;
	for (int i = 0; i < calendar->nspecial; i++)
	{
		OmsSpecialDate *special = &calendar->special[i];
		/* j2day counts from Sunday */
		int			weekday = (j2day(special->date + POSTGRES_EPOCH_JDATE) + 6) % OMS_WEEKDAYS;
		const OmsDayHours *usual = &calendar->week[weekday];

		time += special->hours.total - usual->total;
		dates += (special->hours.total > 0) - (usual->total > 0);
		special->time_change = time;
		special->dates_change = dates;
		open = open || special->hours.total > 0;
	}
	return open;
}

/* What can be compiled of a definition, and what is wrong with it */
static OmsCalendar *
compile(Jsonb *definition, List **problems)
{
	OmsCalendar *calendar = (OmsCalendar *) palloc0(sizeof(OmsCalendar));
	Check		check = {0};

	check.calendar = calendar;
	initStringInfo(&check.path);
	appendStringInfoChar(&check.path, '$');
	check_calendar(&check, definition);
	settle_specials(calendar);
	if (!sum_up(calendar) && check.problems == NIL)
		add_problem(&check, "Give a weekday or an exception hours, as in \"mon\": "
					"[\"09:00-17:00\"].", "the calendar is never open");
	*problems = check.problems;
	return calendar;
}

OmsCalendar *
oms_calendar_compile(Jsonb *definition, List **problems)
{
	OmsCalendar *calendar = compile(definition, problems);

	return *problems == NIL ? calendar : NULL;
}

OmsCalendar *
oms_calendar_compile_stored(Jsonb *definition)
{
	List	   *problems = NIL;
	OmsCalendar *calendar = compile(definition, &problems);

	if (problems == NIL)
		return calendar;
	calendar->problem = ((OmsProblem *) linitial(problems))->problem;
	if (calendar->zone == NULL)
		calendar->zone = pg_tzset("GMT");
	return calendar;
}
