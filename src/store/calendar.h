/*
 * calendar.h
 *		Calendars: storing versions, and the compiled ones that a backend keeps.
 */
#ifndef OMS_STORE_CALENDAR_H
#define OMS_STORE_CALENDAR_H

#include "engine/calendar.h"

/*
 * The current version of a calendar, under the active snapshot; NULL if there is none of that name.
 * Lives until the end of the backend, or until the extension is dropped.
 */
extern const OmsCalendar *oms_store_calendar(const char *name);

/*
 * A version by its calendar_id, which clocks keep.
 */
extern const OmsCalendar *oms_store_calendar_by_id(int calendar_id);

/*
 * The version that follows, and when it was made; NULL if there is none.
 */
extern const OmsCalendar *oms_store_next_calendar(const OmsCalendar *calendar, TimestampTz *since);

/*
 * The current versions of all calendars (const OmsCalendar *), by name.
 */
extern List *oms_store_current_calendars(void);

extern int	oms_store_create_calendar(const char *name, Jsonb *definition, const char *actor,
									  TimestampTz now);

#endif							/* OMS_STORE_CALENDAR_H */
