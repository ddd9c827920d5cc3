# With pg_cron instead of a worker.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;

my $node = OmsNode->make('cron', start => 0);
plan skip_all => 'pg_cron is not installed'
  unless -e `pg_config --sharedir 2>/dev/null` =~ s/\n//r . '/extension/pg_cron.control'
  || -e ($node->config_data('--sharedir') =~ s/\n//r) . '/extension/pg_cron.control';

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron,oms'\noms.worker = off\n"
	  . "cron.database_name = 'postgres'\ncron.use_background_workers = on\n");
$node->start;
$node->install;
my $log = $node->log_position;

is($node->code('SELECT oms.enable_cron()'), '55000', 'without the extension pg_cron: a clear error');
is($node->code('SELECT oms.disable_cron()'), '55000', '… both ways');
$node->sql('CREATE EXTENSION pg_cron');
is($node->sql('SELECT oms.disable_cron()'), 'f', 'there was no job');
my $health = 'SELECT status, reasons FROM oms.health()';
ok($node->becomes($health, 'degraded|{"worker: off (oms.worker), and no job of pg_cron calls oms.tick()"}'), '… which is told by health');
my $job = $node->sql('SELECT oms.enable_cron()');
is($node->sql($health), 'good|{}', 'with a job all is well');
is($node->sql('SELECT jobid, schedule, command, database, username, active FROM cron.job WHERE jobid = ' . $job),
	"$job|* * * * *|SELECT oms.tick()|postgres|" . $node->sql('SELECT current_user') . '|t', 'enable_cron makes a job');
is($node->sql(q{SELECT oms.enable_cron('*/5 * * * *')}), $job, 'again: the same job');
is($node->sql("SELECT schedule FROM cron.job WHERE jobid = $job"), '*/5 * * * *', '… with the other schedule');
is($node->sql(q{SELECT count(*) FROM cron.job WHERE command ~ 'tick'}), '1', '… and only that');
is($node->sql(q{SELECT count(*) FROM cron.job WHERE command !~ '^SELECT oms\.[a-z_]+\(\)$'}), '0', '… besides it only upkeep by oms');
is($node->sql(q{SELECT string_agg(command, ' ' ORDER BY command) FROM cron.job WHERE command !~ 'tick'}),
	'SELECT oms.archive() SELECT oms.roll_up() SELECT oms.seal()', '… which archives, rolls up and seals');
is($node->code(q{SELECT oms.enable_cron('now and then')}) ne '', 1, 'pg_cron refuses what is no schedule');
is($node->code(q{SELECT oms.enable_cron(NULL)}), '22023', 'NULL neither');

# the command does it
my $ticket = $node->lease('1 millisecond');
$node->sql(q{SELECT oms.set_retention('0', 'plain'); SELECT oms.cancel_ticket(oms.open_ticket('plain'), 'test')});
$node->sql('SELECT pg_sleep(0.01)');
$node->sql($_) foreach split /\n/, $node->sql('SELECT command FROM cron.job');
ok($node->fired($ticket, 0), 'the command of the job fires timers');
is($node->sql('SELECT count(*) FROM oms.archived_ticket'), '1', '… and archives what its rule lets go');

# hostile search_path
is($node->code(q{CREATE SCHEMA evil; CREATE FUNCTION evil.schedule(text, text, text) RETURNS bigint LANGUAGE sql AS 'SELECT 1/0';
	SET search_path = evil, pg_catalog; SELECT oms.enable_cron()}), '', 'whatever the search_path');
is($node->sql('SELECT oms.disable_cron()'), 't', 'disable_cron removes it');
is($node->sql('SELECT count(*) FROM cron.job'), '0', '… indeed');
is($node->sql('SELECT oms.disable_cron()'), 'f', '… and there is none any more');
$node->sql('SELECT oms.enable_cron()');
is($node->code('DROP EXTENSION pg_cron; SELECT oms.disable_cron()'), '55000', 'pg_cron is gone');

# ---- pg_cron in another database ----

