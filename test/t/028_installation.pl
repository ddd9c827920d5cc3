# docs/operation/install.md as it stands: install, upgrade, uninstall, into an installation of its own; and what
# happens if the files are gone while the library is still preloaded.
use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use File::Basename;
use OmsData;
use OmsDocument;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $page = OmsDocument->read("$top/docs/operation/install.md");
my ($install_path, $extensions) = oms_installation();
my $preload = "shared_preload_libraries = 'oms'";

# A pg_config that leads into the installation, and for the rest to the development files, wherever in the PATH they are
my @path = split /:/, $ENV{PATH};
shift @path until !@path || -e (`PATH='@{[ join ':', @path ]}' pg_config --includedir-server 2>/dev/null` =~ s/\n//r) . '/postgres.h';
my $pg_config = PostgreSQL::Test::Utils::tempdir() . '/pg_config';
my $ours = "$install_path/bin/pg_config";
append_to_file($pg_config, <<"SH");
#!/bin/sh
case "\$1" in
--bindir | --pkglibdir | --sharedir) exec $ours "\$@" ;;
*) PATH='@{[ join ':', @path ]}' exec pg_config "\$@" ;;
esac
SH
chmod 0755, $pg_config;

my ($library) = `$pg_config --pkglibdir` =~ /(.*)/;
sub files { return grep { -e } "$library/oms.so", glob "$extensions/oms*" }

my $node = PostgreSQL::Test::Cluster->new('page', install_path => $install_path);
$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf', "oms.worker = on\n");

# Run a block in a database, as a reader would.
sub try_block
{
	my ($block, $db) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $page->try($block, PG_CONFIG => $pg_config, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => $db);
}

# Take the library out of the settings.
sub stop_preloading
{
	my $conf = $node->data_dir . '/postgresql.conf';
	my $text = slurp_file($conf) =~ s/^\Q$preload\E\n//mgr;

	unlink $conf;
	append_to_file($conf, $text);
}

chdir $top;

# ---- Install ----

unlink files();
$node->start;
foreach my $block ($page->section('Install'))
{
	if ($block->{language} eq 'conf')
	{
		$node->append_conf('postgresql.conf', $block->{text});
		$node->restart;
	}
	else { try_block($block, 'postgres') }
}
cmp_ok(scalar(() = files()), '>=', 3, 'library, control file and script are there');
is($node->safe_psql('postgres', q{SELECT oms.version() = extversion FROM pg_extension WHERE extname = 'oms'}), 't', 'it works');

# ---- Upgrade ----

# An older version, which differs by nothing but its name, and an update from it
my ($newest) = slurp_file("$extensions/oms.control") =~ /^default_version = '(.*)'/m;
append_to_file("$extensions/oms--0.9.sql", slurp_file("$extensions/oms--$newest.sql"));
append_to_file("$extensions/oms--0.9--$newest.sql", "SELECT 1;\n");
$node->safe_psql('postgres', 'CREATE DATABASE work');
$node->safe_psql('work', q{CREATE EXTENSION oms VERSION '0.9'});
$node->safe_psql('work', q{SELECT oms.create_workflow('{"name": "Permit", "stages": [{"id": "a", "owner": "A", "slaMins": 0}]}');
	SELECT oms.open_ticket('Permit')});
sql_like($node, 'work', 'SELECT oms.version()', qr/ERROR: .*HINT:  Run ALTER EXTENSION oms UPDATE/s, 'between restart and update: version() tells');
is($node->safe_psql('work', 'SELECT status FROM oms.health()'), 'bad', '… health() is bad');
ok($node->poll_query_until('work', q{SELECT state = 'wrong version' FROM oms.worker_status WHERE database = 'work'}), '… the worker rests');
try_block($_, 'work') foreach $page->section('Upgrade');
is($node->safe_psql('work', 'SELECT oms.version()'), $newest, 'upgraded');
ok($node->poll_query_until('work', q{SELECT status <> 'bad' FROM oms.health()}), '… health() is not bad any more');
ok($node->poll_query_until('work', q{SELECT EXISTS (SELECT FROM oms.timeline WHERE status = 'breached')}), '… the timer has fired');

# ---- Uninstall ----

$node->safe_psql('postgres', q{SELECT oms.create_workflow('{"name": "Permit", "stages": [{"id": "a", "owner": "A"}]}');
	SELECT oms.open_ticket('Permit')});

# In the wrong order
my ($drop, $uninstall) = $page->section('Uninstall');
try_block($uninstall);
is(join(' ', grep { !/0\.9/ } files()), '', 'make uninstall takes the files away');
is($node->safe_psql('postgres', 'SELECT count(*) FROM oms.ticket'), '1', '… the server goes on');
$node->stop;
is($node->start(fail_ok => 1), 0, '… but does not start again');
like(slurp_file($node->logfile), qr/FATAL:  could not access file "oms"/, '… and says why');
stop_preloading();
$node->start;
pass('without the setting it does');
sql_like($node, 'work', 'SELECT * FROM oms.ticket', qr/ERROR: .*could not access file/, '… nobody can read the tickets');
$node->command_fails([ 'pg_dump', '-f', '/dev/null', 'work' ], '… or dump them');
$node->safe_psql('work', 'DROP EXTENSION oms');
is($node->safe_psql('work', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'oms'}), '0', '… only DROP EXTENSION works');

# In the right one
try_block($_) foreach grep { $_->{text} =~ /make install/ } $page->section('Install');
$node->append_conf('postgresql.conf', $preload);
$node->restart;
is($node->safe_psql('postgres', 'SELECT count(*) FROM oms.ticket'), '1', 'installed again: everything is there');
sql_like($node, 'postgres', $drop->{text}, qr/ERROR: .*there are tickets.*HINT:  DROP EXTENSION oms CASCADE/s,
	'the extension is not dropped with its tickets');
$node->safe_psql('postgres', $drop->{text} =~ s/;/ CASCADE;/r);
stop_preloading();
$node->restart;
try_block($uninstall);
$node->restart;
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'oms'}), '0', 'nothing of it is left');

$node->stop;
done_testing();
