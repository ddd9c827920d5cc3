/*
 * ticket.h
 *		A ticket in memory and its stages.
 */
#ifndef OMS_TICKET_H
#define OMS_TICKET_H

#include "oms.h"

extern void oms_ticket_fill_new(OmsTicket *ticket, const OmsGraph *graph, const struct OmsLookup *lookup, TimestampTz at);
extern OmsStage *oms_ticket_find(const OmsTicket *ticket, int no);
extern void oms_ticket_add(OmsTicket *ticket, OmsStage *stage);
extern bool oms_is_closed(const OmsTicket *ticket);
extern bool oms_is_active(const OmsStage *stage);
extern void oms_clear_stage(const OmsTicket *ticket, OmsStage *stage);
extern OmsStage *oms_ticket_clock(OmsTicket *ticket);
extern OmsStage *oms_ticket_stage(OmsTicket *ticket, int no);
extern OmsStage *oms_started_stage(OmsTicket *ticket, int no);

#endif							/* OMS_TICKET_H */
