-- Warnings and the ladder of escalation: each step once per cycle, in calendar time, for the right person, and not at
-- all when the stage was done before. Alerts are in test/t/031_alerts.pl.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
\ir include/scene.psql
SET LOCAL oms.now = '2024-01-02 10:00+00';
SELECT oms.create_calendar('DC', jsonb_build_object('timezone', 'America/New_York',
	'hours', (SELECT jsonb_object_agg(d, '["09:00-17:00"]'::jsonb) FROM unnest('{mon,tue,wed,thu,fri}'::text[]) d),
	'holidays', (SELECT jsonb_agg(d) FROM generate_series(2024, 2027) y, oms.us_federal_holidays(y) d))) \g /dev/null
SELECT oms.set_owner('Desk', supervisor => 'Boss'), oms.set_owner('Other', supervisor => 'OtherBoss') \g /dev/null

CREATE FUNCTION t.clock(name text, stage jsonb, top jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT name FROM oms.create_workflow(jsonb_build_object('name', name, 'stages',
		jsonb_build_array('{"id":"a","owner":"Desk","slaMins":60}'::jsonb || stage, '{"id":"b","owner":"Back","dependsOn":["a"]}'::jsonb)) || top)
$$;
SELECT t.clock('Warn', '{"warnAt":[50,80]}'), t.clock('WarnDC', '{"warnAt":[80],"slaMins":240,"calendar":"DC"}'),
	t.clock('Full', '{"escalation":[{"at":"100%","notify":"supervisor"}]}'),
	t.clock('Ladder', '{"warnAt":[50],"escalation":[{"at":"100%","notify":"supervisor"},{"at":"+60m","reassignTo":"Other"},{"at":"+120m","notify":"director"}]}'),
	t.clock('Repeat', '{"escalation":[{"at":"+240m","everyMins":240,"max":3,"notify":"director"}]}'),
	t.clock('Route', '{"escalation":[{"at":"+60m","reassignTo":"Other"}]}'),
	t.clock('LadderDC', '{"slaMins":240,"calendar":"DC","escalation":[{"at":"+60m","notify":"supervisor"},{"at":"+480m","notify":"director"}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"DaysDC","stages":[{"id":"a","owner":"Desk","slaDays":1,"calendar":"DC","escalation":[{"at":"+60m","notify":"supervisor"}]}]}') \g /dev/null

-- ---------------------------------------------------------------------------
-- Warnings
-- ---------------------------------------------------------------------------
SELECT is(t.play('Warn', '2026-03-02 10:00+00 > open' || E'\n' || at || ' > oms.tick()', 't.log(TK)'), log, 'at ' || at) FROM (VALUES
	('2026-03-02 10:29:59.999999+00', 'queued'),
	('2026-03-02 10:30+00', 'queued, warning'),
	('2026-03-02 10:47:59.999999+00', 'queued, warning'),
	('2026-03-02 10:48+00', 'queued, warning, warning'),
	('2026-03-02 11:00+00', 'queued, warning, warning'),
	('2026-03-02 11:00:00.000001+00', 'queued, warning, warning, breached')) v(at, log);
SELECT is(t.play('Warn', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:30+00 > oms.tick()
	> oms.tick()
	2026-03-02 10:31+00 > oms.reassign(TK, 'a', 'Other', 'r')
	2026-03-02 10:32+00 > oms.tick()
	2026-03-02 10:48+00 > oms.tick()
	2026-03-02 10:49+00 > oms.tick()
	2026-03-02 12:49+00 > oms.tick()
	2026-03-03 12:49+00 > oms.tick()
	$$, 't.n(TK, ''warning''), t.n(TK, ''breached'')'), '(2,1)', 'one per threshold, whatever happens');
SELECT is(t.play('Warn', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:30+00 > oms.tick()
	2026-03-02 10:35+00 > oms.hold(TK, 'a', 'r')
	2026-03-02 12:00+00 > oms.tick()
	2026-03-02 13:00+00 > oms.resume(TK, 'a')
	2026-03-02 13:12:59.999999+00 > oms.tick()
	$$, 't.n(TK, ''warning'')'), '1', 'none while paused; the first does not come again');
SELECT is(t.play('Warn', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:30+00 > oms.tick()
	2026-03-02 10:35+00 > oms.hold(TK, 'a', 'r')
	2026-03-02 13:00+00 > oms.resume(TK, 'a')
	2026-03-02 13:13+00 > oms.tick()
	$$, 't.n(TK, ''warning'')'), '2', 'the second comes when 48 minutes are used up');
SELECT is(t.play('Warn', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:20+00 > oms.stage_done(TK, 'a')
	2026-03-02 13:13+00 > oms.tick()
	$$, 't.log(TK)'), 'queued, done', 'done before: none');
SELECT is(t.play('Warn', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:50+00 > oms.stage_done(TK, 'a')
	2026-03-02 11:00+00 > oms.reopen(TK, 'a', 'r')
	2026-03-02 11:30+00 > oms.tick()
	$$, $$SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = TK AND e.status = 'warning' AND e.cycle = 2$$), '1', 'again in the next cycle');
SELECT is(t.play('WarnDC', '2024-11-08 16:30-05 > open' || E'\n' || at || ' > oms.tick()', 't.n(TK, ''warning'')'), n, 'by the calendar, at ' || at) FROM (VALUES
	('2024-11-11 12:00-05', '0'), ('2024-11-12 11:41:59.999999-05', '0'), ('2024-11-12 11:42-05', '1')) v(at, n);
SELECT is(t.play('Warn', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:50+00 > oms.tick()
	$$, 't.citizen(TK)'), 'received, a in progress', 'citizens see none');

-- ---------------------------------------------------------------------------
-- Steps: when
-- ---------------------------------------------------------------------------
SELECT is(t.play(wf, start || ' > open' || E'\n' || at || ' > oms.tick()', 't.n(TK, ''escalated'')'), n, format('%s from %s, at %s', wf, start, at)) FROM (VALUES
	('Full', '2026-03-02 10:00+00', '2026-03-02 11:00+00', '0'),
	('Full', '2026-03-02 10:00+00', '2026-03-02 11:00:00.000001+00', '1'),
	('Route', '2026-03-02 10:00+00', '2026-03-02 11:59:59.999999+00', '0'),
	('Route', '2026-03-02 10:00+00', '2026-03-02 12:00+00', '1'),
	('Repeat', '2026-03-02 10:00+00', '2026-03-02 14:59:59.999999+00', '0'),
	('Repeat', '2026-03-02 10:00+00', '2026-03-02 15:00+00', '1'),
	('Repeat', '2026-03-02 10:00+00', '2026-03-02 18:59:59.999999+00', '1'),
	('Repeat', '2026-03-02 10:00+00', '2026-03-02 19:00+00', '2'),
	('Repeat', '2026-03-02 10:00+00', '2026-03-02 23:00+00', '3'),
	('Repeat', '2026-03-02 10:00+00', '2026-03-22 23:00+00', '3'),
	-- due Tuesday 12:30, after Veterans Day
	('LadderDC', '2024-11-08 16:30-05', '2024-11-12 13:29:59.999999-05', '0'),
	('LadderDC', '2024-11-08 16:30-05', '2024-11-12 13:30-05', '1'),
	('LadderDC', '2024-11-08 16:30-05', '2024-11-13 12:29:59.999999-05', '1'),
	('LadderDC', '2024-11-08 16:30-05', '2024-11-13 12:30-05', '2'),
	-- due Friday 17:00; 60 minutes later it is Monday 10:00
	('LadderDC', '2024-11-15 13:00-05', '2024-11-18 09:59:59.999999-05', '0'),
	('LadderDC', '2024-11-15 13:00-05', '2024-11-18 10:00-05', '1'),
	('DaysDC', '2024-11-14 13:00-05', '2024-11-18 09:59:59.999999-05', '0'),
	('DaysDC', '2024-11-14 13:00-05', '2024-11-18 10:00-05', '1')) v(wf, start, at, n);
SELECT is(t.play('Repeat', $$
	2026-03-02 10:00+00 > open
	2026-03-02 15:00+00 > oms.tick()
	> oms.tick()
	2026-03-02 16:00+00 > oms.tick()
	2026-03-02 19:00+00 > oms.tick()
	> oms.tick()
	2026-03-02 23:00+00 > oms.tick()
	2026-03-03 03:00+00 > oms.tick()
	2026-03-03 07:00+00 > oms.tick()
	$$, 't.n(TK, ''escalated'')'), '3', 'at most max times');

-- ---------------------------------------------------------------------------
-- Steps: what
-- ---------------------------------------------------------------------------
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:30+00 > oms.tick()
	2026-03-02 11:00:01+00 > oms.tick()
	2026-03-02 12:00+00 > oms.tick()
	2026-03-02 13:00+00 > oms.tick()
	2026-03-02 13:00+00 > oms.tick()
	$$, $$t.log(TK, 'a', 'warning|breached|escalated|reassigned'), (SELECT s.level || ' ' || s.owner || ' ' || s.status FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = 'a')$$),
	'("warning, breached, escalated, escalated, reassigned, escalated","3 Other queued")', 'all of it in time');
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-04 10:00+00 > oms.tick()
	> oms.tick()
	$$, $$t.log(TK, 'a', 'warning|breached|escalated|reassigned'), (SELECT s.level || ' ' || s.owner || ' ' || s.status FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = 'a')$$),
	'("warning, breached, escalated, escalated, reassigned, escalated","3 Other queued")', 'all of it after an outage, in order');
