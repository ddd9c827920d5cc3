/*
 * walk.h
 *		How far something is that goes through many tickets in slices.
 */
#ifndef OMS_WALK_H
#define OMS_WALK_H

#include "types/ticket_id.h"

/*
 * Zeros: at the beginning.  A slice moves it on, in one transaction; the caller keeps it when that has committed.  It has
 * what seals, roll-ups and the archive need to go on.
 */
typedef struct OmsWalk
{
	bool		busy;			/* somebody else was at it */
	OmsTicketId after;			/* while it goes by tickets: up to here they are done */
	uint64		horizon;		/* when that began */
	bool		found;			/* something since then */
	uint64		window;			/* transactions in a slice */
	int64		left;			/* tickets that had to be left, before all others */
} OmsWalk;

#endif							/* OMS_WALK_H */
