-- Cases of an old spreadsheet: brought in, sealed, proven, reported, archived, and brought back.
\unset ECHO
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
\set ON_ERROR_STOP true
SET client_min_messages = warning;
SET timezone = 'UTC';

SELECT no_plan();
SELECT oms.create_workflow('{"name": "Case", "prefix": "CA", "owner": "Boss", "slaMins": 43200, "stages": [
	{"id": "a", "owner": "A", "slaMins": 1440, "warnAt": [50]},
	{"id": "b", "owner": "B", "slaMins": 1440, "dependsOn": ["a"], "escalation": [{"at": "+60m", "everyMins": 1, "notify": "supervisor"}]},
	{"id": "c", "owner": "C", "dependsOn": ["b"], "minAmount": 100}]}') \g /dev/null
SELECT oms.set_owner('B', kind => 'group', members => '{postgres}', assignment => 'round_robin') \g /dev/null
SELECT is(move_clock_to('2026-05-04 12:00'), 0, 'nothing is there yet');
CREATE TEMP TABLE given AS SELECT jsonb_agg(jsonb_build_object('key', 'k' || n, 'opened_at', to_char(timestamp '2026-01-01' + n * interval '1 hour', 'YYYY-MM-DD"T"HH24:MI:SS'),
	'applicant', 'p' || n % 7, 'reference', 'R/' || n, 'data', jsonb_build_object('amount', n),
	'stages', CASE n % 4 WHEN 0 THEN '{}'::jsonb
		WHEN 1 THEN '{"a": {"finished_at": "2026-02-10T10:00", "worker": "ann", "output": {"x": 1}}}'
		WHEN 2 THEN '{"a": {"finished_at": "2026-02-10T10:00", "worker": "ann"}, "b": {"finished_at": "2026-02-12T10:00", "worker": "bob", "note": "late"}}'
		ELSE '{"a": {"status": "skipped"}, "b": {"status": "cancelled"}}' END) || CASE n % 4 WHEN 3 THEN '{"closed_at": "2026-03-01T10:00"}'::jsonb ELSE '{}' END) AS rows
	FROM generate_series(1, 200) AS n;
SELECT is_empty('SELECT i.* FROM given, oms.import_tickets(''Case'', rows) AS i WHERE problem IS NOT NULL', 'nothing is wrong with them');
CREATE TEMP TABLE done AS SELECT i.* FROM given, oms.import_tickets('Case', rows, false) AS i;
SELECT is((SELECT count(DISTINCT ticket) FROM done), 200::bigint, 'all are tickets');
SELECT is((SELECT string_agg(DISTINCT status || ' ' || n, ', ') FROM (SELECT status, count(*) AS n FROM oms.ticket GROUP BY status) AS s), 'cancelled 50, done 25, open 125',
	'of those whose amount is small nothing is left to do');
SELECT is_empty('SELECT * FROM oms.check()', 'the model agrees');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'every chain is whole');
SELECT is_empty($$SELECT FROM oms.timeline WHERE status IN ('warning', 'breached') GROUP BY ticket_id, stage, status HAVING count(*) > 1$$, 'what should have come is recorded once');
SELECT is(oms.tick(), 0, 'and nothing of it is left');
SELECT stage_status_is((SELECT ticket FROM done WHERE "row" = 1), 'b', 'in_progress', 'what is queued now is handed out');
SELECT is((SELECT count(DISTINCT s.worker) FROM oms.stage AS s WHERE s.stage = 'b' AND s.status = 'in_progress'), 1::bigint);
SELECT dispatched((SELECT ticket FROM done WHERE "row" = 4), 'a');
SELECT ticket_path_is((SELECT ticket FROM done WHERE "row" = 2), '{a,b}');
SELECT citizen_sees((SELECT ticket FROM done WHERE "row" = 3), '{"status": "cancelled"}');
SELECT citizen_does_not_see((SELECT ticket FROM done WHERE "row" = 2), 'late');
SELECT is((SELECT count(*) FROM oms.explain_clock((SELECT ticket FROM done WHERE "row" = 2), 'b')), 1::bigint, 'a clock can be explained');
SELECT is((SELECT finished FROM oms.sla_report('2026-02-01', '2026-03-01', 'Case') WHERE stage = 'b'), 50::bigint, 'reports count them when they were');
SELECT oms.roll_up() \g /dev/null
SELECT is((SELECT finished FROM oms.sla_report('2026-02-01', '2026-03-01', 'Case') WHERE stage = 'b'), 50::bigint, 'also when they are rolled up');

-- Evidence, and the archive.
SELECT ok(oms.seal() > 0, 'they are sealed');
SELECT is_empty('SELECT * FROM oms.verify_seals()', 'the seals are right');
SELECT ok(oms.archive('2026-05-01') = 75, 'the closed ones go into the archive');
SELECT is_empty('SELECT * FROM oms.check()', 'the model agrees');
SELECT is(jsonb_array_length(oms.proof((SELECT ticket FROM done WHERE "row" = 3)) -> 'events') > 0, true, 'an archived one is proven');
SELECT oms.reopen((SELECT ticket FROM done WHERE "row" = 2), 'b', 'again') \g /dev/null
SELECT is_empty('SELECT * FROM oms.check()', 'one that is reopened goes on');
SELECT oms.erase_applicant('p1', 'request 7') \g /dev/null
SELECT is_empty('SELECT * FROM oms.check()', 'the model agrees without what was erased');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'and so do the chains');
SELECT is((SELECT count(*) FROM given, oms.import_tickets('Case', rows, false) AS i JOIN done USING ("row", ticket)), 200::bigint, 'to import them again changes nothing');
SELECT is((SELECT count(*) FROM oms.any_ticket), 200::bigint);

SELECT * FROM finish();
