/*
 * calendar.c
 *		Business calendars: how much open time lies between two instants, and where it runs out.
 *
 * The ends of hours are never turned into UTC, since a local time can exist twice or not at all.
 * Time is cut into pieces at the transitions of the zone instead; inside a piece wall clock and UTC
 * run side by side, and plain arithmetic on wall times is right.
 *
 * That arithmetic is one function: open_before, the open time before a wall time as if clocks had
 * never changed.  It counts whole weeks at once and looks up special dates by bisection, so a piece
 * costs the same whether it is an hour or a century.  Measuring subtracts two values of it, adding
 * looks for the wall time where it reaches a value.  Dates are counted the same way, less those that
 * a clock change took away.
 *
 * Pure: nothing here reads a table, a clock or a setting.  The time zones are those of the server.
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "engine/calendar.h"

/* A search gives up after ten years without an open instant */
#define HORIZON_DAYS	3653
#define HORIZON			(HORIZON_DAYS * USECS_PER_DAY)

/* Dates near the end of the timestamps; further ones have no instants */
#define LAST_DATE		((int) (END_TIMESTAMP / USECS_PER_DAY) - 3)

/* Seconds from 1970 to 2000: the time zone code counts from 1970 */
#define EPOCH_SHIFT		((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* The Monday of the week that holds the day 0, which was a Saturday */
#define FIRST_MONDAY	(-5)

/* A stretch of time with one offset: wall time is instant + offset */
typedef struct Piece
{
	TimestampTz from;
	TimestampTz to;
	int64		offset;
} Piece;

/* A date: its hours, and what lies before it */
typedef struct Day
{
	const OmsDayHours *hours;
	int64		time_before;
	int64		dates_before;
} Day;

static int64
floor_div(int64 value, int64 by)
{
	int64		quotient = value / by;

	return value % by < 0 ? quotient - 1 : quotient;
}

static int
date_of(int64 wall)
{
	return (int) floor_div(wall, USECS_PER_DAY);
}

static int64
start_of(int date)
{
	return date * USECS_PER_DAY;
}

static void
out_of_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("timestamp out of range")));
}

/* ---- pieces ---- */

/*
 * The piece that begins at an instant, up to a limit at most.
 */
static void
piece_at(const OmsCalendar *calendar, TimestampTz at, TimestampTz limit, Piece *piece)
{
	pg_time_t	seconds = floor_div(at, USECS_PER_SEC) + EPOCH_SHIFT;
	pg_time_t	boundary;
	long int	offset;
	long int	unused;
	int			dst;
	int			found;

	found = pg_next_dst_boundary(&seconds, &offset, &dst, &boundary, &unused, &dst, calendar->zone);
	if (found < 0)
		out_of_range();
	piece->offset = offset * USECS_PER_SEC;
	if (found == 0)
	{
		/* exactly at the last transition of its table the server sees none, a second later it does */
		seconds++;
		found = pg_next_dst_boundary(&seconds, &offset, &dst, &boundary, &unused, &dst,
									 calendar->zone);
	}
	piece->from = at;
	piece->to = limit;
	if (found > 0 && boundary - EPOCH_SHIFT <= limit / USECS_PER_SEC)
		piece->to = Min(limit, (boundary - EPOCH_SHIFT) * USECS_PER_SEC);
}

static int
local_date(const OmsCalendar *calendar, TimestampTz at)
{
	Piece		piece;

	piece_at(calendar, at, at, &piece);
	return date_of(at + piece.offset);
}

/* ---- the wall, as if clocks never changed ---- */

/*
 * How many special dates come before a date.
 */
