# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh, ticket.sh and events.sh
# A million armed timers: SIZE tickets (default 1,000,000), each with a stage that has a time limit.
# Sourced by run.sh.
#
# Tickets are opened with a moved clock (oms.now), so that the time limit ends when it suits. How late a
# timer fired is told by its event, and by when a listener had the alert.

# How many of a second fall due, and for how many seconds; how many are overdue at a start.
: "${SIZE:=1000000}" "${DUE_RATE:=1000}" "${DUE_SECS:=5}" "${OVERDUE:=100000}"

far='{"name":"Far","prefix":"F","stages":[{"id":"wait","owner":"Far_Bot","slaMins":1000000}]}'
due='{"name":"Due","prefix":"D","stages":[{"id":"wait","owner":"Due_Bot","slaMins":60}]}'

# open_many WORKFLOW COUNT [OPTION]: by two sessions, in transactions of 1,000.
open_many() {
  local i
  for i in 1 2; do
    PGOPTIONS="-c oms.dispatch=off -c synchronous_commit=off ${3:-}" sql -d timers -c "DO \$\$BEGIN
      FOR i IN 1..$2 / 2000 LOOP
        PERFORM oms.open_tickets('$1', array_fill('{}'::jsonb, ARRAY[1000]));
        COMMIT;
      END LOOP; END\$\$" &
  done
  wait
}

# The server's memory of a process that is its own, in kB.
own_memory() { awk '/^RssAnon/ {print $2}' "/proc/$1/status"; }
# Transactions of the server that wrote something.
transactions() { sql -c 'SELECT pg_snapshot_xmax(pg_current_snapshot())'; }
timers_row() { printf '| %s | %s |\n' "$@"; }

timers_setup() {
  local start
  printf '\n| what | measured |\n|---|---|\n'
  # For oms.worker_status without being in the database that is watched; no worker there.
  sql -c 'CREATE EXTENSION IF NOT EXISTS oms' -c 'CREATE DATABASE timers'
  sql -d timers -c 'CREATE EXTENSION oms' -c "SELECT oms.create_workflow('$loan')" -c "SELECT oms.create_workflow('$far')" \
    -c "SELECT oms.create_workflow('$due')" >/dev/null
  start=$(date +%s.%N)
  open_many Far "$SIZE"
  timers_row "tickets opened" "$SIZE in $(awk "BEGIN {printf \"%.0f\", $(date +%s.%N) - $start}") s"
  # Not seal_leaf: once it was analyzed while empty, the first seal is planned as a scan of it per ticket.
  sql -d timers -c 'VACUUM ANALYZE oms.ticket_state, oms.stage_state, oms.timeline' -c CHECKPOINT
  # What the worker would do at its start, in one go and with nothing else meanwhile.
  start=$(date +%s.%N)
  sql -d timers -c 'SELECT oms.seal()' >/dev/null
  timers_row 'sealed by oms.seal()' "in $(awk "BEGIN {printf \"%.1f\", $(date +%s.%N) - $start}") s"
  timers_row 'armed timers' "$(sql -d timers -c 'SELECT count(*) FROM oms.stage_state WHERE timer_at IS NOT NULL')"
  timers_row 'timer index' "$(sql -d timers -c "SELECT pg_relation_size('oms.stage_state_timer') / 1024 / 1024 || ' MB, ' ||
    round(pg_relation_size('oms.stage_state_timer')::numeric / $SIZE, 1) || ' bytes/timer'")"
}

# The worker with nothing to do.
timers_idle() {
  local worker from cpu switches
  with_worker timers
  worker=$(status_of timers pid)
  sleep 5
  timers_row "worker's own memory" "$(own_memory "$worker") kB"
  from=$(transactions)
  cpu=$(process_cpu "$worker")
  switches=$(awk '/^voluntary/ {print $2}' "/proc/$worker/status")
  sleep 10
  timers_row 'idle for 10 s: transactions that wrote' $(($(transactions) - from))
  timers_row 'idle for 10 s: CPU of the worker, µs' "$(awk "BEGIN {print $(process_cpu "$worker") - $cpu}")"
  timers_row 'idle for 10 s: wake-ups of the worker' $(($(awk '/^voluntary/ {print $2}' "/proc/$worker/status") - switches))
}

