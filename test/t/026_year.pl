# A year of a ministry, with holds, absences, breaches, failures, rework and outages, under a moved clock: whatever was
# worked out beforehand without oms (OmsYear.pm) comes out, for every ticket to the microsecond.
use strict;
use warnings FATAL => 'all';

use JSON::PP;
use OmsData;
use OmsYear qw(moment year_of);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use constant { MIN => 60_000_000, HOUR => 3_600_000_000, DAY => 86_400_000_000 };

my $seed = $ENV{OMS_YEAR_SEED} // 2024;
my $tickets = $ENV{OMS_YEAR_TICKETS} // 10_000;
srand($seed);
my $begun = time;
my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = oms_node('year', conf => "shared_buffers = 256MB\nsynchronous_commit = off\noms.dispatch = off\nwork_mem = 64MB\n");
my $db = oms_database($node, 'year');

sub lap { return note(sprintf '%5.1f s: %s', time - $begun, $_[0]) }

# ---- calendars: how oms is told of them, and as intervals in plain SQL ----

my @clerks = map { "clerk$_" } 1 .. 5;
$node->safe_psql($db, join '', map { "CREATE ROLE $_;" } @clerks, 'auditor');
$node->safe_psql($db, <<'SQL');
SET oms.now = '2023-12-29 12:00-05';
SELECT oms.create_calendar('office', jsonb_build_object('timezone', 'America/New_York',
	'hours', (SELECT jsonb_object_agg(d, '["09:00-12:00", "13:00-17:00"]'::jsonb) FROM unnest('{mon,tue,wed,thu,fri}'::text[]) AS d),
	'holidays', (SELECT jsonb_agg(d) FROM generate_series(2023, 2026) AS y, oms.us_federal_holidays(y) AS d),
	'exceptions', '{"2024-07-05": [], "2024-12-24": ["09:00-12:00"], "2024-11-23": ["10:00-14:30"]}'::jsonb));
SELECT oms.create_calendar('coast', '{"timezone": "America/Los_Angeles", "hours": {"mon": ["08:00-16:30"], "tue": ["08:00-16:30"],
	"wed": ["08:00-16:30"], "thu": ["08:00-16:30"], "fri": ["08:00-16:30"], "sat": ["08:00-12:00"]}}');
SELECT oms.create_calendar('night', jsonb_build_object('timezone', 'America/New_York',
	'hours', (SELECT jsonb_object_agg(d, '["22:00-24:00", "00:00-06:00"]'::jsonb) FROM unnest('{mon,tue,wed,thu,fri,sat,sun}'::text[]) AS d)));

CREATE SCHEMA year;
-- None of these hours begins or ends where a clock change takes or repeats time, so AT TIME ZONE tells their ends.
CREATE TABLE year.open AS
	SELECT c.name, d::date AS day, (d::date + i.opens) AT TIME ZONE c.zone AS opens, (d::date + i.closes) AT TIME ZONE c.zone AS closes
	FROM generate_series('2023-12-25'::timestamp, '2025-12-31', '1 day') AS d
	CROSS JOIN (VALUES ('office', 'America/New_York'), ('coast', 'America/Los_Angeles'), ('night', 'America/New_York')) AS c (name, zone)
	CROSS JOIN LATERAL (
		SELECT '09:00'::interval, '12:00'::interval WHERE c.name = 'office' AND (EXTRACT(isodow FROM d) <= 5 OR d = '2024-07-05')
		UNION ALL SELECT '13:00', '17:00' WHERE c.name = 'office' AND EXTRACT(isodow FROM d) <= 5 AND d <> '2024-12-24'
		UNION ALL SELECT '10:00', '14:30' WHERE c.name = 'office' AND d = '2024-11-23'
		UNION ALL SELECT '08:00', '16:30' WHERE c.name = 'coast' AND EXTRACT(isodow FROM d) <= 5
		UNION ALL SELECT '08:00', '12:00' WHERE c.name = 'coast' AND EXTRACT(isodow FROM d) = 6
		UNION ALL SELECT '00:00', '06:00' WHERE c.name = 'night'
		UNION ALL SELECT '22:00', '24:00' WHERE c.name = 'night') AS i (opens, closes)
	WHERE c.name <> 'office' OR d NOT IN ('2023-12-25', '2024-01-01', '2024-01-15', '2024-02-19', '2024-05-27', '2024-06-19',
		'2024-07-04', '2024-07-05', '2024-09-02', '2024-10-14', '2024-11-11', '2024-11-28', '2024-12-25', '2025-01-01', '2025-01-20',
		'2025-02-17', '2025-05-26', '2025-06-19', '2025-07-04', '2025-09-01', '2025-10-13', '2025-11-11', '2025-11-27', '2025-12-25');
