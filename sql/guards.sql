-- guards: what ordinary DDL may do to the tables, views, functions and the schema of oms while there are tickets,
-- command by command.  docs/operation/security.md has the same list.
SET client_min_messages = warning;
CREATE DATABASE regress_guards_empty;
CREATE EXTENSION IF NOT EXISTS oms;
SELECT oms.create_workflow('{"name": "Guards", "prefix": "GRD", "stages": [{"id": "a", "owner": "Guard"}]}');
SELECT count(*) FROM oms.open_tickets('Guards', ARRAY['{}', '{}']::jsonb[]);
SELECT count(*) AS before FROM oms_internal.check_guards;
CREATE ROLE regress_guards;
CREATE FUNCTION public.guards_nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TABLE public.guards_app (n int PRIMARY KEY, ticket oms.ticket_id);

-- Runs a command, and takes it back.
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  hint text;
BEGIN
  EXECUTE command;
  RAISE EXCEPTION SQLSTATE 'ZZ001';
EXCEPTION
  WHEN SQLSTATE 'ZZ001' THEN RETURN 'done';
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN format('%s: %s', SQLSTATE, SQLERRM) || CASE WHEN SQLSTATE = 'OM009' THEN E'\n  ' || hint ELSE '' END;
END $$;

-- away with the table or the schema
SELECT pg_temp.try('ALTER TABLE oms.timeline SET SCHEMA public');
SELECT pg_temp.try('ALTER TABLE oms.owner SET SCHEMA public');
SELECT pg_temp.try('ALTER VIEW oms.ticket SET SCHEMA public');
SELECT pg_temp.try('ALTER SEQUENCE oms.ticket_number SET SCHEMA public');
SELECT pg_temp.try('ALTER FUNCTION oms.guard() SET SCHEMA public');
SELECT pg_temp.try('ALTER TYPE oms.ticket_id SET SCHEMA public');
SELECT pg_temp.try('ALTER EXTENSION oms SET SCHEMA public');
SELECT pg_temp.try('ALTER SCHEMA oms RENAME TO o');
SELECT pg_temp.try('ALTER TABLE oms.timeline RENAME TO t');
SELECT pg_temp.try('ALTER TABLE oms.timeline RENAME COLUMN note TO n');
SELECT pg_temp.try('ALTER TABLE oms.timeline RENAME CONSTRAINT timeline_pkey TO k');
SELECT pg_temp.try('ALTER INDEX oms.timeline_pkey RENAME TO k');
SELECT pg_temp.try('ALTER TRIGGER guard ON oms.timeline RENAME TO g');
SELECT pg_temp.try('ALTER FUNCTION oms.guard() RENAME TO g');
SELECT pg_temp.try('ALTER FUNCTION oms.guard RENAME TO g');
SELECT pg_temp.try('ALTER TYPE oms.ticket_id RENAME TO t');

