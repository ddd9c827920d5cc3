/*
 * archive.h
 *		Finished tickets on their way into the archive, and back.
 */
#ifndef OMS_ARCHIVE_H
#define OMS_ARCHIVE_H

#include "datatype/timestamp.h"

#include "store/walk.h"
#include "types/ticket_id.h"

extern int	oms_store_archive(const TimestampTz *before, int max);
extern bool oms_store_archive_slice(OmsWalk *walk);
extern void oms_store_set_retention(const char *workflow, const Interval *keep);

#endif							/* OMS_ARCHIVE_H */
