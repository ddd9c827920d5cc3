# make demo-cells shows what it says.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;

my ($out, $err) = run_command(['tools/demo-cells.sh']);
is($err, '', 'it has no trouble');
like($out, qr/ done +\| fund\n/, 'a loan runs through');
like($out, qr/ERROR:  unknown stage "no such stage" of ticket DL-\d+-\d+\n/, 'an error is that of the cell');
like($out, qr/ERROR:  cell "north" was not reached\n/, 'tickets of a cell that is stopped fail with its name');
like($out, qr/WARNING:  cell "north" was not reached\n.*DL-\d+-1\d{6} \| risk_ai/s, '… and all else goes on');
like($out, qr/It comes back\n.*\n stage_done \n-+\n \{\}\n/, 'it comes back');
like($out, qr/ problems \n-+\n +0\n/, 'both are whole');
done_testing();
