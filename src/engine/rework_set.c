/*
 * rework_set.c
 *		Which stages wait for which to be done again.
 */
#include "postgres.h"

#include "engine/rework_set.h"

/*
 * Does a stage wait for another to be done again?
 */
bool
oms_waits_for_rework(const OmsTicket *ticket, int no)
{
	for (int i = 0; i < ticket->nreworks; i++)
		if (ticket->reworks[i].stage == no)
			return true;
	return false;
}

/*
 * A stage waits for another to be done again.
 */
void
oms_add_rework(OmsTicket *ticket, int stage, int back_to)
{
	for (int i = 0; i < ticket->nreworks; i++)
		if (ticket->reworks[i].stage == stage && ticket->reworks[i].back_to == back_to)
			return;
	ticket->reworks = ticket->reworks == NULL ? palloc(sizeof(OmsRework))
		: repalloc(ticket->reworks, sizeof(OmsRework) * (ticket->nreworks + 1));
	ticket->reworks[ticket->nreworks++] = (OmsRework) {stage, back_to};
}

/*
 * A stage has started or ended, so it waits for nothing any more.
 */
void
oms_drop_reworks_of(OmsTicket *ticket, int no)
{
	int			kept = 0;

	for (int i = 0; i < ticket->nreworks; i++)
		if (ticket->reworks[i].stage != no)
			ticket->reworks[kept++] = ticket->reworks[i];
	ticket->nreworks = kept;
}

/*
 * A stage is finished: nobody waits for it to be done again.  Returns who did.
 */
List *
oms_drop_reworks_to(OmsTicket *ticket, int no)
{
	List	   *waited = NIL;
	int			kept = 0;

	for (int i = 0; i < ticket->nreworks; i++)
		if (ticket->reworks[i].back_to == no)
			waited = lappend_int(waited, ticket->reworks[i].stage);
		else
			ticket->reworks[kept++] = ticket->reworks[i];
	ticket->nreworks = kept;
	return waited;
}
