/*
 * metrics_api.c
 *		The metrics of this database, as rows and in Prometheus' text format.
 *
 * Nothing here comes from tickets but their numbers, and of names only those of owners.  What needs counting
 * is counted now and then (worker/kept_metrics.c); the rest is read from shared memory, or looked up.
 */
#include "postgres.h"

#include "common/shortest_dec.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "api/health.h"
#include "clock.h"
#include "store/metrics.h"
#include "worker/kept_metrics.h"

PG_FUNCTION_INFO_V1(oms_metrics);
PG_FUNCTION_INFO_V1(oms_metrics_text);

#define SECONDS(usecs)	((usecs) / 1000000.0)

/* Where samples go: rows, or text */
typedef struct Sink
{
	ReturnSetInfo *result;		/* NULL: text */
	StringInfoData text;
	const char *family;			/* of the sample before */
} Sink;

/* Families come one after the other, each sample with what is said of the family */
typedef struct Family
{
	const char *name;
	const char *type;
	const char *help;
} Family;

typedef struct Label
{
	const char *key;			/* NULL: no label */
	const char *value;
} Label;

static const Label no_label = {NULL, NULL};

/* ---- samples ---- */

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	pushJsonbValue(state, token, &value);
}

static Jsonb *
labels_object(const Label *labels)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < 2 && labels[i].key != NULL; i++)
	{
		push_string(&state, WJB_KEY, labels[i].key);
		push_string(&state, WJB_VALUE, labels[i].value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static void
put_row(Sink *sink, const Family *family, const char *suffix, const Label *labels, double value)
{
	Datum		values[5] = {CStringGetTextDatum(psprintf("%s%s", family->name, suffix)),
		JsonbPGetDatum(labels_object(labels)), Float8GetDatum(value), CStringGetTextDatum(family->type),
	CStringGetTextDatum(family->help)};
	bool		nulls[5] = {false};

	tuplestore_putvalues(sink->result->setResult, sink->result->setDesc, values, nulls);
}

/*
 * The value of a label: quotes, backslashes and line feeds are escaped, anything else may be in it.
 */
static void
put_label(StringInfo text, const Label *label)
{
	appendStringInfo(text, "%s=\"", label->key);
	for (const char *p = label->value; *p != '\0'; p++)
	{
		if (*p == '\n')
			appendStringInfoString(text, "\\n");
		else
		{
			if (*p == '"' || *p == '\\')
				appendStringInfoChar(text, '\\');
			appendStringInfoChar(text, *p);
		}
	}
	appendStringInfoChar(text, '"');
}

static void
put_line(Sink *sink, const Family *family, const char *suffix, const Label *labels, double value)
{
	StringInfo	text = &sink->text;
	char		number[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (sink->family == NULL || strcmp(sink->family, family->name) != 0)
		appendStringInfo(text, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
						 family->type);
	sink->family = family->name;
	appendStringInfo(text, "%s%s", family->name, suffix);
	for (int i = 0; i < 2 && labels[i].key != NULL; i++)
	{
		appendStringInfoChar(text, i == 0 ? '{' : ',');
		put_label(text, &labels[i]);
		if (i == 1 || labels[i + 1].key == NULL)
			appendStringInfoChar(text, '}');
	}
	double_to_shortest_decimal_buf(value, number);
	appendStringInfo(text, " %s\n", number);
}

static void
put_sample(Sink *sink, const Family *family, const char *suffix, Label first, Label second, double value)
{
	Label		labels[2] = {first, second};

	if (sink->result != NULL)
		put_row(sink, family, suffix, labels, value);
	else
		put_line(sink, family, suffix, labels, value);
}

static void
put(Sink *sink, const char *name, const char *type, const char *help, double value)
{
	Family		family = {name, type, help};

	put_sample(sink, &family, "", no_label, no_label, value);
}

static void
put_gauge(Sink *sink, const char *name, const char *help, double value)
{
	put(sink, name, "gauge", help, value);
}

static void
put_counter(Sink *sink, const char *name, const char *help, double value)
{
	put(sink, name, "counter", help, value);
}

/* Each member of a family with one label */
static void
put_labelled(Sink *sink, const char *name, const char *help, const char *key, const char *of, double value)
{
	Family		family = {name, "gauge", help};
	Label		label = {key, of};

	put_sample(sink, &family, "", label, no_label, value);
}

/* ---- what happened ---- */

static const struct
{
	OmsCounter	counter;
	const char *name;
	const char *help;
}			counters[] =
{
	{OMS_COUNTER_OPENED, "oms_tickets_opened_total", "Tickets opened since the server started."},
	{OMS_COUNTER_FINISHED, "oms_stages_finished_total", "Stages done since the server started."},
	{OMS_COUNTER_FAILURES, "oms_failures_total", "Stages that failed for good since the server started."},
	{OMS_COUNTER_BREACHES, "oms_breaches_total", "Time limits breached since the server started."},
	{OMS_COUNTER_WARNINGS, "oms_warnings_total", "Warnings of clocks since the server started."},
	{OMS_COUNTER_ESCALATIONS, "oms_escalations_total", "Escalations since the server started."},
	{OMS_COUNTER_UNROUTED, "oms_unrouted_total", "Alerts with nobody to tell since the server started."},
	{OMS_COUNTER_TIMERS, "oms_timers_fired_total", "Timers fired by the worker and oms.tick() since the server started."}
};

static const Family timed_calls[OMS_TIMED_CALLS] =
{
	[OMS_TIMED_CLAIM] = {"oms_claim_seconds", "histogram",
	"Time of calls of oms.claim() that took something, without the commit."},
	[OMS_TIMED_EMPTY_CLAIM] = {"oms_claim_empty_seconds", "histogram",
	"Time of calls of oms.claim() that found nothing, without the commit."},
	[OMS_TIMED_DONE] = {"oms_done_seconds", "histogram",
	"Time of calls of oms.stage_done(), without the commit."}
};

static uint64
read_number(OmsDatabase *slot, int number)
{
	return pg_atomic_read_u64(&slot->counters.numbers[number]);
}

/*
 * A histogram as Prometheus has it: each bucket with what is below it.
 */
static void
put_histogram(Sink *sink, OmsDatabase *slot, OmsTimedCall call)
{
	const Family *family = &timed_calls[call];
	uint64		count = 0;

	for (int i = 0; i < OMS_TIME_BUCKETS; i++)
	{
		char		le[DOUBLE_SHORTEST_DECIMAL_LEN] = "+Inf";
		Label		label = {"le", le};

		if (i < OMS_TIME_BUCKETS - 1)
			snprintf(le, sizeof(le), "%g", SECONDS(oms_time_buckets[i]));
		count += read_number(slot, OMS_TIME_BUCKET(call, i));
		put_sample(sink, family, "_bucket", label, no_label, count);
	}
	put_sample(sink, family, "_sum", no_label, no_label, SECONDS(read_number(slot, OMS_TIME_SUM(call))));
	put_sample(sink, family, "_count", no_label, no_label, count);
}

static void
put_counters(Sink *sink, OmsDatabase *slot)
{
	for (int i = 0; i < (int) lengthof(counters); i++)
		put_counter(sink, counters[i].name, counters[i].help, read_number(slot, counters[i].counter));
	for (int i = 0; i < OMS_TIMED_CALLS; i++)
		put_histogram(sink, slot, i);
}

/* ---- the worker ---- */

static void
put_lateness(Sink *sink, const OmsWorkerStats *stats)
{
	static const struct
	{
		const char *name;
		double		share;
	}			quantiles[] = {{"0.5", 0.5}, {"0.99", 0.99}, {"1", 1}};

	for (int i = 0; i < (int) lengthof(quantiles); i++)
		put_labelled(sink, "oms_timer_lateness_seconds",
					 "How late timers fired since the worker started, upper bounds within a factor of two.",
					 "quantile", quantiles[i].name, oms_shared_late(stats, quantiles[i].share) / 1000);
}

static void
put_worker(Sink *sink, const OmsHealth *health)
{
	OmsWorkerStats stats = health->slot->stats;

	for (int i = 0; i < OMS_WORKER_STATES; i++)
		put_labelled(sink, "oms_worker_state", "1 for the present state of the worker.", "state",
					 oms_shared_state_name(i), i == (int) health->state);
	if (health->last_alive != 0)
		put_gauge(sink, "oms_worker_last_tick_seconds",
				  "Age of the last sign of life of the worker; an idle one gives one at least once a minute.",
				  SECONDS(Max(health->checked_at - health->last_alive, 0)));
	put_gauge(sink, "oms_events_backlog", "Events that wait in shared memory to be sent.", health->backlog);
	put_counter(sink, "oms_events_sent_total", "Events sent since the worker started.", stats.events_sent);
	put_counter(sink, "oms_batches_sent_total", "Transactions that sent events since the worker started.",
				stats.batches_sent);
	put_counter(sink, "oms_worker_errors_total", "Errors of timers and of sending since the worker started.",
				stats.errors);
	put_gauge(sink, "oms_failing_timers", "Timers in oms.worker_errors.", health->failing[OMS_STEP_TIMERS]);
	put_lateness(sink, &stats);
}

/* ---- open work ---- */

typedef double (*OwnerMetric) (const OmsOpenOwner *owner, TimestampTz now);

static double
depth(const OmsOpenOwner *owner, TimestampTz now)
{
	return owner->queued;
}

static double
oldest(const OmsOpenOwner *owner, TimestampTz now)
{
	return owner->oldest == DT_NOEND ? 0 : SECONDS(Max(now - owner->oldest, 0));
}

static double
overdue(const OmsOpenOwner *owner, TimestampTz now)
{
	return owner->overdue;
}

static void
put_owners(Sink *sink, const OmsOpenWork *work, const char *name, const char *help, OwnerMetric figure)
{
	TimestampTz now = oms_clock_now();

	for (int i = 0; i < work->nowners; i++)
		put_labelled(sink, name, help, "owner", work->owners[i].owner, figure(&work->owners[i], now));
}

static void
put_stages(Sink *sink, const OmsOpenWork *work)
{
	static const Family family = {"oms_stages", "gauge", "Stages that are not finished, beside those in the queue."};

	for (int i = 0; i < work->nowners; i++)
	{
		const OmsOpenOwner *owner = &work->owners[i];
		Label		label = {"owner", owner->owner};
		Label		awaiting = {"status", "awaiting"};
		Label		in_progress = {"status", "in_progress"};
		Label		on_hold = {"status", "on_hold"};
		Label		failed = {"status", "failed"};

		put_sample(sink, &family, "", label, awaiting, owner->awaiting);
		put_sample(sink, &family, "", label, in_progress, owner->in_progress);
		put_sample(sink, &family, "", label, on_hold, owner->on_hold);
		put_sample(sink, &family, "", label, failed, owner->failed);
	}
}

static void
put_open_work(Sink *sink)
{
	OmsOpenWork *work = palloc(sizeof(OmsOpenWork));

	if (!oms_metrics_open_work(work))
		return;
	put_owners(sink, work, "oms_queue_depth", "Queued stages.", depth);
	put_owners(sink, work, "oms_queue_oldest_seconds", "For how long the oldest of the queued stages has been queued.", oldest);
	put_owners(sink, work, "oms_overdue", "Open stages past their time limit.", overdue);
	put_stages(sink, work);
	put_gauge(sink, "oms_messages_kept", "Messages that no stage has got yet.", work->messages);
	put_gauge(sink, "oms_ticket_numbers", "Ticket numbers that this database may give out: all, or those of its ranges.",
			  work->numbers);
	put_gauge(sink, "oms_ticket_numbers_left", "Tickets that can still be opened in this database.", work->numbers_left);
	put_gauge(sink, "oms_database_size_bytes", "Size of the database.", work->database_bytes);
	for (int i = 0; i < OMS_COUNTED_TABLES_COUNT; i++)
		put_labelled(sink, "oms_table_size_bytes", "Size of a table with its indexes.", "table",
					 oms_counted_tables[i], work->table_bytes[i]);
	put_gauge(sink, "oms_open_age_seconds", "Age of the figures of open work and of the sizes.",
			  SECONDS(oms_clock_steady() - work->counted_at));
	pfree(work);
}

/* ---- evidence ---- */

static void
put_checks(Sink *sink)
{
	static const struct
	{
		const char *problems;
		const char *checked_at;
		const char *help;
	}			checks[] =
	{
		[OMS_CHECK_CHAIN] = {"oms_chain_problems", "oms_chain_checked_timestamp_seconds",
		"oms.verify_timeline() over everything"},
		[OMS_CHECK_SEALS] = {"oms_seal_problems", "oms_seal_checked_timestamp_seconds", "oms.verify_seals()"},
		[OMS_CHECK_MODEL] = {"oms_check_problems", "oms_check_checked_timestamp_seconds",
		"oms.check() over everything"}
	};

	for (int i = 0; i < OMS_CHECKS; i++)
	{
		OmsCheckResult result = oms_metrics_check(i);

		if (result.checked_at == 0)
			continue;
		put_gauge(sink, checks[i].problems, psprintf("Found by the last run of %s.", checks[i].help),
				  result.problems);
		put_gauge(sink, checks[i].checked_at, psprintf("When %s last ran, in seconds since 1970.", checks[i].help),
				  SECONDS(oms_unix_usecs(result.checked_at)));
	}
}

static void
put_seal_age(Sink *sink)
{
	TimestampTz last = oms_store_last_seal();

	if (last != DT_NOEND)
		put_gauge(sink, "oms_seal_age_seconds", "Age of the last seal; without a change none is made.",
				  SECONDS(Max(oms_clock_now() - last, 0)));
}

/* ---- all of it ---- */

static void
put_health(Sink *sink, const OmsHealth *health)
{
	Family		info = {"oms_info", "gauge", "The version of the library."};
	Label		version = {"version", OMS_VERSION};

	put_sample(sink, &info, "", version, no_label, 1);
	put_gauge(sink, "oms_health", "2 good, 1 degraded, 0 bad; oms.health() says why.", health->status);
	put_gauge(sink, "oms_in_recovery", "1 on a standby.", health->standby);
	put_gauge(sink, "oms_worker_expected", "1 if a worker should serve this database.", health->worker_expected);
	put_gauge(sink, "oms_worker_up", "1 if a worker serves this database.", health->worker_up);
	if (health->readable && !health->standby)
		put_gauge(sink, "oms_timers_overdue_seconds", "How late the oldest timer that is due is; failing ones are left out.",
				  SECONDS(health->late));
	if (!health->standby)
	{
		Family		snapshot = {"oms_oldest_snapshot_transactions", "gauge",
		"For how many transactions dead rows are kept, and by whom."};
		Label		holder = {"holder", health->oldest.holder};
		Label		who = {"holder_name", health->oldest.name};

		put_sample(sink, &snapshot, "", holder, who, health->oldest.transactions);
		put_gauge(sink, "oms_horizon_lag_transactions",
				  "For how many transactions a running one holds events back.",
				  health->horizon_lag);
	}
	if (!health->standby)
		put_gauge(sink, "oms_notify_queue_ratio", "How full the server's queue of notifications is.",
				  health->notify_queue);
	put_gauge(sink, "oms_guard_problems", "What oms_internal.check_guards finds.", health->guard_problems);
}

static void
put_everything(Sink *sink)
{
	OmsHealth	health;

	oms_look_begin();
	oms_health_look(&health);
	put_health(sink, &health);
	if (health.slot != NULL)
	{
		put_counters(sink, health.slot);
		put_worker(sink, &health);
	}
	put_checks(sink);
	if (health.readable)
	{
		put_seal_age(sink);
		put_open_work(sink);
	}
	oms_look_end();
}

/*
 * metrics() → TABLE(name, labels, value, type, help)
 */
Datum
oms_metrics(PG_FUNCTION_ARGS)
{
	Sink		sink = {.result = (ReturnSetInfo *) fcinfo->resultinfo};

	InitMaterializedSRF(fcinfo, 0);
	put_everything(&sink);
	return (Datum) 0;
}

/*
 * metrics_text() → text
 */
Datum
oms_metrics_text(PG_FUNCTION_ARGS)
{
	Sink		sink = {.result = NULL};

	initStringInfo(&sink.text);
	put_everything(&sink);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(sink.text.data, sink.text.len));
}
