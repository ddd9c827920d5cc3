# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh
# Messages and dates. Sourced by run.sh.
#
# send_message while KEPT stages await one each and as many messages are kept that nobody awaits, by WRITERS clients;
# then DUE_RATE dates (startAt) a second for DUE_SECS s: how long after its moment a stage was queued.

# Each message that is sent has a key of its own, and finds its stage as long as there are any.
waiting_setup() {
  sql -c 'CREATE EXTENSION IF NOT EXISTS oms' -c 'CREATE DATABASE waits'
  sql -d waits -c 'CREATE EXTENSION oms' \
    -c "SELECT oms.create_workflow('{\"name\":\"Pay\",\"prefix\":\"PAY\",\"stages\":[{\"id\":\"paid\",\"waitFor\":{\"message\":\"payment\",\"key\":\"$.k\"}}]}'),
      oms.create_workflow('{\"name\":\"Date\",\"prefix\":\"DAT\",\"stages\":[{\"id\":\"held\",\"owner\":\"Desk\",\"startAt\":\"$.at\"}]}')" >/dev/null
  PGOPTIONS='-c oms.dispatch=off -c synchronous_commit=off' sql -d waits -c "DO \$\$BEGIN
    FOR i IN 1..$KEPT / 1000 LOOP
      PERFORM oms.open_tickets('Pay', ARRAY(SELECT jsonb_build_object('k', 'K' || n) FROM generate_series((i - 1) * 1000 + 1, i * 1000) AS n));
      PERFORM oms.send_message('payment', 'nobody ' || n) FROM generate_series((i - 1) * 1000 + 1, i * 1000) AS n;
      COMMIT;
    END LOOP; END\$\$" -c 'CREATE SEQUENCE next_key' -c 'VACUUM ANALYZE' -c CHECKPOINT
  echo "SELECT oms.send_message('payment', 'K' || nextval('next_key'));" >"$oms_run/send.sql"
}

# waiting_send CLIENTS
waiting_send() {
  rm -f "$oms_run"/sent.*
  (cd "$oms_run" && PGOPTIONS='-c oms.dispatch=off' pgbench -n -M prepared -c "$1" -j 1 -T "$SECS" -l --log-prefix=sent -f send.sql waits >sent.out 2>&1) ||
    { cat "$oms_run/sent.out" >&2; return 1; }
  cat "$oms_run"/sent.[0-9]* | awk '{print $3 / 1000}' | sort -n |
    awk -v clients="$1" '{v[NR] = $1} END {printf "| %d | %d | %.2f | %.2f | %.1f |\n", clients, NR, v[int(NR * 0.5) + 1], v[int(NR * 0.99) + 1], v[NR]}'
}

waiting_dates() {
  local begin
  await_worker waits
  begin=$(sql -c "SELECT date_trunc('second', now()) + interval '15 s'")
  PGOPTIONS='-c oms.dispatch=off -c synchronous_commit=off' sql -d waits -c "SELECT count(*) FROM oms.open_tickets('Date', ARRAY(
    SELECT jsonb_build_object('at', timestamptz '$begin' + n * interval '1 s' / $DUE_RATE) FROM generate_series(0, $DUE_RATE * $DUE_SECS - 1) AS n))" >/dev/null
  sleep "$(sql -c "SELECT extract(epoch FROM timestamptz '$begin' + interval '$DUE_SECS s' - clock_timestamp()) + 2")"
  sql -d waits -F ' | ' -c "SELECT '| ' || $DUE_RATE, count(*), round(percentile_cont(0.5) WITHIN GROUP (ORDER BY late)::numeric, 2),
    round(percentile_cont(0.99) WITHIN GROUP (ORDER BY late)::numeric, 2), round(max(late)::numeric, 1) || ' |'
    FROM (SELECT extract(epoch FROM e.at - s.queued_at) * 1000 AS late FROM oms.timeline AS e JOIN oms.stage AS s USING (ticket_id, stage)
      WHERE e.stage = 'held' AND e.status = 'queued') AS q"
}

bench_waiting() {
  local clients
  : "${KEPT:=100000}"
  waiting_setup
  printf '\nsend_message, %s stages await one and %s messages are kept, ms\n\n| clients | sent | p50 | p99 | max |\n|---|---|---|---|---|\n' "$KEPT" "$KEPT"
  for clients in ${WRITERS:-1 8}; do waiting_send "$clients"; done
  printf '\ndates that come, ms late\n\n| a second | queued | p50 | p99 | max |\n|---|---|---|---|---|\n'
  waiting_dates
}
