# Many databases, most of them without the extension: they are looked at once, and nothing is missed.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;

my $node = OmsNode->make('many', conf => "oms.max_databases = 2\nmax_worker_processes = 12\n");
my $log = $node->log_position;
my $worker = $node->worker_up;
my @empty = map { "empty_$_" } 1 .. 7;
my $names = join ', ', map { "'$_'" } @empty;

# Transactions of all databases that have no extension; a worker that looks at one commits one.
sub looked_at
{
	return $node->sql("SELECT count(*) FILTER (WHERE xact_commit > 0), sum(xact_commit) FROM pg_stat_database WHERE datname IN ($names)");
}

$node->sql("CREATE DATABASE $_") foreach @empty;
ok($node->becomes("SELECT count(*) FROM pg_stat_database WHERE datname IN ($names) AND xact_commit > 0", '7'),
	'more databases than places: each is looked at');
ok($node->becomes("SELECT count(*) FROM oms.worker_status", '1'), '… and gives its place back');
is(scalar($node->log_lines($log, qr/no slot/)), 0, '… nobody is told to raise a setting');

# An extension that is not ours, and one that is
my $before = looked_at();
$node->sql('CREATE DATABASE another');
ok($node->becomes("SELECT xact_commit > 0 FROM pg_stat_database WHERE datname = 'another'"), 'a new one is looked at');
$node->sql('DROP EXTENSION plpgsql; CREATE EXTENSION plpgsql', 'another');
is($node->pid_of('oms worker', 'postgres'), $worker, 'another extension is nobody\'s business');
$node->install('another', 'lease');
isnt($node->worker_up('another'), '', 'ours brings a worker');
ok($node->fired($node->lease('100 milliseconds', undef, 'another'), undef, 'another'), '… that works');
is(looked_at(), $before, '… and nobody looks at the others');

# All places are taken: a setting that may concern all does not make it look again, nor does it look for a place for
# those that need none; and one that wants a place and gets it later is found among them.
$log = $node->log_position;
$names = join ', ', map { "'empty_$_'" } 1 .. 6;
$before = looked_at();
my $other = $node->worker_up('another');
$node->sql('ALTER ROLE postgres SET work_mem = 5000');
isnt($node->worker_up('another', $other), '', 'a setting of the superuser: workers begin anew');
$worker = $node->worker_up('postgres', $worker);
$node->sql('CREATE EXTENSION oms', 'empty_7');
ok($node->log_shows($log, qr/no slot/), 'an extension without a place: the log says so');
is(scalar($node->log_lines($log, qr/no slot/)), 1, '… once, and of nothing before');
is(looked_at(), $before, '… nobody looks at the others');
$node->sql('DROP EXTENSION oms CASCADE', 'another');
isnt($node->worker_up('empty_7'), '', '… and it gets the place that is given back');
is(looked_at(), $before, '… which none of the others was tried for');
$node->sql('DROP EXTENSION oms CASCADE', 'empty_7');
ok($node->becomes('SELECT count(*) FROM oms.worker_status', '1'), '… and gives it back');

# ---- a list that cannot be read ----

foreach ('w r3', 'a,,b', '"a', 'a b, c')
{
	is($node->code("ALTER SYSTEM SET oms.databases = '$_'"), '22023', "oms.databases = $_ is refused");
}
$log = $node->log_position;
$node->append_conf('postgresql.conf', "oms.databases = 'w r3'");
$node->reload;
ok($node->log_shows($log, qr/invalid value for parameter "oms.databases": "w r3"/), 'in the file, too');
is($node->sql('SHOW oms.databases'), '*', '… and the one before stays');
my $fired = $node->lease('100 milliseconds');
ok($node->fired($fired), '… and the workers');
is($node->pid_of('oms worker', 'postgres'), $worker, '… the same');

is($node->trouble($log, qr/invalid value|syntax|contains errors/), '', 'no trouble in the log');
$node->stop;
done_testing();
