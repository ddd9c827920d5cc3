# What clocks set off, fired by the worker: the end of a hold, warnings, breaches, escalation steps, the
# ticket's own clock, and a calendar that changes.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;

my $node = OmsNode->make('clocks');
$node->worker_up;

# slaMins 0: due at once, so that nobody has to wait for a minute
$node->sql(q{
	SELECT oms.set_owner('Desk', supervisor => 'Head');
	SELECT oms.create_calendar('always', '{"timezone": "UTC", "hours": {"mon": ["00:00-24:00"], "tue": ["00:00-24:00"],
		"wed": ["00:00-24:00"], "thu": ["00:00-24:00"], "fri": ["00:00-24:00"], "sat": ["00:00-24:00"], "sun": ["00:00-24:00"]}}');
	SELECT oms.create_workflow('{"name": "ladder", "stages": [{"id": "a", "owner": "Desk", "slaMins": 0, "warnAt": [50],
		"escalation": [{"at": "100%", "notify": "supervisor"}, {"at": "+0m", "reassignTo": "Backup"}]}]}');
	SELECT oms.create_workflow('{"name": "total", "slaMins": 0, "stages": [{"id": "a", "owner": "Desk"}]}');
	SELECT oms.create_workflow('{"name": "slow", "calendar": "always", "slaMins": 600,
		"stages": [{"id": "a", "owner": "Desk", "slaMins": 60}, {"id": "b", "owner": "Desk"}]}')});

sub statuses
{
	my ($ticket) = @_;
	return "SELECT string_agg(concat_ws(' ', stage, status), ', ' ORDER BY seq) FROM oms.timeline WHERE ticket_id = '$ticket'";
}

# ---- the ladder ----

my $listener = $node->listener('postgres', 'oms_alert');
my $ticket = $node->sql(q{SELECT oms.open_ticket('ladder')});
ok($node->becomes(statuses($ticket),
		'opened, a queued, a warning, a breached, a escalated, a escalated, a reassigned'),
	'a warning, the breach and both steps, in order');
is($node->sql("SELECT owner || ' ' || level FROM oms.stage WHERE ticket_id = '$ticket'"), 'Backup 2', '… and the stage has moved on');
ok($listener->hears($ticket, 'oms_alert'), '… which is heard');
$ticket = $node->sql(q{SELECT oms.open_ticket('total')});
ok($node->becomes(statuses($ticket), 'opened, a queued, breached'), 'the clock of a whole ticket');

# ---- holds ----

$ticket = $node->sql(q{SELECT oms.open_ticket('slow')});
# in one transaction, so that neither ends before the other has begun
$node->sql("SELECT oms.hold('$ticket', 'a', 'tea', clock_timestamp() + '300 milliseconds'),
	oms.hold('$ticket', NULL, 'court', clock_timestamp() + '600 milliseconds')");
ok($node->becomes("SELECT status FROM oms.ticket WHERE ticket_id = '$ticket'", 'open'), 'a hold of a ticket ends by itself');
ok($node->becomes(statuses($ticket), 'opened, a queued, b queued, a on_hold, ticket_held, a on_hold, b on_hold, '
	. 'a hold_lifted, ticket_resumed, a resumed, b resumed'), '… after that of the stage, which changed nothing yet')
	or diag $node->sql(statuses($ticket));
is($node->sql("SELECT bool_and(lifted_at = until) FROM oms.hold WHERE ticket_id = '$ticket'"), 't', '… each at its moment');
is($node->sql(qq{SELECT extract(epoch FROM s.due_at - h.until) FROM oms.stage AS s JOIN oms.hold AS h USING (ticket_id)
	WHERE s.ticket_id = '$ticket' AND s.stage = 'a' AND h.stage_no = 0}) < 3600, 1, '… from which the clock runs on');

# ---- calendars ----

my $due = $node->sql("SELECT due_at FROM oms.stage WHERE ticket_id = '$ticket' AND stage = 'a'");
my $session = $node->session;
$session->query('BEGIN');
$session->query("SELECT oms.comment('$ticket', 'this takes long')");
$node->sql(q{SELECT oms.create_calendar('always', jsonb_set(definition, '{holidays}', to_jsonb(ARRAY[
	(clock_timestamp() AT TIME ZONE 'UTC')::date, (clock_timestamp() AT TIME ZONE 'UTC')::date + 1])))
	FROM oms.calendar WHERE name = 'always'});
is($node->sql("SELECT due_at = '$due' FROM oms.stage WHERE ticket_id = '$ticket' AND stage = 'a'"), 't',
	'a ticket that is locked keeps nobody who changes a calendar waiting');
$session->query('COMMIT');
$node->sql('SELECT oms.tick()');
is($node->sql("SELECT due_at > '$due'::timestamptz + '23 hours' FROM oms.stage WHERE ticket_id = '$ticket' AND stage = 'a'"), 't',
	'… and is swept up');
is($node->sql("SELECT count(*) FROM oms.timeline WHERE ticket_id = '$ticket' AND status = 'clock_changed'"), 2,
	'… with its own clock, with an event each');
is($node->sql('SELECT count(*) FROM oms.calendar WHERE left_by IS NOT NULL'), 0, '… after which nothing is left to do');
$session->quit;

is($node->sql('SELECT count(*) FROM oms.verify_timeline()'), 0, 'all chains are whole');
$listener->quit;
$node->stop;
done_testing();
