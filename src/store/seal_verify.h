/*
 * seal_verify.h
 *		Are the seals whole, and does the timeline bear them out?
 */
#ifndef OMS_SEAL_VERIFY_H
#define OMS_SEAL_VERIFY_H

#include "store/timeline.h"

/* Called for each thing that does not fit; ticket 0: it is about the seal as such */
typedef void (*OmsSealReport) (void *context, int64 seal, OmsTicketId ticket, int seq,
							   const char *problem);

extern uint64 oms_store_verify_seals(const OmsTicketId *ticket, OmsProblemReport report,
									 void *context);
extern void oms_store_check_seals(OmsSealReport report, void *context);

#endif							/* OMS_SEAL_VERIFY_H */
