--------------------------------------------------------------------------------------------------
-- api: reports
--
-- What managers look at; docs/guides/reports.md has it column by column.  What is finished is added up from
-- oms.rollup, which oms.roll_up() keeps, and from what happened since its horizon; see
-- src/store/rollup.c.  What is open is read as it stands.
--
-- The functions run as the owner of the schema, since the levels do not read the tables beneath; they
-- show no worker, applicant, data or note.  The bodies are texts: with parsed ones pg_upgrade would restore
-- the views with the functions, before the operator class that their GROUP BY needs.
--------------------------------------------------------------------------------------------------

-- One row per cell.  Kind f: cycles finished in an hour (UTC), per stage.  Kind d: cycles that were due in six
-- hours and are finished, per stage.  Kind o: cycles finished in six hours, per owner.
CREATE TABLE oms.rollup (
	at			timestamptz NOT NULL,
	wait_us		bigint NOT NULL,
	work_us		bigint NOT NULL,
	hold_us		bigint NOT NULL,
	rework_us	bigint NOT NULL,
	workflow_id	int NOT NULL,
	finished	int NOT NULL,
	again		int NOT NULL,
	met			int NOT NULL,
	breached	int NOT NULL,
	moved		int NOT NULL,
	moved_limited int NOT NULL,
	stage_no	smallint NOT NULL,
	kind		"char" NOT NULL,
	owner		text COLLATE "C" NOT NULL,
	ratios		int[] NOT NULL,
	met_due		timestamptz[] NOT NULL,
	breached_due timestamptz[] NOT NULL,
	PRIMARY KEY (kind, at, workflow_id, stage_no, owner)
);
COMMENT ON TABLE oms.rollup IS 'finished stages, added up for the reports; not dumped, oms.roll_up() makes it again';
COMMENT ON COLUMN oms.rollup.at IS 'its time begins';
COMMENT ON COLUMN oms.rollup.wait_us IS 'of first cycles: until it was taken';
COMMENT ON COLUMN oms.rollup.work_us IS 'of first cycles: from then on';
COMMENT ON COLUMN oms.rollup.hold_us IS 'of first cycles: on hold, in either';
COMMENT ON COLUMN oms.rollup.rework_us IS 'all time of later cycles';
COMMENT ON COLUMN oms.rollup.workflow_id IS 'o: 0';
COMMENT ON COLUMN oms.rollup.finished IS 'cycles';
COMMENT ON COLUMN oms.rollup.again IS 'later cycles among them';
COMMENT ON COLUMN oms.rollup.moved IS 'f and o: cycles with events recorded under a moved clock';
COMMENT ON COLUMN oms.rollup.moved_limited IS 'those of them that have a time limit';
COMMENT ON COLUMN oms.rollup.stage_no IS 'o: 0';
COMMENT ON COLUMN oms.rollup.owner IS 'f and d: ''''';
COMMENT ON COLUMN oms.rollup.ratios IS 'histogram of consumed time / limit';
COMMENT ON COLUMN oms.rollup.met_due IS 'd: when those that were met were due';

-- One row, which oms.roll_up() locks.  Belongs to this server's transaction ids, so it is not dumped.
CREATE TABLE oms.rollup_state (
	one			bool PRIMARY KEY DEFAULT true CHECK (one),
	horizon		bigint
);
INSERT INTO oms.rollup_state (horizon) VALUES (NULL);
COMMENT ON TABLE oms.rollup_state IS 'how far finished stages are rolled up; not dumped';
COMMENT ON COLUMN oms.rollup_state.horizon IS 'cycles finished by transactions below it are rolled up; NULL: none are';

-- Cycles that are rolled up, though the number of their transaction is not below the horizon.
CREATE TABLE oms.rollup_ahead (
	ticket_id	oms.ticket_id NOT NULL,
	watermark	bigint NOT NULL,
	cycle		int NOT NULL,
	stage_no	smallint NOT NULL,
	PRIMARY KEY (ticket_id, stage_no, cycle)
);
COMMENT ON TABLE oms.rollup_ahead IS 'stages that were rolled up ahead of the horizon; not dumped';

-- When something was finished, for the ends of a period that are no full hours.
CREATE INDEX stage_state_finished ON oms.stage_state (finished_at) WHERE status = 'd';
CREATE INDEX stage_past_finished ON oms.stage_past (finished_at) WHERE status = 'd';
CREATE INDEX stage_state_archive_finished ON oms.stage_state_archive (finished_at) WHERE status = 'd';
CREATE INDEX stage_past_archive_finished ON oms.stage_past_archive (finished_at) WHERE status = 'd';

-- ---- histograms ----

CREATE FUNCTION oms_internal.report_add_ratio(internal, float8) RETURNS internal
	AS 'MODULE_PATHNAME', 'oms_report_add_ratio' LANGUAGE C IMMUTABLE;
CREATE FUNCTION oms_internal.report_add_ratios(internal, int[]) RETURNS internal
	AS 'MODULE_PATHNAME', 'oms_report_add_ratios' LANGUAGE C IMMUTABLE;
CREATE FUNCTION oms_internal.report_ratios_end(internal) RETURNS int[]
	AS 'MODULE_PATHNAME', 'oms_report_ratios' LANGUAGE C IMMUTABLE;
CREATE FUNCTION oms_internal.report_percentiles_end(internal) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'oms_report_percentiles' LANGUAGE C IMMUTABLE;
CREATE AGGREGATE oms_internal.report_ratios(float8) (SFUNC = oms_internal.report_add_ratio, STYPE = internal, FINALFUNC = oms_internal.report_ratios_end);
CREATE AGGREGATE oms_internal.report_ratios(int[]) (SFUNC = oms_internal.report_add_ratios, STYPE = internal, FINALFUNC = oms_internal.report_ratios_end);
CREATE AGGREGATE oms_internal.report_percentiles(int[]) (SFUNC = oms_internal.report_add_ratios, STYPE = internal,
	FINALFUNC = oms_internal.report_percentiles_end);
COMMENT ON FUNCTION oms_internal.report_add_ratio(internal, float8) IS 'for oms_internal.report_ratios()';
COMMENT ON FUNCTION oms_internal.report_add_ratios(internal, int[]) IS 'for oms_internal.report_ratios() and oms_internal.report_percentiles()';
COMMENT ON FUNCTION oms_internal.report_ratios_end(internal) IS 'for oms_internal.report_ratios()';
COMMENT ON FUNCTION oms_internal.report_percentiles_end(internal) IS 'for oms_internal.report_percentiles()';
COMMENT ON AGGREGATE oms_internal.report_ratios(float8) IS 'for the reports: histogram of ratios, each to three significant digits';
COMMENT ON AGGREGATE oms_internal.report_ratios(int[]) IS 'for the reports: histograms into one';
COMMENT ON AGGREGATE oms_internal.report_percentiles(int[]) IS 'for the reports: {p50, p90, p99} of histograms; NULL if they are empty';

-- ---- what is finished ----

CREATE FUNCTION oms_internal.report_unit(unit interval, at timestamptz) RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'oms_report_unit' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION oms_internal.report_unit(interval, timestamptz) IS 'for the reports: when the unit began, in UTC; 22023 for a unit with months or years, or none';

-- Tickets and the ends of cycles, archived or not.
CREATE VIEW oms_internal.report_ticket AS
	SELECT t.ticket_id, t.workflow_id FROM oms.ticket_state AS t
	UNION ALL
	SELECT a.ticket_id, a.workflow_id FROM oms.ticket_state_archive AS a;
COMMENT ON VIEW oms_internal.report_ticket IS 'for the reports: one row per ticket, archived or not';

-- What people search.  No security barrier: it hides no rows, and with one a pattern could not go by an index.
CREATE VIEW oms.any_ticket AS
	SELECT u.ticket_id, w.name AS workflow, oms.ticket_status(u.status) AS status, u.priority, u.applicant, u.opened_at, u.closed_at, u.archived,
		to_tsvector('simple', translate(u.applicant, '-+./:@_&<~', '          ')) AS words
	FROM (
		SELECT t.ticket_id, t.workflow_id, t.status, t.priority, t.applicant, t.opened_at, t.closed_at, false AS archived
		FROM oms.ticket_state AS t
		UNION ALL
		SELECT a.ticket_id, a.workflow_id, a.status, a.priority, a.applicant, a.opened_at, a.closed_at, true
		FROM oms.ticket_state_archive AS a
	) AS u
	JOIN oms.workflow AS w ON w.workflow_id = u.workflow_id;
COMMENT ON VIEW oms.any_ticket IS 'one row per ticket, open or closed, archived or not: for searching, by number or by words of the applicant';
COMMENT ON COLUMN oms.any_ticket.ticket_id IS 'number of the ticket';
COMMENT ON COLUMN oms.any_ticket.workflow IS 'name of the workflow, all versions';
COMMENT ON COLUMN oms.any_ticket.status IS 'of the ticket: open, on_hold, done, failed or cancelled';
COMMENT ON COLUMN oms.any_ticket.priority IS 'of the ticket';
COMMENT ON COLUMN oms.any_ticket.applicant IS 'of the ticket; NULL: none was given, or it was erased';
COMMENT ON COLUMN oms.any_ticket.opened_at IS 'of the ticket';
COMMENT ON COLUMN oms.any_ticket.closed_at IS 'of the ticket; NULL: it is not closed';
COMMENT ON COLUMN oms.any_ticket.archived IS 'it is in the archive, so oms.ticket does not have it';
COMMENT ON COLUMN oms.any_ticket.words IS 'of the applicant, in small letters: words @@ to_tsquery(''simple'', ''okon:* & kim:*'') goes by an index';

-- How stages are called, for whoever reads figures about them and not the definitions.
CREATE VIEW oms.stage_label AS
	SELECT w.name AS workflow, s.stage, s.label
	FROM oms.workflow AS w
	JOIN oms.workflow_stage AS s ON s.workflow_id = w.workflow_id
	WHERE w.current;
COMMENT ON VIEW oms.stage_label IS 'one row per stage of the current version of each workflow, with its name for the public';
COMMENT ON COLUMN oms.stage_label.workflow IS 'name of the workflow';
COMMENT ON COLUMN oms.stage_label.stage IS 'id of the stage';
COMMENT ON COLUMN oms.stage_label.label IS 'its name for the public; the id if it was given none';

CREATE VIEW oms_internal.report_end AS
	SELECT e.ticket_id, e.stage, e.cycle, e.watermark FROM oms.timeline AS e WHERE e.status = 'done'
	UNION ALL
	SELECT a.ticket_id, a.stage, a.cycle, a.watermark FROM oms.timeline_archive AS a WHERE a.status = 'done';
COMMENT ON VIEW oms_internal.report_end IS 'for the reports: one row per event that says that a stage is done, archived or not';

-- One row per cycle that was done.  Skipped, cancelled and broken off cycles are not among them.
CREATE VIEW oms_internal.report_done AS
	SELECT s.ticket_id, s.stage_no, s.cycle, t.workflow_id, s.owner, s.finished_at, s.due_at,
		s.limit_us IS NOT NULL AND s.breached_at IS NULL AS met,
		s.limit_us IS NOT NULL AND s.breached_at IS NOT NULL AS breached,
		CASE WHEN s.limit_us IS NOT NULL THEN s.consumed_us::float8 / GREATEST(s.limit_us, 1) END AS ratio,
		w.wait_us, d.dwell_us - d.hold_us - w.wait_us AS work_us, d.hold_us,
		(date_part('epoch', COALESCE(s.queued_at, s.finished_at) - s.awaiting_at) * 1000000)::int8 AS await_us,
		EXISTS (SELECT FROM oms.timeline AS e
			WHERE e.ticket_id = s.ticket_id AND e.stage = g.stage AND e.cycle = s.cycle AND e.moved)
			OR EXISTS (SELECT FROM oms.timeline_archive AS a
				WHERE a.ticket_id = s.ticket_id AND a.stage = g.stage AND a.cycle = s.cycle AND a.moved) AS moved
	FROM (
		SELECT c.ticket_id, c.stage_no, c.cycle, c.owner, c.queued_at, c.started_at, c.finished_at, c.due_at,
			c.breached_at, c.limit_us, c.consumed_us, c.held_us, c.awaiting_at
		FROM oms.stage_state AS c WHERE c.status = 'd' AND c.stage_no > 0
		UNION ALL
		SELECT p.ticket_id, p.stage_no, p.cycle, p.owner, p.queued_at, p.started_at, p.finished_at, p.due_at,
			p.breached_at, p.limit_us, p.consumed_us, p.held_us, p.awaiting_at
		FROM oms.stage_past AS p WHERE p.status = 'd' AND p.stage_no > 0
		UNION ALL
		SELECT a.ticket_id, a.stage_no, a.cycle, a.owner, a.queued_at, a.started_at, a.finished_at, a.due_at,
			a.breached_at, a.limit_us, a.consumed_us, a.held_us, a.awaiting_at
		FROM oms.stage_state_archive AS a WHERE a.status = 'd' AND a.stage_no > 0
		UNION ALL
		SELECT b.ticket_id, b.stage_no, b.cycle, b.owner, b.queued_at, b.started_at, b.finished_at, b.due_at,
			b.breached_at, b.limit_us, b.consumed_us, b.held_us, b.awaiting_at
		FROM oms.stage_past_archive AS b WHERE b.status = 'd' AND b.stage_no > 0
	) AS s
	JOIN oms_internal.report_ticket AS t ON t.ticket_id = s.ticket_id
	LEFT JOIN oms.workflow_stage AS g ON g.workflow_id = t.workflow_id AND g.stage_no = s.stage_no
	CROSS JOIN LATERAL (
		-- what it awaited is told apart, and so are holds meanwhile
		SELECT e.dwell_us, LEAST(CASE WHEN s.awaiting_at IS NULL OR s.held_us = 0 THEN s.held_us
			ELSE COALESCE((SELECT (sum(date_part('epoch', upper(r.held) - lower(r.held))) * 1000000)::int8
				FROM unnest((
					SELECT range_agg(tstzrange(h.held_at, LEAST(h.lifted_at, s.finished_at)))
						* tstzmultirange(tstzrange(s.queued_at, s.finished_at))
					FROM (SELECT k.* FROM oms.hold AS k UNION ALL SELECT l.* FROM oms.hold_archive AS l) AS h
					WHERE h.ticket_id = s.ticket_id AND h.stage_no IN (0, s.stage_no) AND h.held_at < s.finished_at
						AND h.lifted_at >= h.held_at)) AS r (held)), 0) END, e.dwell_us) AS hold_us
		FROM (SELECT COALESCE((date_part('epoch', s.finished_at - s.queued_at) * 1000000)::int8, 0) AS dwell_us) AS e
	) AS d
	-- A hold before somebody took it is no part of the waiting.
	CROSS JOIN LATERAL (
		SELECT CASE WHEN s.started_at IS NULL THEN d.dwell_us - d.hold_us
			ELSE LEAST(GREATEST((date_part('epoch', s.started_at - s.queued_at) * 1000000)::int8
				- CASE WHEN s.held_us = 0 THEN 0 ELSE COALESCE((
					SELECT (sum(date_part('epoch', upper(r.held) - lower(r.held))) * 1000000)::int8
					FROM unnest((
						SELECT range_agg(tstzrange(h.held_at, LEAST(h.lifted_at, s.started_at)))
							* tstzmultirange(tstzrange(s.queued_at, s.started_at))
						FROM (SELECT k.* FROM oms.hold AS k UNION ALL SELECT l.* FROM oms.hold_archive AS l) AS h
						WHERE h.ticket_id = s.ticket_id AND h.stage_no IN (0, s.stage_no) AND h.held_at < s.started_at
							AND h.lifted_at >= h.held_at)) AS r (held)), 0) END, 0), d.dwell_us - d.hold_us) END AS wait_us
	) AS w;
COMMENT ON VIEW oms_internal.report_done IS 'for the reports: one row per cycle of a stage that was done';

-- One row per event that says so.
CREATE VIEW oms_internal.report_event AS
	SELECT e.ticket_id, w.stage_no, e.cycle, e.watermark
	FROM oms_internal.report_end AS e
	JOIN oms_internal.report_ticket AS t ON t.ticket_id = e.ticket_id
	JOIN oms.workflow_stage AS w ON w.workflow_id = t.workflow_id AND w.stage = e.stage;
COMMENT ON VIEW oms_internal.report_event IS 'for the reports: which transaction finished a cycle';

-- From a horizon on the way by the indexes is right, whether or not the statistics know of the newest
-- transactions; so the planner is told.
CREATE FUNCTION oms_internal.report_since(since bigint, before bigint) RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 100
	SET search_path = pg_catalog, pg_temp SET jit = off
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	AS $$
		WITH event AS MATERIALIZED (
			SELECT e.ticket_id, e.stage, e.cycle
			FROM oms_internal.report_end AS e
			WHERE e.watermark >= report_since.since AND (e.watermark < report_since.before OR report_since.before IS NULL)
		)
		SELECT d.*
		FROM event AS e
		JOIN oms_internal.report_ticket AS t ON t.ticket_id = e.ticket_id
		JOIN oms.workflow_stage AS w ON w.workflow_id = t.workflow_id AND w.stage = e.stage
		CROSS JOIN LATERAL (
			SELECT x.* FROM oms_internal.report_done AS x
			WHERE x.ticket_id = e.ticket_id AND x.stage_no = w.stage_no AND x.cycle = e.cycle
			OFFSET 0
		) AS d
		WHERE NOT EXISTS (SELECT FROM oms.rollup_ahead AS a
			WHERE a.ticket_id = e.ticket_id AND a.stage_no = w.stage_no AND a.cycle = e.cycle);
	$$;
COMMENT ON FUNCTION oms_internal.report_since(bigint, bigint) IS 'for the reports: cycles finished by transactions from since on, before NULL: up to now';

CREATE FUNCTION oms_internal.report_everything() RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 100000
	SET search_path = pg_catalog, pg_temp SET jit = off SET work_mem = '64MB'
	AS $$
		SELECT d.* FROM oms_internal.report_done AS d;
	$$;
COMMENT ON FUNCTION oms_internal.report_everything() IS 'for the reports: all finished cycles';

CREATE FUNCTION oms_internal.report_tickets(after oms.ticket_id, upto oms.ticket_id) RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 10000
	SET search_path = pg_catalog, pg_temp SET jit = off
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	AS $$
		SELECT d.* FROM oms_internal.report_done AS d
		WHERE d.ticket_id > report_tickets.after AND d.ticket_id <= report_tickets.upto;
	$$;
COMMENT ON FUNCTION oms_internal.report_tickets(oms.ticket_id, oms.ticket_id) IS 'for the reports: finished cycles of the tickets after one and up to another';

CREATE FUNCTION oms_internal.report_of(ticket oms.ticket_id, since bigint, before bigint) RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 10
	SET search_path = pg_catalog, pg_temp SET jit = off
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	AS $$
		SELECT d.*
		FROM oms_internal.report_done AS d
		WHERE d.ticket_id = report_of.ticket
			AND EXISTS (SELECT FROM oms_internal.report_event AS e
				WHERE e.ticket_id = report_of.ticket AND e.stage_no = d.stage_no AND e.cycle = d.cycle
					AND e.watermark >= report_of.since AND e.watermark < report_of.before)
			AND NOT EXISTS (SELECT FROM oms.rollup_ahead AS a
				WHERE a.ticket_id = report_of.ticket AND a.stage_no = d.stage_no AND a.cycle = d.cycle);
	$$;
COMMENT ON FUNCTION oms_internal.report_of(oms.ticket_id, bigint, bigint) IS 'for the reports: cycles of a ticket finished by transactions in [since, before)';

-- What a roll-up adds: of transactions, of tickets, or of a ticket (upto) and transactions; all NULL: everything.
CREATE FUNCTION oms_internal.report_pack(since bigint, before bigint, after oms.ticket_id, upto oms.ticket_id) RETURNS SETOF oms.rollup
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp SET jit = off SET work_mem = '64MB'
	AS $$
		WITH done AS MATERIALIZED (
			SELECT d.* FROM oms_internal.report_since(report_pack.since, report_pack.before) AS d
			WHERE report_pack.since IS NOT NULL AND report_pack.upto IS NULL
			UNION ALL
			SELECT d.* FROM oms_internal.report_tickets(report_pack.after, report_pack.upto) AS d WHERE report_pack.after IS NOT NULL
			UNION ALL
			SELECT d.* FROM oms_internal.report_of(report_pack.upto, report_pack.since, report_pack.before) AS d
			WHERE report_pack.since IS NOT NULL AND report_pack.upto IS NOT NULL
			UNION ALL
			SELECT d.* FROM oms_internal.report_everything() AS d WHERE report_pack.since IS NULL AND report_pack.after IS NULL
		), cell AS (
			SELECT 'f'::"char" AS kind, oms_internal.report_unit('1 hour', d.finished_at) AS at, d.workflow_id, d.stage_no,
				'' COLLATE "C" AS owner, d.*
			FROM done AS d
			UNION ALL
			SELECT 'o', oms_internal.report_unit('6 hours', d.finished_at), 0, 0, d.owner, d.*
			FROM done AS d
		)
		SELECT c.at,
			COALESCE(sum(c.wait_us) FILTER (WHERE c.cycle = 1), 0)::bigint,
			COALESCE(sum(c.work_us) FILTER (WHERE c.cycle = 1), 0)::bigint,
			COALESCE(sum(c.hold_us) FILTER (WHERE c.cycle = 1), 0)::bigint,
			COALESCE(sum(c.wait_us + c.work_us + c.hold_us) FILTER (WHERE c.cycle > 1), 0)::bigint,
			c.workflow_id, count(*)::int, (count(*) FILTER (WHERE c.cycle > 1))::int,
			(count(*) FILTER (WHERE c.met))::int, (count(*) FILTER (WHERE c.breached))::int,
			(count(*) FILTER (WHERE c.moved))::int, (count(*) FILTER (WHERE c.moved AND (c.met OR c.breached)))::int,
			c.stage_no::smallint, c.kind, c.owner, oms_internal.report_ratios(c.ratio), '{}'::timestamptz[], '{}'::timestamptz[]
		FROM cell AS c (kind, at, workflow_id, stage_no, owner, ticket_id, no, cycle, workflow, by, finished_at, due_at,
			met, breached, ratio, wait_us, work_us, hold_us, await_us, moved)
		GROUP BY c.kind, c.at, c.workflow_id, c.stage_no, c.owner
		UNION ALL
		SELECT oms_internal.report_unit('6 hours', d.due_at), 0, 0, 0, 0, d.workflow_id, 0, 0,
			(count(*) FILTER (WHERE d.met))::int, (count(*) FILTER (WHERE d.breached))::int, 0, 0,
			d.stage_no, 'd', '', '{}',
			COALESCE(array_agg(d.due_at) FILTER (WHERE d.met), '{}'),
			COALESCE(array_agg(d.due_at) FILTER (WHERE d.breached), '{}')
		FROM done AS d
		WHERE d.due_at IS NOT NULL AND (d.met OR d.breached)
		GROUP BY oms_internal.report_unit('6 hours', d.due_at), d.workflow_id, d.stage_no;
	$$;
COMMENT ON FUNCTION oms_internal.report_pack(bigint, bigint, oms.ticket_id, oms.ticket_id) IS 'for roll-ups: cells of the cycles finished by transactions in [since, before), or of the tickets in (after, upto], or of ticket upto by transactions in [since, before); all NULL: of all';

-- A period as full units, which the roll-up has, and two ends.  Without a roll-up all of it is the middle.
CREATE FUNCTION oms_internal.report_period(starts timestamptz, ends timestamptz, unit interval)
	RETURNS TABLE (rolled bool, bottom timestamptz, low timestamptz, high timestamptz, top timestamptz)
	LANGUAGE sql STABLE ROWS 1
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT p.rolled, p.bottom, m.low,
			CASE WHEN p.rolled THEN GREATEST(oms_internal.report_unit(report_period.unit, p.top), m.low) ELSE p.top END, p.top
		FROM (
			SELECT EXISTS (SELECT FROM oms.rollup_state AS r WHERE r.horizon IS NOT NULL) AS rolled,
				COALESCE(report_period.starts, '-infinity') AS bottom, COALESCE(report_period.ends, 'infinity') AS top
		) AS p
		CROSS JOIN LATERAL (
			SELECT CASE WHEN p.rolled THEN LEAST(oms_internal.report_unit(report_period.unit, p.bottom
				+ report_period.unit - '1 microsecond'::interval), p.top) ELSE p.bottom END AS low
		) AS m;
	$$;
COMMENT ON FUNCTION oms_internal.report_period(timestamptz, timestamptz, interval) IS 'for the reports: [bottom, low) and [high, top) are looked up, [low, high) is rolled up';

-- What was finished since the last roll-up; without one, everything.
CREATE FUNCTION oms_internal.report_new() RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 100
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT d.* FROM oms.rollup_state AS r CROSS JOIN LATERAL oms_internal.report_since(r.horizon, NULL) AS d
		WHERE r.horizon IS NOT NULL
		UNION ALL
		SELECT d.* FROM oms_internal.report_everything() AS d
		WHERE NOT EXISTS (SELECT FROM oms.rollup_state AS r WHERE r.horizon IS NOT NULL);
	$$;
COMMENT ON FUNCTION oms_internal.report_new() IS 'for the reports: finished cycles that are not rolled up';

CREATE FUNCTION oms_internal.report_between(starts timestamptz, ends timestamptz) RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 1000
	SET search_path = pg_catalog, pg_temp SET jit = off
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	AS $$
		SELECT d.* FROM oms_internal.report_done AS d
		WHERE d.finished_at >= report_between.starts AND d.finished_at < report_between.ends;
	$$;
COMMENT ON FUNCTION oms_internal.report_between(timestamptz, timestamptz) IS 'for the reports: cycles finished in a short time, by the index';

-- What was finished in a period and is not to be had from the roll-up.
CREATE FUNCTION oms_internal.report_looked_up(starts timestamptz, ends timestamptz, unit interval) RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 1000
	SET search_path = pg_catalog, pg_temp SET jit = off
	AS $$
		SELECT d.* FROM oms_internal.report_period(report_looked_up.starts, report_looked_up.ends, report_looked_up.unit) AS p
		JOIN oms_internal.report_new() AS d ON d.finished_at >= p.low AND d.finished_at < p.high
		UNION ALL
		SELECT d.* FROM oms_internal.report_period(report_looked_up.starts, report_looked_up.ends, report_looked_up.unit) AS p
		CROSS JOIN LATERAL (VALUES (p.bottom, p.low), (p.high, p.top)) AS e (begins, ends)
		CROSS JOIN LATERAL oms_internal.report_between(e.begins, e.ends) AS d
		WHERE e.begins < e.ends;
	$$;
COMMENT ON FUNCTION oms_internal.report_looked_up(timestamptz, timestamptz, interval) IS 'for the reports: cycles finished in the ends of a period, or since the last roll-up';

-- These two have no settings of their own, so that they become part of the report that asks.

CREATE FUNCTION oms_internal.report_finished(starts timestamptz, ends timestamptz, kind "char", unit interval)
	RETURNS TABLE (at timestamptz, workflow_id int, stage_no smallint, owner text, finished int, again int, met int, breached int,
		moved int, moved_limited int, wait_us bigint, work_us bigint, hold_us bigint, rework_us bigint, ratios int[])
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT r.at, r.workflow_id, r.stage_no, r.owner, r.finished, r.again, r.met, r.breached, r.moved, r.moved_limited,
			r.wait_us, r.work_us, r.hold_us, r.rework_us, r.ratios
		FROM oms.rollup AS r
		WHERE r.kind = report_finished.kind
			AND r.at >= (SELECT p.low FROM oms_internal.report_period(report_finished.starts, report_finished.ends, report_finished.unit) AS p)
			AND r.at < (SELECT CASE WHEN p.rolled THEN p.high ELSE '-infinity' END
				FROM oms_internal.report_period(report_finished.starts, report_finished.ends, report_finished.unit) AS p)
		UNION ALL
		SELECT oms_internal.report_unit(report_finished.unit, d.finished_at), d.workflow_id, d.stage_no, d.owner, count(*)::int,
			(count(*) FILTER (WHERE d.cycle > 1))::int,
			(count(*) FILTER (WHERE d.met))::int, (count(*) FILTER (WHERE d.breached))::int,
			(count(*) FILTER (WHERE d.moved))::int, (count(*) FILTER (WHERE d.moved AND (d.met OR d.breached)))::int,
			COALESCE(sum(d.wait_us) FILTER (WHERE d.cycle = 1), 0)::bigint,
			COALESCE(sum(d.work_us) FILTER (WHERE d.cycle = 1), 0)::bigint,
			COALESCE(sum(d.hold_us) FILTER (WHERE d.cycle = 1), 0)::bigint,
			COALESCE(sum(d.wait_us + d.work_us + d.hold_us) FILTER (WHERE d.cycle > 1), 0)::bigint,
			oms_internal.report_ratios(d.ratio)
		FROM oms_internal.report_looked_up(report_finished.starts, report_finished.ends, report_finished.unit) AS d
		GROUP BY 1, d.workflow_id, d.stage_no, d.owner;
	END;
COMMENT ON FUNCTION oms_internal.report_finished(timestamptz, timestamptz, "char", interval) IS 'for the reports: all cells of what was finished in a period';

CREATE FUNCTION oms_internal.report_due(starts timestamptz, ends timestamptz)
	RETURNS TABLE (workflow_id int, stage_no smallint, met bigint, breached bigint)
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT r.workflow_id, r.stage_no, r.met::bigint, r.breached::bigint
		FROM oms.rollup AS r
		WHERE r.kind = 'd'
			AND r.at >= (SELECT p.low FROM oms_internal.report_period(report_due.starts, report_due.ends, '6 hours') AS p)
			AND r.at < (SELECT CASE WHEN p.rolled THEN p.high ELSE '-infinity' END
				FROM oms_internal.report_period(report_due.starts, report_due.ends, '6 hours') AS p)
		UNION ALL
		SELECT r.workflow_id, r.stage_no,
			(SELECT count(*) FROM unnest(r.met_due) AS u (due)
				WHERE (u.due >= p.bottom AND u.due < p.low) OR (u.due >= p.high AND u.due < p.top)),
			(SELECT count(*) FROM unnest(r.breached_due) AS u (due)
				WHERE (u.due >= p.bottom AND u.due < p.low) OR (u.due >= p.high AND u.due < p.top))
		FROM oms_internal.report_period(report_due.starts, report_due.ends, '6 hours') AS p
		CROSS JOIN LATERAL (VALUES (p.bottom, p.low), (p.high, p.top)) AS h (begins, ends)
		JOIN oms.rollup AS r ON r.kind = 'd' AND r.at = oms_internal.report_unit('6 hours', h.begins)
		WHERE h.begins < h.ends AND (h.begins = p.bottom OR oms_internal.report_unit('6 hours', p.bottom) <> r.at)
		UNION ALL
		SELECT d.workflow_id, d.stage_no, d.met::int::bigint, d.breached::int::bigint
		FROM oms_internal.report_new() AS d
		WHERE d.due_at >= COALESCE(report_due.starts, '-infinity') AND d.due_at < COALESCE(report_due.ends, 'infinity');
	END;
COMMENT ON FUNCTION oms_internal.report_due(timestamptz, timestamptz) IS 'for the reports: finished cycles that were due in a period';

-- ---- what is open ----

-- One row per stage that is awaiting, queued, in progress, on hold or failed.  What is open is asked for in the words of the partial
-- indexes, without a UNION, so that the queues and workers lead to it, or the number of its ticket, whichever way is the
-- shortest.  LEFT JOIN, so that the planner leaves out what a report does not ask for.  That its ticket is open as well is
-- not said: after a rush the statistics know of no open tickets, and the planner would go through all of them for each stage.
CREATE VIEW oms_internal.report_open AS
	SELECT s.ticket_id, s.stage_no, t.workflow_id, w.name AS workflow, d.stage, d.label, s.owner, s.worker, s.status, s.queued_at,
		s.ready_at, s.due_at, s.running_since, s.breached_at, s.limit_us IS NOT NULL AS clocked, c.now,
		s.limit_us IS NOT NULL AND (s.breached_at IS NOT NULL OR (s.running_since IS NOT NULL AND s.due_at < c.now)) AS overdue,
		t.priority, t.applicant, t.opened_at, t.status AS ticket_status, s.awaiting_at, s.cycle,
		CASE WHEN s.waits_for IS NULL THEN s.wake_at END AS starts_at, s.waits_for
	FROM (SELECT oms.clock() AS now) AS c
	CROSS JOIN oms.stage_state AS s
	LEFT JOIN oms.ticket_state AS t ON t.ticket_id = s.ticket_id
	LEFT JOIN oms.workflow AS w ON w.workflow_id = t.workflow_id
	LEFT JOIN oms.workflow_stage AS d ON d.workflow_id = t.workflow_id AND d.stage_no = s.stage_no
	WHERE s.status = 'q' OR s.status IN ('p', 'h', 'f') OR s.status = 'a';
COMMENT ON VIEW oms_internal.report_open IS 'for the reports: one row per stage that is begun and not finished';

-- What people work on: the board of a client, lists behind the figures of a report.
CREATE VIEW oms.open_stage AS
	SELECT o.ticket_id, o.stage_no, o.workflow, o.stage, o.label, oms.stage_status(o.status) AS status, o.owner, o.worker,
		o.priority, o.applicant, o.opened_at, oms.ticket_status(o.ticket_status) AS ticket_status, o.queued_at, o.due_at,
		o.running_since, o.breached_at, o.clocked, o.overdue, o.now, o.awaiting_at, o.starts_at, o.waits_for,
		EXISTS (SELECT FROM oms.timeline AS e
			WHERE e.ticket_id = o.ticket_id AND e.stage = o.stage AND e.cycle = o.cycle AND e.moved) AS moved
	FROM oms_internal.report_open AS o;
COMMENT ON VIEW oms.open_stage IS 'one row per stage that is awaiting, queued, in progress, on hold or failed, with its ticket';
COMMENT ON COLUMN oms.open_stage.ticket_id IS 'number of the ticket';
COMMENT ON COLUMN oms.open_stage.stage_no IS 'place of the stage in the definition, from 1 on';
COMMENT ON COLUMN oms.open_stage.workflow IS 'name of the workflow, all versions';
COMMENT ON COLUMN oms.open_stage.stage IS 'id of the stage';
COMMENT ON COLUMN oms.open_stage.label IS 'its name for the public';
COMMENT ON COLUMN oms.open_stage.status IS 'awaiting, queued, in_progress, on_hold or failed';
COMMENT ON COLUMN oms.open_stage.owner IS 'who is responsible';
COMMENT ON COLUMN oms.open_stage.worker IS 'who has it, or had it before the hold; NULL: nobody';
COMMENT ON COLUMN oms.open_stage.priority IS 'of the ticket';
COMMENT ON COLUMN oms.open_stage.applicant IS 'of the ticket; NULL: none was given, or it was erased';
COMMENT ON COLUMN oms.open_stage.opened_at IS 'of the ticket';
COMMENT ON COLUMN oms.open_stage.ticket_status IS 'of the ticket: open, on_hold or failed';
COMMENT ON COLUMN oms.open_stage.queued_at IS 'since when it is queued in its cycle; NULL: it is not yet';
COMMENT ON COLUMN oms.open_stage.due_at IS 'when the time limit ends if the clock runs on; NULL: no limit, or the clock stands';
COMMENT ON COLUMN oms.open_stage.running_since IS 'NULL: the clock stands, or there is none';
COMMENT ON COLUMN oms.open_stage.breached_at IS 'when it was recorded that the limit is past; NULL: it was not';
COMMENT ON COLUMN oms.open_stage.clocked IS 'has a time limit';
COMMENT ON COLUMN oms.open_stage.overdue IS 'past its time limit now';
COMMENT ON COLUMN oms.open_stage.awaiting_at IS 'since when it awaits, or did in its cycle; NULL: it did not';
COMMENT ON COLUMN oms.open_stage.starts_at IS 'when it is queued by itself; NULL: it is, or it does not await a moment';
COMMENT ON COLUMN oms.open_stage.waits_for IS 'name of the message that finishes it; NULL: it does not await one';
COMMENT ON COLUMN oms.open_stage.moved IS 'some of the events of its cycle were recorded under a moved clock (oms.now)';
COMMENT ON COLUMN oms.open_stage.now IS 'the time by which it is judged, oms.clock()';

CREATE VIEW oms.finished_stage AS
	SELECT f.ticket_id, f.stage_no, w.name AS workflow, d.stage, d.label, f.cycle, f.owner, f.finished_at, f.due_at, f.met, f.breached,
		f.ratio, f.wait_us * '1 microsecond'::interval AS wait, f.work_us * '1 microsecond'::interval AS work,
		f.hold_us * '1 microsecond'::interval AS hold, f.await_us * '1 microsecond'::interval AS awaited, f.moved
	FROM oms_internal.report_done AS f
	LEFT JOIN oms.workflow AS w ON w.workflow_id = f.workflow_id
	LEFT JOIN oms.workflow_stage AS d ON d.workflow_id = f.workflow_id AND d.stage_no = f.stage_no;
COMMENT ON VIEW oms.finished_stage IS 'one row per cycle of a stage that was done: what the figures of the reports are made of';
COMMENT ON COLUMN oms.finished_stage.ticket_id IS 'number of the ticket';
COMMENT ON COLUMN oms.finished_stage.stage_no IS 'place of the stage in the definition, from 1 on';
COMMENT ON COLUMN oms.finished_stage.workflow IS 'name of the workflow, all versions';
COMMENT ON COLUMN oms.finished_stage.stage IS 'id of the stage';
COMMENT ON COLUMN oms.finished_stage.label IS 'its name for the public';
COMMENT ON COLUMN oms.finished_stage.cycle IS '1, and one more for each time that it was sent back or reopened';
COMMENT ON COLUMN oms.finished_stage.owner IS 'who was responsible at the end';
COMMENT ON COLUMN oms.finished_stage.finished_at IS 'when it was done';
COMMENT ON COLUMN oms.finished_stage.due_at IS 'when the time limit ended, or would have; NULL: no limit, or the clock stood at the end';
COMMENT ON COLUMN oms.finished_stage.met IS 'had a time limit and kept it';
COMMENT ON COLUMN oms.finished_stage.breached IS 'had a time limit and went past it';
COMMENT ON COLUMN oms.finished_stage.ratio IS 'consumed time over the limit; NULL: no limit';
COMMENT ON COLUMN oms.finished_stage.wait IS 'until the last worker took it, without holds; all of it if nobody took it';
COMMENT ON COLUMN oms.finished_stage.work IS 'from then on, without holds';
COMMENT ON COLUMN oms.finished_stage.hold IS 'time on hold, in either';
COMMENT ON COLUMN oms.finished_stage.moved IS 'some of its events were recorded under a moved clock (oms.now)';
COMMENT ON COLUMN oms.finished_stage.awaited IS 'until its moment or its message came, with holds; no part of the others. NULL: it did not await anything';

CREATE VIEW oms.queue AS
	SELECT o.owner,
		count(*) FILTER (WHERE o.status = 'q') AS queued,
		count(*) FILTER (WHERE o.status = 'p') AS in_progress,
		count(*) FILTER (WHERE o.status = 'h') AS on_hold,
		count(*) FILTER (WHERE o.status = 'f') AS failed,
		min(o.queued_at) FILTER (WHERE o.status = 'q') AS oldest,
		count(*) FILTER (WHERE o.running_since IS NOT NULL AND NOT o.overdue
			AND o.due_at <= o.now + '1 hour'::interval) AS due_within_hour,
		count(*) FILTER (WHERE o.overdue) AS overdue,
		count(*) FILTER (WHERE o.status = 'a') AS awaiting
	FROM oms_internal.report_open AS o
	GROUP BY o.owner;
COMMENT ON VIEW oms.queue IS 'one row per owner that has open stages';
COMMENT ON COLUMN oms.queue.owner IS 'who is responsible';
COMMENT ON COLUMN oms.queue.queued IS 'stages that nobody has, those in a pause before the next attempt too';
COMMENT ON COLUMN oms.queue.in_progress IS 'stages that a worker has';
COMMENT ON COLUMN oms.queue.on_hold IS 'stages on hold';
COMMENT ON COLUMN oms.queue.failed IS 'stages that need attention';
COMMENT ON COLUMN oms.queue.oldest IS 'since when the oldest of the queued ones is queued in its cycle; NULL: none is';
COMMENT ON COLUMN oms.queue.due_within_hour IS 'open stages whose clock runs and is due in the next hour';
COMMENT ON COLUMN oms.queue.overdue IS 'open stages that are past their time limit';
COMMENT ON COLUMN oms.queue.awaiting IS 'stages that wait for something, so that nobody can claim them';

-- Who has what.  For staff: it names workers.
CREATE VIEW oms.workload AS
	SELECT l.owner, l.worker, l.queued, l.in_progress, l.on_hold, l.overdue, a.to_at IS NOT NULL AS away, a.to_at AS away_until, a.delegate
	FROM (
		SELECT x.owner, x.worker,
			count(*) FILTER (WHERE x.status = 'q') AS queued,
			count(*) FILTER (WHERE x.status = 'p') AS in_progress,
			count(*) FILTER (WHERE x.status = 'h') AS on_hold,
			count(*) FILTER (WHERE x.overdue) AS overdue
		FROM (
			SELECT o.owner, CASE WHEN o.status IN ('p', 'h') THEN o.worker END AS worker, o.status, o.overdue
			FROM oms_internal.report_open AS o WHERE o.status NOT IN ('a', 'f')
			UNION ALL
			SELECT m.owner, m.member, NULL, NULL FROM oms.owner_member AS m
		) AS x
		GROUP BY x.owner, x.worker
	) AS l
	CROSS JOIN (SELECT oms.clock() AS now) AS c
	LEFT JOIN oms.absence AS a ON a.person = COALESCE(l.worker, l.owner) AND a.from_at <= c.now AND a.to_at > c.now;
COMMENT ON VIEW oms.workload IS 'one row per owner and worker that has something of it, or is a member; without worker: what nobody has';
COMMENT ON COLUMN oms.workload.owner IS 'who is responsible';
COMMENT ON COLUMN oms.workload.worker IS 'who has it, or a member of the owner; NULL: what nobody has';
COMMENT ON COLUMN oms.workload.queued IS 'queued stages; only where worker is NULL';
COMMENT ON COLUMN oms.workload.in_progress IS 'stages that the worker has';
COMMENT ON COLUMN oms.workload.on_hold IS 'stages on hold that the worker had, or nobody';
COMMENT ON COLUMN oms.workload.overdue IS 'of these, past their time limit';
COMMENT ON COLUMN oms.workload.away IS 'the worker (NULL: the owner) is absent now';
COMMENT ON COLUMN oms.workload.away_until IS 'back from then on; NULL: not away';
COMMENT ON COLUMN oms.workload.delegate IS 'who stands in; NULL: nobody, or not away';

-- How long open stages have been open, by days of 24 hours.
CREATE VIEW oms.aging AS
	SELECT w.name AS workflow, d.stage, g.from_days, g.to_days,
		sum(g.open)::int8 AS open,
		sum(g.on_hold)::int8 AS on_hold,
		sum(g.overdue)::int8 AS overdue,
		min(g.oldest) AS oldest
	FROM (
		SELECT o.workflow_id, o.stage_no, b.from_days, b.to_days,
			count(*) AS open,
			count(*) FILTER (WHERE o.status = 'h') AS on_hold,
			count(*) FILTER (WHERE o.overdue) AS overdue,
			min(COALESCE(o.awaiting_at, o.queued_at)) AS oldest
		FROM oms_internal.report_open AS o
		JOIN (VALUES (0, 1), (1, 3), (3, 7), (7, 14), (14, 30), (30, NULL)) AS b (from_days, to_days)
			ON (COALESCE(o.awaiting_at, o.queued_at) <= o.now - make_interval(hours => b.from_days * 24) OR b.from_days = 0)
			AND (COALESCE(o.awaiting_at, o.queued_at) > o.now - make_interval(hours => b.to_days * 24) OR b.to_days IS NULL)
		GROUP BY o.workflow_id, o.stage_no, b.from_days, b.to_days
	) AS g
	JOIN oms.workflow AS w ON w.workflow_id = g.workflow_id
	JOIN oms.workflow_stage AS d ON d.workflow_id = g.workflow_id AND d.stage_no = g.stage_no
	GROUP BY w.name, d.stage, g.from_days, g.to_days;
COMMENT ON VIEW oms.aging IS 'one row per stage and age of its open cycles, where there are any';
COMMENT ON COLUMN oms.aging.workflow IS 'name of the workflow, all versions';
COMMENT ON COLUMN oms.aging.stage IS 'id of the stage';
COMMENT ON COLUMN oms.aging.from_days IS 'begun in the cycle, queued or awaiting, at least so many days of 24 hours ago';
COMMENT ON COLUMN oms.aging.to_days IS 'and less than so many; NULL: any longer';
COMMENT ON COLUMN oms.aging.open IS 'open stages of that age';
COMMENT ON COLUMN oms.aging.on_hold IS 'of these, on hold';
COMMENT ON COLUMN oms.aging.overdue IS 'of these, past their time limit';
COMMENT ON COLUMN oms.aging.oldest IS 'since when the oldest of them is begun';

CREATE FUNCTION oms.at_risk(within interval DEFAULT '4 hours')
	RETURNS TABLE (ticket oms.ticket_id, workflow text, stage text, owner text, status text, due_at timestamptz, remaining interval)
	LANGUAGE sql STABLE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT o.ticket_id, o.workflow, o.stage, o.owner, oms.stage_status(o.status), o.due_at, o.due_at - o.now
		FROM oms_internal.report_open AS o
		WHERE o.running_since IS NOT NULL AND o.breached_at IS NULL AND o.due_at >= o.now AND o.due_at <= o.now + at_risk.within
		ORDER BY o.due_at, o.ticket_id, o.stage_no;
	$$;
COMMENT ON FUNCTION oms.at_risk(interval) IS 'running clocks that are due from now on until within, the first one first. remaining: time on the wall, days of 24 hours. NULL: none';

-- ---- periods ----

CREATE FUNCTION oms.sla_report(starts timestamptz, ends timestamptz, workflow text DEFAULT NULL)
	RETURNS TABLE (workflow text, stage text, finished bigint, met bigint, breached bigint, completed_rate float8,
		due bigint, due_breached bigint, due_rate float8, open bigint, open_overdue bigint, open_rate float8,
		p50 float8, p90 float8, p99 float8, wait interval, work interval, hold interval, rework interval, reworked bigint,
		moved bigint)
	LANGUAGE sql STABLE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp SET jit = off
	AS $$
		WITH part AS (
			SELECT f.workflow_id, f.stage_no, sum(f.finished) AS finished, sum(f.again) AS again, sum(f.met) AS met,
				sum(f.breached) AS breached, sum(f.wait_us) AS wait_us, sum(f.work_us) AS work_us, sum(f.hold_us) AS hold_us,
				sum(f.rework_us) AS rework_us, sum(f.moved) AS moved, 0 AS due, 0 AS due_breached, 0 AS open, 0 AS open_overdue,
				oms_internal.report_ratios(f.ratios) AS ratios
			FROM oms_internal.report_finished(sla_report.starts, sla_report.ends, 'f', '1 hour') AS f
			GROUP BY f.workflow_id, f.stage_no
			UNION ALL
			SELECT d.workflow_id, d.stage_no, 0, 0, 0, 0, 0, 0, 0, 0, 0, sum(d.met) + sum(d.breached), sum(d.breached), 0, 0, NULL
			FROM oms_internal.report_due(sla_report.starts, sla_report.ends) AS d
			GROUP BY d.workflow_id, d.stage_no
			UNION ALL
			SELECT o.workflow_id, o.stage_no, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				count(*) FILTER (WHERE o.overdue AND o.due_at >= COALESCE(sla_report.starts, '-infinity')
					AND o.due_at < COALESCE(sla_report.ends, 'infinity')),
				count(*) FILTER (WHERE o.overdue AND o.due_at >= COALESCE(sla_report.starts, '-infinity')
					AND o.due_at < COALESCE(sla_report.ends, 'infinity')),
				count(*), count(*) FILTER (WHERE o.overdue), NULL
			FROM oms_internal.report_open AS o
			WHERE o.clocked
			GROUP BY o.workflow_id, o.stage_no
		), total AS (
			SELECT w.name AS workflow, g.stage, grouping(w.name, g.stage) AS depth, max(g.stage_no) AS stage_no,
				COALESCE(sum(p.finished), 0) AS finished, COALESCE(sum(p.again), 0) AS again,
				COALESCE(sum(p.met), 0) AS met, COALESCE(sum(p.breached), 0) AS breached,
				COALESCE(sum(p.due), 0) AS due, COALESCE(sum(p.due_breached), 0) AS due_breached,
				COALESCE(sum(p.open), 0) AS open, COALESCE(sum(p.open_overdue), 0) AS open_overdue,
				COALESCE(sum(p.wait_us), 0)::float8 AS wait_us, COALESCE(sum(p.work_us), 0)::float8 AS work_us,
				COALESCE(sum(p.hold_us), 0)::float8 AS hold_us, COALESCE(sum(p.rework_us), 0)::float8 AS rework_us,
				COALESCE(sum(p.moved), 0) AS moved,
				oms_internal.report_percentiles(p.ratios) AS percentiles
			FROM part AS p
			JOIN oms.workflow AS w ON w.workflow_id = p.workflow_id
			JOIN oms.workflow_stage AS g ON g.workflow_id = p.workflow_id AND g.stage_no = p.stage_no
			WHERE sla_report.workflow IS NULL OR w.name = sla_report.workflow
			GROUP BY GROUPING SETS ((), (w.name), (w.name, g.stage))
		)
		SELECT t.workflow, t.stage, t.finished::bigint, t.met::bigint, t.breached::bigint,
			round(t.breached / NULLIF(t.met + t.breached, 0), 4)::float8,
			t.due::bigint, t.due_breached::bigint, round(t.due_breached / NULLIF(t.due, 0), 4)::float8,
			t.open::bigint, t.open_overdue::bigint, round(t.open_overdue / NULLIF(t.open, 0), 4)::float8,
			round(t.percentiles[1]::numeric, 4)::float8, round(t.percentiles[2]::numeric, 4)::float8,
			round(t.percentiles[3]::numeric, 4)::float8,
			t.wait_us * '1 microsecond'::interval, t.work_us * '1 microsecond'::interval,
			t.hold_us * '1 microsecond'::interval, t.rework_us * '1 microsecond'::interval, t.again::bigint, t.moved::bigint
		FROM total AS t
		ORDER BY t.workflow NULLS FIRST, t.depth DESC, t.stage_no, t.stage;
	$$;
COMMENT ON FUNCTION oms.sla_report(timestamptz, timestamptz, text) IS 'how time limits were kept, by what was finished in [starts, ends), by what was due then, and of what is open now; a row for everything (workflow and stage NULL), for each workflow (stage NULL) and each stage. NULL: without that end; workflow NULL: all. docs/guides/reports.md has the columns';

CREATE FUNCTION oms_internal.report_way(by text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_report_way' LANGUAGE C IMMUTABLE;
COMMENT ON FUNCTION oms_internal.report_way(text) IS 'for oms.heat_map(): by itself; 22023 if there is no such heat-map';

CREATE FUNCTION oms.heat_map(starts timestamptz, ends timestamptz, by text DEFAULT 'stage')
	RETURNS TABLE (workflow text, y text, x text, n bigint, value float8, p50 float8, breach_rate float8, moved bigint)
	LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
	SET search_path = pg_catalog, pg_temp SET jit = off
	AS $$
		WITH part AS MATERIALIZED (
			SELECT f.workflow_id, f.stage_no, '' COLLATE "C" AS owner, date_trunc('week', f.at) AS week, 0 AS weekday, 0 AS hour,
				sum(f.met) AS met, sum(f.breached) AS breached, sum(f.moved_limited) AS moved, oms_internal.report_ratios(f.ratios) AS ratios
			FROM oms_internal.report_finished(heat_map.starts, heat_map.ends, 'f', '1 hour') AS f
			WHERE oms_internal.report_way(heat_map.by) = 'stage'
			GROUP BY f.workflow_id, f.stage_no, date_trunc('week', f.at)
			UNION ALL
			SELECT NULL, 0, '', NULL, EXTRACT(isodow FROM f.at)::int, EXTRACT(hour FROM f.at)::int,
				sum(f.met), sum(f.breached), sum(f.moved_limited), oms_internal.report_ratios(f.ratios)
			FROM oms_internal.report_finished(heat_map.starts, heat_map.ends, 'f', '1 hour') AS f
			WHERE heat_map.by = 'weekday'
			GROUP BY EXTRACT(isodow FROM f.at), EXTRACT(hour FROM f.at)
			UNION ALL
			SELECT NULL, 0, f.owner, date_trunc('week', f.at, 'UTC') AT TIME ZONE 'UTC' AT TIME ZONE current_setting('TimeZone'), 0, 0,
				sum(f.met), sum(f.breached), sum(f.moved_limited), oms_internal.report_ratios(f.ratios)
			FROM oms_internal.report_finished(heat_map.starts, heat_map.ends, 'o', '6 hours') AS f
			WHERE heat_map.by = 'owner'
			GROUP BY f.owner, date_trunc('week', f.at, 'UTC')
		), cell AS (
			SELECT w.name AS workflow, COALESCE(g.stage, (ARRAY['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'])[p.weekday], p.owner) AS y,
				COALESCE(to_char(p.week, 'IYYY-"W"IW'), to_char(p.hour, 'FM00')) AS x, max(p.weekday) AS weekday,
				max(g.stage_no) AS stage_no, (sum(p.met) + sum(p.breached))::bigint AS n, sum(p.breached) AS breached,
				sum(p.moved)::bigint AS moved,
				oms_internal.report_percentiles(p.ratios) AS percentiles
			FROM part AS p
			LEFT JOIN oms.workflow AS w ON w.workflow_id = p.workflow_id
			LEFT JOIN oms.workflow_stage AS g ON g.workflow_id = p.workflow_id AND g.stage_no = p.stage_no
			GROUP BY 1, 2, 3
		)
		SELECT c.workflow, c.y, c.x, c.n,
			CASE WHEN c.n >= 5 THEN round(c.percentiles[2]::numeric, 4)::float8 END,
			CASE WHEN c.n >= 5 THEN round(c.percentiles[1]::numeric, 4)::float8 END,
			CASE WHEN c.n >= 5 THEN round(c.breached / c.n, 4)::float8 END, c.moved
		FROM cell AS c
		WHERE c.n > 0
		ORDER BY c.workflow, c.weekday, c.stage_no, c.y, c.x;
	$$;
COMMENT ON FUNCTION oms.heat_map(timestamptz, timestamptz, text) IS 'where limits get tight, of what was finished in [starts, ends): value is p90 of consumed time / limit. by stage: y stage, x ISO week; weekday: y day of the week, x hour, when it was finished; owner: y owner, x ISO week. In the time zone of the session, owner in UTC. Cells with n under 5 show no figures. moved: how many of n have events recorded under a moved clock. 22023 for another by';

CREATE FUNCTION oms.bottlenecks(starts timestamptz, ends timestamptz, workflow text DEFAULT NULL)
	RETURNS TABLE (workflow text, stage text, finished bigint, total interval, share float8, mean interval,
		wait interval, work interval, hold interval, rework interval, breached bigint, breach_share float8,
		open bigint, days_to_clear float8, moved bigint)
	LANGUAGE sql STABLE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp SET jit = off
	AS $$
		WITH part AS (
			SELECT f.workflow_id, f.stage_no, sum(f.finished) AS finished, sum(f.breached) AS breached, sum(f.wait_us) AS wait_us,
				sum(f.work_us) AS work_us, sum(f.hold_us) AS hold_us, sum(f.rework_us) AS rework_us, sum(f.moved) AS moved, 0 AS open,
				min(f.at) AS first_at
			FROM oms_internal.report_finished(bottlenecks.starts, bottlenecks.ends, 'f', '1 hour') AS f
			GROUP BY f.workflow_id, f.stage_no
			UNION ALL
			SELECT o.workflow_id, o.stage_no, 0, 0, 0, 0, 0, 0, 0, count(*), NULL
			FROM oms_internal.report_open AS o
			GROUP BY o.workflow_id, o.stage_no
		), stage AS (
			SELECT w.name AS workflow, g.stage, sum(p.finished) AS finished, sum(p.breached) AS breached, sum(p.open) AS open,
				sum(p.moved) AS moved, sum(p.wait_us)::float8 AS wait_us, sum(p.work_us)::float8 AS work_us, sum(p.hold_us)::float8 AS hold_us,
				sum(p.rework_us)::float8 AS rework_us, sum(p.wait_us + p.work_us + p.hold_us + p.rework_us) AS total_us
			FROM part AS p
			JOIN oms.workflow AS w ON w.workflow_id = p.workflow_id
			JOIN oms.workflow_stage AS g ON g.workflow_id = p.workflow_id AND g.stage_no = p.stage_no
			WHERE bottlenecks.workflow IS NULL OR w.name = bottlenecks.workflow
			GROUP BY w.name, g.stage
		), days AS (
			SELECT CASE WHEN b.begins < b.ends THEN EXTRACT(epoch FROM b.ends - b.begins) / 86400 END AS days
			FROM (SELECT LEAST(COALESCE(bottlenecks.ends, 'infinity'), oms.clock()) AS ends,
				COALESCE(NULLIF(bottlenecks.starts, '-infinity'), (SELECT min(p.first_at) FROM part AS p)) AS begins) AS b
		)
		SELECT s.workflow, s.stage, s.finished::bigint, s.total_us::float8 * '1 microsecond'::interval,
			round(s.total_us / NULLIF(sum(s.total_us) OVER (), 0), 4)::float8,
			s.total_us::float8 / NULLIF(s.finished::float8, 0) * '1 microsecond'::interval,
			s.wait_us * '1 microsecond'::interval, s.work_us * '1 microsecond'::interval,
			s.hold_us * '1 microsecond'::interval, s.rework_us * '1 microsecond'::interval, s.breached::bigint,
			round(s.breached / NULLIF(sum(s.breached) OVER (), 0), 4)::float8, s.open::bigint,
			round(s.open * d.days / NULLIF(s.finished, 0), 2)::float8, s.moved::bigint
		FROM stage AS s
		CROSS JOIN days AS d
		ORDER BY s.total_us DESC, s.workflow, s.stage;
	$$;
COMMENT ON FUNCTION oms.bottlenecks(timestamptz, timestamptz, text) IS 'where the time of what was finished in [starts, ends) went, the stage with the most first, and how much is open there now. Time on the wall; NULL: without that end; workflow NULL: all. docs/guides/reports.md has the columns';

CREATE FUNCTION oms.roll_up(everything bool DEFAULT false) RETURNS bigint
	AS 'MODULE_PATHNAME', 'oms_roll_up' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.roll_up(bool) IS 'adds up for the reports what was finished since the last time and returns how many stages that were; the reports are right without it, but slower. everything: makes the roll-up again. Waits for another one that is rolling up';

