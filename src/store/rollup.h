/*
 * rollup.h
 *		What the reports add up from.
 */
#ifndef OMS_ROLLUP_H
#define OMS_ROLLUP_H

#include "oms.h"

/* How far the worker is with rolling up in slices; zeros: at the beginning */
typedef struct OmsRollUpWalk
{
	OmsTicketId after;			/* while nothing is rolled up yet: up to here it is */
	uint64		horizon;		/* when that began */
	bool		found;			/* there was something */
	uint64		window;			/* transactions in a slice */
} OmsRollUpWalk;

extern int64 oms_store_roll_up(bool everything);
extern bool oms_store_roll_up_slice(OmsRollUpWalk *walk);

#endif							/* OMS_ROLLUP_H */
