# A server with oms and its worker, for the tests in test/t.
#
#	my $node = OmsNode->make('main');					started, with oms in database postgres
#	my $node = OmsNode->make('main', conf => "…", start => 0, streaming => 1, extension => 0);
#	$node->sql($sql), $node->sql($sql, $db)				must succeed; the output
#	$node->code($sql, $db)								the SQLSTATE that it ends with, '' if none
#	$node->becomes($sql, $expected, $seconds, $db)		wait until a query returns that
#	$node->in_time($seconds, $limit, $name)				a test: it took no longer, on a machine as busy as it is
#	$node->worker_up($db, other than this pid)			wait for a worker; its pid
#	$node->caught_up($db)								wait until it has announced what was there before it
#	$node->crash($pid)									kill a process of the server, and wait until all have ended
#	my $session = $node->session($db)					see OmsSession below
#
# Nothing here sleeps to give something time: everything waits for a condition, up to a deadline.
package OmsNode;

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use JSON::PP;
use OmsServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @ISA = ('PostgreSQL::Test::Cluster');

# Longest wait for a condition if nothing else is said, in seconds: what takes that long has failed
our $patience = 60;

# What a session that is kept would be in the way of, or only a new one believes
our $apart = qr/\b(DATABASE|EXTENSION|ROLE|USER|SYSTEM|pg_reload_conf|pg_terminate_backend|UPDATE pg_trigger)\b/i;

# Workflows for tests
our %workflow = (
	# one stage, no clock
	plain => '{"name": "plain", "prefix": "P", "stages": [{"id": "a", "owner": "A"}]}',
	# a lease that runs out ends it
	lease => '{"name": "lease", "prefix": "L", "stages": [
		{"id": "a", "owner": "Lessee", "retry": {"maxAttempts": 1}}]}',
	# overdue as soon as it is opened in the past
	clock => '{"name": "clock", "prefix": "C", "stages": [{"id": "a", "owner": "A", "slaMins": 1}]}',
	# one after the other
	chain => '{"name": "chain", "prefix": "H", "stages": [
		{"id": "a", "owner": "A"},
		{"id": "b", "owner": "B", "dependsOn": ["a"]},
		{"id": "c", "owner": "C", "dependsOn": ["b"]},
		{"id": "d", "owner": "D", "dependsOn": ["c"]}]}',
	# fails after pauses of a second
	retry => '{"name": "retry", "prefix": "R", "stages": [
		{"id": "a", "owner": "A", "retry": {"maxAttempts": 3, "backoffSecs": 1, "factor": 1}}]}');

