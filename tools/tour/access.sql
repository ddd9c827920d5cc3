-- make demo TOUR=access: levels of access, tracking numbers, what the public sees.
\set QUIET 1
\pset pager off
\pset footer off
SET client_min_messages = warning;
SELECT ticket_id AS ticket FROM oms.ticket WHERE workflow = 'DisasterLoan' ORDER BY ticket_id LIMIT 1 \gset
\echo '== Who sees what ================================================================================='
\echo 'Until here a superuser did all the work. A web page and a clerk get what they need, no more:'
\echo
CREATE ROLE clerk;
SELECT oms.open_ticket('DisasterLoan', '{"name": "Lee", "amount": 20000}') AS small \gset
SELECT oms.stage_done(:'small', 'id_check') AS queued, oms.stage_done(:'small', 'risk_ai', '{"score": 655}') \g /dev/null
\set ECHO queries
\o /dev/null
SELECT oms.grant_access('web_page', 'citizen');
SELECT oms.grant_access('clerk', 'staff');
\o
\set ECHO none
\echo
\echo 'The clerk leaves a note for Kim, and one for the colleagues.'
\echo
\set ECHO queries
\o /dev/null
SET ROLE clerk;
SELECT oms.comment(:'ticket', 'Sorry for the wait', public => true);
SELECT oms.comment(:'ticket', 'ann was on leave without a deputy');
RESET ROLE;
\o
\set ECHO none
\echo
\echo 'Ticket numbers can be counted through, so the bare number opens nothing to the public. Kim gets a'
\echo 'tracking number:'
\echo
\set ECHO queries
SELECT oms.tracking_number(:'ticket');
\set ECHO none
SELECT oms.tracking_number(:'ticket') AS tracking \gset
SELECT oms.tracking_number(:'small') AS small_tracking \gset
\set ECHO queries
SET ROLE web_page;
SELECT count(*) AS events FROM oms.get_timeline(:'ticket');
SELECT count(*) AS events FROM oms.get_timeline(:'tracking');
\set ECHO none
CREATE TEMP TABLE citizen AS SELECT * FROM oms.get_timeline(:'tracking') WITH ORDINALITY AS c (t, s, o, status, note, n);
RESET ROLE;
SET ROLE clerk;
CREATE TEMP TABLE staff AS
  SELECT seq, to_char(at, 'HH24:MI') AS time, stage, status, note,
    CASE WHEN public THEN count(*) FILTER (WHERE public) OVER (ORDER BY seq) END AS n
  FROM oms.timeline WHERE ticket_id = :'ticket';
RESET ROLE;
\echo
\echo 'What the clerk sees, and beside it what Kim sees: nothing of escalations, deputies and deadlines.'
\echo
SELECT staff.time, coalesce(stage, '') AS stage, staff.status || coalesce(': ' || staff.note, '') AS staff,
  coalesce(citizen.status || coalesce(': ' || citizen.note, ''), '') AS citizen
FROM staff LEFT JOIN citizen USING (n) ORDER BY seq;
\echo 'Lee, whose loan still runs, can see what is to come and when it should be over:'
\echo
\set ECHO queries
SET ROLE web_page;
SELECT t ->> 'status' AS status, t ->> 'expected_by' AS expected_by, t -> 'stages' -> 2 AS stage
FROM oms.track(:'small_tracking') AS t;
RESET ROLE;
\set ECHO none
\echo
