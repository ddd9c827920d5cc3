-- archive: closed tickets leave the hot tables, whole, sealed and by their rules; what is left to ask of them; and
-- how they come back.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET oms.now = '2020-03-02 14:00+00';

-- What a superuser can do who knows the catalog: switch the guards off.
CREATE FUNCTION pg_temp.unguard(enabled "char") RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE pg_trigger SET tgenabled = enabled WHERE tgname ~ '^guard'
    AND tgrelid IN ('oms.timeline'::regclass, 'oms.timeline_archive'::regclass, 'oms.ticket_state_archive'::regclass);
  UPDATE pg_class SET relname = relname WHERE oid IN ('oms.timeline'::regclass, 'oms.timeline_archive'::regclass, 'oms.ticket_state_archive'::regclass);
END $$;
-- In how many rows of which tables a ticket is.
CREATE FUNCTION pg_temp.places(id oms.ticket_id) RETURNS TABLE (place text, n bigint) LANGUAGE sql AS $$
  SELECT p.place, count(*) FROM (
    SELECT tableoid, ticket_id FROM oms.ticket_state UNION ALL SELECT tableoid, ticket_id FROM oms.ticket_state_archive
    UNION ALL SELECT tableoid, ticket_id FROM oms.stage_state UNION ALL SELECT tableoid, ticket_id FROM oms.stage_state_archive
    UNION ALL SELECT tableoid, ticket_id FROM oms.stage_past UNION ALL SELECT tableoid, ticket_id FROM oms.stage_past_archive
    UNION ALL SELECT tableoid, ticket_id FROM oms.hold UNION ALL SELECT tableoid, ticket_id FROM oms.hold_archive
    UNION ALL SELECT tableoid, ticket_id FROM oms.clock_segment UNION ALL SELECT tableoid, ticket_id FROM oms.clock_segment_archive
    UNION ALL SELECT tableoid, ticket_id FROM oms.timeline UNION ALL SELECT tableoid, ticket_id FROM oms.timeline_archive
  ) AS t, LATERAL (SELECT t.tableoid::regclass::text AS place) AS p WHERE t.ticket_id = id GROUP BY p.place ORDER BY p.place;
$$;

SELECT oms.create_workflow('{"name": "Archive", "prefix": "AR", "slaMins": 600, "stages": [
  {"id": "look", "owner": "A", "slaMins": 60, "label": "Looking", "publicOwner": "The Office"},
  {"id": "pay", "owner": "B", "slaMins": 60, "dependsOn": ["look"]}]}') AS version;
SELECT oms.create_workflow('{"name": "Archive for ever", "prefix": "AE", "stages": [{"id": "a", "owner": "A"}]}') AS version;
CREATE TEMP TABLE mine (label text PRIMARY KEY, ticket oms.ticket_id);
INSERT INTO mine SELECT l, oms.open_ticket('Archive', '{"name": "Kim", "amount": 5}', 'archive ' || l, 3, 'archive person')
  FROM unnest('{done,reworked,cancelled,failed,held,open}'::text[]) AS l;
-- data that does not fit into a row and cannot be compressed much
INSERT INTO mine SELECT 'large', oms.open_ticket('Archive', jsonb_build_object('scan',
  (SELECT string_agg(md5(k::text), '') FROM generate_series(1, 3000) AS k)));
INSERT INTO mine SELECT 'kept', oms.open_ticket('Archive for ever');
CREATE FUNCTION pg_temp.t(text) RETURNS oms.ticket_id LANGUAGE sql AS 'SELECT ticket FROM mine WHERE label = $1';

-- A hold, a piece of a clock, a second cycle, a comment, an attachment.
SELECT oms.hold(pg_temp.t('reworked'), 'look', 'documents are missing');
SET oms.now = '2020-03-02 14:10+00';
SELECT oms.resume(pg_temp.t('reworked'), 'look');
SELECT count(oms.stage_done(ticket, 'look', '{"ok": true}')) FROM mine WHERE label IN ('done', 'reworked', 'large');
SELECT oms.send_back(pg_temp.t('reworked'), 'pay', 'look', 'once more');
SELECT oms.stage_done(pg_temp.t('reworked'), 'look', '{"ok": false}');
SET oms.now = '2020-03-02 14:20+00';
SELECT count(oms.stage_done(ticket, 'pay')) FROM mine WHERE label IN ('done', 'reworked', 'large');
SELECT oms.comment(pg_temp.t('done'), 'thank you', public => true);
SELECT oms.attach(pg_temp.t('done'), 'receipt.pdf', 'https://files.example/1', repeat('ab', 32), public => true);
SELECT oms.cancel_ticket(pg_temp.t('cancelled'), 'moved away');
SELECT oms.stage_failed(pg_temp.t('failed'), 'look', 'broken', NULL, false);
SELECT oms.hold(pg_temp.t('held'), NULL, 'a question');
SELECT oms.stage_done(pg_temp.t('kept'), 'a');
SELECT m.label, t.status, t.closed_at FROM mine AS m JOIN oms.ticket AS t ON t.ticket_id = m.ticket ORDER BY 1;

