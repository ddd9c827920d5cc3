/*
 * low_water.c
 *		Where the live entries of the queues and of the timers begin.
 *
 * A stage that was claimed leaves a dead entry in the index of the queues, and it stays there as long as some
 * transaction may still see it.  Who begins at the first entry then walks over all that are dead.  So there is a
 * mark for each owner and priority, and one for the timers: no entry before it can be alive.  A scan begins there
 * (store/line.c).
 *
 * Why no committed stage can be passed over:
 *
 * 1. Whoever puts an entry in first puts it into the index, then calls oms_low_water_put() for it, then
 *    commits.  So when the entry can be seen by others, its put is over.
 * 2. A raiser first calls oms_low_water_begin(), which from then on keeps the lowest place that is put in, and tells it the
 *    mark.  Only then it reads the index, from the mark on, up to the first entry that is not dead to every
 *    new snapshot: those that are being inserted, or are being deleted, stop it (store/line.c).
 *    oms_low_water_end() sets the mark to that entry, or to the lowest place of a put since the beginning.
 * 3. Take an entry that is alive, or is still to be committed.  If its put was before the raiser's beginning, the
 *    entry was in the index before the raiser read it, and not before the mark that the raiser was told, since the put had
 *    lowered that: so it stopped the raiser.  If its put fell between beginning and end, the end keeps to it.  If
 *    its put comes after the end, it lowers the mark itself.  In each case the mark is not above the entry once
 *    its put is over, which is before its commit.
 * 4. Who claims takes its snapshot first and reads the mark afterwards.  What this snapshot sees was committed, hence
 *    put, before the mark was read.  An entry that became dead meanwhile was claimed by a transaction that has
 *    committed, so it is of no use even to an older snapshot that still sees it.
 * 5. An abort revives what its transaction had claimed: until then these entries are being deleted, which stops a raiser.
 *    The same goes for prepared transactions.
 * 6. Of several raisers at one mark only the first one goes on; one that fails gives up at the end of its
 *    transaction.  A mark that was driven out by other owners is forgotten along with its raiser, who then finds
 *    that it is no longer its own.
 * 7. A mark belongs to one file of the index.  REINDEX, VACUUM FULL and TRUNCATE make a new one, and each mark begins
 *    anew.  After a restart, without shared memory, and where there is no room, a scan begins at the first entry.
 *    A server in recovery raises no marks, nor does a database whose data is at home elsewhere: there rows may come in
 *    that nobody puts.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"

#include "shared/low_water.h"
#include "shared/shared.h"

static OmsDatabase *slot = NULL;	/* of this database, once it was looked up */

/* The mark that this process raises; the set is NULL if there is none */
static struct
{
	OmsMarkSet *set;
	char		owner[OMS_MAX_NAME + 1];
	int			priority;
}			raising;

int
oms_place_compare(const OmsPlace *a, const OmsPlace *b)
{
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->ticket != b->ticket)
		return a->ticket < b->ticket ? -1 : 1;
	return (a->stage > b->stage) - (a->stage < b->stage);
}

/*
 * The set that has the marks of an owner; NULL if there is no shared memory, or no slot in it.
 */
static OmsMarkSet *
set_of(const char *owner)
{
	slot = oms_shared_mine(slot);
	if (slot == NULL)
		return NULL;
	return &slot->marks[DatumGetUInt32(hash_any((const unsigned char *) owner, strlen(owner))) % OMS_MARK_SETS];
}

/* From here to the callbacks: under the set's spinlock */

static OmsMarks *
find_marks(OmsMarkSet *set, const char *owner)
{
	for (int i = 0; i < OMS_MARK_WAYS; i++)
		if (OidIsValid(set->ways[i].file) && strcmp(set->ways[i].owner, owner) == 0)
			return &set->ways[i];
	return NULL;
}

static OmsMark *
find_mark(OmsMarks *marks, int priority)
{
	for (int i = 0; marks != NULL && i < marks->count; i++)
		if (marks->lines[i].priority == priority)
			return &marks->lines[i];
	return NULL;
}

/*
 * The marks of an owner, empty if there were none for this file.  They take the place of those that were not asked
 * for longest.
 */
static OmsMarks *
make_marks(OmsMarkSet *set, const char *owner, Oid file)
{
	OmsMarks   *marks = find_marks(set, owner);

	if (marks != NULL && marks->file == file)
		return marks;
	if (marks == NULL)
	{
		marks = &set->ways[0];
		for (int i = 1; i < OMS_MARK_WAYS; i++)
			if (set->ways[i].used < marks->used)
				marks = &set->ways[i];
	}
	strlcpy(marks->owner, owner, sizeof(marks->owner));
	marks->file = file;
	marks->count = 0;
	marks->used = ++set->clock;
	return marks;
}

