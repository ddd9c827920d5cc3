-- Callers who mean harm. Each of them has some level of rights and tries to
-- get more: by objects of their own in place of ours, by another's name, by
-- other people's work, by settings, names, errors, triggers, predefined roles.
\unset ECHO
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true
SET client_min_messages = warning;

SELECT no_plan();

-- ---------------------------------------------------------------------------
-- Who is who
-- ---------------------------------------------------------------------------
CREATE ROLE tr_citizen;
CREATE ROLE tr_portal;
CREATE ROLE tr_portal2;
CREATE ROLE tr_agent;                       -- a member of A
CREATE ROLE tr_other;                       -- an agent, a member of B
CREATE ROLE tr_idle;                        -- an agent, a member of nobody
CREATE ROLE tr_team;                        -- a group, a member of A
CREATE ROLE tr_heir IN ROLE tr_team;
CREATE ROLE tr_noheir NOINHERIT IN ROLE tr_team;
CREATE ROLE tr_monitor;
CREATE ROLE tr_staff;
CREATE ROLE tr_admin;
CREATE ROLE tr_nobody;
CREATE ROLE tr_reader IN ROLE pg_read_all_data;
SELECT oms.grant_access('tr_citizen', 'citizen'), oms.grant_access('tr_portal', 'portal'), oms.grant_access('tr_portal2', 'portal'),
	oms.grant_access('tr_agent', 'agent'), oms.grant_access('tr_other', 'agent'), oms.grant_access('tr_idle', 'agent'), oms.grant_access('tr_heir', 'agent'),
	oms.grant_access('tr_noheir', 'agent'), oms.grant_access('tr_monitor', 'monitor'), oms.grant_access('tr_staff', 'staff'),
	oms.grant_access('tr_admin', 'admin') \g /dev/null
GRANT USAGE ON SCHEMA oms TO tr_reader;
SELECT oms.create_workflow('{"name":"Loan","stages":[{"id":"a","owner":"A","slaMins":60},{"id":"b","owner":"B","dependsOn":["a"]}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"Secret affairs","stages":[{"id":"hush","owner":"Z"}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"By hand","prefix":"BH","stages":[{"id":"a","owner":"A"},{"id":"m","owner":"A","manual":true}]}') \g /dev/null
SELECT oms.set_owner('A', members => '{tr_agent,tr_team}'), oms.set_owner('B', members => '{tr_other}') \g /dev/null

CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO PUBLIC;

-- Run statements as a role; the answer is the code, what they did stays.
CREATE FUNCTION t.try(role text, sql text) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM set_config('role', role, true);
	EXECUTE sql;
	PERFORM set_config('role', 'none', true);
	RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

-- The same with everything that is said.
CREATE FUNCTION t.said(role text, sql text) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	m text; d text; h text;
BEGIN
	PERFORM set_config('role', role, true);
	EXECUTE sql;
	PERFORM set_config('role', 'none', true);
	RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws('|', SQLSTATE, m, nullif(d, ''), nullif(h, ''));
END $$;

-- The rows of a query, as a role.
CREATE FUNCTION t.rows(role text, sql text) RETURNS jsonb LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	result jsonb;
BEGIN
	PERFORM set_config('role', role, true);
	EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(q)), ''[]'') FROM (%s) AS q', sql) INTO result;
	PERFORM set_config('role', 'none', true);
	RETURN result;
END $$;