-- Bad arguments.
\set VERBOSITY terse
SELECT oms.archive(max => 0);
SELECT oms.archive(max => NULL);
SELECT oms.archive(max => 1000001);
SELECT oms.set_retention('-1 day');
SELECT oms.set_retention('1001 years');
SELECT oms.set_retention('1 year', 'no such workflow');
SELECT oms.set_retention('1 year', '');
\set VERBOSITY default

-- Without rules nothing goes by itself.
SET oms.now = '2020-04-02 12:00+00';
SELECT oms.archive();
-- Rules: counted from when it was closed, not from when it was opened; the one of the workflow goes before the other.
SELECT oms.set_retention('1 month');
SELECT oms.set_retention('1000 years', 'Archive');
SELECT oms.set_retention(NULL, 'Archive for ever');
SELECT * FROM oms.retention ORDER BY workflow;
SET oms.now = '2020-04-02 14:20+00';
SELECT oms.archive();
SELECT oms.set_retention('1 month', 'Archive');
SELECT oms.archive() AS not_quite;

-- What is asked before and after.
CREATE TEMP TABLE before AS SELECT m.label, oms.get_ticket(m.ticket) AS ticket, oms.proof(m.ticket) -> 'events' AS events,
  oms.track(oms.tracking_number(m.ticket)) AS track, oms.diagram(m.ticket) AS diagram,
  (SELECT jsonb_agg(to_jsonb(t)) FROM oms.get_timeline(m.ticket) AS t) AS timeline,
  (SELECT jsonb_agg(to_jsonb(t)) FROM oms.get_timeline(oms.tracking_number(m.ticket)) AS t) AS public,
  (SELECT jsonb_agg(to_jsonb(c)) FROM oms.explain_clock(m.ticket, 'look') AS c WHERE m.label <> 'kept') AS clock,
  (SELECT jsonb_agg(to_jsonb(a)) FROM oms.attachment AS a WHERE a.ticket_id = m.ticket) AS attachments
  FROM mine AS m WHERE m.label NOT IN ('open', 'failed', 'held');
CREATE FUNCTION pg_temp.report() RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_array(
    (SELECT jsonb_agg(to_jsonb(r)) FROM oms.sla_report('2020-03-02 14:05+00', '2020-03-02 14:30+00') AS r),
    (SELECT jsonb_agg(to_jsonb(r)) FROM oms.sla_report(NULL, NULL) AS r WHERE r.workflow = 'Archive'),
    (SELECT jsonb_agg(to_jsonb(r)) FROM oms.heat_map('2020-01-01', '2021-01-01', 'owner') AS r),
    (SELECT jsonb_agg(to_jsonb(r)) FROM oms.bottlenecks('2020-01-01', '2021-01-01') AS r));
$$;
CREATE TEMP TABLE report AS SELECT pg_temp.report() AS live;

-- The cutoff is exclusive: what was closed a month ago to the microsecond stays.
SET oms.now = '2020-04-02 14:20:00.000001+00';
-- Batches.
SELECT oms.archive(max => 3) AS first, oms.archive(max => 3) AS second, oms.archive() AS third;
SELECT m.label, t.status, t.closed_at, t.archived_at, t.data ->> 'name' AS name
  FROM mine AS m JOIN oms.archived_ticket AS t ON t.ticket_id = m.ticket ORDER BY 1;
SELECT s.stage, s.status, s.cycle, s.output FROM oms.archived_stage AS s WHERE s.ticket_id = pg_temp.t('reworked') ORDER BY s.stage_no;
SELECT m.label FROM mine AS m JOIN oms.ticket AS t ON t.ticket_id = m.ticket ORDER BY 1;
SELECT * FROM pg_temp.places(pg_temp.t('reworked'));
SELECT * FROM pg_temp.places(pg_temp.t('open'));

-- Everything that can be asked has the same answer.
SELECT b.label, oms.get_ticket(m.ticket) - 'archived_at' = b.ticket - 'archived_at' AS ticket,
  oms.get_ticket(m.ticket) -> 'archived_at' AS archived_at,
  oms.proof(m.ticket) -> 'events' = b.events AS events, oms.track(oms.tracking_number(m.ticket)) = b.track AS track,
  oms.diagram(m.ticket) = b.diagram AS diagram,
  (SELECT jsonb_agg(to_jsonb(t)) FROM oms.get_timeline(m.ticket) AS t) = b.timeline AS timeline,
  (SELECT jsonb_agg(to_jsonb(t)) FROM oms.get_timeline(oms.tracking_number(m.ticket)) AS t) = b.public AS public,
  (SELECT jsonb_agg(to_jsonb(c)) FROM oms.explain_clock(m.ticket, 'look') AS c WHERE m.label <> 'kept')
    IS NOT DISTINCT FROM b.clock AS clock,
  (SELECT jsonb_agg(to_jsonb(a)) FROM oms.attachment AS a WHERE a.ticket_id = m.ticket)
    IS NOT DISTINCT FROM b.attachments AS attachments
  FROM before AS b JOIN mine AS m ON m.label = b.label ORDER BY 1;
