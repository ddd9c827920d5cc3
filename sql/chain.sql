-- chain: the hash chain of the timeline, recomputed in plain SQL from the description in
-- docs/reference/hash-chain.md. Nothing of the library's own code takes part in it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;

CREATE FUNCTION pg_temp.piece(bytea) RETURNS bytea LANGUAGE sql
  RETURN coalesce(int4send(octet_length($1)) || $1, '\xffffffff'::bytea);
CREATE FUNCTION pg_temp.piece(text) RETURNS bytea LANGUAGE sql
  RETURN pg_temp.piece(convert_to($1, 'UTF8'));

-- The hash of an event after the one with the hash "previous".
CREATE FUNCTION pg_temp.chain_hash(e oms.timeline, previous bytea) RETURNS bytea LANGUAGE sql
  RETURN sha256(coalesce(previous, decode(repeat('00', 32), 'hex'))
    || CASE WHEN e.moved THEN '\x02'::bytea ELSE '\x01'::bytea END
    || pg_temp.piece(e.ticket_id::text)
    || int4send(e.seq)
    || int8send((extract(epoch FROM e.at) * 1000000)::bigint)
    || pg_temp.piece(e.status) || pg_temp.piece(e.stage) || pg_temp.piece(e.owner)
    || pg_temp.piece(e.actor) || pg_temp.piece(e.session_actor) || pg_temp.piece(e.client)
    || pg_temp.piece(e.worker)
    || CASE WHEN e.public THEN '\x01'::bytea ELSE '\x00'::bytea END
    || int4send(e.cycle) || int4send(e.attempt)
    || pg_temp.piece(CASE WHEN e.note IS NULL THEN e.note_digest
         ELSE sha256(coalesce(e.salt, '') || convert_to(e.note, 'UTF8')) END)
    || pg_temp.piece(CASE WHEN e.payload IS NULL THEN e.payload_digest
         ELSE sha256(coalesce(e.salt, '') || convert_to(e.payload::text, 'UTF8')) END));

-- How many events there are, how many of them this file and the library find right, and whether the
-- last one is the head of its ticket's chain.
CREATE FUNCTION pg_temp.judge(VARIADIC tickets text[])
RETURNS TABLE (events bigint, whole bigint, heads bigint, problems bigint) LANGUAGE sql
BEGIN ATOMIC
  SELECT count(*), count(*) FILTER (WHERE c.hash = c.expected),
         count(*) FILTER (WHERE c.hash = t.head AND c.seq = t.last_seq),
         (SELECT count(*) FROM unnest(tickets) AS n, oms.verify_timeline(n::oms.ticket_id))
  FROM (SELECT e.ticket_id, e.seq, e.hash,
               pg_temp.chain_hash(e, lag(e.hash) OVER (PARTITION BY e.ticket_id ORDER BY e.seq)) AS expected
        FROM oms.timeline AS e) AS c
  JOIN oms.ticket AS t USING (ticket_id)
  WHERE c.ticket_id::text = ANY (tickets);
END;

-- A ticket with everything that an event can have or not have: notes and none, outputs and none,
-- texts beyond ASCII, workers, another role than the session's, all kinds of status.
SELECT oms.create_workflow('{"name": "Prüfkette", "prefix": "CHN", "owner": "Büro für Prüfung", "stages": [
  {"id": "a", "owner": "Ä", "slaMins": 30, "retry": {"maxAttempts": 2, "backoffSecs": 60}},
  {"id": "b–1", "owner": "部門", "dependsOn": ["a"]},
  {"id": "c", "owner": "C", "dependsOn": ["b–1"]},
  {"id": "d", "owner": "D", "dependsOn": ["c"], "minAmount": 5},
  {"id": "e", "owner": "E", "dependsOn": ["d"]},
  {"id": "f", "owner": "F", "dependsOn": ["e"]}]}');
CREATE ROLE regress_chain;

