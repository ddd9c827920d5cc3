-- Callers who mean harm. Each of them has some level of rights and tries to get more: by another's name, by other people's
-- work, by settings, names, errors, triggers, predefined roles. calls.sql has objects of their own in place of ours, and every
-- call without the right to it.
\ir include/settings.psql
SET client_min_messages = warning;

SELECT no_plan();
\set roles tr
\ir include/trust.psql

-- ---------------------------------------------------------------------------
-- What cannot be in a transaction: waiting, two phases
-- ---------------------------------------------------------------------------
SELECT oms.open_ticket('Loan', '{}', 'waits')::text AS waits \gset
\set ON_ERROR_STOP false
\set VERBOSITY sqlstate
SET SESSION AUTHORIZATION tr_idle;
CALL oms.wait_for_work('A', '0 s');
\set refused :SQLSTATE
SET SESSION AUTHORIZATION tr_noheir;
CALL oms.wait_for_work('A', '0 s');
\set noheir :SQLSTATE
SET SESSION AUTHORIZATION tr_citizen;
CALL oms.wait_for_work('A', '0 s');
\set citizen :SQLSTATE
SET SESSION AUTHORIZATION tr_agent;
CALL oms.wait_for_work('A', '0 s');
\set allowed :SQLSTATE
CALL oms.wait_for_work('B', '0 s');
\set foreign :SQLSTATE
SET SESSION AUTHORIZATION tr_heir;
CALL oms.wait_for_work('A', '0 s');
\set heir :SQLSTATE
RESET SESSION AUTHORIZATION;
SELECT is(:'refused'::text, '42501', 'wait_for_work: not for a member of no owner');
SELECT is(:'noheir'::text, '42501', 'wait_for_work: not for NOINHERIT');
SELECT is(:'citizen'::text, '42501', 'wait_for_work: not for a citizen');
SELECT is(:'foreign'::text, '42501', 'wait_for_work: not for another owner');
SELECT is(:'allowed'::text, '00000', 'wait_for_work: for a member');
SELECT is(:'heir'::text, '00000', 'wait_for_work: for a member by inheritance');

-- A change in two phases: nobody sees it before, all of it is there after; the actor is who prepared it.
SET oms.dispatch = off;
BEGIN;
SET LOCAL SESSION AUTHORIZATION tr_portal;
SELECT oms.open_ticket('Loan', '{"two":"phases"}', 'prepared') \g /dev/null
PREPARE TRANSACTION 'trust';
\set prepared :SQLSTATE
RESET SESSION AUTHORIZATION;
SELECT count(*) AS before FROM oms.ticket WHERE data ? 'two' \gset
COMMIT PREPARED 'trust';
SELECT is(:'prepared'::text, '00000', 'a change can be prepared');
SELECT is(:'before'::bigint, 0::bigint, '… and is not seen before');
SELECT is((SELECT string_agg(e.actor, ',') FROM oms.timeline e JOIN oms.ticket USING (ticket_id) WHERE data ? 'two' AND e.seq = 1), 'tr_portal', '… then it is there, with its actor');
BEGIN;
SELECT oms.stage_done(:'waits', 'a') \g /dev/null
PREPARE TRANSACTION 'trust';
ROLLBACK PREPARED 'trust';
SELECT is((SELECT status FROM oms.stage WHERE ticket_id = :'waits' AND stage = 'a'), 'queued', '… or was never');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', '… and the chains are whole');
RESET oms.dispatch;
\set VERBOSITY default
\set ON_ERROR_STOP true

BEGIN;
SELECT oms.open_ticket('Loan', '{"n":1}', 'key one', 0, 'Jane')::text AS tk, oms.open_ticket('Loan', '{"n":2}')::text AS other,
	oms.open_ticket('Secret affairs', '{"n":3}')::text AS hidden, oms.open_ticket('By hand')::text AS manual \gset
SET LOCAL ROLE tr_portal;
SELECT oms.open_ticket('Loan', '{"mine":true}')::text AS mine \gset
SET LOCAL ROLE tr_portal2;
SELECT oms.open_ticket('Loan', '{"mine":false}')::text AS theirs \gset
RESET ROLE;
SELECT oms.tracking_number(:'tk') AS tracking \gset
SELECT oms.stage_done(:'other', 'a', '{"x":1}') \g /dev/null

