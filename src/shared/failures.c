/*
 * failures.c
 *		Tickets at which something that goes through many met an error: shown in oms.worker_errors, and left
 *		alone for a while.
 *
 * They stand in the slot of the database, for all its sessions, and without shared memory in the session's own
 * memory.  The worker keeps a list of its own, has here only what it shows, and takes it away itself.  What a
 * session has noted goes when a session passes the ticket without an error, and else an hour after its next
 * try would have been due: then nobody looks at it any more.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "shared/failures.h"

/* Shortest pause before a session tries a ticket again */
#define PAUSE_MS		1000
#define FORGET_MS		(60 * 60 * 1000)

static OmsBadTicket mine[OMS_BAD_TICKETS];
static OmsDatabase *slot = NULL;

/*
 * The list of this database, locked.  Nothing may fail until it is unlocked.  "make": take a slot for the
 * database if it has none; a mere look takes none.
 */
static OmsBadTicket *
lock_list(bool make)
{
	if (make)
		slot = oms_shared_mine(slot);
	else if (oms_shared != NULL && (slot == NULL || slot->dboid != MyDatabaseId))
		slot = oms_shared_database(MyDatabaseId, false);
	if (slot == NULL)
		return mine;
	SpinLockAcquire(&slot->mutex);
	return slot->bad;
}

static void
unlock_list(void)
{
	if (slot != NULL)
		SpinLockRelease(&slot->mutex);
}

/*
 * The entry of a ticket, or NULL; *room: one that can be used for it, NULL if there is none.
 */
static OmsBadTicket *
find(OmsBadTicket *list, OmsStep step, OmsTicketId ticket, int stage, TimestampTz now, OmsBadTicket **room)
{
	*room = NULL;
	for (int i = 0; i < OMS_BAD_TICKETS; i++)
	{
		OmsBadTicket *bad = &list[i];

		if (bad->ticket != 0 && TimestampDifferenceExceeds(bad->failure.retry_at, now, FORGET_MS))
			bad->ticket = 0;
		if (bad->ticket == 0)
			*room = *room == NULL ? bad : *room;
		else if (bad->ticket == ticket && bad->stage == stage && bad->step == step)
			return bad;
	}
	return NULL;
}

/*
 * Show what failed, in the place of what is shown of it so far.  With a full list it is not shown.
 */
void
oms_failures_show(const OmsBadTicket *bad)
{
	TimestampTz now = oms_clock_wall();
	OmsBadTicket *room;
	OmsBadTicket *shown = find(lock_list(true), bad->step, bad->ticket, bad->stage, now, &room);

	if (shown == NULL)
		shown = room;
	if (shown != NULL)
		*shown = *bad;
	unlock_list();
}

/*
 * It does not fail any more.
 */
void
oms_failures_hide(OmsStep step, OmsTicketId ticket, int stage)
{
	TimestampTz now = oms_clock_wall();
	OmsBadTicket *room;
	OmsBadTicket *shown = find(lock_list(false), step, ticket, stage, now, &room);

	if (shown != NULL)
		shown->ticket = 0;
	unlock_list();
}

/*
 * Nothing has failed yet.
 */
void
oms_failures_clear(void)
{
	memset(lock_list(true), 0, sizeof(mine));
	unlock_list();
}

/*
 * Copy what is shown to an array of OMS_BAD_TICKETS; how many there are.
 */
int
oms_failures_list(OmsBadTicket *copy)
{
	TimestampTz now = oms_clock_wall();
	OmsBadTicket *list = lock_list(false);
	OmsBadTicket *room;
	int			count = 0;

	/* forgets what is too old */
	(void) find(list, 0, 0, 0, now, &room);
	for (int i = 0; i < OMS_BAD_TICKETS; i++)
		if (list[i].ticket != 0)
			copy[count++] = list[i];
	unlock_list();
	return count;
}

/*
 * The one of a step and a stage in such a copy, or NULL.
 */
const OmsBadTicket *
oms_failures_find(const OmsBadTicket *copy, int count, OmsStep step, OmsTicketId ticket, int stage)
{
	for (int i = 0; i < count; i++)
		if (copy[i].ticket == ticket && copy[i].stage == stage && copy[i].step == step)
			return &copy[i];
	return NULL;
}

/*
 * A session met an error at a ticket: show it, and leave it alone for a while, longer each time.  True if that is
 * news.
 */
bool
oms_failures_note(OmsStep step, OmsTicketId ticket, int stage, const char *error)
{
	TimestampTz now = oms_clock_wall();
	OmsBadTicket bad = {.ticket = ticket, .stage = stage, .step = step};
	OmsBadTicket *known;
	OmsBadTicket *room;

	known = find(lock_list(true), step, ticket, stage, now, &room);
	if (known != NULL)
		bad.failure.failures = known->failure.failures;
	unlock_list();
	bad.failure.retry_at = TimestampTzPlusMilliseconds(now, Min(PAUSE_MS << Min(bad.failure.failures, 10), OMS_PAUSE_MAX_MS));
	bad.failure.failures++;
	strlcpy(bad.failure.error, error, sizeof(bad.failure.error));
	oms_failures_show(&bad);
	return known == NULL;
}
