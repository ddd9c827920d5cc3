-- The tour of make demo: a loan from the request to the money, and a request for records. tools/demo.sh shows the notifications
-- that psql prints as ">> channel" and the payload beneath.
\set QUIET 1
\pset pager off
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION oms;

\echo '== 1. A workflow =================================================================================='
\echo 'Four stages, each with an owner and a time limit. Loans under 50,000 need no underwriter.'
\echo
\set ECHO queries
SELECT oms.create_workflow('{
  "name": "DisasterLoan", "prefix": "DL", "owner": "SBA",
  "stages": [
    {"id": "id_check",   "owner": "IRS_Bot",      "slaMins": 5},
    {"id": "risk_ai",    "owner": "RiskAI",       "slaMins": 15,  "dependsOn": ["id_check"]},
    {"id": "underwrite", "owner": "SBA_Team",     "slaMins": 240, "dependsOn": ["risk_ai"],
                         "minAmount": 50000},
    {"id": "fund",       "owner": "Treasury_Bot", "slaMins": 60,  "dependsOn": ["underwrite"]}
  ]}') AS version;
\set ECHO none

\echo '== 2. A ticket ===================================================================================='
\echo 'This session listens, so it hears (>>) what an agent would hear: the first stage is ready.'
\echo
\set ECHO queries
LISTEN oms_dispatch;
LISTEN oms_alert;
SELECT oms.open_ticket('DisasterLoan', '{"name": "Kim", "amount": 80000}') AS ticket;
\set ECHO none
SELECT ticket_id AS ticket FROM oms.ticket \gset

\echo '== 3. Claim and done =============================================================================='
\echo 'The robot of the IRS claims its stage for five minutes. The token shows later that it is still the'
\echo 'holder. What it finds goes on to the next one as input.'
\echo
\set ECHO queries
SELECT stage, token, data, lease_until::timestamp(0) FROM oms.claim('IRS_Bot', 'irs-1');
\set ECHO none
SELECT token AS irs FROM oms.stage_state WHERE ticket_id = :'ticket' AND stage_no = 1 \gset
\set ECHO queries
SELECT oms.stage_done(:'ticket', 'id_check', '{"match": true}', :irs) AS queued;
SELECT stage, token, inputs FROM oms.claim('RiskAI', 'risk-7');
\set ECHO none
SELECT token AS risk FROM oms.stage_state WHERE ticket_id = :'ticket' AND stage_no = 2 \gset
\echo 'A token that is not the present one finishes nothing:'
\echo
\set ON_ERROR_STOP off
\set ECHO queries
SELECT oms.stage_done(:'ticket', 'risk_ai', '{"score": 0}', 1);
\set ECHO none
\set ON_ERROR_STOP on
\echo
\set ECHO queries
SELECT oms.stage_done(:'ticket', 'risk_ai', '{"score": 712}', :risk) AS queued;
\set ECHO none

\echo '== 4. Escalation =================================================================================='
\echo 'Ann of the SBA takes the file and leaves it. The first escalation sends an alert, the second also'
\echo 'gives the stage to the backup team. Ann learns it at her next call.'
\echo
\set ECHO queries
SELECT oms.claim_stage(:'ticket', 'underwrite', 'ann') AS token;
\set ECHO none
SELECT token AS ann FROM oms.stage_state WHERE ticket_id = :'ticket' AND stage_no = 3 \gset
\set ECHO queries
SELECT oms.escalate(:'ticket', 'underwrite', 'applicant waits for a call') AS level;
SELECT oms.escalate(:'ticket', 'underwrite', 'ann is on leave', 'SBA_Backup') AS level;
\set ON_ERROR_STOP off
SELECT oms.heartbeat(:'ticket', 'underwrite', :ann);
\set ECHO none
\set ON_ERROR_STOP on
\echo

\echo '== 5. Too late ===================================================================================='
\echo 'The backup team does not hurry either. A superuser may move the clock of the session: four hours'
\echo 'on, the limit of 240 minutes is over, and oms.tick() fires the timers that are due.'
\echo
SELECT date_trunc('second', now()) + interval '4 hours 1 minute' AS later \gset
\set ECHO queries
SET oms.now = :'later';
SELECT oms.tick() AS timers_fired;
SELECT oms.stage_done(ticket, stage, '{"approved": true}', token) AS queued
FROM oms.claim('SBA_Backup', 'bob');
SELECT oms.stage_done(ticket, stage, '{"paid": 80000}', token) AS queued
FROM oms.claim('Treasury_Bot', 'ach-1');
\set ECHO none

