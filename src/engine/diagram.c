/*
 * diagram.c
 *		A workflow, or a ticket on its way through one, as a picture for Mermaid or Graphviz.
 *
 * Ids, labels, owners and conditions are what somebody wrote into a definition, and the picture is read
 * by a parser and then shown in a browser.  So nodes are named n1, n2 ... by stage number, and what
 * somebody wrote stands only inside the quoted label of a node: that is put together as plain lines,
 * and then escaped as a whole.
 *
 * Pure: nothing here reads a table, a clock or a setting.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "engine/diagram.h"
#include "engine/event.h"
#include "engine/lifecycle.h"
#include "engine/ticket.h"

/* Bytes of a condition that are shown */
#define MAX_CONDITION	200

/* Colours of the states.  They only repeat what the word in the label says. */
static const struct
{
	char		status;
	const char *fill;
	const char *line;
}			colours[] =
{
	{OMS_WAITING, "#f9fafb", "#6b7280"},
	{OMS_AWAITING, "#cffafe", "#0e7490"},
	{OMS_QUEUED, "#dbeafe", "#1d4ed8"},
	{OMS_IN_PROGRESS, "#fef3c7", "#b45309"},
	{OMS_STAGE_HELD, "#ede9fe", "#6d28d9"},
	{OMS_STAGE_DONE, "#dcfce7", "#15803d"},
	{OMS_SKIPPED, "#e5e7eb", "#4b5563"},
	{OMS_STAGE_FAILED, "#fee2e2", "#b91c1c"},
	{OMS_STAGE_CANCELLED, "#d1d5db", "#374151"}
};

#define TEXT_COLOUR		"#111827"

typedef struct Diagram
{
	const OmsGraph *graph;
	const OmsTicket *ticket;	/* NULL: the workflow alone */
	OmsDiagramFormat format;
	bool		used[lengthof(colours)];	/* states that some stage is in */
	StringInfoData label;		/* of the node that is being drawn, not escaped yet */
	StringInfoData out;
} Diagram;

/* ---- the state of a stage ---- */

/*
 * As the view oms.stage has it: without a row a stage is waiting, or ended with its ticket.
 */
static char
stage_status(const OmsTicket *ticket, const OmsStage *stage)
{
	if (stage != NULL)
		return stage->status;
	return ticket->status == OMS_TICKET_CANCELLED ? OMS_STAGE_CANCELLED : OMS_WAITING;
}

static int
colour_of(char status)
{
	for (int i = 0; i < (int) lengthof(colours); i++)
		if (colours[i].status == status)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("invalid stage status \"%c\"", status)));
}

/* ---- the label of a node ---- */

/*
 * Add what somebody wrote.  Lines of the label are ours, so no control character comes through.
 */
static void
add_words(Diagram *diagram, const char *words, int len)
{
	for (int i = 0; i < len; i++)
	{
		unsigned char c = words[i];

		appendStringInfoChar(&diagram->label, c < 0x20 || c == 0x7f ? ' ' : c);
	}
}

static void
add_name(Diagram *diagram, const OmsStageDef *def)
{
	if (def->label != NULL && strcmp(def->label, def->id) != 0)
	{
		add_words(diagram, def->label, strlen(def->label));
		appendStringInfoString(&diagram->label, " (");
		add_words(diagram, def->id, strlen(def->id));
		appendStringInfoChar(&diagram->label, ')');
	}
	else
		add_words(diagram, def->id, strlen(def->id));
}

/*
 * How many dependencies have to be finished, if not all.
 */
static void
add_join(Diagram *diagram, const OmsStageDef *def)
{
	if (def->need == def->ndeps)
		return;
	if (def->need == 1)
		appendStringInfo(&diagram->label, "\nany of %d", def->ndeps);
	else
		appendStringInfo(&diagram->label, "\n%d of %d", def->need, def->ndeps);
}

static void
add_min_amount(Diagram *diagram, Numeric min_amount)
{
	char	   *number = DatumGetCString(DirectFunctionCall1(numeric_out,
															 NumericGetDatum(min_amount)));

	appendStringInfo(&diagram->label, "\nif amount >= %s", number);
	pfree(number);
}

/*
 * The jsonpath as the server writes it, without the word "strict" that all of them begin with.
 */
