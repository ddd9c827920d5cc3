#!/usr/bin/env bash
# Installs what is missing, as root on Debian; otherwise says what to install.
#
#   tools/setup.sh server          build the extension and start throw-away servers with it
#   tools/setup.sh server tests    what its tests need beside
#   tools/setup.sh clients/board   Node.js, and the packages of npm of this folder (any with a package-lock.json)
#   tools/setup.sh libpq           single programs that clients' tests use: libpq, browser, pooler
#   tools/setup.sh clients         all that the clients' tests need
#   tools/setup.sh ops             what the tests of ops/ need
#   tools/setup.sh ha              what the failover in ops/patroni needs
#   tools/setup.sh cells           what several databases behind one need
#   tools/setup.sh fresh           what test/fresh needs
#   tools/setup.sh all             all of these
#
# Without what "server" or a client's folder needs it ends with 1; what only tests need may be missing, and they
# say so. A server that PG_CONFIG points to is used as it is. No cluster is created and no service is started on
# the way, and the settings of the machine stay as they are.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

have() { command -v "$1" >/dev/null 2>&1; }
have_package() { have apt-cache && apt-cache show "$1" >/dev/null 2>&1; }
have_perl() { perl -M"$1" -e 1 >/dev/null 2>&1; }
# A compiler alone does not do: it takes headers and libraries, too.
have_compiler() { printf '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n' | "$1" -x c -o /dev/null - >/dev/null 2>&1; }
have_node() { node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 18 || (a == 18 && b >= 18) ? 0 : 1)' 2>/dev/null; }

# Sets v, the version of the server: of the one at hand, else what this Debian brings, 15 if it can be had.
choose_major() {
  choose_server
  v=$(server_major "$PG_CONFIG")
  [ -z "$oms_server_given" ] || [ -n "$v" ] || die "PG_CONFIG: $PG_CONFIG tells of no server"
  if [ -n "$oms_server_given" ] || { [ "${v:-0}" -ge 15 ] && has_server "$PG_CONFIG"; }; then return; fi
  for v in "$v" 15 "$(apt-cache depends postgresql 2>/dev/null | sed -nE 's/.*Depends: postgresql-([0-9]+).*/\1/p' | head -n 1)"; do
    if [ "${v:-0}" -ge 15 ] && have_package "postgresql-$v"; then return; fi
  done
  v=15
}

# Whether the server at hand is, or will be, one of Debian's packages.
packaged() {
  case $("$PG_CONFIG" --bindir 2>/dev/null) in "/usr/lib/postgresql/$v/bin" | "") return 0 ;; esac
  [ -z "$oms_server_given" ] && ! is_server
}
# Whether there is a server of the version that was chosen.
is_server() { has_server "$PG_CONFIG" && [ "$(server_major "$PG_CONFIG")" = "$v" ]; }