SELECT is(t.play('Route', $$
	2026-03-02 10:00+00 > open
	> TOK := oms.claim_stage(TK, 'a', 'w')
	2026-03-02 12:00+00 > oms.tick()
	> OM006 oms.stage_done(TK, 'a', '{}', TOK)
	$$, $$t.status(TK), (SELECT count(*) FROM oms.claim('Other')), t.due(TK)$$), '(queued,1,"2026-03-02 11:00")', 'reassignTo takes it away from the one who has it; the clock is the same');
SELECT is(t.play('Route', $$
	2026-03-02 10:00+00 > open
	> oms.stage_failed(TK, 'a', 'e', NULL, false)
	2026-03-02 12:00+00 > oms.tick()
	$$, $$t.status(TK), t.ticket(TK), (SELECT count(*) FROM oms.claim('Other'))$$), '(queued,open,1)', 'and from where it failed');
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:50+00 > oms.tick()
	2026-03-02 11:00+00 > oms.stage_done(TK, 'a')
	2026-03-04 11:30+00 > oms.tick()
	$$, $$t.log(TK)$$), 'queued, warning, done', 'done in time: no step');
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-02 11:30+00 > oms.tick()
	> oms.stage_done(TK, 'a')
	2026-03-04 11:30+00 > oms.tick()
	$$, $$t.log(TK)$$), 'queued, warning, breached, escalated, done', 'what was not due when it was done is dropped');
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-02 11:30+00 > oms.tick()
	> $$ || call || $$
	2026-03-04 11:30+00 > oms.tick()
	$$, $$t.n(TK, 'escalated')$$), '1', 'nor when ' || call) FROM unnest(ARRAY['oms.skip_stage(TK, ''a'', ''r'')', 'oms.cancel_ticket(TK, ''r'')']) call;
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:20+00 > oms.hold(TK, 'a', 'r')
	2026-03-04 11:30+00 > oms.tick()
	$$, $$t.log(TK)$$), 'queued, on_hold', 'nothing fires on hold');
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:20+00 > oms.hold(TK, NULL, 'r')
	2026-03-04 11:30+00 > oms.tick()
	$$, $$t.n(TK, 'escalated') + t.n(TK, 'warning') + t.n(TK, 'breached', NULL)$$), '0', 'nor with the ticket on hold');
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-02 11:30+00 > oms.tick()
	2026-03-02 11:40+00 > oms.hold(TK, 'a', 'r')
	2026-03-04 11:30+00 > oms.tick()
	$$, $$t.n(TK, 'escalated'), t.n(TK, 'reassigned')$$), '(1,0)', 'nor after the due time');
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-02 11:30+00 > oms.tick()
	2026-03-02 11:40+00 > oms.hold(TK, 'a', 'r')
	2026-03-04 11:30+00 > oms.resume(TK, 'a')
	2026-03-06 11:30+00 > oms.tick()
	> oms.tick()
	$$, $$t.n(TK, 'escalated'), t.n(TK, 'reassigned'), t.n(TK, 'breached')$$), '(3,1,1)', 'after it, each once');
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:20+00 > oms.hold(TK, 'a', 'r')
	2026-03-02 12:20+00 > oms.resume(TK, 'a')
	2026-03-02 13:59:59.999999+00 > oms.tick()
	$$, $$t.n(TK, 'reassigned'), t.n(TK, 'escalated')$$), '(0,1)', 'offsets count from the due time that it has now');
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-02 20:00+00 > oms.tick()
	> oms.stage_done(TK, 'a')
	2026-03-03 10:00+00 > oms.reopen(TK, 'a', 'r')
	2026-03-03 20:00+00 > oms.tick()
	$$, $$SELECT string_agg(n, '|') FROM (SELECT string_agg(e.status, ', ' ORDER BY e.seq) FROM oms.timeline e
		WHERE e.ticket_id = TK AND e.status ~ 'warning|breached|escalated|reassigned' GROUP BY e.cycle ORDER BY e.cycle) x(n)$$),
	'warning, breached, escalated, escalated, reassigned, escalated|warning, breached, escalated, escalated, reassigned, escalated', 'all of it again in the next cycle');
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-04 20:00+00 > oms.tick()
	> oms.stage_done(TK, 'a')
	$$, $$t.citizen(TK)$$), 'received, a in progress, a done, b in progress', 'citizens see nothing of it');

