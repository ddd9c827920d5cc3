# Logical replication: tickets, stages and timeline arrive in plain tables of another database, and what
# arrives in the guarded tables of oms may be inserted and nothing else.
use strict;
use warnings FATAL => 'all';

use File::Basename;
use OmsData;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = oms_node('logical', init => { allows_streaming => 'logical' },
	conf => "max_logical_replication_workers = 8\nwal_retrieve_retry_interval = 100ms\noms.worker = on\n");
$node->safe_psql('postgres', "CREATE DATABASE $_; ALTER DATABASE $_ SET oms.worker = off") foreach qw(work plain guarded other);
$node->safe_psql($_, 'CREATE EXTENSION oms') foreach qw(work guarded);
oms_fill($node, 'work');
# All tables of the database, as somebody would do who does not know oms
$node->safe_psql('work', 'CREATE PUBLICATION everything FOR ALL TABLES');

# The publisher is on the same server, so it cannot make the slot within the command.
sub subscribe
{
	my ($db, $from, $publication, $name) = @_;
	$node->safe_psql($from, "SELECT pg_create_logical_replication_slot('$name', 'pgoutput')");
	$node->safe_psql($db, "CREATE SUBSCRIPTION $name CONNECTION '" . ($node->connstr($from) =~ s{'}{}gr)
		  . "' PUBLICATION $publication WITH (create_slot = false, slot_name = '$name')");
}

sub caught_up
{
	my ($db, $from, $name) = @_;
	$node->poll_query_until($db, q{SELECT bool_and(srsubstate IN ('r', 's')) FROM pg_subscription_rel})
	  or die 'no synchronisation';
	my $lsn = $node->safe_psql($from, 'SELECT pg_current_wal_lsn()');
	$node->poll_query_until($from, "SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = '$name'")
	  or die 'not caught up';
}

# ---- into plain tables, without the extension and its type ----

# For each column of a dumped table one of a type that everybody has
my @tables = split /\n/, $node->safe_psql('work', q{SELECT relname FROM pg_class
	WHERE relnamespace = 'oms'::regnamespace AND relkind = 'r' ORDER BY 1});
my %columns = map { split /\|/, $_, 2 } split /\n/, $node->safe_psql('work', q{
	SELECT attrelid::regclass, string_agg(format('%I %s', attname,
		CASE WHEN atttypid = 'oms.ticket_id'::regtype THEN 'text' ELSE format_type(atttypid, atttypmod) END), ', ' ORDER BY attnum)
	FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid IN (SELECT oid FROM pg_class
		WHERE relnamespace IN ('oms'::regnamespace, 'app'::regnamespace) AND relkind = 'r') GROUP BY 1});
my %key = map { split /\|/ } split /\n/, $node->safe_psql('work', q{
	SELECT c.conrelid::regclass, string_agg(quote_ident(a.attname), ', ' ORDER BY n)
	FROM pg_constraint AS c, unnest(c.conkey) WITH ORDINALITY AS k (attnum, n), pg_attribute AS a
	WHERE c.contype = 'p' AND a.attrelid = c.conrelid AND a.attnum = k.attnum GROUP BY 1});
ok($key{"oms.$_"}, "oms.$_ has a primary key") foreach @tables;

$node->safe_psql('plain', 'CREATE SCHEMA oms; CREATE SCHEMA app');
$node->safe_psql('plain', "CREATE TABLE $_ ($columns{$_}" . ($key{$_} ? ", PRIMARY KEY ($key{$_})" : '') . ')')
  foreach sort keys %columns;
subscribe('plain', 'work', 'everything', 'to_plain');
caught_up('plain', 'work', 'to_plain');

# The tables of another database have the same rows as those that are published.
sub same_sums
{
	my ($name, $there, @tables) = @_;
	my $sums = join ";\n", map { "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\")) FROM $_ AS t" } @tables;
	my @got = split /\n/, $node->safe_psql($there, $sums);
	my @expected = split /\n/, $node->safe_psql('work', $sums);

	is($got[$_], $expected[$_], "$name: $tables[$_] is equal") foreach 0 .. $#tables;
}

sub arrived
{
	my ($name) = @_;
	caught_up('plain', 'work', 'to_plain');
	same_sums($name, 'plain', map { "oms.$_" } @tables);
}
arrived('first copy');

# Every kind of change: insert, update in place, update of what is stored out of line
work_goes_on($node, 'work', 'publisher');
$node->safe_psql('work', q{
	SELECT oms.retire_workflow('Choice');
	SELECT oms.create_workflow(oms.get_workflow('Choice') || '{"description": "new"}');
	SELECT oms.retire_workflow('Choice')});
$node->safe_psql('work', q{SELECT oms.erase(ticket, '{name}', 'asked for') FROM app.loan WHERE n = 4})
  if oms_has($node, 'work', 'erase');
arrived('changes');
is($node->safe_psql('plain', q{SELECT count(*) FROM oms.ticket_state AS t
	LEFT JOIN oms.timeline AS e ON e.ticket_id = t.ticket_id AND e.seq = t.seq AND e.hash = t.head WHERE e.seq IS NULL}),
	'0', 'changes: heads belong to the last events');

# What a transaction takes back never arrives.
$node->safe_psql('work', q{BEGIN; SELECT oms.open_ticket('DisasterLoan', '{}', 'not meant'); ROLLBACK;
	BEGIN; SAVEPOINT a; SELECT oms.open_ticket('DisasterLoan', '{}', 'not meant'); ROLLBACK TO a;
	SELECT oms.open_ticket('DisasterLoan', '{}', 'meant'); COMMIT});
arrived('transactions');
is($node->safe_psql('plain', q{SELECT string_agg(key, ' ') FROM oms.idempotency WHERE key ~ 'meant'}), 'meant',
	'transactions: only what was committed');

# The worker of a published database can write down how far it is.
$node->safe_psql('postgres', 'ALTER DATABASE work RESET oms.worker');
my $session = $node->background_psql('work');
$session->query_safe('LISTEN oms_dispatch');
$node->safe_psql('work', q{SELECT oms.open_ticket('DisasterLoan', '{"amount": 3}')});
$node->poll_query_until('work', q{SELECT count(*) > 0 FROM oms.worker_status WHERE database = 'work' AND events_sent > 0});
# It saves its place when it leaves.
$node->safe_psql('postgres', 'ALTER DATABASE work SET oms.worker = off; SELECT pg_reload_conf()');
$node->restart;
log_lacks($node, qr/cannot update table "worker_state"/, 'FOR ALL TABLES does not stop the worker');

# ---- the publication of docs/guides/lake.md ----

{
	my $document = slurp_file(dirname(__FILE__) . '/../../docs/guides/lake.md');
	my ($publication) = $document =~ /^```sql\n(CREATE PUBLICATION oms_lake .*?)^```/ms or die 'docs/guides/lake.md has no publication';
	my ($tables) = $document =~ /^```subscriber\n(.*?)^```/ms or die 'docs/guides/lake.md has no tables';

	$node->safe_psql('postgres', 'CREATE DATABASE lake');
	$node->safe_psql('work', $publication);
	$node->safe_psql('lake', $tables);
	subscribe('lake', 'work', 'oms_lake', 'to_lake');
	caught_up('lake', 'work', 'to_lake');
	my $rows = $node->safe_psql('lake', q{SELECT table_name, string_agg(column_name, ', ' ORDER BY ordinal_position)
		FROM information_schema.columns WHERE table_schema = 'oms' GROUP BY 1});
	my $same = sub {
		my ($name) = @_;
		caught_up('lake', 'work', 'to_lake');
		same_sums("lake, $name", 'lake', map { my ($table, $columns) = split /\|/; "(SELECT $columns FROM oms.$table)" } split /\n/, $rows);
	};
	is(scalar(split /\n/, $rows), 10, 'lake: ten tables');
	$same->('first copy');
	$node->safe_psql('work', q{SELECT oms.open_ticket('DisasterLoan', '{"amount": 5}'); SELECT oms.tick();
		SELECT oms.send_back(s.ticket_id, 'risk_ai', 'id_check', 'once more') FROM oms.stage AS s
		WHERE s.stage = 'risk_ai' AND s.status IN ('queued', 'in_progress') LIMIT 1;
		SELECT oms.erase(ticket, '{name}', 'asked for') FROM app.loan WHERE n = 6});
	$same->('changes');
	# Closed tickets go into the archive, one comes back and one stays.
	$node->safe_psql('work', q{SELECT oms.cancel_ticket(t, 'double')
		FROM oms.open_tickets('DisasterLoan', ARRAY['{"amount": 6}', '{"amount": 7}']::jsonb[]) AS t});
	caught_up('lake', 'work', 'to_lake');
	my $tickets = $node->safe_psql('work', 'SELECT count(*) FROM oms.lake_ticket');
	cmp_ok($node->safe_psql('work', q{SELECT oms.archive('infinity')}), '>', 1, 'lake: some tickets are archived');
	$same->('archive');
	$node->safe_psql('work', q{SELECT oms.comment((SELECT min(ticket_id::text) FROM oms.archived_ticket), 'once more')});
	$same->('back from the archive');
	is($node->safe_psql('lake', 'SELECT (SELECT count(*) FROM oms.ticket_state) + (SELECT count(*) FROM oms.ticket_state_archive)'), $tickets,
		'lake: no ticket is lost');
	is($node->safe_psql('lake', q{SELECT count(*) FROM oms.ticket_state AS t
		LEFT JOIN oms.timeline AS e ON e.ticket_id = t.ticket_id AND e.seq = t.seq AND e.hash = t.head WHERE e.seq IS NULL}),
		'0', 'lake: heads belong to the last events');
	is($node->safe_psql('lake', q{SELECT count(*) FROM (SELECT seq, row_number() OVER (PARTITION BY ticket_id ORDER BY seq) AS n
		FROM oms.timeline) AS e WHERE seq <> n}), '0', 'lake: no gaps');
	$node->safe_psql('lake', 'DROP SUBSCRIPTION to_lake');
	$node->safe_psql('work', 'DROP PUBLICATION oms_lake');
}

# ---- into the tables of a database with the extension ----

$node->safe_psql('plain', 'DROP SUBSCRIPTION to_plain');
$node->safe_psql('other', 'CREATE SCHEMA oms');
$node->safe_psql('other', "CREATE TABLE oms.$_ (" . $columns{"oms.$_"} . ', PRIMARY KEY (' . $key{"oms.$_"} . '))')
  foreach grep { $key{"oms.$_"} } @tables;
# A publisher that may do with its plain tables what it likes
$node->safe_psql('other', 'CREATE PUBLICATION foreign_rows FOR TABLES IN SCHEMA oms');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/rows.sql';
$node->command_ok([ 'pg_dump', '-a', '-n', 'oms', '-f', $dump, 'plain' ], 'rows of the plain tables');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, 'other' ], '… go into another database');
my $local = join ' UNION ALL ', map { "SELECT '$_ ' || t::text FROM oms.$_ AS t" } grep { /^(?:(?:worker|seal|rollup|cron)_state|passed_over)$/ } @tables;
$local .= ' ORDER BY 1';
my $here = $node->safe_psql('guarded', $local);
subscribe('guarded', 'other', 'foreign_rows', 'to_guarded');
caught_up('guarded', 'other', 'to_guarded');
is($node->safe_psql('guarded', 'SELECT count(*), min(seq), count(DISTINCT ticket_id) FROM oms.timeline'),
	$node->safe_psql('plain', 'SELECT count(*), min(seq), count(DISTINCT ticket_id) FROM oms.timeline'),
	'rows may be inserted: the first copy');