-- the guards switched off, replaced or dropped
SELECT pg_temp.try('ALTER TABLE oms.timeline DISABLE TRIGGER ALL');
SELECT pg_temp.try('ALTER TABLE oms.timeline DISABLE TRIGGER USER');
SELECT pg_temp.try('ALTER TABLE oms.timeline DISABLE TRIGGER guard');
SELECT pg_temp.try('ALTER TABLE oms.timeline ENABLE REPLICA TRIGGER guard_row');
SELECT pg_temp.try('DROP TRIGGER guard ON oms.timeline');
SELECT pg_temp.try('DROP TRIGGER record ON oms.ticket');
SELECT pg_temp.try('ALTER TRIGGER guard ON oms.timeline DEPENDS ON EXTENSION plpgsql');
SELECT pg_temp.try('ALTER FUNCTION oms.guard() DEPENDS ON EXTENSION plpgsql');
SELECT pg_temp.try('ALTER FUNCTION oms.stage_done SECURITY DEFINER');
SELECT pg_temp.try('ALTER PROCEDURE oms.wait_for_work SET role = regress_guards');
SELECT pg_temp.try('ALTER ROUTINE oms.guard() COST 7');
SELECT pg_temp.try('ALTER FUNCTION public.guards_nothing() COST 7');
SELECT pg_temp.try('CREATE OR REPLACE FUNCTION oms.guard() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END''');
SELECT pg_temp.try('SET search_path = oms; CREATE OR REPLACE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END''');
SELECT pg_temp.try('CREATE OR REPLACE FUNCTION oms.stage_status(status "char") RETURNS text LANGUAGE sql AS ''SELECT ''''done''''''');
SELECT pg_temp.try('SET search_path = oms; CREATE OR REPLACE VIEW archived_ticket AS SELECT 1');
SELECT pg_temp.try('ALTER VIEW oms.ticket RESET (security_barrier)');
SELECT pg_temp.try('ALTER TABLE oms.secret DISABLE ROW LEVEL SECURITY');
SELECT pg_temp.try('ALTER TABLE oms.timeline SET UNLOGGED');
SELECT pg_temp.try('ALTER TABLE oms.timeline DROP COLUMN note');
SELECT pg_temp.try('ALTER TABLE oms.timeline DROP CONSTRAINT timeline_pkey');
SELECT pg_temp.try('ALTER TABLE oms.timeline ALTER note SET NOT NULL');
SELECT pg_temp.try('ALTER TABLE oms.worker_state ADD COLUMN x int');
SELECT pg_temp.try('ALTER TYPE oms.ticket_id SET (RECEIVE = NONE)');

-- what would be written past, or read as ours
SELECT pg_temp.try('CREATE TRIGGER mine AFTER INSERT ON oms.timeline FOR EACH ROW EXECUTE FUNCTION public.guards_nothing()');
SELECT pg_temp.try('CREATE TRIGGER mine INSTEAD OF INSERT ON oms.ticket FOR EACH ROW EXECUTE FUNCTION public.guards_nothing()');
SELECT pg_temp.try('CREATE CONSTRAINT TRIGGER mine AFTER INSERT ON oms.owner FOR EACH ROW EXECUTE FUNCTION public.guards_nothing()');
SELECT pg_temp.try('CREATE RULE mine AS ON INSERT TO oms.timeline DO INSTEAD NOTHING');
SELECT pg_temp.try('CREATE POLICY mine ON oms.secret USING (true)');
SELECT pg_temp.try('ALTER TABLE oms.timeline ENABLE ROW LEVEL SECURITY');
SELECT pg_temp.try('CREATE TABLE public.child () INHERITS (oms.timeline)');
SELECT pg_temp.try('CREATE TABLE public.child (LIKE oms.timeline); ALTER TABLE public.child INHERIT oms.timeline');
SELECT pg_temp.try('CREATE TABLE public.whole (LIKE oms.timeline) PARTITION BY RANGE (at); ALTER TABLE public.whole ATTACH PARTITION oms.timeline DEFAULT');
SELECT pg_temp.try('ALTER TABLE oms.timeline INHERIT public.guards_app');
SELECT pg_temp.try('CREATE TABLE public.loan (ticket oms.ticket_id REFERENCES oms.ticket_state)');
SELECT pg_temp.try('CREATE TABLE public.loan (ticket oms.ticket_id, FOREIGN KEY (ticket) REFERENCES oms.ticket_state)');
SELECT pg_temp.try('ALTER TABLE public.guards_app ADD FOREIGN KEY (ticket) REFERENCES oms.ticket_state (ticket_id)');
SELECT pg_temp.try('ALTER TABLE public.guards_app ADD COLUMN other oms.ticket_id REFERENCES oms.ticket_state');
SELECT pg_temp.try('ALTER TABLE oms.owner ADD FOREIGN KEY (supervisor) REFERENCES oms.owner');

-- dropped
SELECT pg_temp.try('DROP EXTENSION oms');
SELECT pg_temp.try('DROP SCHEMA oms CASCADE');
SELECT pg_temp.try('DROP TABLE oms.timeline CASCADE');
SELECT pg_temp.try('DROP SEQUENCE oms.ticket_number CASCADE');
SELECT pg_temp.try('DROP FUNCTION oms.guard() CASCADE');
SELECT pg_temp.try('ALTER EXTENSION oms DROP TABLE oms.timeline');
SELECT pg_temp.try('TRUNCATE oms.timeline CASCADE');
-- every index that is no constraint
SELECT c.relname, pg_temp.try(format('DROP INDEX oms.%I', c.relname)) ~ '^OM009' AS refused
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'oms'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = c.oid)
ORDER BY 1;
CREATE INDEX mine ON oms.timeline (at);
DROP INDEX oms.mine;

-- DROP OWNED BY the owner of the extension asks for the same word as DROP EXTENSION.
DO $$ BEGIN
  EXECUTE format('CREATE ROLE regress_guards_owner SUPERUSER');
  UPDATE pg_extension SET extowner = 'regress_guards_owner'::regrole WHERE extname = 'oms';
END $$;
SELECT pg_temp.try('DROP OWNED BY regress_guards');
SELECT pg_temp.try('DROP OWNED BY regress_guards, regress_guards_owner');
UPDATE pg_extension SET extowner = CURRENT_USER::regrole WHERE extname = 'oms';
DROP ROLE regress_guards_owner;

-- The library acts as the owner of the schema: all has one owner, who changes for all at once.
SELECT pg_temp.try('ALTER SCHEMA oms OWNER TO regress_guards');
SELECT pg_temp.try('ALTER TABLE oms.timeline OWNER TO regress_guards');
SELECT pg_temp.try('ALTER TABLE oms.owner OWNER TO regress_guards');
SELECT pg_temp.try('ALTER VIEW oms_internal.check_guards OWNER TO regress_guards');
SELECT pg_temp.try('ALTER TABLE oms.stage OWNER TO regress_guards');
SELECT pg_temp.try('ALTER SEQUENCE oms.ticket_number OWNER TO regress_guards');
SELECT pg_temp.try('ALTER FUNCTION oms.sla_report OWNER TO regress_guards');
SELECT pg_temp.try('ALTER ROUTINE oms.health() OWNER TO regress_guards');
SELECT pg_temp.try('ALTER TYPE oms.ticket_id OWNER TO regress_guards');
SELECT pg_temp.try('ALTER SCHEMA oms OWNER TO CURRENT_USER; ALTER TABLE oms.timeline OWNER TO CURRENT_USER');
-- Given away where the library is not loaded (here: by way of the catalogs): health says so, and the way back is open.
CREATE FUNCTION pg_temp.owner_reason() RETURNS SETOF text LANGUAGE sql AS $$ SELECT r FROM oms.health(), unnest(reasons) AS r WHERE r ~ '^owner' $$;
SELECT pg_temp.owner_reason();
UPDATE pg_namespace SET nspowner = 'regress_guards'::regrole WHERE nspname = 'oms';
SELECT status, reasons FROM oms.health();
ALTER SCHEMA oms OWNER TO CURRENT_USER;
UPDATE pg_class SET relowner = 'regress_guards'::regrole WHERE oid = 'oms_internal.check_guards'::regclass;
SELECT status, reasons FROM oms.health();
ALTER VIEW oms_internal.check_guards OWNER TO CURRENT_USER;
SELECT pg_temp.owner_reason();
-- Harmless: how it is stored, who may read it, and what somebody makes of his own.
SELECT pg_temp.try('ALTER TABLE oms.timeline SET (autovacuum_vacuum_scale_factor = 0.1)');
SELECT pg_temp.try('ALTER TABLE oms.timeline ALTER payload SET STORAGE external');
SELECT pg_temp.try('ALTER TABLE oms.timeline ALTER status SET STATISTICS 500');
SELECT pg_temp.try('ALTER TABLE oms.timeline REPLICA IDENTITY FULL');
SELECT pg_temp.try('ALTER TABLE oms.timeline ENABLE TRIGGER ALL');
SELECT pg_temp.try('ALTER TABLE oms.timeline CLUSTER ON timeline_pkey');
SELECT pg_temp.try('REINDEX TABLE oms.timeline');
SELECT pg_temp.try('CREATE STATISTICS oms.mine ON status, stage FROM oms.timeline');
SELECT pg_temp.try('GRANT SELECT ON oms.timeline TO regress_guards');
SELECT pg_temp.try('SET search_path = public, oms; CREATE OR REPLACE VIEW ticket AS SELECT 1 AS x');
SELECT pg_temp.try('SET search_path = public, oms; CREATE OR REPLACE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END''');
SELECT pg_temp.try('ALTER TABLE public.guards_app RENAME TO other');
SELECT pg_temp.try('ALTER FUNCTION public.guards_nothing() RENAME TO other');
SELECT pg_temp.try('CREATE RULE mine AS ON INSERT TO public.guards_app DO INSTEAD NOTHING');

