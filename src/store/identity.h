/*
 * identity.h
 *		Is this the database that the data belongs to, and what is its secret?
 */
#ifndef OMS_IDENTITY_H
#define OMS_IDENTITY_H

#include "datatype/timestamp.h"

#define OMS_SECRET_LEN	32

extern bool oms_store_at_home(void);
extern bool oms_store_epoch(uint64 *epoch);
extern bool oms_store_settled(void);
extern bool oms_store_settle(TimestampTz now);
extern void oms_store_activate(TimestampTz now);
extern bool oms_store_secret(uint8 *secret);

#endif							/* OMS_IDENTITY_H */
