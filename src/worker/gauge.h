/*
 * gauge.h
 *		Figures that take time to find out, kept for those who ask next.
 */
#ifndef OMS_GAUGE_H
#define OMS_GAUGE_H

#include "worker/shared.h"

extern bool oms_gauge_open_work(OmsOpenWork *work);
extern void oms_gauge_note_check(OmsCheck check, int64 problems);
extern OmsCheckResult oms_gauge_check(OmsCheck check);

#endif							/* OMS_GAUGE_H */
