/*
 * merge_patch.h
 *		JSON merge patch (RFC 7396).
 */
#ifndef OMS_MERGE_PATCH_H
#define OMS_MERGE_PATCH_H

#include "utils/jsonb.h"

extern Jsonb *oms_merge_patch(Jsonb *target, Jsonb *patch);

#endif							/* OMS_MERGE_PATCH_H */
