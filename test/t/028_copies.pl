# Copies of a database: numbers and secrets of two that go on apart, what pg_dump says, and settings of roles and
# databases that reach where they should not.
use strict;
use warnings FATAL => 'all';

use OmsData;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = oms_node('copies', conf => "oms.worker = on\n");
my $dir = PostgreSQL::Test::Utils::tempdir();

sub sql { return $node->safe_psql(@_) }

# ---- two copies of a template with a workflow and no tickets ----

$node->safe_psql('postgres', 'CREATE DATABASE agency');
sql('agency', 'CREATE EXTENSION oms');
sql('agency', q{SELECT oms.create_workflow('{"name": "Grant", "prefix": "GR", "stages": [{"id": "a", "owner": "A", "slaMins": 0}]}')});
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE agency") foreach qw(one two);
my %number;
foreach my $db (qw(one two))
{
	my ($out, $err);
	$node->psql($db, 'SELECT oms.activate()', stdout => \$out, stderr => \$err);
	is($err, '', "$db: nothing to say about the secret of a copy without tickets");
	$number{$db} = sql($db, q{SELECT oms.tracking_number(oms.open_ticket('Grant'))});
}
is(substr($number{one}, 0, 13), substr($number{two}, 0, 13), 'the tickets have the same number');
isnt($number{one}, $number{two}, '… and other tracking numbers');
is(sql('two', "SELECT oms.track('$number{one}') IS NULL"), 't', '… so that of the one shows nothing in the other');

# With tickets the numbers that were handed out stay good, and activate() says so.
$node->safe_psql('postgres', 'CREATE DATABASE three TEMPLATE one');
{
	my ($out, $err);
	$node->psql('three', 'SELECT oms.activate()', stdout => \$out, stderr => \$err);
	like($err, qr/NOTICE:.*keep the secret of the original/, 'activate() says that the secret is that of the original');
	is(sql('three', "SELECT oms.track('$number{one}') IS NOT NULL"), 't', '… and the numbers stay good');
	$node->psql('three', 'SELECT oms.activate()', stdout => \$out, stderr => \$err);
	is($err, '', '… once');
}

# ---- a restore over a database that went on ----

$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/one", 'one' ], 'dump');
my $ticket = sql('one', q{SELECT oms.open_ticket('Grant')});
sql('one', "SELECT oms.cancel_ticket('$ticket', 'not needed'); SELECT oms.archive('infinity')");
is(sql('one', 'SELECT max(ticket_id::text) FROM oms.archived_ticket'), $ticket, 'the latest ticket is in the archive');
$node->command_fails([ 'pg_restore', '--clean', '--if-exists', '-d', 'one', "$dir/one" ], 'a restore over it has errors');
cmp_ok(sql('one', 'SELECT last_value FROM oms.ticket_number'), '<', 2, '… and has set the sequence back');
is(sql('one', q{SELECT count(*) FROM oms.check() WHERE kind = 'numbers'}), '1', '… which check() finds');
my $next = sql('one', q{SELECT oms.open_ticket('Grant')});
isnt($next, $ticket, 'a number of the archive is not given out again');
cmp_ok(substr($next, -5), '>', substr($ticket, -5), '… but the next free one');
sql('one', "SELECT oms.cancel_ticket('$next', 'not needed')");
is(sql('one', q{SELECT oms.archive('infinity')}), '1', '… and archive() goes on');
is(sql('one', 'SELECT * FROM oms.check()'), '', 'all is well');

# ---- two that go on apart, each with its own numbers ----

