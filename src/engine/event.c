/*
 * event.c
 *		Saying what happened: events for the timeline, notifications for the listeners.
 *
 * Numbers are given out here, in the order of the calls, so that a token can be the number of the
 * event that gave it out.  Nothing is written before the store applies the ticket.
 */
#include "postgres.h"

#include "utils/datetime.h"

#include "engine/event.h"

/*
 * Status as staff read it, and what a citizen is told (NULL: nothing).  The words "breached" and
 * "warning" belong to their events alone: no other status and no generated note contains them.
 */
static const struct
{
	const char *status;
	const char *citizen;
}			event_words[] =
{
	[OMS_EV_OPENED] = {"opened", "received"},
	[OMS_EV_IMPORTED] = {"imported", "received"},
	[OMS_EV_AWAITING] = {"awaiting", "in progress"},
	[OMS_EV_QUEUED] = {"queued", "in progress"},
	[OMS_EV_IN_PROGRESS] = {"in_progress", NULL},
	[OMS_EV_RELEASED] = {"released", NULL},
	[OMS_EV_LEASE_EXPIRED] = {"lease_expired", NULL},
	[OMS_EV_RETRY] = {"retry", NULL},
	[OMS_EV_ASSIGNED] = {"assigned", NULL},
	[OMS_EV_UNASSIGNED] = {"unassigned", NULL},
	[OMS_EV_REASSIGNED] = {"reassigned", NULL},
	[OMS_EV_DELEGATED] = {"delegated", NULL},
	[OMS_EV_RESOLVED] = {"resolved", NULL},
	[OMS_EV_ON_HOLD] = {"on_hold", "action needed"},
	[OMS_EV_HOLD_LIFTED] = {"hold_lifted", NULL},
	[OMS_EV_RESUMED] = {"resumed", NULL},
	[OMS_EV_SENT_BACK] = {"sent_back", "returned"},
	[OMS_EV_REOPENED] = {"reopened", "returned"},
	[OMS_EV_DONE] = {"done", "done"},
	[OMS_EV_SKIPPED] = {"skipped", NULL},
	[OMS_EV_FAILED] = {"failed", NULL},
	[OMS_EV_CANCELLED] = {"cancelled", NULL},
	[OMS_EV_EXTENDED] = {"extended", NULL},
	[OMS_EV_CLOCK_CHANGED] = {"clock_changed", NULL},
	[OMS_EV_NO_DUE_TIME] = {"no_due_time", NULL},
	[OMS_EV_WARNING] = {"warning", NULL},
	[OMS_EV_BREACHED] = {"breached", NULL},
	[OMS_EV_ESCALATED] = {"escalated", NULL},
	[OMS_EV_UNROUTED] = {"unrouted", NULL},
	[OMS_EV_ATTACHED] = {"attached", NULL},
	[OMS_EV_COMMENT] = {"comment", NULL},
	[OMS_EV_CHANGED] = {"changed", NULL},
	[OMS_EV_AMENDED] = {"amended", NULL},
	[OMS_EV_ERASED] = {"erased", NULL},
	[OMS_EV_TICKET_DONE] = {"ticket_done", "closed"},
	[OMS_EV_TICKET_CANCELLED] = {"ticket_cancelled", "cancelled"},
	[OMS_EV_TICKET_FAILED] = {"ticket_failed", NULL},
	[OMS_EV_TICKET_HELD] = {"ticket_held", NULL},
	[OMS_EV_TICKET_RESUMED] = {"ticket_resumed", NULL}
};

const char *
oms_event_status(OmsEventKind kind)
{
	return event_words[kind].status;
}

/*
 * What a citizen is told by an event of this status; NULL: nothing.
 */
const char *
oms_event_citizen_status(const char *status)
{
	for (int i = 0; i < (int) lengthof(event_words); i++)
		if (strcmp(event_words[i].status, status) == 0)
			return event_words[i].citizen;
	return NULL;
}

/*
 * Append an event about a stage, or about the ticket if stage is NULL (or the ticket's clock).  The
 * note is kept by reference.  What citizens see adds a notification of the status.
 */
OmsEvent *
oms_event_add_shown(OmsTicket *ticket, OmsEventKind kind, OmsStage *stage, const char *note, bool shown)
{
	OmsEvent   *event = palloc0(sizeof(OmsEvent));

	event->kind = kind;
	event->seq = ++ticket->seq;
	event->note = note;
	event->public = shown;
	if (stage != NULL && stage->no != OMS_NO_STAGE)
	{
		event->stage = stage->no;
		event->cycle = stage->cycle;
		event->attempt = stage->attempt;
		event->owner = stage->owner;
		event->worker = stage->worker;
	}

	if (ticket->last_event == NULL)
		ticket->events = event;
	else
		ticket->last_event->next = event;
	ticket->last_event = event;

	if (event->public)
		oms_add_status(ticket, stage, event_words[kind].citizen);
	return event;
}

/* The same, shown to citizens if there is a word for it */
OmsEvent *
oms_event_add(OmsTicket *ticket, OmsEventKind kind, OmsStage *stage, const char *note)
{
	return oms_event_add_shown(ticket, kind, stage, note, event_words[kind].citizen != NULL);
}

static OmsNotification *
add_notification(OmsTicket *ticket, OmsChannel channel, const OmsStage *stage)
{
	OmsNotification *notification = palloc0(sizeof(OmsNotification));

	notification->channel = channel;
	notification->stage = stage == NULL ? OMS_NO_STAGE : stage->no;
	if (ticket->last_notification == NULL)
		ticket->notifications = notification;
	else
		ticket->last_notification->next = notification;
	ticket->last_notification = notification;
	return notification;
}

/* The stage is there to be claimed */
void
oms_add_dispatch(OmsTicket *ticket, const OmsStage *stage)
{
	OmsNotification *notification = add_notification(ticket, OMS_DISPATCH, stage);

	notification->owner = stage->owner;
	notification->number = stage->attempt;
}

/* Somebody has to look at it */
void
oms_add_alert(OmsTicket *ticket, const OmsStage *stage, const char *kind)
{
	OmsNotification *notification = add_notification(ticket, OMS_ALERT, stage);

	notification->word = kind;
	notification->number = stage == NULL ? 0 : stage->level;
}

/* A public status changed, or somebody has to stop working on the stage */
void
oms_add_status(OmsTicket *ticket, const OmsStage *stage, const char *status)
{
	OmsNotification *notification = add_notification(ticket, OMS_STATUS, stage);

	notification->word = status;
}

/*
 * A point in time as it stands in notes: ISO 8601 in UTC, whatever the settings of the session,
 * with a fraction only where there is one.
 */
char *
oms_time_text(TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return psprintf(fsec == 0 ? "%04d-%02d-%02dT%02d:%02d:%02dZ"
					: "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
					tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
					(int) fsec);
}
