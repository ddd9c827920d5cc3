#!/usr/bin/env bash
# Every ereport that reaches a user says which error it is.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"
# shellcheck disable=SC2016 # the $ in quotes are perl's

# The parentheses of a call can hold strings and other parentheses.
c_code | perl -0777 -ne '
  while (/\bereport(?:_domain)?\s*(\((?:[^()"]|"(?:\\.|[^"\\])*"|(?1))*\))/g) {
    my ($call, $at) = ($1, $-[0]);
    next if $call =~ /err_?code/i || $call =~ /^\(\s*(LOG|DEBUG[1-5]|INFO|NOTICE)\b/;
    my $before = substr($_, 0, $at);
    print "$1;\n" if $before =~ /([^\n:]+:\d+):[^\n]*$/;
  }' | verdict 'every ereport has an errcode'
