#!/usr/bin/env bash
# README.md is a front page: up to 20,000 bytes, and whoever reads it from the top comes by the installation
# before CREATE EXTENSION. No page inserts into the secret of the tracking numbers, seen or unseen. A cell of
# a table has up to 500 characters.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

find README.md docs -name '*.md' -type f -print0 2>/dev/null | sort -z | xargs -0 -r perl -CSD -0777 -ne '
  if ($ARGV eq "README.md") {
    print "$ARGV has " . (-s $ARGV) . " bytes;\n" if -s $ARGV > 20000;
    my $at = index $_, "CREATE EXTENSION";
    print "$ARGV: CREATE EXTENSION comes before the installation;\n"
      if $at >= 0 && substr($_, 0, $at) !~ /^## Installation$/m;
  }
  print "$ARGV inserts into oms.secret;\n" if /INSERT\s+INTO\s+oms\.secret/i;
  foreach (/^\|(.*)\|$/mg) {
    print "$ARGV: a cell of " . length . " characters: " . substr($_, 0, 60) . ";\n"
      foreach grep { length > 500 } split /(?<!\\)\|/;
  }' | verdict 'the front page is short, and tables can be read'
