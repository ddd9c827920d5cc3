#!/usr/bin/env bash
# Tests of what is needed to run oms, on throw-away servers: backups by pgBackRest, metrics, alerts, dashboard, runbook.
#
#   ops/test.sh                   all
#   ops/test.sh 010_pgbackrest    some of ops/t/*.pl
#
# The last line is "N passed, N failed".
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tools/lib.sh
. "$here/../tools/lib.sh"

begin_run "server tests ops" ops/test.sh "$@"
cd "$oms_top"
node_tests ops ops/t "$@"
