-- A moved clock shows: events recorded under oms.now say so in what is hashed, and where the real clock counts
-- nothing is recorded under another one.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
SELECT oms.create_workflow('{"name":"Dated","stages":[{"id":"a","owner":"A","slaMins":60}]}') \g /dev/null
SELECT is(current_setting('oms.allow_moved_clock'), 'on', 'servers of tests declare theirs');
SELECT is((SELECT boot_val FROM pg_settings WHERE name = 'oms.allow_moved_clock'), 'off', 'by itself the clock is not to be moved');
SET LOCAL oms.allow_moved_clock = off;

-- ---------------------------------------------------------------------------
-- Before the real clock counts: a simulation
-- ---------------------------------------------------------------------------
SET LOCAL oms.now = '2026-03-02 14:00+00';
SELECT oms.open_ticket('Dated', '{"name":"x"}')::text AS then \gset
SELECT oms.comment(:'then', 'noted'), oms.seal() \g /dev/null
SELECT is((SELECT bool_and(moved) FROM oms.timeline WHERE ticket_id = :'then'), true, 'its events say that the clock was moved');
SELECT is((SELECT string_agg(note, ', ') FROM oms.get_timeline(:'then')), 'noted', 'where all are so nobody needs to be told');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chain is whole');
SELECT is_empty('SELECT * FROM oms.check()', 'check() agrees');
SELECT is((SELECT count(*) FROM jsonb_array_elements(oms.proof(:'then') -> 'events') AS e WHERE e -> 'moved' = 'true'), 3::bigint, 'the proof says so of each');

-- ---------------------------------------------------------------------------
-- Once it does
-- ---------------------------------------------------------------------------
RESET oms.now;
SELECT oms.open_ticket('Dated', '{"name":"x"}')::text AS real \gset
SELECT oms.comment(:'real', 'noted') \g /dev/null
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'real' AND moved IS NULL), 3::bigint, 'by the real clock: nothing is said');
SELECT is((SELECT count(*) FROM jsonb_array_elements(oms.proof(:'real') -> 'events') AS e WHERE e ? 'moved'), 0::bigint, '… nor in the proof');
SELECT is((SELECT string_agg(note, ', ') FROM oms.get_timeline(:'real')), 'noted', '… nor in the timeline');
SELECT is((SELECT string_agg(note, ', ') FROM oms.get_timeline(:'then')), '[moved clock], [moved clock], [moved clock] noted', 'the timeline marks what was recorded under a moved clock');
SELECT is((SELECT string_agg(note, ', ') FROM oms.get_timeline(oms.tracking_number(:'then'))), NULL, 'citizens are not told');
SET LOCAL oms.now = '2026-03-02 15:00+00';
SELECT is(error_code(c), '55000', c) FROM unnest(ARRAY[
	'SELECT oms.open_ticket(''Dated'')', 'SELECT oms.open_tickets(''Dated'', ''{"{}"}'')', format('SELECT oms.comment(%L, ''late'')', :'real'), format('SELECT oms.stage_done(%L, ''a'')', :'real'), 'SELECT * FROM oms.claim(''A'')',
	'SELECT oms.tick()', format('UPDATE oms.ticket SET priority = 1 WHERE ticket_id = %L', :'real'), format('SELECT oms.amend(%L, ''{"a":1}'', ''r'')', :'then'), 'SELECT oms.seal()', 'SELECT oms.archive()',
	format('SELECT oms.erase(%L, ''{data}'', ''r'')', :'real'), 'SELECT * FROM oms.import_tickets(''Dated'', ''[{"opened_at":"2026-01-05"}]'', false)',
	-- the rules, too
	'SELECT oms.set_owner(''A'')', 'SELECT oms.create_workflow(''{"name":"Other","stages":[{"id":"a","owner":"A"}]}'')', 'SELECT oms.retire_workflow(''Dated'')',
	'SELECT oms.create_calendar(''c'', ''{"timezone":"UTC","hours":{"mon":["09:00-10:00"]}}'')', 'SELECT oms.set_hold_reason(''why'')', 'SELECT oms.set_retention(''1 day'')',
	'SELECT oms.set_absence(''kim'', ''2026-03-03'', ''2026-03-04'')', 'SELECT oms.grant_access(current_user, ''staff'')', 'SELECT oms.send_message(''m'', ''k'')',
	format('SELECT oms.rotate_tracking_number(%L)', :'real'), 'SELECT oms.activate()']) AS c;
SELECT is(error_code(c), '00000', 'looking is no change: ' || c) FROM unnest(ARRAY[format('SELECT * FROM oms.get_timeline(%L)', :'real'), format('SELECT oms.get_ticket(%L)', :'real'), 'SELECT * FROM oms.verify_timeline()', 'SELECT * FROM oms.health()']) AS c;
SELECT throws_like($$SELECT oms.open_ticket('Dated')$$, 'oms.open_ticket() is refused while oms.now moves the clock', 'what it says');
SET LOCAL oms.allow_moved_clock = on;
SELECT is(error_code(format('SELECT oms.comment(%L, ''a test'')', :'real')), '00000', 'unless this is declared a place for tests');
RESET oms.now;
SET LOCAL oms.allow_moved_clock = off;
SELECT oms.comment(:'real', 'after it') \g /dev/null
SELECT is((SELECT string_agg(note, ', ' ORDER BY note) FROM oms.get_timeline(:'real')), '[moved clock] a test, after it, noted', 'each event for itself');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chains are whole');
SELECT is_empty('SELECT * FROM oms.check()', 'check() agrees');

