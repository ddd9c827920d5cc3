-- metrics: figures for monitoring, and health. There is no worker here; with one it is test/t/032_metrics.pl.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';
\pset null -

SET oms.now = '2026-03-02 09:00+00';
SELECT oms.create_workflow('{"name": "Metered", "prefix": "MT", "owner": "Boss", "stages": [
  {"id": "a", "owner": "Metered \"a\\b\" {x=1}", "slaMins": 60},
  {"id": "b", "owner": "Metered B", "dependsOn": ["a"], "retry": {"maxAttempts": 1}}]}') AS version;
SELECT array_agg(t::text) AS t FROM oms.open_tickets('Metered', array_fill('{"word": "secret"}'::jsonb, '{5}')) AS t \gset
SELECT (:'t'::text[])[1] AS t1, (:'t'::text[])[2] AS t2, (:'t'::text[])[4] AS t4 \gset

-- ---- shape ----

SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'oms.metrics'::regclass AND attnum > 0 ORDER BY attnum;
SELECT count(*) >= 0 AS verified FROM oms.verify_timeline();
SELECT count(*) >= 0 AS verified FROM oms.verify_seals();
SELECT count(*) >= 0 AS checked FROM oms.check();
CREATE TEMP TABLE m AS TABLE oms.metrics;
SELECT regexp_replace(name, '_(bucket|sum|count)$', '') COLLATE "C" AS family, type, count(*) > 0 AS there,
  array(SELECT DISTINCT k FROM m AS i, jsonb_object_keys(i.labels) AS k WHERE i.help = m.help ORDER BY k) AS labels, help
FROM m WHERE name NOT LIKE 'oms\_seal\_age%' GROUP BY 1, type, help ORDER BY 1;
-- Of each sample there is one, and every value is a number.
SELECT name, labels, count(*) FROM m GROUP BY 1, 2 HAVING count(*) > 1 OR count(value) < 1;
SELECT name, value FROM m WHERE value < 0 OR value = 'NaN' OR value = 'Infinity';
-- The text has the same samples in the same order.
WITH line AS (
  SELECT n, split_part(split_part(l, '{', 1), ' ', 1) AS name
  FROM regexp_split_to_table(oms.metrics_text(), E'\n') WITH ORDINALITY AS t (l, n) WHERE l <> '' AND l !~ '^#'
)
SELECT (SELECT array_agg(name ORDER BY n) FROM line) = (SELECT array_agg(name) FROM oms.metrics()) AS same_samples;

-- ---- open work ----

SELECT stage FROM oms.claim('Metered "a\b" {x=1}', 'w', 3);
SELECT oms.stage_done(:'t1', 'a');
SELECT oms.hold(:'t2', 'a', 'secret matter');
SELECT oms.stage_failed(ticket, stage, 'no', token) FROM oms.claim('Metered B', 'w');
SET oms.now = '2026-03-02 09:01:30+00';
SELECT name, labels, value FROM oms.metrics WHERE labels->>'owner' LIKE 'Metered %' ORDER BY name, labels;
SET oms.now = '2026-03-02 10:30+00';
SELECT value FROM oms.metrics WHERE name = 'oms_overdue' AND labels->>'owner' = 'Metered "a\b" {x=1}';
SELECT m.owner, m.value, q.overdue FROM oms.queue AS q
FULL JOIN (SELECT labels->>'owner' AS owner, value FROM oms.metrics WHERE name = 'oms_overdue') AS m USING (owner) WHERE m.value IS DISTINCT FROM q.overdue;
SELECT m.owner, m.value, q.queued FROM oms.queue AS q
FULL JOIN (SELECT labels->>'owner' AS owner, value FROM oms.metrics WHERE name = 'oms_queue_depth') AS m USING (owner) WHERE m.value IS DISTINCT FROM q.queued;