-- What came while the library was not there (here: by way of the catalogs) can go.
CREATE TRIGGER mine BEFORE INSERT ON public.guards_app FOR EACH ROW EXECUTE FUNCTION public.guards_nothing();
CREATE RULE mine AS ON INSERT TO public.guards_app DO ALSO NOTHING;
CREATE POLICY mine ON public.guards_app USING (true);
UPDATE pg_trigger SET tgrelid = 'oms.timeline'::regclass WHERE tgname = 'mine';
UPDATE pg_rewrite SET ev_class = 'oms.timeline'::regclass WHERE rulename = 'mine';
UPDATE pg_policy SET polrelid = 'oms.timeline'::regclass WHERE polname = 'mine';
UPDATE pg_class SET relhasrules = true WHERE oid = 'oms.timeline'::regclass;
CREATE TABLE public.guards_child (LIKE oms.timeline);
CREATE TABLE public.guards_parent (LIKE oms.timeline);
ALTER TABLE public.guards_child INHERIT public.guards_parent;
UPDATE pg_inherits SET inhparent = 'oms.timeline'::regclass WHERE inhparent = 'public.guards_parent'::regclass;
ALTER TABLE public.guards_app ADD CONSTRAINT mine FOREIGN KEY (n) REFERENCES public.guards_app;
UPDATE pg_constraint SET confrelid = 'oms.ticket_state'::regclass WHERE conname = 'mine';
SELECT detail FROM oms_internal.check_guards ORDER BY 1;
ALTER TABLE oms.timeline DISABLE TRIGGER mine;
DROP TRIGGER mine ON oms.timeline;
DROP RULE mine ON oms.timeline;
DROP POLICY mine ON oms.timeline;
ALTER TABLE public.guards_app DROP CONSTRAINT mine;
UPDATE pg_inherits SET inhparent = 'public.guards_parent'::regclass WHERE inhparent = 'oms.timeline'::regclass;
DROP TABLE public.guards_child, public.guards_parent;
SELECT count(*) AS after FROM oms_internal.check_guards;

