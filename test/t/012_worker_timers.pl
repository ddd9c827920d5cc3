# Timers: to the millisecond, each once, in order; those of others go on whatever happens to one.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;
use Time::HiRes qw(time);

my $node = OmsNode->make('timers');
my $log = $node->log_position;

$node->worker_up;

# ---- exact ----

# Leases that end at moments spread over half a second; how late each was, in milliseconds
$node->sql(q{CREATE TABLE lease (ticket oms.ticket_id, until timestamptz)});
$node->sql(q{SELECT count(*) FROM oms.open_tickets('lease', array_fill('{}'::jsonb, '{50}'));
	INSERT INTO lease SELECT c.ticket, c.lease_until
	FROM generate_series(1, 50) AS i, oms.claim('Lessee', lease => '300 milliseconds'::interval + i * '10 milliseconds'::interval) AS c});
ok($node->becomes("SELECT count(*) FROM oms.timeline WHERE status = 'lease_expired'", '50'), '50 leases end');
my $late = q{SELECT extract(epoch FROM percentile_disc(%s) WITHIN GROUP (ORDER BY t.at - l.until)) * 1000
	FROM lease AS l JOIN oms.timeline AS t ON t.ticket_id = l.ticket AND t.status = 'lease_expired'};
cmp_ok($node->sql(sprintf $late, 0), '>=', 0, '… none too early');
# … but for the time that any process waits for a processor here and now
my $nap = q{SELECT extract(epoch FROM percentile_disc(%s) WITHIN GROUP (ORDER BY b - a)) * 1000 - 10
	FROM (SELECT clock_timestamp() AS a, pg_sleep(0.01), clock_timestamp() AS b FROM generate_series(1, 50)) AS n};
cmp_ok($node->sql(sprintf $late, 0.5), '<', 20 + 10 * $node->sql(sprintf $nap, 0.5), '… half of them within 20 ms');
cmp_ok($node->sql(sprintf $late, 0.9), '<', 100 + 10 * $node->sql(sprintf $nap, 0.9), '… nearly all within 100 ms');
is($node->sql(q{SELECT array_agg(ticket ORDER BY until) = array_agg(ticket ORDER BY at, ticket)
	FROM lease JOIN oms.timeline ON ticket_id = ticket AND status = 'lease_expired'}), 't', '… in order');
is($node->sql($node->status_of('postgres', 'timers_fired >= 50 AND late_p50_ms < 20 AND late_max_ms >= late_p99_ms')), 't',
	'… as worker_status says');

# The nearer one wakes it: a far timer first
my $far = $node->lease('1 hour');
ok($node->fired($node->lease('100 milliseconds')), 'a nearer timer is not kept waiting by a far one');
is($node->sql($node->status_of('postgres', "nearest_timer > clock_timestamp() + '50 minutes'")), 't', '… the far one is next then');

# The pause before a retry: the dispatch comes when it is over
{
	my $listener = $node->listener('postgres', 'oms_dispatch');
	my $start;

	$node->sql(q{SELECT oms.open_ticket('retry') \gset
		SELECT oms.stage_failed(:'open_ticket', 'a', 'no luck')});
	$start = time;
	my @events = $listener->wait_events(2);
	is(join(' ', map { $_->{payload}{attempt} } @events), '1 2', 'a dispatch at once, the next after the pause');
	my $took = time - $start;
	cmp_ok($took, '>', 0.8, '… not before');
	$node->in_time($took, 1.5, '… not long after');
	$listener->quit;
}

# A stage done in time is not touched by its timer.
my $ticket = $node->sql(q{SELECT oms.open_ticket('lease') \gset
	SELECT token FROM oms.claim('Lessee', lease => '200 milliseconds') WHERE ticket = :'open_ticket' \gset
	SELECT oms.stage_done(:'open_ticket', 'a', '{}', :token);
	\echo :open_ticket}) =~ s/.*\n//sr;