SET oms.now = '2024-03-10 01:59:59.999999-05';
SELECT oms.open_ticket('Prüfkette',
  '{"amount": 4.50, "name": "Žofie 🙂", "\u00fc": [1.0, 1e3, null, true, {}], "empty": ""}')::text AS full \gset
SELECT oms.open_ticket('Prüfkette')::text AS bare \gset
SELECT oms.comment(:'full', 'Größe geprüft – 検査済み ✓');
SELECT oms.comment(:'full', ' ', 'a', true);
SELECT oms.comment(:'full', repeat('long ', 50000), 'f');
SELECT oms.grant_access('regress_chain', 'staff');
SET ROLE regress_chain;
SELECT oms.comment(:'full', 'said by another role');
RESET ROLE;
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'German, DMY';
SET oms.now = '2024-03-10 03:00:00-04';
SELECT count(*) FROM oms.claim('Ä', 'Jörg', 2);
SELECT oms.stage_failed(:'full', 'a', 'Fehler: €');
SET oms.now = '2024-03-10 03:02:00-04';
SELECT oms.claim_stage(:'full', 'a') > 0 AS has_token;
SELECT oms.release(:'full', 'a');
SELECT count(*) FROM oms.claim('Ä', NULL);
SET oms.now = '2024-03-10 06:00:00-04';
SELECT oms.tick() > 0 AS fired;
SELECT oms.retry_stage(:'full', 'a', 'once more');
SELECT oms.escalate(:'full', 'a', 'hurry', 'Ö');
SET TimeZone = 'America/St_Johns';
SET DateStyle = 'SQL, MDY';
SELECT oms.stage_done(:'full', 'a', '{"x": [1, 2.50, "ü", "\\ \" / \b"]}');
SELECT oms.reassign(:'full', 'b–1', 'B2', 'holidays');
SELECT oms.stage_done(:'full', 'b–1', '""');
SELECT oms.stage_done(:'full', 'c', 'null');
SELECT oms.skip_stage(:'full', 'e', 'not needed');
UPDATE oms.ticket SET priority = 7 WHERE ticket_id = :'full';
SELECT oms.stage_done(:'full', 'f');
SELECT oms.cancel_ticket(:'bare', 'double');

RESET TimeZone;
RESET DateStyle;
SELECT seq, stage, owner, status, session_actor IS NOT NULL AS other_role, worker,
       left(note, 30) AS note, left(payload::text, 30) AS payload
FROM oms.timeline WHERE ticket_id = :'full' ORDER BY seq;

-- Three settings in which a text of a time looks different.
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SELECT * FROM pg_temp.judge(:'full', :'bare');
SET TimeZone = 'Australia/Lord_Howe';
SET DateStyle = 'Postgres, DMY';
SET IntervalStyle = 'sql_standard';
SET extra_float_digits = -10;
SELECT * FROM pg_temp.judge(:'full', :'bare');
SET TimeZone = 'America/St_Johns';
SET DateStyle = 'German';
SET bytea_output = 'escape';
SELECT * FROM pg_temp.judge(:'full', :'bare');
RESET TimeZone;
RESET DateStyle;
RESET IntervalStyle;
RESET extra_float_digits;
RESET bytea_output;

-- Golden values: these rows and these hashes stay right for ever. A restore brings rows in just so.
-- In 6 an erasure has left the digest only; 7 and 8 differ in "" and NULL.
BEGIN;
INSERT INTO oms.timeline (ticket_id, seq, at, status, stage, owner, actor, session_actor,
  client, worker, public, cycle, attempt, note, payload, salt, note_digest, watermark, hash)
