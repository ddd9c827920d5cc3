/*
 * public_api.c
 *		What citizens see, and the numbers that let them: get_timeline, track, tracking_number.
 *
 * The citizen's view is an allow-list: an event is shown only if it is marked public when it is
 * written, and of an event only what public_event copies.  Unknown, wrong and bare numbers get the
 * same empty answer after the same work.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "clock.h"
#include "engine/decide.h"
#include "engine/event.h"
#include "engine/public.h"
#include "errors.h"
#include "store/access.h"
#include "store/moved.h"
#include "store/slot.h"
#include "store/tables.h"
#include "store/tracking.h"

PG_FUNCTION_INFO_V1(oms_get_timeline_of_text);
PG_FUNCTION_INFO_V1(oms_get_timeline_of_ticket);
PG_FUNCTION_INFO_V1(oms_track);
PG_FUNCTION_INFO_V1(oms_tracking_number);
PG_FUNCTION_INFO_V1(oms_rotate_tracking_number);

/* ---- rows of the timeline ---- */

static TimestampTz
to_the_minute(TimestampTz time)
{
	return time - ((time % USECS_PER_MINUTE) + USECS_PER_MINUTE) % USECS_PER_MINUTE;
}

static char *
member_text(Jsonb *object, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(&object->root, key, strlen(key), &buffer);

	return value == NULL || value->type != jbvString ? pstrdup("")
		: pnstrdup(value->val.string.val, value->val.string.len);
}

/*
 * An attachment in words; NULL if it was erased.
 */
static const char *
document_text(const char *note)
{
	Jsonb	   *document;

	if (note == NULL)
		return NULL;
	document = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(note)));
	return psprintf("%s %s", member_text(document, "name"), member_text(document, "url"));
}

/*
 * What a citizen is shown of an event; false if nothing.
 */
static bool
public_event(const TupleTableSlot *slot, const OmsTicket *ticket, OmsPublicEvent *event)
{
	const OmsGraph *graph = ticket->graph;
	const char *status = oms_slot_text(slot, TIMELINE_STATUS);
	const char *stage = oms_slot_text(slot, TIMELINE_STAGE);
	bool		comment = strcmp(status, "comment") == 0;
	bool		attached = strcmp(status, "attached") == 0;
	int			no = stage == NULL ? 0 : oms_graph_find(graph, stage, strlen(stage));

	if (!DatumGetBool(slot->tts_values[TIMELINE_PUBLIC]))
		return false;
	event->time = to_the_minute(DatumGetTimestampTz(slot->tts_values[TIMELINE_AT]));
	event->stage = no == 0 ? NULL : oms_public_label(oms_graph_stage(graph, no));
	event->owner = no == 0 ? NULL : oms_graph_stage(graph, no)->public_owner;
	event->status = comment || attached ? status : oms_event_citizen_status(status);
	event->note = comment ? oms_slot_text(slot, TIMELINE_NOTE)
		: attached ? document_text(oms_slot_text(slot, TIMELINE_NOTE))
		: strcmp(status, "on_hold") == 0
		? oms_public_hold_label(ticket, oms_slot_int(slot, TIMELINE_SEQ),
								DatumGetTimestampTz(slot->tts_values[TIMELINE_AT])) : NULL;
	return event->status != NULL;
}

