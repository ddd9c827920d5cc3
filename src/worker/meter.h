/*
 * meter.h
 *		What happened in a database since the server started, as numbers that only grow.
 */
#ifndef OMS_METER_H
#define OMS_METER_H

#include "port/atomics.h"

#include "oms.h"

typedef enum OmsMeter
{
	OMS_METER_OPENED,
	OMS_METER_FINISHED,
	OMS_METER_FAILURES,
	OMS_METER_BREACHES,
	OMS_METER_WARNINGS,
	OMS_METER_ESCALATIONS,
	OMS_METER_UNROUTED,
	OMS_METER_TIMERS
} OmsMeter;

#define OMS_METERS			(OMS_METER_TIMERS + 1)

/* How long calls took */
typedef enum OmsTimedCall
{
	OMS_TIMED_CLAIM,			/* that took something */
	OMS_TIMED_EMPTY_CLAIM,
	OMS_TIMED_DONE
} OmsTimedCall;

#define OMS_TIMED_CALLS		(OMS_TIMED_DONE + 1)

/* Upper ends of the buckets stand in meter.c; the last bucket has none */
#define OMS_TIME_BUCKETS	14

/* Numbers of one place: the meters, then the buckets of each kind of call, then the sums in microseconds */
#define OMS_TIME_BUCKET(call, bucket)	(OMS_METERS + (call) * OMS_TIME_BUCKETS + (bucket))
#define OMS_TIME_SUM(call)				(OMS_METERS + OMS_TIMED_CALLS * OMS_TIME_BUCKETS + (call))
#define OMS_METER_NUMBERS				OMS_TIME_SUM(OMS_TIMED_CALLS)

typedef struct OmsMeters
{
	pg_atomic_uint64 numbers[OMS_METER_NUMBERS];
} OmsMeters;

extern const int64 oms_time_buckets[OMS_TIME_BUCKETS - 1];	/* microseconds */

extern void oms_meters_init(OmsMeters *meters);
extern void oms_meters_reset(OmsMeters *meters);
extern void oms_meter_add(OmsMeter meter, int count);
extern void oms_meter_events(const OmsTicket *ticket);
extern void oms_meter_call(OmsTimedCall call, TimestampTz started);

#endif							/* OMS_METER_H */
