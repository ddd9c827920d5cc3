-- Amend: the data of an open ticket is corrected, and what has not begun goes by it.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
\ir include/scene.psql
SET LOCAL oms.now = '2026-03-02 09:00+00';

SELECT oms.create_workflow('{"name":"Correct","slaMins":600,"stages":[{"id":"a","owner":"A","slaMins":60},
	{"id":"b","owner":"B","dependsOn":["a"],"minAmount":50000},
	{"id":"c","owner":"C","dependsOn":["a"],"when":"$.kind == \"bridge\""},
	{"id":"d","owner":"D","dependsOn":["b","c"],"when":"$.kind == \"bridge\" && $stages.a.x > 1"},
	{"id":"e","owner":"E","dependsOn":["d"]}]}') \g /dev/null

-- ---------------------------------------------------------------------------
-- The merge patch: the cases of RFC 7396, one below the key "v" of the data
-- ---------------------------------------------------------------------------
SELECT is(t.play('Correct', format('2026-03-02 10:00+00 > open%s> oms.amend(TK, %L, ''r'')', E'\n', jsonb_build_object('v', patch)),
	'(SELECT data -> ''v'' FROM oms.ticket WHERE ticket_id = TK)', jsonb_build_object('v', target)), coalesce(result::text, 'NULL'), format('%s with %s', target, patch))
FROM (VALUES
	('{"a":"b"}'::jsonb, '{"a":"c"}'::jsonb, '{"a":"c"}'::jsonb), ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'), ('{"a":"b"}', '{"a":null}', '{}'),
	('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'), ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'), ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
	('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'), ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'), ('["a","b"]', '["c","d"]', '["c","d"]'),
	('{"a":"b"}', '["c"]', '["c"]'), ('{"a":"foo"}', 'null', NULL), ('{"a":"foo"}', '"bar"', '"bar"'), ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
	('[1,2]', '{"a":"b","c":null}', '{"a":"b"}'), ('{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'), ('{"a":1.50}', '{"b":[{"c":null}]}', '{"a":1.50,"b":[{"c":null}]}')) AS v(target, patch, result);
SELECT is(t.play('Correct', E'2026-03-02 10:00+00 > open', 'oms.amend(TK, ''{"amount":80000,"name":null,"deep":{"x":2}}'', ''mistyped'')', '{"amount":8000,"name":"Kim","deep":{"x":1,"y":1}}'),
	'{"deep": {"x": 2, "y": 1}, "amount": 80000}', 'returns the new data');

-- ---------------------------------------------------------------------------
-- What it is recorded as
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.to_b() RETURNS text LANGUAGE sql AS $$ SELECT $s$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.stage_done(TK, 'a', '{"x":2}')
$s$ $$;
SELECT is(t.play('Correct', t.to_b() || $$2026-03-02 10:20+00 > oms.amend(TK, '{"amount":80000}', 'mistyped')$$,
	'(SELECT (e.status, e.stage, e.note, e.payload, e.public, e.seq = (SELECT max(x.seq) FROM oms.timeline x WHERE x.ticket_id = TK))::text FROM oms.timeline e WHERE e.ticket_id = TK AND e.status = ''amended'')', '{"amount":100000}'),
	'(amended,,mistyped,"{""amount"": 80000}",f,t)', 'one event with the reason and the new data; citizens do not see it');
SELECT is(t.play('Correct', t.to_b() || $$2026-03-02 10:20+00 > oms.amend(TK, '{"amount":80000}', 'mistyped')$$, 't.citizen(TK)', '{"amount":100000}'),
	t.play('Correct', t.to_b(), 't.citizen(TK)', '{"amount":100000}'), 'the applicant sees what was seen before');
SELECT is(t.play('Correct', t.to_b() || $$ > oms.amend(TK, '{"amount":1e5}', 'the same')$$, 't.n(TK, ''amended'', NULL)', '{"amount":100000}'), '0', 'what changes nothing is not recorded');
SELECT is(t.play('Correct', $$2026-03-02 10:00+00 > open
	2026-03-02 11:20+00 > oms.amend(TK, '{"amount":80000}', 'mistyped')$$, '(SELECT string_agg(e.status, '', '' ORDER BY e.seq) FROM oms.timeline e WHERE e.ticket_id = TK AND e.status IN (''breached'', ''amended''))'),
	'breached, amended', 'what was due before comes before');

