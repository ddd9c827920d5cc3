/*
 * calendar.c
 *		Open time against a count minute by minute, in zones that change their clocks in every way.
 *
 * with: src/engine/calendar.c
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "engine/calendar.h"
#include "unit.h"

#define MINUTE			USECS_PER_MINUTE
#define DAY_MINUTES		1440
#define DAYS			40		/* that are looked at, from 2000-01-01 */
#define EPOCH			((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* ---- a zone of the server, here with a few changes ---- */

#define MAX_CHANGES		3

struct pg_tz
{
	int			nchanges;
	int			at[MAX_CHANGES];	/* minutes since 2000 */
	int			offset[MAX_CHANGES + 1];	/* minutes east of UTC, before the first and after each */
};

int
pg_next_dst_boundary(const pg_time_t *timep, long int *before_gmtoff, int *before_isdst, pg_time_t *boundary,
					 long int *after_gmtoff, int *after_isdst, const pg_tz *tz)
{
	int64		now = *timep - EPOCH;
	int			i = 0;

	while (i < tz->nchanges && (int64) tz->at[i] * 60 <= now)
		i++;
	*before_gmtoff = tz->offset[i] * 60;
	*before_isdst = *after_isdst = 0;
	if (i == tz->nchanges)
		return 0;
	*boundary = (pg_time_t) tz->at[i] * 60 + EPOCH;
	*after_gmtoff = tz->offset[i + 1] * 60;
	return 1;
}

/* ---- counting ---- */

/* Is the minute that begins then open, and which date does the wall show? */
static bool open_minute[DAYS * DAY_MINUTES];
static int	wall_date[DAYS * DAY_MINUTES];

static int
floor_of(int value, int by)
{
	return value >= 0 ? value / by : -((-value + by - 1) / by);
}

static const OmsDayHours *
hours_of(const OmsCalendar *calendar, int date)
{
	for (int i = 0; i < calendar->nspecial; i++)
		if (calendar->special[i].date == date)
			return &calendar->special[i].hours;
	/* 2000-01-01 was a Saturday */
	return &calendar->week[((date + 5) % OMS_WEEKDAYS + OMS_WEEKDAYS) % OMS_WEEKDAYS];
}

static void
count_minutes(const OmsCalendar *calendar)
{
	for (int minute = 0; minute < DAYS * DAY_MINUTES; minute++)
	{
		int			i = 0;
		int			wall;
		const OmsDayHours *hours;

		while (i < calendar->zone->nchanges && calendar->zone->at[i] <= minute)
			i++;
		wall = minute + calendar->zone->offset[i];
		wall_date[minute] = floor_of(wall, DAY_MINUTES);
		hours = hours_of(calendar, wall_date[minute]);
		wall -= wall_date[minute] * DAY_MINUTES;
		open_minute[minute] = false;
		for (int r = 0; r < hours->nranges; r++)
			if (wall * MINUTE >= hours->ranges[r].from && wall * MINUTE < hours->ranges[r].to)
				open_minute[minute] = true;
	}
}

/* ---- calendars ---- */

static void
roll_hours(OmsDayHours *hours)
{
	int64		at = 0;

	hours->ranges = palloc0(sizeof(OmsRange) * 3);
	hours->nranges = (int) dice(3);
	hours->total = 0;
	for (int i = 0; i < hours->nranges; i++)
	{
		OmsRange   *range = &hours->ranges[i];

		range->from = at + (int64) dice(8 * 60) * MINUTE;
		range->to = range->from + (1 + (int64) dice(7 * 60)) * MINUTE;
		if (dice(6) == 0 && i == hours->nranges - 1)
			range->to = USECS_PER_DAY;
		if (range->to > USECS_PER_DAY || range->from >= USECS_PER_DAY)
		{
			hours->nranges = i;
			break;
		}
		at = range->to + (1 + (int64) dice(120)) * MINUTE;
		hours->total += range->to - range->from;
	}
}

