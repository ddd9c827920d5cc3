-- numbers: none is given out twice, also if a sequence was set back: by a restore over a database that went on, or in
-- a logical copy, where sequences begin at the start.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SELECT oms.create_workflow('{"name": "Numbers", "prefix": "NR", "stages": [{"id": "a", "owner": "N"}]}');
SELECT oms.create_workflow('{"name": "Other numbers", "prefix": "ON", "stages": [{"id": "a", "owner": "N"}]}');
SELECT count(*) FROM oms.open_tickets('Numbers', ARRAY['{}', '{}', '{}']::jsonb[]);

-- The number of a ticket, and the highest of all, archived or not.
CREATE FUNCTION pg_temp.n(ticket oms.ticket_id) RETURNS int LANGUAGE sql RETURN substring(ticket::text from '[0-9]+$')::int;
CREATE FUNCTION pg_temp.highest() RETURNS int LANGUAGE sql AS $$
  SELECT greatest((SELECT max(pg_temp.n(ticket_id)) FROM oms.ticket), (SELECT max(pg_temp.n(ticket_id)) FROM oms.archived_ticket)) $$;
CREATE FUNCTION pg_temp.open(workflow text DEFAULT 'Numbers', OUT beyond int) LANGUAGE plpgsql AS $$
DECLARE
  highest int := pg_temp.highest();
BEGIN
  beyond := pg_temp.n(oms.open_ticket(workflow)) - highest;
END $$;
CREATE FUNCTION pg_temp.found() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT regexp_replace(detail, '\d+', 'N', 'g') FROM oms_internal.check_numbers
  UNION ALL SELECT r FROM oms.health(), unnest(reasons) AS r WHERE r ~ '^numbers' $$;

SELECT oms.create_calendar('numbers', '{"timezone": "UTC", "hours": {"mon": ["08:00-11:00"]}}');
SELECT * FROM pg_temp.found();
-- Back to the start: found, and the next ticket has the next free number, whatever its prefix.
SELECT setval('oms.ticket_number', 1, false);
SELECT * FROM pg_temp.found();
SELECT pg_temp.open('Other numbers');
SELECT * FROM pg_temp.found();
SELECT pg_temp.open();

-- Also if the highest is in the archive
SELECT oms.cancel_ticket(oms.open_ticket('Numbers', idempotency_key => 'numbers: archived'), 'not needed') AS cancelled;
-- Nothing but its own: what others left here stays where they look for it.
CREATE TEMP TABLE rules AS TABLE oms.retention;
DO $$ BEGIN
  PERFORM oms.set_retention(NULL, NULLIF(workflow, '')) FROM (TABLE rules UNION SELECT '', NULL) AS r;
  PERFORM oms.set_retention('0', 'Numbers');
END $$;
SELECT oms.archive() > 0 AS archived;
SELECT count(*) AS restored FROM rules, oms.set_retention(keep, NULLIF(workflow, '')) \g /dev/null
SELECT pg_temp.n(ticket_id) = pg_temp.highest() AS archived FROM oms.archived_ticket ORDER BY ticket_id DESC LIMIT 1;
SELECT setval('oms.ticket_number', pg_temp.highest() - 1) > 0 AS set;
SELECT * FROM pg_temp.found();
SELECT pg_temp.open();

-- … or of another year
SET oms.now = '2031-02-03';
SELECT pg_temp.open();
RESET oms.now;
SELECT setval('oms.ticket_number', 1, false);
SELECT pg_temp.open() > 0 AS beyond;
SET oms.now = '2031-02-03';
SELECT pg_temp.open();
RESET oms.now;

-- … or its ticket was never committed
BEGIN;
SELECT pg_temp.open();
ROLLBACK;
SELECT setval('oms.ticket_number', 1, false);
SELECT pg_temp.open() > 1 AS beyond;

-- Many at once
SELECT setval('oms.ticket_number', 1, false);
SELECT count(DISTINCT pg_temp.n(t)), min(pg_temp.n(t)) > max(h) AS beyond
FROM (SELECT pg_temp.highest() AS h) AS h, oms.open_tickets('Numbers', array_fill('{}'::jsonb, ARRAY[20])) AS t;

-- activate() moves all of them.
SELECT setval('oms.ticket_number', 1, false) + setval('oms.workflow_number', 1, false) + setval('oms.calendar_number', 1, false) AS three;
SELECT count(*) AS found FROM oms.check() WHERE kind = 'numbers';
SELECT oms.activate();
SELECT * FROM pg_temp.found();
SELECT pg_temp.open();

-- Versions of workflows and calendars go on, too.
SELECT setval('oms.workflow_number', 1, false) + setval('oms.calendar_number', 1, false) AS two;
SELECT * FROM pg_temp.found();
SELECT oms.create_workflow('{"name": "Numbers", "prefix": "NR", "stages": [{"id": "b", "owner": "N"}]}');
SELECT oms.create_calendar('numbers', '{"timezone": "UTC", "hours": {"mon": ["08:00-12:00"]}}');
SELECT oms.create_calendar('numbers', '{"timezone": "UTC", "hours": {"mon": ["08:00-13:00"]}}');
SELECT * FROM pg_temp.found();
