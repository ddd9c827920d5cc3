#!/usr/bin/env bash
# Runs the tests: make test. Each suite has its own throw-away server.
#
#   SUITE="regress tap" TESTS="about 030_seal" tools/test.sh   some suites, some tests of them
#   tools/test.sh --all                                       clients/ and ops/ as well
#
# Suites:
#   unit       test/unit/*.c           programs that print TAP; a line "with: src/engine/graph.c"
#                                      in a comment names the sources to compile in
#   regress    sql/, expected/         pg_regress
#   isolation  test/isolation/         pg_isolation_regress
#   tap        test/t/*.pl             with PostgreSQL::Test::Cluster and test/perl
#   pgtap      test/pgtap/*.sql        each in a fresh database with pgtap and oms
#   check      test/check/*.sh         house rules, and that each finds its bad sample
#   clients    clients/*/test.sh       with --all
#   ops        ops/test.sh, ops/t/*.pl with --all
#   fresh      test/fresh/run.sh       with --all: the demo on a machine that has nothing
#   cells      test/cells/*.pl         with --all: several databases behind one front
#   ha         ops/patroni/test.sh     with --all, as root: a primary is killed, and one steps down, under load
#   user       with --all, as root: regress and a test of tap as an ordinary user of an odd name would run them
#
# Every suite runs, even after a failure; tap, which waits more than it computes, beside the others of make test.
# The last line is "N passed, N failed".
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

suites=${SUITE:-}
[ -n "$suites" ] || suites="check unit regress isolation tap pgtap"
[ "${1:-}" != --all ] || suites="$suites clients ops cells fresh ha user"
only=${TESTS:-}
limit=${OMS_SUITE_SECONDS:-3000}
jobs=${OMS_JOBS:-$(nproc)}

# ---- outside ----------------------------------------------------------------

leave() {
  local status=$?
  trap '' INT TERM HUP
  if [ -n "${inside:-}" ]; then
    kill "$inside" 2>/dev/null || true
    wait "$inside" || true
  fi
  if [ -n "${oms_run:-}" ] && [ -d "$oms_run/results" ]; then
    rm -rf "$oms_top/build/results"
    mkdir -p "$oms_top/build"
    cp -R "$oms_run/results" "$oms_top/build/results"
  fi
  [ -z "${stranger:-}" ] || rm -rf "$stranger"
  if [ -z "${oms_run:-}" ] || [ ! -e "$oms_run/closed" ]; then
    printf '\n0 passed, 1 failed\n'
    [ "$status" -ne 0 ] || status=1
  fi
  forget_run
  exit "$status"
}

# run_outside SUITE SCRIPT [ARGUMENT...]: what takes root; its log is judged inside.
run_outside() {
  local suite=$1 script=$2
  shift 2
  "$oms_top/$script" "$@" >"$oms_run/$suite.log" 2>&1 &
  inside=$!
  wait "$inside" || true
}

# make test as an ordinary user of this machine runs it, in a checkout of his own. His account is only in the
# list of accounts that he and his processes see, so nothing is left of it, however this ends.
run_as_stranger() {
  local name="o'brien \"x\"" id=54321 log=$oms_run/results/user
  stranger=$(mktemp -d /tmp/oms-user.XXXXXX)
  mkdir -p "$stranger/oms/build" "$log"
  list_files | tar -C "$oms_top" -cf - --no-recursion -T - | tar -C "$stranger/oms" -xf -
  cp -a "$oms_run/tree" "$oms_run/pg" "$stranger/oms/build/"
  { cat /etc/passwd; printf '%s:x:%d:%d::%s:/bin/sh\n' "$name" "$id" "$id" "$stranger"; } >"$stranger/passwd"
  chown -R "$id:$id" "$stranger"
  # shellcheck disable=SC2016 # for the shell in there
  unshare --mount sh -c 'mount --bind "$0" /etc/passwd && cd "$1" && shift && exec "$@"' "$stranger/passwd" "$stranger/oms" \
    setpriv --reuid="$id" --regid="$id" --clear-groups env -i PATH="$PATH" LANG=C.UTF-8 HOME="$stranger" USER="$name" \
    PG_CONFIG="$PG_CONFIG" SUITE="regress tap" TESTS="$(cd "$oms_top" && basename -as .sql sql/*.sql | tr '\n' ' ') 017_not_preloaded" \
    make test >"$log/run.log" 2>&1 </dev/null &
  inside=$!
  if wait "$inside"; then : >"$log/well"; fi
  chown -R "$oms_user" "$oms_run/results"
  rm -rf "$stranger"
}

