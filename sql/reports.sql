-- reports: what managers look at. Every figure is worked out a second time by plain SQL over the tables, with
-- nothing rolled up, with everything rolled up, and with some of it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';
\pset null -

-- What a report says of each workflow and stage, worked out from the rows: no roll-up, no histogram.
CREATE FUNCTION pg_temp.direct(starts timestamptz, ends timestamptz) RETURNS TABLE (workflow text, stage text, finished bigint,
  met bigint, breached bigint, due bigint, due_breached bigint, open bigint, open_overdue bigint, p float8[], total interval,
  rework interval, reworked bigint) LANGUAGE sql AS $$
  WITH cycle AS (
    SELECT * FROM oms.stage_state UNION ALL SELECT * FROM oms.stage_past
  ), c AS (
    SELECT w.name, g.stage, c.*, c.finished_at >= starts AND c.finished_at < ends AS inside,
      c.status IN ('q', 'p', 'h', 'f') AND now_row AS is_open,
      c.breached_at IS NOT NULL OR (c.running_since IS NOT NULL AND c.due_at < oms.clock()) AS late
    FROM (SELECT true AS now_row, s.* FROM oms.stage_state AS s UNION ALL SELECT false, s.* FROM oms.stage_past AS s) AS c
    JOIN oms.ticket_state USING (ticket_id) JOIN oms.workflow AS w USING (workflow_id)
    JOIN oms.workflow_stage AS g USING (workflow_id, stage_no)
    WHERE c.status IN ('d', 'q', 'p', 'h', 'f')
  )
  SELECT name, stage, count(*) FILTER (WHERE status = 'd' AND inside),
    count(*) FILTER (WHERE status = 'd' AND inside AND limit_us >= 0 AND breached_at IS NULL),
    count(*) FILTER (WHERE status = 'd' AND inside AND limit_us >= 0 AND breached_at IS NOT NULL),
    count(*) FILTER (WHERE (status = 'd' OR is_open AND late) AND limit_us >= 0 AND due_at >= starts AND due_at < ends),
    count(*) FILTER (WHERE (status = 'd' AND breached_at IS NOT NULL OR is_open AND late) AND limit_us >= 0
      AND due_at >= starts AND due_at < ends),
    count(*) FILTER (WHERE is_open AND limit_us >= 0), count(*) FILTER (WHERE is_open AND late AND limit_us >= 0),
    percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY CASE WHEN limit_us IS NOT NULL THEN least(consumed_us::float8 / greatest(limit_us, 1), 9990) END)
      FILTER (WHERE status = 'd' AND inside),
    coalesce(sum(finished_at - queued_at) FILTER (WHERE status = 'd' AND inside), '0'),
    coalesce(sum(finished_at - queued_at) FILTER (WHERE status = 'd' AND inside AND cycle > 1), '0'),
    count(*) FILTER (WHERE status = 'd' AND inside AND cycle > 1)
  FROM c GROUP BY GROUPING SETS ((), (name), (name, stage))
$$;
-- What of it a report says otherwise. A percentile may be off by half a percent, and has four digits.
CREATE FUNCTION pg_temp.differs(starts timestamptz, ends timestamptz) RETURNS TABLE (workflow text, stage text, report text, direct text)
LANGUAGE sql AS $$
  SELECT coalesce(r.workflow, d.workflow), coalesce(r.stage, d.stage), r::text, d::text
  FROM oms.sla_report(starts, ends) AS r FULL JOIN pg_temp.direct(starts, ends) AS d
    ON coalesce(r.workflow, '') = coalesce(d.workflow, '') AND coalesce(r.stage, '') = coalesce(d.stage, '')
  WHERE coalesce(greatest(r.finished, r.due, r.open, d.finished, d.due, d.open), 0) > 0
    AND ((r.finished, r.met, r.breached, r.due, r.due_breached, r.open, r.open_overdue, r.rework, r.reworked, r.wait + r.work + r.hold + r.rework)
      IS DISTINCT FROM (d.finished, d.met, d.breached, d.due, d.due_breached, d.open, d.open_overdue, d.rework, d.reworked, d.total)
    OR (r.p50 IS NULL) <> (d.p IS NULL)
    OR abs(r.p50 - d.p[1]) > 0.005 * d.p[1] + 0.0001 OR abs(r.p90 - d.p[2]) > 0.005 * d.p[2] + 0.0001
    OR abs(r.p99 - d.p[3]) > 0.005 * d.p[3] + 0.0001)
