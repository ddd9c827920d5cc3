/*
 * moment.h
 *		Dates in the data of a ticket.
 */
#ifndef OMS_MOMENT_H
#define OMS_MOMENT_H

#include "engine/calendar.h"

/* What a date without a time stands for */
typedef enum OmsMomentKind
{
	OMS_MOMENT_START,			/* its first opening time */
	OMS_MOMENT_DUE				/* its last closing time */
} OmsMomentKind;

/*
 * The instant that a text of ISO 8601 means; false if it means none.  The time of day may have an offset from
 * UTC, else it is that of the calendar (NULL: UTC).  A date that is closed stands for the next open one; *at
 * is OMS_NEVER if the calendar does not open again.
 */
extern bool oms_moment_read(const char *text, int len, const OmsCalendar *calendar, OmsMomentKind kind,
							TimestampTz *at);

/*
 * The first and the last instant of the day that a text means, if it is a date without a time.
 */
extern bool oms_moment_day(const char *text, int len, const OmsCalendar *calendar, TimestampTz *first,
						   TimestampTz *last);

#endif							/* OMS_MOMENT_H */
