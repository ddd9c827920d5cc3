# The archive on a server of its own: proofs of archived tickets without a server, who may do what, interruptions
# and crashes in the middle, events that were not told yet, the copy on a standby.
use strict;
use warnings FATAL => 'all';

use File::Basename;
use IPC::Run;
use OmsNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = dirname(__FILE__) . '/../..';
my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = OmsNode->make('archive', streaming => 1);

my $hot = 'SELECT count(*) FROM oms.ticket';
my $archived = 'SELECT count(*) FROM oms.archived_ticket';
my $problems = 'SELECT (SELECT count(*) FROM oms.check()) + (SELECT count(*) FROM oms.verify_timeline()) + (SELECT count(*) FROM oms.verify_seals())';

# 400 closed tickets, some with a letter that does not fit into a row, and one that is open
my $open = $node->sql(q{SELECT oms.open_ticket('plain')});
$node->sql(q{SELECT count(oms.stage_done(t, 'a', '{"ok": true}')) FROM oms.open_tickets('plain',
	(SELECT array_agg(jsonb_build_object('n', n) || CASE n % 50 WHEN 0 THEN jsonb_build_object('letter',
		(SELECT string_agg(md5(n || '-' || k), '') FROM generate_series(1, 2000) AS k)) ELSE '{}' END)
		FROM generate_series(1, 400) AS n)) AS t});
my ($first) = $node->sql(q{SELECT ticket_id FROM oms.ticket WHERE data @> '{"n": 50}'});
my $before = $node->sql("SELECT oms.proof('$first')");

sub tamper_workflow
{
	my ($sql) = @_;
	$node->sql("UPDATE pg_trigger SET tgenabled = '$_->[0]' WHERE tgname ~ '^guard' AND tgrelid = 'oms.workflow'::regclass; $_->[1]")
	  foreach [ 'D', '' ], [ 'D', $sql ], [ 'A', '' ];
	return;
}

# ---- interrupted ----

is($node->code(q{SET statement_timeout = '1ms'; SELECT oms.archive('infinity', 400)}), '57014', 'interrupted by a timeout');
is($node->sql($hot), 401, '… nothing has moved');

my $session = $node->session;
$session->query('BEGIN');
like($session->query(q{SELECT oms.archive('infinity', 300)}), qr{300}, 'a batch that is not committed');
is($node->sql($hot), 401, '… is not seen');
is($node->sql("SELECT count(*) FROM oms.get_timeline('$first')"), 4, '… and what it moves is to be read meanwhile');
$node->stop('immediate');
$session->quit;
$node->start;
is($node->sql($hot), 401, 'after a crash everything is where it was');
is($node->sql($archived), 0, '… and the archive empty');
is($node->sql($problems), 0, '… and whole');

# ---- batches ----

is($node->sql(q{SELECT oms.archive('infinity', 150)}), 150, 'a batch');
is($node->sql(q{SELECT oms.archive('infinity', 150)}), 150, '… the next one');
is($node->sql(q{SELECT oms.archive('infinity')}), 100, '… the rest');
is($node->sql(q{SELECT oms.archive('infinity')}), 0, '… and nothing more');
is($node->sql($hot), 1, 'the open one stays');
is($node->sql("$archived WHERE status = 'done'"), 400, 'all others are there');
is($node->sql($problems), 0, 'everything is whole');
is($node->sql(q{SELECT count(*) FROM oms.timeline}), 2, 'no event was left behind');

# ---- proofs ----

my $program = "$dir/verify-proof";
command_ok([ $ENV{CC} // 'cc', '-std=c99', '-O1', "-I$top/src", '-o', $program,
		glob("$top/tools/verify-proof/*.c"), "$top/src/engine/chain.c", "$top/src/engine/merkle.c" ], 'verify-proof compiles');
sub verify
{
	my ($proof, @options) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $program, @options ], '<', \$proof, '>', \$out, '2>', \$err);
	return $out . $err;
}
my $hash = $node->sql(q{SELECT encode(hash, 'hex') FROM oms.seals ORDER BY number LIMIT 1});
my $proof = $node->sql("SELECT oms.proof('$first')");
like(verify($proof, '--seal', $hash), qr/^ok: $first, 4 events, sealed by seal 1 $hash$/, 'the proof of an archived ticket holds');
like(verify($before), qr/the ticket is not sealed/, '… which was not sealed before it was archived');
like(verify($proof =~ s/ok\\": true/ok\\": false/r), qr/content does not match the hash/, '… and of a changed one does not');
like(verify($node->sql("SELECT oms.proof('$first', false)")), qr/^ok: $first/, '… without content, too');

