#!/usr/bin/env bash
# One case of run.sh, as root in a new machine: inside.sh CASE. The sources are /fresh/oms.tar.
#
# Prints "ok - " and "not ok - " lines, and "fact: " lines for the table.
# shellcheck disable=SC2317 # functions are called by name
set -eu
export DEBIAN_FRONTEND=noninteractive
status=0
top=/srv/oms

packages() { apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends install "$@" >/dev/null; }

# judge NAME COMMAND...
judge() {
  local name=$1
  shift
  if "$@"; then
    echo "ok - $name"
  else
    echo "not ok - $name"
    status=1
  fi
}

# step NAME COMMAND...: the same, with its output and its time.
step() {
  local start=$SECONDS name=$1 good=ok
  shift
  echo "# $*"
  "$@" || good=failed
  judge "$name" [ "$good" = ok ]
  echo "fact: $name $((SECONDS - start)) s"
}

# The sources, as git or as a tarball brings them.
unpack() {
  mkdir -p "$top"
  tar -C "$top" --no-same-owner --no-same-permissions -xf /fresh/oms.tar
}
clone() {
  unpack
  git -C "$top" init -q
  git -C "$top" add -A
  git -C "$top" -c user.name=fresh -c user.email=fresh@localhost commit -qm all
}

as=()
user=dev.user-1
be_user() {
  [ -d "/home/$user" ] || useradd -m "$user"
  top=/home/$user/oms
  as=(runuser -u "$user" -- env "HOME=/home/$user")
}
in_top() { (cd "$top" && "${as[@]}" "$@"); }

demo() { in_top make demo </dev/null; }
regress() { in_top make test SUITE=regress; }
demo_act() { in_top make demo-act </dev/null; }
sdk() { in_top make sdk; }
both() {
  local name
  before
  for name in $FRESH_STEPS; do step "$name" "$name"; done
  after
}

# ---- what is left behind ----

# Where something could be left: not in the trees of packages, whose scripts write there as they like.
files() {
  find /etc /usr/sbin /usr/local /home /media /mnt /opt /root /srv /tmp /var/lib/postgresql /var/tmp \
    \( -path "$top" -o -path '/var/lib/postgresql/*/main' \) -prune -o -print | sort -T /fresh
}
# Those of this script are its children or have no command line any more.
processes() {
  local pid
  for pid in /proc/[0-9]*; do
    tr '\0' ' ' 2>/dev/null <"$pid/cmdline" | grep -v '^bash /fresh/\|^tr \|^grep ' || true
  done
}
before() {
  files >/fresh/files.before
  processes | sort >/fresh/processes.before
}
after() {
  processes >/fresh/processes.after
  # Less what belongs to packages, and links, accounts and defaults that their scripts make, and npm's cache.
  {
    files | comm -13 /fresh/files.before - |
      comm -23 - <(sed -E 'p; s,^/(bin|sbin|lib|lib64)/,/usr&,' /var/lib/dpkg/info/*.list | sort -T /fresh -u) |
      grep -vE '^/etc/(alternatives|rc.\.d|ssl|systemd|group-|gshadow-|passwd-|shadow-|subuid-|subgid-|default/locale|locale.conf|locale.gen|ca-certificates.conf|ld.so.cache|hosts$|inputrc$|networks$|python3)|^/usr/local/(lib/python3|share/ca-certificates)|^(/root|/home/[^/]*)/\.npm(/|$)|^/etc/(apt/apt.conf.d/02autoremove-postgresql|postgresql-common/(createcluster.conf|root.crt))'
    dpkg --verify
    diff /usr/share/postgresql-common/createcluster.conf /etc/postgresql-common/
    sort /fresh/processes.after | comm -13 /fresh/processes.before -
  } >/fresh/left || true
  judge "nothing is left behind" [ ! -s /fresh/left ]
  sed 's/^/  left behind: /' /fresh/left
  echo "fact: left behind: $(du -sm "$top/build" 2>/dev/null | sed -E 's/^([0-9]+).*/build (\1 MB)/')$(
    [ ! -s /fresh/left ] || printf ', %d more' "$(wc -l </fresh/left)")"
}

# ---- cases ----

apt-get -qq update
v=$(apt-cache depends postgresql | sed -nE 's/.*Depends: postgresql-([0-9]+).*/\1/p')
case $1 in
  bare)
    packages git make
    clone
    both
    ;;
  client)
    # A pgxs.mk and a pg_config, but no headers.
    packages git make libpq-dev "postgresql-client-$v"
    clone
    both
    ;;
  cluster)
    packages git make "postgresql-$v"
    clone
    pg_conftool "$v" main set autovacuum off
    pg_ctlcluster "$v" main restart
    cluster() {
      runuser -u postgres -- psql -XqAt -c CHECKPOINT -c "SELECT pg_postmaster_start_time()" \
        -c "SELECT extname FROM pg_extension" -c "SELECT datname FROM pg_database" -c "SELECT rolname FROM pg_roles"
      find /etc/postgresql "/var/lib/postgresql/$v/main" -type f ! -name pg_control ! -path '*/pg_wal/*' \
        ! -name pg_internal.init ! -path '*/pg_stat*' -exec sha256sum {} + | sort -k 2
    }
    cluster >/fresh/cluster.before
    both
    judge "the cluster has not changed" diff /fresh/cluster.before <(cluster)
    ;;
  halves)
    # Each is half of what it seems: a compiler without headers, perl without modules.
    packages git make gcc perl-base
    mkdir -p /usr/share/postgresql/14/extension
    touch /usr/share/postgresql/14/extension/pgtap.control
    clone
    both
    ;;
  majors)
    # The client of a later version is beside the server, and pg_config is the client's.
    packages git make "postgresql-$v" libpq-dev
    mkdir -p /usr/lib/postgresql/99/bin
    sed "s/MAJOR/$v/g" >/usr/lib/postgresql/99/bin/pg_config <<'SCRIPT'
