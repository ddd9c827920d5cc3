/*
 * seal.h
 *		Seals over the chains of many tickets.
 */
#ifndef OMS_SEAL_H
#define OMS_SEAL_H

#include "store/walk.h"

extern int64 oms_store_seal(bool everything);
extern bool oms_store_seal_slice(OmsWalk *walk);

#endif							/* OMS_SEAL_H */
