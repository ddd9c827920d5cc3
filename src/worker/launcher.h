/*
 * launcher.h
 *		The process that sees to it that every database has its worker.
 */
#ifndef OMS_LAUNCHER_H
#define OMS_LAUNCHER_H

#include "postgres.h"

extern void oms_launcher_register(void);
extern PGDLLEXPORT void oms_launcher_main(Datum arg);
extern PGDLLEXPORT void oms_worker_main(Datum arg);

#endif							/* OMS_LAUNCHER_H */
