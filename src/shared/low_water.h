/*
 * low_water.h
 *		Where the live entries of the queues and of the timers begin.
 */
#ifndef OMS_LOW_WATER_H
#define OMS_LOW_WATER_H

#include "storage/spin.h"

#include "oms.h"

/* Owners whose marks are kept, per database: so many sets of so many, told apart by a hash of the name */
#define OMS_MARK_SETS		32
#define OMS_MARK_WAYS		4
/* Marks of one owner, one for each priority */
#define OMS_MARK_LINES		8

/* The owner of the timers; no owner has an empty name */
#define OMS_TIMERS			""

/* The place of an entry among those of one owner and one priority; timers have a time only */
typedef struct OmsPlace
{
	TimestampTz at;
	OmsTicketId ticket;
	int16		stage;
} OmsPlace;

#define OMS_FIRST_PLACE	((OmsPlace) {DT_NOBEGIN, 0, 0})
#define OMS_NO_PLACE	((OmsPlace) {DT_NOEND, PG_UINT64_MAX, PG_INT16_MAX})

typedef struct OmsMark
{
	int			priority;
	int			raiser;			/* process that looks how far the mark can go up, 0: none */
	OmsPlace	from;			/* nothing lives before it */
	OmsPlace	lowest;			/* of what was put in since the raiser began */
} OmsMark;

/* The marks of one owner, highest priority first */
typedef struct OmsMarks
{
	char		owner[OMS_MAX_NAME + 1];
	Oid			file;			/* of the index; 0: not used */
	uint64		used;			/* the set's clock, when it was asked for last */
	int			count;
	OmsMark		lines[OMS_MARK_LINES];
} OmsMarks;

typedef struct OmsMarkSet
{
	slock_t		mutex;
	uint64		clock;
	OmsMarks	ways[OMS_MARK_WAYS];
} OmsMarkSet;

extern int	oms_place_compare(const OmsPlace *a, const OmsPlace *b);
extern void oms_low_water_read(const char *owner, Oid file, OmsMarks *marks);
extern void oms_low_water_add(const char *owner, Oid file, int priority);
extern bool oms_low_water_begin(const char *owner, Oid file, int priority, OmsPlace *from);
extern void oms_low_water_end(const char *owner, int priority, OmsPlace first);
extern void oms_low_water_put(const char *owner, int priority, OmsPlace place);

#endif							/* OMS_LOW_WATER_H */
