-- Holds of stages and of whole tickets: how they add up and end, what the catalogue of reasons says about them, what
-- is possible on hold and what is not, and what citizens see of it.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
\ir include/scene.psql
SET LOCAL oms.now = '2026-03-02 09:00+00';
SELECT oms.create_workflow('{"name":"H","stages":[{"id":"a","owner":"Desk","slaMins":60,"retry":{"maxAttempts":2,"backoffSecs":60}},
	{"id":"b","owner":"Back","slaMins":30,"dependsOn":["a"]}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"P","stages":[{"id":"a","owner":"Desk","slaMins":60},{"id":"b","owner":"Back","slaMins":60},
	{"id":"c","owner":"End","slaMins":60,"dependsOn":["a","b"]}]}') \g /dev/null
SELECT oms.set_hold_reason('fees', true, 'applicant', 1, 'Please pay the fee'), oms.set_hold_reason('lunch', false, 'internal'),
	oms.set_hold_reason('court', true, 'legal'), oms.set_hold_reason('papers', true, 'applicant', NULL, 'Please send the papers') \g /dev/null

-- ---------------------------------------------------------------------------
-- Several holds at once
-- ---------------------------------------------------------------------------
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'one')
	2026-03-02 10:20+00 > oms.hold(TK, 'a', 'two')
	2026-03-02 10:30+00 > oms.resume(TK, 'a', 'one')
	$$, 't.status(TK), t.due(TK), t.n(TK, ''resumed'')'), '(on_hold,none,0)', 'one of two is gone: still on hold');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'one')
	2026-03-02 10:20+00 > oms.hold(TK, 'a', 'two')
	2026-03-02 10:30+00 > oms.resume(TK, 'a', 'one')
	2026-03-02 10:40+00 > oms.resume(TK, 'a', 'two')
	$$, 't.status(TK), t.due(TK), t.n(TK, ''on_hold''), t.n(TK, ''resumed'')'), '(queued,"2026-03-02 11:30",2,1)', 'the last one: it runs again');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'one')
	2026-03-02 10:20+00 > oms.hold(TK, 'a', 'two')
	2026-03-02 10:40+00 > oms.resume(TK, 'a')
	$$, 't.status(TK), t.due(TK), t.n(TK, ''resumed'')'), '(queued,"2026-03-02 11:30",1)', 'without a reason: all of them');
SELECT matches(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'waiting for Mr. Lee')
	$$, 't.notes(TK, ''on_hold'')'), 'waiting for Mr. Lee', 'the reason stands in the timeline');

