# Seals beside other transactions, after a restore and on a standby, and verify-proof without a server:
# right proofs, tampered ones and garbage.
use strict;
use warnings FATAL => 'all';

use File::Basename;
use OmsData;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = dirname(__FILE__) . '/../..';
my $dir = PostgreSQL::Test::Utils::tempdir();

my $node = oms_node('seal', init => { allows_streaming => 1 });

sub sql { return $node->safe_psql($_[1] // 'postgres', $_[0]) }

# What a statement fails with: its SQLSTATE and message.
sub failure
{
	my ($on, $sql) = @_;
	my ($status, $out, $err) = $on->psql('postgres', "\\set VERBOSITY verbose\n$sql", on_error_stop => 1);
	return $err =~ /ERROR:\s+(.*)/ ? $1 : 'nothing';
}

my $unsealed = q{SELECT count(*) FROM oms.ticket AS t WHERE NOT EXISTS (
	SELECT FROM (SELECT * FROM oms.seal_leaf AS l WHERE l.ticket_id = t.ticket_id ORDER BY seal DESC LIMIT 1) AS l
	WHERE l.seq = t.last_seq AND l.head = t.head)};
my $problems = q{SELECT (SELECT count(*) FROM oms.verify_seals()) + (SELECT count(*) FROM oms.verify_timeline())};

sql('CREATE EXTENSION oms');
sql(q{SELECT oms.create_workflow('{"name": "Seal", "prefix": "SL", "stages": [{"id": "a", "owner": "A"}]}')});
my @ticket = split /\n/, sql(q{SELECT oms.open_ticket('Seal', '{"name": "Žofie 🙂"}') FROM generate_series(1, 20)});

# ---- late commits ----

# A transaction that began before a seal and commits after it is below every number given out meanwhile.
is(sql('SELECT oms.seal()'), 1, 'the first seal');
sql("BEGIN; SELECT oms.comment('$ticket[0]', 'late'); PREPARE TRANSACTION 'late'");
sql("SELECT oms.comment('$ticket[1]', 'in time')");
is(sql('SELECT oms.seal()'), 2, 'a seal while another transaction is still running');
is(sql("SELECT string_agg(ticket_id::text, ' ') FROM oms.seal_leaf WHERE seal = 2"), $ticket[1], 'has what was committed');
sql("SELECT oms.comment('$ticket[2]', 'meanwhile')");
is(sql('SELECT oms.seal()'), 3, 'another one');
is(sql('SELECT oms.seal()'), 3, 'nothing new, no seal');
sql("COMMIT PREPARED 'late'");
is(sql($unsealed), 1, 'the late commit is not sealed yet');
is(sql('SELECT oms.seal()'), 4, 'it is in the next seal');
is(sql("SELECT string_agg(ticket_id::text, ' ') FROM oms.seal_leaf WHERE seal = 4"), $ticket[0], 'alone');
is(sql($unsealed), 0, 'everything is sealed');

# ---- one sealer at a time ----

sql("SELECT oms.comment('$ticket[3]', 'x')");
sql("BEGIN; SELECT oms.seal(); PREPARE TRANSACTION 'sealer'");
like(failure($node, "SET lock_timeout = '200ms'; SELECT oms.seal();"), qr/^55P03/, 'a second sealer waits');
sql("SELECT oms.comment('$ticket[4]', 'nobody else waits')");
sql("COMMIT PREPARED 'sealer'");
is(sql('SELECT oms.seal()'), 6, 'and goes on after the first one');
is(sql("SELECT string_agg(ticket_id::text, ' ') FROM oms.seal_leaf WHERE seal = 6"), $ticket[4], 'with the rest');
sql("SELECT oms.comment('$ticket[3]', 'y')");
sql("BEGIN; SELECT oms.seal(); ROLLBACK");
is(sql('SELECT count(*) FROM oms.seals'), 6, 'a seal that was interrupted left nothing');

# Under REPEATABLE READ somebody else's seal cannot be seen, so there can be no next one.
my $connstr = $node->connstr('postgres');
like(failure($node, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;\n"
		. "\\! psql -qAtX -d \"$connstr\" -c 'SELECT oms.seal()'\nSELECT oms.seal();"),
	qr/^40001/, 'a seal made since the snapshot is a serialization failure');
is(sql('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT oms.seal(); COMMIT'), 7, 'without one it works');

# ---- under load ----

append_to_file("$dir/comment.sql", "\\set n random(0, 19)\nSELECT oms.comment(ticket_id, 'load') FROM oms.ticket ORDER BY ticket_id OFFSET :n LIMIT 1;\n");
append_to_file("$dir/open.sql", "SELECT oms.open_ticket('Seal');\n");
append_to_file("$dir/seal.sql", "SELECT oms.seal();\n");
command_ok([ 'pgbench', '-n', '-c', '6', '-j', '2', '-t', '100', '-d', $connstr, '-f', "$dir/comment.sql\@6",
		'-f', "$dir/open.sql\@2", '-f', "$dir/seal.sql\@2" ], 'six clients open, comment and seal');
sql('SELECT oms.seal()');
is(sql($unsealed), 0, 'nothing was lost');
is(sql($problems), 0, 'and all fits');
cmp_ok(sql('SELECT count(*) FROM oms.seals'), '>', 20, 'there were many seals');

# ---- dump and restore, standby ----

$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", 'postgres' ], 'pg_dump');
sql('CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), "$dir/dump" ], 'pg_restore');
is(sql('SELECT md5(string_agg(s::text, chr(10) ORDER BY number)) FROM oms.seals AS s', 'restored'),
	sql('SELECT md5(string_agg(s::text, chr(10) ORDER BY number)) FROM oms.seals AS s'), 'seals are in the dump');
is(sql($problems, 'restored'), 0, 'and all fits');
is(sql('SELECT horizon FROM oms.seal_state', 'restored'), 0, 'the horizon is not: it means nothing elsewhere');
my $last = sql('SELECT oms.seal()');
is(sql('SELECT oms.seal()', 'restored'), $last, 'nothing is sealed twice');
sql("SELECT oms.comment('$ticket[5]', 'after the restore')", 'restored');
is(sql('SELECT oms.seal()', 'restored'), $last + 1, 'sealing goes on');
is(sql($unsealed, 'restored'), 0, 'everything is sealed');

$node->backup('copy');
my $standby = OmsDataNode->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
sql("SELECT oms.comment('$ticket[6]', 'streamed'); SELECT oms.seal()");
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', $problems), 0, 'seals can be verified on a standby');
is($standby->safe_psql('postgres', "SELECT oms.proof('$ticket[0]')"), sql("SELECT oms.proof('$ticket[0]')"), 'proofs too');
like(failure($standby, 'SELECT oms.seal();'), qr/^25006/, 'but not made');
$standby->stop('immediate');

# ---- verify-proof ----

my $program = "$dir/verify-proof";
command_ok([ $ENV{CC} // 'cc', '-std=c99', '-O1', '-Wall', '-Wextra', '-Werror', "-I$top/src", '-o', $program,
		glob("$top/tools/verify-proof/*.c"), "$top/src/engine/chain.c", "$top/src/engine/merkle.c" ], 'verify-proof compiles');

# Its exit code and what it says of a text.  By a shell, which is quicker than IPC::Run: it is some hundred times.
sub verify
{
	my ($proof, @options) = @_;
	my $command = join ' ', 'exec', map { "'$_'" } $program, @options;

	unlink "$dir/asked";
	append_to_file("$dir/asked", $proof);
	my $out = `$command <'$dir/asked' 2>&1`;
	chomp $out;
	return ($? == 0 ? 0 : $? & 127 ? 'signal ' . ($? & 127) : $? >> 8, $out);
}

sub is_verdict
{
	my ($proof, $code, $says, $name, @options) = @_;
	my ($is, $out) = verify($proof, @options);
	is("$is: $out", "$code: $says", $name);
}

# The documented vectors
my $document = slurp_file("$top/docs/guides/seals.md");
my ($golden) = $document =~ /^```json\n(.*?)^```/ms;
my ($promise) = $document =~ /^`(ok: DL-1999.*)`\.$/m;
is_verdict($golden, 0, $promise, 'the proof in docs/guides/seals.md');

# Trees of all shapes, each of their tickets
sql(q{DO $$ BEGIN FOR n IN 1..20 LOOP
	PERFORM oms.comment(ticket_id, 'round ' || n) FROM (SELECT * FROM oms.ticket ORDER BY ticket_id LIMIT n) AS t;
	PERFORM oms.seal();
END LOOP; END $$});
sql(q{SELECT oms.stage_done(ticket_id, 'a', '{"size": 1.50, "text": "\\\\ \" / \b ü \u2028"}') FROM (SELECT * FROM oms.ticket ORDER BY ticket_id LIMIT 5) AS t});
sql('SELECT oms.seal()');
my ($good, $whole) = (0, 0);
my $first_seal = sql('SELECT max(number) - 21 FROM oms.seals');
foreach my $proof (split /\n/, sql("SELECT oms.proof(ticket_id) FROM (
	SELECT DISTINCT ON (s.tickets, l.position) l.ticket_id FROM oms.seals AS s
	JOIN oms.seal_leaf AS l ON l.seal = s.number WHERE s.number > $first_seal) AS l"))
{
	my ($id) = $proof =~ /"ticket": "([\w-]+)"/;
	my ($code, $out) = verify($proof);
	$whole++;
	$good++ if $code == 0 && $out =~ /^ok: $id, \d+ events, sealed by seal \d+ [0-9a-f]{64}$/;
}
cmp_ok($whole, '>', 200, 'leaves in trees of many shapes');
is($good, $whole, 'each has a good proof');
my ($code, $out) = verify(sql("SELECT oms.proof('$ticket[0]', false)"));
is($code, 0, 'a proof without content');
unlike(sql("SELECT oms.proof('$ticket[0]', false)"), qr/Žofie|round|late|size/, 'has no content');

# Erased, unsealed, partly sealed; from a file; against what was published
sql("SELECT oms.erase('$ticket[7]', '{data,notes}', 'asked for')");
my ($events, $hash, $number) = split /\|/, sql("SELECT t.last_seq, encode(s.hash, 'hex'), s.number FROM oms.ticket AS t,
	oms.seals AS s WHERE t.ticket_id = '$ticket[7]' AND s.number = (SELECT max(seal) FROM oms.seal_leaf WHERE ticket_id = '$ticket[7]')");
my ($sealed) = sql("SELECT max(seq) FROM oms.seal_leaf WHERE ticket_id = '$ticket[7]'");
my $partly = sql("SELECT oms.proof('$ticket[7]')");
my $verdict = "ok: $ticket[7], $events events, the first $sealed sealed by seal $number $hash";
is_verdict($partly, 0, $verdict, 'events after the seal');
is_verdict($partly, 0, $verdict, 'against the published hash', '--seal', $hash);
is_verdict($partly, 1, 'seal: its hash is not the one that was published', 'against another hash', '--seal', '0' x 64);
sql("SET oms.now = '2026-03-02 14:00+00'; SELECT oms.comment('$ticket[6]', 'at another time'); SELECT oms.seal()");
my $moved = sql("SELECT oms.proof('$ticket[6]')");
my ($is_ok, $of_moved) = verify($moved);
is($is_ok, 0, 'an event under a moved clock');
like($of_moved, qr/^ok: $ticket[6], .*; recorded under a moved clock: 1$/, '… is told');
is_verdict($moved =~ s/, "moved": true//r, 1, sql("SELECT 'event ' || max(seq) || ': content does not match the hash' FROM oms.timeline WHERE ticket_id = '$ticket[6]'"), '… and cannot be left out');
append_to_file("$dir/proof.json", $partly);
is_verdict('', 0, $verdict, 'from a file', "$dir/proof.json");
my $new = sql("SELECT oms.open_ticket('Seal')");
is_verdict(sql("SELECT oms.proof('$new')"), 1, 'seal: the ticket is not sealed', 'a ticket without a seal');
is((verify('', "$dir/nosuch.json"))[0], 2, 'a file that is not there');
is((verify('', '--nosuch'))[0], 2, 'an option that is not there');

# Another encoding: the proof in UTF-8 is the same
sql(q{CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'});
sql(q{CREATE EXTENSION oms; SET client_encoding = 'UTF8';
	SELECT oms.create_workflow('{"name": "Prüfung", "prefix": "LT", "stages": [{"id": "ä", "owner": "Ö"}]}');
	SELECT oms.comment(oms.open_ticket('Prüfung', '{"name": "Jörg"}'), 'größer', 'ä'); SELECT oms.seal()}, 'latin');
like((verify(sql(q{SET client_encoding = 'UTF8'; SELECT oms.proof(ticket_id) FROM oms.ticket}, 'latin')))[1],
	qr/^ok: LT-/, 'a database in LATIN1');

# What was changed is named, with its place.
my $zeros = '0' x 64;
my @cases = (
	[ 'a note', sub { s/geprüft/gefälscht/ }, 'event 3: content does not match the hash' ],
	[ 'an amount', sub { s/80000/90000/ }, 'event 1: content does not match the hash' ],
	[ 'a time', sub { s/14:00:00.000001Z/14:00:00.000002Z/ }, 'event 3: content does not match the hash' ],
	[ 'an actor', sub { s/"actor": "kim", "session_actor": "app"/"actor": "kim", "session_actor": null/ }, 'event 3: content does not match the hash' ],
	[ 'a client', sub { s/web\@192.0.2.7/web\@192.0.2.8/ }, 'event 1: content does not match the hash' ],
	[ 'null and empty', sub { s/"stage": null, "owner": null, "actor": "kim", "session_actor": null/"stage": "", "owner": null, "actor": "kim", "session_actor": null/ }, 'event 4: content does not match the hash' ],
	[ 'visibility', sub { s/"public": true/"public": false/ }, 'event 1: content does not match the hash' ],
	[ 'a salt', sub { s/000102030405/000102030406/ }, 'event 1: content does not match the hash' ],
	[ 'the digest of an erased note', sub { s/("note_digest": ")c/${1}d/ }, 'event 4: content does not match the hash' ],
	[ 'the head', sub { s/"head": "(?=\w+",\n "leaf)../"head": "00/ }, 'head: it is not the hash of the last event' ],
	[ 'the leaf', sub { s/("leaf": \{"seq": 4, "head": ")../${1}00/ }, "leaf: event 4 was sealed with another hash\nleaf: its path does not lead to the root of the seal" ],
	[ 'the number of the leaf', sub { s/"leaf": \{"seq": 4/"leaf": {"seq": 5/ }, "leaf: event 5 was sealed, but is missing\nleaf: its path does not lead to the root of the seal" ],
	[ 'the position', sub { s/"position": 1/"position": 0/ }, 'leaf: its path does not lead to the root of the seal' ],
	[ 'a position beyond the end', sub { s/"position": 1/"position": 3/ }, 'leaf: its path does not lead to the root of the seal' ],
	[ 'a node', sub { s/("path": \[\s*")../${1}00/ }, 'leaf: its path does not lead to the root of the seal' ],
	[ 'a node too few', sub { s/("path": \[)\s*"\w+",/$1/ }, 'leaf: its path does not lead to the root of the seal' ],
	[ 'a node too many', sub { s/("path": \[)/$1"$zeros",/ }, 'leaf: its path does not lead to the root of the seal' ],
	[ 'the time of the seal', sub { s/T16:00:00/T16:00:01/ }, 'seal: content does not match the hash' ],
	[ 'the number of the seal', sub { s/"seal": \{"number": 1/"seal": {"number": 2/ }, 'seal: content does not match the hash' ],
	[ 'the number of tickets', sub { s/"tickets": 3/"tickets": 2/ }, "seal: content does not match the hash\nleaf: its path does not lead to the root of the seal" ],
	[ 'the seal before', sub { s/"previous": "00/"previous": "01/ }, "seal: content does not match the hash\nseal: the first one has one before it" ],
	[ 'the ticket', sub { s/DL-1999-00091/DL-1999-00092/ }, qr/^event 1: content.*\nevent 2: content.*\nevent 3: content.*\nevent 4: content.*\nleaf: its path/ ],
	[ 'an event is gone', sub { s/ \{"seq": 2,.*?\},\n//s }, qr/^event 2: its number is another\nevent 2: content/ ],
	[ 'the last event is gone', sub { s/,\n  \{"seq": 4,.*?\}\]/]/s }, "head: it is not the hash of the last event\nleaf: event 4 was sealed, but is missing" ],
	[ 'an event twice', sub { s/(  \{"seq": 2,.*?\},\n)/$1$1/s }, qr/^event 3: its number is another/ ],
	[ 'no event', sub { s/"events": \[.*?\],\n "head"/"events": [], "head"/s }, 'proof: "events" is not an array of events' ],
	[ 'another version', sub { s/"version": 1/"version": 2/ }, 'proof: of a version that this program does not know' ],
	[ 'another format', sub { s/oms-proof/oms-poof/ }, 'proof: this is none of oms' ],
	[ 'a key more', sub { s/"seq": 2,/"seq": 2, "remark": "true",/ }, 'event 2: has 19 keys, must have 18' ],
	[ 'a key twice', sub { s/"seq": 2,/"seq": 2, "seq": 2,/ }, qr/^proof: not JSON: a key twice at byte \d+$/ ],
	[ 'a key less', sub { s/"worker": null, // }, qr/^event 1: has 17 keys/ ],
	[ 'another type', sub { s/"cycle": 0/"cycle": "0"/ }, 'event 1: "cycle" is not a number' ],
	[ 'a number out of range', sub { s/"attempt": 0/"attempt": 4294967296/ }, 'event 1: "attempt" is out of range' ],
	[ 'a fraction', sub { s/"attempt": 0/"attempt": 0.0/ }, qr/^proof: not JSON: / ],
	[ 'a day that there is not', sub { s/2026-03-02T14:00:00.000000Z/2026-02-29T14:00:00.000000Z/ }, 'event 1: "at" is no time that there is' ],
	[ 'upper-case hex', sub { s/"head": "22fc/"head": "22FC/ }, 'proof: "head" is not 32 bytes in hex' ],
	[ 'a note and its digest', sub { s/"note_digest": null, "payload": null, "payload_digest": null, "salt": "10/"note_digest": "$zeros", "payload": null, "payload_digest": null, "salt": "10/ }, 'event 3: both "note" and "note_digest"' ],
	[ 'a note without salt', sub { s/"salt": "10\w+"/"salt": null/ }, 'event 3: "salt" is missing' ],
	[ 'a zero byte', sub { s/geprüft/\\u0000/ }, qr/^proof: not JSON: bad escape/ ],
	[ 'half a surrogate', sub { s/geprüft/\\ud83d/ }, qr/^proof: not JSON: bad escape/ ],
	[ 'something behind it', sub { s/\z/{}/ }, qr/^proof: not JSON: something behind the end/ ],
	[ 'the other way of writing', sub { s/Größe/Gr\\u00f6\\u00dfe/ }, $promise ],
);
foreach (@cases)
{
	my ($what, $change, $says) = @$_;
	my $proof = $golden;
	$change->() || die "$what: nothing was changed" foreach $proof;
	my ($is, $said) = verify($proof);
	is($is, $says eq $promise ? 0 : 1, "$what: exit code");
	ref $says ? like($said, $says, $what) : is($said, $says, $what);
}

# Garbage: an answer, and never another one than "no".
my $deep = '[' x 100_000;
foreach my $garbage ('', ' ', '{', '[]', 'null', '{}', '{"format": "oms-proof"}', $deep, '{"a":' x 50, "\0\1\2", "\xff\xfe",
	'"' . ('x' x 1_000_000), '1' x 100, '-', '{"events": [', "\xef\xbb\xbf$golden", "$golden\0")
{
	my ($is, $said) = verify($garbage);
	ok($is eq '1' && $said ne '' && $said !~ /^ok/, 'garbage: ' . substr($said, 0, 60));
}
srand 4;
my %answers;
my $forged = 0;
foreach (1 .. 300)
{
	my $proof = $golden;
	substr($proof, int rand length $proof, int rand 3) = join '', map { chr int rand 256 } 1 .. int rand 3;
	my ($is, $said) = verify($proof);
	$answers{$is}++;
	# white space may differ between two values
	$forged++ if $is eq '0' && $proof =~ s/\s+//gr ne $golden =~ s/\s+//gr;
}
is_deeply([ grep { !/^[01]$/ } keys %answers ], [], 'no crash on 300 mutations');
is($forged, 0, 'none of them passes');
cmp_ok($answers{1}, '>', 250, 'most are noticed');

done_testing();