$$;
-- All kinds of periods: without ends, with ends on hours, days and in between, within an hour, and empty ones.
CREATE FUNCTION pg_temp.all_differ() RETURNS TABLE (period text, workflow text, stage text, report text, direct text) LANGUAGE sql AS $$
  SELECT p.b || ' ' || p.e, d.*
  FROM (VALUES ('-infinity'::timestamptz, 'infinity'::timestamptz), ('2026-03-02', '2026-03-03'), ('2026-03-02 09:00', '2026-03-02 11:00'),
    ('2026-03-02 09:07', '2026-03-02 10:30:00.000001'), ('2026-03-02 10:10', '2026-03-02 10:50'), ('2026-03-02 10:30', '2026-03-02 11:00'),
    ('2026-03-02 10:00', '2026-03-02 10:30'), ('2026-03-01 10:30', '2026-03-20 10:31'), ('2026-03-03', '2026-03-02')) AS p (b, e),
    pg_temp.differs(p.b, p.e) AS d
$$;
-- What of the lists behind the figures is not so: open stages against the views of stages and tickets, finished ones added
-- up against the report of each period.
CREATE FUNCTION pg_temp.lists_differ() RETURNS TABLE (list text, odd text) LANGUAGE sql AS $$
  WITH listed AS (
    SELECT ticket_id, stage_no, workflow, stage, label, status, owner, worker, priority, applicant, opened_at, ticket_status, queued_at,
      due_at, running_since, breached_at, clocked, overdue, now FROM oms.open_stage
  ), direct AS (
    SELECT ticket_id, s.stage_no, t.workflow, s.stage, s.label, s.status, s.owner, s.worker, t.priority, t.applicant, t.opened_at, t.status,
      s.queued_at, s.due_at, s.running_since, s.breached_at,
      (SELECT c.limit_us IS NOT NULL FROM oms.stage_state AS c WHERE c.ticket_id = s.ticket_id AND c.stage_no = s.stage_no),
      s.breached_at IS NOT NULL OR coalesce(s.running_since IS NOT NULL AND s.due_at < oms.clock(), false),
      oms.clock()
    FROM oms.stage AS s JOIN oms.ticket AS t USING (ticket_id) WHERE s.status IN ('awaiting', 'queued', 'in_progress', 'on_hold', 'failed')
  )
  SELECT 'open, listed', r::text FROM (TABLE listed EXCEPT ALL TABLE direct) AS r
  UNION ALL
  SELECT 'open, not listed', r::text FROM (TABLE direct EXCEPT ALL TABLE listed) AS r
  UNION ALL
  SELECT 'finished ' || p.b || ' ' || p.e, x.odd
  FROM (VALUES ('-infinity'::timestamptz, 'infinity'::timestamptz), ('2026-03-02 09:07', '2026-03-02 10:30:00.000001'), ('2026-03-03', '2026-03-20')) AS p (b, e)
  CROSS JOIN LATERAL (
    SELECT concat(r, f) AS odd
    FROM (SELECT * FROM oms.sla_report(p.b, p.e) WHERE stage IS NOT NULL AND finished > 0) AS r
    FULL JOIN (
      SELECT workflow, stage, count(*) AS finished, count(*) FILTER (WHERE met) AS met, count(*) FILTER (WHERE breached) AS breached,
        coalesce(sum(wait) FILTER (WHERE cycle = 1), '0') AS wait, coalesce(sum(work) FILTER (WHERE cycle = 1), '0') AS work,
        coalesce(sum(hold) FILTER (WHERE cycle = 1), '0') AS hold, coalesce(sum(wait + work + hold) FILTER (WHERE cycle > 1), '0') AS rework,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY CASE WHEN ratio IS NOT NULL THEN least(ratio, 9990) END) AS p50,
        count(*) FILTER (WHERE moved) AS moved
      FROM oms.finished_stage WHERE finished_at >= p.b AND finished_at < p.e GROUP BY workflow, stage
    ) AS f ON f.workflow = r.workflow AND f.stage = r.stage
    WHERE (r.finished, r.met, r.breached, r.wait, r.work, r.hold, r.rework, r.moved) IS DISTINCT FROM (f.finished, f.met, f.breached, f.wait, f.work, f.hold, f.rework, f.moved)
      OR (r.p50 IS NULL) <> (f.p50 IS NULL) OR abs(r.p50 - f.p50) > 0.005 * f.p50 + 0.0001
  ) AS x
