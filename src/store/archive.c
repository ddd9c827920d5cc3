/*
 * archive.c
 *		Finished tickets leave the hot tables, whole and as they are.
 *
 * Each table that holds rows of tickets has a twin, NAME_archive, with the same columns and the same
 * primary key; the ticket's own has archived_at besides.  A ticket is in the one place or in the other,
 * with all of its rows, in every snapshot.  Nothing is converted, so what reads, verifies, proves and
 * reports can do the same with both, and the hash chain goes along unchanged.
 *
 * Only a closed ticket moves, only if its chain is whole and its head is that of its latest seal: so
 * what left the tables that everybody watches can still be shown to be what it was, and a damaged ticket
 * stays where it is found.  A change of an archived ticket (a comment, a reopen, an erasure) brings it
 * back first; then it is one like any other, and its chain goes on.
 *
 * Locks: the ticket's row, as for any change; those that somebody else has are left for the next time,
 * so nobody is waited for but a sealer, who waits for nobody.  The worker does not seal here but moves what is
 * sealed, so it waits for nobody at all.  One call, and one slice of the worker, is one transaction:
 * interrupted, it has moved nothing.
 *
 * The one place besides erase.c that is rid of rows of the timeline.  It deletes as the store writes,
 * through the table access method, past the guards; there is no setting that lets anybody else.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "engine/ticket.h"
#include "store/archive.h"
#include "store/journal.h"
#include "store/isolate.h"
#include "store/row.h"
#include "store/seal.h"
#include "store/seal_rows.h"
#include "store/spi.h"
#include "store/store.h"
#include "store/twin.h"

/* As many tickets are moved at once */
#define TICKETS_PER_PAGE	100

/*
 * The closed tickets that may go, those that were closed first of each version of a workflow first.  $1
 * is before, NULL: the rules alone decide; $2 is now.  A rule is never overridden: with a rule that
 * keeps for ever there is no end, and without a rule $1 is.  Lengths of time are those of UTC.
 */
static OmsStatement select_candidates = {
	.sql = "SELECT t.ticket_id, c.cutoff FROM oms.workflow AS w"
	" LEFT JOIN LATERAL (SELECT y.workflow, y.keep FROM oms.retention AS y"
	" WHERE y.workflow = w.name OR y.workflow = ''"
	" ORDER BY y.workflow DESC LIMIT 1) AS r ON true"
	" CROSS JOIN LATERAL (SELECT CASE WHEN r.workflow IS NULL THEN $1 WHEN r.keep IS NOT NULL THEN LEAST($1,"
	" timezone('UTC', timezone('UTC', $2) - r.keep)) END AS cutoff) AS c"
	" CROSS JOIN LATERAL (SELECT k.ticket_id FROM oms.ticket_state AS k"
	" WHERE k.workflow_id = w.workflow_id AND k.closed_at IS NOT NULL"
	" AND k.closed_at < c.cutoff"
	" ORDER BY k.closed_at) AS t",
	.nargs = 2,
	.types = {TIMESTAMPTZOID, TIMESTAMPTZOID}
};

/* A ticket that may go, and before when it must have been closed */
typedef struct Candidate
{
	OmsTicketId id;
	TimestampTz cutoff;
} Candidate;

static void
count_problem(void *context, OmsTicketId ticket, int seq, const char *problem)
{
	(*(int *) context)++;
}

/*
 * Is the chain of a locked ticket whole?  If not, it stays where verify_timeline and check find it first,
 * and others go.
 */
static bool
is_whole(const OmsTicket *ticket)
{
	int			problems = 0;
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	oms_timeline_verify(ticket->id, false, ticket->seq, ticket->head, count_problem, &problems);
	if (problems > 0)
		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("ticket %s is not archived because its hash chain is not whole",
						oms_ticket_id_to_text(ticket->id, number)),
				 errhint("oms.verify_timeline() tells what does not fit.")));
	return problems == 0;
}

static bool
is_sealed(const OmsTicket *ticket)
{
	OmsSealLeaf leaf;

	return oms_store_latest_leaf(ticket->id, &leaf) && leaf.seq == ticket->seq &&
		memcmp(leaf.head, ticket->head, OMS_HASH_LEN) == 0;
}

/* A page of candidates, and what may go of it */
typedef struct Departure
{
	OmsIsolation isolation;
	const Candidate *candidates;
	int			count;
	int			current;
	bool		seals;			/* what is not sealed is sealed first */
	bool		sealed;			/* all that has been committed, in this call */
	int			moved;
	int			ngoing;
	OmsTicketId going[TICKETS_PER_PAGE];
} Departure;

/*
 * Seal what changed if the ticket has not been sealed as it is.  That seals all that have been committed, so it
 * is done once in a call.
 */
static void
seal_first(Departure *page, const OmsTicket *ticket)
{
	if (!page->seals || page->sealed || is_sealed(ticket))
		return;
	(void) oms_store_seal(false);
	oms_store_fresh_snapshot();
	page->sealed = true;
}

/*
 * Let the current candidate go if it is still closed, nobody else has it, and it is sealed and whole: with the
 * others of its page, or, where each is apart, at once.
 */
