/*
 * door.h
 *		The door to a stage, and refusals of what a ticket is not ready for.
 */
#ifndef OMS_DOOR_H
#define OMS_DOOR_H

#include "fmgr.h"

#include "oms.h"

extern int	oms_stage_number(const OmsTicket *ticket, const char *id, int len);
extern int	oms_arg_stage(FunctionCallInfo fcinfo, int n, const OmsTicket *ticket);
extern OmsStage *oms_enter(OmsTicket *ticket, int stage_no);
extern OmsStage *oms_enter_stage(FunctionCallInfo fcinfo, OmsTicket **ticket);
extern void oms_wrong_state(const OmsTicket *ticket, const char *what, const char *why) pg_attribute_noreturn();
extern void oms_require_open(const OmsTicket *ticket, const char *what);

#endif							/* OMS_DOOR_H */
