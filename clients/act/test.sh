#!/usr/bin/env bash
# Tests of the listeners on a throw-away server: clients/act/test.sh
#
# Runs every */test.sh beneath, or those that TESTS names (TESTS="c psql"); they use the functions here.
# Nothing waits for a time: wait_until asks until a condition holds. The last line is "N passed, N failed".
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tools/lib.sh
. "$here/../../tools/lib.sh"

[ -n "${OMS_RUN:-}" ] || set -e
begin_run "server libpq clients/typescript clients/act/typescript" clients/act/test.sh "$@"

# Without the programs of the run, whose pg_config knows no client: for compilers.
path=$(tr : '\n' <<<"$PATH" | grep -v "^$OMS_RUN/" | paste -sd :)
outside() { env PATH="$path" "$@"; }
listeners=()
leave() {
  [ ${#listeners[@]} -eq 0 ] || kill -KILL "${listeners[@]}" 2>/dev/null
  stop_servers
}
trap leave EXIT
cd "$here" || exit

passed=0
failed=0
# ok NAME COMMAND...: one test.
ok() {
  local name=$1
  shift
  if "$@"; then
    echo "ok - $part: $name"
    passed=$((passed + 1))
  else
    echo "not ok - $part: $name"
    tail -n 15 "$oms_run/act_$part".*.log 2>/dev/null | sed 's/^/  /'
    failed=$((failed + 1))
    return 1
  fi
}

sql() { psql -U postgres -XqAt -v ON_ERROR_STOP=1 -c "$1"; }

# is EXPECTED SQL: the answer, compared as text.
is() {
  local got
  got=$(sql "$2" 2>&1)
  [ "$got" = "$1" ] || { printf '  %s\n  gives %s, not %s\n' "$2" "$got" "$1"; return 1; }
}

# wait_until COMMAND...: until it is true; two minutes are for machines that are very busy.
wait_until() {
  local end=$((SECONDS + 120))
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$end" ]; then
      echo "  waited in vain for: $*"
      "$@"
      return 1
    fi
    sleep 0.05
  done
}
soon() { wait_until is "$@"; }
at_least() { [ "$(sql "$2")" -ge "$1" ]; }
restart_server() { pg_ctl -D "$oms_run/act" -l "$oms_run/act.log" -m "$1" -w -s restart; }

# listen LOG COMMAND...: starts a listener as role "act"; its id is in $pid.
listen() {
  local log=$oms_run/act_$part.$1.log
  shift
  PGUSER=act "$@" </dev/null >>"$log" 2>&1 &
  pid=$!
  listeners+=("$pid")
}
says() { grep -qE -- "$2" "$oms_run/act_$part.$1.log"; }

# ends STATUS PID: it ends, with this status.
ends() {
  local status=0 i
  wait "$2" 2>/dev/null || status=$?
  for i in "${!listeners[@]}"; do [ "${listeners[i]}" != "$2" ] || unset "listeners[$i]"; done
  [ "$status" -eq "$1" ] || { echo "  ended with $status, not $1"; return 1; }
}

# A database of its own with the loan. Leases run out often, on purpose, hence the many attempts.
new_database() {
  export PGDATABASE=$1
  createdb -U postgres "$1"
  psql -U postgres -Xq -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.grant_access('act', 'agent');
SELECT oms.set_owner(name, members => '{act}') FROM unnest('{IRS_Bot,RiskAI,Treasury_Bot}'::text[]) AS name;
SELECT oms.create_workflow('{
  "name": "DisasterLoan", "prefix": "DL", "owner": "SBA",
  "stages": [
    {"id": "id_check",   "owner": "IRS_Bot",      "slaMins": 5, "retry": {"maxAttempts": 100, "backoffSecs": 1}},
    {"id": "risk_ai",    "owner": "RiskAI",       "slaMins": 15, "dependsOn": ["id_check"],
                         "retry": {"maxAttempts": 100, "backoffSecs": 1}},
    {"id": "underwrite", "owner": "SBA_Team",     "slaMins": 240, "dependsOn": ["risk_ai"], "minAmount": 50000},
    {"id": "fund",       "owner": "Treasury_Bot", "slaMins": 60, "dependsOn": ["underwrite"],
                         "retry": {"maxAttempts": 100, "backoffSecs": 1}}
  ]}');
SQL
}

KIM='{"name": "Kim", "amount": 80000}'
# open_loan DATA: prints the ticket.
open_loan() { sql "SELECT oms.open_ticket('DisasterLoan', '$1')"; }
# stage_is TICKET STAGE STATUS: soon.
stage_is() { soon "$3" "SELECT status FROM oms.stage WHERE ticket_id = '$1' AND stage = '$2'"; }
underwrite() {
  sql "SELECT oms.stage_done('$1', 'underwrite', '{\"approved\": true}', oms.claim_stage('$1', 'underwrite', 'ann'))"
}

# A whole loan; a human does the third stage.
loan() {
  local ticket
  ticket=$(open_loan "$KIM")
  stage_is "$ticket" underwrite queued && underwrite "$ticket" >/dev/null &&
    soon "done" "SELECT status FROM oms.ticket WHERE ticket_id = '$ticket'" &&
    is "id_check:{\"match\": true} risk_ai:{\"score\": 770} underwrite:{\"approved\": true} fund:{\"paid\": 80000}" \
      "SELECT string_agg(stage || ':' || replace(output::text, '.00', ''), ' ' ORDER BY stage_no)
       FROM oms.stage WHERE ticket_id = '$ticket'"
}

# together COMMAND...: ten stages wait before the listener comes that the command starts, with OWNER IRS_Bot. How one ends is
# said together with the claim of the next: 11 commits, where calls one by one are 20.
together() {
  sql "SELECT count(*) FROM oms.open_tickets('DisasterLoan', array_fill('{\"name\": \"Ten\", \"amount\": 1}'::jsonb, ARRAY[10]))" >/dev/null
  "$@"
  soon 10 "SELECT count(*) FROM oms.stage JOIN oms.ticket AS t USING (ticket_id)
           WHERE stage = 'id_check' AND stage.status = 'done' AND data ->> 'name' = 'Ten'" &&
    is t "SELECT count(DISTINCT e.watermark) <= 13 FROM oms.timeline AS e JOIN oms.ticket AS t USING (ticket_id)
          WHERE e.stage = 'id_check' AND e.status IN ('in_progress', 'done') AND t.data ->> 'name' = 'Ten'" &&
    sql "SELECT count(oms.cancel_ticket(ticket_id, 'counted')) FROM oms.ticket WHERE data ->> 'name' = 'Ten' AND status = 'open'" >/dev/null
}

# Every stage of every ticket that is done was done or skipped, and none of them twice.
each_once() {
  is "" "SELECT ticket_id, stage, count(*) FILTER (WHERE e.status IN ('done', 'skipped'))
         FROM oms.ticket AS t JOIN oms.stage AS s USING (ticket_id) LEFT JOIN oms.timeline AS e USING (ticket_id, stage)
         WHERE t.status = 'done'
         GROUP BY ticket_id, stage HAVING count(*) FILTER (WHERE e.status IN ('done', 'skipped')) <> 1" &&
    is 0 "SELECT count(*) FROM oms.ticket WHERE status NOT IN ('done', 'cancelled')" && is "" "SELECT * FROM oms.check()"
}

if start_server act "oms.worker = on"; then
  sql "CREATE ROLE act LOGIN"
  for file in */test.sh; do
    part=${file%/*}
    case " ${TESTS:-$part} " in *" $part "*) ;; *) continue ;; esac
    # shellcheck disable=SC1090 # each has its own
    . "./$file"
    [ ${#listeners[@]} -eq 0 ] || { kill -KILL "${listeners[@]}"; wait; } 2>/dev/null
    listeners=()
  done
else
  failed=1
fi

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
