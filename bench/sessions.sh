# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh and ticket.sh
# Many sessions that claim from one owner, each its stage, and finish it: SESSIONS, in turns, by oms and by the floor
# (floor.sql), which shows what the server itself makes of so many. Sourced by run.sh.
: "${SESSIONS:=16 200}"

bench_sessions() {
  local n side secs left waits
  ticket_setup
  for side in oms floor; do
    life 'SELECT 1' "$side.claim('@', 'worker-7')" "SELECT $side.stage_done(:ticket#, :stage#, '$loan_output', :token#)" | sed -n 2,5p >"$oms_run/one.$side"
  done
  sql -c 'CREATE TABLE session_run (side text, sessions int, rate float8, waits text)'
  fresh_loans
  for _ in $(seq "$RUNS"); do for n in $SESSIONS; do for side in oms floor; do
    sql -d run -c "SET oms.dispatch = off; SELECT count(*) FROM generate_series(1, CASE '$side' WHEN 'oms' THEN 8 ELSE 0 END) AS n, oms.open_tickets('DisasterLoan', array_fill('$loan_data'::jsonb || jsonb_build_object('n', n), '{5000}'))" \
      -c "SELECT count(floor.open_ticket('$loan_data'::jsonb || jsonb_build_object('n', n))) FROM generate_series(1, CASE '$side' WHEN 'oms' THEN 0 ELSE 40000 END) AS n" -c 'VACUUM ANALYZE' >/dev/null
    # To connect takes time, and so does all that a session does for the first time: only the last SECS seconds count. What
    # is reported later is of the end, when most sessions are gone.
    secs=$((2 * SECS + n / 5))
    PGOPTIONS='-c oms.dispatch=off' pgbench -n -M prepared -c "$n" -j 1 -P 1 -T "$secs" -f "$oms_run/one.$side" run >"$oms_run/sessions.log" 2>&1 &
    sleep $((3 * SECS / 2 + n / 5))
    waits=$(sql -c "SELECT string_agg(format('%s %s', n, what), ', ' ORDER BY n DESC) FROM (SELECT count(*) AS n, coalesce(wait_event, 'no wait') AS what
      FROM pg_stat_activity WHERE datname = 'run' AND state = 'active' GROUP BY 2 ORDER BY 1 DESC LIMIT 4) AS w")
    wait $! || { cat "$oms_run/sessions.log" >&2; return 1; }
    left=$(sql -d run -c "SELECT count(*) FROM $([ "$side" = oms ] && echo oms.stage_state || echo floor.stage) WHERE status = 'q' AND owner = 'IRS_Bot'")
    [ "$left" -gt 0 ] || die 'there were too few stages for that: shorten SECS'
    awk -v OFS='\t' -v side="$side" -v n="$n" -v from=$((secs - SECS)) -v upto="$secs" -v waits="$waits" \
      '/^progress/ && $2 > from && $2 <= upto + 0.5 { sum += $4; lines++ } END { if (!lines) exit 1; print side, n, sum / lines, waits }' "$oms_run/sessions.log" |
      sql -c 'COPY session_run FROM STDIN'
  done; done; done
  [ "$(sql -d run -c 'SELECT count(*) FROM oms.verify_timeline()')" = 0 ] || die "oms.verify_timeline() found something"
  printf '\n| by | sessions | claims and completions/s | range | to the first | what they wait for |\n|---|---|---|---|---|---|\n'
  sql -F ' | ' <<'SQL'
SELECT '| ' || side, sessions, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY rate)), round(min(rate)) || '–' || round(max(rate)),
  to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY rate) / first_value(percentile_cont(0.5) WITHIN GROUP (ORDER BY rate)) OVER (PARTITION BY side ORDER BY sessions), 'FM990.00'),
  max(waits) || ' |'
FROM session_run GROUP BY side, sessions ORDER BY side DESC, sessions;
SQL
}