{
	my $jobs = q{SELECT count(*) FROM cron.job WHERE database = 'app'};
	$node->sql('CREATE DATABASE app');
	$node->install('app', 'lease', 'plain');
	is($node->code('SELECT oms.enable_cron()', 'app'), '55000', 'elsewhere, and not there: a clear error');
	$node->sql('CREATE EXTENSION pg_cron');
	my $here = $node->sql('SELECT oms.enable_cron()');
	$health = 'SELECT status, reasons FROM oms.health()';
	is($node->sql('SELECT oms.disable_cron()', 'app'), 'f', 'elsewhere: there was no job');
	like($node->sql($health, 'app'), qr/no job of pg_cron calls/, '… which is told by health');
	$job = $node->sql('SELECT oms.enable_cron()', 'app');
	is($node->sql("SELECT jobname, schedule, command, database, username FROM cron.job WHERE jobid = $job"),
		'oms tick in app|* * * * *|SELECT oms.tick()|app|' . $node->sql('SELECT current_user'), 'enable_cron makes a job where pg_cron is');
	is($node->sql($jobs), '4', '… with those for upkeep');
	is($node->sql(q{SELECT oms.enable_cron('*/5 * * * *')}, 'app'), $job, 'again: the same job');
	is($node->sql("SELECT schedule FROM cron.job WHERE jobid = $job"), '*/5 * * * *', '… with the other schedule');
	is($node->sql("SELECT schedule FROM cron.job WHERE jobid = $here"), '* * * * *', '… and those of the other database stay as they are');
	is($node->sql($health, 'app'), 'good|{}', 'health knows of it');
	my $holder = $node->session('app');
	$holder->query($_) foreach 'BEGIN', 'LOCK TABLE oms.cron_state';
	is($node->sql("SET statement_timeout = '5s'; $health", 'app'), 'degraded|{"tables: locked by another session"}', '… and does not wait to know it');
	$holder->quit;
	my $lease = $node->lease('1 millisecond', undef, 'app');
	$node->sql('SELECT pg_sleep(0.01)');
	$node->sql($node->sql("SELECT command FROM cron.job WHERE jobid = $job"), 'app');
	ok($node->fired($lease, 0, 'app'), 'the command of the job fires timers');
	isnt($node->code(q{SELECT oms.enable_cron('now and then')}, 'app'), '', 'what pg_cron refuses is an error here');
	is($node->code(q{SELECT oms.enable_cron(repeat('1,', 200) || ' * * * *')}, 'app'), '22023', '… and what is too long');
	is($node->code('BEGIN READ ONLY; SELECT oms.enable_cron()', 'app'), '25006', '… and to read only');
	is($node->sql($jobs), '4', '… nothing has changed');

	# a copy has no jobs
	$node->sql('CREATE DATABASE twin TEMPLATE app');
	like($node->sql($health, 'twin'), qr/no job of pg_cron calls/, 'a copy of the database has no jobs');

	# who may, and as whom
	$node->sql('CREATE ROLE keeper LOGIN; CREATE ROLE nobody');
	$node->sql(q{SELECT oms.grant_access('keeper', 'admin'), oms.grant_access('nobody', 'admin')}, 'app');
	is($node->code('SET ROLE keeper; SELECT oms.enable_cron()', 'app'), '42501', 'a role that may not schedule in other databases');
	is($node->code('SET ROLE nobody; SELECT oms.enable_cron()', 'app'), '55000', 'a role that cannot log in');
	$node->sql('GRANT USAGE ON SCHEMA cron TO keeper; GRANT EXECUTE ON FUNCTION cron.schedule_in_database TO keeper');
	is($node->code('SET ROLE keeper; SELECT oms.enable_cron()', 'app'), '', 'a role that may');
	is($node->sql(q{SELECT count(*) FROM cron.job WHERE database = 'app' AND username = 'keeper'}), '4', '… has the jobs run as itself');
	is($node->sql('SET ROLE keeper; SELECT oms.disable_cron()', 'app'), "t", '… and removes its own');
	is($node->sql($jobs), '4', '… and no others');
	is($node->sql($health, 'app'), 'good|{}', '… of which health still knows');
	is($node->sql('SET ROLE keeper; SELECT oms.disable_cron()', 'app'), "f", 'a role without jobs removes none');
	is($node->sql($health, 'app'), 'good|{}', '… which health knows');
	is($node->sql('SET ROLE keeper; SELECT oms.enable_cron() > 0', 'app'), 't', 'the other way round');

	is($node->sql('SELECT oms.disable_cron()', 'app'), 't', 'disable_cron removes them');
	is($node->sql($jobs), '4', '… and not those of the other role');
	is($node->sql($health, 'app'), 'good|{}', '… of which health knows');
	is($node->sql('SET ROLE keeper; SELECT oms.disable_cron()', 'app'), "t", '… until they are removed too');
	is($node->sql('SELECT DISTINCT database FROM cron.job'), 'postgres', '… and no others');
	is($node->sql('SELECT oms.disable_cron()', 'app'), 'f', '… and there are none any more');
	like($node->sql($health, 'app'), qr/no job of pg_cron calls/, '… which is told by health');
}

# both libraries together, with the worker
$node->append_conf('postgresql.conf', 'oms.worker = on');
$node->reload;
isnt($node->worker_up, '', 'a worker beside pg_cron');
ok($node->fired($node->lease('10 milliseconds')), '… fires timers');
my ($crash) = $node->log_lines($log, qr/terminated by signal|PANIC/);
is($crash, undef, 'nothing crashed');
$node->stop;
done_testing();
