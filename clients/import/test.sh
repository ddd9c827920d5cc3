#!/usr/bin/env bash
# Tests of import-csv on a throw-away server: clients/import/test.sh [map run …]
#
# Runs test/*.test.js, or those that are named. With VERBOSE=1 it shows what they said also if they passed.
# The last line is "N passed, N failed".
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tools/lib.sh
. "$here/../../tools/lib.sh"

if [ -z "${OMS_RUN:-}" ]; then
  "$oms_top/tools/setup.sh" server clients/import
  trap forget_run EXIT
  trap 'exit 130' INT TERM HUP
  prepare_run
  (run_inside clients/import/test.sh "$@")
  exit
fi

enter_run
trap stop_servers EXIT
trap 'exit 130' INT TERM HUP
export NO_COLOR=1 npm_config_update_notifier=false
cd "$here"

if ! use_npm_packages clients/import >"$oms_run/import_packages.log" 2>&1; then
  cat "$oms_run/import_packages.log"
  echo "not ok - packages are installed"
  printf '\n0 passed, 1 failed\n'
  exit 1
fi
start_server import "max_connections = 30"

passed=0
failed=0
for file in test/*.test.js; do
  name=$(basename "$file" .test.js)
  case " ${*:-$name} " in *" $name "*) ;; *) continue ;; esac
  log=$oms_run/import_$name.log
  timeout -k 10 400 node --test --test-reporter=tap "$file" >"$log" 2>&1 </dev/null || true
  good=$(sed -nE 's/^# pass ([0-9]+)$/\1/p' "$log" | tail -n 1)
  bad=$(sed -nE 's/^# (fail|cancelled) ([0-9]+)$/\2/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
  # Neither result nor failure: it did not get to its end.
  if [ "${good:-0}" -eq 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  passed=$((passed + ${good:-0}))
  failed=$((failed + bad))
  printf '# %-12s %3d ok %3d not ok\n' "$name" "${good:-0}" "$bad"
  if [ -n "${VERBOSE:-}" ] || [ "$bad" -gt 0 ]; then sed 's/^/  /' "$log" | tail -n 200; fi
done
printf '\n%d passed, %d failed\n' "$passed" "$failed"
exit "$((failed > 0))"
