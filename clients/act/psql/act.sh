#!/usr/bin/env bash
# A listener ("ACT") in psql alone: act.sh OWNER [WORKER]
#
# psql does not wake up for LISTEN, so this one waits in the server: wait_for_work returns as soon as
# there is something to claim. Where the server is comes from PGHOST, PGDATABASE, PGUSER and so on.
# SIGTERM or SIGINT: finishes the stage at hand.
set -um # with job control a Ctrl-C reaches this shell only, and SIGINT what it is sent to
owner=${1:?usage: act.sh OWNER [WORKER]}
worker=${2:-psql-$$}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
stop='' idle='' pause=1
# Up to twenty stages in one session; in the file psql sees that it is to stop.
session=()
for _ in {2..20}; do session+=(-f "$here/act.sql"); done
session+=(-c '\set last yes' -f "$here/act.sql")
ACT_STOP=$(mktemp -d)/stop
export ACT_STOP
trap 'rm -rf "${ACT_STOP%/*}"' EXIT

run_psql() { psql -XqAt -v ON_ERROR_STOP=1 -v "owner=$owner" -v "worker=$worker" "$@"; }

# Waiting is what a signal ends.
trap 'stop=1; : >"$ACT_STOP"; [ -z "$idle" ] || kill -INT -- "-$idle" 2>/dev/null' TERM INT
wait_idle() {
  idle=$!
  [ -z "$stop" ] || kill -INT -- "-$idle" 2>/dev/null
  wait "$idle"
  set -- $?
  idle=''
  return "$1"
}

while [ -z "$stop" ]; do
  run_psql -f - <<<"CALL oms.wait_for_work(:'owner', '30 seconds')" &
  if wait_idle; then
    run_psql "${session[@]}" </dev/null &
    # Interrupted by a signal it tells nothing: ask again.
    wait $! || wait $!
  fi && pause=1 && continue
  [ -z "$stop" ] || break
  echo "$worker: trying again in $pause s" >&2
  sleep "$pause" &
  wait_idle
  pause=$((pause < 30 ? pause * 2 : 30))
done
echo "$worker: stopped" >&2
