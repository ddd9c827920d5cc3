/*
 * definition.h
 *		From the JSON of a workflow to a compiled graph, or to the list of everything wrong with it.
 */
#ifndef OMS_DEFINITION_H
#define OMS_DEFINITION_H

#include "nodes/pg_list.h"

#include "oms.h"

typedef struct OmsProblem
{
	const char *path;			/* $.stages[2].slaMins */
	const char *problem;
	const char *hint;			/* NULL: none */
} OmsProblem;

/*
 * Check and compile a definition in the current memory context.  Returns the graph, or NULL with
 * at least one OmsProblem in *problems, in the order of the definition.
 */
extern OmsGraph *oms_definition_compile(Jsonb *definition, List **problems);

#endif							/* OMS_DEFINITION_H */