-- ---------------------------------------------------------------------------
-- What goes by it
-- ---------------------------------------------------------------------------
SELECT is(t.play('Correct', $$2026-03-02 10:00+00 > open
	> oms.amend(TK, '{"amount":80000,"kind":"bridge"}', 'r')
	> oms.stage_done(TK, 'a', '{"x":2}')$$, 't.states(TK)', '{"amount":8000,"kind":"road"}'), 'a done, b queued, c queued, d waiting, e waiting', 'conditions of what has not begun');
SELECT is(t.play('Correct', $$2026-03-02 10:00+00 > open
	> oms.amend(TK, '{"amount":8000,"kind":"road"}', 'r')
	> oms.stage_done(TK, 'a', '{"x":2}')$$, 't.states(TK)', '{"amount":80000,"kind":"bridge"}'), 'a done, b skipped, c skipped, d skipped, e queued', '… both ways');
SELECT is(t.play('Correct', t.to_b() || $$
	> oms.amend(TK, '{"amount":8000,"kind":"road"}', 'r')$$, 't.states(TK)', '{"amount":80000,"kind":"bridge"}'), 'a done, b queued, c queued, d waiting, e waiting', 'what was decided stays: queued');
SELECT is(t.play('Correct', t.to_b() || $$
	> oms.amend(TK, '{"amount":80000}', 'r')$$, 't.states(TK)', '{"amount":8000,"kind":"bridge"}'), 'a done, b skipped, c queued, d waiting, e waiting', '… skipped');
SELECT is(t.play('Correct', t.to_b() || $$
	> oms.amend(TK, '{"amount":80000}', 'r')$$, $$(SELECT data FROM oms.claim('C', 'x'))$$, '{"amount":8000,"kind":"bridge"}'), '{"kind": "bridge", "amount": 80000}', 'who claims gets the new data');
SELECT is(t.play('Correct', t.to_b() || $$
	> oms.amend(TK, '{"amount":80000}', 'r')$$, $$(SELECT string_agg(format('%s %s: %s', x.stage, x.status, x.why), '; ') FROM oms.explain(TK) x WHERE x.status = 'skipped')$$, '{"amount":8000,"kind":"bridge"}'),
	'b skipped: was skipped, and would run by the data as amended: oms.reopen() takes it up', 'explain names what would now run');
SELECT is(t.play('Correct', t.to_b() || $$
	> oms.amend(TK, '{"amount":80000}', 'r')
	> oms.reopen(TK, 'b', 'amount corrected')$$, $$t.status(TK, 'b'), (SELECT count(*) FROM oms.explain(TK) x WHERE x.status = 'skipped')$$, '{"amount":8000,"kind":"bridge"}'),
	'(queued,0)', '… and it can be taken up');
SELECT is(t.play('Correct', t.to_b() || c, $$(SELECT count(*) FROM oms.explain(TK) x WHERE x.status = 'skipped')$$, '{"amount":8000,"kind":"bridge"}'), '0', 'explain, not:' || c)
FROM unnest(ARRAY['', $$ > oms.amend(TK, '{"name":"Kim"}', 'r')$$, $$ > oms.skip_stage(TK, 'c', 'r')
	> oms.amend(TK, '{"kind":"bridge or so"}', 'r')$$, $$ > oms.amend(TK, '{"amount":80000}', 'r')
	> oms.cancel_ticket(TK, 'r')$$]) c;

-- Dates and limits
SELECT oms.create_workflow('{"name":"Dates","stages":[{"id":"a","owner":"A"},
	{"id":"b","owner":"B","dependsOn":["a"],"startAt":"$.on","dueAt":"$.by","sla":[{"when":"$.urgent == true","mins":30},{"mins":120}]}]}') \g /dev/null
