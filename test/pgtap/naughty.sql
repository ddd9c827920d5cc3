-- Calls that nobody should make and somebody will: broken numbers, NULLs,
-- empty and endless names, deep JSON, amounts that are no numbers. Each must
-- end in a proper error or a proper answer, never in an internal error, and
-- whatever got through must have left whole timelines behind.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
CREATE SCHEMA t;
SELECT setseed(0.4711) \g /dev/null
SET LOCAL client_min_messages = warning;

-- The code and the words of an error, for the message of a failed test.
CREATE FUNCTION t.said(sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE sql;
	RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- The classes of errors a caller may see; 00 is success.
CREATE FUNCTION t.proper(code text) RETURNS bool LANGUAGE sql IMMUTABLE AS
$$ SELECT left(code, 2) IN ('00', '0A', '22', '23', '25', '28', '40', '42', '53', '54', '55', '57', 'OM') $$;

SELECT oms.create_workflow('{"name":"Loan","stages":[{"id":"a","owner":"A"},{"id":"b","owner":"B","dependsOn":["a"],"minAmount":50000}]}') \g /dev/null
SELECT oms.open_ticket('Loan', '{"amount":1}')::text AS tk \gset

-- ---------------------------------------------------------------------------
-- Amounts: a finite JSON number or nothing
-- ---------------------------------------------------------------------------
SELECT is(error_code(format('SELECT oms.open_ticket(%L, %L)', 'Loan', d)), '22023', 'refused: ' || d) FROM unnest(ARRAY[
	'{"amount":"NaN"}', '{"amount":"Infinity"}', '{"amount":"-Infinity"}', '{"amount":"50000"}', '{"amount":""}', '{"amount":"1e9"}',
	'{"amount":null}', '{"amount":true}', '{"amount":false}', '{"amount":[]}', '{"amount":[50000]}', '{"amount":{}}', '{"amount":{"amount":50000}}']) d;
SELECT is(error_code(format('SELECT oms.open_tickets(%L, ARRAY[%L, %L]::jsonb[])', 'Loan', '{"amount":1}', d)), '22023', 'refused in bulk: ' || d)
FROM unnest(ARRAY['{"amount":"NaN"}', '{"amount":null}', '{"amount":[]}']) d;
SELECT is((SELECT count(*) FROM oms.ticket), 1::bigint, 'none of them became a ticket');
SELECT is(error_code(format('SELECT oms.open_ticket(%L, %L)', 'Loan', d)), '00000', 'accepted: ' || d) FROM unnest(ARRAY[
	'{}', '{"amount":0}', '{"amount":-1}', '{"amount":49999.999999999999999999999999999999}', '{"amount":1e300}', '{"amount":1e-300}',
	'{"Amount":"NaN"}', '{"data":{"amount":"NaN"}}']) d;
SELECT is(ARRAY(SELECT oms.next_stages('{"name":"N","stages":[{"id":"b","owner":"B","minAmount":50000},{"id":"c","owner":"C"}]}', '{}', d::jsonb)), w::text[],
	'compared as exact numbers: ' || d) FROM (VALUES
	('{"amount":49999.999999999999999999999999999999}', '{c}'), ('{"amount":50000.000000000000000000000000000001}', '{b,c}'),
	('{"amount":5e4}', '{b,c}'), ('{"amount":1e300}', '{b,c}'), ('{"amount":-1e300}', '{c}'), ('{}', '{b,c}')) v(d, w);

-- Data that is no object.
SELECT ok(t.proper(error_code(format('SELECT oms.open_ticket(%L, %L)', 'Loan', d))), 'proper: data ' || d)
FROM unnest(ARRAY['[]', '"x"', '5', 'true', 'null', '[{"amount":1}]']) d;
SELECT is(error_code($$SELECT oms.open_ticket('Loan', '{"a":"\u0000"}')$$), '22P05', 'U+0000 is no text');
SELECT is(error_code($$SELECT oms.open_ticket('Loan', '{"a":')$$), '22P02', 'half an object');
SELECT is(error_code($$SELECT oms.open_ticket('Loan', ('{"deep":' || repeat('[', 2000) || repeat(']', 2000) || '}')::jsonb)$$), '00000', '2,000 brackets deep');
SELECT is(error_code($$SELECT oms.open_ticket('Loan', jsonb_build_object('wide', repeat('ü', 1000000)))$$), '00000', 'two megabytes of data');
SELECT is(error_code($$SELECT oms.open_ticket('Loan', (SELECT jsonb_object_agg('k' || i, i) FROM generate_series(1, 20000) i))$$), '00000', '20,000 keys');

-- ---------------------------------------------------------------------------
-- Words of all kinds go in and come out as they were
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE words (w text);
INSERT INTO words VALUES ('it''s'), ('"quoted"'), ('back\slash'), ('%s %n %d %p %'), ('$1 $$ $x$'), ('{}'), ('{"a":1}'), ('NULL'), ('null'),
	(E'line\nfeed'), (E'tab\tand\rreturn'), (E'bell\u0007 escape\u001b[31m'), (E'del\u007f'), ('🙂 👩‍👩‍👧'), ('‮right to left'), (E'e\u0301'), ('&lt;b&gt;<b>'),
	('''; DROP TABLE oms.ticket; --'), (repeat('x', 8192)), (repeat('ü', 100000)), ('  blanks  '), ('breached? warning!');
SELECT is(t.said(format('SELECT oms.comment(%L, %L)', :'tk', w)), '00000', 'comment: ' || to_json(left(w, 30))) FROM words;
SELECT is_empty(format($$SELECT w FROM words WHERE w NOT IN (SELECT note FROM oms.get_timeline(%L::text) WHERE note IS NOT NULL)$$, :'tk'),
	'each comment is in the timeline as it was said');
SELECT is((SELECT count(*) FROM oms.get_ticket(:'tk') j, jsonb_array_elements(j -> 'history') h WHERE h ->> 'status' = 'comment'),
	(SELECT count(*) FROM words), 'and in the history');
SELECT is((SELECT count(*) FROM oms.get_timeline(:'tk'::text) WHERE status IN ('breached', 'warning')), 0::bigint, 'what people say is not what happened');
SELECT ok(t.proper(error_code(format('SELECT oms.claim_stage(oms.open_ticket(%L), %L, %L)', 'Loan', 'a', w))), 'worker: ' || to_json(left(w, 30))) FROM words;
SELECT ok(t.proper(error_code(format('SELECT oms.reassign(oms.open_ticket(%L), %L, %L, %L)', 'Loan', 'a', w, w))), 'new owner: ' || to_json(left(w, 30))) FROM words;
SELECT ok(t.proper(error_code(format('SELECT oms.open_ticket(%L, %L, %L, 0, %L)', 'Loan', '{}', w, w))), 'key and applicant: ' || to_json(left(w, 30))) FROM words;
SELECT ok(t.proper(error_code(format('SELECT * FROM oms.claim(%L, %L)', w, w))), 'claim: ' || to_json(left(w, 30))) FROM words;
SELECT ok(t.proper(error_code(format('SELECT oms.create_workflow(%L)', jsonb_build_object('name', w, 'description', w, 'stages',
	jsonb_build_array(jsonb_build_object('id', w, 'owner', w, 'label', w)))))), 'workflow: ' || to_json(left(w, 30))) FROM words;
SELECT is(error_code(format('SELECT oms.stage_done(%L, %L)', :'tk', w)), 'OM003', 'no such stage: ' || to_json(left(w, 30))) FROM words;
SELECT is(error_code(format('SELECT oms.get_ticket(%L)', w)), '22P02', 'no ticket: ' || to_json(left(w, 30))) FROM words;
SELECT is(error_code(format('SELECT oms.open_ticket(%L)', '-' || w)), 'OM001', 'no workflow: ' || to_json(left(w, 30))) FROM words;
SELECT ok(error_code(format('SELECT * FROM oms.get_timeline(%L::text)', w)) IN ('00000', '22P02', 'OM002'), 'timeline of ' || to_json(left(w, 30))) FROM words;
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chains are whole');

-- ---------------------------------------------------------------------------
-- Numbers and times at their ends
-- ---------------------------------------------------------------------------
SELECT ok(t.proper(error_code(format(sql, :'tk'))), sql) FROM unnest(ARRAY[
	'SELECT * FROM oms.claim(''A'', ''w'', 0)', 'SELECT * FROM oms.claim(''A'', ''w'', -1)', 'SELECT * FROM oms.claim(''A'', ''w'', -2147483648)',
	'SELECT * FROM oms.claim(''A'', ''w'', NULL)', 'SELECT * FROM oms.claim(''A'', ''w'', 1, NULL)', 'SELECT * FROM oms.claim(NULL)',
	'SELECT * FROM oms.claim(''A'', ''w'', 1, ''0'')', 'SELECT * FROM oms.claim(''A'', ''w'', 1, ''-5 minutes'')',
	'SELECT * FROM oms.claim(''A'', ''w'', 1, ''170000000 years'')', 'SELECT * FROM oms.claim(''A'', ''w'', 1, ''-170000000 years'')',
	'SELECT * FROM oms.claim(''A'', ''w'', 1, ''2147483647 months'')', 'SELECT * FROM oms.claim(''A'', ''w'', 1, ''1 microsecond'')',
	'SELECT * FROM oms.claim(''A'', ''w'', 2147483647)', 'SELECT oms.heartbeat(%L, ''a'', -9223372036854775808)', 'SELECT oms.heartbeat(%L, ''a'', 9223372036854775807)',
	'SELECT oms.heartbeat(%L, ''a'', NULL)', 'SELECT oms.heartbeat(%L, ''a'', 0, NULL)', 'SELECT oms.stage_done(%L, ''a'', NULL, -1)',
	'SELECT oms.open_ticket(''Loan'', ''{}'', NULL, 2147483647)', 'SELECT oms.open_ticket(''Loan'', ''{}'', NULL, -2147483648)',
	'SELECT oms.open_ticket(''Loan'', ''{}'', NULL, NULL)', 'SELECT oms.open_ticket(''Loan'', NULL)', 'SELECT oms.open_ticket(''Loan'', ''{}'', '''')',
	'SELECT oms.open_tickets(''Loan'', NULL)', 'SELECT oms.open_tickets(''Loan'', ARRAY[NULL]::jsonb[])', 'SELECT oms.open_tickets(''Loan'', ARRAY[[''{}'', ''{}''],[''{}'', ''{}'']]::jsonb[])',
	'SELECT oms.get_workflow(''Loan'', 0)', 'SELECT oms.get_workflow(''Loan'', -1)', 'SELECT oms.get_workflow(''Loan'', 2147483647)',
	'SELECT oms.breached(''-infinity'', ''infinity'', 5)', 'SELECT oms.breached(''infinity'', ''infinity'', 5)', 'SELECT oms.breached(now(), ''infinity'', 2147483647)',
	'SELECT oms.breached(''4714-11-24 00:00+00 BC'', ''294276-12-31 23:59+00'', 2147483647)', 'SELECT oms.breached(''294276-12-31 23:59+00'', ''294276-12-31 23:59+00'', 2147483647)',
	'SELECT oms.breached(now(), now(), -2147483648)', 'SELECT oms.breached(NULL, NULL, NULL)']) sql;
