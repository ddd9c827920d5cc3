/*
 * inbox.h
 *		What a worker has and may take.
 */
#ifndef OMS_INBOX_H
#define OMS_INBOX_H

#include "utils/tuplestore.h"

extern void oms_store_inbox(const char *worker, int qty, Tuplestorestate *rows);

#endif							/* OMS_INBOX_H */