static void
put_row(ReturnSetInfo *result, const OmsPublicEvent *event)
{
	const char *texts[4] = {event->stage, event->owner, event->status, event->note};
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = TimestampTzGetDatum(event->time);
	for (int i = 0; i < 4; i++)
	{
		nulls[1 + i] = texts[i] == NULL;
		values[1 + i] = texts[i] == NULL ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * The note of an event as staff see it.  Where the real clock counts it says first that another one was in force.
 */
static const char *
marked_note(TupleTableSlot *slot)
{
	const char *note = oms_slot_text(slot, TIMELINE_NOTE);

	if (!oms_timeline_moved(slot) || !oms_store_real_clock_counts())
		return note;
	return note == NULL ? "[moved clock]" : psprintf("[moved clock] %s", note);
}

/*
 * Return the timeline of a ticket as staff see it, from the one place or the other; false if there are
 * no events there.
 */
static bool
return_all(ReturnSetInfo *result, OmsTicketId id, bool archived)
{
	OmsScan		scan;
	bool		found = false;

	oms_scan_key_ticket(&scan, id);
	oms_scan_begin_place(&scan, "timeline", archived, TIMELINE_COLUMNS, AccessShareLock);
	for (; oms_scan_next(&scan); found = true)
	{
		OmsPublicEvent event = {
			.time = DatumGetTimestampTz(scan.slot->tts_values[TIMELINE_AT]),
			.stage = oms_slot_text(scan.slot, TIMELINE_STAGE),
			.owner = oms_slot_text(scan.slot, TIMELINE_OWNER),
			.status = oms_slot_text(scan.slot, TIMELINE_STATUS),
			.note = marked_note(scan.slot)
		};

		put_row(result, &event);
	}
	oms_scan_end(&scan);
	return found;
}

/*
 * Return the citizen's view of the timeline of a ticket.
 */
static void
return_public(ReturnSetInfo *result, OmsTicket *ticket)
{
	OmsScan		scan;
	OmsPublicEvent event;

	oms_store_holds(ticket);
	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_begin_place(&scan, "timeline", ticket->archived, TIMELINE_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
		if (public_event(scan.slot, ticket, &event))
			put_row(result, &event);
	oms_scan_end(&scan);
}

/* ---- who may look ---- */

/*
 * The ticket of a full tracking number; NULL if the number is not right, whatever is wrong with it.
 */
static OmsTicket *
find_tracked(const char *text, int len)
{
	OmsTicketId id;
	char		suffix[OMS_SUFFIX_LEN + 1];
	TimestampTz now = oms_clock_now();
	OmsTicket  *ticket = NULL;

	if (!oms_tracking_parse(text, len, &id, suffix))
	{
		/* what is no number at all is looked up and counted like one: a number of nobody */
		id = oms_ticket_id_make(1, 0, 0);
		suffix[0] = '\0';
	}
	oms_tracking_slow_down(id, now);
	/* looked up only then: how long a wrong number takes says nothing about its ticket */
	if (oms_tracking_right(id, suffix))
		ticket = oms_store_read_if_there(id);
	if (ticket != NULL)
		return ticket;
	oms_tracking_note_miss(id, now);
	return NULL;
}

/*
 * The timeline as the caller may see it by the bare number: staff all of it, a portal the public part
 * of what it opened, others nothing.
 */
static void
return_by_number(ReturnSetInfo *result, OmsTicketId id)
{
	OmsTicket  *ticket;

	if (oms_has_level(OMS_LEVEL_STAFF))
	{
		if (!return_all(result, id, false))
			(void) return_all(result, id, true);
		return;
	}
	if (!oms_has_level(OMS_LEVEL_PORTAL))
		return;
	ticket = oms_store_read_if_there(id);
	if (ticket != NULL && ticket->opened_by != NULL &&
		strcmp(ticket->opened_by, GetUserNameFromId(GetUserId(), false)) == 0)
		return_public(result, ticket);
}

/*
 * get_timeline(ticket text): a tracking number gives the citizen's view, a ticket number what the
 * caller may see.
 */
Datum
oms_get_timeline_of_text(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	text	   *number;
	OmsTicketId id;
	char		suffix[OMS_SUFFIX_LEN + 1];
	bool		readable;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	number = PG_GETARG_TEXT_PP(0);
	readable = oms_tracking_parse(VARDATA_ANY(number), VARSIZE_ANY_EXHDR(number), &id, suffix);
	oms_look_begin();
	if (readable && suffix[0] == '\0' &&
		(oms_has_level(OMS_LEVEL_STAFF) || oms_has_level(OMS_LEVEL_PORTAL)))
		return_by_number(result, id);
	else if (!readable && oms_has_level(OMS_LEVEL_STAFF))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid ticket or tracking number: \"%s\"", oms_clipped(number))));
	else
	{
		OmsTicket  *ticket = find_tracked(VARDATA_ANY(number), VARSIZE_ANY_EXHDR(number));

		if (ticket != NULL)
			return_public(result, ticket);
	}
	oms_look_end();
	return (Datum) 0;
}

/*
 * get_timeline(ticket oms.ticket_id)
 */
Datum
oms_get_timeline_of_ticket(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	oms_look_begin();
	return_by_number((ReturnSetInfo *) fcinfo->resultinfo, PG_GETARG_TICKET_ID(0));
	oms_look_end();
	return (Datum) 0;
}

/* ---- track ---- */

/*
 * track(tracking_number text) → jsonb, NULL if the number is not right.
 */
Datum
oms_track(PG_FUNCTION_ARGS)
{
	text	   *number;
	OmsTicket  *ticket;
	OmsPublicView view;
	OmsScan		scan;
	Jsonb	   *result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	number = PG_GETARG_TEXT_PP(0);
	oms_look_begin();
	ticket = find_tracked(VARDATA_ANY(number), VARSIZE_ANY_EXHDR(number));
	if (ticket == NULL)
	{
		oms_look_end();
		PG_RETURN_NULL();
	}
	oms_store_stages(ticket);
	oms_store_holds(ticket);
	oms_public_begin(&view, ticket, oms_clock_now());
	oms_scan_key_ticket(&scan, ticket->id);
	oms_scan_begin_place(&scan, "timeline", ticket->archived, TIMELINE_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
	{
		OmsPublicEvent event;

		if (public_event(scan.slot, ticket, &event))
			oms_public_add(&view, &event);
	}
	oms_scan_end(&scan);
	result = oms_public_end(&view);
	oms_look_end();
	PG_RETURN_JSONB_P(result);
}

/* ---- tracking numbers ---- */

static text *
tracking_number_text(OmsTicketId id)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];
	char		suffix[OMS_SUFFIX_LEN + 1];

	if (!oms_tracking_suffix(id, suffix))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the database has no secret for tracking numbers"),
				 errhint("The first oms.create_workflow() makes it; restore oms.secret with the data.")));
	return cstring_to_text(psprintf("%s-%s", oms_ticket_id_to_text(id, number), suffix));
}

/*
 * tracking_number(ticket) → text
 */
Datum
oms_tracking_number(PG_FUNCTION_ARGS)
{
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);
	text	   *result;

	oms_look_begin();
	oms_require_opener(oms_store_read(id));
	result = tracking_number_text(id);
	oms_look_end();
	PG_RETURN_TEXT_P(result);
}

/*
 * rotate_tracking_number(ticket) → text, the new one; the old one is void.
 */
Datum
oms_rotate_tracking_number(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);
	OmsTicket  *ticket;
	text	   *result;

	oms_call_begin(&call, "oms.rotate_tracking_number()");
	ticket = oms_store_lock(id);
	oms_tracking_rotate(id);
	oms_decide_note(ticket, "tracking number rotated");
	oms_store_apply(ticket, &call.actor);
	oms_call_end(&call);
	oms_look_begin();
	result = tracking_number_text(id);
	oms_look_end();
	PG_RETURN_TEXT_P(result);
}
