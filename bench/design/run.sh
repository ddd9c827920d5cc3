#!/bin/bash
# Compares table designs for the ticket tables, two or more at a time.
#
#   ./run.sh            all questions, about 6 minutes
#   ./run.sh 2 3 1      only these, in this order
#   SECS=4 ./run.sh     longer runs (whole seconds; default 1), steadier figures
#   RUNS=5 ./run.sh     more runs per figure (default 3)
#
# Starts a server of its own in a temporary folder (socket only), makes each
# variant in a schema of its own, and stops and removes it all at the end.
# A "ticket" is the whole life of a ticket of four stages: open, 4 x claim,
# 4 x done = 9 transactions, 14 timeline rows, through plpgsql functions.
# The variants of a question take turns, run by run, so that other load on the
# machine falls on all of them.  The CPU time of the server's backends for one
# ticket (or read, or heartbeat) is given too: other load moves it far less than
# it moves the throughput.
#
# PGBIN = folder of the server's programs, else asked from pg_config.
set -euo pipefail
cd "$(dirname "$0")"
. ./schema.sh

SECS=${SECS:-1} RUNS=${RUNS:-3}
QUESTIONS=${*:-1 2 3 4 5 6 7}
PGBIN=${PGBIN:-$(pg_config --bindir)}
work=$(mktemp -d)
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
[ "$(id -u)" = 0 ] && chown postgres "$work"
stop() { as "$PGBIN/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null 2>&1 || true; rm -rf "$work"; }
trap stop EXIT
trap 'exit 1' INT TERM

(cd "$work" && as "$PGBIN/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null)
# Checkpoints and autovacuum are kept out of the short runs: they would fall on
# one variant and not on the other.
as tee -a "$work/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$work'
shared_buffers = 1GB
fsync = on
synchronous_commit = off
max_wal_size = 24GB
checkpoint_timeout = 1h
autovacuum = off
jit = off
max_connections = 50
CONF
(cd "$work" && as "$PGBIN/pg_ctl" -D "$work/data" -l "$work/log" -w start >/dev/null)
export PGHOST=$work PGUSER=postgres PGDATABASE=postgres PGCLIENTENCODING=UTF8
# The tables are small at the beginning of a run and a plan is kept: no
# sequential scans, whatever the statistics say.
OPTS="-c enable_seqscan=off -c enable_bitmapscan=off -c client_min_messages=warning"
sql() { "$PGBIN/psql" -XqAt -v ON_ERROR_STOP=1 "$@"; }
in_schema() { PGOPTIONS="$OPTS -c search_path=$1" "${@:2}"; }

sql <<SQL
CREATE EXTENSION pg_prewarm;
CREATE TABLE result (n serial, question text, place int, variant text, what text, clients int, tps float8, cpu float8, wal float8, hot_ticket text, hot_stage text);
SQL

# Data of the wanted size, not easily compressed.
sample() { sql -c "SELECT jsonb_object_agg('field_' || i, md5(i::text || 'x')) FROM generate_series(1, $1) i"; }
DATA200=$(sample 4) DATA1500=$(sample 32)
size() { sql -c "SELECT pg_column_size('$1'::jsonb)"; }
echo "data: $(size "$DATA200") and $(size "$DATA1500") bytes; $RUNS runs of $SECS s each; $(sql -c 'SHOW server_version')"

# --- pgbench scripts --------------------------------------------------------
life() {
  echo "SELECT open_ticket('$1');"
  for k in 1 2 3 4; do
    echo "SELECT * FROM claim('team$k') \\gset s${k}_"
    echo "SELECT done(:s${k}_ticket_id, :s${k}_stage_no, :s${k}_token);"
  done
}
life "$DATA200" >"$work/life200"; life "$DATA1500" >"$work/life1500"
printf '%s\n' '\set i random(1, 2000)' 'SELECT beat_lease(:i, 1::smallint, :i);' >"$work/beat_lease"
printf '%s\n' '\set i random(1, 2000)' 'SELECT beat_timer(:i, 1::smallint, :i);' >"$work/beat_timer"

# --- variants and runs ------------------------------------------------------
# make SCHEMA option=value ...
make() { sql -c "CREATE SCHEMA $1"; variant_sql "${@:2}" | in_schema "$1" sql -f - >/dev/null; }

# CPU time of all backends that have ended, in clock ticks, from the server's
# first process: fields 16 and 17 of its stat file (the name holds no blank).
server_cpu() { awk '{print $16 + $17}' "/proc/$(head -1 "$work/data/postmaster.pid")/stat"; }

# With HOLD set, another session keeps an old snapshot open during the run, so
# that no dead row can be cleared away.
# once QUESTION PLACE "NAME" SCHEMA WHAT CLIENTS: one run, one row of result
once() {
  local q=$1 place=$2 name=$3 schema=$4 what=$5 clients=$6 data=$DATA200 holder=''
  case $what in
    life*) [ "$what" = life1500 ] && data=$DATA1500
           in_schema "$schema" sql -c "SELECT seed('$data')" -c 'VACUUM ANALYZE ticket' -c 'VACUUM ANALYZE stage' >/dev/null ;;
    get*|check)
      # All variants together are larger than shared_buffers: warm this one.
      sql -c "SELECT sum(pg_prewarm(c.oid)) FROM pg_class c WHERE relnamespace = '$schema'::regnamespace
              AND relkind IN ('r', 'i') AND relname LIKE 'timeline%' AND relname NOT LIKE '%toast%'" >/dev/null ;;
    beat*) in_schema "$schema" sql -c 'SELECT seed_beat()' -c 'VACUUM ANALYZE stage' >/dev/null ;;
  esac
  sql -c 'SELECT pg_stat_reset()' >/dev/null
  if [ -n "${HOLD:-}" ]; then
    sql -c "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM result LIMIT 1; SELECT pg_sleep($SECS + 1)" >/dev/null & holder=$!
    sleep 0.2
  fi
  local from out n tps cpu
  from=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
  sleep 0.1; cpu=$(server_cpu)
  out=$(in_schema "$schema" "$PGBIN/pgbench" -n -M prepared -c "$clients" -j 1 -T "$SECS" -f "$work/$what" 2>&1) || { echo "$out"; exit 1; }
  sleep 0.1; cpu=$(($(server_cpu) - cpu))
  n=$(awk '/actually processed/{print $NF}' <<<"$out")
  tps=$(awk '/^tps/{print $3}' <<<"$out")
  if grep -q aborted <<<"$out"; then echo "$q $name: $out"; exit 1; fi
  # insert_lsn, because with synchronous_commit off the written position lags
  sql >/dev/null <<SQL
