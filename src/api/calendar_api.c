/*
 * calendar_api.c
 *		create_calendar, business_time, business_add, us_federal_holidays.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "clock.h"
#include "engine/definition.h"
#include "engine/holidays.h"
#include "errors.h"
#include "guc.h"
#include "store/calendar.h"
#include "store/identity.h"
#include "store/journal.h"
#include "worker/tick.h"

PG_FUNCTION_INFO_V1(oms_create_calendar);
PG_FUNCTION_INFO_V1(oms_calendar_problem);
PG_FUNCTION_INFO_V1(oms_business_time);
PG_FUNCTION_INFO_V1(oms_business_add);
PG_FUNCTION_INFO_V1(oms_us_federal_holidays);

/*
 * Raise the first problem of a definition that has one, and warn of a time zone that other servers may not
 * have.
 */
static void
check_definition(const char *name, Jsonb *definition)
{
	List	   *problems = NIL;
	OmsCalendar *calendar = oms_calendar_compile(definition, &problems);
	OmsProblem *problem;
	const char *zone;

	if (calendar != NULL)
	{
		zone = oms_zone_of_link(calendar->timezone);
		if (zone != NULL)
			ereport(WARNING,
					(errcode(ERRCODE_WARNING),
					 errmsg("time zone %s of calendar \"%s\" is a link to another: prefer %s",
							calendar->timezone, name, zone),
					 errhint("Servers can come without such names, and could then not read the calendar.")));
		return;
	}
	problem = linitial(problems);
	ereport(ERROR,
			(errcode(OMS_ERR_INVALID_DEFINITION),
			 errmsg("%s", problem->problem),
			 errdetail("%s", problem->path),
			 problem->hint == NULL ? 0 : errhint("%s", problem->hint)));
}

/*
 * create_calendar(name text, definition jsonb) → int, the version that is current now.
 */
Datum
oms_create_calendar(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	char	   *name = oms_arg_name(fcinfo, 0, "name");
	Jsonb	   *definition;
	OmsChange	change;
	int			version;

	oms_arg_required(fcinfo, 1, "definition");
	definition = PG_GETARG_JSONB_P(1);
	oms_check_size(definition, "definition", oms_max_definition_size, "oms.max_definition_size");
	oms_call_begin(&call, "oms.create_calendar()");
	check_definition(name, definition);
	oms_journal_begin(&change, OMS_JOURNAL_CALENDAR, name);
	version = oms_store_create_calendar(name, definition, call.actor.role, oms_clock_now());
	oms_journal_end(&change, &call.actor);
	if (oms_store_at_home())
		oms_tick_calendars(&call.actor);
	oms_call_end(&call);
	PG_RETURN_INT32(version);
}

static const OmsCalendar *
arg_calendar(FunctionCallInfo fcinfo, int n)
{
	char	   *name = oms_arg_name(fcinfo, n, "calendar");
	const OmsCalendar *calendar = oms_store_calendar(name);

	if (calendar == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown calendar: \"%s\"", name)));
	return calendar;
}

/*
 * The same, and it can be read.
 */
static const OmsCalendar *
arg_good_calendar(FunctionCallInfo fcinfo, int n)
{
	const OmsCalendar *calendar = arg_calendar(fcinfo, n);

	if (calendar->problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("calendar \"%s\" cannot be read: %s", calendar->name, calendar->problem),
				 errhint("Install what this server lacks, or make the next version with oms.create_calendar().")));
	return calendar;
}

/*
 * calendar_problem(calendar text) → text, why it cannot be read; NULL: it can.
 */
Datum
oms_calendar_problem(PG_FUNCTION_ARGS)
{
	const OmsCalendar *calendar = arg_calendar(fcinfo, 0);

	if (calendar->problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(calendar->problem));
}

static TimestampTz
arg_instant(FunctionCallInfo fcinfo, int n, const char *what)
{
	TimestampTz at;

	oms_arg_required(fcinfo, n, what);
	at = PG_GETARG_TIMESTAMPTZ(n);
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be finite", what)));
	return at;
}

/*
 * business_time(calendar text, starts timestamptz, ends timestamptz) → interval without days.
 */
Datum
oms_business_time(PG_FUNCTION_ARGS)
{
	const OmsCalendar *calendar = arg_good_calendar(fcinfo, 0);
	TimestampTz from = arg_instant(fcinfo, 1, "starts");
	TimestampTz to = arg_instant(fcinfo, 2, "ends");
	Interval   *result = (Interval *) palloc0(sizeof(Interval));

	result->time = oms_calendar_measure(calendar, from, to);
	PG_RETURN_INTERVAL_P(result);
}

/*
 * business_add(calendar text, start timestamptz, mins int) → timestamptz.
 */
Datum
oms_business_add(PG_FUNCTION_ARGS)
{
	const OmsCalendar *calendar = arg_good_calendar(fcinfo, 0);
	TimestampTz start = arg_instant(fcinfo, 1, "start");
	int64		mins;
	TimestampTz result;

	oms_arg_required(fcinfo, 2, "mins");
	mins = PG_GETARG_INT32(2);
	if (mins < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("mins must not be negative")));
	result = oms_calendar_add(calendar, start, mins * SECS_PER_MINUTE * USECS_PER_SEC);
	if (result == OMS_NEVER && oms_calendar_ends(calendar) == OMS_NEVER)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	if (result == OMS_NEVER)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("calendar \"%s\" is closed for ten years or more", calendar->name),
				 errhint("Create the calendar again with hours that go on.")));
	PG_RETURN_TIMESTAMPTZ(result);
}

/*
 * us_federal_holidays(year int) → SETOF date, ascending.
 */
Datum
oms_us_federal_holidays(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			dates[OMS_US_MAX_HOLIDAYS];
	int			year;
	int			count;

	oms_arg_required(fcinfo, 0, "year");
	year = PG_GETARG_INT32(0);
	if (year < OMS_US_FIRST_YEAR || year > OMS_US_LAST_YEAR)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("year must be from %d to %d", OMS_US_FIRST_YEAR, OMS_US_LAST_YEAR)));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	count = oms_federal_holidays(year, dates);
	for (int i = 0; i < count; i++)
	{
		Datum		value = DateADTGetDatum(dates[i]);
		bool		isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	return (Datum) 0;
}
