/*
 * door.c
 *		The door to a stage: it is locked, and who may not touch it is refused.
 *
 * A GRANT says who may call a function, and not which tickets that one may touch: agents those of their owners, staff all.
 * So every function about one stage comes in here, and what a stage is called is told to nobody who has no part in the
 * ticket.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "api/args.h"
#include "api/door.h"
#include "engine/catch_up.h"
#include "engine/graph.h"
#include "engine/lifecycle.h"
#include "engine/ticket.h"
#include "errors.h"
#include "store/access.h"

/*
 * The number of a stage of the ticket's workflow.
 */
int
oms_stage_number(const OmsTicket *ticket, const char *id, int len)
{
	int			no = oms_graph_find(ticket->graph, id, len);
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	if (no == 0)
		oms_require_part(ticket);
	if (no == 0)
		ereport(ERROR,
				(errcode(OMS_ERR_UNKNOWN_STAGE),
				 errmsg("unknown stage \"%s\" of ticket %s",
						pnstrdup(id, pg_mbcliplen(id, len, OMS_MAX_NAME)),
						oms_ticket_id_to_text(ticket->id, number)),
				 errdetail("The ticket runs through workflow \"%s\".", ticket->graph->name)));
	return no;
}

int
oms_arg_stage(FunctionCallInfo fcinfo, int n, const OmsTicket *ticket)
{
	text	   *id = PG_GETARG_TEXT_PP(n);

	return oms_stage_number(ticket, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
}

/*
 * A stage of a locked ticket, for a caller who may change it: a member of its owner, whoever has it, or staff.
 */
OmsStage *
oms_enter(OmsTicket *ticket, int stage_no)
{
	OmsStage   *stage = oms_store_stage(ticket, stage_no);

	/* whose it is may just have changed */
	oms_catch_up(ticket, stage);
	oms_require_stage(ticket, stage);
	return stage;
}

/*
 * Lock the ticket of arguments 0 and 1, and enter the stage that they name.
 */
OmsStage *
oms_enter_stage(FunctionCallInfo fcinfo, OmsTicket **ticket)
{
	OmsTicketId id = oms_arg_ticket(fcinfo, 0);

	oms_arg_required(fcinfo, 1, "stage");
	*ticket = oms_store_lock(id);
	return oms_enter(*ticket, oms_arg_stage(fcinfo, 1, *ticket));
}

/*
 * An error: what is asked for is not possible for the ticket as it is.
 */
void
oms_wrong_state(const OmsTicket *ticket, const char *what, const char *why)
{
	char		number[OMS_TICKET_ID_TEXT_SIZE];

	ereport(ERROR,
			(errcode(OMS_ERR_WRONG_STATE),
			 errmsg("%s is not possible for ticket %s: %s", what,
					oms_ticket_id_to_text(ticket->id, number), why)));
}

/*
 * Refuse what is not possible for a ticket that is over.
 */
void
oms_require_open(const OmsTicket *ticket, const char *what)
{
	if (oms_is_closed(ticket))
		oms_wrong_state(ticket, what, psprintf("the ticket is %s", oms_ticket_status_name(ticket->status)));
}