-- ---------------------------------------------------------------------------
-- Who acted
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.last(ticket text) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT concat_ws('/', actor, coalesce(session_actor, '-'), coalesce(worker, '-')) FROM oms.timeline WHERE ticket_id = $1::oms.ticket_id ORDER BY seq DESC LIMIT 1 $$;
CREATE FUNCTION t.lend(ticket text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT oms.claim_stage(ticket, 'a', 'who else'); SELECT oms.release(ticket, 'a') $$;
CREATE FUNCTION t.lend_more(ticket text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	PERFORM set_config('application_name', 'postgres', true);
	PERFORM set_config('role', 'tr_staff', true);
EXCEPTION WHEN OTHERS THEN
	PERFORM oms.claim_stage(ticket, 'a', 'postgres'), oms.release(ticket, 'a');
END $$;
ALTER FUNCTION t.lend(text) OWNER TO tr_agent;
ALTER FUNCTION t.lend_more(text) OWNER TO tr_agent;
GRANT tr_idle TO tr_nobody;

SELECT is(t.try('tr_agent', format('SELECT oms.claim_stage(%L, ''a''); SELECT oms.release(%1$L, ''a'')', :'tk')), '00000', 'SET ROLE counts');
SELECT is(t.last(:'tk'), 'tr_agent/postgres/tr_agent', '… both are noted');
SET LOCAL SESSION AUTHORIZATION tr_agent;
SELECT oms.claim_stage(:'tk', 'a', 'worker 7'), oms.release(:'tk', 'a') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT is(t.last(:'tk'), 'tr_agent/-/worker 7', 'a session of its own');
SET LOCAL SESSION AUTHORIZATION tr_idle;
SELECT t.lend(:'tk') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT is(t.last(:'tk'), 'tr_agent/tr_idle/who else', 'SECURITY DEFINER: its owner acts, the session''s user is kept');
SET LOCAL SESSION AUTHORIZATION tr_nobody;
SELECT t.lend(:'tk') \g /dev/null
SELECT t.lend_more(:'tk') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT is(t.last(:'tk'), 'tr_agent/tr_nobody/postgres', 'a definer function cannot name another user: it is kept apart from what it claims');
SET LOCAL SESSION AUTHORIZATION tr_nobody;
SET LOCAL ROLE tr_idle;
SELECT t.lend(:'tk') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT is(t.last(:'tk'), 'tr_agent/tr_nobody/who else', 'after SET ROLE, through a definer function');
SELECT matches((SELECT client FROM oms.timeline WHERE ticket_id = :'tk' ORDER BY seq DESC LIMIT 1), '@\[local\] as tr_idle$', '… the role that was set is with the client');
ALTER FUNCTION t.lend(text) OWNER TO tr_other;
SELECT is(t.try('tr_agent', format('SELECT t.lend(%L)', :'tk')), '42501', 'membership is judged by the role in force: a member through another''s function is none');
ALTER FUNCTION t.lend(text) OWNER TO tr_staff;
SELECT is(t.try('tr_citizen', format('SELECT t.lend(%L)', :'tk')), '00000', '… and who is none through a member''s function is one');
SELECT is(t.last(:'tk'), 'tr_staff/postgres/who else', '… with that role as actor');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chain has it all');

-- ---------------------------------------------------------------------------
-- Other people's work
-- ---------------------------------------------------------------------------
SELECT is(t.rows(r, 'SELECT count(*) FROM oms.claim(''A'', qty => 1)') -> 0 ->> 'count', '1', 'a member claims: ' || r) FROM unnest(ARRAY['tr_agent', 'tr_heir', 'tr_team', 'tr_staff', 'tr_admin']) r
WHERE r <> 'tr_team';
SELECT oms.reassign(ticket_id, stage, 'A', 'again') FROM oms.stage WHERE owner = 'A' AND status = 'in_progress' \g /dev/null
CREATE TEMP TABLE verbs AS SELECT format(s, :'tk', :'other', :'hidden') AS sql FROM unnest(ARRAY['SELECT * FROM oms.claim(''A'')', 'SELECT * FROM oms.claim(''Z'')', 'SELECT * FROM oms.claim(''nobody at all'')',
	'SELECT oms.claim_stage(%1$L, ''a'')', 'SELECT oms.heartbeat(%1$L, ''a'', 3)', 'SELECT oms.release(%1$L, ''a'')', 'SELECT oms.stage_done(%1$L, ''a'')', 'SELECT oms.stage_done(%1$L, ''b'')',
	'SELECT oms.stages_done(''[{"ticket":"%1$s","stage":"a"}]'')', 'SELECT oms.stages_done(''[{"ticket":"%3$s","stage":"hush"}]'')',
	'SELECT oms.stage_failed(%1$L, ''a'', ''no'')', 'SELECT oms.stage_failed(%3$L, ''hush'', ''no'', 1, false)']) s;
CREATE TEMP TABLE image AS SELECT t.image() AS before;
SELECT is(t.try(r, sql), '42501', r || ': ' || sql) FROM verbs, unnest(ARRAY['tr_idle', 'tr_noheir', 'tr_citizen', 'tr_portal', 'tr_monitor', 'tr_nobody', 'tr_reader']) r;
SELECT is(t.try('tr_other', sql), '42501', 'tr_other: ' || sql) FROM verbs WHERE sql !~ '''b''';
SELECT is(t.try('tr_idle', format('SELECT oms.next_stages(%L)', v)), '42501', 'next_stages of what is not theirs') FROM unnest(ARRAY[:'tk', :'hidden']) v;
SELECT is(t.try('tr_agent', format('SELECT oms.next_stages(%L)', :'hidden')), '42501', 'next_stages of another workflow');
-- All or nothing: one's own item does not go through with another's.
SELECT is(t.try('tr_agent', format('SELECT oms.stages_done(''[{"ticket":"%s","stage":"a"},{"ticket":"%s","stage":"b"}]'')', :'tk', :'other')), '42501', 'in bulk, with one that is another''s');
SELECT is(t.image(), before, 'nothing has changed') FROM image;
SELECT is(t.rows('tr_agent', format('SELECT * FROM oms.next_stages(%L)', :'tk')), '[{"next_stages": "a"}]', 'a member sees what is next');
-- A stage that goes to another owner, and a membership that ends.
SELECT oms.claim_stage(:'tk', 'a', 'w') AS token \gset
SELECT is(t.try('tr_agent', format('SELECT oms.heartbeat(%L, ''a'', %s)', :'tk', :'token')), '00000', 'a member sends a heartbeat');
SELECT oms.reassign(:'tk', 'a', 'B', 'r') \g /dev/null
SELECT is(t.try('tr_agent', format('SELECT oms.heartbeat(%L, ''a'', %s)', :'tk', :'token')), '42501', 'not after the stage went to another owner');
SELECT is(t.try('tr_other', format('SELECT oms.claim_stage(%L, ''a'')', :'tk')), '00000', 'whose member can now');
SELECT oms.reassign(:'tk', 'a', 'A', 'back') \g /dev/null
SELECT oms.set_owner('A', members => '{tr_team}') \g /dev/null
SELECT is(t.try('tr_agent', format('SELECT oms.stage_done(%L, ''a'')', :'tk')), '42501', 'not after the membership ended');
SELECT is(t.try('tr_heir', format('SELECT oms.claim_stage(%L, ''a'')', :'tk')), '00000', 'a member by inheritance');
SELECT oms.set_owner('A', members => '{tr_agent,tr_team}') \g /dev/null
SELECT is(t.try('tr_admin', 'SELECT oms.set_owner(''A'', members => ''{tr_missing}'')'), '42704', 'members are roles');
-- NOINHERIT: only after SET ROLE to the group, which needs the level as well.
SELECT oms.grant_access('tr_team', 'agent') \g /dev/null
SET LOCAL SESSION AUTHORIZATION tr_noheir;
SELECT throws_ok('SELECT oms.claim(''A'')', '42501', NULL, 'NOINHERIT is no member');
SET LOCAL ROLE tr_team;
SELECT lives_ok('SELECT oms.claim(''A'')', 'after SET ROLE it acts as the group');
RESET SESSION AUTHORIZATION;

-- ---------------------------------------------------------------------------
-- Portals: their own tickets only
-- ---------------------------------------------------------------------------
SELECT is(t.try('tr_portal', format(s, :'mine')), '00000', 'own: ' || s) FROM unnest(ARRAY['SELECT oms.tracking_number(%L)', 'SELECT oms.comment(%L, ''hello'', public => true)', 'SELECT oms.comment(%L, ''hello'', ''a'', true)']) s;
UPDATE image SET before = t.image();
SELECT is(t.try('tr_portal', format(s, v)), '42501', 'another''s: ' || s) FROM unnest(ARRAY[:'theirs', :'tk', :'hidden']) v,
	unnest(ARRAY['SELECT oms.tracking_number(%L)', 'SELECT oms.comment(%L, ''x'', public => true)', 'SELECT oms.comment(%L, ''x'', ''a'', true)', 'SELECT oms.rotate_tracking_number(%L)', 'SELECT oms.get_ticket(%L)',
		'SELECT oms.cancel_ticket(%L, ''x'')']) s;
SELECT is(t.try('tr_portal', format('SELECT oms.comment(%L, ''x'')', :'mine')), '42501', 'no internal comment, not on its own ticket either');
SELECT is(t.try('tr_portal', format('SELECT oms.comment(%L, ''x'', public => false)', :'mine')), '42501', '… nor said in full');
SELECT is(t.rows('tr_portal', format('SELECT * FROM oms.get_timeline(%L%s)', v, c)), '[]', 'no timeline of ' || v || c) FROM unnest(ARRAY[:'theirs', :'tk', :'hidden']) v, unnest(ARRAY['', '::text', '::oms.ticket_id']) c;
SELECT is(t.image(), before, 'nothing has changed') FROM image;
SELECT is(jsonb_array_length(t.rows('tr_portal', format('SELECT * FROM oms.get_timeline(%L%s)', :'mine', c))), 4, 'its own, the public part' || c) FROM unnest(ARRAY['', '::text', '::oms.ticket_id']) c;
SELECT is_empty($$SELECT 1 FROM oms.ticket WHERE opened_by = 'tr_portal' AND ticket_id::text = $$ || quote_literal(:'theirs'), 'who opened a ticket is the role');

-- ---------------------------------------------------------------------------
-- Settings
-- ---------------------------------------------------------------------------
SELECT is(t.try(r, s), '42602', r || ': ' || s) FROM unnest(ARRAY['tr_nobody', 'tr_citizen', 'tr_admin', 'postgres']) r,
	unnest(ARRAY['SET LOCAL oms.staff = on', 'SET LOCAL oms.actor = ''root''', 'SET LOCAL oms.erasing = on', 'SET LOCAL oms.citizen_sees = ''all''']) s;
SELECT is(t.try(r, s), '42501', r || ': ' || s) FROM unnest(ARRAY['tr_nobody', 'tr_portal', 'tr_staff', 'tr_admin']) r,
	unnest(ARRAY['SET LOCAL oms.now = ''2020-01-01 00:00+00''', 'SET LOCAL oms.dispatch = off', 'SET LOCAL oms.worker = off', 'SET LOCAL oms.max_data_size = ''100MB''', 'SET LOCAL oms.max_note_size = ''100MB''',
		'SET LOCAL oms.max_open_tickets_per_role = 0', 'SELECT set_config(''oms.now'', ''2020-01-01'', true)', 'ALTER ROLE CURRENT_USER SET oms.now = ''2020-01-01''']) s;
SELECT is_empty($$SELECT name FROM pg_settings WHERE name LIKE 'oms.%' AND context = 'user'$$, 'no setting of oms is for everybody');

-- ---------------------------------------------------------------------------
-- Predicates that talk
-- ---------------------------------------------------------------------------
CREATE SEQUENCE t.heard;
GRANT ALL ON SEQUENCE t.heard TO PUBLIC;
CREATE FUNCTION t.leak(anyelement) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN PERFORM nextval('t.heard'); RETURN true; END $$;
SELECT is(t.try(r, format('SELECT * FROM oms.%I AS x WHERE t.leak(x.ticket_id)', v)), '42501', r || ' cannot hear ' || v) FROM unnest(ARRAY['tr_citizen', 'tr_portal', 'tr_agent', 'tr_monitor', 'tr_nobody']) r,
	unnest(ARRAY['ticket', 'stage', 'timeline', 'tracking_miss', 'ticket_state', 'stage_state']) v;
SELECT is((SELECT is_called FROM t.heard), false, 'nothing was heard');
SELECT is(t.try('tr_staff', 'SELECT * FROM oms.stage AS x WHERE t.leak(x.output)'), '00000', 'staff may read');
SELECT is((SELECT last_value FROM t.heard), (SELECT count(*) FROM oms.stage), 'and hear the rows of the view, no others');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind = 'v' AND relname IN ('ticket', 'stage') AND NOT 'security_barrier=true' = ANY (coalesce(reloptions, '{}'))
	AND NOT 'security_barrier' = ANY (coalesce(reloptions, '{}'))$$, 'the views are barriers');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND proleakproof AND proname !~ '^ticket_id_(eq|ne|lt|le|gt|ge|cmp|hash|hash_extended)$'$$,
	'only comparisons, which cannot fail, are leakproof');