-- ---------------------------------------------------------------------------
-- Until
-- ---------------------------------------------------------------------------
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'r', '2026-03-02 10:30+00')
	2026-03-02 10:29:59.999999+00 > oms.tick()
	$$, 't.status(TK)'), 'on_hold', 'not a microsecond before');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'r', '2026-03-02 10:30+00')
	2026-03-02 10:30+00 > oms.tick()
	$$, 't.status(TK), t.due(TK), t.log(TK)'), '(queued,"2026-03-02 11:20","queued, on_hold, resumed")', 'at that moment');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'r', '2026-03-02 10:30+00')
	2026-03-02 11:00+00 > oms.tick()
	$$, 't.status(TK), t.due(TK)'), '(queued,"2026-03-02 11:20")', 'a late tick: the moment itself counts');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'r', '2026-03-02 10:30+00')
	2026-03-02 15:00+00 > oms.tick()
	> oms.tick()
	$$, 't.status(TK), t.log(TK), t.notes(TK, ''breached'') ~ ''2026-03-02.11:20:00'''), '(queued,"queued, on_hold, resumed, breached",t)', 'hours late: resumed, then breached');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'r', '2026-03-02 10:30+00')
	2026-03-02 15:00+00 > oms.stage_done(TK, 'a')
	$$, 't.log(TK)'), 'queued, on_hold, resumed, breached, done', 'done after it ran out, before any tick');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'r', '2026-03-02 10:30+00')
	2026-03-02 10:45+00 > oms.hold(TK, 'a', 's')
	2026-03-02 16:00+00 > oms.resume(TK, 'a')
	$$, 't.due(TK)'), '2026-03-02 16:35', 'held again after it ran out, before any tick: 15 minutes were used up between');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'r', '2026-03-02 10:30+00')
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 's', '2026-03-02 10:40+00')
	2026-03-02 11:00+00 > oms.tick()
	$$, 't.status(TK), t.due(TK), t.n(TK, ''resumed'')'), '(queued,"2026-03-02 11:30",1)', 'two of them: the later one counts');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'r', '2026-03-02 10:30+00')
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 's')
	2026-03-02 11:00+00 > oms.tick()
	$$, 't.status(TK), t.due(TK)'), '(on_hold,none)', 'another hold without an end keeps it');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'r', '2026-03-02 10:30+00')
	2026-03-02 10:20+00 > oms.resume(TK, 'a')
	2026-03-02 10:25+00 > oms.hold(TK, 'a', 's')
	2026-03-02 10:35+00 > oms.tick()
	$$, 't.status(TK), t.n(TK, ''resumed'')'), '(on_hold,1)', 'resumed early: its timer is gone');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > 22023 oms.hold(TK, 'a', 'r', '2026-03-02 10:09+00')
	> 22023 oms.hold(TK, 'a', '')
	> 22023 oms.hold(TK, 'a', NULL)
	> OM003 oms.hold(TK, 'z', 'r')
	> OM003 oms.resume(TK, 'z')
	$$, 't.status(TK)'), 'queued', 'bad arguments');
SELECT is(error_code($$SELECT oms.hold('DL-2026-99999', 'a', 'r')$$), 'OM002', 'unknown ticket');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'r', '2026-03-02 10:30+00')
	> oms.skip_stage(TK, 'a', 'r')
	2026-03-02 12:00+00 > oms.tick()
	$$, 't.states(TK), t.n(TK, ''resumed'')'), '("a skipped, b queued",0)', 'skipped on hold: no timer later');

-- ---------------------------------------------------------------------------
-- The catalogue of reasons
-- ---------------------------------------------------------------------------
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'lunch')
	2026-03-02 11:00+00 > oms.tick()
	$$, 't.status(TK), t.due(TK), t.n(TK, ''breached'')'), '(on_hold,"2026-03-02 11:00",0)', 'a reason that does not stop the clock');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'lunch')
	2026-03-02 11:00:00.000001+00 > oms.tick()
	$$, 't.status(TK), t.log(TK)'), '(on_hold,"queued, on_hold, breached")', 'it is breached on hold');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'lunch')
	2026-03-02 10:20+00 > oms.hold(TK, 'a', 'court')
	2026-03-02 10:50+00 > oms.resume(TK, 'a', 'court')
	$$, 't.status(TK), t.due(TK)'), '(on_hold,"2026-03-02 11:30")', 'the clock runs again when the last hold that stops it is gone');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'court')
	2026-03-02 10:20+00 > oms.hold(TK, 'a', 'lunch')
	2026-03-02 10:50+00 > oms.resume(TK, 'a', 'lunch')
	2026-03-02 11:00+00 > oms.resume(TK, 'a')
	$$, 't.status(TK), t.due(TK)'), '(queued,"2026-03-02 11:50")', 'one that does not stop it makes no difference');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'lunch', '2026-03-02 10:40+00')
	2026-03-02 12:00+00 > oms.tick()
	$$, 't.status(TK), t.log(TK, ''a'', ''breached|resumed'')'), '(queued,"resumed, breached")', 'in the order of what happened: resumed 10:40, breached 11:00');
