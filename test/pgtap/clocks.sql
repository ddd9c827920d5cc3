-- Clocks are stopwatches by calendars: when a stage is due, what a hold or a changed calendar does to that, and
-- that a breach is recorded exactly when there is one, whoever looked and whenever.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
\ir include/scene.psql
SET LOCAL oms.now = '2024-01-02 10:00+00';

CREATE FUNCTION t.week(zone text, hours jsonb, days text DEFAULT 'mon,tue,wed,thu,fri,sat,sun', holidays jsonb DEFAULT '[]') RETURNS jsonb
LANGUAGE sql AS $$
	SELECT jsonb_build_object('timezone', zone, 'hours', (SELECT jsonb_object_agg(d, hours) FROM unnest(string_to_array(days, ',')) d),
		'holidays', holidays)
$$;
CREATE FUNCTION t.federal(hours jsonb DEFAULT '["09:00-17:00"]') RETURNS jsonb LANGUAGE sql AS $$
	SELECT t.week('America/New_York', hours, 'mon,tue,wed,thu,fri',
		(SELECT jsonb_agg(d) FROM generate_series(2024, 2027) y, oms.us_federal_holidays(y) d))
$$;
SELECT oms.create_calendar('DC', t.federal()) \g /dev/null
SELECT oms.create_calendar('ALL', t.week('America/New_York', '["00:00-24:00"]')) \g /dev/null
SELECT oms.create_calendar('NIGHT', t.week('America/New_York', '["22:00-24:00","00:00-06:00"]')) \g /dev/null
SELECT oms.create_calendar('LUNCH', t.week('America/Chicago', '["08:00-12:00","13:00-17:00"]', 'mon,tue,wed,thu,fri')) \g /dev/null
SELECT oms.create_calendar('W7', t.week('America/New_York', '["09:00-17:00"]')) \g /dev/null
SELECT oms.create_calendar('GAP', t.week('America/New_York', '["02:30-04:00"]', 'sun')) \g /dev/null
SELECT oms.create_calendar('LHI', t.week('Australia/Lord_Howe', '["00:00-24:00"]', 'sun')) \g /dev/null
SELECT oms.create_calendar('KTM', t.week('Asia/Kathmandu', '["10:00-17:00"]', 'mon,tue,wed,thu,fri,sun')) \g /dev/null
SELECT oms.create_calendar('APIA', t.week('Pacific/Apia', '["09:00-17:00"]')) \g /dev/null

