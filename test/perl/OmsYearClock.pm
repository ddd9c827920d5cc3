# OmsYearClock: calendars and clocks for OmsYear, worked out from lists of opening intervals, without oms. Times and lengths
# are in microseconds, times since 1970.

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

1;
