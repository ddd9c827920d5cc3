-- The timeline only grows. Who changes it is refused; who gets round the
-- refusal is found out.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
CREATE SCHEMA t;

CREATE FUNCTION t.rows() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT count(*) FROM oms.timeline $$;

SET LOCAL oms.now = '2026-03-02 10:00+00';
SELECT oms.create_workflow('{"name":"Short","stages":[{"id":"a","owner":"A","slaMins":30},{"id":"b","owner":"B","dependsOn":["a"]}]}') \g /dev/null

-- A ticket with a full life, another that is just beginning.
SELECT oms.open_ticket('Short', '{"secret":1}')::text AS tk, oms.open_ticket('Short', '{"secret":2}')::text AS other \gset
SELECT set_config('t.tk', :'tk', true) \g /dev/null
SELECT set_config('t.other', :'other', true) \g /dev/null
SELECT oms.comment(:'tk', 'first remark', 'a') \g /dev/null
CREATE TEMP TABLE c AS SELECT * FROM oms.claim('A', 'worker one');
SET LOCAL oms.now = '2026-03-02 10:01+00';
SELECT oms.comment(:'tk', 'second remark') \g /dev/null
SELECT oms.escalate(:'tk', 'a', 'hurry') \g /dev/null
SELECT oms.stage_done(ticket, stage, '{"x":[1,2.50,"ü"]}', token) FROM c \g /dev/null
SET LOCAL oms.now = '2026-03-02 10:02+00';
SELECT oms.reassign(:'tk', 'b', 'B2', 'holidays') \g /dev/null
SELECT oms.stage_done(:'tk', 'b') \g /dev/null

SELECT is((SELECT status::text FROM oms.ticket WHERE ticket_id = :'tk'), 'done', 'one ticket is done');
SELECT cmp_ok((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'tk'), '>=', 11::bigint, 'its timeline has every event');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'every chain is whole');
SELECT is_empty(format('SELECT * FROM oms.verify_timeline(%L)', :'tk'), 'asked for one ticket, too');

-- ---------------------------------------------------------------------------
-- Numbers and times
-- ---------------------------------------------------------------------------
SELECT is_empty($$SELECT ticket_id FROM oms.timeline GROUP BY ticket_id HAVING min(seq) <> 1 OR max(seq) <> count(*) OR count(DISTINCT seq) <> count(*)$$,
	'events are numbered 1, 2, 3 without a gap');
SELECT ok(relkind IN ('r', 'p'), 'oms.timeline is a table') FROM pg_class WHERE oid = 'oms.timeline'::regclass;
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'tk' AND actor IS NULL), 0::bigint, 'each with its actor');
SELECT ok(bool_and(actor::text LIKE '%' || current_user || '%'), 'who is the one who called') FROM oms.timeline WHERE ticket_id = :'tk';

SET LOCAL oms.now = '2026-03-02 09:00+00';
SELECT oms.comment(:'tk', 'said when the clock had been set back') \g /dev/null
SELECT lives_ok(format('SELECT oms.stage_done(%L, %L)', :'other', 'a'), 'work goes on with the clock set back');
SET LOCAL oms.now = '1999-01-01 00:00+00';
SELECT lives_ok(format('SELECT oms.comment(%L, %L)', :'other', 'set back further'), 'and further back');
SELECT is_empty(format($$SELECT * FROM (SELECT "time", lag("time") OVER (ORDER BY nr) AS before
	FROM oms.get_timeline(%L::text) WITH ORDINALITY AS e("time", stage, owner, status, note, nr)) x WHERE before > "time"$$, v),
	'no event is earlier than the one before') FROM unnest(ARRAY[:'tk', :'other']) v;
SELECT cmp_ok((SELECT max("time") FROM oms.get_timeline(:'tk'::text)), '>=', '2026-03-02 10:02+00'::timestamptz, 'the last one is not set back');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chains are whole');
SET LOCAL oms.now = '2026-03-02 10:10+00';

