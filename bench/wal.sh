# shellcheck shell=bash disable=SC2153,SC2154 # variables of run.sh
# What the WAL of a whole ticket consists of, through oms and by hand: how many bytes of which kind for which relation, and what
# the evidence takes of it. Bytes do not depend on how busy the machine is. Sourced by run.sh.
: "${WAL_TICKETS:=400}"

# wal_run SIDE: one client, no autovacuum that could come between.
wal_run() {
  local from to data=$oms_run/bench
  fresh_loans
  sql -c 'ALTER SYSTEM SET autovacuum = off' -c 'SELECT pg_reload_conf()' >/dev/null
  from=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
  PGOPTIONS='-c oms.dispatch=off' pgbench -n -M prepared -t "$WAL_TICKETS" -f "$oms_run/life.$1" run >"$oms_run/wal.log" 2>&1 || { cat "$oms_run/wal.log" >&2; return 1; }
  to=$(sql -c 'SELECT pg_switch_wal()')
  sql -c 'ALTER SYSTEM RESET autovacuum' -c 'SELECT pg_reload_conf()' >/dev/null
  # Of full pages only the records count: a checkpoint was just before.
  pg_waldump -p "$data/pg_wal" --start "$from" --end "$to" |
    awk -v side="$1" '{
      match($0, /len \(rec\/tot\): *[0-9]+\/ *[0-9]+/); split(substr($0, RSTART, RLENGTH), len, /[:\/]/)
      kind = $0; sub(/.*desc: /, "", kind); sub(/[ ,].*/, "", kind)
      rel = 0; if (match($0, /blkref #0: rel [0-9]+\/[0-9]+\/[0-9]+/)) { n = split(substr($0, RSTART, RLENGTH), part, "/"); rel = part[n] }
      bytes[$2 " " kind "\t" rel] += len[4]; records[$2 " " kind "\t" rel]++
    } END { for (k in bytes) printf "%s\t%s\t%d\t%d\n", side, k, records[k], bytes[k] }' |
    sql -d run -c 'CREATE TABLE wal (side text, kind text, rel oid, records int, bytes int)' -c 'COPY wal FROM STDIN'
}

bench_wal() {
  local side
  ticket_setup
  sql -c 'CREATE TABLE IF NOT EXISTS wal_part (side text, part text, records float8, bytes float8)'
  for side in floor oms; do
    wal_run "$side"
    sql -d run -c "COPY (SELECT side, CASE WHEN kind ~ '^(Transaction|Standby|XLOG)' THEN 'commits and the rest'
        WHEN table_name IS NULL THEN 'other'
        WHEN relkind = 'i' THEN table_name || ', indexes'
        ELSE table_name || ', ' ||
          CASE WHEN kind ~ 'INSERT' THEN 'insert' WHEN kind ~ 'UPDATE' THEN 'update' WHEN kind ~ 'LOCK' THEN 'row lock' ELSE 'pruning' END END,
      sum(records) / $WAL_TICKETS.0, sum(bytes) / $WAL_TICKETS.0
      FROM wal LEFT JOIN pg_class c ON rel <> 0 AND pg_relation_filenode(c.oid) = rel LEFT JOIN pg_index i ON i.indexrelid = c.oid
      LEFT JOIN LATERAL (SELECT CASE WHEN relname = 'timeline' THEN 'event' ELSE replace(relname, '_state', '') END
        FROM pg_class t WHERE t.oid = coalesce(i.indrelid, c.oid)) AS x (table_name) ON true GROUP BY 1, 2) TO STDOUT" |
      sql -c 'COPY wal_part FROM STDIN'
  done
  printf '\n| part | floor: records | bytes a ticket | oms: records | bytes a ticket |\n|---|---|---|---|---|\n'
  sql -F ' | ' <<'SQL'
SELECT '| ' || coalesce(part, '**all**'), coalesce(round((sum(records) FILTER (WHERE side = 'floor'))::numeric, 1), 0),
  coalesce(round((sum(bytes) FILTER (WHERE side = 'floor'))::numeric), 0), coalesce(round((sum(records) FILTER (WHERE side = 'oms'))::numeric, 1), 0),
  coalesce(round((sum(bytes) FILTER (WHERE side = 'oms'))::numeric), 0) || ' |'
FROM wal_part GROUP BY ROLLUP (part) HAVING max(bytes) >= 5 ORDER BY wal_part.part;
SQL
  printf '\n| of the events of oms, bytes a ticket | |\n|---|---|\n'
  sql -d run -F ' | ' <<'SQL'
SELECT '| ' || x.part, round(x.bytes) || ' |' FROM (SELECT (count(*)::numeric / count(DISTINCT ticket_id)) AS events, count(DISTINCT ticket_id)::numeric AS n,
    sum(pg_column_size(hash)) AS hash, sum(pg_column_size(salt)) AS salt, sum(pg_column_size(client)) AS client, sum(pg_column_size(actor)) AS actor FROM oms.timeline) AS t,
  LATERAL (VALUES (1, 'hashes', t.hash / n), (2, 'salts', t.salt / n), (3, 'who: client', t.client / n), (4, 'who: role', t.actor / n),
    (5, 'transaction number', 8 * events), (6, 'cycle, attempt, public', 9 * events)) AS x (n, part, bytes)
WHERE x.bytes > 0 ORDER BY x.n;
SELECT '| events', round(count(*)::numeric / count(DISTINCT ticket_id), 1) || ' |' FROM oms.timeline;
SQL
}
