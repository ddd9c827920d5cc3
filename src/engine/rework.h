/*
 * rework.h
 *		Going back, and starting by hand.
 */
#ifndef OMS_REWORK_H
#define OMS_REWORK_H

#include "engine/graph.h"
#include "oms.h"

extern bool oms_comes_after(const OmsGraph *graph, int later, int earlier);
extern void oms_decide_send_back(OmsTicket *ticket, OmsStage *stage, OmsStage *to_stage, const char *reason);
extern void oms_decide_reopen(OmsTicket *ticket, OmsStage *stage, const char *reason);
extern void oms_decide_start(OmsTicket *ticket, OmsStage *stage);

#endif							/* OMS_REWORK_H */
