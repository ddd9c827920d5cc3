# A ticket whose stored state is damaged is passed over by whatever goes through many: claims, timers, calendars,
# the archive, seals, roll-ups. It is told once, shown, and taken up again when it is repaired.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;

my $node = OmsNode->make('damage');
$node->sql('CREATE DATABASE alone');
$node->sql('ALTER DATABASE alone SET oms.worker = off');
$node->install('alone', 'plain', 'clock', 'retry');
$node->worker_up;

# Each way in which a ticket may be damaged: what breaks it, what repairs it, and the error
my %damage = (
	'a damaged row' => [ q{UPDATE oms.ticket_state SET finished = '\x'}, q{UPDATE oms.ticket_state SET finished = '\x00'}, 'is damaged' ],
	'a workflow that is gone' => [ 'UPDATE oms.ticket_state SET workflow_id = -workflow_id',
		'UPDATE oms.ticket_state SET workflow_id = -workflow_id', 'workflow' ],
	'a hash that is too long' => [ q{UPDATE oms.ticket_state SET head = head || '\x00'}, 'UPDATE oms.ticket_state SET head = substr(head, 1, 32)',
		'is damaged' ]);

# Tickets in the order in which they are claimed
sub tickets
{
	my ($db, $workflow, $number) = @_;
	return split /\n/, $node->sql("SELECT oms.open_tickets('$workflow', array_fill('{}'::jsonb, '{$number}'))", $db);
}

sub change { my ($db, $what, $ticket) = @_; return $node->tamper("$what WHERE ticket_id = '$ticket'", $db) }

sub errors { my ($db) = @_; return $node->sql('SELECT step, ticket_id, stage_no FROM oms.worker_errors', $db) }

