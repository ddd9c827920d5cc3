/*
 * line.h
 *		Going through live work in its order without walking over what is dead.
 */
#ifndef OMS_LINE_H
#define OMS_LINE_H

#include "shared/low_water.h"
#include "store/row.h"

/* Who stands in line: the stages of a queue, one priority after the other, or the timers */
typedef struct OmsLine
{
	OmsScan		scan;
	const char *owner;			/* OMS_TIMERS: the timers */
	Oid			file;			/* of the index */
	OmsMarks	marks;
	int			priority;		/* at hand */
	int64		bound;			/* the priorities up to here are still to come */
	bool		first;			/* nothing of this priority was read yet */
} OmsLine;

extern void oms_line_begin_queue(OmsLine *line, const char *owner, LOCKMODE lockmode);
extern bool oms_line_next_priority(OmsLine *line);
extern void oms_line_begin_timers(OmsLine *line, TimestampTz from, LOCKMODE lockmode);
extern bool oms_line_next(OmsLine *line);
extern void oms_line_end(OmsLine *line);
extern void oms_line_put(OmsTicketId ticket, const OmsStage *stage);

#endif							/* OMS_LINE_H */
