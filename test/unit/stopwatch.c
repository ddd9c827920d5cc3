/*
 * stopwatch.c
 *		The clock of a stage: pauses never change how much time it allows, whatever their number and place.
 *
 * with: src/engine/stopwatch.c src/engine/calendar.c
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "engine/event.h"
#include "engine/limit.h"
#include "engine/lookup.h"
#include "engine/stopwatch.h"
#include "unit.h"

#define HOUR	USECS_PER_HOUR

/* ---- what it asks of others ---- */

OmsEvent *
oms_event_add(OmsTicket *ticket, OmsEventKind kind, OmsStage *stage, const char *note)
{
	ticket->seq++;
	return NULL;
}

void
oms_add_alert(OmsTicket *ticket, const OmsStage *stage, const char *kind)
{
}

int
pg_next_dst_boundary(const pg_time_t *timep, long int *before_gmtoff, int *before_isdst, pg_time_t *boundary,
					 long int *after_gmtoff, int *after_isdst, const pg_tz *tz)
{
	*before_gmtoff = *before_isdst = *after_isdst = 0;
	return 0;
}

bool
oms_limit_defined(const OmsGraph *graph, int no)
{
	return true;
}

const char *
oms_limit_judge(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	const OmsStageDef *def = ticket->graph->stages;

	stage->limit_us = def->sla_mins < 0 && def->sla_days < 0 ? OMS_NO_LENGTH : Max(def->sla_mins, 0) * USECS_PER_MINUTE;
	stage->limit_days = def->sla_days;
	return NULL;
}

/* ---- a ticket of one stage ---- */

static OmsTicket *
make_ticket(int mins, int days)
{
	OmsTicket  *ticket = palloc0(sizeof(OmsTicket));
	OmsGraph   *graph = palloc0(sizeof(OmsGraph));

	graph->nstages = 1;
	graph->sla_mins = graph->sla_days = -1;
	graph->stages = palloc0(sizeof(OmsStageDef));
	graph->stages->sla_mins = mins;
	graph->stages->sla_days = days;
	ticket->graph = graph;
	return ticket;
}

static OmsStage *
make_stage(void)
{
	OmsStage   *stage = palloc0(sizeof(OmsStage));

	stage->no = stage->cycle = 1;
	oms_watch_clear(stage);
	return stage;
}

/* What the segments say of the time that ran */
static int64
sum_of_segments(const OmsTicket *ticket)
{
	int64		sum = 0;

	for (OmsSegment *segment = ticket->segments; segment != NULL; segment = segment->next)
		sum += segment->ran ? segment->ended_at - segment->started_at : 0;
	return sum;
}

/* Midnights from one time to another, after a date: what a limit in days consumes */
static int
midnights(TimestampTz from, TimestampTz to, int after)
{
	int			first = Max((int) (from / USECS_PER_DAY), after + 1);

	return Max((int) (to / USECS_PER_DAY) - first, 0);
}

