/*
 * guc.c
 *		The settings of oms, all in one screen, sorted by name.
 *
 * No setting decides who may do what: every role can make up settings.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "clock.h"
#include "guc.h"

char	   *oms_agency = NULL;
bool		oms_allow_moved_clock = false;
char	   *oms_databases = NULL;
int			oms_gather = 50;
int			oms_max_data_size = 4096;
int			oms_max_databases = 16;
int			oms_max_definition_size = 4096;
int			oms_max_message_size = 4096;
int			oms_max_messages_per_role = 0;
int			oms_max_note_size = 1024;
int			oms_max_open_tickets_per_role = 0;
int			oms_dispatch_mode = OMS_DISPATCH_WORKER;
int			oms_dispatch_channel = OMS_CHANNEL_SHARED;
int			oms_max_output_size = 4096;
int			oms_max_ticket_output_size = 65536;
int			oms_seal_interval = 3600;
bool		oms_start_after_promotion = true;
bool		oms_worker_enabled = true;

static char *clock_text;

static const struct config_enum_entry dispatch_modes[] = {
	{"worker", OMS_DISPATCH_WORKER, false},
	{"transaction", OMS_DISPATCH_TRANSACTION, false},
	{"off", OMS_DISPATCH_OFF, false},
	{NULL, 0, false}
};

static const struct config_enum_entry dispatch_channels[] = {
	{"shared", OMS_CHANNEL_SHARED, false},
	{"owner", OMS_CHANNEL_OWNER, false},
	{NULL, 0, false}
};

static bool
check_agency(char **value, void **extra, GucSource source)
{
	size_t		len = strlen(*value);

	if (len >= 1 && len <= 63 && **value != '-' &&
		strspn(*value, "abcdefghijklmnopqrstuvwxyz0123456789-") == len)
		return true;
	GUC_check_errdetail("A name has small letters, digits and hyphens, begins with no hyphen and has up to 63 characters.");
	return false;
}

/*
 * A list that cannot be read would send all workers away.
 */
static bool
check_databases(char **value, void **extra, GucSource source)
{
	char	   *raw = pstrdup(*value);
	List	   *names = NIL;
	bool		valid = SplitGUCList(raw, ',', &names);

	list_free(names);
	pfree(raw);
	if (!valid)
		GUC_check_errdetail("Names of databases are separated by commas; a name with other characters than letters, digits and underscores stands in double quotes.");
	return valid;
}

/*
 * Is a worker to serve the database, by oms.databases?
 */
bool
oms_guc_lists(const char *database)
{
	char	   *raw = pstrdup(oms_databases);
	List	   *names;
	ListCell   *cell;
	bool		listed = false;

	if (SplitGUCList(raw, ',', &names))
		foreach(cell, names)
			listed = listed || strcmp(lfirst(cell), "*") == 0 || strcmp(lfirst(cell), database) == 0;
	list_free(names);
	pfree(raw);
	return listed;
}

