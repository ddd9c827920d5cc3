#!/usr/bin/env bash
# Files use each other one way: none uses a function or a variable of a file that, directly or by way of others, uses one
# of its own.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

# shellcheck disable=SC2016 # the $ in quotes are perl's
c_code | perl -e '
  my (%home, %names, %last);
  while (<STDIN>) {
    my ($file, $line) = m{^src/(.+)\.c:\d+:(.*)$} or next;
    # a function has its name at the beginning of a line, below its type; a variable has it in the line of its type
    $home{$1} = $file if $line =~ /^(oms_\w+)\(/ && ($last{$file} // "") !~ /\bstatic\b/;
    $home{$1} = $file if $line =~ /^(?!static\b|extern\b)\w[\w \t*]*?\b(oms_\w+)\s*(?:\[.*)?(?:=.*|;.*)?$/;
    $last{$file} = $line;
    $names{$file}{$_} = 1 for $line =~ /\b(oms_\w+)/g;
  }
  my %uses;
  for my $file (keys %names) {
    $uses{$file}{$home{$_}} = $_ for grep { exists $home{$_} && $home{$_} ne $file } sort keys %{ $names{$file} };
  }
  # what a file leads to, by the shortest way
  for my $file (sort keys %uses) {
    my %from = map { $_ => $file } keys %{ $uses{$file} };
    my @next = sort keys %from;
    while (defined(my $at = shift @next)) {
      if ($at eq $file) {
        my @way = ($file);
        for ($at = $from{$file}; $at ne $file; $at = $from{$at}) { unshift @way, $at }
        unshift @way, $file;
        print join(" uses ", map { "src/$_.c" } @way), " (", join(", ", map { $uses{$way[$_]}{$way[$_ + 1]} } 0 .. $#way - 1), ");\n";
        last;
      }
      for (sort keys %{ $uses{$at} // {} }) { next if exists $from{$_}; $from{$_} = $at; push @next, $_ }
    }
  }
' | verdict 'no circles between files'
