/*
 * jsonpath_check.c
 *		Reading a jsonpath of a definition, without letting a bad one raise.
 *
 * A condition is always evaluated in strict mode: lax mode takes missing data for "false", and a
 * stage whose condition is false is skipped, so that a control would be left out by accident.  A path to a
 * value keeps its mode.
 *
 * What a path uses is read off its canonical text, as jsonpath_out prints it: there a variable is
 * always $"name", every string and key is quoted, and every level of nesting has its bracket.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine/jsonpath_check.h"

/*
 * jsonpath is evaluated by recursion, one level per bracket and per accessor.  These bounds keep
 * it far below the smallest usual stack, since a condition that raised would stop its ticket.
 */
#define MAX_NESTING		250
#define MAX_ACCESSORS	1000

/* so many unknown variables are named */
#define MAX_UNKNOWN		10

#define STRICT_PREFIX	"strict "

/*
 * Does this SQLSTATE say that the text is wrong?  Data exceptions (a bad number, escape or regular
 * expression), syntax errors, and what this server version does not support.  Anything else, such
 * as a cancelled query or memory that ran out, is not about the text.
 */
static bool
is_bad_text(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category == ERRCODE_DATA_EXCEPTION ||
		category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION ||
		category == ERRCODE_FEATURE_NOT_SUPPORTED;
}

/*
 * Parse a path, or return NULL and the reason in *error, which is allocated in `result`.
 *
 * Version 15 has no soft errors, so the error is caught.  No subtransaction is needed for that:
 * the parser touches nothing but memory (no catalog, lock, buffer or file), so there is nothing to
 * roll back, and what it allocated goes with the caller's scratch context.
 */
static JsonPath *
parse_path(const char *source, MemoryContext result, const char **error)
{
	MemoryContext scratch = CurrentMemoryContext;
	JsonPath   *volatile path = NULL;

	PG_TRY();
	{
		path = DatumGetJsonPathP(DirectFunctionCall1(jsonpath_in, CStringGetDatum(source)));
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(result);
		edata = CopyErrorData();
		if (!is_bad_text(edata->sqlerrcode))
			PG_RE_THROW();
		FlushErrorState();
		*error = edata->message;
		if (edata->detail != NULL)
			*error = psprintf("%s (%s)", edata->message, edata->detail);
		MemoryContextSwitchTo(scratch);
	}
	PG_END_TRY();

	return path;
}

/*
 * Does a text that parses ask for lax mode in so many words?  Once parsed, that cannot be told
 * from a text without a mode; but a mode in front of a mode does not parse.  A text that begins
 * neither with that word, nor with an escape or a comment that may hide it, needs no second try.
 */
static bool
asks_for_lax(const char *source)
{
	const char *start = source + strspn(source, " \t\n\r\f");
	const char *error;

	if (*start == '\0' || strchr("lL\\/", *start) == NULL)
		return false;
	return parse_path(psprintf(STRICT_PREFIX "%s", source), CurrentMemoryContext, &error) == NULL;
}

/*
 * The end of a quoted string of a canonical text: what follows its closing quote.
 */
static const char *
skip_quoted(const char *p)
{
	for (p++; *p != '\0' && *p != '"'; p++)
	{
		if (*p == '\\' && p[1] != '\0')
			p++;
	}
	return *p == '"' ? p + 1 : p;
}

static bool
is_stages(const char *name, int len)
{
	return len == strlen("stages") && memcmp(name, "stages", len) == 0;
}

static void
note_unknown(OmsPathCheck *check, const char *name, int len, MemoryContext result)
{
	MemoryContext old;
	ListCell   *lc;

	if (list_length(check->unknown) >= MAX_UNKNOWN)
		return;
	foreach(lc, check->unknown)
	{
		if (strlen(lfirst(lc)) == len && memcmp(lfirst(lc), name, len) == 0)
			return;
	}
	old = MemoryContextSwitchTo(result);
	check->unknown = lappend(check->unknown, pnstrdup(name, len));
	MemoryContextSwitchTo(old);
}

/*
 * What follows $stages: a plain key names one stage; anything else may mean all of them.
 */
static void
note_stage(OmsPathCheck *check, const char *p, MemoryContext result)
{
	const char *key = p + 2;
	const char *end;
	MemoryContext old;

	check->path.uses_stages = true;
	if (p[0] != '.' || p[1] != '"')
	{
		check->path.all_stages = true;
		return;
	}
	end = skip_quoted(p + 1) - 1;
	/* an escaped name is rare: no need to decode it */
	if (memchr(key, '\\', end - key) != NULL)
	{
		check->path.all_stages = true;
		return;
	}
	old = MemoryContextSwitchTo(result);
	check->path.names = lappend(check->path.names, pnstrdup(key, end - key));
	MemoryContextSwitchTo(old);
}

/*
 * Find the variables of a canonical text, and measure it.
 */
static void
scan_path(OmsPathCheck *check, const char *p, MemoryContext result)
{
	int			nesting = 0;
	int			accessors = 0;

	while (*p != '\0')
	{
		const char *start = p;

		if (*p == '"' || (*p == '$' && p[1] == '"'))
		{
			p = skip_quoted(*p == '$' ? p + 1 : p);
			if (*start == '$' && is_stages(start + 2, p - start - 3))
				note_stage(check, p, result);
			else if (*start == '$')
				note_unknown(check, start + 2, p - start - 3, result);
			continue;
		}
		if (*p == '(' || *p == '[')
			nesting++;
		else if (*p == ')' || *p == ']')
			nesting--;
		if (*p == '.' || *p == '[' || *p == '?')
			accessors++;
		if (nesting > MAX_NESTING || accessors > MAX_ACCESSORS)
			check->too_complex = true;
		p++;
	}
}

/*
 * Parse the text of a path and tell everything that is wrong with it; "strict": it is a condition.  The result lives in
 * the current memory context, exactly as large as it must be, since graphs are kept.
 */
void
oms_path_read(const char *source, bool strict, OmsPathCheck *check)
{
	MemoryContext result = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(result, "oms path", ALLOCSET_SMALL_SIZES);
	JsonPath   *path;

	memset(check, 0, sizeof(*check));
	MemoryContextSwitchTo(scratch);
	path = parse_path(source, result, &check->error);
	if (path != NULL)
	{
		check->explicit_lax = strict && (path->header & JSONPATH_LAX) != 0 && asks_for_lax(source);
		if (strict)
			path->header &= ~JSONPATH_LAX;
		scan_path(check,
				  DatumGetCString(DirectFunctionCall1(jsonpath_out, PointerGetDatum(path))),
				  result);
		check->path.path = MemoryContextAlloc(result, VARSIZE(path));
		memcpy(check->path.path, path, VARSIZE(path));
	}
	MemoryContextSwitchTo(result);
	MemoryContextDelete(scratch);
}
