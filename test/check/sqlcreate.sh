#!/usr/bin/env bash
# The install script takes over nothing that somebody else made.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

sql_code | grep -niE 'CREATE +OR +REPLACE|IF +NOT +EXISTS' | verdict 'no CREATE OR REPLACE and no IF NOT EXISTS in oms--1.0.sql'
