/*
 * health_api.c
 *		Is this database well, and why not?
 *
 * For load balancers and people: it looks at shared memory, the catalogs and one end of an index, counts
 * nothing, waits for no table, and raises no error for what can be told as a reason.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "api/health.h"
#include "clock.h"
#include "engine/event.h"
#include "guc.h"
#include "shared/failures.h"
#include "store/calendar.h"
#include "store/cron.h"
#include "store/horizon.h"
#include "store/identity.h"
#include "store/metrics.h"
#include "store/numbers.h"
#include "store/outbox.h"
#include "store/owner.h"
#include "worker/kept_metrics.h"

PG_FUNCTION_INFO_V1(oms_health);

/* A worker that is not there is on its way for that long, in seconds */
#define START_SECS			60
/* A worker that gives no sign of life is busy for that long; an idle one looks up once a minute */
#define SILENT_SECS			300
/* Timers may be late by that much; where no worker can fire them, pg_cron does it once a minute */
#define LATE_SECS			5
#define VERY_LATE_SECS		60
#define LATE_CRON_SECS		90
#define VERY_LATE_CRON_SECS 180
/* Full by that much is too full */
#define NOTIFY_QUEUE_SHARE	0.5
#define BACKLOG_EVENTS		(OMS_RING_SIZE / 2)
/* A calendar that ends is told so many days before */
#define CALENDAR_DAYS		42
/* A prepared transaction keeps its tickets locked; two-phase commits take no longer than that */
#define PREPARED_SECS		300
/* So many transactions leave dead rows in the queues that are felt, and as many are held back from readers */
#define OLD_TRANSACTIONS	100000

static void
add_reason(OmsHealth *health, OmsHealthStatus status, char *reason)
{
	health->status = Min(health->status, status);
	health->reasons = lappend(health->reasons, reason);
}

static int64
seconds_since(const OmsHealth *health, TimestampTz then)
{
	return Max(health->checked_at - then, 0) / USECS_PER_SEC;
}

/* ---- the worker ---- */

/*
 * There should be a worker and is not: the launcher sees to it in a moment, or something is in its way.
 */
static void
worker_is_away(OmsHealth *health)
{
	TimestampTz since = PgStartTime;
	int64		gone;

	if (health->slot == NULL)
	{
		add_reason(health, oms_shared_has_room() ? OMS_HEALTH_DEGRADED : OMS_HEALTH_BAD,
				   pstrdup(oms_shared_has_room() ? "worker: not there yet"
						   : "worker: no slot in oms (oms.max_databases)"));
		return;
	}
	if (oms_shared->was_standby && !oms_start_after_promotion)
	{
		add_reason(health, OMS_HEALTH_BAD,
				   pstrdup("worker: waits after the promotion (oms.start_after_promotion is off)"));
		return;
	}
	since = Max(Max(since, health->slot->known_since), health->last_alive);
	gone = seconds_since(health, since);
	add_reason(health, gone > START_SECS ? OMS_HEALTH_BAD : OMS_HEALTH_DEGRADED,
			   psprintf("worker: not there for " INT64_FORMAT " s (%s)", gone,
						oms_shared_state_name(health->state)));
}

static void
look_at_state(OmsHealth *health)
{
	int64		silent;

	switch (health->state)
	{
		case OMS_WORKER_RUNNING:
			silent = seconds_since(health, health->last_alive);
			if (silent > SILENT_SECS)
				add_reason(health, OMS_HEALTH_DEGRADED,
						   psprintf("worker: no sign of life for " INT64_FORMAT " s", silent));
			break;
		case OMS_WORKER_NO_SLOT:
			add_reason(health, OMS_HEALTH_BAD, pstrdup("worker: no slot (max_worker_processes)"));
			break;
		case OMS_WORKER_BLOCKED:
			add_reason(health, OMS_HEALTH_BAD, pstrdup("worker: wrong version"));
			break;
		case OMS_WORKER_INACTIVE:
			/* told as "home" */
			break;
		default:
			worker_is_away(health);
	}
}

static bool
is_listed(void)
{
	return oms_guc_lists(get_database_name(MyDatabaseId));
}

/*
 * Is a worker to serve this database now?  As long as none has looked at it, the setting of this session
 * has to do.
 */