static int
specials_before(const OmsCalendar *calendar, int date)
{
	int			low = 0;
	int			high = calendar->nspecial;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (calendar->special[middle].date < date)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
look_up(const OmsCalendar *calendar, int date, Day *day)
{
	int64		week = floor_div((int64) date - FIRST_MONDAY, OMS_WEEKDAYS);
	int			weekday = (int) (date - FIRST_MONDAY - week * OMS_WEEKDAYS);
	int			special = specials_before(calendar, date);

	day->hours = &calendar->week[weekday];
	day->time_before = week * calendar->time_before[OMS_WEEKDAYS] + calendar->time_before[weekday];
	day->dates_before = week * calendar->dates_before[OMS_WEEKDAYS] +
		calendar->dates_before[weekday];
	if (special > 0)
	{
		day->time_before += calendar->special[special - 1].time_change;
		day->dates_before += calendar->special[special - 1].dates_change;
	}
	if (special < calendar->nspecial && calendar->special[special].date == date)
		day->hours = &calendar->special[special].hours;
}

/*
 * Open time before a wall time, counted from some Monday; only differences mean something.
 */
static int64
open_before(const OmsCalendar *calendar, int64 wall)
{
	int			date = date_of(wall);
	int64		time = wall - start_of(date);
	int64		open;
	Day			day;

	look_up(calendar, date, &day);
	open = day.time_before;
	for (int i = 0; i < day.hours->nranges && day.hours->ranges[i].from < time; i++)
		open += Min(time, day.hours->ranges[i].to) - day.hours->ranges[i].from;
	return open;
}

/*
 * The earliest wall time at which open_before reaches a value, which it does in the days from one
 * wall time to another, and not before.
 */
static int64
reached_at(const OmsCalendar *calendar, int64 from, int64 to, int64 value)
{
	int			low = date_of(from);
	int			high = date_of(to);
	Day			day;

	/* the last date that begins with less */
	while (low < high)
	{
		int			middle = low + (high - low + 1) / 2;

		look_up(calendar, middle, &day);
		if (day.time_before < value)
			low = middle;
		else
			high = middle - 1;
	}
	look_up(calendar, low, &day);
	value -= day.time_before;
	for (int i = 0; i < day.hours->nranges; i++)
	{
		const OmsRange *range = &day.hours->ranges[i];

		if (value <= range->to - range->from)
			return start_of(low) + range->from + value;
		value -= range->to - range->from;
	}
	Assert(false);
	return to;
}

/* ---- instants ---- */

bool
oms_calendar_is_open(const OmsCalendar *calendar, TimestampTz at)
{
	Piece		piece;

	if (calendar == NULL)
		return true;
	piece_at(calendar, at, at, &piece);
	return open_before(calendar, at + piece.offset + 1) > open_before(calendar, at + piece.offset);
}

int64
oms_calendar_measure(const OmsCalendar *calendar, TimestampTz from, TimestampTz to)
{
	int64		open = 0;
	int64		length;
	Piece		piece;

	if (to <= from)
		return 0;
	if (pg_sub_s64_overflow(to, from, &length))
		out_of_range();
	if (calendar == NULL)
		return length;
	for (TimestampTz at = from; at < to; at = piece.to)
	{
		CHECK_FOR_INTERRUPTS();
		piece_at(calendar, at, to, &piece);
		open += open_before(calendar, piece.to + piece.offset) -
			open_before(calendar, piece.from + piece.offset);
	}
	return open;
}

/*
 * The instant where a search gives up that has met nothing open since another.
 */
static TimestampTz
give_up_at(TimestampTz open)
{
	return open < END_TIMESTAMP - HORIZON ? open + HORIZON : END_TIMESTAMP - 1;
}

TimestampTz
oms_calendar_add(const OmsCalendar *calendar, TimestampTz start, int64 usecs)
{
	TimestampTz at = start;
	TimestampTz last_open = start;

	if (usecs <= 0)
		return start;
	if (calendar == NULL)
		return pg_add_s64_overflow(start, usecs, &at) || !IS_VALID_TIMESTAMP(at) ? OMS_NEVER : at;
	while (calendar->problem == NULL && at < give_up_at(last_open))
	{
		Piece		piece;
		int64		before;
		int64		open;

		CHECK_FOR_INTERRUPTS();
		piece_at(calendar, at, give_up_at(last_open), &piece);
		before = open_before(calendar, piece.from + piece.offset);
		open = open_before(calendar, piece.to + piece.offset) - before;
		if (open > 0)
			last_open = reached_at(calendar, piece.from + piece.offset, piece.to + piece.offset,
								   before + Min(open, usecs)) - piece.offset;
		if (open >= usecs)
			return last_open;
		usecs -= open;
		at = piece.to;
	}
	return OMS_NEVER;
}

/* ---- dates ---- */

/*
 * The part of a piece that falls on a date, in its wall time; false if there is none.
 */
static bool
part_of_date(const Piece *piece, int date, int64 *from, int64 *to)
{
	*from = Max(piece->from + piece->offset, start_of(date));
	*to = Min(piece->to + piece->offset, start_of(date + 1));
	return *from < *to;
}

/*
 * The last closing instant of a date; false if it holds no open instant.
 */
static bool
date_end(const OmsCalendar *calendar, int date, TimestampTz *end)
{
	/* no zone is a day away from UTC */
	TimestampTz limit = start_of(date + 2);
	bool		open = false;
	Piece		piece;

	for (TimestampTz at = start_of(date - 1); at < limit; at = piece.to)
	{
		int64		from;
		int64		to;
		int64		value;

		piece_at(calendar, at, limit, &piece);
		if (!part_of_date(&piece, date, &from, &to))
			continue;
		value = open_before(calendar, to);
		if (value == open_before(calendar, from))
			continue;
		*end = reached_at(calendar, from, to, value) - piece.offset;
		open = true;
	}
	return open;
}

/*
 * Open dates before a date, as if clocks never changed.
 */
static int64
dates_before(const OmsCalendar *calendar, int date)
{
	Day			day;

	look_up(calendar, date, &day);
	return day.dates_before;
}

/*
 * Dates after one, up to another, that should be open but of which clocks skip all open time.
 */
static int
lost_dates(const OmsCalendar *calendar, int after, int last)
{
	TimestampTz limit = start_of(last + 2);
	int			seen = after;
	int			lost = 0;
	int64		wall = PG_INT64_MAX;
	Piece		piece;

	for (TimestampTz at = start_of(after - 1); at < limit; at = piece.to)
	{
		TimestampTz end;

		CHECK_FOR_INTERRUPTS();
		piece_at(calendar, at, limit, &piece);
		/* the wall clock jumped from `wall` to the time at which this piece begins */
		for (int date = Max(seen + 1, date_of(wall));
			 wall < piece.from + piece.offset && date <= last &&
			 start_of(date) < piece.from + piece.offset; date++)
		{
			seen = date;
			if (dates_before(calendar, date + 1) > dates_before(calendar, date) &&
				!date_end(calendar, date, &end))
				lost++;
		}
		wall = piece.to + piece.offset;
	}
	return lost;
}

/*
 * The n-th open date after a date, as if clocks never changed; beyond LAST_DATE if there is none.
 */
static int
nth_date(const OmsCalendar *calendar, int date, int n)
{
	while (n > 0 && date <= LAST_DATE)
	{
		int64		before = dates_before(calendar, date + 1);
		int64		found = dates_before(calendar, date + 1 + HORIZON_DAYS) - before;
		int			high = date + HORIZON_DAYS;

		CHECK_FOR_INTERRUPTS();
		if (found == 0)
			return LAST_DATE + 1;
		found = Min(found, n);
		/* the first date that completes so many */
		date++;
		while (date < high)
		{
			int			middle = date + (high - date) / 2;

			if (dates_before(calendar, middle + 1) - before >= found)
				high = middle;
			else
				date = middle + 1;
		}
		n -= (int) found;
	}
	return date;
}

/*
 * The first opening instant of a date; false if it holds no open instant.
 */
static bool
date_start(const OmsCalendar *calendar, int date, TimestampTz *start)
{
	TimestampTz limit = start_of(date + 2);
	Piece		piece;

	for (TimestampTz at = start_of(date - 1); at < limit; at = piece.to)
	{
		int64		from;
		int64		to;
		int64		value;

		piece_at(calendar, at, limit, &piece);
		if (!part_of_date(&piece, date, &from, &to))
			continue;
		value = open_before(calendar, from) + 1;
		if (value > open_before(calendar, to))
			continue;
		*start = reached_at(calendar, from, to, value) - 1 - piece.offset;
		return true;
	}
	return false;
}

TimestampTz
oms_calendar_instant(const OmsCalendar *calendar, int64 wall)
{
	TimestampTz limit = wall + 2 * USECS_PER_DAY;
	TimestampTz result = OMS_NEVER;
	Piece		piece;

	if (calendar == NULL)
		return wall;
	for (TimestampTz at = wall - 2 * USECS_PER_DAY; at < limit; at = piece.to)
	{
		piece_at(calendar, at, limit, &piece);
		/* the last piece that shows it, or the last one before it was skipped */
		if (piece.from + piece.offset <= wall)
			result = wall - piece.offset;
	}
	return result;
}

int
oms_calendar_date(const OmsCalendar *calendar, TimestampTz at)
{
	return calendar == NULL ? date_of(at) : local_date(calendar, at);
}

bool
oms_calendar_date_end(const OmsCalendar *calendar, int date, TimestampTz *end)
{
	if (calendar != NULL)
		return date_end(calendar, date, end);
	*end = start_of(date + 1);
	return true;
}

/*
 * The n-th open date after a date; beyond LAST_DATE if there is none.
 */
static int
nth_open_date(const OmsCalendar *calendar, int date, int n)
{
	Assert(n > 0);
	if (date > LAST_DATE - (calendar == NULL ? n : 0))
		return LAST_DATE + 1;
	if (calendar == NULL)
		return date + n;
	if (calendar->problem != NULL)
		return LAST_DATE + 1;
	/* for each lost date one more is needed; the last one is not lost, or there would be one more */
	while (n > 0 && date <= LAST_DATE)
	{
		int			next = nth_date(calendar, date, n);

		n = next > LAST_DATE ? 0 : lost_dates(calendar, date, next);
		date = next;
	}
	return date;
}

TimestampTz
oms_calendar_nth_open_date_end(const OmsCalendar *calendar, int date, int n)
{
	TimestampTz end;

	date = nth_open_date(calendar, date, n);
	return date <= LAST_DATE && oms_calendar_date_end(calendar, date, &end) ? end : OMS_NEVER;
}

TimestampTz
oms_calendar_nth_open_date_start(const OmsCalendar *calendar, int date, int n)
{
	TimestampTz start;

	date = nth_open_date(calendar, date, n);
	if (date > LAST_DATE)
		return OMS_NEVER;
	if (calendar == NULL)
		return start_of(date);
	return date_start(calendar, date, &start) ? start : OMS_NEVER;
}

int
oms_calendar_open_dates(const OmsCalendar *calendar, int after, int last)
{
	if (last <= after)
		return 0;
	if (calendar == NULL)
		return last - after;
	return (int) (dates_before(calendar, last + 1) - dates_before(calendar, after + 1)) -
		lost_dates(calendar, after, last);
}

TimestampTz
oms_calendar_ends(const OmsCalendar *calendar)
{
	TimestampTz end;

	if (calendar->dates_before[OMS_WEEKDAYS] > 0)
		return OMS_NEVER;
	for (int i = calendar->nspecial - 1; i >= 0; i--)
		if (date_end(calendar, calendar->special[i].date, &end))
			return end;
	return OMS_NEVER;
}
