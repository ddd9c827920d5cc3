#!/usr/bin/env bash
# Programs for Node.js are TypeScript with strict types, built to dist/ and run from there: tsx is for tests and making
# pictures. Their package.json names the version of Node.js that setup.sh asks for. JavaScript stands only where nothing
# compiles it: in the pages and the thread of the board, and in settings of tools.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

node=$(sed -nE 's/.*Node\.js ([0-9.]+) or later.*/\1/p' tools/setup.sh 2>/dev/null | head -n 1)
{
  find clients \( -name node_modules -o -name dist -o -name docs -o -path clients/board/public -o -path clients/board/browser \) -prune -o \
    -name '*.[cm]js' -print -o -name '*.js' ! -name eslint.config.js ! -path clients/board/build.js ! -path clients/board/src/layout_worker.js -print 2>/dev/null |
    sed 's/$/ is not TypeScript;/'
  while IFS= read -r file; do
    dir=${file%/*}
    grep -q '"check": "tsc && eslint \."' "$file" || echo "$file: npm run check is not tsc and eslint;"
    grep -qF "\"node\": \">=$node\"" "$file" || echo "$file: its engines are not Node.js $node;"
    grep -q '"build": ' "$file" || echo "$file: no npm run build;"
    grep -q '"strict": true' "$dir/tsconfig.json" 2>/dev/null || echo "$dir: its types are not strict;"
    sed -n '/"scripts"/,/}/s/^ *"\(.*\)": .*tsx.*/\1/p' "$file" | sed "s|.*|$file: & runs by tsx;|"
  done < <(find clients -name node_modules -prune -o -name package.json -print 2>/dev/null | sort)
} | verdict 'clients are TypeScript, and run as JavaScript that was built'
