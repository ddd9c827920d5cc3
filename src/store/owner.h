/*
 * owner.h
 *		The registry of owners.
 */
#ifndef OMS_OWNER_H
#define OMS_OWNER_H

#include "postgres.h"

extern const char *oms_store_owner_kind(const char *owner);
extern void oms_store_set_owner(const char *name, const char *kind, const char *supervisor,
								const char *calendar, const char *assignment, Datum members);

#endif							/* OMS_OWNER_H */
