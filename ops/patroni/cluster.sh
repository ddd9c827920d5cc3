#!/usr/bin/env bash
# A cluster on one machine, to try and to test failover: two servers with oms under Patroni in synchronous mode, three
# etcd, and HAProxy before them. Each server and each etcd is a host of its own in a network of its own (namespaces), so
# that cables can be cut. It takes root.
#
#   ops/patroni/cluster.sh COMMAND...    starts it, runs the command where the programs are, and ends it
#   ops/patroni/cluster.sh bash          a shell there
#
# The command finds the primary by PGHOST, PGPORT and so on (HAProxy), a standby by OMS_STANDBY_PORT. In it:
#
#   cluster list                         patronictl list
#   cluster kill a|b|e1|e2|e3            kill -9: of a server Patroni and all of PostgreSQL
#   cluster start a|b|e1|e2|e3           starts it again
#   cluster cut a|b                      takes the host off the network
#   cluster cut a b                      these two do not reach each other any more, all else goes on
#   cluster join a|b, cluster join a b   mends it
#   cluster switchover [a|b]             this primary hands over to the standby, as planned
#   cluster primary                      a or b: who holds the lease
#   cluster at a|b COMMAND...            runs a command on that host
#
# Names of networks and processes are private to the run and end with it, however it ends. FSYNC=off is for tests that
# do not look at what a crash of the machine leaves.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tools/lib.sh
. "$here/../../tools/lib.sh"

# A range for documentation, so nobody's.
net=192.0.2
address() {
  case $1 in
    a) echo $net.11 ;; b) echo $net.12 ;;
    e1) echo $net.21 ;; e2) echo $net.22 ;; e3) echo $net.23 ;;
    *) die "there is no host $1" ;;
  esac
}
hosts="a b e1 e2 e3"

# ---- outside ------------------------------------------------------------------

if [ -z "${OMS_CLUSTER:-}" ] && [ -z "${OMS_RUN:-}" ]; then
  [ $# -gt 0 ] || set -- bash
  [ "$(id -u)" -eq 0 ] || die "it takes root, for the networks of its hosts"
  # shellcheck disable=SC2086 # words
  "$oms_top/tools/setup.sh" server ha ${CLUSTER_GROUPS:-}
  trap forget_run EXIT
  trap 'exit 130' INT TERM HUP
  prepare_run
  cd "$oms_run/tree"
  OMS_RUN=$oms_run OMS_USER=$oms_user PG_CONFIG=$PG_CONFIG setpriv --pdeathsig KILL \
    unshare --mount --net --pid --fork --kill-child --mount-proc bash ops/patroni/cluster.sh "$@" &
  wait $! && status=0 || status=$?
  exit "$status"
fi

# ---- inside: verbs -----------------------------------------------------------------

cluster=${OMS_CLUSTER:-$OMS_RUN/cluster}
at() {
  local host=$1
  shift
  ip netns exec "$host" "$@"
}
# Not as root, which servers refuse.
at_user() {
  local host=$1
  shift
  ip netns exec "$host" runuser -u "$OMS_USER" -- "$@"
}

# background HOST COMMAND...: a process of a host.
background() {
  local host=$1 log=$cluster/$1.log
  shift
  ip netns exec "$host" setsid runuser -u "$OMS_USER" -- "$@" >>"$log" 2>&1 </dev/null &
  # Its end is none of this shell's news.
  disown
}

start_host() {
  local host=$1 here peers
  here=$(address "$host")
  case $host in
    e?)
      peers=$(for peer in e1 e2 e3; do echo "$peer=http://$(address $peer):2380"; done | paste -sd ,)
      background "$host" etcd --name "$host" --data-dir "$cluster/$host" --logger zap --log-level warn \
        --listen-client-urls "http://$here:2379" --advertise-client-urls "http://$here:2379" \
        --listen-peer-urls "http://$here:2380" --initial-advertise-peer-urls "http://$here:2380" \
        --initial-cluster "$peers" --initial-cluster-state new --initial-cluster-token oms
      ;;
    *)
      # Settings for programs are none for the server: it connects to the other one, too.
      background "$host" env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE -u PGPASSWORD PATRONI_NAME="$host" \
        PATRONI_RESTAPI_CONNECT_ADDRESS="$here:8008" PATRONI_POSTGRESQL_CONNECT_ADDRESS="$here:5432" \
        PATRONI_POSTGRESQL_DATA_DIR="$cluster/$host" PATRONI_POSTGRESQL_BIN_DIR="$oms_bin" \
        PATRONI_POSTGRESQL_PGPASS="$cluster/$host.pgpass" \
        patroni "$cluster/$host.yml"
      ;;
  esac
}

# Everything that runs on the host, as a crash would.
kill_host() {
  local pids
  pids=$(ip netns pids "$1")
  # shellcheck disable=SC2086 # a list of ids
  [ -z "$pids" ] || kill -KILL $pids 2>/dev/null || true
}

