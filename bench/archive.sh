#!/usr/bin/env bash
# What the archive costs: bench/archive.sh [TICKETS [KEPT]]
#
# On a throw-away server. TICKETS tickets of the loan with four stages are opened and done by the functions, and KEPT
# more of a workflow that is kept for ever. Then the first go into the archive, a thousand per call. Times are those
# of the client, WAL and sizes those of the server. The index for it is taken away and made again for the WAL of its entries.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

begin_run "" bench/archive.sh "$@"
start_server archive

tickets=${1:-10000} kept=${2:-10000}
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
lsn() { sql -c 'SELECT pg_current_wal_insert_lsn()'; }
wal_since() { sql -c "SELECT round(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$1'))"; }

# ms COMMAND [TIMES]: the median of its times
ms() {
  { printf '%s\n' '\timing on'; for ((i = 0; i < ${2:-1}; i++)); do echo "$1;"; done; } |
    psql -XqAt -v ON_ERROR_STOP=1 -o /dev/null | sed -nE 's/^Time: ([0-9.]+) ms.*/\1/p' | sort -n | sed -n "$(((${2:-1} + 1) / 2))p"
}

# do_tickets WORKFLOW COUNT: opens so many and does all their stages, a call each, a transaction per 1,000 calls
do_tickets() {
  sql -v workflow="$1" -v count="$2" >/dev/null <<'SQL'
CREATE TEMP TABLE t AS SELECT t AS id FROM oms.open_tickets(:'workflow', (SELECT array_agg(
  '{"amount": 80000, "name": "Kim Example", "street": "12 Long Road", "city": "Springfield", "phone": "+1 555 0100",
    "damage": "roof and cellar", "insured": false, "household": 4}'::jsonb) FROM generate_series(1, :count))) AS t;
SELECT count(oms.stage_done(id, s, '{"result": "passed"}')) FROM (SELECT id, oms.claim_stage(id, s, 'w'), s FROM t, unnest('{id_check}'::text[]) AS s OFFSET 0) AS x;
SELECT count(oms.stage_done(id, s, '{"result": "passed"}')) FROM (SELECT id, oms.claim_stage(id, s, 'w'), s FROM t, unnest('{risk_ai}'::text[]) AS s OFFSET 0) AS x;
SELECT count(oms.stage_done(id, s, '{"result": "passed"}')) FROM (SELECT id, oms.claim_stage(id, s, 'w'), s FROM t, unnest('{underwrite}'::text[]) AS s OFFSET 0) AS x;
SELECT count(oms.stage_done(id, s, '{"result": "passed"}')) FROM (SELECT id, oms.claim_stage(id, s, 'w'), s FROM t, unnest('{fund}'::text[]) AS s OFFSET 0) AS x;
SQL
}

workflow() {
  sql -c "SELECT oms.create_workflow('{\"name\": \"$1\", \"prefix\": \"DL\", \"owner\": \"SBA\", \"stages\": [
    {\"id\": \"id_check\", \"owner\": \"IRS_Bot\", \"slaMins\": 5},
    {\"id\": \"risk_ai\", \"owner\": \"RiskAI\", \"slaMins\": 15, \"dependsOn\": [\"id_check\"]},
    {\"id\": \"underwrite\", \"owner\": \"SBA_Team\", \"slaMins\": 240, \"dependsOn\": [\"risk_ai\"], \"minAmount\": 50000},
    {\"id\": \"fund\", \"owner\": \"Treasury_Bot\", \"slaMins\": 60, \"dependsOn\": [\"underwrite\"]}]}')" >/dev/null
}

sql -c 'CREATE EXTENSION oms'
for name in Kept Loan Without With; do workflow "$name"; done
do_tickets Kept "$kept"
do_tickets Loan "$tickets"
sql -c "SELECT oms.set_retention('0'), oms.set_retention(NULL, 'Kept'), oms.set_retention(NULL, 'With'), oms.set_retention(NULL, 'Without')" >/dev/null
sql -c 'SELECT oms.seal(), oms.roll_up()' -c 'VACUUM ANALYZE' -c CHECKPOINT >/dev/null
events=$(sql -c "SELECT count(*) / $tickets FROM oms.timeline JOIN oms.ticket USING (ticket_id) WHERE workflow = 'Loan'")
ticket=$(sql -c "SELECT max(ticket_id::text) FROM oms.ticket WHERE workflow = 'Loan'")
read_hot=$(ms "SELECT oms.get_ticket('$ticket')" 101)
before=$(lsn)
calls=$(ms 'SELECT oms.archive()' $((tickets / 1000)))
wal=$(wal_since "$before")
read_cold=$(ms "SELECT oms.get_ticket('$ticket')" 101)
nothing=$(ms 'SELECT oms.archive()' 21)
size() { sql -c "SELECT round(sum(pg_table_size(c.oid)) / $1) FROM pg_class AS c WHERE c.relnamespace = 'oms'::regnamespace AND c.relkind = 'r' AND c.relname ~ '$2'"; }
hot=$(size $((tickets + kept)) '^(ticket_state|stage_state|timeline)$')
cold=$(size "$tickets" '_archive$')
index=$(sql -c "SELECT round(sum(pg_indexes_size(c.oid)) / $tickets) FROM pg_class AS c WHERE c.relnamespace = 'oms'::regnamespace AND c.relkind = 'r' AND c.relname ~ '_archive$'")
[ "$(sql -c 'SELECT count(*) FROM oms.archived_ticket')" = "$tickets" ] || { echo 'not all tickets were archived' >&2; exit 1; }
back=$(ms "SELECT count(oms.comment(ticket_id, 'x')) FROM (SELECT ticket_id FROM oms.archived_ticket LIMIT 1000) AS t")
again=$(ms "SELECT count(oms.comment(ticket_id, 'x')) FROM (SELECT ticket_id FROM oms.ticket WHERE workflow = 'Loan' LIMIT 1000) AS t")

document=$(sql -c "CREATE TEMP TABLE d AS SELECT t.ticket_id, jsonb_build_object('ticket', to_jsonb(t),
  'stages', (SELECT jsonb_agg(to_jsonb(s)) FROM oms.stage_state_archive AS s WHERE s.ticket_id = t.ticket_id),
  'events', (SELECT jsonb_agg(to_jsonb(e)) FROM oms.timeline_archive AS e WHERE e.ticket_id = t.ticket_id)) AS document
  FROM oms.ticket_state_archive AS t" -c "SELECT round(pg_table_size('d') / count(*)) FROM d")

# WAL of whole tickets without the index and with it, in tables of the same size, without what else writes WAL
sql -c 'ALTER SYSTEM SET full_page_writes = off' -c 'ALTER SYSTEM SET autovacuum = off' -c 'SELECT pg_reload_conf()' >/dev/null
index_is() { sql -c "UPDATE pg_index SET indislive = $1, indisready = $1, indisvalid = $1 WHERE indexrelid = 'oms.ticket_state_closed'::regclass"; }
index_is false
do_tickets Without 500
before=$(lsn); do_tickets Without "$tickets"; without=$(wal_since "$before")
index_is true
sql -c 'REINDEX INDEX oms.ticket_state_closed'
do_tickets With 500
before=$(lsn); do_tickets With "$tickets"; with=$(wal_since "$before")

# shellcheck disable=SC2016 # names of code, not commands
{
  printf '\n%s tickets with %s events each, beside %s that are kept\n\n| | |\n|---|---|\n' "$tickets" "$events" "$kept"
  printf '| a call that moves 1,000 tickets, ms | %.0f |\n' "$calls"
  printf '| 10,000 tickets, s | %.1f |\n' "$(awk "BEGIN { print $calls / 100 }")"
  printf '| WAL per ticket, bytes | %s |\n' $((wal / tickets))
  printf '| a call that finds nothing to move, ms | %.1f |\n' "$nothing"
  printf '| 1,000 archived tickets that are commented, so brought back, ms | %.0f |\n' "$back"
  printf '| 1,000 others that are commented, ms | %.0f |\n' "$again"
  printf '| `get_ticket`, ms | %.2f |\n| `get_ticket` of an archived ticket, ms | %.2f |\n' "$read_hot" "$read_cold"
  printf '| rows of a ticket in the hot tables, bytes | %s |\n| rows of a ticket in the archive, bytes | %s |\n| its indexes there, bytes | %s |\n' "$hot" "$cold" "$index"
  printf '| the same rows as one compressed jsonb document, bytes | %s |\n' "$document"
  printf '| WAL of a whole ticket in large transactions without `ticket_state_closed`, bytes | %s |\n| and with it, bytes | %s |\n' $((without / tickets)) $((with / tickets))
}