-- A workflow with one stage that has this clock.
CREATE FUNCTION t.clock(name text, stage jsonb, top jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT name FROM oms.create_workflow(jsonb_build_object('name', name, 'stages', jsonb_build_array('{"id":"a","owner":"Desk"}'::jsonb || stage)) || top)
$$;

-- ---------------------------------------------------------------------------
-- Due: open time of the calendar from the moment it is queued
-- ---------------------------------------------------------------------------
SELECT is(t.play(t.clock('V' || nr, jsonb_build_object('slaMins', mins, 'calendar', cal)), start || ' > open', 't.due(TK)'), due,
	format('%s: %s minutes from %s', cal, mins, start))
FROM (VALUES
	(1, 'DC', '2024-11-07 16:00-05', 240, '2024-11-08 17:00'),
	(2, 'DC', '2024-11-08 16:30-05', 240, '2024-11-12 17:30'),
	(3, 'ALL', '2024-03-09 12:00-05', 1440, '2024-03-10 17:00'),
	(4, 'DC', '2024-03-08 16:00-05', 120, '2024-03-11 14:00'),
	(5, 'NIGHT', '2024-03-09 22:00-05', 420, '2024-03-10 10:00'),
	(6, 'NIGHT', '2024-11-02 22:00-04', 540, '2024-11-03 11:00'),
	(7, 'GAP', '2024-03-10 00:00-05', 60, '2024-03-10 08:00'),
	(8, 'GAP', '2024-03-10 00:00-05', 61, '2024-03-17 06:31'),
	(9, 'LHI', '2024-04-06 00:00+11', 1470, '2024-04-07 13:30'),
	(10, 'KTM', '2024-06-07 16:30+05:45', 60, '2024-06-09 04:45'),
	(11, 'LUNCH', '2024-06-03 11:30-05', 60, '2024-06-03 18:30'),
	(12, 'DC', '2024-06-07 09:00-04', 480, '2024-06-07 21:00'),
	(13, 'DC', '2024-06-08 11:00-04', 0, '2024-06-08 15:00'),
	(14, 'DC', '2024-06-08 11:00-04', 1, '2024-06-10 13:01'),
	(15, 'W7', '2024-03-09 16:00-05', 120, '2024-03-10 14:00'),
	(16, 'W7', '2024-11-02 16:00-04', 120, '2024-11-03 15:00'),
	(17, 'ALL', '2024-11-02 12:00-04', 1440, '2024-11-03 16:00'),
	(18, 'APIA', '2011-12-29 16:00-10', 120, '2011-12-30 20:00')) v(nr, cal, start, mins, due);

SELECT is(t.play(t.clock('No calendar', '{"slaMins":1440}'), '2024-03-09 12:00-05 > open', 't.due(TK)'), '2024-03-10 17:00', 'no calendar: 24 hours, 7 days');
SELECT is(t.play(t.clock('Top', '{"slaMins":60}', '{"calendar":"DC"}'), '2024-11-08 16:30-05 > open', 't.due(TK)'), '2024-11-12 14:30', 'the calendar of the workflow is the default');
SELECT is(t.play(t.clock('Own', '{"slaMins":60,"calendar":"ALL"}', '{"calendar":"DC"}'), '2024-11-08 16:30-05 > open', 't.due(TK)'), '2024-11-08 22:30', 'a stage can have its own');
SELECT is(t.play(t.clock('None', '{}', '{"calendar":"DC"}'), '2024-11-08 16:30-05 > open', 't.due(TK)'), 'none', 'no limit: no clock');
SELECT is(t.play('Top', '2024-11-08 16:30-05 > open',
	$$SELECT t.due(TK) = t.utc(c.due_at) AND t.due(TK) = t.utc((oms.get_ticket(TK) #>> '{stages,0,due_at}')::timestamptz) FROM oms.claim('Desk') c WHERE c.ticket = TK$$),
	'true', 'claim and get_ticket tell the same due time');

-- ---------------------------------------------------------------------------
-- slaDays: the N-th open date after that of the start, at its last closing time
-- ---------------------------------------------------------------------------
SELECT t.clock('FOIA', '{"slaDays":20,"calendar":"DC"}'), t.clock('Day', '{"slaDays":1,"calendar":"DC"}'), t.clock('Day7', '{"slaDays":1,"calendar":"W7"}'),
	t.clock('DayLunch', '{"slaDays":2,"calendar":"LUNCH"}'), t.clock('DayApia', '{"slaDays":1,"calendar":"APIA"}') \g /dev/null
SELECT is(t.play(wf, start || ' > open', 't.due(TK)'), due, format('%s from %s', wf, start)) FROM (VALUES
	('FOIA', '2024-11-22 10:00-05', '2024-12-23 22:00'),
	('FOIA', '2024-11-22 00:00-05', '2024-12-23 22:00'),
	('FOIA', '2024-11-22 23:59:59-05', '2024-12-23 22:00'),		-- it is the 23rd in UTC
	('FOIA', '2024-11-23 10:00-05', '2024-12-23 22:00'),		-- a Saturday
	('Day', '2024-11-08 16:59-05', '2024-11-12 22:00'),			-- over Veterans Day
	('Day', '2024-03-08 09:00-05', '2024-03-11 21:00'),
	('Day', '2024-12-31 09:00-05', '2025-01-02 22:00'),
	('Day7', '2024-03-09 23:30-05', '2024-03-10 21:00'),
	('Day7', '2024-11-02 23:30-04', '2024-11-03 22:00'),
	('DayLunch', '2024-06-03 18:00-05', '2024-06-05 22:00'),
	('DayApia', '2011-12-29 10:00-10', '2011-12-31 03:00')) v(wf, start, due);
-- Holds push it by the open dates on hold.
SELECT is(t.play('FOIA', format(E'2024-11-22 10:00-05 > open\n%s > oms.hold(TK, ''a'', ''fee'')\n%s > oms.resume(TK, ''a'')', h, r), 't.due(TK)'), due,
	format('20 days from 22 November, on hold from %s to %s', h, r)) FROM (VALUES
	('2024-11-30 12:00-05', '2024-12-07 12:00-05', '2024-12-31 22:00'),		-- Saturday to Saturday: 5 open dates
	('2024-12-03 10:00-05', '2024-12-03 11:00-05', '2024-12-23 22:00'),		-- within one date
	('2024-11-30 10:00-05', '2024-12-01 11:00-05', '2024-12-23 22:00'),		-- a weekend
	('2024-11-28 00:00-05', '2024-11-28 23:00-05', '2024-12-23 22:00'),		-- a holiday
	('2024-12-07 12:00-05', '2024-12-14 12:00-05', '2024-12-31 22:00'),
	('2024-12-02 08:00-05', '2024-12-02 18:00-05', '2024-12-24 22:00'),		-- all of one open date
	('2024-12-02 18:00-05', '2024-12-03 08:00-05', '2024-12-23 22:00'),		-- a night between two
	('2024-11-29 18:00-05', '2024-12-02 08:00-05', '2024-12-23 22:00')) v(h, r, due);		-- from closing to opening
SELECT is(t.play('FOIA', $$
	2024-11-22 10:00-05 > open
	2024-11-30 12:00-05 > oms.hold(TK, 'a', 'fee')
	2024-12-07 12:00-05 > oms.resume(TK, 'a')
	2024-12-14 12:00-05 > oms.hold(TK, 'a', 'more')
	2024-12-21 12:00-05 > oms.resume(TK, 'a')
	$$, 't.due(TK)'), '2025-01-08 22:00', 'two holds of five dates each');
SELECT is(t.play('FOIA', E'2024-11-22 10:00-05 > open\n2024-11-30 12:00-05 > oms.hold(TK, ''a'', ''fee'')', 't.due(TK)'), 'none', 'none while on hold');
SELECT is(t.play('Day', E'2024-11-08 12:00-05 > open\n2024-11-12 17:00-05 > oms.stage_done(TK, ''a'')', 't.n(TK, ''breached'')'), '0', 'done at closing time is met');
SELECT is(t.play('Day', E'2024-11-08 12:00-05 > open\n2024-11-12 17:00:00.000001-05 > oms.stage_done(TK, ''a'')', 't.log(TK)'), 'queued, breached, done', 'a microsecond later it is breached');

-- ---------------------------------------------------------------------------
-- A stopwatch: holds
-- ---------------------------------------------------------------------------
SELECT t.clock('Fed4h', '{"slaMins":240,"calendar":"DC"}'), t.clock('Hour', '{"slaMins":60}'), t.clock('Sec0', '{"slaMins":0}'),
	t.clock('Lunch1', '{"slaMins":60,"calendar":"LUNCH"}') \g /dev/null
SELECT is(t.play(wf, format(E'%s > open\n%s > oms.hold(TK, ''a'', ''r'')\n%s > oms.resume(TK, ''a'')', o, h, r), 't.due(TK)'), due,
	format('%s at %s, on hold from %s to %s', wf, o, h, r)) FROM (VALUES
	('Fed4h', '2024-11-07 10:00-05', '2024-11-07 11:00-05', '2024-11-08 16:00-05', '2024-11-12 16:00'),
	('Fed4h', '2024-11-07 10:00-05', '2024-11-07 11:00-05', '2024-11-07 11:30-05', '2024-11-07 19:30'),
	('Fed4h', '2024-11-07 16:00-05', '2024-11-07 18:00-05', '2024-11-08 08:00-05', '2024-11-08 17:00'),	-- closed meanwhile
	('Fed4h', '2024-11-07 16:00-05', '2024-11-07 16:30-05', '2024-11-08 08:00-05', '2024-11-08 17:30'),
	('Fed4h', '2024-11-08 15:00-05', '2024-11-08 17:00-05', '2024-11-12 09:00-05', '2024-11-12 16:00'),	-- ends touch the hours
	('Fed4h', '2024-03-08 15:00-05', '2024-03-08 16:00-05', '2024-03-11 10:00-04', '2024-03-11 17:00'),	-- the clocks change
	('Fed4h', '2024-11-01 15:00-04', '2024-11-01 16:00-04', '2024-11-04 10:00-05', '2024-11-04 18:00'),
	('Fed4h', '2024-11-09 10:00-05', '2024-11-09 11:00-05', '2024-11-10 10:00-05', '2024-11-12 18:00'),	-- a weekend only
	('Hour', '2024-11-07 10:00+00', '2024-11-07 10:00+00', '2024-11-09 10:00+00', '2024-11-09 11:00'),
	('Hour', '2024-11-07 10:00+00', '2024-11-07 10:20:00.000001+00', '2024-11-07 10:20:00.000003+00', '2024-11-07 11:00:00.000002'),
	('Hour', '2024-11-07 10:00+00', '2024-11-07 10:30+00', '2024-11-07 10:30+00', '2024-11-07 11:00'),
	('Hour', '2024-11-07 10:00+00', '2024-11-07 10:59:59.999999+00', '2024-12-07 10:00+00', '2024-12-07 10:00:00.000001')) v(wf, o, h, r, due);
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-07 10:10+00 > oms.hold(TK, 'a', 'r')
	2024-11-07 12:00+00 > oms.resume(TK, 'a')
	2024-11-07 12:10+00 > oms.hold(TK, 'a', 'r')
	2024-11-07 14:00+00 > oms.resume(TK, 'a')
	2024-11-07 14:10+00 > oms.hold(TK, 'a', 'r')
	2024-11-07 16:00+00 > oms.resume(TK, 'a')
	$$, 't.due(TK)'), '2024-11-07 16:30', 'three holds');
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-07 10:10+00 > oms.hold(TK, 'a', 'r')
	2024-11-09 10:10+00 > oms.tick()
	$$, 't.due(TK), t.log(TK)'), '(none,"queued, on_hold")', 'nothing is due and nothing fires while paused');
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-07 11:00+00 > oms.hold(TK, 'a', 'r')
	2024-11-08 11:00+00 > oms.tick()
	$$, 't.log(TK)'), 'queued, on_hold', 'on hold at the due time: not breached');
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-07 11:00:00.000001+00 > oms.hold(TK, 'a', 'r')
	$$, 't.log(TK)'), 'queued, breached, on_hold', 'on hold a microsecond later: it was breached before');
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-07 12:00+00 > oms.hold(TK, 'a', 'r')
	2024-11-08 11:00+00 > oms.resume(TK, 'a')
	2024-11-09 11:00+00 > oms.tick()
	2024-11-09 12:00+00 > oms.stage_done(TK, 'a')
	$$, 't.n(TK, ''breached'')'), '1', 'a hold afterwards neither mends nor repeats it');
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-07 10:40+00 > oms.hold(TK, 'a', 'r')
	2024-11-08 10:00+00 > oms.resume(TK, 'a')
	2024-11-08 10:20+00 > oms.tick()
	2024-11-08 10:20+00 > oms.stage_done(TK, 'a')
	$$, 't.n(TK, ''breached'')'), '0', 'done when the rest is used up to the microsecond: met');
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-07 10:40+00 > oms.hold(TK, 'a', 'r')
	2024-11-08 10:00+00 > oms.resume(TK, 'a')
	2024-11-08 10:20:00.000001+00 > oms.stage_done(TK, 'a')
	$$, 't.log(TK)'), 'queued, on_hold, resumed, breached, done', 'a microsecond later: breached');
