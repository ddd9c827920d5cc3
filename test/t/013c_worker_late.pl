# A worker that has much to make up for: listeners hear what they still need, live events go beside it, and
# what was said is not said again.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;

my $node = OmsNode->make('late', conf => "oms.seal_interval = 0\n");
my $worker = $node->worker_up;
$node->caught_up;
my $log = $node->log_position;

sub hears_nothing_but
{
	my ($listener, $ticket, $what) = @_;
	my @events;
	push @events, $listener->wait_events(1, 1) until grep { $_->{payload}{ticket} eq $ticket } @events;
	is(join(' ', map { $_->{payload}{ticket} } grep { $_->{payload}{ticket} ne $ticket } @events), '', $what);
	return;
}

# ---- more than the ring holds, while the worker cannot send ----

{
	$node->sql(q{SELECT oms.create_workflow('{"name": "turn", "prefix": "T", "stages": [{"id": "a", "owner": "Desk"}]}');
		CREATE ROLE clerk; SELECT oms.grant_access('clerk', 'agent');
		SELECT oms.set_owner('Desk', kind => 'group', assignment => 'round_robin', members => '{clerk}')});
	my $listener = $node->listener('postgres', qw(oms_dispatch oms_alert));
	my $before = $node->sql(q{SELECT oms.open_ticket('plain')});
	ok($listener->hears($before), 'before: an event is sent');
	ok($node->becomes("SELECT horizon > (SELECT max(watermark) FROM oms.timeline) FROM oms.worker_state"), '… and need not be found again');

	kill 'STOP', $worker;
	my ($failed) = $node->sql(q{SELECT oms.open_ticket('lease') \gset
		SELECT oms.stage_failed(:'open_ticket', 'a', 'no', retryable => false);
		\echo :open_ticket}) =~ /(\S+)\z/;
	my $handed = $node->sql(q{SELECT oms.open_ticket('turn')});
	my $gone = $node->sql(q{SELECT oms.open_ticket('plain')});
	# the ring has room for the first of these and not for the others, and then for one that comes in
	$node->sql(q{SELECT count(*) FROM oms.open_tickets('plain', array_fill('{}'::jsonb, '{3000}'))}) for 1 .. 2;
	$node->sql("SELECT oms.claim_stage('$gone', 'a')");
	my $raised = $node->sql(q{SELECT oms.open_ticket('plain')});
	$node->sql("UPDATE oms.ticket SET priority = 1000 WHERE ticket_id = '$raised'");
	my $said = $node->sql($node->status_of('postgres', 'events_sent'));
	my $live = $node->sql(q{SELECT oms.open_ticket('chain')});
	kill 'CONT', $worker;

	my (%dispatched, %alerted, $before_live);
	my $deadline = time + 120;
	while ((keys %dispatched < 6003 || !$alerted{$failed}) && time < $deadline)
	{
		foreach my $event ($listener->wait_events(1, 1))
		{
			my $ticket = $event->{payload}{ticket};
			$alerted{$ticket}++ if $event->{channel} eq 'oms_alert';
			$before_live //= keys %dispatched if $ticket eq $live;
			$dispatched{$ticket}++ if $event->{channel} eq 'oms_dispatch';
		}
	}
	cmp_ok(scalar(keys %dispatched), '>=', 6003, 'every stage that can be claimed is dispatched');
	cmp_ok($before_live, '<', 6000, '… a new event beside them, not behind them');
	ok($alerted{$failed}, '… and so is an alert');
	ok($dispatched{$handed}, '… a stage that was handed to somebody');
	ok($dispatched{$raised}, '… and one whose place in the queue changed');
	ok(!$dispatched{$before}, '… but none that was dispatched before');
	ok($node->becomes("SELECT horizon > (SELECT max(watermark) FROM oms.timeline) FROM oms.worker_state"), '… and the horizon moves on');
	cmp_ok($node->sql($node->status_of('postgres', 'events_sent')) - $said, '<', 50000, '… not much is said twice');
	$listener->quit;
}

# ---- another worker of the same server ----

{
	$node->sql(q{BEGIN; SELECT oms.open_ticket('plain'); PREPARE TRANSACTION 'open'});
	my ($failed) = $node->sql(q{SELECT oms.open_ticket('lease') \gset
		SELECT oms.stage_failed(:'open_ticket', 'a', 'no', retryable => false);
		\echo :open_ticket}) =~ /(\S+)\z/;
	my $listener = $node->listener('postgres', qw(oms_dispatch oms_alert));
	my $first = $node->sql(q{SELECT oms.open_ticket('plain')});
	ok($listener->hears($first), 'while a transaction is prepared events are sent');
	$listener->wait_events(10, 0.5);
	foreach my $time (1, 2)
	{
		kill 'TERM', $worker;
		$worker = $node->worker_up('postgres', $worker);
		hears_nothing_but($listener, $node->sql(q{SELECT oms.open_ticket('plain')}), "… and another worker says nothing again ($time)");
	}
	$node->sql(q{ROLLBACK PREPARED 'open'});
	$listener->quit;
}

# ---- crash after crash, while a transaction is open ----

# The server crashes, and somebody listens before the new worker is there; what is heard by then of these tickets.
our @channels = ('oms_alert');