# Each group prints the packages that are missing, one a line, those that are needed with a "!" before them; and
# with a "?" what no package brings.
missing_server() {
  local compiler
  have make || echo "!make"
  compiler=$("$PG_CONFIG" --cc 2>/dev/null) || compiler=cc
  if ! have_compiler cc || { [ "$compiler" = gcc ] && ! have_compiler gcc; }; then
    printf '!%s\n' gcc libc6-dev
  elif ! have_compiler "${compiler%% *}"; then
    echo "!?the server's compiler, $compiler"
  fi
  if packaged; then
    is_server || echo "!postgresql-$v"
    { has_headers "$PG_CONFIG" && [ "$(server_major "$PG_CONFIG")" = "$v" ]; } || echo "!postgresql-server-dev-$v"
  else
    [ "${v:-0}" -ge 15 ] || echo "!?PostgreSQL 15 or later ($PG_CONFIG is of ${v:-no server})"
    has_server "$PG_CONFIG" || echo "!?the programs of the server in $("$PG_CONFIG" --bindir)"
    has_headers "$PG_CONFIG" || echo "!?the headers of the server in $("$PG_CONFIG" --includedir-server), and its PGXS"
  fi
}
missing_tests() {
  local extensions=/usr/share/postgresql/$v/extension name
  { have prove && have_perl Test::More; } || echo perl
  have_perl IPC::Run || echo libipc-run-perl
  have curl || echo curl
  have openssl || echo openssl
  printf '#include <openssl/ts.h>' | cc -E -x c - >/dev/null 2>&1 || echo libssl-dev
  if ! packaged; then
    extensions=$("$PG_CONFIG" --sharedir)/extension
    [ -e "$(dirname "$("$PG_CONFIG" --pgxs)")/../test/perl/PostgreSQL/Test/Cluster.pm" ] ||
      echo "?PostgreSQL::Test::Cluster (configure --enable-tap-tests)"
    # Contrib is part of Debian's server.
    for name in pg_trgm pg_prewarm; do [ -e "$extensions/$name.control" ] || echo "?contrib's $name"; done
  fi
  for name in pgtap:pgtap pg_cron:cron plpgsql_check:plpgsql-check; do
    if [ -e "$extensions/${name%:*}.control" ]; then continue; fi
    if packaged; then echo "postgresql-$v-${name#*:}"; else echo "?${name%:*}"; fi
  done
}
missing_node() {
  if ! have node; then
    echo nodejs
  elif ! have_node; then
    echo "?Node.js 18.18 or later (the one at hand is $(node --version))"
  fi
  have npm || echo npm
}
missing_program() {
  case $1 in
    browser) have chromium || echo chromium ;;
    pooler) have pgbouncer || [ -x /usr/sbin/pgbouncer ] || echo pgbouncer ;;
    libpq) [ -e "$("$PG_CONFIG" --includedir 2>/dev/null)/libpq-fe.h" ] || echo libpq-dev ;;
  esac
}
missing_ops() {
  have pgbackrest || echo pgbackrest
  { have prometheus && have promtool; } || echo prometheus
  have prometheus-postgres-exporter || echo prometheus-postgres-exporter
}
missing_ha() {
  have ip || echo iproute2
  have curl || echo curl
  have patroni || echo patroni
  { have etcd && have etcdctl; } || printf '%s\n' etcd-server etcd-client
  have haproxy || [ -x /usr/sbin/haproxy ] || echo haproxy
}
missing_cells() {
  have ip || echo iproute2
  if [ ! -e "$("$PG_CONFIG" --pkglibdir 2>/dev/null)/plproxy.so" ]; then
    if packaged; then echo "postgresql-$v-plproxy"; else echo "?plproxy"; fi
  fi
}
missing() {
  local group
  for group in "${groups[@]}"; do
    case $group in
      server) missing_server ;;
      tests) missing_tests ;;
      ops) missing_ops ;;
      ha) missing_ha ;;
      cells) missing_cells ;;
      browser | pooler | libpq) missing_program "$group" ;;
      clients) missing_node ;;
      clients/* | bench/*) missing_node | sed 's/^/!/' ;;
      fresh) have debootstrap || echo debootstrap ;;
    esac
  done
}

# Sets packages, and lacking: what no package brings; needed is not empty if something among them is needed.
look() {
  local line
  packages=() lacking=() needed=
  choose_major
  while read -r line; do
    case $line in "!"*) needed=1 ;; esac
    line=${line#!}
    case $line in "?"*) lacking+=("${line#?}") ;; *) packages+=("$line") ;; esac
  done < <(missing)
  [ ${#packages[@]} -eq 0 ] || mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
}

# npm_packages FOLDER: what its lock file names. What was installed is noted beside it, so this takes no time
# unless something changed.
npm_packages() {
  local dir=$oms_top/$1 log status=0
  if cmp -s "$dir/package-lock.json" "$dir/node_modules/.installed-for"; then return; fi
  if ! have npm; then
    echo "setup.sh: npm is missing, $1 is not ready" >&2
    return 1
  fi
  have_node || return 1
  note "npm ci in $1"
  log=$(mktemp)
  if (umask 022 && cd "$dir" && npm ci --prefer-offline --no-audit --no-fund) >"$log" 2>&1 </dev/null; then
    cp "$dir/package-lock.json" "$dir/node_modules/.installed-for"
    # As root in somebody else's checkout.
    if [ "$(id -u)" -eq 0 ]; then chown -R --reference="$dir" "$dir/node_modules"; fi
  else
    cat "$log" >&2
    echo "setup.sh: npm ci failed in $1" >&2
    status=1
  fi
  rm -f "$log"
  return "$status"
}

# Until we are through, no package starts a service or creates a cluster.
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/oms-setup.conf
quietly() {
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    ours+=("$policy")
  fi
  (umask 022 && mkdir -p "${cluster%/*}" && echo 'create_main_cluster = false' >"$cluster")
  ours+=("$cluster")
}
ours=()
as_before() {
  [ ${#ours[@]} -eq 0 ] || rm -f "${ours[@]}"
  rmdir "${cluster%/*}" "${cluster%/*/*}" 2>/dev/null || true
  [ -z "${log:-}" ] || rm -f "$log"
}

