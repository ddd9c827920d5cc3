# Events that can only be found in the tables, while those are damaged: they wait, whatever else is sent meanwhile,
# and come when the tables are mended.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;

my $node = OmsNode->make('horizon');

sub tamper_workflow
{
	my ($sql) = @_;
	$node->sql("UPDATE pg_trigger SET tgenabled = '$_->[0]' WHERE tgname ~ '^guard' AND tgrelid = 'oms.workflow'::regclass; $_->[1]")
	  foreach [ 'D', '' ], [ 'D', $sql ], [ 'A', '' ];
	return;
}

# Not told yet, and lost from shared memory in a crash
my $worker = $node->worker_up;
my $log = $node->log_position;
kill 'STOP', $worker;
my $unsent = $node->sql(q{SELECT oms.open_ticket('chain')});
tamper_workflow(q{CREATE TABLE kept AS SELECT definition FROM oms.workflow WHERE name = 'chain';
	UPDATE oms.workflow SET definition = '{}' WHERE name = 'chain'});
$node->crash($worker);
$node->worker_up('postgres', $worker);
ok($node->becomes($node->status_of('postgres', 'errors > 0')), 'the worker cannot announce an event from the tables');

# The ring works, and the horizon would move on
my $listener = $node->listener('postgres', 'oms_dispatch');
my $horizon = $node->sql('SELECT horizon FROM oms.worker_state');
foreach (1 .. 3)
{
	ok($listener->hears($node->sql(q{SELECT oms.open_ticket('plain')})), 'events go on meanwhile');
	$node->sql('SELECT pg_sleep(1.1)');
}
is($node->sql('SELECT horizon FROM oms.worker_state'), $horizon, '… but the worker does not take it that all was sent');
like($node->sql('SELECT status, reasons FROM oms.health()'), qr/^degraded\|\{"events: \d cannot be sent, see oms.worker_errors"\}$/, '… and health tells of it');
is($node->sql("SELECT DISTINCT step, ticket_id FROM oms.worker_errors"), "events|$unsent", '… and worker_errors of the ticket');
is(scalar($node->log_lines($log, qr/ERROR:/)), 3, '… and the log, once of each event: two statuses and a dispatch');
tamper_workflow(q{UPDATE oms.workflow SET definition = (TABLE kept) WHERE name = 'chain'});
ok($listener->hears($unsent), '… and what was to be announced is, when that is possible');
# each event is tried again after a pause as long as it has failed so far
ok($node->becomes('SELECT status FROM oms.health()', 'good', 90), '… and all is well');

$listener->quit;
$node->stop;
done_testing();