sub heard_after_crash
{
	my @tickets = @_;
	my $old = $worker;
	my $told = $node->sql('SELECT COALESCE(told[1], 0) FROM oms.worker_state');

	$node->sql($_) foreach q{ALTER SYSTEM SET oms.databases = 'nowhere'}, 'SELECT pg_reload_conf()';
	ok($node->no_worker('postgres'), 'no worker …');
	my $victim = $node->session;
	my $pid = $victim->query('SELECT pg_backend_pid()');
	$node->crash($pid);
	$victim->quit;
	$node->until(sub { $node->psql('postgres', 'SELECT 1', on_error_stop => 1) == 0 });
	my $listener = $node->listener('postgres', @channels);
	$node->sql($_) foreach q{ALTER SYSTEM RESET oms.databases}, 'SELECT pg_reload_conf()';
	$worker = $node->worker_up('postgres', $old);
	ok($node->becomes("SELECT told[1] > $told FROM oms.worker_state"), '… after a crash another tells all there is');
	my %count;
	$count{ $_->{payload}{ticket} }++ foreach $listener->wait_events(1, 0.5), $listener->events;
	$listener->quit;
	return join ' ', map { $count{$_} // 0 } @tickets;
}

{
	my $fail = q{SELECT oms.open_ticket('lease') \gset
		SELECT oms.stage_failed(:'open_ticket', 'a', 'no', retryable => false);
		\echo :open_ticket};
	my $opened = $node->sql(q{SELECT oms.open_ticket('lease')});
	my $later = $node->sql(q{SELECT oms.open_ticket('lease')});
	my $listener = $node->listener('postgres', 'oms_alert');
	# its number is older than that under which one of its events is filed, and another is a subtransaction's
	my $open = $node->session;
	$open->query('BEGIN; SELECT pg_current_xact_id()');
	$node->sql("SELECT oms.comment('$later', 'first')");
	$open->query("SAVEPOINT s; SELECT oms.stage_failed('$_', 'a', 'no', retryable => false); RELEASE s") foreach $opened, $later;
	$open->query(q{PREPARE TRANSACTION 'open'});
	$open->quit;
	my ($said) = $node->sql($fail) =~ /(\S+)\z/;
	ok($listener->hears($said, 'oms_alert'), 'an alert is heard');
	$listener->quit;
	like(heard_after_crash($said, $opened, $later), qr/\A[01] 0 0\z/, '… perhaps again after a crash');
	is(heard_after_crash($said, $opened, $later), '0 0 0', '… but not after each');
	my ($new) = $node->sql($fail) =~ /(\S+)\z/;
	like(heard_after_crash($said, $new), qr/\A0 [01]\z/, '… a new one perhaps, and the old one not');
	$listener = $node->listener('postgres', 'oms_alert');
	$node->sql(q{COMMIT PREPARED 'open'});
	ok($listener->hears($later, 'oms_alert'), 'what was open is heard of when it is committed');
	$listener->quit;
	is(heard_after_crash($said), '0', 'the horizon moves on');
}

# ---- tickets that were imported just before ----

{
	$node->sql(q{SELECT oms.create_workflow('{"name": "old", "prefix": "OLD", "stages": [{"id": "a", "owner": "Desk"},
		{"id": "b", "owner": "Desk", "dependsOn": ["a"], "slaMins": 60, "warnAt": [50], "escalation": [{"at": "+1m", "notify": "Chief"}]}]}')});
	$node->sql(q{BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'held'});
	my $old = $node->sql(q{SELECT ticket FROM oms.import_tickets('old', '[{"opened_at": "2024-01-02T10:00Z",
		"stages": {"a": {"status": "done", "finished_at": "2024-01-02T11:00Z"}}}]', false)});
	is($node->sql("SELECT string_agg(status, ' ' ORDER BY seq) FROM oms.timeline WHERE ticket_id = '$old' AND status ~ 'warn|breach|escal'"),
		'warning breached escalated', 'an imported ticket has its past');
	my ($failed) = $node->sql(q{SELECT oms.open_ticket('lease') \gset
		SELECT oms.stage_failed(:'open_ticket', 'a', 'no', retryable => false);
		\echo :open_ticket}) =~ /(\S+)\z/;
	local @channels = qw(oms_alert oms_status);
	like(heard_after_crash($old, $failed), qr/^0 [1-9]/, '… of which nobody is told, also not after a crash, as of one that failed now');
	$node->sql(q{ROLLBACK PREPARED 'held'});
}

# ---- a transaction of another database ----

{
	$node->sql("CREATE DATABASE $_") foreach qw(other mine);
	$node->install('mine', 'plain');
	$node->worker_up('mine');
	$node->sql(q{BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'elsewhere'}, 'other');
	my $session = $node->session('other');
	$session->query('BEGIN; CREATE TABLE u ()');
	my $ticket = $node->sql(q{SELECT oms.open_ticket('plain')}, 'mine');
	ok($node->becomes("SELECT horizon > (SELECT max(watermark) FROM oms.timeline) FROM oms.worker_state", 't', undef, 'mine'),
		'transactions of another database do not hold the horizon back');
	is($node->sql("SELECT count(*) FROM oms.changes_since() WHERE ticket = '$ticket'", 'mine'), '2', '… nor what changes_since gives');
	$session->query('ROLLBACK');
	$session->quit;
	$node->sql(q{ROLLBACK PREPARED 'elsewhere'}, 'other');
}

is($node->trouble($log, qr/terminating background worker|terminated by signal|terminating connection|recovery mode|starting up|not yet accepting/), '', 'no trouble in the log');
$node->stop;
done_testing();
