/*
 * stamp.h
 *		Tokens that time-stamping authorities gave for seals.
 */
#ifndef OMS_STAMP_H
#define OMS_STAMP_H

#include "store/seal_rows.h"

extern bool oms_stamp_fits(const bytea *token, const uint8 *hash);
extern bool oms_store_add_stamp(const OmsSeal *seal, const bytea *token, const char *actor);
extern int64 oms_store_stamped_seal(int64 from);
extern List *oms_store_stamps(int64 seal);

#endif							/* OMS_STAMP_H */
