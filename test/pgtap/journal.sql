-- The journal: who changed the rules, with before and after; its chain; and what passed by it.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
CREATE SCHEMA t;
-- What is new in the journal since the last question.
CREATE TABLE t.seen (seq bigint);
INSERT INTO t.seen VALUES (0);
CREATE FUNCTION t.news() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r	text;
BEGIN
	SELECT string_agg(concat_ws(' ', j.what, j.name, coalesce(j.before - 'digest' - 'rights', 'null'), coalesce(j.after - 'digest' - 'rights', 'null')), ' | ' ORDER BY j.seq) INTO r FROM oms.journal j WHERE j.seq > (SELECT max(s.seq) FROM t.seen s);
	INSERT INTO t.seen SELECT max(j.seq) FROM oms.journal j;
	RETURN coalesce(r, 'nothing');
END $$;
SET LOCAL oms.now = '2026-03-02 14:00+00';
CREATE ROLE j_kim;
CREATE ROLE j_lee;
CREATE ROLE j_admin;
CREATE ROLE j_staff;
CREATE ROLE j_agent;

-- ---------------------------------------------------------------------------
-- Each kind of change
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Rules","stages":[{"id":"a","owner":"Desk"}]}') \g /dev/null
SELECT is(t.news(), 'workflow Rules null {"retired": false, "version": 1}', 'a workflow');
SELECT oms.create_workflow('{"name":"Rules","stages":[{"id":"a","owner":"Desk"}]}') \g /dev/null
SELECT is(t.news(), 'nothing', 'what changes nothing leaves no entry');
SELECT oms.create_workflow('{"name":"Rules","stages":[{"id":"a","owner":"Desk"},{"id":"b","owner":"Desk"}]}'), oms.retire_workflow('Rules'), oms.create_workflow('{"name":"Rules","stages":[{"id":"a","owner":"Desk"},{"id":"b","owner":"Desk"}]}') \g /dev/null
SELECT is(t.news(), 'workflow Rules {"retired": false, "version": 1} {"retired": false, "version": 2} | workflow Rules {"retired": false, "version": 2} {"retired": true, "version": 2} | workflow Rules {"retired": true, "version": 2} {"retired": false, "version": 2}', 'the next version, retired, brought back');
SELECT oms.set_owner('Desk', 'group', members => '{j_lee,j_kim}') \g /dev/null
SELECT is(t.news(), 'owner Desk null {"kind": "group", "members": ["j_kim", "j_lee"], "calendar": null, "assignment": "none", "supervisor": null}', 'an owner with its members');
SELECT oms.set_owner('Desk', members => '{j_lee}') \g /dev/null
SELECT is((SELECT (before -> 'members', after -> 'members')::text FROM oms.journal ORDER BY seq DESC LIMIT 1), '("[""j_kim"", ""j_lee""]","[""j_lee""]")', 'who was a member before');
SELECT oms.grant_access('j_admin', 'admin'), oms.grant_access('j_staff', 'staff'), oms.grant_access('j_agent', 'agent'), oms.revoke_access('j_agent'), oms.grant_access('j_agent', 'agent') \g /dev/null
DELETE FROM t.seen WHERE seq > (SELECT max(j.seq) - 5 FROM oms.journal j);
INSERT INTO t.seen SELECT max(j.seq) - 5 FROM oms.journal j;
SELECT is(t.news(), 'level j_admin null {"level": "admin"} | level j_staff null {"level": "staff"} | level j_agent null {"level": "agent"} | level j_agent {} null | level j_agent null {"level": "agent"}', 'levels');
SELECT oms.create_calendar('Office', '{"timezone":"UTC","hours":{"mon":["09:00-17:00"]}}') \g /dev/null
SELECT is(t.news(), 'calendar Office null {"version": 1}', 'a calendar');
SELECT oms.set_hold_reason('fees', true, 'applicant', 1, 'Please pay'), oms.set_hold_reason('fees', true, 'applicant', 2, 'Please pay') \g /dev/null
SELECT is(t.news(), 'hold reason fees null {"waiting_on": "applicant", "stops_clock": true, "public_label": "Please pay", "max_per_ticket": 1} | hold reason fees {"waiting_on": "applicant", "stops_clock": true, "public_label": "Please pay", "max_per_ticket": 1} {"waiting_on": "applicant", "stops_clock": true, "public_label": "Please pay", "max_per_ticket": 2}', 'a reason of holds');
SET LOCAL timezone = 'America/New_York';
SET LOCAL datestyle = 'German';
SET LOCAL intervalstyle = 'iso_8601';
SELECT oms.set_absence('j_kim', '2026-03-03 09:00+00', '2026-03-04 09:00+00', 'j_lee') \g /dev/null
SELECT is(t.news(), 'absence j_kim null [{"to": "2026-03-04T09:00:00", "from": "2026-03-03T09:00:00", "delegate": "j_lee"}]', 'an absence');
SELECT oms.set_retention('1 year 2 days 3:00'), oms.set_retention('90 days', 'Rules'), oms.set_retention(NULL, 'Rules') \g /dev/null
RESET timezone;
RESET datestyle;
RESET intervalstyle;
SELECT is((SELECT string_agg(concat_ws(' ', what, quote_literal(name), (after ->> 'months')::numeric::int, (after ->> 'days')::numeric::int, (after ->> 'secs')::numeric::int), ' | ' ORDER BY seq) FROM oms.journal WHERE what = 'retention'), $$retention '' 12 2 10800 | retention 'Rules' 0 90 0 | retention 'Rules'$$, 'how long tickets are kept');
INSERT INTO t.seen SELECT max(j.seq) FROM oms.journal j;
SELECT oms.open_ticket('Rules', '{"name":"CANARY"}', applicant => 'CANARY one')::text AS tk \gset
SELECT oms.open_ticket('Rules', '{"name":"CANARY"}', applicant => 'CANARY one')::text AS tk2 \gset
SELECT is(t.news(), 'nothing', 'tickets have their own record');
SELECT oms.erase(:'tk', '{data.name}', 'request 1'), oms.erase_applicant('CANARY one', 'request 2'), oms.erase_applicant('CANARY one', 'request 3') \g /dev/null
SELECT is(t.news(), format('erase %s null {"reason": "request 1"} | erase_applicant null {"reason": "request 2"}', :'tk'), 'erasures, without what was erased');
SELECT is_empty($$SELECT * FROM oms.journal j WHERE j::text ~ 'CANARY'$$, '… nor whose it was');
SELECT oms.cancel_ticket(:'tk', 'r') \g /dev/null
SET LOCAL oms.now = '2026-03-02 15:00+00';
SELECT oms.set_retention('0', 'Rules'), oms.archive('infinity'), oms.archive('infinity') \g /dev/null
SELECT is((SELECT string_agg(after ->> 'tickets', ', ') FROM oms.journal WHERE what = 'archive'), '1', 'what was archived, and when');
INSERT INTO t.seen SELECT max(j.seq) FROM oms.journal j;
SELECT oms.activate() \g /dev/null
SELECT is(t.news(), format('activate null {"database": "%s"}', current_database()), 'that the data is at home here');
SELECT is((SELECT (actor, session_actor IS NULL, moved)::text FROM oms.journal ORDER BY seq DESC LIMIT 1), format('(%s,t,t)', current_user), 'by whom, and under a moved clock');

