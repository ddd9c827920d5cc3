# Stages that nobody claims, and the worker: a moment that falls due while the server is down, messages that were kept since
# the ticket was busy, and what becomes of all of them when the server crashes in between.
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

# ---- and the server crashes in between ----

# 400 messages for 320 stages, ten for the eight with one key, each sent by two of eight senders, who note what was acknowledged
# and send the rest again after a crash. Some stages wait before, some begin meanwhile, and one session keeps tickets busy.
$node->sql(q{
	CREATE TABLE acknowledged (id int PRIMARY KEY);
	CREATE TABLE job (n int PRIMARY KEY, ticket oms.ticket_id);
	CREATE PROCEDURE open_jobs(upto int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN (SELECT count(*) + 1 FROM job) .. upto LOOP
			INSERT INTO job VALUES (i, oms.open_ticket('paid', jsonb_build_object('k', 'crash ' || i % 40)));
			COMMIT;
		END LOOP;
	END $$;
	CREATE PROCEDURE send_all(sender int) LANGUAGE plpgsql AS $$
	DECLARE
		id int;
	BEGIN
		FOR id IN SELECT n FROM generate_series(1, 400) AS n WHERE n % 8 IN (sender, (sender + 1) % 8)
			AND NOT EXISTS (SELECT FROM acknowledged AS a WHERE a.id = n) ORDER BY random() LOOP
			PERFORM oms.send_message('payment', 'crash ' || id % 40, jsonb_build_object('id', id), 'crash ' || id);
			COMMIT;
			INSERT INTO acknowledged VALUES (id) ON CONFLICT DO NOTHING;
			COMMIT;
		END LOOP;
	END $$;
	CREATE PROCEDURE keep_busy() LANGUAGE plpgsql AS $$
	BEGIN
		LOOP
			PERFORM oms.comment(ticket, 'busy') FROM job ORDER BY random() LIMIT 20;
			PERFORM pg_sleep(0.002);
			COMMIT;
		END LOOP;
	END $$;
	CALL open_jobs(100)});
my $killed = 0;
foreach my $known (30, 120, 220)
{
	my @crowd = map { $node->session } 0 .. 9;
	my @pids = map { $_->query('SELECT pg_backend_pid()') } @crowd;
	$crowd[$_]->start("CALL send_all($_)") foreach 0 .. 7;
	$crowd[8]->start('CALL open_jobs(320)');
	$crowd[9]->start('CALL keep_busy()');
	$node->becomes("SELECT count(*) >= $known FROM acknowledged", 't');
	$node->crash($pids[ $known % 8 ]);
	$killed++;
	$_->quit foreach @crowd;
	$node->worker_up;
}
is($killed, 3, 'the server crashed three times while eight sent');
$node->sql('CALL open_jobs(320)');
$node->sql("CALL send_all($_)") foreach 0 .. 7;
my $done = q{SELECT count(*) FROM job AS j JOIN oms.stage AS s ON s.ticket_id = j.ticket WHERE s.stage = 'a' AND s.status = 'done'};
ok($node->becomes($done, 320), '... and every stage got a message');
is($node->sql(q{SELECT count(*), count(DISTINCT id) FROM (
	SELECT (s.output ->> 'id')::int AS id FROM job AS j JOIN oms.stage AS s ON s.ticket_id = j.ticket WHERE s.stage = 'a'
	UNION ALL SELECT (m.payload ->> 'id')::int FROM oms.message AS m WHERE m.key ~ '^crash') AS x}), '400|400',
	'... each message came once or is kept: none twice, none lost');
is($node->sql(q{SELECT count(*) FROM job AS j JOIN oms.timeline AS e ON e.ticket_id = j.ticket WHERE e.stage = 'a' AND e.status = 'done'}), 320,
	'... and each stage was done once');
is($node->sql(q{SELECT count(*) FROM job AS j JOIN oms.stage AS s ON s.ticket_id = j.ticket JOIN oms.ticket AS k ON k.ticket_id = j.ticket
	WHERE s.stage = 'a' AND k.data ->> 'k' <> 'crash ' || (s.output ->> 'id')::int % 40}), 0, '... by a message with its key');
is($node->sql('SELECT count(*) FROM oms.check()'), 0, '... check() finds nothing');
is($node->sql('SELECT count(*) FROM oms.verify_timeline()'), 0, '... and every chain is whole');

# ---- many that were kept ----

# One transaction has a thousand messages to itself at most; the worker looks at the others, a few at a time between its timers.
$node->sql(q{SELECT count(oms.send_message('payment', 'many ' || n)) FROM generate_series(1, 1500) AS n});
my $pending = q{SELECT count(*) FROM oms.kept_message WHERE key ~ '^many' AND pending};
ok($node->becomes($pending, 0), 'many messages that were kept are looked at');
is($node->sql(q{SELECT count(*) FROM oms.message WHERE key ~ '^many'}), 1500, '... and kept, as nobody waits for them');
is($node->sql(q{SELECT max(n) FROM (SELECT count(*) AS n FROM oms.kept_message WHERE key ~ '^many' GROUP BY xmin::text) AS x WHERE n <> 1000}), 20,
	'... a few with each transaction, so that timers come in between');
$ticket = $node->sql(q{SELECT oms.open_ticket('paid', '{"k": "many 1400"}')});
is($node->sql(status($ticket)), 'done', '... and whoever waits for one has it at once');

done_testing();
