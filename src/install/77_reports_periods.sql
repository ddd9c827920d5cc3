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

