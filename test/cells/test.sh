#!/usr/bin/env bash
# Tests of several databases behind one, on throw-away servers.
#
#   test/cells/test.sh          all
#   test/cells/test.sh front    some of test/cells/*.pl
#
# The last line is "N passed, N failed".
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tools/lib.sh
. "$here/../../tools/lib.sh"

begin_run "server tests cells" test/cells/test.sh "$@"
cd "$oms_top"
node_tests cells test/cells "$@"
