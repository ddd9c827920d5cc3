-- The story of a disaster loan, told once with 80,000 dollars and once with
-- 20,000: two robots, a team of people and the treasury each do their part,
-- somebody is late, somebody escalates, and the timeline keeps it all.
\ir include/settings.psql

BEGIN;
SELECT no_plan();

CREATE SCHEMA t;

-- The events that the contract names.
\set told '^(opened|queued|in_progress|released|lease_expired|retry|reassigned|done|skipped|failed|breached|escalated|ticket_done|ticket_cancelled|ticket_failed)$'

CREATE FUNCTION t.sorted(a text[]) RETURNS text[] LANGUAGE sql AS
$$ SELECT array_agg(x ORDER BY x) FROM unnest(a) x $$;

SELECT ok(oms.version() IS NOT NULL, 'the library and the SQL objects belong together');

-- ---------------------------------------------------------------------------
-- The workflow
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE def AS SELECT '{"name":"DisasterLoan","prefix":"DL","owner":"SBA","stages":[
	{"id":"id_check","owner":"IRS_Bot","slaMins":5},
	{"id":"risk_ai","owner":"RiskAI","slaMins":15,"dependsOn":["id_check"]},
	{"id":"underwrite","owner":"SBA_Team","slaMins":240,"dependsOn":["risk_ai"],"minAmount":50000},
	{"id":"fund","owner":"Treasury_Bot","slaMins":60,"dependsOn":["underwrite"]}]}'::jsonb AS loan;

SELECT is_empty('SELECT * FROM oms.validate_workflow((SELECT loan FROM def))', 'the loan has no problem');
SELECT is(oms.create_workflow(loan), 1, 'a new workflow is version 1') FROM def;
SELECT is(oms.create_workflow(loan), 1, 'the same definition again is still version 1') FROM def;
SELECT ok(oms.get_workflow('DisasterLoan') @> loan, 'get_workflow gives the definition back') FROM def;
SELECT ok(oms.get_workflow('DisasterLoan', 1) @> loan, 'get_workflow finds a version by number') FROM def;

-- ---------------------------------------------------------------------------
-- Which stages come next, asked without any ticket
-- ---------------------------------------------------------------------------
SELECT is(ARRAY(SELECT oms.next_stages(loan, '{}')), '{id_check}', 'nothing done: id_check comes first') FROM def;
SELECT is(ARRAY(SELECT oms.next_stages(loan, '{id_check}', '{"amount":20000}')), '{risk_ai}',
	'id_check done: risk_ai, whatever the amount') FROM def;
SELECT is(ARRAY(SELECT oms.next_stages(loan, '{id_check,risk_ai}', '{"amount":20000}')), '{fund}',
	'a small loan needs no underwriter') FROM def;
SELECT is(ARRAY(SELECT oms.next_stages(loan, '{id_check,risk_ai}', '{"amount":49999.99}')), '{fund}',
	'one cent under the limit is under it') FROM def;
SELECT is(ARRAY(SELECT oms.next_stages(loan, '{id_check,risk_ai}', '{"amount":50000}')), '{underwrite}',
	'the limit itself is not under it') FROM def;
SELECT is(ARRAY(SELECT oms.next_stages(loan, '{id_check,risk_ai}')), '{underwrite}',
	'an unknown amount never skips a control') FROM def;
SELECT is(ARRAY(SELECT oms.next_stages(loan, '{id_check,risk_ai,underwrite,fund}', '{"amount":80000}')), '{}',
	'all done: nothing comes next') FROM def;

-- ---------------------------------------------------------------------------
-- The big loan, opened on a Friday afternoon in Washington
-- ---------------------------------------------------------------------------
SET LOCAL oms.now = '2024-11-08 16:30-05';

SELECT oms.open_ticket('DisasterLoan', '{"amount":80000,"name":"Kim"}', 'web-4711', 0, 'person-9')::text AS big \gset
SELECT matches(:'big'::text, '^DL-2024-[0-9]{5,}$', 'the number has the prefix and the year');
SELECT is(ticket_status(:'big'), 'open', 'the ticket is open');
SELECT is(ARRAY(SELECT oms.next_stages(:'big')), '{id_check}', 'its first stage waits for the robot of the IRS');
SELECT results_eq(format('SELECT stage::text, status::text FROM oms.stage WHERE ticket_id = %L ORDER BY stage::text', :'big'),
	$$ VALUES ('fund', 'waiting'), ('id_check', 'queued'), ('risk_ai', 'waiting'), ('underwrite', 'waiting') $$,
	'oms.stage shows every stage, waiting ones too');

-- The web form loses the answer and asks again.
SELECT is(oms.open_ticket('DisasterLoan', '{"name":"Kim","amount":80000}', 'web-4711')::text, :'big',
	'the same key again returns the same ticket');
SELECT is((SELECT count(*) FROM oms.ticket), 1::bigint, 'and makes no second one');
SELECT is(error_code($$SELECT oms.open_ticket('DisasterLoan', '{"amount":80001}', 'web-4711')$$), 'OM008',
	'the same key with other data is a conflict');

