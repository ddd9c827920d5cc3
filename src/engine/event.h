/*
 * event.h
 *		Saying what happened: events for the timeline, notifications for the listeners.
 */
#ifndef OMS_EVENT_H
#define OMS_EVENT_H

#include "oms.h"

extern const char *oms_event_status(OmsEventKind kind);
extern const char *oms_event_citizen_status(const char *status);
extern OmsEvent *oms_event_add(OmsTicket *ticket, OmsEventKind kind, OmsStage *stage,
							   const char *note);
extern OmsEvent *oms_event_add_shown(OmsTicket *ticket, OmsEventKind kind, OmsStage *stage,
									 const char *note, bool shown);
extern void oms_add_dispatch(OmsTicket *ticket, const OmsStage *stage);
extern void oms_add_alert(OmsTicket *ticket, const OmsStage *stage, const char *kind);
extern void oms_add_status(OmsTicket *ticket, const OmsStage *stage, const char *status);
extern char *oms_time_text(TimestampTz time);

#endif							/* OMS_EVENT_H */
