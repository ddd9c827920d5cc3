# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh
# Publishing many workflows: each is an entry of the journal, whose one chain lets the others wait. Sourced by run.sh.
#
# COUNT workflows (default 1,000) in one transaction; then one transaction each, by 1 and 8 clients. To compare, run it in a
# clone of another commit.

# publish_run WAY CLIENTS TRANSACTIONS-PER-CLIENT
publish_run() {
  local from to cpu start
  from=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
  cpu=$(server_cpu)
  start=$(date +%s.%N)
  pgbench -n -c "$2" -j 1 -t "$3" -f "$oms_run/publish.$1" publish >"$oms_run/publish.out" 2>&1 || { cat "$oms_run/publish.out" >&2; return 1; }
  to=$(date +%s.%N)
  sleep 0.1
  sql -F ' | ' -c "SELECT '| $1', $2, round($COUNT / ($to - $start)), round(($(server_cpu) - $cpu) / $COUNT),
    round((pg_current_wal_insert_lsn() - '$from'::pg_lsn) / $COUNT) || ' |'"
}

bench_publish() {
  local definition='{"name":"Bulk %s","stages":[{"id":"a","owner":"Desk","slaMins":30},{"id":"b","owner":"Desk","dependsOn":["a"]}]}'

  : "${COUNT:=1000}"
  sql -c 'CREATE DATABASE publish'
  sql -d publish -c 'CREATE EXTENSION oms' -c 'CREATE SEQUENCE number'
  echo "SELECT count(oms.create_workflow(format('$definition', nextval('number'))::jsonb)) FROM generate_series(1, $COUNT);" >"$oms_run/publish.together"
  echo "SELECT oms.create_workflow(format('$definition', nextval('number'))::jsonb);" >"$oms_run/publish.single"
  printf '\n| way | clients | workflows/s | CPU µs | WAL bytes |\n|---|---|---|---|---|\n'
  for _ in $(seq "$RUNS"); do
    publish_run together 1 1
    publish_run single 1 "$COUNT"
    publish_run single 8 $((COUNT / 8))
  done
}
