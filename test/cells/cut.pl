# The network to a cell is cut: whoever waits for an answer gets one after some seconds, and all else goes on.  The test
# has a network of its own, of which it takes the one interface down; the other servers are reached by sockets.
use strict;
use warnings FATAL => 'all';

use Test::More;

# Before the modules of the tests take hold of the output
BEGIN
{
	my @alone = qw(unshare --map-current-user --net --keep-caps);
	if (!$ENV{OMS_OWN_NETWORK})
	{
		plan skip_all => 'no network of its own' if system("@alone ip link set lo up 2>/dev/null") != 0;
		$ENV{OMS_OWN_NETWORK} = 1;
		exec @alone, $^X, $0 or die;
	}
}

use OmsNode;
use PostgreSQL::Test::Utils;

sub network { my ($state) = @_; system('ip', 'link', 'set', 'lo', $state) == 0 or die }
network('up');

my $dir = PostgreSQL::Test::Utils::tempdir();
my %node = (
	near => OmsNode->make('near', extension => 0),
	far => OmsNode->make('far', extension => 0, conf => "listen_addresses = '127.0.0.1'\n"),
	front => OmsNode->make('front', extension => 0));
$_->safe_psql('postgres', 'CREATE DATABASE ' . $_->name) foreach values %node;
my $port = $node{far}->port;
append_to_file("$dir/conf", sprintf "cell {[1,999]} host=%s port=%d dbname=near\ncell {[1000,1999]} host=127.0.0.1 port=$port dbname=far\nfront host=%s port=%d dbname=front\n",
	map { $node{$_}->host, $node{$_}->port } qw(near front));
append_to_file("$dir/setup.sql", "SELECT oms.create_workflow('$OmsNode::workflow{plain}')");
my ($out, $err) = run_command([ 'tools/cells', 'apply', "$dir/conf", "$dir/setup.sql" ]);
is($out . $err, '', 'set up');

my $front = $node{front}->session('front');
my %ticket = map { $_ => $node{$_}->sql(q{SELECT oms.open_ticket('plain')}, $_) } qw(near far);
is($front->code("SELECT oms.comment('$ticket{$_}', 'here')"), '', "$_ answers") foreach qw(near far);

network('down');
my $answer = $front->query("SELECT oms.stage_done('$ticket{far}', 'a')");
like($answer, qr/ERROR:  08007: the connection to cell "far" was lost\nDETAIL:  .+\nHINT:  What was asked may be done there/, 'who asks gets an answer: it may be done');
like($front->query("SELECT oms.comment('$ticket{far}', 'now?')"), qr/ERROR:  08001: cell "far" was not reached\nDETAIL:  .+\nHINT:  Nothing was done there/, 'who asks again: nothing was done');
is($front->code("SELECT oms.comment('$ticket{near}', 'goes on')"), '', 'the other goes on');
like($front->query("SELECT ticket FROM oms.claim('A', qty => 10)"), qr/WARNING:  08001: cell "far".*^$ticket{near}$/ms, '… and its work is handed out');

network('up');
ok($node{front}->until(sub { $front->code("SELECT oms.comment('$ticket{far}', 'back')") eq '' }), 'it answers again');
like($front->code("SELECT oms.stage_done('$ticket{far}', 'a')"), qr/^(OM005)?$/, 'what was asked was done, or is done now');
is($node{far}->sql("SELECT count(*) FROM oms.timeline WHERE ticket_id = '$ticket{far}' AND status = 'done'", 'far'), '1', '… once');
is($front->query('SELECT count(*) FROM oms.check()'), '0', 'both are whole');

$_->stop foreach values %node;
done_testing();
