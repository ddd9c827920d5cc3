/*
 * outputs.h
 *		What stages that are done have brought, as JSON for others.
 */
#ifndef OMS_OUTPUTS_H
#define OMS_OUTPUTS_H

#include "oms.h"

/*
 * {"id": output, …} of those of the given stages that are done; {} for one without output.
 */
extern Jsonb *oms_outputs_of(OmsTicket *ticket, const int *nos, int count);

/*
 * {"stages": {"id": output, …}}: what conditions see as variables.
 */
extern Jsonb *oms_outputs_for_conditions(OmsTicket *ticket);

#endif							/* OMS_OUTPUTS_H */
