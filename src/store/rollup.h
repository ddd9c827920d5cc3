/*
 * rollup.h
 *		What the reports add up from.
 */
#ifndef OMS_ROLLUP_H
#define OMS_ROLLUP_H

#include "store/walk.h"

extern int64 oms_store_roll_up(bool everything);
extern bool oms_store_roll_up_slice(OmsWalk *walk);

#endif							/* OMS_ROLLUP_H */
