/*
 * tick.c
 *		Firing the timers that are due.
 */
#include "postgres.h"

#include "fmgr.h"

#include "clock.h"
#include "store/call.h"
#include "store/store.h"

PG_FUNCTION_INFO_V1(oms_tick);

typedef struct TickState
{
	const OmsCall *call;
	int			fired;
} TickState;

static bool
fire(void *context, OmsTicket *ticket, OmsStage *stage)
{
	TickState  *state = context;

	state->fired += oms_decide_timers(ticket, stage);
	oms_store_apply(ticket, &state->call->actor);
	return true;
}

/*
 * tick() → int, how many timers fired.  Tickets that another session is just changing are left for
 * the next call.
 */
Datum
oms_tick(PG_FUNCTION_ARGS)
{
	OmsCall		call;
	TickState	state = {.call = &call};

	oms_call_begin(&call, "oms.tick()");
	oms_store_visit_due(oms_clock_now(), fire, &state);
	oms_call_end(&call);
	PG_RETURN_INT32(state.fired);
}
