/*
 * limit.h
 *		Which time limit a clock gets.
 */
#ifndef OMS_LIMIT_H
#define OMS_LIMIT_H

#include "oms.h"

extern bool oms_limit_defined(const OmsGraph *graph, int no);
extern const char *oms_limit_judge(OmsTicket *ticket, OmsStage *stage, TimestampTz at);

#endif							/* OMS_LIMIT_H */
