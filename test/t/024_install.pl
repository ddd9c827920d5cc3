# Install, drop, install again, update: in surroundings that somebody else has prepared, and with the
# versions of the past.
use strict;
use warnings FATAL => 'all';

use OmsData;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# An installation of our own, into which other versions can be put
my ($install_path, $extensions) = oms_installation();
my $node = oms_node('install', new => { install_path => $install_path });
my $number = 0;

sub new_database
{
	my $db = 'db' . ++$number;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	return $db;
}
my ($newest) = slurp_file("$extensions/oms.control") =~ /^default_version = '(.*)'/m;
my $script = slurp_file("$extensions/oms--$newest.sql");

# ---- hostile surroundings ----

$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; CREATE ROLE victim SUPERUSER LOGIN');

# Everything that is in a database beyond what initdb made
my $traces = q{SELECT 'extension', extname::text FROM pg_extension WHERE extname <> 'plpgsql'
	UNION ALL SELECT 'function', oid::regprocedure::text FROM pg_proc WHERE oid >= 16384
	UNION ALL SELECT 'type', oid::regtype::text FROM pg_type WHERE oid >= 16384
	UNION ALL SELECT 'relation', oid::regclass::text FROM pg_class WHERE oid >= 16384 AND relnamespace <> 'pg_toast'::regnamespace
	UNION ALL SELECT 'operator', oid::regoperator::text FROM pg_operator WHERE oid >= 16384
	UNION ALL SELECT 'operator class', opcname::text FROM pg_opclass WHERE oid >= 16384
	UNION ALL SELECT 'operator family', opfname::text FROM pg_opfamily WHERE oid >= 16384
	UNION ALL SELECT 'cast', castsource::regtype || ' to ' || casttarget::regtype FROM pg_cast WHERE oid >= 16384
	UNION ALL SELECT 'trigger', tgname::text FROM pg_trigger WHERE oid >= 16384
	UNION ALL SELECT 'schema', nspname::text FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_(toast_)?temp'
	ORDER BY 1, 2};

my $db = new_database();
foreach my $schema ('oms', 'oms_internal')
{
	$node->safe_psql($db, "CREATE SCHEMA $schema AUTHORIZATION mallory; CREATE TABLE $schema.timeline (trap int); ALTER TABLE $schema.timeline OWNER TO mallory");
	my $before = $node->safe_psql($db, $traces);
	sql_like($node, $db, 'CREATE EXTENSION oms', qr/^ERROR:  42P06: schema "$schema" already exists/m, "a schema $schema made before");
	sql_like($node, $db, 'CREATE EXTENSION IF NOT EXISTS oms CASCADE', qr/^ERROR:  42P06: schema "$schema" already exists/m,
		'… also with IF NOT EXISTS and CASCADE');
	sql_like($node, $db, "CREATE EXTENSION oms SCHEMA $schema", qr/^ERROR: /m, '… also if it is asked for');
	is($node->safe_psql($db, $traces), $before, '… leaves nothing behind');
	$node->safe_psql($db, "DROP SCHEMA $schema CASCADE");
}
$node->safe_psql($db, 'CREATE EXTENSION oms');
is($node->safe_psql($db, 'SELECT oms.version()'), $newest, '… and works when it is gone');
is($node->safe_psql($db, q{SELECT bool_and(nspowner = 10) FROM pg_namespace WHERE nspname IN ('oms', 'oms_internal')}), 't', 'the schemas are the superuser\'s');

# What belongs to a role that is not trusted must not be what the extension hangs on.
foreach my $schema ('public', 'mallory')
{
	$db = new_database();
	$node->safe_psql($db, 'CREATE SCHEMA mallory AUTHORIZATION mallory');
	$node->safe_psql($db, "SET search_path = $schema; CREATE EXTENSION oms");
	my ($status, $out, $err) = $node->psql($db, "DROP SCHEMA $schema CASCADE");
	is($node->safe_psql($db, q{SELECT count(*) FROM pg_extension WHERE extname = 'oms'}), '1',
		"the extension does not go with the schema $schema");
	is($node->safe_psql($db, q{SELECT nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = extnamespace
		WHERE extname = 'oms'}) =~ /^(oms|pg_catalog)$/ ? 1 : 0, 1, "… it does not depend on it");
}
sql_like($node, new_database(), 'CREATE EXTENSION oms SCHEMA public', qr/^ERROR: .*extension "oms" must be installed in schema/m,
	'CREATE EXTENSION SCHEMA public');
