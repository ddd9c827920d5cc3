/*
 * figures.h
 *		What metrics and health ask the tables.
 */
#ifndef OMS_FIGURES_H
#define OMS_FIGURES_H

#include "datatype/timestamp.h"

#include "oms.h"
#include "store/register.h"

/* Owners with rows of their own in oms.metrics */
#define OMS_FIGURE_OWNERS	1000

/* The open work of one owner */
typedef struct OmsOpenOwner
{
	char		owner[OMS_MAX_NAME + 1];	/* empty: the rest, summed */
	int64		queued;
	int64		in_progress;
	int64		on_hold;
	int64		failed;
	int64		overdue;
	TimestampTz oldest;			/* of the queued ones, since when; DT_NOEND: none is */
} OmsOpenOwner;

/* What takes time to count */
typedef struct OmsOpenWork
{
	TimestampTz counted_at;		/* steady clock; 0: never */
	int64		took;			/* microseconds */
	int64		database_bytes;
	int64		table_bytes[OMS_COUNTED_TABLES_COUNT];
	int			nowners;
	OmsOpenOwner owners[OMS_FIGURE_OWNERS + 1];
} OmsOpenWork;

/* Tables whose sizes are told */
extern const char *const oms_counted_tables[OMS_COUNTED_TABLES_COUNT];

extern void oms_store_count_open(OmsOpenWork *work);
extern bool oms_store_try_tables(void);
extern TimestampTz oms_store_first_timer(bool (*skip) (void *context, OmsTicketId ticket, int stage), void *context);
extern bool oms_store_clock_runs_by(const struct OmsCalendar *calendar);
extern const struct OmsCalendar *oms_store_endless_clock(OmsTicketId *ticket);
extern int	oms_store_guard_problems(void);
extern char *oms_store_given_away(char **owner);
extern TimestampTz oms_store_oldest_prepared(void);
/* What keeps dead rows from being removed */
typedef struct OmsOldSnapshot
{
	char		holder[16];		/* session, prepared, standby, slot */
	char		name[NAMEDATALEN * 4];
	int			pid;			/* 0: it is no process */
	int			transactions;	/* begun since */
} OmsOldSnapshot;

extern bool oms_store_oldest_snapshot(OmsOldSnapshot *snapshot);
extern TimestampTz oms_store_last_seal(void);

#endif							/* OMS_FIGURES_H */
