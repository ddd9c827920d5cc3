# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh and ticket.sh
# What events cost: the whole ticket of ticket.sh with events off, sent by the worker and sent by the
# transactions, with 0, 10 and 100 sessions that listen. Sourced by run.sh.
#
# The three variants of a row take turns in one fresh database, in another order each round. The worker
# runs in all of them. A listener hears all three channels, reads everything and does nothing with it;
# all listeners are one process (latency.c), which shares the cores with server and clients.

# build_latency: the program of listeners and paced writers.
build_latency() {
  # not the one of the private installation, which has no headers
  local config=${oms_bin#"$oms_run/pg"}/pg_config
  [ -x "$oms_run/latency" ] ||
    cc -O2 -Wall -o "$oms_run/latency" bench/latency.c -I"$("$config" --includedir)" -L"$("$config" --libdir)" -lpq ||
    die "latency.c needs libpq's headers (package libpq-dev)"
}

# with_worker DATABASE: switches the worker on there and waits for it. A copy has to be activated.
with_worker() {
  sql -d "$1" -c 'SELECT oms.activate()' >/dev/null
  sql -c "ALTER DATABASE $1 SET oms.worker = on"
  await_worker "$1"
}

# await_worker DATABASE: until it has been running for a moment; both commands above send it away.
await_worker() {
  local i
  for i in $(seq 150); do
    sleep 0.1
    # Again if it was lost on a worker that was just leaving.
    [ $((i % 30)) != 0 ] || sql -c "ALTER DATABASE $1 SET oms.worker = on"
    [ "$(sql -d "$1" -c "SELECT count(*) FROM oms.worker_status WHERE database = '$1' AND state = 'running' AND started_at < now() - interval '0.5 s'")" = 1 ] && return
  done
  die "no worker for database $1"
}

# status_of DATABASE COLUMNS: of its worker.
status_of() { sql -d "$1" -F ' ' -c "SELECT $2 FROM oms.worker_status WHERE database = '$1'"; }

# CPU time of a process in µs.
process_cpu() { awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print ($12 + $13) * 1000000 / hz}' "/proc/$1/stat"; }

# start_listeners N DATABASE [CHANNEL ...]
start_listeners() {
  local n=$1 db=$2
  shift 2
  listeners=
  [ "$n" -gt 0 ] || return 0
  PGDATABASE=$db "$oms_run/latency" listen "$n" "$@" >"$oms_run/listeners" 2>&1 &
  listeners=$!
  for _ in $(seq 100); do
    grep -q listening "$oms_run/listeners" && return
    sleep 0.1
  done
  cat "$oms_run/listeners" >&2
  return 1
}

stop_listeners() {
  [ -n "$listeners" ] || return 0
  kill "$listeners"
  wait "$listeners" || true
  listeners=
}

tickets_done() { sql -d run -c "SELECT count(*) FROM oms.ticket_state WHERE status = 'd'"; }

# event_run VARIANT SYNC CLIENTS LISTENERS: one variant in the database at hand.
event_run() {
  local mode from out worker wcpu cpu sent now
  mode=${1%%_*}
  worker=$(status_of run pid)
  read -r -a sent <<<"$(status_of run 'events_sent, batches_sent')"
  from=$(tickets_done)
  wcpu=$(process_cpu "$worker")
  cpu=$(server_cpu)
  out=$(PGOPTIONS="-c oms.dispatch=$mode -c synchronous_commit=$2" \
    pgbench -n -M prepared -c "$3" -j 1 -T "$SECS" -f "$oms_run/life.oms" run 2>&1) || { echo "$out" >&2; return 1; }
  if grep -q aborted <<<"$out"; then echo "$out" >&2; return 1; fi
  wcpu=$(awk "BEGIN {print $(process_cpu "$worker") - $wcpu}")
  sleep 0.1
  cpu=$(awk "BEGIN {print $(server_cpu) - $cpu}")
  read -r -a now <<<"$(status_of run 'events_sent, batches_sent')"
  sql -c "INSERT INTO event_run VALUES ('$1', '$2', $3, '$4', ($(tickets_done) - $from) / $SECS.0, $cpu, $wcpu,
    ${now[0]} - ${sent[0]}, ${now[1]} - ${sent[1]})"
}

