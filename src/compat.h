/*
 * compat.h
 *		The only place that knows server versions (15 to 18).
 */
#ifndef OMS_COMPAT_H
#define OMS_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "oms needs PostgreSQL 15 or later"
#endif

/*
 * Index maintenance.  16 tells with the update which indexes need it (all, or the summarizing ones
 * such as BRIN alone) and wants that handed on.
 */
#if PG_VERSION_NUM >= 160000
#define oms_ExecInsertIndexTuples(rri, slot, estate) \
	ExecInsertIndexTuples((rri), (slot), (estate), false, false, NULL, NIL, false)
#define oms_ExecUpdateIndexTuples(rri, slot, estate, which) \
	ExecInsertIndexTuples((rri), (slot), (estate), true, false, NULL, NIL, (which) == TU_Summarizing)
#define OmsUpdateIndexes TU_UpdateIndexes
#define oms_table_tuple_update(rel, tid, slot) \
	({ TU_UpdateIndexes which_; \
	   simple_table_tuple_update((rel), (tid), (slot), GetActiveSnapshot(), &which_); \
	   which_; })
#else
#define oms_ExecInsertIndexTuples(rri, slot, estate) \
	ExecInsertIndexTuples((rri), (slot), (estate), false, false, NULL, NIL)
#define oms_ExecUpdateIndexTuples(rri, slot, estate, which) \
	ExecInsertIndexTuples((rri), (slot), (estate), true, false, NULL, NIL)
#define OmsUpdateIndexes bool
#define oms_table_tuple_update(rel, tid, slot) \
	({ bool which_; \
	   simple_table_tuple_update((rel), (tid), (slot), GetActiveSnapshot(), &which_); \
	   which_; })
#endif

/* 18 added a place for index scan statistics */
#if PG_VERSION_NUM >= 180000
#define oms_index_beginscan(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), NULL, (nkeys), 0)
#else
#define oms_index_beginscan(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), (nkeys), 0)
#endif

/* what a check hook hands on is released by the settings machinery, which since 16 has a context */
#if PG_VERSION_NUM >= 160000
#define oms_guc_malloc(size)	guc_malloc(LOG, (size))
#define oms_guc_free(pointer)	guc_free(pointer)
#else
#define oms_guc_malloc(size)	malloc(size)
#define oms_guc_free(pointer)	free(pointer)
#endif

/* 16 has one function for the rights on every kind of object */
#if PG_VERSION_NUM >= 160000
#define oms_function_aclcheck(function, role, mode) \
	object_aclcheck(ProcedureRelationId, (function), (role), (mode))
#define oms_database_ownercheck(database, role) \
	object_ownercheck(DatabaseRelationId, (database), (role))
#else
#define oms_function_aclcheck(function, role, mode) pg_proc_aclcheck((function), (role), (mode))
#define oms_database_ownercheck(database, role) pg_database_ownercheck((database), (role))
#endif

/* 17 lets extensions name what they wait for */
#if PG_VERSION_NUM >= 170000
#define oms_wait_event(name) \
	({ static uint32 event_ = 0; if (event_ == 0) event_ = WaitEventExtensionNew(name); event_; })
#else
#define oms_wait_event(name)	PG_WAIT_EXTENSION
#endif

/* 16 added an argument for what went wrong */
#if PG_VERSION_NUM >= 160000
#define oms_DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz) \
	({ DateTimeErrorExtra extra_; \
	   DecodeDateTime((field), (ftype), (nf), (dtype), (tm), (fsec), (tz), &extra_); })
#else
#define oms_DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeDateTime((field), (ftype), (nf), (dtype), (tm), (fsec), (tz))
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 17 moved the number of the transaction that is under way in this session */
#if PG_VERSION_NUM >= 170000
#define oms_local_xid()	(MyProc->vxid.lxid)
#else
#define oms_local_xid()	(MyProc->lxid)
#endif

/*
 * Since 15 a session can wait for its client to go (WL_SOCKET_CLOSED), where the system can tell.  What it
 * takes is declared in libpq/libpq.h, which needs the headers of the libraries for encryption.
 */
struct WaitEventSet;
extern PGDLLIMPORT struct WaitEventSet *FeBeWaitSet;
#define OMS_SOCKET_POS	0		/* FeBeWaitSetSocketPos */
#define oms_can_see_client_go() (FeBeWaitSet != NULL && WaitEventSetCanReportClosed())

/* 17 can end transactions that last too long; the worker's must not be */
#if PG_VERSION_NUM >= 170000
#define OMS_TRANSACTION_TIMEOUT	{"transaction_timeout", "0"},
#else
#define OMS_TRANSACTION_TIMEOUT
#endif

#endif							/* OMS_COMPAT_H */
