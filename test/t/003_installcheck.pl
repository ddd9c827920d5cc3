# make installcheck on a server that is not made for it: with the worker on, and settings that change results. What the
# server lacks is said in one line, and nothing stays behind.
use strict;
use warnings FATAL => 'all';

use Cwd;
use OmsNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OmsNode->make('main', extension => 0, start => 0, conf => q{
max_prepared_transactions = 0
oms.worker = on
timezone = 'Asia/Kolkata'
datestyle = 'German'
intervalstyle = 'iso_8601'
bytea_output = 'escape'
statement_timeout = '1h'
});

# The second time as in a build in another folder
my $elsewhere = PostgreSQL::Test::Utils::tempdir();
my $top = Cwd::cwd();
my @how = ('tools/installcheck.sh', "make -s -C '$elsewhere' -f '$top/Makefile' installcheck");

sub installcheck
{
	my ($tests, $how) = @_;
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{TESTS} = $tests;
	my $command = $how // $how[0];
	my $output = `$command 2>&1 </dev/null`;

	return ($? >> 8, $output);
}

my ($status, $output) = installcheck('access');
isnt($status, 0, 'without a server it fails');
like($output, qr/^installcheck\.sh: no connection as role postgres/, 'and says so') or diag($output);

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->start;
my $before = $node->safe_psql('postgres', 'SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles ORDER BY 1');
($status, $output) = installcheck('access');
isnt($status, 0, 'without what it needs it fails');
is($output, "installcheck.sh: the server lacks: shared_preload_libraries = 'oms'; max_prepared_transactions = 2\n", 'in one line');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'oms'\nmax_prepared_transactions = 2");
$node->restart;
foreach my $how (@how)
{
	($status, $output) = installcheck('access calendar metrics seal claim-vs-claim roll-up', $how);
	is($status, 0, "it passes with the worker on: $how") or diag($output);
	unlike($output, qr/FAILED|^not ok/m, 'no test failed');
}
($status, $output) = installcheck('calendar');
is($status, 0, 'also one test of one kind') or diag($output);
is($node->safe_psql('postgres', 'SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles ORDER BY 1'),
	$before, 'no database and no role stays');

$node->stop;
done_testing();
