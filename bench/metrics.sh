# shellcheck shell=bash
# shellcheck disable=SC2154 # sql, SECS, RUNS and the rest are of run.sh
# What a scrape costs with many open tickets, and what scraping costs the others: bench/run.sh metrics. See metrics.md.
: "${OPEN:=1000000}" "${METRICS_CLIENTS:=8}" "${METRICS_SECS:=20}"

# Open tickets of one stage; 20 owners.
fill_open() {
  local left=$OPEN batch
  sql -c 'SET client_min_messages = warning' -c 'DROP EXTENSION IF EXISTS oms CASCADE' -c 'CREATE EXTENSION oms'
  sql -c "SELECT oms.create_workflow(jsonb_build_object('name', 'Open ' || n, 'prefix', 'O' || chr(64 + n), 'stages',
    jsonb_build_array(jsonb_build_object('id', 'a', 'owner', 'Owner ' || n, 'slaMins', 100000)))) FROM generate_series(1, 20) AS n" >/dev/null
  while [ "$left" -gt 0 ]; do
    batch=$((left < 100000 ? left : 100000))
    sql -c "SELECT count(*) FROM generate_series(1, 20) AS n,
      oms.open_tickets('Open ' || n, array_fill('{}'::jsonb, ARRAY[$batch / 20]))" >/dev/null
    left=$((left - batch))
  done
  sql -c 'VACUUM ANALYZE' >/dev/null
}

# times SQL [BEFORE]: of nine runs the median, least and most in ms, and the CPU time of the backend per run; with BEFORE in
# front of each
times() {
  local cpu="\\! awk '{ sub(/.*\\) /, \"\"); print \"CPU\", \$12 + \$13 }' /proc/\$OMS_PID/stat"
  { printf '%s\n' 'SELECT pg_backend_pid() AS pid \gset' '\setenv OMS_PID :pid' "$1" "$cpu"
    for _ in 1 2 3 4 5 6 7 8 9; do printf '%s\n' "${2:-}" '\timing on' "$1" '\timing off'; done
    echo "$cpu"; } |
    sql -o /dev/null | awk -v hz="$(getconf CLK_TCK)" '
      $1 == "Time:" { t[++n] = $2 }
      $1 == "CPU" { cpu = $2 - cpu }
      END {
        for (i = 2; i <= n; i++) for (j = i; j > 1 && t[j - 1] + 0 > t[j] + 0; j--) { x = t[j]; t[j] = t[j - 1]; t[j - 1] = x }
        printf "%.1f | %.1f–%.1f | %.0f", t[5], t[1], t[n], cpu * 1000 / hz / n
      }'
}

# open, claim and done of a ticket, as often as it goes; tickets/s
tickets_per_second() {
  cat >"$oms_run/metrics.pgbench" <<'SQL'
SELECT oms.open_ticket('Busy');
SELECT oms.stage_done(ticket, stage, '{}', token) FROM oms.claim('Desk');
SQL
  pgbench -n -c "$METRICS_CLIENTS" -j 2 -T "$METRICS_SECS" -M prepared -f "$oms_run/metrics.pgbench" 2>/dev/null |
    sed -nE 's/^tps = ([0-9.]+).*/\1/p'
}

# scraped SECONDS: tickets/s with a scrape every so often by a session that stays, as exporters have it; 0: none
scraped() {
  local scraper
  if [ "$1" -eq 0 ]; then
    tickets_per_second
    return
  fi
  psql -XqAt -o /dev/null < <(echo "SELECT oms.metrics_text() \\watch $1") &
  scraper=$!
  tickets_per_second
  kill "$scraper"
  wait "$scraper" 2>/dev/null || true
}

bench_metrics() {
  local round
  sql -c "ALTER DATABASE postgres SET oms.worker = on"
  fill_open
  # Setting the clock takes the session out of sharing, so each look counts.
  printf '\n%s open tickets of 20 owners\n\n| | ms | range | CPU ms |\n|---|---|---|---|\n' "$(sql -c 'SELECT sum(queued) FROM oms.queue')"
  printf '| a scrape that counts | %s |\n' "$(times 'SELECT oms.metrics_text();' "SET oms.now = '2126-01-01 00:00+00';")"
  sql -o /dev/null -c 'SELECT oms.metrics_text()'
  printf '| a scrape between two counts | %s |\n' "$(times 'SELECT oms.metrics_text();')"
  printf '| `oms.health()` | %s |\n' "$(times 'SELECT * FROM oms.health();')"
  sql -c "SELECT oms.create_workflow('{\"name\": \"Busy\", \"stages\": [{\"id\": \"a\", \"owner\": \"Desk\"}]}')" >/dev/null
  printf '\n%s clients, %s s each\n\n| round | tickets/s | scraped every 5 s | ratio | every second | ratio |\n|---|---|---|---|---|---|\n' \
    "$METRICS_CLIENTS" "$METRICS_SECS"
  local -A rate
  local turn
  for ((round = 1; round <= RUNS; round++)); do
    # nobody is always last
    for turn in 0 1 2; do
      case $(((round + turn) % 3)) in
        0) rate[0]=$(scraped 0) ;;
        1) rate[5]=$(scraped 5) ;;
        2) rate[1]=$(scraped 1) ;;
      esac
    done
    awk -v r="$round" -v a="${rate[0]}" -v b="${rate[5]}" -v c="${rate[1]}" \
      'BEGIN { printf "| %d | %d | %d | %.2f | %d | %.2f |\n", r, a, b, b / a, c, c / a }'
  done
}
