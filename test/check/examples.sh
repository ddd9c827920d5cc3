#!/usr/bin/env bash
# What the sources and documents give as an example of TESTS="…" are tests that are there, in the suites that SUITE
# names. What TESTS means to the clients they say themselves.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

folder() {
  case $1 in
    regress) echo sql ;;
    isolation) echo test/isolation/specs ;;
    tap) echo test/t ;;
    *) echo "test/$1" ;;
  esac
}

grep -rnoE --include=Makefile --include='*.md' --include='*.sh' --exclude-dir={.git,build,node_modules,check,clients} \
  '(SUITE=("[^"$]*"|[a-z]+) )?TESTS="[^"$]+"' . | sed 's/^\.\///' | sort -u |
  while IFS=: read -r file line example; do
    suites=$(sed -nE 's/^SUITE="?([^"]*)"? TESTS=.*/\1/p' <<<"$example")
    for name in $(sed -E 's/.*TESTS="(.*)"/\1/' <<<"$example"); do
      found=
      for suite in ${suites:-regress isolation tap pgtap unit check}; do
        if compgen -G "$(folder "$suite")/$name.*" >/dev/null; then found=yes; fi
      done
      [ -n "$found" ] || echo "$file:$line: there is no test $name${suites:+ in $suites};"
    done
  done | verdict 'the tests that examples name are there'
