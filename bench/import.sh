# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh
# Bringing in cases that began elsewhere: ROWS (default 100,000) of them, 10,000 to a call, all calls in one statement. How
# long it takes, and how much memory the session needs. Sourced by run.sh.

import_setup() {
  sql -c 'CREATE DATABASE import'
  sql -d import -c 'CREATE EXTENSION oms' -c "
    CREATE FUNCTION mb(what text) RETURNS int LANGUAGE sql VOLATILE
      RETURN (regexp_match(pg_read_file('/proc/self/status'), what || E':\\\\s+(\\\\d+)'))[1]::int / 1024" -c "
    SELECT oms.create_calendar('office', jsonb_build_object('timezone', 'America/New_York',
      'hours', (SELECT jsonb_object_agg(d, '[\"09:00-17:00\"]'::jsonb) FROM unnest('{mon,tue,wed,thu,fri}'::text[]) AS d)))" -c "
    SELECT oms.create_workflow('{\"name\": \"Permit\", \"calendar\": \"office\", \"slaDays\": 90, \"stages\": [
      {\"id\": \"complete\", \"owner\": \"Desk\", \"slaDays\": 15}, {\"id\": \"zoning\", \"owner\": \"Zoning\", \"slaDays\": 30, \"dependsOn\": [\"complete\"]},
      {\"id\": \"fire\", \"owner\": \"Fire\", \"slaDays\": 30, \"dependsOn\": [\"complete\"], \"when\": \"\$.units >= 3\"},
      {\"id\": \"issue\", \"owner\": \"Desk\", \"slaDays\": 2, \"dependsOn\": [\"zoning\", \"fire\"]}]}')" -c "
    CREATE TABLE given AS SELECT jsonb_agg(jsonb_build_object('key', 'case ' || n, 'reference', '2025/' || n, 'applicant', 'p' || n % 30000,
      'opened_at', d, 'data', jsonb_build_object('units', n % 5, 'name', 'Kim', 'address', n || ' Elm Street', 'text', repeat('x', 100)),
      'stages', jsonb_build_object('complete', jsonb_build_object('finished_at', d + 7, 'worker', 'meg'),
        'zoning', jsonb_build_object('finished_at', d + 20, 'worker', 'zoe', 'output', jsonb_build_object('ok', true)))
        || CASE WHEN n % 5 >= 3 THEN jsonb_build_object('fire', jsonb_build_object('finished_at', d + 21, 'worker', 'eva')) ELSE '{}' END
        || CASE WHEN n % 4 > 0 THEN jsonb_build_object('issue', jsonb_build_object('finished_at', d + 23, 'worker', 'meg')) ELSE '{}' END,
      'notes', jsonb_build_array(jsonb_build_object('at', d + 8, 'body', 'called')))) AS rows
    FROM (SELECT n, date '2025-01-06' + n % 300 AS d FROM generate_series(1, $ROWS) AS n) AS c GROUP BY (n - 1) / 10000" -c 'VACUUM ANALYZE' -c CHECKPOINT >/dev/null
}

# import_run NAME DRY_RUN: in a session of its own
import_run() {
  sql -d import -F ' | ' <<SQL
SELECT clock_timestamp() AS began \gset
SELECT count(*) AS lines, count(i.problem) AS problems FROM given, oms.import_tickets('Permit', rows, $2) AS i \gset
SELECT '| $1', :'lines', :'problems', round(extract(epoch FROM clock_timestamp() - :'began')::numeric, 1), mb('VmHWM'), mb('RssShmem'),
  pg_database_size('import') / 1048576 || ' |';
SQL
}

bench_import() {
  : "${ROWS:=100000}"
  import_setup
  printf '\n| one statement | rows | problems | s | most memory MB | of it shared buffers | database MB |\n|---|---|---|---|---|---|---|\n'
  import_run 'dry run' true
  import_run import false
  import_run 'the same again' false
}
