# What keeps a worker from working: no slot in the server or in oms, another version. It says so, and goes on when it can.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;

# One slot is for the launcher of logical replication, one for ours.
my $node = OmsNode->make('limits', conf => "max_worker_processes = 3\noms.max_databases = 3\n", extension => 0);
my $log = $node->log_position;

$node->sql("CREATE DATABASE $_") foreach qw(one two);
$node->install('one', 'lease', 'plain');
isnt($node->worker_up('one'), '', 'the one slot is taken');
$node->install('two', 'lease', 'plain');
ok($node->log_shows($log, qr/oms: no free slot for a worker/), 'the log says that there is no slot for another');
ok(scalar($node->log_lines($log, qr/HINT:.*max_worker_processes/)), '… and what to raise');
ok($node->becomes($node->status_of('two', 'state'), 'no slot', undef, 'one'), '… so does the status');
is($node->sql('SELECT status, reasons FROM oms.health()', 'two'), 'bad|{"worker: no slot (max_worker_processes)"}', '… and health');
my $ticket = $node->lease('50 milliseconds', undef, 'two');
ok($node->fired($node->lease('1500 milliseconds', undef, 'one'), undef, 'one'), 'the one that has a worker is served');
is($node->sql("SELECT status FROM oms.stage WHERE ticket_id = '$ticket'", 'two'), 'in_progress', '… the other waits');
is(scalar($node->log_lines($log, qr/oms: no free slot/)), 1, '… and the log is not filled with it');
is($node->sql("SELECT oms.tick()", 'two'), '1', '… but it can be done by hand');
$ticket = $node->lease('50 milliseconds', undef, 'two');
my $event = $node->sql(q{SELECT oms.open_ticket('plain')}, 'two');
my $listener = $node->listener('two', 'oms_dispatch');
$node->sql('DROP EXTENSION oms CASCADE', 'one');
isnt($node->worker_up('two'), '', 'as soon as there is room the other gets its worker');
ok($node->fired($ticket, undef, 'two'), '… what was due is done');
ok($listener->hears($event), '… what was to be said is said');
$listener->quit;

# ---- versions ----

$log = $node->log_position;
$node->sql(q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'oms'}, 'two');
is($node->code('SELECT oms.version()', 'two'), '55000', 'SQL objects of another version: oms.version() raises an error')
  or diag('oms.version() ended with ' . $node->code('SELECT oms.version()', 'two'));
