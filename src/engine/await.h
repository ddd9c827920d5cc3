/*
 * await.h
 *		Stages that nobody claims, since they wait for something.
 */
#ifndef OMS_AWAIT_H
#define OMS_AWAIT_H

#include "oms.h"

extern void oms_begin(OmsTicket *ticket, OmsStage *stage, const char *note);
extern TimestampTz oms_await_forecast(const OmsTicket *ticket, int no, const OmsStage *stage, TimestampTz ready);
extern void oms_await_on(OmsTicket *ticket, OmsStage *stage, TimestampTz at);

#endif							/* OMS_AWAIT_H */