SELECT ok(oms.breached('2026-01-01 00:00+00', '2026-01-01 00:00:00.000001+00', 0), 'a limit of nothing is over at once');
SELECT ok(NOT oms.breached('2026-01-01 00:00+00', '2026-01-01 00:00+00', 0), 'but not before');

-- The clock at the ends of time.
SELECT ok(t.proper(error_code(format('SET LOCAL oms.now = %L; SELECT oms.open_ticket(''Loan''), oms.tick(), oms.breached(now(), now(), 1)', v))), 'clock: ' || v)
FROM unnest(ARRAY['infinity', '-infinity', 'yesterday', 'nonsense', '', '294276-12-31 23:59:59+00', '4714-11-24 00:00+00 BC', '2026-02-30', '0001-01-01 00:00+00',
	'9999-12-31 23:59:59+00', '10000-01-01 00:00+00', 'NaN', '2026-01-01 25:00', 'now', 'epoch']) v;
RESET oms.now;
SELECT is(error_code('SELECT oms.open_ticket(''Loan'')'), '00000', 'the clock runs again');

-- ---------------------------------------------------------------------------
-- stages_done eats what it is given
-- ---------------------------------------------------------------------------
SELECT ok(t.proper(error_code(format('SELECT oms.stages_done(%L)', d))), 'stages_done: ' || left(d, 70)) FROM unnest(ARRAY['null', '5', '"x"', '{}', '{"ticket":"x"}',
	'[null]', '[5]', '["x"]', '[[]]', '[{}]', '[{"ticket":null,"stage":null}]', '[{"ticket":5,"stage":"a"}]', '[{"ticket":"x","stage":"a"}]',
	'[{"ticket":"DL-2026-00001"}]', '[{"stage":"a"}]', '[{"ticket":["DL-2026-00001"],"stage":{"a":1}}]', '[{"ticket":"","stage":""}]',
	'[{"ticket":"DL-2026-00001","stage":"a","token":"x"}]', '[{"ticket":"DL-2026-00001","stage":"a","token":1.5}]',
	'[{"ticket":"DL-2026-00001","stage":"a","token":1e30}]', '[{"ticket":"DL-2026-00001","stage":"a","unknown":1}]',
	(repeat('[', 1000) || repeat(']', 1000)), '[' || repeat('{},', 5000) || '{}]']) d;
