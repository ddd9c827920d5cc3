/*
 * cycles.c
 *		Stages that depend on each other in a circle.
 *
 * Pure, and linear in the number of dependencies.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "engine/definition.h"
#include "engine/graph.h"

#define MAX_CYCLE_IDS		20		/* ids that are printed of a cycle */

/* A walk along dependsOn: the stages from where it began to where it is */
typedef struct Walk
{
	int		   *trail;
	int			length;
	int		   *place;			/* [no - 1]: 1 + place on the trail, 0: not on it */
	int		   *next;			/* [no - 1]: the dependency to follow next */
	bool	   *over;			/* [no - 1]: nothing left to find */
} Walk;

static void
walk_on(Walk *walk, int no)
{
	walk->trail[walk->length++] = no;
	walk->place[no - 1] = walk->length;
}

static void
walk_back(Walk *walk, int length)
{
	while (walk->length > length)
	{
		int			no = walk->trail[--walk->length];

		walk->place[no - 1] = 0;
		walk->over[no - 1] = true;
	}
}

/*
 * Report a cycle of n stages, beginning with the one that stands first in the definition.
 */
static void
report_cycle(OmsJsonCheck *check, const OmsGraph *graph, const int *cycle, int n)
{
	StringInfoData text;
	int			start = 0;
	int			mark = check->path.len;

	for (int i = 1; i < n; i++)
	{
		if (cycle[i] < cycle[start])
			start = i;
	}
	initStringInfo(&text);
	for (int i = 0; i < n; i++)
	{
		if (n > MAX_CYCLE_IDS && i == MAX_CYCLE_IDS / 2)
		{
			appendStringInfoString(&text, "... -> ");
			i = n - MAX_CYCLE_IDS / 2;
		}
		appendStringInfo(&text, "%s -> ",
						 oms_graph_stage(graph, cycle[(start + i) % n])->id);
	}
	appendStringInfoString(&text, oms_graph_stage(graph, cycle[start])->id);
	check->part = cycle[start] - 1;
	oms_json_enter_element(check, check->part);
	oms_json_enter_key(check, "dependsOn", strlen("dependsOn"));
	oms_json_problem(check, "Read a -> b as: a depends on b.", "dependency cycle: %s", text.data);
	oms_json_leave(check, mark);
	check->part = OMS_BEFORE_STAGES;
}

/*
 * Walk from a stage until nothing is left.  When the walk meets its own trail, that is a cycle; its
 * stages are then taken out, so cycles that share a stage are reported as one.
 */
static void
walk_from(OmsJsonCheck *check, const OmsGraph *graph, Walk *walk, int no)
{
	walk_on(walk, no);
	while (walk->length > 0)
	{
		int			here = walk->trail[walk->length - 1];
		OmsStageDef *stage = oms_graph_stage(graph, here);
		int			dep;

		CHECK_FOR_INTERRUPTS();
		if (walk->next[here - 1] >= stage->ndeps)
		{
			walk_back(walk, walk->length - 1);
			continue;
		}
		dep = stage->deps[walk->next[here - 1]++];
		if (walk->over[dep - 1])
			continue;
		if (walk->place[dep - 1] == 0)
			walk_on(walk, dep);
		else
		{
			int			start = walk->place[dep - 1] - 1;

			report_cycle(check, graph, walk->trail + start, walk->length - start);
			walk_back(walk, start);
		}
	}
}

/*
 * Find cycles among the good dependencies: each stage and each dependency is passed once.
 */
void
oms_report_cycles(OmsJsonCheck *check, const OmsGraph *graph)
{
	int			n = graph->nstages;
	Walk		walk;

	walk.trail = (int *) palloc(sizeof(int) * n);
	walk.place = (int *) palloc0(sizeof(int) * n);
	walk.next = (int *) palloc0(sizeof(int) * n);
	walk.over = (bool *) palloc0(sizeof(bool) * n);
	walk.length = 0;
	for (int no = 1; no <= n; no++)
	{
		if (!walk.over[no - 1])
			walk_from(check, graph, &walk, no);
	}
	pfree(walk.trail);
	pfree(walk.place);
	pfree(walk.next);
	pfree(walk.over);
}