SQL

my $us = sub { return "(EXTRACT(epoch FROM $_[0]) * 1000000)::bigint" };
my $calendar_of = sub {
	my ($name, $zone) = @_;
	my @intervals = map { [ split /\|/ ] } split /\n/, $node->safe_psql($db,
		"SELECT @{[ $us->('opens') ]}, @{[ $us->('closes') ]} FROM year.open WHERE name = '$name' ORDER BY opens");
	my @dates = map { my @f = split /\|/, $_, 2; [ $f[0], $f[1] eq '' ? undef : $f[1] ] } split /\n/, $node->safe_psql($db,
		"SELECT @{[ $us->(qq{(d AT TIME ZONE '$zone')}) ]}, @{[ $us->('max(o.closes)') ]}
		FROM generate_series('2023-12-25'::timestamp, '2025-12-31', '1 day') AS d
		LEFT JOIN year.open AS o ON o.name = '$name' AND o.day = d GROUP BY d ORDER BY d");
	return OmsYear::Calendar->new(\@intervals, \@dates);
};

# ---- the ministry ----

my %at = map { my ($name, $when) = @$_; $name => $node->safe_psql($db, "SELECT @{[ $us->(qq{'$when'::timestamptz}) ]}") }
  [ from => '2024-01-01 00:00-05' ], [ to => '2024-12-31 00:00-05' ], [ end => '2025-01-14 19:30:00.5-05' ];
my $steps = sub { return map { /%/ ? [ "step $_", $_ =~ s/%//r, 0 ] : [ "step $_", 100, $_ * MIN ] } @_ };
my $warn = sub { return map { [ "warning $_", $_, 0 ] } @_ };
my %stages = (
	intake => { owner => 'Intake_Bot', takes => 4 * MIN, lease => 20 * MIN, pause => 10 * MIN, fails => 0.05, dies => 0.02,
		clock => { limit => 60 * MIN, alarms => [ $warn->(50) ] } },
	review => { takes => 22 * HOUR, holds => 0.2, workers => [ 'backup1', 'backup2' ], calendar => 'office', reroutes => 'step 480',
		clock => { limit => 960 * MIN, alarms => [ $warn->(50, 80), $steps->('100%', 120, 480, 600, 840, 1080) ] } },
	scan => { owner => 'Scan_Bot', takes => HOUR, lease => 12 * HOUR, pause => 30 * MIN, fails => 0.06, calendar => 'night',
		clock => { limit => 300 * MIN, alarms => [ $warn->(1, 99) ] } },
	audit => { takes => 60 * HOUR, waits => 16 * HOUR, holds => 0.25, workers => [ 'ann', 'bob' ], calendar => 'office',
		clock => { days => 5, alarms => [ $steps->('100%', 60) ] } },
	decide => { takes => 7 * HOUR, waits => 5 * HOUR, holds => 0.1, workers => [ 'dora', 'dirk', 'dean' ], calendar => 'coast', reroutes => 'step 300',
		clock => { limit => 480 * MIN, alarms => [ $warn->(25, 50), $steps->('75%'), $warn->(90), $steps->(30, 300) ] } },
	pay => { owner => 'Pay_Bot', takes => 20 * MIN, lease => 2 * HOUR, pause => 10 * MIN, fails => 0.04, dies => 0.02,
		clock => { limit => 120 * MIN } });
my %total = (Benefit => 5040, Hotline => 14 * 1440);
my @stages = (
	{ id => 'intake', owner => 'Intake_Bot', slaMins => 60, warnAt => [50], retry => { maxAttempts => 3, backoffSecs => 600, factor => 1 } },
	{ id => 'review', owner => 'Clerks', slaMins => 960, calendar => 'office', dependsOn => ['intake'], warnAt => [ 50, 80 ],
		escalation => [ { at => '100%', notify => 'supervisor' }, { at => '+120m', notify => 'Chief' },
			{ at => '+480m', reassignTo => 'Backup' }, { at => '+600m', everyMins => 240, max => 3, notify => 'Minister' } ] },
	{ id => 'scan', owner => 'Scan_Bot', slaMins => 300, calendar => 'night', dependsOn => ['intake'], warnAt => [ 1, 99 ],
		retry => { maxAttempts => 3, backoffSecs => 1800, factor => 1 } },
	{ id => 'audit', owner => 'Auditor', slaDays => 5, calendar => 'office', dependsOn => ['review'], minAmount => 50000, notSameAs => 'review',
		escalation => [ { at => '100%', notify => 'supervisor' }, { at => '+60m', notify => 'supervisor' } ] },
	{ id => 'decide', owner => 'Directors', slaMins => 480, calendar => 'coast', dependsOn => [ 'audit', 'scan' ], notSameAs => 'review',
		warnAt => [ 25, 50, 90 ], escalation => [ { at => '75%', notify => 'supervisor' }, { at => '+30m', notify => 'Chief' },
			{ at => '+300m', reassignTo => 'Deputies' } ] },
	{ id => 'pay', owner => 'Pay_Bot', slaMins => 120, dependsOn => ['decide'], when => '$.pay == true',
		retry => { maxAttempts => 3, backoffSecs => 600, factor => 1 } });
# Permits wait: for their fee, for a hearing and for as long as a notice hangs; nobody's answer is a yes. Dates come
# from the data, or from the output of a stage that was done.
my %permit = (
	order => [qw(file fee hearing notice consent issue)],
	ticket => { limit => 12_600 * MIN },
	file => { takes => 20 * HOUR, holds => 0.2, alarms => [ $steps->('100%', 60) ],
		limit => sub { my ($data) = @_; return ($data->{priority} // '') eq 'urgent' ? { limit => 120 * MIN }
			: $data->{amount} >= 50_000 ? { days => 3 } : { limit => 960 * MIN } },
		output => { hearing => { often => 0.8, from => 0, to => 45 * DAY } } },
	fee => { takes => 4 * DAY, holds => 0.2, message => 1, alarms => [ $steps->('100%'), [ 'law', 100, 480 * MIN ] ], limit => sub { return { days => 5 } } },
	hearing => { takes => 20 * HOUR, holds => 0.2, delay => 480 * MIN, from => 'hearing', alarms => [ $warn->(25, 80), $steps->('100%', 120) ],
		limit => sub { return { limit => 480 * MIN } } },
	notice => { takes => 6 * DAY, holds => 0, delay => 960 * MIN, from => 'hung', until => 'by', alarms => [ $warn->(50, 90), $steps->(30) ], limit => sub { return { days => 10 } } },
	consent => { takes => 5 * DAY, holds => 0.2, silence => 0.5, fails => 0.15,
		output => { before => { often => 0.7, from => -2 * DAY, to => 5 * DAY, is_end => 1 } }, alarms => [ $warn->(90), [ 'law', 100, 0 ] ],
		limit => sub { return { limit => 2_100 * MIN } } },
	issue => { takes => 8 * HOUR, holds => 0.1, until => 'before', alarms => [ $warn->(50) ], limit => sub { return { limit => 240 * MIN } } });
my @permit_stages = (
	{ id => 'file', owner => 'Permit_Desk', sla => [ { when => '$.priority == "urgent"', mins => 120 }, { when => '$.amount >= 50000', days => 3 }, { mins => 960 } ],
		escalation => [ { at => '100%', notify => 'Chief' }, { at => '+60m', notify => 'Chief' } ] },
	{ id => 'fee', dependsOn => ['file'], waitFor => { message => 'fee', key => '$.fee' }, slaDays => 5,
		escalation => [ { at => '100%', notify => 'Chief' }, { at => '+480m', finishWith => { paid => 0 } } ] },
	{ id => 'hearing', owner => 'Permit_Board', dependsOn => ['fee'], startAt => '$stages.file.hearing', delayMins => 480, slaMins => 480, warnAt => [ 25, 80 ],
		escalation => [ { at => '100%', notify => 'Chief' }, { at => '+120m', notify => 'Chief' } ] },
	{ id => 'notice', owner => 'Permit_Desk', dependsOn => ['hearing'], startAt => '$.hung', delayMins => 960, slaDays => 10, dueAt => '$.by', warnAt => [ 50, 90 ],
		escalation => [ { at => '+30m', notify => 'Chief' } ] },
	{ id => 'consent', owner => 'Permit_Board', dependsOn => ['notice'], slaMins => 2100, warnAt => [90],
		escalation => [ { at => '100%', finishWith => { granted => JSON::PP::true } } ] },
	{ id => 'issue', owner => 'Permit_Desk', dependsOn => ['consent'], slaMins => 240, dueAt => '$stages.consent.before', warnAt => [50] });
# Who is away, from and to, and who stands in: clerk5 all of September for nobody; one weekend nobody is there at all.
my @absences = (
	[ clerk1 => '2024-02-01 12:00-05', '2024-02-20 09:00-05', 'clerk2' ],
	[ clerk2 => '2024-04-02 00:00-04', '2024-04-30 00:00-04', undef ],
	[ clerk3 => '2024-06-15 08:30-04', '2024-07-15 08:30-04', 'temp' ],
	[ clerk5 => '2024-09-01 00:00-04', '2024-10-01 00:00-04', undef ],
	(map { [ $_ => '2024-08-09 17:00-04', '2024-08-12 09:00-04', undef ] } @clerks),
	[ Auditor => '2024-03-04 00:00-05', '2024-03-18 00:00-04', 'Deputy' ],
	[ Auditor => '2024-10-21 00:00-04', '2024-11-04 00:00-05', undef ]);

my $quote = sub { return defined $_[0] ? "'" . $_[0] =~ s/'/''/gr . "'" : 'NULL' };
$node->safe_psql($db, join ";\n", q{SET oms.now = '2023-12-29 12:00-05'},
	q{SELECT oms.set_owner('Clerks', 'group', 'Head', NULL, '{clerk1,clerk2,clerk3,clerk4,clerk5}', 'round_robin')},
	q{SELECT oms.set_owner('Auditor', 'person', 'Chief', NULL, '{auditor}')},
	q{SELECT oms.set_hold_reason('talk', stops_clock => false)}, q{SELECT oms.set_hold_reason('papers', waiting_on => 'applicant')},
	(map { 'SELECT oms.set_absence(' . join(', ', map { $quote->($_) } @$_) . ')' } @absences),
	(map { my $w = $_; 'SELECT oms.create_workflow(' . $quote->(JSON::PP->new->encode({ name => $w, owner => 'Minister', slaMins => $total{$w},
		stages => \@stages, $w eq 'Benefit' ? (calendar => 'office') : () })) . ')' } sort keys %total),
	'SELECT oms.create_workflow(' . $quote->(JSON::PP->new->encode({ name => 'Permit', owner => 'Minister', slaMins => 12_600, calendar => 'office',
		stages => \@permit_stages })) . ')');

my %away;
foreach (@absences)
{
	my ($who, @times) = @$_[ 0 .. 2 ];
	push @{ $away{$who} }, [ (map { $node->safe_psql($db, "SELECT @{[ $us->(qq{'$_'::timestamptz}) ]}") } @times), $_->[3] ];
}
my $year = year_of({ %at, tickets => $tickets, permits => $tickets / 20, permit => \%permit, stages => \%stages, absences => \%away, clerks => \@clerks,
	calendars => { none => OmsYear::Calendar->new, office => $calendar_of->('office', 'America/New_York'),
		night => $calendar_of->('night', 'America/New_York'), coast => $calendar_of->('coast', 'America/Los_Angeles') },
	workflows => { map { $_ => { calendar => $_ eq 'Benefit' ? 'office' : 'none', limit => $total{$_} * MIN } } keys %total } });
lap(@{ $year->{plan} } . ' things to do, planned with seed ' . $seed);

# ---- the year takes its course ----

sub copy_rows
{
	my ($table, @rows) = @_;
	my $file = "$dir/" . ($table =~ s/.*\.//r);
	open my $out, '>', $file or die;
	print $out join("\t", map { $_ // '\N' } @$_), "\n" foreach @rows;
	close $out or die;
	$node->safe_psql($db, "\\copy $table FROM '$file'");
	return;
}
my $array = sub { return '{' . join(',', map { '"' . moment($_) . '"' } @{ $_[0] }) . '}' };
$node->safe_psql($db, <<'SQL');
CREATE TABLE year.plan (no int PRIMARY KEY, at timestamptz, what text, n int, stage text, who text, until timestamptz, x int, data jsonb);
CREATE TABLE year.expect (n int, stage text, cycle int, status text, stored bigint, consumed bigint, lasts bigint, due timestamptz,
	breach timestamptz, warnings timestamptz[], steps timestamptz[], began timestamptz, finished timestamptz, by_law bool);
CREATE TABLE year.events (status text, n bigint);
CREATE TABLE year.answers (no int, expected text, found text);
SQL
my $no = 0;
copy_rows('year.plan', map { my ($at, $what, $n, $stage, $who, $until, $x, $data) = @$_;
	[ ++$no, moment($at), $what, $n, $stage, $who, moment($until), $x, $data && JSON::PP->new->encode($data) ] } @{ $year->{plan} });
copy_rows('year.expect', map { my $e = $_; [ @$e{qw(n stage cycle status stored consumed lasts)}, (map { moment($_) } @$e{qw(due breach)}),
	(map { $array->($_) } @$e{qw(warnings steps)}), (map { moment($_) } @$e{qw(began finished)}), $e->{by_law} ] } @{ $year->{expect} });
copy_rows('year.events', map { [ $_, $year->{events}{$_} ] } sort keys %{ $year->{events} });
$node->safe_psql($db, 'ANALYZE year.plan');
lap('loaded');

my ($status, $out, $err) = $node->psql($db, <<'SQL');
DO $$
DECLARE
	r year.plan;
	ids oms.ticket_id[] := array_fill(NULL::oms.ticket_id, ARRAY[(SELECT max(n) FROM year.plan)]);
	t oms.ticket_id;
	k bigint;
	who text;
BEGIN
	FOR r IN SELECT * FROM year.plan ORDER BY no LOOP
		PERFORM set_config('oms.now', r.at::text, false);
		t := ids[r.n];
		CASE r.what
		WHEN 'tick' THEN
			PERFORM oms.tick();
			IF r.no % 7 = 0 THEN COMMIT; END IF;
		WHEN 'visit' THEN
			SELECT count(*) INTO k FROM oms.claim(r.who, 'bot', 10000, CASE r.stage WHEN 'intake' THEN '20 minutes'::interval
				WHEN 'scan' THEN '12 hours' ELSE '2 hours' END);
			IF k <> r.x THEN RAISE '% got % stages at %, not %', r.who, k, r.at, r.x; END IF;
		WHEN 'open' THEN
			ids[r.n] := oms.open_ticket(r.who, r.data, applicant => r.n::text);
		WHEN 'done' THEN PERFORM oms.stage_done(t, r.stage, COALESCE(r.data, '{}'));
		WHEN 'claim' THEN PERFORM oms.claim_stage(t, r.stage, r.who);
		WHEN 'hold' THEN PERFORM oms.hold(t, r.stage, r.who, r.until);
		WHEN 'resume' THEN PERFORM oms.resume(t, r.stage, r.who);
		WHEN 'fails' THEN PERFORM oms.stage_failed(t, r.stage, 'no answer');
		WHEN 'failed' THEN PERFORM oms.stage_failed(t, r.stage, 'unreadable', NULL, false);
		WHEN 'retry' THEN PERFORM oms.retry_stage(t, r.stage, 'repaired');
		WHEN 'release' THEN PERFORM oms.release(t, r.stage);
		WHEN 'assign' THEN PERFORM oms.assign(t, r.stage, r.who);
		WHEN 'delegate' THEN PERFORM oms.delegate(t, r.stage, r.who);
		WHEN 'resolve' THEN PERFORM oms.resolve(t, r.stage);
		WHEN 'send_back' THEN PERFORM oms.send_back(t, r.stage, r.who, 'not enough');
		WHEN 'amend' THEN PERFORM oms.amend(t, r.data, 'mistyped');
		WHEN 'cancel' THEN PERFORM oms.cancel_ticket(t, 'moved away');
		WHEN 'start' THEN PERFORM oms.start_stage(t, r.stage);
		WHEN 'message' THEN
			INSERT INTO year.answers VALUES (r.no, r.x, oms.send_message('fee', r.who));
		WHEN 'extend' THEN
			INSERT INTO year.answers VALUES (r.no, r.until, CASE r.who WHEN 'mins' THEN oms.extend(t, r.stage, 'more', mins => r.x)
				ELSE oms.extend(t, r.stage, 'more', days => r.x) END);
		WHEN 'done_held' THEN
			PERFORM oms.stage_done(t, r.stage, '{}', s.token) FROM oms.stage_state AS s JOIN oms.stage AS v USING (ticket_id, stage_no)
				WHERE v.ticket_id = t AND v.stage = r.stage;
		WHEN 'same' THEN
			SELECT s.worker INTO who FROM oms.stage AS s WHERE s.ticket_id = t AND s.stage = 'review';
			BEGIN
				PERFORM oms.claim_stage(t, r.stage, who);
				RAISE '% has done the review of % and can decide', who, t;
			EXCEPTION WHEN insufficient_privilege THEN NULL;
			END;
		END CASE;
	END LOOP;
END $$;
SQL
is($err, '', 'everybody can do what the plan wants');
is($status, 0, 'the year is over');
lap('driven');
$node->safe_psql($db, 'VACUUM ANALYZE');

# ---- what came out ----

# Every clock of every cycle: what the rows and the timeline say of it, beside what was worked out
$node->safe_psql($db, <<'SQL');
CREATE TABLE year.result AS
	SELECT t.applicant::int AS n, COALESCE(w.stage, '') AS stage, s.cycle,
		CASE s.stage_no WHEN 0 THEN oms.ticket_status(t.status) ELSE oms.stage_status(s.status) END AS status,
		s.consumed_us, s.limit_us, s.due_at, s.breached_at, COALESCE(s.queued_at, s.wake_at, s.awaiting_at) AS began,
		CASE s.stage_no WHEN 0 THEN t.closed_at ELSE s.finished_at END AS finished, e.*
	FROM (SELECT * FROM oms.stage_state UNION ALL SELECT * FROM oms.stage_past) AS s
	JOIN oms.ticket_state AS t USING (ticket_id)
	LEFT JOIN oms.workflow_stage AS w ON w.workflow_id = t.workflow_id AND w.stage_no = s.stage_no
	LEFT JOIN (
		SELECT ticket_id AS told_of, stage AS told_stage, GREATEST(cycle, 1) AS told_cycle,
			array_agg(substring(note FROM '\d{4}-\d\d-\d\dT[^, ]+')::timestamptz ORDER BY seq) FILTER (WHERE status = 'warning') AS warnings,
			array_agg(substring(note FROM '\d{4}-\d\d-\d\dT[^, ]+')::timestamptz ORDER BY seq) FILTER (WHERE status = 'escalated') AS steps,
			array_agg(substring(note FROM '^was due (\S+)$')::timestamptz) FILTER (WHERE status = 'breached') AS breaches,
			bool_or(status = 'done') AS by_law
		FROM oms.timeline WHERE status IN ('warning', 'escalated', 'breached') OR status = 'done' AND note ~ '^by law' GROUP BY 1, 2, 3
	) AS e ON told_of = s.ticket_id AND told_stage IS NOT DISTINCT FROM w.stage AND told_cycle = s.cycle
	WHERE s.limit_us IS NOT NULL OR s.awaiting_at IS NOT NULL;
CREATE TABLE year.wrong AS
	SELECT n, stage, cycle, p.figure, p.expected, p.found
	FROM year.expect AS e FULL JOIN year.result AS r USING (n, stage, cycle)
	CROSS JOIN LATERAL (VALUES
		('there is such a cycle', (e.status IS NOT NULL)::text, (r.status IS NOT NULL)::text),
		('state', CASE e.status WHEN 'sent back' THEN 'in_progress' ELSE e.status END, r.status),
		('began', e.began::text, CASE WHEN e.began IS NOT NULL THEN r.began::text END),
		('finished', e.finished::text, CASE WHEN e.finished IS NOT NULL THEN r.finished::text END),
		('done by law', e.by_law::text, COALESCE(r.by_law, false)::text),
		('open time used up', e.stored::text, r.consumed_us::text),
		('limit', e.lasts::text, r.limit_us::text),
		('due', e.due::text, r.due_at::text),
		('breached, was due', ARRAY[e.breach]::text, COALESCE(r.breaches, '{NULL}')::text),
		('breach recorded', (e.breach IS NOT NULL)::text, COALESCE(r.breached_at > e.breach, r.breached_at IS NOT NULL)::text),
		('warnings', e.warnings::text, COALESCE(r.warnings, '{}')::text),
		('steps of the ladder', e.steps::text, COALESCE(r.steps, '{}')::text)) AS p (figure, expected, found)
	WHERE p.expected IS DISTINCT FROM p.found;
SQL
my $lacking = join ' ', grep { ($year->{events}{$_} // 0) < $tickets / 1000 } qw(amended awaiting breached cancelled delegated escalated extended failed
	hold_lifted lease_expired on_hold reassigned released resolved resumed retry sent_back skipped ticket_cancelled
	ticket_failed ticket_held ticket_resumed unassigned warning);
is($lacking, '', 'the year had a bit of everything');
note(join ', ', map { "$year->{rare}{$_} $_" } sort keys %{ $year->{rare} });
is(scalar(keys %{ $year->{rare} }), 34, '… of rare things too');
my $sums = $node->safe_psql($db, q{SELECT count(*), count(DISTINCT n), sum(cardinality(warnings)), count(breach), sum(cardinality(steps)),
	round(sum(stored) / 3600000000) FROM year.expect});
note('clocks, tickets, warnings, breaches, steps, hours of open time: ' . $sums =~ s/\|/, /gr);
foreach ('there is such a cycle', 'state', 'began', 'finished', 'done by law', 'open time used up', 'limit', 'due', 'breached, was due', 'breach recorded', 'warnings', 'steps of the ladder')
{
	is($node->safe_psql($db, "SELECT * FROM year.wrong WHERE figure = '$_' ORDER BY n, stage, cycle LIMIT 10"), '', "every clock: $_");
}
is($node->safe_psql($db, q{SELECT n, t.data, p.data FROM oms.ticket AS t JOIN (
	SELECT n, jsonb_strip_nulls(jsonb_object_agg(k.key, k.value ORDER BY no)) AS data FROM year.plan, jsonb_each(data) AS k
	WHERE what IN ('open', 'amend') GROUP BY n) AS p ON t.applicant = p.n::text WHERE t.data IS DISTINCT FROM p.data LIMIT 10}),
	'', 'the data as it was opened and corrected');
is($node->safe_psql($db, 'SELECT p.*, a.expected, a.found FROM year.answers AS a JOIN year.plan AS p USING (no)
	WHERE a.expected IS DISTINCT FROM a.found ORDER BY no LIMIT 10'), '', 'what a message finished, and when it is due with more time');
is($node->safe_psql($db, 'SELECT count(*), count(DISTINCT n), sum(cardinality(warnings)), count(breaches), sum(cardinality(steps)),
	round(sum(consumed_us) / 3600000000) FROM year.result'), $sums, 'the sums of the year');

is($node->safe_psql($db, <<'SQL'), '', 'as many events of each kind as were to be');
SELECT status, e.n AS expected, r.n AS found FROM year.events AS e
FULL JOIN (SELECT status, count(*) AS n FROM oms.timeline GROUP BY 1) AS r USING (status) WHERE e.n IS DISTINCT FROM r.n
SQL
is($node->safe_psql($db, <<'SQL'), '', 'nothing is done twice');
SELECT ticket_id, stage, cycle, status, count(*) FROM oms.timeline
WHERE status IN ('opened', 'queued', 'done', 'skipped', 'breached', 'ticket_done', 'ticket_cancelled')
GROUP BY 1, 2, 3, 4 HAVING count(*) > 1
UNION ALL SELECT ticket_id, stage, cycle, note, count(*) FROM oms.timeline WHERE status IN ('warning', 'escalated')
GROUP BY 1, 2, 3, 4 HAVING count(*) > 1
SQL
lap('compared');

# ---- people ----

is($node->safe_psql($db, <<'SQL'), '', 'nobody who is away gets work');
SELECT e.ticket_id, e.at, e.worker FROM oms.timeline AS e JOIN oms.absence AS a ON a.person = e.worker
WHERE e.status = 'assigned' AND e.at >= a.from_at AND e.at < a.to_at
UNION ALL SELECT e.ticket_id, e.at, e.worker FROM oms.timeline AS e
WHERE e.status = 'assigned' AND e.worker = 'temp' AND NOT e.at <@ tstzrange('2024-06-15 08:30-04', '2024-07-15 08:30-04')
SQL
is($node->safe_psql($db, <<"SQL"), 'clerk1 clerk2 clerk3 clerk4 clerk5|t|t', 'in weeks without absences everybody gets the same share');
SELECT string_agg(worker, ' ' ORDER BY worker), max(n) - min(n) < 10, min(n) > $tickets / 70 FROM (
	SELECT worker, count(*) AS n FROM oms.timeline
	WHERE status = 'assigned' AND worker LIKE 'clerk%' AND at BETWEEN '2024-05-01' AND '2024-06-15' GROUP BY 1) AS w
SQL

# ---- what is left ----

my $now = "SET oms.now = '" . moment($at{end}) . "';\n";
is($node->safe_psql($db, $now . <<'SQL'), '', 'every ticket is finished, or oms can tell why not');
SELECT t.ticket_id, t.status FROM oms.ticket AS t
WHERE t.status NOT IN ('done', 'cancelled') AND NOT EXISTS (SELECT FROM oms.explain(t.ticket_id) AS e WHERE e.why <> '')
SQL
$node->safe_psql($db, $now . <<'SQL');
CREATE TABLE year.explained AS
	SELECT e.n, e.stage, e.consumed * '1 microsecond'::interval AS expected, c.*
	FROM year.expect AS e JOIN oms.ticket_state AS t ON t.applicant = e.n::text
	LEFT JOIN oms.stage AS s ON s.ticket_id = t.ticket_id AND s.stage = e.stage
	LEFT JOIN LATERAL oms.explain_clock(t.ticket_id, NULLIF(e.stage, '')) WITH ORDINALITY AS c (starts, ends, open_time, consumed, reason, i) ON true
	WHERE (e.n % 40 = 0 OR e.status NOT IN ('done', 'cancelled'))
		AND (e.stage = '' OR s.cycle = e.cycle AND s.status <> 'waiting') AND e.lasts IS NOT NULL
SQL
is($node->safe_psql($db, <<'SQL'), '', 'the pieces of explain_clock() follow each other and add up');
SELECT n, stage, bool_and(follows), array_agg(open_time), array_agg(consumed), expected
FROM (SELECT *, COALESCE(starts = lag(ends) OVER w, i = 1) AS follows, lead(i) OVER w IS NULL AS last
	FROM year.explained WINDOW w AS (PARTITION BY n, stage ORDER BY i)) AS p
GROUP BY n, stage, expected
HAVING NOT bool_and(follows) OR sum(open_time) IS DISTINCT FROM expected OR max(consumed) FILTER (WHERE last) IS DISTINCT FROM expected
SQL
cmp_ok($node->safe_psql($db, 'SELECT count(DISTINCT (n, stage)) FROM year.explained'), '>', $tickets / 8, '… in many clocks');
is($node->safe_psql($db, 'SELECT * FROM oms.verify_timeline()'), '', 'every chain is whole');
lap('verified');
is($node->safe_psql($db, 'SELECT * FROM oms.check() LIMIT 20'), '', 'nothing contradicts');
lap('checked');
$node->stop;
done_testing();
