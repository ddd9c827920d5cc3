/*
 * hooks.h
 *		Commands that concern the workers.
 */
#ifndef OMS_HOOKS_H
#define OMS_HOOKS_H

extern void oms_hooks_init(void);
extern void oms_hooks_renew_worker(void);

#endif							/* OMS_HOOKS_H */
