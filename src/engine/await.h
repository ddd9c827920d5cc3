/*
 * await.h
 *		Stages that nobody claims, since they wait for something.
 */
#ifndef OMS_AWAIT_H
#define OMS_AWAIT_H

#include "engine/lookup.h"

/* Bytes of the key of a message */
#define OMS_MAX_MESSAGE_KEY		255

extern bool oms_begin(OmsTicket *ticket, OmsStage *stage, const char *note);
extern TimestampTz oms_await_forecast(OmsTicket *ticket, int no, const OmsStage *stage, TimestampTz ready);
extern char *oms_await_key(OmsTicket *ticket, int no);
extern bool oms_await_on(OmsTicket *ticket, OmsStage *stage, TimestampTz at);
extern void oms_await_over(OmsTicket *ticket, OmsStage *stage, TimestampTz at, const char *note);
extern bool oms_wake(OmsTicket *ticket, OmsStage *stage, TimestampTz at);
extern bool oms_get_message(OmsTicket *ticket, OmsStage *stage, const OmsMessage *message);

#endif							/* OMS_AWAIT_H */
