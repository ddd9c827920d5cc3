-- Limits that are judged when a clock starts (sla rules, dueAt), and more time for a running one (extend). The due times
-- were worked out by hand.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
\ir include/scene.psql
SET LOCAL oms.now = '2024-01-02 10:00+00';

CREATE FUNCTION t.week(zone text, hours jsonb, days text, holidays jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('timezone', zone, 'hours', (SELECT jsonb_object_agg(d, hours) FROM unnest(string_to_array(days, ',')) d), 'holidays', holidays)
$$;
SELECT oms.create_calendar('DC', t.week('America/New_York', '["09:00-17:00"]', 'mon,tue,wed,thu,fri',
	(SELECT jsonb_agg(d) FROM generate_series(2024, 2027) y, oms.us_federal_holidays(y) d))) \g /dev/null
SELECT oms.create_calendar('ALL', t.week('America/New_York', '["00:00-24:00"]', 'mon,tue,wed,thu,fri,sat,sun', '[]')) \g /dev/null
SELECT oms.create_calendar('EU', t.week('Europe/Brussels', '["00:00-24:00"]', 'mon,tue,wed,thu,fri,sat,sun', '[]')) \g /dev/null
-- King's Day, Ascension Day and Whit Monday of 2026
SELECT oms.create_calendar('NL', t.week('Europe/Amsterdam', '["09:00-17:00"]', 'mon,tue,wed,thu,fri', '["2026-04-27","2026-05-14","2026-05-25"]')) \g /dev/null
SELECT oms.create_calendar('TERM', '{"timezone":"UTC","hours":{},"exceptions":{"2026-03-02":["09:00-17:00"],"2026-03-03":["09:00-17:00"]}}') \g /dev/null

-- A workflow with a stage that has this clock, and one after it.
CREATE FUNCTION t.clock(name text, stage jsonb, top jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT name FROM oms.create_workflow(jsonb_build_object('name', name, 'stages', jsonb_build_array('{"id":"a","owner":"Desk"}'::jsonb || stage)) || top)
$$;
CREATE FUNCTION t.reason(tk oms.ticket_id, st text DEFAULT 'a') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(c.reason, ' / ' ORDER BY c.nr) FROM oms.explain_clock(tk, st) WITH ORDINALITY AS c (starts, ends, open_time, consumed, reason, nr)
$$;

-- ---------------------------------------------------------------------------
-- sla: the first rule that is known to be true
-- ---------------------------------------------------------------------------
SELECT t.clock('Rules', '{"calendar":"DC","sla":[{"when":"$.priority == \"urgent\"","mins":60},{"when":"$.n > 3","mins":120},{"days":5}]}') \g /dev/null
SELECT is(t.play('Rules', '2024-11-08 16:30-05 > open', 't.due(TK) || '', '' || t.reason(TK)', data::jsonb), due, 'rules on ' || data) FROM (VALUES
	('{"priority":"urgent","n":9}', '2024-11-12 14:30, runs by calendar DC, version 1; limit 60 min by rule 1'),	-- half an hour on Friday, half after Veterans Day
	('{"n":4}', '2024-11-12 15:30, runs by calendar DC, version 1; limit 120 min by rule 2'),
	('{"n":3}', '2024-11-18 22:00, runs by calendar DC, version 1; limit 5 days by rule 3'),		-- 12, 13, 14, 15, 18
	('{"n":"many"}', '2024-11-18 22:00, runs by calendar DC, version 1; limit 5 days by rule 3'),
	('{}', '2024-11-18 22:00, runs by calendar DC, version 1; limit 5 days by rule 3')) v(data, due);
SELECT is(t.play('Rules', E'2024-11-08 16:30-05 > open\n2024-11-12 12:00-05 > oms.hold(TK, ''a'', ''r'')\n2024-11-14 12:00-05 > oms.resume(TK, ''a'')', 't.due(TK)'),
	'2024-11-20 22:00', 'days of a rule: a hold pushes them by its open dates');
SELECT oms.create_workflow('{"name":"After","stages":[{"id":"a","owner":"Desk"},{"id":"b","owner":"Desk","dependsOn":["a"],
	"sla":[{"when":"$stages.a.risk == \"high\"","mins":30},{"mins":600}],"warnAt":[50],"escalation":[{"at":"100%","notify":"supervisor"}]}]}') \g /dev/null
SELECT is(t.play('After', format(E'2026-03-02 10:00+00 > open\n2026-03-02 11:00+00 > oms.stage_done(TK, ''a'', %L)', output), 't.due(TK, ''b'')'), due, 'a rule on the output ' || output) FROM (VALUES
	('{"risk":"high"}', '2026-03-02 11:30'), ('{"risk":"low"}', '2026-03-02 21:00'), ('{}', '2026-03-02 21:00')) v(output, due);
SELECT is(t.play('After', $$
	2026-03-02 10:00+00 > open
	2026-03-02 11:00+00 > oms.stage_done(TK, 'a', '{"risk":"high"}')
	2026-03-02 11:15+00 > oms.tick()
	2026-03-02 11:31+00 > oms.send_back(TK, 'b', 'a', 'not so')
	2026-03-02 12:00+00 > oms.stage_done(TK, 'a', '{"risk":"low"}')
	$$, 't.due(TK, ''b'') || '' '' || t.log(TK, ''b'')'), '2026-03-02 22:00 queued, warning, breached, escalated, unrouted, sent_back, queued', 'judged anew for the next cycle');

-- ---------------------------------------------------------------------------
-- dueAt
-- ---------------------------------------------------------------------------
SELECT t.clock('By', '{"calendar":"DC","dueAt":"$.by"}'), t.clock('ByOr4h', '{"calendar":"DC","dueAt":"$.by","slaMins":240}'), t.clock('ByOr2d', '{"calendar":"DC","dueAt":"$.by","slaDays":2}'),
	t.clock('ByAll', '{"calendar":"ALL","dueAt":"$.by"}'), t.clock('ByUTC', '{"dueAt":"$.by","warnAt":[50],"escalation":[{"at":"+60m","notify":"Boss"}]}'),
	t.clock('ByTerm', '{"calendar":"TERM","dueAt":"$.by"}'), t.clock('ByRule', '{"calendar":"DC","dueAt":"$.by","sla":[{"when":"$.n > 3","mins":60},{"days":9}]}') \g /dev/null
