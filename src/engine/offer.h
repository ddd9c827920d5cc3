/*
 * offer.h
 *		Who gets a stage that is queued.
 */
#ifndef OMS_OFFER_H
#define OMS_OFFER_H

#include "oms.h"

extern void oms_give_back(OmsTicket *ticket, OmsStage *stage, const char *note);
extern void oms_offer(OmsTicket *ticket, OmsStage *stage);
extern void oms_queue_first(OmsTicket *ticket, OmsStage *stage, TimestampTz at, const char *note);
extern void oms_queue_again(OmsTicket *ticket, OmsStage *stage, int64 pause);
extern void oms_put_back(OmsTicket *ticket, OmsStage *stage);
extern void oms_hand_over(OmsTicket *ticket, OmsStage *stage, const char *owner, const char *reason);

#endif							/* OMS_OFFER_H */
