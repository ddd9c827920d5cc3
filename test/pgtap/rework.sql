-- Rework: send_back and reopen, what they take away and what they leave; and at the end a random walk over all that
-- can be done to a ticket, beside a model of the state table that knows nothing but the contract.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
\ir include/scene.psql
SET LOCAL oms.now = '2026-03-02 09:00+00';

-- Two branches: a, then b and d beside c and e, then f.
SELECT oms.create_workflow('{"name":"Branch","stages":[{"id":"a","owner":"A","slaMins":60},
	{"id":"b","owner":"B","slaMins":60,"dependsOn":["a"],"retry":{"maxAttempts":2,"backoffSecs":0}},{"id":"c","owner":"C","slaMins":60,"dependsOn":["a"]},
	{"id":"d","owner":"D","slaMins":60,"dependsOn":["b"],"retry":{"maxAttempts":3,"backoffSecs":0}},{"id":"e","owner":"E","slaMins":60,"dependsOn":["c"]},
	{"id":"f","owner":"F","dependsOn":["d","e"]}]}') \g /dev/null
CREATE FUNCTION t.row(tk oms.ticket_id, st text) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT format('%s, worker %s, attempt %s, cycle %s, due %s, output %s', s.status, coalesce(s.worker, '-'), s.attempt, s.cycle, t.utc(s.due_at), coalesce(s.output::text, '-'))
	FROM oms.stage s WHERE s.ticket_id = tk AND s.stage = st
$$;

-- ---------------------------------------------------------------------------
-- send_back
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.to_d() RETURNS text LANGUAGE sql AS $$ SELECT $s$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a', '{"x":1}')
	> oms.stage_failed(TK, 'b', 'e')
	> oms.claim_stage(TK, 'b', 'ann')
	> oms.stage_done(TK, 'b', '{"y":1}')
	> oms.claim_stage(TK, 'c', 'cid')
	2026-03-02 10:10+00 > TOK := token FROM oms.claim('D', 'dan')
$s$ $$;
SELECT is(t.play('Branch', t.to_d() || '2026-03-02 10:20+00 > oms.send_back(TK, ''d'', ''b'', ''wrong'')', 't.states(TK)'),
	'a done, b queued, c in_progress, d waiting, e waiting, f waiting', 'sent back: it is queued, what called waits, another branch keeps what it has');
SELECT is(t.play('Branch', t.to_d() || '2026-03-02 10:20+00 > oms.send_back(TK, ''d'', ''b'', ''wrong'')', 't.row(TK, ''b'')'),
	'queued, worker -, attempt 1, cycle 2, due 2026-03-02 11:20, output -', 'the next cycle, attempts from 1, a fresh clock, no output');
SELECT is(t.play('Branch', t.to_d() || '2026-03-02 10:20+00 > oms.send_back(TK, ''d'', ''b'', ''wrong'')', 't.row(TK, ''d'')'),
	'waiting, worker -, attempt 1, cycle 2, due none, output -', 'the one that called waits without anything');
SELECT is(t.play('Branch', t.to_d() || '2026-03-02 10:20+00 > oms.send_back(TK, ''d'', ''b'', ''wrong'')', 't.row(TK, ''c''), (SELECT s.output FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = ''a'')'),
	'("in_progress, worker cid, attempt 1, cycle 1, due 2026-03-02 11:00, output -","{""x"": 1}")', 'what is not after it stays as it is');
SELECT matches(t.play('Branch', t.to_d() || $$ > oms.send_back(TK, 'd', 'b', 'wrong')$$, format('%s, %s', $$error_code(format('SELECT oms.heartbeat(%L, %L, TOK)', TK, 'd'))$$,
	$$error_code(format('SELECT oms.stage_done(%L, %L, %L, TOK)', TK, 'd', '{}'))$$)), '^\(OM00[56],OM00[56]\)$', 'the worker of the one that called learns it');