ok($node->fired($node->lease('250 milliseconds')), 'a later timer has fired');
is($node->sql("SELECT status FROM oms.stage WHERE ticket_id = '$ticket'"), 'done', '… one whose stage was done in time does nothing');

# ---- what is rolled back leaves no timer ----

my $fired = $node->sql($node->status_of('postgres', 'nearest_timer'));
$node->sql(q{BEGIN; SELECT oms.open_ticket('lease'); SELECT oms.claim('Lessee', lease => '1 minute'); ROLLBACK;
	BEGIN; SELECT oms.open_ticket('plain');
	SAVEPOINT s; SELECT oms.open_ticket('lease'); SELECT oms.claim('Lessee', lease => '1 minute'); ROLLBACK TO s;
	COMMIT});
is($node->sql($node->status_of('postgres', 'nearest_timer')), $fired, 'what is rolled back arms nothing');
$node->sql(q{BEGIN; SAVEPOINT s; SELECT oms.open_ticket('lease'); SELECT oms.claim('Lessee', lease => '1 minute'); RELEASE s; COMMIT});
is($node->sql($node->status_of('postgres', "nearest_timer < '$fired'")), 't', 'what is released and committed does');

# ---- a ticket that is locked ----

{
	my $session = $node->session;
	$ticket = $node->locked_lease($session);
	my $other = $node->lease('300 milliseconds');
	ok($node->fired($other), 'while a ticket is locked the timers of others fire');
	ok($node->fired($node->lease('50 milliseconds')), '… again and again');
	is($node->sql("SELECT status FROM oms.stage WHERE ticket_id = '$ticket'"), 'in_progress', '… and its own does not');
	my $start = time;
	$session->query('COMMIT');
	ok($node->fired($ticket), '… but does when the lock is gone');
	$node->in_time(time - $start, 1, '… soon');
	is($node->sql("SELECT count(*) FROM oms.timeline WHERE ticket_id = '$ticket' AND status = 'lease_expired'"), '1', '… once');
	$session->quit;
}

# Tables that are locked as a whole
{
	my $session = $node->session;
	$ticket = $node->lease('100 milliseconds');
	$session->query('BEGIN; LOCK oms.timeline IN ACCESS EXCLUSIVE MODE');
	is($session->query('SELECT pg_sleep(0.3)'), '', 'a table is locked');
	is($node->sql("SELECT count(*) FROM pg_locks WHERE NOT granted"), '0', '… the worker does not queue for it');
	$session->query('COMMIT');
	ok($node->fired($ticket), '… the timer fires when it is free');
	$session->quit;
}

# What not everything needs holds up nothing else: the archive, the seals, and one who seals and goes on
{
	my $worker = $node->worker_up;
	my $session = $node->session;
	$node->sql($_) foreach q{ALTER SYSTEM SET oms.seal_interval = '1s'}, 'SELECT pg_reload_conf()';
	foreach my $held ('LOCK oms.timeline_archive IN ACCESS EXCLUSIVE MODE', 'LOCK oms.seal_leaf IN ACCESS EXCLUSIVE MODE', 'SELECT oms.seal()')
	{
		$session->query('BEGIN');
		$session->query($held);
		# a new worker looks at everything first, and wants to seal when it has fired the timer
		$node->sql("SELECT pg_terminate_backend($worker)");
		$worker = $node->worker_up('postgres', $worker);
		ok($node->fired($node->lease('1500 milliseconds')), "a timer fires during $held");
		ok($node->fired($node->lease('100 milliseconds')), '… and the next one');
		is($node->sql('SELECT count(*) FROM pg_locks WHERE NOT granted'), '0', '… and the worker does not queue');
		$session->query('COMMIT');
	}
	my $ticket = $node->sql(q{SELECT oms.open_ticket('plain')});
	ok($node->becomes("SELECT count(*) > 0 FROM oms.seal_leaf WHERE ticket_id = '$ticket'"), 'when all is free it seals again');
	$node->sql($_) foreach 'ALTER SYSTEM RESET oms.seal_interval', 'SELECT pg_reload_conf()';
	$session->quit;
}
is($node->trouble($log, qr/terminating background worker/), '', 'no trouble in the log so far');