-- ---------------------------------------------------------------------------
-- Names and texts with something in them
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE odd (n int, w text);
INSERT INTO odd VALUES (1, 'it''s'), (2, '"; DROP TABLE oms.owner; --'), (3, '%s%n%d%p%'), (4, '$1 $$'), (5, '\'), (6, 'a.b'), (7, 'ü🙂'), (8, 'Select'), (9, repeat('n', 63)), (10, '{x,"y"}');
SELECT is(t.said('tr_admin', format('SELECT oms.set_owner(%L, ''person'', %L)', w, w)), '00000', 'owner ' || w) FROM odd;
SELECT is((SELECT count(*) FROM oms.owner JOIN odd ON name = w AND supervisor = w), 10::bigint, 'they are as they were given');
SELECT is(t.said('tr_admin', format('SELECT oms.create_workflow(%L)', jsonb_build_object('name', w, 'stages', jsonb_build_array(jsonb_build_object('id', w, 'owner', w, 'label', w, 'publicOwner', w))))), '00000', 'workflow ' || w)
FROM odd;
CREATE TEMP TABLE oddly AS SELECT n, w, oms.open_ticket(w, jsonb_build_object(w, w), 'odd ' || w, 0, w) AS id FROM odd;
SELECT is(t.said('tr_staff', format('SELECT oms.claim(%L, %1$L); SELECT oms.release(%2$L, %1$L, %1$L); SELECT oms.escalate(%2$L, %1$L, %1$L, %1$L); SELECT oms.stage_done(%2$L, %1$L, %3$L)', w, id, jsonb_build_object(w, w))),
	'00000', 'a life with ' || w) FROM oddly;
SELECT is((SELECT string_agg(DISTINCT concat_ws('~', status, stages), ',') FROM (SELECT oms.get_ticket(id) ->> 'status' AS status, oms.get_ticket(id) #>> '{stages,0,output}' = jsonb_build_object(w, w)::text AS stages FROM oddly) x),
	'done~t', 'all of them are done');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chains are whole');
-- Errors say names as they are, and nothing is a format.
SELECT matches(t.said('tr_staff', format('SELECT oms.claim_stage(%L, %L)', :'tk', '%s%n%d')), '^OM003\|unknown stage "%s%n%d" of', 'a stage that is a format');
SELECT matches(t.said('tr_staff', 'SELECT oms.open_ticket(''%s%n%d'')'), '^OM001\|unknown workflow: "%s%n%d"', 'a workflow that is a format');
SELECT matches(t.said('tr_idle', 'SELECT oms.claim(''%s%n%d'')'), '^42501\|permission denied for the work of owner "%s%n%d"', 'an owner that is a format');
-- Control characters in names would be lines in somebody's log.
SELECT is(t.try('tr_admin', format('SELECT oms.set_owner(%L)', w)), '22023', 'no owner with ' || to_json(w)) FROM unnest(ARRAY[E'a\nb', E'a\rb', E'\x1b[31m', E'a\tb', E'a\u007f', '', repeat('n', 64)]) w;
SELECT is(t.try('tr_agent', format('SELECT oms.claim(''A'', %L)', w)), '22023', 'no worker with ' || to_json(w)) FROM unnest(ARRAY[E'a\nb', E'\x1b[31m', '', repeat('n', 64)]) w;
SELECT is(t.try('tr_admin', format('SELECT oms.create_workflow(%L)', jsonb_build_object('name', 'W', 'stages', jsonb_build_array(jsonb_build_object('id', i, 'owner', o))))), 'OM004', 'no stage ' || to_json(i) || ' of ' || to_json(o))
FROM (VALUES (E'a\nb', 'A'), ('a', E'A\nB'), (E'\x1b[31m', 'A')) v (i, o);
-- Notes may have lines.
SELECT is(t.try('tr_staff', format('SELECT oms.comment(%L, %L)', :'tk', E'one\ntwo\x1b[31m %s')), '00000', 'a note with lines');
SELECT is((SELECT note FROM oms.timeline WHERE ticket_id = :'tk' ORDER BY seq DESC LIMIT 1), E'one\ntwo\x1b[31m %s', '… is kept as it is');

-- ---------------------------------------------------------------------------
-- Errors that would tell
-- ---------------------------------------------------------------------------
-- What somebody without rights learns of a ticket that is there and of one that is not, but for its number.
CREATE FUNCTION t.same(role text, call text, ticket text) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN a = b THEN left(a, 5) ELSE a || ' <> ' || b END
	FROM (SELECT replace(t.said(role, format(call, ticket)), ticket, '#') AS a, replace(t.said(role, format(call, 'L-2026-77777')), 'L-2026-77777', '#') AS b) x $$;
SELECT is(t.same(r, s, n), '42501', r || ': unknown and forbidden are the same: ' || s)
FROM (VALUES ('tr_idle', 'SELECT oms.stage_done(%L, ''a'')'), ('tr_idle', 'SELECT oms.stage_done(%L, ''no such stage'')'), ('tr_idle', 'SELECT oms.claim_stage(%L, ''hush'')'), ('tr_idle', 'SELECT oms.heartbeat(%L, ''a'', 1)'),
	('tr_idle', 'SELECT oms.release(%L, ''a'')'), ('tr_idle', 'SELECT oms.stage_failed(%L, ''a'', ''e'')'), ('tr_idle', 'SELECT oms.stages_done(''[{"ticket":"%s","stage":"a"}]'')'), ('tr_idle', 'SELECT oms.next_stages(%L)'),
	('tr_portal2', 'SELECT oms.tracking_number(%L)'), ('tr_portal2', 'SELECT oms.comment(%L, ''c'', public => true)'), ('tr_portal2', 'SELECT oms.comment(%L, ''c'', ''no such stage'', true)')) v (r, s), unnest(ARRAY[:'tk', :'hidden']) n;
SELECT is(t.said('tr_portal', $$SELECT oms.open_ticket('Loan', '{"guess":1}', 'key one')$$) ~ 'OM008.*(Jane|"n"|L-2026)', false, 'a conflict of keys tells nothing of the other request');
SELECT is(t.said(r, 'SELECT * FROM oms.secret'), '42501|permission denied for table secret', r || ' is told nothing more') FROM unnest(ARRAY['tr_citizen', 'tr_agent', 'tr_admin']) r;
SELECT is(t.said('tr_agent', format('SELECT oms.get_ticket(%L)', n)), '42501|permission denied for function get_ticket', 'whether ' || n || ' is there or not') FROM unnest(ARRAY[:'hidden', 'L-2026-77777']) n;

-- ---------------------------------------------------------------------------
-- Roles that read everything
-- ---------------------------------------------------------------------------
SELECT is(jsonb_array_length(t.rows('tr_reader', 'SELECT * FROM oms.secret')), 0, 'pg_read_all_data sees no secret');
SELECT cmp_ok(jsonb_array_length(t.rows('tr_reader', 'SELECT * FROM oms.timeline')), '>', 0, 'though it sees the rest');
SELECT is((SELECT count(*) FROM oms.secret), 1::bigint, 'and there is one');
SELECT is(t.try('tr_reader', format('SELECT oms.tracking_number(%L)', :'tk')), '42501', 'it has no function');
SELECT is(t.try('tr_reader', format('SET LOCAL row_security = off; SELECT * FROM oms.secret')), '42501', 'nor a way to switch it off');
SELECT is_empty($$SELECT FROM pg_policies WHERE schemaname = 'oms'$$, 'no policy lets anybody in');
SELECT is_empty(format($$SELECT relname FROM pg_class c WHERE relnamespace = 'oms'::regnamespace AND relkind = 'r' AND relname <> 'secret'
	AND t.rows('tr_reader', format('SELECT * FROM oms.%%I', relname))::text LIKE %L$$, '%' || (SELECT substr(encode(key, 'hex'), 1, 32) FROM oms.secret) || '%'), 'and it stands nowhere else');

-- ---------------------------------------------------------------------------
-- Trigger functions
-- ---------------------------------------------------------------------------
CREATE TABLE t.mine (ticket_id oms.ticket_id, stage text, status text, owner text, worker text, priority int);
INSERT INTO t.mine VALUES (:'tk', 'a', 'queued', 'A', NULL, 0);
CREATE VIEW t.view AS SELECT * FROM t.mine;
UPDATE image SET before = t.image();
SELECT is(t.try('tr_admin', format('SELECT oms.%I()', f)), '42501', f || ' is not for anybody') FROM unnest(ARRAY['guard', 'update_stage', 'update_ticket']) f;
SELECT isnt(t.try('postgres', format('SELECT oms.%I()', f)), '00000', f || ' is not to be called') FROM unnest(ARRAY['guard', 'update_stage', 'update_ticket']) f;
ALTER TABLE t.mine OWNER TO tr_admin;
GRANT CREATE ON SCHEMA t TO tr_admin;
SELECT is(t.try('tr_admin', format('CREATE TRIGGER x BEFORE UPDATE ON t.mine FOR EACH ROW EXECUTE FUNCTION oms.%I()', f)), '42501', f || ' is not for a table of one''s own') FROM unnest(ARRAY['guard', 'update_stage', 'update_ticket']) f;
-- A superuser can attach them; they refuse what is not theirs.
SELECT is(t.try('postgres', format('CREATE TRIGGER x BEFORE UPDATE OR DELETE ON t.mine FOR EACH ROW EXECUTE FUNCTION oms.%I(); UPDATE t.mine SET status = ''done''', f)), '39P01', f || ' as the trigger of a table')
FROM unnest(ARRAY['update_stage', 'update_ticket']) f;
SELECT is(t.try('postgres', format('CREATE TRIGGER x INSTEAD OF UPDATE OR DELETE ON t.view FOR EACH ROW EXECUTE FUNCTION oms.%I(); UPDATE t.view SET status = ''done''', f)), '39P01', f || ' as the trigger of another view')
FROM unnest(ARRAY['update_stage', 'update_ticket']) f;
SELECT is(t.try('postgres', 'CREATE TRIGGER x BEFORE UPDATE ON t.mine FOR EACH ROW EXECUTE FUNCTION oms.guard(''%s%n''); UPDATE t.mine SET status = ''done'''), 'OM009', 'guard as the trigger of another table');
SELECT is(t.try('tr_staff', format('UPDATE oms.ticket SET status = ''cancelled'' WHERE ticket_id = %L', :'tk')), '42501', 'the views are for reading');
SELECT is(t.image(), before, 'nothing has changed') FROM image;

-- ---------------------------------------------------------------------------
-- Too much
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.limited(setting text, value text, role text, sql text) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM set_config(setting, value, true);
	PERFORM set_config('role', role, true);
	EXECUTE sql;
	RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = 'fine';
EXCEPTION WHEN OTHERS THEN
	RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END $$;
SELECT count(*) AS open FROM oms.ticket WHERE opened_by = 'tr_portal' AND status NOT IN ('done', 'cancelled') \gset
SELECT is(t.limited('oms.max_open_tickets_per_role', (:'open'::int + 1)::text, 'tr_portal', s), r, 'quota: ' || s) FROM (VALUES
	('SELECT oms.open_ticket(''Loan'')', 'ZZ001 fine'),
	('SELECT oms.open_ticket(''Loan''); SELECT oms.open_ticket(''Loan'')', '53400 role "tr_portal" has too many open tickets'),
	('SELECT oms.open_tickets(''Loan'', ''{"{}","{}"}'')', '53400 role "tr_portal" has too many open tickets'),
	('SELECT oms.open_tickets(''Loan'', ''{"{}"}'')', 'ZZ001 fine')) v (s, r);
SELECT is(t.limited('oms.max_open_tickets_per_role', :'open', 'tr_portal', 'SELECT oms.open_ticket(''Loan'', ''{"two":"phases"}'', ''prepared'')'), 'ZZ001 fine', 'quota: a repeated request is no ticket more');
SELECT is(t.limited('oms.max_open_tickets_per_role', '1', 'postgres', 'SELECT oms.open_tickets(''Loan'', ''{"{}","{}"}'')'), 'ZZ001 fine', 'quota: not for superusers');
SELECT is(t.limited('oms.max_open_tickets_per_role', :'open', 'tr_portal', format('SET LOCAL ROLE postgres; SELECT oms.cancel_ticket(%L, ''r''); SET LOCAL ROLE tr_portal; SELECT oms.open_ticket(''Loan'')', :'mine')), 'ZZ001 fine', 'quota: a closed ticket makes room');
SELECT is(t.limited(g, '1kB', r, s), a, 'size: ' || g) FROM (VALUES
	('oms.max_data_size', 'tr_portal', format('SELECT oms.open_ticket(''Loan'', %L)', jsonb_build_object('x', repeat('x', 1025))), '22023 data of a ticket is too large'),
	('oms.max_data_size', 'tr_portal', format('SELECT oms.open_tickets(''Loan'', ARRAY[%L]::jsonb[])', jsonb_build_object('x', repeat('x', 1025))), '22023 data of a ticket is too large'),
	('oms.max_data_size', 'tr_portal', format('SELECT oms.open_ticket(''Loan'', %L)', jsonb_build_object('x', repeat('x', 900))), 'ZZ001 fine'),
	('oms.max_output_size', 'tr_agent', format('SELECT oms.stage_done(%L, ''a'', %L)', :'mine', jsonb_build_object('x', repeat('x', 1025))), '22023 output of a stage is too large'),
	('oms.max_output_size', 'tr_agent', format('SELECT oms.stages_done(jsonb_build_array(jsonb_build_object(''ticket'', %L, ''stage'', ''a'', ''output'', %L)))', :'mine', repeat('x', 1025)), '22023 item 1 of 1: output of a stage is too large'),
	('oms.max_output_size', 'tr_agent', format('SELECT oms.stage_done(%L, ''a'', %L)', :'mine', jsonb_build_object('x', repeat('x', 900))), 'ZZ001 fine'),
	('oms.max_note_size', 'tr_portal', format('SELECT oms.comment(%L, %L, public => true)', :'mine', repeat('x', 1025)), '22023 body is too long'),
	('oms.max_note_size', 'tr_agent', format('SELECT oms.stage_failed(%L, ''a'', %L)', :'mine', repeat('x', 1025)), '22023 error is too long'),
	('oms.max_note_size', 'tr_portal', format('SELECT oms.comment(%L, %L, public => true)', :'mine', repeat('x', 1024)), 'ZZ001 fine'),
	('oms.max_definition_size', 'tr_admin', format('SELECT oms.create_workflow(%L)', jsonb_build_object('name', 'Long', 'description', repeat('x', 2000), 'stages', '[{"id":"a","owner":"A"}]'::jsonb)), NULL)) v (g, r, s, a)
WHERE a IS NOT NULL;
SELECT matches(t.limited('oms.max_definition_size', '1kB', 'tr_admin', format('SELECT oms.create_workflow(%L)', jsonb_build_object('name', 'Long', 'description', repeat('x', 2000), 'stages', '[{"id":"a","owner":"A"}]'::jsonb))),
	'^(22023|OM004) .*too large', 'size: oms.max_definition_size');

SELECT is(t.try('tr_agent', format('SELECT oms.claim(''A'', lease => %L)', i)), '22023', 'no lease of ' || i) FROM unnest(ARRAY['0', '-1 second', '367 days', '13 months', '1000000 years', '178000000 years']) i;
SELECT is(t.try('tr_agent', format('SELECT oms.claim(''A'', qty => %s)', n)), '22023', 'no claim of ' || n) FROM unnest(ARRAY[0, -1, 10001, 2147483647]) n;

-- ---------------------------------------------------------------------------
-- The catalogue
-- ---------------------------------------------------------------------------
-- Reports count rows that those who may read them must not see one by one.
SELECT set_eq($$SELECT proname::text FROM pg_proc WHERE pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND prosecdef$$, ARRAY['sla_report', 'heat_map', 'bottlenecks', 'at_risk'],
	'no functions but reports have rights of their owner');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = prolang WHERE pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND prokind <> 'a' AND NOT (lanname = 'c' OR lanname = 'sql' AND (prosqlbody IS NOT NULL OR 'search_path=pg_catalog, pg_temp' = ANY (proconfig)))$$,
	'functions are C, or SQL that is bound, or that has a search_path of its own');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'oms'::regnamespace AND (provolatile <> 'v' OR proparallel <> 'u') AND prokind = 'f'
	AND proname ~ '^(open_|claim|heartbeat|release|stages?_(done|failed)|start_|skip_|retry_|(re)?assign|delegate|resolve|hold$|resume|send_back|reopen|attach$|escalate|comment|cancel_|erase|tick$|rotate|create_|retire_|set_|grant_|revoke_|activate|repair|enable_|disable_|seal$)'$$,
	'what writes is VOLATILE and PARALLEL UNSAFE');
SELECT is_empty($$SELECT conname FROM pg_constraint WHERE connamespace = 'oms'::regnamespace AND contype = 'f'$$, 'no foreign keys');
SELECT is_empty($$SELECT evtname FROM pg_event_trigger$$, 'no event triggers');
SELECT is_empty($$SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()$$, 'after all of this no advisory lock');

SELECT finish();
ROLLBACK;
\ir include/trust_end.psql