-- ---------------------------------------------------------------------------
-- Refused: for the superuser, for replicas, row by row and all at once
-- ---------------------------------------------------------------------------
SELECT ok((SELECT rolsuper FROM pg_roles WHERE rolname = current_user), 'we are the superuser');
CREATE TEMP TABLE forbidden (sql text);
INSERT INTO forbidden VALUES
	('UPDATE oms.timeline SET note = ''x'''),
	('UPDATE oms.timeline SET note = note'),
	('UPDATE oms.timeline SET seq = seq + 1'),
	('UPDATE oms.timeline SET status = status WHERE seq = 1'),
	('UPDATE oms.timeline SET ticket_id = ''DL-2026-99999'' WHERE seq = 1'),
	('DELETE FROM oms.timeline'),
	('DELETE FROM oms.timeline WHERE seq = 2'),
	('DELETE FROM oms.timeline WHERE note = ''first remark'''),
	('TRUNCATE oms.timeline'),
	('TRUNCATE oms.timeline CASCADE'),
	('TRUNCATE oms.timeline RESTART IDENTITY'),
	('WITH d AS (DELETE FROM oms.timeline RETURNING 1) SELECT count(*) FROM d'),
	('MERGE INTO oms.timeline e USING (SELECT 1) x ON e.seq = 1 WHEN MATCHED THEN DELETE'),
	('MERGE INTO oms.timeline e USING (SELECT 1) x ON e.seq = 1 WHEN MATCHED THEN UPDATE SET note = ''x'''),
	('DO $d$ BEGIN DELETE FROM oms.timeline; END $d$');
SELECT is(error_code(sql), 'OM009', sql) FROM forbidden;
SET LOCAL session_replication_role = replica;
SELECT is(error_code(sql), 'OM009', 'as a replica: ' || sql) FROM forbidden;
SET LOCAL session_replication_role = local;
SELECT is(error_code(sql), 'OM009', 'as local: ' || sql) FROM forbidden;
RESET session_replication_role;

-- Settings that somebody might try.
SELECT is(error_code(format('SET LOCAL oms.%s = on; DELETE FROM oms.timeline', s)), 'OM009', 'no setting opens the door: oms.' || s)
FROM unnest(ARRAY['erasing', 'erase', 'archiving', 'allow_delete', 'append_only_off', 'maintenance', 'internal']) s
WHERE error_code(format('SET LOCAL oms.%s = on', s)) = '00000';

-- The leaves of a partitioned table, if it is one.
SELECT is(error_code(format(s, c.oid::regclass)), 'OM009', format(s, 'a part of the timeline'))
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid, unnest(ARRAY['DELETE FROM %s', 'UPDATE %s SET note = ''x''', 'TRUNCATE %s']) s
WHERE i.inhparent = 'oms.timeline'::regclass AND c.relkind = 'r'
	AND (s LIKE 'TRUNC%' OR c.oid IN (SELECT tableoid FROM oms.timeline));
SELECT cmp_ok(t.rows(), '>=', 13::bigint, 'nothing is lost');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'nothing is changed');

-- ---------------------------------------------------------------------------
-- Stages and tickets under a plain UPDATE: recorded or refused
-- ---------------------------------------------------------------------------
-- A third ticket lends its states: a is in progress, b waits.
SELECT oms.open_ticket('Short', '{"secret":3}')::text AS third \gset
SELECT set_config('t.third', :'third', true) \g /dev/null
SELECT oms.claim_stage(:'third', 'a', 'somebody') \g /dev/null

-- Everything that stages and tickets say, as one value.
CREATE FUNCTION t.image() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_build_array((SELECT jsonb_agg(to_jsonb(s) ORDER BY s.ticket_id, s.stage::text) FROM oms.stage s),
		(SELECT jsonb_agg(to_jsonb(k) ORDER BY k.ticket_id) FROM oms.ticket k),
		(SELECT jsonb_agg(oms.get_ticket(k.ticket_id) ORDER BY k.ticket_id) FROM oms.ticket k))
$$;