\echo '== 6. A small loan ================================================================================'
\echo 'Under 50,000: when the risk is known, the underwriter is skipped and the treasury is next.'
\echo
UNLISTEN *;
\set ECHO queries
SELECT oms.open_ticket('DisasterLoan', '{"name": "Lee", "amount": 20000}') AS ticket;
\set ECHO none
SELECT ticket_id AS small FROM oms.ticket ORDER BY ticket_id DESC LIMIT 1 \gset
\set ECHO queries
SELECT oms.stage_done(:'small', 'id_check') AS queued;
SELECT oms.stage_done(:'small', 'risk_ai', '{"score": 655}') AS queued;
SELECT stage, status, owner, due_at::timestamp(0) FROM oms.stage WHERE ticket_id = :'small';
\set ECHO none

\echo '== 7. Office hours ================================================================================'
\echo 'Agencies answer requests for records within 20 working days. So clocks count the open time of a'
\echo 'calendar: here that of the federal government, on the Friday before Thanksgiving 2024.'
\echo
SET timezone = 'America/New_York';
\set ECHO queries
SET oms.now = '2024-11-22 11:15';
SELECT oms.create_calendar('federal', jsonb_build_object('timezone', 'America/New_York',
    'hours', (SELECT jsonb_object_agg(day, '["09:00-17:00"]'::jsonb)
              FROM unnest('{mon,tue,wed,thu,fri}'::text[]) AS day),
    'holidays', (SELECT jsonb_agg(day) FROM generate_series(2024, 2026) AS year,
                 oms.us_federal_holidays(year) AS day))) AS version;
SELECT oms.create_workflow('{
  "name": "Records request", "prefix": "RR", "owner": "Records_Chief", "calendar": "federal",
  "stages": [
    {"id": "search",  "owner": "Archive", "slaDays": 20, "warnAt": [80],
                      "escalation": [{"at": "100%", "notify": "supervisor"}]},
    {"id": "release", "owner": "Legal",   "slaMins": 480, "dependsOn": ["search"]}
  ]}') AS version;
SELECT oms.open_ticket('Records request', '{"about": "bridges"}') AS ticket;
\set ECHO none
SELECT ticket_id AS request FROM oms.ticket WHERE workflow = 'Records request' \gset
SELECT oms.tracking_number(:'request') AS request_tracking \gset
\set ECHO queries
SELECT stage, status, due_at FROM oms.stage WHERE ticket_id = :'request';
\set ECHO none
\echo 'Which bridges? The search waits for an answer, and its clock stands: there is no due time. The'
\echo 'applicant is told.'
\echo
\set ECHO queries
\o /dev/null
SELECT oms.set_hold_reason('unclear', waiting_on => 'applicant', public_label => 'Which bridges?');
SET oms.now = '2024-11-26 10:00';
SELECT oms.hold(:'request', 'search', 'unclear');
\o
SELECT stage, status, due_at FROM oms.stage WHERE ticket_id = :'request' AND stage = 'search';
SELECT stage, status, note FROM oms.get_timeline(:'request_tracking') OFFSET 2;
\set ECHO none
\echo 'A week later the rest of the limit runs on. What the clock is made of can be checked with a pencil:'
\echo
\set ECHO queries
\o /dev/null
SET oms.now = '2024-12-03 14:00';
SELECT oms.resume(:'request', 'search');
\o
SELECT due_at FROM oms.stage WHERE ticket_id = :'request' AND stage = 'search';
SET oms.now = '2024-12-04 09:30';
SELECT * FROM oms.explain_clock(:'request', 'search');
\set ECHO none
\echo 'Then nobody looks, and no timer fires, until New Year''s Eve. All that was due is recorded in order.'
\echo 'Nobody needs last week''s warning any more: alerts are only sent for the last moment.'
\echo
LISTEN oms_alert;
\set ECHO queries
SET oms.now = '2024-12-31 10:00';
SELECT oms.tick() AS timers_fired;
SELECT status, note FROM oms.get_timeline(:'request') OFFSET 4;
\set ECHO none
UNLISTEN *;
\echo 'Ann finds the papers. Legal misses some and sends the request back: the search begins anew, with a'
\echo 'new clock. Staff can ask why a stage is where it is, or for a picture (in Mermaid #58; is a colon):'
\echo
\set ECHO queries
\o /dev/null
SELECT oms.assign(:'request', 'search', 'ann');
SELECT oms.stage_done(:'request', 'search', '{"boxes": [1, 2]}');
SELECT oms.send_back(:'request', 'release', 'search', 'box 3 is missing');
SELECT oms.assign(:'request', 'search', 'ann', 'you know the archive');
\o
SELECT stage, status, why FROM oms.explain(:'request');
SELECT oms.diagram(:'request', format => 'mermaid') \g (format=unaligned tuples_only=on)
\set ECHO none
\echo
SELECT oms.cancel_ticket(:'request', 'the tour goes on') \g /dev/null
RESET timezone;

