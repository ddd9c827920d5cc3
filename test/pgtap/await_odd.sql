-- Odd cases of stages that nobody claims: who is first, keys and payloads of all kinds, dates that contradict each other,
-- clocks that change, and what is at its limits. The times were worked out by hand.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
\ir include/scene.psql
SET LOCAL oms.now = '2024-01-02 10:00+00';
SELECT oms.create_calendar('ALL', '{"timezone":"America/New_York","hours":{"mon":["00:00-24:00"],"tue":["00:00-24:00"],"wed":["00:00-24:00"],"thu":["00:00-24:00"],"fri":["00:00-24:00"],"sat":["00:00-24:00"],"sun":["00:00-24:00"]}}'),
	oms.create_calendar('NIGHT', '{"timezone":"America/New_York","hours":{"sun":["02:00-04:00"],"mon":["02:00-04:00"]}}') \g /dev/null
CREATE FUNCTION t.kept() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT count(*) FROM oms.message $$;
CREATE FUNCTION t.output(tk oms.ticket_id, st text DEFAULT 'a') RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(s.output::text, 'NULL') FROM oms.stage s WHERE s.ticket_id = tk AND s.stage = st
$$;

-- ---------------------------------------------------------------------------
-- Who gets it
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"K","stages":[{"id":"a","waitFor":{"message":"m","key":"$.k"}}]}'),
	oms.create_workflow('{"name":"Two","stages":[{"id":"a","waitFor":{"message":"m","key":"$.k"}},{"id":"b","waitFor":{"message":"m","key":"$.k"}},{"id":"c","owner":"Desk","dependsOn":["a","b"]}]}') \g /dev/null
SELECT is(t.play('Two', E'2026-03-02 10:00+00 > open' || repeat(E'\n> oms.send_message(''m'', ''A'')', n), 't.states(TK), t.kept()', '{"k":"A"}'), wanted, n || ' for two stages of a ticket with one key') FROM (VALUES
	(1, '("a done, b awaiting, c waiting",0)'), (2, '("a done, b done, c queued",0)'), (3, '("a done, b done, c queued",1)')) v(n, wanted);
SELECT is(t.play('Two', repeat(E'2026-03-02 10:00+00 > oms.send_message(''m'', ''A'')\n', n) || '2026-03-02 10:00+00 > open', 't.states(TK), t.kept()', '{"k":"A"}'), wanted, n || ' kept for two stages of a ticket with one key') FROM (VALUES
	(1, '("a done, b awaiting, c waiting",0)'), (2, '("a done, b done, c queued",0)'), (3, '("a done, b done, c queued",1)')) v(n, wanted);
-- of two stages that go on together, the one that has waited longest, and what comes after it last
SELECT oms.create_workflow('{"name":"Late","stages":[{"id":"x","owner":"Desk"},{"id":"c","dependsOn":["x"],"waitFor":{"message":"m","key":"$.k"}},{"id":"d","waitFor":{"message":"m","key":"$.k"}},
	{"id":"b","dependsOn":["d"],"waitFor":{"message":"m","key":"$.k"}}]}') \g /dev/null
SELECT is(t.play('Late', E'2026-03-02 10:00+00 > open\n2026-03-02 10:10+00 > oms.stage_done(TK, ''x'')\n2026-03-02 10:20+00 > oms.hold(TK, NULL, ''r'', ' || until || E')' || repeat(E'\n2026-03-02 10:30+00 > oms.send_message(''m'', ''A'')', n) || E'\n2026-03-02 10:40+00 > ' || resume, 't.states(TK), t.kept()', '{"k":"A"}'), wanted, n || ' kept for two stages that go on by ' || resume)
	FROM (VALUES (1, '("x done, c awaiting, d done, b awaiting",0)'), (2, '("x done, c done, d done, b awaiting",0)'), (3, '("x done, c done, d done, b done",0)')) v(n, wanted),
	(VALUES ('NULL', 'oms.resume(TK, NULL)'), ('''2026-03-02 10:35+00''', 'oms.tick()')) w(until, resume);
