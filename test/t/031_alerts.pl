# Who is told, and how often: alerts of clocks and people, and what holds do to dispatches and statuses.
#
# The clock stands where the session puts it, so there is no worker: events leave with each commit.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OmsNode->make('alerts', conf => "oms.worker = off\n");
my $listener = $node->listener();
my $session = $node->session();

sub at { $session->query("SET oms.now = '$_[0]'"); }
sub do_sql { my $out = $session->query($_[0]); diag($out) if $out =~ /ERROR/; return $out; }
sub open_ticket { return do_sql("SELECT oms.open_ticket('$_[0]')"); }

# What has been heard about a ticket on a channel: kind (or status) and level, in order
sub heard
{
	my ($ticket, $channel) = @_;
	our @kept;
	push @kept, $listener->events;
	return join ', ', map {
		my $p = $_->{payload};
		$channel eq 'oms_alert' ? "$p->{kind} $p->{level}"
		  : $channel eq 'oms_dispatch' ? "$p->{stage} $p->{owner} $p->{attempt}"
		  : ($p->{stage} // '') . " $p->{status}"
	} grep { $_->{channel} eq $channel && $_->{payload}{ticket} eq $ticket } @kept;
}
sub forget { our @kept = (); $listener->events; }

at('2026-03-02 09:00+00');
do_sql(q{SELECT oms.create_workflow('{"name":"Ladder","owner":"Chief","stages":[{"id":"a","owner":"Desk","slaMins":60,"warnAt":[50,80],
	"escalation":[{"at":"100%","notify":"supervisor"},{"at":"+60m","notify":"director"},{"at":"+120m","reassignTo":"Other"}]}]}')});
do_sql(q{SELECT oms.create_workflow('{"name":"Orphan","stages":[{"id":"a","owner":"Desk","slaMins":60,
	"escalation":[{"at":"100%","notify":"supervisor"}]}]}')});
do_sql(q{SELECT oms.create_workflow('{"name":"Chain","stages":[{"id":"a","owner":"Desk","slaMins":60},{"id":"b","owner":"Back","dependsOn":["a"]}]}')});
do_sql(q{SELECT oms.create_workflow('{"name":"Total","slaMins":60,"owner":"Chief","stages":[{"id":"a","owner":"Desk"}]}')});

# ---- alerts ----

at('2026-03-02 10:00+00');
my $t = open_ticket('Ladder');
is(heard($t, 'oms_alert'), '', 'no alert before anything happens');
at('2026-03-02 10:30+00');
do_sql('SELECT oms.tick()');
is(heard($t, 'oms_alert'), 'warning 0', 'a warning is an alert');
do_sql('SELECT oms.tick()');
at('2026-03-02 10:48+00');
do_sql('SELECT oms.tick()');
is(heard($t, 'oms_alert'), 'warning 0, warning 0', 'one per threshold');
at('2026-03-02 11:00:01+00');
do_sql('SELECT oms.tick()');
like(heard($t, 'oms_alert'), qr/^warning 0, warning 0(, breached 0)?, escalated 1$/, 'the breach, and the first step');
forget();
at('2026-03-02 12:00+00');
do_sql('SELECT oms.tick(), oms.tick()');
is(heard($t, 'oms_alert'), 'escalated 2', 'the second step');
do_sql("SELECT oms.escalate('$t', 'a', 'by hand')");
is(heard($t, 'oms_alert'), 'escalated 2, escalated 3', 'and one by hand, of the next level');

# after an outage: everything is done, one alert tells
forget();
at('2026-03-02 10:00+00');
$t = open_ticket('Ladder');
at('2026-03-04 10:00+00');
do_sql('SELECT oms.tick(), oms.tick()');
is(do_sql("SELECT string_agg(status, ',' ORDER BY seq) FROM oms.timeline WHERE ticket_id = '$t' AND stage = 'a'"),
	'queued,warning,warning,breached,escalated,escalated,escalated,reassigned', 'after an outage all actions in order');
is(heard($t, 'oms_alert'), 'escalated 3', 'and one alert, for the highest');
forget();
at('2026-03-02 10:00+00');
$t = open_ticket('Ladder');
at('2026-03-02 10:59+00');
do_sql('SELECT oms.tick()');
is(heard($t, 'oms_alert'), 'warning 0', 'two warnings at once: one alert');

# nobody to tell is an alert, never silence
forget();
at('2026-03-02 10:00+00');
$t = open_ticket('Orphan');
at('2026-03-02 11:00:00.000001+00');
do_sql('SELECT oms.tick()');
unlike(heard($t, 'oms_alert'), qr/^(breached \d+)?(, )?(escalated \d+)?$/, 'nobody to tell is an alert of its own kind');
forget();
at('2026-03-02 10:00+00');
$t = open_ticket('Orphan');
do_sql("SELECT oms.escalate('$t', 'a', 'by hand')");
my ($nobody) = heard($t, 'oms_alert') =~ /^escalated 1, (\w+) \d+$/;
ok($nobody, 'by hand too');

# the clock of the ticket
forget();
at('2026-03-02 10:00+00');
$t = open_ticket('Total');
at('2026-03-02 11:00:00.000001+00');
do_sql('SELECT oms.tick()');
is(heard($t, 'oms_alert'), 'breached 0', 'the breach of a ticket is an alert');

# somebody to work is missing
forget();
do_sql(q{CREATE ROLE ann; CREATE ROLE bob; SELECT oms.set_owner('Team', 'group', members => '{ann,bob}', assignment => 'round_robin');
	SELECT oms.set_absence('ann', '2026-03-02 00:00+00', '2026-03-03 00:00+00'); SELECT oms.set_absence('bob', '2026-03-02 00:00+00', '2026-03-03 00:00+00');
	SELECT oms.create_workflow('{"name":"Team","stages":[{"id":"a","owner":"Team"}]}')});
at('2026-03-02 10:00+00');
$t = open_ticket('Team');
like(heard($t, 'oms_alert'), qr/^\w+ 0$/, 'nobody there is an alert');
is(heard($t, 'oms_dispatch'), 'a Team 1', 'and the stage is announced to its group');

# ---- a group is told with its kind ----

at('2026-03-04 10:00+00');
forget();
$t = open_ticket('Team');
our @kept;
heard($t, '');
my @dispatch = grep { $_->{channel} eq 'oms_dispatch' && $_->{payload}{ticket} eq $t } @kept;
is(scalar(grep { $_->{payload}{kind} ne 'group' } @dispatch), 0, 'a dispatch tells the kind of the owner');

# ---- holds ----

forget();
at('2026-03-02 10:00+00');
$t = open_ticket('Chain');
is(heard($t, 'oms_dispatch'), 'a Desk 1', 'dispatched');
at('2026-03-02 10:10+00');
do_sql("SELECT oms.hold('$t', 'a', 'r')");
like(heard($t, 'oms_status'), qr/(^|, )a on_hold$/, 'a stage that is held is told, so that its agent can stop');
is(heard($t, 'oms_dispatch'), 'a Desk 1', 'nothing more is dispatched on hold');
do_sql("SELECT oms.resume('$t', 'a')");
is(heard($t, 'oms_dispatch'), 'a Desk 1, a Desk 1', 'it is dispatched when it can be claimed again');
forget();
do_sql("SELECT oms.hold('$t', 'a', 'r', '2026-03-02 10:30+00')");
at('2026-03-02 10:40+00');
do_sql('SELECT oms.tick(), oms.tick()');
is(heard($t, 'oms_dispatch'), 'a Desk 1', 'also when the hold runs out');
forget();
my $token = do_sql("SELECT oms.claim_stage('$t', 'a', 'w')");
do_sql("SELECT oms.hold('$t', NULL, 'r')");
like(heard($t, 'oms_status'), qr/a on_hold/, 'a stage of a ticket that is held is told too');
do_sql("SELECT oms.stage_done('$t', 'a', '{}', $token)");
is(heard($t, 'oms_dispatch'), '', 'what becomes ready on hold is not dispatched');
do_sql("SELECT oms.resume('$t', NULL)");
is(heard($t, 'oms_dispatch'), 'b Back 1', 'but when the ticket is resumed, once');
forget();
do_sql("SELECT oms.send_back('$t', 'b', 'a', 'r')");
is(heard($t, 'oms_dispatch'), 'a Desk 1', 'sent back: dispatched again');
like(heard($t, 'oms_status'), qr/returned/, 'citizens are told "returned"');
forget();
at('2026-03-02 10:00+00');
do_sql("SELECT oms.set_hold_reason('papers', true, 'applicant', NULL, 'Papers, please')");
do_sql("SELECT oms.hold('$t', 'a', 'papers')");
like(heard($t, 'oms_status'), qr/a action needed/, 'or "action needed"');
do_sql("SELECT oms.skip_stage('$t', 'a', 'r')");
unlike(heard($t, 'oms_status'), qr/skipped/, 'never "skipped"');

# ---- payloads ----

is(do_sql(q{SELECT count(*) FROM oms.verify_timeline()}), '0', 'the chains are whole');
is($node->trouble(0, qr/ROLE/), '', 'the log is clean');
$session->quit;
$listener->quit;
$node->stop;
done_testing();
