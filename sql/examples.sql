-- examples: a workflow that carries its own tests.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SELECT oms.create_calendar('Examples Office', '{"timezone": "America/New_York",
  "hours": {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"], "wed": ["09:00-17:00"], "thu": ["09:00-17:00"],
            "fri": ["09:00-17:00"]}, "holidays": ["2024-11-11"]}') > 0 AS made;

-- The loan with these examples.
CREATE FUNCTION pg_temp.loan(examples jsonb) RETURNS jsonb LANGUAGE sql AS $$
  SELECT '{"name": "Examples Loan", "prefix": "EX", "calendar": "Examples Office", "stages": [
    {"id": "id_check", "owner": "Bot", "slaMins": 30},
    {"id": "risk_ai", "owner": "Bot", "slaDays": 2},
    {"id": "underwrite", "owner": "Officer", "dependsOn": ["id_check", "risk_ai"], "minAmount": 50000},
    {"id": "second_look", "owner": "Officer", "dependsOn": ["underwrite"], "when": "$stages.risk_ai.score < 0.5"},
    {"id": "fund", "owner": "Treasury", "dependsOn": ["underwrite", "second_look"], "slaMins": 60},
    {"id": "call", "owner": "Officer", "manual": true},
    {"id": "minutes", "owner": "Officer", "dependsOn": ["call"]}]}'::jsonb
    || jsonb_build_object('examples', examples) $$;

