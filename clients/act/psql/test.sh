# shellcheck shell=bash
# Tests of act.sh and act.sql; to be sourced by ../test.sh.

new_database act_psql
bots=()
for owner in IRS_Bot RiskAI Treasury_Bot; do
  listen "$owner" psql/act.sh "$owner" "O'Neil \"$owner\" \\:x"
  bots+=("$pid")
done
ok "a loan runs to its end" loan

# Everything that could end a literal, an identifier or a command of psql.
nasty=$(cat <<'JSON'
{"name": "''; SELECT 1/0 \\ \" :token :''token'' :\"token\" $$ `id` \n", "amount": 30000}
JSON
)
quoting() {
  local ticket
  ticket=$(open_loan "$nasty") &&
    soon "done" "SELECT status FROM oms.ticket WHERE ticket_id = '$ticket'"
}
ok "whatever is in the data stays data" quoting

fails() {
  local ticket
  ticket=$(open_loan '{"amount": 1}')
  stage_is "$ticket" id_check failed && sql "SELECT oms.cancel_ticket('$ticket', 'no name')" >/dev/null
}
ok "what the bot refuses has failed" fails

back_again() {
  restart_server immediate && loan
}
ok "the server is restarted, and they come back" back_again

sql "SELECT count(*) FROM oms.open_tickets('DisasterLoan', array_fill('{\"name\": \"Kim\", \"amount\": 1}'::jsonb, ARRAY[10]))" >/dev/null
listen second psql/act.sh IRS_Bot second
bots+=("$pid")
ok "two of the same owner, ten tickets" \
  soon 10 "SELECT count(*) FROM oms.ticket WHERE status = 'done' AND data ->> 'amount' = '1'"
for pid in "${bots[@]}"; do
  kill -TERM "$pid"
  ok "it stops when it is told to" ends 0 "$pid"
done
ok "no stage is lost, none done twice" each_once

ok "how a stage ends and the next claim are one commit" together listen ten psql/act.sh IRS_Bot ten
kill -TERM "$pid"
ok "it stops between two stages" ends 0 "$pid"
