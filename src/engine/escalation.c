/*
 * escalation.c
 *		Whom a late or escalated stage tells, and which of the alerts for what was missed are sent.
 */
#include "postgres.h"

#include "engine/escalation.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/lookup.h"

/*
 * Who is above the owner of a stage: its supervisor, else the owner of the workflow; NULL: nobody.
 */
const char *
oms_supervisor(const OmsTicket *ticket, const OmsStage *stage)
{
	OmsOwner	owner;

	ticket->lookup->owner(stage->owner, &owner);
	return owner.supervisor != NULL ? owner.supervisor : ticket->graph->owner;
}

/*
 * Record an escalation, and alert.
 */
OmsEvent *
oms_add_escalated(OmsTicket *ticket, OmsStage *stage, const char *note)
{
	OmsEvent   *event = oms_event_add(ticket, OMS_EV_ESCALATED, stage, note);

	oms_add_alert(ticket, stage, "escalated");
	return event;
}

/*
 * {"told": name}, or null for nobody.
 */
static Jsonb *
told_payload(const char *told)
{
	JsonbParseState *state = NULL;
	JsonbValue	key = {.type = jbvString, .val.string = {.val = "told", .len = strlen("told")}};
	JsonbValue	name = {.type = jbvNull};

	if (told != NULL)
	{
		name.type = jbvString;
		name.val.string.val = unconstify(char *, told);
		name.val.string.len = strlen(told);
	}
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &key);
	pushJsonbValue(&state, WJB_VALUE, &name);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/*
 * Record an escalation and whom it tells, since who is above an owner changes, and alert.  told NULL:
 * there is nobody to tell, and that must not be silent.
 */
void
oms_tell(OmsTicket *ticket, OmsStage *stage, const char *note, const char *told)
{
	OmsEvent   *event = oms_add_escalated(ticket, stage, note);

	event->payload = told_payload(told);
	if (told != NULL)
		return;
	oms_event_add(ticket, OMS_EV_UNROUTED, stage,
				  psprintf("%s has no supervisor, and the workflow no owner", stage->owner));
	oms_add_alert(ticket, stage, "unrouted");
}

/*
 * Of the alerts that the clock of a stage set off since then, keep those of the last moment.
 */
void
oms_mute_older(OmsTicket *ticket, OmsNotification *since)
{
	OmsNotification **link = since == NULL ? &ticket->notifications : &since->next;
	TimestampTz *last = palloc0(sizeof(TimestampTz) * (ticket->graph->nstages + 1));
	OmsNotification *kept = since;

	for (OmsNotification *notification = *link; notification != NULL; notification = notification->next)
		if (notification->due != 0 && (last[notification->stage] == 0 || last[notification->stage] < notification->due))
			last[notification->stage] = notification->due;
	while (*link != NULL)
	{
		OmsNotification *notification = *link;

		if (notification->channel == OMS_ALERT && notification->due != 0 &&
			notification->due < last[notification->stage])
			*link = notification->next;
		else
		{
			kept = notification;
			link = &notification->next;
		}
	}
	ticket->last_notification = kept;
}
