#!/usr/bin/env bash
# Tests of hms-oms-sdk on a throw-away server: compiles, lints, packs, and runs test/*.test.ts.
#
#   clients/typescript/test.sh                 all
#   clients/typescript/test.sh worker pooler   some of test/*.test.ts
#
# With VERBOSE=1 it shows what they said also if they passed. OMS_SNIPPETS: see test/programs.test.ts.
# The last line is "N passed, N failed".
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tools/lib.sh
. "$here/../../tools/lib.sh"

begin_run "server pooler clients/typescript" clients/typescript/test.sh "$@"
PATH=$PATH:/usr/sbin
export npm_config_update_notifier=false
cd "$here"

client_step "is built" make_client clients/typescript || end_client_tests
[ $# -gt 0 ] || client_step "types are strict, ESLint is content" npm run -s check || true
client_step "everything public is documented" npm run -s docs || true

# Events and timers are the background worker's, so it is on.
# The second is for what needs another one.
start_server south "oms.worker = on" "max_connections = 60"
export OMS_SOUTH=$oms_run/south OMS_SOUTH_HOST=$PGHOST
start_server sdk "oms.worker = on" "max_connections = 60"
export OMS_SERVER=$oms_run/sdk OMS_SCRATCH=$oms_run

client_tests sdk "$@"
end_client_tests
