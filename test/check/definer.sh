#!/usr/bin/env bash
# A function with the rights of its owner must not find the objects of its caller.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"
# shellcheck disable=SC2016 # the $ in quotes are perl's

sql_code | perl -0777 -ne '
  while (/\bCREATE\s+FUNCTION\s+([\w.]+)[^;]*?;/gis) {
    my ($text, $name) = ($&, $1);
    print "$name;\n" if $text =~ /SECURITY\s+DEFINER/i
      && $text !~ /SET\s+search_path\s*(=|TO)\s*pg_catalog\s*,\s*pg_temp\b(?!\s*,)/i;
  }' | verdict 'SECURITY DEFINER has SET search_path = pg_catalog, pg_temp'