-- The robot of the IRS takes it.
CREATE TEMP TABLE c1 AS SELECT * FROM oms.claim('IRS_Bot', 'irs-1');
SELECT is((SELECT count(*) FROM c1), 1::bigint, 'one stage is claimed');
SELECT results_eq('SELECT ticket::text, stage, attempt, workflow FROM c1',
	format('VALUES (%L, %L, 1, %L)', :'big', 'id_check', 'DisasterLoan'), 'it is the first attempt at id_check');
SELECT ok(data @> '{"amount":80000}', 'the data comes along') FROM c1;
SELECT is(coalesce(inputs, '{}'), '{}'::jsonb, 'no inputs: it depends on nothing') FROM c1;
SELECT is(due_at, '2024-11-08 16:35-05'::timestamptz, 'due after five minutes') FROM c1;
SELECT is(lease_until, '2024-11-08 16:35-05'::timestamptz, 'leased for five minutes') FROM c1;
SELECT ok(token IS NOT NULL, 'there is a token') FROM c1;
SELECT is_empty($$SELECT * FROM oms.claim('IRS_Bot', 'irs-2')$$, 'a second robot finds nothing');
SELECT is(stage_status(:'big', 'id_check'), 'in_progress', 'the stage is in progress');
SELECT is((SELECT worker::text FROM oms.stage WHERE ticket_id = :'big' AND stage::text = 'id_check'), 'irs-1', 'with its worker');
SELECT is(error_code(format('SELECT oms.claim_stage(%L, %L, %L)', :'big', 'id_check', 'kim.b')), 'OM007',
	'a person cannot take what the robot holds');
SELECT is(error_code(format('SELECT oms.stage_done(%L, %L, %L, %s)', :'big', 'id_check', '{}', token + 1)), 'OM006',
	'a foreign token finishes nothing') FROM c1;
SELECT is(oms.stage_done(:'big', 'id_check', '{"match":true}', token), '{risk_ai}',
	'done with the right token: risk_ai is queued') FROM c1;
SELECT is(oms.stage_done(:'big', 'id_check', '{"match":true}', token), '{}',
	'the repeated call is harmless') FROM c1;
SELECT is(oms.stage_done(:'big', 'id_check', '{"match":true}'), '{}',
	'also without a token');
SELECT is(error_code(format('SELECT oms.stage_done(%L, %L, %L)', :'big', 'id_check', '{"match":false}')), 'OM005',
	'another result is not accepted any more');

-- The model rates the risk and asks for more time once.
SET LOCAL oms.now = '2024-11-08 16:32-05';
CREATE TEMP TABLE c2 AS SELECT * FROM oms.claim('RiskAI', 'risk-7', 1, '2 minutes');
SELECT is(inputs, '{"id_check":{"match":true}}'::jsonb, 'inputs carry the result of the stage before') FROM c2;
SELECT is(due_at, '2024-11-08 16:45-05'::timestamptz, 'its clock began when it was queued, not when it was claimed') FROM c2;
SELECT is(lease_until, '2024-11-08 16:34-05'::timestamptz, 'the lease is the one asked for') FROM c2;
SET LOCAL oms.now = '2024-11-08 16:33-05';
SELECT is(oms.heartbeat(:'big', 'risk_ai', token, '10 minutes'), '2024-11-08 16:43-05'::timestamptz,
	'a heartbeat extends the lease') FROM c2;
SET LOCAL oms.now = '2024-11-08 16:40-05';
SELECT lives_ok('SELECT oms.tick()', 'the clock ticks');
SELECT is(stage_status(:'big', 'risk_ai'), 'in_progress', 'the lease holds');
SELECT is(oms.stage_done(:'big', 'risk_ai', '{"risk":"high"}', token), '{underwrite}',
	'80,000 needs an underwriter') FROM c2;

-- Kim B. takes the file and forgets it. 240 minutes are from 16:40 to 20:40.
SET LOCAL oms.now = '2024-11-08 17:00-05';
SELECT oms.claim_stage(:'big', 'underwrite', 'kim.b') AS kim \gset
SELECT is(stage_status(:'big', 'underwrite'), 'in_progress', 'a person holds the stage');
SELECT is((SELECT due_at FROM oms.stage WHERE ticket_id = :'big' AND stage::text = 'underwrite'),
	'2024-11-08 20:40-05'::timestamptz, 'due 240 minutes after it was queued');

SET LOCAL oms.now = '2024-11-08 20:40-05';
SELECT lives_ok('SELECT oms.tick()', 'a tick at the due time');
SELECT is((SELECT count(*) FROM oms.get_timeline(:'big'::text) WHERE status = 'breached'), 0::bigint,
	'the due time itself is not late');
SET LOCAL oms.now = '2024-11-08 20:40:00.000001-05';
SELECT cmp_ok(oms.tick(), '>=', 1, 'a microsecond later a timer fires');
SELECT is((SELECT count(*) FROM oms.get_timeline(:'big'::text) WHERE status = 'breached'), 1::bigint,
	'and the breach is recorded');
