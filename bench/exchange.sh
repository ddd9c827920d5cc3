# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh and ticket.sh
# Finishing and claiming in one commit against one commit each, for 1, 20 and 100 stages at a time. Sourced by run.sh.
#
# A run has a fresh copy of a database in which 30,000 tickets wait for their first stage, which EXCHANGERS clients claim and
# finish. Synchronous commit on, events off. What is counted are the stages that ended as done.
: "${EXCHANGERS:=16}"

exchange_setup() {
  local qty
  ticket_setup
  sql -c 'CREATE DATABASE waiting TEMPLATE loans' -c "CREATE TABLE IF NOT EXISTS exchange_run (way text, qty int, stages float8, wal float8, cpu float8)"
  sql -d waiting -c "SELECT count(*) FROM generate_series(1, 3) AS n, oms.open_tickets('DisasterLoan', array_fill('$loan_data'::jsonb || jsonb_build_object('n', n), '{10000}'))" -c 'VACUUM ANALYZE' >/dev/null
  for qty in 1 20 100; do
    cat >"$oms_run/separate.$qty" <<EOT
SELECT coalesce(jsonb_agg(jsonb_build_object('ticket', ticket, 'stage', stage, 'token', token, 'output', jsonb '$loan_output')), '[]') AS items FROM oms.claim('IRS_Bot', 'worker-7', $qty) \\gset
SELECT oms.stages_done(:items);
EOT
    cat >"$oms_run/exchange.$qty" <<EOT
SELECT coalesce(jsonb_agg(jsonb_build_object('ticket', ticket, 'stage', stage, 'token', token, 'output', jsonb '$loan_output')), '[]') AS items FROM oms.exchange('IRS_Bot', 'worker-7', :items, $qty) \\gset
EOT
  done
  # One stage at a time is finished by the call for one.
  cat >"$oms_run/separate.1" <<EOT
SELECT ticket, stage, token FROM oms.claim('IRS_Bot', 'worker-7') \\gset
SELECT oms.stage_done(:ticket, :stage, '$loan_output', :token);
EOT
}

# exchange_run WAY QTY
exchange_run() {
  local from to cpu stages out
  sql -c 'DROP DATABASE IF EXISTS run' -c 'CREATE DATABASE run TEMPLATE waiting' -c CHECKPOINT 2>/dev/null
  sleep 0.1
  cpu=$(server_cpu)
  from=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
  out=$(PGOPTIONS='-c oms.dispatch=off' pgbench -n -M prepared -D "items=[]" -c "$EXCHANGERS" -j 1 -T "$SECS" -f "$oms_run/$1.$2" run 2>&1) ||
    { echo "$out" >&2; return 1; }
  if grep -q aborted <<<"$out"; then echo "$out" >&2; return 1; fi
  to=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
  sleep 0.1
  cpu=$(awk "BEGIN {print $(server_cpu) - $cpu}")
  stages=$(sql -d run -c "SELECT count(*) FROM oms.stage_state WHERE status = 'd' AND owner = 'IRS_Bot' AND ticket_id IN (SELECT ticket_id FROM oms.ticket_state WHERE status = 'o')")
  sql -c "INSERT INTO exchange_run VALUES ('$1', $2, $stages / $SECS.0, ('$to'::pg_lsn - '$from') / $stages.0, $cpu / $stages.0)"
}

bench_exchange() {
  local run qty way
  exchange_setup
  for run in $(seq "$RUNS"); do for qty in 1 20 100; do
    for way in $([ $((run % 2)) = 1 ] && echo separate exchange || echo exchange separate); do exchange_run "$way" "$qty"; done
  done; done
  [ "$(sql -d run -c 'SELECT count(*) FROM oms.verify_timeline()')" = 0 ] || die "oms.verify_timeline() found something"
  cat <<'EOT'

| stages a call | way | stages/s | range | to one by one | range | CPU µs/stage | WAL bytes/stage |
|---|---|---|---|---|---|---|---|
EOT
  sql -F ' | ' <<'EOT'
WITH r AS (SELECT *, row_number() OVER (PARTITION BY way, qty ORDER BY ctid) AS round FROM exchange_run),
q AS (SELECT r.*, r.stages / f.stages AS ratio FROM r JOIN r f USING (round) WHERE f.way = 'separate' AND f.qty = 1)
SELECT '| ' || qty, CASE way WHEN 'separate' THEN 'claim, then done' ELSE 'exchange' END,
  to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY stages), 'FM999,990'), to_char(min(stages), 'FM999,990') || '–' || to_char(max(stages), 'FM999,990'),
  to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio), 'FM0.00'), to_char(min(ratio), 'FM0.00') || '–' || to_char(max(ratio), 'FM0.00'),
  to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu), 'FM999,990'), to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY wal), 'FM999,990') || ' |'
FROM q GROUP BY qty, way ORDER BY qty, way DESC;
EOT
}
