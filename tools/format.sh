#!/usr/bin/env bash
# Formats the C sources in place: make format. FILES="src/oms.c" for some of them.
set -eu
cd "$(dirname "$0")/.."
for tool in clang-format-14 clang-format; do
  if command -v "$tool" >/dev/null; then
    # shellcheck disable=SC2086 # a list
    exec "$tool" -i ${FILES:-$(find src test/unit -name '*.[ch]' 2>/dev/null)}
  fi
done
echo "format.sh: clang-format is missing (package clang-format-14)" >&2
exit 1
