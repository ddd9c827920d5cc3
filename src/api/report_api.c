/*
 * report_api.c
 *		What the reports need that SQL does not have: histograms of ratios, and the roll-up.
 *
 * A histogram in SQL is an int[] of pairs, bin and count, by bin; engine/histogram.c tells what a bin is.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "engine/histogram.h"
#include "store/rollup.h"

PG_FUNCTION_INFO_V1(oms_report_add_ratio);
PG_FUNCTION_INFO_V1(oms_report_add_ratios);
PG_FUNCTION_INFO_V1(oms_report_ratios);
PG_FUNCTION_INFO_V1(oms_report_percentiles);
PG_FUNCTION_INFO_V1(oms_report_way);
PG_FUNCTION_INFO_V1(oms_report_unit);
PG_FUNCTION_INFO_V1(oms_roll_up);

/* ---- histograms ---- */

/*
 * The state of the aggregate, made when first needed; *context is where it lives.
 */
static OmsHistogram *
aggregate_state(FunctionCallInfo fcinfo, MemoryContext *context)
{
	if (!AggCheckCallContext(fcinfo, context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this function is part of an aggregate")));
	if (!PG_ARGISNULL(0))
		return (OmsHistogram *) PG_GETARG_POINTER(0);
	return MemoryContextAllocZero(*context, sizeof(OmsHistogram));
}

/*
 * report_add_ratio(internal, float8): one ratio more; NULL is none.
 */
Datum
oms_report_add_ratio(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	OmsHistogram *histogram = aggregate_state(fcinfo, &context);
	MemoryContext old = MemoryContextSwitchTo(context);

	if (!PG_ARGISNULL(1))
		oms_histogram_add(histogram, oms_histogram_bin(PG_GETARG_FLOAT8(1)), 1);
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(histogram);
}

static void
add_pairs(OmsHistogram *histogram, const ArrayType *pairs)
{
	const int32 *numbers = (const int32 *) ARR_DATA_PTR(pairs);
	int			count = ArrayGetNItems(ARR_NDIM(pairs), ARR_DIMS(pairs));

	if (ARR_HASNULL(pairs) || count % 2 != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("this is no histogram")));
	for (int i = 0; i < count; i += 2)
	{
		if (numbers[i] < 0 || numbers[i] >= OMS_HISTOGRAM_BINS || numbers[i + 1] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("this is no histogram")));
		oms_histogram_add(histogram, numbers[i], numbers[i + 1]);
	}
}

/*
 * report_add_ratios(internal, int[]): the ratios of another histogram; NULL is none.
 */
Datum
oms_report_add_ratios(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	OmsHistogram *histogram = aggregate_state(fcinfo, &context);
	MemoryContext old = MemoryContextSwitchTo(context);
	ArrayType  *pairs;

	if (!PG_ARGISNULL(1))
	{
		pairs = PG_GETARG_ARRAYTYPE_P(1);
		add_pairs(histogram, pairs);
		PG_FREE_IF_COPY(pairs, 1);
	}
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(histogram);
}

static const OmsHistogram *
final_state(FunctionCallInfo fcinfo)
{
	static const OmsHistogram empty = {0};

	return PG_ARGISNULL(0) ? &empty : (const OmsHistogram *) PG_GETARG_POINTER(0);
}

/*
 * report_ratios(internal) → int[], the histogram; empty if there were no ratios.
 */
Datum
oms_report_ratios(PG_FUNCTION_ARGS)
{
	const OmsHistogram *histogram = final_state(fcinfo);
	Datum	   *numbers = palloc(sizeof(Datum) * 2 * Max(histogram->size, 1));
	int			count = 0;

	for (int i = 0; i < histogram->size; i++)
	{
		if (histogram->counts[i] == 0)
			continue;
		numbers[count++] = Int32GetDatum(histogram->first + i);
		numbers[count++] = Int32GetDatum((int32) Min(histogram->counts[i], PG_INT32_MAX));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(numbers, count, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/*
 * report_percentiles(internal) → float8[], p50, p90 and p99; NULL if there were no ratios.
 */
Datum
oms_report_percentiles(PG_FUNCTION_ARGS)
{
	static const double fractions[] = {0.5, 0.9, 0.99};
	const OmsHistogram *histogram = final_state(fcinfo);
	Datum		values[lengthof(fractions)];

	if (histogram->total == 0)
		PG_RETURN_NULL();
	for (int i = 0; i < (int) lengthof(fractions); i++)
		values[i] = Float8GetDatum(oms_histogram_percentile(histogram, fractions[i]));
	PG_RETURN_ARRAYTYPE_P(construct_array(values, lengthof(fractions), FLOAT8OID, sizeof(float8),
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* ---- reports ---- */

/*
 * report_way(by text) → the same, if the heat-map can be drawn that way.
 */
Datum
oms_report_way(PG_FUNCTION_ARGS)
{
	const char *by;

	oms_arg_required(fcinfo, 0, "by");
	by = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (strcmp(by, "stage") != 0 && strcmp(by, "weekday") != 0 && strcmp(by, "owner") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no heat-map by \"%s\"", by),
				 errhint("By is stage, weekday or owner.")));
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/*
 * report_unit(unit interval, at timestamptz) → timestamptz, when the unit began, counted from 2000 in UTC.
 */
Datum
oms_report_unit(PG_FUNCTION_ARGS)
{
	Interval   *unit = PG_GETARG_INTERVAL_P(0);

	if (unit->month != 0 || unit->day < 0 || unit->time < 0 || (unit->day == 0 && unit->time == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the unit of a report cannot be \"%s\"",
						DatumGetCString(DirectFunctionCall1(interval_out, PG_GETARG_DATUM(0)))),
				 errhint("It is a length of time without months and years. The reports use 1 hour and 6 hours.")));
	return DirectFunctionCall3(timestamptz_bin, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), TimestampTzGetDatum(0));
}

/*
 * roll_up(everything bool) → bigint, how many finished cycles it added.
 */
Datum
oms_roll_up(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	int64		added;

	oms_arg_required(fcinfo, 0, "everything");
	oms_call_begin(&call, "oms.roll_up()");
	added = oms_store_roll_up(PG_GETARG_BOOL(0));
	oms_call_end(&call);
	PG_RETURN_INT64(added);
}