SELECT is(t.play(wf, start || ' > open', 't.due(TK)', jsonb_build_object('by', by)), due, format('%s: by %s from %s', wf, by, start)) FROM (VALUES
	('By', '2024-11-04 09:00-05', '2024-11-06', '2024-11-06 22:00'),			-- closing time
	('By', '2024-11-04 09:00-05', '2024-11-09', '2024-11-12 22:00'),			-- a Saturday, then Sunday and a holiday
	('By', '2024-11-04 09:00-05', '2024-11-11', '2024-11-12 22:00'),			-- Veterans Day
	('By', '2024-11-04 09:00-05', '2024-11-06T12:00', '2024-11-06 17:00'),
	('By', '2024-11-04 09:00-05', '2024-11-06 12:00:00', '2024-11-06 17:00'),
	('By', '2024-11-04 09:00-05', '2024-11-06T12:00Z', '2024-11-05 22:00'),		-- two hours before the office opens
	('By', '2024-11-04 09:00-05', '2024-11-06T18:00+01:00', '2024-11-06 17:00'),
	('By', '2024-11-04 09:00-05', '2024-11-04', '2024-11-04 22:00'),
	('By', '2024-11-04 18:00-05', '2024-11-04', '2024-11-04 23:00'),			-- over already: at once
	('By', '2024-11-04 09:00-05', '2024-11-01', '2024-11-04 14:00'),
	('By', '2024-11-04 09:00-05', NULL, 'none'),
	('ByOr4h', '2024-11-04 09:00-05', '2024-11-04T11:30', '2024-11-04 16:30'),
	('ByOr4h', '2024-11-04 09:00-05', '2024-11-05', '2024-11-04 18:00'),
	('ByOr4h', '2024-11-04 09:00-05', NULL, '2024-11-04 18:00'),
	('ByOr2d', '2024-11-04 09:00-05', '2024-11-05', '2024-11-05 22:00'),
	('ByOr2d', '2024-11-04 09:00-05', '2024-11-06T16:00', '2024-11-06 21:00'),
	('ByOr2d', '2024-11-04 09:00-05', '2024-11-07', '2024-11-06 22:00'),
	('ByRule', '2024-11-04 09:00-05', '2024-11-05', '2024-11-05 22:00'),
	('ByAll', '2024-03-09 12:00-05', '2024-03-10T12:00', '2024-03-10 16:00'),	-- a day of 23 hours
	('ByAll', '2024-03-09 12:00-05', '2024-03-10T02:30', '2024-03-10 07:30'),	-- a time that is skipped
	('ByAll', '2024-11-02 12:00-04', '2024-11-03T01:30', '2024-11-03 06:30'),	-- one that comes twice
	('ByAll', '2024-11-02 12:00-04', '2024-11-03', '2024-11-04 05:00'),
	('ByUTC', '2024-11-04 09:00-05', '2024-11-06', '2024-11-07 00:00'),
	('ByUTC', '2024-11-04 09:00-05', '2024-11-06T12:00', '2024-11-06 12:00'),
	('ByTerm', '2026-03-02 10:00+00', '2026-03-03', '2026-03-03 17:00'),
	('ByTerm', '2026-03-02 10:00+00', '2026-03-04', 'none')) v(wf, start, by, due);
SELECT is(t.play('ByRule', '2024-11-04 09:00-05 > open', 't.due(TK) || t.reason(TK)', '{"by":"2024-11-05","n":4}'), '2024-11-04 15:00runs by calendar DC, version 1; limit 60 min by rule 1', 'the rule is earlier');
SELECT is(t.play('By', '2024-11-04 09:00-05 > open', 't.reason(TK)', '{"by":"2024-11-04T09:45"}'), 'runs by calendar DC, version 1; limit 45 min by dueAt', 'explain_clock: by dueAt');
SELECT is(t.play('By', '2024-11-04 09:00-05 > open', 't.reason(TK)', '{"by":null}'), 'NULL', '... or no clock');
SELECT is(t.play('ByTerm', '2026-03-02 10:00+00 > open', 't.log(TK)', '{"by":"2026-03-04"}'), 'queued, no_due_time', 'a calendar that does not open again is told');
SELECT is(t.play('By', E'2024-11-04 09:00-05 > open\n2024-11-05 09:00-05 > oms.hold(TK, ''a'', ''r'')\n2024-11-05 13:00-05 > oms.resume(TK, ''a'')', 't.due(TK)', '{"by":"2024-11-06"}'),
	'2024-11-07 18:00', 'a hold of four hours: it is a limit of 24 hours');
SELECT is(t.play('ByUTC', $$
	2026-03-02 10:00+00 > open
	2026-03-02 11:00+00 > oms.tick()
	2026-03-02 12:00:00.000001+00 > oms.tick()
	2026-03-02 13:00+00 > oms.tick()
	2026-03-02 13:30+00 > oms.stage_done(TK, 'a')
	2026-03-02 14:00+00 > oms.reopen(TK, 'a', 'r')
	2026-03-02 14:00:00.000001+00 > oms.tick()
	$$, 't.log(TK) || '' '' || t.due(TK)', '{"by":"2026-03-02T12:00"}'),
	'queued, warning, breached, escalated, done, reopened, queued, warning, breached 2026-03-02 14:00', 'warnings and steps; the next cycle is late at once');
