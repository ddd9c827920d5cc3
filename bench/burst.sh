# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh and ticket.sh
# Whole tickets in the minutes after BURST tickets came at once, 10,000 a call, against those before. Sourced by run.sh.
#
# Synchronous commit, events and autovacuum are on. The clients go on with the oldest tickets, so that those of the burst come
# into their hands, too. The first ten seconds count on neither side: sessions are new then.
: "${BURST:=1200000}" "${BURST_CLIENTS:=8}" "${BURST_MINUTES:=3}"

# burst_run WHEN MINUTES
burst_run() {
  pgbench -n -M prepared -P 10 -c "$BURST_CLIENTS" -j 1 -T $((60 * $2 + 10)) -f "$oms_run/life.oms" run 2>&1 |
    awk -v what="$1" '/^progress/ && n++ > 0 { printf "%s\t%d\t%s\n", what, int((n - 2) / 6) + 1, $4 }' |
    sql -c 'COPY burst_run FROM STDIN'
}

bench_burst() {
  local began opened
  ticket_setup
  sql -c 'CREATE TABLE burst_run (what text, minute int, tickets float8)'
  fresh_loans
  with_worker run
  burst_run before 1
  began=$EPOCHREALTIME
  sql -d run -c "SELECT count(*) FROM generate_series(1, ${BURST} / 10000) AS n, oms.open_tickets('DisasterLoan', array_fill('$loan_data'::jsonb || jsonb_build_object('n', n), '{10000}'))" >/dev/null
  opened=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.0f", b - a }')
  burst_run after "$BURST_MINUTES"
  [ "$(sql -d run -c 'SELECT count(*) FROM oms.verify_timeline()')" = 0 ] || die "oms.verify_timeline() found something"
  printf '\n%s tickets opened in %s s\n\n| when | tickets/s | range of 10 s | to before |\n|---|---|---|---|\n' "$BURST" "$opened"
  sql -F ' | ' <<'SQL'
SELECT '| ' || what || CASE WHEN what = 'after' THEN ', minute ' || minute ELSE '' END, round(avg(tickets)), round(min(tickets)) || '–' || round(max(tickets)),
  to_char(avg(tickets) / (SELECT avg(tickets) FROM burst_run WHERE what = 'before'), 'FM990.00') || ' |'
FROM burst_run GROUP BY what, minute ORDER BY what DESC, minute;
SQL
}
