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
extern int64 oms_store_ticket_numbers_left(void);

#endif							/* OMS_NUMBERS_H */
