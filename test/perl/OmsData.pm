# OmsData: a database full of work, and questions about it, for the tests of dump, upgrade and copies.
package OmsData;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use File::Path qw(make_path);
use OmsNode;
use OmsServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(oms_installation oms_node oms_database oms_fill oms_content oms_rights oms_has same_content whole guarded
  work_goes_on sql_like log_lacks);

# The data set is made at this time; work goes on at the later one.
our $then = '2026-03-02 14:00:00+00';
our $later = '2026-03-03 09:00:00+00';

# PostgreSQL's programs find their files relative to themselves: links to the few that are needed are an
# installation, into which anything can be put.  Returns its folder, and that of the extensions.
sub oms_installation
{
	my %is = map { my $dir = `pg_config --$_`; chomp $dir; $_ => $dir } qw(bindir pkglibdir sharedir);
	my $top = $is{bindir};
	$top = dirname($top) until !grep { index("$_/", "$top/") } values %is;
	my $to = PostgreSQL::Test::Utils::tempdir() . '/pg';
	my $place = sub { my ($dir) = @_; return $to . substr($dir, length $top) };

	make_path($place->($is{bindir}), map { dirname($place->($_)) } @is{qw(pkglibdir sharedir)});
	foreach my $copy (
		(map { [ "$is{bindir}/$_", $place->("$is{bindir}/$_") ] } qw(postgres initdb pg_ctl pg_config psql pg_dump pg_restore)),
		map { [ $_, $place->($_) ] } @is{qw(pkglibdir sharedir)})
	{
		system('cp', '-al', @$copy) == 0 || system('cp', '-a', @$copy) == 0 or die "cannot copy @$copy" if -e $copy->[0];
	}
	return (dirname($place->($is{bindir})), $place->("$is{sharedir}/extension"));
}

# A server with the tests' settings and those given.
sub oms_node
{
	my ($name, %how) = @_;
	return oms_server(OmsDataNode->new($name, %{ $how{new} // {} }), %how);
}

sub oms_database
{
	my ($node, $db) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION oms');
	return $db;
}

# Is there such a function, by its name?
sub oms_has
{
	my ($node, $db, $name) = @_;
	return $node->safe_psql($db,
		"SELECT count(*) > 0 FROM pg_proc WHERE pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND proname = '$name'") eq 't';
}

# About 60 tickets of four workflows in every state, and an application's own objects beside them.
sub oms_fill
{
	my ($node, $db) = @_;

	$node->safe_psql($db, <<"SQL");
SET oms.now = '$then';
SELECT oms.create_calendar('office', '{"timezone": "America/New_York", "hours": {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"]}}');
SELECT oms.create_workflow('{"name": "DisasterLoan", "prefix": "DL", "stages": [
	{"id": "id_check", "owner": "IRS_Bot", "slaMins": 5},
	{"id": "fund", "owner": "Treasury_Bot", "slaMins": 60, "dependsOn": ["id_check"]}]}');
SELECT oms.open_ticket('DisasterLoan', '{"amount": 1}', 'version 1');
SELECT oms.create_workflow('{"name": "DisasterLoan", "prefix": "DL", "owner": "SBA", "stages": [
	{"id": "id_check", "owner": "IRS_Bot", "slaMins": 5},
	{"id": "risk_ai", "owner": "RiskAI", "slaMins": 15, "dependsOn": ["id_check"],
		"label": "Risk \\u00fc \\"quoted\\" \\\\ back", "publicOwner": "The Office"},
	{"id": "underwrite", "owner": "SBA_Team", "slaMins": 240, "dependsOn": ["risk_ai"], "minAmount": 50000},
	{"id": "fund", "owner": "Treasury_Bot", "slaMins": 60, "dependsOn": ["underwrite"]}]}');
SELECT oms.create_workflow(jsonb_build_object('name', 'Fan out', 'stages',
	'[{"id": "start", "owner": "Fan_Bot"}]'::jsonb
	|| (SELECT jsonb_agg(jsonb_build_object('id', 'part ' || i, 'owner', 'Part_Bot', 'slaMins', 30,
		'dependsOn', '["start"]'::jsonb) ORDER BY i) FROM generate_series(1, 12) AS i)
	|| jsonb_build_object('id', 'end', 'owner', 'Fan_Bot', 'dependsOn',
		(SELECT jsonb_agg('part ' || i ORDER BY i) FROM generate_series(1, 12) AS i))));
SELECT oms.create_workflow('{"name": "Choice", "stages": [
	{"id": "look", "owner": "Eye", "retry": {"maxAttempts": 2, "backoffSecs": 600}},
	{"id": "audit", "owner": "Auditor", "dependsOn": ["look"], "when": "\$stages.look.score > 50"},
	{"id": "left", "owner": "Hand", "when": "\$.side == \\"left\\"", "dependsOn": ["look"]},
	{"id": "right", "owner": "Hand", "when": "\$.side == \\"right\\"", "dependsOn": ["look"]},
	{"id": "last", "owner": "Hand", "dependsOn": ["audit", "left", "right"], "join": "any"},
	{"id": "extra", "owner": "Hand", "manual": true}]}');
SELECT oms.create_workflow('{"name": "Waits", "prefix": "WT", "stages": [
	{"id": "paid", "waitFor": {"message": "payment", "key": "\$.invoice"}, "dueAt": "\$.by", "warnAt": [50],
		"escalation": [{"at": "100%", "finishWith": {"paid": 0}}]},
	{"id": "hearing", "owner": "Hand", "dependsOn": ["paid"], "startAt": "\$.hearing",
		"sla": [{"when": "\$.urgent == true", "mins": 60}, {"days": 2}], "calendar": "office"}]}');
