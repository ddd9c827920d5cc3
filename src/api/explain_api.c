/*
 * explain_api.c
 *		A ticket as people see it; how the figure of a clock comes about, so that a person can check it with a pencil; and
 *		which skipped stages would run now.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "api/door.h"
#include "clock.h"
#include "engine/calendar.h"
#include "engine/event.h"
#include "engine/graph.h"
#include "engine/start.h"
#include "store/calendar.h"
#include "store/slot.h"
#include "store/tables.h"
#include "store/timeline.h"

PG_FUNCTION_INFO_V1(oms_would_run);
PG_FUNCTION_INFO_V1(oms_explain);
PG_FUNCTION_INFO_V1(oms_get_ticket);
PG_FUNCTION_INFO_V1(oms_explain_clock);
PG_FUNCTION_INFO_V1(oms_clock);

/*
 * clock() → timestamptz: the time by which everything here goes.
 */
Datum
oms_clock(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(oms_clock_now());
}

/*
 * explain(ticket) → TABLE(stage, status, owner, since, until, why).
 */
Datum
oms_explain(PG_FUNCTION_ARGS)
{
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);

	InitMaterializedSRF(fcinfo, 0);
	oms_look_begin();
	oms_store_read(id);
	oms_look_end();
	oms_store_explain(id, oms_put_row, fcinfo->resultinfo);
	return (Datum) 0;
}

/*
 * get_ticket(ticket) → jsonb.  NULL for one that an administrator has removed meanwhile.
 */
Datum
oms_get_ticket(PG_FUNCTION_ARGS)
{
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);
	Datum		ticket;
	bool		isnull;

	oms_look_begin();
	oms_store_read(id);
	oms_look_end();
	ticket = oms_store_get_ticket(id, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	return ticket;
}

/*
 * would_run(ticket) → SETOF text: the skipped stages whose conditions are not known to be false now.
 */
Datum
oms_would_run(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);
	OmsTicket  *ticket;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	oms_look_begin();
	ticket = oms_store_read(id);
	oms_store_stages(ticket);
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
	{
		const OmsStageDef *def = stage->no == OMS_NO_STAGE ? NULL : oms_graph_stage(ticket->graph, stage->no);
		Datum		value;
		bool		isnull = false;

		if (stage->status != OMS_SKIPPED || oms_is_left_out(ticket, def))
			continue;
		value = CStringGetTextDatum(def->id);
		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	oms_look_end();
	return (Datum) 0;
}

/* ---- explain_clock ---- */

/* A piece of a clock that has ended */
typedef struct Piece
{
	TimestampTz from;
	TimestampTz to;
	int64		open_us;
	bool		ran;
	const OmsCalendar *calendar;
	const char *extended;		/* what was added to the limit at its end; NULL: nothing */
} Piece;

typedef struct Explanation
{
	ReturnSetInfo *result;
	OmsTicket  *ticket;
	OmsStage   *stage;
	int64		consumed;
	TimestampTz until;			/* end of the last segment */
	List	   *pieces;			/* that have ended (Piece *) */
	const char *comment;		/* that goes with the next one; else NULL */
} Explanation;

static Datum
interval_datum(int64 usecs)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = usecs;
	return PointerGetDatum(interval);
}

static const char *
why_it_ran(const OmsCalendar *calendar)
{
	return calendar == NULL ? "runs, always open"
		: psprintf("runs by calendar %s, version %d", calendar->name, calendar->version);
}

/*
 * The holds that stopped the clock in a piece of time.
 */
static const char *
why_it_stood(const Explanation *e, TimestampTz from, TimestampTz to)
{
	StringInfoData text;
	const char *separator = "on hold: ";

	initStringInfo(&text);
	for (const OmsHold *hold = e->ticket->holds; hold != NULL; hold = hold->next)
	{
		if (!hold->stops_clock || (hold->stage != e->stage->no && hold->stage != OMS_NO_STAGE) ||
			hold->held_at > to || (hold->lifted_at != OMS_NEVER && hold->lifted_at <= from))
			continue;
		appendStringInfo(&text, "%s%s", separator, hold->reason);
		separator = ", ";
	}
	return text.len > 0 ? text.data : "on hold";
}

static void
put_segment(Explanation *e, TimestampTz from, TimestampTz to, int64 open_us, bool ran,
			const OmsCalendar *calendar)
{
	Datum		values[5];
	bool		nulls[5] = {false};
	const char *reason;

	e->consumed += open_us;
	e->until = to;
	values[0] = TimestampTzGetDatum(from);
	values[1] = TimestampTzGetDatum(to);
	values[2] = interval_datum(open_us);
	values[3] = interval_datum(e->consumed);
	reason = ran ? why_it_ran(calendar) : why_it_stood(e, from, to);
	values[4] = CStringGetTextDatum(e->comment == NULL ? reason : psprintf("%s; %s", reason, e->comment));
	e->comment = NULL;
	tuplestore_putvalues(e->result->setResult, e->result->setDesc, values, nulls);
}

