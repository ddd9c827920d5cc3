/*
 * call.h
 *		The frame around every change: who acts, and which snapshot is looked at.
 */
#ifndef OMS_CALL_H
#define OMS_CALL_H

#include "engine/hands.h"
#include "store/timeline.h"

typedef struct OmsCall
{
	OmsActor	actor;
} OmsCall;

extern void oms_call_begin(OmsCall *call, const char *function);
extern void oms_call_end(OmsCall *call);
extern Datum oms_call_end_ticket(OmsCall *call, OmsTicket *ticket);
extern Datum oms_call_end_stage(OmsCall *call, OmsTicket *ticket, const OmsStage *stage);
extern OmsDoer oms_call_doer(const OmsCall *call, bool in_person);

extern void oms_look_begin(void);
extern void oms_look_end(void);

#endif							/* OMS_CALL_H */
