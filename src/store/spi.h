/*
 * spi.h
 *		The one way into SQL.
 */
#ifndef OMS_SPI_H
#define OMS_SPI_H

#include "executor/spi.h"

#include "oms.h"

#define OMS_STATEMENT_ARGS	8

/* Stands for the OID of oms.ticket_id, which is not known beforehand */
#define OMS_TICKET_TYPE		InvalidOid

/* Columns that oms_sql_report() passes on at most */
#define OMS_REPORT_COLUMNS	8

/* A statement and its plan, which is kept for the life of the backend */
typedef struct OmsStatement
{
	const char *sql;
	int			nargs;
	Oid			types[OMS_STATEMENT_ARGS];
	bool		as_caller;		/* not as the owner of the schema */
	bool		plan_once;		/* one plan for all values, as making it costs more than it gains */
	SPIPlanPtr	plan;
	Oid			schema;			/* the schema oms that the plan was made for */
} OmsStatement;

extern Oid	oms_schema_owner(void);
extern void oms_set_for_now(const char *setting, const char *value);
extern void oms_sql_as_owner(const char *command);
extern void oms_sql_begin_procedure(void);
extern void oms_sql_commit(void);
extern void oms_sql_end_procedure(void);
extern uint64 oms_sql(OmsStatement *statement, Datum *values, const char *nulls);
extern uint64 oms_sql_by_index(OmsStatement *statement, Datum *values);
extern uint64 oms_sql_by_hash(OmsStatement *statement, Datum *values);
extern void oms_sql_report(uint64 count, OmsRowReport report, void *context);
extern void oms_sql_first_row(Datum *values, bool *nulls);
extern Portal oms_sql_open(OmsStatement *statement, Datum *values, const char *nulls);

#endif							/* OMS_SPI_H */
