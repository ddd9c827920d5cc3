# pg_upgrade, with the library preloaded on both sides and workers switched on: nothing of ours runs
# meanwhile, everything is there afterwards, and work goes on.
use strict;
use warnings FATAL => 'all';

use File::Find;
use OmsData;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# So much that the server's log tells each process that is started
my $telling = "oms.worker = on\nlog_min_messages = debug1\nmax_locks_per_transaction = 128\n";
my $launcher = qr/starting background worker process "oms/;

my $old = oms_node('old', conf => $telling);
my $db = oms_database($old, 'work');
$old->safe_psql('postgres', "ALTER DATABASE work SET oms.worker = off");
oms_fill($old, $db);
oms_database($old, 'empty');
oms_database($old, 'served');
$old->safe_psql('served', q{SELECT oms.create_workflow('{"name": "W", "stages": [{"id": "a", "owner": "b"}]}')});
oms_database($old, 'other_build');
$old->safe_psql('other_build', q{UPDATE pg_proc SET prosrc = replace(prosrc, oms.fingerprint(), '1-2')
	WHERE oid = 'oms.fingerprint'::regproc});
my $content = oms_content($old, $db);
my $rights = oms_rights($old, $db);
my $horizon = $old->safe_psql($db, 'SELECT horizon FROM oms.worker_state');
ok($old->log_contains($launcher), 'old server: this is what a launcher looks like in the log');
# The clocks of the data belong to the tests; a worker would fire them all.
$old->stop;

my $new = oms_node('new', conf => $telling, stopped => 1);
my $bindir = $new->config_data('--bindir');
chdir $PostgreSQL::Test::Utils::tmp_check;
command_ok(
	[ 'pg_upgrade', '--retain', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir,
		'-s', $new->host, '-p', $old->port, '-P', $new->port ],
	'pg_upgrade');

# The servers that it started, old and new
my $log = '';
find(sub { $log .= slurp_file($_) if /server\.log$/ }, $new->data_dir . '/pg_upgrade_output.d', );
like($log, qr/database system is ready to accept connections/, 'pg_upgrade left a log');
unlike($log, qr/background worker[^\n]*oms/, '… in which there is nothing of ours');
unlike($log, qr/DEBUG: .*\boms launcher\b/, '… neither a launcher');

$new->start;
$new->safe_psql('postgres', 'SELECT 1');
ok($new->log_contains($launcher), 'new server: the launcher is started');
is($new->safe_psql('postgres', q{SELECT string_agg(setting, ' ') FROM pg_db_role_setting AS s, unnest(setconfig) AS setting
	WHERE setting ~ 'oms'}), 'oms.worker=off', 'settings of the database came along');
same_content($new, $db, $content, 'upgraded');
is(oms_rights($new, $db), $rights, 'upgraded: equal rights');
is($new->safe_psql($db, "SELECT horizon >= $horizon AND horizon <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
	FROM oms.worker_state"), 't', 'upgraded: the worker goes on where it was');
is($new->safe_psql($db, q{SELECT bool_and(watermark < pg_snapshot_xmin(pg_current_snapshot())::text::bigint) FROM oms.timeline}),
	't', 'upgraded: transactions of the timeline are in the past');
whole($new, $db, 'upgraded');
guarded($new, $db, 'upgraded');
is($new->safe_psql($_, 'SELECT oms.version() = extversion FROM pg_extension WHERE extname = $$oms$$'), 't',
	"upgraded: library and objects of $_ belong together") foreach $db, 'empty';
sql_like($new, 'other_build', 'SELECT oms.version()', qr/^ERROR:  55000: .*different builds.* 1-2 there/m,
	'… also that they do not: pg_upgrade takes objects along as they are');
work_goes_on($new, $db, 'upgraded');
is($new->safe_psql('empty', q{SELECT oms.create_workflow('{"name": "W", "stages": [{"id": "a", "owner": "b"}]}')}), '1',
	'upgraded: an empty database can be used');
sql_like($new, $db, 'DROP SCHEMA oms CASCADE', qr/extension oms requires it/, 'upgraded: objects are still the extension\'s');

# The worker serves the databases that nobody took away from it.  The upgrade gave the server a new
# identifier; if that makes a database look like a copy, it is said what to do about it.
sub state_of { return $new->safe_psql('empty', "SELECT state FROM oms.worker_status WHERE database = '$_[0]'") }
foreach my $served ('empty', 'served')
{
	$new->poll_query_until('empty', "SELECT count(*) > 0 FROM oms.worker_status WHERE database = '$served'
		AND state NOT IN ('to be started', 'starting')") or diag "$served is " . state_of($served);
	if (state_of($served) ne 'running')
	{
		$new->wait_for_log(qr/oms\.activate\(\)/);
		$new->safe_psql($served, 'SELECT oms.activate()');
		$new->poll_query_until('empty', "SELECT state = 'running' FROM oms.worker_status WHERE database = '$served'");
	}
	is(state_of($served), 'running', "upgraded: the worker of $served runs");
}

# The upgraded database dumps and restores as before.
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$new->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $db ], 'upgraded: dump');
$new->safe_psql('postgres', 'CREATE DATABASE copy; ALTER DATABASE copy SET oms.worker = off');
$new->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'copy', $dump ], 'upgraded: restore');
same_content($new, 'copy', oms_content($new, $db), 'upgraded and dumped');

$new->stop;
done_testing();