SELECT is(t.play('Branch', t.to_d() || $$ > oms.send_back(TK, 'd', 'b', 'wrong')
	> oms.stage_done(TK, 'b', '{"y":2}')
	> OM006 oms.stage_done(TK, 'd', '{}', TOK)
	> oms.claim('D', 'don')
	> OM006 oms.heartbeat(TK, 'd', TOK)
	> OM006 oms.stage_done(TK, 'd', '{}', TOK)
	$$, 't.row(TK, ''d'')'), 'in_progress, worker don, attempt 1, cycle 2, due 2026-03-02 11:10, output -', 'its token is stale in the next cycle');
SELECT is(t.play('Branch', t.to_d() || $$ > oms.send_back(TK, 'd', 'b', 'wrong')
	> oms.stage_done(TK, 'b', '{"y":2}')$$, $$(SELECT inputs FROM oms.claim('D'))$$), '{"b": {"y": 2}}', 'the new output is what counts');
SELECT ok((t.play('Branch', t.to_d() || $$ > oms.send_back(TK, 'd', 'b', 'wrong')$$, $$t.n(TK, 'sent_back', NULL) >= 1 AND t.notes(TK, 'sent_back') ~ 'wrong' AND t.n(TK, 'queued', 'b') = 2$$))::bool, 'it is recorded, with the reason; queued once per cycle');
SELECT is(t.play('Branch', t.to_d() || $$
	2026-03-02 12:00+00 > oms.send_back(TK, 'd', 'b', 'wrong')
	2026-03-02 12:30+00 > oms.tick()$$, $$t.n(TK, 'breached', 'b'), t.n(TK, 'breached', 'd'), t.n(TK, 'breached', 'c')$$), '(0,1,1)', 'a breach that nobody had seen is recorded before; nothing is due while it waits');
SELECT is(t.play('Branch', t.to_d() || $$
	2026-03-02 10:30+00 > oms.send_back(TK, 'd', 'b', 'wrong')
	2026-03-02 11:30+00 > oms.stage_done(TK, 'b')
	2026-03-02 12:30+00 > oms.stage_done(TK, 'd')
	2026-03-02 12:40+00 > oms.tick()$$, $$t.n(TK, 'breached', 'b'), t.n(TK, 'breached', 'd')$$), '(0,0)', 'the clock of the old cycle is over');
SELECT is(t.play('Branch', t.to_d() || $$
	> oms.send_back(TK, 'd', 'b', 'wrong')
	> oms.claim_stage(TK, 'b', 'bea')
	> oms.send_back(TK, 'b', 'a', 'worse')$$, 't.states(TK), t.row(TK, ''a''), t.row(TK, ''b'')'),
	'("a queued, b waiting, c waiting, d waiting, e waiting, f waiting","queued, worker -, attempt 1, cycle 2, due 2026-03-02 11:10, output -","waiting, worker -, attempt 1, cycle 3, due none, output -")', 'and further back: both branches come after it');
SELECT is(t.play('Branch', t.to_d() || $$
	> oms.send_back(TK, 'd', 'b', 'wrong')
	> oms.stage_done(TK, 'b')
	> oms.send_back(TK, 'd', 'b', 'still wrong')
	> oms.stage_done(TK, 'b')
	> oms.stage_done(TK, 'd')
	> oms.stage_done(TK, 'c')
	> oms.stage_done(TK, 'e')
	> oms.stage_done(TK, 'f')$$, 't.ticket(TK), (SELECT string_agg(s.cycle::text, '','' ORDER BY s.stage_no) FROM oms.stage s WHERE s.ticket_id = TK AND s.stage <> ''f'')'), '(done,"1,3,1,3,1")', 'twice in a row, and to the end');
