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

