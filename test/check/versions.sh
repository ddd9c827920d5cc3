#!/usr/bin/env bash
# Differences between server versions are handled in one file.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

c_code | grep -E 'PG_VERSION_NUM|PG_MAJORVERSION' | grep -v '^src/compat\.h:' |
  verdict 'PG_VERSION_NUM only in src/compat.h'
