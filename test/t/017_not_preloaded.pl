# A server that has not preloaded the library: everything works, except that nobody works by himself.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;
use Time::HiRes qw(time);

my $node = OmsNode->make('plain', start => 0);
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\noms.max_databases = 8");
$node->start;
$node->install;

my $log = $node->log_position;
is($node->workers, '', 'there is no process of oms');
is($node->sql('SELECT count(*) FROM oms.worker_status'), '0', 'worker_status has no rows');
is($node->sql('SELECT count(*) FROM oms.worker_errors'), '0', 'worker_errors neither');
is($node->sql('SELECT oms.version()'), '1.0', 'version');

# one ticket from its beginning to its end, with the events of the session
my $listener = $node->listener;
my $session = $node->session;
my $pid = $session->query('SELECT pg_backend_pid()');
my $ticket = $session->query(q{SELECT oms.open_ticket('chain')});
my @events = $listener->wait_events(1);
is($events[0]{from}, $pid, 'events go with the transaction');
foreach my $stage (qw(a b c d))
{
	my $owner = uc $stage;
	is($session->query("SELECT stage FROM oms.claim('$owner')"), $stage, "claim $stage");
	$session->query("SELECT oms.stage_done('$ticket', '$stage')");
}
is($session->query("SELECT status FROM oms.ticket WHERE ticket_id = '$ticket'"), 'done', 'the ticket is done');
push @events, $listener->gather(sub { grep { ($_->{payload}{stage} // '') eq 'd' && $_->{channel} eq 'oms_dispatch' } @_ });
@events = grep { $_->{channel} eq 'oms_dispatch' } @events;
is(join('', map { $_->{payload}{stage} } @events), 'abcd', '… every dispatch has come, in order');

# timers, by hand
$ticket = $node->lease('10 milliseconds');
$node->sql('SELECT pg_sleep(0.02)');
is($node->sql("SELECT status FROM oms.stage WHERE ticket_id = '$ticket'"), 'in_progress', 'timers do not fire by themselves');
is($node->sql('SELECT oms.tick()'), '1', 'tick() fires them');
is($node->sql('SELECT oms.tick()'), '0', '… once');
ok($node->fired($ticket, 0), '… indeed');

# waiting looks now and then
$session->start(q{CALL oms.wait_for_work('A', '10 seconds')});
my $other = $node->session;
ok(!$node->until(sub { $session->ended }, 0.3), 'wait_for_work waits');
$other->query(q{SELECT oms.open_ticket('plain')});
$node->in_time($node->until(sub { $session->ended }) // 99, 1, '… and finds work within a second');
is($session->finish, '', '… without an error');
my $start = time;
is($session->code(q{CALL oms.wait_for_work('nobody', '300 milliseconds')}), '', 'or returns');
$node->in_time(time - $start, 0.7, '… when the time is over');
is($session->code(q{BEGIN; CALL oms.wait_for_work('A', '1 second')}), '25001', '… but not in a transaction block');
$session->query('ROLLBACK');

# settings
my ($stdout, $stderr);
$node->psql('postgres', q{SET client_min_messages = warning; LOAD 'oms'; SHOW oms.max_databases}, stdout => \$stdout, stderr => \$stderr);
is("$stdout $stderr", '8 ', 'all settings are declared');
is($session->code('SET oms.dispatch = off'), '', 'settings can be set');
is($session->code('SET oms.no_such = 1'), '42602', '… not those that do not exist');
is($node->code(q{BEGIN; SELECT oms.open_ticket('plain'); PREPARE TRANSACTION 'p'}), '0A000',
	'a transaction with events cannot be prepared, as the server says');
is($node->code(q{SET oms.dispatch = off; BEGIN; SELECT oms.open_ticket('plain'); PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'}), '',
	'… without events it can');

# the extension comes and goes, in sessions that stay
foreach (1 .. 3)
{
	$session->query('DROP EXTENSION oms CASCADE');
	is($session->code('SELECT oms.version()'), '3F000', 'dropped');
	$session->query("CREATE EXTENSION oms; SELECT oms.create_workflow('$OmsNode::workflow{plain}')");
	is($other->code(q{SELECT oms.open_ticket('plain')}), '', 'created again, and works in another session');
}
is($node->trouble($log, qr/cannot be called inside|invalid configuration parameter|cannot PREPARE|schema "oms" does not exist|no_such/), '',
	'no trouble in the log');
$_->quit foreach $session, $other, $listener;

# a copy of the server's data that is preloaded later
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'oms'");
$ticket = $node->lease('10 milliseconds') if $node->sql("SELECT oms.create_workflow('$OmsNode::workflow{lease}')");
$node->restart;
isnt($node->worker_up, '', 'preloaded at last: there is a worker');
ok($node->fired($ticket), '… and it does what was left');

$node->stop;
done_testing();