$$;

-- A roll-up once nobody else is at it: an ANALYZE of the server, say, would hold back what comes after it.
CREATE FUNCTION pg_temp.roll_up() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  WHILE EXISTS (SELECT FROM pg_snapshot_xip(pg_current_snapshot())) LOOP
    PERFORM pg_sleep(0.01);
  END LOOP;
  RETURN oms.roll_up();
END $$;

-- ---- the three rates of the definition ----
-- Three met, one breached, one cancelled; open: one overdue, two in time, one paused.
SELECT oms.create_workflow('{"name": "Rates", "prefix": "RA", "stages": [{"id": "s", "owner": "Rates_Team", "slaMins": 60}]}') AS version;
CREATE TEMP TABLE rates (label text PRIMARY KEY, ticket oms.ticket_id);
SET oms.now = '2026-03-02 09:00';
INSERT INTO rates SELECT l, oms.open_ticket('Rates')
FROM unnest('{met 1, met 2, met 3, breached, cancelled, overdue, paused}'::text[]) AS l;
SET oms.now = '2026-03-02 09:30';
SELECT count(oms.stage_done(ticket, 's')) FROM rates WHERE label ~ 'met';
SELECT oms.hold(ticket, 's', 'a paper is missing') FROM rates WHERE label = 'paused';
SET oms.now = '2026-03-02 10:20';
SELECT oms.cancel_ticket(ticket, 'withdrawn') FROM rates WHERE label = 'cancelled';
INSERT INTO rates SELECT l, oms.open_ticket('Rates') FROM unnest('{in time 1, in time 2}'::text[]) AS l;
SET oms.now = '2026-03-02 10:30';
SELECT oms.stage_done(ticket, 's') FROM rates WHERE label = 'breached';
SET oms.now = '2026-03-02 11:00';
SELECT workflow, stage, met, breached, completed_rate, due, due_breached, due_rate, open, open_overdue, open_rate
FROM oms.sla_report('2026-03-02', '2026-03-03', 'Rates');
-- Whether the breach has been recorded makes no difference.
SELECT oms.tick() > 0 AS fired;
SELECT due_rate, open_rate FROM oms.sla_report('2026-03-02', '2026-03-03', 'Rates');
-- Each by its own time: nothing was due in the first hour, three were finished then.
SELECT met, breached, completed_rate, due, due_rate FROM oms.sla_report('2026-03-02 09:00', '2026-03-02 10:00', 'Rates') WHERE stage = 's';
SELECT met, breached, completed_rate, due, due_rate FROM oms.sla_report('2026-03-02 10:00', '2026-03-02 11:00', 'Rates') WHERE stage = 's';
SELECT count(*) AS rows, sum(finished) AS finished FROM oms.sla_report('2026-03-02', '2026-03-03', 'No such workflow');
SELECT * FROM pg_temp.all_differ();

-- ---- percentiles ----
-- 0.2, 0.5, 0.9 and 1.5 of the limit; a stage without a limit is in no rate.
SELECT oms.create_workflow('{"name": "Ratios", "prefix": "RT", "stages": [{"id": "s", "owner": "Ratios_Team", "slaMins": 100},
  {"id": "free", "owner": "Ratios_Team", "dependsOn": ["s"]}]}') AS version;