# A neighbour at an address that nobody has: what is sent there is lost without a word, as with a cut cable.
lose() { at "$1" ip neigh replace "$(address "$2")" lladdr 02:00:00:00:00:00 nud permanent dev eth0; }
find_again() { at "$1" ip neigh del "$(address "$2")" dev eth0; }

primary() {
  local host
  for host in a b; do
    if at "$host" curl -fs -m 1 -o /dev/null "http://$(address $host):8008/primary"; then
      echo $host
      return
    fi
  done
  return 1
}
list() { patronictl -c "$cluster/a.yml" "$@"; }
# patronictl says 0 of a failure, too.
switchover() {
  local answer
  answer=$(list switchover --force --master "$1" oms 2>&1) || true
  case $answer in
    *Successfully*) echo "$answer" ;;
    *) echo "$answer" >&2; return 1 ;;
  esac
}

if [ -n "${OMS_CLUSTER:-}" ]; then
  enter_run
  verb=${1:-}
  shift || true
  case $verb in
    list) list list ;;
    primary) primary ;;
    start) start_host "$1" ;;
    kill) kill_host "$1" ;;
    cut) if [ $# -eq 1 ]; then ip link set "to-$1" down; else lose "$1" "$2"; lose "$2" "$1"; fi ;;
    join) if [ $# -eq 1 ]; then ip link set "to-$1" up; else find_again "$1" "$2"; find_again "$2" "$1"; fi ;;
    switchover) switchover "${1:-$(primary)}" ;;
    at) at_user "$@" ;;
    *) sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" ; exit 1 ;;
  esac
  exit
fi

# ---- inside: the whole ----------------------------------------------------------------

enter_run
until_true() {
  local i
  for ((i = 0; i < ${OMS_TRIES:-600}; i++)); do
    if "$@" >"$cluster/wait.log" 2>&1; then return 0; fi
    sleep 0.2
  done
  note "in vain: $*"
  tail -n 20 "$cluster"/*.log
  return 1
}

install -d -o "$OMS_USER" "$cluster"
mount -t tmpfs -o mode=755 tmpfs /run/netns 2>/dev/null || { mkdir -p /run/netns && mount -t tmpfs -o mode=755 tmpfs /run/netns; }
mount --make-private /run/netns
ip link set lo up
ip link add cable type bridge
ip address add $net.1/24 dev cable
ip link set cable up
for host in $hosts; do
  ip netns add "$host"
  ip link add "to-$host" type veth peer name eth0 netns "$host"
  ip link set "to-$host" master cable up
  at "$host" ip link set lo up
  at "$host" ip address add "$(address "$host")/24" dev eth0
  at "$host" ip link set eth0 up
done

password() { head -c 18 /dev/urandom | base64 | tr '+/' '-_'; }
PATRONI_SUPERUSER_PASSWORD=$(password)
PATRONI_REPLICATION_PASSWORD=$(password)
PATRONI_REWIND_PASSWORD=$(password)
PATRONI_RESTAPI_PASSWORD=$(password)
PATRONI_ETCD3_HOSTS="$(address e1):2379,$(address e2):2379,$(address e3):2379"
export PATRONI_SUPERUSER_PASSWORD PATRONI_REPLICATION_PASSWORD PATRONI_REWIND_PASSWORD PATRONI_RESTAPI_PASSWORD PATRONI_ETCD3_HOSTS
# Hosts share the disk of this machine here, so each has its folder for sockets; and fsync is as it was asked for.
for host in a b; do
  install -d -o "$OMS_USER" "$cluster/sockets-$host"
  { cat ops/patroni/patroni.yml
    printf '  parameters:\n    unix_socket_directories: %s\n    fsync: "%s"\n' "$cluster/sockets-$host" "${FSYNC:-on}"
  } >"$cluster/$host.yml"
done

for host in e1 e2 e3; do start_host $host; done
until_true env ETCDCTL_API=3 etcdctl --endpoints "$PATRONI_ETCD3_HOSTS" endpoint health
start_host a
until_true primary
start_host b
export PGHOST=$net.1 PGPORT=5000 PGUSER=postgres PGDATABASE=postgres PGPASSWORD=$PATRONI_SUPERUSER_PASSWORD OMS_STANDBY_PORT=5001
HOST_A=$(address a) HOST_B=$(address b) haproxy -f ops/patroni/haproxy.cfg >"$cluster/haproxy.log" 2>&1 &
disown
in_step() { [ "$(psql -XAtc "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")" = 1 ]; }
until_true in_step
until_true psql -X -p "$OMS_STANDBY_PORT" -c 'SELECT 1'

printf '#!/bin/sh\nexec bash %s/ops/patroni/cluster.sh "$@"\n' "$oms_run/tree" >"$cluster/cluster"
chmod 755 "$cluster/cluster"
export OMS_CLUSTER=$cluster PATH=$cluster:$PATH:/usr/sbin
"$@"
