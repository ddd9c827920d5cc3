/*
 * notify.h
 *		The one door through which events leave for the listeners.
 */
#ifndef OMS_NOTIFY_H
#define OMS_NOTIFY_H

#include "oms.h"

extern void oms_notify(OmsTicketId ticket, const OmsGraph *graph, const OmsNotification *notification);
extern void oms_notify_all(const OmsTicket *ticket);
extern void oms_notify_channel(const char *owner, char *channel);

#endif							/* OMS_NOTIFY_H */