sql_like($node, "db$number", 'CREATE EXTENSION oms; ALTER EXTENSION oms SET SCHEMA public',
	qr/^ERROR: .*extension "oms" does not support SET SCHEMA/m, 'ALTER EXTENSION SET SCHEMA');

# Somebody who is no superuser
$db = new_database();
$node->safe_psql($db, "GRANT ALL ON DATABASE $db TO mallory; ALTER DATABASE $db OWNER TO mallory");
sql_like($node, $db, 'SET ROLE mallory; CREATE EXTENSION oms', qr/^ERROR:  42501: permission denied to create extension "oms"/m,
	'the database\'s owner is not enough');
sql_like($node, $db, 'CREATE EXTENSION oms; SET ROLE mallory; ALTER EXTENSION oms UPDATE', qr/^ERROR:  42501: /m, '… nor to update');
sql_like($node, $db, 'SET ROLE mallory; DROP EXTENSION oms', qr/^ERROR:  42501: /m, '… nor to drop');

# The same names as ours and as the catalog's, first on the search_path
sub hostile
{
	my ($db) = @_;
	my %seen;
	my $traps = "CREATE SCHEMA trap AUTHORIZATION mallory; GRANT ALL ON SCHEMA public TO mallory; SET ROLE mallory;\n"
	  . "CREATE FUNCTION trap.sprung() RETURNS int LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'HIJACK by %', current_user; END \$\$;\n";
	foreach my $schema (qw(trap public))
	{
		# Everything that the catalog calls and that we might: with the same arguments, so it is preferred
		foreach my $function (
			'nextval(regclass) RETURNS bigint', 'nextval(text) RETURNS bigint', 'pg_current_xact_id() RETURNS bigint',
			'jsonb_build_object(VARIADIC text[]) RETURNS jsonb', 'jsonb_agg(text) RETURNS jsonb', 'now() RETURNS timestamptz',
			'clock_timestamp() RETURNS timestamptz', 'lower(text) RETURNS text', 'length(text) RETURNS int', 'md5(text) RETURNS text',
			'sha256(bytea) RETURNS bytea', 'jsonb_array_elements(jsonb) RETURNS jsonb', 'pg_notify(text, text) RETURNS int',
			'pg_extension_config_dump(text, text) RETURNS int', 'pg_extension_config_dump(regclass, text) RETURNS int',
			'ticket_id(text) RETURNS text', 'text(text) RETURNS text', 'int4(int) RETURNS int', 'stage_status("char") RETURNS text',
			'ticket_status("char") RETURNS text', 'get_ticket(text) RETURNS text', 'get_timeline(text) RETURNS text',
			'set_config(text, text, bool) RETURNS text', 'current_setting(text) RETURNS text', 'array_agg(text) RETURNS text[]')
		{
			$traps .= "CREATE FUNCTION $schema.$function LANGUAGE sql AS 'SELECT trap.sprung(); SELECT NULL::"
			  . ($function =~ /RETURNS (.*)/)[0] . "';\n";
		}
		foreach (map { [ $_, 'text' ], [ $_, 'int' ], [ $_, 'bigint' ], [ $_, '"char"' ], [ $_, 'timestamptz' ], [ $_, 'jsonb' ] }
			qw(= <> < <= > >=))
		{
			my ($operator, $type) = @$_;
			my $name = 'op_' . ($type =~ s/\W//gr);
			$traps .= "CREATE FUNCTION $schema.$name($type, $type) RETURNS bool LANGUAGE sql AS 'SELECT trap.sprung() IS NULL';\n"
			  unless $seen{"$schema $name"}++;
			$traps .= "CREATE OPERATOR $schema.$operator (LEFTARG = $type, RIGHTARG = $type, FUNCTION = $schema.$name);\n";
		}
		$traps .= "CREATE FUNCTION $schema.cat(text, text) RETURNS text LANGUAGE sql AS 'SELECT trap.sprung()::text';\n"
		  . "CREATE OPERATOR $schema.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = $schema.cat);\n"
		  . "CREATE FUNCTION $schema.arrow(jsonb, text) RETURNS text LANGUAGE sql AS 'SELECT trap.sprung()::text';\n"
		  . "CREATE OPERATOR $schema.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = $schema.arrow);\n";
		$traps .= "CREATE DOMAIN $schema.$_ AS int CHECK (trap.sprung() IS NULL);\n"
		  foreach qw(ticket_id jsonb int4 int8 bool bytea timestamptz oms);
		$traps .= "CREATE DOMAIN $schema.text AS pg_catalog.text CHECK (trap.sprung() IS NULL);\n";
		$traps .= "CREATE TABLE $schema.$_ (trap int);\n"
		  foreach qw(ticket stage timeline workflow workflow_stage ticket_state stage_state idempotency worker_state worker_status
		  pg_extension pg_class pg_proc pg_authid ticket_number workflow_number);
	}
	$node->safe_psql($db, $traps);
	return $db;
}

# A story that comes by most of the SQL and C
my $definition = q{'{"name": "Trap", "stages": [{"id": "a", "owner": "o", "slaMins": 1, "when": "$.go == true"},
	{"id": "b", "owner": "o", "dependsOn": ["a"], "minAmount": 5}]}'};
