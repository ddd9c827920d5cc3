/*
 * trial.h
 *		A ticket in memory that runs through its workflow by itself.
 */
#ifndef OMS_TRIAL_H
#define OMS_TRIAL_H

#include "engine/calendar.h"
#include "oms.h"

extern OmsTicket *oms_trial_open(const OmsGraph *graph, Jsonb *data, TimestampTz at,
								 const OmsCalendar *(*calendar_of) (const char *name));
extern List *oms_trial_run(OmsTicket *ticket, JsonbContainer *outputs);
extern List *oms_trial_skipped(const OmsTicket *ticket);

#endif							/* OMS_TRIAL_H */
