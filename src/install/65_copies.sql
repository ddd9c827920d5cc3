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
