-- Clocks that meet what no plan foresaw: calendars that end or cannot be read, closing times that change
-- afterwards, outages of months, and a clock of the machine that is set back.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
\ir include/scene.psql
SET LOCAL timezone = 'UTC';

CREATE FUNCTION t.dueat(ticket oms.ticket_id, stage text) RETURNS timestamptz LANGUAGE sql AS $$
	SELECT s.due_at FROM oms.stage AS s WHERE s.ticket_id = ticket AND s.stage = dueat.stage $$;
CREATE FUNCTION t.noted(ticket oms.ticket_id, status text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(e.note ORDER BY e.seq) FROM oms.timeline AS e WHERE e.ticket_id = ticket AND e.status = noted.status $$;
CREATE FUNCTION t.sound(what text) RETURNS text LANGUAGE sql AS $$
	SELECT is((SELECT array_agg(c.ticket || ' ' || c.detail) FROM oms.check() AS c WHERE c.kind <> 'calendars'), NULL, 'sound: ' || what) $$;

-- ---------------------------------------------------------------------------
-- A calendar that ends
-- ---------------------------------------------------------------------------
SET LOCAL oms.now = '2026-04-01 10:00+00';
SELECT oms.create_calendar('c','{"timezone":"UTC","hours":{},"exceptions":{"2026-04-14":["09:00-17:00"]}}') \g /dev/null
SELECT oms.create_workflow('{"name":"W","stages":[{"id":"q","owner":"o","calendar":"c","slaMins":60,"warnAt":[50],"escalation":[{"at":"+10m","notify":"x"}]}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"Days","slaDays":2,"calendar":"c","stages":[{"id":"q","owner":"o","slaDays":2}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"Next","stages":[{"id":"a","owner":"o"},{"id":"b","owner":"o","dependsOn":["a"],"calendar":"c","slaMins":60}]}') \g /dev/null
SELECT oms.open_ticket('W') AS tk, oms.open_ticket('W') AS tk2, oms.open_ticket('Next') AS nx, oms.open_ticket('Days') AS dy \gset
SELECT ok(reason IS NOT NULL, 'health tells it beforehand') FROM (SELECT (SELECT r FROM unnest(h.reasons) r WHERE r LIKE 'calendar: c ends 2026-04-14T17:00:00Z%') AS reason FROM oms.health() h) x;
SELECT is(t.dueat(:'dy', 'q'), NULL, 'two days are more than it holds');
SELECT is(t.noted(:'dy', 'no_due_time'), ARRAY['no due time: calendar c has no open time', 'no due time: calendar c has no open time'], '… of the ticket and the stage');
SELECT oms.hold(:'tk', 'q', 'wait', '2026-05-01 09:00+00') \g /dev/null
SELECT oms.hold(:'tk2', 'q', 'wait', '2026-05-01 09:00+00') \g /dev/null
SET LOCAL oms.now = '2026-05-01 10:00+00';
SELECT is(oms.tick(), 2, 'timers fire');
SELECT is(t.dueat(:'tk', 'q'), NULL, 'no due time');
SELECT is(t.noted(:'tk', 'no_due_time'), ARRAY['no due time: calendar c has no open time'], '… which is told');
SELECT is((SELECT timer_at FROM oms.stage WHERE ticket_id = :'tk' AND stage = 'q'), 'infinity'::timestamptz, '… and left to another version');
SELECT is(oms.tick(), 0, '… by nothing else');
SELECT is(oms.stage_done(:'nx', 'a'), ARRAY['b'], 'a stage whose next one has no due time is done');
SELECT is(t.noted(:'nx', 'no_due_time'), ARRAY['no due time: calendar c has no open time'], '… which is told');
SELECT is((SELECT count(*) FROM oms.claim('o', 'w', 1)), 1::bigint, 'it can be claimed');
SELECT ok((SELECT bool_or(r LIKE 'calendar: c has no open time%') FROM oms.health() h, unnest(h.reasons) r), 'health tells it');
SELECT t.sound('clocks without a due time');
SELECT lives_ok(format($$SELECT oms.reassign(%L, 'q', 'o2', 'x')$$, :'tk2'), 'reassign');
SELECT lives_ok(format($$SELECT oms.cancel_ticket(%L, 'x')$$, :'tk2'), 'cancel_ticket');
SET LOCAL oms.now = '2026-05-01 11:00+00';
SELECT is(oms.create_calendar('c', t.week), 2, 'a calendar that goes on') FROM (SELECT '{"timezone":"UTC","hours":{"mon":["09:00-17:00"],"fri":["09:00-17:00"]}}'::jsonb AS week) t;
SELECT is(t.dueat(:'tk', 'q'), '2026-05-01 12:00+00', 'it is due by that one');
SELECT is(t.noted(:'tk', 'clock_changed'), ARRAY['calendar c, version 2, from 2026-05-01T11:00:00Z on: due 2026-05-01T12:00:00Z, was never'], '… which is told');
SELECT is(t.dueat(:'nx', 'b'), '2026-05-01 12:00+00', 'the next stage too');
SELECT is(t.dueat(:'dy', 'q'), '2026-05-01 17:00+00', 'and the days, of which one was used up');
SELECT is((SELECT due_at FROM oms.ticket WHERE ticket_id = :'dy'), '2026-05-01 17:00+00', 'and the ticket''s own');
SELECT t.sound('another version');
SELECT oms.create_calendar('slow','{"timezone":"UTC","hours":{"mon":["09:00-09:01"]}}') \g /dev/null
SELECT oms.create_workflow('{"name":"Slow","stages":[{"id":"q","owner":"slow","calendar":"slow","slaMins":2147483647,"warnAt":[100]}]}') \g /dev/null
SELECT is(t.dueat(oms.open_ticket('Slow'), 'q'), NULL, 'a limit beyond the end of time');
SELECT is((SELECT count(*) FROM oms.claim('slow')), 1::bigint, '… can be claimed');
SELECT t.sound('the end of time');

-- ---------------------------------------------------------------------------
-- A calendar that this server cannot read
-- ---------------------------------------------------------------------------
SET LOCAL oms.now = '2026-06-01 10:00+00';
SELECT oms.create_calendar('z', '{"timezone":"America/New_York","hours":{"mon":["09:00-17:00"],"tue":["09:00-17:00"]}}') \g /dev/null
SELECT oms.create_workflow('{"name":"Zone","calendar":"z","stages":[{"id":"q","owner":"zo","slaMins":600},{"id":"r","owner":"zo","dependsOn":["q"],"slaDays":1}]}') \g /dev/null
SELECT oms.open_ticket('Zone') AS before \gset
SELECT is(t.dueat(:'before', 'q'), '2026-06-02 15:00+00', 'ten hours of New York');
-- as a restore on a server without that zone leaves it
UPDATE oms.calendar SET current = false, left_by = pg_current_xact_id()::text::bigint WHERE name = 'z';
INSERT INTO oms.calendar (name, version, definition, created_by, created_at)
	VALUES ('z', 2, '{"timezone":"US/Nowhere","hours":{"mon":["09:00-17:00"],"tue":["09:00-17:00"]}}', 'x', '2026-06-01 14:00+00');
SELECT oms.set_owner('zo', calendar => 'z') \g /dev/null
SET LOCAL oms.now = '2026-06-01 15:00+00';
SELECT is(t.noted(oms.open_ticket('Zone'), 'no_due_time'), ARRAY['no due time: calendar z cannot be read, unknown time zone "US/Nowhere"'], 'open');
SELECT oms.open_ticket('Zone') AS u, oms.open_ticket('Zone') AS v \gset
SELECT lives_ok(format(s, :'u'), s) FROM unnest(ARRAY['SELECT oms.hold(%L, ''q'', ''x'')', 'SELECT oms.resume(%L, ''q'')', 'SELECT oms.reassign(%L, ''q'', ''zo'', ''x'')',
	'SELECT oms.claim(''zo'')', 'SELECT oms.stage_done(%L, ''q'')', 'SELECT oms.skip_stage(%L, ''r'', ''x'')', 'SELECT oms.tick()']) s;
SELECT lives_ok(format('SELECT oms.cancel_ticket(%L, ''x'')', oms.open_ticket('Zone')), 'cancel');
SELECT is((SELECT array_agg(detail ORDER BY detail) FROM oms.check()), ARRAY['calendar z cannot be read: unknown time zone "US/Nowhere"', 'calendar z: it is not as the journal says'], 'check tells it, and that it was not done by a call');
SELECT is(status, 'bad', 'health') FROM oms.health();
SELECT ok((SELECT bool_or(r = 'calendar: z cannot be read, unknown time zone "US/Nowhere"') FROM oms.health() h, unnest(h.reasons) r), '… with the name of the zone');
SELECT is(error_code($$SELECT oms.business_time('z', '2026-06-01', '2026-06-02')$$), '55000', 'nothing is measured by it');
SELECT is(oms.calendar_problem('z'), 'unknown time zone "US/Nowhere"', 'why');
SET LOCAL oms.now = '2026-06-01 17:00+00';
SELECT is(oms.create_calendar('z', '{"timezone":"America/New_York","hours":{"mon":["09:00-17:00"],"tue":["09:00-17:00"]}}'), 3, 'repaired');
SELECT is(oms.calendar_problem('z'), NULL, '… it can be read');
SELECT is(t.dueat(:'before', 'q'), '2026-06-02 15:00+00', 'what ran is due as if nothing had been');
SELECT is(t.dueat(:'v', 'q'), '2026-06-02 17:00+00', 'what began meanwhile runs from its beginning');
SELECT t.sound('a calendar that could not be read');
SELECT is(oms.create_calendar('link', '{"timezone":"europe/belfast","hours":{"mon":["09:00-17:00"]}}'), 1, 'a link is taken');

-- ---------------------------------------------------------------------------
-- Dates whose closing time changes afterwards
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.version(name text, exceptions jsonb DEFAULT '{}', zone text DEFAULT 'UTC', hours text DEFAULT '09:00-15:00', days text DEFAULT 'mon,tue,wed,thu') RETURNS int LANGUAGE sql AS $$
	SELECT oms.create_calendar(name, jsonb_build_object('timezone', zone, 'exceptions', exceptions,
		'hours', (SELECT jsonb_object_agg(d, jsonb_build_array(hours)) FROM unnest(string_to_array(days, ',')) d))) $$;
CREATE FUNCTION t.open3(name text) RETURNS oms.ticket_id LANGUAGE sql AS $$
	SELECT oms.open_ticket(w.name) FROM (SELECT name FROM oms.create_workflow(jsonb_build_object('name', name, 'calendar', name,
		'stages', '[{"id":"a","owner":"Desk","slaDays":3}]'::jsonb))) AS w $$;
SET LOCAL oms.now = '2026-03-02 10:00+00';
SELECT t.version(n) FROM unnest(ARRAY['k1', 'k2', 'k3', 'k4']) n \g /dev/null
SELECT t.open3('k1') AS k1, t.open3('k2') AS k2, t.open3('k3') AS k3, t.open3('k4') AS k4 \gset
SELECT is(t.dueat(:'k1', 'a'), '2026-03-05 15:00+00', 'three dates');
SET LOCAL oms.now = '2026-03-03 10:00+00';
SELECT oms.hold(:'k3', 'a', 'x') \g /dev/null
SET LOCAL oms.now = '2026-03-03 14:00+00';
SELECT t.version('k4', '{"2026-03-03":["09:00-12:00"]}') \g /dev/null
SELECT is(t.dueat(:'k4', 'a'), '2026-03-05 15:00+00', 'a date that a new version ends in the past is used up then');
SET LOCAL oms.now = '2026-03-03 16:00+00';
SELECT t.version('k1', '{"2026-03-03":["09:00-15:00","18:00-20:00"]}') \g /dev/null
SELECT is(t.dueat(:'k1', 'a'), '2026-03-05 15:00+00', 'one that was used up stays so when it opens again');
SELECT oms.resume(:'k3', 'a') \g /dev/null
SELECT is(t.dueat(:'k3', 'a'), '2026-03-09 15:00+00', 'a hold over a closing time moves it by one');
SET LOCAL oms.now = '2026-03-03 17:00+00';
SELECT t.version('k3', '{"2026-03-03":["09:00-20:00"]}') \g /dev/null
SELECT is(t.dueat(:'k3', 'a'), '2026-03-05 15:00+00', '… and when that date opens again, it closes while the clock runs');
SELECT oms.hold(:'k2', 'a', 'x') \g /dev/null
SELECT t.version('k2', '{"2026-03-03":["09:00-15:00","18:00-20:00"]}') \g /dev/null
SET LOCAL oms.now = '2026-03-03 19:00+00';
SELECT oms.resume(:'k2', 'a') \g /dev/null
SELECT is(t.dueat(:'k2', 'a'), '2026-03-05 15:00+00', 'also during a hold');
SELECT t.sound('dates that open again');
SET LOCAL oms.now = '2026-03-02 20:00+00';
SELECT t.version('hnl', '{}', 'Pacific/Honolulu', '09:00-17:00') \g /dev/null
SELECT t.open3('hnl') AS hnl \gset
SELECT is(t.dueat(:'hnl', 'a'), '2026-03-06 03:00+00', 'Thursday in Honolulu');
SET LOCAL oms.now = '2026-03-04 04:00+00';
SELECT t.version('hnl', '{}', 'Pacific/Auckland', '09:00-17:00') \g /dev/null
SELECT is(t.dueat(:'hnl', 'a'), '2026-03-05 04:00+00', 'moved to Auckland, Wednesday has just ended: Thursday');
SET LOCAL oms.now = '2026-03-01 21:00+00';
SELECT t.version('akl', '{}', 'Pacific/Auckland', '09:00-17:00') \g /dev/null
SELECT t.open3('akl') AS akl \gset
SELECT is(t.dueat(:'akl', 'a'), '2026-03-05 04:00+00', 'Thursday in Auckland');
SET LOCAL oms.now = '2026-03-03 05:00+00';
SELECT t.version('akl', '{}', 'Pacific/Honolulu', '09:00-17:00') \g /dev/null
SELECT is(t.dueat(:'akl', 'a'), '2026-03-06 03:00+00', 'moved to Honolulu, where it is Monday: Tuesday does not count again');
SELECT t.sound('zones');

-- ---------------------------------------------------------------------------
-- More was missed than anybody thought of
-- ---------------------------------------------------------------------------
SET LOCAL oms.now = '2026-07-01 00:00+00';
SELECT oms.create_workflow('{"name":"Many","stages":[{"id":"a","owner":"Many","slaMins":0,
	"escalation":[{"at":"+1m","everyMins":1,"notify":"x"},{"at":"+2500m","reassignTo":"Other"}]}]}') \g /dev/null
