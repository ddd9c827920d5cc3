/*
 * merge_patch.c
 *		JSON merge patch (RFC 7396): an object that says what becomes of another.
 *
 * A key with null goes, one with an object is merged in turn, one with anything else takes that value.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "engine/merge_patch.h"

static bool
is_object(const JsonbValue *value)
{
	return value != NULL && value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

static JsonbValue *
find_key(JsonbContainer *object, const JsonbValue *key, JsonbValue *buffer)
{
	return object == NULL ? NULL
		: getKeyJsonValueFromContainer(object, key->val.string.val, key->val.string.len, buffer);
}

/* What the patch does not name stays */
static void
push_untouched(JsonbParseState **state, JsonbContainer *target, JsonbContainer *patch)
{
	JsonbIterator *iterator = JsonbIteratorInit(target);
	JsonbIteratorToken token;
	JsonbValue	value;
	JsonbValue	buffer;
	bool		keep = false;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			keep = find_key(patch, &value, &buffer) == NULL;
		if ((token == WJB_KEY || token == WJB_VALUE) && keep)
			pushJsonbValue(state, token, &value);
	}
}

/*
 * Push an object as a patch makes it.  NULL: there is none yet.
 */
static JsonbValue *
push_merged(JsonbParseState **state, JsonbContainer *target, JsonbContainer *patch)
{
	JsonbIterator *iterator = JsonbIteratorInit(patch);
	JsonbIteratorToken token;
	JsonbValue	key = {.type = jbvNull};
	JsonbValue	value;
	JsonbValue	buffer;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	if (target != NULL)
		push_untouched(state, target, patch);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		JsonbValue *before;

		if (token == WJB_KEY)
			key = value;
		if (token != WJB_VALUE || value.type == jbvNull)
			continue;
		pushJsonbValue(state, WJB_KEY, &key);
		if (!is_object(&value))
		{
			pushJsonbValue(state, WJB_VALUE, &value);
			continue;
		}
		before = find_key(target, &key, &buffer);
		push_merged(state, is_object(before) ? before->val.binary.data : NULL, value.val.binary.data);
	}
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/*
 * An object as a patch makes it.  A patch that is no object takes the place of the whole.
 */
Jsonb *
oms_merge_patch(Jsonb *target, Jsonb *patch)
{
	JsonbParseState *state = NULL;

	if (!JB_ROOT_IS_OBJECT(patch))
		return patch;
	return JsonbValueToJsonb(push_merged(&state, JB_ROOT_IS_OBJECT(target) ? &target->root : NULL,
										 &patch->root));
}