int
main(void)
{
	int			wrong_due = 0;
	int			wrong_consumed = 0;
	int			wrong_standing = 0;
	int			wrong_segments = 0;
	int			wrong_forecast = 0;
	int			wrong_days = 0;
	int			wrong_extended = 0;
	bool		limited;

	for (int round = 0; round < 2000; round++)
	{
		bool		in_days = dice(2) == 0;
		int			limit = 1 + (int) dice(in_days ? 30 : 30 * 24 * 60);
		OmsTicket  *ticket = make_ticket(in_days ? -1 : limit, in_days ? limit : -1);
		OmsStage   *stage = make_stage();
		TimestampTz at = (TimestampTz) dice(1000) * HOUR + 1 + (TimestampTz) dice(HOUR - 1);
		int			start_date = (int) (at / USECS_PER_DAY);
		int64		ran = 0;
		int			days = 0;

		oms_watch_begin(ticket, stage, at);
		oms_watch_start(ticket, stage, at, true);
		for (int pause = (int) dice(8); pause >= 0; pause--)
		{
			TimestampTz since = at;
			int			more = 1 + (int) dice(20);

			/* more time, of the kind that the limit is of: while it runs, or while it stands */
			if (dice(4) == 0)
			{
				wrong_extended += !oms_watch_extend(ticket, stage, in_days ? 0 : more, in_days ? more : 0, at);
				limit += more;
			}
			if (in_days)
				wrong_days += days <= limit - 1 &&
					stage->due_at != (Max(at / USECS_PER_DAY, start_date + 1) + limit - days) * USECS_PER_DAY;
			else
				wrong_due += stage->due_at != at + limit * USECS_PER_MINUTE - ran;
			at += (TimestampTz) dice(3 * 24) * HOUR + 1 + (TimestampTz) dice(HOUR - 1);
			/* exactly at midnight is another matter */
			at += at % USECS_PER_DAY == 0;
			/* who looks after every clock breaches it in time; here a clock that is over its limit is not paused */
			if (at >= stage->due_at)
				break;
			oms_watch_pause(ticket, stage, at);
			ran += at - since;
			days += midnights(since, at, start_date);
			wrong_consumed += stage->consumed_us != ran || (in_days && stage->consumed_days != days);
			wrong_standing += stage->due_at != OMS_NEVER || stage->running_since != OMS_NEVER ||
				stage->paused_at != at || oms_watch_shows(stage, ran + 1) != OMS_NEVER;
			wrong_segments += sum_of_segments(ticket) != ran;
			/* a second pause changes nothing */
			oms_watch_pause(ticket, stage, at + 5);
			wrong_standing += stage->paused_at != at;
			at += (TimestampTz) dice(5 * 24) * HOUR + 1 + (TimestampTz) dice(HOUR - 1);
			at += at % USECS_PER_DAY == 0;
			if (dice(4) == 0)
			{
				wrong_extended += !oms_watch_extend(ticket, stage, in_days ? 0 : more, in_days ? more : 0, at) ||
					stage->running_since != OMS_NEVER || stage->due_at != OMS_NEVER;
				limit += more;
			}
			if (!in_days)
				wrong_forecast += oms_watch_forecast(ticket, 1, stage, at, at, &limited) !=
					at + limit * USECS_PER_MINUTE - ran;
			oms_watch_resume(ticket, stage, at);
		}
	}
	ok(wrong_due == 0, "due when the limit is used up, however often it stood");
	ok(wrong_days == 0, "a limit in days: due with the midnight that completes it");
	ok(wrong_extended == 0, "more time can be given while it runs and while it stands");
	ok(wrong_consumed == 0, "consumed is what ran");
	ok(wrong_standing == 0, "while it stands nothing is due");
	ok(wrong_segments == 0, "the segments tell the same");
	ok(wrong_forecast == 0, "what is foreseen while it stands: as if it went on now");
	printf("# wrong: due %d, days %d, consumed %d, standing %d, segments %d, forecast %d\n", wrong_due, wrong_days,
		   wrong_consumed, wrong_standing, wrong_segments, wrong_forecast);

	{
		OmsTicket  *ticket = make_ticket(PG_INT32_MAX, -1);
		OmsStage   *stage = make_stage();

		oms_watch_begin(ticket, stage, END_TIMESTAMP - HOUR);
		oms_watch_start(ticket, stage, END_TIMESTAMP - HOUR, true);
		ok(oms_watch_is_endless(stage) && ticket->seq == 1, "a limit beyond the end of time is told");
		oms_watch_pause(ticket, stage, END_TIMESTAMP - HOUR + 7);
		ok(stage->consumed_us == 7, "... and runs all the same");
		oms_watch_resume(ticket, stage, END_TIMESTAMP - HOUR + 3);
		ok(stage->running_since == END_TIMESTAMP - HOUR + 7, "resumed before it was paused: the machine's clock was set back");
	}
	{
		OmsTicket  *ticket = make_ticket(-1, -1);
		OmsStage   *stage = make_stage();

		oms_watch_begin(ticket, stage, HOUR);
		oms_watch_start(ticket, stage, HOUR, true);
		ok(stage->running_since == OMS_NEVER && stage->limit_us == OMS_NO_LENGTH, "no limit, no clock");
	}
	return finish();
}
