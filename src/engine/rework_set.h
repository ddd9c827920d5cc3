/*
 * rework_set.h
 *		Which stages wait for which to be done again.
 */
#ifndef OMS_REWORK_SET_H
#define OMS_REWORK_SET_H

#include "nodes/pg_list.h"

#include "oms.h"

extern bool oms_waits_for_rework(const OmsTicket *ticket, int no);
extern void oms_add_rework(OmsTicket *ticket, int stage, int back_to);
extern void oms_drop_reworks_of(OmsTicket *ticket, int no);
extern List *oms_drop_reworks_to(OmsTicket *ticket, int no);

#endif							/* OMS_REWORK_SET_H */