my $story = qq{
SELECT oms.create_workflow($definition);
SELECT oms.open_ticket('Trap', '{"go": true, "amount": 9}', 'key');
SELECT oms.open_ticket('Trap', '{"go": true, "amount": 9}', 'key');
SELECT oms.open_tickets('Trap', '{"{}"}');
SELECT oms.stage_done(ticket, stage, '{"x": 1}', token) FROM oms.claim('o', 'w', 2);
SELECT oms.stage_done(ticket, stage, '{"x": 1}', token) FROM oms.claim('o', 'w', 2);
SELECT oms.comment(min(ticket_id::pg_catalog.text), 'x') FROM oms.ticket;
SELECT (oms.get_ticket(ticket_id) IS NULL) IN (NULL) FROM oms.ticket WHERE ticket_id IS NOT NULL;
SELECT status FROM oms.get_timeline((SELECT min(ticket_id::pg_catalog.text) FROM oms.ticket));
SELECT count(*) FROM oms.stage;
SELECT oms.tick() IS NULL;
SELECT oms.verify_timeline();
SELECT oms.validate_workflow('{}') IS NULL;
};
my $told = $node->safe_psql(new_database(), "CREATE EXTENSION oms; SET oms.now = '2026-03-02 12:00Z'; $story");
cmp_ok(scalar(split /\n/, $told), '>', 20, 'a story');
my $traps_work = 0;
foreach my $path ('trap, public, pg_catalog', 'public, pg_catalog, trap, pg_temp', 'pg_temp, trap', "''")
{
	$db = hostile(new_database());
	sql_like($node, $db, "SET search_path = trap, pg_catalog; SELECT length('x'::pg_catalog.text)", qr/HIJACK by/, 'the traps work')
	  unless $traps_work++;
	my ($status, $out, $err) = $node->psql($db, "SET search_path = $path; CREATE EXTENSION oms");
	is($err, '', "install with search_path $path");
	($status, $out, $err) = $node->psql($db, "SET search_path = $path; SET oms.now = '2026-03-02 12:00Z'; $story", on_error_stop => 1);
	is($err, '', "… and use");
	is($out, $told, "… with the same result");
	is($node->safe_psql($db, q{SELECT count(*) FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND extname = 'oms'
		CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS o
		WHERE d.deptype = 'e' AND o.schema NOT IN ('oms', 'oms_internal', 'pg_catalog')}), '0', '… its objects are where they belong');
}

# ---- DROP and CREATE within a session ----

