/*
 * retries.c
 *		Timers that raised an error, and events that cannot be sent: left alone for a while, and tried again.
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "shared/failures.h"
#include "worker/worker.h"

/* Shortest and longest pause, in milliseconds */
#define RETRY_MS		1000
#define RETRY_MAX_MS	3600000

void
oms_retries_make(void)
{
	HASHCTL		control = {.keysize = sizeof(OmsRetryKey), .entrysize = sizeof(OmsRetry),
	.hcxt = TopMemoryContext};

	oms_worker.retries = hash_create("oms retries", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

OmsRetryKey
oms_retry_of_timer(OmsTicketId ticket, int stage)
{
	OmsRetryKey key = {.ticket = ticket, .stage = stage, .step = OMS_STEP_TIMERS};

	return key;
}

OmsRetryKey
oms_retry_of_event(const OmsRingEntry *event)
{
	OmsRetryKey key = {.ticket = event->ticket, .stage = event->stage, .step = OMS_STEP_EVENTS,
	.channel = event->channel, .word = event->word};

	return key;
}

/*
 * Is a timer left alone for now?
 */
bool
oms_retry_waits(OmsTicketId ticket, int stage)
{
	OmsRetryKey key = oms_retry_of_timer(ticket, stage);
	OmsRetry   *retry = hash_search(oms_worker.retries, &key, HASH_FIND, NULL);

	return retry != NULL && retry->retry_at > oms_clock_steady();
}

static void
show(const OmsRetry *retry, const char *error)
{
	OmsBadTicket shown = {.ticket = retry->key.ticket, .stage = retry->key.stage, .step = retry->key.step};

	shown.failure.failures = retry->failures;
	shown.failure.retry_at = oms_worker_after(oms_clock_wall(),
											  TimestampDifferenceMilliseconds(oms_clock_steady(), retry->retry_at));
	strlcpy(shown.failure.error, error, sizeof(shown.failure.error));
	oms_failures_show(&shown);
}

/*
 * It does not fail any more.
 */
void
oms_retry_forget(const OmsRetryKey *key)
{
	oms_failures_hide(key->step, key->ticket, key->stage);
	hash_search(oms_worker.retries, key, HASH_REMOVE, NULL);
}

/*
 * The error that is being handled is that of one ticket: leave it alone for a while, longer each time, and
 * let its first failure stand in the log.
 */
OmsRetry *
oms_retry_later(const OmsRetryKey *key)
{
	bool		known;
	OmsRetry   *retry = hash_search(oms_worker.retries, key, HASH_ENTER, &known);

	if (!known)
		retry->failures = 0;
	retry->retry_at = oms_worker_after(oms_clock_steady(), Min((long) RETRY_MS << Min(retry->failures, 12), RETRY_MAX_MS));
	retry->failures++;
	oms_worker_note_error();
	show(retry, oms_worker.database->stats.last_error);
	if (!known)
		EmitErrorReport();
	return retry;
}
