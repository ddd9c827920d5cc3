/*
 * require.c
 *		May this be done to a stage now?
 */
#include "postgres.h"

#include "engine/catch_up.h"
#include "engine/lifecycle.h"
#include "engine/require.h"
#include "engine/ticket.h"
#include "errors.h"

/*
 * Has the worker with the last token lost the stage, though nobody else has taken it?
 */
static bool
is_vacant(const OmsStage *stage)
{
	char		status = stage->status == OMS_STAGE_HELD ? stage->held_from : stage->status;

	return status == OMS_QUEUED || status == OMS_WAITING || status == OMS_AWAITING;
}

/*
 * May the verb be applied?  In a closed ticket only what may be said of a cancelled stage.
 */
bool
oms_may(const OmsTicket *ticket, const OmsStage *stage, OmsVerb verb, const int64 *token)
{
	return oms_stage_allows(stage, verb, token != NULL && !is_vacant(stage)) &&
		(!oms_is_closed(ticket) || oms_verb_allowed(verb, OMS_STAGE_CANCELLED, false));
}

/*
 * Let everything happen that was due before, then raise an error unless the verb may be applied.  A
 * token that is given must be the current one; whoever held the stage once learns that it is gone
 * (OM006) before the state is looked at.
 */
void
oms_require(OmsTicket *ticket, OmsStage *stage, OmsVerb verb, const int64 *token)
{
	const char *id = oms_graph_stage(ticket->graph, stage->no)->id;
	char		number[OMS_TICKET_ID_TEXT_SIZE];
	bool		allowed;

	oms_catch_up(ticket, stage);
	allowed = oms_may(ticket, stage, verb, token);
	if (token != NULL && (allowed || stage->token != 0 || stage->cycle > 1) &&
		(stage->token != *token || is_vacant(stage)))
		ereport(ERROR,
				(errcode(OMS_ERR_STALE_TOKEN),
				 errmsg("token " INT64_FORMAT " of stage \"%s\" of ticket %s is not the current one",
						*token, id, oms_ticket_id_to_text(ticket->id, number)),
				 errhint("The stage was taken away from this worker: drop the work and claim again.")));
	if (!allowed)
		ereport(ERROR,
				(errcode(verb == OMS_CLAIM_STAGE && stage->status == OMS_IN_PROGRESS
						 ? OMS_ERR_ALREADY_CLAIMED : OMS_ERR_WRONG_STATE),
				 errmsg("%s is not possible for stage \"%s\" of ticket %s: the stage is %s",
						oms_verb_name(verb), id, oms_ticket_id_to_text(ticket->id, number),
						oms_stage_status_name(stage->status)),
				 stage->held_from == OMS_AWAITING ? errdetail("It was awaiting, and nobody can claim it.") :
				 oms_is_closed(ticket) ? errdetail("The ticket is %s.", oms_ticket_status_name(ticket->status)) : 0));
}
