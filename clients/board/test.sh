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
# Waits for a scarce machine belong to the tests, not to colours or updates.
export npm_config_update_notifier=false NO_COLOR=1
cd "$here"

passed=0
failed=0
# step NAME COMMAND...: one test that is a command.
step() {
  local name=$1 log
  shift
  log=$oms_run/${name// /_}.log
  if "$@" >"$log" 2>&1; then
    echo "ok - $name"
    passed=$((passed + 1))
  else
    echo "not ok - $name"
    sed 's/^/  /' "$log"
    failed=$((failed + 1))
    return 1
  fi
}

finish() {
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  exit "$((failed > 0))"
}

step "is built" build_board || finish
[ $# -gt 0 ] || step "types are strict, ESLint is content" npm run -s check || true
[ -x /usr/bin/chromium ] || { echo "not ok - there is no Chromium"; failed=1; finish; }

# The same that make board shows, once through with a browser.
[ $# -gt 0 ] || step "the simulated agency has something to show" env BOARD_PICTURES="$oms_run/pictures" bash ../../tools/board.sh || true

# Events are the background worker's, so it is on.
start_server board "oms.worker = on" "max_connections = 100" "password_encryption = scram-sha-256"
use_passwords "$oms_run/board"
psql -Xq -v ON_ERROR_STOP=1 -f demo/roles.sql >/dev/null
export OMS_SERVER=$oms_run/board

# One after the other: some restart the server.
for file in test/*.test.ts; do
  name=$(basename "$file" .test.ts)
  case " ${*:-$name} " in *" $name "*) ;; *) continue ;; esac
  log=$oms_run/board_$name.log
  start=$EPOCHREALTIME
  timeout -k 10 900 node --import tsx --test ${OMS_ONLY:+--test-name-pattern="$OMS_ONLY"} --test-reporter=tap "$file" >"$log" 2>&1 </dev/null || true
  good=$(sed -nE 's/^# pass ([0-9]+)$/\1/p' "$log" | tail -n 1)
  bad=$(sed -nE 's/^# (fail|cancelled) ([0-9]+)$/\2/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
  # Neither result nor failure: it did not get to its end.
  if [ "${good:-0}" -eq 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  passed=$((passed + ${good:-0}))
  failed=$((failed + bad))
  printf '# %-12s %3d ok %3d not ok  %5.1f s\n' "$name" "${good:-0}" "$bad" \
    "$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')"
  grep -E '# SKIP' "$log" || true
  # What takes long is worth a look.
  grep -A2 -E '^(not )?ok ' "$log" | awk '/^(not )?ok / { name = $0 } /duration_ms/ && $2 > 5000 { printf "  %.1f s: %s\n", $2 / 1000, name }'
  if [ -n "${VERBOSE:-}" ] || [ "$bad" -gt 0 ]; then sed 's/^/  /' "$log" | tail -n 150; fi
done
finish
