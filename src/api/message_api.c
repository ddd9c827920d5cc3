/*
 * message_api.c
 *		Messages: what another system, or a person, tells a stage that waits for it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "clock.h"
#include "engine/await.h"
#include "errors.h"
#include "guc.h"
#include "shared/ring.h"
#include "worker/delivery.h"

PG_FUNCTION_INFO_V1(oms_send_message);
PG_FUNCTION_INFO_V1(oms_drop_message);

/* For how long an id is remembered after the message has expired */
#define REMEMBERED		(30 * USECS_PER_DAY)

static char *
arg_message_key(FunctionCallInfo fcinfo, int n)
{
	StaticAssertStmt(OMS_MAX_MESSAGE_KEY == OMS_MAX_KEY, "keys of messages and other keys differ in length");
	oms_arg_required(fcinfo, n, "key");
	return oms_arg_key_or_null(fcinfo, n, "key");
}

static uint64
hash_text(const char *text)
{
	return hash_bytes_extended((const unsigned char *) text, strlen(text), 0);
}

/*
 * Has a message with this id been sent before?  An error if the rest of it differs.
 */
static bool
sent_before(const OmsMessage *message, int64 ttl, TimestampTz now)
{
	uint64		hash = hash_combine64(hash_text(message->name), hash_text(message->key));
	bool		same;

	if (message->payload != NULL)
		hash = hash_combine64(hash, DatumGetUInt64(DirectFunctionCall2(jsonb_hash_extended, JsonbPGetDatum(message->payload),
																	   Int64GetDatum(0))));
	hash = hash_combine64(hash, (uint64) ttl);
	if (oms_store_remember_message(message->id, (int64) hash, now, now + ttl + REMEMBERED, &same))
		return false;
	if (!same)
		ereport(ERROR,
				(errcode(OMS_ERR_IDEMPOTENCY_CONFLICT),
				 errmsg("message_id \"%s\" was used for another message", message->id),
				 errdetail("The name, the key, the payload or the ttl differ from those of the message sent with it.")));
	return true;
}

static void
check_quota(const char *sender)
{
	if (oms_max_messages_per_role == 0 || superuser())
		return;
	if (oms_store_messages_of(sender) >= oms_max_messages_per_role)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many messages of role \"%s\" are kept", sender),
				 errhint("The setting oms.max_messages_per_role says how many it may have.")));
}

/*
 * Keep a message that no stage has got.  pending: one may wait for it, the worker has to look.
 */
static void
keep(const OmsMessage *message, int64 ttl, TimestampTz now, bool pending)
{
	check_quota(message->sender);
	oms_store_keep_message(message, now, now + ttl, pending);
	if (pending)
		oms_ring_arm(now);
}

/*
 * Deliver a message, or keep it until somebody waits for it.
 */
static OmsDelivery
deliver_or_keep(const OmsMessage *message, int64 ttl, TimestampTz now, const OmsActor *actor)
{
	OmsDelivery result = oms_deliver(message, NULL, actor);
	bool		alone;

	if (result != OMS_NOBODY_WAITS)
	{
		if (result == OMS_TICKET_BUSY)
			keep(message, ttl, now, true);
		return result;
	}
	/* a stage may just have begun to wait; under REPEATABLE READ it cannot be seen */
	alone = oms_store_lock_messages(message->name, message->key);
	if (alone)
		result = oms_deliver(message, NULL, actor);
	if (result == OMS_NOBODY_WAITS || result == OMS_TICKET_BUSY)
		keep(message, ttl, now, !alone || result == OMS_TICKET_BUSY || IsolationUsesXactSnapshot());
	return result;
}

/*
 * send_message(name text, key text, payload jsonb, message_id text, ttl interval) → int: 1 if it finished a stage.
 */
Datum
oms_send_message(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsMessage	message = {0};
	OmsDelivery result = OMS_NOBODY_WAITS;
	int64		ttl = oms_arg_duration(fcinfo, 4, "ttl", 1);
	TimestampTz now;

	message.name = oms_arg_name(fcinfo, 0, "name");
	message.key = arg_message_key(fcinfo, 1);
	message.id = oms_arg_key_or_null(fcinfo, 3, "message_id");
	message.payload = PG_ARGISNULL(2) ? NULL : oms_normal_output(PG_GETARG_JSONB_P(2));
	if (message.payload != NULL)
		oms_check_size(message.payload, "payload of a message", oms_max_message_size, "oms.max_message_size");
	oms_call_begin(&call, "oms.send_message()");
	message.sender = call.actor.role;
	now = oms_clock_now();
	if (message.id == NULL || !sent_before(&message, ttl, now))
		result = deliver_or_keep(&message, ttl, now, &call.actor);
	oms_call_end(&call);
	PG_RETURN_INT32(result == OMS_DELIVERED);
}

/*
 * drop_message(name text, key text) → int, how many were kept.
 */
Datum
oms_drop_message(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	char	   *name = oms_arg_name(fcinfo, 0, "name");
	char	   *key = arg_message_key(fcinfo, 1);
	int			dropped;

	oms_call_begin(&call, "oms.drop_message()");
	dropped = oms_store_drop_messages(name, key);
	oms_call_end(&call);
	PG_RETURN_INT32(dropped);
}
