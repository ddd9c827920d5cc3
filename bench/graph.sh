# shellcheck shell=bash disable=SC2015
# One ticket of n stages, 1 → n-2 → 1: what a stage costs as the graph grows. Sourced by run.sh.

graph_sizes='50 500 4096'

bench_graph() {
  local run n
  sql -c 'DROP DATABASE IF EXISTS graphs' -c 'CREATE DATABASE graphs' 2>/dev/null
  sql -d graphs -c 'CREATE EXTENSION oms' -c "ALTER DATABASE graphs SET synchronous_commit = off" \
    -c "ALTER DATABASE graphs SET oms.dispatch = off"
  sql -d graphs <<'EOT'
CREATE TABLE graph_run (n int, way text, us float8, wal float8, first_us float8, last_us float8);

CREATE FUNCTION definition(n int) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('name', 'Graph' || n, 'stages',
    jsonb_build_array(jsonb_build_object('id', 's1', 'owner', 'Bot1'))
    || (SELECT jsonb_agg(jsonb_build_object('id', 's' || i, 'owner', 'Bot' || i % 10, 'dependsOn', '["s1"]'::jsonb) ORDER BY i)
        FROM generate_series(2, n - 1) i)
    || jsonb_build_array(jsonb_build_object('id', 's' || n, 'owner', 'Bot1', 'dependsOn',
         (SELECT jsonb_agg('s' || i ORDER BY i) FROM generate_series(2, n - 1) i))))
$$;

-- Finishes the stages one by one, a transaction each; as many tickets as make about 4,000 stages.
CREATE PROCEDURE one_by_one(n int, tickets int) LANGUAGE plpgsql AS $$
DECLARE
  t oms.ticket_id;
  t0 timestamptz;
  t1 timestamptz;
  total float8 := 0;
  first float8 := 0;
  last float8 := 0;
  lsn pg_lsn;
BEGIN
  lsn := pg_current_wal_insert_lsn();
  FOR k IN 1..tickets LOOP
    t0 := clock_timestamp();
    t := oms.open_ticket('Graph' || n);
    COMMIT;
    FOR i IN 1..n LOOP
      t1 := clock_timestamp();
      PERFORM oms.stage_done(t, 's' || i);
      COMMIT;
      IF i = 1 THEN first := first + extract(epoch FROM clock_timestamp() - t1); END IF;
      IF i = n THEN last := last + extract(epoch FROM clock_timestamp() - t1); END IF;
    END LOOP;
    total := total + extract(epoch FROM clock_timestamp() - t0);
    IF (SELECT status FROM oms.ticket WHERE ticket_id = t) <> 'done' THEN RAISE 'ticket % is not done', t; END IF;
  END LOOP;
  INSERT INTO graph_run VALUES (n, 'one by one', total * 1e6 / (n * tickets), (pg_current_wal_insert_lsn() - lsn) / (n * tickets),
    first * 1e6 / tickets, last * 1e6 / tickets);
  COMMIT;
END $$;

-- All stages of a ticket in one call of stages_done.
CREATE PROCEDURE at_once(n int, tickets int) LANGUAGE plpgsql AS $$
DECLARE
  t oms.ticket_id;
  items jsonb;
  t0 timestamptz;
  total float8 := 0;
  lsn pg_lsn;
BEGIN
  lsn := pg_current_wal_insert_lsn();
  FOR k IN 1..tickets LOOP
    t0 := clock_timestamp();
    t := oms.open_ticket('Graph' || n);
    COMMIT;
    total := total + extract(epoch FROM clock_timestamp() - t0);
    items := (SELECT jsonb_agg(jsonb_build_object('ticket', t::text, 'stage', 's' || i) ORDER BY i) FROM generate_series(1, n) i);
    t0 := clock_timestamp();
    PERFORM oms.stages_done(items);
    COMMIT;
    total := total + extract(epoch FROM clock_timestamp() - t0);
    IF (SELECT status FROM oms.ticket WHERE ticket_id = t) <> 'done' THEN RAISE 'ticket % is not done', t; END IF;
  END LOOP;
  INSERT INTO graph_run VALUES (n, 'in one call', total * 1e6 / (n * tickets), (pg_current_wal_insert_lsn() - lsn) / (n * tickets));
  COMMIT;
END $$;
EOT
  for n in $graph_sizes; do
    sql -d graphs -c "SELECT oms.create_workflow(definition($n))" >/dev/null
  done
  for run in $(seq "$RUNS"); do
    for n in $([ $((run % 2)) = 1 ] && echo "$graph_sizes" || echo "$graph_sizes" | tr ' ' '\n' | tac); do
      # The first ticket of the session compiles the graph; it is not counted. No page images from a checkpoint.
      sql -d graphs -c "SELECT oms.open_ticket('Graph$n')" -c "CALL one_by_one($n, greatest(1, 4096 / $n))" \
        -c "CALL at_once($n, greatest(1, 4096 / $n))" >/dev/null
    done
  done
  cat <<'EOT'

| way | stages | µs/stage | range | to 50 stages | first stage µs | last stage µs | WAL bytes/stage |
|---|---|---|---|---|---|---|---|
EOT
  sql -d graphs -F ' | ' <<'EOT'
WITH m AS (SELECT way, n, percentile_cont(0.5) WITHIN GROUP (ORDER BY us) AS med, min(us) AS lo, max(us) AS hi,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY first_us) AS first, percentile_cont(0.5) WITHIN GROUP (ORDER BY last_us) AS last,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY wal) AS wal FROM graph_run GROUP BY 1, 2)
SELECT '| ' || way, n, round(med), round(lo) || '–' || round(hi),
  to_char(med / first_value(med) OVER (PARTITION BY way ORDER BY n), 'FM990.00'),
  coalesce(to_char(first, 'FM999,990'), ''), coalesce(to_char(last, 'FM999,990'), ''), to_char(wal, 'FM999,990') || ' |'
FROM m ORDER BY way DESC, n;
EOT
}