SELECT count(*) FROM oms.next_stages(pg_temp.t('done'));
SELECT count(*) FROM oms.explain(pg_temp.t('done'));

-- It was sealed as it is, and nothing is wrong, of one or of all.
SELECT m.label, l.seq = t.last_seq AND l.head = t.head AS sealed, oms.proof(m.ticket) -> 'leaf' ->> 'seq' = t.last_seq::text AS proven
  FROM mine AS m JOIN oms.archived_ticket AS t ON t.ticket_id = m.ticket
  CROSS JOIN LATERAL (SELECT * FROM oms.seal_leaf AS l WHERE l.ticket_id = m.ticket ORDER BY l.seal DESC LIMIT 1) AS l ORDER BY 1;
SELECT count(*) FROM oms.verify_timeline();
SELECT count(*) FROM oms.verify_timeline(pg_temp.t('large'));
SELECT count(*) FROM oms.verify_seals();
SELECT * FROM oms.check();
SELECT * FROM oms.check(pg_temp.t('reworked'));
SELECT oms.seal() = (SELECT max(number) FROM oms.seals) AS nothing_new;

-- Reports are what they were: live, rolled up, and rolled up again.
SELECT pg_temp.report() = live AS live FROM report;
SELECT oms.roll_up(true) > 0 AS rolled;
SELECT pg_temp.report() = live AS rolled FROM report;
SELECT oms.roll_up() AS nothing_new;

-- The key of an archived ticket still opens no second one, and numbers are not used again.
SELECT oms.open_ticket('Archive', '{"name": "Kim", "amount": 5}', 'archive done', 3, 'archive person') = pg_temp.t('done') AS same;
SELECT oms.open_ticket('Archive', '{"name": "Lee"}', 'archive done');
SELECT bool_and(n.ticket > m.ticket) AS newer FROM (SELECT oms.open_ticket('Archive') AS ticket) AS n, mine AS m;

-- Nobody changes the archive, superusers neither.
UPDATE oms.timeline_archive SET note = 'all was well';
DELETE FROM oms.ticket_state_archive;
TRUNCATE oms.stage_state_archive;
DELETE FROM oms.hold_archive;
DELETE FROM oms.clock_segment_archive;
DELETE FROM oms.stage_past_archive;
SET session_replication_role = replica;
DELETE FROM oms.timeline_archive;
RESET session_replication_role;
DELETE FROM oms.timeline WHERE ticket_id = pg_temp.t('open');
ALTER TABLE oms.timeline_archive DISABLE TRIGGER guard;
UPDATE oms.archived_ticket SET status = 'open';
UPDATE oms.ticket SET priority = 1 WHERE ticket_id = pg_temp.t('done');

-- A change brings the ticket back, and goes on with its chain.
SELECT oms.comment(pg_temp.t('cancelled'), 'a letter came back');
SELECT * FROM pg_temp.places(pg_temp.t('cancelled'));
SELECT stage, status, note FROM oms.get_timeline(pg_temp.t('cancelled')) OFFSET 3;
SELECT count(*) FROM oms.check(pg_temp.t('cancelled'));
-- … and it goes again, sealed again.
SELECT oms.archive();
SELECT * FROM pg_temp.places(pg_temp.t('cancelled'));
SELECT count(*) FROM oms.seal_leaf WHERE ticket_id = pg_temp.t('cancelled');
-- A call that is refused leaves it where it is.
\set VERBOSITY sqlstate
SELECT oms.cancel_ticket(pg_temp.t('cancelled'), 'again');
SELECT oms.claim_stage(pg_temp.t('done'), 'look', 'me');
\set VERBOSITY default
SELECT * FROM pg_temp.places(pg_temp.t('cancelled'));
-- One that is taken back, too.
BEGIN;
SELECT oms.reopen(pg_temp.t('large'), 'pay', 'by mistake');
ROLLBACK;
SELECT count(*) FROM oms.archived_ticket WHERE ticket_id = pg_temp.t('large');
-- Reopened it is open, and stays until it is closed and its time is over again.
SELECT oms.reopen(pg_temp.t('reworked'), 'pay', 'paid too little');
SELECT status FROM oms.ticket WHERE ticket_id = pg_temp.t('reworked');
SELECT oms.archive('infinity');
SELECT oms.stage_done(pg_temp.t('reworked'), 'pay', '{"more": 1}');
SELECT oms.archive('infinity');
SELECT * FROM pg_temp.places(pg_temp.t('reworked'));
SELECT * FROM oms.check();

