/*
 * cron.h
 *		The jobs in pg_cron.
 */
#ifndef OMS_CRON_H
#define OMS_CRON_H

/* Longest schedule, with its end */
#define OMS_SCHEDULE_SIZE	256

/* Jobs to be made or removed, in the database that pg_cron is in */
typedef struct OmsCronOrder
{
	bool		enable;
	char		schedule[OMS_SCHEDULE_SIZE];	/* of tick() */
	char		database[NAMEDATALEN];	/* whose jobs they are; empty: of the present one */
	int64		number;			/* result of enable: of the job that fires timers */
	bool		found;			/* result of the other: there were jobs */
} OmsCronOrder;

extern Oid	oms_store_cron_database(void);
extern void oms_store_order_cron(OmsCronOrder *order);
extern void oms_store_note_cron(Oid database);
extern bool oms_store_cron_ticks(void);

#endif							/* OMS_CRON_H */
