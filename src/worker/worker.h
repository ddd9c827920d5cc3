/*
 * worker.h
 *		The worker of one database.
 */
#ifndef OMS_WORKER_H
#define OMS_WORKER_H

extern void oms_worker_next_transaction(void);

#endif							/* OMS_WORKER_H */