-- What came of it: 'refused' (an error), 'recorded' (new events, and the
-- chain is whole), 'nothing' (nothing is changed) - or 'SILENT'.
CREATE FUNCTION t.meddle(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n	bigint := t.rows();
	before	jsonb := t.image();
	r	text;
BEGIN
	EXECUTE replace(replace(sql, 'TK', quote_literal(current_setting('t.other')) || '::oms.ticket_id'),
		'THIRD', quote_literal(current_setting('t.third')) || '::oms.ticket_id');
	r := CASE WHEN t.rows() > n THEN 'recorded' WHEN before = t.image() THEN 'nothing' ELSE 'SILENT' END;
	IF EXISTS (SELECT FROM oms.verify_timeline()) THEN
		r := r || ', chain broken';
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = r;
EXCEPTION
	WHEN SQLSTATE 'ZZ001' THEN
		RETURN SQLERRM;
	WHEN OTHERS THEN
		RETURN CASE WHEN SQLSTATE LIKE 'XX%' THEN 'CRASHED: ' || SQLERRM ELSE 'refused' END;
END $$;

-- In the other ticket (TK) a is done and b is queued. A value of a status
-- column is taken from another row, so that its type does not matter.
CREATE TEMP TABLE meddling (sql text, may text);
INSERT INTO meddling VALUES
	('UPDATE oms.stage SET owner = ''X'' WHERE ticket_id = TK AND stage::text = ''b''', 'refused|recorded'),
	('UPDATE oms.stage SET owner = ''X'', worker = ''Y'' WHERE ticket_id = TK', 'refused|recorded'),
	('UPDATE oms.stage SET status = (SELECT status FROM oms.stage WHERE ticket_id = TK AND stage::text = ''a'') WHERE ticket_id = TK AND stage::text = ''b''', 'refused|recorded'),
	('UPDATE oms.ticket SET data = ''{"secret":4}'' WHERE ticket_id = TK', 'refused|recorded'),
	('UPDATE oms.ticket SET priority = 99 WHERE ticket_id = TK', 'refused|recorded'),
	('UPDATE oms.ticket SET applicant = ''somebody else'' WHERE ticket_id = TK', 'refused|recorded'),
	('UPDATE oms.ticket SET status = (SELECT status FROM oms.ticket WHERE status::text = ''done'' LIMIT 1) WHERE ticket_id = TK', 'refused|recorded'),
	-- done to queued is what reopen does: recorded at least
	('UPDATE oms.stage SET status = (SELECT status FROM oms.stage WHERE ticket_id = TK AND stage::text = ''b'') WHERE ticket_id = TK AND stage::text = ''a''', 'refused|recorded'),
	-- moves that no call makes; a waiting stage may have no row to be changed
	('UPDATE oms.stage SET status = (SELECT status FROM oms.stage WHERE ticket_id = THIRD AND stage::text = ''a'') WHERE ticket_id = TK AND stage::text = ''a''', 'refused'),
	('UPDATE oms.stage SET status = (SELECT status FROM oms.stage WHERE ticket_id = TK AND stage::text = ''a'') WHERE ticket_id = THIRD AND stage::text = ''b''', 'refused|nothing'),
	('UPDATE oms.stage SET status = (SELECT status FROM oms.stage WHERE ticket_id = THIRD AND stage::text = ''a'') WHERE ticket_id = THIRD AND stage::text = ''b''', 'refused|nothing'),
	('UPDATE oms.stage SET status = NULL WHERE ticket_id = TK', 'refused'),
	('UPDATE oms.stage SET ticket_id = ''DL-1999-00001'' WHERE ticket_id = TK', 'refused'),
	('UPDATE oms.ticket SET ticket_id = ''DL-1999-00001'' WHERE ticket_id = TK', 'refused'),
	('UPDATE oms.ticket SET status = NULL WHERE ticket_id = TK', 'refused'),
	('DELETE FROM oms.stage WHERE ticket_id = TK', 'refused'),
	('DELETE FROM oms.ticket WHERE ticket_id = TK', 'refused'),
	('DELETE FROM oms.stage', 'refused'),
	('DELETE FROM oms.ticket', 'refused'),
	('TRUNCATE oms.stage', 'refused'),
	('TRUNCATE oms.ticket', 'refused'),
	('TRUNCATE oms.ticket CASCADE', 'refused');
SELECT matches(t.meddle(sql), '^(' || may || ')$', sql) FROM meddling;
-- The server does not fire INSTEAD OF triggers of a view for a replica and cannot be told to: the
-- statement then changes nothing.
SET LOCAL session_replication_role = replica;
SELECT matches(t.meddle(sql), '^(' || may || '|nothing)$', 'as a replica: ' || sql) FROM meddling;
RESET session_replication_role;
SELECT is(t.meddle('SELECT 1'), 'nothing', 'the test itself: looking is nothing');
SELECT is(t.meddle('SELECT oms.comment(TK, ''x'')'), 'recorded', 'and a comment is recorded');

-- ---------------------------------------------------------------------------
-- Who gets round the guard is found out
-- ---------------------------------------------------------------------------
-- Switch off every trigger as only a superuser can, tamper, and count what
-- verify_timeline finds, for the one ticket and for all. Then undo.
CREATE FUNCTION t.tampered(sql text, OUT changed bigint, OUT hits bigint, OUT hits_all bigint, OUT hits_other bigint) LANGUAGE plpgsql AS $$
BEGIN
	UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'oms.timeline'::regclass;
UPDATE pg_class SET relname = relname WHERE oid = 'oms.timeline'::regclass;
	EXECUTE replace(sql, 'TK', quote_literal(current_setting('t.tk')) || '::oms.ticket_id');
	GET DIAGNOSTICS changed = ROW_COUNT;
	SELECT count(*) INTO hits FROM oms.verify_timeline(current_setting('t.tk')) v WHERE v.ticket = current_setting('t.tk') AND v.problem <> '';
	SELECT count(*) INTO hits_all FROM oms.verify_timeline() v WHERE v.ticket = current_setting('t.tk');
	SELECT count(*) INTO hits_other FROM oms.verify_timeline() v WHERE v.ticket = current_setting('t.other');
	RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = concat_ws(' ', changed, hits, hits_all, hits_other);
EXCEPTION
	WHEN SQLSTATE 'ZZ001' THEN
		changed := split_part(SQLERRM, ' ', 1);
		hits := split_part(SQLERRM, ' ', 2);
		hits_all := split_part(SQLERRM, ' ', 3);
		hits_other := split_part(SQLERRM, ' ', 4);
	-- A constraint of the table stands in the way: no crime, no trace.
	WHEN integrity_constraint_violation OR generated_always THEN
		changed := -1;
END $$;

CREATE TEMP TABLE crimes (nr serial, label text, sql text);
INSERT INTO crimes (label, sql) VALUES
	('a changed note', 'UPDATE oms.timeline SET note = ''first remarc'' WHERE ticket_id = TK AND note = ''first remark'''),
	('one blank more in a note', 'UPDATE oms.timeline SET note = note || '' '' WHERE ticket_id = TK AND note = ''second remark'''),
	('a note where there was none', 'UPDATE oms.timeline SET note = ''x'' WHERE ticket_id = TK AND seq = (SELECT max(seq) FROM oms.timeline WHERE ticket_id = TK AND coalesce(note, '''') = '''')'),
	('another status', 'UPDATE oms.timeline e SET status = (SELECT status FROM oms.timeline x WHERE x.ticket_id = TK AND x.seq = 1) WHERE ticket_id = TK AND seq = 3'),
	('another status at the end', 'UPDATE oms.timeline e SET status = (SELECT status FROM oms.timeline x WHERE x.ticket_id = TK AND x.seq = 1)
		WHERE ticket_id = TK AND seq = (SELECT max(seq) FROM oms.timeline WHERE ticket_id = TK)'),
	('another stage', 'UPDATE oms.timeline e SET stage = (SELECT stage FROM oms.timeline x WHERE x.ticket_id = TK AND x.stage::text = ''b'' LIMIT 1)
		WHERE ticket_id = TK AND stage::text = ''a'''),
	('a removed first row', 'DELETE FROM oms.timeline WHERE ticket_id = TK AND seq = 1'),
	('a removed row in the middle', 'DELETE FROM oms.timeline WHERE ticket_id = TK AND seq = 5'),
	('a removed row, the rest moved up', 'SELECT t.close_gap(TK, 5)'),
	('a removed tail of one', 'DELETE FROM oms.timeline WHERE ticket_id = TK AND seq = (SELECT max(seq) FROM oms.timeline WHERE ticket_id = TK)'),
	('a removed tail of five', 'DELETE FROM oms.timeline WHERE ticket_id = TK AND seq > (SELECT max(seq) - 5 FROM oms.timeline WHERE ticket_id = TK)'),
	('all rows removed', 'DELETE FROM oms.timeline WHERE ticket_id = TK'),
	('two rows swapped', 'SELECT t.swap(TK, 3, 4)'),
	('first and last swapped', 'SELECT t.swap(TK, 1, (SELECT max(seq) FROM oms.timeline WHERE ticket_id = TK))'),
	('a row numbered again', 'UPDATE oms.timeline SET seq = seq + 100 WHERE ticket_id = TK AND seq = (SELECT max(seq) FROM oms.timeline WHERE ticket_id = TK)'),
	('an invented row at the end', 'SELECT t.invent(TK)');
-- The same for every other column that the hash must cover, if it has this name.
INSERT INTO crimes (label, sql)
SELECT 'another ' || a.attname, format('UPDATE oms.timeline SET %1$I = %2$s WHERE ticket_id = TK AND seq = 3', a.attname,
	CASE WHEN a.atttypid = 'timestamptz'::regtype THEN format('%I + interval ''1 microsecond''', a.attname)
		WHEN a.atttypid = 'bool'::regtype THEN format('%I IS NOT TRUE', a.attname)
		WHEN a.atttypid = 'bytea'::regtype THEN format('set_byte(%1$I, 0, get_byte(%1$I, 0) # 1)', a.attname)
		ELSE '''X''' END)
FROM pg_attribute a
WHERE a.attrelid = 'oms.timeline'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
	AND (a.atttypid = 'timestamptz'::regtype AND a.attname IN ('time', 'ts', 'at', 'recorded_at', 'happened_at')
		OR a.attname IN ('owner', 'actor', 'worker') AND a.atttypid IN ('text'::regtype, 'name'::regtype)
		OR a.attname IN ('public', 'visible', 'is_public') AND a.atttypid = 'bool'::regtype
		OR a.attname IN ('hash', 'prev_hash') AND a.atttypid = 'bytea'::regtype);

CREATE FUNCTION t.close_gap(tk oms.ticket_id, s int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	i	int;
BEGIN
	DELETE FROM oms.timeline WHERE ticket_id = tk AND seq = s;
	FOR i IN SELECT seq FROM oms.timeline WHERE ticket_id = tk AND seq > s ORDER BY seq LOOP
		UPDATE oms.timeline SET seq = i - 1 WHERE ticket_id = tk AND seq = i;
	END LOOP;
END $$;
CREATE FUNCTION t.swap(tk oms.ticket_id, a int, b int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE oms.timeline SET seq = 1000000 WHERE ticket_id = tk AND seq = a;
	UPDATE oms.timeline SET seq = a WHERE ticket_id = tk AND seq = b;
	UPDATE oms.timeline SET seq = b WHERE ticket_id = tk AND seq = 1000000;
END $$;
CREATE FUNCTION t.invent(tk oms.ticket_id) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	e	oms.timeline;
BEGIN
	SELECT * INTO e FROM oms.timeline WHERE ticket_id = tk ORDER BY seq DESC LIMIT 1;
	e.seq := e.seq + 1;
	INSERT INTO oms.timeline OVERRIDING SYSTEM VALUE SELECT (e).*;
END $$;

SELECT is((SELECT hits FROM t.tampered('SELECT 1')), 0::bigint, 'the test itself: looking leaves no trace');
CREATE TEMP TABLE found AS SELECT c.nr, c.label, x.* FROM crimes c, LATERAL t.tampered(c.sql) x;
SELECT isnt(changed, 0::bigint, 'committed: ' || label) FROM found ORDER BY nr;
SELECT cmp_ok((SELECT count(*) FROM found WHERE changed > 0), '>=', 12::bigint, 'at least a dozen could be committed');
SELECT cmp_ok(hits, '>=', 1::bigint, 'found in its ticket: ' || label) FROM found WHERE changed > 0 ORDER BY nr;
SELECT cmp_ok(hits_all, '>=', 1::bigint, 'found among all: ' || label) FROM found WHERE changed > 0 ORDER BY nr;
SELECT is(hits_other, 0::bigint, 'nobody else is suspected: ' || label) FROM found WHERE changed > 0 ORDER BY nr;
SELECT ok(EXISTS (SELECT FROM found WHERE label IN ('another time', 'another ts', 'another at', 'another recorded_at', 'another happened_at'))
	OR NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'oms.timeline'::regclass AND attname IN ('time', 'ts', 'at', 'recorded_at', 'happened_at')),
	'the time was among them');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'all undone, the chains are whole again');
SELECT is(error_code('DELETE FROM oms.timeline'), 'OM009', 'and the guard stands again');

-- ---------------------------------------------------------------------------
-- The chain does not depend on how a session likes its output
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.under(setting text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	old	text := current_setting(setting);
	tk	text;
	n	bigint;
	m	bigint;
BEGIN
	PERFORM set_config(setting, value, true);
	SELECT count(*) INTO n FROM oms.verify_timeline();
	tk := oms.open_ticket('Short', '{"amount":1234.50,"when":"2026-03-02"}');
	PERFORM oms.comment(tk, 'written under ' || setting);
	PERFORM oms.stage_done(tk, 'a', '{"f":0.1}');
	PERFORM set_config(setting, old, true);
	SELECT count(*) INTO m FROM oms.verify_timeline();
	RETURN n || ' under it, ' || m || ' after it';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
SELECT is(t.under(s, v), '0 under it, 0 after it', s || ' = ' || v) FROM (VALUES
	('TimeZone', 'Asia/Kathmandu'), ('TimeZone', 'America/New_York'), ('TimeZone', 'UTC'),
	('DateStyle', 'German'), ('DateStyle', 'SQL, DMY'), ('DateStyle', 'Postgres'),
	('IntervalStyle', 'iso_8601'), ('extra_float_digits', '-15'), ('extra_float_digits', '3'), ('bytea_output', 'escape'),
	('standard_conforming_strings', 'off'), ('quote_all_identifiers', 'on'), ('search_path', 'pg_catalog'), ('search_path', ''),
	('xmloption', 'document'), ('lc_numeric', 'C'), ('default_transaction_read_only', 'on'), ('row_security', 'off'),
	('enable_seqscan', 'off'), ('enable_indexscan', 'off'), ('plan_cache_mode', 'force_generic_plan'), ('plan_cache_mode', 'force_custom_plan'),
	('jit', 'on'), ('array_nulls', 'off'), ('client_min_messages', 'error')) x(s, v);
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'every chain is whole');

-- Somebody else's operators and tables of the same name in the way.
CREATE SCHEMA trap;
CREATE TABLE trap.timeline (ticket_id text);
CREATE TABLE trap.stage (ticket_id text);
CREATE TABLE trap.ticket (ticket_id text);
CREATE FUNCTION trap.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT NULL::bytea $$;
CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT NULL::timestamptz $$;
CREATE FUNCTION trap.eq(text, text) RETURNS bool LANGUAGE sql AS $$ SELECT false $$;
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.eq);
SELECT is(t.under('search_path', 'trap, pg_catalog, oms'), '0 under it, 0 after it', 'a hostile search_path makes no difference');

SELECT finish();
ROLLBACK;
