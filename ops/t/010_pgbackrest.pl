# docs/operation/backup.md, by pgBackRest: what it shows is run; then somebody does harm, and the server goes back to the moment
# before it.
use strict;
use warnings FATAL => 'all';

use File::Basename;
use OmsBackup;
use PostgreSQL::Test::Utils;
use Test::More;

my $doc = OmsDocument->read(dirname(__FILE__) . '/../../docs/operation/backup.md');
my @blocks = $doc->section('pgBackRest');
my ($ini) = grep { $_->{language} eq 'ini' } @blocks;
my ($conf) = grep { $_->{language} eq 'conf' } @blocks;
my $dir = PostgreSQL::Test::Utils::tempdir();

# Its files are in a folder of this test; the archiver finds them by the same variables.
$ENV{PGBACKREST_CONFIG} = "$dir/pgbackrest.conf";
$ENV{PGBACKREST_LOCK_PATH} = "$dir/lock";
$ENV{PGBACKREST_LOG_LEVEL_FILE} = 'off';
$ENV{PGBACKREST_LOG_LEVEL_STDERR} = 'warn';

my $backup = OmsBackup->new($doc, 'pgBackRest', conf => $conf->{text});
my $node = $backup->node;
ok($ini->{text} =~ s{^repo1-path=\K.*}{$dir/repo}m, 'the document says where the backups are');
ok($ini->{text} =~ s{^pg1-path=\K.*}{$node->data_dir}me, '… and of what');
append_to_file("$dir/pgbackrest.conf", $ini->{text} . "pg1-socket-path=@{[ $node->host ]}\npg1-port=@{[ $node->port ]}\n");

# Half of the work is in the backup, the other half in the log only.
my @commands = grep { $_->{language} =~ /^(sh|sql)$/ } @blocks;
my ($restore) = grep { $commands[$_]{notes}{lost} } 0 .. $#commands;
$backup->follow(@commands[ 0 .. $restore - 1 ]);
$backup->work;
is($backup->ask('SELECT count(*) > 50 FROM oms.ticket'), 't', 'work since the backup');
$backup->moment($backup->ask('SELECT clock_timestamp()'));

# The harm
$node->safe_psql('work', 'DROP EXTENSION oms CASCADE');
is($backup->ask(q{SELECT to_regnamespace('oms') IS NULL}), 't', 'all is lost');

$backup->follow(@commands[ $restore .. $#commands ]);
$backup->check;
$backup->set_to_work;

# After the restore the archive goes on, on another timeline.
$node->start;
$backup->follow(grep { $_->{text} =~ /--type=full/ } @commands);
done_testing();