SET LOCAL oms.now = '2024-11-08 21:10-05';
SELECT lives_ok('SELECT oms.tick()', 'later ticks');
SELECT is((SELECT count(*) FROM oms.get_timeline(:'big'::text) WHERE status || coalesce(note, '') ILIKE '%breached%'), 1::bigint,
	'record no second breach');
SELECT ok(note ~ '[0-9]{2}:[0-9]{2}', 'its note tells when it was due')
FROM oms.get_timeline(:'big'::text) WHERE status = 'breached';
SELECT is(stage_status(:'big', 'underwrite'), 'in_progress', 'a breach moves nothing');

-- The supervisor is told, and at the second time somebody else gets it.
SELECT is(oms.escalate(:'big', 'underwrite', 'nobody answers the phone'), 1, 'first escalation: level 1');
SELECT is(stage_status(:'big', 'underwrite'), 'in_progress', 'telling alone moves nothing');
SELECT is(oms.escalate(:'big', 'underwrite', 'give it to the backup', 'SBA_Backup'), 2, 'second escalation: level 2');
SELECT is(stage_status(:'big', 'underwrite'), 'queued', 'it is queued again');
SELECT is((SELECT owner::text FROM oms.stage WHERE ticket_id = :'big' AND stage::text = 'underwrite'), 'SBA_Backup',
	'for the backup');
SELECT ok(error_code(format('SELECT oms.heartbeat(%L, %L, %s)', :'big', 'underwrite', :'kim')) IN ('OM005', 'OM006'),
	'Kim learns it at the next heartbeat');
SELECT is(error_code(format('SELECT oms.stage_done(%L, %L, %L, %s)', :'big', 'underwrite', '{}', :'kim')), 'OM006',
	'and can no longer finish it');
SELECT is_empty($$SELECT * FROM oms.claim('SBA_Team', 'joe')$$, 'the old team finds nothing');
CREATE TEMP TABLE c3 AS SELECT * FROM oms.claim('SBA_Backup', 'ann');
SELECT results_eq('SELECT ticket::text, stage FROM c3', format('VALUES (%L, %L)', :'big', 'underwrite'), 'the backup gets it');
SELECT is(due_at, '2024-11-08 20:40-05'::timestamptz, 'with the clock that began with the team') FROM c3;
SELECT cmp_ok(token, '<>', :'kim'::bigint, 'and a token of its own') FROM c3;
SELECT is(oms.stage_done(:'big', 'underwrite', '{"approved":true}', token), '{fund}', 'approved') FROM c3;
SELECT isnt(ticket_status(:'big'), 'done', 'the money is still to come');

SELECT lives_ok(format('SELECT oms.comment(%L, %L)', :'big', 'called the applicant'), 'a comment is possible at any time');
CREATE TEMP TABLE c4 AS SELECT * FROM oms.claim('Treasury_Bot', 'ach-1');
SELECT is(inputs, '{"underwrite":{"approved":true}}'::jsonb, 'the treasury sees the approval') FROM c4;
SELECT is(oms.stage_done(:'big', 'fund', '{"paid":80000}', token), '{}', 'paid: nothing comes next') FROM c4;
SELECT is(ticket_status(:'big'), 'done', 'the ticket is done');
SELECT is(ARRAY(SELECT oms.next_stages(:'big')), '{}', 'nothing is left to do');
SELECT is(error_code(format('SELECT oms.cancel_ticket(%L, %L)', :'big', 'too late')), 'OM005', 'a done ticket cannot be cancelled');

SELECT matches(ticket_events(:'big', :'told'),
	'^-:opened id_check:queued id_check:in_progress id_check:done risk_ai:queued risk_ai:in_progress risk_ai:done '
	'underwrite:queued underwrite:in_progress underwrite:breached underwrite:escalated '
	'(underwrite:(escalated|reassigned|queued) )+underwrite:in_progress underwrite:done '
	'fund:queued fund:in_progress fund:done -:ticket_done$', 'the timeline tells the whole story in its order');
SELECT is((SELECT count(*) FROM oms.get_timeline(:'big'::text) WHERE status = 'escalated'), 2::bigint, 'two escalations');
SELECT ok(EXISTS (SELECT FROM oms.get_timeline(:'big'::text) WHERE status = 'escalated' AND note LIKE '%nobody answers the phone%'),
	'with their reason');
SELECT ok(EXISTS (SELECT FROM oms.get_timeline(:'big'::text) WHERE status = 'comment' AND note = 'called the applicant'),
	'and the comment');
SELECT is((SELECT owner FROM oms.get_timeline(:'big'::text) WHERE stage = 'risk_ai' AND status = 'queued'), 'RiskAI',
	'each stage with its owner');
SELECT is((SELECT array_agg("time" ORDER BY nr) FROM oms.get_timeline(:'big'::text) WITH ORDINALITY AS e("time", a, b, c, d, nr)),
	(SELECT array_agg("time" ORDER BY "time") FROM oms.get_timeline(:'big'::text)), 'oldest first');
