/*
 * counters.h
 *		What happened in a database since the server started, as numbers that only grow.
 */
#ifndef OMS_COUNTERS_H
#define OMS_COUNTERS_H

#include "port/atomics.h"

#include "oms.h"

typedef enum OmsCounter
{
	OMS_COUNTER_OPENED,
	OMS_COUNTER_FINISHED,
	OMS_COUNTER_FAILURES,
	OMS_COUNTER_BREACHES,
	OMS_COUNTER_WARNINGS,
	OMS_COUNTER_ESCALATIONS,
	OMS_COUNTER_UNROUTED,
	OMS_COUNTER_TIMERS
} OmsCounter;

#define OMS_COUNTERS			(OMS_COUNTER_TIMERS + 1)

/* How long calls took */
typedef enum OmsTimedCall
{
	OMS_TIMED_CLAIM,			/* that took something */
	OMS_TIMED_EMPTY_CLAIM,
	OMS_TIMED_DONE
} OmsTimedCall;

#define OMS_TIMED_CALLS		(OMS_TIMED_DONE + 1)

/* Upper ends of the buckets stand in counters.c; the last bucket has none */
#define OMS_TIME_BUCKETS	14

/* Numbers of one slot: the counters, then the buckets of each kind of call, then the sums in microseconds */
#define OMS_TIME_BUCKET(call, bucket)	(OMS_COUNTERS + (call) * OMS_TIME_BUCKETS + (bucket))
#define OMS_TIME_SUM(call)				(OMS_COUNTERS + OMS_TIMED_CALLS * OMS_TIME_BUCKETS + (call))
#define OMS_COUNTER_NUMBERS				OMS_TIME_SUM(OMS_TIMED_CALLS)

typedef struct OmsCounters
{
	pg_atomic_uint64 numbers[OMS_COUNTER_NUMBERS];
} OmsCounters;

extern const int64 oms_time_buckets[OMS_TIME_BUCKETS - 1];	/* microseconds */

extern void oms_count(OmsCounter counter, int count);
extern void oms_count_events(const OmsTicket *ticket);
extern void oms_count_call(OmsTimedCall call, TimestampTz started);

#endif							/* OMS_COUNTERS_H */