-- tickets that wait for one key: the one that has waited longest; on hold it is passed over, and comes first again afterwards
SAVEPOINT many;
CREATE TEMP TABLE waiting (n int, tk oms.ticket_id);
DO $$ BEGIN
	FOR i IN 1 .. 5 LOOP
		PERFORM set_config('oms.now', format('2026-03-02 10:0%s+00', i), true);
		INSERT INTO waiting VALUES (i, oms.open_ticket('K', '{"k":"A"}'));
	END LOOP;
	PERFORM oms.hold(tk, 'a', 'r') FROM waiting WHERE n IN (1, 2);
	PERFORM oms.send_message('m', 'A', '{"to":3}');
	PERFORM set_config('oms.now', '2026-03-02 11:00+00', true);
	PERFORM oms.resume(tk, 'a') FROM waiting WHERE n = 1;
	PERFORM oms.send_message('m', 'A', '{"to":1}');
	PERFORM oms.reopen(tk, 'a', 'again') FROM waiting WHERE n = 1;
	PERFORM oms.send_message('m', 'A', '{"to":4}'), oms.send_message('m', 'A', '{"to":5}'), oms.send_message('m', 'A', '{"to":"1 again"}');
END $$;
SELECT is((SELECT string_agg(concat_ws(' ', w.n, s.status, s.output ->> 'to'), ', ' ORDER BY w.n) FROM waiting w JOIN oms.stage s ON s.ticket_id = w.tk),
	'1 done 1 again, 2 on_hold, 3 done 3, 4 done 4, 5 done 5', 'the one that has waited longest, but for those on hold; who waits again is last');
ROLLBACK TO many;

-- ---------------------------------------------------------------------------
-- Keys and payloads
-- ---------------------------------------------------------------------------
SELECT is(t.play('K', '2026-03-02 10:00+00 > open', 't.status(TK), t.notes(TK, ''failed''), oms.send_message(''m'', ' || quote_literal(sent) || '), t.status(TK)', jsonb_build_object('k', k)), wanted, 'key ' || left(k::text, 40) || ' and ' || left(sent, 20)) FROM (VALUES
	('"a\nb"'::jsonb, E'a\nb', '(awaiting,"",1,done)'), ('" A1 "', 'A1', '(awaiting,"",0,awaiting)'), ('" A1 "', ' A1 ', '(awaiting,"",1,done)'), ('"a1"', 'A1', '(awaiting,"",0,awaiting)'),
	('"Grün 🌳 \\ '' \" %_"', E'Grün 🌳 \\ '' " %_', '(awaiting,"",1,done)'), (to_jsonb(repeat('ä', 127)), repeat('ä', 127), '(awaiting,"",1,done)'),
	(to_jsonb(repeat('ä', 128)), 'x', '(failed,"the key of waitFor gives a text of 256 bytes, 1 to 255 are possible",0,failed)'),
	('12', '12', '(awaiting,"",1,done)'), ('"012"', '12', '(awaiting,"",0,awaiting)'), ('"12.50"', '12.5', '(awaiting,"",0,awaiting)'), ('1e2', '100', '(awaiting,"",1,done)'),
	('1E-7', '0.0000001', '(awaiting,"",1,done)'), ('-0', '0', '(awaiting,"",1,done)'), ('-1.50', '-1.5', '(awaiting,"",1,done)'),
	('1e300', '1', '(failed,"the key of waitFor gives a text of 301 bytes, 1 to 255 are possible",0,failed)'),
	('true', 'true', '(failed,"the key of waitFor gives a value that is neither text nor number",0,failed)'),
	('["A"]', 'A', '(failed,"the key of waitFor gives a value that is neither text nor number",0,failed)')) v(k, sent, wanted);
SELECT oms.create_workflow('{"name":"Any","stages":[{"id":"x","owner":"Desk"},{"id":"a","dependsOn":["x"],"waitFor":{"message":"m","key":"$stages.x.keys[*]"}}]}') \g /dev/null
SELECT is(t.play('Any', '2026-03-02 10:00+00 > open' || E'\n> oms.stage_done(TK, ''x'', ' || quote_literal(output) || ')', 't.status(TK), t.notes(TK, ''failed''), oms.send_message(''m'', ''A'')'), wanted, 'a key that comes from ' || output) FROM (VALUES
	('{"keys":["A"]}', '(awaiting,"",1)'), ('{"keys":["A","B"]}', '(failed,"the key of waitFor gives 2 values instead of one",0)'), ('{"keys":[]}', '(failed,"the key of waitFor gives 0 values instead of one",0)'),
	('{"keys":"A"}', '(awaiting,"",1)'), ('[1]', '(failed,"the key of waitFor gives 0 values instead of one",0)')) v(output, wanted);