-- From another branch
SELECT is(t.play('Branch', t.to_d() || $$
	> oms.stage_done(TK, 'c')
	> oms.claim_stage(TK, 'e', 'eve')
	> oms.send_back(TK, 'e', 'b', 'does not fit')$$, 't.states(TK)'), 'a done, b queued, c done, d waiting, e waiting, f waiting', 'from another branch: it waits too');
SELECT is(t.play('Branch', t.to_d() || $$
	> oms.stage_done(TK, 'c')
	> oms.claim_stage(TK, 'e', 'eve')
	> oms.send_back(TK, 'e', 'b', 'does not fit')
	> oms.tick()
	> oms.stage_done(TK, 'b')$$, 't.states(TK), t.row(TK, ''e'')'), '("a done, b done, c done, d queued, e queued, f waiting","queued, worker -, attempt 1, cycle 2, due 2026-03-02 11:10, output -")', 'until that is done');
SELECT is(t.play('Branch', t.to_d() || $$
	> oms.stage_done(TK, 'c')
	> oms.send_back(TK, 'e', 'b', 'does not fit')
	> oms.skip_stage(TK, 'b', 'r')
	> oms.stage_done(TK, 'd')
	> oms.stage_done(TK, 'e')
	> oms.stage_done(TK, 'f')$$, 't.ticket(TK)'), 'done', 'or skipped, and to the end');
-- To a stage that comes after the one that calls, skipped before its time: refused or not, the ticket must be able to go on.
SELECT oms.create_workflow('{"name":"Forward","stages":[{"id":"b","owner":"B"},{"id":"c","owner":"C"},{"id":"d","owner":"D","dependsOn":["b","c"]}]}') \g /dev/null
SELECT ok((t.play('Forward', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'b')
	> oms.skip_stage(TK, 'd', 'not needed')
	> error_code(format('SELECT oms.send_back(%L, %L, %L, %L)', TK, 'c', 'd', 'needed after all'))
	> error_code(format('SELECT oms.send_back(%L, %L, %L, %L)', TK, 'd', 'b', 'b is wrong'))
	> error_code(format('SELECT oms.stage_done(%L, %L)', TK, 'b'))$$, $$EXISTS (SELECT FROM oms.stage s WHERE s.ticket_id = TK AND s.status = 'queued')$$))::bool, 'forward: no two stages wait for each other');
-- What it takes away
SELECT is(t.play('Branch', t.to_d() || $$
	> oms.hold(TK, 'd', 'r', '2026-03-02 10:30+00')
	> oms.send_back(TK, 'd', 'b', 'wrong')
	2026-03-02 10:30+00 > oms.tick()
	> oms.stage_done(TK, 'b')$$, 't.status(TK, ''d''), t.n(TK, ''resumed'', ''d'')'), '(queued,0)', 'holds are gone');
SELECT is(t.play('Branch', t.to_d() || $$
	> oms.stage_failed(TK, 'd', 'e', TOK, false)
	> oms.skip_stage(TK, 'c', 'r')
	> oms.skip_stage(TK, 'e', 'r')
	> oms.send_back(TK, 'd', 'b', 'wrong')$$, 't.ticket(TK), t.states(TK)'), '(open,"a done, b queued, c skipped, d waiting, e skipped, f waiting")', 'from one that failed: the ticket is open again');
SELECT is(t.play('Branch', t.to_d() || $$
	> oms.escalate(TK, 'd', 'r', 'Other')
	> oms.send_back(TK, 'd', 'b', 'wrong')
	> oms.stage_done(TK, 'b')$$, $$t.status(TK, 'd'), (SELECT count(*) FROM oms.claim('Other', 'x')) + (SELECT count(*) FROM oms.claim('D', 'x'))$$), '(queued,1)', 'reassigned and sent back: somebody can claim it');
SELECT is(t.play('Branch', t.to_d() || $$
	> oms.hold(TK, NULL, 'r')
	> oms.send_back(TK, 'd', 'b', 'wrong')$$, $$(SELECT count(*) FROM oms.claim('B', 'x')), t.due(TK, 'b'), t.ticket(TK)$$), '(0,none,on_hold)', 'with the ticket on hold it cannot be claimed');
