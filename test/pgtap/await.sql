-- Stages that nobody claims: those that await a moment or a message.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
\ir include/scene.psql
SET LOCAL oms.now = '2026-03-02 09:00+00';
SELECT oms.create_calendar('office', '{"timezone":"UTC","hours":{"mon":["09:00-17:00"],"tue":["09:00-17:00"],"wed":["09:00-17:00"],"thu":["09:00-17:00"],"fri":["09:00-17:00"]}}') \g /dev/null
SELECT oms.create_workflow('{"name":"D","stages":[{"id":"a","owner":"Desk","delayMins":60,"slaMins":30,"warnAt":[50]},
	{"id":"b","owner":"Back","dependsOn":["a"]}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"O","calendar":"office","stages":[{"id":"a","owner":"Desk","delayMins":120,"slaMins":60}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"M","stages":[{"id":"a","owner":"Desk"},{"id":"m","owner":"Desk","manual":true,"delayMins":60}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"Z","stages":[{"id":"a","owner":"Desk","delayMins":0}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"C","stages":[{"id":"x","owner":"Desk"},{"id":"a","owner":"Desk","dependsOn":["x"],"delayMins":60,"notSameAs":"x"}]}') \g /dev/null

-- ---------------------------------------------------------------------------
-- A moment
-- ---------------------------------------------------------------------------
SELECT is(t.play('D', '2026-03-02 10:00+00 > open', 't.states(TK), t.ticket(TK), (oms.get_ticket(TK) -> ''stage''), t.due(TK), t.log(TK), t.notes(TK, ''awaiting'')'),
	'("a awaiting, b waiting",open,"[""a""]",none,awaiting,"until 2026-03-02T11:00:00Z")', 'it awaits its moment, and its clock does not run');
SELECT is(t.play('D', '2026-03-02 10:00+00 > open', '(SELECT string_agg(n, '','') FROM oms.next_stages(TK) n), (SELECT count(*) FROM oms.claim(''Desk''))'),
	'(a,0)', 'it is one of the next stages, and nobody can claim it');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n2026-03-02 10:59:59.999999+00 > oms.tick()', 't.status(TK)'), 'awaiting', 'not a microsecond before');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n2026-03-02 11:00+00 > oms.tick()', 't.status(TK), t.due(TK), t.log(TK), t.notes(TK, ''queued'')'),
	'(queued,"2026-03-02 11:30","awaiting, queued","moment 2026-03-02T11:00:00Z")', 'at its moment it is queued, and its clock starts');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n2026-03-02 11:20+00 > oms.tick()', 't.status(TK), t.due(TK), t.log(TK), t.notes(TK, ''warning'')'),
	'(queued,"2026-03-02 11:30","awaiting, queued, warning","50% of the time limit at 2026-03-02T11:15:00Z")', 'noticed late its clock starts at its moment all the same');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n2026-03-02 12:00+00 > oms.hold(TK, ''a'', ''r'')', 't.status(TK), t.log(TK)'),
	'(on_hold,"awaiting, queued, warning, breached, on_hold")', 'whoever calls first makes up for it');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n2026-03-02 11:05+00 > oms.claim_stage(TK, ''a'', ''ann'')', 't.status(TK), t.log(TK)'),
	'(in_progress,"awaiting, queued, in_progress")', 'and may find it queued');
SELECT is(t.play('O', E'2026-03-06 16:00+00 > open\n2026-03-09 10:00+00 > oms.tick()', 't.status(TK), t.due(TK), t.notes(TK, ''awaiting'')'),
	'(queued,"2026-03-09 11:00","until 2026-03-09T10:00:00Z")', 'the delay is open time of its calendar, over a weekend');
SELECT is(t.play('Z', '2026-03-02 10:00+00 > open', 't.status(TK), t.log(TK)'), '(queued,queued)', 'a moment that has passed queues it at once');
SELECT is(t.play('C', E'2026-03-02 10:00+00 > open\n2026-03-02 10:30+00 > oms.stage_done(TK, ''x'')', 't.states(TK), t.notes(TK, ''awaiting'')'),
	'("x done, a awaiting","until 2026-03-02T11:30:00Z")', 'it counts from when the dependencies are met');
SELECT is(t.play('C', E'2026-03-02 10:00+00 > open', 'oms.stage_done(TK, ''x'')'), '{}', 'and stage_done() lists what is queued only');

-- ---------------------------------------------------------------------------
-- What is possible meanwhile
-- ---------------------------------------------------------------------------
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n> OM005 oms.claim_stage(TK, ''a'', ''ann'')\n> OM005 oms.heartbeat(TK, ''a'', 1)\n> OM005 oms.release(TK, ''a'')\n> OM005 oms.stage_failed(TK, ''a'', ''e'')\n> OM005 oms.retry_stage(TK, ''a'', ''r'')\n> OM005 oms.assign(TK, ''a'', ''ann'')\n> OM005 oms.delegate(TK, ''a'', ''ann'')\n> OM005 oms.resolve(TK, ''a'')\n> OM005 oms.resume(TK, ''a'')\n> OM005 oms.reopen(TK, ''a'', ''r'')\n> OM005 oms.reassign(TK, ''a'', ''Back'', ''r'')\n> OM005 oms.escalate(TK, ''a'', ''r'', ''Back'')', 't.log(TK)'),
	'awaiting', 'whatever needs somebody who has it is not possible');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n> oms.comment(TK, ''so'', ''a'')\n> oms.escalate(TK, ''a'', ''r'')', 't.status(TK), t.log(TK)'),
	'(awaiting,"awaiting, comment, escalated, unrouted")', 'comment and escalate leave it as it is');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n2026-03-02 10:10+00 > oms.start_stage(TK, ''a'')', 't.status(TK), t.due(TK), t.notes(TK, ''queued'')'),
	'(queued,"2026-03-02 10:40","started by hand")', 'staff bring it forward');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''a'', ''{"x":1}'')', 't.states(TK)'), 'a done, b queued', 'staff finish it');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n> oms.skip_stage(TK, ''a'', ''r'')', 't.states(TK)'), 'a skipped, b queued', 'skip it');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n> oms.cancel_ticket(TK, ''r'')', 't.states(TK), t.ticket(TK)'), '("a cancelled, b cancelled",cancelled)', 'cancel the ticket');