SELECT is(t.play('K', E'2026-03-02 10:00+00 > open\n> oms.send_message(''m'', ''A'', ' || coalesce(quote_literal(payload), 'NULL') || ')', 't.status(TK), t.output(TK)', '{"k":"A"}'), format('(done,%s)', wanted), 'payload ' || coalesce(payload, 'NULL')) FROM (VALUES
	('{}', '{}'), (NULL, '{}'), ('null', '{}'), ('7', '7'), ('"a"', '"""a"""'), ('[1, 2]', '"[1, 2]"'), ('{"a": null}', '"{""a"": null}"')) v(payload, wanted);
SELECT is(t.play('K', E'2026-03-02 10:00+00 > oms.send_message(''m'', ''A'', ' || coalesce(quote_literal(payload), 'NULL') || E')\n> open', 't.status(TK), t.output(TK)', '{"k":"A"}'), format('(done,%s)', wanted), 'kept payload ' || coalesce(payload, 'NULL')) FROM (VALUES
	('{}', '{}'), (NULL, '{}'), ('null', '{}'), ('7', '7'), ('[1, 2]', '"[1, 2]"'), ('{"a": null}', '"{""a"": null}"')) v(payload, wanted);
-- just as large as the settings allow, at once and kept
SET LOCAL oms.max_message_size = 64;
SET LOCAL oms.max_output_size = 64;
CREATE FUNCTION t.size(bytes int) RETURNS jsonb LANGUAGE sql AS $$ SELECT to_jsonb(repeat('x', bytes - pg_column_size('""'::jsonb))) $$;
SELECT is(t.play('K', script, 't.status(TK), length(t.output(TK)) > 65000', '{"k":"A"}'), '(done,t)', 'as large as possible: ' || script) FROM (VALUES
	(E'2026-03-02 10:00+00 > open\n> oms.send_message(''m'', ''A'', t.size(65536))'), (E'2026-03-02 10:00+00 > oms.send_message(''m'', ''A'', t.size(65536))\n> open')) v(script);
SELECT is(t.play('K', E'2026-03-02 10:00+00 > open\n> 22023 oms.send_message(''m'', ''A'', t.size(65537))', 't.status(TK), t.kept()', '{"k":"A"}'), '(awaiting,0)', 'and not a byte more');
SET LOCAL oms.max_message_size = DEFAULT;
SET LOCAL oms.max_output_size = DEFAULT;

-- ---------------------------------------------------------------------------
-- Arguments
-- ---------------------------------------------------------------------------
SAVEPOINT arguments;
SELECT is(error_code('SELECT ' || call), wanted, call) FROM (VALUES
	('oms.send_message(NULL, ''k'')', '22023'), ('oms.send_message(''m'', NULL)', '22023'), ('oms.send_message('''', ''k'')', '22023'), ('oms.send_message(repeat(''m'', 64), ''k'')', '22023'),
	('oms.send_message(repeat(''m'', 63), repeat(''k'', 255))', '00000'), ('oms.send_message(''m'', ''k'', ttl => NULL)', '22023'), ('oms.send_message(''m'', ''k'', ttl => ''-1 s'')', '22023'),
	('oms.send_message(''m'', ''k'', ttl => ''1 microsecond'')', '00000'), ('oms.send_message(''m'', ''k'', ttl => ''366 days'')', '00000'), ('oms.send_message(''m'', ''k'', ttl => ''178000000 years'')', '22023'),
	('oms.send_message(''m'', ''k'', message_id => '''')', '22023'), ('oms.send_message(''m'', ''k'', message_id => repeat(''i'', 255))', '00000'), ('oms.send_message(''m'', ''k'', message_id => repeat(''i'', 256))', '22023'),
	('oms.drop_message(NULL, ''k'')', '22023'), ('oms.drop_message(''m'', NULL)', '22023'), ('oms.drop_message(''m'', ''nothing'')', '00000')) v(call, wanted);
