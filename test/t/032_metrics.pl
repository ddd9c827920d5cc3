# Metrics and health where there is a worker: what counts and what does not, the text format, figures that are shared,
# and every reason of oms.health() that sql/metrics.sql cannot bring about.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;
use Time::HiRes qw(time);

my $node = OmsNode->make('metrics', streaming => 1, conf => "max_prepared_transactions = 5\n");
my $worker = $node->worker_up;

# ---- the text format ----

# What is wrong with a text, by the letter of Prometheus' format 0.0.4; ('', the samples by name and labels) if nothing is.
sub judge
{
	my ($text) = @_;
	my (%sample, %over, %family, $name);
	my $label = qr/[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"/;

	return 'does not end with a line feed' unless $text =~ /\n\z/;
	foreach (split /\n/, $text, -1)
	{
		if (/^# HELP ([a-zA-Z_:][\w:]*) (.*)$/)
		{
			my ($new, $help) = ($1, $2);
			return "$new has HELP again" if $family{$new};
			return "bad escape in HELP of $new" if $help =~ /\\(?![\\n])/;
			$name = $new;
			$family{$name} = {};
		}
		elsif (/^# TYPE (\S+) (counter|gauge|histogram)$/)
		{
			return "TYPE of $1 without HELP, or again" if !defined $name || $1 ne $name || $family{$name}{type};
			$family{$name}{type} = $2;
		}
		elsif (/^([a-zA-Z_:][\w:]*)(?:\{($label(?:,$label)*)\})? (-?\d+(?:\.\d+)?(?:e[-+]\d+)?)$/)
		{
			my ($of, $labels, $value) = ($1, $2 // '', $3);
			my $histogram = defined $name && ($family{$name}{type} // '') eq 'histogram';
			return "$of stands outside its family" if !defined $name || ($histogram ? $of !~ /^\Q$name\E_(bucket|sum|count)$/ : $of ne $name);
			return "$name has no TYPE" unless $family{$name}{type};
			return "$of\{$labels} comes twice" if exists $sample{"$of\{$labels}"};
			return "counter $of does not end with _total" if $family{$name}{type} eq 'counter' && $of !~ /_total$/;
			push @{ $family{$name}{buckets} }, [ $1, $value ] if $histogram && $of =~ /_bucket$/ && $labels =~ /^le="(.*)"$/;
			$sample{"$of\{$labels}"} = $value;
			$family{$name}{samples}++;
		}
		elsif ($_ ne '') { return "no line of the format: $_" }
	}
	foreach my $of (sort keys %family)
	{
		return "$of has no samples" unless $family{$of}{samples};
		next unless $family{$of}{type} eq 'histogram';
		my @buckets = @{ $family{$of}{buckets} // [] };
		my $last = pop @buckets;
		return "$of has no last bucket" unless $last && $last->[0] eq '+Inf';
		return "count of $of is not its last bucket" if ($sample{"${of}_count{}"} // -1) != $last->[1];
		return "$of has no sum" unless exists $sample{"${of}_sum{}"};
		foreach my $i (1 .. $#buckets)
		{
			return "buckets of $of do not rise" if $buckets[$i][0] <= $buckets[ $i - 1 ][0];
			return "buckets of $of are not cumulative" if $buckets[$i][1] < $buckets[ $i - 1 ][1];
		}
		return "buckets of $of are not cumulative" if @buckets && $buckets[-1][1] > $last->[1];
	}
	return ('', \%sample);
}

my $g = "# HELP g G.\n# TYPE g gauge\n";
my $h = "# HELP h H.\n# TYPE h histogram\n";
is((judge("${g}g{a=\"x\\\"\\\\\\n}\",b=\"\"} 1.5e-05\n"))[0], '', 'the judge takes what is right');
isnt((judge($_))[0], '', 'the judge finds: ' . s/\n/\\n/gr)
  foreach ("${g}g 1", "g 1\n", "# TYPE g gauge\ng 1\n", "# HELP g G.\ng 1\n", "${g}g 1\ng 1\n", "${g}g 1\n${g}g{a=\"b\"} 1\n", $g,
	"${g}f 1\n", "${g}g{a=\"\"\"} 1\n", "${g}g{a=\"\\x\"} 1\n", "${g}g{a=\"b\nc\"} 1\n", "${g}g Infinity\n", "# HELP c C.\n# TYPE c counter\nc 1\n",
	"${h}h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n", "${h}h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n",
	"${h}h_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n");

# The samples of a server
sub scrape
{
	my ($what, $on) = @_;
	my ($wrong, $sample) = judge(($on // $node)->sql('SELECT oms.metrics_text()') . "\n");

	is($wrong, '', "$what: the text is in the format of Prometheus");
	return $sample // {};
}

sub metric
{
	my ($name, $db) = @_;
	return $node->sql("SELECT sum(value) FROM oms.metrics WHERE name = '$name'", $db);
}

my $first = scrape('at the start');
is($first->{'oms_info{version="1.0"}'}, 1, 'there is the version');
is($first->{'oms_worker_up{}'}, 1, '… a worker');
is($first->{'oms_worker_state{state="running"}'}, 1, '… that runs');
is($first->{'oms_health{}'}, 2, '… and all is well');
is($first->{'oms_open_age_seconds{}'} < 60, 1, '… open work was counted');
is($first->{'oms_chain_problems{}'}, undef, 'what was never checked is not there');
is($node->sql('SELECT status, reasons, standby, worker, timers_late, backlog FROM oms.health()'), 'good|{}|f|running|00:00:00|0', 'health says so, too');

# ---- what counts ----

my @counters = qw(oms_tickets_opened_total oms_stages_finished_total oms_claim_seconds_count oms_claim_empty_seconds_count oms_done_seconds_count);

sub read_counters
{
	return split /\|/, $node->sql('SELECT ' . join(', ', map { "sum(value) FILTER (WHERE name = '$_')" } @counters) . ' FROM oms.metrics');
}

# How counters change by some SQL of a session
sub counts
{
	my ($what, $expected, @sql) = @_;
	my @before = read_counters();
	my $session = $node->session;
	my @after;

	foreach my $sql (@sql)
	{
		@after = read_counters();
		is("@after", "@before", "$what: nothing is counted before the commit") if $sql =~ /^(COMMIT|ROLLBACK|PREPARE TRANSACTION)\b/;
		$session->query($sql);
	}
	$session->quit;
	@after = read_counters();
	is(join(' ', map { $after[$_] - $before[$_] } 0 .. $#counters), $expected, $what);
	return;
}

my $open = q{SELECT oms.open_ticket('plain')};
my $work = q{SELECT oms.stage_done(ticket, stage, '{}', token) FROM oms.claim('A')};
counts('a ticket', '1 1 1 0 1', $open, $work);
counts('many', '7 0 0 0 0', q{SELECT oms.open_tickets('plain', array_fill('{}'::jsonb, '{7}'))});
counts('a transaction', '2 1 1 1 1', 'BEGIN', $open, $open, $work, q{SELECT oms.claim('Nobody')}, 'COMMIT');
counts('a transaction that is rolled back', '0 0 0 0 0', 'BEGIN', $open, $work, q{SELECT oms.claim('Nobody')}, 'ROLLBACK');
counts('an error', '0 0 0 0 0', 'BEGIN', $open, $work, 'SELECT 1/0', 'COMMIT');
counts('savepoints', '3 1 1 0 1', 'BEGIN', $open, 'SAVEPOINT a', $open, $work, 'SAVEPOINT b', $open, 'RELEASE b', 'ROLLBACK TO a', $open,
	'SAVEPOINT c', 'SAVEPOINT d', $open, $work, 'RELEASE d', 'RELEASE c', 'SAVEPOINT e', $work, 'ROLLBACK TO e', 'COMMIT');
counts('an inner level alone', '1 0 0 0 0', 'BEGIN', 'SAVEPOINT a', 'SAVEPOINT b', $open, 'RELEASE b', 'RELEASE a', 'COMMIT');
counts('exceptions', '50 0 0 0 0', q{DO $$ BEGIN FOR i IN 1 .. 100 LOOP
	BEGIN PERFORM oms.open_ticket('plain'); IF i % 2 = 0 THEN RAISE EXCEPTION 'no'; END IF; EXCEPTION WHEN raise_exception THEN NULL; END;
	END LOOP; END $$});
counts('a procedure that commits', '2 0 0 0 0', q{DO $$ BEGIN PERFORM oms.open_ticket('plain'); COMMIT;
	PERFORM oms.open_ticket('plain'); ROLLBACK; PERFORM oms.open_ticket('plain'); COMMIT; END $$});
counts('a prepared transaction', '0 0 0 0 0', 'BEGIN', $open, q{PREPARE TRANSACTION 'p'}, q{COMMIT PREPARED 'p'});
counts('the same twice', '1 1 0 0 2', q{SELECT oms.open_ticket('plain') AS t \gset}, q{SELECT oms.stage_done(:'t', 'a')}, q{SELECT oms.stage_done(:'t', 'a')});

# what the worker does: the lease ends, the stage fails
my %before = map { $_ => metric($_) } qw(oms_failures_total oms_timers_fired_total oms_breaches_total oms_escalations_total oms_unrouted_total);
ok($node->fired($node->lease('50 milliseconds')), 'a lease ends');
ok($node->becomes(q{SELECT value FROM oms.metrics WHERE name = 'oms_failures_total'}, $before{oms_failures_total} + 1), '… a failure more');
cmp_ok(metric('oms_timers_fired_total'), '>', $before{oms_timers_fired_total}, '… and a timer');
$node->sql(q{SET oms.now = '2026-03-02 09:00+00'; SELECT oms.open_ticket('clock')});
ok($node->becomes(q{SELECT value FROM oms.metrics WHERE name = 'oms_breaches_total'}, $before{oms_breaches_total} + 1), 'a breach is counted');
$node->sql(q{SELECT oms.escalate(oms.open_ticket('plain')::text, 'a', 'why')});
is(metric('oms_escalations_total'), $before{oms_escalations_total} + 1, 'an escalation');
cmp_ok(metric('oms_unrouted_total'), '>', $before{oms_unrouted_total}, '… with nobody to tell');
my $later = scrape('with work done');
is($later->{'oms_tickets_opened_total{}'}, metric('oms_tickets_opened_total'), 'rows and text say the same');
cmp_ok($later->{'oms_done_seconds_sum{}'}, '>', 0, 'time was measured');
cmp_ok($later->{'oms_done_seconds_sum{}'}, '<', 60, '… in seconds');

# ---- figures that are shared ----

my $age = q{SELECT value FROM oms.metrics WHERE name = 'oms_open_age_seconds'};
my $depth = q{SELECT sum(value) FROM oms.metrics WHERE name = 'oms_queue_depth'};
my $truth = q{SELECT sum(queued) FROM oms.queue};
ok($node->becomes("SELECT ($age) < 1"), 'open work is counted again when the figures are old');
ok($node->becomes("SELECT ($depth) = ($truth)"), '… and right');
# On a busy machine they may be due again between the two looks; their age tells.
my ($stale, $start, $shown, $counted);
do
{
	$node->becomes("SELECT ($age) < 1");
	$start = time;
	$stale = $node->sql($depth);
	$node->sql($open);
	($shown, $counted) = split /\|/, $node->sql("SELECT ($depth), ($age)");
} while ($counted < time - $start);
is($shown, $stale, 'figures are not counted at every look');
ok($node->becomes("SELECT ($depth) = ($truth)"), '… but soon');

# A transaction's own changes are not for others, nor is what stands in an old snapshot, or a clock of one's own.
my $session = $node->session;
$session->query($_) foreach 'BEGIN', q{SELECT oms.open_tickets('plain', array_fill('{}'::jsonb, '{100}'))};
my $own;
ok($node->until(sub { $own = $session->query("SELECT d FROM ($depth) AS x (d) WHERE d = ($truth)") }), 'a transaction counts what it has done');
is($node->sql($depth), $own - 100, '… which nobody else sees');
$session->query('ROLLBACK');
$session->query($_) foreach 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT 1';
$node->sql($open);
ok($node->becomes("SELECT ($depth) = ($truth)"), 'others count');
ok($node->until(sub { $session->query("SELECT ($age) > 5") ne 't' }), 'an old snapshot may count');
is($node->sql("SELECT ($depth) = ($truth)"), 't', '… for itself');
$session->query('COMMIT');
is($node->sql(qq{SET oms.now = '2126-01-01 00:00+00'; SELECT count(*) > 0 FROM oms.metrics WHERE name = 'oms_queue_oldest_seconds' AND value > 1e9}), 't',
	'a clock that stands still is obeyed');
is($node->sql(qq{SELECT count(*) > 0 FROM oms.metrics WHERE name = 'oms_queue_oldest_seconds' AND labels->>'owner' = 'Lessee' AND value > 1e9}), 'f', '… in its session');

# While one counts, nobody else does, and nobody waits: here the one that counts waits for a lock.
$session->query($_) foreach 'BEGIN', 'LOCK TABLE oms.timeline IN ACCESS EXCLUSIVE MODE';
my $counting = $node->session;
my $held_up = q{SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'oms.metrics'};
$counting->start('SELECT count(*) FROM oms.metrics');
ok($node->until(sub {
	$counting->finish, $counting->start('SELECT count(*) FROM oms.metrics') if $counting->ended;
	return $node->sql($held_up) eq 't';
}), 'one session counts, as soon as the figures are old, and is held up');
is($node->sql("SET statement_timeout = '5s'; SELECT ($age) > 5"), 't', 'others get the older figures at once');
is($node->sql(q{SET statement_timeout = '5s'; SELECT status FROM oms.health()}), 'good', '… and all is well');
$node->sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'oms.metrics'});
like($counting->finish, qr/57014/, 'counting can be cancelled');
$session->query('ROLLBACK');
ok($node->becomes("SELECT ($age) < 1"), '… and others count then');
$counting->quit;

# ---- health ----

sub reasons
{
	my ($db, $set) = @_;
	return $node->sql(($set ? "SET oms.now = '$set'; " : '') . q{SELECT array_to_string(status || reasons, E'\n') FROM oms.health()}, $db);
}
sub in { return $node->sql("SELECT clock_timestamp() + interval '$_[0]'") }

# Wait until health is as expected
sub health_becomes
{
	my ($pattern, $what, $db) = @_;
	my $said;
	ok($node->until(sub { ($said = reasons($db)) =~ $pattern }), $what) or diag("health: $said");
	return;
}

health_becomes(qr/\Agood\z/, 'all is well');
$session->query($_) foreach 'BEGIN', 'LOCK TABLE oms.stage_state IN ACCESS EXCLUSIVE MODE';
is($node->sql(q{SET statement_timeout = '5s'; SELECT status, reasons, timers_late FROM oms.health()}), 'degraded|{"tables: locked by another session"}|',
	'tables that are locked are not waited for');
is($node->sql(q{SET statement_timeout = '5s'; SELECT count(*) FROM oms.metrics WHERE name IN ('oms_timers_overdue_seconds', 'oms_queue_depth')}), '0',
	'… and what is in them is left out');
$session->query('ROLLBACK');
my $watcher = $node->session;
$watcher->query(q{SET lock_timeout = '1s'});
my @waited_for = grep {
	$session->query($_) foreach 'BEGIN', $_;
	my $code = $watcher->code('SELECT * FROM oms.health()');
	$session->query('ROLLBACK');
	$code ne '';
} split /\n/, $node->sql(q{SELECT CASE relkind WHEN 'r' THEN format('LOCK TABLE oms.%I', relname) ELSE format('REINDEX INDEX oms.%I', relname) END
	FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind IN ('r', 'i')});
$watcher->quit;
is("@waited_for", '', '… whichever it is, or an index');
health_becomes(qr/\Agood\z/, 'all is well afterwards');

# a worker that does nothing
kill 'STOP', $worker;
is(reasons('postgres', in('10 s')), 'good', 'an idle worker is well');
like(reasons('postgres', in('6 min')), qr/\Adegraded\nworker: no sign of life for 3\d\d s\z/, 'one that gives no sign of life is not');
my $ticket = $node->lease('1 millisecond');
like(reasons('postgres', in('6 s')), qr/\Adegraded\ntimers: late by [56] s\z/, 'timers that are late');
like(reasons('postgres', in('62 s')), qr/\Abad\ntimers: late by 6\d s\z/, '… and very late');
$node->sql(q{SELECT oms.open_tickets('plain', array_fill('{}'::jsonb, '{5000}'))});
like(reasons(), qr/^events: \d+ wait to be sent$/m, 'events that wait');
cmp_ok(metric('oms_events_backlog'), '>', 8192, '… are counted');
kill 'CONT', $worker;
ok($node->fired($ticket), 'the worker goes on');
health_becomes(qr/\Agood\z/, '… and all is well again');

# no worker, and nobody to start it
my $launcher = $node->pid_of('oms launcher');
kill 'STOP', $launcher;
kill 'TERM', $worker;
ok($node->no_worker('postgres'), 'the worker is killed');
my $gone = scrape('without worker');
is($gone->{'oms_worker_up{}'}, 0, '… the metrics say so');
is($gone->{'oms_worker_expected{}'}, 1, '… and that there should be one');
is($gone->{'oms_health{}'}, 1, '… which is worse');
like(reasons(), qr/\Adegraded\nworker: not there for \d+ s \(to be started\)\z/, 'health for the moment');
like(reasons('postgres', in('61 s')), qr/\Abad\nworker: not there for [67]\d s \(to be started\)\z/, '… and after a minute');
kill 'CONT', $launcher;
$worker = $node->worker_up('postgres', $worker);
health_becomes(qr/\Agood\z/, 'it is back');
is(metric('oms_tickets_opened_total') > 5000, 1, 'counters are those of the server, not of the worker');

# a timer that fails
$node->tamper("BEGIN; SELECT oms.open_ticket('lease'); CREATE TABLE spoilt AS SELECT ticket FROM oms.claim('Lessee', lease => '1 millisecond');
	UPDATE oms.ticket_state SET finished = '\\x' WHERE ticket_id IN (SELECT ticket FROM spoilt); COMMIT");
health_becomes(qr/\Adegraded\ntimers: 1 failed, see oms.worker_errors\z/, 'a timer that fails is told');
is(reasons('postgres', in('30 s')) =~ /late/, '', '… and not taken for late');
$node->tamper("UPDATE oms.ticket_state SET finished = '\\x00' WHERE ticket_id IN (SELECT ticket FROM spoilt)");
health_becomes(qr/\Agood\z/, 'mended');

# somebody who holds a snapshot, or back what others wrote, for long
{
	my $old = $node->session('postgres', PGAPPNAME => 'old report');
	$old->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $pid = $old->query('SELECT pg_backend_pid()');
	my $numbers = q{DO $$ BEGIN FOR i IN 1 .. 100000 LOOP BEGIN INSERT INTO numbers VALUES (i); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$};
	$node->sql("CREATE TABLE numbers (n int); $numbers");
	health_becomes(qr/\Adegraded\nsnapshot: session "old report" \(PID $pid\) keeps dead rows of \d{6} transactions\z/, 'health names who holds an old snapshot');
	is($node->sql(q{SELECT labels->>'holder', labels->>'holder_name', value >= 100000 FROM oms.metrics WHERE name = 'oms_oldest_snapshot_transactions'}),
		'session|old report|t', '… and a metric');
	is(metric('oms_horizon_lag_transactions') < 1000, 1, '… it holds back no events');
	$old->query('COMMIT');
	$old->query('BEGIN; DELETE FROM numbers WHERE n = 0; SELECT pg_current_xact_id()');
	$node->sql($numbers);
	health_becomes(qr/^horizon: a transaction holds back events of \d{6} transactions$/m, 'nor does health pass over a transaction that does');
	$old->query('COMMIT');
	$old->quit;
	health_becomes(qr/\Agood\z/, 'over');
}

# a worker that is not to be
$node->sql('ALTER DATABASE postgres SET oms.worker = off');
health_becomes(qr/\Adegraded\nworker: off \(oms.worker\), and no job of pg_cron calls oms.tick\(\)\z/, 'switched off');
is(metric('oms_worker_expected'), 0, '… none is expected');
$node->sql('ALTER DATABASE postgres RESET oms.worker');
health_becomes(qr/\Agood\z/, 'switched on');
$node->append_conf('postgresql.conf', q{oms.databases = 'elsewhere'});
$node->reload;
health_becomes(qr/\Adegraded\nworker: not wanted \(oms.databases\), and no job/, 'not wanted');
$node->append_conf('postgresql.conf', q{oms.databases = '*'});
$node->reload;
health_becomes(qr/\Agood\z/, 'wanted');

# a copy
$session->quit;
$node->sql(q{CREATE DATABASE copy TEMPLATE postgres});
health_becomes(qr/\Abad\nhome: the data belongs to another database/, 'in a copy the data is not at home', 'copy');
ok($node->becomes(q{SELECT value FROM oms.metrics WHERE name = 'oms_worker_state' AND labels->>'state' = 'not activated'}, '1', undef, 'copy'), '… the worker says so');
is(metric('oms_tickets_opened_total', 'copy'), 0, '… and counts for itself');
$node->sql('SELECT oms.activate()', 'copy');
health_becomes(qr/\Agood\z/, 'activated', 'copy');
$node->sql('DROP DATABASE copy');

# ---- a crash, and a standby ----

$node->worker_up;
$node->backup('base');
my $standby = OmsNode->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'oms.start_after_promotion = off');
$standby->start;
$node->wait_for_catchup($standby);
my $there = scrape('on a standby', $standby);
is($there->{'oms_in_recovery{}'}, 1, 'a standby says what it is');
is($there->{'oms_worker_expected{}'}, 0, '… has no worker');
is($there->{'oms_timers_overdue_seconds{}'}, undef, '… and no timers of its own');
is($there->{'oms_queue_depth{owner="A"}'}, $node->sql(q{SELECT queued FROM oms.queue WHERE owner = 'A'}), '… and counts what is open');
is($standby->sql(q{SELECT status, reasons, standby, worker, timers_late FROM oms.health()}), 'good|{}|t||', '… and is well');
is($standby->sql('SELECT count(*) FROM oms.verify_timeline()'), '0', 'a standby can check');
is(scrape('after a check', $standby)->{'oms_chain_problems{}'}, 0, '… and notes the result');
is(scrape('elsewhere')->{'oms_chain_problems{}'}, undef, '… for itself');

$node->kill9;
kill 'KILL', $worker;
$standby->promote;
$standby->becomes('SELECT NOT pg_is_in_recovery()');
ok($standby->becomes(q{SELECT status, reasons FROM oms.health()}, 'bad|{"worker: waits after the promotion (oms.start_after_promotion is off)"}'),
	'promoted, and told not to work');
$standby->append_conf('postgresql.conf', 'oms.start_after_promotion = on');
$standby->reload;
ok($standby->becomes('SELECT status FROM oms.health()', 'good'), '… and told to');
$standby->sql($open);
is(scrape('promoted', $standby)->{'oms_tickets_opened_total{}'}, 1, '… counts what was done here');
$standby->stop;

# ---- not preloaded ----

my $plain = OmsNode->make('plain', start => 0);
$plain->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$plain->start;
$plain->install;
$plain->sql($open);
is($plain->sql('SELECT status, reasons, worker, backlog FROM oms.health()'),
	'degraded|{"worker: oms is not in shared_preload_libraries, and no job of pg_cron calls oms.tick()"}||', 'not preloaded');
my $bare = scrape('not preloaded', $plain);
is($bare->{'oms_queue_depth{owner="A"}'}, 1, 'open work is counted');
$plain->sql($open);
is(scrape('not preloaded, again', $plain)->{'oms_queue_depth{owner="A"}'}, 2, '… at each look');
is(scalar(grep { /_total|_seconds_bucket|worker_state/ } keys %$bare), 0, '… nothing else is');
$plain->sql('SELECT oms.verify_timeline(), oms.check()');
is(scrape('after a check', $plain)->{'oms_chain_problems{}'}, undef, 'there is nowhere to note a check');
$plain->stop;

done_testing();
