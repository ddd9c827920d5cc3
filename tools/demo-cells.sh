#!/usr/bin/env bash
# Two cells and a front: make demo-cells. A loan runs through the front; one cell is stopped, and comes back.
#
#   tools/demo-cells.sh --psql    psql at such a front, and at a cell by \c "$NORTH"
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

begin_run "server cells" tools/demo-cells.sh "$@"
cd "$oms_top"

serve north && export NORTH=$connection
serve south && export SOUTH=$connection
serve front && export FRONT=$connection
export PGDATABASE=front

cat >"$oms_run/cells.conf" <<EOT
cell  {[1,1000000]}        $NORTH
cell  {[1000001,2000000]}  $SOUTH
front $FRONT
EOT
cat >"$oms_run/setup.sql" <<'EOT'
SELECT oms.create_workflow('{"name": "DisasterLoan", "stages": [
  {"id": "id_check", "owner": "IRS", "slaMins": 5}, {"id": "risk_ai", "owner": "RiskModel", "slaMins": 2},
  {"id": "underwrite", "owner": "SBA", "slaMins": 240, "dependsOn": ["id_check", "risk_ai"], "minAmount": 50000},
  {"id": "fund", "owner": "Treasury", "dependsOn": ["underwrite"]}]}');
EOT
tools/cells apply "$oms_run/cells.conf" "$oms_run/setup.sql"
if [ "${1:-}" = --psql ]; then
  psql -X
  exit
fi

say() { printf '\n== %s\n' "$*"; }
# show SQL...: as somebody types it, with what is answered.
show() {
  local line
  for line in "$@"; do
    printf '%s\n' "front=> $line"
    psql -Xq -P footer=off -c "$line" 2>&1 || true
  done
}

say "Two cells, north and south, and a front; ticket numbers tell the cell"
show 'SELECT c.name, r.first_number, r.last_number FROM oms.cell AS c JOIN oms.cell_range AS r ON r.cell = c.number'
say "Four loans, opened at the front: their keys choose the cell"
show "SELECT i AS application, oms.open_ticket('DisasterLoan', '{\"amount\": 80000}', 'application ' || i) AS ticket FROM generate_series(1, 4) AS i"
north=$(psql -XAtq -d "$NORTH" -c 'SELECT min(ticket_id) FROM oms.ticket')
south=$(psql -XAtq -d "$SOUTH" -c 'SELECT min(ticket_id) FROM oms.ticket')
say "One of the south runs through"
show "SELECT oms.stage_done('$south', 'id_check', '{\"match\": true}')" "SELECT oms.stage_done('$south', 'risk_ai', '{\"score\": 712}')" \
  "SELECT oms.stage_done('$south', 'underwrite')" "SELECT oms.stage_done('$south', 'fund')" \
  "SELECT status, stage FROM oms.get_timeline('$south'::text) WHERE status IN ('opened', 'done', 'closed')"
say "Agents claim from all cells"
show "SELECT ticket, stage, token FROM oms.claim('IRS', 'irs-1', 10)"
say "An error is that of the cell"
show "SELECT oms.stage_done('$north', 'no such stage')"
say "The north is stopped: its tickets fail with its name, all else goes on"
pg_ctl -D "$oms_run/north" -m fast -w -s stop
show "SELECT oms.next_stages('$north')" "SELECT oms.next_stages('$north')" "SELECT count(*) FROM oms.get_timeline('$south'::text)" \
  "SELECT ticket, stage, token FROM oms.claim('RiskModel', 'risk-1', 10)"
say "It comes back"
pg_ctl -D "$oms_run/north" -l "$oms_run/north.log" -w -s start
show "SELECT oms.stage_done('$north', 'risk_ai')" "SELECT ticket, stage FROM oms.my_work('SBA')" \
  'SELECT workflow, stage, finished, open FROM oms.sla_report(NULL, NULL)'
say "Both are whole"
show 'SELECT count(*) AS problems FROM oms.check()'
