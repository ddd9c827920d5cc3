#!/usr/bin/env bash
# A short tour on a throw-away server: make demo. It never waits for a key.
#
#   TOUR=clocks tools/demo.sh    one of tools/tour, or several, or "all"
#   tools/demo.sh --psql         psql on such a server
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tours="loan late clocks worker access evidence operation"
chosen=${TOUR:-loan}
[ "$chosen" != all ] || chosen=$tours
for tour in $chosen; do [ -e "$oms_top/tools/tour/$tour.sql" ] || die "no tour $tour; there are: $tours, all"; done

export TOUR="$chosen"
begin_run "server" tools/demo.sh "$@"
start_server demo

psql -Xq -c 'CREATE EXTENSION oms'
if [ "${1:-}" = --psql ]; then
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
# play TOUR
play() {
  psql -X -v ON_ERROR_STOP=1 <"tools/tour/$1.sql" 2>&1 | sed -u -E \
    -e "s/^(== .*)/$bold\1$plain/" \
    -e "s/^Asynchronous notification \"(.*)\" with payload \"(.*)\" received from .*/$green  >> \1\n  \2$plain\n/"
}
# The others go on with what the loan left.
case " $chosen " in *" loan "*) ;; *) play loan >/dev/null ;; esac
for tour in $chosen; do play "$tour"; done
cat <<EOT

More: make demo TOUR=all, or one of: $tours. "make psql" opens psql on a server like this one;
README.md tells the rest.
EOT
