/*
 * twin.h
 *		The tables of the archive.
 */
#ifndef OMS_TWIN_H
#define OMS_TWIN_H

#include "types/ticket_id.h"

extern void oms_twin_move(const OmsTicketId *tickets, int count, bool into_archive);
extern bool oms_store_recall(OmsTicketId id);

#endif							/* OMS_TWIN_H */
