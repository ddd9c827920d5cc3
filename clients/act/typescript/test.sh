# shellcheck shell=bash
# Tests of the listener in TypeScript; to be sourced by ../test.sh.
# shellcheck disable=SC2154 # the variables of that one

make_listener() { make_client clients/typescript && make_client clients/act/typescript; }
ok "it is built" make_listener || return 0
ok "types are strict, ESLint is content" npm --prefix typescript run -s check
new_database act_typescript
sql "CREATE ROLE ann LOGIN"
sql "SELECT oms.grant_access('ann', 'staff'), oms.set_owner('SBA_Team', members => '{ann}')" >/dev/null
act() { listen "$1" env -C typescript node dist/act.js -n "$@" IRS_Bot RiskAI Treasury_Bot; }
# inbox LINES: as the officer types them.
inbox() { printf '%b' "$1" | PGUSER=ann env -C typescript timeout 60 node dist/act.js -i ann; }

act loan -w 10
ok "a loan runs to its end" loan

by_pipe() {
  local ticket
  ticket=$(open_loan "$KIM")
  stage_is "$ticket" underwrite queued && inbox '1\n1 comment called\n1 hold police\n1 resume\n1 release lunch\n' &&
    stage_is "$ticket" underwrite queued &&
    inbox '1 back risk_ai income\n' && soon 2 "SELECT cycle FROM oms.stage WHERE ticket_id = '$ticket' AND stage = 'risk_ai'" &&
    stage_is "$ticket" underwrite queued && inbox '1 done {"approved": true}\n' &&
    soon "done" "SELECT status FROM oms.ticket WHERE ticket_id = '$ticket'" &&
    is ann "SELECT worker FROM oms.stage WHERE ticket_id = '$ticket' AND stage = 'underwrite'"
}
ok "the officer answers through a pipe" by_pipe
refused() { ! inbox '7 done\n' >"$oms_run/act_refused" 2>&1 && grep -q "refused: there is no number 7" "$oms_run/act_refused"; }
ok "an answer that is refused is told by the exit status" refused
kill -TERM "$pid"
ok "it stops when it is told to" ends 0 "$pid"

ok "how a stage ends and the next claim are one commit" together act ten -w 0
kill -TERM "$pid"
ok "it stops between two stages" ends 0 "$pid"

act busy -w 3600000 -l 3600 -g 0
ts_stops_for() {
  local ticket
  ticket=$(open_loan "$KIM")
  wait_until says busy "$ticket id_check: begun" && sql "SELECT ${1//TICKET/$ticket}" >/dev/null &&
    wait_until says busy "$ticket id_check: stopped"
}
ok "a ticket is cancelled: the bot stops" ts_stops_for "oms.cancel_ticket('TICKET', 'withdrawn')"
ok "a stage is put on hold: the bot stops" ts_stops_for "oms.hold('TICKET', 'id_check', 'police')"
kill -TERM "$pid"
ok "it ends with its bots stopped" ends 0 "$pid"

# npm hands the signal on to what it started, and that is the program itself.
listen npm npm --prefix typescript run -s act -- -n npm-1 IRS_Bot
heard() { is 1 "SELECT count(*) FROM pg_stat_activity WHERE usename = 'act' AND query ~ 'LISTEN'"; }
ok "npm starts it" wait_until heard
kill -TERM "$pid"
ok "npm ends" ends 0 "$pid"
gone() { is 0 "SELECT count(*) FROM pg_stat_activity WHERE usename = 'act'"; }
ok "and the program with it" wait_until gone

# Nobody else works on it: act-1 has the stage, and the officer sends it back.
who_did_it() {
  local ticket
  ticket=$(open_loan "$KIM")
  sql "SELECT oms.stage_done('$ticket', 'id_check')" >/dev/null && sql "SELECT oms.claim_stage('$ticket', 'risk_ai', 'act-1')" >/dev/null &&
    psql -U ann -XqAt -c "SELECT oms.send_back('$ticket', 'risk_ai', 'id_check', 'income')" >/dev/null &&
    PGUSER=ann env -C typescript node dist/timeline.js "$ticket" >"$oms_run/act_typescript.timeline.log" 2>&1 &&
    says timeline 'risk_ai +in_progress +by act-1' && says timeline 'risk_ai +sent_back +by ann'
}
ok "timelines say who did it: the officer, not who had the stage before" who_did_it

demo_act() { timeout 180 "$oms_top/tools/demo-act.sh" >"$oms_run/act_typescript.demo.log" 2>&1 </dev/null && says demo '^That was the demo'; }
ok "make demo-act runs to its end" demo_act
