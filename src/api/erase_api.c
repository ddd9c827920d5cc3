/*
 * erase_api.c
 *		erase and erase_applicant.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "api/args.h"
#include "api/door.h"
#include "engine/await.h"
#include "engine/decide.h"
#include "engine/ticket.h"
#include "errors.h"
#include "store/erase.h"
#include "store/journal.h"
#include "store/message.h"

PG_FUNCTION_INFO_V1(oms_erase);
PG_FUNCTION_INFO_V1(oms_erase_applicant);

/* What is to be erased, as it is put together from the paths */
typedef struct Erasure
{
	OmsTicket  *ticket;
	Jsonb	   *data;			/* what is left of it; NULL: it stays where it is */
	bool		old_data;		/* earlier versions of it go */
	bool		outputs;		/* some of these go */
	int			erased;			/* pieces */
} Erasure;

/*
 * A dotted path without its head as text[]; NULL if nothing is left.
 */
static ArrayType *
split_path(const char *path)
{
	int			count = 1;
	Datum	   *parts;
	int			n = 0;

	if (path == NULL || *path == '\0')
		return NULL;
	for (const char *p = path; *p != '\0'; p++)
		count += *p == '.';
	parts = palloc(sizeof(Datum) * count);
	for (const char *start = path;; start = strchr(start, '.') + 1)
	{
		int			len = strcspn(start, ".");

		parts[n++] = PointerGetDatum(cstring_to_text_with_len(start, len));
		if (start[len] == '\0')
			break;
	}
	return construct_array(parts, n, TEXTOID, -1, false, TYPALIGN_INT);
}

/*
 * A document without what a path names; NULL if it names nothing.  No path: an empty document.
 */
static Jsonb *
without(Jsonb *document, const char *path)
{
	ArrayType  *parts = split_path(path);
	Jsonb	   *left;

	if (parts == NULL)
		return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	if (JB_ROOT_IS_SCALAR(document))
		return NULL;
	left = DatumGetJsonbP(DirectFunctionCall2(jsonb_delete_path, JsonbPGetDatum(document),
											  PointerGetDatum(parts)));
	return compareJsonbContainers(&left->root, &document->root) == 0 ? NULL : left;
}

/*
 * If path begins with a head and is over or goes on with a dot, the rest of it; else NULL.
 */
static const char *
after_head(const char *path, const char *head)
{
	int			len = strlen(head);

	if (strncmp(path, head, len) != 0 || (path[len] != '\0' && path[len] != '.'))
		return NULL;
	return path[len] == '.' ? path + len + 1 : path + len;
}

/* Does a path name something in a version of the data? */
static bool
is_in(const void *path, Jsonb *data)
{
	return without(data, path) != NULL;
}

/*
 * Erase from the data.  Earlier versions go as a whole, also if only they have what the path names.
 */
static bool
erase_data(Erasure *erasure, const char *path)
{
	Jsonb	   *before = erasure->data != NULL ? erasure->data : oms_store_data(erasure->ticket);
	Jsonb	   *left = without(before, path);

	if (left != NULL)
		erasure->data = left;
	else if (!oms_store_find_old_data(erasure->ticket, is_in, path))
		return false;
	erasure->old_data = true;
	return true;
}

/*
 * Erase from the output of a stage; what is left goes into an event of its own.  Outputs of its earlier
 * cycles go as a whole: nothing needs them any more.
 */
static bool
erase_output(Erasure *erasure, const char *path)
{
	OmsTicket  *ticket = erasure->ticket;
	int			len = strcspn(path, ".");
	OmsStage   *stage = oms_store_stage(ticket, oms_stage_number(ticket, path, len));
	Jsonb	   *output = stage->output_seq == 0 ? NULL : oms_store_payload(ticket, stage->output_seq);
	Jsonb	   *left = output == NULL ? NULL : without(output, path[len] == '.' ? path + len + 1 : "");
	int			seq = stage->output_seq;
	bool		erased = oms_store_erase_past_outputs(ticket, stage->no);

	erasure->outputs = erasure->outputs || left != NULL || erased;
	if (left == NULL)
		return erased;
	oms_decide_replace_output(ticket, stage, left);
	oms_store_erase_event(ticket, seq);
	return true;
}

/*
 * Notes have gone, and with the reason of an amendment the data that it brought.  What is in force is then written
 * down anew.
 */
static void
keep_data(Erasure *erasure, Jsonb *data)
{
	OmsTicket  *ticket = erasure->ticket;

	oms_store_fresh_snapshot();
	if (erasure->data == NULL && ticket->data_seq != 0 &&
		oms_timeline_payload(ticket->id, false, ticket->data_seq) == NULL)
		erasure->data = data;
}

/*
 * Erase the note of one event, which is given by its number; without a number every note.
 */
static bool
erase_notes(Erasure *erasure, const char *number)
{
	Jsonb	   *data = oms_store_data(erasure->ticket);
	char	   *end;
	long		seq = number == NULL ? 0 : strtol(number, &end, 10);

	if (number == NULL ? oms_store_erase_events(erasure->ticket, false) == 0
		: *end != '\0' || seq < 1 || seq > erasure->ticket->seq ||
		!oms_store_erase_note(erasure->ticket, (int) seq))
		return false;
	keep_data(erasure, data);
	return true;
}

/*
 * Erase what one path names; false if there is nothing.
 */
static bool
erase_path(Erasure *erasure, const char *path)
{
	const char *rest;

	if (strcmp(path, "applicant") == 0 && erasure->ticket->applicant != NULL)
	{
		erasure->ticket->applicant = NULL;
		return true;
	}
	if (strcmp(path, "notes") == 0)
		return erase_notes(erasure, NULL);
	if ((rest = after_head(path, "note")) != NULL && *rest != '\0')
		return erase_notes(erasure, rest);
	if ((rest = after_head(path, "output")) != NULL && *rest != '\0')
		return erase_output(erasure, rest);
	if ((rest = after_head(path, "data")) != NULL || (rest = after_head(path, "$")) != NULL)
		return erase_data(erasure, rest);
	return erase_data(erasure, path);
}

