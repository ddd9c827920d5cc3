# shellcheck shell=bash
# shellcheck disable=SC2016 # the $ in quotes are perl's
# For the house rules: what each of them starts with. The argument is the folder to
# look at; each rule prints one line and fails if it is broken.
cd "${1:-.}" || exit 2

c_files() { find src \( -name '*.c' -o -name '*.h' \) -type f 2>/dev/null | sort; }

# The code of all C files without comments, as FILE:LINE:TEXT.
c_code() {
  c_files | tr '\n' '\0' | xargs -0 -r perl -0777 -ne '
    s{("(?:\\.|[^"\\])*")|(\x27(?:\\.|[^\x27\\])+\x27)|/\*.*?\*/|//[^\n]*}
     {my $t = $&; unless (defined $1 || defined $2) { $t =~ s/[^\n]//g; $t ||= " " } $t}gse;
    my $n = 0; print "$ARGV:" . ++$n . ":$_\n" for split /\n/'
}

# The install script without comments and with empty string constants, lines kept.
sql_code() {
  [ ! -e oms--1.0.sql ] || perl -0777 -pe '
    s{(\x27(?:[^\x27]|\x27\x27)*\x27)|--[^\n]*|/\*.*?\*/}
     {my $t = $&; $t =~ s/[^\n]//g; defined $1 ? "\x27\x27$t" : $t}gse' oms--1.0.sql
}

# ok if there is nothing on stdin.
verdict() {
  local found
  found=$(cat)
  if [ -z "$found" ]; then
    echo "ok - $1"
  else
    echo "not ok - $1:" "$(head -n 20 <<<"$found")"
    exit 1
  fi
}
