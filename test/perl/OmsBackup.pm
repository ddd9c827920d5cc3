# OmsBackup: a server that is backed up, lost, restored and set to work, by the commands of docs/operation/backup.md.
package OmsBackup;

use strict;
use warnings FATAL => 'all';

use OmsData;
use OmsDocument;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $db = 'work';

sub new
{
	my ($class, $doc, $way, %how) = @_;
	# What activate() says of the secret depends on the way.
	my $self = bless { doc => $doc, way => $way, env => { PGOPTIONS => '-c client_min_messages=warning' } }, $class;

	$self->{node} = oms_node($way, init => { allows_streaming => 1 }, conf => $how{conf});
	$self->{backup} = PostgreSQL::Test::Utils::tempdir();
	oms_database($self->{node}, $db);
	# From the next start on: the work is dated in the past.
	$self->{node}->append_conf('postgresql.conf', 'oms.worker = on');
	return $self;
}

sub node { return $_[0]->{node} }

# Data to be kept: it is dated in the past, so its timers are overdue, but no worker is there yet.
sub work
{
	my ($self) = @_;
	oms_fill($self->{node}, $db);
	# The page says that check() finds nothing, and it would find rights that were given by hand.
	$self->ask('REVOKE ALL ON oms.ticket FROM oms_reader; REVOKE ALL ON FUNCTION oms.version() FROM oms_reader;
		REVOKE ALL ON TYPE oms.ticket_id FROM oms_reader; REVOKE ALL ON SCHEMA oms FROM oms_reader');
	$self->{overdue} = $self->ask('SELECT count(*) FROM oms.stage WHERE timer_at < clock_timestamp()');
	cmp_ok($self->{overdue}, '>', 0, "$self->{way}: timers are overdue");
	$self->remember;
}

# What must be there after the restore
sub remember
{
	my ($self) = @_;
	$self->{content} = oms_content($self->{node}, $db, 'rows');
	$self->{rights} = oms_rights($self->{node}, $db);
	$self->{tracking} = $self->ask('SELECT oms.tracking_number(ticket_id) FROM oms.ticket ORDER BY ticket_id LIMIT 1');
	$self->{numbers} = $self->ask('SELECT last_value FROM oms.ticket_number');
}

# The moment to which to go back
sub moment { $_[0]->{env}{MOMENT} = $_[1] }

sub ask { return $_[0]->{node}->safe_psql($db, $_[1]) }

sub try
{
	my ($self, $block) = @_;
	my $node = $self->{node};
	return $self->{doc}->try($block, PGHOST => $node->host, PGPORT => $node->port, PGDATA => $node->data_dir,
		PGDATABASE => $db, BACKUP => $self->{backup}, %{ $self->{env} });
}

# Run blocks as a reader does. Notes of the document say what happens before one: the server is lost and its data
# away, it is another server, it is started, it is checked.
sub follow
{
	my ($self, @blocks) = @_;
	foreach my $block (@blocks)
	{
		my $note = $block->{notes};

		$self->lose if $note->{lost};
		$self->elsewhere if $note->{elsewhere};
		$self->{node}->start if $note->{start} && !$self->running;
		$self->check if $note->{check};
		$self->try($block);
	}
}

sub running { return -e $_[0]->{node}->data_dir . '/postmaster.pid' }

sub lose
{
	my ($self) = @_;
	my $data = $self->{node}->data_dir;

	# Who goes back to a moment stops the server in order; then all of the log is in the archive.
	return $self->{node}->stop('fast') if $self->{way} eq 'pgBackRest';
	# Done since the backup
	$self->ask(q{SELECT oms.open_ticket('DisasterLoan', '{"amount": 1}', 'lost')});
	$self->{node}->stop('immediate');
	rename $data, "$data.lost" or die "$data: $!";
	mkdir $data or die "$data: $!";
}

sub elsewhere
{
	my ($self) = @_;
	$self->{node}->stop('immediate');
	$self->{node} = oms_node('elsewhere', conf => "oms.worker = on\n");
}

# All is as it was, by what the document says and by more; nothing has happened by itself.
sub check
{
	my ($self) = @_;
	my ($node, $way) = @$self{qw(node way)};

	$node->start unless $self->running;
	# By itself, unless it was told to stay a standby.
	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
	  or die "$way: the server does not come up" unless -e $node->data_dir . '/standby.signal';
	$self->try($_) foreach $self->{doc}->section('Check');
	same_content($node, $db, $self->{content}, $way, 'rows');
	is(oms_rights($node, $db), $self->{rights}, "$way: equal rights");
	guarded($node, $db, $way) if $self->ask('SELECT pg_is_in_recovery()') eq 'f';
	is($self->ask('SELECT oms.tracking_number(ticket_id) FROM oms.ticket ORDER BY ticket_id LIMIT 1'), $self->{tracking},
		"$way: tracking numbers stay good");
}

# Nothing happens by itself before, and everything that is due afterwards; numbers do not come twice.
sub set_to_work
{
	my ($self) = @_;
	my ($node, $way) = @$self{qw(node way)};
	my $due = 'SELECT count(*) FROM oms.stage WHERE timer_at < clock_timestamp()';

	if ($self->ask('SELECT system_identifier FROM pg_control_system()') eq $self->ask('SELECT system_identifier FROM oms.home'))
	{
		$node->wait_for_log(qr/oms: workers do not start after a promotion/);
	}
	else
	{
		$node->poll_query_until($db, q{SELECT state = 'not activated' FROM oms.worker_status WHERE database = current_database()})
		  or die "$way: the worker does not wait";
	}
	is($self->ask($due), $self->{overdue}, "$way: no timer has fired");

	$self->follow($self->{doc}->section('Set to work'));
	ok($node->poll_query_until($db, "$due", '0'), "$way: what was due has fired");
	is($self->ask('SELECT state FROM oms.worker_status WHERE database = current_database()'), 'running',
		"$way: the worker is there");
	cmp_ok($self->ask(q{SELECT regexp_replace(oms.open_ticket('DisasterLoan')::text, '.*-', '')}), '>', $self->{numbers} + 10000,
		"$way: no ticket number is given out twice");
	whole($node, $db, "$way, at work");
	# What was claimed before is another's by now: its lease has run out.
	is($self->ask(q{SELECT count(oms.stage_done(ticket, stage, '{}', token)) FROM oms.claim('IRS_Bot', 'new', 5)}), 5,
		"$way: work goes on");
	whole($node, $db, "$way, then");
	$node->stop;
}

1;
