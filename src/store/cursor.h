/*
 * cursor.h
 *		How far a reader is, as a text that is good for this data only.
 */
#ifndef OMS_CURSOR_H
#define OMS_CURSOR_H

#include "access/xlogdefs.h"

#include "store/changes.h"

/* A point in the life of the data */
typedef struct OmsMoment
{
	uint64		epoch;
	TimeLineID	line;			/* timeline of the write-ahead log */
	XLogRecPtr	lsn;			/* what was seen then was written before */
} OmsMoment;

extern void oms_cursor_now(OmsMoment *now);
extern char *oms_cursor_text(const OmsPosition *position, const OmsMoment *now);
extern bool oms_cursor_read(const char *text, const OmsMoment *now, OmsPosition *position);

#endif							/* OMS_CURSOR_H */
