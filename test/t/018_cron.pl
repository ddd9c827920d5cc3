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

# both libraries together, with the worker
$node->append_conf('postgresql.conf', 'oms.worker = on');
$node->reload;
isnt($node->worker_up, '', 'a worker beside pg_cron');
ok($node->fired($node->lease('10 milliseconds')), '… fires timers');
my ($crash) = $node->log_lines($log, qr/terminated by signal|PANIC/);
is($crash, undef, 'nothing crashed');
$node->stop;
done_testing();
