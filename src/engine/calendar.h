/*
 * calendar.h
 *		Business calendars: how much open time lies between two instants, and where it runs out.
 *
 * A calendar is a set of instants.  An instant is open if the wall clock of the calendar's time zone
 * then shows a time within the hours of the date that it shows.  Nothing else is defined by local
 * times: an hour that a clock change skips holds no open time, one that it repeats holds it twice.
 *
 * All lengths of time are microseconds, all instants finite.  Where a calendar is asked for, NULL
 * stands for the one that is always open, with the dates of UTC.
 */
#ifndef OMS_ENGINE_CALENDAR_H
#define OMS_ENGINE_CALENDAR_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "pgtime.h"
#include "utils/jsonb.h"

#include "oms.h"

#define OMS_WEEKDAYS	7

/* From one time of the wall clock to another: microseconds after midnight, the end is not open */
typedef struct OmsRange
{
	int64		from;
	int64		to;
} OmsRange;

/* The hours of a date: in order, apart from each other */
typedef struct OmsDayHours
{
	int64		total;
	int			nranges;
	OmsRange   *ranges;
} OmsDayHours;

/* A date whose hours are not those of its weekday */
typedef struct OmsSpecialDate
{
	int			date;			/* days since 2000-01-01 */
	OmsDayHours hours;			/* none: closed */
	int64		time_change;	/* what this and all earlier ones add to the hours of the week */
	int			dates_change;	/* and to the number of its open dates */
} OmsSpecialDate;

/* A version of a calendar.  Read it with the functions below. */
typedef struct OmsCalendar
{
	int			calendar_id;	/* 0: not stored */
	int			version;
	const char *name;			/* NULL: not stored */
	const char *timezone;
	pg_tz	   *zone;
	const char *problem;		/* why a stored one cannot be read, NULL: it can */
	OmsDayHours week[OMS_WEEKDAYS]; /* from Monday */
	int64		time_before[OMS_WEEKDAYS + 1];	/* hours of the weekdays before; [7]: of the week */
	int			dates_before[OMS_WEEKDAYS + 1]; /* open weekdays before */
	int			nspecial;
	OmsSpecialDate *special;	/* by date */
} OmsCalendar;

/* ---- calendar_definition.c ---- */

/*
 * Check and compile a definition in the current memory context.  Returns the calendar, or NULL with
 * at least one OmsProblem in *problems.
 */
extern OmsCalendar *oms_calendar_compile(Jsonb *definition, List **problems);

/*
 * The same for a definition that was good once.  A server can lose what a calendar needs, above all its
 * time zone; then "problem" says so, and it is what can be read of it, in UTC: it still measures, as well
 * as it can, but nothing is ever due by it.
 */
extern OmsCalendar *oms_calendar_compile_stored(Jsonb *definition);

/* ---- zone_links.c ---- */

/*
 * The zone that a name of a time zone is an old link to; NULL if it is none.
 */
extern const char *oms_zone_of_link(const char *name);

/* ---- calendar.c ---- */

extern bool oms_calendar_is_open(const OmsCalendar *calendar, TimestampTz at);

/*
 * Open time from one instant to another; 0 if `to` is not later.
 */
extern int64 oms_calendar_measure(const OmsCalendar *calendar, TimestampTz from, TimestampTz to);

/*
 * The earliest instant by which so much open time has passed since the start; for 0 or less the
 * start itself.  Never an instant before which the calendar is closed: 60 minutes that begin at 16:00
 * end when it closes at 17:00, not when it opens the next morning.  OMS_NEVER if there is none: the
 * calendar stays closed for ten years, cannot be read, or time itself ends before.
 */
extern TimestampTz oms_calendar_add(const OmsCalendar *calendar, TimestampTz start, int64 usecs);

/*
 * The last closing instant of a calendar that ends, such as that of a school year; OMS_NEVER if it goes on
 * week after week.
 */
extern TimestampTz oms_calendar_ends(const OmsCalendar *calendar);

/*
 * Time limits in days.  A date is open if it holds at least one open instant.
 *
 * The last closing instant of the n-th open date after a date; n from 1.  OMS_NEVER as oms_calendar_add.
 */
extern TimestampTz oms_calendar_nth_open_date_end(const OmsCalendar *calendar, int date, int n);

/*
 * The same with the first opening instant of that date.
 */
extern TimestampTz oms_calendar_nth_open_date_start(const OmsCalendar *calendar, int date, int n);

/*
 * The instant at which the calendar's wall clock shows a time (microseconds since 2000-01-01), as the server
 * has it: the second of two, and for one that is skipped as if the clock had not been changed.
 */
extern TimestampTz oms_calendar_instant(const OmsCalendar *calendar, int64 wall);

/*
 * The date that the calendar's wall clock shows, as days since 2000-01-01, and the last closing instant
 * of a date; false if it holds no open instant.
 */
extern int	oms_calendar_date(const OmsCalendar *calendar, TimestampTz at);
extern bool oms_calendar_date_end(const OmsCalendar *calendar, int date, TimestampTz *end);

/*
 * How many open dates come after one date, up to and with another.
 */
extern int	oms_calendar_open_dates(const OmsCalendar *calendar, int after, int last);

#endif							/* OMS_ENGINE_CALENDAR_H */