-- What is right: the path, what is left out, due times in open time; keys that are not given are not compared, and the
-- order of skipped says nothing.  A manual stage is not started, and what waits for it is not reached.
SELECT * FROM oms.validate_workflow(pg_temp.loan('[
  {"name": "small", "data": {"amount": 20000}, "outputs": {"risk_ai": {"score": 0.9}},
   "path": ["id_check", "risk_ai", "fund"], "skipped": ["second_look", "underwrite"]},
  {"name": "risky", "data": {"amount": 80000}, "outputs": {"risk_ai": {"score": 0.4}},
   "path": ["id_check", "risk_ai", "underwrite", "second_look", "fund"], "skipped": []},
  {"name": "safe", "data": {"amount": 80000}, "outputs": {"risk_ai": {"score": 0.9}},
   "path": ["id_check", "risk_ai", "underwrite", "fund"], "skipped": ["second_look"]},
  {"name": "no score: a control is not left out", "data": {"amount": 80000}, "skipped": []},
  {"name": "a weekend and a holiday", "opened_at": "2024-11-08T16:45:00-05:00",
   "due": {"id_check": "2024-11-12T09:15:00-05:00", "risk_ai": "2024-11-13 17:00", "fund": "2024-11-12T14:45Z"}},
  {"name": "nothing is said"}, {}]'));
SELECT oms.create_workflow(pg_temp.loan('[{"data": {"amount": 1}, "path": ["id_check", "risk_ai", "second_look", "fund"]}]'));
SELECT jsonb_array_length(oms.get_workflow('Examples Loan') -> 'examples') AS kept;

-- What differs, each with its place.
\x on
SELECT * FROM oms.validate_workflow(pg_temp.loan('[
  {"name": "small", "data": {"amount": 20000}, "path": ["id_check", "risk_ai", "underwrite", "fund"], "skipped": []},
  {"data": {"amount": 50000}, "path": ["risk_ai", "id_check"], "skipped": ["underwrite"], "opened_at": "2024-11-08",
   "due": {"id_check": "2024-11-08T09:31", "underwrite": "2024-11-08", "call": "2024-11-08", "minutes": "2024-11-08",
           "risk_ai": "2024-11-12T17:00:00.000001-05"}}]'));
\x off
SELECT oms.create_workflow(pg_temp.loan('[{}, {"name": "wrong", "path": []}]'));
\echo :LAST_ERROR_SQLSTATE
SELECT version FROM oms.workflow WHERE name = 'Examples Loan';

-- Examples run only when nothing else is wrong.
SELECT path FROM oms.validate_workflow(pg_temp.loan('[{"path": []}]') || '{"colour": "red"}');

-- The form of an example.
SELECT * FROM oms.validate_workflow(pg_temp.loan('7'));
SELECT * FROM oms.validate_workflow(pg_temp.loan('[1, {"pth": [], "name": ""}, {"data": [], "outputs": 1, "path": "fund"}]'));
SELECT * FROM oms.validate_workflow(pg_temp.loan('[
  {"data": {"amount": "20000"}, "outputs": {"risk_aii": 1}, "path": ["fund", "fund", 3, "fnd"], "skipped": [""]},
  {"opened_at": "tomorrow", "due": {"fundd": "2024-11-08", "fund": "2024-02-30"}},
  {"due": {"fund": "2024-11-08T10:00Z"}}]'));
SELECT path, problem FROM oms.validate_workflow(pg_temp.loan((SELECT jsonb_agg('{}'::jsonb) FROM generate_series(1, 101))));
-- Without stages to name, nothing is said of names.
SELECT path, problem FROM oms.validate_workflow('{"name": "x", "stages": [], "examples": [{"path": ["a"], "due": {"a": "x"}}]}');

-- Times do not depend on the session; without an offset they are of the calendar's zone.  A date alone is its first
-- opening time, as a due time its last closing time.
SELECT path, problem FROM oms.validate_workflow(pg_temp.loan('[{"opened_at": "2024-11-11", "due": {"id_check": "2024-11-12T09:30"}},
  {"opened_at": "2024-11-08T16:59", "due": {"risk_ai": "2024-11-13"}}, {"opened_at": "08.11.2024"}, {"opened_at": "2024-11-08T10:00 PST"}]'));
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'SQL, DMY';
SELECT count(*) FROM oms.validate_workflow(pg_temp.loan('[{"opened_at": "2024-11-08 10:00",
  "due": {"id_check": "2024-11-08T15:30Z"}}]'));
RESET TimeZone;
RESET DateStyle;

-- A calendar that does not exist yet only matters to examples that count by it.
SELECT path, problem, hint FROM oms.validate_workflow('{"name": "x", "calendar": "Examples None",
  "stages": [{"id": "a", "owner": "x", "slaMins": 5}],
  "examples": [{"path": ["a"]}, {"opened_at": "2024-11-08", "due": {"a": "2024-11-08T00:05"}}]}');

-- Joins, conditions on outputs that are no objects, and a stage that is never due.
SELECT path, problem FROM oms.validate_workflow('{"name": "x", "stages": [
    {"id": "c", "owner": "x", "dependsOn": ["a", "b"], "join": "any", "when": "$stages.b == 7"},
    {"id": "b", "owner": "x"}, {"id": "a", "owner": "x"}],
  "examples": [{"outputs": {"b": 7}, "path": ["b", "a", "c"]}, {"outputs": {"b": 8}, "path": ["b", "a"], "skipped": ["c"]},
               {"path": ["b", "a"], "opened_at": "2024-11-08", "due": {"a": "2024-11-08"}}]}');

-- Time passes only until a moment that is awaited, when nothing else is left to do before.
SELECT path, problem FROM oms.validate_workflow('{"name": "x", "stages": [
    {"id": "a", "owner": "x", "delayMins": 60, "slaMins": 10}, {"id": "b", "owner": "x"}, {"id": "c", "owner": "x", "dependsOn": ["b"], "slaMins": 10},
    {"id": "d", "owner": "x", "dependsOn": ["a"], "slaMins": 10}, {"id": "e", "owner": "x", "delayMins": 30}],
  "examples": [{"path": ["b", "c", "e", "a", "d"], "opened_at": "2024-11-08T10:00",
    "due": {"a": "2024-11-08T11:10", "c": "2024-11-08T10:10", "d": "2024-11-08T11:10"}}]}');
-- A stage that a message finishes is due as long after it begins to wait; one behind it that is left out is not come to.
SELECT path, problem FROM oms.validate_workflow('{"name": "Examples Message", "stages": [
  {"id": "a", "owner": "x", "slaMins": 60}, {"id": "b", "dependsOn": ["a"], "waitFor": {"message": "paid", "key": "$.bill"}, "slaMins": 30},
  {"id": "c", "dependsOn": ["b"], "minAmount": 5, "waitFor": {"message": "more"}, "slaMins": 10}], "examples": [
  {"path": ["a", "b"], "data": {"bill": 1, "amount": 1}, "opened_at": "2024-11-08T10:00", "due": {"a": "2024-11-08T11:00", "b": "2024-11-08T10:30"}},
  {"data": {"bill": 1}, "opened_at": "2024-11-08T10:00", "due": {"b": "2024-11-08T10:31", "c": "2024-11-08T10:10"}},
  {"data": {"bill": 1, "amount": 1}, "opened_at": "2024-11-08T10:00", "due": {"c": "2024-11-08T10:10"}}]}');

-- A large one: what an example costs grows with its stages.
SELECT count(*) FROM oms.validate_workflow(jsonb_build_object('name', 'x', 'stages',
  (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('id', 's' || n, 'owner', 'x', 'dependsOn',
     CASE WHEN n > 1 THEN jsonb_build_array('s' || n - 1) END))) FROM generate_series(1, 4096) AS n),
  'examples', (SELECT jsonb_agg(jsonb_build_object('path', (SELECT jsonb_agg('s' || n) FROM generate_series(1, 4096) AS n)))
               FROM generate_series(1, 20))));

-- Data that no ticket could be opened with is told as such.
SELECT path, problem FROM oms.validate_workflow('{"name": "x", "stages": [{"id": "a", "owner": "x", "startAt": "$.on", "dueAt": "$.by"}],
  "examples": [{"data": {"on": "soon", "by": 7}, "path": []}, {"data": {"on": "2026-05-01"}, "path": ["a"]}, {"data": {"by": null}, "path": ["a"]}]}');
-- Nothing of it is in any table.
SELECT count(*) FROM oms.ticket WHERE workflow = 'Examples Loan';
SELECT oms.retire_workflow('Examples Loan');
