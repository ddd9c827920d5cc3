#!/usr/bin/env bash
# Tests of what is needed to run oms, on throw-away servers: backups by pgBackRest, metrics, alerts, dashboard, runbook.
#
#   ops/test.sh                   all
#   ops/test.sh 010_pgbackrest    some of ops/t/*.pl
#
# The last line is "N passed, N failed".
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tools/lib.sh
. "$here/../tools/lib.sh"

begin_run "server tests ops" ops/test.sh "$@"
cd "$oms_top"
export PERL5LIB=$oms_pgxs/src/test/perl:$PWD/test/perl
export PG_REGRESS=$oms_pgxs/src/test/regress/pg_regress
export OMS_CONF=$PWD/test/oms.conf

passed=0
failed=0
for file in ops/t/*.pl; do
  name=$(basename "$file" .pl)
  case " ${*:-${TESTS:-$name}} " in *" $name "*) ;; *) continue ;; esac
  mkdir -p "$oms_run/ops/$name" "$oms_run/results/ops/$name"
  log=$oms_run/results/ops/$name.log
  status=0
  TESTDIR=$oms_run/ops/$name TESTDATADIR=$oms_run/ops/$name/tmp_check TESTLOGDIR=$oms_run/results/ops/$name \
    timeout -k 20 600 prove --norc -v "$file" >"$log" 2>&1 </dev/null || status=$?
  good=$(grep -cE '^ok [0-9]' "$log") || true
  bad=$(grep -cE '^not ok [0-9]' "$log") || true
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  passed=$((passed + good))
  failed=$((failed + bad))
  printf '# %-16s %3d ok %3d not ok\n' "$name" "$good" "$bad"
  if [ "$bad" -gt 0 ]; then
    grep -vE '^ok [0-9]' "$log" | tail -n 80 | sed 's/^/  /'
    if [ -e "$oms_run/results/ops/$name/regress_log_$name" ]; then
      tail -n 20 "$oms_run/results/ops/$name/regress_log_$name" | cut -c1-300 | sed 's/^/  | /'
    fi
  fi
done
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