SELECT oms.open_ticket('Many') AS mt, oms.open_ticket('Many') AS mt2 \gset
SELECT token AS mtoken FROM oms.claim('Many', 'w', 1, '90 days') WHERE ticket = :'mt' \gset
SET LOCAL oms.now = '2026-07-03 00:00+00';
SELECT is(error_code(format('SELECT oms.stage_done(%L, ''a'', ''{}'', %s)', :'mt', :'mtoken')), 'OM006', 'all of 2,882 timers fire before a late call');
SELECT oms.tick() \g /dev/null
SELECT is((SELECT string_agg(status || COALESCE(': ' || note, ''), E'\n' ORDER BY seq) FROM oms.timeline WHERE ticket_id = :'mt2' AND seq > 2),
	E'breached: was due 2026-07-01T00:00:00Z\n'
	'escalated: step 2500 minutes after the due time, 2026-07-02T17:40:00Z\n'
	'reassigned: step 2500 minutes after the due time, 2026-07-02T17:40:00Z\n'
	'escalated: step 1 minutes after the due time, the last of 2880 missed times, 2026-07-03T00:00:00Z, for x',
	'what was missed very often is one event, in its order');
SELECT is((SELECT steps || level FROM oms.stage_state WHERE ticket_id = :'mt2'), '{2880,1,2}', '… and none is missing');
SELECT is(oms.tick(), 0, 'nothing is left');
SELECT t.sound('missed very often');
SELECT oms.cancel_ticket(k, 'x') FROM unnest(ARRAY[:'mt', :'mt2']) k \g /dev/null
SELECT t.sound('… and ended');
-- a hundred one by one, a hundred and one as one
SELECT oms.open_ticket('Many') AS m100, oms.open_ticket('Many') AS m101, oms.open_ticket('Many') AS m0 \gset
SET LOCAL oms.now = '2026-07-03 01:40+00';
SELECT oms.stage_done(:'m100', 'a') \g /dev/null
SET LOCAL oms.now = '2026-07-03 01:41+00';
SELECT oms.stage_done(:'m101', 'a') \g /dev/null
SELECT is((SELECT string_agg(format('%s by %s', steps, level), ' ' ORDER BY ticket_id) FROM oms.stage_state WHERE ticket_id IN (:'m100', :'m101')),
	'{100,0} by 100 {101,0} by 1', 'up to a hundred are recorded one by one');