CREATE TEMP TABLE ratios AS SELECT n, NULL::oms.ticket_id AS ticket FROM unnest('{20, 50, 90, 150}'::int[]) AS n;
SET oms.now = '2026-03-02 09:00';
UPDATE ratios SET ticket = oms.open_ticket('Ratios');
SET oms.now = '2026-03-02 09:20';
SELECT oms.stage_done(ticket, 's') FROM ratios WHERE n = 20;
SET oms.now = '2026-03-02 09:50';
SELECT oms.stage_done(ticket, 's') FROM ratios WHERE n = 50;
SELECT oms.stage_done(ticket, 'free') FROM ratios WHERE n = 20;
SET oms.now = '2026-03-02 10:30';
SELECT oms.stage_done(ticket, 's') FROM ratios WHERE n = 90;
SET oms.now = '2026-03-02 11:30';
SELECT oms.stage_done(ticket, 's') FROM ratios WHERE n = 150;
SELECT stage, finished, met, breached, p50, p90, p99, wait, work FROM oms.sla_report('2026-03-02', '2026-03-03', 'Ratios') WHERE stage IS NOT NULL;
SELECT stage, finished, total, share, mean, breached, breach_share, open, days_to_clear FROM oms.bottlenecks('2026-03-02', '2026-03-03', 'Ratios');
-- without a beginning, from the first that was finished on
SELECT stage, open, days_to_clear IS NOT NULL AS pace FROM oms.bottlenecks(NULL, '2026-03-03', 'Ratios');

-- ---- rolled up ----
SELECT * FROM pg_temp.all_differ();
SELECT oms.roll_up(true) = (SELECT count(*) FROM (SELECT status, stage_no FROM oms.stage_state UNION ALL SELECT status, stage_no FROM oms.stage_past) AS c
  WHERE status = 'd' AND stage_no > 0) AS everything;
SELECT pg_temp.roll_up() AS nothing_new;
SELECT workflow, stage, met, breached, completed_rate, due, due_breached, due_rate, open, open_overdue, open_rate
FROM oms.sla_report('2026-03-02', '2026-03-03', 'Rates');
SELECT stage, p50, p90 FROM oms.sla_report('2026-03-02', '2026-03-03', 'Ratios') WHERE stage IS NOT NULL;
SELECT * FROM pg_temp.all_differ();
-- How many full hours are read from there: also one in which a period begins or ends, if nothing else was finished in it.
SELECT oms.create_workflow('{"name": "Ends", "prefix": "EN", "stages": [{"id": "s", "owner": "Ratios_Team"}]}') AS version;
SET oms.now = '2026-07-19 09:20';
SELECT oms.stage_done(oms.open_ticket('Ends'), 's');
SET oms.now = '2026-07-19 10:30';
SELECT oms.stage_done(oms.open_ticket('Ends'), 's');
SET oms.now = '2026-07-19 11:30';
SELECT oms.stage_done(oms.open_ticket('Ends'), 's');
SELECT pg_temp.roll_up() AS added;
BEGIN;
UPDATE oms.rollup SET finished = finished + 1000 WHERE kind = 'f';
SELECT starts, ends, finished / 1000 AS hours, finished % 1000 AS finished
FROM (VALUES ('09:00', '12:00'), ('09:00', '11:31'), ('09:00', '11:30'), ('09:20', '11:31'), ('09:21', '11:30'), ('10:31', '11:31')) AS p (starts, ends)
CROSS JOIN LATERAL oms.sla_report(('2026-07-19 ' || starts)::timestamptz, ('2026-07-19 ' || ends)::timestamptz, 'Ends') WHERE stage = 's';
ROLLBACK;

-- Wait, work, hold and rework apart: queued 12:00, held 12:10 to 12:20, taken at 12:30, held 12:40 to 13:00,
-- done at 13:10; then again from 13:30 to 14:00.
SELECT oms.create_workflow('{"name": "Times", "prefix": "TI", "slaMins": 600, "stages": [{"id": "s", "owner": "Times_Team", "slaMins": 50},
  {"id": "t", "owner": "Times_Team", "dependsOn": ["s"]}]}') AS version;
