/*
 * claim.c
 *		claim at a front: from one cell after the other.
 *
 * What a cell has handed out is committed there.  So a cell that fails after that is passed over with a warning, and
 * the rows that are there are returned: else nobody would know of this work until its lease runs out.
 */
#include "postgres.h"

#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/resowner.h"

#include "front/route.h"
#include "store/cells.h"

PG_FUNCTION_INFO_V1(oms_front_claim);

/*
 * Claim at one cell, in a subtransaction.  NULL: its rows are in the result; else the error.
 */
static ErrorData *
attempt(Datum *values, const char *nulls, ReturnSetInfo *result, int *rows)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		*rows = oms_store_claim_at(values, nulls, result->setResult);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return error;
}

/*
 * Is it the connection that failed, so that others may do better?
 */
static bool
is_of_connection(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_CONNECTION_EXCEPTION;
}

/*
 * Is it about the caller, who was cancelled?
 */
static bool
must_end(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION;
}

/*
 * claim(owner, worker, qty, lease), with the columns of a cell's
 */
Datum
oms_front_claim(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[5];
	char		nulls[6] = "     ";
	int			count;
	int		   *cells = oms_front_cells(false, &count);
	int			first = oms_front_chance(count);
	int			left = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
	int			answers = 0;
	bool		some = false;
	ErrorData  *error = NULL;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < 4; i++)
	{
		values[i + 1] = PG_GETARG_DATUM(i);
		nulls[i + 1] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	for (int i = 0; i < count && (i == 0 || left > 0 || answers == 0); i++)
	{
		int			rows = 0;

		CHECK_FOR_INTERRUPTS();
		values[0] = Int32GetDatum(cells[(first + i) % count]);
		if (i > 0)
			values[3] = Int32GetDatum(left);
		error = attempt(values, nulls, result, &rows);
		if (error == NULL)
		{
			answers++;
			left -= rows;
			some = some || rows > 0;
			continue;
		}
		if (must_end(error) || (!some && !(is_of_connection(error) && (answers > 0 || i < count - 1))))
			ReThrowError(error);
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("%s", error->message),
				 error->detail == NULL ? 0 : errdetail("%s", error->detail)));
		FreeErrorData(error);
	}
	return (Datum) 0;
}
