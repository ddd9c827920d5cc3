# A server for a test: with the settings of test/oms.conf, and with the superuser postgres, whoever runs the
# tests and whatever roles they make.
#
#	my $node = oms_server($node, conf => "…", stopped => 1, init => { allows_streaming => 1 });
package OmsServer;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(oms_server);

# Every program that connects, and the standbys
$ENV{PGUSER} = 'postgres';

my $system_or_bail = \&PostgreSQL::Test::Utils::system_or_bail;
my $is_first = 1;

# The first server of a test is a copy of what initdb has made once.  Copies have the same system identifier, so
# others are made again: some tests are about what moves from one server to another.
sub init_by_copy
{
	my ($node, @how) = @_;
	no warnings 'redefine';
	local *PostgreSQL::Test::Utils::system_or_bail = sub {
		return $system_or_bail->($_[0] eq 'initdb' ? ('cp', '-Rp', $ENV{OMS_INITDB_COPY}, $node->data_dir) : @_);
	};
	$node->init(@how);
}

sub oms_server
{
	my ($node, %how) = @_;
	my @init = (%{ $how{init} // {} }, extra => [qw(--username=postgres --encoding=UTF8 --no-locale)]);

	if ($is_first && $ENV{OMS_INITDB_COPY}) { init_by_copy($node, @init) }
	else { $node->init(@init) }
	$is_first = 0;
	$node->append_conf('postgresql.conf',
		slurp_file($ENV{OMS_CONF} // dirname(__FILE__) . '/../oms.conf') . "\n" . ($how{conf} // ''));
	$node->start unless $how{stopped};
	return $node;
}

1;
