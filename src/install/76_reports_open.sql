-- ---- what is open ----

-- One row per stage that is awaiting, queued, in progress, on hold or failed.  What is open is asked for in the words of the partial
-- indexes, without a UNION, so that the queues and workers lead to it, or the number of its ticket, whichever way is the
-- shortest.  LEFT JOIN, so that the planner leaves out what a report does not ask for.  That its ticket is open as well is
-- not said: after a rush the statistics know of no open tickets, and the planner would go through all of them for each stage.
CREATE VIEW oms_internal.report_open AS
	SELECT s.ticket_id, s.stage_no, t.workflow_id, w.name AS workflow, d.stage, d.label, s.owner, s.worker, s.status, s.queued_at,
		s.ready_at, s.due_at, s.running_since, s.breached_at, s.limit_us IS NOT NULL AS clocked, c.now,
		s.limit_us IS NOT NULL AND (s.breached_at IS NOT NULL OR (s.running_since IS NOT NULL AND s.due_at < c.now)) AS overdue,
		t.priority, t.applicant, t.opened_at, t.status AS ticket_status, s.awaiting_at, s.cycle,
		CASE WHEN s.waits_for IS NULL THEN s.wake_at END AS starts_at, s.waits_for, s.timer_at
	FROM (SELECT oms.clock() AS now) AS c
	CROSS JOIN oms.stage_state AS s
	LEFT JOIN oms.ticket_state AS t ON t.ticket_id = s.ticket_id
	LEFT JOIN oms.workflow AS w ON w.workflow_id = t.workflow_id
	LEFT JOIN oms.workflow_stage AS d ON d.workflow_id = t.workflow_id AND d.stage_no = s.stage_no
	WHERE s.status = 'q' OR s.status IN ('p', 'h', 'f') OR s.status = 'a';
COMMENT ON VIEW oms_internal.report_open IS 'for the reports: one row per stage that is begun and not finished';

-- What people work on: the board of a client, lists behind the figures of a report.
CREATE VIEW oms.open_stage AS
	SELECT o.ticket_id, o.stage_no, o.workflow, o.stage, o.label, oms.stage_status(o.status) AS status, o.owner, o.worker,
		o.priority, o.applicant, o.opened_at, oms.ticket_status(o.ticket_status) AS ticket_status, o.queued_at, o.due_at,
		o.running_since, o.breached_at, o.clocked, o.overdue, o.now, o.awaiting_at, o.starts_at, o.waits_for, o.timer_at,
		EXISTS (SELECT FROM oms.timeline AS e
			WHERE e.ticket_id = o.ticket_id AND e.stage = o.stage AND e.cycle = o.cycle AND e.moved) AS moved
	FROM oms_internal.report_open AS o;
