-- Words for pgTAP, to test workflows with (docs/guides/testing.md).
--
-- As those of pgTAP they are plain SQL, run with the rights of whoever calls, and find pgTAP on the search path.
-- Each test returns a line of TAP; the description may be left out.

\echo Use "CREATE EXTENSION oms_tap" to load this file. \quit

-- ---- the clock ----

CREATE FUNCTION move_clock_to(at timestamptz) RETURNS int
	LANGUAGE plpgsql AS $$
DECLARE
	fired	int;
	total	int := 0;
BEGIN
	-- in a form that no setting of the session reads as another time
	PERFORM set_config('oms.now', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), false);
	LOOP
		fired := oms.tick();
		total := total + fired;
		EXIT WHEN fired = 0;
	END LOOP;
	RETURN total;
END $$;
COMMENT ON FUNCTION move_clock_to(timestamptz) IS 'sets the clock of the session (oms.now, for superusers) and fires every timer that is due by then; returns how many fired';

-- ---- what is ----

CREATE FUNCTION ticket_path(ticket oms.ticket_id) RETURNS text[]
	LANGUAGE sql AS $$
	SELECT COALESCE(array_agg(e.stage ORDER BY e.seq), '{}')
	FROM (SELECT y.ticket_id, y.seq, y.stage, y.status FROM oms.timeline AS y
		UNION ALL SELECT a.ticket_id, a.seq, a.stage, a.status FROM oms.timeline_archive AS a) AS e
	WHERE e.ticket_id = ticket_path.ticket AND e.status = 'done'
$$;
COMMENT ON FUNCTION ticket_path(oms.ticket_id) IS 'the stages that were done, in the order in which they were finished; one that was done again stands there again';

CREATE FUNCTION ticket_events(ticket oms.ticket_id, only_these text DEFAULT NULL) RETURNS text
	LANGUAGE sql AS $$
	SELECT COALESCE(string_agg(COALESCE(e.stage, '-') || ':' || e.status, ' ' ORDER BY e.nr), '')
	FROM (SELECT t.stage, t.status, t.nr FROM oms.get_timeline(ticket_events.ticket) WITH ORDINALITY AS t ("time", stage, owner, status, note, nr)) AS e
	WHERE only_these IS NULL OR e.status ~ only_these
$$;
COMMENT ON FUNCTION ticket_events(oms.ticket_id, text) IS 'the timeline as one line, stage:status after stage:status, - for the ticket; of events whose status matches the regular expression, NULL: of all';

CREATE FUNCTION error_code(statement text) RETURNS text
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
COMMENT ON FUNCTION error_code(text) IS 'runs a statement and tells how it ended: its error''s SQLSTATE, or 00000. What it changed before an error is undone';

CREATE FUNCTION ticket_status(ticket oms.ticket_id) RETURNS text
	LANGUAGE sql AS $$ SELECT t.status::text FROM oms.any_ticket AS t WHERE t.ticket_id = ticket_status.ticket $$;
COMMENT ON FUNCTION ticket_status(oms.ticket_id) IS 'the status of a ticket; NULL: there is none';

CREATE FUNCTION stage_status(ticket oms.ticket_id, stage text) RETURNS text
	LANGUAGE sql AS $$
	SELECT s.status::text FROM oms.stage AS s WHERE s.ticket_id = stage_status.ticket AND s.stage::text = stage_status.stage
	UNION ALL
	SELECT a.status::text FROM oms.archived_stage AS a WHERE a.ticket_id = stage_status.ticket AND a.stage::text = stage_status.stage
$$;
COMMENT ON FUNCTION stage_status(oms.ticket_id, text) IS 'the status of a stage; NULL: there is none';

-- ---- tests ----

CREATE FUNCTION ticket_path_is(ticket oms.ticket_id, path text[], description text DEFAULT NULL) RETURNS text
	LANGUAGE sql AS $$
	SELECT is(ticket_path(ticket_path_is.ticket), path,
		COALESCE(description, format('%s went %s', ticket_path_is.ticket::text, array_to_string(path, ', '))))
$$;
COMMENT ON FUNCTION ticket_path_is(oms.ticket_id, text[], text) IS 'test: these stages were done, in the order in which they were finished, and no others';