INSERT INTO result (question, place, variant, what, clients, tps, cpu, wal, hot_ticket, hot_stage)
SELECT '$q', $place, '$name', '$what', $clients, $tps, $cpu * 1e6 / $(getconf CLK_TCK) / $n, (pg_current_wal_insert_lsn() - '$from'::pg_lsn) / $n.0,
  (SELECT (100 * n_tup_hot_upd / nullif(n_tup_upd, 0))::text FROM pg_stat_user_tables WHERE schemaname = '$schema' AND relname = 'ticket'),
  (SELECT (100 * n_tup_hot_upd / nullif(n_tup_upd, 0))::text FROM pg_stat_user_tables WHERE schemaname = '$schema' AND relname = 'stage');
SQL
  [ -z "$holder" ] || wait "$holder"
}

# compare QUESTION "CLIENTS ..." "NAME|SCHEMA|WHAT" ...: interleaved; every
# other round in the opposite order.
compare() {
  local q=$1 clients=$2; shift 2
  local r c i k n=$# v name schema what
  local list=("$@")
  for r in $(seq "$RUNS"); do for c in $clients; do for i in $(seq 0 $((n - 1))); do
    k=$i; [ $((r % 2)) = 0 ] && k=$((n - 1 - i))
    IFS='|' read -r name schema what <<<"${list[$k]}"
    once "$q" "$k" "$name" "$schema" "$what" "$c"
  done; done; done
  show "$q"
}