VALUES
  ('DL-1999-00091', 1, '2026-03-02 14:00:00+00', 'opened', NULL, NULL, 'postgres', NULL,
   'psql@[local]', NULL, true, 0, 0, NULL, '{"name": "Žofie", "amount": 80000}', '\x000102030405060708090a0b0c0d0e0f', NULL, 0,
   '\x9244cde5e9ede89827b86ba5f38953f5aba840573cd31dc94d4a6150fd8a4dc3'),
  ('DL-1999-00091', 2, '2026-03-02 14:00:00+00', 'queued', 'id_check', 'IRS_Bot', 'postgres', NULL,
   'psql@[local]', NULL, true, 1, 1, NULL, NULL, NULL, NULL, 0,
   '\x325ecaa29cb49c9170ea0dcb7d310f4f578cf19bc0e5015dcbcc414f4449d932'),
  ('DL-1999-00091', 3, '2026-03-02 14:00:00.000001+00', 'comment', NULL, NULL, 'kim', 'app',
   'web@192.0.2.7', NULL, false, 0, 0, 'Größe geprüft ✓', NULL, '\x101112131415161718191a1b1c1d1e1f', NULL, 0,
   '\xb82f50b29cf2179bb2470e15e64c189bc5050ae40863eb52b331f65478abeb65'),
  ('DL-1999-00091', 4, '2026-03-02 14:05:00+00', 'in_progress', 'id_check', 'IRS_Bot', 'irs', NULL,
   NULL, 'irs-1', false, 1, 1, NULL, NULL, NULL, NULL, 0,
   '\x5ae8b3a6f4ec3d2b4891bfbbc1a296afde77bd68a9b74f8be3fbfd1dad7574ff'),
  ('DL-1999-00091', 5, '2026-03-02 14:05:01.5+00', 'done', 'id_check', 'IRS_Bot', 'irs', NULL,
   'irs@2001:db8::5', 'irs-1', true, 1, 1, NULL, '{"match": true}', '\x202122232425262728292a2b2c2d2e2f', NULL, 0,
   '\x0c31cafbbb745662d3ef62d9736e06f0e1a21c425d654b856d32bbfa86aca469'),
  ('DL-1999-00091', 6, '2026-03-02 15:00:00+00', 'comment', NULL, NULL, 'kim', NULL,
   'psql@[local]', NULL, false, 0, 0, NULL, NULL, NULL, '\xc55107181d34f940e3f7ea4605b945882723d6ad7712c3a08f5edbd3f41e20aa', 0,
   '\xf8b31e910afe14696d91fa072df238355110abb7afc63742c28389e3fbeaaf04'),
  ('DL-1999-00091', 7, '2026-03-02 15:00:00+00', 'comment', '', NULL, 'kim', NULL,
   NULL, '', false, 0, 0, '', NULL, '\x303132333435363738393a3b3c3d3e3f', NULL, 0,
   '\x3c41a885b7255253efb952a5ea39822ebe00ca4d24b8ae524f6d398d10052ed4'),
  ('DL-1999-00091', 8, '2026-03-02 15:00:00+00', 'comment', NULL, '', 'kim', '',
   '', NULL, false, 0, 0, NULL, NULL, '\x303132333435363738393a3b3c3d3e3f', NULL, 0,
   '\x0dfdc15f92300e6e168300cde7a6e9eb4b91cdf1900ebd8e739f5188736164cf');
INSERT INTO oms.ticket_state
SELECT ticket_id, at, at, NULL, 0, (SELECT min(workflow_id) FROM oms.workflow), 0, seq, 1, 0, 0, 0, 0, 'o', false, false,
       '', '', hash, NULL, NULL, NULL
FROM oms.timeline WHERE ticket_id = 'DL-1999-00091' AND seq = 8;
SELECT * FROM pg_temp.judge('DL-1999-00091');
SELECT * FROM oms.verify_timeline('DL-1999-00091');

