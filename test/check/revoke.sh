#!/usr/bin/env bash
# Nobody has a right on a function until it is granted.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"
# shellcheck disable=SC2016 # the $ in quotes are perl's

# A blanket REVOKE covers the functions before it.
sql_code | perl -0777 -ne '
  while (/\bCREATE\s+(?:FUNCTION|PROCEDURE)\s+(?:oms\.)?(\w+)|\bREVOKE\s[^;]*?\bON\s+(?:(ALL)\s+(?:FUNCTIONS|ROUTINES)\s+IN\s+SCHEMA\s+oms|FUNCTION\s+(?:oms\.)?(\w+))[^;]*?\bPUBLIC\b/gis) {
    if (defined $1) { $open{$1} = 1 } elsif (defined $2) { %open = () } else { delete $open{$3} }
  }
  END { print "$_;\n" for sort keys %open }' | verdict 'every function is revoked from PUBLIC'
