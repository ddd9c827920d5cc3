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
#include "engine/path.h"

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
 * Is the stage known not to be needed?
 */
bool
oms_condition_false(const OmsStageDef *stage, Jsonb *data, Jsonb *outputs)
{
	if (stage->min_amount != NULL && amount_below(stage->min_amount, data))
		return true;
	return stage->when.path != NULL && oms_path_truth(&stage->when, data, outputs) == OMS_FALSE;
}
