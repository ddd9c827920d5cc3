# The documents tell the truth: every command that README.md and the pages of docs/ show is run here, and
# what they print beneath it is what comes out.
#
# A document is read from top to bottom, its SQL in one session of a database of its own:
#
#	```sql		is run by psql; must not fail, unless its output is shown
#	```text		beneath it is the output, to the letter (but for the number of a process, and for the
#				suffix of a tracking number, which nobody can know beforehand)
#	```mermaid	beneath it is the same, without the lines that psql draws around it
#	<!-- sql: SET oms.now = '…' -->		is run as well, unseen: so times can be compared, too. Pages that go on from
#				the same tickets begin with a script of test/docs
#	```sh		"make x" must be a target; "cc" compiles the C block above it, "./x" runs it, and the
#				output beneath is what it prints when a ticket is opened
#	```json		must be JSON
#	```conf		must be among the settings of the tests' server
#	```duckdb, ```subscriber	are tried by clients/lake/test.sh and 023_logical
#	```ts		is run by clients/typescript/test.sh, with its output
#
# What needs more than one server has tests of its own, which it names: <!-- tested by: test/t/… ops/t/… -->.
#
# If a document is wrong, what it should have been stands with the logs of this test.
use strict;
use warnings FATAL => 'all';

use Cwd;
use File::Basename;
use File::Path qw(make_path);
use IPC::Run;
use JSON::PP;
use OmsServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = dirname(__FILE__) . '/../..';
my $conf = $ENV{OMS_CONF} // "$top/test/oms.conf";
my $node = oms_server(PostgreSQL::Test::Cluster->new('docs'));

# ---- reading a document ----

# Its blocks: language, text, unseen SQL before it, line, and the block of output if one follows.
sub blocks
{
	my ($document) = @_;
	my (@blocks, $unseen, $block, $last);
	my $line = 0;

	$unseen = '';
	foreach (split /^/, $document)
	{
		$line++;
		if ($block && /^```\s*$/)
		{
			if ($block->{language} !~ /^(text|mermaid)$/) { push @blocks, $last = $block }
			elsif ($last && !$last->{output}) { $last->{output} = $block }
			else { push @blocks, { %$block, language => "$block->{language} without a command" } }
			undef $block;
		}
		elsif ($block)          { $block->{text} .= $_ }
		elsif (/^```(\w*)/)
		{
			$block = { language => $1, text => '', line => $line, unseen => $unseen };
			$unseen = '';
		}
		elsif (/^<!-- sql: (.*) -->$/) { $unseen .= "$1\n;\n" }
		elsif (/\S/)                   { undef $last }
	}
	push @blocks, { %$block, language => 'block without an end' } if $block;
	return @blocks;
}

sub normal
{
	my ($text) = @_;
	$text =~ s/(server process with PID) \d+/$1 N/g;
	$text =~ s/\b([A-Z]{1,4}-\d{4}-\d{5,})-[0-9A-HJKMNP-TV-Z]{9}\b/$1-SUFFIX/g;
	$text =~ s/\s+\z//;
	return $text;
}

# ---- SQL ----

sub new_database
{
	my ($db) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	return $db;
}