$db = new_database();
my $session = $node->background_psql($db, on_error_stop => 0);
my $other = $node->background_psql($db, on_error_stop => 0);
sub flow { return qq{SELECT oms.create_workflow('{"name": "Flow", "stages": [$_[0]]}');} }
my $one = '{"id": "only", "owner": "o"}';
my $two = '{"id": "first", "owner": "o"}, {"id": "second", "owner": "p", "dependsOn": ["first"]}, {"id": "third", "owner": "p"}';
my $use = q{SELECT oms.open_ticket('Flow', '{}', 'k'); SELECT array_agg(s) FROM oms.next_stages((SELECT max(ticket_id::text) FROM oms.ticket)) AS s;
	SELECT stage FROM oms.claim('o', 'w', 5); SELECT oms.stage_done(ticket_id, stage) FROM oms.stage WHERE owner = 'o' AND status = 'in_progress';
	SELECT count(*) FROM oms.verify_timeline();};
my %result = (
	one => qr/^F-\d{4}-00001\n\{only\}\nonly\n\{\}\n0$/,
	two => qr/^F-\d{4}-00001\n\{first,third\}\nfirst\n\{second\}\n0$/);
$session->query_safe('CREATE EXTENSION oms; ' . flow($one));
$session->query_safe('PREPARE opened AS SELECT count(*) FROM oms.ticket');
like($session->query_safe($use), $result{one}, 'a session uses it');
is($session->query_safe('EXECUTE opened'), 1, '… with a statement prepared');
# Another session, with caches of its own
like($other->query_safe(q{SELECT oms.open_ticket('Flow')}), qr/-00002$/, 'another one as well');

$session->query_safe('DROP EXTENSION oms CASCADE; CREATE EXTENSION oms');
is($session->query_safe(flow($two)), 1, 'dropped and created again: it is empty');
like($session->query_safe($use), $result{two}, '… and used with another workflow of the same number');
is($session->query_safe('EXECUTE opened'), 1, '… also by the prepared statement');
like($other->query_safe(q{SELECT oms.next_stages((SELECT ticket_id FROM oms.ticket)) ORDER BY 1}), qr/^second\nthird$/,
	'… and by the other session');
like($other->query_safe(q{SELECT array_agg(x) FROM oms.open_tickets('Flow', '{"{}","{}"}') AS o (t), oms.next_stages(o.t) AS x}),
	qr/^\{first,third,first,third\}$/, '… which opens tickets, too');

# Within a transaction that is taken back
$session->query_safe('BEGIN; DROP EXTENSION oms CASCADE; CREATE EXTENSION oms; ' . flow($one));
like($session->query_safe($use), $result{one}, 'in a transaction: used');
$session->query_safe('ROLLBACK');
like($session->query_safe(q{SELECT array_agg(x) FROM oms.open_ticket('Flow') AS o (t), oms.next_stages(o.t) AS x}),
	qr/^\{first,third\}$/, '… and taken back: everything as before');
# In the middle of a statement of somebody else: waits, and then says that it is gone
$session->query_safe('DROP EXTENSION oms CASCADE');
like($other->query(q{SELECT oms.open_ticket('Flow');}) . $other->{stderr}, qr/schema "oms" does not exist/, 'dropped: the other session learns it');
$other->{stderr} = '';
$session->query_safe("CREATE EXTENSION oms; " . flow($one));
is($other->query(q{SELECT array_agg(x) FROM oms.open_ticket('Flow') AS o (t), oms.next_stages(o.t) AS x}), '{only}',
	'… and that it is there again');
$session->quit;
$other->quit;

# ---- updates ----

