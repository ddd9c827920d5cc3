/*
 * start.h
 *		What starts now that others are finished.
 */
#ifndef OMS_START_H
#define OMS_START_H

#include "nodes/pg_list.h"

#include "oms.h"

extern bool oms_is_left_out(OmsTicket *ticket, const OmsStageDef *def);
extern bool oms_start_or_skip(OmsTicket *ticket, int no, List **queued);
extern void oms_start_clock(OmsTicket *ticket);
extern List *oms_start_after(OmsTicket *ticket, int no);
extern void oms_start_all(OmsTicket *ticket);

#endif							/* OMS_START_H */
