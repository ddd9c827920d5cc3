-- The state table of the contract, walked field by field: every state a stage
-- can be in, every function that could touch it. What is allowed moves the
-- stage to the stated state, leaves a whole timeline and touches no other
-- ticket; what is not allowed raises the stated error and changes nothing.
--
-- Each field of the table is one call on a fresh ticket, made and taken back
-- in a subtransaction, so no field knows of another.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
CREATE SCHEMA t;
SET LOCAL oms.now = '2026-03-02 10:00+00';

-- The stage under test is "s"; "pre" comes before it and "post" after it.
SELECT oms.create_workflow('{"name":"States","stages":[
	{"id":"pre","owner":"Before"},
	{"id":"s","owner":"Mine","dependsOn":["pre"],"retry":{"maxAttempts":2,"backoffSecs":60}},
	{"id":"post","owner":"After","dependsOn":["s"]}]}') \g /dev/null

-- The same, but that it awaits its moment, or a message.
SELECT oms.create_workflow(jsonb_build_object('name', name, 'stages', jsonb_build_array('{"id":"pre","owner":"Before"}'::jsonb,
	'{"id":"s","owner":"Mine","dependsOn":["pre"]}'::jsonb || key, '{"id":"post","owner":"After","dependsOn":["s"]}'::jsonb)))
	FROM (VALUES ('StatesMoment', '{"delayMins":6000}'::jsonb), ('StatesMessage', '{"waitFor":{"message":"states"}}')) v(name, key) \g /dev/null

-- A second ticket that nothing may touch. Its "s" is not ready, so that no
-- claim can take it.
SELECT oms.open_ticket('States', '{"bystander":true}')::text AS bystander \gset
SELECT set_config('t.bystander', :'bystander', true) \g /dev/null

-- Everything that is stored about a ticket, as one value.
CREATE FUNCTION t.image(tk oms.ticket_id) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_build_object(
		'ticket', (SELECT to_jsonb(k) FROM oms.ticket k WHERE k.ticket_id = tk),
		'stages', (SELECT jsonb_object_agg(s.stage::text, to_jsonb(s)) FROM oms.stage s WHERE s.ticket_id = tk),
		'events', (SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = tk),
		'next', (SELECT jsonb_agg(n) FROM oms.next_stages(tk) n),
		'seen', oms.get_ticket(tk))
$$;

CREATE FUNCTION t.status(tk oms.ticket_id, st text DEFAULT 's') RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT s.status::text FROM oms.stage s WHERE s.ticket_id = tk AND s.stage::text = st $$;

-- Bring a new ticket's "s" into a state; the token is the last one given out.
CREATE FUNCTION t.prepare(state text, OUT tk oms.ticket_id, OUT tok bigint) LANGUAGE plpgsql AS $$
BEGIN
	tk := oms.open_ticket(CASE state WHEN 'awaiting its moment' THEN 'StatesMoment' WHEN 'awaiting a message' THEN 'StatesMessage' ELSE 'States' END);
	IF state = 'waiting' THEN
		RETURN;
	ELSIF state = 'cancelled waiting' THEN
		PERFORM oms.cancel_ticket(tk, 'over');
		RETURN;
	ELSIF state = 'skipped waiting' THEN
		PERFORM oms.skip_stage(tk, 's', 'no need');
		RETURN;
	END IF;
	PERFORM oms.stage_done(tk, 'pre', '{}');
	IF state = 'queued' OR state LIKE 'awaiting%' THEN
		RETURN;
	ELSIF state = 'personal' THEN
		tok := oms.claim_stage(tk, 's', 'w1');
		RETURN;
	END IF;
	SELECT c.token INTO STRICT tok FROM oms.claim('Mine', 'w1') c;
	CASE state
	WHEN 'in_progress' THEN NULL;
	WHEN 'released' THEN PERFORM oms.release(tk, 's', 'lunch');
	WHEN 'backoff' THEN PERFORM oms.stage_failed(tk, 's', 'busy', tok);
	WHEN 'last attempt' THEN
		PERFORM oms.stage_failed(tk, 's', 'busy', tok);
		PERFORM set_config('oms.now', '2026-03-02 12:00+00', true);
		PERFORM oms.tick();
		SELECT c.token INTO STRICT tok FROM oms.claim('Mine', 'w1') c;
	WHEN 'done' THEN PERFORM oms.stage_done(tk, 's', '{"r":1}', tok);
	WHEN 'skipped' THEN PERFORM oms.skip_stage(tk, 's', 'no need');
	WHEN 'failed' THEN PERFORM oms.stage_failed(tk, 's', 'broken', tok, false);
	WHEN 'cancelled' THEN PERFORM oms.cancel_ticket(tk, 'over');
	END CASE;
