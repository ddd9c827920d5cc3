# OmsYear: a year of a ministry, made up beforehand, and every figure of it worked out without oms.
#
# year_of() invents tickets and what people and bots do to them at which microsecond, and says what must come out: per
# ticket, stage and cycle the open time used up, the due time, breach, warnings and steps, and how many events of each
# kind there are. It knows calendars only as lists of opening intervals that somebody gives to it. Times and lengths are
# in microseconds, times since 1970. Beside the tickets that go all ways there are permits, which wait for moments and
# messages, get more time, are held and sent back, are corrected, and are granted if nobody says anything.

use strict;
use warnings FATAL => 'all';

# ---- calendars ----

package OmsYear::Calendar
{
	use integer;

	# Opening intervals [opens, closes] and dates [midnight, last closing or undef], both ascending; none: always open.
	sub new
	{
		my ($class, $intervals, $dates) = @_;
		my $self = bless { always => !$dates, map { $_ => [] } qw(opens closes before midnight days closing) }, $class;
		my $sum = 0;

		foreach (@{ $intervals // [] })
		{
			push @{ $self->{opens} }, $_->[0];
			push @{ $self->{closes} }, $_->[1];
			push @{ $self->{before} }, $sum;
			$sum += $_->[1] - $_->[0];
		}
		foreach (@{ $dates // [] })
		{
			push @{ $self->{closing} }, $_->[1] if defined $_->[1];
			push @{ $self->{midnight} }, $_->[0];
			push @{ $self->{days} }, scalar @{ $self->{closing} };
		}
		return $self;
	}

	# Index of the last element that is not above, -1 if there is none
	sub last_below
	{
		my ($list, $value) = @_;
		my ($low, $high) = (-1, $#$list);

		while ($low < $high)
		{
			my $middle = $low + ($high - $low + 1) / 2;
			if ($list->[$middle] <= $value) { $low = $middle }
			else { $high = $middle - 1 }
		}
		return $low;
	}

	# Open time from the beginning of the calendar to a moment
	sub passed
	{
		my ($self, $at) = @_;
		return $at if $self->{always};
		my $i = last_below($self->{opens}, $at);
		return 0 if $i < 0;
		my ($in, $all) = ($at - $self->{opens}[$i], $self->{closes}[$i] - $self->{opens}[$i]);
		return $self->{before}[$i] + ($in < $all ? $in : $all);
	}

	# The first moment by which so much has passed
	sub moment_of
	{
		my ($self, $passed) = @_;
		return $passed if $self->{always};
		my $i = last_below($self->{before}, $passed - 1);
		return $self->{opens}[$i] + $passed - $self->{before}[$i];
	}

	# How many open dates had closed by a moment, with all up to and with the date of the start
	sub closings_until
	{
		my ($self, $at, $start) = @_;
		my ($closed, $not_counted) = (last_below($self->{closing}, $at) + 1, $self->dates_until($start));
		return $closed > $not_counted ? $closed : $not_counted;
	}

	# How many open dates there were up to and with the date of a moment
	sub dates_until
	{
		my ($self, $at) = @_;
		return $self->{days}[ last_below($self->{midnight}, $at) ];
	}

	# The first opening on the date that begins then, or on the next open one; and the last closing
	sub first_opening
	{
		my ($self, $midnight) = @_;
		return $self->{opens}[ last_below($self->{opens}, $midnight - 1) + 1 ];
	}

	sub last_closing
	{
		my ($self, $midnight) = @_;
		return $self->{closing}[ $self->dates_until($midnight - 1) ];
	}
}

# ---- clocks ----

package OmsYear::Clock
{
	use integer;

	# A stopwatch with a limit in open time, or in open dates (days). Alarms: [name, percent of the limit, so much later]
	sub new
	{
		my ($class, $calendar, $how, $at) = @_;
		return bless { %$how, calendar => $calendar, runs => [ [$at] ], stops => 0 }, $class;
	}

	sub stop
	{
		my ($self, $at) = @_;
		$self->{runs}[-1][1] = $at if $self->{stops}++ == 0;
		return;
	}

	sub go_on
	{
		my ($self, $at) = @_;
		push @{ $self->{runs} }, [$at] if --$self->{stops} == 0;
		return;
	}

	# So many minutes or days more. What is left while it stands is reckoned as if it went on then.
	sub extend
	{
		my ($self, $at, $unit, $more) = @_;
		$self->{runs}[-1][1] //= $at;
		push @{ $self->{runs} }, [ $at, $self->{stops} ? $at : undef, $unit, $more ];
		return;
	}

	sub finish
	{
		my ($self, $at) = @_;
		$self->{runs}[-1][1] //= $at;
		return;
	}

	# What it shows at a moment that is not before the last thing done to it
	sub figures
	{
		my ($self, $now) = @_;
		my $calendar = $self->{calendar};
		my ($consumed, $used, $days, $limit) = (0, 0, $self->{days}, $self->{limit});
		my $start = $self->{runs}[0][0];
		my ($stored, $breach, $due, @alarms) = (0);
		my @todo = @{ $self->{alarms} // [] };

		foreach my $run (@{ $self->{runs} })
		{
			my ($from, $to, $unit, $more) = ($run->[0], $run->[1] // $now, @$run[ 2, 3 ]);
			my $passed = $calendar->passed($from);
			my $closed = defined $days ? $calendar->closings_until($from, $start) : 0;
			my $shows = sub {
				return $_[0] > $consumed ? $calendar->moment_of($passed + $_[0] - $consumed) : $from;
			};

			if (!defined $breach && defined $days)
			{
				# The N-th closing after the date of the start, and one more for each that came while it stood
				$due = $calendar->{closing}[ $closed + $days - $used - 1 ];
				$limit = $consumed + $calendar->passed($due) - $passed;
			}
			elsif (!defined $breach) { $due = $shows->($limit) }
			if ($unit)
			{
				my $was = $due;
				$due = $unit eq 'mins' ? $calendar->moment_of($calendar->passed($was) + $more * 60_000_000)
				  : $calendar->{closing}[ $calendar->dates_until($was - 1) + $more - 1 ];
				$limit += $calendar->passed($due) - $calendar->passed($was);
				$days = $unit eq 'days' && defined $days ? $days + $more : undef;
			}
			$used += $calendar->closings_until($to, $start) - $closed if defined $days;
			$breach //= $due if $due < $to;
			while (@todo)
			{
				my ($name, $percent, $later) = @{ $todo[0] };
				my $at = $percent == 100 && !$later ? $breach : $shows->($limit * $percent / 100 + $later);
				last if !defined $at || $at >= $to;
				push @alarms, [ $name, $at ];
				shift @todo;
			}
			$consumed += $calendar->passed($to) - $passed;
			$stored = $consumed if defined $run->[1];
		}
		# While it stands there is no due time, unless that is over.
		$due = undef if $self->{stops} && !defined $breach;
		return { consumed => $consumed, stored => $stored, limit => $limit, due => $due, breach => $breach, alarms => \@alarms };
	}
}

# ---- the year ----

package OmsYear;

use Exporter 'import';
use JSON::PP ();
use POSIX ();

our @EXPORT_OK = qw(moment year_of);

use constant { SEC => 1_000_000, MIN => 60_000_000, HOUR => 3_600_000_000, DAY => 86_400_000_000 };

# A moment as SQL reads it
sub moment
{
	my ($us) = @_;
	return '\N' unless defined $us;
	my $s = int($us / SEC);
	return POSIX::strftime('%Y-%m-%d %H:%M:%S', gmtime $s) . sprintf('.%06d+00', $us - $s * SEC);
}

sub between { return int($_[0] + rand($_[1] - $_[0])) }
sub chance { return rand() < $_[0] }
# A length with this mean, most of them shorter, none above the longest
sub about
{
	my ($mean, $longest) = @_;
	my $length = int(-log(1 - rand()) * $mean) + 1 + int(rand(SEC));
	return $length < $longest ? $length : $longest;
}

# Sorted moments that are so far apart, at most
sub moments
{
	my ($from, $to, $shortest, $longest) = @_;
	my @list;
	for (my $at = $from; $at < $to; $at += between($shortest, $longest)) { push @list, $at }
	return \@list;
}

# The first of these moments after one, with its number
sub next_of
{
	my ($list, $at) = @_;
	my $i = OmsYear::Calendar::last_below($list, $at) + 1;
	return ($list->[$i], $i);
}

# A cycle is over: what its clock must show (none: it has not begun), and when it began
sub expected
{
	my ($n, $id, $cycle, $clock, $at, $status, $began, $by_law) = @_;
	my $f = $clock ? $clock->figures($at) : { stored => 0, consumed => 0, alarms => [] };
	my @warnings = grep { $_->[0] =~ /^warning/ } @{ $f->{alarms} };
	my @steps = grep { $_->[0] !~ /^warning/ } @{ $f->{alarms} };

	return { n => $n, stage => $id, cycle => $cycle, status => $status, stored => $f->{stored}, consumed => $f->{consumed},
		lasts => $f->{limit}, due => $f->{due}, breach => $f->{breach}, warnings => [ map { $_->[1] } @warnings ],
		steps => [ map { $_->[1] } @steps ], began => $began, finished => $status eq 'done' ? $at : undef,
		by_law => $by_law ? 't' : 'f' };
}

# What is said of a clock
sub alarms_of
{
	my ($e) = @_;
	return ([ warning => scalar @{ $e->{warnings} } ], [ breached => defined $e->{breach} ? 1 : 0 ], [ escalated => scalar @{ $e->{steps} } ]);
}

# year: {from, to, end, tickets, calendars => {name => OmsYear::Calendar}, workflows => {name => {calendar, limit}},
# stages => {id => …}, absences => {person => [[from, to, delegate], …]}, permits, permit => {…}}. Returns {plan, expect,
# events, rare}.
sub year_of
{
	my ($year) = @_;
	my (@plan, @expect, %events, %rare);
	my ($from, $to, $end) = @$year{qw(from to end)};

	# The clock is looked at every hour or so, and at times, days later.
	my @ticks;
	for (my $at = $from; $at < $end; $at += chance(1 / 250) ? between(6 * HOUR, 80 * HOUR) : between(20 * MIN, 100 * MIN))
	{
		push @ticks, $at;
	}
	push @ticks, $end;
	push @plan, map { [ $_, 'tick' ] } @ticks;

	# Bots come at these times and take all that is there.
	my %visits = (
		intake => moments($from, $end - HOUR, 10 * MIN, 80 * MIN),
		scan => moments($from, $end - HOUR, 3 * HOUR, 9 * HOUR),
		pay => moments($from, $end - HOUR, HOUR, 3 * HOUR));
	my %taken = map { $_ => [ (0) x @{ $visits{$_} } ] } keys %visits;

	foreach my $n (1 .. $year->{tickets})
	{
		my $opened = between($from + HOUR, $to);
		my $workflow = chance(0.75) ? 'Benefit' : 'Hotline';
		my $amount = between(1, 100_000);
		my $pays = chance(0.7);
		my (@agenda, %stage, $closed, $held_until, $failed_told);
		my $order = 0;
		my $ticket_clock = OmsYear::Clock->new($year->{calendars}{ $year->{workflows}{$workflow}{calendar} },
			$year->{workflows}{$workflow}, $opened);

		my $say = sub { $events{ $_[0] } += $_[1] // 1; return };
		my $do = sub { my ($at, @what) = @_; push @plan, [ $at, @what ]; return };
		# What is to happen to a cycle of a stage (or, without one, to the ticket)
		my $later = sub {
			my ($at, $id, $what) = @_;
			push @agenda, [ $at, ++$order, $id, $id && $stage{$id}{cycle}, $what ];
			return;
		};
		my $active = sub { return grep { ($_->{status} // '') =~ /queued|in_progress|on_hold/ } values %stage };
		my $failed = sub { return grep { ($_->{status} // '') eq 'failed' } values %stage };

		# The step of the ladder that gives the stage to another owner, if its moment has passed
		my $ladder = sub {
			my ($s, $at) = @_;
			return if !$s->{rerouted_by} || $s->{rerouted};
			return unless grep { $_->[0] eq $s->{rerouted_by} } @{ $s->{clock}->figures($at)->{alarms} };
			$s->{rerouted} = 1;
			$say->('reassigned');
			if ($s->{status} eq 'on_hold') { $s->{held_from} = 'queued' }
			else { $s->{status} = 'queued' }
			return;
		};
		# A cycle is over: what its clock must show
		my $record = sub {
			my ($id, $s, $clock, $at, $status) = @_;
			push @expect, expected($n, $id, $s->{cycle} // 1, $clock, $at, $status);
			$say->(@$_) foreach alarms_of($expect[-1]);
			return;
		};

		my ($queue, $finish, $look, $visit, $work);
		my $present = sub {
			my ($person, $at) = @_;
			foreach (@{ $year->{absences}{$person} // [] })
			{
				return $_->[2] if $at >= $_->[0] && $at < $_->[1];
			}
			return $person;
		};
		# The group's turn: somebody who is there gets it, or nobody
		my $turn = sub {
			my ($s, $at) = @_;
			if (grep { defined $present->($_, $at) } @{ $year->{clerks} })
			{
				$say->('assigned');
				$s->{status} = 'in_progress';
			}
			else
			{
				$say->('unassigned');
				$s->{status} = 'queued';
			}
			return;
		};
		# The desk of the one person who audits, or who stands in
		my $desk = sub {
			my ($s, $at) = @_;
			return if $s->{stands_in};
			my $who = $present->('Auditor', $at);
			if (!defined $who) { $say->('unassigned') }
			elsif ($who ne 'Auditor') { $say->('reassigned'); $s->{stands_in} = 1 }
			return;
		};
		# The last hold is gone, and it is given to somebody again.  That a hold ended by itself is seen when the ticket is
		# looked at next.
		my $see = sub {
			my ($s, $at) = @_;
			return if !delete $s->{unseen} || $s->{status} ne 'queued' || $s->{rerouted};
			$turn->($s, $at) if $s->{id} eq 'review';
			$desk->($s, $at) if $s->{id} eq 'audit';
			return;
		};
		my $resumed = sub {
			my ($s, $at, $until) = @_;
			$say->('resumed');
			$s->{status} = $s->{held_from};
			return if $s->{status} ne 'queued' || $s->{id} !~ /review|audit/;
			$s->{unseen} = 1;
			return $see->($s, $at) unless $until;
			my ($seen) = next_of(\@ticks, $at - 1);
			push @agenda, [ $seen, ++$order, $s->{id}, $s->{cycle}, $see, 1 ];
			return;
		};
		$visit = sub {
			my ($id, $ready) = @_;
			my ($at, $i) = next_of($visits{$id}, $ready);
			return unless defined $at;
			$later->($at, $id, sub { my ($s) = @_;
				$taken{$id}[$i]++;
				$say->('in_progress');
				$s->{status} = 'in_progress';
				my $how = $year->{stages}{$id};
				my $takes = about($how->{takes}, $how->{lease} - MIN);
				my $again = sub {
					my ($s, $when, $pause) = @_;
					$s->{status} = 'queued';
					$s->{attempt}++;
					$visit->($id, $when + $pause);
				};
				my $broken = sub {
					my ($s, $when) = @_;
					$s->{status} = 'failed';
					$say->('failed');
					$look->($when);
					return if chance(0.15);
					my $after = $when + about(20 * HOUR, 4 * DAY);
					$later->($after, $id, sub { my ($s, $t) = @_;
						$do->($t, 'retry', $n, $id);
						$say->('retry');
						$s->{attempt} = 0;
						$failed_told = 0;
						$again->($s, $t, 0);
					});
				};
				if ($how->{dies} && chance($how->{dies}))
				{
					$s->{dying} = 1;
					my ($seen) = next_of(\@ticks, $at + $how->{lease} - 1);
					push @agenda, [ $seen, ++$order, $id, $s->{cycle}, sub { my ($s, $t) = @_;
						$s->{dying} = 0;
						$say->('lease_expired');
						if ($s->{attempt} < 3) { $again->($s, $t, 0) }
						else { $broken->($s, $t) }
					}, 1 ];
				}
				elsif (chance($how->{fails}))
				{
					my $final = chance(0.2);
					$later->($at + $takes, $id, sub { my ($s, $t) = @_;
						$do->($t, $final ? 'failed' : 'fails', $n, $id);
						return $broken->($s, $t) if $final || $s->{attempt} == 3;
						$say->('retry');
						$again->($s, $t, $how->{pause});
					});
				}
				else
				{
					# Some are ready on the due time to the microsecond, some one microsecond later
					if ($id eq 'intake' && chance(0.05))
					{
						my $due = $s->{clock}->figures($at)->{due};
						my $on = $due + (chance(0.5) ? 1 : 0);
						if ($on > $at && $on < $at + $how->{lease})
						{
							$takes = $on - $at;
							$rare{ $on == $due ? 'on the microsecond' : 'a microsecond late' }++;
						}
					}
					$later->($at + $takes, $id, sub { my ($s, $t) = @_; $finish->($id, $t) });
				}
			});
			return;
		};
		# On hold for a while; those that do not stop the clock are only a mark.
		my $hold = sub {
			my ($id, $at, $length, $until, $reason) = @_;
			$later->($at, $id, sub { my ($s, $t) = @_;
				return unless $s->{status} =~ /queued|in_progress|on_hold/;
				my $stops = $reason ne 'talk';
				my $ends = $t + $length;
				$do->($t, 'hold', $n, $id, $reason, $until ? $ends : undef);
				$say->('on_hold');
				if ($s->{holds}++ == 0) { @$s{qw(held_from status)} = ($s->{status}, 'on_hold') }
				$s->{clock}->stop($t) if $stops;
				push @agenda, [ $ends, ++$order, $id, $s->{cycle}, sub { my ($s, $t) = @_;
					$do->($t, 'resume', $n, $id, $reason) unless $until;
					$s->{clock}->go_on($t) if $stops;
					if (--$s->{holds}) { $say->('hold_lifted') }
					else { $resumed->($s, $t, $until) }
				}, $until ];
			});
			return;
		};

		# Stages in the hands of people: taken within a while, done after some more, with all that people do meanwhile
		$work = sub {
			my ($id, $at) = @_;
			my $how = $year->{stages}{$id};
			if (chance($how->{holds}))
			{
				my $reason = chance(0.25) ? 'talk' : chance(0.5) ? 'papers' : 'waits for the other office';
				$hold->($id, $at + about($how->{takes} / 3, 4 * DAY), about(30 * HOUR, 9 * DAY), chance(0.5), $reason);
				$hold->($id, $at + about($how->{takes} / 3, 4 * DAY), about(30 * HOUR, 9 * DAY), chance(0.5), 'second') if chance(0.3);
			}
			if ($id eq 'review' && chance(0.2))
			{
				my $what = (qw(release assign delegate))[ between(0, 3) ];
				$later->($at + about($how->{takes} / 4, 3 * DAY), $id, sub { my ($s, $t) = @_;
					return unless $s->{status} eq 'in_progress';
					$do->($t, $what, $n, $id, 'helper');
					if ($what eq 'release')
					{
						$say->('released');
						$s->{status} = 'queued';
					}
					elsif ($what eq 'assign') { $say->('assigned') }
					else
					{
						$say->('delegated');
						$s->{delegated} = 1;
						$later->($t + about(3 * HOUR, DAY), $id, sub { my ($s, $t) = @_;
							return unless $s->{delegated} && $s->{status} eq 'in_progress' && !$s->{rerouted};
							$do->($t, 'resolve', $n, $id);
							$say->('resolved');
						});
					}
				});
			}
			my $claim = sub {
				my ($s, $t) = @_;
				$do->($t, 'claim', $n, $id, $how->{workers}[ between(0, scalar @{ $how->{workers} }) ]);
				$say->('in_progress');
				$s->{status} = 'in_progress';
			};
			if ($how->{waits})
			{
				$later->($at + about($how->{waits}, 4 * DAY), $id, sub { my ($s, $t) = @_;
					return unless $s->{status} eq 'queued';
					if ($id eq 'decide' && chance(0.1))
					{
						$do->($t, 'same', $n, $id);
						$rare{'refused by notSameAs'}++;
					}
					$claim->($s, $t);
				});
			}
			my $end;
			$end = sub { my ($s, $t) = @_;
				if ($s->{status} eq 'on_hold')
				{
					if ($s->{held_from} eq 'in_progress' && chance(0.2))
					{
						$do->($t, 'done_held', $n, $id);
						$rare{'done on hold'}++;
						return $finish->($id, $t, 1);
					}
					return $later->($t + about(6 * HOUR, DAY), $id, $end);
				}
				$claim->($s, $t) if $s->{status} eq 'queued';
				if ($id eq 'decide' && $s->{cycle} < 3 && chance(0.07))
				{
					$do->($t, 'send_back', $n, $id, 'review');
					$ladder->($stage{$_}, $t) foreach grep { $stage{$_}{clock} && !$stage{$_}{over} } keys %stage;
					foreach (qw(review audit decide))
					{
						$say->('sent_back');
						if ($_ eq $id)
						{
							$s->{clock}->finish($t);
							$record->($id, $s, $s->{clock}, $t, 'sent back');
						}
						$stage{$_} = { cycle => $stage{$_}{cycle}, status => 'waiting' };
					}
					return $queue->('review', $t);
				}
				$finish->($id, $t);
			};
			$later->($at + about($how->{takes}, 14 * DAY), $id, $end);
			return;
		};

		# A stage whose dependencies are met
		$queue = sub {
			my ($id, $at) = @_;
			my $cycle = ($stage{$id}{cycle} // 0) + 1;
			my $how = $year->{stages}{$id};
			my $s = $stage{$id} = { id => $id, cycle => $cycle, status => 'queued', attempt => 1, holds => 0,
				rerouted_by => $how->{reroutes} };
			if ($id eq 'audit' && $amount < 50_000 || $id eq 'pay' && !$pays)
			{
				$say->('skipped');
				@$s{qw(status over)} = ('skipped', 1);
				return $look->($at);
			}
			$say->('queued');
			$s->{clock} = OmsYear::Clock->new($year->{calendars}{ $how->{calendar} // $year->{workflows}{$workflow}{calendar} },
				$how->{clock}, $at);
			return $visit->($id, $at) if $visits{$id};
			$turn->($s, $at) if $id eq 'review';
			$desk->($s, $at) if $id eq 'audit';
			$work->($id, $at);
			return;
		};
		$finish = sub {
			my ($id, $at, $by_token) = @_;
			my $s = $stage{$id};
			$do->($at, 'done', $n, $id) unless $by_token;
			$say->('done');
			$s->{clock}->finish($at);
			$record->($id, $s, $s->{clock}, $at, 'done');
			@$s{qw(status over)} = ('done', 1);
			return $look->($at);
		};
		# What follows from what is finished
		$look = sub {
			my ($at) = @_;
			my $is_over = sub { return !grep { !$stage{$_}{over} } @_ };
			foreach ([ 'review', 'intake' ], [ 'scan', 'intake' ], [ 'audit', 'review' ], [ 'decide', 'audit', 'scan' ], [ 'pay', 'decide' ])
			{
				my ($id, @needs) = @$_;
				next if ($stage{$id}{status} // 'waiting') ne 'waiting' || !$is_over->(@needs);
				return $queue->($id, $at), $look->($at);
			}
			if ($is_over->(qw(intake review scan audit decide pay)))
			{
				return if $closed;
				$closed = 'done';
				$ticket_clock->finish($at);
				$record->('', {}, $ticket_clock, $at, 'done');
				$say->('ticket_done');
			}
			elsif ($failed->() && !$active->() && !$failed_told)
			{
				$failed_told = 1;
				$say->('ticket_failed');
			}
			return;
		};

		$do->($opened, 'open', $n, undef, $workflow, undef, undef, { amount => $amount, pay => $pays ? JSON::PP::true : JSON::PP::false });
		$say->('opened');
		$queue->('intake', $opened);

		# Things that happen to the whole ticket
		if (chance(0.08))
		{
			my ($length, $until) = (about(40 * HOUR, 12 * DAY), chance(0.5));
			my $reason = chance(0.25) ? 'talk' : 'the court looks at it';
			$later->($opened + about(60 * HOUR, 9 * DAY), undef, sub { my (undef, $t) = @_;
				my @now = $active->();
				return if !@now || $failed->() || grep { $_->{dying} } @now;
				return if grep { ($stage{$_}{status} // '') =~ /queued|in_progress/ } qw(intake pay);
				return if $until && ($stage{scan}{status} // '') eq 'queued';
				$do->($t, 'hold', $n, undef, $reason, $until ? $t + $length : undef);
				$say->('ticket_held');
				$say->('on_hold', scalar @now);
				$held_until = $t + $length;
				my @clocks = ($ticket_clock, map { $_->{clock} } @now);
				if ($reason ne 'talk') { $_->stop($t) foreach @clocks }
				foreach (@now)
				{
					@$_{qw(held_from status)} = ($_->{status}, 'on_hold') if $_->{holds}++ == 0;
				}
				push @agenda, [ $held_until, ++$order, undef, undef, sub { my (undef, $t) = @_;
					$do->($t, 'resume', $n, undef, $reason) unless $until;
					$say->('ticket_resumed');
					if ($reason ne 'talk') { $_->go_on($t) foreach @clocks }
					foreach (@now)
					{
						if (--$_->{holds}) { $say->('hold_lifted') }
						else { $resumed->($_, $t, $until) }
					}
					$held_until = undef;
				}, 1 ];
			});
		}
		if (chance(0.03))
		{
			my $try;
			$try = sub { my (undef, $t) = @_;
				return $later->($t + DAY, undef, $try) if grep { $_->{dying} } values %stage;
				$do->($t, 'cancel', $n);
				foreach (grep { ($stage{$_}{status} // '') =~ /queued|in_progress|on_hold|failed/ } sort keys %stage)
				{
					$say->('cancelled');
					$stage{$_}{clock}->finish($t);
					$record->($_, $stage{$_}, $stage{$_}{clock}, $t, 'cancelled');
				}
				$closed = 'cancelled';
				$say->('ticket_cancelled');
				$ticket_clock->finish($t);
				$record->('', {}, $ticket_clock, $t, 'cancelled');
			};
			$later->($opened + about(100 * HOUR, 12 * DAY), undef, $try);
		}

		# One thing after the other. Whoever would do something while the ticket is on hold does it afterwards.
		while (@agenda && !$closed)
		{
			my $first = 0;
			foreach (1 .. $#agenda)
			{
				my ($a, $b) = @agenda[ $_, $first ];
				$first = $_ if $a->[0] < $b->[0] || $a->[0] == $b->[0] && $a->[1] < $b->[1];
			}
			my ($at, undef, $id, $cycle, $what, $by_itself) = @{ splice @agenda, $first, 1 };
			next if $at > ($by_itself ? $end : $end - HOUR);
			if (defined $id)
			{
				next if $stage{$id}{cycle} != $cycle || !$stage{$id}{clock} || $stage{$id}{over};
				if ($held_until && !$by_itself)
				{
					if ($visits{$id} && $stage{$id}{held_from} eq 'queued' && $stage{$id}{status} eq 'on_hold') { $visit->($id, $held_until) }
					else { push @agenda, [ $held_until + about(HOUR, 5 * HOUR), ++$order, $id, $cycle, $what ] }
					next;
				}
				$ladder->($stage{$id}, $at) if $stage{$id}{clock};
			}
			elsif ($held_until && !$by_itself)
			{
				push @agenda, [ $held_until + about(HOUR, 5 * HOUR), ++$order, $id, $cycle, $what ];
				next;
			}
			else
			{
				$ladder->($stage{$_}, $at) foreach grep { $stage{$_}{clock} && !$stage{$_}{over} } keys %stage;
			}
			if (!$by_itself) { $see->($_, $at) foreach grep { $_->{unseen} } values %stage }
			$what->(defined $id ? $stage{$id} : undef, $at);
		}
		undef $_ foreach ($queue, $finish, $look, $visit, $work);
		next if $closed;

		# What is open at the end
		foreach (sort keys %stage)
		{
			my $s = $stage{$_};
			next if $s->{over} || !$s->{clock};
			$ladder->($s, $end);
			$record->($_, $s, $s->{clock}, $end, $s->{status});
		}
		$record->('', {}, $ticket_clock, $end, $held_until ? 'on_hold' : $active->() ? 'open' : 'failed');
	}
	foreach my $id (keys %visits)
	{
		push @plan, [ $visits{$id}[$_], 'visit', undef, $id, $year->{stages}{$id}{owner}, undef, $taken{$id}[$_] ]
		  foreach 0 .. $#{ $visits{$id} };
	}
	permits($year, \@ticks, \@plan, \@expect, \%events, \%rare);
	my @sorted = sort { $plan[$a][0] <=> $plan[$b][0] || $a <=> $b } 0 .. $#plan;
	return { plan => [ @plan[@sorted] ], expect => \@expect, events => \%events, rare => \%rare };
}

# ---- permits ----

# A date or time about then as JSON can say it, and which moment it means for a start, or for an end
sub dated
{
	my ($calendar, $at, $is_end) = @_;
	my $i = OmsYear::Calendar::last_below($calendar->{midnight}, $at);
	my $midnight = $calendar->{midnight}[$i];
	my $date = POSIX::strftime('%Y-%m-%d', gmtime(1_703_462_400 + 86_400 * $i));
	my $how = between(0, 3);

	return (moment($at) =~ s/ /T/r =~ s/\+00/Z/r, $at) if $how == 0;
	return ("${date}T00:30", $midnight + 30 * MIN) if $how == 1;
	return ($date, $is_end ? $calendar->last_closing($midnight) : $calendar->first_opening($midnight));
}

# One stage after the other; each begins when that before it ends, be it by law, and again when it is sent back.
sub permits
{
	my ($year, $ticks, $plan, $expect, $events, $rare) = @_;
	my ($end, $calendar) = ($year->{end}, $year->{calendars}{office});
	my $last_call = $end - HOUR;
	my $away = sub { my ($at, $what) = @_;
		my ($seen) = next_of($ticks, $at - 1);
		$rare->{"$what while the worker was away"}++ if $seen - $at > 6 * HOUR;
		return;
	};

	foreach my $n ($year->{tickets} + 1 .. $year->{tickets} + $year->{permits})
	{
		my $opened = between($year->{from} + HOUR, $year->{to});
		my @order = @{ $year->{permit}{order} };
		my %data = (amount => chance(0.1) ? 50_000 : between(1, 100_000), fee => "F$n",
			chance(0.4) ? (priority => chance(0.5) ? 'urgent' : 'usual') : ());
		my (%date, %cycle, @letters);
		my ($next, $times_back, $corrected) = (0, 0, 0);
		($data{hung}, $date{hung}) = dated($calendar, $opened + between(0, 50 * DAY), 0) if chance(0.5);
		($data{by}, $date{by}) = dated($calendar, $opened + between(0, 80 * DAY), 1) if chance(0.6);
		my $ticket = OmsYear::Clock->new($calendar, $year->{permit}{ticket}, $opened);
		my ($at, $known, $status) = ($opened, $opened, 'open');

		my $say = sub { $events->{ $_[0] } += $_[1] // 1; return };
		my $do = sub { my ($when, $what, @how) = @_; push @$plan, [ $when, $what, $n, @how ]; return };
		my $record = sub {
			push @$expect, expected($n, @_);
			$say->(@$_) foreach alarms_of($expect->[-1]);
			return;
		};
		my $extend = sub {
			my ($id, $clock, $when) = @_;
			my ($unit, $more) = chance(0.5) ? (mins => between(5, 1500)) : (days => between(1, 6));
			$rare->{'more time after the breach'}++ if defined $clock->figures($when)->{breach};
			$rare->{'more time on hold'}++ if $clock->{stops};
			$clock->extend($when, $unit, $more);
			$do->($when, 'extend', $id, $unit, $clock->{stops} ? undef : $clock->figures($when)->{due}, $more);
			$say->('extended');
			return;
		};
		my $hold = sub {
			my ($id, $from, $to, $until) = @_;
			$do->($from, 'hold', $id, 'papers', $until ? $to : undef);
			$do->($to, 'resume', $id, 'papers') unless $until;
			$say->('on_hold');
			$say->('resumed');
			return if defined $id;
			$say->('ticket_held');
			$say->('ticket_resumed');
			return;
		};
		# A message that nobody waits for just then; whoever gets it says so.
		my $send = sub {
			my ($when, $key) = @_;
			$do->($when, 'message', 'fee', $key, undef, 0);
			push @letters, { at => $when, key => $key, row => $plan->[-1] };
			return $letters[-1];
		};
		# The oldest of those that are there and not too old
		my $kept_letter = sub {
			my ($when, $key) = @_;
			my ($letter) = sort { $a->{at} <=> $b->{at} }
			  grep { !$_->{used} && $_->{key} eq $key && $_->{at} < $when && $_->{at} > $when - 30 * DAY } @letters;
			$letter->{used} = 1 if $letter;
			return $letter;
		};

		# The data was wrong: what has begun stays as it is, what begins later goes by the new data.
		my $amend = sub {
			my ($when, $state) = @_;
			my %patch;
			$rare->{"amended when $state"}++;
			if (chance(0.9))
			{
				%patch = (amount => chance(0.2) ? 50_000 : between(1, 100_000), fee => chance(0.7) ? "F$n" : "F$n again",
					priority => chance(0.5) ? 'urgent' : undef, corrected => ++$corrected);
				foreach ([ hung => 0, 0 ], [ by => -5 * DAY, 1 ])
				{
					my ($key, $from, $is_end) = @$_;
					next if chance(0.3);
					delete $date{$key};
					$patch{$key} = undef;
					($patch{$key}, $date{$key}) = dated($calendar, $when + between($from, 50 * DAY), $is_end) if chance(0.7);
				}
				$say->('amended');
			}
			$do->($when, 'amend', undef, undef, undef, undef, {%patch});
			foreach (keys %patch)
			{
				if (defined $patch{$_}) { $data{$_} = $patch{$_} }
				else { delete $data{$_} }
			}
			return;
		};

		$do->($opened, 'open', undef, 'Permit', undef, undef, {%data});
		$say->('opened');
		while ($next < @order)
		{
			my $id = $order[$next];
			my $how = $year->{permit}{$id};
			my $cycle = ++$cycle{$id};
			my $key = $data{fee};
			my ($began, $back) = ($at);

			if ($how->{delay})
			{
				# It waits for its moment, which a hold does not move. Somebody may bring it forward.
				$say->('awaiting');
				$began = $calendar->moment_of($calendar->passed($at) + $how->{delay});
				$began = $date{ $how->{from} } if $how->{from} && ($date{ $how->{from} } // 0) > $began;
				my $called = between($known, $began);
				my $resumed = $called + about(30 * HOUR, 9 * DAY);
				my $can_call = $known <= $began && $called <= $last_call;
				if ($can_call && $resumed < $last_call && chance(0.15))
				{
					my $whole = $called > $at + MIN && chance(0.4);
					$hold->($whole ? undef : $id, $called, $resumed, chance(0.5));
					$rare->{ $whole ? 'the ticket on hold at its moment' : 'on hold at its moment' }++ if $resumed > $began;
					if ($whole)
					{
						$ticket->stop($called);
						$ticket->go_on($resumed);
					}
					$began = $resumed if $resumed > $began;
				}
				elsif ($can_call && chance(0.1))
				{
					$do->($called, 'start', $id);
					$rare->{'brought forward'}++;
					$began = $called;
				}
				my $corrected_at = between($at, $known > $at && $known < $began && chance(0.5) ? $known : $began);
				if ($corrected_at > $at && $corrected_at < $began && $corrected_at <= $last_call && chance(0.25))
				{
					$amend->($corrected_at, $corrected_at < $known ? 'it waits, before the worker saw that' : 'it waits');
				}
				if ($began > $end)
				{
					$record->($id, $cycle, undef, $end, 'awaiting', $began);
					last;
				}
				$away->($began, 'queued');
			}
			$say->($how->{message} ? 'awaiting' : 'queued');

			# The limit, or the first of them; a date in the past: nothing is left.
			my $limit = $how->{limit}->(\%data);
			my $due = $how->{until} && $date{ $how->{until} };
			if (defined $due)
			{
				my $left = $calendar->passed($due) - $calendar->passed($began);
				$left = 0 if $left < 0;
				my $other = OmsYear::Clock->new($calendar, $limit, $began)->figures($began)->{limit};
				$limit = { limit => $left } if $left < $other;
				$rare->{ $left < $other ? $left ? 'due by a date' : 'due by a date in the past' : 'due before a date' }++;
			}
			my $clock = OmsYear::Clock->new($calendar, { %$limit, alarms => $how->{alarms} }, $began);
			# By law it is done just after its time.
			my $law = sub {
				my ($alarm) = grep { $_->[0] eq 'law' } @{ $clock->figures($end)->{alarms} };
				return $alarm ? $alarm->[1] + 1 : undef;
			};

			# What people mean to do, and what they come to do before the law
			my ($state, $whole, $over) = ($how->{message} ? 'awaiting' : 'queued');
			my $from = $began > $known ? $began : $known;
			my @agenda = map { [ $from + about($how->{takes}, 20 * DAY), 'extend' ] } grep { chance(0.2) } 1 .. 2;
			push @agenda, [ $from + about($how->{takes} / 2, 9 * DAY), 'amend' ] if chance(0.3);
			push @agenda, [ between($began + 1, $known), 'amend' ] if $known > $began + 1 && chance(0.3);
			my ($held, $length) = ($from + about($how->{takes} / 2, 9 * DAY), about(30 * HOUR, 9 * DAY));
			my $done = $from + about($how->{takes}, 30 * DAY);
			push @agenda, [ $held, 'hold', $held + $length ] if chance($how->{holds}) && $held + $length < $last_call;
			push @agenda, [ $from + about($how->{takes} / 3, 9 * DAY), 'failed' ] if chance($how->{fails} // 0);
			push @agenda, [ $from + about($how->{takes} / 2, 9 * DAY), 'send_back' ] if $next && !$how->{message} && $times_back < 2 && chance(0.1);
			if (!$how->{message})
			{
				push @agenda, [ $from + about($how->{takes} / 3, 9 * DAY), 'claim' ] if chance(0.4);
				push @agenda, [ $done, 'done' ] unless chance($how->{silence} // 0);
			}
			else
			{
				$send->(between($opened, $at), chance(0.8) ? $key : "F$n") if $cycle == 1 && chance(0.3);
				if ($kept_letter->($at, $key))
				{
					$rare->{ $cycle == 1 ? 'messages before anybody waited' : 'messages before anybody waited again' }++;
					$over = $at;
				}
				elsif (chance(0.9)) { push @agenda, [ $done, 'message' ] }
				push @agenda, map { [ $_->{at}, 'message', $_ ] } grep { $_->{at} > $at } @letters;
			}

			while (@agenda && !$over)
			{
				@agenda = sort { $a->[0] <=> $b->[0] } @agenda;
				my ($when, $what, $until) = @{ shift @agenda };
				my $by_law = $law->();
				if (defined $by_law && $when >= $by_law)
				{
					$send->($when, $key) if $what eq 'message' && !$until && $when < $last_call;
					next;
				}
				next if $when > $last_call;
				if ($what eq 'amend') { $amend->($when, $when < $known ? "$state, before the worker saw that" : $state) }
				elsif ($what eq 'extend') { $extend->($id, $clock, $when) }
				elsif ($what eq 'message')
				{
					my $letter = $until // $send->($when, $key);
					next if $state eq 'on_hold' || $letter->{key} ne $key;
					$letter->{used} = $letter->{row}[6] = 1;
					$over = $when;
				}
				elsif ($what eq 'resume')
				{
					$clock->go_on($when);
					$ticket->go_on($when) if $whole;
					$state = $until;
					next unless $how->{message} && $kept_letter->($when, $key);
					$rare->{'messages while on hold'}++;
					$over = $when;
				}
				elsif ($state eq 'on_hold') { push @agenda, [ $when + 7 * HOUR, $what ] }
				elsif ($state eq 'failed') { next }
				elsif ($what eq 'hold')
				{
					$whole = $when > $at + MIN && chance(0.4);
					$rare->{"the ticket on hold when $state"}++ if $whole;
					$hold->($whole ? undef : $id, $when, $until, !$how->{message} && chance(0.5));
					$clock->stop($when);
					$ticket->stop($when) if $whole;
					push @agenda, [ $until, 'resume', $state ];
					$state = 'on_hold';
				}
				elsif ($what eq 'send_back')
				{
					$back = int(rand($next));
					$do->($when, 'send_back', $id, $order[$back]);
					$say->('sent_back', $next - $back + 1);
					$rare->{'sent back to where it waits'}++ if $year->{permit}{ $order[$back] }{message} || $year->{permit}{ $order[$back] }{delay};
					$times_back++;
					$over = $when;
				}
				elsif ($what eq 'claim')
				{
					$do->($when, 'claim', $id, 'pat');
					$say->('in_progress');
					$state = 'in_progress';
				}
				elsif ($what eq 'failed')
				{
					$do->($when, 'failed', $id);
					$say->('failed');
					$say->('ticket_failed');
					$state = 'failed';
				}
				else
				{
					my %output;
					foreach (sort keys %{ $how->{output} // {} })
					{
						my $date = $how->{output}{$_};
						delete $date{$_};
						next unless chance($date->{often});
						($output{$_}, $date{$_}) = dated($calendar, $when + between(@$date{qw(from to)}), $date->{is_end});
						$rare->{'dates from an output'}++;
					}
					$do->($when, 'done', $id, undef, undef, undef, \%output);
					$over = $when;
				}
			}
			my $by_law = $over ? undef : $law->();
			if ($by_law)
			{
				$over = $by_law;
				$away->($by_law, 'done by law');
				$rare->{"done by law when $state"}++;
				delete @date{ keys %{ $how->{output} // {} } };
			}
			if (!$over)
			{
				$record->($id, $cycle, $clock, $end, $state, $began);
				$status = 'failed' if $state eq 'failed';
				last;
			}
			$clock->finish($over);
			if (defined $back)
			{
				$record->($id, $cycle, $clock, $over, $state, $began);
				($at, $known, $next) = ($over, $over, $back);
				next;
			}
			$say->('done');
			$record->($id, $cycle, $clock, $over, 'done', $began, $by_law);
			# Who looks at what comes next does not know before the clock was looked at.
			($at, $known) = ($over, $over);
			($known) = next_of($ticks, $over - 1) if $by_law;
			$extend->(undef, $ticket, $at + MIN) if $how->{delay} && $at + MIN < $last_call && chance(0.15);
			$status = 'done' if ++$next == @order;
		}
		$ticket->finish($at) if $status eq 'done';
		$say->('ticket_done') if $status eq 'done';
		$record->('', 1, $ticket, $status eq 'done' ? $at : $end, $status);
	}
	return;
}

1;
