#!/usr/bin/env bash
# Includes point down: each room includes only the rooms named here, and the vocabulary.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

vocabulary='oms.h errors.h compat.h'
may_include() {
  case $1 in
    engine) echo "engine $vocabulary" ;;
    types) echo "types $vocabulary" ;;
    store) echo "store engine types guc.h clock.h worker/bell.h worker/failures.h worker/meter.h $vocabulary" ;;
    api) echo "api store engine types guc.h clock.h worker $vocabulary" ;;
    worker) echo "worker store engine types guc.h clock.h $vocabulary" ;;
    *) echo "types guc.h clock.h worker/bell.h $vocabulary${2:+ $2}" ;;
  esac
}
c_files | while IFS= read -r file; do
  path=${file#src/}
  room=${path%%/*}
  [ "$path" != "$room" ] || room=.
  # _PG_init calls every room that has something to set up.
  case $path in oms.c) allowed="worker store engine $(may_include .)" ;; oms.h) allowed='types' ;; *) allowed=$(may_include "$room") ;; esac
  sed -nE 's/^[ \t]*#[ \t]*include[ \t]*"([^"]+)".*/\1/p' "$file" | while IFS= read -r header; do
    # Ours is what exists in src/; the rest is the server's.
    if [ "$room" != . ] && [ -e "src/$room/$header" ]; then header=$room/$header; fi
    header=$(sed -E 's|[^/]+/\.\./||; s|^\.\./||' <<<"$header")
    [ -e "src/$header" ] || continue
    case " $allowed " in *" $header "* | *" ${header%%/*} "*) ;; *) echo "$file includes $header;" ;; esac
  done
done | verdict 'includes point down'
