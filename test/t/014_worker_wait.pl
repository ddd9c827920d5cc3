# Waiting: oms.wait_for_work holds nothing while it waits and returns with the work; a worker with nothing to do
# does nothing.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = OmsNode->make('wait');
my $pid = $node->worker_up;
my $start;

sub waiting
{
	my ($number) = @_;
	return $node->becomes("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^CALL oms.wait' AND wait_event_type = 'Extension'",
		$number);
}

# How long a session that was started takes to its end, from now on; undef if it does not end.
sub ends
{
	my ($session, $seconds) = @_;
	return $node->until(sub { $session->ended }, $seconds);
}

# ---- an idle worker ----

sub switches
{
	my ($n) = PostgreSQL::Test::Utils::slurp_file("/proc/$_[0]/status") =~ /^voluntary_ctxt_switches:\s*(\d+)/m;
	return $n;
}

{
	my $launcher = $node->pid_of('oms launcher');
	my $session = $node->session;
	my (@before, @after);

	# At first it still looks for prepared transactions, and notes how far it has come. Then it is not woken at
	# all: three seconds without are to be found.
	my $awake = sub { return (switches($pid), switches($launcher)) };
	my $look = sub {
		return ($awake->(), $session->query(q{SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'}));
	};
	my $since = 0;
	$node->until(sub {
			($since, @before) = (time, $look->()) if !$since || join(' ', $awake->()) ne "@before[0, 1]";
			return time - $since > 3;
		});
	@after = $look->();
	is("@after[0, 1]", "@before[0, 1]", 'an idle worker is not woken in 3 seconds, nor the launcher');
	cmp_ok($after[2] - $before[2], '<=', 4, '… there were no transactions but ours');
	is($node->sql("SELECT backend_xmin, backend_xid, xact_start, state FROM pg_stat_activity WHERE pid = $pid"), '|||idle',
		'… and it holds nothing');
	# the measure can tell
	$node->fired($node->lease('10 milliseconds'));
	cmp_ok(switches($pid), '>', $after[0], 'a worker that has fired a timer was awake');
	$session->quit;
}

# ---- wait_for_work ----

{
	my $session = $node->session;

	# nothing there
	$start = time;
	is($session->code("CALL oms.wait_for_work('A', '200 milliseconds')"), '', 'with nothing to do it returns');
	my $took = time - $start;
	cmp_ok($took, '>=', 0.2, '… when the time is over');
	$node->in_time($took, 0.6, '… not long after');

	# returns on commit
	my $mine = $session->query('SELECT pg_backend_pid()');
	my $other = $node->session;
	$session->start("CALL oms.wait_for_work('A', '20 seconds')");
	ok(waiting(1), 'it waits');
	is($node->sql("SELECT backend_xmin, backend_xid FROM pg_stat_activity WHERE pid = $mine"), '|', '… with no snapshot and no transaction id');
	is($node->sql("SELECT count(*) FROM pg_locks WHERE pid = $mine AND locktype <> 'virtualxid'"), '0', '… and no lock');
	$node->sql('VACUUM oms.stage_state');
	$other->query(q{BEGIN; SELECT oms.open_ticket('plain')});
	ok(!ends($session, 0.3), 'work that is not committed does not wake it');
	$other->query(q{ROLLBACK});
	ok(!ends($session, 0.3), '… nor what is rolled back');
	$node->sql(q{SELECT oms.open_ticket('lease')});
	ok(!ends($session, 0.3), '… nor work of somebody else');
	$other->query(q{SELECT oms.open_ticket('plain')});
	$start = ends($session, 5);
	$node->in_time($start // 99, 0.2, '… but the commit of work of its own, at once');
	is($session->finish, '', '… without an error');

	# there already
	$start = time;
	$session->query("CALL oms.wait_for_work('A', '20 seconds')");
	$node->in_time(time - $start, 1, 'with work there it returns at once');

	# wherever the work comes from
	$node->sql(q{SELECT oms.claim('A', qty => 100)});
	$session->start("CALL oms.wait_for_work('Lessee', '20 seconds')");
	ok(ends($session, 2), 'work of another owner is there');
	$node->sql(q{SELECT oms.claim('Lessee', qty => 100)});
	my $ticket = $node->sql(q{SELECT oms.open_ticket('retry') \gset
		SELECT oms.stage_failed(:'open_ticket', 'a', 'no luck');
		\echo :open_ticket}) =~ s/.*\n//sr;
	$session->finish;
	$session->start("CALL oms.wait_for_work('A', '20 seconds')");
	$start = ends($session, 5) // 99;
	$node->in_time($start, 1.4, 'the end of a pause before a retry wakes it');
	is($node->sql("SELECT ready_at <= clock_timestamp() FROM oms.stage WHERE ticket_id = '$ticket'"), 't', '… not before');
	is($node->sql(q{SELECT count(*) FROM oms.claim('A')}), '1', '… and there is something to claim');
	$session->finish;

	$session->start("CALL oms.wait_for_work('heir', '20 seconds')");
	waiting(1);
	$node->sql("SELECT oms.reassign('$ticket', 'a', 'heir', 'moves')");
	$node->in_time(ends($session, 5) // 99, 0.3, 'a stage that is reassigned to it');
	$session->finish;

	$session->start("CALL oms.wait_for_work('C', '20 seconds')");
	waiting(1);
	$node->sql(q{BEGIN; SELECT oms.open_ticket('chain') AS t \gset
		SELECT oms.stage_done(:'t', 'a'); SELECT oms.stage_done(:'t', 'b'); PREPARE TRANSACTION 'later'});
	ok(!ends($session, 0.3), 'a prepared transaction does not wake it');
	$node->sql(q{COMMIT PREPARED 'later'});
	ok(ends($session, 60), '… its COMMIT PREPARED does');
	$session->finish;

	# only where it may commit
	is($session->code("BEGIN; CALL oms.wait_for_work('A', '1 second')"), '25001', 'not in a transaction block');
	$session->query('ROLLBACK');
	is($session->code("DO \$\$ BEGIN CALL oms.wait_for_work('nobody', '10 milliseconds'); END \$\$"), '', 'in a DO block that may commit');
	is($session->code("CALL oms.wait_for_work('A', '-1 second')"), '22023', 'not for a negative time');
	is($session->code("CALL oms.wait_for_work(NULL, '1 second')"), '22023', 'not for nobody');
	is($session->code("SET statement_timeout = 200; CALL oms.wait_for_work('nobody', '20 seconds')"), '57014', 'statement_timeout ends it');
	is($session->code("SET statement_timeout = 0; SELECT 1"), '', '… and the session goes on');
	$session->start("CALL oms.wait_for_work('nobody', '20 seconds')");
	waiting(1);
	$node->sql("SELECT pg_cancel_backend($mine)");
	ok(ends($session, 5), 'a cancel request ends it');
	like($session->finish, qr/57014/, '… with an error');
	$_->quit foreach $session, $other;
}

# What cannot be claimed is passed over: no round after round for nothing
{
	my $session = $node->session;
	my $other = $node->session;
	my $ticket;

	$node->sql(q{SELECT oms.claim('A', qty => 100); SELECT oms.claim('Lessee', qty => 100)});
	$ticket = $node->sql(q{SELECT oms.open_ticket('plain')});
	foreach my $end ('COMMIT', 'ROLLBACK', 'ROLLBACK TO s')
	{
		$other->query(qq{BEGIN; SAVEPOINT s; SELECT oms.comment('$ticket', 'wait')});
		$session->start("CALL oms.wait_for_work('A', '20 seconds')");
		ok(waiting(1), 'a ticket that another session has is no work');
		ok(!ends($session, 0.7), '… for as long as it has it');
		$other->query($end);
		$node->in_time(ends($session, 5) // 99, 0.3, "… until $end, which is told");
		is($session->finish, '', '… without an error');
		is($session->query(q{SELECT ticket FROM oms.claim('A')}), $ticket, '… and it can be claimed');
		$session->query("SELECT oms.release('$ticket', 'a')");
		$other->query('ROLLBACK') if $end =~ /TO/;
	}
	$other->query(qq{BEGIN; SELECT FROM oms.ticket_state WHERE ticket_id = '$ticket' FOR UPDATE});
	$session->start("CALL oms.wait_for_work('A', '20 seconds')");
	ok(waiting(1), 'nor one that an administrator has locked');
	$other->query('COMMIT');
	ok(ends($session, 5), '… until that is over');
	$session->finish;
	$node->sql(q{SELECT oms.claim('A', qty => 100)});

	$node->sql(q{SELECT oms.create_workflow('{"name": "two pairs", "stages": [{"id": "a", "owner": "First"},
		{"id": "b", "owner": "Second", "dependsOn": ["a"], "notSameAs": "a"}]}') \g /dev/null
		SELECT oms.open_ticket('two pairs') AS t \gset
		SELECT count(*) FROM oms.claim('First', 'ann') \g /dev/null
		SELECT oms.stage_done(:'t', 'a')});
	$start = time;
	$session->query("CALL oms.wait_for_work('Second', '20 seconds', 'bob')");
	$node->in_time(time - $start, 5, 'work that bob can take');
	$start = time;
	$session->query("CALL oms.wait_for_work('Second', '20 seconds')");
	$node->in_time(time - $start, 5, '… and the calling role');
	$session->start("CALL oms.wait_for_work('Second', '20 seconds', 'ann')");
	ok(waiting(1), '… is none for ann, who did the stage before');
	ok(!ends($session, 0.5), '… and she waits');
	$node->sql(q{SELECT oms.open_ticket('two pairs') AS t \gset
		SELECT oms.stage_done(:'t', 'a')});
	$node->in_time(ends($session, 5) // 99, 0.3, '… until there is another');
	is($session->finish, '', '… without an error');
	is($session->query(q{SELECT count(*) FROM oms.claim('Second', 'ann')}), '1', '… which she can claim');
	is($node->sql('SELECT count(*) FROM oms.claim(\'Second\', \'ann\')'), '0', '… and no other');
	$_->quit foreach $session, $other;
}

# A session whose client is gone does not wait for the rest of its time
{
	my $session = $node->session;
	my $mine = $session->query('SELECT pg_backend_pid()');

	$session->start("CALL oms.wait_for_work('nobody', '1 hour')");
	ok(waiting(1), 'it waits');
	$session->{run}->kill_kill;
	ok($node->until(sub { $node->sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $mine") eq '0' }), '… no longer than its client is there');
}

# Many at once
{
	my @sessions = map { $node->session } 1 .. 20;
	$node->sql(q{SELECT oms.claim('A', qty => 100); SELECT oms.claim('Lessee', qty => 100)});
	$_->start("CALL oms.wait_for_work('A', '20 seconds')") foreach @sessions;
	ok(waiting(20), '20 wait');
	$node->sql(q{SELECT oms.open_ticket('plain')});
	$start = time;
	is(scalar(grep { ends($_, 5) } @sessions), 20, '… and all are woken');
	$node->in_time(time - $start, 1, '… at once');
	my @got = grep { $_ ne '' } map { $_->finish; $_->query(q{SELECT ticket FROM oms.claim('A')}) } @sessions;
	is(scalar(@got), 1, '… one gets it');
	# the server can stop while some wait
	$_->start("CALL oms.wait_for_work('nobody', '1 hour')") foreach @sessions;
	waiting(20);
	$node->stop('fast');
	ok(!-e $node->data_dir . '/postmaster.pid', 'those who wait do not keep the server from stopping');
	$_->quit foreach @sessions;
}

done_testing();
