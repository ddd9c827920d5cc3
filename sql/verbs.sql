-- verbs: what acts on a stage returns the status it has then, what acts on a ticket that of the ticket.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SET oms.now = '2026-03-02 14:00+00';
SELECT oms.create_workflow('{"name": "Verbs", "stages": [
  {"id": "a", "owner": "Verbs A"},
  {"id": "b", "owner": "Verbs B", "dependsOn": ["a"], "manual": true},
  {"id": "c", "owner": "Verbs C", "dependsOn": ["b"]}]}');
SELECT oms.open_ticket('Verbs') AS id \gset
CREATE FUNCTION pg_temp.stored(ticket oms.ticket_id, stage text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT s.status FROM oms.stage AS s WHERE s.ticket_id = stored.ticket AND s.stage = stored.stage
  UNION ALL SELECT t.status FROM oms.ticket AS t WHERE t.ticket_id = stored.ticket AND stored.stage IS NULL $$;

SELECT oms.hold(:'id', 'a', 'papers') AS hold, pg_temp.stored(:'id', 'a');
SELECT oms.hold(:'id', 'a', 'police') AS held_again, pg_temp.stored(:'id', 'a');
SELECT oms.resume(:'id', 'a', 'papers') AS one_lifted, pg_temp.stored(:'id', 'a');
SELECT oms.resume(:'id', 'a') AS resume, pg_temp.stored(:'id', 'a');
SELECT oms.hold(:'id', NULL, 'audit') AS hold_ticket, pg_temp.stored(:'id'), pg_temp.stored(:'id', 'a') AS stage;
SELECT oms.resume(:'id', NULL) AS resume_ticket, pg_temp.stored(:'id'), pg_temp.stored(:'id', 'a') AS stage;
SELECT oms.assign(:'id', 'a', 'kim') AS assign, pg_temp.stored(:'id', 'a');
SELECT oms.delegate(:'id', 'a', 'lee') AS delegate, pg_temp.stored(:'id', 'a');
SELECT oms.resolve(:'id', 'a') AS resolve, pg_temp.stored(:'id', 'a');
SELECT oms.hold(:'id', 'a', 'papers') AS hold_of_work, pg_temp.stored(:'id', 'a');
SELECT oms.resume(:'id', 'a') AS resume_of_work, pg_temp.stored(:'id', 'a');
SELECT oms.release(:'id', 'a') AS release, pg_temp.stored(:'id', 'a');
SELECT oms.hold(:'id', 'a', 'papers') AS hold, pg_temp.stored(:'id', 'a');
SELECT oms.reassign(:'id', 'a', 'Verbs D', 'they know more') AS reassign_held, pg_temp.stored(:'id', 'a');
SELECT oms.resume(:'id', 'a') AS resume, pg_temp.stored(:'id', 'a');
SELECT oms.reassign(:'id', 'a', 'Verbs A', 'after all') AS reassign, pg_temp.stored(:'id', 'a');
SELECT oms.stage_failed(:'id', 'a', 'no answer', retryable => false) AS stage_failed, pg_temp.stored(:'id', 'a');
SELECT oms.retry_stage(:'id', 'a', 'mended') AS retry_stage, pg_temp.stored(:'id', 'a');
SELECT oms.skip_stage(:'id', 'a', 'known') AS skip_stage, pg_temp.stored(:'id', 'a');
SELECT oms.start_stage(:'id', 'b') AS start_stage, pg_temp.stored(:'id', 'b');
SELECT oms.send_back(:'id', 'b', 'a', 'look again') AS send_back, pg_temp.stored(:'id', 'b'), pg_temp.stored(:'id', 'a') AS to_stage;
SELECT oms.skip_stage(:'id', 'a', 'known') AS skip_stage, pg_temp.stored(:'id', 'a');
SELECT oms.cancel_ticket(:'id', 'withdrawn') AS cancel_ticket, pg_temp.stored(:'id');
SELECT oms.reopen(:'id', 'a', 'not withdrawn') AS reopen, pg_temp.stored(:'id'), pg_temp.stored(:'id', 'a') AS stage;
SELECT oms.hold(:'id', NULL, 'audit') AS hold_ticket, pg_temp.stored(:'id');
SELECT oms.reopen(:'id', 'b', 'too') AS refused;
SELECT oms.cancel_ticket(:'id', 'withdrawn') AS cancel_held, pg_temp.stored(:'id');
SELECT * FROM oms.check(:'id');
