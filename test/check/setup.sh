#!/usr/bin/env bash
# tools/setup.sh sees what is only half there: a pg_config without a server, a compiler without headers, Perl without
# modules, Node.js that is too old. What it says as an ordinary user is compared, with made-up programs first on the path.
set -eu
cd "$1"
[ "$(id -u)" -ne 0 ] || exit 0
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
mkdir "$here/bin" "$here/empty"
unset PG_CONFIG

# program NAME: a made-up one, from stdin.
program() {
  { echo '#!/bin/sh'; cat; } >"$here/bin/$1"
  chmod +x "$here/bin/$1"
}
# pg_config VERSION BINDIR: as packages of clients bring it, whose files nobody has.
pg_config() {
  program pg_config <<SCRIPT
case \$1 in
  --version) echo "PostgreSQL $1.1" ;;
  --bindir) echo "$2" ;;
  --cc) echo gcc ;;
  --pgxs) echo "$here/empty/pgxs.mk" ;;
  *) echo "$here/empty" ;;
esac
SCRIPT
}
# says STATUS REGEX GROUP...
says() {
  local status=0 output wanted=$1 regex=$2
  shift 2
  output=$(PATH=$here/bin:$PATH PG_CONFIG=$here/bin/pg_config tools/setup.sh "$@" 2>&1) || status=$?
  if [ "$status" -ne "$wanted" ] || ! grep -qE "$regex" <<<"$output"; then
    printf 'setup.sh %s ends with %s:\n%s\nand not with %s and %s\n' "$*" "$status" "$output" "$wanted" "$regex"
    exit 1
  fi
}

program apt-get </dev/null
program apt-cache </dev/null
touch "$here/empty/pgxs.mk"
pg_config 99 /usr/lib/postgresql/99/bin
says 1 '^  sudo apt-get install --no-install-recommends postgresql-99 postgresql-server-dev-99$' server
says 0 'install .*postgresql-99-cron postgresql-99-pgtap postgresql-99-plpgsql-check' tests

# A server that no package brings.
pg_config 16 "$here/empty"
says 1 "  the programs of the server in $here/empty" server
says 1 "  the headers of the server in $here/empty" server
says 0 '  pgtap$' tests
says 0 "  contrib's pg_trgm$" tests
pg_config 14 "$here/empty"
says 1 '  PostgreSQL 15 or later' server

echo 'cat >/dev/null; exit 1' | program gcc
says 1 'install .*gcc libc6-dev' server
echo 'exit 1' | program perl
says 0 'install .*libipc-run-perl perl' tests

# shellcheck disable=SC2016 # for the program
echo 'case $1 in --version) echo v12.1.0 ;; *) exit 1 ;; esac' | program node
says 1 '  Node.js 18.18 or later \(the one at hand is v12.1.0\)' clients/board
says 0 '  Node.js 18.18 or later' clients

# The Makefile asks for headers, too.
output=$(make -n PG_CONFIG="$here/bin/pg_config" install 2>&1) || true
grep -q "knows no postgres.h" <<<"$output" || { printf 'make install without headers: %s\n' "$output"; exit 1; }