SELECT is(t.play('Branch', t.to_d() || $$
	> oms.hold(TK, NULL, 'r')
	> oms.send_back(TK, 'd', 'b', 'wrong')
	2026-03-02 12:00+00 > oms.resume(TK, NULL)$$, $$(SELECT count(*) FROM oms.claim('B', 'x')), t.due(TK, 'b')$$), '(1,"2026-03-02 13:00")', 'but when it is resumed');
SELECT is(t.play('Branch', t.to_d() || $$
	> oms.skip_stage(TK, 'c', 'r')
	> oms.claim_stage(TK, 'e', 'eve')
	> oms.send_back(TK, 'e', 'c', 'not so fast')$$, 't.states(TK)'), 'a done, b done, c queued, d in_progress, e waiting, f waiting', 'a skipped stage is done after all');
-- What it is not for
SELECT is(t.play('Branch', t.to_d() || '> ' || c, '1'), '1', c) FROM unnest(ARRAY['OM005 oms.send_back(TK, ''d'', ''c'', ''r'')', 'OM005 oms.send_back(TK, ''d'', ''f'', ''r'')', 'OM005 oms.send_back(TK, ''d'', ''d'', ''r'')',
	'OM003 oms.send_back(TK, ''z'', ''b'', ''r'')', 'OM003 oms.send_back(TK, ''d'', ''z'', ''r'')', '22023 oms.send_back(TK, ''d'', ''b'', '''')', '22023 oms.send_back(TK, ''d'', ''b'', NULL)',
	'OM005 oms.reopen(TK, ''c'', ''r'')', 'OM005 oms.reopen(TK, ''f'', ''r'')', 'OM005 oms.reopen(TK, ''d'', ''r'')', 'OM003 oms.reopen(TK, ''z'', ''r'')', '22023 oms.reopen(TK, ''a'', '''')']) c;
SELECT is(t.play('Branch', E'2026-03-02 10:00+00 > open\n> oms.stage_failed(TK, ''a'', ''e'', NULL, false)\n> OM005 oms.send_back(TK, ''a'', ''a'', ''r'')\n> OM005 oms.reopen(TK, ''a'', ''r'')', '1'), '1', 'nor for what failed');

-- ---------------------------------------------------------------------------
-- Rework through joins, crossing each other, and behind a manual stage
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Two of three","stages":[{"id":"r1","owner":"A"},{"id":"r2","owner":"A"},{"id":"r3","owner":"A"},{"id":"decide","owner":"B","dependsOn":["r1","r2","r3"],"join":2}]}'),
	oms.create_workflow('{"name":"One of two","stages":[{"id":"s","owner":"A"},{"id":"r1","owner":"A","dependsOn":["s"]},{"id":"r2","owner":"A"},{"id":"decide","owner":"B","dependsOn":["r1","r2"],"join":"any","manual":true},{"id":"end","owner":"B"}]}') \g /dev/null
-- What explain says of a stage, and whether next_stages has it.
CREATE FUNCTION t.why(tk oms.ticket_id, st text) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT concat(e.why, CASE WHEN st IN (SELECT oms.next_stages(tk)) THEN ', next' END) FROM oms.explain(tk) e WHERE e.stage = st
$$;
CREATE FUNCTION t.two_back() RETURNS text LANGUAGE sql AS $$ SELECT $s$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'r1')
	> oms.stage_done(TK, 'r2')
	> oms.send_back(TK, 'decide', 'r1', 'wrong')
	> oms.stage_done(TK, 'r3')