sql('one', q{SELECT oms.set_number_ranges('{[1,999],[2001,2999]}')});
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/ranges", 'one' ], 'dump of one with ranges');
$node->safe_psql('postgres', 'CREATE DATABASE apart');
$node->command_ok([ 'pg_restore', '-d', 'apart', "$dir/ranges" ], '… restored');
sql('apart', 'SELECT oms.activate()');
is(sql('apart', 'SELECT string_agg(first_number || $$-$$ || last_number, $$ $$) FROM oms.number_range'), '1-999 2001-2999', 'it has the ranges');
sql('apart', q{SELECT oms.set_number_ranges('{[1,999],[3001,3999]}'); SELECT setval('oms.ticket_number', 1000, false)});
sql('one', q{SELECT setval('oms.ticket_number', 1000, false)});
is(substr(sql('one', q{SELECT oms.open_ticket('Grant')}), -5), '02001', 'the one goes on in a range of its own');
is(substr(sql('apart', q{SELECT oms.open_ticket('Grant')}), -5), '03001', '… and so does the other');
is(sql($_, 'SELECT * FROM oms.check()'), '', "$_: all is well") foreach qw(one apart);

# ---- pg_dump ----

{
	my ($out, $err) = run_command([ 'pg_dump', '-d', $node->connstr('one'), '-f', "$dir/plain.sql" ]);
	is($err, '', 'pg_dump has nothing to say');
	is(sql('one', q{SELECT count(*) FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid
		WHERE t.typnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND has_type_privilege('public', t.oid, 'USAGE')}), '0',
		'… and PUBLIC still has no right on row types');
	# The data of the extension alone, with nothing left that the worker would seal meanwhile
	sql('one', 'SELECT oms.seal()');
	$node->command_ok([ 'pg_dump', '-e', 'oms', '-f', "$dir/alone.sql", 'one' ], 'dump of the extension alone');
	$node->safe_psql('postgres', 'CREATE DATABASE alone');
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/alone.sql", 'alone' ], '… restored');
	is(oms_content($node, 'alone'), oms_content($node, 'one'), '… is equal');
}

# ---- settings ----

# Nobody but the worker does what happens by itself.
$node->safe_psql('postgres', 'CREATE ROLE mallory; CREATE DATABASE roles; ALTER DATABASE roles SET role = mallory');
$node->safe_psql('postgres', 'CREATE ROLE admin SUPERUSER LOGIN; ALTER ROLE admin IN DATABASE roles SET role = none');
my $roles = sub { my ($out) = run_command([ 'psql', '-XAtq', '-d', $node->connstr('roles') . ' user=admin', '-c', $_[0] ]); return $out };
$roles->('CREATE EXTENSION oms');
$roles->(q{SELECT oms.create_workflow('{"name": "Grant", "prefix": "GR", "stages": [{"id": "a", "owner": "A", "slaMins": 0}]}')});
$roles->(q{SELECT oms.open_ticket('Grant')});
my $actor = '';
foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	$actor = $roles->(q{SELECT string_agg(actor, ' ') FROM oms.timeline WHERE status = 'breached'});
	last if $actor ne '';
	select(undef, undef, undef, 0.1);
}
is($actor, sql('postgres', 'SELECT rolname FROM pg_authid WHERE oid = 10'), 'a breach is not the act of a role that the database sets');

# Settings of the worker's role reach it at once, in both directions.
my $state = q{SELECT state FROM oms.worker_status WHERE database = 'one'};
my $superuser = sql('postgres', 'SELECT quote_ident(rolname) FROM pg_authid WHERE oid = 10');
$node->poll_query_until('one', $state, 'running') or die 'no worker';
$node->safe_psql('postgres', "ALTER ROLE $superuser SET oms.worker = off");
ok($node->poll_query_until('one', $state, 'off'), 'ALTER ROLE … SET oms.worker = off sends the workers away');
$node->safe_psql('postgres', "ALTER ROLE $superuser RESET oms.worker");
ok($node->poll_query_until('one', $state, 'running'), '… and RESET brings them back');

# The script means the same whatever a string means.
$node->safe_psql('postgres', 'CREATE DATABASE strings');
$node->safe_psql('strings', 'SET standard_conforming_strings = off; SET escape_string_warning = off; CREATE EXTENSION oms');
my $views = q{SELECT md5(string_agg(pg_get_viewdef(oid), '' ORDER BY relname)) FROM pg_class WHERE relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND relkind = 'v'};
is(sql('strings', $views), sql('one', $views), 'CREATE EXTENSION under standard_conforming_strings = off makes the same views');

$node->stop;
done_testing();
