# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh
# From the commit of a completion to the listener having its event. Sourced by run.sh.
#
# RATE completions a second (default 1,000), evenly spaced, shared by 1 or 8 writers; each queues the next
# stage of its ticket. Writers and the one listener are one process with one clock (latency.c). The time
# from the reply to the event is what a listener waits beyond the caller; 0 if it was first.

bench_latency() {
  local run sync mode writers i
  build_latency
  ticket_setup
  sql -c 'CREATE TABLE IF NOT EXISTS latency_run (mode text, sync text, writers int, round int, what text, p50 float8, p99 float8, max float8)' \
    -c 'CREATE TABLE IF NOT EXISTS latency_count (mode text, sync text, writers int, what text, n float8)'
  for run in $(seq "$RUNS"); do for sync in $SYNC; do for writers in ${WRITERS:-1 8}; do
    fresh_loans
    with_worker run
    for i in 0 1; do
      mode=$([ $(((i + run) % 2)) = 1 ] && echo worker || echo transaction)
      latency_run "$mode" "$sync" "$writers" "$run"
    done
  done; done; done
  cat <<'EOF'

| sync | writers | dispatch | completions/s | late calls | call → reply p50 | call → event p50 | p99 | max | reply → event p50 | p99 | max |
|---|---|---|---|---|---|---|---|---|---|---|---|
EOF
  sql -F ' | ' <<'EOF'
WITH m AS (SELECT mode, sync, writers, what,
  to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY p50) / 1000, 'FM9,990.00') || ' (' || to_char(min(p50) / 1000, 'FM9,990.00') || '–' || to_char(max(p50) / 1000, 'FM9,990.00') || ')' AS p50,
  to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY p99) / 1000, 'FM9,990.0') || ' (' || to_char(min(p99) / 1000, 'FM9,990.0') || '–' || to_char(max(p99) / 1000, 'FM9,990.0') || ')' AS p99,
  to_char(max(max) / 1000, 'FM9,990') AS max FROM latency_run GROUP BY 1, 2, 3, 4),
c AS (SELECT mode, sync, writers, what, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS n FROM latency_count GROUP BY 1, 2, 3, 4)
SELECT '| ' || sync, writers, mode, to_char(rate.n, 'FM9,990'), to_char(late.n, 'FM999,990'), r.p50, c.p50, c.p99, c.max, e.p50, e.p99, e.max || ' |'
FROM m c JOIN m e USING (mode, sync, writers) JOIN m r USING (mode, sync, writers)
  JOIN c rate USING (mode, sync, writers) JOIN c late USING (mode, sync, writers)
WHERE c.what = 'call' AND e.what = 'reply' AND r.what = 'roundtrip' AND rate.what = 'rate' AND late.what = 'late'
ORDER BY sync DESC, writers, mode DESC;
EOF
}

# latency_run MODE SYNC WRITERS ROUND
latency_run() {
  local tickets out rate=${RATE:-1000}
  tickets=$((SECS * rate / 3 + 10))
  # Stage by stage, so that a ticket has one completion under way.
  PGOPTIONS='-c oms.dispatch=off -c synchronous_commit=off' sql -d run -c "SELECT oms.open_tickets('DisasterLoan',
    array_fill('$loan_data'::jsonb, ARRAY[$tickets]))" >"$oms_run/opened"
  awk '{t[NR] = $0} END {n = split("id_check risk_ai underwrite", s, " ")
    for (i = 1; i <= n; i++) for (k = 1; k <= NR; k++) print t[k], s[i]}' "$oms_run/opened" >"$oms_run/work"
  sleep 0.5
  out=$(PGDATABASE=run PGOPTIONS="-c oms.dispatch=$1 -c synchronous_commit=$2" \
    "$oms_run/latency" pace "$3" "$rate" "$SECS" ${LATENCY_FILE:+"$LATENCY_FILE.$1.$2.$3.$4"} <"$oms_run/work") || return
  awk -v m="$1" -v s="$2" -v w="$3" -v r="$4" -v OFS='\t' 'NF == 4 {print m, s, w, r, $0}' <<<"$out" | sql -c 'COPY latency_run FROM STDIN'
  awk -v m="$1" -v s="$2" -v w="$3" -v OFS='\t' 'NF == 2 {print m, s, w, $0}' <<<"$out" | sql -c 'COPY latency_count FROM STDIN'
}