-- ---------------------------------------------------------------------------
-- For whom
-- ---------------------------------------------------------------------------
SELECT matches(t.play('Full', E'2026-03-02 10:00+00 > open\n2026-03-02 12:00+00 > oms.tick()', 't.notes(TK, ''escalated'')'), '\mBoss\M', 'the supervisor of the owner');
SELECT matches(t.play('Full', E'2026-03-02 10:00+00 > open\n> oms.reassign(TK, ''a'', ''Other'', ''r'')\n2026-03-02 12:00+00 > oms.tick()', 't.notes(TK, ''escalated'')'), '\mOtherBoss\M', 'of the one that has it now');
SELECT matches(t.play(t.clock('ByOwner', '{"owner":"Unknown","escalation":[{"at":"100%","notify":"supervisor"}]}', '{"owner":"Chief"}'),
	E'2026-03-02 10:00+00 > open\n2026-03-02 12:00+00 > oms.tick()', 't.notes(TK, ''escalated'')'), '\mChief\M', 'else the owner of the workflow');
SELECT matches(t.play(t.clock('ByName', '{"escalation":[{"at":"100%","notify":"director"}]}', '{"owner":"Chief"}'),
	E'2026-03-02 10:00+00 > open\n2026-03-02 12:00+00 > oms.tick()', 't.notes(TK, ''escalated'')'), '\mdirector\M', 'or whom the step names');