SELECT oms.create_workflow('{"name": "Old", "prefix": "OLD", "stages": [{"id": "only", "owner": "Eye"}]}');
SELECT oms.open_ticket('Old');
SELECT oms.retire_workflow('Old');

CREATE SCHEMA app;
CREATE TABLE app.loan (n int PRIMARY KEY, ticket oms.ticket_id UNIQUE);
CREATE INDEX ON app.loan USING hash (ticket);
CREATE VIEW app.loans AS SELECT l.n, t.status, t.data FROM app.loan AS l JOIN oms.ticket AS t ON t.ticket_id = l.ticket;

-- Loans, some with payloads that do not fit into a row and cannot be compressed much
INSERT INTO app.loan SELECT i, oms.open_ticket('DisasterLoan',
	jsonb_build_object('name', E'O''Hara "the \\t tab" \\\\N \\n \\\\. %s \$1 ü €', 'amount', i * 5000)
	|| CASE WHEN i % 10 = 0 THEN jsonb_build_object('scan', (SELECT string_agg(md5(i || '-' || k), '')
		FROM generate_series(1, 5000) AS k)) ELSE '{}' END,
	'loan-' || i, i % 3, 'person-' || i % 7) FROM generate_series(1, 30) AS i;
SELECT oms.open_tickets('Fan out', array_agg(jsonb_build_object('i', i))) FROM generate_series(1, 6) AS i;
SELECT oms.open_ticket('Choice', jsonb_build_object('side', CASE i % 3 WHEN 0 THEN 'left' WHEN 1 THEN 'right' END),
	'choice ' || i) FROM generate_series(1, 20) AS i;

-- Waiting for a message, also on hold; with one that came, by name or from what was kept; one that nobody waits for
CREATE TABLE app.wait AS SELECT i AS n, oms.open_ticket('Waits', jsonb_build_object('invoice', 'W-' || i, 'by', '2026-03-20',
	'urgent', i = 3, 'hearing', CASE WHEN i = 3 THEN '2026-03-04T10:00' END)) AS ticket FROM generate_series(1, 3) AS i;
