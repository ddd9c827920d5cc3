/*
 * graph.c
 *		Looking things up in a compiled workflow.
 *
 * Pure: nothing here reads a table, a clock or a setting.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "engine/graph.h"

/*
 * Compare two stage numbers by the ids of their stages.
 */
static int
compare_by_id(const void *a, const void *b, void *graph)
{
	return strcmp(oms_graph_stage((OmsGraph *) graph, *(const int *) a)->id,
				  oms_graph_stage((OmsGraph *) graph, *(const int *) b)->id);
}

/*
 * Fill by_id, so that oms_graph_find works.  The ids must be set.
 */
void
oms_graph_index(OmsGraph *graph)
{
	graph->by_id = (int *) palloc(sizeof(int) * Max(graph->nstages, 1));
	for (int i = 0; i < graph->nstages; i++)
		graph->by_id[i] = i + 1;
	qsort_arg(graph->by_id, graph->nstages, sizeof(int), compare_by_id, graph);
}

/*
 * The number of the stage with this id, or 0.
 */
int
oms_graph_find(const OmsGraph *graph, const char *id, int len)
{
	int			low = 0;
	int			high = graph->nstages - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;
		int			no = graph->by_id[middle];
		const char *other = oms_graph_stage(graph, no)->id;
		int			cmp = strncmp(id, other, len);

		if (cmp == 0 && other[len] != '\0')
			cmp = -1;
		if (cmp == 0)
			return no;
		if (cmp < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return 0;
}

/*
 * An empty set that can hold every stage of the graph.
 */
void
oms_set_init(OmsStageSet *set, const OmsGraph *graph)
{
	set->nbytes = (graph->nstages + 7) / 8;
	set->bytes = palloc0(set->nbytes);
}

/* From so many dependencies on a stage has them as a set as well */
#define MANY_DEPS	32

/*
 * Fill the dep_masks.  The dependencies must be set.
 */
void
oms_graph_masks(OmsGraph *graph)
{
	for (int no = 1; no <= graph->nstages; no++)
	{
		OmsStageDef *stage = oms_graph_stage(graph, no);
		OmsStageSet mask;

		if (stage->ndeps < MANY_DEPS)
			continue;
		oms_set_init(&mask, graph);
		for (int i = 0; i < stage->ndeps; i++)
			oms_set_add(&mask, stage->deps[i]);
		stage->dep_mask = mask.bytes;
	}
}

/*
 * How many stages of a mask are in a set of the same graph.
 */
static int
count_common(const uint8 *mask, const OmsStageSet *set)
{
	int			count = 0;
	int			i = 0;

	for (; i + 8 <= set->nbytes; i += 8)
	{
		uint64		a;
		uint64		b;

		memcpy(&a, mask + i, 8);
		memcpy(&b, set->bytes + i, 8);
		count += pg_popcount64(a & b);
	}
	for (; i < set->nbytes; i++)
		count += pg_number_of_ones[mask[i] & set->bytes[i]];
	return count;
}

/*
 * Are the dependencies of a stage met?  An all-join stops at the first one that is open.
 */
bool
oms_graph_met(const OmsStageDef *stage, const OmsStageSet *finished)
{
	int			count = 0;

	if (stage->need == 0)
		return true;
	if (stage->dep_mask != NULL)
		return count_common(stage->dep_mask, finished) >= stage->need;
	for (int i = 0; i < stage->ndeps; i++)
	{
		if (oms_set_has(finished, stage->deps[i]))
		{
			if (++count >= stage->need)
				return true;
		}
		else if (stage->need - count > stage->ndeps - i - 1)
			return false;
	}
	return false;
}