/*
 * The mark of a priority, made at the first place; NULL if there is no room.
 */
static OmsMark *
make_mark(OmsMarks *marks, int priority)
{
	OmsMark    *mark = find_mark(marks, priority);
	int			at = 0;

	if (mark != NULL || marks->count == OMS_MARK_LINES)
		return mark;
	while (at < marks->count && marks->lines[at].priority > priority)
		at++;
	mark = &marks->lines[at];
	memmove(mark + 1, mark, sizeof(OmsMark) * (marks->count - at));
	marks->count++;
	mark->priority = priority;
	mark->raiser = 0;
	mark->from = OMS_FIRST_PLACE;
	return mark;
}

static void
give_up(void)
{
	OmsMark    *mark;

	SpinLockAcquire(&raising.set->mutex);
	mark = find_mark(find_marks(raising.set, raising.owner), raising.priority);
	if (mark != NULL && mark->raiser == MyProcPid)
		mark->raiser = 0;
	SpinLockRelease(&raising.set->mutex);
	raising.set = NULL;
}

static void
at_xact(XactEvent event, void *arg)
{
	if (raising.set != NULL)
		give_up();
}

static void
register_callback(void)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(at_xact, NULL);
	registered = true;
}

/*
 * The marks of an owner in this file of the index; the snapshot of the scan must be older.  None: count is 0.
 */
void
oms_low_water_read(const char *owner, Oid file, OmsMarks *marks)
{
	OmsMarkSet *set = set_of(owner);
	OmsMarks   *kept;

	marks->count = 0;
	if (set == NULL)
		return;
	SpinLockAcquire(&set->mutex);
	kept = find_marks(set, owner);
	if (kept != NULL && kept->file == file)
	{
		kept->used = ++set->clock;
		memcpy(marks, kept, sizeof(OmsMarks));
	}
	SpinLockRelease(&set->mutex);
}

/*
 * An owner has entries of this priority: keep a mark for it, if there is room.
 */
void
oms_low_water_add(const char *owner, Oid file, int priority)
{
	OmsMarkSet *set = set_of(owner);

	if (set == NULL)
		return;
	SpinLockAcquire(&set->mutex);
	make_mark(make_marks(set, owner, file), priority);
	SpinLockRelease(&set->mutex);
}

/*
 * Begin to raise a mark; false if there is no room, or another does so.  *from: where to look from.
 */
bool
oms_low_water_begin(const char *owner, Oid file, int priority, OmsPlace *from)
{
	OmsMarkSet *set = set_of(owner);
	OmsMark    *mark;
	bool		mine = false;

	if (set == NULL)
		return false;
	register_callback();
	if (raising.set != NULL)
		give_up();
	strlcpy(raising.owner, owner, sizeof(raising.owner));
	raising.priority = priority;
	SpinLockAcquire(&set->mutex);
	mark = make_mark(make_marks(set, owner, file), priority);
	if (mark != NULL && mark->raiser == 0)
	{
		mine = true;
		mark->raiser = MyProcPid;
		mark->lowest = OMS_NO_PLACE;
		*from = mark->from;
	}
	SpinLockRelease(&set->mutex);
	if (mine)
		raising.set = set;
	return mine;
}

/*
 * The first entry that is not dead stands there.
 */
void
oms_low_water_end(const char *owner, int priority, OmsPlace first)
{
	OmsMarkSet *set = raising.set;
	OmsMark    *mark;

	SpinLockAcquire(&set->mutex);
	mark = find_mark(find_marks(set, owner), priority);
	if (mark != NULL && mark->raiser == MyProcPid)
	{
		mark->from = oms_place_compare(&mark->lowest, &first) < 0 ? mark->lowest : first;
		mark->raiser = 0;
	}
	SpinLockRelease(&set->mutex);
	raising.set = NULL;
}

/*
 * The current transaction has put an entry into the index.
 */
void
oms_low_water_put(const char *owner, int priority, OmsPlace place)
{
	OmsMarkSet *set = set_of(owner);
	OmsMark    *mark;

	if (set == NULL)
		return;
	SpinLockAcquire(&set->mutex);
	mark = find_mark(find_marks(set, owner), priority);
	if (mark != NULL)
	{
		if (oms_place_compare(&place, &mark->from) < 0)
			mark->from = place;
		if (oms_place_compare(&place, &mark->lowest) < 0)
			mark->lowest = place;
	}
	SpinLockRelease(&set->mutex);
}
