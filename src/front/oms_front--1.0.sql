/* oms_front--1.0.sql: a front of databases that have oms */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION oms_front" to load this file. \quit

-- Fails if somebody made a schema of this name before, so that nobody else owns it.
CREATE SCHEMA oms;
COMMENT ON SCHEMA oms IS 'workflow and ticket hub';
CREATE SCHEMA oms_internal;
COMMENT ON SCHEMA oms_internal IS 'what the functions of a front are made of';

--------------------------------------------------------------------------------------------------
-- types: the ticket number
--------------------------------------------------------------------------------------------------

CREATE TYPE oms.ticket_id;

CREATE FUNCTION oms.ticket_id_in(cstring) RETURNS oms.ticket_id
	AS 'MODULE_PATHNAME', 'oms_ticket_id_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION oms.ticket_id_out(oms.ticket_id) RETURNS cstring
	AS 'MODULE_PATHNAME', 'oms_ticket_id_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION oms.ticket_id_recv(internal) RETURNS oms.ticket_id
	AS 'MODULE_PATHNAME', 'oms_ticket_id_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION oms.ticket_id_send(oms.ticket_id) RETURNS bytea
	AS 'MODULE_PATHNAME', 'oms_ticket_id_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE oms.ticket_id (
	INPUT = oms.ticket_id_in,
	OUTPUT = oms.ticket_id_out,
	RECEIVE = oms.ticket_id_recv,
	SEND = oms.ticket_id_send,
	INTERNALLENGTH = 8,
	PASSEDBYVALUE,
	ALIGNMENT = double
);
COMMENT ON TYPE oms.ticket_id IS 'ticket number, PREFIX-YYYY-NNNNN; sorts by age';

CREATE FUNCTION oms.ticket_id(text) RETURNS oms.ticket_id
	AS 'MODULE_PATHNAME', 'oms_ticket_id_from_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION oms.text(oms.ticket_id) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_ticket_id_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE CAST (text AS oms.ticket_id) WITH FUNCTION oms.ticket_id(text) AS IMPLICIT;
CREATE CAST (oms.ticket_id AS text) WITH FUNCTION oms.text(oms.ticket_id) AS ASSIGNMENT;

