-- seal: Merkle seals over the chains of many tickets, recomputed in plain SQL from the description
-- in docs/guides/seals.md. Numbers of seals are shown from the first one of this file on; tickets as T1, T2 …
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SET oms.now = '2026-03-02 14:00+00';

CREATE FUNCTION pg_temp.leaf(ticket text, seq int, head bytea) RETURNS bytea LANGUAGE sql
  RETURN sha256('\x00'::bytea || int4send(octet_length(ticket)) || convert_to(ticket, 'UTF8') || int4send(seq) || head);
CREATE FUNCTION pg_temp.node(l bytea, r bytea) RETURNS bytea LANGUAGE sql
  RETURN sha256('\x01'::bytea || l || r);
CREATE FUNCTION pg_temp.seal_hash(s oms.seals) RETURNS bytea LANGUAGE sql
  RETURN sha256(CASE WHEN s.journal_hash IS NULL THEN '\x01'::bytea ELSE '\x02'::bytea END
    || int8send(s.number) || int8send((extract(epoch FROM s.sealed_at) * 1000000)::bigint)
    || int4send(s.tickets) || s.root || s.previous || coalesce(int8send(s.journal_seq) || s.journal_hash, ''));

-- What a superuser can do who knows the catalog: switch the guards off.
CREATE FUNCTION pg_temp.unguard() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE pg_trigger SET tgenabled = 'D' WHERE tgname ~ '^guard' AND tgrelid IN (
    'oms.timeline'::regclass, 'oms.ticket_state'::regclass, 'oms.seals'::regclass, 'oms.seal_leaf'::regclass,
    'oms.seal_stamp'::regclass);
  UPDATE pg_class SET relname = relname WHERE oid IN (
    'oms.timeline'::regclass, 'oms.ticket_state'::regclass, 'oms.seals'::regclass, 'oms.seal_leaf'::regclass,
    'oms.seal_stamp'::regclass);
END $$;

-- What was sealed before this file is not our business; from here on it is.
SELECT oms.seal() >= 0 AS sealed;
SELECT coalesce(max(number), 0) AS base FROM oms.seals \gset
SELECT count(*) FROM oms.verify_seals();
SELECT oms.create_workflow('{"name": "Seal", "prefix": "SL", "stages": [{"id": "a", "owner": "A"}]}') AS version;
CREATE TEMP TABLE mine (label text PRIMARY KEY, ticket oms.ticket_id);
INSERT INTO mine SELECT 'T' || n, oms.open_ticket('Seal', jsonb_build_object('n', n)) FROM generate_series(1, 20) AS n;

-- A seal takes what changed, and only that.
SELECT oms.seal() - :base AS seal;
SELECT oms.seal() - :base AS again;
SELECT count(oms.comment(ticket, 'hello')) FROM mine WHERE label IN ('T3', 'T4');
SELECT oms.stage_done((SELECT ticket FROM mine WHERE label = 'T5'), 'a');
SELECT oms.seal() - :base AS seal;
SELECT oms.seal(true) - :base AS of_all;
SELECT l.seal - :base AS seal, m.label, l.seq, l.position
FROM oms.seal_leaf AS l JOIN mine AS m ON m.ticket = l.ticket_id WHERE l.seal > :base + 1 ORDER BY 1, position;

-- What is taken back was never there: neither the change nor the seal.
BEGIN;
SELECT oms.comment(ticket, 'never mind') FROM mine WHERE label = 'T1';
SELECT oms.seal() - :base AS seal;
ROLLBACK;
SELECT oms.seal() - :base AS seal;
BEGIN;
SAVEPOINT one;
SELECT oms.comment(ticket, 'never mind') FROM mine WHERE label = 'T1';
ROLLBACK TO one;
SELECT oms.comment(ticket, 'this one stays') FROM mine WHERE label = 'T2';
SELECT oms.seal() - :base AS seal;
COMMIT;
SELECT l.seal - :base AS seal, m.label, l.seq
FROM oms.seal_leaf AS l JOIN mine AS m ON m.ticket = l.ticket_id WHERE l.seal > :base + 2;