kill 'TERM', $node->worker_up('two');
ok($node->becomes($node->status_of('two', 'state'), 'wrong version', undef, 'two'), '… the status says so');
my ($line) = $node->log_lines($log, qr/LOG:  oms: no worker for database "two"/);
like($line, qr/the library is oms 1\.0, but the SQL objects are of version 0\.9/, '… so does the log');
ok(scalar($node->log_lines($log, qr/HINT:.*ALTER EXTENSION oms UPDATE/)), '… and what to do');
$ticket = $node->lease('50 milliseconds', undef, 'two');
$listener = $node->listener('two', 'oms_dispatch');
$event = $node->sql(q{SELECT oms.open_ticket('plain')}, 'two');
my @events = $listener->wait_events(1);
is(scalar(@events), 1, '… events go with the transaction');
is($node->sql("SELECT status FROM oms.stage WHERE ticket_id = '$ticket'", 'two'), 'in_progress', '… no timer fires');
is(scalar($node->log_lines($log, qr/oms: no worker for database/)), 1, '… and the log is not filled with it');
$listener->quit;
# the launcher hears of what is done to extensions
$node->sql(q{UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'oms'; CREATE EXTENSION pg_trgm}, 'two')
  if $node->sql(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'});
$node->sql(q{UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'oms'; CREATE SCHEMA elsewhere;
	ALTER DATABASE two SET oms.worker = on}, 'two');
isnt($node->worker_up('two'), '', 'the right version again: the worker comes');
ok($node->fired($ticket, undef, 'two'), '… and does what was left');

# Objects of another build, which call themselves by the same version
$log = $node->log_position;
my $made_by = $node->sql('SELECT oms.fingerprint()', 'two');
my $of_build = "UPDATE pg_proc SET prosrc = replace(prosrc, oms.fingerprint(), '%s') WHERE oid = 'oms.fingerprint'::regproc";
$node->sql(sprintf($of_build, '1-2'), 'two');
is($node->code('SELECT oms.version()', 'two'), '55000', 'SQL objects of another build: oms.version() raises an error');
kill 'TERM', $node->worker_up('two');
ok($node->becomes($node->status_of('two', 'state'), 'wrong version', undef, 'two'), '… the status says so');
($line) = $node->log_lines($log, qr/LOG:  oms: no worker for database "two"/);
like($line, qr/both oms 1\.0, but of different builds: the fingerprint is \Q$made_by\E here, 1-2 there/, '… so does the log');
ok(scalar($node->log_lines($log, qr/HINT:.*Restart the server/)), '… and what to do');
$ticket = $node->lease('50 milliseconds', undef, 'two');
$node->sql(sprintf($of_build, $made_by) . '; ALTER DATABASE two SET oms.worker = on', 'two');
isnt($node->worker_up('two'), '', 'the right build again: the worker comes');
ok($node->fired($ticket, undef, 'two'), '… and does what was due');

# ---- places ----

$node->append_conf('postgresql.conf', 'max_worker_processes = 16');
$node->restart;
$log = $node->log_position;
$node->worker_up('two');
$node->sql("CREATE DATABASE $_") foreach qw(three four five);
$node->install($_, 'lease', 'plain') foreach qw(three four);
isnt($node->worker_up($_), '', "a place for $_") foreach qw(three four);
$node->install('five', 'lease', 'plain');
is($node->sql('SELECT count(*) FROM oms.worker_status', 'five'), '3', 'all places are taken');
$listener = $node->listener('five', 'oms_dispatch');
$node->sql(q{SELECT oms.open_ticket('plain')}, 'five');
is(scalar($listener->wait_events(1)), 1, 'without a place events go with the transaction');
my $session = $node->session('five');
$session->start("CALL oms.wait_for_work('Lessee', '10 seconds')");
$node->sql(q{SELECT oms.open_ticket('lease')}, 'five');
$node->in_time($node->until(sub { $session->ended }) // 99, 1, '… and wait_for_work looks by itself');
$session->finish;
ok($node->log_shows($log, qr/oms: no slot in shared memory for a worker/), '… the log says so');
is($node->sql('SELECT status, reasons FROM oms.health()', 'five'), 'bad|{"worker: no slot in oms (oms.max_databases)"}', '… and health');
ok(scalar($node->log_lines($log, qr/HINT:.*oms\.max_databases/)), '… and what to raise');
$_->quit foreach $session, $listener;
$node->sql('DROP DATABASE four');
isnt($node->worker_up('five'), '', 'a place that is given back is used');

# A database whose worker is switched off gives its place to one that wants a worker, and gets one again when it
# is switched on and there is room.
$node->sql('ALTER DATABASE three SET oms.worker = off');
$node->no_worker('three');
$node->sql("CREATE DATABASE six");
$log = $node->log_position;
$node->install('six', 'lease', 'plain');
isnt($node->worker_up('six'), '', 'a database that is switched off holds no place against others');
is(scalar($node->log_lines($log, qr/oms: no slot/)), 0, '… and nobody is told to raise anything');
is($node->sql('SELECT reasons FROM oms.health()', 'three'), '{"worker: off (oms.worker), and no job of pg_cron calls oms.tick()"}',
	'… it is off as before');
$listener = $node->listener('three', 'oms_dispatch');
$node->sql(q{SELECT oms.open_ticket('plain')}, 'three');
is(scalar($listener->wait_events(1)), 1, '… its events go with the transaction');
$listener->quit;
$node->sql('DROP DATABASE six');
$node->sql('ALTER DATABASE three RESET oms.worker');
isnt($node->worker_up('three'), '', '… and switched on again it has its worker, since there is room');
is($node->trouble($log), '', 'no trouble in the log');

# ---- no slot even for the launcher ----

$node->append_conf('postgresql.conf', "max_worker_processes = 0");
$node->restart;
$ticket = $node->lease('10 milliseconds', undef, 'two');
is($node->sql(q{SELECT pg_sleep(0.02); SELECT oms.tick()}, 'two') =~ s/\s//gr, '1', 'without any slot everything works by hand');
is($node->workers, '', '… nobody else does it');
$listener = $node->listener('two', 'oms_dispatch');
$node->sql(q{SELECT oms.open_ticket('plain')}, 'two');
is(scalar($listener->wait_events(1)), 1, '… events come all the same');
$listener->quit;

$node->stop;
done_testing();
