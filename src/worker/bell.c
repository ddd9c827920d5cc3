/*
 * bell.c
 *		The one door through which events leave for the listeners.
 *
 * Payloads are ids only, since every role that can connect can listen.
 */
#include "postgres.h"

#include "commands/async.h"
#include "utils/json.h"

#include "worker/bell.h"

int			oms_dispatch_mode = OMS_DISPATCH_TRANSACTION;

static const char *const channel_names[] =
{
	[OMS_DISPATCH] = "oms_dispatch",
	[OMS_ALERT] = "oms_alert",
	[OMS_STATUS] = "oms_status"
};

static void
put_member(StringInfo buf, const char *key, const char *value)
{
	appendStringInfo(buf, "%c\"%s\":", buf->len == 0 ? '{' : ',', key);
	if (value == NULL)
		appendStringInfoString(buf, "null");
	else
		escape_json(buf, value);
}

static void
put_number(StringInfo buf, const char *key, int value)
{
	appendStringInfo(buf, ",\"%s\":%d", key, value);
}

/*
 * The payload of a bell.
 */
static void
put_payload(StringInfo buf, const OmsTicket *ticket, const OmsBell *bell)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	if (bell->channel == OMS_ALERT)
		put_member(buf, "kind", bell->word);
	put_member(buf, "ticket", oms_ticket_id_to_text(ticket->id, number));
	put_member(buf, "stage", bell->stage == OMS_NO_STAGE ? NULL
			   : ticket->graph->stages[bell->stage - 1].id);
	switch (bell->channel)
	{
		case OMS_DISPATCH:
			put_member(buf, "owner", bell->owner);
			put_member(buf, "kind", "agent");
			put_number(buf, "attempt", bell->number);
			break;
		case OMS_ALERT:
			put_number(buf, "level", bell->number);
			break;
		case OMS_STATUS:
			put_member(buf, "status", bell->word);
			break;
	}
	appendStringInfoChar(buf, '}');
}

/*
 * Ring all bells of a ticket whose change is part of the current transaction: listeners hear them
 * when it commits, or never.
 */
void
oms_bells_ring(const OmsTicket *ticket)
{
	StringInfoData buf;

	if (oms_dispatch_mode == OMS_DISPATCH_OFF)
		return;
	initStringInfo(&buf);
	for (const OmsBell *bell = ticket->bells; bell != NULL; bell = bell->next)
	{
		resetStringInfo(&buf);
		put_payload(&buf, ticket, bell);
		Async_Notify(channel_names[bell->channel], buf.data);
	}
	pfree(buf.data);
}
