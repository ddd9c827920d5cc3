/*
 * open_work.h
 *		What there is to do, as it was counted last, for all sessions.
 */
#ifndef OMS_OPEN_WORK_H
#define OMS_OPEN_WORK_H

#include "datatype/timestamp.h"

#include "oms.h"
#include "register.h"

/* Owners with rows of their own in oms.metrics */
#define OMS_METRIC_OWNERS	1000

/* The open work of one owner */
typedef struct OmsOpenOwner
{
	char		owner[OMS_MAX_NAME + 1];	/* empty: the rest, summed */
	int64		awaiting;
	int64		queued;
	int64		in_progress;
	int64		on_hold;
	int64		failed;
	int64		overdue;
	TimestampTz oldest;			/* of the queued ones, since when; DT_NOEND: none is */
} OmsOpenOwner;

/* What takes time to count */
typedef struct OmsOpenWork
{
	TimestampTz counted_at;		/* steady clock; 0: never */
	int64		took;			/* microseconds */
	int64		messages;		/* kept for stages that do not wait for them yet */
	int64		numbers;		/* of tickets, that this database may give out */
	int64		numbers_left;
	int64		database_bytes;
	int64		table_bytes[OMS_COUNTED_TABLES_COUNT];
	int			nowners;
	OmsOpenOwner owners[OMS_METRIC_OWNERS + 1];
} OmsOpenWork;

#endif							/* OMS_OPEN_WORK_H */
