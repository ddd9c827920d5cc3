-- Stages that nobody claims: those that await a moment.
\unset ECHO
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true

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

SELECT t.findings();
SELECT finish();
ROLLBACK;