-- Everything that the tables say.
CREATE FUNCTION t.image() RETURNS text LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	name text; part text; whole text := '';
BEGIN
	FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind = 'r' ORDER BY relname COLLATE "C" LOOP
		EXECUTE format('SELECT %L || md5(coalesce(string_agg(x::text, ''|'' ORDER BY x::text COLLATE "C"), '''')) FROM oms.%I AS x', name || ' ', name) INTO part;
		whole := whole || coalesce(part, '') || E'\n';
	END LOOP;
	RETURN whole;
END $$;

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
-- Objects of the caller in place of ours
-- ---------------------------------------------------------------------------
-- A twin for every function and operator of pg_catalog that can have one. Each of them says so when called.
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.step(bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'HIJACK' USING ERRCODE = 'ZZ666'; END $$;
CREATE AGGREGATE evil.count(*) (SFUNC = evil.step, STYPE = bigint, INITCOND = '0');
DO $$
DECLARE
	r record;
	body CONSTANT text := '$b$ BEGIN RAISE EXCEPTION ''HIJACK as %'', current_user USING ERRCODE = ''ZZ666''; END $b$';
BEGIN
	FOR r IN
		SELECT p.proname, oidvectortypes(p.proargtypes) AS args, format_type(p.prorettype, NULL) AS result, p.proretset
		FROM pg_proc p
		WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a') AND p.provariadic = 0 AND NOT (p.prokind = 'a' AND p.pronargs = 0)
			AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[] || p.prorettype) x JOIN pg_type y ON y.oid = x WHERE y.typtype = 'p')
	LOOP
		EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %s', r.proname, r.args, CASE WHEN r.proretset THEN 'SETOF' ELSE '' END, r.result, body);
	END LOOP;
	FOR r IN
		SELECT o.oid, o.oprname, format_type(o.oprleft, NULL) AS l, format_type(o.oprright, NULL) AS r, format_type(o.oprresult, NULL) AS result
		FROM pg_operator o JOIN pg_type a ON a.oid = o.oprleft JOIN pg_type b ON b.oid = o.oprright
		WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND a.typtype <> 'p' AND b.typtype <> 'p'
	LOOP
		EXECUTE format('CREATE FUNCTION evil.op%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %s', r.oid, r.l, r.r, r.result, body);
		EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.op%s)', r.oprname, r.l, r.r, r.oid);
	END LOOP;
END $$;
SELECT cmp_ok((SELECT count(*) FROM pg_proc WHERE pronamespace = 'evil'::regnamespace), '>', 2000::bigint, 'there are many twins');

-- Run statements as a role that has them first on its search_path, temporary types, tables and views before them. Nothing of it
-- stays. An expected answer that has the wrong kind of rows would be an error as well.
CREATE FUNCTION t.hostile(role text, sql text) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	name text;
BEGIN
	PERFORM set_config('oms.max_open_tickets_per_role', '1000', true);
	FOREACH name IN ARRAY ARRAY['text', 'jsonb', 'bool', 'int2', 'int4', 'int8', 'name', 'bytea', 'oid', 'timestamptz', 'interval', '"char"', 'regclass'] LOOP
		EXECUTE format('CREATE DOMAIN pg_temp.%s AS pg_catalog.point', CASE name WHEN '"char"' THEN name ELSE quote_ident(name) END);
	END LOOP;
	FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind = 'r'
		UNION ALL SELECT unnest(ARRAY['pg_class', 'pg_proc', 'pg_trigger', 'pg_namespace', 'pg_extension', 'pg_roles']) LOOP
		EXECUTE format('CREATE TEMP TABLE %I (forged pg_catalog.text)', name);
	END LOOP;
	CREATE TEMP VIEW ticket AS SELECT 'forged'::pg_catalog.text AS forged;
	CREATE TEMP VIEW stage AS SELECT 'forged'::pg_catalog.text AS forged;
	PERFORM set_config('role', role, true);
	PERFORM set_config('search_path', 'pg_temp, evil, oms, pg_catalog', true);
	EXECUTE sql;
	RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = 'fine';
EXCEPTION
	WHEN SQLSTATE 'ZZ001' THEN
		RETURN 'fine';
	WHEN OTHERS THEN
		RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

SELECT matches(t.hostile('tr_agent', sql), '^(ZZ666|22P02)', 'the traps work: ' || sql)
FROM unnest(ARRAY['SELECT 1 OPERATOR(evil.=) 1', 'SELECT 1 = 1', 'SELECT count(*) FROM pg_catalog.pg_am', 'SELECT lower(''X'')', $$SELECT 'x'::text$$]) sql;
SELECT is(t.hostile('tr_agent', 'SELECT pg_catalog.count(*) FROM pg_catalog.pg_am'), 'fine', 'and full names get past them');
CREATE TEMP TABLE calls (role text, sql text);
INSERT INTO calls SELECT 'tr_citizen', format(s, :'tracking', :'tk') FROM unnest(ARRAY['SELECT oms.track(%1$L)', 'SELECT oms.get_timeline(%1$L)',
	'SELECT oms.get_timeline(%2$L)', 'SELECT oms.track(''%2$s-000000000'')', 'SELECT oms.track(''garbage'')', 'SELECT oms.version()', 'SELECT * FROM oms.help()']) s;
INSERT INTO calls SELECT 'tr_portal', format(s, :'mine') FROM unnest(ARRAY['SELECT oms.open_ticket(''Loan'')', 'SELECT oms.open_ticket(''Loan'', ''{"k":1}'', ''a key'', 3, ''Joe'')',
	'SELECT oms.open_tickets(''Loan'', ''{"{}","{}"}'')', 'SELECT oms.tracking_number(%1$L)', 'SELECT oms.comment(%1$L, ''hello'', public => true)', 'SELECT oms.get_timeline(%1$L)']) s;
INSERT INTO calls SELECT 'tr_agent', format(s, :'tk') FROM unnest(ARRAY['SELECT oms.claim(''A'')', 'SELECT oms.claim_stage(%1$L, ''a''); SELECT oms.release(%1$L, ''a'', ''why'')',
	'SELECT oms.claim_stage(%1$L, ''a''); SELECT oms.heartbeat(%1$L, ''a'', 3)', 'SELECT oms.stage_done(%1$L, ''a'', ''{"o":1}'')', 'SELECT oms.stages_done(''[{"ticket":"%1$s","stage":"a"}]'')',
	'SELECT oms.stage_failed(%1$L, ''a'', ''no'')', 'SELECT oms.stage_failed(%1$L, ''a'', ''no'', retryable => false)', 'SELECT oms.next_stages(%1$L)',
	'SELECT oms.next_stages(''{"name":"N","stages":[{"id":"b","owner":"B","when":"$.x > 1","minAmount":3}]}'', ''{}'', ''{"x":1}'')']) s;
INSERT INTO calls SELECT 'tr_monitor', s FROM unnest(ARRAY['SELECT * FROM oms.worker_status', 'SELECT * FROM oms.worker_errors', 'SELECT oms.worker_status()', 'SELECT oms.clock()', 'SELECT * FROM oms.metrics', 'SELECT oms.metrics_text()', 'SELECT * FROM oms.health()',
	'SELECT * FROM oms.sla_report(NULL, NULL)', 'SELECT * FROM oms.heat_map(NULL, NULL)', 'SELECT * FROM oms.heat_map(NULL, NULL, ''weekday'')', 'SELECT * FROM oms.heat_map(NULL, NULL, ''owner'')',
	'SELECT * FROM oms.bottlenecks(NULL, NULL)', 'SELECT * FROM oms.at_risk()', 'SELECT * FROM oms.queue', 'SELECT * FROM oms.aging']) s;
INSERT INTO calls SELECT 'tr_staff', format(s, :'tk') FROM unnest(ARRAY['SELECT oms.get_ticket(%1$L)', 'SELECT * FROM oms.ticket', 'SELECT * FROM oms.stage', 'SELECT * FROM oms.timeline',
	'SELECT oms.get_timeline(%1$L)', 'SELECT oms.escalate(%1$L, ''a'', ''r'')', 'SELECT oms.escalate(%1$L, ''a'', ''r'', ''B'')', 'SELECT oms.reassign(%1$L, ''a'', ''B'', ''r'')', 'SELECT oms.skip_stage(%1$L, ''a'', ''r'')',
	'SELECT oms.stage_failed(%1$L, ''a'', ''no'', retryable => false); SELECT oms.retry_stage(%1$L, ''a'', ''r'')', 'SELECT oms.cancel_ticket(%1$L, ''r'')', 'SELECT oms.comment(%1$L, ''c'')',
	'SELECT oms.verify_timeline()', 'SELECT oms.verify_timeline(%1$L)', 'SELECT oms.rotate_tracking_number(%1$L)', 'SELECT oms.get_workflow(''Loan'')', 'SELECT oms.validate_workflow(''{}'')',
	'SELECT oms.open_ticket(''Loan'')', 'SELECT oms.proof(%1$L)', 'SELECT oms.verify_seals()', 'SELECT * FROM oms.check()', 'SELECT * FROM oms.check(%1$L)', 'SELECT oms.diagram(''Loan'')', 'SELECT oms.draw_workflow(''{"name":"N","stages":[{"id":"b","owner":"B"}]}'')', 'SELECT oms.diagram(%1$L::oms.ticket_id, ''dot'')']) s;
INSERT INTO calls SELECT 'tr_staff', format(s, :'tk', :'manual') FROM unnest(ARRAY['SELECT oms.assign(%1$L, ''a'', ''w'', ''why'')', 'SELECT oms.attach(%1$L, ''n'', ''https://x.example/n'', pg_catalog.repeat(''0'', 64), ''a'', true); SELECT * FROM oms.attachment',
	'SELECT oms.claim_stage(%1$L, ''a'', ''w''); SELECT oms.delegate(%1$L, ''a'', ''x'', ''why'')', 'SELECT oms.claim_stage(%1$L, ''a'', ''w''); SELECT oms.delegate(%1$L, ''a'', ''x''); SELECT oms.resolve(%1$L, ''a'', ''why'')',
	'SELECT * FROM oms.explain(%1$L)', 'SELECT * FROM oms.explain_clock(%1$L)', 'SELECT * FROM oms.explain_clock(%1$L, ''a'')', 'SELECT oms.hold(%1$L, ''a'', ''r'', ''2100-01-01 00:00+00'')',
	'SELECT oms.hold(%1$L, NULL, ''r''); SELECT * FROM oms.explain(%1$L); SELECT * FROM oms.explain_clock(%1$L, ''a''); SELECT oms.resume(%1$L, NULL, ''r'')', 'SELECT oms.hold(%1$L, ''a'', ''r''); SELECT oms.resume(%1$L, ''a'')',
	'SELECT * FROM oms.my_work(''A'')', 'SELECT * FROM oms.my_work(''tr_agent'', 1)', 'SELECT oms.stage_done(%1$L, ''a''); SELECT oms.send_back(%1$L, ''b'', ''a'', ''r'')',
	'SELECT oms.stage_done(%1$L, ''a''); SELECT oms.reopen(%1$L, ''a'', ''r'')', 'SELECT oms.cancel_ticket(%1$L, ''r''); SELECT oms.reopen(%1$L, ''a'', ''r'')', 'SELECT oms.set_absence(''w'', ''2100-01-01 00:00+00'', ''2100-02-01 00:00+00'', ''x'')',
	'SELECT oms.start_stage(%2$L, ''m'')', 'SELECT * FROM oms.hold, oms.hold_reason, oms.absence, oms.stage_past, oms.clock_segment']) s;
INSERT INTO calls SELECT 'tr_admin', s FROM unnest(ARRAY['SELECT oms.set_hold_reason(''r'', true, ''applicant'', 2, ''l'')',
	-- work that is handed out, to members and to who stands in; a person who is away
	'SELECT oms.set_owner(''A'', ''group'', ''Boss'', NULL, ''{tr_agent,tr_other}'', ''round_robin''); SELECT oms.open_tickets(''Loan'', ''{"{}","{}"}'')',
	'SELECT oms.set_owner(''A'', ''group'', ''Boss'', NULL, ''{tr_agent,tr_other}'', ''least_loaded''); SELECT oms.set_absence(''tr_agent'', ''2000-01-01 00:00+00'', ''2100-01-01 00:00+00'', ''x''); SELECT oms.open_tickets(''Loan'', ''{"{}","{}"}'')',
	'SELECT oms.set_owner(''A'', ''person''); SELECT oms.set_absence(''A'', ''2000-01-01 00:00+00'', ''2100-01-01 00:00+00'', ''x''); SELECT oms.open_ticket(''Loan'')',
	-- clocks by a calendar, which then changes
	'SELECT oms.create_calendar(''c'', ''{"timezone":"UTC","hours":{"mon":["09:00-17:00"]}}''); SELECT oms.create_workflow(''{"name":"Timed","calendar":"c","slaMins":9,"stages":[{"id":"a","owner":"A","slaDays":3}]}''); SELECT oms.open_ticket(''Timed''); SELECT oms.create_calendar(''c'', ''{"timezone":"UTC","hours":{"tue":["09:00-17:00"]}}''); SELECT oms.tick()',
	'SELECT oms.create_calendar(''c'', ''{"timezone":"UTC","hours":{"mon":["09:00-17:00"]}}''); SELECT oms.business_time(''c'', ''2026-03-02 00:00+00'', ''2026-03-03 00:00+00''), oms.business_add(''c'', ''2026-03-02 00:00+00'', 60)']) s;
INSERT INTO calls SELECT 'tr_admin', format(s, :'tk') FROM unnest(ARRAY['SELECT oms.create_workflow(''{"name":"New","stages":[{"id":"a","owner":"A"},{"id":"b","owner":"B","when":"$.x > 1"}]}'')',
	'SELECT oms.create_workflow(''{"name":"Loan","stages":[{"id":"a","owner":"A"}]}'')', 'SELECT oms.retire_workflow(''Loan'')', 'SELECT oms.set_owner(''A'', ''group'', ''Boss'', NULL, ''{tr_agent,tr_other}'')',
	'SELECT oms.grant_access(''tr_nobody'', ''admin'')', 'SELECT oms.revoke_access(''tr_agent'')', 'SELECT oms.erase(%1$L, ''{data}'', ''r'')', 'SELECT oms.erase(%1$L, ''{n,applicant}'', ''r'')',
	'SELECT oms.erase_applicant(''Jane'', ''r'')', 'SELECT oms.tick()', 'SELECT oms.activate()', 'SELECT oms.repair_guards()', 'SELECT oms.roll_up()', 'SELECT oms.roll_up(true); SELECT * FROM oms.workload',
	'SELECT oms.seal()', 'SELECT oms.seal(true); SELECT oms.proof(%1$L); SELECT oms.verify_seals()',
	'SELECT oms.seal(true); SELECT oms.add_stamp(s.number, pg_catalog.byteacat(''\x0420'', s.hash)) FROM oms.seals AS s; SELECT oms.proof(%1$L, journal => true)']) s;
SELECT is(t.hostile(role, sql), 'fine', 'hostile path: ' || role || ': ' || sql) FROM calls;
SELECT is(t.hostile('postgres', sql), 'fine', 'hostile path: superuser: ' || sql) FROM calls WHERE role NOT IN ('tr_citizen', 'tr_portal');
-- With guards that have to be repaired, and a view that is updated.
SELECT is(t.hostile('postgres', 'ALTER TABLE oms.owner SET (fillfactor = 90); SELECT oms.repair_guards()'), 'fine', 'hostile path: repair after a change');
SELECT is(t.hostile('postgres', $$UPDATE oms.ticket SET priority = 5 WHERE ticket_id OPERATOR(pg_catalog.=) 'L-2026-00001'$$), 'fine', 'hostile path: UPDATE of a view');
-- The answer itself is ours.
CREATE FUNCTION t.under(path text, sql text) RETURNS jsonb LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	result jsonb;
BEGIN
	PERFORM set_config('search_path', path, true);
	EXECUTE sql INTO result;
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	RETURN result;
END $$;
SELECT is(t.under('pg_temp, evil, oms, pg_catalog', format(s, :'tk')), t.under('pg_catalog', format(s, :'tk')), 'hostile path: the same answer: ' || s)
FROM unnest(ARRAY['SELECT oms.get_ticket(%L)', 'SELECT pg_catalog.to_jsonb(x) FROM oms.ticket AS x LIMIT 1', 'SELECT pg_catalog.jsonb_agg(x) FROM oms.get_timeline(%L) AS x']) s;

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
-- What only staff may do, not for their own work either; and what only administrators may.
SELECT is(t.try(r, sql), '42501', r || ' is not staff: ' || sql) FROM calls, unnest(ARRAY['tr_agent', 'tr_citizen', 'tr_portal', 'tr_monitor', 'tr_nobody']) r
WHERE role = 'tr_staff' AND sql ~ 'oms\.(assign|attach|delegate|resolve|explain|explain_clock|hold|resume|my_work|send_back|reopen|set_absence|start_stage)\M';
SELECT is(t.try('tr_staff', sql), '42501', 'tr_staff is not admin: ' || sql) FROM calls WHERE role = 'tr_admin' AND sql ~ 'oms\.(set_|create_)';
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
-- Read-only
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.read_only(role text, sql text) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM set_config('role', role, true);
	PERFORM set_config('transaction_read_only', 'on', true);
	EXECUTE sql;
	RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = 'fine';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT is(t.read_only(role, sql), CASE WHEN sql ~ '^SELECT (\* FROM )?oms\.(track|get_timeline|diagram|draw_workflow|proof|verify_seals|check|tracking_number|get_ticket|get_workflow|validate_workflow|verify_timeline|next_stages|version|worker_status|worker_errors|sla_report|heat_map|bottlenecks|at_risk|clock|explain|explain_clock|my_work|help|metrics_text|health)\(|\* FROM oms\.(metrics|ticket|stage|timeline|worker|hold\M|queue|aging)'
	THEN 'ZZ001' ELSE '25006' END, 'read-only: ' || sql) FROM calls WHERE sql !~ 'repair_guards|activate';
SELECT is(t.read_only('tr_admin', sql), '25006', 'read-only: ' || sql) FROM unnest(ARRAY['SELECT oms.repair_guards()', 'SELECT oms.activate()']) sql;

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
-- Erasure
-- ---------------------------------------------------------------------------
-- Where a word stands in any column of any table of oms, and of its views but those of check(), which show nothing else.
CREATE FUNCTION t.where_is(word text) RETURNS SETOF text LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	name text;
	relation regclass;
BEGIN
	FOR name, relation IN SELECT relname, oid FROM pg_class WHERE relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND relkind IN ('r', 'v', 'm', 'p') AND relname !~ '^check' ORDER BY relname COLLATE "C" LOOP
		RETURN QUERY EXECUTE format('SELECT DISTINCT %L FROM %s AS x WHERE strpos(to_jsonb(x)::text, $1) > 0', name, relation) USING word;
	END LOOP;
END $$;
SELECT oms.open_ticket('Loan', '{"name":"CANARY-data","keep":{"me":1},"deep":{"ssn":"CANARY-deep","x":1},"list":[1,"CANARY-list"]}', 'erase me', 0, 'CANARY-applicant')::text AS e1,
	oms.open_ticket('Loan', '{"name":"CANARY-data","n":2}', 'erase me too', 0, 'CANARY-applicant')::text AS e2, oms.open_ticket('Loan', '{"name":"bystander"}', NULL, 0, 'bystander')::text AS e3 \gset
SELECT oms.comment(:'e1', 'CANARY-note'), oms.comment(:'e1', 'CANARY-public', 'a', true), oms.escalate(:'e1', 'a', 'CANARY-reason'), oms.comment(:'e1', 'plain') \g /dev/null
SELECT oms.stage_failed(:'e1', 'a', 'CANARY-error') \g /dev/null
SELECT oms.stage_done(:'e1', 'a', '{"result":"CANARY-output","ok":true}'), oms.stage_done(:'e2', 'a', '{"result":"CANARY-output"}') \g /dev/null
SELECT set_eq($$SELECT * FROM t.where_is('CANARY-data')$$, ARRAY['ticket', 'timeline'], 'the data stands in two places');
SELECT set_eq($$SELECT * FROM t.where_is('CANARY-applicant')$$, ARRAY['any_ticket', 'open_stage', 'report_open', 'ticket', 'ticket_state'], 'the applicant too');
SELECT set_eq($$SELECT * FROM t.where_is('CANARY-output')$$, ARRAY['stage', 'timeline'], 'and the output');
CREATE TEMP TABLE hashes AS SELECT ticket_id, seq, hash FROM oms.timeline;

-- Piece by piece.
SELECT is(t.try('tr_staff', format('SELECT oms.erase(%L, ''{name}'', ''r'')', :'e1')), '42501', 'staff do not erase');
SELECT is(oms.erase(:'e1', '{name,deep.ssn}', 'request 1'), 2, 'two keys of the data');
SELECT is(oms.get_ticket(:'e1') -> 'data', '{"keep":{"me":1},"deep":{"x":1},"list":[1,"CANARY-list"]}'::jsonb, 'the rest of it stays');
SELECT is((SELECT count(*) FROM t.where_is('CANARY-deep')), 0::bigint, 'a key within is gone everywhere');
SELECT is(oms.erase(:'e1', '{output.a.result}', 'request 2'), 1, 'a key of an output');
SELECT is(oms.get_ticket(:'e1') #> '{stages,0,output}', '{"ok":true}', 'the rest of it stays');
SELECT seq AS note_seq FROM oms.timeline WHERE ticket_id = :'e1' AND note = 'CANARY-note' \gset
SELECT is(oms.erase(:'e1', ARRAY['note.' || :'note_seq'], 'request 3'), 1, 'one note');
SELECT is(t.try('tr_admin', format('SELECT oms.erase(%L, ''{note.%s}'', ''r'')', e.ticket_id, e.seq)), '22023', 'note.' || e.seq || ' of an event with data is not the data') FROM oms.timeline e WHERE e.ticket_id = :'e2' AND e.payload IS NOT NULL;
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'e2' AND payload::text LIKE '%CANARY%'), 2::bigint, '… which is still there');
SELECT is((SELECT count(*) FROM t.where_is('CANARY-note')), 0::bigint, '… is gone');
SELECT is((SELECT count(*) FROM t.where_is('CANARY-reason')), 2::bigint - 1, '… the others stay');
SELECT is(t.try('tr_admin', format('SELECT oms.erase(%L, ARRAY[%L], ''r'')', :'e1', p)), '22023', 'names nothing: ' || p)
FROM unnest(ARRAY['name', 'deep.ssn', 'no.such', 'note.' || :'note_seq', 'note.0', 'note.99999', 'note.x', 'note.1', 'output.b', '', 'output.a.result']) p;
SELECT is(t.try('tr_admin', format('SELECT oms.erase(%L, ''{list,no such}'', ''r'')', :'e1')), '22023', 'all paths or none');
SELECT is(oms.get_ticket(:'e1') #>> '{data,list,1}', 'CANARY-list', '… so it is still there');
SELECT is(oms.erase(:'e1', '{notes}', 'request 4'), 1, 'all notes');
SELECT is((SELECT count(*) FROM t.where_is(w)), 0::bigint, w || ' is gone') FROM unnest(ARRAY['CANARY-note', 'CANARY-public', 'CANARY-reason', 'CANARY-error']) w;
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'e1' AND status = 'erased' AND note LIKE 'request _'), 4::bigint, 'the reasons of erasures stay: they say why the others are gone');
SELECT is(oms.erase(:'e1', '{data,output.a,applicant}', 'request 5'), 3, 'what is left');
SELECT is((SELECT oms.get_ticket(:'e1') - 'history') ->> 'applicant', NULL, 'no applicant');
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'e1' AND to_jsonb(timeline)::text LIKE '%CANARY%'), 0::bigint, 'nothing of the ticket is left in its timeline');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chain is whole');

-- A whole person.
SELECT is(oms.erase_applicant('CANARY-applicant', 'letter of today'), 1, 'erase_applicant: the ticket that still was theirs');
SELECT is_empty($$SELECT * FROM t.where_is('CANARY')$$, 'no trace in any table of oms');
SELECT is(oms.erase_applicant('CANARY-applicant', 'again'), 0, 'again: nothing left to do');
SELECT is(oms.get_ticket(:'e2') -> 'data', '{}', 'no data');
SELECT is(oms.get_ticket(:'e2') #> '{stages,0,output}', '{}', 'no output');
SELECT is(oms.get_ticket(:'e3') #>> '{data,name}', 'bystander', 'others keep theirs');
SELECT is((SELECT applicant FROM oms.ticket WHERE ticket_id = :'e3'), 'bystander', '… all of it');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chains are whole');
SELECT is_empty($$SELECT * FROM hashes h WHERE hash IS DISTINCT FROM (SELECT e.hash FROM oms.timeline e WHERE e.ticket_id = h.ticket_id AND e.seq = h.seq)$$, 'no hash has changed');
SELECT is_empty($$SELECT ticket_id, seq FROM oms.timeline WHERE salt IS NULL AND (note IS NOT NULL OR payload IS NOT NULL)$$, 'no content without its salt');
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'e2' AND (note_digest IS NOT NULL OR payload_digest IS NOT NULL) AND salt IS NOT NULL), 0::bigint, 'no digest with its salt');
SELECT cmp_ok((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'e2' AND payload_digest IS NOT NULL), '>=', 2::bigint, 'the digests stay');
SELECT is_empty($$SELECT key FROM oms.idempotency WHERE key LIKE 'erase me%' AND request_hash IS NOT NULL$$, 'nor a digest of the request');
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id IN (:'e1', :'e2') AND status = 'erased'), 6::bigint, 'each erasure is an event');
-- The request again is the same ticket, whatever its data: it cannot be compared any more.
SELECT is(oms.open_ticket('Loan', '{"name":"CANARY-data","n":2}', 'erase me too')::text, :'e2', 'the same request: the same ticket');
SELECT is_empty($$SELECT * FROM t.where_is('CANARY')$$, '… and the data is not back');
-- Life goes on.
SELECT is(oms.stage_done(:'e2', 'b')::text, '{}', 'the ticket can be finished');
SELECT is(oms.get_ticket(:'e2') ->> 'status', 'done', '… is');
SELECT isnt(oms.track(oms.tracking_number(:'e2')), NULL, 'its tracking number works');
SELECT is(t.try('tr_admin', s), c, s) FROM (VALUES ('SELECT oms.erase(''L-2026-77777'', ''{data}'', ''r'')', 'OM002'), (format('SELECT oms.erase(%L, ''{data}'', NULL)', :'e3'), '22023'), (format('SELECT oms.erase(%L, NULL, ''r'')', :'e3'), '22023'),
	(format('SELECT oms.erase(%L, ''{NULL}'', ''r'')', :'e3'), '22023'), ('SELECT oms.erase_applicant(NULL, ''r'')', '22023'), ('SELECT oms.erase_applicant(''x'', '''')', '22023')) v (s, c);

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
SELECT oms.revoke_access(r) FROM unnest(ARRAY['tr_citizen', 'tr_portal', 'tr_portal2', 'tr_agent', 'tr_other', 'tr_idle', 'tr_heir', 'tr_noheir', 'tr_monitor', 'tr_staff', 'tr_admin']::name[]) r \g /dev/null
REVOKE ALL ON SCHEMA oms FROM tr_reader;
DROP ROLE tr_citizen, tr_portal, tr_portal2, tr_agent, tr_other, tr_idle, tr_heir, tr_noheir, tr_monitor, tr_staff, tr_admin, tr_nobody, tr_reader, tr_team;
