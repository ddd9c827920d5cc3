/*
 * work_items.h
 *		The list of items that stages_done and exchange are given.
 */
#ifndef OMS_WORK_ITEMS_H
#define OMS_WORK_ITEMS_H

#include "utils/jsonb.h"

#include "types/ticket_id.h"

#define OMS_NO_ITEM	(-1)

/* One item of stages_done or exchange */
typedef struct OmsWorkItem
{
	int			position;
	OmsTicketId ticket;
	const char *stage;
	int			stage_len;
	Jsonb	   *output;
	bool		has_output;
	char	   *error;			/* NULL: the stage is done */
	bool		retryable;
	bool		has_retryable;
	int64		token;
	bool		has_token;
} OmsWorkItem;

typedef struct OmsWorkItems
{
	const char *name;			/* of the argument */
	bool		may_fail;		/* an item may carry an error */
	int			count;
	OmsWorkItem *items;		/* by ticket, and for the same ticket in the order given */
	volatile int current;		/* position of the one that is looked at */
} OmsWorkItems;

extern void oms_read_items(OmsWorkItems *items, Jsonb *array);

#endif							/* OMS_WORK_ITEMS_H */
