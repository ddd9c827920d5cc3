/*
 * tracking.h
 *		Tracking numbers: ticket numbers that cannot be guessed.
 */
#ifndef OMS_TRACKING_H
#define OMS_TRACKING_H

#include "oms.h"

/* 40 bits and a check character in Crockford's letters */
#define OMS_SUFFIX_LEN	9

extern bool oms_tracking_suffix(OmsTicketId ticket, char *suffix);
extern void oms_tracking_rotate(OmsTicketId ticket);
extern bool oms_tracking_parse(const char *text, int len, OmsTicketId *ticket, char *suffix);
extern bool oms_tracking_right(OmsTicketId ticket, const char *suffix);
extern void oms_tracking_slow_down(OmsTicketId ticket, TimestampTz now);
extern void oms_tracking_note_miss(OmsTicketId ticket, TimestampTz now);

#endif							/* OMS_TRACKING_H */