-- What is in quotes is escaped; no API takes an owner with a line feed, but a superuser can put one in.
BEGIN;
INSERT INTO oms.stage_state SELECT (jsonb_populate_record(s, jsonb_build_object('stage_no', 9, 'owner', E'evil\n# TYPE x\\y "z" 1\r'))).*
  FROM oms.stage_state AS s WHERE s.ticket_id = :'t4' AND s.stage_no = 1;
SELECT l FROM regexp_split_to_table(oms.metrics_text(), E'\n') AS t (l) WHERE l ~ '^oms_queue_depth\{owner="(Metered "|Metered \\|evil)';
SELECT labels->>'owner' = E'evil\n# TYPE x\\y "z" 1\r' AS as_it_is FROM oms.metrics WHERE name = 'oms_queue_depth' AND labels->>'owner' ~ '^evil';
ROLLBACK;

-- At most 1,000 owners; the rest, those with the least open work, in one.
BEGIN;
INSERT INTO oms.stage_state SELECT (jsonb_populate_record(s, jsonb_build_object('stage_no', 10 + n, 'owner', 'Many ' || n))).*
  FROM oms.stage_state AS s, generate_series(1, 1200) AS n WHERE s.ticket_id = :'t4' AND s.stage_no = 1;
SELECT count(*), count(*) FILTER (WHERE labels->>'owner' = '') AS rest,
  (SELECT sum(queued) FROM oms.queue) = sum(value) AS all_of_it,
  max(value) FILTER (WHERE labels->>'owner' = '') = (SELECT sum(queued) FROM (SELECT queued FROM oms.queue
    ORDER BY queued + in_progress + on_hold + failed DESC, owner COLLATE "C" OFFSET 1000) AS q) AS the_rest,
  count(*) FILTER (WHERE labels->>'owner' LIKE 'Metered %') AS with_more
FROM oms.metrics WHERE name = 'oms_queue_depth';
ROLLBACK;

-- ---- rights ----

CREATE ROLE regress_metrics_monitor;
CREATE ROLE regress_metrics_agent;
SELECT oms.grant_access('regress_metrics_monitor', 'monitor'), oms.grant_access('regress_metrics_agent', 'agent');
SET ROLE regress_metrics_monitor;
SELECT count(*) > 50 AS rows FROM oms.metrics;
SELECT oms.metrics_text() ~ '^# HELP oms_info ' AS text;
SELECT status IS NOT NULL AS status FROM oms.health();
SET ROLE regress_metrics_agent;
SELECT count(*) FROM oms.metrics;
SELECT oms.metrics_text();
SELECT oms.health();
RESET ROLE;
-- No word of a ticket's: not its data, its notes, who worked on it or what for.
SELECT count(*) FROM oms.metrics AS m WHERE m::text ~ 'MT-2026|Boss|secret';

-- ---- health ----

-- One reason is that there is no worker here.
SET oms.now = '2026-03-02 09:02+00';
SELECT oms.tick() >= 0 AS ticked;
SELECT status, reasons, checked_at, standby, timers_late, backlog, version FROM oms.health();
CREATE FUNCTION pg_temp.reasons() RETURNS TABLE (status text, reason text) LANGUAGE sql AS
  $$ SELECT h.status, r FROM oms.health() AS h LEFT JOIN LATERAL unnest(h.reasons) AS r ON r NOT LIKE 'worker: off%' $$;
-- timers: without a worker they may be late by 90 seconds, and are very late after 180
CREATE FUNCTION pg_temp.late_by(late interval) RETURNS timestamptz LANGUAGE sql AS
  $$ SELECT set_config('oms.now', (min(timer_at) + late)::text, true)::timestamptz FROM oms.stage_state $$;
