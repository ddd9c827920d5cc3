# The worker and the databases: the extension comes and goes, databases are dropped, copied, renamed and closed,
# settings of databases change. The worker follows, and stands in nobody's way.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;
use Time::HiRes qw(time);

my $node = OmsNode->make('databases', extension => 0);
my $log = $node->log_position;
my ($pid, $start);

sub state_is
{
	my ($db, $state, $what) = @_;
	ok($node->becomes($node->status_of($db, 'state'), $state), $what);
}

# A command that needs the database for itself: succeeds, and soon.
sub quick
{
	my ($sql) = @_;
	my ($start, $took, $code);

	# What it takes without a worker
	$start = time;
	$node->sql('CREATE DATABASE of_nobody');
	$node->sql('DROP DATABASE of_nobody');
	my $usual = time - $start;

	# The server itself gives a worker five seconds to leave: enough on a quiet machine, where it is asked once.
	foreach (0 .. 4 * $node->pace)
	{
		$start = time;
		$code = $node->code($sql);
		$took = time - $start;
		last if $code ne '55006';
	}

	is($code, '', $sql);
	cmp_ok($took, '<', 3 + 3 * $usual, '… soon');
}

# ---- CREATE and DROP EXTENSION ----

$node->sql('BEGIN; CREATE EXTENSION oms; ROLLBACK');
$node->no_worker('postgres');
$node->install;
$pid = $node->worker_up;
$node->sql('BEGIN; DROP EXTENSION oms CASCADE; ROLLBACK');
ok($node->fired($node->lease('50 milliseconds')), 'after a DROP EXTENSION that was rolled back timers fire');

$node->sql('DROP EXTENSION oms CASCADE');
ok($node->gone($pid), 'after DROP EXTENSION the worker leaves');
$node->install;
isnt($node->worker_up, '', 'after CREATE EXTENSION there is one again');
ok($node->fired($node->lease('50 milliseconds')), '… and timers fire');

