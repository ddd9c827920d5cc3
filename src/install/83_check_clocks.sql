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

