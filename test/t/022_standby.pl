# A physical standby: every function that reads works there, every one that writes raises 25006 and
# changes nothing, and after the promotion work goes on: docs/operation/readers.md.
use strict;
use warnings FATAL => 'all';

use OmsData;
use OmsNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = oms_node('primary', init => { allows_streaming => 1 });
my $db = oms_database($primary, 'work');
oms_fill($primary, $db);
$primary->backup('base');
my $standby = OmsDataNode->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# What happens after the base backup arrives by streaming.
$primary->safe_psql($db, q{SET oms.now = '2026-03-02 16:30:00+00';
	SELECT oms.open_ticket('DisasterLoan', '{"amount": 7}', 'streamed')});
my $streamed = $primary->safe_psql($db, q{SELECT ticket_id FROM oms.idempotency WHERE key = 'streamed'});
$primary->wait_for_catchup($standby);
# A sequence is ahead of itself in the WAL, by 32.
my $content = oms_content($primary, $db, 'rows');
same_content($standby, $db, $content, 'standby', 'rows');

# ---- all functions ----

# One ticket that is still open and one of its stages
my ($ticket, $stage, $token) = split /\|/, $primary->safe_psql($db, q{
	SELECT s.ticket_id, s.stage, t.token FROM oms.stage AS s JOIN oms.stage_state AS t USING (ticket_id, stage_no)
	WHERE s.status = 'in_progress' ORDER BY 1 LIMIT 1});
my $definition = q{'{"name": "W", "stages": [{"id": "a", "owner": "b", "slaMins": 1}]}'};
my %args = (
	ticket => "'$ticket'", stage => "'$stage'", token => $token, definition => $definition, name => "'DisasterLoan'",
	workflow => "'DisasterLoan'", owner => "'IRS_Bot'", worker => "'w'", reason => "'r'", body => "'b'",
	error => "'e'", role => "'oms_reader'", applicant => "'person-1'", kind => "'agent'", level => "'staff'", to_stage => "'$stage'",);

