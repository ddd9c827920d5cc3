#!/usr/bin/env bash
# How fast the reports are over many finished stages: bench/reports.sh [STAGES [DAYS [WORKFLOWS [OWNERS]]]]
#
# On a throw-away server. The rows are put into the tables directly, four stages per ticket, spread at random
# over the days, each with its three events; 20,000 more stages are open. Then everything is rolled up, and
# another 2,000 stages are done by the functions and not rolled up. Prints, in ms, the median of five runs after one
# to warm up.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

begin_run "" bench/reports.sh "$@"
start_server reports

stages=${1:-1000000} days=${2:-365} workflows=${3:-3} owners=${4:-20}
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

sql -v stages="$stages" -v days="$days" -v workflows="$workflows" -v owners="$owners" >/dev/null <<'SQL'
CREATE EXTENSION oms;
SELECT oms.create_workflow(jsonb_build_object('name', 'Bench ' || k, 'prefix', 'B', 'stages', (
  SELECT jsonb_agg(jsonb_build_object('id', 's' || n, 'owner', 'Owner ' || n, 'slaMins', 480)) FROM generate_series(1, 4) AS n)))
FROM generate_series(1, :workflows) AS k;
SELECT setseed(0.5);
INSERT INTO oms.ticket_state (ticket_id, opened_at, last_at, closed_at, watermark, workflow_id, priority, seq, data_seq, n_active, n_failed,
  n_holds, output_bytes, status, waiting_rows, has_clock, finished, started, head)
SELECT format('B-2026-%s', lpad(n::text, greatest(5, length(n::text)), '0')), o, o, o, 0, 1 + n % :workflows, 0, 13, 1, 0, 0,
  0, 0, 'd', false, false, '\x0f', '\x0f', '\x'
FROM generate_series(1, :stages / 4) AS n, LATERAL (
  SELECT '2026-11-01 00:00+00'::timestamptz - random() * :days * interval '1 day' + n * interval '0 s' AS o) AS x;
INSERT INTO oms.stage_state (ticket_id, token, queued_at, started_at, finished_at, due_at, breached_at, limit_us, consumed_us,
  held_us, priority, attempt, cycle, level, output_seq, consumed_days, calendar_id, warned, stage_no, status, owner, worker)
SELECT t.ticket_id, 1, q, q + w, q + d, q + interval '8 h', CASE WHEN d > interval '8 h' THEN q + interval '8 h' END, 28800000000,
  extract(epoch FROM d) * 1000000, 0, 0, 1, 1, 0, 0, 0, 0, 0, s, 'd', 'Owner ' || 1 + (random() * (:owners - 1))::int, 'w' || s
FROM oms.ticket_state AS t, generate_series(1, 4) AS s, LATERAL (SELECT t.opened_at + (s - 1) * interval '6 h' AS q,
  random() * interval '2 h' AS w, exp(random() * 3) * interval '30 min' + random() * interval '10 min' + interval '2 h' AS d) AS x;
INSERT INTO oms.timeline (ticket_id, at, watermark, seq, cycle, attempt, public, status, stage, actor, hash)
SELECT t.ticket_id, t.opened_at, 100, s * 3 + e, 1, 1, false, CASE e WHEN 2 THEN 'done' WHEN 1 THEN 'in_progress' ELSE 'queued' END,
  's' || s, 'x', '\x'
FROM oms.ticket_state AS t, generate_series(1, 4) AS s, generate_series(0, 2) AS e ORDER BY t.ticket_id, 4;
SELECT setval('oms.ticket_number', :stages / 4);
SET oms.now = '2026-11-01 00:00+00';
SELECT count(*) FROM oms.open_tickets('Bench 1', (SELECT array_agg('{}'::jsonb) FROM generate_series(1, 5500)));
VACUUM ANALYZE;
SQL

timed_roll_up() { printf '%s\n' '\timing on' 'SELECT oms.roll_up();'; }

# median COMMAND: its time in ms
median() {
  { printf '%s\n' '\timing on' "SET timezone = 'America/New_York'; SET oms.now = '2026-11-01 12:00+00';"; for _ in 1 2 3 4 5 6; do echo "$1;"; done; } |
    psql -XqAt -v ON_ERROR_STOP=1 -o /dev/null | sed -nE 's/^Time: ([0-9.]+) ms.*/\1/p' | tail -5 | sort -n | sed -n 3p
}

period="'2025-11-10 00:00', '2026-10-31 12:34'"
report() { printf '| %s | %.0f |\n' "$2" "$(median "SELECT * FROM $1")"; }
reports() {
  report "oms.sla_report($period)" "\`sla_report\`, the whole time"
  report "oms.sla_report($period, 'Bench 1')" "\`sla_report\`, one workflow"
  report "oms.sla_report('2026-10-01', '2026-11-01')" "\`sla_report\`, a month"
  report "oms.heat_map($period)" "\`heat_map\` by stage"
  report "oms.heat_map($period, 'weekday')" "\`heat_map\` by weekday"
  report "oms.heat_map($period, 'owner')" "\`heat_map\` by owner"
  report "oms.bottlenecks($period)" "\`bottlenecks\`"
  report "oms.at_risk('1 day')" "\`at_risk\`"
  report oms.queue "\`oms.queue\`"
  report oms.aging "\`oms.aging\`"
  report oms.workload "\`oms.workload\`"
}

printf '\n%s stages of %s days, %s workflows of 4 stages, %s owners\n\n' "$stages" "$days" "$workflows" "$owners"
before=$(printf '%s\n' '\timing on' "SELECT * FROM oms.sla_report($period);" | psql -XqAt -o /dev/null | sed -nE 's/^Time: ([0-9.]+) ms.*/\1/p')
first=$(timed_roll_up | psql -XqAt | sed -nE 's/^Time: ([0-9.]+) ms.*/\1/p')
cat <<EOT
| | ms |
|---|---|
| \`sla_report\` without a roll-up | $(printf %.0f "$before") |
| the first roll-up | $(printf %.0f "$first") |
EOT
sql -c "SET oms.now = '2026-11-01 06:00+00'" -c "SELECT oms.stages_done((SELECT jsonb_agg(jsonb_build_object('ticket', t, 'stage', s))
  FROM (SELECT ticket_id AS t, stage AS s FROM oms.stage WHERE status = 'queued' ORDER BY 1, 2 LIMIT 2000) AS q))" >/dev/null
printf "| \`sla_report\` with 2,000 stages that are not rolled up | %.0f |\n" "$(median "SELECT * FROM oms.sla_report($period)")"
printf '| a roll-up of these | %.0f |\n' "$(timed_roll_up | psql -XqAt | sed -nE 's/^Time: ([0-9.]+) ms.*/\1/p')"
reports
sql -F ' ' -c "SELECT E'\n' || count(*), 'cells,', pg_size_pretty(pg_total_relation_size('oms.rollup')) FROM oms.rollup"