SELECT is(t.play('Lunch1', $$
	2024-06-03 11:30-05 > open
	2024-06-03 12:00-05 > oms.hold(TK, 'a', 'r')
	2024-06-03 13:00-05 > oms.resume(TK, 'a')
	$$, 't.due(TK)'), '2024-06-03 18:30', 'a hold in the lunch break costs nothing');

-- ---------------------------------------------------------------------------
-- Met or breached
-- ---------------------------------------------------------------------------
SELECT is(t.play('Hour', E'2024-11-07 10:00+00 > open\n2024-11-07 11:00+00 > oms.tick()\n> ' || call, 't.n(TK, ''breached'')'), '0', call || ' on the due time')
FROM (VALUES ('oms.stage_done(TK, ''a'')'), ('oms.skip_stage(TK, ''a'', ''r'')'), ('oms.cancel_ticket(TK, ''r'')'), ('oms.tick()')) v(call);
SELECT is(t.play('Hour', E'2024-11-07 10:00+00 > open\n2024-11-07 11:00:00.000001+00 > ' || call, 't.log(TK, ''a'')'), log, call || ' a microsecond too late')
FROM (VALUES
	('oms.stage_done(TK, ''a'')', 'queued, breached, done'),
	('oms.stages_done(jsonb_build_array(jsonb_build_object(''ticket'', TK, ''stage'', ''a'')))', 'queued, breached, done'),
	('oms.skip_stage(TK, ''a'', ''r'')', 'queued, breached, skipped'),
	('oms.cancel_ticket(TK, ''r'')', 'queued, breached, cancelled'),
	('oms.stage_failed(TK, ''a'', ''r'', NULL, false)', 'queued, breached, failed'),
	('oms.claim_stage(TK, ''a'', ''w'')', 'queued, breached, in_progress'),
	('oms.assign(TK, ''a'', ''w'')', 'queued, breached, assigned'),
	('oms.reassign(TK, ''a'', ''Other'', ''r'')', 'queued, breached, reassigned'),
	('oms.tick()', 'queued, breached')) v(call, log);
