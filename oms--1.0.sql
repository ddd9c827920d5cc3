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
	workflow_id	int PRIMARY KEY DEFAULT nextval('oms.workflow_number'),
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
CREATE SEQUENCE oms.ticket_number;
CREATE TABLE oms.ticket_state (
	ticket_id	oms.ticket_id PRIMARY KEY,
	opened_at	timestamptz NOT NULL,
	last_at		timestamptz NOT NULL,
	closed_at	timestamptz,
	watermark	bigint NOT NULL,
	workflow_id	int NOT NULL,
	priority	int NOT NULL,
	seq			int NOT NULL,
	data_seq	int NOT NULL,
	n_active	int NOT NULL,
	n_failed	int NOT NULL,
	n_holds		int NOT NULL,
	output_bytes int NOT NULL,
	status		"char" NOT NULL,
	waiting_rows	bool NOT NULL,
	has_clock	bool NOT NULL,
	finished	bytea NOT NULL,
	started		bytea NOT NULL,
	head		bytea NOT NULL,
	applicant	text COLLATE "C",
	opened_by	text COLLATE "C",
	reworks		smallint[]
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
COMMENT ON TABLE oms.ticket_state IS 'one row per ticket; read it through the view oms.ticket';
COMMENT ON COLUMN oms.ticket_state.last_at IS 'of the last event';
COMMENT ON COLUMN oms.ticket_state.watermark IS 'of the last event';
COMMENT ON COLUMN oms.ticket_state.seq IS 'number of the last event';
COMMENT ON COLUMN oms.ticket_state.data_seq IS 'event that carries the data';
COMMENT ON COLUMN oms.ticket_state.n_active IS 'stages awaiting, queued, in progress or on hold';
COMMENT ON COLUMN oms.ticket_state.n_holds IS 'holds of the whole ticket';
COMMENT ON COLUMN oms.ticket_state.output_bytes IS 'of the outputs of all stages that are done';
COMMENT ON COLUMN oms.ticket_state.status IS 'o open, h on hold, d done, f failed, x cancelled';
COMMENT ON COLUMN oms.ticket_state.waiting_rows IS 'some waiting stage has a row in stage_state';
COMMENT ON COLUMN oms.ticket_state.has_clock IS 'so has the ticket itself, as stage 0';
COMMENT ON COLUMN oms.ticket_state.finished IS 'bit set of the stages done or skipped';
COMMENT ON COLUMN oms.ticket_state.started IS 'bit set of the stages that are not waiting';
COMMENT ON COLUMN oms.ticket_state.head IS 'hash of the last event';
COMMENT ON COLUMN oms.ticket_state.reworks IS 'pairs of stages: the first waits until the second is done again';

-- The tickets that are open, by who opened them.
CREATE INDEX ticket_state_open ON oms.ticket_state (opened_by) WHERE status IN ('o', 'h', 'f');
CREATE INDEX ticket_state_applicant ON oms.ticket_state (applicant) WHERE applicant IS NOT NULL;
-- What people search: words of names.  Signs that would join words, or make a number negative, part them.
CREATE INDEX ticket_state_words ON oms.ticket_state USING gin (
	to_tsvector('simple', translate(applicant, '-+./:@_&<~', '          '))) WHERE applicant IS NOT NULL;
-- The tickets that are closed, for the archive; one entry when a ticket closes.
CREATE INDEX ticket_state_closed ON oms.ticket_state (workflow_id, closed_at) WHERE closed_at IS NOT NULL;

-- One row per stage of a ticket from the moment it is first queued (or skipped).  Stage 0 is the ticket itself,
-- if it has a clock of its own or is held until some time.
--
-- The clock is a stopwatch: what it has consumed, and since when it runs.  due_at is worked out from these.
CREATE TABLE oms.stage_state (
	ticket_id	oms.ticket_id NOT NULL,
	token		bigint NOT NULL,
	queued_at	timestamptz,
	ready_at	timestamptz,
	announce_at	timestamptz,
	started_at	timestamptz,
	finished_at	timestamptz,
	lease_until	timestamptz,
	due_at		timestamptz,
	breached_at	timestamptz,
	timer_at	timestamptz,
	running_since timestamptz,
	paused_at	timestamptz,
	held_at		timestamptz,
	resume_at	timestamptz,
	awaiting_at	timestamptz,
	wake_at		timestamptz,
	limit_us	bigint,
	consumed_us	bigint NOT NULL,
	held_us		bigint NOT NULL,
	lease_us	bigint,
	priority	int NOT NULL,
	attempt		int NOT NULL,
	cycle		int NOT NULL,
	level		int NOT NULL,
	output_seq	int NOT NULL,
	consumed_days int NOT NULL,
	last_date	date,
	limit_days	int,
	limit_by	int,
	calendar_id	int NOT NULL,
	warned		int NOT NULL,
	stage_no	smallint NOT NULL,
	status		"char" NOT NULL,
	held_from	"char",
	owner		text COLLATE "C" NOT NULL,
	worker		text COLLATE "C",
	delegated_by text,
	finished_by	text,
	waits_for	text COLLATE "C",
	waits_key	text COLLATE "C",
	steps		int[],
	PRIMARY KEY (ticket_id, stage_no)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
COMMENT ON TABLE oms.stage_state IS 'one row per stage of a ticket once it is queued; read it through the view oms.stage';
COMMENT ON COLUMN oms.stage_state.token IS 'the last one given out in this cycle, 0: none';
COMMENT ON COLUMN oms.stage_state.queued_at IS 'first in this cycle: its clock starts';
COMMENT ON COLUMN oms.stage_state.ready_at IS 'claimable from then on; orders the queue';
COMMENT ON COLUMN oms.stage_state.announce_at IS 'a dispatch that is still to come';
COMMENT ON COLUMN oms.stage_state.breached_at IS 'when the breach was recorded';
COMMENT ON COLUMN oms.stage_state.timer_at IS 'nothing happens by itself before then';
COMMENT ON COLUMN oms.stage_state.running_since IS 'the clock; NULL: it stands, or there is none';
COMMENT ON COLUMN oms.stage_state.paused_at IS 'since when it stands, or stood at the end';
COMMENT ON COLUMN oms.stage_state.held_at IS 'on hold since then';
COMMENT ON COLUMN oms.stage_state.resume_at IS 'the first of its own holds ends by itself then';
COMMENT ON COLUMN oms.stage_state.awaiting_at IS 'when it first awaited in this cycle';
COMMENT ON COLUMN oms.stage_state.wake_at IS 'awaiting, also on hold: its moment, or when its message is looked for again';
COMMENT ON COLUMN oms.stage_state.waits_for IS 'awaiting, also on hold: the message that finishes it';
COMMENT ON COLUMN oms.stage_state.waits_key IS 'and its key; NULL: it was erased';
COMMENT ON COLUMN oms.stage_state.limit_us IS 'open time that the clock allows; NULL: no clock';
COMMENT ON COLUMN oms.stage_state.consumed_us IS 'open time used up before running_since';
COMMENT ON COLUMN oms.stage_state.held_us IS 'time on hold before held_at';
COMMENT ON COLUMN oms.stage_state.lease_us IS 'length of a lease; NULL: a person has none';
COMMENT ON COLUMN oms.stage_state.level IS 'escalations of this cycle';
COMMENT ON COLUMN oms.stage_state.output_seq IS 'event that carries the output, 0: {}';
COMMENT ON COLUMN oms.stage_state.consumed_days IS 'open dates used up before running_since';
COMMENT ON COLUMN oms.stage_state.last_date IS 'the last that was used up or does not count; NULL: no limit in days';
COMMENT ON COLUMN oms.stage_state.limit_days IS 'open dates that the clock allows; NULL: its limit is open time';
COMMENT ON COLUMN oms.stage_state.limit_by IS 'rule of "sla" that gave the limit, 0: dueAt; NULL: slaMins or slaDays';
COMMENT ON COLUMN oms.stage_state.calendar_id IS 'version of the calendar by which the clock runs, 0: always open';
COMMENT ON COLUMN oms.stage_state.warned IS 'thresholds of warnAt that have passed in this cycle';
COMMENT ON COLUMN oms.stage_state.status IS 'w waiting, a awaiting, q queued, p in progress, h on hold, d done, s skipped, f failed, x cancelled; t the ticket';
COMMENT ON COLUMN oms.stage_state.held_from IS 'status to which it returns from on hold';
COMMENT ON COLUMN oms.stage_state.delegated_by IS 'worker to whom it comes back';
COMMENT ON COLUMN oms.stage_state.finished_by IS 'role of a person that finished it for its worker';
COMMENT ON COLUMN oms.stage_state.steps IS 'how often each escalation step has fired in this cycle';

-- The queues: what an owner can claim, in the order in which it is to be claimed.
CREATE INDEX stage_state_queue ON oms.stage_state (owner, priority DESC, ready_at, ticket_id, stage_no)
	WHERE status = 'q';
-- What nobody can claim: those that wait for a message, by that and in the order in which they get it.
CREATE INDEX stage_state_awaiting ON oms.stage_state (waits_for, waits_key, awaiting_at, ticket_id, stage_no)
	WHERE status = 'a';
-- All timers: what happens next by itself.
CREATE INDEX stage_state_timer ON oms.stage_state (timer_at) WHERE timer_at IS NOT NULL;
-- What a worker has; with the queues, everything that is open.
CREATE INDEX stage_state_worker ON oms.stage_state (worker) WHERE status IN ('p', 'h', 'f');
-- What is late, the longest first.  What is not yet late is found by its timer, which comes no later than that it is; so
-- lists of what is urgent read little, and stages that are in time pay nothing for them.
CREATE INDEX stage_state_late ON oms.stage_state (due_at, ticket_id, stage_no)
	WHERE breached_at IS NOT NULL AND (status = 'q' OR status IN ('p', 'h', 'f') OR status = 'a');

-- One row per cycle of a stage that was sent back or reopened: the row of stage_state as it was then, append-only.
CREATE TABLE oms.stage_past (LIKE oms.stage_state, PRIMARY KEY (ticket_id, stage_no, cycle));
COMMENT ON TABLE oms.stage_past IS 'one row per cycle of a stage that another cycle followed, as it was then';

-- One row per hold of a stage (0: of the whole ticket), lifted or not.
CREATE TABLE oms.hold (
	ticket_id	oms.ticket_id NOT NULL,
	held_at		timestamptz NOT NULL,
	until		timestamptz,
	lifted_at	timestamptz,
	seq			int NOT NULL,
	stage_no	smallint NOT NULL,
	stops_clock	bool NOT NULL,
	reason		text NOT NULL,
	waiting_on	text,
	label		text,
	PRIMARY KEY (ticket_id, seq)
);
COMMENT ON TABLE oms.hold IS 'one row per hold of a stage or ticket, lifted or not';
COMMENT ON COLUMN oms.hold.until IS 'ends by itself then';
COMMENT ON COLUMN oms.hold.seq IS 'event that put it on hold';
COMMENT ON COLUMN oms.hold.label IS 'what citizens are told';

-- One row per piece of a clock that has ended before the cycle has: what explain_clock adds up, append-only.
CREATE TABLE oms.clock_segment (
	ticket_id	oms.ticket_id NOT NULL,
	started_at	timestamptz NOT NULL,
	ended_at	timestamptz NOT NULL,
	open_us		bigint NOT NULL,
	seq			int NOT NULL,
	cycle		int NOT NULL,
	calendar_id	int NOT NULL,
	stage_no	smallint NOT NULL,
	ran			bool NOT NULL,
	PRIMARY KEY (ticket_id, seq)
);
COMMENT ON TABLE oms.clock_segment IS 'one row per piece of a clock between holds and changes of its calendar';
COMMENT ON COLUMN oms.clock_segment.open_us IS 'open time in it; 0 while the clock stood';
COMMENT ON COLUMN oms.clock_segment.seq IS 'event that ended it';
COMMENT ON COLUMN oms.clock_segment.calendar_id IS '0: always open';
COMMENT ON COLUMN oms.clock_segment.ran IS 'false: it stood';

-- One row per event, append-only.  The data of a ticket and the outputs of its stages live here, in
-- the event that brought them, and nowhere else.
CREATE TABLE oms.timeline (
	ticket_id	oms.ticket_id NOT NULL,
	at			timestamptz NOT NULL,
	watermark	bigint NOT NULL,
	seq			int NOT NULL,
	cycle		int NOT NULL,
	attempt		int NOT NULL,
	public		bool NOT NULL,
	status		text NOT NULL,
	stage		text,
	owner		text,
	actor		text NOT NULL,
	session_actor text,
	client		text,
	worker		text,
	note		text,
	payload		jsonb,
	salt		bytea,
	note_digest	bytea,
	payload_digest bytea,
	hash		bytea NOT NULL,
	moved		bool,
	PRIMARY KEY (ticket_id, seq)
);
-- What happened since: for the worker after a restart, and for exports.
CREATE INDEX timeline_watermark ON oms.timeline USING brin (watermark) WITH (autosummarize = on);
-- Events of which listeners have to hear even late: alerts, what was handed to somebody, and changes, of
-- which one may be the priority.
CREATE INDEX timeline_told ON oms.timeline (watermark, ticket_id, seq)
	WHERE status IN ('breached', 'escalated', 'failed', 'warning', 'unrouted', 'unassigned', 'assigned', 'changed');
COMMENT ON TABLE oms.timeline IS 'one row per event, append-only and hash-chained per ticket';
COMMENT ON COLUMN oms.timeline.at IS 'when it was recorded';
COMMENT ON COLUMN oms.timeline.watermark IS 'highest transaction number of the ticket so far, see src/store/timeline.c';
COMMENT ON COLUMN oms.timeline.seq IS '1, 2, 3 ... per ticket';
COMMENT ON COLUMN oms.timeline.cycle IS '0: about the ticket';
COMMENT ON COLUMN oms.timeline.public IS 'citizens see it';
COMMENT ON COLUMN oms.timeline.actor IS 'role in force at the call';
COMMENT ON COLUMN oms.timeline.session_actor IS 'session''s user, if another';
COMMENT ON COLUMN oms.timeline.client IS 'application name and address';
COMMENT ON COLUMN oms.timeline.payload IS 'data of the ticket (opened, amended, changed), output of the stage, or whom an escalation told';
COMMENT ON COLUMN oms.timeline.salt IS 'of the digests of note and payload';
COMMENT ON COLUMN oms.timeline.note_digest IS 'what an erasure leaves of them';
COMMENT ON COLUMN oms.timeline.hash IS 'over the content and the hash before';
COMMENT ON COLUMN oms.timeline.moved IS 'true: recorded under a moved clock (oms.now)';

-- The archive: each table with rows of tickets has a twin, where those of closed tickets go.  The columns are the
-- same, and archived_at for the ticket.  A ticket is in one place, with all of its rows.
CREATE TABLE oms.ticket_state_archive (LIKE oms.ticket_state, archived_at timestamptz NOT NULL, PRIMARY KEY (ticket_id));
CREATE INDEX ticket_state_archive_applicant ON oms.ticket_state_archive (applicant) WHERE applicant IS NOT NULL;
CREATE INDEX ticket_state_archive_words ON oms.ticket_state_archive USING gin (
	to_tsvector('simple', translate(applicant, '-+./:@_&<~', '          '))) WHERE applicant IS NOT NULL;
CREATE TABLE oms.stage_state_archive (LIKE oms.stage_state, PRIMARY KEY (ticket_id, stage_no));
CREATE TABLE oms.stage_past_archive (LIKE oms.stage_past, PRIMARY KEY (ticket_id, stage_no, cycle));
CREATE TABLE oms.hold_archive (LIKE oms.hold, PRIMARY KEY (ticket_id, seq));
CREATE TABLE oms.clock_segment_archive (LIKE oms.clock_segment, PRIMARY KEY (ticket_id, seq));
CREATE TABLE oms.timeline_archive (LIKE oms.timeline, PRIMARY KEY (ticket_id, seq));
CREATE INDEX timeline_archive_watermark ON oms.timeline_archive USING brin (watermark) WITH (autosummarize = on);
CREATE INDEX timeline_archive_told ON oms.timeline_archive (watermark, ticket_id, seq)
	WHERE status IN ('breached', 'escalated', 'failed', 'warning', 'unrouted', 'unassigned', 'assigned', 'changed');
COMMENT ON TABLE oms.ticket_state_archive IS 'one row per archived ticket; read it through the view oms.archived_ticket';
COMMENT ON TABLE oms.stage_state_archive IS 'as oms.stage_state, of archived tickets; read it through the view oms.archived_stage';
COMMENT ON TABLE oms.stage_past_archive IS 'as oms.stage_past, of archived tickets';
COMMENT ON TABLE oms.hold_archive IS 'as oms.hold, of archived tickets';
COMMENT ON TABLE oms.clock_segment_archive IS 'as oms.clock_segment, of archived tickets';
COMMENT ON TABLE oms.timeline_archive IS 'as oms.timeline, of archived tickets: append-only and hash-chained';

-- One row per rule.
CREATE TABLE oms.retention (
	workflow	text COLLATE "C" PRIMARY KEY,
	keep		interval
);
COMMENT ON TABLE oms.retention IS 'how long closed tickets stay before they are archived; oms.set_retention() writes it';
COMMENT ON COLUMN oms.retention.workflow IS ''''': of all that have no rule of their own';
COMMENT ON COLUMN oms.retention.keep IS 'NULL: for ever';

-- One row per idempotency key.
CREATE TABLE oms.idempotency (
	key			text COLLATE "C" PRIMARY KEY,
	ticket_id	oms.ticket_id NOT NULL,
	workflow_id	int NOT NULL,
	request_hash bigint
);
CREATE INDEX idempotency_ticket ON oms.idempotency (ticket_id);
COMMENT ON TABLE oms.idempotency IS 'keys under which a ticket was opened once';
COMMENT ON COLUMN oms.idempotency.request_hash IS 'NULL: erased';

-- One row per message that no stage has got yet.  Whoever finishes a stage by one deletes its row.
CREATE SEQUENCE oms.message_number;
CREATE TABLE oms.kept_message (
	message_no	bigint PRIMARY KEY DEFAULT nextval('oms.message_number'),
	sent_at		timestamptz NOT NULL,
	expires_at	timestamptz NOT NULL,
	pending		bool NOT NULL,
	name		text COLLATE "C" NOT NULL,
	key			text COLLATE "C" NOT NULL,
	sender		text COLLATE "C" NOT NULL,
	message_id	text COLLATE "C",
	payload		jsonb NOT NULL
);
CREATE INDEX kept_message_key ON oms.kept_message (name, key, message_no);
CREATE INDEX kept_message_sender ON oms.kept_message (sender);
CREATE INDEX kept_message_expires ON oms.kept_message (expires_at);
CREATE INDEX kept_message_pending ON oms.kept_message (message_no) WHERE pending;
COMMENT ON TABLE oms.kept_message IS 'messages that no stage has got yet; read it through the view oms.message';
COMMENT ON COLUMN oms.kept_message.pending IS 'a stage may wait for it: the worker, or tick(), looks';
COMMENT ON COLUMN oms.kept_message.sender IS 'role that sent it';

-- One row per message_id, so that a message is sent once.
CREATE TABLE oms.message_id (
	message_id	text COLLATE "C" PRIMARY KEY,
	until		timestamptz NOT NULL,
	request_hash bigint,
	ticket_id	oms.ticket_id
);
CREATE INDEX message_id_until ON oms.message_id (until);
CREATE INDEX message_id_ticket ON oms.message_id (ticket_id) WHERE request_hash IS NOT NULL AND ticket_id IS NOT NULL;
COMMENT ON TABLE oms.message_id IS 'ids of messages that were sent, for as long as they are remembered';
COMMENT ON COLUMN oms.message_id.request_hash IS 'NULL: erased';
COMMENT ON COLUMN oms.message_id.ticket_id IS 'that got it; NULL: none has';

-- One row per registered owner; an owner need not be registered to be named in a workflow.
CREATE TABLE oms.owner (
	name		text COLLATE "C" PRIMARY KEY,
	kind		text NOT NULL,
	supervisor	text,
	calendar	text,
	assignment	text NOT NULL
);
COMMENT ON TABLE oms.owner IS 'registered owners; oms.set_owner() writes it';
COMMENT ON COLUMN oms.owner.kind IS 'agent, group, person, service';
COMMENT ON COLUMN oms.owner.assignment IS 'none, round_robin, least_loaded';

-- The roles that may act for an owner.
CREATE TABLE oms.owner_member (
	owner		text COLLATE "C" NOT NULL,
	member		text COLLATE "C" NOT NULL,
	last_assigned timestamptz,
	PRIMARY KEY (owner, member)
);
COMMENT ON TABLE oms.owner_member IS 'roles that are members of an owner; oms.set_owner() writes it';
COMMENT ON COLUMN oms.owner_member.member IS 'name of a role';
COMMENT ON COLUMN oms.owner_member.last_assigned IS 'for round_robin';

-- One row per absence of a person, or per part of one that others split.
CREATE TABLE oms.absence (
	person		text COLLATE "C" NOT NULL,
	from_at		timestamptz NOT NULL,
	to_at		timestamptz NOT NULL,
	delegate	text,
	first_at	timestamptz NOT NULL,
	PRIMARY KEY (person, from_at)
);
COMMENT ON TABLE oms.absence IS 'when persons are away and who stands in; oms.set_absence() writes it';
COMMENT ON COLUMN oms.absence.to_at IS 'back from then on';
COMMENT ON COLUMN oms.absence.delegate IS 'who gets the work meanwhile';
COMMENT ON COLUMN oms.absence.first_at IS 'when the absence begins of which this is a part';

-- One row per reason in the catalogue of holds.
CREATE TABLE oms.hold_reason (
	code		text COLLATE "C" PRIMARY KEY,
	stops_clock	bool NOT NULL,
	waiting_on	text,
	max_per_ticket int,
	public_label text
);
COMMENT ON TABLE oms.hold_reason IS 'reasons for holds and what they mean; oms.set_hold_reason() writes it';
COMMENT ON COLUMN oms.hold_reason.waiting_on IS 'applicant, or anybody else';
COMMENT ON COLUMN oms.hold_reason.max_per_ticket IS 'NULL: any number';

-- One row per range of ticket numbers that this database gives out; without any it gives out all.  A table, since
-- what is altered of a sequence is not dumped.
CREATE TABLE oms.number_range (
	first_number int PRIMARY KEY,
	last_number	int NOT NULL
);
COMMENT ON TABLE oms.number_range IS 'ranges of ticket numbers that this database gives out, without any: all; oms.set_number_ranges() writes it';
COMMENT ON COLUMN oms.number_range.last_number IS 'belongs to it';

-- One row from the first create_workflow on: where the data is at work.  A copy elsewhere does not match.
CREATE TABLE oms.home (
	one			bool PRIMARY KEY DEFAULT true CHECK (one),
	system_identifier bigint NOT NULL,
	database	oid NOT NULL,
	since		timestamptz NOT NULL,
	epoch		bigint NOT NULL,
	xid_base	bigint NOT NULL
);
COMMENT ON TABLE oms.home IS 'server and database in which timers fire and events are sent';
COMMENT ON COLUMN oms.home.epoch IS 'random; cursors of another one are not continued';
COMMENT ON COLUMN oms.home.xid_base IS 'timeline.watermark is a transaction''s number plus this';

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
	horizon		bigint NOT NULL,
	told		bigint[],
	telling		bigint[]
);
INSERT INTO oms.worker_state (horizon) VALUES (pg_current_xact_id()::text::int8);
COMMENT ON TABLE oms.worker_state IS 'how far the worker has sent events; not dumped';
COMMENT ON COLUMN oms.worker_state.told IS 'by the last announcement: what transactions wrote below the first number, but for the others';
COMMENT ON COLUMN oms.worker_state.telling IS 'the same for one that is under way';

-- One row per change of the rules, append-only and chained.
CREATE TABLE oms.journal (
	seq			bigint PRIMARY KEY,
	at			timestamptz NOT NULL,
	actor		text NOT NULL,
	session_actor text,
	what		text COLLATE "C" NOT NULL,
	name		text COLLATE "C",
	before		jsonb,
	after		jsonb,
	hash		bytea NOT NULL,
	moved		bool
);
COMMENT ON TABLE oms.journal IS 'one row per change of owners, rights, calendars, workflows and other rules, append-only and hash-chained';
COMMENT ON COLUMN oms.journal.seq IS '1, 2, 3 ...';
COMMENT ON COLUMN oms.journal.at IS 'when it was recorded';
COMMENT ON COLUMN oms.journal.actor IS 'role in force at the call';
COMMENT ON COLUMN oms.journal.session_actor IS 'session''s user, if another';
COMMENT ON COLUMN oms.journal.what IS 'owner, level, calendar, hold reason, absence, retention, workflow, number ranges: of these before and after are the state; activate, archive, erase, erase_applicant, repair_guards';
COMMENT ON COLUMN oms.journal.name IS 'of the owner, role, calendar, code, person, workflow (empty: all without a rule; number ranges: always empty), ticket';
COMMENT ON COLUMN oms.journal.before IS 'NULL: there was none';
COMMENT ON COLUMN oms.journal.after IS 'NULL: there is none';
COMMENT ON COLUMN oms.journal.hash IS 'over the content and the hash before';
COMMENT ON COLUMN oms.journal.moved IS 'true: recorded under a moved clock (oms.now)';

-- One row per seal, append-only; meant to be published elsewhere.
CREATE TABLE oms.seals (
	number		bigint PRIMARY KEY,
	sealed_at	timestamptz NOT NULL,
	tickets		int NOT NULL,
	root		bytea NOT NULL,
	previous	bytea NOT NULL,
	hash		bytea NOT NULL,
	journal_seq	bigint,
	journal_hash bytea
);
COMMENT ON TABLE oms.seals IS 'one row per seal over the chains of many tickets, append-only';
COMMENT ON COLUMN oms.seals.number IS '1, 2, 3 ...';
COMMENT ON COLUMN oms.seals.tickets IS 'leaves of its tree';
COMMENT ON COLUMN oms.seals.root IS 'of the Merkle tree';
COMMENT ON COLUMN oms.seals.previous IS 'hash of the seal before, zeros for the first';
COMMENT ON COLUMN oms.seals.hash IS 'over all of the others';
COMMENT ON COLUMN oms.seals.journal_seq IS 'last entry of the journal then, 0: none; NULL: the seal says nothing of the journal';
COMMENT ON COLUMN oms.seals.journal_hash IS 'hash of that entry, zeros if there is none';

-- One row per ticket in each seal, append-only: how far its chain was.
CREATE TABLE oms.seal_leaf (
	seal		bigint NOT NULL,
	ticket_id	oms.ticket_id NOT NULL,
	seq			int NOT NULL,
	position	int NOT NULL,
	head		bytea NOT NULL,
	PRIMARY KEY (seal, position)
);
CREATE INDEX seal_leaf_ticket ON oms.seal_leaf (ticket_id, seal);
COMMENT ON TABLE oms.seal_leaf IS 'one row per ticket in each seal: how far its chain was, append-only';
COMMENT ON COLUMN oms.seal_leaf.seq IS 'its last event then';
COMMENT ON COLUMN oms.seal_leaf.position IS 'in the tree, from 0';
COMMENT ON COLUMN oms.seal_leaf.head IS 'hash of that event';

-- One row per token of a time-stamping authority (RFC 3161), append-only.
CREATE TABLE oms.seal_stamp (
	seal		bigint NOT NULL,
	added_at	timestamptz NOT NULL,
	actor		text NOT NULL,
	digest		bytea NOT NULL,
	token		bytea NOT NULL,
	PRIMARY KEY (seal, digest)
);
COMMENT ON TABLE oms.seal_stamp IS 'one row per token that a time-stamping authority gave for a seal, append-only; oms.add_stamp() writes it';
COMMENT ON COLUMN oms.seal_stamp.added_at IS 'when it was stored; the authority''s time is in the token';
COMMENT ON COLUMN oms.seal_stamp.actor IS 'role that stored it';
COMMENT ON COLUMN oms.seal_stamp.digest IS 'SHA-256 of the token';
COMMENT ON COLUMN oms.seal_stamp.token IS 'TimeStampToken in DER; only tools check its signature';

-- One row, which a sealer locks: up to where the tickets were looked through for the last seal.
-- Belongs to this server's transaction ids, so it is not dumped; seal_hash says which seal it is about.
CREATE TABLE oms.seal_state (
	one			bool PRIMARY KEY DEFAULT true CHECK (one),
	seal_hash	bytea NOT NULL,
	horizon		bigint NOT NULL
);
INSERT INTO oms.seal_state (seal_hash, horizon) VALUES ('', 0);
COMMENT ON TABLE oms.seal_state IS 'how far tickets have been looked through for sealing; not dumped';

-- Tickets at which a seal or a roll-up met an error, to be come back to.  Belongs to this server's transaction ids, and
-- without it begins from nothing, so it is not dumped.
CREATE TABLE oms.passed_over (
	step		text COLLATE "C" NOT NULL,
	ticket_id	oms.ticket_id NOT NULL,
	since		bigint NOT NULL,
	before		bigint NOT NULL,
	tries		int NOT NULL,
	PRIMARY KEY (step, ticket_id, since)
);
COMMENT ON TABLE oms.passed_over IS 'tickets that seals and roll-ups passed over since they raised an error, and come back to; not dumped';
COMMENT ON COLUMN oms.passed_over.step IS 'seal or roll-up';
COMMENT ON COLUMN oms.passed_over.since IS 'roll-up: cycles finished by transactions in [since, before) are not counted; seal: 0';

-- A row for each role while its jobs of enable_cron() are in another database.  A copy of this one has none, so it is
-- not dumped, and says whose it is.
CREATE TABLE oms.cron_state (
	role_id		oid PRIMARY KEY,
	of_database	oid NOT NULL,
	cron_database oid NOT NULL
);
COMMENT ON TABLE oms.cron_state IS 'in which other database pg_cron has the jobs of this one; not dumped';

--------------------------------------------------------------------------------------------------
-- api: reading
--------------------------------------------------------------------------------------------------

-- Not STRICT: so the planner puts the CASE itself in their place.
CREATE FUNCTION oms.stage_status(status "char") RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE status WHEN 'w' THEN 'waiting' WHEN 'a' THEN 'awaiting' WHEN 'q' THEN 'queued' WHEN 'p' THEN 'in_progress'
		WHEN 'h' THEN 'on_hold' WHEN 'd' THEN 'done' WHEN 's' THEN 'skipped' WHEN 'f' THEN 'failed'
		WHEN 'x' THEN 'cancelled' END;
CREATE FUNCTION oms.ticket_status(status "char") RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE status WHEN 'o' THEN 'open' WHEN 'h' THEN 'on_hold' WHEN 'd' THEN 'done'
		WHEN 'f' THEN 'failed' WHEN 'x' THEN 'cancelled' END;
COMMENT ON FUNCTION oms.stage_status("char") IS 'the word for a stored stage status; NULL for NULL and for what is none';
COMMENT ON FUNCTION oms.ticket_status("char") IS 'the word for a stored ticket status; NULL for NULL and for what is none';

-- One row per ticket.
CREATE VIEW oms.ticket WITH (security_barrier) AS
	SELECT t.ticket_id, w.name AS workflow, w.version, oms.ticket_status(t.status) AS status,
		t.priority, t.applicant, COALESCE(e.payload, '{}') AS data, t.opened_at, t.closed_at,
		t.opened_by, c.due_at, c.breached_at, t.last_at, t.seq AS last_seq, t.head
	FROM oms.ticket_state AS t
	JOIN oms.workflow AS w ON w.workflow_id = t.workflow_id
	LEFT JOIN oms.stage_state AS c ON c.ticket_id = t.ticket_id AND c.stage_no = 0
	LEFT JOIN oms.timeline AS e ON e.ticket_id = t.ticket_id AND e.seq = t.data_seq;
COMMENT ON VIEW oms.ticket IS 'one row per ticket; an UPDATE of status (to cancelled) or priority is recorded, DELETE is refused';

-- One row per stage of every ticket, the waiting ones too.
CREATE VIEW oms.stage WITH (security_barrier) AS
	SELECT t.ticket_id, w.stage,
		CASE WHEN s.status IS NOT NULL THEN oms.stage_status(s.status)
			WHEN t.status = 'x' THEN 'cancelled' ELSE 'waiting' END AS status,
		COALESCE(s.owner, w.owner) AS owner, s.worker,
		COALESCE(s.attempt, 1) AS attempt, COALESCE(s.cycle, 1) AS cycle,
		COALESCE(s.level, 0) AS level, s.queued_at, s.ready_at, s.started_at, s.finished_at,
		s.due_at, s.lease_until, s.breached_at, s.timer_at, s.running_since, s.held_at, s.delegated_by,
		CASE WHEN s.status = 'd' THEN COALESCE(e.payload, '{}') END AS output,
		w.stage_no, w.label, s.finished_by, s.awaiting_at,
		CASE WHEN s.waits_for IS NULL THEN s.wake_at END AS starts_at, s.waits_for, s.waits_key
	FROM oms.ticket_state AS t
	JOIN oms.workflow_stage AS w ON w.workflow_id = t.workflow_id
	LEFT JOIN oms.stage_state AS s
		ON s.ticket_id = t.ticket_id AND s.stage_no = w.stage_no
	LEFT JOIN oms.timeline AS e
		ON e.ticket_id = s.ticket_id AND e.seq = s.output_seq;
COMMENT ON VIEW oms.stage IS 'one row per stage of every ticket, waiting ones too; an UPDATE of status, owner or worker is recorded if the move is legal, DELETE is refused';

CREATE VIEW oms.rework WITH (security_barrier) AS
	SELECT t.ticket_id, w.stage, b.stage AS back_to
	FROM oms.ticket_state AS t
	CROSS JOIN LATERAL generate_series(1, cardinality(t.reworks), 2) AS i (n)
	JOIN oms.workflow_stage AS w ON w.workflow_id = t.workflow_id AND w.stage_no = t.reworks[i.n]
	JOIN oms.workflow_stage AS b ON b.workflow_id = t.workflow_id AND b.stage_no = t.reworks[i.n + 1];
COMMENT ON VIEW oms.rework IS 'one row per stage that was taken back and waits until another, back_to, is done again';

-- The same for archived tickets.
CREATE VIEW oms.archived_ticket WITH (security_barrier) AS
	SELECT t.ticket_id, w.name AS workflow, w.version, oms.ticket_status(t.status) AS status,
		t.priority, t.applicant, COALESCE(e.payload, '{}') AS data, t.opened_at, t.closed_at,
		t.opened_by, c.due_at, c.breached_at, t.last_at, t.seq AS last_seq, t.head, t.archived_at
	FROM oms.ticket_state_archive AS t
	JOIN oms.workflow AS w ON w.workflow_id = t.workflow_id
	LEFT JOIN oms.stage_state_archive AS c ON c.ticket_id = t.ticket_id AND c.stage_no = 0
	LEFT JOIN oms.timeline_archive AS e ON e.ticket_id = t.ticket_id AND e.seq = t.data_seq;
COMMENT ON VIEW oms.archived_ticket IS 'one row per archived ticket, with the columns of oms.ticket; read only';

CREATE VIEW oms.archived_stage WITH (security_barrier) AS
	SELECT t.ticket_id, w.stage,
		CASE WHEN s.status IS NOT NULL THEN oms.stage_status(s.status)
			WHEN t.status = 'x' THEN 'cancelled' ELSE 'waiting' END AS status,
		COALESCE(s.owner, w.owner) AS owner, s.worker,
		COALESCE(s.attempt, 1) AS attempt, COALESCE(s.cycle, 1) AS cycle,
		COALESCE(s.level, 0) AS level, s.queued_at, s.ready_at, s.started_at, s.finished_at,
		s.due_at, s.lease_until, s.breached_at, s.timer_at, s.running_since, s.held_at, s.delegated_by,
		CASE WHEN s.status = 'd' THEN COALESCE(e.payload, '{}') END AS output,
		w.stage_no, w.label, s.finished_by, s.awaiting_at,
		CASE WHEN s.waits_for IS NULL THEN s.wake_at END AS starts_at, s.waits_for, s.waits_key
	FROM oms.ticket_state_archive AS t
	JOIN oms.workflow_stage AS w ON w.workflow_id = t.workflow_id
	LEFT JOIN oms.stage_state_archive AS s
		ON s.ticket_id = t.ticket_id AND s.stage_no = w.stage_no
	LEFT JOIN oms.timeline_archive AS e
		ON e.ticket_id = s.ticket_id AND e.seq = s.output_seq;
COMMENT ON VIEW oms.archived_stage IS 'one row per stage of every archived ticket, with the columns of oms.stage; read only';

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

-- What get_ticket() returns, of a ticket or of an archived one.

-- An archived ticket.  Apart, so that it is planned only if it is asked for; STABLE, so that both look at the same
-- moment.
CREATE FUNCTION oms.get_archived_ticket(ticket oms.ticket_id) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	BEGIN ATOMIC
		SELECT jsonb_build_object(
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
			'archived_at', t.archived_at,
			'due_at', t.due_at,
			'stage', (SELECT COALESCE(jsonb_agg(s.stage ORDER BY s.stage_no), '[]')
				FROM oms.archived_stage AS s WHERE s.ticket_id = t.ticket_id
				AND s.status IN ('awaiting', 'queued', 'in_progress', 'on_hold', 'failed')),
			'stages', (SELECT jsonb_agg(jsonb_build_object(
					'id', s.stage, 'label', s.label, 'status', s.status, 'owner', s.owner,
					'worker', s.worker, 'delegated_by', s.delegated_by, 'attempt', s.attempt,
					'cycle', s.cycle, 'level', s.level,
					'awaiting_at', s.awaiting_at, 'starts_at', s.starts_at, 'waits_for', s.waits_for, 'waits_key', s.waits_key, 'queued_at', s.queued_at, 'started_at', s.started_at,
					'finished_at', s.finished_at, 'due_at', s.due_at, 'lease_until', s.lease_until,
					'held_at', s.held_at, 'breached_at', s.breached_at,
					'output', s.output) ORDER BY s.stage_no)
				FROM oms.archived_stage AS s WHERE s.ticket_id = t.ticket_id),
			'history', (SELECT jsonb_agg(jsonb_build_object(
					'seq', e.seq, 'ts', e.at, 'stage', e.stage, 'status', e.status,
					'owner', e.owner, 'actor', e.actor, 'worker', e.worker, 'note', e.note,
					'public', e.public) ORDER BY e.seq)
				FROM oms.timeline_archive AS e WHERE e.ticket_id = t.ticket_id))
		FROM oms.archived_ticket AS t
		WHERE t.ticket_id = $1
		;
	END;
COMMENT ON FUNCTION oms.get_archived_ticket(oms.ticket_id) IS 'for oms.get_ticket(): an archived ticket; NULL if it is not archived';

-- One row, or none if it is archived.  It becomes part of the statement of oms.get_ticket(), which keeps the plan: making
-- it takes ten times as long as running it.
CREATE FUNCTION oms_internal.get_ticket(ticket oms.ticket_id) RETURNS SETOF jsonb
	LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1
	BEGIN ATOMIC
		SELECT jsonb_build_object(
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
			'archived_at', NULL,
			'due_at', t.due_at,
			'stage', (SELECT COALESCE(jsonb_agg(s.stage ORDER BY s.stage_no), '[]')
				FROM oms.stage AS s WHERE s.ticket_id = t.ticket_id
				AND s.status IN ('awaiting', 'queued', 'in_progress', 'on_hold', 'failed')),
			'stages', (SELECT jsonb_agg(jsonb_build_object(
					'id', s.stage, 'label', s.label, 'status', s.status, 'owner', s.owner,
					'worker', s.worker, 'delegated_by', s.delegated_by, 'attempt', s.attempt,
					'cycle', s.cycle, 'level', s.level,
					'awaiting_at', s.awaiting_at, 'starts_at', s.starts_at, 'waits_for', s.waits_for, 'waits_key', s.waits_key, 'queued_at', s.queued_at, 'started_at', s.started_at,
					'finished_at', s.finished_at, 'due_at', s.due_at, 'lease_until', s.lease_until,
					'held_at', s.held_at, 'breached_at', s.breached_at,
					'output', s.output) ORDER BY s.stage_no)
				FROM oms.stage AS s WHERE s.ticket_id = t.ticket_id),
			'history', (SELECT jsonb_agg(jsonb_build_object(
					'seq', e.seq, 'ts', e.at, 'stage', e.stage, 'status', e.status,
					'owner', e.owner, 'actor', e.actor, 'worker', e.worker, 'note', e.note,
					'public', e.public) ORDER BY e.seq)
				FROM oms.timeline AS e WHERE e.ticket_id = t.ticket_id))
		FROM oms.ticket AS t
		WHERE t.ticket_id = $1
		;
	END;
COMMENT ON FUNCTION oms_internal.get_ticket(oms.ticket_id) IS 'for oms.get_ticket()';
-- The functions that look at a ticket are VOLATILE, so that they see what the same statement has done:
-- oms.get_ticket(oms.open_ticket(...)) works.
CREATE FUNCTION oms.get_ticket(ticket oms.ticket_id) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'oms_get_ticket' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION oms.get_ticket(oms.ticket_id) IS 'a ticket, archived or not, with its stages and history as JSON; stored facts only. OM002 if there is no such ticket';

CREATE FUNCTION oms.next_stages(ticket oms.ticket_id) RETURNS SETOF text
	AS 'MODULE_PATHNAME', 'oms_next_stages_of_ticket' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION oms.next_stages(oms.ticket_id) IS 'stages of a ticket that are not finished and wait for no other, in definition order; none if the ticket is closed. OM002 unknown ticket';

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
COMMENT ON FUNCTION oms.version() IS 'version of the library; 55000 if the SQL objects are of another version, or of another build of the same version';

-- Of the script that made these objects; make writes it into each script, and into the library.  The library reads
-- this definition, so it must stay as plain as it is.
CREATE FUNCTION oms.fingerprint() RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$SELECT '@FINGERPRINT@'$$;
COMMENT ON FUNCTION oms.fingerprint() IS 'of the script that made these objects; version() compares it with that of the library';

--------------------------------------------------------------------------------------------------
-- api: workflows
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.validate_workflow(definition jsonb) RETURNS TABLE (path text, problem text, hint text)
	AS 'MODULE_PATHNAME', 'oms_validate_workflow' LANGUAGE C STABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION oms.validate_workflow(jsonb) IS 'everything that is wrong with a definition, in its order, and if nothing else is, each of its examples that differs from what the rules do; no rows if nothing is. 22023 for NULL';

CREATE FUNCTION oms.create_workflow(definition jsonb) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_create_workflow' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.create_workflow(jsonb) IS 'stores a definition as the next version of its workflow and returns the version; the current definition again returns the current version, and brings a retired workflow back. OM004 if it is invalid or one of its examples differs, with path as detail';

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

CREATE FUNCTION oms.import_tickets(workflow text, rows jsonb, dry_run bool DEFAULT true)
	RETURNS TABLE ("row" int, ticket oms.ticket_id, problem text)
	AS 'MODULE_PATHNAME', 'oms_import_tickets' LANGUAGE C VOLATILE ROWS 1000;
COMMENT ON FUNCTION oms.import_tickets(text, jsonb, bool) IS 'tickets that began elsewhere, with their true times: an array of up to 10,000 objects with opened_at, and maybe key, data, closed_at, applicant, priority, reference, stages, notes. Lists every problem of every row, and then imports none; else a line for each row, with its ticket unless dry_run (the default) only looks. key: idempotency key, so that a call can be repeated. Nobody is told of what is past. OM001 unknown or retired workflow, 22023 rows is no array or too long, 55000 a calendar is missing, 40001 a key was used at the same time';

CREATE FUNCTION oms.cancel_ticket(ticket oms.ticket_id, reason text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_cancel_ticket' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.cancel_ticket(oms.ticket_id, text) IS 'ends a ticket with all its unfinished stages; returns the new status of the ticket. OM002 unknown ticket, OM005 already closed';

CREATE FUNCTION oms.amend(ticket oms.ticket_id, patch jsonb, reason text) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'oms_amend' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.amend(oms.ticket_id, jsonb, text) IS 'corrects the data of a ticket that is not closed, and returns the new data. patch: a JSON merge patch (RFC 7396): its keys take the place of those of the data, null takes one away. What was decided stays; stages that have not begun go by the new data, and explain() names those that were skipped and would now run. OM002, OM005 closed, 22023 bad argument, or data that could not have been opened';

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

CREATE FUNCTION oms.set_owner(name text, kind text DEFAULT NULL, supervisor text DEFAULT NULL,
		calendar text DEFAULT NULL, members name[] DEFAULT NULL, assignment text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_set_owner' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.set_owner(text, text, text, text, name[], text) IS 'registers or changes an owner: kind agent (of a new one), group, person or service; members are roles that may act for it; assignment none (of a new one), round_robin or least_loaded. NULL keeps what an owner has; an empty supervisor or calendar, and members {}, take it away. 42704 unknown role, 22023 bad argument';

CREATE FUNCTION oms.activate() RETURNS void
	AS 'MODULE_PATHNAME', 'oms_activate' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.activate() IS 'timers fire and events are sent in this database from now on; for a restored or copied database';

CREATE FUNCTION oms.set_number_ranges(ranges int8multirange) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_set_number_ranges' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.set_number_ranges(int8multirange) IS 'the ticket numbers that this database gives out, in ascending order, so that several databases have different ones: ''{[1,1000000],[5000001,6000000]}''; ''{}'': all. The tickets that are there must be in them. Waits for all who are changing tickets, and they for it. 22023 a bound is not from 1 to 2147483647, or a ticket would be outside';

CREATE FUNCTION oms.repair_guards() RETURNS int
	AS 'MODULE_PATHNAME', 'oms_repair_guards' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.repair_guards() IS 'makes the triggers of the tables, the guards among them, fire again when they should, after tools that reset the state of triggers; returns how many did not';

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

CREATE FUNCTION oms.release(ticket oms.ticket_id, stage text, note text DEFAULT NULL, token bigint DEFAULT NULL)
	RETURNS text
	AS 'MODULE_PATHNAME', 'oms_release' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.release(oms.ticket_id, text, text, bigint) IS 'gives a stage back to the queue, at its old position; the clock runs on. token: of the worker who gives it back, so that one who comes late cannot give back the work of another (NULL: not checked). Returns the new status. OM002, OM003, OM005, OM006';

CREATE FUNCTION oms.stage_done(ticket oms.ticket_id, stage text, output jsonb DEFAULT '{}', token bigint DEFAULT NULL)
	RETURNS text[]
	AS 'MODULE_PATHNAME', 'oms_stage_done' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.stage_done(oms.ticket_id, text, jsonb, bigint) IS 'finishes a stage and returns the stages that this queued; the same call again returns an empty array and writes nothing. output NULL: {}; token NULL: not checked. OM002, OM003, OM005, OM006 stale token';

CREATE FUNCTION oms.stages_done(items jsonb) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_stages_done' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.stages_done(jsonb) IS 'finishes many stages, all or none: [{"ticket":...,"stage":...,"output":...,"token":...},...]; returns how many were finished now. Errors as stage_done, each with its item ("item 3 of 5: ..."), 22023 for anything else in items';

CREATE FUNCTION oms.exchange(owner text, worker text DEFAULT NULL, finished jsonb DEFAULT '[]', qty int DEFAULT 1,
		lease interval DEFAULT '5 minutes')
	RETURNS TABLE (ticket oms.ticket_id, stage text, attempt int, token bigint, workflow text, data jsonb, inputs jsonb,
		due_at timestamptz, lease_until timestamptz)
	AS 'MODULE_PATHNAME', 'oms_exchange' LANGUAGE C VOLATILE ROWS 1;
COMMENT ON FUNCTION oms.exchange(text, text, jsonb, int, interval) IS 'finishes stages and claims the next ones in one commit; what is finished here can be claimed here. finished: as items of stages_done, of any owner whose work the caller may do; an item with "error" (and "retryable") instead of "output" is a stage_failed. The rest as claim; qty 0: only finish. All or nothing. Errors name the item ("item 3 of 5: ...") and are those of stage_done, stage_failed and claim';

CREATE FUNCTION oms.stage_failed(ticket oms.ticket_id, stage text, error text, token bigint DEFAULT NULL,
		retryable bool DEFAULT true) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_stage_failed' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.stage_failed(oms.ticket_id, text, text, bigint, bool) IS 'an attempt went wrong: queued again after the back-off of the definition while attempts are left and it is retryable, else failed; returns the new status. OM002, OM003, OM005, OM006';

CREATE FUNCTION oms.skip_stage(ticket oms.ticket_id, stage text, reason text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_skip_stage' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.skip_stage(oms.ticket_id, text, text) IS 'staff finish a stage without doing it; its dependants go on; returns the new status. OM002, OM003, OM005';

CREATE FUNCTION oms.retry_stage(ticket oms.ticket_id, stage text, reason text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_retry_stage' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.retry_stage(oms.ticket_id, text, text) IS 'queues a failed stage again; attempts count from 1 again; returns the new status. OM002, OM003, OM005';

CREATE FUNCTION oms.reassign(ticket oms.ticket_id, stage text, owner text, reason text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_reassign' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.reassign(oms.ticket_id, text, text, text) IS 'gives a stage to another owner and queues it there; the clock runs on, attempts of a failed stage count from 1 again; returns the new status. OM002, OM003, OM005';

CREATE FUNCTION oms.extend(ticket oms.ticket_id, stage text, reason text, mins int DEFAULT NULL, days int DEFAULT NULL) RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'oms_extend' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.extend(oms.ticket_id, text, text, int, int) IS 'gives the clock of a stage (NULL: of the ticket) more: minutes of open time, or open dates after the date on which it is due; one of the two, more than 0. Returns the new due time; NULL while the clock stands. After a breach the due time moves and the breach stays; the next cycle starts without it. OM002, OM003, OM005, 22023 without a clock';
CREATE FUNCTION oms.escalate(ticket oms.ticket_id, stage text, reason text, reassign_to text DEFAULT NULL) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_escalate' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.escalate(oms.ticket_id, text, text, text) IS 'records an escalation and alerts; returns the level reached, from 1. reassign_to: the stage goes to that owner as well. OM002, OM003, OM005 (only with reassign_to)';

--------------------------------------------------------------------------------------------------
-- api: people
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.start_stage(ticket oms.ticket_id, stage text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_start_stage' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.start_stage(oms.ticket_id, text) IS 'queues a manual stage whose dependencies are finished; its conditions are not asked; returns the new status. OM002, OM003, OM005';

CREATE FUNCTION oms.assign(ticket oms.ticket_id, stage text, worker text, note text DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_assign' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.assign(oms.ticket_id, text, text, text) IS 'gives a queued stage, or one that somebody else has, to a worker, without a lease; the old token is void; returns the new status. OM002, OM003, OM005, 22023 the worker is away, 42501 the workflow wants another person (notSameAs)';

CREATE FUNCTION oms.delegate(ticket oms.ticket_id, stage text, worker text, note text DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_delegate' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.delegate(oms.ticket_id, text, text, text) IS 'lets another worker do a stage that somebody has, until resolve() gives it back; if delegated again, it still comes back to the first. Returns the new status. Errors as assign()';

CREATE FUNCTION oms.resolve(ticket oms.ticket_id, stage text, note text DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_resolve_delegation' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.resolve(oms.ticket_id, text, text) IS 'gives a delegated stage back to the one who delegated it, or to who stands in; with nobody there it is queued again. Returns the new status. OM002, OM003, OM005, 42501 the workflow wants another person (notSameAs)';

CREATE FUNCTION oms.hold(ticket oms.ticket_id, stage text, reason text, until timestamptz DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_hold' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.hold(oms.ticket_id, text, text, timestamptz) IS 'puts a stage on hold, or with stage NULL the whole ticket; several holds add up. reason: a code of set_hold_reason(), or free text, which stops the clock; until: ends by itself then. Returns the new status of the stage, or of the ticket. OM002, OM003, OM005 (also more often than the reason allows), 22023 until is not in the future';

CREATE FUNCTION oms.resume(ticket oms.ticket_id, stage text, reason text DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_resume' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.resume(oms.ticket_id, text, text) IS 'lifts the holds of a stage, or with stage NULL those of the whole ticket; with a reason only those for it. Goes on when the last one is gone. Returns the new status of the stage, or of the ticket. OM002, OM003, OM005';

CREATE FUNCTION oms.send_back(ticket oms.ticket_id, stage text, to_stage text, reason text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_send_back' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.send_back(oms.ticket_id, text, text, text) IS 'rework: to_stage (done or skipped) is queued again as the next cycle; it, stage and everything after to_stage lose their state and wait. Other branches keep what they have. Returns the new status of stage. OM002, OM003, OM005';

CREATE FUNCTION oms.reopen(ticket oms.ticket_id, stage text, reason text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_reopen' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.reopen(oms.ticket_id, text, text) IS 'queues a done, skipped or cancelled stage again as the next cycle, also of a closed ticket; everything after it waits again, and what was cancelled with the ticket goes on. Returns the new status of the ticket. OM002, OM003, OM005';

CREATE FUNCTION oms.attach(ticket oms.ticket_id, name text, url text, sha256 text, stage text DEFAULT NULL,
		public bool DEFAULT false) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_attach' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.attach(oms.ticket_id, text, text, text, text, bool) IS 'records a document that is kept elsewhere; citizens see its name and URL only if public. sha256: 64 hexadecimal digits. OM002, OM003, 22023';

CREATE FUNCTION oms.clock() RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'oms_clock' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.clock() IS 'the time by which everything here goes: that of the server, or oms.now where a superuser has set it';

-- Messages that no stage has got yet.
CREATE VIEW oms.message WITH (security_barrier) AS
	SELECT k.message_no, k.name, k.key, k.payload, k.message_id, k.sender, k.sent_at, k.expires_at
	FROM oms.kept_message AS k
	WHERE k.expires_at > oms.clock();
COMMENT ON VIEW oms.message IS 'one row per message that is kept until a stage waits for it, oldest first by message_no';

CREATE FUNCTION oms.send_message(name text, key text, payload jsonb DEFAULT '{}', message_id text DEFAULT NULL,
		ttl interval DEFAULT '30 days') RETURNS int
	AS 'MODULE_PATHNAME', 'oms_send_message' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.send_message(text, text, jsonb, text, interval) IS '1 if the message finished the stage that has waited longest for this name and key, with payload (NULL: {}) as its output and the sender as its worker; 0 if it is kept until a stage waits for it or ttl (up to 366 days) is over. The same message_id again within ttl and 30 days more: 0, nothing happens. Agents reach stages of their owners, portals tickets that they opened, staff all. Never waits for a ticket: if another session has it, the message is kept, and the worker or tick() delivers it. OM008 the same message_id with another message, 22023, 53400 too many are kept';

CREATE FUNCTION oms.drop_message(name text, key text) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_drop_message' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.drop_message(text, text) IS 'drops the messages of this name and key that are kept, and returns how many there were. 22023';

CREATE FUNCTION oms.explain_clock(ticket oms.ticket_id, stage text DEFAULT NULL)
	RETURNS TABLE (starts timestamptz, ends timestamptz, open_time interval, consumed interval, reason text)
	AS 'MODULE_PATHNAME', 'oms_explain_clock' LANGUAGE C VOLATILE ROWS 5;
COMMENT ON FUNCTION oms.explain_clock(oms.ticket_id, text) IS 'the pieces that the clock of a stage in its current cycle (stage NULL: of the ticket) is made of, up to now: starts, ends, the open time in it, the sum so far, and why it ran or stood. No rows without a clock. OM002, OM003';

CREATE FUNCTION oms_internal.would_run(ticket oms.ticket_id) RETURNS SETOF text
	AS 'MODULE_PATHNAME', 'oms_would_run' LANGUAGE C VOLATILE ROWS 5;
COMMENT ON FUNCTION oms_internal.would_run(oms.ticket_id) IS 'for oms.explain(): the skipped stages of a ticket whose conditions are not known to be false now. OM002';

-- One row per stage that is not finished, or was skipped by data that was amended since.
-- It becomes part of the statement of oms.explain(), which pins the names and keeps the plan: making it takes twenty
-- times as long as running it.
CREATE FUNCTION oms_internal.explain(ticket oms.ticket_id)
	RETURNS TABLE (stage text, status text, owner text, since timestamptz, until timestamptz, why text)
	LANGUAGE sql STABLE ROWS 5
	AS $$
		WITH own AS MATERIALIZED (
			-- what was queued before the clock was set back does not pause
			SELECT s.*, s.ready_at > GREATEST(s.queued_at, oms.clock()) AS pauses
			FROM oms.stage AS s WHERE s.ticket_id = "explain".ticket
		), defined AS MATERIALIZED (
			SELECT d.no, d.def
			FROM oms.ticket AS t
			JOIN oms.workflow AS w ON w.name = t.workflow AND w.version = t.version
			CROSS JOIN LATERAL jsonb_array_elements(w.definition -> 'stages') WITH ORDINALITY AS d (def, no)
			WHERE t.ticket_id = "explain".ticket AND t.closed_at IS NULL
		), dependency AS (
			SELECT d.no, string_agg(x.stage, ', ' ORDER BY x.stage_no) AS names
			FROM defined AS d
			CROSS JOIN LATERAL jsonb_array_elements_text(d.def -> 'dependsOn') AS n (stage)
			JOIN own AS x ON x.stage = n.stage
			WHERE x.status NOT IN ('done', 'skipped')
			GROUP BY d.no
		), redone AS (
			SELECT r.stage, string_agg(r.back_to, ', ') AS names
			FROM oms.rework AS r WHERE r.ticket_id = "explain".ticket GROUP BY r.stage
		), next AS (
			SELECT n.stage FROM oms.next_stages("explain".ticket) AS n (stage)
		), member AS (
			SELECT o.owner, count(*) AS members FROM oms.owner_member AS o GROUP BY o.owner
		), barred AS (
			SELECT s.stage_no, count(DISTINCT m.member) AS members, string_agg(DISTINCT x.stage, ', ') AS stages,
				bool_and(x.status = 'done') AS done
			FROM own AS s
			JOIN defined AS d ON d.no = s.stage_no
			JOIN defined AS e ON e.def ->> 'id' = d.def ->> 'notSameAs' OR e.def ->> 'notSameAs' = d.def ->> 'id'
			JOIN own AS x ON x.stage_no = e.no AND x.status IN ('in_progress', 'on_hold', 'done')
			JOIN oms.owner_member AS m ON m.owner = s.owner AND m.member IN (x.worker, x.finished_by)
			WHERE s.status = 'queued'
			GROUP BY s.stage_no
		), held AS (
			SELECT h.stage_no, h.until, h.seq,
				h.reason || COALESCE(' until ' || (h.until AT TIME ZONE 'UTC')::timestamp(0) || ' UTC', '') AS reason
			FROM oms.hold AS h WHERE h.ticket_id = "explain".ticket AND h.lifted_at IS NULL
		), failure AS (
			SELECT DISTINCT ON (e.stage) e.stage, e.at, e.note
			FROM oms.timeline AS e WHERE e.ticket_id = "explain".ticket AND e.status = 'failed'
			ORDER BY e.stage, e.seq DESC
		), given AS (
			SELECT e.stage, max(e.at) AS at
			FROM oms.timeline AS e WHERE e.ticket_id = "explain".ticket
				AND e.status IN ('in_progress', 'assigned', 'delegated', 'resolved')
			GROUP BY e.stage
		), skipped AS (
			SELECT k.stage, k.at
			FROM (
				SELECT DISTINCT ON (e.stage) e.stage, e.seq, e.at, e.note
				FROM oms.timeline AS e WHERE e.ticket_id = "explain".ticket AND e.status = 'skipped'
				ORDER BY e.stage, e.seq DESC
			) AS k
			WHERE k.note = 'condition is false' AND k.seq < (SELECT max(a.seq)
				FROM oms.timeline AS a WHERE a.ticket_id = "explain".ticket AND a.status = 'amended')
				AND k.stage IN (SELECT w.stage FROM oms_internal.would_run("explain".ticket) AS w (stage))
		)
		SELECT s.stage, s.status, s.owner,
			CASE s.status WHEN 'skipped' THEN k.at WHEN 'awaiting' THEN s.awaiting_at WHEN 'queued' THEN s.queued_at WHEN 'in_progress' THEN COALESCE(v.at, s.started_at)
				WHEN 'on_hold' THEN s.held_at WHEN 'failed' THEN f.at END,
			CASE s.status WHEN 'awaiting' THEN s.starts_at WHEN 'queued' THEN CASE WHEN s.pauses THEN s.ready_at END
				WHEN 'in_progress' THEN s.lease_until WHEN 'on_hold' THEN h.until END,
			CASE s.status
				WHEN 'waiting' THEN CASE
					WHEN r.names IS NOT NULL THEN 'waits for rework of ' || r.names
					WHEN x.stage IS NOT NULL THEN 'waits for somebody to start it'
					ELSE 'waits for ' || CASE COALESCE(d.def ->> 'join', 'all')
						WHEN 'all' THEN '' WHEN 'any' THEN 'one of ' ELSE (d.def ->> 'join') || ' of ' END || g.names END
				WHEN 'awaiting' THEN COALESCE('waits for message ' || s.waits_for || COALESCE(' with key ' || s.waits_key, ', whose key was erased')
					|| ' since ' || to_char(s.awaiting_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC',
					'starts on ' || to_char(s.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC')
				WHEN 'queued' THEN CASE WHEN s.pauses THEN 'pauses before attempt ' || s.attempt || ', then queued for '
					ELSE 'queued for ' END || s.owner || ', ' || CASE WHEN b.members = m.members
						THEN CASE m.members WHEN 1 THEN 'and the only member ' ELSE 'and all ' || m.members || ' members ' END
							|| CASE WHEN b.done THEN 'did ' ELSE 'have to do with ' END || b.stages
					WHEN m.members IS NULL THEN 'which has no members' WHEN m.members = 1 THEN 'which has 1 member'
					ELSE 'which has ' || m.members || ' members' END
				WHEN 'in_progress' THEN COALESCE(s.worker, 'somebody') || ' has it'
					|| COALESCE(', by delegation of ' || s.delegated_by, '')
					|| COALESCE(', until ' || (s.lease_until AT TIME ZONE 'UTC')::timestamp(0) || ' UTC unless it says it is alive', '')
				WHEN 'on_hold' THEN 'on hold: ' || COALESCE(h.reasons, '')
				WHEN 'failed' THEN 'failed: ' || COALESCE(f.note, 'the reason was erased')
				WHEN 'skipped' THEN 'was skipped, and would run by the data as amended: oms.reopen() takes it up' END
		FROM own AS s
		JOIN defined AS d ON d.no = s.stage_no
		LEFT JOIN dependency AS g ON g.no = s.stage_no
		LEFT JOIN redone AS r ON r.stage = s.stage
		LEFT JOIN next AS x ON x.stage = s.stage
		LEFT JOIN member AS m ON m.owner = s.owner
		LEFT JOIN barred AS b ON b.stage_no = s.stage_no
		LEFT JOIN failure AS f ON f.stage = s.stage AND s.status = 'failed'
		LEFT JOIN given AS v ON v.stage = s.stage
		LEFT JOIN skipped AS k ON k.stage = s.stage AND s.status = 'skipped'
		LEFT JOIN LATERAL (
			SELECT string_agg(y.reason, ', ' ORDER BY y.seq) AS reasons,
				CASE WHEN count(*) = count(y.until) THEN max(y.until) END AS until
			FROM held AS y WHERE y.stage_no IN (0, s.stage_no) AND s.status = 'on_hold'
		) AS h ON true
		WHERE s.status NOT IN ('done', 'skipped', 'cancelled') OR k.stage IS NOT NULL
		ORDER BY s.stage_no;
	$$;
COMMENT ON FUNCTION oms_internal.explain(oms.ticket_id) IS 'for oms.explain()';
CREATE FUNCTION oms.explain(ticket oms.ticket_id)
	RETURNS TABLE (stage text, status text, owner text, since timestamptz, until timestamptz, why text)
	AS 'MODULE_PATHNAME', 'oms_explain' LANGUAGE C VOLATILE ROWS 5;
COMMENT ON FUNCTION oms.explain(oms.ticket_id) IS 'why each unfinished stage of an open ticket is where it is, in words, with since when and until when, and which skipped ones would run by data that was amended since; none for a closed ticket. OM002';

CREATE FUNCTION oms.my_work(worker text, qty int DEFAULT 100)
	RETURNS TABLE (ticket oms.ticket_id, stage text, status text, owner text, workflow text, priority int, label text,
		queued_at timestamptz, started_at timestamptz, due_at timestamptz, delegated_by text)
	AS 'MODULE_PATHNAME', 'oms_my_work' LANGUAGE C VOLATILE ROWS 20;
COMMENT ON FUNCTION oms.my_work(text, int) IS 'the inbox of a worker: what it has (in progress, on hold), then what it could claim now, as an owner or a member of one, also by a role that has a member''s rights; at most qty (1 to 10000) rows. 22023';

-- One row per document that was attached and not erased.
CREATE VIEW oms.attachment WITH (security_barrier) AS
	SELECT e.ticket_id, e.seq, e.at, e.stage, e.actor, e.public, e.note::jsonb ->> 'name' AS name,
		e.note::jsonb ->> 'url' AS url, e.note::jsonb ->> 'sha256' AS sha256
	FROM (SELECT x.* FROM oms.timeline AS x UNION ALL SELECT y.* FROM oms.timeline_archive AS y) AS e
	WHERE e.status = 'attached' AND e.note IS NOT NULL;
COMMENT ON VIEW oms.attachment IS 'one row per document that was attached to a ticket and not erased';

CREATE FUNCTION oms.set_hold_reason(code text, stops_clock bool DEFAULT true, waiting_on text DEFAULT NULL,
		max_per_ticket int DEFAULT NULL, public_label text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_set_hold_reason' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.set_hold_reason(text, bool, text, int, text) IS 'registers or changes a reason for hold(). waiting_on: applicant (who is told "action needed") or anybody else; max_per_ticket: NULL any number; public_label: what the applicant is told. Holds keep what was registered when they began. 22023';

CREATE FUNCTION oms.set_absence(person text, starts timestamptz, ends timestamptz, delegate text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_set_absence' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.set_absence(text, timestamptz, timestamptz, text) IS 'a person (an owner or a member of one) is away in [starts, ends) and gets no new work; delegate stands in. Takes the place of the one that begins then, and of the parts of others that it overlaps, which are split. ends the same as starts: the person is there after all, which ends the absence around that moment. 22023';

CREATE FUNCTION oms.tick() RETURNS int
	AS 'MODULE_PATHNAME', 'oms_tick' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.tick() IS 'fires every timer that is due (warning, breach, escalation step, a moment, end of a hold, of a lease, of a back-off), delivers messages that were kept since a ticket was busy, and what becomes due by that, and returns how many of both; leaves tickets that another session is just changing for the next call';

COMMENT ON FUNCTION oms.verify_timeline(oms.ticket_id) IS 'recomputes the hash chain of a ticket (NULL: of every ticket) and returns what does not fit; no rows if all is well. OM002 unknown ticket';

--------------------------------------------------------------------------------------------------
-- api: seals
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.seal(everything bool DEFAULT false) RETURNS bigint
	AS 'MODULE_PATHNAME', 'oms_seal' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.seal(bool) IS 'seals the chains of all tickets that changed since the last seal and returns the number of the last seal; without a change none is made, 0: there is none yet. everything: compares all tickets with their latest seal instead of those with new events. Waits for another sealer';

CREATE FUNCTION oms.verify_seals() RETURNS TABLE (seal bigint, ticket oms.ticket_id, problem text)
	AS 'MODULE_PATHNAME', 'oms_verify_seals' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION oms.verify_seals() IS 'recomputes the chain of seals and their roots, looks up every sealed event, and returns what does not fit; no rows if all is well. ticket NULL: about the seal as such';

CREATE FUNCTION oms.add_stamp(seal bigint, token bytea) RETURNS bool
	AS 'MODULE_PATHNAME', 'oms_add_stamp' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.add_stamp(bigint, bytea) IS 'stores a token (TimeStampToken of RFC 3161 in DER, at most 64 kB) that a time-stamping authority gave for the hash of a seal; false: it is there already. Does not check its signature: tools/stamp-seal does before, verify-proof --tsa after. 22023 no such seal, or not a token over the SHA-256 hash of this seal';

CREATE FUNCTION oms.proof(ticket oms.ticket_id, content bool DEFAULT true, journal bool DEFAULT false) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'oms_proof' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION oms.proof(oms.ticket_id, bool, bool) IS 'all events of a ticket with its latest seal and the way to there, and the stamps of that seal or of the next one that has any, for tools/verify-proof; collects only, does not check. content false: digests in place of notes, data and outputs. journal true: also the sealed entries of the journal, from the one on by which the first of the ticket''s owners stood as it did when the ticket began. OM002 unknown ticket';

--------------------------------------------------------------------------------------------------
-- api: the archive
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.set_retention(keep interval, workflow text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_set_retention' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.set_retention(interval, text) IS 'how long closed tickets of a workflow (all versions) stay before archive() may move them, counted from when they were closed; keep NULL: for ever. workflow NULL: of all workflows that have no rule of their own. OM001, 22023 keep is negative or over 1000 years';

CREATE FUNCTION oms.archive(before timestamptz DEFAULT NULL, max int DEFAULT 1000) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_archive' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.archive(timestamptz, int) IS 'moves up to max (1 to 1000000) done and cancelled tickets into the archive, sealed and whole, and returns how many. before: only those closed before then, NULL: those that their rule of set_retention() lets go; a rule is never overridden, and without any only before counts. Tickets that another session has are left for the next call, and those whose chain is not whole stay (WARNING), as do damaged ones (see oms.worker_errors). 22023 bad max';

--------------------------------------------------------------------------------------------------
-- worker
--------------------------------------------------------------------------------------------------

CREATE PROCEDURE oms.wait_for_work(owner text, timeout interval DEFAULT '30 seconds', worker text DEFAULT NULL)
	AS 'MODULE_PATHNAME', 'oms_wait_for_work' LANGUAGE C;
COMMENT ON PROCEDURE oms.wait_for_work(text, interval, text) IS 'returns as soon as the owner has something that the worker (NULL: the calling role) can claim, or after the timeout; passes over what four eyes bar and what another session has locked, as claim() does; holds no snapshot while it waits, and ends with its client. 25001 inside a transaction block, 22023 bad argument';

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
		OUT step text, OUT ticket_id oms.ticket_id, OUT stage_no int, OUT failures int, OUT retry_at timestamptz, OUT error text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'oms_worker_errors' LANGUAGE C VOLATILE ROWS 10;
COMMENT ON FUNCTION oms.worker_errors() IS 'steps of the worker of this database that raised an error, with the ticket if it is that of one, and are left alone until retry_at; steps: home, timers, calendars, messages, prepared, events, announce, horizon, roll-up, seal; and tickets that others passed over: claims, archive';
CREATE VIEW oms.worker_errors AS SELECT * FROM oms.worker_errors();
COMMENT ON VIEW oms.worker_errors IS 'see the function of the same name';

CREATE FUNCTION oms.health()
	RETURNS TABLE (status text, reasons text[], checked_at timestamptz, standby bool, worker text, timers_late interval,
		backlog bigint, version text)
	AS 'MODULE_PATHNAME', 'oms_health' LANGUAGE C VOLATILE ROWS 1;
COMMENT ON FUNCTION oms.health() IS 'one row: good, degraded or bad, and why. worker: its state as in oms.worker_status; timers_late: of the oldest one that is due; backlog: events that wait in shared memory; these are NULL on a standby and where they are not known. Looks at no ticket, waits for no table';

CREATE FUNCTION oms.metrics() RETURNS TABLE (name text, labels jsonb, value float8, type text, help text)
	AS 'MODULE_PATHNAME', 'oms_metrics' LANGUAGE C VOLATILE ROWS 200;
COMMENT ON FUNCTION oms.metrics() IS 'metrics of this database, one row per sample. type: counter, gauge or histogram; of what is in seconds or bytes the name says so. Open work is counted every few seconds at most, oms_open_age_seconds tells when; counters are those of committed transactions, and absent if the library is not preloaded';
CREATE VIEW oms.metrics AS SELECT * FROM oms.metrics();
COMMENT ON VIEW oms.metrics IS 'see the function of the same name';

CREATE FUNCTION oms.metrics_text() RETURNS text
	AS 'MODULE_PATHNAME', 'oms_metrics_text' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.metrics_text() IS 'the same in the text format of Prometheus (0.0.4)';

CREATE FUNCTION oms.enable_cron(schedule text DEFAULT '* * * * *') RETURNS bigint
	AS 'MODULE_PATHNAME', 'oms_enable_cron' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.enable_cron(text) IS 'lets pg_cron call oms.tick() on a schedule, oms.seal() once an hour, and oms.roll_up() and oms.archive() every five minutes; returns the number of the first job. If pg_cron is in another database, the jobs are made there at once, whatever becomes of the transaction, by cron.schedule_in_database(), which the caller must be allowed to call. 22023 if schedule is NULL or over 255 bytes, 55000 if pg_cron is not installed, or the caller cannot connect to its database, 42501 if the caller may not schedule there';

CREATE FUNCTION oms.disable_cron() RETURNS bool
	AS 'MODULE_PATHNAME', 'oms_disable_cron' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.disable_cron() IS 'removes the jobs of enable_cron, in the database that pg_cron is in; false if there were none. 55000 as for enable_cron';

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

--------------------------------------------------------------------------------------------------
-- calendars
--------------------------------------------------------------------------------------------------

-- One row per version of a calendar; a version never changes.  The columns stand in the order of
-- src/store/calendar.c.
CREATE SEQUENCE oms.calendar_number AS int;
CREATE TABLE oms.calendar (
	calendar_id	int PRIMARY KEY DEFAULT nextval('oms.calendar_number'),
	name		text COLLATE "C" NOT NULL,
	version		int NOT NULL,
	definition	jsonb NOT NULL,
	current		bool NOT NULL DEFAULT true,
	created_by	text NOT NULL,
	created_at	timestamptz NOT NULL,
	left_by		bigint,
	UNIQUE (name, version)
);
CREATE UNIQUE INDEX calendar_current ON oms.calendar (name) WHERE current;
CREATE INDEX calendar_left ON oms.calendar (calendar_id) WHERE left_by IS NOT NULL;
COMMENT ON TABLE oms.calendar IS 'one row per version of a calendar';
COMMENT ON COLUMN oms.calendar.left_by IS 'transaction that made the next version, until no clock runs by this one';

CREATE FUNCTION oms.create_calendar(name text, definition jsonb) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_create_calendar' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.create_calendar(text, jsonb) IS 'stores a definition as the next version of a calendar and returns the version; the current definition again returns the current version. definition: {"timezone", "hours", "holidays", "exceptions"}. OM004 if it is invalid or the calendar would never be open, with path as detail; 22023 bad name';

CREATE FUNCTION oms.calendar_problem(calendar text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_calendar_problem' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.calendar_problem(text) IS 'why this server cannot read the current version of a calendar, such as an unknown time zone; NULL: it can. 22023 for an unknown calendar or NULL';

CREATE FUNCTION oms.business_time(calendar text, starts timestamptz, ends timestamptz) RETURNS interval
	AS 'MODULE_PATHNAME', 'oms_business_time' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.business_time(text, timestamptz, timestamptz) IS 'open time of a calendar between two instants, as it really passes, in hours and smaller; 0 if ends is not later. 22023 for an unknown calendar, infinity or NULL; 55000 for one that this server cannot read';

CREATE FUNCTION oms.business_add(calendar text, start timestamptz, mins int) RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'oms_business_add' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.business_add(text, timestamptz, int) IS 'the earliest instant by which that many minutes of open time have passed since start; for 0, start. 22023 for an unknown calendar, infinity, NULL, negative mins, or a calendar that stays closed for ten years; 55000 for one that this server cannot read';

CREATE FUNCTION oms.us_federal_holidays(year int) RETURNS SETOF date
	AS 'MODULE_PATHNAME', 'oms_us_federal_holidays' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 11;
COMMENT ON FUNCTION oms.us_federal_holidays(int) IS 'days off of the US government in a year (1971 to 9999), ascending: holidays on a Saturday are taken on Friday, those on a Sunday on Monday; without Inauguration Day. 22023 for another year or NULL';

--------------------------------------------------------------------------------------------------
-- api: diagrams
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.diagram(workflow text, version int DEFAULT NULL, format text DEFAULT 'mermaid') RETURNS text
	AS 'MODULE_PATHNAME', 'oms_diagram_of_workflow' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION oms.diagram(text, int, text) IS 'a version of a workflow as a picture, for Mermaid or Graphviz (format dot); version NULL: the current one, and then a text that names no workflow may be a ticket number. OM001 unknown workflow or version, OM002 unknown ticket, 22023 unknown format';

CREATE FUNCTION oms.diagram(ticket oms.ticket_id, format text DEFAULT 'mermaid') RETURNS text
	AS 'MODULE_PATHNAME', 'oms_diagram_of_ticket' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION oms.diagram(oms.ticket_id, text) IS 'the workflow of a ticket as a picture, each stage with its state, also as a colour, and its present owner. OM002 unknown ticket, 22023 unknown format';

CREATE FUNCTION oms.draw_workflow(definition jsonb, format text DEFAULT 'mermaid') RETURNS text
	AS 'MODULE_PATHNAME', 'oms_draw_workflow' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.draw_workflow(jsonb, text) IS 'a definition as a picture, as diagram() draws it once it is created: for editors. OM004 if it is invalid, with path as detail, 22023 unknown format or NULL';

--------------------------------------------------------------------------------------------------
-- api: what changed, for those who keep a copy
--
-- docs/guides/lake.md tells how it is read, src/store/changes.c why nothing is lost.
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.changes_since(cursor text DEFAULT NULL, max int DEFAULT 1000)
	RETURNS TABLE (cursor text, id text, ticket oms.ticket_id, seq int, "time" timestamptz, workflow text, version int,
		stage text, status text, owner text, actor text, session_actor text, client text, worker text, cycle int, attempt int,
		public bool, policy text, public_stage text, public_owner text, public_status text, note text, payload jsonb,
		note_digest bytea, payload_digest bytea, hash bytea)
	AS 'MODULE_PATHNAME', 'oms_changes_since' LANGUAGE C VOLATILE ROWS 1000;
COMMENT ON FUNCTION oms.changes_since(text, int) IS 'up to max events after the cursor, which is that of the last row read: each event once, each ticket in order, also those that commit late; NULL or '''' begins, no rows: nothing new. Notes that citizens do not see, and payloads, are for staff. 22023 bad max or no cursor, 55000 a cursor of other data (restored, put back), or data that is not activated';

CREATE FUNCTION oms.changes_of(ticket oms.ticket_id)
	RETURNS TABLE (cursor text, id text, ticket oms.ticket_id, seq int, "time" timestamptz, workflow text, version int,
		stage text, status text, owner text, actor text, session_actor text, client text, worker text, cycle int, attempt int,
		public bool, policy text, public_stage text, public_owner text, public_status text, note text, payload jsonb,
		note_digest bytea, payload_digest bytea, hash bytea)
	AS 'MODULE_PATHNAME', 'oms_changes_of' LANGUAGE C VOLATILE ROWS 20;
COMMENT ON FUNCTION oms.changes_of(oms.ticket_id) IS 'the events of one ticket as they stand now, as oms.changes_since() shows them but without cursor: to read again what was erased. No rows for an unknown ticket, 22023 for NULL';

-- What a lake keeps of tickets and stages: no data, no applicant, no worker.
CREATE VIEW oms.lake_ticket WITH (security_barrier) AS
	SELECT t.ticket_id, w.name AS workflow, w.version, oms.ticket_status(t.status) AS status, t.priority, t.opened_at,
		t.closed_at, c.due_at, c.breached_at, t.last_at, t.seq AS last_seq, t.head
	FROM (
		SELECT a.ticket_id, a.workflow_id, a.status, a.priority, a.opened_at, a.closed_at, a.last_at, a.seq, a.head
		FROM oms.ticket_state AS a
		UNION ALL
		SELECT b.ticket_id, b.workflow_id, b.status, b.priority, b.opened_at, b.closed_at, b.last_at, b.seq, b.head
		FROM oms.ticket_state_archive AS b
	) AS t
	JOIN oms.workflow AS w ON w.workflow_id = t.workflow_id
	LEFT JOIN (
		SELECT d.ticket_id, d.due_at, d.breached_at FROM oms.stage_state AS d WHERE d.stage_no = 0
		UNION ALL
		SELECT e.ticket_id, e.due_at, e.breached_at FROM oms.stage_state_archive AS e WHERE e.stage_no = 0
	) AS c ON c.ticket_id = t.ticket_id;
COMMENT ON VIEW oms.lake_ticket IS 'one row per ticket, archived ones too, without anything about persons: for exports';

-- The cycles that are over, too.  What has not begun has no row.
CREATE VIEW oms.lake_stage WITH (security_barrier) AS
	SELECT s.ticket_id, w.stage, s.stage_no, s.cycle, oms.stage_status(s.status) AS status, s.owner, s.attempt, s.level,
		s.queued_at, s.started_at, s.finished_at, s.due_at, s.breached_at, s.held_at, s.limit_us, s.consumed_us, s.held_us,
		s.awaiting_at
	FROM (
		SELECT a.* FROM oms.stage_state AS a
		UNION ALL
		SELECT p.* FROM oms.stage_past AS p
		UNION ALL
		SELECT b.* FROM oms.stage_state_archive AS b
		UNION ALL
		SELECT q.* FROM oms.stage_past_archive AS q
	) AS s
	JOIN (
		SELECT x.ticket_id, x.workflow_id FROM oms.ticket_state AS x
		UNION ALL
		SELECT y.ticket_id, y.workflow_id FROM oms.ticket_state_archive AS y
	) AS t ON t.ticket_id = s.ticket_id
	JOIN oms.workflow_stage AS w ON w.workflow_id = t.workflow_id AND w.stage_no = s.stage_no;
COMMENT ON VIEW oms.lake_stage IS 'one row per cycle of a stage that has begun, without anything about persons: for exports';
COMMENT ON COLUMN oms.lake_stage.awaiting_at IS 'when it first awaited a moment or a message in its cycle, up to queued_at or else finished_at; NULL: it did not';
--------------------------------------------------------------------------------------------------
-- api: help
--------------------------------------------------------------------------------------------------

-- What people do, in this order, and with which functions.
CREATE VIEW oms.help_task (position, task, function) AS
	SELECT l.position::int4, split_part(l.line, ': ', 1), split_part(l.line, ': ', 2)
	FROM unnest(ARRAY[
		'workflows: create_workflow',
		'workflows: validate_workflow',
		'workflows: get_workflow',
		'workflows: retire_workflow',
		'workflows: diagram',
		'workflows: draw_workflow',
		'workflows: next_stages',
		'tickets: open_ticket',
		'tickets: open_tickets',
		'tickets: import_tickets',
		'tickets: get_ticket',
		'tickets: get_timeline',
		'tickets: next_stages',
		'tickets: cancel_ticket',
		'tickets: reopen',
		'tickets: comment',
		'tickets: amend',
		'tickets: attach',
		'tickets: explain',
		'tickets: diagram',
		'citizens: track',
		'citizens: tracking_number',
		'citizens: rotate_tracking_number',
		'citizens: get_timeline',
		'work: claim',
		'work: exchange',
		'work: claim_stage',
		'work: heartbeat',
		'work: release',
		'work: stage_done',
		'work: stages_done',
		'work: stage_failed',
		'work: wait_for_work',
		'work: send_message',
		'people: my_work',
		'people: assign',
		'people: delegate',
		'people: resolve',
		'people: reassign',
		'people: escalate',
		'people: extend',
		'people: hold',
		'people: resume',
		'people: start_stage',
		'people: skip_stage',
		'people: retry_stage',
		'people: send_back',
		'clocks: create_calendar',
		'clocks: calendar_problem',
		'clocks: business_time',
		'clocks: business_add',
		'clocks: us_federal_holidays',
		'clocks: explain_clock',
		'clocks: breached',
		'clocks: tick',
		'clocks: clock',
		'owners and rights: set_owner',
		'owners and rights: set_absence',
		'owners and rights: set_hold_reason',
		'owners and rights: grant_access',
		'owners and rights: revoke_access',
		'reports: sla_report',
		'reports: heat_map',
		'reports: bottlenecks',
		'reports: at_risk',
		'reports: roll_up',
		'reports: changes_since',
		'reports: changes_of',
		'evidence: verify_timeline',
		'evidence: check',
		'evidence: seal',
		'evidence: add_stamp',
		'evidence: verify_seals',
		'evidence: verify_journal',
		'evidence: proof',
		'evidence: erase',
		'evidence: erase_applicant',
		'the server: version',
		'the server: worker_status',
		'the server: worker_errors',
		'the server: enable_cron',
		'the server: disable_cron',
		'the server: activate',
		'the server: set_number_ranges',
		'the server: repair_guards',
		'the server: drop_message',
		'the server: dispatch_channel',
		'the server: help',
		'the server: health',
		'the server: metrics',
		'the server: metrics_text',
		'retention: set_retention',
		'retention: archive'
	]) WITH ORDINALITY AS l (line, position);
COMMENT ON VIEW oms.help_task IS 'for oms.help(): functions by task';

CREATE FUNCTION oms.help(task text DEFAULT NULL) RETURNS TABLE (task text, call text, what text)
	LANGUAGE sql STABLE ROWS 60
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT h.task, format('%s(%s)', h.function, (
				SELECT string_agg(CASE WHEN a.no > p.pronargs - p.pronargdefaults THEN format('[%s]', a.name) ELSE a.name END,
					', ' ORDER BY a.no)
				FROM unnest(p.proargnames[1:p.pronargs]) WITH ORDINALITY AS a (name, no))),
			obj_description(p.oid, 'pg_proc')
		FROM oms.help_task AS h
		JOIN pg_proc AS p ON p.proname = h.function AND p.pronamespace = 'oms'::regnamespace
		WHERE (help.task IS NULL OR h.task = help.task OR h.function = help.task)
			AND has_function_privilege(p.oid, 'EXECUTE')
		ORDER BY h.position, p.oid;
	$$;
COMMENT ON FUNCTION oms.help(text) IS 'the functions that the caller may use, by task, with their arguments ([optional]) and what they do; task: one of the tasks, or the name of a function';

--------------------------------------------------------------------------------------------------
-- api: reports
--
-- What managers look at; docs/guides/reports.md has it column by column.  What is finished is added up from
-- oms.rollup, which oms.roll_up() keeps, and from what happened since its horizon; see
-- src/store/rollup.c.  What is open is read as it stands.
--
-- The functions run as the owner of the schema, since the levels do not read the tables beneath; they
-- show no worker, applicant, data or note.  The bodies are texts: with parsed ones pg_upgrade would restore
-- the views with the functions, before the operator class that their GROUP BY needs.
--------------------------------------------------------------------------------------------------

-- One row per cell.  Kind f: cycles finished in an hour (UTC), per stage.  Kind d: cycles that were due in six
-- hours and are finished, per stage.  Kind o: cycles finished in six hours, per owner.
CREATE TABLE oms.rollup (
	at			timestamptz NOT NULL,
	wait_us		bigint NOT NULL,
	work_us		bigint NOT NULL,
	hold_us		bigint NOT NULL,
	rework_us	bigint NOT NULL,
	workflow_id	int NOT NULL,
	finished	int NOT NULL,
	again		int NOT NULL,
	met			int NOT NULL,
	breached	int NOT NULL,
	moved		int NOT NULL,
	moved_limited int NOT NULL,
	stage_no	smallint NOT NULL,
	kind		"char" NOT NULL,
	owner		text COLLATE "C" NOT NULL,
	ratios		int[] NOT NULL,
	met_due		timestamptz[] NOT NULL,
	breached_due timestamptz[] NOT NULL,
	PRIMARY KEY (kind, at, workflow_id, stage_no, owner)
);
COMMENT ON TABLE oms.rollup IS 'finished stages, added up for the reports; not dumped, oms.roll_up() makes it again';
COMMENT ON COLUMN oms.rollup.at IS 'its time begins';
COMMENT ON COLUMN oms.rollup.wait_us IS 'of first cycles: until it was taken';
COMMENT ON COLUMN oms.rollup.work_us IS 'of first cycles: from then on';
COMMENT ON COLUMN oms.rollup.hold_us IS 'of first cycles: on hold, in either';
COMMENT ON COLUMN oms.rollup.rework_us IS 'all time of later cycles';
COMMENT ON COLUMN oms.rollup.workflow_id IS 'o: 0';
COMMENT ON COLUMN oms.rollup.finished IS 'cycles';
COMMENT ON COLUMN oms.rollup.again IS 'later cycles among them';
COMMENT ON COLUMN oms.rollup.moved IS 'f and o: cycles with events recorded under a moved clock';
COMMENT ON COLUMN oms.rollup.moved_limited IS 'those of them that have a time limit';
COMMENT ON COLUMN oms.rollup.stage_no IS 'o: 0';
COMMENT ON COLUMN oms.rollup.owner IS 'f and d: ''''';
COMMENT ON COLUMN oms.rollup.ratios IS 'histogram of consumed time / limit';
COMMENT ON COLUMN oms.rollup.met_due IS 'd: when those that were met were due';

-- One row, which oms.roll_up() locks.  Belongs to this server's transaction ids, so it is not dumped.
CREATE TABLE oms.rollup_state (
	one			bool PRIMARY KEY DEFAULT true CHECK (one),
	horizon		bigint
);
INSERT INTO oms.rollup_state (horizon) VALUES (NULL);
COMMENT ON TABLE oms.rollup_state IS 'how far finished stages are rolled up; not dumped';
COMMENT ON COLUMN oms.rollup_state.horizon IS 'cycles finished by transactions below it are rolled up; NULL: none are';

-- Cycles that are rolled up, though the number of their transaction is not below the horizon.
CREATE TABLE oms.rollup_ahead (
	ticket_id	oms.ticket_id NOT NULL,
	watermark	bigint NOT NULL,
	cycle		int NOT NULL,
	stage_no	smallint NOT NULL,
	PRIMARY KEY (ticket_id, stage_no, cycle)
);
COMMENT ON TABLE oms.rollup_ahead IS 'stages that were rolled up ahead of the horizon; not dumped';

-- When something was finished, for the ends of a period that are no full hours.
CREATE INDEX stage_state_finished ON oms.stage_state (finished_at) WHERE status = 'd';
CREATE INDEX stage_past_finished ON oms.stage_past (finished_at) WHERE status = 'd';
CREATE INDEX stage_state_archive_finished ON oms.stage_state_archive (finished_at) WHERE status = 'd';
CREATE INDEX stage_past_archive_finished ON oms.stage_past_archive (finished_at) WHERE status = 'd';

-- ---- histograms ----

CREATE FUNCTION oms_internal.report_add_ratio(internal, float8) RETURNS internal
	AS 'MODULE_PATHNAME', 'oms_report_add_ratio' LANGUAGE C IMMUTABLE;
CREATE FUNCTION oms_internal.report_add_ratios(internal, int[]) RETURNS internal
	AS 'MODULE_PATHNAME', 'oms_report_add_ratios' LANGUAGE C IMMUTABLE;
CREATE FUNCTION oms_internal.report_ratios_end(internal) RETURNS int[]
	AS 'MODULE_PATHNAME', 'oms_report_ratios' LANGUAGE C IMMUTABLE;
CREATE FUNCTION oms_internal.report_percentiles_end(internal) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'oms_report_percentiles' LANGUAGE C IMMUTABLE;
CREATE AGGREGATE oms_internal.report_ratios(float8) (SFUNC = oms_internal.report_add_ratio, STYPE = internal, FINALFUNC = oms_internal.report_ratios_end);
CREATE AGGREGATE oms_internal.report_ratios(int[]) (SFUNC = oms_internal.report_add_ratios, STYPE = internal, FINALFUNC = oms_internal.report_ratios_end);
CREATE AGGREGATE oms_internal.report_percentiles(int[]) (SFUNC = oms_internal.report_add_ratios, STYPE = internal,
	FINALFUNC = oms_internal.report_percentiles_end);
COMMENT ON FUNCTION oms_internal.report_add_ratio(internal, float8) IS 'for oms_internal.report_ratios()';
COMMENT ON FUNCTION oms_internal.report_add_ratios(internal, int[]) IS 'for oms_internal.report_ratios() and oms_internal.report_percentiles()';
COMMENT ON FUNCTION oms_internal.report_ratios_end(internal) IS 'for oms_internal.report_ratios()';
COMMENT ON FUNCTION oms_internal.report_percentiles_end(internal) IS 'for oms_internal.report_percentiles()';
COMMENT ON AGGREGATE oms_internal.report_ratios(float8) IS 'for the reports: histogram of ratios, each to three significant digits';
COMMENT ON AGGREGATE oms_internal.report_ratios(int[]) IS 'for the reports: histograms into one';
COMMENT ON AGGREGATE oms_internal.report_percentiles(int[]) IS 'for the reports: {p50, p90, p99} of histograms; NULL if they are empty';

-- ---- what is finished ----

CREATE FUNCTION oms_internal.report_unit(unit interval, at timestamptz) RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'oms_report_unit' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION oms_internal.report_unit(interval, timestamptz) IS 'for the reports: when the unit began, in UTC; 22023 for a unit with months or years, or none';

-- Tickets and the ends of cycles, archived or not.
CREATE VIEW oms_internal.report_ticket AS
	SELECT t.ticket_id, t.workflow_id FROM oms.ticket_state AS t
	UNION ALL
	SELECT a.ticket_id, a.workflow_id FROM oms.ticket_state_archive AS a;
COMMENT ON VIEW oms_internal.report_ticket IS 'for the reports: one row per ticket, archived or not';

-- What people search.  No security barrier: it hides no rows, and with one a pattern could not go by an index.
CREATE VIEW oms.any_ticket AS
	SELECT u.ticket_id, w.name AS workflow, oms.ticket_status(u.status) AS status, u.priority, u.applicant, u.opened_at, u.closed_at, u.archived,
		to_tsvector('simple', translate(u.applicant, '-+./:@_&<~', '          ')) AS words
	FROM (
		SELECT t.ticket_id, t.workflow_id, t.status, t.priority, t.applicant, t.opened_at, t.closed_at, false AS archived
		FROM oms.ticket_state AS t
		UNION ALL
		SELECT a.ticket_id, a.workflow_id, a.status, a.priority, a.applicant, a.opened_at, a.closed_at, true
		FROM oms.ticket_state_archive AS a
	) AS u
	JOIN oms.workflow AS w ON w.workflow_id = u.workflow_id;
COMMENT ON VIEW oms.any_ticket IS 'one row per ticket, open or closed, archived or not: for searching, by number or by words of the applicant';
COMMENT ON COLUMN oms.any_ticket.ticket_id IS 'number of the ticket';
COMMENT ON COLUMN oms.any_ticket.workflow IS 'name of the workflow, all versions';
COMMENT ON COLUMN oms.any_ticket.status IS 'of the ticket: open, on_hold, done, failed or cancelled';
COMMENT ON COLUMN oms.any_ticket.priority IS 'of the ticket';
COMMENT ON COLUMN oms.any_ticket.applicant IS 'of the ticket; NULL: none was given, or it was erased';
COMMENT ON COLUMN oms.any_ticket.opened_at IS 'of the ticket';
COMMENT ON COLUMN oms.any_ticket.closed_at IS 'of the ticket; NULL: it is not closed';
COMMENT ON COLUMN oms.any_ticket.archived IS 'it is in the archive, so oms.ticket does not have it';
COMMENT ON COLUMN oms.any_ticket.words IS 'of the applicant, in small letters: words @@ to_tsquery(''simple'', ''okon:* & kim:*'') goes by an index';

-- How stages are called, for whoever reads figures about them and not the definitions.
CREATE VIEW oms.stage_label AS
	SELECT w.name AS workflow, s.stage, s.label
	FROM oms.workflow AS w
	JOIN oms.workflow_stage AS s ON s.workflow_id = w.workflow_id
	WHERE w.current;
COMMENT ON VIEW oms.stage_label IS 'one row per stage of the current version of each workflow, with its name for the public';
COMMENT ON COLUMN oms.stage_label.workflow IS 'name of the workflow';
COMMENT ON COLUMN oms.stage_label.stage IS 'id of the stage';
COMMENT ON COLUMN oms.stage_label.label IS 'its name for the public; the id if it was given none';

CREATE VIEW oms_internal.report_end AS
	SELECT e.ticket_id, e.stage, e.cycle, e.watermark FROM oms.timeline AS e WHERE e.status = 'done'
	UNION ALL
	SELECT a.ticket_id, a.stage, a.cycle, a.watermark FROM oms.timeline_archive AS a WHERE a.status = 'done';
COMMENT ON VIEW oms_internal.report_end IS 'for the reports: one row per event that says that a stage is done, archived or not';

-- One row per cycle that was done.  Skipped, cancelled and broken off cycles are not among them.
CREATE VIEW oms_internal.report_done AS
	SELECT s.ticket_id, s.stage_no, s.cycle, t.workflow_id, s.owner, s.finished_at, s.due_at,
		s.limit_us IS NOT NULL AND s.breached_at IS NULL AS met,
		s.limit_us IS NOT NULL AND s.breached_at IS NOT NULL AS breached,
		CASE WHEN s.limit_us IS NOT NULL THEN s.consumed_us::float8 / GREATEST(s.limit_us, 1) END AS ratio,
		w.wait_us, d.dwell_us - d.hold_us - w.wait_us AS work_us, d.hold_us,
		(date_part('epoch', COALESCE(s.queued_at, s.finished_at) - s.awaiting_at) * 1000000)::int8 AS await_us,
		EXISTS (SELECT FROM oms.timeline AS e
			WHERE e.ticket_id = s.ticket_id AND e.stage = g.stage AND e.cycle = s.cycle AND e.moved)
			OR EXISTS (SELECT FROM oms.timeline_archive AS a
				WHERE a.ticket_id = s.ticket_id AND a.stage = g.stage AND a.cycle = s.cycle AND a.moved) AS moved
	FROM (
		SELECT c.ticket_id, c.stage_no, c.cycle, c.owner, c.queued_at, c.started_at, c.finished_at, c.due_at,
			c.breached_at, c.limit_us, c.consumed_us, c.held_us, c.awaiting_at
		FROM oms.stage_state AS c WHERE c.status = 'd' AND c.stage_no > 0
		UNION ALL
		SELECT p.ticket_id, p.stage_no, p.cycle, p.owner, p.queued_at, p.started_at, p.finished_at, p.due_at,
			p.breached_at, p.limit_us, p.consumed_us, p.held_us, p.awaiting_at
		FROM oms.stage_past AS p WHERE p.status = 'd' AND p.stage_no > 0
		UNION ALL
		SELECT a.ticket_id, a.stage_no, a.cycle, a.owner, a.queued_at, a.started_at, a.finished_at, a.due_at,
			a.breached_at, a.limit_us, a.consumed_us, a.held_us, a.awaiting_at
		FROM oms.stage_state_archive AS a WHERE a.status = 'd' AND a.stage_no > 0
		UNION ALL
		SELECT b.ticket_id, b.stage_no, b.cycle, b.owner, b.queued_at, b.started_at, b.finished_at, b.due_at,
			b.breached_at, b.limit_us, b.consumed_us, b.held_us, b.awaiting_at
		FROM oms.stage_past_archive AS b WHERE b.status = 'd' AND b.stage_no > 0
	) AS s
	JOIN oms_internal.report_ticket AS t ON t.ticket_id = s.ticket_id
	LEFT JOIN oms.workflow_stage AS g ON g.workflow_id = t.workflow_id AND g.stage_no = s.stage_no
	CROSS JOIN LATERAL (
		-- what it awaited is told apart, and so are holds meanwhile
		SELECT e.dwell_us, LEAST(CASE WHEN s.awaiting_at IS NULL OR s.held_us = 0 THEN s.held_us
			ELSE COALESCE((SELECT (sum(date_part('epoch', upper(r.held) - lower(r.held))) * 1000000)::int8
				FROM unnest((
					SELECT range_agg(tstzrange(h.held_at, LEAST(h.lifted_at, s.finished_at)))
						* tstzmultirange(tstzrange(s.queued_at, s.finished_at))
					FROM (SELECT k.* FROM oms.hold AS k UNION ALL SELECT l.* FROM oms.hold_archive AS l) AS h
					WHERE h.ticket_id = s.ticket_id AND h.stage_no IN (0, s.stage_no) AND h.held_at < s.finished_at
						AND h.lifted_at >= h.held_at)) AS r (held)), 0) END, e.dwell_us) AS hold_us
		FROM (SELECT COALESCE((date_part('epoch', s.finished_at - s.queued_at) * 1000000)::int8, 0) AS dwell_us) AS e
	) AS d
	-- A hold before somebody took it is no part of the waiting.
	CROSS JOIN LATERAL (
		SELECT CASE WHEN s.started_at IS NULL THEN d.dwell_us - d.hold_us
			ELSE LEAST(GREATEST((date_part('epoch', s.started_at - s.queued_at) * 1000000)::int8
				- CASE WHEN s.held_us = 0 THEN 0 ELSE COALESCE((
					SELECT (sum(date_part('epoch', upper(r.held) - lower(r.held))) * 1000000)::int8
					FROM unnest((
						SELECT range_agg(tstzrange(h.held_at, LEAST(h.lifted_at, s.started_at)))
							* tstzmultirange(tstzrange(s.queued_at, s.started_at))
						FROM (SELECT k.* FROM oms.hold AS k UNION ALL SELECT l.* FROM oms.hold_archive AS l) AS h
						WHERE h.ticket_id = s.ticket_id AND h.stage_no IN (0, s.stage_no) AND h.held_at < s.started_at
							AND h.lifted_at >= h.held_at)) AS r (held)), 0) END, 0), d.dwell_us - d.hold_us) END AS wait_us
	) AS w;
COMMENT ON VIEW oms_internal.report_done IS 'for the reports: one row per cycle of a stage that was done';

-- One row per event that says so.
CREATE VIEW oms_internal.report_event AS
	SELECT e.ticket_id, w.stage_no, e.cycle, e.watermark
	FROM oms_internal.report_end AS e
	JOIN oms_internal.report_ticket AS t ON t.ticket_id = e.ticket_id
	JOIN oms.workflow_stage AS w ON w.workflow_id = t.workflow_id AND w.stage = e.stage;
COMMENT ON VIEW oms_internal.report_event IS 'for the reports: which transaction finished a cycle';

-- From a horizon on the way by the indexes is right, whether or not the statistics know of the newest
-- transactions; so the planner is told.
CREATE FUNCTION oms_internal.report_since(since bigint, before bigint) RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 100
	SET search_path = pg_catalog, pg_temp SET jit = off
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	AS $$
		WITH event AS MATERIALIZED (
			SELECT e.ticket_id, e.stage, e.cycle
			FROM oms_internal.report_end AS e
			WHERE e.watermark >= report_since.since AND (e.watermark < report_since.before OR report_since.before IS NULL)
		)
		SELECT d.*
		FROM event AS e
		JOIN oms_internal.report_ticket AS t ON t.ticket_id = e.ticket_id
		JOIN oms.workflow_stage AS w ON w.workflow_id = t.workflow_id AND w.stage = e.stage
		CROSS JOIN LATERAL (
			SELECT x.* FROM oms_internal.report_done AS x
			WHERE x.ticket_id = e.ticket_id AND x.stage_no = w.stage_no AND x.cycle = e.cycle
			OFFSET 0
		) AS d
		WHERE NOT EXISTS (SELECT FROM oms.rollup_ahead AS a
			WHERE a.ticket_id = e.ticket_id AND a.stage_no = w.stage_no AND a.cycle = e.cycle);
	$$;
COMMENT ON FUNCTION oms_internal.report_since(bigint, bigint) IS 'for the reports: cycles finished by transactions from since on, before NULL: up to now';

CREATE FUNCTION oms_internal.report_everything() RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 100000
	SET search_path = pg_catalog, pg_temp SET jit = off SET work_mem = '64MB'
	AS $$
		SELECT d.* FROM oms_internal.report_done AS d;
	$$;
COMMENT ON FUNCTION oms_internal.report_everything() IS 'for the reports: all finished cycles';

CREATE FUNCTION oms_internal.report_tickets(after oms.ticket_id, upto oms.ticket_id) RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 10000
	SET search_path = pg_catalog, pg_temp SET jit = off
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	AS $$
		SELECT d.* FROM oms_internal.report_done AS d
		WHERE d.ticket_id > report_tickets.after AND d.ticket_id <= report_tickets.upto;
	$$;
COMMENT ON FUNCTION oms_internal.report_tickets(oms.ticket_id, oms.ticket_id) IS 'for the reports: finished cycles of the tickets after one and up to another';

CREATE FUNCTION oms_internal.report_of(ticket oms.ticket_id, since bigint, before bigint) RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 10
	SET search_path = pg_catalog, pg_temp SET jit = off
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	AS $$
		SELECT d.*
		FROM oms_internal.report_done AS d
		WHERE d.ticket_id = report_of.ticket
			AND EXISTS (SELECT FROM oms_internal.report_event AS e
				WHERE e.ticket_id = report_of.ticket AND e.stage_no = d.stage_no AND e.cycle = d.cycle
					AND e.watermark >= report_of.since AND e.watermark < report_of.before)
			AND NOT EXISTS (SELECT FROM oms.rollup_ahead AS a
				WHERE a.ticket_id = report_of.ticket AND a.stage_no = d.stage_no AND a.cycle = d.cycle);
	$$;
COMMENT ON FUNCTION oms_internal.report_of(oms.ticket_id, bigint, bigint) IS 'for the reports: cycles of a ticket finished by transactions in [since, before)';

-- What a roll-up adds: of transactions, of tickets, or of a ticket (upto) and transactions; all NULL: everything.
CREATE FUNCTION oms_internal.report_pack(since bigint, before bigint, after oms.ticket_id, upto oms.ticket_id) RETURNS SETOF oms.rollup
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp SET jit = off SET work_mem = '64MB'
	AS $$
		WITH done AS MATERIALIZED (
			SELECT d.* FROM oms_internal.report_since(report_pack.since, report_pack.before) AS d
			WHERE report_pack.since IS NOT NULL AND report_pack.upto IS NULL
			UNION ALL
			SELECT d.* FROM oms_internal.report_tickets(report_pack.after, report_pack.upto) AS d WHERE report_pack.after IS NOT NULL
			UNION ALL
			SELECT d.* FROM oms_internal.report_of(report_pack.upto, report_pack.since, report_pack.before) AS d
			WHERE report_pack.since IS NOT NULL AND report_pack.upto IS NOT NULL
			UNION ALL
			SELECT d.* FROM oms_internal.report_everything() AS d WHERE report_pack.since IS NULL AND report_pack.after IS NULL
		), cell AS (
			SELECT 'f'::"char" AS kind, oms_internal.report_unit('1 hour', d.finished_at) AS at, d.workflow_id, d.stage_no,
				'' COLLATE "C" AS owner, d.*
			FROM done AS d
			UNION ALL
			SELECT 'o', oms_internal.report_unit('6 hours', d.finished_at), 0, 0, d.owner, d.*
			FROM done AS d
		)
		SELECT c.at,
			COALESCE(sum(c.wait_us) FILTER (WHERE c.cycle = 1), 0)::bigint,
			COALESCE(sum(c.work_us) FILTER (WHERE c.cycle = 1), 0)::bigint,
			COALESCE(sum(c.hold_us) FILTER (WHERE c.cycle = 1), 0)::bigint,
			COALESCE(sum(c.wait_us + c.work_us + c.hold_us) FILTER (WHERE c.cycle > 1), 0)::bigint,
			c.workflow_id, count(*)::int, (count(*) FILTER (WHERE c.cycle > 1))::int,
			(count(*) FILTER (WHERE c.met))::int, (count(*) FILTER (WHERE c.breached))::int,
			(count(*) FILTER (WHERE c.moved))::int, (count(*) FILTER (WHERE c.moved AND (c.met OR c.breached)))::int,
			c.stage_no::smallint, c.kind, c.owner, oms_internal.report_ratios(c.ratio), '{}'::timestamptz[], '{}'::timestamptz[]
		FROM cell AS c (kind, at, workflow_id, stage_no, owner, ticket_id, no, cycle, workflow, by, finished_at, due_at,
			met, breached, ratio, wait_us, work_us, hold_us, await_us, moved)
		GROUP BY c.kind, c.at, c.workflow_id, c.stage_no, c.owner
		UNION ALL
		SELECT oms_internal.report_unit('6 hours', d.due_at), 0, 0, 0, 0, d.workflow_id, 0, 0,
			(count(*) FILTER (WHERE d.met))::int, (count(*) FILTER (WHERE d.breached))::int, 0, 0,
			d.stage_no, 'd', '', '{}',
			COALESCE(array_agg(d.due_at) FILTER (WHERE d.met), '{}'),
			COALESCE(array_agg(d.due_at) FILTER (WHERE d.breached), '{}')
		FROM done AS d
		WHERE d.due_at IS NOT NULL AND (d.met OR d.breached)
		GROUP BY oms_internal.report_unit('6 hours', d.due_at), d.workflow_id, d.stage_no;
	$$;
COMMENT ON FUNCTION oms_internal.report_pack(bigint, bigint, oms.ticket_id, oms.ticket_id) IS 'for roll-ups: cells of the cycles finished by transactions in [since, before), or of the tickets in (after, upto], or of ticket upto by transactions in [since, before); all NULL: of all';

-- A period as full units, which the roll-up has, and two ends.  Without a roll-up all of it is the middle.
CREATE FUNCTION oms_internal.report_period(starts timestamptz, ends timestamptz, unit interval)
	RETURNS TABLE (rolled bool, bottom timestamptz, low timestamptz, high timestamptz, top timestamptz)
	LANGUAGE sql STABLE ROWS 1
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT p.rolled, p.bottom, m.low,
			CASE WHEN p.rolled THEN GREATEST(oms_internal.report_unit(report_period.unit, p.top), m.low) ELSE p.top END, p.top
		FROM (
			SELECT EXISTS (SELECT FROM oms.rollup_state AS r WHERE r.horizon IS NOT NULL) AS rolled,
				COALESCE(report_period.starts, '-infinity') AS bottom, COALESCE(report_period.ends, 'infinity') AS top
		) AS p
		CROSS JOIN LATERAL (
			SELECT CASE WHEN p.rolled THEN LEAST(oms_internal.report_unit(report_period.unit, p.bottom
				+ report_period.unit - '1 microsecond'::interval), p.top) ELSE p.bottom END AS low
		) AS m;
	$$;
COMMENT ON FUNCTION oms_internal.report_period(timestamptz, timestamptz, interval) IS 'for the reports: [bottom, low) and [high, top) are looked up, [low, high) is rolled up';

CREATE FUNCTION oms_internal.report_finished_in(starts timestamptz, ends timestamptz) RETURNS bool
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT EXISTS (SELECT FROM oms.stage_state AS c
				WHERE c.status = 'd' AND c.finished_at >= report_finished_in.starts AND c.finished_at < report_finished_in.ends)
			OR EXISTS (SELECT FROM oms.stage_past AS p
				WHERE p.status = 'd' AND p.finished_at >= report_finished_in.starts AND p.finished_at < report_finished_in.ends)
			OR EXISTS (SELECT FROM oms.stage_state_archive AS a
				WHERE a.status = 'd' AND a.finished_at >= report_finished_in.starts AND a.finished_at < report_finished_in.ends)
			OR EXISTS (SELECT FROM oms.stage_past_archive AS b
				WHERE b.status = 'd' AND b.finished_at >= report_finished_in.starts AND b.finished_at < report_finished_in.ends);
	END;
COMMENT ON FUNCTION oms_internal.report_finished_in(timestamptz, timestamptz) IS 'for the reports: something was finished in that time';

-- Where nothing else was finished in the unit at an end of a period, it is a full one: that of now, for a period up to now.
CREATE FUNCTION oms_internal.report_units(starts timestamptz, ends timestamptz, unit interval)
	RETURNS TABLE (rolled bool, bottom timestamptz, low timestamptz, high timestamptz, top timestamptz)
	LANGUAGE sql STABLE ROWS 1
	SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
	AS $$
		SELECT p.*
		FROM (
			SELECT oms_internal.report_unit(report_units.unit, report_units.starts) AS first,
				oms_internal.report_unit(report_units.unit, report_units.ends - '1 microsecond'::interval) + report_units.unit AS last
		) AS u
		CROSS JOIN LATERAL oms_internal.report_period(
			CASE WHEN oms_internal.report_finished_in(u.first, report_units.starts) THEN report_units.starts ELSE u.first END,
			CASE WHEN oms_internal.report_finished_in(report_units.ends, u.last) THEN report_units.ends ELSE u.last END,
			report_units.unit) AS p;
	$$;
COMMENT ON FUNCTION oms_internal.report_units(timestamptz, timestamptz, interval) IS 'for the reports of what was finished: as oms_internal.report_period(), with as little to look up as can be';

-- What was finished since the last roll-up; without one, everything.
CREATE FUNCTION oms_internal.report_new() RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 100
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT d.* FROM oms.rollup_state AS r CROSS JOIN LATERAL oms_internal.report_since(r.horizon, NULL) AS d
		WHERE r.horizon IS NOT NULL
		UNION ALL
		SELECT d.* FROM oms_internal.report_everything() AS d
		WHERE NOT EXISTS (SELECT FROM oms.rollup_state AS r WHERE r.horizon IS NOT NULL);
	$$;
COMMENT ON FUNCTION oms_internal.report_new() IS 'for the reports: finished cycles that are not rolled up';

CREATE FUNCTION oms_internal.report_between(starts timestamptz, ends timestamptz) RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 1000
	SET search_path = pg_catalog, pg_temp SET jit = off
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	AS $$
		SELECT d.* FROM oms_internal.report_done AS d
		WHERE d.finished_at >= report_between.starts AND d.finished_at < report_between.ends;
	$$;
COMMENT ON FUNCTION oms_internal.report_between(timestamptz, timestamptz) IS 'for the reports: cycles finished in a short time, by the index';

-- What was finished in a period and is not to be had from the roll-up.
CREATE FUNCTION oms_internal.report_looked_up(starts timestamptz, ends timestamptz, unit interval) RETURNS SETOF oms_internal.report_done
	LANGUAGE sql STABLE ROWS 1000
	SET search_path = pg_catalog, pg_temp SET jit = off
	AS $$
		SELECT d.* FROM oms_internal.report_units(report_looked_up.starts, report_looked_up.ends, report_looked_up.unit) AS p
		JOIN oms_internal.report_new() AS d ON d.finished_at >= p.low AND d.finished_at < p.high
		UNION ALL
		SELECT d.* FROM oms_internal.report_units(report_looked_up.starts, report_looked_up.ends, report_looked_up.unit) AS p
		CROSS JOIN LATERAL (VALUES (p.bottom, p.low), (p.high, p.top)) AS e (begins, ends)
		CROSS JOIN LATERAL oms_internal.report_between(e.begins, e.ends) AS d
		WHERE e.begins < e.ends;
	$$;
COMMENT ON FUNCTION oms_internal.report_looked_up(timestamptz, timestamptz, interval) IS 'for the reports: cycles finished in the ends of a period, or since the last roll-up';

-- These two have no settings of their own, so that they become part of the report that asks.

CREATE FUNCTION oms_internal.report_finished(starts timestamptz, ends timestamptz, kind "char", unit interval)
	RETURNS TABLE (at timestamptz, workflow_id int, stage_no smallint, owner text, finished int, again int, met int, breached int,
		moved int, moved_limited int, wait_us bigint, work_us bigint, hold_us bigint, rework_us bigint, ratios int[])
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT r.at, r.workflow_id, r.stage_no, r.owner, r.finished, r.again, r.met, r.breached, r.moved, r.moved_limited,
			r.wait_us, r.work_us, r.hold_us, r.rework_us, r.ratios
		FROM oms.rollup AS r
		WHERE r.kind = report_finished.kind
			AND r.at >= (SELECT p.low FROM oms_internal.report_units(report_finished.starts, report_finished.ends, report_finished.unit) AS p)
			AND r.at < (SELECT CASE WHEN p.rolled THEN p.high ELSE '-infinity' END
				FROM oms_internal.report_units(report_finished.starts, report_finished.ends, report_finished.unit) AS p)
		UNION ALL
		SELECT oms_internal.report_unit(report_finished.unit, d.finished_at), d.workflow_id, d.stage_no, d.owner, count(*)::int,
			(count(*) FILTER (WHERE d.cycle > 1))::int,
			(count(*) FILTER (WHERE d.met))::int, (count(*) FILTER (WHERE d.breached))::int,
			(count(*) FILTER (WHERE d.moved))::int, (count(*) FILTER (WHERE d.moved AND (d.met OR d.breached)))::int,
			COALESCE(sum(d.wait_us) FILTER (WHERE d.cycle = 1), 0)::bigint,
			COALESCE(sum(d.work_us) FILTER (WHERE d.cycle = 1), 0)::bigint,
			COALESCE(sum(d.hold_us) FILTER (WHERE d.cycle = 1), 0)::bigint,
			COALESCE(sum(d.wait_us + d.work_us + d.hold_us) FILTER (WHERE d.cycle > 1), 0)::bigint,
			oms_internal.report_ratios(d.ratio)
		FROM oms_internal.report_looked_up(report_finished.starts, report_finished.ends, report_finished.unit) AS d
		GROUP BY 1, d.workflow_id, d.stage_no, d.owner;
	END;
COMMENT ON FUNCTION oms_internal.report_finished(timestamptz, timestamptz, "char", interval) IS 'for the reports: all cells of what was finished in a period';

CREATE FUNCTION oms_internal.report_due(starts timestamptz, ends timestamptz)
	RETURNS TABLE (workflow_id int, stage_no smallint, met bigint, breached bigint)
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT r.workflow_id, r.stage_no, r.met::bigint, r.breached::bigint
		FROM oms.rollup AS r
		WHERE r.kind = 'd'
			AND r.at >= (SELECT p.low FROM oms_internal.report_period(report_due.starts, report_due.ends, '6 hours') AS p)
			AND r.at < (SELECT CASE WHEN p.rolled THEN p.high ELSE '-infinity' END
				FROM oms_internal.report_period(report_due.starts, report_due.ends, '6 hours') AS p)
		UNION ALL
		SELECT r.workflow_id, r.stage_no,
			(SELECT count(*) FROM unnest(r.met_due) AS u (due)
				WHERE (u.due >= p.bottom AND u.due < p.low) OR (u.due >= p.high AND u.due < p.top)),
			(SELECT count(*) FROM unnest(r.breached_due) AS u (due)
				WHERE (u.due >= p.bottom AND u.due < p.low) OR (u.due >= p.high AND u.due < p.top))
		FROM oms_internal.report_period(report_due.starts, report_due.ends, '6 hours') AS p
		CROSS JOIN LATERAL (VALUES (p.bottom, p.low), (p.high, p.top)) AS h (begins, ends)
		JOIN oms.rollup AS r ON r.kind = 'd' AND r.at = oms_internal.report_unit('6 hours', h.begins)
		WHERE h.begins < h.ends AND (h.begins = p.bottom OR oms_internal.report_unit('6 hours', p.bottom) <> r.at)
		UNION ALL
		SELECT d.workflow_id, d.stage_no, d.met::int::bigint, d.breached::int::bigint
		FROM oms_internal.report_new() AS d
		WHERE d.due_at >= COALESCE(report_due.starts, '-infinity') AND d.due_at < COALESCE(report_due.ends, 'infinity');
	END;
COMMENT ON FUNCTION oms_internal.report_due(timestamptz, timestamptz) IS 'for the reports: finished cycles that were due in a period';

-- ---- what is open ----

-- One row per stage that is awaiting, queued, in progress, on hold or failed.  What is open is asked for in the words of the partial
-- indexes, without a UNION, so that the queues and workers lead to it, or the number of its ticket, whichever way is the
-- shortest.  LEFT JOIN, so that the planner leaves out what a report does not ask for.  That its ticket is open as well is
-- not said: after a rush the statistics know of no open tickets, and the planner would go through all of them for each stage.
CREATE VIEW oms_internal.report_open AS
	SELECT s.ticket_id, s.stage_no, t.workflow_id, w.name AS workflow, d.stage, d.label, s.owner, s.worker, s.status, s.queued_at,
		s.ready_at, s.due_at, s.running_since, s.breached_at, s.limit_us IS NOT NULL AS clocked, c.now,
		s.limit_us IS NOT NULL AND (s.breached_at IS NOT NULL OR (s.running_since IS NOT NULL AND s.due_at < c.now)) AS overdue,
		t.priority, t.applicant, t.opened_at, t.status AS ticket_status, s.awaiting_at, s.cycle,
		CASE WHEN s.waits_for IS NULL THEN s.wake_at END AS starts_at, s.waits_for, s.timer_at
	FROM (SELECT oms.clock() AS now) AS c
	CROSS JOIN oms.stage_state AS s
	LEFT JOIN oms.ticket_state AS t ON t.ticket_id = s.ticket_id
	LEFT JOIN oms.workflow AS w ON w.workflow_id = t.workflow_id
	LEFT JOIN oms.workflow_stage AS d ON d.workflow_id = t.workflow_id AND d.stage_no = s.stage_no
	WHERE s.status = 'q' OR s.status IN ('p', 'h', 'f') OR s.status = 'a';
COMMENT ON VIEW oms_internal.report_open IS 'for the reports: one row per stage that is begun and not finished';

-- What people work on: the board of a client, lists behind the figures of a report.
CREATE VIEW oms.open_stage AS
	SELECT o.ticket_id, o.stage_no, o.workflow, o.stage, o.label, oms.stage_status(o.status) AS status, o.owner, o.worker,
		o.priority, o.applicant, o.opened_at, oms.ticket_status(o.ticket_status) AS ticket_status, o.queued_at, o.due_at,
		o.running_since, o.breached_at, o.clocked, o.overdue, o.now, o.awaiting_at, o.starts_at, o.waits_for, o.timer_at,
		EXISTS (SELECT FROM oms.timeline AS e
			WHERE e.ticket_id = o.ticket_id AND e.stage = o.stage AND e.cycle = o.cycle AND e.moved) AS moved
	FROM oms_internal.report_open AS o;
COMMENT ON VIEW oms.open_stage IS 'one row per stage that is awaiting, queued, in progress, on hold or failed, with its ticket';
COMMENT ON COLUMN oms.open_stage.ticket_id IS 'number of the ticket';
COMMENT ON COLUMN oms.open_stage.stage_no IS 'position of the stage in the definition, from 1 on';
COMMENT ON COLUMN oms.open_stage.workflow IS 'name of the workflow, all versions';
COMMENT ON COLUMN oms.open_stage.stage IS 'id of the stage';
COMMENT ON COLUMN oms.open_stage.label IS 'its name for the public';
COMMENT ON COLUMN oms.open_stage.status IS 'awaiting, queued, in_progress, on_hold or failed';
COMMENT ON COLUMN oms.open_stage.owner IS 'who is responsible';
COMMENT ON COLUMN oms.open_stage.worker IS 'who has it, or had it before the hold; NULL: nobody';
COMMENT ON COLUMN oms.open_stage.priority IS 'of the ticket';
COMMENT ON COLUMN oms.open_stage.applicant IS 'of the ticket; NULL: none was given, or it was erased';
COMMENT ON COLUMN oms.open_stage.opened_at IS 'of the ticket';
COMMENT ON COLUMN oms.open_stage.ticket_status IS 'of the ticket: open, on_hold or failed';
COMMENT ON COLUMN oms.open_stage.queued_at IS 'since when it is queued in its cycle; NULL: it is not yet';
COMMENT ON COLUMN oms.open_stage.due_at IS 'when the time limit ends if the clock runs on; NULL: no limit, or the clock stands';
COMMENT ON COLUMN oms.open_stage.running_since IS 'NULL: the clock stands, or there is none';
COMMENT ON COLUMN oms.open_stage.breached_at IS 'when it was recorded that the limit is past; NULL: it was not';
COMMENT ON COLUMN oms.open_stage.clocked IS 'has a time limit';
COMMENT ON COLUMN oms.open_stage.overdue IS 'past its time limit now';
COMMENT ON COLUMN oms.open_stage.awaiting_at IS 'since when it awaits, or did in its cycle; NULL: it did not';
COMMENT ON COLUMN oms.open_stage.starts_at IS 'when it is queued by itself; NULL: it is, or it does not await a moment';
COMMENT ON COLUMN oms.open_stage.waits_for IS 'name of the message that finishes it; NULL: it does not await one';
COMMENT ON COLUMN oms.open_stage.timer_at IS 'nothing happens to it by itself before then: so while the clock runs, it is late no earlier; NULL: nothing will';
COMMENT ON COLUMN oms.open_stage.moved IS 'some of the events of its cycle were recorded under a moved clock (oms.now)';
COMMENT ON COLUMN oms.open_stage.now IS 'the time by which it is judged, oms.clock()';

CREATE VIEW oms.finished_stage AS
	SELECT f.ticket_id, f.stage_no, w.name AS workflow, d.stage, d.label, f.cycle, f.owner, f.finished_at, f.due_at, f.met, f.breached,
		f.ratio, f.wait_us * '1 microsecond'::interval AS wait, f.work_us * '1 microsecond'::interval AS work,
		f.hold_us * '1 microsecond'::interval AS hold, f.await_us * '1 microsecond'::interval AS awaited, f.moved
	FROM oms_internal.report_done AS f
	LEFT JOIN oms.workflow AS w ON w.workflow_id = f.workflow_id
	LEFT JOIN oms.workflow_stage AS d ON d.workflow_id = f.workflow_id AND d.stage_no = f.stage_no;
COMMENT ON VIEW oms.finished_stage IS 'one row per cycle of a stage that was done: what the figures of the reports are made of';
COMMENT ON COLUMN oms.finished_stage.ticket_id IS 'number of the ticket';
COMMENT ON COLUMN oms.finished_stage.stage_no IS 'position of the stage in the definition, from 1 on';
COMMENT ON COLUMN oms.finished_stage.workflow IS 'name of the workflow, all versions';
COMMENT ON COLUMN oms.finished_stage.stage IS 'id of the stage';
COMMENT ON COLUMN oms.finished_stage.label IS 'its name for the public';
COMMENT ON COLUMN oms.finished_stage.cycle IS '1, and one more for each time that it was sent back or reopened';
COMMENT ON COLUMN oms.finished_stage.owner IS 'who was responsible at the end';
COMMENT ON COLUMN oms.finished_stage.finished_at IS 'when it was done';
COMMENT ON COLUMN oms.finished_stage.due_at IS 'when the time limit ended, or would have; NULL: no limit, or the clock stood at the end';
COMMENT ON COLUMN oms.finished_stage.met IS 'had a time limit and kept it';
COMMENT ON COLUMN oms.finished_stage.breached IS 'had a time limit and went past it';
COMMENT ON COLUMN oms.finished_stage.ratio IS 'consumed time over the limit; NULL: no limit';
COMMENT ON COLUMN oms.finished_stage.wait IS 'until the last worker took it, without holds; all of it if nobody took it';
COMMENT ON COLUMN oms.finished_stage.work IS 'from then on, without holds';
COMMENT ON COLUMN oms.finished_stage.hold IS 'time on hold, in either';
COMMENT ON COLUMN oms.finished_stage.moved IS 'some of its events were recorded under a moved clock (oms.now)';
COMMENT ON COLUMN oms.finished_stage.awaited IS 'until its moment or its message came, with holds; no part of the others. NULL: it did not await anything';

CREATE VIEW oms.queue AS
	SELECT o.owner,
		count(*) FILTER (WHERE o.status = 'q') AS queued,
		count(*) FILTER (WHERE o.status = 'p') AS in_progress,
		count(*) FILTER (WHERE o.status = 'h') AS on_hold,
		count(*) FILTER (WHERE o.status = 'f') AS failed,
		min(o.queued_at) FILTER (WHERE o.status = 'q') AS oldest,
		count(*) FILTER (WHERE o.running_since IS NOT NULL AND NOT o.overdue
			AND o.due_at <= o.now + '1 hour'::interval) AS due_within_hour,
		count(*) FILTER (WHERE o.overdue) AS overdue,
		count(*) FILTER (WHERE o.status = 'a') AS awaiting
	FROM oms_internal.report_open AS o
	GROUP BY o.owner;
COMMENT ON VIEW oms.queue IS 'one row per owner that has open stages';
COMMENT ON COLUMN oms.queue.owner IS 'who is responsible';
COMMENT ON COLUMN oms.queue.queued IS 'stages that nobody has, those in a pause before the next attempt too';
COMMENT ON COLUMN oms.queue.in_progress IS 'stages that a worker has';
COMMENT ON COLUMN oms.queue.on_hold IS 'stages on hold';
COMMENT ON COLUMN oms.queue.failed IS 'stages that need attention';
COMMENT ON COLUMN oms.queue.oldest IS 'since when the oldest of the queued ones is queued in its cycle; NULL: none is';
COMMENT ON COLUMN oms.queue.due_within_hour IS 'open stages whose clock runs and is due in the next hour';
COMMENT ON COLUMN oms.queue.overdue IS 'open stages that are past their time limit';
COMMENT ON COLUMN oms.queue.awaiting IS 'stages that wait for something, so that nobody can claim them';

-- Who has what.  For staff: it names workers.
CREATE VIEW oms.workload AS
	SELECT l.owner, l.worker, l.queued, l.in_progress, l.on_hold, l.overdue, a.to_at IS NOT NULL AS away, a.to_at AS away_until, a.delegate
	FROM (
		SELECT x.owner, x.worker,
			count(*) FILTER (WHERE x.status = 'q') AS queued,
			count(*) FILTER (WHERE x.status = 'p') AS in_progress,
			count(*) FILTER (WHERE x.status = 'h') AS on_hold,
			count(*) FILTER (WHERE x.overdue) AS overdue
		FROM (
			SELECT o.owner, CASE WHEN o.status IN ('p', 'h') THEN o.worker END AS worker, o.status, o.overdue
			FROM oms_internal.report_open AS o WHERE o.status NOT IN ('a', 'f')
			UNION ALL
			SELECT m.owner, m.member, NULL, NULL FROM oms.owner_member AS m
		) AS x
		GROUP BY x.owner, x.worker
	) AS l
	CROSS JOIN (SELECT oms.clock() AS now) AS c
	LEFT JOIN oms.absence AS a ON a.person = COALESCE(l.worker, l.owner) AND a.from_at <= c.now AND a.to_at > c.now;
COMMENT ON VIEW oms.workload IS 'one row per owner and worker that has something of it, or is a member; without worker: what nobody has';
COMMENT ON COLUMN oms.workload.owner IS 'who is responsible';
COMMENT ON COLUMN oms.workload.worker IS 'who has it, or a member of the owner; NULL: what nobody has';
COMMENT ON COLUMN oms.workload.queued IS 'queued stages; only where worker is NULL';
COMMENT ON COLUMN oms.workload.in_progress IS 'stages that the worker has';
COMMENT ON COLUMN oms.workload.on_hold IS 'stages on hold that the worker had, or nobody';
COMMENT ON COLUMN oms.workload.overdue IS 'of these, past their time limit';
COMMENT ON COLUMN oms.workload.away IS 'the worker (NULL: the owner) is absent now';
COMMENT ON COLUMN oms.workload.away_until IS 'back from then on; NULL: not away';
COMMENT ON COLUMN oms.workload.delegate IS 'who stands in; NULL: nobody, or not away';

-- How long open stages have been open, by days of 24 hours.
CREATE VIEW oms.aging AS
	SELECT w.name AS workflow, d.stage, b.from_days, b.to_days,
		sum(g.open)::int8 AS open,
		sum(g.on_hold)::int8 AS on_hold,
		sum(g.overdue)::int8 AS overdue,
		min(g.oldest) AS oldest
	FROM (
		SELECT o.workflow_id, o.stage_no, o.from_days,
			count(*) AS open,
			count(*) FILTER (WHERE o.status = 'h') AS on_hold,
			count(*) FILTER (WHERE o.overdue) AS overdue,
			min(o.begun) AS oldest
		FROM (
			-- joined with the ages, each stage would be compared with all of them
			SELECT r.workflow_id, r.stage_no, r.status, r.overdue, COALESCE(r.awaiting_at, r.queued_at) AS begun,
				CASE WHEN COALESCE(r.awaiting_at, r.queued_at) > r.now - '24 hours'::interval THEN 0
					WHEN COALESCE(r.awaiting_at, r.queued_at) > r.now - '72 hours'::interval THEN 1
					WHEN COALESCE(r.awaiting_at, r.queued_at) > r.now - '168 hours'::interval THEN 3
					WHEN COALESCE(r.awaiting_at, r.queued_at) > r.now - '336 hours'::interval THEN 7
					WHEN COALESCE(r.awaiting_at, r.queued_at) > r.now - '720 hours'::interval THEN 14
					ELSE 30 END AS from_days
			FROM oms_internal.report_open AS r
		) AS o
		GROUP BY o.workflow_id, o.stage_no, o.from_days
	) AS g
	JOIN (VALUES (0, 1), (1, 3), (3, 7), (7, 14), (14, 30), (30, NULL)) AS b (from_days, to_days) ON b.from_days = g.from_days
	JOIN oms.workflow AS w ON w.workflow_id = g.workflow_id
	JOIN oms.workflow_stage AS d ON d.workflow_id = g.workflow_id AND d.stage_no = g.stage_no
	GROUP BY w.name, d.stage, b.from_days, b.to_days;
COMMENT ON VIEW oms.aging IS 'one row per stage and age of its open cycles, where there are any';
COMMENT ON COLUMN oms.aging.workflow IS 'name of the workflow, all versions';
COMMENT ON COLUMN oms.aging.stage IS 'id of the stage';
COMMENT ON COLUMN oms.aging.from_days IS 'begun in the cycle, queued or awaiting, at least so many days of 24 hours ago';
COMMENT ON COLUMN oms.aging.to_days IS 'and less than so many; NULL: any longer';
COMMENT ON COLUMN oms.aging.open IS 'open stages of that age';
COMMENT ON COLUMN oms.aging.on_hold IS 'of these, on hold';
COMMENT ON COLUMN oms.aging.overdue IS 'of these, past their time limit';
COMMENT ON COLUMN oms.aging.oldest IS 'since when the oldest of them is begun';

CREATE FUNCTION oms.at_risk(within interval DEFAULT '4 hours')
	RETURNS TABLE (ticket oms.ticket_id, workflow text, stage text, owner text, status text, due_at timestamptz, remaining interval)
	LANGUAGE sql STABLE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp SET jit = off SET enable_seqscan = off
	AS $$
		-- The timer comes just after the due time or before it, so its index leads to all of them; a second more, since the
		-- clock is read twice.
		SELECT o.ticket_id, o.workflow, o.stage, o.owner, oms.stage_status(o.status), o.due_at, o.due_at - o.now
		FROM oms_internal.report_open AS o
		WHERE o.running_since IS NOT NULL AND o.breached_at IS NULL AND o.due_at >= o.now AND o.due_at <= o.now + at_risk.within
			AND o.timer_at <= (SELECT oms.clock()) + at_risk.within + '1 second'::interval
		ORDER BY o.due_at, o.ticket_id, o.stage_no;
	$$;
COMMENT ON FUNCTION oms.at_risk(interval) IS 'running clocks that are due from now on until within, the first one first. remaining: time on the wall, days of 24 hours. NULL: none';

-- ---- periods ----

CREATE FUNCTION oms.sla_report(starts timestamptz, ends timestamptz, workflow text DEFAULT NULL)
	RETURNS TABLE (workflow text, stage text, finished bigint, met bigint, breached bigint, completed_rate float8,
		due bigint, due_breached bigint, due_rate float8, open bigint, open_overdue bigint, open_rate float8,
		p50 float8, p90 float8, p99 float8, wait interval, work interval, hold interval, rework interval, reworked bigint,
		moved bigint)
	LANGUAGE sql STABLE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp SET jit = off
	AS $$
		WITH part AS (
			SELECT f.workflow_id, f.stage_no, sum(f.finished) AS finished, sum(f.again) AS again, sum(f.met) AS met,
				sum(f.breached) AS breached, sum(f.wait_us) AS wait_us, sum(f.work_us) AS work_us, sum(f.hold_us) AS hold_us,
				sum(f.rework_us) AS rework_us, sum(f.moved) AS moved, 0 AS due, 0 AS due_breached, 0 AS open, 0 AS open_overdue,
				oms_internal.report_ratios(f.ratios) AS ratios
			FROM oms_internal.report_finished(sla_report.starts, sla_report.ends, 'f', '1 hour') AS f
			GROUP BY f.workflow_id, f.stage_no
			UNION ALL
			SELECT d.workflow_id, d.stage_no, 0, 0, 0, 0, 0, 0, 0, 0, 0, sum(d.met) + sum(d.breached), sum(d.breached), 0, 0, NULL
			FROM oms_internal.report_due(sla_report.starts, sla_report.ends) AS d
			GROUP BY d.workflow_id, d.stage_no
			UNION ALL
			SELECT o.workflow_id, o.stage_no, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				count(*) FILTER (WHERE o.overdue AND o.due_at >= COALESCE(sla_report.starts, '-infinity')
					AND o.due_at < COALESCE(sla_report.ends, 'infinity')),
				count(*) FILTER (WHERE o.overdue AND o.due_at >= COALESCE(sla_report.starts, '-infinity')
					AND o.due_at < COALESCE(sla_report.ends, 'infinity')),
				count(*), count(*) FILTER (WHERE o.overdue), NULL
			FROM oms_internal.report_open AS o
			WHERE o.clocked
			GROUP BY o.workflow_id, o.stage_no
		), total AS (
			SELECT w.name AS workflow, g.stage, grouping(w.name, g.stage) AS depth, max(g.stage_no) AS stage_no,
				COALESCE(sum(p.finished), 0) AS finished, COALESCE(sum(p.again), 0) AS again,
				COALESCE(sum(p.met), 0) AS met, COALESCE(sum(p.breached), 0) AS breached,
				COALESCE(sum(p.due), 0) AS due, COALESCE(sum(p.due_breached), 0) AS due_breached,
				COALESCE(sum(p.open), 0) AS open, COALESCE(sum(p.open_overdue), 0) AS open_overdue,
				COALESCE(sum(p.wait_us), 0)::float8 AS wait_us, COALESCE(sum(p.work_us), 0)::float8 AS work_us,
				COALESCE(sum(p.hold_us), 0)::float8 AS hold_us, COALESCE(sum(p.rework_us), 0)::float8 AS rework_us,
				COALESCE(sum(p.moved), 0) AS moved,
				oms_internal.report_percentiles(p.ratios) AS percentiles
			FROM part AS p
			JOIN oms.workflow AS w ON w.workflow_id = p.workflow_id
			JOIN oms.workflow_stage AS g ON g.workflow_id = p.workflow_id AND g.stage_no = p.stage_no
			WHERE sla_report.workflow IS NULL OR w.name = sla_report.workflow
			GROUP BY GROUPING SETS ((), (w.name), (w.name, g.stage))
		)
		SELECT t.workflow, t.stage, t.finished::bigint, t.met::bigint, t.breached::bigint,
			round(t.breached / NULLIF(t.met + t.breached, 0), 4)::float8,
			t.due::bigint, t.due_breached::bigint, round(t.due_breached / NULLIF(t.due, 0), 4)::float8,
			t.open::bigint, t.open_overdue::bigint, round(t.open_overdue / NULLIF(t.open, 0), 4)::float8,
			round(t.percentiles[1]::numeric, 4)::float8, round(t.percentiles[2]::numeric, 4)::float8,
			round(t.percentiles[3]::numeric, 4)::float8,
			t.wait_us * '1 microsecond'::interval, t.work_us * '1 microsecond'::interval,
			t.hold_us * '1 microsecond'::interval, t.rework_us * '1 microsecond'::interval, t.again::bigint, t.moved::bigint
		FROM total AS t
		ORDER BY t.workflow NULLS FIRST, t.depth DESC, t.stage_no, t.stage;
	$$;
COMMENT ON FUNCTION oms.sla_report(timestamptz, timestamptz, text) IS 'how time limits were kept, by what was finished in [starts, ends), by what was due then, and of what is open now; a row for everything (workflow and stage NULL), for each workflow (stage NULL) and each stage. NULL: without that end; workflow NULL: all. docs/guides/reports.md has the columns';

CREATE FUNCTION oms_internal.report_way(by text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_report_way' LANGUAGE C IMMUTABLE;
COMMENT ON FUNCTION oms_internal.report_way(text) IS 'for oms.heat_map(): by itself; 22023 if there is no such heat-map';

CREATE FUNCTION oms.heat_map(starts timestamptz, ends timestamptz, by text DEFAULT 'stage')
	RETURNS TABLE (workflow text, y text, x text, n bigint, value float8, p50 float8, breach_rate float8, moved bigint)
	LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
	SET search_path = pg_catalog, pg_temp SET jit = off
	AS $$
		WITH part AS MATERIALIZED (
			SELECT f.workflow_id, f.stage_no, '' COLLATE "C" AS owner, date_trunc('week', f.at) AS week, 0 AS weekday, 0 AS hour,
				sum(f.met) AS met, sum(f.breached) AS breached, sum(f.moved_limited) AS moved, oms_internal.report_ratios(f.ratios) AS ratios
			FROM oms_internal.report_finished(heat_map.starts, heat_map.ends, 'f', '1 hour') AS f
			WHERE oms_internal.report_way(heat_map.by) = 'stage'
			GROUP BY f.workflow_id, f.stage_no, date_trunc('week', f.at)
			UNION ALL
			SELECT NULL, 0, '', NULL, EXTRACT(isodow FROM f.at)::int, EXTRACT(hour FROM f.at)::int,
				sum(f.met), sum(f.breached), sum(f.moved_limited), oms_internal.report_ratios(f.ratios)
			FROM oms_internal.report_finished(heat_map.starts, heat_map.ends, 'f', '1 hour') AS f
			WHERE heat_map.by = 'weekday'
			GROUP BY EXTRACT(isodow FROM f.at), EXTRACT(hour FROM f.at)
			UNION ALL
			SELECT NULL, 0, f.owner, date_trunc('week', f.at, 'UTC') AT TIME ZONE 'UTC' AT TIME ZONE current_setting('TimeZone'), 0, 0,
				sum(f.met), sum(f.breached), sum(f.moved_limited), oms_internal.report_ratios(f.ratios)
			FROM oms_internal.report_finished(heat_map.starts, heat_map.ends, 'o', '6 hours') AS f
			WHERE heat_map.by = 'owner'
			GROUP BY f.owner, date_trunc('week', f.at, 'UTC')
		), cell AS (
			SELECT w.name AS workflow, COALESCE(g.stage, (ARRAY['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'])[p.weekday], p.owner) AS y,
				COALESCE(to_char(p.week, 'IYYY-"W"IW'), to_char(p.hour, 'FM00')) AS x, max(p.weekday) AS weekday,
				max(g.stage_no) AS stage_no, (sum(p.met) + sum(p.breached))::bigint AS n, sum(p.breached) AS breached,
				sum(p.moved)::bigint AS moved,
				oms_internal.report_percentiles(p.ratios) AS percentiles
			FROM part AS p
			LEFT JOIN oms.workflow AS w ON w.workflow_id = p.workflow_id
			LEFT JOIN oms.workflow_stage AS g ON g.workflow_id = p.workflow_id AND g.stage_no = p.stage_no
			GROUP BY 1, 2, 3
		)
		SELECT c.workflow, c.y, c.x, c.n,
			CASE WHEN c.n >= 5 THEN round(c.percentiles[2]::numeric, 4)::float8 END,
			CASE WHEN c.n >= 5 THEN round(c.percentiles[1]::numeric, 4)::float8 END,
			CASE WHEN c.n >= 5 THEN round(c.breached / c.n, 4)::float8 END, c.moved
		FROM cell AS c
		WHERE c.n > 0
		ORDER BY c.workflow, c.weekday, c.stage_no, c.y, c.x;
	$$;
COMMENT ON FUNCTION oms.heat_map(timestamptz, timestamptz, text) IS 'where limits get tight, of what was finished in [starts, ends): value is p90 of consumed time / limit. by stage: y stage, x ISO week; weekday: y day of the week, x hour, when it was finished; owner: y owner, x ISO week. In the time zone of the session, owner in UTC. Cells with n under 5 show no figures. moved: how many of n have events recorded under a moved clock. 22023 for another by';

CREATE FUNCTION oms.bottlenecks(starts timestamptz, ends timestamptz, workflow text DEFAULT NULL)
	RETURNS TABLE (workflow text, stage text, finished bigint, total interval, share float8, mean interval,
		wait interval, work interval, hold interval, rework interval, breached bigint, breach_share float8,
		open bigint, days_to_clear float8, moved bigint)
	LANGUAGE sql STABLE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp SET jit = off
	AS $$
		WITH part AS (
			SELECT f.workflow_id, f.stage_no, sum(f.finished) AS finished, sum(f.breached) AS breached, sum(f.wait_us) AS wait_us,
				sum(f.work_us) AS work_us, sum(f.hold_us) AS hold_us, sum(f.rework_us) AS rework_us, sum(f.moved) AS moved, 0 AS open,
				min(f.at) AS first_at
			FROM oms_internal.report_finished(bottlenecks.starts, bottlenecks.ends, 'f', '1 hour') AS f
			GROUP BY f.workflow_id, f.stage_no
			UNION ALL
			SELECT o.workflow_id, o.stage_no, 0, 0, 0, 0, 0, 0, 0, count(*), NULL
			FROM oms_internal.report_open AS o
			GROUP BY o.workflow_id, o.stage_no
		), stage AS (
			SELECT w.name AS workflow, g.stage, sum(p.finished) AS finished, sum(p.breached) AS breached, sum(p.open) AS open,
				sum(p.moved) AS moved, sum(p.wait_us)::float8 AS wait_us, sum(p.work_us)::float8 AS work_us, sum(p.hold_us)::float8 AS hold_us,
				sum(p.rework_us)::float8 AS rework_us, sum(p.wait_us + p.work_us + p.hold_us + p.rework_us) AS total_us
			FROM part AS p
			JOIN oms.workflow AS w ON w.workflow_id = p.workflow_id
			JOIN oms.workflow_stage AS g ON g.workflow_id = p.workflow_id AND g.stage_no = p.stage_no
			WHERE bottlenecks.workflow IS NULL OR w.name = bottlenecks.workflow
			GROUP BY w.name, g.stage
		), days AS (
			SELECT CASE WHEN b.begins < b.ends THEN EXTRACT(epoch FROM b.ends - b.begins) / 86400 END AS days
			FROM (SELECT LEAST(COALESCE(bottlenecks.ends, 'infinity'), oms.clock()) AS ends,
				COALESCE(NULLIF(bottlenecks.starts, '-infinity'), (SELECT min(p.first_at) FROM part AS p)) AS begins) AS b
		)
		SELECT s.workflow, s.stage, s.finished::bigint, s.total_us::float8 * '1 microsecond'::interval,
			round(s.total_us / NULLIF(sum(s.total_us) OVER (), 0), 4)::float8,
			s.total_us::float8 / NULLIF(s.finished::float8, 0) * '1 microsecond'::interval,
			s.wait_us * '1 microsecond'::interval, s.work_us * '1 microsecond'::interval,
			s.hold_us * '1 microsecond'::interval, s.rework_us * '1 microsecond'::interval, s.breached::bigint,
			round(s.breached / NULLIF(sum(s.breached) OVER (), 0), 4)::float8, s.open::bigint,
			round(s.open * d.days / NULLIF(s.finished, 0), 2)::float8, s.moved::bigint
		FROM stage AS s
		CROSS JOIN days AS d
		ORDER BY s.total_us DESC, s.workflow, s.stage;
	$$;
COMMENT ON FUNCTION oms.bottlenecks(timestamptz, timestamptz, text) IS 'where the time of what was finished in [starts, ends) went, the stage with the most first, and how much is open there now. Time on the wall; NULL: without that end; workflow NULL: all. docs/guides/reports.md has the columns';

CREATE FUNCTION oms.roll_up(everything bool DEFAULT false) RETURNS bigint
	AS 'MODULE_PATHNAME', 'oms_roll_up' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.roll_up(bool) IS 'adds up for the reports what was finished since the last time and returns how many stages that were; the reports are right without it, but slower. everything: makes the roll-up again. Waits for another one that is rolling up';

--------------------------------------------------------------------------------------------------
-- api: check
--
-- Every invariant once more, in plain SQL and from the contract alone: nothing here calls the engine, so
-- that a mistake there shows here.  One view per kind of finding; what is asked of one ticket goes down to
-- the indexes.  oms.check() is one statement, so that all of it sees one snapshot.  It runs without jit,
-- since compiling a query of this size takes longer than running it.
--------------------------------------------------------------------------------------------------

-- The definitions, read as the contract says.  OFFSET 0 keeps them one thing for the planner, which would
-- otherwise join by stage alone and sort the workflows out afterwards.
CREATE VIEW oms_internal.check_graph AS
	SELECT w.workflow_id, s.no::int2 AS stage_no, s.def ->> 'id' AS stage,
		COALESCE(s.def ->> 'owner', w.definition ->> 'owner', w.name) AS owner,
		COALESCE(s.def ->> 'label', s.def ->> 'id') AS label, s.def ->> 'publicOwner' AS public_owner,
		(s.def ->> 'slaMins')::numeric::int8 * 60000000 AS sla_us,
		(s.def ->> 'slaDays')::numeric::int4 AS sla_days, s.def -> 'sla' AS rules, s.def ->> 'dueAt' AS due_path,
		COALESCE(s.def ->> 'calendar', w.definition ->> 'calendar') AS calendar,
		s.def -> 'warnAt' AS warn_at, s.def -> 'escalation' AS escalation, s.def ->> 'notSameAs' AS not_same_as,
		COALESCE((s.def #>> '{retry,maxAttempts}')::numeric::int4, 3) AS max_attempts,
		COALESCE((s.def ->> 'manual')::bool, false) AS manual,
		(s.def ->> 'delayMins')::numeric::int8 * 60000000 AS delay_us, s.def ->> 'startAt' AS start_at,
		s.def #>> '{waitFor,message}' AS message, s.def #>> '{waitFor,key}' AS message_key,
		CASE COALESCE(s.def ->> 'join', 'all')
			WHEN 'all' THEN d.count
			WHEN 'any' THEN LEAST(d.count, 1)
			ELSE (s.def ->> 'join')::numeric::int4 END AS need,
		(s.def ->> 'minAmount')::numeric AS min_amount,
		s.def ->> 'when' AS condition,
		s.def -> 'dependsOn' AS depends_on
	FROM oms.workflow AS w
	CROSS JOIN LATERAL jsonb_array_elements(w.definition -> 'stages') WITH ORDINALITY AS s (def, no)
	CROSS JOIN LATERAL (SELECT jsonb_array_length(COALESCE(s.def -> 'dependsOn', '[]')) AS count) AS d
	OFFSET 0;
COMMENT ON VIEW oms_internal.check_graph IS 'for oms.check(): the stages of every version, read from its definition';

CREATE VIEW oms_internal.check_edge AS
	SELECT g.workflow_id, g.stage_no, g.stage, g.need, g.manual, d.stage AS dependency
	FROM oms_internal.check_graph AS g
	CROSS JOIN LATERAL jsonb_array_elements_text(g.depends_on) AS d (stage)
	OFFSET 0;
COMMENT ON VIEW oms_internal.check_edge IS 'for oms.check(): which stage depends on which';

-- The state table of a stage: the events that move it, from where, to where.  On hold, reassigned and a hold
-- that is lifted while there are others leave it on hold; resumed leads to where it was before; a lease that
-- ran out for good is followed by failed.  What failed before it was queued awaits anew after a retry.
CREATE VIEW oms_internal.check_move (event, from_status, to_status) AS VALUES
	('awaiting', '{waiting,queued}'::text[], 'awaiting'),
	('queued', '{waiting,awaiting,queued}', 'queued'),
	('in_progress', '{queued}', 'in_progress'),
	('assigned', '{queued,in_progress}', 'in_progress'),
	('delegated', '{in_progress}', 'in_progress'),
	('resolved', '{in_progress}', 'in_progress'),
	('released', '{in_progress}', 'queued'),
	('lease_expired', '{in_progress}', 'queued'),
	('retry', '{queued,in_progress,failed}', 'queued'),
	('reassigned', '{queued,in_progress,on_hold,failed}', 'queued'),
	('on_hold', '{awaiting,queued,in_progress,on_hold}', 'on_hold'),
	('hold_lifted', '{on_hold}', 'on_hold'),
	('resumed', '{on_hold}', 'queued'),
	('done', '{awaiting,queued,in_progress,on_hold,failed}', 'done'),
	('skipped', '{waiting,awaiting,queued,in_progress,on_hold,failed}', 'skipped'),
	('failed', '{awaiting,queued,in_progress}', 'failed'),
	('cancelled', '{waiting,awaiting,queued,in_progress,on_hold,failed}', 'cancelled'),
	('sent_back', '{waiting,awaiting,queued,in_progress,on_hold,done,skipped,failed,cancelled}', 'waiting'),
	('reopened', '{waiting,awaiting,queued,in_progress,on_hold,done,skipped,failed,cancelled}', 'waiting');
COMMENT ON VIEW oms_internal.check_move IS 'for oms.check(): the legal moves of a stage, one row per event';

-- The same for a ticket.  One that failed is open again as soon as one of its stages is; one on hold stays so
-- when stages of it go back.
CREATE VIEW oms_internal.check_ticket_move (event, from_status, to_status) AS VALUES
	('opened', '{}'::text[], 'open'),
	('imported', '{}', 'open'),
	('ticket_done', '{open,on_hold,failed}', 'done'),
	('ticket_failed', '{open,failed}', 'failed'),
	('ticket_cancelled', '{open,on_hold,failed}', 'cancelled'),
	('ticket_held', '{open,on_hold,failed}', 'on_hold'),
	('hold_lifted', '{on_hold}', 'on_hold'),
	('ticket_resumed', '{on_hold}', 'open'),
	('sent_back', '{open,on_hold,failed}', 'open'),
	('reopened', '{open,on_hold,done,failed,cancelled}', 'open');
COMMENT ON VIEW oms_internal.check_ticket_move IS 'for oms.check(): the legal moves of a ticket, one row per event';

-- Tickets that were imported.  What was recorded in that instant happened when its note says; what an erasure took
-- away cannot be told any more.
CREATE VIEW oms_internal.check_import AS
	SELECT e.ticket_id, e.at FROM oms.timeline AS e WHERE e.seq = 1 AND e.status = 'imported';
COMMENT ON VIEW oms_internal.check_import IS 'for oms.check(): tickets that were imported, and when';

CREATE FUNCTION oms_internal.check_when(at timestamptz, imported_at timestamptz, note text, note_digest bytea) RETURNS timestamptz
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN imported_at IS DISTINCT FROM at THEN at
		WHEN note IS NULL AND note_digest IS NOT NULL THEN NULL
		ELSE COALESCE(substring(note, '^at ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z)(?:,|$)')::timestamptz, at) END;
COMMENT ON FUNCTION oms_internal.check_when(timestamptz, timestamptz, text, bytea) IS 'for oms.check(): when something happened that was recorded then; NULL: it cannot be told';

-- Every event that moved a stage, with the states it moved from and to by all that was said before.  A
-- new cycle starts from waiting.  busy: somebody has it, or had it when it was put on hold; awaits: it awaits, or did
-- then; lost: it failed when a lease ran out.
CREATE VIEW oms_internal.check_step AS
	SELECT c.*,
		max(c.at) FILTER (WHERE c.event = 'in_progress' OR (c.event = 'assigned' AND c.before = 'queued'))
			OVER w AS taken_at,
		max(c.at) FILTER (WHERE c.event = 'on_hold' AND c.before <> 'on_hold') OVER w AS held_at
	FROM (
		SELECT b.*,
			COALESCE(lag(b.after) OVER w, 'waiting') AS before,
			lag(b.event) OVER w AS event_before,
			lag(b.attempt) OVER w AS attempt_before,
			lag(b.worker) OVER w AS worker_before,
			COALESCE(lag(b.busy) OVER w, false) AS busy_before,
			COALESCE(lag(b.awaits) OVER w, false) AS awaits_before,
			lead(b.seq) OVER w IS NULL AS is_last
		FROM (
			SELECT a.ticket_id, a.stage, a.cycle, a.seq, a.at, a.event, a.attempt, a.owner, a.worker, a.from_status,
				CASE WHEN a.hold_seq > COALESCE(a.free_seq, 0) THEN 'on_hold'
					WHEN a.event = 'resumed' AND a.await_seq > COALESCE(a.idle_seq, 0) THEN 'awaiting'
					WHEN a.event = 'resumed' AND a.busy_seq > COALESCE(a.idle_seq, 0) THEN 'in_progress'
					ELSE a.to_status END AS after,
				COALESCE(a.busy_seq > COALESCE(a.idle_seq, 0), false) AS busy,
				COALESCE(a.await_seq > COALESCE(a.idle_seq, 0), false) AS awaits,
				COALESCE(a.failed_seq > a.idle_seq AND a.idle_seq = a.lease_seq, false) AS lost
			FROM (
				SELECT e.ticket_id, e.stage COLLATE "C" AS stage, e.cycle, e.seq, e.at, e.status AS event, e.attempt,
					e.owner, e.worker, m.from_status, m.to_status,
					max(e.seq) FILTER (WHERE e.status = 'on_hold') OVER w AS hold_seq,
					max(e.seq) FILTER (WHERE e.status NOT IN ('on_hold', 'hold_lifted', 'reassigned')) OVER w
						AS free_seq,
					max(e.seq) FILTER (WHERE m.to_status = 'in_progress') OVER w AS busy_seq,
					max(e.seq) FILTER (WHERE m.to_status = 'awaiting') OVER w AS await_seq,
					max(e.seq) FILTER (WHERE m.to_status = 'queued' AND e.status <> 'resumed') OVER w
						AS idle_seq,
					max(e.seq) FILTER (WHERE e.status = 'lease_expired') OVER w AS lease_seq,
					max(e.seq) FILTER (WHERE e.status = 'failed') OVER w AS failed_seq
				FROM oms.timeline AS e
				JOIN oms_internal.check_move AS m ON m.event = e.status
				WHERE e.stage IS NOT NULL
				WINDOW w AS (PARTITION BY e.ticket_id, e.stage COLLATE "C", e.cycle ORDER BY e.seq)
			) AS a
		) AS b
		WINDOW w AS (PARTITION BY b.ticket_id, b.stage, b.cycle ORDER BY b.seq)
	) AS c
	WINDOW w AS (PARTITION BY c.ticket_id, c.stage, c.cycle ORDER BY c.seq);
COMMENT ON VIEW oms_internal.check_step IS 'for oms.check(): every event that moves a stage, with the states before and after it';

-- What the timeline says of each cycle of a stage as a whole.  begun: it was queued or awaited; a moment that was noticed
-- late stands in the note, and counts.  base: who took the stage last, other than by delegation.
CREATE VIEW oms_internal.check_cycle AS
	SELECT e.ticket_id, e.stage COLLATE "C" AS stage, e.cycle,
		min(e.seq) AS first_seq, max(e.seq) AS last_seq,
		count(*) FILTER (WHERE e.status = 'queued') AS n_queued,
		min(e.seq) FILTER (WHERE e.status = 'queued') AS queued_seq,
		min(COALESCE(substring(e.note, '^moment .*?([-0-9]+T[:.0-9]+Z)$')::timestamptz, w.at))
			FILTER (WHERE e.status = 'queued') AS queued_at,
		bool_or(e.note_digest IS NOT NULL AND e.note IS NULL) FILTER (WHERE e.status = 'queued') AS moment_erased,
		bool_or(e.at = i.at AND e.note IS NULL AND e.note_digest IS NOT NULL)
			FILTER (WHERE e.status IN ('awaiting', 'queued', 'done', 'skipped', 'cancelled')) AS untold,
		min(e.seq) FILTER (WHERE e.status IN ('awaiting', 'queued')) AS begun_seq,
		min(w.at) FILTER (WHERE e.status = 'awaiting') AS awaiting_at,
		count(*) FILTER (WHERE e.public AND e.status IN ('awaiting', 'queued')) AS n_shown,
		min(e.seq) FILTER (WHERE e.status IN ('done', 'skipped')) AS finished_seq,
		min(e.seq) FILTER (WHERE e.status IN ('done', 'skipped', 'cancelled', 'sent_back', 'reopened'))
			AS ended_seq,
		max(w.at) FILTER (WHERE e.status IN ('done', 'skipped', 'cancelled')) AS ended_at,
		min(w.at) FILTER (WHERE e.status IN ('done', 'skipped', 'cancelled', 'sent_back', 'reopened'))
			AS stopped_at,
		count(*) FILTER (WHERE e.status IN ('sent_back', 'reopened')) AS n_back,
		min(e.seq) FILTER (WHERE e.status IN ('sent_back', 'reopened')) AS back_seq,
		count(*) FILTER (WHERE e.status = 'warning') AS n_warning,
		count(*) FILTER (WHERE e.status = 'breached') AS n_breached,
		min(e.seq) FILTER (WHERE e.status = 'breached') AS breached_seq,
		min(e.at) FILTER (WHERE e.status = 'breached') AS breached_at,
		max(e.seq) FILTER (WHERE e.status = 'extended') AS extended_seq,
		count(*) FILTER (WHERE e.status = 'escalated') AS level,
		-- of a step that was missed very often one event says how often; any number, where that was erased
		sum(CASE WHEN e.note IS NULL THEN 2147483647 ELSE COALESCE(substring(e.note,
			'^step [^,]*, the last of ([0-9]{1,10}) missed times, ')::int8 - 1, 0) END)
			FILTER (WHERE e.status = 'escalated') AS n_missed,
		COALESCE(max(e.seq) FILTER (WHERE e.status IN ('in_progress', 'assigned', 'delegated', 'resolved')
			OR e.status = 'done' AND e.worker IS NULL), 0)
			AS token,
		max(e.seq) FILTER (WHERE e.status = 'delegated') AS delegated_seq,
		max(e.seq) FILTER (WHERE e.status IN ('in_progress', 'assigned', 'resolved')) AS base_seq,
		substr(max((lpad(e.seq::text, 10, '0') || e.worker) COLLATE "C")
			FILTER (WHERE e.status IN ('in_progress', 'assigned', 'resolved')), 11) AS base_worker,
		max(e.actor) FILTER (WHERE e.status = 'done') AS done_by,
		max(e.seq) FILTER (WHERE e.payload IS NOT NULL AND e.status <> 'escalated') AS payload_seq,
		max(e.seq) FILTER (WHERE e.payload IS NULL AND e.payload_digest IS NOT NULL AND e.status <> 'escalated')
			AS erased_seq
	FROM oms.timeline AS e
	LEFT JOIN oms_internal.check_import AS i ON i.ticket_id = e.ticket_id
	CROSS JOIN LATERAL (SELECT oms_internal.check_when(e.at, i.at, e.note, e.note_digest) AS at) AS w
	WHERE e.stage IS NOT NULL AND e.cycle > 0
	GROUP BY e.ticket_id, e.stage COLLATE "C", e.cycle;
COMMENT ON VIEW oms_internal.check_cycle IS 'for oms.check(): what the timeline says of each cycle of each stage';

-- Every event that moved a ticket, with the states it moved from and to by all that was said before.
CREATE VIEW oms_internal.check_ticket_step AS
	SELECT b.*, lag(b.after) OVER w AS before, lead(b.seq) OVER w IS NULL AS is_last
	FROM (
		SELECT a.ticket_id, a.seq, a.at, a.event, a.from_status,
			CASE WHEN a.closed_seq > COALESCE(a.reopened_seq, 0)
					THEN CASE WHEN a.cancelled_seq = a.closed_seq THEN 'cancelled' ELSE 'done' END
				WHEN a.held_seq > COALESCE(a.free_seq, 0) THEN 'on_hold'
				ELSE a.to_status END AS after
		FROM (
			SELECT e.ticket_id, e.seq, oms_internal.check_when(e.at, i.at, e.note, e.note_digest) AS at, e.status AS event, m.from_status, m.to_status,
				max(e.seq) FILTER (WHERE m.to_status IN ('done', 'cancelled')) OVER w AS closed_seq,
				max(e.seq) FILTER (WHERE m.to_status = 'cancelled') OVER w AS cancelled_seq,
				max(e.seq) FILTER (WHERE e.status = 'reopened') OVER w AS reopened_seq,
				max(e.seq) FILTER (WHERE e.status = 'ticket_held') OVER w AS held_seq,
				max(e.seq) FILTER (WHERE e.status IN ('ticket_resumed', 'ticket_done', 'ticket_cancelled'))
					OVER w AS free_seq
			FROM oms.timeline AS e
			JOIN oms_internal.check_ticket_move AS m ON m.event = e.status
			LEFT JOIN oms_internal.check_import AS i ON i.ticket_id = e.ticket_id
			WHERE (e.stage IS NULL) = (e.status NOT IN ('sent_back', 'reopened'))
			WINDOW w AS (PARTITION BY e.ticket_id ORDER BY e.seq)
		) AS a
	) AS b
	WINDOW w AS (PARTITION BY b.ticket_id ORDER BY b.seq);
COMMENT ON VIEW oms_internal.check_ticket_step IS 'for oms.check(): every event that moves a ticket, with the states before and after it';

-- The cycles of a ticket's own clock: from its opening to its end, and after each reopen of a closed ticket.
CREATE VIEW oms_internal.check_ticket_cycle AS
	SELECT c.ticket_id, c.cycle, min(c.seq) AS first_seq,
		min(c.at) FILTER (WHERE c.event IN ('opened', 'imported', 'reopened')) AS first_at,
		min(c.seq) FILTER (WHERE c.ends) AS ended_seq, min(c.at) FILTER (WHERE c.ends) AS ended_at,
		count(*) FILTER (WHERE c.event = 'breached') AS n_breached,
		min(c.seq) FILTER (WHERE c.event = 'breached') AS breached_seq,
		min(c.at) FILTER (WHERE c.event = 'breached') AS breached_at,
		max(c.seq) FILTER (WHERE c.event = 'extended') AS extended_seq
	FROM (
		SELECT b.ticket_id, b.seq, b.at, b.event, b.event IN ('ticket_done', 'ticket_cancelled') AS ends,
			count(*) FILTER (WHERE b.begins) OVER (PARTITION BY b.ticket_id ORDER BY b.seq) AS cycle
		FROM (
			SELECT e.ticket_id, e.seq, e.status AS event,
				CASE e.status WHEN 'breached' THEN e.at ELSE oms_internal.check_when(e.at, i.at, e.note, e.note_digest) END AS at,
				e.status IN ('opened', 'imported') OR (e.status = 'reopened' AND lag(e.status)
					OVER (PARTITION BY e.ticket_id ORDER BY e.seq) IN ('ticket_done', 'ticket_cancelled')) AS begins
			FROM oms.timeline AS e
			LEFT JOIN oms_internal.check_import AS i ON i.ticket_id = e.ticket_id
			WHERE e.status IN ('opened', 'imported', 'reopened', 'ticket_done', 'ticket_cancelled')
				OR (e.stage IS NULL AND e.status IN ('breached', 'extended'))
		) AS b
	) AS c
	GROUP BY c.ticket_id, c.cycle;
COMMENT ON VIEW oms_internal.check_ticket_cycle IS 'for oms.check(): what the timeline says of each cycle of a ticket''s own clock';

-- Was a stage done by law at an instant, and that recorded then?
CREATE FUNCTION oms_internal.check_law(ticket oms.ticket_id, instant timestamptz, recorded timestamptz) RETURNS bool
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN EXISTS (SELECT FROM oms.timeline AS e
		WHERE e.ticket_id = ticket AND e.at = recorded AND e.status = 'done' AND e.worker IS NULL
			AND COALESCE(substring(e.note, '^by law at ([-0-9]+T[:.0-9]+Z): ')::timestamptz = instant, true));
COMMENT ON FUNCTION oms_internal.check_law(oms.ticket_id, timestamptz, timestamptz) IS 'for oms.check(): was a stage done by law at an instant, and that recorded then';

-- The time at which something happened that was recorded then: with a stage that was done by law it may be the instant of that.
-- The planner puts it in place, so that the usual case costs a comparison.
CREATE FUNCTION oms_internal.check_time(ticket oms.ticket_id, found timestamptz, recorded timestamptz) RETURNS timestamptz
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN found < recorded AND oms_internal.check_law(ticket, found, recorded) THEN found ELSE recorded END;
COMMENT ON FUNCTION oms_internal.check_time(oms.ticket_id, timestamptz, timestamptz) IS 'for oms.check(): the time of what was recorded with a stage that was done by law';

-- Since when a stage counts that began with an event: what followed from a stage that was done by law counts from the instant of
-- that, and not from when it was recorded; but not what was done after it, or started by hand.  A stage whose message was there
-- already is done as it begins, and what follows counts from then; at the same moment of a clock that stands still somebody
-- may have done it, so that the answer is one of two.
CREATE FUNCTION oms_internal.check_since(ticket oms.ticket_id, seq int, recorded timestamptz) RETURNS timestamptz[]
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN COALESCE((SELECT CASE WHEN e.law IS NULL THEN ARRAY[recorded] WHEN e.at_once THEN ARRAY[e.law, recorded] ELSE ARRAY[e.law] END
		FROM (
			SELECT d.seq, d.itself, CASE WHEN d.worker IS NULL THEN substring(d.note, '^by law at ([-0-9]+T[:.0-9]+Z): ')::timestamptz END AS law,
				bool_or(d.itself) OVER (ORDER BY d.seq DESC) AS at_once
			FROM (
				SELECT c.seq, c.worker, c.note, c.status = 'done' AND EXISTS (SELECT FROM oms.timeline AS a
					WHERE a.ticket_id = ticket AND a.seq = c.seq - 1 AND a.stage = c.stage AND a.status = 'awaiting' AND a.at = recorded
						AND a.note ~ 'for message ') AS itself
				FROM oms.timeline AS c
				WHERE c.ticket_id = ticket AND c.seq < check_since.seq AND c.at = recorded
					AND (c.status IN ('done', 'sent_back', 'reopened', 'retry') OR c.status = 'skipped' AND c.note !~ '^condition is false$')
			) AS d
		) AS e
		WHERE NOT e.itself AND NOT EXISTS (SELECT FROM oms.timeline AS b
			WHERE b.ticket_id = ticket AND b.seq = check_since.seq AND b.note ~ '^started by hand')
		ORDER BY e.seq DESC LIMIT 1), ARRAY[recorded]);
COMMENT ON FUNCTION oms_internal.check_since(oms.ticket_id, int, timestamptz) IS 'for oms.check(): since when a stage may count that began with an event recorded then';

-- The rows of stages with what their definition says: those of the present cycle, and all.
CREATE VIEW oms_internal.check_row AS
	SELECT s.*, t.workflow_id, t.status AS ticket_status, t.closed_at, t.last_at, g.stage, g.max_attempts
	FROM oms.stage_state AS s
	JOIN oms.ticket_state AS t ON t.ticket_id = s.ticket_id
	JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id AND g.stage_no = s.stage_no;
COMMENT ON VIEW oms_internal.check_row IS 'for oms.check(): the row of a stage beside its definition';

CREATE VIEW oms_internal.check_any_row AS
	SELECT false AS is_past, s.* FROM oms.stage_state AS s
	UNION ALL
	SELECT true, s.* FROM oms.stage_past AS s;
COMMENT ON VIEW oms_internal.check_any_row IS 'for oms.check(): the rows of stages in all cycles';

-- ---- what the clocks stood for ----

-- The times for which stages were on hold, by the timeline.  Most tickets never are.
CREATE VIEW oms_internal.check_held AS
	SELECT p.ticket_id, g.stage_no, p.stage, p.cycle,
		min(p.at) FILTER (WHERE p.event = 'on_hold') AS from_at,
		min(p.at) FILTER (WHERE p.event <> 'on_hold') AS to_at,
		min(p.event) FILTER (WHERE p.event <> 'on_hold') AS ended_by
	FROM (
		SELECT e.ticket_id, e.stage COLLATE "C" AS stage, e.cycle, e.at, e.status AS event,
			count(*) FILTER (WHERE e.status <> 'on_hold')
				OVER (PARTITION BY e.ticket_id, e.stage COLLATE "C", e.cycle ORDER BY e.seq)
				- CASE e.status WHEN 'on_hold' THEN 0 ELSE 1 END AS nth
		FROM oms.timeline AS e
		WHERE e.stage IS NOT NULL AND e.ticket_id IN (SELECT h.ticket_id FROM oms.hold AS h)
			AND e.status IN ('on_hold', 'resumed', 'done', 'skipped', 'cancelled', 'sent_back', 'reopened')
	) AS p
	JOIN oms.ticket_state AS t ON t.ticket_id = p.ticket_id
	JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id AND g.stage = p.stage
	GROUP BY p.ticket_id, g.stage_no, p.stage, p.cycle, p.nth
	HAVING bool_or(p.event = 'on_hold');
COMMENT ON VIEW oms_internal.check_held IS 'for oms.check(): from when to when a stage was on hold';

-- The holds as far as they held a stage, or the ticket (0), in a cycle.  One that ran out ends at its time, however
-- late that was noticed.
CREATE VIEW oms_internal.check_stop AS
	SELECT p.ticket_id, p.stage_no, p.cycle, h.stops_clock,
		COALESCE(p.ended_by NOT IN ('sent_back', 'reopened'), false) AS is_over,
		GREATEST(h.held_at, p.from_at) AS from_at,
		LEAST(COALESCE(h.lifted_at, 'infinity'), COALESCE(p.to_at, 'infinity')) AS to_at
	FROM oms_internal.check_held AS p
	JOIN oms.hold AS h ON h.ticket_id = p.ticket_id AND h.stage_no IN (0, p.stage_no)
	WHERE GREATEST(h.held_at, p.from_at) < LEAST(COALESCE(h.lifted_at, 'infinity'), COALESCE(p.to_at, 'infinity'))
	UNION ALL
	SELECT c.ticket_id, 0, c.cycle, h.stops_clock, true, GREATEST(h.held_at, c.first_at),
		LEAST(COALESCE(h.lifted_at, 'infinity'), COALESCE(c.ended_at, 'infinity'))
	FROM oms_internal.check_ticket_cycle AS c
	JOIN oms.hold AS h ON h.ticket_id = c.ticket_id AND h.stage_no = 0
	WHERE GREATEST(h.held_at, c.first_at) < LEAST(COALESCE(h.lifted_at, 'infinity'), COALESCE(c.ended_at, 'infinity'));
COMMENT ON VIEW oms_internal.check_stop IS 'for oms.check(): holds as far as they held a stage in a cycle';

CREATE FUNCTION oms_internal.check_us(interval) RETURNS bigint
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (EXTRACT(epoch FROM $1) * 1000000)::int8;
COMMENT ON FUNCTION oms_internal.check_us(interval) IS 'for oms.check(): a length of time in microseconds';

-- The time for which a clock stood in a cycle, and by all of its holds; and where a limit ends that many
-- microseconds of running time after the first.
CREATE VIEW oms_internal.check_stops AS
	SELECT s.ticket_id, s.stage_no, s.cycle,
		range_agg(tstzrange(s.from_at, s.to_at)) FILTER (WHERE s.stops_clock) AS stood,
		range_agg(tstzrange(s.from_at, s.to_at)) FILTER (WHERE s.is_over) AS held
	FROM oms_internal.check_stop AS s
	GROUP BY s.ticket_id, s.stage_no, s.cycle;
COMMENT ON VIEW oms_internal.check_stops IS 'for oms.check(): all the time for which a clock stood in a cycle, or a stage was on hold';

-- The clocks of all cycles beside what definition and timeline say of them.
CREATE VIEW oms_internal.check_clock_row AS
	SELECT r.*, format('stage %s, cycle %s', g.stage, r.cycle) AS name, g.stage,
		g.sla_us, g.sla_days, g.rules, g.due_path, g.calendar, g.warn_at, g.escalation,
		CASE WHEN g.message IS NULL AND c.untold THEN r.queued_at
			WHEN g.message IS NULL THEN oms_internal.check_time(r.ticket_id, r.queued_at, c.queued_at)
			WHEN c.untold THEN r.awaiting_at
			ELSE oms_internal.check_time(r.ticket_id, r.awaiting_at, c.awaiting_at) END AS first_at,
		CASE WHEN g.message IS NULL THEN c.queued_seq ELSE c.begun_seq END AS first_seq, c.ended_seq,
		CASE WHEN c.untold THEN r.finished_at ELSE oms_internal.check_time(r.ticket_id, r.finished_at, c.stopped_at) END AS ended_at,
		c.n_warning, c.n_breached, c.breached_seq,
		oms_internal.check_time(r.ticket_id, r.breached_at, c.breached_at) AS was_breached_at, c.n_missed, c.extended_seq, t.last_at,
		t.closed_at
	FROM oms_internal.check_any_row AS r
	JOIN oms.ticket_state AS t ON t.ticket_id = r.ticket_id
	JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id AND g.stage_no = r.stage_no
	LEFT JOIN oms_internal.check_cycle AS c ON c.ticket_id = r.ticket_id AND c.stage = g.stage AND c.cycle = r.cycle
	UNION ALL
	SELECT r.*, format('the ticket, cycle %s', r.cycle), NULL,
		(w.definition ->> 'slaMins')::numeric::int8 * 60000000,
		(w.definition ->> 'slaDays')::numeric::int4, NULL, NULL, w.definition ->> 'calendar', NULL, NULL,
		CASE WHEN c.first_seq IS NOT NULL THEN COALESCE(c.first_at, r.queued_at) END, c.first_seq, c.ended_seq,
		CASE WHEN c.ended_seq IS NOT NULL THEN COALESCE(oms_internal.check_time(r.ticket_id, r.finished_at, c.ended_at), r.finished_at) END,
		0, c.n_breached, c.breached_seq,
		oms_internal.check_time(r.ticket_id, r.breached_at, c.breached_at), 0, c.extended_seq,
		t.last_at, t.closed_at
	FROM oms_internal.check_any_row AS r
	JOIN oms.ticket_state AS t ON t.ticket_id = r.ticket_id
	JOIN oms.workflow AS w ON w.workflow_id = t.workflow_id
	LEFT JOIN oms_internal.check_ticket_cycle AS c ON c.ticket_id = r.ticket_id AND c.cycle = r.cycle
	WHERE r.stage_no = 0;
COMMENT ON VIEW oms_internal.check_clock_row IS 'for oms.check(): the clock of a stage or ticket in a cycle beside what definition and timeline say';

-- Open time between two instants: by the calendar of that name, for '' all of it; NULL: not known.
CREATE FUNCTION oms_internal.check_open(calendar text, from_at timestamptz, to_at timestamptz) RETURNS bigint
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN calendar IS NULL OR NOT COALESCE(isfinite(from_at) AND isfinite(to_at), false) THEN NULL
		WHEN to_at <= from_at THEN 0
		WHEN calendar = '' THEN oms_internal.check_us(to_at - from_at)
		ELSE oms_internal.check_us(oms.business_time(calendar, from_at, to_at)) END;
COMMENT ON FUNCTION oms_internal.check_open(text, timestamptz, timestamptz) IS 'for oms.check(): open time between two instants in microseconds';

-- The calendars by which something can be worked out: versions that are current and can be read.
CREATE VIEW oms_internal.check_calendar AS
	SELECT a.calendar_id, a.name, a.definition ->> 'timezone' AS timezone
	FROM oms.calendar AS a
	WHERE a.current AND oms.calendar_problem(a.name) IS NULL
	OFFSET 0;
COMMENT ON VIEW oms_internal.check_calendar IS 'for oms.check(): the current versions of calendars, as far as they can be read';

-- ---- guards ----

-- Every table, and the triggers that must be there: table or view, trigger (NULL: none), when it fires
-- (pg_trigger.tgtype), ENABLE state, function, and the columns to which its UPDATE is limited.
CREATE VIEW oms_internal.check_guard (relation, trigger, fires, enabled, function, columns) AS VALUES
	('workflow', 'guard', 58, 'A', 'guard', 'workflow_id, name, version, prefix, definition'),
	('workflow', 'guard_row', 27, 'A', 'guard', 'workflow_id, name, version, prefix, definition'),
	('workflow_stage', 'guard', 58, 'A', 'guard', NULL),
	('workflow_stage', 'guard_row', 27, 'A', 'guard', NULL),
	('ticket_state', 'guard', 58, 'A', 'guard', NULL),
	('ticket_state', 'guard_row', 27, 'A', 'guard', NULL),
	('stage_state', 'guard', 58, 'A', 'guard', NULL),
	('stage_state', 'guard_row', 27, 'A', 'guard', NULL),
	('stage_past', 'guard', 58, 'A', 'guard', NULL),
	('stage_past', 'guard_row', 27, 'A', 'guard', NULL),
	('hold', 'guard', 58, 'A', 'guard', NULL),
	('hold', 'guard_row', 27, 'A', 'guard', NULL),
	('clock_segment', 'guard', 58, 'A', 'guard', NULL),
	('clock_segment', 'guard_row', 27, 'A', 'guard', NULL),
	('timeline', 'guard', 58, 'A', 'guard', NULL),
	('timeline', 'guard_row', 27, 'A', 'guard', NULL),
	('ticket_state_archive', 'guard', 58, 'A', 'guard', NULL),
	('ticket_state_archive', 'guard_row', 27, 'A', 'guard', NULL),
	('stage_state_archive', 'guard', 58, 'A', 'guard', NULL),
	('stage_state_archive', 'guard_row', 27, 'A', 'guard', NULL),
	('stage_past_archive', 'guard', 58, 'A', 'guard', NULL),
	('stage_past_archive', 'guard_row', 27, 'A', 'guard', NULL),
	('hold_archive', 'guard', 58, 'A', 'guard', NULL),
	('hold_archive', 'guard_row', 27, 'A', 'guard', NULL),
	('clock_segment_archive', 'guard', 58, 'A', 'guard', NULL),
	('clock_segment_archive', 'guard_row', 27, 'A', 'guard', NULL),
	('timeline_archive', 'guard', 58, 'A', 'guard', NULL),
	('timeline_archive', 'guard_row', 27, 'A', 'guard', NULL),
	('journal', 'guard', 58, 'A', 'guard', NULL),
	('journal', 'guard_row', 27, 'A', 'guard', NULL),
	('retention', NULL, NULL, NULL, NULL, NULL),
	('idempotency', 'guard', 58, 'A', 'guard', NULL),
	('idempotency', 'guard_row', 27, 'A', 'guard', NULL),
	('kept_message', NULL, NULL, NULL, NULL, NULL),
	('message_id', NULL, NULL, NULL, NULL, NULL),
	('owner', NULL, NULL, NULL, NULL, NULL),
	('owner_member', NULL, NULL, NULL, NULL, NULL),
	('absence', NULL, NULL, NULL, NULL, NULL),
	('hold_reason', NULL, NULL, NULL, NULL, NULL),
	('number_range', NULL, NULL, NULL, NULL, NULL),
	('home', NULL, NULL, NULL, NULL, NULL),
	('secret', NULL, NULL, NULL, NULL, NULL),
	('tracking', NULL, NULL, NULL, NULL, NULL),
	('tracking_miss', NULL, NULL, NULL, NULL, NULL),
	('worker_state', 'local', 31, 'R', 'stay_local', NULL),
	('seals', 'guard', 58, 'A', 'guard', NULL),
	('seals', 'guard_row', 27, 'A', 'guard', NULL),
	('seal_leaf', 'guard', 58, 'A', 'guard', NULL),
	('seal_leaf', 'guard_row', 27, 'A', 'guard', NULL),
	('seal_stamp', 'guard', 58, 'A', 'guard', NULL),
	('seal_stamp', 'guard_row', 27, 'A', 'guard', NULL),
	('seal_state', 'local', 31, 'R', 'stay_local', NULL),
	('passed_over', 'local', 31, 'R', 'stay_local', NULL),
	('cron_state', 'local', 31, 'R', 'stay_local', NULL),
	('calendar', 'guard', 58, 'A', 'guard', 'calendar_id, name, version, definition, created_by, created_at'),
	('calendar', 'guard_row', 27, 'A', 'guard', 'calendar_id, name, version, definition, created_by, created_at'),
	('rollup', 'local', 31, 'R', 'stay_local', NULL),
	('rollup_state', 'local', 31, 'R', 'stay_local', NULL),
	('rollup_ahead', 'local', 31, 'R', 'stay_local', NULL),
	('ticket', 'record', 89, 'O', 'update_ticket', NULL),
	('stage', 'record', 89, 'O', 'update_stage', NULL);
COMMENT ON VIEW oms_internal.check_guard IS 'for oms.check(): every table that oms has, and every trigger, and no other';

CREATE VIEW oms_internal.check_guards (kind, ticket, detail) AS
	WITH relation AS (
		SELECT c.oid, r.name, c.relkind, c.relpersistence, c.relrowsecurity
		FROM (SELECT DISTINCT g.relation AS name FROM oms_internal.check_guard AS g) AS r
		LEFT JOIN pg_class AS c ON c.relname::text = r.name
			AND c.relnamespace = 'oms'::regnamespace
	), installed AS (
		SELECT r.name AS relation, t.tgname::text AS trigger, t.tgtype, t.tgenabled, t.tgqual,
			p.proname, p.pronamespace, p.prosrc, p.probin,
			(SELECT string_agg(a.attname, ', ' ORDER BY a.attnum)
				FROM pg_attribute AS a
				WHERE a.attrelid = t.tgrelid AND a.attnum = ANY (t.tgattr)) AS columns
		FROM relation AS r
		JOIN pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal
		JOIN pg_proc AS p ON p.oid = t.tgfoid
	)
	SELECT 'guards', NULL::oms.ticket_id,
		CASE WHEN i.trigger IS NULL THEN format('trigger %I on oms.%I is missing', g.trigger, g.relation)
			WHEN i.tgenabled <> g.enabled::"char" THEN format('trigger %I on oms.%I is %s', i.trigger,
				i.relation, CASE WHEN i.tgenabled = 'D' THEN 'disabled' WHEN g.enabled = 'A' THEN 'not ENABLE ALWAYS'
					ELSE 'not ENABLE REPLICA' END)
			ELSE format('trigger %I on oms.%I is not the one that oms made', i.trigger, i.relation) END
	FROM oms_internal.check_guard AS g
	LEFT JOIN installed AS i ON i.relation = g.relation AND i.trigger = g.trigger
	WHERE g.trigger IS NOT NULL
		AND (i.trigger IS NULL OR i.tgenabled <> g.enabled::"char" OR i.tgtype <> g.fires OR i.tgqual IS NOT NULL
			OR i.columns IS DISTINCT FROM g.columns OR i.proname <> g.function
			OR i.pronamespace <> 'oms'::regnamespace
			OR i.prosrc <> 'oms_' || g.function OR i.probin IS DISTINCT FROM '$libdir/oms')
	UNION ALL
	SELECT 'guards', NULL, format('trigger %I on oms.%I does not belong there', i.trigger, i.relation)
	FROM installed AS i
	WHERE NOT EXISTS (SELECT FROM oms_internal.check_guard AS g WHERE g.relation = i.relation AND g.trigger = i.trigger)
	UNION ALL
	SELECT 'guards', NULL, format('rule %I on oms.%I does not belong there', w.rulename, r.name)
	FROM relation AS r
	JOIN pg_rewrite AS w ON w.ev_class = r.oid
	WHERE w.rulename <> '_RETURN'
	UNION ALL
	SELECT 'guards', NULL, format('foreign key %I on oms.%I does not belong there', k.conname, r.name)
	FROM relation AS r
	JOIN pg_constraint AS k ON k.conrelid = r.oid AND k.contype = 'f'
	UNION ALL
	SELECT 'guards', NULL, format('foreign key %I of %s must not refer to oms.%I: rows move to the archive', k.conname,
		k.conrelid::regclass, r.name)
	FROM relation AS r
	JOIN pg_constraint AS k ON k.confrelid = r.oid AND k.contype = 'f'
	UNION ALL
	SELECT 'guards', NULL, format('policy %I on oms.%I does not belong there', p.polname, r.name)
	FROM relation AS r
	JOIN pg_policy AS p ON p.polrelid = r.oid
	UNION ALL
	SELECT 'guards', NULL, format('the rows of %s are read as rows of oms.%I', i.inhrelid::regclass, r.name)
	FROM relation AS r
	JOIN pg_inherits AS i ON i.inhparent = r.oid
	UNION ALL
	SELECT 'guards', NULL, CASE WHEN r.oid IS NULL THEN format('oms.%I is missing', r.name)
		WHEN r.relkind NOT IN ('r', 'p', 'v') THEN format('oms.%I is not a table', r.name)
		WHEN r.relrowsecurity AND r.name <> 'secret' THEN format('row security hides rows of oms.%I', r.name)
		WHEN NOT r.relrowsecurity AND r.name = 'secret' THEN 'row security of oms.secret is off'
		ELSE format('oms.%I does not survive a crash', r.name) END
	FROM relation AS r
	WHERE r.oid IS NULL OR r.relkind NOT IN ('r', 'p', 'v') OR r.relrowsecurity <> (r.name = 'secret')
		OR r.relpersistence <> 'p';
COMMENT ON VIEW oms_internal.check_guards IS 'for oms.check(): tables missing, triggers missing, changed, not ENABLE ALWAYS or not ours, rules, policies, foreign keys, children, row security';

-- ---- chain ----

-- All events: the archive has to be whole too.  What a closed ticket was checked for before it went there is not
-- asked again.
CREATE VIEW oms_internal.check_event AS
	SELECT e.* FROM oms.timeline AS e
	UNION ALL
	SELECT a.* FROM oms.timeline_archive AS a;
COMMENT ON VIEW oms_internal.check_event IS 'for oms.check(): all events, archived or not';

CREATE FUNCTION oms_internal.check_piece(bytea) RETURNS bytea
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN COALESCE(int4send(octet_length($1)) || $1, E'\\xffffffff'::bytea);
COMMENT ON FUNCTION oms_internal.check_piece(bytea) IS 'for oms.check(): bytes as they are hashed, after their length';

CREATE FUNCTION oms_internal.check_piece(text) RETURNS bytea
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN COALESCE(int4send(octet_length(convert_to($1, 'UTF8')))
		|| convert_to($1, 'UTF8'), E'\\xffffffff'::bytea);
COMMENT ON FUNCTION oms_internal.check_piece(text) IS 'for oms.check(): a text as it is hashed, in UTF-8 after its length';

CREATE VIEW oms_internal.check_chain (kind, ticket, detail) AS
	-- Each event with the hash that its content and the hash before it give (docs/reference/hash-chain.md).
	SELECT 'chain', c.ticket_id, format('event %s: %s', c.seq, p.problem)
	FROM (
		SELECT e.ticket_id, e.seq, e.at, e.watermark, e.hash, lag(e.seq) OVER w AS seq_before,
			lag(e.at) OVER w AS at_before, lag(e.watermark) OVER w AS watermark_before,
			sha256(COALESCE(lag(e.hash) OVER w,
					E'\\x0000000000000000000000000000000000000000000000000000000000000000'::bytea)
				|| CASE WHEN e.moved THEN E'\\x02'::bytea ELSE E'\\x01'::bytea END
				|| oms_internal.check_piece(e.ticket_id::text)
				|| int4send(e.seq)
				|| int8send(CASE WHEN isfinite(e.at)
					THEN (EXTRACT(epoch FROM e.at) * 1000000)::int8 END)
				|| oms_internal.check_piece(e.status)
				|| oms_internal.check_piece(e.stage)
				|| oms_internal.check_piece(e.owner)
				|| oms_internal.check_piece(e.actor)
				|| oms_internal.check_piece(e.session_actor)
				|| oms_internal.check_piece(e.client)
				|| oms_internal.check_piece(e.worker)
				|| CASE WHEN e.public THEN E'\\x01'::bytea ELSE E'\\x00'::bytea END
				|| int4send(e.cycle)
				|| int4send(e.attempt)
				|| oms_internal.check_piece(CASE WHEN e.note IS NULL THEN e.note_digest
					ELSE sha256(COALESCE(e.salt, '') || convert_to(e.note, 'UTF8')) END)
				|| oms_internal.check_piece(CASE WHEN e.payload IS NULL THEN e.payload_digest
					ELSE sha256(COALESCE(e.salt, '')
						|| convert_to(e.payload::text, 'UTF8')) END)) AS expected
		FROM oms_internal.check_event AS e
		WINDOW w AS (PARTITION BY e.ticket_id ORDER BY e.seq)
	) AS c
	CROSS JOIN LATERAL (VALUES
		(c.seq <> COALESCE(c.seq_before, 0) + 1, 'an event is missing before it'),
		(c.at < c.at_before, 'time goes back'),
		-- or changes_since() would not give the events in their order
		(c.watermark < c.watermark_before, 'filed before the event before it'),
		(c.hash IS DISTINCT FROM c.expected, 'content does not match the hash')) AS p (found, problem)
	WHERE p.found
	UNION ALL
	-- The end of the chain is what the ticket's row says.
	SELECT 'chain', t.ticket_id, CASE
		WHEN e.last_seq IS NULL THEN 'no events'
		WHEN e.last_seq <> t.seq THEN format('the last event is %s, the ticket says %s', e.last_seq, t.seq)
		WHEN l.hash IS DISTINCT FROM t.head
			THEN format('event %s: the last hash is not the head of the chain', t.seq)
		ELSE format('event %s: filed under %s, the ticket says %s', t.seq, l.watermark, t.watermark) END
	FROM (SELECT y.ticket_id, y.seq, y.watermark, y.head FROM oms.ticket_state AS y
		UNION ALL SELECT z.ticket_id, z.seq, z.watermark, z.head FROM oms.ticket_state_archive AS z) AS t
	LEFT JOIN (SELECT x.ticket_id, max(x.seq) AS last_seq
		FROM oms_internal.check_event AS x GROUP BY x.ticket_id) AS e ON e.ticket_id = t.ticket_id
	LEFT JOIN oms_internal.check_event AS l ON l.ticket_id = t.ticket_id AND l.seq = e.last_seq
	WHERE e.last_seq IS DISTINCT FROM t.seq OR l.hash IS DISTINCT FROM t.head OR l.watermark IS DISTINCT FROM t.watermark;
COMMENT ON VIEW oms_internal.check_chain IS 'for oms.check(): gaps, time and transactions going back, recomputed hashes, heads';

-- ---- counters ----

CREATE VIEW oms_internal.check_counters (kind, ticket, detail) AS
	-- Sums over the rows of a ticket's stages.  With as many bits as rows that are to have one, and each
	-- of these having it, the set is right.  A stage that waited when its ticket was cancelled may or may
	-- not count as started.
	SELECT 'counters', t.ticket_id, p.problem
	FROM oms.ticket_state AS t
	LEFT JOIN (
		SELECT r.ticket_id,
			count(*) FILTER (WHERE r.status IN ('a', 'q', 'p', 'h')) AS n_active,
			count(*) FILTER (WHERE r.status = 'f') AS n_failed,
			count(*) FILTER (WHERE r.status = 'w') AS n_waiting,
			count(*) FILTER (WHERE r.status IN ('d', 's')) AS n_finished,
			count(*) FILTER (WHERE r.status <> 'w') AS n_started,
			count(*) FILTER (WHERE r.status = 'x' AND r.queued_at IS NULL) AS n_unsure,
			count(*) FILTER (WHERE r.status IN ('a', 'q', 'p')) AS n_free,
			count(*) FILTER (WHERE r.output_seq > 0) AS n_outputs
		FROM oms.stage_state AS r WHERE r.stage_no > 0 GROUP BY r.ticket_id
	) AS s ON s.ticket_id = t.ticket_id
	LEFT JOIN (
		SELECT g.workflow_id, (count(*) + 7) / 8 AS bytes FROM oms_internal.check_graph AS g GROUP BY g.workflow_id
	) AS w ON w.workflow_id = t.workflow_id
	CROSS JOIN LATERAL (VALUES
		(t.n_active <> COALESCE(s.n_active, 0),
			format('%s stages are active, the ticket says %s', COALESCE(s.n_active, 0), t.n_active)),
		(t.n_failed <> COALESCE(s.n_failed, 0),
			format('%s stages failed, the ticket says %s', COALESCE(s.n_failed, 0), t.n_failed)),
		(cardinality(t.reworks) % 2 <> 0, 'a stage waits for rework, but not for a stage'),
		(s.n_waiting > 0 AND NOT t.waiting_rows, 'a waiting stage has a row and the ticket does not say so'),
		(octet_length(t.finished) <> w.bytes
			OR bit_count(t.finished) <> COALESCE(s.n_finished, 0),
			'the set of finished stages has the wrong size'),
		(octet_length(t.started) <> w.bytes
			OR bit_count(t.started) NOT BETWEEN COALESCE(s.n_started, 0) - COALESCE(s.n_unsure, 0)
				AND COALESCE(s.n_started, 0),
			'the set of started stages has the wrong size'),
		(t.output_bytes < 0 OR (t.output_bytes = 0) <> (COALESCE(s.n_outputs, 0) = 0),
			format('%s stages have an output, of %s bytes', COALESCE(s.n_outputs, 0), t.output_bytes)),
		(t.status NOT IN ('o', 'h', 'd', 'f', 'x'), format('unknown status %s', t.status)),
		(t.status = 'f' AND (COALESCE(s.n_active, 0) > 0 OR COALESCE(s.n_failed, 0) = 0),
			'the ticket is failed, but something can run or nothing failed'),
		((t.status = 'h') <> (t.n_holds > 0),
			format('the ticket is %s, with %s holds', oms.ticket_status(t.status), t.n_holds)),
		(t.n_holds > 0 AND s.n_free > 0,
			format('the ticket is on hold, but %s of its active stages are not', s.n_free)),
		(t.status IN ('d', 'x') AND COALESCE(s.n_active, 0) + COALESCE(s.n_failed, 0) > 0,
			format('the ticket is %s, but %s stages are not finished', oms.ticket_status(t.status),
				COALESCE(s.n_active, 0) + COALESCE(s.n_failed, 0)))) AS p (found, problem)
	WHERE p.found
	UNION ALL
	SELECT 'counters', r.ticket_id, format('stage %s: %s', r.stage_no, p.problem)
	FROM oms.stage_state AS r
	JOIN oms.ticket_state AS t ON t.ticket_id = r.ticket_id
	CROSS JOIN LATERAL (VALUES
		(r.status NOT IN ('w', 'a', 'q', 'p', 'h', 'd', 's', 'f', 'x'), format('unknown status %s', r.status)),
		(r.stage_no BETWEEN 1 AND octet_length(t.finished) * 8
			AND (get_bit(t.finished, CASE WHEN r.stage_no BETWEEN 1
				AND octet_length(t.finished) * 8 THEN r.stage_no - 1 END) = 1)
				<> (r.status IN ('d', 's')), 'not as in the set of finished stages'),
		(r.stage_no BETWEEN 1 AND octet_length(t.started) * 8
			AND (get_bit(t.started, CASE WHEN r.stage_no BETWEEN 1
				AND octet_length(t.started) * 8 THEN r.stage_no - 1 END) = 1)
				<> (r.status <> 'w') AND NOT (t.waiting_rows AND r.status = 'x' AND r.queued_at IS NULL),
			'not as in the set of started stages'),
		(r.status IN ('a', 'q', 'p', 'h') AND r.priority <> t.priority,
			format('priority %s, that of the ticket is %s', r.priority, t.priority))) AS p (found, problem)
	WHERE p.found AND r.stage_no > 0;
COMMENT ON VIEW oms_internal.check_counters IS 'for oms.check(): counters, sets and status of a ticket against the rows of its stages';

-- ---- fold ----

CREATE VIEW oms_internal.check_fold (kind, ticket, detail) AS
	-- Rows of stages: what the last event of the cycle left behind.  A stage that no event moved is waiting,
	-- or ended with its ticket.  The row of a cycle that was followed by another is what the stage was when it
	-- went back.  Content that was erased leaves 0 in place of its event.
	SELECT 'fold', x.ticket_id,
		format('stage %s: %s is %s, the timeline says %s',
			CASE WHEN x.is_past THEN format('%s, cycle %s', x.stage, x.cycle) ELSE x.stage END, v.what,
			COALESCE(v.found, 'not set'), COALESCE(v.expected, 'not set'))
	FROM (
		SELECT y.*,
			CASE WHEN y.e_status IN ('waiting', 'awaiting', 'queued', 'failed') THEN NULL ELSE y.l_worker END AS e_worker,
			CASE WHEN y.e_status IN ('waiting', 'awaiting', 'queued') THEN NULL
				WHEN y.busy THEN oms_internal.check_time(y.ticket_id, y.started_at, y.taken_at)
				WHEN y.lost AND y.started_at = y.taken_at THEN y.taken_at END AS e_started_at,
			CASE WHEN y.e_status IN ('in_progress', 'on_hold') AND y.busy AND y.delegated_seq > y.base_seq
				THEN y.base_worker END AS e_delegated_by,
			-- who is a superuser does not count, and that is not in the timeline
			CASE WHEN y.finished_by IS NOT NULL AND y.e_status = 'done' THEN NULLIF(y.done_by, y.l_worker) END AS e_finished_by,
			oms.stage_status(y.held_from) AS held_from_word,
			CASE WHEN y.e_status = 'on_hold' THEN CASE WHEN y.busy THEN 'in_progress' WHEN y.awaits THEN 'awaiting' ELSE 'queued' END END
				AS e_held_from,
			CASE WHEN y.e_status = 'on_hold' THEN y.l_held_at END AS e_held_at
		FROM (
			SELECT r.*, g.stage, oms.stage_status(r.status) AS status_word,
				CASE WHEN r.is_past AND l.before = 'waiting' AND r.status = 'x' THEN 'cancelled'
					WHEN r.is_past THEN l.before
					ELSE COALESCE(l.after, CASE WHEN t.status = 'x' THEN 'cancelled' ELSE 'waiting' END) END AS e_status,
				COALESCE(l.owner, r.owner) AS e_owner, l.worker AS l_worker,
				CASE WHEN l.event = 'lease_expired' THEN l.attempt + 1 ELSE COALESCE(l.attempt, r.attempt) END AS e_attempt,
				CASE WHEN r.is_past THEN CASE WHEN l.event IN ('sent_back', 'reopened') THEN r.cycle END
					ELSE COALESCE(b.times, 0) + 1 END AS e_cycle,
				COALESCE(c.level, 0) AS e_level, COALESCE(c.token, 0) AS e_token,
				CASE WHEN c.moment_erased OR c.untold THEN r.queued_at
					ELSE oms_internal.check_time(r.ticket_id, r.queued_at, c.queued_at) END AS e_queued_at,
				CASE WHEN c.untold THEN r.awaiting_at
					ELSE oms_internal.check_time(r.ticket_id, r.awaiting_at, c.awaiting_at) END AS e_awaiting_at,
				CASE WHEN c.untold THEN r.finished_at
					WHEN c.ended_at IS NOT NULL THEN oms_internal.check_time(r.ticket_id, r.finished_at, c.ended_at)
					WHEN r.status = 'x' AND r.is_past THEN r.finished_at
					WHEN r.status = 'x' AND r.finished_at IS NOT NULL THEN t.closed_at END AS e_finished_at,
				-- an erasure leaves the rows of earlier cycles alone
				CASE WHEN r.status = 'd' AND c.payload_seq > COALESCE(c.erased_seq, 0) THEN c.payload_seq
					WHEN r.is_past AND r.output_seq = c.erased_seq THEN c.erased_seq ELSE 0 END AS e_output_seq,
				CASE WHEN r.is_past THEN l.busy_before ELSE l.busy END AS busy,
				CASE WHEN r.is_past THEN l.awaits_before ELSE l.awaits END AS awaits, l.lost, l.taken_at, l.held_at AS l_held_at,
				c.delegated_seq, c.base_seq, c.base_worker, c.done_by
			FROM oms_internal.check_any_row AS r
			JOIN oms.ticket_state AS t ON t.ticket_id = r.ticket_id
			JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id AND g.stage_no = r.stage_no
			LEFT JOIN oms_internal.check_step AS l
				ON l.ticket_id = r.ticket_id AND l.stage = g.stage AND l.cycle = r.cycle AND l.is_last
			LEFT JOIN oms_internal.check_cycle AS c
				ON c.ticket_id = r.ticket_id AND c.stage = g.stage AND c.cycle = r.cycle
			LEFT JOIN (
				SELECT e.ticket_id, e.stage COLLATE "C" AS stage, count(*) AS times
				FROM oms.timeline AS e WHERE e.status IN ('sent_back', 'reopened')
				GROUP BY e.ticket_id, e.stage COLLATE "C"
			) AS b ON b.ticket_id = r.ticket_id AND b.stage = g.stage
		) AS y
	) AS x
	CROSS JOIN LATERAL (VALUES
		('status', x.status_word, x.e_status),
		('owner', x.owner, x.e_owner),
		('worker', x.worker, x.e_worker),
		('attempt', x.attempt::text, x.e_attempt::text),
		('level', x.level::text, x.e_level::text),
		('token', x.token::text, x.e_token::text),
		('awaiting_at', x.awaiting_at::text, x.e_awaiting_at::text),
		('queued_at', x.queued_at::text, x.e_queued_at::text),
		('started_at', x.started_at::text, x.e_started_at::text),
		('finished_at', x.finished_at::text, x.e_finished_at::text),
		('cycle', x.cycle::text, x.e_cycle::text),
		('delegated_by', x.delegated_by, x.e_delegated_by),
		('finished_by', x.finished_by, x.e_finished_by),
		('held_from', x.held_from_word, x.e_held_from),
		('held_at', x.held_at::text, x.e_held_at::text),
		('output_seq', x.output_seq::text, x.e_output_seq::text)) AS v (what, found, expected)
	WHERE (x.status_word, x.owner, x.worker, x.attempt, x.level, x.token, x.awaiting_at, x.queued_at, x.started_at, x.finished_at,
			x.cycle, x.delegated_by, x.finished_by, x.held_from_word, x.held_at, x.output_seq)
		IS DISTINCT FROM (x.e_status, x.e_owner, x.e_worker, x.e_attempt, x.e_level, x.e_token, x.e_awaiting_at, x.e_queued_at,
			x.e_started_at, x.e_finished_at, x.e_cycle, x.e_delegated_by, x.e_finished_by, x.e_held_from, x.e_held_at, x.e_output_seq)
		AND v.found IS DISTINCT FROM v.expected
	UNION ALL
	-- Stages of which the timeline knows more than the rows.
	SELECT 'fold', c.ticket_id, format('stage %s: the timeline is in cycle %s, the row %s', c.stage,
		c.cycle, COALESCE('in ' || s.cycle, 'is missing'))
	FROM oms_internal.check_cycle AS c
	JOIN oms.ticket_state AS t ON t.ticket_id = c.ticket_id
	LEFT JOIN oms_internal.check_row AS s ON s.ticket_id = c.ticket_id AND s.stage = c.stage
	WHERE s.cycle IS NULL OR s.cycle < c.cycle
	UNION ALL
	-- Every cycle before the present one is kept.
	SELECT 'fold', s.ticket_id, format('%s: %s earlier cycles are kept, the row is in cycle %s',
		CASE s.stage_no WHEN 0 THEN 'the clock of the ticket' ELSE 'stage ' || s.stage_no END, COALESCE(p.times, 0), s.cycle)
	FROM oms.stage_state AS s
	FULL JOIN (
		SELECT y.ticket_id, y.stage_no, count(*) AS times, max(y.cycle) AS last
		FROM oms.stage_past AS y GROUP BY y.ticket_id, y.stage_no
	) AS p ON p.ticket_id = s.ticket_id AND p.stage_no = s.stage_no
	WHERE s.cycle - 1 IS DISTINCT FROM COALESCE(p.times, 0) OR COALESCE(p.last, 0) >= s.cycle
	UNION ALL
	-- Rows of tickets.
	SELECT 'fold', x.ticket_id, format('%s is %s, the timeline says %s', v.what,
		COALESCE(v.found, 'not set'), COALESCE(v.expected, 'not set'))
	FROM (
		SELECT t.*, oms.ticket_status(t.status) AS status_word,
			CASE WHEN l.after = 'failed' AND e.active_seq > l.seq THEN 'open' ELSE l.after END AS e_status,
			CASE o.status WHEN 'imported' THEN COALESCE(oms_internal.check_when(o.at, o.at, o.note, o.note_digest), t.opened_at) ELSE o.at END AS e_opened_at,
			o.actor AS e_opened_by,
			CASE WHEN l.after IN ('done', 'cancelled')
				THEN COALESCE(oms_internal.check_time(t.ticket_id, t.closed_at, l.at), t.closed_at) END AS e_closed_at,
			e.last_at AS e_last_at,
			CASE WHEN e.payload_seq > COALESCE(e.erased_seq, 0) THEN e.payload_seq ELSE 0 END AS e_data_seq
		FROM oms.ticket_state AS t
		LEFT JOIN (
			SELECT y.ticket_id, max(y.at) AS last_at,
				max(y.seq) FILTER (WHERE y.stage IS NULL AND y.payload IS NOT NULL) AS payload_seq,
				max(y.seq) FILTER (WHERE y.stage IS NULL AND y.payload IS NULL
					AND y.payload_digest IS NOT NULL) AS erased_seq,
				max(y.seq) FILTER (WHERE y.stage IS NOT NULL AND y.status IN ('awaiting', 'queued', 'in_progress',
					'assigned', 'released', 'retry', 'reassigned', 'on_hold', 'resumed')) AS active_seq
			FROM oms.timeline AS y GROUP BY y.ticket_id
		) AS e ON e.ticket_id = t.ticket_id
		LEFT JOIN oms_internal.check_ticket_step AS l ON l.ticket_id = t.ticket_id AND l.is_last
		LEFT JOIN oms.timeline AS o ON o.ticket_id = t.ticket_id AND o.seq = 1 AND o.status IN ('opened', 'imported')
	) AS x
	CROSS JOIN LATERAL (VALUES
		('status', x.status_word, x.e_status),
		('opened_at', x.opened_at::text, x.e_opened_at::text),
		('opened_by', x.opened_by, x.e_opened_by),
		('closed_at', x.closed_at::text, x.e_closed_at::text),
		('last_at', x.last_at::text, x.e_last_at::text),
		('data_seq', x.data_seq::text, x.e_data_seq::text)) AS v (what, found, expected)
	WHERE (x.status_word, x.opened_at, x.opened_by, x.closed_at, x.last_at, x.data_seq)
		IS DISTINCT FROM (x.e_status, x.e_opened_at, x.e_opened_by, x.e_closed_at, x.e_last_at, x.e_data_seq)
		AND v.found IS DISTINCT FROM v.expected;
COMMENT ON VIEW oms_internal.check_fold IS 'for oms.check(): the rows of tickets and stages against what the timeline adds up to';

-- ---- moves ----

CREATE VIEW oms_internal.check_moves (kind, ticket, detail) AS
	-- Stages.
	SELECT 'moves', s.ticket_id, CASE
		WHEN s.event = 'in_progress' AND s.before = 'in_progress' THEN format(
			'event %s: stage %s was taken while somebody had it', s.seq, s.stage)
		ELSE format('event %s: stage %s was %s, which %s does not allow', s.seq, s.stage, s.before,
			s.event) END
	FROM oms_internal.check_step AS s
	WHERE s.before <> ALL (s.from_status) OR s.event IN ('awaiting', 'queued') AND s.before = 'queued' AND s.event_before <> 'retry'
		OR s.event = 'done' AND s.before = 'failed' AND s.worker IS NOT NULL
	UNION ALL
	-- Who has a stage keeps it until somebody else gets it, also while it is on hold; nobody else can finish that.
	SELECT 'moves', s.ticket_id, CASE WHEN s.event = 'done' AND s.before = 'on_hold' AND NOT s.busy_before
		THEN format('event %s: stage %s was on hold and nobody had it, which done does not allow', s.seq, s.stage)
		ELSE format('event %s: stage %s, %s by worker %s after %s', s.seq, s.stage, s.event,
			COALESCE(s.worker, 'nobody'), COALESCE(s.worker_before, 'nobody')) END
	FROM oms_internal.check_step AS s
	WHERE CASE WHEN s.event IN ('in_progress', 'assigned', 'delegated', 'resolved') THEN s.worker IS NULL
		-- by law: a step of the escalation that says so comes right before
		WHEN s.event = 'done' AND s.worker IS NULL THEN s.before = 'on_hold' OR NOT EXISTS (SELECT FROM oms.timeline AS e
			JOIN oms.ticket_state AS t ON t.ticket_id = e.ticket_id
			JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id AND g.stage = e.stage
			CROSS JOIN LATERAL jsonb_array_elements(g.escalation) AS y (step)
			WHERE e.ticket_id = s.ticket_id AND e.stage = s.stage AND e.seq BETWEEN s.seq - 2 AND s.seq - 1
				AND e.status = 'escalated' AND y.step ? 'finishWith')
		WHEN s.event = 'reassigned' THEN s.worker IS NOT NULL
		WHEN s.before IN ('in_progress', 'done', 'skipped', 'cancelled') OR (s.before = 'on_hold' AND s.busy_before)
			THEN s.worker IS DISTINCT FROM s.worker_before
		WHEN s.event = 'done' THEN s.worker IS NULL OR s.before = 'on_hold'
		WHEN s.event = 'failed' AND s.event_before = 'lease_expired' THEN s.worker <> s.worker_before
		ELSE s.worker IS NOT NULL END
	UNION ALL
	-- Attempts count up by one at a retry and after a lease that ran out, and from 1 again once it had failed.
	SELECT 'moves', s.ticket_id, format('event %s: stage %s, attempt %s after %s', s.seq, s.stage,
		s.attempt, COALESCE(s.attempt_before::text, 'none'))
	FROM oms_internal.check_step AS s
	WHERE s.event NOT IN ('sent_back', 'reopened')
		AND CASE WHEN s.event_before IS NULL OR s.event_before IN ('sent_back', 'reopened') THEN s.attempt <> 1
			WHEN s.before = 'failed' AND s.event IN ('retry', 'reassigned') THEN s.attempt <> 1
			WHEN s.event_before = 'lease_expired' AND s.event = 'failed'
				THEN s.attempt NOT IN (s.attempt_before, s.attempt_before + 1)
			ELSE s.attempt <> s.attempt_before
				+ CASE WHEN s.event_before = 'lease_expired' THEN 1 ELSE 0 END
				+ CASE WHEN s.event = 'retry' THEN 1 ELSE 0 END END
	UNION ALL
	SELECT 'moves', s.ticket_id, format('event %s: stage %s, attempt %s of %s', s.seq, s.stage, s.attempt,
		g.max_attempts)
	FROM oms_internal.check_step AS s
	JOIN oms.ticket_state AS t ON t.ticket_id = s.ticket_id
	JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id AND g.stage = s.stage
	WHERE s.attempt > g.max_attempts
	UNION ALL
	-- Cycles follow each other, each after a send_back or reopen that ended the one before.
	SELECT 'moves', c.ticket_id, format('event %s: stage %s, cycle %s begins out of turn', c.first_seq,
		c.stage, c.cycle)
	FROM (
		SELECT y.*, lag(y.last_seq) OVER w AS last_before, sum(y.n_back) OVER w AS times
		FROM oms_internal.check_cycle AS y
		WINDOW w AS (PARTITION BY y.ticket_id, y.stage ORDER BY y.cycle)
	) AS c
	WHERE c.first_seq < c.last_before OR c.cycle <> c.times - c.n_back + 1 OR c.n_back > 1
	UNION ALL
	SELECT 'moves', s.ticket_id, format('event %s: stage %s, %s after cycle %s had ended', s.seq, s.stage,
		s.event, s.cycle)
	FROM oms_internal.check_step AS s
	WHERE s.event_before IN ('sent_back', 'reopened')
	UNION ALL
	-- Tickets.
	SELECT 'moves', s.ticket_id, CASE WHEN s.before IS NULL
		THEN format('event %s: %s, and the ticket was not opened', s.seq, s.event)
		ELSE format('event %s: the ticket was %s, which %s does not allow', s.seq, s.before, s.event) END
	FROM oms_internal.check_ticket_step AS s
	WHERE CASE WHEN s.event IN ('opened', 'imported') THEN s.seq <> 1 ELSE s.before IS NULL OR s.before <> ALL (s.from_status) END
	UNION ALL
	-- Nothing moves in a closed ticket.
	SELECT 'moves', s.ticket_id, format('event %s: %s%s after the ticket was closed', s.seq,
		'stage ' || s.stage || ', ', s.event)
	FROM (
		SELECT e.ticket_id, e.seq, e.stage, e.status AS event,
			max(e.seq) FILTER (WHERE e.status IN ('ticket_done', 'ticket_cancelled')) OVER w AS closed_seq,
			max(e.seq) FILTER (WHERE e.status = 'reopened') OVER w AS opened_seq
		FROM oms.timeline AS e
		WINDOW w AS (PARTITION BY e.ticket_id ORDER BY e.seq)
	) AS s
	WHERE s.closed_seq > COALESCE(s.opened_seq, 0) AND (s.event = 'amended'
		OR s.stage IS NOT NULL AND s.event IN (SELECT m.event FROM oms_internal.check_move AS m));
COMMENT ON VIEW oms_internal.check_moves IS 'for oms.check(): moves that the state table does not allow, two holders at once, attempts and cycles out of turn';

-- ---- dispatch ----

CREATE VIEW oms_internal.check_dispatch (kind, ticket, detail) AS
	-- No stage begins before its dependencies are met: before as many of them as it needs were finished, and had
	-- not gone back since.  A stage to which others were sent back, or that was reopened, follows its event at once.
	SELECT 'dispatch', q.ticket_id, format('stage %s: begun by event %s, with %s of %s dependencies finished',
		q.stage, q.begun_seq, q.finished, q.need)
	FROM (
		SELECT c.ticket_id, c.stage, c.begun_seq, x.need, count(f.stage) AS finished
		FROM oms_internal.check_cycle AS c
		JOIN oms.ticket_state AS t ON t.ticket_id = c.ticket_id
		JOIN oms_internal.check_edge AS x ON x.workflow_id = t.workflow_id AND x.stage = c.stage
		LEFT JOIN oms_internal.check_cycle AS f ON f.ticket_id = c.ticket_id AND f.stage = x.dependency
			AND f.finished_seq < c.begun_seq AND COALESCE(f.back_seq > c.begun_seq, true)
		WHERE c.begun_seq IS NOT NULL
		GROUP BY c.ticket_id, c.stage, c.begun_seq, x.need
		HAVING count(f.stage) < x.need
	) AS q
	WHERE NOT EXISTS (SELECT FROM oms.timeline AS b
		WHERE b.ticket_id = q.ticket_id AND b.seq = q.begun_seq - 1 AND b.status IN ('sent_back', 'reopened'))
	UNION ALL
	-- Nor at an instant before it, where what is done by law has its own.
	SELECT 'dispatch', q.ticket_id, format('stage %s: begun at %s, with %s of %s dependencies finished by then', q.stage, q.begun_at,
		q.in_time, q.need)
	FROM (
		SELECT r.ticket_id, r.stage, c.begun_seq, COALESCE(r.awaiting_at, r.queued_at) AS begun_at, x.need,
			count(*) FILTER (WHERE f.finished_at <= COALESCE(r.awaiting_at, r.queued_at)) AS in_time
		FROM (SELECT DISTINCT g.workflow_id FROM oms_internal.check_graph AS g
			WHERE jsonb_path_exists(g.escalation, 'strict $[*] ? (exists (@.finishWith))', silent => true)) AS l
		JOIN oms_internal.check_row AS r ON r.workflow_id = l.workflow_id
		JOIN oms_internal.check_cycle AS c ON c.ticket_id = r.ticket_id AND c.stage = r.stage AND c.cycle = r.cycle
		JOIN oms_internal.check_edge AS x ON x.workflow_id = r.workflow_id AND x.stage = r.stage
		JOIN oms_internal.check_row AS f ON f.ticket_id = r.ticket_id AND f.stage = x.dependency AND f.status IN ('d', 's')
		WHERE c.begun_seq IS NOT NULL AND NOT EXISTS (SELECT FROM oms_internal.check_import AS i WHERE i.ticket_id = r.ticket_id)
		GROUP BY r.ticket_id, r.stage, c.begun_seq, r.awaiting_at, r.queued_at, x.need
		HAVING count(*) >= x.need
	) AS q
	WHERE q.in_time < q.need AND NOT EXISTS (SELECT FROM oms.timeline AS b
		WHERE b.ticket_id = q.ticket_id AND b.seq = q.begun_seq - 1 AND b.status IN ('sent_back', 'reopened'))
	UNION ALL
	SELECT 'dispatch', c.ticket_id, format('stage %s: queued %s times in cycle %s', c.stage, c.n_queued, c.cycle)
	FROM oms_internal.check_cycle AS c
	WHERE c.n_queued > 1
	UNION ALL
	SELECT 'dispatch', c.ticket_id, format('stage %s: citizens were told %s times in cycle %s that it began', c.stage, c.n_shown,
		c.cycle)
	FROM oms_internal.check_cycle AS c
	WHERE c.n_shown <> 1 AND c.begun_seq IS NOT NULL
	UNION ALL
	-- A manual stage is started by hand, which a note in its event tells, or goes back.
	SELECT 'dispatch', e.ticket_id, format('stage %s: begun by event %s, but it is manual', e.stage, e.seq)
	FROM oms_internal.check_graph AS g
	JOIN oms.ticket_state AS t ON t.workflow_id = g.workflow_id
	JOIN oms.timeline AS e ON e.ticket_id = t.ticket_id AND e.stage = g.stage
	WHERE g.manual AND e.status IN ('awaiting', 'queued') AND CASE WHEN e.note IS NULL THEN e.note_digest IS NULL
			ELSE e.note !~ '^(at [^ ]+, )?(started by hand|moment)' END
		AND NOT EXISTS (SELECT FROM oms.timeline AS b
			WHERE b.ticket_id = e.ticket_id AND b.seq = e.seq - 1 AND b.status IN ('sent_back', 'reopened', 'retry'))
	UNION ALL
	-- What has its dependencies met now was begun or skipped in its cycle, unless it was taken back and waits for
	-- a stage to be done again.
	SELECT 'dispatch', m.ticket_id, format('stage %s: not begun, though its dependencies are met', m.stage)
	FROM (
		SELECT t.ticket_id, t.status, t.workflow_id, g.stage_no, g.stage, g.need
		FROM oms.ticket_state AS t
		JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id AND g.need = 0 AND NOT g.manual
		UNION ALL
		SELECT f.ticket_id, f.ticket_status, f.workflow_id, x.stage_no, x.stage, x.need
		FROM (
			-- DISTINCT, so that the planner takes the rows of a ticket before it looks at the edges
			SELECT DISTINCT r.ticket_id, r.ticket_status, r.workflow_id, r.stage
			FROM oms_internal.check_row AS r
			WHERE r.status IN ('d', 's')
		) AS f
		JOIN oms_internal.check_edge AS x ON x.workflow_id = f.workflow_id AND x.dependency = f.stage
		WHERE NOT x.manual
		GROUP BY f.ticket_id, f.ticket_status, f.workflow_id, x.stage_no, x.stage, x.need
		HAVING count(*) >= x.need
	) AS m
	LEFT JOIN oms.stage_state AS s ON s.ticket_id = m.ticket_id AND s.stage_no = m.stage_no
	LEFT JOIN oms_internal.check_cycle AS c
		ON c.ticket_id = m.ticket_id AND c.stage = m.stage AND c.cycle = COALESCE(s.cycle, 1)
	WHERE m.status IN ('o', 'f', 'd', 'h') AND c.begun_seq IS NULL AND c.finished_seq IS NULL
		AND NOT EXISTS (SELECT FROM oms.rework AS b WHERE b.ticket_id = m.ticket_id AND b.stage = m.stage)
	UNION ALL
	-- Only what went back and has not begun since waits for a stage to be done again, and only until it is.
	SELECT 'dispatch', w.ticket_id, format('stage %s: waits for rework of %s, which %s', w.stage, w.back_to,
		CASE WHEN b.status IN ('d', 's') THEN 'is finished' ELSE 'it has no reason to' END)
	FROM oms.rework AS w
	LEFT JOIN oms_internal.check_row AS s ON s.ticket_id = w.ticket_id AND s.stage = w.stage
	LEFT JOIN oms_internal.check_row AS b ON b.ticket_id = w.ticket_id AND b.stage = w.back_to
	WHERE b.status IN ('d', 's') OR COALESCE(s.cycle, 1) = 1 OR s.status NOT IN ('w', 'x')
	UNION ALL
	-- A stage that was taken back does not begin before the dependency was done again that it was taken back to,
	-- whatever its join: the one that went back with it and was queued right after.  Of those that were reopened
	-- only that for which it was asked is public.
	SELECT 'dispatch', g.ticket_id, format('stage %s: begun by event %s, before the rework of %s was finished',
		g.stage, n.seq, x.dependency)
	FROM oms.timeline AS g
	JOIN oms.ticket_state AS t ON t.ticket_id = g.ticket_id
	JOIN oms_internal.check_edge AS x ON x.workflow_id = t.workflow_id AND x.stage = g.stage
	JOIN oms.timeline AS q ON q.ticket_id = g.ticket_id AND q.stage = x.dependency AND q.status IN ('awaiting', 'queued')
		AND q.seq > g.seq AND q.at = g.at
	JOIN oms.timeline AS n ON n.ticket_id = g.ticket_id AND n.stage = g.stage AND n.status IN ('awaiting', 'queued')
		AND n.seq > q.seq AND n.cycle = g.cycle + 1
	WHERE g.status IN ('sent_back', 'reopened')
		AND EXISTS (SELECT FROM oms.timeline AS b WHERE b.ticket_id = q.ticket_id AND b.seq = q.seq - 1
			AND b.status IN ('sent_back', 'reopened'))
		AND EXISTS (SELECT FROM oms.timeline AS b WHERE b.ticket_id = q.ticket_id AND b.stage = q.stage
			AND b.cycle = q.cycle - 1 AND (b.status = 'sent_back' OR b.status = 'reopened' AND b.public))
		AND NOT EXISTS (SELECT FROM oms.timeline AS b WHERE b.ticket_id = n.ticket_id AND b.seq = n.seq - 1
			AND b.status IN ('sent_back', 'reopened'))
		AND NOT EXISTS (SELECT FROM oms.timeline AS b WHERE b.ticket_id = q.ticket_id AND b.stage = q.stage
			AND b.seq BETWEEN q.seq AND n.seq AND b.status IN ('done', 'skipped', 'sent_back', 'reopened'))
	UNION ALL
	-- A condition skips a stage if it is known to be false, and only then.  What an erasure took away
	-- cannot be judged any more.
	SELECT 'dispatch', q.ticket_id, format('stage %s: %s by event %s, though its condition is %sknown to be false',
		q.stage, q.event, q.seq, CASE q.event WHEN 'skipped' THEN 'not ' ELSE '' END)
	FROM (
		SELECT e.ticket_id, e.stage, e.seq, e.status AS event,
			COALESCE(CASE WHEN jsonb_typeof(d.payload -> 'amount') = 'number'
				THEN (d.payload -> 'amount')::numeric < g.min_amount END, false)
			OR COALESCE(NOT jsonb_path_match(d.payload,
				('strict ' || regexp_replace(g.condition, '^[[:space:]]*strict[[:space:]]', ''))::jsonpath,
				jsonb_build_object('stages', COALESCE(o.outputs, '{}')), true), false) AS known_false
		FROM oms_internal.check_graph AS g
		JOIN oms.ticket_state AS t ON t.workflow_id = g.workflow_id
		JOIN oms.timeline AS e ON e.ticket_id = t.ticket_id AND e.stage = g.stage
		-- the data and the outputs as they were then
		CROSS JOIN LATERAL (
			SELECT y.payload
			FROM oms.timeline AS y
			WHERE y.ticket_id = e.ticket_id AND y.seq < e.seq AND y.stage IS NULL
				AND (y.payload IS NOT NULL OR y.payload_digest IS NOT NULL)
			ORDER BY y.seq DESC LIMIT 1
		) AS d
		CROSS JOIN LATERAL (
			SELECT jsonb_object_agg(z.stage, COALESCE(z.payload, '{}')) AS outputs,
				COALESCE(bool_or(z.payload IS NULL AND z.payload_digest IS NOT NULL), false) AS erased
			FROM (
				SELECT DISTINCT ON (y.stage) y.stage, y.status, y.payload, y.payload_digest
				FROM oms.timeline AS y
				WHERE y.ticket_id = e.ticket_id AND y.seq < e.seq AND y.stage IS NOT NULL
					AND (y.status IN ('done', 'sent_back', 'reopened') OR y.payload IS NOT NULL
						OR y.payload_digest IS NOT NULL)
					AND g.condition IS NOT NULL
				ORDER BY y.stage, y.seq DESC
			) AS z
			WHERE z.status NOT IN ('sent_back', 'reopened')
		) AS o
		WHERE d.payload IS NOT NULL AND NOT g.manual AND (g.min_amount IS NOT NULL OR g.condition IS NOT NULL) AND NOT o.erased
			AND CASE WHEN e.status IN ('awaiting', 'queued') THEN NOT EXISTS (SELECT FROM oms.timeline AS b
					WHERE b.ticket_id = e.ticket_id AND (b.seq = e.seq - 1 AND b.status IN ('sent_back', 'reopened')
						OR b.seq < e.seq AND b.stage = e.stage AND b.cycle = e.cycle AND b.status = 'awaiting'))
				WHEN e.status = 'skipped' THEN e.note ~ '^(at [^ ]+, )?condition is false$' ELSE false END
	) AS q
	WHERE (q.event <> 'skipped') = q.known_false
	UNION ALL
	-- A moment is that much open time after the stage began to await it, unless somebody does not wait for it.
	SELECT 'dispatch', m.ticket_id, format('stage %s: its moment is %s, which is not when its delay is over', m.stage, m.moment)
	FROM (
		SELECT a.ticket_id, a.stage, oms_internal.check_since(a.ticket_id, a.seq,
				oms_internal.check_when(a.at, i.at, a.note, a.note_digest)) AS since, g.delay_us,
			substring(a.note, 'until ([-0-9]+T[:.0-9]+Z)$')::timestamptz AS moment,
			CASE WHEN g.calendar IS NULL THEN '' ELSE c.name END AS calendar
		FROM oms_internal.check_graph AS g
		JOIN oms.ticket_state AS t ON t.workflow_id = g.workflow_id
		JOIN oms.timeline AS a ON a.ticket_id = t.ticket_id AND a.stage = g.stage AND a.status = 'awaiting'
		LEFT JOIN oms_internal.check_import AS i ON i.ticket_id = a.ticket_id
		-- one that has not changed since
		LEFT JOIN oms_internal.check_calendar AS c ON c.name = g.calendar
			AND NOT EXISTS (SELECT FROM oms.calendar AS l WHERE l.name = c.name AND l.calendar_id = c.calendar_id AND l.created_at > a.at)
		WHERE g.delay_us IS NOT NULL AND g.start_at IS NULL
	) AS m
	WHERE EXISTS (SELECT FROM unnest(m.since) AS s (at)
		HAVING bool_and(oms_internal.check_open(m.calendar, s.at, m.moment) <> m.delay_us
			OR oms_internal.check_open(m.calendar, s.at, m.moment - '1 microsecond'::interval) >= m.delay_us))
	UNION ALL
	-- It is queued at its moment, or when a hold ends after that; not before, and the row says the same.
	SELECT 'dispatch', m.ticket_id, format('stage %s: queued by event %s, at another moment than it awaited', m.stage, m.seq)
	FROM (
		SELECT q.ticket_id, q.stage, q.seq, q.at, substring(q.note, '^moment ([-0-9]+T[:.0-9]+Z)')::timestamptz AS moment,
			substring(a.note, 'until ([-0-9]+T[:.0-9]+Z)$')::timestamptz AS awaited
		FROM oms.timeline AS q
		JOIN oms.timeline AS a ON a.ticket_id = q.ticket_id AND a.stage = q.stage AND a.cycle = q.cycle AND a.seq < q.seq
		WHERE q.status = 'queued' AND a.status = 'awaiting'
			AND NOT EXISTS (SELECT FROM oms.timeline AS b WHERE b.ticket_id = a.ticket_id AND b.stage = a.stage
				AND b.cycle = a.cycle AND b.status = 'awaiting' AND b.seq > a.seq)
	) AS m
	WHERE m.moment <> m.awaited OR m.moment > m.at
	UNION ALL
	SELECT 'dispatch', r.ticket_id, format('stage %s: it awaits %s, the timeline says %s', r.stage, r.wake_at,
		substring(a.note, 'until ([-0-9]+T[:.0-9]+Z)$'))
	FROM oms_internal.check_row AS r
	JOIN oms.timeline AS a ON a.ticket_id = r.ticket_id AND a.stage = r.stage AND a.cycle = r.cycle AND a.status = 'awaiting'
	LEFT JOIN oms_internal.check_import AS i ON i.ticket_id = a.ticket_id
	WHERE r.awaiting_at = ANY (oms_internal.check_since(a.ticket_id, a.seq, oms_internal.check_when(a.at, i.at, a.note, a.note_digest)))
		AND NOT EXISTS (SELECT FROM oms.timeline AS b WHERE b.ticket_id = a.ticket_id AND b.stage = a.stage AND b.cycle = a.cycle
			AND b.status = 'awaiting' AND b.seq > a.seq)
		AND r.wake_at IS NOT NULL AND r.wake_at <> substring(a.note, 'until ([-0-9]+T[:.0-9]+Z)$')::timestamptz
	UNION ALL
	-- With startAt it is no earlier than that, where the date says so by itself, nor than the delay; and on a calendar an
	-- opening time, if only a date is given.
	SELECT 'dispatch', m.ticket_id, format('stage %s: its moment is %s, startAt says %s', m.stage, m.moment, m.start)
	FROM (
		SELECT a.ticket_id, a.stage, oms_internal.check_since(a.ticket_id, a.seq,
				oms_internal.check_when(a.at, i.at, a.note, a.note_digest)) AS since, g.delay_us, CASE WHEN g.calendar IS NULL THEN '' ELSE c.name END AS calendar,
			substring(a.note, 'until ([-0-9]+T[:.0-9]+Z)$')::timestamptz AS moment, v.start,
			CASE WHEN v.start ~ '^[-0-9]{10}$' THEN v.start::timestamp AT TIME ZONE COALESCE(c.timezone, 'UTC')
				WHEN v.start ~ '(Z|[-+][0-9]{2}(:?[0-9]{2})?)$' THEN v.start::timestamptz
				ELSE v.start::timestamp AT TIME ZONE COALESCE(c.timezone, 'UTC') END AS start_at
		FROM oms_internal.check_graph AS g
		JOIN oms.ticket_state AS t ON t.workflow_id = g.workflow_id
		JOIN oms.timeline AS a ON a.ticket_id = t.ticket_id AND a.stage = g.stage AND a.status = 'awaiting'
		LEFT JOIN oms_internal.check_import AS i ON i.ticket_id = a.ticket_id
		LEFT JOIN oms_internal.check_calendar AS c ON c.name = g.calendar
			AND NOT EXISTS (SELECT FROM oms.calendar AS l WHERE l.name = c.name AND l.calendar_id = c.calendar_id AND l.created_at > a.at)
		CROSS JOIN LATERAL (
			SELECT y.payload FROM oms.timeline AS y
			WHERE y.ticket_id = a.ticket_id AND y.seq < a.seq AND y.stage IS NULL AND (y.payload IS NOT NULL OR y.payload_digest IS NOT NULL)
			ORDER BY y.seq DESC LIMIT 1
		) AS d
		CROSS JOIN LATERAL (SELECT jsonb_path_query_first(d.payload, g.start_at::jsonpath, '{"stages":{}}', true) #>> '{}' AS start) AS v
		WHERE g.start_at IS NOT NULL AND g.start_at NOT LIKE '%$stages%' AND d.payload IS NOT NULL
			AND (g.calendar IS NULL OR c.name IS NOT NULL)
	) AS m
	WHERE m.moment < m.start_at OR EXISTS (SELECT FROM unnest(m.since) AS s (at)
		HAVING bool_and(m.moment < s.at
			OR m.delay_us IS NOT NULL AND oms_internal.check_open(m.calendar, s.at, m.moment) < m.delay_us
			OR m.moment > m.start_at AND oms_internal.check_open(m.calendar, m.start_at, m.moment) > 0
				AND oms_internal.check_open(m.calendar, s.at, m.moment - '1 microsecond'::interval) >= COALESCE(m.delay_us, 0)))
	UNION ALL
	-- A stage waits for the message that its definition names, and for the key that the data gave.
	SELECT 'dispatch', r.ticket_id, format('stage %s: it waits for message %s with key %s, the definition says %s with %s', r.stage,
		COALESCE(r.waits_for, 'none'), COALESCE(r.waits_key, 'none'), COALESCE(g.message, 'none'), COALESCE(k.key, 'another'))
	FROM oms_internal.check_row AS r
	JOIN oms_internal.check_graph AS g ON g.workflow_id = r.workflow_id AND g.stage_no = r.stage_no
	LEFT JOIN LATERAL (
		SELECT CASE WHEN g.message_key IS NULL THEN r.ticket_id::text
			WHEN g.message_key LIKE '%$stages%' THEN r.waits_key
			WHEN jsonb_typeof(v.key) = 'number' THEN trim_scale(v.key::numeric)::text ELSE v.key #>> '{}' END AS key
		FROM (SELECT jsonb_path_query_first((
			SELECT y.payload FROM oms.timeline AS y JOIN oms.timeline AS a ON a.ticket_id = y.ticket_id AND a.stage = r.stage
				AND a.cycle = r.cycle AND a.status = 'awaiting'
			WHERE y.ticket_id = r.ticket_id AND y.seq < a.seq AND y.stage IS NULL AND (y.payload IS NOT NULL OR y.payload_digest IS NOT NULL)
			ORDER BY a.seq DESC, y.seq DESC LIMIT 1), COALESCE(g.message_key, '$')::jsonpath, '{"stages":{}}', true) AS key) AS v
	) AS k ON r.waits_key IS NOT NULL
	WHERE CASE WHEN r.status = 'a' OR r.held_from = 'a' THEN r.waits_for IS DISTINCT FROM g.message
			OR r.waits_key IS NOT NULL AND r.waits_key IS DISTINCT FROM COALESCE(k.key, r.waits_key)
		ELSE r.waits_for IS NOT NULL OR r.waits_key IS NOT NULL END;
COMMENT ON VIEW oms_internal.check_dispatch IS 'for oms.check(): stages begun too early, twice, by themselves, not at all, or against their condition';

-- ---- stuck ----

CREATE VIEW oms_internal.check_stuck (kind, ticket, detail) AS
	SELECT 'stuck', t.ticket_id, format('the ticket is %s and has no next move', oms.ticket_status(t.status))
	FROM oms.ticket_state AS t
	WHERE (t.status = 'o' OR t.status = 'h' AND t.n_failed = 0)
		AND NOT EXISTS (SELECT FROM oms.stage_state AS s
			WHERE s.ticket_id = t.ticket_id AND s.status IN ('a', 'q', 'p', 'h'))
	UNION ALL
	-- A ticket is done when what is left comes after a manual stage that nobody started, or waits for such a one
	-- to be done again; what waits for itself by some way does not.
	SELECT 'stuck', t.ticket_id, format('the ticket is done with stages that are not and wait for no manual one: %s',
		string_agg(g.stage, ', ' ORDER BY g.stage_no))
	FROM oms.ticket_state AS t
	JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id
	WHERE t.status = 'd' AND NOT g.manual
		AND get_bit(t.finished, g.stage_no - 1) = 0
		AND g.stage NOT IN (
			WITH RECURSIVE behind (stage) AS (
				SELECT y.stage FROM oms_internal.check_graph AS y
				WHERE y.workflow_id = t.workflow_id AND y.manual AND get_bit(t.finished, y.stage_no - 1) = 0
				UNION
				SELECT n.stage FROM behind AS y
				CROSS JOIN LATERAL (
					SELECT x.stage FROM oms_internal.check_edge AS x WHERE x.workflow_id = t.workflow_id AND x.dependency = y.stage
					UNION ALL
					SELECT w.stage FROM oms.rework AS w WHERE w.ticket_id = t.ticket_id AND w.back_to = y.stage
				) AS n
			)
			SELECT y.stage FROM behind AS y)
	GROUP BY t.ticket_id
	UNION ALL
	SELECT 'stuck', r.ticket_id, format('stage %s: queued, but never to be claimed', r.stage)
	FROM oms_internal.check_row AS r
	WHERE r.status = 'q' AND (r.ready_at IS NULL OR r.ready_at = 'infinity')
	UNION ALL
	SELECT 'stuck', r.ticket_id, format('stage %s: it awaits nothing', r.stage)
	FROM oms_internal.check_row AS r
	WHERE (r.status = 'a' OR r.held_from = 'a') AND r.wake_at IS NULL AND r.waits_for IS NULL
	UNION ALL
	-- A message that is kept and a stage that waits for it have not missed each other; what staff sent is for all stages.
	SELECT 'stuck', r.ticket_id, format('stage %s: it waits for message %s with key %s, and one is kept', r.stage, r.waits_for, r.waits_key)
	FROM oms_internal.check_row AS r
	WHERE r.status = 'a' AND r.wake_at IS NULL AND EXISTS (SELECT FROM oms.kept_message AS k
		JOIN pg_roles AS s ON s.rolname = k.sender
		WHERE k.name = r.waits_for AND k.key = r.waits_key AND NOT k.pending AND k.expires_at > oms.clock()
			AND has_function_privilege(s.oid, 'oms.get_ticket(oms.ticket_id)', 'EXECUTE'));
COMMENT ON VIEW oms_internal.check_stuck IS 'for oms.check(): open tickets in which nothing can happen any more';

-- ---- breach ----

CREATE VIEW oms_internal.check_breach (kind, ticket, detail) AS
	-- When a clock is due stands in its row, which check_clock recomputes.
	SELECT 'breach', c.ticket_id, format('%s: %s', c.name, p.problem)
	FROM oms_internal.check_clock_row AS c
	CROSS JOIN LATERAL (VALUES
		(c.n_breached > 1, 'breached more than once'),
		(c.was_breached_at <= c.due_at AND COALESCE(c.extended_seq < c.breached_seq, true), 'breached before it was due'),
		(c.n_breached > 0 AND (c.first_seq IS NULL OR c.breached_seq < c.first_seq), 'breached before it was queued'),
		(c.breached_seq > c.ended_seq, 'breached after it had ended'),
		(c.ended_at > c.due_at AND c.n_breached = 0, 'ended later than due, and no breach'),
		(c.was_breached_at IS DISTINCT FROM c.breached_at, 'the row says otherwise about the breach')) AS p (found, problem)
	WHERE p.found
	UNION ALL
	-- Whatever is done later than due comes after the breach.  A lease that had run out before is told first.
	SELECT 'breach', e.ticket_id, format('event %s: stage %s, %s later than due and before the breach',
		e.seq, c.stage, e.status)
	FROM oms_internal.check_any_row AS r
	JOIN oms.ticket_state AS t ON t.ticket_id = r.ticket_id
	JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id AND g.stage_no = r.stage_no
	JOIN oms_internal.check_cycle AS c ON c.ticket_id = r.ticket_id AND c.stage = g.stage AND c.cycle = r.cycle
	JOIN oms.timeline AS e ON e.ticket_id = c.ticket_id AND e.stage = c.stage AND e.cycle = c.cycle
	WHERE e.at > r.due_at AND e.seq > CASE WHEN g.message IS NULL THEN c.queued_seq ELSE c.begun_seq END
		AND CASE WHEN c.breached_seq IS NULL THEN c.ended_seq IS NULL ELSE e.seq < c.breached_seq END
		AND e.status IN ('in_progress', 'assigned', 'delegated', 'resolved', 'released', 'retry', 'on_hold', 'done', 'skipped',
			'cancelled');
COMMENT ON VIEW oms_internal.check_breach IS 'for oms.check(): breaches recorded twice, too early, too late or not at all';

-- ---- clock ----

CREATE VIEW oms_internal.check_calendars (kind, ticket, detail) AS
	SELECT 'calendars', NULL::oms.ticket_id, format('calendar %s cannot be read: %s', a.name, p.problem)
	FROM oms.calendar AS a
	CROSS JOIN LATERAL (SELECT oms.calendar_problem(a.name) AS problem) AS p
	WHERE a.current AND p.problem IS NOT NULL;
COMMENT ON VIEW oms_internal.check_calendars IS 'for oms.check(): calendars that this server cannot read';

-- The pieces of clocks with what came before each, and the event that ended it.  The open time of a piece is known
-- if the calendar by which it ran is still the current one of its name.
CREATE VIEW oms_internal.check_segment AS
	SELECT s.*, lag(s.seq) OVER w AS seq_before, lag(s.ended_at) OVER w AS ended_before,
		CASE WHEN s.calendar_id = 0 THEN '' ELSE a.name END AS by_calendar,
		e.status AS event, e.at AS event_at, e.cycle AS event_cycle, e.stage AS event_stage
	FROM oms.clock_segment AS s
	LEFT JOIN oms_internal.check_calendar AS a ON a.calendar_id = s.calendar_id
	LEFT JOIN oms.timeline AS e ON e.ticket_id = s.ticket_id AND e.seq = s.seq
	WINDOW w AS (PARTITION BY s.ticket_id, s.stage_no, s.cycle ORDER BY s.seq);
COMMENT ON VIEW oms_internal.check_segment IS 'for oms.check(): the pieces of clocks with the events that ended them';

CREATE VIEW oms_internal.check_segments AS
	SELECT s.ticket_id, s.stage_no, s.cycle, min(s.started_at) AS first_at, max(s.ended_at) AS last_at,
		sum(s.open_us)::int8 AS open_us,
		bool_or(s.ended_before <> s.started_at) AS torn,
		range_agg(tstzrange(s.started_at, s.ended_at))
			FILTER (WHERE NOT s.ran AND s.started_at < s.ended_at) AS stood,
		array_agg(s.seq ORDER BY s.seq) AS seqs,
		array_agg(s.ended_at ORDER BY s.seq) AS ends,
		array_agg(s.open_us ORDER BY s.seq) AS opens,
		array_agg(s.calendar_id ORDER BY s.seq) AS calendars
	FROM oms_internal.check_segment AS s
	GROUP BY s.ticket_id, s.stage_no, s.cycle;
COMMENT ON VIEW oms_internal.check_segments IS 'for oms.check(): the pieces of the clock of a cycle, added up';

-- The limit that a clock has to have that begins with an event: {microseconds, NULL}, {NULL, days}, or {NULL, NULL} for none; NULL:
-- not known, since content was erased or the calendar is not that of then.
CREATE FUNCTION oms_internal.check_limit(ticket oms.ticket_id, at_seq int, at timestamptz, sla_us bigint, sla_days int, rules jsonb,
		due_path text, calendar text, timezone text) RETURNS bigint[]
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN (
		SELECT CASE WHEN d.payload IS NULL OR o.erased THEN NULL
			WHEN v.text IS NULL THEN ARRAY[b.us, b.days]
			WHEN m.us IS NULL OR b.days IS NOT NULL AND n.us IS NULL THEN NULL
			WHEN m.us < COALESCE(b.us, n.us, 9223372036854775807) THEN ARRAY[m.us, NULL]
			ELSE ARRAY[b.us, b.days] END
		FROM (
			-- the data and the outputs as they were then
			SELECT y.payload
			FROM oms.timeline AS y
			WHERE y.ticket_id = ticket AND y.seq < at_seq AND y.stage IS NULL
				AND (y.payload IS NOT NULL OR y.payload_digest IS NOT NULL)
			ORDER BY y.seq DESC LIMIT 1
		) AS d
		CROSS JOIN LATERAL (
			SELECT jsonb_build_object('stages', COALESCE(jsonb_object_agg(z.stage, COALESCE(z.payload, '{}')), '{}')) AS outputs,
				COALESCE(bool_or(z.payload IS NULL AND z.payload_digest IS NOT NULL), false) AS erased
			FROM (
				SELECT DISTINCT ON (y.stage) y.stage, y.status, y.payload, y.payload_digest
				FROM oms.timeline AS y
				WHERE y.ticket_id = ticket AND y.seq < at_seq AND y.stage IS NOT NULL
					AND y.status IN ('done', 'changed', 'sent_back', 'reopened')
				ORDER BY y.stage, y.seq DESC
			) AS z
			WHERE z.status NOT IN ('sent_back', 'reopened')
		) AS o
		CROSS JOIN LATERAL (
			SELECT r.rule
			FROM jsonb_array_elements(COALESCE(rules, '[{}]')) WITH ORDINALITY AS r (rule, no)
			WHERE NOT r.rule ? 'when' OR COALESCE(jsonb_path_match(d.payload,
				('strict ' || regexp_replace(r.rule ->> 'when', '^[[:space:]]*strict[[:space:]]', ''))::jsonpath, o.outputs, true), false)
			ORDER BY r.no LIMIT 1
		) AS r
		CROSS JOIN LATERAL (
			SELECT COALESCE((r.rule ->> 'mins')::numeric::int8 * 60000000, sla_us) AS us,
				COALESCE((r.rule ->> 'days')::numeric::int8, sla_days) AS days
		) AS b
		CROSS JOIN LATERAL (
			SELECT jsonb_path_query_first(d.payload, due_path::jsonpath, o.outputs, true) #>> '{}' AS text
		) AS v
		-- open time until the moment; a date alone lasts until the end of the first open one.  By their ordinality the dates
		-- are known to be in order, so no more are looked at than it takes.
		CROSS JOIN LATERAL (
			SELECT CASE WHEN length(v.text) = 10 THEN (
					SELECT oms_internal.check_open(calendar, at, y.day_end)
					FROM (SELECT d.no, (v.text::date + d.i)::timestamp AT TIME ZONE timezone AS day_start,
							(v.text::date + d.i + 1)::timestamp AT TIME ZONE timezone AS day_end
						FROM generate_series(0, 400) WITH ORDINALITY AS d (i, no)) AS y
					WHERE oms_internal.check_open(calendar, y.day_start, y.day_end) > 0
					ORDER BY y.no LIMIT 1)
				WHEN v.text ~* '[0-9](z|[-+][0-9:]+)$' AND v.text ~* '[t ].*(z|[-+])' THEN oms_internal.check_open(calendar, at, v.text::timestamptz)
				ELSE oms_internal.check_open(calendar, at, v.text::timestamp AT TIME ZONE timezone) END AS us
		) AS m
		-- and until the end of as many open dates
		CROSS JOIN LATERAL (
			SELECT CASE WHEN b.days IS NOT NULL AND v.text IS NOT NULL THEN (
				SELECT oms_internal.check_open(calendar, at, y.day_end)
				FROM (SELECT d.no, ((at AT TIME ZONE timezone)::date + d.i::int)::timestamp AT TIME ZONE timezone AS day_start,
						((at AT TIME ZONE timezone)::date + d.i::int + 1)::timestamp AT TIME ZONE timezone AS day_end
					FROM generate_series(1, b.days * 7 + 400) WITH ORDINALITY AS d (i, no)) AS y
				WHERE oms_internal.check_open(calendar, y.day_start, y.day_end) > 0
				ORDER BY y.no OFFSET b.days - 1 LIMIT 1) END AS us
		) AS n);
COMMENT ON FUNCTION oms_internal.check_limit(oms.ticket_id, int, timestamptz, bigint, int, jsonb, text, text, text) IS 'for oms.check(): the limit that a clock has to have which begins with an event';

-- What was added to the limit of a cycle of a stage (NULL: the ticket) by its events: {microseconds, days}; NULL: not known.
CREATE FUNCTION oms_internal.check_more(ticket oms.ticket_id, stage text, from_seq int, to_seq int) RETURNS bigint[]
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN (
		SELECT CASE WHEN bool_and(p.kind IS NOT NULL) THEN ARRAY[
			COALESCE(sum(CASE WHEN p.kind[2] = 'minute' THEN p.kind[1]::numeric * 60000000 ELSE p.kind[3]::numeric * 1000000 END), 0),
			COALESCE(sum(p.kind[1]::int8) FILTER (WHERE p.kind[2] = 'day' AND p.kind[3] IS NULL), 0)]::int8[] END
		FROM oms.timeline AS e
		CROSS JOIN LATERAL (SELECT regexp_match(e.note, '^([0-9]+) (minute|day)s? more(?: [(]([0-9.]+) s of open time[)])?') AS kind) AS p
		WHERE e.ticket_id = ticket AND e.stage IS NOT DISTINCT FROM check_more.stage AND e.status = 'extended'
			AND e.seq > from_seq AND e.seq < COALESCE(to_seq, 2147483647));
COMMENT ON FUNCTION oms_internal.check_more(oms.ticket_id, text, int, int) IS 'for oms.check(): what was added to the limit of a clock in a cycle';

-- The clocks with their pieces: what the clock showed when its due time was set for the last time (since_at, used_us,
-- by the calendar due_calendar), and for how long it should have stood.
CREATE VIEW oms_internal.check_watch AS
	SELECT w.*,
		-- what is not known is as the row says, and so are minutes that were added to days
		CASE WHEN w.limit_days IS NOT NULL THEN NULL
			WHEN w.base IS NULL OR w.extended_seq IS NOT NULL AND (w.more IS NULL OR w.base[2] IS NOT NULL) THEN w.limit_us
			ELSE w.base[1] + COALESCE(w.more[1], 0) END AS def_us,
		CASE WHEN w.base IS NULL OR w.extended_seq IS NOT NULL AND (w.more IS NULL OR w.limit_days IS NULL) THEN w.limit_days
			ELSE w.base[2] + COALESCE(w.more[2], 0) END AS def_days,
		CASE WHEN w.calendar_id = 0 THEN '' ELSE a.name END AS by_calendar,
		CASE WHEN w.due_calendar_id = 0 THEN '' ELSE b.name END AS due_calendar, d.name AS calendar_name,
		COALESCE(b.timezone, 'UTC') AS timezone,
		((CASE WHEN isfinite(w.due_at) THEN w.due_at END - '1 microsecond'::interval)
			AT TIME ZONE COALESCE(b.timezone, 'UTC'))::date AS due_date
	FROM (
		SELECT k.*,
			CASE WHEN k.rules IS NULL AND k.due_path IS NULL THEN ARRAY[k.sla_us, k.sla_days]
				WHEN k.first_at IS NULL OR k.limit_us IS NULL AND k.due_path IS NOT NULL THEN NULL
				ELSE oms_internal.check_limit(k.ticket_id, k.first_seq, k.first_at, k.sla_us, k.sla_days, k.rules, k.due_path,
					CASE WHEN k.calendar IS NULL THEN '' ELSE (SELECT y.name FROM oms_internal.check_calendar AS y
						JOIN oms.calendar AS z ON z.calendar_id = y.calendar_id
						WHERE y.calendar_id = k.calendar_id AND z.created_at <= k.first_at) END,
					COALESCE((SELECT y.timezone FROM oms_internal.check_calendar AS y WHERE y.calendar_id = k.calendar_id), 'UTC')) END AS base,
			CASE WHEN k.extended_seq IS NOT NULL THEN oms_internal.check_more(k.ticket_id, k.stage, k.first_seq, k.ended_seq) END AS more,
			NULLIF(s.stood * tstzmultirange(tstzrange(k.first_at, NULL)), '{}') AS should_stand, g.stood, g.torn, g.first_at AS piece_first_at,
			COALESCE(g.last_at, k.first_at) AS piece_last_at, COALESCE(g.open_us, 0) AS piece_us,
			CASE WHEN k.breached_seq IS NULL OR g.seqs IS NULL THEN COALESCE(g.last_at, k.first_at)
				ELSE COALESCE((SELECT max(u.ended_at) FROM ROWS FROM (unnest(g.seqs), unnest(g.ends))
					AS u (seq, ended_at) WHERE u.seq < k.breached_seq), k.first_at) END AS since_at,
			CASE WHEN k.breached_seq IS NULL OR g.seqs IS NULL THEN COALESCE(g.open_us, 0)
				ELSE COALESCE((SELECT sum(u.open_us) FROM ROWS FROM (unnest(g.seqs), unnest(g.opens))
					AS u (seq, open_us) WHERE u.seq < k.breached_seq), 0)::int8 END AS used_us,
			CASE WHEN k.breached_seq IS NULL OR g.seqs IS NULL THEN k.calendar_id
				ELSE COALESCE((SELECT u.calendar_id FROM ROWS FROM (unnest(g.seqs), unnest(g.calendars))
					AS u (seq, calendar_id) WHERE u.seq > k.breached_seq ORDER BY u.seq LIMIT 1), k.calendar_id) END
				AS due_calendar_id
		FROM oms_internal.check_clock_row AS k
		LEFT JOIN oms_internal.check_segments AS g
			ON g.ticket_id = k.ticket_id AND g.stage_no = k.stage_no AND g.cycle = k.cycle
		LEFT JOIN oms_internal.check_stops AS s
			ON s.ticket_id = k.ticket_id AND s.stage_no = k.stage_no AND s.cycle = k.cycle
	) AS w
	LEFT JOIN oms_internal.check_calendar AS a ON a.calendar_id = w.calendar_id
	LEFT JOIN oms_internal.check_calendar AS b ON b.calendar_id = w.due_calendar_id
	LEFT JOIN oms.calendar AS d ON d.calendar_id = w.calendar_id;
COMMENT ON VIEW oms_internal.check_watch IS 'for oms.check(): clocks with their pieces, and for how long each should have stood';

-- How often a step of an escalation has to have fired when a clock that has ended shows so much; a step on the due
-- time itself has fired if the clock was breached.
CREATE FUNCTION oms_internal.check_fired(step jsonb, limit_us bigint, shows_us bigint, breached bool) RETURNS bigint
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (SELECT CASE WHEN s.first_us = limit_us AND NOT breached OR s.first_us > shows_us THEN 0
			WHEN s.every_us IS NULL THEN 1
			ELSE LEAST(floor((shows_us - s.first_us) / s.every_us)::int8 + 1, s.most, 2147483647) END
		FROM (SELECT CASE WHEN step ->> 'at' LIKE E'%\\%'
				THEN floor(limit_us * rtrim(step ->> 'at', '%')::numeric / 100)
				ELSE limit_us + btrim(step ->> 'at', '+m')::numeric * 60000000 END AS first_us,
			(step ->> 'everyMins')::numeric * 60000000 AS every_us,
			(step ->> 'max')::numeric::int8 AS most) AS s);
COMMENT ON FUNCTION oms_internal.check_fired(jsonb, bigint, bigint, bool) IS 'for oms.check(): how often an escalation step has to have fired';

CREATE VIEW oms_internal.check_clock (kind, ticket, detail) AS
	SELECT 'clock', c.ticket_id, format('%s: %s', c.name, p.problem)
	FROM (
		SELECT w.*, w.ended_at IS NOT NULL AS ended,
			w.status = 'd' AND w.worker IS NULL AS by_law,
			(SELECT array_agg(y.no) FROM jsonb_array_elements(w.escalation) WITH ORDINALITY AS y (step, no)
				WHERE y.step ? 'finishWith') AS law,
			w.limit_us - w.used_us AS left_us,
			CASE WHEN w.ended_at IS NOT NULL AND w.paused_at IS NULL
				THEN w.piece_us + oms_internal.check_open(w.by_calendar, w.piece_last_at, w.ended_at)
				ELSE w.piece_us END AS e_consumed_us,
			w.consumed_us + CASE WHEN w.running_since IS NULL THEN 0
				ELSE oms_internal.check_open(w.by_calendar, w.running_since, w.last_at) END AS shows_us,
			COALESCE(w.stood, '{}') + CASE WHEN w.paused_at < COALESCE(w.ended_at, 'infinity')
				THEN tstzmultirange(tstzrange(w.paused_at, COALESCE(w.ended_at, 'infinity'))) ELSE '{}' END
				AS all_stood,
			-- always open, in minutes: the limit after the start, later by all it stood before it was used up
			CASE WHEN w.limit_days IS NULL AND w.calendar IS NULL AND w.due_at IS NOT NULL
				AND COALESCE(w.extended_seq < w.breached_seq, true) THEN w.first_at
				+ make_interval(secs => w.def_us / 1000000.0) + COALESCE(CASE WHEN w.should_stand IS NOT NULL THEN (
					SELECT sum(y.len) FILTER (WHERE y.at - w.first_at - COALESCE(y.stood_before, '0')
						<= make_interval(secs => w.def_us / 1000000.0))
					FROM (
						SELECT lower(x.stood) AS at, upper(x.stood) - lower(x.stood) AS len,
							sum(upper(x.stood) - lower(x.stood)) OVER
								(ORDER BY x.stood ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS stood_before
						FROM unnest(w.should_stand) AS x (stood)
						WHERE upper(x.stood) < 'infinity'
					) AS y) END, '0') END AS e_due_at
		FROM oms_internal.check_watch AS w
		-- Most need no second look: no clock, or one that never stood, without calendar, thresholds and steps.
		WHERE NOT COALESCE(w.warned = 0 AND w.n_warning = 0 AND w.steps IS NULL AND w.paused_at IS NULL AND w.calendar_id = 0
			AND w.piece_first_at IS NULL AND w.should_stand IS NULL
			AND (w.stage_no > 0 OR w.is_past OR w.finished_at IS NOT DISTINCT FROM w.closed_at)
			AND CASE WHEN w.limit_us IS NULL THEN COALESCE(w.def_us, w.def_days) IS NULL AND w.due_at IS NULL
					AND w.running_since IS NULL AND w.breached_at IS NULL AND w.consumed_us = 0 AND w.consumed_days = 0
				ELSE w.limit_us = w.def_us AND w.def_days IS NULL AND w.calendar IS NULL AND w.warn_at IS NULL AND w.escalation IS NULL
					AND w.breached_seq IS NULL AND w.first_at + w.limit_us * '1 microsecond'::interval = w.due_at
					AND CASE WHEN w.ended_at IS NULL THEN w.running_since = w.first_at AND w.consumed_us = 0
						ELSE w.running_since IS NULL AND w.ended_at <= w.due_at
							AND w.first_at + w.consumed_us * '1 microsecond'::interval = w.ended_at END END, false)
	) AS c
	CROSS JOIN LATERAL (VALUES
		(CASE WHEN (c.limit_us IS NOT NULL) <> (COALESCE(c.def_us, c.def_days) IS NOT NULL AND c.first_at IS NOT NULL)
			THEN CASE WHEN c.limit_us IS NULL THEN 'it has no clock' ELSE 'it has a clock that nothing started' END END),
		(CASE WHEN c.limit_us IS NULL AND (c.running_since IS NOT NULL OR c.paused_at IS NOT NULL OR c.due_at IS NOT NULL
			OR c.breached_at IS NOT NULL OR c.consumed_us <> 0 OR c.consumed_days <> 0 OR c.warned <> 0
			OR c.steps IS NOT NULL OR c.calendar_id <> 0)
			THEN 'it has no clock, and something is left of one' END),
		(CASE WHEN c.limit_us <> c.def_us
			THEN format('the limit is %s µs, the definition says %s', c.limit_us, c.def_us) END),
		(CASE WHEN c.limit_us IS NOT NULL AND c.limit_days IS DISTINCT FROM c.def_days
			THEN format('the limit is %s days, the definition says %s', COALESCE(c.limit_days::text, 'not in'), COALESCE(c.def_days::text, 'none')) END),
		(CASE WHEN c.limit_us IS NOT NULL AND ((c.calendar_id = 0) <> (c.calendar IS NULL) OR c.calendar_name IS DISTINCT FROM c.calendar)
			THEN 'it runs by another calendar than the definition says' END),
		(CASE WHEN c.limit_us IS NOT NULL AND NOT c.ended AND (c.running_since IS NULL) = (c.paused_at IS NULL)
			THEN 'it neither runs nor stands' END),
		(CASE WHEN c.ended AND c.running_since IS NOT NULL
			THEN 'it has ended and runs' END),
		(CASE WHEN c.limit_us IS NOT NULL AND (c.piece_first_at <> c.first_at OR c.torn
			OR COALESCE(c.running_since, c.paused_at) <> c.piece_last_at)
			THEN 'a piece of it is missing, or counted twice' END),
		(CASE WHEN c.limit_us IS NOT NULL AND c.all_stood <> COALESCE(c.should_stand, '{}')
			THEN format('it stood for %s, its holds say %s', c.all_stood, COALESCE(c.should_stand, '{}')) END),
		(CASE WHEN c.limit_us IS NOT NULL AND c.consumed_us <> c.e_consumed_us
			THEN format('it has consumed %s µs, its pieces say %s', c.consumed_us, c.e_consumed_us) END),
		-- without a due time it stands, or its calendar does not hold so much
		(CASE WHEN c.limit_us IS NOT NULL AND c.due_at IS NOT NULL AND c.paused_at IS NOT NULL AND c.breached_seq IS NULL
			THEN 'it stands and is due' END),
		(CASE WHEN c.limit_us IS NOT NULL AND c.due_at IS NULL AND (c.breached_seq IS NOT NULL OR c.paused_at IS NULL
				AND NOT c.ended AND (c.running_since IS NULL
					OR oms_internal.check_open(c.due_calendar, c.since_at, c.since_at + '10 years'::interval)
						> COALESCE(c.def_us, (c.limit_days + 1) * 86400000000::int8)))
			THEN 'it runs and is never due' END),
		(CASE WHEN c.limit_us IS NOT NULL AND c.due_at IS NULL AND c.paused_at IS NULL AND NOT EXISTS (SELECT FROM oms.timeline AS e
				WHERE e.ticket_id = c.ticket_id AND e.status = 'no_due_time' AND e.stage IS NOT DISTINCT FROM c.stage
					AND (e.cycle = c.cycle OR c.stage_no = 0))
			THEN 'it has no due time, and nobody was told' END),
		(CASE WHEN (c.last_date IS NULL) <> (c.limit_us IS NULL OR c.limit_days IS NULL)
			OR c.consumed_days > c.last_date - c.first_at::date + 2
			THEN format('%s dates are used up, the last of them %s', c.consumed_days, c.last_date) END),
		(CASE WHEN c.breached_seq IS NULL AND c.consumed_us > c.limit_us
			THEN 'its limit is used up, and no breach' END),
		(CASE WHEN c.stage_no = 0 AND NOT c.is_past AND c.finished_at IS DISTINCT FROM c.closed_at
			THEN 'it has not ended with the ticket, or not begun again with it' END),
		(CASE WHEN c.due_at <> c.e_due_at
			THEN format('it is due %s, its holds say %s', c.due_at, c.e_due_at) END),
		(CASE WHEN c.def_us IS NOT NULL AND CASE WHEN c.left_us <= 0 THEN c.due_at <> c.since_at
				ELSE oms_internal.check_open(c.due_calendar, c.since_at, c.due_at) <> c.left_us
					OR oms_internal.check_open(c.due_calendar, c.since_at, c.due_at - '1 microsecond'::interval) >= c.left_us END
			THEN format('it is due %s, which is not when its limit is used up', c.due_at) END),
		(CASE WHEN c.stage_no > 0 AND c.warned <> COALESCE(c.n_warning, 0)
			THEN format('%s thresholds have passed, the timeline says %s', c.warned, COALESCE(c.n_warning, 0)) END),
		(CASE WHEN c.def_us IS NOT NULL AND c.limit_us IS NOT NULL AND c.warn_at IS NOT NULL AND (c.ended OR c.shows_us IS NOT NULL)
			-- what fired before the limit was extended stays
			AND (SELECT CASE WHEN c.extended_seq IS NOT NULL THEN c.ended AND count(*) > c.warned
					-- one that a message finished as it began may have had no time at all
					WHEN c.ended AND c.consumed_us > 0 THEN count(*) <> c.warned ELSE count(*) < c.warned END
				FROM jsonb_array_elements_text(c.warn_at) AS a (percent)
				WHERE floor(c.limit_us * a.percent::numeric / 100)
					<= CASE WHEN c.ended THEN c.consumed_us ELSE c.shows_us END)
			THEN format('%s thresholds have passed, which is not what it shows', c.warned) END),
		(CASE WHEN cardinality(c.steps) <> jsonb_array_length(COALESCE(c.escalation, '[]'))
			THEN 'it has other escalation steps than the definition' END),
		(CASE WHEN c.steps IS NOT NULL AND c.level + COALESCE(c.n_missed, 0)
				< (SELECT sum(u.times) FROM unnest(c.steps) AS u (times))
			THEN 'more escalation steps have fired than the timeline says' END),
		(CASE WHEN c.def_us IS NOT NULL AND c.limit_us IS NOT NULL AND c.escalation IS NOT NULL AND (c.ended OR c.shows_us IS NOT NULL) AND (
				SELECT bool_or(CASE WHEN c.extended_seq IS NOT NULL THEN c.ended AND f.times > COALESCE(c.steps[f.no], 0)
					WHEN c.ended THEN f.times <> COALESCE(c.steps[f.no], 0)
					ELSE f.times < c.steps[f.no] END)
				FROM (SELECT y.no, oms_internal.check_fired(y.step, c.limit_us, CASE WHEN c.ended THEN c.consumed_us ELSE c.shows_us END,
						c.breached_seq IS NOT NULL) AS times
					FROM jsonb_array_elements(c.escalation) WITH ORDINALITY AS y (step, no)
					WHERE NOT y.step ? 'finishWith') AS f)
			THEN format('its escalation steps have fired %s times, which is not what it shows',
				COALESCE(c.steps::text, 'no')) END),
		-- by law: the first of the steps that say so, once, a moment after its time, and nobody else did it; that moment
		-- is not open after a closing time
		(CASE WHEN c.law IS NOT NULL AND (SELECT COALESCE(sum(c.steps[y.no]), 0) <> c.by_law::int FROM unnest(c.law) AS y (no))
			THEN format('the steps that finish it have fired %s times, and it was %sdone by law', c.steps::text,
				CASE WHEN c.by_law THEN '' ELSE 'not ' END) END),
		(CASE WHEN c.law IS NOT NULL AND c.ended AND c.def_us IS NOT NULL AND c.limit_us IS NOT NULL
				AND (c.by_law OR NOT EXISTS (SELECT FROM oms.hold AS h
						WHERE h.ticket_id = c.ticket_id AND h.stage_no IN (0, c.stage_no) AND (h.stage_no = 0 OR NOT h.stops_clock))
					-- what an import tells happened as it says
					AND NOT EXISTS (SELECT FROM oms_internal.check_import AS i WHERE i.ticket_id = c.ticket_id AND c.ended_at <= i.at))
				AND (SELECT bool_or(oms_internal.check_fired(c.escalation -> (y.no::int - 1), c.limit_us, c.consumed_us
						- CASE WHEN c.by_law THEN oms_internal.check_open(c.by_calendar, c.ended_at - '1 microsecond'::interval, c.ended_at)
							ELSE 1 END, true) > 0)
					FROM unnest(c.law) AS y (no)) <> c.by_law
			THEN format('it ended when it showed %s µs, %s', c.consumed_us,
				CASE WHEN c.by_law THEN 'by law and before its time' ELSE 'when it was to be done by law' END) END),
		-- days: a closing time, and as many more of them before as are left since it runs, of dates not counted yet
		(CASE WHEN c.limit_days > c.consumed_days AND c.running_since IS NOT NULL AND c.due_at IS NOT NULL AND c.breached_seq IS NULL AND (
				oms_internal.check_open(c.due_calendar, c.due_at - '1 microsecond'::interval, c.due_at) = 0
				OR oms_internal.check_open(c.due_calendar, c.due_at, (c.due_date + 1)::timestamp AT TIME ZONE c.timezone) > 0
				OR c.limit_days - c.consumed_days <> (
					SELECT count(*)
					FROM generate_series((c.running_since AT TIME ZONE c.timezone)::date, c.due_date, '1 day')
						AS d (day)
					WHERE d.day::date > c.last_date
						AND oms_internal.check_open(c.due_calendar,
							GREATEST(c.running_since, d.day::timestamp AT TIME ZONE c.timezone),
							(d.day::date + 1)::timestamp AT TIME ZONE c.timezone) > 0))
			THEN format('it is due %s, which is not the end of its days', c.due_at) END),
		(CASE WHEN c.paused_at IS NOT NULL AND NOT c.is_past AND EXISTS (SELECT FROM oms.timeline AS e
				WHERE e.ticket_id = c.ticket_id AND e.status IN ('warning', 'breached') AND e.at > c.paused_at
					AND e.stage IS NOT DISTINCT FROM c.stage AND (e.cycle = c.cycle OR c.stage_no = 0))
			THEN 'a warning or breach while it stands' END)) AS p (problem)
	WHERE p.problem IS NOT NULL
	UNION ALL
	SELECT 'clock', s.ticket_id, format('%s, cycle %s: the piece of its clock that event %s ended: %s',
		CASE s.stage_no WHEN 0 THEN 'the ticket' ELSE 'stage ' || s.stage_no END, s.cycle, s.seq, p.problem)
	FROM oms_internal.check_segment AS s
	CROSS JOIN LATERAL (VALUES
		(s.ended_at < s.started_at, 'it ends before it begins'),
		(s.open_us <> CASE WHEN s.ran THEN oms_internal.check_open(s.by_calendar, s.started_at, s.ended_at) ELSE 0 END,
			format('open for %s µs, the calendar says %s', s.open_us,
				CASE WHEN s.ran THEN oms_internal.check_open(s.by_calendar, s.started_at, s.ended_at) ELSE 0 END)),
		(s.event IS NULL OR (s.event_stage IS NULL) <> (s.stage_no = 0) OR s.event_cycle <> s.cycle AND s.stage_no > 0
			OR s.event <> ALL (CASE WHEN s.ran THEN '{on_hold,ticket_held,clock_changed,extended}'::text[]
				ELSE '{hold_lifted,resumed,ticket_resumed,extended}' END)
			OR s.ended_at > s.event_at, format('no clock ends with %s', COALESCE(s.event, 'nothing'))))
		AS p (found, problem)
	WHERE p.found
	UNION ALL
	-- Nothing comes up while the clock stands.
	SELECT 'clock', e.ticket_id, format('event %s: %s while the clock stood', e.seq, e.status)
	FROM oms_internal.check_segment AS s
	JOIN oms.timeline AS e ON e.ticket_id = s.ticket_id AND e.stage IS NOT DISTINCT FROM s.event_stage
		AND e.cycle = s.event_cycle AND e.seq < s.seq AND e.seq > s.seq_before
	WHERE NOT s.ran AND e.status IN ('warning', 'breached')
	UNION ALL
	-- A ticket with a time limit has a clock, which begins again with each reopen of what was closed.
	SELECT 'clock', y.ticket_id, format('the ticket, cycle %s: it has no clock', y.cycle)
	FROM oms_internal.check_ticket_cycle AS y
	JOIN oms.ticket_state AS t ON t.ticket_id = y.ticket_id
	JOIN oms.workflow AS w ON w.workflow_id = t.workflow_id AND w.definition ?| '{slaMins,slaDays}'
	LEFT JOIN oms.stage_state AS s ON s.ticket_id = y.ticket_id AND s.stage_no = 0
	WHERE COALESCE(s.cycle, 0) < y.cycle
	UNION ALL
	SELECT 'clock', s.ticket_id, format('%s, cycle %s: pieces of a clock without its row',
		CASE s.stage_no WHEN 0 THEN 'the ticket' ELSE 'stage ' || s.stage_no END, s.cycle)
	FROM oms_internal.check_segments AS s
	WHERE NOT EXISTS (SELECT FROM oms_internal.check_any_row AS r
		WHERE r.ticket_id = s.ticket_id AND r.stage_no = s.stage_no AND r.cycle = s.cycle AND r.limit_us IS NOT NULL);
COMMENT ON VIEW oms_internal.check_clock IS 'for oms.check(): clocks, their pieces, warnings and escalation steps against timeline, holds and calendars';

-- ---- holds ----

CREATE VIEW oms_internal.check_holds (kind, ticket, detail) AS
	SELECT 'holds', h.ticket_id, format('the hold by event %s: %s', h.seq, p.problem)
	FROM oms.hold AS h
	LEFT JOIN oms.ticket_state AS t ON t.ticket_id = h.ticket_id
	LEFT JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id AND g.stage_no = h.stage_no
	LEFT JOIN oms.timeline AS e ON e.ticket_id = h.ticket_id AND e.seq = h.seq
	LEFT JOIN oms.stage_state AS s ON s.ticket_id = h.ticket_id AND s.stage_no = h.stage_no AND h.stage_no > 0
	CROSS JOIN LATERAL (VALUES
		(e.status IS DISTINCT FROM CASE h.stage_no WHEN 0 THEN 'ticket_held' ELSE 'on_hold' END
			OR e.stage IS DISTINCT FROM g.stage OR e.at <> h.held_at, 'the timeline says otherwise'),
		(h.lifted_at < h.held_at OR h.until IS NOT NULL AND h.lifted_at > GREATEST(h.until, h.held_at), 'it was lifted too early or too late'),
		(h.lifted_at IS NULL AND t.status IN ('d', 'x'), 'it still holds, and the ticket is closed'),
		(h.lifted_at IS NULL AND h.stage_no > 0 AND COALESCE(s.status, 'w') <> 'h', 'it still holds a stage that goes on'))
		AS p (found, problem)
	WHERE p.found
	UNION ALL
	-- What is on hold is held by something, until the first of its own holds runs out.
	SELECT 'holds', r.ticket_id, format('%s: %s', CASE r.stage_no WHEN 0 THEN 'the ticket' ELSE 'stage ' || r.stage_no END,
		p.problem)
	FROM oms.stage_state AS r
	JOIN oms.ticket_state AS t ON t.ticket_id = r.ticket_id
	LEFT JOIN (
		SELECT h.ticket_id, h.stage_no, min(h.until) AS until, count(*) AS times
		FROM oms.hold AS h WHERE h.lifted_at IS NULL GROUP BY h.ticket_id, h.stage_no
	) AS h ON h.ticket_id = r.ticket_id AND h.stage_no = r.stage_no
	CROSS JOIN LATERAL (VALUES
		(r.status = 'h' AND t.n_holds = 0 AND h.times IS NULL, 'it is on hold, and nothing holds it'),
		(r.resume_at IS DISTINCT FROM h.until, format('it goes on at %s, its holds say %s',
			COALESCE(r.resume_at::text, 'no time'), COALESCE(h.until::text, 'no time')))) AS p (found, problem)
	WHERE p.found
	UNION ALL
	SELECT 'holds', r.ticket_id, format('stage %s, cycle %s: it was on hold for %s µs, its holds say %s', r.stage_no,
		r.cycle, r.held_us, y.e_held_us)
	FROM oms_internal.check_any_row AS r
	LEFT JOIN oms_internal.check_stops AS s ON s.ticket_id = r.ticket_id AND s.stage_no = r.stage_no AND s.cycle = r.cycle
	CROSS JOIN LATERAL (
		SELECT COALESCE(sum(oms_internal.check_us(upper(x.held) - lower(x.held))), 0) AS e_held_us
		FROM unnest(s.held) AS x (held)
	) AS y
	WHERE r.stage_no > 0 AND (r.held_us <> 0 OR s.held IS NOT NULL) AND r.held_us <> y.e_held_us
	UNION ALL
	SELECT 'holds', t.ticket_id, format('%s holds of the ticket, it says %s', COALESCE(h.times, 0), t.n_holds)
	FROM oms.ticket_state AS t
	LEFT JOIN (
		SELECT h.ticket_id, count(*) AS times
		FROM oms.hold AS h WHERE h.lifted_at IS NULL AND h.stage_no = 0 GROUP BY h.ticket_id
	) AS h ON h.ticket_id = t.ticket_id
	WHERE t.n_holds <> COALESCE(h.times, 0)
	UNION ALL
	-- Whatever is said to be on hold has a hold, of its own or of its ticket.
	SELECT 'holds', e.ticket_id, format('event %s: %s, and there is no hold', e.seq, e.status)
	FROM oms.timeline AS e
	WHERE e.status IN ('on_hold', 'ticket_held')
		AND NOT EXISTS (SELECT FROM oms.hold AS h WHERE h.ticket_id = e.ticket_id AND h.seq = e.seq)
		AND (e.status = 'ticket_held' OR NOT EXISTS (SELECT FROM oms.hold AS h
			WHERE h.ticket_id = e.ticket_id AND h.stage_no = 0 AND h.seq < e.seq));
COMMENT ON VIEW oms_internal.check_holds IS 'for oms.check(): holds against the timeline and the rows that they hold';

-- ---- hands ----

CREATE VIEW oms_internal.check_hands (kind, ticket, detail) AS
	-- A role that finished two stages for their workers may have done so with their tokens, and is no finding.
	SELECT DISTINCT 'hands', a.ticket_id, format('stage %s: worker %s has stage %s as well', a.stage, n.name, b.stage)
	FROM oms_internal.check_row AS a
	JOIN oms_internal.check_graph AS g ON g.workflow_id = a.workflow_id AND g.stage_no = a.stage_no
	JOIN oms_internal.check_row AS b ON b.ticket_id = a.ticket_id AND b.stage = g.not_same_as
	CROSS JOIN LATERAL (VALUES (a.worker, b.worker), (a.worker, b.finished_by), (a.finished_by, b.worker)) AS n (name, other)
	WHERE n.name = n.other AND a.status IN ('p', 'h', 'd') AND b.status IN ('p', 'h', 'd');
COMMENT ON VIEW oms_internal.check_hands IS 'for oms.check(): stages that two should have done, and one did';

-- ---- timers ----

CREATE VIEW oms_internal.check_timers (kind, ticket, detail) AS
	-- A timer may come up early, but never late.
	SELECT 'timers', r.ticket_id, format('%s: %s', r.what, p.problem)
	FROM (
		SELECT y.*, CASE y.stage_no WHEN 0 THEN 'the ticket' ELSE 'stage ' || y.stage END AS what, CASE WHEN y.by_calendar = ''
				THEN y.running_since + make_interval(secs => GREATEST(LEAST(y.left_us, 3e15), 0) / 1000000) END AS step_at,
			LEAST(CASE y.status WHEN 'a' THEN y.wake_at WHEN 'q' THEN y.announce_at WHEN 'p' THEN y.lease_until WHEN 'h' THEN y.resume_at
					WHEN 't' THEN y.resume_at END,
				CASE WHEN y.breached_at IS NULL AND y.running_since IS NOT NULL
					THEN y.due_at + '1 microsecond'::interval END) AS next_at
		FROM (
			-- how long the clock still runs until the next threshold or step
			SELECT w.ticket_id, w.stage_no, g.stage, w.status, w.held_from, w.wake_at, w.announce_at, w.ready_at, w.lease_until, w.resume_at,
				w.breached_at, w.due_at, w.timer_at, w.running_since, w.finished_at,
				CASE WHEN w.calendar_id = 0 THEN '' ELSE a.name END AS by_calendar,
				LEAST(
					CASE WHEN w.warned < jsonb_array_length(g.warn_at)
						THEN floor(w.limit_us * (g.warn_at ->> w.warned)::numeric / 100) END,
					(SELECT min(CASE WHEN x.at = w.limit_us AND w.breached_at IS NULL OR x.finishes THEN x.at + 1 ELSE x.at END)
						FROM (
							SELECT CASE WHEN y.step ->> 'at' LIKE E'%\\%'
									THEN floor(w.limit_us * rtrim(y.step ->> 'at', '%')::numeric / 100)
									ELSE w.limit_us + btrim(y.step ->> 'at', '+m')::numeric * 60000000 END
								+ COALESCE(w.steps[y.no] * (y.step ->> 'everyMins')::numeric * 60000000, 0) AS at,
								y.step ? 'finishWith' AS finishes
							FROM jsonb_array_elements(g.escalation) WITH ORDINALITY AS y (step, no)
							WHERE COALESCE(w.steps[y.no], 0) < CASE WHEN y.step ? 'everyMins'
								THEN COALESCE((y.step ->> 'max')::numeric, 2147483647) ELSE 1 END
								-- what is on hold is not done by law
								AND NOT (y.step ? 'finishWith' AND (w.status = 'h' OR t.n_holds > 0))
						) AS x))
					- w.consumed_us AS left_us
			FROM oms.stage_state AS w
			JOIN oms.ticket_state AS t ON t.ticket_id = w.ticket_id
			LEFT JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id AND g.stage_no = w.stage_no
			LEFT JOIN oms_internal.check_calendar AS a ON a.calendar_id = w.calendar_id
			WHERE w.stage_no = 0 OR g.stage IS NOT NULL
		) AS y
	) AS r
	CROSS JOIN LATERAL (VALUES
		(r.next_at IS NOT NULL AND r.finished_at IS NULL AND r.timer_at IS NULL, 'something is due, and no timer is set'),
		(r.timer_at > r.next_at, 'the timer comes later than what is due'),
		(r.running_since IS NOT NULL AND r.finished_at IS NULL AND r.left_us < 3e15
			AND CASE WHEN r.by_calendar = '' THEN r.timer_at IS NULL OR r.timer_at > r.step_at
				WHEN r.left_us <= 0 THEN r.timer_at > r.running_since
				ELSE oms_internal.check_open(r.by_calendar, r.running_since, r.timer_at - '1 microsecond'::interval)
					>= r.left_us END, 'the timer comes later than the next warning or escalation step'),
		((r.status IN ('w', 'd', 's', 'x') OR r.finished_at IS NOT NULL) AND r.timer_at IS NOT NULL,
			'it has ended, and a timer is set'),
		(r.announce_at <> r.ready_at, 'it is announced at another time than it can be claimed'),
		(r.status <> 'q' AND r.announce_at IS NOT NULL, 'it is not queued, and is to be announced'),
		(r.wake_at IS NOT NULL AND r.status <> 'a' AND r.held_from IS DISTINCT FROM 'a', 'it does not await anything, and its moment is to come'),
		(r.status <> 'p' AND r.lease_until IS NOT NULL, 'nobody has it, and a lease runs')) AS p (found, problem)
	WHERE p.found;
COMMENT ON VIEW oms_internal.check_timers IS 'for oms.check(): timers that are missing or would come up too late';

-- ---- orphans ----

CREATE VIEW oms_internal.check_orphans (kind, ticket, detail) AS
	SELECT 'orphans', NULL::oms.ticket_id, format('owner %s: its member %s is no role', m.owner, m.member)
	FROM oms.owner_member AS m
	WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = m.member)
	UNION ALL
	SELECT 'orphans', t.ticket_id, 'the workflow of the ticket is missing'
	FROM oms.ticket_state AS t
	WHERE NOT EXISTS (SELECT FROM oms.workflow AS w WHERE w.workflow_id = t.workflow_id)
	UNION ALL
	SELECT 'orphans', e.ticket_id, format('%s events of an unknown ticket', count(*))
	FROM oms.timeline AS e
	WHERE NOT EXISTS (SELECT FROM oms.ticket_state AS t WHERE t.ticket_id = e.ticket_id)
	GROUP BY e.ticket_id
	UNION ALL
	SELECT 'orphans', e.ticket_id, format('%s events of an unknown stage %s', count(*), e.stage)
	FROM oms.timeline AS e
	JOIN oms.ticket_state AS t ON t.ticket_id = e.ticket_id
	LEFT JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id AND g.stage = e.stage
	WHERE e.stage IS NOT NULL AND g.stage_no IS NULL
	GROUP BY e.ticket_id, e.stage
	UNION ALL
	SELECT 'orphans', s.ticket_id, format('row of stage %s of an unknown ticket', s.stage_no)
	FROM oms.stage_state AS s
	WHERE NOT EXISTS (SELECT FROM oms.ticket_state AS t WHERE t.ticket_id = s.ticket_id)
	UNION ALL
	SELECT 'orphans', s.ticket_id, format('row of stage %s, which the workflow does not have', s.stage_no)
	FROM oms.stage_state AS s
	JOIN oms.ticket_state AS t ON t.ticket_id = s.ticket_id
	LEFT JOIN oms_internal.check_graph AS g ON g.workflow_id = t.workflow_id AND g.stage_no = s.stage_no
	WHERE g.stage_no IS NULL AND s.stage_no > 0
	UNION ALL
	SELECT 'orphans', s.ticket_id, 'the clock of a ticket that has none'
	FROM oms.stage_state AS s
	JOIN oms.ticket_state AS t ON t.ticket_id = s.ticket_id
	WHERE s.stage_no = 0 AND (NOT t.has_clock OR s.status <> 't')
	UNION ALL
	SELECT 'orphans', t.ticket_id, 'the ticket has a clock, and its row is missing'
	FROM oms.ticket_state AS t
	WHERE t.has_clock AND NOT EXISTS (SELECT FROM oms.stage_state AS s WHERE s.ticket_id = t.ticket_id AND s.stage_no = 0)
	UNION ALL
	SELECT 'orphans', r.ticket_id, format('%s of an unknown ticket', r.what)
	FROM (
		SELECT p.ticket_id, 'an earlier cycle of stage ' || p.stage_no AS what FROM oms.stage_past AS p
		UNION ALL
		SELECT h.ticket_id, 'a hold' FROM oms.hold AS h
		UNION ALL
		SELECT c.ticket_id, 'a piece of a clock' FROM oms.clock_segment AS c
	) AS r
	WHERE NOT EXISTS (SELECT FROM oms.ticket_state AS t WHERE t.ticket_id = r.ticket_id)
	UNION ALL
	SELECT 'orphans', i.ticket_id, format('idempotency key %s of %s', i.key,
		CASE WHEN t.ticket_id IS NULL THEN 'an unknown ticket' ELSE 'another workflow' END)
	FROM oms.idempotency AS i
	LEFT JOIN oms_internal.report_ticket AS t ON t.ticket_id = i.ticket_id
	WHERE t.workflow_id IS DISTINCT FROM i.workflow_id
	UNION ALL
	SELECT 'orphans', m.ticket_id, format('message %s got by an unknown ticket', m.message_id)
	FROM oms.message_id AS m
	WHERE m.ticket_id IS NOT NULL AND NOT EXISTS (SELECT FROM oms_internal.report_ticket AS t WHERE t.ticket_id = m.ticket_id)
	UNION ALL
	SELECT 'orphans', NULL, format('workflow %s: stage %s is not as in the definition',
		COALESCE(g.workflow_id, s.workflow_id), COALESCE(g.stage_no, s.stage_no))
	FROM oms_internal.check_graph AS g
	FULL JOIN oms.workflow_stage AS s ON s.workflow_id = g.workflow_id AND s.stage_no = g.stage_no
	WHERE (s.stage, s.owner, s.label, s.public_owner) IS DISTINCT FROM (g.stage, g.owner, g.label, g.public_owner)
	UNION ALL
	SELECT 'orphans', NULL, format('stamp of %s',
		CASE WHEN s.number IS NULL THEN 'an unknown seal ' || p.seal ELSE 'seal ' || p.seal || ' over another hash' END)
	FROM oms.seal_stamp AS p
	LEFT JOIN oms.seals AS s ON s.number = p.seal
	WHERE s.number IS NULL OR position(s.hash IN p.token) = 0;
COMMENT ON VIEW oms_internal.check_orphans IS 'for oms.check(): rows without the rows that they belong to';

-- ---- archive ----

CREATE VIEW oms_internal.check_archive (kind, ticket, detail) AS
	-- Only what is closed is in the archive, only there, and sealed as it is.
	SELECT 'archive', t.ticket_id, p.problem
	FROM oms.ticket_state_archive AS t
	LEFT JOIN oms.ticket_state AS o ON o.ticket_id = t.ticket_id
	LEFT JOIN (SELECT l.ticket_id, max(l.seq) AS seq FROM oms.seal_leaf AS l GROUP BY l.ticket_id) AS m
		ON m.ticket_id = t.ticket_id
	LEFT JOIN (SELECT s.ticket_id, count(*) AS open
		FROM oms.stage_state_archive AS s
		WHERE s.stage_no > 0 AND s.status NOT IN ('w', 'd', 's', 'x') OR s.timer_at IS NOT NULL
		GROUP BY s.ticket_id) AS r ON r.ticket_id = t.ticket_id
	CROSS JOIN LATERAL (VALUES
		(t.status NOT IN ('d', 'x') OR t.closed_at IS NULL OR t.n_active + t.n_failed + t.n_holds > 0,
			format('the ticket is archived and %s', oms.ticket_status(t.status))),
		(r.open > 0, format('%s stages are archived that go on', r.open)),
		(o.ticket_id IS NOT NULL, 'the ticket is in the archive and outside of it'),
		(m.seq IS DISTINCT FROM t.seq, format('the last event is %s, and %s was sealed', t.seq,
			COALESCE('event ' || m.seq, 'nothing')))) AS p (found, problem)
	WHERE p.found
	UNION ALL
	SELECT 'archive', x.ticket_id, format('%s of an unknown ticket', x.what)
	FROM (
		SELECT DISTINCT e.ticket_id, 'archived events' AS what FROM oms.timeline_archive AS e
		UNION ALL
		SELECT s.ticket_id, 'archived row of stage ' || s.stage_no FROM oms.stage_state_archive AS s
		UNION ALL
		SELECT p.ticket_id, 'archived earlier cycle of stage ' || p.stage_no FROM oms.stage_past_archive AS p
		UNION ALL
		SELECT h.ticket_id, 'an archived hold' FROM oms.hold_archive AS h
		UNION ALL
		SELECT c.ticket_id, 'an archived piece of a clock' FROM oms.clock_segment_archive AS c
	) AS x
	WHERE NOT EXISTS (SELECT FROM oms.ticket_state_archive AS t WHERE t.ticket_id = x.ticket_id);
COMMENT ON VIEW oms_internal.check_archive IS 'for oms.check(): what is in the archive and should not be, or not so';

-- ---- numbers ----

CREATE VIEW oms_internal.check_numbers (kind, ticket, detail) AS
	SELECT 'numbers', NULL::oms.ticket_id, format('oms.%I would give out %s, and %s was given out', s.relname,
		CASE WHEN n.is_called THEN n.last_value + q.seqincrement ELSE n.last_value END, n.highest)
	FROM (
		SELECT 'oms.ticket_number'::regclass AS sequence, s.last_value, s.is_called,
			(SELECT max(substring(t.ticket_id::text, '[0-9]+$')::int8)
				FROM (SELECT h.ticket_id FROM oms.ticket_state AS h
					UNION ALL SELECT a.ticket_id FROM oms.ticket_state_archive AS a) AS t) AS highest
		FROM oms.ticket_number AS s
		UNION ALL
		SELECT 'oms.message_number'::regclass, s.last_value, s.is_called,
			(SELECT max(k.message_no) FROM oms.kept_message AS k)
		FROM oms.message_number AS s
		UNION ALL
		SELECT 'oms.workflow_number'::regclass, s.last_value, s.is_called,
			(SELECT max(w.workflow_id) FROM oms.workflow AS w)
		FROM oms.workflow_number AS s
		UNION ALL
		SELECT 'oms.calendar_number'::regclass, s.last_value, s.is_called,
			(SELECT max(c.calendar_id) FROM oms.calendar AS c)
		FROM oms.calendar_number AS s) AS n
	JOIN pg_class AS s ON s.oid = n.sequence
	JOIN pg_sequence AS q ON q.seqrelid = n.sequence
	WHERE n.highest >= CASE WHEN n.is_called THEN n.last_value + q.seqincrement ELSE n.last_value END
	UNION ALL
	SELECT 'numbers', t.ticket_id, 'its number is in no range of this database (oms.number_range)'
	FROM (SELECT h.ticket_id FROM oms.ticket_state AS h
		UNION ALL SELECT a.ticket_id FROM oms.ticket_state_archive AS a) AS t
	WHERE EXISTS (SELECT FROM oms.number_range)
		AND NOT EXISTS (SELECT FROM oms.number_range AS r
			WHERE substring(t.ticket_id::text, '[0-9]+$')::int8 BETWEEN r.first_number AND r.last_number);
COMMENT ON VIEW oms_internal.check_numbers IS 'for oms.check(): sequences that are behind the numbers that were given out, and ticket numbers of other databases';

-- ---- journal ----

-- What roles other than the owner of the schema were granted in it, by names that are the same after a restore; "public"
-- (which no role can be called) is everybody, who has nothing.  That everybody may use a type says nothing: so it is with
-- each whose rights were never set.
CREATE VIEW oms_internal.journal_right (role, object, privilege) AS
	SELECT COALESCE(r.rolname::text, 'public') COLLATE "C", a.object,
		a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END
	FROM (
		SELECT n.nspname::text AS object, x.grantee, x.privilege_type, x.is_grantable
		FROM pg_namespace AS n, aclexplode(n.nspacl) AS x
		WHERE n.nspname IN ('oms', 'oms_internal')
		UNION ALL
		SELECT c.relname::text, x.grantee, x.privilege_type, x.is_grantable
		FROM pg_class AS c, aclexplode(c.relacl) AS x
		WHERE c.relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
		UNION ALL
		SELECT c.relname || '.' || t.attname, x.grantee, x.privilege_type, x.is_grantable
		FROM pg_class AS c
		JOIN pg_attribute AS t ON t.attrelid = c.oid, aclexplode(t.attacl) AS x
		WHERE c.relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
		UNION ALL
		SELECT p.proname || '()', x.grantee, x.privilege_type, x.is_grantable
		FROM pg_proc AS p, aclexplode(p.proacl) AS x
		WHERE p.pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
		UNION ALL
		SELECT 'type ' || t.typname, x.grantee, x.privilege_type, x.is_grantable
		FROM pg_type AS t, aclexplode(t.typacl) AS x
		WHERE t.typnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND x.grantee <> 0
	) AS a
	LEFT JOIN pg_roles AS r ON r.oid = a.grantee
	JOIN pg_namespace AS o ON o.nspname = 'oms' AND o.nspowner <> a.grantee
	WHERE r.oid IS NOT NULL OR a.grantee = 0;
COMMENT ON VIEW oms_internal.journal_right IS 'for the journal: what was granted to roles in the schemas of oms';

-- What the journal keeps the state of, as it stands now.  Nothing in it depends on the settings of a session.
CREATE VIEW oms_internal.journal_state (what, name, state) AS
	SELECT 'owner'::text, o.name, jsonb_build_object('kind', w.kind, 'supervisor', w.supervisor, 'calendar', w.calendar,
		'assignment', w.assignment, 'members', COALESCE((SELECT jsonb_agg(m.member ORDER BY m.member)
			FROM oms.owner_member AS m WHERE m.owner = o.name), '[]'))
	FROM (SELECT x.name FROM oms.owner AS x UNION SELECT y.owner FROM oms.owner_member AS y) AS o
	LEFT JOIN oms.owner AS w ON w.name = o.name
	UNION ALL
	SELECT 'level', r.role, jsonb_build_object('rights', count(*), 'digest', encode(sha256(convert_to(
		string_agg(r.object || ' ' || r.privilege, ',' ORDER BY (r.object || ' ' || r.privilege) COLLATE "C"), 'UTF8')), 'hex'))
	FROM oms_internal.journal_right AS r
	GROUP BY r.role
	UNION ALL
	SELECT 'calendar', c.name, jsonb_build_object('version', c.version,
		'digest', encode(sha256(convert_to(c.definition::text, 'UTF8')), 'hex'))
	FROM oms.calendar AS c WHERE c.current
	UNION ALL
	SELECT 'hold reason', h.code, jsonb_build_object('stops_clock', h.stops_clock, 'waiting_on', h.waiting_on,
		'max_per_ticket', h.max_per_ticket, 'public_label', h.public_label)
	FROM oms.hold_reason AS h
	UNION ALL
	SELECT 'absence', a.person, jsonb_agg(jsonb_build_object('from', a.from_at AT TIME ZONE 'UTC',
		'to', a.to_at AT TIME ZONE 'UTC', 'delegate', a.delegate) ORDER BY a.from_at)
	FROM oms.absence AS a
	GROUP BY a.person
	UNION ALL
	SELECT 'retention', r.workflow, jsonb_build_object('months', EXTRACT(year FROM r.keep) * 12 + EXTRACT(month FROM r.keep),
		'days', EXTRACT(day FROM r.keep), 'secs', EXTRACT(epoch FROM r.keep)
			- EXTRACT(epoch FROM date_trunc('day', r.keep)))
	FROM oms.retention AS r
	UNION ALL
	SELECT 'workflow', w.name, jsonb_build_object('version', w.version, 'retired', w.retired_at IS NOT NULL,
		'digest', encode(sha256(convert_to(w.definition::text, 'UTF8')), 'hex'))
	FROM oms.workflow AS w WHERE w.current
	UNION ALL
	SELECT 'number ranges', '', jsonb_agg(jsonb_build_array(n.first_number, n.last_number) ORDER BY n.first_number)
	FROM oms.number_range AS n
	HAVING count(*) > 0;
COMMENT ON VIEW oms_internal.journal_state IS 'for the journal: owners, rights, calendars, reasons of holds, absences, retention, workflows and ranges of numbers as they are now';

CREATE FUNCTION oms.verify_journal() RETURNS TABLE (seq bigint, problem text)
	LANGUAGE sql STABLE ROWS 10
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT c.seq, p.problem
		FROM (
			SELECT j.seq, j.at, j.hash, lag(j.seq) OVER w AS seq_before, lag(j.at) OVER w AS at_before,
				sha256(COALESCE(lag(j.hash) OVER w,
						E'\\x0000000000000000000000000000000000000000000000000000000000000000'::bytea)
					|| CASE WHEN j.moved THEN E'\\x02'::bytea ELSE E'\\x01'::bytea END
					|| int8send(j.seq)
					|| int8send(CASE WHEN isfinite(j.at) THEN (EXTRACT(epoch FROM j.at) * 1000000)::int8 END)
					|| oms_internal.check_piece(j.actor)
					|| oms_internal.check_piece(j.session_actor)
					|| oms_internal.check_piece(j.what)
					|| oms_internal.check_piece(j.name)
					|| oms_internal.check_piece(j.before::text)
					|| oms_internal.check_piece(j.after::text)) AS expected
			FROM oms.journal AS j
			WINDOW w AS (ORDER BY j.seq)
		) AS c
		CROSS JOIN LATERAL (VALUES
			(c.seq <> COALESCE(c.seq_before, 0) + 1, 'an entry is missing before it'),
			(c.at < c.at_before, 'time goes back'),
			(c.hash IS DISTINCT FROM c.expected, 'content does not match the hash')) AS p (found, problem)
		WHERE p.found
		UNION ALL
		-- The end of the chain at each seal is still there.
		SELECT s.journal_seq, format('seal %s has %s', s.number,
			CASE WHEN j.seq IS NULL THEN 'this entry, which is missing' ELSE 'another hash of it' END)
		FROM oms.seals AS s
		LEFT JOIN oms.journal AS j ON j.seq = s.journal_seq
		WHERE s.journal_seq > 0 AND j.hash IS DISTINCT FROM s.journal_hash
		ORDER BY 1, 2;
	$$;
COMMENT ON FUNCTION oms.verify_journal() IS 'works out the chain of the journal anew, compares it with what was sealed, and returns what does not fit; no rows if all is well';

CREATE VIEW oms_internal.check_journal (kind, ticket, detail) AS
	SELECT 'journal', NULL::oms.ticket_id, format('entry %s: %s', v.seq, v.problem)
	FROM oms.verify_journal() AS v
	UNION ALL
	-- What changed by other ways than the functions.  A role that has nothing any more does no harm.
	SELECT 'journal', NULL, format('%s %s: %s', COALESCE(j.what, s.what), quote_ident(COALESCE(j.name, s.name)),
		CASE WHEN j.what IS NULL THEN 'the journal does not know of it'
			WHEN s.what IS NULL THEN 'it is gone, and the journal does not know why'
			ELSE 'it is not as the journal says' END)
	FROM (
		SELECT DISTINCT ON (x.what, x.name) x.what, x.name, x.after - 'level' AS state
		FROM oms.journal AS x
		WHERE x.what IN ('owner', 'level', 'calendar', 'hold reason', 'absence', 'retention', 'workflow', 'number ranges')
		ORDER BY x.what, x.name, x.seq DESC
	) AS j
	FULL JOIN oms_internal.journal_state AS s ON s.what = j.what AND s.name = j.name
	WHERE j.state IS DISTINCT FROM s.state AND NOT (s.what IS NULL AND j.what = 'level');
COMMENT ON VIEW oms_internal.check_journal IS 'for oms.check(): the chain of the journal, and rules that are not as it says';

CREATE VIEW oms_internal.check_all (kind, ticket, detail) AS
	SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_guards AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_chain AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_counters AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_fold AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_moves AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_dispatch AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_stuck AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_breach AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_calendars AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_clock AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_holds AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_hands AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_timers AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_orphans AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_archive AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_numbers AS c
	UNION ALL SELECT c.kind, c.ticket, c.detail FROM oms_internal.check_journal AS c;
COMMENT ON VIEW oms_internal.check_all IS 'for oms.check(): all kinds of findings';

CREATE FUNCTION oms.check(ticket oms.ticket_id DEFAULT NULL)
	RETURNS TABLE (kind text, ticket oms.ticket_id, detail text)
	AS 'MODULE_PATHNAME', 'oms_check' LANGUAGE C VOLATILE ROWS 10;
COMMENT ON FUNCTION oms.check(oms.ticket_id) IS 'every invariant of a ticket, or with NULL of everything, worked out by an independent model in SQL; no rows if all is well. kind: guards, chain, counters, fold, moves, dispatch, stuck, breach, clock, holds, hands, timers, orphans, archive, numbers, journal; of an archived ticket only guards, chain, orphans and archive. NULL reads every row of every table, several times; locks nothing';

--------------------------------------------------------------------------------------------------
-- what the register says of tables: dumped, guarded
--------------------------------------------------------------------------------------------------

SELECT pg_extension_config_dump('oms.workflow', '');
SELECT pg_extension_config_dump('oms.workflow_stage', '');
SELECT pg_extension_config_dump('oms.ticket_state', '');
SELECT pg_extension_config_dump('oms.stage_state', '');
SELECT pg_extension_config_dump('oms.stage_past', '');
SELECT pg_extension_config_dump('oms.hold', '');
SELECT pg_extension_config_dump('oms.clock_segment', '');
SELECT pg_extension_config_dump('oms.timeline', '');
SELECT pg_extension_config_dump('oms.ticket_state_archive', '');
SELECT pg_extension_config_dump('oms.stage_state_archive', '');
SELECT pg_extension_config_dump('oms.stage_past_archive', '');
SELECT pg_extension_config_dump('oms.hold_archive', '');
SELECT pg_extension_config_dump('oms.clock_segment_archive', '');
SELECT pg_extension_config_dump('oms.timeline_archive', '');
SELECT pg_extension_config_dump('oms.journal', '');
SELECT pg_extension_config_dump('oms.retention', '');
SELECT pg_extension_config_dump('oms.idempotency', '');
SELECT pg_extension_config_dump('oms.kept_message', '');
SELECT pg_extension_config_dump('oms.message_id', '');
SELECT pg_extension_config_dump('oms.owner', '');
SELECT pg_extension_config_dump('oms.owner_member', '');
SELECT pg_extension_config_dump('oms.absence', '');
SELECT pg_extension_config_dump('oms.hold_reason', '');
SELECT pg_extension_config_dump('oms.number_range', '');
SELECT pg_extension_config_dump('oms.home', '');
SELECT pg_extension_config_dump('oms.secret', '');
SELECT pg_extension_config_dump('oms.tracking', '');
SELECT pg_extension_config_dump('oms.tracking_miss', '');
SELECT pg_extension_config_dump('oms.seals', '');
SELECT pg_extension_config_dump('oms.seal_leaf', '');
SELECT pg_extension_config_dump('oms.seal_stamp', '');
SELECT pg_extension_config_dump('oms.calendar', '');
SELECT pg_extension_config_dump('oms.workflow_number', '');
SELECT pg_extension_config_dump('oms.ticket_number', '');
SELECT pg_extension_config_dump('oms.message_number', '');
SELECT pg_extension_config_dump('oms.calendar_number', '');

CREATE TRIGGER guard BEFORE UPDATE OF workflow_id, name, version, prefix, definition OR DELETE OR TRUNCATE ON oms.workflow
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Versions never change: oms.create_workflow() makes a new one.');
CREATE TRIGGER guard_row BEFORE UPDATE OF workflow_id, name, version, prefix, definition OR DELETE ON oms.workflow
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Versions never change: oms.create_workflow() makes a new one.');
ALTER TABLE oms.workflow ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.workflow ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.workflow_stage
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Versions never change: oms.create_workflow() makes a new one.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.workflow_stage
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Versions never change: oms.create_workflow() makes a new one.');
ALTER TABLE oms.workflow_stage ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.workflow_stage ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.ticket_state
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Use the functions of oms, or UPDATE the view oms.ticket.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.ticket_state
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Use the functions of oms, or UPDATE the view oms.ticket.');
ALTER TABLE oms.ticket_state ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.ticket_state ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.stage_state
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Use the functions of oms, or UPDATE the view oms.stage.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.stage_state
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Use the functions of oms, or UPDATE the view oms.stage.');
ALTER TABLE oms.stage_state ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.stage_state ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.stage_past
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Finished cycles never change.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.stage_past
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Finished cycles never change.');
ALTER TABLE oms.stage_past ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.stage_past ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.hold
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Use oms.hold() and oms.resume().');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.hold
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Use oms.hold() and oms.resume().');
ALTER TABLE oms.hold ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.hold ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.clock_segment
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('What a clock has measured never changes.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.clock_segment
	FOR EACH ROW EXECUTE FUNCTION oms.guard('What a clock has measured never changes.');
ALTER TABLE oms.clock_segment ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.clock_segment ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.timeline
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('The timeline is append-only, for everybody.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.timeline
	FOR EACH ROW EXECUTE FUNCTION oms.guard('The timeline is append-only, for everybody.');
ALTER TABLE oms.timeline ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.timeline ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.ticket_state_archive
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('The archive never changes. Use the functions of oms: they bring the ticket back.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.ticket_state_archive
	FOR EACH ROW EXECUTE FUNCTION oms.guard('The archive never changes. Use the functions of oms: they bring the ticket back.');
ALTER TABLE oms.ticket_state_archive ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.ticket_state_archive ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.stage_state_archive
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('The archive never changes. Use the functions of oms: they bring the ticket back.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.stage_state_archive
	FOR EACH ROW EXECUTE FUNCTION oms.guard('The archive never changes. Use the functions of oms: they bring the ticket back.');
ALTER TABLE oms.stage_state_archive ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.stage_state_archive ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.stage_past_archive
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('The archive never changes. Use the functions of oms: they bring the ticket back.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.stage_past_archive
	FOR EACH ROW EXECUTE FUNCTION oms.guard('The archive never changes. Use the functions of oms: they bring the ticket back.');
ALTER TABLE oms.stage_past_archive ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.stage_past_archive ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.hold_archive
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('The archive never changes. Use the functions of oms: they bring the ticket back.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.hold_archive
	FOR EACH ROW EXECUTE FUNCTION oms.guard('The archive never changes. Use the functions of oms: they bring the ticket back.');
ALTER TABLE oms.hold_archive ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.hold_archive ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.clock_segment_archive
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('The archive never changes. Use the functions of oms: they bring the ticket back.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.clock_segment_archive
	FOR EACH ROW EXECUTE FUNCTION oms.guard('The archive never changes. Use the functions of oms: they bring the ticket back.');
ALTER TABLE oms.clock_segment_archive ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.clock_segment_archive ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.timeline_archive
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('The archive never changes. Use the functions of oms: they bring the ticket back.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.timeline_archive
	FOR EACH ROW EXECUTE FUNCTION oms.guard('The archive never changes. Use the functions of oms: they bring the ticket back.');
ALTER TABLE oms.timeline_archive ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.timeline_archive ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.journal
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('The journal is append-only, for everybody.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.journal
	FOR EACH ROW EXECUTE FUNCTION oms.guard('The journal is append-only, for everybody.');
ALTER TABLE oms.journal ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.journal ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.idempotency
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('A key that was forgotten would open a second ticket.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.idempotency
	FOR EACH ROW EXECUTE FUNCTION oms.guard('A key that was forgotten would open a second ticket.');
ALTER TABLE oms.idempotency ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.idempotency ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER local BEFORE INSERT OR UPDATE OR DELETE ON oms.worker_state
	FOR EACH ROW EXECUTE FUNCTION oms.stay_local();
ALTER TABLE oms.worker_state ENABLE REPLICA TRIGGER local;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.seals
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Seals are append-only, for everybody.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.seals
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Seals are append-only, for everybody.');
ALTER TABLE oms.seals ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.seals ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.seal_leaf
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Seals are append-only, for everybody.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.seal_leaf
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Seals are append-only, for everybody.');
ALTER TABLE oms.seal_leaf ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.seal_leaf ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON oms.seal_stamp
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Stamps are append-only, for everybody.');
CREATE TRIGGER guard_row BEFORE UPDATE OR DELETE ON oms.seal_stamp
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Stamps are append-only, for everybody.');
ALTER TABLE oms.seal_stamp ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.seal_stamp ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER local BEFORE INSERT OR UPDATE OR DELETE ON oms.seal_state
	FOR EACH ROW EXECUTE FUNCTION oms.stay_local();
ALTER TABLE oms.seal_state ENABLE REPLICA TRIGGER local;
CREATE TRIGGER local BEFORE INSERT OR UPDATE OR DELETE ON oms.passed_over
	FOR EACH ROW EXECUTE FUNCTION oms.stay_local();
ALTER TABLE oms.passed_over ENABLE REPLICA TRIGGER local;
CREATE TRIGGER local BEFORE INSERT OR UPDATE OR DELETE ON oms.cron_state
	FOR EACH ROW EXECUTE FUNCTION oms.stay_local();
ALTER TABLE oms.cron_state ENABLE REPLICA TRIGGER local;
CREATE TRIGGER guard BEFORE UPDATE OF calendar_id, name, version, definition, created_by, created_at OR DELETE OR TRUNCATE ON oms.calendar
	FOR EACH STATEMENT EXECUTE FUNCTION oms.guard('Versions never change: oms.create_calendar() makes a new one.');
CREATE TRIGGER guard_row BEFORE UPDATE OF calendar_id, name, version, definition, created_by, created_at OR DELETE ON oms.calendar
	FOR EACH ROW EXECUTE FUNCTION oms.guard('Versions never change: oms.create_calendar() makes a new one.');
ALTER TABLE oms.calendar ENABLE ALWAYS TRIGGER guard;
ALTER TABLE oms.calendar ENABLE ALWAYS TRIGGER guard_row;
CREATE TRIGGER local BEFORE INSERT OR UPDATE OR DELETE ON oms.rollup
	FOR EACH ROW EXECUTE FUNCTION oms.stay_local();
ALTER TABLE oms.rollup ENABLE REPLICA TRIGGER local;
CREATE TRIGGER local BEFORE INSERT OR UPDATE OR DELETE ON oms.rollup_state
	FOR EACH ROW EXECUTE FUNCTION oms.stay_local();
ALTER TABLE oms.rollup_state ENABLE REPLICA TRIGGER local;
CREATE TRIGGER local BEFORE INSERT OR UPDATE OR DELETE ON oms.rollup_ahead
	FOR EACH ROW EXECUTE FUNCTION oms.stay_local();
ALTER TABLE oms.rollup_ahead ENABLE REPLICA TRIGGER local;
CREATE TRIGGER record INSTEAD OF UPDATE OR DELETE ON oms.ticket
	FOR EACH ROW EXECUTE FUNCTION oms.update_ticket();
CREATE TRIGGER record INSTEAD OF UPDATE OR DELETE ON oms.stage
	FOR EACH ROW EXECUTE FUNCTION oms.update_stage();

--------------------------------------------------------------------------------------------------
-- rights: nothing for PUBLIC
--------------------------------------------------------------------------------------------------

REVOKE ALL ON SCHEMA oms, oms_internal FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA oms, oms_internal FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA oms FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA oms, oms_internal FROM PUBLIC;
REVOKE ALL ON TYPE oms.ticket_id FROM PUBLIC;
-- row types too, or somebody could build on them and block an update
REVOKE ALL ON TYPE oms.workflow FROM PUBLIC;
REVOKE ALL ON TYPE oms.workflow_stage FROM PUBLIC;
REVOKE ALL ON TYPE oms.ticket_state FROM PUBLIC;
REVOKE ALL ON TYPE oms.stage_state FROM PUBLIC;
REVOKE ALL ON TYPE oms.stage_past FROM PUBLIC;
REVOKE ALL ON TYPE oms.hold FROM PUBLIC;
REVOKE ALL ON TYPE oms.clock_segment FROM PUBLIC;
REVOKE ALL ON TYPE oms.timeline FROM PUBLIC;
REVOKE ALL ON TYPE oms.ticket_state_archive FROM PUBLIC;
REVOKE ALL ON TYPE oms.stage_state_archive FROM PUBLIC;
REVOKE ALL ON TYPE oms.stage_past_archive FROM PUBLIC;
REVOKE ALL ON TYPE oms.hold_archive FROM PUBLIC;
REVOKE ALL ON TYPE oms.clock_segment_archive FROM PUBLIC;
REVOKE ALL ON TYPE oms.timeline_archive FROM PUBLIC;
REVOKE ALL ON TYPE oms.journal FROM PUBLIC;
REVOKE ALL ON TYPE oms.retention FROM PUBLIC;
REVOKE ALL ON TYPE oms.idempotency FROM PUBLIC;
REVOKE ALL ON TYPE oms.kept_message FROM PUBLIC;
REVOKE ALL ON TYPE oms.message_id FROM PUBLIC;
REVOKE ALL ON TYPE oms.owner FROM PUBLIC;
REVOKE ALL ON TYPE oms.owner_member FROM PUBLIC;
REVOKE ALL ON TYPE oms.absence FROM PUBLIC;
REVOKE ALL ON TYPE oms.hold_reason FROM PUBLIC;
REVOKE ALL ON TYPE oms.number_range FROM PUBLIC;
REVOKE ALL ON TYPE oms.home FROM PUBLIC;
REVOKE ALL ON TYPE oms.secret FROM PUBLIC;
REVOKE ALL ON TYPE oms.tracking FROM PUBLIC;
REVOKE ALL ON TYPE oms.tracking_miss FROM PUBLIC;
REVOKE ALL ON TYPE oms.worker_state FROM PUBLIC;
REVOKE ALL ON TYPE oms.seals FROM PUBLIC;
REVOKE ALL ON TYPE oms.seal_leaf FROM PUBLIC;
REVOKE ALL ON TYPE oms.seal_stamp FROM PUBLIC;
REVOKE ALL ON TYPE oms.seal_state FROM PUBLIC;
REVOKE ALL ON TYPE oms.passed_over FROM PUBLIC;
REVOKE ALL ON TYPE oms.cron_state FROM PUBLIC;
REVOKE ALL ON TYPE oms.calendar FROM PUBLIC;
REVOKE ALL ON TYPE oms.rollup FROM PUBLIC;
REVOKE ALL ON TYPE oms.rollup_state FROM PUBLIC;
REVOKE ALL ON TYPE oms.rollup_ahead FROM PUBLIC;
REVOKE ALL ON TYPE oms.ticket FROM PUBLIC;
REVOKE ALL ON TYPE oms.stage FROM PUBLIC;
REVOKE ALL ON TYPE oms.message FROM PUBLIC;
REVOKE ALL ON TYPE oms.rework FROM PUBLIC;
REVOKE ALL ON TYPE oms.archived_ticket FROM PUBLIC;
REVOKE ALL ON TYPE oms.archived_stage FROM PUBLIC;
REVOKE ALL ON TYPE oms.attachment FROM PUBLIC;
REVOKE ALL ON TYPE oms.worker_status FROM PUBLIC;
REVOKE ALL ON TYPE oms.worker_errors FROM PUBLIC;
REVOKE ALL ON TYPE oms.metrics FROM PUBLIC;
REVOKE ALL ON TYPE oms.lake_ticket FROM PUBLIC;
REVOKE ALL ON TYPE oms.lake_stage FROM PUBLIC;
REVOKE ALL ON TYPE oms.help_task FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.report_ticket FROM PUBLIC;
REVOKE ALL ON TYPE oms.any_ticket FROM PUBLIC;
REVOKE ALL ON TYPE oms.stage_label FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.report_end FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.report_done FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.report_event FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.report_open FROM PUBLIC;
REVOKE ALL ON TYPE oms.open_stage FROM PUBLIC;
REVOKE ALL ON TYPE oms.finished_stage FROM PUBLIC;
REVOKE ALL ON TYPE oms.queue FROM PUBLIC;
REVOKE ALL ON TYPE oms.workload FROM PUBLIC;
REVOKE ALL ON TYPE oms.aging FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_graph FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_import FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_edge FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_move FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_ticket_move FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_step FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_cycle FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_ticket_step FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_ticket_cycle FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_row FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_any_row FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_held FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_stop FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_stops FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_clock_row FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_guard FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_guards FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_event FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_chain FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_counters FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_fold FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_moves FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_dispatch FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_stuck FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_breach FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_calendar FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_calendars FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_segment FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_segments FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_watch FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_clock FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_holds FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_hands FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_timers FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_orphans FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_archive FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_numbers FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.journal_right FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.journal_state FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_journal FROM PUBLIC;
REVOKE ALL ON TYPE oms_internal.check_all FROM PUBLIC;

-- pg_dump warns of each of these types, whose rights it cannot dump: the rights stand, and are made again here.
DELETE FROM pg_init_privs AS p
	USING pg_type AS t, pg_class AS c
	WHERE p.classoid = 'pg_type'::regclass AND p.objoid = t.oid
		AND c.oid = t.typrelid AND c.relkind <> 'c' AND t.typnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace);