SELECT throws_ok($$SELECT oms.open_ticket('By', '{"by":"soon"}')$$, '22023', 'dueAt of stage "a" gives "soon", which is no date');
SELECT throws_ok($$SELECT oms.open_ticket('By', '{"by":5}')$$, '22023', 'dueAt of stage "a" gives a value that is no date');
SELECT throws_ok($$SELECT oms.open_ticket('By', '{"by":["2026-01-01"]}')$$, '22023', 'dueAt of stage "a" gives a value that is no date');
SELECT throws_ok($$SELECT * FROM oms.open_tickets('By', ARRAY['{"by":"2026-01-01"}', '{"by":"2026-02-30"}']::jsonb[])$$, '22023', 'dueAt of stage "a" gives "2026-02-30", which is no date');
SELECT t.clock('Two', '{"dueAt":"$.by[*]"}') \g /dev/null
SELECT throws_ok($$SELECT oms.open_ticket('Two', '{"by":["2026-01-01","2026-01-02"]}')$$, '22023', 'dueAt of stage "a" gives 2 values instead of one date');
-- A bad date among the outputs fails the stage, not the call.
SELECT oms.create_workflow('{"name":"Late","stages":[{"id":"a","owner":"Desk"},{"id":"b","owner":"Desk","dependsOn":["a"],"dueAt":"$stages.a.by"},{"id":"c","owner":"Desk","dependsOn":["a"]}]}') \g /dev/null
SELECT is(t.play('Late', $$2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a', '{"by":"tomorrow"}')$$, 't.states(TK) || '' '' || t.log(TK, ''b'') || '' '' || t.notes(TK, ''failed'')'),
	'a done, b failed, c queued awaiting, failed dueAt gives "tomorrow", which is no date', 'what goes wrong fails the stage');
SELECT is(t.play('Late', $$2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a', '{"by":"tomorrow"}')
	> oms.retry_stage(TK, 'b', 'r')$$, 't.log(TK, ''b'')'), 'awaiting, failed, retry, awaiting, failed', 'a retry reads it again');
SELECT is(t.play('Late', $$2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a', '{"by":"tomorrow"}')
	2026-03-02 10:10+00 > oms.send_back(TK, 'b', 'a', 'a date please')
	2026-03-02 10:20+00 > oms.stage_done(TK, 'a', '{"by":"2026-03-02T11:00"}')$$, 't.status(TK, ''b'') || '' '' || t.due(TK, ''b'')'), 'queued 2026-03-02 11:00', 'the next cycle has its date');
SELECT is(t.play('Late', $$2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a', '{}')$$, 't.status(TK, ''b'') || '' '' || t.due(TK, ''b'')'), 'queued none', 'no date: no clock');
SELECT is(t.play('Late', '2026-03-02 10:00+00 > open', $$SELECT array_agg(s) FROM unnest(oms.stage_done(TK, 'a', '{"by":"never"}')) s$$), '{c}', 'stage_done lists what it queued, not what failed');

-- ---------------------------------------------------------------------------
-- extend: minutes and days, running, standing, breached
-- ---------------------------------------------------------------------------
SELECT t.clock('Hour', '{"slaMins":60,"warnAt":[50,80],"escalation":[{"at":"100%","notify":"Boss"},{"at":"+60m","notify":"Boss"}]}', '{"slaMins":90}'), t.clock('Fed4h', '{"slaMins":240,"calendar":"DC"}'),
	t.clock('Day', '{"slaDays":1,"calendar":"DC"}'), t.clock('Day3', '{"slaDays":3,"calendar":"DC"}'), t.clock('None', '{}') \g /dev/null
SELECT is(t.play(wf, format(E'%s > open\n%s > oms.extend(TK, ''a'', ''r'', %s)', start, at, more), 't.due(TK)'), due, format('%s from %s, at %s %s more', wf, start, at, more)) FROM (VALUES
	('Hour', '2026-03-02 10:00+00', '2026-03-02 10:30+00', '30', '2026-03-02 11:30'),
	('Hour', '2026-03-02 10:00+00', '2026-03-02 10:00+00', 'mins => 1', '2026-03-02 11:01'),
	('Hour', '2026-03-02 10:00+00', '2026-03-02 11:00+00', '30', '2026-03-02 11:30'),			-- on its due time it is not breached
	('Hour', '2026-03-02 10:00+00', '2026-03-02 12:30+00', '60', '2026-03-02 12:00'),			-- late: from the due time on
	('Hour', '2026-03-02 10:00+00', '2026-03-02 10:30+00', 'days => 1', '2026-03-04 00:00'),
	('Fed4h', '2024-11-07 10:00-05', '2024-11-07 11:00-05', '240', '2024-11-08 15:00'),		-- three hours left on Thursday, one on Friday
	('Fed4h', '2024-11-07 10:00-05', '2024-11-07 11:00-05', 'days => 1', '2024-11-08 22:00'),
	('Fed4h', '2024-11-07 10:00-05', '2024-11-07 11:00-05', 'days => 2', '2024-11-12 22:00'),
	('Fed4h', '2024-03-08 15:00-05', '2024-03-08 15:30-05', '60', '2024-03-11 16:00'),		-- 2 hours on Friday, 3 after the clocks changed
	('Day', '2024-11-08 12:00-05', '2024-11-08 13:00-05', 'days => 1', '2024-11-13 22:00'),
	('Day', '2024-11-08 12:00-05', '2024-11-08 13:00-05', '60', '2024-11-13 15:00'),
	('Day', '2024-11-08 12:00-05', '2024-11-14 13:00-05', 'days => 3', '2024-11-15 22:00'),		-- it was due on the 12th
	('Day', '2024-11-08 12:00-05', '2024-11-14 13:00-05', '30', '2024-11-13 14:30')) v(wf, start, at, more, due);
SELECT is(t.play('Hour', '2026-03-02 10:00+00 > open', $$SELECT t.utc(oms.extend(TK, 'a', 'r', 30))$$), '2026-03-02 11:30', 'it returns the new due time');
SELECT is(t.play('Hour', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:30+00 > oms.extend(TK, 'a', 'witness ill', 30)
	2026-03-02 11:11:59.999999+00 > oms.tick()
	$$, 't.log(TK) || '' '' || t.notes(TK, ''extended'')'),
	'queued, warning, extended 30 minutes more, due 2026-03-02T11:30:00Z, was 2026-03-02T11:00:00Z: witness ill', 'a warning that fired stays');
SELECT is(t.play('Hour', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:30+00 > oms.extend(TK, 'a', 'r', 30)
	2026-03-02 11:12+00 > oms.tick()
	2026-03-02 11:30+00 > oms.tick()
	$$, 't.log(TK)'), 'queued, warning, extended, warning', 'those ahead follow the new limit: 80 % of 90 minutes');
SELECT is(t.play('Hour', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:48+00 > oms.extend(TK, 'a', 'r', 30)
	2026-03-02 11:30:00.000001+00 > oms.tick()
	2026-03-02 12:29:59.999999+00 > oms.tick()
	2026-03-02 12:30+00 > oms.tick()
	$$, 't.log(TK)'), 'queued, warning, warning, extended, breached, escalated, escalated', 'steps follow the new due time');
SELECT is(t.play('Hour', $$
	2026-03-02 10:00+00 > open
	2026-03-02 11:30+00 > oms.extend(TK, 'a', 'r', 60)
	2026-03-02 12:59:59.999999+00 > oms.tick()
	$$, 't.log(TK) || '' '' || t.due(TK)'), 'queued, warning, warning, breached, escalated, extended 2026-03-02 12:00', 'after a breach: the due time moves, the breach stays');
SELECT is(t.play('Hour', $$
	2026-03-02 10:00+00 > open
	2026-03-02 11:30+00 > oms.extend(TK, 'a', 'r', 60)
	2026-03-02 13:00+00 > oms.tick()
	2026-03-02 14:00+00 > oms.stage_done(TK, 'a')
	$$, 't.log(TK)'), 'queued, warning, warning, breached, escalated, extended, escalated, done', '... there is no second, and the step of +60 minutes comes an hour after it');
SELECT is(t.play('Hour', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:20+00 > oms.hold(TK, 'a', 'r')
	2026-03-02 10:30+00 > oms.extend(TK, 'a', 'r', 30)
	2026-03-02 10:50+00 > oms.resume(TK, 'a')
	$$, 't.due(TK) || '' '' || t.reason(TK)'), '2026-03-02 12:00 runs, always open / on hold: r / on hold: r; 30 minutes more: r / runs, always open', 'while it stands it gets more left');
SELECT is(t.play('Hour', E'2026-03-02 10:00+00 > open\n2026-03-02 10:20+00 > oms.hold(TK, ''a'', ''r'')', $$SELECT coalesce(oms.extend(TK, 'a', 'r', 30)::text, 'NULL') || ' ' || t.due(TK)$$), 'NULL none', '... and returns NULL');
SELECT is(t.play('Hour', $$
	2026-03-02 10:00+00 > open
	2026-03-02 11:10+00 > oms.hold(TK, 'a', 'r')
	2026-03-02 11:20+00 > oms.extend(TK, 'a', 'r', 30)
	2026-03-02 12:50+00 > oms.resume(TK, 'a')
	$$, 't.due(TK) || '' '' || t.n(TK, ''breached'')'), '2026-03-02 11:30 1', 'held after the breach: the due time moves');
SELECT is(t.play('Day3', $$
	2024-11-04 10:00-05 > open
	2024-11-05 08:00-05 > oms.hold(TK, 'a', 'r')
	2024-11-06 12:00-05 > oms.extend(TK, 'a', 'r', days => 2)
	2024-11-07 08:00-05 > oms.resume(TK, 'a')
	$$, 't.due(TK)'), '2024-11-14 22:00', 'days while it stands: five left from the 7th on: 7, 8, 12, 13, 14');
SELECT is(t.play('Day3', $$
	2024-11-04 10:00-05 > open
	2024-11-05 08:00-05 > oms.hold(TK, 'a', 'r')
	2024-11-06 08:00-05 > oms.extend(TK, 'a', 'r', 60)
	2024-11-07 08:00-05 > oms.resume(TK, 'a')
	$$, 't.due(TK)'), '2024-11-13 15:00', 'minutes on days while it stands: 25 hours left, three days and one hour from the 7th on');
SELECT is(t.play('Fed4h', $$
	2024-11-07 10:00-05 > open
	2024-11-07 11:00-05 > oms.hold(TK, 'a', 'r')
	2024-11-07 12:00-05 > oms.extend(TK, 'a', 'r', days => 1)
	2024-11-12 09:00-05 > oms.resume(TK, 'a')
	$$, 't.due(TK)'), '2024-11-13 19:00', 'days on minutes while it stands: until closing time of the next day, 13 hours left');
SELECT is(t.play('Hour', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.extend(TK, 'a', 'one', 30)
	2026-03-02 10:20+00 > oms.extend(TK, 'a', 'two', 30)
	2026-03-02 10:30+00 > oms.claim_stage(TK, 'a', 'ann')
	2026-03-02 10:40+00 > oms.stage_failed(TK, 'a', 'oops', NULL, false)
	2026-03-02 10:50+00 > oms.extend(TK, 'a', 'three', 30)
	> oms.retry_stage(TK, 'a', 'r')
	2026-03-02 11:00+00 > oms.stage_done(TK, 'a')
	> OM005 oms.extend(TK, 'a', 'four', 30)
	2026-03-02 12:00+00 > oms.reopen(TK, 'a', 'again')
	$$, 't.due(TK) || '' '' || t.reason(TK)'), '2026-03-02 13:00 runs, always open', 'as often as needed, queued, failed; not done; the next cycle is without');
SELECT is(t.play('Hour', '2026-03-02 10:00+00 > open' || E'\n> 22023 ' || call, '1'), '1', call) FROM unnest(ARRAY[$$oms.extend(TK, 'a', 'r')$$, $$oms.extend(TK, 'a', 'r', 5, 5)$$,
	$$oms.extend(TK, 'a', 'r', 0)$$, $$oms.extend(TK, 'a', 'r', -5)$$, $$oms.extend(TK, 'a', 'r', days => 0)$$, $$oms.extend(TK, 'a', NULL, 5)$$, $$oms.extend(TK, 'a', '', 5)$$]) call;
SELECT is(t.play('None', E'2026-03-02 10:00+00 > open\n> 22023 oms.extend(TK, ''a'', ''r'', 5)\n> 22023 oms.extend(TK, NULL, ''r'', 5)', '1'), '1', 'no clock');
SELECT is(t.play('ByTerm', E'2026-03-02 10:00+00 > open\n> 22023 oms.extend(TK, ''a'', ''r'', 6000)\n> 22023 oms.extend(TK, ''a'', ''r'', days => 1)', 't.due(TK)', '{"by":"2026-03-03"}'), '2026-03-03 17:00', 'no open time for it');
SELECT is(t.play('After', E'2026-03-02 10:00+00 > open\n> OM005 oms.extend(TK, ''b'', ''r'', 5)', '1'), '1', 'a waiting stage');
SELECT is(t.play('Hour', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:30+00 > oms.extend(TK, NULL, 'more for all', 30)
	$$, 't.ticket_due(TK) || '' '' || t.due(TK) || '' '' || t.ticket_events(TK)'), '2026-03-02 12:00 2026-03-02 11:00 opened, extended', 'the clock of the ticket');
SELECT is(t.play('Hour', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:20+00 > oms.hold(TK, NULL, 'r')
	> oms.extend(TK, NULL, 'more for all', 30)
	2026-03-02 10:40+00 > oms.resume(TK, NULL)
	2026-03-02 10:50+00 > oms.stage_done(TK, 'a')
	> OM005 oms.extend(TK, NULL, 'r', 5)
	$$, 't.ticket_due(TK)'), '2026-03-02 12:20', '... also while it stands');
SELECT is(t.play('Hour', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:20+00 > oms.extend(TK, NULL, 'more for all', 30)
	> oms.extend(TK, 'a', 'more for one', 15)
	$$, 't.ticket_due(TK) || '' '' || t.due(TK)'), '2026-03-02 12:00 2026-03-02 11:15', 'the clocks of a ticket and of its stage, each by itself');
SELECT is(t.play('Hour', E'2026-03-02 10:00+00 > open\n2026-03-02 10:30+00 > oms.extend(TK, NULL, ''secret'', 30)', 't.citizen(TK) || '' '' || (oms.track(oms.tracking_number(TK)) ->> ''expected_by'')'),
	'received, a in progress 2026-03-02T12:00:00Z', 'citizens see only a later date');
SELECT is(t.play('By', E'2024-11-04 09:00-05 > open\n2024-11-05 09:00-05 > oms.extend(TK, ''a'', ''r'', days => 1)', 't.due(TK) || '' '' || t.reason(TK)', '{"by":"2024-11-06"}'),
	'2024-11-07 22:00 runs by calendar DC, version 1; limit by dueAt / runs by calendar DC, version 1; 1 day more (28800.000000 s of open time), due 2024-11-07T22:00:00Z, was 2024-11-06T22:00:00Z: r',
	'a limit by date can be extended like any other');

-- ---------------------------------------------------------------------------
-- Statutes
-- ---------------------------------------------------------------------------
-- FOIA: 20 working days from 22 November 2024 end on 23 December. Tolled for a clarification over 5 of them (2 to 6 December): the 24th,
-- 26th, 27th, 30th and 31st. 10 more for unusual circumstances: 2, 3, 6, 7, 8, 9, 10, 13, 14, 15 January.
SELECT oms.set_hold_reason('clarification', waiting_on => 'applicant', max_per_ticket => 1) \g /dev/null
SELECT t.clock('FOIA', '{"slaDays":20,"calendar":"DC","warnAt":[80]}') \g /dev/null
SELECT is(t.play('FOIA', $$
	2024-11-22 10:00-05 > open
	2024-11-30 12:00-05 > oms.hold(TK, 'a', 'clarification')
	2024-12-07 12:00-05 > oms.resume(TK, 'a')
	2024-12-09 10:00-05 > OM005 oms.hold(TK, 'a', 'clarification')
	2024-12-20 10:00-05 > oms.extend(TK, 'a', 'unusual circumstances', days => 10)
	2025-01-15 17:00-05 > oms.tick()
	$$, 't.due(TK) || '' '' || t.n(TK, ''breached'')'), '2025-01-15 22:00 0', 'FOIA: 20 working days, tolled once, 10 more');
SELECT is(t.play('FOIA', $$
	2024-11-22 10:00-05 > open
	2024-11-25 10:00-05 > oms.extend(TK, 'a', 'unusual circumstances', days => 10)
	2024-11-30 12:00-05 > oms.hold(TK, 'a', 'clarification')
	2024-12-07 12:00-05 > oms.resume(TK, 'a')
	$$, 't.due(TK)'), '2025-01-15 22:00', '... in whatever order');
-- GDPR Art. 12(3): one month from 31 January 2026 ends on 28 February, three on 30 April; the clocks change on 29 March.
SELECT t.clock('GDPR', '{"dueAt":"$.answer_by","calendar":"EU"}') \g /dev/null
SELECT is(t.play('GDPR', '2026-01-31 10:00+01 > open', 't.due(TK)', jsonb_build_object('answer_by', ('2026-01-31'::date + interval '1 month')::date)), '2026-02-28 23:00', 'GDPR: one month');
SELECT is(t.play('GDPR', $$
	2026-01-31 10:00+01 > open
	2026-02-20 10:00+01 > oms.extend(TK, 'a', 'complex request', days => ('2026-01-31'::date + interval '3 months')::date - '2026-02-28'::date)
	$$, 't.due(TK)', jsonb_build_object('answer_by', ('2026-01-31'::date + interval '1 month')::date)), '2026-04-30 22:00', '... and two more');
-- Awb 4:13: 8 weeks from 2 March 2026 end on 27 April, King's Day, so on the 28th. 6 weeks from the 27th end on 8 June; from the 28th on that are 3 open dates
-- in April and until 1 May, 5, 4 (Ascension Day), 5, 4 (Whit Monday) and 5 in the following weeks, and 8 June.
SELECT t.clock('Awb', '{"dueAt":"$.decide_by","calendar":"NL"}') \g /dev/null
SELECT is(t.play('Awb', '2026-03-02 10:00+01 > open', 't.due(TK)', jsonb_build_object('decide_by', '2026-03-02'::date + 8 * 7)), '2026-04-28 15:00', 'the Dutch decision period: 8 weeks, and a day off');
SELECT is(t.play('Awb', $$
	2026-03-02 10:00+01 > open
	2026-04-20 10:00+02 > oms.extend(TK, 'a', 'advice is late', days => 3 + 5 + 4 + 5 + 4 + 5 + 1)
	$$, 't.due(TK)', jsonb_build_object('decide_by', '2026-03-02'::date + 8 * 7)), '2026-06-08 15:00', '... and 6 weeks more');

-- ---------------------------------------------------------------------------
-- finishWith: silence counts as consent
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Permit","owner":"Head","stages":[
	{"id":"a","owner":"Desk","slaMins":60,"retry":{"maxAttempts":1},"escalation":[{"at":"100%","notify":"Boss","finishWith":{"decision":"deemed approved"}}]},
	{"id":"b","owner":"Back","slaMins":30,"dependsOn":["a"],"when":"$stages.a.decision == \"deemed approved\"","notSameAs":"a"}]}') \g /dev/null
SELECT is(t.play('Permit', '2026-03-02 10:00+00 > open' || E'\n' || at || ' > oms.tick()', 't.log(TK)'), log, 'at ' || at) FROM (VALUES
	('2026-03-02 11:00+00', 'queued'),
	('2026-03-02 11:00:00.000001+00', 'queued, breached, escalated, done')) v(at, log);
SELECT is(t.play('Permit', $$2026-03-02 10:00+00 > open
	2026-03-02 11:00:00.000001+00 > oms.tick()$$, $q$(SELECT concat_ws(' ', s.status, coalesce(s.worker, 'nobody'), s.output, t.utc(s.finished_at)) FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = 'a')
	|| ', b ' || t.status(TK, 'b') || ', ' || t.notes(TK, 'done')$q$),
	'done nobody {"decision": "deemed approved"} 2026-03-02 11:00:00.000001, b queued, by law at 2026-03-02T11:00:00.000001Z: step at 100% of the time limit, 2026-03-02T11:00:00Z, for Boss',
	'without worker, with its output, and the note names the rule');
SELECT is(t.play('Permit', $$2026-03-02 10:00+00 > open
	2026-03-02 11:20+00 > oms.tick()$$, $q$(SELECT string_agg(concat_ws(' ', s.stage, s.status, t.utc(s.queued_at), t.utc(s.finished_at), t.utc(s.due_at)), ', ' ORDER BY s.stage_no) FROM oms.stage s WHERE s.ticket_id = TK)$q$),
	'a done 2026-03-02 10:00 2026-03-02 11:00:00.000001 2026-03-02 11:00, b queued 2026-03-02 11:00:00.000001 none 2026-03-02 11:30:00.000001', 'at its own instant, however late it is noticed; what follows begins then');
SELECT is(t.play('Permit', $$2026-03-02 10:00+00 > open
	2026-03-02 15:00+00 > oms.tick()$$, $q$t.log(TK, 'b') || ' ' || t.n(TK, 'done')$q$), 'queued, breached 1', '... and has its breach');
-- What is done by law is noticed by whoever comes first: here by calls on what stands behind it
CREATE FUNCTION t.times(tk oms.ticket_id) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT string_agg(concat_ws(' ', s.stage, s.status, to_char(s.queued_at AT TIME ZONE 'UTC', 'HH24:MI:SS.US'),
		to_char(s.finished_at AT TIME ZONE 'UTC', 'HH24:MI:SS.US')), ', ' ORDER BY s.stage_no) FROM oms.stage s WHERE s.ticket_id = tk
$$;
SELECT is(t.play('Permit', E'2026-03-02 10:00+00 > open\n2026-03-02 11:20+00 > ' || does, 't.times(TK)'), 'a done 10:00:00.000000 11:00:00.000001, b ' || found, does || ' behind a law that nobody noticed') FROM (VALUES
	('oms.claim_stage(TK, ''b'', ''ann'')', 'in_progress 11:00:00.000001'),
	('oms.stage_done(TK, ''b'')', 'done 11:00:00.000001 11:20:00.000000'),
	('oms.stages_done(jsonb_build_array(jsonb_build_object(''ticket'', TK::text, ''stage'', ''b'')))', 'done 11:00:00.000001 11:20:00.000000'),
	('oms.assign(TK, ''b'', ''ann'')', 'in_progress 11:00:00.000001'),
	('oms.hold(TK, ''b'', ''r'')', 'on_hold 11:00:00.000001'),
	('oms.skip_stage(TK, ''b'', ''r'')', 'skipped 11:00:00.000001 11:20:00.000000')) v(does, found);
SELECT is(t.play('Permit', E'2026-03-02 10:00+00 > open\n' || at || '+00 > OM005 oms.claim_stage(TK, ''b'', ''ann'')', 't.times(TK)'), 'a queued 10:00:00.000000, b waiting', 'not at ' || at)
	FROM (VALUES ('2026-03-02 10:59'), ('2026-03-02 11:00')) v(at);
-- Who asks by owner finds what the law has opened once somebody has noticed; what it has closed is not handed out.
SELECT is(t.play('Permit', E'2026-03-02 10:00+00 > open\n2026-03-02 11:20+00 > ' || does, $q$(SELECT count(*) FROM oms.claim('Back', 'ann')) || ' ' || t.status(TK, 'b')$q$), found,
	'a claim by owner after ' || does) FROM (VALUES
	('oms.clock()', '0 waiting'),
	('(SELECT count(*) FROM oms.exchange(''Back'', ''ann''))', '0 waiting'),
	('oms.tick()', '1 in_progress'),
	('(SELECT count(*) FROM oms.claim(''Desk'', ''ann''))', '1 in_progress')) v(does, found);
SELECT is(t.play('Permit', E'2026-03-02 10:00+00 > open\n2026-03-02 11:20+00 > oms.clock()', $q$(SELECT count(*) FROM oms.claim('Desk', 'ann')) || ' ' || t.times(TK)$q$),
	'0 a done 10:00:00.000000 11:00:00.000001, b queued 11:00:00.000001', 'what is done by law is not handed out, though nobody has noticed');
SELECT oms.create_workflow('{"name":"Chain","owner":"Head","stages":[
	{"id":"a","owner":"Desk","slaMins":60,"escalation":[{"at":"100%","finishWith":{}}]},
	{"id":"b","owner":"Desk","dependsOn":["a"],"delayMins":10,"slaMins":20,"escalation":[{"at":"100%","finishWith":{}}]},
	{"id":"p","owner":"Desk","slaMins":100,"escalation":[{"at":"100%","finishWith":{}}]},
	{"id":"c","owner":"Desk","dependsOn":["b","p"],"slaMins":30,"warnAt":[50]},
	{"id":"d","owner":"Desk","dependsOn":["c"]}]}') \g /dev/null