END $$;

-- Make one call on a stage in a state and say what came of it:
--   "queued +"    the stage is now queued, the timeline has grown
--   "queued ="    nothing has changed at all
--   "queued ~"    no new event, but something else is stored
--   "OM005"       this error, and nothing has changed
-- In a call, TK stands for the ticket, TOK for the last token, LATER for a
-- moment when every lease and back-off is over.
CREATE FUNCTION t.outcome(state text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	tk	oms.ticket_id;
	tok	bigint;
	sql	text;
	before	jsonb;
	after	jsonb;
	other	jsonb;
	was	text;
	n	bigint;
	r	text;
	said	text;
BEGIN
	SELECT p.tk, p.tok INTO tk, tok FROM t.prepare(state) p;
	before := t.image(tk);
	other := t.image(current_setting('t.bystander'));
	was := t.status(tk);
	sql := replace(replace(call, 'TK', quote_literal(tk::text)), 'TOK', coalesce(tok, 999999)::text);
	BEGIN
		EXECUTE sql;
		after := t.image(tk);
		r := t.status(tk) || CASE WHEN after = before THEN ' ='
			WHEN (after ->> 'events')::int > (before ->> 'events')::int THEN ' +'
			ELSE ' ~' END;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, r = PG_EXCEPTION_DETAIL;
		said := said || ' ' || r;
		r := SQLSTATE;
		after := t.image(tk);
		IF after <> before THEN
			r := r || ' but changed';
		ELSIF r = 'OM005' AND said !~ replace(was, '_', '.') THEN
			r := r || ' without the name of the state: ' || said;
		ELSIF r NOT LIKE 'OM00_' THEN
			r := r || ': ' || said;
		END IF;
	END;
	IF t.image(current_setting('t.bystander')) <> other THEN
		r := r || ', the bystander was touched';
	END IF;
	SELECT count(*) INTO n FROM oms.verify_timeline(tk);
	IF n > 0 THEN
		r := r || ', the timeline is broken';
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = r;
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN SQLERRM;
END $$;

-- ---------------------------------------------------------------------------
-- The states can be reached
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE states (state text, status text);
INSERT INTO states VALUES ('waiting', 'waiting'), ('queued', 'queued'), ('released', 'queued'), ('backoff', 'queued'),
	('in_progress', 'in_progress'), ('personal', 'in_progress'), ('last attempt', 'in_progress'), ('done', 'done'),
	('skipped', 'skipped'), ('skipped waiting', 'skipped'), ('failed', 'failed'), ('cancelled', 'cancelled'),
	('cancelled waiting', 'cancelled'), ('awaiting its moment', 'awaiting'), ('awaiting a message', 'awaiting');
SELECT is(t.outcome(state, 'SELECT 1'), status || ' =', 'a stage can be: ' || state) FROM states;

-- ---------------------------------------------------------------------------
-- The table. Each row: a call, and what may come of it in each state.
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE calls (nr serial, name text, call text, waiting text, queued text, released text, backoff text, in_progress text, personal text,
	last_attempt text, done text, skipped text, failed text, cancelled text);
INSERT INTO calls (name, call, waiting, queued, released, backoff, in_progress, personal, last_attempt, done, skipped, failed, cancelled) VALUES
	('claim', $$SELECT * FROM oms.claim('Mine', 'w2')$$,
		'waiting =', 'in_progress \+', 'in_progress \+', 'queued =', 'in_progress =', 'in_progress =',
		'in_progress =', 'done =', 'skipped =', 'failed =', 'cancelled ='),
	('claim for another owner', $$SELECT * FROM oms.claim('Nobody', 'w2')$$,
		'waiting =', 'queued =', 'queued =', 'queued =', 'in_progress =', 'in_progress =',
		'in_progress =', 'done =', 'skipped =', 'failed =', 'cancelled ='),
	('claim_stage by somebody else', $$SELECT oms.claim_stage(TK, 's', 'w2')$$,
		'OM005', 'in_progress \+', 'in_progress \+', 'in_progress \+|OM005', 'OM007', 'OM007',
		'OM007', 'OM005', 'OM005', 'OM005', 'OM005'),
	('heartbeat with the last token', $$SELECT oms.heartbeat(TK, 's', TOK, '10 minutes')$$,
		'OM00[56]', 'OM00[56]', 'OM00[56]', 'OM00[56]', 'in_progress [~+]', 'in_progress [~+=]',
		'in_progress [~+]', 'OM00[56]', 'OM00[56]', 'OM00[56]', 'OM00[56]'),
	('heartbeat with a wrong token', $$SELECT oms.heartbeat(TK, 's', TOK + 1)$$,
		'OM00[56]', 'OM00[56]', 'OM00[56]', 'OM00[56]', 'OM006', 'OM006',
		'OM006', 'OM00[56]', 'OM00[56]', 'OM00[56]', 'OM00[56]'),
	('release', $$SELECT oms.release(TK, 's', 'back')$$,
		'OM005', 'OM005', 'OM005', 'OM005', 'queued \+', 'queued \+',
		'queued \+', 'OM005', 'OM005', 'OM005', 'OM005'),
	('stage_done without a token', $$SELECT oms.stage_done(TK, 's', '{"r":2}')$$,
		'OM005', 'done \+', 'done \+', 'done \+', 'done \+', 'done \+',
		'done \+', 'OM005', 'OM005', 'OM005', 'OM005'),
	('stage_done with the same output again', $$SELECT oms.stage_done(TK, 's', '{"r":1}')$$,
		'OM005', 'done \+', 'done \+', 'done \+', 'done \+', 'done \+',
		'done \+', 'done =', 'OM005', 'OM005', 'OM005'),
	('stage_done with the last token', $$SELECT oms.stage_done(TK, 's', '{"r":1}', TOK)$$,
		'OM00[56]', 'OM006', 'OM006', 'OM006', 'done \+', 'done \+',
		'done \+', 'done =', 'OM00[56]', 'OM00[56]', 'OM00[56]'),
	('stage_done with the last token, another output', $$SELECT oms.stage_done(TK, 's', '{"r":2}', TOK)$$,
		'OM00[56]', 'OM006', 'OM006', 'OM006', 'done \+', 'done \+',
		'done \+', 'OM00[56]', 'OM00[56]', 'OM00[56]', 'OM00[56]'),
	('stage_done with a wrong token', $$SELECT oms.stage_done(TK, 's', '{"r":2}', TOK + 1)$$,
		'OM00[56]', 'OM006', 'OM006', 'OM006', 'OM006', 'OM006',
		'OM006', 'OM00[56]', 'OM00[56]', 'OM00[56]', 'OM00[56]'),
	('stages_done', $$SELECT oms.stages_done(jsonb_build_array(jsonb_build_object('ticket', TK, 'stage', 's', 'output', '{"r":2}'::jsonb)))$$,
		'OM005', 'done \+', 'done \+', 'done \+', 'done \+', 'done \+',
		'done \+', 'OM005', 'OM005', 'OM005', 'OM005'),
	('stages_done with a wrong token', $$SELECT oms.stages_done(jsonb_build_array(jsonb_build_object('ticket', TK, 'stage', 's', 'token', TOK + 1)))$$,
		'OM00[56]', 'OM006', 'OM006', 'OM006', 'OM006', 'OM006',
		'OM006', 'OM00[56]', 'OM00[56]', 'OM00[56]', 'OM00[56]'),
	('stage_failed without a token', $$SELECT oms.stage_failed(TK, 's', 'oops')$$,
		'OM005', 'queued \+', 'queued \+', 'failed \+', 'queued \+', 'queued \+',
		'failed \+', 'OM005', 'OM005', 'OM005', 'OM005'),
	('stage_failed with the last token', $$SELECT oms.stage_failed(TK, 's', 'oops', TOK)$$,
		'OM00[56]', 'OM006', 'OM006', 'OM006', 'queued \+', 'queued \+',
		'failed \+', 'OM00[56]', 'OM00[56]', 'OM00[56]', 'OM00[56]'),
	('stage_failed with a wrong token', $$SELECT oms.stage_failed(TK, 's', 'oops', TOK + 1)$$,
		'OM00[56]', 'OM006', 'OM006', 'OM006', 'OM006', 'OM006',
		'OM006', 'OM00[56]', 'OM00[56]', 'OM00[56]', 'OM00[56]'),
	('stage_failed for good', $$SELECT oms.stage_failed(TK, 's', 'oops', NULL, false)$$,
		'OM005', 'failed \+', 'failed \+', 'failed \+', 'failed \+', 'failed \+',
		'failed \+', 'OM005', 'OM005', 'OM005', 'OM005'),
	('skip_stage', $$SELECT oms.skip_stage(TK, 's', 'why not')$$,
		'skipped \+', 'skipped \+', 'skipped \+', 'skipped \+', 'skipped \+', 'skipped \+',
		'skipped \+', 'OM005', 'OM005', 'skipped \+', 'OM005'),
	('retry_stage', $$SELECT oms.retry_stage(TK, 's', 'once more')$$,
		'OM005', 'OM005', 'OM005', 'OM005', 'OM005', 'OM005',
		'OM005', 'OM005', 'OM005', 'queued \+', 'OM005'),
	('reassign', $$SELECT oms.reassign(TK, 's', 'Yours', 'on leave')$$,
		'OM005', 'queued \+', 'queued \+', 'queued \+', 'queued \+', 'queued \+',
		'queued \+', 'OM005', 'OM005', 'queued \+', 'OM005'),
	('escalate', $$SELECT oms.escalate(TK, 's', 'urgent')$$,
		'waiting \+', 'queued \+', 'queued \+', 'queued \+', 'in_progress \+', 'in_progress \+',
		'in_progress \+', 'done \+', 'skipped \+', 'failed \+', 'cancelled \+'),
	('escalate to another owner', $$SELECT oms.escalate(TK, 's', 'urgent', 'Yours')$$,
		'OM005', 'queued \+', 'queued \+', 'queued \+', 'queued \+', 'queued \+',
		'queued \+', 'OM005', 'OM005', 'queued \+', 'OM005'),
	('comment on the stage', $$SELECT oms.comment(TK, 'hello', 's')$$,
		'waiting \+', 'queued \+', 'queued \+', 'queued \+', 'in_progress \+', 'in_progress \+',
		'in_progress \+', 'done \+', 'skipped \+', 'failed \+', 'cancelled \+'),
	('comment on the ticket', $$SELECT oms.comment(TK, 'hello')$$,
		'waiting \+', 'queued \+', 'queued \+', 'queued \+', 'in_progress \+', 'in_progress \+',
		'in_progress \+', 'done \+', 'skipped \+', 'failed \+', 'cancelled \+'),
	('cancel_ticket', $$SELECT oms.cancel_ticket(TK, 'enough')$$,
		'cancelled \+', 'cancelled \+', 'cancelled \+', 'cancelled \+', 'cancelled \+', 'cancelled \+',
		'cancelled \+', 'done \+', 'skipped \+', 'cancelled \+', 'OM005'),
	('tick, nothing due', $$SELECT oms.tick()$$,
		'waiting =', 'queued =', 'queued =', 'queued =', 'in_progress =', 'in_progress =',
		'in_progress =', 'done =', 'skipped =', 'failed =', 'cancelled ='),
	('tick, the lease is over', $q$DO $d$ BEGIN PERFORM set_config('oms.now', '2026-03-02 18:00+00', true); PERFORM oms.tick(); END $d$ $q$,
		'waiting =', 'queued =', 'queued =', 'queued [=~+]', 'queued \+', 'in_progress =',
		'failed \+', 'done =', 'skipped =', 'failed =', 'cancelled ='),
	('open again is another ticket', $$SELECT oms.open_ticket('States')$$,
		'waiting =', 'queued =', 'queued =', 'queued =', 'in_progress =', 'in_progress =',
		'in_progress =', 'done =', 'skipped =', 'failed =', 'cancelled ='),
	('reading', $$SELECT oms.get_ticket(TK), oms.next_stages(TK), oms.get_timeline(TK::text), oms.verify_timeline(TK)$$,
		'waiting =', 'queued =', 'queued =', 'queued =', 'in_progress =', 'in_progress =',
		'in_progress =', 'done =', 'skipped =', 'failed =', 'cancelled =');

-- What awaits: nobody can have it, so there is no right token; staff finish it.
ALTER TABLE calls ADD awaiting text;
UPDATE calls SET awaiting = CASE
	WHEN name ~ '^(claim|claim for another owner|tick, .*|open again .*|reading)$' THEN 'awaiting ='
	WHEN name ~ '^(escalate|comment .*)$' THEN 'awaiting \+'
	WHEN name ~ '^(stage_done without a token|stage_done with the same output again|stages_done)$' THEN 'done \+'
	WHEN name ~ '^(stage|stages)_done .*token' THEN 'OM006'
	WHEN name ~ '^(heartbeat|stage_failed) with ' THEN 'OM00[56]'
	WHEN name ~ '^(claim_stage .*|release|stage_failed .*|retry_stage|reassign|escalate to another owner)$' THEN 'OM005'
	WHEN name = 'skip_stage' THEN 'skipped \+' WHEN name = 'cancel_ticket' THEN 'cancelled \+' END;
SELECT is_empty('SELECT name FROM calls WHERE awaiting IS NULL', 'the table says of each call what it does to a stage that awaits');

SELECT matches(t.outcome(f.state, c.call), '^(' || f.expected || ')$', c.name || ' × ' || f.state)
FROM calls c, LATERAL (VALUES ('waiting', waiting), ('queued', queued), ('released', released), ('backoff', backoff), ('in_progress', in_progress),
	('personal', personal), ('last attempt', last_attempt), ('done', done), ('skipped', skipped), ('skipped waiting', skipped),
	('failed', failed), ('cancelled', cancelled), ('cancelled waiting', cancelled), ('awaiting its moment', awaiting), ('awaiting a message', awaiting)) f(state, expected)
ORDER BY c.nr;

-- ---------------------------------------------------------------------------
-- What the moves leave behind
-- ---------------------------------------------------------------------------
-- The value of an expression after a call; S stands for the row of the stage.
CREATE FUNCTION t.after(state text, call text, expr text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	tk	oms.ticket_id;
	tok	bigint;
	r	text;
BEGIN
	SELECT p.tk, p.tok INTO tk, tok FROM t.prepare(state) p;
	IF call <> '' THEN
		EXECUTE replace(replace(call, 'TK', quote_literal(tk::text)), 'TOK', coalesce(tok, 999999)::text);
	END IF;
	EXECUTE format('SELECT (%s)::text FROM oms.stage s WHERE s.ticket_id = %L AND s.stage::text = ''s''',
		replace(replace(expr, 'TK', quote_literal(tk::text)), 'TOK', coalesce(tok, 999999)::text), tk::text) INTO r;
	RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = coalesce(r, 'NULL');
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN SQLERRM;
END $$;

SELECT is(t.after(state, call, expr), expected, concat_ws(', ', state, nullif(call, ''), expr)) FROM (VALUES
	-- attempts
	('queued', '', 's.attempt', '1'),
	('in_progress', '', 's.attempt', '1'),
	('backoff', '', 's.attempt', '2'),
	('last attempt', '', 's.attempt', '2'),
	('in_progress', $$SELECT set_config('oms.now', '2026-03-02 18:00+00', true), oms.tick()$$, 's.attempt', '2'),
	('released', '', 's.attempt', '1'),
	('failed', $$SELECT oms.retry_stage(TK, 's', 'r')$$, 's.attempt', '1'),
	-- owners and workers
	('in_progress', '', 's.owner', 'Mine'),
	('in_progress', '', 's.worker', 'w1'),
	('personal', '', 's.worker', 'w1'),
	('in_progress', $$SELECT oms.reassign(TK, 's', 'Yours', 'r')$$, 's.owner', 'Yours'),
	('failed', $$SELECT oms.reassign(TK, 's', 'Yours', 'r')$$, 's.owner', 'Yours'),
	('in_progress', $$SELECT oms.escalate(TK, 's', 'r', 'Yours')$$, 's.owner', 'Yours'),
	('in_progress', $$SELECT oms.escalate(TK, 's', 'r')$$, 's.owner', 'Mine'),
	-- claimable again, by whom
	('released', '', $$SELECT count(*) FROM oms.claim('Mine', 'w2')$$, '1'),
	('backoff', '', $$SELECT count(*) FROM oms.claim('Mine', 'w2')$$, '0'),
	('in_progress', $$SELECT set_config('oms.now', '2026-03-02 18:00+00', true), oms.tick()$$, $$SELECT count(*) FROM oms.claim('Mine', 'w2')$$, '1'),
	('in_progress', $$SELECT oms.reassign(TK, 's', 'Yours', 'r')$$, $$SELECT count(*) FROM oms.claim('Mine', 'w2')$$, '0'),
	('in_progress', $$SELECT oms.reassign(TK, 's', 'Yours', 'r')$$, $$SELECT count(*) FROM oms.claim('Yours', 'w2')$$, '1'),
	('failed', $$SELECT oms.reassign(TK, 's', 'Yours', 'r')$$, $$SELECT count(*) FROM oms.claim('Yours', 'w2')$$, '1'),
	('failed', $$SELECT oms.retry_stage(TK, 's', 'r')$$, $$SELECT count(*) FROM oms.claim('Mine', 'w2')$$, '1'),
	('failed', '', $$SELECT count(*) FROM oms.claim('Mine', 'w2')$$, '0'),
	-- the next stage comes exactly when it should
	('queued', $$SELECT oms.stage_done(TK, 's')$$, $$t.status(TK, 'post')$$, 'queued'),
	('failed', $$SELECT oms.skip_stage(TK, 's', 'r')$$, $$t.status(TK, 'post')$$, 'queued'),
	('waiting', $$SELECT oms.skip_stage(TK, 's', 'r')$$, $$t.status(TK, 'post')$$, 'queued'),
	('failed', '', $$t.status(TK, 'post')$$, 'waiting'),
	('in_progress', '', $$t.status(TK, 'post')$$, 'waiting'),
	('in_progress', $$SELECT oms.cancel_ticket(TK, 'r')$$, $$t.status(TK, 'post')$$, 'cancelled'),
	('in_progress', $$SELECT oms.cancel_ticket(TK, 'r')$$, $$t.status(TK, 'pre')$$, 'done'),
	-- the ticket
	('queued', '', $$SELECT k.status FROM oms.ticket k WHERE k.ticket_id = TK$$, 'open'),
	('backoff', '', $$SELECT k.status FROM oms.ticket k WHERE k.ticket_id = TK$$, 'open'),
	('failed', '', $$SELECT k.status FROM oms.ticket k WHERE k.ticket_id = TK$$, 'failed'),
	('failed', $$SELECT oms.retry_stage(TK, 's', 'r')$$, $$SELECT k.status FROM oms.ticket k WHERE k.ticket_id = TK$$, 'open'),
	('failed', $$SELECT oms.reassign(TK, 's', 'Yours', 'r')$$, $$SELECT k.status FROM oms.ticket k WHERE k.ticket_id = TK$$, 'open'),
	('failed', $$SELECT oms.skip_stage(TK, 's', 'r')$$, $$SELECT k.status FROM oms.ticket k WHERE k.ticket_id = TK$$, 'open'),
	('failed', $$SELECT oms.cancel_ticket(TK, 'r')$$, $$SELECT k.status FROM oms.ticket k WHERE k.ticket_id = TK$$, 'cancelled'),
	('cancelled', '', $$SELECT k.status FROM oms.ticket k WHERE k.ticket_id = TK$$, 'cancelled'),
	('done', '', $$SELECT k.status FROM oms.ticket k WHERE k.ticket_id = TK$$, 'open'),
	('done', $$SELECT oms.stage_done(TK, 'post')$$, $$SELECT k.status FROM oms.ticket k WHERE k.ticket_id = TK$$, 'done'),
	('queued', $$SELECT oms.skip_stage(TK, 's', 'r'), oms.skip_stage(TK, 'post', 'r')$$, $$SELECT k.status FROM oms.ticket k WHERE k.ticket_id = TK$$, 'done'),
	-- what the functions answer
	('queued', '', $$SELECT oms.stage_done(TK, 's')$$, '{post}'),
	('done', '', $$SELECT oms.stage_done(TK, 's', '{"r":1}')$$, '{}'),
	('queued', '', $$SELECT oms.stage_failed(TK, 's', 'e')$$, 'queued'),
	('queued', '', $$SELECT oms.stage_failed(TK, 's', 'e', NULL, false)$$, 'failed'),
	('last attempt', '', $$SELECT oms.stage_failed(TK, 's', 'e')$$, 'failed'),
	('queued', '', $$SELECT oms.escalate(TK, 's', 'r')$$, '1'),
	('queued', $$SELECT oms.escalate(TK, 's', 'r')$$, $$SELECT oms.escalate(TK, 's', 'r', 'Yours')$$, '2'),
	('done', '', $$SELECT oms.stages_done(jsonb_build_array(jsonb_build_object('ticket', TK, 'stage', 'post')))$$, '1'),
	-- one event of the right name
	('queued', $$SELECT oms.release(TK, 's') FROM oms.claim_stage(TK, 's', 'w')$$, $$SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = TK AND e.status::text = 'released'$$, '1'),
	('in_progress', $$SELECT set_config('oms.now', '2026-03-02 18:00+00', true), oms.tick()$$,
		$$SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = TK AND e.status::text = 'lease_expired'$$, '1'),
	('failed', '', $$SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = TK AND e.stage::text = 's' AND e.status::text = 'failed'$$, '1'),
	('failed', '', $$SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = TK AND e.status::text = 'ticket_failed'$$, '1'),
	('failed', $$SELECT oms.retry_stage(TK, 's', 'r')$$, $$SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = TK AND e.status::text = 'retry'$$, '1'),
	('skipped', '', $$SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = TK AND e.status::text = 'skipped'$$, '1'),
	('cancelled', '', $$SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = TK AND e.status::text = 'ticket_cancelled'$$, '1'),
	('in_progress', $$SELECT oms.reassign(TK, 's', 'Yours', 'r')$$, $$SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = TK AND e.status::text = 'reassigned'$$, '1'),
	('done', $$SELECT oms.comment(TK, 'x')$$, $$SELECT count(*) FROM oms.timeline e WHERE e.ticket_id = TK AND e.status::text = 'comment'$$, '1')
) v(state, call, expr, expected);

-- Each claim gets a token of its own, that of the one before is worth nothing.
SELECT is(t.after('released', '', $$SELECT token <> TOK FROM oms.claim('Mine', 'w2')$$), 'true', 'tokens are not given out twice');
SELECT is(t.after('released', $$SELECT * FROM oms.claim('Mine', 'w2')$$,
	$$error_code(format('SELECT oms.stage_done(%L, %L, %L, %s)', TK, 's', '{}', TOK))$$), 'OM006', 'the first holder is too late');

-- ---------------------------------------------------------------------------
-- A whole ticket that is done, and one stage that failed beside a running one
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Pair","stages":[{"id":"left","owner":"L","retry":{"maxAttempts":1}},{"id":"right","owner":"R"}]}') \g /dev/null
SELECT oms.open_ticket('Pair')::text AS pair \gset
SELECT is(oms.stage_failed(:'pair', 'left', 'gone'), 'failed', 'one attempt only: failed at once');
SELECT is((SELECT status::text FROM oms.ticket WHERE ticket_id = :'pair'), 'open', 'the ticket is open while another stage can run');
SELECT is(oms.stage_done(:'pair', 'right'), '{}', 'the other stage is done');
SELECT is((SELECT status::text FROM oms.ticket WHERE ticket_id = :'pair'), 'failed', 'now nothing else can run');
SELECT lives_ok(format('SELECT oms.skip_stage(%L, %L, %L)', :'pair', 'left', 'never mind'), 'skipped by staff');
SELECT is((SELECT status::text FROM oms.ticket WHERE ticket_id = :'pair'), 'done', 'and done');
SELECT is(error_code(format(sql, :'pair')), code, 'on a done ticket: ' || sql) FROM (VALUES
	('SELECT oms.cancel_ticket(%L, ''r'')', 'OM005'),
	('SELECT oms.skip_stage(%L, ''left'', ''r'')', 'OM005'),
	('SELECT oms.retry_stage(%L, ''left'', ''r'')', 'OM005'),
	('SELECT oms.claim_stage(%L, ''right'', ''w'')', 'OM005'),
	('SELECT oms.comment(%L, ''thanks'')', '00000'),
	('SELECT oms.escalate(%L, ''left'', ''late'')', '00000'),
	('SELECT oms.stage_done(%L, ''right'')', '00000')) v(sql, code);
SELECT is((SELECT status::text FROM oms.ticket WHERE ticket_id = :'pair'), 'done', 'it stays done');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'every chain is whole');

SELECT finish();
ROLLBACK;