$s$ $$;
SELECT is(t.play('Two of three', t.two_back(), 't.states(TK), t.why(TK, ''decide'')'), '("r1 queued, r2 done, r3 done, decide waiting","waits for rework of r1")', 'what was taken back waits for the rework, though its join is met');
SELECT is(t.play('Two of three', t.two_back() || $$> oms.stage_done(TK, 'r1')$$, 't.states(TK)'), 'r1 done, r2 done, r3 done, decide queued', 'and starts after it');
SELECT is(t.play('Two of three', t.two_back() || $$> oms.skip_stage(TK, 'r1', 'r')$$, 't.states(TK)'), 'r1 skipped, r2 done, r3 done, decide queued', 'or when it is skipped');
SELECT is(t.play('Two of three', t.two_back() || $$> oms.send_back(TK, 'decide', 'r2', 'wrong too')
	> oms.stage_done(TK, 'r2')$$, 't.states(TK), t.why(TK, ''decide'')'), '("r1 queued, r2 done, r3 done, decide waiting","waits for rework of r1")', 'it can wait for two');
SELECT is(t.play('Two of three', t.two_back() || $$> oms.reopen(TK, 'r2', 'wrong too')
	> oms.stage_done(TK, 'r1')$$, 't.states(TK), t.why(TK, ''decide'')'), '("r1 done, r2 queued, r3 done, decide waiting","waits for rework of r2")', 'also for one that is reopened while it waits');
SELECT is(t.play('Two of three', t.two_back() || $$> oms.stage_done(TK, 'r1')
	> oms.stage_done(TK, 'decide')
	> oms.reopen(TK, 'r3', 'wrong')$$, 't.states(TK)'), 'r1 done, r2 done, r3 queued, decide waiting', 'reopened in a closed ticket: the same');
SELECT is(t.play('Two of three', t.two_back() || $$> oms.cancel_ticket(TK, 'r')
	> oms.reopen(TK, 'r3', 'r')$$, 't.states(TK)'), 'r1 queued, r2 done, r3 queued, decide waiting', 'the order outlives the end of its ticket');
SELECT is(t.play('Two of three', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'r1')
	> oms.reopen(TK, 'r1', 'wrong')
	> oms.stage_done(TK, 'r2')
	> oms.stage_done(TK, 'r3')$$, 't.states(TK)'), 'r1 queued, r2 done, r3 done, decide queued', 'a stage that had not begun was not taken back: it goes by its join');
SELECT is(t.play('One of two', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 's')
	> oms.stage_done(TK, 'r1')
	> oms.start_stage(TK, 'decide')
	> oms.stage_done(TK, 'r2')
	> oms.send_back(TK, 'decide', 's', 'wrong')
	> OM005 oms.start_stage(TK, 'decide')$$, 't.why(TK, ''decide'')'), 'waits for rework of s', 'a manual one cannot be started before');
SELECT is(t.play('One of two', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 's')
	> oms.stage_done(TK, 'r1')$$, 't.why(TK, ''decide'')'), 'waits for somebody to start it, next', 'a manual stage whose join is met waits for nothing else');
-- Crossing: b sends back to c, c to x, x to a, which comes before them all.
SELECT oms.create_workflow('{"name":"Cross","stages":[{"id":"a","owner":"A"},{"id":"b","owner":"A","dependsOn":["a"]},{"id":"x","owner":"A","dependsOn":["b"]},{"id":"c","owner":"A"},{"id":"z","owner":"A","dependsOn":["x","c"]}]}') \g /dev/null
CREATE FUNCTION t.cross() RETURNS text LANGUAGE sql AS $$ SELECT $s$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a')
	> oms.stage_done(TK, 'b')
	> oms.stage_done(TK, 'x')
	> oms.stage_done(TK, 'c')
	> oms.send_back(TK, 'b', 'c', 'r')
	> oms.send_back(TK, 'c', 'x', 'r')