SELECT is(t.play('Chain', E'2026-03-02 10:00+00 > open\n' || does, 't.times(TK)'),
	'a done 10:00:00.000000 11:00:00.000001, b done 11:10:00.000001 11:30:00.000002, p done 10:00:00.000000 11:40:00.000001, c ' || found || ', d waiting', does) FROM (VALUES
	('2026-03-02 15:00+00 > oms.tick()', 'queued 11:40:00.000001'),
	('2026-03-02 15:00+00 > oms.claim_stage(TK, ''c'', ''ann'')', 'in_progress 11:40:00.000001'),
	(E'2026-03-02 11:35+00 > oms.claim_stage(TK, ''p'', ''ann'')\n2026-03-02 15:00+00 > oms.tick()', 'queued 11:40:00.000001')) v(does, found);
SELECT is(t.play('Chain', E'2026-03-02 10:00+00 > open\n2026-03-02 15:00+00 > oms.tick()', 't.log(TK, ''c'')'), 'queued, warning, breached', 'one tick fires all that is due, also what became due by it');
SELECT is(t.play('Chain', E'2026-03-02 10:00+00 > open\n2026-03-02 11:35+00 > oms.stage_done(TK, ''p'')\n> oms.tick()\n> oms.tick()', 't.times(TK)'),
	'a done 10:00:00.000000 11:00:00.000001, b done 11:10:00.000001 11:30:00.000002, p done 10:00:00.000000 11:35:00.000000, c queued 11:35:00.000000, d waiting',
	'what is done behind a law that nobody noticed comes after it');