static bool
is_expected(const OmsHealth *health)
{
	if (oms_shared == NULL || health->standby)
		return false;
	if (health->slot == NULL || health->state == OMS_WORKER_UNKNOWN || health->state == OMS_WORKER_STARTING)
		return oms_worker_enabled && is_listed();
	return health->state != OMS_WORKER_OFF && health->state != OMS_WORKER_UNWANTED;
}

static void
read_slot(OmsHealth *health)
{
	OmsDatabase *slot = oms_shared == NULL ? NULL : oms_shared_database(MyDatabaseId, false);

	health->slot = slot;
	if (slot == NULL)
		return;
	SpinLockAcquire(&slot->mutex);
	health->state = slot->state;
	health->worker_up = slot->pid != 0 && slot->state == OMS_WORKER_RUNNING;
	SpinLockRelease(&slot->mutex);
	health->last_alive = slot->stats.last_alive;
	health->backlog = (int64) (pg_atomic_read_u64(&slot->write_pos) - pg_atomic_read_u64(&slot->read_pos));
}

/*
 * Tickets that are left alone for a while since they raised an error.
 */
static void
look_at_failures(OmsHealth *health)
{
	health->nbad = oms_failures_list(health->bad);
	for (int i = 0; i < health->nbad; i++)
		health->failing[health->bad[i].step]++;
	for (int i = 0; i < OMS_STEPS; i++)
		if (health->failing[i] > 0)
			add_reason(health, OMS_HEALTH_DEGRADED,
					   psprintf("%s: %d %s, see oms.worker_errors", oms_shared_step_name(i), health->failing[i],
								i == OMS_STEP_TIMERS ? "failed" : i == OMS_STEP_EVENTS ? "cannot be sent"
								: health->failing[i] == 1 ? "ticket passed over" : "tickets passed over"));
}

/*
 * A step that fails is told by its name; the two that send are one to whoever waits for events.
 */
static void
look_at_steps(OmsHealth *health)
{
	const OmsFailure *failed = health->slot->failed;

	if (failed[OMS_STEP_EVENTS].failures > 0 || failed[OMS_STEP_ANNOUNCE].failures > 0)
		add_reason(health, OMS_HEALTH_DEGRADED, pstrdup("events: sending fails, see oms.worker_errors"));
	for (int i = 0; i < OMS_STEPS; i++)
		if (failed[i].failures > 0 && i != OMS_STEP_EVENTS && i != OMS_STEP_ANNOUNCE)
			add_reason(health, OMS_HEALTH_DEGRADED,
					   psprintf("%s: fails, see oms.worker_errors", oms_shared_step_name(i)));
}

static void
look_at_worker(OmsHealth *health)
{
	health->worker_expected = is_expected(health);
	if (health->standby)
		return;
	if (health->worker_expected)
		look_at_state(health);
	else if (health->readable && !oms_store_cron_ticks())
		add_reason(health, OMS_HEALTH_DEGRADED,
				   psprintf("worker: %s, and no job of pg_cron calls oms.tick()",
							oms_shared == NULL ? "oms is not in shared_preload_libraries"
							: health->state == OMS_WORKER_UNWANTED || !is_listed() ? "not wanted (oms.databases)"
							: "off (oms.worker)"));
	look_at_failures(health);
	if (health->slot == NULL)
		return;
	look_at_steps(health);
	if (health->backlog > BACKLOG_EVENTS)
		add_reason(health, OMS_HEALTH_DEGRADED,
				   psprintf("events: " INT64_FORMAT " wait to be sent", health->backlog));
}

/* ---- the tables ---- */

/* What has failed is told by itself, and left alone for a while */
static bool
has_failed(void *context, OmsTicketId ticket, int stage)
{
	const OmsHealth *health = context;

	return oms_failures_find(health->bad, health->nbad, OMS_STEP_TIMERS, ticket, stage) != NULL;
}

static void
look_at_timers(OmsHealth *health)
{
	TimestampTz first;
	int			limit = health->worker_expected ? LATE_SECS : LATE_CRON_SECS;
	int			most = health->worker_expected ? VERY_LATE_SECS : VERY_LATE_CRON_SECS;
	int64		late;

	first = oms_store_first_timer(has_failed, health);
	if (first == DT_NOEND)
		return;
	health->late = Max(oms_clock_now() - first, 0);
	late = health->late / USECS_PER_SEC;
	if (late >= limit)
		add_reason(health, late >= most ? OMS_HEALTH_BAD : OMS_HEALTH_DEGRADED,
				   psprintf("timers: late by " INT64_FORMAT " s", late));
}

