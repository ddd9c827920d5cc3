/*
 * lifecycle.c
 *		What may happen to a stage in which state: every verb in every state.
 *
 * with: src/engine/lifecycle.c
 *
 * The table is that of docs/reference, by verb: the states in which it is allowed.
 */
#include "postgres.h"

#include "engine/lifecycle.h"
#include "unit.h"

static const struct
{
	OmsVerb		verb;
	const char *name;
	const char *states;			/* as they are stored */
}			expected[] =
{
	{OMS_CLAIM, "claim", "q"},
	{OMS_CLAIM_STAGE, "claim_stage", "q"},
	{OMS_HEARTBEAT, "heartbeat", "p"},
	{OMS_RELEASE, "release", "p"},
	{OMS_FINISH, "stage_done", "aqp"},
	{OMS_FAIL, "stage_failed", "qp"},
	{OMS_SKIP, "skip_stage", "waqphf"},
	{OMS_RETRY, "retry_stage", "f"},
	{OMS_START, "start_stage", "wa"},
	{OMS_ASSIGN, "assign", "qp"},
	{OMS_DELEGATE, "delegate", "p"},
	{OMS_RESOLVE, "resolve", "p"},
	{OMS_HOLD, "hold", "aqph"},
	{OMS_RESUME, "resume", "h"},
	{OMS_SEND_BACK, "send_back", "waqphdsf"},
	{OMS_SEND_BACK_TO, "send_back to it", "ds"},
	{OMS_REOPEN, "reopen", "dsx"},
	{OMS_REASSIGN, "reassign", "qphf"},
	{OMS_ESCALATE, "escalate", "waqphdsfx"},
	{OMS_ESCALATE_TO, "escalate with reassign_to", "qphf"},
	{OMS_EXTEND, "extend", "aqphf"},
	{OMS_EXPIRE, "lease expiry", "p"},
	{OMS_CANCEL, "cancel_ticket", "waqphf"},
	{OMS_COMMENT, "comment", "waqphdsfx"},
};

int
main(void)
{
	for (int i = 0; i < (int) lengthof(expected); i++)
	{
		int			wrong = 0;

		int			wrong_by_token = 0;
		/* who has a stage that is on hold may finish it */
		const char *by_token = expected[i].verb == OMS_FINISH ? "h" : "";

		for (const char *state = "waqphdsfxt?"; *state != '\0'; state++)
		{
			bool		allowed = strchr(expected[i].states, *state) != NULL;

			wrong += oms_verb_allowed(expected[i].verb, *state, false) != allowed;
			wrong_by_token += oms_verb_allowed(expected[i].verb, *state, true) !=
				(allowed || strchr(by_token, *state) != NULL);
		}
		ok(wrong == 0, "%s is allowed in %s and nowhere else", expected[i].name, expected[i].states);
		ok(wrong_by_token == 0, "... with the token also in \"%s\"", by_token);
		ok(strcmp(oms_verb_name(expected[i].verb), expected[i].name) == 0, "... and is called so");
	}
	for (int verb = 0; verb <= OMS_COMMENT; verb++)
	{
		OmsStage	queued = {.status = OMS_STAGE_HELD, .held_from = OMS_QUEUED};
		OmsStage	awaiting = {.status = OMS_STAGE_HELD, .held_from = OMS_AWAITING};
		OmsStage	failed = {.status = OMS_STAGE_FAILED, .queued_at = 1};
		OmsStage	never_queued = {.status = OMS_STAGE_FAILED, .queued_at = OMS_NEVER};
		bool		hands_over = verb == OMS_REASSIGN || verb == OMS_ESCALATE_TO;

		ok(oms_stage_allows(&queued, verb, false) == oms_verb_allowed(verb, OMS_STAGE_HELD, false) &&
		   oms_stage_allows(&failed, verb, false) == oms_verb_allowed(verb, OMS_STAGE_FAILED, false),
		   "%s on hold and failed: as the state says", oms_verb_name(verb));
		ok(oms_stage_allows(&awaiting, verb, false) == (!hands_over && oms_verb_allowed(verb, OMS_STAGE_HELD, false)) &&
		   oms_stage_allows(&never_queued, verb, false) == (!hands_over && oms_verb_allowed(verb, OMS_STAGE_FAILED, false)),
		   "... of what nobody could claim as well, but for another owner");
	}
	ok(lengthof(expected) == OMS_COMMENT + 1, "every verb is here");
	return finish();
}
