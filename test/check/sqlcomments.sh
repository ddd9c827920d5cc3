#!/usr/bin/env bash
# Every function of the extension says what it does.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

names() {
  sql_code | perl -0777 -ne "print lc(\$1), qq(\\n) while /\\b$1\\s+FUNCTION\\s+(?:oms\\.)?(\\w+)\\s*\\(/gi" | sort
}
comm -23 <(names CREATE) <(names 'COMMENT\s+ON') | sed 's/$/;/' |
  verdict 'every function has a COMMENT ON FUNCTION'
