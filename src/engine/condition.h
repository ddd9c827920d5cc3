/*
 * condition.h
 *		May a stage be left out?
 */
#ifndef OMS_CONDITION_H
#define OMS_CONDITION_H

#include "oms.h"

extern bool oms_condition_false(const OmsStageDef *stage, Jsonb *data, Jsonb *outputs);

#endif							/* OMS_CONDITION_H */
