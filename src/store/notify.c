/*
 * notify.c
 *		The one door through which events leave for the listeners.
 *
 * Payloads are ids only, since every role that can connect can listen.
 *
 * Two ways out.  In-transaction: NOTIFY as part of the change.  It needs nothing, but a NOTIFY takes a
 * cluster-wide lock at commit and wakes every listener once per commit.  By the worker: see shared/ring.c.  What leaves no
 * event in the timeline (the end of a pause before a retry) could not be found there after a loss, and goes out
 * in-transaction.
 */
#include "postgres.h"

#include "commands/async.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"

#include "guc.h"
#include "shared/ring.h"
#include "store/identity.h"
#include "store/notify.h"
#include "store/owner.h"

static const char *const channel_names[] =
{
	[OMS_DISPATCH] = "oms_dispatch",
	[OMS_ALERT] = "oms_alert",
	[OMS_STATUS] = "oms_status"
};

/* ---- payloads ---- */

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
 * The payload of a notification.
 */
static void
put_payload(StringInfo buf, OmsTicketId ticket, const OmsGraph *graph, const OmsNotification *notification)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	if (notification->channel == OMS_ALERT)
		put_member(buf, "kind", notification->word);
	put_member(buf, "ticket", oms_ticket_id_to_text(ticket, number));
	put_member(buf, "stage", notification->stage == OMS_NO_STAGE ? NULL : graph->stages[notification->stage - 1].id);
	switch (notification->channel)
	{
		case OMS_DISPATCH:
			put_member(buf, "owner", notification->owner);
			put_member(buf, "kind", oms_store_owner_kind(notification->owner));
			put_number(buf, "attempt", notification->number);
			break;
		case OMS_ALERT:
			put_number(buf, "level", notification->number);
			break;
		case OMS_STATUS:
			put_member(buf, "status", notification->word);
			break;
	}
	appendStringInfoChar(buf, '}');
}

/*
 * The channel on which an owner is told of work if owners have channels of their own.  A name that
 * would make the channel too long for the server is cut and gets a hash of the whole.
 */
void
oms_notify_channel(const char *owner, char *channel)
{
	int			len = strlen(owner);
	int			room = NAMEDATALEN - 1 - strlen("oms_dispatch.");

	if (len <= room)
		snprintf(channel, NAMEDATALEN, "oms_dispatch.%s", owner);
	else
		snprintf(channel, NAMEDATALEN, "oms_dispatch.%.*s~%08x", pg_mbcliplen(owner, len, room - 9),
				 owner, DatumGetUInt32(hash_any((const unsigned char *) owner, len)));
}

/*
 * NOTIFY with the current transaction.
 */
void
oms_notify(OmsTicketId ticket, const OmsGraph *graph, const OmsNotification *notification)
{
	StringInfoData buf;
	char		channel[NAMEDATALEN];

	initStringInfo(&buf);
	put_payload(&buf, ticket, graph, notification);
	if (notification->channel == OMS_DISPATCH && oms_dispatch_channel == OMS_CHANNEL_OWNER)
		oms_notify_channel(notification->owner, channel);
	else
		strlcpy(channel, channel_names[notification->channel], sizeof(channel));
	Async_Notify(channel, buf.data);
	pfree(buf.data);
}

/*
 * Ring all notifications of a ticket whose change is part of the current transaction: listeners hear them
 * when it has committed, or never.
 */
void
oms_notify_all(const OmsTicket *ticket)
{
	bool		by_worker = oms_ring_takes();

	oms_ring_change(ticket);
	if (oms_dispatch_mode == OMS_DISPATCH_OFF || !oms_store_at_home())
		return;
	for (const OmsNotification *notification = ticket->notifications; notification != NULL;
		 notification = notification->next)
		if (by_worker && !notification->untraced)
			oms_ring_add(ticket, notification);
		else
			oms_notify(ticket->id, ticket->graph, notification);
}
