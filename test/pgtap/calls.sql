-- Every call of every level: as callers make it who have put objects of their own in place of ours, as those make it who do not
-- have the right to it, and in a transaction that is read-only.
\ir include/settings.psql
SET client_min_messages = warning;

SELECT no_plan();
\set roles ca
\ir include/trust.psql

-- What is over by now can be sealed.
SELECT oms.open_ticket('Loan'), oms.open_ticket('Loan') \g /dev/null

BEGIN;
SELECT oms.open_ticket('Loan', '{"n":1}', 'key one', 0, 'Jane')::text AS tk, oms.open_ticket('Loan', '{"n":2}')::text AS other,
	oms.open_ticket('Secret affairs', '{"n":3}')::text AS hidden, oms.open_ticket('By hand')::text AS manual \gset
SET LOCAL ROLE ca_portal;
SELECT oms.open_ticket('Loan', '{"mine":true}')::text AS mine \gset
SET LOCAL ROLE ca_portal2;
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

SELECT matches(t.hostile('ca_agent', sql), '^(ZZ666|22P02)', 'the traps work: ' || sql)
FROM unnest(ARRAY['SELECT 1 OPERATOR(evil.=) 1', 'SELECT 1 = 1', 'SELECT count(*) FROM pg_catalog.pg_am', 'SELECT lower(''X'')', $$SELECT 'x'::text$$]) sql;
SELECT is(t.hostile('ca_agent', 'SELECT pg_catalog.count(*) FROM pg_catalog.pg_am'), 'fine', 'and full names get past them');
CREATE TEMP TABLE calls (role text, sql text);
INSERT INTO calls SELECT 'ca_citizen', format(s, :'tracking', :'tk') FROM unnest(ARRAY['SELECT oms.track(%1$L)', 'SELECT oms.get_timeline(%1$L)',
	'SELECT oms.get_timeline(%2$L)', 'SELECT oms.track(''%2$s-000000000'')', 'SELECT oms.track(''garbage'')', 'SELECT oms.version()', 'SELECT * FROM oms.help()']) s;
INSERT INTO calls SELECT 'ca_portal', format(s, :'mine') FROM unnest(ARRAY['SELECT oms.open_ticket(''Loan'')', 'SELECT oms.open_ticket(''Loan'', ''{"k":1}'', ''a key'', 3, ''Joe'')',
	'SELECT oms.open_tickets(''Loan'', ''{"{}","{}"}'')', 'SELECT oms.tracking_number(%1$L)', 'SELECT oms.comment(%1$L, ''hello'', public => true)', 'SELECT oms.get_timeline(%1$L)']) s;
INSERT INTO calls SELECT 'ca_agent', format(s, :'tk') FROM unnest(ARRAY['SELECT oms.claim(''A'')', 'SELECT oms.claim_stage(%1$L, ''a''); SELECT oms.release(%1$L, ''a'', ''why'')',
	'SELECT oms.claim_stage(%1$L, ''a''); SELECT oms.heartbeat(%1$L, ''a'', 3)', 'SELECT oms.stage_done(%1$L, ''a'', ''{"o":1}'')', 'SELECT oms.stages_done(''[{"ticket":"%1$s","stage":"a"}]'')',
	'SELECT oms.stage_failed(%1$L, ''a'', ''no'')', 'SELECT oms.stage_failed(%1$L, ''a'', ''no'', retryable => false)', 'SELECT oms.next_stages(%1$L)',
	'SELECT oms.next_stages(''{"name":"N","stages":[{"id":"b","owner":"B","when":"$.x > 1","minAmount":3}]}'', ''{}'', ''{"x":1}'')']) s;
INSERT INTO calls SELECT 'ca_monitor', s FROM unnest(ARRAY['SELECT * FROM oms.worker_status', 'SELECT * FROM oms.worker_errors', 'SELECT oms.worker_status()', 'SELECT oms.clock()', 'SELECT * FROM oms.metrics', 'SELECT oms.metrics_text()', 'SELECT * FROM oms.health()',
	'SELECT * FROM oms.sla_report(NULL, NULL)', 'SELECT * FROM oms.heat_map(NULL, NULL)', 'SELECT * FROM oms.heat_map(NULL, NULL, ''weekday'')', 'SELECT * FROM oms.heat_map(NULL, NULL, ''owner'')',
	'SELECT * FROM oms.bottlenecks(NULL, NULL)', 'SELECT * FROM oms.at_risk()', 'SELECT * FROM oms.queue', 'SELECT * FROM oms.aging']) s;