# The first variant of a question is 1.00 in the ratio.
show() {
  "$PGBIN/psql" -XqAt -F ' | ' <<SQL
WITH m AS (
  SELECT question, place, variant, clients, percentile_cont(0.5) WITHIN GROUP (ORDER BY tps) AS med,
         min(tps) AS lo, max(tps) AS hi, percentile_cont(0.5) WITHIN GROUP (ORDER BY wal) AS wal,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu) AS cpu, min(cpu) AS clo, max(cpu) AS chi,
         min(hot_ticket::int)::text AS ht, min(hot_stage::int)::text AS hs
  FROM result WHERE question = '$1' GROUP BY 1, 2, 3, 4)
SELECT '| ' || question, variant, clients, to_char(med, 'FM999,999,990'),
       to_char(lo, 'FM999,999,990') || '–' || to_char(hi, 'FM999,999,990'),
       round((med / first_value(med) OVER (PARTITION BY clients ORDER BY place))::numeric, 2),
       to_char(cpu, 'FM999,990'), to_char(clo, 'FM999,990') || '–' || to_char(chi, 'FM999,990'),
       round((cpu / first_value(cpu) OVER (PARTITION BY clients ORDER BY place))::numeric, 2),
       CASE WHEN wal > 100 THEN to_char(wal, 'FM999,990') ELSE '' END,
       coalesce(ht, '') || CASE WHEN hs IS NOT NULL THEN '/' || hs ELSE '' END || ' |'
FROM m ORDER BY clients, place;
SQL
}

head_line() {
  echo '| question | variant | clients | median/s | range | ratio | server CPU µs each | range | ratio | WAL bytes each | HOT % ticket/stage |'
  echo '|---|---|---|---|---|---|---|---|---|---|---|'
}

