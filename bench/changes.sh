#!/usr/bin/env bash
# What oms.changes_since() costs: bench/changes.sh [EVENTS]
#
# On a throw-away server. Tickets of two events each are opened, 50 per transaction, and read in pages: from the beginning,
# at the end of it, and then what came since a cursor that was taken when a tenth was there. At last one
# transaction writes a tenth of all events. Prints, in ms, the median of nine pages of 10,000 (five of one transaction).
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

begin_run "" bench/changes.sh "$@"
start_server changes "synchronous_commit = off" "shared_buffers = 256MB" "max_wal_size = 4GB"

events=${1:-1000000}
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

# fill EVENTS: so many more
fill() {
  printf "SELECT count(*) FROM oms.open_tickets('Bench', (SELECT array_agg('{\"a\": 1}'::jsonb) FROM generate_series(1, 50)));\n" >"$oms_run/fill.sql"
  pgbench -n -c 2 -t $(($1 / 200)) -f "$oms_run/fill.sql" >/dev/null 2>&1
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# pages CURSOR COUNT [MAX]: the median of that many pages from there on; the cursor after them is in $cursor
pages() {
  local times=() ms i
  cursor=$1
  for ((i = 0; i < $2; i++)); do
    printf '%s\n' "SET jit = off;" '\timing on' \
      "SELECT count(*), coalesce((array_agg(cursor))[count(*)], '$cursor') AS next FROM oms.changes_since('$cursor', ${3:-10000}) \\gset" \
      '\timing off' '\echo :count :next' >"$oms_run/page.sql"
    sql -f "$oms_run/page.sql" >"$oms_run/page.out"
    ms=$(sed -nE 's/^Time: ([0-9.]+) ms.*/\1/p' "$oms_run/page.out" | tail -n 1)
    cursor=$(awk 'END { print $2 }' "$oms_run/page.out")
    times+=("$ms")
  done
  printf '%s\n' "${times[@]}" | median
}
row() { printf '| %s | %s |\n' "$1" "$2"; }

sql -c 'CREATE EXTENSION oms' -c "SELECT FROM oms.create_workflow('{\"name\": \"Bench\", \"stages\": [{\"id\": \"a\", \"owner\": \"A\"}]}')"
fill $((events / 10))
sql -c 'VACUUM ANALYZE'
early=$(sql -c "SELECT cursor FROM oms.changes_since(NULL, 1000000) OFFSET $((events / 10 - 1))")
row "a page from the beginning, $((events / 10)) events" "$(pages "" 5)"
row "nothing new, $((events / 10)) events" "$(pages "$early" 9 100)"
fill $((events * 9 / 10))
sql -c 'VACUUM ANALYZE'
row "a page from the beginning, $events events" "$(pages "" 9)"
row "… in the middle" "$(pages "$(sql -c "SELECT cursor FROM oms.changes_since(NULL, $((events / 2))) OFFSET $((events / 2 - 1))")" 9)"
row "a page of what came since, at its beginning" "$(pages "$early" 9)"
row "… in its middle" "$(pages "$(sql -c "SELECT cursor FROM oms.changes_since('$early', $((events / 2))) OFFSET $((events / 2 - 1))")" 9)"
last=$(sql -c "SELECT cursor FROM oms.changes_since('$early', $events) OFFSET $((events * 9 / 10 - 1))")
row "nothing new, $events events" "$(pages "$last" 9 100)"
sql -c "SELECT count(*) FROM oms.open_tickets('Bench', (SELECT array_agg('{}'::jsonb) FROM generate_series(1, $((events / 20)))))" >/dev/null
row "a page of a transaction of $((events / 10)) events" "$(pages "$last" 5)"
