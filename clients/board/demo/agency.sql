-- A simulated agency.
SET client_min_messages = warning;
SELECT oms.set_owner('SBA_Team', 'group', members => '{ann,bob}');
SELECT oms.create_workflow('{"name": "DisasterLoan", "prefix": "DL", "owner": "SBA", "stages": [
    {"id": "id_check",   "owner": "IRS_Bot",      "slaMins": 5},
    {"id": "risk_ai",    "owner": "RiskAI",       "slaMins": 15, "dependsOn": ["id_check"]},
    {"id": "underwrite", "owner": "SBA_Team",     "slaMins": 240, "dependsOn": ["risk_ai"], "minAmount": 50000},
    {"id": "fund",       "owner": "Treasury_Bot", "slaMins": 60, "dependsOn": ["underwrite"]}]}');
SELECT count(*) FROM oms.open_tickets('DisasterLoan', ARRAY(SELECT '{"amount": 80000}'::jsonb FROM generate_series(1, 200)));
