/*
 * row.c
 *		Reading and writing rows of the hot tables without the executor.
 *
 * Every call of the API reads and writes the same few rows by primary key.  Through SPI each of these
 * steps costs a plan, a portal and an executor start; here it is an index scan or an insert of the
 * table access method and the indexes' own maintenance, the way COPY and logical replication do it.
 * The other side of it: triggers do not fire.  That is meant.  The guards on these tables refuse
 * everything that comes through the executor, so the extension needs no flag to get past them, and
 * there is none that could be left raised.
 *
 * Constraints (NOT NULL, CHECK) are checked.  There are no foreign keys, generated columns or row
 * security on these tables.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "store/row.h"

/* As many rows as COPY gathers before it writes them */
#define MAX_BUFFERED_ROWS	1000

extern Datum oms_ticket_id_eq(PG_FUNCTION_ARGS);

/*
 * The OID of a table or index of the extension.  Looked up again each time (two cache hits), so that
 * nothing goes stale when the extension is dropped and created again.
 */
Oid
oms_relation_oid(const char *name)
{
	Oid			schema = get_namespace_oid("oms", true);
	Oid			oid = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"oms.%s\" does not exist", name),
				 errhint("Is the extension oms installed in this database?")));
	return oid;
}

/*
 * See what this transaction has done so far, and what was committed while it waited for a lock.
 */
void
oms_store_fresh_snapshot(void)
{
	PopActiveSnapshot();
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
}

/*
 * What is stored of a ticket is nothing that we wrote.
 */
void
oms_store_damaged(OmsTicketId id)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("stored state of ticket %s is damaged", oms_ticket_id_to_text(id, number))));
}

static Relation
open_table(const char *name, int columns, LOCKMODE lockmode)
{
	Relation	rel = table_open(oms_relation_oid(name), lockmode);

	if (RelationGetNumberOfAttributes(rel) != columns)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"oms.%s\" has %d columns, the library expects %d", name,
						RelationGetNumberOfAttributes(rel), columns),
				 errhint("The SQL objects are not those of the library; oms.version() says what to do.")));
	return rel;
}

/* ---- reading ---- */

static FmgrInfo *
function_at(OmsScan *scan, int i, PGFunction function)
{
	FmgrInfo   *info = &scan->functions[i];

	memset(info, 0, sizeof(FmgrInfo));
	info->fn_addr = function;
	info->fn_nargs = 2;
	info->fn_strict = true;
	info->fn_mcxt = CurrentMemoryContext;
	return info;
}

static void
add_key(OmsScan *scan, int column, StrategyNumber strategy, PGFunction compare, Oid collation, Datum value)
{
	Assert(scan->nkeys < OMS_SCAN_KEYS);
	ScanKeyEntryInitializeWithInfo(&scan->keys[scan->nkeys], 0, column, strategy, InvalidOid, collation,
								   function_at(scan, scan->nkeys, compare), value);
	scan->nkeys++;
}

/*
 * Add an equality key for the next column of the index.
 */
void
oms_scan_key(OmsScan *scan, PGFunction equal, Oid collation, Datum value)
{
	add_key(scan, scan->nkeys + 1, BTEqualStrategyNumber, equal, collation, value);
}

/*
 * Only rows whose next column of the index is greater.
 */
void
oms_scan_key_after(OmsScan *scan, PGFunction greater, Datum value)
{
	add_key(scan, scan->nkeys + 1, BTGreaterStrategyNumber, greater, InvalidOid, value);
}

/*
 * Only rows whose column of the index, counted from 1, is not less, or not greater.
 */
void
oms_scan_key_from(OmsScan *scan, int column, PGFunction greater_equal, Datum value)
{
	add_key(scan, column, BTGreaterEqualStrategyNumber, greater_equal, InvalidOid, value);
}

void
oms_scan_key_upto(OmsScan *scan, int column, PGFunction less_equal, Datum value)
{
	add_key(scan, column, BTLessEqualStrategyNumber, less_equal, InvalidOid, value);
}

