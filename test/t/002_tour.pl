# The tours of make demo run to their end without a key pressed, and what comes first fits on three screens.
use strict;
use warnings FATAL => 'all';

use Cwd;
use Test::More;

# As a script of the run, which tools/test.sh has prepared
plan skip_all => 'not in a run' unless $ENV{OMS_RUN};

sub tour
{
	local $ENV{TOUR} = shift;
	my $output = `tools/demo.sh 2>&1 </dev/null`;

	return ($? >> 8, $output);
}

my ($status, $output) = tour('');
is($status, 0, 'the short tour runs to its end') or diag($output);
cmp_ok(scalar(split /\n/, $output), '<=', 150, 'on three screens');
like($output, qr/"id_check".*"IRS_Bot".*: 5}.*"RiskAI".*: 15,.*"SBA_Team".*: 240,.*"minAmount": 50000}.*"Treasury_Bot".*: 60,/s, 'with the loan');
like($output, qr/^ok: DL-\d+-00001, 17 events, sealed by seal 1/m, 'up to the proof');
like($output, qr/make demo TOUR=all/, 'and tells of the others');

my @tours = sort map { m,([^/]+)\.sql$, } glob('tools/tour/*.sql');
($status, $output) = tour('clocks');
is($status, 0, 'one of the others runs alone') or diag($output);
like($output, qr/^== Office hours/m, 'with its title');
unlike($output, qr/^== 1\. A workflow/m, 'and without the loan');

($status, $output) = tour('all');
is($status, 0, 'all of them run') or diag($output);
is(scalar(grep { $output =~ /\b$_\b/ } @tours), scalar @tours, 'they are named');
like($output, qr/$_/m, "with $_")
  for '^== 1\. A workflow', '^== Too late', '^== Office hours', '^== By itself', '^== Who sees what', '^== The evidence',
  '^event 11: content does not match the hash', '^== For those who run it';

($status, $output) = tour('nowhere');
isnt($status, 0, 'an unknown tour is refused');
like($output, qr/no tour nowhere; there are: .*clocks/, 'with the names of those that are there');

done_testing();
