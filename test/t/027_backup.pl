# docs/operation/backup.md, by pg_dump and pg_basebackup: what it shows is run, the server is lost, and after the restore,
# the check and the activation it goes on where it was. (pgBackRest: ops/t/010_pgbackrest.pl.)
use strict;
use warnings FATAL => 'all';

use File::Basename;
use OmsBackup;
use Test::More;

my $doc = OmsDocument->read(dirname(__FILE__) . '/../../docs/operation/backup.md');

foreach my $way ('pg_dump', 'pg_basebackup')
{
	my $backup = OmsBackup->new($doc, $way);
	$backup->work;
	$backup->follow($doc->section($way));
	$backup->check;
	$backup->set_to_work;
}

done_testing();