/*
 * Only rows of which the columns of the index from this one on, taken as a row, are not less.  "compare" are
 * the support functions of the columns, none of which is descending.
 */
void
oms_scan_key_row_from(OmsScan *scan, int column, const PGFunction *compare, const Datum *values, int count)
{
	ScanKey		key = &scan->keys[scan->nkeys++];

	Assert(scan->nkeys <= OMS_SCAN_KEYS && count <= OMS_ROW_KEYS);
	for (int i = 0; i < count; i++)
		ScanKeyEntryInitializeWithInfo(&scan->row[i], SK_ROW_MEMBER | (i == count - 1 ? SK_ROW_END : 0), column + i,
									   BTGreaterEqualStrategyNumber, InvalidOid, InvalidOid,
									   function_at(scan, OMS_SCAN_KEYS + i, compare[i]), values[i]);
	MemSet(key, 0, sizeof(ScanKeyData));
	key->sk_flags = SK_ROW_HEADER;
	key->sk_attno = column;
	key->sk_strategy = BTGreaterEqualStrategyNumber;
	key->sk_argument = PointerGetDatum(scan->row);
}

void
oms_scan_key_ticket(OmsScan *scan, OmsTicketId id)
{
	scan->nkeys = 0;
	oms_scan_key(scan, oms_ticket_id_eq, InvalidOid, TicketIdGetDatum(id));
}

static void
begin_scan(OmsScan *scan, const char *table, const char *index, int columns, LOCKMODE lockmode)
{
	scan->rel = open_table(table, columns, lockmode);
	scan->index = index_open(oms_relation_oid(index), lockmode);
	scan->slot = table_slot_create(scan->rel, NULL);
	scan->scan = oms_index_beginscan(scan->rel, scan->index, scan->snapshot, scan->nkeys);
	oms_scan_again(scan);
}

/*
 * Start a scan under the active snapshot with the keys set before (scan->nkeys = 0 for none).
 */
void
oms_scan_begin(OmsScan *scan, const char *table, const char *index, int columns, LOCKMODE lockmode)
{
	scan->snapshot = RegisterSnapshot(GetActiveSnapshot());
	begin_scan(scan, table, index, columns, lockmode);
}

/*
 * Start a scan of all versions of rows, for oms_scan_next_not_dead().
 */
void
oms_scan_begin_dirty(OmsScan *scan, const char *table, const char *index, int columns, LOCKMODE lockmode)
{
	scan->snapshot = SnapshotAny;
	begin_scan(scan, table, index, columns, lockmode);
}

/*
 * Start again with other keys, as many as before.
 */
void
oms_scan_again(OmsScan *scan)
{
	index_rescan(scan->scan, scan->keys, scan->nkeys, NULL, 0);
}

/*
 * Is there an entry, dead or alive, for the keys set now?  *value: its column of the index, counted from 1, which must
 * be passed by value.  The scan has to start again afterwards.
 */
bool
oms_scan_peek(OmsScan *scan, int column, Datum *value)
{
	bool		isnull;
	bool		found;

	scan->scan->xs_want_itup = true;
	scan->scan->ignore_killed_tuples = false;
	oms_scan_again(scan);
	found = index_getnext_tid(scan->scan, ForwardScanDirection) != NULL;
	if (found)
		*value = index_getattr(scan->scan->xs_itup, column, scan->scan->xs_itupdesc, &isnull);
	scan->scan->xs_want_itup = false;
	scan->scan->ignore_killed_tuples = !scan->scan->xactStartedInRecovery;
	return found;
}

/*
 * The next row in index order, deformed in scan->slot; false at the end.
 */
bool
oms_scan_next(OmsScan *scan)
{
	CHECK_FOR_INTERRUPTS();
	if (!index_getnext_slot(scan->scan, ForwardScanDirection, scan->slot))
		return false;
	slot_getallattrs(scan->slot);
	return true;
}

