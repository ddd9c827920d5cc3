# Each step of the worker fails by itself: the others go on, it is told by its own name, and is well again when
# its cause is gone. What takes long goes in slices: first seals, first roll-ups, and the archive.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;

my $node = OmsNode->make('steps', conf => "oms.seal_interval = 1\n");
$node->worker_up;
my $log = $node->log_position;

# ---- to be rolled up: looked at last, since the first roll-up comes a minute after the start ----

$node->sql('CREATE DATABASE figures');
$node->sql('ALTER DATABASE figures SET oms.worker = off');
$node->install('figures', 'plain');
$node->sql(qq{SELECT oms.create_workflow('{"name": "$_", "stages": [{"id": "a", "owner": "A"}]}');
	SELECT count(oms.stage_done(t, 'a')) FROM oms.open_tickets('$_', array_fill('{}'::jsonb, '{2500}')) AS t}, 'figures') foreach qw(one two three);
$node->sql('ALTER DATABASE figures RESET oms.worker');
$node->worker_up('figures');

# ---- a seal that fails ----

my $listener = $node->listener('postgres', 'oms_dispatch');
$node->sql('DELETE FROM oms.seal_state');
my $ticket = $node->sql(q{SELECT oms.open_ticket('plain')});
ok($listener->hears($ticket), 'an event is sent');
ok($node->becomes(q{SELECT step, ticket_id IS NULL, failures > 1, error ~ 'lost its row' FROM oms.worker_errors}, 'seal|t|t|t'),
	'a seal that fails stands in worker_errors');
is($node->sql('SELECT status, reasons FROM oms.health()'), 'degraded|{"seal: fails, see oms.worker_errors"}', '… health tells of it by its name');
$node->becomes("SELECT horizon > (SELECT max(watermark) FROM oms.timeline) FROM oms.worker_state");
foreach (1 .. 3)
{
	$ticket = $node->sql(q{SELECT oms.open_ticket('plain')});
	is($listener->hears($ticket), 1, '… events are sent meanwhile, once');
}
ok($node->becomes("SELECT horizon > (SELECT max(watermark) FROM oms.timeline) FROM oms.worker_state"), '… and nothing is to be found in the tables');
is(scalar($node->log_lines($log, qr/ERROR:.*lost its row/)), 1, '… the log has it once');
is($node->sql("SELECT step FROM oms.worker_errors"), 'seal', '… and still nothing else fails');
$node->sql(q{INSERT INTO oms.seal_state (seal_hash, horizon) VALUES ('', 0)});
ok($node->becomes('SELECT count(*) FROM oms.worker_errors', '0'), 'when its cause is gone it is well');
ok($node->becomes('SELECT status FROM oms.health()', 'good'), '… and so is health');
ok($node->becomes('SELECT count(*) > 0 FROM oms.seals'), '… and a seal is made');

$listener->quit;

# ---- sending that fails, as with a full disk ----

{
	# its worker would fail, too
	$node->caught_up('figures');
	my $queue = $node->data_dir . '/pg_notify';
	my $health = 'SELECT status, reasons FROM oms.health()';
	$listener = $node->listener('postgres', 'oms_dispatch');
	# the queue of the server has a few pages in memory and writes the others
	chmod 0000, $queue;
	$node->sql(q{SELECT count(*) FROM oms.open_tickets('plain', array_fill('{}'::jsonb, '{2000}'))});
	$ticket = $node->sql(q{SELECT oms.open_ticket('plain')});
	ok($node->becomes(q{SELECT failures > 1 FROM oms.worker_errors WHERE step = 'events'}), 'sending fails');
	is($node->sql($health), 'degraded|{"events: sending fails, see oms.worker_errors"}', '… health tells of it');
	my @told = grep { !/lost its row/ } $node->log_lines($log, qr/ERROR:/);
	is(scalar(@told), 1, '… the log has it once') or diag(join "\n", @told);
	chmod 0700, $queue;
	ok($listener->hears($ticket), 'when it works again all is sent');
	ok($node->becomes($health, 'good|{}'), '… and health is good');
	is($node->sql('SELECT count(*) FROM oms.worker_errors'), '0', '… and nothing fails');
	$listener->quit;
}

# ---- slices ----

