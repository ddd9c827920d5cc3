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

