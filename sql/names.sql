-- names: nobody has to quote an argument, or a column of a result or relation, of oms. quote_ident() also quotes the
-- words that are only no names of functions; such a one, "time", needs no quotes where it is a column, so it may be one.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SELECT p.oid::regprocedure AS function, a.name
FROM pg_proc AS p CROSS JOIN LATERAL unnest(p.proargnames, p.proargmodes) AS a (name, mode)
WHERE p.pronamespace = 'oms'::regnamespace AND a.name <> '' AND quote_ident(a.name) <> a.name
  AND (a.mode IS DISTINCT FROM 't' OR a.name <> 'time')
ORDER BY p.oid::regprocedure::text, a.name;
SELECT a.attrelid::regclass AS relation, a.attname
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'oms'::regnamespace AND c.relkind IN ('r', 'v') AND quote_ident(a.attname) <> a.attname
  AND a.attname <> 'time'
ORDER BY c.relname, a.attname;
-- The test itself finds what is to be found.
SELECT quote_ident(n) <> n AS to_quote, n FROM unnest('{from,to,time,starts,ends,worker}'::text[]) AS n;
