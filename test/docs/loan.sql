-- Where pages of docs/ begin, unseen: the loan of the front page, its first ticket after the identity check.
CREATE EXTENSION oms;
SET oms.now = '2026-03-02 14:00:12+00';
SELECT oms.create_workflow('{
  "name": "DisasterLoan", "prefix": "DL", "owner": "SBA",
  "stages": [
    {"id": "id_check",   "owner": "IRS_Bot",      "slaMins": 5},
    {"id": "risk_ai",    "owner": "RiskAI",       "slaMins": 15,  "dependsOn": ["id_check"]},
    {"id": "underwrite", "owner": "SBA_Team",     "slaMins": 240, "dependsOn": ["risk_ai"], "minAmount": 50000},
    {"id": "fund",       "owner": "Treasury_Bot", "slaMins": 60,  "dependsOn": ["underwrite"]}
  ]}') \g /dev/null
SET oms.now = '2026-03-02 14:03:40.517023+00';
SELECT oms.open_ticket('DisasterLoan', '{"name": "Kim", "amount": 80000}') \g /dev/null
SET oms.now = '2026-03-02 14:06:02.90812+00';
SELECT oms.escalate('DL-2026-00001', 'id_check', 'IRS service does not answer') \g /dev/null
SET oms.now = '2026-03-02 14:06:31.300461+00';
SELECT * FROM oms.claim('IRS_Bot', 'irs-1') \g /dev/null
SET oms.now = '2026-03-02 14:06:33.0214+00';
SELECT oms.stage_done('DL-2026-00001', 'id_check', '{"match": true}', 4) \g /dev/null