# All that CREATE EXTENSION leaves in the catalogs, one line each
sub catalogue
{
	my ($db) = @_;
	return $node->safe_psql($db, <<'SQL');
SET search_path = '';
WITH member AS (
	SELECT classid, objid, pg_catalog.pg_identify_object(classid, objid, objsubid) AS o
	FROM pg_catalog.pg_depend WHERE refclassid = 'pg_catalog.pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'oms')
), acl (what, acl, owner, kind) AS (
	SELECT 'schema', nspacl, nspowner, 'n'::"char" FROM pg_catalog.pg_namespace WHERE nspname IN ('oms', 'oms_internal')
	UNION ALL SELECT p.oid::regprocedure::text, proacl, proowner, 'f' FROM pg_catalog.pg_proc AS p WHERE pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
	UNION ALL SELECT c.oid::regclass::text, relacl, relowner, CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char"
		FROM pg_catalog.pg_class AS c WHERE relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND relkind IN ('r', 'v', 'm', 'p', 'S')
	UNION ALL SELECT t.oid::regtype::text, typacl, typowner, 'T' FROM pg_catalog.pg_type AS t WHERE typnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
		AND typrelid = 0 AND typelem = 0
	UNION ALL SELECT attrelid::regclass || '.' || attname, attacl, 10, 'c' FROM pg_catalog.pg_attribute
		JOIN pg_catalog.pg_class AS c ON c.oid = attrelid AND relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) WHERE attacl IS NOT NULL
)
SELECT 'member', (o).type, (o).identity FROM member
UNION ALL SELECT 'comment', (o).type || ' ' || (o).identity, pg_catalog.obj_description(objid, classid::regclass::name) FROM member
UNION ALL SELECT 'extension', 'version and dumped tables', extversion || ' ' || (SELECT pg_catalog.string_agg(t::regclass || ' ' || c, ', ' ORDER BY t::regclass::text)
	FROM ROWS FROM (pg_catalog.unnest(extconfig), pg_catalog.unnest(extcondition)) AS x (t, c)) FROM pg_catalog.pg_extension WHERE extname = 'oms'
UNION ALL SELECT 'extension', 'schema', extnamespace::regnamespace || ' ' || extrelocatable FROM pg_catalog.pg_extension WHERE extname = 'oms'
UNION ALL SELECT 'right', acl.what, a.grantor::regrole || ' to ' || a.grantee::regrole || ': ' || a.privilege_type || ' ' || a.is_grantable
	FROM acl, pg_catalog.aclexplode(COALESCE(acl, pg_catalog.acldefault(kind, owner))) AS a
UNION ALL SELECT 'owner', acl.what, owner::regrole::text FROM acl
UNION ALL SELECT 'first right', (o).identity, pg_catalog.array_to_string(ARRAY(SELECT x::text FROM pg_catalog.unnest(i.initprivs) AS x ORDER BY 1), ' ')
	FROM member JOIN pg_catalog.pg_init_privs AS i ON i.objoid = member.objid AND i.classoid = member.classid
UNION ALL SELECT 'function', p.oid::regprocedure::text, pg_catalog.concat_ws(' ', pg_catalog.pg_get_functiondef(p.oid), proleakproof, procost, prorows, prosupport)
	FROM pg_catalog.pg_proc AS p WHERE pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND prokind IN ('f', 'p')
UNION ALL SELECT 'relation', c.oid::regclass::text, pg_catalog.concat_ws(' ', relkind, relpersistence, reloptions, relrowsecurity, relforcerowsecurity,
		relreplident, pg_catalog.pg_get_viewdef(c.oid), pg_catalog.pg_get_partkeydef(c.oid))
	FROM pg_catalog.pg_class AS c WHERE relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
UNION ALL SELECT 'column', attrelid::regclass || '.' || attname, pg_catalog.concat_ws(' ', attnum, pg_catalog.format_type(atttypid, atttypmod), attnotnull,
		attidentity, attgenerated, attstorage, attcompression, attcollation::regcollation,
		-- A server may stamp each column with the WAL position of its creation.
		ARRAY(SELECT o FROM pg_catalog.unnest(attoptions) AS o WHERE o !~ '^pg_attver='), attisdropped, pg_catalog.pg_get_expr(adbin, adrelid),
		pg_catalog.col_description(attrelid, attnum))
	FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = attrelid AND relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
	LEFT JOIN pg_catalog.pg_attrdef AS d ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0
UNION ALL SELECT 'index', indexrelid::regclass::text, pg_catalog.pg_get_indexdef(indexrelid) || indisvalid
	FROM pg_catalog.pg_index JOIN pg_catalog.pg_class AS c ON c.oid = indexrelid AND relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
UNION ALL SELECT 'constraint', conrelid::regclass || ' ' || conname, pg_catalog.pg_get_constraintdef(oid) || convalidated
	FROM pg_catalog.pg_constraint WHERE connamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
UNION ALL SELECT 'trigger', tgrelid::regclass || ' ' || tgname, pg_catalog.concat_ws(' ', tgenabled, pg_catalog.pg_get_triggerdef(t.oid))
	FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = tgrelid AND relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
