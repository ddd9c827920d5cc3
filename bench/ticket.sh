# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh
# The four-stage loan ticket through oms and by hand. Sourced by run.sh.
#
# A run has a fresh copy of a database in which 500 tickets were finished. Each client opens a ticket,
# then claims from the four owners in turn and finishes what it got, which may be another client's
# ticket: 9 transactions and 9 round trips on either side. Where a claim comes back empty, the stage
# stays for the next one. What counts are the tickets that ended as done.

loan='{"name":"DisasterLoan","prefix":"DL","owner":"SBA","stages":[
  {"id":"id_check","owner":"IRS_Bot","slaMins":5},
  {"id":"risk_ai","owner":"RiskAI","slaMins":15,"dependsOn":["id_check"]},
  {"id":"underwrite","owner":"SBA_Team","slaMins":240,"dependsOn":["risk_ai"],"minAmount":50000},
  {"id":"fund","owner":"Treasury_Bot","slaMins":60,"dependsOn":["underwrite"]}]}'
# About 200 bytes as jsonb. With blanks: pgbench takes :80000 for a variable.
loan_data='{"amount": 80000, "name": "Kim Example", "street": "12 Long Road", "city": "Springfield", "phone": "+1 555 0100", "damage": "roof and cellar", "insured": false, "household": 4}'
loan_output='{"result": "passed"}'
owners='IRS_Bot RiskAI SBA_Team Treasury_Bot'

# life OPEN CLAIM DONE: the script of one client; @ stands for the owner, # for the number of the stage.
life() {
  local owner i=0
  printf '%s;\n' "$1"
  for owner in $owners; do
    i=$((i + 1))
    cat <<EOT
SELECT c.ticket AS ticket$i, c.stage AS stage$i, coalesce(c.token, 0) AS token$i, c.data AS data$i FROM (SELECT 1) one LEFT JOIN ${2//@/$owner} c ON true \\gset
\\if :token$i
${3//#/$i};
\\endif
EOT
  done
}

# CPU time of all backends that have ended, in µs.
server_cpu() {
  awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print ($14 + $15) * 1000000 / hz}' \
    "/proc/$(head -1 "${oms_servers[0]}/postmaster.pid")/stat"
}

ticket_setup() {
  [ -e "$oms_run/life.oms" ] && return
  life "SELECT oms.open_ticket('DisasterLoan', '$loan_data')" "oms.claim('@', 'worker-7')" \
    "SELECT oms.stage_done(:ticket#, :stage#, '$loan_output', :token#)" >"$oms_run/life.oms"
  life "SELECT floor.open_ticket('$loan_data')" "floor.claim('@', 'worker-7')" \
    "SELECT floor.stage_done(:ticket#, :stage#, '$loan_output', :token#)" >"$oms_run/life.floor"
  sql -c 'CREATE DATABASE loans'
  sql -d loans -c 'CREATE EXTENSION oms' -c "SELECT oms.create_workflow('$loan')" -f bench/floor.sql >/dev/null
  sql -c 'ALTER DATABASE loans SET search_path = floor'
  local side
  for side in oms floor; do
    pgbench -n -M prepared -t 500 -f "$oms_run/life.$side" loans >"$oms_run/seed.log" 2>&1 || { cat "$oms_run/seed.log" >&2; return 1; }
  done
  # Plans are kept from the first calls on: none may be made for tables that are still small.
  sql -d loans -c 'VACUUM ANALYZE'
  sql -c "CREATE TABLE ticket_run (variant text, place int, sync text, clients int, tickets float8, wal float8, cpu float8, open int)"
}

fresh_loans() {
  sql -c 'DROP DATABASE IF EXISTS run' -c 'CREATE DATABASE run TEMPLATE loans' \
    -c 'ALTER DATABASE run SET search_path = floor' -c 'ALTER DATABASE run SET enable_seqscan = off' -c 'ALTER DATABASE run SET enable_bitmapscan = off' \
    -c CHECKPOINT 2>/dev/null
}

# How many tickets are done and open.
tickets_of() {
  case $1 in
    oms) sql -d run -c "SELECT count(*) FILTER (WHERE status = 'd'), count(*) FILTER (WHERE status = 'o') FROM oms.ticket_state" ;;
    floor) sql -d run -c "SELECT count(*) FILTER (WHERE status = 'd'), count(*) FILTER (WHERE status = 'o') FROM floor.ticket" ;;
  esac
}