$s$ $$;
SELECT is(t.play('Cross', t.cross(), 't.states(TK), ARRAY(SELECT oms.next_stages(TK)), t.why(TK, ''b'')'), '("a done, b waiting, x queued, c waiting, z waiting",{x},"waits for rework of c")', 'b waits for c, c for x, and x is queued before its turn');
SELECT is(t.play('Cross', t.cross() || $$> oms.send_back(TK, 'x', 'a', 'r')$$, 't.states(TK), t.why(TK, ''b''), t.why(TK, ''x''), t.why(TK, ''c'')'),
	'("a queued, b waiting, x waiting, c waiting, z waiting","waits for rework of a","waits for rework of a","waits for rework of x")', 'what was ordered last counts: b does not wait for c any more, which would wait for b');
SELECT is(t.play('Cross', t.cross() || $$> oms.send_back(TK, 'x', 'a', 'r')
	> oms.stage_done(TK, 'a')
	> oms.stage_done(TK, 'b')
	> oms.stage_done(TK, 'x')
	> oms.stage_done(TK, 'c')
	> oms.stage_done(TK, 'z')$$, 't.ticket(TK)'), 'done', 'and it comes to its end');
SELECT is(t.play('Cross', t.cross() || $$> oms.reopen(TK, 'a', 'r')
	> oms.stage_done(TK, 'a')$$, 't.states(TK)'), 'a done, b queued, x waiting, c waiting, z waiting', 'the same by reopen');
SELECT oms.create_workflow('{"name":"Circle","stages":[{"id":"d","owner":"A"},{"id":"t","owner":"A"},{"id":"n","owner":"A","dependsOn":["d","t"]},{"id":"u","owner":"A"},{"id":"k","owner":"A"}]}') \g /dev/null
SELECT is(t.play('Circle', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'd')
	> oms.stage_done(TK, 't')
	> oms.stage_done(TK, 'n')
	> oms.stage_done(TK, 'u')
	> oms.send_back(TK, 'd', 'u', 'r')
	> oms.send_back(TK, 'u', 'n', 'r')
	> oms.send_back(TK, 'n', 't', 'r')$$, 't.states(TK), t.why(TK, ''d''), t.why(TK, ''u''), t.why(TK, ''n'')'),
	'("d queued, t queued, n waiting, u waiting, k queued","queued for A, which has no members, next","waits for rework of n","waits for rework of t")', 'a circle of orders and dependencies: the oldest order of it is given up');
-- Behind a manual stage
SELECT oms.create_workflow('{"name":"Behind","stages":[{"id":"a","owner":"A"},{"id":"m","owner":"A","dependsOn":["a"],"manual":true},{"id":"b","owner":"A","dependsOn":["m"]},{"id":"k","owner":"A"}]}') \g /dev/null
SELECT is(t.play('Behind', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a')
	> oms.start_stage(TK, 'm')
	> oms.stage_done(TK, 'm')
	> oms.stage_done(TK, 'b')
	> oms.send_back(TK, 'b', 'a', 'r')
	> oms.stage_done(TK, 'a')
	> oms.stage_done(TK, 'k')$$, 't.ticket(TK), t.states(TK)'), '(done,"a done, m waiting, b waiting, k done")', 'rework behind a manual stage keeps no ticket open');
SELECT is(t.play('Behind', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a')
	> oms.start_stage(TK, 'm')
	> oms.stage_done(TK, 'm')
	> oms.send_back(TK, 'b', 'a', 'r')
	> oms.stage_done(TK, 'a')
	> oms.start_stage(TK, 'm')
	> oms.stage_done(TK, 'm')
	> oms.stage_done(TK, 'k')
	> oms.stage_done(TK, 'b')$$, 't.ticket(TK)'), 'done', 'but it can be started while the ticket is open');
SELECT is(t.play('Behind', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a')
	> oms.start_stage(TK, 'm')
	> oms.stage_done(TK, 'm')
	> oms.stage_done(TK, 'k')
	> oms.cancel_ticket(TK, 'r')
	> oms.reopen(TK, 'a', 'r')
	> oms.stage_done(TK, 'a')$$, 't.ticket(TK), t.states(TK)'), '(done,"a done, m waiting, b waiting, k done")', 'also after cancel and reopen');
