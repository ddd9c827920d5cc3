/*
 * lifecycle.h
 *		What may happen to a stage in which state.
 */
#ifndef OMS_LIFECYCLE_H
#define OMS_LIFECYCLE_H

#include "oms.h"

extern bool oms_verb_allowed(OmsVerb verb, char status, bool by_token);
extern bool oms_stage_allows(const OmsStage *stage, OmsVerb verb, bool by_token);
extern const char *oms_verb_name(OmsVerb verb);
extern const char *oms_stage_status_name(char status);
extern const char *oms_ticket_status_name(char status);

#endif							/* OMS_LIFECYCLE_H */