static void
look_at_candidate(void *context)
{
	Departure  *page = context;
	const Candidate *candidate = &page->candidates[page->current];
	OmsTicket  *ticket = oms_store_try_lock(candidate->id);

	if (ticket == NULL || ticket->closed_at == OMS_NEVER || ticket->closed_at >= candidate->cutoff ||
		!oms_is_closed(ticket))
		return;
	seal_first(page, ticket);
	if (!is_sealed(ticket) || !is_whole(ticket))
		return;
	if (page->isolation.apart)
		oms_twin_move(&ticket->id, 1, true);
	else
		page->going[page->ngoing++] = ticket->id;
	page->moved++;
}

static void
archive_page(void *context)
{
	Departure  *page = context;

	for (page->current = 0; page->current < page->count; page->current++)
	{
		bool		sealed = page->sealed;

		/* what an error takes back was not sealed */
		if (!oms_isolate_one(&page->isolation, page->candidates[page->current].id, OMS_NO_STAGE, look_at_candidate, page))
			page->sealed = sealed;
	}
	if (page->ngoing > 0)
		oms_twin_move(page->going, page->ngoing, true);
}

static void
forget_page(void *context)
{
	Departure  *page = context;

	page->moved = page->ngoing = 0;
	page->sealed = false;
}

static int
read_page(Candidate *candidates)
{
	int			count = (int) SPI_processed;
	bool		isnull;

	for (int i = 0; i < count; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];

		candidates[i].id = DatumGetTicketId(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull));
		candidates[i].cutoff = DatumGetTimestampTz(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
	return count;
}

/*
 * Move up to max closed tickets into the archive: those that their rule lets go, and that were closed
 * before a time if it is given.  Returns how many.
 */
int
oms_store_archive(const TimestampTz *before, int max)
{
	Datum		values[2] = {before == NULL ? (Datum) 0 : TimestampTzGetDatum(*before),
	TimestampTzGetDatum(oms_clock_now())};
	Candidate	candidates[TICKETS_PER_PAGE];
	MemoryContext page;
	MemoryContext old;
	Portal		portal;
	Departure	at_hand = {.candidates = candidates, .seals = true};
	int			moved = 0;

	SPI_connect();
	page = AllocSetContextCreate(CurrentMemoryContext, "oms archive page", ALLOCSET_DEFAULT_SIZES);
	portal = oms_sql_open(&select_candidates, values, before == NULL ? "n " : NULL);
	while (moved < max)
	{
		SPI_cursor_fetch(portal, true, Min(TICKETS_PER_PAGE, max - moved));
		at_hand.count = read_page(candidates);
		if (at_hand.count == 0)
			break;
		at_hand.moved = at_hand.ngoing = 0;
		old = MemoryContextSwitchTo(page);
		oms_isolate(&at_hand.isolation, OMS_STEP_ARCHIVE, archive_page, forget_page, &at_hand);
		moved += at_hand.moved;
		MemoryContextSwitchTo(old);
		MemoryContextReset(page);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	return moved;
}

/*
 * The next page of what its rule lets go, as far as it is sealed; the caller keeps the walk when it has committed.
 * True if there is more.
 */
bool
oms_store_archive_slice(OmsWalk *walk)
{
	Datum		values[2] = {(Datum) 0, TimestampTzGetDatum(oms_clock_now())};
	Candidate	candidates[TICKETS_PER_PAGE];
	Departure	page = {.candidates = candidates};
	OmsActor	actor = {.role = GetUserNameFromId(GetUserId(), false)};
	Portal		portal;

	SPI_connect();
	portal = oms_sql_open(&select_candidates, values, "n ");
	SPI_cursor_move(portal, true, walk->left);
	SPI_cursor_fetch(portal, true, TICKETS_PER_PAGE);
	page.count = read_page(candidates);
	if (page.count > 0)
		oms_journal_lock();
	oms_isolate(&page.isolation, OMS_STEP_ARCHIVE, archive_page, forget_page, &page);
	oms_journal_archived(page.moved, &actor);
	walk->left = page.count < TICKETS_PER_PAGE ? 0 : walk->left + page.count - page.moved;
	SPI_cursor_close(portal);
	SPI_finish();
	return page.count == TICKETS_PER_PAGE;
}

/* ---- rules ---- */

static OmsStatement set_rule = {
	.sql = "INSERT INTO oms.retention AS r (workflow, keep) VALUES ($1, $2)"
	" ON CONFLICT (workflow) DO UPDATE SET keep = excluded.keep",
	.nargs = 2,
	.types = {TEXTOID, INTERVALOID}
};

/*
 * Keep the closed tickets of a workflow (NULL: of all that have no rule of their own) for so long, NULL:
 * for ever.
 */
void
oms_store_set_retention(const char *workflow, const Interval *keep)
{
	Datum		values[2] = {CStringGetTextDatum(workflow == NULL ? "" : workflow),
	keep == NULL ? (Datum) 0 : IntervalPGetDatum(keep)};

	SPI_connect();
	oms_sql(&set_rule, values, keep == NULL ? " n" : NULL);
	SPI_finish();
}
