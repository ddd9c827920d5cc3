/*
 * bell.h
 *		The one door through which events leave for the listeners.
 */
#ifndef OMS_BELL_H
#define OMS_BELL_H

#include "oms.h"
#include "worker/shared.h"

typedef enum OmsDispatchMode
{
	OMS_DISPATCH_OFF,
	OMS_DISPATCH_TRANSACTION,
	OMS_DISPATCH_WORKER
} OmsDispatchMode;

typedef enum OmsDispatchChannel
{
	OMS_CHANNEL_SHARED,
	OMS_CHANNEL_OWNER
} OmsDispatchChannel;

extern int	oms_dispatch_mode;
extern int	oms_dispatch_channel;

extern void oms_bells_ring(const OmsTicket *ticket);
extern void oms_bell_send(OmsTicketId ticket, const OmsGraph *graph, const OmsBell *bell);
extern void oms_bell_to_ring(OmsTicketId ticket, int workflow_id, const OmsBell *bell, OmsRingEntry *entry);
extern void oms_bell_from_ring(const OmsRingEntry *entry, OmsBell *bell);
extern void oms_bell_channel(const char *owner, char *channel);
extern int	oms_bell_bucket(const char *owner);
extern uint64 oms_bell_ticket_bit(OmsTicketId id);
extern void oms_bell_locked(OmsTicketId id);

#endif							/* OMS_BELL_H */
