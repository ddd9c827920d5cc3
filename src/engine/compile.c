/*
 * compile.c
 *		What follows from a good definition: everything that the engine looks up instead of working it out.
 *
 * Pure, and linear in the size of the graph.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "engine/definition.h"
#include "engine/graph.h"

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/*
 * Does a word begin at p?  After anything but a letter, at a capital in camelCase, and at the last
 * capital of an acronym: the P of HTMLParser.
 */
static bool
begins_word(const char *text, const char *p)
{
	if (!is_upper(*p) && !is_lower(*p))
		return false;
	if (p == text || (!is_upper(p[-1]) && !is_lower(p[-1])))
		return true;
	return is_upper(*p) && (is_lower(p[-1]) || is_lower(p[1]));
}

static const char *
prefix_of_name(const char *name)
{
	char	   *prefix = (char *) palloc0(5);
	int			len = 0;

	for (const char *p = name; *p != '\0' && len < 4; p++)
	{
		if (begins_word(name, p))
			prefix[len++] = pg_ascii_toupper((unsigned char) *p);
	}
	return len > 0 ? prefix : "T";
}

static void
add_calendar(OmsGraph *graph, const char *name)
{
	ListCell   *cell;

	if (name == NULL)
		return;
	foreach(cell, graph->calendars)
		if (strcmp(lfirst(cell), name) == 0)
			return;
	graph->calendars = lappend(graph->calendars, unconstify(char *, name));
}

/*
 * The calendars that must be there when a ticket is opened.
 */
static void
list_calendars(OmsGraph *graph)
{
	add_calendar(graph, graph->calendar);
	for (int i = 0; i < graph->nstages; i++)
		add_calendar(graph, graph->stages[i].calendar);
}

/*
 * Stages that another worker has to do are known to both.
 */
static void
link_others(OmsGraph *graph)
{
	for (int i = 0; i < graph->nstages; i++)
		if (graph->stages[i].not_same_as != 0)
		{
			graph->stages[i].nothers++;
			oms_graph_stage(graph, graph->stages[i].not_same_as)->nothers++;
		}
	for (int i = 0; i < graph->nstages; i++)
	{
		OmsStageDef *stage = &graph->stages[i];

		if (stage->nothers > 0)
			stage->others = (int *) palloc(sizeof(int) * stage->nothers);
		stage->nothers = 0;
	}
	for (int i = 0; i < graph->nstages; i++)
	{
		OmsStageDef *stage = &graph->stages[i];
		OmsStageDef *other;

		if (stage->not_same_as == 0)
			continue;
		other = oms_graph_stage(graph, stage->not_same_as);
		stage->others[stage->nothers++] = stage->not_same_as;
		other->others[other->nothers++] = i + 1;
	}
}

/*
 * Give each stage the list of those that depend on it, in definition order: count, then fill.
 */
static void
link_dependants(OmsGraph *graph)
{
	for (int i = 0; i < graph->nstages; i++)
	{
		for (int k = 0; k < graph->stages[i].ndeps; k++)
			oms_graph_stage(graph, graph->stages[i].deps[k])->ndependants++;
	}
	for (int i = 0; i < graph->nstages; i++)
	{
		OmsStageDef *stage = &graph->stages[i];

		if (stage->ndependants > 0)
			stage->dependants = (int *) palloc(sizeof(int) * stage->ndependants);
		stage->ndependants = 0;
	}
	for (int i = 0; i < graph->nstages; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < graph->stages[i].ndeps; k++)
		{
			OmsStageDef *dep = oms_graph_stage(graph, graph->stages[i].deps[k]);

			dep->dependants[dep->ndependants++] = i + 1;
		}
	}
}

static void
collect_refs_of(OmsGraph *graph, const OmsPath *path, OmsStageSet *seen)
{
	ListCell   *lc;

	graph->uses_stages |= path->uses_stages;
	for (int no = 1; path->all_stages && no <= graph->nstages; no++)
		oms_set_add(seen, no);
	foreach(lc, path->names)
		oms_set_add(seen, oms_graph_find(graph, lfirst(lc), strlen(lfirst(lc))));
}

/*
 * Whether paths can ask for outputs, and for which: those that they name, or all.
 */
static void
collect_refs(OmsGraph *graph)
{
	OmsStageSet seen;

	graph->refs = palloc(sizeof(int) * graph->nstages);
	oms_set_init(&seen, graph);
	for (int i = 0; i < graph->nstages; i++)
	{
		OmsStageDef *stage = &graph->stages[i];

		collect_refs_of(graph, &stage->when, &seen);
		collect_refs_of(graph, &stage->due_at, &seen);
		collect_refs_of(graph, &stage->start_at, &seen);
		collect_refs_of(graph, &stage->message_key, &seen);
		graph->has_messages |= stage->message != NULL;
		graph->has_dates |= (stage->due_at.path != NULL && !stage->due_at.uses_stages) ||
			(stage->start_at.path != NULL && !stage->start_at.uses_stages);
		for (int k = 0; k < stage->nrules; k++)
			collect_refs_of(graph, &stage->rules[k].when, &seen);
	}
	for (int no = 1; no <= graph->nstages; no++)
		if (oms_set_has(&seen, no))
			graph->refs[graph->nrefs++] = no;
}

/*
 * The stages that a step of their escalation finishes.
 */
static void
list_by_law(OmsGraph *graph)
{
	for (int no = 1; no <= graph->nstages; no++)
	{
		const OmsStageDef *stage = oms_graph_stage(graph, no);
		bool		by_law = false;

		for (int i = 0; i < stage->nsteps; i++)
			by_law |= stage->steps[i].finish_with != NULL;
		if (by_law)
			graph->by_law = lappend_int(graph->by_law, no);
	}
}

/*
 * Complete a graph whose stages, ids and dependencies are set and good.
 */
void
oms_graph_complete(OmsGraph *graph)
{
	if (graph->prefix == NULL)
		graph->prefix = prefix_of_name(graph->name);
	for (int i = 0; i < graph->nstages; i++)
		if (graph->stages[i].owner == NULL)
			graph->stages[i].owner = graph->owner != NULL ? graph->owner : graph->name;
	link_dependants(graph);
	link_others(graph);
	list_calendars(graph);
	list_by_law(graph);
	oms_graph_masks(graph);
	collect_refs(graph);
}
