/*
 * timers.h
 *		When something happens to a stage by itself.
 */
#ifndef OMS_TIMERS_H
#define OMS_TIMERS_H

#include "engine/calendar.h"

/* In the order in which they fire at one instant */
typedef enum OmsTimerKind
{
	OMS_TIMER_NONE,
	OMS_TIMER_WARNING,
	OMS_TIMER_BREACH,
	OMS_TIMER_STEP,
	OMS_TIMER_CALENDAR,
	OMS_TIMER_RESUME,
	OMS_TIMER_MOMENT,
	OMS_TIMER_LEASE,
	OMS_TIMER_ANNOUNCE
} OmsTimerKind;

typedef struct OmsTimer
{
	OmsTimerKind	kind;
	TimestampTz at;
	int			step;			/* index, of an escalation step */
	int			times;			/* that it is due, the last of them at "at" */
	const OmsCalendar *calendar;	/* that counts from then on */
} OmsTimer;

extern TimestampTz oms_next_timer(const OmsTicket *ticket, const OmsStage *stage);
extern bool oms_first_timer(const OmsTicket *ticket, const OmsStage *stage, bool timers,
							TimestampTz by, OmsTimer *first);

#endif							/* OMS_TIMERS_H */
