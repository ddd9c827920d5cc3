/*
 * require.h
 *		May this be done to a stage now?
 */
#ifndef OMS_REQUIRE_H
#define OMS_REQUIRE_H

#include "oms.h"

extern bool oms_may(const OmsTicket *ticket, const OmsStage *stage, OmsVerb verb, const int64 *token);
extern void oms_require(OmsTicket *ticket, OmsStage *stage, OmsVerb verb, const int64 *token);

#endif							/* OMS_REQUIRE_H */