-- by a calendar that changed meanwhile: both parts by the hours that they had
SELECT oms.create_calendar('odd', '{"timezone":"UTC","hours":{"fri":["09:00-17:00"],"sat":["09:00-17:00"],"sun":["09:00-17:00"]}}'),
	oms.create_workflow('{"name":"ManyOpen","calendar":"odd","stages":[{"id":"a","owner":"Many","slaMins":480,
	"escalation":[{"at":"50%","everyMins":10,"max":300,"notify":"x"},{"at":"75%","everyMins":1,"notify":"supervisor"}]}]}') \g /dev/null
SELECT oms.open_ticket('ManyOpen') AS mo \gset
SET LOCAL oms.now = '2026-07-06 00:00+00';
SELECT oms.create_calendar('odd', '{"timezone":"UTC","hours":{"mon":["09:00-10:00"]}}') \g /dev/null
SET LOCAL oms.now = '2032-07-06 00:00+00';
SELECT oms.tick() \g /dev/null
SELECT is((SELECT string_agg(note, E'\n' ORDER BY seq) FROM oms.timeline WHERE ticket_id = :'mo' AND status = 'escalated'),
	E'step at 50% of the time limit, the last of 121 missed times, 2026-07-05T17:00:00Z, for x\n'
	'step at 75% of the time limit, the last of 1081 missed times, 2026-07-05T17:00:00Z\n'
	'step at 50% of the time limit, the last of 179 missed times, 2027-01-25T09:50:00Z, for x\n'
	'step at 75% of the time limit, the last of 18840 missed times, 2032-07-05T10:00:00Z', 'through another version of the calendar');