static void
roll_zone(pg_tz *zone)
{
	static const int jumps[] = {60, -60, 30, -30, 1440, -1440, 120};
	int			at = (int) dice(5 * DAY_MINUTES);

	zone->nchanges = (int) dice(MAX_CHANGES + 1);
	zone->offset[0] = ((int) dice(21) - 10) * 60;
	for (int i = 0; i < zone->nchanges; i++)
	{
		at += (3 + (int) dice(9)) * DAY_MINUTES + (int) dice(DAY_MINUTES);
		zone->at[i] = at;
		zone->offset[i + 1] = zone->offset[i] + jumps[dice(lengthof(jumps))];
		/* no zone is further away from UTC */
		if (abs(zone->offset[i + 1]) > 14 * 60)
			zone->offset[i + 1] = zone->offset[i] > 0 ? zone->offset[i] - 60 : zone->offset[i] + 60;
	}
}

static OmsCalendar *
roll_calendar(void)
{
	OmsCalendar *calendar = palloc0(sizeof(OmsCalendar));

	calendar->zone = palloc0(sizeof(pg_tz));
	roll_zone(calendar->zone);
	for (int day = 0; day < OMS_WEEKDAYS; day++)
	{
		roll_hours(&calendar->week[day]);
		calendar->time_before[day + 1] = calendar->time_before[day] + calendar->week[day].total;
		calendar->dates_before[day + 1] = calendar->dates_before[day] + (calendar->week[day].total > 0);
	}
	calendar->special = palloc0(sizeof(OmsSpecialDate) * DAYS);
	for (int date = 0, time_change = 0, dates_change = 0; date < DAYS; date++)
	{
		OmsSpecialDate *special = &calendar->special[calendar->nspecial];
		const OmsDayHours *usual = hours_of(calendar, date);

		if (dice(5) != 0)
			continue;
		roll_hours(&special->hours);
		/* minutes, which an int holds */
		time_change += (int) ((special->hours.total - usual->total) / MINUTE);
		dates_change += (special->hours.total > 0) - (usual->total > 0);
		special->date = date;
		special->time_change = time_change * MINUTE;
		special->dates_change = dates_change;
		calendar->nspecial++;
	}
	return calendar;
}

/* ---- the comparison ---- */

/* Of dates, those that have all their minutes among the ones that are counted */
static bool
date_is_open(int date, int *start, int *end)
{
	bool		found = false;

	for (int minute = 0; minute < DAYS * DAY_MINUTES; minute++)
		if (open_minute[minute] && wall_date[minute] == date)
		{
			if (!found)
				*start = minute;
			*end = minute + 1;
			found = true;
		}
	return found;
}

static int	wrong_measure = 0;
static int	wrong_add = 0;
static int	wrong_open = 0;
static int	wrong_ends = 0;
static int	wrong_dates = 0;
static int	wrong_nth = 0;
static int	wrong_starts = 0;
static int	wrong_walls = 0;
static int	skipped = 0;
static int	reached = 0;

static void
compare_time(const OmsCalendar *calendar)
{
	int			from = (int) dice(DAYS * DAY_MINUTES);
	int			to = from + (int) dice(DAYS * DAY_MINUTES - from);
	int			open = 0;
	int			last = from;
	TimestampTz at;

	for (int minute = from; minute < to; minute++)
		if (open_minute[minute])
		{
			open++;
			last = minute + 1;
		}
	wrong_measure += oms_calendar_measure(calendar, from * MINUTE, to * MINUTE) != open * MINUTE;
	wrong_measure += oms_calendar_measure(calendar, to * MINUTE, from * MINUTE) != 0;
	at = oms_calendar_add(calendar, from * MINUTE, open * MINUTE);
	wrong_add += at != last * MINUTE;
	reached += open > 0;
	/* a second less than that is reached a second earlier */
	if (open > 0)
		wrong_add += oms_calendar_add(calendar, from * MINUTE, open * MINUTE - USECS_PER_SEC) != last * MINUTE - USECS_PER_SEC;
	wrong_open += oms_calendar_is_open(calendar, from * MINUTE) != open_minute[from];
	wrong_open += oms_calendar_is_open(calendar, from * MINUTE + MINUTE - 1) != open_minute[from];
}

