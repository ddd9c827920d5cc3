# shellcheck shell=bash
# Writes the SQL of one variant to standard output.  Sourced by run.sh.
#
#   variant_sql [option=value ...]
#
#   queue=index|table          where claims look for work
#   stagefill=100              fillfactor of the stage table
#   data=table|row|event       where the ticket's data are kept
#   timeline=one|month|hash|range
#   xid=none|brin|btree        index on timeline.xid
#   guard=none|stmt|when|row|rowc   update triggers on ticket and stage
#   fk=no|yes
#   timer=yes|no               index on stage.timer_at
#
# The defaults are the floor design.  Everything is created in the schema
# that comes first in search_path, and no name is qualified, so the session's
# search_path chooses the variant.

variant_sql() {
  local queue=index stagefill=100 data=table timeline=one xid=none guard=none fk=no timer=yes opt
  for opt in "$@"; do local "${opt%%=*}"="${opt#*=}"; done

  # --- tables ---------------------------------------------------------------
  local data_column=''
  [ $data = row ] && data_column=', data jsonb'
  cat <<SQL
CREATE SEQUENCE ticket_seq START 200000 CACHE 1;
CREATE SEQUENCE token_seq;
CREATE TABLE ticket (
  ticket_id bigint PRIMARY KEY, workflow_id int, status "char", priority int,
  seq int, n_active int, done bytea, started bytea, head bytea,
  opened_at timestamptz, last_at timestamptz$data_column
) WITH (fillfactor = 60);
CREATE TABLE stage (
  ticket_id bigint, stage_no smallint, status "char", owner text, priority int,
  ready_at timestamptz, attempt int, cycle int, token bigint,
  lease_until timestamptz, queued_at timestamptz, started_at timestamptz,
  finished_at timestamptz, due_at timestamptz, timer_at timestamptz,
  PRIMARY KEY (ticket_id, stage_no)
) WITH (fillfactor = $stagefill);
SQL
  [ $timer = yes ] && echo "CREATE INDEX stage_timer ON stage (timer_at) WHERE timer_at IS NOT NULL;"
  if [ $queue = index ]; then
    echo "CREATE INDEX stage_queue ON stage (owner, priority DESC, ready_at, ticket_id, stage_no) WHERE status = 'q';"
  else
    echo "CREATE TABLE queue (owner text, priority int, ready_at timestamptz, ticket_id bigint, stage_no smallint);
          CREATE INDEX queue_order ON queue (owner, priority DESC, ready_at, ticket_id, stage_no);"
  fi
  [ $data = table ] && echo "CREATE TABLE ticket_data (ticket_id bigint PRIMARY KEY, data jsonb);"

  local key='ticket_id, seq' part=''
  case $timeline in
    month) key='ticket_id, seq, at'; part='PARTITION BY RANGE (at)' ;;
    hash)  part='PARTITION BY HASH (ticket_id)' ;;
    range) part='PARTITION BY RANGE (ticket_id)' ;;
  esac
  cat <<SQL
CREATE TABLE timeline (
  ticket_id bigint, seq int, at timestamptz, xid bigint, stage text, status text,
  owner text, actor text, worker text, note text, payload jsonb, salt bytea, hash bytea,
  PRIMARY KEY ($key)
) $part;
SQL
  case $timeline in
    month) cat <<'SQL'
DO $$ BEGIN FOR i IN 0..23 LOOP
  EXECUTE format('CREATE TABLE timeline_%s PARTITION OF timeline FOR VALUES FROM (%L) TO (%L)', i,
    date_trunc('month', now()) - (23 - i) * interval '1 month',
    date_trunc('month', now()) - (22 - i) * interval '1 month');
END LOOP; END $$;
SQL
    ;;
    hash) cat <<'SQL'
DO $$ BEGIN FOR i IN 0..15 LOOP
  EXECUTE format('CREATE TABLE timeline_%s PARTITION OF timeline FOR VALUES WITH (MODULUS 16, REMAINDER %s)', i, i);
END LOOP; END $$;
SQL
    ;;
    range) cat <<'SQL'