SELECT is(t.play('P', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'fees')
	2026-03-02 10:20+00 > OM005 oms.hold(TK, 'b', 'fees')
	> oms.resume(TK, 'a')
	> OM005 oms.hold(TK, 'a', 'fees')
	> OM005 oms.hold(TK, NULL, 'fees')
	> oms.hold(TK, 'a', 'papers')
	> oms.resume(TK, 'a')
	> oms.hold(TK, 'a', 'papers')
	$$, 't.status(TK)'), 'on_hold', 'only so many per ticket');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'court')
	2026-03-02 10:20+00 > oms.set_hold_reason('court', false)
	2026-03-02 10:30+00 > oms.resume(TK, 'a')
	2026-03-02 10:40+00 > oms.hold(TK, 'a', 'court')
	$$, 't.due(TK)'), '2026-03-02 11:20', 'a hold keeps what was registered when it began, the next one gets the new');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'papers')
	$$, 't.citizen(TK)'), 'received, a in progress, a action needed (Please send the papers)', 'the applicant is told');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'papers')
	2026-03-02 10:20+00 > oms.resume(TK, 'a')
	2026-03-02 10:30+00 > oms.stage_done(TK, 'a')
	$$, 't.citizen(TK)'), 'received, a in progress, a action needed (Please send the papers), a done, b in progress', 'in progress once per cycle');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'court')
	> oms.hold(TK, 'a', 'lunch')
	> oms.hold(TK, 'a', 'the applicant is a nuisance')
	> oms.hold(TK, NULL, 'court')
	$$, 't.citizen(TK)'), 'received, a in progress', 'of others citizens see nothing');
SELECT is(error_code(c), '22023', c) FROM unnest(ARRAY[
	$$SELECT oms.set_hold_reason('')$$, $$SELECT oms.set_hold_reason(NULL)$$, $$SELECT oms.set_hold_reason('x', true, 'applicant', -1)$$]) c;

-- ---------------------------------------------------------------------------
-- The whole ticket
-- ---------------------------------------------------------------------------
SELECT is(t.play('P', $$
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'b', 'w')
	2026-03-02 10:10+00 > oms.hold(TK, NULL, 'flood')
	$$, 't.ticket(TK), t.states(TK), t.due(TK, ''a''), t.due(TK, ''b''), t.ticket_events(TK)'),
	'(on_hold,"a on_hold, b on_hold, c waiting",none,none,"opened, ticket_held")', 'a whole ticket on hold');
SELECT is(t.play('P', $$
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'b', 'w')
	2026-03-02 10:10+00 > oms.hold(TK, NULL, 'flood')
	2026-03-02 12:10+00 > oms.resume(TK, NULL)
	$$, 't.ticket(TK), t.states(TK), t.due(TK, ''a''), t.due(TK, ''b''), t.ticket_events(TK)'),
	'(open,"a queued, b in_progress, c waiting","2026-03-02 13:00","2026-03-02 13:00","opened, ticket_held, ticket_resumed")', 'and back, each to where it was');
SELECT is(t.play('P', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, NULL, 'flood', '2026-03-02 10:30+00')
	2026-03-02 11:00+00 > oms.tick()
	$$, 't.ticket(TK), t.states(TK), t.due(TK, ''a'')'), '(open,"a queued, b queued, c waiting","2026-03-02 11:20")', 'until some time, and a late tick');
SELECT is(t.play('P', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, NULL, 'one')
	2026-03-02 10:10+00 > oms.hold(TK, NULL, 'two')
	2026-03-02 10:20+00 > oms.resume(TK, NULL, 'one')
	$$, 't.ticket(TK), t.states(TK)'), '(on_hold,"a on_hold, b on_hold, c waiting")', 'two holds: one is left');
SELECT is(t.play('P', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'stage')
	2026-03-02 10:20+00 > oms.hold(TK, NULL, 'all')
	2026-03-02 10:30+00 > oms.resume(TK, NULL)
	$$, 't.ticket(TK), t.states(TK)'), '(open,"a on_hold, b queued, c waiting")', 'a stage that is held by itself stays on hold');
SELECT is(t.play('P', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, NULL, 'all')
	2026-03-02 10:20+00 > oms.hold(TK, 'a', 'stage')
	2026-03-02 10:30+00 > oms.resume(TK, 'a')
	2026-03-02 10:40+00 > oms.tick()
	$$, 't.ticket(TK), t.states(TK), t.due(TK)'), '(on_hold,"a on_hold, b on_hold, c waiting",none)', 'resumed by itself, it stays on hold with the ticket');
