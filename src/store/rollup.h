/*
 * rollup.h
 *		What the reports add up from.
 */
#ifndef OMS_ROLLUP_H
#define OMS_ROLLUP_H

extern int64 oms_store_roll_up(bool everything, bool wait);

#endif							/* OMS_ROLLUP_H */
