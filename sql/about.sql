-- about: what oms does, in one sitting. A loan is defined, asked for, worked on by two robots, escalated when
-- nobody moves, late, decided and paid; the timeline has kept it all. The clock is moved by oms.now.
SET client_min_messages = warning;
CREATE EXTENSION oms;
SET timezone = 'UTC';
SET datestyle = 'ISO';
\pset footer off

-- A workflow: four stages, each with an owner and a time limit in minutes
SET oms.now = '2026-03-02 14:00+00';
SELECT oms.create_workflow('{
  "name": "DisasterLoan", "prefix": "DL", "owner": "SBA",
  "stages": [
    {"id": "id_check",   "owner": "IRS_Bot",      "slaMins": 5},
    {"id": "risk_ai",    "owner": "RiskAI",       "slaMins": 15,  "dependsOn": ["id_check"]},
    {"id": "underwrite", "owner": "SBA_Team",     "slaMins": 240, "dependsOn": ["risk_ai"], "minAmount": 50000},
    {"id": "fund",       "owner": "Treasury_Bot", "slaMins": 60,  "dependsOn": ["underwrite"]}
  ]}') AS version;

-- A ticket, and what is ready to be done
SELECT oms.open_ticket('DisasterLoan', '{"name": "Kim", "amount": 80000}') AS ticket \gset
SELECT :'ticket' AS ticket;
SELECT oms.next_stages(:'ticket') AS ready;

-- The robot of the IRS claims its stage: the token shows that it is the holder, until the lease is over
SET oms.now = '2026-03-02 14:01+00';
SELECT stage, token, data, lease_until FROM oms.claim('IRS_Bot', 'irs-1');
SELECT stage FROM oms.claim('IRS_Bot', 'irs-2');
SELECT oms.stage_done(:'ticket', 'id_check', '{"match": true}', 3) AS queued;

-- What it found is the input of the next one
SELECT stage, token, inputs FROM oms.claim('RiskAI', 'risk-7');
SELECT oms.stage_done(:'ticket', 'risk_ai', '{"score": 712}', 1);
SELECT oms.stage_done(:'ticket', 'risk_ai', '{"score": 712}', 6) AS queued;

-- Nobody moves: two escalations, the second one gives the stage to others; then the limit is over
SET oms.now = '2026-03-02 16:00+00';
SELECT oms.escalate(:'ticket', 'underwrite', 'applicant waits for a call') AS level;
SELECT oms.escalate(:'ticket', 'underwrite', 'the team is on leave', 'SBA_Backup') AS level;
SET oms.now = '2026-03-02 18:30+00';
SELECT oms.tick() AS timers_fired;

-- Decided and paid
SELECT oms.stage_done(ticket, stage, '{"approved": true}', token) AS queued FROM oms.claim('SBA_Backup', 'bob');
SELECT oms.stage_done(ticket, stage, '{"paid": 80000}', token) AS queued FROM oms.claim('Treasury_Bot', 'ach-1');
SELECT status, closed_at FROM oms.ticket WHERE ticket_id = :'ticket';

-- A small loan needs no underwriter
SELECT oms.open_ticket('DisasterLoan', '{"name": "Lee", "amount": 20000}') AS small \gset
SELECT oms.stage_done(:'small', 'id_check') AS queued;
SELECT oms.stage_done(:'small', 'risk_ai') AS queued;
SELECT stage, status, owner FROM oms.stage WHERE ticket_id = :'small';

-- The timeline, for the office and for the applicant, whose number nobody else can guess
SELECT * FROM oms.get_timeline(:'ticket');
SELECT oms.tracking_number(:'ticket') AS number \gset
SELECT * FROM oms.get_timeline(:'number');
UPDATE oms.timeline SET note = 'all was well';
SELECT * FROM oms.verify_timeline();

-- The files that follow begin with an empty extension.
DROP EXTENSION oms CASCADE;
