/*
 * oms.c
 *		Entry point of the library.
 *
 * Works loaded on demand as well as preloaded; preloaded there are workers.  Under pg_upgrade nothing
 * of ours may run or connect.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "guc.h"
#include "shared/shared.h"
#include "worker/hooks.h"
#include "worker/launcher.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	bool		preloading = process_shared_preload_libraries_in_progress && !IsBinaryUpgrade;

	oms_guc_init(preloading);
	if (!preloading)
		return;
	oms_shared_init();
	oms_hooks_init();
	oms_launcher_register();
}
