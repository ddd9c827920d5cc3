/*
 * guards.h
 *		Keeping the guards of the tables in place.
 */
#ifndef OMS_GUARDS_H
#define OMS_GUARDS_H

#include "nodes/nodes.h"

extern int	oms_store_repair_guards(Oid table);
extern void oms_guards_before(Node *command);
extern void oms_guards_after(Node *command);

#endif							/* OMS_GUARDS_H */
