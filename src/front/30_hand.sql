
--------------------------------------------------------------------------------------------------
-- what takes thought
--------------------------------------------------------------------------------------------------

-- ---- at one cell, or at all: for the functions below ----

CREATE FUNCTION oms_internal.claim_at(cell int, owner text, worker text, qty int, lease interval)
	RETURNS TABLE (ticket oms.ticket_id, stage text, attempt int, token bigint, workflow text,
		data jsonb, inputs jsonb, due_at timestamptz, lease_until timestamptz)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON cell; SELECT * FROM oms.claim(owner, worker, qty, lease); $$;
COMMENT ON FUNCTION oms_internal.claim_at(int, text, text, int, interval) IS 'for oms.claim(): at one cell';

CREATE FUNCTION oms_internal.stages_done_at(cell int, items jsonb) RETURNS int
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON cell; SELECT oms.stages_done(items); $$;
COMMENT ON FUNCTION oms_internal.stages_done_at(int, jsonb) IS 'for oms.stages_done(): at one cell';

CREATE FUNCTION oms_internal.my_work_all(worker text, qty int)
	RETURNS TABLE (ticket oms.ticket_id, stage text, status text, owner text, workflow text, priority int, label text,
		queued_at timestamptz, started_at timestamptz, due_at timestamptz, delegated_by text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; SELECT * FROM oms.my_work(worker, qty); $$;
COMMENT ON FUNCTION oms_internal.my_work_all(text, int) IS 'for oms.my_work(): of all cells';

CREATE FUNCTION oms_internal.at_risk_all(within interval)
	RETURNS TABLE (ticket oms.ticket_id, workflow text, stage text, owner text, status text, due_at timestamptz, remaining interval)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; SELECT * FROM oms.at_risk(within); $$;
COMMENT ON FUNCTION oms_internal.at_risk_all(interval) IS 'for oms.at_risk(): of all cells';

CREATE FUNCTION oms_internal.erase_applicant_all(applicant text, reason text) RETURNS SETOF int
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; SELECT oms.erase_applicant(applicant, reason); $$;
COMMENT ON FUNCTION oms_internal.erase_applicant_all(text, text) IS 'for oms.erase_applicant(): at all cells';

CREATE FUNCTION oms_internal.sla_report_all(starts timestamptz, ends timestamptz, wanted text)
	RETURNS TABLE (workflow text, stage text, finished bigint, met bigint, breached bigint, completed_rate float8,
		due bigint, due_breached bigint, due_rate float8, open bigint, open_overdue bigint, open_rate float8,
		p50 float8, p90 float8, p99 float8, wait interval, work interval, hold interval, rework interval, reworked bigint,
		moved bigint)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; SELECT * FROM oms.sla_report(starts, ends, wanted); $$;
COMMENT ON FUNCTION oms_internal.sla_report_all(timestamptz, timestamptz, text) IS 'for oms.sla_report(): of all cells';

CREATE FUNCTION oms_internal.bottlenecks_all(starts timestamptz, ends timestamptz, wanted text)
	RETURNS TABLE (workflow text, stage text, finished bigint, total interval, share float8, mean interval,
		wait interval, work interval, hold interval, rework interval, breached bigint, breach_share float8,
		open bigint, days_to_clear float8, moved bigint)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; SELECT * FROM oms.bottlenecks(starts, ends, wanted); $$;
COMMENT ON FUNCTION oms_internal.bottlenecks_all(timestamptz, timestamptz, text) IS 'for oms.bottlenecks(): of all cells';

-- ---- openings ----

CREATE FUNCTION oms.open_ticket(workflow text, data jsonb DEFAULT '{}', idempotency_key text DEFAULT NULL,
		priority int DEFAULT 0, applicant text DEFAULT NULL) RETURNS oms.ticket_id
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_for(idempotency_key, applicant); $$;
COMMENT ON FUNCTION oms.open_ticket(text, jsonb, text, int, text) IS 'opens a ticket, as at a cell. Here: at the cell that the key chooses, without a key the applicant, without both at any';

CREATE FUNCTION oms.open_tickets(workflow text, data jsonb[]) RETURNS SETOF oms.ticket_id
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_for(NULL, NULL); $$;
COMMENT ON FUNCTION oms.open_tickets(text, jsonb[]) IS 'opens many tickets, as at a cell. Here: all at one cell, so that it is all or nothing';

-- ---- work ----

CREATE FUNCTION oms.claim(owner text, worker text DEFAULT NULL, qty int DEFAULT 1, lease interval DEFAULT '5 minutes')
	RETURNS TABLE (ticket oms.ticket_id, stage text, attempt int, token bigint, workflow text,
		data jsonb, inputs jsonb, due_at timestamptz, lease_until timestamptz)
	AS 'MODULE_PATHNAME', 'oms_front_claim' LANGUAGE C VOLATILE ROWS 5;
COMMENT ON FUNCTION oms.claim(text, text, int, interval) IS 'hands out work, as at a cell. Here: of one cell, chosen by chance, and of the others while there are fewer than qty; priority counts within a cell. A cell that is not reached is passed over with a WARNING; if none is, 08001';

CREATE FUNCTION oms.stages_done(items jsonb) RETURNS int
	LANGUAGE sql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT COALESCE(sum(oms_internal.stages_done_at(p.cell, p.items)), 0)::int
		FROM (SELECT oms.cell_of((i.item ->> 'ticket')::oms.ticket_id) AS cell, jsonb_agg(i.item ORDER BY i.no) AS items
			FROM jsonb_array_elements(stages_done.items) WITH ORDINALITY AS i (item, no)
			GROUP BY 1 ORDER BY 1 OFFSET 0) AS p
	$$;
COMMENT ON FUNCTION oms.stages_done(jsonb) IS 'finishes many stages, as at a cell. Here: cell by cell; all or nothing within a cell, but what was done at one stays if the next one refuses or is not reached';

CREATE FUNCTION oms.exchange(owner text, worker text DEFAULT NULL, finished jsonb DEFAULT '[]', qty int DEFAULT 1,
		lease interval DEFAULT '5 minutes')
	RETURNS TABLE (ticket oms.ticket_id, stage text, attempt int, token bigint, workflow text, data jsonb, inputs jsonb,
		due_at timestamptz, lease_until timestamptz)
	LANGUAGE sql VOLATILE ROWS 5
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT oms.stages_done(exchange.finished);
		SELECT c.ticket, c.stage, c.attempt, c.token, c.workflow, c.data, c.inputs, c.due_at, c.lease_until
		FROM oms.claim(exchange.owner, exchange.worker, exchange.qty, exchange.lease) AS c
		WHERE exchange.qty IS DISTINCT FROM 0;
	$$;
COMMENT ON FUNCTION oms.exchange(text, text, jsonb, int, interval) IS 'finishes stages and hands out new work. Here: stages_done(), then claim()';

CREATE FUNCTION oms.my_work(worker text, qty int DEFAULT 100)
	RETURNS TABLE (ticket oms.ticket_id, stage text, status text, owner text, workflow text, priority int, label text,
		queued_at timestamptz, started_at timestamptz, due_at timestamptz, delegated_by text)
	LANGUAGE sql VOLATILE ROWS 20
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT w.ticket, w.stage, w.status, w.owner, w.workflow, w.priority, w.label, w.queued_at, w.started_at, w.due_at, w.delegated_by
		FROM oms_internal.my_work_all(my_work.worker, my_work.qty) AS w
		ORDER BY w.started_at IS NULL, w.priority DESC, w.queued_at, w.ticket, w.stage
		LIMIT my_work.qty
	$$;
COMMENT ON FUNCTION oms.my_work(text, int) IS 'the inbox of a worker, as at a cell. Here: of all cells; it fails if one is not reached';

CREATE FUNCTION oms.erase_applicant(applicant text, reason text) RETURNS int
	LANGUAGE sql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT sum(n)::int FROM oms_internal.erase_applicant_all(erase_applicant.applicant, erase_applicant.reason) AS n $$;
COMMENT ON FUNCTION oms.erase_applicant(text, text) IS 'erases what was said in all tickets of an applicant, as at a cell. Here: at all cells; if one is not reached, the others have done it: ask again';

-- ---- reports: sums of all cells ----

CREATE FUNCTION oms.at_risk(within interval DEFAULT '4 hours')
	RETURNS TABLE (ticket oms.ticket_id, workflow text, stage text, owner text, status text, due_at timestamptz, remaining interval)
	LANGUAGE sql VOLATILE ROWS 20
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT r.ticket, r.workflow, r.stage, r.owner, r.status, r.due_at, r.remaining
		FROM oms_internal.at_risk_all(at_risk.within) AS r
		ORDER BY r.due_at, r.ticket, r.stage
	$$;
COMMENT ON FUNCTION oms.at_risk(interval) IS 'running clocks that are due soon, as at a cell. Here: of all cells; it fails if one is not reached';

CREATE FUNCTION oms.sla_report(starts timestamptz, ends timestamptz, workflow text DEFAULT NULL)
	RETURNS TABLE (workflow text, stage text, finished bigint, met bigint, breached bigint, completed_rate float8,
		due bigint, due_breached bigint, due_rate float8, open bigint, open_overdue bigint, open_rate float8,
		p50 float8, p90 float8, p99 float8, wait interval, work interval, hold interval, rework interval, reworked bigint,
		moved bigint)
	LANGUAGE sql VOLATILE ROWS 20
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT r.workflow, r.stage, sum(r.finished)::bigint, sum(r.met)::bigint, sum(r.breached)::bigint,
			round(sum(r.breached) / NULLIF(sum(r.met) + sum(r.breached), 0), 4)::float8,
			sum(r.due)::bigint, sum(r.due_breached)::bigint, round(sum(r.due_breached) / NULLIF(sum(r.due), 0), 4)::float8,
			sum(r.open)::bigint, sum(r.open_overdue)::bigint, round(sum(r.open_overdue) / NULLIF(sum(r.open), 0), 4)::float8,
			CASE WHEN count(r.p50) = 1 THEN max(r.p50) END, CASE WHEN count(r.p90) = 1 THEN max(r.p90) END,
			CASE WHEN count(r.p99) = 1 THEN max(r.p99) END,
			sum(r.wait), sum(r.work), sum(r.hold), sum(r.rework), sum(r.reworked)::bigint,
			sum(r.moved)::bigint
		FROM oms_internal.sla_report_all(sla_report.starts, sla_report.ends, sla_report.workflow) WITH ORDINALITY
			AS r (workflow, stage, finished, met, breached, completed_rate, due, due_breached, due_rate, open, open_overdue,
				open_rate, p50, p90, p99, wait, work, hold, rework, reworked, moved, no)
		GROUP BY r.workflow, r.stage
		ORDER BY r.workflow NULLS FIRST, r.stage IS NOT NULL, min(r.no), r.stage
	$$;
COMMENT ON FUNCTION oms.sla_report(timestamptz, timestamptz, text) IS 'how time limits were kept, as at a cell. Here: sums of all cells; percentiles only where one cell alone has any, NULL elsewhere. It fails if a cell is not reached';

CREATE FUNCTION oms.bottlenecks(starts timestamptz, ends timestamptz, workflow text DEFAULT NULL)
	RETURNS TABLE (workflow text, stage text, finished bigint, total interval, share float8, mean interval,
		wait interval, work interval, hold interval, rework interval, breached bigint, breach_share float8,
		open bigint, days_to_clear float8, moved bigint)
	LANGUAGE sql VOLATILE ROWS 20
	SET search_path = pg_catalog, pg_temp
	AS $$
		WITH s AS (
			SELECT r.workflow, r.stage, sum(r.finished) AS finished, sum(r.total) AS total, EXTRACT(epoch FROM sum(r.total)) AS secs,
				sum(r.wait) AS wait, sum(r.work) AS work, sum(r.hold) AS hold, sum(r.rework) AS rework,
				sum(r.breached) AS breached, sum(r.open) AS open, sum(r.moved) AS moved,
				max(r.days_to_clear::numeric * r.finished / NULLIF(r.open, 0)) AS days
			FROM oms_internal.bottlenecks_all(bottlenecks.starts, bottlenecks.ends, bottlenecks.workflow) AS r
			GROUP BY r.workflow, r.stage
		)
		SELECT s.workflow, s.stage, s.finished::bigint, s.total, round(s.secs / NULLIF(sum(s.secs) OVER (), 0), 4)::float8,
			s.total / NULLIF(s.finished::float8, 0), s.wait, s.work, s.hold, s.rework, s.breached::bigint,
			round(s.breached / NULLIF(sum(s.breached) OVER (), 0), 4)::float8, s.open::bigint,
			round(s.open * s.days / NULLIF(s.finished, 0), 2)::float8, s.moved::bigint
		FROM s
		ORDER BY s.secs DESC, s.workflow, s.stage
	$$;
COMMENT ON FUNCTION oms.bottlenecks(timestamptz, timestamptz, text) IS 'where time went, as at a cell. Here: sums of all cells. It fails if a cell is not reached';

--------------------------------------------------------------------------------------------------
-- rights: nothing for PUBLIC
--------------------------------------------------------------------------------------------------

REVOKE ALL ON SCHEMA oms, oms_internal FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA oms, oms_internal FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA oms, oms_internal FROM PUBLIC;
REVOKE ALL ON TYPE oms.ticket_id, oms.cell, oms.cell_range FROM PUBLIC;