SELECT isnt(error_code(format('SELECT oms.stages_done(%L)', replace(d, 'TK', :'tk'))), '00000', 'not swallowed: ' || d) FROM unnest(ARRAY['5', '{"a":1}', '[null]', '[{}]', '["x"]',
	'[{"ticket":"TK","stage":"a","token":"x"}]', '[{"ticket":"TK","stage":"a","token":1.5}]', '[{"ticket":"TK","stage":5}]']) d;
SELECT isnt((SELECT status::text FROM oms.stage WHERE ticket_id = :'tk' AND stage::text = 'a'), 'done', 'none of them finished anything');
SELECT is(oms.stages_done(format('[{"ticket":"%1$s","stage":"a"},{"ticket":"%1$s","stage":"b"}]', oms.open_ticket('Loan', '{"amount":90000}'))::jsonb), 2,
	'two stages of one ticket in their order');

-- ---------------------------------------------------------------------------
-- Broken definitions: validator, creator and the pure function agree
-- ---------------------------------------------------------------------------
-- Spoil a sound definition in one to three random places.
CREATE FUNCTION t.spoil() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	d	jsonb := '{"name":"Spoilt","prefix":"SP","owner":"o","slaMins":100,"stages":[{"id":"a","owner":"A","slaMins":5,"warnAt":[50]},
		{"id":"b","owner":"B","dependsOn":["a"],"join":"any","minAmount":10,"when":"$.x == 1","retry":{"maxAttempts":3}},
		{"id":"c","owner":"C","dependsOn":["a","b"],"join":2,"when":"$stages.a.x > 1","slaMins":5,"escalation":[{"at":"100%","notify":"n"}]}]}';
	places	text[] := ARRAY['{name}', '{prefix}', '{owner}', '{slaMins}', '{stages}', '{stages,0}', '{stages,1}', '{stages,2}', '{stages,0,id}', '{stages,0,owner}',
		'{stages,0,slaMins}', '{stages,0,warnAt}', '{stages,0,warnAt,0}', '{stages,1,id}', '{stages,1,dependsOn}', '{stages,1,dependsOn,0}', '{stages,1,join}',
		'{stages,1,minAmount}', '{stages,1,when}', '{stages,1,retry}', '{stages,1,retry,maxAttempts}', '{stages,2,id}', '{stages,2,dependsOn}', '{stages,2,dependsOn,0}',
		'{stages,2,dependsOn,1}', '{stages,2,join}', '{stages,2,when}', '{stages,2,escalation}', '{stages,2,escalation,0}', '{stages,2,escalation,0,at}',
		'{stages,2,escalation,0,notify}', '{stages,0,dependsOn}', '{stages,0,unknown}', '{unknown}', '{stages,1,notSameAs}', '{stages,1,manual}'];
	junk	jsonb[] := ARRAY['null', 'true', 'false', '0', '-1', '1', '2', '3.5', '1e10', '1e400', '""', '"a"', '"b"', '"c"', '"all"', '"$"', '"$x"', '"$.a == "', '"%s"',
		'[]', '["a"]', '["c"]', '[[]]', '[null]', '[1]', '{}', '{"a":1}', '{"id":"a","owner":"x"}', '"NaN"'];
	p	text[];
