/*
 * import_api.c
 *		import_tickets: cases that began elsewhere.
 *
 * Every row is looked at twice.  First all of them live through their past in memory, and what is wrong is listed;
 * only if nothing is, they do so again under numbers of their own and are written, some hundred at a time.  So
 * memory does not grow with the rows, and either all of them are imported or none.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "api/args.h"
#include "api/opening.h"
#include "clock.h"
#include "engine/event.h"
#include "engine/import.h"
#include "engine/sha256.h"
#include "errors.h"
#include "guc.h"
#include "mb/pg_wchar.h"
#include "store/calendar.h"

PG_FUNCTION_INFO_V1(oms_import_tickets);

#define MAX_ROWS			10000
#define MAX_ROW_PROBLEMS	100

/* Tickets written in one go, and bytes of their rows */
#define IMPORT_BATCH		500
#define IMPORT_BYTES		(4 * 1024 * 1024)

/* A key of the rows, and where it stands first */
typedef struct SeenKey
{
	char		key[OMS_MAX_IMPORT_KEY + 1];
	int			row;
} SeenKey;

typedef struct Importing
{
	ReturnSetInfo *result;
	OmsCall		call;
	OmsImportRules rules;
	HTAB	   *keys;
	OmsTicketId *done;			/* by row: the ticket that has its key already, 0: none */
	int64		nproblems;
} Importing;

static void
put_row(Importing *importing, int row, OmsTicketId ticket, const char *problem)
{
	Datum		values[3] = {Int32GetDatum(row), TicketIdGetDatum(ticket)};
	bool		nulls[3] = {false, ticket == 0, problem == NULL};

	if (problem != NULL)
		values[2] = CStringGetTextDatum(problem);
	tuplestore_putvalues(importing->result->setResult, importing->result->setDesc, values, nulls);
}

/* The row as jsonb, and a number that differs if it does */
static int64
hash_of_row(const Jsonb *row)
{
	return DatumGetInt64(DirectFunctionCall2(jsonb_hash_extended, JsonbPGetDatum(row), Int64GetDatum(0)));
}

/*
 * The note of the first event: where the ticket comes from, and the SHA-256 of its row as text.
 */
static const char *
origin_of(const OmsImport *import, Jsonb *row)
{
	StringInfoData note;
	char	   *text = JsonbToCString(NULL, &row->root, VARSIZE(row));
	char	   *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);
	uint8		hash[OMS_SHA256_LEN];
	char		hex[OMS_SHA256_LEN * 2 + 1];

	oms_sha256(utf8, strlen(utf8), NULL, 0, hash);
	hex[hex_encode((const char *) hash, OMS_SHA256_LEN, hex)] = '\0';
	initStringInfo(&note);
	if (import->reference != NULL)
		appendStringInfo(&note, "reference %s, ", import->reference);
	appendStringInfo(&note, "row sha256 %s", hex);
	return note.data;
}

/* ---- looking ---- */

/*
 * Keys of rows: none twice, and one that was used before only for the same row.  True if the ticket is there.
 */
static bool
is_there(Importing *importing, OmsJsonCheck *check, const char *key, Jsonb *row, int number)
{
	char		name[OMS_MAX_IMPORT_KEY + 1] = {0};
	SeenKey    *seen;
	bool		found;
	int			workflow_id;
	int64		hash;
	bool		erased;

	strlcpy(name, key, sizeof(name));
	seen = hash_search(importing->keys, name, HASH_ENTER, &found);
	if (!found)
		seen->row = number;
	else
		oms_json_problem(check, NULL, "key of the row is that of row %d: \"%s\"", seen->row, key);
	if (!oms_store_find_key(key, &importing->done[number - 1], &workflow_id, &hash, &erased))
		return false;
	if ((hash != hash_of_row(row) && !erased) ||
		strcmp(oms_store_graph(workflow_id)->name, importing->rules.graph->name) != 0)
		oms_json_problem(check, NULL, "key of the row was used for another request: \"%s\"", key);
	return true;
}

/*
 * A row in memory, and its ticket with this number.  False if its key says that the ticket is there.
 */
static bool
live(Importing *importing, OmsJsonCheck *check, JsonbValue *value, int number, bool numbered, OmsImport *import,
	 OmsTicket **ticket)
{
	Jsonb	   *row = JsonbValueToJsonb(value);
	OmsTicketId id;

	oms_import_read(check, value, &importing->rules, import);
	if (!numbered && import->key != NULL && is_there(importing, check, import->key, row, number))
		return false;
	if (check->nproblems > 0)
		return false;
	id = numbered ? oms_next_number(importing->rules.graph, import->opened.at) : 0;
	*ticket = oms_store_new(importing->rules.graph, id, import->opened.at);
	(*ticket)->data = import->data;
	(*ticket)->priority = import->priority;
	(*ticket)->applicant = import->applicant;
	(*ticket)->opened_by = importing->call.actor.role;
	oms_import_live(check, *ticket, import, &importing->rules, origin_of(import, row), importing->call.actor.role);
	if (numbered && import->key != NULL &&
		!oms_store_remember_key(import->key, id, importing->rules.graph->workflow_id, hash_of_row(row)))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("idempotency key \"%s\" was used at the same time", import->key)));
	return true;
}