# ---- damaged tickets ----

# Stages whose leases end soon, of tickets that are damaged from the start, in a table
sub spoilt
{
	my ($table, $number) = @_;
	$node->tamper("BEGIN; SELECT count(*) FROM oms.open_tickets('lease', array_fill('{}'::jsonb, '{$number}'));
		CREATE TABLE $table AS SELECT ticket FROM oms.claim('Lessee', qty => $number, lease => '300 milliseconds');
		UPDATE oms.ticket_state SET finished = '\\x' WHERE ticket_id IN (SELECT ticket FROM $table); COMMIT");
	return $node->sql("SELECT min(ticket::text) FROM $table");
}
sub repair { $node->tamper("UPDATE oms.ticket_state SET finished = '\\x00' WHERE $_[0]") }

sub errors { return scalar $node->log_lines($log, qr/ERROR/) }

# A worker that spins would run thousands of rounds.
sub is_at_rest
{
	my ($what) = @_;
	my $pid = $node->worker_up;
	my $switches = sub {
		my ($n) = PostgreSQL::Test::Utils::slurp_file("/proc/$pid/status") =~ /^voluntary_ctxt_switches:\s*(\d+)/m;
		my ($cpu) = PostgreSQL::Test::Utils::slurp_file("/proc/$pid/stat") =~ /\) (?:\S+ ){11}(\d+)/;
		return ($n, $cpu);
	};
	my @before = $switches->();
	$node->sql('SELECT pg_sleep(1)');
	my @after = $switches->();
	cmp_ok($after[0] - $before[0], '<', 20, $what);
	cmp_ok($after[1] - $before[1], '<', 10, '… and takes no CPU');
}

is($node->sql("SELECT finished FROM oms.ticket_state WHERE ticket_id = '$ticket'"), '\\x00', 'this is how a sound ticket looks');
$log = $node->log_position;
$ticket = spoilt('one', 1);
ok($node->fired($node->lease('400 milliseconds')), 'a timer that raises an error does not stop the others');
ok($node->becomes("SELECT ticket_id, stage_no, error FROM oms.worker_errors", "$ticket|1|stored state of ticket $ticket is damaged"),
	'… it is shown');
ok($node->becomes("SELECT failures >= 2 FROM oms.worker_errors"), '… tried again');
is(errors(), 1, '… and logged once');
ok($node->fired($node->lease('50 milliseconds')), 'others go on');
repair("ticket_id = '$ticket'");
ok($node->fired($ticket), 'repaired it fires');
ok($node->becomes('SELECT count(*) FROM oms.worker_errors', '0'), '… and is not shown any more');
is_at_rest('… the worker is at rest');

# More than there is room to show
$log = $node->log_position;
spoilt('many', 40);
ok($node->fired($node->lease('1 second')), '40 bad ones do not stop the others');
ok($node->fired($node->lease('200 milliseconds')), '… nor later');
is(errors(), 40, '… each is logged once');
cmp_ok($node->sql('SELECT count(*) FROM oms.worker_errors'), '>', 20, '… most are shown');
repair('ticket_id IN (SELECT ticket FROM many)');
ok($node->becomes("SELECT count(*) FROM oms.stage WHERE ticket_id IN (SELECT ticket FROM many) AND status = 'failed'", '40'),
	'repaired they fire');
ok($node->becomes('SELECT count(*) FROM oms.worker_errors', '0'), '… and are not shown any more');
is_at_rest('… the worker is at rest');
is(errors(), 40, 'nothing more in the log');

# ---- settings of the database ----

