# Two cells and a front: calls of daily work through the front are those of a cell, with its errors; a cell that is
# stopped, that comes back, and that is added: docs/operation/cells.md.
use strict;
use warnings FATAL => 'all';

use IPC::Run ();
use OmsNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
my %node = map { $_ => OmsNode->make($_, extension => 0) } qw(north south west front);
my %number = (north => '{[1,999999]}', south => '{[1000000,1999999]}', west => '{[2000000,2999999]}');
$_->safe_psql('postgres', 'CREATE DATABASE ' . $_->name) foreach values %node;
my $front = $node{front}->session('front');
# not what PL/Proxy says of the connection after an error
$front->query('SET client_min_messages = warning');

sub at { my ($cell, $sql) = @_; return $node{$cell}->sql($sql, $cell) }
sub connection { my ($name) = @_; return sprintf 'host=%s port=%d dbname=%s', $node{$name}->host, $node{$name}->port, $name }
sub cells
{
	my ($what, $cells, @sql) = @_;
	open my $file, '>', "$dir/conf" or die;
	print $file map({ "cell $number{$_} " . connection($_) . "\n" } @$cells), 'front ', connection('front'), "\n";
	close $file;
	my ($out, $err) = run_command([ 'tools/cells', $what, "$dir/conf", @sql ]);
	return $out . $err;
}
# The error of a command: code, message, detail, hint
sub told
{
	my ($session, $sql) = @_;
	return join "\n", grep { /^(?:ERROR|DETAIL|HINT): / } split /\n/, $session->query($sql) =~ s/^psql:<stdin>:\d+: //mgr;
}

# ---- set up ----

append_to_file("$dir/setup.sql", <<'SQL');
SELECT oms.create_workflow('{"name": "Loan", "stages": [
	{"id": "id_check", "owner": "IRS", "slaMins": 5}, {"id": "risk_ai", "owner": "RiskModel", "slaMins": 2},
	{"id": "underwrite", "owner": "SBA", "slaMins": 240, "dependsOn": ["id_check", "risk_ai"], "minAmount": 50000},
	{"id": "fund", "owner": "Treasury", "dependsOn": ["underwrite"]}]}');
SELECT oms.set_owner('SBA', 'group');
SQL
is(cells('apply', [qw(north south)], "$dir/setup.sql"), '', 'two cells and a front are set up');
is(cells('apply', [qw(north south)], "$dir/setup.sql"), '', '… again: nothing happens');
is(cells('diff', [qw(north south)]), '', '… and there is no difference');
at('south', q{SELECT oms.set_owner('SBA', 'person')});
like(cells('diff', [qw(north south)]), qr/^only at north: owner SBA .*\nonly at south: owner SBA [^\n]*$/s, 'a difference is shown');
is(cells('apply', [qw(north south)], "$dir/setup.sql"), '', '… and goes when the set-up is applied again');
is(cells('diff', [qw(north south)]), '', '… to all');
{
	local $number{south} = '{[999999,1999999]}';
	like(cells('apply', [qw(north south)]), qr/gives numbers to two cells: 999999-1999999|1-999999/, 'a number in two cells is refused');
}