BEGIN;
SELECT pg_temp.late_by('-1 s') IS NULL AS unknown;
SELECT timers_late FROM oms.health();
SELECT r.* FROM pg_temp.late_by('89.999999 s'), pg_temp.reasons() AS r;
SELECT r.* FROM pg_temp.late_by('90 s'), pg_temp.reasons() AS r;
SELECT r.* FROM pg_temp.late_by('179.999999 s'), pg_temp.reasons() AS r;
SELECT r.* FROM pg_temp.late_by('180 s'), pg_temp.reasons() AS r;
SELECT timers_late FROM oms.health();
SELECT value FROM oms.metrics WHERE name = 'oms_timers_overdue_seconds';
SELECT value FROM oms.metrics WHERE name = 'oms_health';
ROLLBACK;
SELECT * FROM pg_temp.reasons();
-- guards
BEGIN;
UPDATE pg_trigger SET tgenabled = 'O' WHERE tgrelid = 'oms.timeline'::regclass AND tgname ~ '^guard';
SELECT * FROM pg_temp.reasons();
SELECT value FROM oms.metrics WHERE name = 'oms_guard_problems';
ROLLBACK;
-- version
BEGIN;
UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'oms';
SELECT status, reasons, timers_late FROM oms.health();
ROLLBACK;
-- chain, seals and check: what the last run over everything found
BEGIN;
INSERT INTO oms.timeline (ticket_id, at, watermark, seq, cycle, attempt, public, status, actor, hash)
  VALUES ('MT-2026-77777', oms.clock(), 1, 1, 0, 0, false, 'opened', 'x', '\x');
INSERT INTO oms.seals (number, sealed_at, tickets, root, previous, hash) VALUES (1000000, oms.clock(), 0, '\x', '\x', '\x');
SELECT count(*) > 0 AS found FROM oms.verify_timeline('MT-2026-77777');
SELECT count(*) > 0 AS found FROM oms.check('MT-2026-77777');
SELECT count(*) AS not_of_everything FROM pg_temp.reasons() WHERE reason IS NOT NULL;
SELECT count(*) > 0 AS found FROM oms.verify_timeline();
SELECT count(*) > 0 AS found FROM oms.verify_seals();
SELECT count(*) > 0 AS found FROM oms.check();
ROLLBACK;
SELECT status, regexp_replace(reason, '\d+', 'N') FROM pg_temp.reasons();
SELECT name, value > 0 AS problems FROM oms.metrics WHERE name ~ '^oms_(chain|seal|check)_problems$' ORDER BY name;
SELECT count(*) FROM oms.verify_timeline();
SELECT count(*) FROM oms.verify_seals();
SELECT count(*) FROM oms.check();
SELECT * FROM pg_temp.reasons();
SELECT name, value FROM oms.metrics WHERE name ~ '^oms_(chain|seal|check)_problems$' ORDER BY name;
SELECT name, to_timestamp(value) BETWEEN now() - interval '1 hour' AND clock_timestamp() AS just_now
FROM oms.metrics WHERE name ~ '_checked_timestamp_seconds$' ORDER BY name;
-- prepared
BEGIN;
SELECT oms.comment(:'t4', 'prepared');
PREPARE TRANSACTION 'regress_metrics';
SELECT * FROM pg_temp.reasons();
BEGIN;
SELECT set_config('oms.now', (min(prepared) + interval '300.5 s')::text, true) IS NULL AS unknown FROM pg_prepared_xacts WHERE gid = 'regress_metrics';
SELECT reason FROM pg_temp.reasons() WHERE reason ~ 'prepared';
ROLLBACK;
ROLLBACK PREPARED 'regress_metrics';
-- home: in a session that did not know it yet
\c
SET oms.now = '2026-03-02 09:02+00';
BEGIN;
UPDATE oms.home SET database = 1;
SELECT h.status, r FROM oms.health() AS h, unnest(h.reasons) AS r WHERE r ~ '^home';
ROLLBACK;
SELECT count(*) FROM oms.health() AS h, unnest(h.reasons) AS r WHERE r ~ '^home';

DROP OWNED BY regress_metrics_monitor, regress_metrics_agent;
DROP ROLE regress_metrics_monitor, regress_metrics_agent;
