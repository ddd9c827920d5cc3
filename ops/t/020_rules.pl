# The alert rules: promtool's unit tests pass, and they would notice an alert that never fires or always does.
use strict;
use warnings FATAL => 'all';

use File::Basename;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = dirname(__FILE__) . '/../prometheus';
my $rules = slurp_file("$folder/oms.rules.yml");
my %alerts = map { $_ => 1 } $rules =~ /- alert: (\w+)/g;
cmp_ok(scalar(keys %alerts), '>', 10, 'there are alerts');

# What promtool says of the unit tests with these rules; the last status is that of promtool.
sub promtool
{
	my ($text) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	append_to_file("$dir/oms.rules.yml", $text);
	append_to_file("$dir/$_", slurp_file("$folder/$_")) foreach qw(oms.rules.test.yml oms.rules.hours.test.yml);
	return scalar `promtool test rules '$dir/oms.rules.test.yml' '$dir/oms.rules.hours.test.yml' 2>&1`;
}

sub failed { return { map { $_ => 1 } $_[0] =~ /^ +alertname: (\w+), time/mg } }

is(scalar `promtool check rules '$folder/oms.rules.yml' 2>&1 >/dev/null`, '', 'the rules are sound');
my $said = promtool($rules);
is($?, 0, 'the unit tests pass') or diag($said);
(my $never = $rules) =~ s/expr: .*/expr: vector(0) > 1/g;
is_deeply(failed(promtool($never)), \%alerts, 'each alert has a test that needs it to fire');
(my $always = $rules) =~ s/expr: .*\n( +for: .*\n)?/expr: vector(1)\n/g;
is_deeply(failed(promtool($always)), \%alerts, 'each alert has a test that needs it to be quiet');

done_testing();