/*
 * Messages kept for a stage go, and so does the key that it waits for.
 */
static void
erase_key(OmsTicket *ticket, int no, const char *key)
{
	OmsStage   *stage = oms_ticket_find(ticket, no);

	if (key != NULL)
		oms_store_drop_messages(oms_graph_stage(ticket->graph, no)->message, key);
	if (stage == NULL || stage->waits_key == NULL)
		return;
	stage->waits_key = NULL;
	stage->changed = true;
}

/*
 * Erase the keys that came from what was erased of the data.
 */
static void
erase_lost_keys(OmsTicket *ticket)
{
	oms_store_stages(ticket);
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
	{
		char	   *key = stage->waits_key == NULL ? NULL : oms_await_key(ticket, stage->no);

		if (stage->waits_key != NULL && (key == NULL || strcmp(key, stage->waits_key) != 0))
			erase_key(ticket, stage->no, stage->waits_key);
	}
}

/*
 * Write down what is left of the data, and forget what could be guessed from elsewhere.
 */
static void
finish_data(Erasure *erasure)
{
	OmsTicket  *ticket = erasure->ticket;

	if (erasure->old_data)
	{
		oms_store_erase_old_data(ticket);
		oms_store_erase_request(ticket->id);
	}
	if (erasure->data != NULL)
	{
		if (ticket->data_seq != 0)
			oms_store_erase_event(ticket, ticket->data_seq);
		oms_decide_replace_data(ticket, erasure->data);
		ticket->data = erasure->data;
		ticket->outputs = NULL;
	}
	if (erasure->old_data && ticket->graph->has_messages)
		erase_lost_keys(ticket);
	/* what a message brought is an output, and its key is of the data */
	if (erasure->old_data || erasure->outputs)
		oms_store_erase_messages(ticket->id);
}

/*
 * erase(ticket, paths text[], reason text) → int, how many of the paths named something.
 */
Datum
oms_erase(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	Erasure		erasure = {0};
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);
	char	   *reason = oms_arg_note(fcinfo, 2, "reason");
	char		number[OMS_TICKET_ID_TEXT_SIZE];
	Datum	   *paths;
	bool	   *nulls;
	int			count;

	oms_arg_required(fcinfo, 1, "paths");
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &paths, &nulls, &count);
	oms_call_begin(&call, "oms.erase()");
	erasure.ticket = oms_store_lock(id);
	oms_decide_erased(erasure.ticket, reason);
	for (int i = 0; i < count; i++)
	{
		char	   *path = nulls[i] ? "" : TextDatumGetCString(paths[i]);

		if (*path == '\0' || !erase_path(&erasure, path))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("path \"%s\" names nothing that could be erased", path),
					 errhint("Paths are applicant, notes, note.<number of the event>, "
							 "output.<stage>[.<key>...], data[.<key>...], or a key of the data.")));
		erasure.erased++;
		oms_store_fresh_snapshot();
	}
	finish_data(&erasure);
	oms_store_apply(erasure.ticket, &call.actor);
	oms_journal_note("erase", oms_ticket_id_to_text(id, number), "reason", reason, &call.actor);
	oms_call_end(&call);
	PG_RETURN_INT32(erasure.erased);
}

/*
 * Erase everything that was said in a ticket, and whose it is.
 */
static void
erase_all(OmsTicketId id, const char *reason, const OmsCall *call)
{
	OmsTicket  *ticket = oms_store_lock(id);

	oms_store_stages(ticket);
	for (int no = 1; ticket->graph->has_messages && no <= ticket->graph->nstages; no++)
		if (oms_graph_stage(ticket->graph, no)->message != NULL)
			erase_key(ticket, no, oms_await_key(ticket, no));
	oms_store_erase_events(ticket, true);
	oms_store_erase_request(id);
	oms_store_erase_messages(id);
	ticket->applicant = NULL;
	ticket->data_seq = 0;
	ticket->output_bytes = 0;
	for (OmsStage *stage = ticket->stages; stage != NULL; stage = stage->next)
		if (stage->output_seq != 0)
		{
			stage->output_seq = 0;
			stage->changed = true;
		}
	oms_decide_erased(ticket, reason);
	oms_store_apply(ticket, &call->actor);
}

/*
 * erase_applicant(applicant text, reason text) → int, how many tickets.
 */
Datum
oms_erase_applicant(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	char	   *applicant;
	char	   *reason = oms_arg_note(fcinfo, 1, "reason");
	List	   *tickets;
	ListCell   *cell;
	MemoryContext step = AllocSetContextCreate(CurrentMemoryContext, "oms erase",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;

	oms_arg_required(fcinfo, 0, "applicant");
	applicant = oms_arg_key_or_null(fcinfo, 0, "applicant");
	oms_call_begin(&call, "oms.erase_applicant()");
	tickets = oms_store_tickets_of(applicant);
	foreach(cell, tickets)
	{
		CHECK_FOR_INTERRUPTS();
		old = MemoryContextSwitchTo(step);
		erase_all(*(OmsTicketId *) lfirst(cell), reason, &call);
		MemoryContextSwitchTo(old);
		MemoryContextReset(step);
	}
	/* whose tickets they were must not be kept */
	if (tickets != NIL)
		oms_journal_note("erase_applicant", NULL, "reason", reason, &call.actor);
	oms_call_end(&call);
	PG_RETURN_INT32(list_length(tickets));
}
