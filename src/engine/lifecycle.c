/*
 * lifecycle.c
 *		The state table of a stage.
 *
 * One row per verb, one column per state.  This is the only place that says what is allowed: whoever
 * changes a stage asks oms_verb_allowed first, with the ticket locked, in most cases by oms_require.  How far the stage
 * then moves (a failure goes back to the queue or not) is decided in decide.c.
 */
#include "postgres.h"

#include "engine/lifecycle.h"

#define COLUMNS "waqphdsfx"

static const struct
{
	const char *name;
	const char *allowed;		/* in the order of COLUMNS; t: with the token of who has the stage */
}			lifecycle[] =
{
	/* verb                            waiting, awaiting, queued, in progress, held, done, skipped, failed, x */
	[OMS_CLAIM] = {"claim",				"--+------"},
	[OMS_CLAIM_STAGE] = {"claim_stage",	"--+------"},
	[OMS_HEARTBEAT] = {"heartbeat",		"---+-----"},
	[OMS_RELEASE] = {"release",			"---+-----"},
	[OMS_FINISH] = {"stage_done",		"-+++t----"},
	[OMS_FAIL] = {"stage_failed",		"--++-----"},
	[OMS_SKIP] = {"skip_stage",			"+++++--+-"},
	[OMS_RETRY] = {"retry_stage",		"-------+-"},
	[OMS_START] = {"start_stage",		"++-------"},
	[OMS_ASSIGN] = {"assign",			"--++-----"},
	[OMS_DELEGATE] = {"delegate",		"---+-----"},
	[OMS_RESOLVE] = {"resolve",			"---+-----"},
	[OMS_HOLD] = {"hold",				"-++++----"},
	[OMS_RESUME] = {"resume",			"----+----"},
	[OMS_SEND_BACK] = {"send_back",		"++++++++-"},
	[OMS_SEND_BACK_TO] = {"send_back to it", "-----++--"},
	[OMS_REOPEN] = {"reopen",			"-----++-+"},
	[OMS_REASSIGN] = {"reassign",		"--+++--+-"},
	[OMS_ESCALATE] = {"escalate",		"+++++++++"},
	[OMS_ESCALATE_TO] = {"escalate with reassign_to", "--+++--+-"},
	[OMS_EXTEND] = {"extend",			"-++++--+-"},
	[OMS_EXPIRE] = {"lease expiry",		"---+-----"},
	[OMS_CANCEL] = {"cancel_ticket",	"+++++--+-"},
	[OMS_COMMENT] = {"comment",			"+++++++++"}
};

/*
 * Is a verb allowed for a stage in that state?  by_token: the one who has the stage shows its token.
 */
bool
oms_verb_allowed(OmsVerb verb, char status, bool by_token)
{
	const char *column = strchr(COLUMNS, status);
	char		mark = column == NULL ? '-' : lifecycle[verb].allowed[column - COLUMNS];

	return mark == '+' || (mark == 't' && by_token);
}

/*
 * Is it allowed for a stage?  One that nobody could claim, since it awaits or failed before it was queued, cannot be handed
 * to another owner.
 */
bool
oms_stage_allows(const OmsStage *stage, OmsVerb verb, bool by_token)
{
	bool		never_queued = stage->held_from == OMS_AWAITING ||
		(stage->status == OMS_STAGE_FAILED && stage->queued_at == OMS_NEVER);

	return oms_verb_allowed(verb, stage->status, by_token) &&
		!(never_queued && (verb == OMS_REASSIGN || verb == OMS_ESCALATE_TO));
}

const char *
oms_verb_name(OmsVerb verb)
{
	return lifecycle[verb].name;
}

const char *
oms_stage_status_name(char status)
{
	switch ((OmsStageStatus) status)
	{
		case OMS_WAITING:
			return "waiting";
		case OMS_AWAITING:
			return "awaiting";
		case OMS_QUEUED:
			return "queued";
		case OMS_IN_PROGRESS:
			return "in_progress";
		case OMS_STAGE_HELD:
			return "on_hold";
		case OMS_STAGE_DONE:
			return "done";
		case OMS_SKIPPED:
			return "skipped";
		case OMS_STAGE_FAILED:
			return "failed";
		case OMS_STAGE_CANCELLED:
			return "cancelled";
		case OMS_TICKET_CLOCK:
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("invalid stage status \"%c\"", status)));
}

const char *
oms_ticket_status_name(char status)
{
	switch ((OmsTicketStatus) status)
	{
		case OMS_TICKET_OPEN:
			return "open";
		case OMS_TICKET_HELD:
			return "on_hold";
		case OMS_TICKET_DONE:
			return "done";
		case OMS_TICKET_FAILED:
			return "failed";
		case OMS_TICKET_CANCELLED:
			return "cancelled";
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("invalid ticket status \"%c\"", status)));
}
