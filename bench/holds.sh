#!/usr/bin/env bash
# What one server holds: bench/holds.sh [TICKETS ...]
#
# On a throw-away server. Loans of four stages are opened and go their way through the functions, a hundred at a time, over
# ten days, until there are so many tickets (default 10,000, which is nearly empty, then 100,000, 1,000,000 and 10,000,000;
# that takes 4.5 kB of disk a ticket, and an hour). A tenth of them stays open, spread over the stages, and a tenth of
# that is late. At each of these sizes it prints the times of calls of daily work and of reports, and whole tickets a second
# beside those that wait; at the end the size of each table and its indexes, and the pages of the board, without and with
# the index that bench/board.md tells of.
#
# What is more than MADE (default 100,000) tickets is copied from those, row by row with other numbers, five times as fast
# as by the functions; closed ones go to other days of the year before. Their hashes are those of the originals, so at the end
# only these are verified; and they keep the transactions of these, so they are in no roll-up a second time.
#
#   MADE=10000000 bench/holds.sh       all by the functions
#   UNTIL=18:00 bench/holds.sh         nothing is filled in after that time: measures what is there
#   SECS=60 RUNS=5 bench/holds.sh      longer runs (default 20 s), more of them (default 3)
#   REQUESTS=50 bench/holds.sh         requests of each page (default 10)
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

begin_run "server clients/typescript clients/board" bench/holds.sh "$@"
: "${SECS:=20}" "${RUNS:=3}" "${REQUESTS:=10}" "${MADE:=100000}"
prepare_board
start_server holds "synchronous_commit = off" "shared_buffers = 2GB" "max_wal_size = 8GB" "checkpoint_timeout = 15min" \
  "autovacuum_naptime = 10s" "max_connections = 500" "password_encryption = scram-sha-256"
# shellcheck source=bench/ticket.sh
. bench/ticket.sh
# As many minutes as it takes to be late after nine days.
loan=$(sed -E 's/"slaMins":[0-9]+/"slaMins":12960/g' <<<"$loan")

