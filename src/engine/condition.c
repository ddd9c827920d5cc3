/*
 * condition.c
 *		minAmount and when: the two ways in which a stage may be left out.
 *
 * A control must never be skipped by accident, so only a condition that is known to be false counts.
 * Whatever is missing or of the wrong type makes the answer unknown, and unknown runs the stage.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "engine/condition.h"

/*
 * Is the ticket's amount known to be below the limit?
 */
static bool
amount_below(Numeric limit, Jsonb *data)
{
	JsonbValue	buffer;
	JsonbValue *amount;

	if (!JB_ROOT_IS_OBJECT(data))
		return false;
	amount = getKeyJsonValueFromContainer(&data->root, "amount", 6, &buffer);
	if (amount == NULL || amount->type != jbvNumeric)
		return false;
	return DatumGetBool(DirectFunctionCall2(numeric_lt, NumericGetDatum(amount->val.numeric),
											NumericGetDatum(limit)));
}

/*
 * Evaluate; *unknown if there is no answer.  Even when silent the server raises an error for what it
 * cannot do without a time zone; that is no answer either, and must not stop the ticket.  Nothing but
 * memory is touched in between, so no subtransaction is needed to go on.
 */
static bool
evaluate(FunctionCallInfo fcinfo, bool *unknown)
{
	MemoryContext old = CurrentMemoryContext;
	volatile bool result = false;

	*unknown = true;
	PG_TRY();
	{
		result = DatumGetBool(jsonb_path_match(fcinfo));
		*unknown = fcinfo->isnull;
	}
	PG_CATCH();
	{
		int			code;

		MemoryContextSwitchTo(old);
		code = geterrcode();
		if (code != ERRCODE_FEATURE_NOT_SUPPORTED &&
			ERRCODE_TO_CATEGORY(code) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return result;
}

/*
 * Is the jsonpath predicate known to be false?  The path was made strict when it was compiled:
 * in lax mode a missing key would compare as false.
 */
static bool
path_false(JsonPath *path, Jsonb *data, Jsonb *outputs)
{
	LOCAL_FCINFO(fcinfo, 4);
	bool		unknown;

	InitFunctionCallInfoData(*fcinfo, NULL, 4, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = JsonbPGetDatum(data);
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = PointerGetDatum(path);
	fcinfo->args[1].isnull = false;
	fcinfo->args[2].value = JsonbPGetDatum(outputs);
	fcinfo->args[2].isnull = false;
	fcinfo->args[3].value = BoolGetDatum(true);
	fcinfo->args[3].isnull = false;

	return !evaluate(fcinfo, &unknown) && !unknown;
}

/*
 * The variables of a path when no stage has an output.
 */
Jsonb *
oms_condition_no_outputs(void)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{\"stages\": {}}")));
}

/*
 * Is the stage known not to be needed?
 */
bool
oms_condition_false(const OmsStageDef *stage, Jsonb *data, Jsonb *outputs)
{
	if (stage->min_amount != NULL && amount_below(stage->min_amount, data))
		return true;
	return stage->when != NULL && path_false(stage->when, data, outputs);
}
