/*
 * graph.h
 *		Looking things up in a compiled workflow, and sets of stages.
 */
#ifndef OMS_GRAPH_H
#define OMS_GRAPH_H

#include "oms.h"

/* A set of stage numbers as bytes, bit (no - 1) % 8 of byte (no - 1) / 8: the form it is stored in */
typedef struct OmsStageSet
{
	int			nbytes;
	uint8	   *bytes;
} OmsStageSet;

extern void oms_graph_index(OmsGraph *graph);
extern void oms_graph_masks(OmsGraph *graph);
extern int	oms_graph_find(const OmsGraph *graph, const char *id, int len);

extern void oms_set_init(OmsStageSet *set, const OmsGraph *graph);

static inline bool
oms_set_has(const OmsStageSet *set, int no)
{
	return (set->bytes[(no - 1) >> 3] >> ((no - 1) & 7)) & 1;
}

static inline void
oms_set_add(OmsStageSet *set, int no)
{
	set->bytes[(no - 1) >> 3] |= 1 << ((no - 1) & 7);
}

static inline void
oms_set_remove(OmsStageSet *set, int no)
{
	set->bytes[(no - 1) >> 3] &= ~(1 << ((no - 1) & 7));
}

/* ---- compile.c ---- */

extern void oms_graph_complete(OmsGraph *graph);

/* ---- graph.c ---- */

extern bool oms_graph_met(const OmsStageDef *stage, const OmsStageSet *finished);

#endif							/* OMS_GRAPH_H */