SELECT is(t.play('P', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, 'a', 'stage')
	2026-03-02 10:20+00 > oms.hold(TK, NULL, 'all')
	2026-03-02 10:30+00 > oms.resume(TK, 'a')
	2026-03-02 10:40+00 > oms.resume(TK, NULL)
	$$, 't.ticket(TK), t.states(TK), t.due(TK)'), '(open,"a queued, b queued, c waiting","2026-03-02 11:30")', 'both gone');
SELECT is(t.play('P', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, $$ || what || $$, 'r', '2026-03-02 10:30+00')
	2026-03-02 15:00+00 > oms.tick()
	$$, 't.log(TK)'), 'queued, on_hold, resumed, breached', 'one late tick fires what became due after it as well: ' || what) FROM unnest(ARRAY['NULL', '''a''']) what;
-- A stage that becomes ready meanwhile
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	> TOK := oms.claim_stage(TK, 'a', 'w')
	2026-03-02 10:10+00 > oms.hold(TK, NULL, 'flood')
	> oms.stage_done(TK, 'a', '{}', TOK)
	2026-03-02 11:00+00 > oms.tick()
	$$, $$t.ticket(TK), t.status(TK, 'a'), t.due(TK, 'b'), (SELECT count(*) FROM oms.claim('Back'))$$), '(on_hold,done,none,0)',
	'a stage that becomes ready meanwhile cannot be claimed');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	> TOK := oms.claim_stage(TK, 'a', 'w')
	2026-03-02 10:10+00 > oms.hold(TK, NULL, 'flood')
	> oms.stage_done(TK, 'a', '{}', TOK)
	2026-03-02 11:00+00 > oms.resume(TK, NULL)
	$$, $$t.ticket(TK), t.states(TK), t.due(TK, 'b'), (SELECT count(*) FROM oms.claim('Back'))$$), '(open,"a done, b queued","2026-03-02 11:30",1)',
	'then it can, and its clock starts');
SELECT is(t.play('P', $$
	2026-03-02 10:00+00 > open
	> TOK := oms.claim_stage(TK, 'a', 'w')
	2026-03-02 10:10+00 > oms.hold(TK, NULL, 'flood')
	> oms.skip_stage(TK, 'b', 'r')
	> oms.stage_done(TK, 'a', '{}', TOK)
	> oms.skip_stage(TK, 'c', 'r')
	$$, $$t.ticket(TK), t.states(TK)$$), '(done,"a done, b skipped, c skipped")', 'when every stage is finished the ticket is done, on hold or not');
SELECT is(t.play('P', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, NULL, 'flood')
	2026-03-02 10:20+00 > oms.cancel_ticket(TK, 'r')
	2026-03-02 12:20+00 > oms.tick()
	> OM005 oms.resume(TK, NULL)
	> OM005 oms.hold(TK, NULL, 'r')
	$$, $$t.ticket(TK), t.states(TK)$$), '(cancelled,"a cancelled, b cancelled, c cancelled")', 'cancelled on hold');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a')
	> oms.stage_done(TK, 'b')
	> OM005 oms.hold(TK, NULL, 'r')
	> OM005 oms.resume(TK, NULL)
	$$, 't.ticket(TK)'), 'done', 'a ticket that is done cannot be held');
SELECT is(t.play('H', E'2026-03-02 10:00+00 > open\n> OM005 oms.resume(TK, NULL)', 't.ticket(TK)'), 'open', 'one that is not held cannot be resumed');
SELECT is(t.play('P', $$
	2026-03-02 10:00+00 > open
	2026-03-02 10:10+00 > oms.hold(TK, NULL, 'flood')
	$$, $$(SELECT count(*) FROM oms.claim('Desk')), error_code(format('SELECT oms.claim_stage(%L, %L)', TK, 'a')), error_code(format('SELECT oms.stage_done(%L, %L)', TK, 'b'))$$),
	'(0,OM005,OM005)', 'no work on a ticket on hold');

