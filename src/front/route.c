/*
 * route.c
 *		Which cell a call goes to: by the number of the ticket, or for a new one by its key.
 *
 * The tables are read as the hot tables of a cell are: in SQL this would cost more than all else that a front does.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "utils/builtins.h"

#include "errors.h"
#include "front/route.h"
#include "store/row.h"
#include "store/tracking.h"

PG_FUNCTION_INFO_V1(oms_cell_of_ticket);
PG_FUNCTION_INFO_V1(oms_cell_of_text);
PG_FUNCTION_INFO_V1(oms_cell_for);

enum
{
	CELL_NUMBER,
	CELL_NAME,
	CELL_KEYED,
	CELL_COLUMNS
};

enum
{
	CELL_RANGE_FIRST,
	CELL_RANGE_LAST,
	CELL_RANGE_CELL,
	CELL_RANGE_COLUMNS
};

/*
 * The cell that has tickets with this number; -1: none.
 */
static int
cell_of(int64 number)
{
	OmsScan		scan;
	int			cell = -1;

	scan.nkeys = 0;
	oms_scan_begin(&scan, "cell_range", "cell_range_pkey", CELL_RANGE_COLUMNS, AccessShareLock);
	while (cell < 0 && oms_scan_next(&scan))
		if (number >= DatumGetInt32(scan.slot->tts_values[CELL_RANGE_FIRST]) &&
			number <= DatumGetInt32(scan.slot->tts_values[CELL_RANGE_LAST]))
			cell = DatumGetInt32(scan.slot->tts_values[CELL_RANGE_CELL]);
	oms_scan_end(&scan);
	return cell;
}

/*
 * cell_of(ticket) → int
 */
Datum
oms_cell_of_ticket(PG_FUNCTION_ARGS)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];
	int			cell;

	/* any cell says that it must not be NULL */
	if (PG_ARGISNULL(0))
		PG_RETURN_INT32(0);
	cell = cell_of(oms_ticket_id_number(PG_GETARG_TICKET_ID(0)));
	if (cell < 0)
		ereport(ERROR,
				(errcode(OMS_ERR_UNKNOWN_TICKET),
				 errmsg("unknown ticket: %s", oms_ticket_id_to_text(PG_GETARG_TICKET_ID(0), number)),
				 errdetail("No cell gives out its number.")));
	PG_RETURN_INT32(cell);
}

/*
 * cell_of(text) → int: of a ticket number, or a tracking number, which has a suffix.
 */
Datum
oms_cell_of_text(PG_FUNCTION_ARGS)
{
	const text *ticket;
	char		suffix[OMS_SUFFIX_LEN + 1];
	OmsTicketId id;

	if (PG_ARGISNULL(0))
		PG_RETURN_INT32(0);
	ticket = PG_GETARG_TEXT_PP(0);
	if (!oms_tracking_parse(VARDATA_ANY(ticket), VARSIZE_ANY_EXHDR(ticket), &id, suffix))
		PG_RETURN_INT32(0);
	PG_RETURN_INT32(Max(cell_of(oms_ticket_id_number(id)), 0));
}

/*
 * The numbers of the cells, ascending; only those over which keys are spread.  An error if there is none.
 */
int *
oms_front_cells(bool keyed, int *count)
{
	OmsScan		scan;
	int			size = 16;
	int		   *cells = palloc(size * sizeof(int));

	*count = 0;
	scan.nkeys = 0;
	oms_scan_begin(&scan, "cell", "cell_pkey", CELL_COLUMNS, AccessShareLock);
	while (oms_scan_next(&scan))
	{
		if (keyed && !DatumGetBool(scan.slot->tts_values[CELL_KEYED]))
			continue;
		if (*count == size)
			cells = repalloc(cells, (size *= 2) * sizeof(int));
		cells[(*count)++] = DatumGetInt32(scan.slot->tts_values[CELL_NUMBER]);
	}
	oms_scan_end(&scan);
	if (*count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this front has no cell"),
				 errhint("tools/cells apply sets it up.")));
	return cells;
}

/*
 * A number below count, by chance.
 */
int
oms_front_chance(int count)
{
	return (int) pg_prng_uint64_range(&pg_global_prng_state, 0, count - 1);
}

/* FNV-1a: the same on every machine, since a key must find its cell again */
static uint32
digest(const text *key)
{
	uint32		hash = 2166136261U;

	for (int i = 0; i < (int) VARSIZE_ANY_EXHDR(key); i++)
		hash = (hash ^ (unsigned char) VARDATA_ANY(key)[i]) * 16777619U;
	return hash;
}

/*
 * cell_for(idempotency_key, applicant) → int
 */
Datum
oms_cell_for(PG_FUNCTION_ARGS)
{
	int			by = !PG_ARGISNULL(0) ? 0 : 1;
	bool		keyed = !PG_ARGISNULL(by);
	int			count;
	int		   *cells = oms_front_cells(keyed, &count);

	PG_RETURN_INT32(cells[keyed ? digest(PG_GETARG_TEXT_PP(by)) % count : oms_front_chance(count)]);
}
