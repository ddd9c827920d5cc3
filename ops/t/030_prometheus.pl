# A real Prometheus scrapes a real exporter, with the files of ops/prometheus: all of oms.metrics arrives as it is, alerts
# come up, each query of ops/grafana/oms.json has an answer, and the SQL of docs/operation/runbook.md and ops/README.md runs.
use strict;
use warnings FATAL => 'all';

use File::Basename;
use File::Spec;
use HTTP::Tiny;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use OmsData;
use OmsDocument;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $ops = dirname(__FILE__) . '/..';
my $dir = PostgreSQL::Test::Utils::tempdir();
my $db = 'work';
my (%program, %address);

# ---- programs and questions ----

# Ports that are free now, all at once, so that no two are the same
{
	my %socket = map { $_ => IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) }
	  qw(exporter prometheus);
	%address = map { $_ => '127.0.0.1:' . $socket{$_}->sockport } keys %socket;
}

sub start_program
{
	my ($name, @command) = @_;
	$program{$name} = IPC::Run::start(\@command, '<', '/dev/null', '>', "$dir/$name.log", '2>&1');
	ok(soon(sub { HTTP::Tiny->new(timeout => 5)->get("http://$address{$name}/metrics")->{success} }), "$name answers")
	  or diag(slurp_file("$dir/$name.log"));
}

END
{
	my $status = $?;
	$_->kill_kill foreach values %program;
	$? = $status;
}

# Wait until a condition holds; false if it does not in time
sub soon
{
	my ($condition) = @_;
	my $deadline = time + 60;

	until ($condition->())
	{
		return 0 if time > $deadline;
		usleep(100_000);
	}
	return 1;
}

# What Prometheus answers; undef and the reason if it has none
sub ask
{
	my ($path, %parameters) = @_;
	my $query = HTTP::Tiny->new->www_form_urlencode(\%parameters);
	my $response = HTTP::Tiny->new(timeout => 20)->get("http://$address{prometheus}/api/v1/$path?$query");
	my $answer = eval { decode_json($response->{content}) } // {};
	return ($answer->{status} // '') eq 'success' ? $answer->{data} : (undef, $answer->{error} // $response->{content});
}

# Samples by name and labels, as Prometheus or oms.metrics has them
sub key
{
	my ($name, %labels) = @_;
	delete @labels{qw(__name__ instance job database)};
	return "$name {" . join(', ', map { "$_=$labels{$_}" } sort grep { $labels{$_} ne '' } keys %labels) . '}';
}
sub scraped
{
	my ($data) = ask('query', query => '{__name__=~"oms_.+"}');
	return { map { key($_->{metric}{__name__}, %{ $_->{metric} }) => 0 + $_->{value}[1] } @{ $data->{result} // [] } };
}
sub original
{
	my $rows = $main::node->safe_psql($db, 'SELECT json_agg(json_build_array(name, labels, value)) FROM oms.metrics');
	return { map { key($_->[0], %{ $_->[1] }) => 0 + $_->[2] } @{ decode_json($rows) } };
}

# ---- a database with something to show ----

our $node = oms_node('server',
	conf => "oms.worker = on\nshared_preload_libraries = 'oms, pg_cron'\ncron.database_name = '$db'\n");
oms_database($node, $db);
$node->safe_psql($db, <<'SQL');
SELECT oms.create_workflow('{"name": "Loan", "stages": [
	{"id": "check", "owner": "IRS_Bot", "slaMins": 60, "warnAt": [50]},
	{"id": "fund", "owner": "Treasury \"Bot\"", "dependsOn": ["check"]}]}');
SELECT oms.set_hold_reason('papers', true, 'applicant');
-- Opened long ago, so the worker warns and records breaches at once
SET oms.now = '2026-03-02 14:00+00';
SELECT oms.open_ticket('Loan') FROM generate_series(1, 12);
SQL
# A ticket that the worker has in hand is passed over by claims.
my $fired = 'SELECT count(*) = 0 FROM oms.stage WHERE timer_at < clock_timestamp()';
$node->poll_query_until($db, $fired) or die 'timers do not fire';
$node->safe_psql($db, <<'SQL');
SELECT oms.stage_done(ticket, stage, '{}', token) FROM oms.claim('IRS_Bot', 'w', 4);
SELECT oms.stage_failed(ticket, stage, 'no luck', token, false) FROM oms.claim('IRS_Bot', 'w', 1);
SELECT count(*) FROM oms.claim('IRS_Bot', 'w', 2);
SELECT count(*) FROM oms.claim('Nobody', 'w');
SELECT oms.hold(ticket_id, stage, 'papers') FROM oms.stage WHERE owner = 'IRS_Bot' AND status = 'queued' LIMIT 1;
SELECT oms.seal();
SELECT count(*) FROM oms.verify_timeline();
SELECT count(*) FROM oms.verify_seals();
SELECT count(*) FROM oms.check();
SQL

# ---- the files, with other places in them ----

$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $db, '-f', "$ops/prometheus/role.sql" ], 'the role of the exporter');
is($node->safe_psql($db, q{SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles
	WHERE rolname = 'prometheus'}), 'f', '… is nothing but a login');
