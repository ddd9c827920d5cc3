#!/usr/bin/env bash
# Tests of import-csv on a throw-away server: clients/import/test.sh [map run …]
#
# Runs test/*.test.ts, or those that are named. With VERBOSE=1 it shows what they said also if they passed.
# The last line is "N passed, N failed".
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lib.sh"

test_client import "$@"