-- Tokens of cycles that are over, in every state of the next
SET LOCAL t.checking = off;
SELECT is(t.play('Branch', t.to_d() || format(E'> oms.send_back(TK, \'d\', \'b\', \'wrong\')\n%s\n> OM006 %s', before, c), '1'), '1', concat_ws(': ', c, before))
FROM unnest(ARRAY['oms.heartbeat(TK, ''d'', TOK)', 'oms.stage_done(TK, ''d'', ''{}'', TOK)', 'oms.stage_failed(TK, ''d'', ''e'', TOK)', 'oms.release(TK, ''d'', NULL, TOK)',
		'oms.stages_done(jsonb_build_array(jsonb_build_object(''ticket'', TK, ''stage'', ''d'', ''token'', TOK)))']) c,
	unnest(ARRAY['', '> oms.stage_done(TK, ''b'')', E'> oms.stage_done(TK, ''b'')\n > oms.hold(TK, ''d'', ''r'')', E'> oms.stage_done(TK, ''b'')\n > oms.claim(''D'', ''eva'')',
		E'> oms.stage_done(TK, ''b'')\n > oms.stage_done(TK, ''d'')', '> oms.skip_stage(TK, ''d'', ''r'')', E'> oms.stage_done(TK, ''b'')\n > oms.stage_failed(TK, ''d'', ''e'', NULL, false)', '> oms.cancel_ticket(TK, ''r'')']) before;

SET LOCAL t.checking = on;

-- Conditions are asked again
SELECT oms.create_workflow('{"name":"Cond","stages":[{"id":"a","owner":"A"},{"id":"b","owner":"B","dependsOn":["a"],"when":"$stages.a.sum >= 10"},{"id":"c","owner":"C","dependsOn":["b"]},
	{"id":"m","owner":"M","manual":true,"dependsOn":["a"]}]}') \g /dev/null
SELECT is(t.play('Cond', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a', '{"sum":5}')
	> oms.send_back(TK, 'c', 'a', 'wrong sum')
	> oms.stage_done(TK, 'a', '{"sum":15}')$$, 't.states(TK)'), 'a done, b queued, c waiting, m waiting', 'what was skipped by a condition is not this time');
SELECT is(t.play('Cond', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a', '{"sum":15}')
	> oms.stage_done(TK, 'b', '{}')
	> oms.send_back(TK, 'c', 'a', 'wrong sum')
	> oms.stage_done(TK, 'a', '{"sum":5}')$$, 't.states(TK)'), 'a done, b skipped, c queued, m waiting', 'and the other way round');
SELECT is(t.play('Cond', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a', '{"sum":5}')
	> oms.start_stage(TK, 'm')
	> oms.claim_stage(TK, 'm', 'w')
	> oms.send_back(TK, 'c', 'a', 'r')
	> oms.stage_done(TK, 'a', '{"sum":5}')
	> oms.stage_done(TK, 'c')$$, 't.ticket(TK), t.states(TK)'), '(done,"a done, b skipped, c done, m waiting")', 'a manual stage after it is not started again by itself');

-- ---------------------------------------------------------------------------
-- reopen
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.to_end() RETURNS text LANGUAGE sql AS $$ SELECT t.to_d() || $s$
	> oms.stage_done(TK, 'd', '{}', TOK)
	> oms.stage_done(TK, 'c')
	> oms.stage_done(TK, 'e', '{"z":1}')
	> oms.stage_done(TK, 'f')