ROLLBACK TO arguments;
SELECT is(t.play('K', E'2026-03-02 10:00+00 > open\n> oms.send_message(''m'', ''A'', ''{"n":1}'', ''id'', ''1 day'')', call, '{"k":"A"}'), wanted, call || ' after one that was delivered') FROM (VALUES
	('oms.send_message(''m'', ''A'', ''{"n":1.0}'', ''id'', ''24 hours'')', '0'), ('error_code($$SELECT oms.send_message(''m'', ''A'', ''{"n":2}'', ''id'', ''1 day'')$$)', 'OM008'),
	('error_code($$SELECT oms.send_message(''m'', ''A'', ''{"n":1}'', ''id'')$$)', 'OM008'), ('error_code($$SELECT oms.send_message(''n'', ''A'', ''{"n":1}'', ''id'', ''1 day'')$$)', 'OM008'),
	('error_code($$SELECT oms.send_message(''m'', ''B'', ''{"n":1}'', ''id'', ''1 day'')$$)', 'OM008')) v(call, wanted);

-- ---------------------------------------------------------------------------
-- A message finds its stage by an index, and looks at no other
-- ---------------------------------------------------------------------------
SAVEPOINT index;
SELECT count(*) FROM oms.open_tickets('K', ARRAY(SELECT jsonb_build_object('k', 'N' || n) FROM generate_series(1, 300) n)) \g /dev/null
SELECT count(oms.send_message('m', 'nobody ' || n)) FROM generate_series(1, 300) n \g /dev/null
CREATE FUNCTION t.read() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT sum(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_xact_all_tables WHERE schemaname = 'oms' AND relname IN ('stage_state', 'ticket_state', 'kept_message')
$$;
SELECT t.read() AS before \gset
SELECT is(oms.send_message('m', 'N150'), 1, 'one of 300 that wait');
SELECT cmp_ok(t.read() - :before, '<', 20::bigint, '... is found without looking at the others, nor at what is kept');
SELECT t.read() AS before \gset
SELECT oms.open_ticket('K', '{"k":"nobody 150"}') AS tk \gset
SELECT cmp_ok(t.read() - :before, '<', 20::bigint, '... and so is one of 300 that are kept');
SELECT is(t.ticket(:'tk'), 'done', '... which finishes a stage');
ROLLBACK TO index;

-- ---------------------------------------------------------------------------
-- Dates that contradict each other
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Dates","stages":[{"id":"a","owner":"Desk","startAt":"$.from","dueAt":"$.by","warnAt":[50]}]}'),
	oms.create_workflow('{"name":"Law","stages":[{"id":"a","owner":"Desk","startAt":"$.from","dueAt":"$.by","escalation":[{"at":"100%","finishWith":{"by":"law"}}]},{"id":"b","owner":"Desk","dependsOn":["a"]}]}'),
	oms.create_workflow('{"name":"Mail","stages":[{"id":"a","waitFor":{"message":"m","key":"$.k"},"dueAt":"$.by","escalation":[{"at":"100%","finishWith":{"by":"law"}}]},{"id":"b","owner":"Desk","dependsOn":["a"]}]}') \g /dev/null
SELECT is(t.play('Dates', '2026-03-02 10:00+00 > open' || E'\n' || at || ' > oms.tick()', 't.log(TK), t.due(TK)', '{"from":"2026-03-02T12:00Z","by":"2026-03-02T11:00Z"}'), wanted, 'due before it starts, at ' || at) FROM (VALUES
	('2026-03-02 11:30+00', '(awaiting,none)'), ('2026-03-02 12:00+00', '("awaiting, queued, warning","2026-03-02 12:00")'),
	('2026-03-02 12:00:00.000001+00', '("awaiting, queued, warning, breached","2026-03-02 12:00")')) v(at, wanted);
SELECT is(t.play('Law', '2026-03-02 10:00+00 > open' || E'\n' || at || ' > oms.tick()', 't.states(TK), (SELECT t.utc(s.finished_at) FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = ''a'')', data::jsonb), wanted, 'by law, ' || data || ' at ' || at) FROM (VALUES
	('{"from":"2026-03-02T12:00Z","by":"2026-03-02T11:00Z"}', '2026-03-02 12:00+00', '("a queued, b waiting",none)'),
	('{"from":"2026-03-02T12:00Z","by":"2026-03-02T11:00Z"}', '2026-03-02 20:00+00', '("a done, b queued","2026-03-02 12:00:00.000001")'),
	('{"by":"1999-01-01"}', '2026-03-02 10:00+00', '("a queued, b waiting",none)'),
	('{"by":"1999-01-01"}', '2026-03-02 10:00:00.000001+00', '("a done, b queued","2026-03-02 10:00:00.000001")'),
	('{"by":"0001-01-01"}', '2026-03-02 10:01+00', '("a done, b queued","2026-03-02 10:00:00.000001")'),
	('{"by":"9999-12-31"}', '9999-12-31 23:59+00', '("a queued, b waiting",none)'),
	('{"from":"9999-12-31T23:59:59.999999Z","by":"9999-12-31"}', '2026-03-02 10:01+00', '("a awaiting, b waiting",none)')) v(data, at, wanted);
SELECT is(t.play('Mail', '2026-03-02 10:00+00 > open' || E'\n' || does, 't.states(TK), t.output(TK), t.kept()', '{"k":"A","by":"2026-03-01"}'), wanted, 'due in the past: ' || does) FROM (VALUES
	('2026-03-02 10:00+00 > oms.send_message(''m'', ''A'', ''7'')', '("a done, b queued",7,0)'),
	('2026-03-02 10:00:00.000001+00 > oms.send_message(''m'', ''A'', ''7'')', '("a done, b queued","{""by"": ""law""}",1)')) v(does, wanted);

-- ---------------------------------------------------------------------------
-- Clocks that change
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Delay","calendar":"ALL","stages":[{"id":"a","owner":"Desk","delayMins":1440,"startAt":"$.from"}]}'),
	oms.create_workflow('{"name":"Nights","calendar":"NIGHT","stages":[{"id":"a","owner":"Desk","delayMins":0,"startAt":"$.from"}]}'),
	oms.create_workflow('{"name":"NightsOn","calendar":"NIGHT","stages":[{"id":"a","owner":"Desk","delayMins":180}]}') \g /dev/null
SELECT is(t.play(wf, opened || ' > open', 't.notes(TK, ''awaiting'')', jsonb_build_object('from', start)), 'until ' || wanted, format('%s from %s: %s', wf, opened, start)) FROM (VALUES
	('Delay', '2024-03-09 12:00-05', NULL, '2024-03-10T17:00:00Z'),					-- a day of 24 hours, whatever the clocks on the wall show
	('Delay', '2024-11-02 12:00-04', NULL, '2024-11-03T16:00:00Z'),
	('Delay', '2024-03-09 12:00-05', '2024-03-10T14:00', '2024-03-10T18:00:00Z'),		-- the later of the two
	('Delay', '2024-03-01 12:00-05', '2024-03-10T02:30', '2024-03-10T07:30:00Z'),		-- a time that is skipped
	('Delay', '2024-10-01 12:00-04', '2024-11-03T01:30', '2024-11-03T06:30:00Z'),		-- one that comes twice
	('Nights', '2024-03-01 12:00-05', '2024-03-10', '2024-03-10T07:00:00Z'),			-- opens at 3:00, since there is no 2:00
	('Nights', '2024-10-01 12:00-04', '2024-11-03', '2024-11-03T07:00:00Z'),
	('NightsOn', '2024-03-09 12:00-05', NULL, '2024-03-11T08:00:00Z')) v(wf, opened, start, wanted);	-- one hour on Sunday, two on Monday: until it closes

-- ---------------------------------------------------------------------------
-- More time, on what waits
-- ---------------------------------------------------------------------------
SELECT is(t.play('Law', E'2026-03-02 10:00+00 > open\n> 22023 oms.extend(TK, ''a'', ''r'', 5)', '1', '{"from":"2026-03-05"}'), '1', 'what waits for its moment has no clock yet');
SELECT oms.create_workflow('{"name":"Waits","stages":[{"id":"a","waitFor":{"message":"m","key":"$.k"},"slaMins":60,"warnAt":[50],"escalation":[{"at":"+60m","finishWith":{"by":"law"}}]}]}') \g /dev/null
SELECT is(t.play('Waits', E'2026-03-02 10:00+00 > open\n' || does, 't.log(TK), t.due(TK), t.output(TK)', '{"k":"A"}'), wanted, does) FROM (VALUES
	-- late: the due time moves, and the law with it
	(E'2026-03-02 11:30+00 > oms.extend(TK, ''a'', ''r'', 60)\n2026-03-02 13:00+00 > oms.tick()', '("awaiting, warning, breached, extended","2026-03-02 12:00",NULL)'),
	(E'2026-03-02 11:30+00 > oms.extend(TK, ''a'', ''r'', 60)\n2026-03-02 13:00:00.000001+00 > oms.tick()', '("awaiting, warning, breached, extended, escalated, done","2026-03-02 12:00","{""by"": ""law""}")'),
	-- just when the law would have come
	(E'2026-03-02 12:00+00 > oms.extend(TK, ''a'', ''r'', 60)\n2026-03-02 13:00+00 > oms.send_message(''m'', ''A'', ''7'')', '("awaiting, warning, breached, extended, done","2026-03-02 12:00",7)'),
	(E'2026-03-02 12:00:00.000001+00 > OM005 oms.extend(TK, ''a'', ''r'', 60)', '(awaiting,"2026-03-02 11:00",NULL)'),
	-- on hold
	(E'2026-03-02 10:30+00 > oms.hold(TK, ''a'', ''r'')\n2026-03-02 11:00+00 > oms.extend(TK, ''a'', ''r'', 30)\n2026-03-02 12:00+00 > oms.resume(TK, ''a'')', '("awaiting, warning, on_hold, extended, resumed","2026-03-02 13:00",NULL)'),
	(E'2026-03-02 11:30+00 > oms.hold(TK, ''a'', ''r'')\n2026-03-02 12:30+00 > oms.extend(TK, ''a'', ''r'', 30)\n2026-03-02 13:00+00 > oms.resume(TK, ''a'')\n2026-03-02 14:00+00 > oms.tick()', '("awaiting, warning, breached, on_hold, extended, resumed","2026-03-02 11:30",NULL)'),
	-- as much as there is
	(E'2026-03-02 10:30+00 > 22023 oms.extend(TK, ''a'', ''r'', days => 2147483647)', '(awaiting,"2026-03-02 11:00",NULL)')) v(does, wanted);
CREATE FUNCTION t.more(tk oms.ticket_id) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 200 LOOP
		PERFORM oms.extend(tk, 'a', 'r', 2147483647);
	END LOOP;
	RETURN 'no end';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT is(t.play('Waits', '2026-03-02 10:00+00 > open' || E'\n' || held, 't.more(TK)', '{"k":"A"}'), '22023 the calendar of stage "a" has no open time for a later due time', 'more and more' || held) FROM (VALUES (''), (' > oms.hold(TK, ''a'', ''r'')')) v(held);

-- ---------------------------------------------------------------------------
-- Data corrected before and after
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Fix","stages":[{"id":"x","owner":"Desk"},{"id":"a","dependsOn":["x"],"waitFor":{"message":"m","key":"$.k"},"dueAt":"$.by","sla":[{"when":"$.fast == true","mins":5},{"mins":100}]},
	{"id":"b","owner":"Desk","dependsOn":["x"],"startAt":"$.from"}]}') \g /dev/null
