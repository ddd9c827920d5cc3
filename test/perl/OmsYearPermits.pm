# OmsYearPermits: the permits of OmsYear, which wait for moments and messages, get more time, are held and sent back, are
# corrected, and are granted if nobody says anything.

package OmsYearPermits;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use JSON::PP ();
use OmsYearClock;
use OmsYearTools;
use POSIX ();

our @EXPORT_OK = qw(permits);

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
