-- exchange: many stages at once. stages_done and exchange name the item that an error is about and do all or
-- nothing; exchange finishes and claims in one commit; outputs of a ticket have a limit together.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET oms.now = '2026-03-02 14:00+00';
CREATE ROLE regress_exchange;
SELECT oms.set_owner('X one', members => '{regress_exchange}'), oms.set_owner('X two', members => '{regress_exchange}'),
  oms.grant_access('regress_exchange', 'agent');
SELECT oms.create_workflow('{"name": "Exchange", "prefix": "EXC", "stages": [
  {"id": "a", "owner": "X one"}, {"id": "b", "owner": "X two", "dependsOn": ["a"]},
  {"id": "c", "owner": "X three", "dependsOn": ["b"]}]}');
SELECT array_agg(t ORDER BY n) AS tickets FROM oms.open_tickets('Exchange', array_fill('{}'::jsonb, '{5}')) WITH ORDINALITY AS o (t, n) \gset
-- The nth ticket; an item; what an error says, in all its parts.
CREATE TEMP TABLE ticket AS SELECT n, t FROM unnest(:'tickets'::oms.ticket_id[]) WITH ORDINALITY AS o (t, n);
GRANT SELECT ON ticket TO regress_exchange;
CREATE FUNCTION pg_temp.item(nr int, more jsonb DEFAULT '{"stage": "a"}') RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_build_object('ticket', t::text) || more FROM ticket WHERE n = nr $$;
CREATE FUNCTION pg_temp.error(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  d text;
  h text;
BEGIN
  EXECUTE sql;
  RETURN 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
  RETURN regexp_replace(concat_ws(' | ', SQLSTATE, SQLERRM, nullif(d, ''), nullif(h, '')), '(EXC|LRG)-2026-\d+', 'TICKET', 'g');
END $$;
CREATE FUNCTION pg_temp.states() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(left(s.status, 1), '' ORDER BY n, stage_no) FROM ticket JOIN oms.stage AS s ON s.ticket_id = t $$;

-- Each error names its item, counted as given, and nothing is done.
SELECT pg_temp.error(format('SELECT oms.%s', replace(call, 'ITEMS', quote_literal(items)))) AS error
FROM (VALUES ('stages_done(ITEMS)'), ('exchange(''X one'', ''w'', ITEMS)')) AS c (call),
  LATERAL (VALUES
    (jsonb_build_array(pg_temp.item(2), pg_temp.item(1), pg_temp.item(3, '{"stage": "b"}'))),
    (jsonb_build_array(pg_temp.item(2), pg_temp.item(1, '{"stage": "z"}'))),
    (jsonb_build_array(pg_temp.item(2), pg_temp.item(1, '{"stage": "a", "token": 77}'))),
    (jsonb_build_array(pg_temp.item(2), '{"ticket": "EXC-1999-77777", "stage": "a"}'::jsonb)),
    (jsonb_build_array(pg_temp.item(2), '{"ticket": "nonsense", "stage": "a"}'::jsonb)),
    (jsonb_build_array(pg_temp.item(2), pg_temp.item(1, '{"stage": "a", "token": 1e30}'))),
    (jsonb_build_array(pg_temp.item(2), pg_temp.item(1, '{"stage": "a", "tokn": 1}'))),
    (jsonb_build_array(pg_temp.item(2), '7'::jsonb)),
    (jsonb_build_array(pg_temp.item(2), '{"stage": "a"}'::jsonb)),
    (jsonb_build_array(pg_temp.item(2), pg_temp.item(1, '{}'))),
    ('{}'), ('7'), (NULL)) AS i (items);
SELECT pg_temp.error(format('SELECT oms.exchange(''X one'', ''w'', %L)', items)) AS error FROM (VALUES
  (jsonb_build_array(pg_temp.item(1, '{"stage": "a", "error": "e", "output": {}}'))),
  (jsonb_build_array(pg_temp.item(1, '{"stage": "a", "error": ""}'))),
  (jsonb_build_array(pg_temp.item(1, '{"stage": "a", "error": 7}'))),
  (jsonb_build_array(pg_temp.item(1, '{"stage": "a", "retryable": true}'))),
  (jsonb_build_array(pg_temp.item(1, '{"stage": "a", "error": "e", "retryable": 1}'))),
  (jsonb_build_array(pg_temp.item(1, '{"stage": "c", "error": "e"}')))) AS i (items);
SELECT pg_temp.error(format('SELECT oms.stages_done(%L)', jsonb_build_array(pg_temp.item(1, '{"stage": "a", "error": "e"}')))) AS error;
SELECT pg_temp.error('SELECT oms.exchange(' || args || ')') AS error FROM unnest(ARRAY[
  'NULL', '''''', '''X one'', qty => -1', '''X one'', qty => 10001', '''X one'', qty => NULL', '''X one'', lease => ''0''']) AS args;
SELECT pg_temp.states();

-- Finish and take what that made ready, in one go; the first half of the queue comes first.
SET ROLE regress_exchange;
SELECT n, stage, attempt, token, workflow, data, inputs, lease_until FROM oms.claim('X one', 'w', 2) JOIN ticket ON t = ticket ORDER BY n;
SELECT n, stage, attempt, token, workflow, data, inputs, lease_until FROM oms.exchange('X two', 'w', jsonb_build_array(
    pg_temp.item(2, '{"stage": "a", "token": 3, "output": {"n": 2}}'), pg_temp.item(1, '{"stage": "a", "token": 3, "output": {"n": 1}}')), 10, '1 hour')
  JOIN ticket ON t = ticket ORDER BY n;
-- Only finish; only claim; fail, with and without another attempt.
SELECT n FROM oms.exchange('X two', 'w', jsonb_build_array(pg_temp.item(1, '{"stage": "b"}')), 0) JOIN ticket ON t = ticket;
SELECT n, stage FROM oms.exchange('X one', 'w') JOIN ticket ON t = ticket;
SELECT n, stage FROM oms.exchange('X one', NULL, jsonb_build_array(pg_temp.item(2, '{"stage": "b", "error": "no paper"}'),
  pg_temp.item(3, '{"stage": "a", "error": "torn", "retryable": false}'), pg_temp.item(4, '{"stage": "a", "output": null, "error": null}')), 5) JOIN ticket ON t = ticket;
RESET ROLE;
SELECT stage, why FROM ticket, oms.explain(t) WHERE n = 2;
SET ROLE regress_exchange;
-- Both halves ask who may: the owner to claim from, and those of the items.
SELECT pg_temp.error('SELECT oms.exchange(''X three'')');
SELECT pg_temp.error(format('SELECT oms.exchange(''X one'', NULL, %L)', jsonb_build_array(pg_temp.item(5), pg_temp.item(1, '{"stage": "c"}'))));
RESET ROLE;
SELECT pg_temp.states();
SELECT stage, status, worker, note FROM oms.timeline, ticket WHERE ticket_id = t AND n = 2 ORDER BY seq;
-- The same ticket twice, one after the other; again is nothing new.
SELECT n, stage, inputs FROM oms.exchange('X three', 'w', jsonb_build_array(pg_temp.item(5, '{"stage": "a"}'), pg_temp.item(5, '{"stage": "b", "output": 5}'))) JOIN ticket ON t = ticket;
SELECT oms.stages_done(jsonb_build_array(pg_temp.item(5, '{"stage": "a"}'), pg_temp.item(5, '{"stage": "b", "output": 5}')));
SELECT * FROM ticket, oms.check(t);

-- All outputs of a ticket together
SELECT oms.create_workflow('{"name": "Large", "prefix": "LRG", "stages": [
  {"id": "a", "owner": "L"}, {"id": "b", "owner": "L"}, {"id": "c", "owner": "L", "dependsOn": ["a", "b"], "when": "$stages.a.x != $stages.b.x"}]}');
SELECT oms.open_ticket('Large') AS t \gset
SET oms.max_ticket_output_size = '2kB';
CREATE FUNCTION pg_temp.large(n int) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('x', repeat('x', n)) $$;
SELECT oms.stage_done(:'t', 'a', pg_temp.large(1500));
SELECT pg_temp.error(format('SELECT oms.stage_done(%L, ''b'', %L)', :'t', pg_temp.large(1000))) AS error;
SELECT oms.stage_done(:'t', 'b', pg_temp.large(300));
SELECT ticket = :'t' AS mine, length(inputs::text) FROM oms.claim('L', 'w');
-- What was taken back counts no more, nor what was erased.
SELECT oms.send_back(:'t', 'c', 'a', 'shorter');
SELECT oms.stage_done(:'t', 'a', pg_temp.large(1600));
SELECT oms.erase(:'t', '{output.a}', 'too much');
SELECT oms.reopen(:'t', 'b', 'longer');
SELECT oms.stage_done(:'t', 'b', pg_temp.large(1900));
SELECT kind, regexp_replace(detail, '[A-Z]+-\d{4}-\d+', 'TICKET') FROM oms.check(:'t');
RESET oms.max_ticket_output_size;
SELECT oms.cancel_ticket(:'t', 'the end');

-- Many stages of a ticket in one call: its row is written once.
SELECT oms.create_workflow(jsonb_build_object('name', 'Many', 'prefix', 'MNY', 'stages', (SELECT jsonb_agg(jsonb_build_object('id', 's' || n, 'owner', 'M'))
  FROM generate_series(1, 150) AS n)));
SELECT oms.open_ticket('Many') AS t \gset
CREATE FUNCTION pg_temp.written() RETURNS int[] LANGUAGE sql AS $$
  SELECT ARRAY[pg_stat_get_xact_tuples_updated('oms.ticket_state'::regclass), pg_stat_get_xact_tuples_updated('oms.stage_state'::regclass)] $$;
CREATE FUNCTION pg_temp.written_since(prior int[]) RETURNS text LANGUAGE sql AS $$
  SELECT format('%s of tickets, %s of stages', w[1] - prior[1], w[2] - prior[2]) FROM pg_temp.written() AS w $$;
BEGIN;
SELECT pg_temp.written() AS before \gset
SELECT count(*), count(DISTINCT token) FROM oms.claim('M', 'w', 120);
SELECT pg_temp.written_since(:'before');
COMMIT;
BEGIN;
SELECT pg_temp.written() AS before \gset
SELECT count(*) FROM oms.exchange('M', 'w', (SELECT jsonb_agg(jsonb_build_object('ticket', ticket_id, 'stage', stage)) FROM oms.stage WHERE ticket_id = :'t' AND status = 'in_progress'), 50);
SELECT pg_temp.written_since(:'before');
COMMIT;
SELECT count(*) FROM oms.check(:'t');
SELECT oms.cancel_ticket(:'t', 'the end');
SELECT oms.cancel_ticket(t, 'the end') FROM ticket WHERE n IN (1, 2, 3, 4, 5) AND (SELECT k.status FROM oms.ticket AS k WHERE k.ticket_id = t) IN ('open', 'failed');
SELECT pg_temp.error('SELECT oms.set_owner(''X four'', ''team'')');
SELECT pg_temp.error('SELECT oms.set_owner(''X four'', assignment => ''random'')');
SELECT oms.revoke_access('regress_exchange'), oms.set_owner('X one', members => '{}'), oms.set_owner('X two', members => '{}');
DROP TABLE ticket;
DROP ROLE regress_exchange;