COMMENT ON VIEW oms.open_stage IS 'one row per stage that is awaiting, queued, in progress, on hold or failed, with its ticket';
COMMENT ON COLUMN oms.open_stage.ticket_id IS 'number of the ticket';
COMMENT ON COLUMN oms.open_stage.stage_no IS 'position of the stage in the definition, from 1 on';
COMMENT ON COLUMN oms.open_stage.workflow IS 'name of the workflow, all versions';
COMMENT ON COLUMN oms.open_stage.stage IS 'id of the stage';
COMMENT ON COLUMN oms.open_stage.label IS 'its name for the public';
COMMENT ON COLUMN oms.open_stage.status IS 'awaiting, queued, in_progress, on_hold or failed';
COMMENT ON COLUMN oms.open_stage.owner IS 'who is responsible';
COMMENT ON COLUMN oms.open_stage.worker IS 'who has it, or had it before the hold; NULL: nobody';
COMMENT ON COLUMN oms.open_stage.priority IS 'of the ticket';
COMMENT ON COLUMN oms.open_stage.applicant IS 'of the ticket; NULL: none was given, or it was erased';
COMMENT ON COLUMN oms.open_stage.opened_at IS 'of the ticket';
COMMENT ON COLUMN oms.open_stage.ticket_status IS 'of the ticket: open, on_hold or failed';
COMMENT ON COLUMN oms.open_stage.queued_at IS 'since when it is queued in its cycle; NULL: it is not yet';
COMMENT ON COLUMN oms.open_stage.due_at IS 'when the time limit ends if the clock runs on; NULL: no limit, or the clock stands';
COMMENT ON COLUMN oms.open_stage.running_since IS 'NULL: the clock stands, or there is none';
COMMENT ON COLUMN oms.open_stage.breached_at IS 'when it was recorded that the limit is past; NULL: it was not';
COMMENT ON COLUMN oms.open_stage.clocked IS 'has a time limit';
COMMENT ON COLUMN oms.open_stage.overdue IS 'past its time limit now';
COMMENT ON COLUMN oms.open_stage.awaiting_at IS 'since when it awaits, or did in its cycle; NULL: it did not';
COMMENT ON COLUMN oms.open_stage.starts_at IS 'when it is queued by itself; NULL: it is, or it does not await a moment';
COMMENT ON COLUMN oms.open_stage.waits_for IS 'name of the message that finishes it; NULL: it does not await one';
COMMENT ON COLUMN oms.open_stage.timer_at IS 'nothing happens to it by itself before then: so while the clock runs, it is late no earlier; NULL: nothing will';
COMMENT ON COLUMN oms.open_stage.moved IS 'some of the events of its cycle were recorded under a moved clock (oms.now)';
COMMENT ON COLUMN oms.open_stage.now IS 'the time by which it is judged, oms.clock()';

CREATE VIEW oms.finished_stage AS
	SELECT f.ticket_id, f.stage_no, w.name AS workflow, d.stage, d.label, f.cycle, f.owner, f.finished_at, f.due_at, f.met, f.breached,
		f.ratio, f.wait_us * '1 microsecond'::interval AS wait, f.work_us * '1 microsecond'::interval AS work,
		f.hold_us * '1 microsecond'::interval AS hold, f.await_us * '1 microsecond'::interval AS awaited, f.moved
	FROM oms_internal.report_done AS f
	LEFT JOIN oms.workflow AS w ON w.workflow_id = f.workflow_id
	LEFT JOIN oms.workflow_stage AS d ON d.workflow_id = f.workflow_id AND d.stage_no = f.stage_no;
COMMENT ON VIEW oms.finished_stage IS 'one row per cycle of a stage that was done: what the figures of the reports are made of';
COMMENT ON COLUMN oms.finished_stage.ticket_id IS 'number of the ticket';
COMMENT ON COLUMN oms.finished_stage.stage_no IS 'position of the stage in the definition, from 1 on';
COMMENT ON COLUMN oms.finished_stage.workflow IS 'name of the workflow, all versions';
COMMENT ON COLUMN oms.finished_stage.stage IS 'id of the stage';
COMMENT ON COLUMN oms.finished_stage.label IS 'its name for the public';
COMMENT ON COLUMN oms.finished_stage.cycle IS '1, and one more for each time that it was sent back or reopened';
COMMENT ON COLUMN oms.finished_stage.owner IS 'who was responsible at the end';
COMMENT ON COLUMN oms.finished_stage.finished_at IS 'when it was done';
COMMENT ON COLUMN oms.finished_stage.due_at IS 'when the time limit ended, or would have; NULL: no limit, or the clock stood at the end';
COMMENT ON COLUMN oms.finished_stage.met IS 'had a time limit and kept it';
COMMENT ON COLUMN oms.finished_stage.breached IS 'had a time limit and went past it';
COMMENT ON COLUMN oms.finished_stage.ratio IS 'consumed time over the limit; NULL: no limit';
COMMENT ON COLUMN oms.finished_stage.wait IS 'until the last worker took it, without holds; all of it if nobody took it';
COMMENT ON COLUMN oms.finished_stage.work IS 'from then on, without holds';
COMMENT ON COLUMN oms.finished_stage.hold IS 'time on hold, in either';
COMMENT ON COLUMN oms.finished_stage.moved IS 'some of its events were recorded under a moved clock (oms.now)';
COMMENT ON COLUMN oms.finished_stage.awaited IS 'until its moment or its message came, with holds; no part of the others. NULL: it did not await anything';

