-- definition: how a workflow's definition is checked as a whole, what each check says, and how
-- definitions become versions and prefixes.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;

-- A workflow of one stage with these further keys, and one whose stages are these.
CREATE FUNCTION pg_temp.one(keys jsonb) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('name', 'Definition', 'stages',
                            jsonb_build_array('{"id": "a", "owner": "x"}'::jsonb || keys)) $$;
CREATE FUNCTION pg_temp.many(stages jsonb) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('name', 'Definition', 'stages',
                            (SELECT jsonb_agg('{"owner": "x"}'::jsonb || s ORDER BY n)
                             FROM jsonb_array_elements(stages) WITH ORDINALITY AS e (s, n))) $$;

-- Nothing to say about the smallest definition, nor about one that uses every key.
SELECT * FROM oms.validate_workflow(pg_temp.one('{}'));
SELECT * FROM oms.validate_workflow('{
  "name": "Definition", "prefix": "def", "description": "Every key.\nOn two lines.", "owner": "GOV",
  "slaMins": 30.0, "calendar": "office",
  "stages": [
    {"id": "in", "owner": "desk", "slaDays": 5, "calendar": "office", "label": "Received",
     "publicOwner": "Front desk", "warnAt": [80, 50],
     "retry": {"maxAttempts": 5, "backoffSecs": 0, "factor": 1.5, "maxSecs": 60}},
    {"id": "risk", "owner": "ai", "slaMins": 1e3, "dependsOn": ["in"],
     "minAmount": 12345678901234.50, "when": "$.state == \"FL\" && $stages.in.score > 0.5",
     "escalation": [{"at": "100%", "notify": "supervisor"},
                    {"at": "+60m", "reassignTo": "backup"},
                    {"at": "+240m", "everyMins": 240, "max": 3, "notify": "director"}]},
    {"id": "call", "owner": "agent", "manual": true},
    {"id": "out", "owner": "clerk", "dependsOn": ["in", "risk"], "join": 1, "notSameAs": "in"}]}');

-- What is not a workflow at all.
SELECT v.*
FROM unnest(ARRAY['1', 'null', '"x"', '[]', '{}', '{"name": null, "stages": {}}',
                  '{"name": "x", "stages": []}', '{"name": "x", "stages": [1, null, []]}']) AS d,
     oms.validate_workflow(d::jsonb) AS v;

-- Unknown and missing keys, with the known key that was meant.
SELECT * FROM oms.validate_workflow('{
  "name": "x", "colour": "red", "sla_mins": 5,
  "stages": [{"id": "a", "ownr": "x", "depends_on": []},
             {"id": "b", "owner": "x", "two words": 1, "retry": {"attempts": 3}},
             {"owner": "x"}]}');

-- Names: text of 1 to 63 bytes on one line; labels 200, the description 4,000.
SELECT * FROM oms.validate_workflow(jsonb_build_object(
  'name', repeat('n', 64), 'prefix', 'ABCDE', 'description', repeat('d', 4001), 'owner', 7,
  'calendar', E'two\nlines', 'stages', jsonb_build_array(
    jsonb_build_object('id', repeat('i', 64), 'owner', ''),
    jsonb_build_object('id', 'b', 'owner', repeat('é', 32), 'label', repeat('l', 201)),
    jsonb_build_object('id', repeat('i', 63), 'owner', 'x', 'label', repeat('l', 200),
                       'publicOwner', false))));
SELECT p AS prefix, v.problem
FROM unnest(ARRAY['', 'A1', 'É', 'ABCDE', 'dl']) AS p,
     oms.validate_workflow(pg_temp.one('{}') || jsonb_build_object('prefix', p)) AS v;

-- Whole numbers: no text, no fraction, nothing beyond int4.
SELECT n AS "slaMins", v.problem, v.hint
FROM unnest(ARRAY['0', '1e3', '30.0', '2147483647', '-1', '30.5', '2147483648', '1e400', '"30"',
                  '"NaN"', 'null', 'true', '[]']) AS n
     LEFT JOIN LATERAL oms.validate_workflow(
       pg_temp.one(jsonb_build_object('slaMins', n::jsonb))) AS v ON true;
SELECT n AS "slaDays", v.problem
FROM unnest(ARRAY['0', '1', '36500', '36501']) AS n
     LEFT JOIN LATERAL oms.validate_workflow(
       pg_temp.one(jsonb_build_object('slaDays', n::jsonb))) AS v ON true;
SELECT * FROM oms.validate_workflow(pg_temp.one('{"slaMins": 5, "slaDays": 1}'));