INSERT INTO calls SELECT 'ca_staff', format(s, :'tk') FROM unnest(ARRAY['SELECT oms.get_ticket(%1$L)', 'SELECT * FROM oms.ticket', 'SELECT * FROM oms.stage', 'SELECT * FROM oms.timeline',
	'SELECT oms.get_timeline(%1$L)', 'SELECT oms.escalate(%1$L, ''a'', ''r'')', 'SELECT oms.escalate(%1$L, ''a'', ''r'', ''B'')', 'SELECT oms.reassign(%1$L, ''a'', ''B'', ''r'')', 'SELECT oms.skip_stage(%1$L, ''a'', ''r'')',
	'SELECT oms.stage_failed(%1$L, ''a'', ''no'', retryable => false); SELECT oms.retry_stage(%1$L, ''a'', ''r'')', 'SELECT oms.cancel_ticket(%1$L, ''r'')', 'SELECT oms.comment(%1$L, ''c'')',
	'SELECT oms.verify_timeline()', 'SELECT oms.verify_timeline(%1$L)', 'SELECT oms.rotate_tracking_number(%1$L)', 'SELECT oms.get_workflow(''Loan'')', 'SELECT oms.validate_workflow(''{}'')',
	'SELECT oms.open_ticket(''Loan'')', 'SELECT oms.proof(%1$L)', 'SELECT oms.verify_seals()', 'SELECT * FROM oms.check()', 'SELECT * FROM oms.check(%1$L)', 'SELECT oms.diagram(''Loan'')', 'SELECT oms.draw_workflow(''{"name":"N","stages":[{"id":"b","owner":"B"}]}'')', 'SELECT oms.diagram(%1$L::oms.ticket_id, ''dot'')']) s;
INSERT INTO calls SELECT 'ca_staff', format(s, :'tk', :'manual') FROM unnest(ARRAY['SELECT oms.assign(%1$L, ''a'', ''w'', ''why'')', 'SELECT oms.attach(%1$L, ''n'', ''https://x.example/n'', pg_catalog.repeat(''0'', 64), ''a'', true); SELECT * FROM oms.attachment',
	'SELECT oms.claim_stage(%1$L, ''a'', ''w''); SELECT oms.delegate(%1$L, ''a'', ''x'', ''why'')', 'SELECT oms.claim_stage(%1$L, ''a'', ''w''); SELECT oms.delegate(%1$L, ''a'', ''x''); SELECT oms.resolve(%1$L, ''a'', ''why'')',
	'SELECT * FROM oms.explain(%1$L)', 'SELECT * FROM oms.explain_clock(%1$L)', 'SELECT * FROM oms.explain_clock(%1$L, ''a'')', 'SELECT oms.hold(%1$L, ''a'', ''r'', ''2100-01-01 00:00+00'')',
	'SELECT oms.hold(%1$L, NULL, ''r''); SELECT * FROM oms.explain(%1$L); SELECT * FROM oms.explain_clock(%1$L, ''a''); SELECT oms.resume(%1$L, NULL, ''r'')', 'SELECT oms.hold(%1$L, ''a'', ''r''); SELECT oms.resume(%1$L, ''a'')',
	'SELECT * FROM oms.my_work(''A'')', 'SELECT * FROM oms.my_work(''ca_agent'', 1)', 'SELECT oms.stage_done(%1$L, ''a''); SELECT oms.send_back(%1$L, ''b'', ''a'', ''r'')',
	'SELECT oms.stage_done(%1$L, ''a''); SELECT oms.reopen(%1$L, ''a'', ''r'')', 'SELECT oms.cancel_ticket(%1$L, ''r''); SELECT oms.reopen(%1$L, ''a'', ''r'')', 'SELECT oms.set_absence(''w'', ''2100-01-01 00:00+00'', ''2100-02-01 00:00+00'', ''x'')',
	'SELECT oms.start_stage(%2$L, ''m'')', 'SELECT * FROM oms.hold, oms.hold_reason, oms.absence, oms.stage_past, oms.clock_segment']) s;
