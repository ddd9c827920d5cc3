# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh
# Whole tickets while somebody keeps an old snapshot: what was claimed stays in the indexes as dead entries, and who
# looks for work must not walk over them. Sourced by run.sh.
#
# Each side runs twice from a fresh copy of the database: without the snapshot, and beside a transaction that is REPEATABLE READ and
# has read something before. HELD clients, events on. Pages are those that one claim reads in the end.
: "${HELD:=8}" "${HELD_SECS:=50}"

# held_run SIDE SNAPSHOT
held_run() {
  local holder= slice=$((HELD_SECS / 5)) pages
  fresh_loans
  if [ "$2" = held ]; then
    psql -XqAt -d run -c 'BEGIN ISOLATION LEVEL REPEATABLE READ' -c 'SELECT count(*) FROM oms.ticket_state' \
      -c "SELECT pg_sleep($((HELD_SECS + 60)))" >/dev/null 2>&1 &
    holder=$!
    until [ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()")" = 1 ]; do sleep 0.1; done
  fi
  pgbench -n -M prepared -P "$slice" -c "$HELD" -j 1 -T "$HELD_SECS" -f "$oms_run/life.$1" run 2>&1 |
    awk -v side="$1" -v snapshot="$2" '/^progress/ {printf "%s\t%s\t%d\t%s\n", side, snapshot, ++n, $4}' |
    sql -c 'COPY held_run (side, snapshot, slice, tickets) FROM STDIN'
  # The first calls of a session read the catalogs, too.
  pages=$(for _ in 1 2 3; do
    printf "SELECT %s \\g /dev/null\n" "$([ "$1" = oms ] && echo "oms.open_ticket('DisasterLoan', '$loan_data')" || echo "floor.open_ticket('$loan_data')")"
    echo "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) SELECT * FROM $1.claim('IRS_Bot', 'worker-7');"
  done | psql -XqAt -d run |
    awk '/Buffers: shared/ { sum = 0; for (i = 1; i <= NF; i++) if (sub(/^(hit|read)=/, "", $i)) sum += $i; } END { print sum }')
  sql -c "UPDATE held_run SET pages = $pages WHERE side = '$1' AND snapshot = '$2'"
  if [ -n "$holder" ]; then
    sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid()" >/dev/null
    wait "$holder" || true
  fi
  [ "$1" != oms ] || [ "$(sql -d run -c 'SELECT count(*) FROM oms.check()')" = 0 ] || die "oms.check() found something"
}

bench_held() {
  local side
  ticket_setup
  sql -c 'CREATE TABLE IF NOT EXISTS held_run (side text, snapshot text, slice int, tickets float8, pages int)'
  for side in floor oms; do
    held_run "$side" none
    held_run "$side" held
  done
  cat <<'EOT'

| tickets/s in each fifth | without | with the old snapshot | ratio of the last fifth | pages of a claim in the end |
|---|---|---|---|---|
EOT
  sql -F ' | ' <<'EOT'
WITH r AS (SELECT side, snapshot, string_agg(round(tickets)::text, ', ' ORDER BY slice) AS fifths,
  (array_agg(tickets ORDER BY slice DESC))[1] AS last, max(pages) AS pages FROM held_run GROUP BY 1, 2)
SELECT '| ' || side, n.fifths, h.fifths, to_char(h.last / n.last, 'FM0.00'), n.pages || ' : ' || h.pages || ' |'
FROM r n JOIN r h USING (side) WHERE n.snapshot = 'none' AND h.snapshot = 'held' ORDER BY side;
EOT
}
