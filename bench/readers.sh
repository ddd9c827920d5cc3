#!/usr/bin/env bash
# What it brings to read reports from a standby: bench/readers.sh [TICKETS [SECONDS]], by default with 20,000 finished tickets.
#
# A primary on the first core and a streaming standby on the second one, as if they were two machines. One client works on the primary
# (opens, claims, finishes), another one asks for sla_report without a pause: first nobody, then of the primary, then of the standby, three times in turn.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

begin_run server bench/readers.sh "$@"
tickets=${1:-20000} seconds=${2:-10}
standby=$oms_run/readers.standby
leave() {
  bash clients/standby.sh remove "$standby" || true
  stop_servers
}
trap leave EXIT
start_server readers 'shared_buffers = 256MB' 'max_wal_size = 4GB'
export OMS_SERVER=$oms_run/readers
psql -Xq -v ON_ERROR_STOP=1 -v n="$tickets" >/dev/null <<'SQL'
CREATE EXTENSION oms;
SELECT oms.create_workflow('{"name": "W", "stages": [{"id": "a", "owner": "A", "slaMins": 60}, {"id": "b", "owner": "B", "slaMins": 60, "dependsOn": ["a"]}]}');
SELECT count(*) FROM oms.open_tickets('W', array_fill('{}'::jsonb, ARRAY[:n]));
SELECT oms.stages_done(jsonb_agg(jsonb_build_object('ticket', ticket_id, 'stage', stage))) FROM oms.open_stage WHERE stage = 'a';
SELECT oms.stages_done(jsonb_agg(jsonb_build_object('ticket', ticket_id, 'stage', stage))) FROM oms.open_stage WHERE stage = 'b';
SELECT oms.roll_up();
VACUUM ANALYZE;
SQL
there=$(bash clients/standby.sh start "$standby")
# core DATA CORE: the server and what it starts
core() {
  local main
  main=$(head -1 "$1/postmaster.pid")
  for pid in "$main" $(ps --ppid "$main" -o pid=); do taskset -pc "$2" "$pid" >/dev/null; done
}
core "$OMS_SERVER" 0
core "$standby" 1
cat >"$oms_run/work.sql" <<'SQL'
SELECT oms.open_ticket('W');
SELECT count(oms.stage_done(ticket, stage, '{}', token)) FROM oms.claim('A', 'w');
SELECT count(oms.stage_done(ticket, stage, '{}', token)) FROM oms.claim('B', 'w');
SQL
echo "SELECT count(*) FROM oms.sla_report(NULL, NULL);" >"$oms_run/report.sql"

run() { taskset -c "$1" pgbench -n -c 1 -T "$seconds" -h "$2" -f "$3" 2>&1 | sed -nE 's/^(latency average = .*|tps = [0-9.]+).*/\1/p' | paste -sd ' '; }
sed 's/^/load /; s/ [^ ]*$//' /proc/loadavg
for round in 1 2 3; do
  echo "round $round, work alone: $(run 0 "$PGHOST" "$oms_run/work.sql")"
  for from in "0 $PGHOST primary" "1 $there standby"; do
    # shellcheck disable=SC2086 # core, host and name
    set -- $from
    run "$1" "$2" "$oms_run/report.sql" >"$oms_run/$3" &
    echo "  beside reports from the $3, work: $(run 0 "$PGHOST" "$oms_run/work.sql")"
    wait $!
    echo "    reports: $(cat "$oms_run/$3")"
  done
done