UNION ALL SELECT 'rule', ev_class::regclass || ' ' || rulename, pg_catalog.concat_ws(' ', ev_enabled, pg_catalog.pg_get_ruledef(r.oid))
	FROM pg_catalog.pg_rewrite AS r JOIN pg_catalog.pg_class AS c ON c.oid = ev_class AND relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
UNION ALL SELECT 'policy', polrelid::regclass || ' ' || polname, pg_catalog.concat_ws(' ', polcmd, polpermissive, polroles::regrole[],
		pg_catalog.pg_get_expr(polqual, polrelid), pg_catalog.pg_get_expr(polwithcheck, polrelid))
	FROM pg_catalog.pg_policy JOIN pg_catalog.pg_class AS c ON c.oid = polrelid AND relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
UNION ALL SELECT 'sequence', seqrelid::regclass::text, pg_catalog.concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle,
		(SELECT refobjid::regclass::text FROM pg_catalog.pg_depend WHERE objid = seqrelid AND deptype IN ('a', 'i')))
	FROM pg_catalog.pg_sequence JOIN pg_catalog.pg_class AS c ON c.oid = seqrelid AND relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
UNION ALL SELECT 'type', t.oid::regtype::text, pg_catalog.concat_ws(' ', typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typinput, typoutput,
		typreceive, typsend, typalign, typstorage, typnotnull, typdefault)
	FROM pg_catalog.pg_type AS t WHERE typnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
UNION ALL SELECT 'operator', o.oid::regoperator::text, pg_catalog.concat_ws(' ', oprcanmerge, oprcanhash, oprcode, oprrest, oprjoin,
		oprcom::regoperator, oprnegate::regoperator)
	FROM pg_catalog.pg_operator AS o JOIN member ON objid = o.oid AND classid = 'pg_catalog.pg_operator'::regclass
UNION ALL SELECT 'cast', castsource::regtype || ' to ' || casttarget::regtype, pg_catalog.concat_ws(' ', castfunc::regprocedure, castcontext, castmethod)
	FROM pg_catalog.pg_cast AS c JOIN member ON objid = c.oid AND classid = 'pg_catalog.pg_cast'::regclass
UNION ALL SELECT 'of an operator class', pg_catalog.pg_describe_object('pg_catalog.pg_amop'::regclass, a.oid, 0), amoppurpose::text FROM pg_catalog.pg_amop AS a
	JOIN pg_catalog.pg_opfamily AS f ON f.oid = amopfamily AND opfnamespace = 'oms'::regnamespace
UNION ALL SELECT 'of an operator class', pg_catalog.pg_describe_object('pg_catalog.pg_amproc'::regclass, a.oid, 0), '' FROM pg_catalog.pg_amproc AS a
	JOIN pg_catalog.pg_opfamily AS f ON f.oid = amprocfamily AND opfnamespace = 'oms'::regnamespace
UNION ALL SELECT 'default right', pg_catalog.concat_ws(' ', defaclrole::regrole, defaclobjtype), defaclacl::text FROM pg_catalog.pg_default_acl
ORDER BY 1, 2, 3
SQL
}

# The lines that only one of two catalogues has
sub difference
{
	my ($is, $should) = @_;
	my %count;
	$count{$_}++ foreach split /\n/, $should;
	$count{$_}-- foreach split /\n/, $is;
	return join "\n", map { ($count{$_} > 0 ? 'missing: ' : 'too much: ') . $_ } grep { $count{$_} } sort keys %count;
}

my $fresh = new_database();
$node->safe_psql($fresh, 'CREATE EXTENSION oms');
my $expected = catalogue($fresh);
cmp_ok(scalar(split /\n/, $expected), '>', 300, 'a catalogue');
like($expected, qr/^\Q$_\E\|/m, "… with each $_")
  foreach qw(member comment extension right function relation column index constraint trigger rule sequence type operator cast);