# Reads apt's status lines: a line for every fifth of the way.
progress() {
  local step=20 kind percent what last=
  while IFS=: read -r kind _ percent _; do
    percent=${percent%%.*}
    case $kind in
      dlstatus) what=fetched ;;
      pmstatus) what=installed ;;
      *) continue ;;
    esac
    [ "$what" = "${last:=$what}" ] || { last=$what step=20; }
    [ "$percent" -ge "$step" ] || continue
    note "  $what $percent %"
    step=$((percent - percent % 20 + 20))
  done
}

install_packages() {
  local apt
  apt=(apt-get -y -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o APT::Status-Fd=3)
  export DEBIAN_FRONTEND=noninteractive
  quietly
  set -o pipefail
  (umask 022 && "${apt[@]}" install --no-install-recommends "$@" </dev/null) 3>&1 >"$log" 2>&1 | progress
}

[ $# -gt 0 ] || set -- server
[ "$1" != all ] || set -- server tests clients ops ha cells fresh
groups=()
folders=()
for group in "$@"; do
  case $group in
    server | tests | browser | pooler | libpq | ops | ha | cells | fresh) groups+=("$group") ;;
    clients)
      groups+=(clients browser pooler libpq)
      mapfile -t folders < <(cd "$oms_top" && find clients -name node_modules -prune -o -name package-lock.json -printf '%h\n' | sort)
      ;;
    clients/* | bench/*)
      [ -e "$oms_top/$group/package-lock.json" ] || die "$group has no package-lock.json"
      groups+=("$group")
      folders+=("$group")
      ;;
    *) die "there is no group $group" ;;
  esac
done

look
log=
trap as_before EXIT
trap 'exit 130' INT TERM HUP
if [ ${#packages[@]} -gt 0 ] && [ "$(id -u)" -eq 0 ] && have apt-get; then
  log=$(mktemp)
  note "fetching the lists of packages"
  if ! apt-get -qq update >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "setup.sh: apt-get update failed, trying with the lists at hand" >&2
  fi
  # With fresh lists the server's version may be another one.
  look
  note "installing, which can take some minutes: ${packages[*]}"
  if ! install_packages "${packages[@]}"; then
    cat "$log" >&2
    case " ${packages[*]} " in *" postgresql-$v "*)
      have_package "postgresql-$v" || echo "setup.sh: oms takes PostgreSQL 15 or later, which is not in the lists of this system" >&2 ;;
    esac
    die "could not install ${packages[*]}"
  fi
  case " ${packages[*]} " in
    *" postgresql-$v "*) note "no cluster was created; for one: pg_createcluster $v main --start" ;;
  esac
  look
fi

if [ ${#lacking[@]} -gt 0 ]; then
  echo "setup.sh: these are missing, and no package brings them to $PG_CONFIG:" >&2
  printf '  %s\n' "${lacking[@]}" >&2
fi
if [ ${#packages[@]} -gt 0 ]; then
  if have apt-get; then
    echo "Please install these packages${needed:+ first}:" >&2
    echo "  sudo apt-get install --no-install-recommends ${packages[*]}" >&2
  else
    echo "Please install these packages${needed:+ first} (names as in Debian):" >&2
    echo "  ${packages[*]}" >&2
  fi
fi
[ -z "$needed" ] || exit 1

for folder in "${folders[@]}"; do
  # Without a client only tests fail, and they say so, unless it is the one that was asked for.
  npm_packages "$folder" || case " ${groups[*]} " in *" $folder "*) exit 1 ;; esac
done