SELECT is(t.play('Fix', E'2026-03-02 10:00+00 > open\n' || does, '(SELECT (s.waits_key, t.utc(s.due_at)) FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = ''a''), t.notes(TK, ''awaiting'')', '{"k":"A","by":"2026-03-02T11:00","from":"2026-03-05"}'), wanted, does) FROM (VALUES
	(E'> oms.amend(TK, ''{"k":"B","by":null,"fast":true,"from":"2026-03-06"}'', ''r'')\n> oms.stage_done(TK, ''x'')', '("(B,""2026-03-02 10:05"")","for message m | until 2026-03-06T00:00:00Z")'),
	(E'> oms.stage_done(TK, ''x'')\n> oms.amend(TK, ''{"k":"B","by":null,"fast":true,"from":"2026-03-06"}'', ''r'')', '("(A,""2026-03-02 11:00"")","for message m | until 2026-03-05T00:00:00Z")')) v(does, wanted);

-- ---------------------------------------------------------------------------
-- What is seen
-- ---------------------------------------------------------------------------
SELECT is(ARRAY(SELECT oms.next_stages('{"name":"D","stages":[{"id":"a","owner":"o","delayMins":60},{"id":"b","waitFor":{"message":"m"}},{"id":"c","owner":"o","startAt":"$.x"},{"id":"d","owner":"o","dependsOn":["a"],"delayMins":5}]}', '{a}')),
	'{b,c,d}', 'the pure next_stages() lists what would wait');
