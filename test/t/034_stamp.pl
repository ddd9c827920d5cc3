# Stamps of seals by a time-stamping authority that openssl plays, over loopback: tools/stamp-seal, and what
# verify-proof says of good, foreign and forged ones.
use strict;
use warnings FATAL => 'all';

use Cwd ();
use File::Basename;
use IO::Socket::INET;
use OmsData;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = dirname(__FILE__) . '/../..';
my $dir = PostgreSQL::Test::Utils::tempdir();

# ---- an authority ----

# Runs openssl in the test's folder.
sub openssl
{
	system("cd '$dir' && openssl @_ >>openssl.log 2>&1") == 0 or die "openssl @_: " . slurp_file("$dir/openssl.log");
}

# A certificate that signs, in NAME-ca.pem, and one for stamps, signed by it, in NAME.pem.
sub authority
{
	my ($name, @validity) = @_;
	append_to_file("$dir/$name.cnf", <<"CNF");
[req]
prompt = no
distinguished_name = dn
[dn]
CN = $name
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[stamp]
basicConstraints = CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = now
[now]
serial = $dir/$name.serial
signer_cert = $dir/$name.pem
signer_key = $dir/$name.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
CNF
	append_to_file("$dir/$name.serial", "01\n");
	openssl("req -x509 -newkey rsa:2048 -nodes -config $name.cnf -extensions ca -subj '/CN=$name CA' -keyout $name-ca.key -out $name-ca.pem -days 30");
	openssl("req -newkey rsa:2048 -nodes -config $name.cnf -subj '/CN=$name' -keyout $name.key -out $name.csr");
	openssl("x509 -req -in $name.csr -CA $name-ca.pem -CAkey $name-ca.key -set_serial 2 -extfile $name.cnf -extensions stamp -days 30 -out $name.pem");
}
authority($_) foreach qw(good other);

# Answers one question after another: what is asked at /old gets the answer before, at /none none.
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, ReuseAddr => 1) or die "no socket: $!";
my $url = 'http://127.0.0.1:' . $listener->sockport;

