#!/usr/bin/env bash
# Settings are defined in one file, in order of their names, and docs/reference/settings.md names each.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

names=$(c_code | grep '^src/guc\.c:' | cut -d: -f3- | tr -d '\n' |
  grep -oE 'DefineCustom[A-Za-z]+Variable\([^"]*"oms\.[a-z_]+"' | sed -E 's/.*"(.*)"/\1/')
{
  c_code | grep 'DefineCustom[A-Za-z]*Variable' | grep -v '^src/guc\.c:'
  [ "$names" = "$(LC_ALL=C sort <<<"$names")" ] || echo 'src/guc.c is not sorted;'
  for name in $names; do
    grep -qsF "\`$name\`" docs/reference/settings.md || echo "docs/reference/settings.md does not name $name;"
  done
} | verdict 'settings are in src/guc.c, sorted and documented'
