-- Writes the functions of a front that need no thought.  For psql at a cell, with the classes in the temporary table
-- "class": tools/front.sh.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET search_path = pg_catalog, pg_temp;

DO $$
DECLARE
	odd text;
BEGIN
	SELECT string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.oid::regprocedure::text COLLATE "C") INTO odd
	FROM pg_proc AS p
	WHERE p.pronamespace = 'oms'::regnamespace AND NOT EXISTS (SELECT FROM class AS c WHERE c.function = p.oid::regprocedure::text);
	IF odd IS NOT NULL THEN
		RAISE EXCEPTION 'in no class of src/front/classes: %', odd;
	END IF;
	SELECT string_agg(c.function, ', ' ORDER BY c.function COLLATE "C") INTO odd
	FROM class AS c
	WHERE c.class NOT IN ('type', 'local', 'ticket', 'tickets', 'any', 'all', 'hand', 'out')
		OR (SELECT count(*) FROM class AS d WHERE d.function = c.function) > 1
		OR NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = 'oms'::regnamespace AND c.function = p.oid::regprocedure::text);
	IF odd IS NOT NULL THEN
		RAISE EXCEPTION 'in src/front/classes twice, of no such class, or not at a cell: %', odd;
	END IF;
END $$;

\qecho '--------------------------------------------------------------------------------------------------'
\qecho '-- made by tools/front.sh from the catalogue of a cell and src/front/classes'
\qecho '--------------------------------------------------------------------------------------------------'

SELECT format(E'\nCREATE FUNCTION oms.%I(%s) RETURNS %s\n\t%s;\nCOMMENT ON FUNCTION oms.%1$I(%5$s) IS %6$L;',
	p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
	CASE c.class WHEN 'local' THEN format('AS %L, %L LANGUAGE C IMMUTABLE%s PARALLEL SAFE', 'MODULE_PATHNAME', p.prosrc,
			CASE WHEN p.proisstrict THEN ' STRICT' ELSE '' END)
		ELSE format(E'LANGUAGE oms_proxy VOLATILE SET datestyle = \'ISO, MDY\' SET intervalstyle = \'postgres\'\n\tAS $$ CLUSTER \'cells\'; RUN ON %s; $$',
			CASE c.class WHEN 'ticket' THEN format('oms.cell_of(%I)', p.proargnames[1])
				WHEN 'tickets' THEN format('oms.cells_of(%I)', p.proargnames[1]) ELSE upper(c.class) END) END,
	pg_get_function_identity_arguments(p.oid),
	obj_description(p.oid, 'pg_proc') || CASE c.class WHEN 'local' THEN '' WHEN 'ticket' THEN '. Here: at the cell of the ticket'
		WHEN 'tickets' THEN '. Here: at the cell of the ticket, NULL: at all' WHEN 'any' THEN '. Here: at any cell' ELSE '. Here: of all cells' END)
FROM class AS c
JOIN pg_proc AS p ON p.oid = c.function::regprocedure
WHERE c.class IN ('local', 'ticket', 'tickets', 'any', 'all')
ORDER BY c.function COLLATE "C";
