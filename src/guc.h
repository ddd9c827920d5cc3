/*
 * guc.h
 *		The settings of oms.
 */
#ifndef OMS_GUC_H
#define OMS_GUC_H

extern void oms_guc_init(void);

#endif							/* OMS_GUC_H */