CREATE VIEW oms.queue AS
	SELECT o.owner,
		count(*) FILTER (WHERE o.status = 'q') AS queued,
		count(*) FILTER (WHERE o.status = 'p') AS in_progress,
		count(*) FILTER (WHERE o.status = 'h') AS on_hold,
		count(*) FILTER (WHERE o.status = 'f') AS failed,
		min(o.queued_at) FILTER (WHERE o.status = 'q') AS oldest,
		count(*) FILTER (WHERE o.running_since IS NOT NULL AND NOT o.overdue
			AND o.due_at <= o.now + '1 hour'::interval) AS due_within_hour,
		count(*) FILTER (WHERE o.overdue) AS overdue,
		count(*) FILTER (WHERE o.status = 'a') AS awaiting
	FROM oms_internal.report_open AS o
	GROUP BY o.owner;
COMMENT ON VIEW oms.queue IS 'one row per owner that has open stages';
COMMENT ON COLUMN oms.queue.owner IS 'who is responsible';
COMMENT ON COLUMN oms.queue.queued IS 'stages that nobody has, those in a pause before the next attempt too';
COMMENT ON COLUMN oms.queue.in_progress IS 'stages that a worker has';
COMMENT ON COLUMN oms.queue.on_hold IS 'stages on hold';
COMMENT ON COLUMN oms.queue.failed IS 'stages that need attention';
COMMENT ON COLUMN oms.queue.oldest IS 'since when the oldest of the queued ones is queued in its cycle; NULL: none is';
COMMENT ON COLUMN oms.queue.due_within_hour IS 'open stages whose clock runs and is due in the next hour';
COMMENT ON COLUMN oms.queue.overdue IS 'open stages that are past their time limit';
COMMENT ON COLUMN oms.queue.awaiting IS 'stages that wait for something, so that nobody can claim them';

-- Who has what.  For staff: it names workers.
CREATE VIEW oms.workload AS
	SELECT l.owner, l.worker, l.queued, l.in_progress, l.on_hold, l.overdue, a.to_at IS NOT NULL AS away, a.to_at AS away_until, a.delegate
	FROM (
		SELECT x.owner, x.worker,
			count(*) FILTER (WHERE x.status = 'q') AS queued,
			count(*) FILTER (WHERE x.status = 'p') AS in_progress,
			count(*) FILTER (WHERE x.status = 'h') AS on_hold,
			count(*) FILTER (WHERE x.overdue) AS overdue
		FROM (
			SELECT o.owner, CASE WHEN o.status IN ('p', 'h') THEN o.worker END AS worker, o.status, o.overdue
			FROM oms_internal.report_open AS o WHERE o.status NOT IN ('a', 'f')
			UNION ALL
			SELECT m.owner, m.member, NULL, NULL FROM oms.owner_member AS m
		) AS x
		GROUP BY x.owner, x.worker
	) AS l
	CROSS JOIN (SELECT oms.clock() AS now) AS c
	LEFT JOIN oms.absence AS a ON a.person = COALESCE(l.worker, l.owner) AND a.from_at <= c.now AND a.to_at > c.now;
COMMENT ON VIEW oms.workload IS 'one row per owner and worker that has something of it, or is a member; without worker: what nobody has';
COMMENT ON COLUMN oms.workload.owner IS 'who is responsible';
COMMENT ON COLUMN oms.workload.worker IS 'who has it, or a member of the owner; NULL: what nobody has';
COMMENT ON COLUMN oms.workload.queued IS 'queued stages; only where worker is NULL';
COMMENT ON COLUMN oms.workload.in_progress IS 'stages that the worker has';
COMMENT ON COLUMN oms.workload.on_hold IS 'stages on hold that the worker had, or nobody';
COMMENT ON COLUMN oms.workload.overdue IS 'of these, past their time limit';
COMMENT ON COLUMN oms.workload.away IS 'the worker (NULL: the owner) is absent now';
COMMENT ON COLUMN oms.workload.away_until IS 'back from then on; NULL: not away';
COMMENT ON COLUMN oms.workload.delegate IS 'who stands in; NULL: nobody, or not away';