SELECT is((SELECT "time" FROM oms.get_timeline(:'big'::text) WHERE status = 'ticket_done'), '2024-11-08 21:10-05'::timestamptz,
	'the last event has the time of the clock');
SELECT results_eq(format('SELECT * FROM oms.get_timeline(%L::text)', :'big'), format('SELECT * FROM oms.get_timeline(%L::oms.ticket_id)', :'big'),
	'both forms of get_timeline answer alike');
SELECT results_eq(format('SELECT * FROM oms.get_timeline(%L::text)', :'big'), format('SELECT * FROM oms.get_timeline(%L::text)', lower(:'big')),
	'case does not matter');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'every chain is whole');

-- ---------------------------------------------------------------------------
-- What the front end sees
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE g AS SELECT oms.get_ticket(:'big') AS j;
SELECT is(ARRAY(SELECT k FROM unnest(ARRAY['id', 'workflow', 'version', 'status', 'priority', 'applicant', 'data', 'opened_at',
	'closed_at', 'stage', 'stages', 'history']) k WHERE NOT j ? k), '{}', 'get_ticket has every key') FROM g;
SELECT is(j ->> 'id', :'big', 'id') FROM g;
SELECT is(j ->> 'workflow', 'DisasterLoan', 'workflow') FROM g;
SELECT is(j -> 'version', '1', 'version') FROM g;
SELECT is(j ->> 'status', 'done', 'status') FROM g;
SELECT is(j -> 'priority', '0', 'priority') FROM g;
SELECT is(j ->> 'applicant', 'person-9', 'applicant') FROM g;
SELECT is(j -> 'data', '{"amount":80000,"name":"Kim"}', 'data') FROM g;
SELECT is((j ->> 'opened_at')::timestamptz, '2024-11-08 16:30-05'::timestamptz, 'opened_at') FROM g;
SELECT is((j ->> 'closed_at')::timestamptz, '2024-11-08 21:10-05'::timestamptz, 'closed_at') FROM g;
SELECT is(j -> 'stage', '[]', 'no current stage') FROM g;
SELECT is(jsonb_path_query_array(j, '$.stages[*].id'), '["id_check","risk_ai","underwrite","fund"]', 'four stages') FROM g;
SELECT is_empty($$SELECT s ->> 'id', k FROM g, jsonb_array_elements(j -> 'stages') s, unnest(ARRAY['id', 'status', 'owner', 'worker',
	'attempt', 'cycle', 'queued_at', 'started_at', 'finished_at', 'due_at', 'output']) k WHERE NOT s ? k$$, 'each stage has every key');
SELECT is_empty($$SELECT h, k FROM g, jsonb_array_elements(j -> 'history') h, unnest(ARRAY['stage', 'status', 'ts', 'actor', 'worker',
	'note', 'public']) k WHERE NOT h ? k$$, 'each event has every key');
