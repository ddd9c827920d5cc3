-- make demo TOUR=worker: timers and queues without anybody who calls.
\set QUIET 1
\pset pager off
\pset footer off
SET client_min_messages = warning;
\echo '== By itself ====================================================================================='
\echo 'Nobody needs to call oms.tick(): the database now gets its background worker. It was off until here'
\echo 'because it does not see a moved clock.'
\echo
\set ECHO queries
ALTER DATABASE :"DBNAME" SET oms.worker = on;
\set ECHO none
\connect
DO $$BEGIN
  FOR i IN 1..500 LOOP
    PERFORM FROM oms.worker_status WHERE state = 'running' AND events_sent > 0;
    EXIT WHEN found;
    PERFORM pg_sleep(0.02);
  END LOOP;
END$$;
LISTEN oms_dispatch;
\set ECHO queries
SELECT oms.create_workflow('{"name": "Letter", "prefix": "LT", "stages": [
    {"id": "print", "owner": "Printer", "retry": {"backoffSecs": 1, "factor": 1}}]}') AS version;
SELECT oms.open_ticket('Letter') AS ticket;
\set ECHO none
SELECT ticket_id AS letter FROM oms.ticket WHERE workflow = 'Letter' \gset
\echo 'A printer takes the letter for one second and is not heard of again. The next one waits for work:'
\echo 'it sleeps until the lease has run out. Then it fails, and waits for the end of a pause of a second.'
\echo
\set ECHO queries
SELECT stage, attempt, token FROM oms.claim('Printer', 'printer-1', lease => '1 second');
CALL oms.wait_for_work('Printer', '10 seconds');
SELECT stage, attempt, token FROM oms.claim('Printer', 'printer-2');
SELECT oms.stage_failed(:'letter', 'print', 'no paper') AS status;
CALL oms.wait_for_work('Printer', '10 seconds');
SELECT oms.stage_done(ticket, stage, token => token) AS queued
FROM oms.claim('Printer', 'printer-2');
SELECT to_char(time, 'HH24:MI:SS.MS') AS time, stage, status, note
FROM oms.get_timeline(:'letter');
SELECT database, state, nearest_timer::timestamp(0), timers_fired, late_max_ms, errors
FROM oms.worker_status;
\set ECHO none
UNLISTEN *;