static void
add_when(Diagram *diagram, JsonPath *when)
{
	char	   *path = DatumGetCString(DirectFunctionCall1(jsonpath_out, PointerGetDatum(when)));
	const char *start = strncmp(path, "strict ", 7) == 0 ? path + 7 : path;
	int			len = strlen(start);
	int			shown = pg_mbcliplen(start, len, MAX_CONDITION);

	appendStringInfoString(&diagram->label, "\nif ");
	add_words(diagram, start, shown);
	if (shown < len)
		appendStringInfoString(&diagram->label, " ...");
	pfree(path);
}

/*
 * When it is due, to the second, in UTC whatever the settings of the session.
 */
static void
add_due(Diagram *diagram, TimestampTz due_at)
{
	char	   *due;

	if (TIMESTAMP_NOT_FINITE(due_at))
		return;
	due = oms_time_text(due_at - ((due_at % USECS_PER_SEC) + USECS_PER_SEC) % USECS_PER_SEC);
	appendStringInfo(&diagram->label, ", due %s", due);
	pfree(due);
}

static void
add_state(Diagram *diagram, const OmsStage *stage, char status)
{
	appendStringInfo(&diagram->label, "\n%s", oms_stage_status_name(status));
	if (stage == NULL)
		return;
	if (stage->cycle > 1)
		appendStringInfo(&diagram->label, ", cycle %d", stage->cycle);
	add_due(diagram, stage->due_at);
}

/*
 * What stands in the node of a stage: its name, who is responsible, what it asks for, how it is.
 */
static void
make_label(Diagram *diagram, const OmsStageDef *def, const OmsStage *stage)
{
	const char *owner = stage != NULL ? stage->owner : def->owner;

	resetStringInfo(&diagram->label);
	add_name(diagram, def);
	appendStringInfoChar(&diagram->label, '\n');
	add_words(diagram, owner, strlen(owner));
	add_join(diagram, def);
	if (def->min_amount != NULL)
		add_min_amount(diagram, def->min_amount);
	if (def->when.path != NULL)
		add_when(diagram, def->when.path);
	if (def->manual)
		appendStringInfoString(&diagram->label, "\nmanual");
	if (def->delay_mins > 0)
		appendStringInfo(&diagram->label, "\nafter %d min", def->delay_mins);
	if (def->start_at.path != NULL)
		appendStringInfoString(&diagram->label, "\nnot before a date");
	if (def->message != NULL)
	{
		appendStringInfoString(&diagram->label, "\nmessage ");
		add_words(diagram, def->message, strlen(def->message));
	}
	if (diagram->ticket != NULL)
		add_state(diagram, stage, stage_status(diagram->ticket, stage));
}

/* ---- Mermaid ---- */

static bool
is_word(unsigned char c)
{
	return IS_HIGHBIT_SET(c) || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		(c >= 'A' && c <= 'Z');
}

/*
 * Can the character at i stand in a Mermaid label as it is?  A quote ends the label; brackets, backticks,
 * stars, dollars, colons, percent signs and others mean something at one place or another in Mermaid, in
 * the Markdown that it reads in labels, or in HTML.  So only those that never do are left alone, and the
 * three that names are full of only within a word.
 */
static bool
is_plain(const char *text, int i)
{
	if (is_word(text[i]) || strchr(" ,", text[i]) != NULL)
		return true;
	return strchr("_-.", text[i]) != NULL && i > 0 && is_word(text[i - 1]) && is_word(text[i + 1]);
}

/*
 * Other characters are written as #34; which Mermaid turns into what it stands for when it has read the
 * whole.
 */
static void
mermaid_label(StringInfo out, const StringInfoData *label)
{
	for (int i = 0; i < label->len; i++)
	{
		if (label->data[i] == '\n')
			appendStringInfoString(out, "<br/>");
		else if (is_plain(label->data, i))
			appendStringInfoChar(out, label->data[i]);
		else
			appendStringInfo(out, "#%d;", (unsigned char) label->data[i]);
	}
}

static void
mermaid_node(Diagram *diagram, int no, int colour)
{
	StringInfo	out = &diagram->out;

	appendStringInfo(out, "\n  n%d[\"", no);
	mermaid_label(out, &diagram->label);
	appendStringInfoString(out, "\"]");
	if (colour >= 0)
		appendStringInfo(out, ":::%s", oms_stage_status_name(colours[colour].status));
}

/*
 * The looks of the nodes.  No line ends with a semicolon, since Mermaid would take the one of a #34;
 * away with it.
 */
