/* oms--1.0.sql: the SQL objects of oms, in the order of the rooms in src/ */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION oms" to load this file. \quit

-- Fails if somebody made a schema of this name before, so that nobody else owns it.
CREATE SCHEMA oms;
COMMENT ON SCHEMA oms IS 'workflow and ticket hub';
CREATE SCHEMA oms_internal;
COMMENT ON SCHEMA oms_internal IS 'what oms.check() and the reports of oms are made of';

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