-- The clock may go back; the time of seals does not.
SET oms.now = '2026-03-01 14:00+00';
SELECT oms.comment(ticket, 'earlier') FROM mine WHERE label = 'T1';
SELECT oms.seal() - :base AS seal;
SELECT bool_and(sealed_at >= '2026-03-02 14:00+00') AS forward FROM oms.seals WHERE number > :base;
SET oms.now = '2026-03-02 14:00+00';

-- Trees of every shape from 1 to 20 leaves, their roots worked out here level by level.
DO $$
BEGIN
  FOR n IN 1..20 LOOP
    PERFORM oms.comment(ticket, 'round ' || n) FROM mine ORDER BY ticket LIMIT n;
    PERFORM oms.seal();
  END LOOP;
END $$;
CREATE TEMP VIEW root AS
WITH RECURSIVE level AS (
  SELECT seal, 0 AS height, position AS n, pg_temp.leaf(ticket_id::text, seq, head) AS hash FROM oms.seal_leaf
  UNION ALL
  SELECT seal, height + 1, n / 2, coalesce(pg_temp.node(hash, beside), hash)
  FROM (SELECT *, lead(hash) OVER w AS beside, count(*) OVER (PARTITION BY seal) AS width
        FROM level WINDOW w AS (PARTITION BY seal ORDER BY n)) AS pair
  WHERE n % 2 = 0 AND width > 1)
SELECT DISTINCT ON (seal) seal, hash FROM level ORDER BY seal, height DESC, n;
SELECT count(*) AS seals, count(*) FILTER (WHERE r.hash = s.root) AS roots,
  count(*) FILTER (WHERE pg_temp.seal_hash(s) = s.hash) AS hashes, count(DISTINCT s.tickets) AS sizes,
  count(*) FILTER (WHERE s.previous = (SELECT p.hash FROM oms.seals AS p WHERE p.number = s.number - 1)) AS chained
FROM oms.seals AS s JOIN root AS r ON r.seal = s.number WHERE s.number > :base + 1;
SELECT count(*) FROM oms.verify_seals();
SELECT count(*) FROM oms.verify_timeline();

-- Every ticket's latest leaf is where the ticket is.
SELECT count(*) FROM oms.ticket AS t WHERE NOT EXISTS (
  SELECT FROM (SELECT * FROM oms.seal_leaf AS l WHERE l.ticket_id = t.ticket_id ORDER BY seal DESC LIMIT 1) AS l
  WHERE l.seq = t.last_seq AND l.head = t.head);

-- Proofs: complete, in another form only where asked for, and climbing to the root.
CREATE FUNCTION pg_temp.climb(leaf jsonb, hash bytea, count int) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
  n int := (leaf->>'position')::int;
  last int := count - 1;
  beside text;
BEGIN
  FOR beside IN SELECT * FROM jsonb_array_elements_text(leaf->'path') LOOP
    WHILE n = last AND n % 2 = 0 LOOP n := n / 2; last := last / 2; END LOOP;
    hash := CASE WHEN n % 2 = 1 THEN pg_temp.node(decode(beside, 'hex'), hash) ELSE pg_temp.node(hash, decode(beside, 'hex')) END;
    n := n / 2; last := last / 2;
  END LOOP;
  RETURN hash;
