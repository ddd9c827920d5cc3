/*
 * line.c
 *		Going through live work in its order without walking over what is dead.
 *
 * A scan begins at the mark that shared/low_water.c keeps, and whoever had to walk far to the first entry raises it.  The
 * head of that file says why no entry is passed over.
 *
 * A queue is read priority by priority.  Those that have a mark are known; whether there are others in between is
 * seen by a look at the index, which reads one page.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_collation.h"
#include "executor/instrument.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "store/identity.h"
#include "store/line.h"
#include "store/slot.h"
#include "store/tables.h"

/* The mark is raised if the way from it to the first entry led over more pages than so many */
#define MAX_WALK	24

/* Columns of the index of the queues, from 1 */
#define QUEUE_PRIORITY	2
#define QUEUE_READY_AT	3

extern Datum oms_ticket_id_cmp(PG_FUNCTION_ARGS);

static bool
is_queue(const OmsLine *line)
{
	return line->owner[0] != '\0';
}

static const char *
index_of(const OmsLine *line)
{
	return is_queue(line) ? "stage_state_queue" : "stage_state_timer";
}

/*
 * Set the keys for the entries of the priority at hand, from a place on.
 */
static void
set_keys(OmsScan *scan, const OmsLine *line, const OmsPlace *from)
{
	static const PGFunction compare[] = {timestamp_cmp, oms_ticket_id_cmp, btint2cmp};
	Datum		values[] = {TimestampTzGetDatum(from->at), TicketIdGetDatum(from->ticket), Int16GetDatum(from->stage)};

	scan->nkeys = 0;
	if (is_queue(line))
	{
		oms_scan_key(scan, texteq, C_COLLATION_OID, CStringGetTextDatum(line->owner));
		oms_scan_key(scan, int4eq, InvalidOid, Int32GetDatum(line->priority));
		oms_scan_key_row_from(scan, QUEUE_READY_AT, compare, values, lengthof(values));
	}
	else
		oms_scan_key_from(scan, 1, timestamp_ge, values[0]);
}

static OmsPlace
place_of(const OmsLine *line, const TupleTableSlot *slot)
{
	OmsPlace	place = {DatumGetTimestampTz(slot->tts_values[STAGE_TIMER_AT]), 0, 0};

	if (is_queue(line))
	{
		place.at = DatumGetTimestampTz(slot->tts_values[STAGE_READY_AT]);
		place.ticket = DatumGetTicketId(slot->tts_values[STAGE_TICKET_ID]);
		place.stage = DatumGetInt16(slot->tts_values[STAGE_NO]);
	}
	return place;
}

/*
 * The snapshot is that of the scan, and the marks are read after it.
 */
static void
begin(OmsLine *line, LOCKMODE lockmode)
{
	oms_scan_begin(&line->scan, "stage_state", index_of(line), STAGE_COLUMNS, lockmode);
	line->file = line->scan.index->rd_rel->relfilenode;
	oms_low_water_read(line->owner, line->file, &line->marks);
}

/*
 * Begin with the queue of an owner under the active snapshot; oms_line_next_priority() comes next.
 */
void
oms_line_begin_queue(OmsLine *line, const char *owner, LOCKMODE lockmode)
{
	OmsPlace	first = OMS_FIRST_PLACE;

	line->owner = owner;
	line->priority = 0;
	line->bound = PG_INT32_MAX;
	set_keys(&line->scan, line, &first);
	begin(line, lockmode);
}

/*
 * Begin with the timers at this time or later.
 */
void
oms_line_begin_timers(OmsLine *line, TimestampTz from, LOCKMODE lockmode)
{
	OmsPlace	place = {from, 0, 0};

	line->owner = OMS_TIMERS;
	line->priority = 0;
	line->first = true;
	set_keys(&line->scan, line, &place);
	begin(line, lockmode);
	if (line->marks.count == 0 || line->marks.lines[0].from.at <= from)
		return;
	set_keys(&line->scan, line, &line->marks.lines[0].from);
	oms_scan_again(&line->scan);
}

/*
 * Is there an entry, dead or alive, of a priority that is still to come and above "low"?
 */
static bool
look_above(OmsLine *line, int64 low, int *priority)
{
	Datum		value;

	if (line->bound <= low)
		return false;
	line->scan.nkeys = 0;
	oms_scan_key(&line->scan, texteq, C_COLLATION_OID, CStringGetTextDatum(line->owner));
	oms_scan_key_from(&line->scan, QUEUE_PRIORITY, int4ge, Int32GetDatum((int32) (low + 1)));
	oms_scan_key_upto(&line->scan, QUEUE_PRIORITY, int4le, Int32GetDatum((int32) line->bound));
	if (!oms_scan_peek(&line->scan, QUEUE_PRIORITY, &value))
		return false;
	*priority = DatumGetInt32(value);
	return true;
}

/*
 * Go on with the entries of the next lower priority; false if there is none.
 */
bool
oms_line_next_priority(OmsLine *line)
{
	OmsPlace	from;

	do
	{
		const OmsMark *mark = line->marks.lines;
		const OmsMark *end = mark + line->marks.count;

		while (mark < end && mark->priority > line->bound)
			mark++;
		if (look_above(line, mark < end ? mark->priority : (int64) PG_INT32_MIN - 1, &line->priority))
		{
			oms_low_water_add(line->owner, line->file, line->priority);
			from = OMS_FIRST_PLACE;
		}
		else if (mark < end)
		{
			line->priority = mark->priority;
			from = mark->from;
		}
		else
			return false;
		line->bound = (int64) line->priority - 1;
	} while (from.at == DT_NOEND);
	set_keys(&line->scan, line, &from);
	oms_scan_again(&line->scan);
	line->first = true;
	return true;
}

/*
 * Raise the mark to the first entry that is not dead to every new snapshot.
 */
static void
raise_mark(const OmsLine *line)
{
	OmsScan		scan;
	OmsPlace	place;

	if (RecoveryInProgress() || !oms_store_at_home() ||
		!oms_low_water_begin(line->owner, line->file, line->priority, &place))
		return;
	set_keys(&scan, line, &place);
	oms_scan_begin_dirty(&scan, "stage_state", index_of(line), STAGE_COLUMNS, AccessShareLock);
	place = oms_scan_next_not_dead(&scan) ? place_of(line, scan.slot) : OMS_NO_PLACE;
	oms_scan_end(&scan);
	oms_low_water_end(line->owner, line->priority, place);
}

static int64
pages_read(void)
{
	return pgBufferUsage.shared_blks_hit + pgBufferUsage.shared_blks_read;
}

/*
 * The next entry of the priority at hand, or the next timer; false at the end.
 */
bool
oms_line_next(OmsLine *line)
{
	int64		before = pages_read();
	bool		found = oms_scan_next(&line->scan);

	if (line->first && pages_read() - before > MAX_WALK)
		raise_mark(line);
	line->first = false;
	return found;
}

void
oms_line_end(OmsLine *line)
{
	oms_scan_end(&line->scan);
}

/*
 * The row of a stage was written, and is in the indexes: from where can they be read now?  To be called before the
 * transaction commits.
 */
void
oms_line_put(OmsTicketId ticket, const OmsStage *stage)
{
	if (stage->status == OMS_QUEUED)
		oms_low_water_put(stage->owner, stage->priority, (OmsPlace) {stage->ready_at, ticket, stage->no});
	if (stage->timer_at != OMS_NEVER)
		oms_low_water_put(OMS_TIMERS, 0, (OmsPlace) {stage->timer_at, 0, 0});
}