static void
mermaid_classes(Diagram *diagram)
{
	const OmsGraph *graph = diagram->graph;
	StringInfo	out = &diagram->out;
	bool		manual = false;

	for (int i = 0; i < (int) lengthof(colours); i++)
		if (diagram->used[i])
			appendStringInfo(out, "\n  classDef %s fill:%s,stroke:%s,color:%s",
							 oms_stage_status_name(colours[i].status), colours[i].fill,
							 colours[i].line, TEXT_COLOUR);
	for (int no = 1; no <= graph->nstages; no++)
	{
		if (!oms_graph_stage(graph, no)->manual)
			continue;
		if (!manual)
			appendStringInfoString(out, "\n  classDef manual stroke-dasharray:5 5");
		manual = true;
		appendStringInfo(out, "\n  class n%d manual", no);
	}
}

/* ---- DOT ---- */

/*
 * In a quoted string only quotes and backslashes mean something; Graphviz also reads HTML's entities.
 */
static void
dot_label(StringInfo out, const StringInfoData *label)
{
	for (int i = 0; i < label->len; i++)
	{
		char		c = label->data[i];

		if (c == '\n')
			appendStringInfoString(out, "\\n");
		else if (c == '&')
			appendStringInfoString(out, "&amp;");
		else
		{
			if (c == '"' || c == '\\')
				appendStringInfoChar(out, '\\');
			appendStringInfoChar(out, c);
		}
	}
}

static void
dot_node(Diagram *diagram, int no, int colour)
{
	bool		manual = oms_graph_stage(diagram->graph, no)->manual;
	StringInfo	out = &diagram->out;

	appendStringInfo(out, "\n  n%d [label=\"", no);
	dot_label(out, &diagram->label);
	appendStringInfoChar(out, '"');
	/* For the SVG that Graphviz makes of it: to be found, and to be coloured by a style sheet. */
	appendStringInfo(out, ", id=\"stage-%d\"", no);
	if (colour >= 0 || manual)
		appendStringInfo(out, ", class=\"%s%s%s\"",
						 colour >= 0 ? oms_stage_status_name(colours[colour].status) : "",
						 colour >= 0 && manual ? " " : "", manual ? "manual" : "");
	if (colour >= 0 || manual)
		appendStringInfo(out, ", style=\"%s%s%s\"", colour >= 0 ? "filled" : "",
						 colour >= 0 && manual ? "," : "", manual ? "dashed" : "");
	if (colour >= 0)
		appendStringInfo(out, ", fillcolor=\"%s\", color=\"%s\", fontcolor=\"%s\"",
						 colours[colour].fill, colours[colour].line, TEXT_COLOUR);
	appendStringInfoString(out, "];");
}

/* ---- the whole ---- */

static void
draw_node(Diagram *diagram, int no)
{
	const OmsStage *stage = diagram->ticket == NULL ? NULL : oms_ticket_find(diagram->ticket, no);
	int			colour = -1;

	if (diagram->ticket != NULL)
	{
		colour = colour_of(stage_status(diagram->ticket, stage));
		diagram->used[colour] = true;
	}
	make_label(diagram, oms_graph_stage(diagram->graph, no), stage);
	if (diagram->format == OMS_MERMAID)
		mermaid_node(diagram, no, colour);
	else
		dot_node(diagram, no, colour);
}

static void
draw_edges(Diagram *diagram, int no)
{
	const OmsStageDef *def = oms_graph_stage(diagram->graph, no);

	for (int i = 0; i < def->ndeps; i++)
		appendStringInfo(&diagram->out,
						 diagram->format == OMS_MERMAID ? "\n  n%d --> n%d" : "\n  n%d -> n%d;",
						 def->deps[i], no);
}

/*
 * Draw a workflow, or a ticket whose stages have been loaded: one node per stage in definition order,
 * one edge per dependency.
 */
text *
oms_diagram_draw(const OmsGraph *graph, const OmsTicket *ticket, OmsDiagramFormat format)
{
	Diagram		diagram = {.graph = graph, .ticket = ticket, .format = format};

	initStringInfo(&diagram.label);
	initStringInfo(&diagram.out);
	appendStringInfoString(&diagram.out, format == OMS_MERMAID ? "flowchart TD"
						   : "digraph workflow {\n  node [shape=box];");
	for (int no = 1; no <= graph->nstages; no++)
	{
		CHECK_FOR_INTERRUPTS();
		draw_node(&diagram, no);
	}
	for (int no = 1; no <= graph->nstages; no++)
	{
		CHECK_FOR_INTERRUPTS();
		draw_edges(&diagram, no);
	}
	if (format == OMS_MERMAID)
		mermaid_classes(&diagram);
	else
		appendStringInfoString(&diagram.out, "\n}");
	return cstring_to_text_with_len(diagram.out.data, diagram.out.len);
}
