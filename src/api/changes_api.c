/*
 * changes_api.c
 *		What happened, for those who keep a copy: changes_since, changes_of.
 *
 * Whoever may call these sees that and when something happened, to which ticket and by whom.  What was
 * said (notes and payloads) is for staff; others get the notes that citizens see.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/public.h"
#include "guc.h"
#include "store/access.h"
#include "store/changes.h"
#include "store/cursor.h"
#include "store/horizon.h"
#include "store/identity.h"
#include "store/outbox.h"
#include "store/slot.h"
#include "store/tables.h"

PG_FUNCTION_INFO_V1(oms_changes_since);
PG_FUNCTION_INFO_V1(oms_changes_of);

/* The columns of a row, as in oms--1.0.sql */
typedef enum ChangeColumn
{
	CHANGE_CURSOR,
	CHANGE_ID,
	CHANGE_TICKET,
	CHANGE_SEQ,
	CHANGE_TIME,
	CHANGE_WORKFLOW,
	CHANGE_VERSION,
	CHANGE_STAGE,
	CHANGE_STATUS,
	CHANGE_OWNER,
	CHANGE_ACTOR,
	CHANGE_SESSION_ACTOR,
	CHANGE_CLIENT,
	CHANGE_WORKER,
	CHANGE_CYCLE,
	CHANGE_ATTEMPT,
	CHANGE_PUBLIC,
	CHANGE_POLICY,
	CHANGE_PUBLIC_STAGE,
	CHANGE_PUBLIC_OWNER,
	CHANGE_PUBLIC_STATUS,
	CHANGE_NOTE,
	CHANGE_PAYLOAD,
	CHANGE_NOTE_DIGEST,
	CHANGE_PAYLOAD_DIGEST,
	CHANGE_HASH,
	CHANGE_RESULTS
} ChangeColumn;

/* Rows on their way out */
typedef struct Changes
{
	ReturnSetInfo *result;
	const OmsMoment *now;		/* NULL: without cursors */
	bool		staff;
	Datum		values[CHANGE_RESULTS];
	bool		nulls[CHANGE_RESULTS];
} Changes;

static void
put(Changes *changes, int column, Datum value)
{
	changes->values[column] = value;
	changes->nulls[column] = false;
}

static void
put_text(Changes *changes, int column, const char *text)
{
	if (text != NULL)
		put(changes, column, CStringGetTextDatum(text));
}

static void
copy(Changes *changes, int column, const TupleTableSlot *event, int from)
{
	changes->values[column] = event->tts_values[from];
	changes->nulls[column] = event->tts_isnull[from];
}

static void
put_digest(Changes *changes, int column, const uint8 *digest)
{
	if (digest != NULL)
		put(changes, column, PointerGetDatum(cstring_to_text_with_len((const char *) digest, OMS_HASH_LEN)));
}

/*
 * What citizens are told of the event, and its note if it is among that.
 */
static void
put_public(Changes *changes, const TupleTableSlot *event, const OmsGraph *graph)
{
	const char *status = oms_slot_text(event, TIMELINE_STATUS);
	const char *stage = oms_slot_text(event, TIMELINE_STAGE);
	bool		said = strcmp(status, "comment") == 0 || strcmp(status, "attached") == 0;
	int			no = stage == NULL || graph == NULL ? 0 : oms_graph_find(graph, stage, strlen(stage));

	put_text(changes, CHANGE_PUBLIC_STATUS, said ? status : oms_event_citizen_status(status));
	if (no != 0)
	{
		put_text(changes, CHANGE_PUBLIC_STAGE, oms_public_label(oms_graph_stage(graph, no)));
		put_text(changes, CHANGE_PUBLIC_OWNER, oms_graph_stage(graph, no)->public_owner);
	}
	if (said)
		copy(changes, CHANGE_NOTE, event, TIMELINE_NOTE);
}

static void
put_content(Changes *changes, TupleTableSlot *event)
{
	const uint8 *note;
	const uint8 *payload;

	oms_timeline_digests(event, &note, &payload);
	put_digest(changes, CHANGE_NOTE_DIGEST, note);
	put_digest(changes, CHANGE_PAYLOAD_DIGEST, payload);
	copy(changes, CHANGE_HASH, event, TIMELINE_HASH);
	if (changes->staff)
	{
		copy(changes, CHANGE_NOTE, event, TIMELINE_NOTE);
		copy(changes, CHANGE_PAYLOAD, event, TIMELINE_PAYLOAD);
	}
}