SELECT is(t.play('Fed4h', $$
	2024-11-08 16:30-05 > open
	2024-11-12 12:30-05 > oms.tick()
	> oms.stage_done(TK, 'a')
	$$, 't.n(TK, ''breached'')'), '0', 'the same by a calendar: met');
SELECT is(t.play('Fed4h', $$
	2024-11-08 16:30-05 > open
	2024-11-12 12:30:00.000001-05 > oms.tick()
	$$, 't.n(TK, ''breached'')'), '1', 'and breached');
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-07 10:30+00 > oms.stage_done(TK, 'a')
	2024-11-09 10:30+00 > oms.tick()
	$$, 't.n(TK, ''breached'')'), '0', 'done in time, however late the tick is');
SELECT matches(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-17 10:30+00 > oms.stage_done(TK, 'a')
	$$, 't.notes(TK, ''breached'')'), '2024-11-07.11:00:00', 'when it was due stands in the note');
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-07 12:00+00 > oms.tick()
	> oms.tick()
	2024-11-08 12:00+00 > oms.tick()
	> oms.claim_stage(TK, 'a')
	2024-11-09 12:00+00 > oms.release(TK, 'a')
	2024-11-09 12:00+00 > oms.reassign(TK, 'a', 'Other', 'r')
	2024-11-09 12:00+00 > oms.stage_done(TK, 'a')
	$$, 't.n(TK, ''breached'')'), '1', 'once per cycle');
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-07 12:00+00 > oms.stage_done(TK, 'a')
	2024-11-08 12:00+00 > oms.reopen(TK, 'a', 'r')
	2024-11-08 13:00+00 > oms.tick()
	2024-11-08 13:01+00 > oms.tick()
	2024-11-08 14:00+00 > oms.stage_done(TK, 'a')
	2024-11-09 14:00+00 > oms.reopen(TK, 'a', 'r')
	2024-11-09 15:00+00 > oms.stage_done(TK, 'a')
	$$, $$SELECT string_agg(e.cycle::text, ',') FROM oms.timeline e WHERE e.ticket_id = TK AND e.status = 'breached'$$), '1,2', 'and again in the next');
