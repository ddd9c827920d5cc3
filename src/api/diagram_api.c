/*
 * diagram_api.c
 *		diagram, draw_workflow: a workflow or a ticket as a picture.
 *
 * An untyped literal chooses the form with text, whatever stands in it; so that one draws a ticket, too.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "api/args.h"
#include "engine/definition.h"
#include "engine/diagram.h"
#include "errors.h"

PG_FUNCTION_INFO_V1(oms_diagram_of_workflow);
PG_FUNCTION_INFO_V1(oms_diagram_of_ticket);
PG_FUNCTION_INFO_V1(oms_draw_workflow);

static OmsDiagramFormat
arg_format(FunctionCallInfo fcinfo, int n)
{
	text	   *arg;
	char	   *word;

	oms_arg_required(fcinfo, n, "format");
	arg = PG_GETARG_TEXT_PP(n);
	word = text_to_cstring(arg);
	if (strcmp(word, "mermaid") == 0)
		return OMS_MERMAID;
	if (strcmp(word, "dot") == 0)
		return OMS_DOT;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown format \"%s\"", oms_clipped(arg)),
			 errhint("Formats are mermaid and dot.")));
}

static text *
draw_stored(Jsonb *definition, OmsDiagramFormat format)
{
	List	   *problems = NIL;
	OmsGraph   *graph = oms_definition_compile(definition, &problems);

	if (graph == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored definition of a workflow is invalid: %s",
						((OmsProblem *) linitial(problems))->problem)));
	return oms_diagram_draw(graph, NULL, format);
}

static text *
draw_ticket(OmsTicketId id, OmsDiagramFormat format)
{
	OmsTicket  *ticket;
	text	   *result;

	oms_look_begin();
	ticket = oms_store_read(id);
	oms_store_stages(ticket);
	result = oms_diagram_draw(ticket->graph, ticket, format);
	oms_look_end();
	return result;
}

/*
 * diagram(workflow text, version int, format text) → text; version NULL: the current one, and a text
 * that names no workflow may be a ticket number.
 */
Datum
oms_diagram_of_workflow(PG_FUNCTION_ARGS)
{
	bool		current = PG_ARGISNULL(1);
	int			version = current ? 0 : PG_GETARG_INT32(1);
	OmsDiagramFormat format = arg_format(fcinfo, 2);
	char	   *name;
	Jsonb	   *definition;
	OmsTicketId id;

	oms_arg_required(fcinfo, 0, "workflow");
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	definition = oms_store_definition(name, current ? NULL : &version);
	if (definition != NULL)
		PG_RETURN_TEXT_P(draw_stored(definition, format));
	if (current && oms_ticket_id_parse(name, strlen(name), &id))
		PG_RETURN_TEXT_P(draw_ticket(id, format));
	ereport(ERROR,
			(errcode(OMS_ERR_UNKNOWN_WORKFLOW),
			 current ? errmsg("unknown workflow: \"%s\"", name)
			 : errmsg("unknown workflow: \"%s\" version %d", name, version)));
}

/*
 * diagram(ticket, format text) → text
 */
Datum
oms_diagram_of_ticket(PG_FUNCTION_ARGS)
{
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);

	PG_RETURN_TEXT_P(draw_ticket(id, arg_format(fcinfo, 1)));
}

/*
 * draw_workflow(definition jsonb, format text) → text, of a definition that need not be created yet.
 */
Datum
oms_draw_workflow(PG_FUNCTION_ARGS)
{
	OmsDiagramFormat format;

	oms_arg_required(fcinfo, 0, "definition");
	format = arg_format(fcinfo, 1);
	PG_RETURN_TEXT_P(oms_diagram_draw(oms_compile_or_error(PG_GETARG_JSONB_P(0)), NULL, format));
}