SELECT oms.hold(ticket, 'paid', 'a question'), oms.send_message('payment', 'W-2', '{"paid": 2}', 'sent-2') FROM app.wait WHERE n = 2;
SELECT oms.send_message('payment', 'W-3', '{"paid": 3}', 'sent-3'), oms.send_message('payment', 'W-4', '{"paid": 4}', 'sent-4');

-- Two that are closed before all others, for the archive
INSERT INTO app.loan SELECT i, oms.open_ticket('DisasterLoan', jsonb_build_object('amount', 1000, 'scan',
	(SELECT string_agg(md5(i || '-' || k), '') FROM generate_series(1, 2000) AS k)), 'loan-' || i, i % 3, 'person-' || i % 7)
	FROM generate_series(31, 32) AS i;
SET oms.now = '2026-03-02 14:01:00+00';
SELECT oms.hold(ticket, 'id_check', 'a question'), oms.resume(ticket, 'id_check'), oms.cancel_ticket(ticket, 'a test')
	FROM app.loan WHERE n = 31;
SELECT oms.stage_done(ticket, 'id_check', '{"ok": true}'), oms.send_back(ticket, 'risk_ai', 'id_check', 'once more'),
	oms.stage_done(ticket, 'id_check'), oms.stage_done(ticket, 'risk_ai'), oms.stage_done(ticket, 'fund')
	FROM app.loan WHERE n = 32;
-- Checked loans go on; some to the end
SET oms.now = '2026-03-02 14:03:00+00';
SELECT oms.stage_done(ticket, stage, '{"match": true}', token) FROM oms.claim('IRS_Bot', 'irs-1', 18);
SET oms.now = '2026-03-02 14:04:00+00';
SELECT oms.stage_done(ticket, stage, jsonb_build_object('report',
	(SELECT string_agg(md5(ticket::text || k), '') FROM generate_series(1, 3000) AS k)), token)
	FROM oms.claim('RiskAI', 'risk', 12);
SELECT oms.stage_done(ticket, stage, '{}', token) FROM oms.claim('Treasury_Bot', 't-1', 4);
SELECT oms.claim_stage(ticket_id, stage, 'Ann') FROM oms.stage WHERE owner = 'SBA_Team' AND status = 'queued' LIMIT 2;
SELECT oms.skip_stage(ticket_id, stage, 'known person') FROM oms.stage
	WHERE owner = 'SBA_Team' AND status = 'queued' LIMIT 1;
-- Held with leases: a short one that runs out, long ones that stay, one given back
SELECT FROM oms.claim('IRS_Bot', 'dies', 1, '1 minute');
SELECT FROM oms.claim('IRS_Bot', 'irs-2', 3, '2 days');
SELECT oms.heartbeat(ticket, stage, token, '3 days') FROM oms.claim('IRS_Bot', 'irs-3', 1);
SELECT oms.release(ticket, stage, 'wrong desk') FROM oms.claim('IRS_Bot', 'irs-4', 1);
-- The fans: one done, some halfway
SELECT oms.stage_done(ticket, stage, '{}', token) FROM oms.claim('Fan_Bot', 'f', 4);
SELECT oms.stages_done(jsonb_agg(jsonb_build_object('ticket', ticket::text, 'stage', stage, 'token', token)))
	FROM oms.claim('Part_Bot', 'p', 30);
SELECT oms.stage_done(ticket, stage, '{}', token) FROM oms.claim('Fan_Bot', 'f', 1);
SELECT FROM oms.claim('Part_Bot', 'p', 2, '10 days');
-- The choices: outputs of either kind, back-off, failures
SELECT oms.stage_done(ticket, stage, jsonb_build_object('score', 10 * n), token)
	FROM oms.claim('Eye', 'e', 10) WITH ORDINALITY AS c (ticket, stage, attempt, token, w, d, i, due, lease, n)
	WHERE stage = 'look';
