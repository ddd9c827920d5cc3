# shellcheck shell=bash
# Tests of act.c; to be sourced by ../test.sh.

all=(IRS_Bot RiskAI Treasury_Bot)
ok "compiles without warnings" outside make -s -C c || return 0
new_database act_c

# ---- a loan ----

listen loan c/act -n loan -w 10 "${all[@]}"
ok "a loan runs to its end" loan

comes_back() {
  sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'act'" >/dev/null &&
    wait_until says loan "no connection" && loan
}
ok "its connection is broken, and it comes back" comes_back

# How often it was awake, compared over a hundred queries of somebody else.
switches() { awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$pid/status"; }
sleeps() {
  local before after
  before=$(switches)
  for _ in {1..100}; do sql "SELECT oms.version()" >/dev/null; done
  after=$(switches)
  [ $((after - before)) -le 10 ] || { echo "  woke up $((after - before)) times"; return 1; }
}
[ ! -e "/proc/$pid/status" ] || ok "with nothing to do it sleeps" sleeps

no_name() {
  local ticket
  ticket=$(open_loan '{"amount": 1}')
  stage_is "$ticket" id_check failed &&
    is "there is no name to check" \
      "SELECT note FROM oms.timeline WHERE ticket_id = '$ticket' AND status = 'failed' AND stage = 'id_check'"
}
ok "what the bot refuses has failed, without another attempt" no_name
sql "SELECT oms.cancel_ticket(ticket_id, 'no name') FROM oms.ticket WHERE status = 'failed'" >/dev/null

kill -TERM "$pid"
ok "it stops when it is told to" ends 0 "$pid"

sql "CREATE ROLE nobody_yet LOGIN"
listen rights env PGUSER=nobody_yet c/act -n act-2 IRS_Bot
ok "without rights it says that it is refused" wait_until says rights "refused:.*permission denied"
no_word() { ! says rights "no connection"; }
ok "and does not call that a lost connection" no_word
kill -TERM "$pid"
ok "it stops all the same" ends 0 "$pid"
sql "DROP ROLE nobody_yet"

ok "how a stage ends and the next claim are one commit" together listen ten c/act -n ten -w 0 IRS_Bot
kill -TERM "$pid"
ok "it stops between two stages" ends 0 "$pid"

# Next to its own owner it is given one whose work it may not do.
sql "SELECT oms.set_owner('SBA_Team', members => '{}')" >/dev/null
listen other c/act -n other -w 0 IRS_Bot Nobody_Bot
not_together() {
  local ticket
  ticket=$(open_loan "$KIM")
  stage_is "$ticket" id_check "done" && sql "SELECT oms.cancel_ticket('$ticket', 'counted')" >/dev/null
}
ok "a claim that is refused keeps no stage from its end" not_together
kill -TERM "$pid"
ok "and it stops" ends 0 "$pid"

# ---- work that takes long ----

listen long c/act -n long -w 2500 -l 1 IRS_Bot
heartbeats() {
  local ticket
  ticket=$(open_loan "$KIM")
  stage_is "$ticket" id_check "done" &&
    is "queued in_progress done" "SELECT string_agg(status, ' ' ORDER BY seq) FROM oms.timeline
                                  WHERE ticket_id = '$ticket' AND stage = 'id_check'"
}
ok "heartbeats keep a lease of 1 s for 2.5 s" heartbeats

finishes() {
  local ticket
  ticket=$(open_loan "$KIM")
  stage_is "$ticket" id_check in_progress && kill -INT "$pid" && ends 0 "$pid" && stage_is "$ticket" id_check "done"
}
ok "told to stop it finishes what it has" finishes

# The next heartbeat would be in 20 minutes, and the bot would be ready in an hour.
listen busy c/act -n busy -w 3600000 -l 3600 -g 0 IRS_Bot
no_bot() { ! pgrep -P "$pid"; }
# stops_for CALL: of the function with the ticket as $1.
stops_for() {
  local ticket
  ticket=$(open_loan "$KIM")
  stage_is "$ticket" id_check in_progress && wait_until pgrep -P "$pid" &&
    sql "SELECT ${1//TICKET/$ticket}" >/dev/null &&
    wait_until says busy "$ticket id_check: stopped" && wait_until no_bot
}
ok "a ticket is cancelled: the bot stops" stops_for "oms.cancel_ticket('TICKET', 'withdrawn')"
ok "a stage is put on hold: the bot stops" stops_for "oms.hold('TICKET', 'id_check', 'police')"
ok "a whole ticket is put on hold: the bot stops" stops_for "oms.hold('TICKET', NULL, 'police')"

gives_back() {
  local ticket
  ticket=$(open_loan "$KIM")
  stage_is "$ticket" id_check in_progress && wait_until pgrep -P "$pid" && kill -TERM "$pid" && ends 0 "$pid" &&
    stage_is "$ticket" id_check queued &&
    is "the worker stops" "SELECT note FROM oms.timeline WHERE ticket_id = '$ticket' AND status = 'released'"
}
ok "told to stop it gives back what takes too long" gives_back

# ---- two at once, killed, and the server restarted ----

new_database act_c_crowd
tickets=${OMS_ACT_TICKETS:-300}
sql "SELECT count(*) FROM oms.open_tickets('DisasterLoan',
       array_fill('{\"name\": \"Kim\", \"amount\": 20000}'::jsonb, ARRAY[$tickets]))" >/dev/null
declare -A crowd
join() {
  listen "crowd_$1" c/act -n "crowd_$1" -w 5 -l 2 "${all[@]}"
  crowd[$1]=$pid
}
# From one part of the work to the next.
trouble() {
  local step=0 what
  for what in 1 2 fast 1 2 immediate 2 1 1 2; do
    step=$((step + 1))
    wait_until at_least $((tickets * 3 * step / 12)) "SELECT count(*) FROM oms.stage WHERE status = 'done'" || return
    case $what in
      1 | 2)
        kill -KILL "${crowd[$what]}"
        ends 137 "${crowd[$what]}" || return
        join "$what"
        ;;
      *) restart_server "$what" || return ;;
    esac
  done
}
join 1
join 2
ok "work goes on, whoever is killed" trouble
ok "$tickets tickets get done" soon "$tickets" "SELECT count(*) FROM oms.ticket WHERE status = 'done'"
ok "no stage is lost, none done twice" each_once
ok "both had their share" is 2 "SELECT count(DISTINCT worker) FROM oms.timeline WHERE status = 'done' AND stage <> ''"
ok "some had to be done by another, as the first was killed" \
  at_least 1 "SELECT count(*) FROM oms.timeline WHERE status = 'lease_expired'"
for pid in "${crowd[@]}"; do
  kill -TERM "$pid"
  ok "listener stops" ends 0 "$pid"
done
