# Events: in order, never before their change can be seen, none lost, whatever way they take.
use strict;
use warnings FATAL => 'all';

use Encode;
use List::Util qw(uniq);
use OmsNode;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = OmsNode->make('events');
my $log = $node->log_position;
my $worker = $node->worker_up;
$node->caught_up;

sub dispatches { return grep { $_->{channel} =~ /^oms_dispatch/ } @_ }

# Has everything been sent?
sub all_sent
{
	my ($db) = @_;
	return $node->becomes($node->status_of($db // 'postgres', 'backlog'), '0');
}

# ---- the whole way of tickets ----

# Has anything been announced from the tables? That is what happens when a commit takes longer than the worker's
# patience, and then events may come twice.
sub tellings { return $node->sql('SELECT COALESCE(told[1], 0) FROM oms.worker_state') }

# 200 tickets go their way, and a listener hears of it.
sub whole_way
{
	my $listener = $node->listener;
	my $reader = $node->session;
	my $batches = $node->sql($node->status_of('postgres', 'batches_sent'));
	my (%seen, $invisible, $disorder, $sender);

	my $writers = join '', map {
		qq(SELECT oms.open_ticket('chain') AS t \\gset
		SELECT oms.stage_done(:'t', 'a'); SELECT oms.stage_done(:'t', 'b');
		SELECT oms.stage_done(:'t', 'c'); SELECT oms.stage_done(:'t', 'd');\n)
	} 1 .. 50;
	my @writers = map { $node->session->start($writers) } 1 .. 4;
	my $deadline = time + $OmsNode::patience;
	my $dispatched = 0;
	while ($dispatched < 800 && time < $deadline)
	{
		$_->ended foreach @writers;
		foreach my $event (dispatches($listener->events))
		{
			my ($ticket, $stage) = @{ $event->{payload} }{qw(ticket stage)};
			$dispatched++;
			$disorder .= "$ticket $stage " if $stage ne chr(ord('a') + ($seen{$ticket} // 0));
			$seen{$ticket}++;
			$invisible .= "$ticket $stage " if $dispatched % 10 == 0
			  && $reader->query("SELECT count(*) FROM oms.timeline WHERE ticket_id = '$ticket' AND stage = '$stage' AND status = 'queued'") ne '1';
			$sender //= $event->{from};
		}
	}
	$_->finish, $_->quit foreach @writers;
	# nothing is left to be announced from the tables either
	$node->becomes('SELECT horizon > (SELECT max(watermark) FROM oms.timeline) FROM oms.worker_state');
	$dispatched += dispatches($listener->events);
	$_->quit foreach $reader, $listener;
	return ($sender, $dispatched, $disorder, $invisible, $node->sql($node->status_of('postgres', 'batches_sent')) - $batches);
}

{
	my ($told, @heard);

	foreach (1 .. 5)
	{
		$told = tellings();
		@heard = whole_way();
		last if tellings() == $told;
	}
	my ($sender, $dispatched, $disorder, $invisible, $batches) = @heard;
	is(tellings(), $told, 'no commit takes longer than a second, once in five times');
	is($sender, $worker, 'the worker sends them');
	is($dispatched, 800, '200 tickets through 4 stages by 4 sessions: each dispatch arrives once, and no more');
	is($disorder, undef, '… those of a ticket in their order');
	is($invisible, undef, '… not before what they tell can be seen');
	cmp_ok($batches, '<', 2400, 'events are gathered while they are many');
}

# ---- rolled back ----

# The tickets that events tell of, up to this one; twice is once.
sub tickets_until
{
	my ($listener, $last) = @_;
	return join ' ', uniq(map { $_->{payload}{ticket} } $listener->gather(sub { grep { $_->{payload}{ticket} eq $last } @_ }));
}

{
	my $listener = $node->listener('postgres', 'oms_dispatch');

	$node->sql(q{BEGIN; SELECT oms.open_ticket('plain'); ROLLBACK});
	$node->psql('postgres', q{BEGIN; SELECT oms.open_ticket('plain'); SELECT 1/0; COMMIT}, on_error_stop => 0);
	my $kept = $node->sql(q{
		BEGIN;
		SAVEPOINT a; SELECT oms.open_ticket('plain'); ROLLBACK TO a;
		SAVEPOINT b; SAVEPOINT c; SELECT oms.open_ticket('plain'); RELEASE c; ROLLBACK TO b;
		SAVEPOINT d; SAVEPOINT e; SELECT oms.open_ticket('plain') AS kept \gset
		RELEASE e; SAVEPOINT f; SELECT oms.open_ticket('plain'); ROLLBACK TO f; RELEASE d;
		COMMIT;
		\echo :kept}) =~ s/.*\n//sr;
	my $last = $node->sql(q{SELECT oms.open_ticket('plain')});
	is(tickets_until($listener, $last), "$kept $last", 'what is rolled back, wholly or to a savepoint, is not announced');
	# a session that dies after its events were noted
	my $session = $node->session;
	$session->query(q{BEGIN; SELECT oms.open_ticket('plain')});
	$node->sql('SELECT pg_terminate_backend(' . $session->query('SELECT pg_backend_pid()') . ')');
	$session->quit;
	$last = $node->sql(q{SELECT oms.open_ticket('plain')});
	is(tickets_until($listener, $last), $last, 'nor what a terminated session had begun');
	# serialization failure at the commit, when places in the ring are reserved already
	my @s = map { $node->session } 1 .. 2;
	$node->sql('CREATE TABLE skew (n int); INSERT INTO skew VALUES (1)');
	foreach (@s)
	{
		$_->query('BEGIN ISOLATION LEVEL SERIALIZABLE');
		$_->query('SELECT sum(n) FROM skew');
		$_->query('INSERT INTO skew VALUES (2)');
		$_->query(q{SELECT oms.open_ticket('plain')});
	}
	my @codes = map { $_->code('COMMIT') } @s;
	is("@codes", ' 40001', 'one of two fails to commit');
	$last = $node->sql(q{SELECT oms.open_ticket('plain')});
	like(tickets_until($listener, $last), qr/^\S+ \Q$last\E$/, '… and is not announced, nor holds up anybody');
	$_->quit foreach @s, $listener;
}

# ---- prepared transactions ----

{
	my $listener = $node->listener('postgres', 'oms_dispatch');
	my $old = $node->session;

	# something older that has not ended
	$old->query('BEGIN');
	$old->query('CREATE TABLE older ()');
	my ($one, $two) = map { $node->sql("BEGIN; SELECT oms.open_ticket('plain'); PREPARE TRANSACTION '$_'") } 'one', 'two';
	$node->sql(q{SELECT oms.open_ticket('plain')});
	$listener->wait_events(1);
	$node->sql(q{ROLLBACK PREPARED 'one'});
	$node->sql(q{COMMIT PREPARED 'two'});
	my $start = time;
	my @tickets;
	while (!grep({ $_ eq $two } @tickets) && time - $start < $OmsNode::patience)
	{
		push @tickets, map { $_->{payload}{ticket} } $listener->wait_events(1, 1);
	}
	ok(scalar(grep { $_ eq $two } @tickets), 'a prepared transaction is announced after COMMIT PREPARED');
	ok(!(grep { $_ eq $one } @tickets), '… one that was rolled back is not');
	$_->quit foreach $old, $listener;
}

# ---- more than the ring holds ----

{
	my $listener = $node->listener('postgres', 'oms_dispatch');

	$node->sql(q{SELECT count(*) FROM oms.open_tickets('plain', array_fill('{}'::jsonb, '{20000}'))});
	# meanwhile: a timer, and a single event
	my $ticket = $node->lease('300 milliseconds');
	ok($node->fired($ticket), 'while 60,000 events are announced a timer fires');
	my $late = $node->sql("SELECT extract(epoch FROM f.at - c.at) FROM oms.timeline AS f, oms.timeline AS c
		WHERE f.ticket_id = '$ticket' AND c.ticket_id = f.ticket_id AND f.status = 'lease_expired' AND c.status = 'in_progress'");
	$node->in_time($late, 0.8, '… in time');
	my %announced;
	my $deadline = time + $OmsNode::patience;
	while (keys %announced < 20001 && time < $deadline)
	{
		$announced{ $_->{payload}{ticket} }++ foreach $listener->wait_events(1000, 1);
	}
	cmp_ok(scalar(keys %announced), '>=', 20001, '20,000 tickets in one transaction: each is announced');
	cmp_ok($node->sql($node->status_of('postgres', 'events_sent')), '<', 200000, '… not many times over');
	ok(all_sent(), '… and the ring is empty');
	$listener->quit;
}

# Many timers that are due at once, while more events than the ring holds are being announced: neither waits for
# the other.
$node->sql(q{SELECT count(*) FROM oms.open_tickets('plain', array_fill('{}'::jsonb, '{20000}'));
	SET oms.now = '2020-01-01'; SELECT count(*) FROM oms.open_tickets('clock', array_fill('{}'::jsonb, '{3000}'))});
ok($node->becomes("SELECT count(*) FROM oms.timeline WHERE status = 'breached'", '3000'), '3,000 timers amidst 40,000 events');
all_sent();

# ---- one bad event ----

{
	my $listener = $node->listener('postgres', 'oms_dispatch');
	my $bad = $node->sql(q{SELECT oms.open_ticket('plain')});

	$listener->wait_events(1);
	my $log = $node->log_position;
	$node->tamper("BEGIN; SELECT oms.reassign('$bad', 'a', 'somebody', 'else');
		UPDATE oms.ticket_state SET finished = '\\x' WHERE ticket_id = '$bad'; COMMIT");
	my $good = $node->sql(q{SELECT oms.open_ticket('plain')});
	ok($listener->hears($good), 'an event that raises an error does not stop the others');
	ok(all_sent(), '… and does not stay');
	cmp_ok(scalar($node->log_lines($log, qr/ERROR/)), '<=', 2, '… and is not logged for ever');
	$listener->quit;
}

# ---- after a restart ----

SKIP:
{
	my $before = $node->sql(q{SELECT oms.open_ticket('plain')});
	all_sent();
	# the worker is stopped, as by a debugger, so that it cannot send
	my $pid = $node->worker_up;
	kill 'STOP', $pid;
	my $unsent = $node->sql(q{SELECT oms.open_ticket('plain')});
	my $claimed = $node->sql(q{SELECT oms.open_ticket('plain')});
	$node->sql("SELECT oms.claim_stage('$claimed', 'a')");
	my $failed = $node->sql(q{SELECT oms.open_ticket('lease') \gset
		SELECT oms.stage_failed(:'open_ticket', 'a', 'no', retryable => false);
		\echo :open_ticket}) =~ s/.*\n//sr;
	$node->crash($pid);
	my $listener;
	$node->until(sub { $listener = eval { $node->listener } ; $listener && $listener->query('SELECT 1') eq '1' });
	my $ready = $listener->query('SELECT clock_timestamp()');
	$node->worker_up('postgres', $pid);
	# what is sent before anybody listens is heard by nobody
	skip 'the worker was there before the listener', 3
	  if $node->sql(qq{SELECT started_at < '$ready' FROM oms.worker_status WHERE database = 'postgres'}) eq 't';
	my $of = sub { my ($channel, $ticket, @events) = @_; grep { $_->{channel} eq $channel && $_->{payload}{ticket} eq $ticket } @events };
	my @events = $listener->gather(sub { $of->('oms_dispatch', $unsent, @_) && $of->('oms_alert', $failed, @_) });
	ok(scalar($of->('oms_dispatch', $unsent, @events)), 'after a crash what was not sent is');
	ok(scalar($of->('oms_alert', $failed, @events)), '… alerts as well');
	is(scalar($of->('oms_dispatch', $claimed, @events)), 0, '… but not what somebody has taken meanwhile');
	$listener->quit;
}

# ---- the other ways ----

# Where an event came from, and how many there were
sub way
{
	my ($db, $settings, $what, $expected) = @_;
	my $listener = $node->listener($db, 'oms_dispatch');
	my $session = $node->session($db);
	my $pid = $session->query('SELECT pg_backend_pid()');

	$session->query($settings) if $settings;
	my $ticket = $session->query(q{SELECT oms.open_ticket('plain')});
	my @events = grep { $_->{payload}{ticket} eq $ticket } $listener->wait_events(1, $expected eq 'nobody' ? 0.5 : undef);
	is(join(' ', map { $_->{from} == $pid ? 'session' : 'worker' } @events) || 'nobody', $expected, $what);
	$session->quit;
	$listener->quit;
	return;
}

way('postgres', '', 'by default the worker sends', 'worker');
way('postgres', 'SET oms.dispatch = transaction', 'oms.dispatch = transaction', 'session');
way('postgres', 'SET oms.dispatch = off', 'oms.dispatch = off', 'nobody');
way('postgres', 'SET oms.worker = off', 'oms.worker = off in the session', 'session');
is($node->code('SET oms.dispatch = sometimes'), '22023', 'there is no fourth');

$node->sql('CREATE DATABASE quiet');
$node->install('quiet');
$node->worker_up('quiet');
$node->sql('ALTER DATABASE quiet SET oms.worker = off');
$node->becomes($node->status_of('quiet', 'state'), 'off');
way('quiet', '', 'without a worker the session sends', 'session');
way('quiet', 'SET oms.worker = on', '… whatever it thinks of it', 'session');

# What went out otherwise, or was not to go out, does not come again when the worker starts.
foreach my $mode (qw(transaction off))
{
	my $db = "mode_$mode";
	$node->sql("CREATE DATABASE $db");
	$node->sql("ALTER DATABASE $db SET oms.dispatch = $mode");
	$node->install($db);
	my $pid = $node->worker_up($db);
	$node->sql(q{SELECT oms.open_ticket('plain')}, $db) for 1 .. 3;
	my $listener = $node->listener($db);
	kill 'TERM', $pid;
	$node->worker_up($db, $pid);
	ok($node->fired($node->lease('1 second', undef, $db), undef, $db), "oms.dispatch = $mode: timers fire");
	my @events = grep { $_->{payload}{ticket} =~ /^P/ } $listener->wait_events(10, 0.5);
	is(scalar(@events), 0, '… and a new worker does not say again what the old mode has dealt with');
	$listener->quit;
}

# ---- a channel for each owner ----

{
	$node->append_conf('postgresql.conf', 'oms.dispatch_channel = owner');
	$node->reload;
	# in characters of two bytes
	my $long = 'ä' x 31;
	my %name = (plain => 'A', spaces => 'Lane 7, "left"', long => $long);
	my %channel;
	foreach (sort keys %name)
	{
		my $quoted = $name{$_} =~ s/"/\\"/gr;
		$node->sql(qq(SELECT oms.create_workflow('{"name": "of_$_", "prefix": "O", "stages": [{"id": "a", "owner": "$quoted"}]}')));
		$channel{$_} = $node->sql("SELECT oms.dispatch_channel('$name{$_}')");
		cmp_ok($node->sql("SELECT octet_length(oms.dispatch_channel('$name{$_}'))"), '<=', 63, "channel of $_ fits");
	}
	is($channel{plain}, 'oms_dispatch.A', 'the name of a channel');
	isnt($node->sql("SELECT oms.dispatch_channel('$long')"), $node->sql("SELECT oms.dispatch_channel('${long}x')"),
		'long names that begin alike have channels of their own');
	$node->becomes('SHOW oms.dispatch_channel', 'owner');
	foreach my $who (sort keys %name)
	{
		my $listener = $node->session;
		$listener->query('LISTEN "' . ($channel{$who} =~ s/"/""/gr) . '"');
		# the worker has read the setting: events come
		my @events;
		$node->sql("SELECT oms.open_ticket('of_$_')") foreach sort keys %name;
		@events = $listener->wait_events(1);
		is(scalar(@events), 1, "$who hears of its own work, and of no other's");
		is(encode('UTF-8', $events[0]{payload}{owner} // ''), $name{$who}, '… in full');
		$listener->quit;
	}
	my $listener = $node->listener('postgres', 'oms_dispatch');
	$node->sql("SELECT oms.open_ticket('of_plain')");
	is(scalar($listener->wait_events(1, 0.3)), 0, 'nobody hears it on the common channel');
	$listener->quit;
	way('quiet', '', 'on the common channel: nothing in-transaction either', 'nobody');
}

is($node->trouble($log, qr/division by zero|could not serialize|terminat|is damaged|server closed|recovery mode|starting up|not yet accepting|invalid value for parameter|WARNING/),
	'', 'no trouble in the log');
$node->stop;
done_testing();
