#!/usr/bin/env bash
# What pg_extension_config_dump does not name is lost by pg_dump.  worker_state, seal_state and rollup_state
# are meant to be: they hold transaction ids of this server; and so is what was rolled up by them, what they passed over,
# and cron_state.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

comm -23 \
  <(sql_code | sed -nE 's/^ *CREATE +(TABLE|SEQUENCE) +(oms\.[a-z_0-9]+).*/\2/Ip' | sort -u) \
  <(sed -nE "s/.*pg_extension_config_dump\('(oms\.[a-z_0-9]+)'.*/\1/p" oms--1.0.sql 2>/dev/null | sort -u) |
  grep -vxE 'oms\.((worker|seal|rollup|cron)_state|rollup|rollup_ahead|passed_over)' | sed 's/$/;/' | verdict 'every table and sequence is dumped'
