/*
 * moment.c
 *		Dates in the data of a ticket.
 *
 * What counts is ISO 8601 with dashes and colons: 2026-03-05, 2026-03-05T09:00, 2026-03-05 09:00:30.5+01:00.
 * Nothing depends on settings of the session, as it would with the server's own reading of dates.
 *
 * Pure: nothing here reads a table, a clock or a setting.
 */
#include "postgres.h"

#include "utils/datetime.h"

#include "engine/moment.h"

/* What is left of a text that is being read */
typedef struct Reader
{
	const char *at;
	const char *end;
} Reader;

static bool
read_char(Reader *reader, const char *any)
{
	if (reader->at == reader->end || *reader->at == '\0' || strchr(any, *reader->at) == NULL)
		return false;
	reader->at++;
	return true;
}

/*
 * A number of exactly so many digits within a range.
 */
static bool
read_number(Reader *reader, int digits, int min, int max, int *result)
{
	*result = 0;
	for (int i = 0; i < digits; i++)
	{
		const char *digit = reader->at;

		if (!read_char(reader, "0123456789"))
			return false;
		*result = *result * 10 + (*digit - '0');
	}
	return *result >= min && *result <= max;
}

/*
 * Days since 2000-01-01.
 */
static bool
read_date(Reader *reader, int *date)
{
	int			year;
	int			month;
	int			day;

	if (!read_number(reader, 4, 1, 9999, &year) || !read_char(reader, "-") ||
		!read_number(reader, 2, 1, MONTHS_PER_YEAR, &month) || !read_char(reader, "-") ||
		!read_number(reader, 2, 1, day_tab[isleap(year)][month - 1], &day))
		return false;
	*date = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	return true;
}

/*
 * A fraction of a second, of any length; what is beyond microseconds is cut off.
 */
static bool
read_fraction(Reader *reader, int64 *time)
{
	int64		unit = USECS_PER_SEC;
	int			digit;

	if (!read_number(reader, 1, 0, 9, &digit))
		return false;
	do
	{
		unit /= 10;
		*time += digit * unit;
	} while (reader->at < reader->end && read_number(reader, 1, 0, 9, &digit));
	return true;
}

/*
 * Microseconds since midnight; 24:00 is the end of the day.
 */
static bool
read_time(Reader *reader, int64 *time)
{
	int			hours;
	int			minutes;
	int			seconds;

	if (!read_number(reader, 2, 0, 24, &hours) || !read_char(reader, ":") || !read_number(reader, 2, 0, 59, &minutes))
		return false;
	*time = hours * USECS_PER_HOUR + minutes * USECS_PER_MINUTE;
	if (read_char(reader, ":"))
	{
		if (!read_number(reader, 2, 0, 59, &seconds))
			return false;
		*time += seconds * USECS_PER_SEC;
		if (read_char(reader, ".,") && !read_fraction(reader, time))
			return false;
	}
	return *time <= USECS_PER_DAY;
}

/*
 * Microseconds east of UTC.
 */
static bool
read_offset(Reader *reader, int64 *offset)
{
	const char *sign = reader->at;
	int			hours;
	int			minutes = 0;

	*offset = 0;
	if (read_char(reader, "Zz"))
		return true;
	if (!read_char(reader, "+-") || !read_number(reader, 2, 0, 23, &hours))
		return false;
	if (reader->at < reader->end)
	{
		(void) read_char(reader, ":");
		if (!read_number(reader, 2, 0, 59, &minutes))
			return false;
	}
	*offset = (hours * USECS_PER_HOUR + minutes * USECS_PER_MINUTE) * (*sign == '-' ? -1 : 1);
	return true;
}

bool
oms_moment_read(const char *text, int len, const OmsCalendar *calendar, OmsMomentKind kind, TimestampTz *at)
{
	Reader		reader = {text, text + len};
	int			date;
	int64		time;
	int64		offset;

	if (!read_date(&reader, &date))
		return false;
	if (reader.at == reader.end)
	{
		*at = kind == OMS_MOMENT_START ? oms_calendar_nth_open_date_start(calendar, date - 1, 1)
			: oms_calendar_nth_open_date_end(calendar, date - 1, 1);
		return true;
	}
	if (!read_char(&reader, "Tt ") || !read_time(&reader, &time))
		return false;
	time += date * USECS_PER_DAY;
	if (reader.at == reader.end)
		*at = oms_calendar_instant(calendar, time);
	else if (read_offset(&reader, &offset))
		*at = time - offset;
	else
		return false;
	return reader.at == reader.end;
}

bool
oms_moment_day(const char *text, int len, const OmsCalendar *calendar, TimestampTz *first, TimestampTz *last)
{
	Reader		reader = {text, text + len};
	int			date;

	if (!read_date(&reader, &date) || reader.at != reader.end)
		return false;
	*first = oms_calendar_instant(calendar, date * USECS_PER_DAY);
	*last = oms_calendar_instant(calendar, (date + 1) * USECS_PER_DAY) - 1;
	return true;
}