SELECT is(t.play('C', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n2026-03-02 10:20+00 > oms.send_back(TK, ''a'', ''x'', ''r'')\n2026-03-02 10:30+00 > oms.stage_done(TK, ''x'')', 't.states(TK), t.notes(TK, ''awaiting'')'),
	'("x done, a awaiting","until 2026-03-02T11:00:00Z | until 2026-03-02T11:30:00Z")', 'send it back: the next cycle awaits anew');
SELECT is(t.play('C', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n2026-03-02 11:00+00 > oms.tick()\n> oms.claim_stage(TK, ''a'', ''ann'')\n> oms.skip_stage(TK, ''a'', ''r'')\n2026-03-02 12:00+00 > oms.reopen(TK, ''a'', ''r'')', 't.states(TK), t.ticket(TK)'),
	'("x done, a awaiting",open)', 'reopened it awaits anew');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n2026-03-02 10:10+00 > oms.hold(TK, ''a'', ''r'')\n> OM005 oms.reassign(TK, ''a'', ''Back'', ''r'')\n> OM005 oms.escalate(TK, ''a'', ''r'', ''Back'')\n> OM005 oms.assign(TK, ''a'', ''ann'')\n2026-03-02 10:20+00 > oms.resume(TK, ''a'')', 't.status(TK), t.log(TK)'),
	'(awaiting,"awaiting, on_hold, resumed")', 'hold and resume lead back to it');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n2026-03-02 10:10+00 > oms.hold(TK, ''a'', ''r'')\n2026-03-02 10:20+00 > oms.resume(TK, ''a'')\n2026-03-02 11:00+00 > oms.tick()', 't.status(TK), t.due(TK)'),
	'(queued,"2026-03-02 11:30")', 'a hold moves no moment');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n2026-03-02 10:10+00 > oms.hold(TK, ''a'', ''r'')\n2026-03-02 11:10+00 > oms.tick()\n2026-03-02 11:20+00 > oms.resume(TK, ''a'')', 't.status(TK), t.due(TK), t.notes(TK, ''queued'')'),
	'(queued,"2026-03-02 11:50","moment 2026-03-02T11:00:00Z, on hold until 2026-03-02T11:20:00Z")', 'a moment that came meanwhile counts at resume');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n2026-03-02 10:10+00 > oms.hold(TK, NULL, ''r'', ''2026-03-02 11:20+00'')\n2026-03-02 11:30+00 > oms.tick()', 't.states(TK), t.due(TK), t.ticket(TK)'),
	'("a queued, b waiting","2026-03-02 11:50",open)', 'so does it for a hold of the ticket, at the instant at which that ran out');
SELECT is(t.play('C', E'2026-03-02 10:00+00 > open\n> oms.hold(TK, NULL, ''r'')\n> oms.skip_stage(TK, ''x'', ''r'')\n2026-03-02 10:20+00 > oms.resume(TK, NULL)', 't.states(TK), t.log(TK)'),
	'("x skipped, a awaiting","awaiting, on_hold, resumed")', 'what would await while the ticket is on hold');

-- ---------------------------------------------------------------------------
-- By hand
-- ---------------------------------------------------------------------------
SELECT is(t.play('M', E'2026-03-02 10:00+00 > open\n2026-03-02 10:10+00 > oms.start_stage(TK, ''m'')', 't.states(TK), t.notes(TK, ''awaiting'')'),
	'("a queued, m awaiting","started by hand, until 2026-03-02T11:10:00Z")', 'a manual stage counts from start_stage()');
