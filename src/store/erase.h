/*
 * erase.h
 *		Taking personal data out of what is otherwise kept for ever.
 */
#ifndef OMS_ERASE_H
#define OMS_ERASE_H

#include "nodes/pg_list.h"

#include "store/store.h"

/* Asked of a version of a ticket's data */
typedef bool (*OmsDataTest) (const void *context, Jsonb *data);

extern bool oms_store_find_old_data(const OmsTicket *ticket, OmsDataTest test, const void *context);
extern void oms_store_erase_old_data(const OmsTicket *ticket);
extern bool oms_store_erase_past_outputs(const OmsTicket *ticket, int no);
extern bool oms_store_erase_note(const OmsTicket *ticket, int seq);
extern bool oms_store_erase_event(const OmsTicket *ticket, int seq);
extern int	oms_store_erase_events(const OmsTicket *ticket, bool payloads);
extern void oms_store_erase_request(OmsTicketId ticket);
extern List *oms_store_tickets_of(const char *applicant);

#endif							/* OMS_ERASE_H */
