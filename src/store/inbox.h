/*
 * inbox.h
 *		What a worker has and may take.
 */
#ifndef OMS_INBOX_H
#define OMS_INBOX_H

#include "datatype/timestamp.h"
#include "utils/tuplestore.h"

extern void oms_store_inbox(const char *worker, TimestampTz now, int qty, Tuplestorestate *rows);

#endif							/* OMS_INBOX_H */