SELECT is(t.play('Dates', E'2026-03-02 10:00+00 > open\n' || c, $$(SELECT concat_ws(' ', s.status, t.utc(s.starts_at), t.utc(s.due_at)) FROM oms.open_stage s WHERE s.ticket_id = TK AND s.stage = 'b')$$, '{"on":"2026-03-02T10:00Z"}'), r, c)
FROM (VALUES ($$> oms.stage_done(TK, 'a')$$, 'queued none 2026-03-02 12:00'),
	($$> oms.amend(TK, '{"on":"2026-03-02T12:00Z"}', 'r')
	> oms.stage_done(TK, 'a')$$, 'awaiting 2026-03-02 12:00 none'),
	($$> oms.amend(TK, '{"by":"2026-03-02T11:15Z"}', 'r')
	> oms.stage_done(TK, 'a')$$, 'queued none 2026-03-02 11:15'),
	($$> oms.amend(TK, '{"urgent":true}', 'r')
	> oms.stage_done(TK, 'a')$$, 'queued none 2026-03-02 10:30'),
	($$> oms.stage_done(TK, 'a')
	> oms.amend(TK, '{"urgent":true,"by":"2026-03-02T11:15Z","on":"2026-03-02T12:00Z"}', 'r')$$, 'queued none 2026-03-02 12:00'),
	-- what awaits a moment keeps it, and its limit is judged when it is queued
	($$> oms.amend(TK, '{"on":"2026-03-02T12:00Z"}', 'r')
	> oms.stage_done(TK, 'a')
	> oms.amend(TK, '{"on":"2026-03-02T13:00Z"}', 'r')$$, 'awaiting 2026-03-02 12:00 none'),
	($$> oms.amend(TK, '{"on":"2026-03-02T12:00Z"}', 'r')
	> oms.stage_done(TK, 'a')
	> oms.amend(TK, '{"urgent":true}', 'r')
	2026-03-02 12:00+00 > oms.tick()$$, 'queued none 2026-03-02 12:30')) AS v(c, r);
SELECT is(t.play('Dates', E'2026-03-02 10:00+00 > open\n > ' || c, '1'), '1', c) FROM unnest(ARRAY['22023 oms.amend(TK, ''{"on":"soon"}'', ''r'')', '22023 oms.amend(TK, ''{"by":"2026-02-30"}'', ''r'')', '22023 oms.amend(TK, ''{"by":7}'', ''r'')']) c;

