/*
 * delivery.h
 *		Bringing messages to the stages that wait for them.
 */
#ifndef OMS_DELIVERY_H
#define OMS_DELIVERY_H

#include "store/isolate.h"
#include "store/message.h"
#include "store/store.h"

typedef enum OmsDelivery
{
	OMS_NOBODY_WAITS,
	OMS_DELIVERED,
	OMS_DID_NOT_FIT,			/* which failed the stage */
	OMS_TICKET_BUSY				/* another session has the ticket that it is for */
} OmsDelivery;

extern OmsDelivery oms_deliver(const OmsMessage *message, OmsIsolation *isolation, const OmsActor *actor);
extern int	oms_deliver_pending(const OmsActor *actor, int64 *after, int limit, int *busy);

#endif							/* OMS_DELIVERY_H */
