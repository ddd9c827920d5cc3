#!/usr/bin/env bash
# What make has made of src/front stands in git, and each function of a cell has a class there.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

{
  [ ! -e src/front/oms_front--1.0.sql ] || cmp src/front/oms_front--1.0.sql <(cat src/install/10_types.sql src/front/[0-9]*.sql | sed -f src/front/join.sed) 2>&1
  diff <(awk '$1 == "function" && $2 !~ /^internal\./ { print $2 }' src/install/register | sort -u) \
    <(sed -nE 's/^[a-z]+ +oms\."?([a-z_]+).*/\1/p' src/front/classes | sort -u) | sed -n 's/^</in no class of src\/front\/classes:/p; s/^>/not at a cell:/p'
} | verdict 'each function has a class in src/front/classes, and the script of the front is made from src/front'