my ($status, undef, $err) = $node->psql($db, 'SELECT * FROM oms.ticket', extra_params => [ '-U', 'prometheus' ]);
like($err, qr/permission denied/, '… that sees no ticket');

my $default = slurp_file("$ops/prometheus/postgres-exporter.default");
my ($source) = $default =~ /^DATA_SOURCE_NAME='(.*)'$/m;
my ($arguments) = $default =~ /^ARGS="(.*)"$/m;
ok($source =~ s{host=/run/postgresql}{"host=@{[ $node->host ]} port=@{[ $node->port ]}"}e, 'the exporter connects by the socket');
ok($arguments =~ s{/etc/prometheus/oms-queries.yml}{$ops/prometheus/oms-queries.yml}, '… has the query');
ok($arguments =~ s{127\.0\.0\.1:9187}{$address{exporter}}, '… and listens on this machine only');

my $config = slurp_file("$ops/prometheus/prometheus.yml");
my $rules = File::Spec->rel2abs("$ops/prometheus/oms.rules.yml");
ok($config =~ s{/etc/prometheus/oms.rules.yml}{$rules}, 'Prometheus has the rules');
ok($config =~ s{127\.0\.0\.1:9187}{$address{exporter}}, '… and scrapes the exporter');
$config =~ s/(scrape|evaluation)_interval: \d+s/$1_interval: 1s/g;
append_to_file("$dir/prometheus.yml", $config);
is(scalar `promtool check config '$dir/prometheus.yml' 2>&1 >/dev/null`, '', 'promtool finds the configuration sound');

{
	local $ENV{DATA_SOURCE_NAME} = $source;
	start_program('exporter', 'prometheus-postgres-exporter', split ' ', $arguments);
}
start_program('prometheus', 'prometheus', "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/data",
	"--web.listen-address=$address{prometheus}");

# ---- all metrics arrive ----

ok(soon(sub { %{ scraped() } }), 'metrics are scraped');
is(join(' ', grep { !/^(holder|holder_name|le|owner|quantile|state|status|table|version)$/ } split /\n/, $node->safe_psql($db,
	'SELECT DISTINCT jsonb_object_keys(labels) FROM oms.metrics')), '', 'oms-queries.yml knows every label');
