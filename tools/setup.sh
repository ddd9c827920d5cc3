#!/usr/bin/env bash
# Installs what is missing, as root on Debian; otherwise says what to install.
#
#   tools/setup.sh server    build and test the extension
#   tools/setup.sh clients   what the clients' tests need
#   tools/setup.sh ops       what the tests of ops/ need
#   tools/setup.sh all       all of these
#
# A server that PG_CONFIG points to is used as it is. No cluster is created and
# no service is started on the way.
set -eu

pg_config=${PG_CONFIG:-pg_config}

have() { command -v "$1" >/dev/null 2>&1; }
have_pgxs() {
  local pgxs
  pgxs=$("$pg_config" --pgxs 2>/dev/null) && [ -e "$pgxs" ]
}
have_perl() { perl -M"$1" -e 1 >/dev/null 2>&1; }

# The server's version: the one at hand, else 15, else what this Debian brings.
major() {
  if have_pgxs; then
    "$pg_config" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/'
  elif ! have apt-cache || apt-cache show postgresql-15 >/dev/null 2>&1; then
    echo 15
  else
    apt-cache depends postgresql 2>/dev/null | sed -nE 's/.*Depends: postgresql-([0-9]+).*/\1/p' | head -n 1
  fi
}

# Each group prints the packages that are missing.
missing_server() {
  local v=$1 control
  have make || echo make
  have cc || echo gcc libc6-dev
  have perl || echo perl
  have_perl IPC::Run || echo libipc-run-perl
  if have_pgxs; then
    control=$("$pg_config" --sharedir)/extension
    [ -x "$("$pg_config" --bindir)/postgres" ] || echo "postgresql-$v"
  else
    control=/usr/share/postgresql/$v/extension
    echo "postgresql-$v postgresql-server-dev-$v"
  fi
  [ -e "$control/pgtap.control" ] || echo "postgresql-$v-pgtap libtap-parser-sourcehandler-pgtap-perl"
  [ -e "$control/pg_cron.control" ] || echo "postgresql-$v-cron"
  [ -e "$control/plpgsql_check.control" ] || echo "postgresql-$v-plpgsql-check"
}
missing_clients() {
  have node || echo nodejs
  have npm || echo npm
  have chromium || echo chromium
  have pgbouncer || [ -x /usr/sbin/pgbouncer ] || echo pgbouncer
  [ -e "$("$pg_config" --includedir 2>/dev/null)/libpq-fe.h" ] || echo libpq-dev
}
missing_ops() {
  have pgbackrest || echo pgbackrest
  have prometheus && have promtool || echo prometheus
  have prometheus-postgres-exporter || echo prometheus-postgres-exporter
}
missing() {
  local group v
  v=$(major)
  for group in "$@"; do
    case $group in
      server) missing_server "${v:-15}" ;;
      clients) missing_clients ;;
      ops) missing_ops ;;
      *) echo "setup.sh: no group $group" >&2; exit 2 ;;
    esac
  done
}

# The packages of npm that a client's lock file names, into its checkout. What they were installed for is
# noted beside them, so this takes no time unless something changed.
npm_packages() {
  local top lock dir log
  top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
  for lock in "$top"/clients/*/package-lock.json "$top"/clients/*/*/package-lock.json; do
    [ -e "$lock" ] || continue
    dir=${lock%/*}
    if cmp -s "$lock" "$dir/node_modules/.installed-for"; then continue; fi
    if ! have npm; then
      echo "setup.sh: npm is missing, ${dir#"$top"/} is not ready" >&2
      continue
    fi
    echo "# npm ci in ${dir#"$top"/}"
    log=$(mktemp)
    if (umask 022 && cd "$dir" && npm ci --prefer-offline --no-audit --no-fund) >"$log" 2>&1 </dev/null; then
      cp "$lock" "$dir/node_modules/.installed-for"
      # As root in somebody else's checkout.
      if [ "$(id -u)" -eq 0 ]; then chown -R --reference="$dir" "$dir/node_modules"; fi
    else
      # Only tests need them, and they say so.
      cat "$log" >&2
      echo "setup.sh: npm ci failed in ${dir#"$top"/}" >&2
    fi
    rm -f "$log"
  done
}

install_packages() {
  local apt policy=/usr/sbin/policy-rc.d conf=/etc/postgresql-common/createcluster.conf
  apt=(apt-get -y -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  export DEBIAN_FRONTEND=noninteractive
  # Until we are through, no package starts a service.
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  if [ ! -e "$conf" ]; then
    "${apt[@]}" install --no-install-recommends postgresql-common </dev/null
    sed -i -E 's/^#?[ ]*create_main_cluster.*/create_main_cluster = false/' "$conf"
  fi
  "${apt[@]}" install --no-install-recommends "$@" </dev/null
}

[ $# -gt 0 ] || set -- server
[ "$1" != all ] || set -- server clients ops

groups=" $* "
finish() {
  case $groups in *" clients "*) npm_packages ;; esac
  exit 0
}

mapfile -t packages < <(missing "$@" | tr ' ' '\n' | sort -u)
[ ${#packages[@]} -gt 0 ] || finish

if [ "$(id -u)" -ne 0 ] || ! have apt-get; then
  echo "Please install these packages first (names as in Debian):" >&2
  echo "  ${packages[*]}" >&2
  # What is only used by tests may be missing; the tests say so.
  for p in "${packages[@]}"; do
    case $p in
      make | gcc | perl | postgresql-[0-9] | postgresql-[0-9][0-9] | postgresql-server-dev-*) exit 1 ;;
    esac
  done
  finish
fi

echo "# installing: ${packages[*]}"
log=$(mktemp)
if ! { apt-get -qq update </dev/null; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "setup.sh: apt-get update failed, trying with the lists at hand" >&2
fi
# With fresh lists the server's version may be another one.
mapfile -t packages < <(missing "$@" | tr ' ' '\n' | sort -u)
if ! install_packages "${packages[@]}" >"$log" 2>&1; then
  cat "$log" >&2
  rm -f "$log"
  echo "setup.sh: could not install ${packages[*]}" >&2
  exit 1
fi
rm -f "$log"
finish
