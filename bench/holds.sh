#!/usr/bin/env bash
# What one server holds: bench/holds.sh [TICKETS ...]
#
# On a throw-away server. Loans of four stages are opened and go their way through the functions, a hundred at a time, until
# there are so many tickets (default 100,000, 1,000,000 and 10,000,000; that takes about 4 kB of disk a ticket, and an hour).
# A tenth of them stays open, spread over the stages. At each of these sizes it prints the times of calls of daily
# work, of reports, and at the end the size of each table and its indexes.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

begin_run "" bench/holds.sh "$@"
start_server holds "synchronous_commit = off" "shared_buffers = 2GB" "max_wal_size = 8GB" "autovacuum_naptime = 10s"
# shellcheck source=bench/ticket.sh
. bench/ticket.sh

[ $# -gt 0 ] || set -- 100000 1000000 10000000
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
sql -c 'CREATE EXTENSION oms' -c "SELECT oms.create_workflow('$loan')" -c 'CREATE TABLE sample (n int PRIMARY KEY, ticket oms.ticket_id, tracking text)' >/dev/null
stages=(id_check risk_ai underwrite fund)

# way STAGES: a script that opens a hundred tickets and finishes so many stages of each.
way() {
  local i
  echo "SELECT array_agg(t) AS tickets FROM oms.open_tickets('DisasterLoan', array_fill(jsonb '$loan_data', '{100}')) AS t \\gset"
  for ((i = 0; i < $1; i++)); do
    echo "SELECT oms.stages_done(jsonb_agg(jsonb_build_object('ticket', t, 'stage', '${stages[i]}', 'output', jsonb '$loan_output'))) FROM unnest(':tickets'::oms.ticket_id[]) AS t;"
  done
}
for i in 0 1 2 3 4; do way "$i" >"$oms_run/way.$i"; done

# load N STAGES: so many more tickets, with so many of their stages done.
load() {
  [ "$1" -ge 200 ] || return 0
  PGOPTIONS='-c oms.dispatch=off' pgbench -n -c 2 -t $(($1 / 200)) -f "$oms_run/way.$2" >"$oms_run/load.log" 2>&1 || { tail -n 5 "$oms_run/load.log" >&2; exit 1; }
}

# call NAME SQL: the median and the slowest but two of 200 calls, in ms.
call() {
  printf '\\set n random(1, 1000)\n%s\n' "$2" >"$oms_run/call"
  (cd "$oms_run" && rm -f times.* && PGOPTIONS='-c oms.dispatch=off' pgbench -n -M prepared -c 1 -t 220 -f call -l --log-prefix=times >call.log 2>&1) || { tail -n 5 "$oms_run/call.log" >&2; exit 1; }
  # the first twenty make the plans
  printf '| %s | %s |\n' "$1" "$(tail -n 200 "$oms_run"/times.* | awk '{ print $3 / 1000 }' | sort -n | awk '{ t[NR] = $1 } END { printf "%.2f / %.2f", t[100], t[198] }')"
}

# report NAME SQL: the median of five runs after one to warm up, in ms.
report() {
  printf '| %s | %.0f |\n' "$1" "$({ echo '\timing on'; for _ in 1 2 3 4 5 6; do echo "$2;"; done; } | sql -o /dev/null | sed -nE 's/^Time: ([0-9.]+) ms.*/\1/p' | tail -n 5 | sort -n | sed -n 3p)"
}

have=0
for tickets in "$@"; do
  more=$((tickets - have))
  have=$tickets
  for i in 0 1 2 3; do load $((more / 40)) "$i"; done
  load $((more * 9 / 10)) 4
  sql -c 'SELECT oms.roll_up()' -c 'VACUUM ANALYZE' -c CHECKPOINT >/dev/null
  sql -c 'TRUNCATE sample' -c "INSERT INTO sample SELECT row_number() OVER (), t.ticket_id, oms.tracking_number(t.ticket_id)
    FROM (SELECT ticket_id FROM oms.ticket WHERE closed_at IS NULL ORDER BY ticket_id LIMIT 1000) AS t"
  printf '\n%s tickets, %s of them open\n\n| call | ms: median / 99 of 100 |\n|---|---|\n' \
    "$(sql -c 'SELECT count(*) FROM oms.ticket_state')" "$(sql -c "SELECT count(*) FROM oms.ticket_state WHERE closed_at IS NULL")"
  call open_ticket "SELECT oms.open_ticket('DisasterLoan', '$loan_data');"
  call 'claim, stage_done' "SELECT ticket, stage, token FROM oms.claim('IRS_Bot', 'w') \\gset
SELECT oms.stage_done(:ticket, :stage, '$loan_output', :token);"
  call get_ticket 'SELECT oms.get_ticket(ticket) FROM sample WHERE n = :n;'
  call get_timeline 'SELECT count(*) FROM sample, oms.get_timeline(ticket) WHERE n = :n;'
  call track 'SELECT oms.track(tracking) FROM sample WHERE n = :n;'
  call explain 'SELECT count(*) FROM sample, oms.explain(ticket) WHERE n = :n;'
  call next_stages 'SELECT count(*) FROM sample, oms.next_stages(ticket) WHERE n = :n;'
  call my_work "SELECT count(*) FROM oms.my_work('SBA_Team');"
  call health 'SELECT status FROM oms.health();'
  printf '\n| report | ms |\n|---|---|\n'
  report 'sla_report, a day' "SELECT * FROM oms.sla_report(now() - interval '1 day', now())"
  report 'heat_map, a day' "SELECT * FROM oms.heat_map(now() - interval '1 day', now())"
  report bottlenecks "SELECT * FROM oms.bottlenecks(now() - interval '1 day', now())"
  report at_risk "SELECT count(*) FROM oms.at_risk('4 hours')"
  report queue 'SELECT count(*) FROM oms.queue'
  report aging 'SELECT count(*) FROM oms.aging'
  report metrics 'SELECT count(*) FROM oms.metrics'
done

printf '\n| table | rows | bytes a ticket | of which indexes |\n|---|---|---|---|\n'
sql -F ' | ' -c "SELECT '| ' || relname, to_char(reltuples, 'FM999,999,990'), to_char(pg_total_relation_size(oid) / $have.0, 'FM999,990'),
  to_char(pg_indexes_size(oid) / $have.0, 'FM999,990') || ' |'
  FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind = 'r' AND pg_total_relation_size(oid) > 10 * $have ORDER BY pg_total_relation_size(oid) DESC"
sql -F ' | ' -c "SELECT '| ' || indexrelname || ' (index)', '', to_char(pg_relation_size(indexrelid) / $have.0, 'FM999,990'), '|'
  FROM pg_stat_user_indexes WHERE schemaname = 'oms' AND pg_relation_size(indexrelid) > 10 * $have ORDER BY pg_relation_size(indexrelid) DESC"
[ "$(sql -c 'SELECT count(*) FROM oms.verify_timeline()')" = 0 ] || die "oms.verify_timeline() found something"
