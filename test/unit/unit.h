/*
 * unit.h
 *		For tests of the engine without a server: TAP, repeatable random numbers, and what the engine asks of
 *		the server.  palloc and its like come from libpgcommon; an error ends the test.
 *
 * Include it after postgres.h, in one file per program.
 */
#ifndef OMS_UNIT_H
#define OMS_UNIT_H

#include "miscadmin.h"

static int	tests = 0;
static int	failures = 0;

#define ok(good, ...) \
	(tests++, failures += (good) ? 0 : 1, \
	 printf("%sok %d - ", (good) ? "" : "not ", tests), printf(__VA_ARGS__), printf("\n"))

static int
finish(void)
{
	printf("1..%d\n", tests);
	return failures > 0;
}

/* xorshift64*: the same numbers on every machine */
static uint64 seed = 88172645463325252;

pg_attribute_unused() static uint64
dice(uint64 sides)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return ((seed * UINT64CONST(2685821657736338717)) >> 33) % sides;
}

/* ---- the server ---- */

volatile sig_atomic_t InterruptPending = false;

void
ProcessInterrupts(void)
{
}

bool
errstart(int elevel, const char *domain)
{
	return elevel >= ERROR;
}

#ifdef pg_attribute_cold
pg_attribute_cold
#endif
bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

int
errcode(int sqlerrcode)
{
	return 0;
}

int
errmsg(const char *format,...)
{
	va_list		args;

	printf("Bail out!  ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	return 0;
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	exit(3);
}

#ifdef USE_ASSERT_CHECKING
void
ExceptionalCondition(const char *condition,
#if PG_VERSION_NUM < 160000
					 const char *type,
#endif
					 const char *file, int line)
{
	printf("Bail out!  %s:%d: %s\n", file, line, condition);
	exit(3);
}
#endif

#endif							/* OMS_UNIT_H */
