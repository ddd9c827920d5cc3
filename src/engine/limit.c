/*
 * limit.c
 *		Which time limit a clock gets: it is judged when the clock starts, by what is known then.
 *
 * A date by which a stage is due becomes a limit like any other: the open time from the start of the clock to that
 * moment.  So holds, warnings, steps and extensions need not know of it.
 */
#include "postgres.h"

#include "engine/calendar.h"
#include "engine/graph.h"
#include "engine/limit.h"
#include "engine/lookup.h"
#include "engine/path.h"
#include "engine/stopwatch.h"

/*
 * May the stage, or the ticket, have a time limit?
 */
bool
oms_limit_defined(const OmsGraph *graph, int no)
{
	const OmsStageDef *def;

	if (no == OMS_NO_STAGE)
		return graph->sla_mins >= 0 || graph->sla_days >= 0;
	def = oms_graph_stage(graph, no);
	return def->sla_mins >= 0 || def->sla_days >= 0 || def->nrules > 0 || def->due_at.path != NULL;
}

static void
set_limit(OmsStage *stage, int mins, int days, int by)
{
	stage->limit_us = mins < 0 && days < 0 ? OMS_NO_LENGTH : (int64) Max(mins, 0) * USECS_PER_MINUTE;
	stage->limit_days = days;
	stage->limit_by = by;
}

/* The first rule that is known to be true; the last one has no condition */
static void
judge_rules(OmsTicket *ticket, const OmsStageDef *def, OmsStage *stage)
{
	int			i = 0;

	while (i < def->nrules - 1 && oms_path_truth(&def->rules[i].when, ticket->data, ticket->outputs) != OMS_TRUE)
		i++;
	set_limit(stage, def->rules[i].mins, def->rules[i].days, i + 1);
}

/* When the limit so far ends, if it is in days */
static TimestampTz
end_of_days(const OmsStage *stage, TimestampTz at)
{
	return oms_calendar_nth_open_date_end(stage->calendar, oms_calendar_date(stage->calendar, at), stage->limit_days);
}

/*
 * The earlier of the limit so far and of a moment.
 */
static const char *
judge_date(OmsTicket *ticket, const OmsStageDef *def, OmsStage *stage, TimestampTz at)
{
	const char *problem;
	TimestampTz due = oms_path_moment(&def->due_at, ticket->data, ticket->outputs, stage->calendar, OMS_MOMENT_DUE, &problem);
	TimestampTz days_end;
	int64		open;

	if (problem != NULL)
	{
		set_limit(stage, -1, -1, OMS_LIMIT_FIXED);
		return psprintf("dueAt %s", problem);
	}
	if (due == OMS_NEVER)
		return NULL;
	open = due == DT_NOEND ? OMS_BEYOND_ALL_CLOCKS : oms_calendar_measure(stage->calendar, at, due);
	if (stage->limit_days != OMS_NO_DAYS)
	{
		days_end = end_of_days(stage, at);
		if (days_end != OMS_NEVER && due >= days_end)
			return NULL;
	}
	else if (stage->limit_us != OMS_NO_LENGTH && open >= stage->limit_us)
		return NULL;
	stage->limit_us = open;
	stage->limit_days = OMS_NO_DAYS;
	stage->limit_by = OMS_LIMIT_BY_DATE;
	return NULL;
}

/*
 * Set the limit of a clock that starts then and has its calendar; limit_us is OMS_NO_LENGTH if there is none.  Returns
 * why it cannot be told, since dueAt gives no date; else NULL.
 */
const char *
oms_limit_judge(OmsTicket *ticket, OmsStage *stage, TimestampTz at)
{
	const OmsGraph *graph = ticket->graph;
	const OmsStageDef *def;

	if (stage->no == OMS_NO_STAGE)
	{
		set_limit(stage, graph->sla_mins, graph->sla_days, OMS_LIMIT_FIXED);
		return NULL;
	}
	def = oms_graph_stage(graph, stage->no);
	set_limit(stage, def->sla_mins, def->sla_days, OMS_LIMIT_FIXED);
	if ((def->nrules > 0 || def->due_at.path != NULL) && ticket->outputs == NULL)
		ticket->lookup->conditions(ticket);
	if (def->nrules > 0)
		judge_rules(ticket, def, stage);
	return def->due_at.path == NULL ? NULL : judge_date(ticket, def, stage, at);
}