# Every version there is
my @versions = sort grep { $_ ne $newest } map { /oms--([^-]+)\.sql$/ } glob "$extensions/oms--*.sql";
foreach my $version (@versions)
{
	$db = new_database();
	$node->safe_psql($db, "CREATE EXTENSION oms VERSION '$version'");
	$node->safe_psql($db, 'ALTER EXTENSION oms UPDATE');
	is(difference(catalogue($db), $expected), '', "$version, updated, is like $newest");
}
note('no older versions yet') unless @versions;

# ---- objects of another build of the same version ----

my ($made_by) = $script =~ /^CREATE FUNCTION oms\.fingerprint\(\).*?AS \$\$SELECT '(\d+-\d+)'\$\$;$/ms;
ok($made_by, 'the script has a fingerprint');
is($node->safe_psql($fresh, 'SELECT oms.fingerprint()'), $made_by, '… and the objects have it');
my %other_build = (
	'with another fingerprint' => $script =~ s/'\Q$made_by\E'/'1-2'/r,
	'of before there were fingerprints' => $script =~ s/^CREATE FUNCTION oms\.fingerprint.*?;\n.*?;\n//mrs);
foreach my $what (sort keys %other_build)
{
	# Not into the file: that is the same as the one of the suite.
	my $file = "$extensions/oms--$newest.sql";
	unlink $file;
	append_to_file($file, $other_build{$what});
	$db = new_database();
	$node->safe_psql($db, 'CREATE EXTENSION oms');
	unlink $file;
	append_to_file($file, $script);
	sql_like($node, $db, 'SELECT oms.version()',
		qr/^ERROR:  55000: .*both oms \Q$newest\E.*\Q$made_by\E here, (?:1-2|none) there\nHINT: .*Restart.*again/m,
		"objects $what: version() says what to do");
	like($node->safe_psql($db, 'SELECT status, reasons FROM oms.health()'), qr/^bad\|\{"version: .*different builds[^"]*"\}$/,
		'… health() too, and looks at nothing else');
	$node->safe_psql($db, q{SELECT oms.create_workflow('{"name": "W", "stages": [{"id": "a", "owner": "b"}]}')});
	my $dump = PostgreSQL::Test::Utils::tempdir() . "/other$number.sql";
	$node->command_ok([ 'pg_dump', '-f', $dump, $db ], '… a dump');
	$db = new_database();
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $db ], '… restores');
	is($node->safe_psql($db, 'SELECT oms.version()'), $newest, '… into objects of this build');
	is($node->safe_psql($db, 'SELECT count(*) FROM oms.workflow'), '1', '… with what was in them');
}

# ---- updates ----

# Versions that never were: the newest one without a function.  One has an update that does right …
my ($create) = $script =~ /^(CREATE FUNCTION oms\.breached\(.*?;\n)/ms;
my ($comment) = $script =~ /^(COMMENT ON FUNCTION oms\.breached\(.*?;\n)/ms;
my $revoke = "REVOKE ALL ON FUNCTION oms.breached FROM PUBLIC;\n";
my $without = $script;
$without =~ s/\Q$create\E//;
$without =~ s/\Q$comment\E//;
$without =~ s/'\Q$made_by\E'/'older'/;
my ($stamp) = $script =~ /^(CREATE FUNCTION oms\.fingerprint\(.*?;\n)/ms;
$stamp =~ s/^CREATE/CREATE OR REPLACE/;
isnt($without, $script, 'an older version was made');
unlike($without, qr/^[^-\n]*\bbreached\(/m, '… without a function');
append_to_file("$extensions/oms--0.9.sql", $without);
append_to_file("$extensions/oms--0.9--$newest.sql", $create . $comment . $revoke . $stamp);

$db = new_database();
$node->safe_psql($db, q{CREATE EXTENSION oms VERSION '0.9'});
isnt(difference(catalogue($db), $expected), '', '0.9 is another version');

# The library is newer than these objects.
sql_like($node, $db, 'SELECT oms.version()', qr/^ERROR: .*\b\Q$newest\E.*HINT: .*ALTER EXTENSION oms UPDATE/ms,
	'version() with older objects says what to do');

$node->safe_psql($db, <<"SQL");
SET oms.now = '2026-03-02 12:00Z';
SELECT oms.create_workflow('{"name": "Flow", "stages": [$two]}');
SELECT oms.open_ticket('Flow', '{}', 'before');
SELECT FROM oms.claim('o');
SQL
my $content = oms_content($node, $db);
$session = $node->background_psql($db);
$session->query_safe(q{SELECT oms.get_ticket((SELECT ticket_id FROM oms.ticket))});
$node->safe_psql($db, 'ALTER EXTENSION oms UPDATE');
is(difference(catalogue($db), $expected), '', '0.9, updated, is like the newest');
is($node->safe_psql($db, 'SELECT oms.version()'), $newest, '… version() agrees');
is(oms_content($node, $db), $content, '… the data is as it was');
is($session->query_safe(q{SELECT oms.breached('2026-01-01', '2026-01-02', 1)}), 't', '… a session from before has what is new');
is($session->query_safe(q{SELECT oms.open_ticket('Flow', '{}', 'before') = (SELECT ticket_id FROM oms.ticket)}), 't', '… and goes on');
$session->quit;
is($node->safe_psql($db, 'SELECT * FROM oms.verify_timeline()'), '', '… chains are whole');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/updated.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $db ], '… it can be dumped');
$content = oms_content($node, $db);
$db = new_database();
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $db ], '… and restored');
same_content($node, $db, $content, '0.9, updated, dumped, restored');

