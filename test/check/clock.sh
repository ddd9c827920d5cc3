#!/usr/bin/env bash
# Time comes from one place, so that tests can move it.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

calls='GetCurrentTimestamp|GetSQLCurrentTimestamp|GetCurrent(Transaction|Statement)(Start|Stop)Timestamp|(clock|statement|transaction)_timestamp|\bnow\(\)|gettimeofday|clock_gettime|\btime\(NULL\)|\bcurrent_(timestamp|time|date)\b|\blocal(timestamp|time)\b'
{
  c_code | grep -v '^src/clock\.c:' | grep -E "$calls"
  sql_code | grep -niE "$calls" | sed 's|^|oms--1.0.sql:|'
} | verdict 'the clock is read only in src/clock.c'