/*
 * The next row in index order that is not dead to every new snapshot: alive, or being inserted or deleted by
 * anybody, or by this transaction.
 */
bool
oms_scan_next_not_dead(OmsScan *scan)
{
	BufferHeapTupleTableSlot *slot = (BufferHeapTupleTableSlot *) scan->slot;
	TransactionId dead_after;
	HTSV_Result result;

	do
	{
		CHECK_FOR_INTERRUPTS();
		if (!index_getnext_slot(scan->scan, ForwardScanDirection, scan->slot))
			return false;
		LockBuffer(slot->buffer, BUFFER_LOCK_SHARE);
		result = HeapTupleSatisfiesVacuumHorizon(slot->base.tuple, slot->buffer, &dead_after);
		LockBuffer(slot->buffer, BUFFER_LOCK_UNLOCK);
	} while (result == HEAPTUPLE_DEAD || result == HEAPTUPLE_RECENTLY_DEAD);
	slot_getallattrs(scan->slot);
	return true;
}

/*
 * Lock the current row against other writers and put its newest version into scan->slot.  False if
 * it is locked by another (LockWaitSkip), or was removed (*gone).  Under REPEATABLE READ and above a
 * row that changed since the snapshot is a serialization failure.
 */
bool
oms_scan_lock(OmsScan *scan, LockWaitPolicy wait, bool *gone)
{
	ItemPointerData tid = scan->slot->tts_tid;
	int			flags = TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS;
	TM_FailureData failure;
	TM_Result	result;

	*gone = false;
	if (!IsolationUsesXactSnapshot())
		flags |= TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
	result = table_tuple_lock(scan->rel, &tid, scan->snapshot, scan->slot,
							  GetCurrentCommandId(false), LockTupleNoKeyExclusive, wait, flags,
							  &failure);
	if (result == TM_Ok)
	{
		slot_getallattrs(scan->slot);
		return true;
	}
	if (result == TM_WouldBlock)
		return false;
	if ((result == TM_Updated || result == TM_Deleted) && IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
	if (result == TM_Deleted)
	{
		*gone = true;
		return false;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg("could not lock a row of \"oms.%s\" (result %d)",
					RelationGetRelationName(scan->rel), result)));
}

/*
 * Is a row that "is being modified" one that this transaction has locked itself, or can a ticket be changed beside the
 * lock, as that of a foreign key?  Of several lockers it is not known here: to ask for the lock tells.
 */
static bool
may_be_had(HeapTupleHeader row)
{
	return (row->t_infomask & HEAP_XMAX_IS_MULTI) != 0 || HEAP_XMAX_IS_KEYSHR_LOCKED(row->t_infomask) ||
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmax(row));
}

/*
 * What has become of the current row since the scan read it?  Looks only, and locks nothing, so it costs much less than
 * to ask for a lock that is not to be had.
 */
OmsRowState
oms_scan_state(OmsScan *scan)
{
	BufferHeapTupleTableSlot *slot = (BufferHeapTupleTableSlot *) scan->slot;
	OmsRowState state = OMS_ROW_CHANGED;
	TM_Result	result;

	LockBuffer(slot->buffer, BUFFER_LOCK_SHARE);
	result = HeapTupleSatisfiesUpdate(slot->base.tuple, GetCurrentCommandId(false), slot->buffer);
	if (result == TM_Ok || (result == TM_BeingModified && may_be_had(slot->base.tuple->t_data)))
		state = OMS_ROW_AS_READ;
	else if (result == TM_BeingModified)
		state = OMS_ROW_BUSY;
	LockBuffer(slot->buffer, BUFFER_LOCK_UNLOCK);
	return state;
}