CREATE FUNCTION oms.ticket_id_eq(oms.ticket_id, oms.ticket_id) RETURNS bool
	AS 'MODULE_PATHNAME', 'oms_ticket_id_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION oms.ticket_id_ne(oms.ticket_id, oms.ticket_id) RETURNS bool
	AS 'MODULE_PATHNAME', 'oms_ticket_id_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION oms.ticket_id_lt(oms.ticket_id, oms.ticket_id) RETURNS bool
	AS 'MODULE_PATHNAME', 'oms_ticket_id_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION oms.ticket_id_le(oms.ticket_id, oms.ticket_id) RETURNS bool
	AS 'MODULE_PATHNAME', 'oms_ticket_id_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION oms.ticket_id_gt(oms.ticket_id, oms.ticket_id) RETURNS bool
	AS 'MODULE_PATHNAME', 'oms_ticket_id_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION oms.ticket_id_ge(oms.ticket_id, oms.ticket_id) RETURNS bool
	AS 'MODULE_PATHNAME', 'oms_ticket_id_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION oms.ticket_id_cmp(oms.ticket_id, oms.ticket_id) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_ticket_id_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION oms.ticket_id_smaller(oms.ticket_id, oms.ticket_id) RETURNS oms.ticket_id
	AS 'MODULE_PATHNAME', 'oms_ticket_id_smaller' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION oms.ticket_id_larger(oms.ticket_id, oms.ticket_id) RETURNS oms.ticket_id
	AS 'MODULE_PATHNAME', 'oms_ticket_id_larger' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION oms.ticket_id_hash(oms.ticket_id) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_ticket_id_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION oms.ticket_id_hash_extended(oms.ticket_id, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'oms_ticket_id_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;

COMMENT ON FUNCTION oms.ticket_id_in(cstring) IS 'input: PREFIX-YYYY-NNNNN in either case; 22P02 for anything else';
COMMENT ON FUNCTION oms.ticket_id_out(oms.ticket_id) IS 'output: PREFIX-YYYY-NNNNN';
COMMENT ON FUNCTION oms.ticket_id_recv(internal) IS 'binary input: 8 bytes, big-endian';
COMMENT ON FUNCTION oms.ticket_id_send(oms.ticket_id) IS 'binary output: 8 bytes, big-endian';
COMMENT ON FUNCTION oms.ticket_id(text) IS 'cast from text; 22P02 for what is no ticket number';
COMMENT ON FUNCTION oms.text(oms.ticket_id) IS 'cast to text';
COMMENT ON FUNCTION oms.ticket_id_eq(oms.ticket_id, oms.ticket_id) IS 'implementation of =';
COMMENT ON FUNCTION oms.ticket_id_ne(oms.ticket_id, oms.ticket_id) IS 'implementation of <>';
COMMENT ON FUNCTION oms.ticket_id_lt(oms.ticket_id, oms.ticket_id) IS 'implementation of <; tickets sort by year and number';
COMMENT ON FUNCTION oms.ticket_id_le(oms.ticket_id, oms.ticket_id) IS 'implementation of <=';
COMMENT ON FUNCTION oms.ticket_id_gt(oms.ticket_id, oms.ticket_id) IS 'implementation of >';
COMMENT ON FUNCTION oms.ticket_id_ge(oms.ticket_id, oms.ticket_id) IS 'implementation of >=';
COMMENT ON FUNCTION oms.ticket_id_cmp(oms.ticket_id, oms.ticket_id) IS 'for btree: -1, 0 or 1';
COMMENT ON FUNCTION oms.ticket_id_smaller(oms.ticket_id, oms.ticket_id) IS 'for min(): the older of two tickets';
COMMENT ON FUNCTION oms.ticket_id_larger(oms.ticket_id, oms.ticket_id) IS 'for max(): the newer of two tickets';
COMMENT ON FUNCTION oms.ticket_id_hash(oms.ticket_id) IS 'for hash indexes and joins';
COMMENT ON FUNCTION oms.ticket_id_hash_extended(oms.ticket_id, bigint) IS 'for hash partitioning';

-- The operators live in pg_catalog, so that WHERE ticket_id = 'DL-2026-00091' works whatever the
-- search_path is.  Only superusers can create objects there, and none of these can exist before the type.
CREATE OPERATOR pg_catalog.= (
	LEFTARG = oms.ticket_id, RIGHTARG = oms.ticket_id, FUNCTION = oms.ticket_id_eq,
	COMMUTATOR = =, NEGATOR = <>,
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR pg_catalog.<> (
	LEFTARG = oms.ticket_id, RIGHTARG = oms.ticket_id, FUNCTION = oms.ticket_id_ne,
	COMMUTATOR = <>, NEGATOR = =,
	RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR pg_catalog.< (
	LEFTARG = oms.ticket_id, RIGHTARG = oms.ticket_id, FUNCTION = oms.ticket_id_lt,
	COMMUTATOR = >, NEGATOR = >=,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR pg_catalog.<= (
	LEFTARG = oms.ticket_id, RIGHTARG = oms.ticket_id, FUNCTION = oms.ticket_id_le,
	COMMUTATOR = >=, NEGATOR = >,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR pg_catalog.> (
	LEFTARG = oms.ticket_id, RIGHTARG = oms.ticket_id, FUNCTION = oms.ticket_id_gt,
	COMMUTATOR = <, NEGATOR = <=,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR pg_catalog.>= (
	LEFTARG = oms.ticket_id, RIGHTARG = oms.ticket_id, FUNCTION = oms.ticket_id_ge,
	COMMUTATOR = <=, NEGATOR = <,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
CREATE OPERATOR CLASS oms.ticket_id_ops DEFAULT FOR TYPE oms.ticket_id USING btree AS
	OPERATOR 1 pg_catalog.<, OPERATOR 2 pg_catalog.<=, OPERATOR 3 pg_catalog.=,
	OPERATOR 4 pg_catalog.>=, OPERATOR 5 pg_catalog.>,
	FUNCTION 1 oms.ticket_id_cmp(oms.ticket_id, oms.ticket_id);
CREATE OPERATOR CLASS oms.ticket_id_hash_ops DEFAULT FOR TYPE oms.ticket_id USING hash AS
	OPERATOR 1 pg_catalog.=,
	FUNCTION 1 oms.ticket_id_hash(oms.ticket_id),
	FUNCTION 2 oms.ticket_id_hash_extended(oms.ticket_id, bigint);

-- Beside the operators, for the same reason.  They are for PUBLIC, as those are: without a right on the type nobody has
-- anything to give them.
CREATE AGGREGATE pg_catalog.min(oms.ticket_id) (
	SFUNC = oms.ticket_id_smaller, STYPE = oms.ticket_id, COMBINEFUNC = oms.ticket_id_smaller,
	SORTOP = OPERATOR(pg_catalog.<), PARALLEL = SAFE
);
CREATE AGGREGATE pg_catalog.max(oms.ticket_id) (
	SFUNC = oms.ticket_id_larger, STYPE = oms.ticket_id, COMBINEFUNC = oms.ticket_id_larger,
	SORTOP = OPERATOR(pg_catalog.>), PARALLEL = SAFE
);
COMMENT ON AGGREGATE pg_catalog.min(oms.ticket_id) IS 'the oldest ticket; NULL without any';
COMMENT ON AGGREGATE pg_catalog.max(oms.ticket_id) IS 'the newest ticket; NULL without any';

--------------------------------------------------------------------------------------------------
-- which cell has what
--------------------------------------------------------------------------------------------------

-- One row per cell: a database with oms.
CREATE TABLE oms.cell (
	number		int PRIMARY KEY CHECK (number >= 0),
	name		text COLLATE "C" NOT NULL UNIQUE,
	keyed		bool NOT NULL DEFAULT true
);
COMMENT ON TABLE oms.cell IS 'one row per cell, a database with oms; tools/cells writes it';
COMMENT ON COLUMN oms.cell.number IS 'of its partition in the server "cells": 0 for p0';
COMMENT ON COLUMN oms.cell.name IS 'of the database; errors name it';
COMMENT ON COLUMN oms.cell.keyed IS 'openings with an idempotency key or an applicant are spread over these; never changed afterwards, since a key must find its ticket again';

-- One row per range of ticket numbers, as in oms.number_range of the cells.
CREATE TABLE oms.cell_range (
	first_number int PRIMARY KEY,
	last_number	int NOT NULL,
	cell		int NOT NULL
);
COMMENT ON TABLE oms.cell_range IS 'which cell gives out, or gave out, which ticket numbers; tools/cells writes it';

SELECT pg_extension_config_dump('oms.cell', '');
SELECT pg_extension_config_dump('oms.cell_range', '');

CREATE FUNCTION oms.cell_of(ticket oms.ticket_id) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_cell_of_ticket' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms.cell_of(oms.ticket_id) IS 'the number of the cell that has the ticket, by its number; NULL: 0. OM002 no cell has such numbers';

CREATE FUNCTION oms.cell_of(ticket text) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_cell_of_text' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms.cell_of(text) IS 'the same for a ticket number or a tracking number; 0 for anything else, which every cell answers alike';

CREATE FUNCTION oms.cells_of(ticket oms.ticket_id) RETURNS SETOF int
	LANGUAGE sql STABLE ROWS 1
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT oms.cell_of(cells_of.ticket) WHERE cells_of.ticket IS NOT NULL
		UNION ALL SELECT c.number FROM oms.cell AS c WHERE cells_of.ticket IS NULL
	$$;
COMMENT ON FUNCTION oms.cells_of(oms.ticket_id) IS 'the cell of a ticket, or all cells';

CREATE FUNCTION oms.cell_for(idempotency_key text, applicant text) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_cell_for' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.cell_for(text, text) IS 'the number of the cell at which to open a ticket: by the key if there is one, else by the applicant, else any';

--------------------------------------------------------------------------------------------------
-- the language: PL/Proxy, with the errors as they are at the cell
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.proxy_call() RETURNS language_handler
	AS 'MODULE_PATHNAME', 'oms_proxy_call' LANGUAGE C;
COMMENT ON FUNCTION oms.proxy_call() IS 'the language oms_proxy: PL/Proxy with the errors of cells as they are there; 08001 not reached, nothing was done; 08007 the connection was lost, it may be done';
CREATE LANGUAGE oms_proxy HANDLER oms.proxy_call;
COMMENT ON LANGUAGE oms_proxy IS 'functions that run at a cell';

--------------------------------------------------------------------------------------------------
-- made by tools/front.sh from the catalogue of a cell and src/front/classes
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms."check"(ticket oms.ticket_id DEFAULT NULL::oms.ticket_id) RETURNS TABLE(kind text, ticket oms.ticket_id, detail text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cells_of(ticket); $$;
COMMENT ON FUNCTION oms."check"(ticket oms.ticket_id) IS 'every invariant of a ticket, or with NULL of everything, worked out by an independent model in SQL; no rows if all is well. kind: guards, chain, counters, fold, moves, dispatch, stuck, breach, clock, holds, hands, timers, orphans, archive, numbers, journal; of an archived ticket only guards, chain, orphans and archive. NULL reads every row of every table, several times; locks nothing. Here: at the cell of the ticket, NULL: at all';

CREATE FUNCTION oms.amend(ticket oms.ticket_id, patch jsonb, reason text) RETURNS jsonb
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.amend(ticket oms.ticket_id, patch jsonb, reason text) IS 'corrects the data of a ticket that is not closed, and returns the new data. patch: a JSON merge patch (RFC 7396): its keys take the place of those of the data, null takes one away. What was decided stays; stages that have not begun go by the new data, and explain() names those that were skipped and would now run. OM002, OM005 closed, 22023 bad argument, or data that could not have been opened. Here: at the cell of the ticket';

CREATE FUNCTION oms.assign(ticket oms.ticket_id, stage text, worker text, note text DEFAULT NULL::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.assign(ticket oms.ticket_id, stage text, worker text, note text) IS 'gives a queued stage, or one that somebody else has, to a worker, without a lease; the old token is void; returns the new status. OM002, OM003, OM005, 22023 the worker is away, 42501 the workflow wants another person (notSameAs). Here: at the cell of the ticket';

CREATE FUNCTION oms.attach(ticket oms.ticket_id, name text, url text, sha256 text, stage text DEFAULT NULL::text, public boolean DEFAULT false) RETURNS void
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.attach(ticket oms.ticket_id, name text, url text, sha256 text, stage text, public boolean) IS 'records a document that is kept elsewhere; citizens see its name and URL only if public. sha256: 64 hexadecimal digits. OM002, OM003, 22023. Here: at the cell of the ticket';

CREATE FUNCTION oms.breached(started timestamp with time zone, now timestamp with time zone, limit_mins integer) RETURNS boolean
	AS 'MODULE_PATHNAME', 'oms_breached' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION oms.breached(started timestamp with time zone, now timestamp with time zone, limit_mins integer) IS 'true only if now is strictly later than limit_mins minutes after started; NULL if an argument is, 22023 for a negative limit';

CREATE FUNCTION oms.business_add(calendar text, start timestamp with time zone, mins integer) RETURNS timestamp with time zone
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.business_add(calendar text, start timestamp with time zone, mins integer) IS 'the earliest instant by which that many minutes of open time have passed since start; for 0, start. 22023 for an unknown calendar, infinity, NULL, negative mins, or a calendar that stays closed for ten years; 55000 for one that this server cannot read. Here: at any cell';

CREATE FUNCTION oms.business_time(calendar text, starts timestamp with time zone, ends timestamp with time zone) RETURNS interval
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.business_time(calendar text, starts timestamp with time zone, ends timestamp with time zone) IS 'open time of a calendar between two instants, as it really passes, in hours and smaller; 0 if ends is not later. 22023 for an unknown calendar, infinity or NULL; 55000 for one that this server cannot read. Here: at any cell';

CREATE FUNCTION oms.calendar_problem(calendar text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.calendar_problem(calendar text) IS 'why this server cannot read the current version of a calendar, such as an unknown time zone; NULL: it can. 22023 for an unknown calendar or NULL. Here: at any cell';

CREATE FUNCTION oms.cancel_ticket(ticket oms.ticket_id, reason text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.cancel_ticket(ticket oms.ticket_id, reason text) IS 'ends a ticket with all its unfinished stages; returns the new status of the ticket. OM002 unknown ticket, OM005 already closed. Here: at the cell of the ticket';

CREATE FUNCTION oms.changes_of(ticket oms.ticket_id) RETURNS TABLE(cursor text, id text, ticket oms.ticket_id, seq integer, "time" timestamp with time zone, workflow text, version integer, stage text, status text, owner text, actor text, session_actor text, client text, worker text, cycle integer, attempt integer, public boolean, policy text, public_stage text, public_owner text, public_status text, note text, payload jsonb, note_digest bytea, payload_digest bytea, hash bytea)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.changes_of(ticket oms.ticket_id) IS 'the events of one ticket as they stand now, as oms.changes_since() shows them but without cursor: to read again what was erased. No rows for an unknown ticket, 22023 for NULL. Here: at the cell of the ticket';

CREATE FUNCTION oms.claim_stage(ticket oms.ticket_id, stage text, worker text DEFAULT NULL::text) RETURNS bigint
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.claim_stage(ticket oms.ticket_id, stage text, worker text) IS 'a person takes one named stage, without a lease; returns the token, the same one again to the worker who has it. OM002, OM003, OM005, OM007 somebody else has it. Here: at the cell of the ticket';

CREATE FUNCTION oms.comment(ticket oms.ticket_id, body text, stage text DEFAULT NULL::text, public boolean DEFAULT false) RETURNS void
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.comment(ticket oms.ticket_id, body text, stage text, public boolean) IS 'adds a note of up to 1 MB to a ticket or one of its stages, in any state; citizens see it only if public. OM002, OM003. Here: at the cell of the ticket';

CREATE FUNCTION oms.delegate(ticket oms.ticket_id, stage text, worker text, note text DEFAULT NULL::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.delegate(ticket oms.ticket_id, stage text, worker text, note text) IS 'lets another worker do a stage that somebody has, until resolve() gives it back; if delegated again, it still comes back to the first. Returns the new status. Errors as assign(). Here: at the cell of the ticket';

CREATE FUNCTION oms.diagram(ticket oms.ticket_id, format text DEFAULT 'mermaid'::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.diagram(ticket oms.ticket_id, format text) IS 'the workflow of a ticket as a picture, each stage with its state, also as a colour, and its present owner. OM002 unknown ticket, 22023 unknown format. Here: at the cell of the ticket';

CREATE FUNCTION oms.diagram(workflow text, version integer DEFAULT NULL::integer, format text DEFAULT 'mermaid'::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.diagram(workflow text, version integer, format text) IS 'a version of a workflow as a picture, for Mermaid or Graphviz (format dot); version NULL: the current one, and then a text that names no workflow may be a ticket number. OM001 unknown workflow or version, OM002 unknown ticket, 22023 unknown format. Here: at any cell';

CREATE FUNCTION oms.draw_workflow(definition jsonb, format text DEFAULT 'mermaid'::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.draw_workflow(definition jsonb, format text) IS 'a definition as a picture, as diagram() draws it once it is created: for editors. OM004 if it is invalid, with path as detail, 22023 unknown format or NULL. Here: at any cell';

CREATE FUNCTION oms.erase(ticket oms.ticket_id, paths text[], reason text) RETURNS integer
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.erase(ticket oms.ticket_id, paths text[], reason text) IS 'erases personal data with its salt and records that; the hash chain stays whole. paths: applicant, notes, note.<number of the event>, output.<stage>[.<key>...], data[.<key>...], or a key of the data; reason must not contain what is erased. Returns how many pieces were erased. OM002, OM003, 22023 for a path that names nothing. Here: at the cell of the ticket';

CREATE FUNCTION oms.escalate(ticket oms.ticket_id, stage text, reason text, reassign_to text DEFAULT NULL::text) RETURNS integer
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.escalate(ticket oms.ticket_id, stage text, reason text, reassign_to text) IS 'records an escalation and alerts; returns the level reached, from 1. reassign_to: the stage goes to that owner as well. OM002, OM003, OM005 (only with reassign_to). Here: at the cell of the ticket';

CREATE FUNCTION oms.explain(ticket oms.ticket_id) RETURNS TABLE(stage text, status text, owner text, since timestamp with time zone, until timestamp with time zone, why text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.explain(ticket oms.ticket_id) IS 'why each unfinished stage of an open ticket is where it is, in words, with since when and until when, and which skipped ones would run by data that was amended since; none for a closed ticket. OM002. Here: at the cell of the ticket';

CREATE FUNCTION oms.explain_clock(ticket oms.ticket_id, stage text DEFAULT NULL::text) RETURNS TABLE(starts timestamp with time zone, ends timestamp with time zone, open_time interval, consumed interval, reason text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.explain_clock(ticket oms.ticket_id, stage text) IS 'the pieces that the clock of a stage in its current cycle (stage NULL: of the ticket) is made of, up to now: starts, ends, the open time in it, the sum so far, and why it ran or stood. No rows without a clock. OM002, OM003. Here: at the cell of the ticket';

CREATE FUNCTION oms.extend(ticket oms.ticket_id, stage text, reason text, mins integer DEFAULT NULL::integer, days integer DEFAULT NULL::integer) RETURNS timestamp with time zone
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.extend(ticket oms.ticket_id, stage text, reason text, mins integer, days integer) IS 'gives the clock of a stage (NULL: of the ticket) more: minutes of open time, or open dates after the date on which it is due; one of the two, more than 0. Returns the new due time; NULL while the clock stands. After a breach the due time moves and the breach stays; the next cycle starts without it. OM002, OM003, OM005, 22023 without a clock. Here: at the cell of the ticket';

CREATE FUNCTION oms.get_archived_ticket(ticket oms.ticket_id) RETURNS jsonb
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.get_archived_ticket(ticket oms.ticket_id) IS 'for oms.get_ticket(): an archived ticket; NULL if it is not archived. Here: at the cell of the ticket';

CREATE FUNCTION oms.get_ticket(ticket oms.ticket_id) RETURNS jsonb
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.get_ticket(ticket oms.ticket_id) IS 'a ticket, archived or not, with its stages and history as JSON; stored facts only. OM002 if there is no such ticket. Here: at the cell of the ticket';

CREATE FUNCTION oms.get_timeline(ticket oms.ticket_id) RETURNS TABLE("time" timestamp with time zone, stage text, owner text, status text, note text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.get_timeline(ticket oms.ticket_id) IS 'what happened to a ticket, oldest first: all of it for staff, the public part for the portal that opened it; no rows for others, an unknown ticket or NULL. Here: at the cell of the ticket';

CREATE FUNCTION oms.get_timeline(ticket text) RETURNS TABLE("time" timestamp with time zone, stage text, owner text, status text, note text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.get_timeline(ticket text) IS 'with a tracking number the citizen''s view (time to the minute, public names and statuses); with a ticket number as the other form. No rows for what is not right; 22P02 for staff only. Here: at the cell of the ticket';

CREATE FUNCTION oms.get_workflow(name text, version integer DEFAULT NULL::integer) RETURNS jsonb
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.get_workflow(name text, version integer) IS 'the definition of a workflow as it was given; version NULL: the current one, retired or not. OM001 if there is none. Here: at any cell';

CREATE FUNCTION oms.heartbeat(ticket oms.ticket_id, stage text, token bigint, lease interval DEFAULT '00:05:00'::interval) RETURNS timestamp with time zone
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.heartbeat(ticket oms.ticket_id, stage text, token bigint, lease interval) IS 'the worker is alive: the lease now ends after the given length (a day is 24 hours), which is returned. OM005, OM006: the stage is gone, stop working on it. Here: at the cell of the ticket';

CREATE FUNCTION oms.hold(ticket oms.ticket_id, stage text, reason text, until timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.hold(ticket oms.ticket_id, stage text, reason text, until timestamp with time zone) IS 'puts a stage on hold, or with stage NULL the whole ticket; several holds add up. reason: a code of set_hold_reason(), or free text, which stops the clock; until: ends by itself then. Returns the new status of the stage, or of the ticket. OM002, OM003, OM005 (also more often than the reason allows), 22023 until is not in the future. Here: at the cell of the ticket';

CREATE FUNCTION oms.next_stages(definition jsonb, done text[], data jsonb DEFAULT '{}'::jsonb) RETURNS SETOF text
	AS 'MODULE_PATHNAME', 'oms_next_stages_of_definition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.next_stages(definition jsonb, done text[], data jsonb) IS 'the same without a ticket: stages that come next when those in done are finished; a stage whose condition is false on the data counts as finished, outputs do not exist. OM003 unknown stage in done, OM004 invalid definition, 22023 NULL';

CREATE FUNCTION oms.next_stages(ticket oms.ticket_id) RETURNS SETOF text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.next_stages(ticket oms.ticket_id) IS 'stages of a ticket that are not finished and wait for no other, in definition order; none if the ticket is closed. OM002 unknown ticket. Here: at the cell of the ticket';

CREATE FUNCTION oms.proof(ticket oms.ticket_id, content boolean DEFAULT true, journal boolean DEFAULT false) RETURNS jsonb
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.proof(ticket oms.ticket_id, content boolean, journal boolean) IS 'all events of a ticket with its latest seal and the way to there, and the stamps of that seal or of the next one that has any, for tools/verify-proof; collects only, does not check. content false: digests in place of notes, data and outputs. journal true: also the sealed entries of the journal, from the one on by which the first of the ticket''s owners stood as it did when the ticket began. OM002 unknown ticket. Here: at the cell of the ticket';

CREATE FUNCTION oms.reassign(ticket oms.ticket_id, stage text, owner text, reason text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.reassign(ticket oms.ticket_id, stage text, owner text, reason text) IS 'gives a stage to another owner and queues it there; the clock runs on, attempts of a failed stage count from 1 again; returns the new status. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.release(ticket oms.ticket_id, stage text, note text DEFAULT NULL::text, token bigint DEFAULT NULL::bigint) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.release(ticket oms.ticket_id, stage text, note text, token bigint) IS 'gives a stage back to the queue, at its old position; the clock runs on. token: of the worker who gives it back, so that one who comes late cannot give back the work of another (NULL: not checked). Returns the new status. OM002, OM003, OM005, OM006. Here: at the cell of the ticket';

CREATE FUNCTION oms.reopen(ticket oms.ticket_id, stage text, reason text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.reopen(ticket oms.ticket_id, stage text, reason text) IS 'queues a done, skipped or cancelled stage again as the next cycle, also of a closed ticket; everything after it waits again, and what was cancelled with the ticket goes on. Returns the new status of the ticket. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.resolve(ticket oms.ticket_id, stage text, note text DEFAULT NULL::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.resolve(ticket oms.ticket_id, stage text, note text) IS 'gives a delegated stage back to the one who delegated it, or to who stands in; with nobody there it is queued again. Returns the new status. OM002, OM003, OM005, 42501 the workflow wants another person (notSameAs). Here: at the cell of the ticket';

CREATE FUNCTION oms.resume(ticket oms.ticket_id, stage text, reason text DEFAULT NULL::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.resume(ticket oms.ticket_id, stage text, reason text) IS 'lifts the holds of a stage, or with stage NULL those of the whole ticket; with a reason only those for it. Goes on when the last one is gone. Returns the new status of the stage, or of the ticket. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.retry_stage(ticket oms.ticket_id, stage text, reason text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.retry_stage(ticket oms.ticket_id, stage text, reason text) IS 'queues a failed stage again; attempts count from 1 again; returns the new status. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.rotate_tracking_number(ticket oms.ticket_id) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.rotate_tracking_number(ticket oms.ticket_id) IS 'makes a new tracking number; the old one is void. OM002. Here: at the cell of the ticket';

CREATE FUNCTION oms.send_back(ticket oms.ticket_id, stage text, to_stage text, reason text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.send_back(ticket oms.ticket_id, stage text, to_stage text, reason text) IS 'rework: to_stage (done or skipped) is queued again as the next cycle; it, stage and everything after to_stage lose their state and wait. Other branches keep what they have. Returns the new status of stage. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.skip_stage(ticket oms.ticket_id, stage text, reason text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.skip_stage(ticket oms.ticket_id, stage text, reason text) IS 'staff finish a stage without doing it; its dependants go on; returns the new status. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.stage_done(ticket oms.ticket_id, stage text, output jsonb DEFAULT '{}'::jsonb, token bigint DEFAULT NULL::bigint) RETURNS text[]
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.stage_done(ticket oms.ticket_id, stage text, output jsonb, token bigint) IS 'finishes a stage and returns the stages that this queued; the same call again returns an empty array and writes nothing. output NULL: {}; token NULL: not checked. OM002, OM003, OM005, OM006 stale token. Here: at the cell of the ticket';

CREATE FUNCTION oms.stage_failed(ticket oms.ticket_id, stage text, error text, token bigint DEFAULT NULL::bigint, retryable boolean DEFAULT true) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.stage_failed(ticket oms.ticket_id, stage text, error text, token bigint, retryable boolean) IS 'an attempt went wrong: queued again after the back-off of the definition while attempts are left and it is retryable, else failed; returns the new status. OM002, OM003, OM005, OM006. Here: at the cell of the ticket';

CREATE FUNCTION oms.start_stage(ticket oms.ticket_id, stage text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.start_stage(ticket oms.ticket_id, stage text) IS 'queues a manual stage whose dependencies are finished; its conditions are not asked; returns the new status. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.track(tracking_number text) RETURNS jsonb
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(tracking_number); $$;
COMMENT ON FUNCTION oms.track(tracking_number text) IS 'a ticket as its applicant may see it: id, workflow, status, stages, expected_by, history; NULL if the tracking number is not right. Here: at the cell of the ticket';

CREATE FUNCTION oms.tracking_number(ticket oms.ticket_id) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.tracking_number(ticket oms.ticket_id) IS 'the ticket number plus a suffix that cannot be guessed, for the applicant. OM002, 42501 for a portal that did not open the ticket. Here: at the cell of the ticket';

CREATE FUNCTION oms.us_federal_holidays(year integer) RETURNS SETOF date
	AS 'MODULE_PATHNAME', 'oms_us_federal_holidays' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.us_federal_holidays(year integer) IS 'days off of the US government in a year (1971 to 9999), ascending: holidays on a Saturday are taken on Friday, those on a Sunday on Monday; without Inauguration Day. 22023 for another year or NULL';

CREATE FUNCTION oms.validate_workflow(definition jsonb) RETURNS TABLE(path text, problem text, hint text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.validate_workflow(definition jsonb) IS 'everything that is wrong with a definition, in its order, and if nothing else is, each of its examples that differs from what the rules do; no rows if nothing is. 22023 for NULL. Here: at any cell';

CREATE FUNCTION oms.verify_timeline(ticket oms.ticket_id DEFAULT NULL::oms.ticket_id) RETURNS TABLE(ticket oms.ticket_id, seq integer, problem text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cells_of(ticket); $$;
COMMENT ON FUNCTION oms.verify_timeline(ticket oms.ticket_id) IS 'recomputes the hash chain of a ticket (NULL: of every ticket) and returns what does not fit; no rows if all is well. OM002 unknown ticket. Here: at the cell of the ticket, NULL: at all';

CREATE FUNCTION oms.worker_errors(OUT step text, OUT ticket_id oms.ticket_id, OUT stage_no integer, OUT failures integer, OUT retry_at timestamp with time zone, OUT error text) RETURNS SETOF record
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; $$;
COMMENT ON FUNCTION oms.worker_errors(OUT step text, OUT ticket_id oms.ticket_id, OUT stage_no integer, OUT failures integer, OUT retry_at timestamp with time zone, OUT error text) IS 'steps of the worker of this database that raised an error, with the ticket if it is that of one, and are left alone until retry_at; steps: home, timers, calendars, messages, prepared, events, announce, horizon, roll-up, seal; and tickets that others passed over: claims, archive. Here: of all cells';

CREATE FUNCTION oms.worker_status(OUT database name, OUT pid integer, OUT state text, OUT nearest_timer timestamp with time zone, OUT last_tick timestamp with time zone, OUT backlog bigint, OUT timers_fired bigint, OUT events_sent bigint, OUT batches_sent bigint, OUT late_p50_ms double precision, OUT late_p99_ms double precision, OUT late_max_ms double precision, OUT errors bigint, OUT last_error text, OUT started_at timestamp with time zone) RETURNS SETOF record
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; $$;
COMMENT ON FUNCTION oms.worker_status(OUT database name, OUT pid integer, OUT state text, OUT nearest_timer timestamp with time zone, OUT last_tick timestamp with time zone, OUT backlog bigint, OUT timers_fired bigint, OUT events_sent bigint, OUT batches_sent bigint, OUT late_p50_ms double precision, OUT late_p99_ms double precision, OUT late_max_ms double precision, OUT errors bigint, OUT last_error text, OUT started_at timestamp with time zone) IS 'one row per database that has or had a worker since the server started; none if the library was not preloaded. backlog: events not sent yet; late: how late timers fired (upper bounds within a factor of two). Here: of all cells';

--------------------------------------------------------------------------------------------------
-- what takes thought
--------------------------------------------------------------------------------------------------

-- ---- at one cell, or at all: for the functions below ----

CREATE FUNCTION oms_internal.claim_at(cell int, owner text, worker text, qty int, lease interval)
	RETURNS TABLE (ticket oms.ticket_id, stage text, attempt int, token bigint, workflow text,
		data jsonb, inputs jsonb, due_at timestamptz, lease_until timestamptz)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON cell; SELECT * FROM oms.claim(owner, worker, qty, lease); $$;
COMMENT ON FUNCTION oms_internal.claim_at(int, text, text, int, interval) IS 'for oms.claim(): at one cell';

CREATE FUNCTION oms_internal.stages_done_at(cell int, items jsonb) RETURNS int
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON cell; SELECT oms.stages_done(items); $$;
COMMENT ON FUNCTION oms_internal.stages_done_at(int, jsonb) IS 'for oms.stages_done(): at one cell';

CREATE FUNCTION oms_internal.my_work_all(worker text, qty int)
	RETURNS TABLE (ticket oms.ticket_id, stage text, status text, owner text, workflow text, priority int, label text,
		queued_at timestamptz, started_at timestamptz, due_at timestamptz, delegated_by text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; SELECT * FROM oms.my_work(worker, qty); $$;
COMMENT ON FUNCTION oms_internal.my_work_all(text, int) IS 'for oms.my_work(): of all cells';

CREATE FUNCTION oms_internal.at_risk_all(within interval)
	RETURNS TABLE (ticket oms.ticket_id, workflow text, stage text, owner text, status text, due_at timestamptz, remaining interval)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; SELECT * FROM oms.at_risk(within); $$;
COMMENT ON FUNCTION oms_internal.at_risk_all(interval) IS 'for oms.at_risk(): of all cells';

CREATE FUNCTION oms_internal.erase_applicant_all(applicant text, reason text) RETURNS SETOF int
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; SELECT oms.erase_applicant(applicant, reason); $$;
COMMENT ON FUNCTION oms_internal.erase_applicant_all(text, text) IS 'for oms.erase_applicant(): at all cells';

CREATE FUNCTION oms_internal.sla_report_all(starts timestamptz, ends timestamptz, wanted text)
	RETURNS TABLE (workflow text, stage text, finished bigint, met bigint, breached bigint, completed_rate float8,
		due bigint, due_breached bigint, due_rate float8, open bigint, open_overdue bigint, open_rate float8,
		p50 float8, p90 float8, p99 float8, wait interval, work interval, hold interval, rework interval, reworked bigint,
		moved bigint)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; SELECT * FROM oms.sla_report(starts, ends, wanted); $$;
COMMENT ON FUNCTION oms_internal.sla_report_all(timestamptz, timestamptz, text) IS 'for oms.sla_report(): of all cells';

CREATE FUNCTION oms_internal.bottlenecks_all(starts timestamptz, ends timestamptz, wanted text)
	RETURNS TABLE (workflow text, stage text, finished bigint, total interval, share float8, mean interval,
		wait interval, work interval, hold interval, rework interval, breached bigint, breach_share float8,
		open bigint, days_to_clear float8, moved bigint)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; SELECT * FROM oms.bottlenecks(starts, ends, wanted); $$;
COMMENT ON FUNCTION oms_internal.bottlenecks_all(timestamptz, timestamptz, text) IS 'for oms.bottlenecks(): of all cells';

-- ---- openings ----

CREATE FUNCTION oms.open_ticket(workflow text, data jsonb DEFAULT '{}', idempotency_key text DEFAULT NULL,
		priority int DEFAULT 0, applicant text DEFAULT NULL) RETURNS oms.ticket_id
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_for(idempotency_key, applicant); $$;
COMMENT ON FUNCTION oms.open_ticket(text, jsonb, text, int, text) IS 'opens a ticket, as at a cell. Here: at the cell that the key chooses, without a key the applicant, without both at any';

CREATE FUNCTION oms.open_tickets(workflow text, data jsonb[]) RETURNS SETOF oms.ticket_id
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_for(NULL, NULL); $$;
COMMENT ON FUNCTION oms.open_tickets(text, jsonb[]) IS 'opens many tickets, as at a cell. Here: all at one cell, so that it is all or nothing';

-- ---- work ----

CREATE FUNCTION oms.claim(owner text, worker text DEFAULT NULL, qty int DEFAULT 1, lease interval DEFAULT '5 minutes')
	RETURNS TABLE (ticket oms.ticket_id, stage text, attempt int, token bigint, workflow text,
		data jsonb, inputs jsonb, due_at timestamptz, lease_until timestamptz)
	AS 'MODULE_PATHNAME', 'oms_front_claim' LANGUAGE C VOLATILE ROWS 5;
COMMENT ON FUNCTION oms.claim(text, text, int, interval) IS 'hands out work, as at a cell. Here: of one cell, chosen by chance, and of the others while there are fewer than qty; priority counts within a cell. A cell that is not reached is passed over with a WARNING; if none is, 08001';

CREATE FUNCTION oms.stages_done(items jsonb) RETURNS int
	LANGUAGE sql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT COALESCE(sum(oms_internal.stages_done_at(p.cell, p.items)), 0)::int
		FROM (SELECT oms.cell_of((i.item ->> 'ticket')::oms.ticket_id) AS cell, jsonb_agg(i.item ORDER BY i.no) AS items
			FROM jsonb_array_elements(stages_done.items) WITH ORDINALITY AS i (item, no)
			GROUP BY 1 ORDER BY 1 OFFSET 0) AS p
	$$;
COMMENT ON FUNCTION oms.stages_done(jsonb) IS 'finishes many stages, as at a cell. Here: cell by cell; all or nothing within a cell, but what was done at one stays if the next one refuses or is not reached';

CREATE FUNCTION oms.exchange(owner text, worker text DEFAULT NULL, finished jsonb DEFAULT '[]', qty int DEFAULT 1,
		lease interval DEFAULT '5 minutes')
	RETURNS TABLE (ticket oms.ticket_id, stage text, attempt int, token bigint, workflow text, data jsonb, inputs jsonb,
		due_at timestamptz, lease_until timestamptz)
	LANGUAGE sql VOLATILE ROWS 5
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT oms.stages_done(exchange.finished);
		SELECT c.ticket, c.stage, c.attempt, c.token, c.workflow, c.data, c.inputs, c.due_at, c.lease_until
		FROM oms.claim(exchange.owner, exchange.worker, exchange.qty, exchange.lease) AS c
		WHERE exchange.qty IS DISTINCT FROM 0;
	$$;
COMMENT ON FUNCTION oms.exchange(text, text, jsonb, int, interval) IS 'finishes stages and hands out new work. Here: stages_done(), then claim()';

CREATE FUNCTION oms.my_work(worker text, qty int DEFAULT 100)
	RETURNS TABLE (ticket oms.ticket_id, stage text, status text, owner text, workflow text, priority int, label text,
		queued_at timestamptz, started_at timestamptz, due_at timestamptz, delegated_by text)
	LANGUAGE sql VOLATILE ROWS 20
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT w.ticket, w.stage, w.status, w.owner, w.workflow, w.priority, w.label, w.queued_at, w.started_at, w.due_at, w.delegated_by
		FROM oms_internal.my_work_all(my_work.worker, my_work.qty) AS w
		ORDER BY w.started_at IS NULL, w.priority DESC, w.queued_at, w.ticket, w.stage
		LIMIT my_work.qty
	$$;
COMMENT ON FUNCTION oms.my_work(text, int) IS 'the inbox of a worker, as at a cell. Here: of all cells; it fails if one is not reached';

CREATE FUNCTION oms.erase_applicant(applicant text, reason text) RETURNS int
	LANGUAGE sql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT sum(n)::int FROM oms_internal.erase_applicant_all(erase_applicant.applicant, erase_applicant.reason) AS n $$;
COMMENT ON FUNCTION oms.erase_applicant(text, text) IS 'erases what was said in all tickets of an applicant, as at a cell. Here: at all cells; if one is not reached, the others have done it: ask again';

-- ---- reports: sums of all cells ----

CREATE FUNCTION oms.at_risk(within interval DEFAULT '4 hours')
	RETURNS TABLE (ticket oms.ticket_id, workflow text, stage text, owner text, status text, due_at timestamptz, remaining interval)
	LANGUAGE sql VOLATILE ROWS 20
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT r.ticket, r.workflow, r.stage, r.owner, r.status, r.due_at, r.remaining
		FROM oms_internal.at_risk_all(at_risk.within) AS r
		ORDER BY r.due_at, r.ticket, r.stage
	$$;
COMMENT ON FUNCTION oms.at_risk(interval) IS 'running clocks that are due soon, as at a cell. Here: of all cells; it fails if one is not reached';

CREATE FUNCTION oms.sla_report(starts timestamptz, ends timestamptz, workflow text DEFAULT NULL)
	RETURNS TABLE (workflow text, stage text, finished bigint, met bigint, breached bigint, completed_rate float8,
		due bigint, due_breached bigint, due_rate float8, open bigint, open_overdue bigint, open_rate float8,
		p50 float8, p90 float8, p99 float8, wait interval, work interval, hold interval, rework interval, reworked bigint,
		moved bigint)
	LANGUAGE sql VOLATILE ROWS 20
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT r.workflow, r.stage, sum(r.finished)::bigint, sum(r.met)::bigint, sum(r.breached)::bigint,
			round(sum(r.breached) / NULLIF(sum(r.met) + sum(r.breached), 0), 4)::float8,
			sum(r.due)::bigint, sum(r.due_breached)::bigint, round(sum(r.due_breached) / NULLIF(sum(r.due), 0), 4)::float8,
			sum(r.open)::bigint, sum(r.open_overdue)::bigint, round(sum(r.open_overdue) / NULLIF(sum(r.open), 0), 4)::float8,
			CASE WHEN count(r.p50) = 1 THEN max(r.p50) END, CASE WHEN count(r.p90) = 1 THEN max(r.p90) END,
			CASE WHEN count(r.p99) = 1 THEN max(r.p99) END,
			sum(r.wait), sum(r.work), sum(r.hold), sum(r.rework), sum(r.reworked)::bigint,
			sum(r.moved)::bigint
		FROM oms_internal.sla_report_all(sla_report.starts, sla_report.ends, sla_report.workflow) WITH ORDINALITY
			AS r (workflow, stage, finished, met, breached, completed_rate, due, due_breached, due_rate, open, open_overdue,
				open_rate, p50, p90, p99, wait, work, hold, rework, reworked, moved, no)
		GROUP BY r.workflow, r.stage
		ORDER BY r.workflow NULLS FIRST, r.stage IS NOT NULL, min(r.no), r.stage
	$$;
COMMENT ON FUNCTION oms.sla_report(timestamptz, timestamptz, text) IS 'how time limits were kept, as at a cell. Here: sums of all cells; percentiles only where one cell alone has any, NULL elsewhere. It fails if a cell is not reached';

CREATE FUNCTION oms.bottlenecks(starts timestamptz, ends timestamptz, workflow text DEFAULT NULL)
	RETURNS TABLE (workflow text, stage text, finished bigint, total interval, share float8, mean interval,
		wait interval, work interval, hold interval, rework interval, breached bigint, breach_share float8,
		open bigint, days_to_clear float8, moved bigint)
	LANGUAGE sql VOLATILE ROWS 20
	SET search_path = pg_catalog, pg_temp
	AS $$
		WITH s AS (
			SELECT r.workflow, r.stage, sum(r.finished) AS finished, sum(r.total) AS total, EXTRACT(epoch FROM sum(r.total)) AS secs,
				sum(r.wait) AS wait, sum(r.work) AS work, sum(r.hold) AS hold, sum(r.rework) AS rework,
				sum(r.breached) AS breached, sum(r.open) AS open, sum(r.moved) AS moved,
				max(r.days_to_clear::numeric * r.finished / NULLIF(r.open, 0)) AS days
			FROM oms_internal.bottlenecks_all(bottlenecks.starts, bottlenecks.ends, bottlenecks.workflow) AS r
			GROUP BY r.workflow, r.stage
		)
		SELECT s.workflow, s.stage, s.finished::bigint, s.total, round(s.secs / NULLIF(sum(s.secs) OVER (), 0), 4)::float8,
			s.total / NULLIF(s.finished::float8, 0), s.wait, s.work, s.hold, s.rework, s.breached::bigint,
			round(s.breached / NULLIF(sum(s.breached) OVER (), 0), 4)::float8, s.open::bigint,
			round(s.open * s.days / NULLIF(s.finished, 0), 2)::float8, s.moved::bigint
		FROM s
		ORDER BY s.secs DESC, s.workflow, s.stage
	$$;
COMMENT ON FUNCTION oms.bottlenecks(timestamptz, timestamptz, text) IS 'where time went, as at a cell. Here: sums of all cells. It fails if a cell is not reached';

--------------------------------------------------------------------------------------------------
-- rights: nothing for PUBLIC
--------------------------------------------------------------------------------------------------

REVOKE ALL ON SCHEMA oms, oms_internal FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA oms, oms_internal FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA oms, oms_internal FROM PUBLIC;
REVOKE ALL ON TYPE oms.ticket_id, oms.cell, oms.cell_range FROM PUBLIC;
