--------------------------------------------------------------------------------------------------
-- api: check
--
-- Every invariant once more, in plain SQL and from the contract alone: nothing here calls the engine, so
-- that a mistake there shows here.  One view per kind of finding; what is asked of one ticket goes down to
-- the indexes.  Each of the two functions is one statement, so that all of it sees one snapshot; without
-- jit, since compiling a query of this size takes longer than running it.
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

-- Since when that counts which followed from a stage that was done by law in the same moment, and not from what was done after it.
CREATE FUNCTION oms_internal.check_since(ticket oms.ticket_id, seq int, recorded timestamptz) RETURNS timestamptz
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN COALESCE((SELECT CASE WHEN e.worker IS NULL THEN substring(e.note, '^by law at ([-0-9]+T[:.0-9]+Z): ')::timestamptz END
		FROM oms.timeline AS e
		WHERE e.ticket_id = ticket AND e.seq < check_since.seq AND e.at = recorded
			AND (e.status IN ('done', 'sent_back', 'reopened') OR e.status = 'skipped' AND e.note !~ '^condition is false$')
		ORDER BY e.seq DESC LIMIT 1), recorded);
COMMENT ON FUNCTION oms_internal.check_since(oms.ticket_id, int, timestamptz) IS 'for oms.check(): since when something counts that followed from a stage that was done by law';

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
-- @check_guard
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
				oms_internal.check_when(a.at, i.at, a.note, a.note_digest)) AS at, g.delay_us,
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
	WHERE oms_internal.check_open(m.calendar, m.at, m.moment) <> m.delay_us
		OR oms_internal.check_open(m.calendar, m.at, m.moment - '1 microsecond'::interval) >= m.delay_us
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
	WHERE oms_internal.check_since(a.ticket_id, a.seq, oms_internal.check_when(a.at, i.at, a.note, a.note_digest)) = r.awaiting_at
		AND NOT EXISTS (SELECT FROM oms.timeline AS b WHERE b.ticket_id = a.ticket_id AND b.stage = a.stage AND b.cycle = a.cycle
			AND b.status = 'awaiting' AND b.seq > a.seq)
		AND r.wake_at IS NOT NULL AND r.wake_at <> substring(a.note, 'until ([-0-9]+T[:.0-9]+Z)$')::timestamptz
	UNION ALL
	-- With startAt it is no earlier than that, where the date says so by itself, nor than the delay; and on a calendar an
	-- opening time, if only a date is given.
	SELECT 'dispatch', m.ticket_id, format('stage %s: its moment is %s, startAt says %s', m.stage, m.moment, m.start)
	FROM (
		SELECT a.ticket_id, a.stage, oms_internal.check_since(a.ticket_id, a.seq,
				oms_internal.check_when(a.at, i.at, a.note, a.note_digest)) AS at, g.delay_us, CASE WHEN g.calendar IS NULL THEN '' ELSE c.name END AS calendar,
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
	WHERE m.moment < m.start_at OR m.moment < m.at
		OR m.delay_us IS NOT NULL AND oms_internal.check_open(m.calendar, m.at, m.moment) < m.delay_us
		OR m.moment > m.start_at AND oms_internal.check_open(m.calendar, m.start_at, m.moment) > 0
			AND oms_internal.check_open(m.calendar, m.at, m.moment - '1 microsecond'::interval) >= COALESCE(m.delay_us, 0)
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
					WHEN c.ended THEN count(*) <> c.warned ELSE count(*) < c.warned END
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
				THEN y.running_since + make_interval(secs => GREATEST(LEAST(y.alarm_us, 3e15), 0) / 1000000) END AS alarm_at,
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
					- w.consumed_us AS alarm_us
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
		(r.running_since IS NOT NULL AND r.finished_at IS NULL AND r.alarm_us < 3e15
			AND CASE WHEN r.by_calendar = '' THEN r.timer_at IS NULL OR r.timer_at > r.alarm_at
				WHEN r.alarm_us <= 0 THEN r.timer_at > r.running_since
				ELSE oms_internal.check_open(r.by_calendar, r.running_since, r.timer_at - '1 microsecond'::interval)
					>= r.alarm_us END, 'the timer comes later than an alarm of its clock'),
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

-- What roles other than the owner of the schema were granted in it, by names that are the same after a restore.
CREATE VIEW oms_internal.journal_right (role, object, privilege) AS
	SELECT r.rolname::text COLLATE "C", a.object, a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END
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
		WHERE t.typnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
	) AS a
	JOIN pg_roles AS r ON r.oid = a.grantee
	JOIN pg_namespace AS o ON o.nspname = 'oms' AND o.nspowner <> a.grantee;
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

