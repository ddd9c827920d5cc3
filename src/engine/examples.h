/*
 * examples.h
 *		The examples of a workflow: what it says of itself, and whether that is so.
 */
#ifndef OMS_EXAMPLES_H
#define OMS_EXAMPLES_H

#include "engine/calendar.h"
#include "engine/json_check.h"
#include "oms.h"

/* For the table of a workflow's keys, after the stages; the target is the OmsGraph. */
extern void oms_definition_examples(OmsJsonCheck *check, JsonbValue *value, const OmsKeyRule *rule, void *target);

/*
 * Run the examples of a good definition; calendar_of gives the current version of a calendar, NULL if there is
 * none.  Returns what differs (OmsProblem *), in their order; NIL: nothing.
 */
extern List *oms_examples_run(const OmsGraph *graph, Jsonb *definition,
							  const OmsCalendar *(*calendar_of) (const char *name));

#endif							/* OMS_EXAMPLES_H */