INSERT INTO calls SELECT 'ca_admin', s FROM unnest(ARRAY['SELECT oms.set_hold_reason(''r'', true, ''applicant'', 2, ''l'')',
	-- work that is handed out, to members and to who stands in; a person who is away
	'SELECT oms.set_owner(''A'', ''group'', ''Boss'', NULL, ''{ca_agent,ca_other}'', ''round_robin''); SELECT oms.open_tickets(''Loan'', ''{"{}","{}"}'')',
	'SELECT oms.set_owner(''A'', ''group'', ''Boss'', NULL, ''{ca_agent,ca_other}'', ''least_loaded''); SELECT oms.set_absence(''ca_agent'', ''2000-01-01 00:00+00'', ''2100-01-01 00:00+00'', ''x''); SELECT oms.open_tickets(''Loan'', ''{"{}","{}"}'')',
	'SELECT oms.set_owner(''A'', ''person''); SELECT oms.set_absence(''A'', ''2000-01-01 00:00+00'', ''2100-01-01 00:00+00'', ''x''); SELECT oms.open_ticket(''Loan'')',
	-- clocks by a calendar, which then changes
	'SELECT oms.create_calendar(''c'', ''{"timezone":"UTC","hours":{"mon":["09:00-17:00"]}}''); SELECT oms.create_workflow(''{"name":"Timed","calendar":"c","slaMins":9,"stages":[{"id":"a","owner":"A","slaDays":3}]}''); SELECT oms.open_ticket(''Timed''); SELECT oms.create_calendar(''c'', ''{"timezone":"UTC","hours":{"tue":["09:00-17:00"]}}''); SELECT oms.tick()',
	'SELECT oms.create_calendar(''c'', ''{"timezone":"UTC","hours":{"mon":["09:00-17:00"]}}''); SELECT oms.business_time(''c'', ''2026-03-02 00:00+00'', ''2026-03-03 00:00+00''), oms.business_add(''c'', ''2026-03-02 00:00+00'', 60)']) s;
INSERT INTO calls SELECT 'ca_admin', format(s, :'tk') FROM unnest(ARRAY['SELECT oms.create_workflow(''{"name":"New","stages":[{"id":"a","owner":"A"},{"id":"b","owner":"B","when":"$.x > 1"}]}'')',
	'SELECT oms.create_workflow(''{"name":"Loan","stages":[{"id":"a","owner":"A"}]}'')', 'SELECT oms.retire_workflow(''Loan'')', 'SELECT oms.set_owner(''A'', ''group'', ''Boss'', NULL, ''{ca_agent,ca_other}'')',
	'SELECT oms.grant_access(''ca_nobody'', ''admin'')', 'SELECT oms.revoke_access(''ca_agent'')', 'SELECT oms.erase(%1$L, ''{data}'', ''r'')', 'SELECT oms.erase(%1$L, ''{n,applicant}'', ''r'')',
	'SELECT oms.erase_applicant(''Jane'', ''r'')', 'SELECT oms.tick()', 'SELECT oms.activate()', 'SELECT oms.repair_guards()', 'SELECT oms.roll_up()', 'SELECT oms.roll_up(true); SELECT * FROM oms.workload',
	'SELECT oms.seal()', 'SELECT oms.seal(true); SELECT oms.proof(%1$L); SELECT oms.verify_seals()',
	'SELECT oms.seal(true); SELECT oms.add_stamp(s.number, pg_catalog.byteacat(''\x0420'', s.hash)) FROM oms.seals AS s; SELECT oms.proof(%1$L, journal => true)']) s;
SELECT is(t.hostile(role, sql), 'fine', 'hostile path: ' || role || ': ' || sql) FROM calls;
SELECT is(t.hostile('postgres', sql), 'fine', 'hostile path: superuser: ' || sql) FROM calls WHERE role NOT IN ('ca_citizen', 'ca_portal');
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
-- Without the right
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE image AS SELECT t.image() AS before;
-- What only staff may do, not for their own work either; and what only administrators may.
SELECT is(t.try(r, sql), '42501', r || ' is not staff: ' || sql) FROM calls, unnest(ARRAY['ca_agent', 'ca_citizen', 'ca_portal', 'ca_monitor', 'ca_nobody']) r
WHERE role = 'ca_staff' AND sql ~ 'oms\.(assign|attach|delegate|resolve|explain|explain_clock|hold|resume|my_work|send_back|reopen|set_absence|start_stage)\M';
SELECT is(t.try('ca_staff', sql), '42501', 'ca_staff is not admin: ' || sql) FROM calls WHERE role = 'ca_admin' AND sql ~ 'oms\.(set_|create_)';
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
SELECT is(t.read_only('ca_admin', sql), '25006', 'read-only: ' || sql) FROM unnest(ARRAY['SELECT oms.repair_guards()', 'SELECT oms.activate()']) sql;

SELECT finish();
ROLLBACK;
\ir include/trust_end.psql