END $$;
SELECT count(*) AS proofs, count(*) FILTER (WHERE pg_temp.climb(p->'leaf',
    pg_temp.leaf(p->>'ticket', (p #>> '{leaf,seq}')::int, decode(p #>> '{leaf,head}', 'hex')),
    (p #>> '{seal,tickets}')::int) = decode(p #>> '{seal,root}', 'hex')) AS climbing
FROM mine, oms.proof(ticket) AS p;
SELECT jsonb_object_keys(oms.proof(ticket)) AS key FROM mine WHERE label = 'T1';
SELECT jsonb_object_keys(oms.proof(ticket) #> '{events,0}') AS key FROM mine WHERE label = 'T1';
SELECT jsonb_object_keys(oms.proof(ticket) -> 'leaf') AS key FROM mine WHERE label = 'T1';
SELECT jsonb_object_keys(oms.proof(ticket) -> 'seal') AS key FROM mine WHERE label = 'T1';
SELECT e->>'seq' AS seq, e->>'at' AS at, e->>'status' AS status, e->>'stage' AS stage, e->>'note' AS note,
  e->>'payload' AS payload, length(e->>'salt') AS salt, e->>'note_digest' AS note_digest
FROM mine, jsonb_array_elements(oms.proof(ticket)->'events') AS e WHERE label = 'T5' ORDER BY (e->>'seq')::int LIMIT 4;
SELECT e->>'seq' AS seq, e->>'note' AS note, e->>'payload' AS payload, e->>'salt' AS salt,
  length(e->>'note_digest') AS note_digest, length(e->>'payload_digest') AS payload_digest
FROM mine, jsonb_array_elements(oms.proof(ticket, false)->'events') AS e WHERE label = 'T5' ORDER BY (e->>'seq')::int LIMIT 6;
SELECT oms.open_ticket('Seal') AS unsealed \gset
SELECT p->'leaf' AS leaf, p->'seal' AS seal, jsonb_array_length(p->'events') AS events FROM oms.proof(:'unsealed') AS p;
SELECT oms.proof('SL-1999-00001');
SELECT oms.proof(NULL);
SELECT oms.proof(:'unsealed', NULL);
SELECT oms.proof(:'unsealed', journal => NULL);
SELECT oms.proof(:'unsealed', journal => true) -> 'journal' AS journal;
SELECT oms.seal(NULL);
SELECT oms.seal() - :base AS seal;

-- An erasure leaves everything whole; the digest that it leaves is the one that was there.
SELECT p #>> '{events,2,note_digest}' AS before FROM mine, oms.proof(ticket, false) AS p WHERE label = 'T3' \gset
SELECT oms.erase(ticket, '{notes}', 'asked for') > 0 AS erased FROM mine WHERE label = 'T3';
SELECT p #>> '{events,2,note}' AS note, p #>> '{events,2,note_digest}' = :'before' AS digest, p #>> '{events,2,salt}' AS salt
FROM mine, oms.proof(ticket) AS p WHERE label = 'T3';
SELECT oms.seal() - :base AS seal;
SELECT count(*) FROM oms.verify_seals();

-- The horizon: an event of a transaction below it is not looked for, except in all tickets. So it is
-- trusted only together with the seal it was kept for.
BEGIN;
SELECT ticket AS t9 FROM mine WHERE label = 'T9' \gset
SELECT oms.comment(:'t9', 'seen');
SELECT pg_temp.unguard();
UPDATE oms.timeline SET watermark = 0 WHERE ticket_id = :'t9';
SELECT oms.seal() - :base AS by_horizon;
SAVEPOINT unseen;
SELECT oms.seal(true) - :base AS of_all;
ROLLBACK TO unseen;
UPDATE oms.seal_state SET seal_hash = sha256('another cluster');
SELECT oms.seal() - :base AS of_all;
ROLLBACK TO unseen;
UPDATE oms.seal_state SET horizon = 9000000000000000000;
SELECT oms.seal() - :base AS of_all;
SELECT oms.seal() - :base AS by_horizon, horizon < 9000000000000000000 AS sane FROM oms.seal_state;
DELETE FROM oms.seal_state;
SELECT oms.seal();
ROLLBACK;
SELECT oms.seal() - :base AS seal;

-- Stamps: over the hash of a seal that there is, each once. Proofs take the next stamped seal, with those between.
SELECT max(number) AS last FROM oms.seals \gset
SELECT oms.add_stamp(NULL, '\x00');
SELECT oms.add_stamp(:last, NULL);
SELECT oms.add_stamp(999999, '\x00');
SELECT oms.add_stamp(0, '\x00');
\set VERBOSITY sqlstate
SELECT oms.add_stamp(:last, '\x00');
SELECT oms.add_stamp(:last, hash) FROM oms.seals WHERE number = :last;
SELECT oms.add_stamp(:last, '\x0420' || root) FROM oms.seals WHERE number = :last;
\set VERBOSITY default
SELECT oms.add_stamp(:last, decode(repeat('00', 65537), 'hex'));
SELECT count(*) FROM oms.seal_stamp;
SELECT p ? 'stamps' AS stamps FROM mine, oms.proof(ticket) AS p WHERE label = 'T1';
SELECT oms.add_stamp(number, '\x300402' || '\x0420'::bytea || hash || '\x01') AS added FROM oms.seals WHERE number = :last;
SELECT oms.add_stamp(number, '\x300402' || '\x0420'::bytea || hash || '\x01') AS added FROM oms.seals WHERE number = :last;
SELECT oms.add_stamp(number, '\x0420'::bytea || hash) AS added FROM oms.seals WHERE number = :last;
SELECT count(*), bool_and(digest = sha256(token)) AS digests, min(actor) AS actor FROM oms.seal_stamp WHERE seal = :last;
SELECT jsonb_array_length(p -> 'stamps') AS stamps, jsonb_array_length(p -> 'later_seals') = :last - (p #>> '{seal,number}')::int AS between,
  p #>> '{later_seals,-1,number}' = :'last' AS last
FROM mine, oms.proof(ticket) AS p WHERE label = 'T1';
SELECT count(*) FROM oms.check() WHERE kind = 'orphans' AND detail ~ 'stamp';
BEGIN;
SELECT pg_temp.unguard();
UPDATE oms.seal_stamp SET token = '\x00' WHERE length(token) = 34;
INSERT INTO oms.seal_stamp (seal, added_at, actor, digest, token) VALUES (:last + 7, oms.clock(), 'x', '\x', '\x');
SELECT replace(replace(detail, (:last + 7)::text, 'N + 7'), :'last', 'N') AS detail FROM oms.check() WHERE kind = 'orphans' AND detail ~ 'stamp' ORDER BY 1;
ROLLBACK;

-- Append-only, whoever asks and however.
UPDATE oms.seals SET root = '';
UPDATE oms.seal_stamp SET token = '';
DELETE FROM oms.seal_stamp;
TRUNCATE oms.seal_stamp;
DELETE FROM oms.seal_leaf;
TRUNCATE oms.seals, oms.seal_leaf;
SET session_replication_role = replica;
DELETE FROM oms.seals;
TRUNCATE oms.seal_leaf;
RESET session_replication_role;
SELECT has_table_privilege('public', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') AS may, relname
FROM pg_class AS c WHERE relnamespace = 'oms'::regnamespace AND relname ~ '^seal' AND relkind = 'r' ORDER BY relname;

-- A role with the level admin, and a search_path on which everything is somebody else's.
CREATE SCHEMA regress_hostile;
DO $do$
DECLARE
  type text;
  operator text;
BEGIN
  FOREACH type IN ARRAY '{int, bigint, bytea, bool, oms.ticket_id}'::text[] LOOP
    EXECUTE format($$CREATE FUNCTION regress_hostile.trap(%s, %1$s) RETURNS bool LANGUAGE plpgsql AS
      'BEGIN RAISE EXCEPTION ''trapped''; END'$$, type);
    FOREACH operator IN ARRAY '{=, <>, <, >, >=}'::text[] LOOP
      EXECUTE format('CREATE OPERATOR regress_hostile.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = regress_hostile.trap)',
        operator, type);
    END LOOP;
  END LOOP;
END $do$;
CREATE ROLE regress_seal;
GRANT USAGE ON SCHEMA regress_hostile TO regress_seal;
SELECT oms.grant_access('regress_seal', 'admin');
SET ROLE regress_seal;
SET search_path = regress_hostile, pg_catalog;
SELECT 1 = 1;
SELECT oms.comment(:'t9', 'by the book');
SELECT oms.seal() - :base AS seal;
SELECT oms.seal(true) - :base AS seal;
SELECT count(*) FROM oms.verify_seals();
SELECT jsonb_typeof(oms.proof(:'t9') -> 'seal') AS seal;
SELECT count(*) IS NOT NULL AS readable FROM oms.seals;
SELECT count(*) FROM oms.seal_leaf;
DELETE FROM oms.seals;
SELECT current_user, current_setting('enable_seqscan') AS seqscan;
RESET search_path;
RESET ROLE;
SELECT oms.revoke_access('regress_seal');
DROP SCHEMA regress_hostile CASCADE;
DROP ROLE regress_seal;

-- What a superuser does behind our back is found, and where. Everything is undone after each case.
CREATE FUNCTION pg_temp.piece(bytea) RETURNS bytea LANGUAGE sql
  RETURN coalesce(int4send(octet_length($1)) || $1, '\xffffffff'::bytea);
CREATE FUNCTION pg_temp.piece(text) RETURNS bytea LANGUAGE sql
  RETURN pg_temp.piece(convert_to($1, 'UTF8'));
CREATE FUNCTION pg_temp.chain_hash(e oms.timeline, previous bytea) RETURNS bytea LANGUAGE sql
  RETURN sha256(coalesce(previous, decode(repeat('00', 32), 'hex'))
    || CASE WHEN e.moved THEN '\x02'::bytea ELSE '\x01'::bytea END
    || pg_temp.piece(e.ticket_id::text) || int4send(e.seq) || int8send((extract(epoch FROM e.at) * 1000000)::bigint)
    || pg_temp.piece(e.status) || pg_temp.piece(e.stage) || pg_temp.piece(e.owner)
    || pg_temp.piece(e.actor) || pg_temp.piece(e.session_actor) || pg_temp.piece(e.client) || pg_temp.piece(e.worker)
    || CASE WHEN e.public THEN '\x01'::bytea ELSE '\x00'::bytea END || int4send(e.cycle) || int4send(e.attempt)
    || pg_temp.piece(CASE WHEN e.note IS NULL THEN e.note_digest
         ELSE sha256(coalesce(e.salt, '') || convert_to(e.note, 'UTF8')) END)
    || pg_temp.piece(CASE WHEN e.payload IS NULL THEN e.payload_digest
         ELSE sha256(coalesce(e.salt, '') || convert_to(e.payload::text, 'UTF8')) END));

-- The whole chain of a ticket recomputed, head included, as a forger who knows how would do it.
CREATE FUNCTION pg_temp.forge(forged oms.ticket_id) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  e oms.timeline;
  last bytea;
BEGIN
  FOR e IN SELECT * FROM oms.timeline WHERE ticket_id = forged ORDER BY seq LOOP
    last := pg_temp.chain_hash(e, last);
    UPDATE oms.timeline SET hash = last WHERE ticket_id = forged AND seq = e.seq;
  END LOOP;
  UPDATE oms.ticket_state SET head = last,
    seq = (SELECT max(t.seq) FROM oms.timeline AS t WHERE t.ticket_id = forged) WHERE ticket_id = forged;
END $$;
CREATE FUNCTION pg_temp.spoil(what text, base bigint, VARIADIC changes text[])
RETURNS TABLE (spoilt text, by text, nr bigint, ticket text, problem text) LANGUAGE plpgsql AS $$
DECLARE
  change text;
BEGIN
  PERFORM pg_temp.unguard();
  FOREACH change IN ARRAY changes LOOP EXECUTE change; END LOOP;
  CREATE TEMP TABLE found AS
    SELECT 'seals' AS by, v.seal - base AS nr, m.label, v.problem
    FROM oms.verify_seals() AS v LEFT JOIN mine AS m ON m.ticket = v.ticket
    UNION ALL
    SELECT 'timeline', v.seq, m.label, v.problem
    FROM oms.verify_timeline() AS v LEFT JOIN mine AS m ON m.ticket = v.ticket;
  RAISE EXCEPTION SQLSTATE 'ZZ001' USING MESSAGE = (
    SELECT coalesce(json_agg(f ORDER BY f.by, f.nr, f.label, f.problem), '[]') FROM found AS f);
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
  RETURN QUERY SELECT what, r.* FROM json_to_recordset(SQLERRM::json) AS r (by text, nr bigint, label text, problem text);
END $$;
SELECT ticket AS t7, (SELECT max(seq) FROM oms.timeline WHERE ticket_id = ticket) AS last7,
  (SELECT max(seal) FROM oms.seal_leaf WHERE ticket_id = ticket) AS seal7 FROM mine WHERE label = 'T7' \gset

SELECT * FROM pg_temp.spoil('nothing', :base, 'SELECT 1');
SELECT * FROM pg_temp.spoil('tail removed', :base,
  format('DELETE FROM oms.timeline WHERE ticket_id = %L AND seq > %s - 2', :'t7', :last7),
  format('SELECT pg_temp.forge(%L)', :'t7'));
SELECT * FROM pg_temp.spoil('ticket removed', :base,
  format('DELETE FROM oms.timeline WHERE ticket_id = %L', :'t7'),
  format('DELETE FROM oms.ticket_state WHERE ticket_id = %L', :'t7'));
SELECT * FROM pg_temp.spoil('chain rewritten', :base,
  format('UPDATE oms.timeline SET note = ''forged'' WHERE ticket_id = %L AND seq = %s - 1', :'t7', :last7),
  format('SELECT pg_temp.forge(%L)', :'t7'));
SELECT * FROM pg_temp.spoil('event changed', :base,
  format('UPDATE oms.timeline SET note = ''forged'' WHERE ticket_id = %L AND seq = %s', :'t7', :last7));
SELECT * FROM pg_temp.spoil('head of a leaf changed', :base,
  format('UPDATE oms.seal_leaf SET head = sha256(head) WHERE ticket_id = %L AND seal = %s', :'t7', :seal7));
SELECT * FROM pg_temp.spoil('head of a leaf shortened', :base,
  format('UPDATE oms.seal_leaf SET head = '''' WHERE ticket_id = %L AND seal = %s', :'t7', :seal7));
SELECT * FROM pg_temp.spoil('number of a leaf changed', :base,
  format('UPDATE oms.seal_leaf SET seq = seq - 1 WHERE ticket_id = %L AND seal = %s', :'t7', :seal7));
SELECT * FROM pg_temp.spoil('leaf removed', :base,
  format('DELETE FROM oms.seal_leaf WHERE ticket_id = %L AND seal = %s', :'t7', :seal7));
SELECT * FROM pg_temp.spoil('leaf added', :base,
  format('INSERT INTO oms.seal_leaf SELECT seal, ticket_id, seq, 99, head FROM oms.seal_leaf WHERE ticket_id = %L AND seal = %s', :'t7', :seal7));
SELECT * FROM pg_temp.spoil('leaves exchanged', :base,
  format('UPDATE oms.seal_leaf SET position = 100 - position WHERE seal = %s', :seal7));
SELECT * FROM pg_temp.spoil('all leaves of a seal removed', :base, format('DELETE FROM oms.seal_leaf WHERE seal = %s', :base + 3));
SELECT * FROM pg_temp.spoil('root changed', :base, format('UPDATE oms.seals SET root = sha256(root) WHERE number = %s', :base + 3));
SELECT * FROM pg_temp.spoil('time changed', :base,
  format('UPDATE oms.seals SET sealed_at = sealed_at - interval ''1 microsecond'' WHERE number = %s', :base + 3));
SELECT * FROM pg_temp.spoil('number of tickets changed', :base, format('UPDATE oms.seals SET tickets = 2 WHERE number = %s', :base + 3));
SELECT * FROM pg_temp.spoil('hash changed', :base, format('UPDATE oms.seals SET hash = sha256(hash) WHERE number = %s', :base + 3));
SELECT * FROM pg_temp.spoil('seal recomputed', :base,
  format('UPDATE oms.seals SET sealed_at = sealed_at + interval ''1 microsecond'' WHERE number = %s', :base + 3),
  format('UPDATE oms.seals AS s SET hash = pg_temp.seal_hash(s) WHERE number = %s', :base + 3));
SELECT * FROM pg_temp.spoil('seal removed', :base, format('DELETE FROM oms.seals WHERE number = %s', :base + 3));
SELECT * FROM pg_temp.spoil('seal removed with its leaves', :base, format('DELETE FROM oms.seals WHERE number = %s', :base + 3),
  format('DELETE FROM oms.seal_leaf WHERE seal = %s', :base + 3));

-- A ticket that is gone is still known to verify_timeline.
BEGIN;
SELECT pg_temp.unguard();
DELETE FROM oms.timeline WHERE ticket_id = :'t7';
DELETE FROM oms.ticket_state WHERE ticket_id = :'t7';
SELECT problem FROM oms.verify_timeline(:'t7');
SELECT problem FROM oms.verify_timeline('SL-1999-00001');
ROLLBACK;
SELECT count(*) FROM oms.verify_seals();
