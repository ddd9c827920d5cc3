#!/usr/bin/env bash
# Failover under load: make test-ha.
#
#   ops/patroni/test.sh                    all faults, with the board and clients/act, about five minutes
#   ops/patroni/test.sh kill switchover    some of them
#
# It takes root, for networks of its own; without it nothing is tested, and the first line says so.
# The last line is "N passed, N failed".
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

if [ "${1:-}" = inside ]; then
  shift
  # shellcheck source=tools/lib.sh
  . "$here/../../tools/lib.sh"
  enter_run
  cd "$oms_top"
  log=$oms_run/ha_npm.log
  {
    use_npm_packages clients/typescript && npm --prefix clients/typescript run -s build
    if [ -n "${WITH_CLIENTS:-}" ]; then
      build_board && use_npm_packages clients/act/typescript && npm --prefix clients/act/typescript run -s build
    fi
  } >"$log" 2>&1 || { cat "$log"; exit 1; }
  # Programs of ops/ find the SDK as those of anybody else do.
  mkdir -p ops/patroni/node_modules
  ln -s "$oms_top/clients/typescript" ops/patroni/node_modules/hms-oms-sdk
  ln -s "$oms_top/clients/typescript/node_modules/pg" ops/patroni/node_modules/pg
  exec node ops/patroni/failover.mjs "$@"
fi

skip() {
  echo "# failover is not tested: $*"
  exit 0
}
[ "$(id -u)" -eq 0 ] || skip "it takes root, for the networks of its hosts"
"$here/../../tools/setup.sh" ha
unshare --mount --net --pid --fork sh -c 'ip link add one type bridge && ip link add two type veth peer name three' 2>/dev/null ||
  skip "this machine gives no networks to its hosts"
groups=clients/typescript
if [ $# -eq 0 ]; then
  groups="$groups clients/act/typescript clients/board"
  export WITH_CLIENTS=1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
CLUSTER_GROUPS=$groups "$here/cluster.sh" bash ops/patroni/test.sh inside "$@" 2>&1 | tee "$log" || true
passed=$(grep -c '^ok ' "$log") || true
failed=$(grep -c '^not ok ' "$log") || true
# It did not get to its end.
grep -q '^1\.\.' "$log" || failed=$((failed + 1))
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
