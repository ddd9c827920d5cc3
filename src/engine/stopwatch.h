/*
 * stopwatch.h
 *		The clock of a stage, and of a ticket as a whole.
 */
#ifndef OMS_STOPWATCH_H
#define OMS_STOPWATCH_H

#include "oms.h"

/* More open time than any clock will show: ten thousand years */
#define OMS_BEYOND_ALL_CLOCKS	(INT64CONST(10000) * 366 * USECS_PER_DAY)

extern const struct OmsCalendar *oms_watch_calendar(const OmsTicket *ticket, int no);
extern const char *oms_watch_begin(OmsTicket *ticket, OmsStage *stage, TimestampTz at);
extern void oms_watch_start(OmsTicket *ticket, OmsStage *stage, TimestampTz at, bool running);
extern void oms_watch_pause(OmsTicket *ticket, OmsStage *stage, TimestampTz at);
extern void oms_watch_resume(OmsTicket *ticket, OmsStage *stage, TimestampTz at);
extern void oms_watch_stop(OmsStage *stage, TimestampTz at);
extern void oms_watch_clear(OmsStage *stage);
extern void oms_watch_switch(OmsTicket *ticket, OmsStage *stage,
							 const struct OmsCalendar *calendar, TimestampTz at);
extern bool oms_watch_is_endless(const OmsStage *stage);
extern TimestampTz oms_watch_shows(const OmsStage *stage, int64 usecs);
extern bool oms_watch_extend(OmsTicket *ticket, OmsStage *stage, int mins, int days, TimestampTz at);
extern TimestampTz oms_watch_forecast(OmsTicket *ticket, int no, const OmsStage *stage,
									  TimestampTz ready, TimestampTz now, bool *limited);

#endif							/* OMS_STOPWATCH_H */
