#!/usr/bin/env bash
# The install script means the same whatever standard_conforming_strings is: a backslash stands in E'…' only.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

[ ! -e oms--1.0.sql ] || perl -0777 -pe 's/^\\echo [^\n]*$//m; s/\bE\x27(?:[^\x27\\]|\\.|\x27\x27)*\x27//gs' oms--1.0.sql |
  grep -n '\\' | verdict "no backslash outside of E'…' in oms--1.0.sql"
