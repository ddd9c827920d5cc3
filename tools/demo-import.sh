#!/usr/bin/env bash
# A spreadsheet of 200 permits, with the faults that real ones have, becomes tickets: make demo-import
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

begin_run "server clients/import" tools/demo-import.sh "$@"
make_client clients/import >"$oms_run/import_npm.log" 2>&1 || { cat "$oms_run/import_npm.log" >&2; exit 1; }
start_server import
psql -Xq -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION oms' -f clients/import/demo/permits.sql >/dev/null
cd clients/import

# Wrong lines are what is shown: they end the command with 1.
show() {
  printf '\n$ tools/import-csv %s\n\n' "$*"
  node dist/import-csv.js "$@" || [ $? -eq 1 ]
}
echo 'The spreadsheet:'
head -n 4 demo/permits.csv | cut -c 1-110
show demo/permits.json demo/permits.csv
show --import --skip-bad --batch 50 demo/permits.json demo/permits.csv
show --import --skip-bad --quiet demo/permits.json demo/permits.csv >/dev/null
printf '\nThey are tickets now, also after it ran twice:\n\n'
psql -Xq <<'SQL'
SELECT t.status, count(*), min(t.opened_at)::date AS first, max(t.opened_at)::date AS last
FROM oms.ticket AS t GROUP BY t.status ORDER BY t.status;
SELECT s.stage, s.finished, s.met, s.breached, s.p90 FROM oms.sla_report(NULL, NULL, 'Building permit') AS s WHERE s.stage IS NOT NULL;
SELECT count(*) AS findings_of_check FROM oms.check();
SQL
