/*
 * guards.h
 *		The state of the triggers that guard the tables.
 */
#ifndef OMS_GUARDS_H
#define OMS_GUARDS_H

#include "postgres.h"

extern int	oms_store_repair_guards(Oid table);

#endif							/* OMS_GUARDS_H */