SET oms.now = '2026-03-02 12:00';
SELECT oms.open_ticket('Times') AS ticket \gset
SET oms.now = '2026-03-02 12:10';
SELECT oms.hold(:'ticket', 's', 'paper');
SET oms.now = '2026-03-02 12:20';
SELECT oms.resume(:'ticket', 's');
SET oms.now = '2026-03-02 12:30';
SELECT oms.claim_stage(:'ticket', 's', 'Kim') > 0 AS claimed;
SET oms.now = '2026-03-02 12:40';
SELECT oms.hold(:'ticket', NULL, 'all of it');
SET oms.now = '2026-03-02 13:00';
SELECT oms.resume(:'ticket', NULL);
SET oms.now = '2026-03-02 13:10';
SELECT oms.stage_done(:'ticket', 's');
-- Live, sent back before it was rolled up, rolled up after that, and again.
SELECT stage, finished, reworked, met, p50, wait, work, hold, rework FROM oms.sla_report('2026-03-02', '2026-03-03', 'Times') WHERE stage IS NOT NULL;
SET oms.now = '2026-03-02 13:30';
SELECT oms.send_back(:'ticket', 't', 's', 'not readable');
SELECT stage, finished, reworked, met, wait, work, hold, rework FROM oms.sla_report('2026-03-02', '2026-03-03', 'Times') WHERE stage IS NOT NULL;
SELECT * FROM pg_temp.all_differ();
SELECT pg_temp.roll_up() AS added, pg_temp.roll_up() AS nothing_new;
SELECT * FROM pg_temp.all_differ();
SET oms.now = '2026-03-02 14:00';
SELECT oms.stage_done(:'ticket', 's');
SELECT stage, finished, reworked, met, wait, work, hold, rework FROM oms.sla_report('2026-03-02', '2026-03-03', 'Times') WHERE stage IS NOT NULL;
SELECT pg_temp.roll_up() AS added;
SELECT oms.send_back(:'ticket', 't', 's', 'still not');
SELECT stage, finished, reworked, met, wait, work, hold, rework FROM oms.sla_report('2026-03-02', '2026-03-03', 'Times') WHERE stage IS NOT NULL;
SELECT pg_temp.roll_up() AS nothing_new;
SELECT * FROM pg_temp.all_differ();

-- A transaction sees what it has done itself, and rolls it up once; nothing of it stays if it does not.
BEGIN;
SET LOCAL oms.now = '2026-03-02 14:10';
SELECT oms.stage_done(:'ticket', 's');
SELECT * FROM pg_temp.all_differ();
SELECT oms.roll_up() AS not_yet;
SELECT oms.roll_up(true) > 0 AS with_it;
SELECT count(*) > 0 AS noted FROM oms.rollup_ahead;
SELECT oms.roll_up() AS nothing_new;
SELECT * FROM pg_temp.all_differ();
ROLLBACK;
SELECT * FROM pg_temp.all_differ();
BEGIN;
SELECT oms.stage_done(:'ticket', 's');
SELECT oms.roll_up(true) > 0 AS with_it;
COMMIT;
SELECT * FROM pg_temp.all_differ();
SELECT pg_temp.roll_up() AS nothing_new;
SELECT * FROM pg_temp.all_differ();

-- Rows with the transaction numbers of another server, as after a restore, are counted once, also when the numbers
-- here come to theirs.
BEGIN;
INSERT INTO oms.ticket_state SELECT (r).* FROM (SELECT jsonb_populate_record(t, '{"ticket_id": "RT-2026-2000000001"}') AS r
  FROM oms.ticket_state AS t JOIN ratios AS o ON o.ticket = ticket_id WHERE n = 20) AS x;
INSERT INTO oms.stage_state SELECT (r).* FROM (SELECT jsonb_populate_record(s, '{"ticket_id": "RT-2026-2000000001"}') AS r
  FROM oms.stage_state AS s JOIN ratios AS o ON o.ticket = ticket_id WHERE n = 20) AS x;
INSERT INTO oms.timeline SELECT (r).* FROM (SELECT jsonb_populate_record(e, jsonb_build_object('ticket_id', 'RT-2026-2000000001', 'watermark',
    CASE WHEN e.stage = 's' THEN pg_current_xact_id()::text::bigint + 1000000 ELSE 1 END)) AS r
  FROM oms.timeline AS e JOIN ratios AS o ON o.ticket = ticket_id WHERE n = 20) AS x;
UPDATE oms.rollup_state SET horizon = NULL;
SELECT * FROM pg_temp.all_differ();
SELECT oms.roll_up() > 0 AS restored;
SELECT stage_no, watermark > pg_current_xact_id()::text::bigint AS of_another_server FROM oms.rollup_ahead WHERE ticket_id = 'RT-2026-2000000001';
SELECT * FROM pg_temp.all_differ();
SELECT oms.roll_up() AS nothing_new;
-- A horizon of another server is none.
UPDATE oms.rollup_state SET horizon = 9000000000000000000;
SELECT oms.roll_up() > 0 AS again;
SELECT horizon < 9000000000000000000 AS horizon FROM oms.rollup_state;
SELECT * FROM pg_temp.all_differ();
DELETE FROM oms.rollup_state;
SELECT * FROM pg_temp.all_differ();
SELECT oms.roll_up();
ROLLBACK;

