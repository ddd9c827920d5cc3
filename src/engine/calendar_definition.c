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

#include "miscadmin.h"
#include "utils/datetime.h"

#include "engine/calendar.h"
#include "engine/json_check.h"

#define MAX_PROBLEMS	100		/* that are listed */
#define USECS_PER_MIN	(USECS_PER_SEC * SECS_PER_MINUTE)
#define MINS_PER_DAY	(HOURS_PER_DAY * MINS_PER_HOUR)

/* What the checks know beside the value they look at */
typedef struct Target
{
	OmsCalendar *calendar;
	int			maxspecial;		/* places in calendar->special */
} Target;

static Target *
target_of(const OmsJsonCheck *check)
{
	return (Target *) check->context;
}

static bool
is_text(OmsJsonCheck *check, const JsonbValue *value)
{
	return oms_json_type(check, value, jbvString, "text");
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
check_timezone(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	OmsCalendar *calendar = target_of(check)->calendar;
	pg_tz	   *zone = NULL;
	char	   *name;

	check->optional = false;
	if (!is_text(check, value))
		return;
	name = pnstrdup(value->val.string.val, value->val.string.len);
	if (name[0] != '\0')
		zone = pg_tzset(name);
	if (zone == NULL || !pg_tz_acceptable(zone) || !is_in_database(zone))
	{
		oms_json_problem(check, "Names are those of pg_timezone_names, such as America/New_York.",
						 "unknown time zone \"%s\"", oms_json_excerpt(check, name, strlen(name)));
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
check_range(OmsJsonCheck *check, const JsonbValue *value, OmsRange *range)
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
		oms_json_problem(check, "Write hours as \"09:00-17:00\"; the day ends at 24:00.",
						 "\"%s\" are no hours", oms_json_excerpt(check, text, value->val.string.len));
	else if (from >= to)
		oms_json_problem(check, "A shift over midnight is \"22:00-24:00\" on one date and \"00:00-06:00\" "
						 "on the next.",
						 "\"%s\" does not end later than it begins",
						 oms_json_excerpt(check, text, value->val.string.len));
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
read_hours(OmsJsonCheck *check, JsonbValue *value, OmsDayHours *hours)
{
	JsonbContainer *array = oms_json_array(check, value,
										   "Write [\"09:00-17:00\"], or [] for a day that is closed.");
	JsonbIterator *it;
	JsonbValue	element;

	if (array == NULL)
		return;
	hours->ranges = (OmsRange *) palloc(sizeof(OmsRange) * Max(JsonContainerSize(array), 1));
	it = JsonbIteratorInit(array);
	for (int i = 0; oms_json_next_element(&it, &element); i++)
	{
		int			mark = oms_json_enter_element(check, i);

		if (check_range(check, &element, &hours->ranges[hours->nranges]))
			hours->nranges++;
		oms_json_leave(check, mark);
	}
	settle_hours(hours);
}

static void
check_hours(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	read_hours(check, value, oms_rule_field(OmsDayHours, target, rule));
}

static const OmsKeyRule weekday_keys[] = {
	{"mon", check_hours, offsetof(OmsCalendar, week[0]), 0, 0, false},
	{"tue", check_hours, offsetof(OmsCalendar, week[1]), 0, 0, false},
	{"wed", check_hours, offsetof(OmsCalendar, week[2]), 0, 0, false},
	{"thu", check_hours, offsetof(OmsCalendar, week[3]), 0, 0, false},
	{"fri", check_hours, offsetof(OmsCalendar, week[4]), 0, 0, false},
	{"sat", check_hours, offsetof(OmsCalendar, week[5]), 0, 0, false},
	{"sun", check_hours, offsetof(OmsCalendar, week[6]), 0, 0, false},
};

static void
check_week(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	JsonbContainer *object = oms_json_object(check, value);

	if (object != NULL)
		oms_json_keys(check, object, weekday_keys, lengthof(weekday_keys), target_of(check)->calendar);
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
add_special(OmsJsonCheck *check, const JsonbValue *text)
{
	OmsCalendar *calendar = target_of(check)->calendar;
	OmsSpecialDate *special;
	int			date;

	if (!date_of_text(text->val.string.val, text->val.string.len, &date))
	{
		oms_json_problem(check, "Write dates as \"2024-12-24\": year, month, day.",
						 "there is no date \"%s\"",
						 oms_json_excerpt(check, text->val.string.val, text->val.string.len));
		return NULL;
	}
	if (calendar->nspecial == target_of(check)->maxspecial)
	{
		target_of(check)->maxspecial = Max(16, target_of(check)->maxspecial * 2);
		calendar->special = calendar->special == NULL
			? (OmsSpecialDate *) palloc(sizeof(OmsSpecialDate) * target_of(check)->maxspecial)
			: (OmsSpecialDate *) repalloc(calendar->special,
										  sizeof(OmsSpecialDate) * target_of(check)->maxspecial);
	}
	special = &calendar->special[calendar->nspecial++];
	memset(special, 0, sizeof(OmsSpecialDate));
	special->date = date;
	return special;
}

static void
check_holidays(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	JsonbContainer *array = oms_json_array(check, value, "Write [\"2024-12-25\"].");
	JsonbIterator *it;
	JsonbValue	element;

	if (array == NULL)
		return;
	it = JsonbIteratorInit(array);
	for (int i = 0; oms_json_next_element(&it, &element); i++)
	{
		int			mark = oms_json_enter_element(check, i);

		if (is_text(check, &element))
			(void) add_special(check, &element);
		oms_json_leave(check, mark);
	}
}

static void
check_exceptions(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target)
{
	JsonbContainer *object = oms_json_object(check, value);
	JsonbIterator *it;
	JsonbValue	key;
	JsonbValue	hours;

	if (object == NULL)
		return;
	it = JsonbIteratorInit(object);
	while (oms_json_next_pair(&it, &key, &hours))
	{
		int			mark = oms_json_enter_key(check, key.val.string.val, key.val.string.len);
		OmsSpecialDate *special = add_special(check, &key);

		if (special != NULL)
			read_hours(check, &hours, &special->hours);
		oms_json_leave(check, mark);
	}
}

/* ---- the calendar ---- */

static const OmsKeyRule calendar_keys[] = {
	{"timezone", check_timezone, 0, 0, 0, false},
	{"hours", check_week, 0, 0, 0, false},
	{"holidays", check_holidays, 0, 0, 0, false},
	{"exceptions", check_exceptions, 0, 0, 0, false},
};

static void
check_calendar(OmsJsonCheck *check, Jsonb *definition)
{
	JsonbContainer *object = oms_json_root(check, definition);

	if (object == NULL)
		return;
	oms_json_keys(check, object, calendar_keys, lengthof(calendar_keys), target_of(check)->calendar);
	if (!oms_json_has_key(object, "timezone"))
		oms_json_problem(check, "Name one of pg_timezone_names, such as America/New_York.",
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
	Target		target = {.calendar = calendar};
	OmsJsonCheck	check;

	oms_json_begin(&check, "the calendar", MAX_PROBLEMS, &target);
	check_calendar(&check, definition);
	settle_specials(calendar);
	if (!sum_up(calendar) && check.problems == NIL)
		oms_json_problem(&check, "Give a weekday or an exception hours, as in \"mon\": "
						 "[\"09:00-17:00\"].", "the calendar is never open");
	*problems = oms_json_end(&check);
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
