#!/usr/bin/env bash
# How fast the pages of the board come: bench/board.sh [OPEN [FINISHED]], by default with 100,000 open tickets and a
# million finished stages.
#
# On a throw-away server. Finished stages are put into the tables directly, as in reports.sh; the open tickets are made by
# the functions, over ten days up to now: a tenth late, half past their first stage, some with people, on hold or failed. Then
# the board is started, and each page asked for 50 times after 5 to warm up, one after the other.
#
#   INDEX=1 bench/board.sh     with the index on due times that board.md tells of
#   REQUESTS=20 bench/board.sh
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

begin_run "server clients/typescript clients/board" bench/board.sh "$@"
prepare_board
start_server board 'shared_buffers = 512MB' 'max_wal_size = 16GB' 'password_encryption = scram-sha-256'
use_passwords "$oms_run/board"

open=${1:-100000} finished=${2:-1000000}
psql -Xq -v ON_ERROR_STOP=1 -f clients/board/demo/roles.sql >/dev/null
psql -Xq -v ON_ERROR_STOP=1 -v open="$open" -v finished="$finished" -v index="${INDEX:-0}" >/dev/null <<'SQL'
SELECT setseed(0.5);
SELECT oms.create_workflow(jsonb_build_object('name', 'Bench ' || k, 'prefix', 'B', 'stages', (
  SELECT jsonb_agg(jsonb_build_object('id', 's' || n, 'owner', 'Owner ' || (k - 1) * 4 + n, 'label', 'Step ' || n, 'slaMins', 12960)
    || CASE WHEN n > 1 THEN jsonb_build_object('dependsOn', jsonb_build_array('s' || n - 1)) ELSE '{}' END) FROM generate_series(1, 4) AS n)))
FROM generate_series(1, 5) AS k;
SELECT oms.set_owner('Owner ' || n, 'group', members => '{ann,bob}') FROM generate_series(1, 20) AS n;
INSERT INTO oms.ticket_state (ticket_id, opened_at, last_at, closed_at, watermark, workflow_id, priority, seq, data_seq, n_active, n_failed,
  n_holds, output_bytes, status, waiting_rows, has_clock, finished, started, head)
SELECT format('B-2026-%s', lpad(n::text, greatest(5, length(n::text)), '0')), o, o, o, 0, 1 + n % 5, 0, 13, 1, 0, 0,
  0, 0, 'd', false, false, '\x0f', '\x0f', '\x'
FROM generate_series(1, :finished / 4) AS n, LATERAL (
  SELECT now() - interval '11 days' - random() * interval '354 days' + n * interval '0 s' AS o) AS x;
INSERT INTO oms.stage_state (ticket_id, token, queued_at, started_at, finished_at, due_at, breached_at, limit_us, consumed_us,
  held_us, priority, attempt, cycle, level, output_seq, consumed_days, calendar_id, warned, stage_no, status, owner, worker)
SELECT t.ticket_id, 1, q, q + w, q + d, q + interval '8 h', CASE WHEN d > interval '8 h' THEN q + interval '8 h' END, 28800000000,
  extract(epoch FROM d) * 1000000, 0, 0, 1, 1, 0, 0, 0, 0, 0, s, 'd', 'Owner ' || (t.workflow_id - 1) * 4 + s, 'w' || s
FROM oms.ticket_state AS t, generate_series(1, 4) AS s, LATERAL (SELECT t.opened_at + (s - 1) * interval '6 h' AS q,
  random() * interval '2 h' AS w, exp(random() * 3) * interval '30 min' + random() * interval '10 min' + interval '2 h' AS d) AS x;
INSERT INTO oms.timeline (ticket_id, at, watermark, seq, cycle, attempt, public, status, stage, actor, hash)
SELECT t.ticket_id, t.opened_at, 100, s * 3 + e, 1, 1, false, CASE e WHEN 2 THEN 'done' WHEN 1 THEN 'in_progress' ELSE 'queued' END,
  's' || s, 'x', '\x'
