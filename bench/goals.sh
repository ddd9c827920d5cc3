# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh and ticket.sh
# The ratios that the goals of README.md name: whole tickets by single calls with events and listeners, over the floor without events and
# with NOTIFY; in batches of 100; and one ticket that grows to 4,096 stages. Sourced by run.sh.
#
# Synchronous commit on. The variants take turns, each in a fresh database.

goals_setup() {
  local owner said="pg_notify('oms_status', 'ticket DL-2026-00000, stage, queued, what an event tells about it')"
  build_latency
  ticket_setup
  # Each change tells of itself, and those that queue a stage once more.
  life "SELECT floor.open_ticket('$loan_data'), $said, ${said/oms_status/oms_dispatch}" "(SELECT x.*, $said FROM floor.claim('@', 'worker-7') AS x)" \
    "SELECT floor.stage_done(:ticket#, :stage#, '$loan_output', :token#), $said, ${said/oms_status/oms_dispatch}" >"$oms_run/life.notify"
  {
    echo "SELECT count(*) FROM oms.open_tickets('DisasterLoan', array_fill(jsonb '$loan_data', '{100}'));"
    for owner in $owners; do
      cat <<EOT
SELECT coalesce(jsonb_agg(jsonb_build_object('ticket', ticket, 'stage', stage, 'token', token, 'output', jsonb '$loan_output')), '[]') AS items FROM oms.claim('$owner', 'worker-7', 100) \\gset
SELECT oms.stages_done(:items);
EOT
    done
  } >"$oms_run/life.batch"
  sql -c 'CREATE TABLE goal_run (variant text, round int, tickets float8)'
}

# goal_run VARIANT ROUND SCRIPT CLIENTS LISTENERS
goal_run() {
  local side=floor dispatch=off out count
  fresh_loans
  case $3 in
    oms) side=oms dispatch=worker; with_worker run ;;
    batch) side=oms ;;
  esac
  start_listeners "$5" run
  out=$(PGOPTIONS="-c oms.dispatch=$dispatch" pgbench -n -M prepared -c "$4" -j 1 -T "$SECS" -f "$oms_run/life.$3" run 2>&1) || { echo "$out" >&2; return 1; }
  stop_listeners
  if grep -q aborted <<<"$out"; then echo "$out" >&2; return 1; fi
  count=$(tickets_of "$side")
  sql -c "INSERT INTO goal_run VALUES ('$1', $2, (${count%|*} - 500) / $SECS.0)"
}

# How long one ticket 1 → 4,094 → 1 takes from its opening on, claimed and finished in batches of 100.
grown_run() {
  fresh_loans
  sql -d run <<'SQL'
SELECT oms.create_workflow(jsonb_build_object('name', 'Grown', 'stages', jsonb_build_array(jsonb_build_object('id', 's1', 'owner', 'Bot'))
  || (SELECT jsonb_agg(jsonb_build_object('id', 's' || i, 'owner', 'Bot', 'dependsOn', '["s1"]'::jsonb) ORDER BY i) FROM generate_series(2, 4095) AS i)
  || jsonb_build_array(jsonb_build_object('id', 's4096', 'owner', 'Bot', 'dependsOn', (SELECT jsonb_agg('s' || i ORDER BY i) FROM generate_series(2, 4095) AS i))))) \g /dev/null
SET oms.dispatch = off;
SELECT oms.open_ticket('Grown') \g /dev/null
CREATE PROCEDURE grow() LANGUAGE plpgsql AS $$
DECLARE items jsonb; BEGIN
  LOOP
    SELECT jsonb_agg(jsonb_build_object('ticket', c.ticket, 'stage', c.stage, 'token', c.token)) INTO items FROM oms.claim('Bot', 'worker-7', 100) AS c;
    EXIT WHEN items IS NULL;
    COMMIT;
    PERFORM oms.stages_done(items);
    COMMIT;
  END LOOP;
END $$;
CALL grow();
SELECT oms.open_ticket('Grown') \g /dev/null
SELECT clock_timestamp() AS began \gset
CALL grow();
SELECT round(extract(epoch FROM clock_timestamp() - :'began')::numeric, 2);
SQL
}

bench_goals() {
  local round grown=()
  goals_setup
  for round in $(seq "$RUNS"); do
    goal_run 'floor' "$round" floor 16 0
    goal_run 'oms, events, 1 listener' "$round" oms 16 1
    goal_run 'floor with NOTIFY, 1 listener' "$round" notify 16 1
    goal_run 'oms, events, 100 listeners' "$round" oms 16 100
    goal_run 'floor with NOTIFY, 100 listeners' "$round" notify 16 100
    goal_run 'floor, 4 clients' "$round" floor 4 0
    goal_run 'oms, batches of 100, 4 clients' "$round" batch 4 0
    grown+=("$(grown_run)")
  done
  [ "$(sql -d run -c 'SELECT count(*) FROM oms.check()')" = 0 ] || die "oms.check() found something"
  printf '\n| variant | tickets/s | range | over | median | range |\n|---|---|---|---|---|---|\n'
  sql -F ' | ' <<'SQL'
WITH over (place, variant, floor) AS (VALUES (1, 'floor', NULL), (2, 'oms, events, 1 listener', 'floor'), (3, 'floor with NOTIFY, 1 listener', NULL),
  (4, 'oms, events, 1 listener', 'floor with NOTIFY, 1 listener'), (5, 'floor with NOTIFY, 100 listeners', NULL),
  (6, 'oms, events, 100 listeners', 'floor with NOTIFY, 100 listeners'), (7, 'floor, 4 clients', NULL), (8, 'oms, batches of 100, 4 clients', 'floor, 4 clients'))
SELECT '| ' || o.variant, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY r.tickets)), round(min(r.tickets)) || '–' || round(max(r.tickets)), coalesce(o.floor, ''),
  coalesce(to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY r.tickets / f.tickets), 'FM990.00'), ''),
  coalesce(to_char(min(r.tickets / f.tickets), 'FM990.00') || '–' || to_char(max(r.tickets / f.tickets), 'FM990.00'), '') || ' |'
FROM over AS o JOIN goal_run AS r USING (variant) LEFT JOIN goal_run AS f ON f.variant = o.floor AND f.round = r.round
GROUP BY o.place, o.variant, o.floor ORDER BY o.place;
SQL
  printf '\none ticket 1 → 4,094 → 1 in batches of 100: %s s\n' "${grown[*]}"
}
