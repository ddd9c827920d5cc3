/* oms--1.0.sql: the SQL objects of oms, in the order of the rooms in src/ */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION oms" to load this file. \quit

-- Fails if somebody made a schema of this name before, so that nobody else owns it.
CREATE SCHEMA oms;
COMMENT ON SCHEMA oms IS 'workflow and ticket hub';

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
COMMENT ON FUNCTION oms.ticket_id_hash(oms.ticket_id) IS 'for hash indexes and joins';
COMMENT ON FUNCTION oms.ticket_id_hash_extended(oms.ticket_id, bigint) IS 'for hash partitioning';

-- The operators live in pg_catalog, so that WHERE ticket_id = 'DL-2026-00091' works whatever the
-- search_path is.  Only superusers can create objects there, and none of these can exist before the type.
CREATE OPERATOR pg_catalog.= (
	LEFTARG = oms.ticket_id, RIGHTARG = oms.ticket_id, FUNCTION = oms.ticket_id_eq,
	COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR pg_catalog.<> (
	LEFTARG = oms.ticket_id, RIGHTARG = oms.ticket_id, FUNCTION = oms.ticket_id_ne,
	COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR pg_catalog.< (
	LEFTARG = oms.ticket_id, RIGHTARG = oms.ticket_id, FUNCTION = oms.ticket_id_lt,
	COMMUTATOR = OPERATOR(pg_catalog.>), NEGATOR = OPERATOR(pg_catalog.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR pg_catalog.<= (
	LEFTARG = oms.ticket_id, RIGHTARG = oms.ticket_id, FUNCTION = oms.ticket_id_le,
	COMMUTATOR = OPERATOR(pg_catalog.>=), NEGATOR = OPERATOR(pg_catalog.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR pg_catalog.> (
	LEFTARG = oms.ticket_id, RIGHTARG = oms.ticket_id, FUNCTION = oms.ticket_id_gt,
	COMMUTATOR = OPERATOR(pg_catalog.<), NEGATOR = OPERATOR(pg_catalog.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR pg_catalog.>= (
	LEFTARG = oms.ticket_id, RIGHTARG = oms.ticket_id, FUNCTION = oms.ticket_id_ge,
	COMMUTATOR = OPERATOR(pg_catalog.<=), NEGATOR = OPERATOR(pg_catalog.<),
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

--------------------------------------------------------------------------------------------------
-- store: tables
--
-- There are no foreign keys between them: they cost time on every insert, break pg_restore -j, and the
-- store is the only writer.  The columns of ticket_state, stage_state and timeline stand in the order
-- of src/store/tables.h, widest first.
--------------------------------------------------------------------------------------------------

-- One row per version of a workflow; a version never changes.
CREATE SEQUENCE oms.workflow_number AS int;
CREATE TABLE oms.workflow (
	workflow_id	int PRIMARY KEY DEFAULT pg_catalog.nextval('oms.workflow_number'),
	name		text COLLATE "C" NOT NULL,
	version		int NOT NULL,
	prefix		text NOT NULL,
	definition	jsonb NOT NULL,
	current		bool NOT NULL DEFAULT true,
	created_by	text NOT NULL,
	created_at	timestamptz NOT NULL,
	retired_at	timestamptz,
	UNIQUE (name, version)
);
CREATE UNIQUE INDEX workflow_current ON oms.workflow (name) WHERE current;
COMMENT ON TABLE oms.workflow IS 'one row per version of a workflow';

-- One row per stage of each version, written out of its definition for joins.
CREATE TABLE oms.workflow_stage (
	workflow_id	int NOT NULL,
	stage_no	smallint NOT NULL,
	stage		text NOT NULL,
	owner		text NOT NULL,
	label		text NOT NULL,
	public_owner text,
	PRIMARY KEY (workflow_id, stage_no)
);
COMMENT ON TABLE oms.workflow_stage IS 'one row per stage of each version of a workflow, in definition order';

-- One row per ticket: the hot row that every change of the ticket locks and updates in place.
CREATE SEQUENCE oms.ticket_number MAXVALUE 2147483647;
CREATE TABLE oms.ticket_state (
	ticket_id	oms.ticket_id PRIMARY KEY,
	opened_at	timestamptz NOT NULL,
	last_at		timestamptz NOT NULL,	-- of the last event
	closed_at	timestamptz,
	workflow_id	int NOT NULL,
	priority	int NOT NULL,
	seq			int NOT NULL,			-- number of the last event
	data_seq	int NOT NULL,			-- event that carries the data
	n_active	int NOT NULL,			-- stages queued, in progress or on hold
	n_failed	int NOT NULL,
	status		"char" NOT NULL,		-- o open, h on hold, d done, f failed, x cancelled
	odd_rows	bool NOT NULL,			-- some waiting stage has a row in stage_state
	finished	bytea NOT NULL,			-- bit set of the stages done or skipped
	started		bytea NOT NULL,			-- bit set of the stages that are not waiting
	head		bytea NOT NULL,			-- hash of the last event
	applicant	text,
	opened_by	text
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE oms.ticket_state IS 'one row per ticket; read it through the view oms.ticket';
-- The tickets that are open, by who opened them.
CREATE INDEX ticket_state_open ON oms.ticket_state (opened_by) WHERE status IN ('o', 'h', 'f');
CREATE INDEX ticket_state_applicant ON oms.ticket_state (applicant) WHERE applicant IS NOT NULL;

-- One row per stage of a ticket from the moment it is first queued (or skipped).
CREATE TABLE oms.stage_state (
	ticket_id	oms.ticket_id NOT NULL,
	token		bigint NOT NULL,		-- the last one given out in this cycle, 0: none
	queued_at	timestamptz,			-- first in this cycle: its clock starts
	ready_at	timestamptz,			-- claimable from then on; orders the queue
	announce_at	timestamptz,			-- a dispatch that is still to come
	started_at	timestamptz,
	finished_at	timestamptz,
	lease_until	timestamptz,
	due_at		timestamptz,
	breached_at	timestamptz,			-- when the breach was recorded
	timer_at	timestamptz,			-- nothing happens by itself before then
	priority	int NOT NULL,
	attempt		int NOT NULL,
	cycle		int NOT NULL,
	level		int NOT NULL,			-- escalations of this cycle
	output_seq	int NOT NULL,			-- event that carries the output, 0: {}
	stage_no	smallint NOT NULL,
	status		"char" NOT NULL,		-- w waiting, q queued, p in progress, h on hold, d done,
										-- s skipped, f failed, x cancelled
	owner		text COLLATE "C" NOT NULL,
	worker		text,
	PRIMARY KEY (ticket_id, stage_no)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE oms.stage_state IS 'one row per stage of a ticket once it is queued; read it through the view oms.stage';
-- The queues: what an owner can claim, in the order in which it is to be claimed.
CREATE INDEX stage_state_queue ON oms.stage_state (owner, priority DESC, ready_at, ticket_id, stage_no)
	WHERE status = 'q';
-- All timers: what happens next by itself.
CREATE INDEX stage_state_timer ON oms.stage_state (timer_at) WHERE timer_at IS NOT NULL;

-- One row per event, append-only.  The data of a ticket and the outputs of its stages live here, in
-- the event that brought them, and nowhere else.
CREATE TABLE oms.timeline (
	ticket_id	oms.ticket_id NOT NULL,
	at			timestamptz NOT NULL,	-- when it was recorded
	xid			bigint NOT NULL,		-- transaction that recorded it
	seq			int NOT NULL,			-- 1, 2, 3 ... per ticket
	cycle		int NOT NULL,			-- 0: about the ticket
	attempt		int NOT NULL,
	public		bool NOT NULL,			-- citizens see it
	status		text NOT NULL,
	stage		text,
	owner		text,
	actor		text NOT NULL,			-- role in force at the call
	session_actor text,					-- session's user, if another
	client		text,					-- application name and address
	worker		text,
	note		text,
	payload		jsonb,					-- data of the ticket, or output of the stage
	salt		bytea,					-- of the digests of note and payload
	note_digest	bytea,					-- what an erasure leaves of them
	payload_digest bytea,
	hash		bytea NOT NULL,			-- over the content and the hash before
	PRIMARY KEY (ticket_id, seq)
);
-- What happened since: for the worker after a restart, and for exports.
CREATE INDEX timeline_xid ON oms.timeline USING brin (xid) WITH (autosummarize = on);
COMMENT ON TABLE oms.timeline IS 'one row per event, append-only and hash-chained per ticket';

-- One row per idempotency key.
CREATE TABLE oms.idempotency (
	key			text COLLATE "C" PRIMARY KEY,
	ticket_id	oms.ticket_id NOT NULL,
	workflow_id	int NOT NULL,
	request_hash bigint					-- NULL: erased
);
CREATE INDEX idempotency_ticket ON oms.idempotency (ticket_id);
COMMENT ON TABLE oms.idempotency IS 'keys under which a ticket was opened once';

-- One row per registered owner; an owner need not be registered to be named in a workflow.
CREATE TABLE oms.owner (
	name		text COLLATE "C" PRIMARY KEY,
	kind		text NOT NULL,			-- agent, group, person, service
	supervisor	text,
	calendar	text,
	assignment	text NOT NULL			-- none, round_robin, least_loaded
);
COMMENT ON TABLE oms.owner IS 'registered owners; oms.set_owner() writes it';

-- The roles that may act for an owner.
CREATE TABLE oms.owner_member (
	owner		text COLLATE "C" NOT NULL,
	member		text NOT NULL,			-- name of a role
	PRIMARY KEY (owner, member)
);
COMMENT ON TABLE oms.owner_member IS 'roles that are members of an owner; oms.set_owner() writes it';

-- One row from the first create_workflow on: where the data is at work.  A copy elsewhere does not match.
CREATE TABLE oms.home (
	one			bool PRIMARY KEY DEFAULT true CHECK (one),
	system_identifier bigint NOT NULL,
	database	oid NOT NULL,
	since		timestamptz NOT NULL
);
COMMENT ON TABLE oms.home IS 'server and database in which timers fire and events are sent';

-- One row from the first create_workflow on: the secret of the tracking numbers.  Row security without
-- a policy hides it from pg_read_all_data too.
CREATE TABLE oms.secret (
	one			bool PRIMARY KEY DEFAULT true CHECK (one),
	key			bytea NOT NULL
);
ALTER TABLE oms.secret ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE oms.secret IS 'secret of the tracking numbers';

-- Tickets whose tracking number was rotated.
CREATE TABLE oms.tracking (
	ticket_id	oms.ticket_id PRIMARY KEY,
	rotation	int NOT NULL
);
COMMENT ON TABLE oms.tracking IS 'how often the tracking number of a ticket was rotated';

-- Numbers that were asked for with a wrong suffix, whether there is such a ticket or not.
CREATE TABLE oms.tracking_miss (
	ticket_id	oms.ticket_id PRIMARY KEY,
	misses		int NOT NULL,
	last_at		timestamptz NOT NULL
);
COMMENT ON TABLE oms.tracking_miss IS 'guesses at tracking numbers, per ticket number';

-- One row: every event of a transaction below the horizon has been sent by the worker.  Belongs to this
-- server's transaction ids, so it is not dumped.
CREATE TABLE oms.worker_state (
	one			bool PRIMARY KEY DEFAULT true CHECK (one),
	horizon		bigint NOT NULL
);
INSERT INTO oms.worker_state (horizon) VALUES (pg_catalog.pg_current_xact_id()::pg_catalog.text::pg_catalog.int8);
COMMENT ON TABLE oms.worker_state IS 'how far the worker has sent events; not dumped';

SELECT pg_catalog.pg_extension_config_dump('oms.workflow_number', '');
SELECT pg_catalog.pg_extension_config_dump('oms.workflow', '');
SELECT pg_catalog.pg_extension_config_dump('oms.workflow_stage', '');
SELECT pg_catalog.pg_extension_config_dump('oms.ticket_number', '');
SELECT pg_catalog.pg_extension_config_dump('oms.ticket_state', '');
SELECT pg_catalog.pg_extension_config_dump('oms.stage_state', '');
SELECT pg_catalog.pg_extension_config_dump('oms.timeline', '');
SELECT pg_catalog.pg_extension_config_dump('oms.idempotency', '');
SELECT pg_catalog.pg_extension_config_dump('oms.owner', '');
SELECT pg_catalog.pg_extension_config_dump('oms.owner_member', '');
SELECT pg_catalog.pg_extension_config_dump('oms.home', '');
SELECT pg_catalog.pg_extension_config_dump('oms.secret', '');
SELECT pg_catalog.pg_extension_config_dump('oms.tracking', '');
SELECT pg_catalog.pg_extension_config_dump('oms.tracking_miss', '');

--------------------------------------------------------------------------------------------------
-- api: reading
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.stage_status(status "char") RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN CASE status WHEN 'w' THEN 'waiting' WHEN 'q' THEN 'queued' WHEN 'p' THEN 'in_progress'
		WHEN 'h' THEN 'on_hold' WHEN 'd' THEN 'done' WHEN 's' THEN 'skipped' WHEN 'f' THEN 'failed'
		WHEN 'x' THEN 'cancelled' END;
CREATE FUNCTION oms.ticket_status(status "char") RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN CASE status WHEN 'o' THEN 'open' WHEN 'h' THEN 'on_hold' WHEN 'd' THEN 'done'
		WHEN 'f' THEN 'failed' WHEN 'x' THEN 'cancelled' END;
COMMENT ON FUNCTION oms.stage_status("char") IS 'the word for a stored stage status; NULL for NULL and for what is none';
COMMENT ON FUNCTION oms.ticket_status("char") IS 'the word for a stored ticket status; NULL for NULL and for what is none';

-- One row per ticket.
CREATE VIEW oms.ticket WITH (security_barrier) AS
	SELECT t.ticket_id, w.name AS workflow, w.version, oms.ticket_status(t.status) AS status,
		t.priority, t.applicant, COALESCE(e.payload, '{}') AS data, t.opened_at, t.closed_at,
		t.opened_by, t.last_at, t.seq AS last_seq, t.head
	FROM oms.ticket_state AS t
	JOIN oms.workflow AS w ON w.workflow_id = t.workflow_id
	LEFT JOIN oms.timeline AS e ON e.ticket_id OPERATOR(pg_catalog.=) t.ticket_id AND e.seq = t.data_seq;
COMMENT ON VIEW oms.ticket IS 'one row per ticket; an UPDATE of status (to cancelled) or priority is recorded, DELETE is refused';

-- One row per stage of every ticket, the waiting ones too.
CREATE VIEW oms.stage WITH (security_barrier) AS
	SELECT t.ticket_id, w.stage,
		CASE WHEN s.status IS NOT NULL THEN oms.stage_status(s.status)
			WHEN t.status = 'x' THEN 'cancelled' ELSE 'waiting' END AS status,
		COALESCE(s.owner, w.owner) AS owner, s.worker,
		COALESCE(s.attempt, 1) AS attempt, COALESCE(s.cycle, 1) AS cycle,
		COALESCE(s.level, 0) AS level, s.queued_at, s.ready_at, s.started_at, s.finished_at,
		s.due_at, s.lease_until, s.breached_at, s.timer_at,
		CASE WHEN s.status = 'd' THEN COALESCE(e.payload, '{}') END AS output,
		w.stage_no, w.label
	FROM oms.ticket_state AS t
	JOIN oms.workflow_stage AS w ON w.workflow_id = t.workflow_id
	LEFT JOIN oms.stage_state AS s
		ON s.ticket_id OPERATOR(pg_catalog.=) t.ticket_id AND s.stage_no = w.stage_no
	LEFT JOIN oms.timeline AS e
		ON e.ticket_id OPERATOR(pg_catalog.=) s.ticket_id AND e.seq = s.output_seq;
COMMENT ON VIEW oms.stage IS 'one row per stage of every ticket, waiting ones too; an UPDATE of status, owner or worker is recorded if the move is legal, DELETE is refused';

-- The functions that look at a ticket are VOLATILE, so that they see what the same statement has done:
-- oms.get_ticket(oms.open_ticket(...)) works.
CREATE FUNCTION oms.known_ticket(ticket oms.ticket_id) RETURNS oms.ticket_id
	AS 'MODULE_PATHNAME', 'oms_known_ticket' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION oms.known_ticket(oms.ticket_id) IS 'the ticket itself; OM002 if there is no such ticket, 22023 if it is NULL';

CREATE FUNCTION oms.get_workflow(name text, version int DEFAULT NULL) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'oms_get_workflow' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.get_workflow(text, int) IS 'the definition of a workflow as it was given; version NULL: the current one, retired or not. OM001 if there is none';

CREATE FUNCTION oms.get_timeline(ticket oms.ticket_id)
	RETURNS TABLE ("time" timestamptz, stage text, owner text, status text, note text)
	AS 'MODULE_PATHNAME', 'oms_get_timeline_of_ticket' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 20;
COMMENT ON FUNCTION oms.get_timeline(oms.ticket_id) IS 'what happened to a ticket, oldest first: all of it for staff, the public part for the portal that opened it; no rows for others, an unknown ticket or NULL';

CREATE FUNCTION oms.get_timeline(ticket text)
	RETURNS TABLE ("time" timestamptz, stage text, owner text, status text, note text)
	AS 'MODULE_PATHNAME', 'oms_get_timeline_of_text' LANGUAGE C VOLATILE ROWS 20;
COMMENT ON FUNCTION oms.get_timeline(text) IS 'with a tracking number the citizen''s view (time to the minute, public names and statuses); with a ticket number as the other form. No rows for what is not right; 22P02 for staff only';

CREATE FUNCTION oms.track(tracking_number text) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'oms_track' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.track(text) IS 'a ticket as its applicant may see it: id, workflow, status, stages, expected_by, history; NULL if the tracking number is not right';

CREATE FUNCTION oms.tracking_number(ticket oms.ticket_id) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_tracking_number' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION oms.tracking_number(oms.ticket_id) IS 'the ticket number plus a suffix that cannot be guessed, for the applicant. OM002, 42501 for a portal that did not open the ticket';

CREATE FUNCTION oms.rotate_tracking_number(ticket oms.ticket_id) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_rotate_tracking_number' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.rotate_tracking_number(oms.ticket_id) IS 'makes a new tracking number; the old one is void. OM002';

CREATE FUNCTION oms.get_ticket(ticket oms.ticket_id) RETURNS jsonb
	LANGUAGE sql VOLATILE PARALLEL RESTRICTED
	BEGIN ATOMIC
		SELECT oms.known_ticket(get_ticket.ticket);
		SELECT pg_catalog.jsonb_build_object(
			'id', t.ticket_id::text,
			'workflow', t.workflow,
			'version', t.version,
			'status', t.status,
			'priority', t.priority,
			'applicant', t.applicant,
			'data', t.data,
			'opened_at', t.opened_at,
			'opened_by', t.opened_by,
			'closed_at', t.closed_at,
			'stage', (SELECT COALESCE(pg_catalog.jsonb_agg(s.stage ORDER BY s.stage_no), '[]')
				FROM oms.stage AS s WHERE s.ticket_id OPERATOR(pg_catalog.=) t.ticket_id
				AND s.status IN ('queued', 'in_progress', 'on_hold', 'failed')),
			'stages', (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
					'id', s.stage, 'label', s.label, 'status', s.status, 'owner', s.owner,
					'worker', s.worker, 'attempt', s.attempt, 'cycle', s.cycle, 'level', s.level,
					'queued_at', s.queued_at, 'started_at', s.started_at,
					'finished_at', s.finished_at, 'due_at', s.due_at, 'lease_until', s.lease_until,
					'output', s.output) ORDER BY s.stage_no)
				FROM oms.stage AS s WHERE s.ticket_id OPERATOR(pg_catalog.=) t.ticket_id),
			'history', (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
					'seq', e.seq, 'ts', e.at, 'stage', e.stage, 'status', e.status,
					'owner', e.owner, 'actor', e.actor, 'worker', e.worker, 'note', e.note,
					'public', e.public) ORDER BY e.seq)
				FROM oms.timeline AS e WHERE e.ticket_id OPERATOR(pg_catalog.=) t.ticket_id))
		FROM oms.ticket AS t
		WHERE t.ticket_id OPERATOR(pg_catalog.=) get_ticket.ticket;
	END;
COMMENT ON FUNCTION oms.get_ticket(oms.ticket_id) IS 'a ticket with its stages and history as JSON; stored facts only. OM002 if there is no such ticket';

CREATE FUNCTION oms.next_stages(ticket oms.ticket_id) RETURNS SETOF text
	AS 'MODULE_PATHNAME', 'oms_next_stages_of_ticket' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION oms.next_stages(oms.ticket_id) IS 'stages of a ticket whose dependencies are met and that are not finished, in definition order; none if the ticket is closed. OM002 unknown ticket';

CREATE FUNCTION oms.next_stages(definition jsonb, done text[], data jsonb DEFAULT '{}') RETURNS SETOF text
	AS 'MODULE_PATHNAME', 'oms_next_stages_of_definition' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION oms.next_stages(jsonb, text[], jsonb) IS 'the same without a ticket: stages that come next when those in done are finished; a stage whose condition is false on the data counts as finished, outputs do not exist. OM003 unknown stage in done, OM004 invalid definition, 22023 NULL';

CREATE FUNCTION oms.verify_timeline(ticket oms.ticket_id DEFAULT NULL)
	RETURNS TABLE (ticket oms.ticket_id, seq int, problem text)
	AS 'MODULE_PATHNAME', 'oms_verify_timeline' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;

CREATE FUNCTION oms.breached(started timestamptz, now timestamptz, limit_mins int) RETURNS bool
	AS 'MODULE_PATHNAME', 'oms_breached' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION oms.breached(timestamptz, timestamptz, int) IS 'true only if now is strictly later than limit_mins minutes after started; NULL if an argument is, 22023 for a negative limit';

CREATE FUNCTION oms.version() RETURNS text
	AS 'MODULE_PATHNAME', 'oms_version' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.version() IS 'version of the library; an error if the SQL objects are of another version';

--------------------------------------------------------------------------------------------------
-- api: workflows
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.validate_workflow(definition jsonb) RETURNS TABLE (path text, problem text, hint text)
	AS 'MODULE_PATHNAME', 'oms_validate_workflow' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION oms.validate_workflow(jsonb) IS 'everything that is wrong with a definition, in its order; no rows if nothing is. 22023 for NULL';

CREATE FUNCTION oms.create_workflow(definition jsonb) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_create_workflow' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.create_workflow(jsonb) IS 'stores a definition as the next version of its workflow and returns the version; the current definition again returns the current version, and brings a retired workflow back. OM004 if it is invalid, with path as detail';

CREATE FUNCTION oms.retire_workflow(name text) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_retire_workflow' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.retire_workflow(text) IS 'no tickets can be opened any more; those that are open run on. OM001 unknown workflow';

--------------------------------------------------------------------------------------------------
-- api: tickets
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.open_ticket(workflow text, data jsonb DEFAULT '{}', idempotency_key text DEFAULT NULL,
		priority int DEFAULT 0, applicant text DEFAULT NULL) RETURNS oms.ticket_id
	AS 'MODULE_PATHNAME', 'oms_open_ticket' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.open_ticket(text, jsonb, text, int, text) IS 'opens a ticket. data: an object, "amount" in it a number; idempotency_key: the same key again returns the same ticket; priority: higher is claimed first; applicant: the application''s own key of the person. OM001 unknown or retired workflow, OM008 key used for another workflow or data, 22023 bad argument';

CREATE FUNCTION oms.open_tickets(workflow text, data jsonb[]) RETURNS SETOF oms.ticket_id
	AS 'MODULE_PATHNAME', 'oms_open_tickets' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.open_tickets(text, jsonb[]) IS 'opens a ticket for each element, all or none, and returns them in the order given. Errors as open_ticket';

CREATE FUNCTION oms.cancel_ticket(ticket oms.ticket_id, reason text) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_cancel_ticket' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.cancel_ticket(oms.ticket_id, text) IS 'ends a ticket with all its unfinished stages. OM002 unknown ticket, OM005 already closed';

CREATE FUNCTION oms.comment(ticket oms.ticket_id, body text, stage text DEFAULT NULL, public bool DEFAULT false)
	RETURNS void
	AS 'MODULE_PATHNAME', 'oms_comment' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.comment(oms.ticket_id, text, text, bool) IS 'adds a note of up to 1 MB to a ticket or one of its stages, in any state; citizens see it only if public. OM002, OM003';

CREATE FUNCTION oms.erase(ticket oms.ticket_id, paths text[], reason text) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_erase' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.erase(oms.ticket_id, text[], text) IS 'erases personal data with its salt and records that; the hash chain stays whole. paths: applicant, notes, note.<number of the event>, output.<stage>[.<key>...], data[.<key>...], or a key of the data; reason must not contain what is erased. Returns how many pieces were erased. OM002, OM003, 22023 for a path that names nothing';

CREATE FUNCTION oms.erase_applicant(applicant text, reason text) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_erase_applicant' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.erase_applicant(text, text) IS 'erases data, outputs, notes and the applicant''s key of all tickets of an applicant; returns how many tickets';

--------------------------------------------------------------------------------------------------
-- api: rights and owners
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.grant_access(role name, level text) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_grant_access' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.grant_access(name, text) IS 'gives a role (a group too) a level, as plain GRANTs: citizen, portal, agent, monitor, staff or admin. 42704 unknown role, 22023 unknown level';

CREATE FUNCTION oms.revoke_access(role name) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_revoke_access' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.revoke_access(name) IS 'takes every right on the schema oms from a role. 42704 unknown role';

CREATE FUNCTION oms.set_owner(name text, kind text DEFAULT 'agent', supervisor text DEFAULT NULL,
		calendar text DEFAULT NULL, members name[] DEFAULT '{}', assignment text DEFAULT 'none') RETURNS void
	AS 'MODULE_PATHNAME', 'oms_set_owner' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.set_owner(text, text, text, text, name[], text) IS 'registers or changes an owner: kind agent, group, person or service; members are roles that may act for it. 42704 unknown role, 22023 bad argument';

CREATE FUNCTION oms.activate() RETURNS void
	AS 'MODULE_PATHNAME', 'oms_activate' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.activate() IS 'timers fire and events are sent in this database from now on; for a restored or copied database';

CREATE FUNCTION oms.repair_guards() RETURNS int
	AS 'MODULE_PATHNAME', 'oms_repair_guards' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.repair_guards() IS 'makes the guards of the tables fire always again, after tools that reset the state of triggers; returns how many did not';

--------------------------------------------------------------------------------------------------
-- api: stages
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.claim(owner text, worker text DEFAULT NULL, qty int DEFAULT 1, lease interval DEFAULT '5 minutes')
	RETURNS TABLE (ticket oms.ticket_id, stage text, attempt int, token bigint, workflow text,
		data jsonb, inputs jsonb, due_at timestamptz, lease_until timestamptz)
	AS 'MODULE_PATHNAME', 'oms_claim' LANGUAGE C VOLATILE ROWS 1;
COMMENT ON FUNCTION oms.claim(text, text, int, interval) IS 'takes up to qty (1 to 10000) queued stages of an owner, highest priority first, then oldest, for the length of the lease; passes over what another session is just changing, never waits. worker: a name for the timeline, NULL: the role; inputs: outputs of the stages it depends on. 22023 bad argument';

CREATE FUNCTION oms.claim_stage(ticket oms.ticket_id, stage text, worker text DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME', 'oms_claim_stage' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.claim_stage(oms.ticket_id, text, text) IS 'a person takes one named stage, without a lease; returns the token, the same one again to the worker who has it. OM002, OM003, OM005, OM007 somebody else has it';

CREATE FUNCTION oms.heartbeat(ticket oms.ticket_id, stage text, token bigint, lease interval DEFAULT '5 minutes')
	RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'oms_heartbeat' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.heartbeat(oms.ticket_id, text, bigint, interval) IS 'the worker is alive: the lease now ends after the given length (a day is 24 hours), which is returned. OM005, OM006: the stage is gone, stop working on it';

CREATE FUNCTION oms.release(ticket oms.ticket_id, stage text, note text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_release' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.release(oms.ticket_id, text, text) IS 'gives a stage back to the queue, at its old place; the clock runs on. OM002, OM003, OM005';

CREATE FUNCTION oms.stage_done(ticket oms.ticket_id, stage text, output jsonb DEFAULT '{}', token bigint DEFAULT NULL)
	RETURNS text[]
	AS 'MODULE_PATHNAME', 'oms_stage_done' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.stage_done(oms.ticket_id, text, jsonb, bigint) IS 'finishes a stage and returns the stages that this queued; the same call again returns an empty array and writes nothing. output NULL: {}; token NULL: not checked. OM002, OM003, OM005, OM006 stale token';

CREATE FUNCTION oms.stages_done(items jsonb) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_stages_done' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.stages_done(jsonb) IS 'finishes many stages, all or none: [{"ticket":...,"stage":...,"output":...,"token":...},...]; returns how many were finished now. Errors as stage_done, 22023 for anything else in items';

CREATE FUNCTION oms.stage_failed(ticket oms.ticket_id, stage text, error text, token bigint DEFAULT NULL,
		retryable bool DEFAULT true) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_stage_failed' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.stage_failed(oms.ticket_id, text, text, bigint, bool) IS 'an attempt went wrong: queued again after the back-off of the definition while attempts are left and it is retryable, else failed; returns the new status. OM002, OM003, OM005, OM006';

CREATE FUNCTION oms.skip_stage(ticket oms.ticket_id, stage text, reason text) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_skip_stage' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.skip_stage(oms.ticket_id, text, text) IS 'staff finish a stage without doing it; its dependants go on. OM002, OM003, OM005';

CREATE FUNCTION oms.retry_stage(ticket oms.ticket_id, stage text, reason text) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_retry_stage' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.retry_stage(oms.ticket_id, text, text) IS 'queues a failed stage again; attempts count from 1 again. OM002, OM003, OM005';

CREATE FUNCTION oms.reassign(ticket oms.ticket_id, stage text, owner text, reason text) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_reassign' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.reassign(oms.ticket_id, text, text, text) IS 'gives a stage to another owner and queues it there; the clock runs on, attempts of a failed stage count from 1 again. OM002, OM003, OM005';

CREATE FUNCTION oms.escalate(ticket oms.ticket_id, stage text, reason text, reassign_to text DEFAULT NULL) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_escalate' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.escalate(oms.ticket_id, text, text, text) IS 'records an escalation and alerts; returns the level reached, from 1. reassign_to: the stage goes to that owner as well. OM002, OM003, OM005 (only with reassign_to)';

CREATE FUNCTION oms.tick() RETURNS int
	AS 'MODULE_PATHNAME', 'oms_tick' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.tick() IS 'fires every timer that is due (breach, end of a lease, end of a back-off) and returns how many fired; leaves tickets that another session is just changing for the next call';

COMMENT ON FUNCTION oms.verify_timeline(oms.ticket_id) IS 'works out the hash chain of a ticket anew (NULL: of every ticket) and returns what does not fit; no rows if all is well. OM002 unknown ticket';

--------------------------------------------------------------------------------------------------
-- worker
--------------------------------------------------------------------------------------------------

CREATE PROCEDURE oms.wait_for_work(owner text, timeout interval DEFAULT '30 seconds')
	AS 'MODULE_PATHNAME', 'oms_wait_for_work' LANGUAGE C;
COMMENT ON PROCEDURE oms.wait_for_work(text, interval) IS 'returns as soon as the owner has something to claim, or after the timeout; holds no snapshot while it waits. 25001 inside a transaction block, 22023 bad argument';

CREATE FUNCTION oms.dispatch_channel(owner text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_dispatch_channel_name' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.dispatch_channel(text) IS 'the channel of an owner''s dispatch events with oms.dispatch_channel = owner; LISTEN needs it in double quotes. 22023 bad name';

CREATE FUNCTION oms.worker_status(
		OUT database name, OUT pid int, OUT state text, OUT nearest_timer timestamptz, OUT last_tick timestamptz,
		OUT backlog bigint, OUT timers_fired bigint, OUT events_sent bigint, OUT batches_sent bigint,
		OUT late_p50_ms float8, OUT late_p99_ms float8, OUT late_max_ms float8,
		OUT errors bigint, OUT last_error text, OUT started_at timestamptz)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'oms_worker_status' LANGUAGE C VOLATILE ROWS 10;
COMMENT ON FUNCTION oms.worker_status() IS 'one row per database that has or had a worker since the server started; none if the library was not preloaded. backlog: events not sent yet; late: how late timers fired (upper bounds within a factor of two)';
CREATE VIEW oms.worker_status AS SELECT * FROM oms.worker_status();
COMMENT ON VIEW oms.worker_status IS 'see the function of the same name';

CREATE FUNCTION oms.worker_errors(
		OUT ticket_id oms.ticket_id, OUT stage_no int, OUT failures int, OUT retry_at timestamptz, OUT error text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'oms_worker_errors' LANGUAGE C VOLATILE ROWS 10;
COMMENT ON FUNCTION oms.worker_errors() IS 'timers of this database that raised an error and are left alone until retry_at';
CREATE VIEW oms.worker_errors AS SELECT * FROM oms.worker_errors();
COMMENT ON VIEW oms.worker_errors IS 'see the function of the same name';

CREATE FUNCTION oms.enable_cron(schedule text DEFAULT '* * * * *') RETURNS bigint
	AS 'MODULE_PATHNAME', 'oms_enable_cron' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.enable_cron(text) IS 'lets pg_cron call oms.tick() on a schedule, for servers where nothing can be preloaded; returns the number of the job. 55000 if pg_cron is not installed in this database';

CREATE FUNCTION oms.disable_cron() RETURNS bool
	AS 'MODULE_PATHNAME', 'oms_disable_cron' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.disable_cron() IS 'removes the job of enable_cron; false if there was none';

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
COMMENT ON FUNCTION oms.update_stage() IS 'trigger: an UPDATE of the view oms.stage as the verb it stands for, with its event; refuses DELETE (OM009) and illegal moves (OM005)';
COMMENT ON FUNCTION oms.update_ticket() IS 'trigger: an UPDATE of the view oms.ticket as the verb it stands for, with its event; refuses DELETE (OM009) and illegal moves (OM005)';

CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.timeline
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('The timeline is append-only, for everybody.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.timeline
	FOR EACH ROW EXECUTE FUNCTION oms.guard('The timeline is append-only, for everybody.');
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.ticket_state
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Use the functions of oms, or UPDATE the view oms.ticket.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.ticket_state
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Use the functions of oms, or UPDATE the view oms.ticket.');
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.stage_state
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Use the functions of oms, or UPDATE the view oms.stage.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.stage_state
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Use the functions of oms, or UPDATE the view oms.stage.');
CREATE TRIGGER guard BEFORE UPDATE OF workflow_id, name, version, prefix, definition OR DELETE OR TRUNCATE ON oms.workflow
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Versions never change: oms.create_workflow() makes a new one.');
CREATE TRIGGER guard_row BEFORE UPDATE OF workflow_id, name, version, prefix, definition OR DELETE ON oms.workflow
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Versions never change: oms.create_workflow() makes a new one.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.workflow_stage
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Versions never change: oms.create_workflow() makes a new one.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.idempotency
	FOR EACH ROW EXECUTE FUNCTION oms.guard('A key that was forgotten would open a second ticket.');
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.workflow_stage
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Versions never change: oms.create_workflow() makes a new one.');
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.idempotency
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('A key that was forgotten would open a second ticket.');

ALTER TABLE oms.timeline ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.timeline ENABLE ALWAYS TRIGGER guard_row;
ALTER TABLE oms.ticket_state ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.ticket_state ENABLE ALWAYS TRIGGER guard_row;
ALTER TABLE oms.stage_state ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.stage_state ENABLE ALWAYS TRIGGER guard_row;
ALTER TABLE oms.workflow ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.workflow ENABLE ALWAYS TRIGGER guard_row;
ALTER TABLE oms.workflow_stage ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.workflow_stage ENABLE ALWAYS TRIGGER guard_row;
ALTER TABLE oms.idempotency ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.idempotency ENABLE ALWAYS TRIGGER guard_row;

CREATE TRIGGER record INSTEAD OF UPDATE OR DELETE ON oms.stage
	FOR EACH ROW EXECUTE FUNCTION oms.update_stage();
CREATE TRIGGER record INSTEAD OF UPDATE OR DELETE ON oms.ticket
	FOR EACH ROW EXECUTE FUNCTION oms.update_ticket();

--------------------------------------------------------------------------------------------------
-- rights: nothing for PUBLIC
--------------------------------------------------------------------------------------------------

REVOKE ALL ON SCHEMA oms FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA oms FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA oms FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA oms FROM PUBLIC;
REVOKE ALL ON TYPE oms.ticket_id FROM PUBLIC;