SELECT is(t.play(t.clock('ByNobody', '{"owner":"Unknown","escalation":[{"at":"100%","notify":"supervisor"}]}'),
	E'2026-03-02 10:00+00 > open\n2026-03-02 12:00+00 > oms.tick()', 't.n(TK, ''escalated''), t.n(TK, ''breached''), (SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = TK AND e.stage = ''a'')'),
	'(1,1,4)', 'nobody to tell is an event of its own');
-- The event says whom, since who is above an owner changes.
CREATE FUNCTION t.told(tk oms.ticket_id) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT string_agg(coalesce(e.payload::text, '-'), ' ' ORDER BY e.seq) FROM oms.timeline e WHERE e.ticket_id = tk AND e.status = 'escalated'
$$;
SELECT is(t.play('Ladder', E'2026-03-02 10:00+00 > open\n2026-03-05 10:00+00 > oms.tick()', 't.told(TK)'), '{"told": "Boss"} - {"told": "director"}', 'steps; one that only reassigns tells nobody');
SELECT is(t.play('ByNobody', E'2026-03-02 10:00+00 > open\n2026-03-02 12:00+00 > oms.tick()', 't.told(TK)'), '{"told": null}', 'nobody');
SELECT is(t.play('Warn', $$
	2026-03-02 10:00+00 > open
	> oms.escalate(TK, 'a', 'hurry', 'Other')
	> oms.set_owner('Other', supervisor => 'Ex"Boss')
	> oms.escalate(TK, 'a', 'hurry')
	> oms.set_owner('Other', supervisor => 'NewBoss')
	> oms.escalate(TK, 'b', 'hurry')
	$$, $$t.told(TK) || (SELECT string_agg(DISTINCT e.note, ' ') FROM oms.timeline e WHERE e.ticket_id = TK AND e.status = 'escalated') || (SELECT count(*) FROM oms.check(TK))$$),
	'{"told": "Boss"} {"told": "Ex\"Boss"} {"told": null}hurry0', 'by hand: whom it told then, of the owner that it had; the reason stays as it was given');
