/*
 * route.h
 *		The cells of a front.
 */
#ifndef OMS_ROUTE_H
#define OMS_ROUTE_H

#include "c.h"

extern int *oms_front_cells(bool keyed, int *count);
extern int	oms_front_chance(int count);

#endif							/* OMS_ROUTE_H */