BEGIN
	FOR i IN 1..1 + floor(random() * 3)::int LOOP
		p := places[1 + floor(random() * cardinality(places))::int];
		IF random() < 0.2 THEN
			d := d #- p;
		ELSE
			d := jsonb_set(d, p, junk[1 + floor(random() * cardinality(junk))::int]);
		END IF;
	END LOOP;
	RETURN d;
EXCEPTION WHEN OTHERS THEN
	-- One place lay within another that is gone.
	RETURN d;
END $$;
CREATE TEMP TABLE spoilt AS SELECT DISTINCT t.spoil() AS def FROM generate_series(1, 1500);
CREATE TEMP TABLE judged AS SELECT def, (SELECT count(*) FROM oms.validate_workflow(def)) AS problems,
	t.said(format('SELECT oms.create_workflow(%L)', def)) AS created,
	t.said(format('SELECT oms.next_stages(%L::jsonb, %L::text[], %L::jsonb)', def, '{a}', '{"amount":20,"x":1}')) AS asked
FROM spoilt;
SELECT cmp_ok((SELECT count(*) FROM judged WHERE problems > 0), '>=', 300::bigint, 'hundreds of definitions are bad');
SELECT cmp_ok((SELECT count(*) FROM judged WHERE problems = 0), '>=', 20::bigint, 'some are sound all the same');
SELECT is_empty($$SELECT def, problems, created FROM judged WHERE created NOT LIKE CASE WHEN problems > 0 THEN 'OM004 %' ELSE '00000' END$$,
	'create_workflow raises OM004 exactly for what the validator complains of');
