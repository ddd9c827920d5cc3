/*
 * counters.c
 *		Counting what was committed, for oms.metrics.
 *
 * A transaction gathers its numbers, with the nesting level they belong to, so that a rolled back
 * savepoint takes its part along; the commit adds them to those of the database in shared memory.
 * What the commit callback does is additions to atomics: it allocates nothing, waits for nothing and never
 * throws.  A transaction that is prepared counts nothing, since it commits elsewhere.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "clock.h"
#include "shared/counters.h"
#include "shared/shared.h"

const int64 oms_time_buckets[OMS_TIME_BUCKETS - 1] =
{
	500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000
};

/* What one nesting level of the current transaction has counted */
typedef struct Level
{
	int			level;
	struct Level *up;
	uint64		numbers[OMS_COUNTER_NUMBERS];
} Level;

static Level *levels = NULL;	/* innermost first */
static Level *unused = NULL;	/* memory of levels that are over */
static OmsDatabase *slot = NULL;	/* of this database, once it was looked up */

static void
raise_numbers(const Level *level)
{
	for (int i = 0; i < OMS_COUNTER_NUMBERS; i++)
		if (level->numbers[i] != 0)
			pg_atomic_fetch_add_u64(&slot->counters.numbers[i], level->numbers[i]);
}

static void
at_xact(XactEvent event, void *arg)
{
	if (levels == NULL && unused == NULL)
		return;
	/* the slot may have been given up since, see oms_shared_forget() */
	if (event == XACT_EVENT_COMMIT && slot != NULL && slot->dboid == MyDatabaseId)
		for (const Level *level = levels; level != NULL; level = level->up)
			raise_numbers(level);
	/* the memory goes with the transaction */
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		levels = unused = NULL;
}

static void
drop_level(void)
{
	Level	   *over = levels;

	levels = over->up;
	over->up = unused;
	unused = over;
}

/*
 * A savepoint was rolled back or released: what it counted is void, or belongs to the level above.
 */
static void
at_subxact(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (levels != NULL && levels->level >= level)
			drop_level();
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB && levels != NULL && levels->level >= level)
	{
		if (levels->up == NULL || levels->up->level < level - 1)
		{
			levels->level = level - 1;
			return;
		}
		for (int i = 0; i < OMS_COUNTER_NUMBERS; i++)
			levels->up->numbers[i] += levels->numbers[i];
		drop_level();
	}
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(at_xact, NULL);
	RegisterSubXactCallback(at_subxact, NULL);
	registered = true;
}

/*
 * The numbers of the present nesting level; NULL if there is no shared memory, or no slot in it.
 */
static uint64 *
my_numbers(void)
{
	int			level = GetCurrentTransactionNestLevel();
	Level	   *mine = levels;

	if (mine != NULL && mine->level == level)
		return mine->numbers;
	slot = oms_shared_mine(slot);
	if (slot == NULL)
		return NULL;
	register_callbacks();
	mine = unused;
	if (mine != NULL)
		unused = mine->up;
	else
		mine = MemoryContextAlloc(TopTransactionContext, sizeof(Level));
	memset(mine, 0, sizeof(Level));
	mine->level = level;
	mine->up = levels;
	levels = mine;
	return mine->numbers;
}

/*
 * So much of it happened in the current transaction.
 */
void
oms_count(OmsCounter counter, int count)
{
	uint64	   *numbers = count > 0 ? my_numbers() : NULL;

	if (numbers != NULL)
		numbers[counter] += count;
}

/*
 * Count the events that are being written for a ticket.
 */
void
oms_count_events(const OmsTicket *ticket)
{
	static const int8 counters[] =
	{
		[OMS_EV_OPENED] = OMS_COUNTER_OPENED + 1,
		[OMS_EV_IMPORTED] = OMS_COUNTER_OPENED + 1,
		[OMS_EV_DONE] = OMS_COUNTER_FINISHED + 1,
		[OMS_EV_FAILED] = OMS_COUNTER_FAILURES + 1,
		[OMS_EV_BREACHED] = OMS_COUNTER_BREACHES + 1,
		[OMS_EV_WARNING] = OMS_COUNTER_WARNINGS + 1,
		[OMS_EV_ESCALATED] = OMS_COUNTER_ESCALATIONS + 1,
		[OMS_EV_UNROUTED] = OMS_COUNTER_UNROUTED + 1
	};

	for (const OmsEvent *event = ticket->events; event != NULL; event = event->next)
		if ((int) event->kind < (int) lengthof(counters) && counters[event->kind] != 0)
			oms_count(counters[event->kind] - 1, 1);
}

/*
 * A call that began then, by the steady clock, is over.
 */
void
oms_count_call(OmsTimedCall call, TimestampTz started)
{
	uint64	   *numbers = my_numbers();
	int64		took = Max(oms_clock_steady() - started, 0);
	int			bucket = 0;

	if (numbers == NULL)
		return;
	while (bucket < OMS_TIME_BUCKETS - 1 && took > oms_time_buckets[bucket])
		bucket++;
	numbers[OMS_TIME_BUCKET(call, bucket)]++;
	numbers[OMS_TIME_SUM(call)] += took;
}
