/*
 * moment.c
 *		Dates in the data of a ticket: what is one, and which instant it means.
 *
 * with: src/engine/moment.c src/engine/calendar.c
 */
#include "postgres.h"

#include "utils/datetime.h"

#include "engine/moment.h"
#include "unit.h"

#define AN_HOUR	USECS_PER_HOUR

/* ---- what it asks of the server ---- */

const int	day_tab[2][13] = {
	{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0},
	{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0}
};

/* Count the days one by one */
int
date2j(int year, int month, int day)
{
	int			days = POSTGRES_EPOCH_JDATE + day - 1;

	for (int y = 2000; y < year; y++)
		days += isleap(y) ? 366 : 365;
	for (int y = 1999; y >= year; y--)
		days -= isleap(y) ? 366 : 365;
	for (int m = 1; m < month; m++)
		days += day_tab[isleap(year)][m - 1];
	return days;
}

/* Two hours east of UTC, and from 2026-03-29T01:00Z on three */
int
pg_next_dst_boundary(const pg_time_t *timep, long int *before_gmtoff, int *before_isdst, pg_time_t *boundary,
					 long int *after_gmtoff, int *after_isdst, const pg_tz *tz)
{
	pg_time_t	change = (pg_time_t) (date2j(2026, 3, 29) - UNIX_EPOCH_JDATE) * SECS_PER_DAY + SECS_PER_HOUR;

	*before_isdst = *after_isdst = 0;
	*before_gmtoff = (*timep < change ? 2 : 3) * SECS_PER_HOUR;
	*after_gmtoff = 3 * SECS_PER_HOUR;
	*boundary = change;
	return *timep < change;
}

/* ---- the comparison ---- */

