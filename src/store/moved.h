/*
 * moved.h
 *		Sessions whose clock stands still in a database in which the real clock counts.
 */
#ifndef OMS_MOVED_H
#define OMS_MOVED_H

extern bool oms_store_real_clock_counts(void);
extern void oms_require_real_clock(const char *function);

#endif							/* OMS_MOVED_H */