SELECT is(t.play('Sec0', E'2024-11-07 10:00+00 > open\n> oms.stage_done(TK, ''a'')', 't.n(TK, ''breached'')'), '0', 'limit 0, done at once: met');
SELECT is(t.play('Sec0', E'2024-11-07 10:00+00 > open\n2024-11-07 10:00:00.000001+00 > oms.tick()', 't.n(TK, ''breached'')'), '1', 'limit 0: breached a microsecond later');
SELECT is(t.play('Hour', E'2024-11-07 10:00+00 > open\n2024-11-07 10:30+00 > ' || calls, 't.due(TK)'), '2024-11-07 11:00', calls || ': the clock runs on')
FROM (VALUES
	('oms.claim_stage(TK, ''a''), oms.release(TK, ''a'')'),
	('oms.assign(TK, ''a'', ''w'')'),
	('oms.reassign(TK, ''a'', ''Other'', ''r'')'),
	('oms.escalate(TK, ''a'', ''r'')'),
	('oms.escalate(TK, ''a'', ''r'', ''Other'')'),
	('oms.stage_failed(TK, ''a'', ''r'')'),
	('oms.stage_failed(TK, ''a'', ''r'', NULL, false)'),
	('oms.stage_failed(TK, ''a'', ''r'', NULL, false), oms.retry_stage(TK, ''a'', ''r'')'),
	('oms.claim_stage(TK, ''a'', ''w''), oms.delegate(TK, ''a'', ''v'')'),
	('oms.comment(TK, ''x'', ''a'')')) v(calls);
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-07 10:30+00 > oms.stage_failed(TK, 'a', 'r', NULL, false)
	2024-11-07 12:00+00 > oms.tick()
	$$, 't.log(TK)'), 'queued, failed, breached', 'failed: the clock runs');
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	2024-11-07 10:30+00 > oms.cancel_ticket(TK, 'r')
	2024-11-07 12:00+00 > oms.tick()
	$$, 't.log(TK)'), 'queued, cancelled', 'cancelled: nothing more');
SELECT is(t.play('Hour', $$
	2024-11-07 10:00+00 > open
	> oms.claim('Desk', lease => '1 hour')
	2024-11-07 12:00+00 > oms.tick()
	$$, $$t.n(TK, 'breached'), t.n(TK, 'lease_expired'), t.status(TK)$$), '(1,1,queued)', 'a lease that ends on the due time');

SELECT oms.create_workflow('{"name":"Two","calendar":"DC","stages":[{"id":"a","owner":"Desk"},{"id":"b","owner":"Desk","slaMins":60,"dependsOn":["a"]}]}') \g /dev/null
SELECT is(t.play('Two', $$
	2024-11-07 10:00-05 > open
	2024-11-08 16:30-05 > oms.stage_done(TK, 'a')
	$$, 't.due(TK, ''b'')'), '2024-11-12 14:30', 'a clock starts when its stage is queued');