CREATE FUNCTION ticket_status_is(ticket oms.ticket_id, status text, description text DEFAULT NULL) RETURNS text
	LANGUAGE sql AS $$
	SELECT is(ticket_status(ticket_status_is.ticket), ticket_status_is.status,
		COALESCE(description, format('%s is %s', ticket_status_is.ticket::text, ticket_status_is.status)))
$$;
COMMENT ON FUNCTION ticket_status_is(oms.ticket_id, text, text) IS 'test: the ticket has this status';

CREATE FUNCTION stage_status_is(ticket oms.ticket_id, stage text, status text, description text DEFAULT NULL) RETURNS text
	LANGUAGE sql AS $$
	SELECT is(stage_status(stage_status_is.ticket, stage_status_is.stage), stage_status_is.status,
		COALESCE(description, format('%s of %s is %s', stage_status_is.stage, stage_status_is.ticket::text, stage_status_is.status)))
$$;
COMMENT ON FUNCTION stage_status_is(oms.ticket_id, text, text, text) IS 'test: the stage has this status';

CREATE FUNCTION stage_due_is(ticket oms.ticket_id, stage text, due timestamptz, description text DEFAULT NULL) RETURNS text
	LANGUAGE sql AS $$
	SELECT is((SELECT s.due_at FROM oms.stage AS s WHERE s.ticket_id = stage_due_is.ticket AND s.stage::text = stage_due_is.stage), due,
		COALESCE(description, format('%s of %s is due %s', stage_due_is.stage, stage_due_is.ticket::text, COALESCE(due::text, 'never'))))
$$;
COMMENT ON FUNCTION stage_due_is(oms.ticket_id, text, timestamptz, text) IS 'test: the stage is due then; NULL: it has no due time, or its clock stands';

CREATE FUNCTION dispatched(ticket oms.ticket_id, stage text, description text DEFAULT NULL) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	what	text := COALESCE(description, format('%s of %s was dispatched', stage, ticket::text));
	its		record;
BEGIN
	SELECT s.status::text AS status, s.queued_at, s.ready_at, s.owner INTO its
	FROM oms.stage AS s WHERE s.ticket_id = dispatched.ticket AND s.stage::text = dispatched.stage;
	IF its.queued_at IS NOT NULL AND its.status <> 'on_hold'
		AND NOT (its.status = 'queued' AND its.ready_at > oms.clock()) THEN
		RETURN ok(true, what);
	END IF;
	RETURN ok(false, what) || E'\n' || diag(format('    it is %s%s', COALESCE(its.status, 'not a stage of the ticket'),
		CASE WHEN its.status = 'queued' THEN ', and can be claimed from ' || its.ready_at::text ELSE '' END));
END $$;
COMMENT ON FUNCTION dispatched(oms.ticket_id, text, text) IS 'test: in its present cycle the stage was offered to its owner: it is queued and can be claimed, or somebody took it since. Not while it waits, is on hold, or pauses before a retry';

CREATE FUNCTION citizen_sees(ticket oms.ticket_id, what jsonb, description text DEFAULT NULL) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	said	text := COALESCE(description, format('the citizen of %s sees %s', ticket::text, what::text));
	seen	jsonb := oms.track(oms.tracking_number(ticket));
BEGIN
	IF seen @> what THEN
		RETURN ok(true, said);
	END IF;
	RETURN ok(false, said) || E'\n' || diag('    sees: ' || COALESCE(seen::text, 'nothing'));
END $$;
COMMENT ON FUNCTION citizen_sees(oms.ticket_id, jsonb, text) IS 'test: what track() tells the citizen contains this (as jsonb does, @>)';

CREATE FUNCTION citizen_does_not_see(ticket oms.ticket_id, what text, description text DEFAULT NULL) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	said	text := COALESCE(description, format('the citizen of %s does not see "%s"', ticket::text, what));
	number	text := oms.tracking_number(ticket);
	seen	text;
BEGIN
	SELECT string_agg(s.line, E'\n    ') INTO seen
	FROM (SELECT oms.track(number)::text AS line
		UNION ALL SELECT e::text FROM oms.get_timeline(number) AS e) AS s
	WHERE strpos(lower(s.line), lower(what)) > 0;
	IF seen IS NULL THEN
		RETURN ok(true, said);
	END IF;
	RETURN ok(false, said) || E'\n' || diag('    ' || seen);
END $$;
COMMENT ON FUNCTION citizen_does_not_see(oms.ticket_id, text, text) IS 'test: this text stands nowhere in what track() and the public timeline tell the citizen, in whatever case';
