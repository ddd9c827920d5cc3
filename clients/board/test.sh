#!/usr/bin/env bash
# Tests of the board in headless Chromium on a throw-away server: compiles, lints, and runs test/*.test.ts.
#
#   clients/board/test.sh                 all
#   clients/board/test.sh board signin    some of test/*.test.ts
#
# With VERBOSE=1 it shows what they said also if they passed. OMS_ONLY=pattern: those whose names match it.
# OMS_SCREENSHOTS=folder: pictures of the pages go there.
# The last line is "N passed, N failed".
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tools/lib.sh
. "$here/../../tools/lib.sh"

begin_run "server browser clients/typescript clients/board" clients/board/test.sh "$@"
PATH=$PATH:/usr/sbin
export npm_config_update_notifier=false
cd "$here"

client_step "is built" build_board || end_client_tests
[ $# -gt 0 ] || client_step "types are strict, ESLint is content" npm run -s check || true
[ -x /usr/bin/chromium ] || { echo "not ok - there is no Chromium"; client_failed=1; end_client_tests; }

# The same that make board shows, once through with a browser.
[ $# -gt 0 ] || client_step "the simulated agency has something to show" env BOARD_PICTURES="$oms_run/pictures" bash ../../tools/board.sh || true

# Events are the background worker's, so it is on.
start_server board "oms.worker = on" "max_connections = 100" "password_encryption = scram-sha-256"
use_passwords "$oms_run/board"
psql -Xq -v ON_ERROR_STOP=1 -f demo/roles.sql >/dev/null
export OMS_SERVER=$oms_run/board

client_tests board "$@"
end_client_tests