# one_run VARIANT PLACE SIDE DISPATCH SYNC CLIENTS
one_run() {
  local from to cpu closed open out count
  fresh_loans
  sleep 0.1
  cpu=$(server_cpu)
  from=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
  out=$(PGOPTIONS="-c oms.dispatch=$4 -c synchronous_commit=$5" \
    pgbench -n -M prepared -c "$6" -j 1 -T "$SECS" -f "$oms_run/life.$3" run 2>&1) || { echo "$out" >&2; return 1; }
  if grep -q aborted <<<"$out"; then echo "$out" >&2; return 1; fi
  to=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
  sleep 0.1
  cpu=$(awk "BEGIN {print $(server_cpu) - $cpu}")
  count=$(tickets_of "$3")
  closed=$((${count%|*} - 500)) open=${count#*|}
  sql -c "INSERT INTO ticket_run VALUES ('$1', $2, '$5', $6, $closed / $SECS.0, ('$to'::pg_lsn - '$from') / $closed.0, $cpu / $closed.0, $open)"
}

bench_ticket() {
  local run sync clients k
  ticket_setup
  for run in $(seq "$RUNS"); do for clients in $CLIENTS; do for sync in $SYNC; do
    for k in $([ $((run % 2)) = 1 ] && echo 1 2 3 || echo 3 2 1); do
      case $k in
        1) one_run 'floor' 1 floor off "$sync" "$clients" ;;
        2) one_run 'oms, dispatch off' 2 oms off "$sync" "$clients" ;;
        3) one_run 'oms, dispatch transaction' 3 oms transaction "$sync" "$clients" ;;
      esac
    done
  done; done; done
  cat <<'EOT'

| sync | clients | variant | tickets/s | range | ratio | range | CPU µs/ticket | ratio | WAL bytes/ticket | left open |
|---|---|---|---|---|---|---|---|---|---|---|
EOT
  # The ratio of a run is to the floor's run of the same round.
  sql -F ' | ' <<'EOT'
WITH r AS (SELECT *, row_number() OVER (PARTITION BY variant, sync, clients ORDER BY ctid) AS round FROM ticket_run),
q AS (SELECT r.*, r.tickets / f.tickets AS ratio, r.cpu / f.cpu AS cpuratio FROM r JOIN r f USING (sync, clients, round) WHERE f.place = 1),
m AS (SELECT sync, clients, place, variant,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY tickets) AS med, min(tickets) AS lo, max(tickets) AS hi,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio) AS ratio, min(ratio) AS rlo, max(ratio) AS rhi,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu) AS cpu,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY cpuratio) AS cpuratio,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY wal) AS wal, max(open) AS open FROM q GROUP BY 1, 2, 3, 4)
SELECT '| ' || sync, clients, variant, to_char(med, 'FM999,990'), to_char(lo, 'FM999,990') || '–' || to_char(hi, 'FM999,990'),
  to_char(ratio, 'FM0.00'), to_char(rlo, 'FM0.00') || '–' || to_char(rhi, 'FM0.00'),
  to_char(cpu, 'FM999,990'), to_char(cpuratio, 'FM0.00'), to_char(wal, 'FM999,990'), open || ' |'
FROM m ORDER BY sync DESC, clients, place;
EOT
}

# Time of each call as the client sees it, round trip included; one client, synchronous_commit off.
bench_calls() {
  local run k side
  ticket_setup
  sql -c 'CREATE TABLE IF NOT EXISTS call_run (side text, call text, us float8)'
  for run in $(seq "$RUNS"); do
    for k in $([ $((run % 2)) = 1 ] && echo floor oms none || echo none oms floor); do
      fresh_loans
      side=$k
      if [ "$k" = none ]; then
        # The round trip and the commit that writes nothing.
        printf 'SELECT 1;\n' >"$oms_run/life.none"
      fi
      PGOPTIONS='-c oms.dispatch=off -c synchronous_commit=off' \
        pgbench -n -r -M prepared -T "$SECS" -f "$oms_run/life.$side" run 2>&1 |
        awk -v side="$side" '/SELECT/ {
          call = /open_ticket/ ? "open" : /c\.ticket/ ? "claim" : /stage_done/ ? "done" : "SELECT 1"
          printf "%s\t%s\t%.1f\n", side, call == "open" || call == "SELECT 1" ? call : call " " ++n[call], $1 * 1000}' |
        sql -c 'COPY call_run FROM STDIN'
    done
  done
  cat <<'EOT'

| call | floor µs | range | oms µs | range | oms/floor | difference µs |
|---|---|---|---|---|---|---|
EOT
  sql -F ' | ' <<'EOT'
WITH m AS (SELECT call, side, percentile_cont(0.5) WITHIN GROUP (ORDER BY us) AS med, min(us) AS lo, max(us) AS hi
  FROM call_run GROUP BY 1, 2)
SELECT '| ' || o.call, round(f.med), round(f.lo) || '–' || round(f.hi), round(o.med), round(o.lo) || '–' || round(o.hi),
  to_char(o.med / f.med, 'FM0.00'), round(o.med - f.med) || ' |'
FROM m o JOIN m f USING (call) WHERE o.side = 'oms' AND f.side = 'floor'
ORDER BY o.call <> 'open', right(o.call, 1), o.call;
SELECT '| SELECT 1 (round trip alone)', round(percentile_cont(0.5) WITHIN GROUP (ORDER BY us)), round(min(us)) || '–' || round(max(us)),
  '', '', '', '|' FROM call_run WHERE side = 'none';
EOT
}