-- ---------------------------------------------------------------------------
-- What is possible on hold
-- ---------------------------------------------------------------------------
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	> TOK := token FROM oms.claim('Desk', 'w')
	2026-03-02 10:04+00 > oms.hold(TK, 'a', 'r')
	2026-03-02 11:00+00 > oms.tick()
	2026-03-02 12:00+00 > oms.resume(TK, 'a')
	$$, $$t.status(TK), t.n(TK, 'lease_expired'), (SELECT s.worker || ' ' || t.utc(s.lease_until) FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = 'a')$$),
	'(in_progress,0,"w 2026-03-02 12:05")', 'a lease starts again');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	> TOK := token FROM oms.claim('Desk', 'w', lease => '20 minutes')
	2026-03-02 10:04+00 > oms.hold(TK, 'a', 'r', '2026-03-02 12:00+00')
	2026-03-02 12:19:59.999999+00 > oms.tick()
	2026-03-02 12:19:59.999999+00 > oms.heartbeat(TK, 'a', TOK)
	$$, $$t.status(TK)$$), 'in_progress', 'of the length that it had, from the moment the hold ran out');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	> TOK := token FROM oms.claim('Desk', 'w')
	2026-03-02 10:04+00 > oms.hold(TK, 'a', 'r')
	2026-03-02 12:00+00 > oms.resume(TK, 'a')
	> oms.stage_done(TK, 'a', '{}', TOK)
	$$, $$t.states(TK)$$), 'a done, b queued', 'the holder goes on with its token');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	> TOK := token FROM oms.claim('Desk', 'w')
	2026-03-02 10:04+00 > oms.hold(TK, 'a', 'r')
	> OM006 oms.stage_done(TK, 'a', '{}', TOK + 1)
	> OM005 oms.stage_done(TK, 'a')
	2026-03-03 10:04+00 > oms.stage_done(TK, 'a', '{}', TOK)
	2026-03-04 10:04+00 > OM005 oms.resume(TK, 'a')
	$$, $$t.states(TK), t.n(TK, 'breached')$$), '("a done, b queued",0)', 'done on hold with the token of the holder only');
SELECT ok(t.play('H', E'2026-03-02 10:00+00 > open\n> TOK := token FROM oms.claim(''Desk'')\n> oms.hold(TK, ''a'', ''r'')',
	$$error_code(format('SELECT oms.heartbeat(%L, %L, TOK)', TK, 'a'))$$) ~ '^OM00[56]$', 'the worker learns it at the next heartbeat');
SELECT is(t.play('H', E'2026-03-02 10:00+00 > open\n> TOK := token FROM oms.claim(''Desk'')\n> oms.hold(TK, ''a'', ''r'')\n> OM005 ' || call, '1'), '1', call || ': not on hold')
FROM unnest(ARRAY['oms.claim_stage(TK, ''a'', ''v'')', 'oms.release(TK, ''a'')', 'oms.stage_failed(TK, ''a'', ''e'')', 'oms.stage_failed(TK, ''a'', ''e'', TOK)',
	'oms.assign(TK, ''a'', ''v'')', 'oms.retry_stage(TK, ''a'', ''r'')', 'oms.start_stage(TK, ''a'')']) call;
SELECT is(t.play('H', E'2026-03-02 10:00+00 > open\n' || more || E'\n> oms.hold(TK, ''a'', ''r'')\n' || call, $$t.status(TK), (SELECT owner FROM oms.stage WHERE ticket_id = TK AND stage = 'a')$$),
	'(on_hold,Other)', call || ': on hold for the new owner')
FROM unnest(ARRAY['> oms.tick()', '> oms.claim(''Desk'')']) more, unnest(ARRAY['> oms.reassign(TK, ''a'', ''Other'', ''r'')', '> oms.escalate(TK, ''a'', ''r'', ''Other'')']) call;
SELECT is(t.play('H', E'2026-03-02 10:00+00 > open\n> TOK := token FROM oms.claim(''Desk'', ''w'')\n> oms.hold(TK, ''a'', ''r'')\n' || call || E'\n2026-03-02 11:00+00 > oms.resume(TK, ''a'')',
	$$t.status(TK), (SELECT concat_ws(' ', owner, worker) FROM oms.stage WHERE ticket_id = TK AND stage = 'a'), error_code(format('SELECT oms.stage_done(%L, %L, %L, TOK)', TK, 'a', '{}')), t.due(TK)$$),
	'(queued,Other,OM006,"2026-03-02 12:00")', call || ': queued when resumed')
