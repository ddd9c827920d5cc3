# OmsYear: a year of a ministry, made up beforehand, and every figure of it worked out without oms.
#
# year_of() invents tickets and what people and bots do to them at which microsecond, and says what must come out: per
# ticket, stage and cycle the open time used up, the due time, breach, warnings and steps, and how many events of each
# kind there are. It knows calendars only as lists of opening intervals that somebody gives to it. Times and lengths are
# in microseconds, times since 1970. Beside the tickets that go all ways there are permits, which wait for moments and
# messages, get more time, are held and sent back, are corrected, and are granted if nobody says anything.

package OmsYear;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use JSON::PP ();
use OmsYearClock;
use OmsYearPermits qw(permits);
use OmsYearTools;

our @EXPORT_OK = qw(moment year_of);

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

1;
