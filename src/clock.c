/*
 * clock.c
 *		The only source of "now".
 *
 * Ordinarily the server's clock; with the setting oms.now (superusers only) the clock of the session
 * stands still at that moment, so that tests and simulations need not wait.
 */
#include "postgres.h"


#include "portability/instr_time.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"

/* DT_NOBEGIN: not set */
static TimestampTz standing_still = DT_NOBEGIN;

TimestampTz
oms_clock_now(void)
{
	return standing_still == DT_NOBEGIN ? GetCurrentTimestamp() : standing_still;
}

/*
 * Has this session a time of its own?
 */
bool
oms_clock_stands_still(void)
{
	return standing_still != DT_NOBEGIN;
}

/*
 * A clock that nobody can set: for the pauses of the processes.  It means the same in all processes of
 * the machine, and nothing as a point in time.
 */
TimestampTz
oms_clock_steady(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (TimestampTz) INSTR_TIME_GET_MICROSEC(now);
}

/*
 * The server's clock whatever oms.now says: for what the processes tell about themselves.
 */
TimestampTz
oms_clock_wall(void)
{
	return GetCurrentTimestamp();
}

/*
 * Read a point in time as timestamptz input does, but without raising an error: a check hook may run
 * while the configuration file is read.
 */
static bool
parse_time(const char *text, TimestampTz *result)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;
	int			dtype;
	int			nf;
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	char		workbuf[MAXDATELEN + MAXDATEFIELDS];

	if (ParseDateTime(text, workbuf, sizeof(workbuf), field, ftype, MAXDATEFIELDS, &nf) != 0 ||
		oms_DecodeDateTime(field, ftype, nf, &dtype, &tm, &fsec, &tz) != 0 || dtype != DTK_DATE)
		return false;
	return tm2timestamp(&tm, fsec, &tz, result) == 0;
}

bool
oms_clock_check(char **newval, void **extra, GucSource source)
{
	TimestampTz *at;

	at = (TimestampTz *) oms_guc_malloc(sizeof(TimestampTz));
	if (at == NULL)
		return false;
	*at = DT_NOBEGIN;
	if (*newval != NULL && **newval != '\0' && !parse_time(*newval, at))
	{
		oms_guc_free(at);
		GUC_check_errdetail("A point in time such as \"2024-11-08 16:30-05\" is needed, "
							"or nothing for the server's clock.");
		return false;
	}
	*extra = at;
	return true;
}

void
oms_clock_assign(const char *newval, void *extra)
{
	standing_still = *(TimestampTz *) extra;
}