# Functions that work on a standby, with what they return there; undef: the same as on the primary.
my %reads = (
	'breached(timestamp with time zone, timestamp with time zone, integer)' => [ q{oms.breached('2026-01-01', '2026-01-02', 60)}, 't' ],
	'business_add(text, timestamp with time zone, integer)' => [ q{oms.business_add('office', '2026-03-02 12:00+00', 60)} ],
	'business_time(text, timestamp with time zone, timestamp with time zone)' => [ q{oms.business_time('office', '2026-03-02 00:00+00', '2026-03-03 00:00+00')} ],
	'calendar_problem(text)' => [ q{oms.calendar_problem('office')} ],
	'changes_of(oms.ticket_id)' => ["oms.changes_of('$ticket')"],
	'changes_since(text, integer)' => [ q{(SELECT string_agg(format('%s %s', c.ticket, c.seq), ',') FROM oms.changes_since(max => 1000000) AS c)} ],
	'check(oms.ticket_id)' => ["oms.check('$ticket')"],
	'check_piece(bytea)' => [ q{oms_internal.check_piece('\\x01'::bytea)} ],
	'check_piece(text)' => [ q{oms_internal.check_piece('a'::text)} ],
	'check_fired(jsonb, bigint, bigint, boolean)' => [ q{oms_internal.check_fired('{"at": "100%"}', 60, 30, false)} ],
	'check_open(text, timestamp with time zone, timestamp with time zone)' => [ q{oms_internal.check_open(NULL, now(), now())} ],
	'check_law(oms.ticket_id, timestamp with time zone, timestamp with time zone)' => [ "oms_internal.check_law('$ticket', now(), now())", 'f' ],
	'check_limit(oms.ticket_id, integer, timestamp with time zone, bigint, integer, jsonb, text, text, text)' =>
	  [ qq{oms_internal.check_limit('$ticket', 9, now(), 60000000, NULL, NULL, NULL, '', 'UTC')} ],
	'check_more(oms.ticket_id, text, integer, integer)' => ["oms_internal.check_more('$ticket', '$stage', 1, NULL)"],
	'check_since(oms.ticket_id, integer, timestamp with time zone)' => [ "oms_internal.check_since('$ticket', 1, '2026-03-02')" ],
	'check_time(oms.ticket_id, timestamp with time zone, timestamp with time zone)' => [ "oms_internal.check_time('$ticket', '2026-03-02', '2026-03-02')" ],
	'check_us(interval)' => [ q{oms_internal.check_us('1 minute')} ],
	'check_when(timestamp with time zone, timestamp with time zone, text, bytea)' => [q{oms_internal.check_when('2026-03-02', NULL, NULL, NULL)}],
	'proof(oms.ticket_id, boolean, boolean)' => ["oms.proof('$ticket', journal => true)"],
	'us_federal_holidays(integer)' => ['oms.us_federal_holidays(2026)'],
	'verify_seals()' => ['oms.verify_seals()'],
	'verify_journal()' => [ 'oms.verify_journal()', '' ],
	'would_run(oms.ticket_id)' => ["oms_internal.would_run('$ticket')"],
	'clock()' => [ 'oms.clock()', qr/^20\d\d-/ ],
	'explain(oms.ticket_id)' => ["oms.explain('$ticket')"],
	'explain_clock(oms.ticket_id, text)' => [ q{(SELECT string_agg(c::text, ',') FROM oms.explain_clock(s.ticket_id, s.stage) AS c)
		FROM oms.stage AS s WHERE s.status = 'done' AND s.due_at IS NOT NULL ORDER BY s.ticket_id, s.stage_no LIMIT 1} ],
	'help(text)' => [q{oms.help('work')}],
	'my_work(text, integer)' => [ qq{oms.my_work(worker) FROM oms.stage WHERE ticket_id = '$ticket' AND stage = '$stage'} ],
	'diagram(text, integer, text)' => [q{oms.diagram('DisasterLoan')}],
	'diagram(oms.ticket_id, text)' => ["oms.diagram('$ticket'::oms.ticket_id, 'dot')"],
	'dispatch_channel(text)' => [ q{oms.dispatch_channel('IRS_Bot')}, 'oms_dispatch.IRS_Bot' ],
	'fingerprint()' => [ 'oms.fingerprint()', qr/^\d+-\d+$/ ],
	'get_archived_ticket(oms.ticket_id)' => [q{oms.get_archived_ticket(ticket_id) FROM oms.archived_ticket ORDER BY 1 LIMIT 1}],
	'get_ticket(oms.ticket_id)' => ["oms.get_ticket('$ticket')"],
	'get_timeline(text)' => ["oms.get_timeline('$ticket'::text)"],
	'get_timeline(oms.ticket_id)' => ["oms.get_timeline('$ticket'::oms.ticket_id)"],
	'get_workflow(text, integer)' => [q{oms.get_workflow('DisasterLoan')}],
	'next_stages(jsonb, text[], jsonb)' => [ "oms.next_stages($definition, '{}')", 'a' ],
	'next_stages(oms.ticket_id)' => ["oms.next_stages('$ticket')"],
	'stage_status("char")' => [ q{oms.stage_status('q')}, 'queued' ],
	'ticket_status("char")' => [ q{oms.ticket_status('o')}, 'open' ],
	'draw_workflow(jsonb, text)' => ["oms.draw_workflow($definition)"],
	'validate_workflow(jsonb)' => ["oms.validate_workflow($definition)"],
	'verify_timeline(oms.ticket_id)' => [ 'oms.verify_timeline()', '' ],
	'version()' => ['oms.version()'],
	'at_risk(interval)' => [ q{count(*) >= 0 FROM oms.at_risk()}, 't' ],
	'bottlenecks(timestamp with time zone, timestamp with time zone, text)' => ['oms.bottlenecks(NULL, NULL)'],
	'heat_map(timestamp with time zone, timestamp with time zone, text)' => ['oms.heat_map(NULL, NULL)'],
	'report_between(timestamp with time zone, timestamp with time zone)' => [q{count(*) FROM oms_internal.report_between('-infinity', 'infinity')}],
	'report_due(timestamp with time zone, timestamp with time zone)' => ['count(*) FROM oms_internal.report_due(NULL, NULL)'],
	'report_everything()' => ['count(*) FROM oms_internal.report_everything()'],
	'report_finished(timestamp with time zone, timestamp with time zone, "char", interval)' => [q{count(*) FROM oms_internal.report_finished(NULL, NULL, 'f', '1 hour')}],
	'report_finished_in(timestamp with time zone, timestamp with time zone)' => [ q{oms_internal.report_finished_in('-infinity', 'infinity')}, 't' ],
	'report_looked_up(timestamp with time zone, timestamp with time zone, interval)' => [q{count(*) FROM oms_internal.report_looked_up(NULL, NULL, '1 hour')}],
	'report_new()' => ['count(*) FROM oms_internal.report_new()'],
	'report_of(oms.ticket_id, bigint, bigint)' => ["count(*) FROM oms_internal.report_of('$ticket', 0, NULL)"],
	'report_pack(bigint, bigint, oms.ticket_id, oms.ticket_id)' => ['count(*) FROM oms_internal.report_pack(NULL, NULL, NULL, NULL)'],
	'report_tickets(oms.ticket_id, oms.ticket_id)' => [q{count(*) FROM oms_internal.report_tickets('A-2000-00001', 'ZZZZ-2100-00001')}],
	'report_period(timestamp with time zone, timestamp with time zone, interval)' => [q{oms_internal.report_period(NULL, NULL, '1 hour')}],
	'report_since(bigint, bigint)' => ['count(*) FROM oms_internal.report_since(0, NULL)'],
	'report_unit(interval, timestamp with time zone)' => [q{oms_internal.report_unit('1 hour', '2026-03-02 12:34+00')}],
	'report_units(timestamp with time zone, timestamp with time zone, interval)' => [q{oms_internal.report_units(NULL, NULL, '1 hour')}],
	'report_way(text)' => [ q{oms_internal.report_way('stage')}, 'stage' ],
	'sla_report(timestamp with time zone, timestamp with time zone, text)' => ['oms.sla_report(NULL, NULL)'],
	'health()' => [ 'status FROM oms.health()', 'good' ],
	'metrics()' => [ 'count(*) > 10 FROM oms.metrics()', 't' ],
	'metrics_text()' => [ 'oms.metrics_text()', qr/^# HELP oms_info / ],
	'worker_errors()' => [ 'oms.worker_errors()', '' ],
	'worker_status()' => [ 'count(*) FROM oms.worker_status()', qr/^\d$/ ],
	# May come
	'check()' => [ 'oms.check()', '' ],
	'tracking_number(oms.ticket_id)' => ["oms.tracking_number('$ticket')"],
	'track(text)' => ["oms.track((SELECT oms.tracking_number('$ticket')))"],
	'proof(oms.ticket_id)' => ["oms.proof('$ticket')"],);

# What writes; where the arguments' names do not do, the call is here.
my %writes = (
	'claim_stage(oms.ticket_id, text, text)' => q{oms.claim_stage(s.ticket_id, s.stage, 'w') FROM oms.stage AS s WHERE status = 'queued' LIMIT 1},
	'attach(oms.ticket_id, text, text, text, text, boolean)' => qq{oms.attach('$ticket', 'n', 'https://files.example/n', repeat('0', 64))},
	'amend(oms.ticket_id, jsonb, text)' => qq{oms.amend('$ticket', '{"amount": 8}', 'r')},
	'extend(oms.ticket_id, text, text, integer, integer)' => qq{oms.extend('$ticket', '$stage', 'r', mins => 5)},
	'send_message(text, text, jsonb, text, interval)' => q{oms.send_message('payment', 'k')},
	'add_stamp(bigint, bytea)' => q{oms.add_stamp(1, '\\x00')},
	'drop_message(text, text)' => q{oms.drop_message('payment', 'k')},
	'import_tickets(text, jsonb, boolean)' => q{oms.import_tickets('DisasterLoan', '[{"opened_at": "2026-03-02T10:00:00Z"}]', false)},
	'create_workflow(jsonb)' => undef,
	'delegate(oms.ticket_id, text, text, text)' => qq{oms.delegate('$ticket', '$stage', 'w')},
	'set_absence(text, timestamp with time zone, timestamp with time zone, text)' => q{oms.set_absence('w', '2026-03-02', '2026-03-03')},
	'set_number_ranges(int8multirange)' => q{oms.set_number_ranges('{[1,1000000)}')},
	'set_hold_reason(text, boolean, text, integer, text)' => q{oms.set_hold_reason('r')},
	'create_workflow again' => q{oms.create_workflow(oms.get_workflow('DisasterLoan'))},
	'open_ticket(text, jsonb, text, integer, text)' => undef,
	'open_ticket again' => q{oms.open_ticket('DisasterLoan', '{"amount": 7}', 'streamed')},
	'open_tickets(text, jsonb[])' => q{oms.open_tickets('DisasterLoan', '{"{}","{}"}')},
	'stages_done(jsonb)' => qq{oms.stages_done('[{"ticket": "$ticket", "stage": "$stage"}]')},
	'skip_stage(oms.ticket_id, text, text)' => q{oms.skip_stage(ticket_id, stage, 'r') FROM oms.stage WHERE status = 'waiting' LIMIT 1},
	'retry_stage(oms.ticket_id, text, text)' => q{oms.retry_stage(ticket_id, stage, 'r') FROM oms.stage WHERE status = 'failed' LIMIT 1},
	'erase(oms.ticket_id, text[], text)' => qq{oms.erase('$ticket', '{amount}', 'r')},);

my @functions = map { [ split /\|/, $_, 3 ] } split /\n/, $primary->safe_psql($db, q{
	SELECT p.proname || '(' || oidvectortypes(p.proargtypes) || ')',
		p.proname, array_to_string(p.proargnames[1:p.pronargs - p.pronargdefaults], ',')
	FROM pg_proc AS p
	WHERE p.pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype
	AND p.proname !~ '^ticket_id' AND p.proname <> 'text' AND NOT 'internal'::regtype = ANY (p.proargtypes)
	ORDER BY 1});
cmp_ok(scalar(@functions), '>', 30, 'there are functions');

# Hundreds of calls: a session of each server makes them, with the settings that oms.check() has for what it calls.
my $quiet = '-c client_min_messages=error -c enable_nestloop=off -c enable_mergejoin=off -c jit=off';
my %session = (
	primary => OmsSession->new($primary, $db, PGOPTIONS => $quiet),
	standby => OmsSession->new($standby, $db, PGOPTIONS => $quiet),
	'read-only' => OmsSession->new($primary, $db, PGOPTIONS => "$quiet -c default_transaction_read_only=on"));

sub on
{
	my ($where, $call) = @_;
	return $session{$where}->query("SELECT $call");
}

my %call;
foreach (@functions)
{
	my ($signature, $name, $needed) = @$_;
	if (my $read = $reads{$signature})
	{
		my ($call, $expected) = @$read;
		$expected //= on('primary', $call);
		unlike($expected, qr/ERROR:/, "$signature reads on the primary") unless ref $expected;
		my $got = on('standby', $call);
		ref $expected ? like($got, $expected, "$signature reads") : is($got, $expected, "$signature reads");
		next;
	}
	# pg_cron is not here to write for
	next if $name =~ /^(en|dis)able_cron$/;
	$call{$signature} = $writes{$signature} // "oms.$name(" . join(', ', map { $args{$_} // 'NULL' } split /,/, $needed // '') . ')';
}
$call{$_} = $writes{$_} foreach grep { / again$/ } keys %writes;

foreach my $signature (sort keys %call)
{
	# If this fails for a new function: tell in %reads or %writes how it is called.
	my $error = on('standby', $call{$signature});
	like($error, qr/^(psql:<stdin>:\d+: )?ERROR:  25006: /, "$signature writes: $call{$signature}");
}
is(on('standby', "oms.track('$ticket-AAAAAAAAA')"), '', 'a wrong tracking number is refused without writing that down')
  if oms_has($standby, $db, 'track');
like(on('standby', "oms.get_ticket('DL-2026-99999')"), qr/ERROR:  OM002/, 'errors are the same as on the primary');

# ---- relations, statements ----

foreach (split /\n/, on('primary', q{oid::regclass FROM pg_class
	WHERE relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND relkind IN ('v', 'r', 'p', 'm') AND relname NOT LIKE 'worker\_%'
	AND relname NOT IN ('metrics', 'open_stage', 'report_open') ORDER BY relname}))
{
	my $all = qq{md5(string_agg(v::text, ',' ORDER BY v::text COLLATE "C")) FROM $_ AS v};
	is(on('standby', $all), on('primary', $all), "$_ reads");
}
is($standby->safe_psql($db, 'SELECT count(*) FROM oms.open_stage'), $primary->safe_psql($db, 'SELECT count(*) FROM oms.open_stage'),
	'oms.open_stage reads');
foreach (
	"UPDATE oms.ticket SET priority = 3 WHERE ticket_id = '$ticket'",
	"UPDATE oms.stage SET status = 'done' WHERE ticket_id = '$ticket'",
	'DELETE FROM oms.timeline',
	'TRUNCATE oms.timeline',
	'DROP EXTENSION oms CASCADE')
{
	sql_like($standby, $db, $_, qr/^ERROR:  25006: /, $_);
}
# Waiting is reading: there is work already, or there is none within the time.
is($standby->psql($db, "CALL oms.wait_for_work('IRS_Bot', '0 s')"), 0, 'wait_for_work finds work');
is($standby->psql($db, "CALL oms.wait_for_work('Nobody', '10 ms')"), 0, 'wait_for_work ends');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^oms'}), '0',
	'there is no worker and no launcher');

