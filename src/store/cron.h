/*
 * cron.h
 *		The job in pg_cron.
 */
#ifndef OMS_CRON_H
#define OMS_CRON_H

extern int64 oms_store_schedule(const char *job, const char *schedule, const char *command);
extern bool oms_store_unschedule(const char *job);
extern bool oms_store_cron_ticks(void);

#endif							/* OMS_CRON_H */