# … and others forget something: each is found.
my %forgets = (
	'the fingerprint' => [ $create . $comment . $revoke, qr/^missing:.*\Q$made_by\E/m ],
	'the function' => ['SELECT 1;', qr/^missing: function\|oms\.breached/m],
	'the comment' => [ $create . $revoke, qr/^missing: comment\|.*breached.*strictly later/m ],
	'REVOKE' => [ $create . $comment, qr/^too much: right\|oms\.breached\(.*to -: EXECUTE/m ],
	'IMMUTABLE' => [ ($create =~ s/IMMUTABLE/STABLE/r) . $comment . $revoke, qr/^missing:  *IMMUTABLE|^missing: .*IMMUTABLE/m ],
	'ENABLE ALWAYS' => [ "$create$comment${revoke}ALTER TABLE oms.timeline ENABLE TRIGGER guard;", qr/^too much: trigger\|oms\.timeline guard\|O/m ],
	'the order of columns' => [ "$create$comment${revoke}ALTER TABLE oms.idempotency ADD x int;", qr/^too much: column\|oms\.idempotency\.x/m ],
	'a member' => [ "$create$comment${revoke}CREATE INDEX more ON oms.timeline (at);", qr/^too much: index\|oms\.more/m ],
	'what is dumped' => [ "$create$comment${revoke}SELECT pg_extension_config_dump('oms.timeline', 'WHERE seq > 1');", qr/^missing: extension\|/m ],);
my $minor = 0;
$db = new_database();
foreach my $what (sort keys %forgets)
{
	my ($update, $pattern) = @{ $forgets{$what} };
	my $version = '0.8.' . ++$minor;
	append_to_file("$extensions/oms--$version.sql", $without);
	append_to_file("$extensions/oms--$version--$newest.sql", $update);
	$node->safe_psql($db, "DROP EXTENSION IF EXISTS oms; CREATE EXTENSION oms VERSION '$version'; ALTER EXTENSION oms UPDATE TO '$newest'");
	like(difference(catalogue($db), $expected), $pattern, "an update that forgets $what is found");
}

# An update that fails leaves everything as it was.
append_to_file("$extensions/oms--0.7.sql", $without);
append_to_file("$extensions/oms--0.7--$newest.sql", $create . 'SELECT 1 / 0;');
$db = new_database();
$node->safe_psql($db, q{CREATE EXTENSION oms VERSION '0.7'});
my $old = catalogue($db);
sql_like($node, $db, "ALTER EXTENSION oms UPDATE TO '$newest'", qr/^ERROR:  22012: /m, 'an update that fails');
is(difference(catalogue($db), $old), '', '… leaves everything as it was');
sql_like($node, $db, q{ALTER EXTENSION oms UPDATE TO '99.0'}, qr/^ERROR: .*no update path/m, 'an update to what is not there');

log_lacks($node, qr/XX000|PANIC|was terminated by signal/, 'nothing broke');
$node->stop;
done_testing();
