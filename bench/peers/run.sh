#!/usr/bin/env bash
# The same four-stage work on oms and on other queues in PostgreSQL, side by side: make bench-peers.
#
#   bench/peers/run.sh
#   REQUESTS=200 RUNS=1 CLIENTS=4 bench/peers/run.sh    smaller: requests one by one, rounds, clients
#
# Prints a table, and draws it: build/peers.svg.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lib.sh"

begin_run "server bench/peers" bench/peers/run.sh "$@"
use_npm_packages bench/peers
start_server peers "synchronous_commit = on" "fsync = on" "shared_buffers = 512MB" "max_wal_size = 4GB" "max_connections = 200" "oms.worker = on"
for database in oms pg_boss graphile_worker dbos; do psql -Xqc "CREATE DATABASE $database"; done
SVG=$oms_run/../peers.svg node bench/peers/peers.mjs
note "the same as a picture: build/peers.svg"