-- ---- heat-maps ----
-- Twelve on Monday 11:00 to 12:00, four on Tuesday: too few to show.
SELECT oms.create_workflow('{"name": "Heat", "prefix": "HE", "stages": [{"id": "s", "owner": "Heat_Team", "slaMins": 100}]}') AS version;
SET oms.now = '2026-03-16 10:00';
CREATE TEMP TABLE heat AS SELECT n, oms.open_ticket('Heat') AS ticket FROM generate_series(1, 16) AS n;
CREATE FUNCTION pg_temp.heat(kind text) RETURNS TABLE (workflow text, y text, x text, n bigint, value float8, p50 float8, breach_rate float8, moved bigint)
  LANGUAGE sql AS $$ SELECT * FROM oms.heat_map('2026-03-16', '2026-03-23', kind) $$;
SET oms.now = '2026-03-16 11:05';
SELECT count(oms.stage_done(ticket, 's')) FROM heat WHERE n <= 6;
SELECT pg_temp.roll_up() AS added;
SET oms.now = '2026-03-16 11:50';
SELECT count(oms.stage_done(ticket, 's')) FROM heat WHERE n BETWEEN 7 AND 12;
SET oms.now = '2026-03-17 09:00';
SELECT count(oms.stage_done(ticket, 's')) FROM heat WHERE n > 12;
SELECT * FROM pg_temp.heat('stage');
SELECT * FROM pg_temp.heat('weekday');
SELECT * FROM pg_temp.heat('owner');
SELECT pg_temp.roll_up() AS added;
SELECT * FROM pg_temp.heat('weekday');
SELECT * FROM pg_temp.heat('owner');
-- In the zone of the session; on Sunday evening in the west it is Monday in Greenwich.
SET timezone = 'America/Los_Angeles';
SELECT y, x, n, value FROM pg_temp.heat('weekday');
SET timezone = 'UTC';
SELECT x, n FROM oms.heat_map('2026-03-16 11:10', '2026-03-17 09:00:01') WHERE y = 's' AND workflow = 'Heat';
SELECT * FROM oms.heat_map('2026-03-16', '2026-03-23', 'moon');
SELECT * FROM oms.heat_map('2026-03-16', '2026-03-23', NULL);

-- ---- what is open ----
SELECT oms.create_workflow('{"name": "Open", "prefix": "OP", "stages": [{"id": "s", "owner": "Open_Team", "slaMins": 300,
  "retry": {"maxAttempts": 1}}]}') AS version;
SELECT oms.set_owner('Open_Team', 'group', members => ARRAY[current_user::name]);
CREATE TEMP TABLE open_ones (label text, ticket oms.ticket_id);
SET oms.now = '2026-03-20 08:00';
INSERT INTO open_ones SELECT l, oms.open_ticket('Open') FROM unnest('{failed, worked 1, held, worked 2}'::text[]) AS l;
SELECT oms.claim_stage(ticket, 's', 'Ann') > 0 AS has FROM open_ones WHERE label ~ 'worked|held';
SELECT oms.hold(ticket, 's', 'paper') FROM open_ones WHERE label = 'held';
SELECT oms.stage_failed(ticket, 's', 'broken') FROM open_ones WHERE label = 'failed';
SET oms.now = '2026-03-20 12:15';
INSERT INTO open_ones SELECT l, oms.open_ticket('Open') FROM unnest('{new 1, new 2}'::text[]) AS l;
SELECT oms.set_absence('Ann', '2026-03-20', '2026-03-22', 'Bob');
SELECT * FROM oms.queue WHERE owner = 'Open_Team';
SELECT owner, CASE worker WHEN current_user THEN 'me' ELSE worker END AS worker, queued, in_progress, on_hold, overdue, away, away_until, delegate
FROM oms.workload WHERE owner = 'Open_Team' ORDER BY worker NULLS FIRST;
SELECT label, r.workflow, r.stage, r.owner, r.status, r.due_at, r.remaining FROM oms.at_risk('1 hour') AS r JOIN open_ones USING (ticket) ORDER BY due_at, label;
SELECT count(*) FROM oms.at_risk('44 minutes') JOIN open_ones USING (ticket);
SELECT count(*) FROM oms.at_risk(NULL);
-- It goes by the timers, and finds what the view has.
SELECT bool_and((SELECT count(*) FROM oms.at_risk(u.within)) = (SELECT count(*) FROM oms.open_stage AS o
  WHERE o.running_since IS NOT NULL AND o.breached_at IS NULL AND o.due_at BETWEEN o.now AND o.now + u.within)) AS same, count(DISTINCT n.n) > 2 AS several