# The same for a transaction that is read-only on the primary
like(on('read-only', $call{$_}), qr/ERROR:  25006: /, "$_ in a read-only transaction")
  foreach sort keys %call;

# ---- nothing has changed, anywhere ----

same_content($standby, $db, $content, 'standby after all this', 'rows');
same_content($primary, $db, $content, 'primary after all this', 'rows');
whole($standby, $db, 'standby');

# ---- promotion ----

$_->quit foreach values %session;

# A session that has read before goes on after it, plans, caches and all.
my $session = $standby->background_psql($db);
is($session->query_safe("SELECT oms.next_stages('$streamed')"), 'id_check', 'a session reads before the promotion');
$primary->stop('immediate');
$standby->promote;
is($session->query_safe(q{SELECT oms.open_ticket('DisasterLoan', '{"amount": 7}', 'streamed')}), $streamed,
	'… and writes after it, with the key that it was used before');
$session->quit;

same_content($standby, $db, $content, 'promoted', 'rows');
guarded($standby, $db, 'promoted');
work_goes_on($standby, $db, 'promoted');
$standby->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'oms launcher'});
pass('promoted: the launcher comes');
log_lacks($standby, qr/XX000|PANIC|was terminated by signal/, 'nothing broke');

$standby->stop;
done_testing();