foreach my $db (qw(postgres alone))
{
	foreach my $kind (sort keys %damage)
	{
		my ($break, $repair, $error) = @{ $damage{$kind} };
		my @t = tickets($db, 'plain', 4);
		my $log = $node->log_position;
		change($db, $break, $t[1]);

		# ---- claims ----

		is($node->sql("SELECT ticket FROM oms.claim('A', qty => 2)", $db), "$t[0]\n$t[2]", "$kind in $db: claim passes over it");
		is($node->sql("SELECT ticket FROM oms.exchange('A', finished => jsonb_build_array(jsonb_build_object('ticket', '$t[0]', 'stage', 'a')))", $db),
			$t[3], '… so does exchange');
		is($node->sql("SELECT count(*) FROM oms.stage WHERE ticket_id IN ('$t[2]', '$t[3]') AND status = 'in_progress'
			AND worker = current_user", $db), '2', '… and what is claimed is claimed');
		is($node->sql("SELECT count(*) FROM oms.claim('A')", $db), '0', '… until nothing else is left');
		$node->sql("CALL oms.wait_for_work('A', '1 millisecond')", $db);
		is($node->sql("SELECT count(*) FROM oms.my_work('A') WHERE ticket = '$t[1]'", $db), '0', '… the inbox goes without it');
		is(errors($db), "claims|$t[1]|1", '… it is shown');
		is($node->sql('SELECT error ~ ' . "'$error'" . ', failures > 0, retry_at > clock_timestamp() - interval \'1 minute\' FROM oms.worker_errors', $db), 't|t|t',
			'… with its error');
		like($node->sql('SELECT reasons FROM oms.health()', $db), qr/claims: 1 tickets? passed over, see oms.worker_errors/, '… health tells of it');
		is(scalar($node->log_lines($log, qr/pass over ticket/)), 1, '… the log has it once');
		change($db, $repair, $t[1]);
		ok($node->becomes("SELECT ticket FROM oms.claim('A')", $t[1], undef, $db), '… repaired it is claimed');
		is(errors($db), '', '… and not shown any more');
	}
}

# A call that is cancelled, or in conflict with another, is none that a ticket has to answer for
{
	my @t = tickets('alone', 'plain', 2);
	change('alone', $damage{'a damaged row'}[0], $t[0]);
	is($node->sql(q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT ticket FROM oms.claim('A'); COMMIT}, 'alone'), $t[1],
		'it is passed over under REPEATABLE READ');
	is($node->code(q{BEGIN READ ONLY; SELECT oms.claim('A')}, 'alone'), '25006', 'a claim that is not allowed raises its error');
	change('alone', $damage{'a damaged row'}[1], $t[0]);
	ok($node->becomes(q{SELECT ticket FROM oms.claim('A')}, $t[0], undef, 'alone'), '… repaired it is claimed');
}

# What a claim did before it met the damaged one is not lost, nor done twice
{
	my @t = tickets('alone', 'plain', 200);
	my $log = $node->log_position;
	change('alone', $damage{'a damaged row'}[0], $_) foreach @t[50, 100, 150];
	is($node->sql(q{SELECT count(*), count(DISTINCT ticket) FROM oms.claim('A', qty => 500)}, 'alone'), '197|197',
		'many are claimed, each once');
	is($node->sql(q{SELECT count(*) FROM oms.timeline WHERE status = 'in_progress' AND ticket_id IN ('} . join("','", @t) . q{')}, 'alone'),
		'197', '… and have their event');
	is($node->sql('SELECT count(*) FROM oms.verify_timeline()', 'alone'), '0', '… in whole chains');
	is(scalar($node->log_lines($log, qr/pass over ticket/)), 3, '… each damaged one is logged once');
	# Back at their old places, before and behind one that is known to be damaged
	$node->sql("SELECT oms.release('$_', s.stage) FROM oms.stage AS s WHERE s.ticket_id = '$_' AND s.status = 'in_progress'", 'alone') foreach @t[10, 60];
	is($node->sql(q{SELECT ticket FROM oms.claim('A', qty => 2)}, 'alone'), "$t[10]\n$t[60]", 'one that is known to be damaged is no hindrance');
	is($node->sql(qq{SELECT count(*) FROM oms.stage WHERE status = 'in_progress' AND ticket_id IN ('$t[10]', '$t[60]')}, 'alone'), '2',
		'… and what is claimed then is claimed');
	change('alone', $damage{'a damaged row'}[1], $_) foreach @t[50, 100, 150];
	ok($node->becomes(q{SELECT count(*) FROM oms.claim('A')}, '1', undef, 'alone'), '… repaired they are claimed') foreach 1 .. 3;
}

# ---- timers without a worker ----

{
	my @t = split /\n/, $node->sql(q{SET oms.now = '2020-01-01 00:00+00'; SELECT oms.open_tickets('clock', array_fill('{}'::jsonb, '{4}'))}, 'alone');
	my $log = $node->log_position;
	change('alone', $damage{'a damaged row'}[0], $t[1]);
	is($node->sql('SELECT oms.tick()', 'alone'), '3', 'tick() fires the timers of others');
	is($node->sql('SELECT oms.tick()', 'alone'), '0', '… once');
	is(errors('alone'), "timers|$t[1]|1", '… it is shown');
	like($node->sql('SELECT reasons FROM oms.health()', 'alone'), qr/timers: 1 failed, see oms.worker_errors/, '… health tells of it');
	is(scalar($node->log_lines($log, qr/pass over ticket/)), 1, '… the log has it once');
	change('alone', $damage{'a damaged row'}[1], $t[1]);
	ok($node->becomes('SELECT oms.tick()', '1', undef, 'alone'), '… repaired it fires');
	is(errors('alone'), '', '… and is not shown any more');
}

# ---- calendars ----

{
	my $calendar = q{SELECT oms.create_calendar('c', '{"timezone": "UTC", "hours": {"%s": ["09:00-17:00"]}}')};
	$node->sql(sprintf($calendar, 'mon'), 'alone');
	$node->sql(q{SELECT oms.create_workflow('{"name": "dated", "prefix": "D", "stages": [{"id": "a", "owner": "D", "calendar": "c", "slaMins": 60}]}')}, 'alone');
	my @t = tickets('alone', 'dated', 3);
	my $log = $node->log_position;
	change('alone', $damage{'a damaged row'}[0], $t[1]);
	$node->sql(sprintf($calendar, 'tue'), 'alone');
	is($node->sql("SELECT count(*) FROM oms.timeline WHERE status = 'clock_changed'", 'alone'), '2', 'a new calendar reaches the clocks of others');
	is(errors('alone'), "calendars|$t[1]|1", '… it is shown');
	is(scalar($node->log_lines($log, qr/pass over ticket/)), 1, '… the log has it once');
	change('alone', $damage{'a damaged row'}[1], $t[1]);
	ok($node->becomes("SELECT oms.tick() IS NOT NULL AND (SELECT count(*) FROM oms.timeline WHERE status = 'clock_changed') = 3", 't', undef, 'alone'),
		'… repaired it is reached by tick()');
	is(errors('alone'), '', '… and is not shown any more');
}

# ---- the archive ----

{
	my @t = tickets('alone', 'plain', 3);
	$node->sql(q{SELECT count(*) FROM oms.claim('A', qty => 10) AS c, oms.stage_done(c.ticket, c.stage)}, 'alone');
	$node->sql('SELECT oms.seal()', 'alone');
	my $log = $node->log_position;
	change('alone', $damage{'a damaged row'}[0], $t[1]);
	cmp_ok($node->sql(q{SELECT oms.archive(before => 'now')}, 'alone'), '>=', 2, 'closed tickets are archived');
	is($node->sql("SELECT ticket_id FROM oms.ticket_state WHERE status = 'd' AND ticket_id IN ('" . join("','", @t) . "')", 'alone'), $t[1], '… but for it');
	is(errors('alone'), "archive|$t[1]|", '… it is shown');
	is(scalar($node->log_lines($log, qr/pass over ticket/)), 1, '… the log has it once');
	change('alone', q{UPDATE oms.ticket_state SET finished = '\x01'}, $t[1]);
	ok($node->becomes(q{SELECT oms.archive(before => 'now')}, '1', undef, 'alone'), '… repaired it goes');
	is(errors('alone'), '', '… and is not shown any more');
}

# ---- seals and roll-ups ----

# How a ticket is damaged for each of them and repaired, and what they have done
my @long = ($damage{'a hash that is too long'}[0], $damage{'a hash that is too long'}[1]);
my @never = (map { "UPDATE oms.stage_state SET queued_at = $_" } q{'infinity'}, 'started_at');
my $sealed = q{SELECT count(*) FROM (SELECT DISTINCT ON (ticket_id) ticket_id, head FROM oms.seal_leaf ORDER BY ticket_id, seal DESC) AS l
	JOIN oms.ticket_state AS t USING (ticket_id, head) WHERE ticket_id IN (%s)};
my $rolled = q{SELECT sum(finished) FROM oms.rollup WHERE kind = 'f'};

foreach my $how ('by transactions', 'by tickets', 'everything')
{
	my @t = tickets('alone', 'plain', 3);
	my $in = "'" . join("','", @t) . "'";
	my $all = $how eq 'everything' ? 'true' : 'false';
	my $log = $node->log_position;
	$node->sql(q{UPDATE oms.seal_state SET horizon = 0, seal_hash = ''}, 'alone') if $how eq 'by tickets';
	change('alone', $long[0], $t[1]);
	$node->sql("SELECT oms.seal(everything => $all)", 'alone');
	is($node->sql(sprintf($sealed, $in), 'alone'), '2', "seal() $how: others are sealed");
	is(errors('alone'), "seal|$t[1]|", '… it is shown');
	like($node->sql('SELECT reasons FROM oms.health()', 'alone'), qr/seal: 1 ticket passed over, see oms.worker_errors/, '… health tells of it');
	is(scalar($node->log_lines($log, qr/pass over ticket/)), 1, '… the log has it once');
	push @t, tickets('alone', 'plain', 1);
	$node->sql('SELECT oms.seal()', 'alone');
	is($node->sql(sprintf($sealed, "'$t[3]'"), 'alone'), '1', '… what comes later is sealed');
	change('alone', $long[1], $t[1]);
	ok($node->becomes('SELECT oms.seal() = max(number) FROM oms.seals; ' . sprintf($sealed, $in), "t\n3", undef, 'alone'),
		'… repaired it is sealed');
	is(errors('alone'), '', '… and not shown any more');
	is($node->sql('SELECT count(*) FROM oms.verify_seals()', 'alone'), '0', '… and the seals are in order');
}

my $finish = q{SELECT count(oms.stage_done(c.ticket, c.stage)) FROM oms.claim('A', qty => 500) AS c};
foreach my $how ('by transactions', 'everything')
{
	$node->sql("$finish; SELECT oms.roll_up()", 'alone');
	my $before = $node->sql($rolled, 'alone');
	my @t = tickets('alone', 'plain', 3);
	my $all = $how eq 'everything' ? 'true' : 'false';
	my $log = $node->log_position;
	$node->sql($finish, 'alone');
	change('alone', $never[0], $t[1]);
	$node->sql("SELECT oms.roll_up(everything => $all)", 'alone');
	is($node->sql($rolled, 'alone'), $before + 2, "roll_up() $how: others are counted");
	is(errors('alone'), "roll-up|$t[1]|", '… it is shown');
	is(scalar($node->log_lines($log, qr/pass over ticket/)), 1, '… the log has it once');
	tickets('alone', 'plain', 1);
	$node->sql("$finish; SELECT oms.roll_up()", 'alone');
	is($node->sql($rolled, 'alone'), $before + 3, '… what comes later is counted');
	change('alone', $never[1], $t[1]);
	ok($node->becomes("SELECT oms.roll_up() >= 0; $rolled", 't' . "\n" . ($before + 4), undef, 'alone'), '… repaired it is counted');
	is(errors('alone'), '', '… and not shown any more');
	my $cells = q{SELECT string_agg(c::text, ' ' ORDER BY c::text) FROM oms.rollup AS c};
	my $slices = $node->sql($cells, 'alone');
	$node->sql('SELECT oms.roll_up(everything => true)', 'alone');
	is($node->sql($cells, 'alone'), $slices, '… once');
}

# The worker, too, and the next one comes back to it after a crash
{
	$node->append_conf('postgresql.conf', 'oms.seal_interval = 1');
	$node->restart;
	$node->worker_up;
	my @t = tickets('postgres', 'plain', 3);
	my $in = "'" . join("','", @t) . "'";
	change('postgres', $long[0], $t[1]);
	# it may have been sealed before
	$node->sql(q{UPDATE oms.seal_state SET horizon = 0, seal_hash = ''});
	$node->sql("SELECT oms.comment('$_', 'changed')") foreach @t[0, 2];
	ok($node->becomes(sprintf($sealed, $in), '2'), 'the worker seals the others');
	ok($node->becomes(q{SELECT step, ticket_id, stage_no, failures > 1 FROM oms.worker_errors}, "seal|$t[1]||t"), '… and shows it');
	push @t, tickets('postgres', 'plain', 1);
	ok($node->becomes(sprintf($sealed, "'$t[3]'"), '1'), '… and seals what comes later');
	is($node->sql(q{SELECT count(*) FROM oms.worker_errors WHERE ticket_id IS NULL}), '0', '… and the step does not fail');
	$node->stop('immediate');
	$node->start;
	$node->worker_up;
	change('postgres', $long[1], $t[1]);
	ok($node->becomes(sprintf($sealed, $in), '3'), '… repaired it is sealed by the next worker');
	ok($node->becomes('SELECT count(*) FROM oms.worker_errors', '0'), '… and not shown any more');
	is($node->sql('SELECT count(*) FROM oms.verify_seals()'), '0', '… and the seals are in order');
}

$node->stop;
done_testing();
