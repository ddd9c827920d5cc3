#!/usr/bin/env bash
# The traffic board on a throw-away server with a simulated agency: make board. Ends with Ctrl-C.
#
#   BOARD_PORT=8080            where it listens
#   BOARD_PICTURES=folder      takes pictures of it for the documentation (docs/images), and ends
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Said before anybody waits for the simulation.
port=${BOARD_PORT:-8080}
if [ -z "${BOARD_PICTURES:-}" ] && (exec 3<>"/dev/tcp/${BOARD_HOST:-127.0.0.1}/$port") 2>/dev/null; then
  echo "port $port is in use: BOARD_PORT=9000 make board listens elsewhere" >&2
  exit 1
fi

begin_run "server clients/typescript clients/board ${BOARD_PICTURES:+browser}" tools/board.sh "$@"
cd "$oms_top"
prepare_board
start_server agency "oms.worker = on" "password_encryption = scram-sha-256"
use_passwords "$oms_run/agency"
note "simulating an agency: some thousand tickets over the last weeks"
psql -Xq -v ON_ERROR_STOP=1 -f clients/board/demo/roles.sql -f clients/board/demo/agency.sql >/dev/null
# tracking WHAT WHERE: a line with the tracking number of the newest building permit of which that is true.
tracking() {
  psql -XAtq -v ON_ERROR_STOP=1 -c "SELECT '  ' || oms.tracking_number(t.ticket_id) || '  $1' FROM oms.ticket AS t
    WHERE t.workflow = 'BuildingPermit' AND $2 ORDER BY t.ticket_id DESC LIMIT 1"
}
stage="EXISTS (SELECT FROM oms.open_stage AS o WHERE o.ticket_id = t.ticket_id AND o.status"
cat <<EOT

Sign in as ann or bob (staff), ada (admin) or mia (monitor); the password is the name and "-demo".
Tracking numbers to try at /track:
$(tracking 'done' "t.status = 'done'")
$(tracking 'waits for the applicant' "$stage = 'on_hold' AND o.stage = 'complete')")
$(tracking 'in progress' "t.status = 'open' AND $stage = 'in_progress') AND NOT $stage = 'on_hold')")
EOT
cd clients/board
# The agency's hours are those of Washington.
export BOARD_TIMEZONE="${BOARD_TIMEZONE:-America/New_York}"
export PGUSER=oms_board PGPASSWORD=board-demo BOARD_CITIZEN_USER=oms_citizen BOARD_CITIZEN_PASSWORD=citizen-demo
if [ -n "${BOARD_PICTURES:-}" ]; then
  exec 8< <(BOARD_PORT=0 exec node dist/main.js)
  board=$!
  read -r line <&8
  waiting=$(PGUSER=postgres tracking 'waits for the applicant' "$stage = 'on_hold' AND o.stage = 'complete')")
  # shellcheck disable=SC2086 # a number and what it is
  set -- $waiting
  node --import tsx demo/pictures.ts "${line##* }" "$BOARD_PICTURES" "$1"
  exit
fi
node dist/main.js &
board=$!
wait "$board"
