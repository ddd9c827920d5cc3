-- verbs: what acts on a stage returns the status it has then, what acts on a ticket that of the ticket.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SET oms.now = '2026-03-02 14:00+00';
SELECT oms.create_workflow('{"name": "Verbs", "stages": [
  {"id": "a", "owner": "Verbs A"},
  {"id": "s", "owner": "Verbs B", "dependsOn": ["a"], "retry": {"maxAttempts": 2}},
  {"id": "z", "owner": "Verbs C", "dependsOn": ["s"]},
  {"id": "m", "owner": "Verbs D", "dependsOn": ["a"], "manual": true}]}');
CREATE ROLE regress_verbs;
SELECT oms.set_owner('Verbs E', assignment => 'round_robin', members => '{regress_verbs}');

-- How stage s, or m, comes into a state; TK stands for the ticket.
CREATE TEMP TABLE states (no int, name text, stage text, calls text[]);
INSERT INTO states VALUES
  (1, 'waiting', 's', '{}'),
  (2, 'by hand', 'm', ARRAY[$$oms.stage_done(TK, 'a')$$]),
  (3, 'queued', 's', ARRAY[$$oms.stage_done(TK, 'a')$$]),
  (4, 'in_progress', 's', ARRAY[$$oms.stage_done(TK, 'a')$$, $$oms.claim_stage(TK, 's', 'kim')$$]),
  (5, 'delegated', 's', ARRAY[$$oms.stage_done(TK, 'a')$$, $$oms.claim_stage(TK, 's', 'kim')$$, $$oms.delegate(TK, 's', 'lee')$$]),
  (6, 'on_hold', 's', ARRAY[$$oms.stage_done(TK, 'a')$$, $$oms.hold(TK, 's', 'papers')$$]),
  (7, 'held work', 's', ARRAY[$$oms.stage_done(TK, 'a')$$, $$oms.claim_stage(TK, 's', 'kim')$$, $$oms.hold(TK, 's', 'papers')$$]),
  (8, 'two holds', 's', ARRAY[$$oms.stage_done(TK, 'a')$$, $$oms.hold(TK, 's', 'papers')$$, $$oms.hold(TK, NULL, 'audit')$$]),
  (9, 'done', 's', ARRAY[$$oms.stage_done(TK, 'a')$$, $$oms.stage_done(TK, 's')$$]),
  (10, 'skipped', 's', ARRAY[$$oms.skip_stage(TK, 's', 'no need')$$]),
  (11, 'failed', 's', ARRAY[$$oms.stage_done(TK, 'a')$$, $$oms.stage_failed(TK, 's', 'broken', retryable => false)$$]),
  (12, 'failed, held', 's', ARRAY[$$oms.stage_done(TK, 'a')$$, $$oms.stage_failed(TK, 's', 'broken', retryable => false)$$, $$oms.hold(TK, NULL, 'audit')$$]),
  (13, 'cancelled', 's', ARRAY[$$oms.stage_done(TK, 'a')$$, $$oms.cancel_ticket(TK, 'withdrawn')$$]);
-- IT stands for the stage; of_ticket: returns the status of the ticket.
CREATE TEMP TABLE verbs (no int GENERATED ALWAYS AS IDENTITY, name text, call text, of_ticket bool);
INSERT INTO verbs (name, call, of_ticket) VALUES
  ('start_stage', $$oms.start_stage(TK, IT)$$, false),
  ('assign', $$oms.assign(TK, IT, 'ann')$$, false),
  ('delegate', $$oms.delegate(TK, IT, 'bob')$$, false),
  ('resolve', $$oms.resolve(TK, IT)$$, false),
  ('release', $$oms.release(TK, IT)$$, false),
  ('stage_failed', $$oms.stage_failed(TK, IT, 'no answer')$$, false),
  ('retry_stage', $$oms.retry_stage(TK, IT, 'mended')$$, false),
  ('skip_stage', $$oms.skip_stage(TK, IT, 'known')$$, false),
  ('reassign', $$oms.reassign(TK, IT, 'Verbs F', 'they know')$$, false),
  ('reassign, handed out', $$oms.reassign(TK, IT, 'Verbs E', 'they know')$$, false),
  ('hold', $$oms.hold(TK, IT, 'police')$$, false),
  ('resume', $$oms.resume(TK, IT)$$, false),
  ('send_back', $$oms.send_back(TK, IT, 'a', 'look again')$$, false),
  ('send_back to itself', $$oms.send_back(TK, IT, IT, 'look again')$$, false),
  ('hold the ticket', $$oms.hold(TK, NULL, 'police')$$, true),
  ('resume the ticket', $$oms.resume(TK, NULL)$$, true),
  ('cancel_ticket', $$oms.cancel_ticket(TK, 'withdrawn')$$, true),
  ('reopen', $$oms.reopen(TK, IT, 'by mistake')$$, true);

