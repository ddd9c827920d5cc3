/*
 * door.h
 *		The door to a stage.
 */
#ifndef OMS_DOOR_H
#define OMS_DOOR_H

#include "fmgr.h"

#include "oms.h"

extern int	oms_stage_number(const OmsTicket *ticket, const char *id, int len);
extern int	oms_arg_stage(FunctionCallInfo fcinfo, int n, const OmsTicket *ticket);
extern OmsStage *oms_enter(OmsTicket *ticket, int stage_no);
extern OmsStage *oms_enter_stage(FunctionCallInfo fcinfo, OmsTicket **ticket);

#endif							/* OMS_DOOR_H */
