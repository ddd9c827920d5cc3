/*
 * args.h
 *		The arguments of the SQL-callable functions, and the rows of their results.
 */
#ifndef OMS_ARGS_H
#define OMS_ARGS_H

#include "fmgr.h"

#include "store/call.h"
#include "store/store.h"

/* Bytes of an idempotency key or of an applicant's key */
#define OMS_MAX_KEY				255

extern void oms_check_name(const char *name, const char *what);
extern void oms_check_note(const char *note, const char *what);
extern void oms_check_size(const Jsonb *value, const char *what, int max_kb, const char *setting);
extern void oms_raise_problem(const List *problems);
extern Jsonb *oms_check_data(Jsonb *data);
extern OmsGraph *oms_compile_or_error(Jsonb *definition);
extern char *oms_clipped(const text *value);
extern void oms_arg_required(FunctionCallInfo fcinfo, int n, const char *what);
extern OmsTicketId oms_arg_ticket(FunctionCallInfo fcinfo, int n);
extern char *oms_arg_name(FunctionCallInfo fcinfo, int n, const char *what);
extern char *oms_arg_name_or_null(FunctionCallInfo fcinfo, int n, const char *what);
extern char *oms_arg_note(FunctionCallInfo fcinfo, int n, const char *what);
extern char *oms_arg_note_or_null(FunctionCallInfo fcinfo, int n, const char *what);
extern char *oms_arg_key_or_null(FunctionCallInfo fcinfo, int n, const char *what);
extern Jsonb *oms_normal_output(Jsonb *output);
extern void oms_put_row(void *result, Datum *values, bool *nulls);
extern int64 oms_arg_duration(FunctionCallInfo fcinfo, int n, const char *what, int64 min);

#endif							/* OMS_ARGS_H */
