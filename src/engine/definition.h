/*
 * definition.h
 *		From the JSON of a workflow to a compiled graph, or to the list of everything wrong with it.
 */
#ifndef OMS_DEFINITION_H
#define OMS_DEFINITION_H

#include "nodes/pg_list.h"

#include "engine/json_check.h"
#include "oms.h"

/*
 * Check and compile a definition in the current memory context.  Returns the graph, or NULL with
 * at least one OmsProblem in *problems, in the order of the definition.
 */
extern OmsGraph *oms_definition_compile(Jsonb *definition, List **problems);

/* Problems of the workflow itself come before those of its first stage, which is part 0 */
#define OMS_BEFORE_STAGES	(-1)

#define OMS_SUBJECT_SIZE	(OMS_MAX_NAME + 16)

/* What the checks of a workflow know beside the value they look at */
typedef struct OmsDefinitionCheck
{
	OmsGraph   *graph;
	char		subject[OMS_SUBJECT_SIZE];	/* the stage, as messages name it */
	int		   *first;			/* [no - 1]: the first stage with the same id */
	int		   *seen;			/* [no - 1]: the last stage that was seen to depend on it */
	int			nentries;		/* of this stage's dependsOn, good or not; -1: cannot be told */

	int			hints_left;
	int64		hint_budget;
} OmsDefinitionCheck;

static inline OmsDefinitionCheck *
oms_definition_of(const OmsJsonCheck *check)
{
	return (OmsDefinitionCheck *) check->context;
}

/* ---- cycles.c ---- */

/*
 * Report the stages that depend on each other in a circle, each with the stage that stands first.
 */
extern void oms_report_cycles(OmsJsonCheck *check, const OmsGraph *graph);

/* ---- definition_limits.c: checks for the table of a stage's keys; the target is an OmsStageDef ---- */

extern void oms_definition_retry(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);
extern void oms_definition_warn_at(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);
extern void oms_definition_escalation(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);

/* ---- definition_references.c: likewise; of the jsonpaths the target has an OmsPath ---- */

extern void oms_definition_depends_on(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);
extern void oms_definition_join(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);
extern void oms_definition_not_same_as(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);
extern void oms_definition_condition(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);
extern void oms_definition_value_path(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);

#endif							/* OMS_DEFINITION_H */
