/*
 * proxy.c
 *		The language of functions that run at a cell: PL/Proxy, with the errors of the cell as they are there.
 *
 * PL/Proxy hands on SQLSTATEs, and puts words before message, detail and hint; what it says itself of a connection
 * has no SQLSTATE of its own.  Whoever calls must know whether asking again is safe:
 *
 *	08001	the cell was not reached: nothing was done
 *	08007	the connection was lost after something was sent: it may be done
 *
 * A server that goes down says so (57P01, 57P02) to whoever is waiting for a commit as well: that is the second.
 */
#include "postgres.h"

#include "fmgr.h"

PG_FUNCTION_INFO_V1(oms_proxy_call);

/*
 * What follows a word at the beginning; the whole text if it does not begin with it.
 */
static char *
without(const char *word, char *text)
{
	size_t		len = strlen(word);

	return text != NULL && strncmp(text, word, len) == 0 ? text + len : text;
}

/*
 * A message of one line, of those that libpq makes.
 */
static char *
one_line(const char *text)
{
	char	   *copy = pstrdup(text);
	int			len = strlen(copy);

	while (len > 0 && (copy[len - 1] == '\n' || copy[len - 1] == ' '))
		copy[--len] = '\0';
	for (char *p = copy; *p != '\0'; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	return copy;
}

static void
not_reached(ErrorData *error, const char *cell, const char *why)
{
	error->sqlerrcode = ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;
	error->message = psprintf("cell \"%s\" was not reached", cell);
	error->detail = one_line(why);
	error->hint = pstrdup("Nothing was done there. The other cells go on.");
}

static void
lost(ErrorData *error, const char *cell, const char *why)
{
	error->sqlerrcode = ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN;
	error->message = psprintf("the connection to cell \"%s\" was lost", cell);
	error->detail = one_line(why);
	error->hint = pstrdup("What was asked may be done there: look before you ask again.");
}

/*
 * Make an error of PL/Proxy what it is at the cell.  Its messages are "FUNCTION(ARGUMENTS): [DATABASE] REMOTE SEVERITY: …"
 * for those of the cell, and "PL/Proxy function FUNCTION(ARGUMENTS): [DATABASE] CALL OF LIBPQ: …" for those of the
 * connection.  All others are of this database.
 */
static void
restore_error(ErrorData *error)
{
	char	   *begin = error->message == NULL ? NULL : without("PL/Proxy function ", error->message);
	char	   *name = begin == NULL || strncmp(begin, "oms", strlen("oms")) != 0 ? NULL : strstr(begin, "): [");
	char	   *end = name == NULL ? NULL : strstr(name, "] ");
	char	   *text = end == NULL ? NULL : strstr(end, ": ");
	char	   *what;
	char	   *cell;

	if (text == NULL)
		return;
	name += strlen("): [");
	cell = pnstrdup(name, end - name);
	what = end + strlen("] ");
	text += strlen(": ");
	if (strncmp(what, "PQconnect", strlen("PQconnect")) == 0)
		not_reached(error, cell, text);
	else if (strncmp(what, "REMOTE ", strlen("REMOTE ")) != 0 ||
			 error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN || error->sqlerrcode == ERRCODE_CRASH_SHUTDOWN)
		lost(error, cell, text);
	else
	{
		error->message = text;
		error->detail = without("Remote detail: ", error->detail);
		error->hint = without("Remote hint: ", error->hint);
		error->context = psprintf("%s%sat cell \"%s\"", error->context == NULL ? "" : without("Remote context: ", error->context),
								  error->context == NULL ? "" : "\n", cell);
	}
}

/*
 * The handler of the language oms_proxy.
 */
Datum
oms_proxy_call(PG_FUNCTION_ARGS)
{
	static PGFunction call = NULL;
	MemoryContext caller = CurrentMemoryContext;
	Datum		result;

	if (call == NULL)
		call = (PGFunction) load_external_function("$libdir/plproxy", "plproxy_call_handler", true, NULL);
	PG_TRY();
	{
		result = call(fcinfo);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		restore_error(error);
		ReThrowError(error);
	}
	PG_END_TRY();
	return result;
}
