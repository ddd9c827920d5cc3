/*
 * hands.c
 *		Who must not do a stage, since the workflow wants two persons.
 */
#include "postgres.h"

#include "engine/graph.h"
#include "engine/hands.h"
#include "engine/ticket.h"

/* Who did a stage, or has it: its worker, and who finished it for that one */
static bool
had_a_hand(const OmsStage *stage, const char *name)
{
	return (stage->worker != NULL && strcmp(stage->worker, name) == 0) ||
		(stage->finished_by != NULL && strcmp(stage->finished_by, name) == 0);
}

/*
 * Did the role that calls do a stage?  One role may stand for many persons; who acts by the names and
 * tokens of others is known by these.
 */
static bool
role_had_a_hand(const OmsStage *stage, const OmsDoer *doer)
{
	return doer->person && (doer->in_person ? had_a_hand(stage, doer->role)
							: stage->worker != NULL && strcmp(stage->worker, doer->role) == 0);
}

/*
 * Has somebody else to do this stage, because the worker or the caller (NULL: nobody takes or finishes it
 * now) did one that it must not be the same as, or is just doing it?  Returns the number of that stage,
 * 0: none.
 */
int
oms_same_hands(OmsTicket *ticket, const OmsStage *stage, const char *worker, const OmsDoer *doer)
{
	const OmsStageDef *def = oms_graph_stage(ticket->graph, stage->no);

	for (int i = 0; i < def->nothers; i++)
	{
		const OmsStage *other = oms_set_has(ticket->started, def->others[i])
			? oms_started_stage(ticket, def->others[i]) : NULL;

		if (other != NULL && other->status != OMS_SKIPPED &&
			(had_a_hand(other, worker) || (doer != NULL && role_had_a_hand(other, doer))))
			return other->no;
	}
	return 0;
}

/*
 * Raise an error if somebody else has to do this stage.
 */
void
oms_require_other_hands(OmsTicket *ticket, const OmsStage *stage, const char *worker, const OmsDoer *doer)
{
	int			other = oms_same_hands(ticket, stage, worker, NULL);
	const char *who = worker;
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	if (other == 0 && doer != NULL)
	{
		other = oms_same_hands(ticket, stage, worker, doer);
		who = doer->role;
	}
	if (other != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("worker \"%s\" cannot do stage \"%s\" of ticket %s", who,
						oms_graph_stage(ticket->graph, stage->no)->id,
						oms_ticket_id_to_text(ticket->id, number)),
				 errdetail("The same worker has stage \"%s\", and the workflow wants two persons.",
						   oms_graph_stage(ticket->graph, other)->id)));
}