/*
 * A calendar that cannot be read, one that ends soon while clocks run by it, and a clock that no calendar
 * brings to an end.
 */
static void
look_at_calendars(OmsHealth *health)
{
	TimestampTz now = oms_clock_now();
	const OmsCalendar *endless;
	OmsTicketId ticket;
	ListCell   *cell;
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	foreach(cell, oms_store_current_calendars())
	{
		const OmsCalendar *calendar = lfirst(cell);
		TimestampTz ends = oms_calendar_ends(calendar);

		if (calendar->problem != NULL)
			add_reason(health, OMS_HEALTH_BAD,
					   psprintf("calendar: %s cannot be read, %s", calendar->name, calendar->problem));
		else if (ends > now && ends - now < CALENDAR_DAYS * USECS_PER_DAY && oms_store_clock_runs_by(calendar))
			add_reason(health, OMS_HEALTH_DEGRADED,
					   psprintf("calendar: %s ends %s, and clocks run by it", calendar->name,
								oms_time_text(ends)));
	}
	endless = oms_store_endless_clock(&ticket);
	if (endless != NULL && endless->problem == NULL)
		add_reason(health, OMS_HEALTH_DEGRADED,
				   psprintf("calendar: %s has no open time, and %s has no due time by it", endless->name,
							oms_ticket_id_to_text(ticket, number)));
}

static void
look_at_numbers(OmsHealth *health)
{
	const char *behind = oms_store_number_behind();

	if (behind != NULL)
		add_reason(health, OMS_HEALTH_DEGRADED,
				   psprintf("numbers: oms.%s is behind what was given out; oms.activate() moves it, and so does who draws from it next", behind));
}

static void
look_at_members(OmsHealth *health)
{
	char	   *owner;
	char	   *member;
	int64		count = oms_store_lost_members(&owner, &member);

	if (count > 0)
		add_reason(health, OMS_HEALTH_DEGRADED,
				   psprintf("members: " INT64_FORMAT " of owners are no roles, as %s of %s; see oms.set_owner()",
							count, member, owner));
}

static void
look_at_tables(OmsHealth *health)
{
	if (!oms_store_at_home() && oms_store_settled())
		add_reason(health, OMS_HEALTH_BAD,
				   pstrdup("home: the data belongs to another database or server; oms.activate() if work goes on here"));
	look_at_calendars(health);
	if (!health->standby)
		look_at_timers(health);
	look_at_numbers(health);
	look_at_members(health);
}

static void
look_at_guards(OmsHealth *health)
{
	health->guard_problems = oms_store_guard_problems();
	if (health->guard_problems > 0)
		add_reason(health, OMS_HEALTH_BAD,
				   psprintf("guards: %d do not stand, see oms_internal.check_guards", health->guard_problems));
}

static void
look_at_checks(OmsHealth *health)
{
	static const char *const names[] =
	{
		[OMS_CHECK_CHAIN] = "chain: %s problems found by oms.verify_timeline()",
		[OMS_CHECK_SEALS] = "seals: %s problems found by oms.verify_seals()",
		[OMS_CHECK_MODEL] = "check: %s problems found by oms.check()"
	};

	for (int i = 0; i < OMS_CHECKS; i++)
	{
		OmsCheckResult result = oms_metrics_check(i);

		if (result.problems > 0)
			add_reason(health, OMS_HEALTH_BAD, psprintf(names[i], psprintf(INT64_FORMAT, result.problems)));
	}
}

/* ---- the server ---- */

static double
notify_queue(void)
{
	LOCAL_FCINFO(fcinfo, 0);

	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	return DatumGetFloat8(pg_notification_queue_usage(fcinfo));
}

/*
 * Is there somebody for whom dead rows are kept, or events held back?
 */
