# A copy of production, on another server or in another database: no timer fires and no event is sent
# until oms.activate(), and then none that production has sent already.
use strict;
use warnings FATAL => 'all';

use OmsData;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $production = oms_node('production');
my $db = oms_database($production, 'work');
plan skip_all => 'there is no oms.activate() yet' unless oms_has($production, $db, 'activate');

# A server that has lived for a while: its transactions have higher numbers than those of a new one.
$production->safe_psql($db, 'CREATE PROCEDURE burn(n int) LANGUAGE plpgsql AS $$ BEGIN
	FOR i IN 1 .. n LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
$production->safe_psql($db, 'CALL burn(5000)');
oms_fill($production, $db);
my $content = oms_content($production, $db);
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$production->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $db ], 'dump of production');
$production->stop;

my $staging = oms_node('staging');
$staging->safe_psql('postgres', 'CREATE DATABASE copy; CREATE ROLE oms_reader; CREATE ROLE oms_clerk');
$staging->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'copy', $dump ], 'restore on another server');
cmp_ok($staging->safe_psql('copy', 'SELECT max(watermark) FROM oms.timeline'), '>',
	$staging->safe_psql('copy', 'SELECT pg_current_xact_id()::text'), 'its past is in the future of this server');

# A worker looks and does nothing.
$staging->append_conf('postgresql.conf', 'oms.worker = on');
$staging->restart;
ok($staging->poll_query_until('copy', q{SELECT count(*) > 0 FROM oms.worker_status WHERE database = 'copy'
	AND state NOT IN ('to be started', 'starting')}), 'a worker has looked');
isnt($staging->safe_psql('copy', q{SELECT state FROM oms.worker_status WHERE database = 'copy'}), 'running',
	'worker_status says that it waits');
$staging->wait_for_log(qr/oms\.activate\(\)/);
pass('the log says what to do');
my ($status, $out, $err) = $staging->psql('copy', 'SELECT oms.tick()');
is($out, '0', 'tick() fires nothing');
like($err, qr/oms\.activate\(\)/, '… and says why');
same_content($staging, 'copy', $content, 'copy');

# Activation that is taken back is none, for this session neither.
is($staging->safe_psql('copy', q{BEGIN; SELECT FROM oms.activate(); SELECT oms.tick() > 0; ROLLBACK;
	SET client_min_messages = error; SELECT oms.tick()}) =~ s/^\n//r, "t\n0", 'activation taken back');
same_content($staging, 'copy', $content, 'copy after activation taken back');

# Calls work.
my $session = $staging->background_psql('copy');
$session->query_safe('LISTEN oms_dispatch; LISTEN oms_alert; LISTEN oms_status');
like($session->query_safe(q{SELECT oms.open_ticket('DisasterLoan', '{"amount": 1}', 'before')}), qr/^DL-/, 'calls work');
is($staging->safe_psql('copy', q{SELECT events_sent FROM oms.worker_status WHERE database = 'copy'}), '0', 'no event was sent');

# Listen until something is heard of this ticket; all that were spoken of are in %tickets.
my %tickets;
sub hear
{
	my ($ticket) = @_;
	my $heard = '';
	%tickets = ();
	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$heard .= $session->query_safe('SELECT pg_sleep(0.1)');
		last if $heard =~ /$ticket/;
	}
	$tickets{$_} = 1 foreach $heard =~ /"ticket":"([^"]+)"/g;
}

# From here on it is at work: timers that are due fire, and events are those of this moment only.
$staging->safe_psql('copy', 'SELECT oms.activate()');
ok($staging->poll_query_until('copy', q{SELECT NOT EXISTS (SELECT FROM oms.stage WHERE timer_at < clock_timestamp())}), 'timers fire');
my $new = $staging->safe_psql('copy', q{SELECT oms.open_ticket('DisasterLoan', '{"amount": 1}', 'after')});
ok($staging->poll_query_until('copy', q{SELECT backlog = 0 FROM oms.worker_status WHERE database = 'copy'}), 'events are sent');
hear($new);
ok($tickets{$new}, 'what is new is heard');
# Done long ago, and without any timer: only its past could speak
my $done = $staging->safe_psql('copy', q{SELECT string_agg(ticket_id::text, ' ') FROM oms.ticket WHERE status = 'done'});
is(join(' ', grep { $tickets{$_} } split / /, $done), '', 'what is past is not');

# Not even after a restart
$session->quit;
$staging->restart;
$session = $staging->background_psql('copy');
$session->query_safe('LISTEN oms_dispatch; LISTEN oms_alert; LISTEN oms_status');
$staging->poll_query_until('copy', q{SELECT state = 'running' FROM oms.worker_status WHERE database = 'copy'});
$new = $staging->safe_psql('copy', q{SELECT oms.open_ticket('DisasterLoan', '{"amount": 2}', 'after the restart')});
hear($new);
is(join(' ', grep { $tickets{$_} } split / /, $done), '', 'what is past is not heard after a restart either');
$session->quit;
whole($staging, 'copy', 'copy');

# Another database of the same server
$staging->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE copy');
$staging->safe_psql('twin', q{SELECT oms.open_ticket('DisasterLoan', '{"amount": 3}', 'twin', 0, 'p')});
is($staging->psql('twin', 'SELECT oms.tick()', on_error_stop => 1), 0, 'a copy by TEMPLATE: calls work');
is($staging->safe_psql('twin', q{SET client_min_messages = error; SET oms.now = '2100-01-01'; SELECT oms.tick()}), '0', '… timers wait');
$staging->safe_psql('postgres', 'ALTER DATABASE copy RENAME TO renamed');
cmp_ok($staging->safe_psql('renamed', q{SET oms.now = '2100-01-01'; SELECT oms.tick()}), '>', 0, 'a new name is no copy');

$staging->stop;
done_testing();
