# OmsYearTools: what both parts of OmsYear use: chance, moments, and what a cycle must show when it is over.

package OmsYearTools;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use OmsYearClock;
use POSIX ();

our @EXPORT = qw(SEC MIN HOUR DAY moment between chance about moments next_of expected alarms_of);

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

1;
