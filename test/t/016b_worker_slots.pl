# More databases than slots: who holds one without a worker gives it up, and its sessions go on without it.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;

my $node = OmsNode->make('slots', conf => "oms.max_databases = 3\nmax_worker_processes = 12\n", extension => 0);

sub new_database
{
	my ($db) = @_;
	$node->sql("CREATE DATABASE $db");
	$node->install($db, 'plain', 'lease');
	return;
}

foreach (qw(one two three))
{
	new_database($_);
	isnt($node->worker_up($_), '', "a slot for $_");
}
my $log = $node->log_position;

# ---- a database whose worker is switched off loses its slot in the middle of what its sessions do ----

$node->sql('ALTER DATABASE three SET oms.worker = off');
ok($node->becomes($node->status_of('three', 'state'), 'off', undef, 'one'), 'switched off');
my $session = $node->session('three');
$session->query('BEGIN');
$session->query(q{SELECT oms.open_ticket('plain')});
my $waiting = $node->session('three');
my $pid = $waiting->query('SELECT pg_backend_pid()');
$waiting->start("CALL oms.wait_for_work('Lessee', '60 seconds')");
ok($node->becomes("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $pid", 'Extension'), '… a session waits for work');

new_database('four');
isnt($node->worker_up('four'), '', 'another database gets the slot');
$session->query(q{SELECT oms.open_ticket('plain')});
$session->query(q{SAVEPOINT s; SELECT oms.open_ticket('plain'); RELEASE s});
is($session->code('COMMIT'), '', 'a transaction that has begun before commits');
is($session->query(q{SELECT count(*) FROM oms.ticket}), '3', '… with all that it did');
$node->lease('1 minute', undef, 'three');
$node->sql(q{SELECT oms.open_ticket('lease')}, 'three');
ok($node->until(sub { $waiting->ended }), 'who waited is told of work');
$waiting->finish;
is($node->sql('SELECT reasons FROM oms.health()', 'three'), '{"worker: off (oms.worker), and no job of pg_cron calls oms.tick()"}',
	'it is off as before');

# ---- its sessions take a free slot again, but do not keep it ----

$node->sql('DROP DATABASE four');
ok($node->becomes('SELECT count(*) FROM oms.worker_status', '2', undef, 'one'), 'a slot is free');
$session->query(q{SELECT oms.open_ticket('plain')});
ok($node->becomes($node->status_of('three', 'count(*)'), '1', undef, 'one'), '… a session of the database without a worker takes it');
new_database('five');
isnt($node->worker_up('five'), '', '… until another needs it');
is($session->query(q{SELECT count(oms.open_ticket('plain'))}), '1', '… and goes on');

# ---- nor do databases that are to have none ----

my $other = $node->session('five');
$other->query(q{SELECT oms.open_ticket('plain')});
$node->append_conf('postgresql.conf', "oms.databases = 'one, two, six'");
$node->reload;
ok($node->no_worker('five'), 'a database is taken off the list');
new_database('six');
isnt($node->worker_up('six'), '', '… and gives its slot to one that is on it');
is($node->sql('SELECT reasons FROM oms.health()', 'five'), '{"worker: not wanted (oms.databases), and no job of pg_cron calls oms.tick()"}',
	'… health tells why it has no worker');
is($other->query(q{SELECT count(oms.open_ticket('plain'))}), '1', '… and its sessions go on');
is(scalar($node->log_lines($log, qr/oms: no slot/)), 0, 'nobody is told to raise anything');

$_->quit foreach $session, $waiting, $other;
is($node->trouble($log), '', 'no trouble in the log');
$node->stop;
done_testing();
