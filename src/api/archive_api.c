/*
 * archive_api.c
 *		set_retention and archive.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "errors.h"
#include "store/archive.h"
#include "store/journal.h"

PG_FUNCTION_INFO_V1(oms_set_retention);
PG_FUNCTION_INFO_V1(oms_archive);

#define MAX_KEEP_YEARS		1000
#define MAX_PER_CALL		1000000

/*
 * How long to keep: not negative, and so that now less it is a time.
 */
static const Interval *
arg_keep(FunctionCallInfo fcinfo, int n)
{
	Interval	none = {0};
	Interval	most = {.month = MAX_KEEP_YEARS * MONTHS_PER_YEAR};
	Interval   *keep;

	if (PG_ARGISNULL(n))
		return NULL;
	keep = PG_GETARG_INTERVAL_P(n);
	if (DatumGetBool(DirectFunctionCall2(interval_lt, IntervalPGetDatum(keep), IntervalPGetDatum(&none))) ||
		DatumGetBool(DirectFunctionCall2(interval_gt, IntervalPGetDatum(keep), IntervalPGetDatum(&most))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keep must be from 0 to %d years", MAX_KEEP_YEARS),
				 errhint("NULL keeps for ever.")));
	return keep;
}

/*
 * set_retention(keep interval, workflow text)
 */
Datum
oms_set_retention(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	const Interval *keep = arg_keep(fcinfo, 0);
	char	   *workflow = oms_arg_name_or_null(fcinfo, 1, "workflow");
	OmsWorkflow found;
	OmsChange	change;

	oms_call_begin(&call, "oms.set_retention()");
	if (workflow != NULL && !oms_store_workflow(workflow, &found))
		ereport(ERROR,
				(errcode(OMS_ERR_UNKNOWN_WORKFLOW),
				 errmsg("unknown workflow: \"%s\"", workflow)));
	oms_journal_begin(&change, OMS_JOURNAL_RETENTION, workflow == NULL ? "" : workflow);
	oms_store_set_retention(workflow, keep);
	oms_journal_end(&change, &call.actor);
	oms_call_end(&call);
	PG_RETURN_VOID();
}

/*
 * archive(before timestamptz, max int) → int, how many tickets were moved.
 */
Datum
oms_archive(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	TimestampTz before = PG_ARGISNULL(0) ? 0 : PG_GETARG_TIMESTAMPTZ(0);
	int			max;
	int			moved;

	oms_arg_required(fcinfo, 1, "max");
	max = PG_GETARG_INT32(1);
	if (max < 1 || max > MAX_PER_CALL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max must be from 1 to %d, not %d", MAX_PER_CALL, max)));
	oms_call_begin(&call, "oms.archive()");
	oms_journal_lock();
	moved = oms_store_archive(PG_ARGISNULL(0) ? NULL : &before, max);
	oms_journal_archived(moved, &call.actor);
	oms_call_end(&call);
	PG_RETURN_INT32(moved);
}
