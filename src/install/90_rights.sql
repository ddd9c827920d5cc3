--------------------------------------------------------------------------------------------------
-- what the register says of tables: dumped, guarded
--------------------------------------------------------------------------------------------------

-- @dumped

-- @triggers

--------------------------------------------------------------------------------------------------
-- rights: nothing for PUBLIC
--------------------------------------------------------------------------------------------------

REVOKE ALL ON SCHEMA oms, oms_internal FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA oms, oms_internal FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA oms FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA oms, oms_internal FROM PUBLIC;
REVOKE ALL ON TYPE oms.ticket_id FROM PUBLIC;
-- row types too, or somebody could build on them and block an update
-- @row_types

-- pg_dump warns of each of these types, whose rights it cannot dump: the rights stand, and are made again here.
DELETE FROM pg_init_privs AS p
	USING pg_type AS t, pg_class AS c
	WHERE p.classoid = 'pg_type'::regclass AND p.objoid = t.oid
		AND c.oid = t.typrelid AND c.relkind <> 'c' AND t.typnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace);
