/*
 * delivery.c
 *		Bringing messages to the stages that wait for them: in the call that sends them, and later by the worker or tick().
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "clock.h"
#include "engine/catch_up.h"
#include "engine/decide.h"
#include "worker/delivery.h"

/* One message on its way */
typedef struct Delivery
{
	const OmsMessage *message;
	const OmsActor *actor;
	OmsDelivery result;
} Delivery;

/*
 * Give the message to a stage of a locked ticket, if that still waits for it.  False: it is given.
 */
static bool
give(void *context, OmsTicket *ticket, OmsStage *stage)
{
	Delivery   *delivery = context;
	const OmsMessage *message = delivery->message;

	oms_catch_up(ticket, stage);
	if (stage->status == OMS_AWAITING && stage->waits_key != NULL && strcmp(stage->waits_for, message->name) == 0 &&
		strcmp(stage->waits_key, message->key) == 0)
	{
		delivery->result = oms_decide_message(ticket, stage, message) ? OMS_DELIVERED : OMS_DID_NOT_FIT;
		oms_store_note_message(message, ticket->id);
	}
	if (ticket->events != NULL)
		oms_store_apply(ticket, delivery->actor);
	return delivery->result == OMS_NOBODY_WAITS;
}

/*
 * Finish the stage that has waited longest for a message.  Never waits for a ticket that another session has.
 */
OmsDelivery
oms_deliver(const OmsMessage *message, OmsIsolation *isolation, const OmsActor *actor)
{
	Delivery	delivery = {.message = message, .actor = actor, .result = OMS_NOBODY_WAITS};

	if (oms_store_visit_waiting(message, isolation, give, &delivery))
		return OMS_TICKET_BUSY;
	return delivery.result;
}

/*
 * Deliver what was kept since a ticket was busy, or somebody else was just at the same name and key: up to limit messages
 * after the number *after, which moves on, and is 0 when there are no more.  Returns how many stages that finished; *busy:
 * how many messages have to be tried again later.
 */
int
oms_deliver_pending(const OmsActor *actor, int64 *after, int limit, int *busy)
{
	OmsPendingMessage pending = {.no = *after};
	OmsIsolation isolation;
	MemoryContext step = AllocSetContextCreate(CurrentMemoryContext, "oms messages", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(step);
	int			delivered = 0;

	*busy = 0;
	oms_isolate_apart(&isolation, OMS_STEP_MESSAGES);
	*after = 0;
	for (int looked = 0; oms_store_next_pending(&pending, oms_clock_now());)
	{
		OmsDelivery result = OMS_TICKET_BUSY;

		CHECK_FOR_INTERRUPTS();
		if (oms_store_lock_messages(pending.message.name, pending.message.key))
			result = oms_deliver(&pending.message, &isolation, actor);
		if (result == OMS_TICKET_BUSY)
			(*busy)++;
		else
			oms_store_settle_message(pending.no, result != OMS_NOBODY_WAITS);
		delivered += result == OMS_DELIVERED;
		MemoryContextReset(step);
		if (++looked >= limit)
		{
			*after = pending.no;
			break;
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(step);
	return delivered;
}
