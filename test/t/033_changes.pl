# oms.changes_since(): a reader gets every event exactly once, and the events of each ticket in the order of their
# numbers, whoever commits when; and a cursor is never continued in data that it does not belong to.
use strict;
use warnings FATAL => 'all';

use File::Path ();
use OmsNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OmsNode->make('changes', streaming => 1, conf => "max_prepared_transactions = 5\nautovacuum = off\nwal_writer_delay = 10s\n");
# A server that has lived for a while
$node->sql('CREATE PROCEDURE burn(n int) LANGUAGE plpgsql AS $$ BEGIN
	FOR i IN 1 .. n LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$; CALL burn(3000)');

# ---- a reader ----

# It knows what it has read, and complains of what comes twice or out of order.
sub reader { my ($node, $db) = @_; return { node => $node, db => $db // 'postgres', cursor => '', last => {}, count => 0, wrong => [] } }

# One page, read in a session; how many events it had.
sub page
{
	my ($reader, $max, $session) = @_;
	my $cursor = $reader->{cursor} eq '' ? 'NULL' : "'$reader->{cursor}'";
	my @rows = split /\n/, $session->query("SELECT cursor, ticket, seq FROM oms.changes_since($cursor, $max)");

	die "@rows" if grep { /ERROR:|FATAL:/ } @rows;
	foreach (@rows)
	{
		my ($next, $ticket, $seq) = split /\|/;
		my $last = $reader->{last}{$ticket} // 0;
		push @{ $reader->{wrong} }, "$ticket: $seq after $last" if $seq != $last + 1;
		$reader->{last}{$ticket} = $seq;
		$reader->{cursor} = $next;
		$reader->{count}++;
	}
	push @{ $reader->{wrong} }, scalar(@rows) . " rows for $max" if @rows > $max;
	return scalar @rows;
}

sub read_on
{
	my ($reader, $max) = @_;
	my $session = $reader->{node}->session($reader->{db});

	1 while page($reader, $max // 7, $session);
	$session->quit;
	return $reader;
}

# How far the reader is with a ticket
sub at { return $_[0]{last}{ $_[1] } // 0 }

# It has everything that there is.
sub complete
{
	my ($reader, $name) = @_;
	my %there = map { split /\|/ } split /\n/,
	  $reader->{node}->sql('SELECT ticket_id, seq FROM oms.ticket_state UNION ALL SELECT ticket_id, seq FROM oms.ticket_state_archive',
		$reader->{db});

	is_deeply($reader->{wrong}, [], "$name: nothing twice or out of order");
	is_deeply($reader->{last}, \%there, "$name: everything");
	return;
}

# ---- alone ----

is($node->sql('SELECT count(*) FROM oms.changes_since()'), '0', 'nothing yet');
my @tickets = map { $node->sql(q{SELECT oms.open_ticket('chain')}) } 1 .. 3;
$node->sql("SELECT oms.stage_done('$tickets[0]', 'a'), oms.comment('$tickets[1]', 'one')");
my %readers = map { $_ => reader($node) } 1, 2, 3, 1000;
read_on($readers{$_}, $_), complete($readers{$_}, "pages of $_") foreach sort keys %readers;
my $reader = $readers{2};
is($node->sql("SELECT count(*) FROM oms.changes_since('$reader->{cursor}')"), '0', 'no rows: nothing new');
is($node->sql(q{SELECT count(*) FROM oms.changes_since('', 1000000)}), $node->sql('SELECT count(*) FROM oms.timeline'), q('' begins, too));
is($node->sql(q{SELECT bool_and(c.id = 'ticket:oms:' || c.ticket AND c.policy = CASE WHEN e.public THEN 'public' ELSE 'staff' END
		AND (c."time", c.status, c.hash) = (e.at, e.status, e.hash) AND c.note IS NOT DISTINCT FROM e.note AND c.workflow = t.workflow)
	FROM oms.changes_since(max => 1000) AS c JOIN oms.timeline AS e ON e.ticket_id = c.ticket AND e.seq = c.seq
	JOIN oms.ticket AS t ON t.ticket_id = c.ticket}), 't', 'what a row says');
is($node->sql(q{SET oms.agency = 'sba-9'; SELECT min(id) FROM oms.changes_since()}), "ticket:sba-9:$tickets[0]", 'ids have the agency');
is($node->code("SET oms.agency = '$_'"), '22023', "oms.agency cannot be \"$_\"") foreach '', '-a', 'A b', 'a:b';

# ---- races ----

my ($s1, $s2, $s3) = map { $node->session } 1 .. 3;
sub comment { return "SELECT oms.comment('$tickets[$_[0]]', '$_[1]')" }

# Late: the events of a transaction that began first and commits last. What is younger waits for it.
$s1->query('BEGIN');
$s1->query(comment(0, 'late'));
$s2->query(comment(1, 'quick'));
read_on($reader);
is(at($reader, $tickets[1]), $node->sql("SELECT last_seq - 1 FROM oms.ticket WHERE ticket_id = '$tickets[1]'"), 'late: held back');
$s1->query('COMMIT');
complete(read_on($reader), 'late');

# Interleaved: s1 has the lower number, but comes to the ticket after s2. s3 runs on between the two, so that the
# horizon stands between their numbers: what s1 did is below it, and what came before it on the ticket is not.
$s1->query('BEGIN');
$s1->query(comment(0, 'early number'));
$s3->query('BEGIN');
$s3->query(comment(2, 'in between'));
$s2->query(comment(1, 'first'));
$s1->query(comment(1, 'second'));
$s1->query('COMMIT');
read_on($reader, 1);
complete_so_far($reader, 'interleaved, with one running between');
$s3->query('COMMIT');
complete(read_on($reader, 1), 'interleaved');

# The same three deep: the last one has a number between those of the two before.
$s1->query('BEGIN');
$s1->query(comment(0, 'lowest'));
$s3->query('BEGIN');
$s3->query(comment(2, 'middle'));
my $holder = $node->session;
$holder->query('BEGIN');
$holder->query('SELECT pg_current_xact_id()');
$s2->query(comment(1, 'highest, first'));
$s1->query(comment(1, 'lowest, second'));
$s1->query('COMMIT');
$s3->query(comment(1, 'middle, third'));
$s3->query('COMMIT');
read_on($reader, 1);
complete_so_far($reader, 'three deep');
$holder->query('COMMIT');
complete(read_on($reader, 1), 'three deep');

# A reader polls while others write: for some seconds, and on until it has polled often enough on a machine as busy
# as this one.
sub while_pgbench
{
	my ($what, $clients, $script, $poll) = @_;
	my $session = $node->session;
	my $polls = 0;

	foreach my $round (1 .. 20)
	{
		my $pgbench = IPC::Run::start([ 'pgbench', '-n', '-c', $clients, '-j', 2, '-T', 3, '-f', $script, '-h', $node->host,
			'-p', $node->port, 'postgres' ], '>', \my $bench, '2>&1');
		while ($pgbench->pumpable)
		{
			$poll->($session);
			$polls++;
			$pgbench->pump_nb;
		}
		$pgbench->finish;
		like($bench, qr/number of failed transactions: 0 /, "$what: no errors");
		last if $polls > 20;
	}
	$session->quit;
	cmp_ok($polls, '>', 20, "$what: the readers polled meanwhile ($polls times)");
	return;
}

sub complete_so_far { is_deeply($_[0]{wrong}, [], "$_[1]: in order so far") }

# Waiting for the lock: a number is given out before the wait, too.
$s1->query('BEGIN');
$s1->query(comment(1, 'has the lock'));
$s2->start(comment(1, 'waits'));
$s3->start(comment(1, 'waits too'));
ok($node->becomes(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'}, '2'), 'two wait for the lock');
read_on($reader, 1);
$s1->query('COMMIT');
$_->finish foreach $s2, $s3;
complete(read_on($reader, 1), 'waiting for the lock');

# What is taken back never comes; what a savepoint keeps does.
$s1->query('BEGIN');
$s1->query(comment(0, 'never'));
$s1->query('ROLLBACK');
$s1->query('BEGIN');
$s1->query(comment(0, 'kept'));
$s1->query('SAVEPOINT a');
$s1->query(comment(0, 'taken back'));
$s1->query('ROLLBACK TO a');
$s1->query('SAVEPOINT b');
$s1->query(comment(0, 'kept'));
$s1->query('RELEASE b');
$s1->query('COMMIT');
complete(read_on($reader, 1), 'rollback and savepoints');

# A prepared transaction is running until it ends.
$node->sql('BEGIN; ' . comment(2, 'prepared') . q{; PREPARE TRANSACTION 'one'});
$node->sql('BEGIN; ' . comment(0, 'prepared') . q{; PREPARE TRANSACTION 'two'});
$node->sql(comment(1, 'after the prepared'));
read_on($reader);
$node->restart;
read_on($reader);
is(at($reader, $tickets[1]), $node->sql("SELECT last_seq - 1 FROM oms.ticket WHERE ticket_id = '$tickets[1]'"),
	'prepared: held back, also over a restart');
$node->sql(q{COMMIT PREPARED 'two'});
$node->sql(q{ROLLBACK PREPARED 'one'});
complete(read_on($reader), 'prepared');
($s1, $s2, $s3) = map { $node->session } 1 .. 3;

# One transaction with more events than a page, into tickets old and new
$node->sql(q{SELECT oms.open_tickets('plain', array_agg('{}'::jsonb)) FROM generate_series(1, 300)});
$node->sql(q{SELECT count(oms.comment(ticket_id, 'all')), count(oms.comment(ticket_id, 'of them')) FROM oms.ticket});
$node->sql(comment(0, 'afterwards'));
complete(read_on($reader, 100), 'large transactions');

# A reader in one snapshot sees what that shows, and no cursor runs ahead of it.
$s1->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
$s1->query('SELECT 1');
$node->sql(comment(0, 'not seen by the snapshot'));
is($s1->query("SELECT count(*) FROM oms.changes_since('$reader->{cursor}')"), '0', 'repeatable read: as of its snapshot');
$s1->query('COMMIT');
# What a transaction has not committed is not for its own eyes either: it might be taken back.
$s1->query('BEGIN');
$s1->query(comment(0, 'own'));
is($s1->query(qq{SELECT count(*) FROM oms.changes_since('$reader->{cursor}') WHERE note = 'own'}), '0', 'not before the commit');
$s1->query('COMMIT');
complete(read_on($reader), 'repeatable read');

# ---- many at once ----

# Eight clients on few tickets, each transaction with one or two of them, some taken back
my $script = PostgreSQL::Test::Utils::tempdir() . '/changes.sql';
append_to_file($script, <<'SQL');
\set a random(0, 39)
\set b random(0, 39)
\set end random(0, 9)
BEGIN;
SELECT pg_current_xact_id();
SELECT oms.comment(ticket_id, 'a') FROM busy WHERE n = least(:a, :b);
SAVEPOINT s;
SELECT oms.comment(ticket_id, 'b') FROM busy WHERE n = greatest(:a, :b);
\if :end < 3
ROLLBACK TO s;
\endif
\if :end = 0
ROLLBACK;
\else
COMMIT;
\endif
SQL
$node->sql(q{CREATE TABLE busy AS SELECT row_number() OVER () - 1 AS n, ticket_id FROM oms.ticket WHERE workflow = 'plain' LIMIT 40});
while_pgbench('pgbench', 8, $script, sub { page($reader, 400, @_) });
complete(read_on($reader, 400), 'pgbench');
complete(read_on(reader($node), 500), 'from the beginning again');
is($node->sql('SELECT count(*) FROM oms.verify_timeline()'), '0', 'the chains are whole');

# ---- into the archive and back ----

# Closed tickets are archived and brought back by changes all the time; one reader polls, others begin and read the
# history page by page.
$node->sql(q{CREATE TABLE shelf AS SELECT row_number() OVER () - 1 AS n, t AS ticket_id
	FROM oms.open_tickets('plain', (SELECT array_agg('{}'::jsonb) FROM generate_series(1, 60))) AS t});
$node->sql(q{SELECT count(oms.cancel_ticket(ticket_id, 'double')) FROM shelf});
$script = PostgreSQL::Test::Utils::tempdir() . '/archive.sql';
append_to_file($script, <<'SQL');
\set a random(0, 59)
\set what random(0, 9)
\if :what < 3
SELECT oms.archive('infinity', 20);
\else
BEGIN;
SELECT pg_current_xact_id();
SELECT oms.comment(ticket_id, 'is it there?') FROM shelf WHERE n = :a;
\if :what = 9
ROLLBACK;
\else
COMMIT;
\endif
\endif
SQL
my ($beginner, $begun) = (reader($node), 0);
while_pgbench('archive', 6, $script, sub {
		page($reader, 100, @_);
		# whoever has the history and what came meanwhile begins again
		if (page($beginner, 90, @_) < 90)
		{
			is_deeply($beginner->{wrong}, [], 'archive: nothing twice or out of order for one who begins');
			$beginner = reader($node);
			$begun++;
		}
	});
note("archive: read from the beginning $begun times");
complete(read_on($reader, 400), 'archive');
complete(read_on($beginner, 90), 'archive, begun meanwhile');
complete(read_on(reader($node), 500), 'archive, from the beginning');
cmp_ok($node->sql(q{SELECT count(*) FROM oms.timeline_archive}), '>', 0, 'archive: some are there');
is($node->sql('SELECT count(*) FROM oms.verify_timeline()'), '0', 'archive: the chains are whole');
is($node->sql('SELECT count(*) FROM oms.check()'), '0', 'archive: nothing else is wrong');

# ---- cursors ----

is($node->code('SELECT oms.changes_since(NULL, 0)'), '22023', 'max 0 is an error');
is($node->code('SELECT oms.changes_since(NULL, NULL)'), '22023', 'max NULL is an error');
foreach my $bad ('x', '0', substr($reader->{cursor}, 2), $reader->{cursor} . '00', $reader->{cursor} =~ s/(.)$/$1 eq '0' ? '1' : '0'/er,
	$reader->{cursor} =~ s/^(.{60})(.)/$1 . ($2 eq '0' ? '1' : '0')/er)
{
	is($node->code("SELECT oms.changes_since('$bad', 1)"), '22023', 'no cursor: ' . substr($bad, 0, 8));
}
$node->sql('CREATE DATABASE other');
$node->install('other', 'plain');
is($node->code("SELECT oms.changes_since('$reader->{cursor}', 1)", 'other'), '55000', 'a cursor of another database');

# ---- who may ----

$node->sql(q{CREATE ROLE watch; CREATE ROLE clerk; CREATE ROLE portal;
	SELECT oms.grant_access('watch', 'monitor'), oms.grant_access('clerk', 'staff'), oms.grant_access('portal', 'portal')});
my $said = $node->sql(q{SELECT oms.open_ticket('plain', '{"name": "Kim"}')});
$node->sql("SELECT oms.comment('$said', 'inside'), oms.comment('$said', 'for all', public => true)");
is($node->sql("SET ROLE clerk; SELECT string_agg(coalesce(note, payload->>'name'), '|' ORDER BY seq) FROM oms.changes_of('$said')"),
	'Kim|inside|for all', 'staff reads what was said');
is($node->sql("SET ROLE watch; SELECT string_agg(coalesce(note, payload->>'name'), '|' ORDER BY seq) FROM oms.changes_of('$said')"),
	'for all', 'a monitor reads what the public does');
is($node->sql(qq{SET ROLE watch; SELECT count(*), count(note_digest), count(payload_digest) FROM oms.changes_since(max => 1000000) WHERE ticket = '$said'}),
	'4|2|1', '… and that there was more');
is($node->sql(qq{SET ROLE watch; SELECT string_agg(policy || ' ' || coalesce(public_status, '-'), ', ' ORDER BY seq) FROM oms.changes_of('$said')}),
	'public received, public in progress, staff -, public comment', 'policy of each row, and its public status');
is($node->sql(qq{SET ROLE watch; SELECT status, last_seq FROM oms.lake_ticket WHERE ticket_id = '$said'}), 'open|4', 'a monitor reads oms.lake_ticket');
is($node->sql(qq{SET ROLE watch; SELECT stage, status, cycle FROM oms.lake_stage WHERE ticket_id = '$said'}), 'a|queued|1', '… and oms.lake_stage');
# What waits for a message has no queued_at: awaiting_at tells the time apart.
$node->sql(q{SELECT oms.create_workflow('{"name": "mailed", "stages": [{"id": "a", "waitFor": {"message": "mail"}}, {"id": "b", "owner": "B", "dependsOn": ["a"], "delayMins": 60}]}')});
my $mailed = $node->sql(q{SELECT oms.open_ticket('mailed')});
$node->sql("SELECT oms.send_message('mail', '$mailed')");
is($node->sql(qq{SET ROLE watch; SELECT l.stage, l.status, l.awaiting_at = e.at, l.queued_at IS NULL, l.finished_at >= l.awaiting_at
	FROM oms.lake_stage AS l JOIN oms.changes_of('$mailed') AS e(cursor, id, ticket, seq, at, workflow, version, stage, status) ON e.stage = l.stage AND e.status = 'awaiting'
	WHERE l.ticket_id = '$mailed' ORDER BY l.stage_no}), "a|done|t|t|t\nb|awaiting|t|t|", '… which has what awaits and what a message finished');
is($node->code("SET ROLE portal; SELECT oms.$_"), '42501', "a portal may not: $_") foreach 'changes_since()', "changes_of('$said')";

# ---- erasure ----

read_on($reader);
$node->sql("SELECT oms.erase('$said', '{data.name,note.3}', 'asked for')");
complete(read_on($reader), 'erasure: its events come like others');
is($node->sql(qq{SELECT string_agg(format('%s %s %s', status, coalesce(note, '-'), coalesce(payload::text, '-')), ', ' ORDER BY seq)
	FROM oms.changes_of('$said')}), 'opened - -, queued - -, comment - -, comment for all -, erased asked for -, changed - {}',
	'changes_of shows what is left');
$node->sql("SELECT oms.comment('$said', 'Kim again'), oms.cancel_ticket('$said', 'double')");
$node->sql(q{SELECT oms.archive('infinity')});
is($node->sql("SELECT count(*) FROM oms.archived_ticket WHERE ticket_id = '$said'"), '1', 'an archived ticket');
is($node->sql("SELECT count(*) FROM oms.changes_of('$said') WHERE note = 'Kim again' AND workflow = 'plain'"), '1', '… is read like others');
complete(read_on($reader), '… and its move is no event');
$node->sql("SELECT oms.erase('$said', '{notes}', 'asked for')");
is($node->sql(qq{SELECT count(*) FROM oms.changes_since('$reader->{cursor}') WHERE ticket = '$said' AND status = 'erased'}), '1',
	'… its erasure is one');
is($node->sql("SELECT count(*) FROM oms.changes_of('$said') WHERE note ~ 'Kim'"), '0', '… and reaches what it said');
complete(read_on($reader), '… which comes like others');

# ---- what a crash must not take back ----

$node->sql('SET synchronous_commit = off; ' . comment(0, 'not waited for'));
read_on($reader);
$node->stop('immediate');
$node->start;
complete(read_on($reader), 'a crash: what was read is still there');

# ---- put back ----

# The files as they were an hour ago: some events are gone, and others get their numbers.
my $kept = $reader->{cursor};
$node->stop;
my $copy = PostgreSQL::Test::Utils::tempdir() . '/files';
PostgreSQL::Test::RecursiveCopy::copypath($node->data_dir, $copy);
$node->start;
$node->sql(comment(0, 'will be lost'));
my $lost = read_on($reader)->{cursor};
$node->sql(q{SELECT oms.open_ticket('plain')});
my $lost_ticket = read_on($reader)->{cursor};
$node->stop;
File::Path::rmtree($node->data_dir);
PostgreSQL::Test::RecursiveCopy::copypath($copy, $node->data_dir);
chmod 0700, $node->data_dir;
$node->start;
is($node->code("SELECT oms.changes_since('$lost', 10)"), '55000', 'files put back: a cursor from later is refused');
$node->sql(comment(1, 'another one') . ' FROM generate_series(1, 500)');
is($node->code("SELECT oms.changes_since('$lost', 10)"), '55000', '… also when the log is longer than it was');
is($node->code("SELECT oms.changes_since('$lost_ticket', 10)"), '55000', '… and the ticket that it ends with was not opened');
$reader = reader($node);
complete(read_on($reader, 1000), 'files put back: from the beginning');
is($node->code("SELECT oms.changes_since('$kept', 10)"), '', '… and a cursor from before goes on');

# ---- standby, promotion, and events that a promotion loses ----

$node->backup('base');
my $standby = OmsNode->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->sql(comment(1, 'to the standby'));
$node->wait_for_catchup($standby);
$reader->{node} = $standby;
complete(read_on($reader), 'on a standby');
$reader->{node} = $node;
$node->sql(comment(2, 'to both'));
complete(read_on($reader), 'back on the primary');
$node->wait_for_catchup($standby);
my $before = { %$reader, last => { %{ $reader->{last} } }, node => $standby };
$standby->stop;
$node->sql(comment(2, 'to the primary only'));
$lost = read_on($reader)->{cursor};
$node->stop;
$standby->start;
is($standby->sql("SELECT count(*) FROM oms.changes_since('$lost', 10)"), '0', 'a standby that is behind has nothing for a cursor from ahead');
$standby->promote;
$standby->sql(comment(2, "of the new primary $_")) foreach 1 .. 3;
is($standby->code("SELECT oms.changes_since('$lost', 10)"), '55000', 'promotion: a cursor of what was lost is refused');
complete(read_on($before), 'promotion: one of what was not goes on');
$node = $standby;

# ---- restore ----

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->sql('CALL burn(2000)');
$node->sql(comment(0, 'last of the old server'));
$reader = read_on($before);
PostgreSQL::Test::Cluster::command_ok($node, [ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'dump');
my $new = OmsNode->make('restored', extension => 0, conf => "autovacuum = off\n");
$new->sql('CREATE DATABASE work; CREATE ROLE watch; CREATE ROLE clerk; CREATE ROLE portal');
PostgreSQL::Test::Cluster::command_ok($new, [ 'pg_restore', '--exit-on-error', '-d', 'work', $dump ], 'restore');
cmp_ok($new->sql('SELECT min(watermark) FROM oms.timeline', 'work'), '>', $new->sql('SELECT pg_current_xact_id()'),
	'the numbers of its past are in the future');
$new->sql(comment(0, 'before it is activated'), 'work');
is($new->code('SELECT oms.changes_since()', 'work'), '55000', 'restored: nothing until it is activated');
# Somebody has looked at it before it is activated, and will write in that snapshot.
my $old = $new->session('work');
$old->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
$old->query('SELECT count(*) FROM oms.ticket');
# Somebody is writing while it is activated.
my $writer = $new->session('work');
$writer->query('BEGIN');
$writer->query(comment(1, 'meanwhile'));
my $activates = $new->session('work');
$activates->start('SELECT oms.activate()');
ok($new->becomes(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'}, '1'), 'activate() waits for whoever is writing');
$writer->query(comment(0, 'meanwhile'));
$writer->query('COMMIT');
$activates->finish;
is($new->code("SELECT oms.changes_since('$reader->{cursor}', 10)", 'work'), '55000', 'restored: a cursor of the old server is refused');
my $again = read_on(reader($new, 'work'), 700);
complete($again, 'restored: from the beginning');
$old->query(comment(2, 'with an old snapshot'));
$old->query('COMMIT');
$old->query(comment(0, 'with a new one'));
complete(read_on($again), 'restored: what an old snapshot writes');
$writer->query(comment(1, 'of the new server'));
$new->sql(comment(0, 'and of another session'), 'work');
complete(read_on($again), 'restored: what follows');
my $cursor = $again->{cursor};
$new->sql('SELECT oms.activate()', 'work');
is($new->code("SELECT oms.changes_since('$cursor', 10)", 'work'), '', 'activated where it is at home: cursors stay');
$new->sql('CREATE DATABASE twin TEMPLATE work') if $new->until(sub { $_->quit foreach $writer, $activates, $old; 1 });
is($new->code("SELECT oms.changes_since('$cursor', 10)", 'twin'), '55000', 'a copy by TEMPLATE: nothing');
$new->sql('SELECT oms.activate()', 'twin');
is($new->code("SELECT oms.changes_since('$cursor', 10)", 'twin'), '55000', '… and no cursor of the original');
complete(read_on(reader($new, 'twin'), 1000), 'a copy by TEMPLATE');

$_->stop foreach $new, $node;
done_testing();
