CREATE VIEW oms_internal.check_all (kind, ticket, detail) AS
	SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_guards AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_chain AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_counters AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_fold AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_moves AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_dispatch AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_stuck AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_breach AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_calendars AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_clock AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_holds AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_hands AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_timers AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_orphans AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_archive AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_numbers AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_journal AS c;
COMMENT ON VIEW oms_internal.check_all IS 'for oms.check(): all kinds of findings';

CREATE FUNCTION oms.check(ticket oms.ticket_id DEFAULT NULL)
	RETURNS TABLE (kind text, ticket oms.ticket_id, detail text)
	AS 'MODULE_PATHNAME', 'oms_check' LANGUAGE C VOLATILE ROWS 10;
COMMENT ON FUNCTION oms.check(oms.ticket_id) IS 'every invariant of a ticket, or with NULL of everything, worked out by an independent model in SQL; no rows if all is well. kind: guards, chain, counters, fold, moves, dispatch, stuck, breach, clock, holds, hands, timers, orphans, archive, numbers, journal; of an archived ticket only guards, chain, orphans and archive. NULL reads every row of every table, several times; locks nothing';