$node->sql('CREATE DATABASE hostile');
$node->install('hostile', 'lease', 'plain');
$node->sql("ALTER DATABASE hostile SET $_")
  foreach ('statement_timeout = 1', 'lock_timeout = 1', 'idle_in_transaction_session_timeout = 1',
	'idle_session_timeout = 1', 'default_transaction_read_only = on', "default_transaction_isolation = 'serializable'",
	'default_transaction_deferrable = on', "search_path = 'nowhere'", "TimeZone = 'Asia/Kathmandu'", "DateStyle = 'German'",
	"IntervalStyle = 'sql_standard'", 'synchronous_commit = remote_apply', "session_replication_role = 'replica'",
	'row_security = off', 'jit_above_cost = 0', "client_min_messages = 'error'", 'default_statistics_target = 1',
	'enable_indexscan = off');
$log = $node->log_position;
{
	local $ENV{PGOPTIONS} = '-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0 '
	  . '-c idle_session_timeout=0 -c default_transaction_read_only=off -c default_transaction_deferrable=off';
	# started again by the settings
	my $pid = $node->worker_up('hostile');
	my $listener = $node->listener('hostile');
	$ticket = $node->lease('100 milliseconds', undef, 'hostile');
	ok($node->fired($ticket, undef, 'hostile'), 'hostile settings of the database: timers fire');
	my $dispatches = sub { grep { $_->{channel} eq 'oms_dispatch' } @_ };
	my $failures = sub { grep { ($_->{payload}{kind} // '') eq 'failed' } @_ };
	my @events = $listener->gather(sub { $dispatches->(@_) && $failures->(@_) });
	is(scalar($dispatches->(@events)), 1, '… events are sent');
	is(scalar($failures->(@events)), 1, '… alerts as well');
	is($node->worker_up('hostile'), $pid, '… and the worker lives');
	is($node->sql("SELECT count(*) FROM oms.verify_timeline()", 'hostile'), '0', '… the timeline is sound');
	$listener->quit;
}
is($node->trouble($log), '', '… without trouble in the log');

# ---- a restart with much that is overdue ----

$node->sql('CREATE DATABASE late');
$node->install('late');
$node->worker_up('late');
$node->sql('ALTER DATABASE late SET oms.worker = off');
$node->no_worker('late');
# due in the reverse order of their numbers
$node->sql(q{SET oms.now = '2020-01-01 00:10+00'; SELECT count(*) FROM oms.open_tickets('clock', array_fill('{}'::jsonb, '{1000}'));
	SET oms.now = '2020-01-01 00:08+00'; SELECT count(*) FROM oms.open_tickets('clock', array_fill('{}'::jsonb, '{1000}'));
	SET oms.now = '2020-01-01 00:06+00'; SELECT count(*) FROM oms.open_tickets('clock', array_fill('{}'::jsonb, '{1000}'));
	SET oms.now = '2020-01-01 00:04+00'; SELECT count(*) FROM oms.open_tickets('clock', array_fill('{}'::jsonb, '{1000}'));
	SET oms.now = '2020-01-01 00:02+00'; SELECT count(*) FROM oms.open_tickets('clock', array_fill('{}'::jsonb, '{1000}'));}, 'late');
$node->stop;
$node->start;
$node->sql('ALTER DATABASE late RESET oms.worker');
ok($node->becomes("SELECT count(*) FROM oms.timeline WHERE status = 'breached'", '5000', undef, 'late'), '5,000 overdue timers fire');
is($node->sql(q{SELECT count(*) FROM (SELECT ticket_id FROM oms.timeline WHERE status = 'breached' GROUP BY 1 HAVING count(*) > 1) AS x}, 'late'),
	'0', '… each once');
is($node->sql(q{SELECT count(*) FROM (SELECT note, lag(note) OVER (ORDER BY watermark, at) AS before FROM oms.timeline WHERE status = 'breached') AS x
	WHERE note < before}, 'late'), '0', '… in the order in which they were due');
cmp_ok($node->sql(q{SELECT count(DISTINCT watermark) FROM oms.timeline WHERE status = 'breached'}, 'late'), '<=', 100,
	'… with few transactions');
cmp_ok($node->sql(q{SELECT count(DISTINCT watermark) FROM oms.timeline WHERE status = 'breached'}, 'late'), '>=', 5,
	'… but not all with one');

$node->stop;
done_testing();