SELECT is(t.play('Two', E'2024-11-07 10:00-05 > open', 't.due(TK, ''b'')'), 'none', 'not before');

-- ---------------------------------------------------------------------------
-- The clock of the ticket
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Total","slaMins":300,"calendar":"DC","owner":"Chief","stages":[{"id":"a","owner":"Desk"},{"id":"b","owner":"Desk","dependsOn":["a"]}]}') \g /dev/null
SELECT is(t.play('Total', '2024-11-07 14:00-05 > open', 't.ticket_due(TK)'), '2024-11-08 16:00', 'the ticket is due by the calendar of the workflow');
SELECT is(t.play('Total', $$
	2024-11-07 14:00-05 > open
	2024-11-08 10:00-05 > oms.stage_done(TK, 'a')
	2024-11-08 11:00-05 > oms.tick()
	> oms.stage_done(TK, 'b')
	2024-11-09 11:00-05 > oms.tick()
	$$, 't.n(TK, ''breached'', NULL)'), '0', 'done on the due time: met');
SELECT is(t.play('Total', $$
	2024-11-07 14:00-05 > open
	2024-11-08 10:00-05 > oms.stage_done(TK, 'a')
	2024-11-08 11:00:00.000001-05 > oms.stage_done(TK, 'b')
	$$, 't.ticket_events(TK)'), 'opened, breached, ticket_done', 'a microsecond later: breached, then done');
SELECT is(t.play('Total', $$
	2024-11-07 14:00-05 > open
	2024-11-08 10:00-05 > oms.stage_done(TK, 'a')
	2024-11-18 11:00-05 > oms.tick()
	> oms.tick()
	2024-11-19 11:00-05 > oms.stage_done(TK, 'b')
	$$, 't.ticket_events(TK)'), 'opened, breached, ticket_done', 'once, by the tick');
SELECT matches(t.play('Total', E'2024-11-07 14:00-05 > open\n2024-11-18 11:00-05 > oms.tick()', 't.notes(TK, ''breached'')'), '2024-11-08.16:00:00', 'with the due time in the note');
SELECT is(t.play('Total', $$
	2024-11-07 14:00-05 > open
	2024-11-07 15:00-05 > oms.cancel_ticket(TK, 'r')
	2024-11-18 11:00-05 > oms.tick()
	$$, 't.ticket_events(TK)'), 'opened, ticket_cancelled', 'cancelled: no breach later');
SELECT is(t.play('Total', $$
	2024-11-07 14:00-05 > open
	2024-11-18 11:00-05 > oms.cancel_ticket(TK, 'r')
	$$, 't.ticket_events(TK)'), 'opened, breached, ticket_cancelled', 'cancelled too late: breached before');
SELECT is(t.play('Total', $$
	2024-11-07 14:00-05 > open
	2024-11-07 15:00-05 > oms.hold(TK, NULL, 'r')
	2024-11-12 16:00-05 > oms.tick()
	$$, 't.ticket_due(TK), t.n(TK, ''breached'', NULL)'), '(none,0)', 'a hold of the ticket stops it');
SELECT is(t.play('Total', $$
	2024-11-07 14:00-05 > open
	2024-11-07 15:00-05 > oms.hold(TK, NULL, 'r')
	2024-11-12 16:00-05 > oms.resume(TK, NULL)
	$$, 't.ticket_due(TK)'), '2024-11-13 17:00', 'and what is left runs on');
SELECT is(t.play('Total', $$
	2024-11-07 14:00-05 > open
	2024-11-08 15:00-05 > oms.hold(TK, NULL, 'r')
	$$, 't.ticket_events(TK)'), 'opened, breached, ticket_held', 'evaluated before it stops');
SELECT is(t.play('Total', $$
	2024-11-07 14:00-05 > open
	2024-11-08 10:00-05 > oms.stage_done(TK, 'a')
	2024-11-08 15:00-05 > oms.hold(TK, NULL, 'r')
	2024-11-09 15:00-05 > oms.resume(TK, NULL)
	2024-11-09 15:00-05 > oms.stage_done(TK, 'b')
	$$, 't.n(TK, ''breached'', NULL)'), '1', 'a hold after the due time does not mend it');

SELECT is(t.play(t.clock('Unknown', '{"slaMins":60,"calendar":"Nowhere"}'), E'2024-11-07 10:00-05 > open', '1') ~ 'Nowhere', true,
	'a calendar that does not exist is an error, not a clock that never stops');

