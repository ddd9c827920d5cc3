# Stages that nobody claims, and the worker: a moment that falls due while the server is down, and messages that were
# kept since the ticket was busy.
use strict;
use warnings FATAL => 'all';

use OmsNode;
use Test::More;

my $node = OmsNode->make('awaiting');
$node->worker_up;

$node->sql(q{
	SELECT oms.create_workflow('{"name": "dated", "stages": [{"id": "a", "owner": "Desk", "startAt": "$.on", "slaMins": 60}]}');
	SELECT oms.create_workflow('{"name": "paid", "stages": [{"id": "a", "waitFor": {"message": "payment", "key": "$.k"}},
		{"id": "b", "owner": "Desk", "dependsOn": ["a"]}]}')});

sub status
{
	my ($ticket) = @_;
	return "SELECT status FROM oms.stage WHERE ticket_id = '$ticket' AND stage = 'a'";
}

# ---- a moment ----

my $soon = $node->sql(q{SELECT oms.open_ticket('dated', jsonb_build_object('on', clock_timestamp() + '500 milliseconds'))});
ok($node->becomes(status($soon), 'queued'), 'a moment comes by itself');

my $later = $node->sql(q{SELECT oms.open_ticket('dated', jsonb_build_object('on', clock_timestamp() + '1 second'))});
is($node->sql(status($later)), 'awaiting', 'another is awaited');
$node->stop;
$node->start;
$node->worker_up;
ok($node->becomes(status($later), 'queued'), 'one that came while the server was down is made up for');
is($node->sql("SELECT s.queued_at = (k.data ->> 'on')::timestamptz AND s.running_since = s.queued_at
	FROM oms.stage AS s JOIN oms.ticket AS k USING (ticket_id) WHERE s.ticket_id = '$later'"), 't', '... and its clock runs from then on');

# ---- a message ----

my $ticket = $node->sql(q{SELECT oms.open_ticket('paid', '{"k": "A"}')});
my $session = $node->session;
$session->query('BEGIN');
$session->query("SELECT oms.comment('$ticket', 'this takes long')");
is($node->sql(q{SELECT oms.send_message('payment', 'A', '{"n": 1}')}), 0, 'a message for a busy ticket is kept');
is($node->sql(status($ticket)), 'awaiting', '... which nobody waits for');
$session->query('COMMIT');
ok($node->becomes(status($ticket), 'done'), '... and delivered by the worker when the ticket is free');
is($node->sql('SELECT count(*) FROM oms.message'), 0, '... once');

# a stage that begins to wait while somebody sends
$ticket = $node->sql(q{SELECT oms.open_ticket('paid', '{"k": "C"}')});
$session->query('BEGIN');
$session->query(q{SELECT oms.send_message('payment', 'B', '{"n": 2}')});
$ticket = $node->sql(q{SELECT oms.open_ticket('paid', '{"k": "B"}')});
is($node->sql(status($ticket)), 'awaiting', 'what is sent and not committed cannot be taken');
$session->query('COMMIT');
ok($node->becomes(status($ticket), 'done'), '... but then');

# ---- all at once ----

$node->sql(q{SELECT count(oms.open_ticket('paid', '{"k": "D"}')) FROM generate_series(1, 20)});
my @senders = map { $node->session } 1 .. 8;
foreach my $round (1 .. 4)
{
	$_->start(q{SELECT oms.send_message('payment', 'D', '{"n": 3}')}) foreach @senders;
	$_->finish foreach @senders;
}
ok($node->becomes(q{SELECT count(*) FILTER (WHERE s.status = 'done') FROM oms.stage AS s JOIN oms.ticket AS k USING (ticket_id)
	WHERE s.stage = 'a' AND k.data ->> 'k' = 'D'}, 20), 'eight senders finish each stage');
is($node->sql(q{SELECT count(*) FROM oms.message WHERE key = 'D'}), 12, '... by one message each, and the others are kept');
is($node->sql('SELECT count(*) FROM oms.check()'), 0, 'check() finds nothing');

done_testing();