DO $$ BEGIN FOR i IN 0..15 LOOP
  EXECUTE format('CREATE TABLE timeline_%s PARTITION OF timeline FOR VALUES FROM (%s) TO (%s)', i, i * 9600,
    CASE i WHEN 15 THEN 'MAXVALUE' ELSE ((i + 1) * 9600)::text END);
END LOOP; END $$;
SQL
    ;;
  esac
  case $xid in
    brin)  echo "CREATE INDEX timeline_xid ON timeline USING brin (xid);" ;;
    btree) echo "CREATE INDEX timeline_xid ON timeline (xid);" ;;
  esac
  [ $fk = yes ] && echo "ALTER TABLE stage ADD FOREIGN KEY (ticket_id) REFERENCES ticket;
                         ALTER TABLE timeline ADD FOREIGN KEY (ticket_id) REFERENCES ticket;"

  # --- guards ---------------------------------------------------------------
  # The plpgsql triggers do nothing; calling plpgsql at all is what they cost.
  # rowc is a function of the core written in C (compares old and new row).
  # when is a statement trigger whose condition is never true.
  if [ $guard != none ]; then
    echo "CREATE FUNCTION guard_stmt() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
          CREATE FUNCTION guard_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
    local t
    for t in ticket stage; do
      case $guard in
        stmt) echo "CREATE TRIGGER guard BEFORE UPDATE ON $t FOR EACH STATEMENT EXECUTE FUNCTION guard_stmt();" ;;
        when) echo "CREATE TRIGGER guard BEFORE UPDATE ON $t FOR EACH STATEMENT WHEN (current_user <> 'postgres') EXECUTE FUNCTION guard_stmt();" ;;
        row)  echo "CREATE TRIGGER guard BEFORE UPDATE ON $t FOR EACH ROW EXECUTE FUNCTION guard_row();" ;;
        rowc) echo "CREATE TRIGGER guard BEFORE UPDATE ON $t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();" ;;
      esac
    done
  fi

  # --- functions ------------------------------------------------------------
  local enqueue='' data_insert='' first_payload=NULL row_column='' row_value=''
  [ $queue = table ] && enqueue="INSERT INTO queue VALUES (v_owner, v_prio, v_now, v_id, v_next);"
  case $data in
    table) data_insert="INSERT INTO ticket_data VALUES (v_id, p_data);" ;;
    row)   row_column=', data'; row_value=', p_data' ;;
    event) first_payload=p_data ;;
  esac
  cat <<SQL
CREATE FUNCTION open_ticket(p_data jsonb) RETURNS bigint LANGUAGE plpgsql AS \$\$
DECLARE
  v_id bigint := nextval('ticket_seq');
  v_now timestamptz := clock_timestamp();
  v_xid bigint := pg_current_xact_id()::text::bigint;
  v_prio int := v_id % 4;
  v_owner text := 'team1';
  v_next smallint := 1;
  s1 bytea := uuid_send(gen_random_uuid());
  s2 bytea := uuid_send(gen_random_uuid());
  h1 bytea := sha256(int8send(v_id) || int4send(1) || int8send(v_xid) || s1 || 'opened'::bytea);
  h2 bytea := sha256(h1 || int4send(2) || int8send(v_xid) || s2 || 'queued'::bytea);
BEGIN
  INSERT INTO ticket (ticket_id, workflow_id, status, priority, seq, n_active, done, started, head, opened_at, last_at$row_column)
    VALUES (v_id, 1, 'o', v_prio, 2, 1, '\\x00', '\\x01', h2, v_now, v_now$row_value);
  $data_insert
  INSERT INTO stage (ticket_id, stage_no, status, owner, priority, ready_at, attempt, cycle, queued_at, due_at)
    VALUES (v_id, v_next, 'q', v_owner, v_prio, v_now, 0, 1, v_now, v_now + interval '1 day');
  $enqueue
  INSERT INTO timeline VALUES
    (v_id, 1, v_now, v_xid, NULL, 'opened', NULL, 'clerk', NULL, NULL, $first_payload, s1, h1),
    (v_id, 2, v_now, v_xid, 'stage 1', 'queued', v_owner, 'clerk', NULL, NULL, NULL, s2, h2);
  RETURN v_id;
