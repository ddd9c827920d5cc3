/*
 * announce.h
 *		Sending events for those who committed them.
 */
#ifndef OMS_ANNOUNCE_H
#define OMS_ANNOUNCE_H

#include "worker/shared.h"

extern int	oms_announce_ring(OmsDatabase *database, int limit);
extern void oms_announce_tables(OmsDatabase *database);

#endif							/* OMS_ANNOUNCE_H */