FROM unnest(ARRAY['> oms.reassign(TK, ''a'', ''Other'', ''r'')', '> oms.escalate(TK, ''a'', ''r'', ''Other'')']) call;
SELECT is(t.play('H', E'2026-03-02 10:00+00 > open\n> TOK := token FROM oms.claim(''Desk'', ''w'')\n> oms.hold(TK, ''a'', ''r'')\n> oms.reassign(TK, ''a'', ''Other'', ''r'')\n> OM006 oms.stage_done(TK, ''a'', ''{}'', TOK)', 't.status(TK)'),
	'on_hold', 'reassigned on hold: the old token is stale at once');
SELECT is(t.play('H', E'2026-03-02 10:00+00 > open\n> oms.hold(TK, ''a'', ''r'')\n' || call, 't.states(TK)'), states, call)
FROM (VALUES ('> oms.skip_stage(TK, ''a'', ''r'')', 'a skipped, b queued'), ('> oms.cancel_ticket(TK, ''r'')', 'a cancelled, b cancelled'),
	('> oms.escalate(TK, ''a'', ''r'')', 'a on_hold, b waiting'), ('> oms.comment(TK, ''x'', ''a'')', 'a on_hold, b waiting')) v(call, states);
-- A pause after a failure
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	> oms.stage_failed(TK, 'a', 'e')
	2026-03-02 10:00:10+00 > oms.hold(TK, 'a', 'r')
	2026-03-02 10:00:20+00 > oms.resume(TK, 'a')
	2026-03-02 10:00:30+00 > oms.tick()
	$$, $$t.status(TK), (SELECT count(*) FROM oms.claim('Desk'))$$), '(queued,0)', 'a hold does not cut a pause short');
SELECT is(t.play('H', $$
	2026-03-02 10:00+00 > open
	> oms.stage_failed(TK, 'a', 'e')
	2026-03-02 10:00:10+00 > oms.hold(TK, 'a', 'r')
	2026-03-02 10:05:20+00 > oms.resume(TK, 'a')
	$$, $$t.status(TK), (SELECT attempt FROM oms.claim('Desk'))$$), '(queued,2)', 'after it, it can be claimed');

-- Every other state
SELECT is(t.play('H', E'2026-03-02 10:00+00 > open\n' || prepare || E'\n> OM005 oms.hold(TK, ''a'', ''r'')\n> OM005 oms.resume(TK, ''a'')', '1'), '1', 'neither hold nor resume after ' || prepare)
FROM unnest(ARRAY['> oms.stage_done(TK, ''a'')', '> oms.skip_stage(TK, ''a'', ''r'')', '> oms.stage_failed(TK, ''a'', ''e'', NULL, false)', '> oms.cancel_ticket(TK, ''r'')']) prepare;
SELECT is(t.play('H', E'2026-03-02 10:00+00 > open\n> OM005 oms.hold(TK, ''b'', ''r'')\n> OM005 oms.resume(TK, ''b'')', '1'), '1', 'nor waiting');
SELECT is(t.play('H', E'2026-03-02 10:00+00 > open\n> OM005 oms.resume(TK, ''a'')\n> oms.claim(''Desk'')\n> OM005 oms.resume(TK, ''a'')', '1'), '1', 'what is not on hold cannot be resumed');
SELECT is(t.play('H', E'2026-03-02 10:00+00 > open\n> oms.hold(TK, ''a'', ''r'')', 't.ticket(TK), (oms.get_ticket(TK) ->> ''status''), (oms.get_ticket(TK) -> ''stage'')'), '(open,open,"[""a""]")', 'a stage on hold does not hold the ticket');
SELECT is(t.play('H', E'2026-03-02 10:00+00 > open\n> oms.hold(TK, NULL, ''r'')', '(oms.get_ticket(TK) ->> ''status''), (oms.get_ticket(TK) -> ''stage'')'), '(on_hold,"[""a""]")', 'get_ticket tells');

