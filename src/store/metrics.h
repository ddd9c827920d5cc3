/*
 * metrics.h
 *		What metrics and health ask the tables.
 */
#ifndef OMS_METRICS_H
#define OMS_METRICS_H

#include "datatype/timestamp.h"

#include "shared/open_work.h"

/* What keeps dead rows from being removed */
typedef struct OmsOldSnapshot
{
	char		holder[16];		/* session, prepared, standby, slot */
	char		name[NAMEDATALEN * 4];
	int			pid;			/* 0: it is no process */
	int			transactions;	/* begun since */
} OmsOldSnapshot;

extern const char *const oms_counted_tables[OMS_COUNTED_TABLES_COUNT];

extern void oms_store_count_open(OmsOpenWork *work);
extern bool oms_store_try_tables(void);
extern TimestampTz oms_store_first_timer(bool (*skip) (void *context, OmsTicketId ticket, int stage), void *context);
extern bool oms_store_clock_runs_by(const struct OmsCalendar *calendar);
extern const struct OmsCalendar *oms_store_endless_clock(OmsTicketId *ticket);
extern int	oms_store_guard_problems(void);
extern char *oms_store_given_away(char **owner);
extern TimestampTz oms_store_oldest_prepared(void);
extern bool oms_store_oldest_snapshot(OmsOldSnapshot *snapshot);
extern TimestampTz oms_store_last_seal(void);

#endif							/* OMS_METRICS_H */
