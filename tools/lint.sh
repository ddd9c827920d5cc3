#!/usr/bin/env bash
# Static checks of C and shell: make lint. Without the server's headers, so that it
# takes no time; the compiler with -Wall -Wextra -Werror sees the rest.
set -eu
cd "$(dirname "$0")/.."
status=0
if command -v cppcheck >/dev/null; then
  cppcheck --quiet --error-exitcode=1 --std=c99 --enable=warning,performance \
    -DPG_VERSION_NUM=150000 -DERROR=21 '-Dereport(level,...)=if ((level) == ERROR) abort()' \
    '-Delog(level,...)=if ((level) == ERROR) abort()' --inline-suppr --suppress=unknownMacro --suppress=missingInclude --suppress=normalCheckLevelMaxBranches \
    src 2>&1 || status=1
else
  echo "lint.sh: cppcheck is missing, C is not checked" >&2
fi
if command -v shellcheck >/dev/null; then
  find tools test clients ops bench .ci -name node_modules -prune -o \
    \( -name '*.sh' -o -path .ci/run \) -type f -print0 2>/dev/null |
    xargs -0 -r shellcheck -x -P SCRIPTDIR -P . || status=1
else
  echo "lint.sh: shellcheck is missing, shell scripts are not checked" >&2
fi
exit "$status"