static void
look_at_horizons(OmsHealth *health)
{
	if (oms_store_oldest_snapshot(&health->oldest) && health->oldest.transactions >= OLD_TRANSACTIONS)
		add_reason(health, OMS_HEALTH_DEGRADED,
				   psprintf("snapshot: %s \"%s\"%s keeps dead rows of %d transactions", health->oldest.holder,
							health->oldest.name,
							health->oldest.pid == 0 ? "" : psprintf(" (PID %d)", health->oldest.pid),
							health->oldest.transactions));
	health->horizon_lag = (int64) (U64FromFullTransactionId(ReadNextFullTransactionId()) -
								   oms_store_oldest_transaction());
	if (health->horizon_lag >= OLD_TRANSACTIONS)
		add_reason(health, OMS_HEALTH_DEGRADED,
				   psprintf("horizon: a transaction holds back events of " INT64_FORMAT " transactions", health->horizon_lag));
}

static void
look_at_server(OmsHealth *health)
{
	TimestampTz prepared;

	if (health->standby)
		return;
	health->notify_queue = notify_queue();
	if (health->notify_queue > NOTIFY_QUEUE_SHARE)
		add_reason(health, OMS_HEALTH_DEGRADED,
				   psprintf("notify: the queue of the server is %d %% full", (int) (health->notify_queue * 100)));
	look_at_horizons(health);
	prepared = oms_store_oldest_prepared();
	if (prepared != DT_NOEND && seconds_since(health, prepared) >= PREPARED_SECS)
		add_reason(health, OMS_HEALTH_DEGRADED,
				   psprintf("prepared: a transaction has been prepared for " INT64_FORMAT " s",
							seconds_since(health, prepared)));
}

/*
 * Look at everything.  With SQL objects that do not belong to the library, or that it may not be allowed to read,
 * nothing but that is told.
 */
void
oms_health_look(OmsHealth *health)
{
	const char *hint;
	char	   *misfit;
	char	   *given_away;
	char	   *owner;

	memset(health, 0, sizeof(OmsHealth));
	health->status = OMS_HEALTH_GOOD;
	health->checked_at = oms_clock_now();
	health->standby = RecoveryInProgress();
	read_slot(health);
	misfit = oms_store_misfit(&hint);
	if (misfit != NULL)
	{
		add_reason(health, OMS_HEALTH_BAD, psprintf("version: %s", misfit));
		return;
	}
	given_away = oms_store_given_away(&owner);
	if (given_away != NULL)
	{
		add_reason(health, OMS_HEALTH_BAD,
				   psprintf("owner: %s does not belong to %s, as the extension does; OWNER TO gives it back",
							given_away, owner));
		return;
	}
	health->readable = oms_store_try_tables();
	look_at_worker(health);
	if (health->readable)
		look_at_tables(health);
	else
		add_reason(health, OMS_HEALTH_DEGRADED, pstrdup("tables: locked by another session"));
	look_at_guards(health);
	look_at_checks(health);
	look_at_server(health);
}

static Datum
reasons_array(List *reasons)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(reasons), 1));
	int			count = 0;
	ListCell   *cell;

	foreach(cell, reasons)
		values[count++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(values, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * health() → TABLE(status, reasons, …), one row
 */
Datum
oms_health(PG_FUNCTION_ARGS)
{
	static const char *const words[] =
	{
		[OMS_HEALTH_BAD] = "bad",
		[OMS_HEALTH_DEGRADED] = "degraded",
		[OMS_HEALTH_GOOD] = "good"
	};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OmsHealth	health;
	Interval   *late;
	Datum		values[8];
	bool		nulls[8] = {false};

	InitMaterializedSRF(fcinfo, 0);
	oms_look_begin();
	oms_health_look(&health);
	oms_look_end();
	values[0] = CStringGetTextDatum(words[health.status]);
	values[1] = reasons_array(health.reasons);
	values[2] = TimestampTzGetDatum(health.checked_at);
	values[3] = BoolGetDatum(health.standby);
	values[4] = CStringGetTextDatum(oms_shared_state_name(health.state));
	nulls[4] = health.slot == NULL || health.standby;
	late = palloc0(sizeof(Interval));
	late->time = health.late;
	values[5] = IntervalPGetDatum(late);
	nulls[5] = !health.readable || health.standby;
	values[6] = Int64GetDatum(health.backlog);
	nulls[6] = health.slot == NULL || health.standby;
	values[7] = CStringGetTextDatum(OMS_VERSION);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
