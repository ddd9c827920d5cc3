#!/usr/bin/env bash
# The listener in TypeScript at work on a throw-away server: make demo-act. Ends by itself in less than a minute.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

begin_run "server clients/typescript clients/act/typescript" tools/demo-act.sh "$@"
cd "$oms_top"
started=()
leave() {
  [ ${#started[@]} -eq 0 ] || kill -KILL "${started[@]}" 2>/dev/null || true
  stop_servers
}
trap leave EXIT
note "making the package hms-oms-sdk"
log=$oms_run/demo_act_npm.log
{ make_client clients/typescript && make_client clients/act/typescript; } >"$log" 2>&1 ||
  { cat "$log" >&2; exit 1; }
start_server demo_act "oms.worker = on"
SECONDS=0

bold='' green='' cyan='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' green=$'\e[32m' cyan=$'\e[36m' plain=$'\e[0m'; fi
title() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
sql() { PGOPTIONS='-c client_min_messages=warning' psql -XqAt -v ON_ERROR_STOP=1 -c "$1"; }
# until_is EXPECTED SQL: as soon as that is the answer.
until_is() {
  local end=$((SECONDS + 30))
  until [ "$(sql "$2")" = "$1" ]; do
    [ "$SECONDS" -lt "$end" ] || die "waited in vain for $1: $2"
    sleep 0.1
  done
}
# stage_is TICKET STAGE STATUS
stage_is() { until_is "$3" "SELECT status FROM oms.stage WHERE ticket_id = '$1' AND stage = '$2'"; }
# What the desk at the counter calls, shown before it happens.
counter() {
  printf 'desk| %s\n' "$1" >&2
  sql "SELECT oms.$1"
}

cat <<EOT

The reference listener (clients/act/typescript) on $(postgres --version). Lines of the bots begin with
"act-1:", those of the officer's inbox with "ann|", and calls of others with "desk|".
EOT

title "Four stages: three for bots, and one for a human if the loan is 50,000 or more"
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION oms;
CREATE ROLE act LOGIN;
CREATE ROLE ann LOGIN;
SELECT oms.grant_access('act', 'agent');
SELECT oms.grant_access('ann', 'staff');
SELECT oms.set_owner(name, members => '{act}') FROM unnest('{IRS_Bot,RiskAI,Treasury_Bot}'::text[]) AS name;
SELECT oms.set_owner('SBA_Team', members => '{ann}');
\o /dev/null
SELECT oms.create_workflow('{
  "name": "DisasterLoan", "prefix": "DL", "owner": "SBA",
  "stages": [
    {"id": "id_check",   "owner": "IRS_Bot",      "slaMins": 5},
    {"id": "risk_ai",    "owner": "RiskAI",       "slaMins": 15, "dependsOn": ["id_check"]},
    {"id": "underwrite", "owner": "SBA_Team",     "slaMins": 240, "dependsOn": ["risk_ai"], "minAmount": 50000},
    {"id": "fund",       "owner": "Treasury_Bot", "slaMins": 60, "dependsOn": ["underwrite"]}
  ]}');
\o
SELECT format('  %-10s  %s', stage, owner) FROM oms.workflow_stage ORDER BY stage_no;
SQL

act=clients/act/typescript
# Takes the place of its shell, so that signals reach it.
run_act() { exec env -C "$act" "PGUSER=$1" node dist/act.js "${@:2}"; }
# A short lease, since a stage that was on hold comes back when it runs out.
run_act act -n act-1 -w 1500 -l 4 IRS_Bot RiskAI Treasury_Bot > >(sed -u "s/.*/$green&$plain/") 2>&1 </dev/null &
bots=$!
started+=("$bots")
mkfifo "$oms_run/ann"
run_act ann -i ann > >(sed -u "s/.*/${cyan}ann|  &$plain/") 2>&1 <"$oms_run/ann" &
inbox=$!
started+=("$inbox")
exec 8>"$oms_run/ann"
# ann LINE: the officer types.
ann() {
  printf 'ann|> %s\n' "$1"
  printf '%s\n' "$1" >&8
}
until_is 2 "SELECT count(DISTINCT usename) FROM pg_stat_activity WHERE usename IN ('act', 'ann')"

title "Kim asks for 80,000, Lee for 20,000, Ray for 120,000"
kim=$(counter "open_ticket('DisasterLoan', '{\"name\": \"Kim\", \"amount\": 80000}')")
lee=$(counter "open_ticket('DisasterLoan', '{\"name\": \"Lee\", \"amount\": 20000}')")
ray=$(counter "open_ticket('DisasterLoan', '{\"name\": \"Ray\", \"amount\": 120000}')")
stage_is "$ray" risk_ai in_progress

title "Ray changes his mind: the bot that works on it stops"
counter "cancel_ticket('$ray', 'withdrawn by the applicant')" >/dev/null
stage_is "$kim" underwrite queued

title "Kim's loan is for the officer"
sleep 0.5
ann "1"
stage_is "$kim" underwrite in_progress
ann "1 comment called Kim, the house is insured"
ann "1 done {\"approved\": true}"
stage_is "$kim" underwrite "done"

title "Ash asks for 60,000, and is put on hold while a bot works on it"
ash=$(counter "open_ticket('DisasterLoan', '{\"name\": \"Ash\", \"amount\": 60000}')")
stage_is "$ash" id_check in_progress
sleep 0.5
counter "hold('$ash', NULL, 'is this the right Ash?')" >/dev/null
until_is "done done" "SELECT string_agg(status, ' ') FROM oms.ticket WHERE ticket_id IN ('$kim', '$lee')"
counter "resume('$ash', NULL)" >/dev/null
stage_is "$ash" underwrite queued

title "The officer wants a new score for Ash, and then agrees"
sleep 0.5
ann "2 back risk_ai the income of May is missing"
until_is 2 "SELECT cycle FROM oms.stage WHERE ticket_id = '$ash' AND stage = 'risk_ai'"
stage_is "$ash" underwrite queued
sleep 0.5
ann "2 done {\"approved\": true}"
until_is "done" "SELECT status FROM oms.ticket WHERE ticket_id = '$ash'"

title "Everybody goes home"
exec 8>&-
wait "$inbox"
kill -TERM "$bots"
wait "$bots"
started=()

title "What the timelines say"
env -C "$act" node dist/timeline.js "$kim" "$lee" "$ray" "$ash"
[ -z "$(sql "SELECT * FROM oms.check()")" ] || die "oms.check() found something"
printf '\nThat was the demo, %s seconds; the server is gone now.\n' "$SECONDS"