SELECT is(t.play('Route', $$
	2026-03-02 10:00+00 > open
	2026-03-02 12:30+00 > oms.escalate(TK, 'a', 'hurry')
	$$, 't.told(TK)'), '- {"told": "OtherBoss"}', 'of the owner that a step gave it to just before');
SELECT is(t.play('Warn', $$
	2026-03-02 10:00+00 > open
	> oms.escalate(TK, 'a', 'hurry')
	> oms.erase(TK, '{notes}', 'request')
	$$, $$(SELECT concat(e.note, e.payload, e.salt, e.payload_digest IS NOT NULL, e.note_digest IS NOT NULL) FROM oms.timeline e WHERE e.ticket_id = TK AND e.status = 'escalated')
		|| (SELECT count(*) FROM oms.verify_timeline(TK)) || (SELECT count(*) FROM oms.check(TK))$$), 'tt00', 'an erasure of the reason takes it along, and the chain is whole');

-- ---------------------------------------------------------------------------
-- By hand
-- ---------------------------------------------------------------------------
SELECT is(t.play('Ladder', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.escalate(TK, 'a', 'hurry')
	2026-03-02 11:30+00 > oms.tick()
	$$, $$oms.escalate(TK, 'a', 'more')$$), '3', 'steps of the ladder count too');
SELECT is(t.play('Warn', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.escalate(TK, 'a', 'hurry')
	> oms.reassign(TK, 'a', 'Other', 'r')
	> oms.escalate(TK, 'a', 'hurry', 'Desk')
	> oms.hold(TK, 'a', 'r')
	$$, $$oms.escalate(TK, 'a', 'more')$$), '3', 'levels count on over owners and holds');
SELECT is(t.play('Warn', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.escalate(TK, 'b', 'hurry')
	> oms.stage_done(TK, 'a')
	> oms.escalate(TK, 'a', 'late')
	> OM005 oms.escalate(TK, 'a', 'late', 'Other')
	$$, $$t.states(TK)$$), 'a done, b queued', 'in every state, without a change of it');

-- ---------------------------------------------------------------------------
-- The words are in no other event
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.words(tk oms.ticket_id) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(string_agg(format('%s: %s', e.status, e.note), ', ' ORDER BY e.seq), 'none') FROM oms.timeline e WHERE e.ticket_id = tk
		AND (e.status !~ '^(breached|warning)$' AND concat_ws(' ', e.status, e.note) ~* 'breached|warning' OR e.status = 'warning' AND e.note ~* 'breached' OR e.status = 'breached' AND e.note ~* 'warning')
$$;
SELECT is(t.play(wf, script, 't.words(TK)'), 'none', 'the words "breached" and "warning" are in no other event: ' || wf) FROM (VALUES
	('Ladder', E'2026-03-02 10:00+00 > open\n2026-03-02 10:31+00 > oms.hold(TK, ''a'', ''r'', ''2026-03-02 11:00+00'')\n2026-03-05 10:00+00 > oms.tick()\n> oms.hold(TK, NULL, ''x'')\n> oms.resume(TK, NULL)\n> oms.stage_failed(TK, ''a'', ''e'')\n> oms.stage_done(TK, ''a'')\n> oms.send_back(TK, ''b'', ''a'', ''r'')\n2026-03-08 10:00+00 > oms.tick()\n> oms.cancel_ticket(TK, ''r'')'),
	('ByNobody', E'2026-03-02 10:00+00 > open\n2026-03-05 10:00+00 > oms.tick()'),
	('Repeat', E'2026-03-02 10:00+00 > open\n2026-03-05 10:00+00 > oms.tick()\n> oms.stage_done(TK, ''a'')'),
	('LadderDC', E'2024-11-08 16:30-05 > open\n2024-11-08 18:00-05 > oms.create_calendar(''DC'', ''{"timezone":"UTC","hours":{"mon":["10:00-12:00"]}}'')\n2024-12-31 12:00-05 > oms.tick()')) v(wf, script);

SELECT t.findings();
SELECT finish();
ROLLBACK;
