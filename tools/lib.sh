# shellcheck shell=bash
# Common part of test.sh and demo.sh: a private installation of the server and
# throw-away servers on it. To be sourced.
#
# PostgreSQL's programs find their files relative to themselves. So a copy of the
# server under build/pg, with oms installed into it, is a whole installation:
# nothing of the system is touched, and no rights are needed.
#
#   build/tree         copy of the sources, built there (the checkout stays clean)
#   build/pg           the server's files and oms
#   build/run.XXXXXX   one run: a snapshot of both, its data, sockets and logs
#   build/results      logs and results of the last run, for reading
#
# Servers refuse root, so root runs them as user postgres (or $OMS_USER). If that
# user cannot reach the checkout, a folder under /tmp takes the place of build.

oms_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# Whoever names a server gets that one.
oms_server_given=${PG_CONFIG:+1}

note() { printf '# %s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# ---- outside: choose a server ---------------------------------------------

# Of the server that a pg_config speaks of: a pg_config alone, and even a pgxs.mk, come with packages of clients.
server_major() { "$1" --version 2>/dev/null | sed -nE 's/^[^0-9]*([0-9]+).*/\1/p'; }
has_server() { [ -x "$("$1" --bindir 2>/dev/null)/postgres" ]; }
has_headers() { [ -e "$("$1" --includedir-server 2>/dev/null)/postgres.h" ] && [ -e "$("$1" --pgxs)" ]; }

# Sets PG_CONFIG, unless it is given: the one on the path if there is a whole server of 15 or later behind it, else
# that of Debian's latest such server, else of one without headers, else the one on the path as it is.
choose_server() {
  local candidate bare=
  [ -z "$oms_server_given" ] || return 0
  while read -r candidate; do
    if [ "$(server_major "$candidate" || true)" -ge 15 ] 2>/dev/null && has_server "$candidate"; then
      PG_CONFIG=$candidate
      if has_headers "$candidate"; then return 0; fi
      : "${bare:=$candidate}"
    fi
  done < <(command -v pg_config; printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -Vr)
  PG_CONFIG=${bare:-pg_config}
}

# ---- outside: prepare a run -----------------------------------------------

# Runs a command as the user of the servers.
as_user() {
  if [ "$(id -u)" -eq 0 ]; then
    runuser -u "$oms_user" -- "$@"
  else
    "$@"
  fi
}

choose_build() {
  oms_build=$oms_top/build
  oms_build_is_temporary=
  if [ "$(id -u)" -eq 0 ]; then
    oms_user=${OMS_USER:-postgres}
    id "$oms_user" >/dev/null 2>&1 || oms_user=nobody
    mkdir -p "$oms_build"
    if as_user test -x "$oms_build" && as_user test -r "$oms_build"; then
      chown "$oms_user" "$oms_build"
    else
      oms_build=$(mktemp -d /tmp/oms-build.XXXXXX)
      oms_build_is_temporary=1
      chown "$oms_user" "$oms_build"
      chmod 755 "$oms_build"
    fi
  else
    oms_user=$(id -un)
    mkdir -p "$oms_build"
    [ -w "$oms_build" ] || die "cannot write to $oms_build (of another user?): remove it first"
  fi
}

# Names of the files that belong to the project: tracked, or new and not ignored.
list_files() {
  if git -c safe.directory='*' -C "$oms_top" rev-parse --git-dir >/dev/null 2>&1; then
    git -c safe.directory='*' -c core.quotepath=off -C "$oms_top" \
      ls-files --cached --others --exclude-standard
  else
    (cd "$oms_top" && find . \( -name .git -o -name node_modules -o -path ./build -o -path ./stamped \) -prune \
      -o -type f ! -name '*.o' ! -name '*.so' -printf '%P\n')
  fi | sort -u | while IFS= read -r file; do
    if [ -e "$oms_top/$file" ] || [ -L "$oms_top/$file" ]; then printf '%s\n' "$file"; fi
  done
}

# Brings build/tree up to date. tar keeps the times, so make sees what changed, and
# replaces files instead of writing into them, so snapshots keep theirs.
sync_tree() {
  local tree=$oms_build/tree list
  list=$(mktemp)
  list_files >"$list"
  mkdir -p "$tree"
  (cd "$tree" && find . -path ./stamped -prune -o -type f ! -name '*.o' ! -name '*.so' ! -name .server -printf '%P\n') |
    sort | comm -23 - "$list" | while IFS= read -r file; do rm -f "$tree/$file"; done
  (cd "$tree" && find src -name '*.o' 2>/dev/null) |
    while IFS= read -r file; do
      # The library was linked with it.
      [ -e "$tree/${file%.o}.c" ] || rm -f "$tree/$file" "$tree/oms.so"
    done
  tar -C "$oms_top" -cf - --no-recursion -T "$list" | tar -C "$tree" -xf - --no-same-owner
  rm -f "$list"
  if [ "$(id -u)" -eq 0 ]; then chown -R "$oms_user" "$tree"; fi
}

# Copies the server's programs and files below build/pg, at the paths they have.
copy_server() {
  local pg=$oms_build/pg bindir libdir sharedir
  bindir=$("$PG_CONFIG" --bindir)
  libdir=$("$PG_CONFIG" --pkglibdir)
  sharedir=$("$PG_CONFIG" --sharedir)
  rm -rf "$pg"
  mkdir -p "$pg$bindir" "$pg$libdir" "$pg$sharedir"
  # By name: in some systems the folder is /usr/bin.
  (cd "$bindir" && find . -maxdepth 1 \( -name 'pg*' -o -name 'postgres' -o -name 'postmaster' \
    -o -name initdb -o -name psql -o -name 'create*' -o -name 'drop*' -o -name vacuumdb \
    -o -name reindexdb -o -name clusterdb -o -name vacuumlo -o -name oid2name \) -print0 |
    tar -cf - --null -T -) | tar -C "$pg$bindir" -xf - --no-same-owner
  tar -C "$libdir" -cf - --exclude=./bitcode . | tar -C "$pg$libdir" -xf - --no-same-owner
  tar -C "$sharedir" -cf - . | tar -C "$pg$sharedir" -xf - --no-same-owner
  if [ "$(id -u)" -eq 0 ]; then chown -R "$oms_user" "$pg"; fi
}

build_and_install() {
  local tree=$oms_build/tree log=$oms_build/make.log server
  server="$("$PG_CONFIG" --version) $("$PG_CONFIG" --pkglibdir) $(stat -c %Y "$("$PG_CONFIG" --bindir)/postgres" "$("$PG_CONFIG" --pkglibdir)" | paste -sd " ")"
  if [ ! -d "$oms_build/pg" ] || [ "$(cat "$tree/.server" 2>/dev/null)" != "$server" ]; then
    note "copying the server ($("$PG_CONFIG" --version)) to ${oms_build#"$oms_top"/}/pg"
    find "$tree" \( -name '*.o' -o -name '*.so' \) -delete
    copy_server
    printf '%s\n' "$server" >"$tree/.server"
  fi
  [ -e "$tree/oms.so" ] || note "compiling oms"
  # Settings of an outer make must not reach this one.
  if ! (cd "$tree" && umask 022 && unset MAKEFLAGS MFLAGS MAKELEVEL &&
    as_user make -s -k -j"$(nproc)" all WERROR=1 PG_CONFIG="$PG_CONFIG" &&
    as_user make -s install WERROR=1 PG_CONFIG="$PG_CONFIG" DESTDIR="$oms_build/pg") >"$log" 2>&1; then
    cat "$log" >&2
    die "the build failed"
  fi
  # Warnings that are not errors are still worth reading.
  grep -E 'warning:' "$log" >&2 || true
}

# Sets oms_run to a fresh folder with a snapshot of sources and installation.
# One lock, so that several runs in one checkout do not disturb each other.
prepare_run() {
  choose_server
  choose_build
  exec 9>"$oms_build/.lock"
  flock 9 2>/dev/null || true
  sync_tree
  build_and_install
  oms_run=$(mktemp -d "$oms_build/run.XXXXXX")
  cp -al "$oms_build/pg" "$oms_build/tree" "$oms_run/" 2>/dev/null ||
    { rm -rf "$oms_run/pg" "$oms_run/tree" && cp -a "$oms_build/pg" "$oms_build/tree" "$oms_run/"; }
  mkdir -p "$oms_build/cache"
  if [ "$(id -u)" -eq 0 ]; then chown "$oms_user" "$oms_run" "$oms_build/cache"; fi
  chmod 755 "$oms_run"
  exec 9>&-
}

# Removes the run and what may still be running in it.
forget_run() {
  local pidfile
  if [ -n "${oms_run:-}" ] && [ -d "$oms_run" ]; then
    while IFS= read -r pidfile; do
      as_user "$oms_run/pg$("$PG_CONFIG" --bindir)/pg_ctl" -D "${pidfile%/*}" -m immediate -w stop \
        >/dev/null 2>&1 || true
    done < <(find "$oms_run" -name postmaster.pid 2>/dev/null)
    rm -rf "$oms_run"
  fi
  if [ -n "${oms_build_is_temporary:-}" ]; then rm -rf "$oms_build"; fi
}

# Becomes a script of the snapshot, as the user of the servers: call it in a subshell.
run_inside() {
  local script=$1 as=()
  shift
  if [ "$(id -u)" -eq 0 ]; then as=(runuser -u "$oms_user" --); fi
  cd "$oms_run/tree" || exit
  exec "${as[@]}" env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
    -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE -u PGOPTIONS -u PGSERVICE -u LC_ALL -u TMPDIR \
    HOME="$oms_run" XDG_CACHE_HOME="$oms_build/cache" npm_config_cache="$oms_build/cache/npm" \
    LANG=C.UTF-8 OMS_RUN="$oms_run" PG_CONFIG="$PG_CONFIG" bash "$script" "$@"
}

# begin_run GROUPS SCRIPT [ARGUMENT...]: what a script begins with that needs servers. Outside of a run it asks setup.sh for
# these groups, makes a run, becomes the script inside of it, and ends with it. Inside it sets the paths, and lets the
# servers end with the script.
begin_run() {
  local groups=$1
  shift
  if [ -z "${OMS_RUN:-}" ]; then
    # shellcheck disable=SC2086 # words
    [ -z "$groups" ] || "$oms_top/tools/setup.sh" $groups
    trap forget_run EXIT
    trap 'exit 130' INT TERM HUP
    prepare_run
    (run_inside "$@")
    exit
  fi
  enter_run
  trap stop_servers EXIT
  trap 'exit 130' INT TERM HUP
}

# ---- inside: servers of a run ----------------------------------------------

# Sets the paths of a script that runs inside.
enter_run() {
  local bindir
  # shellcheck disable=SC2153 # set by run_inside
  oms_run=$OMS_RUN
  bindir=$("$PG_CONFIG" --bindir)
  oms_bin=$oms_run/pg$bindir
  oms_pgxs=$oms_run/pg$(dirname "$("$PG_CONFIG" --pgxs)")/../..
  [ -d "$oms_pgxs" ] || oms_pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
  PATH=$oms_bin:$PATH
  export PATH
  oms_servers=()
}

# use_npm_packages CLIENT...: the packages that setup.sh has installed in the checkout, for these folders of the
# run. If they are out of our reach, they are installed here.
use_npm_packages() {
  local client dir theirs entry
  for client in "$@"; do
    dir=$oms_top/$client
    theirs=$oms_run/../../$client/node_modules
    if [ -e "$dir/node_modules" ]; then continue; fi
    if cmp -s "$dir/package-lock.json" "$theirs/.installed-for" 2>/dev/null; then
      mkdir "$dir/node_modules"
      for entry in "$(cd "$theirs" && pwd -P)"/{.bin,*}; do
        # A link leads to another client, here to the one of the run.
        if [ -L "$entry" ]; then cp -P "$entry" "$dir/node_modules/"; else ln -s "$entry" "$dir/node_modules/"; fi
      done
    else
      (cd "$dir" && npm ci --prefer-offline --no-audit --no-fund) || return
    fi
  done
}

# make_client CLIENT: its packages, and its dist/.
make_client() { use_npm_packages "$1" && npm --prefix "$oms_top/$1" run -s build; }

# build_board: makes what runs of the board, and the SDK that it uses.
build_board() { make_client clients/typescript && make_client clients/board; }

# prepare_board: builds it for a script that will set board to the pid of its own; both end with the script, as its servers do.
prepare_board() {
  board=
  trap 'leave_board; stop_servers' EXIT
  build_board >"$oms_run/board_npm.log" 2>&1 || { cat "$oms_run/board_npm.log" >&2; exit 1; }
}
leave_board() { [ -z "$board" ] || kill "$board" 2>/dev/null || true; }

# What initdb makes, once for all servers of a run. The superuser is postgres, whoever we are.
oms_initdb_copy=${OMS_RUN:-}/initdb
init_data() {
  (
    flock 8
    [ -e "$oms_initdb_copy/global/pg_control" ] ||
      initdb -D "$oms_initdb_copy" -U postgres -A trust -E UTF8 --locale=C --no-sync
  ) 8>"$oms_initdb_copy.lock"
}

# start_server NAME ["setting = value" ...]: a server with test/oms.conf that listens
# on a socket only; its log is $oms_run/NAME.log. Sets PGHOST, PGPORT, PGUSER and PGDATABASE for it.
start_server() {
  local data=$oms_run/$1 sockets
  shift
  sockets=$(mktemp -d /tmp/oms.XXXXXX)
  oms_servers+=("$data" "$sockets")
  { init_data && cp -Rp "$oms_initdb_copy" "$data"; } >"$data.log" 2>&1 || { cat "$data.log" >&2; return 1; }
  {
    cat "$oms_run/tree/test/oms.conf"
    printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$sockets'" "port = 5432" "$@"
  } >>"$data/postgresql.conf"
  pg_ctl -D "$data" -l "$data.log" -w -s start || { cat "$data.log" >&2; return 1; }
  export PGHOST=$sockets PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

# serve NAME ["setting = value" ...]: a server with a database of that name; sets $connection.
serve() {
  start_server "$@"
  createdb "$1"
  connection="host=$PGHOST port=$PGPORT dbname=$1"
}

# use_passwords DATA: from now on only the superuser comes in without a password.
use_passwords() {
  printf 'local all postgres trust\nlocal all all scram-sha-256\n' >"$1/pg_hba.conf"
  pg_ctl -D "$1" -s reload
}

# Ends every server that this script started; also meant for a trap.
stop_servers() {
  local i
  for ((i = 0; i < ${#oms_servers[@]}; i += 2)); do
    if [ -e "${oms_servers[i]}/postmaster.pid" ]; then
      pg_ctl -D "${oms_servers[i]}" -m fast -w -s stop ||
        pg_ctl -D "${oms_servers[i]}" -m immediate -w -s stop || true
    fi
    rm -rf "${oms_servers[i]}" "${oms_servers[i + 1]}"
  done
  oms_servers=()
}

# node_tests SUITE FOLDER [NAME...]: the *.pl of a folder, which have servers of their own, or those that are named; the
# last line is "N passed, N failed".
node_tests() {
  local suite=$1 folder=$2 passed failed file name log status good bad
  shift 2
  export PERL5LIB=$oms_pgxs/src/test/perl:$PWD/test/perl
  export PG_REGRESS=$oms_pgxs/src/test/regress/pg_regress
  export OMS_CONF=$PWD/test/oms.conf

  passed=0
  failed=0
  for file in "$folder"/*.pl; do
    name=$(basename "$file" .pl)
    case " ${*:-${TESTS:-$name}} " in *" $name "*) ;; *) continue ;; esac
    mkdir -p "$oms_run/$suite/$name" "$oms_run/results/$suite/$name"
    log=$oms_run/results/$suite/$name.log
    status=0
    TESTDIR=$oms_run/$suite/$name TESTDATADIR=$oms_run/$suite/$name/tmp_check TESTLOGDIR=$oms_run/results/$suite/$name \
      timeout -k 20 600 prove --norc -v "$file" >"$log" 2>&1 </dev/null || status=$?
    good=$(grep -cE '^ok [0-9]' "$log") || true
    bad=$(grep -cE '^not ok [0-9]' "$log") || true
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    passed=$((passed + good))
    failed=$((failed + bad))
    printf '# %-16s %3d ok %3d not ok\n' "$name" "$good" "$bad"
    if [ "$bad" -gt 0 ]; then
      grep -vE '^ok [0-9]' "$log" | tail -n 80 | sed 's/^/  /'
      if [ -e "$oms_run/results/$suite/$name/regress_log_$name" ]; then
        tail -n 20 "$oms_run/results/$suite/$name/regress_log_$name" | cut -c1-300 | sed 's/^/  | /'
      fi
    fi
  done
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# ---- inside: tests of clients ------------------------------------------------

client_passed=0
client_failed=0
# client_step NAME COMMAND...: one test that is a command.
client_step() {
  local name=$1 log
  shift
  log=$oms_run/${name// /_}.log
  if "$@" >"$log" 2>&1; then
    echo "ok - $name"
    client_passed=$((client_passed + 1))
  else
    echo "not ok - $name"
    sed 's/^/  /' "$log"
    client_failed=$((client_failed + 1))
    return 1
  fi
}

# end_client_tests: ends the script; the last line is "N passed, N failed".
end_client_tests() {
  printf '\n%d passed, %d failed\n' "$client_passed" "$client_failed"
  exit "$((client_failed > 0))"
}

# client_tests CLIENT [TEST...]: the test/*.test.ts of this folder, or those that are named, one after the other: some
# restart the server. With OMS_ONLY: those whose names match it. With VERBOSE it shows what they said also if they passed.
client_tests() {
  local client=$1 file name log start good bad
  shift
  # Waits for a scarce machine belong to the tests, not to colours.
  export NO_COLOR=1
  for file in test/*.test.ts; do
    name=$(basename "$file" .test.ts)
    case " ${*:-$name} " in *" $name "*) ;; *) continue ;; esac
    log=$oms_run/${client}_$name.log
    start=$EPOCHREALTIME
    timeout -k 10 900 node --import tsx --test ${OMS_ONLY:+--test-name-pattern="$OMS_ONLY"} --test-reporter=tap "$file" >"$log" 2>&1 </dev/null || true
    good=$(sed -nE 's/^# pass ([0-9]+)$/\1/p' "$log" | tail -n 1)
    bad=$(sed -nE 's/^# (fail|cancelled) ([0-9]+)$/\2/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
    # Neither result nor failure: it did not get to its end.
    if [ "${good:-0}" -eq 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    client_passed=$((client_passed + ${good:-0}))
    client_failed=$((client_failed + bad))
    printf '# %-12s %3d ok %3d not ok  %5.1f s\n' "$name" "${good:-0}" "$bad" \
      "$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')"
    grep -E '# SKIP' "$log" || true
    # What takes long is worth a look.
    grep -A2 -E '^(not )?ok ' "$log" | awk '/^(not )?ok / { name = $0 } /duration_ms/ && $2 > 5000 { printf "  %.1f s: %s\n", $2 / 1000, name }'
    if [ -n "${VERBOSE:-}" ] || [ "$bad" -gt 0 ]; then sed 's/^/  /' "$log" | tail -n 200; fi
  done
}

# test_client CLIENT [TEST...]: the whole test of a client that needs nothing but a server.
test_client() {
  local client=$1 dir=clients/$1
  shift
  begin_run "server $dir" "$dir/test.sh" "$@"
  export npm_config_update_notifier=false OMS_SCRATCH=$oms_run
  cd "$oms_top/$dir" || exit
  client_step "is built" make_client "$dir" || end_client_tests
  [ $# -gt 0 ] || client_step "types are strict, ESLint is content" npm run -s check || true
  start_server "$client" "max_connections = 30"
  export OMS_SERVER=$oms_run/$client
  client_tests "$client" "$@"
  end_client_tests
}
