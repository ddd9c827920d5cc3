-- names: nobody has to quote the name of an argument, or of a column of a result or relation, of oms.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
-- quote_ident() also quotes the words that must be quoted as names of arguments and functions only. As columns they
-- need no quotes, so there these are allowed: "time", as in get_timeline(), "position", and "row", as in import_tickets().
CREATE TEMP TABLE plain AS SELECT word FROM pg_get_keywords() WHERE catcode = 'C' AND word IN ('time', 'position', 'row');
SELECT p.oid::regprocedure AS function, a.name
FROM pg_proc AS p CROSS JOIN LATERAL unnest(p.proargnames, p.proargmodes) AS a (name, mode)
WHERE p.pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND a.name <> '' AND quote_ident(a.name) <> a.name
  AND (a.mode IS DISTINCT FROM 't' OR a.name NOT IN (SELECT word FROM plain))
ORDER BY p.oid::regprocedure::text, a.name;
SELECT a.attrelid::regclass AS relation, a.attname
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND quote_ident(a.attname) <> a.attname
  AND a.attname NOT IN (SELECT word FROM plain)
ORDER BY c.relname, a.attname;
SELECT time FROM oms.get_timeline((SELECT t.ticket_id FROM oms.ticket AS t LIMIT 1)) AS e WHERE e.time IS NULL;
SELECT time FROM oms.changes_since('', 1) AS e WHERE e.time IS NULL;
SELECT position FROM oms.help_task AS h WHERE h.position < 1;
-- The test itself finds what is to be found.
SELECT n AS to_quote FROM unnest('{from,to,time,position,starts,ends,worker,left,user}'::text[]) AS n WHERE quote_ident(n) <> n;

-- By name, as nothing has to be quoted
SELECT oms.set_absence(person => 'names: kim', starts => '2026-03-02 00:00+00', ends => '2026-03-03 00:00+00', delegate => 'names: lee');
SELECT oms.set_absence(person => 'names: kim', starts => '2026-03-03 00:00+00', ends => '2026-03-02 00:00+00');
SELECT oms.set_absence(person => 'names: kim', starts => NULL, ends => '2026-03-02 00:00+00');
SELECT oms.create_calendar('Names', '{"timezone": "UTC", "hours": {"mon": ["09:00-17:00"]}}');
SELECT oms.business_time(calendar => 'Names', starts => '2026-03-02 10:00+00', ends => '2026-03-02 12:30+00');
SELECT oms.business_time(calendar => 'Names', starts => '2026-03-02 10:00+00', ends => NULL);
SELECT count(*) FROM oms.sla_report(starts => '2031-01-01', ends => '2031-01-02', workflow => 'names: none');
SELECT count(*) FROM oms.heat_map(starts => '2031-01-01', ends => '2031-01-02', by => 'weekday');
SELECT count(*) FROM oms.bottlenecks(starts => '2031-01-01', ends => '2031-01-02', workflow => 'names: none');