-- An amount may have a fraction and any size.
SELECT n AS "minAmount", v.problem
FROM unnest(ARRAY['0', '0.5', '1e30', '-0.01', '"5"', 'null']) AS n
     LEFT JOIN LATERAL oms.validate_workflow(
       pg_temp.one(jsonb_build_object('minAmount', n::jsonb))) AS v ON true;

-- Retry, warnings and escalation.
SELECT * FROM oms.validate_workflow(pg_temp.one(
  '{"retry": {"maxAttempts": 0, "backoffSecs": -1, "factor": 0.5, "maxSecs": 1.5}}'));
SELECT * FROM oms.validate_workflow(pg_temp.one('{"retry": {"factor": 1000.1}}'));
SELECT * FROM oms.validate_workflow(pg_temp.one('{"retry": 3}'));
SELECT * FROM oms.validate_workflow(pg_temp.one(
  '{"slaMins": 60, "warnAt": [1, 100, 0, 101, 50, 50, 2.5, "80"]}'));
SELECT * FROM oms.validate_workflow(pg_temp.one('{"slaMins": 60, "escalation": [
  {"notify": "x"},
  {"at": "100%"},
  {"at": 100, "notify": "x"},
  {"at": "+60m", "notify": "x", "max": 3},
  {"at": "+60m", "notify": "x", "everyMins": 0, "max": 0},
  {"at": "+60m", "notify": "", "reassignTo": 5, "text": "x"},
  "+60m"]}'));
SELECT a AS at, v.problem
FROM unnest(ARRAY['1%', '10000%', '+0m', '+2147483647m', '0%', '10001%', '%', '-5m', '5m', '+m',
                  '+2147483648m', '+99999999999m', '+5h', '1.5%', '']) AS a
     LEFT JOIN LATERAL oms.validate_workflow(pg_temp.one(jsonb_build_object('slaMins', 60,
       'escalation', jsonb_build_array(jsonb_build_object('at', a, 'notify', 'x'))))) AS v ON true;
SELECT * FROM oms.validate_workflow(pg_temp.one(
  '{"warnAt": [80], "escalation": [{"at": "100%", "notify": "x"}]}'));

