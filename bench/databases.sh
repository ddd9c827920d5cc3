#!/usr/bin/env bash
# Many databases on one server, most of them without oms: bench/databases.sh [DATABASES]
#
# On a throw-away server with places for ten workers: DATABASES (default 250), of which eight have oms. Prints how long it
# took after a start until each was looked at, and how many transactions the databases without oms have had by then, and by
# each of the commands after which the launcher looks around, and how often the log told to raise oms.max_databases.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

begin_run "" bench/databases.sh "$@"
start_server databases "synchronous_commit = off" "oms.worker = on" "oms.max_databases = 10" "max_worker_processes = 20" \
  "autovacuum = off" "max_wal_size = 4GB"

databases=${1:-250}
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
transactions() { sql -c "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database WHERE datname LIKE 'empty%'"; }
not_looked_at() { sql -c "SELECT count(*) FROM pg_stat_database WHERE datname LIKE 'empty%' AND xact_commit = 0"; }
workers() { sql -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'oms worker'"; }
told_to_raise() { grep -c 'Raise oms.max_databases' "$oms_run/databases.log" || true; }
# until TEXT COMMAND...: waits until a command prints that.
until_it_is() {
  local expected=$1
  shift
  for ((i = 0; i < 6000; i++)); do
    [ "$("$@")" != "$expected" ] || return 0
    sleep 0.1
  done
  die "in vain: $* is $("$@"), not $expected"
}
# What a command costs the others, until the launcher has been idle for a while: it looks around each minute.
costs() {
  local what=$1 before
  shift
  before=$(transactions)
  "$@" >/dev/null
  sleep 5
  printf '%-55s %5d transactions elsewhere, told to raise %d times\n' "$what" $(($(transactions) - before)) "$(told_to_raise)"
}

with_oms=$(seq 1 8)
for i in $with_oms; do
  sql -c "CREATE DATABASE oms_$i"
  sql -d "oms_$i" -c 'CREATE EXTENSION oms'
done
for ((i = 0; i < databases - 8; i++)); do echo "CREATE DATABASE empty_$i;"; done | sql
until_it_is 0 not_looked_at
until_it_is 8 workers
printf '%d databases, 8 of them with oms: %d transactions in the others as they were made, told to raise %d times\n' \
  "$databases" "$(transactions)" "$(told_to_raise)"

sql -c 'SELECT pg_stat_reset_shared()' >/dev/null 2>&1 || true
pg_ctl -D "$oms_run/databases" -w -s -m immediate stop
pg_ctl -D "$oms_run/databases" -l "$oms_run/databases.log" -w -s start
begun=$EPOCHREALTIME
until_it_is 0 not_looked_at
until_it_is 8 workers
printf 'start: %.1f s until all were looked at and served, %d transactions elsewhere, told to raise %d times\n' \
  "$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')" "$(transactions)" "$(told_to_raise)"

costs 'nothing for a round of the launcher' sleep 65
costs 'another extension' sql -d empty_1 -c 'DROP EXTENSION plpgsql' -c 'CREATE EXTENSION plpgsql'
costs 'a reload' sql -c 'SELECT pg_reload_conf()'
costs 'a setting of a database' sql -c 'ALTER DATABASE oms_1 SET work_mem = 5000'
costs 'a setting of the superuser' sql -c 'ALTER ROLE postgres SET work_mem = 5000'
costs 'CREATE EXTENSION oms, the ninth' sql -d empty_2 -c 'CREATE EXTENSION oms'
costs 'CREATE EXTENSION oms, the tenth' sql -d empty_3 -c 'CREATE EXTENSION oms'
until_it_is 10 workers
costs 'all places taken: a setting of the superuser' sql -c 'ALTER ROLE postgres SET work_mem = 6000'
costs 'all places taken: a new database without oms' sql -c 'CREATE DATABASE empty_new'
costs 'CREATE EXTENSION oms, the eleventh' sql -d empty_4 -c 'CREATE EXTENSION oms'
costs 'nothing for a round of the launcher' sleep 65
costs 'DROP EXTENSION oms in the tenth' sql -d empty_3 -c 'DROP EXTENSION oms CASCADE'
until_it_is 10 workers
