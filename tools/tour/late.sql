-- make demo TOUR=late: a token that is too old, a limit that is over, and a stage that is skipped.
\set QUIET 1
\pset pager off
\pset footer off
SET client_min_messages = warning;

\echo '== A claim ========================================================================================'
\echo 'The robot of the IRS claims its stage for five minutes. The token shows later that it is still the'
\echo 'holder. What it finds goes on to the next one as input.'
\echo
LISTEN oms_dispatch;
LISTEN oms_alert;
\set ECHO queries
SELECT oms.open_ticket('DisasterLoan', '{"name": "Ray", "amount": 120000}') AS ticket;
\set ECHO none
SELECT ticket_id AS ticket FROM oms.ticket ORDER BY ticket_id DESC LIMIT 1 \gset
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

\echo '== Nobody is there ================================================================================'
\echo 'Ann takes the file and leaves it. The first escalation sends an alert, the second also gives the'
\echo 'stage to the backup team. Ann learns it at her next call.'
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

\echo '== Too late ======================================================================================='
\echo 'The backup team does not hurry either. A superuser may move the clock of the session: four hours'
\echo 'on, the limit of 240 minutes is over, and oms.tick() fires the timers that are due.'
\echo
SELECT date_trunc('second', now()) + interval '4 hours 1 minute' AS later \gset
\set ECHO queries
SET oms.now = :'later';
SELECT oms.tick() AS timers_fired;
SELECT oms.stage_done(ticket, stage, '{"approved": true}', token) AS queued
FROM oms.claim('SBA_Backup', 'bob');
SELECT oms.stage_done(ticket, stage, '{"paid": 120000}', token) AS queued
FROM oms.claim('Treasury_Bot', 'ach-1');
\set ECHO none

\echo '== A small loan ==================================================================================='
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
