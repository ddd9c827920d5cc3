/*
 * horizon.h
 *		Transactions that are over, and the numbers under which events are filed.
 */
#ifndef OMS_HORIZON_H
#define OMS_HORIZON_H

extern uint64 oms_store_xid_base(void);
extern uint64 oms_store_full_number(TransactionId xid);
extern uint64 oms_store_oldest_transaction(void);
extern uint64 oms_store_horizon(void);

#endif							/* OMS_HORIZON_H */