is($node->safe_psql('guarded', 'SELECT * FROM oms.verify_timeline()'), '', '… and they are whole');
is($node->safe_psql('guarded', $local), $here, 'what is about the server stays its own');
$node->safe_psql('other', q{INSERT INTO oms.idempotency SELECT 'another', ticket_id, workflow_id, 0 FROM oms.ticket_state LIMIT 1});
caught_up('guarded', 'other', 'to_guarded');
is($node->safe_psql('guarded', q{SELECT count(*) FROM oms.idempotency WHERE key = 'another'}), '1',
	'rows may be inserted: changes that follow');

my $content = oms_content($node, 'guarded');
foreach (
	[ 'timeline', 'UPDATE', q{UPDATE oms.timeline SET note = 'all was well' WHERE seq = 1} ],
	[ 'timeline', 'DELETE', 'DELETE FROM oms.timeline WHERE seq = 2' ],
	[ 'timeline', 'TRUNCATE', 'TRUNCATE oms.timeline' ],
	[ 'ticket_state', 'UPDATE', 'UPDATE oms.ticket_state SET priority = 8' ],
	[ 'stage_state', 'DELETE', 'DELETE FROM oms.stage_state' ],
	[ 'workflow', 'UPDATE', q{UPDATE oms.workflow SET definition = '{}'} ],
	[ 'workflow', 'DELETE', 'DELETE FROM oms.workflow' ],
	[ 'workflow_stage', 'UPDATE', q{UPDATE oms.workflow_stage SET owner = 'me'} ],
	[ 'idempotency', 'DELETE', 'DELETE FROM oms.idempotency' ],)
{
	my ($table, $what, $sql) = @$_;
	my $from = -s $node->logfile;
	$node->safe_psql('other', $sql);
	$node->safe_psql('guarded', 'ALTER SUBSCRIPTION to_guarded ENABLE');
	# Either it is refused, or it has come.
	my $lsn = $node->safe_psql('other', 'SELECT pg_current_wal_lsn()');
	my $refused;
	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$refused = slurp_file($node->logfile, $from) =~ /ERROR: .*\Q$what of "oms.$table" is refused/;
		last if $refused || $node->safe_psql('other',
			"SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = 'to_guarded'") eq 't';
		select(undef, undef, undef, 0.1);
	}
	ok($refused, "a subscription's $what of oms.$table is refused");
	# Go past it.
	$node->safe_psql('guarded', 'ALTER SUBSCRIPTION to_guarded DISABLE');
	$node->poll_query_until('other', q{SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'to_guarded'});
	$node->safe_psql('other', "SELECT pg_replication_slot_advance('to_guarded', '$lsn')") if $refused;
}
is(oms_content($node, 'guarded'), $content, '… and changes nothing');

# The copy becomes the database that works. Its sequences stand at the start.
$node->safe_psql('guarded', 'DROP SUBSCRIPTION to_guarded');
my $highest = q{SELECT max(substring(ticket_id::text FROM '[0-9]+$')::int) FROM
	(SELECT ticket_id FROM oms.ticket UNION ALL SELECT ticket_id FROM oms.archived_ticket) AS t};
my $before = $node->safe_psql('guarded', $highest);
is($node->safe_psql('guarded', q{SELECT count(*) FROM oms.check() WHERE kind = 'numbers'}), '3', 'check() finds the sequences behind');
like($node->safe_psql('guarded', 'SELECT reasons FROM oms.health()'), qr/numbers: oms\.ticket_number is behind/, '… and so does health()');
$node->safe_psql('guarded', 'SELECT oms.activate()');
is($node->safe_psql('guarded', q{SELECT count(*) FROM oms.check() WHERE kind = 'numbers'}), '0', 'activate() moves them');
$node->safe_psql('guarded', q{SELECT oms.open_ticket('DisasterLoan', '{"amount": 9}')});
is($node->safe_psql('guarded', $highest), $before + 1, '… and the next ticket has the next number');
$node->stop;
done_testing();
