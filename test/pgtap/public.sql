-- What citizens see: all that the allow-list has, and nothing else. Words
-- that are for staff only stand in every note, datum, output, worker, owner
-- and actor; no answer to a citizen has any of them.
\ir include/settings.psql
SET client_min_messages = warning;

BEGIN;
SELECT no_plan();
CREATE ROLE pu_citizen;
CREATE ROLE pu_portal;
CREATE ROLE "CANARY_staff";
SELECT oms.grant_access('pu_citizen', 'citizen'), oms.grant_access('pu_portal', 'portal'), oms.grant_access('CANARY_staff', 'staff') \g /dev/null

CREATE SCHEMA t;
-- The answer to a question as a role, as one text; an error is its code.
CREATE FUNCTION t.ask(role text, sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('role', role, true);
	EXECUTE format('SELECT jsonb_agg(to_jsonb(q))::text FROM (%s) AS q', sql) INTO result;
	PERFORM set_config('role', 'none', true);
	RETURN coalesce(result, 'no rows');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE FUNCTION t.track(number text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	result jsonb;
BEGIN
	PERFORM set_config('role', 'pu_citizen', true);
	result := oms.track(number);
	PERFORM set_config('role', 'none', true);
	RETURN result;
END $$;
-- The citizen's timeline, a line per event.
CREATE FUNCTION t.story(number text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	result text[];
BEGIN
	PERFORM set_config('role', 'pu_citizen', true);
	result := ARRAY(SELECT concat_ws('|', to_char("time" AT TIME ZONE 'UTC', 'HH24:MI:SS.US'), coalesce(stage, '-'), coalesce(owner, '-'), status, coalesce(note, '-'))
		FROM oms.get_timeline(number) WITH ORDINALITY AS e ("time", stage, owner, status, note, nr) ORDER BY nr);
	PERFORM set_config('role', 'none', true);
	RETURN result;
END $$;
-- Everything that a citizen with this number is told.
CREATE FUNCTION t.told(number text) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT t.ask('pu_citizen', format('SELECT * FROM oms.get_timeline(%L)', number)) || t.ask('pu_citizen', format('SELECT oms.track(%L)', number)) $$;

-- ---------------------------------------------------------------------------
-- A life with everything that citizens are not to see
-- ---------------------------------------------------------------------------
SET LOCAL oms.now = '2026-03-02 10:00:59.999999+00';
SELECT oms.create_workflow('{"name":"Loan","description":"CANARY-description","owner":"CANARY-responsible","stages":[
	{"id":"CANARY-id1","label":"Identity check","owner":"CANARY-owner1","publicOwner":"Tax office","slaMins":30,"escalation":[{"at":"100%","notify":"CANARY-boss"}]},
	{"id":"risk","owner":"CANARY-owner2","slaMins":60,"retry":{"maxAttempts":2,"backoffSecs":60},"dependsOn":["CANARY-id1"]},
	{"id":"CANARY-big","label":"CANARY-big-label","owner":"CANARY-owner3","minAmount":50000,"slaMins":600,"dependsOn":["risk"]},
	{"id":"CANARY-when","label":"CANARY-when-label","owner":"CANARY-owner4","when":"$.vip == true","dependsOn":["risk"]},
	{"id":"CANARY-manual","label":"CANARY-manual-label","owner":"CANARY-owner5","manual":true},
	{"id":"fund","label":"Payment","owner":"CANARY-owner6","slaMins":15,"dependsOn":["CANARY-big","CANARY-when"]}]}') \g /dev/null
SET LOCAL ROLE pu_portal;
SELECT oms.open_ticket('Loan', '{"amount":20000,"vip":false,"x":"CANARY-data"}', 'CANARY-key', 7, 'CANARY-applicant')::text AS tk,
	oms.open_ticket('Loan', '{"amount":90000,"vip":true,"x":"CANARY-data"}')::text AS big \gset
SELECT oms.tracking_number(:'tk') AS nr, oms.tracking_number(:'big') AS bignr \gset
RESET ROLE;
SELECT is(t.story(:'nr'), ARRAY['10:00:00.000000|-|-|received|-', '10:00:00.000000|Identity check|Tax office|in progress|-'], 'received, to the minute, in public words');
SELECT is(t.track(:'nr') -> 'stages', '[{"stage":"Identity check","status":"in progress"},{"stage":"risk","status":"waiting"},{"stage":"Payment","status":"waiting"}]'::jsonb,
	'stages with a condition, and manual ones, are not announced');
SELECT is(t.track(:'nr') -> 'stages', t.track(:'bignr') -> 'stages', 'so the amount cannot be told from them');
SELECT is(t.track(:'nr') ->> 'expected_by', t.track(:'bignr') ->> 'expected_by', '… nor from the time');

SET LOCAL ROLE "CANARY_staff";
SET LOCAL application_name = 'CANARY-application';
SELECT oms.claim_stage(:'tk', 'CANARY-id1', 'CANARY-worker') \g /dev/null
SELECT oms.comment(:'tk', 'CANARY-internal'), oms.comment(:'tk', 'CANARY-internal', 'risk'), oms.escalate(:'tk', 'CANARY-id1', 'CANARY-escalation') \g /dev/null
SELECT oms.release(:'tk', 'CANARY-id1', 'CANARY-release') \g /dev/null
SELECT oms.reassign(:'tk', 'CANARY-id1', 'CANARY-owner7', 'CANARY-reassign') \g /dev/null
SELECT oms.comment(:'tk', 'We need your tax form.', 'CANARY-id1', true), oms.comment(:'tk', 'Thank you.', public => true) \g /dev/null
RESET ROLE;
SET LOCAL oms.now = '2026-03-02 10:31+00';
SELECT is(oms.tick() > 0, true, 'a breach is due');
SELECT oms.stage_done(:'tk', 'CANARY-id1', '{"score":"CANARY-output"}') \g /dev/null
SET LOCAL oms.now = '2026-03-02 10:40+00';
CREATE TEMP TABLE c AS SELECT * FROM oms.claim('CANARY-owner2', 'CANARY-worker2', lease => '1 minute');
SET LOCAL oms.now = '2026-03-02 10:42+00';
SELECT oms.tick() \g /dev/null
SELECT oms.stage_failed(:'tk', 'risk', 'CANARY-error') \g /dev/null
SELECT is((SELECT status FROM oms.stage WHERE ticket_id = :'tk' AND stage = 'risk'), 'failed', 'a stage fails for good');
SELECT is(t.track(:'nr') -> 'stages' -> 1, '{"stage":"risk","status":"in progress"}'::jsonb, 'a failed stage is in progress for citizens');
SELECT is(t.track(:'nr') ->> 'status', 'in progress', '… and so is the ticket');
SELECT oms.retry_stage(:'tk', 'risk', 'CANARY-retry') \g /dev/null
SET LOCAL oms.now = '2026-03-02 10:45:30+00';
SELECT oms.stage_done(:'tk', 'risk', '{"score":"CANARY-output2"}') \g /dev/null
SELECT is((SELECT count(*) FROM oms.stage WHERE ticket_id = :'tk' AND status = 'skipped'), 2::bigint, 'the two with a condition are skipped');
SELECT is(t.track(:'nr') -> 'stages', '[{"stage":"Identity check","status":"done"},{"stage":"risk","status":"done"},{"stage":"Payment","status":"in progress"}]'::jsonb, 'skipped stages are not shown');
SELECT is(t.story(:'nr'), ARRAY['10:00:00.000000|-|-|received|-', '10:00:00.000000|Identity check|Tax office|in progress|-',
	'10:00:00.000000|Identity check|Tax office|comment|We need your tax form.', '10:00:00.000000|-|-|comment|Thank you.',
	'10:31:00.000000|Identity check|Tax office|done|-', '10:31:00.000000|risk|-|in progress|-', '10:45:00.000000|risk|-|done|-', '10:45:00.000000|Payment|-|in progress|-'],
	'no claim, breach, escalation, retry, reassignment, skipped stage: in progress once per stage');
SELECT is(t.told(:'nr') ~* 'canary', false, 'none of the words for staff');
SELECT is(t.told(:'nr') ~* 'breach|escalat|retry|lease|skip|reassign|fail|worker|queued', false, 'none of the words of the trade');
SELECT is((SELECT count(DISTINCT s) FROM oms.timeline, unnest(ARRAY['breached', 'escalated', 'reassigned', 'released', 'lease_expired', 'failed', 'skipped', 'comment']) s WHERE ticket_id = :'tk' AND status = s), 8::bigint,
	'though all of that has happened');
SELECT cmp_ok((SELECT count(DISTINCT m[1]) FROM oms.timeline e, regexp_matches(to_jsonb(e)::text, 'CANARY[-_]\w+', 'g') m WHERE ticket_id = :'tk'), '>=', 14::bigint, 'and all those words stand in the timeline');
SELECT is(t.ask('CANARY_staff', format('SELECT * FROM oms.get_timeline(%L)', :'tk')) ~ 'CANARY-internal.*CANARY-error', true, 'staff read them');
SELECT oms.stage_done(:'tk', 'fund') \g /dev/null
SELECT is(t.track(:'nr') ->> 'status', 'closed', 'closed');
SELECT is(t.track(:'nr') ->> 'expected_by', NULL, 'nothing is expected any more');
SELECT is((t.story(:'nr'))[9:], ARRAY['10:45:00.000000|Payment|-|done|-', '10:45:00.000000|-|-|closed|-'], 'the end of the story');

-- The one whose stages are not skipped: they are shown from the moment they run.
SELECT oms.stage_done(:'big', 'CANARY-id1'), oms.stage_done(:'big', 'risk') \g /dev/null
SELECT is(t.track(:'bignr') #>> '{stages,2,stage}', 'CANARY-big-label', 'a stage with a condition is shown when it runs');
SELECT is(jsonb_array_length(t.track(:'bignr') -> 'stages'), 5, 'the other too, not the manual one');
SELECT is(t.told(:'bignr') ~ 'CANARY-(big|when)\M(?!-label)', false, 'by their labels');
SELECT oms.cancel_ticket(:'big', 'CANARY-reason') \g /dev/null
SELECT is(t.track(:'bignr') ->> 'status', 'cancelled', 'cancelled');
SELECT is((t.story(:'bignr'))[array_upper(t.story(:'bignr'), 1)], '10:45:00.000000|-|-|cancelled|-', 'without the reason');
SELECT is(t.told(:'bignr') ~ 'CANARY-reason', false, 'anywhere');

-- ---------------------------------------------------------------------------
-- The shape of the answers: whoever adds something to them has to come by here
-- ---------------------------------------------------------------------------
SELECT is((SELECT array_agg(k ORDER BY k COLLATE "C") FROM jsonb_object_keys(t.track(:'nr')) k), ARRAY['expected_by', 'history', 'id', 'stages', 'status', 'workflow'], 'track');
SELECT set_eq(format($$SELECT DISTINCT k FROM jsonb_array_elements(t.track(%L) -> 'stages') s, jsonb_object_keys(s) k$$, :'nr'), ARRAY['stage', 'status'], 'its stages');
SELECT set_eq(format($$SELECT DISTINCT k FROM jsonb_array_elements(t.track(%L) -> 'history') s, jsonb_object_keys(s) k$$, :'nr'), ARRAY['time', 'stage', 'owner', 'status', 'note'], 'its history');
SELECT set_eq(format($$SELECT DISTINCT s ->> 'status' FROM jsonb_array_elements(t.track(%L) -> 'history' || (t.track(%L) -> 'history')) s$$, :'nr', :'bignr'),
	ARRAY['received', 'in progress', 'comment', 'done', 'closed', 'cancelled'], 'the statuses of citizens');
SELECT is(t.track(:'nr') -> 'history' -> 0 ->> 'time', '2026-03-02T10:00:00Z', 'time to the minute there, too');
SELECT is(jsonb_array_length(t.track(:'nr') -> 'history'), array_length(t.story(:'nr'), 1), 'as many events as in the timeline');
SELECT is(t.track(:'nr') ->> 'id', :'tk', 'the number of the ticket');
SELECT is((SELECT array_agg(name || ' ' || format_type(type, NULL)) FROM pg_proc, unnest(proargnames, proallargtypes, proargmodes) a (name, type, mode) WHERE oid = 'oms.get_timeline(text)'::regprocedure AND mode = 't'),
	ARRAY['time timestamp with time zone', 'stage text', 'owner text', 'status text', 'note text'], 'the columns of get_timeline');
SELECT is(t.ask('pu_citizen', s), '42501', 'not for citizens: ' || s) FROM unnest(ARRAY['SELECT * FROM oms.ticket', 'SELECT * FROM oms.timeline', 'SELECT * FROM oms.tracking_miss', 'SELECT * FROM oms.tracking', 'SELECT * FROM oms.workflow',
	'SELECT oms.get_workflow(''Loan'')', format('SELECT oms.tracking_number(%L)', :'tk'), format('SELECT oms.get_ticket(%L)', :'tk'), format('SELECT oms.rotate_tracking_number(%L)', :'tk')]) s;

-- ---------------------------------------------------------------------------
-- When it may be over
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Slow","stages":[{"id":"a","owner":"A","slaMins":30},{"id":"b","owner":"B","slaMins":60,"dependsOn":["a"]},{"id":"c","owner":"C","dependsOn":["a"]}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"Total","slaMins":45,"stages":[{"id":"a","owner":"A","slaMins":10}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"Open end","stages":[{"id":"a","owner":"A"}]}') \g /dev/null
SET LOCAL oms.now = '2026-03-02 12:00:10+00';
SELECT oms.tracking_number(oms.open_ticket('Slow')) AS slow, oms.tracking_number(oms.open_ticket('Total')) AS total, oms.tracking_number(oms.open_ticket('Open end')) AS never \gset
SELECT is(t.track(:'slow') ->> 'expected_by', '2026-03-02T13:31:00Z', 'the longest way, rounded up to the minute');
SELECT is(t.track(:'total') ->> 'expected_by', '2026-03-02T12:46:00Z', 'the limit of the ticket, if it has one');
SELECT is(t.track(:'never') -> 'expected_by', 'null'::jsonb, 'no limit: not said');
SET LOCAL oms.now = '2026-03-02 12:40+00';
SELECT oms.tick() \g /dev/null
SELECT is((SELECT count(*) FROM oms.timeline WHERE status = 'breached' AND ticket_id = left(:'slow', -10)::oms.ticket_id), 1::bigint, 'the first stage is late');
SELECT is(t.track(:'slow') ->> 'expected_by', '2026-03-02T13:40:00Z', 'the second takes its time from now on at the earliest');
SELECT oms.stage_done(left(:'slow', -10), 'a') \g /dev/null
SELECT is(t.track(:'slow') ->> 'expected_by', '2026-03-02T13:40:00Z', 'what was late moves the rest');
SET LOCAL oms.now = '2026-03-02 13:40:00+00';
SELECT is(t.track(:'slow') ->> 'expected_by', '2026-03-02T13:40:00Z', 'on the dot it is not over');
SET LOCAL oms.now = '2026-03-02 13:40:00.000001+00';
SELECT is(t.track(:'slow') ->> 'expected_by', 'taking longer than expected', 'over');
SELECT is(t.told(:'slow') ~* 'breach|late|overdue', false, 'in these words only');
SELECT is(t.track(:'total') ->> 'expected_by', 'taking longer than expected', 'the same for a limit of the ticket');

-- ---------------------------------------------------------------------------
-- Numbers
-- ---------------------------------------------------------------------------
SELECT matches(:'nr'::text, '^L-2026-[0-9]{5}-[0-9A-HJKMNP-TV-Z]{9}$', 'a tracking number');
SELECT is(left(:'nr', -10), :'tk', '… begins with the ticket number');
SELECT is(oms.tracking_number(:'tk'), :'nr', '… is the same each time');
SELECT isnt(oms.track(format(f, :'nr')), NULL, 'blanks around it: ' || f) FROM unnest(ARRAY[' %s', '%s ', E'\t%s\r\n', '   %s   ']) f;
SELECT is(oms.track(replace(:'nr', '-2026-', '-2026 -')), NULL, 'but not within');
SELECT isnt(right(:'nr', 9), right(:'bignr', 9), '… and differs from ticket to ticket');
SELECT is((SELECT count(DISTINCT right(oms.tracking_number(t), 9)) FROM oms.open_tickets('Open end', array_fill('{}'::jsonb, ARRAY[300])) t), 300::bigint, '300 of them are 300');
SELECT is((SELECT count(DISTINCT substr(oms.tracking_number(ticket_id), length(ticket_id::text) + 2 + i, 1)) > 20 FROM oms.ticket), true, 'letters vary at place ' || i) FROM generate_series(0, 8) i;

-- What is right is right however it is typed.
SELECT set_config('t.nr', :'nr', true) \g /dev/null
SELECT is(t.track(lower(:'nr')) ->> 'id', :'tk', 'in lower case');
SELECT is(t.track(upper(:'nr')) ->> 'id', :'tk', 'in upper case');
-- Letters that look alike: a number that has a 1 and a 0 is looked for.
SELECT oms.tracking_number(ticket_id) AS lookalike, ticket_id::text AS looked FROM oms.ticket WHERE right(oms.tracking_number(ticket_id), 9) ~ '1.*0|0.*1' LIMIT 1 \gset
SELECT is(t.track(left(:'lookalike', -9) || translate(right(:'lookalike', 9), '10', f)) ->> 'id', :'looked', 'look-alikes: ' || f) FROM unnest(ARRAY['IO', 'LO', 'io', 'lo', 'Io']) f;
SELECT is(t.track(left(:'lookalike', -9) || translate(right(:'lookalike', 9), '1', 'U')), NULL, 'U is none');

-- The check character, without the secret: one wrong letter and two swapped neighbours are found.
CREATE FUNCTION t.check_letter(body text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	letters CONSTANT text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
	sum int := 0;
BEGIN
	FOR i IN 1 .. length(body) LOOP
		sum := (sum # (strpos(letters, substr(body, i, 1)) - 1)) * 2;
		IF sum >= 32 THEN sum := sum # 37; END IF;
	END LOOP;
	RETURN substr(letters, sum + 1, 1);
END $$;
SELECT is_empty($$SELECT n FROM (SELECT right(oms.tracking_number(ticket_id), 9) AS n FROM oms.ticket) x WHERE t.check_letter(left(n, 8)) <> right(n, 1)$$, 'the ninth letter is a check character');
SELECT is_empty($$SELECT n FROM (SELECT right(oms.tracking_number(ticket_id), 9) AS n FROM oms.ticket LIMIT 20) x, generate_series(1, 8) i, unnest(string_to_array('0123456789ABCDEFGHJKMNPQRSTVWXYZ', NULL)) c
	WHERE substr(n, i, 1) <> c AND t.check_letter(overlay(left(n, 8) PLACING c FROM i FOR 1)) = right(n, 1)$$, 'one wrong letter does not fit it');
SELECT is_empty($$SELECT n FROM (SELECT right(oms.tracking_number(ticket_id), 9) AS n FROM oms.ticket) x, generate_series(1, 7) i
	WHERE substr(n, i, 1) <> substr(n, i + 1, 1) AND t.check_letter(overlay(left(n, 8) PLACING reverse(substr(n, i, 2)) FROM i FOR 2)) = right(n, 1)$$, 'nor two swapped neighbours');

-- What is not right is the same nothing, whatever is wrong with it.
CREATE TEMP TABLE wrong (n text);
INSERT INTO wrong SELECT n FROM unnest(ARRAY[:'tk', 'L-2026-99999', 'L-2026-99999-' || right(:'nr', 9), :'tk' || '-000000000', :'tk' || '-' || right(:'bignr', 9), :'tk' || '-', :'tk' || '-' || right(:'nr', 8), :'nr' || '0',
	:'nr' || '-', :'nr' || E'\u00a0', replace(:'nr', '-', ''), replace(:'nr', '-', '_'), 'X' || :'nr', '', '-', '---', 'garbage', repeat('x', 10000), repeat('-', 1000), 'L-2026-00001-ÄÖÜÄÖÜÄÖÜ', '%s%n', ''' OR true --', :'tk' || '-_________',
	:'tk' || '-%%%%%%%%%', 'T-0000-00000-000000000', 'L-2026-99999999999999999999-000000000']) n;
INSERT INTO wrong SELECT overlay(:'nr' PLACING CASE substr(:'nr', length(:'nr') - i, 1) WHEN '7' THEN '8' ELSE '7' END FROM length(:'nr') - i FOR 1) FROM generate_series(0, 8) i;
-- An hour passes between two of them, else each would wait two seconds.
CREATE FUNCTION t.later() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT set_config('oms.now', (current_setting('oms.now')::timestamptz + interval '1 hour')::text, true) $$;
SELECT is(t.ask('pu_citizen', format('SELECT oms.track(%L) AS x', n)), '[{"x": null}]', 'track: ' || left(to_json(n)::text, 50)) FROM wrong WHERE t.later() <> '';
SELECT is(t.ask('pu_citizen', format('SELECT * FROM oms.get_timeline(%L::text)', n)), 'no rows', 'get_timeline: ' || left(to_json(n)::text, 50)) FROM wrong WHERE t.later() <> '';
SET LOCAL oms.now = '2026-05-04 13:40+00';
SELECT is(t.ask('pu_citizen', 'SELECT oms.track(NULL) AS x'), '[{"x": null}]', 'track of NULL');
SELECT is(t.ask('pu_citizen', 'SELECT * FROM oms.get_timeline(NULL::text)'), 'no rows', 'get_timeline of NULL');
SELECT is(t.ask('pu_citizen', format('SELECT * FROM oms.get_timeline(%L::oms.ticket_id)', n)), 'no rows', 'get_timeline of the bare number as a type') FROM unnest(ARRAY[:'tk', 'L-2026-99999']) n;
-- A portal that did not open it is no better off; staff are told what is no number.
SELECT oms.open_ticket('Loan')::text AS foreign \gset
SELECT is(t.ask('pu_portal', format('SELECT * FROM oms.get_timeline(%L)', n)), 'no rows', 'a portal: ' || n) FROM unnest(ARRAY[:'foreign', 'L-2026-99999', 'garbage']) n;
SELECT is(t.ask('pu_portal', format('SELECT oms.track(%L) AS x', :'foreign')), '[{"x": null}]', 'a portal tracks no bare number');
SELECT is(t.ask('CANARY_staff', format('SELECT oms.track(%L) AS x', :'foreign')), '[{"x": null}]', 'nor do staff');
SELECT is(t.ask('CANARY_staff', 'SELECT * FROM oms.get_timeline(''garbage'')'), '22P02', 'staff are told');

-- A portal sees of its own tickets what a citizen sees.
SELECT is(t.ask('pu_portal', format('SELECT * FROM oms.get_timeline(%L)', :'tk')), t.ask('pu_citizen', format('SELECT * FROM oms.get_timeline(%L)', :'nr')), 'a portal sees what the citizen sees');
SELECT is(t.ask('pu_portal', format('SELECT * FROM oms.get_timeline(%L::oms.ticket_id)', :'tk')), t.ask('pu_citizen', format('SELECT * FROM oms.get_timeline(%L)', :'nr')), '… by the type, too');

-- ---------------------------------------------------------------------------
-- Guessing
-- ---------------------------------------------------------------------------
SELECT cmp_ok((SELECT misses FROM oms.tracking_miss WHERE ticket_id = :'tk'), '>=', 10, 'wrong numbers of a ticket are counted');
SELECT cmp_ok((SELECT misses FROM oms.tracking_miss WHERE ticket_id = 'L-2026-99999'), '>=', 4, '… and those of none');
SELECT is(t.ask('CANARY_staff', format('SELECT misses > 0 AS seen FROM oms.tracking_miss WHERE ticket_id = %L', :'tk')), '[{"seen": true}]', 'staff see it');
SELECT misses AS before FROM oms.tracking_miss WHERE ticket_id = :'tk' \gset
SELECT t.track(:'nr'), t.track(:'nr') \g /dev/null
SELECT is((SELECT misses FROM oms.tracking_miss WHERE ticket_id = :'tk'), :'before'::int, 'right ones are not');
SELECT t.track(:'tk' || '-000000000') \g /dev/null
SELECT is((SELECT misses FROM oms.tracking_miss WHERE ticket_id = :'tk'), :'before'::int + 1, 'one more');
-- Slow from the tenth on, until ten minutes have passed.
CREATE FUNCTION t.ms(sql text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	t0 timestamptz := clock_timestamp();
BEGIN
	EXECUTE sql;
	RETURN extract(epoch FROM clock_timestamp() - t0) * 1000;
END $$;
SELECT oms.open_ticket('Open end')::text AS guessed \gset
SELECT t.track(:'guessed' || '-00000000' || i) FROM generate_series(1, 9) i \g /dev/null
SELECT t.track(:'guessed' || '-00000000' || i) FROM generate_series(1, 5) i \g /dev/null
SELECT is((SELECT misses FROM oms.tracking_miss WHERE ticket_id = :'guessed'), 14, '14 misses');
SELECT cmp_ok(t.ms(format('SELECT t.track(%L)', :'guessed' || '-000000000')), '>=', 300::numeric, 'the 15th takes its time');
SELECT cmp_ok(t.ms(format('SELECT t.track(%L)', oms.tracking_number(:'guessed'))), '>=', 300::numeric, 'a right one as well: else the wait would tell');
SELECT cmp_ok(t.ms(format('SELECT t.track(%L)', :'nr')), '>=', 300::numeric, 'that of the ticket with all the wrong numbers');
SET LOCAL oms.now = '2026-05-04 13:51:00+00';
SELECT is(least(t.ms(format('SELECT t.track(%L)', :'nr')), t.ms(format('SELECT t.track(%L)', :'nr'))) < 300, true, 'after ten minutes it is forgotten');

-- ---------------------------------------------------------------------------
-- A new number
-- ---------------------------------------------------------------------------
SELECT oms.rotate_tracking_number(:'tk') AS nr2 \gset
SELECT isnt(:'nr2'::text, :'nr'::text, 'another number');
SELECT is(left(:'nr2', -10), :'tk', '… of the same ticket');
SELECT is(oms.tracking_number(:'tk'), :'nr2', '… from now on');
SELECT is(t.ask('pu_citizen', format('SELECT oms.track(%L) AS x', :'nr')), '[{"x": null}]', 'the old one is void');
SELECT is(t.ask('pu_citizen', format('SELECT * FROM oms.get_timeline(%L)', :'nr')), 'no rows', '… for the timeline, too');
SELECT is(t.track(:'nr2') ->> 'id', :'tk', 'the new one is right');
SELECT isnt(oms.rotate_tracking_number(:'tk'), :'nr', 'once more: not the first again');
SELECT is(t.ask('pu_citizen', format('SELECT oms.track(%L) AS x', n)), '[{"x": null}]', 'the ones before are void') FROM unnest(ARRAY[:'nr', :'nr2']) n;
SELECT is(oms.tracking_number(:'big'), :'bignr', 'those of others stay');
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'tk' AND note = 'tracking number rotated' AND NOT public), 2::bigint, 'staff see when');
SELECT is_empty(format('SELECT * FROM oms.timeline WHERE note LIKE %L OR payload::text LIKE %1$L', '%' || right(:'nr2', 9) || '%'), 'the number itself stands nowhere');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chains are whole');

-- ---------------------------------------------------------------------------
-- What was erased
-- ---------------------------------------------------------------------------
SELECT oms.tracking_number(:'tk') AS nr3 \gset
SELECT oms.erase_applicant('CANARY-applicant', 'CANARY-erasure') \g /dev/null
SELECT is(t.told(:'nr3') ~ 'tax form|Thank you|CANARY', false, 'what was erased is not told, nor that it was');
SELECT is(array_length(t.story(:'nr3'), 1), array_length((SELECT array_agg(1) FROM oms.timeline WHERE ticket_id = :'tk' AND public), 1), 'the events are');

SELECT finish();
ROLLBACK;