-- Each part of the content counts: whatever is changed, the library and this file see it. The last
-- four leave the digest of the true content behind, as an erasure would, beside a forged one.
UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'oms.timeline'::regclass;
UPDATE pg_class SET relname = relname WHERE oid = 'oms.timeline'::regclass;
CREATE FUNCTION pg_temp.spoil(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  found text;
BEGIN
  EXECUTE format('UPDATE oms.timeline SET %s WHERE ticket_id = ''DL-1999-00091''', change);
  SELECT format('%s events, %s whole, %s problems', events, whole, problems) INTO found
  FROM pg_temp.judge('DL-1999-00091');
  RAISE EXCEPTION SQLSTATE 'ZZ001' USING MESSAGE = found;
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
  RETURN SQLERRM;
END $$;
SELECT change, pg_temp.spoil(change)
FROM unnest(ARRAY[
  'note = note', 'watermark = 1',
  'at = at + interval ''1 microsecond''',
  'status = ''done''', 'stage = coalesce(stage, '''')', 'stage = nullif(stage, '''')',
  'owner = nullif(owner, '''')', 'session_actor = NULL', 'client = coalesce(client, '''')', 'client = nullif(client, '''')',
  'worker = nullif(worker, '''')',
  'actor = upper(actor)', 'public = NOT public', 'moved = true', 'cycle = cycle + 1', 'attempt = -attempt',
  'note = coalesce(note, '''')', 'note = nullif(note, '''')', 'note = normalize(note, NFD)',
  'payload = payload || ''{"amount": 80000.0}''', 'salt = set_byte(salt, 0, 255)', 'salt = NULL',
  'note_digest = NULL', 'payload_digest = note_digest',
  'note_digest = sha256(salt || convert_to(note, ''UTF8'')), note = ''forged''',
  'note_digest = sha256(salt || convert_to(note, ''UTF8'')), note = ''forged'', salt = NULL',
  'payload_digest = sha256(salt || convert_to(payload::text, ''UTF8'')), payload = ''{}''',
  'payload_digest = sha256(salt || convert_to(payload::text, ''UTF8'')), payload = ''{}'', salt = NULL'])
  AS change;
ROLLBACK;

-- A database in another encoding: the same bytes are hashed.
\set db :DBNAME
CREATE DATABASE regress_chain ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';
\c regress_chain
SET client_min_messages = warning;
SET client_encoding = 'UTF8';
CREATE EXTENSION oms;
SELECT oms.create_workflow('{"name": "Prüfkette", "prefix": "CHN", "stages": [{"id": "ä", "owner": "Ä"}]}');
SELECT oms.open_ticket('Prüfkette', '{"name": "Jörg"}')::text AS latin \gset
SELECT oms.comment(:'latin', 'Größe geprüft', 'ä');
SELECT count(*) FROM oms.claim('Ä', 'Ö');
SELECT oms.stage_done(:'latin', 'ä', '["ü"]');
CREATE FUNCTION pg_temp.piece(bytea) RETURNS bytea LANGUAGE sql
  RETURN coalesce(int4send(octet_length($1)) || $1, '\xffffffff'::bytea);
CREATE FUNCTION pg_temp.piece(text) RETURNS bytea LANGUAGE sql
  RETURN pg_temp.piece(convert_to($1, 'UTF8'));
SELECT seq, status, note, payload, hash = sha256(coalesce(lag(hash) OVER (ORDER BY seq), decode(repeat('00', 32), 'hex'))
    || '\x01'::bytea || pg_temp.piece(ticket_id::text) || int4send(seq)
    || int8send((extract(epoch FROM at) * 1000000)::bigint)
    || pg_temp.piece(status) || pg_temp.piece(stage) || pg_temp.piece(owner)
    || pg_temp.piece(actor) || pg_temp.piece(session_actor) || pg_temp.piece(client)
    || pg_temp.piece(worker)
    || CASE WHEN public THEN '\x01'::bytea ELSE '\x00'::bytea END || int4send(cycle) || int4send(attempt)
    || pg_temp.piece(sha256(salt || convert_to(note, 'UTF8')))
    || pg_temp.piece(sha256(salt || convert_to(payload::text, 'UTF8')))) AS whole
FROM oms.timeline ORDER BY seq;
SELECT * FROM oms.verify_timeline();
\c :db
DROP DATABASE regress_chain;
DROP OWNED BY regress_chain;
DROP ROLE regress_chain;
