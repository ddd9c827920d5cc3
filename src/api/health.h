/*
 * health.h
 *		Is this database well, and why not?
 */
#ifndef OMS_HEALTH_H
#define OMS_HEALTH_H

#include "nodes/pg_list.h"

#include "shared/shared.h"
#include "store/metrics.h"

typedef enum OmsHealthStatus
{
	OMS_HEALTH_BAD,
	OMS_HEALTH_DEGRADED,
	OMS_HEALTH_GOOD
} OmsHealthStatus;

typedef struct OmsHealth
{
	OmsHealthStatus status;
	List	   *reasons;		/* char *, "kind: detail" */
	TimestampTz checked_at;
	bool		standby;
	bool		readable;		/* the tables can be read now */
	OmsDatabase *slot;			/* NULL: no shared memory, or no slot in it yet */
	OmsWorkerState state;		/* of its worker, if there is a slot */
	bool		worker_expected;
	bool		worker_up;
	TimestampTz last_alive;		/* of the worker; 0: no sign of life so far */
	int64		late;			/* of the oldest timer that is due, microseconds; 0: none is */
	int64		backlog;		/* events in the ring */
	OmsBadTicket bad[OMS_BAD_TICKETS];	/* tickets in oms.worker_errors */
	int			nbad;
	int			failing[OMS_STEPS]; /* how many of them */
	int			guard_problems;
	double		notify_queue;	/* share that is used */
	OmsOldSnapshot oldest;		/* snapshot of this database */
	int64		horizon_lag;	/* transactions from which events are held back */
} OmsHealth;

extern void oms_health_look(OmsHealth *health);

#endif							/* OMS_HEALTH_H */