# event_rounds LISTENERS VARIANT ...: the variants in turn, for each number of clients and setting of
# synchronous_commit; further words, after colons, are the channels (LISTENERS="100
# 100:elsewhere").
event_rounds() {
  local listening=$1 run sync clients order i words
  shift
  local variants=("$@")
  for run in $(seq "$RUNS"); do for sync in $SYNC; do for clients in $EVENT_CLIENTS; do
    fresh_loans
    with_worker run
    IFS=: read -r -a words <<<"$listening"
    start_listeners "${words[0]}" run "${words[@]:1}"
    sleep 0.3
    for ((i = 0; i < ${#variants[@]}; i++)); do
      order=$(((i + run) % ${#variants[@]}))
      case ${variants[order]} in
        *gather*) sql -c "ALTER SYSTEM SET oms.gather = '${variants[order]##*_}'" -c 'SELECT pg_reload_conf()' >/dev/null; sleep 0.2 ;;
      esac
      event_run "${variants[order]}" "$sync" "$clients" "$listening"
    done
    stop_listeners
    sql -c 'ALTER SYSTEM RESET oms.gather' -c 'SELECT pg_reload_conf()' >/dev/null
  done; done; done
}

bench_events() {
  local n
  build_latency
  ticket_setup
  sql -c 'CREATE TABLE IF NOT EXISTS event_run (variant text, sync text, clients int, listeners text, tickets float8, cpu float8, wcpu float8, sent float8, batches float8)'
  for n in ${LISTENERS:-0 10 100}; do
    event_rounds "$n" off worker transaction
  done
  if [ -n "${GATHER:-}" ]; then
    # shellcheck disable=SC2046 # a list
    event_rounds "${GATHER_LISTENERS:-100}" off $(for n in $GATHER; do echo "worker_gather_$n"; done)
  fi
  event_table
}

event_table() {
  cat <<'EOF'

| listeners | sync | clients | dispatch | tickets/s | range | to off | range | CPU µs/ticket: backends | worker | events/ticket | events/commit |
|---|---|---|---|---|---|---|---|---|---|---|---|
EOF
  sql -v secs="$SECS" -F ' | ' <<'EOF'
WITH r AS (SELECT *, row_number() OVER (PARTITION BY variant, sync, clients, listeners ORDER BY ctid) AS round,
  array_position(ARRAY['off', 'worker', 'transaction'], variant) AS place FROM event_run),
q AS (SELECT r.*, r.tickets / f.tickets AS ratio
  FROM r JOIN r f USING (sync, clients, listeners, round) WHERE f.variant = 'off'),
m AS (SELECT sync, clients, listeners, place, variant,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY tickets) AS med, min(tickets) AS lo, max(tickets) AS hi,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio) AS ratio, min(ratio) AS rlo, max(ratio) AS rhi,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu / tickets) AS cpu, percentile_cont(0.5) WITHIN GROUP (ORDER BY wcpu / tickets) AS wcpu,
  sum(sent) / sum(tickets) AS sent, sum(sent) / nullif(sum(batches), 0) AS batch
  FROM q GROUP BY 1, 2, 3, 4, 5)
SELECT '| ' || listeners, sync, clients, variant, to_char(med, 'FM999,990'), to_char(lo, 'FM999,990') || '–' || to_char(hi, 'FM999,990'),
  to_char(ratio, 'FM0.00'), to_char(rlo, 'FM0.00') || '–' || to_char(rhi, 'FM0.00'),
  to_char(cpu / :secs, 'FM999,990'),
  CASE WHEN variant LIKE 'worker%' THEN to_char(wcpu / :secs, 'FM999,990') ELSE '' END,
  CASE WHEN variant LIKE 'worker%' THEN to_char(sent / :secs, 'FM990.0') ELSE '' END,
  CASE WHEN variant LIKE 'worker%' THEN to_char(batch, 'FM9,990.0') ELSE '' END || ' |'
FROM m ORDER BY split_part(listeners, ':', 1)::int, listeners, sync DESC, clients, place, variant;
EOF
}