SELECT is(t.play('Waits', '2026-03-02 10:00+00 > open', '(SELECT q.awaiting FROM oms.queue q WHERE q.owner = ''Waits''), (SELECT (o.status, t.utc(o.awaiting_at), o.waits_for) FROM oms.open_stage o WHERE o.ticket_id = TK), (oms.get_ticket(TK) #>> ''{stages,0,waits_key}''), (SELECT sum(a.open) FROM oms.aging a WHERE a.workflow = ''Waits'')', '{"k":"A"}'),
	'(1,"(awaiting,""2026-03-02 10:00"",m)",A,1)', 'in oms.queue, oms.open_stage, get_ticket() and oms.aging');
SELECT is(t.play('Waits', '2026-03-02 10:00+00 > open', '(SELECT m.value FROM oms.metrics m WHERE m.name = ''oms_stages'' AND m.labels = ''{"owner":"Waits","status":"awaiting"}'')', '{"k":"A"}'), '1', 'in oms.metrics');
SELECT matches(t.play('Waits', '2026-03-02 10:00+00 > open', 'oms.diagram(TK)', '{"k":"A"}'), 'awaiting', 'in the picture of the ticket');

-- ---------------------------------------------------------------------------
-- A sender who is gone
-- ---------------------------------------------------------------------------
SAVEPOINT sender;
CREATE ROLE await_gone;
SELECT oms.grant_access('await_gone', 'staff') \g /dev/null
SET LOCAL ROLE await_gone;
SELECT oms.send_message('m', 'A', '1') \g /dev/null
RESET ROLE;
SELECT oms.revoke_access('await_gone') \g /dev/null
SELECT oms.send_message('m', 'A', '2') \g /dev/null
SELECT oms.open_ticket('K', '{"k":"A"}') AS tk \gset
SELECT is(t.output(:'tk') || ' ' || t.kept(), '2 1', 'the message of a role that lost its level is passed over');
DROP ROLE await_gone;
SELECT oms.open_ticket('K', '{"k":"A"}') AS tk \gset
SELECT is(t.status(:'tk') || ' ' || t.kept(), 'awaiting 1', '... and that of a role that is gone');
SELECT is_empty(format('SELECT * FROM oms.check(%L)', :'tk'), 'check() knows that it is not for that stage');
ROLLBACK TO sender;

-- ---------------------------------------------------------------------------
-- A law that brings more than an output may have
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow(jsonb_set('{"name":"Big","stages":[{"id":"a","owner":"Desk","slaMins":60,"escalation":[{"at":"100%","finishWith":{}}]},{"id":"b","owner":"Desk","dependsOn":["a"]}]}', '{stages,0,escalation,0,finishWith}', jsonb_build_object('x', repeat('x', 3000)))) \g /dev/null
SET LOCAL oms.max_output_size = 1;
SELECT is(t.play('Big', E'2026-03-02 10:00+00 > open\n2026-03-02 12:00+00 > oms.tick()', 't.states(TK)'), 'a done, b queued', 'the law is not stopped by it');
SET LOCAL oms.max_output_size = DEFAULT;

SELECT t.findings();
SELECT finish();
ROLLBACK;