# timers_due CLIENTS ROUND: timers that fall due evenly spread, beside clients at work.
timers_due() {
  local worker clients hearer begin now cpu
  sql -d timers -c 'SELECT pg_terminate_backend(pid) FROM oms.worker_status WHERE pid IS NOT NULL' >/dev/null
  sleep 1
  await_worker timers
  worker=$(status_of timers pid)
  # Armed first, some seconds ahead.
  begin=$(sql -c "SELECT date_trunc('second', now()) + interval '8 s'")
  PGOPTIONS='-c oms.dispatch=off -c synchronous_commit=off' sql -d timers -c "DO \$\$BEGIN
    FOR i IN 0..$((DUE_RATE * DUE_SECS - 1)) LOOP
      PERFORM set_config('oms.now', (timestamptz '$begin' - interval '60 min' + i * interval '1 s' / $DUE_RATE)::text, true),
        oms.open_ticket('Due');
      IF i % 100 = 99 THEN COMMIT; END IF;
    END LOOP; END\$\$"
  now=$(sql -c "SELECT extract(epoch FROM timestamptz '$begin' - clock_timestamp()) > 1")
  [ "$now" = t ] || note 'arming took too long: some timers were due at once'
  PGDATABASE=timers "$oms_run/latency" hear "$oms_run/heard" >"$oms_run/hearing" &
  hearer=$!
  clients=
  if [ "$1" -gt 0 ]; then
    PGOPTIONS="-c oms.dispatch=worker -c synchronous_commit=on" \
      pgbench -n -M prepared -c "$1" -j 1 -T $((DUE_SECS + 8)) -f "$oms_run/life.oms" timers >"$oms_run/clients.log" 2>&1 &
    clients=$!
  fi
  cpu=$(process_cpu "$worker")
  sleep "$(sql -c "SELECT extract(epoch FROM timestamptz '$begin' + interval '$DUE_SECS s' - clock_timestamp()) + 1.5")"
  cpu=$(awk "BEGIN {print ($(process_cpu "$worker") - $cpu) / ($DUE_RATE * $DUE_SECS)}")
  # Clients that end early would not matter; one that failed does.
  if [ -n "$clients" ]; then
    wait "$clients" || { cat "$oms_run/clients.log" >&2; return 1; }
    if grep -q aborted "$oms_run/clients.log"; then cat "$oms_run/clients.log" >&2; return 1; fi
  fi
  kill "$hearer"
  wait "$hearer" || true
  sql -d timers -c 'CREATE TEMP TABLE alert (at float8, alert jsonb)' -c "\\copy alert FROM '$oms_run/heard'" \
    -c "CREATE TEMP TABLE heard AS SELECT at, alert ->> 'ticket' AS ticket FROM alert WHERE alert ->> 'kind' = 'breached'" \
    -c "CREATE TEMP TABLE fired AS SELECT ticket_id::text AS ticket, extract(epoch FROM due_at) * 1e6 AS due, extract(epoch FROM breached_at - due_at) * 1e3 AS late
      FROM oms.stage_state WHERE owner = 'Due_Bot' AND due_at >= '$begin' AND due_at < timestamptz '$begin' + interval '$DUE_SECS s'" \
    -c 'ANALYZE heard' -c 'ANALYZE fired' \
    -c "INSERT INTO due_run
      SELECT $1, $2, count(*), count(h.at), percentile_cont(0.5) WITHIN GROUP (ORDER BY late), percentile_cont(0.99) WITHIN GROUP (ORDER BY late), max(late),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY h.at - due), percentile_cont(0.99) WITHIN GROUP (ORDER BY h.at - due), max(h.at - due),
        (SELECT late_p50_ms FROM oms.worker_status WHERE database = 'timers'), (SELECT late_p99_ms FROM oms.worker_status WHERE database = 'timers'),
        (SELECT late_max_ms FROM oms.worker_status WHERE database = 'timers'), $cpu
      FROM fired LEFT JOIN heard h USING (ticket)"
}

timers_due_rounds() {
  local run
  sql -d timers -c 'CREATE TABLE due_run (clients int, round int, n int, heard int, p50 float8, p99 float8, max float8, h50 float8, h99 float8, hmax float8,
    w50 float8, w99 float8, wmax float8, cpu float8)'
  for run in $(seq "$RUNS"); do
    timers_due 0 "$run"
    timers_due 8 "$run"
  done
  cat <<EOF