\echo '== 8. By itself ==================================================================================='
\echo 'Nobody needs to call oms.tick(): the database now gets its background worker. It was off until here'
\echo 'because it does not see a moved clock.'
\echo
\set ECHO queries
ALTER DATABASE :"DBNAME" SET oms.worker = on;
\set ECHO none
\connect
DO $$BEGIN
  FOR i IN 1..500 LOOP
    PERFORM FROM oms.worker_status WHERE state = 'running' AND events_sent > 0;
    EXIT WHEN found;
    PERFORM pg_sleep(0.02);
  END LOOP;
END$$;
LISTEN oms_dispatch;
\set ECHO queries
SELECT oms.create_workflow('{"name": "Letter", "prefix": "LT", "stages": [
    {"id": "print", "owner": "Printer", "retry": {"backoffSecs": 1, "factor": 1}}]}') AS version;
SELECT oms.open_ticket('Letter') AS ticket;
\set ECHO none
SELECT ticket_id AS letter FROM oms.ticket WHERE workflow = 'Letter' \gset
\echo 'A printer takes the letter for one second and is not heard of again. The next one waits for work:'
\echo 'it sleeps until the lease has run out. Then it fails, and waits for the end of a pause of a second.'
\echo
\set ECHO queries
SELECT stage, attempt, token FROM oms.claim('Printer', 'printer-1', lease => '1 second');
CALL oms.wait_for_work('Printer', '10 seconds');
SELECT stage, attempt, token FROM oms.claim('Printer', 'printer-2');
SELECT oms.stage_failed(:'letter', 'print', 'no paper') AS status;
CALL oms.wait_for_work('Printer', '10 seconds');
SELECT oms.stage_done(ticket, stage, token => token) AS queued
FROM oms.claim('Printer', 'printer-2');
SELECT to_char(time, 'HH24:MI:SS.MS') AS time, stage, status, note
FROM oms.get_timeline(:'letter');
SELECT database, state, nearest_timer::timestamp(0), timers_fired, late_max_ms, errors
FROM oms.worker_status;
\set ECHO none
UNLISTEN *;

\echo '== 9. Who sees what ==============================================================================='
\echo 'Until here a superuser did all the work. A web page and a clerk get what they need, no more:'
\echo
CREATE ROLE web_page;
CREATE ROLE clerk;
\set ECHO queries
\o /dev/null
SELECT oms.grant_access('web_page', 'citizen');
SELECT oms.grant_access('clerk', 'staff');
\o
\set ECHO none
\echo
\echo 'The clerk leaves a note for Kim, and one for the colleagues.'
\echo
\set ECHO queries
\o /dev/null
SET ROLE clerk;
SELECT oms.comment(:'ticket', 'Sorry for the wait', public => true);
SELECT oms.comment(:'ticket', 'ann was on leave without a deputy');
RESET ROLE;
\o
\set ECHO none
\echo
\echo 'Ticket numbers can be counted through, so the bare number opens nothing to the public. Kim gets a'
\echo 'tracking number:'
\echo
\set ECHO queries
SELECT oms.tracking_number(:'ticket');
\set ECHO none
SELECT oms.tracking_number(:'ticket') AS tracking \gset
SELECT oms.tracking_number(:'small') AS small_tracking \gset
\set ECHO queries
SET ROLE web_page;
SELECT count(*) AS events FROM oms.get_timeline(:'ticket');
SELECT count(*) AS events FROM oms.get_timeline(:'tracking');
\set ECHO none
CREATE TEMP TABLE citizen AS SELECT * FROM oms.get_timeline(:'tracking') WITH ORDINALITY AS c (t, s, o, status, note, n);
RESET ROLE;
SET ROLE clerk;
CREATE TEMP TABLE staff AS
  SELECT seq, to_char(at, 'HH24:MI') AS time, stage, status, note,
    CASE WHEN public THEN count(*) FILTER (WHERE public) OVER (ORDER BY seq) END AS n
  FROM oms.timeline WHERE ticket_id = :'ticket';