SELECT is(t.play('Chain', '2026-03-02 10:00+00 > open', $q$(SELECT string_agg(s, ',') FROM (SELECT set_config('oms.now', '2026-03-02 11:35+00', true)) c, LATERAL (SELECT unnest(oms.stage_done(TK, 'p')) AS s) d)$q$), 'c', '... and the call says what it queued');
SELECT is(t.play('Chain', $$2026-03-02 10:00+00 > open
	2026-03-02 11:35+00 > oms.stage_done(TK, 'p')
	2026-03-02 11:50+00 > oms.stage_done(TK, 'c')
	2026-03-02 12:00+00 > oms.send_back(TK, 'd', 'a', 'r')
	2026-03-02 13:55+00 > oms.claim_stage(TK, 'c', 'ann')$$, 't.times(TK)'),
	'a done 12:00:00.000000 13:00:00.000001, b done 13:10:00.000001 13:30:00.000002, p done 10:00:00.000000 11:35:00.000000, c in_progress 13:30:00.000002, d waiting', 'in the next cycle too');
SELECT oms.create_workflow('{"name":"Mail","owner":"Head","stages":[{"id":"a","owner":"Desk","waitFor":{"message":"late mail"}},{"id":"b","owner":"Desk","dependsOn":["a"]}]}') \g /dev/null
SELECT is(t.play('Mail', $$2026-03-02 10:00+00 > open
	> oms.hold(TK, 'a', 'papers', '2026-03-02 11:00+00')
	2026-03-02 10:30+00 > oms.send_message('late mail', TK::oms.ticket_id::text)
	2026-03-02 11:20+00 > oms.claim_stage(TK, 'b', 'ann')$$, 't.states(TK)'), 'a done, b in_progress', 'a hold that ran out unnoticed, and a message that came meanwhile');
