#!/usr/bin/env bash
# A short tour on a throw-away server: make demo. With --psql: psql on such a server.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [ -z "${OMS_RUN:-}" ]; then
  "$oms_top/tools/setup.sh" server
  trap forget_run EXIT
  trap 'exit 130' INT TERM HUP
  prepare_run
  (run_inside tools/demo.sh "$@")
  exit
fi

enter_run
trap stop_servers EXIT
trap 'exit 130' INT TERM HUP
start_server demo

if [ "${1:-}" = --psql ]; then
  psql -Xq -c 'CREATE EXTENSION oms'
  psql
  exit
fi

make -s verify-proof
cat <<EOT

oms $(sed -n "s/^default_version *= *'\(.*\)'/\1/p" oms.control), workflow and ticket hub, on $(postgres --version)
This is a throw-away server on a private socket; it is gone when the tour ends.

EOT

# What psql says of a notification does not fit into a line: its channel, and beneath it the payload.
bold='' green='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' green=$'\e[32m' plain=$'\e[0m'; fi
set -o pipefail
psql -X -v ON_ERROR_STOP=1 <tools/demo.sql 2>&1 | sed -u -E \
  -e "s/^(== .*)/$bold\1$plain/" \
  -e "s/^Asynchronous notification \"(.*)\" with payload \"(.*)\" received from .*/$green  >> \1\n  \2$plain\n/"
