--------------------------------------------------------------------------------------------------
-- api: guards
--
-- Triggers on UPDATE, DELETE and TRUNCATE only: a restore inserts, and must find nothing in its way.
-- ENABLE ALWAYS, so that session_replication_role does not switch them off; per row as well where
-- the apply worker of a subscription could otherwise get past them.
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.guard() RETURNS trigger
	AS 'MODULE_PATHNAME', 'oms_guard' LANGUAGE C;
CREATE FUNCTION oms.update_stage() RETURNS trigger
	AS 'MODULE_PATHNAME', 'oms_update_stage' LANGUAGE C;
CREATE FUNCTION oms.update_ticket() RETURNS trigger
	AS 'MODULE_PATHNAME', 'oms_update_ticket' LANGUAGE C;

COMMENT ON FUNCTION oms.guard() IS 'trigger: refuses the statement with OM009; its argument is the hint';
CREATE FUNCTION oms.stay_local() RETURNS trigger
	AS 'MODULE_PATHNAME', 'oms_stay_local' LANGUAGE C;
COMMENT ON FUNCTION oms.stay_local() IS 'trigger: passes over what a subscription brings; on the tables that are about this server and are not dumped';
COMMENT ON FUNCTION oms.update_stage() IS 'trigger: an UPDATE of the view oms.stage as the verb it stands for, with its event; refuses DELETE (OM009) and illegal moves (OM005)';
COMMENT ON FUNCTION oms.update_ticket() IS 'trigger: an UPDATE of the view oms.ticket as the verb it stands for, with its event; refuses DELETE (OM009) and illegal moves (OM005)';