FROM unnest('{0,44 minutes,1 hour,1 day,1 year}'::interval[]) AS u (within), LATERAL (SELECT count(*) AS n FROM oms.at_risk(u.within)) AS n;
SET oms.now = '2026-03-22 07:59';
SELECT stage, from_days, to_days, open, on_hold, overdue, oldest FROM oms.aging WHERE workflow = 'Open' ORDER BY from_days;
SET oms.now = '2026-03-23 08:00';
SELECT stage, from_days, to_days, open, on_hold, overdue, oldest FROM oms.aging WHERE workflow = 'Open' ORDER BY from_days;
SELECT queued, due_within_hour, overdue FROM oms.queue WHERE owner = 'Open_Team';
SELECT * FROM pg_temp.all_differ();
SELECT n.label, o.workflow, o.stage, o.label AS stage_label, o.status, o.worker, o.overdue, o.due_at IS NULL AS stands
FROM oms.open_stage AS o JOIN open_ones AS n ON n.ticket = o.ticket_id ORDER BY 1;
SELECT stage, cycle, met, wait, work, hold FROM oms.finished_stage WHERE workflow = 'Times' ORDER BY ticket_id, stage, cycle;
SELECT * FROM pg_temp.lists_differ();

-- ---- who may ----
CREATE ROLE regress_reports;
SELECT oms.grant_access('regress_reports', 'monitor');
SET ROLE regress_reports;
SELECT count(*) > 0 AS rows FROM oms.sla_report(NULL, NULL);
SELECT count(*) > 0 AS rows FROM oms.heat_map(NULL, NULL);
SELECT count(*) > 0 AS rows FROM oms.bottlenecks(NULL, NULL);
SELECT count(*) >= 0 AS rows FROM oms.at_risk();
SELECT count(*) > 0 AS rows FROM oms.queue;
SELECT count(*) > 0 AS rows FROM oms.aging;
SELECT * FROM oms.workload;
SELECT * FROM oms.open_stage;
SELECT * FROM oms.finished_stage;
SELECT * FROM oms_internal.report_done;
SELECT oms.roll_up();
RESET ROLE;
SELECT oms.revoke_access('regress_reports');
DROP ROLE regress_reports;
SELECT oms.set_owner('Open_Team', 'group', members => '{}');
SELECT count(oms.cancel_ticket(ticket_id, 'the test is over')) FROM oms.ticket WHERE workflow IN ('Rates', 'Ratios', 'Times', 'Open') AND closed_at IS NULL;
SELECT * FROM pg_temp.all_differ();

-- Units are lengths of time.
SELECT count(*) FROM oms_internal.report_finished(NULL, NULL, 'f', '100 years');
SELECT count(*) FROM oms_internal.report_finished(NULL, NULL, 'f', '0');
SELECT oms_internal.report_unit('6 hours', '2026-03-02 14:35+00');

-- An index whose condition is that of the view of open stages has the order of a list (bench/board.md).
BEGIN;
CREATE INDEX stage_state_open ON oms.stage_state (due_at, ticket_id, stage_no) WHERE status = 'q' OR status IN ('p', 'h', 'f') OR status = 'a';
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_sort = off;
CREATE FUNCTION pg_temp.plan(sql text) RETURNS SETOF text LANGUAGE plpgsql AS $$BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || sql; END$$;
SELECT count(*) AS scans FROM pg_temp.plan('SELECT o.ticket_id, o.stage_no FROM oms.open_stage AS o ORDER BY o.due_at, o.ticket_id, o.stage_no LIMIT 51') AS p (line)
WHERE line ~ 'using stage_state_open';
ROLLBACK;