-- Who
SET LOCAL ROLE j_admin;
SELECT oms.set_owner('Other') \g /dev/null
RESET ROLE;
SELECT is((SELECT (actor, session_actor)::text FROM oms.journal ORDER BY seq DESC LIMIT 1), format('(j_admin,%s)', session_user), 'the role in force, and the session''s user');

-- ---------------------------------------------------------------------------
-- Its chain
-- ---------------------------------------------------------------------------
SELECT is((SELECT (min(seq), count(*) = max(seq))::text FROM oms.journal), '(1,t)', 'numbered without a gap');
SELECT is_empty('SELECT * FROM oms.verify_journal()', 'the chain is whole');
SELECT is_empty('SELECT * FROM oms.check()', 'and everything is as it says');
SELECT is(error_code(c), 'OM009', c) FROM unnest(ARRAY['UPDATE oms.journal SET actor = ''me''', 'DELETE FROM oms.journal', 'TRUNCATE oms.journal']) c;
SAVEPOINT forged;
UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'oms.journal'::regclass;
UPDATE pg_class SET relname = relname WHERE oid = 'oms.journal'::regclass;
CREATE FUNCTION t.forge(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r	text;
BEGIN
	EXECUTE change;
	SELECT string_agg(v.seq || ' ' || v.problem, ', ') INTO r FROM oms.verify_journal() v;
	RAISE EXCEPTION SQLSTATE 'ZZ001' USING MESSAGE = coalesce(r, 'nothing');
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN SQLERRM;
END $$;
SELECT is(t.forge(c), r, c) FROM (VALUES ('UPDATE oms.journal SET actor = ''me'' WHERE seq = 3', '3 content does not match the hash'), ('UPDATE oms.journal SET session_actor = '''' WHERE seq = 3', '3 content does not match the hash'),
	('UPDATE oms.journal SET what = ''owner'' WHERE seq = 3', '3 content does not match the hash'), ('UPDATE oms.journal SET name = NULL WHERE seq = 3', '3 content does not match the hash'), ('UPDATE oms.journal SET moved = NULL WHERE seq = 3', '3 content does not match the hash'),
	('UPDATE oms.journal SET before = ''{}'' WHERE seq = 3', '3 content does not match the hash'), ('UPDATE oms.journal SET after = NULL WHERE seq = 3', '3 content does not match the hash'), ('UPDATE oms.journal SET at = at + interval ''1 microsecond'' WHERE seq = 3', '3 content does not match the hash, 4 time goes back'),
	('DELETE FROM oms.journal WHERE seq = 3', '4 an entry is missing before it, 4 content does not match the hash'), ('UPDATE oms.journal SET seq = seq', 'nothing')) AS v(c, r);
ROLLBACK TO forged;

-- Seals have its end: neither can the last entries be removed, nor can the chain be worked out anew.
SELECT oms.comment(:'tk2', 'something to seal'), oms.seal() \g /dev/null
SELECT is((SELECT (journal_seq, journal_hash)::text FROM oms.seals ORDER BY number DESC LIMIT 1), (SELECT (seq, hash)::text FROM oms.journal ORDER BY seq DESC LIMIT 1), 'a seal has the end of the journal');
SELECT is_empty('SELECT * FROM oms.verify_seals()', 'the seal is whole');
SELECT is((SELECT (seal ->> 'journal_seq', decode(seal ->> 'journal_hash', 'hex'))::text FROM (SELECT oms.proof(:'tk2') -> 'seal' AS seal) AS p), (SELECT (seq, hash)::text FROM oms.journal ORDER BY seq DESC LIMIT 1), 'the proof too');
SAVEPOINT sealed;
UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid IN ('oms.journal'::regclass, 'oms.seals'::regclass);
UPDATE pg_class SET relname = relname WHERE oid IN ('oms.journal'::regclass, 'oms.seals'::regclass);
SELECT oms.set_owner('After the seal') \g /dev/null
SELECT is_empty('SELECT * FROM oms.verify_journal()', 'entries after it do not matter');
DELETE FROM oms.journal WHERE name = 'After the seal';
SELECT is_empty('SELECT * FROM oms.verify_journal()', '… nor that they are gone');
DELETE FROM oms.journal WHERE seq = (SELECT max(seq) FROM oms.journal);
SELECT is((SELECT string_agg(problem, ', ') FROM oms.verify_journal()), (SELECT format('seal %s has this entry, which is missing', max(number)) FROM oms.seals), 'entries before it do');
SELECT oms.set_owner('Another') \g /dev/null
SELECT is((SELECT string_agg(problem, ', ') FROM oms.verify_journal()), (SELECT format('seal %s has another hash of it', max(number)) FROM oms.seals), '… also when the chain goes on');
UPDATE oms.seals SET journal_seq = journal_seq - 1 WHERE number = (SELECT max(number) FROM oms.seals);
SELECT is((SELECT string_agg(problem, ', ') FROM oms.verify_seals()), 'content does not match the hash', 'what the seal says is in its hash');
ROLLBACK TO sealed;

-- ---------------------------------------------------------------------------
-- What passes by the functions
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.found(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r	text;
BEGIN
	EXECUTE change;
	SELECT string_agg(c.detail, ', ' ORDER BY c.detail COLLATE "C") INTO r FROM oms.check() c WHERE c.kind = 'journal';
	RAISE EXCEPTION SQLSTATE 'ZZ001' USING MESSAGE = coalesce(r, 'nothing');
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN SQLERRM;
END $$;
SELECT is(t.found(c), r, c) FROM (VALUES
	('UPDATE oms.owner SET supervisor = ''me'' WHERE name = ''Desk''', 'owner "Desk": it is not as the journal says'), ('INSERT INTO oms.owner_member (owner, member) VALUES (''Desk'', ''j_kim'')', 'owner "Desk": it is not as the journal says'),
	('INSERT INTO oms.owner_member (owner, member) VALUES (''Unknown'', ''j_kim'')', 'owner "Unknown": the journal does not know of it'), ('DELETE FROM oms.owner WHERE name = ''Other''', 'owner "Other": it is gone, and the journal does not know why'),
	('UPDATE oms.owner_member SET last_assigned = clock_timestamp()', 'nothing'), ('UPDATE oms.hold_reason SET max_per_ticket = NULL', 'hold reason fees: it is not as the journal says'),
	('DELETE FROM oms.absence', 'absence j_kim: it is gone, and the journal does not know why'), ('UPDATE oms.retention SET keep = ''1 day'' WHERE workflow = ''''', 'retention "": it is not as the journal says'),
	('UPDATE oms.workflow SET retired_at = clock_timestamp() WHERE current', 'workflow "Rules": it is not as the journal says'), ('UPDATE oms.workflow SET current = false', 'workflow "Rules": it is gone, and the journal does not know why'),
	('UPDATE oms.calendar SET current = false', 'calendar "Office": it is gone, and the journal does not know why'),
	('GRANT SELECT ON oms.timeline TO j_kim', 'level j_kim: the journal does not know of it'), ('GRANT EXECUTE ON FUNCTION oms.activate() TO j_agent', 'level j_agent: it is not as the journal says'), ('GRANT SELECT (note) ON oms.timeline TO j_agent', 'level j_agent: it is not as the journal says'),
	('GRANT EXECUTE ON FUNCTION oms.erase(oms.ticket_id, text[], text) TO PUBLIC', 'level public: the journal does not know of it'), ('GRANT USAGE ON SCHEMA oms TO PUBLIC', 'level public: the journal does not know of it'),
	('GRANT SELECT (data) ON oms.ticket TO PUBLIC', 'level public: the journal does not know of it'), ('GRANT USAGE ON TYPE oms.ticket_id TO PUBLIC', 'nothing'),
	('GRANT SELECT ON oms.journal TO PUBLIC; REVOKE SELECT ON oms.journal FROM PUBLIC', 'nothing'),
	('REVOKE EXECUTE ON FUNCTION oms.claim(text, text, int, interval) FROM j_agent', 'level j_agent: it is not as the journal says'), ('ALTER ROLE j_agent RENAME TO j_other', 'level j_other: the journal does not know of it'),
	('DROP OWNED BY j_agent; DROP ROLE j_agent', 'nothing'),
	('SELECT oms.revoke_access(''j_agent''); SELECT oms.set_owner(''Desk'', supervisor => ''x''); SELECT oms.set_absence(''j_kim'', ''2026-03-03 09:00+00'', ''2026-03-03 09:00+00'')', 'nothing')) AS v(c, r);

-- Who may
SELECT is(has_table_privilege(r, 'oms.journal', 'SELECT'), m, r || ' reads it: ' || m) FROM (VALUES ('j_admin', true), ('j_staff', true), ('j_agent', false), ('j_kim', false)) AS v(r, m);
SELECT is(has_function_privilege(r, 'oms.verify_journal()', 'EXECUTE'), m, r || ' verifies it: ' || m) FROM (VALUES ('j_admin', true), ('j_staff', true), ('j_agent', false), ('j_kim', false)) AS v(r, m);

SELECT finish();
ROLLBACK;
