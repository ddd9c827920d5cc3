/*
 * access.h
 *		Who may do what.
 */
#ifndef OMS_ACCESS_H
#define OMS_ACCESS_H

#include "oms.h"

/* Levels that C code asks for; what else a level may do is a matter of GRANTs alone */
typedef enum OmsLevel
{
	OMS_LEVEL_AGENT,
	OMS_LEVEL_PORTAL,
	OMS_LEVEL_STAFF
} OmsLevel;

extern bool oms_has_level(OmsLevel level);
extern List *oms_role_persons(const char *role);
extern bool oms_acts_for(const char *owner);
extern bool oms_may_send(const char *sender, const char *owner, const char *opened_by);
extern void oms_refuse_ticket(OmsTicketId id) __attribute__((noreturn));
extern void oms_require_part(const OmsTicket *ticket);
extern void oms_require_owner(const char *owner);
extern void oms_require_stage(const OmsTicket *ticket, const OmsStage *stage);
extern void oms_require_opener(const OmsTicket *ticket);
extern void oms_grant_level(const char *role, const char *level);
extern void oms_revoke_levels(const char *role);

#endif							/* OMS_ACCESS_H */
