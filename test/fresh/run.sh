#!/usr/bin/env bash
# The first hour of a stranger, each time on a machine that has nothing: make test-fresh.
#
#   test/fresh/run.sh                     all cases on all releases
#   test/fresh/run.sh bookworm/bare ...   some of them; "bookworm" means all of its cases
#
# A machine is a chroot, copied from a minimal one that debootstrap makes once per release, with the apt settings
# of this machine. What happens in it says inside.sh. It takes root and debootstrap; without them nothing is
# tested, and the first line says so.
#
# The mounts of a case belong to a mount namespace and its processes to a process namespace of their own, and both
# end with the process that made them, however that ends. So there is nothing to unmount, and nothing lives on.
#
#   FRESH_CACHE=folder      minimal systems and packages, else build/fresh
#   FRESH_SECONDS=1800      limit of one case
#   FRESH_STEPS=demo        what is done on it, else "demo regress"; there are also demo_act and sdk
#
# Prints what failed, then a table, and last "N passed, N failed".
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lib.sh"

releases="bookworm trixie"
cases="bare client cluster halves majors local user no_rights space umask tarball full"
cache=${FRESH_CACHE:-$oms_top/build/fresh}
machine=

skip() {
  note "fresh machines are not tested: $*"
  exit 0
}

# alone COMMAND...: in namespaces of its own, which end with this script.
alone() { setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child "$@"; }

leave() {
  # shellcheck disable=SC2046 # a list of ids
  kill -KILL $(jobs -p) 2>/dev/null || true
  wait
  [ -z "$machine" ] || rm -rf "$machine"
}

# Where this machine has its Debian from.
mirror() {
  # shellcheck disable=SC2016 # apt's variables
  apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' 2>/dev/null | sed -n 's,^Debian/Debian ,,p' | head -n 1
}

# What a new system has to know of the network.
copy_settings() {
  apt-config dump | grep '^Acquire::' >"$1/etc/apt/apt.conf.d/90fresh" || true
  # Thrown away at the end.
  echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/fresh"
  for file in /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt; do
    if [ -e "$file" ]; then install -D -m 644 "$file" "$1$file"; fi
  done
}

# make_base RELEASE: the minimal system, if it is not there.
make_base() {
  local base=$cache/$1 log=$cache/$1.log
  [ ! -d "$base" ] || return 0
  note "making a minimal $1"
  rm -rf "$base.new"
  # shellcheck disable=SC2046 # none, or one
  if ! alone debootstrap --variant=minbase "$1" "$base.new" $(mirror) >"$log" 2>&1; then
    tail -n 20 "$log"
    rm -rf "$base.new"
    return 1
  fi
  mv "$base.new" "$base"
}

# run_case RELEASE CASE: its output is in $cache/log/RELEASE_CASE.log.
run_case() {
  local log=$cache/log/$1_$2.log packages=$cache/packages/$1
  machine=$cache/machine
  rm -rf "$machine"
  cp -a --reflink=auto "$cache/$1" "$machine"
  copy_settings "$machine"
  mkdir -p "$machine/fresh" "$packages/partial"
  list_files | tar -C "$oms_top" --no-recursion -T - -cf "$machine/fresh/oms.tar"
  cp "$oms_top/test/fresh/inside.sh" "$machine/fresh/"
  cp /etc/ssl/certs/ca-certificates.crt "$machine/fresh/certificates.crt" 2>/dev/null || true
  # shellcheck disable=SC2016 # for the other shell
  timeout -k 5 "${FRESH_SECONDS:-1800}" setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child bash -euc '
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
    mount --bind "$2" "$1/var/cache/apt/archives"
    exec chroot "$1" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
      "${@:4}" "FRESH_STEPS=${FRESH_STEPS:-demo regress}" bash /fresh/inside.sh "$3"' - "$machine" "$packages" "$2" "${network[@]}" >"$log" 2>&1 </dev/null &
  wait $!
}

[ "$(id -u)" -eq 0 ] || skip "that takes root"
"$oms_top/tools/setup.sh" fresh
command -v debootstrap >/dev/null || skip "there is no debootstrap"
alone true 2>/dev/null || skip "no mounts are allowed here"

trap leave EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$cache/log" "$cache/packages"
exec 9>"$cache/.lock"
flock -n 9 || die "it runs already, in $cache"
mapfile -t network < <(env | grep -iE '^(http|https|ftp|no)_proxy=' || true)
# A copy, since the package ca-certificates writes its own list there.
[ ! -e /etc/ssl/certs/ca-certificates.crt ] || network+=(npm_config_cafile=/fresh/certificates.crt)

[ $# -gt 0 ] || read -r -a releases <<<"$releases"
wanted=()
for name in "${@:-${releases[@]}}"; do
  case $name in
    */*) wanted+=("$name") ;;
    *) for one in $cases; do wanted+=("$name/$one"); done ;;
  esac
done

passed=0
failed=0
table=()
for name in "${wanted[@]}"; do
  release=${name%/*}
  one=${name#*/}
  make_base "$release" || skip "debootstrap makes no $release"
  start=$SECONDS
  note "$name"
  status=0
  run_case "$release" "$one" || status=$?
  log=$cache/log/${release}_$one.log
  good=$(grep -c '^ok - ' "$log") || true
  bad=$(grep -c '^not ok - ' "$log") || true
  outcome=ok
  if [ "$status" -ne 0 ] || [ "$bad" -gt 0 ] || [ "$good" -eq 0 ]; then
    outcome=failed
    [ "$bad" -gt 0 ] || bad=1
    printf 'not ok - %s, status %d\n' "$name" "$status"
    tail -n 60 "$log" | sed 's/^/  /'
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
  table+=("$(printf '%-20s %-6s %5d s  %s' "$name" "$outcome" $((SECONDS - start)) \
    "$(sed -n 's/^fact: //p' "$log" | paste -sd ';' | sed 's/;/; /g')")")
  rm -rf "$machine"
done
printf '\n%-20s %-6s %7s  %s\n' machine "" time "steps, and what is left behind"
printf '%s\n' "${table[@]}"
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
