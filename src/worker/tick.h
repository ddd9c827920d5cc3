/*
 * tick.h
 *		Firing the timers that are due.
 */
#ifndef OMS_TICK_H
#define OMS_TICK_H

#include "shared/shared.h"
#include "store/call.h"
#include "store/isolate.h"

/* What one round over the due timers found */
typedef struct OmsTick
{
	OmsDatabase *database;		/* NULL: not the worker */
	bool		(*skip) (OmsTicketId ticket, int stage);	/* leave it alone? NULL: no */
	OmsActor	actor;
	int			limit;			/* most stages, 0: all */
	int			fired;			/* timers */
	int			visited;		/* stages */
	int			locked;			/* tickets that another session had */
	OmsTicketId ticket;			/* the one at hand */
	int			stage;
} OmsTick;

extern void oms_tick_calendars(const OmsActor *actor);
extern void oms_tick_run(OmsTick *tick, OmsIsolation *isolation, TimestampTz now);

#endif							/* OMS_TICK_H */
