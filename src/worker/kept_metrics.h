/*
 * kept_metrics.h
 *		Figures that take time to find out, kept for those who ask next.
 */
#ifndef OMS_KEPT_METRICS_H
#define OMS_KEPT_METRICS_H

#include "shared/shared.h"

extern bool oms_metrics_open_work(OmsOpenWork *work);
extern void oms_metrics_note_check(OmsCheck check, int64 problems);
extern OmsCheckResult oms_metrics_check(OmsCheck check);

#endif							/* OMS_KEPT_METRICS_H */
