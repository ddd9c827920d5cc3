-- The floor: the four-stage loan written by hand in plpgsql, the least that does the job.
--
-- One narrow row per ticket, one per stage, one per event; the workflow is written into the functions.
-- No checks, no hash chain, no events to listeners, no numbers without gaps; a claim does not touch
-- the ticket's row.  Indexes as oms has them: keys, queue, timers.

CREATE SCHEMA floor;
SET search_path = floor;

CREATE SEQUENCE ticket_number;
CREATE SEQUENCE event_number;

CREATE TABLE ticket (
	ticket_id	bigint PRIMARY KEY,
	opened_at	timestamptz NOT NULL,
	last_at		timestamptz NOT NULL,
	closed_at	timestamptz,
	priority	int NOT NULL,
	stage_no	smallint NOT NULL,
	status		"char" NOT NULL,
	data		jsonb NOT NULL
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE stage (
	ticket_id	bigint NOT NULL,
	token		bigint NOT NULL,
	queued_at	timestamptz NOT NULL,
	ready_at	timestamptz NOT NULL,
	started_at	timestamptz,
	finished_at	timestamptz,
	lease_until	timestamptz,
	due_at		timestamptz,
	timer_at	timestamptz,
	priority	int NOT NULL,
	attempt		int NOT NULL,
	stage_no	smallint NOT NULL,
	status		"char" NOT NULL,
	owner		text COLLATE "C" NOT NULL,
	worker		text,
	PRIMARY KEY (ticket_id, stage_no)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX stage_queue ON stage (owner, priority DESC, ready_at, ticket_id, stage_no) WHERE status = 'q';
CREATE INDEX stage_timer ON stage (timer_at) WHERE timer_at IS NOT NULL;

CREATE TABLE event (
	ticket_id	bigint NOT NULL,
	event_id	bigint NOT NULL,
	at			timestamptz NOT NULL,
	status		text NOT NULL,
	stage		text,
	owner		text,
	actor		text NOT NULL,
	worker		text,
	note		text,
	output		jsonb,
	PRIMARY KEY (ticket_id, event_id)
);

CREATE FUNCTION open_ticket(p_data jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	v_id bigint := nextval('ticket_number');
	v_now timestamptz := clock_timestamp();
BEGIN
	INSERT INTO ticket (ticket_id, opened_at, last_at, priority, stage_no, status, data)
		VALUES (v_id, v_now, v_now, 0, 1, 'o', p_data);
	INSERT INTO stage (ticket_id, token, queued_at, ready_at, due_at, timer_at, priority, attempt, stage_no, status, owner)
		VALUES (v_id, 0, v_now, v_now, v_now + interval '5 min', v_now + interval '5 min', 0, 1, 1, 'q', 'IRS_Bot');
	INSERT INTO event (ticket_id, event_id, at, status, stage, owner, actor)
		VALUES (v_id, nextval('event_number'), v_now, 'opened', 'id_check', 'IRS_Bot', current_user);
	RETURN v_id;
END $$;

CREATE FUNCTION claim(p_owner text, p_worker text, OUT ticket bigint, OUT stage int, OUT token bigint, OUT data jsonb)
LANGUAGE plpgsql AS $$
DECLARE
	v_now timestamptz := clock_timestamp();
	v_lease timestamptz := v_now + interval '5 min';
BEGIN
	UPDATE stage s SET status = 'p', token = s.token + 1, worker = p_worker, started_at = v_now,
			lease_until = v_lease, timer_at = least(v_lease, s.due_at)
		FROM (SELECT q.ticket_id, q.stage_no FROM stage q
				WHERE q.status = 'q' AND q.owner = p_owner AND q.ready_at <= v_now
				ORDER BY q.priority DESC, q.ready_at, q.ticket_id, q.stage_no
				LIMIT 1 FOR UPDATE SKIP LOCKED) q
		WHERE s.ticket_id = q.ticket_id AND s.stage_no = q.stage_no
		RETURNING s.ticket_id, s.stage_no, s.token INTO ticket, stage, token;
	IF ticket IS NOT NULL THEN
		INSERT INTO event (ticket_id, event_id, at, status, stage, owner, actor, worker)
			VALUES (ticket, nextval('event_number'), v_now, 'in_progress',
				(ARRAY['id_check', 'risk_ai', 'underwrite', 'fund'])[stage], p_owner, current_user, p_worker);
		SELECT t.data INTO data FROM ticket t WHERE t.ticket_id = claim.ticket;
	END IF;
END $$;

CREATE FUNCTION stage_done(p_ticket bigint, p_stage int, p_output jsonb, p_token bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_now timestamptz := clock_timestamp();
	v_names text[] := ARRAY['id_check', 'risk_ai', 'underwrite', 'fund'];
	v_owners text[] := ARRAY['IRS_Bot', 'RiskAI', 'SBA_Team', 'Treasury_Bot'];
	v_worker text;
BEGIN
	IF p_stage < 4 THEN
		UPDATE ticket SET last_at = v_now, stage_no = p_stage + 1 WHERE ticket_id = p_ticket;
	ELSE
		UPDATE ticket SET last_at = v_now, closed_at = v_now, status = 'd' WHERE ticket_id = p_ticket;
	END IF;
	UPDATE stage SET status = 'd', finished_at = v_now, lease_until = NULL, timer_at = NULL
		WHERE ticket_id = p_ticket AND stage_no = p_stage AND token = p_token
		RETURNING worker INTO v_worker;
	IF p_stage < 4 THEN
		INSERT INTO stage (ticket_id, token, queued_at, ready_at, due_at, timer_at, priority, attempt, stage_no, status, owner)
			VALUES (p_ticket, 0, v_now, v_now, v_now + interval '10 min', v_now + interval '10 min', 0, 1,
				p_stage + 1, 'q', v_owners[p_stage + 1]);
	END IF;
	INSERT INTO event (ticket_id, event_id, at, status, stage, owner, actor, worker, output) VALUES
		(p_ticket, nextval('event_number'), v_now, 'done', v_names[p_stage], v_owners[p_stage], current_user, v_worker, p_output),
		(p_ticket, nextval('event_number'), v_now, CASE WHEN p_stage < 4 THEN 'queued' ELSE 'ticket_done' END,
			v_names[p_stage + 1], v_owners[p_stage + 1], current_user, NULL, NULL);
	RETURN v_names[p_stage + 1];
END $$;
