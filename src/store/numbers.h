/*
 * numbers.h
 *		Numbers that are given out once.
 */
#ifndef OMS_NUMBERS_H
#define OMS_NUMBERS_H

#include "c.h"

typedef enum OmsNumber
{
	OMS_NUMBER_TICKET,
	OMS_NUMBER_WORKFLOW,
	OMS_NUMBER_CALENDAR
} OmsNumber;

#define OMS_NUMBERS	(OMS_NUMBER_CALENDAR + 1)

extern int64 oms_store_next_ticket_number(int year);
extern void oms_store_move_ahead(OmsNumber which);
extern const char *oms_store_number_behind(void);
extern void oms_store_count_ticket_numbers(int64 *all, int64 *left);
extern void oms_store_lock_numbers(void);
extern void oms_store_set_number_ranges(Datum ranges);

#endif							/* OMS_NUMBERS_H */