static void
compare_dates(const OmsCalendar *calendar)
{
	int			after = 3 + (int) dice(10);
	int			last = after + (int) dice(20);
	int			open = 0;
	int			last_start = 0;
	int			last_end = 0;
	TimestampTz end;

	for (int date = after + 1; date <= last; date++)
	{
		int			start;
		int			minute;
		bool		is_open = date_is_open(date, &start, &minute);

		wrong_ends += oms_calendar_date_end(calendar, date, &end) != is_open || (is_open && end != minute * MINUTE);
		if (is_open)
		{
			open++;
			last_start = start;
			last_end = minute;
		}
	}
	wrong_dates += oms_calendar_open_dates(calendar, after, last) != open;
	wrong_dates += oms_calendar_open_dates(calendar, last, after) != 0;
	if (open > 0)
	{
		wrong_nth += oms_calendar_nth_open_date_end(calendar, after, open) != last_end * MINUTE;
		wrong_starts += oms_calendar_nth_open_date_start(calendar, after, open) != last_start * MINUTE;
	}
}

/*
 * The last minute at which the wall shows a time, or, if none does, that time by the offset before.
 */
static void
compare_walls(const OmsCalendar *calendar)
{
	const pg_tz *zone = calendar->zone;
	int			change = (int) dice(Max(zone->nchanges, 1));
	int			wall = (zone->nchanges == 0 ? 10 * DAY_MINUTES : zone->at[change] + zone->offset[change]) +
		(int) dice(6 * 60) - 3 * 60;
	int			found = -1;
	int			before = 0;

	for (int minute = 0; minute < DAYS * DAY_MINUTES; minute++)
	{
		int			i = 0;

		while (i < zone->nchanges && zone->at[i] <= minute)
			i++;
		if (minute + zone->offset[i] == wall)
			found = minute;
		if (minute + zone->offset[i] < wall)
			before = zone->offset[i];
	}
	skipped += found < 0;
	wrong_walls += oms_calendar_instant(calendar, wall * MINUTE) != (found < 0 ? wall - before : found) * MINUTE;
}

int
main(void)
{
	for (int round = 0; round < 400; round++)
	{
		OmsCalendar *calendar = roll_calendar();

		count_minutes(calendar);
		for (int i = 0; i < 10; i++)
			compare_time(calendar);
		compare_dates(calendar);
		for (int i = 0; i < 4; i++)
			compare_walls(calendar);
	}
	ok(wrong_measure == 0, "measured is what is counted");
	ok(wrong_add == 0 && reached > 2000, "added ends with the minute that completes it");
	ok(wrong_open == 0, "open when the hours say so");
	ok(wrong_ends == 0, "a date ends with its last open minute");
	ok(wrong_dates == 0, "open dates are those with an open minute");
	ok(wrong_nth == 0, "the n-th open date is the one that completes them");
	ok(wrong_starts == 0, "... and begins with its first open minute");
	ok(wrong_walls == 0 && skipped > 50, "a time of the wall is its last minute, and one that is skipped as if the clock had not jumped");
	printf("# wrong: measure %d, add %d, open %d, ends %d, dates %d, nth %d, starts %d, walls %d\n", wrong_measure, wrong_add, wrong_open,
		   wrong_ends, wrong_dates, wrong_nth, wrong_starts, wrong_walls);

	ok(oms_calendar_measure(NULL, 5, 12) == 7 && oms_calendar_add(NULL, 5, 7) == 12, "no calendar: all time is open");
	ok(oms_calendar_add(NULL, END_TIMESTAMP - 1, 2) == OMS_NEVER, "... up to the end of time");
	return finish();
}
