/*
 * bell.h
 *		The one door through which events leave for the listeners.
 */
#ifndef OMS_BELL_H
#define OMS_BELL_H

#include "oms.h"

typedef enum OmsDispatchMode
{
	OMS_DISPATCH_OFF,
	OMS_DISPATCH_TRANSACTION
} OmsDispatchMode;

extern int	oms_dispatch_mode;

extern void oms_bells_ring(const OmsTicket *ticket);

#endif							/* OMS_BELL_H */