-- six thousand years, every minute: more than can be counted is not counted, and nothing fails
SET LOCAL oms.now = '9999-07-06 00:00+00';
SELECT oms.tick() \g /dev/null
SELECT is((SELECT steps || level FROM oms.stage_state WHERE ticket_id = :'m0'), '{2147483647,1,3}', 'there is an end of counting');
SELECT is(oms.tick(), 0, '… and of firing');
SELECT t.sound('six thousand years');
SELECT oms.stage_done(k, 'a') FROM unnest(ARRAY[:'m0', :'mo']) k \g /dev/null
SELECT t.sound('… and done');

-- ---------------------------------------------------------------------------
-- The clock of the machine is set back
-- ---------------------------------------------------------------------------
SET LOCAL oms.now = '2026-08-02 10:00+00';
SELECT oms.create_workflow('{"name":"Back","stages":[{"id":"a","owner":"Back","slaMins":60},{"id":"b","owner":"Back2","dependsOn":["a"],"retry":{"backoffSecs":60}}]}') \g /dev/null
SELECT oms.open_ticket('Back') AS bk \gset
SET LOCAL oms.now = '2026-08-01 10:00+00';
SELECT token AS btoken, lease_until AS until FROM oms.claim('Back', 'w', lease => '5 minutes') \gset
SELECT is(:'until'::timestamptz, '2026-08-01 10:05+00'::timestamptz, 'a stage that was queued before can be claimed, and the lease ends by the clock');
SET LOCAL oms.now = '2026-08-01 10:04+00';
SELECT oms.tick() \g /dev/null
SELECT is(t.status(:'bk'), 'in_progress', 'it has not run out');
SELECT is(oms.heartbeat(:'bk', 'a', :btoken, '3 minutes'), '2026-08-01 10:07+00', 'a heartbeat');
SET LOCAL oms.now = '2026-08-01 10:08+00';
SELECT oms.tick() \g /dev/null
SELECT is(t.status(:'bk'), 'queued', 'it runs out');
SELECT is((SELECT count(*) FROM oms.claim('Back', 'w')), 1::bigint, '… and can be claimed again');
SELECT is(oms.stage_done(:'bk', 'a'), ARRAY['b'], 'done');
SELECT is((SELECT count(*) FROM oms.claim('Back2', 'w')), 1::bigint, 'what is queued now can be claimed now');
SELECT is(oms.stage_failed(:'bk', 'b', 'x'), 'queued', 'a pause');
SELECT is((SELECT ready_at FROM oms.stage_state WHERE ticket_id = :'bk' AND stage_no = 2), '2026-08-01 10:09+00', '… by the clock');
SELECT is((SELECT count(*) FROM oms.claim('Back2', 'w')), 0::bigint, '… in which it cannot be claimed');
SELECT oms.hold(:'bk', 'b', 'x', '2026-08-01 10:20+00') \g /dev/null
SET LOCAL oms.now = '2026-08-01 10:20+00';
SELECT oms.tick() \g /dev/null
SELECT is(t.status(:'bk', 'b'), 'queued', 'a hold ends by the clock');
SELECT is((SELECT count(*) FROM oms.claim('Back2', 'w')), 1::bigint, '… and the stage can be claimed');
SELECT is((SELECT bool_and(at >= '2026-08-02 10:00+00') FROM oms.timeline WHERE ticket_id = :'bk'), true, 'times of events do not go back');
SELECT t.sound('set back');