SELECT oms.stage_failed(ticket, stage, E'no light:\\n"dark" \\\\', token) FROM oms.claim('Eye', 'e', 3);
SELECT oms.stage_failed(ticket, stage, 'broken', token, false) FROM oms.claim('Eye', 'e', 2);
SELECT oms.stage_done(ticket, stage, '{}', token) FROM oms.claim('Hand', 'h', 3);
SELECT oms.stage_failed(ticket, stage, 'cannot', token, false) FROM oms.claim('Hand', 'h', 1);
-- People
SELECT oms.cancel_ticket(ticket, 'moved away') FROM app.loan WHERE n IN (27, 30);
SELECT oms.comment(ticket, repeat(E'a long note \\t\\n', 9000), 'id_check'), oms.comment(ticket, 'hello', public => true)
	FROM app.loan WHERE n IN (1, 3);
SELECT oms.escalate(ticket, 'id_check', 'slow'), oms.escalate(ticket, 'id_check', 'slower', 'IRS_Desk')
	FROM app.loan WHERE n IN (21, 24);
UPDATE oms.ticket SET priority = 9 WHERE ticket_id = (SELECT ticket FROM app.loan WHERE n = 5);
-- Breaches, and the lease that ran out
SET oms.now = '2026-03-02 14:06:00+00';
SELECT oms.tick();
SET oms.now = '2026-03-02 16:00:00+00';
SELECT oms.tick();
SELECT oms.retry_stage(ticket_id, stage, 'lamp repaired') FROM oms.stage WHERE owner = 'Eye' AND status = 'failed' LIMIT 1;
SELECT FROM oms.claim('RiskAI', 'risk', 2, '30 days');
-- Waits for its pause
SELECT oms.stage_failed(ticket, stage, 'try later', token) FROM oms.claim('Hand', 'h', 1);
ANALYZE;
SQL

	# Somebody who is no superuser
	$node->safe_psql($db, <<'SQL');
DO $$ BEGIN
	IF to_regrole('oms_reader') IS NULL THEN CREATE ROLE oms_reader LOGIN; CREATE ROLE oms_clerk LOGIN; END IF;
END $$;
GRANT USAGE ON SCHEMA oms TO oms_reader;
GRANT USAGE ON TYPE oms.ticket_id TO oms_reader;
GRANT SELECT ON oms.ticket TO oms_reader;
GRANT EXECUTE ON FUNCTION oms.version() TO oms_reader WITH GRANT OPTION;
SQL
	$node->safe_psql($db, "SELECT oms.grant_access('oms_clerk', 'staff')") if oms_has($node, $db, 'grant_access');
	$node->safe_psql($db, 'SELECT oms.seal()') if oms_has($node, $db, 'seal');
	$node->safe_psql($db, "SELECT oms.set_retention('10 years', 'Old')");
	is($node->safe_psql($db, "SELECT oms.archive('2026-03-02 14:02+00')"), '2', 'some tickets are archived');

	# The point of it all: every state is there.
	is( $node->safe_psql($db,
			"SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM oms.stage WHERE status <> 'on_hold'"),
		'awaiting cancelled done failed in_progress queued skipped waiting', 'the data has stages in every state');
	is( $node->safe_psql($db,
			"SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM oms.ticket WHERE status <> 'on_hold'"),
		'cancelled done failed open', '… and tickets');
	is( $node->safe_psql($db, "SELECT count(*) FILTER (WHERE breached_at IS NOT NULL) > 5,
			count(*) FILTER (WHERE lease_until > '2026-03-02 16:00+00') > 5,
			count(*) FILTER (WHERE status = 'queued' AND ready_at > '2026-03-02 16:00+00') > 0,
			count(*) FILTER (WHERE attempt > 1) > 1, count(*) FILTER (WHERE level > 1) > 1,
			(SELECT pg_relation_size(reltoastrelid) > 100000 FROM pg_class WHERE oid = 'oms.timeline'::regclass)
			FROM oms.stage"),
		't|t|t|t|t|t', '… with breaches, leases, pauses, attempts, escalations and large payloads');
}

