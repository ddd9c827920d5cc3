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
-- @archived ticket archived_at
COMMENT ON VIEW oms.archived_ticket IS 'one row per archived ticket, with the columns of oms.ticket; read only';

-- @archived stage
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
-- @text ticket_as_json
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
-- @end

-- An archived ticket.  Apart, so that it is planned only if it is asked for; STABLE, so that both look at the same
-- moment.
CREATE FUNCTION oms.get_archived_ticket(ticket oms.ticket_id) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	BEGIN ATOMIC
-- @insert ticket_as_json archived
		;
	END;
COMMENT ON FUNCTION oms.get_archived_ticket(oms.ticket_id) IS 'for oms.get_ticket(): an archived ticket; NULL if it is not archived';

-- One row, or none if it is archived.  It becomes part of the statement of oms.get_ticket(), which keeps the plan: making
-- it takes ten times as long as running it.
CREATE FUNCTION oms_internal.get_ticket(ticket oms.ticket_id) RETURNS SETOF jsonb
	LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1
	BEGIN ATOMIC
-- @insert ticket_as_json
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

