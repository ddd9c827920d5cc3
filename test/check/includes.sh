#!/usr/bin/env bash
# Includes point down: each room includes only the rooms named here.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

# The room of a file: its folder, and what lies in src/ itself by what it is.
room_of() {
  case $1 in
    */*) echo "${1%%/*}" ;;
    oms.h | errors.h | compat.h) echo vocabulary ;;
    oms.c) echo library ;;
    *) echo settings ;;
  esac
}
below() {
  case $1 in
    types | vocabulary) echo 'types vocabulary' ;;
    engine | settings) echo "$1 $(below types)" ;;
    shared) echo "shared $(below settings)" ;;
    store) echo "store engine $(below shared)" ;;
    worker) echo "worker $(below store)" ;;
    api) echo "api $(below worker)" ;;
    library) below api ;;
  esac
}
c_files | while IFS= read -r file; do
  path=${file#src/}
  allowed=$(below "$(room_of "$path")")
  sed -nE 's/^[ \t]*#[ \t]*include[ \t]*"([^"]+)".*/\1/p' "$file" | while IFS= read -r header; do
    # Ours is what exists in src/; the rest is the server's.
    if [ "$path" != "${path%/*}" ] && [ -e "src/${path%/*}/$header" ]; then header=${path%/*}/$header; fi
    header=$(sed -E 's|[^/]+/\.\./||; s|^\.\./||' <<<"$header")
    [ -e "src/$header" ] || continue
    case " $allowed " in *" $(room_of "$header") "*) ;; *) echo "$file includes $header;" ;; esac
  done
done | verdict 'includes point down'
