/*
 * oms.c
 *		Entry point of the library.
 *
 * Works loaded on demand as well as preloaded.
 */
#include "postgres.h"

#include "fmgr.h"

#include "guc.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	oms_guc_init();
}