# What runs at a cell is made from its catalogue.
{
	local %ENV = (%ENV, PGHOST => $node{north}->host, PGPORT => $node{north}->port, PGDATABASE => 'north');
	my ($out, $err) = run_command([ 'tools/front.sh', '--print' ]);
	is($out . $err, slurp_file('src/front/20_generated.sql') =~ s/\n\z//r, 'the functions of a front are those of a cell: else run tools/front.sh');
	at('north', 'CREATE FUNCTION oms.extra() RETURNS int LANGUAGE sql RETURN 1');
	($out, $err) = run_command([ 'tools/front.sh', '--print' ]);
	like($err, qr/in no class of src\/front\/classes: oms\.extra\(\)/, '… and one that is in no class is an error');
	at('north', 'DROP FUNCTION oms.extra()');
}

# ---- a loan ----

my (%ticket, %of);
foreach my $i (1 .. 8)
{
	my $ticket = $front->query("SELECT oms.open_ticket('Loan', '{\"amount\": 80000}', 'application $i', applicant => 'p$i')");
	my $cell = $ticket =~ /-\d{5}$/ ? 'north' : 'south';
	push @{ $of{$cell} }, $ticket;
	$ticket{$i} = $ticket;
}
ok($of{north} && $of{south}, 'keys are spread over the cells');
is($front->query("SELECT oms.open_ticket('Loan', '{\"amount\": 80000}', 'application $_', applicant => 'p$_')"), $ticket{$_}, "key $_ again is the same ticket") foreach 1 .. 8;
# As in clients/typescript/test/cells.test.ts, which chooses the same cells.
is($front->query(q{BEGIN; INSERT INTO oms.cell SELECT n, 'cell ' || n FROM generate_series(2, 96) AS n}) . $front->query(q{SELECT string_agg(oms.cell_for(key, NULL)::text, ' ' ORDER BY no)
	FROM unnest(ARRAY['a', 'foobar', '', 'application 1', U&'J\00FCrgen M\00FCller']) WITH ORDINALITY AS k (key, no)}) . $front->query('ROLLBACK'), '83 35 64 18 68', 'by the same digest everywhere');
my $opened = $front->query(q{SELECT count(DISTINCT oms.cell_of(oms.open_ticket('Loan'))) FROM generate_series(1, 40)});
is($opened, '2', 'without a key tickets are opened at all cells');
is($front->query(q{SELECT count(DISTINCT oms.cell_of(t)), count(*) FROM oms.open_tickets('Loan', ARRAY['{}', '{}', '{}']::jsonb[]) AS t}), '1|3', 'many at once at one of them');

foreach my $cell (qw(north south))
{
	my $t = $of{$cell}[0];
	is($front->query("SELECT oms.stage_done('$t', 'id_check', '{\"match\": true}')"), '{}', "$cell: the first stage");
	is($front->query("SELECT oms.stage_done('$t', 'risk_ai')"), '{underwrite}', '… the second');
	is($front->query("SELECT string_agg(n, ' ') FROM oms.next_stages('$t') AS n"), 'underwrite', '… what comes next');
	is($front->query("SELECT stage FROM oms.my_work('SBA') WHERE ticket = '$t'"), 'underwrite', '… the inbox');
	is($front->query("SELECT stage, token > 0, data, inputs FROM oms.claim('SBA', 'kim', 100) WHERE ticket = '$t'"),
		'underwrite|t|{"amount": 80000}|{"risk_ai": {}, "id_check": {"match": true}}', '… a claim of all there is');
	is($front->query("SELECT oms.stage_done('$t', 'underwrite')"), '{fund}', '… done');
	is($front->query("SELECT ticket, stage FROM oms.exchange('Treasury', 'lee')"), "$t|fund", '… an exchange');
	is($front->query("SELECT count(*) FROM oms.exchange('Treasury', 'lee', '[{\"ticket\": \"$t\", \"stage\": \"fund\"}]', 0)"), '0', '… and back, without a claim');
	is($front->query("SELECT (oms.get_ticket('$t')) ->> 'status'"), 'done', '… is done');
	is($front->query("SELECT string_agg(status, ' ') FROM oms.get_timeline('$t'::oms.ticket_id)"), at($cell, "SELECT string_agg(status, ' ') FROM oms.get_timeline('$t'::oms.ticket_id)"), '… the timeline is the same');
	my $tracking = $front->query("SELECT oms.tracking_number('$t')");
	is($front->query("SELECT oms.track('$tracking')"), at($cell, "SELECT oms.track('$tracking')"), '… and so is what the citizen sees');
	is($front->query("SELECT oms.track(' $tracking ') ->> 'id'"), $t, '… who may type blanks around it');
}
is($front->query("SELECT oms.track('nothing'), oms.track('L-2026-9999999-ABCDEFGHJ')"), '|', 'what is no ticket shows nothing');
my @two = ($of{north}[1], $of{south}[1]);
is($front->query(sprintf q{SELECT oms.stages_done('[{"ticket": "%s", "stage": "id_check"}, {"ticket": "%s", "stage": "id_check"}]')}, @two), '2', 'stages of two cells at once');
is($front->query(q{SELECT sum(finished) FROM oms.sla_report(NULL, NULL) WHERE stage IS NULL AND workflow IS NULL}),
	at('north', 'SELECT finished FROM oms.sla_report(NULL, NULL) WHERE workflow IS NULL') + at('south', 'SELECT finished FROM oms.sla_report(NULL, NULL) WHERE workflow IS NULL'), 'a report is the sum of the cells');
is($front->query('SELECT sum(open) FROM oms.bottlenecks(NULL, NULL)'),
	at('north', 'SELECT sum(open) FROM oms.bottlenecks(NULL, NULL)') + at('south', 'SELECT sum(open) FROM oms.bottlenecks(NULL, NULL)'), '… another');
at('north', "SET oms.now = '2026-03-02 10:00Z'; SELECT oms.stage_done(oms.open_ticket('Loan'), 'id_check')");
is($front->query("SELECT moved, finished > moved FROM oms.sla_report(NULL, NULL) WHERE stage = 'id_check'"), '1|t', 'what was recorded under a moved clock at one of them counts');
is($front->query("SELECT moved, finished > moved FROM oms.bottlenecks(NULL, NULL) WHERE stage = 'id_check'"), '1|t', '… as well');
cmp_ok($front->query(q{SELECT count(*) FROM oms.at_risk('1 hour')}), '>', 10, 'what is at risk, of both');
is($front->query('SELECT string_agg(database::text, $$ $$ ORDER BY database) FROM oms.worker_status()'), 'north south', 'the workers of both');
is($front->query('SELECT count(*) FROM oms.check()') . $front->query('SELECT count(*) FROM oms.verify_timeline()'), '00', 'both are whole');
is($front->query("SELECT count(*) FROM oms.check('$two[0]')"), '0', '… and one ticket');

# ---- errors ----

foreach my $call ("oms.stage_done('$two[1]', 'nothing')", "oms.stage_done('$two[1]', 'fund')", "oms.cancel_ticket(NULL, 'why')", "oms.open_ticket('Lone')",
	"oms.open_ticket('Loan', '{}', 'application 1')", "oms.claim('SBA', qty => 0)", "oms.get_ticket('L-2026-1999999')", "oms.heartbeat('$two[1]', 'id_check', 1)",
	"oms.stages_done('[{\"ticket\": \"$two[1]\"}]')", "oms.get_timeline('nonsense'::text)", "oms.hold('$two[1]', 'nothing', 'other')")
{
	my $where = $call =~ /$two[1]|1999999/ || $call =~ /application 1/ && $ticket{1} =~ /-\d{7}$/ ? 'south' : 'north';
	my $cell = told($node{$where}->session($where), "SELECT $call");
	is(told($front, "SELECT $call"), $cell, "the error of a cell: $call");
	like($cell, qr/^ERROR:  \w{5}: /, '… is one');
}
is(told($front, "SELECT oms.cancel_ticket('L-2026-7000000', 'why')"), "ERROR:  OM002: unknown ticket: L-2026-7000000\nDETAIL:  No cell gives out its number.", 'a number of no cell');

# ---- dates ----

$front->query(q{SET datestyle = 'SQL, DMY'; SET intervalstyle = 'iso_8601'; SET TimeZone = 'Asia/Tokyo'});
$front->query("SELECT oms.hold('$two[1]', 'risk_ai', 'other', '04/03/2031 12:00 UTC')");
is(at('south', "SET TimeZone = 'UTC'; SELECT until FROM oms.hold WHERE ticket_id = '$two[1]'"), '2031-03-04 12:00:00+00', 'the fourth of March is no third of April at the cell');
is($front->query("SELECT until = '04/03/2031 12:00 UTC' FROM oms.explain('$two[1]') WHERE stage = 'risk_ai'"), 't', '… nor when it comes back');
is($front->query(q{SELECT bool_and(lease_until BETWEEN clock_timestamp() + 'P2DT23H' AND clock_timestamp() + 'P3D') FROM oms.claim('IRS', qty => 3, lease => 'P3D')}), 't', 'an interval is what it is');
$front->query('RESET datestyle; RESET intervalstyle; RESET TimeZone');

# ---- rights: those at the cell ----

$node{$_}->safe_psql($_, 'CREATE ROLE clerk LOGIN; CREATE ROLE nobody LOGIN') foreach qw(north south west front);
at($_, q{SELECT oms.grant_access('clerk', 'staff')}) foreach qw(north south);
$node{front}->sql('GRANT USAGE ON SCHEMA oms, oms_internal TO clerk, nobody; GRANT USAGE ON TYPE oms.ticket_id TO clerk, nobody;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA oms, oms_internal TO clerk, nobody; GRANT SELECT ON oms.cell TO clerk, nobody;
	GRANT USAGE ON FOREIGN SERVER cells TO clerk, nobody', 'front');
my $clerk = $node{front}->session('front', PGUSER => 'clerk');
my $nobody = $node{front}->session('front', PGUSER => 'nobody');
is($clerk->code("SELECT oms.comment('$two[0]', 'seen')"), '', 'a clerk may');
is(at('north', "SELECT actor FROM oms.timeline WHERE ticket_id = '$two[0]' ORDER BY seq DESC LIMIT 1"), 'clerk', '… and stands in the timeline');
is($clerk->code(q{SELECT oms.erase_applicant('p1', 'asked for')}), '42501', '… but not all');
is($nobody->code("SELECT oms.comment('$two[0]', 'seen')"), '42501', 'who has no right at a cell may nothing');

# ---- a cell is stopped ----

my ($n, $s) = ($of{north}[2], $of{south}[2]);
$node{north}->stop('fast');
my $lost = qr/^ERROR:  080(?:01: cell "north" was not reached|07: the connection to cell "north" was lost)\nDETAIL:  .+\nHINT:  /;
like(told($front, "SELECT oms.stage_done('$n', 'id_check')"), $lost, 'its tickets fail with its name');
like(told($front, "SELECT oms.stage_done('$n', 'id_check')"), qr/^ERROR:  08001: cell "north" was not reached\nDETAIL:  .*\nHINT:  Nothing was done there/, '… and then at once');
is($front->code("SELECT oms.comment('$s', 'goes on')"), '', 'those of the other go on');
like(told($front, 'SELECT * FROM oms.sla_report(NULL, NULL)'), qr/08001: cell "north"/, 'a sum that lacks a cell is an error');
like(told($front, 'SELECT * FROM oms.check()'), qr/08001: cell "north"/, '… as is a list');
my $claimed = $front->query("SELECT ticket FROM oms.claim('RiskModel', qty => 100)");
like($claimed, qr/WARNING:  08001: cell "north" was not reached/, 'a claim passes over it, with a warning');
like($claimed, qr/^L-\d+-1\d{6}$/m, '… and has work of the other');
unlike($claimed, qr/^L-\d+-\d{5}$/m, '… only');
$node{north}->start;
is($front->code("SELECT oms.stage_done('$n', 'id_check')"), '', 'it comes back');

# ---- a cell is added ----

append_to_file("$dir/load.sql", q{SELECT oms.open_ticket('Loan', '{"amount": 1}'); SELECT oms.stage_done(ticket, stage, '{}', token) FROM oms.claim('IRS', 'load', 2)});
my $load = IPC::Run::start([ 'bash', '-c', 'while [ ! -e "$0/stop" ]; do psql -Xq -o /dev/null -v ON_ERROR_STOP=1 -d "$1" -f "$0/load.sql" && echo done; done >"$0/load" 2>&1',
	$dir, connection('front') ]);
my $rounds = sub { return scalar grep { $_ eq 'done' } split /\n/, -e "$dir/load" ? slurp_file("$dir/load") : '' };
ok($node{front}->until(sub { $rounds->() > 2 }), 'programs are at work');
is(cells('apply', [qw(north south west)], "$dir/setup.sql"), '', 'a third cell, while they go on');
my $before = $rounds->();
ok($node{front}->until(sub { $rounds->() > $before + 2 }), '… and after it');
append_to_file("$dir/stop", '');
$load->finish;
is(join("\n", grep { $_ ne 'done' } split /\n/, slurp_file("$dir/load")), '', '… without an error');
is(cells('diff', [qw(north south west)]), 'only at north, south: level clerk', '… is as the others, but for a right that somebody gave by hand');
is($front->query("SELECT oms.open_ticket('Loan', '{\"amount\": 80000}', 'application $_', applicant => 'p$_')"), $ticket{$_}, "key $_ still finds its ticket") foreach 1 .. 8;
is($front->query(q{SELECT count(DISTINCT oms.cell_of(oms.open_ticket('Loan'))) FROM generate_series(1, 60)}), '3', 'new tickets are opened there, too');
cmp_ok(at('west', 'SELECT count(*) FROM oms.ticket'), '>', 0, '… really');
is($front->query('SELECT count(*) FROM oms.check()'), '0', 'all three are whole');
isnt(cells('apply', [qw(north south)]), '', 'none is taken away');

# ---- the chains ----

foreach my $cell (qw(north south west))
{
	is(at($cell, 'SELECT count(*) FROM oms.verify_timeline()'), '0', "$cell: its chains are whole");
	at($cell, 'SELECT oms.seal()');
	is(at($cell, 'SELECT count(*) FROM oms.verify_seals()'), '0', '… and its seals');
}

$_->stop foreach values %node;
done_testing();