-- How long open stages have been open, by days of 24 hours.
CREATE VIEW oms.aging AS
	SELECT w.name AS workflow, d.stage, b.from_days, b.to_days,
		sum(g.open)::int8 AS open,
		sum(g.on_hold)::int8 AS on_hold,
		sum(g.overdue)::int8 AS overdue,
		min(g.oldest) AS oldest
	FROM (
		SELECT o.workflow_id, o.stage_no, o.from_days,
			count(*) AS open,
			count(*) FILTER (WHERE o.status = 'h') AS on_hold,
			count(*) FILTER (WHERE o.overdue) AS overdue,
			min(o.begun) AS oldest
		FROM (
			-- joined with the ages, each stage would be compared with all of them
			SELECT r.workflow_id, r.stage_no, r.status, r.overdue, COALESCE(r.awaiting_at, r.queued_at) AS begun,
				CASE WHEN COALESCE(r.awaiting_at, r.queued_at) > r.now - '24 hours'::interval THEN 0
					WHEN COALESCE(r.awaiting_at, r.queued_at) > r.now - '72 hours'::interval THEN 1
					WHEN COALESCE(r.awaiting_at, r.queued_at) > r.now - '168 hours'::interval THEN 3
					WHEN COALESCE(r.awaiting_at, r.queued_at) > r.now - '336 hours'::interval THEN 7
					WHEN COALESCE(r.awaiting_at, r.queued_at) > r.now - '720 hours'::interval THEN 14
					ELSE 30 END AS from_days
			FROM oms_internal.report_open AS r
		) AS o
		GROUP BY o.workflow_id, o.stage_no, o.from_days
	) AS g
	JOIN (VALUES (0, 1), (1, 3), (3, 7), (7, 14), (14, 30), (30, NULL)) AS b (from_days, to_days) ON b.from_days = g.from_days
	JOIN oms.workflow AS w ON w.workflow_id = g.workflow_id
	JOIN oms.workflow_stage AS d ON d.workflow_id = g.workflow_id AND d.stage_no = g.stage_no
	GROUP BY w.name, d.stage, b.from_days, b.to_days;
COMMENT ON VIEW oms.aging IS 'one row per stage and age of its open cycles, where there are any';
COMMENT ON COLUMN oms.aging.workflow IS 'name of the workflow, all versions';
COMMENT ON COLUMN oms.aging.stage IS 'id of the stage';
COMMENT ON COLUMN oms.aging.from_days IS 'begun in the cycle, queued or awaiting, at least so many days of 24 hours ago';
COMMENT ON COLUMN oms.aging.to_days IS 'and less than so many; NULL: any longer';
COMMENT ON COLUMN oms.aging.open IS 'open stages of that age';
COMMENT ON COLUMN oms.aging.on_hold IS 'of these, on hold';
COMMENT ON COLUMN oms.aging.overdue IS 'of these, past their time limit';
COMMENT ON COLUMN oms.aging.oldest IS 'since when the oldest of them is begun';

CREATE FUNCTION oms.at_risk(within interval DEFAULT '4 hours')
	RETURNS TABLE (ticket oms.ticket_id, workflow text, stage text, owner text, status text, due_at timestamptz, remaining interval)
	LANGUAGE sql STABLE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp SET jit = off SET enable_seqscan = off
	AS $$
		-- The timer comes just after the due time or before it, so its index leads to all of them; a second more, since the
		-- clock is read twice.
		SELECT o.ticket_id, o.workflow, o.stage, o.owner, oms.stage_status(o.status), o.due_at, o.due_at - o.now
		FROM oms_internal.report_open AS o
		WHERE o.running_since IS NOT NULL AND o.breached_at IS NULL AND o.due_at >= o.now AND o.due_at <= o.now + at_risk.within
			AND o.timer_at <= (SELECT oms.clock()) + at_risk.within + '1 second'::interval
		ORDER BY o.due_at, o.ticket_id, o.stage_no;
	$$;
COMMENT ON FUNCTION oms.at_risk(interval) IS 'running clocks that are due from now on until within, the first one first. remaining: time on the wall, days of 24 hours. NULL: none';

