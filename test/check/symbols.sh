#!/usr/bin/env bash
# What the library exports carries its name, so that it meets nobody else in the server.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

find . -maxdepth 1 \( -name oms.so -o -name oms.o \) -exec nm --defined-only --extern-only {} + 2>/dev/null |
  awk 'NF == 3 { print $3 }' | grep -vE '^(oms_|pg_finfo_oms_|_PG_init$|Pg_magic_func$|_init$|_fini$)' |
  sort -u | sed 's/$/;/' | verdict 'exported symbols begin with oms_'
