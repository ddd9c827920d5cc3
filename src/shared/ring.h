/*
 * ring.h
 *		What a transaction leaves when it has committed.
 */
#ifndef OMS_RING_H
#define OMS_RING_H

#include "shared/shared.h"

extern bool oms_ring_takes(void);
extern void oms_ring_change(const OmsTicket *ticket);
extern void oms_ring_arm(TimestampTz at);
extern void oms_ring_add(const OmsTicket *ticket, const OmsNotification *notification);
extern void oms_ring_put(OmsTicketId ticket, int workflow_id, const OmsNotification *notification,
						 OmsRingEntry *entry);
extern void oms_ring_get(const OmsRingEntry *entry, OmsNotification *notification);
extern int	oms_ring_bucket(const char *owner);
extern uint64 oms_ring_ticket_bit(OmsTicketId id);
extern void oms_ring_locked(OmsTicketId id);

#endif							/* OMS_RING_H */