# With everything in the archive and nothing left outside of it the tickets are still there.
$node->sql('CREATE DATABASE only_archived');
$node->install('only_archived', 'plain');
$node->sql(q{SELECT oms.cancel_ticket(oms.open_ticket('plain'), 'double')}, 'only_archived');
$node->sql(q{SELECT oms.archive('infinity')}, 'only_archived');
# until nobody could see them any more and the file is empty
ok($node->becomes('VACUUM oms.ticket_state; SELECT pg_relation_size(\'oms.ticket_state\')', '0', 30, 'only_archived'), 'the table of tickets is empty');
is($node->code('DROP EXTENSION oms', 'only_archived'), '2BP01', '… and the extension is not dropped without CASCADE');
is($node->code('DROP EXTENSION oms CASCADE', 'only_archived'), '', '… which drops it');

# ---- who may ----

$node->sql(qq{CREATE ROLE ar_$_; SELECT oms.grant_access('ar_$_', '$_')}) foreach qw(citizen portal staff admin);
my $tracking = $node->sql("SELECT oms.tracking_number('$first')");
is($node->code("SET ROLE ar_staff; $_"), '42501', "staff may not: $_")
  foreach q{SELECT oms.archive()}, q{SELECT oms.set_retention('1 day')}, 'DELETE FROM oms.timeline_archive',
  'TABLE oms.ticket_state_archive';
is($node->code("SET ROLE ar_admin; $_"), '', "admin may: $_") foreach q{SELECT oms.archive()}, q{SELECT oms.set_retention('10 years')};
is($node->code("SET ROLE ar_staff; $_"), '', "staff may: $_")
  foreach "SELECT oms.get_ticket('$first')", "SELECT oms.proof('$first')", "SELECT oms.check('$first')",
  'TABLE oms.archived_ticket', 'TABLE oms.archived_stage', 'TABLE oms.timeline_archive', 'TABLE oms.attachment', 'TABLE oms.retention';
is($node->sql("SET ROLE ar_citizen; SELECT string_agg(status, ' ') FROM oms.get_timeline('$tracking')"), 'received in progress done closed',
	'a citizen sees it with the tracking number');
is($node->sql("SET ROLE ar_citizen; SELECT oms.track('$tracking') ->> 'status'"), 'closed', '… and tracks it');
is($node->sql("SET ROLE ar_citizen; SELECT count(*) FROM oms.get_timeline('$first')"), 0, '… and not without');
is($node->sql("SET ROLE ar_portal; SELECT count(*) FROM oms.get_timeline('$first')"), 0, 'a portal does not see what it did not open');
is($node->code("SET ROLE ar_portal; SELECT oms.comment('$first', 'x', public => true)"), '42501', '… nor bring it back');
is($node->code("SET ROLE ar_staff; SELECT oms.comment('$first', 'hello')"), '', 'staff bring it back by a change');
is($node->sql("SELECT count(*) FROM oms.ticket WHERE ticket_id = '$first'"), 1, '… indeed');
is($node->sql(q{SELECT oms.set_retention(NULL); SELECT oms.archive('infinity')}) =~ s/\s//gr, '0', 'a rule that keeps for ever keeps it');
$node->sql(q{SELECT oms.set_retention('0')});
is($node->sql(q{SELECT oms.archive()}), 1, 'it goes again');
like(verify($node->sql("SELECT oms.proof('$first')")), qr/^ok: $first, 5 events, sealed by seal 2/, '… proven again');

# ---- what was not told yet ----

# An alert, lost from shared memory in a crash, of a ticket that was archived since
my $worker = $node->worker_up;
kill 'STOP', $worker;
my $late = $node->sql(q{SELECT oms.open_ticket('plain')});
$node->sql("SELECT oms.escalate('$late', 'a', 'slow'), oms.cancel_ticket('$late', 'too late')");
is($node->sql('SELECT oms.archive()'), 1, 'archived before the worker told of it');
# until somebody listens, the worker cannot read what it would tell
tamper_workflow(q{CREATE TABLE kept AS SELECT definition FROM oms.workflow WHERE name = 'plain';
	UPDATE oms.workflow SET definition = '{}' WHERE name = 'plain'});
$node->crash($worker);
$node->worker_up('postgres', $worker);
ok($node->becomes($node->status_of('postgres', 'errors > 0')), 'the worker has to read it from the tables');
my $listener = $node->listener('postgres', 'oms_alert');
tamper_workflow(q{UPDATE oms.workflow SET definition = (TABLE kept) WHERE name = 'plain'});
ok($listener->hears($late, 'oms_alert', 30), '… and finds it in the archive');
$listener->quit;

# ---- a standby ----

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('archive_standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', $problems), 0, 'a standby has the same archive');
is($standby->safe_psql('postgres', "SELECT oms.get_ticket('$first')"), $node->sql("SELECT oms.get_ticket('$first')"), '… and reads it');
my ($status, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY verbose\nSELECT oms.archive()");
like($err, qr/25006: cannot execute oms\.archive\(\) in a read-only transaction/, '… and says that it cannot be changed there');
$standby->stop('immediate');
$node->stop;
done_testing();