-- ---------------------------------------------------------------------------
-- The session's settings have no say
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.everything(zone text, style text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('timezone', zone, true), set_config('datestyle', style, true), set_config('intervalstyle', 'sql_standard', true);
	RETURN t.play('Whole', $p$
	2024-03-08 16:00-05 > open
	2024-03-08 16:30-05 > oms.hold(TK, 'a', 'r', '2024-03-11 10:00-04')
	2024-03-11 12:00-04 > oms.tick()
	2024-03-11 15:00-04 > oms.tick()
	2024-03-12 15:00-04 > oms.stage_done(TK, 'a')
	2024-04-12 15:00-04 > oms.tick()
	$p$, $q$SELECT string_agg(concat_ws(' ', extract(epoch FROM e.at), e.stage, e.status, e.note), ', ' ORDER BY e.seq) FROM oms.timeline e WHERE e.ticket_id = TK$q$);
END $$;
SELECT oms.create_workflow('{"name":"Whole","calendar":"DC","slaMins":600,"stages":[{"id":"a","owner":"Desk","slaMins":120,"warnAt":[50],
	"escalation":[{"at":"+60m","notify":"Boss"}]},{"id":"b","owner":"Desk","slaDays":3,"dependsOn":["a"]}]}') \g /dev/null
SELECT is(t.everything(zone, style), t.everything('UTC', 'ISO, MDY'), format('the same with %s and %s', zone, style)) FROM (VALUES
	('America/New_York', 'ISO, MDY'), ('Pacific/Apia', 'German'), ('Asia/Kathmandu', 'SQL, DMY'), ('Pacific/Honolulu', 'Postgres, DMY')) v(zone, style);
SELECT matches(t.everything('UTC', 'ISO, MDY'), ' a warning .* a breached .* a escalated .* breached', 'and it is not empty');
RESET timezone;
RESET datestyle;
RESET intervalstyle;

-- ---------------------------------------------------------------------------
-- A changed calendar
-- ---------------------------------------------------------------------------
-- 240 minutes from Thursday 15:00: 120 are used up on Thursday.
SELECT is(t.play('Fed4h', $$
	2024-11-07 15:00-05 > open
	2024-11-08 08:00-05 > oms.create_calendar('DC', t.federal('["10:00-12:00"]'))
	$$, 't.due(TK), t.log(TK)'), '("2024-11-08 17:00","queued, clock_changed")', 'what is used up stays, the rest runs on the new one');
SELECT matches(t.play('Fed4h', $$
	2024-11-07 15:00-05 > open
	2024-11-08 08:00-05 > oms.create_calendar('DC', t.federal('["10:00-12:00"]'))
	$$, 't.notes(TK, ''clock_changed'')'), '2024-11-08.17:00:00', 'the new due time stands in the event');
SELECT is(t.play('Fed4h', $$
	2024-11-07 15:00-05 > open
	2024-11-08 10:00-05 > oms.create_calendar('DC', t.week('America/Los_Angeles', '["09:00-17:00"]', 'mon,tue,wed,thu,fri'))
	$$, 't.due(TK)'), '2024-11-08 18:00', 'another time zone') ;
SELECT is(t.play('Fed4h', $$
	2024-11-07 15:00-05 > open
	2024-11-08 08:00-05 > oms.create_calendar('DC', t.federal())
	2024-11-08 08:00-05 > oms.create_calendar('W7', t.federal('["10:00-12:00"]'))
	$$, 't.due(TK), t.log(TK)'), '("2024-11-08 16:00",queued)', 'the same definition again, or another calendar, changes nothing');
SELECT is(t.play('Fed4h', $$
	2024-11-07 15:00-05 > open
	2024-11-08 08:00-05 > oms.create_calendar('DC', t.federal('["10:00-12:00"]'))
	2024-11-08 12:00-05 > oms.tick()
	> oms.stage_done(TK, 'a')
	$$, 't.n(TK, ''breached'')'), '0', 'done on the new due time: met');
SELECT is(t.play('Fed4h', $$
	2024-11-07 15:00-05 > open
	2024-11-08 08:00-05 > oms.create_calendar('DC', t.federal('["10:00-12:00"]'))
	2024-11-08 12:00:00.000001-05 > oms.tick()
	$$, 't.log(TK)'), 'queued, clock_changed, breached', 'a microsecond later: breached');
SELECT is(t.play('Fed4h', $$
	2024-11-07 15:00-05 > open
	2024-11-08 15:00-05 > oms.create_calendar('DC', t.federal('["10:00-12:00"]'))
	2024-11-12 15:00-05 > oms.stage_done(TK, 'a')
	$$, 't.log(TK, ''a'', ''breached|done|queued''), t.notes(TK, ''breached'') ~ ''2024-11-08.16:00:00'''), '("queued, breached, done",t)', 'a breach that nobody had seen stays one');