SELECT is(t.play('M', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''a'')', 't.ticket(TK)'), 'done', 'and nobody waits for it before');
SELECT is(t.play('M', E'2026-03-02 10:00+00 > open\n> oms.start_stage(TK, ''m'')\n> oms.stage_done(TK, ''a'')', 't.ticket(TK)'), 'open', 'but then');

-- ---------------------------------------------------------------------------
-- What citizens see
-- ---------------------------------------------------------------------------
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n2026-03-02 11:00+00 > oms.tick()', 't.citizen(TK)'), 'received, a in progress', 'in progress, once');
SELECT is(t.play('D', '2026-03-02 10:00+00 > open', '(oms.track(oms.tracking_number(TK)) #>> ''{stages,0,status}''), (oms.track(oms.tracking_number(TK)) ->> ''expected_by'')'),
	'("in progress",2026-03-02T11:30:00Z)', 'and what it has still to await counts');

-- ---------------------------------------------------------------------------
-- startAt
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"S","stages":[{"id":"a","owner":"Desk","startAt":"$.hearing","slaMins":30}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"SO","calendar":"office","stages":[{"id":"a","owner":"Desk","startAt":"$.hearing"}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"SD","stages":[{"id":"a","owner":"Desk","startAt":"$.hearing","delayMins":60}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"SX","stages":[{"id":"x","owner":"Desk"},{"id":"a","owner":"Desk","dependsOn":["x"],"startAt":"$stages.x.on"}]}') \g /dev/null
SELECT is(t.play(wf, '2026-03-02 10:00+00 > open', 't.status(TK), t.notes(TK, ''awaiting'')', jsonb_build_object('hearing', hearing)), wanted, wf || ': ' || coalesce(hearing::text, 'nothing')) FROM (VALUES
	('S', '"2026-03-05T09:00Z"'::jsonb, '(awaiting,"until 2026-03-05T09:00:00Z")'),
	('S', '"2026-03-05T09:00+02:00"', '(awaiting,"until 2026-03-05T07:00:00Z")'),
	('S', '"2026-03-05"', '(awaiting,"until 2026-03-05T00:00:00Z")'),
	('SO', '"2026-03-05"', '(awaiting,"until 2026-03-05T09:00:00Z")'),
	('SO', '"2026-03-07"', '(awaiting,"until 2026-03-09T09:00:00Z")'),
	('S', '"2026-03-02"', '(queued,"")'),
	('S', 'null', '(queued,"")'),
	('SD', '"2026-03-05"', '(awaiting,"until 2026-03-05T00:00:00Z")'),
	('SD', '"2026-03-01"', '(awaiting,"until 2026-03-02T11:00:00Z")')) v(wf, hearing, wanted);
SELECT is(t.play('S', '2026-03-02 10:00+00 > open', 't.status(TK)'), 'queued', 'no date: as if it were not there');
SELECT matches(t.play('S', '2026-03-02 10:00+00 > open', 't.status(TK)', '{"hearing":"soon"}'), '^22023 startAt of stage "a" gives "soon", which is no date', 'a value that is no date is refused when the ticket is opened');
SELECT is(t.play('SX', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'', ''{"on":"soon"}'')', 't.states(TK), t.notes(TK, ''failed''), t.ticket(TK)'),
	'("x done, a failed","startAt gives ""soon"", which is no date",failed)', 'one that comes from an output fails the stage, and not the call');
SELECT is(t.play('SX', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'', ''{"on":"soon"}'')\n> OM005 oms.reassign(TK, ''a'', ''Back'', ''r'')\n> oms.retry_stage(TK, ''a'', ''r'')', 't.states(TK), t.log(TK)'),
	'("x done, a failed","awaiting, failed, retry, awaiting, failed")', 'it cannot be handed over, but tried again');
SELECT is(t.play('S', E'2026-03-02 10:00+00 > open\n2026-03-05 08:00+00 > oms.tick()', '(SELECT why FROM oms.explain(TK))', '{"hearing":"2026-03-05T09:00Z"}'),
	'starts on 2026-03-05 09:00 UTC', 'explain tells when');

-- ---------------------------------------------------------------------------
-- A message
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"P","owner":"Chief","stages":[{"id":"x","owner":"Desk"},{"id":"a","dependsOn":["x"],"waitFor":{"message":"payment","key":"$.invoice"},"slaMins":60,
	"escalation":[{"at":"100%","reassignTo":"Back"}]},{"id":"b","owner":"Desk","dependsOn":["a"]}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"N","stages":[{"id":"a","waitFor":{"message":"go"}}]}') \g /dev/null
CREATE FUNCTION t.kept() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT count(*) FROM oms.message $$;
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')', 't.states(TK), t.due(TK), (SELECT owner FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = ''a''), (SELECT count(*) FROM oms.claim(''Chief''))', '{"invoice":"A1"}'),
	'("x done, a awaiting, b waiting","2026-03-02 11:00",Chief,0)', 'it awaits the message, and its clock runs; it belongs to the owner of the workflow');
SELECT is(t.play('N', '2026-03-02 10:00+00 > open', '(SELECT owner FROM oms.stage s WHERE s.ticket_id = TK), oms.send_message(''go'', TK), t.states(TK), t.ticket(TK)'),
	'(N,1,"a done",done)', 'without owner: the workflow''s name; without key: the ticket''s number');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n2026-03-02 10:30+00 > oms.send_message(''payment'', ''A1'', ''{"paid":5}'')', 't.states(TK), (SELECT (worker, output, finished_at) FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = ''a''), t.kept()', '{"invoice":"A1"}'),
	'("x done, a done, b queued","(postgres,""{""""paid"""": 5}"",""2026-03-02 10:30:00+00"")",0)', 'the message finishes it: its payload is the output, its sender the worker');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.send_message(''payment'', ''A1'', ''{"n":1}'')\n> oms.send_message(''payment'', ''A1'', ''{"n":2}'')\n2026-03-02 10:10+00 > oms.stage_done(TK, ''x'')', 't.states(TK), (SELECT output FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = ''a''), t.kept()', '{"invoice":"A1"}'),
	'("x done, a done, b queued","{""n"": 1}",1)', 'one that came before is kept, and the oldest counts');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.send_message(''payment'', ''A1'')', 'oms.stage_done(TK, ''x'')', '{"invoice":"A1"}'), '{b}', 'stage_done() lists what that queued');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')', '(SELECT why FROM oms.explain(TK) WHERE stage = ''a'')', '{"invoice":"A1"}'),
	'waits for message payment with key A1 since 2026-03-02 10:00 UTC', 'explain tells what for');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')', 'oms.send_message(''payment'', ''12.5''), t.status(TK)', '{"invoice":12.500}'), '(1,done)', 'a number has no zeros at its end');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')', 'oms.send_message(''payment'', ''1200''), t.status(TK)', '{"invoice":1200}'), '(1,done)', 'but those before the point');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')', 't.states(TK), t.notes(TK, ''failed'')', data), '("x done, a failed, b waiting","the key of waitFor ' || why || '")', 'no key: ' || data::text) FROM (VALUES
	('{}'::jsonb, 'gives 0 values instead of one'), ('{"invoice":null}', 'gives a value that is neither text nor number'), ('{"invoice":""}', 'gives a text of 0 bytes, 1 to 255 are possible'),
	('{"invoice":{}}', 'gives a value that is neither text nor number')) v(data, why);
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n> OM005 oms.start_stage(TK, ''a'')\n> OM005 oms.claim_stage(TK, ''a'')\n> OM005 oms.reassign(TK, ''a'', ''Back'', ''r'')\n> oms.stage_done(TK, ''a'', ''{"by":"hand"}'')', 't.states(TK)', '{"invoice":"A1"}'),
	'x done, a done, b queued', 'staff finish it, nobody starts it');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n2026-03-02 11:10+00 > oms.tick()', 't.status(TK), t.log(TK), (SELECT owner FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = ''a'')', '{"invoice":"A1"}'),
	'(awaiting,"awaiting, breached, escalated",Chief)', 'a step with reassignTo only notifies');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n2026-03-02 10:10+00 > oms.hold(TK, ''a'', ''r'')\n> oms.send_message(''payment'', ''A1'')\n2026-03-02 10:20+00 > oms.resume(TK, ''a'')', 't.states(TK), t.log(TK), t.kept()', '{"invoice":"A1"}'),
	'("x done, a done, b queued","awaiting, on_hold, resumed, done",0)', 'on hold it takes none; what came counts at resume');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n2026-03-02 10:10+00 > oms.hold(TK, NULL, ''r'', ''2026-03-02 10:30+00'')\n> oms.send_message(''payment'', ''A1'')\n2026-03-02 10:40+00 > oms.tick()', 't.states(TK), t.ticket(TK), t.kept()', '{"invoice":"A1"}'),
	'("x done, a done, b queued",open,0)', 'so it does after a hold of the ticket that ran out');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n> oms.send_message(''payment'', ''A1'')\n2026-03-02 10:20+00 > oms.send_back(TK, ''b'', ''a'', ''r'')', 't.states(TK), oms.send_message(''payment'', ''A1'', ''{"n":2}''), t.status(TK)', '{"invoice":"A1"}'),
	'("x done, a awaiting, b waiting",1,done)', 'after send_back the next cycle waits for another one');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n> oms.send_message(''payment'', ''A1'')\n> oms.send_message(''payment'', ''A1'', ''{"n":2}'')\n2026-03-02 10:20+00 > ' || does, 't.states(TK), t.ticket(TK), (SELECT count(*) FROM oms.message)', '{"invoice":"A1"}'),
	'("x done, a done, b queued",open,0)', 'one that is there already finishes it at once, and what comes after it begins: ' || does) FROM (VALUES
	('oms.send_back(TK, ''b'', ''a'', ''r'')'),
	('oms.reopen(TK, ''a'', ''r'')'),
	('oms.stage_done(TK, ''b'')' || E'\n> oms.reopen(TK, ''a'', ''r'')')) AS v (does);
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n> oms.cancel_ticket(TK, ''r'')', 'oms.send_message(''payment'', ''A1''), (SELECT count(*) FROM oms.stage s WHERE s.waits_for IS NOT NULL), t.kept()', '{"invoice":"A1"}'),
	'(0,0,1)', 'a cancelled one takes none, and leaves nothing behind');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.send_message(''payment'', ''A1'', ''{}'', NULL, ''1 hour'')\n2026-03-02 11:00+00 > oms.stage_done(TK, ''x'')', 't.status(TK), t.kept()', '{"invoice":"A1"}'),
	'(awaiting,0)', 'one whose time is over is none');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.send_message(''payment'', ''A1'', ''{}'', ''m1'', ''1 hour'')\n2026-04-01 10:30+00 > oms.tick()', 't.kept(), oms.send_message(''payment'', ''A1'', ''{}'', ''m1'', ''1 hour''), t.kept(), error_code($$SELECT oms.send_message(''payment'', ''A2'', ''{}'', ''m1'', ''1 hour'')$$)'),
	'(0,0,0,OM008)', 'its id is remembered for 30 days more');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.send_message(''payment'', ''A1'', ''{}'', ''m1'', ''1 hour'')\n2026-04-01 11:00+00 > oms.tick()', 'oms.send_message(''payment'', ''A2'', ''{}'', ''m1'', ''1 hour''), t.kept()'),
	'(0,1)', 'and no longer');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.send_message(''payment'', ''A1'')\n> oms.send_message(''payment'', ''A2'')', 'oms.drop_message(''payment'', ''A1''), t.kept()'), '(1,1)', 'drop_message()');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open', 'error_code($$SELECT oms.send_message(''payment'', '''')$$), error_code($$SELECT oms.send_message(NULL, ''k'')$$), error_code($$SELECT oms.send_message(''payment'', ''k'', ''{}'', NULL, ''0'')$$), error_code($$SELECT oms.send_message(''payment'', repeat(''k'', 256))$$)'),
	'(22023,22023,22023,22023)', 'bad arguments');
SET LOCAL oms.max_message_size = 1;
SELECT is(error_code($$SELECT oms.send_message('payment', 'k', jsonb_build_object('x', repeat('x', 2000)))$$), '22023', 'a payload that is too large');
SET LOCAL oms.max_message_size = DEFAULT;
SET LOCAL oms.max_output_size = 1;
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')', 'oms.send_message(''payment'', ''A1'', jsonb_build_object(''x'', repeat(''x'', 2000))), t.status(TK), t.notes(TK, ''failed'') ~ ''message payment does not fit'', t.kept()', '{"invoice":"A1"}'),
	'(0,failed,t,0)', 'one that does not fit fails the stage, and not the call');
SET LOCAL oms.max_output_size = DEFAULT;
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n> oms.send_message(''payment'', ''A2'')\n> oms.erase(TK, ''{invoice}'', ''r'')', '(SELECT waits_key FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = ''a''), (SELECT why FROM oms.explain(TK) WHERE stage = ''a''), t.kept()', '{"invoice":"A1"}'),
	'(,"waits for message payment, whose key was erased since 2026-03-02 10:00 UTC",1)', 'erase reaches the key');
SELECT is((SELECT string_agg(problem, '; ' ORDER BY problem) FROM oms.validate_workflow(format('{"name":"E","stages":[{"id":"a",%s}]}', stage)::jsonb)), wanted, stage) FROM (VALUES
	('"waitFor":{"message":"m"}', NULL),
	('"delayMins":5', 'stage "a" has no "owner"'),
	('"waitFor":{}', 'waitFor of stage "a" has no "message"'),
	('"waitFor":{"message":"m","delayMins":1}', 'unknown key "delayMins" in waitFor of stage "a"'),
	('"waitFor":{"message":"m"},"delayMins":5', 'stage "a" has both "waitFor" and "delayMins"'),
	('"waitFor":{"message":"m"},"startAt":"$.x"', 'stage "a" has both "waitFor" and "startAt"'),
	('"waitFor":{"message":"m"},"retry":{}', 'stage "a" has both "waitFor" and "retry"'),
	('"waitFor":{"message":"m"},"notSameAs":"b"', 'notSameAs of stage "a" names the unknown stage "b"; stage "a" has both "waitFor" and "notSameAs"'),
	('"owner":"o","delayMins":-1', 'delayMins of stage "a" must be from 0 to 2147483647, not -1')) v(stage, wanted);


-- ---------------------------------------------------------------------------
-- Pictures, figures, erasure
-- ---------------------------------------------------------------------------
SELECT matches(oms.diagram('P'), 'message payment', 'the picture shows the message');
SELECT matches(oms.diagram('SD'), 'after 60 min.*not before a date', 'and what is awaited otherwise');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n> oms.hold(TK, ''a'', ''r'')\n> oms.send_message(''payment'', ''A1'', ''{"iban":"DE"}'')', '(SELECT awaiting FROM oms.queue WHERE owner = ''Chief''), (SELECT status FROM oms.open_stage s WHERE s.ticket_id = TK AND s.stage = ''a'')', '{"invoice":"A1"}'), '(0,on_hold)', 'queue and open_stage');
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n2026-03-02 10:10+00 > oms.stage_done(TK, ''x'')\n2026-03-02 10:40+00 > oms.send_message(''payment'', ''A1'')', '(SELECT (awaited, wait, work) FROM oms.finished_stage f WHERE f.ticket_id = TK AND f.stage = ''a'')', '{"invoice":"A1"}'), '(00:30:00,00:00:00,00:00:00)', 'what it awaited is told apart');
SELECT is(t.play('D', E'2026-03-02 10:00+00 > open\n2026-03-02 10:10+00 > oms.hold(TK, ''a'', ''r'')\n2026-03-02 10:20+00 > oms.resume(TK, ''a'')\n2026-03-02 11:05+00 > oms.claim_stage(TK, ''a'', ''ann'')\n2026-03-02 11:15+00 > oms.stage_done(TK, ''a'')', '(SELECT (awaited, wait, work, hold) FROM oms.finished_stage f WHERE f.ticket_id = TK AND f.stage = ''a'')'), '(01:00:00,00:05:00,00:10:00,00:00:00)', 'so it is of a moment, with holds');

-- ---------------------------------------------------------------------------
-- Who may send
-- ---------------------------------------------------------------------------
CREATE ROLE await_cashier;
CREATE ROLE await_other;
CREATE ROLE await_portal;
SELECT oms.grant_access('await_cashier', 'agent'), oms.grant_access('await_other', 'agent'), oms.grant_access('await_portal', 'portal') \g /dev/null
GRANT USAGE ON SCHEMA t TO PUBLIC;
SELECT oms.set_owner('Cashier', members => '{await_cashier}') \g /dev/null
SELECT oms.create_workflow('{"name":"R","stages":[{"id":"x","owner":"Desk"},{"id":"a","owner":"Cashier","dependsOn":["x"],"waitFor":{"message":"payment","key":"$.invoice"}}]}') \g /dev/null
SELECT is(t.play('R', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n> set_config(''role'', ''' || role || E''', true)\n> oms.send_message(''payment'', ''A1'')\n> set_config(''role'', ''none'', true)', 't.status(TK), t.kept()', '{"invoice":"A1"}'), wanted, role || ' sends while the stage waits') FROM (VALUES
	('await_cashier', '(done,0)'), ('await_other', '(awaiting,1)'), ('await_portal', '(awaiting,1)')) v(role, wanted);
SELECT is(t.play('R', E'2026-03-02 10:00+00 > open\n> set_config(''role'', ''' || role || E''', true)\n> oms.send_message(''payment'', ''A1'')\n> set_config(''role'', ''none'', true)\n> oms.send_message(''payment'', ''A1'', ''{"from":"staff"}'')\n> oms.stage_done(TK, ''x'')', '(SELECT coalesce(worker, ''nobody'') FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = ''a''), (SELECT string_agg(sender, '','') FROM oms.message)', '{"invoice":"A1"}'), wanted, role || ' sent before: judged by who sent it, others are passed over') FROM (VALUES
	('await_cashier', '(await_cashier,postgres)'), ('await_other', '(postgres,await_other)'), ('await_portal', '(postgres,await_portal)')) v(role, wanted);
SELECT is(t.play('R', E'2026-03-02 10:00+00 > set_config(''role'', ''await_portal'', true)\n> open\n> set_config(''role'', ''none'', true)\n> oms.stage_done(TK, ''x'')\n> set_config(''role'', ''await_portal'', true)\n> oms.send_message(''payment'', ''A1'')\n> set_config(''role'', ''none'', true)', 't.status(TK), t.kept()', '{"invoice":"A1"}'), '(done,0)', 'a portal reaches the tickets that it opened');
-- who may send later
SAVEPOINT later;
SELECT oms.create_workflow('{"name":"Later","stages":[{"id":"a","owner":"Cashier","waitFor":{"message":"later","key":"$.k"}}]}') \g /dev/null
SET LOCAL ROLE await_other;
SELECT oms.send_message('later', 'one'), oms.send_message('later', 'two') \g /dev/null
RESET ROLE;
SELECT oms.open_ticket('Later', '{"k":"one"}') AS one, oms.open_ticket('Later', '{"k":"two"}') AS two, oms.open_ticket('Later', '{"k":"three"}') AS three \gset
SELECT is(oms.tick(), 0, 'what its sender may not send is passed over');
SAVEPOINT members;
SELECT oms.set_owner('Cashier', members => '{await_cashier,await_other}') \g /dev/null
SELECT is(oms.tick(), 2, '... until it is a member');
SELECT is((SELECT array_agg(status ORDER BY ticket_id) FROM oms.ticket WHERE ticket_id IN (:'one', :'two', :'three')), '{done,done,open}', '... then stages get what they waited for');
ROLLBACK TO members;
SELECT oms.grant_access('await_other', 'staff') \g /dev/null
SELECT is(oms.tick(), 2, '... or staff');
SELECT is((SELECT count(*) FROM oms.check()), 0::bigint, '... and check() finds nothing');
ROLLBACK TO later;
SELECT is(t.play('R', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')', 'set_config(''role'', ''await_cashier'', true), error_code($$SELECT oms.stage_done(TK, ''a'')$$)', '{"invoice":"A1"}'), '(await_cashier,OM005)', 'an agent does not finish it otherwise');
SET LOCAL oms.max_messages_per_role = 1;
SELECT is(t.play('R', E'2026-03-02 10:00+00 > open\n> set_config(''role'', ''await_other'', true)\n> oms.send_message(''payment'', ''A1'')', 'error_code($$SELECT oms.send_message(''payment'', ''A1'')$$)', '{"invoice":"A1"}'), '53400', 'no more are kept than the setting says');
SET LOCAL oms.max_messages_per_role = DEFAULT;

-- Due in the past, with its message there already: it is done as it begins, in time, and warns of nothing.
SELECT oms.create_workflow('{"name":"Z","stages":[{"id":"a","owner":"Desk","waitFor":{"message":"go","key":"$.k"},"dueAt":"$.by","warnAt":[50]}]}') \g /dev/null
SELECT is(t.play('Z', E'2026-03-02 10:00+00 > oms.send_message(''go'', ''Z1'')\n> open', 't.ticket(TK), t.log(TK), (SELECT string_agg(c.detail, '', '') FROM oms.check(TK) c)', '{"k":"Z1","by":"2026-03-01T10:00Z"}'),
	'(done,"awaiting, done",)', 'no time at all');

-- ---------------------------------------------------------------------------
-- A message or the law, whichever is first
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"L","stages":[{"id":"a","owner":"Desk","waitFor":{"message":"objection","key":"$.k"},"dueAt":"$.by",
	"sla":[{"when":"$.n > 3","mins":30},{"mins":120}],"warnAt":[50],"escalation":[{"at":"100%","finishWith":{"decision":"no objection"}}]},
	{"id":"b","owner":"Desk","dependsOn":["a"],"when":"$stages.a.decision != \"no objection\""}]}') \g /dev/null
CREATE FUNCTION t.ended(tk oms.ticket_id) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT concat_ws(' ', s.status, coalesce(s.worker, 'nobody'), s.output, t.utc(s.finished_at)) FROM oms.stage s WHERE s.ticket_id = tk AND s.stage = 'a'
$$;
SELECT is(t.play('L', '2026-03-02 10:00+00 > open', 't.due(TK)', data), due, 'the earlier limit: ' || data::text) FROM (VALUES
	('{"k":"A","n":5,"by":"2026-03-02T10:20Z"}'::jsonb, '2026-03-02 10:20'), ('{"k":"A","n":5,"by":"2026-03-02T11:20Z"}', '2026-03-02 10:30'),
	('{"k":"A","n":1,"by":"2026-03-02T11:20Z"}', '2026-03-02 11:20'), ('{"k":"A"}', '2026-03-02 12:00')) v(data, due);
SELECT is(t.play('L', '2026-03-02 10:00+00 > open' || E'\n' || at || ' > oms.send_message(''objection'', ''A'', ''{"decision":"objects"}'')', 't.ended(TK), t.log(TK), t.status(TK, ''b''), t.kept()', '{"k":"A","by":"2026-03-02T10:20Z"}'), wanted, 'a message at ' || at) FROM (VALUES
	('2026-03-02 10:05+00', '("done postgres {""decision"": ""objects""} 2026-03-02 10:05","awaiting, done",queued,0)'),
	('2026-03-02 10:20+00', '("done postgres {""decision"": ""objects""} 2026-03-02 10:20","awaiting, warning, done",queued,0)'),
	('2026-03-02 10:20:00.000001+00', '("done nobody {""decision"": ""no objection""} 2026-03-02 10:20:00.000001","awaiting, warning, breached, escalated, done",skipped,1)')) v(at, wanted);
SELECT is(t.play('L', E'2026-03-02 10:00+00 > open\n2026-03-02 11:00+00 > oms.tick()', 't.ended(TK), t.ticket(TK), (SELECT count(*) FROM oms.stage s WHERE s.waits_for IS NOT NULL), oms.send_message(''objection'', ''A''), t.kept()', '{"k":"A","by":"2026-03-02T10:20Z"}'),
	'("done nobody {""decision"": ""no objection""} 2026-03-02 10:20:00.000001",done,0,0,1)', 'done by law it waits no longer');
SELECT is(t.play('L', E'2026-03-02 10:00+00 > open\n2026-03-02 10:10+00 > oms.hold(TK, ''a'', ''r'')\n2026-03-02 10:25+00 > oms.send_message(''objection'', ''A'', ''{"n":1}'')\n2026-03-02 10:30+00 > oms.resume(TK, ''a'')', 't.ended(TK), t.kept()', '{"k":"A","by":"2026-03-02T10:20Z"}'),
	'("done postgres {""n"": 1} 2026-03-02 10:30",0)', 'on hold neither comes; what was sent meanwhile is first');
SELECT is(t.play('L', E'2026-03-02 10:00+00 > open\n2026-03-02 10:05+00 > oms.extend(TK, ''a'', ''r'', 30)\n2026-03-02 10:40+00 > oms.tick()\n2026-03-02 10:45+00 > oms.send_message(''objection'', ''A'', ''{"n":1}'')', 't.ended(TK), t.log(TK)', '{"k":"A","by":"2026-03-02T10:20Z"}'),
	'("done postgres {""n"": 1} 2026-03-02 10:45","awaiting, extended, warning, done")', 'extended it waits longer');
SELECT is(t.play('L', E'2026-03-02 10:00+00 > open\n2026-03-02 13:00+00 > oms.tick()\n> oms.reopen(TK, ''a'', ''a mistake'')\n> oms.send_message(''objection'', ''A'', ''{"n":1}'')', 't.ended(TK), t.log(TK)', '{"k":"A"}'),
	'("done postgres {""n"": 1} 2026-03-02 13:00","awaiting, warning, breached, escalated, done, reopened, awaiting, done")', 'reopened it waits anew');

-- ---------------------------------------------------------------------------
-- What is kept, and for how long
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.rows() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT (SELECT count(*) FROM oms.kept_message) || ' kept, ' || (SELECT count(*) FROM oms.message_id) || ' ids'
$$;
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.send_message(''payment'', ''A1'', ''{}'', ''m1'', ''1 hour'')\n> oms.send_message(''payment'', ''A2'', ''{}'', NULL, ''2 hours'')\n' || at || ' > oms.tick()', 't.rows()'), wanted, 'unclaimed messages at ' || at) FROM (VALUES
	('2026-03-02 10:59:59.999999+00', '2 kept, 1 ids'), ('2026-03-02 11:00+00', '1 kept, 1 ids'), ('2026-03-02 12:00+00', '0 kept, 1 ids'),
	('2026-04-01 10:59:59.999999+00', '0 kept, 1 ids'), ('2026-04-01 11:00+00', '0 kept, 0 ids')) v(at, wanted);
SELECT is(t.play('N', E'2026-03-02 10:00+00 > open\n> oms.send_message(''go'', TK, ''{"x":1}'', ''m1'')\n> oms.seal()\n2026-03-03 10:00+00 > oms.archive(''2026-03-03 00:00+00'')', '(SELECT count(*) FROM oms.archived_ticket), oms.get_archived_ticket(TK) #>> ''{stages,0,output}'', oms.send_message(''go'', TK, ''{"x":1}'', ''m1''), oms.send_message(''go'', TK), t.kept()'),
	'(1,"{""x"": 1}",0,0,1)', 'an archived ticket has what a message brought, and gets no other');
SELECT is(t.play('N', E'2026-03-02 10:00+00 > open\n> oms.send_message(''go'', TK, ''{"x":1}'', ''m1'')\n> oms.seal()\n2026-03-03 10:00+00 > oms.archive(''2026-03-03 00:00+00'')\n> oms.reopen(TK, ''a'', ''r'')', 't.status(TK), oms.send_message(''go'', TK), t.status(TK)'),
	'(awaiting,1,done)', 'reopened it comes back, and waits for another one');

-- What stands in the rows about messages that contain this text, beside the id
CREATE FUNCTION t.left_of(what text) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT concat_ws(', ',
		(SELECT 'kept' FROM oms.kept_message k WHERE k::text ~ what LIMIT 1),
		(SELECT 'waiting' FROM oms.stage_state s WHERE s.waits_key ~ what LIMIT 1),
		(SELECT 'event' FROM oms.timeline e WHERE e::text ~ what LIMIT 1),
		(SELECT 'hash' FROM oms.message_id m WHERE m.request_hash IS NOT NULL LIMIT 1))
$$;
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n' || before || E'\n> ' || erasure, 't.left_of(''DE89'')', '{"invoice":"DE89"}'), wanted, erasure || ' after ' || replace(before, E'\n', '; ')) FROM (VALUES
	-- delivered at once, and from what was kept
	(E'> oms.stage_done(TK, ''x'')\n> oms.send_message(''payment'', ''DE89'', ''{"iban":"DE89"}'', ''m1'')', 'oms.comment(TK, ''nothing'')', 'event, hash'),
	(E'> oms.stage_done(TK, ''x'')\n> oms.send_message(''payment'', ''DE89'', ''{"iban":"DE89"}'', ''m1'')', 'oms.erase(TK, ''{data,output.a}'', ''r'')', ''),
	(E'> oms.stage_done(TK, ''x'')\n> oms.send_message(''payment'', ''DE89'', ''{"iban":"DE89"}'', ''m1'')', 'oms.erase(TK, ''{output.a.iban}'', ''r'')', 'event'),
	(E'> oms.stage_done(TK, ''x'')\n> oms.send_message(''payment'', ''DE89'', ''{}'', ''m1'')', 'oms.erase(TK, ''{invoice}'', ''r'')', ''),
	(E'> oms.send_message(''payment'', ''DE89'', ''{"iban":"DE89"}'', ''m1'')\n> oms.stage_done(TK, ''x'')', 'oms.erase(TK, ''{data,output.a}'', ''r'')', ''),
	-- not delivered yet
	(E'> oms.stage_done(TK, ''x'')\n> oms.hold(TK, ''a'', ''r'')\n> oms.send_message(''payment'', ''DE89'', ''{"iban":"DE89"}'', ''m1'')', 'oms.erase(TK, ''{data}'', ''r'')', ''),
	-- what it brought did not fit
	(E'> oms.stage_done(TK, ''x'')\n> set_config(''oms.max_output_size'', ''1'', true)\n> oms.send_message(''payment'', ''DE89'', jsonb_build_object(''x'', repeat(''x'', 2000)), ''m1'')', 'oms.erase(TK, ''{data}'', ''r'')', '')) v(before, erasure, wanted);
SELECT is(t.play('P', E'2026-03-02 10:00+00 > open\n> oms.stage_done(TK, ''x'')\n> oms.send_message(''payment'', ''A1'', ''{"n":1}'', ''m1'')\n> oms.send_message(''payment'', ''A2'', ''{"n":1}'', ''m2'')\n> oms.erase(TK, ''{output.a}'', ''r'')', 'oms.send_message(''payment'', ''A1'', ''{"n":2}'', ''m1''), error_code($$SELECT oms.send_message(''payment'', ''A2'', ''{"n":2}'', ''m2'')$$)', '{"invoice":"A1"}'),
	'(0,OM008)', 'the id of an erased message still counts, others are compared');
-- a whole person: a ticket that got its message, one that waits on hold, one that is archived
SAVEPOINT erasing;
SELECT oms.open_ticket('P', '{"invoice":"DE89-1"}', applicant => 'p-1')::text AS got, oms.open_ticket('P', '{"invoice":"DE89-2"}', applicant => 'p-1')::text AS held, oms.open_ticket('N', applicant => 'p-1')::text AS old,
	oms.open_ticket('P', '{"invoice":"other"}', applicant => 'p-2')::text AS other \gset
SELECT oms.stage_done(tk, 'x') FROM unnest(ARRAY[:'got', :'held', :'other']) AS tk \g /dev/null
SELECT oms.hold(:'held', 'a', 'r'), oms.send_message('payment', 'DE89-1', '{"iban":"DE89"}', 'e1'), oms.send_message('payment', 'DE89-2', '{"iban":"DE89"}', 'e2'), oms.send_message('go', :'old', '{"iban":"DE89"}', 'e3'),
	oms.send_message('payment', 'other', '{"iban":"FR76"}', 'e4'), oms.seal() \g /dev/null
SET LOCAL oms.now = '2026-03-03 09:00+00';
SELECT is(oms.archive('2026-03-03 00:00+00'), 1, 'one of three tickets of a person is archived');
SELECT is(t.left_of('DE89'), 'kept, waiting, event, hash', 'messages of a person are in many places');
SELECT is(oms.erase_applicant('p-1', 'asked for'), 3, 'all of them are erased');
SELECT is(t.left_of('DE89'), 'hash', 'nothing is left but what another person''s message needs');
SELECT is((SELECT string_agg(message_id, ',') FROM oms.message_id WHERE request_hash IS NOT NULL), 'e4', 'which stays');
SELECT is((SELECT count(*) FROM oms.timeline_archive e WHERE e::text ~ 'DE89'), 0::bigint, 'nor in the archive');
SELECT is((SELECT count(*) FROM oms.timeline e WHERE e::text ~ 'FR76'), 1::bigint, '… nor is that of another person erased');
SELECT is_empty('SELECT * FROM oms.check()', 'check() finds nothing');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chains are whole');
ROLLBACK TO erasing;

SELECT t.findings();
SELECT finish();
ROLLBACK;
