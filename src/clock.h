/*
 * clock.h
 *		The only source of "now".
 */
#ifndef OMS_CLOCK_H
#define OMS_CLOCK_H

#include "datatype/timestamp.h"
#include "utils/guc.h"

extern TimestampTz oms_clock_now(void);
extern bool oms_clock_stands_still(void);
extern TimestampTz oms_clock_wall(void);
extern TimestampTz oms_clock_steady(void);
extern bool oms_clock_check(char **newval, void **extra, GucSource source);
extern void oms_clock_assign(const char *newval, void *extra);

/* Microseconds since 1970, as they are hashed and shown */
static inline int64
oms_unix_usecs(TimestampTz time)
{
	return time + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

#endif							/* OMS_CLOCK_H */
