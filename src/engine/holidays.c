/*
 * holidays.c
 *		The holidays of the federal government of the United States.
 *
 * Days off as 5 U.S.C. 6103 and Executive Order 11582 have them for those who work from Monday to
 * Friday: a holiday on a Saturday is taken on the Friday before, one on a Sunday on the Monday after.
 * The table begins with 1971, when the Uniform Monday Holiday Act came into force.  Inauguration Day
 * is not in it, since it is a holiday around Washington only; nor are days that a president closes the
 * offices for.
 */
#include "postgres.h"

#include "utils/datetime.h"

#include "engine/holidays.h"

#define DAYS_PER_WEEK	7

typedef struct HolidayRule
{
	int			first_year;
	int			last_year;
	int			month;
	int			day;			/* of the month; the rest is 0 then */
	int			weekday;		/* or the nth weekday of the month, 1 is Monday */
	int			nth;			/* -1: the last */
} HolidayRule;

#define ALWAYS	OMS_US_FIRST_YEAR, OMS_US_LAST_YEAR + 1

static const HolidayRule rules[] = {
	{ALWAYS, 1, 1, 0, 0},		/* New Year's Day */
	{1986, OMS_US_LAST_YEAR, 1, 0, 1, 3},	/* Birthday of Martin Luther King, Jr. */
	{ALWAYS, 2, 0, 1, 3},		/* Washington's Birthday */
	{ALWAYS, 5, 0, 1, -1},		/* Memorial Day */
	{2021, OMS_US_LAST_YEAR, 6, 19, 0, 0},	/* Juneteenth National Independence Day */
	{ALWAYS, 7, 4, 0, 0},		/* Independence Day */
	{ALWAYS, 9, 0, 1, 1},		/* Labor Day */
	{ALWAYS, 10, 0, 1, 2},		/* Columbus Day */
	{1971, 1977, 10, 0, 1, 4},	/* Veterans Day */
	{1978, OMS_US_LAST_YEAR, 11, 11, 0, 0}, /* and again as before 1971 */
	{ALWAYS, 11, 0, 4, 4},		/* Thanksgiving Day */
	{ALWAYS, 12, 25, 0, 0},		/* Christmas Day */
};

/*
 * The Julian day on which a holiday is taken.
 */
static int
day_off(const HolidayRule *rule, int year)
{
	int			day;
	int			weekday;

	if (rule->nth == -1)
	{
		day = date2j(year, rule->month, day_tab[isleap(year)][rule->month - 1]);
		return day - (j2day(day) - rule->weekday + DAYS_PER_WEEK) % DAYS_PER_WEEK;
	}
	if (rule->nth > 0)
	{
		day = date2j(year, rule->month, 1);
		return day + (rule->weekday - j2day(day) + DAYS_PER_WEEK) % DAYS_PER_WEEK +
			(rule->nth - 1) * DAYS_PER_WEEK;
	}
	day = date2j(year, rule->month, rule->day);
	weekday = j2day(day);
	return weekday == 6 ? day - 1 : weekday == 0 ? day + 1 : day;
}

int
oms_federal_holidays(int year, int dates[OMS_US_MAX_HOLIDAYS])
{
	int			first = date2j(year, 1, 1);
	int			next = date2j(year + 1, 1, 1);
	int			n = 0;

	Assert(year >= OMS_US_FIRST_YEAR && year <= OMS_US_LAST_YEAR);
	/* the rules stand in the order of the year, and so do the days */
	for (int i = 0; i < lengthof(rules); i++)
	{
		int			day = day_off(&rules[i], year);

		if (year >= rules[i].first_year && year <= rules[i].last_year && day >= first)
			dates[n++] = day - POSTGRES_EPOCH_JDATE;
	}
	if (day_off(&rules[0], year + 1) < next)
		dates[n++] = next - 1 - POSTGRES_EPOCH_JDATE;
	return n;
}
