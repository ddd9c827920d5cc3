#!/usr/bin/env bash
# The product is C and SQL.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

sql_code | grep -niE "LANGUAGE +'?pl" | verdict 'no procedural language in oms--1.0.sql'
