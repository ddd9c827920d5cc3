-- make demo TOUR=clocks: limits that count office hours, holds, what was missed, work that is sent back.
\set QUIET 1
\pset pager off
\pset footer off
SET client_min_messages = warning;
\echo '== Office hours =================================================================================='
\echo 'Agencies answer requests for records within 20 working days. So clocks count the open time of a'
\echo 'calendar: here that of the federal government, on the Friday before Thanksgiving 2024.'
\echo
SET timezone = 'America/New_York';
\set ECHO queries
SET oms.now = '2024-11-22 11:15';
SELECT oms.create_calendar('federal', jsonb_build_object('timezone', 'America/New_York',
    'hours', (SELECT jsonb_object_agg(day, '["09:00-17:00"]'::jsonb)
              FROM unnest('{mon,tue,wed,thu,fri}'::text[]) AS day),
    'holidays', (SELECT jsonb_agg(day) FROM generate_series(2024, 2026) AS year,
                 oms.us_federal_holidays(year) AS day))) AS version;
SELECT oms.create_workflow('{
  "name": "Records request", "prefix": "RR", "owner": "Records_Chief", "calendar": "federal",
  "stages": [
    {"id": "search",  "owner": "Archive", "slaDays": 20, "warnAt": [80],
                      "escalation": [{"at": "100%", "notify": "supervisor"}]},
    {"id": "release", "owner": "Legal",   "slaMins": 480, "dependsOn": ["search"]}
  ]}') AS version;
SELECT oms.open_ticket('Records request', '{"about": "bridges"}') AS ticket;
\set ECHO none
SELECT ticket_id AS request FROM oms.ticket WHERE workflow = 'Records request' \gset
SELECT oms.tracking_number(:'request') AS request_tracking \gset
\set ECHO queries
SELECT stage, status, due_at FROM oms.stage WHERE ticket_id = :'request';
\set ECHO none
\echo 'Which bridges? The search waits for an answer, and its clock stands: there is no due time. The'
\echo 'applicant is told.'
\echo
\set ECHO queries
\o /dev/null
SELECT oms.set_hold_reason('unclear', waiting_on => 'applicant', public_label => 'Which bridges?');
SET oms.now = '2024-11-26 10:00';
SELECT oms.hold(:'request', 'search', 'unclear');
\o
SELECT stage, status, due_at FROM oms.stage WHERE ticket_id = :'request' AND stage = 'search';
SELECT stage, status, note FROM oms.get_timeline(:'request_tracking') OFFSET 2;
\set ECHO none
\echo 'A week later the rest of the limit runs on. What the clock is made of can be checked with a pencil:'
\echo
\set ECHO queries
\o /dev/null
SET oms.now = '2024-12-03 14:00';
SELECT oms.resume(:'request', 'search');
\o
SELECT due_at FROM oms.stage WHERE ticket_id = :'request' AND stage = 'search';
SET oms.now = '2024-12-04 09:30';
SELECT * FROM oms.explain_clock(:'request', 'search');
\set ECHO none
\echo 'Then nobody looks, and no timer fires, until New Year''s Eve. All that was due is recorded in order.'
\echo 'Nobody needs last week''s warning any more: alerts are only sent for the last moment.'
\echo
LISTEN oms_alert;
\set ECHO queries
SET oms.now = '2024-12-31 10:00';
SELECT oms.tick() AS timers_fired;
SELECT status, note FROM oms.get_timeline(:'request') OFFSET 4;
\set ECHO none
UNLISTEN *;
\echo 'Ann finds the papers. Legal misses some and sends the request back: the search begins again, with a'
\echo 'new clock. Staff can ask why a stage is where it is, or for a picture (in Mermaid #58; is a colon):'
\echo
\set ECHO queries
\o /dev/null
SELECT oms.assign(:'request', 'search', 'ann');
SELECT oms.stage_done(:'request', 'search', '{"boxes": [1, 2]}');
SELECT oms.send_back(:'request', 'release', 'search', 'box 3 is missing');
SELECT oms.assign(:'request', 'search', 'ann', 'you know the archive');
\o
SELECT stage, status, why FROM oms.explain(:'request');
SELECT oms.diagram(:'request', format => 'mermaid') \g (format=unaligned tuples_only=on)
\set ECHO none
\echo
SELECT oms.cancel_ticket(:'request', 'the tour goes on') \g /dev/null
RESET timezone;
