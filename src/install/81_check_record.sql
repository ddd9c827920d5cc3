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

