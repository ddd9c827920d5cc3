# The commands of a document, to be run by a test as they are shown.
#
#	my $doc = OmsDocument->read("docs/operation/backup.md");
#	foreach my $block ($doc->section('pg_dump')) { … }
#
# A block is a hash: language, text, output (the ```text beneath it, or undef), line, and notes: what
# <!-- comments --> before it say to the test, separated by commas. The reader does not see those.
package OmsDocument;

use strict;
use warnings FATAL => 'all';

use Carp;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

sub read
{
	my ($class, $file) = @_;
	my (%sections, $block, $last, @notes);
	my $title = '';
	my $line = 0;

	foreach (split /^/, slurp_file($file))
	{
		$line++;
		if ($block && /^```\s*$/)
		{
			if ($block->{language} eq 'text') { $last->{output} = $block->{text} }
			else { push @{ $sections{$title} }, $last = $block }
			undef $block;
		}
		elsif ($block)                     { $block->{text} .= $_ }
		elsif (/^```(\w*)/)
		{
			$block = { language => $1, text => '', line => $line, notes => { map { $_ => 1 } @notes } };
			@notes = ();
		}
		elsif (/^<!-- (.*) -->$/)          { @notes = split /,\s*/, $1 }
		elsif (/^#+ (.*)/)                 { $title = $1; @notes = () }
	}
	croak "$file:$line: a block without an end" if $block;
	return bless { file => $file, sections => \%sections }, $class;
}

# The blocks beneath a heading; there must be some.
sub section
{
	my ($self, $title) = @_;
	return @{ $self->{sections}{$title} // croak "$self->{file} shows nothing under \"$title\"" };
}

sub titles { return sort keys %{ $_[0]->{sections} } }

# Run a block by bash or psql, with these variables; one test that it does not fail and shows what it should.
sub try
{
	my ($self, $block, %env) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	local %ENV = (%ENV, %env);
	my $name = "$self->{file}:$block->{line}" =~ s{^.*/(?=docs/|ops/)}{}r;
	my %command = (
		sh => [ 'bash', '-euo', 'pipefail' ],
		sql => [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1' ]);
	my $out = '';

	IPC::Run::run($command{ $block->{language} } // croak("$name: $block->{language} cannot be run"),
		'<', \$block->{text}, '>&', \$out);
	my $status = $?;
	is($status, 0, "$name ($block->{language})") or diag($out);
	is($out =~ s/\s+\z//r, $block->{output} =~ s/\s+\z//r, "$name shows what it should") if defined $block->{output};
	return $out;
}

1;
