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