{
	$node->sql('CREATE DATABASE slices');
	$node->sql('ALTER DATABASE slices SET oms.worker = off');
	$node->install('slices', 'plain');
	$node->sql(q{SELECT count(*) FROM oms.open_tickets('plain', array_fill('{}'::jsonb, '{7000}'));
		SELECT count(*) FROM oms.open_tickets('plain', array_fill('{}'::jsonb, '{5000}'))}, 'slices');
	$node->sql('ALTER DATABASE slices RESET oms.worker');
	$node->worker_up('slices');
	ok($node->becomes('SELECT sum(tickets) FROM oms.seals', '12000', 60, 'slices'), 'the first seals have all tickets');
	is($node->sql('SELECT count(*), max(tickets) FROM oms.seals', 'slices'), '12|1000', '… in slices');
	is($node->sql('SELECT count(*) FROM oms.verify_seals()', 'slices'), '0', '… and they are in order');
	$node->sql(q{SELECT oms.open_ticket('plain')}, 'slices');
	ok($node->becomes('SELECT tickets FROM oms.seals ORDER BY number DESC LIMIT 1', '1', 60, 'slices'), 'the next one has what came since');
	is($node->sql('SELECT oms.seal() = max(number) FROM oms.seals', 'slices'), 't', '… and nothing is left');
}

# ---- retention ----

{
	$node->sql('CREATE DATABASE keeping');
	$node->install('keeping', 'plain', 'chain');
	$node->worker_up('keeping');
	my $open = $node->sql(q{SELECT oms.open_ticket('plain')}, 'keeping');
	my $kept = $node->sql(q{SELECT oms.open_ticket('chain') \gset
		SELECT FROM oms.cancel_ticket(:'open_ticket', 'over')
		\echo :open_ticket}, 'keeping');
	my $locked = $node->sql(q{SELECT oms.open_ticket('plain') \gset
		SELECT FROM oms.cancel_ticket(:'open_ticket', 'over')
		\echo :open_ticket}, 'keeping');
	my $session = $node->session('keeping');
	$session->query('BEGIN');
	$session->query("SELECT oms.comment('$locked', 'wait')");
	$node->sql(q{SELECT oms.set_retention('0', 'plain');
		SELECT count(oms.cancel_ticket(t, 'over')) FROM oms.open_tickets('plain', array_fill('{}'::jsonb, '{250}')) AS t}, 'keeping');
	ok($node->becomes('SELECT count(*) FROM oms.archived_ticket', '250', 60, 'keeping'), 'the worker archives what its rule lets go');
	is($node->sql('SELECT count(*) >= 3, max(count) <= 100 FROM (SELECT count(*) FROM oms.ticket_state_archive GROUP BY xmin::text) AS x', 'keeping'),
		't|t', '… in slices');
	$session->query('ROLLBACK');
	$session->quit;
	ok($node->becomes("SELECT count(*) FROM oms.archived_ticket WHERE ticket_id = '$locked'", '1', 60, 'keeping'),
		'… and what was locked later');
	is($node->sql('SELECT string_agg(ticket_id::text, $$ $$ ORDER BY opened_at) FROM oms.ticket', 'keeping'), "$open $kept",
		'… but nothing that is open, or kept');
	is($node->sql('SELECT (SELECT count(*) FROM oms.check()) + (SELECT count(*) FROM oms.verify_seals())', 'keeping'), '0', '… and all is whole');
	is($node->sql('SELECT status, reasons FROM oms.health()', 'keeping'), 'good|{}', '… and well');
}

# ---- the first roll-up ----

{
	my $cells = q{SELECT md5(string_agg(c::text, ' ' ORDER BY c::text)) FROM oms.rollup AS c};
	ok($node->becomes('SELECT horizon > 0 FROM oms.rollup_state', 't', 90, 'figures'), 'the first roll-up comes');
	my $transactions = $node->sql('SELECT count(DISTINCT xmin::text) FROM oms.rollup', 'figures');
	cmp_ok($transactions, '>=', 3, '… in slices');
	my $before = $node->sql($cells, 'figures');
	$node->sql('SELECT oms.roll_up(everything => true)', 'figures');
	is($node->sql($cells, 'figures'), $before, '… that come to the same as all at once');
	is($node->sql('SELECT count(DISTINCT xmin::text) FROM oms.rollup', 'figures'), '1', '… which is one transaction');
}

is($node->trouble($log, qr/lost its row|could not access status|terminating/), '', 'no trouble in the log');
$node->stop;
done_testing();
