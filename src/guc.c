/*
 * guc.c
 *		The settings of oms, all in one screen, sorted by name.
 *
 * No setting decides who may do what: every role can make up settings.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "clock.h"
#include "guc.h"
#include "worker/bell.h"

static char *clock_text;

static const struct config_enum_entry dispatch_modes[] = {
	{"transaction", OMS_DISPATCH_TRANSACTION, false},
	{"off", OMS_DISPATCH_OFF, false},
	{NULL, 0, false}
};

void
oms_guc_init(void)
{
	DefineCustomEnumVariable("oms.dispatch",
							 "How events reach the listeners.",
							 "\"transaction\" sends them with the commit of the change, "
							 "\"off\" sends none; the queue itself is not affected.",
							 &oms_dispatch_mode, OMS_DISPATCH_TRANSACTION, dispatch_modes,
							 PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable("oms.now",
							   "Stops the clock of the session at this moment.",
							   "Empty: the server's clock. For tests and simulations.",
							   &clock_text, "", PGC_SUSET, GUC_NOT_IN_SAMPLE,
							   oms_clock_check, oms_clock_assign, NULL);

	MarkGUCPrefixReserved("oms");
}
