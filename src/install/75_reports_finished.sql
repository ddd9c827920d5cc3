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

CREATE FUNCTION oms_internal.report_finished_in(starts timestamptz, ends timestamptz) RETURNS bool
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT EXISTS (SELECT FROM oms.stage_state AS c
				WHERE c.status = 'd' AND c.finished_at >= report_finished_in.starts AND c.finished_at < report_finished_in.ends)
			OR EXISTS (SELECT FROM oms.stage_past AS p
				WHERE p.status = 'd' AND p.finished_at >= report_finished_in.starts AND p.finished_at < report_finished_in.ends)
			OR EXISTS (SELECT FROM oms.stage_state_archive AS a
				WHERE a.status = 'd' AND a.finished_at >= report_finished_in.starts AND a.finished_at < report_finished_in.ends)
			OR EXISTS (SELECT FROM oms.stage_past_archive AS b
				WHERE b.status = 'd' AND b.finished_at >= report_finished_in.starts AND b.finished_at < report_finished_in.ends);
	END;
COMMENT ON FUNCTION oms_internal.report_finished_in(timestamptz, timestamptz) IS 'for the reports: something was finished in that time';

-- Where nothing else was finished in the unit at an end of a period, it is a full one: that of now, for a period up to now.
CREATE FUNCTION oms_internal.report_units(starts timestamptz, ends timestamptz, unit interval)
	RETURNS TABLE (rolled bool, bottom timestamptz, low timestamptz, high timestamptz, top timestamptz)
	LANGUAGE sql STABLE ROWS 1
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
	AS $$
		SELECT p.*
		FROM (
			SELECT oms_internal.report_unit(report_units.unit, report_units.starts) AS first,
				oms_internal.report_unit(report_units.unit, report_units.ends - '1 microsecond'::interval) + report_units.unit AS last
		) AS u
		CROSS JOIN LATERAL oms_internal.report_period(
			CASE WHEN oms_internal.report_finished_in(u.first, report_units.starts) THEN report_units.starts ELSE u.first END,
			CASE WHEN oms_internal.report_finished_in(report_units.ends, u.last) THEN report_units.ends ELSE u.last END,
			report_units.unit) AS p;
	$$;
COMMENT ON FUNCTION oms_internal.report_units(timestamptz, timestamptz, interval) IS 'for the reports of what was finished: as oms_internal.report_period(), with as little to look up as can be';

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
		SELECT d.* FROM oms_internal.report_units(report_looked_up.starts, report_looked_up.ends, report_looked_up.unit) AS p
		JOIN oms_internal.report_new() AS d ON d.finished_at >= p.low AND d.finished_at < p.high
		UNION ALL
		SELECT d.* FROM oms_internal.report_units(report_looked_up.starts, report_looked_up.ends, report_looked_up.unit) AS p
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
			AND r.at >= (SELECT p.low FROM oms_internal.report_units(report_finished.starts, report_finished.ends, report_finished.unit) AS p)
			AND r.at < (SELECT CASE WHEN p.rolled THEN p.high ELSE '-infinity' END
				FROM oms_internal.report_units(report_finished.starts, report_finished.ends, report_finished.unit) AS p)
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

