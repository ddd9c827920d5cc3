/*
 * join.c
 *		When the dependencies of a stage are met: all, any, or some number of them.
 *
 * with: src/engine/graph.c
 */
#include "postgres.h"

#include "engine/graph.h"
#include "unit.h"

/* A graph of which the last stage depends on all others and needs so many of them */
static OmsGraph *
make_join(int ndeps, int need)
{
	OmsGraph   *graph = palloc0(sizeof(OmsGraph));
	OmsStageDef *last;

	graph->nstages = ndeps + 1;
	graph->stages = palloc0(sizeof(OmsStageDef) * graph->nstages);
	last = oms_graph_stage(graph, graph->nstages);
	last->ndeps = ndeps;
	last->need = need;
	last->deps = palloc0(sizeof(int) * Max(ndeps, 1));
	for (int i = 0; i < ndeps; i++)
		last->deps[i] = i + 1;
	oms_graph_masks(graph);
	return graph;
}

/* Every set of finished stages, while they are few */
static int
wrong_of_few(int ndeps, int need)
{
	OmsGraph   *graph = make_join(ndeps, need);
	OmsStageSet finished;
	int			wrong = 0;

	oms_set_init(&finished, graph);
	for (unsigned done = 0; done < 1U << ndeps; done++)
	{
		int			count = 0;

		for (int no = 1; no <= ndeps; no++)
			if (done >> (no - 1) & 1)
			{
				oms_set_add(&finished, no);
				count++;
			}
			else
				oms_set_remove(&finished, no);
		wrong += oms_graph_met(oms_graph_stage(graph, ndeps + 1), &finished) != (count >= need);
	}
	return wrong;
}

/* Stages that finish one by one, in any order: met with the one that makes the number full, and from then on */
static int
wrong_of_many(int ndeps, int need)
{
	OmsGraph   *graph = make_join(ndeps, need);
	OmsStageSet finished;
	int		   *order = palloc(sizeof(int) * ndeps);
	int			wrong = 0;

	oms_set_init(&finished, graph);
	for (int i = 0; i < ndeps; i++)
	{
		int			other = (int) dice(i + 1);

		order[i] = order[other];
		order[other] = i + 1;
	}
	/* the stage itself counts for nobody */
	oms_set_add(&finished, ndeps + 1);
	for (int i = 0; i < ndeps; i++)
	{
		oms_set_add(&finished, order[i]);
		wrong += oms_graph_met(oms_graph_stage(graph, ndeps + 1), &finished) != (i + 1 >= need);
	}
	return wrong;
}

int
main(void)
{
	int			wrong = 0;

	for (int ndeps = 0; ndeps <= 10; ndeps++)
		for (int need = 0; need <= ndeps; need++)
			wrong += wrong_of_few(ndeps, need);
	ok(wrong == 0, "few dependencies: met by as many as the join needs, whichever they are");

	wrong = 0;
	for (int round = 0; round < 300; round++)
	{
		int			ndeps = 1 + (int) dice(round < 250 ? 200 : OMS_MAX_STAGES - 1);

		wrong += wrong_of_many(ndeps, 1 + (int) dice(ndeps)) + wrong_of_many(ndeps, ndeps) + wrong_of_many(ndeps, 1);
	}
	ok(wrong == 0, "many dependencies: met from the one on that makes the number full");
	return finish();
}
