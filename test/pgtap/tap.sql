-- The example of docs/guides/testing.md: an agency tests the rules of its building permit, and what it says when
-- a test fails.
\unset ECHO
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true
SET client_min_messages = warning;

BEGIN;
SELECT no_plan();
SET timezone = 'America/New_York';

SELECT oms.create_calendar('office', '{"timezone": "America/New_York", "hours": {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"],
	"wed": ["09:00-17:00"], "thu": ["09:00-17:00"], "fri": ["09:00-17:00"]}, "holidays": ["2026-05-25"]}') \g /dev/null
SELECT oms.create_workflow('{"name": "Permit", "owner": "Director", "calendar": "office", "stages": [
	{"id": "complete", "owner": "Desk", "slaDays": 5, "label": "Papers"},
	{"id": "fire", "owner": "Fire_Marshal", "slaMins": 960, "dependsOn": ["complete"], "when": "$.units >= 3",
		"escalation": [{"at": "100%", "notify": "supervisor"}, {"at": "+60m", "reassignTo": "Deputy"}]},
	{"id": "issue", "owner": "Desk", "dependsOn": ["fire"], "label": "Permit", "retry": {"backoffSecs": 600}}]}') \g /dev/null

-- A house, opened on the Thursday before a long weekend.
SELECT is(move_clock_to('2026-05-21 16:00'), 0, 'nothing is due yet');
SELECT oms.open_ticket('Permit', '{"units": 1}') AS house \gset
SELECT dispatched(:'house', 'complete');
SELECT stage_due_is(:'house', 'complete', '2026-05-29 17:00', 'five open days, Memorial Day is none');
SELECT oms.stage_done(:'house', 'complete') \g /dev/null
SELECT stage_status_is(:'house', 'fire', 'skipped', 'no fire marshal for a house');
SELECT dispatched(:'house', 'issue');
SELECT citizen_sees(:'house', '{"status": "in progress", "stages": [{"stage": "Papers", "status": "done"}]}');
SELECT citizen_does_not_see(:'house', 'fire');
SELECT oms.stage_failed(:'house', 'issue', 'printer is out of paper') \g /dev/null
SELECT citizen_does_not_see(:'house', 'printer');
SELECT is(move_clock_to('2026-05-21 16:10'), 1, 'the pause before the retry is over');
SELECT dispatched(:'house', 'issue');
SELECT oms.stage_done(:'house', 'issue') \g /dev/null
SELECT ticket_path_is(:'house', '{complete,issue}');
SELECT ticket_status_is(:'house', 'done');
SELECT citizen_sees(:'house', '{"status": "closed"}');

-- Flats, and a fire marshal who is late.
SELECT oms.open_ticket('Permit', '{"units": 4}') AS flats \gset
SELECT oms.stage_done(:'flats', 'complete') \g /dev/null
SELECT stage_due_is(:'flats', 'fire', '2026-05-26 16:10', 'sixteen open hours');
SELECT stage_due_is(:'flats', 'issue', NULL);
SELECT ok(move_clock_to('2026-05-27 12:00') > 0, 'something fired');
SELECT is(ticket_events(:'flats', '^(breached|escalated|reassigned)$'), 'fire:breached fire:escalated fire:escalated fire:reassigned');
SELECT citizen_does_not_see(:'flats', 'Deputy');
SELECT is(error_code(format('SELECT oms.stage_done(%L, ''issue'')', :'flats')), 'OM005', 'nothing is issued before its turn');
SELECT is(error_code('SELECT 1'), '00000');
SELECT stage_status_is(:'flats', 'nowhere', NULL);

-- What each of them says when it fails.
SELECT check_test(ticket_path_is(:'house', '{complete}'), false, 'ticket_path_is');
SELECT check_test(ticket_status_is(:'house', 'open'), false, 'ticket_status_is');
SELECT check_test(stage_status_is(:'house', 'issue', 'queued'), false, 'stage_status_is');
SELECT check_test(stage_due_is(:'flats', 'fire', '2026-05-26 16:11'), false, 'stage_due_is');
SELECT check_test(dispatched(:'flats', 'issue'), false, 'dispatched: it waits');
SELECT check_test(dispatched(:'flats', 'x'), false, 'dispatched: there is no such stage');
SELECT check_test(citizen_sees(:'flats', '{"status": "closed"}'), false, 'citizen_sees');
SELECT check_test(citizen_does_not_see(:'flats', 'PAPERS'), false, 'citizen_does_not_see');

-- In another schema, beside one that has functions of the same names, and whatever the session makes of times.
CREATE SCHEMA words;
ALTER EXTENSION oms_tap SET SCHEMA words;
SET LOCAL search_path = oms, words, public;
SET LOCAL datestyle = 'Postgres, DMY';
SET LOCAL timezone = 'Asia/Kolkata';
SELECT ticket_path_is(:'house', '{complete,issue}');
SELECT ticket_status_is(:'house', 'done');
SELECT stage_status_is(:'flats', 'issue', 'waiting');
SELECT ok(move_clock_to('05-06-2026 16:00') >= 0, 'the clock goes on');
SELECT is(oms.clock(), '2026-06-05 10:30+00', '… to the fifth of June in India');
SELECT is(ticket_events(:'house', '^done$'), 'complete:done issue:done');
SELECT citizen_sees(:'house', '{"status": "closed"}');

SELECT * FROM finish();
ROLLBACK;
