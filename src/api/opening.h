/*
 * opening.h
 *		What every way to open tickets needs; in ticket_api.c.
 */
#ifndef OMS_OPENING_H
#define OMS_OPENING_H

#include "oms.h"

extern const OmsGraph *oms_graph_for_opening(const char *name);
extern OmsTicketId oms_next_number(const OmsGraph *graph, TimestampTz opened_at);

#endif							/* OMS_OPENING_H */
