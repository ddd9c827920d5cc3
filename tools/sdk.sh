#!/usr/bin/env bash
# Makes the package of the SDK and says how to install it: make sdk.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

sdk=$oms_top/clients/typescript
"$oms_top/tools/setup.sh" clients/typescript
mkdir -p "$oms_top/build"
file=$(cd "$sdk" && umask 022 && npm pack --silent --pack-destination "$oms_top/build" | tail -n 1)
[ -s "$oms_top/build/$file" ] || die "npm pack made no package"
if [ "$(id -u)" -eq 0 ]; then chown -R --reference="$sdk" "$sdk/dist" "$sdk/docs" "$oms_top/build/$file"; fi
printf '%s\n' "build/$file is ready. In your project:" "" "  npm install $oms_top/build/$file"
