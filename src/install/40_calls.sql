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