# Both in one transaction, with events of tables that are gone on their way
{
	my $listener = $node->listener;

	$node->sql(q{BEGIN;
		SELECT oms.open_ticket('chain') \gset
		SELECT oms.stage_done(:'open_ticket', 'a'); SELECT oms.stage_done(:'open_ticket', 'b');
		SELECT oms.stage_done(:'open_ticket', 'c');
		DROP EXTENSION oms CASCADE; CREATE EXTENSION oms;} .
		join('', map { qq(SELECT oms.create_workflow('{"name": "only$_", "prefix": "O", "stages": [{"id": "a", "owner": "A"}]}');) }
			1 .. 8)
		. 'COMMIT');
	my $ticket = $node->sql(q{SELECT oms.open_ticket('only1')});
	ok($listener->hears($ticket), 'dropped and created in one transaction: new events are sent');
	is($node->sql($node->status_of('postgres', 'errors, backlog')), '0|0', '… those of dropped tables do no harm');
	is($node->sql(q{SELECT count(*) FROM oms.create_workflow('{"name": "lease", "prefix": "L", "stages": [
		{"id": "a", "owner": "Lessee", "retry": {"maxAttempts": 1}}]}')}), '1', '… the server is up');
	ok($node->fired($node->lease('50 milliseconds')), '… timers fire');
	$listener->quit;
}

# Many times, with timers falling due all the while
$node->sql('DROP EXTENSION oms CASCADE');
foreach my $round (1 .. 20)
{
	my $pause = 0.01 * ($round % 7);
	$node->sql(qq(CREATE EXTENSION oms;
		SELECT oms.create_workflow('$OmsNode::workflow{lease}');
		SELECT count(*) FROM oms.open_tickets('lease', array_fill('{}'::jsonb, '{100}'));
		SELECT count(*) FROM oms.claim('Lessee', qty => 100, lease => '10 milliseconds');
		SELECT pg_sleep($pause);
		DROP EXTENSION oms CASCADE));
}
ok($node->no_worker('postgres'), 'dropped and created 20 times: no worker stays');
$node->install;
isnt($node->worker_up, '', '… and one comes in the end');
ok($node->fired($node->lease('50 milliseconds')), '… which fires timers');
is($node->trouble($log), '', 'none of this left a trace of trouble in the log');

# ---- settings ----

sub fires
{
	my ($db, $what) = @_;
	ok($node->fired($node->lease('50 milliseconds', undef, $db), undef, $db), "$what: timers fire");
}

sub rests
{
	my ($db, $what) = @_;
	my $ticket = $node->lease('1 millisecond', undef, $db);

	ok($node->no_worker($db), "$what: no worker");
	is($node->sql("SELECT status FROM oms.stage WHERE ticket_id = '$ticket'", $db), 'in_progress', '… and nothing fires');
	return $ticket;
}

$node->sql("CREATE DATABASE $_") foreach qw(app other);
$node->install($_) foreach qw(app other);
$node->worker_up($_) foreach qw(app other);

$node->sql('ALTER DATABASE app SET oms.worker = off');
state_is('app', 'off', 'oms.worker = off for a database');
{
	my $ticket = rests('app', 'off');
	fires('other', 'on in another database');
	$node->reload;
	state_is('app', 'off', 'a reload leaves it off');
	$node->sql('ALTER DATABASE app RESET oms.worker');
	isnt($node->worker_up('app'), '', 'reset: the worker comes');
	ok($node->fired($ticket, undef, 'app'), '… and fires what was left');
}

$node->append_conf('postgresql.conf', 'oms.worker = off');
$node->reload;
state_is($_, 'off', "oms.worker = off for the server: $_") foreach qw(app other);
rests('app', 'off for the server');
$node->append_conf('postgresql.conf', 'oms.worker = on');
$node->reload;
isnt($node->worker_up($_), '', "on again: $_") foreach qw(app other);

$node->append_conf('postgresql.conf', q(oms.databases = 'app, "postgres"'));
$node->reload;
ok($node->no_worker('other'), 'oms.databases: a worker leaves');
fires('app', 'listed in oms.databases');
rests('other', 'not listed in oms.databases');
state_is('other', 'not wanted', 'the status says why');
{
	my $listener = $node->listener('other', 'oms_dispatch');
	$node->sql(q{SELECT oms.open_ticket('plain')}, 'other');
	is(scalar($listener->wait_events(1)), 1, 'where no worker may be events go with the transaction');
	$listener->quit;
}
$node->append_conf('postgresql.conf', q(oms.databases = '*'));
$node->reload;
isnt($node->worker_up('other'), '', 'oms.databases = *: it comes back');
fires('other', 'back');

# ---- commands that need a database for themselves ----

isnt($node->worker_up('app'), '', 'the database has a worker');
quick('CREATE DATABASE copy TEMPLATE app');
fires('app', 'the original');
state_is('copy', 'not activated', 'the copy rests');
$node->sql('SELECT oms.activate()', 'copy');
isnt($node->worker_up('copy'), '', 'activated it has a worker');
fires('copy', 'the copy');
quick('ALTER DATABASE copy RENAME TO twin');
isnt($node->worker_up('twin'), '', 'the renamed one has a worker');
fires('twin', 'renamed');
{
	my $place = PostgreSQL::Test::Utils::tempdir();
	$node->sql("CREATE TABLESPACE elsewhere LOCATION '$place'");
	quick('ALTER DATABASE twin SET TABLESPACE elsewhere');
	fires('twin', 'moved');
}
quick('ALTER DATABASE twin ALLOW_CONNECTIONS off');
ok($node->no_worker('twin'), 'no worker where nobody may connect');
quick('ALTER DATABASE twin ALLOW_CONNECTIONS on');
isnt($node->worker_up('twin'), '', 'it comes back');
fires('twin', 'open again');

# A command that fails lets the worker come back.
$pid = $node->worker_up('twin');
is($node->code('ALTER DATABASE twin RENAME TO app'), '42P04', 'a RENAME that fails');
isnt($node->worker_up('twin'), '', '… leaves a worker');
fires('twin', 'after it');
is($node->code('BEGIN; ALTER DATABASE twin RENAME TO nobody; ROLLBACK'), '', 'a RENAME that is rolled back');
fires('twin', 'after it');

# Who may not drop a database must not send its worker away.
$node->sql('CREATE ROLE stranger LOGIN');
$pid = $node->worker_up('twin');
foreach ('DROP DATABASE twin', 'ALTER DATABASE twin RENAME TO x', 'CREATE DATABASE x TEMPLATE twin',
	'ALTER DATABASE twin CONNECTION LIMIT 1')
{
	is($node->code("SET ROLE stranger; $_"), '42501', "a stranger: $_");
}
is($node->worker_up('twin'), $pid, '… the worker has stayed');

quick('DROP DATABASE twin');
quick('CREATE DATABASE empty');
quick('DROP DATABASE empty');

# A busy worker goes, too.
$node->sql(q{SET oms.now = '2020-01-01';
	SELECT count(*) FROM oms.open_tickets('clock', array_fill('{}'::jsonb, '{30000}'))}, 'other');
ok($node->becomes($node->status_of('other', 'timers_fired BETWEEN 200 AND 25000')), 'a worker is busy');
quick('CREATE DATABASE second TEMPLATE other');
# on a fast machine it may have just become ready
note('breaches in the copy, of 30000: ' .
	$node->sql("SELECT count(*) FROM oms.timeline WHERE status = 'breached'", 'second'));
quick('DROP DATABASE second');
ok($node->becomes("SELECT count(*), count(DISTINCT ticket_id) FROM oms.timeline WHERE status = 'breached'", '30000|30000',
		undef, 'other'), 'all is done in the end, nothing twice');
ok($node->becomes("SELECT count(*) FROM oms.worker_status", '3', undef, 'postgres'), 'places of databases that are gone are given back');
is($node->trouble($log, qr/already exists|must be owner|permission denied|terminating autovacuum process|WARNING:  oms: timers and events of database/), '', 'no trouble in the log');

$node->stop;
done_testing();
