/*
 * outputs.c
 *		What stages that are done have brought, as JSON for others.
 */
#include "postgres.h"

#include "engine/graph.h"
#include "engine/lookup.h"
#include "engine/outputs.h"
#include "engine/path.h"
#include "engine/ticket.h"

static void
push_output(JsonbParseState **state, const char *id, Jsonb *output)
{
	JsonbValue	key = {.type = jbvString, .val.string = {.val = unconstify(char *, id), .len = strlen(id)}};
	JsonbValue	value;

	pushJsonbValue(state, WJB_KEY, &key);
	if (output == NULL)
	{
		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
		return;
	}
	JsonbToJsonbValue(output, &value);
	if (JB_ROOT_IS_SCALAR(output))
		JsonbExtractScalar(&output->root, &value);
	pushJsonbValue(state, WJB_VALUE, &value);
}

static JsonbValue *
push_outputs(JsonbParseState **state, OmsTicket *ticket, const int *nos, int count)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < count; i++)
	{
		OmsStage   *stage;

		if (!oms_set_has(ticket->finished, nos[i]))
			continue;
		stage = oms_started_stage(ticket, nos[i]);
		if (stage != NULL && stage->status == OMS_STAGE_DONE)
			push_output(state, oms_graph_stage(ticket->graph, nos[i])->id,
						stage->output_seq == 0 ? NULL : ticket->lookup->payload(ticket, stage->output_seq));
	}
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

Jsonb *
oms_outputs_of(OmsTicket *ticket, const int *nos, int count)
{
	JsonbParseState *state = NULL;

	return JsonbValueToJsonb(push_outputs(&state, ticket, nos, count));
}

Jsonb *
oms_outputs_for_conditions(OmsTicket *ticket)
{
	const OmsGraph *graph = ticket->graph;
	JsonbParseState *state = NULL;
	JsonbValue	key = {.type = jbvString, .val.string = {.val = "stages", .len = 6}};

	if (!graph->uses_stages)
		return oms_path_no_outputs();
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &key);
	push_outputs(&state, ticket, graph->refs, graph->nrefs);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
