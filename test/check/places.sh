#!/usr/bin/env bash
# The files name no place of one machine and no package registry.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

{
  git ls-files 2>/dev/null || true
  find . \( -name .git -o -name node_modules -o -name build \) -prune -o -type f -printf '%P\n'
} | sort -u | grep -vE '^test/check/bad/|\.(png|ico|woff2?|o|so)$' | tr '\n' '\0' |
  xargs -0 -r grep -HnIE '(^|[^A-Za-z0-9._/-])/(home|root|work|Users)/[A-Za-z0-9]|(registry|deb|security|snapshot|ftp|proxy|files)[.]([a-z]+[.])*(npmjs|debian|pythonhosted|golang)[.](org|com)|pypi[.]org' 2>/dev/null |
  cut -c1-160 | verdict 'no machine path and no registry host'
