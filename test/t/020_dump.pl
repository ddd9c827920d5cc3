# Dump and restore, in every way that pg_dump and pg_restore have: the copy is equal, its chains are
# whole, its guards are on, and work goes on in it.
use strict;
use warnings FATAL => 'all';

use IPC::Run;
use OmsData;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = oms_node('dump');
my $dir = PostgreSQL::Test::Utils::tempdir();

oms_database($node, 'work');
oms_fill($node, 'work');
whole($node, 'work', 'original');
my $content = oms_content($node, 'work');
my $rights = oms_rights($node, 'work');
like($rights, qr/^ticket\|oms_reader\|SELECT\|f$|^oms\.ticket\|oms_reader\|SELECT\|f$/m, 'somebody has rights');
is($node->safe_psql('work', 'SELECT detail FROM oms.check()'), 'level oms_reader: the journal does not know of it', '... and check() tells of a GRANT by hand');

sub new_database { $node->safe_psql('postgres', "CREATE DATABASE $_[0]"); return $_[0] }

# ---- the ways of taking everything along ----

my %ways = (
	plain => sub {
		$node->command_ok([ 'pg_dump', '-f', "$dir/plain.sql", 'work' ], 'plain: dump');
		$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/plain.sql", $_[0] ], 'plain: restore');
	},
	inserts => sub {
		$node->command_ok([ 'pg_dump', '--inserts', '-f', "$dir/inserts.sql", 'work' ], 'inserts: dump');
		$node->command_ok([ 'psql', '-Xq1', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/inserts.sql", $_[0] ], 'inserts: restore');
	},
	custom => sub {
		$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/custom", 'work' ], 'custom: dump');
		$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $_[0], "$dir/custom" ], 'custom: restore');
	},
	directory => sub {
		$node->command_ok([ 'pg_dump', '-Fd', '-j4', '-f', "$dir/directory", 'work' ], 'directory: dump with -j4');
		$node->command_ok([ 'pg_restore', '--exit-on-error', '-j4', '-d', $_[0], "$dir/directory" ],
			'directory: restore with -j4');
	},
	sections => sub {
		$node->command_ok([ 'pg_restore', '--exit-on-error', "--section=$_", '-d', $_[0], "$dir/custom" ], "sections: $_")
		  foreach qw(pre-data data post-data);
	},
	clean => sub {
		# Over a database that has the extension, and a workflow of its own, already
		$node->safe_psql($_[0], 'CREATE EXTENSION oms');
		$node->safe_psql($_[0], q{SELECT oms.create_workflow('{"name": "W", "stages": [{"id": "a", "owner": "b"}]}')});
		$node->command_ok([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', $_[0], "$dir/custom" ],
			'clean: restore');
	},);
foreach my $way (qw(plain inserts custom directory sections clean))
{
	my $db = new_database("by_$way");
	$ways{$way}->($db);
	same_content($node, $db, $content, $way);
	is(oms_rights($node, $db), $rights, "$way: equal rights");
	whole($node, $db, $way);
	guarded($node, $db, $way);
}
work_goes_on($node, "by_$_", $_) foreach qw(plain directory);

# Where there are tickets, --clean does not take them away; and nothing is mixed.
$node->command_checks_all([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', 'by_clean', "$dir/custom" ],
	1, [], [qr/cannot drop extension oms because there are tickets/], 'clean over tickets: refused');
$node->safe_psql('by_clean', 'DROP SCHEMA IF EXISTS app CASCADE; DROP VIEW IF EXISTS app.loans');
is(oms_content($node, 'by_clean'), ($content =~ s/^app\..*\n//mgr), 'clean over tickets: they stay');

# A second generation: the dump of the copy restores as well.
new_database('grandchild');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/again", 'by_sections' ], 'again: dump of the copy');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'grandchild', "$dir/again" ], 'again: restore');
same_content($node, 'grandchild', $content, 'again');

# ---- only the data, into a database that has the extension ----

sub data_only
{
	my ($db, @how) = @_;
	my $name = "data only @how";
	new_database($db);
	$node->command_ok([ 'pg_restore', '--exit-on-error', '--section=pre-data', '-d', $db, "$dir/custom" ], "$name: objects");
	$node->command_ok([ 'pg_restore', '--exit-on-error', '--data-only', @how, '-d', $db, "$dir/custom" ], "$name: data");
	same_content($node, $db, $content, $name);
	whole($node, $db, $name) unless grep { /disable/ } @how;
	return $name;
}
my $name = data_only('data_only');
guarded($node, 'data_only', $name);

$name = data_only('data_disabled', '--disable-triggers');
# pg_restore ends with ENABLE TRIGGER ALL, which by itself would leave a plain ENABLE.
guarded($node, 'data_disabled', $name);
whole($node, 'data_disabled', $name);
work_goes_on($node, 'data_disabled', $name);

# Without the library preloaded nobody notices the ENABLE: repair_guards() sets it right.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
$name = data_only('not_preloaded', '--disable-triggers');
is($node->safe_psql('not_preloaded', q{SELECT string_agg(DISTINCT tgenabled::text, '') FROM pg_trigger
	WHERE tgfoid = 'oms.guard'::regproc}), 'O', "$name, not preloaded: guards are plain");
$node->safe_psql('not_preloaded', 'SELECT * FROM oms.repair_guards()');
is($node->safe_psql('not_preloaded', q{SELECT name IS NULL, before IS NULL, (after ->> 'mended')::int > 0 FROM oms.journal WHERE what = 'repair_guards'}),
	't|t|t', '... which stands in the journal');
guarded($node, 'not_preloaded', "$name, not preloaded, repaired");
whole($node, 'not_preloaded', "$name, not preloaded");
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'oms'");
$node->restart;

# A single table's data cannot be poured in twice.
$node->command_checks_all([ 'pg_restore', '--data-only', '-n', 'oms', '-t', 'timeline', '-d', 'by_custom', "$dir/custom" ],
	1, [], [qr/duplicate key/], 'the same data again: refused');
same_content($node, 'by_custom', $content, 'the same data again');

# ---- what is not data ----

my ($schema) = run_command([ 'pg_dump', '-s', '-d', $node->connstr('work') ]);
like($schema, qr/^CREATE EXTENSION IF NOT EXISTS oms /m, 'schema only: has the extension');
unlike($schema, qr/^COPY |setval|INSERT INTO|loan-1/m, 'schema only: no data');

# The dump of somebody who may read everything, but is no superuser
$node->safe_psql('work', 'CREATE ROLE backup LOGIN BYPASSRLS IN ROLE pg_read_all_data');
$node->command_ok([ 'pg_dump', '-U', 'backup', '-f', "$dir/backup.sql", 'work' ], 'pg_read_all_data is enough for a dump');
is(slurp_file("$dir/backup.sql") =~ s/^\\(un)?restrict .*//mgr, slurp_file("$dir/plain.sql") =~ s/^\\(un)?restrict .*//mgr,
	'… of everything');
# … but not without BYPASSRLS: the secret of the tracking numbers is hidden from it, and pg_dump says so
# instead of leaving it out.
if ($node->safe_psql('work', q{SELECT to_regclass('oms.secret') IS NOT NULL}) eq 't')
{
	$node->safe_psql('work', 'ALTER ROLE backup NOBYPASSRLS');
	$node->command_fails_like([ 'pg_dump', '-U', 'backup', '-f', "$dir/less.sql", 'work' ],
		qr/row-level security policy for table "secret"/, 'a dump without the secret fails');
}

# ---- while eight clients work ----

append_to_file("$dir/work.sql", <<'SQL');
SELECT oms.open_ticket('DisasterLoan', jsonb_build_object('amount', (random() * 100000)::int, 'fill', repeat('x', 3000)), gen_random_uuid()::text);
SELECT oms.stage_done(ticket, stage, '{"ok": true}', token) FROM oms.claim('IRS_Bot', 'bench', 3);
SELECT oms.stage_done(ticket, stage, '{"ok": true}', token) FROM oms.claim('RiskAI', 'bench', 2);
SELECT oms.stage_done(ticket, stage, '{"ok": true}', token) FROM oms.claim('Treasury_Bot', 'bench', 2);
SQL
my ($bench_out, $before, $while);
{
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port,
		PGOPTIONS => '-c oms.now=2026-03-02T17:00:00Z');
	my $bench = IPC::Run::start([ 'pgbench', '-n', '-c8', '-j2', '-T', 180, '-f', "$dir/work.sql", 'work' ], '>&', \$bench_out);
	my $tickets = 'SELECT count(*) FROM oms.ticket_state';
	$node->poll_query_until('work', "SELECT count(*) > 150 FROM oms.ticket_state");
	$before = $node->safe_psql('work', $tickets);
	$node->command_ok([ 'pg_dump', '-Fd', '-j4', '-f', "$dir/busy", 'work' ], 'busy: dump with -j4');
	$node->poll_query_until('work', "SELECT count(*) > $before + 20 FROM oms.ticket_state");
	$while = $node->safe_psql('work', $tickets);
	ok($bench->pumpable, 'busy: the clients were working all the time');
	$bench->signal('INT');
	$bench->finish;
	unlike($bench_out, qr/ERROR|aborted/, 'busy: no client noticed');
}
$node->poll_query_until('work', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'pgbench'});
whole($node, 'work', 'busy: original');
new_database('busy');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-j4', '-d', 'busy', "$dir/busy" ], 'busy: restore with -j4');
my $copied = $node->safe_psql('busy', 'SELECT count(*) FROM oms.ticket_state');
cmp_ok($copied, '>=', $before, 'busy: the copy has what was there before');
cmp_ok($copied, '<', $while, 'busy: the copy is of a moment in between');
is($node->safe_psql('work', <<"SQL"), 't', 'busy: every chain of the copy is the beginning of one of the original');
SELECT count(*) = $copied FROM oms.ticket_state AS t JOIN oms.timeline AS e USING (ticket_id)
JOIN (VALUES @{[ join ',', map { my @f = split /\|/; "('$f[0]'::text, '\\x$f[1]'::bytea)" } split /\n/,
	$node->safe_psql('busy', q{SELECT ticket_id, encode(head, 'hex') FROM oms.ticket_state}) ]}) AS c (id, head)
ON c.id = t.ticket_id::text AND c.head = e.hash
SQL
whole($node, 'busy', 'busy');
guarded($node, 'busy', 'busy');
work_goes_on($node, 'busy', 'busy');

# ---- DROP ----

sql_like($node, 'by_custom', 'DROP SCHEMA oms', qr/cannot drop schema oms because extension oms requires it/, 'DROP SCHEMA');
sql_like($node, 'by_custom', 'DROP SCHEMA oms CASCADE', qr/cannot drop schema oms because extension oms requires it/,
	'DROP SCHEMA CASCADE');
sql_like($node, 'by_custom', 'DROP TABLE oms.timeline CASCADE', qr/cannot drop table oms.timeline because extension oms requires it/,
	'DROP TABLE CASCADE');
sql_like($node, 'by_custom', 'DROP EXTENSION oms', 
	qr/cannot drop extension oms because .*CASCADE/s, 'DROP EXTENSION with an application on it');
same_content($node, 'by_custom', $content, 'after all these');
{
	my ($status, $out, $err) = $node->psql('by_custom', 'DROP EXTENSION oms CASCADE');
	is($status, 0, 'DROP EXTENSION CASCADE: works');
	like($err, qr/^DETAIL:.*drop cascades to column ticket of table app\.loan/ms, 'DROP EXTENSION CASCADE: says what goes');
	is( $node->safe_psql('by_custom', q{SELECT to_regnamespace('oms') IS NULL, to_regclass('app.loans') IS NULL,
			(SELECT count(*) FROM app.loan), (SELECT count(*) FROM pg_proc WHERE probin ~ 'oms'),
			(SELECT count(*) FROM pg_operator AS o LEFT JOIN pg_type AS t ON t.oid = o.oprleft
				WHERE o.oprleft <> 0 AND t.oid IS NULL)}),
		't|t|32|0|0', 'DROP EXTENSION CASCADE: takes all of oms, and the rows of the application stay');
}
# Somebody who may do anything in the database but is no superuser cannot take it away.
$node->safe_psql('by_inserts', 'CREATE ROLE boss LOGIN; GRANT ALL ON DATABASE by_inserts TO boss');
sql_like($node, 'by_inserts', 'SET ROLE boss; DROP EXTENSION oms CASCADE', qr/must be owner of extension oms/, 'DROP by another');

# Without an application, tickets are in the way; without them it goes.
$node->safe_psql('grandchild', 'DROP SCHEMA app CASCADE');
sql_like($node, 'grandchild', 'DROP EXTENSION oms', qr/cannot drop extension oms because there are tickets/, 'DROP EXTENSION with tickets');
$node->safe_psql('grandchild', 'DROP EXTENSION oms CASCADE; CREATE EXTENSION oms; DROP EXTENSION oms');
is($node->safe_psql('grandchild', q{SELECT to_regnamespace('oms') IS NULL}), 't', 'DROP EXTENSION');

$node->stop;
done_testing();