static TimestampTz
utc(int year, int month, int day, int64 time)
{
	return (date2j(year, month, day) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY + time;
}

static bool
means(const char *text, const OmsCalendar *calendar, OmsMomentKind kind, TimestampTz expected)
{
	TimestampTz at = 0;

	return oms_moment_read(text, strlen(text), calendar, kind, &at) && at == expected;
}

/* Is it a day, with these instants as its first and its last? */
static bool
is_day(const char *text, const OmsCalendar *calendar, TimestampTz first, TimestampTz last)
{
	TimestampTz from = 0;
	TimestampTz to = 0;

	return oms_moment_day(text, strlen(text), calendar, &from, &to) && from == first && to == last;
}

static const struct
{
	const char *text;
	int64		time;			/* on 2026-03-05, by UTC */
}			good[] =
{
	{"2026-03-05T09:00", 9 * AN_HOUR},
	{"2026-03-05t09:00z", 9 * AN_HOUR},
	{"2026-03-05 09:00", 9 * AN_HOUR},
	{"2026-03-05T09:00:30", 9 * AN_HOUR + 30 * USECS_PER_SEC},
	{"2026-03-05T09:00:30Z", 9 * AN_HOUR + 30 * USECS_PER_SEC},
	{"2026-03-05T09:00:00.5Z", 9 * AN_HOUR + USECS_PER_SEC / 2},
	{"2026-03-05T09:00:00.1234567890123456789+00:00", 9 * AN_HOUR + 123456},
	{"2026-03-05T09:00+01:00", 8 * AN_HOUR},
	{"2026-03-05T09:00-0530", 14 * AN_HOUR + 30 * USECS_PER_MINUTE},
	{"2026-03-05T09:00+02", 7 * AN_HOUR},
	{"2026-03-05T24:00", 24 * AN_HOUR},
	{"2026-03-05T23:59:59.999999Z", 24 * AN_HOUR - 1},
};

static const char *const bad[] = {
	"", "soon", "2026", "2026-03", "2026-3-5", "20260305", "05.03.2026", "03/05/2026", "2026-02-29", "2026-13-01",
	"2026-00-10", "2026-04-31", "0000-01-01", "10000-01-01", "-2026-03-05", " 2026-03-05", "2026-03-05 ",
	"2026-03-05T", "2026-03-05T9:00", "2026-03-05T09", "2026-03-05T24:01", "2026-03-05T25:00", "2026-03-05T09:60",
	"2026-03-05T09:00:60", "2026-03-05T09:00:", "2026-03-05T09:00:00.", "2026-03-05T09:00.5",
	"2026-03-05T09:00 Z", "2026-03-05T09:00ZZ", "2026-03-05T09:00+1", "2026-03-05T09:00+24:00", "2026-03-05T09:00+01:",
	"2026-03-05T09:00 Europe/Berlin", "2026-03-05Z", "infinity", "now", "epoch", "2026-W10-4", "2026-064",
};

/* Open from Monday to Friday, 9 to 12 and 13 to 17, but not on Thursday 5 March 2026 */
static OmsCalendar *
office(void)
{
	OmsCalendar *calendar = palloc0(sizeof(OmsCalendar));

	for (int day = 0; day < OMS_WEEKDAYS; day++)
	{
		OmsDayHours *hours = &calendar->week[day];

		if (day < 5)
		{
			hours->nranges = 2;
			hours->ranges = palloc0(sizeof(OmsRange) * 2);
			hours->ranges[0] = (OmsRange) {9 * AN_HOUR, 12 * AN_HOUR};
			hours->ranges[1] = (OmsRange) {13 * AN_HOUR, 17 * AN_HOUR};
			hours->total = 7 * AN_HOUR;
		}
		calendar->time_before[day + 1] = calendar->time_before[day] + hours->total;
		calendar->dates_before[day + 1] = calendar->dates_before[day] + (day < 5);
	}
	calendar->nspecial = 1;
	calendar->special = palloc0(sizeof(OmsSpecialDate));
	calendar->special->date = date2j(2026, 3, 5) - POSTGRES_EPOCH_JDATE;
	calendar->special->time_change = -7 * AN_HOUR;
	calendar->special->dates_change = -1;
	return calendar;
}

int
main(void)
{
	OmsCalendar *calendar = office();
	TimestampTz at;

	for (int i = 0; i < (int) lengthof(good); i++)
		ok(means(good[i].text, NULL, OMS_MOMENT_START, utc(2026, 3, 5, good[i].time)), "%s", good[i].text);
	for (int i = 0; i < (int) lengthof(bad); i++)
		ok(!oms_moment_read(bad[i], strlen(bad[i]), NULL, OMS_MOMENT_DUE, &at), "no date: %s", bad[i]);
	ok(!oms_moment_read("2026-03-05\0T09:00", 17, NULL, OMS_MOMENT_DUE, &at), "no date: a byte zero");
	ok(means("2026-03-05T09:00 ", NULL, OMS_MOMENT_DUE, 0) == false && oms_moment_read("2026-03-05xyz", 10, NULL, OMS_MOMENT_DUE, &at),
	   "only as many bytes as the text has are read");
	ok(means("2024-02-29", NULL, OMS_MOMENT_START, utc(2024, 2, 29, 0)), "29 February of a leap year");
	ok(means("0001-01-01", NULL, OMS_MOMENT_START, utc(1, 1, 1, 0)), "the first date");
	ok(means("9999-12-31", NULL, OMS_MOMENT_DUE, utc(9999, 12, 31, 24 * AN_HOUR)), "the last date");

	ok(means("2026-03-05", NULL, OMS_MOMENT_START, utc(2026, 3, 5, 0)), "without calendar a date starts at 00:00 UTC");
	ok(means("2026-03-05", NULL, OMS_MOMENT_DUE, utc(2026, 3, 6, 0)), "... and is over at the end of that day");
	ok(means("2026-03-04", calendar, OMS_MOMENT_START, utc(2026, 3, 4, 7 * AN_HOUR)), "an open date starts when it opens");
	ok(means("2026-03-04", calendar, OMS_MOMENT_DUE, utc(2026, 3, 4, 15 * AN_HOUR)), "... and is over when it closes for the last time");
	ok(means("2026-03-05", calendar, OMS_MOMENT_START, utc(2026, 3, 6, 7 * AN_HOUR)), "a closed date means the next open one");
	ok(means("2026-03-07", calendar, OMS_MOMENT_DUE, utc(2026, 3, 9, 15 * AN_HOUR)), "... also over a weekend");
	ok(means("2026-03-28", calendar, OMS_MOMENT_START, utc(2026, 3, 30, 6 * AN_HOUR)), "... and over a change of the clock");
	ok(means("2026-03-07T20:15", calendar, OMS_MOMENT_DUE, utc(2026, 3, 7, 18 * AN_HOUR + 15 * USECS_PER_MINUTE)),
	   "a time is that of the calendar's zone, open or not");
	ok(means("2026-03-07T20:15Z", calendar, OMS_MOMENT_DUE, utc(2026, 3, 7, 20 * AN_HOUR + 15 * USECS_PER_MINUTE)),
	   "... unless it has an offset");
	ok(means("2026-03-29T03:30", calendar, OMS_MOMENT_START, utc(2026, 3, 29, AN_HOUR + 30 * USECS_PER_MINUTE)),
	   "a time that the clock skips is as long after the jump");

	ok(is_day("2026-03-05", NULL, utc(2026, 3, 5, 0), utc(2026, 3, 6, 0) - 1), "a day is from midnight to midnight");
	ok(is_day("2026-03-07", calendar, utc(2026, 3, 6, 22 * AN_HOUR), utc(2026, 3, 7, 22 * AN_HOUR) - 1), "... in the calendar's zone, open or not");
	ok(is_day("2026-03-29", calendar, utc(2026, 3, 28, 22 * AN_HOUR), utc(2026, 3, 29, 21 * AN_HOUR) - 1), "... an hour shorter where the clock jumps");
	ok(!oms_moment_day("2026-03-05T00:00", 16, NULL, &at, &at) && !oms_moment_day("soon", 4, NULL, &at, &at), "a time is no day");

	memset(calendar->dates_before, 0, sizeof(calendar->dates_before));
	memset(calendar->time_before, 0, sizeof(calendar->time_before));
	memset(calendar->week, 0, sizeof(calendar->week));
	calendar->nspecial = 0;
	ok(means("2026-03-04", calendar, OMS_MOMENT_START, OMS_NEVER) && means("2026-03-04", calendar, OMS_MOMENT_DUE, OMS_NEVER),
	   "never, if the calendar does not open again");
	return finish();
}
