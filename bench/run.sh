#!/usr/bin/env bash
# What oms costs, on a throw-away server: make bench.
#
#   bench/run.sh                   all of it, under 10 minutes
#   bench/run.sh ticket            whole tickets per second and WAL, beside the floor
#   bench/run.sh calls             time of each call, one client, beside the floor
#   bench/run.sh graph             time per stage of tickets with 50, 500 and 4,096 stages
#   bench/run.sh exchange          finishing and claiming in one commit against one commit each
#   bench/run.sh held              whole tickets beside an old snapshot
#   bench/run.sh wal               what the WAL of a ticket consists of
#   bench/run.sh goals             the ratios of the goals that README.md lists first
#   bench/run.sh sessions          200 sessions that claim from one owner against 16
#   bench/run.sh burst             whole tickets before and after 1,200,000 tickets come at once
#
# and the worker, not part of "all": see worker.md
#   bench/run.sh events            whole tickets with events off, by the worker, by the transactions
#   bench/run.sh latency           from the commit of a completion to the listener
#   bench/run.sh timers            a million timers
#   bench/run.sh metrics           scrapes with a million open tickets, see metrics.md
#   bench/run.sh waiting           send_message beside 100,000 awaiting stages and as many kept messages; dates that come
#   bench/run.sh publish           a thousand workflows, each with its entry in the journal
#   bench/run.sh import            100,000 cases that began elsewhere
#
#   SECS=10 RUNS=5 bench/run.sh    longer runs (default 5 s), more of them (default 3)
#   CLIENTS="1 4" SYNC=off bench/run.sh ticket
#
# The variants of a question take turns, run by run, so that other load on the machine falls on all.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

begin_run "server" bench/run.sh "$@"
: "${EVENT_CLIENTS:=${CLIENTS:-16 64}}"
: "${SECS:=5}" "${RUNS:=3}" "${CLIENTS:=1 4 16}" "${SYNC:=on off}"
# shellcheck source=bench/ticket.sh
. bench/ticket.sh
# shellcheck source=bench/graph.sh
. bench/graph.sh
# shellcheck source=bench/exchange.sh
. bench/exchange.sh
# shellcheck source=bench/held.sh
. bench/held.sh
# shellcheck source=bench/wal.sh
. bench/wal.sh
# shellcheck source=bench/sessions.sh
. bench/sessions.sh
# shellcheck source=bench/burst.sh
. bench/burst.sh
# shellcheck source=bench/events.sh
. bench/events.sh
# shellcheck source=bench/latency.sh
. bench/latency.sh
# shellcheck source=bench/goals.sh
. bench/goals.sh
# shellcheck source=bench/timers.sh
. bench/timers.sh
# shellcheck source=bench/metrics.sh
. bench/metrics.sh
# shellcheck source=bench/waiting.sh
. bench/waiting.sh
# shellcheck source=bench/publish.sh
. bench/publish.sh
# shellcheck source=bench/import.sh
. bench/import.sh

# Commits reach the disk here; no checkpoint falls into a run.
start_server bench 'fsync = on' 'full_page_writes = on' 'shared_buffers = 512MB' 'max_wal_size = 16GB' \
  'checkpoint_timeout = 1h' 'max_connections = 300' 'jit = off'

sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

psql -XqAt -c "SELECT 'PostgreSQL ' || current_setting('server_version')"
[ $# -gt 0 ] || set -- ticket calls graph
for what in "$@"; do
  case $what in
    ticket | calls | graph | exchange | held | wal | goals | sessions | burst | events | latency | timers | metrics | waiting | publish | import) "bench_$what" ;;
    *) die "no benchmark \"$what\": ticket, calls, graph, exchange, held, wal, goals, sessions, burst, events, latency, timers, metrics, waiting, publish or import" ;;
  esac
done