if [ -z "${OMS_RUN:-}" ]; then
  trap leave EXIT
  trap 'exit 130' INT TERM HUP
  groups=(server tests)
  case " $suites " in *" clients "*)
    for f in "$oms_top"/clients/*/test.sh; do [ ! -x "$f" ] || groups+=(clients); done ;;
  esac
  case " $suites " in *" ops "*) [ ! -x "$oms_top/ops/test.sh" ] || groups+=(ops) ;; esac
  case " $suites " in *" cells "*) groups+=(cells) ;; esac
  "$oms_top/tools/setup.sh" "${groups[@]}"
  prepare_run
  # In the background, so that a signal to us is not kept waiting. Machines take root, so they are not for inside.
  case " $suites " in *" fresh "*) FRESH_STEPS=demo run_outside fresh test/fresh/run.sh bookworm/bare ;; esac
  case " $suites " in *" ha "*) run_outside ha ops/patroni/test.sh kill switchover ;; esac
  case " $suites " in *" user "*) [ "$(id -u)" -ne 0 ] || run_as_stranger ;; esac
  run_inside tools/test.sh "$@" &
  inside=$!
  wait "$inside"
  exit
fi

# ---- inside -------------------------------------------------------------------

enter_run
results=$oms_run/results
mkdir -p "$results"
running=

quit() {
  # shellcheck disable=SC2046 # a list of ids
  kill $(jobs -p) 2>/dev/null || true
  wait
  exit 130
}
# Also in a subshell, which does not inherit them.
set_traps() {
  trap stop_servers EXIT
  trap quit INT TERM HUP
}
set_traps

# The command in the background, so that signals reach us at once. As a group of its
# own, so that nothing of it outlives the limit.
limited() {
  timeout -k 20 "$limit" "$@" &
  wait $!
}

# The longest files of tap, each a minute or two: they begin first, so that none is left alone at the end.
longest="026_year 022_standby 023_logical 020_dump 033_changes 032_metrics 011_worker_databases 030_seal 024_install"

# longest_first FILE...
longest_first() {
  local file name
  for name in $longest; do
    for file in "$@"; do case $file in */"$name".*) printf '%s\n' "$file" ;; esac done
  done
  for file in "$@"; do
    name=${file##*/}
    case " $longest " in *" ${name%.*} "*) ;; *) printf '%s\n' "$file" ;; esac
  done
}

# Files of a suite, less those that TESTS does not name. Set-up files of regress always run.
select_files() {
  local file name
  for file in "$@"; do
    [ -e "$file" ] || continue
    name=${file##*/}
    name=${name%.*}
    if [ -n "$only" ]; then
      case " $only " in
        *" $name "*) ;;
        *) case $file in sql/setup.sql | sql/*_setup.sql) ;; *) continue ;; esac ;;
      esac
    fi
    printf '%s\n' "$file"
  done
}

begin() {
  running=$1
  suite_passed=0
  suite_failed=0
  suite_start=$EPOCHREALTIME
  mkdir -p "$results/$running"
}

count() {
  suite_passed=$((suite_passed + $1))
  suite_failed=$((suite_failed + $2))
}

finish() {
  if [ $((suite_passed + suite_failed)) -eq 0 ]; then
    echo "not ok - $running has files but ran no test"
    suite_failed=1
  fi
  echo "$suite_passed $suite_failed" >"$results/$running/counts"
  printf '# %-10s %5d ok %5d not ok  %6.1f s\n' "$running" "$suite_passed" "$suite_failed" \
    "$(awk -v a="$suite_start" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')"
}

# Servers must not crash, whatever the tests expected.
look_for_crashes() {
  local found
  found=$(grep -hE 'was terminated by signal|PANIC:|TRAP:' "$@" 2>/dev/null | head -n 5) || true
  if [ -n "$found" ]; then
    printf 'not ok - the server of %s crashed:\n%s\n' "$running" "$found"
    count 0 1
  fi
}

# The server of a suite has done its work.
forget_server() {
  stop_servers
  unset PGHOST PGPORT PGUSER PGDATABASE
  cp "$oms_run/$running.log" "$results/$running/postmaster.log"
  look_for_crashes "$results/$running/postmaster.log"
}

# run_tap NAME COMMAND...: runs prove in the background; its log is the verdict.
run_tap() {
  local name=$1
  shift
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
  (
    status=0
    start=$SECONDS
    timeout -k 20 "$limit" prove --norc -v "$@" >"$results/$running/$name.log" 2>&1 || status=$?
    echo "$((SECONDS - start)) s  $name" >>"$results/$running/seconds"
    echo "$status" >"$results/$running/$name.status"
  ) &
}

# Waits for all of run_tap and counts.
judge_tap() {
  local log name status good bad
  while [ -n "$(jobs -rp)" ]; do wait -n || true; done
  for log in "$results/$running"/*.log; do
    [ -e "${log%.log}.status" ] || continue
    name=${log##*/}
    name=${name%.log}
    status=$(cat "${log%.log}.status")
    rm -f "${log%.log}.status"
    good=$(grep -cE '^(ok( [0-9]| -)|not ok\b.*# *TODO)' "$log") || true
    bad=$(grep -E '^not ok\b' "$log" | grep -cvE '# *TODO') || true
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    count "$good" "$bad"
    if [ "$bad" -gt 0 ]; then
      printf 'not ok - %s/%s\n' "$running" "$name"
      [ "$status" -ne 124 ] || echo "  stopped after $limit s"
      grep -vE '^ *ok( [0-9]| -)' "$log" | tail -n 80 | sed 's/^/  /'
    fi
  done
}