END \$\$;
SQL

  local find update_back='' get_data=''
  if [ $queue = index ]; then
    find="SELECT s.ticket_id, s.stage_no INTO ticket_id, stage_no FROM stage s
            WHERE s.status = 'q' AND s.owner = p_owner AND s.ready_at <= v_now
            ORDER BY s.priority DESC, s.ready_at, s.ticket_id, s.stage_no
            LIMIT 1 FOR UPDATE SKIP LOCKED;"
  else
    find="DELETE FROM queue d WHERE d.ctid = (SELECT q.ctid FROM queue q
            WHERE q.owner = p_owner AND q.ready_at <= v_now
            ORDER BY q.priority DESC, q.ready_at, q.ticket_id, q.stage_no
            LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING d.ticket_id, d.stage_no INTO ticket_id, stage_no;"
  fi
  case $data in
    table) get_data="SELECT d.data INTO data FROM ticket_data d WHERE d.ticket_id = claim.ticket_id;" ;;
    row)   update_back=', t.data' ;;
    event) get_data="SELECT l.payload INTO data FROM timeline l WHERE l.ticket_id = claim.ticket_id AND l.seq = 1;" ;;
  esac
  local back_var=''; [ $data = row ] && back_var=', data'
  cat <<SQL
CREATE FUNCTION claim(p_owner text, OUT ticket_id bigint, OUT stage_no smallint, OUT token bigint, OUT data jsonb)
LANGUAGE plpgsql AS \$\$
#variable_conflict use_variable
DECLARE
  v_now timestamptz := clock_timestamp();
  v_lease timestamptz := v_now + interval '30 seconds';
  v_xid bigint := pg_current_xact_id()::text::bigint;
  s1 bytea := uuid_send(gen_random_uuid());
  v_seq int;
  h1 bytea;
BEGIN
  $find
  IF ticket_id IS NULL THEN RAISE 'nothing to claim for %', p_owner; END IF;
  token := nextval('token_seq');
  UPDATE stage s SET status = 'r', token = claim.token, attempt = s.attempt + 1,
      lease_until = v_lease, timer_at = v_lease, started_at = v_now
    WHERE s.ticket_id = claim.ticket_id AND s.stage_no = claim.stage_no;
  UPDATE ticket t SET seq = t.seq + 1, last_at = v_now,
      head = sha256(t.head || int4send(t.seq + 1) || int8send(v_xid) || s1 || 'started'::bytea)
    WHERE t.ticket_id = claim.ticket_id
    RETURNING t.seq, t.head$update_back INTO v_seq, h1$back_var;
  INSERT INTO timeline VALUES
    (ticket_id, v_seq, v_now, v_xid, 'stage ' || stage_no, 'started', p_owner, 'worker', 'worker-7', NULL, NULL, s1, h1);
  $get_data
END \$\$;

CREATE FUNCTION done(p_id bigint, p_no smallint, p_token bigint) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
  v_id bigint := p_id;
  v_now timestamptz := clock_timestamp();
  v_xid bigint := pg_current_xact_id()::text::bigint;
  v_next smallint := p_no + 1;
  v_owner text := 'team' || v_next;
  v_prio int;
  v_seq int;
  v_done bytea;
  v_started bytea;
  s1 bytea := uuid_send(gen_random_uuid());
  s2 bytea := uuid_send(gen_random_uuid());
  h1 bytea;
  h2 bytea;