SELECT is(t.play('Permit', $$2026-03-02 10:00+00 > open
	2026-03-02 11:00+00 > oms.stage_done(TK, 'a', '{"decision":"refused"}')
	2026-03-02 12:00+00 > oms.tick()$$, 't.log(TK) || '' '' || t.states(TK)'), 'queued, done a done, b skipped', 'done on its due time to the microsecond: in time');
SELECT is(t.play('Permit', $$2026-03-02 10:00+00 > open
	2026-03-02 11:00:00.000001+00 > OM005 oms.stage_done(TK, 'a', '{"decision":"refused"}')$$, '1'), '1', 'a microsecond later the law was faster');
SELECT is(t.play('Permit', $$2026-03-02 10:00+00 > open
	2026-03-02 10:30+00 > TOK := oms.claim_stage(TK, 'a', 'ann')
	2026-03-02 11:30+00 > oms.tick()
	> OM006 oms.stage_done(TK, 'a', '{"decision":"deemed approved"}', TOK)
	> OM006 oms.heartbeat(TK, 'a', TOK)
	> oms.claim_stage(TK, 'b', 'ann')$$, 't.log(TK) || '' '' || t.status(TK, ''b'')'), 'queued, in_progress, breached, escalated, done in_progress', 'whoever has it has lost it; and may do the next one: the law did this one');