/*
 * Load the pieces that have ended.
 */
static void
load_pieces(Explanation *e)
{
	OmsScan		scan;

	oms_scan_key_ticket(&scan, e->ticket->id);
	oms_scan_begin_place(&scan, "clock_segment", e->ticket->archived, SEGMENT_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
	{
		int			calendar_id = oms_slot_int(scan.slot, SEGMENT_CALENDAR_ID);
		Piece	   *piece;

		if (DatumGetInt16(scan.slot->tts_values[SEGMENT_STAGE_NO]) != e->stage->no ||
			oms_slot_int(scan.slot, SEGMENT_CYCLE) != e->stage->cycle)
			continue;
		piece = palloc(sizeof(Piece));
		piece->from = oms_slot_time(scan.slot, SEGMENT_STARTED_AT);
		piece->to = oms_slot_time(scan.slot, SEGMENT_ENDED_AT);
		piece->open_us = DatumGetInt64(scan.slot->tts_values[SEGMENT_OPEN_US]);
		piece->ran = DatumGetBool(scan.slot->tts_values[SEGMENT_RAN]);
		piece->calendar = calendar_id == 0 ? NULL : oms_store_calendar_by_id(calendar_id);
		piece->extended = oms_timeline_note(e->ticket->id, e->ticket->archived, oms_slot_int(scan.slot, SEGMENT_SEQ),
											oms_event_status(OMS_EV_EXTENDED));
		e->pieces = lappend(e->pieces, piece);
	}
	oms_scan_end(&scan);
}

static bool
was_extended(const Explanation *e)
{
	ListCell   *cell;

	foreach(cell, e->pieces)
		if (((Piece *) lfirst(cell))->extended != NULL)
			return true;
	return false;
}

static const char *
limit_text(int64 limit_us, int days)
{
	if (days >= 0)
		return psprintf("limit %d day%s", days, days == 1 ? "" : "s");
	return limit_us % USECS_PER_MINUTE == 0 ? psprintf("limit " INT64_FORMAT " min", limit_us / USECS_PER_MINUTE)
		: psprintf("limit %.3f min", (double) limit_us / USECS_PER_MINUTE);
}

/*
 * The limit that was judged when the clock started, and by what; NULL: by slaMins or slaDays.
 */
static const char *
origin_of_limit(const Explanation *e)
{
	const OmsStage *stage = e->stage;
	const OmsStageDef *def = stage->no == OMS_NO_STAGE ? NULL : oms_graph_stage(e->ticket->graph, stage->no);

	if (stage->limit_by == OMS_LIMIT_BY_DATE)
		return psprintf("%s by dueAt", was_extended(e) ? "limit" : limit_text(stage->limit_us, OMS_NO_DAYS));
	if (def == NULL || stage->limit_by < 1 || stage->limit_by > def->nrules)
		return NULL;
	return psprintf("%s by rule %d", limit_text((int64) def->rules[stage->limit_by - 1].mins * USECS_PER_MINUTE,
												def->rules[stage->limit_by - 1].days), stage->limit_by);
}

static void
put_pieces(Explanation *e)
{
	ListCell   *cell;

	foreach(cell, e->pieces)
	{
		const Piece *piece = lfirst(cell);

		put_segment(e, piece->from, piece->to, piece->open_us, piece->ran, piece->calendar);
		e->comment = piece->extended == NULL || piece->extended[0] != '\0' ? piece->extended : "extended";
	}
}

/*
 * The piece that goes on until now, or until the end of the cycle.
 */
static void
put_last_segment(Explanation *e, TimestampTz now)
{
	const OmsStage *stage = e->stage;
	TimestampTz to = stage->finished_at != OMS_NEVER ? stage->finished_at : Max(now, e->until);
	bool		ran = stage->paused_at == OMS_NEVER;

	put_segment(e, e->until, to, ran ? oms_calendar_measure(stage->calendar, e->until, to) : 0, ran,
				stage->calendar);
}

/*
 * explain_clock(ticket, stage text) → TABLE(starts, ends, open_time, consumed, reason); stage NULL:
 * the ticket's own clock.
 */
Datum
oms_explain_clock(PG_FUNCTION_ARGS)
{
	Explanation e = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);

	InitMaterializedSRF(fcinfo, 0);
	oms_look_begin();
	e.ticket = oms_store_read(id);
	e.stage = oms_store_stage(e.ticket, PG_ARGISNULL(1) ? OMS_NO_STAGE : oms_arg_stage(fcinfo, 1, e.ticket));
	if (e.stage != NULL && e.stage->limit_us != OMS_NO_LENGTH)
	{
		oms_store_holds(e.ticket);
		e.until = e.stage->queued_at != OMS_NEVER ? e.stage->queued_at : e.stage->awaiting_at;
		load_pieces(&e);
		e.comment = origin_of_limit(&e);
		put_pieces(&e);
		put_last_segment(&e, oms_clock_now());
	}
	oms_look_end();
	return (Datum) 0;
}
