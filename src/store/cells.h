/*
 * cells.h
 *		What a front asks a cell in SQL.
 */
#ifndef OMS_CELLS_H
#define OMS_CELLS_H

#include "utils/tuplestore.h"

extern int	oms_store_claim_at(Datum *values, const char *nulls, Tuplestorestate *rows);

#endif							/* OMS_CELLS_H */