/*
 * What is wrong with the rows, in their order.
 */
static void
look_at_all(Importing *importing, JsonbContainer *rows)
{
	JsonbIterator *it = JsonbIteratorInit(rows);
	JsonbValue	value;
	MemoryContext step = AllocSetContextCreate(CurrentMemoryContext, "oms import row", ALLOCSET_DEFAULT_SIZES);

	for (int number = 1; oms_json_next_element(&it, &value); number++)
	{
		MemoryContext old = MemoryContextSwitchTo(step);
		OmsJsonCheck check;
		OmsImport	import;
		OmsTicket  *ticket;
		ListCell   *cell;

		oms_json_begin(&check, "the row", MAX_ROW_PROBLEMS, NULL);
		live(importing, &check, &value, number, false, &import, &ticket);
		importing->nproblems += check.nproblems;
		foreach(cell, oms_json_end(&check))
			put_row(importing, number, 0, ((OmsProblem *) lfirst(cell))->problem);
		MemoryContextSwitchTo(old);
		MemoryContextReset(step);
	}
	MemoryContextDelete(step);
}

/* ---- writing ---- */

static void
import_all(Importing *importing, JsonbContainer *rows, int count)
{
	JsonbIterator *it = JsonbIteratorInit(rows);
	JsonbValue	value;
	OmsTicket  *batch[IMPORT_BATCH];
	int			nbatch = 0;
	Size		bytes = 0;
	MemoryContext step = AllocSetContextCreate(CurrentMemoryContext, "oms import", ALLOCSET_DEFAULT_SIZES);

	for (int number = 1; oms_json_next_element(&it, &value); number++)
	{
		MemoryContext old = MemoryContextSwitchTo(step);
		OmsJsonCheck check;
		OmsImport	import;

		if (importing->done[number - 1] == 0)
		{
			oms_json_begin(&check, "the row", MAX_ROW_PROBLEMS, NULL);
			live(importing, &check, &value, number, true, &import, &batch[nbatch]);
			importing->done[number - 1] = batch[nbatch++]->id;
			bytes += value.val.binary.len;
		}
		put_row(importing, number, importing->done[number - 1], NULL);
		if (nbatch > 0 && (nbatch == IMPORT_BATCH || bytes > IMPORT_BYTES || number == count))
		{
			oms_store_apply_many(batch, nbatch, &importing->call.actor);
			nbatch = 0;
			bytes = 0;
			MemoryContextReset(step);
		}
		MemoryContextSwitchTo(old);
	}
	MemoryContextDelete(step);
}

static void
look_only(Importing *importing, int count)
{
	for (int number = 1; number <= count; number++)
		put_row(importing, number, importing->done[number - 1], NULL);
}

static JsonbContainer *
rows_of(Jsonb *rows)
{
	if (!JB_ROOT_IS_ARRAY(rows) || JB_ROOT_IS_SCALAR(rows))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows must be a JSON array")));
	if (JB_ROOT_COUNT(rows) > MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows has %u elements, at most %d are possible", JB_ROOT_COUNT(rows), MAX_ROWS),
				 errhint("Import them in several calls; rows with a key can be sent again.")));
	return &rows->root;
}

static HTAB *
key_table(void)
{
	HASHCTL		control = {.keysize = OMS_MAX_IMPORT_KEY + 1, .entrysize = sizeof(SeenKey), .hcxt = CurrentMemoryContext};

	return hash_create("oms import keys", 1024, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/*
 * import_tickets(workflow text, rows jsonb, dry_run bool) → TABLE(row int, ticket, problem text): the problems, if
 * there are any; else a line for each row, with its ticket unless it would only be made.
 */
Datum
oms_import_tickets(PG_FUNCTION_ARGS)
{
	Importing	importing = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	JsonbContainer *rows;
	const OmsGraph *graph;
	int			count;

	oms_arg_required(fcinfo, 0, "workflow");
	oms_arg_required(fcinfo, 1, "rows");
	oms_arg_required(fcinfo, 2, "dry_run");
	rows = rows_of(PG_GETARG_JSONB_P(1));
	count = JsonContainerSize(rows);
	InitMaterializedSRF(fcinfo, 0);
	oms_call_begin(&importing.call, "oms.import_tickets()");
	graph = oms_graph_for_opening(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	importing.rules = (OmsImportRules)
	{
		.graph = graph,
		.calendar = graph->calendar == NULL ? NULL : oms_store_calendar(graph->calendar),
		.now = oms_clock_now(),
		.max_data = oms_max_data_size * 1024,
		.max_output = oms_max_output_size * 1024,
		.max_note = oms_max_note_size * 1024
	};
	importing.keys = key_table();
	importing.done = palloc0(sizeof(OmsTicketId) * Max(count, 1));
	look_at_all(&importing, rows);
	if (importing.nproblems == 0 && PG_GETARG_BOOL(2))
		look_only(&importing, count);
	else if (importing.nproblems == 0)
		import_all(&importing, rows, count);
	oms_call_end(&importing.call);
	return (Datum) 0;
}