# What the question itself, or time, changes is compared by name only.
my $moving = qr/_seconds \{|_age_|_size_|_sum |^oms_(open|events|batches|timers|worker)_|_ratio|lateness/;
my ($there, $here, @wrong);
ok(soon(sub {
	($there, $here) = (scraped(), original());
	@wrong = grep { !exists $there->{$_} || ($_ !~ $moving && $there->{$_} != $here->{$_}) } sort keys %$here;
	return !@wrong;
}), 'each sample of oms.metrics is there, with its value')
  or diag(map { "$_: $here->{$_}, scraped " . ($there->{$_} // 'none') . "\n" } @wrong);
is(join(' ', grep { !exists $here->{$_} } sort keys %$there), '', '… and nothing else');
my %expected = (
	'oms_queue_depth {owner=IRS_Bot}' => 4, 'oms_queue_depth {owner=Treasury "Bot"}' => 4,
	'oms_stages {owner=IRS_Bot, status=failed}' => 1, 'oms_stages {owner=IRS_Bot, status=in_progress}' => 2,
	'oms_stages {owner=IRS_Bot, status=on_hold}' => 1,
	'oms_tickets_opened_total {}' => 12, 'oms_stages_finished_total {}' => 4, 'oms_breaches_total {}' => 12,
	'oms_failures_total {}' => 1, 'oms_worker_up {}' => 1, 'oms_worker_state {state=running}' => 1,
	'oms_chain_problems {}' => 0, 'oms_seal_problems {}' => 0, 'oms_check_problems {}' => 0, 'oms_claim_seconds_count {}' => 3,
	'oms_claim_seconds_bucket {le=+Inf}' => 3,);
is_deeply({ map { $_ => $there->{$_} } keys %expected }, \%expected, 'what was done is what is shown');
cmp_ok($there->{'oms_queue_oldest_seconds {owner=IRS_Bot}'}, '>', 86400, 'the oldest of the queue is old');
note('a scrape takes ' . join(', ', map { "$_->{value}[1] s" }
	@{ (ask('query', query => 'avg_over_time(scrape_duration_seconds[1m])'))[0]{result} }));
my ($help) = HTTP::Tiny->new->get("http://$address{exporter}/metrics")->{content} =~ /^(pg_(?!exporter|up|scrape).*)/m;
is($help, undef, 'the exporter asks for nothing else');

# ---- alerts ----

my ($groups) = ask('rules');
my %rule = map { $_->{name} => $_ } map { @{ $_->{rules} } } @{ $groups->{groups} };
ok(soon(sub {
	my ($now) = ask('rules');
	return !grep { $_->{health} ne 'ok' } map { @{ $_->{rules} } } @{ $now->{groups} };
}), 'every rule can be worked out');

# The state of an alert: firing, pending, or ''
sub state_of
{
	my ($alert) = @_;
	my ($data) = ask('alerts');
	my ($found) = grep { $_->{labels}{alertname} eq $alert } @{ $data->{alerts} };
	return $found ? "$found->{state} $found->{annotations}{summary}" : '';
}
is(state_of($_), '', "$_ is quiet") foreach qw(OmsAlertsUnrouted OmsChainBroken OmsGuardsOpen OmsExporterDown OmsWorkerSilent);
$node->safe_psql($db, q{SELECT oms.escalate(ticket_id, 'check', 'slow') FROM oms.stage
	WHERE stage = 'check' AND status = 'queued' LIMIT 1});
ok(soon(sub { state_of('OmsAlertsUnrouted') eq 'firing Alerts about stages in work had nobody to go to' }),
	'an alert with nobody to tell: fires');

# Somebody changes the timeline behind our back, and it is found.
$node->safe_psql($db, q{SET allow_system_table_mods = on;
	UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'oms.timeline'::regclass});
ok(soon(sub { state_of('OmsGuardsOpen') =~ /^firing/ }), 'guards off: fires');
$node->safe_psql($db, q{UPDATE oms.timeline SET note = 'great luck' WHERE note = 'no luck'});
$node->safe_psql($db, q{SET allow_system_table_mods = on;
	UPDATE pg_trigger SET tgenabled = 'A' WHERE tgrelid = 'oms.timeline'::regclass});
ok(soon(sub { state_of('OmsGuardsOpen') eq '' }), '… and is over with them on again');
isnt($node->safe_psql($db, 'SELECT count(*) FROM oms.verify_timeline()'), '0', 'the change is found');
ok(soon(sub { state_of('OmsChainBroken') =~ /^firing The timeline of work is not what was written: \d+ findings/ }),
	'a broken chain: fires');

# ---- the dashboard ----

my $dashboard = decode_json(slurp_file("$ops/grafana/oms.json"));
my ($values) = ask('label/database/values', 'match[]' => 'oms_health');
is_deeply($values, [$db], 'the dashboard finds the database');
my @queries = map { my $panel = $_->{title}; map { [ $panel, $_->{expr} ] } @{ $_->{targets} // [] } } @{ $dashboard->{panels} };
push @queries, map { [ 'annotation', $_->{expr} ] } @{ $dashboard->{annotations}{list} };
cmp_ok(scalar(@queries), '>', 30, 'it has queries');
foreach (@queries)
{
	my ($title, $query) = @$_;
	$query =~ s/\$database/$db/g;
	$query =~ s/\$__rate_interval/30s/g;
	unlike($query, qr/\$/, "$title: no other variable");
	my $why;
	# A rate needs a second scrape.
	ok(soon(sub { my ($data, $error) = ask('query', query => $query); $why = $error; return $data && @{ $data->{result} } }),
		"$title: $query") or diag($why // 'no data');
}
is((ask('query', query => 'rate(oms_health)'))[0], undef, 'a wrong query would be found');
{
	my %named = map { $_ => 1 } map { $_->[1] =~ /\b(oms_\w+)/g } @queries;
	my %real = map { /^(\w+)/; $1 => 1 } keys %$here;
	is(join(' ', grep { !$real{$_} } sort keys %named), '', 'it names metrics that are there');
}

# ---- the runbook ----

my $runbook = OmsDocument->read("$ops/../docs/operation/runbook.md");
is(join(' ', grep { /^Oms/ } $runbook->titles), join(' ', sort keys %rule),
	'each alert has its section with something to look at, and each section its alert');
foreach my $alert (sort keys %rule)
{
	is($rule{$alert}{annotations}{runbook}, 'docs/operation/runbook.md#' . lc $alert, "$alert points to it");
	like($rule{$alert}{annotations}{summary} // '', qr/\w/, "$alert says what it is about");
	like($rule{$alert}{labels}{severity} // '', qr/^(critical|warning)$/, "$alert has a severity");
}
foreach my $title ($runbook->titles)
{
	$runbook->try($_, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => $db) foreach $runbook->section($title);
}

# ---- README.md ----

my $readme = slurp_file("$ops/README.md");
is(join(' ', grep { !-e "$ops/../$_" } $readme =~ m{\b(ops/[\w./-]+\w)}g), '', 'README.md names files that are there');
$node->safe_psql($db, 'CREATE EXTENSION pg_cron');
my ($schedule) = grep { $_->{language} eq 'sql' } OmsDocument->read("$ops/README.md")->section('Alerts');
$runbook->try($schedule, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => $db);
my $checked = "SELECT value FROM oms.metrics WHERE name = 'oms_check_checked_timestamp_seconds'";
my $last = $node->safe_psql($db, $checked);
$node->safe_psql($db, $node->safe_psql($db, 'SELECT command FROM cron.job'));
cmp_ok($node->safe_psql($db, $checked), '>', $last, 'what pg_cron is to run renews the results of the checks');

# ---- the server goes away ----

$node->stop('immediate');
ok(soon(sub { state_of('OmsExporterDown') =~ /^pending/ }), 'without PostgreSQL: OmsExporterDown is on its way');

done_testing();
