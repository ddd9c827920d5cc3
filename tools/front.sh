#!/usr/bin/env bash
# Writes src/front/20_generated.sql, the functions of a front that need no thought, from the catalogue of a cell and
# src/front/classes. Then make puts src/front/oms_front--1.0.sql together.
#
#   tools/front.sh           writes it, on a throw-away server
#   tools/front.sh --print   prints it, on the server at hand (PGHOST …), which has oms
set -eu
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

script() {
  echo 'CREATE TEMP TABLE class (class text, function text);'
  echo '\copy class FROM STDIN (DELIMITER "|")'
  sed -nE 's/^([a-z]+) +(.*)$/\1|\2/p' "$top/src/front/classes"
  echo '\.'
  cat "$top/src/front/generate.sql"
}

if [ "${1:-}" = --print ]; then
  script | psql -Xq -v ON_ERROR_STOP=1
  exit
fi
made=$(script | "$top/tools/demo.sh" --psql | sed -n '/^-----/,$p')
printf '%s\n' "$made" >"$top/src/front/20_generated.sql"
make -s -C "$top" src/front/oms_front--1.0.sql