# Everything that a copy must have: tables that pg_dump takes along, the application's, and sequences unless
# it is only about rows.
sub oms_content
{
	my ($node, $db, $rows) = @_;
	my $tables = $node->safe_psql($db, q{
		SELECT c.oid::regclass, c.relkind
		FROM pg_extension AS e, unnest(e.extconfig) AS t (oid) JOIN pg_class AS c ON c.oid = t.oid
		WHERE e.extname = 'oms'
		UNION SELECT oid::regclass, relkind FROM pg_class
			WHERE relnamespace = to_regnamespace('app') AND relkind IN ('r', 'v')
		ORDER BY 1});
	my $sql = join ' UNION ALL ', map {
		my ($table, $kind) = split /\|/;
		$kind eq 'S'
		  ? "SELECT '$table', last_value::text, is_called::text FROM $table"
		  : "SELECT '$table', count(*)::text, md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\")) FROM $table AS t"
	} grep { !$rows || !/\|S$/ } split /\n/, $tables;
	# the parts of a UNION come in any order, of parallel workers for instance
	return $node->safe_psql($db, "SET timezone = 'UTC'; SELECT * FROM ($sql) AS x (name, rows, content) ORDER BY name COLLATE \"C\"");
}

# Every right that somebody has on the schema and its objects, other than its owner.
sub oms_rights
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, q{
		SELECT o.name, a.grantee::regrole::text AS grantee, a.privilege_type, a.is_grantable
		FROM (SELECT oid::regprocedure::text, proacl, proowner, 'f'::"char" FROM pg_proc WHERE pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
			UNION ALL SELECT oid::regclass::text, relacl, relowner, CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char"
				FROM pg_class WHERE relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND relkind IN ('r', 'v', 'S', 'p', 'm')
			UNION ALL SELECT typname::text, typacl, typowner, 'T' FROM pg_type WHERE oid = 'oms.ticket_id'::regtype
			UNION ALL SELECT nspname::text, nspacl, nspowner, 'n' FROM pg_namespace WHERE nspname IN ('oms', 'oms_internal'))
			AS o (name, acl, owner, kind),
			aclexplode(COALESCE(o.acl, acldefault(o.kind, o.owner))) AS a
		WHERE a.grantee <> o.owner
		ORDER BY 1, 2, 3});
}

sub same_content
{
	my ($node, $db, $expected, $name, $rows) = @_;
	is(oms_content($node, $db, $rows), $expected, "$name: equal content");
}

