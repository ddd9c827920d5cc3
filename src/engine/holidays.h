/*
 * holidays.h
 *		The holidays of the federal government of the United States.
 */
#ifndef OMS_HOLIDAYS_H
#define OMS_HOLIDAYS_H

#define OMS_US_FIRST_YEAR	1971
#define OMS_US_LAST_YEAR	9999

/* Eleven holidays, and New Year's Day of the next year */
#define OMS_US_MAX_HOLIDAYS	12

/*
 * The days off in a year, ascending, as days since 2000-01-01.  Returns how many.
 */
extern int	oms_federal_holidays(int year, int dates[OMS_US_MAX_HOLIDAYS]);

#endif							/* OMS_HOLIDAYS_H */
