-- The short tour of make demo: a loan from the request to the money, and who sees what of it.
\set QUIET 1
\pset pager off
\pset footer off
SET client_min_messages = warning;

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
\echo 'This session listens, so it hears (>>) what an agent would hear: the first stage is ready. An agent'
\echo 'claims a stage of its owner, and says when it is done; the result is input of the next one.'
\echo
LISTEN oms_dispatch;
LISTEN oms_alert;
\set ECHO queries
SELECT oms.open_ticket('DisasterLoan', '{"name": "Kim", "amount": 80000}') AS ticket;
\set ECHO none
SELECT ticket_id AS ticket FROM oms.ticket \gset
\set ECHO queries
SELECT oms.stage_done(ticket, stage, '{"match": true}', token) AS queued
FROM oms.claim('IRS_Bot', 'irs-1');
SELECT oms.stage_done(ticket, stage, '{"score": 712}', token) AS queued
FROM oms.claim('RiskAI', 'risk-7');
\set ECHO none

\echo '== 3. Escalation =================================================================================='
\echo 'Ann of the SBA takes the file and leaves it. The escalation sends an alert and gives the stage to'
\echo 'the backup team, where Bob agrees; then the money is paid.'
\echo
\set ECHO queries
SELECT oms.claim_stage(:'ticket', 'underwrite', 'ann') AS token;
SELECT oms.escalate(:'ticket', 'underwrite', 'ann is on leave', 'SBA_Backup') AS level;
\set ECHO none
UNLISTEN *;
\set ECHO queries
SELECT oms.stage_done(ticket, stage, '{"approved": true}', token) AS queued
FROM oms.claim('SBA_Backup', 'bob');
\set ECHO none
\o /dev/null
SELECT oms.stage_done(ticket, stage, '{"paid": 80000}', token) FROM oms.claim('Treasury_Bot', 'ach-1');
\o

\echo '== 4. What the citizen sees ======================================================================='
\echo 'The timeline has it all. Kim, with a tracking number that cannot be guessed, sees less of it:'
\echo
SELECT oms.tracking_number(:'ticket') AS tracking \gset
CREATE ROLE web_page;
SELECT oms.grant_access('web_page', 'citizen') \g /dev/null
\set ECHO queries
SELECT to_char(time, 'HH24:MI') AS time, stage, owner, status, note FROM oms.get_timeline(:'ticket');
SET ROLE web_page;
SELECT to_char(time, 'HH24:MI') AS time, stage, owner, status, note FROM oms.get_timeline(:'tracking');
RESET ROLE;
\set ECHO none

\echo '== 5. The evidence ================================================================================'
\echo 'Nobody can alter the timeline, not even a superuser as this one. A seal puts the chains of all'
\echo 'tickets under one hash; with it anybody can check the proof of a ticket, without this server:'
\echo
\set ON_ERROR_STOP off
\set ECHO queries
UPDATE oms.timeline SET note = 'done in time' WHERE status = 'escalated';
\set ECHO none
\set ON_ERROR_STOP on
\echo
\set ECHO queries
SELECT count(*) AS problems FROM oms.verify_timeline();
SELECT oms.seal();
\set ECHO none
SELECT encode(hash, 'hex') AS seal FROM oms.seals ORDER BY number DESC LIMIT 1 \gset
\setenv SEAL :seal
\setenv TICKET :ticket
\! echo "psql -AtXc \"SELECT oms.proof('$TICKET')\" | tools/verify-proof/verify-proof --seal $(echo $SEAL | cut -c1-8)…"
\! psql -AtXc "SELECT oms.proof('$TICKET')" | tools/verify-proof/verify-proof --seal $SEAL | sed -E 's/([0-9a-f]{8})[0-9a-f]{56}/\1…/'