# Chains are whole and nothing contradicts: said without the engine, and by oms.check() where there is one.
sub whole
{
	my ($node, $db, $name) = @_;
	is($node->safe_psql($db, 'SELECT * FROM oms.verify_timeline()'), '', "$name: every chain is whole");
	is($node->safe_psql($db, <<'SQL'), '', "$name: nothing contradicts");
SELECT 'not gapless', ticket_id::text FROM oms.timeline GROUP BY ticket_id
	HAVING min(seq) <> 1 OR max(seq) <> count(*)
UNION ALL SELECT 'another end', t.ticket_id::text FROM oms.ticket_state AS t
	WHERE NOT EXISTS (SELECT FROM oms.timeline AS e WHERE e.ticket_id = t.ticket_id AND e.seq = t.seq AND e.hash = t.head)
	OR EXISTS (SELECT FROM oms.timeline AS e WHERE e.ticket_id = t.ticket_id AND e.seq > t.seq)
UNION ALL SELECT 'events of nothing', ticket_id::text FROM oms.timeline
	WHERE ticket_id NOT IN (SELECT ticket_id FROM oms.ticket_state)
UNION ALL SELECT 'stage of nothing', s.ticket_id::text FROM oms.stage_state AS s
	LEFT JOIN oms.ticket_state AS t USING (ticket_id)
	LEFT JOIN oms.workflow_stage AS w USING (workflow_id, stage_no) WHERE w.stage IS NULL
UNION ALL SELECT 'wrong count', t.ticket_id::text FROM oms.ticket_state AS t
	LEFT JOIN oms.stage_state AS s USING (ticket_id)
	GROUP BY t.ticket_id HAVING n_active <> count(*) FILTER (WHERE s.status IN ('a', 'q', 'p', 'h'))
	OR n_failed <> count(*) FILTER (WHERE s.status = 'f')
UNION ALL SELECT 'status', s.ticket_id || ' ' || s.stage FROM oms.stage AS s
	CROSS JOIN LATERAL (SELECT e.status FROM oms.timeline AS e
		WHERE e.ticket_id = s.ticket_id AND e.stage = s.stage AND e.status IN ('queued', 'in_progress', 'released',
			'lease_expired', 'retry', 'reassigned', 'done', 'skipped', 'failed')
		ORDER BY e.seq DESC LIMIT 1) AS e
	WHERE (s.status = 'done') <> (e.status = 'done') OR (s.status = 'skipped') <> (e.status = 'skipped')
	OR (s.status = 'in_progress') <> (e.status = 'in_progress') AND s.status <> 'cancelled'
UNION ALL SELECT 'key of nothing', key FROM oms.idempotency
	WHERE ticket_id NOT IN (SELECT ticket_id FROM oms.ticket_state UNION ALL SELECT ticket_id FROM oms.ticket_state_archive)
UNION ALL SELECT 'number to come', ticket_id::text FROM oms.ticket_state
	WHERE regexp_replace(ticket_id::text, '.*-', '')::bigint > (SELECT last_value FROM oms.ticket_number)
UNION ALL SELECT 'workflow to come', workflow_id::text FROM oms.workflow
	WHERE workflow_id > (SELECT last_value FROM oms.workflow_number)
SQL
	# but that oms_reader was given rights by hand
	is($node->safe_psql($db, q{SELECT * FROM oms.check() AS c WHERE (c.kind, c.detail) IS DISTINCT FROM ('journal', 'level oms_reader: the journal does not know of it')}),
		'', "$name: oms.check() has nothing to say")
	  if oms_has($node, $db, 'check');
}

# The guards are what the install script made them.
sub guarded
{
	my ($node, $db, $name) = @_;
	my $wrong = $node->safe_psql($db, q{
		SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
		WHERE tgfoid = 'oms.guard'::regproc AND tgenabled <> 'A' ORDER BY 1, 2});
	is($wrong, '', "$name: guards are ENABLE ALWAYS");
	sql_like($node, $db, 'SET session_replication_role = replica; DELETE FROM oms.timeline', qr/^ERROR:  OM009/m,
		"$name: the timeline stays");
}

