#!/usr/bin/env bash
# Settings are defined in one file, in order of their names, and README.md names each.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

names=$(c_code | grep '^src/guc\.c:' | cut -d: -f3- | tr -d '\n' |
  grep -oE 'DefineCustom[A-Za-z]+Variable\([^"]*"oms\.[a-z_]+"' | sed -E 's/.*"(.*)"/\1/')
{
  c_code | grep 'DefineCustom[A-Za-z]*Variable' | grep -v '^src/guc\.c:'
  [ "$names" = "$(LC_ALL=C sort <<<"$names")" ] || echo 'src/guc.c is not sorted;'
  for name in $names; do
    cat README.md docs/*.md 2>/dev/null | grep -qF "$name" || echo "README.md does not name $name;"
  done
} | verdict 'settings are in src/guc.c, sorted and documented'
