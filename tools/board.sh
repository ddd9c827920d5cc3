#!/usr/bin/env bash
# The traffic board on a throw-away server with a simulated agency: make board. Ends with Ctrl-C.
#
#   BOARD_PORT=8080            where it listens
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [ -z "${OMS_RUN:-}" ]; then
  "$oms_top/tools/setup.sh" server clients
  trap forget_run EXIT
  trap 'exit 130' INT TERM HUP
  prepare_run
  (run_inside tools/board.sh "$@")
  exit
fi

enter_run
cd "$oms_top"
board=
leave() {
  [ -z "$board" ] || kill "$board" 2>/dev/null || true
  stop_servers
}
trap leave EXIT
trap 'exit 130' INT TERM HUP
use_npm_packages clients/board >"$oms_run/board_npm.log" 2>&1 || { cat "$oms_run/board_npm.log" >&2; exit 1; }
start_server board "oms.worker = on" "password_encryption = scram-sha-256"
use_passwords "$oms_run/board"
note "simulating an agency: some thousand tickets over the last weeks"
psql -Xq -v ON_ERROR_STOP=1 -f clients/board/demo/roles.sql -f clients/board/demo/agency.sql >/dev/null
cat <<EOT

Sign in as ann or bob (staff), ada (admin) or mia (monitor); the password is the name and "-demo".
EOT
cd clients/board
PGUSER=oms_board PGPASSWORD=board-demo BOARD_CITIZEN_USER=oms_citizen BOARD_CITIZEN_PASSWORD=citizen-demo \
  node --import tsx src/main.ts &
board=$!
wait "$board"