sub make
{
	my ($class, $name, %how) = @_;
	# what the server would do in production, and the modules of the tests switch off
	my $node = oms_server($class->new($name), init => { allows_streaming => $how{streaming} }, stopped => 1,
		conf => "restart_after_crash = on\noms.worker = on\nmax_connections = 40\nshared_buffers = 32MB\n" . ($how{conf} // ''));
	return $node if exists $how{start} && !$how{start};
	$node->start;
	$node->install if $how{extension} // 1;
	return $node;
}

# The extension, and workflows of the table above
sub install
{
	my ($self, $db, @workflows) = @_;
	my $sql = "CREATE EXTENSION oms;\n";

	@workflows = sort keys %workflow unless @workflows;
	$sql .= "SELECT oms.create_workflow('$workflow{$_}');\n" foreach @workflows;
	$self->sql($sql, $db);
	return $self;
}

# psql that cannot connect may end before it has read what it is to do, which IPC::Run dies of: to us it is an
# answer like the others.
sub psql
{
	my ($self, $db, $sql, %how) = @_;
	my $list = wantarray;
	$self->forget_sessions if $sql =~ $apart;
	my @answer = eval { $list ? $self->SUPER::psql($db, $sql, %how) : scalar $self->SUPER::psql($db, $sql, %how) };

	return $list ? @answer : $answer[0] unless $@;
	die $@ if $how{on_error_die} || $@ !~ /Broken pipe/;
	return $list ? (2, '', $@) : 2;
}

# What psql says to some commands: whether all went well, the output, and what is wrong. Starting psql and a backend costs
# more than most commands, so one session per database is kept for all of them.
sub ask
{
	my ($self, $sql, $db) = @_;
	my $apart = $sql =~ $apart;
	$self->forget_sessions if $apart;
	my $old = $self->{kept}{ $db // 'postgres' };
	my $session = $self->{kept}{ $db // 'postgres' } = $old && $old->lives ? $old : OmsKeptSession->new($self, $db // 'postgres');
	my @answer = $session->ask($sql);
	$self->forget_sessions if $apart || !$answer[0];
	return @answer;
}

sub forget_sessions
{
	my ($self) = @_;
	my @sessions = values %{ $self->{kept} };

	$self->{kept} = {};
	$_->quit foreach @sessions;
	return;
}

sub stop { my ($self, @how) = @_; $self->forget_sessions; return $self->SUPER::stop(@how) }
sub restart { my ($self, @how) = @_; $self->forget_sessions; return $self->SUPER::restart(@how) }

sub sql
{
	my ($self, $sql, $db) = @_;
	my ($well, $out, $err) = $self->ask($sql, $db);

	return $out if $well;
	diag("failed: $sql\n$err");
	die "failed: $sql";
}

# The SQLSTATE of the error that a statement ends with, '' if there is none
sub code
{
	my ($self, $sql, $db) = @_;
	my ($out, $err) = ('', '');

	$self->psql($db // 'postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 1,
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return $err =~ /(?:ERROR|FATAL):  (\w{5}):/ ? $1 : $err;
}

# Wait until a condition holds; seconds that took, or undef.  Whatever starts a process each time looks less often.
sub until
{
	my ($self, $condition, $seconds, $pause) = @_;
	my $start = time;

	while (1)
	{
		return time - $start || 1e-6 if $condition->();
		return undef if time - $start > ($seconds // $patience);
		usleep($pause // 10_000);
	}
}

# Wait until a query returns what is expected ('t' if nothing is); the last answer is shown if it does not.
sub becomes
{
	my ($self, $sql, $expected, $seconds, $db) = @_;
	my ($out, $err) = ('', '');

	$expected //= 't';
	my $took = $self->until(
		sub {
			(undef, $out, $err) = $self->ask($sql, $db);
			return $out eq $expected;
		}, $seconds, 50_000);
	diag("waited in vain for \"$expected\" of: $sql\nlast answer: $out$err") unless defined $took;
	return $took;
}

# How slow is the machine now?  The seconds that some round trips take, each with a process that is started: 0.1 on
# a quiet one.
sub pace
{
	my ($self) = @_;
	my $start = time;

	$self->safe_psql('postgres', 'SELECT 1') foreach 1 .. 5;
	return time - $start;
}

# Did something take no longer than it may, on a machine as busy as it is?
sub in_time
{
	my ($self, $took, $limit, $what) = @_;
	cmp_ok($took, '<', $limit + $self->pace, $what);
	return;
}

# ---- workers ----

sub pid_of
{
	my ($self, $type, $db) = @_;
	return $self->sql("SELECT min(pid) FROM pg_stat_activity WHERE backend_type = '$type'"
		  . ($db ? " AND datname = '$db'" : ''));
}

# Wait until a worker serves the database, another than the given one; its pid.
sub worker_up
{
	my ($self, $db, $not, $seconds) = @_;
	my $pid;

	$db //= 'postgres';
	$not //= 0;
	$self->until(
		sub {
			(undef, $pid) = $self->ask("SELECT s.pid FROM pg_stat_activity AS s
				WHERE s.backend_type = 'oms worker' AND s.datname = '$db' AND s.pid <> $not
				AND s.wait_event_type = 'Extension'");
			return $pid =~ /^\d+$/;
		}, $seconds, 50_000) // diag("no worker for $db: " . $self->workers);
	return $pid;
}

# Wait until the first worker since the extension was made has announced what it found in the tables: what commits
# then is said once.
sub caught_up
{
	my ($self, $db) = @_;
	return $self->becomes(q{SELECT horizon > (SELECT xmin::text::bigint FROM pg_extension WHERE extname = 'oms')
		FROM oms.worker_state}, 't', undef, $db);
}

# All there is to know about the workers, for a failed test
sub workers
{
	my ($self) = @_;
	my ($out, $err) = ('', '');
	$self->psql('postgres', "SELECT pid, datname, backend_type, state, wait_event FROM pg_stat_activity
		WHERE backend_type ~ '^oms'", stdout => \$out, stderr => \$err);
	return $out . $err;
}

# Is there no worker for the database now?
sub no_worker
{
	my ($self, $db) = @_;
	return $self->becomes("SELECT count(*) FROM pg_stat_activity
		WHERE backend_type = 'oms worker' AND datname = '$db'", '0');
}

# One column of oms.worker_status about a database
sub status_of
{
	my ($self, $db, $column) = @_;
	return "SELECT $column FROM oms.worker_status WHERE database = '$db'";
}

# A process is over
sub gone
{
	my ($self, $pid) = @_;
	return $self->until(sub { !kill(0, $pid) });
}

# Kill a process of the server, and wait until the postmaster has ended the others, who might still answer, for it
sub crash
{
	my ($self, $pid) = @_;
	my $log = $self->log_position;

	kill 'KILL', $pid;
	$self->gone($pid);
	$self->log_shows($log, qr/all server processes terminated; reinitializing/);
	return;
}

# ---- timers ----

# Arm a timer that will fire soon: a stage whose lease ends. Its ticket; in a session if one is given.
sub lease
{
	my ($self, $lease, $session, $db) = @_;
	my $sql = "SELECT oms.open_ticket('lease') \\gset\n"
	  . "SELECT ticket FROM oms.claim('Lessee', lease => '$lease') WHERE ticket = :'open_ticket'";
	return $session ? $session->query($sql) : $self->sql($sql, $db);
}

# A ticket that a session has locked, with a lease that is over.  On a busy machine that may be so before it is locked;
# then a longer one is taken.
sub locked_lease
{
	my ($self, $session) = @_;

	for (my $lease = 200;; $lease *= 2)
	{
		my $ticket = $self->lease("$lease milliseconds");
		$session->query('BEGIN');
		$session->query("SELECT oms.comment('$ticket', 'this takes long')");
		if ($session->query("SELECT status FROM oms.stage WHERE ticket_id = '$ticket'") eq 'in_progress')
		{
			$self->becomes("SELECT clock_timestamp() > lease_until FROM oms.stage WHERE ticket_id = '$ticket'");
			return $ticket;
		}
		$session->query('ROLLBACK');
	}
}

# Wait until it has fired.
sub fired
{
	my ($self, $ticket, $seconds, $db) = @_;
	return $self->becomes("SELECT status FROM oms.stage WHERE ticket_id = '$ticket'", 'failed', $seconds, $db);
}

# Change a table of the record behind the back of its guards, as only a superuser can: they are switched
# off in the catalog, which sessions that begin later believe.
sub tamper
{
	my ($self, $sql, $db) = @_;
	my ($table) = $sql =~ /(?:UPDATE|DELETE FROM) (oms\.\w+)/;
	my $guards = "UPDATE pg_trigger SET tgenabled = '%s' WHERE tgname ~ '^guard' AND tgrelid = '$table'::regclass";

	$self->sql(sprintf($guards, 'D'), $db);
	$self->sql($sql, $db);
	$self->sql(sprintf($guards, 'A'), $db);
	return;
}

# ---- the log ----

sub log_position { return -s $_[0]->logfile }

# The lines of the log from a position on that match
sub log_lines
{
	my ($self, $position, $pattern) = @_;
	return grep { /$pattern/ } split /\n/, slurp_file($self->logfile, $position);
}

sub log_shows
{
	my ($self, $position, $pattern, $seconds) = @_;
	return $self->until(sub { scalar $self->log_lines($position, $pattern) }, $seconds);
}

# Lines that tell of trouble; those that a test has asked for can be left out.
sub trouble
{
	my ($self, $position, $but) = @_;
	my @lines = $self->log_lines($position, qr/(ERROR|FATAL|PANIC|WARNING):|deadlock|terminated by signal|TRAP/);
	# psql that leaves while it is being told something
	@lines = grep { !/connection to client lost/ } @lines;
	@lines = grep { !/$but/ } @lines if $but;
	return join "\n", @lines;
}

# ---- sessions ----

sub session
{
	my ($self, $db, %env) = @_;
	return OmsSession->new($self, $db // 'postgres', %env);
}

# A session that listens
sub listener
{
	my ($self, $db, @channels) = @_;
	my $session = $self->session($db);

	@channels = qw(oms_dispatch oms_alert oms_status) unless @channels;
	$session->query(qq(LISTEN "$_")) foreach @channels;
	return $session;
}

# psql that stays connected: commands can be sent without waiting for their end, and notifications are
# gathered on the way.
package OmsSession;

use Test::More;
use Time::HiRes qw(time usleep);

sub new
{
	my ($class, $node, $db, %env) = @_;
	my $self = bless { in => '', out => '', err => '', number => 0, asked => 0, events => [] }, $class;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, %env);

	# The limit is that of a command: it begins again with each.
	$self->{limit} = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
	$self->{run} = IPC::Run::start([ $node->installed_command('psql'), '-XAtq', '-d', $node->connstr($db),
			'-v', 'VERBOSITY=verbose', '-f', '-' ],
		'<', \$self->{in}, '>', \$self->{out}, ($self->apart ? ('2>', \$self->{err}) : '2>&1'), $self->{limit});
	$self->query('SELECT');
	return $self;
}

# Does what is wrong come apart from the output?
sub apart { return 0 }

# Send a command without waiting for its end.
sub start
{
	my ($self, $sql) = @_;
	my $n = ++$self->{number};

	$self->{limit}->start;
	$self->{in} .= "$sql\n;\n\\echo <end $n>\n";
	$self->{run}->pump_nb;
	return $self;
}

# Has what was sent come to its end?
sub ended
{
	my ($self) = @_;
	$self->{run}->pump_nb;
	return $self->{out} =~ /^<end $self->{number}>$/m || !$self->{run}->pumpable;
}

# The output of what was sent, when it has come to its end
sub finish
{
	my ($self) = @_;
	my $n = $self->{number};
	my $out;

	$self->{run}->pump until $self->{out} =~ /^<end $n>$/m || !$self->{run}->pumpable;
	$self->{out} =~ s/\A(.*?)^<end $n>\n//ms || $self->{out} =~ s/\A(.*)\z//s;
	$out = $1;
	$out =~ s/^<end \d+>\n//mg;
	push @{ $self->{events} }, { channel => $1, payload => JSON::PP->new->utf8->decode($2), text => $2,
		from => $3 }
	  while $out =~ s/^Asynchronous notification "(.*?)" with payload "(.*)" received from server process with PID (\d+)\.\n//m;
	$out =~ s/\n\z//;
	return $out;
}

sub query
{
	my ($self, $sql) = @_;
	return $self->start($sql)->finish;
}

# The SQLSTATE of the error of a command, '' if there is none
sub code
{
	my ($self, $sql) = @_;
	my $out = $self->query($sql);
	return $out =~ /(?:ERROR|FATAL):  (\w{5}):/ ? $1 : '';
}

# Events that have come since the last call
sub events
{
	my ($self) = @_;
	$self->query('SELECT');
	my @events = splice @{ $self->{events} };
	return @events;
}

# Wait until so many events have come, and give them back (fewer if time is up).
sub wait_events
{
	my ($self, $count, $seconds) = @_;
	my $deadline = time + ($seconds // $OmsNode::patience);

	$self->query('SELECT');
	while (@{ $self->{events} } < $count && time < $deadline)
	{
		usleep(5_000);
		$self->query('SELECT');
	}
	my @events = splice @{ $self->{events} };
	return @events;
}

# Gather events until the condition holds of all of them, which it is given (or time is up); all of them.
sub gather
{
	my ($self, $condition, $seconds) = @_;
	my $deadline = time + ($seconds // $OmsNode::patience);
	my @events = $self->events;

	push @events, $self->wait_events(1, 0.1) while !$condition->(@events) && time < $deadline;
	return @events;
}

# Wait for a dispatch (or another kind of event) about a ticket; how many there were by then.
sub hears
{
	my ($self, $ticket, $channel, $seconds) = @_;
	my $deadline = time + ($seconds // $OmsNode::patience);
	my $count = 0;

	$channel //= 'oms_dispatch';
	while (!$count && time < $deadline)
	{
		$count += grep { $_->{channel} eq $channel && $_->{payload}{ticket} eq $ticket } $self->wait_events(1, 0.1);
	}
	return $count;
}

sub quit
{
	my ($self) = @_;
	return unless $self->{run};
	$self->{in} .= "\\q\n";
	eval { $self->{run}->finish };
	delete $self->{run};
	return;
}

# One for many scripts, each of which finds it as new. psql ends at the first error.
package OmsKeptSession;

our @ISA = ('OmsSession');

sub new
{
	my ($class, @how) = @_;
	my $self = $class->SUPER::new(@how);
	$self->query('\set ON_ERROR_STOP 1');
	return $self;
}

sub apart { return 1 }

# psql that cannot connect, or whose server goes, ends: that is an answer like the others.
sub query
{
	my ($self, $sql) = @_;
	my $out = eval { $self->SUPER::query($sql) };

	die $@ if !defined $out && $@ !~ /process ended prematurely/;
	return $out // $self->{out};
}

# Is it there, and ready for the next script? The server may have gone meanwhile.
sub lives
{
	my ($self) = @_;
	return $self->{run}->pumpable && $self->query('SELECT 1') eq '1' && $self->{run}->pumpable;
}

sub ask
{
	my ($self, $sql) = @_;

	my $out = $self->query($sql);
	my $well = $self->{run}->pumpable;
	my $err = $self->{err};
	# what a script left open; the log is not to tell of it
	$self->query('SET log_min_messages = error; ROLLBACK') if $well && $sql =~ /\bBEGIN\b/i;
	$self->query('DISCARD ALL') if $well;
	$self->{err} = '';
	return ($well, $out, $err);
}

1;
