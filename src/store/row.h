/*
 * row.h
 *		Reading and writing rows of the hot tables without the executor.
 */
#ifndef OMS_ROW_H
#define OMS_ROW_H

#include "access/genam.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "nodes/lockoptions.h"
#include "utils/rel.h"

#include "types/ticket_id.h"

#define OMS_SCAN_KEYS	3
#define OMS_ROW_KEYS	3

/* An index scan under the active snapshot */
typedef struct OmsScan
{
	Relation	rel;
	Relation	index;
	IndexScanDesc scan;
	Snapshot	snapshot;
	TupleTableSlot *slot;		/* the current row, deformed */
	ScanKeyData keys[OMS_SCAN_KEYS];
	int			nkeys;
	ScanKeyData row[OMS_ROW_KEYS];	/* members of a key that compares rows */
	FmgrInfo	functions[OMS_SCAN_KEYS + OMS_ROW_KEYS];
} OmsScan;

/* Rows of one table on their way in */
typedef struct OmsWriter
{
	Relation	rel;
	EState	   *estate;
	ResultRelInfo *info;
	TupleTableSlot **slots;
	int			nslots;
	int			maxslots;
} OmsWriter;

extern Oid	oms_relation_oid(const char *name);
extern void oms_store_fresh_snapshot(void);
extern void oms_store_damaged(OmsTicketId id) pg_attribute_noreturn();

extern void oms_scan_key_ticket(OmsScan *scan, OmsTicketId id);
extern void oms_scan_key(OmsScan *scan, PGFunction equal, Oid collation, Datum value);
extern void oms_scan_key_after(OmsScan *scan, PGFunction greater, Datum value);
extern void oms_scan_key_from(OmsScan *scan, int column, PGFunction greater_equal, Datum value);
extern void oms_scan_key_upto(OmsScan *scan, int column, PGFunction less_equal, Datum value);
extern void oms_scan_key_row_from(OmsScan *scan, int column, const PGFunction *compare, const Datum *values, int count);
extern void oms_scan_begin(OmsScan *scan, const char *table, const char *index, int columns,
						   LOCKMODE lockmode);

/* What has become of a row since a scan read it */
typedef enum OmsRowState
{
	OMS_ROW_AS_READ,
	OMS_ROW_BUSY,				/* another transaction has it locked, or is changing it */
	OMS_ROW_CHANGED
} OmsRowState;

/*
 * Start a scan by primary key of a table that has a twin in the archive, of the one or the other.
 */
#define oms_scan_begin_place(scan, table, archived, columns, lockmode) \
	oms_scan_begin((scan), (archived) ? table "_archive" : table, \
				   (archived) ? table "_archive_pkey" : table "_pkey", (columns), (lockmode))

extern void oms_scan_begin_dirty(OmsScan *scan, const char *table, const char *index, int columns, LOCKMODE lockmode);
extern void oms_scan_again(OmsScan *scan);
extern bool oms_scan_next(OmsScan *scan);
extern bool oms_scan_next_not_dead(OmsScan *scan);
extern bool oms_scan_peek(OmsScan *scan, int column, Datum *value);
extern bool oms_scan_lock(OmsScan *scan, LockWaitPolicy wait, bool *gone);
extern OmsRowState oms_scan_state(OmsScan *scan);
extern void oms_scan_end(OmsScan *scan);

extern void oms_writer_begin(OmsWriter *writer, const char *table, int columns);
extern TupleTableSlot *oms_writer_row(OmsWriter *writer);
extern void oms_writer_add(OmsWriter *writer);
extern void oms_writer_update(OmsWriter *writer, ItemPointer tid, TupleTableSlot *slot);
extern void oms_writer_end(OmsWriter *writer);

#endif							/* OMS_ROW_H */
