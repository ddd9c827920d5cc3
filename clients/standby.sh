#!/usr/bin/env bash
# A streaming standby for the tests of clients, of the server of PGHOST whose data is in OMS_SERVER:
#
#   clients/standby.sh start DATA    makes it in the folder DATA and starts it, says the directory of its socket
#   clients/standby.sh stop DATA     stops it; start goes on with what is there
#   clients/standby.sh remove DATA
set -eu
data=$2
sockets=$data.sockets
case $1 in
  start)
    if [ ! -d "$data" ]; then
      grep -q '^local replication' "$OMS_SERVER/pg_hba.conf" || echo 'local replication postgres trust' >>"$OMS_SERVER/pg_hba.conf"
      pg_ctl -D "$OMS_SERVER" -s reload
      pg_basebackup -U postgres -D "$data" -c fast -R
      directory=$(mktemp -d /tmp/oms.XXXXXX)
      ln -s "$directory" "$sockets"
      printf '%s\n' "unix_socket_directories = '$directory'" >>"$data/postgresql.conf"
    fi
    pg_ctl -D "$data" -l "$data.log" -w -s start >&2
    readlink "$sockets"
    ;;
  stop) pg_ctl -D "$data" -m fast -w -s stop ;;
  remove)
    [ -d "$data" ] || exit 0
    pg_ctl -D "$data" -m immediate -w -s stop || true
    rm -rf "$(readlink "$sockets")" "$data" "$sockets"
    ;;
esac