# Run SQL that must fail; the errors look like this.
sub sql_like
{
	my ($node, $db, $sql, $pattern, $name) = @_;
	my ($status, $out, $err) = $node->psql($db, $sql, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	$err =~ s/^psql:<stdin>:\d+: //mg;
	isnt($status, 0, "$name: fails");
	like($err, $pattern, $name);
}

# The log has no line like this; if it has, only those are shown.
sub log_lacks
{
	my ($node, $pattern, $name) = @_;
	is(join('', grep { /$pattern/ } split /^/, slurp_file($node->logfile)), '', $name);
}

# Holders still hold, queues are still queues, numbers go on: work all of it to the end.
sub work_goes_on
{
	my ($node, $db, $name) = @_;
	my $before = $node->safe_psql($db, 'SELECT max(regexp_replace(ticket_id::text, $$.*-$$, $$$$)::bigint) FROM oms.ticket_state');
	my $out = $node->safe_psql($db, <<"SQL");
SET oms.now = '$later';
SELECT 'key', bool_and(oms.open_ticket('DisasterLoan', t.data, 'loan-' || l.n, l.n % 3, 'person-' || l.n % 7) = l.ticket)
	FROM app.loan AS l JOIN (SELECT ticket_id, data FROM oms.ticket UNION ALL SELECT ticket_id, data FROM oms.archived_ticket) AS t
	ON t.ticket_id = l.ticket;
SELECT 'number', regexp_replace(oms.open_ticket('DisasterLoan', '{"amount": 80000}', 'new key')::text, '.*-', '')::bigint > $before;
SELECT 'lease', count(oms.heartbeat(s.ticket_id, s.stage, t.token, '4 days')) > 5
	FROM oms.stage AS s JOIN oms.stage_state AS t USING (ticket_id, stage_no)
	WHERE s.status = 'in_progress' AND s.lease_until > '$later';
SELECT 'fresh', count(oms.stage_done(ticket, stage, '{}', token)) = 1 FROM oms.claim('IRS_Bot', 'fresh', 1);
SELECT 'held', count(oms.stage_done(s.ticket_id, s.stage, '{"score": 70}', t.token)) > 5
	FROM oms.stage AS s JOIN oms.stage_state AS t USING (ticket_id, stage_no) WHERE s.status = 'in_progress';
SELECT 'message', oms.send_message('payment', 'W-1', '{"paid": 1}', 'sent-1'), oms.send_message('payment', 'W-3', '{"paid": 3}', 'sent-3'),
	(SELECT count(*) FROM oms.message);
SELECT 'kept', (SELECT oms.resume(ticket, 'paid') FROM app.wait WHERE n = 2),
	oms.get_ticket(oms.open_ticket('Waits', '{"invoice": "W-4"}')) #>> '{stages,0,output}';
SELECT 'left', count(*) FROM oms.message;
SELECT 'moment', count(oms.start_stage(ticket_id, stage)) FROM oms.stage WHERE status = 'awaiting';
SELECT 'failed', count(oms.skip_stage(ticket_id, stage, 'never mind')) > 0 FROM oms.stage WHERE status = 'failed';
DO \$\$
DECLARE
	rounds int := 0;
	did int := 1;
BEGIN
	WHILE did > 0 AND rounds < 20 LOOP
		SELECT count(oms.stage_done(c.ticket, c.stage, '{"score": 70}', c.token)) INTO did
		FROM (SELECT DISTINCT owner FROM oms.stage WHERE status = 'queued') AS o, oms.claim(o.owner, 'w', 1000) AS c;
		rounds := rounds + 1;
	END LOOP;
END \$\$;
SELECT 'end', string_agg(DISTINCT status, ' ' ORDER BY status) FROM oms.ticket;
SQL
	is($out, "key|t\nnumber|t\nlease|t\nfresh|t\nheld|t\nmessage|1|0|2\nkept|done|{\"paid\": 4}\nleft|0\nmoment|1\nfailed|t\nend|cancelled done", "$name: work goes on to its end");
	whole($node, $db, "$name, then");
}

# A server that is asked much: without a process for each question.  Programs of the server find nobody connected.
package OmsDataNode;

our @ISA = ('OmsNode');

sub safe_psql
{
	my ($self, $db, $sql, %how) = @_;
	return %how ? $self->SUPER::safe_psql($db, $sql, %how) : $self->sql($sql, $db);
}

sub poll_query_until
{
	my ($self, $db, $sql, $expected) = @_;
	return defined $self->becomes($sql, $expected, $PostgreSQL::Test::Utils::timeout_default, $db);
}

foreach my $method (qw(command_ok command_fails command_like command_fails_like command_checks_all background_psql))
{
	no strict 'refs';
	*$method = sub {
		my ($self, @how) = @_;
		my $run = PostgreSQL::Test::Cluster->can($method);

		local $Test::Builder::Level = $Test::Builder::Level + 1;
		$self->forget_sessions;
		return $self->$run(@how);
	};
}

1;