SELECT is(t.play('Permit', $$2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'a', 'ann')
	2026-03-02 10:30+00 > oms.stage_failed(TK, 'a', 'oops', NULL, false)
	2026-03-02 11:30+00 > oms.tick()$$, 't.log(TK) || '' '' || t.ticket(TK)'), 'queued, in_progress, failed, breached, escalated, done open', 'a failed stage too');
SELECT is(t.play('Permit', $$2026-03-02 10:00+00 > open
	2026-03-02 10:30+00 > oms.hold(TK, 'a', 'papers')
	2026-03-03 10:30+00 > oms.tick()
	2026-03-03 11:00+00 > oms.resume(TK, 'a')
	2026-03-03 11:30+00 > oms.tick()
	2026-03-03 11:30:00.000001+00 > oms.tick()$$, 't.log(TK)'), 'queued, on_hold, resumed, breached, escalated, done', 'a hold stops it');
SELECT oms.set_hold_reason('talk', stops_clock => false) \g /dev/null
SELECT is(t.play('Permit', format($$2026-03-02 10:00+00 > open
	2026-03-02 10:30+00 > oms.hold(TK, %1$s, 'talk')
	2026-03-02 11:30+00 > oms.tick()
	2026-03-02 12:00+00 > oms.resume(TK, %1$s)
	2026-03-02 12:30+00 > oms.tick()$$, st), 't.log(TK) || (SELECT t.utc(s.finished_at) FROM oms.stage s WHERE s.ticket_id = TK AND s.stage_no = 1)'),
	'queued, on_hold, breached, resumed, escalated, done2026-03-02 12:00', 'also one that does not stop the clock: it is done when that ends, ' || st) FROM (VALUES ('''a'''), ('NULL')) v(st);
SELECT is(t.play('Permit', $$2026-03-02 10:00+00 > open
	> oms.stage_failed(TK, 'a', 'oops', NULL, false)
	2026-03-02 10:30+00 > oms.hold(TK, NULL, 'talk')
	2026-03-02 11:30+00 > oms.tick()
	2026-03-02 12:00+00 > oms.resume(TK, NULL)
	2026-03-02 12:00:00.000001+00 > oms.tick()$$, 't.log(TK) || '' '' || t.states(TK)'), 'queued, failed, breached, escalated, done a done, b queued', 'nor is a failed stage done while its ticket is on hold');
SELECT is(t.play('Permit', $$2026-03-02 10:00+00 > open
	2026-03-02 10:30+00 > oms.extend(TK, 'a', 'r', 30)
	2026-03-02 11:30+00 > oms.tick()
	2026-03-02 11:30:00.000001+00 > oms.tick()$$, 't.log(TK)'), 'queued, extended, breached, escalated, done', 'it follows the extended due time');
SELECT is(t.play('Permit', $$2026-03-02 10:00+00 > open
	2026-03-02 12:00+00 > oms.tick()
	2026-03-02 12:10+00 > oms.send_back(TK, 'b', 'a', 'a mistake')
	2026-03-02 13:10:00.000001+00 > oms.tick()$$, 't.log(TK)'), 'queued, breached, escalated, done, sent_back, queued, breached, escalated, done', 'once in each cycle');
SELECT is(t.play('Permit', '2026-03-02 10:00+00 > open' || E'\n2026-03-02 12:00+00 > oms.tick()', 't.citizen(TK)'), 'received, a in progress, a done, b in progress', 'citizens see a stage that is done');
-- check() recounts them
CREATE FUNCTION t.law(change text, at text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	tk oms.ticket_id;
	found text;
BEGIN
	PERFORM set_config('oms.now', '2026-03-02 10:00+00', true);
	tk := oms.open_ticket('Permit');
	PERFORM set_config('oms.now', at, true);
	PERFORM oms.tick();
	UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'oms.stage_state'::regclass;
	UPDATE pg_class SET relname = relname WHERE oid = 'oms.stage_state'::regclass;
	EXECUTE format('UPDATE oms.stage_state SET %s WHERE ticket_id = $1 AND stage_no = 1', change) USING tk;
	SELECT string_agg(c.detail, '; ' ORDER BY c.detail COLLATE "C") INTO found FROM oms.check(tk) AS c WHERE c.kind = 'clock' AND c.detail ~ 'law|finish';
	RAISE EXCEPTION SQLSTATE 'ZZ001' USING MESSAGE = coalesce(found, 'nothing');
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN SQLERRM;
END $$;
SELECT is(t.law(change, at), found, 'check() after ' || change) FROM (VALUES
	('steps = steps', '2026-03-02 11:30+00', 'nothing'),
	('steps = ''{0}''', '2026-03-02 11:30+00', 'stage a, cycle 1: the steps that finish it have fired {0} times, and it was done by law'),
	('steps = ''{2}''', '2026-03-02 11:30+00', 'stage a, cycle 1: the steps that finish it have fired {2} times, and it was done by law'),
	('worker = ''ann''', '2026-03-02 11:30+00', 'stage a, cycle 1: it ended when it showed 3600000001 µs, when it was to be done by law; stage a, cycle 1: the steps that finish it have fired {1} times, and it was not done by law'),
	('consumed_us = 3600000000', '2026-03-02 11:30+00', 'stage a, cycle 1: it ended when it showed 3600000000 µs, by law and before its time'),
	('steps = ''{1}''', '2026-03-02 10:30+00', 'stage a, cycle 1: the steps that finish it have fired {1} times, and it was not done by law')) v(change, at, found);
-- The moment after a closing time is not open; and what follows a stage that was done by law counts from then: t.findings() knows
SELECT oms.create_workflow('{"name":"Closing","calendar":"NL","stages":[
	{"id":"a","owner":"Desk","dueAt":"$.by","escalation":[{"at":"100%","finishWith":{}}]},
	{"id":"b","owner":"Desk","dependsOn":["a"],"startAt":"$.start","delayMins":30}]}') \g /dev/null