BEGIN
  SELECT t.seq, t.head, t.priority, t.done, t.started INTO v_seq, h1, v_prio, v_done, v_started
    FROM ticket t WHERE t.ticket_id = v_id FOR NO KEY UPDATE;
  UPDATE stage s SET status = 'd', finished_at = v_now, lease_until = NULL, timer_at = NULL
    WHERE s.ticket_id = v_id AND s.stage_no = p_no AND s.status = 'r' AND s.token = p_token;
  IF NOT FOUND THEN RAISE 'lease lost'; END IF;
  h1 := sha256(h1 || int4send(v_seq + 1) || int8send(v_xid) || s1 || 'done'::bytea);
  IF p_no < 4 THEN
    h2 := sha256(h1 || int4send(v_seq + 2) || int8send(v_xid) || s2 || 'queued'::bytea);
    UPDATE ticket t SET seq = v_seq + 2, head = h2, last_at = v_now,
        done = set_bit(v_done, p_no - 1, 1), started = set_bit(v_started, p_no, 1)
      WHERE t.ticket_id = v_id;
    INSERT INTO stage (ticket_id, stage_no, status, owner, priority, ready_at, attempt, cycle, queued_at, due_at)
      VALUES (v_id, v_next, 'q', v_owner, v_prio, v_now, 0, 1, v_now, v_now + interval '1 day');
    $enqueue
    INSERT INTO timeline VALUES
      (v_id, v_seq + 1, v_now, v_xid, 'stage ' || p_no, 'done', 'team' || p_no, 'worker', 'worker-7', NULL, NULL, s1, h1),
      (v_id, v_seq + 2, v_now, v_xid, 'stage ' || v_next, 'queued', v_owner, 'worker', NULL, NULL, NULL, s2, h2);
  ELSE
    h2 := sha256(h1 || int4send(v_seq + 2) || int8send(v_xid) || s2 || 'closed'::bytea);
    UPDATE ticket t SET seq = v_seq + 2, head = h2, last_at = v_now, n_active = 0, status = 'd',
        done = set_bit(v_done, p_no - 1, 1)
      WHERE t.ticket_id = v_id;
    INSERT INTO timeline VALUES
      (v_id, v_seq + 1, v_now, v_xid, 'stage ' || p_no, 'done', 'team' || p_no, 'worker', 'worker-7', NULL, NULL, s1, h1),
      (v_id, v_seq + 2, v_now, v_xid, NULL, 'closed', NULL, 'worker', NULL, NULL, NULL, s2, h2);
  END IF;
END \$\$;

-- A worker prolongs its lease: without and with moving the timer.
CREATE FUNCTION beat_lease(p_id bigint, p_no smallint, p_token bigint) RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
  UPDATE stage s SET lease_until = clock_timestamp() + interval '30 seconds'
    WHERE s.ticket_id = p_id AND s.stage_no = p_no AND s.status = 'r' AND s.token = p_token;
  IF NOT FOUND THEN RAISE 'lease lost'; END IF;
END \$\$;
CREATE FUNCTION beat_timer(p_id bigint, p_no smallint, p_token bigint) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE v_lease timestamptz := clock_timestamp() + interval '30 seconds';
BEGIN
  UPDATE stage s SET lease_until = v_lease, timer_at = v_lease
    WHERE s.ticket_id = p_id AND s.stage_no = p_no AND s.status = 'r' AND s.token = p_token;
  IF NOT FOUND THEN RAISE 'lease lost'; END IF;
END \$\$;
SQL

  # --- start of a run -------------------------------------------------------
  # Empty tables with a small backlog, so that a claim never comes back empty:
  # 100 queued stages for each of the four teams.  2,000 running stages for
  # the heartbeat.  The timeline is emptied only where it is not pre-filled.
  local more=''
  [ $queue = table ] && more="$more, queue"
  [ $data = table ] && more="$more, ticket_data"
  local empty="TRUNCATE ticket, stage, timeline$more;"
  [ "${prefilled:-}" = yes ] && empty="TRUNCATE ticket, stage$more;"
  cat <<SQL
CREATE FUNCTION seed(p_data jsonb) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE c record;
BEGIN
  $empty
  FOR i IN 1..400 LOOP PERFORM open_ticket(p_data); END LOOP;
  FOR k IN 1..3 LOOP
    FOR i IN 1..(4 - k) * 100 LOOP
      SELECT * INTO c FROM claim('team' || k);
      PERFORM done(c.ticket_id, c.stage_no, c.token);
    END LOOP;
  END LOOP;
END \$\$;
CREATE FUNCTION seed_beat() RETURNS void LANGUAGE sql AS \$\$
  TRUNCATE ticket, stage;
  INSERT INTO stage (ticket_id, stage_no, status, owner, priority, ready_at, attempt, cycle, token, lease_until, queued_at, started_at, due_at, timer_at)
    SELECT i, 1, 'r', 'team1', 1, now(), 1, 1, i, now(), now(), now(), now(), now() + i * interval '1 ms' FROM generate_series(1, 2000) i;
\$\$;
SQL
}