RESET ROLE;
\echo
\echo 'What the clerk sees, and beside it what Kim sees: nothing of escalations, deputies and deadlines.'
\echo
SELECT staff.time, coalesce(stage, '') AS stage, staff.status || coalesce(': ' || staff.note, '') AS staff,
  coalesce(citizen.status || coalesce(': ' || citizen.note, ''), '') AS citizen
FROM staff LEFT JOIN citizen USING (n) ORDER BY seq;
\echo 'Lee, whose loan still runs, can see what is to come and when it should be over:'
\echo
\set ECHO queries
SET ROLE web_page;
SELECT t ->> 'status' AS status, t ->> 'expected_by' AS expected_by, t -> 'stages' -> 2 AS stage
FROM oms.track(:'small_tracking') AS t;
RESET ROLE;
\set ECHO none
\echo

\echo '== 10. The evidence ==============================================================================='
\echo 'Nobody can alter the timeline, not even a superuser as this one:'
\echo
\set ON_ERROR_STOP off
\set ECHO queries
UPDATE oms.timeline SET note = 'done in time' WHERE status = 'breached';
\set ECHO none
\echo
\set ECHO queries
ALTER TABLE oms.timeline DISABLE TRIGGER ALL;
\set ECHO none
\set ON_ERROR_STOP on
\echo
\echo 'Kim asks to be forgotten. The name goes, an event says so, and the hashes of all events still fit:'
\echo
\set ECHO queries
SELECT oms.erase(:'ticket', '{name}', 'request 4711');
SELECT seq, status, note, payload FROM oms.timeline
WHERE ticket_id = :'ticket' AND (seq = 1 OR seq > 21);
SELECT count(*) AS problems FROM oms.verify_timeline();
\set ECHO none
\echo 'Nor does a second model of all rules, in plain SQL, find anything that should not be:'
\echo
\set ECHO queries
SELECT count(*) AS problems FROM oms.check();
\set ECHO none
\echo 'A seal puts the chains of all tickets under one hash. Publish it, and a proof of one ticket can be'
\echo 'checked by anybody, without this server:'
\echo
\set ECHO queries
SELECT oms.seal();
\set ECHO none
SELECT encode(hash, 'hex') AS seal FROM oms.seals ORDER BY number DESC LIMIT 1 \gset
\setenv SEAL :seal
\setenv TICKET :ticket
\! echo "psql -AtXc \"SELECT oms.proof('$TICKET')\" | tools/verify-proof/verify-proof --seal $(echo $SEAL | cut -c1-8)…"
\! psql -AtXc "SELECT oms.proof('$TICKET')" | tools/verify-proof/verify-proof --seal $SEAL | sed -E 's/([0-9a-f]{8})[0-9a-f]{56}/\1…/'
\echo
\echo 'Whoever writes another team into it is found out:'
\echo
\! psql -AtXc "SELECT oms.proof('$TICKET')" | sed 's/SBA_Backup/SBA_Team/' | tools/verify-proof/verify-proof | sed -E 's/([0-9a-f]{8})[0-9a-f]{56}/\1…/g'
\echo
\echo '== 11. For those who run it ========================================================================'
\echo 'One row for a load balancer, and metrics for Prometheus, of which these are a few:'
\echo
\set ECHO queries
SELECT status, reasons FROM oms.health();
SELECT name, labels, value FROM oms.metrics
WHERE name IN ('oms_queue_depth', 'oms_breaches_total', 'oms_escalations_total', 'oms_chain_problems');
\set ECHO none
\echo 'A copy elsewhere reads every event once, and comes back with the cursor of the last one:'
\echo
\set ECHO queries
SELECT id, seq, status, policy, public_status FROM oms.changes_since(NULL, 3);
\set ECHO none
\echo 'Closed tickets leave the tables that everybody works with, and stay provable:'
\echo
\set ECHO queries
SELECT oms.set_retention('90 days');
SET oms.now = '2030-01-01 02:00:00+00';
SELECT oms.archive();
SELECT ticket_id, status, archived_at FROM oms.archived_ticket;
SELECT count(*) AS problems FROM oms.verify_seals();
\set ECHO none
\echo
\echo 'README.md tells the rest. "make psql" opens psql on a server like this one.'
