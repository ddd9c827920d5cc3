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

/* ---- calendar.c ---- */

extern bool oms_calendar_is_open(const OmsCalendar *calendar, TimestampTz at);

/*
 * Open time from one instant to another; 0 if `to` is not later.
 */
extern int64 oms_calendar_measure(const OmsCalendar *calendar, TimestampTz from, TimestampTz to);

/*
 * The earliest instant by which so much open time has passed since the start; for 0 or less the
 * start itself.  Never an instant before which the calendar is closed: 60 minutes that begin at 16:00
 * end when it closes at 17:00, not when it opens the next morning.  ERROR 22023 if the calendar stays
 * closed for ten years, 22008 if the result is no timestamp.
 */
extern TimestampTz oms_calendar_add(const OmsCalendar *calendar, TimestampTz start, int64 usecs);

/*
 * Time limits in days.  A date is open if it holds at least one open instant.
 *
 * The last closing instant of the n-th open date after the local date of the start, whatever the time
 * of the start; n from 1.  Open dates on hold are added to n.  Errors as oms_calendar_add.
 */
extern TimestampTz oms_calendar_nth_open_date_end(const OmsCalendar *calendar, TimestampTz start,
												  int n);

/*
 * The date that the calendar's wall clock shows, as days since 2000-01-01, and the last closing instant
 * of a date; false if it holds no open instant.
 */
extern int	oms_calendar_date(const OmsCalendar *calendar, TimestampTz at);
extern bool oms_calendar_date_end(const OmsCalendar *calendar, int date, TimestampTz *end);

/*
 * How many open dates come after the local date of `from`, up to and with the one of `to`.
 */
extern int	oms_calendar_open_dates(const OmsCalendar *calendar, TimestampTz from, TimestampTz to);

#endif							/* OMS_ENGINE_CALENDAR_H */