#!/bin/sh
[ "$1" != --version ] || exec echo PostgreSQL 99.0
/usr/lib/postgresql/MAJOR/bin/pg_config "$@" | sed 's,/MAJOR\>,/99,g'
SCRIPT
    chmod +x /usr/lib/postgresql/99/bin/pg_config
    clone
    both
    ;;
  local)
    # A server that no package knows, without contrib.
    packages git make gcc libc6-dev libreadline8 "postgresql-server-dev-$v" "postgresql-$v"
    mkdir -p /usr/local/pg
    tar -C / -cf - usr/lib/postgresql usr/share/postgresql usr/include/postgresql | tar -C /usr/local/pg -xf -
    dpkg --purge "postgresql-$v" "postgresql-server-dev-$v" >/dev/null
    find /usr/local/pg -name pg_trgm.control -delete
    export PG_CONFIG=/usr/local/pg/usr/lib/postgresql/$v/bin/pg_config
    clone
    both
    ;;
  user)
    packages git make
    clone
    (cd "$top" && make setup)
    rm -rf "$top"
    be_user
    "${as[@]}" bash -euc "$(declare -f clone unpack); top='$top'; clone"
    both
    ;;
  no_rights)
    packages git make
    be_user
    "${as[@]}" bash -euc "$(declare -f clone unpack); top='$top'; clone"
    refused() { ! demo >/fresh/refused 2>&1; }
    judge "without the packages it says what to do" refused
    cat /fresh/refused
    command=$(sed -nE 's/^ *sudo (apt-get install .*)/\1/p' /fresh/refused)
    judge "with the whole command" grep -q "^apt-get install --no-install-recommends .*postgresql-$v" <<<"$command"
    # shellcheck disable=SC2086 # a command
    $command -y -qq >/dev/null
    both
    ;;
  space)
    packages git make
    top="/srv/my oms"
    clone
    both
    ;;
  umask)
    packages git make
    umask 077
    top=$HOME/oms
    clone
    both
    ;;
  tarball)
    packages make
    top=/srv/oms-1.0
    unpack
    both
    ;;
  full)
    packages git make
    clone
    before
    step "make test" in_top make test
    after
    ;;
  *)
    echo "not ok - there is no case $1"
    status=1
    ;;
esac
exit "$status"
