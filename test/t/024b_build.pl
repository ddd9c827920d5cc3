# What make makes of a change to the install script: library and scripts carry its fingerprint, in the
# folder of the sources and in another one.
use strict;
use warnings FATAL => 'all';

use File::Basename;
use File::Copy;
use File::Find;
use File::Path qw(make_path);
use PostgreSQL::Test::Utils;
use Test::More;

my $top = dirname(__FILE__) . '/../..';
my $dir = PostgreSQL::Test::Utils::tempdir();
my $sources = "$dir/sources";

# What a build left there is not copied.
find({ no_chdir => 1, wanted => sub {
		my $to = $sources . substr($_, length $top);
		if (-d) { make_path($to) }
		elsif (/\.[ch]$/) { copy($_, $to) or die "cannot copy $_" }
	} }, "$top/src");
copy("$top/$_", $sources) or die "cannot copy $_" foreach qw(Makefile oms.control oms--1.0.sql);
# A script that leads to 1.0, too
append_to_file("$sources/oms--0.9--1.0.sql", "SELECT '\@FINGERPRINT\@';\n");

# One object file stands for the library.
my @made = qw(src/store/version.o stamped/oms--1.0.sql stamped/oms--0.9--1.0.sql);
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL VPATH)};

# The tests' own copy of the server has no headers.
my ($pg_config) = grep { my $include = `'$_' --includedir-server 2>&1`; chomp $include; -e "$include/postgres.h" }
  $ENV{PG_CONFIG} // (), map { "$_/pg_config" } split /:/, $ENV{PATH};

sub make_in
{
	my ($place, $makefile) = @_;
	my ($out, $err);
	run_log([ 'make', '-C', $place, '-f', $makefile, "PG_CONFIG=$pg_config", @made ], '>', \$out, '2>', \$err) or diag($out . $err);
	return $out;
}

sub fingerprint { return join '-', (split ' ', `cksum <$sources/oms--1.0.sql`)[ 0, 1 ] }

sub carried_by
{
	my ($place) = @_;
	return join ' ', grep { index(slurp_file("$place/$_"), fingerprint()) >= 0 } @made;
}

# First elsewhere: make would find what was built in the folder of the sources.
foreach my $where ([ 'elsewhere', "$dir/elsewhere", "$sources/Makefile" ], [ 'in place', $sources, 'Makefile' ])
{
	my ($how, $place, $makefile) = @$where;
	my $before = fingerprint();
	make_path($place);
	make_in($place, $makefile);
	is(carried_by($place), "@made", "$how: library and scripts carry the fingerprint");
	is(slurp_file("$place/stamped/oms--1.0.sql") =~ s/\Q$before\E/\@FINGERPRINT\@/r, slurp_file("$sources/oms--1.0.sql"),
		'… and nothing else was changed');
	unlike(make_in($place, $makefile), qr/cksum|version\.c/, '… they are not made again');
	append_to_file("$sources/oms--1.0.sql", "-- changed\n");
	isnt(fingerprint(), $before, '… another script has another one');
	make_in($place, $makefile);
	is(carried_by($place), "@made", '… with which all are made again');
	ok(!-e "$place/stamped/oms--1.0.sql.new", '… and nothing is left');
}
like(scalar(`make -C '$dir/elsewhere' -f '$sources/Makefile' 2>&1`), qr/was built in place: run "make clean" there first/,
	'elsewhere after in place: it says what to do');
done_testing();