suite_unit() {
  local file name with
  mapfile -t files < <(select_files test/unit/*.c)
  [ ${#files[@]} -gt 0 ] || return 0
  begin unit
  for file in "${files[@]}"; do
    name=$(basename "$file" .c)
    read -r -a with < <(sed -nE 's/^.*\bwith: *([^*]*).*$/\1/p' "$file" | tr '\n' ' '; echo)
    if cc -std=gnu99 -g -O1 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
      -I src -I "$(PATH=${PATH#*:} "$PG_CONFIG" --includedir-server)" \
      -o "$oms_run/unit_$name" "$file" "${with[@]}" \
      -L "$oms_pgxs/.." -L "$(PATH=${PATH#*:} "$PG_CONFIG" --libdir)" -lpgcommon -lpgport -lm \
      >"$results/unit/$name.build" 2>&1; then
      run_tap "$name" --exec '' "$oms_run/unit_$name"
    else
      echo "not ok - unit/$name does not compile"
      sed 's/^/  /' "$results/unit/$name.build"
      count 0 1
    fi
  done
  judge_tap
  finish
}

# pg_regress and its isolation sister: the same switches, the same output.
run_regress() {
  local program=$1 input=$2 extension=$3 status=0 out=$results/$running name good bad
  shift 3
  for name in "$@"; do
    # Without an expected file it would end there instead of showing the result.
    [ -e "$input/expected/$name.out" ] || { mkdir -p "$input/expected" && : >"$input/expected/$name.out"; }
  done
  # Not its own server, of which the superuser is called like whoever runs the tests.
  if start_server "$running"; then
    limited "$oms_pgxs/src/test/$program" --inputdir="$input" --outputdir="$out" \
      --bindir="$oms_bin" --host="$PGHOST" --port="$PGPORT" --user="$PGUSER" \
      --encoding=UTF8 --dbname="${running}_oms" ${extension:+--load-extension="$extension"} \
      "$@" >"$out/run.log" 2>&1 || status=$?
  else
    status=1
  fi
  forget_server
  good=$(grep -cE '^(test .*\.\.\. +ok\b|ok [0-9]+ )' "$out/run.log") || true
  bad=$(grep -cE '^(test .*\.\.\. +FAILED\b|not ok [0-9]+ )' "$out/run.log") || true
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  count "$good" "$bad"
  if [ "$bad" -gt 0 ]; then
    grep -E 'FAILED|^not ok' "$out/run.log" | sed -E 's/^test /not ok - /; s/ *\.\.\. */ /' || true
    if [ -s "$out/regression.diffs" ]; then
      head -n 400 "$out/regression.diffs"
    else
      tail -n 40 "$out/run.log"
      tail -n 40 "$out/postmaster.log" 2>/dev/null || true
    fi
  fi
}

suite_regress() {
  mapfile -t files < <(select_files sql/*.sql)
  [ ${#files[@]} -gt 0 ] || return 0
  begin regress
  files=("${files[@]##*/}")
  run_regress regress/pg_regress . '' "${files[@]%.sql}"
  finish
}

suite_isolation() {
  mapfile -t files < <(select_files test/isolation/specs/*.spec)
  [ ${#files[@]} -gt 0 ] || return 0
  begin isolation
  files=("${files[@]##*/}")
  run_regress isolation/pg_isolation_regress test/isolation oms "${files[@]%.spec}"
  finish
}

suite_tap() {
  local file name
  mapfile -t files < <(select_files test/t/*.pl)
  [ ${#files[@]} -gt 0 ] || return 0
  mapfile -t files < <(longest_first "${files[@]}")
  begin tap
  export PERL5LIB=$oms_pgxs/src/test/perl:$PWD/test/perl
  export PG_REGRESS=$oms_pgxs/src/test/regress/pg_regress
  export OMS_CONF=$PWD/test/oms.conf
  init_data >"$results/tap/initdb.txt" 2>&1 || { cat "$results/tap/initdb.txt"; count 0 1; }
  export OMS_INITDB_COPY=$oms_initdb_copy
  for file in "${files[@]}"; do
    name=$(basename "$file" .pl)
    mkdir -p "$oms_run/tap/$name"
    TESTDIR=$oms_run/tap/$name TESTDATADIR=$oms_run/tap/$name/tmp_check \
      TESTLOGDIR=$results/tap/$name run_tap "$name" "$file"
  done
  judge_tap
  for name in "$oms_run"/tap/*/tmp_check/log; do
    [ ! -d "$name" ] || cp -R "$name" "$results/tap/$(basename "${name%/tmp_check/log}")"
  done
  finish
  [ ${#files[@]} -eq 1 ] || note "the longest: $(sort -rn "$results/tap/seconds" | head -n 8 | sed 's/  / /; s/$/,/' | tr '\n' ' ' | sed 's/, $//')"
}

suite_pgtap() {
  local file name
  mapfile -t files < <(select_files test/pgtap/*.sql)
  [ ${#files[@]} -gt 0 ] || return 0
  begin pgtap
  # Where extensions are made once, and nothing else; a copy of it is as one in which they were made.
  if start_server pgtap && createdb pgtap_oms && psql -Xq -d pgtap_oms -v ON_ERROR_STOP=1 \
    -c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION oms' -c 'CREATE EXTENSION oms_tap'; then
    for file in "${files[@]}"; do
      name=$(basename "$file" .sql)
      if createdb -T pgtap_oms --strategy=file_copy "$name" >"$results/pgtap/$name.log" 2>&1; then
        run_tap "$name" --exec "psql -XAqt -v ON_ERROR_STOP=1 -d $name -f" "$file"
      else
        echo "not ok - pgtap/$name: no database with pgtap, oms and oms_tap"
        sed 's/^/  /' "$results/pgtap/$name.log"
        count 0 1
      fi
    done
    judge_tap
  else
    echo "not ok - pgtap: no database with pgtap, oms and oms_tap"
    count 0 1
  fi
  forget_server
  finish
}

suite_check() {
  local file name line
  mapfile -t files < <(select_files test/check/[!_]*.sh)
  [ ${#files[@]} -gt 0 ] || return 0
  begin check
  for file in "${files[@]}"; do
    name=$(basename "$file" .sh)
    if line=$(bash "$file" . 2>&1); then
      count 1 0
    else
      count 0 1
      printf 'not ok - check/%s: %s\n' "$name" "$line" | tee "$results/check/$name.log"
    fi
    # A rule that cannot fail is none.
    [ -d "test/check/bad/$name" ] || continue
    if bash "$file" "test/check/bad/$name" >/dev/null 2>&1; then
      count 0 1
      printf 'not ok - check/%s finds nothing in its bad sample\n' "$name" | tee "$results/check/$name.log"
    else
      count 1 0
    fi
  done
  finish
}

run_script() {
  local script=$1 name status=0 log
  name=$(basename "$(dirname "$script")")
  log=$results/$running/$name.log
  limited env -C "$(dirname "$script")" "./$(basename "$script")" >"$log" 2>&1 </dev/null || status=$?
  judge_script "$script" "$log" "$status"
}

# judge_script SCRIPT LOG STATUS
judge_script() {
  local script=$1 log=$2 status=$3 line
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1) || true
  if [ -n "$line" ]; then
    set -- "${line%% *}" "$(sed -E 's/^.* passed, ([0-9]+) failed.*/\1/' <<<"$line")"
  elif [ "$status" -eq 0 ]; then
    set -- 1 0
  else
    set -- 0 1
  fi
  if [ "$status" -ne 0 ] && [ "$2" -eq 0 ]; then set -- "$1" 1; fi
  count "$1" "$2"
  if [ "$2" -gt 0 ]; then
    printf 'not ok - %s\n' "$script"
    tail -n 100 "$log" | sed 's/^/  /'
  fi
}

suite_clients() {
  local file
  mapfile -t files < <(select_files clients/*/test.sh)
  [ ${#files[@]} -gt 0 ] || return 0
  begin clients
  for file in "${files[@]}"; do if [ -x "$file" ]; then run_script "$file"; fi; done
  finish
}

# judge_outside NAME SCRIPT: of a suite that ran outside, before everything; false if it tested nothing.
judge_outside() {
  local log=$oms_run/$1.log
  if ! grep -q ' passed, ' "$log"; then
    tail -n 20 "$log"
    return 1
  fi
  begin "$1"
  cp "$log" "$results/$1/"
  judge_script "$2" "$log" 0
}
suite_fresh() {
  judge_outside fresh test/fresh/run.sh || return 0
  grep -A 1 '^machine' "$oms_run/fresh.log"
  finish
}
suite_ha() {
  judge_outside ha ops/patroni/test.sh || return 0
  grep '^# the longest' "$oms_run/ha.log" || true
  finish
}

suite_ops() {
  mapfile -t files < <(select_files ops/t/*.pl)
  [ ${#files[@]} -gt 0 ] || return 0
  begin ops
  run_script ops/test.sh
  finish
}

suite_cells() {
  mapfile -t files < <(select_files test/cells/*.pl)
  [ ${#files[@]} -gt 0 ] || return 0
  if [ ! -e "$(pg_config --pkglibdir)/plproxy.so" ]; then
    note "cells: there is no PL/Proxy for this server"
    return
  fi
  begin cells
  run_script test/cells/test.sh
  finish
}

# It has run before us; see run_as_stranger.
suite_user() {
  local status=0
  if [ ! -e "$results/user/run.log" ]; then
    note "user: root can try how others get on; you are one of them"
    return
  fi
  begin user
  [ -e "$results/user/well" ] || status=1
  judge_script "make test as an ordinary user" "$results/user/run.log" "$status"
  finish
}

# lane SUITE...: one after the other, in the background.
lane() {
  local suite
  (
    set_traps
    for suite in "$@"; do "suite_$suite"; done
  ) &
}

waits=() computes=() needs_all=() unknown=0
for suite in $suites; do
  case $suite in
    tap) waits+=("$suite") ;;
    unit | regress | isolation | pgtap | check) computes+=("$suite") ;;
    clients | ops | cells | fresh | ha | user) needs_all+=("$suite") ;;
    *) echo "not ok - there is no suite $suite"; unknown=$((unknown + 1)) ;;
  esac
done
lanes=()
lane "${waits[@]}" >"$oms_run/waits.out" 2>&1
lanes+=($!)
lane "${computes[@]}"
lanes+=($!)
for id in "${lanes[@]}"; do wait "$id" || { echo "not ok - the suites did not come to their end"; unknown=$((unknown + 1)); }; done
cat "$oms_run/waits.out"
for suite in "${needs_all[@]}"; do "suite_$suite"; done

read -r passed failed < <(cat "$results"/*/counts 2>/dev/null | awk '{ good += $1; bad += $2 } END { print good + 0, bad + 0 }')
failed=$((failed + unknown))
if [ $((passed + failed)) -eq 0 ]; then
  echo "not ok - no test ran"
  failed=1
fi

# Once more at the end, where whoever sees only the end of a log looks.
[ "$failed" -eq 0 ] || grep -rE --include='*.log' '^ *(not ok|test .* FAILED)' "$results" | grep -vE '# *TODO' | sed "s|^$results/|# |" | head -n 60 || true

: >"$oms_run/closed"
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