static void
put_change(void *context, TupleTableSlot *event, const OmsPosition *position)
{
	Changes    *changes = context;
	OmsTicketId ticket = DatumGetTicketId(event->tts_values[TIMELINE_TICKET_ID]);
	bool		public = DatumGetBool(event->tts_values[TIMELINE_PUBLIC]);
	char		number[OMS_TICKET_ID_TEXT_SIZE];
	const OmsGraph *graph = NULL;

	memset(changes->nulls, true, sizeof(changes->nulls));
	if (!event->tts_isnull[OMS_CHANGE_WORKFLOW_ID])
	{
		graph = oms_store_graph(oms_slot_int(event, OMS_CHANGE_WORKFLOW_ID));
		put_text(changes, CHANGE_WORKFLOW, graph->name);
		put(changes, CHANGE_VERSION, Int32GetDatum(graph->version));
	}
	if (changes->now != NULL)
		put_text(changes, CHANGE_CURSOR, oms_cursor_text(position, changes->now));
	put_text(changes, CHANGE_ID, psprintf("ticket:%s:%s", oms_agency, oms_ticket_id_to_text(ticket, number)));
	copy(changes, CHANGE_TICKET, event, TIMELINE_TICKET_ID);
	copy(changes, CHANGE_SEQ, event, TIMELINE_SEQ);
	copy(changes, CHANGE_TIME, event, TIMELINE_AT);
	copy(changes, CHANGE_STAGE, event, TIMELINE_STAGE);
	copy(changes, CHANGE_STATUS, event, TIMELINE_STATUS);
	copy(changes, CHANGE_OWNER, event, TIMELINE_OWNER);
	copy(changes, CHANGE_ACTOR, event, TIMELINE_ACTOR);
	copy(changes, CHANGE_SESSION_ACTOR, event, TIMELINE_SESSION_ACTOR);
	copy(changes, CHANGE_CLIENT, event, TIMELINE_CLIENT);
	copy(changes, CHANGE_WORKER, event, TIMELINE_WORKER);
	copy(changes, CHANGE_CYCLE, event, TIMELINE_CYCLE);
	copy(changes, CHANGE_ATTEMPT, event, TIMELINE_ATTEMPT);
	copy(changes, CHANGE_PUBLIC, event, TIMELINE_PUBLIC);
	put_text(changes, CHANGE_POLICY, public ? "public" : "staff");
	if (public)
		put_public(changes, event, graph);
	put_content(changes, event);
	tuplestore_putvalues(changes->result->setResult, changes->result->setDesc, changes->values, changes->nulls);
}

/*
 * changes_since(cursor text, max int): NULL or '' begins; no rows if there is nothing new.
 */
Datum
oms_changes_since(PG_FUNCTION_ARGS)
{
	OmsPosition position = {0};
	OmsMoment	now;
	Changes		changes = {.now = &now};
	char	   *cursor = PG_ARGISNULL(0) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	uint64		horizon;

	oms_arg_required(fcinfo, 1, "max");
	if (PG_GETARG_INT32(1) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max must be at least 1, not %d", PG_GETARG_INT32(1))));
	InitMaterializedSRF(fcinfo, 0);
	oms_look_begin();
	if (oms_store_settled() && !oms_store_at_home())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the data is not at home in this database"),
				 errdetail("It was restored or copied here, and its cursors are of the original."),
				 errhint("If work goes on here from now on: SELECT oms.activate();")));
	changes.result = (ReturnSetInfo *) fcinfo->resultinfo;
	changes.staff = oms_has_level(OMS_LEVEL_STAFF);
	/* the moment is noted after the horizon: what is below it was written before */
	horizon = oms_store_horizon();
	oms_cursor_now(&now);
	if (cursor[0] == '\0' || oms_cursor_read(cursor, &now, &position))
		oms_store_visit_changes(&position, horizon, PG_GETARG_INT32(1), put_change, &changes);
	oms_look_end();
	return (Datum) 0;
}

/*
 * changes_of(ticket): all events of one ticket as they stand now, without cursors.
 */
Datum
oms_changes_of(PG_FUNCTION_ARGS)
{
	OmsTicketId ticket = oms_arg_ticket(fcinfo, 0);
	Changes		changes = {0};

	InitMaterializedSRF(fcinfo, 0);
	oms_look_begin();
	changes.result = (ReturnSetInfo *) fcinfo->resultinfo;
	changes.staff = oms_has_level(OMS_LEVEL_STAFF);
	oms_store_visit_ticket(ticket, put_change, &changes);
	oms_look_end();
	return (Datum) 0;
}