$DUE_RATE timers a second for $DUE_SECS s, milliseconds late (median of the rounds and range)

| clients | timers | alerts heard | fired p50 | p99 | max | alert heard p50 | p99 | max | worker_status p50 | p99 | worker's CPU µs/timer |
|---|---|---|---|---|---|---|---|---|---|---|---|
EOF
  sql -d timers -F ' | ' <<'EOF'
CREATE FUNCTION pg_temp.mid(v float8[]) RETURNS text LANGUAGE sql AS $$
  SELECT to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY x), 'FM999,990.0') || ' (' || to_char(min(x), 'FM999,990.0') || '–' || to_char(max(x), 'FM999,990.0') || ')'
  FROM unnest(v) x $$;
SELECT '| ' || clients, sum(n), sum(heard), pg_temp.mid(array_agg(p50)), pg_temp.mid(array_agg(p99)), round(max(max)),
  pg_temp.mid(array_agg(h50 / 1000)), pg_temp.mid(array_agg(h99 / 1000)), round(max(hmax) / 1000), pg_temp.mid(array_agg(w50)), pg_temp.mid(array_agg(w99)), pg_temp.mid(array_agg(cpu)) || ' |'
FROM due_run GROUP BY clients ORDER BY clients;
EOF
}

# Timers that are overdue when the server starts: with the worker off, they are armed in the past.
timers_overdue() {
  local before wal start i status cpu worker
  sql -c "ALTER SYSTEM SET oms.databases = 'none'" -c 'SELECT pg_reload_conf()' >/dev/null
  sleep 2
  open_many Due "$OVERDUE" "-c oms.now=$(date -u -d yesterday +%FT%TZ)"
  sql -d timers -c 'VACUUM ANALYZE oms.stage_state'
  sql -c 'ALTER SYSTEM RESET oms.databases'
  pg_ctl -D "$oms_run/bench" -m fast -w -s stop
  start=$(date +%s.%N)
  pg_ctl -D "$oms_run/bench" -l "$oms_run/bench.log" -w -s start
  before=$(transactions)
  wal=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
  cat <<EOF

$OVERDUE timers overdue at the start of the server

| after s | fired | events sent | worker's CPU s |
|---|---|---|---|
EOF
  for ((i = 0; i < 240; i++)); do
    read -r -a status <<<"$(sql -F ' ' -c "SELECT timers_fired, events_sent, backlog, batches_sent, coalesce(pid, 0) FROM oms.worker_status
      WHERE database = 'timers'")"
    [ $((i & i - 1)) != 0 ] || overdue_row "$start" "${status[@]}"
    [ "${status[0]:-0}" -lt "$OVERDUE" ] || [ "${status[1]}" -lt "$OVERDUE" ] || [ "${status[2]}" != 0 ] || break
    sleep 0.5
  done
  overdue_row "$start" "${status[@]}"
  sleep 2
  sql -d timers -F ' | ' <<EOT

\qecho
\qecho '| first fired after s | last | timers fired twice | transactions that wrote | WAL MB |'
\qecho '|---|---|---|---|---|'
SELECT '| ' || round(extract(epoch FROM min(breached_at)) - $start, 2), round(extract(epoch FROM max(breached_at)) - $start, 2),
  (SELECT count(*) FROM (SELECT FROM oms.timeline WHERE status = 'breached' AND stage = 'wait' GROUP BY ticket_id HAVING count(*) > 1) twice),
  $(transactions) - $before, round(('$(sql -c 'SELECT pg_current_wal_insert_lsn()')'::pg_lsn - '$wal') / 1048576.0) || ' |'
FROM oms.stage_state WHERE owner = 'Due_Bot' AND due_at < now() - interval '1 h';
EOT
}

# overdue_row START FIRED SENT BACKLOG BATCHES PID
overdue_row() {
  awk -v s="$1" -v f="${2:-0}" -v e="${3:-0}" -v c="$(process_cpu "${6:-0}" 2>/dev/null || echo 0)" -v now="$(date +%s.%N)" \
    'BEGIN {printf "| %.1f | %d | %d | %.1f |\n", now - s, f, e, c / 1e6}'
}

bench_timers() {
  build_latency
  ticket_setup
  timers_setup
  timers_idle
  timers_due_rounds
  timers_overdue
}
