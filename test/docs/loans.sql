-- The same later: the risk is known, too late, and a second ticket waits for its identity check.
\ir loan.sql
SET oms.now = '2026-03-02 14:31:07.6+00';
SELECT oms.open_ticket('DisasterLoan', '{"name": "Lee", "amount": 20000}', 'web-4711') \g /dev/null
SET oms.now = '2026-03-02 14:31:30+00';
SELECT * FROM oms.claim('RiskAI', 'risk-7') \g /dev/null
SELECT oms.stage_done('DL-2026-00001', 'risk_ai', '{"score": 712}', 8) \g /dev/null