sub answer
{
	my ($client) = @_;
	my ($path) = (<$client> // '') =~ m{^POST /(\w+)};
	my $length = 0;
	while (defined(my $line = <$client>))
	{
		$length = $1 if $line =~ /^Content-Length: (\d+)/i;
		last if $line eq "\r\n";
	}
	read($client, my $question, $length);
	return print $client "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" if !$path || $path eq 'none';
	if ($path ne 'old')
	{
		open my $file, '>:raw', "$dir/question" or die $!;
		print $file $question;
		close $file;
		openssl("ts -reply -config $path.cnf -queryfile question -out answer");
	}
	my $answer = slurp_file("$dir/answer");
	print $client "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nConnection: close\r\nContent-Length: "
	  . length($answer) . "\r\n\r\n$answer";
}

my $authority = fork // die "no fork: $!";
if ($authority == 0)
{
	$SIG{TERM} = sub { require POSIX; POSIX::_exit(0) };
	while (my $client = $listener->accept)
	{
		binmode $client;
		answer($client);
		close $client;
	}
	require POSIX;
	POSIX::_exit(0);
}
close $listener;
END { my $status = $?; kill 'TERM', $authority if $authority; waitpid $authority, 0 if $authority; $? = $status; }

# ---- stamping ----

my $node = oms_node('stamp');
sub sql { return $node->safe_psql($_[1] // 'postgres', $_[0]) }
sql('CREATE EXTENSION oms');
sql(q{SELECT oms.create_workflow('{"name": "Stamp", "prefix": "ST", "stages": [{"id": "a", "owner": "A"}]}')});

# Exit code and output of stamp-seal.
sub stamp
{
	my ($path, @options) = @_;
	my $connstr = $node->connstr('postgres');
	my $out = `'$top/tools/stamp-seal' --tsa '$url/$path' --ca '$dir/good-ca.pem' @options -d "$connstr" 2>&1`;
	chomp $out;
	return ($? >> 8) . ": $out";
}

is(stamp('good'), '0: nothing to stamp', 'without a seal nothing is asked');
my $first = sql(q{SELECT oms.open_ticket('Stamp')});
sql('SELECT oms.seal()');
my $second = sql(q{SELECT oms.open_ticket('Stamp')});
sql('SELECT oms.seal()');
sql(q{SELECT oms.open_ticket('Stamp')});
sql('SELECT oms.seal()');
my $hash = sql(q{SELECT encode(hash, 'hex') FROM oms.seals WHERE number = 3});

like(stamp('none'), qr/^1: .*\bstamp-seal: no answer from /s, 'an authority that does not answer');
like(stamp('other'), qr/^1: stamp-seal: the answer of .* is not good: /, 'one that is not trusted');
is(sql('SELECT count(*) FROM oms.seal_stamp'), 0, '… leaves nothing');
is(stamp('good'), "0: seal 3 $hash is stamped", 'the newest seal is stamped');
is(stamp('good'), '0: nothing to stamp', '… once');
is(sql('SELECT seal, digest = sha256(token), actor = current_user FROM oms.seal_stamp'), '3|t|t', 'and the stamp is stored');
sql("SELECT oms.comment('$first', 'more'); SELECT oms.seal()");
like(stamp('old'), qr/^1: stamp-seal: the answer of .* is not good: /, 'an old answer is refused');
is(sql('SELECT count(*) FROM oms.check()'), 0, 'check() finds nothing');

# A job of pg_cron can start the program on the server.
my $connstr = $node->connstr('postgres');
sql("COPY (SELECT WHERE false) TO PROGRAM \$\$'" . Cwd::abs_path("$top/tools/stamp-seal") . "' --tsa $url/good --ca $dir/good-ca.pem -d \"$connstr\"\$\$");
is(sql('SELECT count(*) FROM oms.seal_stamp WHERE seal = 4'), 1, 'from SQL, as pg_cron would');

# ---- verifying ----

my $program = "$dir/verify-proof";
my @sources = (glob("$top/tools/verify-proof/*.c"), "$top/src/engine/chain.c", "$top/src/engine/merkle.c");
command_ok([ $ENV{CC} // 'cc', '-std=c99', '-O1', '-Wall', '-Wextra', '-Werror', "-I$top/src", '-DWITH_LIBCRYPTO', '-o', $program, @sources, '-lcrypto' ],
	'verify-proof compiles with libcrypto');
command_ok([ $ENV{CC} // 'cc', '-std=c99', '-O1', '-Wall', '-Wextra', '-Werror', "-I$top/src", '-o', "$program-plain", @sources ],
	'and without');

# Exit code and output of verify-proof (another one if given as the first option).
sub verify
{
	my ($proof, @options) = @_;
	my $which = @options && $options[0] eq 'plain' ? "$program-" . shift @options : $program;
	unlink "$dir/asked";
	append_to_file("$dir/asked", $proof);
	my $out = `'$which' @options <'$dir/asked' 2>&1`;
	chomp $out;
	return ($? & 127 ? 'signal' : $? >> 8) . ": $out";
}
my @trust = ('--tsa', "$dir/good-ca.pem");
my $seal2 = sql(q{SELECT encode(hash, 'hex') FROM oms.seals WHERE number = 2});
my $proof = sql("SELECT oms.proof('$second')");
is(sql("SELECT p #>> '{seal,number}', p #>> '{later_seals,0,number}', jsonb_array_length(p -> 'stamps') FROM oms.proof('$second') AS p"),
	'2|3|1', 'a proof has the next stamped seal, and those between');
my $ok = "0: ok: $second, 2 events, sealed by seal 2 $seal2";
is(verify($proof), "$ok; stamps not checked: 1", 'without the certificate');
like(verify($proof, @trust), qr/^$ok; seal 3 $hash stamped \w{3} [ \d]\d \d\d:\d\d:\d\d 20\d\d GMT$/, 'with it the time is told');
is(verify($proof, '--seal', $hash), "$ok; stamps not checked: 1", 'the published hash may be that of the stamped seal');
is(verify($proof, '--seal', '0' x 64), '1: seal: its hash is not the one that was published', '… but no other');
is(verify($proof, '--tsa', "$dir/other-ca.pem"), '1: stamp: certificate verify error', 'by an authority that is not trusted');
is(verify($proof, '--tsa', "$dir/good.key"), "2: verify-proof: $dir/good.key: no certificate in PEM", 'a file without certificate');
is(verify($proof, 'plain'), "$ok; stamps not checked: 1", 'a program without libcrypto checks the rest');
like(verify($proof, 'plain', @trust), qr/^2: verify-proof: .*: this verify-proof was built without libcrypto$/, '… and says that it cannot check stamps');

# One stamp that is trusted is enough.
openssl("ts -query -sha256 -digest $hash -cert -out question2");
openssl("ts -reply -config other.cnf -queryfile question2 -token_out -out token2");
my $foreign = unpack 'H*', slurp_file("$dir/token2");
is(sql("SELECT oms.add_stamp(3, '\\x$foreign')"), 't', 'a stamp of a second authority');
is(sql("SELECT oms.add_stamp(3, '\\x$foreign')"), 'f', '… is stored once');
my $both = sql("SELECT oms.proof('$second')");
is(verify($both), "$ok; stamps not checked: 2", 'two stamps');
like(verify($both, @trust), qr/^$ok; seal 3 /, '… one of which is trusted');
like(verify($both, '--tsa', "$dir/other-ca.pem"), qr/^$ok; seal 3 /, '… by those who trust the other');

# A ticket that was sealed after the last stamp has none.
my $new = sql(q{SELECT oms.open_ticket('Stamp')});
sql('SELECT oms.seal()');
my $unstamped = sql("SELECT oms.proof('$new')");
like(verify($unstamped), qr/^0: ok: $new, 2 events, sealed by seal 5 \w+$/, 'a proof without a stamp');
is(verify($unstamped, @trust), '1: stamp: there is none', '… is none for those who ask for one');

# What was changed is named.
my ($token) = $proof =~ /"stamps": \["(\w+)"/;
my @cases = (
	[ 'a token that is none', sub { s/$token/3003/ }, 'stamp: not a token of RFC 3161' ],
	[ 'something behind it', sub { s/$token/${token}00/ }, 'stamp: not a token of RFC 3161' ],
	[ 'an empty one', sub { s/$token// }, 'stamp: not a token of RFC 3161' ],
	[ 'no token', sub { s/"$token"// }, 'stamp: there is none' ],
	[ 'no hex', sub { s/$token/${token}0/ }, 'stamp: not bytes in hex' ],
	[ 'the time in the token', sub { s/(180f323032)3./${1}39/ }, qr/^stamp: / ],
	[ 'the hash in the token', sub { s/(0420)$hash/$1 . '00' x 32/e }, "stamp: it is over something else than the seal's hash" ],
	[ 'the stamped seal left out', sub { s/"later_seals": \[.*?\]/"later_seals": []/ }, "stamp: it is over something else than the seal's hash" ],
	[ 'the later seals left out', sub { s/, "later_seals": \[.*\]\}$/}/ }, 'proof: "later_seals" and "stamps" are not two arrays' ],
	[ 'a later seal twice', sub { s/"later_seals": \[(\{.*?\})\]/"later_seals": [$1, $1]/ }, 'later seal 2: does not follow the seal before it' ],
	[ 'a seal that was stamped, but is not the next', sub { s/("later_seals": \[\{.*?"previous": ")\w\w/${1}00/ }, qr/^later seal 1: content does not match the hash\nlater seal 1: does not follow/ ],
);
foreach (@cases)
{
	my ($what, $change, $says) = @$_;
	my $changed = $proof;
	$change->() || die "$what: nothing was changed" foreach $changed;
	my $said = verify($changed, @trust);
	ref $says ? like($said =~ s/^1: //r, $says, $what) : is($said, "1: $says", $what);
}

srand 5;
my %answers;
foreach (1 .. 60)
{
	my $changed = $token;
	substr($changed, 2 * int(rand length($token) / 2), 2) = sprintf '%02x', int rand 256;
	next if $changed eq $token;
	my ($is) = verify($proof =~ s/$token/$changed/r, @trust) =~ /^(\w+)/;
	$answers{$is}++;
}
ok(!$answers{signal} && ($answers{1} // 0) > 40, 'no crash on changed tokens, and they are refused: ' . join ', ', map { "$_: $answers{$_}" } sort keys %answers);

# ---- the journal in a proof ----

sql(q{CREATE ROLE kim; SELECT oms.set_owner('Elsewhere', members => '{kim}'); SELECT oms.set_owner('A', members => '{kim}')});
my $entry = sql(q{SELECT max(seq) FROM oms.journal});
my $ruled = sql(q{SELECT oms.open_ticket('Stamp')});
sql(q{SELECT oms.set_owner('A', members => '{}')});
sql('SELECT oms.seal()');
sql(q{SELECT oms.set_owner('A', members => '{kim}')});
my $with = sql("SELECT oms.proof('$ruled', true, true)");
my $until = $entry + 1;
is(sql("SELECT string_agg(concat_ws(' ', e ->> 'seq', e ->> 'name', (e ->> 'after')::jsonb ->> 'members'), '; ') FROM jsonb_array_elements(oms.proof('$ruled', journal => true) #> '{journal,entries}') AS e"),
	qq{$entry A ["kim"]; $until A []}, 'the journal from the last entry of an owner before the ticket to the one that was sealed');
like(verify($with), qr/^0: ok: $ruled, 2 events, sealed by seal 6 \w+; journal from entry $entry to $until$/, 'it is checked');
my @forged = (
	[ 'a member', sub { s/kim/lee/ }, "journal entry $entry: content does not match the hash" ],
	[ 'an entry is gone', sub { s/("entries": \[)\{.*?\}, /$1/ }, qr/^journal entry $until: content does not match the hash$/ ],
	[ 'the last one is gone', sub { s/("entries": \[\{.*?\}), \{.*?\}\]/$1]/ }, qr/^journal entry $until: its number is another\n.*\njournal: it is not the one that was sealed$/s ],
	[ 'the hash before', sub { s/("entries": .*"previous": ")\w\w/${1}00/ || s/("journal": \{.*?"previous": ")\w\w/${1}00/ }, qr/content does not match the hash/ ],
	[ 'more than were sealed', sub { my ($e) = /"entries": \[(\{.*?\}), \{/; s/("entries": \[)/$1 . "$e, " x 20/e }, "journal: has 22 entries, the seal only $until" ],
	[ 'none', sub { s/"entries": \[.*\], "previous"/"entries": [], "previous"/ }, 'journal: "entries" is not an array of entries' ],
);
foreach (@forged)
{
	my ($what, $change, $says) = @$_;
	my $changed = $with;
	$change->() || die "$what: nothing was changed" foreach $changed;
	my $said = verify($changed);
	ref $says ? like($said =~ s/^1: //r, $says, $what) : is($said, "1: $says", $what);
}
is(sql("SELECT oms.proof('$second', journal => true) -> 'journal'"), 'null', 'null if no owner of the ticket was registered when it was sealed');
like(verify(sql("SELECT oms.proof('$second', journal => true)")), qr/^$ok;/, '… which is a good proof');

# A case that began elsewhere is proven like any other.
my $imported = sql(q{SELECT i.ticket FROM oms.import_tickets('Stamp', '[{"opened_at": "2025-03-03T10:00Z", "applicant": "ann", "notes": [{"at": "2025-03-05T10:00Z", "body": "called"}],
	"stages": {"a": {"finished_at": "2025-03-04T10:00Z", "worker": "meg", "output": {"x": 1}}}}]', false) AS i});
sql('SELECT oms.seal()');
stamp('good');
like(verify(sql("SELECT oms.proof('$imported')"), @trust), qr/^0: ok: $imported, \d+ events, sealed by seal 7 (\w+); seal 7 \1 stamped /, 'an imported case is proven, stamp and all');

# ---- docs/guides/evidence.md ----

my $page = slurp_file("$top/docs/guides/evidence.md");
my $help = `'$top/tools/stamp-seal' --help`;
is(join(' ', grep { $help !~ /\Q$_\E / } map { /(--\w+)/g } grep { m{tools/stamp-seal} } split /\n/, $page), '', 'the page calls stamp-seal with options that it has');
my ($printed) = $page =~ /^(ok: .*)$/m;
like($printed, qr/^ok: [-\w]+, \d+ events, sealed by seal \d+ \S+; seal \d+ \S+ stamped \w{3} [ \d]\d \d\d:\d\d:\d\d 20\d\d GMT; journal from entry \d+ to \d+$/,
	'and shows what verify-proof prints');

# What an expert can do with OpenSSL alone: the commands of the page.
unlink "$dir/proof.json", "$dir/authority-root.pem";
append_to_file("$dir/proof.json", $proof);
link("$dir/good-ca.pem", "$dir/authority-root.pem") or die $!;
my ($cut, $check, $show) = map { s/0f06\S+/$hash/r } $page =~ /^(perl -0ne .*)\n(openssl ts -verify .*)\n(openssl ts -reply .*)$/m;
is(system("cd '$dir' && $cut"), 0, 'the stamp is taken out of the proof');
like(`cd '$dir' && $check 2>&1`, qr/^Verification: OK$/m, '… openssl finds it good');
unlike(`cd '$dir' && @{[ $check =~ s/$hash/$seal2/r ]} 2>&1`, qr/Verification: OK/, '… over this hash only');
like(`cd '$dir' && $show 2>&1`, qr/^Time stamp: \w{3} .* GMT$/m, '… and tells the time');

# ---- dump and restore ----

$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", 'postgres' ], 'pg_dump');
sql('CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), "$dir/dump" ], 'pg_restore');
is(sql("SELECT oms.proof('$second')", 'restored'), $both, 'stamps are in the dump');

done_testing();
