#!/usr/bin/env bash
# Links between the documents lead to a file that is there and to a heading in it, and docs/README.md names
# every page of docs/.
set -u
# shellcheck source=test/check/_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"

find . \( -name .git -o -name node_modules -o -name build -o -path ./test/check/bad \) -prune -o -name '*.md' -type f -printf '%P\0' |
  sort -z | xargs -0 -r perl -CSD -Mutf8 -e '
    use File::Basename;
    use File::Spec;
    sub text {    # without blocks of code
      open my $file, "<", $_[0] or return;
      my ($text, $code) = ("", 0);
      while (<$file>) {
        if (/^\s*```/) { $code = !$code }
        elsif (!$code) { $text .= $_ }
      }
      return $text;
    }
    sub anchors {    # as GitHub makes them
      my (%seen, %anchor);
      foreach (text($_[0]) =~ /^#+ (.*)$/mg) {
        s/\[([^\]]*)\]\([^)]*\)/$1/g;
        (my $anchor = lc) =~ s/[^\w\- ]//g;
        $anchor =~ tr/ /-/;
        $anchor{ $seen{$anchor}++ ? "$anchor-" . ($seen{$anchor} - 1) : $anchor } = 1;
      }
      return \%anchor;
    }
    my (%anchors, %linked);
    foreach my $from (@ARGV) {
      (my $text = text($from)) =~ s/`[^`\n]*`//g;
      foreach my $link ($text =~ /\]\((?![a-z]+:)([^)\s]+)\)/g) {
        my ($path, $anchor) = split /#/, $link, 2;
        my $to = $path eq "" ? $from : File::Spec->catfile(dirname($from), $path);
        1 while $to =~ s{(^|/)(?!\.\.?/)[^/]+/\.\./}{$1};
        $to =~ s{^(\./)+}{};
        $linked{$to} = 1 if $from eq "docs/README.md";
        if (!-e $to) { print "$from: $link is not there;\n" }
        elsif (defined $anchor && $to =~ /\.md$/) {
          $anchors{$to} //= anchors($to);
          print "$from: $link has no such heading;\n" unless $anchors{$to}{$anchor};
        }
      }
    }
    foreach (grep { m{^docs/} && $_ ne "docs/README.md" } @ARGV) {
      print "docs/README.md does not name $_;\n" unless $linked{$_};
    }' | verdict 'links between the documents lead somewhere'
