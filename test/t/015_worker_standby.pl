# Standby and promotion: in recovery there is no worker and nothing can be changed; a promoted standby takes over,
# unless that is not wanted.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;

my $primary = OmsNode->make('primary', streaming => 1, conf => "wal_level = replica\nmax_wal_senders = 10\nshared_buffers = 16MB\n");
my $log;

$primary->worker_up;
$primary->backup('base');

sub standby
{
	my ($name, $conf) = @_;
	my $node = OmsNode->new($name);

	$node->init_from_backup($primary, 'base', has_streaming => 1);
	$node->append_conf('postgresql.conf', $conf) if $conf;
	$node->start;
	return $node;
}

my $one = standby('one');
my $quiet = standby('quiet', 'oms.start_after_promotion = off');

# Left to do for whoever comes next
my $claimed = $primary->lease('2 seconds');
my $paused = $primary->sql(q{SELECT oms.open_ticket('retry') \gset
	SELECT oms.stage_failed(:'open_ticket', 'a', 'no luck');
	\echo :open_ticket}) =~ s/.*\n//sr;
my $worker = $primary->worker_up;
kill 'STOP', $worker;	# so that the primary sends no more
my $unsent = $primary->sql(q{SELECT oms.open_ticket('plain')});
$primary->wait_for_catchup($_) foreach $one, $quiet;

# ---- in recovery ----

is($one->sql('SELECT pg_is_in_recovery()'), 't', 'in recovery');
is($one->workers, '', 'there is neither launcher nor worker on a standby');
is($one->code($_), '25006', "refused: $_")
  foreach ('SELECT oms.tick()', q{SELECT oms.open_ticket('plain')}, q{SELECT oms.claim('A')},
	"SELECT oms.comment('$unsent', 'hello')", "SELECT oms.stage_done('$unsent', 'a')", 'CREATE EXTENSION oms');
is($one->sql("SELECT status FROM oms.stage WHERE ticket_id = '$unsent'"), 'queued', 'reading works');
is($one->sql('SELECT oms.version()'), '1.0', '… and asking');
is($one->sql("SELECT count(*) FROM oms.next_stages('$unsent')"), '1', '… and working out');
is($one->sql('SELECT count(*) FROM oms.verify_timeline()'), '0', '… and checking');
is($one->code("CALL oms.wait_for_work('A', '1 second')"), '', 'wait_for_work finds what is there');
is($one->trouble(0, qr/cannot execute|FATAL:  (the database system is|could not)|terminating walreceiver|WARNING/), '', 'no trouble in the log');

# ---- promotion ----

$primary->kill9;
kill 'KILL', $worker;

$log = $one->log_position;
$one->promote;
$one->becomes('SELECT NOT pg_is_in_recovery()');
my $listener = $one->listener;
isnt($one->worker_up, '', 'promoted: there is a worker');
ok($one->fired($claimed), '… it fires the timers of before');
ok($one->becomes("SELECT timer_at IS NULL FROM oms.stage WHERE ticket_id = '$paused'"), '… pauses end');
ok($one->fired($one->lease('100 milliseconds')), '… new timers fire');
my $new = $one->sql(q{SELECT oms.open_ticket('plain')});
is($listener->hears($new), 1, '… and events are sent');
is($one->sql('SELECT count(*) FROM oms.verify_timeline()'), '0', '… the timeline is sound');
$listener->quit;

# who is there at once hears what was not sent
{
	my $second = $quiet;
	$log = $second->log_position;
	$second->promote;
	$second->becomes('SELECT NOT pg_is_in_recovery()');
	ok($second->log_shows($log, qr/oms: workers do not start after a promotion/), 'with start_after_promotion = off the log says so');
	my $listener = $second->listener;
	my $ticket = $second->lease('50 milliseconds');
	is(scalar($listener->wait_events(1, 1)), 0, '… no event is sent');
	is($second->sql("SELECT status FROM oms.stage WHERE ticket_id = '$ticket'"), 'in_progress', '… no timer fires');
	is($second->sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'oms worker'"), '0', '… there is no worker');

	# still so after a crash of one process
	my $session = $second->session;
	$second->crash($session->query('SELECT pg_backend_pid()'));
	$session->quit;
	$listener->quit;
	$second->becomes("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'oms launcher'", '1');
	is($second->sql('SELECT pg_sleep(1)'), '', '… the launcher has had its time');
	is($second->sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'oms worker'"), '0', '… there is none after a crash either');

	$second->append_conf('postgresql.conf', 'oms.start_after_promotion = on');
	$listener = $second->listener('postgres', 'oms_dispatch');
	$second->reload;
	isnt($second->worker_up, '', 'switched on it starts');
	ok($second->fired($ticket), '… and fires what is due');
	ok($listener->hears($unsent), '… and announces what the primary had not');
	$listener->quit;
	$second->append_conf('postgresql.conf', 'oms.start_after_promotion = off');
	$second->restart;
	isnt($second->worker_up, '', 'a restart of a server that is no standby is no promotion');
	$second->stop;
}
$one->stop;
done_testing();
