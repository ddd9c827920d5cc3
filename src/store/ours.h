/*
 * ours.h
 *		Which objects of the database are part of the extension.
 */
#ifndef OMS_OURS_H
#define OMS_OURS_H

#include "nodes/parsenodes.h"

extern bool	oms_is_ours(Oid class, Oid object);
extern Oid	oms_find_ours(const RangeVar *name);
extern Oid	oms_find_replaced(RangeVar *view);
extern bool	oms_has_rows(Oid relation);
extern bool	oms_has_tickets(void);
extern Oid	oms_extension_owner(void);
extern bool	oms_is_extension_owner(const RoleSpec *role);
extern bool	oms_is_our_trigger(Oid relation, const char *name);
extern bool	oms_is_for_replicas(Oid relation, const char *name);
extern bool	oms_is_foreign_key(Oid relation, const char *name);

#endif							/* OMS_OURS_H */