-- ---------------------------------------------------------------------------
-- What the applicant reads of holds
-- ---------------------------------------------------------------------------
SELECT oms.set_hold_reason('ask', waiting_on => 'applicant', public_label => 'Please answer'), oms.set_hold_reason('police', waiting_on => 'police', public_label => 'Fraud unit informed'),
	oms.set_hold_reason('form', stops_clock => false, waiting_on => 'applicant', public_label => 'Please sign'), oms.set_hold_reason('unsaid', public_label => 'Secret') \g /dev/null
SELECT oms.create_workflow('{"name":"Labels","stages":[{"id":"a","owner":"o"},{"id":"b","owner":"o","manual":true}]}') \g /dev/null
CREATE FUNCTION t.tracked(tk oms.ticket_id) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT (SELECT string_agg(concat_ws(' ', s ->> 'stage', s ->> 'status'), ', ' ORDER BY s ->> 'stage') FROM jsonb_array_elements(t.j -> 'stages') s)
		|| ' | ' || (SELECT string_agg(concat_ws(' ', h.h ->> 'stage', h.h ->> 'status', '(' || (h.h ->> 'note') || ')'), ', ' ORDER BY h.nr)
			FROM jsonb_array_elements(t.j -> 'history') WITH ORDINALITY AS h(h, nr) WHERE h.h ->> 'stage' = 'b')
	FROM (SELECT oms.track(oms.tracking_number(tk))) t(j) $$;
SELECT is(t.play('Labels', '2026-03-02 10:00+00 > open' || E'\n' || script, 't.tracked(TK), t.citizen(TK) ~ ''Fraud|Secret'''), tracked, 'applicants read: ' || script) FROM (VALUES
	(E'> oms.hold(TK, NULL, ''ask'')\n> oms.hold(TK, NULL, ''police'')\n> oms.start_stage(TK, ''b'')', '("a action needed, b action needed | b in progress, b action needed (Please answer)",f)'),
	(E'> oms.hold(TK, NULL, ''police'')\n> oms.hold(TK, NULL, ''form'')\n> oms.start_stage(TK, ''b'')', '("a action needed, b action needed | b in progress, b action needed (Please sign)",f)'),
	(E'> oms.hold(TK, NULL, ''ask'')\n> oms.hold(TK, NULL, ''form'')\n2026-03-02 10:05+00 > oms.resume(TK, NULL, ''form'')\n2026-03-02 10:10+00 > oms.start_stage(TK, ''b'')', '("a action needed, b action needed | b in progress, b action needed (Please answer)",f)'),
	(E'> oms.hold(TK, NULL, ''form'')\n> oms.hold(TK, NULL, ''unsaid'')\n> oms.start_stage(TK, ''b'')\n2026-03-02 10:10+00 > oms.resume(TK, NULL, ''form'')', '("a in progress, b in progress | b in progress, b action needed (Please sign)",f)'),
	(E'> oms.start_stage(TK, ''b'')\n> oms.hold(TK, ''b'', ''ask'')\n> oms.hold(TK, ''b'', ''police'')\n> oms.resume(TK, ''b'', ''ask'')', '("a in progress, b in progress | b in progress, b action needed (Please answer)",f)'),
	(E'> oms.hold(TK, NULL, ''ask'')\n> oms.hold(TK, NULL, ''police'')\n2026-03-02 10:05+00 > oms.resume(TK, NULL, ''ask'')\n2026-03-02 10:06+00 > oms.start_stage(TK, ''b'')\n2026-03-02 10:07+00 > oms.resume(TK, NULL)', '("a in progress, b in progress | b in progress",f)')) v(script, tracked);

SELECT t.findings();
SELECT finish();
ROLLBACK;