SELECT is_empty($$SELECT def, asked FROM judged WHERE problems = 0 AND asked <> '00000'$$, 'next_stages answers for every sound definition');
SELECT is_empty($$SELECT def, asked FROM judged WHERE problems > 0 AND asked !~ '^(00000|OM004|22)'$$, 'and complains properly of the others');
SELECT ok(t.proper(error_code(format('SELECT oms.next_stages(%L::jsonb, %s)', d, done))), 'next_stages ' || left(d, 40) || ' ' || left(done, 30))
FROM unnest(ARRAY['null', '5', '[]', '{}', '{"stages":5}', '{"stages":[5]}', '{"stages":[{}]}', '{"name":"n","stages":[{"id":"a","owner":"o"}]}', repeat('[', 900) || repeat(']', 900)]) d,
	unnest(ARRAY['NULL', '''{}''', '''{nowhere}''', '''{NULL}''', '''{a,a,a}''', '''{{a},{a}}''', '''[5:6]={a,a}''', 'ARRAY[repeat(''x'', 8192)]', '''{a}'', NULL', '''{a}'', ''5''',
	'''{a}'', ''{"amount":"NaN"}''']) done;

-- ---------------------------------------------------------------------------
-- Every function of the schema, with hostile values for every argument
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Fuzz","stages":[{"id":"a","owner":"A","slaMins":1},{"id":"b","owner":"B","dependsOn":["a"]},{"id":"c","owner":"A","dependsOn":["a"],"retry":{"maxAttempts":2}}]}') \g /dev/null
CREATE TEMP TABLE victims AS SELECT oms.open_ticket('Fuzz', '{}')::text AS tk FROM generate_series(1, 30);

-- Values by type, each an SQL expression; the ordinary ones come twice so that
-- some calls succeed.
CREATE TEMP TABLE poison (typ regtype, expr text);
INSERT INTO poison
SELECT 'text'::regtype, format('%L::text', w) FROM words WHERE length(w) < 9000
UNION ALL SELECT 'text'::regtype, format('%L::text', x) FROM unnest(ARRAY['', ' ', 'a', 'b', 'c', 'A', 'B', 'w', 'Fuzz', 'Loan', 'NoSuch', 'DL-2026-00001', 'done', 'queued', 'SBA', 'postgres', 'public']) x, generate_series(1, 4)
UNION ALL SELECT 'text'::regtype, 'repeat(chr(10), 300000)'
UNION ALL SELECT 'oms.ticket_id'::regtype, format('%L::oms.ticket_id', tk) FROM victims, generate_series(1, 3)
UNION ALL SELECT 'oms.ticket_id'::regtype, format('%L::oms.ticket_id', x) FROM unnest(ARRAY['A-1999-00001', 'ZZZZ-2100-99999', 'DL-2026-00001']) x
UNION ALL SELECT 'jsonb'::regtype, format('%L::jsonb', x) FROM unnest(ARRAY['null', 'true', '0', '-1e400', '""', '"x"', '[]', '{}', '{}', '{}', '[null]', '{"":{"":[]}}', '{"amount":1}', '{"amount":"NaN"}',
	'{"amount":null}', '{"name":5}', '{"name":"F2","stages":[{"id":"a","owner":"A"}]}', '{"name":"Fuzz","stages":[]}', '[{"ticket":"DL-2026-00001","stage":"a"}]', repeat('[', 500) || repeat(']', 500)]) x
UNION ALL SELECT 'int'::regtype, x || '::int' FROM unnest(ARRAY['0', '1', '1', '2', '(-1)', '2147483647', '(-2147483648)', '7']) x
UNION ALL SELECT 'bigint'::regtype, x || '::bigint' FROM unnest(ARRAY['0', '1', '2', '3', '5', '(-1)', '9223372036854775807', '(-9223372036854775808)']) x
UNION ALL SELECT 'smallint'::regtype, x || '::smallint' FROM unnest(ARRAY['0', '1', '(-32768)', '32767']) x
UNION ALL SELECT 'bool'::regtype, x FROM unnest(ARRAY['true', 'false']) x
UNION ALL SELECT 'interval'::regtype, format('%L::interval', x) FROM unnest(ARRAY['0', '1 microsecond', '5 minutes', '-5 minutes', '170000000 years', '-170000000 years', '2147483647 days']) x
UNION ALL SELECT 'timestamptz'::regtype, format('%L::timestamptz', x) FROM unnest(ARRAY['infinity', '-infinity', '2026-01-01', '4714-11-24 00:00+00 BC', '294276-12-31 23:59+00', 'epoch']) x
UNION ALL SELECT 'text[]'::regtype, format('%L::text[]', x) FROM unnest(ARRAY['{}', '{a}', '{a,b}', '{NULL}', '{{a,b},{c,d}}', '[7:8]={a,b}']) x
UNION ALL SELECT 'jsonb[]'::regtype, format('%L::jsonb[]', x) FROM unnest(ARRAY['{}', '{"{}"}', '{NULL}', '{1,[],null}', '{{"{}"},{"{}"}}', '[7:8]={"{}","{}"}']) x
UNION ALL SELECT 'name'::regtype, format('%L::name', x) FROM unnest(ARRAY['', 'postgres', 'public', 'nobody']) x
UNION ALL SELECT 'name[]'::regtype, format('%L::name[]', x) FROM unnest(ARRAY['{}', '{postgres}', '{NULL}', '{nobody}']) x
UNION ALL SELECT 'bytea'::regtype, format('%L::bytea', x) FROM unnest(ARRAY['', '\x00', '\xdeadbeef', '\x0000000000000000', '\xffffffffffffffff']) x;

-- All functions that SQL can call: no triggers, nothing that takes or gives
-- what only the server has.
CREATE TEMP TABLE targets AS
SELECT p.oid, p.proname::text AS name, p.pronamespace::regnamespace AS schema, p.proargtypes::oid[] AS args, p.pronargs, p.pronargdefaults, p.provariadic <> 0 AS variadic
FROM pg_proc p
WHERE p.pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND p.prokind = 'f' AND p.provariadic = 0
	AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
	AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[]) a WHERE a IN ('internal'::regtype, 'cstring'::regtype) OR a IN (SELECT oid FROM pg_type WHERE typtype = 'p'));
SELECT is(ARRAY(SELECT f FROM unnest(ARRAY['breached', 'cancel_ticket', 'claim', 'claim_stage', 'comment', 'create_workflow', 'escalate', 'get_ticket', 'get_timeline',
	'get_workflow', 'heartbeat', 'next_stages', 'open_ticket', 'open_tickets', 'reassign', 'release', 'retire_workflow', 'retry_stage', 'skip_stage', 'stage_done',
	'stage_failed', 'stages_done', 'tick', 'validate_workflow', 'verify_timeline', 'version']) f WHERE f NOT IN (SELECT name FROM targets)), '{}',
	'every function of the contract is among the targets');

-- One call with random arguments: a value of the type, or NULL one time in
-- ten; sometimes the optional ones are left out.
CREATE FUNCTION t.shoot(f targets) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	list	text[] := '{}';
	e	text;
	n	int := f.pronargs - CASE WHEN random() < 0.3 THEN floor(random() * (f.pronargdefaults + 1))::int ELSE 0 END;
BEGIN
	FOR i IN 0..n - 1 LOOP
		SELECT expr INTO e FROM poison WHERE typ = f.args[i] ORDER BY random() LIMIT 1;
		IF e IS NULL OR random() < 0.1 THEN
			e := format('NULL::%s', f.args[i]::regtype);
		END IF;
		list := list || e;
	END LOOP;
	RETURN format('SELECT * FROM %s.%I(%s)', f.schema, f.name, array_to_string(list, ', '));
END $$;

-- The type's output function gives a cstring, which FROM cannot show; it is
-- called by every other test.
DELETE FROM targets WHERE oid IN (SELECT oid FROM pg_proc WHERE prorettype = 'cstring'::regtype);
-- Each once: of a function without arguments there is but one call, and wrong tracking numbers are answered slowly.
-- Each once: a function without arguments has but one call, and wrong tracking numbers are answered slowly.
CREATE TEMP TABLE calls AS
SELECT f.name, t.shoot(f) AS sql FROM targets f, generate_series(1, 60) UNION
SELECT f.name, format('SELECT * FROM %s.%I(%s)', f.schema, f.name, array_to_string(ARRAY(SELECT format('NULL::%s', a::regtype) FROM unnest(f.args) a), ', ')) FROM targets f;
CREATE TEMP TABLE shots AS
SELECT c.name, c.sql, t.said(c.sql) FROM (SELECT * FROM calls ORDER BY random()) AS c;
SELECT is_empty('SELECT left(sql, 200), said FROM shots WHERE NOT t.proper(said)', 'no call ends in an improper error');
SELECT is_empty(format($$SELECT left(sql, 200), said FROM shots WHERE name = %L AND said LIKE 'XX%%'$$, name), 'no internal error from ' || name)
FROM (SELECT DISTINCT name FROM targets) x ORDER BY name;
SELECT cmp_ok((SELECT count(DISTINCT name) FROM shots WHERE said = '00000'), '>=', 15::bigint, 'many functions also had good calls among them');
SELECT is_empty('SELECT left(sql, 200), said FROM shots WHERE said ~ ''^[0-9A-Z]{5} *$'' AND said <> ''00000''', 'every error has words');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'after the storm every chain is whole');
SELECT is_empty('SELECT k.ticket_id FROM oms.ticket k WHERE error_code(format(''SELECT oms.get_ticket(%L), oms.next_stages(%L)'', k.ticket_id, k.ticket_id)) <> ''00000''',
	'and every ticket can be read');

SELECT finish();
ROLLBACK;
