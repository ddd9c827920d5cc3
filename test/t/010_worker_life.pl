# The worker's own life: it comes with the extension, survives signals and crashes, and lets the server stop.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;
use Time::HiRes qw(time);

my $node = OmsNode->make('life', extension => 0);
my ($log, $pid, $launcher, $took);

sub count { return $node->sql('SELECT count(*) FROM oms.ticket') }

# ---- start ----

$launcher = $node->pid_of('oms launcher');
like($launcher, qr/^\d+$/, 'there is a launcher');
is($node->sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'oms launcher' AND datname IS NOT NULL"),
	0, 'the launcher is connected to no database');
$node->no_worker('postgres');
$log = $node->log_position;

$node->install;
$took = $node->becomes("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'oms worker' AND datname = 'postgres'",
	'1');
$node->in_time($took // 99, 1, 'there is a worker within a second after CREATE EXTENSION');
$pid = $node->worker_up;
is($node->sql($node->status_of('postgres', 'pid, state')), "$pid|running", 'worker_status tells of it');
is($node->sql("SELECT application_name, backend_xmin, backend_xid, xact_start FROM pg_stat_activity WHERE pid = $pid"),
	'oms worker|||', 'it has a name and no transaction');
ok($node->fired($node->lease('100 milliseconds')), 'it fires timers');

# ---- signals ----

kill 'TERM', $pid;
$took = $node->becomes("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'oms worker' AND pid <> $pid", '1');
ok($took, 'after SIGTERM there is another worker');
# whatever its exit code, since the launcher starts it and not the server; that of a session is the honest one
ok($node->log_shows(0, qr/background worker "oms worker" \(PID $pid\) exited with exit code 1/), '… it ended like a session');
$pid = $node->worker_up('postgres', $pid);
ok($node->fired($node->lease('100 milliseconds')), '… which fires timers');

kill 'TERM', $launcher;
ok($node->gone($launcher), 'SIGTERM ends the launcher');
ok($node->becomes("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'oms launcher' AND pid <> $launcher", '1'),
	'… and there is another');
is($node->worker_up, $pid, '… while the worker runs on');
kill 'TERM', $pid;
isnt($node->worker_up('postgres', $pid), '', 'the new launcher looks after the worker it did not start');
$pid = $node->worker_up;

# both at once
$launcher = $node->pid_of('oms launcher');
kill 'TERM', $pid, $launcher;
isnt($node->worker_up('postgres', $pid), '', 'both come back');
$pid = $node->worker_up;

is($node->sql("SELECT pg_cancel_backend($pid)"), 't', 'a cancel request is sent');
isnt($node->worker_up, '', 'a cancel request does not end the service');
ok($node->fired($node->lease('100 milliseconds')), '… timers fire');

is($node->trouble($log, qr/terminating background worker|canceling statement/), '', 'the log has nothing else to tell');

# ---- crashes ----

foreach my $victim (qw(worker launcher backend))
{
	my $tickets = count();
	my $session = $node->session;
	my $old = $node->worker_up;
	my $target = $victim eq 'backend' ? $session->query('SELECT pg_backend_pid()')
	  : $node->pid_of("oms $victim");
	my $listener = $node->listener('postgres', 'oms_dispatch');

	# in mid-call: changed, not committed
	$session->query('BEGIN');
	$session->query("SELECT oms.open_ticket('plain') FROM generate_series(1, 100)");
	my $ticket = $node->lease('100 milliseconds');
	$node->crash($target);
	$session->quit;
	$listener->quit;
	isnt($node->worker_up('postgres', $old), '', "kill -9 of a $victim: there is a worker again");
	is(count(), $tickets + 1, '… what was not committed is not there, the rest is');
	ok($node->fired($ticket), '… and the timer from before fires');
}

my @processes = split /
/, $node->sql('SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
$node->kill9;
ok(!(grep { !$node->gone($_) } @processes), 'kill -9 of the postmaster: no process stays behind');
$node->start;
isnt($node->worker_up, '', '… so that the server starts again, with a worker');
ok($node->fired($node->lease('100 milliseconds')), '… which fires timers');

# ---- stop ----

sub stop_and_start
{
	my ($mode, $what) = @_;
	my $start = time;

	$node->stop($mode);
	my $took = time - $start;
	$node->start;
	$node->in_time($took, 3, "$mode stop with $what");
	isnt($node->worker_up, '', '… and the worker is back');
}

$log = $node->log_position;
my $ticket = $node->lease('100 milliseconds');
stop_and_start('fast', 'an idle worker');
ok($node->fired($ticket), 'a timer from before the stop fires');
stop_and_start('immediate', 'an idle worker');
stop_and_start('fast', 'a worker that has just started') for 1 .. 2;

# thousands of timers are due: it is busy for a while
$node->sql("SET oms.now = '2020-01-01'; SELECT count(*) FROM oms.open_tickets('clock', array_fill('{}'::jsonb, '{20000}'))");
ok($node->becomes("SELECT timers_fired > 0 FROM oms.worker_status"), 'the worker is busy');
stop_and_start('fast', 'a busy worker');
ok($node->becomes("SELECT count(*), count(DISTINCT ticket_id) FROM oms.timeline WHERE status = 'breached'", '20000|20000'),
	'what is left over is done then, nothing twice');
is($node->trouble($log, qr/terminating (background worker|connection)|immediate shutdown/), '', 'no trouble in the log');

$node->stop;
done_testing();