[ $# -gt 0 ] || set -- 10000 100000 1000000 10000000
until=${UNTIL:+$(date -d "$UNTIL" +%s)}
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
sql -c 'CREATE EXTENSION oms' -c "CREATE FUNCTION number(oms.ticket_id) RETURNS bigint IMMUTABLE LANGUAGE sql RETURN substring(\$1::text FROM '[0-9]+\$')::bigint" -c "SELECT oms.create_workflow('$loan')" -c 'CREATE TABLE sample (n int PRIMARY KEY, ticket oms.ticket_id, tracking text)' >/dev/null
stages=(id_check risk_ai underwrite fund)

# way STAGES: a script that opens a hundred tickets at a time of the last ten days and finishes so many stages of each.
way() {
  local i
  echo '\set minutes random(1, 14400)'
  echo "SELECT set_config('oms.now', (clock_timestamp() - :minutes * interval '1 minute')::text, false);"
  echo "SELECT array_agg(t) AS tickets FROM oms.open_tickets('DisasterLoan', array_fill(jsonb '$loan_data', '{100}')) AS t \\gset"
  for ((i = 0; i < $1; i++)); do
    echo "SELECT oms.stages_done(jsonb_agg(jsonb_build_object('ticket', t, 'stage', '${stages[i]}', 'output', jsonb '$loan_output'))) FROM unnest(':tickets'::oms.ticket_id[]) AS t;"
  done
}
for i in 0 1 2 3 4; do way "$i" >"$oms_run/way.$i"; done
life "SELECT oms.open_ticket('DisasterLoan', '$loan_data')" "oms.claim('@', 'worker-7')" \
  "SELECT oms.stage_done(:ticket#, :stage#, '$loan_output', :token#)" >"$oms_run/life"

# load N STAGES: so many more tickets, with so many of their stages done, or as many as there is time for.
load() {
  local left=$((until ? until - $(date +%s) : 86400)) status=0
  [ "$1" -ge 200 ] && [ "$left" -gt 0 ] || return 0
  PGOPTIONS='-c oms.dispatch=off' timeout -s INT "$left" pgbench -n -c 2 -t $(($1 / 200)) -f "$oms_run/way.$2" >"$oms_run/load.log" 2>&1 || status=$?
  [ "$status" = 0 ] || [ "$status" = 124 ] || { tail -n 5 "$oms_run/load.log" >&2; exit 1; }
}

# What a ticket consists of here.
copied='ticket_state stage_state clock_segment hold timeline'

# columns TABLE: what stands in the copy of a row r of it, m being the copy of the ticket.
columns() {
  sql -c "SELECT string_agg(CASE WHEN attname = 'ticket_id' THEN 'm.copy' WHEN atttypid = 'timestamptz'::regtype THEN format('r.%I - m.earlier', attname)
    ELSE format('r.%I', attname) END, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'oms.$1'::regclass AND attnum > 0 AND NOT attisdropped"
}

# copy_batches FIRST LAST STEP: the tickets that were made, once more for each of these numbers.
copy_batches() {
  local table batch
  for ((batch = $1; batch <= $2; batch += $3)); do
    echo "BEGIN; CREATE TEMP TABLE m ON COMMIT DROP AS SELECT ticket_id, ticket_id('DL-' || to_char(opened_at, 'YYYY') || '-' || $batch * $stride::bigint + number(ticket_id)) AS copy,
      CASE WHEN closed_at IS NULL THEN interval '0' ELSE $batch * interval '$((365 * 24 * 60)) minutes' / $2 END AS earlier
      FROM ticket_state WHERE number(ticket_id) <= $stride; ANALYZE m;"
    for table in $copied; do
      echo "INSERT INTO $table SELECT ${row[$table]} FROM $table AS r JOIN m USING (ticket_id) ORDER BY r.ticket_id;"
    done
    echo 'COMMIT;'
  done | PGOPTIONS='-c search_path=oms,public -c work_mem=256MB -c max_parallel_workers_per_gather=0' sql
}

# copies N: so many more tickets, as copies of those that were made.
declare -A row
copies() {
  local table first last
  stride=${stride:-$(sql -c "SELECT number(max(ticket_id)) FROM oms.ticket_state")}
  made=${made:-$(sql -c 'SELECT count(*) FROM oms.ticket_state')}
  # The guards let nobody in but the library, and no command switches them off: a superuser has to edit the catalog.
  PGOPTIONS='-c allow_system_table_mods=on' sql -c "UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid IN (SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'oms'::regnamespace AND c.relname = ANY (string_to_array('$copied', ' ')))"
  for table in $copied; do row[$table]=$(columns "$table"); done
  # What was measured has opened tickets, too.
  first=$(($(sql -c 'SELECT last_value FROM oms.ticket_number') / stride + 1)) last=$((first + $1 / made - 1))
  copy_batches "$first" "$last" 2 &
  copy_batches $((first + 1)) "$last" 2 &
  # Whoever fails ends the run, and with the server the other one.
  wait -n
  wait -n
  sql -c 'SELECT oms.repair_guards()' -c "SELECT setval('oms.ticket_number', $(((last + 1) * stride)))" >/dev/null
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
  printf '| %s | %.0f |\n' "$1" "$(printf '%s\n' '\timing on' "$2;" "$2;" "$2;" "$2;" "$2;" "$2;" | sql -o /dev/null | sed -nE 's/^Time: ([0-9.]+) ms.*/\1/p' | tail -n 5 | sort -n | sed -n 3p)"
}

# throughput SCRIPT CLIENTS ...: for each number of clients how often a second they do the script, with the range, and the
# CPU time and WAL of one; in turns. To connect takes time, too.
throughput() {
  local script=$1 clients cpu from
  shift
  for _ in $(seq "$RUNS"); do for clients in "$@"; do
    cpu=$(server_cpu) from=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
    PGOPTIONS='-c oms.dispatch=off' pgbench -n -M prepared -c "$clients" -j 1 -T $((SECS + clients / 10)) -f "$oms_run/$script" >"$oms_run/life.log" 2>&1 || { tail -n 5 "$oms_run/life.log" >&2; exit 1; }
    sleep 0.1
    awk -v clients="$clients" -v cpu="$cpu" -v after="$(server_cpu)" -v wal="$(sql -c "SELECT pg_current_wal_insert_lsn() - '$from'")" \
      '/actually processed/ { n = $6 } /^tps/ { print clients, $3, (after - cpu) / n, wal / n }' "$oms_run/life.log"
  done; done | sort -n -k1,1 -k2,2 | awk '
    { key = $1; if (!(key in n)) order[++keys] = key; t[key, ++n[key]] = $2; cpu[key] += $3; wal[key] += $4 }
    END { for (i = 1; i <= keys; i++) { k = order[i]; printf "| %d | %.0f | %.0f–%.0f | %.0f | %.0f |\n", k, t[k, int((n[k] + 1) / 2)], t[k, 1], t[k, n[k]], cpu[k] / n[k], wal[k] / n[k] } }'
}
load_now() { cut -d' ' -f1 /proc/loadavg; }

have=0
for tickets in "$@"; do
  more=$((tickets - have))
  began=$(date +%s)
  if [ "$tickets" -gt "$MADE" ]; then
    copies "$more"
  else
    for i in 0 1 2 3; do load $((more / 40)) "$i"; done
    load $((more * 9 / 10)) 4
  fi
  filled=$(date +%s)
  sql -c 'SELECT oms.tick()' -c 'SELECT oms.roll_up()' -c 'VACUUM ANALYZE' -c CHECKPOINT >/dev/null
  sql -c 'TRUNCATE sample' -c "INSERT INTO sample SELECT row_number() OVER (), t.ticket_id, oms.tracking_number(t.ticket_id)
    FROM (SELECT ticket_id FROM oms.ticket WHERE closed_at IS NULL ORDER BY ticket_id LIMIT 1000) AS t"
  have=$(sql -c 'SELECT count(*) FROM oms.ticket_state')
  printf '\n%s tickets, %s of them open, %s stages queued; filled in %s s, rolled up and vacuumed in %s s; load %s\n\n| call | ms: median / 99 of 100 |\n|---|---|\n' \
    "$have" "$(sql -c 'SELECT count(*) FROM oms.ticket_state WHERE closed_at IS NULL')" \
    "$(sql -c "SELECT count(*) FROM oms.stage_state WHERE status = 'q'")" $((filled - began)) $(($(date +%s) - filled)) "$(load_now)"
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
  printf '\nload %s\n\n| clients | whole tickets/s | range | CPU µs | WAL bytes |\n|---|---|---|---|---|\n' "$(load_now)"
  throughput life 4 16
  [ "${until:-0}" = 0 ] || [ "$(date +%s)" -lt "$until" ] || break
done

printf '\n| table | rows | bytes a ticket | of which indexes |\n|---|---|---|---|\n'
sql -F ' | ' -c "SELECT '| ' || relname, to_char(reltuples, 'FM999,999,990'), to_char(pg_total_relation_size(oid) / $have.0, 'FM999,990'),
  to_char(pg_indexes_size(oid) / $have.0, 'FM999,990') || ' |'
  FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind = 'r' AND pg_total_relation_size(oid) > 10 * $have ORDER BY pg_total_relation_size(oid) DESC"
sql -F ' | ' -c "SELECT '| ' || indexrelname || ' (index)', '', to_char(pg_relation_size(indexrelid) / $have.0, 'FM999,990'), '|'
  FROM pg_stat_user_indexes WHERE schemaname = 'oms' AND pg_relation_size(indexrelid) > 10 * $have ORDER BY pg_relation_size(indexrelid) DESC"

psql -Xq -v ON_ERROR_STOP=1 -f clients/board/demo/roles.sql >/dev/null
sql -c "SELECT oms.set_owner('SBA_Team', 'group', members => '{ann,bob}')" >/dev/null
use_passwords "$oms_run/holds"
ticket=$(sql -c 'SELECT ticket FROM sample WHERE n = 1')
pages() {
  exec 8< <(cd clients/board && exec env PGUSER=oms_board PGPASSWORD=board-demo BOARD_PORT=0 node dist/main.js)
  board=$!
  read -r line <&8
  printf '\n%s open tickets, %s; load %s\n\n' "$(sql -c 'SELECT count(*) FROM oms.ticket_state WHERE closed_at IS NULL')" "$1" "$(load_now)"
  node bench/board.mjs "${line##* }" "$ticket" "$REQUESTS" DisasterLoan SBA_Team underwrite
  kill "$board"
  board=
}
pages 'without an index for the list'
sql -c "CREATE INDEX stage_state_open ON oms.stage_state (due_at, ticket_id, stage_no) WHERE status = 'q' OR status IN ('p', 'h', 'f') OR status = 'a'" -c 'ANALYZE oms.stage_state'
pages 'with it'
[ "$(sql -c "SELECT count(*) FROM oms.ticket_state AS t, oms.verify_timeline(t.ticket_id) WHERE ${stride:-0} = 0 OR number(t.ticket_id) <= ${stride:-0}")" = 0 ] || die "oms.verify_timeline() found something"
