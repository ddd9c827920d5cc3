/*
 * passed_over.h
 *		Tickets that a walk passed over and that it is to come back to, since it does not pass them again.
 */
#ifndef OMS_PASSED_OVER_H
#define OMS_PASSED_OVER_H

#include "store/isolate.h"
#include "store/spi.h"

extern int64 oms_passed_over_each(OmsIsolation *isolation, OmsStatement *tickets, Datum *values, OmsWork visit,
								  void *context);
extern void oms_passed_over_again(OmsIsolation *isolation, OmsStep step, OmsWork visit, void *context);
extern void oms_passed_over_forget(OmsStep step);

#endif							/* OMS_PASSED_OVER_H */