/* The table's lock is kept until the end of the transaction, as for any statement */
void
oms_scan_end(OmsScan *scan)
{
	index_endscan(scan->scan);
	if (scan->snapshot != SnapshotAny)
		UnregisterSnapshot(scan->snapshot);
	ExecDropSingleTupleTableSlot(scan->slot);
	index_close(scan->index, NoLock);
	table_close(scan->rel, NoLock);
}

/* ---- writing ---- */

void
oms_writer_begin(OmsWriter *writer, const char *table, int columns)
{
	writer->rel = open_table(table, columns, RowExclusiveLock);
	writer->estate = CreateExecutorState();
	writer->info = makeNode(ResultRelInfo);
	InitResultRelInfo(writer->info, writer->rel, 0, NULL, 0);
	ExecOpenIndices(writer->info, false);
	writer->slots = NULL;
	writer->nslots = writer->maxslots = 0;
}

/*
 * An empty row to fill: set tts_values, and tts_isnull where it is not NULL.
 */
TupleTableSlot *
oms_writer_row(OmsWriter *writer)
{
	TupleTableSlot *slot;

	if (writer->nslots == writer->maxslots)
	{
		int			more = writer->maxslots == 0 ? 8 : writer->maxslots * 2;

		writer->slots = writer->slots == NULL
			? palloc(sizeof(TupleTableSlot *) * more)
			: repalloc(writer->slots, sizeof(TupleTableSlot *) * more);
		for (int i = writer->maxslots; i < more; i++)
			writer->slots[i] = table_slot_create(writer->rel, NULL);
		writer->maxslots = more;
	}
	slot = writer->slots[writer->nslots];
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	return slot;
}

static void
check_row(OmsWriter *writer, TupleTableSlot *slot)
{
	slot->tts_tableOid = RelationGetRelid(writer->rel);
	if (writer->rel->rd_att->constr != NULL)
		ExecConstraints(writer->info, slot, writer->estate);
}

static void
index_row(OmsWriter *writer, TupleTableSlot *slot)
{
	if (writer->info->ri_NumIndices > 0)
		list_free(oms_ExecInsertIndexTuples(writer->info, slot, writer->estate));
	ResetPerTupleExprContext(writer->estate);
}

static void
flush_rows(OmsWriter *writer)
{
	if (writer->nslots == 0)
		return;
	table_multi_insert(writer->rel, writer->slots, writer->nslots, GetCurrentCommandId(true), 0,
					   NULL);
	for (int i = 0; i < writer->nslots; i++)
		index_row(writer, writer->slots[i]);
	writer->nslots = 0;
}

/*
 * The row that oms_writer_row gave out is filled: insert it, now or with those that follow.  What
 * its values point to must live until oms_writer_end.
 */
void
oms_writer_add(OmsWriter *writer)
{
	TupleTableSlot *slot = writer->slots[writer->nslots];

	ExecStoreVirtualTuple(slot);
	check_row(writer, slot);
	if (++writer->nslots >= MAX_BUFFERED_ROWS)
		flush_rows(writer);
}

/*
 * Replace the row at tid, which the caller has locked by way of its ticket.  On return tid is that
 * of the new version.
 */
void
oms_writer_update(OmsWriter *writer, ItemPointer tid, TupleTableSlot *slot)
{
	OmsUpdateIndexes update_indexes;

	ExecStoreVirtualTuple(slot);
	check_row(writer, slot);
	update_indexes = oms_table_tuple_update(writer->rel, tid, slot);
	if (update_indexes && writer->info->ri_NumIndices > 0)
		list_free(oms_ExecUpdateIndexTuples(writer->info, slot, writer->estate, update_indexes));
	ResetPerTupleExprContext(writer->estate);
	*tid = slot->tts_tid;
}

void
oms_writer_end(OmsWriter *writer)
{
	flush_rows(writer);
	for (int i = 0; i < writer->maxslots; i++)
		ExecDropSingleTupleTableSlot(writer->slots[i]);
	ExecCloseIndices(writer->info);
	FreeExecutorState(writer->estate);
	table_close(writer->rel, NoLock);
}
