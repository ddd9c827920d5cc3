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