SELECT is(t.play('Closing', '2026-03-02 ' || opened || ' > open' || E'\n' || at || ' > ' || does, 't.states(TK), t.notes(TK, ''awaiting'')', '{"by":"2026-03-02"}'),
	found, does || ' at ' || at) FROM (VALUES
	('10:00+01', '2026-03-02 17:00+01', 'oms.tick()', '("a queued, b waiting","")'),
	('10:00+01', '2026-03-02 17:00+01', 'oms.stage_done(TK, ''a'')', '("a done, b awaiting","until 2026-03-03T08:30:00Z")'),
	('10:00+01', '2026-03-02 17:00:00.000001+01', 'oms.tick()', '("a done, b awaiting","until 2026-03-03T08:30:00Z")'),
	('10:00+01', '2026-03-03 10:00+01', 'oms.tick()', '("a done, b queued","until 2026-03-03T08:30:00Z")'),
	('20:00+01', '2026-03-02 20:00+01', 'oms.stage_done(TK, ''a'')', '("a done, b awaiting","until 2026-03-03T08:30:00Z")')) v(opened, at, does, found);
SELECT oms.create_workflow('{"name":"Last","slaMins":70,"stages":[{"id":"a","owner":"Desk","slaMins":60,"escalation":[{"at":"+10m","finishWith":{}}]}]}') \g /dev/null
SELECT is(t.play('Last', E'2026-03-02 10:00+00 > open\n' || at || ' > oms.tick()', $q$t.log(TK) || ' ' || t.ticket(TK) || ' ' || t.ticket_events(TK) || ' ' || (SELECT t.utc(k.closed_at) FROM oms.ticket k WHERE k.ticket_id = TK)$q$), log, 'at ' || at) FROM (VALUES
	('2026-03-02 11:10+00', 'queued, breached open opened none'),
	('2026-03-02 11:10:00.000001+00', 'queued, breached, escalated, done done opened, breached, ticket_done 2026-03-02 11:10:00.000001'),
	('2026-03-02 18:10+00', 'queued, breached, escalated, done done opened, breached, ticket_done 2026-03-02 11:10:00.000001')) v(at, log);
SELECT is(t.play('Last', E'2026-03-02 10:00+00 > open\n2026-03-02 11:10+00 > oms.stage_done(TK, ''a'')', 't.log(TK)'), 'queued, breached, done', 'in time on the moment of a later step too');
SELECT is(t.play('Last', E'2026-03-02 10:00+00 > open\n2026-03-02 18:10+00 > OM005 oms.cancel_ticket(TK, ''r'')', '1'), '1', 'whatever comes late finds the ticket done');
SELECT is((SELECT array_agg(problem ORDER BY path, problem) FROM oms.validate_workflow('{"name":"Bad","stages":[{"id":"a","owner":"A","slaMins":5,"escalation":[{"at":"100%","finishWith":{},"reassignTo":"B"},
	{"at":"100%","finishWith":{},"everyMins":5},{"at":"100%","finishWith":[]},{"at":"100%"}]}]}')),
	ARRAY['escalation[0] of stage "a" has both "finishWith" and "reassignTo"', 'escalation[1] of stage "a" has both "finishWith" and "everyMins"',
	'escalation[2].finishWith of stage "a" must be an object, not an array', 'escalation[3] of stage "a" has neither "notify" nor "reassignTo" nor "finishWith"'], 'what does not go together');
SELECT is(problem, wanted, def) FROM (VALUES
	('{"slaMins":5,"sla":[{"days":1}]}', 'stage "a" has both "slaMins" and "sla"'),
	('{"slaDays":5,"sla":[{"days":1}]}', 'stage "a" has both "slaDays" and "sla"'),
	('{"sla":[]}', 'sla of stage "a" has 0 entries, it needs 1 to 100'),
	('{"sla":{"mins":5}}', 'sla of stage "a" must be an array, not an object'),
	('{"sla":[{"days":1},{"mins":5}]}', 'sla[0] of stage "a" has no "when" and is not the last one'),
	('{"sla":[{"when":"$.x > 1","days":1}]}', 'sla[0] of stage "a" is the last one and has "when"'),
	('{"sla":[{"when":"$.x > 1","days":1,"mins":1},{"mins":5}]}', 'sla[0] of stage "a" has both "mins" and "days"'),
	('{"sla":[{}]}', 'sla[0] of stage "a" has neither "mins" nor "days"'),
	('{"sla":[{"mins":1.5}]}', 'sla[0].mins of stage "a" must be a whole number, not 1.5'),
	('{"sla":[{"when":"lax $.x > 1","mins":1},{"mins":5}]}', 'sla[0].when of stage "a" asks for lax mode'),
	('{"sla":[{"when":"$stages.z.x > 1","mins":1},{"mins":5}]}', 'sla[0].when of stage "a" uses the output of the unknown stage "z"'),
	('{"dueAt":"$.a +"}', 'dueAt of stage "a" is not a valid jsonpath: syntax error at end of jsonpath input'),
	('{"dueAt":"$x.a"}', 'dueAt of stage "a" uses the unknown variable $x'),
	('{"dueAt":7}', 'dueAt of stage "a" must be text, not a number'),
	('{"dueAt":"lax $.a","warnAt":[5],"escalation":[{"at":"100%","notify":"B"}]}', NULL),
	('{"sla":[{"days":5}],"warnAt":[5],"dueAt":"$stages.a.by"}', NULL)) v(def, wanted)
LEFT JOIN LATERAL (SELECT p.problem FROM oms.validate_workflow(jsonb_build_object('name', 'Bad', 'stages', jsonb_build_array('{"id":"a","owner":"A"}'::jsonb || def::jsonb))) p LIMIT 1) p ON true;

SELECT t.findings();
SELECT * FROM finish();
ROLLBACK;
