#!/usr/bin/env bash
# Takes the last results of regress and isolation as expected: make accept, after
# make test. TESTS="about seal" takes only these. Read the diff before you commit it.
set -eu
cd "$(dirname "$0")/.."

take() {
  local from=$1 to=$2 file name
  for file in "$from"/*.out; do
    [ -e "$file" ] || continue
    name=$(basename "$file" .out)
    case " ${TESTS:-$name} " in *" $name "*) ;; *) continue ;; esac
    if ! cmp -s "$file" "$to/$name.out"; then
      mkdir -p "$to"
      cp "$file" "$to/$name.out"
      echo "$to/$name.out"
    fi
  done
}
take build/results/regress/results expected
take build/results/isolation/results test/isolation/expected