void
oms_guc_init(bool preloading)
{
	DefineCustomStringVariable("oms.agency",
							   "Name of the agency in the ids of oms.changes_since().",
							   "Small letters, digits and hyphens, up to 63.",
							   &oms_agency, "oms", PGC_SUSET, 0,
							   check_agency, NULL, NULL);

	DefineCustomBoolVariable("oms.allow_moved_clock",
							 "Whether oms.now may be used where there are events of the real clock.",
							 "For databases of tests and simulations.",
							 &oms_allow_moved_clock, false, PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable("oms.databases",
							   "The databases that workers serve, separated by commas.",
							   "\"*\" stands for every database that has the extension.",
							   &oms_databases, "*", PGC_SIGHUP, GUC_LIST_INPUT,
							   check_databases, NULL, NULL);

	DefineCustomEnumVariable("oms.dispatch",
							 "How events reach the listeners.",
							 "\"worker\" leaves them to the worker of the database, \"transaction\" sends "
							 "them with the commit of the change (as \"worker\" does where no worker can "
							 "run), \"off\" sends none; the queue itself is not affected.",
							 &oms_dispatch_mode, OMS_DISPATCH_WORKER, dispatch_modes,
							 PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomEnumVariable("oms.dispatch_channel",
							 "Which channel carries dispatch events.",
							 "\"shared\" is oms_dispatch for all, \"owner\" is oms_dispatch.<owner> for each "
							 "owner; oms.dispatch_channel(owner) tells the name.",
							 &oms_dispatch_channel, OMS_CHANNEL_SHARED, dispatch_channels,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("oms.gather",
							"How long the worker gathers events at the most.",
							"It does so while events come fast and sending them is expensive; single events are sent at once.",
							&oms_gather, 50, 0, 1000, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);

	DefineCustomIntVariable("oms.max_data_size",
							"Largest data of a ticket.",
							NULL, &oms_max_data_size, 4096, 1, 262144, PGC_SUSET, GUC_UNIT_KB,
							NULL, NULL, NULL);

	/* without preloading it has no effect, and comes too late to be one that needs a restart */
	DefineCustomIntVariable("oms.max_databases",
							"How many databases of the server can have a worker.",
							NULL, &oms_max_databases, 16, 1, 1000,
							preloading ? PGC_POSTMASTER : PGC_SIGHUP, 0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("oms.max_definition_size",
							"Largest definition of a workflow.",
							NULL, &oms_max_definition_size, 4096, 1, 262144, PGC_SUSET, GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("oms.max_message_size",
							"Largest payload of a message.",
							NULL, &oms_max_message_size, 4096, 1, 262144, PGC_SUSET, GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("oms.max_messages_per_role",
							"Most messages that a role may have sent and that no stage has got yet.",
							"0 is no limit. Superusers are not limited.",
							&oms_max_messages_per_role, 0, 0, PG_INT32_MAX, PGC_SUSET, 0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("oms.max_note_size",
							"Largest note, reason, error or comment.",
							NULL, &oms_max_note_size, 1024, 1, 262144, PGC_SUSET, GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("oms.max_open_tickets_per_role",
							"Most tickets that a role may have opened and that are not closed.",
							"0 is no limit. Superusers are not limited.",
							&oms_max_open_tickets_per_role, 0, 0, PG_INT32_MAX, PGC_SUSET, 0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("oms.max_output_size",
							"Largest output of a stage.",
							NULL, &oms_max_output_size, 4096, 1, 262144, PGC_SUSET, GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("oms.max_ticket_output_size",
							"Largest sum of the outputs of a ticket.",
							"A claim hands out all outputs that a stage depends on, which the server can do up to 256 MB.",
							&oms_max_ticket_output_size, 65536, 1, 131072, PGC_SUSET, GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomStringVariable("oms.now",
							   "Stops the clock of the session at this moment.",
							   "Empty: the server's clock. For tests and simulations.",
							   &clock_text, "", PGC_SUSET, GUC_NOT_IN_SAMPLE,
							   oms_clock_check, oms_clock_assign, NULL);

	DefineCustomIntVariable("oms.seal_interval",
							"How often the worker seals what changed.",
							"0 leaves it to oms.seal().",
							&oms_seal_interval, 3600, 0, 604800, PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomBoolVariable("oms.start_after_promotion",
							 "Whether workers start when a standby is promoted.",
							 NULL, &oms_start_after_promotion, true, PGC_SIGHUP, 0,
							 NULL, NULL, NULL);

	DefineCustomBoolVariable("oms.worker",
							 "Whether a worker serves the database.",
							 "ALTER DATABASE ... SET oms.worker = off keeps it away from one database.",
							 &oms_worker_enabled, true, PGC_SUSET, 0, NULL, NULL, NULL);

	MarkGUCPrefixReserved("oms");
}
