#!/usr/bin/env bash
# A worker that comes late: bench/late.sh [EVENTS] [STAGES]
#
# On a throw-away server. While the worker stands still, tickets are opened until there are EVENTS old events (default
# 10,000,000), most of tickets that are over, and STAGES (default 100,000) wait to be claimed. Then the server
# crashes, and its new worker has all of it to make up for. A listener hears all dispatches; meanwhile ten tickets a second
# are opened beside them. Prints, from the first of the dispatches on, how long it took until every stage was dispatched,
# how long after their commits the live ones were heard, and the memory of the worker before and at its largest.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

begin_run "" bench/late.sh "$@"
start_server late "synchronous_commit = off" "restart_after_crash = on" "shared_buffers = 256MB" "max_wal_size = 4GB" "oms.worker = on"

events=${1:-10000000}
stages=${2:-100000}
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
worker() { sql -c "SELECT pid FROM oms.worker_status WHERE database = current_database() AND state = 'running'"; }
# Private memory of a process, kB
memory() { awk '/^RssAnon/ { print $2 }' "/proc/$1/status"; }

sql -c 'CREATE EXTENSION oms' -c "SELECT FROM oms.create_workflow('{\"name\": \"Old\", \"stages\": [{\"id\": \"a\", \"owner\": \"Nobody\"}]}')" \
  -c "SELECT FROM oms.create_workflow('{\"name\": \"Live\", \"stages\": [{\"id\": \"a\", \"owner\": \"A\"}]}')"
until pid=$(worker) && [ -n "$pid" ]; do sleep 0.1; done
kill -STOP "$pid"

# Open and cancel: four events a ticket.
cat >"$oms_run/old.sql" <<'SQL'
SELECT count(oms.cancel_ticket(t, 'over')) FROM oms.open_tickets('Old', array_fill('{}'::jsonb, '{50}')) AS t;
SQL
pgbench -n -c 2 -t $((events / 400)) -f "$oms_run/old.sql" >/dev/null 2>&1
for ((i = 0; i < stages; i += 1000)); do
  sql -c "SELECT count(*) FROM oms.open_tickets('Old', array_fill('{}'::jsonb, '{1000}'))" >/dev/null
done
sql -c 'VACUUM ANALYZE'
printf '%s old events, %s stages to be claimed\n' "$(sql -c 'SELECT count(*) FROM oms.timeline')" \
  "$(sql -c "SELECT count(*) FROM oms.stage_state WHERE status = 'q'")"

# psql tells of what has come after each command.
cat >"$oms_run/listen.pl" <<'PERL'
use strict; use warnings; use Time::HiRes qw(time);
my $stages = shift;
my ($old, %heard, %opened, $begun, $ended) = (0);
$| = 1;
open(my $in, '-|', "psql -XAtq -f $ENV{OMS_LISTEN} 2>&1") or die;
while (<$in>)
{
	# the live ones that were opened meanwhile are waited for, however late
	last if $ended && /^opened/ && !grep { !$heard{$_} && $opened{$_} < $ended } keys %opened;
	if (/^opened (\S+) ([\d.]+)/) { $opened{$1} = $2; next }
	next unless /"oms_dispatch" with payload ".*?"ticket":"(\S+?)".*?"owner":"(\w+)"/;
	if ($2 eq 'A') { $heard{$1} //= time }
	elsif (!$heard{$1}) { $begun //= time; $heard{$1} = time; $ended = time if ++$old == $stages }
}
die "$old of $stages dispatches were heard\n" unless $ended;
my @late = sort { $a <=> $b } map { ($heard{$_} - $opened{$_}) * 1000 } grep { $opened{$_} > $begun && $opened{$_} < $ended } keys %opened;
printf "%d dispatches in %.1f s; %d live: p50 %.0f ms, p99 %.0f ms, max %.0f ms\n", $old, $ended - $begun, scalar @late,
	$late[@late / 2] // 0, $late[@late * 0.99] // 0, $late[-1] // 0;
PERL
# The new worker waits until somebody listens.
sql -c "ALTER SYSTEM SET oms.databases = 'nowhere'" -c 'SELECT pg_reload_conf()' >/dev/null
kill -KILL "$pid"
while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
until sql -c 'SELECT 1' >/dev/null 2>&1; do sleep 0.2; done
{
  echo 'LISTEN oms_dispatch;'
  for ((i = 0; i < 3000; i++)); do
    ((i % 5)) || printf '%s\n' "SELECT concat_ws(' ', 'opened', oms.open_ticket('Live'), extract(epoch FROM clock_timestamp()));"
    echo 'SELECT FROM pg_sleep(0.02);'
  done
} >"$oms_run/listen.sql"
OMS_LISTEN=$oms_run/listen.sql perl "$oms_run/listen.pl" "$stages" &
listener=$!
sleep 1
sql -c 'ALTER SYSTEM RESET oms.databases' -c 'SELECT pg_reload_conf()' >/dev/null
until pid=$(worker) && [ -n "$pid" ]; do sleep 0.02; done
before=$(memory "$pid")
most=0
while kill -0 "$listener" 2>/dev/null; do
  now=$(memory "$pid")
  [ "$now" -le "$most" ] || most=$now
  sleep 0.1
done
printf 'worker: %s kB before, %s kB at most\n' "$before" "$most"
