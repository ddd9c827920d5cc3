#!/usr/bin/env bash
# Includes point down: each room includes only the rooms named here.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"
# shellcheck disable=SC2016 # the $ in quotes are perl's

# A room is a folder, and what lies in src/ itself by what it is.  Ours is what exists in src/; the rest is the server's.
c_files | xargs -r perl -ne '
  BEGIN {
    %below = (types => "types vocabulary", engine => "types vocabulary", settings => "types vocabulary");
    $below{vocabulary} = $below{types};
    $below{shared} = "$below{settings} settings";
    $below{store} = "$below{shared} shared engine";
    $below{worker} = "$below{store} store";
    $below{api} = "$below{worker} worker";
    $below{front} = "$below{store} store";
    $below{library} = "$below{api} api";
    sub room { my $path = shift; $path =~ m{^(\w+)/} ? $1 : $path =~ /^(oms|errors|compat)\.h$/ ? "vocabulary" : $path eq "oms.c" ? "library" : "settings" }
  }
  next unless /^\s*#\s*include\s*"([^"]+)"/;
  my $header = $1;
  my $path = $ARGV =~ s{^src/}{}r;
  my $beside = $path =~ m{^(.*)/} ? "$1/$header" : $header;
  $header = $beside if -e "src/$beside";
  1 while $header =~ s{[^/]+/\.\./}{};
  next unless -e "src/$header";
  my ($from, $to) = (room($path), room($header));
  print "$ARGV includes $header;\n" unless $from eq $to || " $below{$from} " =~ / $to /;
' | verdict 'includes point down'