-- A guard is one by its function and its table, wherever the table went while the library was not there.
UPDATE pg_class SET relnamespace = 'public'::regnamespace WHERE oid = 'oms.timeline'::regclass;
SELECT pg_temp.try('ALTER TABLE public.timeline DISABLE TRIGGER ALL');
SELECT pg_temp.try('DROP TRIGGER guard ON public.timeline');
SELECT pg_temp.try('ALTER TABLE public.timeline RENAME TO other');
UPDATE pg_trigger SET tgenabled = 'O' WHERE tgrelid = 'public.timeline'::regclass AND tgname = 'guard';
ALTER TABLE public.timeline ENABLE TRIGGER guard;
SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'public.timeline'::regclass AND tgname = 'guard';
-- The way back is open.
UPDATE pg_class SET relnamespace = 'oms'::regnamespace WHERE oid = 'public.timeline'::regclass;
UPDATE pg_namespace SET nspname = 'o' WHERE nspname = 'oms';
ALTER SCHEMA o RENAME TO oms;
SELECT count(*) AS after FROM oms_internal.check_guards;

-- The same before there is a ticket.  Only a data-only restore has to switch triggers off before it fills the tables; what
-- it left would be told, and mended.
\set home :DBNAME
\c regress_guards_empty
CREATE ROLE regress_guards_super SUPERUSER;
CREATE ROLE regress_guards_owner;
SET ROLE regress_guards_super;
CREATE EXTENSION oms;
RESET ROLE;
DROP TRIGGER guard ON oms.timeline;
DROP TRIGGER record ON oms.ticket;
ALTER TABLE oms.timeline DISABLE TRIGGER guard;
ALTER TABLE oms.timeline ENABLE REPLICA TRIGGER guard;
ALTER TABLE oms.timeline DROP COLUMN note;
ALTER TABLE oms.timeline SET UNLOGGED;
ALTER SCHEMA oms OWNER TO regress_guards;
SELECT count(*) FROM oms_internal.check_guards;
ALTER TABLE oms.timeline DISABLE TRIGGER ALL;
ALTER TABLE oms.cron_state DISABLE TRIGGER ALL;
SELECT detail FROM oms_internal.check_guards ORDER BY 1;
SELECT r FROM oms.health(), unnest(reasons) AS r WHERE r ~ '^guards';
SELECT oms.create_workflow('{"name": "Guards", "stages": [{"id": "a", "owner": "Guard"}]}');
SELECT oms.open_ticket('Guards') AS t \gset
SELECT r FROM oms.health(), unnest(reasons) AS r WHERE r ~ '^guards';
SELECT oms.repair_guards();
SELECT count(*) FROM oms_internal.check_guards;
ALTER TABLE oms.timeline DISABLE TRIGGER ALL;
-- Those that keep subscriptions off what is about a server alone fire for nobody else.
ALTER TABLE oms.worker_state ENABLE ALWAYS TRIGGER local, ENABLE REPLICA TRIGGER local;
ALTER TABLE oms.cron_state ENABLE TRIGGER USER;
ALTER TABLE oms.seal_state ENABLE ALWAYS TRIGGER local;
SELECT count(*) FROM oms_internal.check_guards;
-- REASSIGN OWNED takes all along, and work goes on under an owner who is no superuser.
REASSIGN OWNED BY regress_guards_super TO regress_guards_owner;
SELECT r FROM oms.health(), unnest(reasons) AS r WHERE r !~ '^worker';
SELECT oms.set_owner('Guard');
SELECT stage FROM oms.claim('Guard');
SELECT oms.stage_done(:'t', 'a');
SELECT oms.seal(), oms.tick();
SELECT status FROM oms.ticket;
SELECT count(*) FROM oms.check();
SELECT finished FROM oms.sla_report(NULL, NULL) WHERE workflow = 'Guards' AND stage = 'a';
\c :home
DROP DATABASE regress_guards_empty;

DROP TABLE public.guards_app;
DROP FUNCTION public.guards_nothing();
DROP ROLE regress_guards, regress_guards_super, regress_guards_owner;