SELECT is(j #> '{stages,1,output}', '{"risk":"high"}', 'a stage carries its output') FROM g;
SELECT is(j #>> '{stages,2,owner}', 'SBA_Backup', 'and its last owner') FROM g;
SELECT is((j #>> '{stages,0,queued_at}')::timestamptz, '2024-11-08 16:30-05'::timestamptz, 'queued_at') FROM g;
SELECT is((j #>> '{stages,1,started_at}')::timestamptz, '2024-11-08 16:32-05'::timestamptz, 'started_at') FROM g;
SELECT is((j #>> '{stages,1,finished_at}')::timestamptz, '2024-11-08 16:40-05'::timestamptz, 'finished_at') FROM g;
SELECT is(jsonb_array_length(j -> 'history')::bigint, (SELECT count(*) FROM oms.get_timeline(:'big'::text)),
	'history is the timeline') FROM g;
SELECT ok(EXISTS (SELECT FROM g, jsonb_array_elements(j -> 'history') h WHERE h ->> 'status' = 'comment' AND h -> 'public' = 'false'),
	'a comment is internal unless it is said to be public');
SET LOCAL oms.now = '2031-01-01 00:00+00';
SELECT is(oms.get_ticket(:'big'), j, 'asked years later, the answer is the same') FROM g;

-- ---------------------------------------------------------------------------
-- The small loan passes the underwriter by
-- ---------------------------------------------------------------------------
SET LOCAL oms.now = '2024-12-31 23:30-05';
SELECT oms.open_ticket('DisasterLoan', '{"amount":20000}')::text AS small \gset
SELECT matches(:'small'::text, '^DL-2025-[0-9]{5,}$', 'the year is that of UTC');
SELECT is(oms.stage_done(:'small', 'id_check'), '{risk_ai}', 'a queued stage can be finished without a claim');
SELECT ok(oms.get_ticket(:'small') -> 'stage' ? 'risk_ai', 'get_ticket tells the current stage');
SELECT is(oms.stage_done(:'small', 'risk_ai'), '{fund}', 'under 50,000 the treasury comes at once');
SELECT is(stage_status(:'small', 'underwrite'), 'skipped', 'the underwriter is skipped');
SELECT is(oms.stage_done(:'small', 'fund'), '{}', 'paid');
SELECT is(ticket_status(:'small'), 'done', 'the small ticket is done too');
SELECT is((SELECT array_agg(status) FROM oms.get_timeline(:'small'::text) WHERE stage = 'underwrite'), '{skipped}',
	'the underwriter was never troubled');
SELECT matches(ticket_events(:'small', :'told'), '^-:opened id_check:queued id_check:done risk_ai:queued risk_ai:done '
	'(underwrite:skipped fund:queued|fund:queued underwrite:skipped) fund:done -:ticket_done$', 'the timeline of the small loan');

-- ---------------------------------------------------------------------------
-- A breach counts even if nobody was looking; in time means in time
-- ---------------------------------------------------------------------------
SET LOCAL oms.now = '2025-03-03 10:00+00';
SELECT oms.open_ticket('DisasterLoan', '{"amount":1}')::text AS late, oms.open_ticket('DisasterLoan', '{"amount":1}')::text AS just \gset
SET LOCAL oms.now = '2025-03-03 10:05+00';
SELECT is(oms.stage_done(:'just', 'id_check'), '{risk_ai}', 'done on the due time');
SET LOCAL oms.now = '2025-03-03 10:05:00.000001+00';
SELECT is(oms.stage_done(:'late', 'id_check'), '{risk_ai}', 'done a microsecond later, no tick between');
SELECT lives_ok('SELECT oms.tick()', 'the tick comes when both are done');
SELECT is((SELECT count(*) FROM oms.get_timeline(:'late'::text) WHERE status = 'breached' AND stage = 'id_check'), 1::bigint, 'late is late');
SELECT is((SELECT count(*) FROM oms.get_timeline(:'just'::text) WHERE status = 'breached' AND stage = 'id_check'), 0::bigint, 'in time is in time');
SELECT ok(oms.breached('2025-03-03 10:00+00', '2025-03-03 10:05:00.000001+00', 5), 'breached(): strictly later');
SELECT ok(NOT oms.breached('2025-03-03 10:00+00', '2025-03-03 10:05+00', 5), 'breached(): the limit is met');
SELECT ok(NOT oms.breached('2025-03-03 10:00+00', '2025-03-03 09:00+00', 5), 'breached(): now before the start');
SELECT ok(NOT oms.breached('2025-03-09 00:00 America/New_York', '2025-03-10 00:00 America/New_York', 1380),
	'breached(): minutes really passed, not those on the wall');

-- ---------------------------------------------------------------------------
-- Failing, waiting, failing again
-- ---------------------------------------------------------------------------
SELECT is(oms.create_workflow('{"name":"Payout","stages":[{"id":"pay","owner":"Bank"},{"id":"tell","owner":"Mail","dependsOn":["pay"]}]}'), 1, 'a second workflow');
SET LOCAL oms.now = '2025-03-03 12:00+00';
SELECT oms.open_ticket('Payout')::text AS pay \gset
CREATE TEMP TABLE p1 AS SELECT * FROM oms.claim('Bank', 'b1', 1, '1 minute');
SELECT is(oms.stage_failed(:'pay', 'pay', 'line busy', token), 'queued', 'first failure: queued again') FROM p1;
SELECT is((SELECT attempt::int FROM oms.stage WHERE ticket_id = :'pay' AND stage::text = 'pay'), 2, 'for a second attempt');
SELECT is(error_code(format('SELECT oms.stage_done(%L, %L, %L, %s)', :'pay', 'pay', '{}', token)), 'OM006', 'the first token is stale') FROM p1;
SET LOCAL oms.now = '2025-03-03 12:00:29+00';
SELECT lives_ok('SELECT oms.tick()', '29 seconds later');
SELECT is_empty($$SELECT * FROM oms.claim('Bank', 'b1')$$, 'it still rests');
SET LOCAL oms.now = '2025-03-03 12:00:30+00';
SELECT lives_ok('SELECT oms.tick()', '30 seconds later');
CREATE TEMP TABLE p2 AS SELECT * FROM oms.claim('Bank', 'b1', 1, '1 minute');
SELECT is((SELECT attempt FROM p2), 2, 'it can be claimed again, second attempt');

-- The bank's program dies without a word.
SET LOCAL oms.now = '2025-03-03 12:01:31+00';
SELECT cmp_ok(oms.tick(), '>=', 1, 'the lease has run out');
SELECT is(stage_status(:'pay', 'pay'), 'queued', 'queued at once');
CREATE TEMP TABLE p3 AS SELECT * FROM oms.claim('Bank', 'b2', 1, '1 minute');
SELECT is((SELECT attempt FROM p3), 3, 'and claimed at once: a lost lease is an attempt');
SELECT is(error_code(format('SELECT oms.heartbeat(%L, %L, %s)', :'pay', 'pay', token)), 'OM006', 'the dead one is not heard any more') FROM p2;
SELECT is(oms.stage_failed(:'pay', 'pay', 'account closed', token), 'failed', 'the third failure is the last') FROM p3;
SELECT is(ticket_status(:'pay'), 'failed', 'nothing else can run: the ticket has failed');
SELECT is(ARRAY(SELECT oms.next_stages(:'pay')), '{pay}', 'the failed stage is what comes next');
SELECT lives_ok(format('SELECT oms.retry_stage(%L, %L, %L)', :'pay', 'pay', 'new account'), 'staff queues it again');
SELECT is(ticket_status(:'pay'), 'open', 'the ticket is open again');
CREATE TEMP TABLE p4 AS SELECT * FROM oms.claim('Bank', 'b1');
SELECT is((SELECT attempt FROM p4), 1, 'attempts count from 1 again');
SELECT lives_ok(format('SELECT oms.release(%L, %L, %L)', :'pay', 'pay', 'lunch'), 'given back');
SELECT is(stage_status(:'pay', 'pay'), 'queued', 'released is queued');
SELECT lives_ok(format('SELECT oms.skip_stage(%L, %L, %L)', :'pay', 'pay', 'paid by hand'), 'staff skips it');
SELECT is(stage_status(:'pay', 'tell'), 'queued', 'a skipped stage counts as finished');
SELECT is(oms.stage_failed(:'pay', 'tell', 'no address', NULL, false), 'failed', 'not retryable: failed at once');
SELECT lives_ok(format('SELECT oms.cancel_ticket(%L, %L)', :'pay', 'withdrawn'), 'cancelled');
SELECT is(ticket_status(:'pay'), 'cancelled', 'the ticket is cancelled');
SELECT is(stage_status(:'pay', 'tell'), 'cancelled', 'and its open stage');
SELECT is(stage_status(:'pay', 'pay'), 'skipped', 'what was finished stays');
SELECT is((SELECT count(*) FROM oms.get_timeline(:'pay'::text) WHERE status = 'lease_expired'), 1::bigint, 'one lost lease in the timeline');
SELECT is((SELECT count(*) FROM oms.get_timeline(:'pay'::text) WHERE status = 'failed' AND stage = 'tell'), 1::bigint, 'one failure of tell');
SELECT is((SELECT count(*) FROM oms.get_timeline(:'pay'::text) WHERE status = 'ticket_cancelled'), 1::bigint, 'one cancellation');

-- The back-off doubles: 30, 60, ... and never exceeds maxSecs.
SELECT oms.create_workflow('{"name":"Backoff","stages":[{"id":"x","owner":"Flaky","retry":{"maxAttempts":5,"backoffSecs":10,"factor":3,"maxSecs":50}}]}') \g /dev/null
SELECT oms.open_ticket('Backoff')::text AS bo \gset
CREATE FUNCTION t.rests(tk text, secs int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n	timestamptz := current_setting('oms.now')::timestamptz;
	early	bigint;
	late	bigint;
BEGIN
	PERFORM oms.stage_failed(tk, 'x', 'again');
	PERFORM set_config('oms.now', (n + make_interval(secs => secs - 1))::text, true);
	PERFORM oms.tick();
	SELECT count(*) INTO early FROM oms.claim('Flaky', 'f');
	PERFORM set_config('oms.now', (n + make_interval(secs => secs))::text, true);
	PERFORM oms.tick();
	SELECT count(*) INTO late FROM oms.claim('Flaky', 'f');
	RETURN early || ' then ' || late;
END $$;
SELECT is(t.rests(:'bo', 10), '0 then 1', 'it rests 10 seconds');
SELECT is(t.rests(:'bo', 30), '0 then 1', 'then 30');
SELECT is(t.rests(:'bo', 50), '0 then 1', 'then 50, the most');
SELECT is(t.rests(:'bo', 50), '0 then 1', 'and 50 again');
SELECT is(oms.stage_failed(:'bo', 'x', 'again'), 'failed', 'until the attempts are used up');

-- ---------------------------------------------------------------------------
-- Who is served first
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Queue","stages":[{"id":"q","owner":"Clerk"}]}') \g /dev/null
CREATE TEMP TABLE line AS SELECT 1 AS nr, oms.open_ticket('Queue', '{"n":1}') AS tk;
INSERT INTO line VALUES (2, oms.open_ticket('Queue', '{"n":2}', NULL, 5));
INSERT INTO line VALUES (3, oms.open_ticket('Queue', '{"n":3}', NULL, -5));
INSERT INTO line VALUES (4, oms.open_ticket('Queue', '{"n":4}', NULL, 5));
INSERT INTO line VALUES (5, oms.open_ticket('Queue', '{"n":5}'));
SELECT is(ARRAY(SELECT (data ->> 'n')::int FROM oms.claim('Clerk', 'c', 3)), '{2,4,1}', 'highest priority first, then oldest');
SELECT is(ARRAY(SELECT (data ->> 'n')::int FROM oms.claim('Clerk', 'c', 10)), '{5,3}', 'as many as there are');

-- Many at once.
CREATE TEMP TABLE many AS SELECT nr, tk FROM oms.open_tickets('Queue', ARRAY['{"n":10}', '{"n":11}', '{"n":12}']::jsonb[]) WITH ORDINALITY AS o(tk, nr);
SELECT is((SELECT array_agg((k.data ->> 'n')::int ORDER BY m.nr) FROM many m JOIN oms.ticket k ON k.ticket_id = m.tk), '{10,11,12}',
	'open_tickets answers in the order given');
SELECT is((SELECT count(DISTINCT tk) FROM many), 3::bigint, 'three tickets');
SELECT is(oms.stages_done((SELECT jsonb_agg(jsonb_build_object('ticket', tk::text, 'stage', 'q', 'output', jsonb_build_object('n', nr))) FROM many WHERE nr < 3)), 2,
	'stages_done finishes two');
SELECT is((SELECT array_agg(k.status::text ORDER BY m.nr) FROM many m JOIN oms.ticket k ON k.ticket_id = m.tk), '{done,done,open}', 'and only those');
SELECT is(error_code(format('SELECT oms.stages_done(%L)', (SELECT jsonb_build_array(jsonb_build_object('ticket', tk::text, 'stage', 'q'),
	jsonb_build_object('ticket', tk::text, 'stage', 'nowhere')) FROM many WHERE nr = 3))), 'OM003', 'an unknown stage among them');
SELECT is((SELECT k.status::text FROM many m JOIN oms.ticket k ON k.ticket_id = m.tk WHERE nr = 3), 'open', 'all or nothing');
SELECT is(oms.stages_done('[]'), 0, 'nothing to do is nothing done');
SELECT is(ARRAY(SELECT oms.open_tickets('Queue', '{}')), '{}', 'no tickets to open');
SELECT isnt(oms.open_ticket('Queue', '{}', 'k1'), oms.open_ticket('Queue', '{}', 'k2'), 'other keys make other tickets');
SELECT is(error_code($$SELECT oms.open_ticket('Payout', '{}', 'k1')$$), 'OM008', 'the same key with another workflow is a conflict');

-- ---------------------------------------------------------------------------
-- Conditions
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Cond","stages":[{"id":"ask","owner":"O"},
	{"id":"fraud","owner":"O","dependsOn":["ask"],"when":"$stages.ask.risk == \"high\""},
	{"id":"farm","owner":"O","dependsOn":["ask"],"when":"$.kind == \"farm\""},
	{"id":"close","owner":"O","dependsOn":["fraud","farm"]}]}') \g /dev/null
SELECT oms.open_ticket('Cond', '{"kind":"farm"}')::text AS c1, oms.open_ticket('Cond', '{"kind":"home"}')::text AS c2,
	oms.open_ticket('Cond', '{}')::text AS c3, oms.open_ticket('Cond', '{"kind":5}')::text AS c4 \gset
SELECT is(oms.stage_done(:'c1', 'ask', '{"risk":"low"}'), '{farm}', 'a false condition on an output skips');
SELECT is(oms.stage_done(:'c2', 'ask', '{"risk":"low"}'), '{close}', 'both false: on to the end');
SELECT is(t.sorted(oms.stage_done(:'c3', 'ask', '{"risk":"high"}')), '{farm,fraud}', 'true runs, missing data runs');
SELECT is(t.sorted(oms.stage_done(:'c4', 'ask', '{}')), '{farm,fraud}', 'a missing output and a wrong type run');

-- A loan whose last stages are all skipped ends by itself.
SELECT oms.create_workflow('{"name":"Tail","stages":[{"id":"a","owner":"O"},{"id":"b","owner":"O","dependsOn":["a"],"minAmount":10},
	{"id":"c","owner":"O","dependsOn":["b"],"minAmount":20}]}') \g /dev/null
SELECT oms.open_ticket('Tail', '{"amount":1}')::text AS tail \gset
SELECT is(oms.stage_done(:'tail', 'a'), '{}', 'everything after it is skipped');
SELECT is(ticket_status(:'tail'), 'done', 'so the ticket is done');
SELECT oms.create_workflow('{"name":"Nothing","stages":[{"id":"a","owner":"O","minAmount":10}]}') \g /dev/null
SELECT is(ticket_status(oms.open_ticket('Nothing', '{"amount":1}')), 'done', 'a ticket with nothing to do is done when it opens');

-- ---------------------------------------------------------------------------
-- A new version leaves running tickets alone
-- ---------------------------------------------------------------------------
SELECT oms.open_ticket('DisasterLoan', '{"amount":1}')::text AS v1 \gset
SELECT is(oms.create_workflow(loan || jsonb_build_object('stages', jsonb_build_array(loan #> '{stages,0}',
	(loan #> '{stages,1}') || '{"id":"second_look"}', (loan #> '{stages,3}') || '{"dependsOn":["second_look"]}'))),
	2, 'another definition is version 2') FROM def;
SELECT is(oms.stage_done(:'v1', 'id_check'), '{risk_ai}', 'the running ticket keeps its graph');
SELECT oms.open_ticket('DisasterLoan', '{"amount":1}')::text AS v2 \gset
SELECT is(oms.stage_done(:'v2', 'id_check'), '{second_look}', 'the new one has the new graph');
SELECT is((oms.get_ticket(:'v1') -> 'version'), '1', 'version 1 is written on the old one');
SELECT is((oms.get_ticket(:'v2') -> 'version'), '2', 'version 2 on the new one');
SELECT ok(oms.get_workflow('DisasterLoan', 1) @> loan, 'version 1 can still be read') FROM def;
SELECT ok(oms.get_workflow('DisasterLoan') = oms.get_workflow('DisasterLoan', 2), 'without a number: the current one');
SELECT is(oms.create_workflow(oms.get_workflow('DisasterLoan')), 2, 'the current definition again is version 2');
SELECT is(oms.open_ticket('DisasterLoan', '{"amount":80000,"name":"Kim"}', 'web-4711')::text, :'big', 'the key of long ago still holds');

-- Retired, nothing new starts; what runs, runs on.
SELECT lives_ok($$SELECT oms.retire_workflow('DisasterLoan')$$, 'retired');
SELECT is(error_code($$SELECT oms.open_ticket('DisasterLoan', '{"amount":1}')$$), 'OM001', 'no new ticket');
SELECT is(error_code($$SELECT oms.open_tickets('DisasterLoan', ARRAY['{"amount":1}']::jsonb[])$$), 'OM001', 'not in bulk either');
SELECT is(oms.stage_done(:'v2', 'second_look'), '{fund}', 'the running one runs on');
SELECT cmp_ok(oms.create_workflow(loan), '>=', 2, 'created again') FROM def;
SELECT is(error_code($$SELECT oms.open_ticket('DisasterLoan', '{"amount":1}')$$), '00000', 'and open for tickets again');

-- ---------------------------------------------------------------------------
-- Who calls for what is not there
-- ---------------------------------------------------------------------------
SELECT is(error_code(sql), code, sql) FROM (VALUES
	('SELECT oms.open_ticket(''NoSuch'')', 'OM001'),
	('SELECT oms.open_tickets(''NoSuch'', ARRAY[''{}'']::jsonb[])', 'OM001'),
	('SELECT oms.get_workflow(''NoSuch'')', 'OM001'),
	('SELECT oms.retire_workflow(''NoSuch'')', 'OM001'),
	('SELECT oms.next_stages(''DL-1999-99999'')', 'OM002'),
	('SELECT oms.get_ticket(''DL-1999-99999'')', 'OM002'),
	('SELECT oms.claim_stage(''DL-1999-99999'', ''a'')', 'OM002'),
	('SELECT oms.heartbeat(''DL-1999-99999'', ''a'', 1)', 'OM002'),
	('SELECT oms.release(''DL-1999-99999'', ''a'')', 'OM002'),
	('SELECT oms.stage_done(''DL-1999-99999'', ''a'')', 'OM002'),
	('SELECT oms.stages_done(''[{"ticket":"DL-1999-99999","stage":"a"}]'')', 'OM002'),
	('SELECT oms.stage_failed(''DL-1999-99999'', ''a'', ''e'')', 'OM002'),
	('SELECT oms.skip_stage(''DL-1999-99999'', ''a'', ''r'')', 'OM002'),
	('SELECT oms.retry_stage(''DL-1999-99999'', ''a'', ''r'')', 'OM002'),
	('SELECT oms.reassign(''DL-1999-99999'', ''a'', ''o'', ''r'')', 'OM002'),
	('SELECT oms.escalate(''DL-1999-99999'', ''a'', ''r'')', 'OM002'),
	('SELECT oms.comment(''DL-1999-99999'', ''b'')', 'OM002'),
	('SELECT oms.cancel_ticket(''DL-1999-99999'', ''r'')', 'OM002'),
	('SELECT oms.get_ticket(''DL-19'')', '22P02')) v(sql, code);
SELECT is(error_code(format(sql, :'v1')), 'OM003', sql) FROM (VALUES
	('SELECT oms.claim_stage(%L, ''nowhere'')'),
	('SELECT oms.heartbeat(%L, ''nowhere'', 1)'),
	('SELECT oms.release(%L, ''nowhere'')'),
	('SELECT oms.stage_done(%L, ''nowhere'')'),
	('SELECT oms.stage_failed(%L, ''nowhere'', ''e'')'),
	('SELECT oms.skip_stage(%L, ''nowhere'', ''r'')'),
	('SELECT oms.retry_stage(%L, ''nowhere'', ''r'')'),
	('SELECT oms.reassign(%L, ''nowhere'', ''o'', ''r'')'),
	('SELECT oms.escalate(%L, ''nowhere'', ''r'')'),
	('SELECT oms.comment(%L, ''b'', ''nowhere'')')) v(sql);

SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'after all this every chain is whole');
SELECT finish();
ROLLBACK;