SELECT oms.open_ticket('Dated')::text AS plain \gset
SELECT oms.stage_done(:'plain', 'a') \g /dev/null
SELECT is((SELECT moved FROM oms.finished_stage WHERE ticket_id = :'plain'), false, 'reports tell of no moved clock where there was none');
SET LOCAL oms.allow_moved_clock = on;
SET LOCAL oms.now = '2026-03-02 16:00+00';
SELECT oms.stage_done(:'then', 'a') \g /dev/null
RESET oms.now;
SET LOCAL oms.allow_moved_clock = off;
SELECT is((SELECT moved FROM oms.finished_stage WHERE ticket_id = :'then'), true, '… and of a stage that was done under one');

-- The sums of reports count how many of what they add up were recorded under a moved clock: begun, ended, held, brought in.
SELECT oms.create_workflow('{"name":"Sums","stages":[{"id":"a","owner":"S","slaMins":60},{"id":"b","owner":"S","dependsOn":["a"]}]}') \g /dev/null
SELECT oms.open_ticket('Sums')::text AS plain, oms.open_ticket('Sums')::text AS ended, oms.open_ticket('Sums')::text AS held \gset
SET LOCAL oms.allow_moved_clock = on;
SET LOCAL oms.now = '2026-03-02 16:00+00';
SELECT oms.open_ticket('Sums')::text AS begun \gset
SELECT oms.stage_done(:'ended', 'a'), oms.stage_done(:'ended', 'b'), oms.hold(:'held', NULL, 'a paper is missing') \g /dev/null
SELECT i.ticket::text AS brought FROM oms.import_tickets('Sums', '[{"opened_at":"2026-02-02T10:00Z","stages":{"a":{"finished_at":"2026-02-02T11:00Z"}}}]', false) AS i \gset
RESET oms.now;
SET LOCAL oms.allow_moved_clock = off;
SELECT is((SELECT string_agg(format('%s %s', o.stage, o.moved), ', ' ORDER BY k.no) FROM unnest(ARRAY[:'plain', :'held', :'begun', :'brought']) WITH ORDINALITY AS k (id, no)
	JOIN oms.open_stage AS o ON o.ticket_id = k.id), 'a f, a t, a t, b t', 'of open stages, too, it is said which have such events');
SELECT oms.resume(:'held', NULL) \g /dev/null
SELECT oms.stage_done(k, 'a') FROM unnest(ARRAY[:'plain', :'begun', :'held']) AS k \g /dev/null
SELECT oms.stage_done(k, 'b') FROM unnest(ARRAY[:'plain', :'begun', :'held', :'brought']) AS k \g /dev/null

SELECT is((SELECT string_agg(stage, ', ' ORDER BY stage, ticket_id) FROM oms.finished_stage WHERE workflow = 'Sums' AND moved), 'a, a, a, a, b, b', 'which they are');
CREATE FUNCTION sums(since timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s; slow: %s; weeks: %s; hours: %s; owner: %s',
		(SELECT string_agg(format('%s %s of %s', r.stage, r.moved, r.finished), ', ' ORDER BY r.stage NULLS FIRST) FROM oms.sla_report(since, NULL, 'Sums') AS r WHERE r.workflow IS NOT NULL),
		(SELECT string_agg(format('%s %s of %s', r.stage, r.moved, r.finished), ', ' ORDER BY r.stage) FROM oms.bottlenecks(since, NULL, 'Sums') AS r),
		(SELECT format('%s of %s', sum(r.moved), sum(r.n)) FROM oms.heat_map(since, NULL) AS r WHERE r.workflow = 'Sums'),
		(SELECT format('%s of %s', sum(r.moved), sum(r.n)) FROM oms.heat_map(since, NULL, 'weekday') AS r),
		(SELECT format('%s of %s', sum(r.moved), sum(r.n)) FROM oms.heat_map(since, NULL, 'owner') AS r WHERE r.y = 'S'))
$$;
CREATE FUNCTION sums_are(told text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT is(sums(NULL), ' 6 of 10, a 4 of 5, b 2 of 5; slow: a 4 of 5, b 2 of 5; weeks: 4 of 5; hours: 5 of 7; owner: 4 of 5', told)
	UNION ALL
	SELECT is(sums(clock_timestamp() - '59 min'::interval), ' 5 of 9, a 3 of 4, b 2 of 5; slow: a 3 of 4, b 2 of 5; weeks: 3 of 4; hours: 3 of 5; owner: 3 of 4', '… in the last hour')
$$;
SELECT sums_are('reports say how many: from the rows');
SELECT oms.roll_up(true) \g /dev/null
SELECT sums_are('… rolled up');
SELECT ok(oms.archive('2050-01-01') >= 5, 'the closed ones go into the archive');
SELECT sums_are('… archived');
SELECT oms.roll_up(true) \g /dev/null
SELECT sums_are('… rolled up from there');

-- Who may declare it
CREATE ROLE mc_agent;
SELECT oms.grant_access('mc_agent', 'admin') \g /dev/null
GRANT EXECUTE ON FUNCTION error_code(text) TO mc_agent;
SET LOCAL ROLE mc_agent;
SELECT error_code('SET LOCAL oms.allow_moved_clock = on') AS may \gset
RESET ROLE;
SELECT is(:'may'::text, '42501', 'superusers alone may declare it');

SELECT finish();
ROLLBACK;
