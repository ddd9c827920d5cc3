/*
 * errand.h
 *		Something to be done in another database of the server.
 */
#ifndef OMS_ERRAND_H
#define OMS_ERRAND_H

#include "store/cron.h"

extern void oms_errand_run(Oid database, OmsCronOrder *order);
extern PGDLLEXPORT void oms_errand_main(Datum arg);

#endif							/* OMS_ERRAND_H */