# --- the questions ----------------------------------------------------------
q1() {
  make q1_index
  make q1_table queue=table
  # With a timer index on the stage rows no update of them can be HOT, because
  # claim and done set timer_at; so the same without that index too.
  make q1_bare queue=table timer=no
  make q1_bare_fill queue=table timer=no stagefill=60
  compare '1 queue' '4 16' 'partial index on stage|q1_index|life200' 'separate queue table|q1_table|life200' \
    'separate queue, no timer index|q1_bare|life200' 'the same, stage fillfactor 60|q1_bare_fill|life200'
  HOLD=1 compare '1 queue, old snapshot open' 4 'partial index on stage|q1_index|life200' \
    'separate queue table|q1_table|life200'
}
q2() {
  local s
  for s in 200 1500; do
    make q2_row_$s data=row; make q2_table_$s data=table; make q2_event_$s data=event
    compare "2 data $s bytes" '4 16' "own table ticket_data|q2_table_$s|life$s" \
      "on the ticket row|q2_row_$s|life$s" "payload of event 1|q2_event_$s|life$s"
  done
}
t0='' step=''
q3_fill() {
  local v pids=() p
  for v in one month hash range; do prefilled=yes make q3_$v timeline=$v; done
  # 2,000,000 rows: 142,858 tickets of 14 events, five minutes apart, spread
  # evenly from the first of the month 23 months ago until two hours ago.
  sql -c "CREATE TABLE span AS SELECT date_trunc('month', now()) - interval '23 months' AS t0,
          extract(epoch FROM now() - interval '2 hours' - (date_trunc('month', now()) - interval '23 months')) / 142858 AS step"
  step=$(sql -c 'SELECT step FROM span'); t0=$(sql -c 'SELECT t0 FROM span')
  sql <<SQL
INSERT INTO q3_one.timeline
SELECT i / 14 + 1, i % 14 + 1, '$t0'::timestamptz + (i / 14 + 1) * interval '$step s' + (i % 14) * interval '5 min', i / 2,
       'stage ' || i % 4 + 1, 'started', 'team' || i % 4 + 1, 'worker', 'worker-7', NULL, NULL,
       substr(sha256(int4send(i)), 1, 16), sha256(int4send(i))
FROM generate_series(0, 1999999) i;
SQL
  for v in month hash range; do sql -c "INSERT INTO q3_$v.timeline SELECT * FROM q3_one.timeline" & pids+=($!); done
  for p in "${pids[@]}"; do wait "$p"; done
  for v in one month hash range; do sql -c "VACUUM ANALYZE q3_$v.timeline"; done
  sql -c CHECKPOINT
}
q3() {
  q3_fill
  compare '3 timeline, tickets' '4 16' 'one table|q3_one|life200' 'by month of at|q3_month|life200' \
    'hash of ticket_id|q3_hash|life200' 'range of ticket_id|q3_range|life200'
  q3_reads
}
# ./run.sh 3reads: only the reads of question 3
q3reads() { q3_fill; q3_reads; }
q3_reads() {
  # Reads, one client, so that 1 / (reads per second) is the time of one.
  printf '%s\n' '\set i random(1, 142857)' 'SELECT * FROM timeline WHERE ticket_id = :i ORDER BY seq;' >"$work/get"
  printf '%s\n' '\set i random(1, 142857)' '\set s random(1, 14)' 'SELECT hash FROM timeline WHERE ticket_id = :i AND seq = :s;' >"$work/check"
  # The same with the dates that the ticket row would give.
  printf '%s\n' '\set i random(1, 142857)' "SELECT * FROM timeline WHERE ticket_id = :i
     AND at BETWEEN '$t0'::timestamptz + :i * interval '$step s' AND '$t0'::timestamptz + :i * interval '$step s' + interval '2 hours' ORDER BY seq;" >"$work/get_dates"
  compare '3 get one ticket' 1 'one table|q3_one|get' 'by month of at|q3_month|get' \
    'hash of ticket_id|q3_hash|get' 'range of ticket_id|q3_range|get' 'by month, dates known|q3_month|get_dates'
  compare '3 check one event' 1 'one table|q3_one|check' 'by month of at|q3_month|check' \
    'hash of ticket_id|q3_hash|check' 'range of ticket_id|q3_range|check'
}
q4() {
  make q4_none; make q4_brin xid=brin; make q4_btree xid=btree
  compare '4 index on xid' '4 16' 'none|q4_none|life200' 'brin|q4_brin|life200' 'btree|q4_btree|life200'
}
q5() {
  local g
  for g in none stmt when row rowc; do make q5_$g guard=$g; done
  compare '5 guards' '4 16' 'none|q5_none|life200' 'statement, plpgsql|q5_stmt|life200' \
    'statement, WHEN never true|q5_when|life200' 'row, plpgsql|q5_row|life200' 'row, C of the core|q5_rowc|life200'
}
q6() {
  make q6_no; make q6_yes fk=yes
  compare '6 foreign keys' '4 16' 'none|q6_no|life200' 'stage and timeline to ticket|q6_yes|life200'
}
q7() {
  make q7_with; make q7_without timer=no
  compare '7 timer index' '4 16' 'with|q7_with|life200' 'without|q7_without|life200'
  make q7_lease; make q7_timer
  compare '7 heartbeat' '4 16' 'lease_until only|q7_lease|beat_lease' 'lease_until and timer_at|q7_timer|beat_timer'
}

head_line
for q in $QUESTIONS; do
  "q$q"
  # Room for the next one, and a checkpoint now instead of in a run.
  sql -c "DO \$\$ DECLARE s text; BEGIN FOR s IN SELECT nspname FROM pg_namespace WHERE nspname LIKE 'q${q%%[a-z]*}\\_%' LOOP
            EXECUTE format('SET LOCAL client_min_messages = warning; DROP SCHEMA %I CASCADE', s); END LOOP; END \$\$" -c CHECKPOINT
done
