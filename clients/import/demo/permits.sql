-- The workflow that the spreadsheet of demo/permits.csv is brought into.
SELECT oms.create_calendar('office', jsonb_build_object(
  'timezone', 'America/New_York',
  'hours', (SELECT jsonb_object_agg(d, '["09:00-17:00"]'::jsonb) FROM unnest('{mon,tue,wed,thu,fri}'::text[]) AS d)));
SELECT oms.create_workflow('{
  "name": "Building permit", "prefix": "BP", "owner": "Building_Dept", "calendar": "office",
  "stages": [
    {"id": "complete",  "owner": "Permit_Desk",  "slaDays": 15},
    {"id": "zoning",    "owner": "Zoning",       "slaDays": 30, "dependsOn": ["complete"]},
    {"id": "structure", "owner": "Engineers",    "slaDays": 30, "dependsOn": ["complete"]},
    {"id": "fire",      "owner": "Fire_Marshal", "slaDays": 30, "dependsOn": ["complete"], "when": "$.units >= 3"},
    {"id": "issue",     "owner": "Permit_Desk",  "slaDays": 2,  "dependsOn": ["zoning", "structure", "fire"]}
  ],
  "examples": [{"name": "duplex", "data": {"units": 2}, "path": ["complete", "zoning", "structure", "issue"]}]}');
