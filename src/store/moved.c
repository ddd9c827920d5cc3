/*
 * moved.c
 *		Sessions whose clock stands still (oms.now) in a database in which the real clock counts.
 *
 * A superuser could date back what is done now.  So an event that is recorded under such a clock says so, in what
 * is hashed too (timeline.moved), and once a database has an event of the real clock nothing is recorded under
 * another one, unless oms.allow_moved_clock says that this is a place for tests.
 *
 * Only who moved the clock pays for it: there is no mark to keep.  One event of the real clock is found at once
 * where there are any; without one all events are looked through at each call, as in a simulation that does not
 * say that it is one.
 */
#include "postgres.h"

#include "access/xact.h"

#include "clock.h"
#include "guc.h"
#include "store/moved.h"
#include "store/row.h"
#include "store/spi.h"

static OmsStatement select_real = {
	.sql = "SELECT FROM oms.timeline AS e WHERE e.moved IS NOT TRUE"
	" UNION ALL SELECT FROM oms.timeline_archive AS a WHERE a.moved IS NOT TRUE LIMIT 1"
};

/*
 * Is there an event of the real clock, and does nothing say that the clock may be moved?  Once there is one for good
 * it is not looked for again.
 */
bool
oms_store_real_clock_counts(void)
{
	static Oid	known_table = InvalidOid;
	Oid			table;
	bool		found;

	if (oms_allow_moved_clock)
		return false;
	table = oms_relation_oid("timeline");
	if (known_table == table)
		return true;
	SPI_connect();
	found = oms_sql(&select_real, NULL, NULL) > 0;
	SPI_finish();
	/* what this transaction recorded itself may be rolled back */
	if (found && !TransactionIdIsValid(GetTopTransactionIdIfAny()))
		known_table = table;
	return found;
}

/*
 * Refuse to change anything under a moved clock where the real one counts.
 */
void
oms_require_real_clock(const char *function)
{
	if (oms_clock_stands_still() && oms_store_real_clock_counts())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s is refused while oms.now moves the clock", function),
				 errdetail("The database has events of the real clock."),
				 errhint("RESET oms.now. In a database for tests a superuser can set oms.allow_moved_clock = on.")));
}