FROM oms.ticket_state AS t, generate_series(1, 4) AS s, generate_series(0, 2) AS e ORDER BY t.ticket_id, 4;
SELECT setval('oms.ticket_number', greatest(:finished / 4, 1));
VACUUM ANALYZE;

SET oms.dispatch = off;
SELECT now() AS began \gset
-- A tenth has an applicant; of the others 10,000 are opened by a call.
SELECT format('SET oms.now = %L; SELECT count(oms.open_ticket(''Bench '' || 1 + n %% 5, ''{"amount": 80000}'',
    applicant => ''person-'' || n %% 4000)) FROM generate_series(%s, %s) AS n',
  :'began'::timestamptz - b * interval '12 hours', :open / 200 * (20 - b) + 1, :open / 200 * (21 - b)) FROM generate_series(20, 1, -1) AS b \gexec
SELECT format('SET oms.now = %L; SELECT count(*) FROM generate_series(1, 5) AS k, LATERAL (SELECT least(10000, %s - i * 10000) AS most
    FROM generate_series(0, (%2$s - 1) / 10000) AS i) AS x, LATERAL oms.open_tickets(''Bench '' || k, array_fill(jsonb ''{"amount": 80000}'', ARRAY[most]))',
  :'began'::timestamptz - b * interval '12 hours', :open * 9 / 1000) FROM generate_series(20, 1, -1) AS b \gexec
SELECT format('SET oms.now = %L', :'began') \gexec
SELECT format('SELECT count(oms.stages_done(c.items)) FROM (SELECT jsonb_agg(jsonb_build_object(''ticket'', o.ticket_id, ''stage'', o.stage)) AS items
  FROM (SELECT x.*, row_number() OVER () / 10000 AS chunk FROM oms.open_stage AS x WHERE x.stage = ''s%s'' AND random() < 0.5) AS o GROUP BY o.chunk) AS c', n)
  FROM generate_series(1, 3) AS n \gexec
SELECT count(oms.claim_stage(x.ticket_id, x.stage, CASE WHEN random() < 0.5 THEN 'ann' ELSE 'bob' END))
FROM (SELECT o.ticket_id, o.stage FROM oms.open_stage AS o WHERE o.status = 'queued' ORDER BY random() LIMIT :open / 5) AS x;
SELECT count(oms.hold(x.ticket_id, x.stage, 'waits for the applicant'))
FROM (SELECT o.ticket_id, o.stage FROM oms.open_stage AS o WHERE o.status = 'queued' ORDER BY random() LIMIT :open / 20) AS x;
SELECT count(oms.stage_failed(x.ticket_id, x.stage, 'no answer', retryable => false))
FROM (SELECT o.ticket_id, o.stage FROM oms.open_stage AS o WHERE o.status = 'queued' ORDER BY random() LIMIT :open / 100) AS x;
SELECT oms.tick();
SELECT oms.roll_up();
\if :index
CREATE INDEX stage_state_open ON oms.stage_state (due_at, ticket_id, stage_no) WHERE status = 'q' OR status IN ('p', 'h', 'f') OR status = 'a';
\endif
VACUUM ANALYZE;
SQL

printf '\n%s open tickets, %s finished stages, load %s\n\n' "$(psql -XAtqc "SELECT count(*) FROM oms.ticket_state WHERE status IN ('o', 'h', 'f')")" \
  "$(psql -XAtqc "SELECT count(*) FROM oms.stage_state WHERE status = 'd'")" "$(cut -d' ' -f1 /proc/loadavg)"
cd clients/board
exec 8< <(exec env PGUSER=oms_board PGPASSWORD=board-demo BOARD_PORT=0 node dist/main.js)
board=$!
read -r line <&8
ticket=$(psql -XAtqc 'SELECT ticket_id FROM oms.open_stage ORDER BY due_at, ticket_id LIMIT 1')
node ../../bench/board.mjs "${line##* }" "$ticket" "${REQUESTS:-50}"