-- What a call returns, and what the same call returns then; an error by its code. Otherwise than stored: said too.
CREATE FUNCTION pg_temp.answers(state states, verb verbs) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  ticket oms.ticket_id;
  call text;
  answer text;
  stored text;
  answers text[];
BEGIN
  ticket := oms.open_ticket('Verbs');
  FOREACH call IN ARRAY state.calls LOOP
    EXECUTE 'SELECT ' || replace(call, 'TK', quote_literal(ticket));
  END LOOP;
  FOR i IN 1..2 LOOP
    BEGIN
      EXECUTE 'SELECT ' || replace(replace(verb.call, 'TK', quote_literal(ticket)), 'IT', quote_literal(state.stage)) INTO answer;
      stored := CASE WHEN verb.of_ticket THEN (SELECT t.status FROM oms.ticket AS t WHERE t.ticket_id = ticket)
        ELSE (SELECT s.status FROM oms.stage AS s WHERE s.ticket_id = ticket AND s.stage = state.stage) END;
      IF answer IS DISTINCT FROM stored THEN
        answer := format('%s, but it is %s', answer, stored);
      END IF;
    EXCEPTION WHEN OTHERS THEN
      answer := SQLSTATE;
    END;
    answers := answers || COALESCE(answer, 'nothing');
  END LOOP;
  RAISE SQLSTATE 'ZZ001' USING MESSAGE = array_to_string(answers, ', ');
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
  RETURN SQLERRM;
END $$;
SELECT v.name AS verb, s.name AS state, pg_temp.answers(s, v) AS answers FROM verbs AS v CROSS JOIN states AS s ORDER BY v.no, s.no;

-- One hold of two lifted; a ticket of which nothing can run
SELECT oms.open_ticket('Verbs') AS id \gset
SELECT oms.hold(:'id', 'a', 'papers'), oms.hold(:'id', 'a', 'police') AS again, oms.resume(:'id', 'a', 'papers') AS one, oms.resume(:'id', 'a') AS all;
SELECT oms.hold(:'id', NULL, 'papers'), oms.hold(:'id', NULL, 'police') AS again, oms.resume(:'id', NULL, 'papers') AS one, oms.resume(:'id', NULL) AS all;
SELECT oms.skip_stage(:'id', 'm', 'no need'), oms.stage_failed(:'id', 'a', 'broken', retryable => false);
SELECT oms.hold(:'id', NULL, 'audit'), oms.resume(:'id', NULL);
SELECT oms.reopen(:'id', 'm', 'after all'), oms.hold(:'id', 'm', 'papers'), oms.cancel_ticket(:'id', 'the end');
SELECT * FROM oms.check(:'id');
-- By name, as applications call
SELECT oms.delegate(ticket => t.id, stage => 'a', worker => 'lee', note => 'on leave')
FROM (SELECT oms.open_ticket('Verbs') AS id) AS t WHERE oms.assign(t.id, 'a', 'kim') = 'in_progress';
SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'oms'::regnamespace AND p.proargnames[1:2] = '{ticket,stage}'
  AND p.prorettype = 'void'::regtype;
SELECT oms.set_owner('Verbs E', members => '{}');
DROP ROLE regress_verbs;