-- Erasure reaches the archive.
SELECT oms.erase(pg_temp.t('done'), '{data.name}', 'asked for');
SELECT oms.get_ticket(pg_temp.t('done')) -> 'data' AS data;
SELECT oms.archive();
SELECT oms.get_ticket(pg_temp.t('done')) -> 'data' AS data;
SELECT oms.erase_applicant('archive person', 'asked for') = count(*) AS all_of_them FROM mine WHERE label NOT IN ('large', 'kept');
SELECT oms.archive();
SELECT count(*) FROM (SELECT applicant, data FROM oms.ticket UNION ALL SELECT applicant, data FROM oms.archived_ticket) AS t
  WHERE applicant = 'archive person';
SELECT count(*) FROM oms.timeline_archive WHERE ticket_id = pg_temp.t('done') AND payload::text ~ 'Kim';
SELECT * FROM oms.check();
SELECT count(*) FROM oms.verify_timeline();

-- before: closed before then, and never against a rule.
SELECT m.label FROM mine AS m JOIN oms.ticket AS t ON t.ticket_id = m.ticket ORDER BY 1;
SET oms.now = '2020-05-20';
SELECT oms.archive('2020-04-01') AS closed_later, oms.archive('2020-05-01') AS closed_before, oms.archive() AS all_rules;
SELECT oms.archive('infinity') AS kept_for_ever;
SELECT oms.set_retention('1 day', 'Archive for ever');
SELECT oms.archive('infinity') AS no_more;

-- A chain that is not whole stays where it can be seen; others go.
SET oms.now = '2020-05-22';
INSERT INTO mine SELECT l, oms.open_ticket('Archive for ever') FROM unnest('{broken,sound}'::text[]) AS l;
SELECT count(oms.cancel_ticket(ticket, 'test')) FROM mine WHERE label IN ('broken', 'sound');
SELECT oms.seal() > 0 AS sealed;
SELECT pg_temp.unguard('D');
UPDATE oms.timeline SET note = 'forged' WHERE ticket_id = pg_temp.t('broken') AND status = 'ticket_cancelled';
UPDATE oms.timeline_archive SET note = 'forged' WHERE ticket_id = pg_temp.t('cancelled') AND status = 'comment';
SELECT pg_temp.unguard('A');
SET oms.now = '2020-05-24';
\set VERBOSITY sqlstate
SELECT oms.archive();
\set VERBOSITY default
SELECT m.label, v.seq, v.problem FROM oms.verify_timeline() AS v JOIN mine AS m ON m.ticket = v.ticket ORDER BY 1;
SELECT m.label, c.kind, c.detail FROM oms.check() AS c JOIN mine AS m ON m.ticket = c.ticket ORDER BY 1, 2;
SELECT pg_temp.unguard('D');
UPDATE oms.timeline SET note = 'test' WHERE ticket_id = pg_temp.t('broken') AND status = 'ticket_cancelled';
DELETE FROM oms.timeline_archive WHERE ticket_id = pg_temp.t('cancelled') AND status = 'comment';
DELETE FROM oms.timeline_archive WHERE ticket_id = pg_temp.t('large');
SELECT pg_temp.unguard('A');
SELECT m.label, v.seq, v.problem FROM oms.verify_timeline() AS v JOIN mine AS m ON m.ticket = v.ticket ORDER BY 1, 2;
-- What else the second opinion sees in the archive.
SELECT pg_temp.unguard('D');
UPDATE oms.ticket_state_archive SET status = 'o', closed_at = NULL WHERE ticket_id = pg_temp.t('sound');
DELETE FROM oms.ticket_state_archive WHERE ticket_id = pg_temp.t('reworked');
SELECT pg_temp.unguard('A');
INSERT INTO oms.ticket_state SELECT (jsonb_populate_record(NULL::oms.ticket_state, to_jsonb(a))).*
  FROM oms.ticket_state_archive AS a WHERE a.ticket_id = pg_temp.t('done');
SELECT m.label, c.kind, c.detail FROM oms.check() AS c JOIN mine AS m ON m.ticket = c.ticket
  WHERE c.kind IN ('archive', 'orphans') ORDER BY m.label, c.kind, c.detail COLLATE "C";
SELECT m.label, c.kind, c.detail FROM mine AS m, oms.check(m.ticket) AS c WHERE m.label = 'sound' ORDER BY 1, 2, 3;

DROP EXTENSION oms CASCADE;
CREATE EXTENSION oms;