-- ---------------------------------------------------------------------------
-- What it is not for
-- ---------------------------------------------------------------------------
SELECT is(t.play('Correct', t.to_b() || '> ' || c, '1', '{"amount":8000}'), '1', c) FROM unnest(ARRAY['22023 oms.amend(TK, ''{"amount":"8"}'', ''r'')', '22023 oms.amend(TK, ''[1]'', ''r'')', '22023 oms.amend(TK, ''1'', ''r'')',
	'22023 oms.amend(TK, ''null'', ''r'')', '22023 oms.amend(TK, NULL, ''r'')', '22023 oms.amend(TK, ''{}'', NULL)', '22023 oms.amend(TK, ''{}'', '''')', '22023 oms.amend(NULL, ''{}'', ''r'')',
	'OM002 oms.amend(''C-2026-99999'', ''{}'', ''r'')', '22023 oms.amend(TK, jsonb_build_object(''x'', repeat(''x'', 5000000)), ''r'')']) c;
SELECT is(t.play('Correct', t.to_b() || e || E'\n> OM005 oms.amend(TK, ''{"amount":1}'', ''r'')', '1', '{"amount":8000}'), '1', 'a closed ticket, by ' || e)
FROM unnest(ARRAY['> oms.cancel_ticket(TK, ''r'')', E'> oms.skip_stage(TK, ''c'', ''r'')\n> oms.skip_stage(TK, ''d'', ''r'')\n> oms.skip_stage(TK, ''e'', ''r'')']) e;
SELECT is(t.play('Correct', t.to_b() || $$ > oms.cancel_ticket(TK, 'r')
	2026-03-03 10:00+00 > oms.set_retention('0', 'Correct')
	> oms.seal()
	> oms.archive('infinity')
	> OM005 oms.amend(TK, '{"amount":1}', 'r')$$, '(SELECT count(*) FROM oms.archived_ticket WHERE ticket_id = TK)', '{"amount":8000}'), '1', 'an archived ticket, which stays where it is');
SELECT is(t.play('Correct', t.to_b() || $$ > oms.erase(TK, '{data}', 'r')
	> oms.amend(TK, '{"amount":60000,"name":"Lee"}', 'told anew')$$, '(SELECT data FROM oms.ticket WHERE ticket_id = TK)', '{"amount":8000,"name":"Kim"}'), '{"name": "Lee", "amount": 60000}', 'one whose data was erased gets data again');
SELECT is(t.play('Correct', t.to_b() || e || E'\n> oms.amend(TK, ''{"amount":1}'', ''r'')', '(SELECT data FROM oms.ticket WHERE ticket_id = TK)', '{"amount":80000}'), '{"amount": 1}', 'but one ' || e)
FROM unnest(ARRAY['> oms.hold(TK, NULL, ''r'')', '> oms.stage_failed(TK, ''b'', ''e'', NULL, false)']) e;

-- ---------------------------------------------------------------------------
-- Erasure reaches every version
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.left(tk oms.ticket_id, word text) RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = tk AND strpos(to_jsonb(e)::text, word) > 0
$$;
CREATE FUNCTION t.amended() RETURNS text LANGUAGE sql AS $$ SELECT t.to_b() || $s$
	> oms.amend(TK, '{"name":"CANARY two","old":null}', 'called CANARY reason')
	> oms.amend(TK, '{"amount":60000}', 'mistyped')
$s$ $$;
SELECT is(t.play('Correct', t.amended() || c, 't.left(TK, ''CANARY''), (SELECT data FROM oms.ticket WHERE ticket_id = TK)', '{"name":"CANARY one","old":"CANARY old","amount":80000}'), r, c)
FROM (VALUES ('> oms.erase(TK, ''{data.name}'', ''r'')', '(0,"{""amount"": 60000}")'),
	('> oms.erase(TK, ''{old}'', ''r'')', '(1,"{""name"": ""CANARY two"", ""amount"": 60000}")'),
	('> oms.erase(TK, ''{data}'', ''r'')', '(0,{})'),
	('> oms.erase(TK, ''{note.6}'', ''r'')', '(2,"{""name"": ""CANARY two"", ""amount"": 60000}")'),
	('> oms.erase(TK, ''{notes}'', ''r'')', '(2,"{""name"": ""CANARY two"", ""amount"": 60000}")'),
	('> oms.erase(TK, ''{notes,data.name}'', ''r'')', '(0,"{""amount"": 60000}")'),
	('> oms.erase(TK, ''{data.name,notes}'', ''r'')', '(0,"{""amount"": 60000}")'),
	('> oms.erase(TK, ''{note.6,notes}'', ''r'')', '(2,"{""name"": ""CANARY two"", ""amount"": 60000}")')) AS v(c, r);
SELECT is(t.play('Correct', t.amended() || '> 22023 oms.erase(TK, ''{data.never}'', ''r'')', '1', '{"name":"x"}'), '1', 'a key that no version had');
SELECT is(t.play('Correct', t.amended() || '> oms.erase(TK, ''{data.name}'', ''r'')', $$oms.amend(TK, '{"name":"new"}', 'r')$$, '{"name":"CANARY one","amount":80000}'), '{"name": "new", "amount": 60000}', 'amended after an erasure');

-- Who may
CREATE ROLE am_staff;
CREATE ROLE am_agent;
SELECT oms.grant_access('am_staff', 'staff'), oms.grant_access('am_agent', 'agent') \g /dev/null
SELECT oms.open_ticket('Correct', '{"amount":1}') AS tk \gset
GRANT USAGE ON SCHEMA t TO am_staff, am_agent;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA t TO am_staff, am_agent;
SET LOCAL ROLE am_agent;
SELECT error_code(format('SELECT oms.amend(%L, %L, %L)', :'tk', '{"amount":2}', 'r')) AS agent \gset
SET LOCAL ROLE am_staff;
SELECT error_code(format('SELECT oms.amend(%L, %L, %L)', :'tk', '{"amount":2}', 'r')) AS staff \gset
RESET ROLE;
SELECT is(:'agent'::text, '42501', 'agents do not');
SELECT is(:'staff'::text, '00000', 'staff do');

SELECT t.findings();
SELECT finish();
ROLLBACK;