-- Ids and dependencies.
SELECT * FROM oms.validate_workflow(pg_temp.many('[
  {"id": "review"}, {"id": "fund"}, {"id": "review"},
  {"id": "pay", "dependsOn": ["reviw", "fund", "fund", "pay", 5, "Fund"]},
  {"id": "close", "dependsOn": "pay"}]'));
SELECT j AS "join", v.problem
FROM unnest(ARRAY['"all"', '"any"', '1', '2', '0', '3', '1.5', '"most"', 'null']) AS j
     LEFT JOIN LATERAL oms.validate_workflow(pg_temp.many(jsonb_build_array(
       '{"id": "a"}'::jsonb, '{"id": "b"}'::jsonb,
       jsonb_build_object('id', 'c', 'dependsOn', '["a", "b"]'::jsonb, 'join', j::jsonb)))) AS v
     ON true;
SELECT * FROM oms.validate_workflow(pg_temp.one('{"join": 1}'));
SELECT * FROM oms.validate_workflow(pg_temp.many('[
  {"id": "check", "notSameAs": "check"}, {"id": "fund", "notSameAs": "chekc"},
  {"id": "pay", "notSameAs": 1, "manual": "yes"}]'));

-- Cycles are printed along dependsOn from the stage that stands first, once per tangle.
SELECT * FROM oms.validate_workflow(pg_temp.many(
  '[{"id": "a", "dependsOn": ["b"]}, {"id": "b", "dependsOn": ["a"]}]'));
SELECT * FROM oms.validate_workflow(pg_temp.many('[
  {"id": "start"},
  {"id": "c", "dependsOn": ["start", "a"]}, {"id": "a", "dependsOn": ["b"]},
  {"id": "b", "dependsOn": ["c", "nowhere"]},
  {"id": "x", "dependsOn": ["a", "y"]}, {"id": "y", "dependsOn": ["x"]},
  {"id": "after", "dependsOn": ["y"]}]'));
SELECT path, problem FROM oms.validate_workflow(pg_temp.many((
  SELECT jsonb_agg(jsonb_build_object('id', 's' || i,
                                      'dependsOn', jsonb_build_array('s' || i % 100 + 1)) ORDER BY i)
  FROM generate_series(1, 100) AS i)));

-- Conditions. What the server says about a bad jsonpath differs between versions.
SELECT w AS "when", split_part(v.problem, ':', 1) AS problem, v.hint
FROM unnest(ARRAY['$.amount >= 50000', 'strict $.a > 1', '"$x" == $.b',
                  '$stages.a.score < 0.3', '$.lax == 1', '$.a ==', '', '@.a > 1',
                  '$.a like_regex "("', 'lax $.a > 1', '/* */ LAX $.a > 1',
                  '$amount > 5 || $stages.a.b > $income', '$."a" == $"two words"']) AS w
     LEFT JOIN LATERAL oms.validate_workflow(
       pg_temp.one(jsonb_build_object('when', w))) AS v ON true;
SELECT * FROM oms.validate_workflow(pg_temp.one('{"when": true}'));
SELECT * FROM oms.validate_workflow(pg_temp.one(jsonb_build_object('when', repeat('x', 10001))));
SELECT path, problem FROM oms.validate_workflow(pg_temp.one(
  jsonb_build_object('when', repeat('!(', 300) || '$.a == 1' || repeat(')', 300))));

-- At most 4,096 stages; so many are checked in a moment.
SELECT n, v.path, v.problem
FROM unnest(ARRAY[4096, 4097]) AS n
     LEFT JOIN LATERAL oms.validate_workflow(pg_temp.many((
       SELECT jsonb_agg(jsonb_build_object('id', 's' || i, 'dependsOn',
                                           CASE WHEN i = 1 THEN '[]' ELSE '["s1"]' END::jsonb))
       FROM generate_series(1, n) AS i))) AS v ON true;

-- create_workflow raises the first problem, with its path and hint.
SELECT oms.create_workflow('{"name": "Definition", "slaMins": -1, "stages": [{"id": "a"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT oms.create_workflow(pg_temp.many(
  '[{"id": "review"}, {"id": "fund", "dependsOn": ["reviw"]}]'));
\echo :LAST_ERROR_SQLSTATE
SELECT oms.create_workflow(NULL);

-- Versions: another definition makes a new one, the current one again does not, however it is
-- written. Earlier versions stay readable.
SELECT oms.create_workflow(pg_temp.one('{}'));
SELECT oms.create_workflow('{"stages": [{"owner": "x",   "id": "a"}], "name": "Definition"}');
SELECT oms.create_workflow(pg_temp.one('{"slaMins": 60}'));
SELECT oms.create_workflow(pg_temp.one('{"slaMins": 60}'));
SELECT oms.create_workflow(pg_temp.one('{}'));
SELECT v AS version, oms.get_workflow('Definition', v) AS definition
FROM unnest(ARRAY[1, 2, 3, NULL]) AS v;
SELECT oms.get_workflow('Definition', 4);
\echo :LAST_ERROR_SQLSTATE
SELECT oms.get_workflow('no such workflow');
\echo :LAST_ERROR_SQLSTATE

-- A retired workflow opens no tickets; create_workflow brings the name back.
-- A condition on the output of a stage that does not exist
SELECT v.* FROM unnest(ARRAY['$stages.aa.x > 1', '$stages.a.x > 1', '$stages."aa" == 1 && $stages.b.c == 1', '$stages.*.x > 1', '$.a == $stages.zebra']) AS condition,
  oms.validate_workflow(pg_temp.many(jsonb_build_array('{"id": "a"}'::jsonb, jsonb_build_object('id', 'check', 'when', condition)))) AS v;

SELECT oms.retire_workflow('Definition');
SELECT oms.open_ticket('Definition');
\echo :LAST_ERROR_SQLSTATE
SELECT oms.get_workflow('Definition', 1);
SELECT oms.create_workflow(pg_temp.one('{}')) >= 3 AS back;
BEGIN;
SELECT oms.open_ticket('Definition') IS NOT NULL AS opened;
ROLLBACK;
SELECT oms.retire_workflow('no such workflow');
\echo :LAST_ERROR_SQLSTATE

-- The prefix of ticket numbers: as given, or the first four initials of the name's words.
BEGIN;
SELECT name, prefix, oms.create_workflow(jsonb_strip_nulls(jsonb_build_object(
  'name', name, 'prefix', prefix, 'stages', '[{"id": "a", "owner": "x"}]'::jsonb))) AS version
FROM (VALUES ('DefinitionLoan', NULL), ('definition', NULL), ('HTMLParser', NULL),
             ('one two-three_four five', NULL), ('FEMAAid2go', NULL), ('2026', NULL),
             ('Prefix given', 'dl')) AS w (name, prefix);
SELECT name, split_part(oms.open_ticket(name)::text, '-', 1) AS prefix
FROM unnest(ARRAY['DefinitionLoan', 'definition', 'HTMLParser', 'one two-three_four five',
                  'FEMAAid2go', '2026', 'Prefix given']) AS name;
ROLLBACK;

SELECT oms.retire_workflow('Definition');
