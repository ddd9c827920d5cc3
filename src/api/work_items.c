/*
 * work_items.c
 *		The list of items that stages_done and exchange are given: from JSON to a sorted array.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "api/args.h"
#include "api/work_items.h"
#include "oms.h"

static void
bad_item(const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", problem)));
}

/* A string for a message */
static char *
clipped(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val,
					pg_mbcliplen(value->val.string.val, value->val.string.len, 100));
}

static bool
key_is(const JsonbValue *key, const char *name)
{
	return key->val.string.len == strlen(name) &&
		memcmp(key->val.string.val, name, key->val.string.len) == 0;
}

static void
read_token(OmsWorkItem *item, JsonbValue *value)
{
	Datum		token;

	if (value->type == jbvNull)
		return;
	if (value->type != jbvNumeric)
		bad_item("\"token\" must be a number");
	token = NumericGetDatum(value->val.numeric);
	item->token = DatumGetInt64(DirectFunctionCall1(numeric_int8, token));
	item->has_token = DatumGetBool(DirectFunctionCall2(numeric_eq, token,
													   DirectFunctionCall1(int8_numeric,
																		   Int64GetDatum(item->token))));
	if (!item->has_token)
		bad_item("\"token\" must be an integer");
}

static void
read_error(OmsWorkItem *item, JsonbValue *value)
{
	if (value->type == jbvNull)
		return;
	if (value->type != jbvString)
		bad_item("\"error\" must be a text");
	item->error = pnstrdup(value->val.string.val, value->val.string.len);
	oms_check_note(item->error, "\"error\"");
}

static void
read_member(const OmsWorkItems *items, OmsWorkItem *item, const JsonbValue *key, JsonbValue *value)
{
	if (key_is(key, "ticket"))
	{
		if (value->type != jbvString)
			bad_item("\"ticket\" must be a text");
		if (!oms_ticket_id_parse(value->val.string.val, value->val.string.len, &item->ticket))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("invalid ticket number: \"%s\"", clipped(value))));
	}
	else if (key_is(key, "stage"))
	{
		if (value->type != jbvString)
			bad_item("\"stage\" must be a text");
		item->stage = value->val.string.val;
		item->stage_len = value->val.string.len;
	}
	else if (key_is(key, "output"))
	{
		item->has_output = value->type != jbvNull;
		item->output = item->has_output ? JsonbValueToJsonb(value) : NULL;
	}
	else if (key_is(key, "token"))
		read_token(item, value);
	else if (items->may_fail && key_is(key, "error"))
		read_error(item, value);
	else if (items->may_fail && key_is(key, "retryable"))
	{
		if (value->type != jbvBool)
			bad_item("\"retryable\" must be true or false");
		item->retryable = value->val.boolean;
		item->has_retryable = true;
	}
	else
		bad_item(psprintf("unknown key \"%s\"", clipped(key)));
}

static void
read_item(const OmsWorkItems *items, OmsWorkItem *item, JsonbValue *value)
{
	JsonbIterator *it;
	JsonbValue	key;
	JsonbValue	member;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		bad_item("an object is needed");
	it = JsonbIteratorInit(value->val.binary.data);
	JsonbIteratorNext(&it, &key, true);
	while (JsonbIteratorNext(&it, &key, true) == WJB_KEY)
	{
		JsonbIteratorNext(&it, &member, true);
		read_member(items, item, &key, &member);
	}
	if (item->ticket == 0)
		bad_item("\"ticket\" is missing");
	if (item->stage == NULL)
		bad_item("\"stage\" is missing");
	if (item->error != NULL && item->has_output)
		bad_item("\"error\" and \"output\" exclude each other");
	if (item->error == NULL && item->has_retryable)
		bad_item("\"retryable\" goes with \"error\" only");
}

/*
 * By ticket, and for the same ticket in the order given.
 */
static int
compare_items(const void *a, const void *b)
{
	const OmsWorkItem *x = a;
	const OmsWorkItem *y = b;

	if (x->ticket != y->ticket)
		return x->ticket < y->ticket ? -1 : 1;
	return x->position - y->position;
}

/*
 * Read and sort the items of an array.  While an error can be about one of them, "current" says which.
 */
void
oms_read_items(OmsWorkItems *items, Jsonb *array)
{
	JsonbIterator *it;
	JsonbValue	value;

	if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a JSON array", items->name)));
	items->count = JB_ROOT_COUNT(array);
	items->items = palloc0(sizeof(OmsWorkItem) * Max(items->count, 1));
	it = JsonbIteratorInit(&array->root);
	JsonbIteratorNext(&it, &value, true);
	for (int i = 0; JsonbIteratorNext(&it, &value, true) == WJB_ELEM; i++)
	{
		CHECK_FOR_INTERRUPTS();
		items->current = items->items[i].position = i;
		items->items[i].retryable = true;
		read_item(items, &items->items[i], &value);
	}
	items->current = OMS_NO_ITEM;
	qsort(items->items, items->count, sizeof(OmsWorkItem), compare_items);
}
