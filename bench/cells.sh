#!/usr/bin/env bash
# What a front and number ranges cost: bench/cells.sh
#
# Two cells and a front, each a server of its own here, and beside them a database without ranges. One client asks for the same
# at a cell and at the front, in turns; then it opens tickets where numbers come from a range and where they do not.
#
#   CALLS=2000 RUNS=5 bench/cells.sh   so many calls a run (default 1,000), and runs (default 3)
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

begin_run "server cells" bench/cells.sh "$@"
cd "$oms_top"
: "${CALLS:=1000}" "${RUNS:=3}"
# shellcheck source=bench/ticket.sh
. bench/ticket.sh
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

serve plain 'jit = off' 'synchronous_commit = off' && plain=$connection
serve north 'jit = off' 'synchronous_commit = off' && north=$connection
serve south 'jit = off' 'synchronous_commit = off' && south=$connection
serve front 'jit = off' 'synchronous_commit = off' && front=$connection
printf '%s\n' "cell {[1,1000000]} $north" "cell {[1000001,2000000]} $south" "front $front" >"$oms_run/cells.conf"
echo "SELECT oms.create_workflow('$loan');" >"$oms_run/setup.sql"
tools/cells apply "$oms_run/cells.conf" "$oms_run/setup.sql" >"$oms_run/apply.log" 2>&1 || { cat "$oms_run/apply.log" >&2; exit 1; }
sql -d "$plain" -c 'CREATE EXTENSION oms' -f "$oms_run/setup.sql" >/dev/null
for cell in "$plain" "$north" "$south"; do
  sql -d "$cell" -c "SELECT count(*) FROM oms.open_tickets('DisasterLoan', array_fill('$loan_data'::jsonb, '{10000}'))" -c 'VACUUM ANALYZE' >/dev/null
done
first=$(sql -d "$north" -c 'SELECT min(ticket_id) FROM oms.ticket')
sql -d "$north" -c 'CREATE TABLE cell_run (what text, place text, ms float8)'

# timed WHAT PLACE CONNECTION SQL: the time of a call, in ms, as the client sees it.
timed() {
  printf '%s\n' "$4" >"$oms_run/call"
  # The first calls make the plans and the connections.
  pgbench -n -M prepared -t $((CALLS + 20)) -l --log-prefix="$oms_run/times" -f "$oms_run/call" "$3" >"$oms_run/call.log" 2>&1 || { cat "$oms_run/call.log" >&2; return 1; }
  tail -n "$CALLS" "$oms_run"/times.* | awk '{ print $3 / 1000 }' | sort -n | awk -v OFS='\t' -v what="$1" -v place="$2" '{ t[NR] = $1 } END { print what, place, t[int((NR + 1) / 2)] }' |
    sql -d "$north" -c 'COPY cell_run FROM STDIN'
  rm -f "$oms_run"/times.*
}

work="SELECT ticket, stage, token FROM oms.claim('IRS_Bot', 'w') \\gset
SELECT oms.stage_done(:ticket, :stage, '$loan_output', :token);"
for _ in $(seq "$RUNS"); do
  for place in cell front; do
    connection=$north
    [ "$place" = cell ] || connection=$front
    timed 'next_stages' "$place" "$connection" "SELECT count(*) FROM oms.next_stages('$first');"
    timed 'get_timeline' "$place" "$connection" "SELECT count(*) FROM oms.get_timeline('$first'::text);"
    timed 'open_ticket' "$place" "$connection" "SELECT oms.open_ticket('DisasterLoan', '$loan_data');"
    timed 'claim, stage_done' "$place" "$connection" "$work"
    timed 'my_work' "$place" "$connection" "SELECT count(*) FROM oms.my_work('IRS_Bot', 10);"
  done
  timed 'open_ticket, numbers of the sequence' plain "$plain" "SELECT oms.open_ticket('DisasterLoan', '$loan_data');"
done
printf '\n| call | at the cell, ms | range | at the front, ms | range | to the cell |\n|---|---|---|---|---|---|\n'
sql -d "$north" -F ' | ' <<'SQL'
WITH m AS (SELECT what, place, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms, to_char(min(ms), 'FM990.00') || '–' || to_char(max(ms), 'FM990.00') AS span FROM cell_run GROUP BY 1, 2)
SELECT '| ' || c.what, to_char(c.ms, 'FM990.00'), c.span, coalesce(to_char(f.ms, 'FM990.00'), ''), coalesce(f.span, ''), coalesce(to_char(f.ms / c.ms, 'FM990.0'), '') || ' |'
FROM m AS c LEFT JOIN m AS f ON f.what = c.what AND f.place = 'front' WHERE c.place <> 'front' ORDER BY c.place, c.what;
SQL