-- ---------------------------------------------------------------------------
-- What citizens are promised
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.expected(ticket oms.ticket_id) RETURNS text LANGUAGE sql AS $$ SELECT oms.track(oms.tracking_number(ticket)) ->> 'expected_by' $$;
SET LOCAL oms.now = '2026-03-02 10:00+00';
SELECT t.version('p') \g /dev/null
SELECT oms.create_workflow('{"name":"P1","calendar":"p","stages":[{"id":"a","owner":"P","slaDays":3}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"P2","stages":[{"id":"a","owner":"P","slaMins":30},{"id":"b","owner":"P","slaMins":60,"dependsOn":["a"]}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"P3","stages":[{"id":"a","owner":"P"},{"id":"b","owner":"P","slaMins":60,"dependsOn":["a"]},{"id":"c","owner":"P","dependsOn":["b"]}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"P4","stages":[{"id":"a","owner":"P","slaMins":30},{"id":"b","owner":"P","slaMins":600,"minAmount":100,"dependsOn":["a"]},{"id":"c","owner":"P","slaMins":60,"dependsOn":["b"]}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"P5","stages":[{"id":"a","owner":"P","slaMins":30},{"id":"b","owner":"P","slaMins":600},{"id":"c","owner":"P","slaMins":60,"join":"any","dependsOn":["a","b"]}]}') \g /dev/null
SELECT oms.open_ticket('P1') AS p1, oms.open_ticket('P2') AS p2, oms.open_ticket('P3') AS p3, oms.open_ticket('P4', '{"amount":1}') AS p4, oms.open_ticket('P5') AS p5 \gset
SELECT is(t.expected(:'p4'), '2026-03-02T11:30:00Z', 'a stage that will be skipped does not count');
SELECT is(t.expected(:'p5'), '2026-03-02T20:00:00Z', 'the last of all');
SELECT oms.hold(:'p1', 'a', 'x') \g /dev/null
SET LOCAL oms.now = '2026-03-02 10:10+00';
SELECT oms.stage_done(:'p4', 'a'), oms.stage_done(:'p5', 'b') \g /dev/null
SELECT is(t.expected(:'p4'), '2026-03-02T11:10:00Z', '… nor does the date jump when it is');
SELECT is(t.expected(:'p5'), '2026-03-02T11:10:00Z', 'a join of any begins with the first');
SET LOCAL oms.now = '2026-03-02 11:00+00';
SELECT is(t.expected(:'p2'), '2026-03-02T12:00:00Z', 'a late stage leaves the next one its time');
SELECT is(t.expected(:'p3'), '2026-03-02T12:00:00Z', 'so does one without a limit');
SET LOCAL oms.now = '2026-03-04 10:00+00';
SELECT is(t.expected(:'p1'), '2026-03-09T15:00:00Z', 'days on hold: three dates from now on');
SELECT t.version('p', '{"2026-03-05":[]}') \g /dev/null
SELECT is(t.expected(:'p1'), '2026-03-10T15:00:00Z', '… by the calendar as it is now');
SELECT oms.stage_done(:'p3', 'a'), oms.stage_done(:'p3', 'b') \g /dev/null
SET LOCAL oms.now = '2026-03-09 10:00+00';
SELECT is(t.expected(:'p3'), NULL, 'what is left has no limit: nothing is promised');

SELECT is((SELECT array_agg(path || ' ' || problem) FROM oms.validate_workflow('{"name":"B","slaMins":1,"slaDays":1,"stages":[{"id":"a","owner":"A"}]}')), ARRAY['$ the workflow has both "slaMins" and "slaDays"'], 'one limit for the ticket');
SELECT * FROM finish();
ROLLBACK;