# Run all SQL blocks in one session; each gets its outcome.
sub run_sql
{
	my ($db, @sql) = @_;
	my ($script, $out) = ('', '');

	for my $i (0 .. $#sql)
	{
		my $text = "$sql[$i]{text}\n";
		$text = "\\pset format unaligned\n\\pset tuples_only on\n$text\\pset tuples_only off\n\\pset format aligned\n"
		  if $sql[$i]{output} && $sql[$i]{output}{language} eq 'mermaid';
		$script .= "\\echo \@\@unseen $i\n$sql[$i]{unseen}\\echo \@\@begin $i\n$text\\echo \@\@end $i\n";
	}
	IPC::Run::run([ 'psql', '-Xq', '-d', $node->connstr($db) ], '<', \$script, '>&', \$out,
		init => sub { chdir $top or die "no $top" }, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	for my $i (0 .. $#sql)
	{
		$out =~ /^\@\@unseen $i\n(.*?)^\@\@begin $i\n(.*?)^\@\@end $i\n/ms;
		$sql[$i]{trouble} = $1 // "(did not run)\n";
		$sql[$i]{outcome} = $2 // '';
	}
}

# ---- shell ----

my %targets = map { $_ => 1 } qw(all install uninstall installcheck clean);
$targets{$_} = 1
  foreach map { split ' ', $_ } slurp_file("$top/Makefile") =~ /^([a-z][a-z -]*):(?!=)/mg;

# The pg_config that knows where libpq's files are; in the tests' PATH a copy of the server comes first.
sub libpq_path
{
	my @path = split /:/, $ENV{PATH};
	for (; @path; shift @path)
	{
		my $include = `PATH='@{[ join ':', @path ]}' pg_config --includedir 2>/dev/null`;
		chomp $include;
		return join ':', @path if $include && -e "$include/libpq-fe.h";
	}
	return $ENV{PATH};
}

# Run a listener, open a ticket, and see what it prints.
sub run_listener
{
	my ($program, $db) = @_;
	my ($out, $err) = ('', '');
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => $db);
	my $run = IPC::Run::start([$program], '>', \$out, '2>', \$err,
		my $timer = IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default));

	$node->poll_query_until($db,
		"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query ~ '^LISTEN' AND state = 'idle')");
	$node->safe_psql($db, q{SET oms.now = '2026-03-02 15:00+00'; SELECT oms.open_ticket('DisasterLoan')});
	$run->pump until $out =~ /\n/ || $timer->is_expired || !$run->pumpable;
	$run->kill_kill;
	return $out . $err;
}

# Returns what is wrong, or ''.
sub run_shell
{
	my ($block, $c, $dir, $db) = @_;

	foreach my $line (split /\n/, $block->{text})
	{
		$line =~ s/\s+#.*//;
		if ($line =~ /^make\b(.*)/)
		{
			foreach (grep { !/=/ } split ' ', $1)
			{
				return "the Makefile has no target $_" unless $targets{$_};
			}
		}
		elsif ($line =~ /^cc (\S+\.c) /)
		{
			return 'no C block above' unless $c;
			append_to_file("$dir/$1", $c->{text});
			my $path = libpq_path();
			my $said = `cd '$dir' && PATH='$path' && $line -Wall -Werror 2>&1`;
			return "does not compile: $said" if $?;
		}
		elsif ($line =~ m{^\./(\w+)$}) { $block->{outcome} = run_listener("$dir/$1", $db) }
		else { return "this test does not know how to try: $line" }
	}
	return '';
}

# ---- judging ----

# What is wrong with a block, or ''.
sub verdict
{
	my ($block, $c, $dir, $db) = @_;
	my $is = $block->{language};

	if ($is eq 'sql')
	{
		return "before it:\n$block->{trouble}" if $block->{trouble};
		return "failed:\n$block->{outcome}" if !$block->{output} && $block->{outcome} =~ /^(ERROR|FATAL|PANIC)/m;
	}
	elsif ($is eq 'sh')
	{
		my $wrong = run_shell($block, $c, $dir, $db);
		return $wrong if $wrong;
	}
	elsif ($is eq 'json')
	{
		return "not JSON: $@" unless eval { JSON::PP->new->utf8->decode($block->{text}) };
	}
	elsif ($is eq 'conf')
	{
		my $settings = slurp_file($conf);
		foreach (grep { /\S/ } split /\n/, $block->{text})
		{
			return "the tests' server does not have $_" if index($settings, $_) < 0;
		}
	}
	elsif ($is eq 'ts') { return '' }
	elsif ($is !~ /^(c|duckdb|subscriber)$/) { return "this test does not know what to do with: $is" }

	return '' unless $block->{output};
	return '' if normal($block->{output}{text}) eq normal($block->{outcome} // '');
	return "shown:\n$block->{output}{text}real:\n" . ($block->{outcome} // "nothing\n");
}

# Run a document; a list of [line, language, what is wrong].
sub judge
{
	my ($document, $db) = @_;
	my @blocks = blocks($document);
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my ($c, @verdicts);

	new_database($db);
	run_sql($db, grep { $_->{language} eq 'sql' } @blocks);
	foreach my $block (@blocks)
	{
		$c = $block if $block->{language} eq 'c';
		push @verdicts, [ $block->{line}, $block->{language}, verdict($block, $c, $dir, $db), $block ];
	}
	return @verdicts;
}

# The document with the outputs that it should show.
sub corrected
{
	my ($document, @verdicts) = @_;
	my @lines = split /^/, $document;

	foreach my $block (map { $_->[3] } reverse grep { $_->[2] && $_->[3]{output} } @verdicts)
	{
		splice @lines, $block->{output}{line}, scalar(split /^/, $block->{output}{text}),
		  normal($block->{outcome} // '') . "\n";
	}
	return join '', @lines;
}

my %document = map { $_ => slurp_file("$top/$_") }
  map { s{^\Q$top/}{}r } "$top/README.md", glob("$top/docs/*.md $top/docs/*/*.md");
foreach my $name (sort keys %document)
{
	(my $db = lc $name) =~ s/\W/_/g;
	if (my ($tests) = $document{$name} =~ /^<!-- tested by: (.*) -->$/m)
	{
		like(slurp_file("$top/$_"), qr/\b\Q$name\E\b/, "$name is tested by $_") foreach split ' ', $tests;
		next;
	}
	my @verdicts = judge($document{$name}, $db);

	is($_->[2], '', "$name:$_->[0] ($_->[1])") foreach @verdicts;
	cmp_ok(scalar(@verdicts), '>', 0, "$name shows something") if $document{$name} =~ /^```/m;
	if (grep { $_->[2] } @verdicts)
	{
		my $dir = $ENV{TESTLOGDIR} // PostgreSQL::Test::Utils::tempdir();
		make_path(dirname("$dir/$name"));
		append_to_file("$dir/$name", corrected($document{$name}, @verdicts));
		note("$name as it should be stands with the logs of this test");
	}
}

# This test can fail.
{
	my $number = 0;
	my $wrong = sub {
		return scalar grep { $_->[2] } judge($_[0], 'wrong' . ++$number);
	};
	my $first = "```sql\nCREATE EXTENSION oms;\nSELECT oms.version();\n```\n";
	is($wrong->("$first```text\n version \n---------\n 1.0\n(1 row)\n\n```\n"), 0, 'the right output is right');
	is($wrong->("$first```text\n version \n---------\n 0.9\n(1 row)\n\n```\n"), 1, 'another output is found');
	is($wrong->("$first```mermaid\n1.0\n```\n"), 0, 'the right picture is right');
	is($wrong->("$first```mermaid\n0.9\n```\n"), 1, 'another picture is found');
	is($wrong->("$first```sql\nSELECT oms.no_such();\n```\n"), 1, 'a statement that fails is found');
	is($wrong->("```sh\nmake nosuch\n```\n"), 1, 'a target that is not there is found');
	is($wrong->("```sh\nrm -r nosuch\n```\n"), 1, 'a command that cannot be tried is found');
	is($wrong->("```json\n{]\n```\n"), 1, 'bad JSON is found');
	is($wrong->("```text\nnothing\n```\n"), 1, 'output of nothing is found');
	is($wrong->("$first```sql\nSELECT 1;\n"), 1, 'a block without an end is found');
}

# The recipes of the cookbook: each defines a workflow, shows its picture, and runs tickets to their end.
{
	my @recipes = split /^(?=## )/m, $document{'docs/guides/cookbook.md'};
	my %workflow;
	foreach (grep { /^## \d/ } @recipes)
	{
		my ($title) = /^## (.*)/;
		my ($name) = /create_workflow\('\{\s*"name": "(.*?)"/ or next;
		$workflow{$name} = 1;
		like($_, qr/^SELECT oms.diagram\('\Q$name\E'\);\n```\n```mermaid$/m, "$title has a picture");
		is($node->safe_psql('docs_guides_cookbook_md', "SELECT count(*), bool_and(jsonb_array_length(definition -> 'examples') > 0)
			FROM oms.workflow WHERE name = '$name'"), '1|t', "$title carries examples");
		is($node->safe_psql('docs_guides_cookbook_md', "SELECT count(*) > 0, bool_and(status IN ('done', 'cancelled'))
			FROM oms.ticket WHERE workflow = '$name'"), 't|t', "$title comes to its end");
	}
	is(scalar(keys %workflow), scalar(grep { /^## \d/ } @recipes), 'each recipe has its workflow');
	cmp_ok(scalar(keys %workflow), '>=', 14, '… and there are fourteen');
	is($node->safe_psql('docs_guides_cookbook_md', 'SELECT c.* FROM oms.ticket AS t, oms.check(t.ticket_id) AS c'), '',
		'all is well with every ticket of the cookbook');
}

# ---- the reference against the sources and the server ----

sub page { return $document{"docs/$_[0].md"} // die "no page $_[0]" }

my $db = 'docs_reference_functions_md';

sub rows { return sort split /\n/, $node->safe_psql($db, $_[0]) }

# Functions and procedures, with their arguments and results; those behind a view are with the relations
my @shown = sort { $a cmp $b } page('reference/functions') =~ /^\| `(\w+\(.*?\) → .+?|CALL \w+\(.*?\))` \|/mg;
my @real = sort map {
	s/timestamp with time zone/timestamptz/g;
	s/\binteger\b/int/g;
	s/\bboolean\b/bool/g;
	s/\boms\.ticket_id\b/ticket_id/g;
	s/"(time|row)"/$1/g;
	s/::[a-z_]+(\[\])?//g;
	s/ DEFAULT / = /g;
	s/(?<=[(, ])IN //g if /^CALL /;
	$_
} rows(q{SELECT CASE prokind WHEN 'p' THEN format('CALL %s(%s)', proname, pg_get_function_arguments(oid))
		ELSE format('%s(%s) → %s', proname, pg_get_function_arguments(oid), pg_get_function_result(oid)) END
	FROM pg_proc WHERE pronamespace = 'oms'::regnamespace AND prorettype <> 'trigger'::regtype
	AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind = 'v' AND relname = proname)
	AND proname !~ '^ticket_id|^text$|^fingerprint$|^(ticket|stage)_status$|^get_archived_ticket$'});
is_deeply(\@shown, \@real, 'reference/functions lists every function as it is');
my %named = map { /^(?:CALL )?(\w+)/ => 1 } @shown;
is_deeply([ sort keys %named ], [ rows(q{SELECT DISTINCT function FROM oms.help_task
	WHERE function NOT IN ('metrics', 'worker_errors', 'worker_status')}) ], 'help() knows them all');

# Relations
my %columns = page('reference/relations') =~ /^\| `(oms\.\w+)` \| .*? \| `([a-z_0-9, ]+)` \|$/mg;
cmp_ok(scalar(keys %columns), '>', 3, 'reference/relations has relations');
foreach my $relation (sort keys %columns)
{
	is($columns{$relation}, $node->safe_psql($db, "SELECT string_agg(attname, ', ' ORDER BY attnum)
		FROM pg_attribute WHERE attrelid = '$relation'::regclass AND attnum > 0 AND NOT attisdropped"),
		"columns of $relation");
}

# Levels: what a role that has one may execute and read
my ($level_table) = page('guides/access') =~ /^\| level \| area .*?\n\|[-|]+\n(.*?)\n\n/ms;
my ($shown_for, %shown_level) = ('');
foreach (split /\n/, $level_table)
{
	my ($of, $may) = /^\| (?:`(\w+)`)? *\| .*?\| (.*) \|$/ or die "not understood: $_";
	$shown_for = $of // $shown_for;
	$shown_level{$shown_for} .= " $may";
}
my ($everyone) = page('guides/access') =~ /^All of them may call (.*)\.$/m;
my (%level, %relation_of);
foreach my $level (qw(citizen portal agent monitor staff admin))
{
	my %has = map { $_ => 1 } grep { !/\./ } $everyone =~ /`([\w.]+)`/g;
	my %reads = map { $_ => 1 } grep { /\./ } $everyone =~ /`([\w.]+)`/g;
	foreach my $word ($shown_level{$level} =~ /`([\w.]+)`/g)
	{
		if ($word =~ /\./) { $reads{$word} = 1 }
		elsif ($level{$word}) { %has = (%has, %{$level{$word}}); %reads = (%reads, %{$relation_of{$word}}) }
		else { $has{$word} = 1 }
	}
	$level{$level} = \%has;
	$relation_of{$level} = \%reads;
	$node->safe_psql($db, "CREATE ROLE level_$level; SELECT oms.grant_access('level_$level', '$level')");
	is_deeply([ sort keys %has ], [ rows("SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'oms'::regnamespace
		AND has_function_privilege('level_$level', oid, 'EXECUTE')
		AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind = 'v' AND relname = proname)
		AND proname !~ '^ticket_id|^text\$|^fingerprint\$|^(ticket|stage)_status\$|^get_archived_ticket\$'") ], "what $level may execute");
	is_deeply([ sort keys %reads ], [ rows("SELECT DISTINCT format('oms.%s', relname) FROM pg_class
		WHERE relnamespace = 'oms'::regnamespace AND relkind IN ('r', 'v', 'p') AND relname <> 'help_task'
		AND has_table_privilege('level_$level', oid, 'SELECT')") ], "what $level may read");
}

# Keys of a definition
my $source = slurp_file("$top/src/engine/definition.c");
foreach my $what (qw(workflow stage))
{
	my ($rules) = $source =~ /OmsKeyRule ${what}_keys\[\] = \{(.*?)\n\};/s;
	my ($table) = page('reference/definition') =~ /^\| key of [a-z]+ $what \|.*?\n(.*?)\n\n/ms;
	is_deeply([ sort $table =~ /^\| `(\w+)`/mg ], [ sort $rules =~ /\{"(\w+)"/g ], "keys of a $what");
}

# States
my %may;
my @states = $node->safe_psql($db, q{SELECT string_agg(oms.stage_status(s::"char"), ' ' ORDER BY n)
	FROM unnest(string_to_array('waqphdsfx', NULL)) WITH ORDINALITY AS u (s, n)}) =~ /\w+/g;
foreach (slurp_file("$top/src/engine/lifecycle.c") =~ /\{("[\w ]+",\s*"[-+t]+")\}/g)
{
	my ($verb, $allowed) = /"(.*?)",\s*"(.*?)"/;
	my @may = grep { substr($allowed, $_, 1) eq '+' } 0 .. $#states;
	$may{$verb} = @may == @states ? 'any' : join ', ', map { "`$states[$_]`" } @may
	  unless $verb eq 'lease expiry';
}
my ($table) = page('reference/states') =~ /^\| function \| allowed if .*?\n(.*?)\n\n/ms;
is_deeply({ $table =~ /^\| `([^`]+)` \| (.*?) \|/mg }, \%may, 'which function is allowed in which state');

# Settings, sorted, with their defaults and who can change them
my @settings = map { [/^\| `(oms\.\w+)` \| (.*?) \| (.*?) \|/] }
  page('reference/settings') =~ /^(\| `oms\.\w+` \| .*? \| by \w+ \|)/mg;
is_deeply(\@settings, [ map { [ split /;/ ] } split /\n/, $node->safe_psql($db, q{LOAD 'oms';
	SELECT concat_ws(';', name, CASE boot_val WHEN '' THEN 'empty' ELSE '`' || boot_val || unit_text || '`' END,
		CASE context WHEN 'superuser' THEN 'by superusers' WHEN 'sighup' THEN 'by reload'
			WHEN 'postmaster' THEN 'by restart' ELSE context END)
	FROM pg_settings, LATERAL (SELECT coalesce(unit, '')) AS u (unit_text)
	WHERE name LIKE 'oms.%' ORDER BY name COLLATE "C"}) ], 'reference/settings lists every setting as it is');

# Modes of dispatch
my $guc = slurp_file("$top/src/guc.c");
foreach my $list ($guc =~ /config_enum_entry dispatch_modes\[\] = \{(.*?)\n\};/s)
{
	is_deeply([ page('reference/events') =~ /^\| `oms\.dispatch` \| events are sent .*?\n\|[-|]+\n(.*?)\n\n/ms ? $1 =~ /^\| `(\w+)`/mg : () ],
		[ $list =~ /\{"(\w+)"/g ], 'modes of dispatch');
}

# What is said of the workers
my $worker = page('operation/worker');
my ($states) = slurp_file("$top/src/shared/shared.c") =~ /names\[OMS_WORKER_STATES\] =\n\t\{(.*?)\n\t\};/s;
my ($state_table) = $worker =~ /^\| state \| means \|\n(.*?)\n\n/ms;
is_deeply([ sort $state_table =~ /^\| `([a-z ]+)` \|/mg ], [ sort $states =~ /"(.*?)"/g ], 'states of a worker');
my ($column_table) = $worker =~ /^\| column \| \|\n(.*?)\n\n/ms;
is(join(', ', map { /`(\w+)`/g } $column_table =~ /^\| (`.*?) \|/mg), $columns{'oms.worker_status'},
	'columns of oms.worker_status are explained');

# Metrics, and the reasons of oms.health()
like(page('operation/metrics'), qr/`$_`/, "metric $_ is named")
  foreach rows(q{SELECT DISTINCT regexp_replace(name, '_(bucket|sum|count)$', '') FROM oms.metrics WHERE name !~ '_checked_timestamp_'});
my ($reasons) = page('operation/metrics') =~ /^\| reason \| bad \| degraded \|\n(.*?)\n\n/ms;
my %reason = map { $_ => 1 } slurp_file("$top/src/api/health_api.c") =~ /"([a-z]+): /g;
is_deeply([ sort map { /`(\w+)`/g } $reasons =~ /^\| (`.*?) \|/mg ], [ sort keys %reason ], 'reasons of oms.health()');

# Words that stand in lists
like(page('reference/errors'), qr/^\| \Q$_\E \|/m, "error $_ is explained")
  foreach map { join '', /'(.)'/g } slurp_file("$top/src/errors.h") =~ /MAKE_SQLSTATE\((.*?)\)/g;
like(page('reference/relations'), qr/`$_`/, "timeline status $_ is named")
  foreach slurp_file("$top/src/engine/event.c") =~ /\[OMS_EV_\w+\] = \{"(\w+)"/g;
like(page('reference/events'), qr/^\| `$_` \|/m, "channel $_ is explained")
  foreach slurp_file("$top/src/store/notify.c") =~ /= "(oms_\w+)"/g;

$node->stop;
done_testing();