SELECT is(t.play('Fed4h', $$
	2024-11-07 15:00-05 > open
	2024-11-07 16:00-05 > oms.hold(TK, 'a', 'r')
	2024-11-08 08:00-05 > oms.create_calendar('DC', t.federal('["10:00-12:00"]'))
	2024-11-08 09:00-05 > oms.resume(TK, 'a')
	$$, 't.due(TK)'), '2024-11-12 16:00', 'changed while on hold: what is left runs on the new one');
SELECT is(t.play('Fed4h', $$
	2024-11-07 15:00-05 > open
	2024-11-07 16:00-05 > oms.stage_done(TK, 'a')
	2024-11-08 08:00-05 > oms.create_calendar('DC', t.federal('["10:00-12:00"]'))
	2024-12-08 08:00-05 > oms.tick()
	$$, 't.due(TK), t.log(TK)'), '("2024-11-08 16:00","queued, done")', 'a finished cycle never changes');
SELECT is(t.play('Fed4h', $$
	2024-11-07 15:00-05 > open
	2024-11-07 16:00-05 > oms.stage_done(TK, 'a')
	2024-11-08 08:00-05 > oms.create_calendar('DC', t.federal('["10:00-12:00"]'))
	2024-11-08 09:00-05 > oms.reopen(TK, 'a', 'r')
	$$, 't.due(TK)'), '2024-11-12 17:00', 'the next cycle runs on the new one');
SELECT is(t.play('Fed4h', $$
	2024-11-07 15:00-05 > open
	2024-11-08 08:00-05 > oms.create_calendar('DC', t.federal('["10:00-12:00"]'))
	2024-11-08 11:00-05 > oms.create_calendar('DC', t.federal())
	$$, 't.due(TK), t.log(TK)'), '("2024-11-08 17:00","queued, clock_changed, clock_changed")', 'changed twice');
SELECT is(t.play('Fed4h', $$
	2024-11-07 15:00-05 > open
	2024-11-08 08:00-05 > oms.create_calendar('DC', t.federal('["10:00-12:00"]'))
	$$, 't.citizen(TK)'), 'received, a in progress', 'citizens do not see it');
SELECT is(t.play('Total', $$
	2024-11-07 14:00-05 > open
	2024-11-08 08:00-05 > oms.create_calendar('DC', t.federal('["10:00-12:00"]'))
	$$, 't.ticket_due(TK), t.ticket_events(TK)'), '("2024-11-08 17:00","opened, clock_changed")', 'the clock of the ticket too');
SELECT is(t.play('FOIA', $$
	2024-11-22 10:00-05 > open
	2024-12-02 08:00-05 > oms.create_calendar('DC', t.federal('["09:00-15:00"]'))
	$$, 't.due(TK)'), '2024-12-23 20:00', 'open dates: the new closing time');
SELECT is(t.play('Two', $$
	2024-11-07 10:00-05 > open
	2024-11-07 11:00-05 > oms.create_calendar('DC', t.federal('["10:00-12:00"]'))
	2024-11-07 15:00-05 > oms.stage_done(TK, 'a')
	$$, 't.due(TK, ''b'')'), '2024-11-08 16:00', 'a clock that starts later starts on the new one');

SELECT oms.create_workflow('{"name":"Many","calendar":"DC","stages":[{"id":"a","owner":"Desk","slaMins":240}]}') \g /dev/null
SET LOCAL oms.now = '2024-11-07 15:00-05';
SELECT count(*) FROM oms.open_tickets('Many', array_fill('{}'::jsonb, ARRAY[200])) \g /dev/null
SET LOCAL oms.now = '2024-11-08 08:00-05';
SELECT lives_ok($$SELECT oms.create_calendar('DC', t.federal('["10:00-12:00"]'))$$, 'a calendar with 200 running clocks is changed');
SELECT results_eq($$SELECT count(*), min(s.due_at), max(s.due_at) FROM oms.stage s JOIN oms.ticket k USING (ticket_id) WHERE k.workflow = 'Many'$$,
	$$VALUES (200::bigint, '2024-11-08 12:00-05'::timestamptz, '2024-11-08 12:00-05'::timestamptz)$$, 'all of them have the new due time');
SELECT is((SELECT count(*) FROM oms.timeline WHERE status = 'clock_changed'), 200::bigint, 'with an event each');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chains are whole');

SELECT t.findings();
SELECT finish();
ROLLBACK;
