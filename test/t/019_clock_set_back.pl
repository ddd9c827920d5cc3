# The clock of the machine is set back: the worker goes on at once, and times of a ticket do not go back.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;
use Time::HiRes qw(time);

# A library that moves the clock of a process, preloaded: the offset in seconds stands in a file. (libfaketime does
# not do it: up to PostgreSQL 15 the postmaster forks background workers out of a signal handler that interrupted
# select(), and in processes born there it stays silent.)
my $dir = PostgreSQL::Test::Utils::tempdir();
my $clock = "$dir/clock";
my $node = OmsNode->make('clock', start => 0);

PostgreSQL::Test::Utils::append_to_file("$dir/moved.c", <<'C');
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec now;
	char		offset[32] = "";
	int			file = open(getenv("MOVED_CLOCK"), O_RDONLY);

	if (file >= 0)
	{
		if (read(file, offset, sizeof(offset) - 1) < 0)
			offset[0] = '\0';
		close(file);
	}
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	tv->tv_sec = now.tv_sec + atol(offset);
	tv->tv_usec = now.tv_nsec / 1000;
	return 0;
}
C
plan skip_all => 'no C compiler'
  if system("cc -shared -fPIC -o '$dir/moved.so' '$dir/moved.c' >'$dir/moved.log' 2>&1") != 0;

# The clock of the server from now on, in seconds from the real one
sub set_clock
{
	open my $file, '>', "$clock.new" or die;
	print $file "$_[0]\n";
	close $file;
	rename "$clock.new", $clock or die;
	return;
}

set_clock(0);
{
	local %ENV = (%ENV, LD_PRELOAD => "$dir/moved.so", MOVED_CLOCK => $clock);
	$node->start;
}
$node->install;
my $log = $node->log_position;
$node->worker_up;

my $before = $node->sql('SELECT clock_timestamp()');
set_clock(-3600);
is($node->sql("SELECT clock_timestamp() < '$before'"), 't', 'the clock was set back');
set_clock(0);

my $listener = $node->listener('postgres', 'oms_dispatch');
my $session = $node->session;
my $locked = $node->locked_lease($session);
ok($node->fired($node->lease('100 milliseconds')), 'timers fire');

# Many events, so that the worker gathers; then the clock goes back an hour.
$node->sql(q{SELECT oms.open_ticket('plain') FROM generate_series(1, 2000)});
set_clock(-3600);
my $ticket = $node->sql(q{SELECT oms.open_ticket('plain')});
my $start = time;
ok($listener->hears($ticket, 'oms_dispatch', 60), 'an hour back: events are sent');
my $took = time - $start;
$node->in_time($took, 2, '… at once');
ok($node->fired($node->lease('200 milliseconds')), '… new timers fire');
ok($node->fired($node->lease('200 milliseconds')), '… again');

# The one that is locked: its lease ends by the clock, which has an hour to go; then it is back.
$session->query('COMMIT');
$session->quit;
is($node->sql("SELECT status FROM oms.stage WHERE ticket_id = '$locked'"), 'in_progress', 'what was due by the other clock is not, by this one');
set_clock(0);
$node->sql(q{SELECT oms.open_ticket('lease'); SELECT oms.claim('Lessee', lease => '10 milliseconds')});
ok($node->fired($locked), '… and is when it is set right');

# Back for good while tickets are open: times in a timeline do not go back
$ticket = $node->sql(q{SELECT oms.open_ticket('chain')});
set_clock(-86400);
$node->sql("SELECT oms.stage_done('$ticket', 'a')");
is($node->sql("SELECT bool_and(at >= before) FROM (SELECT at, lag(at) OVER (ORDER BY seq) AS before FROM oms.timeline
	WHERE ticket_id = '$ticket') AS x"), 't', 'the times of a ticket do not go back');
is($node->sql('SELECT count(*) FROM oms.verify_timeline()'), '0', '… its timeline is sound');

# A worker that ends is replaced, a ticket that is locked is tried again, a day back as well
my $pid = $node->worker_up;
kill 'TERM', $pid;
isnt($node->worker_up('postgres', $pid, 5), '', 'a worker that ends is replaced');
$pid = $node->worker_up;
set_clock(-172800);
kill 'TERM', $pid;
isnt($node->worker_up('postgres', $pid, 5), '', '… also when the clock was set back since it started');
{
	my $session = $node->session;
	my $ticket = $node->lease('100 milliseconds');
	$session->query("BEGIN; SELECT oms.comment('$ticket', 'this takes long')");
	ok($node->fired($node->lease('300 milliseconds')), 'while a ticket is locked others fire');
	$session->query("COMMIT");
	ok($node->fired($ticket), '… and it fires when it is free');
	$session->quit;
}
$listener->quit;
is($node->trouble($log, qr/terminating background worker/), '', 'no trouble in the log');

$node->stop('immediate');
done_testing();