$s$ $$;
SELECT is(t.play('Branch', t.to_end(), 't.ticket(TK)'), 'done', 'a ticket that is done');
SELECT is(t.play('Branch', t.to_end() || '2026-03-05 10:00+00 > oms.reopen(TK, ''b'', ''appeal'')', 't.ticket(TK), t.states(TK), t.row(TK, ''b''), (SELECT k.closed_at FROM oms.ticket k WHERE k.ticket_id = TK)'),
	'(open,"a done, b queued, c done, d waiting, e done, f waiting","queued, worker -, attempt 1, cycle 2, due 2026-03-05 11:00, output -",)', 'is reopened at a stage');
SELECT is(t.play('Branch', t.to_end() || $$2026-03-05 10:00+00 > oms.reopen(TK, 'b', 'appeal')
	> oms.stage_done(TK, 'b')
	> oms.stage_done(TK, 'd')
	> oms.stage_done(TK, 'f')
	2026-03-06 10:00+00 > oms.reopen(TK, 'f', 'again')
	> oms.stage_done(TK, 'f')$$, $$t.ticket(TK), t.ticket_events(TK) ~ 'ticket_done.*ticket_done.*ticket_done', (SELECT string_agg(s.cycle::text, ',' ORDER BY s.stage_no) FROM oms.stage s WHERE s.ticket_id = TK)$$),
	'(done,t,"1,2,1,2,1,3")', 'and done again, and reopened again');
SELECT is(t.play('Branch', t.to_d() || $$> oms.cancel_ticket(TK, 'r')
	> oms.reopen(TK, 'b', 'sorry')$$, 't.ticket(TK), t.status(TK, ''b''), t.status(TK, ''d''), t.status(TK, ''f'')'), '(open,queued,waiting,waiting)', 'a cancelled ticket');
SELECT is(t.play('Branch', t.to_d() || $$> oms.cancel_ticket(TK, 'r')
	> oms.reopen(TK, 'b', 'sorry')
	> oms.stage_done(TK, 'b')
	> oms.stage_done(TK, 'd')
	> oms.stage_done(TK, 'c')
	> oms.stage_done(TK, 'e')
	> oms.stage_done(TK, 'f')$$, 't.ticket(TK)'), 'done', 'goes on to its end');
SELECT is(t.play('Branch', t.to_d() || $$> oms.cancel_ticket(TK, 'r')
	2026-03-06 10:00+00 > oms.reopen(TK, 'b', 'sorry')
	2026-03-06 10:30+00 > oms.tick()$$, $$t.n(TK, 'breached', NULL)$$), '0', 'without breaches for the time in which it was cancelled');
SELECT is(t.play('Branch', t.to_d() || $$> oms.reopen(TK, 'b', 'r')$$, 't.ticket(TK), t.states(TK)'), '(open,"a done, b queued, c in_progress, d waiting, e waiting, f waiting")', 'a stage of an open ticket');

-- ---------------------------------------------------------------------------
-- For citizens
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Public","stages":[{"id":"a","owner":"A","label":"Check"},{"id":"b","owner":"B","label":"Decision","dependsOn":["a"]}]}') \g /dev/null
SELECT matches(t.play('Public', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a')
	> oms.claim_stage(TK, 'b', 'ann')
	> oms.send_back(TK, 'b', 'a', 'sloppy work')
	> oms.stage_done(TK, 'a')
	> oms.stage_done(TK, 'b')$$, 't.citizen(TK)'), '^received, Check in progress, Check done, Decision in progress, (Check|Decision) returned, Check in progress, Check done, Decision in progress, Decision done, closed$',
	'returned, and then in progress once per cycle; no reason');
SELECT is(t.play('Public', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a')
	> oms.stage_done(TK, 'b')
	> oms.reopen(TK, 'b', 'sloppy work')$$, 't.citizen(TK)'), 'received, Check in progress, Check done, Decision in progress, Decision done, closed, Decision returned, Decision in progress', 'reopened');

\ir include/walk.psql
\ir include/rework_walk.psql

SELECT t.findings();
SELECT finish();
ROLLBACK;
