#!/usr/bin/env bash
# What make has made of src/install stands in git, and everything that is created is in the register, once.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

objects() {
  sql_code | perl -0777 -ne '
    while (/\bCREATE\s+(?:UNLOGGED\s+|UNIQUE\s+)?(TABLE|VIEW|SEQUENCE|FUNCTION|PROCEDURE|AGGREGATE|INDEX)\s+(?!pg_catalog\.)(?:oms\.|oms_(internal\.))?(\w+)/g) {
      my ($kind, $name) = (lc $1, ($2 // "") . $3);
      print $kind =~ /procedure|aggregate/ ? "function" : $kind, " $name\n";
    }' | sort -u
}

{
  cmp oms--1.0.sql <(awk -f src/install/register.awk -f src/install/join.awk src/install/register src/install/[0-9]*.sql) 2>&1
  cmp src/register.h <(awk -f src/install/register.awk -f src/install/header.awk src/install/register) 2>&1
  objects | sort | diff - <(awk '!/^#/ && NF { print $1, $2 }' src/install/register | sort)
} | verdict 'the script and the register are made from src/install, and the register is whole'
